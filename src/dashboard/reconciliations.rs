//! The pages of reconciliations: which there were and what they found, and one of them order by order.

use askama::Template;
use chrono::{DateTime, Utc};

use super::charts::{Chart, comparisons};
use super::words::{When, clipped, distance};
use crate::monitor::Drift;
use crate::reconcile::Repair;
use crate::reconcile::run::{Counts, FindingView, RunView};

/// All of them.
#[derive(Template)]
#[template(path = "reconciliations.html")]
pub struct ReconciliationsPage {
    path: &'static str,
    connections: Vec<Card>,
}

/// The runs of one connection, or why they cannot be had.
pub struct OfConnection {
    /// Its id.
    pub id: String,
    /// Its shop.
    pub shop: String,
    /// The newest first.
    pub runs: Vec<RunView>,
    /// When the next one begins by itself.
    pub next: Option<String>,
    /// Why nothing is known.
    pub unreachable: Option<String>,
}

struct Card {
    id: String,
    shop: String,
    unreachable: Option<String>,
    next: String,
    /// A day a week ago, to begin with.
    week_ago: String,
    runs: Vec<Line>,
    chart: Option<Chart>,
}

struct Line {
    id: String,
    what: String,
    window: String,
    at: When,
    mark: &'static str,
    result: String,
}

impl ReconciliationsPage {
    /// The page at this moment.
    pub fn new(all: Vec<OfConnection>, now: DateTime<Utc>) -> Self {
        let card = |one: OfConnection| Card {
            next: one.next.map_or_else(|| "not yet planned".into(), |at| distance(&at, now)),
            week_ago: (now - chrono::Duration::days(7)).date_naive().to_string(),
            runs: one.runs.iter().map(|run| line(run, now)).collect(),
            chart: comparisons(&one.runs.iter().rev().filter_map(drift).collect::<Vec<_>>()),
            id: one.id,
            shop: one.shop,
            unreachable: one.unreachable,
        };
        Self { path: "/reconciliations", connections: all.into_iter().map(card).collect() }
    }
}

/// What a run of our own books found and left, once it is over.
fn drift(run: &RunView) -> Option<Drift> {
    let before = run.before.as_ref().filter(|_| run.kind != "audit")?;
    Some(Drift {
        id: run.id.clone(),
        kind: run.kind.clone(),
        from: run.from.clone(),
        to: run.to.clone(),
        at: run.finished_at.clone()?,
        found: before.drift(),
        left: run.after.as_ref().map(Counts::drift),
    })
}

fn line(run: &RunView, now: DateTime<Utc>) -> Line {
    let (mark, result) = verdict(run);
    Line {
        id: run.id.clone(),
        what: kind(run),
        window: window(run),
        at: When::from_now(&run.started_at, now),
        mark,
        result,
    }
}

fn kind(run: &RunView) -> String {
    let name = match run.kind.as_str() {
        "regular" => "regular",
        "light" => "nightly",
        "audit" if run.plan_of.is_some() => "audit of another integration, and posting what it misses",
        "audit" => "audit of another integration",
        _ => "asked for",
    };
    run.sample.map_or_else(|| name.to_owned(), |sample| format!("{name}, newest {sample} orders"))
}

fn window(run: &RunView) -> String {
    format!("{} to {}", run.first_day, run.last_day)
}

/// "3 missing, 1 wrong"; "no difference".
fn in_words(counts: &Counts) -> String {
    let all = [
        (counts.missing, "missing"),
        (counts.wrong, "wrong"),
        (counts.stale, "stale"),
        (counts.duplicate, "duplicate"),
        (counts.unexpected, "unexpected"),
    ];
    let some: Vec<String> =
        all.iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}")).collect();
    if some.is_empty() { "no difference".into() } else { some.join(", ") }
}

fn verdict(run: &RunView) -> (&'static str, String) {
    match (run.state.as_str(), &run.before, &run.after) {
        ("cancelled", ..) => ("idle", run.doing.clone()),
        ("done", _, Some(after)) if after.drift() == 0 => ("ok", "all repaired: no difference left".into()),
        ("done", _, Some(after)) => ("problem", format!("after the repair: {}", in_words(after))),
        ("done", Some(before), None) if before.drift() == 0 => ("ok", in_words(before)),
        ("done", Some(before), None) => ("problem", in_words(before)),
        ("waiting", ..) => ("note", format!("waits: {}", run.doing)),
        _ => ("note", run.doing.clone()),
    }
}

