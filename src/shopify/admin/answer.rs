//! What an answer of the Admin API means: data, or what to do instead.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::budget::Budget;
use crate::platform::Response;

/// Why there is no data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The shop's cost budget is used up: ask again after this time.
    #[error("Shopify's cost budget is used up")]
    Throttled(Duration),
    /// The token is no longer (or not yet) good: get another one, once.
    #[error("Shopify does not accept the access token")]
    TokenExpired,
    /// A person has to do something; the text says what.
    #[error("{0}")]
    Person(String),
    /// Try again later.
    #[error("{0}")]
    Later(String),
}

/// An access token and its end; a permanent one has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The token.
    pub access_token: String,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// Where Shopify does not say how long to wait: the smallest budget is whole again after 20 seconds.
const THROTTLED: Duration = Duration::seconds(20);

/// The fields of a person that need Shopify's approval (protected customer data, level 2). An app without it is not told
/// them by the webhooks either.
pub const PERSONAL: [&str; 7] = ["email", "emailAddress", "firstName", "lastName", "address1", "address2", "zip"];

/// Reads the data of an answer, and keeps `budget` up to date. A query is all or nothing: data with errors beside it (a
/// field that the app may not see) is refused too, because a missing amount must not read as none. Only a person's name,
/// e-mail or address may be missing: no sum hangs on them.
pub fn read(response: &Response, operation: &str, budget: &mut Budget, now: DateTime<Utc>) -> Result<Value, Trouble> {
    match response.status {
        200 => {}
        401 => return Err(Trouble::TokenExpired),
        402 => return Err(Trouble::Person("the shop is frozen for unpaid bills: Shopify answers nothing".into())),
        403 => {
            return Err(Trouble::Person("Shopify refuses the app (403): check its scopes and its installation".into()));
        }
        404 => return Err(Trouble::Person("Shopify knows no such shop (404): check the connection's `shop`".into())),
        429 | 430 => return Err(Trouble::Throttled(retry_after(response).unwrap_or(THROTTLED))),
        other => return Err(Trouble::Later(format!("Shopify answered {other}"))),
    }
    let body: Value =
        serde_json::from_str(&response.body).map_err(|_| Trouble::Later("Shopify's answer is no JSON".into()))?;
    budget.learn(operation, &body["extensions"]["cost"], now);
    let errors = body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let code = |error: &Value| error["extensions"]["code"].as_str().unwrap_or_default().to_owned();
    if errors.iter().any(|error| code(error) == "THROTTLED") {
        return Err(Trouble::Throttled(budget.wait(operation, now).max(Duration::seconds(1))));
    }
    if let Some(error) = errors.iter().find(|error| code(error) != "ACCESS_DENIED" || !is_personal(error)) {
        return Err(refused(&code(error), error["message"].as_str().unwrap_or_default()));
    }
    match body.get("data") {
        Some(data) if data.is_object() => Ok(data.clone()),
        _ => Err(Trouble::Later("Shopify's answer holds no data".into())),
    }
}

/// True for an error about a personal field alone.
fn is_personal(error: &Value) -> bool {
    let field = error["path"].as_array().and_then(|path| path.last()?.as_str());
    field.is_some_and(|field| PERSONAL.contains(&field))
}

