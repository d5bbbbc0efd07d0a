//! The order rows: where each order stands and when it is looked at next. Every change of a row also goes into the
//! journal's outbox, in the same transaction.

use chrono::{DateTime, Utc};

use super::notices;
use super::obstacles;
use super::published::{publish, publish_event};
use crate::books::hold::{Hold, HoldReason};
use crate::normalize::Stamp;
use crate::platform::time::{iso, parse_iso};
use crate::platform::{Row, Sql, SqlError, Value};

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderState {
    /// News is waiting to be worked on.
    Pending,
    /// The books hold what they ought to.
    Synced,
    /// A ledger call did not come through; it will be tried again.
    Retrying,
    /// A person has to look.
    Held,
    /// A rule says that it does not belong in the books.
    Ignored,
}

impl OrderState {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            OrderState::Pending => "pending",
            OrderState::Synced => "synced",
            OrderState::Retrying => "retrying",
            OrderState::Held => "held",
            OrderState::Ignored => "ignored",
        }
    }
}

/// An order's address: connection and Shopify id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderRef {
    /// The connection's id.
    pub connection: String,
    /// Shopify's id of the order.
    pub order_id: String,
}

impl OrderRef {
    /// The two, as parameters.
    pub fn params(&self) -> [Value; 2] {
        [self.connection.as_str().into(), self.order_id.as_str().into()]
    }
}

/// An order's row, as far as the engine reads it.
#[derive(Debug, Clone)]
pub struct OrderRow {
    pub at: OrderRef,
    pub stamp: Option<Stamp>,
    pub first_seen_at: DateTime<Utc>,
    pub attempts: i64,
    pub retrying_since: Option<DateTime<Utc>>,
    pub marks: i64,
    /// True if something was written for it since its last news.
    pub wrote: bool,
    /// True if it is to be fetched whole from Shopify.
    pub wants_fetch: bool,
    /// The newest event of it when it was last fetched.
    pub fetched_seq: i64,
}

const COLUMNS: &str = "connection, order_id, stamp, first_seen_at, attempts, retrying_since, marks, wrote, wants_fetch,
     fetched_seq";

fn read(row: &Row) -> Result<OrderRow, SqlError> {
    let instant = |column: &str| {
        parse_iso(&row.text(column)?).ok_or_else(|| SqlError(format!("orders.{column} holds no instant")))
    };
    Ok(OrderRow {
        at: OrderRef { connection: row.text("connection")?, order_id: row.text("order_id")? },
        stamp: row.text_or_null("stamp")?.and_then(|text| serde_json::from_str(&text).ok()),
        first_seen_at: instant("first_seen_at")?,
        attempts: row.int("attempts")?,
        retrying_since: row.text_or_null("retrying_since")?.as_deref().and_then(parse_iso),
        marks: row.int("marks")?,
        wrote: row.int("wrote")? != 0,
        wants_fetch: row.int("wants_fetch")? != 0,
        fetched_seq: row.int("fetched_seq")?,
    })
}

/// One order's row.
pub fn load(sql: &dyn Sql, at: &OrderRef) -> Result<Option<OrderRow>, SqlError> {
    let statement = format!("SELECT {COLUMNS} FROM orders WHERE connection = ? AND order_id = ?");
    sql.exec(&statement, &at.params())?.first().map(read).transpose()
}

/// The orders that are due: those that crashed least first, live ones before backfill, those tried least, the oldest.
/// With `live` the others are left out.
pub fn due(sql: &dyn Sql, now: DateTime<Utc>, count: usize, live: bool) -> Result<Vec<OrderRow>, SqlError> {
    let statement = format!(
        "SELECT {COLUMNS} FROM orders WHERE due_at <= ? AND priority <= ? ORDER BY marks, priority, attempts, first_seen_at, order_id LIMIT ?"
    );
    let count = i64::try_from(count).unwrap_or(20);
    let lowest = Value::Int((!live).into());
    sql.exec(&statement, &[iso(now).into(), lowest, count.into()])?.iter().map(read).collect()
}

