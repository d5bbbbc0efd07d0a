//! Where people see a document in the ledger's own pages.

use crate::books::rules::LedgerName;

/// The address of a document in the ledger, for people who are signed in to its company. `kind` is the document's as tables
/// name it. An application has no page of its own.
pub fn link(ledger: LedgerName, kind: &str, id: &str) -> Option<String> {
    // Ids are digits or a UUID; anything else is none of theirs.
    if id.is_empty() || !id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-') {
        return None;
    }
    Some(match (ledger, kind) {
        (LedgerName::QuickBooks, "invoice") => quickbooks("invoice", id),
        (LedgerName::QuickBooks, "sales_receipt") => quickbooks("salesreceipt", id),
        (LedgerName::QuickBooks, "credit_note") => quickbooks("creditmemo", id),
        (LedgerName::QuickBooks, "refund_receipt") => quickbooks("refundreceipt", id),
        (LedgerName::QuickBooks, "payment") => quickbooks("recvpayment", id),
        (LedgerName::Xero, "invoice") => xero("AccountsReceivable/View.aspx?InvoiceID", id),
        (LedgerName::Xero, "credit_note") => xero("AccountsReceivable/ViewCreditNote.aspx?creditNoteID", id),
        (LedgerName::Xero, "payment" | "refund_payment") => xero("Bank/ViewTransaction.aspx?bankTransactionID", id),
        _ => return None,
    })
}

fn quickbooks(page: &str, id: &str) -> String {
    format!("https://app.qbo.intuit.com/app/{page}?txnId={id}")
}

fn xero(page: &str, id: &str) -> String {
    format!("https://go.xero.com/{page}={id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_shown_where_the_ledger_shows_it() {
        let said = link(LedgerName::QuickBooks, "refund_receipt", "145");
        assert_eq!(said.as_deref(), Some("https://app.qbo.intuit.com/app/refundreceipt?txnId=145"));
        let id = "1cf1a11c-a067-4a05-9c8b-06f281f7afed";
        let said = link(LedgerName::Xero, "credit_note", id).unwrap();
        assert_eq!(said, format!("https://go.xero.com/AccountsReceivable/ViewCreditNote.aspx?creditNoteID={id}"));
    }

    #[test]
    fn what_is_no_id_becomes_no_address() {
        for id in ["", "javascript:alert(1)", "1&x=2", "1 2"] {
            assert_eq!(link(LedgerName::QuickBooks, "invoice", id), None, "{id}");
        }
        assert_eq!(link(LedgerName::Xero, "application", "1"), None);
    }
}
