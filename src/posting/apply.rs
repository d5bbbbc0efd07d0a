//! What an answer changes: one transaction per answer, in which the write log, the documents with their proof and the rows
//! of all orders that it concerns move together. After a crash either all of it was taken in, or the request counts as
//! under way still.

use std::cell::{Cell, RefCell};

use chrono::{DateTime, Utc};

use super::books::Books;
use super::breaker;
use super::call::{Call, PartyCall, Purpose, WriteParts};
use super::cutover;
use super::documents;
use super::grant;
use super::obstacles;
use super::orders::{self, Ending};
use super::parties;
use super::round::{Envelope, Ride, Seat};
use super::sending;
use super::writes::{self, Closed, LoggedWrite, Open};
use crate::books::hold::{Hold, HoldReason};
use crate::journal::{self, AttemptRecord};
use crate::ledgers::{FoundParty, Ledger, Outcome, Posted, WireRequest};
use crate::platform::time::iso;
use crate::platform::{HttpError, Response, Sql, SqlError, transaction};

mod adopting;

/// What follows for an order's part of the turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// The order goes on.
    Continue,
    /// The order's turn has ended.
    Ended,
    /// The ledger refused a whole batch: the order goes on, and its next call goes alone.
    Alone,
    /// The whole connection waits until then.
    Pause(DateTime<Utc>),
    /// The access token has to be renewed; then the order goes on.
    TokenExpired,
    /// A person has to connect the ledger again.
    Reconnect(String),
}

/// An answer, and how long it took.
pub struct Answer {
    pub result: Result<Response, HttpError>,
    pub sent_at: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
}

type Part = Result<Response, HttpError>;

/// What an answer speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The only call of its request.
    Single,
    /// One call of many, each with an answer of its own.
    Part,
    /// Many calls that have nothing but this answer in common.
    Whole,
}

/// What a call that failed leaves behind.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    Write(&'a LoggedWrite),
    Party(&'a PartyCall),
    Question,
}

pub(super) struct Desk<'a> {
    pub(super) books: &'a Books<'a>,
    pub(super) ledger: &'a dyn Ledger,
    pub(super) sql: &'a dyn Sql,
    pub(super) answer: &'a Answer,
    pub(super) scope: Scope,
    pub(super) now: DateTime<Utc>,
    /// True once the breaker knows that the call came through: one answer counts once, whatever it carries.
    pub(super) came_through: Cell<bool>,
    /// What the breaker says to an unknown outcome, once.
    pub(super) pause: RefCell<Option<Option<DateTime<Utc>>>>,
    pub(super) chance: u64,
}

/// Takes an answer in: for every seat of the envelope what follows.
pub fn apply(
    books: &Books<'_>,
    ledger: &dyn Ledger,
    envelope: &Envelope,
    answer: &Answer,
) -> Result<Vec<Applied>, SqlError> {
    let (scope, parts) = take_apart(ledger, envelope, answer);
    transaction(books.platform.sql, |sql| {
        let desk = Desk {
            books,
            ledger,
            sql,
            answer,
            scope,
            now: books.platform.clock.now(),
            came_through: Cell::new(false),
            pause: RefCell::new(None),
            chance: books.platform.random.bits(),
        };
        envelope.seats.iter().zip(&parts).map(|(seat, part)| desk.seat(seat, part)).collect()
    })
}

fn take_apart(ledger: &dyn Ledger, envelope: &Envelope, answer: &Answer) -> (Scope, Vec<Part>) {
    if !envelope.packed {
        return (Scope::Single, vec![answer.result.clone()]);
    }
    let asked: Vec<(usize, &WireRequest)> =
        envelope.seats.iter().map(|seat| (seat.place, &seat.call.request)).collect();
    let parts = answer.result.as_ref().ok().and_then(|response| ledger.unpack(&asked, response));
    match parts {
        Some(parts) => (Scope::Part, parts.into_iter().map(Ok).collect()),
        None => (Scope::Whole, vec![answer.result.clone(); asked.len()]),
    }
}

/// What came of one call.
pub(super) enum Followed {
    /// Its order goes on.
    Go,
    /// Its order's turn ends.
    End(Ending),
    /// Something that concerns more than its order.
    Other(Applied),
}

