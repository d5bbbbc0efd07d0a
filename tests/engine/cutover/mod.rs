//! Orders that are older than the start date: money that moves since then goes to the invoice that another integration made,
//! or a person says where. That invoice is never touched.

use sandbox::DocumentView;
use serde_json::{Value, json};

use crate::support::{Bench, Company, Story};

mod answers;
mod found;
mod unsaid;

/// Sold on 20 December 2025 for 65.88, paid on 2 November 2026.
fn paid_after() -> Story {
    let mut story = Story::read("cutover_paid_after");
    story.ledger.clear();
    story
}

/// Sold and paid on 20 December 2025 for 60.00; 30.00 went back on 5 November 2026.
fn refunded_after() -> Story {
    let mut story = Story::read("cutover_refund");
    story.ledger.clear();
    story
}

/// An invoice of the order's total under that number.
fn invoice(number: &str) -> Value {
    json!({"kind": "Invoice", "number": number, "currency": "USD", "total": "65.88"})
}

fn with(mut sale: Value, key: &str, value: &str) -> Value {
    sale[key] = json!(value);
    sale
}

/// A ledger with these sales in it, and the story told.
fn told(company: Company, story: &Story, sales: &[Value]) -> Bench {
    let bench = Bench::new(company);
    sales.iter().for_each(|sale| bench.set_up("plant_sale", sale));
    bench.tell(story);
    bench.run();
    bench
}

fn documents(bench: &Bench, company: Company) -> Vec<DocumentView> {
    bench.world.borrow().documents(company.id())
}

/// The sale that was planted under that number.
fn planted(bench: &Bench, company: Company, number: &str) -> DocumentView {
    let is_it = |one: &DocumentView| one.number == number && one.party_name.starts_with("Earlier");
    documents(bench, company).into_iter().find(is_it).unwrap()
}

fn ours(bench: &Bench, company: Company) -> Vec<DocumentView> {
    documents(bench, company).into_iter().filter(|one| one.date.starts_with("2026")).collect()
}

fn detail(bench: &Bench) -> String {
    bench.rows("SELECT detail FROM orders")[0]["detail"].clone()
}

fn held(bench: &Bench, story: &Story) -> String {
    assert_eq!(bench.state(&story.order_id()), ("held".into(), "before_start_date".into()), "{}", detail(bench));
    detail(bench)
}

/// The foreign sale stands as it was planted but for what is open, and nothing was ever written to it.
fn untouched(bench: &Bench) {
    assert!(bench.rows("SELECT 1 FROM writes WHERE document_key LIKE 'sale%'").is_empty());
    let written = bench.rows("SELECT request FROM writes WHERE operation <> 'create'");
    assert!(written.is_empty(), "{written:?}");
    for row in bench.journal("SELECT state, proof FROM documents WHERE document_key = 'sale'") {
        assert_eq!((row["state"].as_str(), row["proof"].as_str()), ("foreign", "exact"));
    }
}
