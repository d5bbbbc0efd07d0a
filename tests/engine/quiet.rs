//! A shop that sells nothing for a while: what goes wrong with its tokens meanwhile is said, made good where that is
//! possible, and never waits for the next order.

use std::cell::Cell;
use std::task::Context;

use chrono::Duration;
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, pending};
use sandbox::{Fault, FaultKind, presets};
use tillproof::platform::cipher::{NoCipher, TokenCipher};
use tillproof::platform::native::SeededRandom;
use tillproof::platform::{Cipher, Http, HttpError, Request, Response};
use tillproof::posting::{Consented, Standing};

use super::connect::{begin, confirm, connect, ledger, refreshed, standing, unconnected};
use super::shopify::alerts;
use crate::support::{Bench, Company, SandboxHttp, Story};

const OLD: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NEW: &str = "HxwdHhsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";

fn sealing_with(key: &str) -> Box<dyn Cipher> {
    Box::new(TokenCipher::new(key, SeededRandom::new(3)).unwrap())
}

/// Cron's next tick, and its records in the journal.
fn tick(bench: &Bench, later: Duration) {
    bench.clock.advance(later);
    bench.poke();
    bench.turn();
}

fn said(bench: &Bench, kind: &str) -> String {
    let rows = bench.journal(&format!("SELECT message FROM alerts WHERE kind = '{kind}'"));
    assert_eq!(rows.len(), 1, "said once: {rows:?}");
    rows[0]["message"].clone()
}

fn wants(bench: &Bench) -> String {
    bench.open().status().unwrap().reconnect.unwrap_or_default()
}

#[test]
fn a_client_secret_that_is_refused_is_said_before_an_order_needs_it_and_the_alert_ends_with_it() {
    for company in Company::ALL {
        let mut bench = unconnected(company);
        connect(&bench, company);
        let name = format!("{}_CLIENT_SECRET", ledger(company).to_uppercase());
        let right = bench.variables.insert(name.clone(), "another".into()).unwrap();
        tick(&bench, Duration::days(8));
        tick(&bench, Duration::minutes(5));
        assert_eq!(alerts(&bench, true), ["reconnect"], "{company:?}");
        assert!(said(&bench, "reconnect").contains(&name) && wants(&bench).contains(&name), "{}", wants(&bench));
        assert_eq!(standing(&bench), Standing::Reconnect);
        bench.variables.insert(name, right);
        tick(&bench, Duration::minutes(5));
        assert_eq!((alerts(&bench, true), wants(&bench)), (Vec::new(), String::new()), "{company:?}");
        assert_eq!(standing(&bench), Standing::Connected);
    }
}

#[test]
fn a_token_key_that_is_missing_or_another_one_is_said_at_once_and_nothing_is_asked_for_that_could_not_be_kept() {
    for missing in [true, false] {
        let mut bench = unconnected(Company::XeroUk);
        connect(&bench, Company::XeroUk);
        bench.cipher = if missing { Box::new(NoCipher) } else { sealing_with(NEW) };
        tick(&bench, Duration::minutes(5));
        tick(&bench, Duration::days(8));
        assert_eq!(alerts(&bench, true), ["token_key"]);
        assert!(said(&bench, "token_key").contains("TOKEN_KEY") && wants(&bench).contains("TOKEN_KEY"));
        assert_eq!(refreshed(&bench), 0);
        bench.cipher = sealing_with(OLD);
        tick(&bench, Duration::minutes(5));
        assert_eq!((alerts(&bench, true), wants(&bench)), (Vec::new(), String::new()));
        assert_eq!(standing(&bench), Standing::Connected);
    }
    // So it is with a refresh token among the secrets that was never used: using it would use it up.
    let mut by_secret = Bench::new(Company::XeroUk);
    by_secret.cipher = Box::new(NoCipher);
    by_secret.tell(&Story::read("simple"));
    tick(&by_secret, Duration::minutes(5));
    assert_eq!((refreshed(&by_secret), alerts(&by_secret, true)), (0, vec!["token_key".to_owned()]));
    by_secret.cipher = sealing_with(OLD);
    tick(&by_secret, Duration::hours(1));
    by_secret.run();
    assert_eq!((by_secret.ledger(Company::XeroUk).len(), alerts(&by_secret, true)), (2, Vec::new()));
}

#[test]
fn a_token_service_that_is_away_is_said_once_the_last_third_of_the_tokens_life_has_begun() {
    for (company, silent, said_by) in [(Company::XeroUk, 39, 41), (Company::QuickBooksUs, 66, 68)] {
        let bench = unconnected(company);
        connect(&bench, company);
        bench.fail(Fault::next(FaultKind::Down).on("POST", "token").repeated(10_000));
        let mut day = 0;
        while day < silent {
            tick(&bench, Duration::days(1));
            day += 1;
        }
        assert!(alerts(&bench, true).is_empty() && wants(&bench).is_empty(), "{company:?}: it may pass by itself");
        while day < said_by {
            tick(&bench, Duration::days(1));
            day += 1;
        }
        assert_eq!(alerts(&bench, true), ["tokens_end"], "{company:?}");
        let warning = bench.open().standing().unwrap()[0].warnings[0].clone();
        assert!(warning.contains("were last renewed on 2 November 2026"), "{warning}");
        assert_eq!(standing(&bench), Standing::Connected);
        bench.world.borrow_mut().faults.clear();
        tick(&bench, Duration::minutes(5));
        assert!(alerts(&bench, true).is_empty(), "{company:?}");
        assert!(bench.open().standing().unwrap()[0].warnings.is_empty());
    }
}

