//! What a body looks like. The topic's header is not signed: the body's own fields have the last word.

use serde_json::Value;

use super::delivery::Topic;

/// What a body is, whatever its topic claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Order,
    Refund,
    Transaction,
    Dispute,
    OrderEdit,
    OnlyId,
    DataRequest,
    CustomerRedact,
    ShopRedact,
    Shop,
    Object,
    NoObject,
}

impl Shape {
    /// The body in words, for people.
    pub fn describe(self) -> &'static str {
        match self {
            Shape::Order => "is an order",
            Shape::Refund => "is a refund",
            Shape::Transaction => "is a transaction",
            Shape::Dispute => "is a dispute",
            Shape::OrderEdit => "is an order edit",
            Shape::OnlyId => "is only an id",
            Shape::DataRequest => "asks for a customer's data",
            Shape::CustomerRedact => "asks to erase a customer's data",
            Shape::ShopRedact => "asks to erase this shop's data",
            Shape::Shop => "is this shop",
            Shape::Object => "is something else",
            Shape::NoObject => "is no JSON object",
        }
    }
}

/// What the fields say.
pub(super) fn shape(value: &Value, shop: &str) -> Shape {
    let Some(object) = value.as_object() else { return Shape::NoObject };
    let has = |key: &str| object.contains_key(key);
    let is_shop =
        |key: &str| object.get(key).and_then(Value::as_str).is_some_and(|text| text.eq_ignore_ascii_case(shop));
    if has("order_edit") {
        Shape::OrderEdit
    } else if has("line_items") && (has("currency") || has("total_price")) {
        Shape::Order
    } else if has("order_id") && has("refund_line_items") {
        Shape::Refund
    } else if has("order_id") && has("kind") && has("status") {
        Shape::Transaction
    } else if has("type") && has("status") && (has("initiated_at") || has("evidence_due_by")) {
        Shape::Dispute
    } else if has("id") && object.len() == 1 {
        Shape::OnlyId
    } else if has("shop_id") && is_shop("shop_domain") {
        privacy_shape(object)
    } else if has("id") && is_shop("myshopify_domain") {
        Shape::Shop
    } else {
        Shape::Object
    }
}

/// The topic is not signed: what a request asks for is read from the fields that it alone has. Only a body that names
/// nothing but the shop erases the whole of it.
fn privacy_shape(object: &serde_json::Map<String, Value>) -> Shape {
    let has = |key: &str| object.contains_key(key);
    match (has("orders_requested") || has("data_request"), has("orders_to_redact")) {
        (true, false) => Shape::DataRequest,
        (false, true) => Shape::CustomerRedact,
        (false, false) if object.len() == 2 => Shape::ShopRedact,
        _ => Shape::Object,
    }
}

/// True if a body of that shape may come under that topic.
pub(super) fn fits(topic: Topic, shape: Shape) -> bool {
    matches!(
        (topic, shape),
        (Topic::Order, Shape::Order)
            | (Topic::Refund, Shape::Refund)
            | (Topic::Transaction, Shape::Transaction)
            | (Topic::Dispute, Shape::Dispute)
            | (Topic::OrderEdited, Shape::OrderEdit)
            | (Topic::OrderDeleted, Shape::OnlyId)
            | (Topic::AppUninstalled, Shape::Shop)
            | (Topic::DataRequest, Shape::DataRequest)
            | (Topic::CustomerRedact, Shape::CustomerRedact)
            | (Topic::ShopRedact, Shape::ShopRedact)
            | (Topic::Other, _)
    )
}
