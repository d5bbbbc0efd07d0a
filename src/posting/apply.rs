//! What an answer changes: one transaction per answer, in which the log, the document with its proof and the order's
//! row move together.

use chrono::{DateTime, Utc};

use super::books::Books;
use super::breaker;
use super::documents;
use super::next::{Call, PartyCall, Purpose, WriteParts};
use super::orders::{self, Ending};
use super::parties;
use super::retry::{GIVE_UP, backoff};
use super::writes::{self, Closed, LoggedWrite, Open};
use crate::books::document::Document;
use crate::books::hold::{Hold, HoldReason};
use crate::journal::{self, AttemptRecord};
use crate::ledgers::{FoundParty, Ledger, Operation, Outcome, Posted, Refusal};
use crate::platform::time::iso;
use crate::platform::{HttpError, Response, Sql, SqlError, transaction};

/// What follows for the order, and for the turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// The order goes on.
    Continue,
    /// The order's turn ends.
    End(Ending),
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

struct Desk<'a> {
    books: &'a Books<'a>,
    call: &'a Call,
    now: DateTime<Utc>,
}

/// Takes an answer in.
pub fn apply(books: &Books<'_>, ledger: &dyn Ledger, call: &Call, answer: &Answer) -> Result<Applied, SqlError> {
    let desk = Desk { books, call, now: books.platform.clock.now() };
    transaction(books.platform.sql, |sql| match &call.purpose {
        Purpose::Reference(reference) => {
            let outcome = desk.read(answer, |response| ledger.read_reference(reference, response));
            desk.log_attempt(sql, reference.kind.as_str(), "look_up", None, answer, &outcome)?;
            match outcome {
                Outcome::Done(id) => {
                    breaker::succeeded(sql)?;
                    parties::remember_reference(sql, reference, &id).map(|()| Applied::Continue)
                }
                other => desk.trouble(sql, other.map(drop), None),
            }
        }
        Purpose::CreateParty(party) => {
            let outcome = desk.read(answer, |response| ledger.read_created_party(response));
            desk.log_attempt(sql, "party", "create", None, answer, &outcome)?;
            desk.party_created(sql, party, outcome)
        }
        Purpose::FindParty(party) => {
            let key = parties::key(&party.identity);
            let outcome = desk.read(answer, |response| ledger.read_parties(&party.party, &key, response));
            desk.log_attempt(sql, "party", "look_up", None, answer, &outcome)?;
            desk.party_found(sql, party, outcome)
        }
        Purpose::Write(id) => {
            let logged = writes::load(sql, *id)?;
            let parts = WriteParts::of(books, &call.order, &logged)?;
            let outcome = desk.read(answer, |response| ledger.read_write(&parts.write(&logged), response));
            let operation = logged.operation.as_str();
            desk.log_attempt(sql, logged.document.key.as_str(), operation, Some(&logged.key), answer, &outcome)?;
            desk.written(sql, &logged, outcome)
        }
        Purpose::Look(id) => {
            let logged = writes::load(sql, *id)?;
            let parts = WriteParts::of(books, &call.order, &logged)?;
            let outcome = desk.read(answer, |response| ledger.read_look(&parts.write(&logged), response));
            desk.log_attempt(sql, logged.document.key.as_str(), "look_up", None, answer, &outcome)?;
            desk.looked(sql, &logged, outcome)
        }
    })
}

