//! The write log. Every change of a ledger is recorded here, byte for byte, before it goes over the wire; after any
//! crash the log tells of each one whether it was confirmed, refused, or is still open and has to be resolved.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::orders::OrderRef;
use super::sending;
use crate::books::document::{Document, DocumentKey};
use crate::ledgers::{Operation, WireRequest};
use crate::platform::time::iso;
use crate::platform::{Row, Sql, SqlError};

/// What an open write needs next, unless it is under way (see `sending`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// Recorded and known not to have been acted upon: send it as it is.
    Unsent,
    /// To be looked for before it is sent: the order is older than this object, or an answer left the write out.
    LookBefore,
    /// The ledger says that something with its number exists: look whether it is ours.
    LookExisting,
}

/// How a write is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The ledger confirmed it.
    Confirmed,
    /// It was found standing in the ledger.
    Adopted,
    /// The ledger refused it.
    Refused,
    /// It was looked for and is not there; a new one follows under a new key.
    Absent,
}

/// A write of the log.
#[derive(Debug, Clone)]
pub struct LoggedWrite {
    pub id: i64,
    pub operation: Operation,
    pub document: Document,
    pub request: WireRequest,
    pub party_id: String,
    pub key: String,
    pub open: Open,
    /// True if it went over the wire at least once.
    pub was_sent: bool,
}

/// A write about to be recorded.
#[derive(Debug, Clone)]
pub struct Draft {
    pub operation: Operation,
    pub document: Document,
    pub request: WireRequest,
    pub party_id: String,
    pub key: String,
    pub epoch: i64,
    pub look_before: bool,
}

fn read(row: &Row) -> Result<LoggedWrite, SqlError> {
    let failed = |what: &str| SqlError(format!("writes.{what} cannot be read"));
    let open = match row.text("state")?.as_str() {
        "look_before" => Open::LookBefore,
        "look_existing" => Open::LookExisting,
        _ => Open::Unsent,
    };
    Ok(LoggedWrite {
        id: row.int("id")?,
        operation: match row.text("operation")?.as_str() {
            "void" => Operation::Void,
            "update" => Operation::Update,
            _ => Operation::Create,
        },
        document: serde_json::from_str(&row.text("document")?).map_err(|_| failed("document"))?,
        request: serde_json::from_str(&row.text("request")?).map_err(|_| failed("request"))?,
        party_id: row.text("party_id")?,
        key: row.text("idempotency_key")?,
        open,
        was_sent: row.text_or_null("first_sent_at")?.is_some(),
    })
}

/// The oldest write of an order that is still open.
pub fn open(sql: &dyn Sql, order: &OrderRef) -> Result<Option<LoggedWrite>, SqlError> {
    let statement =
        "SELECT * FROM writes WHERE connection = ? AND order_id = ? AND closed_at IS NULL ORDER BY id LIMIT 1";
    sql.exec(statement, &order.params())?.first().map(read).transpose()
}

/// A write by its number.
pub fn load(sql: &dyn Sql, id: i64) -> Result<LoggedWrite, SqlError> {
    let rows = sql.exec("SELECT * FROM writes WHERE id = ?", &[id.into()])?;
    rows.first().map_or_else(|| Err(SqlError(format!("write {id} is not in the log"))), read)
}

/// How many times this operation on this document was begun before: the epoch of its next key.
pub fn epoch(sql: &dyn Sql, order: &OrderRef, document: &Document, operation: Operation) -> Result<i64, SqlError> {
    let [connection, order_id] = order.params();
    let rows = sql.exec(
        "SELECT COUNT(*) AS n FROM writes WHERE connection = ? AND order_id = ? AND document_key = ? AND operation = ?",
        &[connection, order_id, document.key.as_str().into(), operation.as_str().into()],
    )?;
    rows.first().map_or(Ok(0), |row| row.int("n"))
}

