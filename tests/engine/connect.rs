//! Connecting a ledger and keeping it connected: the rules, natively, against the stand-ins' OAuth servers.

use std::cell::Cell;

use crate::support::{Bench, Company, SandboxHttp, Story};
use chrono::Duration;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use sandbox::http::Request as Asked;
use sandbox::presets;
use serde_json::Value;
use tillproof::platform::{Clock, Http, HttpError, Request, Response};
use tillproof::posting::{Callback, Consented, Declined, Standing};

const HOME: &str = "https://till.example";

/// A bench whose connection nobody made yet: no refresh token among the secrets, no company in the settings.
pub fn unconnected(company: Company) -> Bench {
    let mut settings = company.settings();
    settings.as_object_mut().unwrap().remove("company");
    let mut bench = Bench::with(company, settings);
    bench.variables.remove("QUICKBOOKS_REFRESH_TOKEN");
    bench.variables.remove("XERO_REFRESH_TOKEN");
    bench
}

pub fn ledger(company: Company) -> &'static str {
    if matches!(company, Company::QuickBooksUs | Company::QuickBooksUk) { "quickbooks" } else { "xero" }
}

fn redirect_uri(company: Company) -> String {
    format!("{HOME}/oauth/{}/callback", ledger(company))
}

pub fn begin(bench: &Bench, company: Company) -> Result<Consented, Declined> {
    let http = SandboxHttp(bench);
    bench.books(&http).begin_consent(bench.id, ledger(company), &redirect_uri(company)).now_or_never().unwrap()
}

/// Somebody opens the consent page and allows it for these companies; what the browser brings back.
pub fn consent(bench: &Bench, company: Company, companies: &[&str]) -> Callback {
    let Consented::Page(page) = begin(bench, company).unwrap() else { panic!("no page") };
    {
        let mut world = bench.world.borrow_mut();
        world.grants.consent.quickbooks = companies[0].to_owned();
        world.grants.consent.xero = companies.iter().map(|id| (*id).to_owned()).collect();
    }
    let path = format!("/{}", page.splitn(4, '/').nth(3).unwrap());
    let reply = bench.world.borrow_mut().handle(bench.clock.now(), &Asked::new("GET", &path));
    let location = reply.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("location")).unwrap().1.clone();
    assert!(location.starts_with(&redirect_uri(company)), "{location}");
    let back = Asked::new("GET", &location);
    let field = |name: &str| back.parameter(name).unwrap_or_default();
    Callback {
        ledger: ledger(company).to_owned(),
        state: field("state"),
        code: field("code"),
        realm: field("realmId"),
        error: field("error"),
        redirect_uri: redirect_uri(company),
    }
}

pub fn finish(bench: &Bench, callback: &Callback) -> Result<Consented, Declined> {
    let http = SandboxHttp(bench);
    bench.books(&http).finish_consent(callback).now_or_never().unwrap()
}

pub fn confirm(bench: &Bench, company: &str) -> Result<tillproof::ledgers::oauth::Company, Declined> {
    let http = SandboxHttp(bench);
    bench.books(&http).confirm(bench.id, company).now_or_never().unwrap()
}

pub fn connect(bench: &Bench, company: Company) {
    let callback = consent(bench, company, &[company.id()]);
    assert!(matches!(finish(bench, &callback).unwrap(), Consented::Unconfirmed(_)));
    confirm(bench, company.id()).unwrap();
}

pub fn standing(bench: &Bench) -> Standing {
    let http = SandboxHttp(bench);
    bench.books(&http).standing().unwrap()[0].standing
}

/// Turns for a day of virtual time; what waits for a person is asked again every quarter of an hour.
pub fn run_for_a_while(bench: &Bench) {
    for _ in 0..20 {
        let Some(due) = bench.alarm.0.borrow_mut().take() else { return };
        bench.clock.advance(due - bench.clock.now());
        bench.turn();
    }
}

