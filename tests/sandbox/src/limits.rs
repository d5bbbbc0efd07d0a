//! Fixed-window counters and slots for concurrent requests.

use chrono::{DateTime, Duration, Utc};

/// A fixed window that starts with the first request in it, as both vendors document.
#[derive(Clone, Debug)]
pub struct Window {
    length: Duration,
    started: Option<DateTime<Utc>>,
    used: u32,
}

impl Window {
    pub fn seconds(length: i64) -> Self {
        Self { length: Duration::seconds(length), started: None, used: 0 }
    }

    fn roll(&mut self, now: DateTime<Utc>) {
        if self.started.is_none_or(|start| now >= start + self.length || now < start) {
            self.started = Some(now);
            self.used = 0;
        }
    }

    /// What is left of `limit` in the window of `now`.
    pub fn left(&mut self, now: DateTime<Utc>, limit: u32) -> u32 {
        self.roll(now);
        limit.saturating_sub(self.used)
    }

    pub fn take(&mut self) {
        self.used += 1;
    }

    /// Whole seconds until the window ends, at least one.
    pub fn ends_in(&self, now: DateTime<Utc>) -> i64 {
        self.started.map_or(1, |start| ((start + self.length - now).num_milliseconds() + 999) / 1000).max(1)
    }
}

/// Requests still being answered: a delayed reply keeps its slot until it has gone out.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    busy_until: Vec<DateTime<Utc>>,
}

impl Slots {
    pub fn busy(&mut self, now: DateTime<Utc>) -> usize {
        self.busy_until.retain(|until| *until > now);
        self.busy_until.len()
    }

    pub fn hold(&mut self, until: DateTime<Utc>) {
        self.busy_until.push(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_empties_when_it_ends() {
        let start = DateTime::from_timestamp(1_000_000, 0).unwrap();
        let mut window = Window::seconds(60);
        assert_eq!(window.left(start, 2), 2);
        window.take();
        window.take();
        assert_eq!(window.left(start + Duration::seconds(59), 2), 0);
        assert_eq!(window.ends_in(start + Duration::seconds(23)), 37);
        assert_eq!(window.left(start + Duration::seconds(60), 2), 2);
    }
}
