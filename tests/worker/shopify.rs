//! Shopify's side: what is asked of its Admin API, and what it asks to erase.

use std::time::{Duration, Instant};

use sandbox::shopify::CLIENT;
use serde_json::{Value, json};

use crate::SOON;
use crate::everything::everything;
use crate::harness::{ADMIN, QUICKBOOKS, SHOP, Stage, XERO, connections, story};
use crate::planted::{PLANTED, plant};

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

/// Which of the planted strings stand in any row of any database on the runtime's disk.
fn found_on_disk(stage: &Stage) -> Vec<&'static str> {
    let databases = stage.databases();
    assert!(databases.len() >= 3, "two sets of books and the journal: {databases:?}");
    let read = |path| everything(&tillproof::platform::native::Sqlite::open(path).unwrap());
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
