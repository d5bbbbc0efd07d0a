//! Whose documents are whose in books that somebody else filled: what is claimed by a name or by its amount, what has
//! none, and how sure that is.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Duration, NaiveDate};

use super::cases::set_stage;
use super::phases::Stage;
use super::tables::Run;
use crate::books::document::DocumentKey;
use crate::books::listed::Listed;
use crate::platform::{Row, Sql, SqlError};
use crate::reconcile::matching;
use crate::reconcile::naming::{core, digits};
use crate::reconcile::{By, Expectation, Match, Naming, Reach, Wanted, Ways};

/// What is kept of a document that is a second one of its order.
const EXTRA: &str = "extra";

/// What the orders want to have, with Shopify's ids of the money that belongs to each.
pub fn wanted(orders: &[Expectation]) -> Vec<Wanted> {
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

pub(super) fn listed(rows: &[Row]) -> Result<Vec<Listed>, SqlError> {
    let mut all = Vec::new();
    for row in rows {
        all.extend(serde_json::from_str::<Listed>(&row.text("listed")?).ok());
    }
    Ok(all)
}

pub(super) fn list(texts: impl Iterator<Item = String>) -> Result<String, SqlError> {
    serde_json::to_string(&texts.collect::<Vec<_>>()).map_err(|error| SqlError(error.to_string()))
}

/// A document is its order's from now on.
fn claim(sql: &dyn Sql, run: &Run, found: &Match) -> Result<(), SqlError> {
    let first = (&found.document, found.by.as_str());
    for ((kind, ledger_id), how) in std::iter::once(first).chain(found.extra.iter().map(|one| (one, EXTRA))) {
        sql.exec(
            "UPDATE run_documents SET order_id = ?4, document_key = ?5, recognised = ?6
             WHERE run = ?1 AND kind = ?2 AND ledger_id = ?3 AND recognised IS NULL",
            &[
                run.id.as_str().into(),
                kind.as_str().into(),
                ledger_id.as_str().into(),
                found.order_id.as_str().into(),
                found.key.as_str().into(),
                how.into(),
            ],
        )?;
    }
    Ok(())
}

/// It is known better how a document was recognised.
pub fn know(sql: &dyn Sql, run: &Run, found: &Match) -> Result<(), SqlError> {
    let (kind, ledger_id) = &found.document;
    sql.exec(
        "UPDATE run_documents SET recognised = ? WHERE run = ? AND kind = ? AND ledger_id = ?",
        &[found.by.as_str().into(), run.id.as_str().into(), kind.as_str().into(), ledger_id.as_str().into()],
    )
    .map(drop)
}

/// A word that so many documents have names nothing: it is a year, or a letter of every number.
const COMMON: i64 = 50;

/// The documents that may name one of those: that hold an id or the longest number of its name, or are numbered so. Those that
/// nobody has, or `all`.
pub(super) fn candidates(sql: &dyn Sql, run: &Run, wanted: &[Wanted], all: bool) -> Result<Vec<Listed>, SqlError> {
    let longest = |name: &str| digits(name).max_by_key(|word| word.len()).map(str::to_owned);
    let words = wanted
        .iter()
        .flat_map(|one| std::iter::once(one.order_id.clone()).chain(longest(&one.name)).chain(one.ids.iter().cloned()));
    let numbers = wanted.iter().flat_map(|one| [one.name.clone(), core(&one.name).to_owned()]);
    let whose = if all { "true" } else { "recognised IS NULL AND order_id IS NULL" };
    let rows = sql.exec(
        &format!(
            "SELECT listed FROM run_documents WHERE {whose} AND rowid IN (
                 SELECT of.rowid FROM json_each(?2) AS one
                     CROSS JOIN run_words ON run_words.run = ?1 AND run_words.word = one.value
                     CROSS JOIN run_documents AS of ON of.run = ?1 AND of.kind = run_words.kind AND of.ledger_id = run_words.ledger_id
                 WHERE (SELECT COUNT(*) FROM (SELECT 1 FROM run_words WHERE run = ?1 AND word = one.value LIMIT ?4)) < ?4
                 UNION SELECT rowid FROM run_documents
                     WHERE run = ?1 AND number IN (SELECT value FROM json_each(?3)))"
        ),
        &[run.id.as_str().into(), list(words)?.into(), list(numbers)?.into(), COMMON.into()],
    )?;
    listed(&rows)
}

