//! Injected faults: what was done and what was answered are two things.

use sandbox::presets::{QUICKBOOKS_US, XERO_UK};
use sandbox::{Delivery, Fault, FaultKind, Ledger, Request};
use serde_json::{Value, json};

use crate::{Bench, code};

fn customer(name: &str) -> Value {
    json!({ "DisplayName": name })
}

#[test]
fn a_lost_reply_has_happened_and_a_refused_connection_has_not() {
    let mut bench = Bench::new();
    bench.world.fail(Fault::next(FaultKind::LostReply).on("POST", "/customer").at(Ledger::QuickBooks));
    bench.world.fail(Fault::next(FaultKind::RefusedConnection).on("POST", "/customer"));
    let now = bench.now;
    let token = bench.world.access_token(now, QUICKBOOKS_US);
    let post = |name: &str| {
        Request::new("POST", &format!("/v3/company/{QUICKBOOKS_US}/customer?requestid={name}"))
            .with_header("authorization", &format!("Bearer {token}"))
            .with_header("accept", "application/json")
            .with_json(&customer(name))
    };
    assert_eq!(bench.send(post("lost")).delivery, Delivery::Lost);
    assert_eq!(bench.send(post("refused")).delivery, Delivery::Refused);
    assert_eq!(bench.world.quickbooks[QUICKBOOKS_US].parties().len(), 1);
    assert_eq!(bench.send(post("lost")).status, 200);
    assert_eq!(bench.world.quickbooks[QUICKBOOKS_US].parties().len(), 1);
}

#[test]
fn quickbooks_speaks_of_trouble_in_its_own_ways() {
    let mut bench = Bench::new();
    let mut hit = |kind: FaultKind| {
        bench.world.fail(Fault::next(kind));
        bench.us("customer?requestid=same", customer("A"))
    };
    assert_eq!(hit(FaultKind::Down).0, 503);
    let (status, body) = hit(FaultKind::FaultIn200);
    assert_eq!((status, code(&body)), (200, "10000"));
    assert_eq!(hit(FaultKind::SilentNoop), (200, json!({ "BatchItemResponse": [], "time": "" })));
    assert_eq!(hit(FaultKind::RateLimited { retry_after: 7 }).0, 429);
    assert_eq!(hit(FaultKind::Error502Html).0, 502);
    assert_eq!(hit(FaultKind::TokenExpired).0, 401);
    assert_eq!(hit(FaultKind::Error500).0, 500);
    assert!(bench.world.quickbooks[QUICKBOOKS_US].parties().is_empty());
    bench.world.fail(Fault::next(FaultKind::Error500Committed));
    assert_eq!(bench.us("customer?requestid=same", customer("A")).0, 500);
    bench.world.fail(Fault::next(FaultKind::Garbage));
    assert_eq!(bench.us("customer?requestid=same", customer("A")), (200, Value::Null));
    assert_eq!(bench.us("customer?requestid=same", customer("A")).0, 200);
    assert_eq!(bench.world.quickbooks[QUICKBOOKS_US].parties().len(), 1);
    bench.world.fail(Fault::next(FaultKind::Reconnect));
    assert_eq!(bench.us("customer", customer("B")).0, 403);
}

#[test]
fn xero_caches_a_500_under_its_key() {
    let mut bench = Bench::new();
    bench.world.fail(Fault::next(FaultKind::Error500Committed));
    let put = |bench: &mut Bench, key: &str| {
        bench.xero_with("PUT", "Contacts", Some(json!({ "Name": "A" })), &[("idempotency-key", key)]).status
    };
    assert_eq!(put(&mut bench, "k"), 500);
    assert_eq!(put(&mut bench, "k"), 500, "the error is cached");
    assert_eq!(bench.world.xero[XERO_UK].parties().len(), 1, "and yet it happened");
    assert_eq!(put(&mut bench, "k2"), 400, "so that a new key meets the duplicate");
}

#[test]
fn half_of_a_batch_happens_before_a_500() {
    let mut bench = Bench::new();
    let contacts = json!({ "Contacts": [{ "Name": "A" }, { "Name": "B" }, { "Name": "C" }, { "Name": "D" }] });
    bench.world.fail(Fault::next(FaultKind::HalfDone));
    let reply = bench.xero_with("PUT", "Contacts", Some(contacts), &[("idempotency-key", "k")]);
    assert_eq!((reply.status, bench.world.xero[XERO_UK].parties().len()), (500, 2));
    let customers = ["A", "B"].map(|name| json!({ "bId": name, "operation": "create", "Customer": customer(name) }));
    bench.world.fail(Fault::next(FaultKind::HalfDone));
    assert_eq!(bench.us("batch", json!({ "BatchItemRequest": customers })).0, 500);
    assert_eq!(bench.world.quickbooks[QUICKBOOKS_US].parties().len(), 1);
}

#[test]
fn the_control_api_orders_faults_and_shows_what_happened() {
    let mut bench = Bench::new();
    let control = |bench: &mut Bench, method: &str, path: &str, body: Value| {
        let reply = bench.send(Request::new(method, path).with_json(&body));
        (reply.status, reply.value())
    };
    let faults =
        json!([{ "ledger": "xero", "method": "PUT", "path_contains": "Contacts", "kind": "down", "times": 2 }]);
    assert_eq!(control(&mut bench, "POST", "/_sandbox/faults", faults).0, 200);
    assert_eq!(control(&mut bench, "POST", "/_sandbox/faults", json!({ "kind": "unheard_of" })).0, 400);
    let down = bench.xero_with("PUT", "Contacts", Some(json!({ "Name": "A" })), &[]);
    assert_eq!((down.status, down.body.as_slice()), (503, b"The Xero API is temporarily unavailable".as_slice()));
    assert_eq!(bench.send(Request::new("DELETE", "/_sandbox/faults")).status, 200);
    assert_eq!(bench.xero("PUT", "Contacts", Some(json!({ "Name": "A" }))).0, 200);
    let company = format!("/_sandbox/company/{XERO_UK}");
    assert_eq!(control(&mut bench, "POST", &company, json!({ "lock_date": "2026-01-31", "day_limit": 1000 })).0, 200);
    assert_eq!(control(&mut bench, "POST", &company, json!({ "colour": "red" })).0, 400);
    let state = bench.send(Request::new("GET", "/_sandbox/state")).value();
    assert_eq!(state["companies"][XERO_UK]["writes"], 1);
    assert_eq!(
        (&state["calls"]["xero PUT Contacts 200"], &state["calls"]["xero PUT Contacts 503"]),
        (&json!(1), &json!(1))
    );
    let log = bench.send(Request::new("GET", "/_sandbox/requests?since=1")).value();
    assert_eq!(
        (&log["requests"][0]["body"]["Name"], &log["requests"][0]["headers"]["authorization"]),
        (&json!("A"), &json!("[redacted]"))
    );
    let (_, moved) = control(&mut bench, "POST", "/_sandbox/advance", json!({ "seconds": 3600 }));
    assert!(moved["now"].is_string());
    assert_eq!(bench.world.offset.num_seconds(), 3600);
    assert_eq!(control(&mut bench, "POST", "/_sandbox/reset", Value::Null).0, 200);
    assert!(bench.world.xero[XERO_UK].parties().is_empty());
}
