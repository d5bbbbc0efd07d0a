//! Notices when Shopify's bodies are no longer what this version was written against: another API version, a field that
//! is missing or new, a word that is not known, wherever that may concern money. Whatever it finds is only told, once per
//! kind and connection (`posting::inbox`); what cannot be booked safely is a hold, see [`unsafe_value`]. Never quotes a
//! value that could be personal.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde_json::Value;

use super::delivery::{API_VERSION, Topic};
use super::money::Side;
use super::order::Order;
use super::state::OrderState;
use super::transaction::Transaction;

mod shapes;
#[cfg(test)]
mod tests;

use shapes::Shape;

/// The most that is noticed of one body: what changed everywhere is known after a few examples.
const MOST: usize = 20;

/// The longest name or word of Shopify's that is repeated in a note.
const LONGEST: usize = 60;

/// What sort of difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DriftKind {
    /// The delivery is of another API version than this program reads.
    ApiVersion,
    /// A field that the books need is not there.
    MissingField,
    /// A field that this program does not know, where money stands.
    UnknownField,
    /// A word that this program does not know, where every word is known.
    UnknownValue,
}

impl DriftKind {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            DriftKind::ApiVersion => "api_version",
            DriftKind::MissingField => "missing_field",
            DriftKind::UnknownField => "unknown_field",
            DriftKind::UnknownValue => "unknown_value",
        }
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// What sort.
    pub kind: DriftKind,
    /// What makes it the same difference in another body: `line_item.surcharge`, `transaction.kind=hold`.
    pub place: String,
    /// Where it stands in this body: `line_items[3].surcharge`.
    pub path: String,
    /// The difference as a sentence.
    pub detail: String,
}

impl Drift {
    /// Under this text a difference is remembered.
    pub fn key(&self) -> String {
        format!("{}:{}", self.kind.as_str(), self.place)
    }
}

/// How the body of a delivery differs from what is known, each difference once.
pub fn drift(topic: Topic, api_version: &str, body: &Value) -> Vec<Drift> {
    let shape = match topic {
        Topic::Order => &shapes::ORDER,
        Topic::Refund => &shapes::REFUND,
        Topic::Transaction => &shapes::TRANSACTION,
        _ => return Vec::new(),
    };
    let mut found = Found::default();
    if api_version != API_VERSION {
        found.version(api_version);
    }
    found.object(shape, "", body);
    found.drifts
}

#[derive(Default)]
struct Found {
    drifts: Vec<Drift>,
    places: BTreeSet<String>,
}

impl Found {
    fn add(&mut self, kind: DriftKind, place: String, path: String, detail: String) {
        let drift = Drift { kind, place, path, detail };
        if self.drifts.len() < MOST && self.places.insert(drift.key()) {
            self.drifts.push(drift);
        }
    }

    fn version(&mut self, version: &str) {
        let detail = match plain(version) {
            Some(word) if is_version(word) => {
                let age = if word < API_VERSION { "older" } else { "newer" };
                format!("the delivery is of Shopify's API version {word}, {age} than {API_VERSION}, which is expected")
            }
            _ => format!("the delivery does not say that it is of Shopify's API version {API_VERSION}"),
        };
        let place = plain(version).unwrap_or("none").to_owned();
        self.add(DriftKind::ApiVersion, place, "X-Shopify-API-Version".to_owned(), detail);
    }

