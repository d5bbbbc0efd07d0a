//! The page `/connect`: each connection's state with its ledger, and the buttons that change it.

use askama::Template;
use chrono::{DateTime, Utc};

use super::backfill::{Past, past};
use super::shop::{shop_problems, shopify};
use super::words::{Fact, distance};
use crate::ledgers::oauth::Company;
use crate::ledgers::preflight::{Choice, Choices, Finding, Mark};
use crate::posting::{ConnectionView, Report, Source, Standing};

/// The page.
#[derive(Template)]
#[template(path = "connect.html")]
pub struct ConnectPage {
    path: &'static str,
    connections: Vec<Card>,
}

/// A connection whose books cannot be asked.
pub struct Unreadable {
    /// Its id.
    pub id: String,
    /// Its shop.
    pub shop: String,
    /// The label of its books.
    pub books: String,
    /// Why they cannot be asked.
    pub why: String,
}

#[derive(Default)]
struct Card {
    id: String,
    shop: String,
    books: String,
    ledger: String,
    ledger_title: &'static str,
    state: &'static str,
    mark: &'static str,
    problems: Vec<String>,
    notes: Vec<String>,
    unconfirmed: Vec<Company>,
    facts: Vec<Fact>,
    shopify: Vec<Fact>,
    /// Needed to make the ledger's app, before any secret is known; empty where there is no consent page.
    redirect_uri: String,
    can_connect: bool,
    connected: bool,
    connect_label: String,
    can_disconnect: bool,
    check: Option<Check>,
    can_check: bool,
    past: Option<Past>,
}

/// How the settings fit the company.
struct Check {
    at: Fact,
    passed: bool,
    /// Findings by how they count, those to act upon first.
    groups: Vec<Group>,
    lists: Vec<List>,
}

struct Group {
    title: &'static str,
    mark: &'static str,
    findings: Vec<Finding>,
    /// True if it is shown without being asked for.
    open: bool,
}

/// What the settings may name, to be copied from.
struct List {
    title: &'static str,
    choices: Vec<Choice>,
}

impl ConnectPage {
    /// The page at this moment. `origin` is the Worker's own address, to which consent pages lead back.
    pub fn new(views: Vec<Result<ConnectionView, Unreadable>>, origin: &str, now: DateTime<Utc>) -> Self {
        let card = |view: Result<_, _>| view.map_or_else(unreadable, |view| card(view, origin, now));
        let mut connections: Vec<Card> = views.into_iter().map(card).collect();
        connections.sort_by(|one, other| one.id.cmp(&other.id));
        Self { path: "/connect", connections }
    }
}

/// What there is to say while the books give no answer; the other connections' cards are as they are.
fn unreadable(one: Unreadable) -> Card {
    let why = format!("The books cannot be read: {}. Deliveries are not lost; look again in a moment.", one.why);
    let Unreadable { id, shop, books, .. } = one;
    Card { id, shop, books, state: "Cannot be read", mark: "problem", problems: vec![why], ..Card::default() }
}

/// The state in words, and the colour that goes with it.
fn state(standing: Standing) -> (&'static str, &'static str) {
    match standing {
        Standing::SettingsInvalid => ("Settings to correct", "problem"),
        Standing::NotConnected => ("Not connected", "idle"),
        Standing::Unconfirmed => ("To be confirmed", "note"),
        Standing::Connected => ("Connected", "ok"),
        Standing::Reconnect => ("To be connected again", "problem"),
    }
}

fn ledger_title(ledger: &str) -> &'static str {
    match ledger {
        "quickbooks" => "QuickBooks",
        "xero" => "Xero",
        _ => "",
    }
}

fn card(view: ConnectionView, origin: &str, now: DateTime<Utc>) -> Card {
    let (words, mark) = match (state(view.standing), &view.report) {
        (("Connected", _), Some(report)) if !report.passed => ("Connected, not posting", "problem"),
        // Its settings can be read: what is wrong is that its shop's deliveries are refused.
        (("Connected", _), _) if !view.problems.is_empty() => ("Connected, hears nothing", "problem"),
        (state, _) => state,
    };
    let title = ledger_title(&view.ledger);
    let connected = view.standing == Standing::Connected;
    let facts = facts(&view, now);
    let shopify = shopify(&view.shopify, now);
    let past = (connected && view.shopify.access.is_some()).then(|| past(view.backfill, now));
    let mut problems = view.problems;
    problems.extend(
        view.missing
            .iter()
            .map(|name| format!("The secret {name} is missing. Set it with: npx wrangler secret put {name}")),
    );
    problems.extend(shop_problems(&view.shopify));
    problems.extend(view.why.map(|why| format!("Nothing is posted: {why}.")));
    let connect_label = match view.standing {
        Standing::Reconnect => format!("Connect {title} again"),
        _ if connected => format!("Reconnect {title}"),
        _ => format!("Connect {title}"),
    };
    Card {
        can_check: connected,
        check: view.report.filter(|_| connected).map(|report| check(report, now)),
        can_connect: view.standing != Standing::SettingsInvalid && view.missing.is_empty(),
        can_disconnect: view.standing != Standing::SettingsInvalid && view.connected_at.is_some(),
        connected: connected || view.standing == Standing::Unconfirmed,
        redirect_uri: match view.ledger.as_str() {
            "" => String::new(),
            _ if view.own_account => String::new(),
            ledger => format!("{origin}/oauth/{ledger}/callback"),
        },
        ledger_title: title,
        state: words,
        notes: view.warnings,
        unconfirmed: view.unconfirmed,
        id: view.id,
        shop: view.shop,
        books: view.books,
        ledger: view.ledger,
        mark,
        problems,
        facts,
        shopify,
        connect_label,
        past,
    }
}

