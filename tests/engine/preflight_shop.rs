//! Preflight looks at the shop too: its currencies, the app's scopes, and what is missing to ask.

use sandbox::shopify::PERMANENT_TOKEN;
use sandbox::{Fault, FaultKind};
use serde_json::Value;
use tillproof::ledgers::preflight::{Finding, Mark};

use super::preflight::{about, bench, only_problem, report};
use crate::support::{Bench, Company};

/// A bench whose shop can be asked.
fn with_a_shop(company: Company, change: impl FnOnce(&mut Value)) -> Bench {
    let mut bench = bench(company, change);
    bench.variables.insert("SHOPIFY_ACCESS_TOKEN".into(), PERMANENT_TOKEN.into());
    bench
}

#[test]
fn without_credentials_for_the_shop_it_is_said_which_secrets_would_let_it_be_checked() {
    let report = report(&bench(Company::XeroUk, |_| {}));
    let finding = about(&report, "Shopify's Admin API");
    assert!(finding.mark == Mark::Note && report.passed, "{finding:?}");
    assert!(finding.fix.contains("SHOPIFY_CLIENT_ID") && finding.fix.contains("SHOPIFY_ACCESS_TOKEN"), "{finding:?}");
}

#[test]
fn the_shops_own_currency_is_held_against_the_ledger_before_the_first_order() {
    let bench = with_a_shop(Company::XeroUk, |_| {});
    assert_eq!(about(&report(&bench), "home currency").found, "GBP, as the shop's");
    bench.world.borrow_mut().shopify.currency = "XPF".into();
    let finding = only_problem(&report(&bench));
    assert!(finding.about == "home currency" && finding.found.contains("no documents in XPF"), "{finding:?}");
}

/// The scopes that let the app see all that orders hold.
const FETCH: [&str; 4] = ["read_orders", "read_customers", "read_products", "read_payment_terms"];

/// What is said of the scopes of an app that was granted these.
fn scopes(granted: &[&str], start_date: &str) -> Vec<(String, Mark, String)> {
    let bench = with_a_shop(Company::XeroUk, |settings| settings["start_date"] = start_date.into());
    bench.world.borrow_mut().shopify.scopes = granted.iter().map(|one| (*one).to_owned()).collect();
    let report = report(&bench);
    assert!(report.passed, "what deliveries bring is posted all the same");
    let found = report.findings.into_iter().filter(|one| one.about.starts_with("scope"));
    found.map(|one| (one.about, one.mark, format!("{}: {}", one.found, one.fix))).collect()
}

#[test]
fn every_scope_without_which_no_order_can_be_fetched_is_named_with_its_remedy() {
    for missing in FETCH {
        let granted: Vec<&str> = FETCH.into_iter().filter(|one| *one != missing).collect();
        let found = scopes(&granted, "2026-10-20");
        let [(about, Mark::Note, text)] = found.as_slice() else { panic!("{missing}: {found:?}") };
        assert_eq!(*about, format!("scope {missing}"));
        assert!(text.contains("cannot be fetched") && text.contains(&format!("Add `{missing}`")), "{text}");
    }
    assert_eq!(scopes(&[], "2026-10-20").len(), FETCH.len());
    // Whoever may write may read.
    let writes = FETCH.map(|one| one.replace("read_", "write_"));
    assert_eq!(scopes(&writes.each_ref().map(String::as_str), "2026-10-20")[0].1, Mark::Ok);
}

#[test]
fn orders_from_before_what_shopify_shows_need_a_scope_of_their_own() {
    // The bench's day is 2 November 2026.
    let mark = |granted: &[&str], start_date: &str| {
        let (about, mark, _) = scopes(granted, start_date).remove(0);
        (about, mark)
    };
    let all = [FETCH.as_slice(), &["read_all_orders"]].concat();
    assert_eq!(mark(&all, "2026-01-01"), ("scopes".into(), Mark::Ok));
    assert_eq!(mark(&FETCH, "2026-01-01"), ("scope read_all_orders".into(), Mark::Note));
    assert_eq!(mark(&FETCH, "2026-10-20"), ("scopes".into(), Mark::Ok));
}

#[test]
fn the_buyers_currencies_are_held_against_the_ledgers_where_they_are_booked() {
    let found = |side: &str, sells_in: &[&str]| {
        let bench = with_a_shop(Company::XeroUk, |settings| settings["currency"] = side.into());
        bench.world.borrow_mut().shopify.sells_in = sells_in.iter().map(|one| (*one).to_owned()).collect();
        report(&bench).findings.into_iter().find(|one| one.about == "currency").map(|one| (one.mark, one.found))
    };
    assert_eq!(found("shop", &["GBP", "JPY"]), None);
    assert_eq!(found("presentment", &["GBP"]).unwrap().0, Mark::Ok);
    let (mark, text) = found("presentment", &["GBP", "XPF"]).unwrap();
    assert!(mark == Mark::Note && text.contains("XPF too") && !text.contains("GBP"), "{text}");
}

#[test]
fn a_shop_whose_days_are_not_the_companys_is_told_which_ones_count() {
    let found = |zone: &str| {
        let bench = with_a_shop(Company::XeroUk, |_| {});
        bench.world.borrow_mut().shopify.time_zone = zone.into();
        about(&report(&bench), "time zone").clone()
    };
    assert_eq!(found("Europe/London").mark, Mark::Ok);
    assert_eq!(found("Europe/Jersey").mark, Mark::Ok, "another name for the same days");
    // In winter there is no difference.
    for zone in ["America/New_York", "Africa/Abidjan"] {
        let Finding { mark, found, fix, .. } = found(zone);
        assert!(mark == Mark::Note && found.contains("Europe/London") && found.contains(zone), "{found}");
        assert!(fix.contains("another day"), "{fix}");
    }
    let unasked = report(&bench(Company::XeroUk, |_| {}));
    assert_eq!(about(&unasked, "time zone").mark, Mark::Ok);
}

#[test]
fn check_now_asks_shopify_too_and_its_silence_is_a_finding() {
    let mut bench = with_a_shop(Company::XeroUk, |settings| settings["subscriptions"] = "api".into());
    bench.variables.insert("PUBLIC_URL".into(), "https://till.example".into());
    report(&bench);
    bench.run();
    let made = bench.world.borrow().shopify.subscriptions.len();
    assert_eq!(made, tillproof::shopify::admin::NEEDED.len(), "every subscription is there");
    bench.world.borrow_mut().shopify.subscriptions.clear();
    report(&bench);
    assert!(!bench.world.borrow().shopify.subscriptions.is_empty(), "at once, not at the end of the day");
    bench.fail(Fault::next(FaultKind::Down).on("POST", "graphql").repeated(3));
    let report = report(&bench);
    let finding = about(&report, "Shopify's Admin API");
    assert!(report.passed && finding.found.contains("was not asked"), "{finding:?}");
}

#[test]
fn a_credential_that_was_put_right_is_tried_as_soon_as_somebody_checks_again() {
    let mut bench = bench(Company::XeroUk, |_| {});
    bench.variables.insert("SHOPIFY_ACCESS_TOKEN".into(), "shpat_mistyped".into());
    assert_eq!(about(&report(&bench), "Shopify's Admin API").mark, Mark::Note);
    bench.variables.insert("SHOPIFY_ACCESS_TOKEN".into(), PERMANENT_TOKEN.into());
    assert!(report(&bench).findings.iter().all(|one| one.about != "Shopify's Admin API"), "{:?}", report(&bench));
}
