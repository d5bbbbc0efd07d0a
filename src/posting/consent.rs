//! From the button *Connect* to books that belong to a company: the consent's state, the callback, and the admin's word.
//!
//! The consent page may be filled in by somebody else than the admin, for links get forwarded. So a callback proves
//! nothing but its state; the ledger itself says which companies the new token opens; and nothing is posted before an
//! admin confirms the company's name. Once confirmed, the books belong to that company for ever, and connecting the same
//! company again needs no second confirmation.

use chrono::{DateTime, Duration, Utc};

use super::books::Books;
use super::budget::{self, Cost};
use super::claims;
use super::grant::{self, Source, Stored, Unconfirmed, Unreadable};
use super::{leaving, orders, tokens};
use crate::books::rules::LedgerName;
use crate::config::Connection;
use crate::ledgers::oauth::{Company, ConsentEvent, TokenError, Tokens, provider};
use crate::platform::time::{iso, parse_iso};
use crate::platform::{HttpError, Request, Response, Sql, SqlError, transaction};

/// How long a consent page may stay open.
const STATE_LIVES: Duration = Duration::minutes(10);
/// Consents that may be under way at once: more are not begun by people.
const STATES: i64 = 20;

/// Why what a person asked for was not done; the text says it to the person.
#[derive(Debug, thiserror::Error)]
pub enum Declined {
    /// What was asked cannot be read.
    #[error("{0}")]
    Unclear(String),
    /// There is nothing to act upon.
    #[error("{0}")]
    Missing(String),
    /// It must not be.
    #[error("{0}")]
    Refused(String),
    /// The ledger could not be asked.
    #[error("{0}")]
    Later(String),
    /// The object's own database.
    #[error(transparent)]
    Sql(#[from] SqlError),
}

impl From<Unreadable> for Declined {
    fn from(problem: Unreadable) -> Self {
        match problem {
            Unreadable::Cipher(error) => Declined::Refused(error.to_string()),
            Unreadable::Sql(error) => Declined::Sql(error),
        }
    }
}

impl From<tokens::Refused> for Declined {
    fn from(refused: tokens::Refused) -> Self {
        match refused {
            tokens::Refused::Sql(error) => Declined::Sql(error),
            tokens::Refused::Person(why) => Declined::Refused(why),
            other => Declined::Later(other.to_string()),
        }
    }
}

impl From<HttpError> for Declined {
    fn from(error: HttpError) -> Self {
        Declined::Later(format!("the ledger could not be reached: {error}"))
    }
}

impl From<TokenError> for Declined {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Later(_) => Declined::Later(error.to_string()),
            TokenError::Dead => Declined::Refused("the ledger no longer accepts this consent; begin again".into()),
            TokenError::Client(_) => Declined::Refused(error.to_string()),
        }
    }
}

fn refused<T>(text: impl Into<String>) -> Result<T, Declined> {
    Err(Declined::Refused(text.into()))
}

/// What a browser brings back from the consent page. Nobody vouches for any of it.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Callback {
    pub ledger: String,
    pub state: String,
    pub code: String,
    /// The company, as QuickBooks' callback names it.
    pub realm: String,
    /// What the ledger says instead of a code.
    pub error: String,
    /// The address that the browser came back to, without its query.
    pub redirect_uri: String,
}

/// Where a browser goes next, and what stands after a consent.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consented {
    /// To the ledger's consent page.
    Page(String),
    /// The tokens wait: an admin has to confirm one of these.
    Unconfirmed(Vec<Company>),
    /// The books' own company was connected again.
    Connected(Company),
}

/// The part of a state before its random end: the connection, which says whose object knows the rest.
pub fn connection_of(state: &str) -> &str {
    state.rsplit_once('.').map_or("", |(connection, _)| connection)
}

