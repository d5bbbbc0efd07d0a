//! What waits for a person, and goes on by itself once the cause is gone.

use serde_json::json;
use tillproof::platform::Clock;

use crate::support::{Bench, Company, Story};
use crate::told;

#[test]
fn an_unmapped_tax_is_a_hold_that_names_it_and_goes_on_once_the_settings_are_right() {
    let mut settings = Company::XeroUk.settings();
    settings["taxes"] = json!([{"rate": "0.05", "code": "RROUTPUT"}]);
    let mut bench = Bench::with(Company::XeroUk, settings);
    let story = Story::read("simple");
    bench.tell(&story);
    bench.run();
    assert_eq!(bench.state(&story.order_id()), ("held".into(), "tax_unmapped".into()));
    let row = &bench.journal("SELECT remedy FROM needs_attention")[0];
    assert!(row["remedy"].contains("\"VAT\" at rate 0.2") && row["remedy"].contains("Add the named tax"), "{row:?}");
    assert!(bench.ledger(Company::XeroUk).is_empty());
    bench.variables.insert("CONNECTION_MAIN".into(), Company::XeroUk.settings());
    bench.turn();
    bench.run();
    assert_eq!(bench.state(&story.order_id()).0, "synced");
}

#[test]
fn broken_settings_hold_the_order_and_lose_nothing() {
    let mut settings = Company::XeroUk.settings();
    settings["number_prefix"] = json!("FAR-TOO-LONG");
    let mut bench = Bench::with(Company::XeroUk, settings);
    let story = Story::read("simple");
    bench.tell(&story);
    bench.run();
    assert_eq!(bench.state(&story.order_id()), ("held".into(), "settings_invalid".into()));
    bench.variables.insert("CONNECTION_MAIN".into(), Company::XeroUk.settings());
    bench.turn();
    bench.run();
    assert_eq!(bench.state(&story.order_id()).0, "synced");
}

#[test]
fn a_number_that_somebody_else_used_is_a_hold_and_nothing_is_overwritten() {
    for company in [Company::QuickBooksUs, Company::XeroUk] {
        let first = Bench::new(company);
        first.tell(&Story::read("simple"));
        first.run();
        // Other books, the same company: the number stands there, for another order.
        let mut other = Story::read("simple");
        for (_, body) in &mut other.deliveries {
            let order = if body.get("order_id").is_some() { "order_id" } else { "id" };
            body[order] = json!(5600000009999i64);
        }
        let second = Bench::new(company);
        second.take_over_the_ledgers_of(&first);
        second.tell(&other);
        second.run();
        assert_eq!(second.state("5600000009999"), ("held".into(), "number_taken".into()), "{company:?}");
        assert_eq!(second.ledger(company), first.ledger(company));
    }
}

#[test]
fn an_object_that_lost_its_memory_adopts_what_it_posted_before() {
    for company in [Company::QuickBooksUs, Company::XeroUk] {
        let story = Story::read("simple");
        let first = told(company, &story);
        let second = Bench::new(company);
        second.take_over_the_ledgers_of(&first);
        second.clock.advance(first.clock.now() - second.clock.now() + chrono::Duration::days(40));
        second.tell(&story);
        second.run();
        assert_eq!(second.ledger(company), first.ledger(company), "{company:?}");
        assert_eq!(second.state(&story.order_id()).0, "synced");
        assert_eq!(second.rows("SELECT state FROM writes")[0]["state"], "adopted");
    }
}

#[test]
fn a_code_of_another_rate_than_the_taxes_is_a_hold_that_names_both_rates() {
    for (company, code) in [(Company::XeroUk, "RROUTPUT"), (Company::QuickBooksUk, "21")] {
        let mut settings = company.settings();
        settings["taxes"] = json!([{"country": "GB", "code": code}, {"country": "US", "code": code}]);
        let story = Story::read("simple");
        let bench = Bench::with(company, settings);
        bench.tell(&story);
        bench.run();
        let rows = bench.rows("SELECT reason, detail FROM orders");
        assert_eq!(rows[0]["reason"], "tax_unmapped", "{company:?}: {rows:?}");
        let detail = &rows[0]["detail"];
        assert!(detail.contains("at rate 0.2 ") && detail.ends_with("is for the rate 0.05"), "{detail}");
        assert!(bench.ledger(company).is_empty());
    }
}

#[test]
fn a_code_without_conditions_takes_the_taxes_of_its_own_rate() {
    for (company, code) in [(Company::XeroUk, "OUTPUT2"), (Company::QuickBooksUk, "20")] {
        let story = Story::read("simple");
        let mut settings = company.settings();
        settings["taxes"] = json!([{"code": code}]);
        let bench = Bench::with(company, settings);
        bench.tell(&story);
        bench.run();
        assert_eq!(bench.ledger(company), told(company, &story).ledger(company));
    }
}