impl Desk<'_> {
    fn read<T>(&self, answer: &Answer, read: impl Fn(&Response) -> Outcome<T>) -> Outcome<T> {
        match &answer.result {
            Ok(response) => read(response),
            Err(HttpError::NotSent(why)) => Outcome::Wait { retry_after: None, why: why.clone() },
            Err(HttpError::OutcomeUnknown(why)) => Outcome::Unknown(why.clone()),
        }
    }

    fn chance(&self) -> u64 {
        self.books.platform.random.bits()
    }

    fn written(&self, sql: &dyn Sql, logged: &LoggedWrite, outcome: Outcome<Posted>) -> Result<Applied, SqlError> {
        match outcome {
            Outcome::Done(posted) => {
                breaker::succeeded(sql)?;
                writes::close(sql, logged.id, Closed::Confirmed, self.now)?;
                self.stands(sql, logged, &posted)
            }
            Outcome::AlreadyExists => {
                breaker::succeeded(sql)?;
                writes::reopen(sql, logged.id, Open::LookExisting)?;
                Ok(Applied::Continue)
            }
            other => self.trouble(sql, other.map(drop), Some(logged)),
        }
    }

    /// The document stands as the ledger says; its total is the proof.
    fn stands(&self, sql: &dyn Sql, logged: &LoggedWrite, posted: &Posted) -> Result<Applied, SqlError> {
        documents::record(sql, &self.call.order, &logged.document, logged.operation, posted, self.now)?;
        Ok(Applied::Continue)
    }

    fn looked(&self, sql: &dyn Sql, logged: &LoggedWrite, outcome: Outcome<Vec<Posted>>) -> Result<Applied, SqlError> {
        let found = match outcome {
            Outcome::Done(found) => found,
            other => return self.trouble(sql, other.map(drop), None),
        };
        breaker::succeeded(sql)?;
        if logged.operation == Operation::Void {
            return self.looked_for_void(sql, logged, &found);
        }
        if let Some(ours) = found.iter().find(|one| is_ours(one, logged)) {
            writes::close(sql, logged.id, Closed::Adopted, self.now)?;
            return self.stands(sql, logged, ours);
        }
        if logged.document.itemised().is_some() && (!found.is_empty() || logged.open == Open::LookExisting) {
            writes::close(sql, logged.id, Closed::Refused, self.now)?;
            return Ok(Applied::End(Ending::Held(number_taken(&logged.document, &found))));
        }
        if logged.open == Open::LookExisting {
            writes::close(sql, logged.id, Closed::Refused, self.now)?;
            let text = format!(
                "{}: the ledger says that it cannot be applied, and no such payment of ours stands",
                logged.document.key
            );
            return Ok(Applied::End(Ending::Held(Hold::new(HoldReason::Refused, text))));
        }
        // Not there: it was never done. A new write follows, under a new key.
        writes::close(sql, logged.id, Closed::Absent, self.now)?;
        Ok(Applied::Continue)
    }

    fn looked_for_void(&self, sql: &dyn Sql, logged: &LoggedWrite, found: &[Posted]) -> Result<Applied, SqlError> {
        let number = logged.document.number();
        let standing = found.iter().find(|one| one.number == number && !one.void);
        match (standing, found.iter().find(|one| one.number == number)) {
            (None, Some(gone)) => {
                writes::close(sql, logged.id, Closed::Adopted, self.now)?;
                self.stands(sql, logged, gone)
            }
            _ => {
                writes::close(sql, logged.id, Closed::Absent, self.now)?;
                Ok(Applied::Continue)
            }
        }
    }

    fn party_created(&self, sql: &dyn Sql, call: &PartyCall, outcome: Outcome<String>) -> Result<Applied, SqlError> {
        let mut known = call.known.clone();
        match outcome {
            Outcome::Done(id) => {
                breaker::succeeded(sql)?;
                known.ledger_id = Some(id);
            }
            Outcome::AlreadyExists => {
                breaker::succeeded(sql)?;
                known.taken = true;
            }
            other => {
                if matches!(other, Outcome::Refused(_) | Outcome::Settings(_)) {
                    known.epoch += 1;
                    parties::remember(sql, &call.identity, &known)?;
                }
                return self.trouble(sql, other.map(drop), None);
            }
        }
        parties::remember(sql, &call.identity, &known)?;
        Ok(Applied::Continue)
    }

    fn party_found(
        &self,
        sql: &dyn Sql,
        call: &PartyCall,
        outcome: Outcome<Vec<FoundParty>>,
    ) -> Result<Applied, SqlError> {
        let found = match outcome {
            Outcome::Done(found) => found,
            other => return self.trouble(sql, other.map(drop), None),
        };
        breaker::succeeded(sql)?;
        let mut known = call.known.clone();
        known.taken = false;
        if let Some(same) = parties::same(&call.party, known.variant, &found) {
            known.ledger_id = Some(same.ledger_id.clone());
        } else if known.variant == 0 {
            known.variant = 1;
        } else {
            known.epoch += 1;
            parties::remember(sql, &call.identity, &known)?;
            let text = "the ledger refuses the customer's name although it carries the Shopify id";
            return Ok(Applied::End(Ending::Held(Hold::new(HoldReason::Refused, text))));
        }
        parties::remember(sql, &call.identity, &known)?;
        Ok(Applied::Continue)
    }

    /// Everything but success. `logged` is the write that was sent, if it was one.
    fn trouble(&self, sql: &dyn Sql, outcome: Outcome<()>, logged: Option<&LoggedWrite>) -> Result<Applied, SqlError> {
        let unsent = |sql: &dyn Sql| logged.map_or(Ok(()), |one| writes::reopen(sql, one.id, Open::Unsent));
        match outcome {
            Outcome::Refused(refusal) | Outcome::Settings(refusal) => {
                breaker::succeeded(sql)?;
                if let Some(logged) = logged {
                    writes::close(sql, logged.id, Closed::Refused, self.now)?;
                }
                Ok(Applied::End(Ending::Held(self.refused(logged, &refusal))))
            }
            Outcome::Wait { retry_after, why } => {
                unsent(sql)?;
                let until = self.now + breaker::asked_to_wait(retry_after, self.chance());
                breaker::pause(sql, until, &why).map(Applied::Pause)
            }
            Outcome::TokenExpired => unsent(sql).map(|()| Applied::TokenExpired),
            Outcome::Reconnect(why) => unsent(sql).map(|()| Applied::Reconnect(why)),
            Outcome::Unknown(why) => self.unknown(sql, &why),
            Outcome::AlreadyExists | Outcome::Done(()) => Ok(Applied::Continue),
        }
    }

    fn unknown(&self, sql: &dyn Sql, why: &str) -> Result<Applied, SqlError> {
        if let Some(until) = breaker::failed(sql, self.now, self.chance(), why)? {
            return Ok(Applied::Pause(until));
        }
        let Some(row) = orders::load(sql, &self.call.order)? else { return Ok(Applied::Continue) };
        if row.retrying_since.is_some_and(|since| self.now - since > GIVE_UP) {
            let text = format!("tried {} times; last: {why}", row.attempts + 1);
            return Ok(Applied::End(Ending::Held(Hold::new(HoldReason::RetriesExhausted, text))));
        }
        Ok(Applied::End(Ending::Retry(self.now + backoff(row.attempts + 1, self.chance()))))
    }

    fn refused(&self, logged: Option<&LoggedWrite>, refusal: &Refusal) -> Hold {
        let what = logged.map(|one| format!("{}: ", one.document.key)).unwrap_or_default();
        Hold::new(refusal.reason, format!("{what}{} (code {})", refusal.message, refusal.code))
    }

    fn log_attempt<T>(
        &self,
        sql: &dyn Sql,
        key: &str,
        operation: &str,
        idempotency_key: Option<&str>,
        answer: &Answer,
        outcome: &Outcome<T>,
    ) -> Result<(), SqlError> {
        let response = answer.result.as_ref().ok();
        let (name, code, message) = describe(outcome);
        let trace = response.and_then(|one| one.header("intuit_tid").or_else(|| one.header("xero-correlation-id")));
        let record = AttemptRecord {
            connection: self.call.order.connection.clone(),
            order_id: self.call.order.order_id.clone(),
            document_key: key.to_owned(),
            operation: operation.to_owned(),
            at: iso(answer.sent_at),
            duration_ms: (answer.received_at - answer.sent_at).num_milliseconds(),
            http_status: response.map(|one| i64::from(one.status)),
            outcome: name.to_owned(),
            code,
            message,
            idempotency_key: idempotency_key.map(str::to_owned),
            trace_id: trace.map(str::to_owned),
        };
        journal::append(sql, &journal::Record::Attempt(record))
    }
}

