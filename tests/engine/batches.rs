//! Many orders at once: few requests, and none of them suffers for another.

use std::collections::BTreeMap;

use chrono::Duration;
use sandbox::{Fault, FaultKind};
use serde_json::{Value, json};
use tillproof::platform::{Clock, Sql};

use crate::support::{Bench, Company, Story, one_in, thorough};

/// The simple story as order `number` of a customer of the shop's.
pub fn order(number: u64, customer: u64) -> Story {
    let mut story = Story::read("simple");
    for (topic, body) in &mut story.deliveries {
        if topic.starts_with("orders/") {
            body["id"] = json!(5_700_000_000_000 + number);
            body["name"] = json!(format!("#{number}"));
            body["customer"]["id"] = json!(8_100_000_000_000 + customer);
            body["customer"]["last_name"] = json!(format!("Doe {customer}"));
            body["customer"]["email"] = json!(format!("jane.{customer}@example.com"));
        } else {
            body["id"] = json!(6_800_000_000_000 + number);
            body["order_id"] = json!(5_700_000_000_000 + number);
        }
    }
    story
}

pub fn backlog(bench: &Bench, numbers: std::ops::Range<u64>, customers: u64) {
    numbers.for_each(|number| bench.tell(&order(number, number % customers)));
}

/// Requests to the ledger so far, by kind; tokens are not counted.
pub fn requests(bench: &Bench) -> BTreeMap<String, u64> {
    let calls = bench.world.borrow().calls().clone();
    calls.into_iter().filter(|(kind, _)| !kind.contains("token") && !kind.contains("oauth2")).collect()
}

pub fn total(requests: &BTreeMap<String, u64>) -> u64 {
    requests.values().sum()
}

fn unfinished(bench: &Bench) -> Vec<BTreeMap<String, String>> {
    bench.rows("SELECT order_id, state, reason, detail, due_at FROM orders WHERE state <> 'synced'")
}

#[test]
fn a_backlog_of_orders_of_known_customers_takes_a_tenth_of_a_call_each() {
    let count = if thorough() { 1000 } else { 200 };
    let all = 2 * (25 + usize::try_from(count).unwrap());
    for (company, most) in [(Company::XeroUk, 100), (Company::QuickBooksUs, 150)] {
        let bench = Bench::new(company);
        backlog(&bench, 1..26, 25);
        bench.run();
        let before = total(&requests(&bench));
        backlog(&bench, 1001..1001 + count, 25);
        bench.run();
        assert_eq!(unfinished(&bench), Vec::<BTreeMap<_, _>>::new());
        assert_eq!(bench.ledger(company).len(), all);
        assert_eq!(bench.journal("SELECT * FROM documents WHERE proof = 'exact'").len(), all);
        let calls = total(&requests(&bench)) - before;
        assert!(calls * 1000 <= most * count, "{company:?}: {calls} calls: {:?}", requests(&bench));
        assert!(bench.rows("SELECT * FROM sendings").is_empty() && bench.rows("SELECT * FROM carried").is_empty());
    }
}

#[test]
fn new_customers_of_many_orders_are_created_together() {
    for company in Company::ALL {
        let bench = Bench::new(company);
        backlog(&bench, 1..41, 40);
        bench.run();
        assert!(unfinished(&bench).is_empty(), "{company:?}: {:?}", unfinished(&bench));
        let calls = requests(&bench);
        let most = if company == Company::XeroUk { 3 } else { 12 };
        assert!(total(&calls) <= most, "{company:?}: {calls:?}");
    }
}

#[test]
fn a_lost_or_broken_answer_to_a_batch_is_resolved_element_by_element() {
    let mut is_drawn = one_in(7);
    for company in Company::ALL {
        let expected = {
            let bench = Bench::new(company);
            backlog(&bench, 1..8, 3);
            bench.run();
            bench.ledger(company)
        };
        for kind in [
            FaultKind::LostReply,
            FaultKind::Error500Committed,
            FaultKind::HalfDone,
            FaultKind::Error500,
            FaultKind::Garbage,
            FaultKind::SilentNoop,
            FaultKind::LeftOut,
            FaultKind::FaultIn200,
            FaultKind::Down,
            FaultKind::RateLimited { retry_after: 30 },
            FaultKind::TokenExpired,
        ] {
            for skip in 1..4 {
                // Down afterwards, so long that Xero has forgotten the key: then only looking helps.
                let happened =
                    [FaultKind::LostReply, FaultKind::Error500Committed, FaultKind::HalfDone, FaultKind::LeftOut]
                        .contains(&kind);
                for away in if happened { vec![0, 9] } else { vec![0] } {
                    if !is_drawn() {
                        continue;
                    }
                    let bench = Bench::new(company);
                    bench.fail(Fault::next(kind).after(skip));
                    if away > 0 {
                        bench.fail(Fault::next(FaultKind::Down).after(skip).repeated(away));
                    }
                    backlog(&bench, 1..8, 3);
                    bench.run();
                    let context = format!("{company:?}, {kind:?} at call {skip}, then away for {away}");
                    assert_eq!(unfinished(&bench), Vec::<BTreeMap<_, _>>::new(), "{context}");
                    assert_eq!(bench.ledger(company), expected, "{context}");
                    assert!(bench.rows("SELECT * FROM carried").is_empty(), "{context}");
                }
            }
        }
    }
}

