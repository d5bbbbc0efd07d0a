//! Asks a shop's Admin API: with a token that is kept encrypted and renewed in time, and never beyond the shop's cost
//! budget. Trouble pauses the asking, not the books: whatever can go on without an answer goes on.

use std::cell::Cell;

use chrono::{DateTime, Duration, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::alerts;
use super::books::Books;
use super::grant::hash;
use super::retry::backoff;
use super::schema::{clear_meta, meta, set_meta};
use super::stopped;
use crate::config::{AdminAccess, Connection};
use crate::platform::time::{iso, parse_iso};
use crate::platform::{Request, Response, Sql, SqlError};
use crate::shopify::admin::{self, Admin, Budget, Question, Token, Trouble};

/// Questions to Shopify in a turn; the ledgers get what they leave of the turn's calls (`turn::CALLS`), at least a third.
pub const SHOPIFY_CALLS: usize = 12;
/// A token that ends sooner than this is renewed first.
const MARGIN: Duration = Duration::minutes(10);
/// How long nobody asks after an answer that a person has to do something about.
const PERSON: Duration = Duration::hours(1);
/// The kind of the alert for what a person has to do.
const ALERT: &str = "shopify_admin";

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The turn has used up its calls: go on in the next one.
    #[error("the turn's calls are used up")]
    NoCallsLeft,
    /// Shopify does not answer; asking pauses until then.
    #[error("{1}")]
    Paused(DateTime<Utc>, String),
    /// The object's own database.
    #[error(transparent)]
    Sql(#[from] SqlError),
}

/// What a turn may still ask of Shopify.
pub struct Calls {
    left: Cell<usize>,
    until: DateTime<Utc>,
}

impl Calls {
    /// So many questions, none later than `until`.
    pub fn new(count: usize, until: DateTime<Utc>) -> Self {
        Self { left: Cell::new(count), until }
    }

    /// How many are left.
    pub fn left(&self) -> usize {
        self.left.get()
    }

    fn take(&self, now: DateTime<Utc>) -> bool {
        let may = now < self.until && self.left.get() > 0;
        self.left.set(self.left.get() - usize::from(may));
        may
    }
}

/// A shop that can be asked.
pub struct Shop<'a> {
    books: &'a Books<'a>,
    connection: &'a Connection,
    access: AdminAccess<'a>,
    admin: Admin,
    calls: &'a Calls,
}

/// What is remembered of asking: the token, with whose it is.
#[derive(Serialize, Deserialize)]
struct Held {
    token: Token,
    client: String,
}

/// Since when Shopify gives no answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Pause {
    until: String,
    why: String,
    failures: i64,
    /// True if a person has to put something right.
    #[serde(default)]
    person: bool,
}

/// A person says that what Shopify refused is put right: it is asked again at once.
pub fn put_right(sql: &dyn Sql, connection: &str) -> Result<(), SqlError> {
    match json::<Pause>(sql, &pause_key(connection))? {
        Some(pause) if pause.person => clear_meta(sql, &pause_key(connection)),
        _ => Ok(()),
    }
}

fn pause_key(connection: &str) -> String {
    format!("shopify_pause:{connection}")
}

fn token_key(connection: &str) -> String {
    format!("shopify_token:{connection}")
}

fn json<T: DeserializeOwned>(sql: &dyn Sql, key: &str) -> Result<Option<T>, SqlError> {
    Ok(meta(sql, key)?.and_then(|text| serde_json::from_str(&text).ok()))
}

fn keep<T: Serialize>(sql: &dyn Sql, key: &str, value: &T) -> Result<(), SqlError> {
    set_meta(sql, key, &serde_json::to_string(value).map_err(|error| SqlError(error.to_string()))?)
}

/// Until when nobody asks, and why; `None` if anybody may.
pub fn paused(
    sql: &dyn Sql,
    connection: &str,
    now: DateTime<Utc>,
) -> Result<Option<(DateTime<Utc>, String)>, SqlError> {
    let pause: Option<Pause> = json(sql, &pause_key(connection))?;
    let until = pause.and_then(|pause| Some((parse_iso(&pause.until)?, pause.why)));
    Ok(until.filter(|(until, _)| *until > now))
}

impl Books<'_> {
    /// How the connection's shop can be asked, if it can: not without credentials, and not once the app is gone.
    pub(super) fn admin_access(&self, connection: &Connection) -> Result<Option<AdminAccess<'_>>, SqlError> {
        let access = AdminAccess::of(self.variables, &connection.id, self.several_shops);
        Ok(if stopped::since(self.platform.sql, &connection.id)?.is_some() { None } else { access })
    }

    /// The connection's shop, if it can be asked; every question takes one of `calls`.
    pub(super) fn shop<'a>(
        &'a self,
        connection: &'a Connection,
        calls: &'a Calls,
    ) -> Result<Option<Shop<'a>>, SqlError> {
        let Some(access) = self.admin_access(connection)? else { return Ok(None) };
        let admin = Admin::new(&connection.shop, self.variables);
        Ok(Some(Shop { books: self, connection, access, admin, calls }))
    }
}

