//! The documents that stand in the ledger, each with its proof: what was expected beside what the ledger stated.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use super::orders::OrderRef;
use crate::books::document::{Document, DocumentKey, DocumentKind};
use crate::books::foreign::ForeignSale;
use crate::books::money::parse_amount;
use crate::journal::{self, DocumentRecord};
use crate::ledgers::{Operation, Posted};
use crate::normalize::{Booked, BookedDocument};
use crate::platform::time::iso;
use crate::platform::{Row, Sql, SqlError};

/// Whether a posted document counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostedState {
    /// It does.
    Posted,
    /// It was voided or deleted.
    Voided,
    /// It was voided, and a person said that it may be replaced.
    Retired,
    /// It does, and is somebody else's: never to be written.
    Foreign,
}

/// A document as it stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Whether it counts.
    pub state: PostedState,
    /// Its currency's code.
    pub currency: String,
    /// What its total ought to be.
    pub expected_total: Decimal,
    /// What the ledger says it is.
    pub ledger_total: Decimal,
    /// True if the two were equal when it was written.
    pub exact: bool,
    /// True if the ledger may hold something else since: then it is written anew.
    pub doubted: bool,
    /// The document as it was last written.
    pub document: Document,
    /// How many times the document was replaced after a void: 1 for the first one that was written.
    pub generation: i64,
    /// How many times it was written anew in full because its total was wrong.
    pub updates: i64,
    /// The ledger's word on it.
    pub posted: Posted,
}

fn read(row: &Row) -> Result<(DocumentKey, Record), SqlError> {
    let failed = |what: &str| SqlError(format!("documents.{what} cannot be read"));
    let posted: Posted = serde_json::from_str(&row.text("posted")?).map_err(|_| failed("posted"))?;
    let (state, proof) = (row.text("state")?, row.text("proof")?);
    let record = Record {
        state: match state.as_str() {
            "posted" | "updated" => PostedState::Posted,
            "retired" => PostedState::Retired,
            "foreign" => PostedState::Foreign,
            _ => PostedState::Voided,
        },
        document: serde_json::from_str(&row.text("document")?).map_err(|_| failed("document"))?,
        generation: row.int("generation")?,
        updates: row.int("updates")?,
        currency: row.text("currency")?,
        expected_total: parse_amount(&row.text("expected_total")?).map_err(|_| failed("expected_total"))?,
        ledger_total: parse_amount(&row.text("ledger_total")?).map_err(|_| failed("ledger_total"))?,
        exact: proof != "differs",
        doubted: proof == "unknown",
        posted,
    };
    Ok((DocumentKey::stored(row.text("document_key")?), record))
}

/// The same, as normalisation reads it.
pub fn booked(posted: &BTreeMap<DocumentKey, Record>) -> Booked {
    let one = |record: &Record| BookedDocument {
        document: record.document.clone(),
        stands: matches!(record.state, PostedState::Posted | PostedState::Foreign),
        generation: u32::try_from(record.generation).unwrap_or(1),
        room: record.posted.room.filter(|_| record.state == PostedState::Foreign),
    };
    Booked(posted.iter().map(|(key, record)| (key.clone(), one(record))).collect())
}

/// A person looked at an order: documents that were voided for a wrong total may be replaced.
pub fn retire(sql: &dyn Sql, order: &OrderRef) -> Result<(), SqlError> {
    let statement = "UPDATE documents SET state = 'retired'
         WHERE connection = ? AND order_id = ? AND state IN ('voided', 'deleted') AND proof = 'differs'";
    sql.exec(statement, &order.params()).map(drop)
}

/// An order's documents in the ledger.
pub fn posted(sql: &dyn Sql, order: &OrderRef) -> Result<BTreeMap<DocumentKey, Record>, SqlError> {
    let statement = "SELECT * FROM documents WHERE connection = ? AND order_id = ?";
    sql.exec(statement, &order.params())?.iter().map(read).collect()
}