/// One of them.
#[derive(Template)]
#[template(path = "reconciliation.html")]
pub struct ReconciliationPage {
    path: &'static str,
    run: RunView,
    what: String,
    window: String,
    began: When,
    mark: &'static str,
    result: String,
    first_found: Option<String>,
    is_under_way: bool,
    patterns: Vec<String>,
    recognised: String,
    tables: Vec<Table>,
}

/// What differed at one look.
struct Table {
    id: &'static str,
    title: &'static str,
    orders: Vec<OrderCard>,
}

/// The findings on one order.
struct OrderCard {
    order_id: String,
    name: String,
    rows: Vec<Row>,
}

struct Row {
    class: &'static str,
    document: String,
    field: String,
    shopify: String,
    ledger: String,
    cause: String,
    plan: String,
}

impl ReconciliationPage {
    /// The page at this moment.
    pub fn new(run: RunView, now: DateTime<Utc>) -> Self {
        let (mark, result) = verdict(&run);
        let title = if run.after.is_some() { "Order by order, before the repair" } else { "Order by order" };
        let mut tables = vec![
            Table { id: "left", title: "What is left", orders: by_order(&run.left, left) },
            Table { id: "orders", title, orders: by_order(&run.findings, plan) },
        ];
        tables.retain(|table| !table.orders.is_empty());
        Self {
            path: "/reconciliations",
            what: kind(&run),
            window: window(&run),
            began: When::from_now(&run.started_at, now),
            mark,
            result,
            first_found: run.after.and(run.before.as_ref()).map(in_words),
            is_under_way: matches!(run.state.as_str(), "running" | "waiting"),
            patterns: run.patterns.iter().map(|found| &found.pattern.sentence).chain(&run.note).cloned().collect(),
            recognised: run.ways().join(", "),
            tables,
            run,
        }
    }
}

fn by_order(findings: &[FindingView], plan: impl Fn(&FindingView) -> &'static str) -> Vec<OrderCard> {
    let mut orders: Vec<OrderCard> = Vec::new();
    for finding in findings {
        let row = row(finding, plan(finding));
        match orders.last_mut().filter(|order| order.order_id == finding.order_id) {
            Some(order) => order.rows.push(row),
            None => orders.push(OrderCard {
                order_id: finding.order_id.clone(),
                name: if finding.name.is_empty() { "No order of the shop".into() } else { finding.name.clone() },
                rows: vec![row],
            }),
        }
    }
    orders
}

/// What is to be done about a difference, or was given to somebody to do.
fn plan(view: &FindingView) -> &'static str {
    match (view.done.as_deref(), view.finding.repair) {
        (Some("handed_over"), _) => "given to the posting engine",
        (Some("held"), _) => "waits for you: see the order",
        (None, Repair::Post) => "would be posted",
        (None, Repair::Update) => "would be brought up to date",
        (None, Repair::Correct) => "would be written again as it was",
        (None, Repair::Ask) if view.fetched && view.finding.is_held() => "would be fetched, and held for you",
        (None, Repair::Ask) => "would wait for you",
        (_, _) => "nothing: look at it in the ledger",
    }
}

/// What becomes of a difference that the repair left.
fn left(view: &FindingView) -> &'static str {
    match view.finding.repair {
        Repair::Post | Repair::Update | Repair::Correct => "not done yet: see the order",
        Repair::Ask | Repair::None => "waits for you: see the order and the ledger",
    }
}

fn row(view: &FindingView, plan: &str) -> Row {
    let finding = &view.finding;
    let by_hand = view.remedy.as_ref().map(|remedy| format!("by hand: {remedy}"));
    Row {
        class: finding.class.as_str(),
        document: finding.document(),
        field: finding.field.map(|field| field.as_str().to_owned()).unwrap_or_default(),
        shopify: clipped(&finding.shopify_value),
        ledger: clipped(&finding.ledger_value),
        cause: clipped(&finding.cause),
        plan: clipped(&by_hand.unwrap_or_else(|| plan.to_owned())),
    }
}
