//! What gets the books going again by itself: cron after a crash, a short wait after the token service was away.

use super::connect::standing;
use super::shopify::alerts;
use crate::support::{Bench, Company, Story, start};
use chrono::Duration;
use sandbox::{Fault, FaultKind};
use tillproof::platform::{Clock, Sql};
use tillproof::posting::Standing;

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

#[test]
fn an_app_that_was_removed_is_noticed_by_the_check_alone_and_comes_back_by_itself() {
    for company in [Company::XeroUk, Company::QuickBooksUk] {
        let bench = Bench::new(company);
        let (breaks, cure, name) = match company {
            Company::XeroUk => ("archive_account", "activate_account", "200"),
            _ => ("deactivate_item", "activate_item", "1"),
        };
        bench.set(company, breaks, name.into());
        bench.forget("checked:main");
        bench.poke();
        bench.run();
        bench.tell(&Story::read("simple"));
        bench.run();
        assert_eq!(bench.rows("SELECT reason FROM orders")[0]["reason"], "preflight_failed", "{company:?}");
        let ticks = |count: i32| {
            for _ in 0..count {
                bench.run_for(Duration::minutes(5));
                bench.poke();
            }
        };
        // No order asks the ledger anything: only cron's look meets the 403.
        bench.fail(Fault::next(FaultKind::Forbidden).repeated(1000));
        ticks(12);
        assert_eq!(alerts(&bench, true), ["preflight_failed", "reconnect"], "{company:?}");
        assert_eq!(standing(&bench), Standing::Reconnect, "{company:?}");
        // Somebody adds the app again, and puts the account right.
        bench.world.borrow_mut().faults.clear();
        bench.set(company, cure, name.into());
        ticks(12);
        assert_eq!(bench.state(&Story::read("simple").order_id()).0, "synced", "{company:?}");
        assert!(alerts(&bench, true).is_empty(), "{company:?}: {:?}", alerts(&bench, true));
    }
}
