//! Other people's samples of Shopify's bodies and answers, which are not part of this project. Every record of every file is
//! read as a delivery of its topic, and what was read is compared with what the JSON says, field by field; what is not read
//! has its reason below. A file of which neither is true fails. What the bodies drift from is shown.
//! `make samples SHOPIFY_SAMPLES=<folder>`
//!
//! Some samples only show a shape. They are read twice: as they stand they have to be refused, and then with
//! - `{shop}` in any text, and the empty `myshopify_domain` of the shop that is left, as the shop that is asked;
//! - `example string` as `USD` where a currency stands, and where an amount stands as amounts of which no two are the same.
//!
//! A part of a line of goods is read inside of the smallest order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Display};

use chrono::{DateTime, FixedOffset};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tillproof::shopify::admin::NEEDED;
use tillproof::shopify::compliance::Subject;
use tillproof::shopify::delivery::{API_VERSION, News, SAMPLE_ORDER_ID, read};
use tillproof::shopify::drift::{DriftKind, drift};
use tillproof::shopify::money::{Id, Side};
use tillproof::shopify::order::{Duty, LineItem, ShippingLine, TaxLine};
use tillproof::shopify::refund::{OrderAdjustment, RefundLineItem};
use tillproof::shopify::{Dispute, Order, OrderState, Refund, Topic, Transaction, Unreadable};

const SHOP: &str = "example.myshopify.com";

/// Stands for every text in samples that only show a shape.
const PLACEHOLDER: &str = "example string";

/// Where a currency stands.
const CURRENCIES: [&str; 3] = ["currency", "currency_code", "presentment_currency"];

/// Where an amount stands that is read.
const AMOUNTS: [&str; 10] = [
    "amount",
    "amount_rounding",
    "current_total_price",
    "price",
    "subtotal",
    "tax_amount",
    "total_outstanding",
    "total_price",
    "total_tax",
    "total_tip_received",
];

/// The topics that are read beside those that are subscribed to.
const FURTHER: [&str; 5] =
    ["disputes/create", "disputes/update", "customers/data_request", "customers/redact", "shop/redact"];

const RETURN: &str = "a return moves no money: the refund that follows it does, and that is read";
const TENDER: &str = "the money of an order's transactions once more, without their kind and status";

/// Topics that say nothing to the books: their deliveries are read as no news.
const NO_NEWS: [(&str, &str); 9] = [
    ("app/scopes_update", "the scopes are asked for when they are needed"),
    ("bulk_operations/finish", "no bulk operation is ever started"),
    ("orders/risk_assessment_changed", "a risk moves no money"),
    ("payment_terms/create", "the terms are read in their order"),
    ("returns/approve", RETURN),
    ("returns/close", RETURN),
    ("returns/process", RETURN),
    ("returns/update", RETURN),
    ("tender_transactions/create", TENDER),
];

/// Records of answers that are never asked for, by the fields that only they have together.
const NOT_ASKED_FOR: [(&[&str], &str); 4] = [
    (&["date", "summary"], "a payout to the shop's bank: payouts are not booked"),
    (&["payout_id", "fee", "net"], "a movement of Shopify's balance: payouts are not booked"),
    (&["remote_reference", "payment_method"], TENDER),
    (&["shipping", "refund_line_items"], "a refund that was only calculated: nobody made it"),
];

/// Files without bodies.
const NO_BODIES: [(&str, &str); 1] =
    [("hmac-vectors.json", "signatures, which tests/signatures.rs judges; `make samples` runs it too")];

/// Orders cut to chosen fields: they have to be refused, because what is not said must not read as nothing.
const CUT_SHORT: [&str; 1] = ["Shopify__shopify-app-js__rest-2026-07-order-test_7.json"];

/// What Shopify's answers put records into.
const ENVELOPES: [&str; 11] = [
    "dispute",
    "disputes",
    "order",
    "orders",
    "payout",
    "payouts",
    "refund",
    "refunds",
    "tender_transactions",
    "transaction",
    "transactions",
];

