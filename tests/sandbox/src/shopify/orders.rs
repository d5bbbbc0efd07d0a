//! Orders as the Admin API shows them, made from what the shop was told. Amounts are written as GraphQL writes them
//! (`"10.0"`), instants in UTC.

use chrono::{SecondsFormat, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::search::Search;
use super::told::{Told, id, instant};
use super::{Shop, graph};
use crate::json;

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn gid(kind: &str, value: &Value) -> Value {
    json!(format!("gid://shopify/{kind}/{}", id(value)))
}

fn at(value: &Value) -> Value {
    let utc =
        |one: chrono::DateTime<chrono::FixedOffset>| one.with_timezone(&Utc).to_rfc3339_opts(SecondsFormat::Secs, true);
    instant(value).map_or(Value::Null, |one| json!(utc(one)))
}

fn upper(value: &Value) -> Value {
    value.as_str().map_or(Value::Null, |text| json!(text.to_ascii_uppercase()))
}

fn or_null(value: &Value) -> Value {
    if value.as_str() == Some("") { Value::Null } else { value.clone() }
}

fn decimal(value: &Value) -> Decimal {
    json::lenient_decimal(value).unwrap_or_default()
}

/// `10` is written `10.0`.
fn wire(amount: Decimal) -> String {
    let text = amount.normalize().to_string();
    if text.contains('.') { text } else { format!("{text}.0") }
}

/// Both currencies of one order, and its rate.
struct Sides {
    shop: String,
    presentment: String,
    /// Shop units for one unit of the buyer's currency.
    rate: Decimal,
}

impl Sides {
    fn of(order: &Value) -> Self {
        let shop = order["currency"].as_str().unwrap_or("USD").to_owned();
        let presentment = order["presentment_currency"].as_str().unwrap_or(&shop).to_owned();
        let set = &order["total_price_set"];
        let (ours, theirs) = (decimal(&set["shop_money"]["amount"]), decimal(&set["presentment_money"]["amount"]));
        let rate = if theirs.is_zero() || shop == presentment { Decimal::ONE } else { ours / theirs };
        Self { shop, presentment, rate }
    }

    fn bag(&self, shop: Decimal, presentment: Decimal) -> Value {
        json!({
            "shopMoney": { "amount": wire(shop), "currencyCode": self.shop },
            "presentmentMoney": { "amount": wire(presentment), "currencyCode": self.presentment },
        })
    }

    /// From the pair where there is one, else from the plain field, which is in the shop's currency.
    fn set(&self, pair: &Value, plain: &Value) -> Value {
        if pair.is_object() {
            return self.bag(decimal(&pair["shop_money"]["amount"]), decimal(&pair["presentment_money"]["amount"]));
        }
        let amount = decimal(plain);
        self.bag(amount, (amount / self.rate).round_dp(2))
    }

    fn optional(&self, pair: &Value) -> Value {
        if pair.is_object() { self.set(pair, &Value::Null) } else { Value::Null }
    }

    /// From an amount in the currency that the buyer paid with.
    fn paid(&self, amount: Decimal) -> Value {
        self.bag((amount * self.rate).round_dp(2), amount)
    }

    fn tax(&self, one: &Value) -> Value {
        json!({
            "title": one["title"].as_str().unwrap_or("Tax"), "rate": one["rate"], "channelLiable": one["channel_liable"],
            "priceSet": self.set(&one["price_set"], &one["price"]),
        })
    }

    fn taxes(&self, one: &Value) -> Value {
        list(&one["tax_lines"]).iter().map(|tax| self.tax(tax)).collect()
    }

    fn discounts(&self, one: &Value) -> Value {
        let show = |part: &Value| json!({ "allocatedAmountSet": self.set(&part["amount_set"], &part["amount"]) });
        list(&one["discount_allocations"]).iter().map(show).collect()
    }

    fn line(&self, one: &Value) -> Value {
        let product = if one["product_id"].is_null() {
            Value::Null
        } else {
            json!({ "legacyResourceId": id(&one["product_id"]).to_string() })
        };
        json!({
            "id": gid("LineItem", &one["id"]), "title": one["title"].as_str().unwrap_or_default(),
            "name": one["name"].as_str().or(one["title"].as_str()).unwrap_or_default(), "sku": one["sku"],
            "quantity": one["quantity"], "currentQuantity": if one["current_quantity"].is_null() { &one["quantity"] } else { &one["current_quantity"] },
            "isGiftCard": one["gift_card"] == true, "product": product,
            "originalUnitPriceSet": self.set(&one["price_set"], &one["price"]), "taxLines": self.taxes(one),
            "discountAllocations": self.discounts(one), "duties": self.duties(one),
        })
    }

    fn duties(&self, line: &Value) -> Value {
        let duty =
            |one: &Value| json!({ "price": self.set(one, &one["shop_money"]["amount"]), "taxLines": self.taxes(one) });
        line["duties"].as_array().into_iter().flatten().map(duty).collect()
    }

    fn shipping_line(&self, one: &Value) -> Value {
        json!({
            "id": gid("ShippingLine", &one["id"]), "title": one["title"].as_str().unwrap_or_default(),
            "isRemoved": one["is_removed"] == true, "originalPriceSet": self.set(&one["price_set"], &one["price"]),
            "taxLines": self.taxes(one), "discountAllocations": self.discounts(one),
        })
    }

    fn transaction(&self, one: &Value) -> Value {
        let rounding =
            if one["amount_rounding"].is_null() { Value::Null } else { self.paid(decimal(&one["amount_rounding"])) };
        let parent = if one["parent_id"].is_null() {
            Value::Null
        } else {
            json!({ "id": gid("OrderTransaction", &one["parent_id"]) })
        };
        let amount = decimal(&one["amount"]);
        // What was paid in the shop's own currency although the buyer saw another.
        let in_shop = one["currency"].as_str() == Some(self.shop.as_str()) && self.shop != self.presentment;
        let set = match one["amount_set"].is_object() {
            true => self.set(&one["amount_set"], &Value::Null),
            false if in_shop => self.bag(amount, (amount / self.rate).round_dp(2)),
            false => self.paid(amount),
        };
        let created = if one["created_at"].is_null() { at(&one["processed_at"]) } else { at(&one["created_at"]) };
        json!({
            "id": gid("OrderTransaction", &one["id"]), "kind": upper(&one["kind"]), "status": upper(&one["status"]),
            "gateway": one["gateway"], "createdAt": created, "processedAt": at(&one["processed_at"]), "test": one["test"] == true,
            "amountSet": set, "amountRoundingSet": rounding, "parentTransaction": parent,
        })
    }

    fn refund(&self, one: &Value, order: &Value, told: &Told) -> Value {
        let line = |line: &Value| {
            json!({
                "lineItem": { "id": gid("LineItem", &line["line_item_id"]) }, "quantity": line["quantity"],
                "restockType": line["restock_type"].as_str().unwrap_or("no_restock").to_ascii_uppercase(),
                "subtotalSet": self.set(&line["subtotal_set"], &line["subtotal"]),
                "totalTaxSet": self.set(&line["total_tax_set"], &line["total_tax"]),
            })
        };
        let adjustments = list(&one["order_adjustments"]);
        let adjustment = |part: &Value| {
            json!({
                "id": gid("OrderAdjustment", &part["id"]), "reason": "REFUND_DISCREPANCY",
                "amountSet": self.set(&part["amount_set"], &part["amount"]),
                "taxAmountSet": self.set(&part["tax_amount_set"], &part["tax_amount"]),
            })
        };
        let is_shipping = |part: &&Value| part["kind"] == "shipping_refund";
        let newest = |part: &Value| told.transactions.get(&id(&part["id"])).cloned().unwrap_or_else(|| part.clone());
        let created = if one["created_at"].is_null() { at(&one["processed_at"]) } else { at(&one["created_at"]) };
        let processed = if one["processed_at"].is_null() { created.clone() } else { at(&one["processed_at"]) };
        let duties: Vec<Value> = match self.optional(&one["total_duties_set"]) {
            Value::Null => Vec::new(),
            set => vec![json!({ "amountSet": set })],
        };
        json!({
            "id": gid("Refund", &one["id"]), "legacyResourceId": id(&one["id"]).to_string(), "createdAt": created,
            "processedAt": processed, "duties": duties,
            "refundLineItems": graph::connection(list(&one["refund_line_items"]).iter().map(line).collect()),
            "refundShippingLines": graph::connection(self.refunded_shipping(one, order)),
            "orderAdjustments": graph::connection(adjustments.iter().filter(|part| !is_shipping(part)).map(adjustment).collect()),
            "transactions": graph::connection(list(&one["transactions"]).iter().map(|part| self.transaction(&newest(part))).collect()),
        })
    }

    /// Shipping given back: in lines of its own here, even where the webhook's body tells of it the old way.
    fn refunded_shipping(&self, refund: &Value, order: &Value) -> Vec<Value> {
        let lines = list(&refund["refund_shipping_lines"]);
        let show = |number: u64, line: Value, subtotal: Value, tax: Value| {
            json!({
                "id": format!("gid://shopify/RefundShippingLine/{number}"), "shippingLine": { "id": line },
                "subtotalAmountSet": subtotal, "taxAmountSet": tax,
            })
        };
        if !lines.is_empty() {
            let of = |line: &Value| {
                let tax = self.set(&line["tax_amount_set"], &json!("0"));
                show(
                    id(&line["id"]),
                    gid("ShippingLine", &line["shipping_line_id"]),
                    self.set(&line["subtotal_amount_set"], &json!("0")),
                    tax,
                )
            };
            return lines.iter().map(of).collect();
        }
        let old: Vec<&Value> =
            list(&refund["order_adjustments"]).iter().filter(|one| one["kind"] == "shipping_refund").collect();
        let total = |set: &str, plain: &str, side: &str| -> Decimal {
            old.iter().map(|one| decimal(&json!(self.set(&one[set], &one[plain])[side]["amount"]))).sum::<Decimal>()
                * Decimal::NEGATIVE_ONE
        };
        if old.is_empty() {
            return Vec::new();
        }
        let sum =
            |set: &str, plain: &str| self.bag(total(set, plain, "shopMoney"), total(set, plain, "presentmentMoney"));
        let line = gid("ShippingLine", &order["shipping_lines"][0]["id"]);
        vec![show(id(&old[0]["id"]), line, sum("amount_set", "amount"), sum("tax_amount_set", "tax_amount"))]
    }
}

fn address(one: &Value) -> Value {
    if one.is_null() {
        return Value::Null;
    }
    json!({
        "firstName": or_null(&one["first_name"]), "lastName": or_null(&one["last_name"]), "company": or_null(&one["company"]),
        "address1": one["address1"], "address2": one["address2"], "city": one["city"], "province": one["province"],
        "provinceCode": one["province_code"], "zip": one["zip"], "country": one["country"], "countryCodeV2": one["country_code"],
    })
}

fn customer(one: &Value) -> Value {
    if one.is_null() {
        return Value::Null;
    }
    let email = or_null(&one["email"]);
    let email = if email.is_null() { Value::Null } else { json!({ "emailAddress": email }) };
    json!({
        "id": gid("Customer", &one["id"]), "legacyResourceId": id(&one["id"]).to_string(), "firstName": one["first_name"],
        "lastName": one["last_name"], "defaultEmailAddress": email,
    })
}

fn show(order: &Value, told: &Told) -> Value {
    let sides = Sides::of(order);
    let set = |name: &str| sides.set(&order[format!("{name}_set")], &order[name]);
    let moved = |wanted: &dyn Fn(&Value) -> bool| {
        let amounts = told.transactions.values().filter(|one| one["status"] == "success" && wanted(one));
        let total: Decimal =
            amounts.map(|one| decimal(&sides.transaction(one)["amountSet"]["presentmentMoney"]["amount"])).sum();
        sides.paid(total)
    };
    let schedules: Vec<Value> = list(&order["payment_terms"]["payment_schedules"])
        .iter()
        .map(|one| json!({ "dueAt": at(&one["due_at"]) }))
        .collect();
    let terms = if order["payment_terms"].is_null() {
        Value::Null
    } else {
        json!({ "paymentSchedules": graph::connection(schedules) })
    };
    let company = match &order["company"]["id"] {
        Value::Null => Value::Null,
        one => json!({ "__typename": "PurchasingCompany", "company": { "id": gid("Company", one) } }),
    };
    let refunds: Vec<Value> = told.refunds.values().map(|one| sides.refund(one, order, told)).collect();
    let gateways: Vec<&str> = list(&order["payment_gateway_names"]).iter().filter_map(Value::as_str).collect();
    let rounding = |name: &str| match sides.optional(&order[name]) {
        Value::Null => sides.bag(Decimal::ZERO, Decimal::ZERO),
        set => set,
    };
    json!({
        "id": gid("Order", &order["id"]), "legacyResourceId": id(&order["id"]).to_string(), "name": order["name"],
        "createdAt": at(&order["created_at"]), "updatedAt": if order["updated_at"].is_null() { at(&order["created_at"]) } else { at(&order["updated_at"]) },
        "processedAt": if order["processed_at"].is_null() { at(&order["created_at"]) } else { at(&order["processed_at"]) },
        "cancelledAt": at(&order["cancelled_at"]), "test": order["test"] == true, "currencyCode": sides.shop,
        "presentmentCurrencyCode": sides.presentment, "taxesIncluded": order["taxes_included"] == true,
        "taxExempt": order["tax_exempt"] == true, "totalTaxSet": set("total_tax"),
        "dutiesIncluded": order["duties_included"] == true, "displayFinancialStatus": upper(&order["financial_status"]),
        "email": or_null(&order["email"]), "paymentGatewayNames": gateways, "totalPriceSet": set("total_price"),
        "currentTotalPriceSet": if order["current_total_price"].is_null() { set("total_price") } else { set("current_total_price") },
        "currentTotalTaxSet": if order["current_total_tax"].is_null() { Value::Null } else { set("current_total_tax") },
        "totalOutstandingSet": sides.set(&Value::Null, &order["total_outstanding"]), "totalTipReceivedSet": set("total_tip_received"),
        "originalTotalDutiesSet": sides.optional(&order["original_total_duties_set"]),
        "originalTotalAdditionalFeesSet": sides.optional(&order["original_total_additional_fees_set"]),
        "totalCashRoundingAdjustment": {
            "paymentSet": rounding("total_cash_rounding_payment_adjustment_set"),
            "refundSet": rounding("total_cash_rounding_refund_adjustment_set"),
        },
        "totalReceivedSet": moved(&|one| matches!(one["kind"].as_str(), Some("sale" | "capture"))),
        "totalRefundedSet": moved(&|one| one["kind"] == "refund"),
        "customer": customer(&order["customer"]), "purchasingEntity": company, "billingAddress": address(&order["billing_address"]),
        "shippingAddress": address(&order["shipping_address"]), "paymentTerms": terms,
        "lineItems": graph::connection(list(&order["line_items"]).iter().map(|one| sides.line(one)).collect()),
        "shippingLines": graph::connection(list(&order["shipping_lines"]).iter().map(|one| sides.shipping_line(one)).collect()),
        "transactions": told.transactions.values().map(|one| sides.transaction(one)).collect::<Value>(), "refunds": refunds,
    })
}

impl Shop {
    fn seen(&self, number: u64) -> Option<Value> {
        let told = self.told.get(&number).filter(|_| !self.hidden.contains(&number))?;
        Some(show(told.order.as_ref()?, told))
    }

    pub(super) fn order(&self, gid: &str) -> Option<Value> {
        self.seen(gid.strip_prefix("gid://shopify/Order/")?.parse().ok()?)
    }

    pub(super) fn refund(&self, gid: &str) -> Option<Value> {
        let orders = self.told.keys().filter_map(|number| self.seen(*number));
        orders.flat_map(|order| list(&order["refunds"]).to_vec()).find(|refund| refund["id"] == gid)
    }

    /// The orders that a filter means, sorted; a list ends where Shopify's do.
    pub(super) fn listed(&self, filter: &str, sort: &str) -> graph::Resolved {
        let mut found = self.found(filter)?;
        let key = match sort {
            "UPDATED_AT" => "updatedAt",
            "CREATED_AT" => "createdAt",
            "" | "PROCESSED_AT" => "processedAt",
            other => return Err(graph::refusal(&format!("no sort key `{other}`"))),
        };
        found.sort_by_key(|order| (instant(&order[key]), id(&order["legacyResourceId"])));
        found.truncate(self.most_listed);
        Ok(graph::connection(found))
    }

    /// How many orders a filter means. Without a limit there is `null`, said aloud: left out it is 10,000.
    pub(super) fn counted(&self, filter: &str, limit: Option<&Value>) -> graph::Resolved {
        let limit = match limit {
            None => 10_000,
            Some(Value::Null) => usize::MAX,
            Some(limit) => {
                let limit = limit.as_u64().ok_or_else(|| graph::refusal("the limit is no number"))?;
                usize::try_from(limit).unwrap_or(usize::MAX)
            }
        };
        let (count, most) = (self.found(filter)?.len(), limit.min(self.most_listed));
        Ok(json!({ "count": count.min(most), "precision": if count > most { "AT_LEAST" } else { "EXACT" } }))
    }

    fn found(&self, filter: &str) -> Result<Vec<Value>, Value> {
        let search = Search::parse(filter)?;
        Ok(self.told.keys().filter_map(|number| self.seen(*number)).filter(|order| search.finds(order)).collect())
    }
}
