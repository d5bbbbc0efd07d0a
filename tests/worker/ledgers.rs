//! From signed deliveries to proven documents, whatever the order of arrival and whatever the ledgers do.

use std::time::Duration;

use sandbox::{Fault, FaultKind};

use crate::harness::{ADMIN, QUICKBOOKS, Stage, XERO, story};
use crate::{SOON, tell};

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
    // The same as a person and as Prometheus reads it.
    let page = stage.get("/", Some(ADMIN)).unwrap();
    assert!(page.status == 200 && page.body.contains("All is well: all"), "{}", page.body);
    let metrics = stage.get("/metrics", Some(ADMIN)).unwrap().body;
    let events = stage.d1("SELECT COUNT(*) AS n FROM events WHERE connection = 'xero'").unwrap()[0]["n"].clone();
    for sample in [
        format!("tillproof_events_day{{connection=\"xero\",outcome=\"synced\"}} {events}"),
        "tillproof_events_day{connection=\"quickbooks\",outcome=\"missing\"} 0".to_owned(),
        "tillproof_journal_up 1".to_owned(),
    ] {
        assert!(metrics.lines().any(|line| line == sample), "{sample}: {metrics}");
    }
    assert_eq!(stage.get("/metrics", None).unwrap().status, 401);
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
