//! What an order needs next: decided afresh from the database before every call, so that news which arrived while a
//! call was under way is always taken in. Reads and records; sends nothing.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::books::Books;
use super::documents::{self, Record};
use super::fetch::{self, Fetching};
use super::inbox;
use super::obstacles;
use super::orders::{self, Ending, OrderRef, OrderRow};
use super::parties::{self, Known};
use super::plan::{PostedDocuments, Step, plan};
use super::preflight;
use super::sending;
use super::stopped;
use super::writes::{self, Closed, Draft, LoggedWrite, Open};
use crate::books::document::{Document, DocumentKey, DocumentKind, Party};
use crate::books::hold::{Hold, HoldReason};
use crate::config::{Connection, Settings};
use crate::journal::{self, AdjustmentRecord};
use crate::ledgers::{Ledger, Operation, Posted, Recovery, Reference, WireRequest, Write};
use crate::normalize::{self, Adjustment, Desired, Documents, Input, PERSONAL};
use crate::platform::time::iso;
use crate::platform::{SqlError, Value, transaction};
use crate::shopify::OrderState;

/// How long a payment's transactions may come after the order that speaks of it: Shopify sends both within seconds, its
/// first retry follows about a minute later.
const TRANSACTIONS_GRACE: Duration = Duration::minutes(2);
/// How long a refund or a transaction may come before its order (design, rulings: orphans).
const ORPHAN_GRACE: Duration = Duration::hours(1);

/// What an order needs.
pub enum Action {
    /// Nothing more in this turn.
    End(Ending, i64),
    /// Something that another order of this round is already asking for.
    Later,
    /// This call.
    Call(Box<Call>),
    /// What is under way under that number, sent again exactly as it was.
    Resend(i64),
}

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
    fn of(kind: DocumentKind) -> Self {
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
}

/// What a call is for.
pub enum Purpose {
    /// To learn the ledger's id of something that the settings name.
    Reference(Reference),
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

/// One order and what it is looked at with.
struct Desk<'a> {
    books: &'a Books<'a>,
    connection: &'a Connection,
    settings: &'a Settings,
    ledger: &'a dyn Ledger,
    row: &'a OrderRow,
    state: OrderState,
    seen: i64,
    /// When the newest word of it came.
    heard_at: DateTime<Utc>,
    fetching: Fetching,
}

/// Decides what `row` needs. `claims` holds what other orders of this round are already asking the ledger for.
pub fn next(books: &Books<'_>, row: &OrderRow, claims: &mut BTreeSet<String>) -> Result<Action, SqlError> {
    let hold =
        |text: String| Ok(Action::End(Ending::Held(Hold::new(HoldReason::SettingsInvalid, text)), orders::ALL_NEWS));
    let Some(connection) = books.connection(&row.at.connection) else {
        return hold(format!("the connection `{}` is no longer configured", row.at.connection));
    };
    let settings = match &connection.settings {
        Ok(settings) => settings,
        Err(problems) => {
            let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
            return hold(text.join("; "));
        }
    };
    let Some(ledger) = books.ledger(connection) else { return hold("the settings cannot be read".into()) };
    let known = inbox::state_of(books.platform.sql, connection, &row.at)?;
    let fetching = books.fetching(connection, row, known.newest)?;
    let (state, seen) = (known.state, known.newest);
    let heard_at = known.newest_at.unwrap_or(row.first_seen_at);
    let desk = Desk { books, connection, settings, ledger: ledger.as_ref(), row, state, seen, heard_at, fetching };
    if known.stale && fetching == Fetching::Now { desk.fetch() } else { desk.decide(claims) }
}

