//! Shopify asked instead of told: orders that no delivery brought, tokens, the cost budget, subscriptions, silence.

use chrono::{DateTime, Duration, Utc};
use sandbox::shopify::{CLIENT, PERMANENT_TOKEN};
use sandbox::{Fault, FaultKind};
use serde_json::{Value, json};
use tillproof::platform::Clock;

use crate::support::{Bench, Company, Story, everything, one_in};
use crate::told;

pub use crate::support::{connected, happened};

fn edited(order_id: &str) -> Value {
    json!({"order_edit": {"id": 1, "order_id": order_id.parse::<u64>().unwrap()}})
}

pub fn calls(bench: &Bench) -> u64 {
    bench.world.borrow().calls().iter().filter(|(name, _)| name.contains("graphql")).map(|(_, count)| count).sum()
}

fn synced_at(bench: &Bench, order_id: &str) -> DateTime<Utc> {
    let rows = bench.rows(&format!("SELECT synced_at FROM orders WHERE order_id = '{order_id}'"));
    rows[0]["synced_at"].parse().unwrap()
}

pub fn alerts(bench: &Bench, open: bool) -> Vec<String> {
    // The journal has no tables before the first record.
    if bench.journal("SELECT 1 FROM sqlite_master WHERE name = 'alerts'").is_empty() {
        return Vec::new();
    }
    let condition = if open { "IS NULL" } else { "IS NOT NULL" };
    let rows = bench.journal(&format!("SELECT kind FROM alerts WHERE resolved_at {condition} ORDER BY at"));
    rows.into_iter().map(|row| row["kind"].clone()).collect()
}

pub fn shop_status(bench: &Bench) -> Value {
    serde_json::to_value(bench.open().status().unwrap()).unwrap()["connections"][0]["shopify"].clone()
}

/// Stories that one fetch tells as well as their deliveries do.
pub const FETCHED: [&str; 7] = [
    "simple",
    "partial_refund",
    "multi_currency_refunds",
    "gift_card_and_card",
    "cancelled_paid_and_refunded",
    "refund_in_two_parts",
    "captured_in_two_parts",
];

#[test]
fn an_order_that_no_delivery_brought_is_fetched_and_booked_as_if_it_had_been() {
    let mut is_drawn = one_in(2);
    for name in FETCHED {
        for company in Company::ALL.into_iter().filter(|_| is_drawn()) {
            let story = Story::read(name);
            let expected = told(company, &story).ledger(company);
            // Whatever the first news of it is: an edit, a refund, a payment.
            let mut news = vec![("orders/edited".to_owned(), edited(&story.order_id()))];
            let is_part = |topic: &str| topic == "refunds/create" || topic == "order_transactions/create";
            news.extend(story.deliveries.iter().filter(|(topic, _)| is_part(topic)).cloned());
            for (topic, body) in news {
                let bench = connected(company, story.settings(company));
                happened(&bench, &story);
                bench.deliver(&topic, &body);
                let began = bench.clock.now();
                bench.run();
                let context = format!("{name} in {company:?} by {topic}");
                let took = synced_at(&bench, &story.order_id()) - began;
                assert_eq!(
                    bench.state(&story.order_id()).0,
                    "synced",
                    "{context}: {:?}",
                    bench.rows("SELECT * FROM orders")
                );
                assert_eq!(bench.ledger(company), expected, "{context}");
                assert!(took < Duration::seconds(20), "{context}: at once, not after {took}");
                // Its deliveries come after all: nothing changes, though they know less of the payments.
                bench.tell(&story);
                bench.run();
                assert_eq!(bench.ledger(company), expected, "{context}, then told");
            }
        }
    }
}

#[test]
fn a_payment_whose_transactions_are_not_told_is_not_waited_for() {
    let story = Story::read("simple");
    let bench = connected(Company::XeroUk, story.settings(Company::XeroUk));
    happened(&bench, &story);
    // This shop's transactions are delivered, as a rule.
    bench.tell(&Story::read("partial_refund"));
    bench.run();
    let began = bench.clock.now();
    bench.deliver(&story.deliveries[0].0, &story.deliveries[0].1);
    bench.run();
    let payments = bench.rows(&format!(
        "SELECT document_key FROM documents WHERE kind = 'payment' AND order_id = '{}'",
        story.order_id()
    ));
    let transaction = story.deliveries[1].1["id"].to_string();
    assert_eq!(payments[0]["document_key"], format!("payment:{transaction}"), "by its own id, not inferred");
    assert!(synced_at(&bench, &story.order_id()) - began < Duration::seconds(20));
}

