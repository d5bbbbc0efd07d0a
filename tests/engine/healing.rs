//! What gets the books going again by itself: cron after a crash, a short wait after the token service was away.

use crate::support::{Bench, Company, Story, start};
use chrono::Duration;
use sandbox::{Fault, FaultKind};
use tillproof::platform::{Clock, Sql};

#[test]
fn cron_works_on_what_waits_for_an_alarm_that_a_crash_left_hanging_but_not_beside_a_turn() {
    for company in Company::ALL {
        let story = Story::read("net_terms");
        let bench = Bench::new(company);
        bench.tell(&story);
        // A turn began with the order and died: the mark stands, and the platform rings no alarm any more.
        let due = bench.alarm.0.borrow_mut().take().unwrap();
        bench.clock.advance(due - bench.clock.now());
        bench.sql.exec("UPDATE orders SET marks = 1", &[]).unwrap();
        bench.pulse.beat(bench.clock.now());
        bench.clock.advance(Duration::seconds(50));
        bench.poke();
        assert!(bench.ledger(company).is_empty(), "the turn may still be at work");
        bench.turn();
        assert!(bench.ledger(company).is_empty(), "no second turn works beside it");
        assert!(bench.alarm.0.borrow_mut().take().is_some(), "but one comes later");
        bench.clock.advance(Duration::seconds(30));
        for _ in 0..5 {
            bench.poke();
            bench.clock.advance(Duration::minutes(5));
        }
        assert_eq!(bench.ledger(company).len(), 1, "{company:?}: {:?}", bench.rows("SELECT * FROM orders"));
        assert_eq!(bench.state(&story.order_id()).0, "synced");
    }
}

#[test]
fn a_token_service_that_was_away_for_a_moment_is_asked_again_within_a_minute() {
    for company in Company::ALL {
        let bench = Bench::new(company);
        bench.fail(Fault::next(FaultKind::Down));
        bench.tell(&Story::read("simple"));
        bench.run();
        assert!(bench.rows("SELECT * FROM orders WHERE state <> 'synced'").is_empty(), "{company:?}");
        let synced = bench.rows("SELECT synced_at FROM orders")[0]["synced_at"].clone();
        let synced: chrono::DateTime<chrono::Utc> = synced.parse().unwrap();
        assert!(synced - start() < Duration::minutes(1), "{company:?}: synced only at {synced}");
    }
}
