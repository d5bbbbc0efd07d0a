//! From the Admin API's shape to the webhooks' own: the same fields under the same names, amounts with the currency's
//! decimals, instants in the shop's time, so that an order that was fetched is read by the very code that reads one that
//! was delivered.

use std::collections::VecDeque;

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Question, Trouble, about};
use crate::books::money::{Currency, parse_amount};
use crate::shopify::money::MoneySet;

/// One order being fetched: asks for the order, for further lines, and for each refund. It can be put down between two
/// questions and taken up again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OrderFetch {
    gid: String,
    wanted: VecDeque<Wanted>,
    order: Map<String, Value>,
    updated_at: Value,
    /// The shop's offset from UTC.
    offset_minutes: Option<i32>,
    lines: Vec<Value>,
    refunds: Vec<Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Wanted {
    Order,
    Lines(Value),
    Refund(Value, Value),
}

/// What a fetch needs next.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Another question.
    Ask(Question),
    /// Nothing: this is the order, in the webhooks' shape.
    Done(Value),
    /// Nothing: Shopify does not know the order, or does not show it (older than 60 days without `read_all_orders`).
    Gone,
}

impl OrderFetch {
    /// Begins with an order, by its numeric id.
    pub fn new(order_id: &str) -> Self {
        Self {
            gid: format!("gid://shopify/Order/{order_id}"),
            wanted: VecDeque::from([Wanted::Order]),
            order: Map::new(),
            updated_at: Value::Null,
            offset_minutes: None,
            lines: Vec::new(),
            refunds: Vec::new(),
        }
    }

    /// What to ask, or what came of it.
    pub fn proceed(&mut self) -> Step {
        match self.wanted.front() {
            Some(Wanted::Order) => Step::Ask(about("Order", json!({ "id": self.gid }))),
            Some(Wanted::Lines(after)) => Step::Ask(about("OrderLines", json!({ "id": self.gid, "after": after }))),
            Some(Wanted::Refund(id, after)) => Step::Ask(about("Refund", json!({ "id": id, "after": after }))),
            None if self.order.is_empty() => Step::Gone,
            None => {
                let mut order = std::mem::take(&mut self.order);
                order.insert("line_items".into(), Value::Array(std::mem::take(&mut self.lines)));
                order.insert("refunds".into(), Value::Array(std::mem::take(&mut self.refunds)));
                let mut order = Value::Object(order);
                if let Some(offset) = self.offset_minutes.and_then(|minutes| FixedOffset::east_opt(minutes * 60)) {
                    rewrite_instants(&mut order, &|at| at.with_timezone(&offset).to_rfc3339());
                }
                Step::Done(order)
            }
        }
    }

    /// Takes an answer's data in.
    pub fn take(&mut self, data: &Value) -> Result<(), Trouble> {
        match self.wanted.pop_front() {
            Some(Wanted::Order) => {
                let minutes = data["shop"]["timezoneOffsetMinutes"].as_i64();
                self.offset_minutes = minutes.and_then(|minutes| i32::try_from(minutes).ok());
                self.take_order(&data["order"]);
            }
            Some(Wanted::Lines(_)) => {
                // Pages of two different states of the order do not belong together.
                if data["order"]["updatedAt"] != self.updated_at {
                    return Err(Trouble::Later("the order changed while it was fetched".into()));
                }
                self.take_lines(&data["order"]["lineItems"]);
            }
            Some(Wanted::Refund(..)) => self.take_refund(&data["refund"])?,
            None => {}
        }
        Ok(())
    }

    fn take_order(&mut self, from: &Value) {
        if from.is_null() {
            return;
        }
        self.order = order(from);
        self.updated_at = from["updatedAt"].clone();
        self.take_lines(&from["lineItems"]);
        for refund in items(&from["refunds"]) {
            self.wanted.push_back(Wanted::Refund(refund["id"].clone(), Value::Null));
        }
    }

    fn take_lines(&mut self, page: &Value) {
        self.lines.extend(items(&page["nodes"]).iter().map(line));
        if page["pageInfo"]["hasNextPage"] == true {
            self.wanted.push_front(Wanted::Lines(page["pageInfo"]["endCursor"].clone()));
        }
    }