pub fn refreshed(bench: &Bench) -> u64 {
    bench.world.borrow().grants.counters.get("refreshed").copied().unwrap_or(0)
}

#[test]
fn nothing_is_posted_before_an_admin_confirms_the_company_and_then_everything_is() {
    for company in Company::ALL {
        let bench = unconnected(company);
        bench.tell(&Story::read("simple"));
        run_for_a_while(&bench);
        assert_eq!(standing(&bench), Standing::NotConnected);
        let callback = consent(&bench, company, &[company.id()]);
        let Consented::Unconfirmed(offered) = finish(&bench, &callback).unwrap() else { panic!("{company:?}") };
        assert_eq!((offered.len(), offered[0].id.as_str()), (1, company.id()));
        assert!(offered[0].name.starts_with("Tillproof Outfitters"), "the ledger itself says whose it is: {offered:?}");
        run_for_a_while(&bench);
        assert_eq!(standing(&bench), Standing::Unconfirmed);
        assert!(bench.ledger(company).is_empty(), "{company:?}: nobody confirmed it yet");
        assert!(matches!(confirm(&bench, "9999"), Err(Declined::Refused(_))), "another id than the page showed");
        confirm(&bench, company.id()).unwrap();
        bench.run();
        assert_eq!(standing(&bench), Standing::Connected);
        assert_eq!(bench.ledger(company).len(), 2, "{company:?}: {:?}", bench.rows("SELECT * FROM orders"));
        let secrets = bench.rows("SELECT value FROM meta WHERE key IN ('tokens', 'unconfirmed')");
        assert!(secrets.len() == 1 && secrets[0]["value"].starts_with("v1:"), "encrypted: {secrets:?}");
        assert!(matches!(confirm(&bench, company.id()), Err(Declined::Missing(_))), "it is confirmed once");
    }
}

#[test]
fn a_state_counts_once_for_ten_minutes_and_only_as_it_was_made() {
    let company = Company::XeroUk;
    let bench = unconnected(company);
    let refused = |callback: &Callback| match finish(&bench, callback) {
        Err(Declined::Refused(why)) => why,
        other => panic!("{other:?}"),
    };
    let genuine = consent(&bench, company, &[company.id()]);
    assert_eq!(bench.rows("SELECT hash FROM oauth_states")[0]["hash"].len(), 64, "only its hash is kept");
    let stored = format!("{:?}", bench.rows("SELECT * FROM oauth_states"));
    assert!(!stored.contains(genuine.state.rsplit_once('.').unwrap().1), "{stored}");
    for forged in ["", "main", "main.", "main.0123456789abcdef", &format!("{}0", genuine.state)] {
        assert!(refused(&Callback { state: forged.into(), ..genuine.clone() }).contains("begin again"));
    }
    assert!(finish(&bench, &genuine).is_ok());
    assert!(refused(&genuine).contains("used before"), "a second time");
    let late = consent(&bench, company, &[company.id()]);
    bench.clock.advance(Duration::minutes(10) + Duration::seconds(1));
    assert!(refused(&late).contains("ten minutes"));
    // Right state, wrong everything else: each uses the state up.
    let elsewhere = consent(&bench, company, &[company.id()]);
    assert!(refused(&Callback { redirect_uri: format!("{HOME}.evil/x"), ..elsewhere.clone() }).contains("address"));
    assert!(refused(&elsewhere).contains("used before"));
    let other = consent(&bench, company, &[company.id()]);
    assert!(refused(&Callback { ledger: "quickbooks".into(), ..other }).contains("is for Xero"));
    let replayed = consent(&bench, company, &[company.id()]);
    assert!(refused(&Callback { code: genuine.code, ..replayed }).contains("no longer accepts"), "a used code");
    let declined = consent(&bench, company, &[company.id()]);
    let declined = Callback { code: String::new(), error: "access_denied".into(), ..declined };
    assert!(refused(&declined).contains("declined"));
}