impl Shop<'_> {
    fn sql(&self) -> &dyn Sql {
        self.books.platform.sql
    }

    fn now(&self) -> DateTime<Utc> {
        self.books.platform.clock.now()
    }

    /// Asks, and returns the answer's data.
    pub async fn ask(&self, question: &Question) -> Result<Value, NoAnswer> {
        if let Some((until, why)) = paused(self.sql(), &self.connection.id, self.now())? {
            return Err(NoAnswer::Paused(until, why));
        }
        match self.ask_with_token(question).await {
            Ok(data) => {
                clear_meta(self.sql(), &pause_key(&self.connection.id))?;
                alerts::close(self.sql(), self.now(), &self.connection.id, ALERT)?;
                Ok(data)
            }
            Err(Failed::Trouble(trouble)) => Err(self.pause(trouble)?),
            Err(Failed::NoCallsLeft) => Err(NoAnswer::NoCallsLeft),
            Err(Failed::Sql(error)) => Err(NoAnswer::Sql(error)),
        }
    }

    async fn ask_with_token(&self, question: &Question) -> Result<Value, Failed> {
        let key = format!("shopify_budget:{}", self.connection.id);
        for renew in [false, true] {
            let mut budget: Budget = json(self.sql(), &key)?.unwrap_or_default();
            let wait = budget.wait(question.operation, self.now());
            if wait > Duration::zero() {
                return Err(Trouble::Throttled(wait).into());
            }
            let token = self.token(renew).await?;
            let response = self.send(self.admin.ask(question, &token)).await?;
            let data = admin::read(&response, question.operation, &mut budget, self.now());
            keep(self.sql(), &key, &budget)?;
            match data {
                Err(Trouble::TokenExpired) if !renew => {}
                Err(Trouble::TokenExpired) => break,
                other => return Ok(other?),
            }
        }
        let text = "Shopify refuses the access token: check SHOPIFY_CLIENT_ID and SHOPIFY_CLIENT_SECRET (or \
                    SHOPIFY_ACCESS_TOKEN), and that the app is installed";
        Err(Trouble::Person(text.into()).into())
    }

    async fn send(&self, request: Request) -> Result<Response, Failed> {
        if !self.calls.take(self.now()) {
            return Err(Failed::NoCallsLeft);
        }
        self.books.still_at_work();
        let sent = self.books.platform.http.send(request).await;
        sent.map_err(|error| Trouble::Later(format!("Shopify cannot be reached ({error})")).into())
    }

    /// A permanent token as it is; else the one in hand while it lasts, or a new one.
    async fn token(&self, renew: bool) -> Result<String, Failed> {
        let (id, secret) = match &self.access {
            AdminAccess::Token(token) => return Ok((*token).to_owned()),
            AdminAccess::Client { id, secret } => (*id, *secret),
        };
        let (cipher, key) = (self.books.platform.cipher, token_key(&self.connection.id));
        // Another client, or another shop, is another token.
        let client = hash(&format!("{} {id} {secret}", self.connection.shop));
        let sealed = meta(self.sql(), &key)?;
        let opened = sealed.and_then(|sealed| cipher.open(&sealed).ok());
        let held: Option<Held> = opened.and_then(|text| serde_json::from_str(&text).ok());
        let good = held.filter(|held| !renew && held.client == client && held.token.expires_at > self.now() + MARGIN);
        if let Some(held) = good {
            return Ok(held.token.access_token);
        }
        let response = self.send(self.admin.token(id, secret)).await?;
        let token = admin::read_token(&response, self.now())?;
        let text = serde_json::to_string(&Held { token: token.clone(), client }).unwrap_or_default();
        // One that cannot be kept encrypted is used once and asked for again.
        if let Ok(sealed) = cipher.seal(&text) {
            set_meta(self.sql(), &key, &sealed)?;
        }
        Ok(token.access_token)
    }

    /// Nobody asks for a while; what a person has to do is said once.
    pub fn pause(&self, trouble: Trouble) -> Result<NoAnswer, SqlError> {
        let (sql, now, connection) = (self.sql(), self.now(), &self.connection.id);
        let key = pause_key(connection);
        let failures = json::<Pause>(sql, &key)?.map_or(0, |pause| pause.failures) + 1;
        let why = trouble.to_string();
        let person = matches!(trouble, Trouble::Person(_) | Trouble::TokenExpired);
        let wait = match trouble {
            Trouble::Throttled(wait) => wait,
            Trouble::Later(_) => backoff(failures + 2, self.books.platform.random.bits()),
            Trouble::Person(_) | Trouble::TokenExpired => {
                alerts::open(sql, now, connection, ALERT, &format!("Shopify's Admin API: {why}"))?;
                PERSON
            }
        };
        let until = now + wait;
        keep(sql, &key, &Pause { until: iso(until), why: why.clone(), failures, person })?;
        Ok(NoAnswer::Paused(until, why))
    }
}

/// Why a question has no answer, before it is known what follows.
enum Failed {
    NoCallsLeft,
    Trouble(Trouble),
    Sql(SqlError),
}

impl From<Trouble> for Failed {
    fn from(trouble: Trouble) -> Self {
        Failed::Trouble(trouble)
    }
}

impl From<SqlError> for Failed {
    fn from(error: SqlError) -> Self {
        Failed::Sql(error)
    }
}

/// Forgets the token: the app is gone, or the shop's data is.
pub fn forget_token(sql: &dyn Sql, connection: &str) -> Result<(), SqlError> {
    clear_meta(sql, &token_key(connection))
}