/// Messages of GraphQL errors speak of fields and scopes, never of customers.
fn refused(code: &str, message: &str) -> Trouble {
    let message: String = message.chars().take(300).collect();
    match code {
        "ACCESS_DENIED" => Trouble::Person(format!("Shopify denies access: {message}")),
        "SHOP_INACTIVE" => Trouble::Person("the shop is not active".into()),
        "INTERNAL_SERVER_ERROR" | "TIMEOUT" => Trouble::Later(format!("Shopify failed inside ({code})")),
        _ => Trouble::Person(format!("Shopify refuses the query: {message}")),
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.header("retry-after")?.split('.').next()?.trim().parse::<i64>().ok()?;
    Some(Duration::seconds(seconds.clamp(1, 3600)))
}

/// Reads the answer to a token request.
pub fn read_token(response: &Response, now: DateTime<Utc>) -> Result<Token, Trouble> {
    #[derive(Deserialize)]
    struct Granted {
        access_token: String,
        expires_in: i64,
    }
    if (500..600).contains(&response.status) || response.status == 429 {
        return Err(Trouble::Later(format!("Shopify's token service answered {}", response.status)));
    }
    if response.status != 200 {
        let body: Value = serde_json::from_str(&response.body).unwrap_or_default();
        let code: String = body["error"].as_str().unwrap_or("no reason given").chars().take(60).collect();
        return Err(Trouble::Person(format!(
            "Shopify gives no token ({code}): check SHOPIFY_CLIENT_ID and SHOPIFY_CLIENT_SECRET, and that the app and the \
             shop belong to one organisation and the app is installed"
        )));
    }
    let granted: Granted = serde_json::from_str(&response.body)
        .map_err(|_| Trouble::Later("the token service's answer cannot be read".into()))?;
    let lifetime = Duration::seconds(granted.expires_in.clamp(60, 90 * 86_400));
    Ok(Token { access_token: granted.access_token, expires_at: now + lifetime })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at() -> DateTime<Utc> {
        "2026-11-02T09:00:00Z".parse().unwrap()
    }

    fn answer(status: u16, body: Value) -> Response {
        Response { status, headers: Vec::new(), body: body.to_string() }
    }

    /// What becomes of data of which the field at `path` is denied.
    fn denied(path: &[&str], code: &str) -> Result<Value, Trouble> {
        let message = format!("Access denied for {} field.", path.last().unwrap_or(&"no"));
        let error = json!({"message": message, "path": path, "extensions": {"code": code}});
        let body = json!({"data": {"order": {"email": null}}, "errors": [error]});
        read(&answer(200, body), "Order", &mut Budget::default(), at())
    }

    #[test]
    fn a_throttled_answer_says_how_long_the_bucket_takes_to_hold_the_query() {
        let body = json!({
            "errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
            "extensions": {"cost": {"requestedQueryCost": 350, "actualQueryCost": null,
                "throttleStatus": {"maximumAvailable": 2000.0, "currentlyAvailable": 49, "restoreRate": 100.0}}},
        });
        let mut budget = Budget::default();
        let trouble = read(&answer(200, body), "Order", &mut budget, at()).unwrap_err();
        assert_eq!(trouble, Trouble::Throttled(Duration::milliseconds(3_010)));
    }

    #[test]
    fn data_beside_errors_is_no_data() {
        let trouble = denied(&["order", "customer"], "ACCESS_DENIED").unwrap_err();
        assert!(matches!(trouble, Trouble::Person(text) if text.contains("Access denied for customer field")));
    }

    #[test]
    fn a_persons_name_email_and_address_may_be_missing() {
        for path in
            [["order", "email"].as_slice(), &["order", "customer", "firstName"], &["order", "billingAddress", "zip"]]
        {
            assert!(denied(path, "ACCESS_DENIED").is_ok(), "{path:?}");
            assert!(denied(path, "INTERNAL_SERVER_ERROR").is_err(), "it is not known what else failed");
        }
        for path in
            [[].as_slice(), &["order"], &["order", "billingAddress"], &["order", "billingAddress", "countryCodeV2"]]
        {
            assert!(denied(path, "ACCESS_DENIED").is_err(), "{path:?}");
        }
    }

    #[test]
    fn each_status_says_what_to_do() {
        let of = |status| read(&answer(status, json!({})), "Order", &mut Budget::default(), at()).unwrap_err();
        assert_eq!(of(401), Trouble::TokenExpired);
        assert!(matches!(of(403), Trouble::Person(_)) && matches!(of(404), Trouble::Person(_)));
        assert!(matches!(of(503), Trouble::Later(_)) && matches!(of(200), Trouble::Later(_)));
        assert_eq!(of(429), Trouble::Throttled(THROTTLED));
    }

    #[test]
    fn tokens_last_as_long_as_shopify_says() {
        let token = read_token(&answer(200, json!({"access_token": "t", "scope": "x", "expires_in": 86399})), at());
        assert_eq!(token.unwrap().expires_at, at() + Duration::seconds(86399));
        assert!(matches!(read_token(&answer(400, json!({"error": "invalid_client"})), at()), Err(Trouble::Person(_))));
        assert!(matches!(read_token(&answer(503, json!({})), at()), Err(Trouble::Later(_))));
    }
}
