//! Preflight looks at the shop too: its currencies, the app's scopes, and what is missing to ask.

use sandbox::shopify::PERMANENT_TOKEN;
use sandbox::{Fault, FaultKind};
use serde_json::Value;
use tillproof::ledgers::preflight::Mark;

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

#[test]
fn scopes_that_the_app_lacks_are_said_with_what_they_are_needed_for() {
    let scopes = |granted: &[&str], start_date: &str| {
        let bench = with_a_shop(Company::XeroUk, |settings| settings["start_date"] = start_date.into());
        bench.world.borrow_mut().shopify.scopes = granted.iter().map(|one| (*one).to_owned()).collect();
        let report = report(&bench);
        assert!(report.passed, "what deliveries bring is posted all the same");
        let found = report.findings.into_iter().find(|one| one.about.starts_with("scope")).unwrap();
        (found.about, found.mark)
    };
    // The bench's day is 2 November 2026.
    assert_eq!(scopes(&["read_orders", "read_all_orders"], "2026-01-01"), ("scopes".into(), Mark::Ok));
    assert_eq!(scopes(&["read_orders"], "2026-01-01"), ("scope read_all_orders".into(), Mark::Note));
    assert_eq!(scopes(&["read_orders"], "2026-10-20"), ("scopes".into(), Mark::Ok));
    assert_eq!(scopes(&["read_products"], "2026-10-20"), ("scope read_orders".into(), Mark::Note));
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
