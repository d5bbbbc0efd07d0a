//! `LedgerQueue`: the durable object of one set of books. It opens them on its own database and passes on what it is asked;
//! every decision is made in `posting/`. Objects of the same class, one for each ledger company, know which books hold it.

use chrono::Timelike;
use worker::{DurableObject, Env, Headers, Method, Request, RequestInit, Response, Result, State, durable_object};

use super::alarm::ObjectAlarm;
use super::clock::{RuntimeClock, RuntimeRandom};
use super::companies::{CLAIM, CompanyObjects};
use super::http::RuntimeHttp;
use super::journal::D1Journal;
use super::log::RuntimeLog;
use super::sql::ObjectSql;
use super::variables;
use super::watching::{self, TICK};
use crate::config::{self, Connection, Variables, variable};
use crate::journal::{every_label, waiting_labels};
use crate::platform::cipher::{NoCipher, TokenCipher};
use crate::platform::{Cipher, Claim, Clock, Log, LogLine, Platform, Pulse, SqlError};
use crate::posting::{Answer, Answered, Books, Incoming, OrderRef, Received, claims};
use crate::reconcile::run;
use crate::shopify::Delivery;
use crate::shopify::delivery::body_hash;

/// The header that tells the object which books it holds.
const BOOKS: &str = "x-tillproof-books";
/// The header that names a connection.
const CONNECTION: &str = "x-tillproof-connection";
/// The header that names an order.
const ORDER: &str = "x-tillproof-order";

/// The header that says after which order a further part of an answer begins.
pub const AFTER: &str = "x-tillproof-after";

/// What books are told that lost their company.
const LOST: &str = "/lost";

/// When an alarm whose turn could not begin rings again.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(60);

/// One ledger company's books.
#[durable_object]
pub struct LedgerQueue {
    state: State,
    env: Env,
    pulse: Pulse,
}

impl DurableObject for LedgerQueue {
    fn new(state: State, env: Env) -> Self {
        Self { state, env, pulse: Pulse::default() }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        if request.path() == CLAIM {
            // This is the object of a company: it holds no books.
            let claim: Claim = request.json().await?;
            return self.claimed(&claim).await;
        }
        if request.path() == TICK {
            // This is the object of the watch: it holds no books.
            let body = request.text().await?;
            return watching::tick(&self.env, Stand::new(&self.state, &self.env).platform(&self.pulse), &body).await;
        }
        let header = |request: &Request, name: &str| request.headers().get(name).ok().flatten().unwrap_or_default();
        let id = header(&request, BOOKS);
        self.remember(&id)?;
        let stand = Stand::new(&self.state, &self.env);
        let books = stand.books(&id, &self.pulse)?;
        let at = OrderRef { connection: header(&request, CONNECTION), order_id: header(&request, ORDER) };
        let path = request.path();
        if let Some(response) = super::connecting::answer(&books, &path, &at.connection, &mut request).await? {
            return Ok(response);
        }
        let of = at.order_id.as_str();
        if let Some(response) = super::reconciling::answer(&books, &path, &at.connection, of, &mut request).await? {
            return Ok(response);
        }
        if let Some(response) = super::past::answer(&books, &path, &at, &mut request).await? {
            return Ok(response);
        }
        match path.as_str() {
            #[cfg(feature = "checks")]
            "/deliver" if super::checks::refuses(&stand.variables, &at.connection) => Response::error("refused", 500),
            "/deliver" => {
                let body = request.bytes().await?;
                deliver(&books, &request, &at.connection, &body).await
            }
            "/erase" => {
                let body = request.bytes().await?;
                let headers = |name: &str| request.headers().get(name).ok().flatten();
                let delivery = Delivery::from_headers(headers, &body_hash(&body));
                let only = Some(at.connection.as_str()).filter(|id| !id.is_empty());
                books.erase(&delivery, &body, only).await.map_err(refused)?;
                Response::ok("erased")
            }
            "/brief" => Response::from_json(&books.brief().map_err(refused)?),
            "/status" => Response::from_json(&books.status().map_err(refused)?),
            "/order" => match books.order(&at).map_err(refused)? {
                Some(view) => Response::from_json(&view),
                None => Response::error("unknown order", 404),
            },
            "/release" => release(&books, &at, &request.bytes().await?).await,
            "/privacy" => Response::from_json(&books.privacy_requests(&at.connection).map_err(refused)?),
            "/privacy/answer" => {
                let after = header(&request, AFTER);
                match books.privacy_answer(&at.connection, number(&at.order_id), &after).map_err(refused)? {
                    Some(answer) => Response::from_json(&answer),
                    None => Response::error("no open question of that number", 404),
                }
            }
            "/privacy/answered" => {
                let found = books.privacy_answered(&at.connection, number(&at.order_id)).await.map_err(refused)?;
                accepted(found, "no open question of that number")
            }
            "/resume" => {
                let found = books.resume_connection(&at.connection).await.map_err(refused)?;
                accepted(found, "the connection is not stopped")
            }
            "/poke" => run::poke(&books).await.map_err(refused).and_then(|()| Response::empty()),
            LOST => claims::lost(&stand.sql).map_err(refused).and_then(|()| Response::empty()),
            #[cfg(feature = "checks")]
            "/checks/transaction" => super::checks::transaction_check(&self.sql()),
            _ => Response::error("unknown path", 404),
        }
    }

