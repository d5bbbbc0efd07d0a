//! What the journal is told of orders and events: their rows as they are now, into the outbox, in the transaction that
//! changed them.

use super::orders::OrderRef;
use crate::journal::{self, EventRecord, OrderRecord, Record};
use crate::platform::{Sql, SqlError};

/// Puts the order's row, as it is now, into the journal's outbox.
pub fn publish(sql: &dyn Sql, at: &OrderRef) -> Result<(), SqlError> {
    let rows = sql.exec(
        "SELECT name, state, reason, detail, remedy, currency, total, total_currency, updated_at, first_seen_at, synced_at, attempts,
             retrying_since, due_at
         FROM orders WHERE connection = ? AND order_id = ?",
        &at.params(),
    )?;
    let Some(row) = rows.first() else { return Ok(()) };
    let remedy = match (row.text_or_null("detail")?, row.text_or_null("remedy")?) {
        (Some(detail), Some(remedy)) => Some(format!("{detail}. {remedy}")),
        (detail, remedy) => remedy.or(detail),
    };
    let record = OrderRecord {
        connection: at.connection.clone(),
        order_id: at.order_id.clone(),
        name: row.text_or_null("name")?,
        state: row.text("state")?,
        reason: row.text_or_null("reason")?,
        remedy,
        currency: row.text_or_null("currency")?,
        total: row.text_or_null("total")?,
        total_currency: row.text_or_null("total_currency")?,
        updated_at: row.text("updated_at")?,
        first_seen_at: row.text("first_seen_at")?,
        synced_at: row.text_or_null("synced_at")?,
        attempts: row.int("attempts")?,
        retrying_since: row.text_or_null("retrying_since")?,
        next_attempt_at: row.text_or_null("due_at")?,
    };
    journal::append(sql, &Record::Order(record))
}

/// Puts an event's row, as it is now, into the journal's outbox.
pub fn publish_event(sql: &dyn Sql, seq: i64) -> Result<(), SqlError> {
    let rows = sql.exec("SELECT * FROM events WHERE seq = ?", &[seq.into()])?;
    let Some(row) = rows.first() else { return Ok(()) };
    let record = EventRecord {
        webhook_id: row.text("webhook_id")?,
        event_id: row.text("event_id")?,
        connection: row.text("connection")?,
        shop: row.text("shop")?,
        topic: row.text("topic")?,
        api_version: row.text("api_version")?,
        order_id: row.text_or_null("order_id")?,
        triggered_at: row.text("triggered_at")?,
        received_at: row.text("received_at")?,
        finished_at: row.text_or_null("finished_at")?,
        bytes: row.int("bytes")?,
        sha256: row.text("sha256")?,
        deliveries: row.int("deliveries")?,
        outcome: row.text("outcome")?,
        reason: row.text_or_null("reason")?,
    };
    journal::append(sql, &Record::Event(record))
}