/// Records what a write achieved. Returns whether the ledger's total is the expected one.
pub fn record(
    sql: &dyn Sql,
    order: &OrderRef,
    document: &Document,
    operation: Operation,
    posted: &Posted,
    now: DateTime<Utc>,
) -> Result<bool, SqlError> {
    let failed = |error: serde_json::Error| SqlError(error.to_string());
    let json = serde_json::to_string(posted).map_err(failed)?;
    let written = serde_json::to_string(document).map_err(failed)?;
    let [connection, order_id] = order.params();
    let exact = document.kind() == DocumentKind::Application
        || (posted.total == document.total && posted.currency.is_none_or(|currency| currency == document.currency));
    match operation {
        // What stands is never written over by a second confirmation of the same write; what was voided is replaced.
        Operation::Create | Operation::Update => sql.exec(
            "INSERT INTO documents (connection, order_id, document_key, kind, state, currency, expected_total,
                 ledger_total, proof, posted, document, posted_at)
             VALUES (?1, ?2, ?3, ?4, 'posted', ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (connection, order_id, document_key) DO UPDATE SET kind = excluded.kind,
                 currency = excluded.currency, expected_total = excluded.expected_total,
                 ledger_total = excluded.ledger_total, proof = excluded.proof, posted = excluded.posted,
                 document = excluded.document, posted_at = excluded.posted_at,
                 generation = CASE WHEN ?12 = 'update' THEN generation ELSE generation + 1 END,
                 updates = CASE WHEN ?12 = 'update' AND proof = 'differs' THEN updates + 1 ELSE 0 END,
                 state = CASE WHEN ?12 = 'update' THEN 'updated' ELSE 'posted' END
             WHERE (?12 = 'update' AND state <> 'foreign') OR state IN ('voided', 'deleted', 'retired')",
            &[
                connection,
                order_id,
                document.key.as_str().into(),
                document.kind().as_str().into(),
                document.currency.code().into(),
                document.currency.plain(document.total).into(),
                document.currency.plain(posted.total).into(),
                if exact { "exact" } else { "differs" }.into(),
                json.into(),
                written.into(),
                iso(now).into(),
                operation.as_str().into(),
            ],
        )?,
        Operation::Void => sql.exec(
            "UPDATE documents SET state = 'voided', posted = ?4, proof = replace(proof, 'unknown', 'exact')
             WHERE connection = ?1 AND order_id = ?2 AND document_key = ?3 AND state <> 'foreign'",
            &[connection, order_id, document.key.as_str().into(), json.into()],
        )?,
    };
    let [connection, order_id] = order.params();
    sql.exec("UPDATE orders SET wrote = 1 WHERE connection = ? AND order_id = ?", &[connection, order_id])?;
    publish(sql, order, &document.key)?;
    Ok(exact)
}

/// Records a sale that is somebody else's, as the ledger stated it: the same row again when it is looked at again. It
/// never takes the place of a document of ours, and nothing was written for it.
pub fn adopt(
    sql: &dyn Sql,
    order: &OrderRef,
    document: &Document,
    posted: &Posted,
    now: DateTime<Utc>,
) -> Result<(), SqlError> {
    let failed = |error: serde_json::Error| SqlError(error.to_string());
    let [connection, order_id] = order.params();
    sql.exec(
        "INSERT INTO documents (connection, order_id, document_key, kind, state, currency, expected_total, ledger_total,
             proof, posted, document, posted_at)
         VALUES (?1, ?2, ?3, ?4, 'foreign', ?5, ?6, ?7, 'exact', ?8, ?9, ?10)
         ON CONFLICT (connection, order_id, document_key) DO UPDATE SET kind = excluded.kind,
             currency = excluded.currency, expected_total = excluded.expected_total,
             ledger_total = excluded.ledger_total, posted = excluded.posted, document = excluded.document
         WHERE state = 'foreign'",
        &[
            connection,
            order_id,
            document.key.as_str().into(),
            document.kind().as_str().into(),
            document.currency.code().into(),
            document.currency.plain(document.total).into(),
            document.currency.plain(posted.total).into(),
            serde_json::to_string(posted).map_err(failed)?.into(),
            serde_json::to_string(document).map_err(failed)?.into(),
            iso(now).into(),
        ],
    )?;
    publish(sql, order, &document.key)
}

