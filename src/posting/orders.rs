//! The order rows: where each order stands and when it is looked at next. Every change of a row also goes into the
//! journal's outbox, in the same transaction.

use chrono::{DateTime, Utc};

mod ending;
mod release;

pub use ending::{ALL_NEWS, Ending, end};
pub use release::{close_loose, look_again, release, release_held, release_settings_holds, replay};

use self::ending::settle;
use super::published::publish;
use crate::books::hold::{Hold, HoldReason};
use crate::books::money::Currency;
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

/// The orders that are due: live ones before backfill, those tried least, the oldest; last the suspects, which were in
/// more than one turn that never ended. With `live` the others are left out.
pub fn due(sql: &dyn Sql, now: DateTime<Utc>, count: usize, live: bool) -> Result<Vec<OrderRow>, SqlError> {
    let statement = format!(
        "SELECT {COLUMNS} FROM orders WHERE due_at <= ? AND priority <= ?
         ORDER BY max(marks, 1), priority, attempts, first_seen_at, order_id LIMIT ?"
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

/// True if any order of the connection is held for that reason.
pub fn any_held(sql: &dyn Sql, connection: &str, reason: HoldReason) -> Result<bool, SqlError> {
    let statement = "SELECT 1 AS found FROM orders WHERE connection = ? AND state = 'held' AND reason = ? LIMIT 1";
    Ok(!sql.exec(statement, &[connection.into(), reason.code().into()])?.is_empty())
}

/// True if this order is.
pub fn is_held(sql: &dyn Sql, at: &OrderRef, reason: HoldReason) -> Result<bool, SqlError> {
    let [connection, order_id] = at.params();
    let statement =
        "SELECT 1 AS found FROM orders WHERE connection = ? AND order_id = ? AND state = 'held' AND reason = ?";
    Ok(!sql.exec(statement, &[connection, order_id, reason.code().into()])?.is_empty())
}

/// Where this order stands; nothing if it was never heard of.
pub fn state(sql: &dyn Sql, at: &OrderRef) -> Result<Option<String>, SqlError> {
    let rows = sql.exec("SELECT state FROM orders WHERE connection = ? AND order_id = ?", &at.params())?;
    rows.first().map(|row| row.text("state")).transpose()
}

/// True if a rule leaves this order out.
pub fn is_ignored(sql: &dyn Sql, at: &OrderRef) -> Result<bool, SqlError> {
    Ok(state(sql, at)?.as_deref() == Some(OrderState::Ignored.as_str()))
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

/// What people know an order by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it comes to by Shopify's word, before returns, in the shop's own currency; and that currency.
    pub total: Option<(String, Currency)>,
}

impl<'a> From<&'a str> for Label<'a> {
    fn from(name: &'a str) -> Self {
        Self { name, total: None }
    }
}

/// News of an order: it is due at `due`, whatever it was before. A crash stays until a person releases it. An order that was
/// looked up afterwards and becomes a live one waits as one from now on.
pub fn wake(
    sql: &dyn Sql,
    at: &OrderRef,
    label: Option<Label<'_>>,
    heard: Heard,
    now: DateTime<Utc>,
    due: DateTime<Utc>,
) -> Result<(), SqlError> {
    let [connection, order_id] = at.params();
    let (name, total) = label.map(|label| (label.name, label.total)).unzip();
    let (total, currency) = total.flatten().map(|(total, currency)| (total, currency.code().to_owned())).unzip();
    let rows = sql.exec(
        "INSERT INTO orders (connection, order_id, name, state, updated_at, first_seen_at, due_at, priority, total,
             total_currency, waits_since)
         VALUES (?1, ?2, ?3, 'pending', ?4, ?4, ?5, ?6, ?7, ?8, ?4)
         ON CONFLICT (connection, order_id) DO UPDATE SET name = coalesce(excluded.name, name),
             total = coalesce(excluded.total, total), total_currency = coalesce(excluded.total_currency, total_currency),
             updated_at = excluded.updated_at, wrote = CASE WHEN state IN ('pending', 'retrying') THEN wrote ELSE 0 END,
             due_at = CASE WHEN reason = 'crashed' AND state = 'held' THEN NULL
                 WHEN due_at IS NOT NULL AND due_at < excluded.due_at THEN due_at ELSE excluded.due_at END,
             waits_since = CASE WHEN reason = 'crashed' AND state = 'held' THEN NULL
                 WHEN state IN ('pending', 'retrying') AND priority <= excluded.priority THEN waits_since
                 ELSE excluded.waits_since END,
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
            total.into(),
            currency.into(),
        ],
    )?;
    // Only what crashed is still held.
    if rows.first().map(|row| row.text("state")).transpose()?.as_deref() == Some(OrderState::Held.as_str()) {
        settle(sql, at, ALL_NEWS, "held", Some(HoldReason::Crashed.code()), now)?;
    }
    publish(sql, at)
}

/// Remembers what was decided for the order once and for all.
pub fn stamp(sql: &dyn Sql, at: &OrderRef, stamp: &Stamp, currency: Option<&str>) -> Result<(), SqlError> {
    let text = serde_json::to_string(stamp).map_err(|error| SqlError(error.to_string()))?;
    let [connection, order_id] = at.params();
    let statement =
        "UPDATE orders SET stamp = ?3, currency = coalesce(?4, currency) WHERE connection = ?1 AND order_id = ?2";
    sql.exec(statement, &[connection, order_id, text.into(), currency.into()]).map(drop)
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

/// An order with so many marks is held: it crashed when it was tried out on its own, or was in so many turns that never
/// ended, the last one alone.
pub const MOST_MARKS: i64 = 4;

/// The hold of an order that crashed.
pub fn crashed() -> Hold {
    Hold::new(HoldReason::Crashed, "processing it crashed, and crashed again when it was tried on its own")
}
