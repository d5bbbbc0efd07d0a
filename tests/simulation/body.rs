//! Shopify's bodies: an order, a refund, a transaction, as the webhooks carry them.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::money::{Cents, text};
use crate::order::{Currencies, Kind, Line, Order, Refund, Shipping, Status, Transaction};

/// A money set: the buyer's amount, and what it is in the shop's currency.
fn set(currencies: Currencies, amount: Cents) -> Value {
    json!({
        "shop_money": {"amount": text(currencies.shop_side(amount)), "currency_code": currencies.shop},
        "presentment_money": {"amount": text(amount), "currency_code": currencies.buyer},
    })
}

fn instant(at: DateTime<Utc>) -> String {
    let offset = chrono::FixedOffset::west_opt(5 * 3600).unwrap();
    at.with_timezone(&offset).to_rfc3339_opts(SecondsFormat::Secs, false)
}

/// A whole order.
pub fn order(order: &Order) -> Value {
    let currencies = order.currencies;
    let address = json!({"first_name": "A", "last_name": "Buyer", "country_code": "GB"});
    let mut body = json!({
        "id": order.id, "name": format!("#{}", order.number), "order_number": order.number,
        "created_at": instant(order.created_at), "processed_at": instant(order.created_at),
        "updated_at": instant(order.updated_at), "cancelled_at": order.cancelled_at.map(instant),
        "currency": currencies.shop, "presentment_currency": currencies.buyer,
        "taxes_included": order.taxes_included, "financial_status": order.financial_status(), "test": false,
        "total_outstanding": text(currencies.shop_side(order.outstanding())),
        "payment_gateway_names": order.gateways(), "source_name": "web",
        "line_items": order.lines.iter().map(|one| line(order, one)).collect::<Vec<_>>(),
        "shipping_lines": order.shipping.iter().map(|one| shipping(order, one)).collect::<Vec<_>>(),
        "refunds": order.refunds.iter().map(|one| refund(order, one)).collect::<Vec<_>>(),
        "total_tip_received": "0.00", "original_total_duties_set": null, "original_total_additional_fees_set": null,
        "email": order.customer.as_ref().map_or("", |one| &one.email),
        "customer": order.customer.as_ref().map(|one| json!({
            "id": one.id, "first_name": one.first_name, "last_name": one.last_name, "email": one.email,
        })),
        "billing_address": address, "shipping_address": address,
    });
    for (name, amount) in [
        ("total_price", order.total()),
        ("subtotal_price", order.subtotal()),
        ("total_tax", order.tax()),
        ("total_discounts", order.discounts()),
        ("total_line_items_price", order.lines.iter().map(|one| one.price * one.quantity).sum()),
        ("current_total_price", order.current_total()),
        ("current_subtotal_price", order.current_subtotal()),
        ("current_total_tax", order.current_tax()),
        ("current_total_discounts", order.lines.iter().map(|one| one.left(one.discount)).sum()),
    ] {
        body[name] = text(currencies.shop_side(amount)).into();
        body[format!("{name}_set")] = set(currencies, amount);
    }
    body["current_shipping_price_set"] = set(currencies, order.current_shipping());
    body["total_cash_rounding_payment_adjustment_set"] = set(currencies, 0);
    body
}

fn tax_lines(currencies: Currencies, rate: Option<i64>, tax: Cents) -> Value {
    let Some(rate) = rate else { return json!([]) };
    // As a JSON number of its own digits: 0.2, 0.0825.
    let rate: Value = serde_json::from_str(&rust_decimal::Decimal::new(rate, 4).normalize().to_string()).unwrap();
    json!([{
        "title": "VAT", "rate": rate, "channel_liable": false,
        "price": text(currencies.shop_side(tax)), "price_set": set(currencies, tax),
    }])
}

fn line(order: &Order, line: &Line) -> Value {
    let currencies = order.currencies;
    let allocations = match line.discount {
        0 => json!([]),
        discount => json!([{
            "amount": text(currencies.shop_side(discount)), "amount_set": set(currencies, discount),
            "discount_application_index": 0,
        }]),
    };
    json!({
        "id": line.id, "title": line.title, "name": line.title, "sku": format!("SKU-{}", line.id % 100),
        "quantity": line.quantity, "current_quantity": line.quantity - line.back,
        "price": text(currencies.shop_side(line.price)), "price_set": set(currencies, line.price),
        "gift_card": false, "taxable": line.tax_rate.is_some(), "total_discount": "0.00",
        "discount_allocations": allocations, "tax_lines": tax_lines(currencies, line.tax_rate, line.tax),
    })
}

