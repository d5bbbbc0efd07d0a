//! The preview of one order: what would be written for it and why. It is no second opinion: the engine itself decides, in a
//! transaction that is rolled back, and is told after every call that the ledger did as it was asked. Nothing is sent to the
//! ledger, and nothing is kept. What only the ledger will say stands in braces: `{id of sale}`, `{exchange rate EUR 2026-11-02}`.

use std::collections::BTreeSet;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::books::Books;
use super::call::{Call, PartyCall, Purpose};
use super::consent::Declined;
use super::documents;
use super::next::{Action, calls_for, next};
use super::orders::{self, OrderRef, OrderRow};
use super::writes::{self, Closed, Draft};
use super::{fetch, inbox, parties, retrieve};
use crate::books::document::Document;
use crate::config;
use crate::ledgers::{Operation, Posted, Reference, ReferenceKind, WireRequest};
use crate::platform::{Platform, Row, Sql, SqlError, Value, Verdict};

mod shown;

pub use shown::Preview;
use shown::{Planned, Shown, why};

/// No order needs more calls than this; one that does is shown as far as that.
const MOST_CALLS: usize = 500;

/// What was supposed on the way to the next write.
#[derive(Default)]
struct Supposed {
    /// What is asked before it.
    first: Vec<String>,
    /// Exchange rates that are not known yet: the figure that stands for one, and what it is. A request takes figures only.
    rates: Vec<(String, String)>,
}

impl Supposed {
    /// What stands for the answer to a question for `reference`.
    fn answer(&mut self, reference: &Reference) -> String {
        let what = format!("{} {}", reference.kind.as_str(), reference.label);
        if reference.kind != ReferenceKind::ExchangeRate {
            self.first.push(format!("the id of the {what} is looked up"));
            return format!("{{id of {what}}}");
        }
        self.first.push(format!("the {what} is looked up"));
        let figure = format!("1000000.{:06}1", self.rates.len());
        self.rates.push((figure.clone(), format!("{{{what}}}")));
        figure
    }

    /// A body with the words for the figures.
    fn shown(&self, body: &str) -> String {
        self.rates.iter().fold(body.to_owned(), |body, (figure, words)| body.replace(figure, words))
    }
}

/// A database inside one transaction: what is a transaction elsewhere is a part of it.
struct Inside<'a>(&'a dyn Sql);

impl Sql for Inside<'_> {
    fn exec(&self, statement: &str, params: &[Value]) -> Result<Vec<Row>, SqlError> {
        self.0.exec(statement, params)
    }

    fn run_transaction(&self, body: &mut dyn FnMut() -> Verdict) -> Result<(), SqlError> {
        // Whoever fails inside fails the whole, and that is rolled back in any case.
        body();
        Ok(())
    }

    fn sync(&self) -> LocalBoxFuture<'_, Result<(), SqlError>> {
        async { Ok(()) }.boxed_local()
    }
}

/// Runs `body` and takes back whatever it wrote.
fn rehearse<T>(sql: &dyn Sql, body: impl FnOnce(&dyn Sql) -> Result<T, SqlError>) -> Result<T, SqlError> {
    let (mut body, mut outcome) = (Some(body), None);
    sql.run_transaction(&mut || {
        outcome = body.take().map(|body| body(&Inside(sql)));
        Verdict::Rollback
    })?;
    outcome.unwrap_or_else(|| Err(SqlError("a rehearsal was not run".into())))
}

