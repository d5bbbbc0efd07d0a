//! Shopify's lists of orders, page by page, and how many there are.

use chrono::{DateTime, FixedOffset};
use serde_json::Value;

use super::Trouble;
use super::rest::{both, items};
use crate::shopify::money::MoneySet;

/// An order as the lists of orders to compare with the books show it. Every amount has both its sides: the shop's currency
/// and the buyer's.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Shopify's id.
    pub order_id: String,
    /// The name people know.
    pub name: String,
    /// When Shopify took it in.
    pub created_at: DateTime<FixedOffset>,
    /// When it changed last.
    pub updated_at: DateTime<FixedOffset>,
    /// When it was made, as Shopify's reports see it: an imported order may be older than its `created_at`.
    pub processed_at: Option<DateTime<FixedOffset>>,
    /// When it was cancelled, if it was.
    pub cancelled_at: Option<DateTime<FixedOffset>>,
    /// True for a test order.
    pub test: bool,
    /// The total before returns.
    pub total: MoneySet,
    /// The total after edits and returns.
    pub current_total: MoneySet,
    /// Money received.
    pub total_received: MoneySet,
    /// Money given back.
    pub total_refunded: MoneySet,
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
            created_at: instant(&one["createdAt"])?,
            updated_at: instant(&one["updatedAt"])?,
            processed_at: instant(&one["processedAt"]),
            cancelled_at: instant(&one["cancelledAt"]),
            test: one["test"] == true,
            total: set("totalPriceSet")?,
            current_total: set("currentTotalPriceSet")?,
            total_received: set("totalReceivedSet")?,
            total_refunded: set("totalRefundedSet")?,
            outstanding: set("totalOutstandingSet")?,
        })
    };
    let orders = items(&page["nodes"]).iter().map(read).collect::<Option<Vec<_>>>().ok_or_else(unreadable)?;
    Ok((orders, next_page(&page["pageInfo"])))
}

/// An order as the list in the order of sale shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Shopify's id.
    pub order_id: String,
    /// The name people know.
    pub name: String,
    /// When it was made, as Shopify's reports see it.
    pub made_at: DateTime<FixedOffset>,
    /// When it changed last.
    pub updated_at: DateTime<FixedOffset>,
}

/// A page of them, and where the next one begins.
pub fn made(data: &Value) -> Result<(Vec<Made>, Option<String>), Trouble> {
    let page = &data["orders"];
    let instant = |value: &Value| value.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    let read = |one: &Value| {
        Some(Made {
            order_id: one["legacyResourceId"].as_str()?.to_owned(),
            name: one["name"].as_str()?.to_owned(),
            made_at: instant(&one["processedAt"]).or_else(|| instant(&one["createdAt"]))?,
            updated_at: instant(&one["updatedAt"])?,
        })
    };
    let unreadable = || Trouble::Later("Shopify's list of orders cannot be read".to_owned());
    let orders = items(&page["nodes"]).iter().map(read).collect::<Option<Vec<_>>>().ok_or_else(unreadable)?;
    Ok((orders, next_page(&page["pageInfo"])))
}

/// How many orders Shopify counts, and true if that is exact: it may stop counting.
pub fn count(data: &Value) -> Result<(i64, bool), Trouble> {
    let counted = &data["ordersCount"];
    let unreadable = || Trouble::Later("Shopify's count of orders cannot be read".to_owned());
    Ok((counted["count"].as_i64().ok_or_else(unreadable)?, counted["precision"] == "EXACT"))
}

/// Where the next page begins, if there is one.
pub(super) fn next_page(info: &Value) -> Option<String> {
    (info["hasNextPage"] == true).then(|| info["endCursor"].as_str().map(str::to_owned))?
}
