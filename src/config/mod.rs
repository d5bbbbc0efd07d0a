//! The settings: connections and secrets, read from the Worker's variables, checked in one place. An error names the
//! key and the allowed values. A connection whose settings are wrong still receives its deliveries; only posting waits.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

mod choices;
mod deployment;
mod names;
mod secrets;
mod settings;
mod taxes;

pub use choices::{
    ClosedPeriod, CurrencySide, Customers, DifferencesTax, ExchangeRate, Reconcile, SaleDocument, Subscriptions,
    TaxAmounts, TaxBooking, ZeroTotal,
};
pub use deployment::{Deployment, JOURNAL_DAYS, LEAST_DAYS};
pub use names::{Named, NamedKind, code_key};
pub use secrets::{AdminAccess, left_secrets, missing_webhook_secret, variable, variable_for, webhook_secrets};
pub use settings::{Lines, Settings};
pub use taxes::{IncludedTax, Rate, TaxEntry};

/// Everything the Worker is configured with, by variable name.
pub type Variables = BTreeMap<String, Value>;

const CONNECTION_PREFIX: &str = "CONNECTION_";

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct ConfigError {
    /// Which key, with its path (`CONNECTION_MAIN.lines.sales`).
    pub key: String,
    /// What is wrong and what is allowed.
    pub problem: String,
}

impl ConfigError {
    fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into() }
    }
}

/// One shop ↔ one set of books: what is needed to receive for it, and its settings if they can be read.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its id: the part after `CONNECTION_`, lower case.
    pub id: String,
    /// The shop's `….myshopify.com` domain, lower case.
    pub shop: String,
    /// The books' label; the same label means the same company.
    pub books: String,
    /// A hash of the settings as they are written, and of what other connections' say against them: it changes when they
    /// change, and when a contradiction begins or ends.
    pub version: String,
    /// The settings, or everything that is wrong with them.
    pub settings: Result<Settings, Vec<ConfigError>>,
}

/// All connections, by id.
pub fn connections(variables: &Variables) -> Vec<Connection> {
    let mut all: Vec<Connection> = variables
        .iter()
        .filter_map(|(name, value)| Some(connection(name, name.strip_prefix(CONNECTION_PREFIX)?, value)))
        .collect();
    refuse_contradictions(&mut all, variables);
    all
}

fn connection(name: &str, id: &str, value: &Value) -> Connection {
    let id = id.to_ascii_lowercase();
    // A table that came as text (a secret, or `--var`) is read as JSON.
    let parsed = value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let value = parsed.as_ref().unwrap_or(value);
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or("").trim().to_ascii_lowercase();
    let (shop, books) = (text("shop"), text("books"));
    let version = hash(&value.to_string());
    let books = if books.is_empty() { id.clone() } else { books };
    let mut settings = settings(name, value);
    if settings.is_ok() && !is_label(&books) {
        let problem = format!("`{books}` must be 1 to 40 letters, digits, hyphens or underscores");
        settings = Err(vec![ConfigError::new(format!("{name}.books"), problem)]);
    }
    Connection { settings, shop, books, version, id }
}

fn settings(name: &str, value: &Value) -> Result<Settings, Vec<ConfigError>> {
    let settings: Settings = serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let key = if path == "." { name.to_owned() } else { format!("{name}.{path}") };
        vec![ConfigError::new(key, error.inner().to_string())]
    })?;
    let mut problems = settings.contradictions(name);
    if !settings._shop.trim().to_ascii_lowercase().ends_with(".myshopify.com") {
        problems.push(ConfigError::new(
            format!("{name}.shop"),
            format!("`{}` must be the shop's own domain, such as \"example.myshopify.com\"", settings._shop),
        ));
    }
    if problems.is_empty() { Ok(settings) } else { Err(problems) }
}

