//! The page of one order: what Shopify said of it, what was changed on the way, the documents that it became, each with its
//! proof, and every call that this took.

use askama::Template;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::words::{ROWS, When, Zone, beyond, clipped, duration, state};
use crate::books::hold::HoldReason;
use crate::books::rules::LedgerName;
use crate::ledgers::link;
use crate::monitor::CALLS;
use crate::platform::{Row, Value as Cell};
use crate::posting::{LONGEST_REASON, OrderView};

/// The page.
#[derive(Template)]
#[template(path = "order.html")]
pub struct OrderPage {
    path: &'static str,
    connection: String,
    order_id: String,
    name: String,
    mark: &'static str,
    state: &'static str,
    zone: &'static str,
    /// The order in Shopify's own pages.
    shopify: Option<String>,
    first_heard: When,
    next_try: Option<When>,
    /// What is told of it: what it waits for, or what to know.
    told: Option<Told>,
    /// What a person said of it.
    decisions: Vec<String>,
    /// True if a person may leave it out.
    may_ignore: bool,
    /// True if it is asked what becomes of money of an order that is older than the start date.
    asks: bool,
    longest_reason: usize,
    lists: [(&'static str, &'static str); 4],
    events: Vec<Event>,
    more_events: Option<String>,
    changes: Vec<Change>,
    more_changes: Option<String>,
    documents: Vec<Document>,
    more_documents: Option<String>,
    calls: Vec<Call>,
    /// So many are asked for.
    most_calls: usize,
    /// Why the calls cannot be had.
    problem: Option<String>,
}

pub(super) struct Told {
    pub mark: &'static str,
    pub code: String,
    pub meaning: String,
    pub detail: String,
    pub remedy: String,
}

struct Event {
    at: When,
    topic: String,
    outcome: String,
    reason: String,
    deliveries: String,
    took: String,
}

pub(super) struct Change {
    pub document: String,
    pub field: String,
    pub rule: String,
    pub before: String,
    pub after: String,
}

struct Document {
    key: String,
    kind: String,
    number: String,
    link: Option<String>,
    currency: String,
    expected: String,
    stated: String,
    mark: &'static str,
    proof: &'static str,
    state: String,
    at: When,
}

struct Call {
    at: When,
    document: String,
    operation: String,
    outcome: String,
    mark: &'static str,
    status: String,
    message: String,
    took: String,
}

/// What the journal has of an order, as lists: the name of each in its address, and its title.
const LISTS: [(&str, &str); 4] = [
    ("events", "what Shopify said"),
    ("adjustments", "what was changed"),
    ("documents", "documents"),
    ("attempts", "calls to the ledger"),
];

/// The cell of a JSON row as text; nothing if it is null or not there.
pub(super) fn cell(row: &Value, name: &str) -> String {
    match &row[name] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The same of a row of the journal.
fn column(row: &Row, name: &str) -> String {
    let found = row.0.iter().find(|(column, _)| column == name).map(|(_, value)| value);
    match found {
        Some(Cell::Text(text)) => text.clone(),
        Some(Cell::Int(number)) => number.to_string(),
        _ => String::new(),
    }
}

pub(super) fn words(code: &str) -> String {
    code.replace('_', " ")
}

impl OrderPage {
    /// The page of an order of `shop`. `attempts` are the journal's rows of the calls that were made for it, or why they
    /// cannot be had.
    pub fn new(view: OrderView, shop: &str, attempts: Result<Vec<Row>, String>, now: DateTime<Utc>) -> Self {
        let zone = Zone::named(view.time_zone.as_deref());
        let ledger = view.ledger.as_deref().and_then(ledger);
        let order = &view.order;
        let (state_text, mark) = state(&cell(order, "state"));
        let order_id = cell(order, "order_id");
        let is_order = !order_id.is_empty() && order_id.bytes().all(|letter| letter.is_ascii_digit());
        let handle = shop.strip_suffix(".myshopify.com").filter(|_| is_order);
        let (calls, problem) = match attempts {
            Ok(rows) => (rows.iter().map(|row| call(row, zone)).collect(), None),
            Err(why) => (Vec::new(), Some(why)),
        };
        let reason = cell(order, "reason");
        Self {
            path: "/orders",
            connection: cell(order, "connection"),
            name: Some(cell(order, "name")).filter(|name| !name.is_empty()).unwrap_or_else(|| order_id.clone()),
            mark,
            state: state_text,
            zone: zone.name(),
            shopify: handle.map(|handle| format!("https://admin.shopify.com/store/{handle}/orders/{order_id}")),
            first_heard: When::in_zone(&cell(order, "first_seen_at"), zone),
            next_try: Some(cell(order, "due_at"))
                .filter(|at| !at.is_empty() && mark == "note")
                .map(|at| When::from_now(&at, now)),
            asks: view.cutover.iter().any(|one| one["decision"].is_null()) && cell(order, "state") == "held",
            may_ignore: cell(order, "state") == "held",
            longest_reason: LONGEST_REASON,
            lists: LISTS,
            told: told(order, &reason),
            decisions: decisions(&view, zone),
            events: view.events[view.events.len().saturating_sub(ROWS)..].iter().map(|one| event(one, zone)).collect(),
            more_events: beyond("newest", view.events.len()),
            changes: view.adjustments.iter().take(ROWS).map(change).collect(),
            more_changes: beyond("first", view.adjustments.len()),
            documents: view.documents.iter().take(ROWS).map(|one| document(one, ledger, zone)).collect(),
            more_documents: beyond("first", view.documents.len()),
            calls,
            most_calls: CALLS,
            problem,
            order_id,
        }
    }
}

fn ledger(name: &str) -> Option<LedgerName> {
    [LedgerName::QuickBooks, LedgerName::Xero].into_iter().find(|one| one.as_str() == name)
}

fn told(order: &Value, code: &str) -> Option<Told> {
    if code.is_empty() {
        return None;
    }
    let known = HoldReason::ALL.iter().find(|reason| reason.code() == code);
    let is_held = cell(order, "state") == "held";
    Some(Told {
        mark: if is_held { "problem" } else { "note" },
        code: code.to_owned(),
        meaning: known.map_or_else(|| left_out(code).to_owned(), |reason| reason.meaning().to_owned()),
        detail: cell(order, "detail"),
        remedy: cell(order, "remedy"),
    })
}

/// What the rules say that leave an order out.
pub(super) fn left_out(rule: &str) -> &'static str {
    match rule {
        "test_order" => "It was made in Shopify's test mode.",
        "before_start_date" => "It is older than the connection's start date, and no money moved since.",
        "ignored_by_person" => "Somebody said that it stays out of the books.",
        "zero_total" => "There is nothing to pay, and the settings leave such orders out.",
        "cancelled_before_posting" => "It was cancelled, or nothing was left of it, before anything of it was posted.",
        "deleted" => "Shopify deleted it before anything of it was posted.",
        "put_aside" => "Somebody has seen to this delivery.",
        _ => "A rule leaves it out.",
    }
}

