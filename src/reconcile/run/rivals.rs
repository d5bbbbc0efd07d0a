//! What may be an order's after all, without saying so; and how sure it is that what was taken by its amount is.

use chrono::{Duration, NaiveDate};
use rust_decimal::Decimal;

use super::listing::LOOK_BACK;
use super::recognised::{candidates, day, list, listed};
use super::tables::Run;
use crate::books::document::{DocumentKey, DocumentKind};
use crate::books::listed::Listed;
use crate::platform::{Sql, SqlError};
use crate::reconcile::matching::{self, SPAN};
use crate::reconcile::{Match, Rival, Wanted, Ways, naming};

/// Documents that were taken by their amount.
const TAKEN: &str = "recognised IN ('amount', 'nearest', 'other_currency')";
/// Those, and what seems to be there twice.
const UNSURE: &str = "recognised IN ('amount', 'nearest', 'other_currency', 'extra')";
/// How far away a document that nobody has may be an order's all the same, dated when it was entered or paid.
const FAR: i64 = LOOK_BACK.num_days();
/// Nearest ones of those that are looked at.
const NEAREST: usize = 20;

/// A document that might be that one's: of its amount, given to another order a few days around without saying whose it is;
/// of its amount, and nobody's; of its name, whatever it comes to; money that is applied to nothing; and in books that name no
/// orders, any of that day.
pub fn rival(sql: &dyn Sql, run: &Run, one: &Wanted, ways: Ways) -> Result<Option<Rival>, SqlError> {
    if is_one_around(sql, run, one, SPAN, UNSURE, None)? {
        return Ok(Some(Rival::Taken));
    }
    let named = candidates(sql, run, std::slice::from_ref(one), true)?;
    let is_meant =
        |listed: &&Listed| !listed.void && !naming::names_another(listed, one, ways) && naming::names(listed, one);
    if let Some(listed) = named.iter().find(is_meant) {
        return Ok(Some(Rival::Named(Box::new(listed.clone()))));
    }
    let free = |days: i64, is_of_the_amount: bool| -> Result<Option<Box<Listed>>, SqlError> {
        let found = nearest(sql, run, one, days, is_of_the_amount)?;
        let is_not = |listed: &Listed| {
            naming::names_another(listed, one, ways) || naming::is_an_earlier_ones(listed, one, SPAN, ways)
        };
        Ok(found.into_iter().find(|listed| !is_not(listed)).map(Box::new))
    };
    if let Some(listed) = free(FAR, true)? {
        return Ok(Some(Rival::Free(listed)));
    }
    if let Some(paid) = unapplied(sql, run, one, ways, &named)? {
        return Ok(Some(Rival::Paid(Box::new(paid))));
    }
    let Some(near) = free(SPAN, false)? else { return Ok(None) };
    // Beside documents that name their orders, one of another amount may be it if it looks like those that name none.
    let is_alike = ways == Ways::default() || looks_unnamed(sql, run, &near)?;
    Ok(is_alike.then_some(Rival::Near(near)))
}

/// A payment that is applied to nothing and says the sale's name, or is of its amount and says no other's: what it was for is
/// gone, or was never entered.
fn unapplied(sql: &dyn Sql, run: &Run, one: &Wanted, ways: Ways, named: &[Listed]) -> Result<Option<Listed>, SqlError> {
    if !one.key.is_sale() {
        return Ok(None);
    }
    let is_loose = |listed: &&Listed| {
        let is_open = listed.open.is_some_and(|open| open > Decimal::ZERO);
        listed.kind == DocumentKind::Payment && listed.counts() && is_open
    };
    // It names orders as documents of sales do.
    let as_sale = |listed: &Listed| Listed { kind: one.kind, ..listed.clone() };
    if let Some(paid) = named.iter().filter(is_loose).find(|listed| naming::names(&as_sale(listed), one)) {
        return Ok(Some(paid.clone()));
    }
    for total in one.amounts() {
        let rows = sql.exec(
            UNAPPLIED,
            &[
                run.id.as_str().into(),
                DocumentKind::Payment.as_str().into(),
                total.normalize().to_string().into(),
                day(Some(one.date), -FAR).into(),
                day(Some(one.date), FAR).into(),
                (NEAREST as i64).into(),
            ],
        )?;
        let is_meant = |listed: &Listed| !naming::names_another(&as_sale(listed), one, ways);
        if let Some(paid) = listed(&rows)?.into_iter().filter(|listed| is_loose(&listed)).find(is_meant) {
            return Ok(Some(paid));
        }
    }
    Ok(None)
}

