//! The sign of life of a turn. It lives in the object's memory: a restarted object has no turn at work.

use std::cell::Cell;

use chrono::{DateTime, Duration, Utc};

/// A turn that gave no sign of life for this long has crashed: it gives one before each call, and a call may take 30
/// seconds.
const SILENCE: Duration = Duration::seconds(60);

/// Whether a turn is at work.
#[derive(Debug, Default)]
pub struct Pulse(Cell<Option<DateTime<Utc>>>);

impl Pulse {
    /// A turn is at work.
    pub fn beat(&self, now: DateTime<Utc>) {
        self.0.set(Some(now));
    }

    /// It has ended.
    pub fn stop(&self) {
        self.0.set(None);
    }

    /// True while a turn is at work.
    pub fn beats(&self, now: DateTime<Utc>) -> bool {
        self.0.get().is_some_and(|at| now - at < SILENCE)
    }
}
