//! Tokens, kept alive: refreshed in time and by one only, found again after a lost reply, renewed in the middle of work,
//! sealed anew under another key.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};

use chrono::Duration;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use sandbox::{Fault, FaultKind};
use tillproof::platform::cipher::TokenCipher;
use tillproof::platform::native::SeededRandom;
use tillproof::platform::{Clock, Http, HttpError, Request, Response};
use tillproof::posting::Standing;

use super::connect::{connect, refreshed, standing, unconnected};
use crate::person;
use crate::support::{Bench, Company, SandboxHttp, Story};

#[test]
fn a_connection_without_traffic_outlives_the_ledgers_limits() {
    for company in Company::ALL {
        let bench = unconnected(company);
        connect(&bench, company);
        let before = refreshed(&bench);
        for _ in 0..365 {
            bench.clock.advance(Duration::days(1));
            bench.poke();
        }
        let count = refreshed(&bench) - before;
        assert!((40..=60).contains(&count), "{company:?}: {count} refreshes in a year are enough and not too many");
        bench.tell(&Story::read("simple"));
        bench.run();
        assert_eq!(bench.ledger(company).len(), 2, "{company:?}");
    }
}

#[test]
fn a_refresh_whose_reply_is_lost_is_made_again_with_the_token_before() {
    for company in Company::ALL {
        let bench = unconnected(company);
        connect(&bench, company);
        bench.clock.advance(Duration::hours(3));
        bench.fail(Fault::next(FaultKind::LostReply).on("POST", "token").repeated(2));
        bench.tell(&Story::read("simple"));
        bench.run();
        assert_eq!((bench.ledger(company).len(), standing(&bench)), (2, Standing::Connected), "{company:?}");
    }
}

#[test]
fn a_lost_refresh_is_made_good_within_xeros_half_hour_and_after_it_a_person_has_to_connect_again() {
    for (company, minutes, then) in [
        (Company::XeroUk, 29, Standing::Connected),
        (Company::XeroUk, 31, Standing::Reconnect),
        // QuickBooks takes the token before until the new pair is used.
        (Company::QuickBooksUs, 31, Standing::Connected),
    ] {
        let bench = unconnected(company);
        connect(&bench, company);
        bench.clock.advance(Duration::hours(3));
        bench.fail(Fault::next(FaultKind::LostReply).on("POST", "token"));
        bench.tell(&Story::read("simple"));
        bench.turn();
        bench.clock.advance(Duration::minutes(minutes) - Duration::seconds(2));
        bench.turn();
        assert_eq!(standing(&bench), then, "{company:?} after {minutes} minutes");
    }
}

/// A world whose answers take their time: every call lets others go first.
struct Slow<'a>(SandboxHttp<'a>, Cell<u32>);

struct Once(bool);

impl Future for Once {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Http for Slow<'_> {
    fn send(&self, request: Request) -> LocalBoxFuture<'_, Result<Response, HttpError>> {
        self.1.set(self.1.get() + 1);
        async move {
            Once(false).await;
            let answer = self.0.send(request).await;
            Once(false).await;
            answer
        }
        .boxed_local()
    }
}

#[test]
fn two_that_want_new_tokens_at_once_make_one_refresh() {
    for company in Company::ALL {
        let bench = unconnected(company);
        connect(&bench, company);
        bench.tell(&Story::read("simple"));
        bench.clock.advance(Duration::days(8));
        let before = refreshed(&bench);
        let http = Slow(SandboxHttp(&bench), Cell::new(0));
        let (one, other) = (bench.books(&http), bench.books(&http));
        // Cron's keeping alive and the alarm's turn, side by side.
        let both = futures_util::future::join(one.poke(), other.turn());
        let mut both = std::pin::pin!(both);
        let mut context = Context::from_waker(std::task::Waker::noop());
        let ended = (0..10_000).any(|_| both.as_mut().poll(&mut context).is_ready());
        assert!(ended && http.1.get() > 0);
        assert_eq!(refreshed(&bench) - before, 1, "{company:?}");
        bench.run();
        assert_eq!(bench.ledger(company).len(), 2, "{company:?}");
        assert_eq!(standing(&bench), Standing::Connected);
    }
}

