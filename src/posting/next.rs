//! What an order needs next: decided afresh from the database before every call, so that news which arrived while a
//! call was under way is always taken in. Reads and records; sends nothing.

use std::collections::BTreeSet;

use super::adjustments;
use super::books::Books;
use super::by_hand;
use super::call::Call;
use super::fetch::{self, Fetching};
use super::known;
use super::orders::{self, Ending, OrderRow};
use super::plan::{PostedDocuments, Step, plan};
use super::preflight;
use super::stopped;
use super::writes;
use crate::books::hold::{Hold, HoldReason};
use crate::config::{Connection, CurrencySide, Settings};
use crate::ledgers::{Ledger, Operation};
use crate::normalize::{self, Desired, Documents, told};
use crate::platform::{SqlError, transaction};
use crate::shopify::OrderState;
use chrono::{DateTime, Duration, Utc};

mod circumstances;
mod cutover;
mod writing;

pub use circumstances::{Circumstances, Subject};

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

/// One order and what it is looked at with.
struct Desk<'a> {
    books: &'a Books<'a>,
    connection: &'a Connection,
    settings: &'a Settings,
    ledger: Box<dyn Ledger>,
    row: &'a OrderRow,
    state: OrderState,
    /// True if it changed since the newest whole order came.
    stale: bool,
    seen: i64,
    /// When the newest word of it came.
    heard_at: DateTime<Utc>,
    fetching: Fetching,
}

/// Decides what `row` needs. `claims` holds what other orders of this round are already asking the ledger for.
pub fn next(books: &Books<'_>, row: &OrderRow, claims: &mut BTreeSet<String>) -> Result<Action, SqlError> {
    match Desk::of(books, row)? {
        Ok(desk) if desk.stale && desk.fetching == Fetching::Now => desk.fetch(),
        Ok(desk) => desk.decide(claims),
        Err(hold) => Ok(Action::End(Ending::Held(hold), orders::ALL_NEWS)),
    }
}

/// What `row` ought to have in the books, as [`next`] decides it.
pub fn calls_for(books: &Books<'_>, row: &OrderRow) -> Result<Result<Desired, Hold>, SqlError> {
    let desk = match Desk::of(books, row)? {
        Ok(desk) => desk,
        Err(hold) => return Ok(Err(hold)),
    };
    let subject = desk.subject()?;
    Ok(normalize::desired(&Circumstances::of(books, &subject)?.input(&subject)))
}

