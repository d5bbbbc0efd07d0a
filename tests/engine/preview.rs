//! The preview of an order: it is what then goes over the wire, it changes nothing, and replay does it.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use serde_json::{Value, json};
use tillproof::posting::{Declined, OrderRef, Preview};

use crate::shopify::{calls, connected, happened};
use crate::support::{Bench, Company, SandboxHttp, Story, one_in};

fn at(order_id: &str) -> OrderRef {
    OrderRef { connection: "main".into(), order_id: order_id.into() }
}

fn preview(bench: &Bench, order_id: &str) -> Result<Value, Declined> {
    let http = SandboxHttp(bench);
    let books = bench.books(&http);
    let preview: Result<Preview, Declined> = books.preview(&at(order_id)).now_or_never().unwrap();
    preview.map(|preview| serde_json::to_value(preview).unwrap())
}

fn replay(bench: &Bench, order_id: &str) -> Result<(), Declined> {
    let http = SandboxHttp(bench);
    let books = bench.books(&http);
    books.replay(&at(order_id)).now_or_never().unwrap()
}

/// Every row of every table but those of the condition.
fn everything(bench: &Bench, but: &str) -> BTreeMap<String, Vec<BTreeMap<String, String>>> {
    let tables = bench.rows("SELECT name FROM sqlite_master WHERE type = 'table'");
    let of = |table: &str| {
        let but = if table == "meta" && !but.is_empty() { format!(" WHERE {but}") } else { String::new() };
        bench.rows(&format!("SELECT * FROM {table}{but}"))
    };
    tables.iter().map(|row| (row["name"].clone(), of(&row["name"]))).collect()
}

/// The writes that were made, as a preview shows them.
fn written(bench: &Bench, order_id: &str) -> Vec<Value> {
    let rows = bench.rows(&format!(
        "SELECT operation, document_key, request FROM writes WHERE order_id = '{order_id}' AND state = 'confirmed' ORDER BY id"
    ));
    let show = |row: &BTreeMap<String, String>| {
        let request: Value = serde_json::from_str(&row["request"]).unwrap();
        json!({ "operation": row["operation"], "document_key": row["document_key"], "request": request })
    };
    rows.iter().map(show).collect()
}

/// The steps of a preview with the ids that the ledger gave meanwhile.
fn with_ids(bench: &Bench, order_id: &str, preview: &Value) -> Vec<Value> {
    let mut text = preview["steps"].to_string();
    for row in bench.rows(&format!(
        "SELECT document_key, json_extract(posted, '$.ledger_id') AS id FROM documents WHERE order_id = '{order_id}'"
    )) {
        text = text.replace(&format!("{{id of {}}}", row["document_key"]), &row["id"]);
    }
    for row in bench.rows("SELECT kind, label, ledger_id FROM ledger_references") {
        let what = format!("{} {}", row["kind"], row["label"]);
        text = text.replace(&format!("{{id of {what}}}"), &row["ledger_id"]);
        text = text.replace(&format!("{{{what}}}"), &row["ledger_id"]);
    }
    for row in bench.rows("SELECT ledger_id FROM parties WHERE ledger_id IS NOT NULL") {
        text = text.replace("{id of the customer}", &row["ledger_id"]);
    }
    let steps: Value = serde_json::from_str(&text).unwrap();
    let show = |step: &Value| json!({ "operation": step["operation"], "document_key": step["document_key"], "request": step["request"] });
    steps.as_array().unwrap().iter().map(show).collect()
}

#[test]
fn a_preview_changes_nothing_and_is_what_then_goes_over_the_wire_byte_for_byte() {
    let (mut is_drawn, mut whole) = (one_in(5), 0);
    for story in Story::all() {
        for company in story.companies.clone().into_iter().filter(|_| is_drawn()) {
            let bench = Bench::with(company, story.settings(company));
            bench.tell(&story);
            let context = format!("{} in {company:?}", story.name);
            let (before, asked) = (everything(&bench, ""), bench.world.borrow().calls().clone());
            let shown = preview(&bench, &story.order_id()).unwrap();
            assert_eq!(everything(&bench, ""), before, "{context}: nothing is stored");
            assert_eq!(bench.world.borrow().calls(), &asked, "{context}: nothing is sent");
            let already = written(&bench, &story.order_id()).len();
            bench.run();
            let written: Vec<Value> = written(&bench, &story.order_id()).split_off(already);
            let promised = with_ids(&bench, &story.order_id(), &shown);
            let same = promised.len().min(written.len());
            assert_eq!(promised[..same], written[..same], "{context}");
            let (state, reason) = bench.state(&story.order_id());
            if state == "held" && shown["hold"].is_null() {
                // What the ledger refuses nobody knows before it does.
                continue;
            }
            if shown["waiting"].is_null() && shown["hold"].is_null() {
                assert_eq!(promised.len(), written.len(), "{context}: {shown:#}");
                whole += 1;
            }
            if shown["waiting"].is_null() {
                assert_eq!(shown["ignored"].as_str(), (state == "ignored").then_some(reason.as_str()), "{context}");
                assert_eq!(shown["hold"]["reason"].as_str(), (state == "held").then_some(reason.as_str()), "{context}");
            }
        }
    }
    assert!(whole > 3, "{whole} were shown to their end");
}