/// What people said of the order.
fn decisions(view: &OrderView, zone: Zone) -> Vec<String> {
    let set_aside = view.set_aside.iter().map(|one| {
        let why = cell(one, "why");
        let why = if why.is_empty() { "the reason was erased".to_owned() } else { format!("“{why}”") };
        format!("{}: left out by a person, {why}. Release takes it in again.", zone.tell(&cell(one, "at")))
    });
    let answered = view.cutover.iter().filter(|one| !one["decision"].is_null()).map(|one| {
        let said = if cell(one, "decision") == "ignore" { "to be left out" } else { "to be posted stand-alone" };
        let at = zone.tell(&cell(one, "answered_at"));
        format!("{at}: {} of {} is {said}. {}", cell(one, "amount"), cell(one, "document_key"), cell(one, "why"))
    });
    set_aside.chain(answered).collect()
}

fn event(one: &Value, zone: Zone) -> Event {
    let at = |name: &str| crate::platform::time::parse_iso(&cell(one, name));
    let took = at("received_at").zip(at("finished_at")).map(|(from, to)| duration((to - from).num_milliseconds()));
    let deliveries = one["deliveries"].as_i64().unwrap_or(1);
    Event {
        at: When::in_zone(&cell(one, "received_at"), zone),
        topic: cell(one, "topic"),
        outcome: words(&cell(one, "outcome")),
        reason: cell(one, "reason"),
        deliveries: if deliveries > 1 { format!("came {deliveries} times") } else { String::new() },
        took: took.unwrap_or_default(),
    }
}

pub(super) fn change(one: &Value) -> Change {
    Change {
        document: cell(one, "document_key"),
        field: cell(one, "field"),
        rule: cell(one, "rule"),
        before: clipped(&cell(one, "before")),
        after: clipped(&cell(one, "after")),
    }
}

fn document(one: &Value, ledger: Option<LedgerName>, zone: Zone) -> Document {
    let kind = cell(one, "kind");
    let is_exact = cell(one, "proof") == "exact";
    let counts = matches!(cell(one, "state").as_str(), "posted" | "updated" | "foreign");
    Document {
        key: cell(one, "document_key"),
        link: ledger.and_then(|ledger| link(ledger, &kind, &cell(one, "ledger_id"))),
        kind: words(&kind),
        number: cell(one, "number"),
        currency: cell(one, "currency"),
        expected: cell(one, "expected_total"),
        stated: cell(one, "ledger_total"),
        mark: match (counts, is_exact) {
            (false, _) => "idle",
            (true, true) => "ok",
            (true, false) => "problem",
        },
        proof: if is_exact { "equal" } else { "differs" },
        state: match cell(one, "state").as_str() {
            "foreign" => "another integration’s".into(),
            "retired" => "voided".into(),
            other => other.into(),
        },
        at: When::in_zone(&cell(one, "posted_at"), zone),
    }
}

