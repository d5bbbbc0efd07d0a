//! A delivery: what its headers claim, and what its signed body says it is about. The headers are not signed, so the
//! body has the last word: a topic that does not fit the body's shape is not acted upon.

use chrono::{DateTime, FixedOffset};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::compliance::Subject;
use super::dispute::Dispute;
use super::drift::{self, Drift};
use super::money::Id;
use super::order::Order;
use super::refund::Refund;
use super::shape::{fits, shape};
use super::transaction::Transaction;

/// The id of the order in Shopify's "Send test notification": it is nobody's order.
pub const SAMPLE_ORDER_ID: &str = "820982911946154508";

/// The version of Shopify's API that this house reads.
pub const API_VERSION: &str = "2026-10";

/// The topic of an order that was not delivered but fetched through the Admin API.
pub const FETCHED: &str = "orders/fetched";

/// What the headers claim of a delivery whose signature was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// `orders/create` and so on.
    pub topic: String,
    /// The shop's own domain, lower case.
    pub shop: String,
    /// One per delivery; from the body's hash where the header is missing.
    pub webhook_id: String,
    /// Shared by all deliveries of one merchant action.
    pub event_id: String,
    /// The API version of the body.
    pub api_version: String,
    /// When it was triggered, as text.
    pub triggered_at: String,
}

impl Delivery {
    /// Reads the headers under both spellings (`X-Shopify-Topic`, `shopify-topic`).
    pub fn from_headers(header: impl Fn(&str) -> Option<String>, sha256: &str) -> Self {
        let read = |name: &str| {
            let value = header(&format!("x-shopify-{name}")).or_else(|| header(&format!("shopify-{name}")));
            value.map(|text| text.trim().chars().take(200).collect::<String>()).unwrap_or_default()
        };
        let webhook_id = read("webhook-id");
        Self {
            topic: read("topic").to_ascii_lowercase(),
            shop: read("shop-domain").to_ascii_lowercase(),
            webhook_id: if webhook_id.is_empty() { format!("sha256:{sha256}") } else { webhook_id },
            event_id: read("event-id"),
            api_version: read("api-version"),
            triggered_at: read("triggered-at"),
        }
    }
}

/// The SHA-256 of a body, in hex.
pub fn body_hash(body: &[u8]) -> String {
    Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The topics that mean something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// A whole order: `orders/create`, `updated`, `paid`, `cancelled`, and one that was fetched.
    Order,
    /// `orders/edited`: says that an order changed, not how.
    OrderEdited,
    /// `orders/delete`
    OrderDeleted,
    /// `refunds/create`
    Refund,
    /// `order_transactions/create`
    Transaction,
    /// `disputes/create`, `disputes/update`
    Dispute,
    /// `app/uninstalled`
    AppUninstalled,
    /// `customers/data_request`
    DataRequest,
    /// `customers/redact`
    CustomerRedact,
    /// `shop/redact`
    ShopRedact,
    /// Anything else.
    Other,
}

impl Topic {
    /// Reads a topic.
    pub fn parse(text: &str) -> Self {
        match text {
            "orders/create" | "orders/updated" | "orders/paid" | "orders/cancelled" | FETCHED => Topic::Order,
            "orders/edited" => Topic::OrderEdited,
            "orders/delete" => Topic::OrderDeleted,
            "refunds/create" => Topic::Refund,
            "order_transactions/create" => Topic::Transaction,
            "disputes/create" | "disputes/update" => Topic::Dispute,
            "app/uninstalled" => Topic::AppUninstalled,
            "customers/data_request" => Topic::DataRequest,
            "customers/redact" => Topic::CustomerRedact,
            "shop/redact" => Topic::ShopRedact,
            _ => Topic::Other,
        }
    }
}

/// What a delivery's body says.
#[derive(Debug, Clone)]
pub enum News {
    /// A snapshot of an order.
    Order(Box<Order>),
    /// A refund of an order.
    Refund(Id, Box<Refund>),
    /// A transaction of an order.
    Transaction(Id, Box<Transaction>),
    /// Money of an order that the buyer's bank disputes; some bodies name no order.
    Dispute(Box<Dispute>),
    /// The order changed; a fresh snapshot is wanted.
    Edited(Id),
    /// The order was deleted in Shopify.
    Deleted(Id),
    /// Shopify's own sample: nobody's order.
    Sample,
    /// The app was removed from the shop.
    AppUninstalled,
    /// Somebody wants to know what is stored about them.
    DataRequest(Subject),
    /// Somebody's personal data is to be erased.
    EraseCustomer(Subject),
    /// All personal data of the shop is to be erased.
    EraseShop,
    /// A topic that means nothing here.
    Other,
}

impl News {
    /// Which order it is about.
    pub fn order_id(&self) -> Option<&str> {
        match self {
            News::Order(order) => Some(order.id.as_str()),
            News::Dispute(dispute) => dispute.order_id.as_ref().map(|id| id.as_str()),
            News::Refund(id, _) | News::Transaction(id, _) | News::Edited(id) | News::Deleted(id) => Some(id.as_str()),
            _ => None,
        }
    }
}

