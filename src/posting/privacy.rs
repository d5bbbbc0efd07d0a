//! What Shopify asks about personal data: what is stored about a customer, to erase a customer, to erase a shop. Requests
//! are worked on a few orders a turn until nothing is left; what was done stays on record, without naming anybody.
//!
//! A customer's request for data waits for a person: the answer is made when it is fetched, and kept nowhere.

mod answer;

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::books::Books;
use super::inbox::{self, LOOSE};
use super::orders::{self, OrderRef};
use super::personal::Personal;
use super::published;
use super::reduce::{Reduced, reduce};
use crate::config::Connection;
use crate::journal::{self, PrivacyRecord, Record};
use crate::platform::time::iso;
use crate::platform::{Row, Sql, SqlError, Value, transaction};
use crate::shopify::News;
use crate::shopify::compliance::Subject;
use crate::shopify::delivery::{self, Delivery};

/// Orders that one step erases: each may hold bodies of a megabyte.
const ORDERS: i64 = 20;
/// Bodies of no order that one step reads.
const LOOSE_BODIES: i64 = 20;
/// When an order is asked about again whose data is on its way to the ledger.
const UNDER_WAY: Duration = Duration::minutes(10);
/// The rule by which a request that was carried out is settled.
const ERASED: &str = "personal_data_erased";
/// The rule by which an answered request is settled.
const ANSWERED: &str = "answered";

/// Where a request stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Request {
    /// Its number.
    pub id: i64,
    /// `customers/data_request`, `customers/redact` or `shop/redact`.
    pub topic: String,
    /// When it came.
    pub received_at: String,
    /// `waiting` for a person, `answered`; `erasing`, `erased`.
    pub state: String,
    /// When it was done.
    pub finished_at: Option<String>,
    /// Orders that were reduced to their money facts.
    pub orders: i64,
    /// Bodies that were erased or reduced.
    pub bodies: i64,
    /// Documents and log entries that were.
    pub documents: i64,
    #[serde(skip)]
    connection: String,
    #[serde(skip)]
    shop: String,
    #[serde(skip)]
    webhook_id: String,
    /// The last body of no order that was looked at.
    #[serde(skip)]
    cursor: i64,
}

const COLUMNS: &str = "r.event_seq, r.state, r.finished_at, r.orders, r.bodies, r.documents, r.cursor,
     e.connection, e.shop, e.topic, e.received_at, e.webhook_id";

fn read(row: &Row) -> Result<Request, SqlError> {
    Ok(Request {
        id: row.int("event_seq")?,
        topic: row.text("topic")?,
        received_at: row.text("received_at")?,
        state: row.text("state")?,
        finished_at: row.text_or_null("finished_at")?,
        orders: row.int("orders")?,
        bodies: row.int("bodies")?,
        documents: row.int("documents")?,
        connection: row.text("connection")?,
        shop: row.text("shop")?,
        webhook_id: row.text("webhook_id")?,
        cursor: row.int("cursor")?,
    })
}

fn select(sql: &dyn Sql, condition: &str, params: &[Value]) -> Result<Vec<Request>, SqlError> {
    let statement =
        format!("SELECT {COLUMNS} FROM privacy_requests r JOIN events e ON e.seq = r.event_seq WHERE {condition}");
    sql.exec(&statement, params)?.iter().map(read).collect()
}

/// Takes a request in.
pub fn record(sql: &dyn Sql, seq: i64, state: &str) -> Result<(), SqlError> {
    sql.exec("INSERT INTO privacy_requests (event_seq, state) VALUES (?, ?)", &[seq.into(), state.into()])?;
    publish(sql, seq)
}

fn publish(sql: &dyn Sql, seq: i64) -> Result<(), SqlError> {
    let found = select(sql, "r.event_seq = ?", &[seq.into()])?;
    let records = found.into_iter().map(|one| {
        Record::Privacy(PrivacyRecord {
            connection: one.connection,
            request_id: one.id.to_string(),
            webhook_id: one.webhook_id,
            topic: one.topic,
            received_at: one.received_at,
            state: one.state,
            orders: one.orders,
            bodies: one.bodies,
            documents: one.documents,
            finished_at: one.finished_at,
        })
    });
    records.into_iter().try_for_each(|record| journal::append(sql, &record))
}

fn erasing(sql: &dyn Sql) -> Result<Option<Request>, SqlError> {
    Ok(select(sql, "r.state = 'erasing' ORDER BY r.event_seq LIMIT 1", &[])?.pop())
}

/// True if something is to be erased.
pub fn is_due(sql: &dyn Sql) -> Result<bool, SqlError> {
    Ok(erasing(sql)?.is_some())
}

