//! The real wasm on the real runtime: workerd, durable-object SQLite, alarms, D1. Needs `make build` first; run with
//! `cargo test --test worker` (plain `cargo test` leaves it out).

#[path = "support/everything.rs"]
mod everything;
#[path = "harness/mod.rs"]
mod harness;
#[path = "support/planted.rs"]
mod planted;

use std::time::Duration;

use harness::{ADMIN, QUICKBOOKS, SECRET, SHOP, Stage, XERO, now, story};
use planted::{PLANTED, plant};
use sandbox::{Fault, FaultKind, till};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

fn tell(stage: &Stage, name: &str, first: u64) {
    for (number, (topic, body)) in (first..).zip(story(name)) {
        let answer = stage.deliver(number, &topic, &body).unwrap();
        assert_eq!(answer.status, 200, "{topic}: {}", answer.body);
    }
}

#[test]
fn a_signed_order_reaches_both_ledgers_and_is_proven_in_d1() {
    let stage = Stage::start("happy").unwrap();
    tell(&stage, "simple", 1);
    tell(&stage, "multi_currency", 10);
    stage.wait_until_quiet(SOON).unwrap();
    for company in [QUICKBOOKS, XERO] {
        assert_eq!(stage.documents(company).len(), 4, "{:?}", stage.documents(company));
    }
    let rows = stage.d1("SELECT connection, document_key, expected_total, ledger_total, proof FROM documents").unwrap();
    assert_eq!(rows.len(), 8);
    assert!(rows.iter().all(|row| row["proof"] == "exact" && row["expected_total"] == row["ledger_total"]), "{rows:?}");
    let health = stage.d1("SELECT success_rate, latency_p95_ms FROM sync_health").unwrap();
    assert!(health.iter().all(|row| row["success_rate"] == 100 && row["latency_p95_ms"].is_number()), "{health:?}");
    // A duplicate, and a second topic of the same change, change nothing.
    let before = stage.documents(XERO);
    tell(&stage, "simple", 1);
    let (_, body) = &story("simple")[0];
    assert_eq!(stage.deliver(50, "orders/paid", body).unwrap().status, 200);
    stage.wait_until_quiet(SOON).unwrap();
    assert_eq!(stage.documents(XERO), before);
    let counted = stage.d1("SELECT max(deliveries) AS deliveries FROM events").unwrap();
    assert_eq!(counted[0]["deliveries"], 2);
}

#[test]
fn the_door_answers_as_documented() {
    let stage = Stage::start("door").unwrap();
    let body = &story("simple")[0].1;
    let genuine = till::Delivery::new("orders/create", SHOP, 1, now());
    let status = |headers: &[(String, String)], body: &[u8]| {
        let answer = stage.post_webhook(headers, body).unwrap();
        assert!(answer.json()["message"].is_string() || answer.status == 200, "{}", answer.body);
        answer.status
    };
    assert_eq!(status(&genuine.headers("guess", body), body), 401);
    assert_eq!(status(&[], body), 401);
    assert_eq!(status(&genuine.headers(SECRET, body), b"{}"), 401, "another body");
    let elsewhere = till::Delivery::new("orders/create", "other.myshopify.com", 2, now());
    assert_eq!(status(&elsewhere.headers(SECRET, body), body), 404);
    assert_eq!(stage.get("/webhooks/shopify", None).unwrap().status, 405);
    assert!(stage.announce(10 * 1024 * 1024 + 1).unwrap().starts_with("HTTP/1.1 413"));
    // The new header spelling, a megabyte, and bytes that are no JSON at all are all taken in.
    let renamed: Vec<(String, String)> = genuine
        .headers(SECRET, body)
        .into_iter()
        .map(|(name, value)| (name.replace("X-Shopify-", "shopify-"), value))
        .collect();
    assert_eq!(status(&renamed, body), 200);
    let mut padded = body.clone();
    padded.extend(vec![b' '; 2 << 20]);
    assert_eq!(stage.deliver(3, "orders/updated", &padded).unwrap().status, 200);
    assert_eq!(stage.deliver(4, "orders/create", b"\xff\xfe{").unwrap().status, 200);
    assert_eq!(stage.deliver(5, "orders/create", b"").unwrap().status, 200);
    // The admin's routes.
    for path in ["/", "/api/status", "/metrics", "/api/orders/xero/1", "/connect"] {
        assert_eq!(stage.get(path, None).unwrap().status, 401, "{path}");
        assert_eq!(stage.get(path, Some("wrong-but-long-enough-secret")).unwrap().status, 401, "{path}");
    }
    assert_eq!(stage.get("/api/status", Some(ADMIN)).unwrap().status, 200);
    stage.wait_until_quiet(SOON).unwrap();
    let held = stage.d1("SELECT reason FROM needs_attention WHERE connection = 'xero'").unwrap();
    assert_eq!(held.len(), 2, "{held:?}");
    let refused = stage.d1("SELECT kind, shop FROM refusals ORDER BY kind").unwrap();
    assert!(refused.iter().any(|row| row["kind"] == "bad_signature"), "{refused:?}");
}

