//! Books that somebody else filled: their documents are paired with the orders, first those that name an order, then by
//! amount, currency and day. Orders are taken some at a time, in their order.

use std::collections::BTreeMap;

use super::cases::record;
use super::tables::{Run, Stage};
use super::{Next, Phase, Piece};
use crate::books::document::DocumentKey;
use crate::books::listed::Listed;
use crate::config::Connection;
use crate::platform::{Row, Sql, SqlError, transaction};
use crate::posting::Books;
use crate::reconcile::{Expectation, Match, Wanted, assign, compare_foreign};

/// Orders in a piece of work.
const ORDERS: i64 = 100;
/// How many days a document may be dated away from its order.
const DAYS: i64 = 3;

/// One of the two passes over the orders, and the order that it is behind. Kept as text in the run's cursor.
struct Place {
    by_amount: bool,
    after: String,
}

impl Place {
    fn read(cursor: &str) -> Self {
        let (pass, after) = cursor.split_once('/').unwrap_or(("named", ""));
        Self { by_amount: pass == "amount", after: after.to_owned() }
    }

    fn text(&self) -> String {
        format!("{}/{}", if self.by_amount { "amount" } else { "named" }, self.after)
    }
}

/// Pairs some more orders.
pub fn pair(books: &Books<'_>, connection: &Connection, run: &mut Run) -> Piece {
    let sql = books.platform.sql;
    let mut place = Place::read(&run.cursor);
    let rows = sql.exec(
        "SELECT order_id, expectation FROM run_orders o WHERE run = ?1 AND stage = ?2 AND order_id > ?3
         AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.connection = ?4 AND d.order_id = o.order_id
                         AND d.state IN ('posted', 'updated'))
         ORDER BY order_id LIMIT ?5",
        &[
            run.id.as_str().into(),
            Stage::Compared.into(),
            place.after.as_str().into(),
            connection.id.as_str().into(),
            ORDERS.into(),
        ],
    )?;
    let Some(last) = rows.last() else {
        if place.by_amount {
            return Ok(Next::Then(Phase::Diagnose));
        }
        run.cursor = Place { by_amount: true, after: String::new() }.text();
        return Ok(Next::More);
    };
    place.after = last.text("order_id")?;
    let orders: Vec<Expectation> = rows.iter().filter_map(expectation).collect();
    transaction(sql, |sql| {
        if place.by_amount { judge(connection, sql, run, &orders) } else { name(sql, run, &orders) }?;
        run.cursor = place.text();
        run.store(sql)
    })?;
    Ok(Next::More)
}

fn expectation(row: &Row) -> Option<Expectation> {
    serde_json::from_str(&row.text_or_null("expectation").ok()??).ok()
}

/// What the orders want to have, with Shopify's ids of the money that belongs to each.
fn wanted(orders: &[Expectation]) -> Vec<Wanted> {
    let of_order = |order: &Expectation| {
        let mut ids: BTreeMap<DocumentKey, Vec<String>> = BTreeMap::new();
        for one in order.calls.documents() {
            if let Some(settles) = &one.settles {
                ids.entry(DocumentKey::stored(settles.whole().to_owned())).or_default().push(one.number.clone());
            }
        }
        Wanted::all_of(order, &ids)
    };
    orders.iter().flat_map(of_order).collect()
}

fn listed(rows: &[Row]) -> Result<Vec<Listed>, SqlError> {
    let mut all = Vec::new();
    for row in rows {
        all.extend(serde_json::from_str::<Listed>(&row.text("listed")?).ok());
    }
    Ok(all)
}

fn list(texts: impl Iterator<Item = String>) -> Result<String, SqlError> {
    serde_json::to_string(&texts.collect::<Vec<_>>()).map_err(|error| SqlError(error.to_string()))
}

fn claim(sql: &dyn Sql, run: &Run, found: &Match) -> Result<(), SqlError> {
    for (kind, ledger_id) in std::iter::once(&found.document).chain(&found.extra) {
        sql.exec(
            "UPDATE run_documents SET order_id = ? WHERE run = ? AND kind = ? AND ledger_id = ? AND order_id IS NULL",
            &[found.order_id.as_str().into(), run.id.as_str().into(), kind.as_str().into(), ledger_id.as_str().into()],
        )?;
    }
    Ok(())
}

/// The documents that name one of the orders.
fn name(sql: &dyn Sql, run: &Run, orders: &[Expectation]) -> Result<(), SqlError> {
    let wanted = wanted(orders);
    let digits = |name: &str| -> Vec<String> {
        let runs = name.split(|letter: char| !letter.is_ascii_digit()).filter(|run| !run.is_empty());
        runs.map(str::to_owned).collect()
    };
    let words = wanted
        .iter()
        .flat_map(|one| std::iter::once(one.order_id.clone()).chain(digits(&one.name)).chain(one.ids.iter().cloned()));
    let rows = sql.exec(
        "SELECT listed FROM run_documents WHERE run = ?1 AND order_id IS NULL AND (kind, ledger_id) IN
         (SELECT kind, ledger_id FROM run_words WHERE run = ?1 AND word IN (SELECT value FROM json_each(?2)))",
        &[run.id.as_str().into(), list(words)?.into()],
    )?;
    let found = assign(&wanted, &listed(&rows)?);
    found.iter().filter(|one| one.by.is_named()).try_for_each(|one| claim(sql, run, one))
}

/// The documents that fit by their amount join those that name the order; then all is held against what is called for.
fn judge(connection: &Connection, sql: &dyn Sql, run: &Run, orders: &[Expectation]) -> Result<(), SqlError> {
    let Ok(settings) = &connection.settings else { return Ok(()) };
    let wanted = wanted(orders);
    let totals = wanted.iter().flat_map(|one| [Some(one.total), one.other_total.map(|(_, total)| total)]);
    let totals = totals.flatten().map(|total| total.normalize().to_string());
    let days = || wanted.iter().map(|one| one.date);
    let day = |day: Option<chrono::NaiveDate>, days: i64| {
        day.and_then(|day| day.checked_add_signed(chrono::Duration::days(days))).map(|day| day.to_string())
    };
    let rows = sql.exec(
        "SELECT listed FROM run_documents WHERE run = ?1 AND (order_id IN (SELECT value FROM json_each(?2))
             OR (order_id IS NULL AND total IN (SELECT value FROM json_each(?3)) AND date BETWEEN ?4 AND ?5))
         ORDER BY kind, ledger_id",
        &[
            run.id.as_str().into(),
            list(orders.iter().map(|order| order.order_id.clone()))?.into(),
            list(totals)?.into(),
            day(days().min(), -DAYS).unwrap_or_default().into(),
            day(days().max(), DAYS).unwrap_or_default().into(),
        ],
    )?;
    let documents = listed(&rows)?;
    let matches = assign(&wanted, &documents);
    matches.iter().try_for_each(|one| claim(sql, run, one))?;
    for order in orders {
        let findings = compare_foreign(order, &matches, &documents, settings.ledger);
        record(sql, run, &order.order_id, &findings)?;
    }
    Ok(())
}