/// True if any order of the connection is due at some time.
pub fn any_due(sql: &dyn Sql, connection: &str) -> Result<bool, SqlError> {
    let statement = "SELECT 1 AS found FROM orders WHERE connection = ? AND due_at IS NOT NULL LIMIT 1";
    Ok(!sql.exec(statement, &[connection.into()])?.is_empty())
}

/// When the next order is due, if any is; backfill not before `backfill_from`.
pub fn next_due(sql: &dyn Sql, backfill_from: Option<DateTime<Utc>>) -> Result<Option<DateTime<Utc>>, SqlError> {
    let first = |priorities: &str| -> Result<Option<DateTime<Utc>>, SqlError> {
        // The index on `due_at` gives the first one without a look at the others: this is asked at every delivery.
        let statement =
            format!("SELECT due_at FROM orders WHERE due_at IS NOT NULL AND {priorities} ORDER BY due_at LIMIT 1");
        let rows = sql.exec(&statement, &[])?;
        let text = rows.first().map(|row| row.text("due_at")).transpose()?;
        Ok(text.as_deref().and_then(parse_iso))
    };
    let Some(from) = backfill_from else { return first("priority >= 0") };
    let (live, backfill) = (first("priority = 0")?, first("priority > 0")?);
    Ok([live, backfill.map(|due| due.max(from))].into_iter().flatten().min())
}

/// How news of an order came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Shopify told it.
    Live,
    /// It was looked up afterwards: such orders go behind the live ones.
    Afterwards,
}

/// News of an order: it is due at `due`, whatever it was before. A crash stays until a person releases it.
pub fn wake(
    sql: &dyn Sql,
    at: &OrderRef,
    name: Option<&str>,
    heard: Heard,
    now: DateTime<Utc>,
    due: DateTime<Utc>,
) -> Result<(), SqlError> {
    let [connection, order_id] = at.params();
    let rows = sql.exec(
        "INSERT INTO orders (connection, order_id, name, state, updated_at, first_seen_at, due_at, priority)
         VALUES (?1, ?2, ?3, 'pending', ?4, ?4, ?5, ?6)
         ON CONFLICT (connection, order_id) DO UPDATE SET name = coalesce(excluded.name, name),
             updated_at = excluded.updated_at, wrote = CASE WHEN state IN ('pending', 'retrying') THEN wrote ELSE 0 END,
             due_at = CASE WHEN reason = 'crashed' AND state = 'held' THEN NULL
                 WHEN due_at IS NOT NULL AND due_at < excluded.due_at THEN due_at ELSE excluded.due_at END,
             priority = CASE WHEN state IN ('pending', 'retrying') THEN min(priority, excluded.priority)
                 ELSE excluded.priority END,
             state = CASE WHEN reason = 'crashed' AND state = 'held' THEN state
                 WHEN state = 'retrying' THEN state ELSE 'pending' END,
             reason = CASE WHEN reason = 'crashed' AND state = 'held' THEN reason END,
             detail = CASE WHEN reason = 'crashed' AND state = 'held' THEN detail END,
             remedy = CASE WHEN reason = 'crashed' AND state = 'held' THEN remedy END,
             personal = CASE WHEN personal = 'purged' THEN 'kept' ELSE personal END
         RETURNING state",
        &[
            connection,
            order_id,
            name.into(),
            iso(now).into(),
            iso(due).into(),
            Value::Int((heard == Heard::Afterwards).into()),
        ],
    )?;
    // Only what crashed is still held.
    if rows.first().map(|row| row.text("state")).transpose()?.as_deref() == Some(OrderState::Held.as_str()) {
        settle(sql, at, ALL_NEWS, "held", Some(HoldReason::Crashed.code()), now)?;
    }
    publish(sql, at)
}