#[test]
fn a_cancel_that_overtakes_its_create_posts_nothing() {
    let stage = Stage::start("overtaking").unwrap();
    for (number, (topic, body)) in (1..).zip(story("cancelled_unpaid").into_iter().rev()) {
        assert_eq!(stage.deliver(number, &topic, &body).unwrap().status, 200);
    }
    stage.wait_until_quiet(SOON).unwrap();
    assert!(stage.documents(QUICKBOOKS).is_empty() && stage.documents(XERO).is_empty());
    let rows = stage.d1("SELECT state, reason FROM orders").unwrap();
    assert!(
        rows.iter().all(|row| row["state"] == "ignored" && row["reason"] == "cancelled_before_posting"),
        "{rows:?}"
    );
}

#[test]
fn ledgers_that_are_down_or_silent_get_every_document_exactly_once() {
    let stage = Stage::start("outage").unwrap();
    stage.sandbox.with(|world| {
        world.fail(Fault::next(FaultKind::Down).repeated(4));
        world.fail(Fault::next(FaultKind::LostReply).on("POST", "/invoice").repeated(2));
        world.fail(Fault::next(FaultKind::LostReply).on("PUT", "/Payments").repeated(2));
    });
    for (first, name) in [(1, "simple"), (10, "order_discount_uneven"), (20, "fully_refunded")] {
        tell(&stage, name, first);
    }
    stage.wait_until_quiet(Duration::from_secs(150)).unwrap();
    assert_eq!(stage.documents(QUICKBOOKS).len(), 7, "{:?}", stage.documents(QUICKBOOKS));
    assert_eq!(stage.documents(XERO).len(), 8, "{:?}", stage.documents(XERO));
    let wrong = stage.d1("SELECT * FROM documents WHERE proof <> 'exact'").unwrap();
    assert!(wrong.is_empty(), "{wrong:?}");
    let open = stage.d1("SELECT * FROM orders WHERE state <> 'synced'").unwrap();
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn killed_between_acknowledging_and_posting_it_goes_on_after_a_restart() {
    let mut stage = Stage::start("killed").unwrap();
    let stories = ["simple", "order_discount_uneven", "free_shipping", "right_to_left", "partial_refund"];
    for (round, name) in (0..).zip(stories) {
        tell(&stage, name, round * 10 + 1);
        // Acknowledged, and at once the power goes: before, in the middle of, or after its posting.
        std::thread::sleep(Duration::from_millis(round * 450));
        stage.restart().unwrap();
    }
    stage.wait_until_quiet(Duration::from_secs(150)).unwrap();
    for company in [QUICKBOOKS, XERO] {
        let documents = stage.documents(company);
        let mut unique = documents.clone();
        unique.dedup();
        assert_eq!(unique, documents, "something stands twice");
    }
    assert_eq!(stage.documents(QUICKBOOKS).len(), 11, "{:?}", stage.documents(QUICKBOOKS));
    assert_eq!(stage.documents(XERO).len(), 12, "{:?}", stage.documents(XERO));
    let open = stage.d1("SELECT * FROM orders WHERE state <> 'synced'").unwrap();
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn an_error_in_the_middle_of_a_transaction_leaves_nothing_behind() {
    let stage = Stage::start_with("transaction", "build/checks", &json!({})).unwrap();
    let answer = stage.post("/checks/transaction").unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "before 0, after an error 0, after a success 1"));
}