/// What one record of a file is.
#[derive(Clone, Copy)]
enum Kind {
    /// The body of such a delivery.
    Body(&'static str),
    /// Nothing that is read, and why.
    NotAskedFor(&'static str),
    /// Nobody knows.
    Stranger,
}

fn topics() -> impl Iterator<Item = &'static str> {
    NEEDED.into_iter().map(|(_, topic)| topic).chain(FURTHER)
}

/// The last part of a file's name, between `__` and the ending.
fn last_part(file: &str) -> &str {
    let stem = file.split_once('.').map_or(file, |(stem, _)| stem);
    stem.rsplit("__").next().unwrap_or(stem)
}

/// The topic that a file is named after: `…__orders_create.json`.
fn topic_of_name(file: &str) -> Option<&'static str> {
    topics().chain(NO_NEWS.into_iter().map(|(topic, _)| topic)).find(|topic| topic.replace('/', "_") == last_part(file))
}

/// True if a file holds not a record but something of a line of goods.
fn is_part_of_a_line(file: &str) -> bool {
    last_part(file).starts_with("orderlineitem_")
}

/// The topic that a record's fields speak of.
fn kind_of_fields(value: &Value) -> Option<Kind> {
    let has = |key: &str| value.get(key).is_some();
    let body = if has("order_edit") {
        "orders/edited"
    } else if has("line_items") && has("total_price") {
        "orders/updated"
    } else if has("id") && has("refund_line_items") {
        "refunds/create"
    } else if has("order_id") && has("kind") && has("status") {
        "order_transactions/create"
    } else if has("order_id") && has("evidence_due_by") {
        "disputes/update"
    } else if has("order_id") && has("risk_level") {
        "orders/risk_assessment_changed"
    } else {
        let known = NOT_ASKED_FOR.iter().find(|(fields, _)| fields.iter().all(|field| has(field)));
        return known.map(|(_, why)| Kind::NotAskedFor(why));
    };
    Some(Kind::Body(body))
}

/// Every record of a file.
fn records(file: &str, value: &Value) -> Vec<(Kind, Value)> {
    if let Some(topic) = topic_of_name(file) {
        return vec![(Kind::Body(topic), value.clone())];
    }
    if is_part_of_a_line(file) {
        return vec![(Kind::Body("orders/updated"), order_with(value))];
    }
    let mut found = Vec::new();
    unpack(value, &mut found);
    found
}

fn unpack(value: &Value, found: &mut Vec<(Kind, Value)>) {
    match (kind_of_fields(value), value) {
        (Some(kind), _) => found.push((kind, value.clone())),
        (None, Value::Array(items)) => items.iter().for_each(|item| unpack(item, found)),
        (None, Value::Object(fields)) if fields.keys().any(|name| ENVELOPES.contains(&name.as_str())) => {
            for (name, inner) in fields.iter().filter(|(name, _)| *name != "notice") {
                if ENVELOPES.contains(&name.as_str()) {
                    unpack(inner, found);
                } else {
                    found.push((Kind::Stranger, inner.clone()));
                }
            }
        }
        _ => found.push((Kind::Stranger, value.clone())),
    }
}

/// The smallest order, with a line that has these fields.
fn order_with(fields: &Value) -> Value {
    let mut line = json!({"id": 1, "title": "A line", "quantity": 1, "price": "1.00"});
    for (name, value) in fields.as_object().into_iter().flatten() {
        line[name] = value.clone();
    }
    json!({"id": 2, "created_at": "2026-11-02T09:00:00Z", "currency": "EUR", "total_price": "1.00", "line_items": [line]})
}

/// The body with what its placeholders stand for.
fn filled(topic: &str, body: &Value) -> Value {
    fn fill(name: &str, value: &mut Value, amounts: &mut i64) {
        match value {
            Value::Object(fields) => fields.iter_mut().for_each(|(name, inner)| fill(name, inner, amounts)),
            Value::Array(items) => items.iter_mut().for_each(|item| fill(name, item, amounts)),
            Value::String(text) if text == PLACEHOLDER && CURRENCIES.contains(&name) => *text = "USD".to_owned(),
            Value::String(text) if text == PLACEHOLDER && AMOUNTS.contains(&name) => {
                *amounts += 1;
                *text = Decimal::new(*amounts * 101, 2).to_string();
            }
            Value::String(text) => *text = text.replace("{shop}.myshopify.com", SHOP),
            _ => {}
        }
    }
    let mut body = body.clone();
    fill("", &mut body, &mut 0);
    if topic == "app/uninstalled" && body["myshopify_domain"].is_null() {
        body["myshopify_domain"] = SHOP.into();
    }
    body
}

