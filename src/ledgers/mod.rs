//! The ledgers. Each one knows how its API wants a document written, how it computes, what its answers mean and what
//! to look for when an answer never came. A ledger does no I/O and keeps no state: it turns a [`Write`] into a
//! [`WireRequest`] and a response into an [`Outcome`]; `posting/` sends, remembers and decides when.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use self::faults::Concerns;
use crate::books::document::{Document, DocumentKey, DocumentKind, Party};
use crate::books::foreign::ForeignSale;
use crate::books::hold::HoldReason;
use crate::books::money::Currency;
use crate::books::rules::{LedgerName, LedgerRules};
use crate::config::{Settings, Variables};
use crate::platform::{Method, Request, Response};

pub mod faults;
mod links;
mod listing;
pub mod oauth;
pub mod preflight;
pub mod quickbooks;
mod recovery;
#[cfg(test)]
pub(crate) mod samples;
pub mod survey;
pub mod xero;

/// A request as a ledger formulates it: without host and without authorisation, so that it can be written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireRequest {
    /// The method.
    pub method: Method,
    /// Path and query, from `/`.
    pub path: String,
    /// The body, exactly as it goes out.
    pub body: Option<String>,
    /// The idempotency key, for those ledgers that take it as a header.
    pub idempotency_key: Option<String>,
    /// Only what was changed since then, for those ledgers that take it as a header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_since: Option<String>,
}

impl WireRequest {
    /// A question: an address and nothing else.
    pub fn get(path: String) -> Self {
        Self { method: Method::Get, path, body: None, idempotency_key: None, modified_since: None }
    }

    /// A write, without an idempotency key of its own.
    pub fn post(path: String, body: String) -> Self {
        Self { method: Method::Post, body: Some(body), ..Self::get(path) }
    }
}

/// What is to be done with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Write it for the first time.
    Create,
    /// Write it anew in full: everything in it becomes as it now ought to be.
    Update,
    /// Make its amounts zero, or take it away where the ledger knows no void.
    Void,
}

impl Operation {
    /// The name in tables and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Create => "create",
            Operation::Update => "update",
            Operation::Void => "void",
        }
    }
}

/// What the ledger said of a document that stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// The ledger's id.
    pub ledger_id: String,
    /// The ledger's version of it (QuickBooks `SyncToken`); empty where there is none.
    pub version: String,
    /// The document number or payment reference that it carries.
    pub number: String,
    /// The total (a payment's amount) that the ledger states.
    pub total: Decimal,
    /// Its currency, where the ledger states it.
    pub currency: Option<Currency>,
    /// The ledger's id of the party, where it is stated.
    pub party_id: Option<String>,
    /// True if it is voided or deleted.
    pub void: bool,
    /// True if it names the Shopify order (id) that it is for, or has no place to name it. Of money also that it settles
    /// what it is to settle: one transaction may pay several documents of an order, under one reference.
    pub names_order: bool,
    /// What the ledger remarks on it although it stored it: our name for it, and our sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<(String, String)>,
    /// Of somebody else's sale: what payments of ours may come to, the ones that stand in it included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<Decimal>,
}

/// One intended change, with everything that the request is made of.
#[derive(Debug, Clone)]
pub struct Write<'a> {
    /// What is to be done.
    pub operation: Operation,
    /// The document it is about.
    pub document: &'a Document,
    /// The ledger's id of the document's party.
    pub party_id: &'a str,
    /// The document as it was posted (for everything but a create).
    pub existing: Option<&'a Posted>,
    /// The posted documents that this one points at, by key.
    pub links: &'a BTreeMap<DocumentKey, Posted>,
    /// The ledger's ids of the items and accounts that the settings name, as far as they had to be looked up.
    pub references: &'a BTreeMap<Reference, String>,
    /// The idempotency key.
    pub key: &'a str,
}

/// Something the settings name and the ledger knows by an id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Reference {
    /// What it is.
    pub kind: ReferenceKind,
    /// How the settings call it.
    pub label: String,
}

/// Kinds of things that settings name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceKind {
    /// A product or service (QuickBooks).
    Item,
    /// An account.
    Account,
    /// A tax code.
    TaxCode,
    /// The ledger's own exchange rate of a currency and a day (QuickBooks): `EUR 2026-11-02`.
    ExchangeRate,
}

impl ReferenceKind {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            ReferenceKind::Item => "item",
            ReferenceKind::Account => "account",
            ReferenceKind::TaxCode => "tax code",
            ReferenceKind::ExchangeRate => "exchange rate",
        }
    }
}