    fn take_refund(&mut self, from: &Value) -> Result<(), Trouble> {
        if from.is_null() {
            return Err(Trouble::Later("a refund vanished while its order was fetched".into()));
        }
        let page = &from["refundLineItems"];
        let lines: Vec<Value> = items(&page["nodes"]).iter().map(refund_line).collect();
        let id = number(&from["legacyResourceId"]);
        match self.refunds.iter_mut().find(|one| one["id"] == id) {
            Some(known) => {
                if let Some(list) = known["refund_line_items"].as_array_mut() {
                    list.extend(lines);
                }
            }
            None => self.refunds.push(refund(from, self.order.get("id").cloned().unwrap_or_default(), lines)),
        }
        if page["pageInfo"]["hasNextPage"] == true {
            let gid = Value::from(format!("gid://shopify/Refund/{id}"));
            self.wanted.push_front(Wanted::Refund(gid, page["pageInfo"]["endCursor"].clone()));
        }
        Ok(())
    }
}

pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The number of `gid://shopify/LineItem/123`, or of `"123"`.
fn number(value: &Value) -> Value {
    let text = value.as_str().unwrap_or_default();
    let digits = text.rsplit('/').next().unwrap_or_default().split('?').next().unwrap_or_default();
    digits.parse::<u64>().map_or(Value::Null, Value::from)
}

fn lower(value: &Value) -> Value {
    value.as_str().map_or(Value::Null, |text| text.to_ascii_lowercase().into())
}

/// An amount as the webhooks write it: `"10.0"` of a currency with two decimals is `"10.00"`. No digit is ever lost.
fn amount(money: &Value) -> Value {
    let currency = money["currencyCode"].as_str().and_then(|code| code.parse::<Currency>().ok());
    let text = money["amount"].as_str().unwrap_or_default();
    match (currency, parse_amount(text)) {
        (Some(currency), Ok(value)) => currency.plain(value).into(),
        _ => money["amount"].clone(),
    }
}

/// Both sides of an amount.
pub(super) fn both(bag: &Value) -> Value {
    let money = |side: &str| json!({ "amount": amount(&bag[side]), "currency_code": bag[side]["currencyCode"] });
    if bag.is_null() {
        return Value::Null;
    }
    json!({ "shop_money": money("shopMoney"), "presentment_money": money("presentmentMoney") })
}

fn shop_amount(bag: &Value) -> Value {
    amount(&bag["shopMoney"])
}

