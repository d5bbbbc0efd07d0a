//! A refund as Shopify tells it: what came back, and what it says of the money (facts/shopify §2.5).

use chrono::{DateTime, FixedOffset};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::money::{Amount, Id, MoneySet, Side, null_as_empty, pick};
use super::transaction::Transaction;

/// A refund. Its existence does not say that money moved: only its successful transactions do.
#[derive(Debug, Clone, Deserialize)]
pub struct Refund {
    /// Shopify's id.
    pub id: Id,
    /// Which order.
    #[serde(default)]
    pub order_id: Option<Id>,
    /// When it was made.
    #[serde(default)]
    pub created_at: Option<DateTime<FixedOffset>>,
    /// The date Shopify's reports use.
    #[serde(default)]
    pub processed_at: Option<DateTime<FixedOffset>>,
    /// The goods that it takes back.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub refund_line_items: Vec<RefundLineItem>,
    /// The delivery that it gives back (2024-04 and later).
    #[serde(default, deserialize_with = "null_as_empty")]
    pub refund_shipping_lines: Vec<RefundShippingLine>,
    /// The money.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub transactions: Vec<Transaction>,
    /// Import duties that it gives back.
    #[serde(default)]
    total_duties_set: Option<MoneySet>,
    /// Additional fees that it gives back.
    #[serde(default)]
    total_additional_fees_set: Option<MoneySet>,
    /// Differences, and before 2024-10 delivery.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub order_adjustments: Vec<OrderAdjustment>,
}

impl Refund {
    /// When it happened, as Shopify's reports see it.
    pub fn at(&self) -> Option<DateTime<FixedOffset>> {
        self.processed_at.or(self.created_at)
    }

    /// Import duties given back, on one side.
    pub fn duties(&self, side: Side) -> Decimal {
        self.total_duties_set.map(|set| set.on(side)).unwrap_or_default()
    }

    /// Additional fees given back, on one side.
    pub fn additional_fees(&self, side: Side) -> Decimal {
        self.total_additional_fees_set.map(|set| set.on(side)).unwrap_or_default()
    }
}

/// Goods taken back.
#[derive(Debug, Clone, Deserialize)]
pub struct RefundLineItem {
    /// Which line of the order.
    pub line_item_id: Id,
    /// How many.
    pub quantity: Amount,
    subtotal: Option<Amount>,
    #[serde(default)]
    subtotal_set: Option<MoneySet>,
    total_tax: Option<Amount>,
    #[serde(default)]
    total_tax_set: Option<MoneySet>,
}

impl RefundLineItem {
    /// Its share of the price, after discounts.
    pub fn subtotal(&self, side: Side, one_currency: bool) -> Option<Decimal> {
        pick(&self.subtotal_set, self.subtotal, side, one_currency)
    }
    /// Its share of the tax.
    pub fn tax(&self, side: Side, one_currency: bool) -> Option<Decimal> {
        pick(&self.total_tax_set, self.total_tax, side, one_currency)
    }
}

/// Delivery given back.
#[derive(Debug, Clone, Deserialize)]
pub struct RefundShippingLine {
    /// Which shipping line.
    #[serde(default)]
    pub shipping_line_id: Option<Id>,
    /// How much.
    #[serde(default)]
    pub subtotal_amount_set: Option<MoneySet>,
}

/// A difference between a refund's lines and its money.
#[derive(Debug, Clone, Deserialize)]
pub struct OrderAdjustment {
    /// `shipping_refund` or `refund_discrepancy`.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub kind: String,
    amount: Amount,
    #[serde(default)]
    amount_set: Option<MoneySet>,
    #[serde(default)]
    tax_amount: Option<Amount>,
    #[serde(default)]
    tax_amount_set: Option<MoneySet>,
}

impl OrderAdjustment {
    /// Negative: given to the buyer.
    pub fn amount(&self, side: Side, one_currency: bool) -> Option<Decimal> {
        pick(&self.amount_set, Some(self.amount), side, one_currency)
    }
    /// The tax that goes with it, same sign.
    pub fn tax(&self, side: Side, one_currency: bool) -> Option<Decimal> {
        pick(&self.tax_amount_set, Some(self.tax_amount.unwrap_or_default()), side, one_currency)
    }
}
