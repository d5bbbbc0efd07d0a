//! Preflight: settings held against the ledger company as it is set up, natively, against the stand-ins.

use super::connect::ledger;
use crate::support::{Bench, Company, SandboxHttp, Story};
use chrono::Duration;
use futures_util::FutureExt;
use serde_json::{Value, json};
use tillproof::ledgers::preflight::{Finding, Mark};
use tillproof::posting::Report;

/// A company, its settings changed.
pub fn bench(company: Company, change: impl FnOnce(&mut Value)) -> Bench {
    let mut settings = company.settings();
    change(&mut settings);
    Bench::with(company, settings)
}

/// The company is read anew. Twice within a second would be more than QuickBooks answers.
pub fn report(bench: &Bench) -> Report {
    bench.clock.advance(Duration::seconds(2));
    let http = SandboxHttp(bench);
    bench.books(&http).preflight("main").now_or_never().unwrap().unwrap().expect("settings that can be read")
}

pub fn about<'a>(report: &'a Report, about: &str) -> &'a Finding {
    let found = report.findings.iter().find(|finding| finding.about == about);
    found.unwrap_or_else(|| panic!("nothing about {about}: {:#?}", report.findings))
}

/// The one problem there is; it says how to fix it.
fn problem(company: Company, change: impl FnOnce(&mut Value)) -> Finding {
    only_problem(&report(&bench(company, change)))
}

pub fn only_problem(report: &Report) -> Finding {
    let problems: Vec<&Finding> = report.findings.iter().filter(|one| one.mark == Mark::Problem).collect();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert!(!problems[0].fix.is_empty() && !report.passed);
    problems[0].clone()
}

const ALL: [Company; 5] =
    [Company::QuickBooksUs, Company::QuickBooksUk, Company::XeroUk, Company::XeroAu, Company::XeroUs];

#[test]
fn a_healthy_company_passes_and_its_time_zone_and_currency_are_kept() {
    let zones = ["America/Los_Angeles", "Europe/London", "Europe/London", "Australia/Sydney", "America/Los_Angeles"];
    for (company, zone) in ALL.into_iter().zip(zones) {
        let bench = bench(company, |_| {});
        let report = report(&bench);
        assert!(report.passed, "{company:?}: {:#?}", report.findings);
        assert_eq!(report.facts.time_zone.as_deref(), Some(zone), "{company:?}");
        assert!(report.facts.home_currency.is_some() && report.company.starts_with("Tillproof Outfitters"));
        assert!(report.findings.iter().any(|one| one.about == "lines.sales" && one.found.contains("Sales")));
        assert!(!report.choices.lines.is_empty() && !report.choices.payments.is_empty());
        let facts = bench.rows("SELECT value FROM meta WHERE key = 'company_facts'");
        assert!(facts[0]["value"].contains(zone), "{facts:?}");
        if Company::ALL.contains(&company) {
            bench.tell(&Story::read("simple"));
            bench.run();
            assert_eq!(bench.ledger(company).len(), 2, "{company:?}: {:?}", bench.rows("SELECT * FROM orders"));
        }
    }
}

#[test]
fn names_serve_as_well_as_ids_and_are_looked_up_once() {
    let by_name = bench(Company::XeroUk, |settings| {
        settings["lines"]["sales"] = json!("sales");
        settings["lines"]["shipping"] = json!("Shipping");
        settings["payments"]["default"] = json!("Shopify Payments clearing");
        settings["no_tax"] = json!("No VAT");
        settings["taxes"] = json!([{"rate": "0.2", "code": "20% (VAT on Income)"}]);
    });
    let by_code = bench(Company::XeroUk, |_| {});
    let names = bench(Company::QuickBooksUk, |settings| {
        settings["lines"]["sales"] = json!("Sales");
        settings["payments"]["default"] = json!("Shopify Payments clearing");
        settings["no_tax"] = json!("No VAT");
        settings["taxes"] = json!([{"rate": "0.2", "code": "20.0% S"}, {"rate": "0.05", "code": "5.0% R"}]);
    });
    let ids = bench(Company::QuickBooksUk, |_| {});
    for (company, named, plain) in [(Company::XeroUk, by_name, by_code), (Company::QuickBooksUk, names, ids)] {
        assert!(report(&named).passed, "{:#?}", report(&named).findings);
        let before = named.world.borrow().request_count();
        for bench in [&named, &plain] {
            bench.tell(&Story::read("simple"));
            bench.run();
        }
        assert_eq!(named.ledger(company), plain.ledger(company));
        let asked = named.world.borrow().requests_since(before);
        let is_look_up = |one: &&Value| ["Accounts", "from%20Item"].iter().any(|word| one.to_string().contains(word));
        let looked = asked.iter().filter(is_look_up).count();
        assert_eq!(looked, 0, "no name is looked up a second time");
    }
}

