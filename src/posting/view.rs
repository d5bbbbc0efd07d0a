//! What the books can say of themselves: figures for the status, and everything about one order.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::alerts::{self, OpenAlert};
use super::books::Books;
use super::breaker;
use super::budget::{self, CallsLeft};
use super::grant;
use super::obstacles::{self, ObstacleView};
use super::orders::{self, OrderRef};
use super::set_aside;
use super::shop;
use super::silence::Hearing;
use super::stopped;
use super::subscriptions::{self, Check};
use crate::journal;
use crate::platform::time::iso;
use crate::platform::{Row, Sql, SqlError, Value, transaction};

/// The figures of one set of books.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
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
    /// Since when the ledger is away.
    #[serde(default)]
    pub down_since: Option<String>,
    /// The number of the oldest record that D1 does not have yet.
    #[serde(default)]
    pub journal_head: Option<i64>,
    /// Calls that the ledger still takes.
    #[serde(default)]
    pub calls: CallsLeft,
    /// How old the tokens are.
    #[serde(default)]
    pub tokens: TokenAges,
    /// What a person ought to know.
    #[serde(default)]
    pub alerts: Vec<OpenAlert>,
}

/// When the tokens in hand came and when they end, ISO 8601 UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenAges {
    /// When they came.
    pub refreshed_at: Option<String>,
    /// When the access token ends; it is renewed by itself.
    pub access_ends_at: Option<String>,
    /// When the refresh token would end, were it never used again.
    pub refresh_ends_at: Option<String>,
    /// When a person has to consent again in any case (QuickBooks).
    pub consent_ends_at: Option<String>,
}

/// Orders that wait for a person for the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldOrders {
    /// The reason's code.
    pub reason: String,
    /// How many.
    pub orders: i64,
    /// Since when a person has been needed for the first of them.
    pub since: String,
}

/// The figures of one connection.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ConnectionStatus {
    /// Its id.
    pub id: String,
    /// Its shop.
    pub shop: String,
    /// What is wrong with its settings and its shop's secrets.
    pub problems: Vec<String>,
    /// Orders by state.
    pub orders: BTreeMap<String, i64>,
    /// Events by outcome.
    pub events: BTreeMap<String, i64>,
    /// Since when that live order waits that has waited longest.
    pub oldest_waiting: Option<String>,
    /// Orders that wait for a person, by reason.
    #[serde(default)]
    pub held: Vec<HeldOrders>,
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

fn open_statement() -> String {
    format!("SELECT state AS name, COUNT(*) AS n FROM orders WHERE {OPEN} GROUP BY state")
}

/// Of live orders: those of a backfill wait for their turn, which may take hours, and the backfill says how far it is.
fn oldest_statement() -> String {
    format!("SELECT MIN(waits_since) AS at FROM orders WHERE {OPEN} AND state <> 'held' AND priority = 0")
}

fn held_statement() -> String {
    format!(
        "SELECT reason, COUNT(*) AS orders, MIN(held_since) AS since FROM orders WHERE {OPEN} AND state = 'held'
         GROUP BY reason ORDER BY orders DESC, reason"
    )
}

fn held_orders(row: &Row) -> Result<HeldOrders, SqlError> {
    let reason = row.text_or_null("reason")?.unwrap_or_default();
    Ok(HeldOrders { reason, orders: row.int("orders")?, since: row.text("since")? })
}

fn token_ages(sql: &dyn Sql) -> Result<TokenAges, SqlError> {
    let grant = grant::grant(sql)?;
    Ok(TokenAges {
        refreshed_at: grant.refreshed_at.map(iso),
        access_ends_at: grant.access_ends_at.map(iso),
        refresh_ends_at: grant.refresh_ends_at.map(iso),
        consent_ends_at: grant.consent_ends_at.map(iso),
    })
}

/// Orders that are open. In every question so, for the index to be used.
const OPEN: &str = "connection = ? AND state IN ('pending', 'retrying', 'held')";

