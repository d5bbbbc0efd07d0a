//! Backfill: every order of a stretch of time that the books miss, once, in the order of sale, behind the live ones.

use chrono::{DateTime, Duration, Utc};
use futures_util::FutureExt;
use serde_json::{Value, json};
use tillproof::platform::Clock;
use tillproof::posting::{Backfill, BackfillChange, Declined};

use crate::batches::order;
use crate::shopify::{connected, happened};
use crate::support::{Bench, Company, SandboxHttp, Story, start};

const COMPANY: Company = Company::XeroUk;

fn begin(bench: &Bench, from: &str, to: &str) -> Result<Backfill, Declined> {
    let http = SandboxHttp(bench);
    let books = bench.books(&http);
    books.begin_backfill("main", from, to).now_or_never().unwrap()
}

fn change(bench: &Bench, number: i64, change: BackfillChange) -> Result<Backfill, Declined> {
    let http = SandboxHttp(bench);
    let books = bench.books(&http);
    books.change_backfill("main", number, change).now_or_never().unwrap()
}

fn progress(bench: &Bench, number: i64) -> Backfill {
    bench.open().backfill("main", number).unwrap()
}

/// Order `number` as it was sold so many minutes after the bench's beginning, back in October.
fn sold(number: u64, minutes: i64) -> Story {
    let at = (start() - Duration::days(20) + Duration::minutes(minutes)).to_rfc3339();
    let mut story = order(number, number % 5);
    for (_, body) in &mut story.deliveries {
        for key in ["created_at", "processed_at", "updated_at"] {
            if !body[key].is_null() {
                body[key] = json!(at);
            }
        }
    }
    story
}

/// A shop of `count` orders; the higher its number, the earlier an order was sold.
fn shop(count: u64) -> Bench {
    let bench = connected(COMPANY, COMPANY.settings());
    bench.world.borrow_mut().shopify.bucket.resize(1_000_000, 10_000);
    for number in 1..=count {
        happened(&bench, &sold(number, i64::try_from(count - number).unwrap()));
    }
    bench
}

fn waiting(bench: &Bench) -> usize {
    bench.rows("SELECT 1 FROM orders WHERE due_at IS NOT NULL AND priority > 0").len()
}

const FROM: &str = "2026-10-01";
const TO: &str = "2026-11-01";

#[test]
fn all_orders_of_several_pages_are_posted_once_in_the_order_of_sale_and_the_progress_adds_up() {
    let bench = shop(250);
    // Lists end early: another slice goes on where one ended.
    bench.world.borrow_mut().shopify.most_listed = 120;
    // Two are here already; a test order belongs in no books; one is sold outside of the window.
    for number in [7, 9] {
        bench.tell(&sold(number, 250 - i64::try_from(number).unwrap()));
    }
    bench.run();
    let mut test = sold(300, 5);
    test.deliveries[0].1["test"] = json!(true);
    happened(&bench, &test);
    happened(&bench, &sold(301, 60 * 24 * 20));
    let begun = begin(&bench, FROM, TO).unwrap();
    assert_eq!((begun.id.as_str(), begun.state.as_str(), begun.listed), ("main-1", "running", 0));
    let mut most = 0;
    while progress(&bench, 1).state == "running" {
        // Every turn opens the books anew, as after a restart.
        bench.run_for(Duration::seconds(5));
        most = most.max(waiting(&bench));
        let now = progress(&bench, 1);
        assert_eq!(now.listed, now.skipped + now.posted + now.ignored + now.held + now.waiting, "{now:?}");
    }
    assert!(most <= 300 && most > 100, "{most} waited at once");
    let end = progress(&bench, 1);
    assert_eq!((end.state.as_str(), end.skipped, end.held, end.waiting), ("done", 2, 0, 0), "{end:?}");
    assert_eq!((end.listed, end.done, end.left), (251, 251, Some(0)), "{end:?}");
    assert_eq!((end.posted, end.ignored), (248, 1), "{end:?}");
    // What came to rest is counted once, and not looked at again.
    assert!(bench.rows("SELECT 1 FROM backfill_orders WHERE woken = 1").is_empty());
    // The count stops where the list does, and says so.
    assert_eq!((end.total, end.total_is_exact), (Some(120), false), "{end:?}");
    assert_eq!(bench.ledger(COMPANY).len(), 2 * 250, "an invoice and a payment each, and no second one");
    // Each was looked for first: the orders are older than the books.
    let sales = "SELECT order_id FROM writes WHERE document_key = 'sale' AND state = 'confirmed' ORDER BY id";
    let posted = bench.rows(sales);
    let ids: Vec<u64> = posted.iter().skip(2).map(|row| row["order_id"].parse().unwrap()).collect();
    let mut sorted = ids.clone();
    sorted.sort_unstable_by(|one, other| other.cmp(one));
    assert_eq!(ids, sorted, "the earliest sale first");
    assert_eq!(bench.state("5700000000301").0, "", "sold after the window");
}