impl<'a> Desk<'a> {
    /// The desk of an order, or why nothing can be decided on it.
    fn of(books: &'a Books<'a>, row: &'a OrderRow) -> Result<Result<Self, Hold>, SqlError> {
        let hold = |text: String| Ok(Err(Hold::new(HoldReason::SettingsInvalid, text)));
        let Some(connection) = books.connection(&row.at.connection) else {
            return hold(books.why_left(&row.at.connection));
        };
        let settings = match &connection.settings {
            Ok(settings) => settings,
            Err(problems) => {
                let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
                return hold(text.join("; "));
            }
        };
        let Some(ledger) = books.ledger(connection) else { return hold("the settings cannot be read".into()) };
        let known = known::state_of(books.platform.sql, connection, &row.at)?;
        let fetching = books.fetching(connection, row, known.newest)?;
        let (state, seen, stale) = (known.state, known.newest, known.stale);
        let heard_at = known.newest_at.unwrap_or(row.first_seen_at);
        Ok(Ok(Self { books, connection, settings, ledger, row, state, stale, seen, heard_at, fetching }))
    }
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
        if let Some(open) = writes::open(self.books.platform.sql, &self.row.at)?
            && let Some(action) = self.resolve(open, claims)?
        {
            return Ok(action);
        }
        if let Some(hold) = stopped::hold(self.books.platform.sql, &self.connection.id)? {
            return self.end(Ending::Held(hold));
        }
        if let Some(hold) = by_hand::hold(self.books.platform.sql, &self.row.at)? {
            return self.end(Ending::Held(hold));
        }
        let waited = self.now() - self.row.first_seen_at;
        let subject = self.subject()?;
        let circumstances = Circumstances::of(self.books, &subject)?;
        let input = circumstances.input(&subject);
        match normalize::desired(&input) {
            Err(hold) => self.end(Ending::Held(hold)),
            Ok(Desired::Ignored(ignored)) => self.end(Ending::Ignored(ignored.rule(), told(&input))),
            Ok(Desired::AwaitsOrder) if waited < ORPHAN_GRACE || self.fetching != Fetching::No => {
                self.wait(self.row.first_seen_at + ORPHAN_GRACE)
            }
            Ok(Desired::AwaitsOrder) => {
                let text = "a refund, payment, edit or dispute arrived, but the order itself never did";
                self.end(Ending::Held(Hold::new(HoldReason::OrderUnknown, text)))
            }
            Ok(Desired::AwaitsTransactions) => self.wait(self.heard_at + TRANSACTIONS_GRACE),
            Ok(Desired::Cutover(question)) => self.cutover(&input, &question, claims),
            Ok(Desired::Documents(documents)) => self.pursue(&documents, &circumstances.posted, claims),
        }
    }

    fn subject(&self) -> Result<Subject<'_>, SqlError> {
        let heard = known::transactions_seen(self.books.platform.sql, &self.connection.id)?;
        Ok(Subject {
            at: &self.row.at,
            state: &self.state,
            settings: self.settings,
            rules: self.ledger.as_ref(),
            shop: &self.connection.shop,
            stamp: self.row.stamp.as_ref(),
            seen: self.seen,
            may_fetch: self.fetching != Fetching::No,
            may_infer: self.fetching != Fetching::Now
                && (self.now() - self.heard_at >= TRANSACTIONS_GRACE || (!heard && self.fetching == Fetching::No)),
        })
    }

    fn pursue(
        &self,
        desired: &Documents,
        posted: &PostedDocuments,
        claims: &mut BTreeSet<String>,
    ) -> Result<Action, SqlError> {
        let steps = plan(&desired.documents, posted);
        self.remember(desired, posted, steps.as_deref().unwrap_or_default())?;
        let steps = match steps {
            Ok(steps) => steps,
            Err(hold) => return self.end(Ending::Held(hold)),
        };
        if let Some(hold) = self.forbidden()?.filter(|_| !steps.is_empty()) {
            return self.end(Ending::Held(hold));
        }
        match steps.first() {
            None if desired.awaits_transactions => self.wait(self.heard_at + TRANSACTIONS_GRACE),
            None => match &desired.unexplained {
                Some(_) if self.now() - self.heard_at < ORPHAN_GRACE || self.fetching != Fetching::No => {
                    self.wait(self.heard_at + ORPHAN_GRACE)
                }
                Some(hold) => self.end(Ending::Held(hold.clone())),
                None => self.synced(desired),
            },
            Some(Step::Create(document)) => self.write(Operation::Create, document, posted, claims),
            Some(Step::Update(document)) => self.write(Operation::Update, document, posted, claims),
            Some(Step::Void(document)) => self.void(document, posted),
        }
    }

    /// Everything is posted. What money came to in the shop's currency when it moved only Shopify's own answer says: where it
    /// can be had, the order is fetched once for the notes on it.
    fn synced(&self, desired: &Documents) -> Result<Action, SqlError> {
        let is_wanted = desired.stamp.side == CurrencySide::Shop && self.state.lacks_shop_amounts();
        let again = match self.fetching {
            Fetching::Now if is_wanted => {
                fetch::want(self.books.platform.sql, &self.row.at)?;
                Some(self.now())
            }
            Fetching::At(until) if is_wanted => Some(until),
            _ => None,
        };
        self.end(Ending::Synced(desired.notice.clone(), again))
    }

    /// Nothing new goes out while the settings do not fit the ledger.
    fn forbidden(&self) -> Result<Option<Hold>, SqlError> {
        let problems = preflight::forbids(self.books.platform.sql, self.connection)?;
        Ok(problems.map(|problems| Hold::new(HoldReason::PreflightFailed, problems)))
    }

    /// Keeps what was decided once, and what was changed.
    fn remember(&self, desired: &Documents, posted: &PostedDocuments, steps: &[Step<'_>]) -> Result<(), SqlError> {
        let currency = desired.documents.first().map(|document| document.currency);
        transaction(self.books.platform.sql, |sql| {
            if self.row.stamp.as_ref() != Some(&desired.stamp) {
                orders::stamp(sql, &self.row.at, &desired.stamp, currency.as_ref().map(|one| one.code()))?;
            }
            adjustments::keep(sql, &self.row.at, self.now(), &desired.notes, posted, steps)
        })
    }
}
