//! Xero's OAuth servers (facts/xero §8).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, NaiveDateTime, Utc};
use serde_json::Value;

use crate::books::rules::LedgerName;
use crate::config::Variables;
use crate::ledgers::oauth::{Company, ConsentEvent, Provider, address, encode, get};
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

/// An organisation that a user connected with the app.
pub struct Connected {
    /// The connection's own id, which is not the tenant's.
    pub id: String,
    pub company: Company,
    /// The consent that it was last part of.
    event: Option<String>,
    created_at: Option<DateTime<Utc>>,
}

impl Connected {
    /// True if it was not there before that consent.
    pub fn came_with(&self, consent: &ConsentEvent) -> bool {
        let is_its = self.event.as_ref().is_some_and(|event| *event == consent.id);
        is_its && self.created_at.is_some_and(|at| at >= consent.began_at)
    }
}

/// The id of the consent that brought a token, which is a JWT: it came from Xero itself, so nobody verifies it again.
pub fn event(access_token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(access_token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims.get("authentication_event_id")?.as_str().filter(|id| !id.is_empty()).map(str::to_owned)
}

/// The organisations that a token opens: all that its user ever connected with the app.
pub fn read_connections(body: &str) -> Vec<Connected> {
    let list: Vec<Value> = serde_json::from_str(body).unwrap_or_default();
    let read = |one: &Value| {
        let text = |key: &str| one.get(key).and_then(Value::as_str).map(str::to_owned);
        let is_organisation = text("tenantType").as_deref() == Some("ORGANISATION");
        let company = Company { id: text("tenantId")?, name: text("tenantName").unwrap_or_default() };
        // The instant has no offset behind it, and is meant in UTC.
        let created = text("createdDateUtc").and_then(|at| at.trim_end_matches('Z').parse::<NaiveDateTime>().ok());
        let (event, created_at) = (text("authEventId"), created.map(|at| at.and_utc()));
        is_organisation.then_some(Connected { id: text("id")?, company, event, created_at })
    };
    list.iter().filter_map(read).collect()
}

/// Those that this consent was given for; all, where Xero does not say which.
pub fn consented(body: &str, event: Option<&str>) -> Vec<Company> {
    let all = read_connections(body);
    let is_its = |one: &Connected| event.is_some() && one.event.as_deref() == event;
    let is_said = all.iter().any(is_its);
    all.into_iter().filter(|one| !is_said || is_its(one)).map(|one| one.company).collect()
}

/// Cuts one organisation off and leaves the user's others alone.
pub fn delete(api: &str, access_token: &str, connection: &str) -> Request {
    Request { method: Method::Delete, ..get(format!("{api}/connections/{}", encode(connection)), access_token) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_consent_and_one_that_names_none_is_no_error() {
        let token = |claims: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(event(&token(r#"{"authentication_event_id":"d0d5"}"#)).as_deref(), Some("d0d5"));
        for other in ["", "opaque", "a.b.c", &token("{}"), &token(r#"{"authentication_event_id":""}"#), &token("[1")] {
            assert_eq!(event(other), None, "{other}");
        }
    }

    #[test]
    fn only_what_was_created_since_a_consent_began_and_by_it_came_with_it() {
        let came = |event: &str, created: &str| {
            let body = serde_json::json!([{"id": "1", "authEventId": event, "tenantId": "t", "tenantType": "ORGANISATION",
                "createdDateUtc": created}]);
            let began_at = "2026-11-02T09:00:00Z".parse().unwrap();
            let consent = ConsentEvent { id: "mine".into(), began_at };
            read_connections(&body.to_string())[0].came_with(&consent)
        };
        assert!(came("mine", "2026-11-02T09:00:01.5165400"));
        assert!(!came("mine", "2026-11-02T08:59:59.5165400"), "it was connected before");
        assert!(!came("other", "2026-11-02T09:00:01.5165400"));
        assert!(!came("mine", ""));
    }
}