/// Why a body is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not JSON, or a field of the wrong type: which, and what is wrong with it. Never quotes the body.
    #[error("the body cannot be read: {0}")]
    Body(String),
    /// The topic says one thing and the body another.
    #[error("the topic `{topic}` does not fit the body, which {body}")]
    TopicMismatch {
        /// The claimed topic.
        topic: String,
        /// What the body looks like.
        body: &'static str,
    },
}

#[derive(Deserialize)]
struct OrderEdit {
    order_edit: OrderEditBody,
}

#[derive(Deserialize)]
struct OrderEditBody {
    order_id: Id,
}

#[derive(Deserialize)]
struct OnlyId {
    id: Id,
}

/// Reads a body as its topic says, after checking that it looks like that topic. The topics that erase need their own
/// fields and this shop's domain in the signed body.
pub fn read(topic: &str, shop: &str, body: &[u8]) -> Result<News, Unreadable> {
    read_with(topic, shop, body, |_, _| ())
}

/// As [`read`], and how the body differs from what this program was written against. Shopify's own sample tells nothing.
pub fn read_watching(delivery: &Delivery, shop: &str, body: &[u8]) -> (Result<News, Unreadable>, Vec<Drift>) {
    let mut drifts = Vec::new();
    let news = read_with(&delivery.topic, shop, body, |topic, value| {
        drifts = drift::drift(topic, &delivery.api_version, value);
    });
    if matches!(news, Ok(News::Sample)) {
        drifts.clear();
    }
    (news, drifts)
}

fn read_with(topic: &str, shop: &str, body: &[u8], watch: impl FnOnce(Topic, &Value)) -> Result<News, Unreadable> {
    let kind = Topic::parse(topic);
    if kind == Topic::Other {
        return Ok(News::Other);
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| Unreadable::Body(format!("it is not JSON ({})", place(&error))))?;
    let looks = shape(&value, shop);
    if !fits(kind, looks) {
        return Err(Unreadable::TopicMismatch { topic: topic.chars().take(60).collect(), body: looks.describe() });
    }
    watch(kind, &value);
    let news = news(kind, value)?;
    Ok(if news.order_id() == Some(SAMPLE_ORDER_ID) { News::Sample } else { news })
}

fn news(kind: Topic, value: Value) -> Result<News, Unreadable> {
    match kind {
        Topic::Order => typed(value).map(|order| News::Order(Box::new(order))),
        Topic::Refund => {
            let refund: Refund = typed(value)?;
            let order = refund.order_id.clone().ok_or_else(|| Unreadable::Body("order_id is missing".into()))?;
            Ok(News::Refund(order, Box::new(refund)))
        }
        Topic::Transaction => {
            let transaction: Transaction = typed(value)?;
            let order = transaction.order_id.clone().ok_or_else(|| Unreadable::Body("order_id is missing".into()))?;
            Ok(News::Transaction(order, Box::new(transaction)))
        }
        Topic::Dispute => typed(value).map(|dispute| News::Dispute(Box::new(dispute))),
        Topic::OrderEdited => typed::<OrderEdit>(value).map(|edit| News::Edited(edit.order_edit.order_id)),
        Topic::OrderDeleted => typed::<OnlyId>(value).map(|deleted| News::Deleted(deleted.id)),
        Topic::AppUninstalled => Ok(News::AppUninstalled),
        Topic::DataRequest => typed(value).map(News::DataRequest),
        Topic::CustomerRedact => typed(value).map(News::EraseCustomer),
        Topic::ShopRedact => Ok(News::EraseShop),
        Topic::Other => Ok(News::Other),
    }
}

fn place(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

/// Deserialises with the path of what was not understood. The value itself is not quoted: it may be personal.
fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Unreadable> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let problem = error.inner().to_string();
        Unreadable::Body(format!("{path}: {}", without_quotations(&problem)))
    })
}

/// A message without what it quotes of the body; the field names of "missing field `id`" are ours and stay.
fn without_quotations(problem: &str) -> String {
    if problem.starts_with("missing field") {
        return problem.to_owned();
    }
    let outside = |text: &str, mark: char| {
        text.split(mark).enumerate().map(|(nth, part)| if nth % 2 == 0 { part } else { "…" }).collect::<String>()
    };
    outside(&outside(problem, '`'), '"')
}

