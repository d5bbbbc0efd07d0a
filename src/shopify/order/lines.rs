//! What an order sells and delivers, line by line, with the discounts and taxes on it.

use rust_decimal::Decimal;
use serde::Deserialize;

use crate::shopify::money::{Amount, Id, Money, MoneySet, Rate, Side, null_as_empty, pick};

/// A tax on a line.
#[derive(Debug, Clone, Deserialize)]
pub struct TaxLine {
    /// Free text, such as `VAT`.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub title: String,
    /// 0.2 for 20 %.
    #[serde(default)]
    pub rate: Option<Rate>,
    price: Amount,
    #[serde(default)]
    price_set: Option<MoneySet>,
    /// True if the marketplace remits it itself.
    #[serde(default)]
    pub channel_liable: Option<bool>,
}

/// A discount's share of a line.
#[derive(Debug, Clone, Deserialize)]
pub struct DiscountAllocation {
    amount: Amount,
    #[serde(default)]
    amount_set: Option<MoneySet>,
}

fn sum<'a, T: 'a>(parts: impl IntoIterator<Item = &'a T>, amount: impl Fn(&T) -> Option<Decimal>) -> Option<Decimal> {
    parts.into_iter().try_fold(Decimal::ZERO, |total, part| Some(total + amount(part)?))
}

impl TaxLine {
    /// The tax on one side.
    pub fn amount(&self, side: Side, one_currency: bool) -> Option<Decimal> {
        pick(&self.price_set, Some(self.price), side, one_currency)
    }
}

fn discount_of(parts: &[DiscountAllocation], side: Side, one_currency: bool) -> Option<Decimal> {
    sum(parts, |part| pick(&part.amount_set, Some(part.amount), side, one_currency))
}

/// One line of goods.
#[derive(Debug, Clone, Deserialize)]
pub struct LineItem {
    /// Shopify's id.
    pub id: Id,
    /// Title of the product.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub title: String,
    /// Title and variant.
    #[serde(default)]
    pub name: Option<String>,
    /// Stock keeping unit; "" and null are common.
    #[serde(default)]
    pub sku: Option<String>,
    /// How many were sold, refunded and removed ones included.
    pub quantity: Amount,
    /// How many are left after edits and returns.
    #[serde(default)]
    pub current_quantity: Option<Amount>,
    price: Amount,
    #[serde(default)]
    price_set: Option<MoneySet>,
    /// The product; null for custom items and for products that were deleted since.
    #[serde(default)]
    product_id: Option<serde::de::IgnoredAny>,
    /// True for a gift card sold: a liability.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub gift_card: bool,
    /// Taxes of the whole original quantity.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub tax_lines: Vec<TaxLine>,
    /// Import duties on it.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub duties: Vec<Duty>,
    #[serde(default, deserialize_with = "null_as_empty")]
    discount_allocations: Vec<DiscountAllocation>,
    #[serde(default, deserialize_with = "present")]
    tip_payment_gateway: bool,
    #[serde(default, deserialize_with = "present")]
    tip_payment_method: bool,
}

/// True wherever the key is in the body, whatever its value: the mark of a tip may be null.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl LineItem {
    /// What people call it: title and variant, or the title alone.
    pub fn title(&self) -> &str {
        self.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&self.title)
    }

    /// The unit price before discounts.
    pub fn unit_price(&self, side: Side, one_currency: bool) -> Option<Decimal> {
        pick(&self.price_set, Some(self.price), side, one_currency)
    }

    /// All discounts on the line. `total_discount` is not read: it is 0.00 on discounted lines.
    pub fn discount(&self, side: Side, one_currency: bool) -> Option<Decimal> {
        discount_of(&self.discount_allocations, side, one_currency)
    }

    /// How many discounts are on it.
    pub fn discounts(&self) -> usize {
        self.discount_allocations.len()
    }

    /// True for a gratuity: Shopify marks it by a key that no other line has; without the key (GraphQL) it is the line
    /// `Tip` of no product (facts/shopify §2.4).
    pub fn is_tip(&self) -> bool {
        self.tip_payment_gateway || self.tip_payment_method || (self.title == "Tip" && self.product_id.is_none())
    }
}

/// An import duty on a line of goods.
#[derive(Debug, Clone, Deserialize)]
pub struct Duty {
    #[serde(default)]
    shop_money: Option<Money>,
    #[serde(default)]
    presentment_money: Option<Money>,
    #[serde(default)]
    price_set: Option<MoneySet>,
    /// The taxes on the duty.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub tax_lines: Vec<TaxLine>,
}

impl Duty {
    /// The duty on one side.
    pub fn amount(&self, side: Side) -> Option<Decimal> {
        let money = match side {
            Side::Shop => self.shop_money,
            Side::Presentment => self.presentment_money,
        };
        money.map(|money| money.amount.0).or_else(|| self.price_set.map(|set| set.on(side)))
    }
}

/// One line of delivery.
#[derive(Debug, Clone, Deserialize)]
pub struct ShippingLine {
    /// Shopify's id.
    #[serde(default)]
    pub id: Option<Id>,
    /// What the buyer chose.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub title: String,
    price: Amount,
    #[serde(default)]
    price_set: Option<MoneySet>,
    /// True if an edit took it away.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub is_removed: bool,
    /// Its taxes.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub tax_lines: Vec<TaxLine>,
    #[serde(default, deserialize_with = "null_as_empty")]
    discount_allocations: Vec<DiscountAllocation>,
}

impl ShippingLine {
    /// The price before discounts.
    pub fn price(&self, side: Side, one_currency: bool) -> Option<Decimal> {
        pick(&self.price_set, Some(self.price), side, one_currency)
    }

    /// How many discounts are on it.
    pub fn discounts(&self) -> usize {
        self.discount_allocations.len()
    }

    /// All discounts on it.
    pub fn discount(&self, side: Side, one_currency: bool) -> Option<Decimal> {
        discount_of(&self.discount_allocations, side, one_currency)
    }
}
