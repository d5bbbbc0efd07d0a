//! Whose data a request is about, and what of a body is a money fact. Everything else counts as personal: a field that
//! Shopify adds tomorrow is erased until it is listed here. Pure; what is erased when is decided in `posting`.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::delivery::Topic;
use super::money::{Id, null_as_empty};

/// Whom a request about personal data is about. Shopify may leave out any of it (facts/shopify §1.5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Subject {
    #[serde(default, deserialize_with = "null_as_empty")]
    customer: Customer,
    #[serde(default, alias = "orders_requested", alias = "orders_to_redact", deserialize_with = "null_as_empty")]
    orders: Vec<Id>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
struct Customer {
    #[serde(default)]
    id: Option<Id>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
}

impl Subject {
    /// Shopify's id of the customer.
    pub fn customer_id(&self) -> Option<&str> {
        self.customer.id.as_ref().map(Id::as_str)
    }

    /// The orders that the request names.
    pub fn orders(&self) -> impl Iterator<Item = &str> {
        self.orders.iter().map(Id::as_str)
    }

    /// True if a body that belongs to no order speaks of this person: by e-mail address, telephone number, or an id.
    pub fn is_named_in(&self, body: &[u8]) -> bool {
        let text = String::from_utf8_lossy(body).to_lowercase();
        let contact = |field: &Option<String>| {
            let wanted = field.as_deref().unwrap_or("").trim().to_lowercase();
            !wanted.is_empty() && text.contains(&wanted)
        };
        let ids = self.customer_id().into_iter().chain(self.orders());
        contact(&self.customer.email)
            || contact(&self.customer.phone)
            || ids.into_iter().any(|id| has_number(&text, id))
    }
}

/// True if the digits stand in the text as a number of their own.
fn has_number(text: &str, digits: &str) -> bool {
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    text.match_indices(digits).any(|(at, found)| {
        let bytes = text.as_bytes();
        !is_digit(at.checked_sub(1).and_then(|before| bytes.get(before))) && !is_digit(bytes.get(at + found.len()))
    })
}

/// What of an object stays: its plain fields, pairs of amounts (`…_set`), and parts with a table of their own.
struct Facts {
    fields: &'static [&'static str],
    parts: &'static [(&'static str, &'static Facts)],
}

static MONEY: Facts = Facts { fields: &["amount", "currency_code"], parts: &[] };
static SET: Facts = Facts { fields: &[], parts: &[("shop_money", &MONEY), ("presentment_money", &MONEY)] };
static ID: Facts = Facts { fields: &["id"], parts: &[] };
static COUNTRY: Facts = Facts { fields: &["country_code"], parts: &[] };
static TAX: Facts = Facts { fields: &["title", "rate", "price", "price_set", "channel_liable"], parts: &[] };
static DUTY: Facts = Facts {
    fields: &[],
    parts: &[("shop_money", &MONEY), ("presentment_money", &MONEY), ("price_set", &SET), ("tax_lines", &TAX)],
};
static DISCOUNT: Facts = Facts { fields: &["amount", "amount_set"], parts: &[] };
static SCHEDULE: Facts = Facts { fields: &["due_at"], parts: &[] };
static TERMS: Facts = Facts { fields: &[], parts: &[("payment_schedules", &SCHEDULE)] };
static LINE: Facts = Facts {
    fields: &[
        "id",
        "title",
        "name",
        "sku",
        "quantity",
        "current_quantity",
        "price",
        "price_set",
        "product_id",
        "gift_card",
        "tip_payment_gateway",
        "tip_payment_method",
    ],
    parts: &[("tax_lines", &TAX), ("duties", &DUTY), ("discount_allocations", &DISCOUNT)],
};
static SHIPPING: Facts = Facts {
    fields: &["id", "title", "price", "price_set", "is_removed"],
    parts: &[("tax_lines", &TAX), ("discount_allocations", &DISCOUNT)],
};
static TRANSACTION: Facts = Facts {
    fields: &[
        "id",
        "order_id",
        "parent_id",
        "kind",
        "status",
        "amount",
        "amount_rounding",
        "amount_set",
        "currency",
        "gateway",
        "created_at",
        "processed_at",
        "test",
    ],
    parts: &[],
};
static REFUND_LINE: Facts = Facts {
    fields: &["line_item_id", "quantity", "subtotal", "subtotal_set", "total_tax", "total_tax_set"],
    parts: &[],
};
static REFUND_SHIPPING: Facts =
    Facts { fields: &["shipping_line_id", "subtotal_amount_set", "tax_amount_set"], parts: &[] };