impl Desk<'_> {
    fn now(&self) -> DateTime<Utc> {
        self.books.platform.clock.now()
    }

    fn end(&self, ending: Ending) -> Result<Action, SqlError> {
        Ok(Action::End(ending, self.seen))
    }

    /// The order is fetched at the beginning of the next turn, which is at once.
    fn fetch(&self) -> Result<Action, SqlError> {
        fetch::want(self.books.platform.sql, &self.row.at)?;
        self.end(Ending::Later(self.now()))
    }

    /// Nothing more can be said of the order before something else is known. Where it can be fetched it is; else it is
    /// looked at again at the end of `grace`, or when Shopify can be asked again.
    fn wait(&self, grace: DateTime<Utc>) -> Result<Action, SqlError> {
        match self.fetching {
            Fetching::Now => self.fetch(),
            Fetching::At(until) if grace <= self.now() => self.end(Ending::Later(until)),
            Fetching::At(until) => self.end(Ending::Later(grace.min(until))),
            Fetching::No => self.end(Ending::Later(grace)),
        }
    }

    fn decide(&self, claims: &mut BTreeSet<String>) -> Result<Action, SqlError> {
        #[cfg(feature = "checks")]
        assert!(self.state.snapshot.as_ref().is_none_or(|order| order.name != "#CRASH"), "an order that crashes");
        if let Some(open) = writes::open(self.books.platform.sql, &self.row.at)?
            && let Some(action) = self.resolve(open, claims)?
        {
            return Ok(action);
        }
        if let Some(hold) = stopped::hold(self.books.platform.sql, &self.connection.id)? {
            return self.end(Ending::Held(hold));
        }
        let waited = self.now() - self.row.first_seen_at;
        let heard = inbox::transactions_seen(self.books.platform.sql, &self.connection.id)?;
        let posted = documents::posted(self.books.platform.sql, &self.row.at)?;
        let booked = documents::booked(&posted);
        let calendar = self.books.company_facts()?.calendar(self.settings);
        let input = Input {
            state: &self.state,
            settings: self.settings,
            rules: self.ledger,
            calendar: &calendar,
            shop: &self.connection.shop,
            stamp: self.row.stamp.as_ref(),
            booked: &booked,
            may_infer: self.fetching != Fetching::Now
                && (self.now() - self.heard_at >= TRANSACTIONS_GRACE || (!heard && self.fetching == Fetching::No)),
        };
        match normalize::desired(&input) {
            Err(hold) => self.end(Ending::Held(hold)),
            Ok(Desired::Ignored(ignored)) => self.end(Ending::Ignored(ignored.rule())),
            Ok(Desired::AwaitsOrder) if waited < ORPHAN_GRACE || self.fetching != Fetching::No => {
                self.wait(self.row.first_seen_at + ORPHAN_GRACE)
            }
            Ok(Desired::AwaitsOrder) => {
                let text = "a refund, payment or edit arrived, but the order itself never did";
                self.end(Ending::Held(Hold::new(HoldReason::OrderUnknown, text)))
            }
            Ok(Desired::Documents(documents)) => self.pursue(&documents, &posted, claims),
        }
    }

    fn pursue(
        &self,
        desired: &Documents,
        posted: &PostedDocuments,
        claims: &mut BTreeSet<String>,
    ) -> Result<Action, SqlError> {
        self.remember(desired)?;
        let steps = match plan(&desired.documents, posted) {
            Ok(steps) => steps,
            Err(hold) => return self.end(Ending::Held(hold)),
        };
        if let Some(hold) = self.forbidden()?.filter(|_| !steps.is_empty()) {
            return self.end(Ending::Held(hold));
        }
        match steps.first() {
            None if desired.awaits_transactions => self.wait(self.heard_at + TRANSACTIONS_GRACE),
            None => self.end(Ending::Synced),
            Some(Step::Create(document)) => self.write(Operation::Create, document, posted, claims),
            Some(Step::Update(document)) => self.write(Operation::Update, document, posted, claims),
            Some(Step::Void(document)) => self.void(document, posted),
        }
    }

    /// Nothing new goes out while the settings do not fit the ledger.
    fn forbidden(&self) -> Result<Option<Hold>, SqlError> {
        let problems = preflight::forbids(self.books.platform.sql, self.connection)?;
        Ok(problems.map(|problems| Hold::new(HoldReason::PreflightFailed, problems)))
    }

    /// Keeps what was decided once and what was changed, each only once.
    fn remember(&self, desired: &Documents) -> Result<(), SqlError> {
        let currency = desired.documents.first().map(|document| document.currency);
        transaction(self.books.platform.sql, |sql| {
            if self.row.stamp.as_ref() != Some(&desired.stamp) {
                orders::stamp(sql, &self.row.at, &desired.stamp, currency.as_ref().map(|one| one.code()))?;
            }
            desired.notes.iter().try_for_each(|note| self.keep_note(note))
        })
    }

    fn keep_note(&self, note: &Adjustment) -> Result<(), SqlError> {
        let sql = self.books.platform.sql;
        let [connection, order_id] = self.row.at.params();
        let at = iso(self.now());
        let inserted = sql.exec(
            "INSERT INTO adjustments (connection, order_id, document_key, field, rule, before, after, personal, at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING rule",
            &[
                connection,
                order_id,
                note.document_key.as_str().into(),
                note.field.as_str().into(),
                note.rule.into(),
                note.before.as_str().into(),
                note.after.as_str().into(),
                Value::Int(note.personal.into()),
                at.as_str().into(),
            ],
        )?;
        if inserted.is_empty() {
            return Ok(());
        }
        let shown = |text: &str| if note.personal { PERSONAL.to_owned() } else { text.to_owned() };
        let record = AdjustmentRecord {
            connection: self.row.at.connection.clone(),
            order_id: self.row.at.order_id.clone(),
            document_key: note.document_key.to_string(),
            field: note.field.clone(),
            rule: note.rule.to_owned(),
            before: shown(&note.before),
            after: shown(&note.after),
            at,
        };
        journal::append(sql, &journal::Record::Adjustment(record))
    }

    fn write(
        &self,
        operation: Operation,
        document: &Document,
        posted: &BTreeMap<DocumentKey, Record>,
        claims: &mut BTreeSet<String>,
    ) -> Result<Action, SqlError> {
        let sql = self.books.platform.sql;
        let identity = document.party.identity(&self.connection.shop);
        let known = parties::known(sql, &identity)?;
        let party_id = known.ledger_id.as_deref().unwrap_or_default();
        if let Some(obstacle) = obstacles::before(sql, &self.row.at, document, party_id)? {
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
        let Some(party_id) = known.ledger_id.clone() else {
            return self.find_or_create_party(&document.party, identity, known, claims);
        };
        let links = links(posted);
        let look_before = is_new && self.is_older_than_the_object()? && self.may_stand(document)?;
        let existing = record.map(|record| &record.posted);
        self.log(operation, document, corrected.as_ref(), &party_id, existing, &links, &references, look_before)
    }

    fn void(&self, document: &Document, posted: &BTreeMap<DocumentKey, Record>) -> Result<Action, SqlError> {
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
            self.keep_note(&Adjustment {
                document_key: document.key.clone(),
                field: "total_price".into(),
                rule: "ledger_computed",
                before: document.currency.show(record.ledger_total),
                after: document.currency.show(document.total),
                personal: false,
            })?;
        }
        Ok(corrected)
    }

    /// An order made before this object existed may have been posted by an earlier one.
    fn is_older_than_the_object(&self) -> Result<bool, SqlError> {
        let born_at = self.books.born_at()?;
        Ok(self.state.snapshot.as_ref().is_some_and(|order| order.created_at < born_at))
    }

    /// What settles a document that was not there cannot be there either.
    fn may_stand(&self, document: &Document) -> Result<bool, SqlError> {
        let Some(settlement) = document.settlement() else { return Ok(true) };
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
            match self.ledger.recovery(under_way.first_sent_at, self.now()) {
                Recovery::Replay => return Ok(resend(under_way.id, claims)),
                // A name and our key of it are unique: creating it again finds out.
                Recovery::LookFirst => {
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
        Ok(self.call(Stage::Parties, Purpose::CreateParty(PartyCall { party, identity, known }), request))
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
        let stage = Stage::of(document.kind());
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
        Ok(self.call(stage, Purpose::Draft(Box::new(draft)), call))
    }

    /// An open write is dealt with before anything else is planned. `None` if that closed it.
    fn resolve(&self, open: LoggedWrite, claims: &mut BTreeSet<String>) -> Result<Option<Action>, SqlError> {
        let sql = self.books.platform.sql;
        let stage = Stage::of(open.document.kind());
        let under_way = sending::of_write(sql, open.id)?;
        let recovery = under_way.as_ref().map(|one| (one.id, self.ledger.recovery(one.first_sent_at, self.now())));
        match (recovery, open.open) {
            (Some((id, Recovery::Replay)), _) => Ok(Some(resend(id, claims))),
            // A full update says everything anew: whether the earlier one was done does not matter.
            (Some((_, Recovery::LookFirst)), _) if open.operation == Operation::Update => {
                transaction(sql, |sql| writes::close(sql, open.id, Closed::Absent, self.now()))?;
                Ok(None)
            }
            (None, Open::Unsent) => match self.forbidden()? {
                Some(hold) => self.end(Ending::Held(hold)).map(Some),
                None => Ok(Some(self.call(stage, Purpose::Write(open.id), open.request))),
            },
            (Some((_, Recovery::LookFirst)), _) | (None, Open::LookBefore | Open::LookExisting) => {
                let parts = WriteParts::of(self.books, &self.row.at, &open)?;
                let request = self.ledger.look(&parts.write(&open));
                Ok(Some(self.call(stage, Purpose::Look(open.id), request)))
            }
        }
    }

    fn call(&self, stage: Stage, purpose: Purpose, request: WireRequest) -> Action {
        Action::Call(Box::new(Call {
            order: self.row.at.clone(),
            seen: self.seen,
            stage,
            purpose,
            request,
            again: false,
        }))
    }
}

/// What the ledger said of each document: what others point at.
fn links(posted: &BTreeMap<DocumentKey, Record>) -> BTreeMap<DocumentKey, Posted> {
    posted.iter().map(|(key, record)| (key.clone(), record.posted.clone())).collect()
}

/// One order of a round asks for a sending to be repeated; the others wait for its answer.
fn resend(id: i64, claims: &mut BTreeSet<String>) -> Action {
    if claims.insert(format!("sending:{id}")) { Action::Resend(id) } else { Action::Later }
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