#[test]
fn a_live_order_overtakes_a_pause_stops_the_listing_and_resuming_finishes() {
    let bench = shop(250);
    begin(&bench, FROM, TO).unwrap();
    while progress(&bench, 1).posted < 20 {
        bench.run_for(Duration::seconds(1));
    }
    let now = progress(&bench, 1);
    assert!(now.waiting > 100 && now.total == Some(250) && now.total_is_exact, "{now:?}");
    assert_eq!(now.left, Some(250 - now.done), "{now:?}");
    let worked = (bench.clock.now() - start()).num_seconds();
    assert!((now.rate_per_hour.unwrap() - now.done * 3_600 / worked).abs() <= now.done * 100, "{now:?} in {worked} s");
    let finish: DateTime<Utc> = now.estimated_finish.as_ref().unwrap().parse().unwrap();
    assert!(finish > bench.clock.now() && finish < bench.clock.now() + Duration::hours(1), "{now:?}");
    let live = order(999, 1);
    bench.tell(&live);
    bench.run_for(Duration::seconds(10));
    assert_eq!(bench.state(&live.order_id()).0, "synced");
    assert!(progress(&bench, 1).waiting > 30, "{:?}", progress(&bench, 1));
    let paused = change(&bench, 1, BackfillChange::Pause).unwrap();
    assert_eq!((paused.state.as_str(), paused.rate_per_hour), ("paused", None));
    bench.run();
    bench.run_for(Duration::hours(3));
    let still = progress(&bench, 1);
    assert_eq!(
        (still.state.as_str(), still.waiting, still.listed),
        ("paused", 0, paused.listed),
        "what was listed is done"
    );
    assert!(matches!(begin(&bench, FROM, TO), Err(Declined::Refused(text)) if text.contains("main-1")));
    change(&bench, 1, BackfillChange::Resume).unwrap();
    bench.run();
    let end = progress(&bench, 1);
    assert_eq!((end.state.as_str(), end.posted), ("done", 250), "{end:?}");
    assert!(matches!(change(&bench, 1, BackfillChange::Cancel), Err(Declined::Refused(_))));
    begin(&bench, FROM, TO).unwrap();
    bench.run();
    let again = progress(&bench, 2);
    assert_eq!((again.state.as_str(), again.skipped, again.posted), ("done", 250, 0), "all of it is here: {again:?}");
}

#[test]
fn what_an_earlier_start_date_left_out_is_decided_again_when_it_moved_back() {
    let bench = |start_date: &str, before: Option<Bench>| {
        let mut settings = COMPANY.settings();
        settings["start_date"] = json!(start_date);
        let mut bench = connected(COMPANY, settings);
        if let Some(before) = before {
            (bench.sql, bench.journal, bench.world) = (before.sql, before.journal, before.world);
            bench.clock.advance(before.clock.now() - bench.clock.now());
        }
        bench
    };
    let before = bench("2026-11-01", None);
    for number in 1..=3 {
        happened(&before, &sold(number, 0));
        before.tell(&sold(number, 0));
    }
    before.run();
    assert_eq!(before.rows("SELECT 1 FROM orders WHERE state = 'ignored'").len(), 3);
    let bench = bench("2026-01-01", Some(before));
    begin(&bench, FROM, TO).unwrap();
    bench.run();
    let end = progress(&bench, 1);
    assert_eq!((end.state.as_str(), end.posted, end.skipped), ("done", 3, 0), "{end:?}");
    // Once they are posted they are skipped.
    begin(&bench, FROM, TO).unwrap();
    bench.run();
    assert_eq!((progress(&bench, 2).posted, progress(&bench, 2).skipped), (0, 3));
}

#[test]
fn a_cancelled_backfill_lists_nothing_more_and_another_may_begin() {
    let bench = shop(5);
    begin(&bench, FROM, TO).unwrap();
    assert_eq!(change(&bench, 1, BackfillChange::Cancel).unwrap().state, "cancelled");
    bench.run();
    assert_eq!(bench.rows("SELECT * FROM orders").len(), 0);
    begin(&bench, FROM, TO).unwrap();
    bench.run();
    assert_eq!((progress(&bench, 2).state.as_str(), progress(&bench, 2).posted), ("done", 5));
}

#[test]
fn what_cannot_be_begun_says_which_key_is_wrong_or_what_to_set() {
    let bench = shop(1);
    for (from, to, named) in [("yesterday", TO, "`from`"), (FROM, "", "`to`"), (TO, FROM, "`to` is before `from`")] {
        let declined = begin(&bench, from, to).unwrap_err();
        assert!(matches!(&declined, Declined::Unclear(text) if text.contains(named)), "{declined:?}");
    }
    let declined = begin(&Bench::new(COMPANY), FROM, TO).unwrap_err();
    assert!(matches!(&declined, Declined::Refused(text) if text.contains("SHOPIFY_CLIENT_ID")), "{declined:?}");
}

#[test]
fn orders_that_the_app_may_not_see_are_named_with_the_scope_that_shows_them() {
    let bench = shop(2);
    bench.world.borrow_mut().shopify.scopes.retain(|scope| scope != "read_all_orders");
    begin(&bench, "2026-06-01T00:00:00Z", TO).unwrap();
    bench.run();
    let end = progress(&bench, 1);
    assert!(end.problem.as_deref().is_some_and(|text| text.contains("read_all_orders")), "{end:?}");
    let view: Value = serde_json::to_value(end).unwrap();
    assert_eq!(view["from"], "2026-06-01T00:00:00.000Z");
}
