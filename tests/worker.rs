//! The real wasm on the real runtime: workerd, durable-object SQLite, alarms, D1. Needs `make build` first; run with
//! `cargo test --test worker` (plain `cargo test` leaves it out).

#[path = "support/everything.rs"]
mod everything;
#[path = "harness/mod.rs"]
mod harness;
#[path = "support/planted.rs"]
mod planted;

use std::time::{Duration, Instant};

use harness::{ADMIN, QUICKBOOKS, SECRET, SHOP, Stage, XERO, connections, now, story};
use planted::{PLANTED, plant};
use sandbox::shopify::CLIENT;
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
    // What was turned away is written down a few seconds later, all of it.
    let refused = || stage.d1("SELECT kind, sum(count) AS count FROM refusals GROUP BY kind ORDER BY kind").unwrap();
    let deadline = Instant::now() + SOON;
    while refused().is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(500));
    }
    assert!(refused().iter().any(|row| row["kind"] == "bad_signature"), "{:?}", refused());
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
    quiet_at_last(&stage);
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

/// Waits until nothing is due. What was in the middle of being worked on each time the power went waits for a person, who
/// releases it.
fn quiet_at_last(stage: &Stage) {
    for _ in 0..3 {
        stage.wait_until_quiet(Duration::from_secs(900)).unwrap();
        let crashed = stage.d1("SELECT connection, order_id FROM orders WHERE reason = 'crashed'").unwrap();
        if crashed.is_empty() {
            return;
        }
        for row in crashed {
            let (connection, order) = (row["connection"].as_str().unwrap(), row["order_id"].as_str().unwrap());
            assert_eq!(stage.post(&format!("/api/orders/{connection}/{order}/release")).unwrap().status, 202);
        }
    }
    panic!("orders crash again and again");
}

/// The simple story as an order of its own, of one of ten customers.
fn numbered(number: u64) -> Vec<(String, Vec<u8>)> {
    let change = |(topic, body): (String, Vec<u8>)| {
        let mut body: Value = serde_json::from_slice(&body).unwrap();
        if topic.starts_with("orders/") {
            body["id"] = json!(5_700_000_000_000 + number);
            body["name"] = json!(format!("#{number}"));
            body["customer"]["id"] = json!(8_100_000_000_000 + number % 10);
            body["customer"]["last_name"] = json!(format!("Doe {}", number % 10));
            body["customer"]["email"] = json!(format!("jane.{}@example.com", number % 10));
        } else {
            body["id"] = json!(6_800_000_000_000 + number);
            body["order_id"] = json!(5_700_000_000_000 + number);
        }
        (topic, body.to_string().into_bytes())
    };
    story("simple").into_iter().map(change).collect()
}

/// Exactly one invoice and one payment of every order, in both ledgers, and the same in the journal.
fn each_order_stands_once(stage: &Stage, orders: std::ops::Range<u64>) {
    for company in [QUICKBOOKS, XERO] {
        let mut expected: Vec<String> = orders
            .clone()
            .flat_map(|number| {
                let payment = 6_800_000_000_000 + number;
                [format!("Invoice S-{number} USD 65.76 PAID"), format!("Payment {payment} USD 65.76")]
            })
            .collect();
        expected.sort();
        let documents: Vec<String> =
            stage.documents(company).iter().map(|line| line.replace(" AUTHORISED", "")).collect();
        let documents: Vec<String> = documents
            .iter()
            .map(
                |line| {
                    if line.starts_with("Payment") { line.trim_end_matches(" PAID").to_owned() } else { line.clone() }
                },
            )
            .collect();
        assert_eq!(documents, expected);
    }
    let count = orders.count();
    let rows = stage.d1_all(&[
        "SELECT COUNT(*) AS n FROM documents WHERE proof = 'exact' AND state = 'posted'",
        "SELECT COUNT(*) AS n FROM orders WHERE state = 'synced'",
        "SELECT COUNT(*) AS n, SUM(outcome IN ('posted', 'unchanged')) AS done FROM events",
    ]);
    let rows = rows.unwrap();
    assert_eq!((&rows[0][0]["n"], &rows[1][0]["n"]), (&json!(count * 4), &json!(count * 2)));
    assert_eq!((&rows[2][0]["n"], &rows[2][0]["done"]), (&json!(count * 4), &json!(count * 4)));
}

#[test]
#[ignore = "many minutes: cargo test --test worker -- --ignored"]
fn hundreds_of_orders_survive_faults_and_power_cuts_at_random_moments() {
    const ORDERS: std::ops::Range<u64> = 2001..2121;
    let mut stage = Stage::start("power_cuts").unwrap();
    stage.sandbox.with(|world| {
        world.fail(Fault::next(FaultKind::LostReply).after(5).repeated(2));
        world.fail(Fault::next(FaultKind::Error500Committed).on("POST", "/batch").after(1).repeated(2));
        world.fail(Fault::next(FaultKind::Error500Committed).on("PUT", "").after(2).repeated(2));
        world.fail(Fault::next(FaultKind::Down).after(20).repeated(2));
        world.fail(Fault::next(FaultKind::LeftOut).on("PUT", "").after(4));
        world.fail(Fault::next(FaultKind::Garbage).on("POST", "/batch").after(4));
    });
    // The moments differ from run to run; they are printed with what went wrong.
    let mut chance = u64::from(std::process::id());
    let mut random = |most: u64| {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) % most
    };
    let mut next_kill = ORDERS.start + 10 + random(30);
    for number in ORDERS {
        for (step, (topic, body)) in (0..).zip(numbered(number)) {
            assert_eq!(stage.deliver(number * 10 + step, &topic, &body).unwrap().status, 200);
        }
        if number == next_kill {
            next_kill += 20 + random(20);
            let pause = random(1_500);
            println!("the power goes {pause} ms after order {number}");
            std::thread::sleep(Duration::from_millis(pause));
            stage.restart().unwrap();
        }
    }
    quiet_at_last(&stage);
    each_order_stands_once(&stage, ORDERS);
}

