//! The drawn orders themselves: a generator that draws nonsense proves nothing.

use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::Value;

use crate::orders::{Life, lives};

/// An amount on the buyer's side.
fn amount(set: &Value) -> Decimal {
    set["presentment_money"]["amount"].as_str().unwrap_or("0").parse().unwrap()
}

fn sum<'a>(values: impl IntoIterator<Item = &'a Value>, of: impl Fn(&'a Value) -> Decimal) -> Decimal {
    values.into_iter().map(of).sum()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a Vec<Value> {
    value[key].as_array().unwrap()
}

fn taxes(line: &Value) -> Decimal {
    sum(list(line, "tax_lines"), |tax| amount(&tax["price_set"]))
}

fn discounts(line: &Value) -> Decimal {
    sum(list(line, "discount_allocations"), |one| amount(&one["amount_set"]))
}

fn number(value: &Value) -> Decimal {
    value.to_string().parse().unwrap()
}

/// The identities of facts/shopify §2.3, on the body itself.
fn obeys_shopifys_identities(order: &Value) {
    let goods = || list(order, "line_items").iter().filter(|line| line.get("tip_payment_gateway").is_none());
    let shipping = || list(order, "shipping_lines").iter().filter(|line| line["is_removed"] == false);
    let subtotal = sum(goods(), |line| amount(&line["price_set"]) * number(&line["quantity"]) - discounts(line));
    assert_eq!(amount(&order["subtotal_price_set"]), subtotal);
    let tax = sum(goods(), taxes) + sum(shipping(), taxes);
    assert_eq!(amount(&order["total_tax_set"]), tax);
    let delivery = sum(shipping(), |line| amount(&line["price_set"]) - discounts(line));
    assert_eq!(delivery, sum(shipping(), |line| amount(&line["discounted_price_set"])));
    let extra = ["total_tip_received_set", "original_total_duties_set", "original_total_additional_fees_set"]
        .map(|name| amount(&order[name]));
    let on_top = if order["taxes_included"] == true { Decimal::ZERO } else { tax };
    assert_eq!(amount(&order["total_price_set"]), subtotal + delivery + on_top + extra.iter().sum::<Decimal>());
    for line in list(order, "line_items") {
        let quantity = number(&line["quantity"]);
        assert!(amount(&line["price_set"]) * quantity >= discounts(line), "a line below zero: {line}");
        assert!((Decimal::ZERO..=quantity).contains(&number(&line["current_quantity"])), "{line}");
    }
}

/// A refund gives no line more than was paid for it, and its adjustments explain the difference to its money.
fn explains_its_money(refund: &Value, taxes_included: bool) {
    let of = |name: &str| {
        sum(list(refund, "transactions").iter().filter(|one| one["status"] == name), |one| {
            one["amount"].as_str().unwrap().parse().unwrap()
        })
    };
    assert!(of("success") >= Decimal::ZERO && of("pending") >= Decimal::ZERO);
    for line in list(refund, "refund_line_items") {
        let (subtotal, tax) = (amount(&line["subtotal_set"]), amount(&line["total_tax_set"]));
        assert!(subtotal >= Decimal::ZERO && tax >= Decimal::ZERO);
        assert!(!taxes_included || tax <= subtotal || subtotal.is_zero() || tax.is_zero(), "{line}");
    }
}

proptest! {
    #![proptest_config(crate::cases(2_000, 1))]

    #[test]
    fn drawn_orders_obey_shopifys_identities(plan in lives()) {
        let life = Life::of(&plan);
        for (topic, body) in life.deliveries() {
            match topic.as_str() {
                "orders/edited" | "order_transactions/create" => {}
                "refunds/create" => explains_its_money(body, plan.taxes_included),
                _ => obeys_shopifys_identities(body),
            }
        }
        let expected = &life.expected;
        prop_assert!(expected.refunded <= expected.received);
        prop_assert!(!expected.is_cancelled || expected.outstanding <= 0);
        prop_assert_eq!(expected.received, expected.receipts.iter().map(|one| one.1).sum::<i64>());
        prop_assert_eq!(expected.refunded, expected.refunds.iter().map(|one| one.1).sum::<i64>());
    }
}

/// 20.00 over 94, 100, 100 and 100: floored shares, and the cents left over go to the first lines (a real order, §2.3).
#[test]
fn an_order_discount_is_allocated_as_shopify_does() {
    use crate::orders::plan::{Discount, Kind, Line, Money, Payment, Plan, Rates, Tax, Tip};
    let line = |price| Line { kind: Kind::Goods, price, quantity: 1, tax: Tax::None, discount: Discount::None };
    let currency = crate::orders::Currency { code: "HKD", decimals: 2 };
    let plan = Plan {
        money: Money { shop: currency, presentment: currency, rate: 1_000_000 },
        taxes_included: false,
        lines: [9400, 10000, 10000, 10000].map(line).into(),
        // 20.00 of 394.00, in thousandths, rounds to 51: 20.09.
        discount: Discount::Fixed(51),
        shipping: Vec::new(),
        tip: Tip::None,
        duties: 0,
        fees: 0,
        payment: Payment::Unpaid,
        has_customer: true,
        rates: Rates::British,
        events: Vec::new(),
    };
    let life = Life::of(&plan);
    let order = &life.acts[0][0].1;
    let shares: Vec<String> = list(order, "line_items").iter().map(|line| discounts(line).to_string()).collect();
    // 20.09 × 94/394 = 4.7930…, × 100/394 = 5.0989…: floored 4.79 + 3 × 5.09 = 20.06; three cents to the first three.
    assert_eq!(shares, ["4.80", "5.10", "5.10", "5.09"]);
}