static REFUND_ADJUSTMENT: Facts =
    Facts { fields: &["kind", "amount", "amount_set", "tax_amount", "tax_amount_set"], parts: &[] };
static REFUND: Facts = Facts {
    fields: &["id", "order_id", "created_at", "processed_at", "total_duties_set", "total_additional_fees_set"],
    parts: &[
        ("refund_line_items", &REFUND_LINE),
        ("refund_shipping_lines", &REFUND_SHIPPING),
        ("order_adjustments", &REFUND_ADJUSTMENT),
        ("transactions", &TRANSACTION),
    ],
};
static ORDER: Facts = Facts {
    fields: &[
        "id",
        "name",
        "created_at",
        "processed_at",
        "updated_at",
        "cancelled_at",
        "test",
        "currency",
        "presentment_currency",
        "taxes_included",
        "tax_exempt",
        "duties_included",
        "financial_status",
        "payment_gateway_names",
        "total_price",
        "total_price_set",
        "current_total_price",
        "current_total_price_set",
        "total_tax",
        "total_tax_set",
        "current_total_tax",
        "current_total_tax_set",
        "total_outstanding",
        "total_tip_received",
        "total_tip_received_set",
        "original_total_duties_set",
        "original_total_additional_fees_set",
        "total_cash_rounding_payment_adjustment_set",
        "total_cash_rounding_refund_adjustment_set",
    ],
    parts: &[
        ("line_items", &LINE),
        ("shipping_lines", &SHIPPING),
        ("refunds", &REFUND),
        ("transactions", &TRANSACTION),
        ("payment_terms", &TERMS),
        // The id keeps the order on its customer's account in the ledger; the country decides about tax.
        ("customer", &ID),
        ("company", &ID),
        ("billing_address", &COUNTRY),
        ("shipping_address", &COUNTRY),
    ],
};
static DISPUTE: Facts = Facts {
    fields: &["id", "order_id", "type", "status", "reason", "amount", "currency", "evidence_due_by"],
    parts: &[],
};
static EDIT: Facts = Facts { fields: &["order_id"], parts: &[] };
static EDITED: Facts = Facts { fields: &[], parts: &[("order_edit", &EDIT)] };

/// The money facts of a body, in its own shape: it reads as before, and gives the same documents but for the person. `None`
/// if nothing of it is one.
pub fn facts(topic: Topic, body: &[u8]) -> Option<Vec<u8>> {
    let table = match topic {
        Topic::Order => &ORDER,
        Topic::Refund => &REFUND,
        Topic::Transaction => &TRANSACTION,
        Topic::Dispute => &DISPUTE,
        Topic::OrderEdited => &EDITED,
        Topic::OrderDeleted => &ID,
        _ => return None,
    };
    let value: Value = serde_json::from_slice(body).ok()?;
    serde_json::to_vec(&keep(table, &value)).ok()
}

fn keep(table: &Facts, value: &Value) -> Value {
    match value {
        Value::Array(list) => list.iter().map(|one| keep(table, one)).collect(),
        Value::Object(object) => Value::Object(keep_fields(table, object)),
        // Where an object is expected, text is nobody knows what.
        _ => Value::Null,
    }
}

