//! What follows from a preflight: when a company is read, what a failure stops, and how it goes on.

use chrono::Duration;
use futures_util::FutureExt;
use sandbox::{Fault, FaultKind};
use serde_json::json;

use super::preflight::{bench, only_problem, report};
use crate::support::{Bench, Company, SandboxHttp, Story};

#[test]
fn a_connection_that_fails_posts_nothing_holds_under_one_reason_and_goes_on_by_itself() {
    for company in [Company::QuickBooksUs, Company::XeroUk] {
        let (take, key) = match company {
            Company::XeroUk => ("archive_account", json!("200")),
            _ => ("deactivate_account", json!("91")),
        };
        let bench = bench(company, |_| {});
        bench.set_up(take, &key);
        assert!(!report(&bench).passed);
        for name in ["simple", "free_shipping", "zero_total"] {
            bench.tell(&Story::read(name));
        }
        bench.run();
        assert!(bench.ledger(company).is_empty(), "{company:?}");
        let held = bench.rows("SELECT detail FROM orders WHERE state = 'held' AND reason = 'preflight_failed'");
        assert!(held.len() == 2 && held[0]["detail"].contains("inactive or archived"), "{company:?}: {held:?}");
        let ignored = bench.rows("SELECT reason FROM orders WHERE state = 'ignored'");
        assert_eq!(ignored.len(), 1, "what needs nothing of the ledger is no prisoner");
        let open = |resolved: &str| {
            let statement =
                format!("SELECT message FROM alerts WHERE kind = 'preflight_failed' AND resolved_at {resolved}");
            bench.journal(&statement).len()
        };
        assert_eq!(open("IS NULL"), 1, "said once");
        bench.set_up("activate_account", &key);
        bench.clock.advance(Duration::minutes(5));
        bench.poke();
        assert!(bench.ledger(company).is_empty(), "it is looked at every quarter of an hour");
        bench.clock.advance(Duration::minutes(10));
        bench.poke();
        bench.run();
        assert_eq!(bench.ledger(company).len(), 4, "{company:?}: {:?}", bench.rows("SELECT * FROM orders"));
        assert_eq!((open("IS NULL"), open("IS NOT NULL")), (0, 1));
    }
}

#[test]
fn settings_that_change_are_held_against_the_ledger_before_anything_is_posted_with_them() {
    let company = Company::XeroUk;
    let mut bench = bench(company, |_| {});
    bench.tell(&Story::read("simple"));
    bench.run();
    let change = |bench: &mut Bench, code: &str| {
        let mut settings = company.settings();
        settings["lines"]["shipping"] = json!(code);
        bench.variables.insert("CONNECTION_MAIN".into(), settings);
    };
    change(&mut bench, "2O1");
    bench.tell(&Story::read("free_shipping"));
    bench.run();
    assert_eq!(bench.ledger(company).len(), 2);
    assert_eq!(bench.rows("SELECT * FROM orders WHERE reason = 'preflight_failed'").len(), 1);
    change(&mut bench, "201");
    bench.poke();
    bench.run();
    assert_eq!(bench.ledger(company).len(), 4, "{:?}", bench.rows("SELECT * FROM orders"));
}

#[test]
fn a_company_that_cannot_be_read_is_asked_again_and_nothing_is_lost() {
    for company in Company::ALL {
        for kind in
            [FaultKind::Down, FaultKind::LostReply, FaultKind::TokenExpired, FaultKind::RateLimited { retry_after: 5 }]
        {
            let bench = bench(company, |_| {});
            // As if nobody had looked yet.
            bench.forget("checked:main");
            bench.fail(Fault::next(kind).on("GET", "").repeated(2));
            bench.tell(&Story::read("simple"));
            bench.run();
            assert_eq!(bench.ledger(company).len(), 2, "{company:?} {kind:?}");
        }
    }
}

