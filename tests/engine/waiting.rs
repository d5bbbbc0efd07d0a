//! Since when an order waits, whatever its age; and since when the ledger is away.

use chrono::Duration;
use futures_util::FutureExt;
use sandbox::{Fault, FaultKind};
use serde_json::json;
use tillproof::monitor::{Told, conditions, gather};
use tillproof::platform::Clock;
use tillproof::platform::time::iso;
use tillproof::posting::BooksStatus;

use super::preflight::report;
use crate::support::{Bench, Company, Story, connected, happened};

fn status(bench: &Bench) -> BooksStatus {
    bench.open().status().unwrap()
}

/// The kinds of what people are told now.
fn told(bench: &Bench) -> Vec<String> {
    let told = vec![Told { books: "main".into(), status: Ok(status(bench)) }];
    let figures = gather(&bench.journal, told, bench.clock.now()).now_or_never().unwrap();
    conditions(&figures, bench.clock.now()).into_iter().map(|one| one.kind).collect()
}

/// News of an order that was posted ten days ago.
fn news(bench: &Bench, story: &Story) {
    bench.tell(story);
    bench.run();
    bench.clock.advance(Duration::days(10));
    let (topic, mut body) = story.deliveries.last().cloned().unwrap();
    body["updated_at"] = json!(iso(bench.clock.now()));
    body["total_tip_received"] = json!("0.00");
    bench.deliver(&topic, &body);
}

#[test]
fn news_of_an_old_order_waits_since_it_came() {
    let bench = Bench::new(Company::XeroUk);
    let story = Story::read("simple");
    news(&bench, &story);
    let came = iso(bench.clock.now());
    assert_eq!(status(&bench).connections[0].oldest_waiting.as_ref(), Some(&came));
    assert!(!told(&bench).contains(&"oldest_waiting".to_owned()), "{:?}", told(&bench));
    // A person who has it tried again does not make it younger.
    bench.clock.advance(Duration::hours(1));
    bench.release(&story.order_id());
    assert_eq!(status(&bench).connections[0].oldest_waiting, Some(came));
    bench.clock.advance(Duration::hours(2));
    assert!(told(&bench).contains(&"oldest_waiting".to_owned()), "{:?}", told(&bench));
    bench.run();
    assert_eq!(status(&bench).connections[0].oldest_waiting, None);
}

#[test]
fn an_order_that_was_looked_up_afterwards_waits_as_a_live_one_since_it_became_one() {
    let bench = Bench::new(Company::XeroUk);
    let story = Story::read("simple");
    bench.deliver(&story.deliveries[0].0, &story.deliveries[0].1);
    bench.rows("UPDATE orders SET priority = 1");
    bench.clock.advance(Duration::hours(9));
    assert_eq!(status(&bench).connections[0].oldest_waiting, None);
    let (topic, mut body) = story.deliveries[0].clone();
    body["updated_at"] = json!(iso(bench.clock.now()));
    bench.deliver(&topic, &body);
    assert_eq!(status(&bench).connections[0].oldest_waiting, Some(iso(bench.clock.now())));
}

#[test]
fn a_hold_lasts_since_a_person_was_needed_first_whatever_was_tried_meanwhile() {
    let bench = Bench::new(Company::XeroUk);
    let mut story = Story::read("simple");
    bench.tell(&story);
    bench.run();
    bench.clock.advance(Duration::days(10));
    let (topic, body) = &mut story.deliveries[0];
    body["updated_at"] = json!(iso(bench.clock.now()));
    body["line_items"][0]["quantity"] = json!(-1);
    bench.deliver(topic, body);
    bench.run();
    let held = |bench: &Bench| status(bench).connections[0].held.clone();
    let first = held(&bench)[0].clone();
    assert!(bench.clock.now() - first.since.parse::<chrono::DateTime<chrono::Utc>>().unwrap() < Duration::hours(1));
    bench.clock.advance(Duration::days(2));
    bench.release(&story.order_id());
    assert!(held(&bench).is_empty());
    bench.run();
    assert_eq!(held(&bench), [first]);
}

#[test]
fn a_ledger_that_asks_for_fewer_calls_is_not_away() {
    for company in Company::ALL {
        let bench = Bench::new(company);
        bench.tell(&Story::read("simple"));
        bench.run();
        bench.clock.advance(Duration::hours(25));
        let api = if company == Company::XeroUk { "/api.xro/" } else { "/v3/" };
        let throttled = Fault::next(FaultKind::Throttled).repeated(1_000);
        bench.fail(Fault { path_contains: Some(api.into()), ..throttled });
        bench.tell(&Story::read("free_shipping"));
        bench.poke();
        bench.run_for(Duration::minutes(30));
        let status = status(&bench);
        assert!(status.paused_until.is_some(), "{company:?}: {status:?}");
        assert_eq!(status.down_since, None, "{company:?}");
    }
}

#[test]
fn any_call_that_comes_through_says_that_the_ledger_is_there() {
    let away = || {
        let story = Story::read("simple");
        let bench = connected(Company::XeroUk, story.settings(Company::XeroUk));
        happened(&bench, &story);
        bench.tell(&story);
        bench.run();
        let began = iso(bench.clock.now());
        bench.rows(&format!("INSERT INTO meta (key, value) VALUES ('down_since', '{began}')"));
        assert_eq!(status(&bench).down_since, Some(began));
        bench
    };
    let bench = away();
    assert!(report(&bench).passed);
    assert_eq!(status(&bench).down_since, None, "a check");
    let bench = away();
    bench.compare(&json!({}));
    assert_eq!(status(&bench).down_since, None, "a comparison");
}
