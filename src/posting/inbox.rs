//! Takes a verified delivery in: one transaction that recognises repetitions, stores the body, merges what it says into
//! the order's state and queues the journal's record. Whatever the body holds, something is recorded.

use std::borrow::Cow;

use chrono::{DateTime, Duration, Utc};

use super::changes;
use super::orders::{self, Heard, Label, OrderRef};
use super::personal;
use super::privacy;
use super::published;
use super::ranks::{EARLIER, dispute_rank, is_from_before, refund_rank, snapshot_rank, sortable, transaction_rank};
use super::schema::set_meta;
use super::silence;
use super::stopped;
use crate::books::hold::HoldReason;
use crate::config::Connection;
use crate::platform::time::iso;
use crate::platform::{Sql, SqlError, Value, transaction};
use crate::shopify::compliance::facts;
use crate::shopify::delivery::{self, Delivery, FETCHED, News, Unreadable};
use crate::shopify::money::Side;
use crate::shopify::{Order, Topic};

/// SQLite rows are limited to 2 MB on the edge; a chunk stays well below.
const CHUNK: usize = 1_500_000;

/// News is worked on after this pause, so that the burst of topics that one purchase sends is handled at once.
const SETTLING: Duration = Duration::milliseconds(1000);

/// A delivery whose signature was verified.
pub struct Incoming<'a> {
    /// For which connection.
    pub connection: &'a Connection,
    /// What its headers claim.
    pub delivery: &'a Delivery,
    /// The raw bytes.
    pub body: &'a [u8],
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It is news, and durable once the object's writes are.
    New,
    /// It was here before.
    Duplicate,
}

/// Notes that this connection's transactions are delivered, so that payments need not be inferred at once.
pub fn transactions_seen_key(connection: &str) -> String {
    format!("transactions_seen:{connection}")
}

/// Takes `incoming` in.
pub fn receive(sql: &dyn Sql, now: DateTime<Utc>, incoming: &Incoming<'_>) -> Result<Received, SqlError> {
    let sha256 = delivery::body_hash(incoming.body);
    let (news, drifts) = delivery::read_watching(incoming.delivery, &incoming.connection.shop, incoming.body);
    transaction(sql, |sql| {
        if let Some(seq) = known(sql, incoming, &sha256)? {
            sql.exec("UPDATE events SET deliveries = deliveries + 1 WHERE seq = ?", &[seq.into()])?;
            published::publish_event(sql, seq)?;
            return Ok(Received::Duplicate);
        }
        let seq = store(sql, now, incoming, &sha256, news.as_ref().ok().and_then(News::order_id))?;
        set_body(sql, seq, kept(sql, incoming, &news)?.as_deref())?;
        if incoming.delivery.topic != FETCHED {
            silence::heard(sql, now, &incoming.connection.id)?;
            changes::note(sql, now, &incoming.connection.id, &drifts)?;
        }
        match &news {
            Ok(news) => merge(sql, now, incoming, seq, &sha256, news)?,
            Err(problem) => hold_event(sql, now, incoming, seq, reason_of(problem), &problem.to_string())?,
        }
        published::publish_event(sql, seq)?;
        Ok(Received::New)
    })
}

/// Takes in an order that was fetched. What Shopify shows there is the webhooks' body but for its transactions, which it
/// has besides.
pub fn receive_fetched(
    sql: &dyn Sql,
    now: DateTime<Utc>,
    connection: &Connection,
    order_id: &str,
    body: &[u8],
) -> Result<Received, SqlError> {
    let sha256 = delivery::body_hash(body);
    let delivery = Delivery {
        topic: FETCHED.to_owned(),
        shop: connection.shop.clone(),
        webhook_id: format!("fetched:{order_id}:{}", sha256.get(..16).unwrap_or_default()),
        event_id: String::new(),
        api_version: delivery::API_VERSION.to_owned(),
        triggered_at: String::new(),
    };
    receive(sql, now, &Incoming { connection, delivery: &delivery, body })
}

fn reason_of(problem: &Unreadable) -> HoldReason {
    match problem {
        Unreadable::Body(_) => HoldReason::Unreadable,
        Unreadable::TopicMismatch { .. } => HoldReason::TopicMismatch,
    }
}

fn known(sql: &dyn Sql, incoming: &Incoming<'_>, sha256: &str) -> Result<Option<i64>, SqlError> {
    let rows = sql.exec(
        "SELECT seq FROM events WHERE connection = ? AND webhook_id = ? AND sha256 = ?",
        &[incoming.connection.id.as_str().into(), incoming.delivery.webhook_id.as_str().into(), sha256.into()],
    )?;
    rows.first().map(|row| row.int("seq")).transpose()
}

