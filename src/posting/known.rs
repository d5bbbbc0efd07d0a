//! What is known of an order: its state, put together from the bodies that were stored of it.

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::inbox::{body, transactions_seen_key};
use super::orders::OrderRef;
use super::ranks::{EARLIER, sortable};
use super::schema::meta;
use crate::config::Connection;
use crate::platform::time::parse_iso;
use crate::platform::{Sql, SqlError};
use crate::shopify::OrderState;
use crate::shopify::delivery::{self, FETCHED, News};

/// All that is known of an order.
pub struct Known {
    /// Merged from what arrived.
    pub state: OrderState,
    /// The newest event of it.
    pub newest: i64,
    /// When that was received.
    pub newest_at: Option<DateTime<Utc>>,
    /// True if Shopify said that it changed after the newest whole order came, or tells of goods that are not in it.
    pub stale: bool,
}

/// All that is known of an order.
pub fn state_of(sql: &dyn Sql, connection: &Connection, order: &OrderRef) -> Result<Known, SqlError> {
    let parts = sql.exec(
        "SELECT p.part, p.event_seq, e.topic FROM order_parts p JOIN events e ON e.seq = p.event_seq
         WHERE p.connection = ? AND p.order_id = ? ORDER BY p.event_seq, p.part DESC",
        &order.params(),
    )?;
    let newest = sql.exec(
        "SELECT seq, received_at FROM events WHERE connection = ? AND order_id = ? ORDER BY seq DESC LIMIT 1",
        &order.params(),
    )?;
    let mut state = OrderState::default();
    let (mut snapshot, mut edited) = (0, 0);
    let mut read: (i64, Option<News>) = (0, None);
    for part in &parts {
        let (seq, name) = (part.int("event_seq")?, part.text("part")?);
        if read.0 != seq {
            // Read once when it came in; what does not read any more says nothing.
            read = (seq, delivery::read(&part.text("topic")?, &connection.shop, &body(sql, seq)?).ok());
        }
        match (&read.1, name.strip_prefix("transaction:")) {
            (Some(News::Order(order)), Some(id)) => {
                let found = order.transactions.iter().find(|one| one.id.as_str() == id);
                found.into_iter().for_each(|one| state.add_transaction(one.clone()));
            }
            (Some(News::Order(order)), None) if name == EARLIER => state.earlier = Some(order.as_ref().clone()),
            (Some(News::Order(order)), None) => {
                snapshot = seq;
                state.add_order(order.as_ref().clone());
            }
            (Some(News::Refund(_, refund)), _) => state.add_refund(refund.as_ref().clone()),
            (Some(News::Transaction(_, one)), _) => state.add_transaction(one.as_ref().clone()),
            (Some(News::Dispute(one)), _) => drop(state.disputes.insert(one.id.clone(), one.as_ref().clone())),
            (Some(News::Deleted(_)), _) => state.deleted = true,
            (Some(News::Edited(_)), _) => edited = seq,
            _ => {}
        }
    }
    let (newest, newest_at) = match newest.first() {
        Some(row) => (row.int("seq")?, parse_iso(&row.text("received_at")?)),
        None => (0, None),
    };
    let stale = snapshot > 0 && (edited > snapshot || state.early_refunds().next().is_some());
    Ok(Known { state, newest, newest_at, stale })
}

/// What a whole order as Shopify shows it says; nothing if it cannot be read.
pub fn state_of_body(connection: &Connection, body: &[u8]) -> Option<OrderState> {
    let mut state = OrderState::default();
    match delivery::read(FETCHED, &connection.shop, body) {
        Ok(News::Order(order)) => state.add_order(*order),
        _ => return None,
    }
    Some(state)
}

/// The bodies that an order's state is made of.
pub fn bodies(sql: &dyn Sql, order: &OrderRef) -> Result<Vec<Json>, SqlError> {
    let statement = "SELECT DISTINCT event_seq FROM order_parts WHERE connection = ? AND order_id = ?";
    let rows = sql.exec(statement, &order.params())?;
    let mut bodies = Vec::new();
    for row in &rows {
        bodies.extend(serde_json::from_slice(&body(sql, row.int("event_seq")?)?));
    }
    Ok(bodies)
}

/// True if a snapshot of the order from that moment or a later one is here.
pub fn knows_snapshot(
    sql: &dyn Sql,
    order: &OrderRef,
    updated_at: DateTime<chrono::FixedOffset>,
) -> Result<bool, SqlError> {
    let [connection, order_id] = order.params();
    let statement =
        "SELECT 1 AS found FROM order_parts WHERE connection = ? AND order_id = ? AND part = 'snapshot' AND rank >= ?";
    Ok(!sql.exec(statement, &[connection, order_id, sortable(Some(updated_at)).into()])?.is_empty())
}

/// True if this connection has ever been told of a transaction.
pub fn transactions_seen(sql: &dyn Sql, connection: &str) -> Result<bool, SqlError> {
    Ok(meta(sql, &transactions_seen_key(connection))?.is_some())
}
