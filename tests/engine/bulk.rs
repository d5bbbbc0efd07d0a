//! All that wait for the same thing, looked at again together.

use chrono::Duration;
use futures_util::FutureExt;
use serde_json::json;
use tillproof::platform::Clock;
use tillproof::platform::time::iso;
use tillproof::posting::{How, LookedAt, Piece};

use crate::support::{Bench, Company, SandboxHttp, Story};

fn piece(bench: &Bench, reason: &str, how: How, before: &str) -> LookedAt {
    let http = SandboxHttp(bench);
    let piece = Piece { reason: reason.into(), how, before: before.into() };
    bench.books(&http).look_again_at("main", &piece).now_or_never().unwrap().unwrap()
}

/// So many orders whose tax the settings do not know.
fn waiting(count: u64) -> Bench {
    let company = Company::XeroUk;
    let mut settings = company.settings();
    settings["taxes"] = json!([{"rate": "0.05", "code": "RROUTPUT"}]);
    let bench = Bench::with(company, settings);
    let story = Story::read("simple");
    let (topic, body) = &story.deliveries[0];
    for number in 0..count {
        let mut body = body.clone();
        body["id"] = json!(7_000_000_000_000 + number);
        body["name"] = json!(format!("#{}", 2_000 + number));
        bench.deliver(topic, &body);
    }
    bench.run_for(Duration::hours(1));
    bench
}

#[test]
fn all_that_are_held_for_one_reason_are_looked_at_again_piece_by_piece_and_each_once() {
    let bench = waiting(230);
    let held = || bench.rows("SELECT order_id FROM orders WHERE state = 'held' AND reason = 'tax_unmapped'").len();
    assert_eq!(held(), 230);
    for how in [How::Release, How::Replay] {
        bench.clock.advance(Duration::seconds(1));
        let before = iso(bench.clock.now());
        assert_eq!(piece(&bench, "order_inconsistent", how, &before), LookedAt { orders: 0, more: false });
        assert_eq!(piece(&bench, "tax_unmapped", how, &before), LookedAt { orders: 200, more: true });
        assert_eq!(held(), 30);
        // They are held again at once, and are not looked at for ever.
        bench.clock.advance(Duration::seconds(1));
        bench.run_for(Duration::hours(1));
        assert_eq!(held(), 230);
        assert_eq!(piece(&bench, "tax_unmapped", how, &before), LookedAt { orders: 30, more: false });
        bench.run_for(Duration::hours(1));
        assert_eq!(piece(&bench, "tax_unmapped", how, &before), LookedAt { orders: 0, more: false });
    }
}

#[test]
fn what_was_left_out_and_what_is_held_for_something_else_stays_as_it_is() {
    let bench = waiting(2);
    bench.deliver_as(1, "orders/create", b"{\"id\": 1");
    bench.clock.advance(Duration::seconds(1));
    let before = iso(bench.clock.now());
    assert_eq!(piece(&bench, "tax_unmapped", How::Release, &before).orders, 2);
    let unreadable = bench.rows("SELECT state FROM orders WHERE reason = 'unreadable'");
    assert_eq!(unreadable[0]["state"], "held");
    // Released, a delivery that belongs to no order is put aside.
    assert_eq!(piece(&bench, "unreadable", How::Release, &before).orders, 1);
    assert_eq!(bench.rows("SELECT state FROM orders WHERE reason = 'put_aside'").len(), 1);
}
