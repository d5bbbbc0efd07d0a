//! Access tokens. The object that owns the books is the only one that refreshes them, inside its one alarm turn, so a
//! refresh is never made twice at once; new tokens are stored, and durable, before they are used.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::books::Books;
use super::schema::{clear_meta, meta, set_meta};
use crate::config::{Connection, variable_for};
use crate::ledgers::Ledger;
use crate::ledgers::oauth::{Credentials, TokenError, Tokens, read_tokens};
use crate::platform::SqlError;

const TOKENS: &str = "tokens";
const RECONNECT: &str = "reconnect";

/// A token that ends sooner than this is refreshed first: a turn may take minutes.
const MARGIN: Duration = Duration::minutes(5);

/// Why there is no access token.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A person has to do something; the text says what.
    #[error("{0}")]
    Person(String),
    /// Try again later.
    #[error("{0}")]
    Later(String),
    /// The object's own database.
    #[error(transparent)]
    Sql(#[from] SqlError),
}

#[derive(Serialize, Deserialize)]
struct Stored {
    tokens: Tokens,
    /// The hash of the refresh token in the secrets that the chain began with: a new secret begins a new chain.
    seed: String,
}

/// A valid access token. `expired` says that the ledger no longer takes the one in hand.
pub async fn access_token(
    books: &Books<'_>,
    connection: &Connection,
    ledger: &dyn Ledger,
    expired: bool,
) -> Result<String, Refused> {
    let prefix = ledger.ledger().as_str().to_ascii_uppercase();
    let read = |name: &str| variable_for(books.variables, &format!("{prefix}_{name}"), &connection.id);
    let seed_token = read("REFRESH_TOKEN");
    let seed = seed_token.map(hash).unwrap_or_default();
    let stored = stored(books)?.filter(|stored| seed_token.is_none() || stored.seed == seed);
    let now = books.platform.clock.now();
    if let Some(stored) = &stored
        && !expired
        && stored.tokens.expires_at > now + MARGIN
    {
        return Ok(stored.tokens.access_token.clone());
    }
    let refresh_token = stored.map(|stored| stored.tokens.refresh_token).or(seed_token.map(str::to_owned));
    let missing = |name: &str| Refused::Person(format!("set the secret {prefix}_{name}"));
    let refresh_token = refresh_token.ok_or_else(|| missing("REFRESH_TOKEN"))?;
    let credentials = Credentials {
        client_id: read("CLIENT_ID").ok_or_else(|| missing("CLIENT_ID"))?.to_owned(),
        client_secret: read("CLIENT_SECRET").ok_or_else(|| missing("CLIENT_SECRET"))?.to_owned(),
    };
    let tokens = refresh(books, ledger, &credentials, &refresh_token).await?;
    keep(books, &Stored { tokens: tokens.clone(), seed }, now).await?;
    Ok(tokens.access_token)
}

async fn refresh(
    books: &Books<'_>,
    ledger: &dyn Ledger,
    credentials: &Credentials,
    refresh_token: &str,
) -> Result<Tokens, Refused> {
    let provider = match ledger.ledger() {
        crate::books::LedgerName::QuickBooks => "QUICKBOOKS",
        crate::books::LedgerName::Xero => "XERO",
    };
    let response = books.platform.http.send(ledger.refresh(credentials, refresh_token)).await;
    let response = response.map_err(|error| Refused::Later(format!("token refresh: {error}")))?;
    let now = books.platform.clock.now();
    read_tokens(&response, refresh_token, now, provider).map_err(|error| match error {
        TokenError::Later(_) => Refused::Later(error.to_string()),
        TokenError::Dead | TokenError::Client(_) => Refused::Person(error.to_string()),
    })
}

async fn keep(books: &Books<'_>, stored: &Stored, _now: DateTime<Utc>) -> Result<(), Refused> {
    let json = serde_json::to_string(stored).map_err(|error| SqlError(error.to_string()))?;
    let sealed = books.platform.cipher.seal(&json).map_err(|error| Refused::Person(error.to_string()))?;
    set_meta(books.platform.sql, TOKENS, &sealed)?;
    clear_meta(books.platform.sql, RECONNECT)?;
    books.platform.sql.sync().await?;
    Ok(())
}

fn stored(books: &Books<'_>) -> Result<Option<Stored>, Refused> {
    let Some(sealed) = meta(books.platform.sql, TOKENS)? else { return Ok(None) };
    let json = books.platform.cipher.open(&sealed).map_err(|error| Refused::Person(error.to_string()))?;
    Ok(serde_json::from_str(&json).ok())
}

fn hash(token: &str) -> String {
    Sha256::digest(token).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Writes down that a person has to connect the ledger again, and why.
pub fn wants_reconnect(books: &Books<'_>, why: &str) -> Result<(), SqlError> {
    set_meta(books.platform.sql, RECONNECT, why)
}

/// Why a person has to connect the ledger again, if so.
pub fn reconnect(books: &Books<'_>) -> Result<Option<String>, SqlError> {
    meta(books.platform.sql, RECONNECT)
}