/// When a snapshot was made, for telling newer from older; the smallest instant where the body does not say.
pub fn snapshot_instant(order: &Order) -> DateTime<FixedOffset> {
    order.updated_at.unwrap_or(order.created_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = "example.myshopify.com";

    /// Shopify's test notifications of every topic are about one order that is nobody's.
    #[test]
    fn what_is_told_of_shopifys_sample_order_is_news_of_nothing() {
        for (topic, body) in [
            ("refunds/create", r#"{"id":890088186047892319,"order_id":ID,"refund_line_items":[],"transactions":[]}"#),
            (
                "order_transactions/create",
                r#"{"id":120560818172775265,"order_id":ID,"kind":"authorization","gateway":"visa","status":"success","amount":"403.00","currency":"USD"}"#,
            ),
            ("orders/edited", r#"{"order_edit":{"id":78912328793,"order_id":ID}}"#),
            ("orders/delete", r#"{"id":ID}"#),
        ] {
            let read = |id: &str| read(topic, SHOP, body.replace("ID", id).as_bytes());
            assert!(matches!(read(SAMPLE_ORDER_ID), Ok(News::Sample)), "{topic}: {:?}", read(SAMPLE_ORDER_ID));
            let real = read("5600000001001");
            assert!(real.as_ref().is_ok_and(|news| news.order_id() == Some("5600000001001")), "{topic}: {real:?}");
        }
    }

    #[test]
    fn erasing_topics_need_their_own_fields_and_this_shops_domain_in_the_body() {
        let mine = br#"{"shop_id":1,"shop_domain":"example.myshopify.com","orders_to_redact":[]}"#;
        assert!(matches!(read("customers/redact", SHOP, mine), Ok(News::EraseCustomer(_))));
        let all = br#"{"shop_id":1,"shop_domain":"Example.myshopify.com"}"#;
        assert!(matches!(read("shop/redact", SHOP, all), Ok(News::EraseShop)));
        let asks = br#"{"shop_id":1,"shop_domain":"example.myshopify.com","customer":{"id":1},"orders_requested":[],
            "data_request":{"id":9}}"#;
        assert!(matches!(read("customers/data_request", SHOP, asks), Ok(News::DataRequest(_))));
        // One request under another's topic asks for something else: nothing is erased.
        for (topic, body) in [
            ("customers/redact", asks as &[u8]),
            ("shop/redact", asks),
            ("shop/redact", mine),
            ("customers/redact", all),
            ("customers/data_request", all),
        ] {
            assert!(matches!(read(topic, SHOP, body), Err(Unreadable::TopicMismatch { .. })), "{topic}");
        }
        let other = br#"{"shop_id":1,"shop_domain":"other.myshopify.com"}"#;
        assert!(matches!(read("shop/redact", SHOP, other), Err(Unreadable::TopicMismatch { .. })));
        let refund = br#"{"id":1,"order_id":2,"refund_line_items":[]}"#;
        assert!(matches!(read("shop/redact", SHOP, refund), Err(Unreadable::TopicMismatch { .. })));
        let shop = br#"{"id":1,"myshopify_domain":"example.myshopify.com","name":"x"}"#;
        assert!(matches!(read("app/uninstalled", SHOP, shop), Ok(News::AppUninstalled)));
    }

    #[test]
    fn both_header_spellings_are_read_and_a_missing_id_comes_from_the_body() {
        let old = |name: &str| (name == "x-shopify-topic").then(|| "Orders/Create".to_owned());
        let new = |name: &str| (name == "shopify-topic").then(|| "orders/create".to_owned());
        assert_eq!(Delivery::from_headers(old, "ab").topic, "orders/create");
        let delivery = Delivery::from_headers(new, "ab");
        assert_eq!((delivery.topic.as_str(), delivery.webhook_id.as_str()), ("orders/create", "sha256:ab"));
    }

    #[test]
    fn a_topic_that_does_not_fit_the_body_is_a_mismatch() {
        let refund = br#"{"id":1,"order_id":2,"refund_line_items":[],"transactions":[]}"#;
        assert!(matches!(read("refunds/create", SHOP, refund), Ok(News::Refund(..))));
        for topic in ["orders/create", "orders/delete", "order_transactions/create", "orders/edited"] {
            assert!(matches!(read(topic, SHOP, refund), Err(Unreadable::TopicMismatch { .. })), "{topic}");
        }
        assert!(matches!(read("orders/delete", SHOP, br#"{"id":7}"#), Ok(News::Deleted(_))));
    }

    #[test]
    fn what_is_not_understood_is_named_with_its_path_and_without_its_content() {
        let body = br#"{"id":1,"created_at":"2026-01-01T00:00:00Z","currency":"USD","total_price":"Jane Doe",
            "line_items":[]}"#;
        let Err(Unreadable::Body(text)) = read("orders/create", SHOP, body) else { panic!("expected an error") };
        assert!(text.contains("total_price"), "{text}");
        assert!(!text.contains("Jane"), "{text}");
        let Err(Unreadable::Body(text)) = read("orders/create", SHOP, b"{\"id\":") else { panic!("expected an error") };
        assert!(text.contains("not JSON (line 1"), "{text}");
        assert!(read("orders/create", SHOP, b"").is_err() && read("orders/create", SHOP, b"[]").is_err());
    }

    #[test]
    fn unknown_topics_are_told_apart_before_anything_is_parsed() {
        assert!(matches!(read("carts/update", SHOP, b"not json"), Ok(News::Other)));
    }

    #[test]
    fn a_deeply_nested_or_hostile_body_is_an_error_not_a_crash() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(read("orders/create", SHOP, deep.as_bytes()).is_err());
        for body in
            ["{\"line_items\":5,\"currency\":5}", "{\"line_items\":[null],\"currency\":\"USD\",\"id\":1}", "null"]
        {
            assert!(read("orders/create", SHOP, body.as_bytes()).is_err(), "{body}");
        }
    }
}
