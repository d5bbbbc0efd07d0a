//! Webhook subscriptions of one app in the shop. Messages as a live shop gives them.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::{Shop, graph};

/// One subscription.
#[derive(Clone, Debug)]
pub struct Subscription {
    pub id: u64,
    pub topic: String,
    pub uri: String,
    pub version: String,
    pub created_at: DateTime<Utc>,
    pub filter: String,
    pub include_fields: Vec<String>,
}

/// The topics of an app that reads orders; the compliance topics are not in the API.
const TOPICS: [&str; 14] = [
    "APP_UNINSTALLED",
    "APP_SCOPES_UPDATE",
    "DISPUTES_CREATE",
    "DISPUTES_UPDATE",
    "ORDERS_CREATE",
    "ORDERS_UPDATED",
    "ORDERS_PAID",
    "ORDERS_CANCELLED",
    "ORDERS_EDITED",
    "ORDERS_DELETE",
    "ORDERS_FULFILLED",
    "ORDER_TRANSACTIONS_CREATE",
    "REFUNDS_CREATE",
    "TENDER_TRANSACTIONS_CREATE",
];

impl Shop {
    pub(super) fn list_subscriptions(&self) -> Value {
        graph::connection(self.subscriptions.iter().map(show).collect())
    }

    pub(super) fn create_subscription(
        &mut self,
        now: DateTime<Utc>,
        version: &str,
        arguments: &Map<String, Value>,
    ) -> Value {
        let topic = arguments.get("topic").and_then(Value::as_str).unwrap_or_default();
        let input = arguments.get("webhookSubscription").cloned().unwrap_or_default();
        let text = |key: &str| input[key].as_str().unwrap_or_default().to_owned();
        let uri = if text("uri").is_empty() { text("callbackUrl") } else { text("uri") };
        let refuse = |message: &str| {
            let error = json!({ "field": ["webhookSubscription", "callbackUrl"], "message": message });
            json!({ "webhookSubscription": null, "userErrors": [error] })
        };
        if !TOPICS.contains(&topic) {
            return refuse("Topic is invalid");
        }
        if uri.starts_with("http://") {
            return refuse("Address protocol http:// is not supported");
        }
        if !uri.starts_with("https://") {
            return refuse("Address is invalid");
        }
        if self.subscriptions.iter().any(|one| one.topic == topic && one.uri == uri) {
            return refuse("Address for this topic has already been taken");
        }
        let fields = input["includeFields"].as_array().cloned().unwrap_or_default();
        let subscription = Subscription {
            id: self.subscriptions.iter().map(|one| one.id).max().unwrap_or(4_000) + 1,
            topic: topic.to_owned(),
            uri,
            version: version.to_owned(),
            created_at: now,
            filter: text("filter"),
            include_fields: fields.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        };
        let shown = show(&subscription);
        self.subscriptions.push(subscription);
        json!({ "webhookSubscription": shown, "userErrors": [] })
    }

    pub(super) fn delete_subscription(&mut self, id: &str) -> Value {
        let before = self.subscriptions.len();
        self.subscriptions.retain(|one| gid(one.id) != id);
        if self.subscriptions.len() == before {
            let error = json!({ "field": ["id"], "message": "Webhook subscription does not exist" });
            return json!({ "deletedWebhookSubscriptionId": null, "userErrors": [error] });
        }
        json!({ "deletedWebhookSubscriptionId": id, "userErrors": [] })
    }
}

fn gid(id: u64) -> String {
    format!("gid://shopify/WebhookSubscription/{id}")
}

fn show(one: &Subscription) -> Value {
    let at = one.created_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    json!({
        "id": gid(one.id), "legacyResourceId": one.id.to_string(), "topic": one.topic, "uri": one.uri,
        "callbackUrl": one.uri, "format": "JSON", "filter": if one.filter.is_empty() { Value::Null } else { json!(one.filter) },
        "includeFields": one.include_fields, "name": null, "createdAt": at, "updatedAt": at,
        "apiVersion": { "handle": one.version, "displayName": one.version, "supported": true },
    })
}
