//! Access tokens. The object that owns the books is the only one that refreshes them, one refresh at a time whoever
//! asks; new tokens are durable before they are used. When a reply is lost the refresh token in hand is sent again: Xero
//! takes it for thirty more minutes, QuickBooks until the new pair is first used. That a refresh goes out is noted before
//! it does; as long as nothing is known of its answer, cron makes it again.

use chrono::{DateTime, Duration, Utc};

use super::books::Books;
use super::grant::{self, Source, Stored, Unreadable};
use super::schema::{clear_meta, meta, set_meta};
use super::standing;
use crate::books::rules::LedgerName;
use crate::config::{Connection, variable_for};
use crate::ledgers::oauth::{Credentials, TokenError, Tokens, prefix, provider};
use crate::platform::time::{iso, parse_iso};
use crate::platform::{Request, SqlError, transaction};

/// A token that ends sooner than this is refreshed first: a turn may take minutes.
const MARGIN: Duration = Duration::minutes(5);
/// A refresh that is not heard of for this long has crashed: a call may take 30 seconds.
const REFRESH_TAKES: Duration = Duration::seconds(35);
/// Tokens that nobody needed for this long are refreshed all the same: well inside Xero's 60 days and QuickBooks' 100.
const KEEP_ALIVE: Duration = Duration::days(7);
/// When the refresh that is under way began.
const REFRESHING: &str = "refreshing";

/// Why there is no access token.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A person has to do something; the text says what.
    #[error("{0}")]
    Person(String),
    /// Try again later.
    #[error("{0}")]
    Later(String),
    /// Somebody else is refreshing just now: ask again in a moment.
    #[error("the ledger is being asked just now; try again in a moment")]
    Busy,
    /// The object's own database.
    #[error(transparent)]
    Sql(#[from] SqlError),
}

impl From<Unreadable> for Refused {
    fn from(problem: Unreadable) -> Self {
        match problem {
            Unreadable::Cipher(error) => Refused::Person(error.to_string()),
            Unreadable::Sql(error) => Refused::Sql(error),
        }
    }
}

/// A valid access token. `expired` says that the ledger no longer takes the one in hand.
pub async fn access_token(books: &Books<'_>, connection: &Connection, expired: bool) -> Result<String, Refused> {
    let person = |text: &str| Refused::Person(text.to_owned());
    let Ok(settings) = &connection.settings else { return Err(person("the settings cannot be read")) };
    let ledger = settings.ledger;
    if grant::is_disconnected(books, ledger, &connection.id)? {
        return Err(person("the ledger was disconnected; connect it again on the page /connect"));
    }
    if settings.company.is_empty() {
        return Err(person("connect the ledger, and confirm the company, on the page /connect"));
    }
    let held = grant::held(books, ledger, connection)?;
    let now = books.platform.clock.now();
    if let Some(stored) = &held
        && !expired
        && stored.tokens.expires_at > now + MARGIN
    {
        return Ok(stored.tokens.access_token.clone());
    }
    let way = way(books, ledger, connection, held.as_ref())?;
    let sent = way.chain.tokens.refresh_token.clone();
    if grant::is_dead(books.platform.sql, &sent)? {
        return Err(Refused::Person(TokenError::Dead.to_string()));
    }
    // What could not be kept is not asked for: the ledger would make new tokens, and these be worth nothing.
    books.platform.cipher.seal("").map_err(Unreadable::from)?;
    if !begin(books, now)? {
        return Err(Refused::Busy);
    }
    books.platform.sql.sync().await?;
    let response = books.platform.http.send(way.request).await;
    clear_meta(books.platform.sql, REFRESHING)?;
    // A consent that came meanwhile counts more than what this refresh brought, a disconnection too.
    let latest = grant::held(books, ledger, connection)?;
    let refresh_token = |stored: &Option<Stored>| stored.as_ref().map(|stored| stored.tokens.refresh_token.clone());
    if refresh_token(&latest) != refresh_token(&held) {
        return latest.map(|latest| latest.tokens.access_token).ok_or(Refused::Busy);
    }
    if grant::is_disconnected(books, ledger, &connection.id)? {
        return Err(Refused::Busy);
    }
    let response = response.map_err(|error| Refused::Later(format!("token refresh: {error}")))?;
    let now = books.platform.clock.now();
    let tokens = match provider(ledger, books.variables).read_tokens(&response, &sent, now) {
        Ok(tokens) => tokens,
        Err(error @ TokenError::Later(_)) => return Err(Refused::Later(error.to_string())),
        Err(error @ TokenError::Client(_)) => {
            grant::has_answer(books.platform.sql)?;
            let own = way.chain.source == Source::OwnAccount;
            let why = if own { no_custom_connection(way.chain.client(connection)) } else { error.to_string() };
            return Err(Refused::Person(why));
        }
        Err(error @ TokenError::Dead) => {
            grant::died(books, &sent, &error.to_string())?;
            return Err(Refused::Person(error.to_string()));
        }
    };
    let stored = Stored { tokens, ..way.chain };
    grant::keep(books, &stored, way.begins).await?;
    Ok(stored.tokens.access_token)
}

