//! One order held against the ledger: what ought to stand, what was written last, and what is found there.

use serde::{Deserialize, Serialize};

use super::expectation::{Expectation, Expected};
use crate::books::document::DocumentKey;
use crate::books::listed::Listed;
use crate::books::rules::LedgerName;

/// What was written of an order last, under one document key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The document as it was written.
    pub expected: Expected,
    /// The ledger's id of it.
    pub ledger_id: String,
    /// The ledger's id of its customer.
    pub party_id: Option<String>,
    /// False if it was voided or deleted by us since.
    pub stands: bool,
    /// True if it is somebody else's, and money of ours is applied to it.
    pub foreign: bool,
}

/// An order, what was written of it and what the ledger lists of it.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The order and what it calls for.
    pub order: &'a Expectation,
    /// What was written last, one for each document key.
    pub written: &'a [Written],
    /// What the ledger holds of it, voided documents and drafts included.
    pub found: &'a [Listed],
    /// The code of the order's hold, where it is held.
    pub hold: Option<&'a str>,
    /// Which ledger.
    pub ledger: LedgerName,
}

/// What is wrong with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// It ought to stand and does not.
    Missing,
    /// It stands, and says something else than was booked.
    Wrong,
    /// It stands as it was written, and the order has changed since.
    Stale,
    /// It is a second one of the same order and kind.
    Duplicate,
    /// It says that it is for the order, and nothing calls for it.
    Unexpected,
}

/// Which value differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The total.
    Total,
    /// The tax in it.
    Tax,
    /// The currency.
    Currency,
    /// The accounting date.
    Date,
    /// Whose account it is on.
    Customer,
    /// Whether it counts.
    Status,
    /// The text of a line.
    Text,
    /// The lines and their amounts.
    Lines,
    /// What of it is not settled.
    Balance,
    /// Its number.
    Number,
}

/// What is to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repair {
    /// The document is posted.
    Post,
    /// The order is looked at again, which brings its documents up to date.
    Update,
    /// Ours, and changed by hand: it is written again as it was.
    Correct,
    /// A person decides.
    Ask,
    /// Nothing.
    None,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind of difference.
    pub class: Class,
    /// Which document of the order, where it is one of those that it calls for.
    pub document_key: Option<DocumentKey>,
    /// The ledger's id of the document that stands there, or stood.
    pub ledger_id: Option<String>,
    /// Its number.
    pub number: String,
    /// Which value differs; none where it is the document as a whole.
    pub field: Option<Field>,
    /// What it ought to be. Never personal data.
    pub shopify_value: String,
    /// What the ledger says. Never personal data.
    pub ledger_value: String,
    /// Why, as far as that can be told, in plain words.
    pub cause: String,
    /// What is to be done.
    pub repair: Repair,
}

/// Every difference between what an order calls for and what the ledger holds of it.
pub fn compare(_case: &Case<'_>) -> Vec<Finding> {
    Vec::new()
}
