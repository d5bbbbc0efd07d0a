//! What happened, told to whoever replays a seed.

use std::cell::Cell;

use chrono::{DateTime, Utc};

#[derive(Default)]
pub struct Trace {
    pub is_on: Cell<bool>,
}

impl Trace {
    pub fn tell(&self, now: DateTime<Utc>, line: impl FnOnce() -> String) {
        if self.is_on.get() {
            println!("{} {}", now.format("%d %H:%M:%S%.3f"), line());
        }
    }
}
