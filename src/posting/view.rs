//! What the books can say of themselves: figures for the status, and everything about one order.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::books::Books;
use super::breaker;
use super::obstacles::{self, ObstacleView};
use super::orders::{self, OrderRef};
use super::shop;
use super::silence::Hearing;
use super::stopped;
use super::subscriptions::{self, Check};
use crate::journal;
use crate::platform::time::iso;
use crate::platform::{Row, SqlError, Value, transaction};

/// The figures of one set of books.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BooksStatus {
    /// The books' id.
    pub books: String,
    /// Per connection.
    pub connections: Vec<ConnectionStatus>,
    /// Records that D1 does not have yet.
    pub journal_backlog: i64,
    /// Nothing is sent before then.
    pub paused_until: Option<String>,
    /// Why.
    pub pause_reason: Option<String>,
    /// Why a person has to connect the ledger again, if so.
    pub reconnect: Option<String>,
    /// Faults of the settings that hold orders.
    pub obstacles: Vec<ObstacleView>,
    /// When the next order is due.
    pub next_due: Option<String>,
}

/// The figures of one connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConnectionStatus {
    /// Its id.
    pub id: String,
    /// Its shop.
    pub shop: String,
    /// What is wrong with its settings and its shop's secrets.
    pub problems: Vec<String>,
    /// Orders by state.
    pub orders: std::collections::BTreeMap<String, i64>,
    /// Events by outcome.
    pub events: std::collections::BTreeMap<String, i64>,
    /// When the oldest order that waits was first seen.
    pub oldest_waiting: Option<String>,
    /// How it stands with the shop.
    pub shopify: ShopStatus,
}

/// How a connection stands with its shop.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ShopStatus {
    /// How its Admin API is used: `client_credentials`, `access_token`, or not at all.
    pub access: Option<String>,
    /// Shopify is not asked before then.
    pub paused_until: Option<String>,
    /// Why.
    pub pause_reason: Option<String>,
    /// Since when the connection is stopped because its app was removed.
    pub stopped_since: Option<String>,
    /// When deliveries come.
    pub deliveries: Hearing,
    /// True if this program makes the webhook subscriptions, not the app's own configuration.
    #[serde(default)]
    pub makes_subscriptions: bool,
    /// What the last look at the webhook subscriptions found; nothing where the app's configuration makes them, or before the
    /// first look.
    pub subscriptions: Option<Check>,
}

/// Everything about one order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct OrderView {
    /// The ledger of its connection, where the settings can be read.
    pub ledger: Option<String>,
    /// The shop's time zone, by the tz database; the company's where the shop's is not known.
    pub time_zone: Option<String>,
    /// Its row.
    pub order: Json,
    /// Its events.
    pub events: Vec<Json>,
    /// Its documents, with proof.
    pub documents: Vec<Json>,
    /// What normalisation changed.
    pub adjustments: Vec<Json>,
    /// What a person was asked about money of an order that is older than the start date, and the answers.
    pub cutover: Vec<Json>,
    /// Why a person keeps it out of the books, and since when, if one does.
    pub set_aside: Vec<Json>,
    /// The write log.
    pub writes: Vec<Json>,
}

fn json(row: &Row) -> Json {
    let cells = row.0.iter().map(|(name, value)| {
        let value = match value {
            Value::Null => Json::Null,
            Value::Int(number) => Json::from(*number),
            Value::Text(text) => Json::from(text.as_str()),
            Value::Blob(bytes) => Json::from(format!("{} bytes", bytes.len())),
        };
        (name.clone(), value)
    });
    Json::Object(cells.collect())
}

