//! Shopify's list of orders that changed, page by page.

use chrono::{DateTime, FixedOffset};
use serde_json::Value;

use super::Trouble;
use super::rest::{both, items};
use crate::shopify::money::MoneySet;

/// An order as the list of changes shows it.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Shopify's id.
    pub order_id: String,
    /// The name people know.
    pub name: String,
    /// When it changed last.
    pub updated_at: DateTime<FixedOffset>,
    /// When it was made, as Shopify's reports see it.
    pub processed_at: Option<DateTime<FixedOffset>>,
    /// True if it was cancelled.
    pub cancelled: bool,
    /// True for a test order.
    pub test: bool,
    /// The total before returns.
    pub total: MoneySet,
    /// The total after edits and returns.
    pub current_total: MoneySet,
    /// Money received.
    pub received: MoneySet,
    /// Money given back.
    pub refunded: MoneySet,
    /// What the buyer still owes.
    pub outstanding: MoneySet,
}

/// A page of orders, and where the next one begins.
pub fn summaries(data: &Value) -> Result<(Vec<Summary>, Option<String>), Trouble> {
    let unreadable = || Trouble::Later("Shopify's list of orders cannot be read".to_owned());
    let page = &data["orders"];
    let instant = |value: &Value| value.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    let read = |one: &Value| {
        let set = |key: &str| serde_json::from_value::<MoneySet>(both(&one[key])).ok();
        Some(Summary {
            order_id: one["legacyResourceId"].as_str()?.to_owned(),
            name: one["name"].as_str()?.to_owned(),
            updated_at: instant(&one["updatedAt"])?,
            processed_at: instant(&one["processedAt"]),
            cancelled: !one["cancelledAt"].is_null(),
            test: one["test"] == true,
            total: set("totalPriceSet")?,
            current_total: set("currentTotalPriceSet")?,
            received: set("totalReceivedSet")?,
            refunded: set("totalRefundedSet")?,
            outstanding: set("totalOutstandingSet")?,
        })
    };
    let orders = items(&page["nodes"]).iter().map(read).collect::<Option<Vec<_>>>().ok_or_else(unreadable)?;
    Ok((orders, next_page(&page["pageInfo"])))
}

/// Where the next page begins, if there is one.
pub(super) fn next_page(info: &Value) -> Option<String> {
    (info["hasNextPage"] == true).then(|| info["endCursor"].as_str().map(str::to_owned))?
}
