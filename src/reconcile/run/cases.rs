//! Order by order: what it calls for, what was written for it, and what the ledger listed. What does not fit at the first
//! look is looked up and held against the answer; an order that is being posted just then is looked at again later.

use chrono::Duration;

use super::phases::Stage;
use super::shop::keep;
use super::tables::Run;
use super::{Kind, Next, Phase, Piece};
use crate::books::document::{DocumentKey, DocumentKind};
use crate::books::listed::Listed;
use crate::books::rules::LedgerName;
use crate::config::{Connection, Settings};
use crate::ledgers::Ledger;
use crate::platform::{Row, Sql, SqlError, Value, transaction};
use crate::posting::{Books, Called, OrderRef, PostedState};
use crate::reconcile::expectation::{Calls, Expectation, Expected};
use crate::reconcile::features::Features;
use crate::reconcile::finding::PERSONAL;
use crate::reconcile::{Case, Finding, Written, compare as differences};
use crate::shopify::OrderState;

/// Orders in a piece of work.
const ORDERS: i64 = 100;
/// How long orders that are still being posted are waited for.
const PATIENCE: Duration = Duration::minutes(15);
/// How often they are looked at meanwhile.
const AGAIN: Duration = Duration::minutes(1);

/// The settings by which a run judges. An audit is of books that somebody else fills: every order counts there, however
/// old it is.
fn settings_for(connection: &Connection, run: &Run) -> Option<Settings> {
    let mut settings = connection.settings.as_ref().ok()?.clone();
    if run.kind == Kind::Audit {
        settings.start_date = chrono::NaiveDate::MIN;
    }
    Some(settings)
}

/// What the engine knows of an order and what it calls for; with `state`, as Shopify shows it.
pub fn called(
    books: &Books<'_>,
    connection: &Connection,
    run: &Run,
    order_id: &str,
    state: Option<OrderState>,
) -> Result<Called, SqlError> {
    let settings = settings_for(connection, run).ok_or_else(|| SqlError("the settings cannot be read".into()))?;
    books.called(connection, &settings, order_id, state)
}

/// The same, reduced to what is compared.
pub fn expectation(
    books: &Books<'_>,
    connection: &Connection,
    run: &Run,
    order_id: &str,
    name: &str,
    called: &Called,
) -> Result<Expectation, SqlError> {
    let settings = settings_for(connection, run).ok_or_else(|| SqlError("the settings cannot be read".into()))?;
    let calls = Calls::of(called.desired.as_ref(), books.ledger_with(&settings).as_ref());
    let calendar = books.company_facts()?.calendar(&settings);
    Ok(Expectation::of(&called.state, calls, &calendar).unwrap_or_else(|| Expectation {
        order_id: order_id.to_owned(),
        name: name.to_owned(),
        updated_at: String::new(),
        date: None,
        totals: Vec::new(),
        calls: Calls::Waiting,
        features: Features::default(),
    }))
}

/// An order of the run, with all that belongs to it.
struct Open {
    expectation: Expectation,
    written: Vec<Written>,
    found: Vec<Listed>,
    hold: Option<String>,
    ledger: LedgerName,
    /// The kinds that the ledger lists.
    kinds: &'static [DocumentKind],
    /// True while the engine has something to do for it.
    is_moving: bool,
    /// What was found of it before the repair, once that was made.
    before: Vec<Finding>,
    /// What of that Shopify told, and the engine has not fetched yet.
    unheard: Vec<Finding>,
    /// What was changed by hand, and a person let it stand.
    accepted: Vec<String>,
    /// True in an audit if what stands of the order is another integration's: that is matched when all of ours is known.
    of_others: bool,
}