#[test]
fn a_preview_says_what_is_called_for_why_and_what_is_asked_first() {
    let story = Story::read("simple");
    let bench = Bench::with(Company::QuickBooksUs, story.settings(Company::QuickBooksUs));
    bench.tell(&story);
    let shown = preview(&bench, &story.order_id()).unwrap();
    assert_eq!(
        (shown["state"].as_str(), shown["name"].as_str()),
        (Some("pending"), story.deliveries[0].1["name"].as_str())
    );
    let keys = |list: &str, key: &str| -> Vec<String> {
        shown[list].as_array().unwrap().iter().map(|one| one[key].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(keys("calls_for", "key"), keys("steps", "document_key"));
    assert_eq!(keys("calls_for", "standing"), ["live", "live"]);
    assert_eq!(shown["calls_for"][0]["total"], shown["steps"][0]["total"]);
    assert!(shown["steps"][0]["why"].as_str().unwrap().contains("does not have it"), "{shown:#}");
    assert!(shown["steps"][0]["first"].as_array().unwrap().contains(&json!("the customer is created")), "{shown:#}");
    assert!(shown["steps"][1]["request"]["body"].as_str().unwrap().contains("{id of sale}"), "{shown:#}");
    bench.run();
    let shown = preview(&bench, &story.order_id()).unwrap();
    assert_eq!((shown["steps"].clone(), shown["state"].as_str()), (json!([]), Some("synced")), "nothing is left to do");
}

#[test]
fn an_unknown_order_is_fetched_to_be_previewed_and_booked_only_by_a_replay() {
    let story = Story::read("partial_refund");
    let company = Company::XeroUk;
    let bench = connected(company, story.settings(company));
    happened(&bench, &story);
    bench.open();
    // The shop's token and cost budget are kept; of the order nothing is.
    let but = "key NOT LIKE 'shopify_%'";
    let before = everything(&bench, but);
    let shown = preview(&bench, &story.order_id()).unwrap();
    assert_eq!(everything(&bench, but), before);
    assert_eq!((shown["state"].as_str(), shown["waiting"].clone()), (Some("unknown"), Value::Null));
    let total: u64 =
        bench.world.borrow().calls().iter().filter(|(name, _)| name.contains("api.xro")).map(|(_, n)| n).sum();
    assert_eq!(total, 0, "the ledger is asked nothing");
    replay(&bench, &story.order_id()).unwrap();
    bench.run();
    assert_eq!(bench.state(&story.order_id()).0, "synced");
    assert_eq!(with_ids(&bench, &story.order_id(), &shown), written(&bench, &story.order_id()));
    let unknown = preview(&bench, "77").unwrap_err().to_string();
    assert!(unknown.contains("Shopify shows no order 77") && unknown.contains("read_all_orders"), "{unknown}");
}

#[test]
fn without_the_admin_api_an_unknown_order_has_neither_preview_nor_replay_and_it_is_said_what_to_set() {
    let bench = Bench::new(Company::XeroUk);
    for declined in [preview(&bench, "77").unwrap_err(), replay(&bench, "77").unwrap_err()] {
        assert!(matches!(declined, Declined::Missing(_)), "{declined:?}");
        assert!(declined.to_string().contains("SHOPIFY_CLIENT_ID"), "{declined}");
    }
    assert!(bench.rows("SELECT * FROM orders").is_empty());
}

#[test]
fn a_replay_of_a_known_order_fetches_it_and_writes_nothing_twice() {
    let story = Story::read("simple");
    let company = Company::XeroUk;
    let bench = connected(company, story.settings(company));
    happened(&bench, &story);
    bench.tell(&story);
    bench.run();
    let (before, asked) = (bench.ledger(company), calls(&bench));
    replay(&bench, &story.order_id()).unwrap();
    bench.run();
    assert_eq!(bench.state(&story.order_id()).0, "synced");
    assert_eq!(bench.ledger(company), before);
    assert!(calls(&bench) > asked);
}