/// The documents that name one of the orders in that way. Returns how many of their numbers have the order's money, and how
/// many have not.
pub fn name(sql: &dyn Sql, run: &Run, orders: &[Expectation], naming: Naming) -> Result<(usize, usize), SqlError> {
    let (mut matches, _) = recognised(sql, run, orders)?;
    let all = wanted(orders);
    let unmatched = unmatched(&all, &matches);
    let documents = candidates(sql, run, &unmatched, false)?;
    let found = matching::named(&unmatched, &documents, naming);
    found.iter().try_for_each(|one| claim(sql, run, one))?;
    matches.extend(found);
    set_stages(sql, run, orders, &self::unmatched(&all, &matches))?;
    Ok(matching::numbers(&unmatched, &documents))
}

/// Further documents of the orders that have theirs.
pub fn double(sql: &dyn Sql, run: &Run, orders: &[Expectation], numbers: bool) -> Result<(), SqlError> {
    let (matches, mut documents) = recognised(sql, run, orders)?;
    let all = wanted(orders);
    documents.extend(candidates(sql, run, &all, false)?);
    matching::doubled(&all, &documents, &matches, numbers).iter().try_for_each(|one| claim(sql, run, one))
}

/// In which ways at least half of the orders were found.
pub fn ways(sql: &dyn Sql, run: &Run) -> Result<Ways, SqlError> {
    let id = || [run.id.as_str().into()];
    let orders = sql.exec("SELECT COUNT(*) AS n FROM run_orders WHERE run = ?", &id())?;
    let orders = orders.first().map_or(Ok(0), |row| row.int("n"))?;
    count_matches(sql, run)?;
    let rows = sql.exec("SELECT recognised, n FROM run_matches WHERE run = ?", &id())?;
    let is_usual = |by: By| -> Result<bool, SqlError> {
        for row in &rows {
            if row.text("recognised")? == by.as_str() {
                return Ok(row.int("n")?.saturating_mul(2) >= orders);
            }
        }
        Ok(false)
    };
    Ok(Ways { ids: is_usual(By::Id)?, names: is_usual(By::Name)?, numbers: is_usual(By::Number)? })
}

/// Those that have something left to find have their turn again.
fn set_stages(sql: &dyn Sql, run: &Run, orders: &[Expectation], left: &[Wanted]) -> Result<(), SqlError> {
    let left: BTreeSet<&String> = left.iter().map(|one| &one.order_id).collect();
    orders.iter().try_for_each(|order| {
        let stage = if left.contains(&order.order_id) { Stage::Unmatched } else { Stage::Compared };
        set_stage(sql, run, &order.order_id, stage)
    })
}

fn ids_of(orders: &[Expectation]) -> Result<String, SqlError> {
    list(orders.iter().map(|order| order.order_id.clone()))
}

/// What has no document so far.
fn unmatched(wanted: &[Wanted], found: &[Match]) -> Vec<Wanted> {
    let has = |one: &Wanted| found.iter().any(|other| other.order_id == one.order_id && other.key == one.key);
    wanted.iter().filter(|one| !has(one)).cloned().collect()
}

/// What has no document and may be found by its amount.
pub fn lacking(wanted: &[Wanted], found: &[Match]) -> Vec<Wanted> {
    unmatched(wanted, found).into_iter().filter(|one| one.is_called_for && !one.total().is_zero()).collect()
}

