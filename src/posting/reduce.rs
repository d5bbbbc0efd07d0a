//! Reduces an order to its money facts: bodies to what the books are made of, documents and log to the same without the
//! person. What is left recognises repetitions and stale snapshots and carries every later refund. One transaction per
//! order; what is under way is waited for, or given up in a way that cannot write anything twice.

use chrono::{DateTime, Duration, Utc};

use super::cutover;
use super::fetch;
use super::inbox;
use super::orders::OrderRef;
use super::parties;
use super::personal::{self, Personal};
use super::sending::{self, Freight};
use super::set_aside;
use super::writes::{self, Closed, Open};
use crate::books::document::Document;
use crate::ledgers::WireRequest;
use crate::platform::time::parse_iso;
use crate::platform::{Sql, SqlError};
use crate::shopify::Topic;
use crate::shopify::compliance::facts;

/// How long a request that is under way is left alone: whatever becomes of it is known, or can be looked for, long before.
const PATIENCE: Duration = Duration::hours(1);
/// What stands where personal text stood.
const ERASED: &str = "[erased]";

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduced {
    /// The order is reduced: so many bodies were, and so many documents and log entries.
    Done { bodies: i64, documents: i64 },
    /// A request with its data in it may be on its way: ask again later.
    UnderWay,
}

/// Reduces an order; call it inside a transaction. `to` says whether it stays reduced.
pub fn reduce(sql: &dyn Sql, now: DateTime<Utc>, at: &OrderRef, to: Personal) -> Result<Reduced, SqlError> {
    if !give_up_sendings(sql, now, at)? {
        return Ok(Reduced::UnderWay);
    }
    fetch::forget(sql, at)?;
    let bodies = reduce_bodies(sql, at)?;
    let documents = reduce_documents(sql, at)? + reduce_writes(sql, now, at)?;
    let statement =
        "UPDATE adjustments SET before = ?3, after = ?3 WHERE connection = ?1 AND order_id = ?2 AND personal = 1";
    let [connection, order_id] = at.params();
    sql.exec(statement, &[connection, order_id, ERASED.into()])?;
    cutover::forget_reasons(sql, at)?;
    set_aside::forget_reason(sql, at)?;
    personal::set_personal(sql, at, to)?;
    Ok(Reduced::Done { bodies, documents })
}

/// False while a request that carries anything of the order went out a short time ago. An older one is given up: what it
/// carried is looked for before anything is written again.
fn give_up_sendings(sql: &dyn Sql, now: DateTime<Utc>, at: &OrderRef) -> Result<bool, SqlError> {
    let rows = sql.exec(
        "SELECT DISTINCT s.id, s.first_sent_at FROM sendings s JOIN carried c ON c.sending = s.id
         WHERE c.connection = ? AND c.order_id = ?",
        &at.params(),
    )?;
    let mut old = Vec::new();
    for row in &rows {
        let sent = parse_iso(&row.text("first_sent_at")?).unwrap_or(now);
        if now - sent < PATIENCE {
            return Ok(false);
        }
        old.push(row.int("id")?);
    }
    for id in old {
        for part in sending::carried(sql, id)? {
            match part.freight {
                Freight::Write(write) => writes::reopen(sql, write, Open::LookBefore)?,
                Freight::Party(freight) => {
                    let identity = &freight.call.identity;
                    let mut known = parties::known(sql, identity)?;
                    known.epoch += 1;
                    parties::remember(sql, identity, &known)?;
                    sending::settle_party(sql, identity)?;
                }
            }
        }
    }
    Ok(true)
}

/// The newest word on each part of the order's state stays, as money facts; every other body goes.
fn reduce_bodies(sql: &dyn Sql, at: &OrderRef) -> Result<i64, SqlError> {
    let [connection, order_id] = at.params();
    let rows = sql.exec(
        "SELECT e.seq, e.topic, EXISTS (SELECT 1 FROM order_parts p WHERE p.connection = e.connection
             AND p.order_id = e.order_id AND p.event_seq = e.seq) AS needed
         FROM events e WHERE e.connection = ? AND e.order_id = ?
             AND EXISTS (SELECT 1 FROM event_chunks c WHERE c.event_seq = e.seq)",
        &[connection, order_id],
    )?;
    for row in &rows {
        let seq = row.int("seq")?;
        let kept = match row.int("needed")? {
            0 => None,
            _ => facts(Topic::parse(&row.text("topic")?), &inbox::body(sql, seq)?),
        };
        inbox::set_body(sql, seq, kept.as_deref())?;
    }
    Ok(i64::try_from(rows.len()).unwrap_or(i64::MAX))
}

fn without_person(text: &str) -> Result<String, SqlError> {
    let unreadable = |error: serde_json::Error| SqlError(format!("a document cannot be read: {error}"));
    let mut document: Document = serde_json::from_str(text).map_err(unreadable)?;
    document.party = document.party.without_person();
    serde_json::to_string(&document).map_err(unreadable)
}

fn reduce_documents(sql: &dyn Sql, at: &OrderRef) -> Result<i64, SqlError> {
    let statement = "SELECT document_key, document FROM documents WHERE connection = ? AND order_id = ?";
    let rows = sql.exec(statement, &at.params())?;
    for row in &rows {
        let [connection, order_id] = at.params();
        sql.exec(
            "UPDATE documents SET document = ?4 WHERE connection = ?1 AND order_id = ?2 AND document_key = ?3",
            &[connection, order_id, row.text("document_key")?.into(), without_person(&row.text("document")?)?.into()],
        )?;
    }
    Ok(i64::try_from(rows.len()).unwrap_or(i64::MAX))
}

/// A closed write's request is history: its bytes go. One that was never sent is planned anew from what is left.
fn reduce_writes(sql: &dyn Sql, now: DateTime<Utc>, at: &OrderRef) -> Result<i64, SqlError> {
    let statement = "SELECT id, state, closed_at, request, document FROM writes WHERE connection = ? AND order_id = ?";
    let rows = sql.exec(statement, &at.params())?;
    let unreadable = |error: serde_json::Error| SqlError(format!("a logged request cannot be read: {error}"));
    for row in &rows {
        let id = row.int("id")?;
        let request: WireRequest = serde_json::from_str(&row.text("request")?).map_err(unreadable)?;
        let request = serde_json::to_string(&WireRequest { body: None, ..request }).map_err(unreadable)?;
        let document = without_person(&row.text("document")?)?;
        if row.text_or_null("closed_at")?.is_none() && row.text("state")? == "ready" {
            writes::close(sql, id, Closed::Absent, now)?;
        }
        sql.exec(
            "UPDATE writes SET request = ?, document = ? WHERE id = ?",
            &[request.into(), document.into(), id.into()],
        )?;
    }
    Ok(i64::try_from(rows.len()).unwrap_or(i64::MAX))
}