impl Desk<'_> {
    fn seat(&self, seat: &Seat, part: &Part) -> Result<Applied, SqlError> {
        let result = self.call(&seat.call, part)?;
        let at = &seat.call.order;
        match (result, seat.ride) {
            (Followed::Other(applied), _) => Ok(applied),
            (Followed::Go, Ride::Fresh | Ride::Again) => Ok(Applied::Continue),
            // What was planned before the news of today is not the last word: the order is decided upon again. That it
            // was tried too often is.
            (Followed::End(Ending::Held(hold)), Ride::Again) if hold.reason != HoldReason::RetriesExhausted => {
                Ok(Applied::Continue)
            }
            (Followed::End(Ending::Obstructed(..)), Ride::Again) => Ok(Applied::Continue),
            (Followed::End(ending), Ride::Fresh | Ride::Again) => {
                orders::end(self.sql, at, &ending, seat.call.seen, self.now).map(|()| Applied::Ended)
            }
            // The order of a guest gets a turn of its own.
            (Followed::End(Ending::Retry(until)), Ride::Guest) => {
                orders::nudge(self.sql, at, until).map(|()| Applied::Ended)
            }
            (Followed::Go | Followed::End(_), Ride::Guest) => {
                orders::nudge(self.sql, at, self.now).map(|()| Applied::Ended)
            }
        }
    }

    fn call(&self, call: &Call, part: &Part) -> Result<Followed, SqlError> {
        match &call.purpose {
            Purpose::Reference(reference) => {
                let outcome = read(part, |response| self.ledger.read_reference(reference, response));
                self.log_attempt(call, reference.kind.as_str(), "look_up", None, part, describe(&outcome))?;
                match outcome {
                    Outcome::Done(id) => {
                        self.came_through()?;
                        parties::remember_reference(self.sql, reference, &id)?;
                        Ok(Followed::Go)
                    }
                    other => self.trouble(call, other.map(drop), Subject::Question),
                }
            }
            Purpose::Foreign(place) => self.foreign_found(call, *place, part),
            Purpose::CreateParty(party) => {
                let outcome = read(part, |response| self.ledger.read_created_party(response));
                self.log_attempt(call, "party", "create", None, part, describe(&outcome))?;
                self.party_created(call, party, outcome)
            }
            Purpose::FindParty(party) => {
                let key = parties::key(&party.identity);
                let outcome = read(part, |response| self.ledger.read_parties(&party.party, &key, response));
                self.log_attempt(call, "party", "look_up", None, part, describe(&outcome))?;
                self.party_found(call, party, outcome)
            }
            Purpose::Write(id) => {
                let logged = writes::load(self.sql, *id)?;
                let parts = WriteParts::of(self.books, &call.order, &logged)?;
                let outcome = read(part, |response| self.ledger.read_write(&parts.write(&logged), response));
                let (key, operation) = (logged.document.key.as_str(), logged.operation.as_str());
                self.log_attempt(call, key, operation, Some(&logged.key), part, with_remark(&outcome))?;
                self.written(call, &logged, outcome)
            }
            Purpose::Look(id) => {
                let logged = writes::load(self.sql, *id)?;
                let parts = WriteParts::of(self.books, &call.order, &logged)?;
                let outcome = read(part, |response| self.ledger.read_look(&parts.write(&logged), response));
                self.log_attempt(call, logged.document.key.as_str(), "look_up", None, part, describe(&outcome))?;
                self.looked(call, &logged, &parts, outcome)
            }
            Purpose::Draft(_) => Ok(Followed::Go),
        }
    }

    pub(super) fn came_through(&self) -> Result<(), SqlError> {
        if self.came_through.replace(true) {
            return Ok(());
        }
        grant::works(self.books)?;
        breaker::succeeded(self.sql, self.now)
    }

    fn written(&self, call: &Call, logged: &LoggedWrite, outcome: Outcome<Posted>) -> Result<Followed, SqlError> {
        match outcome {
            Outcome::Done(posted) => {
                self.came_through()?;
                writes::close(self.sql, logged.id, Closed::Confirmed, self.now)?;
                obstacles::passed(self.sql, &call.order, &logged.document, &logged.party_id, self.now)?;
                self.stands(call, logged, &posted)
            }
            Outcome::AlreadyExists if self.scope != Scope::Whole => {
                self.came_through()?;
                writes::reopen(self.sql, logged.id, Open::LookExisting)?;
                Ok(Followed::Go)
            }
            other => self.trouble(call, other.map(drop), Subject::Write(logged)),
        }
    }

    /// The document stands as the ledger says; its total is the proof.
    fn stands(&self, call: &Call, logged: &LoggedWrite, posted: &Posted) -> Result<Followed, SqlError> {
        documents::record(self.sql, &call.order, &logged.document, logged.operation, posted, self.now)?;
        Ok(Followed::Go)
    }

    fn party_created(&self, call: &Call, party: &PartyCall, outcome: Outcome<String>) -> Result<Followed, SqlError> {
        let mut known = party.known.clone();
        match outcome {
            Outcome::Done(id) => known.ledger_id = Some(id),
            Outcome::AlreadyExists if self.scope != Scope::Whole => known.taken = true,
            other => return self.trouble(call, other.map(drop), Subject::Party(party)),
        }
        self.came_through()?;
        sending::settle_party(self.sql, &party.identity)?;
        parties::remember(self.sql, &party.identity, &known)?;
        Ok(Followed::Go)
    }

    fn party_found(
        &self,
        call: &Call,
        party: &PartyCall,
        outcome: Outcome<Vec<FoundParty>>,
    ) -> Result<Followed, SqlError> {
        let found = match outcome {
            Outcome::Done(found) => found,
            other => return self.trouble(call, other.map(drop), Subject::Question),
        };
        self.came_through()?;
        let mut known = party.known.clone();
        known.taken = false;
        if let Some(same) = parties::same(&party.party, known.variant, &found) {
            known.ledger_id = Some(same.ledger_id.clone());
        } else if known.variant < parties::LAST_VARIANT {
            known.variant += 1;
        } else {
            known.epoch += 1;
            parties::remember(self.sql, &party.identity, &known)?;
            let text = "the ledger refuses the customer's name although it carries the Shopify id and the currency";
            return Ok(Followed::End(Ending::Held(Hold::new(HoldReason::Refused, text))));
        }
        parties::remember(self.sql, &party.identity, &known)?;
        Ok(Followed::Go)
    }

    /// What a question for another integration's invoice found.
    fn foreign_found(&self, call: &Call, place: usize, part: &Part) -> Result<Followed, SqlError> {
        let outcome = read(part, |response| self.ledger.read_foreign(place, response));
        self.log_attempt(call, "sale", "look_up", None, part, describe(&outcome))?;
        match outcome {
            Outcome::Done(found) => {
                self.came_through()?;
                cutover::found(self.sql, &call.order, call.seen, place, found)?;
                Ok(Followed::Go)
            }
            other => self.trouble(call, other.map(drop), Subject::Question),
        }
    }

    fn log_attempt(
        &self,
        call: &Call,
        key: &str,
        operation: &str,
        idempotency_key: Option<&str>,
        part: &Part,
        (name, code, message): Described,
    ) -> Result<(), SqlError> {
        let response = part.as_ref().ok();
        let trace = response.and_then(|one| one.header("intuit_tid").or_else(|| one.header("xero-correlation-id")));
        let record = AttemptRecord {
            connection: call.order.connection.clone(),
            order_id: call.order.order_id.clone(),
            document_key: key.to_owned(),
            operation: operation.to_owned(),
            at: iso(self.answer.sent_at),
            duration_ms: (self.answer.received_at - self.answer.sent_at).num_milliseconds(),
            http_status: response.map(|one| i64::from(one.status)),
            outcome: name.to_owned(),
            code,
            message,
            idempotency_key: idempotency_key.map(str::to_owned),
            trace_id: trace.map(str::to_owned),
        };
        journal::append(self.sql, &journal::Record::Attempt(record))
    }
}

