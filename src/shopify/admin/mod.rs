//! Shopify's Admin API (GraphQL), as far as the books need it: orders by id and by change, the webhook
//! subscriptions, and what the shop says of itself. Builds requests and reads answers; sends nothing and keeps nothing. What it reads of an order it hands
//! on in the webhooks' own shape, so that the rest of the house knows one kind of order only.

mod answer;
mod budget;
mod facts;
mod rest;
mod subscriptions;
mod summaries;

use serde_json::{Value, json};

use crate::config::{Variables, variable};
use crate::platform::{Method, Request};

pub use super::delivery::API_VERSION;
pub use answer::{Token, Trouble, read, read_token};
pub use budget::Budget;
pub use facts::{ShopFacts, shop_facts};
pub use rest::{OrderFetch, Step, keep_spelling};
pub use subscriptions::{NEEDED, Subscription, created, listed, removed};
pub use summaries::{Made, Summary, count, made, summaries};

const ORDERS: &str = include_str!("orders.graphql");
const SUBSCRIPTIONS: &str = include_str!("subscriptions.graphql");
const SHOP: &str = include_str!("shop.graphql");

/// One shop's Admin API.
#[derive(Debug, Clone)]
pub struct Admin {
    base: String,
}

/// Something to ask: an operation of one of the documents, with its variables.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    document: &'static str,
    /// The operation's name.
    pub operation: &'static str,
    variables: Value,
}

impl Admin {
    /// The API of `shop` (`example.myshopify.com`); `SHOPIFY_ADMIN_URL` replaces scheme and host.
    pub fn new(shop: &str, variables: &Variables) -> Self {
        let base = variable(variables, "SHOPIFY_ADMIN_URL");
        Self { base: base.map_or_else(|| format!("https://{shop}"), |url| url.trim_end_matches('/').to_owned()) }
    }

    /// Asks for a token by client credentials: good for 24 hours, for apps and shops of one organisation
    /// (facts/shopify §4.6).
    pub fn token(&self, client_id: &str, client_secret: &str) -> Request {
        let body = [("grant_type", "client_credentials"), ("client_id", client_id), ("client_secret", client_secret)];
        let body: Vec<String> = body.iter().map(|(name, value)| format!("{name}={}", form(value))).collect();
        Request {
            method: Method::Post,
            url: format!("{}/admin/oauth/access_token", self.base),
            headers: vec![
                ("content-type".into(), "application/x-www-form-urlencoded".into()),
                ("accept".into(), "application/json".into()),
            ],
            body: Some(body.join("&")),
        }
    }

    /// Asks a question.
    pub fn ask(&self, question: &Question, token: &str) -> Request {
        let body = json!({
            "query": question.document, "operationName": question.operation, "variables": question.variables,
        });
        Request {
            method: Method::Post,
            url: format!("{}/admin/api/{API_VERSION}/graphql.json", self.base),
            headers: vec![
                ("content-type".into(), "application/json".into()),
                ("accept".into(), "application/json".into()),
                ("x-shopify-access-token".into(), token.into()),
            ],
            body: Some(body.to_string()),
        }
    }
}

fn form(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    text.bytes().map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn about(operation: &'static str, variables: Value) -> Question {
    Question { document: ORDERS, operation, variables }
}

/// The orders that changed from `since` on (ISO 8601), oldest change first, a hundred a page.
pub fn orders_changed_since(since: &str, after: Option<&str>) -> Question {
    about("Orders", json!({ "filter": format!("updated_at:>='{since}'"), "after": after }))
}

/// The orders that were made by `to` and changed since `from` (ISO 8601, both included), oldest change first, a hundred a
/// page. Among them is whatever was made or changed from `from` to `to`: of several changes Shopify keeps the last one only.
/// Pages stop at 25,000 orders: a longer list is asked for in slices, each of the orders that changed since the last one's
/// end. What changes meanwhile moves behind what was read already, so that an order may come twice.
pub fn orders_in_window(from: &str, to: &str, since: Option<&str>, after: Option<&str>) -> Question {
    let filter = format!("created_at:<='{to}' AND updated_at:>='{}'", since.unwrap_or(from));
    about("Orders", json!({ "filter": filter, "after": after }))
}

fn made_within(from: &str, to: &str) -> String {
    format!("processed_at:>='{from}' AND processed_at:<='{to}'")
}

/// The orders that were made from `from` to `to` (ISO 8601, both included), the oldest first, a hundred a page. Pages stop
/// at 25,000 orders.
pub fn orders_made(from: &str, to: &str, after: Option<&str>) -> Question {
    about("OrdersMade", json!({ "filter": made_within(from, to), "after": after }))
}

/// How many those are.
pub fn count_orders_made(from: &str, to: &str) -> Question {
    about("OrdersCount", json!({ "filter": made_within(from, to) }))
}

/// The shop's currencies and time zone, and the scopes that it granted.
pub fn shop() -> Question {
    Question { document: SHOP, operation: "Shop", variables: json!({}) }
}

/// Every webhook subscription of this app in the shop; `after` is the last page's end.
pub fn list_subscriptions(after: Option<&str>) -> Question {
    Question { document: SUBSCRIPTIONS, operation: "Subscriptions", variables: json!({ "after": after }) }
}

/// Makes a subscription; its version is this API's.
pub fn subscribe(topic: &str, uri: &str) -> Question {
    let variables = json!({ "topic": topic, "subscription": { "uri": uri, "format": "JSON" } });
    Question { document: SUBSCRIPTIONS, operation: "Subscribe", variables }
}

/// Removes a subscription.
pub fn unsubscribe(id: &str) -> Question {
    Question { document: SUBSCRIPTIONS, operation: "Unsubscribe", variables: json!({ "id": id }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_go_to_the_shops_own_host_with_the_version_and_the_token_in_its_header() {
        let admin = Admin::new("example.myshopify.com", &Variables::new());
        let request = admin.ask(&list_subscriptions(None), "shpat_x");
        assert_eq!(request.url, format!("https://example.myshopify.com/admin/api/{API_VERSION}/graphql.json"));
        assert!(request.headers.contains(&("x-shopify-access-token".into(), "shpat_x".into())));
        let body: Value = serde_json::from_str(&request.body.unwrap()).unwrap();
        assert_eq!(body["operationName"], "Subscriptions");
        let token = admin.token("id", "a secret&=");
        assert_eq!(token.url, "https://example.myshopify.com/admin/oauth/access_token");
        assert!(token.body.unwrap().ends_with("client_secret=a%20secret%26%3D"));
    }

    #[test]
    fn another_address_replaces_scheme_and_host_only() {
        let variables = Variables::from([("SHOPIFY_ADMIN_URL".to_owned(), json!("http://127.0.0.1:8790/"))]);
        let admin = Admin::new("example.myshopify.com", &variables);
        assert_eq!(admin.token("a", "b").url, "http://127.0.0.1:8790/admin/oauth/access_token");
    }
}