impl Books<'_> {
    /// What would be written for the order. One that the books do not know whole is fetched for this, where that can be.
    pub async fn preview(&self, at: &OrderRef) -> Result<Preview, Declined> {
        let fetched = if retrieve::is_needed(self, at)? { Some(self.retrieve(at).await?) } else { None };
        let fetched = fetched.flatten();
        let preview = rehearse(self.platform.sql, |sql| {
            let platform = Platform { sql, ..self.platform };
            let all = config::connections(self.variables);
            Books::open(platform, self.id, all, self.variables)?.rehearsed(at, fetched.as_deref())
        })?;
        Ok(preview)
    }

    fn rehearsed(&self, at: &OrderRef, fetched: Option<&[u8]>) -> Result<Preview, SqlError> {
        let (sql, now) = (self.platform.sql, self.platform.clock.now());
        let state = orders::state(sql, at)?.unwrap_or_else(|| "unknown".into());
        if let (Some(body), Some(connection)) = (fetched, self.connection(&at.connection)) {
            inbox::receive_fetched(sql, now, connection, &at.order_id, body)?;
            fetch::settled(sql, at)?;
        }
        let row = || orders::load(sql, at)?.ok_or_else(|| SqlError("the order to be previewed is not there".into()));
        let mut preview =
            Preview { order_id: at.order_id.clone(), state, name: name_of(sql, at)?, ..Preview::default() };
        preview.tell(calls_for(self, &row()?)?);
        let mut supposed = Supposed::default();
        for _ in 0..MOST_CALLS {
            match next(self, &row()?, &mut BTreeSet::new())? {
                Action::End(ending, _) => {
                    preview.end(ending, now);
                    return Ok(preview);
                }
                Action::Later | Action::Resend(_) => {
                    preview.waiting = Some("a request of it is under way, and its answer is not known yet".into());
                    return Ok(preview);
                }
                Action::Call(call) => {
                    if let Some(waiting) = self.suppose(&row()?, *call, &mut supposed, &mut preview.steps)? {
                        preview.waiting = Some(waiting);
                        return Ok(preview);
                    }
                }
            }
        }
        preview.waiting = Some(format!("the steps after the first {MOST_CALLS} calls are not shown"));
        Ok(preview)
    }

    /// Supposes that the ledger does as a call asks. Returns why it cannot be known what follows, where that is so.
    fn suppose(
        &self,
        row: &OrderRow,
        call: Call,
        supposed: &mut Supposed,
        steps: &mut Vec<Planned>,
    ) -> Result<Option<String>, SqlError> {
        let (sql, at, now) = (self.platform.sql, &row.at, self.platform.clock.now());
        match call.purpose {
            Purpose::Reference(reference) => {
                parties::remember_reference(sql, &reference, &supposed.answer(&reference))?;
            }
            Purpose::Foreign(_) => {
                let text =
                    "the ledger is asked for the invoice that another integration made: what follows depends on it";
                return Ok(Some(text.into()));
            }
            Purpose::CreateParty(party) => {
                supposed.first.push("the customer is created".into());
                suppose_party(sql, party)?;
            }
            Purpose::FindParty(party) => {
                supposed.first.push("the customer is looked for, because the ledger has that name already".into());
                suppose_party(sql, party)?;
            }
            Purpose::Look(id) => {
                let logged = writes::load(sql, id)?;
                supposed
                    .first
                    .push(format!("the ledger is asked whether {} stands there already", logged.document.key));
                writes::close(sql, id, Closed::Absent, now)?;
            }
            Purpose::Draft(draft) if draft.look_before => {
                supposed.first.push(format!("the ledger is asked whether {} stands there already", draft.document.key));
                let id = writes::record(sql, at, &draft, now)?;
                writes::close(sql, id, Closed::Absent, now)?;
            }
            Purpose::Draft(draft) => {
                let id = writes::record(sql, at, &draft, now)?;
                let Draft { operation, document, request, party_id, .. } = *draft;
                steps.push(self.planned(at, operation, &document, request, supposed)?);
                self.suppose_written(at, id, operation, &document, &party_id)?;
            }
            Purpose::Write(id) => {
                let logged = writes::load(sql, id)?;
                let (operation, document) = (logged.operation, &logged.document);
                steps.push(self.planned(at, operation, document, logged.request, supposed)?);
                self.suppose_written(at, id, operation, document, &logged.party_id)?;
            }
        }
        Ok(None)
    }

    fn planned(
        &self,
        at: &OrderRef,
        operation: Operation,
        document: &Document,
        request: WireRequest,
        supposed: &mut Supposed,
    ) -> Result<Planned, SqlError> {
        let posted = documents::posted(self.platform.sql, at)?;
        Ok(Planned {
            operation: operation.as_str(),
            document_key: document.key.to_string(),
            number: document.number().to_owned(),
            currency: document.currency.code().to_owned(),
            total: document.currency.plain(document.total),
            why: why(operation, document, posted.get(&document.key)),
            first: std::mem::take(&mut supposed.first),
            request: Shown {
                method: request.method.as_str(),
                path: request.path,
                body: request.body.map(|body| supposed.shown(&body)),
                idempotency_key: request.idempotency_key,
            },
        })
    }

    fn suppose_written(
        &self,
        at: &OrderRef,
        write: i64,
        operation: Operation,
        document: &Document,
        party_id: &str,
    ) -> Result<(), SqlError> {
        let (sql, now) = (self.platform.sql, self.platform.clock.now());
        let before = documents::posted(sql, at)?.remove(&document.key).filter(|_| operation != Operation::Create);
        let posted = Posted {
            ledger_id: before
                .as_ref()
                .map_or_else(|| format!("{{id of {}}}", document.key), |one| one.posted.ledger_id.clone()),
            version: before.map_or_else(|| "0".into(), |one| one.posted.version),
            number: document.number().to_owned(),
            total: document.total,
            currency: Some(document.currency),
            party_id: Some(party_id.to_owned()),
            void: operation == Operation::Void,
            names_order: true,
            remark: None,
            room: None,
        };
        writes::close(sql, write, Closed::Confirmed, now)?;
        documents::record(sql, at, document, operation, &posted, now).map(drop)
    }
}

fn suppose_party(sql: &dyn Sql, party: PartyCall) -> Result<(), SqlError> {
    let known = parties::Known { ledger_id: Some("{id of the customer}".into()), ..party.known };
    parties::remember(sql, &party.identity, &known)
}

fn name_of(sql: &dyn Sql, at: &OrderRef) -> Result<Option<String>, SqlError> {
    let rows = sql.exec("SELECT name FROM orders WHERE connection = ? AND order_id = ?", &at.params())?;
    rows.first().map_or(Ok(None), |row| row.text_or_null("name"))
}
