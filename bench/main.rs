//! What it costs, beside a peer that does the same work in the same run. Figures are ratios: a machine's own speed drops
//! out of them. `make bench`; needs Node for the peer.

// A clock, and ratios, are what this is about.
#![allow(clippy::disallowed_methods, clippy::float_arithmetic)]

#[path = "../tests/support/mod.rs"]
mod support;

mod reconcile;

use std::hint::black_box;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use support::{Bench, Company, SHOP, Story};
use tillproof::books::Calendar;
use tillproof::config;
use tillproof::ledgers;
use tillproof::normalize::{self, Booked, Cutover, Desired, Input};
use tillproof::platform::Clock;
use tillproof::shopify::{Order, OrderState, signature};

const SECRET: &str = "bench-secret";

/// The order of the simple story with so many lines.
fn order(lines: usize) -> Value {
    let mut body = Story::read("simple").deliveries[0].1.clone();
    let line = body["line_items"][0].clone();
    let number = |set: &Value| set["shop_money"]["amount"].as_str().unwrap().parse::<f64>().unwrap();
    let price = number(&line["price_set"]) * line["quantity"].as_f64().unwrap();
    let tax: f64 = line["tax_lines"].as_array().unwrap().iter().map(|tax| number(&tax["price_set"])).sum();
    let all: Vec<Value> = (0..lines)
        .map(|index| {
            let mut line = line.clone();
            line["id"] = json!(900_000_000 + index);
            line
        })
        .collect();
    let known = body["line_items"].as_array().unwrap().len();
    assert_eq!(known, 1, "the simple story has one line");
    let more = (lines - 1) as f64 * (price + tax);
    for key in ["total_price", "current_total_price"] {
        let total = format!("{:.2}", body[key].as_str().unwrap().parse::<f64>().unwrap() + more);
        body[key] = json!(total);
        let set = format!("{key}_set");
        for side in ["shop_money", "presentment_money"] {
            body[&set][side]["amount"] = json!(total);
        }
    }
    body["line_items"] = json!(all);
    body
}

fn signed(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Time of one call: the fastest of several rounds, each long enough to be measured.
fn time(mut work: impl FnMut()) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..7 {
        let (start, mut count) = (Instant::now(), 0u32);
        while start.elapsed() < Duration::from_millis(80) {
            work();
            count += 1;
        }
        best = best.min(start.elapsed() / count);
    }
    best
}