/// A customer or contact that the ledger has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundParty {
    /// The ledger's id.
    pub ledger_id: String,
    /// Its name there.
    pub name: String,
    /// Its e-mail address there.
    pub email: Option<String>,
    /// Its currency, where the ledger fixes one.
    pub currency: Option<Currency>,
    /// True if it carries our own key of this party (Xero `ContactNumber`), which proves the identity.
    pub ours: bool,
    /// False if it is archived or inactive.
    pub active: bool,
}

/// What an answer means, by what the engine does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<T> {
    /// It is done, and this is what the ledger says of it.
    Done(T),
    /// Something with this number, name or key exists already: look at it and adopt it if it is ours.
    AlreadyExists,
    /// Somebody changed the document since we read it: read it again, then do it again.
    Stale,
    /// The ledger refuses this data: the order waits for a person.
    Refused(Refusal),
    /// The ledger refuses because of its own or our settings: everything that this concerns waits under one reason.
    Settings(Refusal, Concerns),
    /// Not now: rate limit or maintenance. Nothing was done.
    Wait {
        /// How long the ledger asks us to wait, if it says so.
        retry_after: Option<Duration>,
        /// How long this usually takes, where it does not say.
        guess: Duration,
        /// Why, for the log.
        why: String,
    },
    /// The access token is no longer valid; nothing was done.
    TokenExpired,
    /// The authorisation itself is gone.
    Reconnect(String),
    /// It may or may not have been done.
    Unknown(String),
}

impl<T> Outcome<T> {
    /// The same outcome about something else.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Outcome::Done(value) => Outcome::Done(change(value)),
            Outcome::AlreadyExists => Outcome::AlreadyExists,
            Outcome::Stale => Outcome::Stale,
            Outcome::Refused(refusal) => Outcome::Refused(refusal),
            Outcome::Settings(refusal, concerns) => Outcome::Settings(refusal, concerns),
            Outcome::Wait { retry_after, guess, why } => Outcome::Wait { retry_after, guess, why },
            Outcome::TokenExpired => Outcome::TokenExpired,
            Outcome::Reconnect(why) => Outcome::Reconnect(why),
            Outcome::Unknown(why) => Outcome::Unknown(why),
        }
    }
}

/// An outcome that cannot be a success, whatever was asked for.
pub type Failure = Outcome<std::convert::Infallible>;

/// A definite no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The hold that follows from it.
    pub reason: HoldReason,
    /// The ledger's code (QuickBooks `6070`), or a stable name for its message (Xero has no codes).
    pub code: String,
    /// Our own sentence about it; never the ledger's prose, which may quote personal data.
    pub message: String,
    /// The ledger's own message, for the object's own database only.
    pub ledger_says: String,
}

pub use links::link;
pub use listing::{Deleted, ListedPage, MOST_NAMED, Span};
pub use recovery::{Recovery, Tries};

/// A ledger company as one connection sees it.
pub trait Ledger: LedgerRules {
    /// How many calls the ledger accepts for one company.
    fn limits(&self) -> &'static [RateLimit];

    /// Adds host, authorisation and the standing headers.
    fn address(&self, request: &WireRequest, access_token: &str) -> Request;

    /// How many questions a survey has, at most.
    fn survey_size(&self) -> usize {
        10
    }
    /// What is asked of the company before anything is posted to it.
    fn survey(&self, settings: &Settings) -> Vec<WireRequest>;
    /// How many of the elements that the ledger counts one of these questions has.
    fn survey_elements(&self, _question: &WireRequest) -> usize {
        1
    }
    /// The company as it is set up, from the answers in the questions' order.
    fn read_survey(&self, settings: &Settings, answers: &[Response]) -> Outcome<survey::Survey>;

    /// The names in `document` that have to be looked up before it can be written.
    fn references(&self, document: &Document) -> Vec<Reference>;
    /// The question that resolves one.
    fn find_reference(&self, reference: &Reference) -> WireRequest;
    /// The id it resolves to; `Settings` with reason `settings_refused` if there is none.
    fn read_reference(&self, reference: &Reference, response: &Response) -> Outcome<String>;