impl Open {
    fn read(books: &Books<'_>, connection: &Connection, run: &Run, row: &Row) -> Result<Self, SqlError> {
        let sql = books.platform.sql;
        let (order_id, name) = (row.text("order_id")?, row.text("name")?);
        let known = called(books, connection, run, &order_id, None)?;
        let kept: Option<Expectation> = match row.text("source")?.as_str() {
            "fetched" => row.text_or_null("expectation")?.and_then(|text| serde_json::from_str(&text).ok()),
            _ => None,
        };
        let ours = expectation(books, connection, run, &order_id, &name, &known)?;
        // What was fetched counts until something newer was delivered.
        let expectation = kept.filter(|kept| kept.updated_at >= ours.updated_at).unwrap_or(ours);
        let settings = connection.settings.as_ref().map_err(|_| SqlError("the settings cannot be read".into()))?;
        let ledger = books.ledger_with(settings);
        let written = written(&known, ledger.as_ref());
        let at = OrderRef { connection: connection.id.clone(), order_id: order_id.clone() };
        let of_others = run.is_audit() && written.is_empty() && !books.is_taken_over(&at)?;
        let found = if of_others { Vec::new() } else { found(sql, run, &order_id, &expectation, &written)? };
        let (state, reason) = known.standing.unwrap_or_default();
        Ok(Self {
            expectation,
            written,
            found,
            hold: reason.filter(|_| state == "held"),
            ledger: ledger.ledger(),
            kinds: ledger.listed_kinds(),
            is_moving: matches!(state.as_str(), "pending" | "retrying"),
            before: before(sql, run, &order_id)?,
            unheard: unheard(sql, run, &order_id)?,
            accepted: books.accepted(&at)?,
            of_others,
        })
    }

    /// What is found of it, but for what a person let stand.
    fn findings(&self) -> Vec<Finding> {
        let mut findings = self.differences();
        // Who a customer is, is not written down: another one would look the same.
        findings.retain(|one| one.ledger_value == PERSONAL || !self.accepted.contains(&one.by_hand()));
        findings
    }

    /// What a person let stand and is not so any more: should it come back, it is told of again.
    fn over(&self) -> Vec<&String> {
        if self.accepted.is_empty() {
            return Vec::new();
        }
        let differences: Vec<String> = self.differences().iter().map(Finding::by_hand).collect();
        self.accepted.iter().filter(|one| !differences.contains(one)).collect()
    }

    fn differences(&self) -> Vec<Finding> {
        let mut findings = differences(&Case {
            order: &self.expectation,
            written: &self.written,
            found: &self.found,
            hold: self.hold.as_deref(),
            ledger: self.ledger,
        });
        // Of an order that was never delivered, or not as it is now, nothing new is known: what was found stays while its
        // document counts.
        let is_new = self.expectation.date.is_none() && self.expectation.calls == Calls::Waiting;
        let stays = if is_new && self.written.is_empty() { &self.before } else { &self.unheard };
        let counts = |id: &String| self.found.iter().any(|listed| listed.ledger_id == *id && listed.counts());
        for one in stays.iter().filter(|one| one.ledger_id.as_ref().is_none_or(counts)) {
            if !findings.iter().any(|found| found.is_of_the_same(one)) {
                findings.push(one.clone());
            }
        }
        findings
    }
}

/// What was found of an order before the repair. An audit is made anew after it.
fn before(sql: &dyn Sql, run: &Run, order_id: &str) -> Result<Vec<Finding>, SqlError> {
    if run.round() == 1 || run.is_audit() {
        return Ok(Vec::new());
    }
    let statement = "SELECT finding FROM run_findings WHERE run = ? AND round = 1 AND order_id = ? ORDER BY n";
    read(&sql.exec(statement, &[run.id.as_str().into(), order_id.into()])?)
}

/// What of that rests on a state of the order that the engine is still to fetch.
fn unheard(sql: &dyn Sql, run: &Run, order_id: &str) -> Result<Vec<Finding>, SqlError> {
    if run.round() == 1 || run.is_audit() {
        return Ok(Vec::new());
    }
    read(&sql.exec(
        "SELECT finding FROM run_findings WHERE run = ?1 AND round = 1 AND order_id = ?2 AND source = 'fetched'
         AND EXISTS (SELECT 1 FROM orders WHERE connection = ?3 AND order_id = ?2 AND wants_fetch = 1) ORDER BY n",
        &[run.id.as_str().into(), order_id.into(), run.connection.as_str().into()],
    )?)
}

fn read(rows: &[Row]) -> Result<Vec<Finding>, SqlError> {
    let mut found = Vec::new();
    for row in rows {
        found.extend(serde_json::from_str::<Finding>(&row.text("finding")?).ok());
    }
    Ok(found)
}

fn written(called: &Called, ledger: &dyn Ledger) -> Vec<Written> {
    let one = |record: &crate::posting::DocumentRecord| Written {
        expected: Expected::of(&record.document, ledger),
        ledger_id: record.posted.ledger_id.clone(),
        party_id: record.posted.party_id.clone(),
        stands: matches!(record.state, PostedState::Posted | PostedState::Foreign),
        foreign: record.state == PostedState::Foreign,
    };
    called.posted.values().map(one).collect()
}