impl Books<'_> {
    /// Begins a consent. A Custom Connection needs none: its company is asked for at once.
    pub async fn begin_consent(&self, id: &str, ledger: &str, redirect_uri: &str) -> Result<Consented, Declined> {
        let (connection, ledger) = self.of_ledger(id, ledger)?;
        let credentials = tokens::credentials(self, ledger, id)?;
        // Without a key nothing could be kept.
        self.platform.cipher.seal("").map_err(Unreadable::from)?;
        if grant::has_own_account(self, ledger, id) {
            let provider = provider(ledger, self.variables);
            let response = self.platform.http.send(provider.own_account(&credentials)).await?;
            let tokens = match provider.read_tokens(&response, "", self.platform.clock.now()) {
                Err(TokenError::Client(_)) => return refused(tokens::no_custom_connection(id)),
                read => read?,
            };
            return self.take(connection, ledger, tokens, "", None).await;
        }
        let random: String = (0..4).map(|_| format!("{:016x}", self.platform.random.bits())).collect();
        let state = format!("{id}.{random}");
        let now = self.platform.clock.now();
        transaction(self.platform.sql, |sql| remember_state(sql, &state, redirect_uri, now))?;
        self.platform.sql.sync().await?;
        Ok(Consented::Page(provider(ledger, self.variables).consent_page(&credentials.client_id, redirect_uri, &state)))
    }

    /// Takes a callback: its state counts once, its code buys tokens, and the ledger says what they open.
    pub async fn finish_consent(&self, callback: &Callback) -> Result<Consented, Declined> {
        let now = self.platform.clock.now();
        let known = transaction(self.platform.sql, |sql| use_state(sql, &callback.state, now))?;
        let Some(State { redirect_uri, began_at }) = known else {
            return refused(
                "this consent was not begun here, is older than ten minutes or was used before; begin again",
            );
        };
        if redirect_uri != callback.redirect_uri {
            return refused("the consent came back to another address than it was begun from; begin again");
        }
        let (connection, ledger) = self.of_ledger(connection_of(&callback.state), &callback.ledger)?;
        if callback.code.is_empty() {
            return refused(match callback.error.as_str() {
                "access_denied" => "the consent was declined on the ledger's page; nothing was changed",
                _ => "the ledger sent no consent back; nothing was changed",
            });
        }
        let credentials = tokens::credentials(self, ledger, &connection.id)?;
        let provider = provider(ledger, self.variables);
        let request = provider.exchange(&credentials, &callback.code, &redirect_uri);
        let response = self.platform.http.send(request).await?;
        let tokens = provider.read_tokens(&response, "", self.platform.clock.now())?;
        self.take(connection, ledger, tokens, &callback.realm, Some(began_at)).await
    }

    /// Asks the ledger what new tokens were granted for, and keeps them if it is for these books. `began_at` is when the
    /// consent was begun; an own account has none.
    async fn take(
        &self,
        connection: &Connection,
        ledger: LedgerName,
        tokens: Tokens,
        realm: &str,
        began_at: Option<DateTime<Utc>>,
    ) -> Result<Consented, Declined> {
        let provider = provider(ledger, self.variables);
        let Some(request) = provider.who(&tokens.access_token, realm) else {
            return refused("the ledger's answer names no company; begin again");
        };
        let response = self.asked(connection, request).await?;
        let event =
            began_at.and_then(|began_at| Some(ConsentEvent { id: provider.event(&tokens.access_token)?, began_at }));
        let companies = provider.read_who(realm, event.as_ref().map(|event| event.id.as_str()), &response)?;
        if companies.is_empty() {
            return refused("the consent opens no company; begin again and choose one");
        }
        let source = began_at.map_or(Source::OwnAccount, |_| Source::Consent);
        let (connection_id, at) = (connection.id.clone(), self.platform.clock.now());
        let consent = Unconfirmed { tokens, companies, connection: connection_id, source, at, event };
        match self.accept(connection, ledger, consent.clone()).await {
            Err(Declined::Refused(why)) => match self.give_back(ledger, &consent).await {
                Ok(()) => refused(why),
                Err(untold) => refused(format!("{why}; {}", leaving::not_told(&untold))),
            },
            other => other,
        }
    }

    /// Keeps a consent if it is for these books.
    async fn accept(
        &self,
        connection: &Connection,
        ledger: LedgerName,
        consent: Unconfirmed,
    ) -> Result<Consented, Declined> {
        let Unconfirmed { tokens, mut companies, source, at, event, .. } = consent;
        let names: Vec<&str> = companies.iter().map(|one| one.name.as_str()).collect();
        let names = names.join("\", \"");
        let of_another = |own: &str| {
            refused(format!(
                "the consent was given for \"{names}\", but the books `{}` belong to {own}; begin again and choose \
                 that company, or give the other one books of its own",
                self.id
            ))
        };
        let settings = connection.settings.as_ref().ok();
        if let Some(wanted) = settings.map(|settings| &settings.company).filter(|id| !id.is_empty()) {
            companies.retain(|one| one.id == *wanted);
            if companies.is_empty() {
                let pinned = grant::pinned(self.platform.sql)?;
                return of_another(&pinned.map_or_else(|| wanted.clone(), |company| format!("\"{}\"", company.name)));
            }
            if let Some(other) = self.other_holder(ledger, wanted).await? {
                return refused(claims::taken(&other));
            }
        } else {
            let other = companies.iter().find_map(|one| self.holder(ledger, &one.id));
            companies.retain(|one| self.holder(ledger, &one.id).is_none());
            if companies.is_empty() {
                return refused(claims::taken(other.unwrap_or_default()));
            }
        }
        let seed = grant::seed_hash(self, ledger, &connection.id);
        let before = grant::unconfirmed(self).ok().flatten();
        let consented = transaction(self.platform.sql, |sql| {
            // Another company may have been confirmed while the ledger was asked.
            match grant::pinned(sql)? {
                Some(own) if companies.iter().any(|one| one.id == own.id) => {
                    let stored = Stored { tokens, seed, connection: connection.id.clone(), source };
                    grant::put(self, &stored, true)?;
                    Ok(Consented::Connected(own))
                }
                Some(own) => of_another(&format!("\"{}\"", own.name)),
                None => {
                    let connection = connection.id.clone();
                    let waiting = Unconfirmed { tokens, companies: companies.clone(), connection, source, at, event };
                    grant::put_unconfirmed(self, &waiting)?;
                    Ok(Consented::Unconfirmed(companies))
                }
            }
        })?;
        self.platform.sql.sync().await?;
        match (&consented, before) {
            (Consented::Connected(_), _) => self.resume().await?,
            // Another one waited for its confirmation, and does no more. What it has in common with this one stays.
            (Consented::Unconfirmed(companies), Some(mut earlier)) => {
                earlier.companies.retain(|one| companies.iter().all(|other| other.id != one.id));
                let _ = self.give_back(ledger, &earlier).await;
            }
            _ => {}
        }
        Ok(consented)
    }

    /// Asks the ledger for a person who waits: it counts among the calls that the ledger's limits count.
    async fn asked(&self, connection: &Connection, request: Request) -> Result<Response, Declined> {
        let limits = self.ledger(connection).map_or(&[][..], |ledger| ledger.limits());
        let taken_at = self.platform.clock.now();
        budget::take_anyway(&self.platform, limits, taken_at)?;
        let response = self.platform.http.send(request).await;
        let call = (taken_at, self.platform.clock.now(), Cost::of(1));
        budget::answered(&self.platform, limits, call, None)?;
        Ok(response?)
    }

    /// An admin says: these books belong to that company. `company` is the id that the page showed.
    pub async fn confirm(&self, id: &str, company: &str) -> Result<Company, Declined> {
        let connection = self.connection(id).ok_or_else(|| unknown(id))?;
        let Some(ledger) = connection.settings.as_ref().ok().map(|settings| settings.ledger) else {
            return refused("the connection's settings cannot be read");
        };
        let (_, chosen) = self.waiting_for(company)?;
        if let Some(other) = self.holder(ledger, &chosen.id) {
            return refused(claims::taken(other));
        }
        if let Some(other) = self.other_holder(ledger, &chosen.id).await? {
            return refused(claims::taken(&other));
        }
        let confirmed = transaction(self.platform.sql, |_| {
            // Another consent may have come while the company's object was asked.
            let (waiting, chosen) = self.waiting_for(company)?;
            let seed = grant::seed_hash(self, ledger, &waiting.connection);
            let Unconfirmed { tokens, connection, source, .. } = waiting;
            grant::confirm(self, &Stored { tokens, seed, connection, source }, &chosen)?;
            Ok::<Company, Declined>(chosen)
        })?;
        self.platform.sql.sync().await?;
        self.resume().await?;
        Ok(confirmed)
    }

    /// The consent that waits for an admin's word, and the company that the page showed.
    pub(super) fn waiting_for(&self, company: &str) -> Result<(Unconfirmed, Company), Declined> {
        let Some(waiting) = grant::unconfirmed(self)? else {
            return Err(Declined::Missing("no company waits for confirmation; connect the ledger first".into()));
        };
        match waiting.companies.iter().find(|one| one.id == company).cloned() {
            Some(chosen) => Ok((waiting, chosen)),
            None => refused("this is not the company that waits for confirmation; look at the page again"),
        }
    }

    /// What waited for a connection is due now, the oldest first.
    async fn resume(&self) -> Result<(), SqlError> {
        let now = self.platform.clock.now();
        transaction(self.platform.sql, |sql| {
            super::breaker::resume(sql)?;
            let statement = "UPDATE orders SET due_at = ?1 WHERE due_at > ?1 AND state IN ('pending', 'retrying')";
            sql.exec(statement, &[iso(now).into()]).map(drop)
        })?;
        for connection in &self.connections {
            orders::release_held(self.platform.sql, &connection.id, crate::books::hold::HoldReason::Reconnect, now)?;
        }
        self.arm(Some(now)).await
    }

    fn of_ledger(&self, id: &str, ledger: &str) -> Result<(&Connection, LedgerName), Declined> {
        let connection = self.connection(id).ok_or_else(|| unknown(id))?;
        let Ok(settings) = &connection.settings else {
            return refused("the connection's settings cannot be read; correct them first");
        };
        if settings.ledger.as_str() != ledger {
            return refused(format!("the connection `{id}` is for {}", settings.ledger.title()));
        }
        Ok((connection, settings.ledger))
    }
}

