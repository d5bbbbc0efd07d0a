//! Books that somebody else filled: their documents are paired with the orders, first those that name an order, then by
//! amount, currency and day. Orders are taken some at a time, in their order. What is left then and looks like a sale of the
//! shop is called for by nothing.

use std::collections::BTreeMap;

use super::cases::{add, record};
use super::left::unexpected;
use super::listing::first_day;
use super::phases::Stage;
use super::tables::Run;
use super::{Next, Phase, Piece};
use crate::books::document::DocumentKey;
use crate::books::listed::Listed;
use crate::config::Connection;
use crate::platform::{Row, Sql, SqlError, transaction};
use crate::posting::Books;
use crate::reconcile::{By, Expectation, Match, Wanted, assign, compare_foreign};

/// Orders in a piece of work.
const ORDERS: i64 = 100;
/// Documents in a piece of work.
const DOCUMENTS: i64 = 200;
/// How many days a document may be dated away from its order.
const DAYS: i64 = 3;

/// What is done with the books, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Documents that name an order find it.
    Named,
    /// Those that fit an order by their amount; then all is held against what is called for.
    Amount,
    /// What is left and looks like a sale of the shop.
    Left,
}

/// A pass, and the order that it is behind. Kept as text in the run's cursor.
struct Place {
    pass: Pass,
    after: String,
}

impl Place {
    const PASSES: [(Pass, &str); 3] = [(Pass::Named, "named"), (Pass::Amount, "amount"), (Pass::Left, "left")];

    fn read(cursor: &str) -> Self {
        let (name, after) = cursor.split_once('/').unwrap_or_default();
        let pass = Self::PASSES.into_iter().find(|one| one.1 == name).map_or(Pass::Named, |one| one.0);
        Self { pass, after: after.to_owned() }
    }

    fn text(&self) -> String {
        let name = Self::PASSES.into_iter().find(|one| one.0 == self.pass).map_or("", |one| one.1);
        format!("{name}/{}", self.after)
    }
}

/// Pairs some more orders, or looks at some more of what is left.
pub fn pair(books: &Books<'_>, connection: &Connection, run: &mut Run) -> Piece {
    let sql = books.platform.sql;
    let mut place = Place::read(&run.cursor);
    if place.pass == Pass::Left {
        return left(sql, run);
    }
    let rows = sql.exec(
        "SELECT order_id, expectation FROM run_orders o WHERE run = ?1 AND stage = ?2 AND order_id > ?3
         AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.connection = ?4 AND d.order_id = o.order_id
                         AND d.state IN ('posted', 'updated'))
         AND NOT EXISTS (SELECT 1 FROM taken_over t WHERE t.connection = ?4 AND t.order_id = o.order_id)
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
        let pass = if place.pass == Pass::Named { Pass::Amount } else { Pass::Left };
        run.cursor = Place { pass, after: String::new() }.text();
        return Ok(Next::More);
    };
    place.after = last.text("order_id")?;
    let orders: Vec<Expectation> = rows.iter().filter_map(expectation).collect();
    transaction(sql, |sql| {
        if place.pass == Pass::Named { name(sql, run, &orders) } else { judge(connection, sql, run, &orders) }?;
        run.cursor = place.text();
        run.store(sql)
    })?;
    Ok(Next::More)
}

/// From when on the sales were made whose documents are listed, wherever the other integration dates them.
fn sure_from(run: &Run) -> chrono::NaiveDate {
    first_day(run) + chrono::Duration::days(DAYS)
}

/// What is left when every order has its documents. Whatever looks like those that were recognised, or repeats one of them to
/// the cent, is a sale of the shop that no order calls for; the rest is none of the shop's. A sample says nothing of that,
/// nor do the window's first days: their documents may be those of earlier orders.
fn left(sql: &dyn Sql, run: &Run) -> Piece {
    if run.sample.is_some() {
        return Ok(Next::Then(Phase::Diagnose));
    }
    let from = (run.from + chrono::Duration::days(DAYS)).date_naive().to_string();
    let rows = sql.exec(
        "SELECT kind, ledger_id, listed, EXISTS (SELECT 1 FROM run_documents m WHERE m.run = ?1 AND m.shape = d.shape
                 AND m.order_id > '') AS alike,
             (SELECT o.name FROM run_documents m JOIN run_orders o ON o.run = m.run AND o.order_id = m.order_id
                 WHERE m.run = ?1 AND m.total = d.total AND m.kind = d.kind AND m.date BETWEEN date(d.date, '-3 days')
                 AND date(d.date, '+3 days') LIMIT 1) AS twin
         FROM run_documents d WHERE run = ?1 AND order_id IS NULL AND date BETWEEN ?2 AND ?3
             AND kind IN ('invoice', 'sales_receipt', 'credit_note', 'refund_receipt')
         ORDER BY kind, ledger_id LIMIT ?4",
        &[run.id.as_str().into(), from.into(), run.to.date_naive().to_string().into(), DOCUMENTS.into()],
    )?;
    if rows.is_empty() {
        return Ok(Next::Then(Phase::Diagnose));
    }
    transaction(sql, |sql| {
        for row in &rows {
            let Ok(listed) = serde_json::from_str::<Listed>(&row.text("listed")?) else { continue };
            let twin = row.text_or_null("twin")?;
            if listed.counts() && !listed.total.is_zero() && (row.int("alike")? != 0 || twin.is_some()) {
                add(sql, run, &unexpected(&listed, &why_left(twin)))?;
            }
            sql.exec(
                "UPDATE run_documents SET order_id = '' WHERE run = ? AND kind = ? AND ledger_id = ?",
                &[run.id.as_str().into(), row.text("kind")?.into(), row.text("ledger_id")?.into()],
            )?;
        }
        Ok::<_, SqlError>(())
    })?;
    Ok(Next::More)
}

fn why_left(twin: Option<String>) -> String {
    let text = "no order of the shop is left for it";
    twin.map_or_else(
        || text.to_owned(),
        |name| {
            let doubt = By::Nearest.confidence();
            format!("{text}; amount and day are those of {name}, which may have been entered twice ({doubt})")
        },
    )
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
        "SELECT listed FROM run_documents WHERE rowid IN
             (SELECT of.rowid FROM run_words JOIN run_documents AS of ON of.run = run_words.run
                  AND of.kind = run_words.kind AND of.ledger_id = run_words.ledger_id
              WHERE run_words.run = ?1 AND run_words.word IN (SELECT value FROM json_each(?2)) AND +of.order_id IS NULL)",
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
        "SELECT listed FROM run_documents WHERE rowid IN (
             SELECT rowid FROM run_documents WHERE run = ?1 AND order_id IN (SELECT value FROM json_each(?2))
             UNION SELECT rowid FROM run_documents WHERE run = ?1 AND total IN (SELECT value FROM json_each(?3))
                 AND date BETWEEN ?4 AND ?5 AND +order_id IS NULL)
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
        let findings = compare_foreign(order, &matches, &documents, settings.ledger, sure_from(run));
        record(sql, run, &order.order_id, &findings)?;
    }
    Ok(())
}