    /// Never an error: after six of them the platform would ring no more.
    async fn alarm(&self) -> Result<Response> {
        if let Err(error) = self.ring().await {
            RuntimeLog.write(&LogLine::failed("alarm", error));
            self.state.storage().set_alarm(AGAIN).await.ok();
        }
        Response::empty()
    }
}

async fn deliver(books: &Books<'_>, request: &Request, connection: &str, body: &[u8]) -> Result<Response> {
    let header = |name: &str| request.headers().get(name).ok().flatten();
    let delivery = Delivery::from_headers(header, &body_hash(body));
    let Some(connection) = books.connections.iter().find(|one| one.id == connection) else {
        return Response::error("unknown connection", 404);
    };
    let incoming = Incoming { connection, delivery: &delivery, body };
    match books.receive(&incoming).await.map_err(refused)? {
        Received::New => Response::ok("new"),
        Received::Duplicate => Response::ok("duplicate"),
    }
}

/// Looks at an order again, with a person's answer to what it waits for, if the body holds one.
async fn release(books: &Books<'_>, at: &OrderRef, body: &[u8]) -> Result<Response> {
    let answer = match Answer::read(body) {
        Ok(Some(answer)) => answer,
        Ok(None) => return accepted(books.release(at).await.map_err(refused)?, "unknown order"),
        Err(problem) => return Response::error(problem, 400),
    };
    match books.answer(at, &answer).await.map_err(refused)? {
        Answered::Accepted => accepted(true, ""),
        Answered::UnknownOrder => Response::error("unknown order", 404),
        Answered::NothingAsked => Response::error("the order does not wait for this answer", 409),
    }
}

/// The answer to something that was asked for: it is under way, or there is no such thing.
fn accepted(found: bool, otherwise: &str) -> Result<Response> {
    // `Response::error` takes statuses of errors only.
    if found { Response::ok("accepted").map(|answer| answer.with_status(202)) } else { Response::error(otherwise, 404) }
}

/// A request's number; nothing has the number 0.
fn number(text: &str) -> i64 {
    text.parse().unwrap_or(0)
}

fn refused(error: SqlError) -> worker::Error {
    worker::Error::RustError(error.to_string())
}

impl LedgerQueue {
    async fn ring(&self) -> Result<()> {
        let Some(id) = self.remembered()? else { return Ok(()) };
        let stand = Stand::new(&self.state, &self.env);
        run::turn(&stand.books(&id, &self.pulse)?).await;
        Ok(())
    }

    /// Books want the company of this object. Whoever loses it has to know before it is theirs.
    async fn claimed(&self, claim: &Claim) -> Result<Response> {
        if let Some(loser) = claims::loser(&self.sql(), claim).map_err(refused)? {
            let question = Question { books: &loser, connection: "", order: "", path: LOST };
            let status = ask(&self.env, &question, Headers::new(), None).await?.status_code();
            if status >= 300 {
                return Response::error(format!("the books `{loser}` could not be told: status {status}"), 503);
            }
        }
        Response::from_json(&claims::claim(&self.sql(), claim).map_err(refused)?)
    }

    fn sql(&self) -> ObjectSql {
        ObjectSql::new(self.state.storage())
    }

