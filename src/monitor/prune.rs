//! Keeps the journal within D1's ten gigabytes. What is bulky (events, adjustments, attempts) goes after `JOURNAL_DAYS`, its
//! days rolled up before, and so do the differences of comparisons; what a bookkeeper needs for years (orders, documents, rates
//! that moved) stays, up to so many rows that only the largest shops ever come there. What is held or still to be sent never goes. See `docs/journal.md`.

use chrono::{DateTime, Duration, NaiveDate, Utc};

use super::days::{keep_day, midnight};
use crate::platform::time::{iso, parse_iso};
use crate::platform::{Journal, JournalError, Statement, Value};

/// Rows that one statement takes away: a second's work for D1.
pub(super) const PIECE: i64 = 1_000;
/// Pieces of each table in one tick.
const PIECES: usize = 4;
/// Orders that one statement takes away, each with its documents.
const ORDERS: i64 = 200;

/// The most rows that are kept, whatever their age: together about eight gigabytes (`docs/journal.md`).
pub(super) const MOST: [(&str, i64); 3] = [("events", 5_500_000), ("attempts", 4_500_000), ("adjustments", 2_500_000)];
/// The most orders that are kept, with their documents and the rates that moved.
pub(super) const MOST_ORDERS: i64 = 2_000_000;
/// The most differences that are kept, of all comparisons together.
pub(super) const MOST_DIFFERENCES: i64 = 1_000_000;

/// The most rows of what was turned away: four months of an attack that never pauses.
pub(super) const MOST_REFUSALS: i64 = 200_000;

/// Orders that still need something keep everything that is known of them.
const SETTLED: &str = "NOT EXISTS (SELECT 1 FROM orders AS o WHERE o.connection = t.connection
    AND o.order_id = t.order_id AND o.state IN ('pending', 'retrying', 'held'))";

/// Takes away a piece of what is too old or too much. Returns true once nothing is left to take away.
pub async fn prune(journal: &dyn Journal, now: DateTime<Utc>, days: i64) -> Result<bool, JournalError> {
    let cutoff = midnight(now.date_naive() - Duration::days(days));
    let mut done = prune_events(journal, now, cutoff).await?;
    for (table, most) in &MOST[1..] {
        let cutoff = cutoff.max(beyond(journal, now, table, "at", *most).await?);
        done &= pieces(journal, &by_age(table, cutoff)).await?;
    }
    let many = [too_many("discrepancies", MOST_DIFFERENCES), too_many("refusals", MOST_REFUSALS)];
    for statement in small(cutoff).into_iter().chain([differences(cutoff)]).chain(many) {
        done &= pieces(journal, &statement).await?;
    }
    Ok(done & prune_orders(journal, MOST_ORDERS).await?)
}

/// Day by day, each rolled up before it goes.
async fn prune_events(journal: &dyn Journal, now: DateTime<Utc>, cutoff: DateTime<Utc>) -> Result<bool, JournalError> {
    let (events, most) = MOST[0];
    let cutoff = cutoff.max(beyond(journal, now, events, "received_at", most).await?);
    for _ in 0..PIECES {
        let rows = journal.query(oldest_event(cutoff)).await?;
        let oldest = rows.first().and_then(|row| row.text("at").ok()).as_deref().and_then(parse_iso);
        let Some(day) = oldest.map(|at| at.date_naive()) else { return Ok(true) };
        keep_day(journal, day, now).await?;
        journal.query(of_day(day)).await?;
    }
    Ok(journal.query(oldest_event(cutoff)).await?.is_empty())
}

/// The oldest event that may go.
pub(super) fn oldest_event(cutoff: DateTime<Utc>) -> Statement {
    Statement {
        sql: "SELECT received_at AS at FROM events WHERE received_at < ? AND outcome NOT IN ('pending', 'held')
              ORDER BY received_at LIMIT 1"
            .into(),
        params: vec![iso(cutoff).into()],
    }
}

/// A piece of a day's events, and of what is older.
pub(super) fn of_day(day: NaiveDate) -> Statement {
    Statement {
        sql: "DELETE FROM events WHERE rowid IN (SELECT rowid FROM events
                  WHERE received_at < ? AND outcome NOT IN ('pending', 'held') ORDER BY received_at LIMIT ?)
              RETURNING 1 AS gone"
            .into(),
        params: vec![iso(midnight(day + Duration::days(1))).into(), PIECE.into()],
    }
}