/// What the ledger listed that belongs to an order: written for it, under a number of it, or naming it.
fn found(
    sql: &dyn Sql,
    run: &Run,
    order_id: &str,
    expectation: &Expectation,
    written: &[Written],
) -> Result<Vec<Listed>, SqlError> {
    let mut numbers: Vec<&str> = expectation
        .calls
        .documents()
        .iter()
        .chain(written.iter().map(|one| &one.expected))
        .map(|one| one.number.as_str())
        .collect();
    numbers.retain(|number| !number.is_empty());
    numbers.sort_unstable();
    numbers.dedup();
    let ids: Vec<&str> = written.iter().map(|one| one.ledger_id.as_str()).collect();
    let list = |texts: &[&str]| serde_json::to_string(texts).map_err(|error| SqlError(error.to_string()));
    let rows = sql.exec(
        // Each way through an index of its own: else every order would look through all documents.
        "SELECT kind, ledger_id, listed FROM run_documents WHERE rowid IN (
             SELECT rowid FROM run_documents WHERE run = ?1 AND order_id = ?2
             UNION SELECT rowid FROM run_documents
                 WHERE run = ?1 AND number IN (SELECT value FROM json_each(?3)) AND +order_id IS NULL
             UNION SELECT rowid FROM run_documents
                 WHERE run = ?1 AND ledger_id IN (SELECT value FROM json_each(?4)) AND +order_id IS NULL
             UNION SELECT of.rowid FROM run_words JOIN run_documents AS of ON of.run = run_words.run
                 AND of.kind = run_words.kind AND of.ledger_id = run_words.ledger_id
                 WHERE run_words.run = ?1 AND run_words.word = ?2 AND +of.order_id IS NULL)
         ORDER BY kind, ledger_id",
        &[run.id.as_str().into(), order_id.into(), list(&numbers)?.into(), list(&ids)?.into()],
    )?;
    let mut found = Vec::new();
    for row in &rows {
        sql.exec(
            "UPDATE run_documents SET order_id = ? WHERE run = ? AND kind = ? AND ledger_id = ?",
            &[order_id.into(), run.id.as_str().into(), row.text("kind")?.into(), row.text("ledger_id")?.into()],
        )?;
        found.extend(serde_json::from_str::<Listed>(&row.text("listed")?).ok());
    }
    Ok(found)
}

fn at_stage(sql: &dyn Sql, run: &Run, stage: Stage) -> Result<Vec<Row>, SqlError> {
    sql.exec(
        "SELECT order_id, name, source, expectation FROM run_orders WHERE run = ? AND stage = ? ORDER BY order_id LIMIT ?",
        &[run.id.as_str().into(), stage.into(), ORDERS.into()],
    )
}

fn any_at(sql: &dyn Sql, run: &Run, stage: Stage) -> Result<bool, SqlError> {
    let statement = "SELECT 1 AS found FROM run_orders WHERE run = ? AND stage = ? LIMIT 1";
    Ok(!sql.exec(statement, &[run.id.as_str().into(), stage.into()])?.is_empty())
}

/// The first look. What fits is done with; what does not is to be looked up.
pub fn compare(books: &Books<'_>, connection: &Connection, run: &mut Run) -> Piece {
    let sql = books.platform.sql;
    let rows = at_stage(sql, run, Stage::Ready)?;
    if rows.is_empty() {
        return Ok(Next::Then(Phase::LookUp));
    }
    for row in &rows {
        let order_id = row.text("order_id")?;
        transaction(sql, |sql| {
            let open = Open::read(books, connection, run, row)?;
            let at = OrderRef { connection: connection.id.clone(), order_id: order_id.clone() };
            // After the repair whatever did not fit is asked for once more: the lists may be gone by then.
            let fits = open.of_others || (open.findings().is_empty() && open.before.is_empty() && !open.is_moving);
            match fits {
                true => books.no_longer_accepted(&at, &open.over())?,
                false => want_lookups(sql, run, &open)?,
            }
            keep(sql, run, &order_id, &open.expectation, if fits { Stage::Compared } else { Stage::Doubtful })
        })?;
    }
    Ok(Next::More)
}

/// Says how far an order is.
pub fn set_stage(sql: &dyn Sql, run: &Run, order_id: &str, stage: Stage) -> Result<(), SqlError> {
    let statement = "UPDATE run_orders SET stage = ? WHERE run = ? AND order_id = ?";
    sql.exec(statement, &[stage.into(), run.id.as_str().into(), order_id.into()]).map(drop)
}

