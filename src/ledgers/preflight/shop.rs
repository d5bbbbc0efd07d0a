//! The settings held against Shopify's side: what the app may see there, and which currencies the shop sells in. None of
//! it keeps the books from what deliveries bring.

use chrono::Duration;

use super::{Finding, Known, ShopSide};
use crate::books::money::Currency;
use crate::config::{CurrencySide, Settings};
use crate::ledgers::survey::Survey;
use crate::shopify::admin::ShopFacts;

const ABOUT: &str = "Shopify's Admin API";
/// Shopify shows an app orders of this age without `read_all_orders` (facts/shopify §4).
const SHOWN: Duration = Duration::days(60);

/// What is to be said of Shopify's side.
pub fn shop(settings: &Settings, survey: &Survey, known: &Known) -> Vec<Finding> {
    let mut findings = match &known.shop {
        ShopSide::NoAccess => {
            let found = "no credentials are set: orders that no delivery brought cannot be fetched, and the shop's \
                         currency and the app's scopes are not checked";
            let fix = "Set the secrets SHOPIFY_CLIENT_ID and SHOPIFY_CLIENT_SECRET, or SHOPIFY_ACCESS_TOKEN, each with \
                       the connection's id behind it (…_MAIN) where there are several shops.";
            vec![Finding::note(ABOUT, found, fix)]
        }
        ShopSide::Unanswered(why, _) => {
            vec![Finding::note(ABOUT, format!("the shop was not asked: {why}"), "Put that right, then check again.")]
        }
        ShopSide::Answered(_) => Vec::new(),
    };
    if let Some(facts) = known.shop.facts() {
        findings.extend(scopes(settings, known, facts));
        findings.extend(currencies(settings, survey, facts));
    }
    findings
}

/// What an order is asked for, and the scope that shows it; Shopify refuses the whole order where one is missing.
const SCOPES: [(&str, &str); 4] = [
    ("read_orders", "orders"),
    ("read_customers", "the customers of orders"),
    ("read_products", "whether a line is a product, which tells a tip from goods"),
    ("read_payment_terms", "when an invoice is due"),
];

fn scopes(settings: &Settings, known: &Known, facts: &ShopFacts) -> Vec<Finding> {
    // Whoever may write may read.
    let granted = |scope: &str| {
        let writes = scope.replacen("read_", "write_", 1);
        facts.scopes.iter().any(|one| one == scope || *one == writes)
    };
    let grant = |scope: &str| {
        format!("Add `{scope}` to the app's scopes in Shopify, release the version and let the shop accept it.")
    };
    let missing = SCOPES.iter().filter(|(scope, _)| !granted(scope)).map(|(scope, what)| {
        let found = format!("the app may not read {what}: an order that no delivery brought cannot be fetched");
        Finding::note(format!("scope {scope}"), found, grant(scope))
    });
    let mut findings: Vec<Finding> = missing.collect();
    if !granted("read_all_orders") && settings.start_date < known.today - SHOWN {
        let found = format!(
            "start_date is {}, and orders older than {} days are not shown to the app",
            settings.start_date,
            SHOWN.num_days()
        );
        let fix = format!("{} Shopify has to approve this one.", grant("read_all_orders"));
        findings.push(Finding::note("scope read_all_orders", found, fix));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("scopes", "the app may read every order that the books need"));
    }
    findings
}

/// Buyers' currencies matter where those are booked.
fn currencies(settings: &Settings, survey: &Survey, facts: &ShopFacts) -> Option<Finding> {
    let home = survey.home.filter(|_| settings.currency == CurrencySide::Presentment && survey.multicurrency)?;
    let is_kept = |one: &Currency| *one == home || survey.currencies.as_ref().is_none_or(|all| all.contains(one));
    let missing: Vec<&str> = facts.sells_in.iter().filter(|one| !is_kept(one)).map(|one| one.code()).collect();
    if missing.is_empty() {
        return Some(Finding::ok("currency", "the ledger keeps every currency that the shop sells in"));
    }
    let (title, list) = (settings.ledger.title(), missing.join(", "));
    let found = format!("the shop sells in {list} too, which {title} does not keep: such orders will be held");
    Some(Finding::note(
        "currency",
        found,
        format!("Add {list} to the currencies in {title}, or set currency = \"shop\"."),
    ))
}
