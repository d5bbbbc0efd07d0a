//! Both sides compared on the runtime: over the API and on the page, with what somebody removed in the ledger.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{ADMIN, Stage, now};
use crate::{SOON, tell};

fn compare(stage: &Stage, connection: &str) -> Value {
    let from = (now() - chrono::Duration::days(60)).date_naive().to_string();
    let begun = stage.post_json("/api/reconciliations", &json!({"connection": connection, "from": from})).unwrap();
    assert_eq!(begun.status, 202, "{}", begun.body);
    let id = begun.json()["id"].as_str().unwrap().to_owned();
    let end = Instant::now() + Duration::from_secs(90);
    loop {
        let run = stage.get(&format!("/api/reconciliations/{id}"), Some(ADMIN)).unwrap().json();
        if run["state"] == "done" {
            let page = stage.get(&format!("/reconciliations/{id}"), Some(ADMIN)).unwrap();
            assert_eq!(page.status, 200);
            assert!(page.body.contains("Documents in the ledger"), "{}", page.body);
            return run;
        }
        assert!(Instant::now() < end, "it never ends: {run}");
        std::thread::sleep(Duration::from_millis(300));
    }
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