/// What was read beside what the JSON says.
#[derive(Default)]
struct Comparison {
    place: String,
    compared: usize,
    differing: Vec<String>,
}

fn text<'a>(said: &'a Value, name: &str) -> &'a str {
    said[name].as_str().unwrap_or_default()
}

/// An id's digits.
fn id(said: &Value) -> Option<String> {
    match said {
        Value::Null => None,
        Value::String(digits) => Some(digits.clone()),
        number => Some(number.to_string()),
    }
}

fn digits(read: &Option<Id>) -> Option<String> {
    read.as_ref().map(|id| id.0.clone())
}

fn instant(said: &Value) -> Option<DateTime<FixedOffset>> {
    said.as_str().map(|text| text.parse().unwrap())
}

fn number(said: &Value) -> Option<Decimal> {
    match said {
        Value::Null => None,
        Value::String(text) => Some(text.parse().unwrap()),
        number => Some(number.to_string().parse().unwrap()),
    }
}

/// A pair's amount on one side.
fn in_pair(said: &Value, side: Side) -> Option<Decimal> {
    let side = if side == Side::Shop { "shop_money" } else { "presentment_money" };
    number(&said[side]["amount"])
}

/// An amount on one side: of its pair, else of the plain field, where that is of this side.
fn amount(said: &Value, name: &str, side: Side, one_currency: bool) -> Option<Decimal> {
    let plain = || number(&said[name]).filter(|_| one_currency || side == Side::Shop);
    in_pair(&said[format!("{name}_set")], side).or_else(plain)
}

impl Comparison {
    fn same<T: PartialEq + Debug>(&mut self, name: impl Display, read: T, said: T) {
        self.compared += 1;
        if read != said {
            self.differing.push(format!("{}{name} is read as {read:?} and was {said:?}", self.place));
        }
    }

    /// Every one of a list, in its order.
    fn each<T>(&mut self, name: &str, read: &[T], said: &Value, compare: impl Fn(&mut Self, &T, &Value)) {
        let said = said[name].as_array().map(Vec::as_slice).unwrap_or_default();
        self.same(format!("the number of {name}"), read.len(), said.len());
        let before = self.place.len();
        for (nth, (read, said)) in read.iter().zip(said).enumerate() {
            self.place.push_str(&format!("{name}[{nth}]."));
            compare(self, read, said);
            self.place.truncate(before);
        }
    }

    fn money(&mut self, name: &str, said: impl Fn(Side) -> Option<Decimal>, read: impl Fn(Side) -> Option<Decimal>) {
        for side in [Side::Shop, Side::Presentment] {
            self.same(format!("{name} ({side:?})"), read(side), said(side));
        }
    }

    /// Money that is zero where nothing is said of it.
    fn extra(&mut self, name: &str, said: impl Fn(Side) -> Option<Decimal>, read: impl Fn(Side) -> Decimal) {
        self.money(name, |side| Some(said(side).unwrap_or_default()), |side| Some(read(side)));
    }