#[test]
fn the_callbacks_company_is_never_believed() {
    let company = Company::QuickBooksUs;
    let bench = unconnected(company);
    for realm in [crate::support::QUICKBOOKS_UK, "", "1000000001/../1000000002", "99"] {
        let callback = consent(&bench, company, &[company.id()]);
        let outcome = finish(&bench, &Callback { realm: realm.into(), ..callback });
        assert!(matches!(outcome, Err(Declined::Refused(_))), "{realm}: {outcome:?}");
    }
    assert_eq!(standing(&bench), Standing::NotConnected);
}

#[test]
fn books_that_belong_to_a_company_refuse_another_with_the_reason() {
    for (company, other) in [(Company::QuickBooksUs, presets::QUICKBOOKS_UK), (Company::XeroUk, presets::XERO_AU)] {
        let bench = unconnected(company);
        connect(&bench, company);
        let callback = consent(&bench, company, &[other]);
        let Err(Declined::Refused(why)) = finish(&bench, &callback) else { panic!("{company:?}") };
        assert!(
            why.contains(presets::company_name(other)) && why.contains(presets::company_name(company.id())),
            "{why}"
        );
        bench.tell(&Story::read("simple"));
        bench.run();
        assert_eq!(bench.ledger(company).len(), 2, "the connection that stood goes on");
        // Settings that name another company afterwards are wrong, and say so.
        let mut bench = bench;
        let mut settings = company.settings();
        settings["company"] = Value::from(other);
        bench.variables.insert("CONNECTION_MAIN".into(), settings);
        assert_eq!(standing(&bench), Standing::SettingsInvalid);
    }
    // The settings name a company and the consent was given for another one.
    let mut bench = Bench::new(Company::XeroUk);
    bench.variables.remove("XERO_REFRESH_TOKEN");
    let callback = consent(&bench, Company::XeroUk, &[presets::XERO_AU]);
    assert!(matches!(finish(&bench, &callback), Err(Declined::Refused(_))));
}

#[test]
fn a_company_that_the_settings_give_to_other_books_is_refused() {
    let company = Company::XeroUk;
    let mut bench = unconnected(company);
    let mut other = company.settings();
    other["books"] = Value::from("second");
    other["shop"] = Value::from("second.myshopify.com");
    bench.variables.insert("CONNECTION_SECOND".into(), other);
    let callback = consent(&bench, company, &[company.id()]);
    let Err(Declined::Refused(why)) = finish(&bench, &callback) else { panic!() };
    assert!(why.contains("the books `second` hold this company"), "{why}");
}

#[test]
fn where_a_consent_opens_several_organisations_the_admin_chooses_one() {
    let company = Company::XeroUk;
    let bench = unconnected(company);
    let callback = consent(&bench, company, &[presets::XERO_AU, presets::XERO_UK]);
    let Consented::Unconfirmed(offered) = finish(&bench, &callback).unwrap() else { panic!() };
    assert_eq!(offered.len(), 2);
    assert_eq!(confirm(&bench, presets::XERO_UK).unwrap().name, "Tillproof Outfitters (UK)");
    bench.tell(&Story::read("simple"));
    bench.run();
    assert_eq!((bench.ledger(company).len(), bench.world.borrow().document_lines(presets::XERO_AU).len()), (2, 0));
}

#[test]
fn a_custom_connection_needs_no_consent_page_and_no_refresh_token() {
    let company = Company::XeroUk;
    let mut bench = unconnected(company);
    bench.variables.insert("XERO_CLIENT_ID_MAIN".into(), "sandbox-custom-uk".into());
    bench.variables.insert("XERO_CLIENT_SECRET_MAIN".into(), presets::CUSTOM_SECRET.into());
    let Consented::Unconfirmed(offered) = begin(&bench, company).unwrap() else { panic!() };
    assert_eq!(offered[0].id, presets::XERO_UK);
    confirm(&bench, presets::XERO_UK).unwrap();
    bench.tell(&Story::read("simple"));
    bench.run();
    bench.clock.advance(Duration::days(200));
    bench.tell(&Story::read("free_shipping"));
    bench.run();
    assert!(bench.rows("SELECT * FROM orders WHERE state <> 'synced'").is_empty());
    assert_eq!(standing(&bench), Standing::Connected);
}

