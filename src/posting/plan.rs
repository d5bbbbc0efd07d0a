//! From what ought to stand and what does stand to the smallest list of writes. Pure; running it twice after its own
//! writes gives an empty list.

use std::collections::BTreeMap;

use super::documents::{PostedState, Record};
use crate::books::document::{Document, DocumentKey, DocumentKind, Standing};
use crate::books::hold::{Hold, HoldReason};

/// One write that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// The document is not in the ledger.
    Create(&'a Document),
    /// The document is in the ledger, nothing is attached to it, and it ought to say something else.
    Update(&'a Document),
    /// The document is in the ledger and ought not to count.
    Void(&'a Document),
}

/// What was written of an order, by document key.
pub type PostedDocuments = BTreeMap<DocumentKey, Record>;

/// Compares. Returns the writes that are missing, in the order in which they depend on each other. A difference that no
/// write of ours may settle is a hold.
pub fn plan<'a>(desired: &'a [Document], posted: &'a PostedDocuments) -> Result<Vec<Step<'a>>, Hold> {
    let mut steps = Vec::new();
    // What ought not to be there goes first: it may hold a number that is needed.
    let wanted = |key: &DocumentKey| desired.iter().any(|document| document.key == *key);
    for (key, record) in posted.iter().filter(|(key, record)| record.state == PostedState::Posted && !wanted(key)) {
        if is_settled(key, posted) || record.document.settlement().is_some() {
            return Err(changed(format!("{key} was posted, and the order no longer calls for it")));
        }
        steps.push(Step::Void(&record.document));
    }
    for document in desired {
        let step = match posted.get(&document.key) {
            None => (document.standing == Standing::Live).then_some(Step::Create(document)),
            Some(record) => compare(document, record, is_settled(&document.key, posted))?,
        };
        steps.extend(step);
    }
    Ok(steps)
}

/// True if money or a credit that stands in the ledger is attached to the document.
fn is_settled(key: &DocumentKey, posted: &PostedDocuments) -> bool {
    posted.values().filter(|record| record.state == PostedState::Posted).any(|record| {
        record.document.settlement().is_some_and(|money| money.settles == *key || money.from.as_ref() == Some(key))
    })
}

fn compare<'a>(document: &'a Document, record: &Record, settled: bool) -> Result<Option<Step<'a>>, Hold> {
    let (expected, actual) =
        (document.currency.show(record.expected_total), document.currency.show(record.ledger_total));
    let same_kind = record.document.kind() == document.kind();
    let may_change = !settled && document.kind() == DocumentKind::Invoice && same_kind;
    // A wrong total of a credit note is put right as well, but its content is not rewritten.
    let may_correct = !settled && document.kind().may_be_corrected() && same_kind;
    match (document.standing, record.state) {
        // Somebody else's: whatever it says, it is not ours to change.
        (_, PostedState::Foreign) => Ok(None),
        // Whether the ledger holds what was written nobody knows.
        (Standing::Live, PostedState::Posted) if record.doubted && may_correct => Ok(Some(Step::Update(document))),
        // A total that the ledger computed otherwise must not stay: it is written anew once, then it goes out and a
        // person looks.
        (Standing::Live, PostedState::Posted) if !record.exact && may_correct && record.updates == 0 => {
            Ok(Some(Step::Update(document)))
        }
        (_, PostedState::Posted) if !record.exact => Ok(Some(Step::Void(document))),
        (_, PostedState::Voided) if !record.exact => {
            let text = format!("{}: expected {expected}, the ledger made it {actual}; it was voided", document.key);
            Err(Hold::new(HoldReason::ProofDiffers, text))
        }
        (Standing::Void, PostedState::Posted) => Ok(Some(Step::Void(document))),
        (Standing::Void, PostedState::Voided | PostedState::Retired) => Ok(None),
        // The order calls for it again: a new one, under a number of its own.
        (Standing::Live, PostedState::Voided | PostedState::Retired) => Ok(Some(Step::Create(document))),
        (Standing::Live, PostedState::Posted) => {
            if record.document.same_money(document) {
                return Ok(None);
            }
            if may_change {
                return Ok(Some(Step::Update(document)));
            }
            let now = document.currency.show(document.total);
            Err(changed(format!("{} was posted as {expected}, the order now calls for {now}", document.key)))
        }
    }
}

fn changed(text: String) -> Hold {
    Hold::new(HoldReason::ChangedAfterPosting, text)
}