#[test]
fn names_hold_from_the_very_first_order_on() {
    let named = bench(Company::XeroUk, |settings| {
        settings["lines"]["sales"] = json!("sales");
        settings["taxes"] = json!([{"rate": "0.2", "code": "20% (VAT on Income)"}]);
    });
    let plain = bench(Company::XeroUk, |_| {});
    for bench in [&named, &plain] {
        bench.forget("checked:main");
        bench.tell(&Story::read("simple"));
        bench.run();
    }
    assert_eq!(named.ledger(Company::XeroUk), plain.ledger(Company::XeroUk));
    assert!(named.journal("SELECT * FROM alerts").is_empty(), "{:?}", named.journal("SELECT * FROM alerts"));
}

#[test]
fn every_name_that_the_ledger_does_not_have_is_a_problem_that_says_what_to_do() {
    let found = problem(Company::XeroUk, |settings| settings["lines"]["sales"] = json!("2OO"));
    assert_eq!((found.about.as_str(), found.found.as_str()), ("lines.sales", "Xero has no account \"2OO\""));
    let found = problem(Company::QuickBooksUs, |settings| settings["lines"]["tips"] = json!("Tip jar"));
    assert_eq!(found.found, "QuickBooks has no item \"Tip jar\"");
    let found = problem(Company::QuickBooksUs, |settings| settings["payments"]["cash"] = json!("4711"));
    assert_eq!((found.about.as_str(), found.found.as_str()), ("payments.cash", "QuickBooks has no account \"4711\""));
    let found = problem(Company::XeroUk, |settings| settings["no_tax"] = json!("NOTHING"));
    assert_eq!((found.about.as_str(), found.found.as_str()), ("no_tax", "Xero has no tax code \"NOTHING\""));
    let found = problem(Company::XeroUk, |settings| settings["lines"]["fees"] = json!("205"));
    assert!(found.found.contains("inactive or archived"), "{found:?}");
}

#[test]
fn accounts_that_cannot_do_what_they_are_named_for_are_problems() {
    let found = problem(Company::XeroUk, |settings| settings["lines"]["fees"] = json!("090"));
    assert!(found.found.contains("cannot stand on an invoice's line"), "{found:?}");
    let found = problem(Company::XeroUk, |settings| settings["payments"]["cash"] = json!("200"));
    assert!(found.found.contains("takes no payments") && found.fix.contains("Enable payments"), "{found:?}");
    let found = problem(Company::QuickBooksUs, |settings| settings["payments"]["cash"] = json!("84"));
    assert!(
        found.found.contains("takes no payments") && found.fix.contains("Bank or Other Current Asset"),
        "{found:?}"
    );
    let found = problem(Company::QuickBooksUs, |settings| settings["payments"]["default:EUR"] = json!("96"));
    assert!(found.found.contains("is in GBP"), "{found:?}");
    let found = problem(Company::QuickBooksUs, |settings| settings["payments"]["cash"] = json!("94"));
    assert!(found.found.contains("can receive nothing else") && found.fix.contains("\"cash:EUR\""), "{found:?}");
    let found = problem(Company::XeroUk, |settings| settings["payments"]["default:SEK"] = json!("090"));
    assert!(found.found.contains("no currency SEK"), "{found:?}");
}

#[test]
fn gift_cards_that_never_clear_are_a_problem() {
    let found = problem(Company::QuickBooksUs, |settings| settings["payments"]["gift_card"] = json!("92"));
    assert!(found.found.contains("neither ever clears"), "{found:?}");
    let found = problem(Company::XeroUk, |settings| settings["lines"]["gift_cards"] = json!("826"));
    assert!(found.found.contains("neither ever clears"), "{found:?}");
}