    fn order(&mut self, read: &Order, said: &Value) {
        let one = said["presentment_currency"].is_null() || said["presentment_currency"] == said["currency"];
        self.same("id", Some(read.id.0.clone()), id(&said["id"]));
        self.same("name", read.name.as_str(), text(said, "name"));
        for (name, read) in [
            ("created_at", Some(read.created_at)),
            ("processed_at", read.processed_at),
            ("updated_at", read.updated_at),
            ("cancelled_at", read.cancelled_at),
        ] {
            self.same(name, read, instant(&said[name]));
        }
        for (name, read) in [
            ("test", read.test),
            ("taxes_included", read.taxes_included),
            ("tax_exempt", read.tax_exempt),
            ("duties_included", read.duties_included),
        ] {
            self.same(name, read, said[name] == true);
        }
        let buyers = if said["presentment_currency"].is_null() { "currency" } else { "presentment_currency" };
        self.same("currency", read.currency.code(), text(said, "currency"));
        self.same("presentment_currency", read.presentment_currency().code(), text(said, buyers));
        self.same("financial_status", read.financial_status.as_deref(), said["financial_status"].as_str());

        let amount = |name: &'static str| move |side| amount(said, name, side, one);
        self.money("total_price", amount("total_price"), |side| read.total(side));
        self.money("current_total_price", amount("current_total_price"), |side| read.current_total(side));
        self.money("total_tax", amount("total_tax"), |side| read.total_tax(side));
        self.extra("total_tip_received", amount("total_tip_received"), |side| read.tips(side));
        self.same("total_outstanding", read.outstanding(), number(&said["total_outstanding"]).unwrap_or_default());
        let pair = |name: &'static str| move |side| in_pair(&said[name], side);
        self.extra("duties", pair("original_total_duties_set"), |side| read.duties(side));
        self.extra("additional fees", pair("original_total_additional_fees_set"), |side| read.additional_fees(side));
        let (paid, refunded) =
            ("total_cash_rounding_payment_adjustment_set", "total_cash_rounding_refund_adjustment_set");
        self.extra("cash rounding", pair(paid), |side| read.cash_rounding(side));
        self.extra("cash rounding of refunds", pair(refunded), |side| read.refund_cash_rounding(side));

        self.each("line_items", &read.line_items, said, |at, read, said| at.line(read, said, one));
        self.each("shipping_lines", &read.shipping_lines, said, |at, read, said| at.shipping_line(read, said, one));
        self.each("refunds", &read.refunds, said, |at, read, said| at.refund(read, said, one));
        self.each("transactions", &read.transactions, said, Self::transaction);
        self.each("payment_gateway_names", &read.payment_gateway_names, said, |at, read, said| {
            at.same("name", Some(read.as_str()), said.as_str());
        });
        let schedules = read.payment_terms.as_ref().map(|terms| terms.payment_schedules.as_slice());
        self.each("payment_schedules", schedules.unwrap_or_default(), &said["payment_terms"], |at, read, said| {
            at.same("due_at", read.due_at, instant(&said["due_at"]));
        });

        let customer = read.customer.as_ref();
        self.same("email", read.email.as_deref(), said["email"].as_str());
        self.same("customer.id", customer.and_then(|one| digits(&one.id)), id(&said["customer"]["id"]));
        let family = customer.and_then(|one| one.last_name.as_deref());
        self.same("customer.last_name", family, said["customer"]["last_name"].as_str());
        self.same("company.id", read.company.as_ref().and_then(|one| digits(&one.id)), id(&said["company"]["id"]));
        let country = |name: &str| said[name]["country_code"].as_str();
        self.same("country", read.country(), country("shipping_address").or(country("billing_address")));

        let mut state = OrderState::default();
        state.add_order(read.clone());
        let refunds: BTreeSet<&Id> = read.refunds.iter().map(|refund| &refund.id).collect();
        self.same("the refunds that are known", state.refunds.keys().collect(), refunds);
    }

    fn line(&mut self, read: &LineItem, said: &Value, one: bool) {
        self.same("id", Some(read.id.0.clone()), id(&said["id"]));
        self.same("title", read.title.as_str(), text(said, "title"));
        self.same("name", read.name.as_deref(), said["name"].as_str());
        self.same("sku", read.sku.as_deref(), said["sku"].as_str());
        self.same("quantity", Some(read.quantity.0), number(&said["quantity"]));
        self.same("current_quantity", read.current_quantity.map(|one| one.0), number(&said["current_quantity"]));
        self.same("gift_card", read.gift_card, said["gift_card"] == true);
        let marked = said.get("tip_payment_gateway").or(said.get("tip_payment_method")).is_some();
        self.same("a tip", read.is_tip(), marked || (said["title"] == "Tip" && said["product_id"].is_null()));
        self.money("price", |side| amount(said, "price", side, one), |side| read.unit_price(side, one));
        self.money("discount", |side| discount(said, side, one), |side| read.discount(side, one));
        self.each("tax_lines", &read.tax_lines, said, |at, read, said| at.tax(read, said, one));
        self.each("duties", &read.duties, said, |at, read, said| at.duty(read, said, one));
    }

