//! From what ought to stand and what does stand to the smallest list of writes. Pure; running it twice after its own
//! writes gives an empty list.

use std::collections::BTreeMap;

use super::documents::{PostedState, Record};
use crate::books::document::{Document, DocumentKey, Standing};
use crate::books::hold::{Hold, HoldReason};

/// One write that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// The document is not in the ledger.
    Create(&'a Document),
    /// The document is in the ledger and ought not to count.
    Void(&'a Document),
}

/// What is missing between desire and reality.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<'a> {
    /// The writes, in the order in which they depend on each other.
    pub steps: Vec<Step<'a>>,
    /// True if nothing ought to stand and nothing ever did.
    pub nothing_ever: bool,
}

/// Compares. A difference that no write of ours may settle is a hold.
pub fn plan<'a>(desired: &'a [Document], posted: &BTreeMap<DocumentKey, Record>) -> Result<Plan<'a>, Hold> {
    let mut steps = Vec::new();
    for document in desired {
        let step = match posted.get(&document.key) {
            None => (document.standing == Standing::Live).then_some(Step::Create(document)),
            Some(record) => compare(document, record)?,
        };
        steps.extend(step);
    }
    let wanted = |key: &DocumentKey| desired.iter().any(|document| document.key == *key);
    if let Some((key, _)) = posted.iter().find(|(key, record)| record.state == PostedState::Posted && !wanted(key)) {
        return Err(changed(format!("{key} was posted, and the order no longer calls for it")));
    }
    let nothing_ever = posted.is_empty() && desired.iter().all(|document| document.standing == Standing::Void);
    Ok(Plan { steps, nothing_ever })
}

fn compare<'a>(document: &'a Document, record: &Record) -> Result<Option<Step<'a>>, Hold> {
    let (expected, actual) =
        (document.currency.show(record.expected_total), document.currency.show(record.ledger_total));
    match (document.standing, record.state) {
        // A total that the ledger computed otherwise must not stay in the books: out with it, then a person looks.
        (_, PostedState::Posted) if !record.exact => Ok(Some(Step::Void(document))),
        (_, _) if !record.exact => {
            let text = format!("{}: expected {expected}, the ledger made it {actual}; it was voided", document.key);
            Err(Hold::new(HoldReason::ProofDiffers, text))
        }
        (Standing::Void, PostedState::Posted) => Ok(Some(Step::Void(document))),
        (Standing::Void, PostedState::Voided) => Ok(None),
        (Standing::Live, PostedState::Voided) => {
            Err(changed(format!("{} was voided, and the order now calls for it again", document.key)))
        }
        (Standing::Live, PostedState::Posted) => {
            if record.expected_total == document.total && record.currency == document.currency.code() {
                return Ok(None);
            }
            let now = document.currency.show(document.total);
            Err(changed(format!("{} was posted as {expected}, the order now calls for {now}", document.key)))
        }
    }
}

fn changed(text: String) -> Hold {
    Hold::new(HoldReason::ChangedAfterPosting, text)
}