/// Closes the row of an event that belonged to no order.
pub fn close_loose(
    sql: &dyn Sql,
    connection: &str,
    seq: i64,
    rule: &'static str,
    now: DateTime<Utc>,
) -> Result<(), SqlError> {
    let rows = sql.exec(
        "UPDATE events SET outcome = 'ignored', reason = ?, finished_at = ? WHERE seq = ? RETURNING order_id",
        &[rule.into(), iso(now).into(), seq.into()],
    )?;
    publish_event(sql, seq)?;
    let Some(order_id) = rows.first().map(|row| row.text_or_null("order_id")).transpose()?.flatten() else {
        return Ok(());
    };
    let at = OrderRef { connection: connection.to_owned(), order_id };
    let [connection, order_id] = at.params();
    sql.exec(
        "UPDATE orders SET state = 'ignored', reason = ?3, detail = NULL, remedy = NULL, updated_at = ?4
         WHERE connection = ?1 AND order_id = ?2",
        &[connection, order_id, rule.into(), iso(now).into()],
    )?;
    publish(sql, &at)
}

/// A person has seen to a delivery that could not be read: it is put aside. False if there is no such delivery.
fn put_aside(sql: &dyn Sql, at: &OrderRef, now: DateTime<Utc>) -> Result<bool, SqlError> {
    let rows = sql.exec(
        "SELECT seq FROM events WHERE connection = ? AND order_id = ? AND outcome = 'held'
         AND reason IN ('unreadable', 'topic_mismatch', 'disputed')",
        &at.params(),
    )?;
    for row in &rows {
        close_loose(sql, &at.connection, row.int("seq")?, "put_aside", now)?;
    }
    Ok(!rows.is_empty())
}

/// A person says: try again now. A delivery that belongs to no order cannot be tried again; it is put aside. What they
/// were told of an order that waits for nothing they have seen.
pub fn release(sql: &dyn Sql, at: &OrderRef, now: DateTime<Utc>) -> Result<bool, SqlError> {
    if at.order_id.starts_with("event:") {
        return put_aside(sql, at, now);
    }
    notices::seen(sql, at)?;
    let found = look_again(sql, at, now)?;
    super::documents::retire(sql, at)?;
    super::cutover::forget_look(sql, at)?;
    super::by_hand::forget(sql, at)?;
    publish(sql, at)?;
    Ok(found)
}

/// The order is gone through again, as if its news had just come. That is no person's word on it: what was voided for a
/// wrong total is not replaced, what somebody ought to see stays unseen, and another integration's invoice is not looked
/// for anew. False if it is no order, or was never heard of.
pub fn replay(sql: &dyn Sql, at: &OrderRef, now: DateTime<Utc>) -> Result<bool, SqlError> {
    if at.order_id.starts_with("event:") || !look_again(sql, at, now)? {
        return Ok(false);
    }
    publish(sql, at).map(|()| true)
}

fn look_again(sql: &dyn Sql, at: &OrderRef, now: DateTime<Utc>) -> Result<bool, SqlError> {
    let [connection, order_id] = at.params();
    let changed = sql.exec(
        "UPDATE orders SET state = 'pending', reason = NULL, detail = NULL, remedy = NULL, attempts = 0, marks = 0,
             obstacle = NULL, retrying_since = NULL, wrote = 0, due_at = ?3, updated_at = ?3
         WHERE connection = ?1 AND order_id = ?2 RETURNING order_id",
        &[connection, order_id, iso(now).into()],
    )?;
    Ok(!changed.is_empty())
}

/// Remembers what was decided for the order once and for all.
pub fn stamp(sql: &dyn Sql, at: &OrderRef, stamp: &Stamp, currency: Option<&str>) -> Result<(), SqlError> {
    let text = serde_json::to_string(stamp).map_err(|error| SqlError(error.to_string()))?;
    let [connection, order_id] = at.params();
    let statement =
        "UPDATE orders SET stamp = ?3, currency = coalesce(?4, currency) WHERE connection = ?1 AND order_id = ?2";
    sql.exec(statement, &[connection, order_id, text.into(), currency.into()]).map(drop)
}

