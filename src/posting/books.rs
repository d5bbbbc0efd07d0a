//! One ledger company's books: the platform under them, the connections that feed them.

use chrono::{DateTime, Utc};

use super::inbox::{self, Incoming, Received};
use super::orders;
use super::schema;
use crate::config::{Connection, Variables};
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
        let connections = all.into_iter().filter(|one| one.books == id).collect();
        Ok(Self { platform, id, connections, variables })
    }

    /// Takes a verified delivery in. The caller answers 200 once the object's writes are durable.
    pub async fn receive(&self, incoming: &Incoming<'_>) -> Result<Received, SqlError> {
        let now = self.platform.clock.now();
        let received = inbox::receive(self.platform.sql, now, incoming)?;
        // Without an order that is due the journal still has to hear of it.
        let only_news =
            received == Received::Duplicate || !orders::any_due(self.platform.sql, &incoming.connection.id)?;
        self.arm(only_news.then_some(now)).await?;
        Ok(received)
    }

    /// Sets the alarm to the earliest due order, or to `at` if that is earlier.
    pub(super) async fn arm(&self, at: Option<DateTime<Utc>>) -> Result<(), SqlError> {
        let due = orders::next_due(self.platform.sql)?;
        match [due, at].into_iter().flatten().min() {
            Some(earliest) => self.platform.alarm.set(earliest).await,
            None => Ok(()),
        }
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
        Some(ledgers::open(settings, &settings.company, self.variables))
    }
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
