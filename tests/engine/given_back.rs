//! What is not used is given back: consents that are refused, consents that nobody confirms, and what an admin lets go of.

use std::cell::Cell;

use chrono::Duration;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use sandbox::{Fault, FaultKind, presets};
use serde_json::{Value, json};
use tillproof::platform::cipher::TokenCipher;
use tillproof::platform::native::SeededRandom;
use tillproof::platform::{Clock, Http, HttpError, Request, Response};
use tillproof::posting::{Consented, Declined, Standing};

use super::connect::{
    Meanwhile, begin, confirm, connect, consent, finish, ledger, run_for_a_while, standing, unconnected,
};
use super::shopify::alerts;
use crate::support::{Bench, Company, SandboxHttp, Story};

/// How often the ledger was told since then that consents are given back: by revoking one, by deleting a connection.
fn told(bench: &Bench, since: u64) -> (usize, usize) {
    let asked = bench.world.borrow().requests_since(since);
    let count = |word: &str| asked.iter().filter(|one| one.to_string().contains(word)).count();
    (count("revo"), count("\"DELETE\""))
}

/// How each ledger is told.
fn once(company: Company) -> (usize, usize) {
    // Revoking at Xero would cut off the same user's other organisations.
    if company == Company::XeroUk { (0, 1) } else { (1, 0) }
}

