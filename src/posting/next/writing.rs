//! From a planned step to the next call that it needs: what the settings name, the customer, the write itself; and what
//! becomes of a write whose outcome nobody knows.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Desk};
use crate::books::document::{Document, DocumentKey, Party};
use crate::ledgers::{Operation, Posted, Recovery, Reference, WireRequest, Write};
use crate::normalize::{self, Adjustment};
use crate::platform::{SqlError, transaction};
use crate::posting::call::{Call, PartyCall, Purpose, Stage, WriteParts};
use crate::posting::documents::{self, PostedState, Record};
use crate::posting::orders::Ending;
use crate::posting::parties::{self, Known};
use crate::posting::writes::{self, Closed, Draft, LoggedWrite, Open};
use crate::posting::{adjustments, obstacles, sending};

impl Desk<'_> {
    pub(super) fn write(
        &self,
        operation: Operation,
        document: &Document,
        posted: &BTreeMap<DocumentKey, Record>,
        claims: &mut BTreeSet<String>,
    ) -> Result<Action, SqlError> {
        let sql = self.books.platform.sql;
        let identity = document.party.identity(&self.connection.shop);
        let known = parties::known(sql, &identity)?;
        // The customer of somebody else's invoice is taken as it is.
        let party_id = document.party.ledger_id.clone().or_else(|| known.ledger_id.clone());
        let obstacle = obstacles::before(sql, &self.row.at, document, party_id.as_deref().unwrap_or_default())?;
        if let Some(obstacle) = obstacle {
            return self.end(Ending::Obstructed(obstacle.hold(), obstacle.key));
        }
        let is_new = operation == Operation::Create;
        let record = posted.get(&document.key).filter(|_| !is_new);
        let corrected = record.map(|record| self.corrected(document, record)).transpose()?.flatten();
        let names = self.ledger.references(corrected.as_ref().unwrap_or(document));
        let references = match parties::references(sql, &names)? {
            Ok(references) => references,
            Err(missing) => return Ok(self.find_reference(missing, claims)),
        };
        let Some(party_id) = party_id else {
            return self.find_or_create_party(&document.party, identity, known, claims);
        };
        let links = links(posted);
        let look_before = is_new && self.is_older_than_the_object()? && self.may_stand(document, posted)?;
        let existing = record.map(|record| &record.posted);
        self.log(operation, document, corrected.as_ref(), &party_id, existing, &links, &references, look_before)
    }

    pub(super) fn void(&self, document: &Document, posted: &BTreeMap<DocumentKey, Record>) -> Result<Action, SqlError> {
        let existing = posted.get(&document.key).map(|record| &record.posted);
        let party_id = existing.and_then(|posted| posted.party_id.clone()).unwrap_or_default();
        if let Some(obstacle) = obstacles::before(self.books.platform.sql, &self.row.at, document, &party_id)? {
            return self.end(Ending::Obstructed(obstacle.hold(), obstacle.key));
        }
        let (links, references) = (links(posted), BTreeMap::new());
        self.log(Operation::Void, document, None, &party_id, existing, &links, &references, false)
    }

    /// The document as it has to be sent so that the ledger reaches its total: where the ledger computed otherwise than its
    /// arithmetic promised, by no more than rounding explains, with that difference as a rounding line.
    fn corrected(&self, document: &Document, record: &Record) -> Result<Option<Document>, SqlError> {
        let is_the_same = !record.exact && record.document.same_money(document);
        let difference = document.total - record.ledger_total;
        if !is_the_same {
            return Ok(None);
        }
        let corrected = normalize::with_rounding(self.settings, document, difference);
        if corrected.is_some() {
            let note = Adjustment {
                document_key: document.key.clone(),
                field: "total_price".into(),
                rule: "ledger_computed",
                before: document.currency.show(record.ledger_total),
                after: document.currency.show(document.total),
                personal: false,
            };
            adjustments::add(self.books.platform.sql, &self.row.at, self.now(), &note)?;
        }
        Ok(corrected)
    }

    /// An order made before this object existed may have been posted by an earlier one.
    fn is_older_than_the_object(&self) -> Result<bool, SqlError> {
        let born_at = self.books.born_at()?;
        Ok(self.state.snapshot.as_ref().is_some_and(|order| order.created_at < born_at))
    }

    /// What settles a document that was not there cannot be there either. Somebody else's was there before.
    fn may_stand(&self, document: &Document, posted: &BTreeMap<DocumentKey, Record>) -> Result<bool, SqlError> {
        let Some(settlement) = document.settlement() else { return Ok(true) };
        if posted.get(&settlement.settles).is_some_and(|record| record.state == PostedState::Foreign) {
            return Ok(true);
        }
        writes::was_adopted(self.books.platform.sql, &self.row.at, &settlement.settles)
    }

    fn find_reference(&self, reference: Reference, claims: &mut BTreeSet<String>) -> Action {
        if !claims.insert(format!("{}:{}", reference.kind.as_str(), reference.label)) {
            return Action::Later;
        }
        let request = self.ledger.find_reference(&reference);
        self.call(Stage::References, Purpose::Reference(reference), request)
    }

    fn find_or_create_party(
        &self,
        party: &Party,
        identity: String,
        mut known: Known,
        claims: &mut BTreeSet<String>,
    ) -> Result<Action, SqlError> {
        let sql = self.books.platform.sql;
        if let Some(under_way) = sending::of_party(sql, &identity)? {
            match self.ledger.recovery(&under_way.tries, self.now()) {
                Recovery::Replay => return Ok(resend(under_way.id, claims)),
                // A name and our key of it are unique: creating it again finds out.
                Recovery::WaitUntil(_) | Recovery::LookFirst => {
                    known.epoch += 1;
                    transaction(sql, |sql| {
                        parties::remember(sql, &identity, &known)?;
                        sending::settle_party(sql, &identity)
                    })?;
                }
            }
        }
        let party = parties::named(party, &self.connection.shop, known.variant);
        // Two parties of one name must not be created side by side either.
        if !claims.insert(format!("party:{identity}")) || !claims.insert(format!("name:{}", party.name)) {
            return Ok(Action::Later);
        }
        let key = parties::key(&identity);
        if known.taken {
            let request = self.ledger.find_party(&party, &key);
            return Ok(self.call(Stage::Parties, Purpose::FindParty(PartyCall { party, identity, known }), request));
        }
        let idempotency = parties::creation_key(&self.settings.company, &identity, &known);
        let request = self.ledger.create_party(&party, &key, &idempotency);
        let again = known.epoch > 0;
        let purpose = Purpose::CreateParty(PartyCall { party, identity, known });
        Ok(alone(self.call(Stage::Parties, purpose, request), again))
    }

    #[allow(clippy::too_many_arguments)] // Exactly the parts of a write, named where they are used.
    fn log(
        &self,
        operation: Operation,
        document: &Document,
        sent_as: Option<&Document>,
        party_id: &str,
        existing: Option<&Posted>,
        links: &BTreeMap<DocumentKey, Posted>,
        references: &BTreeMap<Reference, String>,
        look_before: bool,
    ) -> Result<Action, SqlError> {
        let sql = self.books.platform.sql;
        let epoch = writes::epoch(sql, &self.row.at, document, operation)?;
        let key = writes::key(&self.settings.company, &self.connection.shop, document, operation, epoch);
        let write = Write {
            operation,
            document: sent_as.unwrap_or(document),
            party_id,
            existing,
            links,
            references,
            key: &key,
        };
        let request = self.ledger.write(&write);
        // Only the first try can meet what an earlier object wrote.
        let look_before = look_before && epoch == 0;
        let call = if look_before { self.ledger.look(&write) } else { request.clone() };
        let draft = Draft {
            operation,
            document: document.clone(),
            request,
            party_id: party_id.to_owned(),
            key: key.clone(),
            epoch,
            look_before,
        };
        self.send(operation, document, Purpose::Draft(Box::new(draft)), call)
    }

    /// An open write is dealt with before anything else is planned. `None` if that closed it.
    pub(super) fn resolve(&self, open: LoggedWrite, claims: &mut BTreeSet<String>) -> Result<Option<Action>, SqlError> {
        let sql = self.books.platform.sql;
        let under_way = sending::of_write(sql, open.id)?;
        let recovery = under_way.as_ref().map(|one| (one.id, self.ledger.recovery(&one.tries, self.now())));
        match (recovery, open.open) {
            (Some((id, Recovery::Replay)), _) => Ok(Some(resend(id, claims))),
            (Some((_, Recovery::WaitUntil(at))), _) => self.end(Ending::Retry(at)).map(Some),
            // A full update says everything anew: whether the earlier one was done does not matter once there is another one.
            (Some((_, Recovery::LookFirst)), _) if open.operation == Operation::Update => {
                transaction(sql, |sql| {
                    documents::doubt(sql, &self.row.at, &open.document.key)?;
                    writes::close(sql, open.id, Closed::Absent, self.now())
                })?;
                Ok(None)
            }
            (None, Open::Unsent) => match self.forbidden()? {
                Some(hold) => self.end(Ending::Held(hold)).map(Some),
                None => {
                    self.send(open.operation, &open.document, Purpose::Write(open.id), open.request.clone()).map(Some)
                }
            },
            (Some((_, Recovery::LookFirst)), _) | (None, Open::LookBefore | Open::LookExisting) => {
                let parts = WriteParts::of(self.books, &self.row.at, &open)?;
                let request = self.ledger.look(&parts.write(&open));
                Ok(Some(self.call(Stage::of(open.document.kind()), Purpose::Look(open.id), request)))
            }
        }
    }

    /// The call that sends a write. What was sent before and was not there may be what the ledger fails at: it goes alone,
    /// so that its neighbours do not fail with it again.
    fn send(
        &self,
        operation: Operation,
        document: &Document,
        purpose: Purpose,
        request: WireRequest,
    ) -> Result<Action, SqlError> {
        let again = writes::came_to_nothing(self.books.platform.sql, &self.row.at, document, operation)?;
        Ok(alone(self.call(Stage::of(document.kind()), purpose, request), again))
    }

    pub(super) fn call(&self, stage: Stage, purpose: Purpose, request: WireRequest) -> Action {
        Action::Call(Box::new(Call {
            order: self.row.at.clone(),
            seen: self.seen,
            stage,
            purpose,
            request,
            again: false,
            alone: false,
        }))
    }
}

/// The call, by itself where it is tried again.
fn alone(mut action: Action, again: bool) -> Action {
    if let Action::Call(call) = &mut action {
        call.alone = again;
    }
    action
}

/// What the ledger said of each document: what others point at.
fn links(posted: &BTreeMap<DocumentKey, Record>) -> BTreeMap<DocumentKey, Posted> {
    posted.iter().map(|(key, record)| (key.clone(), record.posted.clone())).collect()
}

/// One order of a round asks for a sending to be repeated; the others wait for its answer.
fn resend(id: i64, claims: &mut BTreeSet<String>) -> Action {
    if claims.insert(format!("sending:{id}")) { Action::Resend(id) } else { Action::Later }
}
