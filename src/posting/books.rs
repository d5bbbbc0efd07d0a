//! One ledger company's books: the platform under them, the connections that feed them.

use chrono::{DateTime, Utc};

use super::breaker;
use super::budget;
use super::grant;
use super::inbox::{self, Incoming, Received};
use super::obstacles;
use super::orders;
use super::preflight;
use super::privacy;
use super::schema;
use crate::books::rules::LedgerName;
use crate::config::{ConfigError, Connection, Variables};
use crate::ledgers::{self, Ledger};
use crate::platform::time::{iso, parse_iso};
use crate::platform::{Platform, Sql, SqlError};

/// The books, as an object holds them.
pub struct Books<'a> {
    /// What they stand on.
    pub platform: Platform<'a>,
    /// The books' id.
    pub id: &'a str,
    /// The connections that feed them.
    pub connections: Vec<Connection>,
    /// The Worker's variables and secrets.
    pub variables: &'a Variables,
    /// The connections that feed other books.
    pub(super) others: Vec<Connection>,
    /// True if more than one shop is configured: then only secrets with a connection's id behind their name count.
    pub(super) several_shops: bool,
}

const INSTANCE: &str = "instance";
const BORN_AT: &str = "born_at";

impl<'a> Books<'a> {
    /// Opens the books; creates their tables the first time.
    pub fn open(
        platform: Platform<'a>,
        id: &'a str,
        all: Vec<Connection>,
        variables: &'a Variables,
    ) -> Result<Self, SqlError> {
        schema::create(platform.sql)?;
        if schema::meta(platform.sql, INSTANCE)?.is_none() {
            schema::set_meta(platform.sql, INSTANCE, &format!("{:016x}", platform.random.bits()))?;
            schema::set_meta(platform.sql, BORN_AT, &iso(platform.clock.now()))?;
        }
        let several_shops = all.iter().any(|one| one.shop != all[0].shop);
        let (mut connections, others): (Vec<Connection>, Vec<Connection>) =
            all.into_iter().partition(|one| one.books == id);
        belong_to_their_company(platform.sql, id, &mut connections)?;
        preflight::resolve_names(platform.sql, &mut connections)?;
        Ok(Self { platform, id, connections, variables, others, several_shops })
    }

    /// The other books to which the settings give that company, if any do.
    pub(super) fn holder(&self, ledger: LedgerName, company: &str) -> Option<&str> {
        let holds = |one: &&Connection| {
            one.settings.as_ref().is_ok_and(|settings| settings.ledger == ledger && settings.company == company)
        };
        self.others.iter().find(holds).map(|one| one.books.as_str())
    }

    /// Takes a verified delivery in. The caller answers 200 once the object's writes are durable.
    pub async fn receive(&self, incoming: &Incoming<'_>) -> Result<Received, SqlError> {
        let now = self.platform.clock.now();
        let received = inbox::receive(self.platform.sql, now, incoming)?;
        self.erase_what_was_left(&incoming.connection.shop, incoming.delivery, incoming.body)?;
        // Without an order that is due the journal still has to hear of it.
        let only_news =
            received == Received::Duplicate || !orders::any_due(self.platform.sql, &incoming.connection.id)?;
        let only_news = only_news || privacy::is_due(self.platform.sql)?;
        self.arm(only_news.then_some(now)).await?;
        Ok(received)
    }

    /// Sets the alarm to the earliest due order, or to `at` if that is earlier.
    pub(super) async fn arm(&self, at: Option<DateTime<Utc>>) -> Result<(), SqlError> {
        match [self.next_due()?, self.next_probe()?, at].into_iter().flatten().min() {
            Some(earliest) => self.platform.alarm.set(earliest).await,
            None => Ok(()),
        }
    }

    /// When the next order is worked on: while the connection pauses, none is.
    pub(super) fn next_due(&self) -> Result<Option<DateTime<Utc>>, SqlError> {
        let due = orders::next_due(self.platform.sql, budget::backfill_waits(self.platform.sql)?)?;
        let pause = breaker::health(self.platform.sql)?.pause_until;
        Ok(due.map(|due| pause.map_or(due, |pause| due.max(pause))))
    }

    /// When the next order goes ahead as a probe.
    fn next_probe(&self) -> Result<Option<DateTime<Utc>>, SqlError> {
        let probe = obstacles::next_probe(self.platform.sql)?;
        let pause = breaker::health(self.platform.sql)?.pause_until;
        Ok(probe.map(|probe| pause.map_or(probe, |pause| probe.max(pause))))
    }

    /// The name of this object's outbox; another instance of the object has another one.
    pub(super) fn source(&self) -> Result<String, SqlError> {
        let instance = schema::meta(self.platform.sql, INSTANCE)?.unwrap_or_default();
        Ok(format!("{}:{instance}", self.id))
    }

    /// When this object came into being: an order that is older may have been posted by an earlier one.
    pub(super) fn born_at(&self) -> Result<DateTime<Utc>, SqlError> {
        let text = schema::meta(self.platform.sql, BORN_AT)?;
        Ok(text.as_deref().and_then(parse_iso).unwrap_or_else(|| self.platform.clock.now()))
    }

    /// The connection of that id.
    pub(super) fn connection(&self, id: &str) -> Option<&Connection> {
        self.connections.iter().find(|one| one.id == id)
    }

    /// The ledger as a connection sees it; `None` while its settings cannot be read.
    pub(super) fn ledger(&self, connection: &Connection) -> Option<Box<dyn Ledger>> {
        let settings = connection.settings.as_ref().ok()?;
        let home = self.company_facts().ok().and_then(|facts| facts.home_currency?.parse().ok());
        Some(ledgers::open(settings, &settings.company, home, self.variables))
    }
}

/// The books belong to the company that was confirmed: settings that name none mean that one, settings that name another
/// are wrong.
fn belong_to_their_company(sql: &dyn Sql, id: &str, connections: &mut [Connection]) -> Result<(), SqlError> {
    let Some(company) = grant::pinned(sql)? else { return Ok(()) };
    for connection in connections {
        let Ok(settings) = &mut connection.settings else { continue };
        if settings.company.is_empty() {
            settings.company.clone_from(&company.id);
        } else if settings.company != company.id {
            let problem = format!(
                "is `{}`, but the books `{id}` belong to \"{}\" (`{}`); another company needs another label in `books`",
                settings.company, company.name, company.id
            );
            let key = format!("CONNECTION_{}.company", connection.id.to_ascii_uppercase());
            connection.settings = Err(vec![ConfigError { key, problem }]);
        }
    }
    Ok(())
}

const ID: &str = "books";

impl Books<'_> {
    /// Writes down which books this object holds: an alarm does not say.
    pub fn remember_id(sql: &dyn Sql, id: &str) -> Result<(), SqlError> {
        schema::create(sql)?;
        if schema::meta(sql, ID)?.as_deref() != Some(id) {
            schema::set_meta(sql, ID, id)?;
        }
        Ok(())
    }

    /// Which books this object holds, if it was ever told.
    pub fn remembered_id(sql: &dyn Sql) -> Result<Option<String>, SqlError> {
        schema::create(sql)?;
        schema::meta(sql, ID)
    }
}
