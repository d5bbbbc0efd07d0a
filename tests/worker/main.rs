//! The real wasm on the real runtime: workerd, durable-object SQLite, alarms, D1. Needs `make build` first; run with
//! `cargo test --test worker` (plain `cargo test` leaves it out).

#[path = "../support/everything.rs"]
mod everything;
#[path = "../harness/mod.rs"]
mod harness;
#[path = "../support/planted.rs"]
mod planted;
#[path = "../support/trade.rs"]
#[allow(dead_code)]
mod trade;

mod alerts;
mod door;
mod ledgers;
mod queries;
mod reconcile;
mod restarts;
mod shopify;
mod tokens;

use std::time::Duration;

use harness::{QUICKBOOKS, Stage, XERO, story};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

fn tell(stage: &Stage, name: &str, first: u64) {
    for (number, (topic, body)) in (first..).zip(story(name)) {
        let answer = stage.deliver(number, &topic, &body).unwrap();
        assert_eq!(answer.status, 200, "{topic}: {}", answer.body);
    }
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
