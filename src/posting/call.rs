//! A call to the ledger on behalf of an order: what for, when in a round, and what it needs to be understood.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::books::Books;
use super::documents;
use super::orders::OrderRef;
use super::parties::Known;
use super::writes::{Draft, LoggedWrite};
use crate::books::document::{DocumentKey, DocumentKind, Party};
use crate::ledgers::{Posted, Reference, WireRequest, Write};
use crate::platform::SqlError;

/// When in a round of many orders a call goes out: an earlier stage of one order goes before a later one of another, so
/// that many of a kind can go out together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// What the settings name.
    References,
    /// Customers.
    Parties,
    /// Invoices and sales receipts.
    Sales,
    /// Money received.
    Payments,
    /// Credit notes and refund receipts.
    Credits,
    /// Money paid back, and credit notes applied.
    Refunds,
}

impl Stage {
    /// The stage of a document.
    pub fn of(kind: DocumentKind) -> Self {
        match kind {
            DocumentKind::Invoice | DocumentKind::SalesReceipt => Stage::Sales,
            DocumentKind::Payment => Stage::Payments,
            DocumentKind::CreditNote | DocumentKind::RefundReceipt => Stage::Credits,
            DocumentKind::RefundPayment | DocumentKind::Application => Stage::Refunds,
        }
    }
}

/// A call to the ledger on behalf of an order.
pub struct Call {
    pub order: OrderRef,
    /// The newest event that it was decided upon.
    pub seen: i64,
    pub stage: Stage,
    pub purpose: Purpose,
    /// The request that it would be if it went alone.
    pub request: WireRequest,
    /// True if it was sent before and nobody knows what came of it: then a refusal does not mean that it was not done.
    pub again: bool,
    /// True if it goes alone: the same was sent before, and in the end was not there.
    pub alone: bool,
}

/// What a call is for.
pub enum Purpose {
    /// To learn the ledger's id of something that the settings name.
    Reference(Reference),
    /// To find a sale that somebody else entered: the question of that place.
    Foreign(usize),
    /// To create a party.
    CreateParty(PartyCall),
    /// To see who has its name or key.
    FindParty(PartyCall),
    /// To write what is not in the log yet, or to look for it first.
    Draft(Box<Draft>),
    /// To send the write of that number.
    Write(i64),
    /// To see whether the document of that write stands in the ledger.
    Look(i64),
}

/// A party on its way into the ledger.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PartyCall {
    /// As it is named in this try.
    pub party: Party,
    /// Its identity.
    pub identity: String,
    /// What was known when the call was made.
    pub known: Known,
}

/// What a logged write needs besides itself to be understood.
pub struct WriteParts {
    existing: Option<Posted>,
    links: BTreeMap<DocumentKey, Posted>,
    references: BTreeMap<Reference, String>,
}

impl WriteParts {
    /// Reads them from the order's documents.
    pub fn of(books: &Books<'_>, order: &OrderRef, logged: &LoggedWrite) -> Result<Self, SqlError> {
        let posted = documents::posted(books.platform.sql, order)?;
        Ok(Self {
            existing: posted.get(&logged.document.key).map(|record| record.posted.clone()),
            links: posted.into_iter().map(|(key, record)| (key, record.posted)).collect(),
            references: BTreeMap::new(),
        })
    }

    /// The document as it was posted, if it was.
    pub fn existing(&self) -> Option<&Posted> {
        self.existing.as_ref()
    }

    /// The write as the ledger reads it.
    pub fn write<'a>(&'a self, logged: &'a LoggedWrite) -> Write<'a> {
        Write {
            operation: logged.operation,
            document: &logged.document,
            party_id: &logged.party_id,
            existing: self.existing.as_ref(),
            links: &self.links,
            references: &self.references,
            key: &logged.key,
        }
    }
}
