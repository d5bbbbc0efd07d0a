//! A run as data for page and API, and as the report that is read in a terminal.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::Phase;
use super::diagnosis::Found;
use super::tables::{Counts, Run};
use crate::books::calendar::Calendar;
use crate::platform::time::iso;
use crate::platform::{Row, Sql, SqlError};
use crate::posting::Books;
use crate::reconcile::{By, Class, Finding, OrderFindings, Repair, Report};

/// Which of a run's findings are shown: a page of them, and as many of what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// From 1.
    pub page: i64,
    /// How many findings a page has.
    pub most: i64,
}

impl Part {
    /// As the API and the report give them.
    pub fn of_api(page: i64) -> Self {
        Self { page, most: 1_000 }
    }

    /// As a page of the dashboard shows them: it stays below a hundred kilobytes.
    pub fn of_dashboard(page: i64) -> Self {
        Self { page, most: 50 }
    }
}

/// A run, as page and API show it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct RunView {
    pub id: String,
    pub connection: String,
    pub kind: String,
    pub from: String,
    pub to: String,
    /// The first day of the window and the last, as the company counts them.
    #[serde(default)]
    pub first_day: String,
    #[serde(default)]
    pub last_day: String,
    pub repair: bool,
    pub sample: Option<i64>,
    /// What the ledger is called.
    pub ledger: String,
    /// `running`, `waiting`, `done`, `cancelled`.
    pub state: String,
    /// What is going on, or what is waited for.
    pub doing: String,
    pub started_at: String,
    pub finished_at: Option<String>,
    /// Orders listed, fetched or to be fetched, and compared so far.
    pub orders: i64,
    pub compared: i64,
    pub documents: i64,
    pub before: Option<Counts>,
    pub after: Option<Counts>,
    /// True if its plan waits for a person.
    pub may_be_approved: bool,
    /// The audit whose plan this run carries out.
    pub plan_of: Option<String>,
    /// How many differences each repair would settle.
    pub plan: BTreeMap<Repair, i64>,
    pub patterns: Vec<Found>,
    /// In an audit, how many documents were recognised in which way.
    #[serde(default)]
    pub recognised: BTreeMap<String, i64>,
    /// Why there are none, where finding them failed.
    #[serde(default)]
    pub note: Option<String>,
    /// Orders with differences.
    pub orders_that_differ: i64,
    /// A page of them, by order.
    pub findings: Vec<FindingView>,
    /// What was left after the repair; of those, too, a page.
    #[serde(default)]
    pub left: Vec<FindingView>,
    /// Which page that is, of how many.
    #[serde(default)]
    pub page: i64,
    #[serde(default)]
    pub pages: i64,
    /// How many findings a page has.
    #[serde(default)]
    pub most: i64,
    /// Orders with differences that stand on the pages behind it, and those of which something is left.
    #[serde(default)]
    pub more: i64,
    #[serde(default)]
    pub more_left: i64,
}

/// A finding with its order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct FindingView {
    pub order_id: String,
    pub name: String,
    #[serde(flatten)]
    pub finding: Finding,
    /// What a person does about it in the ledger.
    pub remedy: Option<String>,
    /// True if Shopify had to be asked for it: the engine does not know that state of the order yet.
    #[serde(default)]
    pub fetched: bool,
    /// What was done about it: `handed_over`, `held`, `nothing`.
    pub done: Option<String>,
}

impl RunView {
    /// A run, with the first page of its findings if `whole`.
    pub fn of(books: &Books<'_>, run: &Run, whole: bool) -> Result<Self, SqlError> {
        Self::with_part(books, run, whole.then(|| Part::of_api(1)))
    }