fn call(row: &Row, zone: Zone) -> Call {
    let outcome = column(row, "outcome");
    Call {
        at: When::in_zone(&column(row, "at"), zone),
        document: column(row, "document_key"),
        operation: words(&column(row, "operation")),
        mark: if column(row, "code").is_empty() { "ok" } else { "problem" },
        status: column(row, "http_status"),
        message: clipped([column(row, "code"), column(row, "message")].join(" ").trim()),
        took: column(row, "duration_ms").parse().map(duration).unwrap_or_default(),
        outcome: words(&outcome),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::render;
    use crate::platform::time::parse_iso;
    use serde_json::json;

    fn view(state: &str, reason: &str) -> OrderView {
        OrderView {
            ledger: Some("xero".into()),
            time_zone: Some("Europe/London".into()),
            order: json!({"connection": "main", "order_id": "5600000001001", "name": "#1001", "state": state,
                "reason": reason, "detail": "\"VAT\" at rate 0.2", "remedy": "Add the named tax.",
                "first_seen_at": "2026-07-02T09:00:00.000Z"}),
            events: vec![json!({"topic": "orders/create", "received_at": "2026-07-02T09:00:00.000Z",
                "finished_at": "2026-07-02T09:00:02.500Z", "outcome": "posted", "deliveries": 3})],
            documents: vec![json!({"document_key": "sale", "kind": "invoice", "number": "S-1001", "currency": "GBP",
                "expected_total": "12.00", "ledger_total": "12.00", "proof": "exact", "state": "posted",
                "posted_at": "2026-07-02T09:00:02.000Z", "ledger_id": "1cf1a11c-a067-4a05-9c8b-06f281f7afed"})],
            ..OrderView::default()
        }
    }

    fn page(view: OrderView) -> String {
        let now = parse_iso("2026-07-02T11:00:00.000Z").unwrap();
        render(&OrderPage::new(view, "example.myshopify.com", Ok(Vec::new()), now))
    }

    #[test]
    fn instants_are_told_in_the_shops_zone_and_documents_lead_into_the_ledger() {
        let html = page(view("synced", ""));
        assert!(html.contains("2 Jul 2026, 10:00:00") && html.contains("Europe/London"), "{html}");
        assert!(html.contains("https://go.xero.com/AccountsReceivable/View.aspx?InvoiceID=1cf1a11c"), "{html}");
        assert!(html.contains("https://admin.shopify.com/store/example/orders/5600000001001"), "{html}");
        assert!(html.contains("came 3 times") && html.contains("2.5 s"), "{html}");
        assert!(!html.contains("/ignore"), "only what waits can be left out");
    }

    #[test]
    fn what_waits_says_what_for_and_what_to_do_and_can_be_left_out() {
        let html = page(view("held", "tax_unmapped"));
        assert!(html.contains("Add the named tax.") && html.contains("&#34;VAT&#34; at rate 0.2"), "{html}");
        let form = "action=\"/api/orders/main/5600000001001/";
        for action in ["preview", "replay", "release", "ignore"] {
            assert!(html.contains(&format!("{form}{action}\"")), "{action}: {html}");
        }
        assert!(!html.contains("stand_alone"));
        let mut older = view("held", "before_start_date");
        older.cutover = vec![json!({"document_key": "payment:1", "amount": "5", "decision": null})];
        assert!(page(older).contains("value=\"stand_alone\""));
    }

    #[test]
    fn the_page_of_an_order_that_went_through_much_is_below_a_hundred_kilobytes() {
        let mut much = view("held", "tax_unmapped");
        let long = "a long text & more 🚀 ".repeat(200);
        let times = |one: &Value| vec![one.clone(); 800];
        much.events = times(&much.events[0]);
        much.documents = times(&much.documents[0]);
        much.adjustments = times(&json!({"document_key": "sale/12", "field": "line_items[749].name",
            "rule": "unsupported_characters", "before": long, "after": long}));
        let columns = ["document_key", "operation", "at", "duration_ms", "http_status", "outcome", "code", "message"];
        let values =
            ["payment:6800000000001", "create", "2026-07-02T09:00:00.000Z", "412", "400", "refused", "6140", &long];
        let row = columns.into_iter().zip(values).map(|(name, value)| (name.to_owned(), Cell::Text(value.to_owned())));
        let row = Row(row.collect());
        let now = parse_iso("2026-07-02T11:00:00.000Z").unwrap();
        let html = render(&OrderPage::new(much, "example.myshopify.com", Ok(vec![row; 50]), now));
        assert!(html.len() < 100_000, "{} bytes", html.len());
        assert_eq!(html.matches(" of 800; the API tells of all.").count(), 3);
    }

    #[test]
    fn hostile_texts_stay_text() {
        let text = "\"><script>alert(1)</script>";
        let mut hostile = view("held", "tax_unmapped");
        hostile.order["name"] = text.into();
        hostile.order["detail"] = text.into();
        hostile.adjustments = vec![json!({"field": text, "rule": "emoji_named", "before": text, "after": text})];
        hostile.set_aside = vec![json!({"why": text, "at": "2026-07-02T09:00:00.000Z"})];
        hostile.documents[0]["ledger_id"] = "javascript:alert(1)".into();
        let html = page(hostile);
        assert!(!html.contains("<script") && !html.contains("javascript:"), "{html}");
    }
}
