//! What a run found: what the findings have in common, and what the journal is told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::phases::Kind;
use super::tables::{Counts, Run};
use super::{MOST_MARKS, Next, Phase, Piece, schedule};
use crate::journal::{self, DiscrepancyRecord, ReconciliationRecord, Record};
use crate::platform::time::iso;
use crate::platform::{Sql, SqlError, transaction};
use crate::posting::Books;
use crate::reconcile::diagnosis::{Marks, Pattern, Tally};
use crate::reconcile::features::Features;
use crate::reconcile::{Class, Finding};

/// Rows that are read at a time.
const PAGE: i64 = 1_000;
/// Findings that the journal is told of in a piece of work.
const RECORDS: i64 = 300;
/// What is said in place of patterns where finding them crashed.
const NO_PATTERNS: &str =
    "What the differences have in common could not be found: it crashed again and again. Report it to the maintainers.";
/// The alert for a drift that a scheduled run found.
const ALERT: &str = "drift";

fn features(text: Option<String>) -> Features {
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// The findings of a run, by class.
fn counts(sql: &dyn Sql, run: &Run) -> Result<Counts, SqlError> {
    let rows = sql.exec(
        "SELECT class, COUNT(*) AS n FROM run_findings WHERE run = ? AND round = ? GROUP BY class",
        &[run.id.as_str().into(), run.round().into()],
    )?;
    let mut counts = Counts::default();
    for row in &rows {
        let n = row.int("n")?;
        match row.text("class")?.as_str() {
            "missing" => counts.missing = n,
            "wrong" => counts.wrong = n,
            "stale" => counts.stale = n,
            "duplicate" => counts.duplicate = n,
            _ => counts.unexpected = n,
        }
    }
    Ok(counts)
}

/// Counts, and finds what the orders with differences of each sort have in common. The orders are read page by page. It is
/// one piece of work, however many orders there are: where that never ends what was found is told without it.
pub fn diagnose(books: &Books<'_>, run: &mut Run) -> Piece {
    let sql = books.platform.sql;
    if run.round() > 1 {
        return Ok(Next::Then(Phase::Publish));
    }
    let rows = sql.exec("SELECT COUNT(*) AS n FROM run_orders WHERE run = ?", &[run.id.as_str().into()])?;
    run.shopify_count = rows.first().map_or(Ok(0), |row| row.int("n"))?;
    if run.marks >= MOST_MARKS {
        sql.exec("UPDATE runs SET note = ? WHERE id = ?", &[NO_PATTERNS.into(), run.id.as_str().into()])?;
        return Ok(Next::Then(Phase::Publish));
    }
    let mut marks: BTreeMap<Group, Marks> = BTreeMap::new();
    each_order(sql, run, |features, groups| {
        groups.iter().for_each(|group| marks.entry(group.clone()).or_default().add(features));
    })?;
    let tally = |(group, mut marks): (Group, Marks)| {
        marks.leave_out(group.implied());
        (group, marks.tally())
    };
    let mut tallies: BTreeMap<Group, Tally> = marks.into_iter().map(tally).collect();
    each_order(sql, run, |features, groups| {
        tallies.iter_mut().for_each(|(group, tally)| tally.add(features, groups.contains(group)));
    })?;
    let of = |(group, tally): (&Group, &Tally)| -> Vec<Found> {
        let patterns = tally.patterns(&group.in_words()).into_iter();
        patterns.map(|pattern| Found { class: group.class, pattern }).collect()
    };
    let patterns: Vec<Found> = tallies.iter().flat_map(of).collect();
    let text = serde_json::to_string(&patterns).map_err(|error| SqlError(error.to_string()))?;
    sql.exec("UPDATE runs SET patterns = ? WHERE id = ?", &[text.into(), run.id.as_str().into()])?;
    Ok(Next::Then(Phase::Publish))
}

/// Differences of one sort: a class, and of which value or which kind of document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    class: Class,
    /// `sale`, `payment`, `credit` …, or the field that is wrong; empty for all of the class.
    what: String,
}

impl Group {
    /// Of the classes, keys and fields that SQL found on one order. An order that is missing as a whole is that, and its
    /// payments say nothing more.
    fn all(found: &str) -> Vec<Self> {
        let read = |text: &str| {
            let mut parts = text.split('/');
            let name = parts.next()?;
            let class = Class::ALL.into_iter().find(|one| one.as_str() == name)?;
            let (key, field) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let key = key.split(':').next().unwrap_or_default();
            let what = match class {
                Class::Missing if !matches!(key, "sale" | "") => key,
                Class::Wrong | Class::Stale => field,
                _ => "",
            };
            Some(Group { class, what: what.to_owned() })
        };
        let mut groups: Vec<Self> = found.split('\n').filter_map(read).collect();
        groups.sort();
        groups.dedup();
        let whole = groups.iter().any(|one| one.class == Class::Missing && one.what.is_empty());
        groups.retain(|one| !(whole && one.class == Class::Missing && !one.what.is_empty()));
        groups
    }

    /// What all of them have in common anyway.
    fn implied(&self) -> &'static [&'static str] {
        match (self.class, self.what.as_str()) {
            (Class::Missing, "credit" | "refund") => &["refunded", "partly_refunded", "cancelled"],
            (Class::Wrong | Class::Stale, "status") => &["cancelled", "refunded"],
            _ => &[],
        }
    }

    /// `missing orders`, `orders with a wrong text`.
    fn in_words(&self) -> String {
        let class = self.class.as_str();
        match self.what.as_str() {
            "" => format!("{class} orders"),
            "credit" | "refund" => format!("orders with a {class} refund"),
            what => format!("orders with a {class} {what}"),
        }
    }
}

