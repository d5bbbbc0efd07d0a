//! The permission to use a ledger company, as the object keeps it: tokens encrypted, everything else in the notebook.
//!
//! | key | what |
//! |---|---|
//! | `company` | the company that these books belong to for ever, once an admin confirmed its name |
//! | `tokens` | the tokens in use, encrypted |
//! | `unconfirmed` | the tokens of a consent whose company nobody confirmed yet, encrypted |
//! | `grant` | when what was granted, and when it ends |
//! | `reconnect` | why a person has to connect again |
//! | `dead` | a hash of the refresh token that the ledger refused for good |
//! | `disconnected` | that an admin disconnected, and with which secret at that time |
//! | `unanswered` | that new tokens were asked for, and nothing is known of the answer |

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::alerts;
use super::books::Books;
use super::breaker;
use super::schema::{clear_meta, meta, set_meta};
use super::standing::Warning;
use crate::books::rules::LedgerName;
use crate::config::{Connection, variable, variable_for};
use crate::ledgers::oauth::{Company, ConsentEvent, Tokens, prefix};
use crate::platform::{CipherError, Sql, SqlError, transaction};

const COMPANY: &str = "company";
const TOKENS: &str = "tokens";
const UNCONFIRMED: &str = "unconfirmed";
const GRANT: &str = "grant";
const RECONNECT: &str = "reconnect";
const DEAD: &str = "dead";
const DISCONNECTED: &str = "disconnected";
const UNANSWERED: &str = "unanswered";
/// The alert that a consent ends for good.
const ENDS: &str = "consent_ends";
/// The alert that tokens end which could not be renewed.
const TOKENS_END: &str = "tokens_end";
/// The alert that the tokens cannot be opened, or could not be kept.
const LOCKED: &str = "token_key";
/// The alert that nobody confirmed a consent.
const NOBODY_CONFIRMED: &str = "consent_unconfirmed";

/// Something of the permission cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The key in the secrets is missing, or is another one.
    #[error(transparent)]
    Cipher(#[from] CipherError),
    /// The object's own database.
    #[error(transparent)]
    Sql(#[from] SqlError),
}

/// How the permission came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Somebody consented on the ledger's own page.
    #[default]
    Consent,
    /// A refresh token among the secrets.
    Secret,
    /// The app's own account: a Xero Custom Connection.
    OwnAccount,
}

/// The tokens in use.
#[derive(Clone, Serialize, Deserialize)]
pub struct Stored {
    pub tokens: Tokens,
    /// The hash of the refresh token among the secrets when this chain began: a new secret begins a new chain.
    pub seed: String,
    /// The connection whose client id they were granted to.
    #[serde(default)]
    pub connection: String,
    #[serde(default)]
    pub source: Source,
}

impl Stored {
    /// The connection whose client id they belong to.
    pub fn client<'a>(&'a self, asking: &'a Connection) -> &'a str {
        if self.connection.is_empty() { &asking.id } else { &self.connection }
    }
}

/// The tokens of a consent that nobody confirmed yet, and the companies that it was given for.
#[derive(Clone, Serialize, Deserialize)]
pub struct Unconfirmed {
    pub tokens: Tokens,
    pub companies: Vec<Company>,
    pub connection: String,
    pub source: Source,
    pub at: DateTime<Utc>,
    /// Which consent it is, where the ledger says so.
    #[serde(default)]
    pub event: Option<ConsentEvent>,
}

/// When what was granted, and when it ends. Nothing in it is secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub source: Source,
    /// The connection whose client id the tokens were granted to.
    #[serde(default)]
    pub connection: String,
    /// When the present chain of tokens began.
    pub connected_at: Option<DateTime<Utc>>,
    /// When the tokens in hand came.
    pub refreshed_at: Option<DateTime<Utc>>,
    pub access_ends_at: Option<DateTime<Utc>>,
    pub refresh_ends_at: Option<DateTime<Utc>>,
    pub consent_ends_at: Option<DateTime<Utc>>,
}

