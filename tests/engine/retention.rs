//! What nobody needs any more is not kept; what later deliveries need is.

use chrono::Duration;
use futures_util::FutureExt;
use serde_json::{Value, json};
use tillproof::platform::Clock;

use crate::privacy::found;
use crate::support::{Bench, Company, Story, one_in, plant};

const KEPT: i64 = 3;

fn bench(company: Company, story: &Story, days: i64) -> Bench {
    let mut settings = story.settings(company);
    settings["retention_days"] = json!(days);
    // A nightly comparison takes turns with the purge.
    settings["reconcile"] = json!("never");
    Bench::with(company, settings)
}

/// Cron, day by day.
fn days_pass(bench: &Bench, days: i64) {
    for _ in 0..days {
        bench.clock.advance(Duration::days(1));
        bench.poke();
        bench.run();
    }
}

fn bodies(bench: &Bench) -> usize {
    bench.rows("SELECT DISTINCT event_seq FROM event_chunks").len()
}

#[test]
fn an_order_that_was_purged_takes_every_later_delivery_as_if_it_had_been_kept() {
    let stories = Story::all().into_iter().filter(|story| story.deliveries.len() > 1);
    let mut is_drawn = one_in(4);
    for (number, mut story) in stories.enumerate().filter(|_| is_drawn()) {
        story.deliveries.iter_mut().for_each(|(_, body)| plant(body));
        let company = story.companies[number % story.companies.len()];
        for split in story.cuts() {
            let (kept, purged) = (bench(company, &story, 3650), bench(company, &story, KEPT));
            for bench in [&kept, &purged] {
                for (topic, body) in &story.deliveries[..split] {
                    bench.deliver(topic, body);
                }
                bench.run();
                days_pass(bench, KEPT + 1);
            }
            let context = format!("{} in {company:?} after {split}", story.name);
            let (state, _) = purged.state(&story.order_id());
            // Whoever still has to look needs all of it.
            assert_eq!(found(&purged).is_empty(), state != "held", "{context}: {state} {:?}", found(&purged));
            for bench in [&kept, &purged] {
                for (topic, body) in &story.deliveries[split..] {
                    bench.deliver(topic, body);
                }
                bench.run();
            }
            assert_eq!(purged.ledger(company), kept.ledger(company), "{context}");
            assert_eq!(purged.state(&story.order_id()), kept.state(&story.order_id()), "{context}");
        }
    }
}

#[test]
fn repetitions_and_stale_snapshots_of_a_purged_order_are_recognised() {
    let story = Story::read("partial_refund");
    let bench = bench(Company::XeroUk, &story, KEPT);
    bench.tell(&story);
    bench.run();
    let (books, documents) = (bench.ledger(Company::XeroUk), bench.rows("SELECT * FROM documents"));
    assert_eq!(bodies(&bench), 4);
    days_pass(&bench, KEPT + 1);
    assert_eq!(bodies(&bench), 3, "the first snapshot is history, the newest is not");
    let first = story.deliveries[0].1.to_string();
    bench.deliver_as(1, "orders/create", first.as_bytes());
    bench.deliver_as(77, "orders/updated", first.as_bytes());
    bench.run();
    assert_eq!(bench.rows("SELECT deliveries FROM events WHERE webhook_id = 'webhook-1'")[0]["deliveries"], "2");
    assert_eq!(bench.rows("SELECT outcome FROM events WHERE webhook_id = 'webhook-77'")[0]["outcome"], "unchanged");
    assert_eq!(bench.ledger(Company::XeroUk), books);
    assert_eq!(bench.rows("SELECT * FROM documents").len(), documents.len());
    days_pass(&bench, KEPT + 1);
    assert_eq!(bodies(&bench), 3, "what came since is purged in its turn");
}