fn read<T>(part: &Part, read: impl Fn(&Response) -> Outcome<T>) -> Outcome<T> {
    match part {
        Ok(response) => read(response),
        Err(HttpError(why)) => Outcome::Unknown(why.clone()),
    }
}

/// An outcome's name, code and sentence.
type Described = (&'static str, Option<String>, Option<String>);

/// A success with what the ledger remarks on it.
fn with_remark(outcome: &Outcome<Posted>) -> Described {
    match outcome {
        Outcome::Done(Posted { remark: Some((code, text)), .. }) => ("done", Some(code.clone()), Some(text.clone())),
        other => describe(other),
    }
}

fn describe<T>(outcome: &Outcome<T>) -> Described {
    match outcome {
        Outcome::Done(_) => ("done", None, None),
        Outcome::AlreadyExists => ("already_exists", None, None),
        Outcome::Stale => ("stale", None, None),
        Outcome::Refused(refusal) => ("refused", Some(refusal.code.clone()), Some(refusal.message.clone())),
        Outcome::Settings(refusal, _) => ("settings", Some(refusal.code.clone()), Some(refusal.message.clone())),
        Outcome::Wait { why, .. } => ("wait", None, Some(why.clone())),
        Outcome::TokenExpired => ("token_expired", None, None),
        Outcome::Reconnect(why) => ("reconnect", None, Some(why.clone())),
        Outcome::Unknown(why) => ("unknown", None, Some(why.clone())),
    }
}
