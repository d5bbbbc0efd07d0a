//! The ledgers' limits: never pressed, obeyed when they bite, remembered across restarts, and said.

use chrono::{DateTime, Duration, Utc};
use sandbox::{Fault, FaultKind};
use serde_json::{Value, json};
use tillproof::platform::{Clock, Sql};

use crate::batches::{backlog, order, requests, total};
use crate::support::{Bench, Company, SandboxHttp};

fn status(bench: &Bench) -> Value {
    let http = SandboxHttp(bench);
    serde_json::to_value(bench.books(&http).status().unwrap()).unwrap()
}

fn until(bench: &Bench) -> DateTime<Utc> {
    status(bench)["paused_until"].as_str().unwrap_or_else(|| panic!("no pause: {}", status(bench))).parse().unwrap()
}

fn synced(bench: &Bench) -> usize {
    bench.rows("SELECT 1 FROM orders WHERE state = 'synced'").len()
}

#[test]
fn a_day_limit_parks_the_connection_until_it_lifts_and_the_status_says_when() {
    let company = Company::XeroUk;
    let bench = Bench::new(company);
    backlog(&bench, 1..4, 3);
    bench.run();
    let began = bench.clock.now();
    bench.set(company, "per_day", json!(total(&requests(&bench)) + 1));
    backlog(&bench, 11..41, 3);
    bench.run_for(Duration::hours(1));
    assert!(synced(&bench) < 33);
    let lifts = until(&bench);
    let day = began + Duration::days(1);
    assert!((lifts - day).num_minutes().abs() < 5, "{lifts}, not about {day}");
    assert!(status(&bench)["pause_reason"].as_str().unwrap().contains("calls of this day"), "{}", status(&bench));
    // Nothing is asked until then, whatever arrives; the books are opened anew each time, as after a restart.
    let asked = total(&requests(&bench));
    bench.tell(&order(50, 1));
    bench.run_for(lifts - bench.clock.now() - Duration::seconds(1));
    assert_eq!(total(&requests(&bench)), asked);
    assert!(bench.rows("SELECT * FROM orders WHERE attempts > 0").is_empty(), "nobody's attempts are used up");
    bench.set(company, "per_day", json!(5_000));
    bench.run_for(Duration::minutes(10));
    assert_eq!(synced(&bench), 34, "{:?}", bench.rows("SELECT state, detail FROM orders WHERE state <> 'synced'"));
    assert_eq!(status(&bench)["paused_until"], Value::Null);
}

#[test]
fn a_ledger_that_only_says_no_is_asked_ever_less() {
    // A limit of the month does not say when it ends.
    for company in Company::ALL {
        let bench = Bench::new(company);
        let api = if company == Company::XeroUk { "/api.xro/" } else { "/v3/" };
        let throttled = Fault::next(FaultKind::Throttled).repeated(10_000);
        bench.fail(Fault { path_contains: Some(api.into()), ..throttled });
        backlog(&bench, 1..3, 1);
        bench.run_for(Duration::days(1));
        let asked = total(&requests(&bench));
        assert!((20..45).contains(&asked), "{company:?}: {asked} calls in a day");
        assert!(until(&bench) > bench.clock.now(), "{company:?}");
        bench.world.borrow_mut().faults.clear();
        bench.run_for(Duration::hours(2));
        assert_eq!(synced(&bench), 2, "{company:?}");
    }
}

#[test]
fn what_xero_says_is_left_of_the_minute_counts_also_after_a_restart() {
    let company = Company::XeroUk;
    let bench = Bench::new(company);
    backlog(&bench, 1..3, 2);
    bench.run();
    // Another program of the same organisation uses the minute up but for two calls.
    bench.set(company, "per_minute", json!(2 + total(&requests(&bench))));
    for number in 11..15 {
        bench.tell(&order(number, number));
        bench.run();
    }
    let calls = requests(&bench);
    assert_eq!(synced(&bench), 6);
    assert!(!calls.keys().any(|key| key.ends_with("429")), "the limit is never pressed: {calls:?}");
}

#[test]
fn when_the_day_runs_out_live_orders_go_before_what_is_fetched_afterwards() {
    let company = Company::XeroUk;
    let bench = Bench::new(company);
    bench.set(company, "per_day", json!(100));
    backlog(&bench, 1..3, 2);
    bench.run();
    backlog(&bench, 11..14, 3);
    bench.sql.exec("UPDATE orders SET priority = 1 WHERE state = 'pending'", &[]).unwrap();
    bench.tell(&order(20, 1));
    bench.run_for(Duration::minutes(30));
    let waiting = bench.rows("SELECT order_id FROM orders WHERE state <> 'synced' AND priority = 1");
    assert_eq!((waiting.len(), synced(&bench)), (3, 3), "{:?}", bench.rows("SELECT * FROM orders"));
    bench.set(company, "per_day", json!(5_000));
    bench.run_for(Duration::hours(2));
    assert_eq!(synced(&bench), 6, "what waited is looked at again every hour");
}

#[test]
fn after_a_turn_that_was_cut_off_its_live_orders_still_go_before_what_is_fetched_afterwards() {
    let company = Company::QuickBooksUs;
    let bench = Bench::new(company);
    backlog(&bench, 1..4, 3);
    bench.run();
    backlog(&bench, 1001..1201, 3);
    bench.sql.exec("UPDATE orders SET priority = 1 WHERE state = 'pending'", &[]).unwrap();
    backlog(&bench, 11..16, 3);
    bench.sql.exec("UPDATE orders SET marks = 1 WHERE state = 'pending' AND priority = 0", &[]).unwrap();
    // What came since then does not put them off either.
    backlog(&bench, 16..17, 3);
    bench.clock.advance(Duration::minutes(2));
    bench.turn();
    let left = |priority: u64| {
        bench.rows(&format!("SELECT 1 FROM orders WHERE state <> 'synced' AND priority = {priority}")).len()
    };
    assert_eq!(left(0), 0, "{} of the others are left", left(1));
    assert!(left(1) > 0);
    bench.run();
    assert_eq!(synced(&bench), 209);
}