impl Books<'_> {
    /// The figures.
    pub fn status(&self) -> Result<BooksStatus, SqlError> {
        let sql = self.platform.sql;
        let now = self.platform.clock.now();
        let health = breaker::health(sql)?;
        let paused_until = health.pause_until.filter(|until| *until > now);
        Ok(BooksStatus {
            books: self.id.to_owned(),
            connections: self.connection_statuses()?,
            journal_backlog: journal::backlog(sql)?,
            paused_until: paused_until.map(iso),
            pause_reason: health.why.filter(|_| paused_until.is_some()),
            reconnect: self.why_reconnect()?,
            obstacles: obstacles::view(sql)?,
            next_due: self.next_due()?.map(iso),
        })
    }

    /// Of the connections, and of those that left orders behind.
    fn connection_statuses(&self) -> Result<Vec<ConnectionStatus>, SqlError> {
        let configured = self.connections.iter().map(|one| self.connection_status(&one.id));
        let mut all: Vec<ConnectionStatus> = configured.collect::<Result<_, _>>()?;
        for id in self.left()? {
            let status = self.connection_status(&id)?;
            if ["pending", "retrying", "held"].into_iter().any(|state| status.orders.contains_key(state)) {
                all.push(ConnectionStatus { problems: vec![self.why_left(&id)], ..status });
            }
        }
        Ok(all)
    }

    fn connection_status(&self, id: &str) -> Result<ConnectionStatus, SqlError> {
        let sql = self.platform.sql;
        let count = |statement: &str| -> Result<_, SqlError> {
            let rows = sql.exec(statement, &[id.into()])?;
            rows.iter().map(|row| Ok((row.text("name")?, row.int("n")?))).collect()
        };
        let oldest = sql.exec(
            "SELECT MIN(first_seen_at) AS at FROM orders WHERE connection = ? AND state IN ('pending', 'retrying')",
            &[id.into()],
        )?;
        let connection = self.connection(id);
        Ok(ConnectionStatus {
            id: id.to_owned(),
            shop: connection.map(|one| one.shop.clone()).unwrap_or_default(),
            problems: connection.map(|one| self.problems(one)).unwrap_or_default(),
            orders: count("SELECT state AS name, COUNT(*) AS n FROM orders WHERE connection = ? GROUP BY state")?,
            events: count("SELECT outcome AS name, COUNT(*) AS n FROM events WHERE connection = ? GROUP BY outcome")?,
            shopify: self.shop_status(id)?,
            oldest_waiting: oldest.first().map(|row| row.text_or_null("at")).transpose()?.flatten(),
        })
    }

    pub(super) fn shop_status(&self, id: &str) -> Result<ShopStatus, SqlError> {
        let (sql, now) = (self.platform.sql, self.platform.clock.now());
        let access = self.connection(id).map(|one| self.admin_access(one)).transpose()?.flatten();
        let (paused_until, pause_reason) = shop::paused(sql, id, now)?.map(|(until, why)| (iso(until), why)).unzip();
        Ok(ShopStatus {
            access: access.map(|access| access.as_str().to_owned()),
            paused_until,
            pause_reason,
            stopped_since: stopped::since(sql, id)?.map(iso),
            deliveries: self.hearing(id)?,
            makes_subscriptions: self.connection(id).is_some_and(subscriptions::makes_them),
            subscriptions: self.subscriptions(id)?,
        })
    }

    /// Everything about one order; `None` if it was never heard of.
    pub fn order(&self, at: &OrderRef) -> Result<Option<OrderView>, SqlError> {
        let list = |statement: &str| -> Result<Vec<Json>, SqlError> {
            Ok(self.platform.sql.exec(statement, &at.params())?.iter().map(json).collect())
        };
        let order = list(
            "SELECT connection, order_id, name, state, reason, detail, remedy, currency, updated_at, first_seen_at,
                 synced_at, attempts, due_at FROM orders WHERE connection = ? AND order_id = ?",
        )?;
        let Some(order) = order.into_iter().next() else { return Ok(None) };
        let connection = self.connection(&at.connection);
        Ok(Some(OrderView {
            ledger: connection.and_then(|one| Some(one.settings.as_ref().ok()?.ledger.as_str().to_owned())),
            time_zone: self.time_zone(&at.connection)?,
            order,
            events: list(
                "SELECT webhook_id, event_id, topic, api_version, triggered_at, received_at, finished_at, bytes,
                     deliveries, outcome, reason FROM events WHERE connection = ? AND order_id = ? ORDER BY seq",
            )?,
            documents: list(
                "SELECT document_key, kind, state, currency, expected_total, ledger_total, proof, posted_at,
                     json_extract(posted, '$.ledger_id') AS ledger_id, json_extract(posted, '$.number') AS number
                 FROM documents WHERE connection = ? AND order_id = ? ORDER BY posted_at",
            )?,
            adjustments: list(
                "SELECT document_key, field, rule, before, after, personal, at FROM adjustments
                 WHERE connection = ? AND order_id = ? ORDER BY rowid",
            )?,
            cutover: list(
                "SELECT document_key, amount, decision, why, answered_at FROM cutover_questions
                 WHERE connection = ? AND order_id = ?",
            )?,
            set_aside: list("SELECT why, at FROM set_aside WHERE connection = ? AND order_id = ?")?,
            writes: list(
                "SELECT document_key, operation, state, idempotency_key, recorded_at, first_sent_at, closed_at
                 FROM writes WHERE connection = ? AND order_id = ? ORDER BY id",
            )?,
        }))
    }

    /// A person says: look at this order again now. False if it is not an order, or was never heard of.
    pub async fn release(&self, at: &OrderRef) -> Result<bool, SqlError> {
        let now: DateTime<Utc> = self.platform.clock.now();
        let found = transaction(self.platform.sql, |sql| {
            obstacles::probe_now(sql, at)?;
            self.doubt_rates(at)?;
            orders::release(sql, at, now)
        })?;
        // At once: what the release changed is to be seen.
        self.arm(Some(now)).await?;
        Ok(found)
    }
}