#[test]
fn a_grant_that_is_revoked_and_given_again_loses_nothing_and_keeps_the_order() {
    for company in Company::ALL {
        let bench = unconnected(company);
        connect(&bench, company);
        bench.tell(&Story::read("simple"));
        bench.run();
        bench.world.borrow_mut().grants.disconnect(company.id());
        for name in ["free_shipping", "order_discount_uneven", "net_terms"] {
            bench.clock.advance(Duration::minutes(1));
            bench.tell(&Story::read(name));
        }
        run_for_a_while(&bench);
        assert_eq!(standing(&bench), Standing::Reconnect, "{company:?}");
        let alerts = bench.journal("SELECT message FROM alerts WHERE kind = 'reconnect'");
        assert_eq!(alerts.len(), 1, "{company:?}: said once: {alerts:?}");
        let waiting = bench.rows("SELECT attempts FROM orders WHERE state = 'pending'");
        assert!(waiting.len() == 3 && waiting.iter().all(|row| row["attempts"] == "0"), "{waiting:?}");
        let asked = bench.world.borrow().request_count();
        run_for_a_while(&bench);
        assert_eq!(bench.world.borrow().request_count(), asked, "a grant that is dead is not asked again and again");
        let callback = consent(&bench, company, &[company.id()]);
        // The company was confirmed once; the same one needs no second word.
        assert!(matches!(finish(&bench, &callback).unwrap(), Consented::Connected(_)), "{company:?}");
        bench.run();
        assert_eq!(standing(&bench), Standing::Connected);
        assert!(bench.rows("SELECT * FROM orders WHERE state <> 'synced'").is_empty(), "{company:?}");
        let order = |statement: &str| -> Vec<String> {
            bench.rows(statement).into_iter().map(|row| row["order_id"].clone()).collect()
        };
        let ended =
            bench.journal("SELECT resolved_at FROM alerts WHERE kind = 'reconnect' AND resolved_at IS NOT NULL");
        assert_eq!(ended.len(), 1, "{company:?}");
        let written = order("SELECT order_id FROM writes GROUP BY order_id ORDER BY MIN(id)");
        assert_eq!(written, order("SELECT order_id FROM orders ORDER BY first_seen_at, rowid"), "the oldest first");
    }
}

/// A world in which something else happens once, before a certain address is asked; or which answers in its place.
pub struct Meanwhile<'a>(pub SandboxHttp<'a>, pub &'a str, pub Cell<Option<Happening<'a>>>);

pub type Happening<'a> = Box<dyn FnOnce() -> Option<Response> + 'a>;

impl Http for Meanwhile<'_> {
    fn send(&self, request: Request) -> LocalBoxFuture<'_, Result<Response, HttpError>> {
        let happens = if request.url.contains(self.1) { self.2.take() } else { None };
        match happens.and_then(|happens| happens()) {
            Some(response) => async move { Ok(response) }.boxed_local(),
            None => self.0.send(request),
        }
    }
}

#[test]
fn a_consent_for_another_company_loses_against_one_that_was_confirmed_while_the_ledger_was_asked() {
    let company = Company::XeroUk;
    let bench = unconnected(company);
    let first = consent(&bench, company, &[company.id()]);
    finish(&bench, &first).unwrap();
    let second = consent(&bench, company, &[presets::XERO_AU]);
    let confirms = || {
        confirm(&bench, company.id()).unwrap();
        None
    };
    let http = Meanwhile(SandboxHttp(&bench), "/connections", Cell::new(Some(Box::new(confirms))));
    let late = bench.books(&http).finish_consent(&second).now_or_never().unwrap();
    let Err(Declined::Refused(why)) = late else { panic!("{late:?}") };
    assert!(why.contains(presets::company_name(company.id())), "{why}");
    bench.tell(&Story::read("simple"));
    bench.run();
    assert_eq!(
        (standing(&bench), bench.ledger(company).len()),
        (Standing::Connected, 2),
        "with the first one's tokens"
    );
}

