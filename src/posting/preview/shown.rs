//! What a preview shows.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::books::document::{Document, Standing};
use crate::books::hold::Hold;
use crate::ledgers::Operation;
use crate::normalize::{Adjustment, Desired};
use crate::platform::time::iso;
use crate::posting::documents::Record;
use crate::posting::orders::Ending;

/// What would be written for an order, and why.
#[derive(Debug, Default, Serialize)]
pub struct Preview {
    /// Shopify's id.
    pub order_id: String,
    /// The name people know.
    pub name: Option<String>,
    /// Where it stands now; `unknown` for an order that the books never heard of.
    pub state: String,
    /// The documents that it ought to have.
    pub calls_for: Vec<Wanted>,
    /// What would be written, in this order.
    pub steps: Vec<Planned>,
    /// What normalisation changes on the way.
    pub adjustments: Vec<Changed>,
    /// Why a person would have to look after these steps.
    pub hold: Option<Reason>,
    /// What a person should know although the books would be right.
    pub notice: Option<Reason>,
    /// The rule that leaves it out.
    pub ignored: Option<&'static str>,
    /// What would be waited for after these steps.
    pub waiting: Option<String>,
}

/// A document that the order calls for.
#[derive(Debug, Serialize)]
pub struct Wanted {
    /// Which one of the order.
    pub key: String,
    /// Its kind.
    pub kind: &'static str,
    /// Its number, or a payment's reference.
    pub number: String,
    /// Its currency.
    pub currency: String,
    /// Its total.
    pub total: String,
    /// The accounting date.
    pub date: String,
    /// `live`, or `void` for one that ought not to count.
    pub standing: &'static str,
}

/// One write that would go out.
#[derive(Debug, Serialize)]
pub struct Planned {
    /// `create`, `update` or `void`.
    pub operation: &'static str,
    /// Of which document.
    pub document_key: String,
    /// Its number, or a payment's reference.
    pub number: String,
    /// Its currency.
    pub currency: String,
    /// Its total.
    pub total: String,
    /// Why, in plain words.
    pub why: String,
    /// What is asked before, because its answer is part of the request.
    pub first: Vec<String>,
    /// The request as it would go out if it went alone.
    pub request: Shown,
}

/// A request, without host and authorisation.
#[derive(Debug, Serialize)]
pub struct Shown {
    /// The method.
    pub method: &'static str,
    /// Path and query.
    pub path: String,
    /// The body, byte for byte.
    pub body: Option<String>,
    /// The idempotency key, where it goes as a header.
    pub idempotency_key: Option<String>,
}

/// One thing that normalisation changes.
#[derive(Debug, Serialize)]
pub struct Changed {
    /// Of which document.
    pub document_key: String,
    /// Which field, as Shopify calls it.
    pub field: String,
    /// The rule (docs/adjustments.md).
    pub rule: &'static str,
    /// What it is.
    pub before: String,
    /// What it becomes.
    pub after: String,
}

/// A hold, in the words of the order's row.
#[derive(Debug, Serialize)]
pub struct Reason {
    /// The reason code (docs/holds.md).
    pub reason: &'static str,
    /// The particulars.
    pub detail: String,
    /// What to do about it.
    pub remedy: &'static str,
}

/// Why a write is due.
pub fn why(operation: Operation, document: &Document, before: Option<&Record>) -> String {
    let total = document.currency.show(document.total);
    match (operation, before) {
        (Operation::Create, None) => "the order calls for it, and the ledger does not have it".into(),
        (Operation::Create, Some(_)) => {
            "the order calls for it again after it was taken out: under a number of its own".into()
        }
        (Operation::Update, Some(one)) if one.doubted => {
            "what the ledger holds of it may be something else than was written".into()
        }
        (Operation::Update, Some(one)) if one.exact => {
            let stated = document.currency.show(one.expected_total);
            format!(
                "it stands with {stated}, and the order now calls for {total}, or for other lines or another due date"
            )
        }
        (Operation::Void, Some(one)) if one.exact && document.standing == Standing::Live => {
            "it stands, and the order no longer calls for it".into()
        }
        (Operation::Void, Some(one)) if one.exact => "it stands, and ought not to count any more".into(),
        (_, Some(one)) => {
            let stated = document.currency.show(one.ledger_total);
            let remedy = if operation == Operation::Void { "it is taken out" } else { "it is written anew, once" };
            format!("the ledger made {stated} of what ought to be {total}: {remedy}")
        }
        (_, None) => "it ought not to count".into(),
    }
}

impl From<&Hold> for Reason {
    fn from(hold: &Hold) -> Self {
        Self { reason: hold.reason.code(), detail: hold.detail.clone(), remedy: hold.reason.remedy() }
    }
}

impl Preview {
    /// Takes in what the order calls for.
    pub(super) fn tell(&mut self, desired: Result<Desired, Hold>) {
        let Ok(Desired::Documents(desired)) = desired else { return };
        self.calls_for = desired.documents.iter().map(wanted).collect();
        let changed = |note: Adjustment| Changed {
            document_key: note.document_key.to_string(),
            field: note.field,
            rule: note.rule,
            before: note.before,
            after: note.after,
        };
        self.adjustments = desired.notes.into_iter().map(changed).collect();
    }

    /// Takes in what is left when every step is done.
    pub(super) fn end(&mut self, ending: Ending, now: DateTime<Utc>) {
        match ending {
            Ending::Synced(notice, _) => self.notice = notice.as_ref().map(Reason::from),
            Ending::Ignored(rule, notice) => {
                self.ignored = Some(rule);
                self.notice = notice.as_ref().map(Reason::from);
            }
            Ending::Held(hold) | Ending::Obstructed(hold, _) => self.hold = Some(Reason::from(&hold)),
            Ending::Later(at) | Ending::Retry(at) => {
                self.waiting = Some(match at <= now {
                    true => "the order is fetched from Shopify first".into(),
                    false => format!("the rest of what Shopify has to say of it is waited for until {}", iso(at)),
                });
            }
        }
    }
}

fn wanted(document: &Document) -> Wanted {
    Wanted {
        key: document.key.to_string(),
        kind: document.kind().as_str(),
        number: document.number().to_owned(),
        currency: document.currency.code().to_owned(),
        total: document.currency.plain(document.total),
        date: document.date.to_string(),
        standing: if document.standing == Standing::Live { "live" } else { "void" },
    }
}
