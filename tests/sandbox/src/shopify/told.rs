//! What the shop was told, in the webhooks' own bodies: the newest order, refunds by id, transactions by id.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset};
use serde_json::Value;

use super::Shop;

/// One order, as far as it was told.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub order: Option<Value>,
    pub refunds: BTreeMap<u64, Value>,
    pub transactions: BTreeMap<u64, Value>,
}

/// An id: a number or its digits.
pub(super) fn id(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok())).unwrap_or_default()
}

pub(super) fn instant(value: &Value) -> Option<DateTime<FixedOffset>> {
    value.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok())
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

impl Shop {
    /// Something happened in the shop: the body of the webhook that tells of it. Older news never replaces newer.
    pub fn happened(&mut self, topic: &str, body: &Value) {
        match topic {
            "refunds/create" => self.told.entry(id(&body["order_id"])).or_default().take_refund(body),
            "order_transactions/create" => self.told.entry(id(&body["order_id"])).or_default().take_transaction(body),
            "orders/delete" => {
                self.told.remove(&id(&body["id"]));
            }
            "orders/edited" => {}
            _ if topic.starts_with("orders/") => self.told.entry(id(&body["id"])).or_default().take_order(body),
            _ => {}
        }
    }
}

impl Told {
    fn take_order(&mut self, body: &Value) {
        let at = |order: &Value| instant(&order["updated_at"]).or_else(|| instant(&order["created_at"]));
        if self.order.as_ref().is_none_or(|known| at(known) <= at(body)) {
            self.order = Some(body.clone());
        }
        list(&body["refunds"]).iter().for_each(|one| self.take_refund(one));
        list(&body["transactions"]).iter().for_each(|one| self.take_transaction(one));
    }

    fn take_refund(&mut self, body: &Value) {
        list(&body["transactions"]).iter().for_each(|one| self.take_transaction(one));
        self.refunds.insert(id(&body["id"]), body.clone());
    }

    fn take_transaction(&mut self, body: &Value) {
        let is_final =
            |one: &Value| !matches!(one["status"].as_str(), Some("pending" | "awaiting_response" | "unknown"));
        let known = self.transactions.get(&id(&body["id"]));
        if known.is_none_or(|known| !is_final(known) || is_final(body)) {
            self.transactions.insert(id(&body["id"]), body.clone());
        }
    }
}
