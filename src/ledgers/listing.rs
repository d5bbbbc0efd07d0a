//! Lists of what a ledger holds: what is asked for, and pages as both ledgers answer them. A page may hold a thousand
//! documents, and as a tree of values it takes ten times the memory of its text: each document is taken out of the text, read
//! and let go before the next.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::Outcome;
use crate::books::listed::Listed;

/// Which documents are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// Those of an accounting date from the first to the second, both included.
    Dated(NaiveDate, NaiveDate),
    /// Those that were made or changed since then, voided ones included as far as the ledger tells of them.
    ChangedSince(DateTime<Utc>),
    /// Those of these ids, at most [`MOST_NAMED`].
    Ids(Vec<String>),
    /// Those of these numbers (of payments: these references), at most [`MOST_NAMED`].
    Numbers(Vec<String>),
}

/// How many documents one question may name: 25 conditions on an id just fit into the 2,048 characters that an address may
/// have behind its `?` (Xero).
pub const MOST_NAMED: usize = 25;

/// One page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListedPage {
    /// What it holds.
    pub documents: Vec<Listed>,
    /// True if there may be another page behind it.
    pub more: bool,
}

/// Documents that were deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deleted {
    /// The ledger's ids of them.
    pub ids: Vec<String>,
    /// True if there may be more of them: of a shorter time the ledger tells all.
    pub more: bool,
}

/// The members of an object, each as it is written; `None` if the text is no object.
pub fn members(text: &str) -> Option<BTreeMap<Cow<'_, str>, &RawValue>> {
    serde_json::from_str(text).ok()
}

/// The elements of an array, each as it is written; `None` if the text is no array.
pub fn elements(text: &str) -> Option<Vec<&RawValue>> {
    serde_json::from_str(text).ok()
}

/// The documents of a page. What `read` takes for none is left out; what it cannot read makes the whole page unknown,
/// because a document that is passed over would be taken for a missing one.
pub fn page(
    rows: &[&RawValue],
    more: bool,
    read: impl Fn(&Value) -> Result<Option<Listed>, String>,
) -> Outcome<ListedPage> {
    let mut documents = Vec::with_capacity(rows.len());
    for row in rows {
        let one = serde_json::from_str(row.get()).map_err(|error| error.to_string()).and_then(|row| read(&row));
        match one {
            Ok(one) => documents.extend(one),
            Err(why) => return Outcome::Unknown(why),
        }
    }
    Outcome::Done(ListedPage { documents, more })
}
