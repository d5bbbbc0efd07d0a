//! What is left in the ledger when every order was looked at: a document that names an order of this shop, or, in an
//! audit, the documents of whoever filled the books.

use super::cases::{record, set_stage};
use super::listing::words;
use super::phases::{Kind, Stage};
use super::shop::put_order;
use super::tables::Run;
use super::{Next, Phase, Piece, audit};
use crate::books::listed::Listed;
use crate::config::Connection;
use crate::platform::{Row, Sql, SqlError, transaction};
use crate::posting::Books;
use crate::reconcile::{Class, Finding, Repair};

/// Documents in a piece of work.
const DOCUMENTS: i64 = 200;
/// Shopify's ids of orders have at least so many digits.
const SHORTEST_ID: usize = 10;

/// Takes some of what is left.
pub fn take(books: &Books<'_>, connection: &Connection, run: &mut Run) -> Piece {
    let sql = books.platform.sql;
    if run.kind == Kind::Audit {
        return audit::pair(books, connection, run);
    }
    let rows = sql.exec(
        "SELECT kind, ledger_id, listed FROM run_documents WHERE run = ? AND order_id IS NULL ORDER BY rowid LIMIT ?",
        &[run.id.as_str().into(), DOCUMENTS.into()],
    )?;
    let can_ask = books.can_ask_shop(connection)?;
    for row in &rows {
        transaction(sql, |sql| place(sql, run, connection, row, can_ask))?;
    }
    if !rows.is_empty() {
        return Ok(Next::More);
    }
    let more = "SELECT 1 AS found FROM run_orders WHERE run = ? AND stage IN (?, ?) LIMIT 1";
    let more = sql.exec(more, &[run.id.as_str().into(), Stage::Unfetched.into(), Stage::Ready.into()])?;
    if more.is_empty() {
        return Ok(Next::Then(Phase::Diagnose));
    }
    Ok(Next::Then(Phase::Fetch))
}

/// Finds the order that a document names. It is compared with it, whether it lies in the window or not.
fn place(sql: &dyn Sql, run: &Run, connection: &Connection, row: &Row, can_ask: bool) -> Result<(), SqlError> {
    let (kind, ledger_id) = (row.text("kind")?, row.text("ledger_id")?);
    let claim = |order_id: &str| {
        sql.exec(
            "UPDATE run_documents SET order_id = ? WHERE run = ? AND kind = ? AND ledger_id = ?",
            &[order_id.into(), run.id.as_str().into(), kind.as_str().into(), ledger_id.as_str().into()],
        )
        .map(drop)
    };
    let listed: Option<Listed> = serde_json::from_str(&row.text("listed")?).ok();
    let prefix = connection.settings.as_ref().map(|settings| settings.number_prefix.as_str()).unwrap_or_default();
    let Some(listed) = listed.filter(Listed::counts) else { return claim("") };
    let words = serde_json::to_string(&words(&listed)).map_err(|error| SqlError(error.to_string()))?;
    let known = sql.exec(
        "SELECT order_id, coalesce(name, order_id) AS name FROM orders
         WHERE connection = ? AND order_id IN (SELECT value FROM json_each(?)) LIMIT 1",
        &[run.connection.as_str().into(), words.into()],
    )?;
    if let Some(order) = known.first() {
        let order_id = order.text("order_id")?;
        claim(&order_id)?;
        let listed_before = "SELECT 1 AS found FROM run_orders WHERE run = ? AND order_id = ?";
        if sql.exec(listed_before, &[run.id.as_str().into(), order_id.as_str().into()])?.is_empty() {
            return put_order(sql, run, &order_id, &order.text("name")?, "", "known", Stage::Ready);
        }
        return set_stage(sql, run, &order_id, Stage::Ready);
    }
    // A number like ours, for an order that was never delivered: Shopify knows whether there is one.
    let ids: Vec<&str> =
        listed.note.split(|letter: char| !letter.is_ascii_digit()).filter(|word| word.len() >= SHORTEST_ID).collect();
    match ids.first().filter(|_| listed.number.starts_with(prefix)) {
        Some(order_id) if can_ask => {
            claim(order_id)?;
            put_order(sql, run, order_id, &listed.number, "", "fetched", Stage::Unfetched)
        }
        Some(order_id) => {
            claim(order_id)?;
            record(sql, run, order_id, &[unexpected(&listed, "the order that it names was never delivered")])
        }
        None => claim(""),
    }
}

/// Shopify knows no such order: whatever names it in the ledger is not called for.
pub fn unknown(sql: &dyn Sql, run: &Run, order_id: &str) -> Result<(), SqlError> {
    let rows = sql.exec(
        "SELECT listed FROM run_documents WHERE run = ? AND order_id = ? ORDER BY rowid",
        &[run.id.as_str().into(), order_id.into()],
    )?;
    let mut found: Vec<Listed> = Vec::new();
    for row in &rows {
        found.extend(serde_json::from_str::<Listed>(&row.text("listed")?));
    }
    let cause = "Shopify does not know the order that it names";
    let findings: Vec<Finding> = found.iter().filter(|one| one.counts()).map(|one| unexpected(one, cause)).collect();
    record(sql, run, order_id, &findings)?;
    let statement = "DELETE FROM run_orders WHERE run = ? AND order_id = ?";
    sql.exec(statement, &[run.id.as_str().into(), order_id.into()]).map(drop)
}

/// What Shopify says of an order cannot be read: nobody knows what it calls for.
pub fn unreadable(sql: &dyn Sql, run: &Run, order_id: &str, name: &str) -> Result<(), SqlError> {
    let finding = Finding {
        class: Class::Missing,
        document_key: None,
        ledger_id: None,
        number: name.to_owned(),
        field: None,
        shopify_value: "what Shopify says cannot be read".into(),
        ledger_value: String::new(),
        cause: "nobody knows what it calls for".into(),
        repair: Repair::Ask,
    };
    record(sql, run, order_id, &[finding])?;
    set_stage(sql, run, order_id, Stage::Compared)
}

/// A document of ours by its looks, for an order that is none of this shop's.
pub fn unexpected(listed: &Listed, cause: &str) -> Finding {
    let shown = listed.currency.map_or_else(|| listed.total.to_string(), |currency| currency.show(listed.total));
    Finding {
        class: Class::Unexpected,
        document_key: None,
        ledger_id: Some(listed.ledger_id.clone()),
        number: listed.number.clone(),
        field: None,
        shopify_value: String::new(),
        ledger_value: shown,
        cause: cause.to_owned(),
        repair: Repair::Ask,
    }
}