fn describe<T>(outcome: &Outcome<T>) -> (&'static str, Option<String>, Option<String>) {
    match outcome {
        Outcome::Done(_) => ("done", None, None),
        Outcome::AlreadyExists => ("already_exists", None, None),
        Outcome::Refused(refusal) => ("refused", Some(refusal.code.clone()), Some(refusal.message.clone())),
        Outcome::Settings(refusal) => ("settings", Some(refusal.code.clone()), Some(refusal.message.clone())),
        Outcome::Wait { why, .. } => ("wait", None, Some(why.clone())),
        Outcome::TokenExpired => ("token_expired", None, None),
        Outcome::Reconnect(why) => ("reconnect", None, Some(why.clone())),
        Outcome::Unknown(why) => ("unknown", None, Some(why.clone())),
    }
}

/// Adoption believes nothing: number, money, currency, party and the order's id have to agree, and it has to count.
fn is_ours(found: &Posted, logged: &LoggedWrite) -> bool {
    let document = &logged.document;
    !found.void
        && found.number == document.number()
        && found.total == document.total
        && found.names_order
        && found.currency.is_none_or(|currency| currency == document.currency)
        && found.party_id.as_ref().is_none_or(|party| *party == logged.party_id)
}

fn number_taken(document: &Document, found: &[Posted]) -> Hold {
    let totals: Vec<String> = found
        .iter()
        .map(|one| format!("{}{}", document.currency.show(one.total), if one.void { ", voided" } else { "" }))
        .collect();
    let text = format!(
        "{} {} exists in the ledger ({}) and is not this order's, which comes to {}",
        document.kind().as_str(),
        document.number(),
        if totals.is_empty() { "not visible to us".to_owned() } else { totals.join("; ") },
        document.currency.show(document.total)
    );
    Hold::new(HoldReason::NumberTaken, text)
}