/// True if this operation on this document was sent before, nobody knew what came of it, and it was not there.
pub fn came_to_nothing(
    sql: &dyn Sql,
    order: &OrderRef,
    document: &Document,
    operation: Operation,
) -> Result<bool, SqlError> {
    let [connection, order_id] = order.params();
    let rows = sql.exec(
        "SELECT 1 AS found FROM writes WHERE connection = ? AND order_id = ? AND document_key = ? AND operation = ?
         AND state = 'absent' AND first_sent_at IS NOT NULL LIMIT 1",
        &[connection, order_id, document.key.as_str().into(), operation.as_str().into()],
    )?;
    Ok(!rows.is_empty())
}

/// True if a document was found standing in the ledger instead of being written by this object.
pub fn was_adopted(sql: &dyn Sql, order: &OrderRef, key: &DocumentKey) -> Result<bool, SqlError> {
    let [connection, order_id] = order.params();
    let rows = sql.exec(
        "SELECT 1 AS found FROM writes
         WHERE connection = ? AND order_id = ? AND document_key = ? AND state = 'adopted' LIMIT 1",
        &[connection, order_id, key.as_str().into()],
    )?;
    Ok(!rows.is_empty())
}

/// The idempotency key of a write: from company, shop, order, document and epoch, never from a label in the settings.
/// 32 characters leave room for a batch item's own id within QuickBooks' 50.
pub fn key(company: &str, shop: &str, document: &Document, operation: Operation, epoch: i64) -> String {
    let text = format!("{company}|{shop}|{}|{}|{}|{epoch}", document.order_id, document.key, operation.as_str());
    Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Records a write that is about to be sent, or to be looked for first.
pub fn record(sql: &dyn Sql, order: &OrderRef, write: &Draft, now: DateTime<Utc>) -> Result<i64, SqlError> {
    let json = |text: Result<String, serde_json::Error>| text.map_err(|error| SqlError(error.to_string()));
    let [connection, order_id] = order.params();
    let rows = sql.exec(
        "INSERT INTO writes (connection, order_id, document_key, operation, epoch, request, idempotency_key, document,
             party_id, state, recorded_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        &[
            connection,
            order_id,
            write.document.key.as_str().into(),
            write.operation.as_str().into(),
            write.epoch.into(),
            json(serde_json::to_string(&write.request))?.into(),
            write.key.as_str().into(),
            json(serde_json::to_string(&write.document))?.into(),
            write.party_id.as_str().into(),
            if write.look_before { "look_before" } else { "ready" }.into(),
            iso(now).into(),
        ],
    )?;
    rows.first().ok_or_else(|| SqlError("a write got no number".into()))?.int("id")
}

/// A write goes over the wire.
pub fn sent(sql: &dyn Sql, id: i64, now: DateTime<Utc>) -> Result<(), SqlError> {
    let statement = "UPDATE writes SET state = 'sent', first_sent_at = coalesce(first_sent_at, ?) WHERE id = ?";
    sql.exec(statement, &[iso(now).into(), id.into()]).map(drop)
}

/// Says of an open write what it needs next: it is no longer under way.
pub fn reopen(sql: &dyn Sql, id: i64, open: Open) -> Result<(), SqlError> {
    let state = match open {
        Open::Unsent => "ready",
        Open::LookBefore => "look_before",
        Open::LookExisting => "look_existing",
    };
    sending::settle_write(sql, id)?;
    sql.exec("UPDATE writes SET state = ? WHERE id = ? AND closed_at IS NULL", &[state.into(), id.into()]).map(drop)
}

/// Closes a write.
pub fn close(sql: &dyn Sql, id: i64, how: Closed, now: DateTime<Utc>) -> Result<(), SqlError> {
    let state = match how {
        Closed::Confirmed => "confirmed",
        Closed::Adopted => "adopted",
        Closed::Refused => "refused",
        Closed::Absent => "absent",
    };
    sending::settle_write(sql, id)?;
    let statement = "UPDATE writes SET state = ?, closed_at = ? WHERE id = ?";
    sql.exec(statement, &[state.into(), iso(now).into(), id.into()]).map(drop)
}
