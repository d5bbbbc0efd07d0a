//! What a run found: what the findings have in common, and what the journal is told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::tables::{Counts, Kind, Run};
use super::{Next, Phase, Piece, schedule};
use crate::journal::{self, DiscrepancyRecord, ReconciliationRecord, Record};
use crate::platform::time::iso;
use crate::platform::{Sql, SqlError, transaction};
use crate::posting::Books;
use crate::reconcile::diagnosis::{Pattern, Tally};
use crate::reconcile::features::Features;
use crate::reconcile::{Class, Finding};

/// Rows that are read at a time.
const PAGE: i64 = 1_000;
/// Findings that the journal is told of in a piece of work.
const RECORDS: i64 = 300;
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

/// Counts, and finds what the orders of each class have in common. The orders are read page by page.
pub fn diagnose(books: &Books<'_>, run: &mut Run) -> Piece {
    let sql = books.platform.sql;
    if run.round() > 1 {
        return Ok(Next::Then(Phase::Publish));
    }
    let rows = sql.exec("SELECT COUNT(*) AS n FROM run_orders WHERE run = ?", &[run.id.as_str().into()])?;
    run.shopify_count = rows.first().map_or(Ok(0), |row| row.int("n"))?;
    let mut patterns: Vec<Found> = Vec::new();
    for class in Class::ALL {
        let bad = sql.exec(
            "SELECT order_id, features FROM run_orders WHERE run = ?1 AND order_id IN
             (SELECT order_id FROM run_findings WHERE run = ?1 AND round = 1 AND class = ?2)",
            &[run.id.as_str().into(), class.as_str().into()],
        )?;
        let bad: BTreeMap<String, Features> = bad
            .iter()
            .map(|row| Ok::<_, SqlError>((row.text("order_id")?, features(row.text_or_null("features")?))))
            .collect::<Result<_, _>>()?;
        if bad.is_empty() {
            continue;
        }
        let mut tally = Tally::new(bad.values());
        let mut after = String::new();
        loop {
            let page = sql.exec(
                "SELECT order_id, features FROM run_orders WHERE run = ? AND order_id > ? ORDER BY order_id LIMIT ?",
                &[run.id.as_str().into(), after.as_str().into(), PAGE.into()],
            )?;
            let Some(last) = page.last() else { break };
            after = last.text("order_id")?;
            for row in &page {
                tally.add(&features(row.text_or_null("features")?), bad.contains_key(&row.text("order_id")?));
            }
        }
        patterns.extend(tally.patterns(class.as_str()).into_iter().map(|pattern| Found { class, pattern }));
    }
    let text = serde_json::to_string(&patterns).map_err(|error| SqlError(error.to_string()))?;
    sql.exec("UPDATE runs SET patterns = ? WHERE id = ?", &[text.into(), run.id.as_str().into()])?;
    Ok(Next::Then(Phase::Publish))
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
        let told: i64 = run.cursor.parse().unwrap_or(0);
        let rows = sql.exec(
            "SELECT order_id, finding FROM run_findings WHERE run = ? AND round = 1 ORDER BY order_id, n LIMIT ? OFFSET ?",
            &[run.id.as_str().into(), RECORDS.into(), told.into()],
        )?;
        if !rows.is_empty() {
            let more = told + i64::try_from(rows.len()).unwrap_or(RECORDS);
            transaction(sql, |sql| {
                for row in &rows {
                    let Ok(finding) = serde_json::from_str(&row.text("finding")?) else { continue };
                    journal::append(sql, &discrepancy(run, row.text("order_id")?, &finding))?;
                }
                run.cursor = more.to_string();
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
        if round == 1 {
            schedule::ended(books, run)?;
        }
        if !wants_repair {
            tell(books, run)?;
        }
        journal::append(sql, &reconciliation(books, run, !wants_repair))
    })?;
    Ok(if wants_repair { Next::Then(Phase::Repair) } else { Next::Ended })
}

/// A drift that a scheduled run leaves behind is told of, until one finds none.
fn tell(books: &Books<'_>, run: &Run) -> Result<(), SqlError> {
    let left = run.after.or(run.before).unwrap_or_default();
    match run.kind {
        Kind::Asked | Kind::Audit => Ok(()),
        Kind::Regular | Kind::Light if left.drift() == 0 => books.close_alert(&run.connection, ALERT),
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

fn reconciliation(books: &Books<'_>, run: &Run, ended: bool) -> Record {
    let before = run.before.unwrap_or_default();
    let repaired = run.after.map(|after| before.drift() - after.drift());
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
        missing: before.missing,
        wrong: before.wrong,
        stale: before.stale,
        duplicate: before.duplicate,
        unexpected: before.unexpected,
        repaired,
        drift_after: run.after.map(|after| after.drift()),
    })
}