/// A world that dies with the first refresh: it is made, and whoever asked for it never hears of anything again.
struct Dies<'a>(SandboxHttp<'a>, Cell<bool>);

impl Http for Dies<'_> {
    fn send(&self, request: Request) -> LocalBoxFuture<'_, Result<Response, HttpError>> {
        if !request.url.contains("token") {
            return self.0.send(request);
        }
        self.1.set(true);
        let made = self.0.send(request);
        async move {
            let _ = made.await;
            pending().await
        }
        .boxed_local()
    }
}

#[test]
fn a_refresh_that_check_now_began_and_whose_reply_is_lost_is_repeated_by_cron_within_the_grace() {
    for company in Company::ALL {
        for crashes in [false, true] {
            let bench = unconnected(company);
            connect(&bench, company);
            bench.clock.advance(Duration::hours(3));
            if crashes {
                let http = Dies(SandboxHttp(&bench), Cell::new(false));
                let books = bench.books(&http);
                let mut check = std::pin::pin!(books.preflight("main"));
                let mut context = Context::from_waker(std::task::Waker::noop());
                assert!(check.as_mut().poll(&mut context).is_pending() && http.1.get());
            } else {
                bench.fail(Fault::next(FaultKind::LostReply).on("POST", "token"));
                let http = SandboxHttp(&bench);
                assert!(bench.books(&http).preflight("main").now_or_never().unwrap().is_err());
            }
            // The first repetition is lost too.
            bench.fail(Fault::next(FaultKind::RefusedConnection).on("POST", "token"));
            for _ in 0..12 {
                tick(&bench, Duration::minutes(5));
            }
            assert_eq!(refreshed(&bench), 2, "{company:?}: once in vain, once more, and never again");
            assert_eq!(standing(&bench), Standing::Connected, "{company:?}");
            bench.clock.advance(Duration::hours(2));
            bench.tell(&Story::read("simple"));
            bench.run();
            assert_eq!((bench.ledger(company).len(), alerts(&bench, true)), (2, Vec::new()), "{company:?}");
        }
    }
}

/// Two shops in one set of books; the second one's connection is a Custom Connection, and connected them.
fn with_an_own_account() -> Bench {
    let mut bench = unconnected(Company::XeroUk);
    bench.variables.insert("XERO_CLIENT_ID_MAIN".into(), "sandbox-custom-uk".into());
    bench.variables.insert("XERO_CLIENT_SECRET_MAIN".into(), presets::CUSTOM_SECRET.into());
    assert!(matches!(begin(&bench, Company::XeroUk).unwrap(), Consented::Unconfirmed(_)));
    confirm(&bench, presets::XERO_UK).unwrap();
    let mut other = bench.variables["CONNECTION_MAIN"].clone();
    (other["shop"], other["number_prefix"]) = ("second.myshopify.com".into(), "A-".into());
    // In the order of the settings it comes first, and it has no account of its own.
    bench.variables.insert("CONNECTION_ELSE".into(), other);
    for connection in ["MAIN", "ELSE"] {
        bench.variables.insert(format!("SHOPIFY_WEBHOOK_SECRETS_{connection}"), "of this shop".into());
    }
    bench
}

#[test]
fn a_token_of_ones_own_account_that_cannot_be_opened_is_as_good_as_none() {
    let mut bench = with_an_own_account();
    bench.cipher = sealing_with(NEW);
    tick(&bench, Duration::minutes(5));
    assert!(alerts(&bench, true).is_empty() && wants(&bench).is_empty());
    assert_eq!(standing(&bench), Standing::Connected);
    let http = SandboxHttp(&bench);
    for asking in ["else", "main"] {
        bench.clock.advance(Duration::minutes(1));
        let report = bench.books(&http).preflight(asking).now_or_never().unwrap();
        assert!(report.is_ok(), "{asking}: {:?}", report.err());
    }
    bench.tell(&Story::read("simple"));
    bench.run();
    assert_eq!(bench.ledger(Company::XeroUk).len(), 2);
}

#[test]
fn after_a_fortnight_every_token_was_sealed_anew() {
    for own_account in [true, false] {
        let mut bench = if own_account { with_an_own_account() } else { unconnected(Company::QuickBooksUs) };
        if !own_account {
            connect(&bench, Company::QuickBooksUs);
        }
        let both = TokenCipher::new(NEW, SeededRandom::new(3)).unwrap().with_previous(OLD);
        bench.cipher = Box::new(both);
        for _ in 0..14 {
            tick(&bench, Duration::days(1));
        }
        let sealed = bench.rows("SELECT value FROM meta WHERE key = 'tokens'").remove(0);
        assert!(sealing_with(NEW).open(&sealed["value"]).is_ok(), "own account: {own_account}");
    }
}
