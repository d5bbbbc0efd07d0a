//! A sale that stands in the ledger and is not ours: another integration, or a person, entered it. Money may be applied to
//! it; it is never changed.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::document::DocumentKind;
use super::money::Currency;

/// Whether a foreign sale counts in the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForeignStanding {
    /// It does.
    Counts,
    /// Nobody approved it yet: it can take no payment.
    Draft,
    /// It was voided or deleted.
    Void,
    /// It stands in these books for another order, as its own sale or as one that was found for it.
    Taken,
}

/// A foreign sale, as the ledger states it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignSale {
    /// An invoice, or a QuickBooks sales receipt, which is paid already.
    pub kind: DocumentKind,
    /// The ledger's id.
    pub ledger_id: String,
    /// The number that people know it by.
    pub number: String,
    /// Its currency; a company of one currency does not always say it.
    pub currency: Option<Currency>,
    /// Its total.
    pub total: Decimal,
    /// What of it is not paid yet.
    pub open: Decimal,
    /// The ledger's id of its customer.
    pub party_id: String,
    /// Whether it counts.
    pub standing: ForeignStanding,
}

impl ForeignSale {
    /// The words by which a person finds it: kind and number.
    pub fn title(&self) -> String {
        let kind = if self.kind == DocumentKind::SalesReceipt { "sales receipt" } else { "invoice" };
        format!("{kind} {}", self.number)
    }
}
