//! What a look into the ledger found: the document that was looked for, somebody else's, or nothing. Adoption believes
//! nothing that it cannot compare.

use super::{Desk, Followed, Subject};
use crate::books::document::Document;
use crate::books::hold::{Hold, HoldReason};
use crate::ledgers::{Operation, Outcome, Posted};
use crate::platform::SqlError;
use crate::posting::call::{Call, WriteParts};
use crate::posting::documents;
use crate::posting::orders::Ending;
use crate::posting::writes::{self, Closed, LoggedWrite, Open};

impl Desk<'_> {
    pub(super) fn looked(
        &self,
        call: &Call,
        logged: &LoggedWrite,
        parts: &WriteParts,
        outcome: Outcome<Vec<Posted>>,
    ) -> Result<Followed, SqlError> {
        let found = match outcome {
            Outcome::Done(found) => found,
            other => return self.trouble(call, other.map(drop), Subject::Question),
        };
        self.came_through()?;
        let close = |how| writes::close(self.sql, logged.id, how, self.now);
        if logged.operation != Operation::Create {
            return self.looked_for_change(call, logged, parts, &found);
        }
        let mut ours = Vec::new();
        for one in found.iter().filter(|one| names_us(one, logged)) {
            if !documents::is_of_another_document(self.sql, &call.order, &logged.document, &one.ledger_id)? {
                ours.push(one);
            }
        }
        // What was sent and came out with another total is ours all the same: it is put right, or goes out again.
        let miscomputed = ours.first().filter(|_| logged.was_sent && logged.document.itemised().is_some());
        if let Some(ours) = ours.iter().find(|one| one.total == logged.document.total).or(miscomputed) {
            close(Closed::Adopted)?;
            return self.stands(call, logged, ours);
        }
        if logged.document.itemised().is_some() && (!found.is_empty() || logged.open == Open::LookExisting) {
            close(Closed::Refused)?;
            return Ok(Followed::End(Ending::Held(number_taken(&logged.document, &found))));
        }
        if logged.open == Open::LookExisting {
            close(Closed::Refused)?;
            let text = format!(
                "{}: the ledger says that it cannot be applied, and no such payment of ours stands",
                logged.document.key
            );
            return Ok(Followed::End(Ending::Held(Hold::new(HoldReason::Refused, text))));
        }
        // Not there: it was never done. A new write follows, under a new key.
        close(Closed::Absent)?;
        Ok(Followed::Go)
    }

    /// A void or a full update was looked for: it is done, or it is planned anew upon the document as it stands now.
    fn looked_for_change(
        &self,
        call: &Call,
        logged: &LoggedWrite,
        parts: &WriteParts,
        found: &[Posted],
    ) -> Result<Followed, SqlError> {
        let close = |how| writes::close(self.sql, logged.id, how, self.now);
        let id = parts.existing().map(|posted| posted.ledger_id.as_str()).unwrap_or_default();
        let by_id = found.iter().find(|one| one.ledger_id == id);
        // Money of that number may be another document's.
        let number = logged.document.itemised().map(|_| logged.document.number());
        let Some(now) = by_id.or_else(|| found.iter().find(|one| Some(one.number.as_str()) == number)) else {
            close(Closed::Absent)?;
            return Ok(Followed::Go);
        };
        match (logged.operation, now.void) {
            (Operation::Void, true) => {
                close(Closed::Adopted)?;
                self.stands(call, logged, now)
            }
            (_, true) => {
                close(Closed::Refused)?;
                let text = format!("{}: somebody voided it in the ledger", logged.document.key);
                Ok(Followed::End(Ending::Held(Hold::new(HoldReason::ChangedAfterPosting, text))))
            }
            (_, false) => {
                documents::refresh(self.sql, &call.order, &logged.document.key, now)?;
                if logged.operation == Operation::Update {
                    documents::doubt(self.sql, &call.order, &logged.document.key)?;
                }
                if logged.open != Open::LookExisting {
                    close(Closed::Absent)?;
                    return Ok(Followed::Go);
                }
                // The ledger takes no change for something else of that number.
                let others: Vec<Posted> = found.iter().filter(|one| one.ledger_id != now.ledger_id).cloned().collect();
                if others.is_empty() {
                    close(Closed::Absent)?;
                    return self.retry(call, "the ledger says that the number is taken").map(Followed::End);
                }
                close(Closed::Refused)?;
                Ok(Followed::End(Ending::Held(number_taken(&logged.document, &others))))
            }
        }
    }
}

/// Adoption believes nothing: number, currency, party, the order's id and what it settles have to agree, and it has to
/// count. The money is compared beside it.
fn names_us(found: &Posted, logged: &LoggedWrite) -> bool {
    let document = &logged.document;
    !found.void
        && found.number == document.number()
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
