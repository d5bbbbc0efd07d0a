//! What is due, paid and left on a document, and the status that follows from it.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::documents::Sort;
use crate::json::{self, money};

/// What payments and credits have taken from a document.
pub(super) fn applied(document: &Value) -> Decimal {
    let sum = |list: &str, key: &str| -> Decimal {
        json::list(document, list).iter().map(|row| json::amount(row, key)).sum()
    };
    sum("Payments", "Amount") + sum("CreditNotes", "AppliedAmount") + sum("Allocations", "Amount")
}

/// Amounts due and paid, what is left of a credit, and the status that follows: PAID when nothing is left. A total of zero stays
/// AUTHORISED (conservative: not known).
pub(super) fn settle(sort: Sort, document: &mut Value) {
    let (total, applied) = (json::amount(document, "Total"), applied(document));
    let left = total - applied;
    let paid: Decimal = json::list(document, "Payments").iter().map(|row| json::amount(row, "Amount")).sum();
    match sort {
        Sort::Invoice => {
            document["AmountDue"] = money(left);
            document["AmountPaid"] = money(paid);
            document["AmountCredited"] = money(applied - paid);
        }
        Sort::CreditNote => document["RemainingCredit"] = money(left),
    }
    let status = json::text(document, "Status");
    if matches!(status, "AUTHORISED" | "PAID") {
        let is_paid = left.is_zero() && !applied.is_zero();
        document["Status"] = json!(if is_paid { "PAID" } else { "AUTHORISED" });
    }
}