    /// The question whether a party exists: by our own key of it where the ledger keeps one, else by its name.
    /// `key` is our key of the party, stable for ever.
    fn find_party(&self, party: &Party, key: &str) -> WireRequest;
    /// Who was found.
    fn read_parties(&self, party: &Party, key: &str, response: &Response) -> Outcome<Vec<FoundParty>>;
    /// The request that creates a party. `idempotency` makes a repetition harmless.
    fn create_party(&self, party: &Party, key: &str, idempotency: &str) -> WireRequest;
    /// The created party's id; `AlreadyExists` if the name is taken.
    fn read_created_party(&self, response: &Response) -> Outcome<String>;

    /// The request for a write.
    fn write(&self, write: &Write<'_>) -> WireRequest;
    /// What its answer means.
    fn read_write(&self, write: &Write<'_>, response: &Response) -> Outcome<Posted>;

    /// The question whether a document stands in the ledger already: by number, or a payment's reference.
    fn look(&self, write: &Write<'_>) -> WireRequest;
    /// What stands there, voided ones included.
    fn read_look(&self, write: &Write<'_>, response: &Response) -> Outcome<Vec<Posted>>;

    /// The questions that find a sale which somebody else entered under one of these numbers.
    fn find_foreign(&self, numbers: &[String]) -> Vec<WireRequest>;
    /// What the question of that place (from 0) found; voided ones and drafts included.
    fn read_foreign(&self, place: usize, response: &Response) -> Outcome<Vec<ForeignSale>>;

    /// The kinds of documents that are listed, each on its own.
    fn listed_kinds(&self) -> &'static [DocumentKind];
    /// The question for a page (from 1) of what the company holds of a kind. It is asked alone, never packed.
    fn list(&self, kind: DocumentKind, span: &Span, page: usize) -> WireRequest;
    /// What that page holds, voided ones and drafts included.
    fn read_list(&self, kind: DocumentKind, span: &Span, response: &Response) -> Outcome<ListedPage>;

    /// The question which documents of a kind were deleted since then; `None` where a list shows those too.
    fn list_deleted(&self, _kind: DocumentKind, _since: DateTime<Utc>, _now: DateTime<Utc>) -> Option<WireRequest> {
        None
    }
    /// Which those are.
    fn read_deleted(&self, _kind: DocumentKind, _response: &Response) -> Outcome<Deleted> {
        Outcome::Done(Deleted::default())
    }

    /// Which other requests this one may travel with; `None` if it goes alone.
    fn group(&self, request: &WireRequest) -> Option<Group>;
    /// Several requests of one group as one. `key` is the whole's own idempotency key.
    fn pack(&self, requests: &[&WireRequest], key: &str) -> WireRequest;
    /// The answer to a packed request taken apart: for each request (with its place in the whole) the answer that it
    /// would have got alone, [`nothing_said`] where the ledger does not mention it. `None` if the answer is about the
    /// whole.
    fn unpack(&self, requests: &[(usize, &WireRequest)], response: &Response) -> Option<Vec<Response>>;

    /// What to do about a write that was tried so and whose outcome is unknown.
    fn recovery(&self, tries: &Tries, now: DateTime<Utc>) -> Recovery;

    /// True if the ledger keeps a failure of its own (HTTP 500) under the idempotency key, and answers it again.
    fn keeps_failures(&self) -> bool;
}

/// Requests that may travel together as one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// What they have in common.
    pub name: String,
    /// The most of them in one request.
    pub most: usize,
}

/// The answer of a packed request for something that it does not mention: no reader takes it for a success.
pub fn nothing_said(whole: &Response) -> Response {
    Response { status: 200, headers: whole.headers.clone(), body: "{}".into() }
}

/// So many of something in any window of that length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// What is counted.
    pub counts: Counted,
    /// How many of it.
    pub most: usize,
    /// The window's length.
    pub window: Duration,
}

/// What a ledger counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Requests, a batch as one.
    Requests,
    /// What was asked for, each element of a batch on its own.
    Elements,
    /// Requests that carry more than one element.
    Batches,
}

/// How we introduce ourselves to a ledger.
pub const USER_AGENT: &str = concat!("Tillproof/", env!("CARGO_PKG_VERSION"));

/// Opens a ledger company for a connection.
pub fn open(settings: &Settings, company: &str, home: Option<Currency>, variables: &Variables) -> Box<dyn Ledger> {
    match settings.ledger {
        LedgerName::QuickBooks => Box::new(quickbooks::QuickBooks::new(settings, company, home, variables)),
        LedgerName::Xero => Box::new(xero::Xero::new(settings, company, home, variables)),
    }
}
