//! Books that somebody else filled: their documents are paired with the orders, first those that name an order, then by
//! amount, currency and day, the nearest first. Orders are taken some at a time, in their order, as often as it takes: no
//! order takes by its amount what is nearer to another one. What is left then and looks like a sale of the shop is called
//! for by nothing.

use std::collections::BTreeSet;

use chrono::{Duration, NaiveDate};

use super::cases::{add, record};
use super::left::unexpected;
use super::listing::first_day;
use super::phases::Stage;
use super::recognised::{
    Sure, by_amount, count_matches, is_alone, is_contested, know, lacking, lose, name, recognised, wanted,
};
use super::tables::Run;
use super::{Next, Phase, Piece};
use crate::books::listed::Listed;
use crate::config::Connection;
use crate::platform::{Row, Sql, SqlError, transaction};
use crate::posting::Books;
use crate::reconcile::matching::SPAN;
use crate::reconcile::{By, Expectation, Reach, Theirs, compare_foreign};

/// Orders in a piece of work.
const ORDERS: i64 = 100;
/// Documents in a piece of work.
const DOCUMENTS: i64 = 200;

/// What is done with the books, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Documents that name an order find it.
    Named,
    /// Those that fit an order by their amount, so far away: a place in [`Reach::all`].
    Amount(usize),
    /// What has no document is noted.
    Lost,
    /// All is held against what is called for.
    Judge,
    /// What is left and looks like a sale of the shop.
    Left,
}

impl Pass {
    fn next(self) -> Self {
        match self {
            Pass::Named => Pass::Amount(0),
            Pass::Amount(at) if at + 1 < Reach::all().len() => Pass::Amount(at + 1),
            Pass::Amount(_) => Pass::Lost,
            Pass::Lost => Pass::Judge,
            Pass::Judge | Pass::Left => Pass::Left,
        }
    }

    /// Where its orders are: by amount only those have their turn that have not all their documents.
    fn stage(self) -> Stage {
        match self {
            Pass::Amount(_) | Pass::Lost => Stage::Unmatched,
            Pass::Named | Pass::Judge | Pass::Left => Stage::Compared,
        }
    }
}

/// A pass, and the order that it is behind. Kept as text in the run's cursor.
struct Place {
    pass: Pass,
    after: String,
}

impl Place {
    fn read(cursor: &str) -> Self {
        let (name, after) = cursor.split_once('/').unwrap_or_default();
        let pass = match name {
            "lost" => Pass::Lost,
            "judge" => Pass::Judge,
            "left" => Pass::Left,
            name => name.parse().map_or(Pass::Named, Pass::Amount),
        };
        Self { pass, after: after.to_owned() }
    }

    fn text(&self) -> String {
        let after = &self.after;
        match self.pass {
            Pass::Named => format!("named/{after}"),
            Pass::Amount(at) => format!("{at}/{after}"),
            Pass::Lost => format!("lost/{after}"),
            Pass::Judge => format!("judge/{after}"),
            Pass::Left => format!("left/{after}"),
        }
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
            place.pass.stage().into(),
            place.after.as_str().into(),
            connection.id.as_str().into(),
            ORDERS.into(),
        ],
    )?;
    let Some(last) = rows.last() else {
        if place.pass == Pass::Judge {
            count_matches(sql, run)?;
        }
        run.cursor = Place { pass: place.pass.next(), after: String::new() }.text();
        return Ok(Next::More);
    };
    place.after = last.text("order_id")?;
    let orders: Vec<Expectation> = rows.iter().filter_map(expectation).collect();
    transaction(sql, |sql| {
        match place.pass {
            Pass::Named => name(sql, run, &orders),
            Pass::Amount(at) => by_amount(sql, run, &orders, at),
            Pass::Lost => lose(sql, run, &orders),
            Pass::Judge | Pass::Left => judge(connection, sql, run, &orders),
        }?;
        run.cursor = place.text();
        run.store(sql)
    })?;
    Ok(Next::More)
}

/// From when on the sales were made whose documents are listed, wherever the other integration dates them.
fn sure_from(run: &Run) -> NaiveDate {
    first_day(run) + Duration::days(SPAN)
}

/// What is left when every order has its documents. Whatever looks like those that were recognised, or repeats one of them to
/// the cent, is a sale of the shop that no order calls for; the rest is none of the shop's. A sample says nothing of that,
/// nor do the window's first days: their documents may be those of earlier orders.
fn left(sql: &dyn Sql, run: &Run) -> Piece {
    if run.sample.is_some() {
        return Ok(Next::Then(Phase::Diagnose));
    }
    let from = (run.from + Duration::days(SPAN)).date_naive().to_string();
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

/// All is held against what is called for.
fn judge(connection: &Connection, sql: &dyn Sql, run: &Run, orders: &[Expectation]) -> Result<(), SqlError> {
    let Ok(settings) = &connection.settings else { return Ok(()) };
    let (mut matches, documents) = recognised(sql, run, orders)?;
    let (wanted, sure) = (wanted(orders), Sure::of(sql, run)?);
    for found in matches.iter_mut().filter(|one| one.by == By::Nearest) {
        let own = wanted.iter().find(|one| one.order_id == found.order_id && one.key == found.key);
        if let Some(one) = own
            && is_alone(sql, run, one, found, &sure)?
        {
            found.by = By::Amount;
            know(sql, run, found)?;
        }
    }
    let mut contested = BTreeSet::new();
    for one in lacking(&wanted, &matches) {
        if is_contested(sql, run, &one)? {
            contested.insert((one.order_id, one.key));
        }
    }
    let (ledger, since) = (settings.ledger, sure_from(run));
    let theirs = Theirs { matches: &matches, documents: &documents, contested: &contested, ledger, since };
    orders.iter().try_for_each(|order| record(sql, run, &order.order_id, &compare_foreign(order, &theirs)))
}
