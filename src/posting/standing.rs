//! How each connection stands with its ledger, for the page and for whoever asks over HTTP. No token is in it.

use std::fmt;

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::backfill::Backfill;
use super::books::Books;
use super::grant::{self, Grant, Source};
use super::preflight::{self, Report};
use super::view::ShopStatus;
use crate::books::rules::LedgerName;
use crate::config::{Connection, variable_for};
use crate::ledgers::oauth::{Company, prefix};
use crate::platform::SqlError;
use crate::platform::time::iso;

/// How long before a consent ends for good the page begins to say so.
const WARNING: Duration = Duration::days(30);

/// Where a connection stands with its ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The settings cannot be read.
    SettingsInvalid,
    /// Nobody connected it yet, or an admin disconnected it.
    NotConnected,
    /// Somebody consented; an admin has to confirm the company's name.
    Unconfirmed,
    /// It works.
    Connected,
    /// It worked; a person has to connect again.
    Reconnect,
}

/// What there is to say of one connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConnectionView {
    /// Its id.
    pub id: String,
    /// Its shop.
    pub shop: String,
    /// `quickbooks` or `xero`; empty while the settings cannot be read.
    pub ledger: String,
    /// The label of its books.
    pub books: String,
    /// Where it stands.
    pub standing: Standing,
    /// What is wrong with its settings and its shop's secrets.
    pub problems: Vec<String>,
    /// The secrets without which it cannot be connected.
    pub missing: Vec<String>,
    /// The company that its books belong to.
    pub company: Option<Company>,
    /// The companies one of which waits for an admin's confirmation.
    pub unconfirmed: Vec<Company>,
    /// Why a person has to connect again.
    pub why: Option<String>,
    /// True if it is a Custom Connection, which needs no consent page.
    pub own_account: bool,
    /// How the tokens came: `consent`, `secret`, `own_account`.
    pub source: Source,
    /// Times, ISO 8601 UTC.
    pub connected_at: Option<String>,
    /// When the tokens in hand came.
    pub refreshed_at: Option<String>,
    /// When the access token ends; it is renewed by itself.
    pub access_ends_at: Option<String>,
    /// When the refresh token would end, were it never used again.
    pub refresh_ends_at: Option<String>,
    /// When a person has to consent again in any case (QuickBooks).
    pub consent_ends_at: Option<String>,
    /// What has to be done soon.
    pub warnings: Vec<String>,
    /// When a document of this connection was last posted.
    pub last_posted_at: Option<String>,
    /// How its settings fit the company, as far as that was looked at.
    pub report: Option<Report>,
    /// How its shop stands.
    pub shopify: ShopStatus,
    /// Its newest backfill.
    pub backfill: Option<Backfill>,
}

impl Books<'_> {
    /// How every connection of these books stands.
    pub fn standing(&self) -> Result<Vec<ConnectionView>, SqlError> {
        self.connections.iter().map(|one| self.standing_of(one)).collect()
    }

    fn standing_of(&self, connection: &Connection) -> Result<ConnectionView, SqlError> {
        let sql = self.platform.sql;
        let now = self.platform.clock.now();
        let settings = connection.settings.as_ref().ok();
        let ledger = settings.map(|settings| settings.ledger);
        let grant = grant::grant(sql)?;
        let pinned = grant::pinned(sql)?;
        let waiting = grant::unconfirmed(self);
        let held = match ledger {
            Some(ledger) => grant::held(self, ledger, connection).map(|stored| {
                stored.is_some()
                    || grant::seed(self, ledger, &connection.id).is_some()
                    || grant::has_own_account(self, ledger, &connection.id)
            }),
            None => Ok(false),
        };
        let disconnected = ledger.map(|ledger| grant::is_disconnected(self, ledger, &connection.id)).transpose()?;
        let mut why = grant::reconnect(sql)?;
        for problem in [held.as_ref().err(), waiting.as_ref().err()].into_iter().flatten() {
            why = Some(problem.to_string());
        }
        let waiting = waiting.ok().flatten().map(|waiting| waiting.companies).unwrap_or_default();
        let works = matches!(held, Ok(true)) && settings.is_some_and(|settings| !settings.company.is_empty());
        let standing = match () {
            () if settings.is_none() => Standing::SettingsInvalid,
            () if !waiting.is_empty() => Standing::Unconfirmed,
            () if disconnected == Some(true) => Standing::NotConnected,
            () if why.is_some() && (pinned.is_some() || works || held.is_err()) => Standing::Reconnect,
            () if works => Standing::Connected,
            () => Standing::NotConnected,
        };
        let named = settings.map(|settings| settings.company.clone()).filter(|id| !id.is_empty());
        let posted = "SELECT MAX(posted_at) AS at FROM documents WHERE connection = ? AND state <> 'foreign'";
        let posted = sql.exec(posted, &[connection.id.as_str().into()])?;
        Ok(ConnectionView {
            id: connection.id.clone(),
            shop: connection.shop.clone(),
            ledger: ledger.map(|ledger| ledger.as_str().to_owned()).unwrap_or_default(),
            books: self.id.to_owned(),
            standing,
            problems: self.problems(connection),
            missing: ledger.map(|ledger| self.missing_secrets(ledger, &connection.id)).unwrap_or_default(),
            company: pinned.or(named.map(|id| Company { id, name: String::new() })),
            unconfirmed: waiting,
            why: why.filter(|_| standing == Standing::Reconnect),
            own_account: ledger.is_some_and(|ledger| grant::has_own_account(self, ledger, &connection.id)),
            source: grant.source,
            connected_at: grant.connected_at.map(iso),
            refreshed_at: grant.refreshed_at.map(iso),
            access_ends_at: grant.access_ends_at.map(iso),
            refresh_ends_at: grant.refresh_ends_at.map(iso),
            consent_ends_at: grant.consent_ends_at.map(iso),
            warnings: warnings(&grant, now).iter().map(ToString::to_string).collect(),
            report: preflight::report(sql, connection)?,
            shopify: self.shop_status(&connection.id)?,
            backfill: self.backfills(&connection.id, 1)?.pop(),
            last_posted_at: posted.first().map(|row| row.text_or_null("at")).transpose()?.flatten(),
        })
    }
}

