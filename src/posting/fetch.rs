//! Fetches whole orders from Shopify where a delivery did not bring one: an edit, or a refund or payment of an order that
//! was never heard of, or a payment whose transactions are not known, or money in another currency of which no webhook
//! says what it came to in the shop's. What comes is stored as an event of its own (`orders/fetched`) and read like any
//! delivery.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::books::Books;
use super::inbox;
use super::known;
use super::orders::{self, MOST_MARKS, OrderRef, OrderRow};
use super::personal;
use super::schema::{clear_meta, meta, set_meta};
use super::shop::{Calls, NoAnswer, Shop, paused};
use crate::config::Connection;
use crate::platform::time::iso;
use crate::platform::{Sql, SqlError, transaction};
use crate::shopify::admin::{OrderFetch, Step, keep_spelling};

/// Orders that one turn fetches.
const ORDERS: i64 = 10;

/// Notes that the order is wanted whole.
pub fn want(sql: &dyn Sql, at: &OrderRef) -> Result<(), SqlError> {
    sql.exec("UPDATE orders SET wants_fetch = 1 WHERE connection = ? AND order_id = ?", &at.params()).map(drop)
}

/// The orders that are wanted and due, those first that were heard of first: whatever is looked at in vain meanwhile keeps
/// its place.
fn wanted(sql: &dyn Sql, connection: &str, now: DateTime<Utc>) -> Result<Vec<OrderRef>, SqlError> {
    let rows = sql.exec(
        "SELECT order_id FROM orders WHERE wants_fetch = 1 AND connection = ?1 AND due_at <= ?2 AND marks < ?3
         ORDER BY max(marks, 1), priority, first_seen_at, due_at LIMIT ?4",
        &[connection.into(), iso(now).into(), MOST_MARKS.into(), ORDERS.into()],
    )?;
    let at = |id: String| OrderRef { connection: connection.to_owned(), order_id: id };
    rows.iter().map(|row| Ok(at(row.text("order_id")?))).collect()
}

/// It was fetched, or cannot be: until something new is heard of it, it is not asked for again.
pub fn settled(sql: &dyn Sql, at: &OrderRef) -> Result<(), SqlError> {
    let [connection, order_id] = at.params();
    sql.exec(
        "UPDATE orders SET wants_fetch = 0, marks = 0, fetched_seq = (SELECT coalesce(MAX(seq), 0) FROM events
             WHERE connection = ?1 AND order_id = ?2) WHERE connection = ?1 AND order_id = ?2",
        &[connection, order_id],
    )
    .map(drop)
}

/// A fetch that needs more questions than the turn or the shop's budget had, put down until the next turn.
#[derive(Serialize, Deserialize)]
struct Begun {
    /// The newest event of the order when it was begun: after news it begins again.
    newest: i64,
    fetch: OrderFetch,
}

/// What is put down is smaller than this, for the row limit of 2 MB; a larger one begins again.
const MOST_BYTES: usize = 1_500_000;

fn begun_key(at: &OrderRef) -> String {
    format!("fetch:{}:{}", at.connection, at.order_id)
}

fn begun(sql: &dyn Sql, at: &OrderRef) -> Result<Begun, SqlError> {
    let statement = "SELECT coalesce(MAX(seq), 0) AS seq FROM events WHERE connection = ? AND order_id = ?";
    let newest = sql.exec(statement, &at.params())?.first().map_or(Ok(0), |row| row.int("seq"))?;
    let kept: Option<Begun> = meta(sql, &begun_key(at))?.and_then(|text| serde_json::from_str(&text).ok());
    let fresh = || Begun { newest, fetch: OrderFetch::new(&at.order_id) };
    Ok(kept.filter(|begun| begun.newest == newest).unwrap_or_else(fresh))
}

fn put_down(sql: &dyn Sql, at: &OrderRef, begun: Option<&Begun>) -> Result<(), SqlError> {
    match begun.and_then(|begun| serde_json::to_string(begun).ok()).filter(|text| text.len() < MOST_BYTES) {
        Some(text) => set_meta(sql, &begun_key(at), &text),
        None => clear_meta(sql, &begun_key(at)),
    }
}