    fn shipping_line(&mut self, read: &ShippingLine, said: &Value, one: bool) {
        self.same("id", digits(&read.id), id(&said["id"]));
        self.same("title", read.title.as_str(), text(said, "title"));
        self.same("is_removed", read.is_removed, said["is_removed"] == true);
        self.money("price", |side| amount(said, "price", side, one), |side| read.price(side, one));
        self.money("discount", |side| discount(said, side, one), |side| read.discount(side, one));
        self.each("tax_lines", &read.tax_lines, said, |at, read, said| at.tax(read, said, one));
    }

    fn tax(&mut self, read: &TaxLine, said: &Value, one: bool) {
        self.same("title", read.title.as_str(), text(said, "title"));
        self.same("rate", read.rate.map(|rate| rate.0), number(&said["rate"]));
        self.same("channel_liable", read.channel_liable, said["channel_liable"].as_bool());
        self.money("price", |side| amount(said, "price", side, one), |side| read.amount(side, one));
    }

    fn duty(&mut self, read: &Duty, said: &Value, one: bool) {
        let price = |side| in_pair(said, side).or_else(|| in_pair(&said["price_set"], side));
        self.money("price", price, |side| read.amount(side));
        self.each("tax_lines", &read.tax_lines, said, |at, read, said| at.tax(read, said, one));
    }

    fn refund(&mut self, read: &Refund, said: &Value, one: bool) {
        self.same("id", Some(read.id.0.clone()), id(&said["id"]));
        self.same("order_id", digits(&read.order_id), id(&said["order_id"]));
        self.same("created_at", read.created_at, instant(&said["created_at"]));
        self.same("processed_at", read.processed_at, instant(&said["processed_at"]));
        self.extra("duties", |side| in_pair(&said["total_duties_set"], side), |side| read.duties(side));
        let fees = |side| in_pair(&said["total_additional_fees_set"], side);
        self.extra("additional fees", fees, |side| read.additional_fees(side));
        self.each("refund_line_items", &read.refund_line_items, said, |at, read: &RefundLineItem, said| {
            at.same("line_item_id", Some(read.line_item_id.0.clone()), id(&said["line_item_id"]));
            at.same("quantity", Some(read.quantity.0), number(&said["quantity"]));
            at.money("subtotal", |side| amount(said, "subtotal", side, one), |side| read.subtotal(side, one));
            at.money("total_tax", |side| amount(said, "total_tax", side, one), |side| read.tax(side, one));
        });
        self.each("refund_shipping_lines", &read.refund_shipping_lines, said, |at, read, said| {
            at.same("shipping_line_id", digits(&read.shipping_line_id), id(&said["shipping_line_id"]));
            let subtotal = |side| in_pair(&said["subtotal_amount_set"], side);
            at.money("subtotal", subtotal, |side| read.subtotal_amount_set.map(|set| set.on(side)));
        });
        self.each("order_adjustments", &read.order_adjustments, said, |at, read: &OrderAdjustment, said| {
            at.same("kind", read.kind.as_str(), text(said, "kind"));
            at.money("amount", |side| amount(said, "amount", side, one), |side| read.amount(side, one));
            at.money("tax_amount", |side| amount(said, "tax_amount", side, one), |side| read.tax(side, one));
        });
        self.each("transactions", &read.transactions, said, Self::transaction);
    }

    fn transaction(&mut self, read: &Transaction, said: &Value) {
        self.same("id", Some(read.id.0.clone()), id(&said["id"]));
        self.same("order_id", digits(&read.order_id), id(&said["order_id"]));
        self.same("kind", read.kind.as_str(), text(said, "kind"));
        self.same("status", read.status.as_str(), text(said, "status"));
        self.same("gateway", read.gateway.as_str(), text(said, "gateway"));
        self.same("amount", Some(read.amount.0), number(&said["amount"]));
        self.same("amount_rounding", read.amount_rounding.map(|one| one.0), number(&said["amount_rounding"]));
        self.same("currency", read.currency.as_ref().map(|one| one.code()), said["currency"].as_str());
        self.same("created_at", read.created_at, instant(&said["created_at"]));
        self.same("processed_at", read.processed_at, instant(&said["processed_at"]));
        self.same("test", read.test, said["test"] == true);
    }

