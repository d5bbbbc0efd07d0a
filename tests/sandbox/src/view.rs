//! What a test wants to know of the documents in a company, the same for both ledgers.

use rust_decimal::Decimal;
use serde_json::{Value, json};

/// One transaction as it stands in the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentView {
    /// The ledger's own name for it: `Invoice`, `SalesReceipt`, `Payment`, `CreditMemo`, `RefundReceipt`, `CreditNote`.
    pub kind: String,
    pub id: String,
    /// Document number; empty for payments.
    pub number: String,
    /// Xero `Reference`, QuickBooks `PaymentRefNum`.
    pub reference: String,
    /// QuickBooks `PrivateNote`.
    pub note: String,
    /// Contact or customer id, and name.
    pub party: String,
    pub party_name: String,
    pub date: String,
    pub currency: String,
    pub rate: Decimal,
    pub total: Decimal,
    pub tax: Decimal,
    /// What is open: due on an invoice, unused on a credit or payment.
    pub balance: Decimal,
    /// `OPEN`, `PAID`, `VOIDED`, `DELETED` and, for Xero, its own statuses.
    pub status: String,
    /// Account that receives or returns the money.
    pub account: String,
    /// `(kind, id, amount)` of what it is applied to or paid by.
    pub links: Vec<(String, String, Decimal)>,
}

impl DocumentView {
    pub fn to_json(&self) -> Value {
        let links: Vec<Value> = self
            .links
            .iter()
            .map(|(kind, id, amount)| json!({ "kind": kind, "id": id, "amount": amount.normalize().to_string() }))
            .collect();
        json!({
            "kind": self.kind, "id": self.id, "number": self.number, "reference": self.reference,
            "private_note": self.note, "party": self.party, "party_name": self.party_name, "date": self.date,
            "currency": self.currency, "rate": self.rate.normalize().to_string(), "total": format!("{:.2}", self.total),
            "tax": format!("{:.2}", self.tax), "balance": format!("{:.2}", self.balance), "status": self.status,
            "account": self.account, "links": links,
        })
    }
}