pub(super) fn unknown(id: &str) -> Declined {
    Declined::Missing(format!("no connection `{id}` is configured"))
}

/// Only a hash is kept: whoever reads the database cannot finish somebody else's consent.
fn remember_state(sql: &dyn Sql, state: &str, redirect_uri: &str, now: DateTime<Utc>) -> Result<(), SqlError> {
    sql.exec("DELETE FROM oauth_states WHERE expires_at < ?", &[iso(now).into()])?;
    sql.exec(
        "DELETE FROM oauth_states WHERE hash NOT IN (SELECT hash FROM oauth_states ORDER BY expires_at DESC LIMIT ?)",
        &[(STATES - 1).into()],
    )?;
    let params = [long_hash(state).into(), redirect_uri.into(), iso(now + STATE_LIVES).into()];
    sql.exec("INSERT INTO oauth_states (hash, redirect_uri, expires_at) VALUES (?, ?, ?)", &params).map(drop)
}

/// What is known of a consent that was begun.
struct State {
    redirect_uri: String,
    began_at: DateTime<Utc>,
}

/// A state that is known and not too old. It is used up, whatever follows.
fn use_state(sql: &dyn Sql, state: &str, now: DateTime<Utc>) -> Result<Option<State>, SqlError> {
    let statement = "DELETE FROM oauth_states WHERE hash = ? RETURNING redirect_uri, expires_at";
    let rows = sql.exec(statement, &[long_hash(state).into()])?;
    let Some(row) = rows.first() else { return Ok(None) };
    let Some(expires_at) = parse_iso(&row.text("expires_at")?).filter(|at| iso(*at) >= iso(now)) else {
        return Ok(None);
    };
    Ok(Some(State { redirect_uri: row.text("redirect_uri")?, began_at: expires_at - STATE_LIVES }))
}

fn long_hash(state: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(state).iter().map(|byte| format!("{byte:02x}")).collect()
}
