//! What is at work in this instance of the object. It lives in its memory: a restarted object has no turn at work and
//! nothing under way.

use std::cell::{Cell, RefCell};

use chrono::{DateTime, Duration, Utc};

/// A turn that gave no sign of life for this long has crashed: it gives one before each call, and a call may take 30
/// seconds.
const SILENCE: Duration = Duration::seconds(60);

/// Whether a turn is at work, whether somebody is reading the company, and which requests have not been answered.
#[derive(Debug, Default)]
pub struct Pulse {
    turn: Cell<Option<DateTime<Utc>>>,
    survey: Cell<Option<DateTime<Utc>>>,
    under_way: RefCell<Vec<DateTime<Utc>>>,
}

fn is_alive(sign: &Cell<Option<DateTime<Utc>>>, now: DateTime<Utc>) -> bool {
    sign.get().is_some_and(|at| now - at < SILENCE)
}

impl Pulse {
    /// A turn is at work.
    pub fn beat(&self, now: DateTime<Utc>) {
        self.turn.set(Some(now));
    }

    /// It has ended.
    pub fn stop(&self) {
        self.turn.set(None);
    }

    /// True while a turn is at work.
    pub fn beats(&self, now: DateTime<Utc>) -> bool {
        is_alive(&self.turn, now)
    }

    /// Begins to read the company; false if somebody else is reading it. Two that read it at once would use up each
    /// other's calls, and neither would come to the end.
    pub fn begin_survey(&self, now: DateTime<Utc>) -> bool {
        let free = !is_alive(&self.survey, now);
        if free {
            self.survey.set(Some(now));
        }
        free
    }

    /// The company was read, or could not be.
    pub fn end_survey(&self) {
        self.survey.set(None);
    }

    /// Room was taken for a request: it goes out now or in a moment.
    pub fn sets_out(&self, now: DateTime<Utc>) {
        let mut under_way = self.under_way.borrow_mut();
        under_way.retain(|at| now - *at < SILENCE);
        under_way.push(now);
    }

    /// The request that set out at `at` was answered, or will not go out.
    pub fn is_back(&self, at: DateTime<Utc>) {
        let mut under_way = self.under_way.borrow_mut();
        if let Some(found) = under_way.iter().position(|one| *one == at) {
            under_way.swap_remove(found);
        }
    }

    /// How many requests that set out before `before` are still under way.
    pub fn under_way_since(&self, before: DateTime<Utc>) -> usize {
        self.under_way.borrow().iter().filter(|at| (before - SILENCE..before).contains(at)).count()
    }
}