/// A short hash of a token: enough to recognise it, useless to whoever reads it.
pub fn hash(token: &str) -> String {
    Sha256::digest(token).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn json<T: DeserializeOwned>(sql: &dyn Sql, key: &str) -> Result<Option<T>, SqlError> {
    Ok(meta(sql, key)?.and_then(|text| serde_json::from_str(&text).ok()))
}

fn text<T: Serialize>(value: &T) -> Result<String, SqlError> {
    serde_json::to_string(value).map_err(|error| SqlError(error.to_string()))
}

/// The company that the books belong to.
pub fn pinned(sql: &dyn Sql) -> Result<Option<Company>, SqlError> {
    json(sql, COMPANY)
}

/// When what was granted.
pub fn grant(sql: &dyn Sql) -> Result<Grant, SqlError> {
    Ok(json(sql, GRANT)?.unwrap_or_default())
}

/// Why a person has to connect the ledger again, if so.
pub fn reconnect(sql: &dyn Sql) -> Result<Option<String>, SqlError> {
    meta(sql, RECONNECT)
}

/// Writes down that a person has to connect the ledger again, and why. A connection that worked until now is worth an
/// alert.
pub fn wants_reconnect(books: &Books<'_>, why: &str) -> Result<(), SqlError> {
    let sql = books.platform.sql;
    transaction(sql, |sql| {
        set_meta(sql, RECONNECT, why)?;
        if meta(sql, TOKENS)?.is_some() {
            each(books, |id, now| alerts::open(sql, now, id, RECONNECT, why))
        } else {
            Ok(())
        }
    })
}

/// The ledger takes the tokens in hand: whatever made it look otherwise is over.
pub fn works(books: &Books<'_>) -> Result<(), SqlError> {
    let sql = books.platform.sql;
    if reconnect(sql)?.is_none() {
        return Ok(());
    }
    clear_meta(sql, RECONNECT)?;
    each(books, |id, now| alerts::close(sql, now, id, RECONNECT))
}

/// Something ends soon unless a person sees to it.
pub fn warn_of_the_end(books: &Books<'_>, warning: &Warning) -> Result<(), SqlError> {
    let sql = books.platform.sql;
    let kind = match warning {
        Warning::Consent(_) => ENDS,
        Warning::Tokens(..) => TOKENS_END,
    };
    transaction(sql, |sql| each(books, |id, now| alerts::open(sql, now, id, kind, &warning.to_string())))
}

/// What keeps the tokens from being opened, or new ones from being kept; nothing where there are none to be had.
pub fn locked(books: &Books<'_>, ledger: LedgerName, connection: &Connection) -> Result<Option<CipherError>, SqlError> {
    match held(books, ledger, connection) {
        Ok(held) => {
            let id = &connection.id;
            let any = held.is_some() || seed(books, ledger, id).is_some() || has_own_account(books, ledger, id);
            Ok(books.platform.cipher.seal("").err().filter(|_| any))
        }
        Err(Unreadable::Cipher(error)) => Ok(Some(error)),
        Err(Unreadable::Sql(error)) => Err(error),
    }
}

/// Says so, once, while it lasts.
pub fn say_locked(books: &Books<'_>, problem: Option<&CipherError>) -> Result<(), SqlError> {
    let sql = books.platform.sql;
    transaction(sql, |sql| {
        each(books, |id, now| match problem {
            Some(problem) => alerts::open(sql, now, id, LOCKED, &problem.to_string()),
            None => alerts::close(sql, now, id, LOCKED),
        })
    })
}

/// New tokens are about to be asked for: the ledger may make them although nobody ever hears its answer.
pub fn asks_for_tokens(sql: &dyn Sql) -> Result<(), SqlError> {
    set_meta(sql, UNANSWERED, "yes")
}

/// The ledger's answer is known: there are no new tokens.
pub fn has_answer(sql: &dyn Sql) -> Result<(), SqlError> {
    clear_meta(sql, UNANSWERED)
}

/// True if new tokens were asked for and nothing is known of the answer.
pub fn is_unanswered(sql: &dyn Sql) -> Result<bool, SqlError> {
    Ok(meta(sql, UNANSWERED)?.is_some())
}

fn each(books: &Books<'_>, mut act: impl FnMut(&str, DateTime<Utc>) -> Result<(), SqlError>) -> Result<(), SqlError> {
    let now = books.platform.clock.now();
    books.connections.iter().try_for_each(|connection| act(&connection.id, now))
}

/// True if the ledger refused this refresh token for good: asking again is of no use.
pub fn is_dead(sql: &dyn Sql, refresh_token: &str) -> Result<bool, SqlError> {
    Ok(!refresh_token.is_empty() && meta(sql, DEAD)?.is_some_and(|dead| dead == hash(refresh_token)))
}

/// Writes down that the ledger refused this refresh token for good. An app's own account has none: it may be accepted
/// again without a new one.
pub fn died(books: &Books<'_>, refresh_token: &str, why: &str) -> Result<(), SqlError> {
    has_answer(books.platform.sql)?;
    if !refresh_token.is_empty() {
        set_meta(books.platform.sql, DEAD, &hash(refresh_token))?;
    }
    wants_reconnect(books, why)
}

/// The refresh token among the secrets.
pub fn seed<'a>(books: &'a Books<'_>, ledger: LedgerName, connection: &str) -> Option<&'a str> {
    variable_for(books.variables, &format!("{}_REFRESH_TOKEN", prefix(ledger)), connection)
}

/// A hash of it; empty if there is none.
pub fn seed_hash(books: &Books<'_>, ledger: LedgerName, connection: &str) -> String {
    seed(books, ledger, connection).map(hash).unwrap_or_default()
}

/// True if a refresh token stands among the secrets that was never used: it begins a new chain, whatever became of the one
/// before.
pub fn has_new_secret(books: &Books<'_>, ledger: LedgerName, connection: &Connection) -> Result<bool, SqlError> {
    let Some(seed) = seed(books, ledger, &connection.id) else { return Ok(false) };
    Ok(held(books, ledger, connection).is_ok_and(|held| held.is_none()) && !is_dead(books.platform.sql, seed)?)
}

/// True if the connection is a Xero Custom Connection: an app of its own, without a refresh token.
pub fn has_own_account(books: &Books<'_>, ledger: LedgerName, connection: &str) -> bool {
    let own = format!("XERO_CLIENT_ID_{}", connection.to_ascii_uppercase());
    ledger == LedgerName::Xero && variable(books.variables, &own).is_some() && seed(books, ledger, connection).is_none()
}

/// True if new tokens are asked for on an app's own account: those in use came so, or there are none yet and the
/// connection has one.
pub fn asks_on_own_account(books: &Books<'_>, ledger: LedgerName, asking: &str, held: Option<&Stored>) -> bool {
    held.map_or_else(|| has_own_account(books, ledger, asking), |stored| stored.source == Source::OwnAccount)
}

/// True if an admin disconnected and nothing changed since.
pub fn is_disconnected(books: &Books<'_>, ledger: LedgerName, connection: &str) -> Result<bool, SqlError> {
    let at = meta(books.platform.sql, DISCONNECTED)?;
    Ok(at.is_some_and(|seed| seed == seed_hash(books, ledger, connection)))
}

/// The tokens in use, unless a new secret has begun a new chain. One of an app's own account that cannot be opened is as
/// good as one that has ended: the next is had for the asking.
pub fn held(books: &Books<'_>, ledger: LedgerName, connection: &Connection) -> Result<Option<Stored>, Unreadable> {
    let Some(sealed) = meta(books.platform.sql, TOKENS)? else { return Ok(None) };
    let stored: Option<Stored> = match books.platform.cipher.open(&sealed) {
        Ok(opened) => serde_json::from_str(&opened).ok(),
        Err(error @ (CipherError::Sealed | CipherError::Previous)) => match grant(books.platform.sql)? {
            Grant { source: source @ Source::OwnAccount, connection, .. } => {
                Some(Stored { tokens: Tokens::only_refresh(""), seed: String::new(), connection, source })
            }
            _ => return Err(error.into()),
        },
        Err(error) => return Err(error.into()),
    };
    let seed = seed(books, ledger, &connection.id).map(hash);
    Ok(stored.filter(|stored| seed.is_none_or(|seed| stored.seed == seed)))
}

/// Keeps new tokens, durably: only then may they be used, for the old ones are worth nothing from now on.
pub async fn keep(books: &Books<'_>, stored: &Stored, begins: bool) -> Result<(), Unreadable> {
    transaction(books.platform.sql, |_| put(books, stored, begins))?;
    books.platform.sql.sync().await?;
    Ok(())
}

/// The same, in a transaction of the caller's, who makes it durable.
pub fn put(books: &Books<'_>, stored: &Stored, begins: bool) -> Result<(), Unreadable> {
    let sql = books.platform.sql;
    let now = books.platform.clock.now();
    let before = grant(sql)?;
    let tokens = &stored.tokens;
    let grant = Grant {
        source: stored.source,
        connection: stored.connection.clone(),
        connected_at: before.connected_at.filter(|_| !begins).or(Some(now)),
        refreshed_at: Some(now),
        access_ends_at: Some(tokens.expires_at),
        refresh_ends_at: tokens.refresh_ends_at,
        consent_ends_at: tokens.consent_ends_at.or(before.consent_ends_at.filter(|_| !begins)),
    };
    set_meta(sql, TOKENS, &books.platform.cipher.seal(&text(stored)?)?)?;
    set_meta(sql, GRANT, &text(&grant)?)?;
    for kind in [RECONNECT, TOKENS_END, NOBODY_CONFIRMED] {
        each(books, |id, now| alerts::close(sql, now, id, kind))?;
    }
    if begins {
        each(books, |id, now| alerts::close(sql, now, id, ENDS))?;
    }
    // What waited for the permission goes on at once.
    if reconnect(sql)?.is_some() {
        breaker::resume(sql)?;
    }
    Ok([RECONNECT, DEAD, DISCONNECTED, UNANSWERED].into_iter().try_for_each(|key| clear_meta(sql, key))?)
}

/// Keeps the tokens of a consent until an admin confirms one of its companies.
pub fn put_unconfirmed(books: &Books<'_>, unconfirmed: &Unconfirmed) -> Result<(), Unreadable> {
    let sql = books.platform.sql;
    let sealed = books.platform.cipher.seal(&text(unconfirmed)?)?;
    each(books, |id, now| alerts::close(sql, now, id, NOBODY_CONFIRMED))?;
    Ok(set_meta(sql, UNCONFIRMED, &sealed)?)
}

/// The consent that waits is forgotten.
pub fn drop_unconfirmed(sql: &dyn Sql) -> Result<(), SqlError> {
    clear_meta(sql, UNCONFIRMED)
}

/// Nobody confirmed the consent in time: it is forgotten, and `message` says so.
pub fn forget_unconfirmed(books: &Books<'_>, message: &str) -> Result<(), SqlError> {
    transaction(books.platform.sql, |sql| {
        drop_unconfirmed(sql)?;
        each(books, |id, now| alerts::open(sql, now, id, NOBODY_CONFIRMED, message))
    })
}

/// The consent that nobody confirmed yet.
pub fn unconfirmed(books: &Books<'_>) -> Result<Option<Unconfirmed>, Unreadable> {
    let Some(sealed) = meta(books.platform.sql, UNCONFIRMED)? else { return Ok(None) };
    Ok(serde_json::from_str(&books.platform.cipher.open(&sealed)?).ok())
}

/// The books belong to `company` from now on, and these are its tokens. In a transaction of the caller's.
pub fn confirm(books: &Books<'_>, stored: &Stored, company: &Company) -> Result<(), Unreadable> {
    let sql = books.platform.sql;
    set_meta(sql, COMPANY, &text(company)?)?;
    clear_meta(sql, UNCONFIRMED)?;
    put(books, stored, true)
}

/// Forgets every token. The company stays: other books must not get it by accident.
pub fn forget(books: &Books<'_>, ledger: LedgerName, connection: &str) -> Result<(), SqlError> {
    let seed = seed_hash(books, ledger, connection);
    transaction(books.platform.sql, |sql| {
        for kind in [RECONNECT, TOKENS_END, LOCKED, ENDS] {
            each(books, |id, now| alerts::close(sql, now, id, kind))?;
        }
        [TOKENS, UNCONFIRMED, GRANT, RECONNECT, DEAD, UNANSWERED]
            .into_iter()
            .try_for_each(|key| clear_meta(sql, key))?;
        set_meta(sql, DISCONNECTED, &seed)
    })
}