/// True if the ledger can be asked on behalf of a connection: the company is known, and there are tokens that nobody
/// refused yet.
pub fn at_hand(books: &Books<'_>, connection: &Connection) -> Result<bool, SqlError> {
    let Ok(settings) = &connection.settings else { return Ok(false) };
    let ledger = settings.ledger;
    if settings.company.is_empty() || grant::is_disconnected(books, ledger, &connection.id)? {
        return Ok(false);
    }
    if grant::reconnect(books.platform.sql)?.is_some() {
        return grant::has_new_secret(books, ledger, connection);
    }
    let held = grant::held(books, ledger, connection).ok().flatten().is_some();
    Ok(held
        || grant::seed(books, ledger, &connection.id).is_some()
        || grant::has_own_account(books, ledger, &connection.id))
}

/// How the next tokens are got.
struct Way {
    request: Request,
    /// The chain that the answer goes on with; its tokens are about to be replaced.
    chain: Stored,
    begins: bool,
}

fn way(books: &Books<'_>, ledger: LedgerName, connection: &Connection, held: Option<&Stored>) -> Result<Way, Refused> {
    let provider = provider(ledger, books.variables);
    let new_chain = |refresh_token: &str, source| Stored {
        tokens: Tokens::only_refresh(refresh_token),
        seed: grant::seed_hash(books, ledger, &connection.id),
        connection: connection.id.clone(),
        source,
    };
    let begins = held.is_none();
    let own_account = grant::asks_on_own_account(books, ledger, &connection.id, held);
    let chain = match (held, grant::seed(books, ledger, &connection.id)) {
        (Some(stored), _) => stored.clone(),
        (None, _) if own_account => new_chain("", Source::OwnAccount),
        (None, Some(secret)) => new_chain(secret, Source::Secret),
        (None, None) => return Err(Refused::Person("connect the ledger on the page /connect".into())),
    };
    let credentials = credentials(books, ledger, chain.client(connection))?;
    let request = if own_account {
        provider.own_account(&credentials)
    } else {
        provider.refresh(&credentials, &chain.tokens.refresh_token)
    };
    Ok(Way { request, chain, begins })
}

/// The app's identity with the ledger.
pub fn credentials(books: &Books<'_>, ledger: LedgerName, connection: &str) -> Result<Credentials, Refused> {
    let read = |name: &str| {
        let name = format!("{}_{name}", prefix(ledger));
        let value = variable_for(books.variables, &name, connection).map(str::to_owned);
        value.ok_or_else(|| Refused::Person(format!("set the secret {name}")))
    };
    Ok(Credentials { client_id: read("CLIENT_ID")?, client_secret: read("CLIENT_SECRET")? })
}

/// What to do about an app of a connection's own that Xero does not take for a Custom Connection.
pub fn no_custom_connection(connection: &str) -> String {
    let id = connection.to_ascii_uppercase();
    format!(
        "the secret XERO_CLIENT_ID_{id} makes this a Custom Connection, and Xero refuses its id and secret as one; correct \
         XERO_CLIENT_ID_{id} and XERO_CLIENT_SECRET_{id}, or set an ordinary app's as XERO_CLIENT_ID and \
         XERO_CLIENT_SECRET, without _{id}"
    )
}

/// Begins a refresh, unless one is under way.
fn begin(books: &Books<'_>, now: DateTime<Utc>) -> Result<bool, SqlError> {
    transaction(books.platform.sql, |sql| {
        let began = meta(sql, REFRESHING)?.as_deref().and_then(parse_iso);
        if began.is_some_and(|began| now - began < REFRESH_TAKES) {
            return Ok(false);
        }
        grant::asks_for_tokens(sql)?;
        set_meta(sql, REFRESHING, &iso(now)).map(|()| true)
    })
}

/// Keeps the permission alive where no order does; cron calls it. What a person has to do is said; what may pass by itself
/// is said once it has lasted long.
pub async fn keep_alive(books: &Books<'_>) -> Result<(), SqlError> {
    if let Some(connection) = books.connections.iter().find(|one| one.settings.is_ok()) {
        renew_idle(books, connection).await?;
    }
    for warning in standing::warnings(&grant::grant(books.platform.sql)?, books.platform.clock.now()) {
        grant::warn_of_the_end(books, &warning)?;
    }
    Ok(())
}

/// Refreshes tokens that nobody needed for a week, so that they do not die of idleness and are sealed with the present
/// key; makes a refresh again whose answer nobody knows; adopts a secret that was never used. What fails is tried again
/// at the next tick.
async fn renew_idle(books: &Books<'_>, connection: &Connection) -> Result<(), SqlError> {
    let Ok(settings) = &connection.settings else { return Ok(()) };
    let ledger = settings.ledger;
    if settings.company.is_empty() || grant::is_disconnected(books, ledger, &connection.id)? {
        return Ok(());
    }
    let locked = grant::locked(books, ledger, connection)?;
    grant::say_locked(books, locked.as_ref())?;
    let idle = match grant::held(books, ledger, connection) {
        Ok(Some(_)) => {
            let refreshed = grant::grant(books.platform.sql)?.refreshed_at;
            refreshed.is_none_or(|at| books.platform.clock.now() - at > KEEP_ALIVE)
        }
        Ok(None) => grant::seed(books, ledger, &connection.id).is_some(),
        Err(_) => false,
    };
    if locked.is_some() || !(idle || grant::is_unanswered(books.platform.sql)?) {
        return Ok(());
    }
    match access_token(books, connection, true).await {
        Ok(_) | Err(Refused::Busy | Refused::Later(_)) => Ok(()),
        Err(Refused::Person(why)) => grant::wants_reconnect(books, &why),
        Err(Refused::Sql(error)) => Err(error),
    }
}
