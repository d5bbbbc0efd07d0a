//! Shopify changes something: it is said once, nothing is dropped in silence, and money that could be misread is held.

use chrono::Duration;
use serde_json::json;

use crate::support::{Bench, Company, Story, one_in};

#[test]
fn what_is_new_at_shopify_is_said_once_and_the_orders_go_on() {
    let bench = Bench::new(Company::XeroUk);
    for name in ["simple", "free_shipping"] {
        let mut story = Story::read(name);
        story.deliveries[0].1["line_items"][0]["surcharge"] = json!("Jane Doe");
        story.deliveries[0].1["financial_status"] = json!("half_paid");
        bench.tell(&story);
        bench.run();
        assert_eq!(bench.state(&story.order_id()).0, "synced", "{name}");
    }
    let alerts = bench.journal("SELECT * FROM alerts ORDER BY message");
    let messages: Vec<&str> = alerts.iter().map(|alert| alert["message"].as_str()).collect();
    assert_eq!(
        messages,
        [
            "the field `surcharge` is new, and it stands where money does (first seen at `line_items[0].surcharge`)",
            "the value `half_paid` of `financial_status` is not known (first seen at `financial_status`)",
        ]
    );
    assert!(alerts.iter().all(|alert| alert["kind"] == "shopify_changed" && alert["connection"] == "main"));
}

#[test]
fn what_was_not_seen_for_a_week_is_over_and_is_told_anew_when_it_comes_back() {
    let bench = Bench::new(Company::XeroUk);
    let mut story = Story::read("simple");
    story.deliveries[0].1["financial_status"] = json!("half_paid");
    let deliver = |number| bench.deliver_as(number, "orders/create", story.deliveries[0].1.to_string().as_bytes());
    let open = || bench.open().status().unwrap().alerts.into_iter().filter(|one| one.kind == "shopify_changed").count();
    deliver(100);
    assert_eq!(open(), 1);
    bench.clock.advance(Duration::days(5));
    deliver(101);
    bench.clock.advance(Duration::days(5));
    bench.poke();
    assert_eq!(open(), 1, "it was seen five days ago");
    bench.clock.advance(Duration::days(3));
    bench.poke();
    assert_eq!(open(), 0);
    deliver(102);
    assert_eq!(open(), 1);
    bench.run();
    let rows = bench.journal("SELECT resolved_at FROM alerts WHERE kind = 'shopify_changed' ORDER BY at");
    assert_eq!(rows.iter().map(|row| row["resolved_at"].is_empty()).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn beyond_two_hundred_differences_it_is_said_that_there_are_more() {
    let bench = Bench::new(Company::XeroUk);
    let story = Story::read("simple");
    for delivery in 0..25 {
        let mut body = story.deliveries[0].1.clone();
        (0..10).for_each(|n| body["line_items"][0][format!("surcharge_{delivery}_{n}")] = json!("1.00"));
        bench.deliver_as(100 + delivery, "orders/create", body.to_string().as_bytes());
    }
    bench.run();
    let alerts = bench.journal("SELECT message FROM alerts WHERE kind = 'shopify_changed'");
    assert_eq!(alerts.len(), 201);
    assert_eq!(alerts.iter().filter(|alert| alert["message"].starts_with("more than 200")).count(), 1);
}

#[test]
fn no_order_as_it_always_was_says_that_shopify_changed() {
    let bench = Bench::new(Company::XeroUk);
    // One story is about what is new.
    let stories = Story::all().into_iter().filter(|story| story.name != "unknown_kind_of_transaction");
    let mut is_drawn = one_in(3);
    stories
        .filter(|_| is_drawn())
        .for_each(|story| story.deliveries.iter().for_each(|(topic, body)| bench.deliver(topic, body)));
    bench.run();
    let alerts = bench.journal("SELECT message FROM alerts WHERE kind = 'shopify_changed'");
    assert!(alerts.is_empty(), "{alerts:?}");
}

#[test]
fn a_payment_whose_status_is_not_known_holds_the_order_until_it_is() {
    let bench = Bench::new(Company::XeroUk);
    let mut story = Story::read("simple");
    let settled = story.deliveries.iter().position(|(topic, _)| topic == "order_transactions/create").unwrap();
    story.deliveries[settled].1["status"] = json!("cleared");
    bench.tell(&story);
    bench.run();
    assert_eq!(bench.state(&story.order_id()), ("held".to_owned(), "shopify_changed".to_owned()));
    assert!(bench.ledger(Company::XeroUk).is_empty(), "nothing is posted of it");
    bench.tell(&Story::read("simple"));
    bench.run();
    assert_eq!(bench.state(&story.order_id()).0, "synced");
}