/// Payments of an amount that are not applied in full.
const UNAPPLIED: &str = "SELECT listed FROM run_documents WHERE run = ?1 AND kind = ?2 AND total = ?3
     AND date BETWEEN ?4 AND ?5 AND order_id IS NULL AND CAST(json_extract(listed, '$.open') AS REAL) > 0
     ORDER BY date, rowid LIMIT ?6";

/// True if fewer than half of the sales have a document of their own: then nobody knows what holds the others.
pub fn is_sparse(sql: &dyn Sql, run: &Run) -> Result<bool, SqlError> {
    let count = |statement: &str| -> Result<i64, SqlError> {
        let rows = sql.exec(statement, &[run.id.as_str().into(), DocumentKey::sale().as_str().into()])?;
        rows.first().map_or(Ok(0), |row| row.int("n"))
    };
    let lost = count("SELECT COUNT(DISTINCT order_id) AS n FROM run_lost WHERE run = ? AND document_key = ?")?;
    let found = count("SELECT COUNT(DISTINCT order_id) AS n FROM run_documents WHERE run = ? AND document_key = ?")?;
    Ok(lost > found)
}

/// True if documents of its looks were recognised by their amount.
fn looks_unnamed(sql: &dyn Sql, run: &Run, listed: &Listed) -> Result<bool, SqlError> {
    let which = [run.id.as_str().into(), listed.kind.as_str().into(), listed.ledger_id.as_str().into()];
    Ok(!sql.exec(&looks(), &which)?.is_empty())
}

fn looks() -> String {
    format!(
        "SELECT 1 AS found FROM run_documents AS d JOIN run_documents AS m ON m.run = d.run AND m.shape = d.shape
         WHERE d.run = ? AND d.kind = ? AND d.ledger_id = ? AND m.{TAKEN} LIMIT 1"
    )
}

fn kinds(one: &Wanted) -> Result<String, SqlError> {
    list(matching::kinds_like(one.kind).iter().map(|kind| kind.as_str().to_owned()))
}

fn amounts(one: &Wanted) -> Result<String, SqlError> {
    list(one.amounts().map(|total| total.normalize().to_string()))
}

/// The documents that nobody has, so many days around that one, the nearest first; those of its amounts, or all. However
/// many a day has, a few of them are looked at.
fn nearest(sql: &dyn Sql, run: &Run, one: &Wanted, days: i64, is_of_the_amount: bool) -> Result<Vec<Listed>, SqlError> {
    let totals = one.amounts().map(|total| Some(total.normalize().to_string()));
    let totals: Vec<Option<String>> = if is_of_the_amount { totals.collect() } else { vec![None] };
    let mut found = Vec::new();
    for kind in matching::kinds_like(one.kind) {
        for total in &totals {
            for (statement, (from, to)) in free(total.is_some()).iter().zip([(-days, 0), (1, days)]) {
                let rows = sql.exec(
                    statement,
                    &[
                        run.id.as_str().into(),
                        kind.as_str().into(),
                        day(Some(one.date), from).into(),
                        day(Some(one.date), to).into(),
                        (NEAREST as i64).into(),
                        total.as_deref().unwrap_or_default().into(),
                    ],
                )?;
                found.extend(listed(&rows)?);
            }
        }
    }
    let days = |listed: &Listed| listed.date.map(|date| (date - one.date).num_days().abs());
    found.sort_by(|a, b| (days(a), a.kind, &a.ledger_id).cmp(&(days(b), b.kind, &b.ledger_id)));
    found.truncate(NEAREST);
    Ok(found)
}

/// What nobody has of one kind and amount, or of one kind: back from a day, and on from one. Each reads an index of what
/// nobody has in its order, and stops when it has enough.
fn free(is_of_one_amount: bool) -> [String; 2] {
    let which = if is_of_one_amount { "total = ?6" } else { "?6 = ''" };
    ["DESC", "ASC"].map(|way| {
        format!(
            "SELECT listed FROM run_documents WHERE run = ?1 AND kind = ?2 AND {which} AND date BETWEEN ?3 AND ?4
                 AND order_id IS NULL AND json_extract(listed, '$.void') = 0 ORDER BY date {way}, rowid {way} LIMIT ?5"
        )
    })
}

/// True if one of `which` documents has one of these amounts, so many days around that one; `but` is no answer.
fn is_one_around(
    sql: &dyn Sql,
    run: &Run,
    one: &Wanted,
    days: i64,
    which: &str,
    but: Option<&Match>,
) -> Result<bool, SqlError> {
    let rows = sql.exec(
        &around(which),
        &[
            run.id.as_str().into(),
            amounts(one)?.into(),
            day(Some(one.date), -days).into(),
            day(Some(one.date), days).into(),
            kinds(one)?.into(),
            but.map_or("", |found| found.document.0.as_str()).into(),
            but.map_or("", |found| found.document.1.as_str()).into(),
        ],
    )?;
    Ok(!rows.is_empty())
}