#[test]
fn a_tax_of_another_rate_than_its_code_is_a_problem() {
    let found = problem(Company::XeroUk, |settings| settings["taxes"][1]["code"] = json!("OUTPUT2"));
    assert_eq!(found.found, "5 % is mapped to \"20% (VAT on Income)\", which is 20 % in Xero");
    let found = problem(Company::QuickBooksUk, |settings| settings["no_tax"] = json!("20"));
    assert_eq!(found.about, "no_tax");
    let found = problem(Company::XeroUk, |settings| settings["taxes"][1]["code"] = json!("INPUT2"));
    assert!(found.about.starts_with("taxes[1]") && found.found.contains("not for sales"), "{found:?}");
}

#[test]
fn the_way_tax_is_told_has_to_be_the_companys() {
    let american = report(&bench(Company::QuickBooksUs, |settings| settings["no_tax"] = json!("2")));
    assert!(american.findings.iter().any(|one| one.mark == Mark::Problem && one.found.contains("United States")));
    let found = problem(Company::QuickBooksUk, |settings| {
        settings.as_object_mut().unwrap().remove("no_tax");
        settings["taxes"] = json!([]);
    });
    assert!(found.about == "no_tax" && found.found.contains("is missing"), "{found:?}");
    let bench = bench(Company::QuickBooksUs, |_| {});
    bench.set_up("using_sales_tax", &json!(false));
    assert!(only_problem(&report(&bench)).found.contains("not set up"));
    let manual = self::bench(Company::QuickBooksUs, |_| {});
    manual.set_up("manual_sales_tax", &json!(true));
    assert_eq!(only_problem(&report(&manual)).about, "sales_tax_code");
}

#[test]
fn numbering_plan_and_currencies_of_the_company_are_looked_at() {
    let company = Company::QuickBooksUs;
    let bench_us = bench(company, |_| {});
    bench_us.set_up("custom_txn_numbers", &json!(false));
    assert_eq!(only_problem(&report(&bench_us)).about, "custom transaction numbers");
    let company = Company::XeroUk;
    let bench_uk = bench(company, |_| {});
    bench_uk.set_up("can_approve", &json!(false));
    assert!(only_problem(&report(&bench_uk)).found.contains("may not approve invoices"));
    for company in [Company::QuickBooksUs, Company::XeroUk] {
        let presentment = bench(company, |settings| settings["currency"] = json!("presentment"));
        assert!(report(&presentment).passed, "{company:?}");
        presentment.set_up("multicurrency", &json!(false));
        assert_eq!(only_problem(&report(&presentment)).about, "currency", "{company:?}");
    }
}

#[test]
fn a_home_currency_that_is_not_the_shops_is_said_and_its_rates_are_not_used() {
    let company = Company::XeroAu;
    let foreign = bench(company, |settings| settings["exchange_rate"] = json!("shop"));
    assert_eq!(about(&report(&foreign), "home currency").mark, Mark::Note, "nothing is known of the shop yet");
    foreign.tell(&Story::read("simple"));
    let found = only_problem(&report(&foreign));
    assert!(found.about == "exchange_rate" && found.fix.contains("\"ledger\""), "{found:?}");
    let plain = bench(company, |_| {});
    plain.tell(&Story::read("simple"));
    assert!(report(&plain).passed);
    plain.set_up("multicurrency", &json!(false));
    assert_eq!(only_problem(&report(&plain)).about, "home currency");
}

#[test]
fn a_closed_period_is_said_and_stops_nobody() {
    for company in Company::ALL {
        let bench = bench(company, |_| {});
        assert_eq!(about(&report(&bench), "closed period").mark, Mark::Ok);
        bench.set_up("lock_date", &json!("2026-09-30"));
        let report = report(&bench);
        let found = about(&report, "closed period");
        assert!(report.passed && found.mark == Mark::Note && found.found.contains("2026-09-30"), "{found:?}");
    }
}

#[test]
fn numbers_that_somebody_elses_documents_have_are_a_problem_before_the_first_document_and_a_note_later() {
    for company in Company::ALL {
        let first = bench(company, |_| {});
        first.tell(&Story::read("simple"));
        first.run();
        let taken = about(&report(&first), "number_prefix").clone();
        assert_eq!(taken.mark, Mark::Ok, "{company:?}: our own documents are no obstacle: {taken:?}");
        // The object is lost; what it posted names the orders.
        let second = bench(company, |_| {});
        second.take_over_the_ledgers_of(&first);
        let earlier = report(&second);
        let found = about(&earlier, "number_prefix");
        assert!(earlier.passed && found.mark == Mark::Note && found.found.contains("S-"), "{company:?}: {found:?}");
        // Somebody else's: it names no order.
        second.set_up("plant_invoice", &json!("S-0815"));
        let found = only_problem(&report(&second));
        assert!(found.about == "number_prefix" && found.found.contains("S-0815"), "{company:?}: {found:?}");
        first.set_up("plant_invoice", &json!("S-0815"));
        assert_eq!(about(&report(&first), "number_prefix").mark, Mark::Note, "{company:?}: it goes on");
        let other = bench(company, |settings| settings["number_prefix"] = json!("T-"));
        other.take_over_the_ledgers_of(&first);
        assert_eq!(about(&report(&other), "number_prefix").mark, Mark::Ok, "{company:?}");
    }
}