/// A piece of what happened before, of a table that tells of orders. Rates that moved are a bookkeeper's for years.
pub(super) fn by_age(table: &str, cutoff: DateTime<Utc>) -> Statement {
    let moved = if table == "adjustments" { "AND rule <> 'fx_drift' " } else { "" };
    Statement {
        sql: format!(
            "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} AS t WHERE at < ? {moved}AND {SETTLED}
                 ORDER BY at LIMIT ?) RETURNING 1 AS gone"
        ),
        params: vec![iso(cutoff).into(), PIECE.into()],
    }
}

/// What goes beside: what was turned away, what was told, and what was settled.
pub(super) fn small(cutoff: DateTime<Utc>) -> Vec<Statement> {
    let older = |table: &str, column: &str| Statement {
        sql: format!(
            "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE {column} < ? ORDER BY {column} LIMIT ?)
             RETURNING 1 AS gone"
        ),
        params: vec![iso(cutoff).into(), PIECE.into()],
    };
    vec![older("refusals", "minute"), older("alert_deliveries", "at"), older("alerts", "resolved_at")]
}

/// Differences of comparisons that began long ago, whose counts stay.
pub(super) fn differences(cutoff: DateTime<Utc>) -> Statement {
    Statement {
        sql: "DELETE FROM discrepancies WHERE rowid IN (SELECT d.rowid FROM reconciliations AS r
                  JOIN discrepancies AS d ON d.reconciliation_id = r.id WHERE r.started_at < ? LIMIT ?)
              RETURNING 1 AS gone"
            .into(),
        params: vec![iso(cutoff).into(), PIECE.into()],
    }
}

/// Rows that are too many, the oldest first, whatever their age.
pub(super) fn too_many(table: &str, most: i64) -> Statement {
    Statement {
        sql: format!(
            "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table}
                 WHERE rowid <= (SELECT max(rowid) FROM {table}) - ? ORDER BY rowid LIMIT ?) RETURNING 1 AS gone"
        ),
        params: vec![most.into(), PIECE.into()],
    }
}

async fn pieces(journal: &dyn Journal, statement: &Statement) -> Result<bool, JournalError> {
    for _ in 0..PIECES {
        if (journal.query(statement.clone()).await?.len() as i64) < PIECE {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The time before which a table has more rows than it may: rows are numbered as they come. Days that are not over stay.
async fn beyond(
    journal: &dyn Journal,
    now: DateTime<Utc>,
    table: &str,
    column: &str,
    most: i64,
) -> Result<DateTime<Utc>, JournalError> {
    let rows = journal.query(newest_beyond(table, column, most)).await?;
    let newest = rows.first().and_then(|row| row.text("at").ok()).as_deref().and_then(parse_iso);
    Ok(newest.unwrap_or(DateTime::UNIX_EPOCH).min(midnight(now.date_naive() - Duration::days(1))))
}

/// The newest row that is one too many.
pub(super) fn newest_beyond(table: &str, column: &str, most: i64) -> Statement {
    Statement {
        sql: format!(
            "SELECT {column} AS at FROM {table} WHERE rowid <= (SELECT max(rowid) FROM {table}) - ?
             ORDER BY rowid DESC LIMIT 1"
        ),
        params: vec![most.into()],
    }
}

/// The oldest settled orders beyond `most`, each with what the journal knows of it.
pub(super) async fn prune_orders(journal: &dyn Journal, most: i64) -> Result<bool, JournalError> {
    for _ in 0..PIECES {
        let count = Statement { sql: format!("SELECT COUNT(*) AS n FROM ({TOO_MANY})"), params: of(most) };
        let rows = journal.query(count).await?;
        if rows.first().and_then(|row| row.int("n").ok()).unwrap_or(0) == 0 {
            return Ok(true);
        }
        journal.apply(orders_beyond(most)).await?;
    }
    Ok(false)
}

/// By number, not by state: the oldest of millions must not be sorted out anew with each piece.
const TOO_MANY: &str = "SELECT connection, order_id FROM orders WHERE rowid <= (SELECT max(rowid) FROM orders) - ?1
    AND +state IN ('synced', 'ignored') AND remedy IS NULL ORDER BY rowid LIMIT ?2";

fn of(most: i64) -> Vec<Value> {
    vec![most.into(), ORDERS.into()]
}

/// A piece of them: their rows go last, for they say whose the others are.
pub(super) fn orders_beyond(most: i64) -> Vec<Statement> {
    let delete = |table: &str| Statement {
        sql: format!("DELETE FROM {table} WHERE (connection, order_id) IN ({TOO_MANY})"),
        params: of(most),
    };
    ["documents", "adjustments", "attempts", "orders"].map(delete).into()
}

#[cfg(test)]
mod tests;