/// Every order of the run, page by page, with the sorts of differences that it has.
fn each_order(sql: &dyn Sql, run: &Run, mut see: impl FnMut(&Features, &[Group])) -> Result<(), SqlError> {
    let mut after = String::new();
    loop {
        let page = sql.exec(
            "SELECT order_id, features, (SELECT group_concat(class || '/' || coalesce(json_extract(finding, '$.document_key'), '')
                     || '/' || coalesce(json_extract(finding, '$.field'), ''), char(10))
                 FROM run_findings f WHERE f.run = ?1 AND f.round = 1 AND f.order_id = o.order_id) AS found
             FROM run_orders o WHERE run = ?1 AND order_id > ?2 ORDER BY order_id LIMIT ?3",
            &[run.id.as_str().into(), after.as_str().into(), PAGE.into()],
        )?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.text("order_id")?;
        for row in &page {
            let groups = row.text_or_null("found")?.map(|found| Group::all(&found)).unwrap_or_default();
            see(&features(row.text_or_null("features")?), &groups);
        }
    }
}

/// What the orders of one class have in common.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Found {
    /// The class.
    pub class: Class,
    /// The pattern.
    #[serde(flatten)]
    pub pattern: Pattern,
}

/// Tells the journal, some findings at a time; then the run is repaired, or has ended.
pub fn publish(books: &Books<'_>, run: &mut Run) -> Piece {
    let sql = books.platform.sql;
    let round = run.round();
    if round == 1 {
        let (order_id, n) = run.cursor.rsplit_once('/').unwrap_or_default();
        let n: i64 = n.parse().unwrap_or(-1);
        let rows = sql.exec(
            "SELECT order_id, n, finding FROM run_findings WHERE run = ? AND round = 1 AND (order_id, n) > (?, ?)
             ORDER BY order_id, n LIMIT ?",
            &[run.id.as_str().into(), order_id.into(), n.into(), RECORDS.into()],
        )?;
        if let Some(last) = rows.last() {
            let told = format!("{}/{}", last.text("order_id")?, last.int("n")?);
            transaction(sql, |sql| {
                for row in &rows {
                    let Ok(finding) = serde_json::from_str(&row.text("finding")?) else { continue };
                    journal::append(sql, &discrepancy(run, row.text("order_id")?, &finding))?;
                }
                run.cursor = told;
                run.store(sql)
            })?;
            return Ok(Next::More);
        }
    }
    let found = counts(sql, run)?;
    if round == 1 {
        run.before = Some(found)
    } else {
        run.after = Some(found)
    }
    let wants_repair = round == 1 && run.repair && found.drift() > 0;
    transaction(sql, |sql| {
        if !wants_repair {
            schedule::ended(books, run)?;
            tell(books, run)?;
        }
        journal::append(sql, &reconciliation(books, run, !wants_repair))
    })?;
    Ok(if wants_repair { Next::Then(Phase::Repair) } else { Next::Ended })
}

/// A drift that a scheduled run leaves behind is told of, until the newest regular one leaves none: a light one does not look
/// at all of what an earlier run left.
pub fn tell(books: &Books<'_>, run: &Run) -> Result<(), SqlError> {
    let left = run.left();
    match run.kind {
        Kind::Asked | Kind::Audit => Ok(()),
        Kind::Light if left.drift() == 0 => Ok(()),
        Kind::Regular if left.drift() == 0 => match run.is_newest(books.platform.sql)? {
            true => books.close_alert(&run.connection, ALERT),
            false => Ok(()),
        },
        Kind::Regular | Kind::Light => {
            let text = format!(
                "Shopify and the ledger differ: {} missing, {} wrong, {} stale, {} duplicate, {} unexpected. See \
                 /reconciliations/{}.",
                left.missing, left.wrong, left.stale, left.duplicate, left.unexpected, run.id
            );
            books.alert(&run.connection, ALERT, &text)
        }
    }
}

fn discrepancy(run: &Run, order_id: String, finding: &Finding) -> Record {
    Record::Discrepancy(DiscrepancyRecord {
        reconciliation_id: run.id.clone(),
        order_id,
        class: finding.class.as_str().to_owned(),
        document_key: finding.document_key.as_ref().map(ToString::to_string),
        number: finding.number.clone(),
        field: finding.field.map(|field| field.as_str().to_owned()),
        shopify_value: finding.shopify_value.clone(),
        ledger_value: finding.ledger_value.clone(),
        likely_cause: finding.cause.clone(),
        repair: finding.repair.as_str().to_owned(),
    })
}

/// A run as the journal keeps it.
pub fn reconciliation(books: &Books<'_>, run: &Run, ended: bool) -> Record {
    let repaired = run.before.zip(run.after).map(|(before, after)| before.drift() - after.drift());
    // Of a run that was stopped it may not be known.
    let found = |of: fn(Counts) -> i64| run.before.map(of);
    Record::Reconciliation(ReconciliationRecord {
        id: run.id.clone(),
        connection: run.connection.clone(),
        kind: run.kind.as_str().to_owned(),
        from_at: iso(run.from),
        to_at: iso(run.to),
        started_at: iso(run.started_at),
        finished_at: ended.then(|| iso(books.platform.clock.now())),
        shopify_count: run.shopify_count,
        ledger_count: run.ledger_count,
        missing: found(|counts| counts.missing),
        wrong: found(|counts| counts.wrong),
        stale: found(|counts| counts.stale),
        duplicate: found(|counts| counts.duplicate),
        unexpected: found(|counts| counts.unexpected),
        repaired,
        drift_after: run.after.map(|after| after.drift()),
    })
}
