//! The sign of life of a turn. It lives in the object's memory: a restarted object has no turn at work.

use std::cell::Cell;

use chrono::{DateTime, Duration, Utc};

/// A turn that gave no sign of life for this long has crashed: it gives one before each call, and a call may take 30
/// seconds.
const SILENCE: Duration = Duration::seconds(60);

/// Whether a turn is at work, and whether somebody is reading the company.
#[derive(Debug, Default)]
pub struct Pulse {
    turn: Cell<Option<DateTime<Utc>>>,
    survey: Cell<Option<DateTime<Utc>>>,
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
}