/// How an order's turn ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The books hold what they ought to; and what a person should know all the same.
    Synced(Option<Hold>),
    /// A rule leaves it out; likewise.
    Ignored(&'static str, Option<Hold>),
    /// A person has to look.
    Held(Hold),
    /// The same, together with every other order that the obstacle of that key concerns.
    Obstructed(Hold, String),
    /// The books are right so far; look again then (transactions or the order itself may still come).
    Later(DateTime<Utc>),
    /// A call failed; try again then.
    Retry(DateTime<Utc>),
}

/// Ends an order's turn. `seen` is the newest event that the turn knew of: its events and the older ones are settled;
/// if a newer one arrived meanwhile, the order stays due.
pub fn end(sql: &dyn Sql, at: &OrderRef, ending: &Ending, seen: i64, now: DateTime<Utc>) -> Result<(), SqlError> {
    let [connection, order_id] = at.params();
    let newer = sql.exec(
        "SELECT 1 AS found FROM events WHERE connection = ? AND order_id = ? AND outcome = 'pending' AND seq > ? LIMIT 1",
        &[connection.clone(), order_id.clone(), seen.into()],
    )?;
    let wrote = load(sql, at)?.is_some_and(|row| row.wrote);
    let (state, rule, told, due) = match ending {
        Ending::Synced(notice) => (OrderState::Synced, None, notices::unseen(sql, at, notice.as_ref())?, None),
        Ending::Ignored(rule, notice) => {
            (OrderState::Ignored, Some(*rule), notices::unseen(sql, at, notice.as_ref())?, None)
        }
        Ending::Held(hold) | Ending::Obstructed(hold, _) => (OrderState::Held, None, Some(hold.clone()), None),
        Ending::Later(due) => (OrderState::Pending, None, None, Some(*due)),
        Ending::Retry(due) => (OrderState::Retrying, None, None, Some(*due)),
    };
    let reason = told.as_ref().map(|hold| hold.reason.code()).or(rule);
    let (detail, remedy) = told.as_ref().map(|hold| (hold.detail.as_str(), hold.reason.remedy())).unzip();
    let due = if newer.is_empty() { due } else { Some(due.map_or(now, |due| due.min(now))) };
    let failed = Value::Int(matches!(ending, Ending::Retry(_)).into());
    let obstacle = if let Ending::Obstructed(_, key) = ending { Some(key.as_str()) } else { None };
    sql.exec(
        "UPDATE orders SET state = ?3, reason = ?4, detail = ?5, remedy = ?6, due_at = ?7, marks = 0,
             attempts = CASE ?8 WHEN 1 THEN attempts + 1 ELSE 0 END,
             retrying_since = CASE ?8 WHEN 1 THEN coalesce(retrying_since, ?9) END,
             synced_at = CASE WHEN ?3 = 'synced' THEN ?9 ELSE synced_at END, updated_at = ?9, obstacle = ?10
         WHERE connection = ?1 AND order_id = ?2",
        &[
            connection,
            order_id,
            state.as_str().into(),
            reason.into(),
            detail.into(),
            remedy.into(),
            due.map(iso).into(),
            failed,
            iso(now).into(),
            obstacle.into(),
        ],
    )?;
    match ending {
        Ending::Synced(_) => settle(sql, at, seen, if wrote { "posted" } else { "unchanged" }, None, now)?,
        Ending::Ignored(rule, _) => settle(sql, at, seen, "ignored", Some(rule), now)?,
        Ending::Held(hold) | Ending::Obstructed(hold, _) => {
            settle(sql, at, seen, "held", Some(hold.reason.code()), now)?
        }
        Ending::Later(_) | Ending::Retry(_) => {}
    }
    obstacles::ended(sql, at, ending, now)?;
    publish(sql, at)
}

/// Stopped in the middle because the turn was used up, or the ledger asked to wait. Nobody's fault: it stays due, and
/// nothing about it has changed.
pub fn put_back(sql: &dyn Sql, at: &OrderRef) -> Result<(), SqlError> {
    sql.exec("UPDATE orders SET marks = 0 WHERE connection = ? AND order_id = ?", &at.params()).map(drop)
}