#[test]
fn a_refused_element_never_blocks_its_neighbours() {
    for company in Company::ALL {
        let other = Bench::new(company);
        other.tell(&order(5, 1));
        other.run();
        // The number of order 5 stands in the ledger, for an order of another id.
        let bench = Bench::new(company);
        bench.take_over_the_ledgers_of(&other);
        for number in 1..11 {
            let mut story = order(number, 2);
            for (_, body) in &mut story.deliveries {
                let id = if body.get("order_id").is_some() { "order_id" } else { "id" };
                body[id] = json!(5_800_000_000_000_u64 + number);
            }
            bench.tell(&story);
        }
        bench.run();
        let left = unfinished(&bench);
        assert_eq!(left.len(), 1, "{company:?}: {left:?}");
        assert_eq!((left[0]["order_id"].as_str(), left[0]["reason"].as_str()), ("5800000000005", "number_taken"));
    }
}

#[test]
fn a_batch_that_is_refused_as_a_whole_is_sent_piece_by_piece() {
    for company in Company::ALL {
        let bench = Bench::new(company);
        backlog(&bench, 1..3, 2);
        bench.run();
        backlog(&bench, 11..21, 2);
        // Whatever holds the number S-15 is refused, the batch and the single document.
        let refused = Fault { body_contains: Some("S-15\"".into()), ..Fault::next(FaultKind::Blocked).repeated(5) };
        bench.fail(refused);
        bench.run();
        let left = unfinished(&bench);
        assert_eq!(left.len(), 1, "{company:?}: {left:?}");
        assert_eq!((left[0]["order_id"].as_str(), left[0]["reason"].as_str()), ("5700000000015", "refused"));
    }
}

#[test]
fn news_of_one_order_of_a_batch_that_is_under_way_repeats_the_whole_batch_as_it_was() {
    for company in Company::ALL {
        let bench = Bench::new(company);
        backlog(&bench, 1..3, 2);
        bench.run();
        backlog(&bench, 11..21, 2);
        bench.fail(Fault::next(FaultKind::LostReply));
        let due = bench.alarm.0.borrow_mut().take().unwrap();
        bench.clock.advance(due - bench.clock.now());
        bench.turn();
        assert_eq!(bench.rows("SELECT * FROM carried").len(), 10);
        // The others would wait for hours; one is woken by news.
        bench.sql.exec("UPDATE orders SET due_at = '2026-11-02T20:00:00.000Z' WHERE state = 'retrying'", &[]).unwrap();
        bench.deliver("orders/updated", &order(14, 0).deliveries[0].1);
        let before = total(&requests(&bench));
        bench.clock.advance(Duration::seconds(2));
        bench.turn();
        assert!(bench.rows("SELECT * FROM carried").is_empty(), "{company:?}");
        assert!(total(&requests(&bench)) - before <= 2, "the batch again, and one payment");
        bench.run();
        assert!(unfinished(&bench).is_empty(), "{company:?}: {:?}", unfinished(&bench));
        assert!(bench.clock.now() < crate::support::start() + Duration::hours(1), "all of them go on at once");
        assert_eq!(bench.ledger(company).len(), 24, "{company:?}: {:?}", bench.ledger(company));
    }
}

