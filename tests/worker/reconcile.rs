//! Both sides compared on the runtime: over the API and on the page, with what somebody removed in the ledger.

use std::time::{Duration, Instant};

use sandbox::shopify::CLIENT;
use serde_json::{Value, json};

use crate::harness::{ADMIN, Stage, XERO, now};
use crate::trade::{self, Country, Course};
use crate::{SOON, tell};

fn compare(stage: &Stage, connection: &str) -> Value {
    let from = (now() - chrono::Duration::days(60)).date_naive().to_string();
    let begun = stage.post_json("/api/reconciliations", &json!({"connection": connection, "from": from})).unwrap();
    assert_eq!(begun.status, 202, "{}", begun.body);
    let id = begun.json()["id"].as_str().unwrap().to_owned();
    let run = ended(stage, &id);
    let page = stage.get(&format!("/reconciliations/{id}"), Some(ADMIN)).unwrap();
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Documents in "), "{}", page.body);
    run
}

#[test]
fn what_we_posted_differs_in_nothing_on_either_ledger() {
    let stage = Stage::start("reconcile").unwrap();
    tell(&stage, "simple", 1);
    tell(&stage, "partial_refund", 10);
    tell(&stage, "multi_currency", 20);
    stage.wait_until_quiet(SOON).unwrap();
    for connection in ["quickbooks", "xero"] {
        let run = compare(&stage, connection);
        assert_eq!(run["findings"], json!([]), "{run}");
        assert!(run["orders"].as_i64() >= Some(3) && run["documents"].as_i64() >= Some(6), "{run}");
    }
    stage.wait_until_quiet(SOON).unwrap();
    let rows = stage.d1("SELECT connection, drift FROM drift WHERE finished_at IS NOT NULL").unwrap();
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows.iter().all(|row| row["drift"] == 0), "{rows:?}");
    let list = stage.get("/reconciliations", Some(ADMIN)).unwrap();
    assert!(list.status == 200 && list.body.contains("no difference"), "{}", list.body);
    let refused = stage.post_json("/api/reconciliations", &json!({"connection": "xero", "from": "yesterday"})).unwrap();
    assert_eq!((refused.status, &refused.json()["error"]), (400, &json!("bad_request")), "{}", refused.body);
}

fn ended(stage: &Stage, id: &str) -> Value {
    let end = Instant::now() + Duration::from_secs(90);
    loop {
        let run = stage.get(&format!("/api/reconciliations/{id}"), Some(ADMIN)).unwrap().json();
        if run["state"] == "done" {
            return run;
        }
        assert!(Instant::now() < end, "it never ends: {run}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn a_plan_is_read_approved_once_and_carried_out_over_http() {
    let credentials = json!({"SHOPIFY_CLIENT_ID": CLIENT.0, "SHOPIFY_CLIENT_SECRET": CLIENT.1});
    let mut stage = Stage::start_with("reconcile-plan", "build", &credentials).unwrap();
    let mut sale = trade::draw(1, 1, now(), Country { currency: "USD", tax: 2_000 }).remove(0);
    sale.course = Course::Paid;
    for (topic, body) in sale.deliveries() {
        stage.sandbox.with(|world| world.shopify.happened(topic, &body));
    }
    let run = compare(&stage, "xero");
    let (id, path) = (run["id"].as_str().unwrap(), format!("/api/reconciliations/{}", run["id"].as_str().unwrap()));
    assert!(run["may_be_approved"] == true && run["before"]["missing"] == 2, "{run}");
    assert_eq!(run["plan"], json!({"post": 2}), "{run}");
    // The same to be read.
    let read = stage.get_as(&path, "text/plain").unwrap();
    assert!(read.status == 200 && read.body.starts_with("Reconciliation of xero: Shopify and Xero"), "{}", read.body);
    assert!(read.body.contains("post  2  post what is missing") && read.body.contains("Drift: 2."), "{}", read.body);
    // Whoever has no secret reads and approves nothing.
    assert_eq!(stage.get(&path, None).unwrap().status, 401);
    assert_eq!(stage.get(&format!("/reconciliations/{id}"), None).unwrap().status, 401);
    assert!(stage.documents(XERO).is_empty(), "nothing was changed");
    let approved = stage.post(&format!("{path}/approve")).unwrap();
    assert_eq!((approved.status, approved.json()["id"].as_str()), (202, Some(id)), "{}", approved.body);
    // A power cut in the middle: it goes on.
    stage.restart().unwrap();
    let run = ended(&stage, id);
    assert!(run["after"]["missing"] == 0 && run["may_be_approved"] == false, "{run}");
    assert_eq!(stage.documents(XERO).len(), 2, "{:?}", stage.documents(XERO));
    let again = stage.post(&format!("{path}/approve")).unwrap();
    assert_eq!((again.status, &again.json()["error"]), (409, &json!("nothing_to_approve")), "{}", again.body);
    for (path, status) in [("xero.20260101T000000000", 404), ("nobody.1", 404), ("xero", 404)] {
        assert_eq!(stage.get(&format!("/api/reconciliations/{path}"), Some(ADMIN)).unwrap().status, status, "{path}");
    }
    // The past, by API: begun, listed, and known already.
    let day = |days: i64| (now() + chrono::Duration::days(days)).date_naive().to_string();
    let asked = json!({"connection": "xero", "from": day(-33), "to": day(0)});
    let begun = stage.post_json("/api/backfills", &asked).unwrap();
    assert_eq!(begun.status, 202, "{}", begun.body);
    let id = begun.json()["id"].as_str().unwrap().to_owned();
    let paused = stage.post(&format!("/api/backfills/{id}/pause")).unwrap().json();
    assert_eq!(paused["state"], "paused", "{paused}");
    assert_eq!(stage.post(&format!("/api/backfills/{id}/resume")).unwrap().json()["state"], "running");
    let end = Instant::now() + SOON;
    while stage.get(&format!("/api/backfills/{id}"), Some(ADMIN)).unwrap().json()["state"] != "done" {
        assert!(Instant::now() < end);
        std::thread::sleep(Duration::from_millis(300));
    }
    let list = stage.get("/api/backfills?connection=xero", Some(ADMIN)).unwrap().body;
    assert!(list.contains(&id), "{list}");
    assert_eq!(stage.documents(XERO).len(), 2, "what was posted is not posted again");
}
