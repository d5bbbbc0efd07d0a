//! Xero's OAuth servers (facts/xero §8).

use chrono::Duration;
use serde_json::Value;

use crate::books::rules::LedgerName;
use crate::config::Variables;
use crate::ledgers::oauth::{Company, Provider, address, encode, get};
use crate::platform::{Method, Request};

/// Two hosts, one setting in their place.
const SETTING: &str = "XERO_OAUTH_URL";

/// The granular scopes: apps of March 2026 and later may not ask for others. Settings are read only.
const SCOPE: &str =
    "offline_access accounting.invoices accounting.payments accounting.contacts accounting.settings.read";

/// The servers.
pub fn provider(variables: &Variables) -> Provider {
    Provider {
        ledger: LedgerName::Xero,
        authorize: address(variables, SETTING, "https://login.xero.com", "/identity/connect/authorize"),
        token: address(variables, SETTING, "https://identity.xero.com", "/connect/token"),
        revocation: address(variables, SETTING, "https://identity.xero.com", "/connect/revocation"),
        scope: SCOPE,
        api: address(variables, "XERO_API_URL", super::API, ""),
        refresh_lives: Duration::days(60),
        headers: &[],
    }
}

/// The question which organisations a token opens.
pub fn who(api: &str, access_token: &str) -> Request {
    get(format!("{api}/connections"), access_token)
}

/// The organisations, each with the id of its connection, which is not the tenant's id.
pub fn read_connections(body: &str) -> Vec<(String, Company)> {
    let list: Vec<Value> = serde_json::from_str(body).unwrap_or_default();
    let read = |one: &Value| {
        let text = |key: &str| one.get(key).and_then(Value::as_str).map(str::to_owned);
        let is_organisation = text("tenantType").as_deref() == Some("ORGANISATION");
        let company = Company { id: text("tenantId")?, name: text("tenantName").unwrap_or_default() };
        is_organisation.then_some((text("id")?, company))
    };
    list.iter().filter_map(read).collect()
}

/// Cuts one organisation off and leaves the user's others alone.
pub fn delete(api: &str, access_token: &str, connection: &str) -> Request {
    Request { method: Method::Delete, ..get(format!("{api}/connections/{}", encode(connection)), access_token) }
}