/// Forgets what was fetched of an order so far.
pub fn forget(sql: &dyn Sql, at: &OrderRef) -> Result<(), SqlError> {
    put_down(sql, at, None)
}

/// Whether an order can be had from Shopify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetching {
    /// No: nobody may ask, or asking again would bring nothing new.
    No,
    /// Yes.
    Now,
    /// Not before then.
    At(DateTime<Utc>),
}

impl Books<'_> {
    /// Whether fetching the order can bring news. `newest` is the newest event of it.
    pub(super) fn fetching(&self, connection: &Connection, row: &OrderRow, newest: i64) -> Result<Fetching, SqlError> {
        if !(row.wants_fetch || newest > row.fetched_seq) || self.admin_access(connection)?.is_none() {
            return Ok(Fetching::No);
        }
        let pause = paused(self.platform.sql, &connection.id, self.platform.clock.now())?;
        Ok(pause.map_or(Fetching::Now, |(until, _)| Fetching::At(until)))
    }

    /// Fetches the orders that are wanted, as far as `calls` go.
    pub(super) async fn fetch_wanted(&self, calls: &Calls) -> Result<(), SqlError> {
        let (sql, now) = (self.platform.sql, self.platform.clock.now());
        for connection in &self.connections {
            let orders = wanted(sql, &connection.id, now)?;
            if orders.is_empty() || paused(sql, &connection.id, now)?.is_some() {
                continue;
            }
            let Some(shop) = self.shop(connection, calls)? else { continue };
            transaction(sql, |sql| orders.iter().try_for_each(|at| orders::mark_one(sql, at)))?;
            sql.sync().await?;
            let fetched = self.fetch_all(connection, &shop, &orders).await;
            transaction(sql, |sql| orders.iter().try_for_each(|at| orders::put_back(sql, at)))?;
            fetched?;
        }
        Ok(())
    }

    async fn fetch_all(&self, connection: &Connection, shop: &Shop<'_>, orders: &[OrderRef]) -> Result<(), SqlError> {
        let sql = self.platform.sql;
        for at in orders {
            match self.fetch_order(shop, at).await {
                Ok(Some(body)) => {
                    inbox::receive_fetched(sql, self.platform.clock.now(), connection, &at.order_id, &body)?;
                    settled(sql, at)?;
                }
                Ok(None) => settled(sql, at)?,
                Err(NoAnswer::Sql(error)) => return Err(error),
                // The others would hear the same.
                Err(NoAnswer::NoCallsLeft | NoAnswer::Paused(..)) => return Ok(()),
            }
        }
        Ok(())
    }

    /// The order in the webhooks' shape; nothing if Shopify does not know it.
    pub(super) async fn fetch_order(&self, shop: &Shop<'_>, at: &OrderRef) -> Result<Option<Vec<u8>>, NoAnswer> {
        let sql = self.platform.sql;
        let mut begun = begun(sql, at)?;
        loop {
            match begun.fetch.proceed() {
                Step::Gone => return put_down(sql, at, None).map(|()| None).map_err(NoAnswer::Sql),
                Step::Done(mut body) => {
                    put_down(sql, at, None)?;
                    let earlier: Vec<Json> = known::bodies(sql, at)?;
                    keep_spelling(&mut body, &earlier);
                    return Ok(Some(body.to_string().into_bytes()));
                }
                Step::Ask(question) => match shop.ask(&question).await {
                    Ok(data) => {
                        // It changed between two pages: begin again.
                        if begun.fetch.take(&data).is_err() {
                            begun.fetch = OrderFetch::new(&at.order_id);
                        }
                    }
                    Err(why) => {
                        // Of an order that was erased nothing is kept, not even for a moment.
                        let keep = !personal::is_erased(sql, at)?;
                        put_down(sql, at, keep.then_some(&begun))?;
                        return Err(why);
                    }
                },
            }
        }
    }
}