fn store(
    sql: &dyn Sql,
    now: DateTime<Utc>,
    incoming: &Incoming<'_>,
    sha256: &str,
    order_id: Option<&str>,
) -> Result<i64, SqlError> {
    let delivery = incoming.delivery;
    let text = |text: &str| Value::from(text);
    let rows = sql.exec(
        "INSERT INTO events (connection, webhook_id, sha256, event_id, shop, topic, api_version, triggered_at,
             order_id, received_at, bytes, deliveries, outcome)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 'pending') RETURNING seq",
        &[
            text(&incoming.connection.id),
            text(&delivery.webhook_id),
            text(sha256),
            text(&delivery.event_id),
            text(&incoming.connection.shop),
            text(&delivery.topic),
            text(&delivery.api_version),
            text(&delivery.triggered_at),
            order_id.into(),
            iso(now).into(),
            i64::try_from(incoming.body.len()).unwrap_or(i64::MAX).into(),
        ],
    )?;
    rows.first().ok_or_else(|| SqlError("an event got no number".into()))?.int("seq")
}

/// What of a body is kept: nothing of what means nothing here, the money facts of an order whose personal data was erased.
fn kept<'a>(
    sql: &dyn Sql,
    incoming: &Incoming<'a>,
    news: &Result<News, Unreadable>,
) -> Result<Option<Cow<'a, [u8]>>, SqlError> {
    let order_id = match news {
        Ok(News::Sample | News::Other | News::AppUninstalled) => return Ok(None),
        Ok(news) => news.order_id(),
        Err(_) => None,
    };
    if let Some(order_id) = order_id {
        let at = OrderRef { connection: incoming.connection.id.clone(), order_id: order_id.to_owned() };
        if personal::is_erased(sql, &at)? {
            return Ok(facts(Topic::parse(&incoming.delivery.topic), incoming.body).map(Cow::Owned));
        }
    }
    Ok(Some(Cow::Borrowed(incoming.body)))
}

/// Replaces the body of an event, or takes it away.
pub fn set_body(sql: &dyn Sql, seq: i64, body: Option<&[u8]>) -> Result<(), SqlError> {
    sql.exec("DELETE FROM event_chunks WHERE event_seq = ?", &[seq.into()])?;
    for (n, chunk) in (0i64..).zip(body.unwrap_or_default().chunks(CHUNK)) {
        let params = [seq.into(), n.into(), chunk.to_vec().into()];
        sql.exec("INSERT INTO event_chunks (event_seq, n, bytes) VALUES (?, ?, ?)", &params)?;
    }
    Ok(())
}

/// The raw bytes of an event.
pub fn body(sql: &dyn Sql, seq: i64) -> Result<Vec<u8>, SqlError> {
    let rows = sql.exec("SELECT bytes FROM event_chunks WHERE event_seq = ? ORDER BY n", &[seq.into()])?;
    let mut bytes = Vec::new();
    for row in &rows {
        bytes.extend(row.blob("bytes")?);
    }
    Ok(bytes)
}

fn merge(
    sql: &dyn Sql,
    now: DateTime<Utc>,
    incoming: &Incoming<'_>,
    seq: i64,
    sha256: &str,
    news: &News,
) -> Result<(), SqlError> {
    let order = |id: &str| OrderRef { connection: incoming.connection.id.clone(), order_id: id.to_owned() };
    // Shopify dates orders by the second. Of two snapshots of the same second the fetched one knows more, else the one that
    // was triggered later; whatever is left the hash decides, whichever came first.
    let moment = match incoming.delivery.topic.as_str() {
        FETCHED => "~".to_owned(),
        _ => sortable(DateTime::parse_from_rfc3339(&incoming.delivery.triggered_at).ok()),
    };
    let keep = |id: &str, part: &str, rank: String| {
        keep_newest(sql, &order(id), part, seq, &format!("{rank}|{moment}|{sha256}"))
    };
    let part = |id: &str, part: &str, rank: String| {
        keep(id, part, rank)?;
        let label = if let News::Order(order) = news { Some(label(order)) } else { None };
        let heard = if incoming.delivery.topic == FETCHED { Heard::Afterwards } else { Heard::Live };
        orders::wake(sql, &order(id), label, heard, now, now + SETTLING)?;
        stopped::heard(sql, now, incoming)
    };
    match news {
        News::Order(body) => {
            part(body.id.as_str(), "snapshot", snapshot_rank(body))?;
            if is_from_before(incoming.connection, body) {
                keep(body.id.as_str(), EARLIER, snapshot_rank(body))?;
            }
            // A later snapshot may come without them.
            for one in &body.transactions {
                keep(body.id.as_str(), &format!("transaction:{}", one.id.0), transaction_rank(one))?;
            }
            let customer = body.customer.as_ref().and_then(|one| one.id.as_ref());
            personal::belongs_to(sql, &order(body.id.as_str()), customer.map(|id| id.as_str()))
        }
        News::Refund(id, body) => part(id.as_str(), &format!("refund:{}", body.id.0), refund_rank(body)),
        News::Transaction(id, body) => {
            set_meta(sql, &transactions_seen_key(&incoming.connection.id), "yes")?;
            part(id.as_str(), &format!("transaction:{}", body.id.0), transaction_rank(body))
        }
        News::Dispute(body) => match &body.order_id {
            Some(id) => part(id.as_str(), &format!("dispute:{}", body.id.0), dispute_rank(body)),
            None if body.is_open() => {
                let text = format!("{}; Shopify names no order", body.in_words());
                hold_event(sql, now, incoming, seq, HoldReason::Disputed, &text)
            }
            None => ignore_event(sql, now, seq, "dispute_decided"),
        },
        // Of several edits the last one that came counts: it is compared with when the newest snapshot came.
        News::Edited(id) => part(id.as_str(), "edited", format!("{seq:016}")),
        News::Deleted(id) => part(id.as_str(), "deleted", String::new()),
        News::Sample => ignore_event(sql, now, seq, "sample_notification"),
        News::Other => ignore_event(sql, now, seq, "topic_not_used"),
        News::AppUninstalled => {
            stopped::stop(sql, now, incoming, seq)?;
            hold_event(sql, now, incoming, seq, HoldReason::AppUninstalled, "the connection is stopped")
        }
        News::DataRequest(_) => {
            let text = format!("a customer asks what is stored about them (request {seq})");
            hold_event(sql, now, incoming, seq, HoldReason::PrivacyRequest, &text)?;
            privacy::record(sql, seq, "waiting")
        }
        News::EraseCustomer(_) | News::EraseShop => privacy::record(sql, seq, "erasing"),
    }
}