fn refusal(bench: &Bench, company: Company, companies: &[&str]) -> (String, (usize, usize)) {
    let callback = consent(bench, company, companies);
    let before = bench.world.borrow().request_count();
    match finish(bench, &callback) {
        Err(Declined::Refused(why)) => (why, told(bench, before)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_consent_for_another_company_is_given_back_and_the_one_that_stands_goes_on() {
    for (company, other) in [(Company::QuickBooksUs, presets::QUICKBOOKS_UK), (Company::XeroUk, presets::XERO_AU)] {
        let bench = unconnected(company);
        connect(&bench, company);
        let (why, told) = refusal(&bench, company, &[other]);
        assert_eq!(told, once(company), "{company:?}");
        assert!(!why.contains("could not be told"), "{why}");
        // What keeps the ledger from being told is said, and hurts nobody.
        bench.fail(Fault::next(FaultKind::Down).on("POST", "revoke"));
        bench.fail(Fault::next(FaultKind::Down).on("DELETE", "connections"));
        let (why, _) = refusal(&bench, company, &[other]);
        assert!(why.contains("could not be told") && why.contains("remove the app"), "{why}");
        bench.tell(&Story::read("simple"));
        bench.run();
        assert_eq!(bench.ledger(company).len(), 2, "{company:?}");
    }
}

#[test]
fn a_consent_for_a_company_that_other_books_hold_is_given_back_unless_they_use_the_same_app() {
    let company = Company::XeroUk;
    for same_app in [true, false] {
        let mut bench = unconnected(company);
        let mut other = company.settings();
        (other["books"], other["shop"]) = (json!("second"), json!("second.myshopify.com"));
        bench.variables.insert("CONNECTION_SECOND".into(), other);
        if !same_app {
            bench.variables.insert("XERO_CLIENT_ID_SECOND".into(), "another-app".into());
        }
        let (why, told) = refusal(&bench, company, &[company.id()]);
        assert!(why.contains("the books `second` hold this company"), "{why}");
        // The app's connection to the company is theirs: giving it back would cut them off.
        assert_eq!(told, if same_app { (0, 0) } else { once(company) });
    }
}

#[test]
fn a_company_that_other_books_hold_is_not_cut_off_by_a_consent_that_was_meant_for_it() {
    for (company, other) in [(Company::QuickBooksUs, Company::QuickBooksUk), (Company::XeroUk, Company::XeroAu)] {
        let mut bench = unconnected(company);
        connect(&bench, company);
        // Other books belong to that company, by the word of an admin only.
        let mut settings = other.settings();
        settings.as_object_mut().unwrap().remove("company");
        (settings["books"], settings["shop"]) = (json!("second"), json!("second.myshopify.com"));
        bench.variables.insert("CONNECTION_SECOND".into(), settings);
        let mut second = unconnected(other);
        second.variables.clone_from(&bench.variables);
        (second.id, second.companies) = ("second", bench.companies.clone());
        connect(&second, other);
        let (why, told) = refusal(&bench, company, &[other.id()]);
        assert!(why.contains("was given for"), "{why}");
        assert_eq!(told, (0, 0), "{company:?}");
    }
}

fn waiting(bench: &Bench) -> usize {
    bench.rows("SELECT 1 AS n FROM meta WHERE key = 'unconfirmed'").len()
}

#[test]
fn a_consent_that_nobody_confirms_is_given_back_after_a_day_and_the_admin_hears_of_it() {
    for company in Company::ALL {
        for reachable in [true, false] {
            let bench = unconnected(company);
            let callback = consent(&bench, company, &[company.id()]);
            assert!(matches!(finish(&bench, &callback).unwrap(), Consented::Unconfirmed(_)));
            bench.clock.advance(Duration::hours(23));
            bench.poke();
            assert_eq!((standing(&bench), waiting(&bench)), (Standing::Unconfirmed, 1));
            if !reachable {
                bench.fail(Fault::next(FaultKind::Down).repeated(10));
            }
            let before = bench.world.borrow().request_count();
            bench.clock.advance(Duration::hours(2));
            bench.poke();
            assert!(!reachable || told(&bench, before) == once(company), "{company:?}: {:?}", told(&bench, before));
            assert_eq!((standing(&bench), waiting(&bench)), (Standing::NotConnected, 0));
            run_for_a_while(&bench);
            bench.turn();
            assert_eq!(alerts(&bench, true), ["consent_unconfirmed"], "{company:?}");
            let said = &bench.journal("SELECT message FROM alerts")[0]["message"];
            assert!(said.contains(presets::company_name(company.id())) && said.contains("/connect"), "{said}");
            bench.world.borrow_mut().faults.clear();
            connect(&bench, company);
            bench.turn();
            assert!(alerts(&bench, true).is_empty(), "{company:?}");
        }
    }
}

#[test]
fn a_consent_in_whose_place_another_company_came_is_given_back() {
    for (company, other) in [(Company::QuickBooksUs, presets::QUICKBOOKS_UK), (Company::XeroUk, presets::XERO_AU)] {
        let bench = unconnected(company);
        finish(&bench, &consent(&bench, company, &[other])).unwrap();
        let callback = consent(&bench, company, &[company.id()]);
        let before = bench.world.borrow().request_count();
        finish(&bench, &callback).unwrap();
        assert_eq!(told(&bench, before), once(company), "{company:?}");
        confirm(&bench, company.id()).unwrap();
        // The same company once more: the app's connection to it is in use.
        let again = unconnected(company);
        for _ in 0..2 {
            let callback = consent(&again, company, &[company.id()]);
            let before = again.world.borrow().request_count();
            finish(&again, &callback).unwrap();
            assert_eq!(told(&again, before), (0, 0), "{company:?}");
        }
        assert!(begin(&again, company).is_ok());
    }
}

#[test]
fn quickbooks_is_told_of_a_disconnection_without_a_valid_access_token() {
    for (by_secret, dead) in [(false, false), (false, true), (true, false)] {
        let company = Company::QuickBooksUs;
        let bench = if by_secret { Bench::new(company) } else { unconnected(company) };
        if !by_secret {
            connect(&bench, company);
        }
        bench.clock.advance(Duration::hours(3));
        bench.fail(Fault::next(FaultKind::Down).on("POST", "tokens/bearer").repeated(10));
        if dead {
            bench.forget("grant");
        }
        let before = bench.world.borrow().request_count();
        let http = SandboxHttp(&bench);
        let not_told = bench.books(&http).disconnect("main").now_or_never().unwrap().unwrap();
        assert_eq!((not_told, told(&bench, before)), (None, (1, 0)));
        let asked = bench.world.borrow().requests_since(before);
        let renewed = asked.iter().filter(|one: &&Value| one.to_string().contains("tokens/bearer")).count();
        assert_eq!((renewed, ledger(company)), (0, "quickbooks"), "{asked:?}");
    }
}

#[test]
fn disconnecting_lets_go_of_this_company_only() {
    for company in Company::ALL {
        let bench = unconnected(company);
        connect(&bench, company);
        let http = SandboxHttp(&bench);
        let before = bench.world.borrow().request_count();
        let not_told = bench.books(&http).disconnect("main").now_or_never().unwrap().unwrap();
        assert_eq!(not_told, None, "{company:?}: the ledger was told");
        let asked = format!("{:?}", bench.world.borrow().requests_since(before));
        let (revoked, deleted) = (asked.contains("revo"), asked.contains("DELETE"));
        // Revoking at Xero would cut off the same user's other organisations.
        assert_eq!((revoked, deleted), (company != Company::XeroUk, company == Company::XeroUk), "{asked}");
        assert_eq!(standing(&bench), Standing::NotConnected);
        assert!(bench.rows("SELECT * FROM meta WHERE key IN ('tokens', 'grant')").is_empty());
        bench.tell(&Story::read("simple"));
        run_for_a_while(&bench);
        assert!(bench.ledger(company).is_empty());
        let callback = consent(&bench, company, &[company.id()]);
        assert!(matches!(finish(&bench, &callback).unwrap(), Consented::Connected(_)), "the books still belong to it");
        bench.run();
        assert_eq!(bench.ledger(company).len(), 2, "what waited goes on");
    }
    // The ledger cannot be reached: the tokens are forgotten all the same, and the person hears of it.
    let bench = unconnected(Company::XeroUk);
    connect(&bench, Company::XeroUk);
    bench.fail(Fault::next(FaultKind::Down).on("GET", "/connections"));
    let http = SandboxHttp(&bench);
    let not_told = bench.books(&http).disconnect("main").now_or_never().unwrap().unwrap();
    assert!(not_told.is_some_and(|why| why.contains("remove the app")));
    assert_eq!(standing(&bench), Standing::NotConnected);
}

#[test]
fn a_disconnected_secret_stays_disconnected_until_it_is_another_one() {
    let mut bench = Bench::new(Company::XeroUk);
    bench.tell(&Story::read("simple"));
    bench.run();
    {
        let http = SandboxHttp(&bench);
        bench.books(&http).disconnect("main").now_or_never().unwrap().unwrap();
    }
    bench.tell(&Story::read("free_shipping"));
    run_for_a_while(&bench);
    assert_eq!((standing(&bench), bench.ledger(Company::XeroUk).len()), (Standing::NotConnected, 2));
    bench.variables.insert("XERO_REFRESH_TOKEN".into(), "refresh-new".into());
    assert_ne!(standing(&bench), Standing::NotConnected, "a new secret is a new connection");
}

#[test]
fn what_keeps_the_ledger_from_being_told_of_a_disconnection_is_said_and_the_tokens_are_forgotten_all_the_same() {
    for named in ["XERO_CLIENT_SECRET", "TOKEN_KEY"] {
        let mut bench = unconnected(Company::XeroUk);
        connect(&bench, Company::XeroUk);
        if named == "TOKEN_KEY" {
            let another = "HxwdHhsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";
            bench.cipher = Box::new(TokenCipher::new(another, SeededRandom::new(3)).unwrap());
        } else {
            bench.variables.remove(named);
        }
        let http = SandboxHttp(&bench);
        let not_told = bench.books(&http).disconnect("main").now_or_never().unwrap().unwrap().unwrap();
        assert!(not_told.contains(named) && not_told.contains("remove the app"), "{not_told}");
        assert!(bench.rows("SELECT * FROM meta WHERE key = 'tokens'").is_empty(), "{named}");
    }
}

#[test]
fn the_ledger_is_told_of_a_disconnection_before_the_tokens_are_forgotten() {
    let bench = unconnected(Company::QuickBooksUs);
    connect(&bench, Company::QuickBooksUs);
    let told = Cell::new(false);
    let looks = || {
        told.set(!bench.rows("SELECT * FROM meta WHERE key = 'tokens'").is_empty());
        None
    };
    let http = Meanwhile(SandboxHttp(&bench), "revoke", Cell::new(Some(Box::new(looks))));
    assert_eq!(bench.books(&http).disconnect("main").now_or_never().unwrap().unwrap(), None);
    assert!(told.get(), "a crash in between leaves tokens that can be given back once more");
}

/// What the user has connected who consents, whichever Worker it was for.
fn connected(bench: &Bench) -> Vec<String> {
    bench.world.borrow().grants.connected_tenants()
}

#[test]
fn a_users_other_organisations_stay_connected_when_the_consent_for_one_is_refused_replaced_or_never_confirmed() {
    let (company, mine) = (Company::XeroUk, presets::XERO_UK);
    let others = [presets::XERO_AU, presets::XERO_US];
    let bench = || {
        let bench = unconnected(company);
        // The same user connected two other companies, each for a Worker of its own.
        for other in others {
            bench.world.borrow_mut().grants.consented_elsewhere(bench.clock.now(), &[other]);
        }
        bench.clock.advance(Duration::days(1));
        bench
    };
    // Nobody confirms it.
    let lapsed = bench();
    let callback = consent(&lapsed, company, &[mine]);
    let Consented::Unconfirmed(offered) = finish(&lapsed, &callback).unwrap() else { panic!() };
    assert_eq!(offered.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), [mine], "only what was consented to");
    assert_eq!(connected(&lapsed), [others[0], others[1], mine]);
    lapsed.clock.advance(Duration::hours(25));
    lapsed.poke();
    assert_eq!((connected(&lapsed), waiting(&lapsed)), (others.map(str::to_owned).to_vec(), 0));
    // Other books hold it, with another app.
    let mut refused = bench();
    let mut settings = company.settings();
    (settings["books"], settings["shop"]) = (json!("second"), json!("second.myshopify.com"));
    refused.variables.insert("CONNECTION_SECOND".into(), settings);
    refused.variables.insert("XERO_CLIENT_ID_SECOND".into(), "another-app".into());
    let (why, told) = refusal(&refused, company, &[mine]);
    assert!(why.contains("the books `second` hold this company"), "{why}");
    assert_eq!((told, connected(&refused)), ((0, 1), others.map(str::to_owned).to_vec()));
    // Another one comes in its place.
    let replaced = unconnected(company);
    replaced.world.borrow_mut().grants.consented_elsewhere(replaced.clock.now(), &[others[0]]);
    replaced.clock.advance(Duration::days(1));
    finish(&replaced, &consent(&replaced, company, &[others[1]])).unwrap();
    finish(&replaced, &consent(&replaced, company, &[mine])).unwrap();
    assert_eq!(connected(&replaced), [others[0], mine]);
}

#[test]
fn a_consent_for_another_company_is_refused_although_its_tokens_open_the_books_own_too() {
    let company = Company::XeroUk;
    let bench = unconnected(company);
    connect(&bench, company);
    bench.clock.advance(Duration::days(1));
    let (why, told) = refusal(&bench, company, &[presets::XERO_AU]);
    assert!(why.contains(presets::company_name(presets::XERO_AU)) && why.contains("was given for"), "{why}");
    assert_eq!((told, connected(&bench)), ((0, 1), vec![company.id().to_owned()]));
    // An organisation that was connected before the consent began is some other Worker's.
    bench.world.borrow_mut().grants.consented_elsewhere(bench.clock.now(), &[presets::XERO_AU]);
    bench.clock.advance(Duration::days(1));
    let (_, told) = refusal(&bench, company, &[presets::XERO_AU]);
    assert_eq!((told, connected(&bench).len()), ((0, 0), 2));
    // The books' own once more.
    let callback = consent(&bench, company, &[company.id()]);
    assert!(matches!(finish(&bench, &callback).unwrap(), Consented::Connected(_)));
}

/// A ledger whose list names no consents.
struct Unsaid<'a>(SandboxHttp<'a>);

impl Http for Unsaid<'_> {
    fn send(&self, request: Request) -> LocalBoxFuture<'_, Result<Response, HttpError>> {
        async move {
            let response = self.0.send(request).await?;
            Ok(Response { body: response.body.replace("authEventId", "unknown"), ..response })
        }
        .boxed_local()
    }
}