#[test]
fn purging_takes_a_few_orders_a_turn_and_bodies_of_no_order_too() {
    let story = Story::read("simple");
    let bench = bench(Company::QuickBooksUs, &story, KEPT);
    for number in 0..45u64 {
        let mut body = story.deliveries[0].1.clone();
        body["id"] = json!(5600000002000 + number);
        body["name"] = json!(format!("#{}", 2000 + number));
        body["test"] = json!(true);
        bench.deliver("orders/create", &body);
    }
    bench.deliver_as(900, "orders/create", b"{broken");
    bench.run();
    let purged = || bench.rows("SELECT * FROM orders WHERE personal = 'purged'").len();
    days_pass(&bench, KEPT - 1);
    assert_eq!((purged(), bodies(&bench)), (0, 46));
    bench.clock.advance(Duration::days(2));
    let mut turns = Vec::new();
    bench.poke();
    while bench.alarm.0.borrow_mut().take().is_some_and(|at| at <= bench.clock.now()) {
        bench.turn();
        turns.push(purged());
    }
    assert_eq!(turns.iter().take(3).collect::<Vec<_>>(), [&20, &40, &45]);
    assert_eq!(bodies(&bench), 46, "the broken one waits for a person");
    bench.release("event:webhook-900");
    days_pass(&bench, 1);
    assert_eq!(bodies(&bench), 45, "it was put aside");
    let bytes = bench.rows("SELECT SUM(length(bytes)) AS n FROM event_chunks")[0]["n"].parse::<usize>().unwrap();
    assert!(bytes / 45 < 4_000, "{bytes} bytes for 45 orders");
}

#[test]
fn what_a_person_still_has_to_see_to_stays_until_they_have() {
    let bench = bench(Company::XeroUk, &Story::read("simple"), KEPT);
    bench.deliver_as(900, "orders/create", b"{broken");
    bench.deliver(
        "customers/data_request",
        &json!({
            "shop_id": 1, "shop_domain": "example.myshopify.com", "orders_requested": [], "data_request": {"id": 9},
            "customer": {"id": null, "email": "ada@example.com"},
        }),
    );
    days_pass(&bench, 100);
    assert_eq!(bodies(&bench), 2);
    let request = bench.open().privacy_requests("main").unwrap().remove(0);
    let answer = bench.open().privacy_answer("main", request.id, "").unwrap().unwrap();
    assert!(answer.to_string().contains("ada@example.com"), "{answer}");
    assert!(bench.open().privacy_answered("main", request.id).now_or_never().unwrap().unwrap());
    bench.release("event:webhook-900");
    days_pass(&bench, 1);
    assert_eq!(bodies(&bench), 0);
}

#[test]
fn the_time_is_a_setting_within_bounds() {
    for (days, problem) in [(json!(0), true), (json!(4000), true), (json!("x"), true), (json!(30), false)] {
        let mut settings = Company::XeroUk.settings();
        settings["retention_days"] = days.clone();
        let bench = Bench::with(Company::XeroUk, settings);
        let status = serde_json::to_value(bench.open().status().unwrap()).unwrap();
        let problems: &Vec<Value> = status["connections"][0]["problems"].as_array().unwrap();
        assert_eq!(!problems.is_empty(), problem, "{days}");
        assert!(problems.iter().all(|one| one.as_str().unwrap().contains("retention_days")), "{problems:?}");
    }
}

#[test]
fn what_a_connection_left_behind_is_kept_no_longer_than_by_default() {
    let story = planted_story();
    let mut bench = bench(Company::XeroUk, &story, 3650);
    bench.tell(&story);
    bench.run();
    let settings = bench.variables.remove("CONNECTION_MAIN").unwrap();
    bench.variables.insert("CONNECTION_NEXT".into(), settings);
    days_pass(&bench, 80);
    assert!(!found(&bench).is_empty(), "a quarter of a year is the default");
    days_pass(&bench, 15);
    assert!(found(&bench).is_empty(), "{:?}", found(&bench));
}

fn planted_story() -> Story {
    let mut story = Story::read("partial_refund");
    story.deliveries.iter_mut().for_each(|(_, body)| plant(body));
    story
}
