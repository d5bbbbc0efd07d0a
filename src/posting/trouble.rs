//! What follows from an answer that is no success: who waits, for how long, and what is known of what was sent.

use super::apply::{Applied, Desk, Followed, Scope, Subject};
use super::breaker::{self, Asked};
use super::call::{Call, PartyCall, Purpose};
use super::documents;
use super::obstacles::{self, About};
use super::orders::{self, Ending};
use super::parties;
use super::preflight;
use super::retry::{GIVE_UP, backoff};
use super::sending::{self, Doubt};
use super::writes::{self, Closed, LoggedWrite, Open};
use crate::books::hold::{Hold, HoldReason};
use crate::config::{ClosedPeriod, Connection};
use crate::ledgers::faults::Concerns;
use crate::ledgers::{Operation, Outcome, Refusal};
use crate::platform::SqlError;

impl Desk<'_> {
    /// Everything but success.
    pub(super) fn trouble(
        &self,
        call: &Call,
        outcome: Outcome<()>,
        subject: Subject<'_>,
    ) -> Result<Followed, SqlError> {
        match outcome {
            Outcome::Refused(_) | Outcome::Settings(..) | Outcome::AlreadyExists | Outcome::Stale
                if self.scope == Scope::Whole =>
            {
                // Nobody knows whom it means, and nothing was done: each one finds out for itself.
                self.came_through()?;
                match subject {
                    Subject::Write(_) if call.again => self.in_doubt(subject, true)?,
                    _ => self.undone(call, subject)?,
                }
                Ok(Followed::Other(Applied::Alone))
            }
            // What is refused now may have been done the first time, of which nobody knows, and that may be on its way still:
            // it is looked for, in a while.
            Outcome::Refused(_) | Outcome::Settings(..) if call.again && matches!(subject, Subject::Write(_)) => {
                self.came_through()?;
                self.in_doubt(subject, true)?;
                Ok(Followed::Go)
            }
            Outcome::Refused(refusal) => {
                self.came_through()?;
                self.refused(subject)?;
                if let Subject::Write(logged) = subject
                    && let Some(followed) = self.wrong_total_stays(call, logged, &refusal)?
                {
                    return Ok(followed);
                }
                Ok(Followed::End(Ending::Held(hold(subject, &refusal))))
            }
            Outcome::Settings(refusal, concerns) => {
                self.came_through()?;
                self.refused(subject)?;
                if refusal.reason == HoldReason::PeriodClosed && self.closed_meanwhile(call)? {
                    return Ok(Followed::Go);
                }
                // The name may be another one's by now: the next look at the company finds out.
                if let Some(connection) =
                    self.books.connection(&call.order.connection).filter(|_| concerns == Concerns::Name)
                {
                    preflight::doubt_names(self.sql, connection, self.now)?;
                }
                let about = about(call, subject, &refusal);
                obstacles::met(self.sql, &call.order, &refusal, concerns, about, self.now).map(Followed::End)
            }
            Outcome::Stale => {
                self.came_through()?;
                if let Subject::Write(logged) = subject {
                    writes::reopen(self.sql, logged.id, Open::LookBefore)?;
                }
                self.retry(call, "somebody changes the document at the same time").map(Followed::End)
            }
            Outcome::Wait { why, .. } | Outcome::Unknown(why) if self.scope == Scope::Part => {
                // What an earlier try did may still be on its way: then it is looked for in a while.
                match subject {
                    Subject::Write(_) if call.again => self.in_doubt(subject, true)?,
                    _ => self.left_out(subject)?,
                }
                self.retry(call, &why).map(Followed::End)
            }
            Outcome::Wait { retry_after, guess, why } => {
                self.undone(call, subject)?;
                let is_there = self.answer.result.as_ref().is_ok_and(Asked::for_fewer);
                let asked = Asked { retry_after, guess, why, is_there };
                let until = breaker::wait(self.sql, self.now, &asked, self.chance)?;
                Ok(Followed::Other(Applied::Pause(until)))
            }
            Outcome::TokenExpired => self.undone(call, subject).map(|()| Followed::Other(Applied::TokenExpired)),
            Outcome::Reconnect(why) => self.undone(call, subject).map(|()| Followed::Other(Applied::Reconnect(why))),
            Outcome::Unknown(why) => {
                let failed = self.answer.result.as_ref().is_ok_and(|response| response.status == 500);
                self.in_doubt(subject, failed && self.ledger.keeps_failures())?;
                self.unknown(call, &why)
            }
            Outcome::AlreadyExists | Outcome::Done(()) => Ok(Followed::Go),
        }
    }

    /// True if documents move out of a closed period, and the period was closed since the company was last read: it is read
    /// again, and the order decided upon anew.
    fn closed_meanwhile(&self, call: &Call) -> Result<bool, SqlError> {
        let connection = self.books.connection(&call.order.connection);
        let moves = |one: &&Connection| {
            one.settings.as_ref().is_ok_and(|settings| settings.closed_period == ClosedPeriod::FirstOpenDay)
        };
        connection.filter(moves).map_or(Ok(false), |one| preflight::doubt(self.sql, one, self.now))
    }

    /// The ledger refuses to put a wrong total right. What cannot be written anew is voided; what cannot be voided is
    /// said, with both totals.
    fn wrong_total_stays(
        &self,
        call: &Call,
        logged: &LoggedWrite,
        refusal: &Refusal,
    ) -> Result<Option<Followed>, SqlError> {
        let posted = documents::posted(self.sql, &call.order)?;
        let key = &logged.document.key;
        let Some(record) = posted.get(key).filter(|record| !record.exact) else { return Ok(None) };
        match logged.operation {
            Operation::Create => Ok(None),
            Operation::Update => {
                documents::cannot_be_corrected(self.sql, &call.order, key)?;
                Ok(Some(Followed::Go))
            }
            Operation::Void => {
                let show = |amount| record.document.currency.show(amount);
                let (expected, actual) = (show(record.expected_total), show(record.ledger_total));
                let text = format!(
                    "{key}: expected {expected}, the ledger made it {actual}, and it could not be voided: {} (code {})",
                    refusal.message, refusal.code
                );
                Ok(Some(Followed::End(Ending::Held(Hold::new(HoldReason::ProofDiffers, text)))))
            }
        }
    }

    /// Not done by this call: it may go out again in whatever company. What nobody knows of since an earlier call stays
    /// under way, with the time of that call.
    fn undone(&self, call: &Call, subject: Subject<'_>) -> Result<(), SqlError> {
        match subject {
            Subject::Write(_) if call.again => Ok(()),
            Subject::Write(logged) => writes::reopen(self.sql, logged.id, Open::Unsent),
            Subject::Party(party) => sending::settle_party(self.sql, &party.identity),
            Subject::Question => Ok(()),
        }
    }

    fn refused(&self, subject: Subject<'_>) -> Result<(), SqlError> {
        match subject {
            Subject::Write(logged) => writes::close(self.sql, logged.id, Closed::Refused, self.now),
            Subject::Party(party) => self.party_again(party),
            Subject::Question => Ok(()),
        }
    }

    /// The answer says nothing of it although it speaks of others: the same request would say nothing again, so the write
    /// is looked for, and a party, whose name is unique, is created again.
    fn left_out(&self, subject: Subject<'_>) -> Result<(), SqlError> {
        match subject {
            Subject::Write(logged) => writes::reopen(self.sql, logged.id, Open::LookBefore),
            Subject::Party(party) => self.party_again(party),
            Subject::Question => Ok(()),
        }
    }

    fn party_again(&self, party: &PartyCall) -> Result<(), SqlError> {
        let mut known = party.known.clone();
        known.epoch += 1;
        sending::settle_party(self.sql, &party.identity)?;
        parties::remember(self.sql, &party.identity, &known)
    }

    /// It may have been done. Where the same request would only bring the same answer, it is looked for.
    fn in_doubt(&self, subject: Subject<'_>, in_vain: bool) -> Result<(), SqlError> {
        let doubt = match subject {
            Subject::Write(logged) => Doubt::Write(logged.id),
            Subject::Party(party) => Doubt::Party(&party.identity),
            Subject::Question => return Ok(()),
        };
        sending::in_doubt(self.sql, &doubt, self.answer.sent_at, in_vain)
    }

    /// Nobody knows. What was sent stays under way; one answer (or none) is one failure, however many calls it carried.
    fn unknown(&self, call: &Call, why: &str) -> Result<Followed, SqlError> {
        let known = *self.pause.borrow();
        let pause = match known {
            Some(pause) => pause,
            None => {
                let pause = breaker::failed(self.sql, self.now, self.chance, why)?;
                *self.pause.borrow_mut() = Some(pause);
                pause
            }
        };
        match (pause, self.retry(call, why)?) {
            // An order that fails by itself keeps the connection in its pauses, and is given up all the same.
            (Some(until), Ending::Retry(_)) => Ok(Followed::Other(Applied::Pause(until))),
            (_, ending) => Ok(Followed::End(ending)),
        }
    }

    pub(super) fn retry(&self, call: &Call, why: &str) -> Result<Ending, SqlError> {
        let Some(row) = orders::load(self.sql, &call.order)? else { return Ok(Ending::Retry(self.now)) };
        if row.retrying_since.is_some_and(|since| self.now - since > GIVE_UP) {
            let text = format!("tried for {} days; last: {why}", GIVE_UP.num_days());
            return Ok(Ending::Held(Hold::new(HoldReason::RetriesExhausted, text)));
        }
        // The same chance for all of a batch: what waits together is sent again together.
        Ok(Ending::Retry(self.now + backoff(row.attempts + 1, self.chance)))
    }
}

/// What a refusal for the settings is about.
fn about<'a>(call: &'a Call, subject: Subject<'a>, refusal: &'a Refusal) -> About<'a> {
    match (subject, &call.purpose) {
        (Subject::Write(logged), _) => About::Document(&logged.document, &logged.party_id),
        (Subject::Party(party), _) => About::Party(&party.party),
        (Subject::Question, Purpose::Reference(reference)) => About::Name(&reference.label),
        (Subject::Question, _) => About::Name(&refusal.code),
    }
}

fn hold(subject: Subject<'_>, refusal: &Refusal) -> Hold {
    let what = match subject {
        Subject::Write(logged) => format!("{}: ", logged.document.key),
        Subject::Party(_) => "customer: ".to_owned(),
        Subject::Question => String::new(),
    };
    Hold::new(refusal.reason, format!("{what}{} (code {})", refusal.message, refusal.code))
}