/// Erases for the oldest request. Returns when to go on, if something is left.
pub fn step(sql: &dyn Sql, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, SqlError> {
    let Some(mut request) = erasing(sql)? else { return Ok(None) };
    let body = inbox::body(sql, request.id)?;
    let subject = match delivery::read(&request.topic, &request.shop, &body) {
        Ok(News::EraseCustomer(subject)) => Some(subject),
        Ok(News::EraseShop) => None,
        // It was read when it came. What no longer reads so waits, rather than erase what nobody asked for.
        _ => return Ok(None),
    };
    let (mut under_way, before) = (false, request.orders);
    let orders = orders_of(sql, &request, subject.as_ref())?;
    for at in &orders {
        match transaction(sql, |sql| reduce(sql, now, at, Personal::Erased))? {
            Reduced::UnderWay => under_way = true,
            Reduced::Done { bodies, documents } => {
                request.orders += 1;
                request.bodies += bodies;
                request.documents += documents;
            }
        }
    }
    let more_orders = orders.len() as i64 == ORDERS;
    let progress = transaction(sql, |sql| {
        let more_loose = !more_orders && erase_loose(sql, &mut request, subject.as_ref(), now)?;
        let done = !more_orders && !more_loose && !under_way;
        if done {
            finish(sql, &mut request, now)?;
        }
        save(sql, &request)?;
        Ok::<bool, SqlError>(done || more_loose)
    })?;
    let progress = progress || request.orders > before;
    Ok(is_due(sql)?.then_some(if progress { now } else { now + UNDER_WAY }))
}

fn save(sql: &dyn Sql, request: &Request) -> Result<(), SqlError> {
    sql.exec(
        "UPDATE privacy_requests SET state = ?2, finished_at = ?3, orders = ?4, bodies = ?5, documents = ?6, cursor = ?7
         WHERE event_seq = ?1",
        &[
            request.id.into(),
            request.state.as_str().into(),
            request.finished_at.as_deref().into(),
            request.orders.into(),
            request.bodies.into(),
            request.documents.into(),
            request.cursor.into(),
        ],
    )?;
    publish(sql, request.id)
}

/// The orders that the request is about and that still hold anything personal.
fn orders_of(sql: &dyn Sql, request: &Request, subject: Option<&Subject>) -> Result<Vec<OrderRef>, SqlError> {
    let (condition, names): (&str, Json) = match subject {
        Some(subject) => (
            "(order_id IN (SELECT value FROM json_each(?2)) OR customer_id = ?3)",
            subject.orders().collect::<Vec<_>>().into(),
        ),
        None => ("?2 = '[]' AND ?3 IS NULL", json!([])),
    };
    let statement = format!(
        "SELECT order_id FROM orders WHERE connection = ?1 AND personal <> 'erased' AND order_id NOT LIKE 'event:%'
             AND {condition} ORDER BY order_id LIMIT {ORDERS}"
    );
    let customer = subject.and_then(Subject::customer_id);
    let params = [request.connection.as_str().into(), names.to_string().into(), customer.into()];
    let rows = sql.exec(&statement, &params)?;
    let at = |row: &Row| Ok(OrderRef { connection: request.connection.clone(), order_id: row.text("order_id")? });
    rows.iter().map(at).collect()
}

/// Bodies that belong to no order, unreadable ones above all, are erased where they speak of the person; with the shop, all
/// of them. True if more are left.
fn erase_loose(
    sql: &dyn Sql,
    request: &mut Request,
    subject: Option<&Subject>,
    now: DateTime<Utc>,
) -> Result<bool, SqlError> {
    let rows = sql.exec(
        &format!("SELECT e.seq, e.order_id FROM events e WHERE e.connection = ? AND {LOOSE} AND e.seq > ? AND e.seq <> ? ORDER BY e.seq LIMIT ?"),
        &[request.connection.as_str().into(), request.cursor.into(), request.id.into(), LOOSE_BODIES.into()],
    )?;
    for row in &rows {
        let seq = row.int("seq")?;
        request.cursor = seq;
        let concerned = match subject {
            Some(subject) => subject.is_named_in(&inbox::body(sql, seq)?),
            None => true,
        };
        if concerned {
            inbox::set_body(sql, seq, None)?;
            request.bodies += 1;
            // An unanswered question about somebody who is erased has its answer: nothing.
            close(sql, &request.connection, seq, "erased", ERASED, now)?;
        }
    }
    Ok(rows.len() as i64 == LOOSE_BODIES)
}

fn finish(sql: &dyn Sql, request: &mut Request, now: DateTime<Utc>) -> Result<(), SqlError> {
    inbox::set_body(sql, request.id, None)?;
    request.state = "erased".into();
    request.finished_at = Some(iso(now));
    sql.exec(
        "UPDATE events SET outcome = 'unchanged', reason = ?, finished_at = ? WHERE seq = ?",
        &[ERASED.into(), iso(now).into(), request.id.into()],
    )?;
    published::publish_event(sql, request.id)
}

/// Closes a question that waits for a person. False if there is none of that number.
fn close(
    sql: &dyn Sql,
    connection: &str,
    seq: i64,
    state: &str,
    rule: &'static str,
    now: DateTime<Utc>,
) -> Result<bool, SqlError> {
    let found = sql.exec(
        "UPDATE privacy_requests SET state = ?, finished_at = ? WHERE event_seq = ? AND state = 'waiting' RETURNING event_seq",
        &[state.into(), iso(now).into(), seq.into()],
    )?;
    if found.is_empty() {
        return Ok(false);
    }
    inbox::set_body(sql, seq, None)?;
    publish(sql, seq)?;
    orders::close_loose(sql, connection, seq, rule, now).map(|()| true)
}

/// True if a delivery asks to erase.
fn erases(shop: &str, delivery: &Delivery, body: &[u8]) -> bool {
    let may = matches!(delivery.topic.as_str(), "customers/redact" | "shop/redact");
    may && matches!(delivery::read(&delivery.topic, shop, body), Ok(News::EraseCustomer(_) | News::EraseShop))
}

/// The connections of which anything of that shop is kept.
fn connections_of(sql: &dyn Sql, shop: &str) -> Result<Vec<String>, SqlError> {
    let mut all = inbox::connections_heard_of(sql)?;
    let statement = "SELECT 1 FROM events WHERE connection = ? AND shop = ? LIMIT 1";
    let mut found = Vec::new();
    for id in all.drain(..) {
        if !sql.exec(statement, &[id.as_str().into(), shop.into()])?.is_empty() {
            found.push(id);
        }
    }
    Ok(found)
}

impl Books<'_> {
    /// A shop asks to erase: what these books keep of its connections that the settings no longer give them is erased as
    /// well. The delivery was verified, and says the shop's name itself.
    pub(super) fn erase_what_was_left(&self, shop: &str, delivery: &Delivery, body: &[u8]) -> Result<(), SqlError> {
        if !erases(shop, delivery, body) {
            return Ok(());
        }
        self.erase_left(shop, delivery, body, None)
    }

    /// The same for one of them, or for all.
    fn erase_left(&self, shop: &str, delivery: &Delivery, body: &[u8], only: Option<&str>) -> Result<(), SqlError> {
        let (sql, now) = (self.platform.sql, self.platform.clock.now());
        let wanted = |id: &String| self.connection(id).is_none() && only.is_none_or(|only| only == id);
        for id in connections_of(sql, shop)?.into_iter().filter(wanted) {
            let (shop, books) = (shop.to_owned(), self.id.to_owned());
            let left = Connection { id, shop, books, version: String::new(), settings: Err(Vec::new()) };
            inbox::receive(sql, now, &inbox::Incoming { connection: &left, delivery, body })?;
        }
        Ok(())
    }

    /// The same, for books that no connection of the shop has any more. Where the delivery was verified by the secret of a
    /// connection that is gone, it speaks for that one only.
    pub async fn erase(&self, delivery: &Delivery, body: &[u8], only: Option<&str>) -> Result<(), SqlError> {
        if erases(&delivery.shop, delivery, body) {
            self.erase_left(&delivery.shop, delivery, body, only)?;
        }
        let due = is_due(self.platform.sql)?;
        self.arm(due.then(|| self.platform.clock.now())).await
    }

    /// The requests of a connection, newest first.
    pub fn privacy_requests(&self, connection: &str) -> Result<Vec<Request>, SqlError> {
        let condition = "e.connection = ? ORDER BY r.event_seq DESC LIMIT 500";
        select(self.platform.sql, condition, &[connection.into()])
    }

    /// A person says that the customer has the answer: what the question said of them is erased.
    pub async fn privacy_answered(&self, connection: &str, id: i64) -> Result<bool, SqlError> {
        let now = self.platform.clock.now();
        let sql = self.platform.sql;
        let condition = "r.event_seq = ? AND e.connection = ?";
        if select(sql, condition, &[id.into(), connection.into()])?.is_empty() {
            return Ok(false);
        }
        let found = transaction(sql, |sql| close(sql, connection, id, "answered", ANSWERED, now))?;
        self.arm(Some(now)).await?;
        Ok(found)
    }
}
