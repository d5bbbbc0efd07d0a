//! Giving back what a ledger granted: when an admin lets go of it, when a consent is refused by the books or by an admin, and
//! when nobody confirms one.
//!
//! A ledger's connection to a company is the app's, not a consent's: what is given back here ends there for every set of
//! books that uses the same app. So a consent is given back only for companies that no other books hold through it, and at
//! Xero, where a token opens all that its user ever connected, only for those that came with this very consent.

use chrono::Duration;

use super::books::Books;
use super::consent::{Declined, unknown};
use super::grant::{self, Unconfirmed};
use super::tokens::{self, Refused};
use crate::books::rules::LedgerName;
use crate::config::{Connection, Settings, variable_for};
use crate::ledgers::oauth::{ConsentEvent, Credentials, Tokens, prefix, provider};
use crate::platform::{Response, SqlError};

/// How long a consent waits for an admin's word.
const UNCONFIRMED_LIVES: Duration = Duration::days(1);

/// What to do about what the ledger could not be told.
pub(super) fn not_told(why: &str) -> String {
    format!("the ledger could not be told ({why}); remove the app in the ledger's own settings")
}

/// Why tokens were not given back.
enum NotGiven {
    /// New ones are on their way just now: nothing is forgotten, and a moment later it works.
    Busy(String),
    Failed(String),
}

