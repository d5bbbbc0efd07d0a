//! What was held or waits for nothing is looked at again: because a person says so ([`release`]), or because what held it is
//! over ([`replay`]). Only a person decides what waits for a person.

use chrono::{DateTime, Utc};

use super::OrderRef;
use crate::books::hold::HoldReason;
use crate::platform::time::iso;
use crate::platform::{Sql, SqlError};
use crate::posting::published::{publish, publish_event};
use crate::posting::{by_hand, cutover, documents, notices};

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
        "UPDATE orders SET state = 'ignored', reason = ?3, detail = NULL, remedy = NULL, updated_at = ?4,
             waits_since = NULL, held_since = NULL
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
    documents::retire(sql, at)?;
    cutover::forget_look(sql, at)?;
    by_hand::settle(sql, at, now)?;
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

/// The order is due at once, whatever it waited for. False if it was never heard of.
pub fn look_again(sql: &dyn Sql, at: &OrderRef, now: DateTime<Utc>) -> Result<bool, SqlError> {
    let [connection, order_id] = at.params();
    let changed = sql.exec(
        "UPDATE orders SET waits_since = CASE WHEN state IN ('pending', 'retrying') THEN waits_since ELSE ?3 END,
             state = 'pending', reason = NULL, detail = NULL, remedy = NULL, attempts = 0, marks = 0,
             obstacle = NULL, retrying_since = NULL, wrote = 0, due_at = ?3, updated_at = ?3
         WHERE connection = ?1 AND order_id = ?2 RETURNING order_id",
        &[connection, order_id, iso(now).into()],
    )?;
    Ok(!changed.is_empty())
}

/// Settings changed: what was held because of them is due again.
pub fn release_settings_holds(sql: &dyn Sql, connection: &str, now: DateTime<Utc>) -> Result<(), SqlError> {
    let reasons = [
        HoldReason::TaxUnmapped,
        HoldReason::AccountUnmapped,
        HoldReason::SettingsInvalid,
        HoldReason::SettingsRefused,
        HoldReason::TotalMismatch,
        HoldReason::TooManyLines,
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
        replay(sql, &OrderRef { connection: connection.to_owned(), order_id: row.text("order_id")? }, now)?;
    }
    Ok(())
}