#[test]
fn an_edit_is_fetched_unless_the_newer_order_came_by_itself() {
    let story = Story::read("edited_while_unpaid");
    let (first, last) = (&story.deliveries[0].1, &story.deliveries[story.deliveries.len() - 1].1);
    let expected = told(Company::XeroUk, &story).ledger(Company::XeroUk);
    let bench = connected(Company::XeroUk, story.settings(Company::XeroUk));
    bench.deliver("orders/create", first);
    bench.run();
    happened(&bench, &story);
    let before = calls(&bench);
    bench.deliver("orders/edited", &edited(&story.order_id()));
    bench.run();
    assert_eq!(bench.ledger(Company::XeroUk), expected);
    assert!(calls(&bench) > before);
    let before = calls(&bench);
    bench.deliver("orders/edited", &edited(&story.order_id()));
    let mut newer = last.clone();
    newer["updated_at"] = json!("2026-11-09T09:00:00Z");
    bench.deliver("orders/updated", &newer);
    bench.run();
    assert_eq!((calls(&bench), bench.ledger(Company::XeroUk)), (before, expected), "nothing to ask");
}

#[test]
fn one_token_lasts_a_day_is_kept_encrypted_and_a_refused_one_is_renewed_once() {
    let stories: Vec<Story> = FETCHED.iter().map(|name| Story::read(name)).collect();
    let bench = connected(Company::XeroUk, Company::XeroUk.settings());
    let given = || bench.world.borrow().shopify.tokens_given;
    let fetch = |story: &Story| {
        happened(&bench, story);
        bench.deliver("orders/edited", &edited(&story.order_id()));
        bench.run();
        assert!(
            !bench
                .rows(&format!(
                    "SELECT 1 FROM order_parts WHERE part = 'snapshot' AND order_id = '{}'",
                    story.order_id()
                ))
                .is_empty()
        );
    };
    fetch(&stories[0]);
    fetch(&stories[1]);
    assert_eq!(given(), 1);
    assert!(!everything(&bench.sql).contains("shpua"), "sealed");
    bench.clock.advance(Duration::hours(24));
    fetch(&stories[2]);
    assert_eq!(given(), 2, "it was about to end");
    bench.world.borrow_mut().shopify.expire_tokens();
    fetch(&stories[3]);
    assert_eq!(given(), 3, "Shopify ended it");
}

#[test]
fn a_permanent_token_is_used_as_it_is() {
    let story = Story::read("partial_refund");
    let mut bench = Bench::with(Company::XeroUk, story.settings(Company::XeroUk));
    bench.variables.insert("SHOPIFY_ACCESS_TOKEN_MAIN".into(), json!(PERMANENT_TOKEN));
    happened(&bench, &story);
    bench.deliver("orders/edited", &edited(&story.order_id()));
    bench.run();
    assert_eq!(bench.state(&story.order_id()).0, "synced");
    assert_eq!(bench.world.borrow().shopify.tokens_given, 0);
    assert_eq!(shop_status(&bench)["access"], "access_token");
}

#[test]
fn the_cost_budget_is_never_overdrawn_however_many_orders_are_wanted() {
    let bench = connected(Company::QuickBooksUs, Company::QuickBooksUs.settings());
    bench.world.borrow_mut().shopify.bucket.resize(1_000, 50);
    let story = Story::read("simple");
    for number in 0..40u64 {
        for (topic, body) in &story.deliveries {
            let text = body.to_string().replace("5600000001001", &(5600000002000 + number).to_string());
            let mut body: Value = serde_json::from_str(&text.replace("#1001", &format!("#{}", 2000 + number))).unwrap();
            if topic == "order_transactions/create" {
                body["id"] = json!(7700000000000 + number);
            }
            bench.world.borrow_mut().shopify.happened(topic, &body);
            if topic == "order_transactions/create" {
                bench.deliver(topic, &body);
            }
        }
    }
    bench.run();
    assert!(
        bench.rows("SELECT * FROM orders WHERE state <> 'synced'").is_empty(),
        "{:?}",
        bench.rows("SELECT state, reason FROM orders")
    );
    assert_eq!(bench.ledger(Company::QuickBooksUs).len(), 80);
    assert!(bench.world.borrow().shopify.bucket.throttled <= 1, "{}", bench.world.borrow().shopify.bucket.throttled);
}

