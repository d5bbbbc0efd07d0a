//! QuickBooks' OAuth servers (facts/quickbooks §8).

use chrono::Duration;
use serde_json::Value;

use crate::books::rules::LedgerName;
use crate::config::Variables;
use crate::ledgers::oauth::{Company, Provider, address, get};
use crate::platform::Request;

/// Three hosts, one setting in their place.
const SETTING: &str = "QUICKBOOKS_OAUTH_URL";

/// The servers.
pub fn provider(variables: &Variables) -> Provider {
    Provider {
        ledger: LedgerName::QuickBooks,
        authorize: address(variables, SETTING, "https://appcenter.intuit.com", "/connect/oauth2"),
        token: address(variables, SETTING, "https://oauth.platform.intuit.com", "/oauth2/v1/tokens/bearer"),
        revocation: address(variables, SETTING, "https://developer.api.intuit.com", "/v2/oauth2/tokens/revoke"),
        scope: "com.intuit.quickbooks.accounting",
        api: address(variables, "QUICKBOOKS_API_URL", super::API, ""),
        refresh_lives: Duration::days(100),
        // Since May 2026 the answer can say when the consent itself ends: five years after it was given.
        headers: &[("x-include-refresh-token-hard-expires-in", "true")],
    }
}

/// The company's own record, read with the new token. A realm id is a number; anything else is refused unasked, for it
/// comes from the callback's query.
pub fn who(api: &str, access_token: &str, realm: &str) -> Option<Request> {
    let is_realm = (1..=30).contains(&realm.len()) && realm.bytes().all(|byte| byte.is_ascii_digit());
    is_realm.then(|| get(format!("{api}/v3/company/{realm}/companyinfo/{realm}?minorversion=75"), access_token))
}

/// The company, if the token opened its record.
pub fn read_who(realm: &str, body: &str) -> Vec<Company> {
    let value: Value = serde_json::from_str(body).unwrap_or_default();
    let name = value.pointer("/CompanyInfo/CompanyName").and_then(Value::as_str);
    name.map(|name| Company { id: realm.to_owned(), name: name.to_owned() }).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_that_is_no_number_is_never_asked_for() {
        for realm in ["", "1/../2", "12a", "1?x", &"1".repeat(31)] {
            assert!(who("https://api", "token", realm).is_none(), "{realm}");
        }
        assert!(who("https://api", "token", "9130347596842384846").is_some());
    }
}