/// Rewrites every instant in a body.
fn rewrite_instants(value: &mut Value, write: &dyn Fn(DateTime<FixedOffset>) -> String) {
    match value {
        Value::String(text) => {
            // Only what begins as a date does is looked at; names of goods may hold anything.
            let looks = text.len() >= 20 && text.as_bytes().get(10) == Some(&b'T');
            if let Some(at) = looks.then(|| DateTime::parse_from_rfc3339(text).ok()).flatten() {
                *text = write(at);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|one| rewrite_instants(one, write)),
        Value::Object(map) => map.values_mut().for_each(|one| rewrite_instants(one, write)),
        _ => {}
    }
}

/// Gives a fetched order the spelling of instants that earlier deliveries used: the shop's offset of today is not that of
/// half a year ago, and an accounting date must not depend on which way the order came.
pub fn keep_spelling(fetched: &mut Value, earlier: &[Value]) {
    let mut known = std::collections::BTreeMap::new();
    for body in earlier {
        let seen = std::cell::RefCell::new(Vec::new());
        let mut copy = body.clone();
        rewrite_instants(&mut copy, &|at| {
            seen.borrow_mut().push(at);
            String::new()
        });
        known.extend(seen.into_inner().into_iter().map(|at| (at.timestamp_micros(), at)));
    }
    rewrite_instants(fetched, &|at| known.get(&at.timestamp_micros()).copied().unwrap_or(at).to_rfc3339());
}

fn order(from: &Value) -> Map<String, Value> {
    let list =
        |key: &str, read: fn(&Value) -> Value| -> Value { items(&from[key]["nodes"]).iter().map(read).collect() };
    let id = number(&from["legacyResourceId"]);
    let schedules: Vec<Value> = items(&from["paymentTerms"]["paymentSchedules"]["nodes"])
        .iter()
        .map(|one| json!({ "due_at": one["dueAt"] }))
        .collect();
    let terms = if from["paymentTerms"].is_null() { Value::Null } else { json!({ "payment_schedules": schedules }) };
    let company = &from["purchasingEntity"]["company"];
    let transactions: Vec<Value> = items(&from["transactions"]).iter().map(|one| transaction(one, &id)).collect();
    let rounding = &from["totalCashRoundingAdjustment"];
    let fields = [
        ("id", id),
        ("name", from["name"].clone()),
        ("created_at", from["createdAt"].clone()),
        ("processed_at", from["processedAt"].clone()),
        ("updated_at", from["updatedAt"].clone()),
        ("cancelled_at", from["cancelledAt"].clone()),
        ("test", from["test"].clone()),
        ("currency", from["currencyCode"].clone()),
        ("presentment_currency", from["presentmentCurrencyCode"].clone()),
        ("taxes_included", from["taxesIncluded"].clone()),
        ("tax_exempt", from["taxExempt"].clone()),
        ("duties_included", from["dutiesIncluded"].clone()),
        ("financial_status", lower(&from["displayFinancialStatus"])),
        ("email", from["email"].clone()),
        ("payment_gateway_names", from["paymentGatewayNames"].clone()),
        ("total_price", shop_amount(&from["totalPriceSet"])),
        ("total_price_set", both(&from["totalPriceSet"])),
        ("current_total_price", shop_amount(&from["currentTotalPriceSet"])),
        ("current_total_price_set", both(&from["currentTotalPriceSet"])),
        ("total_tax", shop_amount(&from["totalTaxSet"])),
        ("total_tax_set", both(&from["totalTaxSet"])),
        ("current_total_tax", shop_amount(&from["currentTotalTaxSet"])),
        ("current_total_tax_set", both(&from["currentTotalTaxSet"])),
        ("total_outstanding", shop_amount(&from["totalOutstandingSet"])),
        ("total_tip_received", shop_amount(&from["totalTipReceivedSet"])),
        ("total_tip_received_set", both(&from["totalTipReceivedSet"])),
        ("original_total_duties_set", both(&from["originalTotalDutiesSet"])),
        ("original_total_additional_fees_set", both(&from["originalTotalAdditionalFeesSet"])),
        ("total_cash_rounding_payment_adjustment_set", both(&rounding["paymentSet"])),
        ("total_cash_rounding_refund_adjustment_set", both(&rounding["refundSet"])),
        ("customer", customer(&from["customer"])),
        ("company", if company.is_null() { Value::Null } else { json!({ "id": number(&company["id"]) }) }),
        ("billing_address", address(&from["billingAddress"])),
        ("shipping_address", address(&from["shippingAddress"])),
        ("payment_terms", terms),
        ("shipping_lines", list("shippingLines", shipping_line)),
        ("transactions", Value::Array(transactions)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn customer(from: &Value) -> Value {
    if from.is_null() {
        return Value::Null;
    }
    json!({
        "id": number(&from["legacyResourceId"]), "first_name": from["firstName"], "last_name": from["lastName"],
        "email": from["defaultEmailAddress"]["emailAddress"],
    })
}

fn address(from: &Value) -> Value {
    if from.is_null() {
        return Value::Null;
    }
    json!({
        "first_name": from["firstName"], "last_name": from["lastName"], "company": from["company"],
        "address1": from["address1"], "address2": from["address2"], "city": from["city"], "province": from["province"],
        "province_code": from["provinceCode"], "zip": from["zip"], "country": from["country"],
        "country_code": from["countryCodeV2"],
    })
}

fn tax(from: &Value) -> Value {
    json!({
        "title": from["title"], "rate": from["rate"], "channel_liable": from["channelLiable"],
        "price": shop_amount(&from["priceSet"]), "price_set": both(&from["priceSet"]),
    })
}

fn discount(from: &Value) -> Value {
    let bag = &from["allocatedAmountSet"];
    json!({ "amount": shop_amount(bag), "amount_set": both(bag) })
}

fn line(from: &Value) -> Value {
    json!({
        "id": number(&from["id"]), "title": from["title"], "name": from["name"], "sku": from["sku"],
        "quantity": from["quantity"], "current_quantity": from["currentQuantity"], "gift_card": from["isGiftCard"],
        "product_id": number(&from["product"]["legacyResourceId"]),
        "price": shop_amount(&from["originalUnitPriceSet"]), "price_set": both(&from["originalUnitPriceSet"]),
        "tax_lines": items(&from["taxLines"]).iter().map(tax).collect::<Value>(),
        "duties": items(&from["duties"]).iter().map(duty).collect::<Value>(),
        "discount_allocations": items(&from["discountAllocations"]).iter().map(discount).collect::<Value>(),
    })
}

fn duty(from: &Value) -> Value {
    let mut duty = both(&from["price"]);
    duty["tax_lines"] = items(&from["taxLines"]).iter().map(tax).collect();
    duty
}

fn shipping_line(from: &Value) -> Value {
    json!({
        "id": number(&from["id"]), "title": from["title"], "is_removed": from["isRemoved"],
        "price": shop_amount(&from["originalPriceSet"]), "price_set": both(&from["originalPriceSet"]),
        "tax_lines": items(&from["taxLines"]).iter().map(tax).collect::<Value>(),
        "discount_allocations": items(&from["discountAllocations"]).iter().map(discount).collect::<Value>(),
    })
}

/// `amount` is in the currency that the buyer paid with, as in the webhooks; `amount_set` is what really moved.
fn transaction(from: &Value, order_id: &Value) -> Value {
    let paid = &from["amountSet"]["presentmentMoney"];
    json!({
        "id": number(&from["id"]), "order_id": order_id, "kind": lower(&from["kind"]), "status": lower(&from["status"]),
        "gateway": from["gateway"], "created_at": from["createdAt"], "processed_at": from["processedAt"], "test": from["test"],
        "amount": amount(paid), "currency": paid["currencyCode"], "amount_set": both(&from["amountSet"]),
        "amount_rounding": amount(&from["amountRoundingSet"]["presentmentMoney"]),
        "parent_id": number(&from["parentTransaction"]["id"]),
    })
}

fn refund_line(from: &Value) -> Value {
    json!({
        "line_item_id": number(&from["lineItem"]["id"]), "quantity": from["quantity"], "restock_type": lower(&from["restockType"]),
        "subtotal": shop_amount(&from["subtotalSet"]), "subtotal_set": both(&from["subtotalSet"]),
        "total_tax": shop_amount(&from["totalTaxSet"]), "total_tax_set": both(&from["totalTaxSet"]),
    })
}

/// Shipping given back is in `refund_shipping_lines` alone: this API has no adjustment for it, so it is counted once.
fn refund(from: &Value, order_id: Value, lines: Vec<Value>) -> Value {
    let movements =
        items(&from["transactions"]["nodes"]).iter().map(|one| transaction(one, &order_id)).collect::<Value>();
    let shipping = items(&from["refundShippingLines"]["nodes"]).iter().map(|one| {
        json!({
            "id": number(&one["id"]), "shipping_line_id": number(&one["shippingLine"]["id"]),
            "subtotal_amount_set": both(&one["subtotalAmountSet"]), "tax_amount_set": both(&one["taxAmountSet"]),
        })
    });
    let adjustments = items(&from["orderAdjustments"]["nodes"]).iter().map(|one| {
        json!({
            "id": number(&one["id"]), "kind": "refund_discrepancy", "reason": lower(&one["reason"]),
            "amount": shop_amount(&one["amountSet"]), "amount_set": both(&one["amountSet"]),
            "tax_amount": shop_amount(&one["taxAmountSet"]), "tax_amount_set": both(&one["taxAmountSet"]),
        })
    });
    json!({
        "id": number(&from["legacyResourceId"]), "order_id": order_id, "created_at": from["createdAt"],
        "processed_at": from["processedAt"], "refund_line_items": lines, "refund_shipping_lines": shipping.collect::<Value>(),
        "order_adjustments": adjustments.collect::<Value>(), "transactions": movements,
        "total_duties_set": sum(items(&from["duties"]).iter().map(|one| both(&one["amountSet"]))),
    })
}

/// The sum of amounts on both sides; null for none.
fn sum(sets: impl Iterator<Item = Value>) -> Value {
    let sets: Vec<(Value, MoneySet)> =
        sets.filter_map(|set| Some((set.clone(), serde_json::from_value(set).ok()?))).collect();
    let Some((first, _)) = sets.first() else { return Value::Null };
    let mut total = first.clone();
    for (side, amount) in [
        ("shop_money", |set: &MoneySet| set.shop_money.amount.0),
        ("presentment_money", |set: &MoneySet| set.presentment_money.amount.0),
    ] as [(&str, fn(&MoneySet) -> rust_decimal::Decimal); 2]
    {
        total[side]["amount"] =
            sets.iter().map(|(_, set)| amount(set)).sum::<rust_decimal::Decimal>().to_string().into();
    }
    total
}
