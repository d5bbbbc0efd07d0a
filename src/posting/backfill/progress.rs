//! How far a backfill is.

use chrono::Duration;
use serde::{Deserialize, Serialize};

use crate::platform::time::{iso, parse_iso};
use crate::platform::{Row, Sql, SqlError};
use crate::posting::books::Books;
use crate::posting::shop::paused;

/// How a backfill stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfill {
    /// Its id: the connection's, and a number.
    pub id: String,
    /// Whose orders.
    pub connection: String,
    /// From when on they were made.
    pub from: String,
    /// Until when.
    pub to: String,
    /// `running`, `paused`, `done` or `cancelled`.
    pub state: String,
    /// While it runs: Shopify is not asked before then.
    pub shopify_until: Option<String>,
    /// What keeps it, or keeps orders from it.
    pub problem: Option<String>,
    /// How many orders Shopify counts, once it was asked.
    pub total: Option<i64>,
    /// False if there are more than that.
    pub total_is_exact: bool,
    /// How many were listed.
    pub listed: i64,
    /// Of those: known in that state before.
    pub skipped: i64,
    /// Of the others: the books hold what they ought to.
    pub posted: i64,
    /// A rule leaves them out (the start date, test orders).
    pub ignored: i64,
    /// A person has to look.
    pub held: i64,
    /// Still to be fetched or posted.
    pub waiting: i64,
    /// Listed and no longer waiting.
    pub done: i64,
    /// Not done, as far as they were counted.
    pub left: Option<i64>,
    /// Orders done in an hour, while it runs.
    pub rate_per_hour: Option<i64>,
    /// When it will be done at that rate.
    pub estimated_finish: Option<String>,
    /// When it was asked for.
    pub asked_at: String,
    /// When it was done or cancelled.
    pub finished_at: Option<String>,
}

/// A figure that may not be known yet.
pub(super) fn int_or_null(row: &Row, column: &str) -> Option<i64> {
    row.int(column).ok()
}

/// Counts the orders of a backfill that came to rest since it was last counted: what is left to be looked at are those that
/// wait and those that are held.
pub(super) fn settle(sql: &dyn Sql, connection: &str, number: i64) -> Result<(), SqlError> {
    for (column, state) in [("posted", "synced"), ("ignored", "ignored")] {
        let settled = sql.exec(
            "UPDATE backfill_orders SET woken = 2 WHERE backfill = ?1 AND woken = 1 AND EXISTS (SELECT 1 FROM orders o
             WHERE o.connection = ?2 AND o.order_id = backfill_orders.order_id AND o.state = ?3) RETURNING order_id",
            &[number.into(), connection.into(), state.into()],
        )?;
        let count = i64::try_from(settled.len()).unwrap_or_default();
        let statement = format!("UPDATE backfills SET {column} = {column} + ? WHERE id = ?");
        sql.exec(&statement, &[count.into(), number.into()])?;
    }
    Ok(())
}

impl Books<'_> {
    /// The figures of a row of `backfills`.
    pub(super) fn progress(&self, row: &Row) -> Result<Backfill, SqlError> {
        let (sql, now) = (self.platform.sql, self.platform.clock.now());
        let (connection, number, state) = (row.text("connection")?, row.int("id")?, row.text("state")?);
        let states = sql.exec(
            "SELECT o.state AS name, COUNT(*) AS n FROM backfill_orders b
             JOIN orders o ON o.connection = ? AND o.order_id = b.order_id
             WHERE b.backfill = ? AND b.woken = 1 GROUP BY o.state",
            &[connection.as_str().into(), number.into()],
        )?;
        let of = |wanted: &[&str]| -> Result<i64, SqlError> {
            states.iter().try_fold(0, |sum, row| {
                Ok(sum + if wanted.contains(&row.text("name")?.as_str()) { row.int("n")? } else { 0 })
            })
        };
        let (posted, ignored) = (row.int("posted")? + of(&["synced"])?, row.int("ignored")? + of(&["ignored"])?);
        let held = of(&["held"])?;
        let (listed, waiting) = (row.int("listed")?, of(&["pending", "retrying"])?);
        let (total, done) = (int_or_null(row, "total"), listed - waiting);
        let is_running = state == "running";
        let since = parse_iso(&row.text("resumed_at")?).filter(|_| is_running).unwrap_or(now);
        let worked = row.int("worked_seconds")? + (now - since).num_seconds().max(0);
        let left = total.map(|total| (total - done).max(waiting)).filter(|_| state != "cancelled");
        let rate = (done > 0 && worked > 0).then(|| done.saturating_mul(3_600) / worked);
        let finish = left.filter(|_| is_running && rate.is_some()).map(|left| left.saturating_mul(worked) / done);
        let pause = paused(sql, &connection, now)?.filter(|_| is_running).map(|(until, _)| iso(until));
        Ok(Backfill {
            id: format!("{connection}-{number}"),
            from: row.text("from_at")?,
            to: row.text("to_at")?,
            shopify_until: pause,
            problem: row.text_or_null("problem")?,
            total_is_exact: row.int("exact")? != 0,
            skipped: row.int("skipped")?,
            rate_per_hour: rate.filter(|_| is_running),
            estimated_finish: finish.and_then(Duration::try_seconds).map(|left| iso(now + left)),
            asked_at: row.text("asked_at")?,
            finished_at: row.text_or_null("finished_at")?,
            connection,
            state,
            total,
            listed,
            posted,
            ignored,
            held,
            waiting,
            done,
            left,
        })
    }
}