impl Books<'_> {
    /// An admin says: let go of this company. What waits goes on waiting; the tokens are given back as far as the ledger
    /// can be reached, and forgotten in any case. Returns what the ledger could not be told.
    pub async fn disconnect(&self, id: &str) -> Result<Option<String>, Declined> {
        let connection = self.connection(id).ok_or_else(|| unknown(id))?;
        let Ok(settings) = &connection.settings else {
            return Err(Declined::Refused("the connection's settings cannot be read".into()));
        };
        // First the ledger: a crash in between leaves tokens that can be given back once more.
        let told = match self.give_back_tokens(connection, settings).await {
            Err(NotGiven::Busy(why)) => return Err(Declined::Later(why)),
            Err(NotGiven::Failed(why)) => Err(why),
            Ok(()) => Ok(()),
        };
        // A consent that still waits is let go of as well.
        let waiting = grant::unconfirmed(self).ok().flatten();
        let told = match waiting {
            Some(consent) => self.give_back(settings.ledger, &consent).await.and(told),
            None => told,
        };
        grant::forget(self, settings.ledger, id)?;
        self.platform.sql.sync().await?;
        Ok(told.err().map(|why| not_told(&why)))
    }

    async fn give_back_tokens(&self, connection: &Connection, settings: &Settings) -> Result<(), NotGiven> {
        let ledger = settings.ledger;
        if provider(ledger, self.variables).leaves_by_access_token() {
            match tokens::access_token(self, connection, false).await {
                Err(busy @ Refused::Busy) => return Err(NotGiven::Busy(busy.to_string())),
                Err(refused) => return Err(NotGiven::Failed(refused.to_string())),
                Ok(_) => {}
            }
        }
        self.give_back_held(connection, settings).await.map_err(NotGiven::Failed)
    }

    async fn give_back_held(&self, connection: &Connection, settings: &Settings) -> Result<(), String> {
        let ledger = settings.ledger;
        let held = grant::held(self, ledger, connection).map_err(|problem| problem.to_string())?;
        let (client, tokens) = match (&held, grant::seed(self, ledger, &connection.id)) {
            (Some(stored), _) => (stored.client(connection), stored.tokens.clone()),
            (None, Some(secret)) => (connection.id.as_str(), Tokens::only_refresh(secret)),
            (None, None) => return Err("there is no token to give back".into()),
        };
        let credentials = tokens::credentials(self, ledger, client).map_err(|refused| refused.to_string())?;
        self.leave(ledger, &credentials, &tokens, &[&settings.company], None).await
    }

    /// An admin says: the company whose consent waits is not ours. `company` is the id that the page showed. Returns what
    /// the ledger could not be told.
    pub async fn decline(&self, id: &str, company: &str) -> Result<Option<String>, Declined> {
        let connection = self.connection(id).ok_or_else(|| unknown(id))?;
        let Ok(settings) = &connection.settings else {
            return Err(Declined::Refused("the connection's settings cannot be read".into()));
        };
        let (consent, _) = self.waiting_for(company)?;
        // First forgotten: nobody can confirm what is being given back.
        grant::drop_unconfirmed(self.platform.sql)?;
        self.platform.sql.sync().await?;
        Ok(self.give_back(settings.ledger, &consent).await.err().map(|why| not_told(&why)))
    }

    /// A consent that is not used is given back. An own account has no consent that could be.
    pub(super) async fn give_back(&self, ledger: LedgerName, consent: &Unconfirmed) -> Result<(), String> {
        let mut companies = Vec::new();
        for company in &consent.companies {
            if !self.serves_others(ledger, &company.id, &consent.connection).await? {
                companies.push(company.id.as_str());
            }
        }
        // Where nobody knows what it opens, it may be what is in use.
        if companies.is_empty() || consent.source == grant::Source::OwnAccount {
            return Ok(());
        }
        let credentials = tokens::credentials(self, ledger, &consent.connection);
        let credentials = credentials.map_err(|refused| refused.to_string())?;
        let provider = provider(ledger, self.variables);
        // Where nobody knows what came with it, it may be what another Worker uses.
        if consent.event.is_none() && !provider.leaves_as_a_whole() {
            return Ok(());
        }
        let (mut tokens, now) = (consent.tokens.clone(), self.platform.clock.now());
        if provider.leaves_by_access_token() && tokens.expires_at <= now {
            let response = self.told(provider.refresh(&credentials, &tokens.refresh_token)).await?;
            let renewed = provider.read_tokens(&response, &tokens.refresh_token, now);
            tokens = renewed.map_err(|error| error.to_string())?;
        }
        self.leave(ledger, &credentials, &tokens, &companies, consent.event.as_ref()).await
    }

    /// True if other books hold the company through the same app.
    async fn serves_others(&self, ledger: LedgerName, company: &str, connection: &str) -> Result<bool, String> {
        let holder = match self.holder(ledger, company) {
            Some(label) => label.to_owned(),
            None => self.who_holds(ledger, company).await.map_err(|unasked| unasked.to_string())?,
        };
        let client = |id: &str| variable_for(self.variables, &format!("{}_CLIENT_ID", prefix(ledger)), id);
        let theirs = self.others.iter().filter(|one| one.books == holder);
        Ok(theirs.map(|one| client(&one.id)).any(|theirs| theirs == client(connection)))
    }

    async fn leave(
        &self,
        ledger: LedgerName,
        credentials: &Credentials,
        tokens: &Tokens,
        companies: &[&str],
        consent: Option<&ConsentEvent>,
    ) -> Result<(), String> {
        let provider = provider(ledger, self.variables);
        let response = self.told(provider.leave(credentials, tokens)).await?;
        for company in companies {
            if let Some(request) = provider.leave_further(tokens, company, consent, &response) {
                self.told(request).await?;
            }
        }
        Ok(())
    }

    async fn told(&self, request: crate::platform::Request) -> Result<Response, String> {
        let response = self.platform.http.send(request).await.map_err(|error| error.to_string())?;
        if response.status < 300 { Ok(response) } else { Err(format!("status {}", response.status)) }
    }

    /// A consent that nobody confirmed within a day is forgotten, which the admin hears of, and given back. What the
    /// ledger cannot be told hurts nobody.
    pub(super) async fn let_unconfirmed_go(&self) -> Result<(), SqlError> {
        let Ok(Some(consent)) = grant::unconfirmed(self) else { return Ok(()) };
        let settings = self.connection(&consent.connection).and_then(|one| one.settings.as_ref().ok());
        let Some(ledger) = settings.map(|settings| settings.ledger) else { return Ok(()) };
        if self.platform.clock.now() - consent.at < UNCONFIRMED_LIVES {
            return Ok(());
        }
        let names: Vec<&str> = consent.companies.iter().map(|one| one.name.as_str()).collect();
        let message = format!(
            "nobody confirmed the consent for \"{}\" within a day, and it was dropped; connect again on the page \
             /connect, and confirm the company there",
            names.join("\", \"")
        );
        grant::forget_unconfirmed(self, &message)?;
        self.platform.sql.sync().await?;
        let _ = self.give_back(ledger, &consent).await;
        Ok(())
    }
}