#[test]
fn an_order_of_more_questions_than_a_turn_has_is_fetched_in_several_and_leaves_nothing_behind() {
    let story = Story::read("partial_refund");
    let bench = connected(Company::XeroUk, story.settings(Company::XeroUk));
    happened(&bench, &story);
    // Refunds that moved nothing: each is a question of its own.
    for number in 0..30u64 {
        let refund = json!({"id": 8_800_000 + number, "order_id": story.deliveries[0].1["id"], "created_at": "2026-11-02T18:00:00Z",
            "refund_line_items": [], "order_adjustments": [], "transactions": []});
        bench.world.borrow_mut().shopify.happened("refunds/create", &refund);
    }
    bench.deliver("orders/edited", &edited(&story.order_id()));
    bench.run();
    assert_eq!(bench.state(&story.order_id()).0, "synced", "{:?}", bench.rows("SELECT * FROM orders"));
    assert_eq!(bench.ledger(Company::XeroUk), told(Company::XeroUk, &story).ledger(Company::XeroUk));
    assert_eq!(calls(&bench), 33, "the day's look at the shop, one for the order, one for each refund, and none twice");
    assert!(bench.rows("SELECT * FROM meta WHERE key LIKE 'fetch:%'").is_empty());
}

#[test]
fn an_order_that_shopify_does_not_show_is_an_orphan_as_ever() {
    let story = Story::read("partial_refund");
    let bench = connected(Company::XeroUk, story.settings(Company::XeroUk));
    bench.deliver("refunds/create", &story.deliveries[2].1);
    bench.run();
    assert_eq!(bench.state(&story.order_id()), ("held".into(), "order_unknown".into()));
    assert_eq!(calls(&bench), 2, "beside the day's look at the shop: asked once, not again and again");
    // Something new is heard of it, and by now Shopify shows it.
    happened(&bench, &story);
    bench.deliver("order_transactions/create", &story.deliveries[1].1);
    bench.run();
    assert_eq!(bench.state(&story.order_id()).0, "synced");
}

#[test]
fn while_shopify_does_not_answer_the_books_go_on_and_afterwards_everything_is_fetched() {
    for kind in [FaultKind::Down, FaultKind::RefusedConnection, FaultKind::LostReply, FaultKind::Error502Html] {
        let (paid, unknown) = (Story::read("simple"), Story::read("partial_refund"));
        let bench = connected(Company::XeroUk, paid.settings(Company::XeroUk));
        [&paid, &unknown].into_iter().for_each(|story| happened(&bench, story));
        bench.fail(Fault::next(kind).on("POST", "/admin/").repeated(12));
        bench.deliver(&paid.deliveries[0].0, &paid.deliveries[0].1);
        bench.deliver("refunds/create", &unknown.deliveries[2].1);
        bench.run();
        for story in [&paid, &unknown] {
            assert_eq!(
                bench.state(&story.order_id()).0,
                "synced",
                "{kind:?}: {:?}",
                bench.rows("SELECT * FROM orders")
            );
        }
        assert!(alerts(&bench, true).is_empty(), "an outage is nobody's task");
        assert!(shop_status(&bench)["paused_until"].is_null());
    }
}

#[test]
fn what_a_person_has_to_do_is_said_once_and_done_with_by_itself() {
    let story = Story::read("partial_refund");
    let mut bench = connected(Company::XeroUk, story.settings(Company::XeroUk));
    bench.variables.insert("SHOPIFY_CLIENT_SECRET".into(), json!("wrong"));
    happened(&bench, &story);
    bench.deliver("refunds/create", &story.deliveries[2].1);
    for _ in 0..30 {
        bench.turn();
        bench.clock.advance(Duration::minutes(10));
    }
    bench.turn();
    assert_eq!(alerts(&bench, true), ["shopify_admin"]);
    assert!(bench.journal("SELECT message FROM alerts")[0]["message"].contains("SHOPIFY_CLIENT_SECRET"));
    assert!(shop_status(&bench)["pause_reason"].as_str().unwrap().contains("SHOPIFY_CLIENT_SECRET"));
    bench.variables.insert("SHOPIFY_CLIENT_SECRET".into(), json!(CLIENT.1));
    bench.clock.advance(Duration::hours(1));
    bench.turn();
    bench.run();
    assert_eq!(bench.state(&story.order_id()).0, "synced");
    assert!(alerts(&bench, true).is_empty());
}

#[test]
fn with_several_shops_only_the_connections_own_credentials_count() {
    let mut other = Company::XeroUk.settings();
    other["shop"] = json!("second.myshopify.com");
    other["number_prefix"] = json!("T-");
    let mut bench = connected(Company::XeroUk, Company::XeroUk.settings());
    assert_eq!(shop_status(&bench)["access"], "client_credentials");
    bench.variables.insert("CONNECTION_SECOND".into(), other);
    assert!(shop_status(&bench)["access"].is_null(), "whose are they?");
    bench.variables.insert("SHOPIFY_CLIENT_ID_MAIN".into(), json!(CLIENT.0));
    bench.variables.insert("SHOPIFY_CLIENT_SECRET_MAIN".into(), json!(CLIENT.1));
    assert_eq!(shop_status(&bench)["access"], "client_credentials");
}