impl Books<'_> {
    /// The figures.
    pub fn status(&self) -> Result<BooksStatus, SqlError> {
        let mut status = self.brief()?;
        let count = |statement: &str, id: &str| -> Result<_, SqlError> {
            let rows = self.platform.sql.exec(statement, &[id.into()])?;
            rows.iter().map(|row| Ok((row.text("name")?, row.int("n")?))).collect()
        };
        for one in &mut status.connections {
            let orders = "SELECT state AS name, COUNT(*) AS n FROM orders WHERE connection = ? GROUP BY state";
            one.orders = count(orders, &one.id)?;
            let events = "SELECT outcome AS name, COUNT(*) AS n FROM events WHERE connection = ? GROUP BY outcome";
            one.events = count(events, &one.id)?;
        }
        Ok(status)
    }

    /// The figures that are had without reading a whole table: of the orders those that are open, no events. For whoever
    /// asks again and again.
    pub fn brief(&self) -> Result<BooksStatus, SqlError> {
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
            down_since: health.down_since.map(iso),
            journal_head: journal::head(sql)?,
            calls: self.calls_left()?,
            tokens: token_ages(sql)?,
            alerts: alerts::all(sql)?,
        })
    }

    /// What the ledger still takes; nothing is known of a ledger that no settings name.
    fn calls_left(&self) -> Result<CallsLeft, SqlError> {
        let Some(ledger) = self.connections.iter().find_map(|one| self.ledger(one)) else {
            return Ok(CallsLeft::default());
        };
        budget::left(self.platform.sql, ledger.limits(), self.platform.clock.now())
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
        let ask = |statement: &str| self.platform.sql.exec(statement, &[id.into()]);
        let open = ask(&open_statement())?;
        let oldest = ask(&oldest_statement())?;
        let held = ask(&held_statement())?;
        let connection = self.connection(id);
        Ok(ConnectionStatus {
            id: id.to_owned(),
            shop: connection.map(|one| one.shop.clone()).unwrap_or_default(),
            problems: connection.map(|one| self.problems(one)).unwrap_or_default(),
            orders: open.iter().map(|row| Ok((row.text("name")?, row.int("n")?))).collect::<Result<_, SqlError>>()?,
            events: BTreeMap::new(),
            oldest_waiting: oldest.first().map(|row| row.text_or_null("at")).transpose()?.flatten(),
            held: held.iter().map(held_orders).collect::<Result<_, _>>()?,
            shopify: self.shop_status(id)?,
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

    /// What the order waited for is done, a person says. One that they keep out of the books stays out.
    pub(super) fn let_go(&self, sql: &dyn Sql, at: &OrderRef, now: DateTime<Utc>) -> Result<bool, SqlError> {
        obstacles::probe_now(sql, at)?;
        self.doubt_rates(at)?;
        orders::release(sql, at, now)
    }

    /// A person says: look at this order again now. False if it is not an order, or was never heard of.
    pub async fn release(&self, at: &OrderRef) -> Result<bool, SqlError> {
        let now: DateTime<Utc> = self.platform.clock.now();
        let found = transaction(self.platform.sql, |sql| {
            set_aside::forget(sql, at)?;
            self.let_go(sql, at, now)
        })?;
        // At once: what the release changed is to be seen.
        self.arm(Some(now)).await?;
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::native::Sqlite;

    #[test]
    fn what_is_asked_at_every_tick_is_read_from_the_orders_that_are_open() {
        let sql = Sqlite::in_memory().unwrap();
        super::super::schema::create(&sql).unwrap();
        for statement in [open_statement(), oldest_statement(), held_statement()] {
            let plan = sql.exec(&format!("EXPLAIN QUERY PLAN {statement}"), &["main".into()]).unwrap();
            let found = plan.iter().any(|row| row.text("detail").unwrap().contains("COVERING INDEX orders_open"));
            assert!(found, "{statement}: {plan:?}");
        }
    }
}
