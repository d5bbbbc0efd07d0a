//! Webhook subscriptions: which are needed, which the app has, and what Shopify answers to changes of them.

use serde_json::Value;

use super::summaries::next_page;
use super::{API_VERSION, Trouble};

/// The topics that the books live on, under the names of the API and of the deliveries. The compliance topics are not among
/// them: they are set in the app's configuration only, never through this API (facts/shopify §1.5).
pub const NEEDED: [(&str, &str); 9] = [
    ("ORDERS_CREATE", "orders/create"),
    ("ORDERS_UPDATED", "orders/updated"),
    ("ORDERS_PAID", "orders/paid"),
    ("ORDERS_CANCELLED", "orders/cancelled"),
    ("ORDERS_EDITED", "orders/edited"),
    ("ORDERS_DELETE", "orders/delete"),
    ("REFUNDS_CREATE", "refunds/create"),
    ("ORDER_TRANSACTIONS_CREATE", "order_transactions/create"),
    ("APP_UNINSTALLED", "app/uninstalled"),
];

/// A subscription as Shopify lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// `ORDERS_CREATE`, …
    pub topic: String,
    /// Where deliveries go.
    pub uri: String,
    /// The version of their bodies.
    pub version: String,
    /// True if it leaves deliveries out or cuts them short: a filter, chosen fields, or no JSON.
    pub is_cut: bool,
}

impl Subscription {
    /// What keeps it from serving `uri`, if anything does.
    pub fn fault(&self) -> Option<String> {
        if self.version != API_VERSION {
            return Some(format!("sends version {} instead of {API_VERSION}", self.version));
        }
        self.is_cut.then(|| "is filtered, cut to chosen fields or not JSON".to_owned())
    }
}

/// A page of subscriptions, and where the next one begins. A page that leaves open whether there are more is none.
pub fn listed(data: &Value) -> Result<(Vec<Subscription>, Option<String>), Trouble> {
    let page = &data["webhookSubscriptions"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let read = |one: &Value| {
        let some_fields = one["includeFields"].as_array().is_some_and(|list| !list.is_empty());
        let is_filtered = one["filter"].as_str().is_some_and(|filter| !filter.is_empty());
        Some(Subscription {
            id: text(&one["id"])?,
            topic: text(&one["topic"])?,
            uri: text(&one["uri"])?,
            version: text(&one["apiVersion"]["handle"])?,
            is_cut: some_fields || is_filtered || one["format"] != "JSON",
        })
    };
    let list = page["nodes"].as_array().and_then(|nodes| nodes.iter().map(read).collect::<Option<Vec<_>>>());
    let next = next_page(&page["pageInfo"]);
    let is_whole = next.is_some() || page["pageInfo"]["hasNextPage"] == false;
    let list = list.filter(|_| is_whole);
    let list = list.ok_or_else(|| Trouble::Later("Shopify's list of subscriptions cannot be read".into()))?;
    Ok((list, next))
}

/// What came of making one. That the address is taken is success: it is there.
pub fn created(data: &Value) -> Result<(), String> {
    let payload = &data["webhookSubscriptionCreate"];
    match first_error(payload) {
        Some(message) if message.contains("has already been taken") => Ok(()),
        Some(message) => Err(message),
        None if payload["webhookSubscription"]["id"].is_string() => Ok(()),
        None => Err("Shopify's answer names no subscription".into()),
    }
}

/// What came of removing one. That there is none is success.
pub fn removed(data: &Value) -> Result<(), String> {
    match first_error(&data["webhookSubscriptionDelete"]) {
        Some(message) if !message.contains("does not exist") => Err(message),
        _ => Ok(()),
    }
}

fn first_error(payload: &Value) -> Option<String> {
    let message = payload["userErrors"].as_array()?.first()?["message"].as_str().unwrap_or("no reason given");
    Some(message.chars().take(200).collect())
}