impl Books<'_> {
    /// Why a person has to see to the connection with the ledger, if so.
    pub(super) fn why_reconnect(&self) -> Result<Option<String>, SqlError> {
        // Of books that no connection has any more nobody needs the ledger.
        if self.connections.is_empty() {
            return Ok(None);
        }
        for connection in &self.connections {
            let Ok(settings) = &connection.settings else { continue };
            if grant::is_disconnected(self, settings.ledger, &connection.id)? {
                continue;
            }
            if let Some(problem) = grant::locked(self, settings.ledger, connection)? {
                return Ok(Some(problem.to_string()));
            }
        }
        grant::reconnect(self.platform.sql)
    }

    /// The secrets that are needed to connect and are not set.
    fn missing_secrets(&self, ledger: LedgerName, connection: &str) -> Vec<String> {
        let prefix = prefix(ledger);
        let set = |name: &String| variable_for(self.variables, name, connection).is_some();
        let mut missing: Vec<String> = [format!("{prefix}_CLIENT_ID"), format!("{prefix}_CLIENT_SECRET")]
            .into_iter()
            .filter(|name| !set(name))
            .collect();
        // A key that is malformed is as good as none; sealing nothing finds out.
        if self.platform.cipher.seal("").is_err() {
            missing.push("TOKEN_KEY".into());
        }
        missing
    }
}

/// What has to be done before it hurts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// The consent ends for good then.
    Consent(DateTime<Utc>),
    /// The tokens were last renewed at the first instant, and end at the second. They are renewed weekly, so that this
    /// fails.
    Tokens(DateTime<Utc>, DateTime<Utc>),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = |at: &DateTime<Utc>| at.format("%-d %B %Y").to_string();
        match self {
            Warning::Consent(ends) => write!(
                f,
                "The consent ends for good on {}, five years after it was given. Connect again before that day.",
                day(ends)
            ),
            Warning::Tokens(renewed, ends) => write!(
                f,
                "The tokens were last renewed on {} and end on {}: the ledger's token service does not answer. Should it \
                 not do so in time, connect again.",
                day(renewed),
                day(ends)
            ),
        }
    }
}

pub(super) fn warnings(grant: &Grant, now: DateTime<Utc>) -> Vec<Warning> {
    let consent = grant.consent_ends_at.filter(|ends| *ends - now <= WARNING).map(Warning::Consent);
    // Whatever passes by itself has passed before the last third of their life.
    let tokens = grant.refreshed_at.zip(grant.refresh_ends_at);
    let tokens = tokens.filter(|(renewed, ends)| *ends - now <= (*ends - *renewed) / 3);
    consent.into_iter().chain(tokens.map(|(renewed, ends)| Warning::Tokens(renewed, ends))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_consent_is_announced_thirty_days_ahead_and_not_earlier() {
        let ends: DateTime<Utc> = "2031-11-25T12:00:00Z".parse().unwrap();
        let grant = Grant { consent_ends_at: Some(ends), ..Grant::default() };
        assert!(warnings(&grant, ends - Duration::days(31)).is_empty());
        assert!(warnings(&grant, ends - Duration::days(30))[0].to_string().contains("25 November 2031"));
        assert!(warnings(&Grant::default(), ends).is_empty());
    }
}
