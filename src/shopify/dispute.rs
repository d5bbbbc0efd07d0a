//! A dispute as Shopify tells it: the buyer's bank takes money back, or asks about it. No refund says so.

use chrono::{DateTime, FixedOffset};
use serde::Deserialize;

use super::money::{Amount, Id, null_as_empty};
use crate::books::money::Currency;

/// A chargeback, or an inquiry that may become one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Dispute {
    /// Shopify's id.
    pub id: Id,
    /// Which order; some bodies name none.
    #[serde(default)]
    pub order_id: Option<Id>,
    /// `chargeback` or `inquiry`.
    #[serde(rename = "type", default, deserialize_with = "null_as_empty")]
    pub kind: String,
    /// `needs_response`, `under_review`, `charge_refunded`, `accepted`, `won`, `lost`.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub status: String,
    /// Why, in the bank's word: `fraudulent`, …
    #[serde(default, deserialize_with = "null_as_empty")]
    pub reason: String,
    /// What it is about.
    pub amount: Amount,
    /// In this currency.
    pub currency: Currency,
    /// Until when the shop may answer.
    #[serde(default)]
    pub evidence_due_by: Option<DateTime<FixedOffset>>,
}

impl Dispute {
    /// True until it is decided. A status that is not known decides nothing.
    pub fn is_open(&self) -> bool {
        !matches!(self.status.as_str(), "charge_refunded" | "accepted" | "won" | "lost")
    }

    /// The dispute in words: what, how much, why, and until when it may be answered.
    pub fn in_words(&self) -> String {
        let word = |text: &str, else_: &str| {
            let is_word =
                !text.is_empty() && text.len() <= 40 && text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            if is_word { text.replace('_', " ") } else { else_.to_owned() }
        };
        let what = word(&self.kind, "dispute");
        let amount = self.currency.show(self.amount.0);
        let why = word(&self.reason, "no reason given");
        let answered = self.status != "needs_response";
        let due =
            self.evidence_due_by.filter(|_| !answered).map(|due| format!(", to be answered by {}", due.date_naive()));
        format!("{what} of {amount} ({why}){}", due.unwrap_or_default())
    }
}
