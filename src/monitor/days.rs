//! Days that are over, each as one row per connection: the figures stay when the events themselves are pruned.

use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Utc};

use super::latency::Latency;
use super::rates::{ByConnection, ByDay, Rates, between};
use crate::platform::{Journal, JournalError, Row, SqlError, Statement, Value};

/// How many days back a day's row is made anew: what was held then may have been posted since.
pub const KEPT_DAYS: i64 = 31;

/// Midnight, UTC, at the beginning of a day.
pub fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// Writes the rows of the last [`KEPT_DAYS`] days that are over.
pub async fn keep_days(journal: &dyn Journal, now: DateTime<Utc>) -> Result<(), JournalError> {
    let today = midnight(now.date_naive());
    let over = between(journal, today - Duration::days(KEPT_DAYS), today, now).await?;
    let of_day = |(day, all): (&NaiveDate, &ByConnection)| {
        all.iter().map(|(connection, rates)| row(connection, *day, rates)).collect::<Vec<Statement>>()
    };
    let rows: Vec<Statement> = over.iter().flat_map(of_day).collect();
    if rows.is_empty() { Ok(()) } else { journal.apply(rows).await }
}

/// Writes the rows of a day that has none: before its events go.
pub async fn keep_day(journal: &dyn Journal, day: NaiveDate, now: DateTime<Utc>) -> Result<(), JournalError> {
    let params = vec![day.to_string().into()];
    let known = Statement { sql: "SELECT 1 AS known FROM days WHERE day = ? LIMIT 1".into(), params };
    if !journal.query(known).await?.is_empty() {
        return Ok(());
    }
    let next = midnight(day + Duration::days(1));
    let of_day = between(journal, midnight(day), next, now).await?.remove(&day).unwrap_or_default();
    let rows: Vec<Statement> = of_day.iter().map(|(connection, rates)| row(connection, day, rates)).collect();
    if rows.is_empty() { Ok(()) } else { journal.apply(rows).await }
}

/// A day is not made smaller: what is missing of it was pruned.
fn row(connection: &str, day: NaiveDate, rates: &Rates) -> Statement {
    let within = |percent| rates.latency.within(percent).map_or(Value::Null, Value::Int);
    let classes = serde_json::to_string(&rates.latency.classes).unwrap_or_default();
    Statement {
        sql: "INSERT INTO days (connection, day, events, synced, latency_p50_ms, latency_p95_ms, latency_max_ms,
                  latency_classes)
              VALUES (?, ?, ?, ?, ?, ?, ?, ?)
              ON CONFLICT (day, connection) DO UPDATE SET events = excluded.events, synced = excluded.synced,
                  latency_p50_ms = excluded.latency_p50_ms, latency_p95_ms = excluded.latency_p95_ms,
                  latency_max_ms = excluded.latency_max_ms, latency_classes = excluded.latency_classes
              WHERE excluded.events >= days.events"
            .into(),
        params: vec![
            connection.into(),
            day.to_string().into(),
            rates.events.into(),
            rates.synced.into(),
            within(50),
            within(95),
            within(100),
            classes.into(),
        ],
    }
}

/// The days from `from` on that were kept.
pub async fn days(journal: &dyn Journal, from: NaiveDate) -> Result<ByDay, JournalError> {
    let statement = Statement {
        sql: "SELECT connection, day, events, synced, latency_max_ms, latency_classes FROM days WHERE day >= ?".into(),
        params: vec![from.to_string().into()],
    };
    let mut all = ByDay::new();
    for found in &journal.query(statement).await? {
        let Some((day, connection, rates)) = read(found).map_err(|error| JournalError(error.0))? else { continue };
        all.entry(day).or_default().insert(connection, rates);
    }
    Ok(all)
}

fn read(row: &Row) -> Result<Option<(NaiveDate, String, Rates)>, SqlError> {
    let Ok(day) = row.text("day")?.parse() else { return Ok(None) };
    let classes = serde_json::from_str(&row.text("latency_classes")?).unwrap_or_default();
    let latency = Latency { classes, max_ms: row.int("latency_max_ms").unwrap_or(0) };
    let rates = Rates { events: row.int("events")?, synced: row.int("synced")?, on_their_way: 0, latency };
    Ok(Some((day, row.text("connection")?, rates)))
}