/// What two connections' settings say against each other; both wait until it is settled.
fn refuse_contradictions(all: &mut [Connection], variables: &Variables) {
    let said = |one, other| contradiction(one, other).or_else(|| secrets::contradiction(variables, one, other));
    let problems: Vec<Vec<ConfigError>> =
        all.iter().map(|one| all.iter().filter_map(|other| said(one, other)).collect()).collect();
    for (one, problems) in all.iter_mut().zip(problems) {
        if !problems.is_empty() {
            let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
            one.version = hash(&format!("{} {}", one.version, said.join("; ")));
            one.settings = Err(problems);
        }
    }
}

fn contradiction(one: &Connection, other: &Connection) -> Option<ConfigError> {
    let (Ok(mine), Ok(theirs)) = (&one.settings, &other.settings) else { return None };
    if std::ptr::eq(one, other) {
        return None;
    }
    if one.id == other.id {
        let name = format!("{CONNECTION_PREFIX}{}", one.id.to_ascii_uppercase());
        return Some(ConfigError::new(name, "two variables give this connection, told apart by case only; keep one"));
    }
    let problem = |key: &str, text: String| {
        Some(ConfigError::new(format!("{CONNECTION_PREFIX}{}.{key}", one.id.to_ascii_uppercase()), text))
    };
    let (id, books) = (&other.id, &one.books);
    let same_company = mine.ledger == theirs.ledger && !mine.company.is_empty() && mine.company == theirs.company;
    if one.books != other.books {
        let text =
            format!("connection `{id}` keeps this company in the books `{}`; give both the same `books`", other.books);
        return if same_company { problem("company", text) } else { None };
    }
    if mine.ledger != theirs.ledger {
        return problem(
            "books",
            format!("connection `{id}` keeps the books `{books}` in the other ledger; choose another label"),
        );
    }
    if !mine.company.is_empty() && !theirs.company.is_empty() && !same_company {
        return problem("company", format!("connection `{id}` names another company for the same books `{books}`"));
    }
    if one.shop == other.shop {
        return problem("shop", format!("connection `{id}` feeds this shop into the books `{books}` already"));
    }
    // The ledgers look for numbers without regard to case, and each connection for all that begin with its prefix.
    let (own, other) = (mine.number_prefix.to_ascii_lowercase(), theirs.number_prefix.to_ascii_lowercase());
    if own.starts_with(&other) || other.starts_with(&own) {
        let text = format!(
            "connection `{id}` numbers its documents in the books `{books}` with `{}`; choose another than `{}`, so that \
             neither begins with the other",
            theirs.number_prefix, mine.number_prefix
        );
        return problem("number_prefix", text);
    }
    None
}

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The label of books names an object and stands in addresses.
fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    (1..=40).contains(&label.len()) && label.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::books::document::LineRole;
    use rust_decimal::Decimal;
    use serde_json::json;

    const COMPANY: &str = "11111111-1111-4111-a111-111111111111";

    fn example() -> Value {
        json!({
            "shop": "Example.myshopify.com", "ledger": "xero", "number_prefix": "S-", "start_date": "2026-01-01",
            "no_tax": "NONE", "lines": {"sales": "200"}, "payments": {"default": "090", "shopify_payments:EUR": "092"},
            "taxes": [{"country": "GB", "rate": "0.2", "code": "OUTPUT2"}, {"title": "VAT", "code": "RROUTPUT"}],
        })
    }

    fn only(value: Value) -> Connection {
        connections(&BTreeMap::from([("CONNECTION_MAIN".to_owned(), value)])).remove(0)
    }

    fn problem(change: impl FnOnce(&mut Value)) -> String {
        let mut value = example();
        change(&mut value);
        only(value).settings.unwrap_err().remove(0).to_string()
    }

    #[test]
    fn a_connection_is_read_with_its_defaults() {
        let connection = only(example());
        assert_eq!((connection.id.as_str(), connection.shop.as_str()), ("main", "example.myshopify.com"));
        assert_eq!(connection.books, "main");
        let settings = connection.settings.unwrap();
        assert_eq!(settings.currency, CurrencySide::Shop);
        assert_eq!(settings.lines.account(LineRole::Shipping), Some("200"));
        assert_eq!(settings.lines.account(LineRole::GiftCards), None, "a liability never defaults to income");
    }

    #[test]
    fn errors_name_the_key_and_what_is_allowed() {
        assert!(problem(|v| v["lines"]["sale"] = json!("1")).contains("CONNECTION_MAIN.lines"));
        assert!(problem(|v| v["lines"]["sale"] = json!("1")).contains("expected one of `sales`"));
        assert!(problem(|v| v["ledger"] = json!("sage")).contains("CONNECTION_MAIN.ledger"));
        assert!(problem(|v| v["ledger"] = json!("sage")).contains("quickbooks"));
        assert!(problem(|v| v["number_prefix"] = json!("TOO-LONG")).contains("1 to 6 ASCII"));
        assert!(problem(|v| v["start_date"] = json!("yesterday")).contains("CONNECTION_MAIN.start_date"));
        assert!(problem(|v| v["no_tax"] = json!("")).contains("CONNECTION_MAIN.no_tax"));
        let missing = problem(|v| v["included_tax"] = json!({"rate": "0.2"}));
        assert!(missing.contains("CONNECTION_MAIN.included_tax.code: is missing"), "{missing}");
        let both = json!([{"untaxed": true, "rate": "0", "code": "ZERO"}]);
        assert!(problem(|v| v["taxes"] = both.clone()).contains("CONNECTION_MAIN.taxes[0].untaxed"));
        assert!(problem(|v| v["shop"] = json!("example.com")).contains("myshopify.com"));
        assert!(problem(|v| v["country"] = json!("UK of GB")).contains("CONNECTION_MAIN.country: `UK of GB` must be"));
        assert!(problem(|v| v["taxes"][1]["country"] = json!("GBR")).contains("taxes[1].country: `GBR` must be"));
        assert!(
            problem(|v| v["company"] = json!("123"))
                .contains("CONNECTION_MAIN.company: `123` must be the tenant's UUID")
        );
        assert!(
            problem(|v| (v["ledger"], v["company"]) = (json!("quickbooks"), json!("12a")))
                .contains("the realm's digits")
        );
    }

    #[test]
    fn the_most_specific_payment_account_wins() {
        let settings = only(example()).settings.unwrap();
        assert_eq!(settings.payment_account("shopify_payments", "EUR"), Some("092"));
        assert_eq!(settings.payment_account("shopify_payments", "USD"), Some("090"));
    }

    #[test]
    fn the_first_tax_entry_whose_conditions_all_hold_wins() {
        let settings = only(example()).settings.unwrap();
        let rate = |text: &str| text.parse::<Decimal>().unwrap();
        assert_eq!(settings.tax_code(Some("GB"), &[("VAT", rate("0.20"))]), Some("OUTPUT2"));
        assert_eq!(settings.tax_code(Some("GB"), &[("vat", rate("0.05"))]), Some("RROUTPUT"));
        assert_eq!(settings.tax_code(None, &[("Sales tax", rate("0.2"))]), None);
    }

    #[test]
    fn shops_that_share_books_must_differ_in_their_prefix() {
        let mut value = example();
        value["books"] = json!("one");
        let mut other = value.clone();
        other["shop"] = json!("second.myshopify.com");
        let all = connections(&BTreeMap::from([("CONNECTION_A".into(), value), ("CONNECTION_B".into(), other)]));
        assert!(all.iter().all(|one| one.settings.as_ref().unwrap_err()[0].problem.contains("choose another")));
    }

    #[test]
    fn prefixes_of_shared_books_of_which_one_begins_with_the_other_are_refused_whatever_their_case() {
        let refused = |mine: &str, theirs: &str, same_books: bool| {
            let (mut one, mut other) = (example(), example());
            other["shop"] = json!("second.myshopify.com");
            (one["number_prefix"], other["number_prefix"]) = (json!(mine), json!(theirs));
            if same_books {
                (one["books"], other["books"]) = (json!("one"), json!("one"));
            }
            let all = connections(&BTreeMap::from([("CONNECTION_A".into(), one), ("CONNECTION_B".into(), other)]));
            let said: Vec<String> =
                all.into_iter().filter_map(|one| one.settings.err()).map(|all| all[0].to_string()).collect();
            assert!(
                said.iter().all(|text| text.contains("number_prefix") && text.contains("choose another")),
                "{said:?}"
            );
            said.len()
        };
        for (mine, theirs) in [("S-", "S-"), ("S-", "s-"), ("S", "S-"), ("S-", "S-2"), ("shop", "SH")] {
            assert_eq!(refused(mine, theirs, true), 2, "{mine} {theirs}");
            assert_eq!(refused(mine, theirs, false), 0, "other books number their own: {mine} {theirs}");
        }
        for (mine, theirs) in [("S-", "T-"), ("S1-", "S2-"), ("AS-", "S-")] {
            assert_eq!(refused(mine, theirs, true), 0, "{mine} {theirs}");
        }
    }

    #[test]
    fn two_variables_that_give_one_connection_are_refused() {
        let variables = BTreeMap::from([("CONNECTION_MAIN".into(), example()), ("CONNECTION_Main".into(), example())]);
        let all = connections(&variables);
        let said: Vec<String> =
            all.iter().filter_map(|one| one.settings.as_ref().err()).map(|all| all[0].to_string()).collect();
        assert!(said.len() == 2 && said.iter().all(|text| text.contains("case only")), "{said:?}");
    }

    #[test]
    fn connections_that_contradict_each_other_all_wait_and_say_why() {
        let problem = |change: fn(&mut Value, &mut Value)| {
            let (mut one, mut other) = (example(), example());
            other["shop"] = json!("second.myshopify.com");
            other["number_prefix"] = json!("T-");
            change(&mut one, &mut other);
            let all = connections(&BTreeMap::from([("CONNECTION_A".into(), one), ("CONNECTION_B".into(), other)]));
            all.into_iter().map(|one| one.settings.err().map(|all| all[0].to_string())).collect::<Vec<_>>()
        };
        let same_books = |one: &mut Value, other: &mut Value| {
            one["books"] = json!("one");
            other["books"] = json!("one");
        };
        assert_eq!(problem(same_books), [None, None], "several shops may share books");
        assert_eq!(
            problem(|_, other| other["shop"] = json!("example.myshopify.com")),
            [None, None],
            "a shop may feed two"
        );
        let both = |found: Vec<Option<String>>, key: &str| {
            assert!(found.iter().all(|one| one.as_ref().is_some_and(|text| text.contains(key))), "{found:?}");
        };
        both(
            problem(|one, other| {
                one["company"] = json!(COMPANY);
                other["company"] = json!(COMPANY);
            }),
            "give both the same `books`",
        );
        both(
            problem(|one, other| {
                (one["books"], other["books"]) = (json!("one"), json!("one"));
                other["ledger"] = json!("quickbooks");
            }),
            "in the other ledger",
        );
        both(
            problem(|one, other| {
                (one["books"], other["books"]) = (json!("one"), json!("one"));
                (one["company"], other["company"]) = (json!(COMPANY), json!(COMPANY.replace('1', "2")));
            }),
            "names another company",
        );
        both(
            problem(|one, other| {
                (one["books"], other["books"]) = (json!("one"), json!("one"));
                other["shop"] = json!("example.myshopify.com");
            }),
            "feeds this shop",
        );
        assert!(problem(|one, _| one["books"] = json!("a b"))[0].as_ref().unwrap().contains("CONNECTION_A.books"));
    }
}
