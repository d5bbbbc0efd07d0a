//! Which word on a part of an order's state is the later one. Ranks are compared as text; a body's hash at their end makes the
//! choice the same whatever the order of arrival.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::config::Connection;
use crate::shopify::delivery;
use crate::shopify::{Dispute, Order, Refund, Transaction};

/// Fixed-width instants sort as text.
pub fn sortable(instant: Option<DateTime<chrono::FixedOffset>>) -> String {
    let utc = instant.map(|instant| instant.with_timezone(&Utc)).unwrap_or_default();
    utc.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// The part of an order's state that is its newest snapshot from before the start date.
pub const EARLIER: &str = "earlier";

/// True if a snapshot is from before the start date, by its own clock: a newer one must not hide what it says was paid.
pub fn is_from_before(connection: &Connection, order: &Order) -> bool {
    let start = connection.settings.as_ref().ok().map(|settings| settings.start_date);
    start.is_some_and(|start| delivery::snapshot_instant(order).date_naive() < start)
}

pub fn snapshot_rank(order: &Order) -> String {
    // A cancelled or refunded order was changed later than one that is not, should both carry the same second.
    let later = u8::from(order.cancelled_at.is_some());
    format!("{}|{later}{:04}", sortable(Some(delivery::snapshot_instant(order))), order.refunds.len())
}

pub fn refund_rank(refund: &Refund) -> String {
    let settled = refund.transactions.iter().filter(|one| !one.is_pending()).count();
    format!("{}|{settled:04}", sortable(refund.processed_at.or(refund.created_at)))
}

/// What decides a dispute comes after everything else that is said of it; besides, the later delivery counts.
pub fn dispute_rank(dispute: &Dispute) -> String {
    u8::from(!dispute.is_open()).to_string()
}

/// The last status, and of two copies in that the one that says what moved in the shop's currency: only fetched ones do.
pub fn transaction_rank(transaction: &Transaction) -> String {
    let last_word = u8::from(!transaction.is_pending()) + u8::from(transaction.status == "success");
    let rank = 2 * last_word + u8::from(transaction.amount_set.is_some());
    format!("{rank}|{}", sortable(transaction.at()))
}