/// The same in Node: its own HMAC, constant-time compare and JSON parser; microseconds per delivery.
fn peer(body: &[u8]) -> f64 {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/peer.mjs");
    let mut node = Command::new("node")
        .args([script, SECRET, &signed(body)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Node is needed for the peer");
    node.stdin.take().unwrap().write_all(body).unwrap();
    let output = node.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("the peer prints microseconds")
}

fn reception() {
    println!("A delivery verified and read, beside Node's crypto and JSON.parse");
    println!("{:>8} {:>12} {:>12} {:>8}", "bytes", "here", "Node", "ratio");
    for lines in [1, 20, 200] {
        let body = order(lines).to_string().into_bytes();
        let (signature, secrets) = (signed(&body), vec![SECRET.to_owned()]);
        let here = time(|| {
            assert!(signature::is_genuine(&secrets, &body, &signature));
            black_box(serde_json::from_slice::<Order>(&body).unwrap());
        });
        let (here, there) = (here.as_secs_f64() * 1e6, peer(&body));
        println!("{:>8} {here:>9.0} µs {there:>9.0} µs {:>8.2}", body.len(), here / there);
    }
}

fn documents() {
    println!("\nDocuments of an order, beside reading its body alone");
    println!("{:>10} {:>6} {:>12} {:>12} {:>8}", "ledger", "lines", "documents", "reading", "ratio");
    for company in [Company::QuickBooksUs, Company::XeroUk] {
        let variables = std::collections::BTreeMap::from([("CONNECTION_MAIN".to_owned(), company.settings())]);
        let connections = config::connections(&variables);
        let settings = connections[0].settings.as_ref().unwrap();
        let ledger = ledgers::open(settings, company.id(), None, &std::collections::BTreeMap::new());
        for lines in [1, 20, 200] {
            let body = order(lines).to_string().into_bytes();
            let mut state = OrderState::default();
            state.add_order(serde_json::from_slice(&body).unwrap());
            let booked = Booked::default();
            let input = Input {
                state: &state,
                settings,
                rules: &*ledger,
                calendar: &Calendar::default(),
                shop: SHOP,
                stamp: None,
                booked: &booked,
                may_infer: true,
                cutover: &Cutover::default(),
                set_aside: false,
            };
            let made = time(|| assert!(matches!(black_box(normalize::desired(&input)), Ok(Desired::Documents(_)))));
            let read = time(|| drop(black_box(serde_json::from_slice::<Order>(&body).unwrap())));
            let (made, read) = (made.as_secs_f64() * 1e6, read.as_secs_f64() * 1e6);
            println!("{:>10} {lines:>6} {made:>9.0} µs {read:>9.0} µs {:>8.2}", company.label(), made / read);
        }
    }
}

fn numbered(number: u64) -> Story {
    let mut story = Story::read("simple");
    for (topic, body) in &mut story.deliveries {
        let key = if topic.starts_with("orders/") { "id" } else { "order_id" };
        body[key] = json!(5_700_000_000_000 + number);
        if topic.starts_with("orders/") {
            body["name"] = json!(format!("#{number}"));
        } else {
            body["id"] = json!(6_800_000_000_000 + number);
        }
    }
    story
}

fn calls(bench: &Bench) -> u64 {
    let world = bench.world.borrow();
    world.calls().iter().filter(|(kind, _)| !kind.contains("token") && !kind.contains("oauth2")).map(|(_, n)| n).sum()
}

/// Calls, and minutes of the ledger's clock (its rate limits pass as they would).
fn drained(company: Company, orders: u64, together: bool) -> (u64, f64) {
    let bench = Bench::new(company);
    bench.tell(&numbered(1));
    bench.run();
    let (before, start) = (calls(&bench), bench.clock.now());
    for number in 2..orders + 2 {
        bench.tell(&numbered(number));
        if !together {
            bench.run();
        }
    }
    bench.run();
    (calls(&bench) - before, (bench.clock.now() - start).num_seconds() as f64 / 60.0)
}

fn backlog() {
    const ORDERS: u64 = 300;
    println!("\nA backlog of {ORDERS} paid orders of a known customer, beside the same posted one by one");
    println!("{:>14} {:>14} {:>14} {:>8} {:>16}", "ledger", "calls/order", "one by one", "ratio", "minutes (ratio)");
    for company in [Company::QuickBooksUs, Company::XeroUk] {
        let (together, minutes) = drained(company, ORDERS, true);
        let (alone, slow) = drained(company, ORDERS, false);
        let each = |calls: u64| calls as f64 / ORDERS as f64;
        println!(
            "{:>14} {:>14.3} {:>14.3} {:>8.3} {minutes:>9.1} ({:.3})",
            company.label(),
            each(together),
            each(alone),
            each(together) / each(alone),
            minutes / slow
        );
    }
}

/// All of it, or what the arguments name: `cargo bench --bench cost -- reconciliation`.
fn main() {
    let all: [(&str, fn()); 4] = [
        ("reception", reception),
        ("documents", documents),
        ("backlog", backlog),
        ("reconciliation", reconcile::reconciliation),
    ];
    let named: Vec<String> = std::env::args().skip(1).filter(|one| !one.starts_with("--")).collect();
    all.iter().filter(|(name, _)| named.is_empty() || named.iter().any(|one| one == name)).for_each(|(_, run)| run());
}