fn around(which: &str) -> String {
    format!(
        "SELECT 1 AS found FROM run_documents WHERE run = ?1 AND total IN (SELECT value FROM json_each(?2))
         AND date BETWEEN ?3 AND ?4 AND kind IN (SELECT value FROM json_each(?5)) AND NOT (kind = ?6 AND ledger_id = ?7)
         AND {which} LIMIT 1"
    )
}

/// True if a document fits nothing else: none of the same amount stands around it, and no order of that amount has none.
/// At the ends of what was listed, and of a sample, orders may lie beyond them.
pub fn is_alone(sql: &dyn Sql, run: &Run, one: &Wanted, found: &Match, sure: &Sure) -> Result<bool, SqlError> {
    let unnamed = format!("(order_id IS NULL OR {TAKEN})");
    if !sure.holds(one.date) || is_one_around(sql, run, one, 2 * SPAN, &unnamed, Some(found))? {
        return Ok(false);
    }
    let rows = sql.exec(
        "SELECT 1 AS found FROM run_lost WHERE run = ? AND total = ? AND date BETWEEN ? AND ? LIMIT 1",
        &[
            run.id.as_str().into(),
            one.total().normalize().to_string().into(),
            day(Some(one.date), -2 * SPAN).into(),
            day(Some(one.date), 2 * SPAN).into(),
        ],
    )?;
    Ok(rows.is_empty())
}

/// The days of which every order and every document around them was listed.
pub struct Sure {
    first: NaiveDate,
    last: NaiveDate,
}

impl Sure {
    /// Those of a run.
    pub fn of(sql: &dyn Sql, run: &Run) -> Result<Self, SqlError> {
        let oldest = "SELECT MIN(made_at) AS at FROM run_orders WHERE run = ?";
        let oldest = match run.sample {
            Some(_) => {
                sql.exec(oldest, &[run.id.as_str().into()])?.first().map(|row| row.text_or_null("at")).transpose()?
            }
            None => None,
        };
        let oldest = oldest.flatten().and_then(|at| at.get(..10)?.parse().ok());
        let is_past = run.started_at - run.to > Duration::days(1);
        Ok(Self {
            first: oldest.unwrap_or_else(|| run.from.date_naive()),
            last: if is_past { run.to.date_naive() } else { NaiveDate::MAX },
        })
    }

    fn holds(&self, day: NaiveDate) -> bool {
        day - self.first > Duration::days(2 * SPAN) && self.last - day > Duration::days(2 * SPAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::Value;
    use crate::platform::native::Sqlite;
    use crate::reconcile::run::{audit, recognised, tables};

    /// How SQLite goes about a statement.
    fn plan(statement: &str) -> Vec<String> {
        let sql = Sqlite::in_memory().unwrap();
        tables::create(&sql).unwrap();
        // Nothing is read: whatever is bound will do, if there is enough of it.
        let rows = (1..9)
            .find_map(|count| sql.exec(&format!("EXPLAIN QUERY PLAN {statement}"), &vec![Value::Null; count]).ok());
        rows.unwrap().iter().map(|row| row.text("detail").unwrap()).collect()
    }

    #[test]
    fn of_a_hundred_thousand_documents_only_those_are_looked_at_that_nobody_has_or_that_were_taken_by_their_amount() {
        let [before, after] = free(false);
        let [before_of_it, after_of_it] = free(true);
        for (statement, index) in [
            (before.as_str(), "run_documents_free (run=? AND kind=? AND date>? AND date<?)"),
            (&after, "run_documents_free (run=? AND kind=? AND date>? AND date<?)"),
            (&before_of_it, "run_documents_free_by_total (run=? AND kind=? AND total=? AND date>? AND date<?)"),
            (&after_of_it, "run_documents_free_by_total (run=? AND kind=? AND total=? AND date>? AND date<?)"),
            (UNAPPLIED, "run_documents_free_by_total (run=? AND kind=? AND total=? AND date>? AND date<?)"),
            (recognised::FREE, "run_documents_free_by_total (run=? AND kind=? AND total=? AND date>? AND date<?)"),
            (audit::LEFT, "run_documents_free (run=? AND kind=? AND date>? AND date<?)"),
            (&around(UNSURE), "run_documents_unsure (run=? AND total=? AND date>? AND date<?)"),
            (&looks(), "run_documents_taken_by_shape (run=? AND shape=?)"),
        ] {
            let plan = plan(statement);
            assert!(plan.iter().any(|step| step.contains(index)), "{statement}: {plan:#?}");
            // None is sorted before the first is read.
            assert!(!plan.iter().any(|step| step.contains("ORDER BY")), "{statement}: {plan:#?}");
        }
    }
}
