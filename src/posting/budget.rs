//! The ledger's rate limits, kept ahead of it: how many calls may go out now, and when more may. What was sent is
//! written down in the object, so that a restart does not forget it.

use chrono::{DateTime, Duration, Utc};

use super::schema::{meta, set_meta};
use crate::ledgers::RateLimit;
use crate::platform::{Sql, SqlError};

const SPENT: &str = "spent_calls";
/// Instants of sending are kept in steps of this many milliseconds: fine enough for limits by the second, and a minute
/// of them is a short text.
const STEP: i64 = 100;

/// Calls that were sent lately: when (in steps), and how many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spent(Vec<(i64, usize)>);

fn step(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis().div_euclid(STEP)
}

impl Spent {
    /// How many calls may go out at `now`; if none, the moment when one may.
    pub fn room(&self, limits: &[RateLimit], now: DateTime<Utc>) -> Result<usize, DateTime<Utc>> {
        let mut room = usize::MAX;
        let mut free_at = now;
        for limit in limits {
            let window = limit.window.num_milliseconds() / STEP;
            let inside = |at: i64| at > step(now) - window - 1 && at <= step(now);
            let counted = self.0.iter().filter(|(at, _)| inside(*at));
            let used: usize = counted.clone().map(|(_, calls)| calls).sum();
            room = room.min(limit.calls.saturating_sub(used));
            if used >= limit.calls
                && let Some((oldest, _)) = counted.clone().next()
            {
                let leaves = DateTime::from_timestamp_millis((oldest + window + 1) * STEP).unwrap_or(now);
                free_at = free_at.max(leaves);
            }
        }
        if room == 0 { Err(free_at.max(now + Duration::milliseconds(STEP))) } else { Ok(room) }
    }

    /// Counts calls that go out at `now`, and forgets what no limit looks back to.
    pub fn spend(&mut self, limits: &[RateLimit], now: DateTime<Utc>, calls: usize) {
        let longest = limits.iter().map(|limit| limit.window.num_milliseconds() / STEP).max().unwrap_or(0);
        self.0.retain(|(at, _)| *at > step(now) - longest - 1 && *at <= step(now));
        match self.0.last_mut() {
            Some((at, count)) if *at == step(now) => *count += calls,
            _ => self.0.push((step(now), calls)),
        }
    }

    /// What the object remembers.
    pub fn load(sql: &dyn Sql) -> Result<Self, SqlError> {
        let text = meta(sql, SPENT)?.unwrap_or_default();
        Ok(Self(serde_json::from_str(&text).unwrap_or_default()))
    }

    /// Makes the object remember it.
    pub fn store(&self, sql: &dyn Sql) -> Result<(), SqlError> {
        set_meta(sql, SPENT, &serde_json::to_string(&self.0).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> [RateLimit; 2] {
        let limit = |calls, seconds| RateLimit { calls, window: Duration::seconds(seconds) };
        [limit(10, 1), limit(25, 60)]
    }

    fn at(milliseconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_760_000_000_000 + milliseconds).unwrap()
    }

    #[test]
    fn no_window_of_any_limit_ever_holds_more_calls_than_allowed() {
        let mut spent = Spent::default();
        let mut sent: Vec<i64> = Vec::new();
        let mut now = 0;
        while sent.len() < 200 {
            match spent.room(&limits(), at(now)) {
                Ok(room) => {
                    let calls = room.min(3);
                    spent.spend(&limits(), at(now), calls);
                    sent.extend(std::iter::repeat_n(now, calls));
                    now += 7;
                }
                Err(until) => {
                    assert!(until > at(now), "waiting ends later than it begins");
                    now = until.timestamp_millis() - at(0).timestamp_millis();
                }
            }
        }
        for start in &sent {
            let within = |length: i64| sent.iter().filter(|one| (*start..start + length).contains(one)).count();
            assert!(within(1_000) <= 10 && within(60_000) <= 25, "from {start}");
        }
        assert!(*sent.last().unwrap() < 200 / 25 * 61_000, "it does not wait much longer than it must");
    }

    #[test]
    fn it_is_remembered_and_a_clock_that_goes_back_blocks_nothing() {
        let sql = crate::platform::native::Sqlite::in_memory().unwrap();
        super::super::schema::create(&sql).unwrap();
        let mut spent = Spent::default();
        spent.spend(&limits(), at(0), 10);
        spent.store(&sql).unwrap();
        let again = Spent::load(&sql).unwrap();
        assert_eq!(again, spent);
        assert!(again.room(&limits(), at(0)).is_err());
        assert_eq!(again.room(&limits(), at(-10_000)), Ok(10));
    }
}
