//! The settings: connections and secrets, read from the Worker's variables, checked in one place. An error names the
//! key and the allowed values. A connection whose settings are wrong still receives its deliveries; only posting waits.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

mod settings;

pub use settings::{
    ClosedPeriod, CurrencySide, Customers, ExchangeRate, IncludedTax, Lines, Rate, SaleDocument, Settings, TaxAmounts,
    TaxBooking, TaxEntry, ZeroTotal,
};

/// Everything the Worker is configured with, by variable name.
pub type Variables = BTreeMap<String, Value>;

const CONNECTION_PREFIX: &str = "CONNECTION_";

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
    /// A hash of the settings as they are written: it changes when they change.
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
    refuse_shared_prefixes(&mut all);
    all
}

fn connection(name: &str, id: &str, value: &Value) -> Connection {
    let id = id.to_ascii_lowercase();
    // A table that came as text (a secret, or `--var`) is read as JSON.
    let parsed = value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let value = parsed.as_ref().unwrap_or(value);
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or("").trim().to_ascii_lowercase();
    let (shop, books) = (text("shop"), text("books"));
    let version = Sha256::digest(value.to_string()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let books = if books.is_empty() { id.clone() } else { books };
    Connection { settings: settings(name, value), shop, books, version, id }
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

/// Two shops in the same books must not number their documents alike.
fn refuse_shared_prefixes(all: &mut [Connection]) {
    let taken: Vec<(String, String, String)> = all
        .iter()
        .filter_map(|one| Some((one.books.clone(), one.settings.as_ref().ok()?.number_prefix.clone(), one.id.clone())))
        .collect();
    for one in all.iter_mut() {
        let Ok(settings) = &one.settings else { continue };
        let clash = taken
            .iter()
            .find(|(books, prefix, id)| *books == one.books && *prefix == settings.number_prefix && *id != one.id);
        if let Some((books, prefix, other)) = clash {
            one.settings = Err(vec![ConfigError::new(
                format!("{CONNECTION_PREFIX}{}.number_prefix", one.id.to_ascii_uppercase()),
                format!(
                    "connection `{other}` numbers its documents in the books `{books}` with `{prefix}` too; choose another"
                ),
            )]);
        }
    }
}

/// The value of a secret or variable, if it is set and not empty.
pub fn variable<'a>(variables: &'a Variables, name: &str) -> Option<&'a str> {
    variables.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

/// A value for one connection: `NAME_<ID>`, else `NAME`.
pub fn variable_for<'a>(variables: &'a Variables, name: &str, connection: &str) -> Option<&'a str> {
    let suffixed = format!("{name}_{}", connection.to_ascii_uppercase());
    variable(variables, &suffixed).or_else(|| variable(variables, name))
}

/// The secrets that Shopify may have signed this connection's deliveries with. With several shops only the suffixed
/// name counts, so that nobody who knows one shop's secret can speak for another.
pub fn webhook_secrets(variables: &Variables, all: &[Connection], connection: &Connection) -> Vec<String> {
    let several_shops = all.iter().any(|other| other.shop != connection.shop);
    let mut secrets = Vec::new();
    for name in ["SHOPIFY_WEBHOOK_SECRETS", "SHOPIFY_CLIENT_SECRET"] {
        let suffixed = format!("{name}_{}", connection.id.to_ascii_uppercase());
        let found =
            variable(variables, &suffixed).or_else(|| if several_shops { None } else { variable(variables, name) });
        let listed = found.unwrap_or("").split(',').map(str::trim).filter(|one| !one.is_empty());
        secrets.extend(listed.map(str::to_owned));
    }
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::books::document::LineRole;
    use rust_decimal::Decimal;
    use serde_json::json;

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
        assert!(problem(|v| v["shop"] = json!("example.com")).contains("myshopify.com"));
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
        assert_eq!(settings.tax_code(Some("GB"), "VAT", rate("0.20")), Some("OUTPUT2"));
        assert_eq!(settings.tax_code(Some("GB"), "vat", rate("0.05")), Some("RROUTPUT"));
        assert_eq!(settings.tax_code(None, "Sales tax", rate("0.2")), None);
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
    fn with_several_shops_only_a_shops_own_secret_counts() {
        let mut other = example();
        other["shop"] = json!("second.myshopify.com");
        other["number_prefix"] = json!("T-");
        let variables = BTreeMap::from([
            ("CONNECTION_A".to_owned(), example()),
            ("CONNECTION_B".to_owned(), other),
            ("SHOPIFY_WEBHOOK_SECRETS".to_owned(), json!("everyone")),
            ("SHOPIFY_WEBHOOK_SECRETS_A".to_owned(), json!("one, two")),
        ]);
        let all = connections(&variables);
        assert_eq!(webhook_secrets(&variables, &all, &all[0]), ["one", "two"]);
        assert!(webhook_secrets(&variables, &all, &all[1]).is_empty());
    }
}