// Three minutes long: cron heals a crash after 80 seconds, and the second one holds the order.
#[test]
fn an_order_that_crashes_the_wasm_is_held_and_hurts_nobody_else() {
    let stage = Stage::start_with("crash", "build/checks", &json!({})).unwrap();
    let (topic, body) = story("free_shipping").remove(0);
    let crashing = String::from_utf8(body).unwrap().replace("\"#1006\"", "\"#CRASH\"");
    assert_eq!(stage.deliver(90, &topic, crashing.as_bytes()).unwrap().status, 200);
    tell(&stage, "simple", 1);
    tell(&stage, "order_discount_uneven", 10);
    stage.wait_until_quiet(Duration::from_secs(300)).unwrap();
    let rows = stage.d1("SELECT name, state, reason FROM orders ORDER BY name").unwrap();
    let held: Vec<_> = rows.iter().filter(|row| row["state"] == "held").collect();
    assert_eq!(held.len(), 2, "{rows:?}");
    assert!(held.iter().all(|row| row["name"] == "#CRASH" && row["reason"] == "crashed"), "{rows:?}");
    assert_eq!(rows.iter().filter(|row| row["state"] == "synced").count(), 4, "{rows:?}");
}

/// Which of the planted strings stand in any row of any database on the runtime's disk.
fn found_on_disk(stage: &Stage) -> Vec<&'static str> {
    let databases = stage.databases();
    assert!(databases.len() >= 3, "two sets of books and the journal: {databases:?}");
    let read = |path| everything::everything(&tillproof::platform::native::Sqlite::open(path).unwrap());
    let all: String = databases.iter().map(|path| read(path)).collect::<String>().to_lowercase();
    PLANTED.into_iter().filter(|one| all.contains(&one.to_lowercase())).collect()
}

#[test]
fn what_shopify_asks_to_erase_is_in_no_row_on_the_runtimes_disk_and_the_refund_after_it_is_posted() {
    let mut stage = Stage::start("erased").unwrap();
    let planted = |(topic, body): (String, Vec<u8>)| {
        let mut body: Value = serde_json::from_slice(&body).unwrap();
        plant(&mut body);
        (topic, body)
    };
    let story: Vec<(String, Value)> = story("partial_refund").into_iter().map(planted).collect();
    let deliver = |stage: &Stage, first: u64, deliveries: &[(String, Value)]| {
        for (number, (topic, body)) in (first..).zip(deliveries) {
            assert_eq!(stage.deliver(number, topic, body.to_string().as_bytes()).unwrap().status, 200, "{topic}");
        }
        stage.wait_until_quiet(SOON).unwrap();
    };
    deliver(&stage, 1, &story[..2]);
    let customer = json!({"id": story[0].1["customer"]["id"], "email": PLANTED[2], "phone": PLANTED[3]});
    let about = |more: Value| {
        let mut body = json!({"shop_id": 954889, "shop_domain": SHOP, "customer": customer});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    // The customer asks first what is stored.
    let asks = about(json!({"orders_requested": [story[0].1["id"]], "data_request": {"id": 1}}));
    deliver(&stage, 10, &[("customers/data_request".into(), asks)]);
    let requests = stage.get("/api/privacy/xero", Some(ADMIN)).unwrap().json();
    let question = format!("/api/privacy/xero/{}", requests[0]["id"]);
    let answer = stage.get(&question, Some(ADMIN)).unwrap().body;
    assert!(PLANTED.iter().all(|one| answer.contains(one)), "{answer}");
    assert_eq!(stage.get(&question, None).unwrap().status, 401);
    assert_eq!(stage.post(&format!("{question}/answered")).unwrap().status, 202);
    assert_eq!(stage.get(&question, Some(ADMIN)).unwrap().status, 404);
    stage.kill();
    assert_eq!(found_on_disk(&stage), PLANTED);
    stage.raise().unwrap();
    let erase = about(json!({"orders_to_redact": [story[0].1["id"]]}));
    deliver(&stage, 20, &[("customers/redact".into(), erase)]);
    deliver(&stage, 30, &story[2..]);
    let status = stage.status().unwrap();
    assert!(status["books"][0]["connections"][0]["shopify"]["deliveries"]["last_delivery"].is_string(), "{status}");
    let posted = stage.documents(XERO);
    assert!(posted.iter().any(|line| line.contains("CreditNote")), "the refund: {posted:?}");
    let erased = stage.d1("SELECT state, orders FROM privacy_requests WHERE topic = 'customers/redact'").unwrap();
    assert!(erased.len() == 2 && erased.iter().all(|one| one["state"] == "erased" && one["orders"] == 1), "{erased:?}");
    stage.kill();
    assert_eq!(found_on_disk(&stage), Vec::<&str>::new());
}