#[test]
fn a_company_is_looked_at_daily_and_its_failure_to_answer_stops_nobody_who_passed() {
    let company = Company::XeroUk;
    let bench = bench(company, |_| {});
    bench.clock.advance(Duration::hours(30));
    bench.fail(Fault::next(FaultKind::Error500).on("GET", "Organisation"));
    bench.tell(&Story::read("simple"));
    bench.run();
    assert_eq!(bench.ledger(company).len(), 2);
    bench.set_up("archive_account", &json!("201"));
    bench.clock.advance(Duration::hours(30));
    bench.tell(&Story::read("free_shipping"));
    bench.run();
    assert_eq!(bench.rows("SELECT * FROM orders WHERE reason = 'preflight_failed'").len(), 1, "noticed the next day");
}

#[test]
fn each_of_several_shops_in_the_same_books_is_checked_and_one_that_fails_stops_no_other() {
    let company = Company::XeroUk;
    let mut bench = bench(company, |_| {});
    let mut other = company.settings();
    other["shop"] = json!("second.myshopify.com");
    other["number_prefix"] = json!("T-");
    other["lines"]["sales"] = json!("2OO");
    bench.variables.insert("CONNECTION_SECOND".into(), other);
    // The first was looked at long ago, and cannot be looked at now.
    bench.clock.advance(Duration::hours(30));
    bench.fail(Fault::next(FaultKind::Error500).on("GET", "Organisation"));
    bench.tell(&Story::read("simple"));
    bench.run();
    assert_eq!(bench.ledger(company).len(), 2, "{:?}", bench.rows("SELECT * FROM orders"));
    let http = SandboxHttp(&bench);
    let second = bench.books(&http).preflight("second").now_or_never().unwrap().unwrap().unwrap();
    assert_eq!(only_problem(&second).about, "lines.sales");
    bench.tell(&Story::read("free_shipping"));
    bench.run();
    assert_eq!(bench.ledger(company).len(), 4, "{:?}", bench.rows("SELECT * FROM orders"));
}

#[test]
fn a_period_that_was_closed_since_the_company_was_read_moves_documents_and_holds_nobody() {
    for company in Company::ALL {
        let bench = bench(company, |settings| settings["closed_period"] = json!("first_open_day"));
        bench.clock.advance(Duration::hours(3));
        bench.set_up("lock_date", &json!("2026-11-15"));
        bench.tell(&Story::read("simple"));
        bench.run();
        let dates = bench.journal("SELECT after FROM adjustments WHERE rule = 'closed_period' ORDER BY document_key");
        assert!(dates.len() == 2 && dates.iter().all(|one| one["after"] == "2026-11-16"), "{company:?}: {dates:?}");
        assert!(bench.rows("SELECT * FROM orders WHERE state <> 'synced'").is_empty(), "{company:?}");
        assert!(bench.rows("SELECT * FROM obstacles").is_empty());
    }
}

#[test]
fn a_period_that_is_closed_although_the_ledger_says_otherwise_is_a_hold_and_no_hot_loop() {
    let bench = bench(Company::XeroUk, |settings| settings["closed_period"] = json!("first_open_day"));
    bench.clock.advance(Duration::hours(3));
    bench.set_up("lock_date", &json!("2026-11-15"));
    // The company cannot be read just now.
    let survey = Some("/Organisation".to_owned());
    bench.fail(Fault { path_contains: survey, ..Fault::next(FaultKind::Down).repeated(1_000) });
    let calls = || bench.journal("SELECT COUNT(*) AS n FROM attempts")[0]["n"].parse::<u32>().unwrap();
    bench.tell(&Story::read("simple"));
    for _ in 0..3 {
        bench.run_for(Duration::minutes(10));
    }
    let asked = calls();
    assert!(asked < 20, "{asked} calls");
    let order = bench.rows("SELECT * FROM orders").remove(0);
    assert_eq!(order["reason"], "period_closed", "{order:?}");
}