/// True if a sale of the ledger stands for another order of these books.
pub fn is_of_another(sql: &dyn Sql, order: &OrderRef, sale: &ForeignSale) -> Result<bool, SqlError> {
    let [connection, order_id] = order.params();
    let rows = sql.exec(
        "SELECT 1 AS found FROM documents WHERE json_extract(posted, '$.ledger_id') = ?1 AND kind = ?2
         AND (connection, order_id) <> (?3, ?4) LIMIT 1",
        &[sale.ledger_id.as_str().into(), sale.kind.as_str().into(), connection, order_id],
    )?;
    Ok(!rows.is_empty())
}

/// True if what was found stands for another document of these books already.
pub fn is_of_another_document(
    sql: &dyn Sql,
    order: &OrderRef,
    document: &Document,
    ledger_id: &str,
) -> Result<bool, SqlError> {
    let [connection, order_id] = order.params();
    let rows = sql.exec(
        "SELECT 1 AS found FROM documents WHERE json_extract(posted, '$.ledger_id') = ?1 AND kind = ?2
         AND (connection, order_id, document_key) <> (?3, ?4, ?5) LIMIT 1",
        &[ledger_id.into(), document.kind().as_str().into(), connection, order_id, document.key.as_str().into()],
    )?;
    Ok(!rows.is_empty())
}

/// The ledger refuses to write a document of a wrong total anew: it counts as tried.
pub fn cannot_be_corrected(sql: &dyn Sql, order: &OrderRef, key: &DocumentKey) -> Result<(), SqlError> {
    let [connection, order_id] = order.params();
    let statement =
        "UPDATE documents SET updates = updates + 1 WHERE connection = ? AND order_id = ? AND document_key = ?";
    sql.exec(statement, &[connection, order_id, key.as_str().into()]).map(drop)
}

/// The ledger no longer has it, or it was voided there.
pub fn gone(sql: &dyn Sql, order: &OrderRef, key: &DocumentKey) -> Result<(), SqlError> {
    let [connection, order_id] = order.params();
    let statement = "UPDATE documents SET state = 'deleted'
         WHERE connection = ? AND order_id = ? AND document_key = ? AND state IN ('posted', 'updated')";
    sql.exec(statement, &[connection, order_id, key.as_str().into()])?;
    publish(sql, order, key)
}

/// What the ledger holds of it is not what was written, or nobody knows: it is written anew.
pub fn doubt(sql: &dyn Sql, order: &OrderRef, key: &DocumentKey) -> Result<(), SqlError> {
    let [connection, order_id] = order.params();
    let statement = "UPDATE documents SET proof = 'unknown'
         WHERE connection = ? AND order_id = ? AND document_key = ? AND proof = 'exact'";
    sql.exec(statement, &[connection, order_id, key.as_str().into()]).map(drop)
}

/// The ledger's newer word on a document that is about to be written again: above all its version.
pub fn refresh(sql: &dyn Sql, order: &OrderRef, key: &DocumentKey, posted: &Posted) -> Result<(), SqlError> {
    let json = serde_json::to_string(posted).map_err(|error| SqlError(error.to_string()))?;
    let [connection, order_id] = order.params();
    let statement = "UPDATE documents SET posted = ?4 WHERE connection = ?1 AND order_id = ?2 AND document_key = ?3";
    sql.exec(statement, &[connection, order_id, key.as_str().into(), json.into()]).map(drop)
}

fn publish(sql: &dyn Sql, order: &OrderRef, key: &DocumentKey) -> Result<(), SqlError> {
    let [connection, order_id] = order.params();
    let rows = sql.exec(
        "SELECT * FROM documents WHERE connection = ? AND order_id = ? AND document_key = ?",
        &[connection, order_id, key.as_str().into()],
    )?;
    let Some(row) = rows.first() else { return Ok(()) };
    let (_, record) = read(row)?;
    let entry = DocumentRecord {
        connection: order.connection.clone(),
        order_id: order.order_id.clone(),
        document_key: key.to_string(),
        kind: row.text("kind")?,
        ledger_id: record.posted.ledger_id,
        number: record.posted.number,
        currency: record.currency,
        expected_total: row.text("expected_total")?,
        ledger_total: row.text("ledger_total")?,
        proof: row.text("proof")?.replace("unknown", "differs"),
        state: row.text("state")?.replace("retired", "voided"),
        posted_at: row.text("posted_at")?,
    };
    journal::append(sql, &journal::Record::Document(entry))
}