    /// A run, with a part of its findings.
    pub fn with_part(books: &Books<'_>, run: &Run, part: Option<Part>) -> Result<Self, SqlError> {
        let (sql, whole) = (books.platform.sql, part.is_some());
        let Part { page, most } = part.unwrap_or(Part::of_api(1));
        let part = Part { page: page.max(1), most: most.clamp(1, Part::of_api(1).most) };
        let count = |statement: &str| -> Result<i64, SqlError> {
            sql.exec(statement, &[run.id.as_str().into()])?.first().map_or(Ok(0), |row| row.int("n"))
        };
        // The lists are there while it runs.
        let of_lists = |statement: &str| if run.is_under_way() { count(statement) } else { Ok(0) };
        let listed = of_lists("SELECT COUNT(*) AS n FROM run_orders WHERE run = ?")?;
        let documents = of_lists("SELECT COUNT(*) AS n FROM run_documents WHERE run = ?")?;
        let compared = of_lists("SELECT COUNT(*) AS n FROM run_orders WHERE run = ? AND stage >= 4")?;
        let patterns = sql.exec("SELECT patterns, note FROM runs WHERE id = ?", &[run.id.as_str().into()])?;
        let note = patterns.first().map(|row| row.text_or_null("note")).transpose()?.flatten();
        let patterns = patterns.first().map(|row| row.text("patterns")).transpose()?.unwrap_or_default();
        let connection = books.connections.iter().find(|one| one.id == run.connection);
        let settings = connection.and_then(|one| one.settings.as_ref().ok());
        let ledger = settings.map_or("the ledger", |one| one.ledger.title());
        let calendar = match settings {
            Some(settings) => books.company_facts()?.calendar(settings),
            None => Calendar::default(),
        };
        let day = |at: DateTime<Utc>| calendar.day(at.fixed_offset()).to_string();
        let found = if whole { findings(sql, run, ledger, 1, part)? } else { Findings::default() };
        let left =
            if whole && run.after.is_some() { findings(sql, run, ledger, 2, part)? } else { Findings::default() };
        let differ = "SELECT COUNT(DISTINCT order_id) AS n FROM run_findings WHERE run = ? AND round = 1";
        let drift = run.before.map_or(0, |counts| counts.drift());
        Ok(Self {
            id: run.id.clone(),
            connection: run.connection.clone(),
            kind: run.kind.as_str().to_owned(),
            from: iso(run.from),
            to: iso(run.to),
            first_day: day(run.from),
            last_day: day(run.to - Duration::milliseconds(1)),
            repair: run.repair,
            sample: run.sample,
            ledger: ledger.to_owned(),
            state: match () {
                () if run.phase == Phase::Stopped => "cancelled",
                () if run.finished_at.is_some() => "done",
                () if run.waits_for.is_some() => "waiting",
                () => "running",
            }
            .to_owned(),
            doing: run.waits_for.clone().unwrap_or_else(|| run.phase.in_words().to_owned()),
            started_at: iso(run.started_at),
            finished_at: run.finished_at.map(iso),
            orders: if listed > 0 && run.round() == 1 { listed } else { run.shopify_count },
            compared,
            documents: documents.max(run.ledger_count),
            before: run.before,
            after: run.after,
            may_be_approved: match run.is_audit() {
                true => run.may_be_taken_over(sql)?,
                false => run.phase == Phase::Done && !run.repair && drift > 0,
            },
            plan_of: run.plan.clone(),
            plan: if whole { plan(sql, run)? } else { BTreeMap::new() },
            patterns: serde_json::from_str(&patterns).unwrap_or_default(),
            recognised: if whole && run.is_audit() { recognised(sql, run)? } else { BTreeMap::new() },
            note,
            orders_that_differ: if whole { count(differ)? } else { 0 },
            page: part.page,
            most: part.most,
            pages: found.pages.max(left.pages).max(1),
            more: found.more,
            more_left: left.more,
            findings: found.shown,
            left: left.shown,
        })
    }
}

/// A page of findings.
#[derive(Default)]
struct Findings {
    shown: Vec<FindingView>,
    /// How many pages there are.
    pages: i64,
    /// How many orders stand on those behind it.
    more: i64,
}

/// What was found before the repair (round 1), or after it.
fn findings(sql: &dyn Sql, run: &Run, ledger: &str, round: i64, part: Part) -> Result<Findings, SqlError> {
    let of_page = |what: &str, most: i64, behind: i64| {
        let statement = format!(
            "SELECT {what} FROM (SELECT * FROM run_findings WHERE run = ? AND round = ?
             ORDER BY order_id = '', order_id, n LIMIT ? OFFSET ?)"
        );
        sql.exec(&statement, &[run.id.as_str().into(), round.into(), most.into(), behind.into()])
    };
    let Part { page, most } = part;
    let behind = (page - 1).saturating_mul(most);
    let count = |rows: Vec<Row>| rows.first().map_or(Ok(0), |row| row.int("n"));
    let all = count(of_page("COUNT(*) AS n", -1, 0)?)?;
    let more = count(of_page("COUNT(DISTINCT order_id) AS n", -1, behind.saturating_add(most))?)?;
    let rows = of_page("order_id, coalesce(name, order_id) AS name, finding, repair, source", most, behind)?;
    let mut found = Vec::new();
    for row in &rows {
        let Ok(finding) = serde_json::from_str::<Finding>(&row.text("finding")?) else { continue };
        found.push(FindingView {
            remedy: finding.remedy(ledger).filter(|_| run.is_audit()),
            order_id: row.text("order_id")?,
            name: row.text("name")?,
            finding,
            fetched: row.text_or_null("source")?.as_deref() == Some("fetched"),
            done: row.text_or_null("repair")?,
        });
    }
    Ok(Findings { shown: found, pages: (all + most - 1) / most, more })
}

