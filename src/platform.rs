//! The few things the house needs from the machine it stands on, as traits: time, chance, the object's own SQLite,
//! the D1 journal, the alarm, a cipher, HTTP and the objects of the ledger companies. `edge/` implements them on Cloudflare, [`native`] on this machine.
//! Nothing outside those two may read a clock, draw a random number or open a connection.

use std::fmt;

use chrono::{DateTime, Utc};
use futures_util::future::LocalBoxFuture;

pub mod cipher;
mod log;
#[cfg(not(target_arch = "wasm32"))]
pub mod native;
mod pulse;
mod rows;
pub mod time;

pub use log::{Level, Log, LogLine};
pub use pulse::Pulse;
pub use rows::{Row, Value};

/// Everything a turn of work may touch, handed down from the entry point.
#[derive(Clone, Copy)]
pub struct Platform<'a> {
    /// The time.
    pub clock: &'a dyn Clock,
    /// Chance, for jitter and ids.
    pub random: &'a dyn Random,
    /// The durable object's own database.
    pub sql: &'a dyn Sql,
    /// The D1 database that people query.
    pub journal: &'a dyn Journal,
    /// The wake-up call of the durable object.
    pub alarm: &'a dyn Alarm,
    /// Whether a turn is at work in this instance of the object.
    pub pulse: &'a Pulse,
    /// Encryption of what must not lie open.
    pub cipher: &'a dyn Cipher,
    /// The way to the ledgers and to Shopify.
    pub http: &'a dyn Http,
    /// Which books hold which ledger company.
    pub companies: &'a dyn Companies,
    /// What is said to whoever looks on.
    pub log: &'a dyn Log,
}

/// Where the time comes from.
pub trait Clock {
    /// The current instant. On Workers it stands still between two I/O operations.
    fn now(&self) -> DateTime<Utc>;
}

/// Where chance comes from.
pub trait Random {
    /// Sixty-four unpredictable bits.
    fn bits(&self) -> u64;
}

/// What a transaction's body decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Keep every statement.
    Commit,
    /// Keep none.
    Rollback,
}

/// A SQLite database, used synchronously: between two statements nothing else runs.
pub trait Sql {
    /// Runs one statement and returns its rows.
    fn exec(&self, statement: &str, params: &[Value]) -> Result<Vec<Row>, SqlError>;

    /// Runs `body` so that either all of its statements stand or none. Use [`transaction`], which carries results.
    fn run_transaction(&self, body: &mut dyn FnMut() -> Verdict) -> Result<(), SqlError>;

    /// Resolves once everything written so far would survive the loss of the machine.
    fn sync(&self) -> LocalBoxFuture<'_, Result<(), SqlError>>;
}

/// Runs `body` in one transaction: an `Err` rolls every statement back, a panic too.
pub fn transaction<T, E: From<SqlError>>(sql: &dyn Sql, body: impl FnOnce(&dyn Sql) -> Result<T, E>) -> Result<T, E> {
    let mut body = Some(body);
    let mut outcome = None;
    sql.run_transaction(&mut || {
        let result = match body.take() {
            Some(body) => body(sql),
            None => Err(SqlError("a transaction's body was run twice".into()).into()),
        };
        let verdict = if result.is_ok() { Verdict::Commit } else { Verdict::Rollback };
        outcome = Some(result);
        verdict
    })?;
    outcome.unwrap_or_else(|| Err(SqlError("a transaction's body was not run".into()).into()))
}

/// One statement for the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// SQL with `?` placeholders.
    pub sql: String,
    /// What they stand for. D1 binds 32-bit integers only: ids and money go as text.
    pub params: Vec<Value>,
}

/// The D1 database: asynchronous, and allowed to be away for a while.
pub trait Journal {
    /// Applies the statements in one transaction.
    fn apply(&self, statements: Vec<Statement>) -> LocalBoxFuture<'_, Result<(), JournalError>>;
    /// Reads rows.
    fn query(&self, statement: Statement) -> LocalBoxFuture<'_, Result<Vec<Row>, JournalError>>;
}

