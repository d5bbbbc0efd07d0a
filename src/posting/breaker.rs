//! One order's trouble is its own; trouble that many orders have is the connection's. After three failures in a row,
//! whichever orders they hit, nothing more is sent until a pause is over, then one order goes ahead as a probe.

use chrono::{DateTime, Duration, Utc};

use super::retry::{LONGEST, backoff};
use super::schema::{clear_meta, meta, set_meta};
use crate::platform::time::{iso, parse_iso};
use crate::platform::{Response, Sql, SqlError};

/// Failures in a row that are taken for an outage: fewer happen to single orders, more would spend calls for nothing.
const OUTAGE: i64 = 3;

const TROUBLE: &str = "trouble";
/// How often in a row the ledger asked to wait.
const WAITS: &str = "waits";
const PAUSE_UNTIL: &str = "pause_until";
const PAUSE_WHY: &str = "pause_why";
/// Since when no call came through although some were tried.
const DOWN_SINCE: &str = "down_since";

/// How the connection to the ledger is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Failures in a row.
    pub trouble: i64,
    /// Nothing is sent before then.
    pub pause_until: Option<DateTime<Utc>>,
    /// Why, for people.
    pub why: Option<String>,
    /// Since when the ledger is away.
    pub down_since: Option<DateTime<Utc>>,
}

impl Health {
    /// True while nothing may be sent.
    pub fn is_paused(&self, now: DateTime<Utc>) -> bool {
        self.pause_until.is_some_and(|until| until > now)
    }

    /// True if only one order may go ahead.
    pub fn is_probing(&self) -> bool {
        self.trouble >= OUTAGE
    }
}

/// How it is.
pub fn health(sql: &dyn Sql) -> Result<Health, SqlError> {
    let trouble = meta(sql, TROUBLE)?.and_then(|text| text.parse().ok()).unwrap_or(0);
    let pause_until = meta(sql, PAUSE_UNTIL)?.as_deref().and_then(parse_iso);
    let down_since = meta(sql, DOWN_SINCE)?.as_deref().and_then(parse_iso);
    Ok(Health { trouble, pause_until, why: meta(sql, PAUSE_WHY)?, down_since })
}

/// A call came through. A pause that another call of the same moment was asked for stays.
pub fn succeeded(sql: &dyn Sql, now: DateTime<Utc>) -> Result<(), SqlError> {
    clear_meta(sql, TROUBLE)?;
    clear_meta(sql, WAITS)?;
    clear_meta(sql, DOWN_SINCE)?;
    if health(sql)?.is_paused(now) { Ok(()) } else { resume(sql) }
}

/// A call came through that no order asked for: the ledger is there.
pub fn is_up(sql: &dyn Sql) -> Result<(), SqlError> {
    clear_meta(sql, DOWN_SINCE)
}

/// Nothing is known of the ledger.
pub fn forget(sql: &dyn Sql) -> Result<(), SqlError> {
    [TROUBLE, WAITS, DOWN_SINCE].into_iter().try_for_each(|key| clear_meta(sql, key))?;
    resume(sql)
}

/// Ends a pause, whatever it was for.
pub fn resume(sql: &dyn Sql) -> Result<(), SqlError> {
    [PAUSE_UNTIL, PAUSE_WHY].into_iter().try_for_each(|key| clear_meta(sql, key))
}

/// A call failed in a way that may be the connection's. Returns the end of the pause, if there is one now.
pub fn failed(sql: &dyn Sql, now: DateTime<Utc>, chance: u64, why: &str) -> Result<Option<DateTime<Utc>>, SqlError> {
    let trouble = health(sql)?.trouble + 1;
    set_meta(sql, TROUBLE, &trouble.to_string())?;
    if trouble < OUTAGE {
        return Ok(None);
    }
    is_down(sql, now)?;
    pause(sql, now + backoff(trouble - OUTAGE + 1, chance), why).map(Some)
}

fn is_down(sql: &dyn Sql, now: DateTime<Utc>) -> Result<(), SqlError> {
    if meta(sql, DOWN_SINCE)?.is_none() { set_meta(sql, DOWN_SINCE, &iso(now)) } else { Ok(()) }
}

/// Sends nothing before `until`.
pub fn pause(sql: &dyn Sql, until: DateTime<Utc>, why: &str) -> Result<DateTime<Utc>, SqlError> {
    set_meta(sql, PAUSE_UNTIL, &iso(until))?;
    set_meta(sql, PAUSE_WHY, why)?;
    Ok(until)
}

/// The ledger asks to wait: as long as it says, else as long as this usually takes, doubled each time that it did not
/// help, up to an hour: a limit of the month must not be asked about every minute. Of several such answers at once the
/// latest end counts.
pub fn wait(sql: &dyn Sql, now: DateTime<Utc>, asked: &Asked, chance: u64) -> Result<DateTime<Utc>, SqlError> {
    let waits = meta(sql, WAITS)?.and_then(|text| text.parse().ok()).unwrap_or(0_u32);
    let before = health(sql)?;
    if !asked.is_there {
        is_down(sql, now)?;
    }
    if !before.is_paused(now) {
        set_meta(sql, WAITS, &(waits + 1).to_string())?;
    }
    let doublings = if before.is_paused(now) { waits.saturating_sub(1) } else { waits }.min(12);
    let guess = (asked.guess * (1 << doublings)).min(LONGEST.max(asked.guess));
    let jitter = Duration::milliseconds(i64::try_from(chance % 3_000).unwrap_or(0));
    let until = now + asked.retry_after.unwrap_or(guess) + jitter;
    match before.pause_until.filter(|earlier| *earlier > until) {
        Some(later) => Ok(later),
        None => pause(sql, until, &asked.why),
    }
}

/// What the ledger says where it asks to wait.
pub struct Asked {
    /// For how long, if it says.
    pub retry_after: Option<Duration>,
    /// How long this usually takes.
    pub guess: Duration,
    /// Why, for people.
    pub why: String,
    /// True if it takes calls, only not so many.
    pub is_there: bool,
}

impl Asked {
    /// True of an answer that asks for fewer calls: whoever gives it is not away.
    pub fn for_fewer(answer: &Response) -> bool {
        answer.status == 429
    }
}