/// How many documents were recognised in which way.
fn recognised(sql: &dyn Sql, run: &Run) -> Result<BTreeMap<String, i64>, SqlError> {
    let rows = sql.exec("SELECT recognised, n FROM run_matches WHERE run = ?", &[run.id.as_str().into()])?;
    rows.iter().map(|row| Ok((row.text("recognised")?, row.int("n")?))).collect()
}

/// How many differences each repair would settle.
fn plan(sql: &dyn Sql, run: &Run) -> Result<BTreeMap<Repair, i64>, SqlError> {
    let rows = sql.exec(
        "SELECT json_extract(finding, '$.repair') AS name, COUNT(*) AS n FROM run_findings WHERE run = ? AND round = 1
         GROUP BY 1",
        &[run.id.as_str().into()],
    )?;
    let mut plan = BTreeMap::new();
    for row in &rows {
        let name = row.text("name")?;
        if let Some(repair) = Repair::ALL.into_iter().find(|one| one.as_str() == name) {
            plan.insert(repair, row.int("n")?);
        }
    }
    Ok(plan)
}

fn by_order(findings: &[FindingView]) -> Vec<OrderFindings> {
    let mut orders: Vec<OrderFindings> = Vec::new();
    for one in findings {
        let finding = one.finding.clone();
        match orders.last_mut().filter(|order| order.order_id == one.order_id) {
            Some(order) => order.findings.push(finding),
            None => {
                let (order_id, name) = (one.order_id.clone(), one.name.clone());
                orders.push(OrderFindings { order_id, name, findings: vec![finding] });
            }
        }
    }
    orders
}

impl RunView {
    /// True if another integration's books were audited.
    pub fn is_audit(&self) -> bool {
        self.kind == "audit"
    }

    /// How documents were recognised, and how sure that is: `380 by a Shopify id (1.00)`.
    pub fn ways(&self) -> Vec<String> {
        let way = |by: By| {
            let count = self.recognised.get(by.as_str())?;
            Some(format!("{count} by {} ({})", by.words(), by.confidence()))
        };
        By::ALL.into_iter().filter_map(way).collect()
    }

    /// What it found, to be read.
    pub fn report(&self) -> Report {
        let orders = by_order(&self.findings);
        let before = self.before.unwrap_or_default();
        let count = |class: Class| match class {
            Class::Missing => before.missing,
            Class::Wrong => before.wrong,
            Class::Stale => before.stale,
            Class::Duplicate => before.duplicate,
            Class::Unexpected => before.unexpected,
        };
        let whole = |count: i64| u64::try_from(count).unwrap_or_default();
        Report {
            id: self.id.clone(),
            connection: self.connection.clone(),
            ledger: self.ledger.clone(),
            from: self.first_day.clone(),
            to: self.last_day.clone(),
            audit: self.is_audit(),
            unfinished: (self.state != "done").then(|| self.doing.clone()),
            shopify_count: whole(self.orders),
            ledger_count: whole(self.documents),
            counts: Class::ALL.into_iter().map(|class| (class, whole(count(class)))).collect(),
            more_orders: whole(self.more),
            more_left: whole(self.more_left),
            orders,
            recognised: self.ways(),
            patterns: self.patterns.iter().map(|found| found.pattern.clone()).collect(),
            note: self.note.clone(),
            plan: self.plan.iter().map(|(repair, count)| (*repair, whole(*count))).collect(),
            drift_before: whole(before.drift()),
            drift_after: self.after.map(|after| whole(after.drift())),
            left: by_order(&self.left),
        }
    }
}
