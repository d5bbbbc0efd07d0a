//! Money that moved, or tried to, as Shopify tells it (facts/shopify §2.6).

use chrono::{DateTime, FixedOffset};
use serde::Deserialize;

use super::money::{Amount, Id, MoneySet, null_as_empty};
use crate::books::money::Currency;

/// Money that moved, or tried to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Transaction {
    /// Shopify's id.
    pub id: Id,
    /// Which order.
    #[serde(default)]
    pub order_id: Option<Id>,
    /// `sale`, `capture`, `authorization`, `refund`, `void`, `change`, …
    #[serde(default, deserialize_with = "null_as_empty")]
    pub kind: String,
    /// `success`, `pending`, `failure`, `error`, …
    #[serde(default, deserialize_with = "null_as_empty")]
    pub status: String,
    /// In the currency that the buyer paid with.
    pub amount: Amount,
    /// What a cash payment was rounded by (±), where it was.
    #[serde(default)]
    pub amount_rounding: Option<Amount>,
    /// The amount on both sides, at the rate at which the money really moved; webhooks do not carry it, the Admin API does.
    #[serde(default)]
    pub amount_set: Option<MoneySet>,
    /// That currency; null in some bodies.
    #[serde(default)]
    pub currency: Option<Currency>,
    /// Who handled it.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub gateway: String,
    /// When it was created.
    #[serde(default)]
    pub created_at: Option<DateTime<FixedOffset>>,
    /// When it happened.
    #[serde(default)]
    pub processed_at: Option<DateTime<FixedOffset>>,
    /// True in test mode.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub test: bool,
}

impl Transaction {
    /// True if it brought money in: only a successful sale or capture does.
    pub fn is_receipt(&self) -> bool {
        self.status == "success" && matches!(self.kind.as_str(), "sale" | "capture")
    }

    /// True if it is change that was given back at the till.
    pub fn is_change(&self) -> bool {
        self.status == "success" && self.kind == "change"
    }

    /// True if it returned money.
    pub fn is_refund(&self) -> bool {
        self.status == "success" && self.kind == "refund"
    }

    /// True if its outcome is still open.
    pub fn is_pending(&self) -> bool {
        matches!(self.status.as_str(), "pending" | "awaiting_response" | "unknown")
    }

    /// When the money moved.
    pub fn at(&self) -> Option<DateTime<FixedOffset>> {
        self.processed_at.or(self.created_at)
    }
}