/// The later word on a part of an order's state stays (see `ranks`).
fn keep_newest(sql: &dyn Sql, order: &OrderRef, part: &str, seq: i64, rank: &str) -> Result<(), SqlError> {
    let [connection, order_id] = order.params();
    sql.exec(
        "INSERT INTO order_parts (connection, order_id, part, event_seq, rank) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (connection, order_id, part) DO UPDATE SET event_seq = excluded.event_seq, rank = excluded.rank
         WHERE excluded.rank > order_parts.rank",
        &[connection, order_id, part.into(), seq.into(), rank.into()],
    )
    .map(drop)
}

fn ignore_event(sql: &dyn Sql, now: DateTime<Utc>, seq: i64, rule: &str) -> Result<(), SqlError> {
    let statement = "UPDATE events SET outcome = 'ignored', reason = ?, finished_at = ? WHERE seq = ?";
    sql.exec(statement, &[rule.into(), iso(now).into(), seq.into()]).map(drop)
}

/// A name as it is shown: no row of the log is too large because of one.
fn shown(name: &str) -> &str {
    const MOST: usize = 255;
    name.char_indices().nth(MOST).map_or(name, |(end, _)| &name[..end])
}

fn label(order: &Order) -> Label<'_> {
    let currency = order.currency_of(Side::Shop);
    let total = order.total(Side::Shop).map(|total| (currency.plain(total), currency));
    Label { name: shown(&order.name), total }
}

/// Events that belong to no order (see [`hold_event`]), as a condition on `events e`.
pub const LOOSE: &str = "e.order_id >= 'event:' AND e.order_id < 'event;'";

/// The connections that ever took a delivery in. The index is read in leaps, not row by row.
pub fn connections_heard_of(sql: &dyn Sql) -> Result<Vec<String>, SqlError> {
    let statement = "WITH RECURSIVE leap (id) AS (
             SELECT min(connection) FROM events
             UNION ALL SELECT (SELECT min(connection) FROM events WHERE connection > leap.id) FROM leap WHERE id IS NOT NULL
         ) SELECT id FROM leap WHERE id IS NOT NULL";
    sql.exec(statement, &[])?.iter().map(|row| row.text("id")).collect()
}

/// A delivery that belongs to no order but needs a person: an order row of its own, `event:<webhook id>`.
fn hold_event(
    sql: &dyn Sql,
    now: DateTime<Utc>,
    incoming: &Incoming<'_>,
    seq: i64,
    reason: HoldReason,
    detail: &str,
) -> Result<(), SqlError> {
    let order_id = format!("event:{}", incoming.delivery.webhook_id);
    sql.exec(
        "UPDATE events SET outcome = 'held', reason = ?, finished_at = ?, order_id = ? WHERE seq = ?",
        &[reason.code().into(), iso(now).into(), order_id.as_str().into(), seq.into()],
    )?;
    let at = OrderRef { connection: incoming.connection.id.clone(), order_id };
    let [connection, order_id] = at.params();
    sql.exec(
        "INSERT INTO orders (connection, order_id, name, state, reason, detail, remedy, updated_at, first_seen_at,
             held_since)
         VALUES (?1, ?2, NULL, 'held', ?3, ?4, ?5, ?6, ?6, ?6)
         ON CONFLICT (connection, order_id)
         DO UPDATE SET state = 'held', reason = ?3, detail = ?4, remedy = ?5, updated_at = ?6,
             held_since = coalesce(held_since, ?6)",
        &[connection, order_id, reason.code().into(), detail.into(), reason.remedy().into(), iso(now).into()],
    )?;
    published::publish(sql, &at)
}
