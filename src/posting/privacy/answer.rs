//! The answer to a customer's question: all that is stored about them, under every connection that the shop has or had in
//! these books, a part at a time.

use serde_json::{Value as Json, json};

use super::{LOOSE_BODIES, Request, connections_of, select};
use crate::platform::SqlError;
use crate::posting::books::Books;
use crate::posting::inbox::{self, LOOSE};
use crate::posting::orders::OrderRef;
use crate::shopify::News;
use crate::shopify::compliance::Subject;
use crate::shopify::delivery;

/// Orders in one part of an answer.
const ORDERS: i64 = 20;

/// Where the next part of an answer begins. As text: `<connection>/<order id>` after that order, `loose/<number>` after
/// that delivery.
enum From {
    Order { connection: String, order_id: String },
    Loose(i64),
}

impl From {
    fn read(text: &str) -> Self {
        match text.split_once('/') {
            Some(("loose", seq)) => From::Loose(seq.parse().unwrap_or(0)),
            Some((connection, order)) => From::Order { connection: connection.into(), order_id: order.into() },
            None => From::Order { connection: String::new(), order_id: String::new() },
        }
    }
}

impl Books<'_> {
    /// Everything that is stored about the person of a question: twenty orders at a time, then the deliveries of no order
    /// that speak of them. `after` is what the part before gave as `next`; empty for the first. `None` if there is no open
    /// question of that number.
    pub fn privacy_answer(&self, connection: &str, id: i64, after: &str) -> Result<Option<Json>, SqlError> {
        let sql = self.platform.sql;
        let condition = "r.event_seq = ? AND e.connection = ? AND r.state = 'waiting'";
        let Some(request) = select(sql, condition, &[id.into(), connection.into()])?.pop() else { return Ok(None) };
        let body = inbox::body(sql, id)?;
        let Ok(News::DataRequest(subject)) = delivery::read(&request.topic, &request.shop, &body) else {
            return Ok(None);
        };
        let connections = self.connections_asked(&request)?;
        let (mut orders, mut unread) = (Vec::new(), Vec::new());
        let next = match From::read(after) {
            From::Order { connection, order_id } => {
                let after = OrderRef { connection, order_id };
                self.orders_about(&subject, &connections, &after, &mut orders)?
            }
            From::Loose(seq) => self.loose_about(&subject, &connections, (seq, request.id), &mut unread)?,
        };
        Ok(Some(json!({
            "request": parsed(&body), "received_at": request.received_at, "orders": orders,
            "other_deliveries": unread, "next": next,
        })))
    }

    /// The connection that was asked, and those of the shop that the settings do not give it any more: nobody else is
    /// asked for them.
    fn connections_asked(&self, request: &Request) -> Result<Json, SqlError> {
        let mut connections = connections_of(self.platform.sql, &request.shop)?;
        connections.retain(|id| *id == request.connection || self.connection(id).is_none());
        Ok(connections.into())
    }

    fn orders_about(
        &self,
        subject: &Subject,
        connections: &Json,
        after: &OrderRef,
        orders: &mut Vec<Json>,
    ) -> Result<Option<String>, SqlError> {
        let names: Json = subject.orders().collect::<Vec<_>>().into();
        let rows = self.platform.sql.exec(
            "SELECT connection, order_id, name FROM orders
             WHERE connection IN (SELECT value FROM json_each(?1)) AND order_id NOT LIKE 'event:%'
                 AND (connection, order_id) > (?2, ?3)
                 AND (order_id IN (SELECT value FROM json_each(?4)) OR customer_id = ?5)
             ORDER BY connection, order_id LIMIT ?6",
            &[
                connections.to_string().into(),
                after.connection.as_str().into(),
                after.order_id.as_str().into(),
                names.to_string().into(),
                subject.customer_id().into(),
                ORDERS.into(),
            ],
        )?;
        let mut next = "loose/0".to_owned();
        for row in &rows {
            let at = OrderRef { connection: row.text("connection")?, order_id: row.text("order_id")? };
            orders.push(self.stored_about(&at, row.text_or_null("name")?)?);
            if orders.len() as i64 == ORDERS {
                next = format!("{}/{}", at.connection, at.order_id);
            }
        }
        Ok(Some(next))
    }

    /// Deliveries that could not be read, or wait for a person, and speak of the person.
    fn loose_about(
        &self,
        subject: &Subject,
        connections: &Json,
        (after, own): (i64, i64),
        unread: &mut Vec<Json>,
    ) -> Result<Option<String>, SqlError> {
        let sql = self.platform.sql;
        let rows = sql.exec(
            &format!(
                "SELECT e.seq, e.topic, e.received_at FROM events e
                 WHERE e.connection IN (SELECT value FROM json_each(?)) AND {LOOSE} AND e.seq > ? ORDER BY e.seq LIMIT ?"
            ),
            &[connections.to_string().into(), after.into(), LOOSE_BODIES.into()],
        )?;
        let mut last = None;
        for row in &rows {
            let seq = row.int("seq")?;
            let body = inbox::body(sql, seq)?;
            if seq != own && subject.is_named_in(&body) {
                unread.push(json!({
                    "topic": row.text("topic")?, "received_at": row.text("received_at")?, "body": parsed(&body),
                }));
            }
            last = Some(format!("loose/{seq}"));
        }
        Ok(last.filter(|_| rows.len() as i64 == LOOSE_BODIES))
    }

    fn stored_about(&self, at: &OrderRef, name: Option<String>) -> Result<Json, SqlError> {
        let sql = self.platform.sql;
        let bodies = sql.exec(
            "SELECT seq, topic, received_at FROM events e WHERE connection = ? AND order_id = ?
                 AND EXISTS (SELECT 1 FROM event_chunks c WHERE c.event_seq = e.seq) ORDER BY seq",
            &at.params(),
        )?;
        let mut received = Vec::new();
        for row in &bodies {
            let body = parsed(&inbox::body(sql, row.int("seq")?)?);
            received
                .push(json!({ "topic": row.text("topic")?, "received_at": row.text("received_at")?, "body": body }));
        }
        let documents = sql.exec(
            "SELECT document_key, kind, currency, ledger_total, posted_at, json_extract(posted, '$.number') AS number,
                 json_extract(document, '$.party') AS party FROM documents WHERE connection = ? AND order_id = ?",
            &at.params(),
        )?;
        let mut posted = Vec::new();
        for row in &documents {
            posted.push(json!({
                "document": row.text("document_key")?, "kind": row.text("kind")?, "number": row.text("number")?,
                "total": row.text("ledger_total")?, "currency": row.text("currency")?, "posted_at": row.text("posted_at")?,
                "customer": parsed(row.text("party")?.as_bytes()),
            }));
        }
        let connection = &at.connection;
        Ok(json!({
            "connection": connection, "order_id": at.order_id, "name": name, "documents": posted, "received": received,
        }))
    }
}

fn parsed(body: &[u8]) -> Json {
    serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into())
}