/// Somebody else's document, named by QuickBooks' word for its kind.
fn plant(bench: &Bench, kind: &str, number: &str, note: &str) {
    let sale = json!({ "kind": kind, "number": number, "total": "10", "note": note, "reference": note });
    bench.set_up("plant_sale", &sale);
}

#[test]
fn numbers_of_credit_notes_and_refund_receipts_are_taken_too() {
    for company in Company::ALL {
        let kinds: &[&str] = if ledger(company) == "xero" { &["CreditMemo"] } else { &["CreditMemo", "RefundReceipt"] };
        for kind in kinds {
            let bench = bench(company, |_| {});
            plant(&bench, kind, "S-0815-R1", "by hand");
            let found = only_problem(&report(&bench));
            assert!(found.about == "number_prefix" && found.found.contains("S-0815-R1"), "{company:?}: {found:?}");
        }
        let own = bench(company, |_| {});
        own.tell(&Story::read("partial_refund"));
        own.run();
        let found = about(&report(&own), "number_prefix").clone();
        assert_eq!(found.mark, Mark::Ok, "{company:?}: our own are no obstacle: {found:?}");
    }
}

#[test]
fn where_more_numbers_begin_as_ours_do_than_were_looked_through_it_is_said() {
    let said = "of the invoices only the first 100 were looked through";
    for company in Company::ALL {
        let earlier = bench(company, |_| {});
        (0..100).for_each(|at| plant(&earlier, "Invoice", &format!("S-{at}"), &format!("Shopify order {at} (#{at})")));
        let found = about(&report(&earlier), "number_prefix").clone();
        assert!(found.mark == Mark::Note && found.found.contains("earlier connection"), "{company:?}: {found:?}");
        assert!(found.found.contains(said), "{company:?}: {found:?}");
    }
    // Xero finds the prefix anywhere in a number.
    let first = bench(Company::XeroUk, |_| {});
    first.tell(&Story::read("simple"));
    first.run();
    (0..100).for_each(|at| plant(&first, "Invoice", &format!("X-S-{at}"), "by hand"));
    let found = about(&report(&first), "number_prefix").clone();
    assert!(found.mark == Mark::Ok && found.found.contains(said), "after the first document: {found:?}");
    let second = bench(Company::XeroUk, |_| {});
    (0..100).for_each(|at| plant(&second, "Invoice", &format!("X-S-{at}"), "by hand"));
    let found = about(&report(&second), "number_prefix").clone();
    assert!(found.mark == Mark::Note && found.found.contains(said) && found.fix.contains("prefix"), "{found:?}");
}

#[test]
fn in_australia_goods_without_gst_need_a_code_that_the_activity_statement_counts() {
    let without = json!([{"rate": "0.1", "code": "OUTPUT"}]);
    let found = report(&bench(Company::XeroAu, |settings| settings["taxes"] = without));
    let finding = about(&found, "taxes");
    assert!(found.passed && finding.mark == Mark::Note, "{finding:?}");
    assert!(finding.fix.contains(r#"{ untaxed = true, code = "EXEMPTOUTPUT" }"#), "{finding:?}");
    let own = report(&bench(Company::XeroAu, |_| {}));
    assert!(own.findings.iter().all(|one| one.about != "taxes"), "{:#?}", own.findings);
    for (code, said) in [("OUTPUT", "0 % is mapped to \"GST on Income\""), ("GSTFREE", "no tax code \"GSTFREE\"")] {
        let taxed = json!([{"rate": "0.1", "code": "OUTPUT"}, {"untaxed": true, "code": code}]);
        let problem = problem(Company::XeroAu, |settings| settings["taxes"] = taxed);
        assert!(problem.found.contains(said), "{problem:?}");
    }
}