/// Something became known of an order that is not being worked on: it is due at `due`, if it waits for anything at all.
pub fn nudge(sql: &dyn Sql, at: &OrderRef, due: DateTime<Utc>) -> Result<(), SqlError> {
    let [connection, order_id] = at.params();
    let statement = "UPDATE orders SET due_at = ?3 WHERE connection = ?1 AND order_id = ?2 AND due_at > ?3";
    sql.exec(statement, &[connection, order_id, iso(due).into()]).map(drop)
}

/// Gives the order's open events their outcome. Held events are settled again once the hold is lifted.
fn settle(
    sql: &dyn Sql,
    at: &OrderRef,
    seen: i64,
    outcome: &str,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), SqlError> {
    let [connection, order_id] = at.params();
    let settled = sql.exec(
        "UPDATE events SET outcome = ?3, reason = ?4, finished_at = ?5
         WHERE connection = ?1 AND order_id = ?2 AND seq <= ?6 AND outcome IN ('pending', 'held') RETURNING seq",
        &[connection, order_id, outcome.into(), reason.into(), iso(now).into(), seen.into()],
    )?;
    settled.iter().try_for_each(|row| publish_event(sql, row.int("seq")?))
}

/// Sets an order's marks.
pub fn set_marks(sql: &dyn Sql, at: &OrderRef, marks: i64) -> Result<(), SqlError> {
    let [connection, order_id] = at.params();
    let statement = "UPDATE orders SET marks = ? WHERE connection = ? AND order_id = ?";
    sql.exec(statement, &[marks.into(), connection, order_id]).map(drop)
}

/// Marks the orders that a turn is about to work on.
pub fn mark(sql: &dyn Sql, rows: &[OrderRow]) -> Result<(), SqlError> {
    rows.iter().try_for_each(|row| mark_one(sql, &row.at))
}

/// Marks one.
pub fn mark_one(sql: &dyn Sql, at: &OrderRef) -> Result<(), SqlError> {
    let statement = "UPDATE orders SET marks = marks + 1 WHERE connection = ? AND order_id = ?";
    sql.exec(statement, &at.params()).map(drop)
}

/// An ending that holds whatever was heard of the order meanwhile. The greatest integer that the runtime's SQLite takes:
/// there numbers are exact to 2^53 only.
pub const ALL_NEWS: i64 = (1 << 53) - 1;

/// An order with so many marks is held: it crashed when it was tried out on its own, or was in so many turns that never
/// ended, the last one alone.
pub const MOST_MARKS: i64 = 4;

/// The hold of an order that crashed.
pub fn crashed() -> Hold {
    Hold::new(HoldReason::Crashed, "processing it crashed, and crashed again when it was tried on its own")
}

/// Settings changed: what was held because of them is due again.
pub fn release_settings_holds(sql: &dyn Sql, connection: &str, now: DateTime<Utc>) -> Result<(), SqlError> {
    let reasons = [
        HoldReason::TaxUnmapped,
        HoldReason::AccountUnmapped,
        HoldReason::SettingsInvalid,
        HoldReason::SettingsRefused,
        HoldReason::CurrencyUnusable,
        HoldReason::PreflightFailed,
    ];
    reasons.into_iter().try_for_each(|reason| release_held(sql, connection, reason, now))
}

/// What was held for that reason is due again, unless an obstacle holds it: that is probed.
pub fn release_held(sql: &dyn Sql, connection: &str, reason: HoldReason, now: DateTime<Utc>) -> Result<(), SqlError> {
    let held = sql.exec(
        "SELECT order_id FROM orders WHERE connection = ? AND state = 'held' AND reason = ? AND obstacle IS NULL",
        &[connection.into(), reason.code().into()],
    )?;
    for row in &held {
        release(sql, &OrderRef { connection: connection.to_owned(), order_id: row.text("order_id")? }, now)?;
    }
    Ok(())
}