/// Everything that is or ought to be of the order is asked for anew.
fn want_lookups(sql: &dyn Sql, run: &Run, open: &Open) -> Result<(), SqlError> {
    let put = |kind: DocumentKind, by_id: bool, value: &str| {
        let kind = if kind == DocumentKind::RefundPayment { DocumentKind::Payment } else { kind };
        if kind == DocumentKind::Application || value.is_empty() {
            return Ok(());
        }
        sql.exec(
            "INSERT OR IGNORE INTO run_lookups (run, kind, by_id, value) VALUES (?, ?, ?, ?)",
            &[run.id.as_str().into(), kind.as_str().into(), Value::Int(by_id.into()), value.into()],
        )
        .map(drop)
    };
    for one in &open.written {
        put(one.expected.kind, true, &one.ledger_id)?;
    }
    for one in &open.found {
        put(one.kind, true, &one.ledger_id)?;
    }
    // Of what was found before the repair and is none of ours the kind is not known any more.
    let is_ours = |id: &&String| open.written.iter().any(|one| one.ledger_id == **id);
    for id in open.before.iter().filter_map(|one| one.ledger_id.as_ref()).filter(|id| !is_ours(id)) {
        open.kinds.iter().try_for_each(|kind| put(*kind, true, id))?;
    }
    let is_written = |key: &DocumentKey| open.written.iter().any(|one| one.stands && one.expected.key == *key);
    open.expectation
        .calls
        .documents()
        .iter()
        .filter(|one| !is_written(&one.key))
        .try_for_each(|one| put(one.kind, false, &one.number))
}

/// The second look: what does not fit now is a finding.
pub fn judge(books: &Books<'_>, connection: &Connection, run: &mut Run) -> Piece {
    let sql = books.platform.sql;
    let now = books.platform.clock.now();
    let patience = *run.patience_until.get_or_insert(now + PATIENCE);
    let rows = at_stage(sql, run, Stage::Doubtful)?;
    for row in &rows {
        let order_id = row.text("order_id")?;
        transaction(sql, |sql| {
            let open = Open::read(books, connection, run, row)?;
            if open.is_moving && now < patience {
                // Another time: its documents are being written.
                return set_stage(sql, run, &order_id, Stage::Ready);
            }
            let at = OrderRef { connection: connection.id.clone(), order_id: order_id.clone() };
            books.no_longer_accepted(&at, &open.over())?;
            record(sql, run, &order_id, &open.findings())?;
            keep(sql, run, &order_id, &open.expectation, Stage::Compared)
        })?;
    }
    if !rows.is_empty() {
        return Ok(Next::More);
    }
    if any_at(sql, run, Stage::Ready)? {
        run.phase = Phase::Compare;
        run.cursor.clear();
        return Err(books.later(AGAIN, "orders that are still being posted"));
    }
    Ok(Next::Then(Phase::Left))
}

/// Keeps the findings on an order.
pub fn record(sql: &dyn Sql, run: &Run, order_id: &str, findings: &[Finding]) -> Result<(), SqlError> {
    sql.exec(
        "DELETE FROM run_findings WHERE run = ? AND round = ? AND order_id = ?",
        &[run.id.as_str().into(), run.round().into(), order_id.into()],
    )?;
    findings.iter().try_for_each(|finding| put(sql, run, order_id, finding))
}

/// Keeps a finding on a document that belongs to no order.
pub fn add(sql: &dyn Sql, run: &Run, finding: &Finding) -> Result<(), SqlError> {
    put(sql, run, "", finding)
}

fn put(sql: &dyn Sql, run: &Run, order_id: &str, finding: &Finding) -> Result<(), SqlError> {
    let text = serde_json::to_string(finding).map_err(|error| SqlError(error.to_string()))?;
    sql.exec(
        "INSERT INTO run_findings (run, round, order_id, n, name, class, finding, source) VALUES (?1, ?2, ?3,
             (SELECT coalesce(MAX(n) + 1, 0) FROM run_findings WHERE run = ?1 AND round = ?2 AND order_id = ?3),
             (SELECT name FROM run_orders WHERE run = ?1 AND order_id = ?3), ?4, ?5,
             (SELECT source FROM run_orders WHERE run = ?1 AND order_id = ?3))",
        &[run.id.as_str().into(), run.round().into(), order_id.into(), finding.class.as_str().into(), text.into()],
    )
    .map(drop)
}
