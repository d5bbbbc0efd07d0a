//! Power cuts, crashes, and a journal that is away.

use std::time::Duration;

use sandbox::{Fault, FaultKind};
use serde_json::json;

use crate::harness::{QUICKBOOKS, Stage, XERO, story};
use crate::{SOON, each_order_stands_once, numbered, tell};

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

#[test]
fn hundreds_of_orders_survive_faults_and_power_cuts_at_random_moments() {
    const ORDERS: std::ops::Range<u64> = 2001..2201;
    const CUTS: u32 = 8;
    let mut stage = Stage::start("power_cuts").unwrap();
    // Bad weather anew after each cut, so that every one of them meets some.
    let faults = |stage: &Stage| {
        stage.sandbox.with(|world| {
            world.faults.clear();
            world.fail(Fault::next(FaultKind::LostReply).after(3));
            world.fail(Fault::next(FaultKind::Error500Committed).on("POST", "/batch").after(1));
            world.fail(Fault::next(FaultKind::Error500Committed).on("PUT", "").after(2));
            world.fail(Fault::next(FaultKind::Down).after(12).repeated(2));
            world.fail(Fault::next(FaultKind::LeftOut).on("PUT", "").after(4));
            world.fail(Fault::next(FaultKind::Garbage).on("POST", "/batch").after(4));
        });
    };
    faults(&stage);
    // The moments differ from run to run; they are printed with what went wrong.
    let mut chance = u64::from(std::process::id());
    let mut random = |most: u64| {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) % most
    };
    let deliveries = stage.deliveries();
    let tell = move || {
        let steps = ORDERS.flat_map(|number| (number * 10..).zip(numbered(number)));
        let in_vain = steps.map(|(id, (topic, body))| {
            std::thread::sleep(Duration::from_millis(50));
            deliveries.send(id, &topic, &body)
        });
        in_vain.sum::<u32>()
    };
    let (mut cuts, mut in_vain) = (0, 0);
    std::thread::scope(|scope| {
        let telling = scope.spawn(tell);
        while !telling.is_finished() && cuts < CUTS {
            let pause = random(4_000);
            std::thread::sleep(Duration::from_millis(pause));
            println!("the power goes {pause} ms after it came back");
            stage.restart().unwrap();
            faults(&stage);
            cuts += 1;
        }
        in_vain = telling.join().unwrap();
    });
    println!("{cuts} losses of power, {in_vain} deliveries in vain");
    assert!(cuts == CUTS && in_vain > 0, "the power goes in the middle of deliveries");
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