#[test]
fn many_that_may_stand_already_are_looked_for_together_payments_too() {
    for (company, look, most) in [(Company::XeroUk, "GET Invoices", 2), (Company::QuickBooksUs, "POST batch", 6)] {
        let first = Bench::new(company);
        backlog(&first, 1..31, 3);
        first.run();
        let second = Bench::new(company);
        second.take_over_the_ledgers_of(&first);
        second.clock.advance(Duration::days(40));
        backlog(&second, 1..4, 3);
        second.run();
        let looks = || requests(&second).iter().filter(|(kind, _)| kind.contains(look)).map(|(_, calls)| calls).sum();
        let before: u64 = looks();
        backlog(&second, 4..31, 3);
        second.run();
        assert!(unfinished(&second).is_empty(), "{company:?}: {:?}", unfinished(&second));
        assert_eq!(second.ledger(company), first.ledger(company));
        assert!(second.rows("SELECT * FROM writes WHERE state <> 'adopted'").is_empty());
        let after: u64 = looks();
        assert!(after - before <= most, "{company:?}: {:?}", requests(&second));
    }
}

#[test]
fn one_shopify_customer_in_three_currencies_is_three_parties() {
    for company in [Company::QuickBooksUk, Company::XeroUk] {
        let mut settings = company.settings();
        settings["currency"] = json!("presentment");
        let bench = Bench::with(company, settings);
        for (number, currency) in [(1, "GBP"), (2, "USD"), (3, "EUR")] {
            let mut story = order(number, 1);
            for (_, body) in &mut story.deliveries {
                let text = body.to_string().replace("\"USD\"", &format!("\"{currency}\""));
                *body = serde_json::from_str::<Value>(&text).unwrap();
            }
            bench.tell(&story);
        }
        bench.run();
        assert!(unfinished(&bench).is_empty(), "{company:?}: {:?}", unfinished(&bench));
        let parties = bench.rows("SELECT ledger_id FROM parties");
        let ids: std::collections::BTreeSet<&str> = parties.iter().map(|row| row["ledger_id"].as_str()).collect();
        assert_eq!(ids.len(), 3, "{company:?}");
    }
}

#[test]
fn a_customer_at_whom_the_ledger_fails_each_time_keeps_nobody_elses_customer_out() {
    for company in [Company::QuickBooksUs, Company::XeroUk] {
        let bench = Bench::new(company);
        let poison = Fault { body_contains: Some("Doe 5".into()), ..Fault::next(FaultKind::Error500) };
        bench.fail(poison.repeated(u32::MAX));
        backlog(&bench, 11..21, 10);
        bench.run_for(Duration::hours(1));
        let left = unfinished(&bench);
        assert_eq!(left.len(), 1, "{company:?}: {left:?}");
        assert_eq!((left[0]["order_id"].as_str(), left[0]["state"].as_str()), ("5700000000015", "retrying"));
    }
}

#[test]
fn a_document_at_which_the_ledger_fails_each_time_keeps_nobody_and_is_held_after_a_week() {
    for company in [Company::QuickBooksUs, Company::XeroUk] {
        let expected = {
            let bench = Bench::new(company);
            backlog(&bench, 1..3, 2);
            backlog(&bench, 11..22, 2);
            bench.run();
            bench.ledger(company)
        };
        let bench = Bench::new(company);
        backlog(&bench, 1..3, 2);
        bench.run();
        backlog(&bench, 11..21, 2);
        // Whatever carries a document of order 15; the questions for it do not name the order.
        let poison = Fault { body_contains: Some("(#15)".into()), ..Fault::next(FaultKind::Error500) };
        bench.fail(poison.repeated(u32::MAX));
        bench.run_for(Duration::hours(1));
        let left = unfinished(&bench);
        assert_eq!(left.len(), 1, "{company:?}: {left:?}");
        assert_eq!((left[0]["order_id"].as_str(), left[0]["state"].as_str()), ("5700000000015", "retrying"));
        // News come and go meanwhile.
        bench.run_for(Duration::days(3));
        backlog(&bench, 21..22, 2);
        bench.run_for(Duration::days(5));
        let left = unfinished(&bench);
        assert_eq!(left.len(), 1, "{company:?}: {left:?}");
        assert_eq!((left[0]["state"].as_str(), left[0]["reason"].as_str()), ("held", "retries_exhausted"));
        assert_eq!(left[0]["due_at"], "", "{company:?}: nothing is tried any more");
        // The ledger was put right, and a person releases the order.
        bench.world.borrow_mut().faults.clear();
        bench.release("5700000000015");
        bench.run();
        assert!(unfinished(&bench).is_empty(), "{company:?}: {:?}", unfinished(&bench));
        assert_eq!(bench.ledger(company), expected, "{company:?}");
    }
}
