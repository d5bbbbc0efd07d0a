//! How many events reached the ledger.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::latency::{Latency, class_of};
use crate::platform::time::iso;
use crate::platform::{Journal, JournalError, Row, SqlError, Statement};

/// How many in ten thousand events are to reach the ledger: 99 %.
pub const TARGET: i64 = 9_900;

/// An event that waits for less than this is on its way; one that waits for longer did not reach the ledger.
const ON_ITS_WAY: Duration = Duration::minutes(15);

/// Events of a span of time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rates {
    /// All of them.
    pub events: i64,
    /// Those that are in the ledger, or that ask nothing of it.
    pub synced: i64,
    /// Those that came just now and are on their way: they count for neither side.
    pub on_their_way: i64,
    /// How long those took that are in the ledger.
    pub latency: Latency,
}

impl Rates {
    /// Adds another span.
    pub fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.synced += other.synced;
        self.on_their_way += other.on_their_way;
        self.latency.add_all(&other.latency);
    }

    /// Events that ought to be in the ledger and are not.
    pub fn missing(&self) -> i64 {
        self.events - self.synced - self.on_their_way
    }

    /// How many per cent reached the ledger, for people: `99.5`, `100`.
    pub fn percent(&self) -> Option<String> {
        self.success().map(|success| rust_decimal::Decimal::new(success, 2).normalize().to_string())
    }

    /// How many in ten thousand reached the ledger, rounded down: 10,000 means all of them. Nothing without events.
    pub fn success(&self) -> Option<i64> {
        let counted = self.events - self.on_their_way;
        (counted > 0).then(|| self.synced * 10_000 / counted)
    }
}

/// Rates by connection.
pub type ByConnection = BTreeMap<String, Rates>;

/// Rates by day (UTC) and connection.
pub type ByDay = BTreeMap<NaiveDate, ByConnection>;

/// The events that came from `from` on and before `to`. Reads only them, in an index.
pub async fn between(
    journal: &dyn Journal,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<ByDay, JournalError> {
    let rows = journal.query(statement(from, to, now)).await?;
    let mut all = ByDay::new();
    for row in &rows {
        count(&mut all, row).map_err(|error| JournalError(error.0))?;
    }
    Ok(all)
}

/// The statement behind [`between`].
pub fn statement(from: DateTime<Utc>, to: DateTime<Utc>, now: DateTime<Utc>) -> Statement {
    let took = "CAST(round((julianday(finished_at) - julianday(received_at)) * 86400000.0) AS INTEGER)";
    let sql = format!(
        "WITH recent AS (
             SELECT connection, substr(received_at, 1, 10) AS day,
                 CASE WHEN outcome IN ('posted', 'unchanged', 'ignored') THEN 'synced'
                      WHEN outcome = 'pending' AND received_at > ?3 THEN 'on_its_way' ELSE 'missing' END AS standing,
                 CASE WHEN finished_at IS NOT NULL AND outcome IN ('posted', 'unchanged') THEN {took} END AS ms
             FROM events WHERE received_at >= ?1 AND received_at < ?2
         )
         SELECT connection, day, standing, CASE WHEN ms IS NULL THEN -1 ELSE {class} END AS class,
             COUNT(*) AS events, coalesce(max(ms), 0) AS max_ms
         FROM recent GROUP BY connection, day, standing, class",
        class = class_of("ms")
    );
    let params = vec![iso(from).into(), iso(to).into(), iso(now - ON_ITS_WAY).into()];
    Statement { sql, params }
}

fn count(all: &mut ByDay, row: &Row) -> Result<(), SqlError> {
    let Ok(day) = row.text("day")?.parse() else { return Ok(()) };
    let rates = all.entry(day).or_default().entry(row.text("connection")?).or_default();
    let events = row.int("events")?;
    rates.events += events;
    match row.text("standing")?.as_str() {
        "synced" => rates.synced += events,
        "on_its_way" => rates.on_their_way += events,
        _ => {}
    }
    if let Ok(class) = usize::try_from(row.int("class")?) {
        rates.latency.add(class, events, row.int("max_ms")?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_its_way_counts_for_neither_side() {
        let rates = Rates { events: 201, synced: 198, on_their_way: 1, ..Rates::default() };
        assert_eq!((rates.success(), rates.missing()), (Some(TARGET), 2));
        assert_eq!(Rates { on_their_way: 3, events: 3, ..Rates::default() }.success(), None);
    }

    #[test]
    fn one_event_in_a_million_that_is_missing_is_seen() {
        let rates = Rates { events: 1_000_000, synced: 999_999, ..Rates::default() };
        assert_eq!(rates.success(), Some(9_999));
    }
}
