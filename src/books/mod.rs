//! Accounting as both ledgers understand it: money, documents, parties, proof, and what a ledger's rules are.
//! Knows neither Shopify nor any ledger; imports nothing of the house but itself.

pub mod calendar;
pub mod computation;
pub mod document;
pub mod foreign;
pub mod hold;
pub mod key;
pub mod line;
pub mod listed;
pub mod money;
pub mod rules;
pub mod text;

pub use calendar::Calendar;
pub use computation::Computation;
pub use document::{
    Cash, Content, Conversion, Document, DocumentKey, DocumentKind, Itemised, Line, LineRole, LineTax, Party,
    Settlement, Standing, TaxMode,
};
pub use foreign::{ForeignSale, ForeignStanding};
pub use hold::{Hold, HoldReason};
pub use money::Currency;
pub use rules::{LedgerName, LedgerRules, RefundStyle, TaxModel};
