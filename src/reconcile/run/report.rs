//! What a run found, as the journal is told.

use super::phases::Kind;
use super::stop::CRASHED;
use super::tables::{Counts, Run};
use super::{Next, Phase, Piece, schedule};
use crate::journal::{self, DiscrepancyRecord, ReconciliationRecord, Record};
use crate::platform::time::iso;
use crate::platform::{Sql, SqlError, transaction};
use crate::posting::Books;
use crate::reconcile::Finding;

/// Findings that the journal is told of in a piece of work.
const RECORDS: i64 = 300;
/// The alert for a drift that a scheduled run found.
const ALERT: &str = "drift";

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
            books.close_alert(&run.connection, CRASHED)?;
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
