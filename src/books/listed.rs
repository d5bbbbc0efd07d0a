//! A document as the ledger lists it, whoever entered it: what a reconciliation holds against what ought to stand.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::document::DocumentKind;
use super::money::Currency;

/// A line of a listed document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedLine {
    /// Its text.
    pub text: String,
    /// Its amount, in the document's currency, as the ledger shows it: QuickBooks without tax even where prices contain it, and
    /// what its own discount line takes off as a positive amount.
    pub amount: Decimal,
}

/// A document that stands in the ledger, or stood in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// What kind. Applications are not listed: they show in what is open of the documents that they join. Xero's list of
    /// payments holds the refund payments too.
    pub kind: DocumentKind,
    /// The ledger's id.
    pub ledger_id: String,
    /// The document number; of a payment its reference.
    pub number: String,
    /// The text in which an order may be named: Xero's `Reference`, QuickBooks' `PrivateNote`. May hold anything.
    pub note: String,
    /// Its currency; a company of one currency does not always say it.
    pub currency: Option<Currency>,
    /// Its total, tax included; of a payment its amount.
    pub total: Decimal,
    /// The tax in it, where the ledger states it.
    pub tax: Option<Decimal>,
    /// What of it is not settled yet (of a payment: applied to nothing yet), where the ledger states it.
    pub open: Option<Decimal>,
    /// Its accounting date.
    pub date: Option<NaiveDate>,
    /// The ledger's id of its customer.
    pub party_id: Option<String>,
    /// True if it was voided or deleted: it does not count. A voided application is listed as a voided payment of nothing.
    pub void: bool,
    /// True if nobody approved it yet: it does not count either.
    pub draft: bool,
    /// Its lines, but for subtotals; none of a payment.
    pub lines: Vec<ListedLine>,
    /// Of a payment, the ledger's ids of the documents that it settles.
    pub settles: Vec<String>,
}

impl Listed {
    /// True if it counts in the books.
    pub fn counts(&self) -> bool {
        !self.void && !self.draft
    }

    /// True if its note or number names the Shopify order of that id, as a whole word.
    pub fn names(&self, order_id: &str) -> bool {
        let words = |text: &str| text.split(|letter: char| !letter.is_ascii_digit()).any(|word| word == order_id);
        words(&self.note) || words(&self.number)
    }
}