/// The one alarm of a durable object; setting it replaces the earlier setting.
pub trait Alarm {
    /// Wakes the object at `at` (at once, if that has passed).
    fn set(&self, at: DateTime<Utc>) -> LocalBoxFuture<'_, Result<(), SqlError>>;
}

/// Authenticated encryption for tokens at rest.
pub trait Cipher {
    /// Encrypts; the answer is text that names the key it was made with.
    fn seal(&self, plain: &str) -> Result<String, CipherError>;
    /// Decrypts what [`Cipher::seal`] made.
    fn open(&self, sealed: &str) -> Result<String, CipherError>;
}

/// HTTP's methods, as far as they are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    Get,
    /// Writes (QuickBooks: all of them; Xero: updates).
    Post,
    /// Creates (Xero).
    Put,
    /// Deletes (Xero allocations).
    Delete,
}

impl Method {
    /// The method as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        }
    }
}

/// A request to somebody else's server.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The whole address.
    pub url: String,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The body, if there is one.
    pub body: Option<String>,
}

impl fmt::Debug for Request {
    /// Leaves the headers out: they hold the access token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.as_str(), self.url)
    }
}

/// What came back, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Header names (lower case) and values.
    pub headers: Vec<(String, String)>,
    /// The body as text; bytes that are not UTF-8 are replaced.
    pub body: String,
}

impl Response {
    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// The way out. Follows no redirects and gives up after 30 seconds.
pub trait Http {
    /// Sends one request.
    fn send(&self, request: Request) -> LocalBoxFuture<'_, Result<Response, HttpError>>;
}

/// There is no response. What was asked may or may not have been done: a caller who wrote something has to find out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("outcome unknown: {0}")]
pub struct HttpError(pub String);

/// Books want a ledger company.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Claim {
    /// The name of the company's own object.
    pub object: String,
    /// The label of the books that want it; empty where somebody only asks who holds it.
    pub books: String,
    /// Every label in the settings that may hold it.
    pub configured: Vec<String>,
}

/// The objects of the ledger companies: each knows which books hold its company, and nothing else.
pub trait Companies {
    /// Asks for a company. Returns the label of the books that hold it now: those that asked, or others before them.
    fn claim(&self, claim: Claim) -> LocalBoxFuture<'_, Result<String, Unasked>>;
}

/// A company's object could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it could not be asked which books hold the company: {0}")]
pub struct Unasked(pub String);

/// The object's database refused; the text is SQLite's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("database: {0}")]
pub struct SqlError(pub String);

/// An integer as the runtime's databases take it. Their numbers are JavaScript's, exact up to 2^53: what is beyond is refused.
pub fn exact(number: i64) -> Result<f64, SqlError> {
    match number.unsigned_abs() {
        0..=0x20_0000_0000_0000 => Ok(number as f64),
        _ => Err(SqlError(format!("an integer beyond 2^53: {number}"))),
    }
}

/// The journal could not be reached or refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("journal (D1): {0}")]
pub struct JournalError(pub String);

/// A token could not be encrypted or decrypted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CipherError {
    /// `TOKEN_KEY` is missing or malformed.
    #[error("TOKEN_KEY must be 32 bytes in base64 (make one with: openssl rand -base64 32)")]
    Key,
    /// The text was sealed with another key, or damaged.
    #[error(
        "a stored token cannot be decrypted with the present TOKEN_KEY; put the earlier key into TOKEN_KEY_PREVIOUS, or connect the ledger again"
    )]
    Sealed,
    /// The text was sealed with another key than `TOKEN_KEY`, and `TOKEN_KEY_PREVIOUS` is malformed.
    #[error(
        "a stored token cannot be decrypted with the present TOKEN_KEY, and TOKEN_KEY_PREVIOUS must be 32 bytes in base64: put the earlier key there as it was, or connect the ledger again"
    )]
    Previous,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_exact_as_far_as_the_runtime_goes_and_no_further() {
        for number in [0, -1, i64::from(i32::MAX) + 1, 30 * 86_400_000, 1 << 53, -(1 << 53)] {
            assert_eq!(exact(number).unwrap().to_string(), number.to_string());
        }
        for number in [(1 << 53) + 1, -(1 << 53) - 1, i64::MAX, i64::MIN] {
            assert!(exact(number).is_err(), "{number}");
        }
    }
}
