//! Who gets in, and what is acknowledged.

use std::time::{Duration, Instant};

use sandbox::till;
use serde_json::json;

use crate::SOON;
use crate::harness::{ADMIN, QUICKBOOKS, SECRET, SHOP, Stage, XERO, now, story};

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
