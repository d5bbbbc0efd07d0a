//! The bodies that Shopify sends, with the fields that its real ones always have.

use chrono::{DateTime, Duration, FixedOffset};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};

use super::goods::{Delivery, Item, TaxLine};
use super::plan::{Kind, Payment};
use super::till::{ORDER, RefundBody, Till, Transaction, moved};

impl Till<'_> {
    fn at(&self, hours: usize) -> String {
        let start: DateTime<FixedOffset> = "2026-11-02T10:15:30-05:00".parse().unwrap();
        (start + Duration::hours(i64::try_from(hours).unwrap())).to_rfc3339()
    }

    /// An amount in the shop's currency: converted and rounded by itself.
    fn shop(&self, minor: i64) -> Decimal {
        let money = self.plan.money;
        let amount = Decimal::new(minor, money.presentment.decimals);
        if money.shop == money.presentment {
            return amount;
        }
        let converted = amount * Decimal::new(money.rate, 6);
        let mut rounded = converted.round_dp_with_strategy(money.shop.decimals, RoundingStrategy::MidpointAwayFromZero);
        rounded.rescale(money.shop.decimals);
        rounded
    }

    fn text(&self, minor: i64) -> String {
        self.shop(minor).to_string()
    }

    fn set(&self, minor: i64) -> Value {
        let money = self.plan.money;
        json!({
            "shop_money": {"amount": self.text(minor), "currency_code": money.shop.code},
            "presentment_money": {
                "amount": Decimal::new(minor, money.presentment.decimals).to_string(),
                "currency_code": money.presentment.code,
            },
        })
    }

    fn status(&self) -> &'static str {
        let (received, refunded) = (self.received(), self.refunded());
        if self.plan.payment_is_authorised() && received == 0 {
            return if self.cancelled.is_some() { "voided" } else { "authorized" };
        }
        match () {
            () if received == 0 && self.total() == 0 => "paid",
            () if received == 0 && self.cancelled.is_some() => "voided",
            () if received == 0 => "pending",
            () if refunded >= received => "refunded",
            () if refunded > 0 => "partially_refunded",
            () if self.outstanding() > 0 => "partially_paid",
            () => "paid",
        }
    }

    /// The whole order as it stands.
    pub(super) fn order(&self) -> Value {
        let plan = self.plan;
        let lines: Vec<Value> = self.items.iter().map(|item| self.item_body(item)).collect();
        let shipping: Vec<Value> = self.shipping.iter().map(|one| self.delivery_body(one)).collect();
        let refunds: Vec<Value> = self.refunds.iter().map(|one| self.refund_body(one)).collect();
        let discounts: i64 = self
            .items
            .iter()
            .flat_map(|item| &item.allocations)
            .chain(self.shipping.iter().flat_map(|one| &one.allocations))
            .map(|(_, amount)| amount)
            .sum();
        let mut gateways: Vec<&str> = self.transactions.iter().map(|one| one.gateway).collect();
        gateways.dedup();
        let address = json!({"first_name": "Jane", "last_name": "Doe", "country_code": "GB", "company": null});
        let customer = json!({"id": 8_001_000_000_001u64, "email": "jane.doe@example.com", "first_name": "Jane",
            "last_name": "Doe"});
        let terms = json!({"payment_terms_name": "Net 30",
            "payment_schedules": [{"due_at": "2026-12-02T10:15:30-05:00", "completed_at": null}]});
        let nullable = |minor: i64| if minor == 0 { Value::Null } else { self.set(minor) };
        let applications: Vec<Value> = self.applications.iter().map(|(title, target)| {
            json!({"type": "manual", "title": title, "target_type": target, "value_type": "fixed_amount"})
        }).collect();
        let mut body = json!({
            "id": ORDER,
            "admin_graphql_api_id": format!("gid://shopify/Order/{ORDER}"),
            "name": "#9001",
            "cancelled_at": self.cancelled.map(|hours| self.at(hours)),
            "confirmed": true,
            "created_at": self.at(0),
            "processed_at": self.at(0),
            "updated_at": self.at(self.now),
            "currency": plan.money.shop.code,
            "presentment_currency": plan.money.presentment.code,
            "customer": if plan.has_customer { customer } else { Value::Null },
            "email": if plan.has_customer { "jane.doe@example.com" } else { "" },
            "billing_address": if plan.has_customer { address.clone() } else { Value::Null },
            "shipping_address": address,
            "discount_applications": applications,
            "financial_status": self.status(),
            "taxes_included": plan.taxes_included,
            "test": false,
            "line_items": lines,
            "shipping_lines": shipping,
            "refunds": refunds,
            "payment_gateway_names": gateways,
            "payment_terms": if matches!(plan.payment, Payment::NetTerms) { terms } else { Value::Null },
            "original_total_duties_set": nullable(plan.duties),
            "original_total_additional_fees_set": nullable(plan.fees),
            "total_cash_rounding_payment_adjustment_set": self.set(self.rounding),
            "total_cash_rounding_refund_adjustment_set": self.set(0),
            "total_outstanding": self.text(self.outstanding()),
        });
        for (name, minor) in [
            ("subtotal_price", self.subtotal()),
            ("total_price", self.total()),
            ("total_tax", self.tax_total()),
            ("total_discounts", discounts),
            ("total_line_items_price", self.goods().map(|item| item.price * item.quantity).sum()),
            ("total_tip_received", self.tip),
            ("current_total_price", self.current_total()),
            ("current_total_tax", self.current_tax()),
        ] {
            body[name] = self.text(minor).into();
            body[format!("{name}_set")] = self.set(minor);
        }
        body
    }

    fn taxes_body(&self, taxes: &[TaxLine]) -> Vec<Value> {
        let line = |tax: &TaxLine| {
            json!({
                "channel_liable": tax.marketplace, "price": self.text(tax.amount), "price_set": self.set(tax.amount),
                "rate": number(Decimal::new(tax.rate, 4).normalize()), "title": tax.title,
            })
        };
        taxes.iter().map(line).collect()
    }

    fn allocations_body(&self, allocations: &[(usize, i64)]) -> Vec<Value> {
        let allocation = |&(application, minor): &(usize, i64)| json!({"amount": self.text(minor), "amount_set": self.set(minor), "discount_application_index": application});
        allocations.iter().map(allocation).collect()
    }

    fn item_body(&self, item: &Item) -> Value {
        let title = match item.kind {
            _ if item.is_tip => "Tip",
            Kind::Goods => "T-shirt",
            Kind::Custom => "Something made for you",
            Kind::Free => "Sticker",
            Kind::GiftCard => "Gift card",
        };
        let product = (item.kind != Kind::Custom).then_some(7_000_000_000_140u64);
        let mut body = json!({
            "id": item.id,
            "admin_graphql_api_id": format!("gid://shopify/LineItem/{}", item.id),
            "current_quantity": item.current,
            "gift_card": item.kind == Kind::GiftCard,
            "name": title,
            "price": self.text(item.price),
            "price_set": self.set(item.price),
            "product_exists": product.is_some(),
            "product_id": product,
            "properties": [],
            "quantity": item.quantity,
            "sku": if product.is_some() { "TEE-M" } else { "" },
            "taxable": !item.taxes.is_empty(),
            "title": title,
            "total_discount": "0.00",
            "variant_title": null,
            "tax_lines": self.taxes_body(&item.taxes),
            "discount_allocations": self.allocations_body(&item.allocations),
        });
        if item.is_tip {
            body["tip_payment_gateway"] = Value::Null;
            body["tip_payment_method"] = Value::Null;
        }
        body
    }

    fn delivery_body(&self, line: &Delivery) -> Value {
        json!({
            "id": line.id,
            "code": "Standard",
            "title": "Standard",
            "price": self.text(line.price),
            "price_set": self.set(line.price),
            "discounted_price": self.text(line.net()),
            "discounted_price_set": self.set(line.net()),
            "is_removed": line.removed,
            "tax_lines": self.taxes_body(&line.taxes),
            "discount_allocations": self.allocations_body(&line.allocations),
        })
    }

    fn transaction_body(&self, one: &Transaction) -> Value {
        let presentment = self.plan.money.presentment;
        let rounding = (self.rounding != 0 && one.gateway == "cash").then(|| self.text(self.rounding));
        json!({
            "id": one.id,
            "admin_graphql_api_id": format!("gid://shopify/OrderTransaction/{}", one.id),
            "amount": Decimal::new(one.stated, presentment.decimals).to_string(),
            "amount_rounding": rounding,
            "created_at": self.at(one.at),
            "currency": presentment.code,
            "gateway": one.gateway,
            "kind": one.kind,
            "order_id": ORDER,
            "parent_id": one.parent,
            "processed_at": self.at(one.at),
            "receipt": {},
            "source_name": "web",
            "status": one.status,
            "test": false,
        })
    }

    fn refund_body(&self, refund: &RefundBody) -> Value {
        let lines: Vec<Value> = refund
            .lines
            .iter()
            .map(|line| {
                json!({
                    "id": refund.id * 10 + line.item % 10,
                    "line_item_id": line.item,
                    "location_id": null,
                    "quantity": line.units,
                    "restock_type": refund.restock,
                    "subtotal": number(self.shop(line.subtotal)),
                    "subtotal_set": self.set(line.subtotal),
                    "total_tax": number(self.shop(line.tax)),
                    "total_tax_set": self.set(line.tax),
                })
            })
            .collect();
        let shipping: Vec<Value> = refund.shipping.iter().filter(|_| refund.in_lines).map(|&(id, amount, _)| {
            json!({"id": id + 1, "shipping_line_id": id, "subtotal_amount_set": self.set(amount)})
        }).collect();
        let adjustment = |kind: &str, reason: &str, amount: i64, tax: i64| {
            json!({
                "id": refund.id + 500, "order_id": ORDER, "refund_id": refund.id, "kind": kind, "reason": reason,
                "amount": self.text(amount), "amount_set": self.set(amount),
                "tax_amount": self.text(tax), "tax_amount_set": self.set(tax),
            })
        };
        let mut adjustments = Vec::new();
        if refund.in_adjustments {
            let given = refund.shipping.iter();
            adjustments
                .extend(given.map(|(_, amount, tax)| adjustment("shipping_refund", "Shipping refund", -amount, -tax)));
        }
        let waits = refund.transactions.iter().any(|one| one.status == "pending");
        if waits {
            // It takes back what the lines say, until the money has moved (§0.1).
            let money: i64 = refund.transactions.iter().map(|one| one.amount).sum();
            adjustments.push(adjustment(
                "refund_discrepancy",
                "Pending refund discrepancy",
                refund.discrepancy + money,
                0,
            ));
        } else if refund.discrepancy != 0 && moved(refund) > 0 {
            adjustments.push(adjustment("refund_discrepancy", "Refund discrepancy", refund.discrepancy, 0));
        }
        let transactions: Vec<Value> = refund.transactions.iter().map(|one| self.transaction_body(one)).collect();
        json!({
            "id": refund.id,
            "admin_graphql_api_id": format!("gid://shopify/Refund/{}", refund.id),
            "additional_fees": [],
            "created_at": self.at(refund.at),
            "duties": [],
            "note": null,
            "order_adjustments": adjustments,
            "order_id": ORDER,
            "processed_at": self.at(refund.at),
            "refund_line_items": lines,
            "refund_shipping_lines": shipping,
            "restock": refund.restock != "no_restock",
            "return": null,
            "transactions": transactions,
            "user_id": null,
        })
    }

    pub(super) fn refund(&self, refund: &RefundBody) -> (String, Value) {
        ("refunds/create".to_owned(), self.refund_body(refund))
    }

    pub(super) fn transaction(&self, one: &Transaction) -> (String, Value) {
        ("order_transactions/create".to_owned(), self.transaction_body(one))
    }

    pub(super) fn order_edit(&self) -> Value {
        json!({"order_edit": {
            "id": 77_000_000_000u64 + u64::try_from(self.now).unwrap(), "order_id": ORDER,
            "created_at": self.at(self.now), "committed_at": self.at(self.now), "notify_customer": false,
            "line_items": {"additions": [], "removals": []},
        }})
    }
}

/// A JSON number with exactly these digits.
fn number(amount: Decimal) -> Value {
    serde_json::from_str(&amount.to_string()).unwrap()
}