    fn dispute(&mut self, read: &Dispute, said: &Value) {
        self.same("id", Some(read.id.0.clone()), id(&said["id"]));
        self.same("order_id", digits(&read.order_id), id(&said["order_id"]));
        self.same("type", read.kind.as_str(), text(said, "type"));
        self.same("status", read.status.as_str(), text(said, "status"));
        self.same("reason", read.reason.as_str(), text(said, "reason"));
        self.same("amount", Some(read.amount.0), number(&said["amount"]));
        self.same("currency", read.currency.code(), text(said, "currency"));
        self.same("evidence_due_by", read.evidence_due_by, instant(&said["evidence_due_by"]));
    }

    fn subject(&mut self, read: &Subject, said: &Value, orders: &str) {
        self.same("customer.id", read.customer_id().map(str::to_owned), id(&said["customer"]["id"]));
        let said_orders = said[orders].as_array().unwrap().iter().filter_map(id).collect();
        self.same(orders, read.orders().map(str::to_owned).collect::<Vec<_>>(), said_orders);
        for name in ["email", "phone"] {
            let body = json!({ "theirs": said["customer"][name] }).to_string();
            self.same(name, read.is_named_in(body.as_bytes()), said["customer"][name].is_string());
        }
    }

    /// News of the kind that the topic stands for, with the body's own figures.
    fn news(&mut self, topic: &str, read: &News, said: &Value) {
        match (Topic::parse(topic), read) {
            (Topic::Order, News::Order(order)) => self.order(order, said),
            (Topic::Refund, News::Refund(of, refund)) => {
                self.same("the order", Some(of.0.clone()), id(&said["order_id"]));
                self.refund(refund, said, true);
            }
            (Topic::Transaction, News::Transaction(of, transaction)) => {
                self.same("the order", Some(of.0.clone()), id(&said["order_id"]));
                self.transaction(transaction, said);
            }
            (Topic::Dispute, News::Dispute(dispute)) => self.dispute(dispute, said),
            (Topic::OrderEdited, News::Edited(of)) => {
                self.same("the order", Some(of.0.clone()), id(&said["order_edit"]["order_id"]));
            }
            (Topic::OrderDeleted, News::Deleted(of)) => self.same("the order", Some(of.0.clone()), id(&said["id"])),
            (Topic::DataRequest, News::DataRequest(subject)) => self.subject(subject, said, "orders_requested"),
            (Topic::CustomerRedact, News::EraseCustomer(subject)) => self.subject(subject, said, "orders_to_redact"),
            (Topic::AppUninstalled, News::AppUninstalled)
            | (Topic::ShopRedact, News::EraseShop)
            | (Topic::Other, News::Other) => self.compared += 1,
            (kind, other) => self.differing.push(format!("{kind:?} is read as {other:?}")),
        }
    }
}

/// All discounts on a line.
fn discount(said: &Value, side: Side, one_currency: bool) -> Option<Decimal> {
    let parts = said["discount_allocations"].as_array().map(Vec::as_slice).unwrap_or_default();
    parts.iter().try_fold(Decimal::ZERO, |sum, part| Some(sum + amount(part, "amount", side, one_currency)?))
}

/// Reads a body, with its placeholders filled, and compares. `raw`: the text as it came, where it is the whole of its file.
fn compare(topic: &str, body: &Value, raw: Option<&[u8]>) -> Result<Comparison, String> {
    let bytes = raw.map_or_else(|| body.to_string().into_bytes(), <[u8]>::to_vec);
    let mut said = filled(topic, body);
    let as_it_stands = read(topic, SHOP, &bytes);
    let mut news = if said == *body {
        as_it_stands
    } else if as_it_stands.is_err() {
        read(topic, SHOP, said.to_string().as_bytes())
    } else {
        return Err("placeholders are read as if they said something".into());
    };
    let mut comparison = Comparison::default();
    if matches!(news, Ok(News::Sample)) {
        // Shopify's own sample is nobody's order: what it says is read under another id.
        comparison.same("the sample's id", id(&said["id"]), Some(SAMPLE_ORDER_ID.to_owned()));
        said["id"] = 1.into();
        news = read(topic, SHOP, said.to_string().as_bytes());
    }
    let news = news.map_err(|why| why.to_string())?;
    comparison.news(topic, &news, &said);
    Ok(comparison)
}

