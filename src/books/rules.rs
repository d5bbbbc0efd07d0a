//! What normalisation must know of a ledger, without knowing which one it is.

use serde::{Deserialize, Serialize};

use super::computation::Computation;
use super::document::{DocumentKind, Itemised, Line, TaxMode};
use super::listed::ListedLine;
use super::money::Currency;
use super::text::{Field, TextRule};

/// The ledgers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LedgerName {
    /// QuickBooks Online.
    QuickBooks,
    /// Xero.
    Xero,
}

impl LedgerName {
    /// The name in settings, addresses and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            LedgerName::QuickBooks => "quickbooks",
            LedgerName::Xero => "xero",
        }
    }

    /// The name people know.
    pub fn title(self) -> &'static str {
        match self {
            LedgerName::QuickBooks => "QuickBooks",
            LedgerName::Xero => "Xero",
        }
    }
}

/// How a ledger records money going back to a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundStyle {
    /// One refund receipt: a credit memo cannot be paid out through QuickBooks' API.
    Receipt,
    /// A credit note and a payment on it (Xero).
    CreditNoteAndPayment,
}

/// How a ledger learns the tax of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaxModel {
    /// Lines are only taxable or not, the tax total is sent (QuickBooks US).
    TotalOnly,
    /// Every line carries a tax code (everywhere else).
    CodePerLine,
}

/// What a ledger accepts and how it computes; implemented by each ledger, used by normalisation.
pub trait LedgerRules {
    /// Which ledger.
    fn ledger(&self) -> LedgerName;
    /// Length and characters of a field.
    fn text(&self, field: Field) -> TextRule;
    /// The most rows that one document may have.
    fn most_lines(&self) -> usize;
    /// How many rows a line makes in this ledger: its further pieces of description, and where the ledger knows no
    /// discount on a line, the discount too.
    fn rows(&self, line: &Line) -> usize;
    /// How refunds are recorded.
    fn refund_style(&self) -> RefundStyle;
    /// How tax is told.
    fn tax_model(&self) -> TaxModel;
    /// Whether prices containing tax can be sent as they are.
    fn accepts(&self, mode: TaxMode) -> bool;
    /// The currency that the books are kept in, where that is known.
    fn home(&self) -> Option<Currency>;
    /// How many decimals the ledger keeps of an amount in `currency`.
    fn decimals(&self, currency: Currency) -> u32;
    /// How this ledger will add the document up: a model of its own arithmetic.
    fn compute(&self, document: &Itemised, currency: Currency) -> Computation;
    /// The lines that this ledger will show of the document once it is written.
    fn shown(&self, kind: DocumentKind, document: &Itemised, currency: Currency) -> Vec<ListedLine>;
}