fn keep_fields(table: &Facts, object: &Map<String, Value>) -> Map<String, Value> {
    let kept = object.iter().filter_map(|(name, value)| {
        if let Some((_, part)) = table.parts.iter().find(|(known, _)| known == name) {
            return Some((name.clone(), keep(part, value)));
        }
        if !table.fields.contains(&name.as_str()) {
            return None;
        }
        let value = if name.ends_with("_set") { keep(&SET, value) } else { plain(value) };
        Some((name.clone(), value))
    });
    kept.collect()
}

/// Plain values, and lists of them.
fn plain(value: &Value) -> Value {
    match value {
        Value::Array(list) => list.iter().filter(|one| !one.is_object() && !one.is_array()).cloned().collect(),
        Value::Object(_) => Value::Null,
        one => one.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_listed_fields_stay_however_deep_and_whatever_is_new() {
        let exact: Value = serde_json::from_str("10.10").unwrap();
        let body = json!({
            "id": 820982911946154508u64, "name": "#1", "email": "jane@example.com", "note": "ring twice", "browser_ip": "192.0.2.1",
            "note_attributes": [{"name": "For", "value": "Jane"}], "a_new_field": {"name": "Jane"}, "total_price": "10.10",
            "total_price_set": {"shop_money": {"amount": exact, "currency_code": "USD", "owner": "Jane"}, "by": "Jane"},
            "customer": {"id": 7, "first_name": "Jane", "default_address": {"city": "Ghent"}},
            "billing_address": {"name": "Jane Doe", "zip": "9000", "country_code": "BE"},
            "payment_gateway_names": ["manual", {"name": "Jane"}],
            "line_items": [{"id": 1, "title": "Mug", "properties": [{"name": "engraving", "value": "Jane"}],
                "tax_lines": [{"title": "VAT", "rate": 0.21, "note": "Jane"}]}],
            "refunds": [{"id": 2, "note": "Jane was unhappy", "transactions": [{"id": 3, "receipt": {"payer": "Jane"}}]}],
        });
        let kept = facts(Topic::Order, body.to_string().as_bytes()).unwrap();
        let expected = json!({
            "id": 820982911946154508u64, "name": "#1", "total_price": "10.10",
            "total_price_set": {"shop_money": {"amount": exact, "currency_code": "USD"}}, "customer": {"id": 7},
            "billing_address": {"country_code": "BE"}, "payment_gateway_names": ["manual"],
            "line_items": [{"id": 1, "title": "Mug", "tax_lines": [{"title": "VAT", "rate": 0.21}]}],
            "refunds": [{"id": 2, "transactions": [{"id": 3}]}],
        });
        assert_eq!(serde_json::from_slice::<Value>(&kept).unwrap(), expected);
        assert!(String::from_utf8(kept).unwrap().contains("10.10,"), "numbers keep their digits");
    }

    #[test]
    fn a_subject_is_found_by_what_shopify_names_of_it_and_not_by_half_a_number() {
        let subject: Subject = serde_json::from_value(json!({
            "customer": {"id": 4567, "email": "Jane@example.com", "phone": null}, "orders_to_redact": [99],
        }))
        .unwrap();
        assert_eq!((subject.customer_id(), subject.orders().collect::<Vec<_>>()), (Some("4567"), vec!["99"]));
        for body in [r#"{"customer":{"id":4567}}"#, r#"{"email":"JANE@EXAMPLE.COM""#, r#"broken [99"#] {
            assert!(subject.is_named_in(body.as_bytes()), "{body}");
        }
        for body in [r#"{"id":45671}"#, r#"{"id":994567}"#, r#"{"email":"joan@example.com"}"#, ""] {
            assert!(!subject.is_named_in(body.as_bytes()), "{body}");
        }
        let nobody: Subject = serde_json::from_value(json!({"customer": null, "orders_to_redact": null})).unwrap();
        assert!(!nobody.is_named_in(b"anything"));
    }
}