    /// An alarm carries no name: the object writes down which books it holds.
    fn remember(&self, id: &str) -> Result<()> {
        Books::remember_id(&self.sql(), id).map_err(refused)
    }

    fn remembered(&self) -> Result<Option<String>> {
        Books::remembered_id(&self.sql()).map_err(refused)
    }
}

/// The platform's parts, owned while the books are open.
struct Stand {
    sql: ObjectSql,
    alarm: ObjectAlarm,
    journal: D1Journal,
    cipher: Box<dyn Cipher>,
    companies: CompanyObjects,
    variables: Variables,
}

impl Stand {
    fn new(state: &State, env: &Env) -> Self {
        let variables = variables::read(env);
        let key = |name: &str| variable(&variables, name).unwrap_or("");
        let cipher: Box<dyn Cipher> = match TokenCipher::new(key("TOKEN_KEY"), RuntimeRandom) {
            // There is a previous one only while a key is being replaced.
            Ok(cipher) => Box::new(cipher.with_previous(key("TOKEN_KEY_PREVIOUS"))),
            Err(_) => Box::new(NoCipher),
        };
        let storage = || state.storage();
        Self {
            sql: ObjectSql::new(storage()),
            alarm: ObjectAlarm(storage()),
            journal: D1Journal::new(env),
            cipher,
            companies: CompanyObjects(env.clone()),
            variables,
        }
    }

    fn platform<'a>(&'a self, pulse: &'a Pulse) -> Platform<'a> {
        Platform {
            clock: &RuntimeClock,
            random: &RuntimeRandom,
            sql: &self.sql,
            journal: &self.journal,
            alarm: &self.alarm,
            pulse,
            cipher: self.cipher.as_ref(),
            http: &RuntimeHttp,
            companies: &self.companies,
            log: &RuntimeLog,
        }
    }

    fn books<'a>(&'a self, id: &'a str, pulse: &'a Pulse) -> Result<Books<'a>> {
        Books::open(self.platform(pulse), id, config::connections(&self.variables), &self.variables).map_err(refused)
    }
}

/// What is asked of an object.
pub struct Question<'a> {
    pub books: &'a str,
    pub connection: &'a str,
    pub order: &'a str,
    pub path: &'a str,
}

/// Asks the object that holds those books.
pub async fn ask(env: &Env, question: &Question<'_>, headers: Headers, body: Option<&[u8]>) -> Result<Response> {
    let stub = env.durable_object("LEDGER_QUEUE")?.id_from_name(question.books)?.get_stub()?;
    headers.set(BOOKS, question.books)?;
    headers.set(CONNECTION, question.connection)?;
    headers.set(ORDER, question.order)?;
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_headers(headers);
    if let Some(body) = body {
        init.with_body(Some(worker::js_sys::Uint8Array::from(body).into()));
    }
    stub.fetch_with_request(Request::new_with_init(&format!("https://books{}", question.path), &init)?).await
}

/// The labels in the settings, once each.
pub fn labels(connections: &[Connection]) -> Vec<String> {
    let mut all: Vec<String> = connections.iter().map(|one| one.books.clone()).collect();
    all.sort();
    all.dedup();
    all
}

/// The same, and the labels of books that no connection names any more although orders wait there or an alert is open.
pub async fn all_books(env: &Env, variables: &Variables) -> Vec<String> {
    let mut all = labels(&config::connections(variables));
    // Without D1 the settings have to do.
    all.extend(waiting_labels(&D1Journal::new(env)).await.unwrap_or_default());
    all.sort();
    all.dedup();
    all
}

/// Wakes every set of books; once a day those too that the settings do not know any more and in which nothing waits: what
/// they keep of people is kept no longer than it may be. Returns false if one of them could not be woken: the next tick
/// tries again.
pub async fn poke_all(env: &Env) -> bool {
    let mut all = all_books(env, &variables::read(env)).await;
    let now = RuntimeClock.now();
    if now.hour() == 3 && now.minute() < 5 {
        all.extend(every_label(&D1Journal::new(env)).await.unwrap_or_default());
        all.sort();
        all.dedup();
    }
    let mut woken = true;
    for books in all {
        let question = Question { books: &books, connection: "", order: "", path: "/poke" };
        // One object that cannot be reached must not keep the others asleep.
        woken &= ask(env, &question, Headers::new(), None).await.is_ok_and(|answer| answer.status_code() < 300);
    }
    woken
}