#[test]
fn while_d1_is_away_posting_goes_on_and_afterwards_the_journal_is_complete() {
    let mut stage = Stage::start("journal").unwrap();
    let deliver = |stage: &Stage, orders: std::ops::Range<u64>| {
        for number in orders {
            for (step, (topic, body)) in (0..).zip(numbered(number)) {
                assert_eq!(stage.deliver(number * 10 + step, &topic, &body).unwrap().status, 200);
            }
        }
    };
    deliver(&stage, 3001..3004);
    stage.wait_until_quiet(SOON).unwrap();
    stage.bind_journal(false).unwrap();
    deliver(&stage, 3004..3024);
    let deadline = std::time::Instant::now() + SOON;
    while stage.documents(XERO).len() < 46 || stage.documents(QUICKBOOKS).len() < 46 {
        assert!(std::time::Instant::now() < deadline, "posting stands still: {:?}", stage.documents(XERO));
        std::thread::sleep(Duration::from_millis(200));
    }
    let backlog = stage.status().unwrap()["books"][0]["journal_backlog"].as_i64().unwrap();
    assert!(backlog >= 40, "the outbox keeps what D1 does not take: {backlog}");
    // Away once more in the middle of catching up.
    stage.bind_journal(true).unwrap();
    stage.restart().unwrap();
    stage.wait_until_quiet(SOON).unwrap();
    each_order_stands_once(&stage, 3001..3024);
}

#[test]
fn a_delivery_that_not_all_books_stored_is_not_acknowledged() {
    let stage = Stage::start_with("refusing", "build/checks", &json!({"CHECKS_REFUSE": "xero"})).unwrap();
    let (topic, body) = &story("net_terms")[0];
    for _ in 0..2 {
        let answer = stage.deliver(1, topic, body).unwrap();
        assert_eq!((answer.status, &answer.json()["error"]), (503, &json!("not_durable")), "{}", answer.body);
    }
    stage.wait_until_quiet(SOON).unwrap();
    // The books that did store it have it once, and Shopify sends it again for the others.
    assert_eq!((stage.documents(QUICKBOOKS).len(), stage.documents(XERO).len()), (1, 0));
    let events = stage.d1("SELECT connection, deliveries FROM events").unwrap();
    assert!(events.len() == 1 && events[0]["deliveries"] == 2, "{events:?}");
}

#[test]
fn shopify_is_asked_for_an_order_of_which_only_a_payment_was_told_and_for_the_subscriptions() {
    let mut settings = connections();
    settings["SHOPIFY_CLIENT_ID"] = json!(CLIENT.0);
    settings["SHOPIFY_CLIENT_SECRET"] = json!(CLIENT.1);
    settings["PUBLIC_URL"] = json!("https://till.example");
    settings["CONNECTION_XERO"]["subscriptions"] = json!("api");
    let stage = Stage::start_with("asking", "build", &settings).unwrap();
    let told = story("simple");
    stage.sandbox.with(|world| {
        for (topic, body) in &told {
            world.shopify.happened(topic, &serde_json::from_slice(body).unwrap());
        }
    });
    let (topic, body) = told.iter().find(|(topic, _)| topic == "order_transactions/create").unwrap();
    assert_eq!(stage.deliver(1, topic, body).unwrap().status, 200);
    stage.wait_until_quiet(SOON).unwrap();
    for company in [QUICKBOOKS, XERO] {
        assert_eq!(stage.documents(company).len(), 2, "{:?}", stage.documents(company));
    }
    let topics = || stage.sandbox.with(|world| world.shopify.subscriptions.len());
    let deadline = Instant::now() + SOON;
    while topics() == 0 && Instant::now() < deadline {
        let _ = stage.get("/cdn-cgi/local/scheduled", None);
        std::thread::sleep(Duration::from_millis(500));
    }
    assert!(topics() >= 8, "{} subscriptions", topics());
    let page = stage.get("/connect", Some(ADMIN)).unwrap().body;
    assert!(page.contains("with the app’s client credentials") && page.contains("orders/edited"), "{page}");
}

#[test]
fn a_token_key_that_is_replaced_opens_what_the_one_before_sealed_as_long_as_that_is_there_too() {
    let mut stage = Stage::start("rotation").unwrap();
    tell(&stage, "simple", 1);
    stage.wait_until_quiet(SOON).unwrap();
    let (old, new) = ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "HxwdHhsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=");
    stage.set(&json!({"TOKEN_KEY": new, "TOKEN_KEY_PREVIOUS": old})).unwrap();
    tell(&stage, "free_shipping", 10);
    stage.wait_until_quiet(SOON).unwrap();
    for company in [QUICKBOOKS, XERO] {
        assert_eq!(stage.documents(company).len(), 4, "{:?}", stage.documents(company));
    }
    // Too early: the tokens in hand were sealed with the old one.
    stage.set(&json!({"TOKEN_KEY_PREVIOUS": ""})).unwrap();
    let page = stage.get("/connect", Some(ADMIN)).unwrap().body;
    assert!(page.contains("put the earlier key into TOKEN_KEY_PREVIOUS"), "{page}");
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
    stage.wait_until_quiet(Duration::from_secs(900)).unwrap();
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