#[test]
#[ignore = "needs a folder of samples in SHOPIFY_SAMPLES"]
fn every_sample_is_read_as_it_says_or_has_its_reason() {
    let folder = std::env::var("SHOPIFY_SAMPLES").expect("SHOPIFY_SAMPLES names a folder");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    paths.sort();
    let mut wrong = Vec::new();
    let mut drifts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut reasons: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut bodies: BTreeMap<String, usize> = BTreeMap::new();
    let (mut read_files, mut filled_in, mut compared) = (BTreeSet::new(), 0, 0);
    for path in &paths {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        if let Some((_, why)) = NO_BODIES.iter().find(|(name, _)| *name == file) {
            reasons.entry(why).or_default().insert(file);
            continue;
        }
        let raw = std::fs::read(path).unwrap_or_default();
        let Ok(whole) = serde_json::from_slice::<Value>(&raw) else {
            wrong.push(format!("{file}: it is no JSON, and nothing says why it is not read"));
            continue;
        };
        let records = records(&file, &whole);
        if records.is_empty() {
            wrong.push(format!("{file}: nothing is in it"));
        }
        for (nth, (kind, body)) in records.into_iter().enumerate() {
            let topic = match kind {
                Kind::Body(topic) => topic,
                Kind::NotAskedFor(why) => {
                    reasons.entry(why).or_default().insert(file.clone());
                    continue;
                }
                Kind::Stranger => {
                    wrong.push(format!("{file}: record {nth} is read as nothing, and nothing says why"));
                    continue;
                }
            };
            if CUT_SHORT.contains(&file.as_str()) {
                match read(topic, SHOP, body.to_string().as_bytes()) {
                    Err(Unreadable::Body(why)) if why.contains("missing field") => {}
                    other => wrong.push(format!("{file}: an order that was cut short is read as {other:?}")),
                }
                reasons.entry("an order cut to chosen fields, which is refused").or_default().insert(file.clone());
                continue;
            }
            match compare(topic, &body, (body == whole).then_some(&raw)) {
                Ok(comparison) => {
                    compared += comparison.compared;
                    wrong.extend(comparison.differing.iter().map(|one| format!("{file}: {topic} {nth}: {one}")));
                }
                Err(why) => wrong.push(format!("{file}: {topic} {nth}: {why}")),
            }
            if let Some((_, why)) = NO_NEWS.into_iter().find(|(known, _)| *known == topic) {
                reasons.entry(why).or_default().insert(file.clone());
                continue;
            }
            *bodies.entry(format!("{:?}", Topic::parse(topic))).or_default() += 1;
            read_files.insert(file.clone());
            let is_shape = filled(topic, &body) != body;
            filled_in += usize::from(is_shape);
            if is_part_of_a_line(&file) {
                continue;
            }
            // In place of a word a placeholder is nothing new.
            let drifted = drift(Topic::parse(topic), API_VERSION, &body).into_iter();
            for one in drifted.filter(|one| !is_shape || one.kind != DriftKind::UnknownValue) {
                drifts.entry(one.key()).or_default().push(format!("{file} {}", one.path));
            }
        }
    }
    for (key, places) in &drifts {
        println!("{key}: {} bodies, first {}", places.len(), places[0]);
    }
    for (why, files) in &reasons {
        println!("{} not read: {why} ({})", files.len(), files.first().unwrap());
    }
    let with_reason: BTreeSet<&String> = reasons.values().flatten().collect();
    println!(
        "{} files: {} read, {} with a reason; {} bodies {bodies:?}, {filled_in} of them filled in; {compared} values compared",
        paths.len(),
        read_files.len(),
        with_reason.len(),
        bodies.values().sum::<usize>(),
    );
    assert_eq!(wrong, Vec::<String>::new());
    for topic in topics() {
        let kind = format!("{:?}", Topic::parse(topic));
        assert!(bodies.contains_key(&kind), "no sample is like a delivery of {topic}");
    }
}