fn check(report: Report, now: DateTime<Utc>) -> Check {
    let group = |title, wanted: Mark, mark, open| {
        let findings: Vec<Finding> = report.findings.iter().filter(|one| one.mark == wanted).cloned().collect();
        (!findings.is_empty()).then_some(Group { title, mark, findings, open })
    };
    let groups = [
        group("To be fixed", Mark::Problem, "problem", true),
        group("Worth knowing", Mark::Note, "note", true),
        group("As it should be", Mark::Ok, "ok", false),
    ];
    let Choices { lines, payments, tax_codes } = report.choices;
    let lists = [("lines", lines), ("payments", payments), ("taxes and no_tax", tax_codes)];
    Check {
        at: Fact { name: "Checked", text: distance(&report.at, now), at: report.at },
        passed: report.passed,
        groups: groups.into_iter().flatten().collect(),
        lists: lists
            .into_iter()
            .filter(|(_, all)| !all.is_empty())
            .map(|(title, choices)| List { title, choices })
            .collect(),
    }
}

fn facts(view: &ConnectionView, now: DateTime<Utc>) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(company) = &view.company {
        let text =
            if company.name.is_empty() { company.id.clone() } else { format!("{} ({})", company.name, company.id) };
        facts.push(Fact { name: "Company", text, at: String::new() });
    }
    if view.connected_at.is_some() {
        let text = match view.source {
            Source::Consent => "a consent on the ledger’s page",
            Source::Secret => "a refresh token among the secrets",
            Source::OwnAccount => "a Custom Connection",
        };
        facts.push(Fact { name: "Connected by", text: text.into(), at: String::new() });
    }
    let instants = [
        ("Connected", &view.connected_at),
        ("Tokens renewed", &view.refreshed_at),
        ("Access token ends", &view.access_ends_at),
        ("Refresh token ends, if never used", &view.refresh_ends_at),
        ("Consent ends for good", &view.consent_ends_at),
        ("Last document posted", &view.last_posted_at),
    ];
    let known = instants.into_iter().filter_map(|(name, at)| Some((name, at.as_ref()?)));
    facts.extend(known.map(|(name, at)| Fact { name, text: distance(at, now), at: at.clone() }));
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::render;
    use crate::posting::ShopStatus;

    fn view(standing: Standing) -> ConnectionView {
        ConnectionView {
            id: "main".into(),
            shop: "example.myshopify.com".into(),
            ledger: "xero".into(),
            books: "main".into(),
            standing,
            problems: Vec::new(),
            missing: Vec::new(),
            company: None,
            unconfirmed: Vec::new(),
            why: None,
            own_account: false,
            source: Source::Consent,
            connected_at: None,
            refreshed_at: None,
            access_ends_at: None,
            refresh_ends_at: None,
            consent_ends_at: None,
            warnings: Vec::new(),
            last_posted_at: None,
            report: None,
            shopify: ShopStatus::default(),
            backfill: None,
        }
    }

    fn page(view: ConnectionView) -> String {
        pages(vec![Ok(view)])
    }

    fn pages(views: Vec<Result<ConnectionView, Unreadable>>) -> String {
        render(&ConnectPage::new(views, "https://till.example", "2026-11-02T09:00:00Z".parse().unwrap()))
    }

    #[test]
    fn books_that_cannot_be_read_have_a_card_that_says_so_beside_those_of_the_others() {
        let (id, shop, books) = ("broken".into(), "broken.myshopify.com".into(), "two".into());
        let broken = Unreadable { id, shop, books, why: "status 500".into() };
        let html = pages(vec![Ok(view(Standing::NotConnected)), Err(broken)]);
        assert!(html.contains("The books cannot be read: status 500.") && html.contains("Cannot be read"), "{html}");
        assert!(html.contains("/oauth/xero/start?connection=main"), "the other one's card is as it is: {html}");
        assert!(!html.contains("connection=broken") && !html.contains("connections/broken"), "no buttons: {html}");
    }

    #[test]
    fn a_connection_that_nobody_made_offers_the_button_and_names_the_redirect_uri() {
        let html = page(view(Standing::NotConnected));
        assert!(html.contains("href=\"/oauth/xero/start?connection=main\""), "{html}");
        assert!(html.contains("https://till.example/oauth/xero/callback") && html.contains("Connect Xero"));
        assert!(!html.contains("Disconnect"), "{html}");
    }

    #[test]
    fn secrets_that_are_missing_are_named_with_the_command_that_sets_them() {
        let html = page(ConnectionView { missing: vec!["XERO_CLIENT_ID".into()], ..view(Standing::NotConnected) });
        assert!(
            html.contains("npx wrangler secret put XERO_CLIENT_ID") && !html.contains("/oauth/xero/start"),
            "{html}"
        );
        assert!(html.contains("https://till.example/oauth/xero/callback"), "to make the app that has that id: {html}");
    }

    #[test]
    fn a_company_to_be_confirmed_is_shown_by_its_name_and_chosen_by_a_person_if_there_are_several() {
        let company = |id: &str| Company { id: id.into(), name: format!("Company {id} & Sons") };
        let one = ConnectionView { unconfirmed: vec![company("1")], ..view(Standing::Unconfirmed) };
        let html = page(one.clone());
        assert!(html.contains("Company 1 &#38; Sons") && html.contains("value=\"1\" required checked"), "{html}");
        assert!(html.contains("action=\"/api/connections/main/confirm\""));
        assert!(html.contains("action=\"/api/connections/main/decline\"") && html.contains("Not ours"), "{html}");
        assert!(html.contains("type=\"hidden\" name=\"company\" value=\"1\""), "what the page showed: {html}");
        let html = page(ConnectionView { unconfirmed: vec![company("1"), company("2")], ..one });
        assert!(!html.contains("checked"), "{html}");
    }

    #[test]
    fn the_end_of_an_authorisation_is_said_with_the_reason_and_the_button() {
        let html = page(ConnectionView {
            why: Some("the ledger no longer accepts it".into()),
            connected_at: Some("2026-11-01T09:00:00.000Z".into()),
            ..view(Standing::Reconnect)
        });
        assert!(html.contains("Nothing is posted: the ledger no longer accepts it."), "{html}");
        assert!(
            html.contains("Connect Xero again") && html.contains("24 hours ago") && html.contains("Disconnect Xero")
        );
    }

    #[test]
    fn shopifys_side_is_shown_with_what_is_wrong_there() {
        let html = page(view(Standing::Connected));
        assert!(html.contains("none yet") && html.contains("made by the app’s own configuration"), "{html}");
        let shopify = ShopStatus {
            access: Some("client_credentials".into()),
            deliveries: crate::posting::Hearing {
                last_delivery: Some("2026-11-01T09:00:00.000Z".into()),
                silent_since: Some("2026-11-02T08:00:00.000Z".into()),
                ..Default::default()
            },
            subscriptions: Some(crate::posting::Check {
                checked_at: "2026-11-02T08:00:00.000Z".into(),
                made: vec!["orders/paid".into()],
                problems: vec!["PUBLIC_URL is missing".into()],
            }),
            ..ShopStatus::default()
        };
        let html = page(ConnectionView { shopify, ..view(Standing::Connected) });
        for text in ["24 hours ago", "client credentials", "orders/paid", "PUBLIC_URL is missing", "unusually long"] {
            assert!(html.contains(text), "{text}: {html}");
        }
    }

    #[test]
    fn what_preflight_found_is_shown_with_its_fix_and_what_may_be_written_instead() {
        let choice = |write: &str| Choice { write: write.into(), name: "Sales".into(), kind: "REVENUE".into() };
        let report = Report {
            connection: "main".into(),
            at: "2026-11-02T08:00:00.000Z".into(),
            passed: false,
            company: "Company".into(),
            facts: crate::posting::CompanyFacts::default(),
            findings: vec![
                Finding::problem("lines.sales", "Xero has no account \"2OO\"", "Write another."),
                Finding::ok("time zone", "Europe/London"),
            ],
            choices: Choices { lines: vec![choice("200")], ..Choices::default() },
        };
        let html = page(ConnectionView { report: Some(report), ..view(Standing::Connected) });
        assert!(html.contains("Connected, not posting") && html.contains("Write another."), "{html}");
        assert!(
            html.contains("<code>200</code>") && html.contains("action=\"/api/connections/main/preflight\""),
            "{html}"
        );
    }

    #[test]
    fn where_shopify_can_be_asked_a_backfill_can_be_begun_or_is_shown_with_its_buttons() {
        let shopify = ShopStatus { access: Some("access_token".into()), ..ShopStatus::default() };
        let idle = ConnectionView { shopify, ..view(Standing::Connected) };
        let html = page(idle.clone());
        assert!(html.contains("action=\"/api/backfills\"") && html.contains("name=\"from\" required"), "{html}");
        assert!(html.contains("name=\"connection\" value=\"main\""), "{html}");
        let running = crate::posting::Backfill { id: "main-3".into(), state: "running".into(), ..Default::default() };
        let html = page(ConnectionView { backfill: Some(running), ..idle });
        assert!(html.contains("action=\"/api/backfills/main-3/pause\"") && !html.contains("name=\"from\""), "{html}");
        assert!(!page(view(Standing::Connected)).contains("Backfill"), "not without the Admin API");
    }
}