#[test]
fn tokens_that_end_in_the_middle_of_a_batch_are_renewed_and_every_order_arrives() {
    for company in Company::ALL {
        for skip in 0..6 {
            let bench = unconnected(company);
            connect(&bench, company);
            for name in ["simple", "free_shipping", "order_discount_uneven", "net_terms"] {
                bench.tell(&Story::read(name));
            }
            bench.fail(Fault::next(FaultKind::TokenExpired).after(skip).repeated(2));
            bench.run();
            assert!(bench.rows("SELECT * FROM orders WHERE state <> 'synced'").is_empty(), "{company:?} at {skip}");
            assert_eq!(standing(&bench), Standing::Connected);
        }
    }
}

#[test]
fn a_rotated_key_opens_what_the_one_before_sealed_and_is_alone_afterwards() {
    let company = Company::XeroUk;
    let mut bench = unconnected(company);
    connect(&bench, company);
    let (old, new) = ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "HxwdHhsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=");
    let cipher = |key: &str| TokenCipher::new(key, SeededRandom::new(3)).unwrap();
    bench.cipher = Box::new(cipher(new).with_previous(old));
    bench.tell(&Story::read("simple"));
    bench.run();
    assert_eq!(bench.ledger(company).len(), 2);
    bench.clock.advance(Duration::days(8));
    bench.poke();
    bench.cipher = Box::new(cipher(new));
    bench.tell(&Story::read("free_shipping"));
    bench.run();
    assert_eq!(bench.ledger(company).len(), 4, "they were sealed anew when they were renewed");
    // The wrong key alone: nothing is lost, and the page says what to do.
    bench.cipher = Box::new(cipher(old));
    assert_eq!(standing(&bench), Standing::Reconnect);
    bench.cipher = Box::new(cipher(new));
    assert_eq!(standing(&bench), Standing::Connected);
    // So it does where nobody ever confirmed a company.
    let mut by_secret = Bench::new(company);
    by_secret.tell(&Story::read("simple"));
    by_secret.run();
    by_secret.cipher = Box::new(cipher(new));
    assert_eq!(standing(&by_secret), Standing::Reconnect);
}

#[test]
fn quickbooks_says_when_a_consent_ends_for_good_and_it_is_remembered() {
    let bench = unconnected(Company::QuickBooksUs);
    let began = bench.clock.now();
    connect(&bench, Company::QuickBooksUs);
    let http = SandboxHttp(&bench);
    let ends = |bench: &Bench| -> chrono::DateTime<chrono::Utc> {
        bench.books(&http).standing().unwrap()[0].consent_ends_at.as_ref().unwrap().parse().unwrap()
    };
    assert!((ends(&bench) - began - Duration::days(1825)).abs() < Duration::minutes(1));
    for _ in 0..4 {
        bench.clock.advance(Duration::days(8));
        bench.poke();
    }
    assert!(
        (ends(&bench) - began - Duration::days(1825)).abs() < Duration::minutes(1),
        "refreshing does not prolong it"
    );
    bench.tell(&Story::read("simple"));
    bench.run();
    let said = |bench: &Bench| {
        bench.turn();
        bench.journal("SELECT message FROM alerts WHERE kind = 'consent_ends'").len()
    };
    // Four years and eleven months on, tick by tick.
    while ends(&bench) - bench.clock.now() > Duration::days(31) {
        bench.clock.advance(Duration::days(20));
        bench.poke();
        if ends(&bench) - bench.clock.now() > Duration::days(30) {
            assert_eq!(said(&bench), 0);
        }
    }
    for _ in 0..3 {
        bench.clock.advance(Duration::days(2));
        bench.poke();
    }
    assert_eq!(said(&bench), 1, "thirty days ahead, once");
    let view = bench.books(&http).standing().unwrap().remove(0);
    assert!(view.warnings[0].contains("Connect again before that day"), "{:?}", view.warnings);
}

#[test]
fn a_new_secret_is_taken_up_though_no_order_is_due() {
    for company in Company::ALL {
        let mut bench = Bench::new(company);
        bench.tell(&Story::read("simple"));
        bench.run();
        bench.fail(Fault::next(FaultKind::Reconnect));
        bench.clock.advance(Duration::days(8));
        bench.poke();
        assert_eq!(standing(&bench), Standing::Reconnect, "{company:?}");
        let token = person::consent(&mut bench.world.borrow_mut(), bench.clock.now(), company).unwrap();
        for ledger in ["QUICKBOOKS", "XERO"] {
            bench.variables.insert(format!("{ledger}_REFRESH_TOKEN"), token.as_str().into());
        }
        bench.poke();
        assert_eq!(standing(&bench), Standing::Connected, "{company:?}");
    }
}