    /// Looks at one object, or at each object of a list.
    fn object(&mut self, shape: &Shape, path: &str, value: &Value) {
        let fields = match value {
            Value::Object(fields) => fields,
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.object(shape, &format!("{path}[{index}]"), item);
                }
                return;
            }
            // Null is nothing; what is no object where one is expected cannot be read, and that is said elsewhere.
            _ => return,
        };
        for name in shape.needed.iter().filter(|name| !fields.contains_key(**name)) {
            let detail = format!("the field `{name}` is missing, and the books need it");
            self.add(DriftKind::MissingField, format!("{}.{name}", shape.name), join(path, name), detail);
        }
        for (name, value) in fields {
            self.field(shape, path, name, value);
        }
    }

    fn field(&mut self, shape: &Shape, path: &str, name: &str, value: &Value) {
        let at = |name: &str| join(path, name);
        if let Some((_, part)) = shape.parts.iter().find(|(known, _)| *known == name) {
            self.object(part, &at(name), value);
        } else if let Some((_, words)) = shape.words.iter().find(|(known, _)| *known == name) {
            self.word(shape, &at(name), name, words, value);
        } else if !shape.needed.contains(&name) && !shape.known.contains(&name) {
            if shape.only_money && !looks_like_money(name, value) {
                return;
            }
            let shown = plain(name).unwrap_or("(an odd name)");
            let detail = format!("the field `{shown}` is new, and it stands where money does");
            self.add(DriftKind::UnknownField, format!("{}.{shown}", shape.name), at(shown), detail);
        } else if name.ends_with("_set") {
            self.object(&shapes::MONEY_SET, &at(name), value);
        }
    }

    fn word(&mut self, shape: &Shape, path: &str, name: &str, words: &[&str], value: &Value) {
        let shown = match value {
            Value::Null => return,
            Value::String(word) if words.contains(&word.as_str()) => return,
            Value::String(word) => plain(word).unwrap_or("(an odd word)"),
            _ => "(no word)",
        };
        let detail = format!("the value `{shown}` of `{name}` is not known");
        self.add(DriftKind::UnknownValue, format!("{}.{name}={shown}", shape.name), path.to_owned(), detail);
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A name or word as Shopify makes them; anything else could be somebody's.
fn plain(text: &str) -> Option<&str> {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    ((1..=LONGEST).contains(&text.len()) && text.bytes().all(usual)).then_some(text)
}

fn is_version(text: &str) -> bool {
    text.len() == 7 && text.bytes().enumerate().all(|(at, byte)| (at == 4) == (byte == b'-') && byte != b'_')
}

/// Whether a new field of an order may concern the books.
fn looks_like_money(name: &str, value: &Value) -> bool {
    const MARKS: &[&str] = &[
        "amount",
        "balance",
        "charge",
        "credit",
        "currency",
        "deposit",
        "discount",
        "dut",
        "fee",
        "money",
        "outstanding",
        "paid",
        "payment",
        "price",
        "refund",
        "rounding",
        "tax",
        "tip",
        "total",
    ];
    let pair = value.get("shop_money").is_some() || value.get("currency_code").is_some();
    pair || name.ends_with("_set") || MARKS.iter().any(|mark| name.contains(mark))
}

/// The first value in an order's state that cannot be booked safely, because it is not known what it means for the money;
/// `None` for everything that is understood. [`crate::normalize::desired`] makes it the hold `shopify_changed`.
pub fn unsafe_value(state: &OrderState) -> Option<String> {
    let inside = state.refunds.values().flat_map(|refund| state.transactions_of(refund));
    if let Some(found) = state.transactions.values().chain(inside).find_map(unsafe_transaction) {
        return Some(found);
    }
    if let Some(found) = state.snapshot.as_ref().and_then(|order| unsafe_status(order, state)) {
        return Some(found);
    }
    let lines = state.snapshot.iter().flat_map(|order| &order.line_items);
    for line in lines {
        let left = line.current_quantity.unwrap_or_default().0;
        if line.quantity.0 < Decimal::ZERO || left < Decimal::ZERO {
            return Some(format!("line {} has a quantity below zero", line.id.0));
        }
    }
    for refund in state.refunds.values() {
        if let Some(line) = refund.refund_line_items.iter().find(|line| line.quantity.0 < Decimal::ZERO) {
            return Some(format!(
                "refund {} takes back a quantity below zero of line {}",
                refund.id.0, line.line_item_id.0
            ));
        }
    }
    None
}

/// What was paid is taken from the order where its transactions do not show it: a status that is not known says nothing.
fn unsafe_status(order: &Order, state: &OrderState) -> Option<String> {
    let status = order.financial_status.as_deref().filter(|status| !shapes::FINANCIAL_STATUSES.contains(status))?;
    let (total, shop_total) = (order.total(Side::Presentment)?, order.total(Side::Shop)?);
    let buyers = |one: &Transaction| match one.currency {
        Some(currency) if currency == order.currency && !order.one_currency() && !shop_total.is_zero() => {
            order.presentment_currency().round(one.amount.0 * total / shop_total)
        }
        _ => one.amount.0,
    };
    let sum = |wanted: fn(&Transaction) -> bool| -> Decimal {
        state.transactions.values().filter(|one| wanted(one)).map(buyers).sum()
    };
    let (received, refunded) = (sum(Transaction::is_receipt), sum(Transaction::is_refund));
    // Cash is rounded at the till.
    let rounding = order.cash_rounding(Side::Presentment).min(Decimal::ZERO);
    let current = order.current_total(Side::Presentment).unwrap_or(total);
    if received >= total + rounding || received - refunded >= current + rounding {
        return None;
    }
    let shown = plain(status).unwrap_or("(an odd word)");
    let show = |amount| order.presentment_currency().show(amount);
    Some(format!(
        "the order is `{shown}`, which is not known; its transactions brought {} of {}",
        show(received - refunded),
        show(current)
    ))
}

/// A transaction whose status is not known may be money or not; a successful one of unknown kind is money, but which way?
fn unsafe_transaction(one: &Transaction) -> Option<String> {
    let (id, amount) = (&one.id.0, one.amount.0);
    if amount.is_zero() {
        return None;
    }
    if !shapes::TRANSACTION_STATUSES.contains(&one.status.as_str()) {
        let shown = plain(&one.status).unwrap_or("(none)");
        return Some(format!("transaction {id} over {amount} has the status `{shown}`, which may mean money or not"));
    }
    if one.status == "success" && !shapes::TRANSACTION_KINDS.contains(&one.kind.as_str()) {
        let shown = plain(&one.kind).unwrap_or("(none)");
        return Some(format!("transaction {id} over {amount} is a `{shown}`: it is not known which way money went"));
    }
    (amount < Decimal::ZERO).then(|| format!("transaction {id} has an amount below zero ({amount})"))
}