/// The documents of the orders that were recognised so far.
pub fn recognised(sql: &dyn Sql, run: &Run, orders: &[Expectation]) -> Result<(Vec<Match>, Vec<Listed>), SqlError> {
    let rows = sql.exec(
        "SELECT order_id, document_key, recognised, listed FROM run_documents
         WHERE run = ?1 AND order_id IN (SELECT value FROM json_each(?2)) AND recognised IS NOT NULL
         ORDER BY order_id, document_key, recognised = 'extra', kind, ledger_id",
        &[run.id.as_str().into(), ids_of(orders)?.into()],
    )?;
    let mut matches: Vec<Match> = Vec::new();
    for row in &rows {
        let Ok(listed) = serde_json::from_str::<Listed>(&row.text("listed")?) else { continue };
        let (order_id, key) = (row.text("order_id")?, DocumentKey::stored(row.text("document_key")?));
        let (document, how) = ((listed.kind, listed.ledger_id), row.text("recognised")?);
        match By::ALL.into_iter().find(|by| by.as_str() == how) {
            Some(by) => matches.push(Match { order_id, key, document, by, extra: Vec::new() }),
            // The first one of the same key stands before it.
            None => matches.last_mut().into_iter().for_each(|first| first.extra.push(document.clone())),
        }
    }
    Ok((matches, listed(&rows)?))
}

/// Documents of those amounts and kinds that nobody has, through an index of these alone.
pub(super) const FREE: &str =
    "SELECT listed FROM run_documents WHERE run = ?1 AND kind IN (SELECT value FROM json_each(?5))
     AND total IN (SELECT value FROM json_each(?2)) AND date BETWEEN ?3 AND ?4 AND order_id IS NULL";

/// The documents that fit by their amount, so far away, and that nobody has yet.
pub fn by_amount(sql: &dyn Sql, run: &Run, orders: &[Expectation], at: usize, ways: Ways) -> Result<(), SqlError> {
    let Some(reach) = Reach::all().get(at).copied() else { return Ok(()) };
    let (mut matches, _) = recognised(sql, run, orders)?;
    let all = wanted(orders);
    let lacks = lacking(&all, &matches);
    let totals = lacks.iter().flat_map(Wanted::amounts).map(|total| total.normalize().to_string());
    let kinds = lacks.iter().flat_map(|one| matching::kinds_like(one.kind)).map(|kind| kind.as_str().to_owned());
    let (first, last) = (lacks.iter().map(|one| one.date).min(), lacks.iter().map(|one| one.date).max());
    let rows = sql.exec(
        FREE,
        &[
            run.id.as_str().into(),
            list(totals)?.into(),
            day(first, -reach.days).into(),
            day(last, reach.days).into(),
            list(kinds)?.into(),
        ],
    )?;
    let found = matching::by_amount(&lacks, &listed(&rows)?, reach, ways);
    found.iter().try_for_each(|one| claim(sql, run, one))?;
    matches.extend(found);
    set_stages(sql, run, orders, &unmatched(&all, &matches))
}

pub(super) fn day(day: Option<NaiveDate>, days: i64) -> String {
    day.and_then(|day| day.checked_add_signed(Duration::days(days))).map(|day| day.to_string()).unwrap_or_default()
}

/// Notes what has no document: whoever has one of the same amount around that day may have its.
pub fn lose(sql: &dyn Sql, run: &Run, orders: &[Expectation]) -> Result<(), SqlError> {
    let (matches, _) = recognised(sql, run, orders)?;
    for one in lacking(&wanted(orders), &matches) {
        for total in one.amounts() {
            sql.exec(
                "INSERT OR IGNORE INTO run_lost (run, total, date, order_id, document_key) VALUES (?, ?, ?, ?, ?)",
                &[
                    run.id.as_str().into(),
                    total.normalize().to_string().into(),
                    one.date.to_string().into(),
                    one.order_id.as_str().into(),
                    one.key.as_str().into(),
                ],
            )?;
        }
    }
    orders.iter().try_for_each(|order| set_stage(sql, run, &order.order_id, Stage::Compared))
}

/// How many documents were recognised in which way is kept with the run.
pub fn count_matches(sql: &dyn Sql, run: &Run) -> Result<(), SqlError> {
    sql.exec("DELETE FROM run_matches WHERE run = ?", &[run.id.as_str().into()])?;
    sql.exec(
        "INSERT INTO run_matches (run, recognised, n) SELECT run, recognised, COUNT(*) FROM run_documents
         WHERE run = ? AND recognised <> 'extra' GROUP BY recognised",
        &[run.id.as_str().into()],
    )
    .map(drop)
}