#[test]
fn tokens_are_renewed_the_way_they_came_whichever_connection_asks() {
    for (custom, asking) in [(true, "main"), (false, "second")] {
        // Two shops in one set of books, of which the second has an app of its own: a Custom Connection.
        let mut bench = unconnected(Company::XeroUk);
        let mut beside = bench.variables["CONNECTION_MAIN"].clone();
        (beside["shop"], beside["number_prefix"]) = ("second.myshopify.com".into(), "T-".into());
        bench.variables.insert("CONNECTION_SECOND".into(), beside);
        bench.variables.insert("XERO_CLIENT_ID_SECOND".into(), "sandbox-custom-uk".into());
        bench.variables.insert("XERO_CLIENT_SECRET_SECOND".into(), presets::CUSTOM_SECRET.into());
        if custom {
            let http = SandboxHttp(&bench);
            let begun = bench.books(&http).begin_consent("second", "xero", HOME).now_or_never().unwrap().unwrap();
            assert!(matches!(begun, Consented::Unconfirmed(_)));
            confirm(&bench, presets::XERO_UK).unwrap();
        } else {
            connect(&bench, Company::XeroUk);
        }
        bench.clock.advance(Duration::hours(2));
        let http = SandboxHttp(&bench);
        let report = bench.books(&http).preflight(asking).now_or_never().unwrap();
        assert!(report.is_ok(), "{asking}: {:?}", report.err());
    }
}

#[test]
fn an_own_account_that_was_refused_once_is_asked_again() {
    let company = Company::XeroUk;
    let mut bench = unconnected(company);
    bench.variables.insert("XERO_CLIENT_ID_MAIN".into(), "sandbox-custom-uk".into());
    bench.variables.insert("XERO_CLIENT_SECRET_MAIN".into(), presets::CUSTOM_SECRET.into());
    begin(&bench, company).unwrap();
    confirm(&bench, presets::XERO_UK).unwrap();
    bench.clock.advance(Duration::hours(2));
    bench.tell(&Story::read("simple"));
    let refuses = || Some(Response { status: 400, headers: Vec::new(), body: r#"{"error":"invalid_grant"}"#.into() });
    let http = Meanwhile(SandboxHttp(&bench), "/connect/token", Cell::new(Some(Box::new(refuses))));
    bench.books(&http).turn().now_or_never().unwrap();
    assert_eq!(standing(&bench), Standing::Reconnect);
    assert!(bench.rows("SELECT * FROM meta WHERE key = 'dead'").is_empty(), "there is no token that could be dead");
    bench.run();
    assert_eq!((standing(&bench), bench.ledger(company).len()), (Standing::Connected, 2));
}

#[test]
fn an_ordinary_app_under_a_connections_own_name_is_refused_by_that_name() {
    let company = Company::XeroUk;
    let mut bench = Bench::new(company);
    bench.variables.remove("XERO_REFRESH_TOKEN");
    bench.variables.insert("XERO_CLIENT_ID_MAIN".into(), presets::XERO_CLIENT.0.into());
    let Err(Declined::Refused(said)) = begin(&bench, company) else { panic!("no consent page is asked for") };
    let http = SandboxHttp(&bench);
    let asked = bench.books(&http).preflight("main").now_or_never().unwrap().unwrap_err().to_string();
    for why in [said, asked] {
        assert!(why.contains("XERO_CLIENT_ID_MAIN makes") && why.contains("Custom Connection"), "{why}");
        assert!(why.contains("without _MAIN"), "{why}");
    }
}
