//! Money that moves at another rate than the sale's: what it came to in the shop's currency only the Admin API says, and it
//! is asked once everything is posted.

use serde_json::{Value, json};
use tillproof::platform::Clock;

use crate::shopify::{calls, connected, happened};
use crate::support::{Bench, Company, Story, start};

const STORY: &str = "paid_and_refunded_at_other_rates";
const DRIFTS: [&str; 2] = ["payment:6700000011410 13.50 CAD 12.77 CAD", "refund:6700000011411 7.50 CAD 7.10 CAD"];

fn set(shop: &str, buyer: &str) -> Value {
    json!({"shop_money": {"amount": shop, "currency_code": "CAD"},
        "presentment_money": {"amount": buyer, "currency_code": "USD"}})
}

/// The story as Shopify itself knows it.
fn as_it_was() -> Story {
    let mut story = Story::read(STORY);
    story.deliveries[1].1["amount_set"] = set("12.77", "9.00");
    story.deliveries[2].1["transactions"][0]["amount_set"] = set("7.10", "5.00");
    story
}

fn drifts(bench: &Bench) -> Vec<String> {
    let rows = bench.rows(
        "SELECT document_key || ' ' || before || ' ' || after AS what FROM adjustments WHERE rule = 'fx_drift' ORDER BY what",
    );
    rows.into_iter().map(|row| row["what"].clone()).collect()
}

#[test]
fn what_money_came_to_when_it_moved_is_fetched_after_its_order_was_posted() {
    for company in Company::ALL {
        let story = Story::read(STORY);
        let bench = connected(company, story.settings(company));
        happened(&bench, &as_it_was());
        bench.tell(&story);
        let (began, mut posted_at) = (bench.clock.now(), None);
        let soon = |due: &chrono::DateTime<chrono::Utc>| *due < start() + chrono::Duration::hours(1);
        let next = || bench.alarm.0.borrow_mut().take().filter(soon);
        while let Some(due) = next() {
            bench.clock.advance((due - bench.clock.now()).max(chrono::Duration::zero()));
            bench.turn();
            if posted_at.is_none() && calls(&bench) > 0 {
                posted_at = Some(bench.rows("SELECT 1 FROM documents WHERE state = 'posted'").len());
            }
        }
        let documents = bench.rows("SELECT 1 FROM documents WHERE state = 'posted'").len();
        assert_eq!(posted_at, Some(documents), "{company:?}: nothing waits for the question");
        assert_eq!(drifts(&bench), DRIFTS, "{company:?}");
        assert_eq!(bench.state(&story.order_id()), ("synced".into(), String::new()), "{company:?}");
        assert!(bench.clock.now() - began < chrono::Duration::minutes(5), "{company:?}");
        // It is known now: the same news again asks nobody.
        let asked = calls(&bench);
        let (topic, body) = &story.deliveries[0];
        bench.deliver(topic, body);
        bench.run();
        assert_eq!((calls(&bench), drifts(&bench).len()), (asked, 2), "{company:?}");
        let outcomes = bench.rows("SELECT DISTINCT outcome FROM events WHERE topic <> 'orders/fetched' AND seq < 4");
        assert_eq!(outcomes[0]["outcome"], "posted", "{company:?}");
    }
}

#[test]
fn without_access_to_the_shop_nobody_is_asked_and_nothing_waits() {
    let story = Story::read(STORY);
    let bench = Bench::with(Company::XeroUk, story.settings(Company::XeroUk));
    happened(&bench, &as_it_was());
    bench.tell(&story);
    bench.run();
    assert_eq!(bench.state(&story.order_id()).0, "synced");
    assert_eq!((calls(&bench), drifts(&bench).len()), (0, 0));
}

#[test]
fn what_shopify_does_not_say_is_asked_for_once_after_each_news() {
    let story = Story::read(STORY);
    let bench = connected(Company::XeroUk, story.settings(Company::XeroUk));
    // Shopify does not show the order.
    bench.tell(&story);
    bench.run();
    assert_eq!(bench.state(&story.order_id()).0, "synced");
    let asked = calls(&bench);
    assert!(asked > 0);
    bench.run();
    bench.turn();
    assert_eq!(calls(&bench), asked);
}