#[test]
fn where_the_ledger_does_not_say_what_a_consent_was_given_for_nothing_is_deleted() {
    let company = Company::XeroUk;
    let mut bench = unconnected(company);
    bench.variables.get_mut("CONNECTION_MAIN").unwrap()["company"] = json!(presets::XERO_US);
    bench.world.borrow_mut().grants.consented_elsewhere(bench.clock.now(), &[presets::XERO_AU]);
    let callback = consent(&bench, company, &[company.id()]);
    let before = bench.world.borrow().request_count();
    let http = Unsaid(SandboxHttp(&bench));
    let refused = bench.books(&http).finish_consent(&callback).now_or_never().unwrap();
    assert!(matches!(refused, Err(Declined::Refused(_))), "{refused:?}");
    assert_eq!((told(&bench, before), connected(&bench).len()), ((0, 0), 2));
}

#[test]
fn a_consent_for_a_company_that_is_not_ours_is_dropped_and_given_back_at_an_admins_word() {
    for company in Company::ALL {
        let bench = unconnected(company);
        let http = SandboxHttp(&bench);
        let decline = |id: &str| bench.books(&http).decline(bench.id, id).now_or_never().unwrap();
        assert!(matches!(decline(company.id()), Err(Declined::Missing(_))), "{company:?}: nothing waits");
        let mut callback = consent(&bench, company, &[company.id()]);
        finish(&bench, &callback).unwrap();
        assert!(matches!(decline("another"), Err(Declined::Refused(_))), "another than the page showed");
        assert_eq!(standing(&bench), Standing::Unconfirmed);
        let before = bench.world.borrow().request_count();
        assert_eq!(decline(company.id()).unwrap(), None, "{company:?}: the ledger was told");
        assert_eq!(told(&bench, before), once(company), "{company:?}");
        assert_eq!((standing(&bench), waiting(&bench)), (Standing::NotConnected, 0));
        assert!(matches!(confirm(&bench, company.id()), Err(Declined::Missing(_))));
        bench.turn();
        assert!(alerts(&bench, true).is_empty(), "whoever said so need not be told");
        // It is dropped even if the ledger cannot be told, which is said.
        callback = consent(&bench, company, &[company.id()]);
        finish(&bench, &callback).unwrap();
        bench.fail(Fault::next(FaultKind::Down).repeated(10));
        assert!(decline(company.id()).unwrap().is_some_and(|why| why.contains("remove the app")));
        bench.world.borrow_mut().faults.clear();
        assert_eq!(waiting(&bench), 0);
        connect(&bench, company);
    }
}