fn shipping_id(order: &Order) -> u64 {
    order.id + 50_000_000_000_000
}

fn shipping(order: &Order, shipping: &Shipping) -> Value {
    let price = set(order.currencies, shipping.price);
    json!({
        "id": shipping_id(order), "title": shipping.title, "is_removed": false,
        "price": text(order.currencies.shop_side(shipping.price)), "price_set": price,
        "discounted_price": text(order.currencies.shop_side(shipping.price)), "discounted_price_set": price,
        "discount_allocations": [],
        "tax_lines": tax_lines(order.currencies, shipping.tax_rate, shipping.tax),
    })
}

/// A refund, with its transactions.
pub fn refund(order: &Order, refund: &Refund) -> Value {
    let currencies = order.currencies;
    let shop = |amount: Cents| -> Value { serde_json::from_str(&text(currencies.shop_side(amount))).unwrap() };
    let lines = refund.lines.iter().map(|one| {
        let sold = &order.lines[one.line];
        json!({
            "id": refund.id * 10 + one.line as u64, "line_item_id": sold.id, "quantity": one.quantity,
            "restock_type": if refund.is_of_an_edit { "cancel" } else { "return" }, "subtotal": shop(one.subtotal), "subtotal_set": set(currencies, one.subtotal),
            "total_tax": shop(one.tax), "total_tax_set": set(currencies, one.tax), "line_item": line(order, sold),
        })
    });
    let (shipping_lines, adjustments) = match &order.shipping {
        Some(delivery) if refund.shipping => delivery_back(order, delivery),
        _ => (json!([]), Vec::new()),
    };
    json!({
        "id": refund.id, "order_id": order.id, "created_at": instant(refund.at), "processed_at": instant(refund.at),
        "refund_line_items": lines.collect::<Vec<_>>(), "refund_shipping_lines": shipping_lines,
        "order_adjustments": adjustments,
        "transactions": order.transactions_of(refund.id).map(|one| transaction(order, one)).collect::<Vec<_>>(),
    })
}

/// The delivery that a refund gives back, told twice as Shopify does: without its tax in both places, even where prices
/// contain it (facts §2.5).
fn delivery_back(order: &Order, delivery: &Shipping) -> (Value, Vec<Value>) {
    let currencies = order.currencies;
    let net = if order.taxes_included { delivery.price - delivery.tax } else { delivery.price };
    let line = json!([{"shipping_line_id": shipping_id(order), "subtotal_amount_set": set(currencies, net)}]);
    let adjustment = json!({
        "kind": "shipping_refund", "amount": text(currencies.shop_side(-net)), "amount_set": set(currencies, -net),
        "tax_amount": text(currencies.shop_side(-delivery.tax)), "tax_amount_set": set(currencies, -delivery.tax),
    });
    (line, vec![adjustment])
}

/// What `orders/edited` says: that something was edited, and not what the order is now.
pub fn order_edit(order: &Order, id: u64, at: DateTime<Utc>) -> Value {
    json!({"order_edit": {
        "id": id, "order_id": order.id, "created_at": instant(at), "committed_at": instant(at),
        "notify_customer": false, "line_items": {"additions": [], "removals": []},
    }})
}

/// A transaction: always in the buyer's currency.
pub fn transaction(order: &Order, one: &Transaction) -> Value {
    let kind = match one.kind {
        Kind::Sale => "sale",
        Kind::Authorization => "authorization",
        Kind::Capture => "capture",
        Kind::Refund => "refund",
    };
    let status = match one.status {
        Status::Success => "success",
        Status::Pending => "pending",
        Status::Failure => "failure",
    };
    json!({
        "id": one.id, "order_id": order.id, "kind": kind, "status": status, "gateway": one.gateway,
        "amount": text(one.amount), "currency": order.currencies.buyer, "created_at": instant(one.at),
        "processed_at": instant(one.at), "test": false,
    })
}
