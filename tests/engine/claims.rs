//! One company is held by one set of books: whoever was there first, as long as the settings know them.

use serde_json::{Value, json};
use tillproof::posting::{Consented, Declined, Standing};

use super::connect::{confirm, connect, consent, finish, run_for_a_while, standing, unconnected};
use crate::support::{Bench, Company, Story};

/// Another shop's connection with books of its own, and no company in its settings.
fn second(company: Company) -> Value {
    let mut settings = company.settings();
    settings.as_object_mut().unwrap().remove("company");
    settings["books"] = json!("second");
    settings["shop"] = json!("second.myshopify.com");
    settings
}

/// The objects of two sets of books in one Worker. Nobody connected either of them.
fn two(company: Company) -> [Bench; 2] {
    let [mut one, mut other] = [unconnected(company), unconnected(company)];
    one.variables.insert("CONNECTION_SECOND".into(), second(company));
    other.variables.clone_from(&one.variables);
    (other.id, other.companies) = ("second", one.companies.clone());
    [one, other]
}

/// The same, but the second books take their company from the settings and need no confirmation.
fn two_of_which_one_by_its_settings(company: Company) -> [Bench; 2] {
    let [one, mut other] = two(company);
    let mut settings = second(company);
    settings["company"] = json!(company.id());
    other.variables.insert("CONNECTION_SECOND".into(), settings);
    for ledger in ["QUICKBOOKS", "XERO"] {
        other.variables.insert(format!("{ledger}_REFRESH_TOKEN"), format!("refresh-{}", company.id()).into());
    }
    [one, other]
}

#[test]
fn a_company_that_other_books_hold_is_refused_at_its_confirmation_by_their_name() {
    for company in Company::ALL {
        let [one, mut other] = two(company);
        connect(&one, company);
        let callback = consent(&other, company, &[company.id()]);
        assert!(matches!(finish(&other, &callback).unwrap(), Consented::Unconfirmed(_)));
        let Err(Declined::Refused(why)) = confirm(&other, company.id()) else { panic!("{company:?}") };
        assert!(why.contains("the books `main` hold this company already"), "{why}");
        other.tell(&Story::read("simple"));
        run_for_a_while(&other);
        assert_eq!((standing(&other), other.ledger(company).len()), (Standing::Unconfirmed, 0), "{company:?}");
        // The first books are gone from the settings: nobody holds it.
        other.variables.remove("CONNECTION_MAIN");
        confirm(&other, company.id()).unwrap();
        other.run();
        assert_eq!(other.ledger(company).len(), 2, "{company:?}");
    }
}

#[test]
fn books_that_take_their_company_from_the_settings_write_nothing_while_others_hold_it() {
    let company = Company::XeroUk;
    let [one, mut other] = two_of_which_one_by_its_settings(company);
    connect(&one, company);
    other.tell(&Story::read("simple"));
    run_for_a_while(&other);
    assert!(other.ledger(company).is_empty());
    let held = other.rows("SELECT reason, detail FROM orders");
    assert_eq!(held[0]["reason"], "preflight_failed");
    assert!(held[0]["detail"].contains("the books `main` hold this company already"), "{held:?}");
    other.variables.remove("CONNECTION_MAIN");
    other.clock.advance(chrono::Duration::minutes(20));
    other.poke();
    other.run();
    assert_eq!(other.ledger(company).len(), 2, "it goes on by itself");
}

#[test]
fn the_first_books_to_write_hold_a_company_that_the_settings_name_too() {
    let company = Company::QuickBooksUs;
    let [one, other] = two_of_which_one_by_its_settings(company);
    other.tell(&Story::read("simple"));
    other.run();
    assert_eq!(other.ledger(company).len(), 2);
    // The one Worker's settings are read by both objects, but here the first one's are older: they name no company.
    let callback = consent(&one, company, &[company.id()]);
    finish(&one, &callback).unwrap();
    let Err(Declined::Refused(why)) = confirm(&one, company.id()) else { panic!() };
    assert!(why.contains("`second`"), "{why}");
}

#[test]
fn nothing_is_confirmed_or_posted_while_it_cannot_be_asked_who_holds_a_company() {
    let company = Company::XeroUk;
    let bench = unconnected(company);
    bench.companies.away.set(true);
    let callback = consent(&bench, company, &[company.id()]);
    finish(&bench, &callback).unwrap();
    assert!(matches!(confirm(&bench, company.id()), Err(Declined::Later(_))));
    assert_eq!(standing(&bench), Standing::Unconfirmed);
    bench.companies.away.set(false);
    confirm(&bench, company.id()).unwrap();
    assert_eq!(standing(&bench), Standing::Connected);

    let bench = Bench::new(company);
    bench.forget("claim");
    bench.companies.away.set(true);
    bench.tell(&Story::read("simple"));
    run_for_a_while(&bench);
    let states = bench.rows("SELECT state FROM orders");
    assert_eq!((bench.ledger(company).len(), states[0]["state"].as_str()), (0, "pending"), "it waits, and is not held");
    bench.companies.away.set(false);
    bench.run();
    assert_eq!(bench.ledger(company).len(), 2);
}

#[test]
fn a_company_that_is_held_is_not_asked_for_at_every_turn() {
    let company = Company::XeroUk;
    let bench = unconnected(company);
    connect(&bench, company);
    bench.tell(&Story::read("simple"));
    bench.run();
    let asked = bench.companies.asked.get();
    for name in ["free_shipping", "order_discount_uneven", "net_terms"] {
        bench.tell(&Story::read(name));
        bench.run();
    }
    assert_eq!(bench.companies.asked.get(), asked);
    bench.clock.advance(chrono::Duration::hours(25));
    bench.tell(&Story::read("duties_and_fees"));
    bench.run();
    assert_eq!(bench.companies.asked.get(), asked + 1, "with the daily look at the company");
}

#[test]
fn several_connections_of_one_label_are_one_set_of_books() {
    let company = Company::XeroUk;
    let mut bench = unconnected(company);
    let mut settings = second(company);
    (settings["books"], settings["number_prefix"]) = (json!("main"), json!("T-"));
    bench.variables.insert("CONNECTION_SECOND".into(), settings);
    connect(&bench, company);
    bench.tell(&Story::read("simple"));
    bench.run();
    assert_eq!(bench.ledger(company).len(), 2);
}

#[test]
fn books_that_lost_a_company_while_the_settings_did_not_know_them_do_not_post_there_when_they_are_back() {
    let company = Company::XeroUk;
    let [mut one, mut other] = two_of_which_one_by_its_settings(company);
    other.variables.get_mut("CONNECTION_SECOND").unwrap()["shop"] = json!("second.myshopify.com");
    connect(&one, company);
    one.tell(&Story::read("simple"));
    one.run();
    assert_eq!(one.ledger(company).len(), 2);
    // The first books are taken out of the settings, the second ones come in their place, and it is all put back.
    let before = one.variables.clone();
    other.variables.remove("CONNECTION_MAIN");
    other.tell(&Story::read("simple"));
    other.run();
    assert_eq!(other.ledger(company).len(), 2);
    one.variables = before;
    one.tell(&Story::read("free_shipping"));
    run_for_a_while(&one);
    let held = one.rows("SELECT detail FROM orders WHERE reason = 'preflight_failed'");
    assert_eq!((held.len(), one.ledger(company).len()), (1, 2), "{held:?}");
    assert!(held[0]["detail"].contains("the books `second` hold this company already"), "{held:?}");
}
