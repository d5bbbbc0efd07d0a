//! An order as Shopify's REST-shaped webhooks carry it (version 2026-10; older ones read
//! too). Only what the books need is read; a field that may be absent or null says so in its type (facts/shopify §2.2).

use chrono::{DateTime, FixedOffset};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::money::{Amount, Id, MoneySet, Side, null_as_empty, pick, where_readable};
use super::refund::Refund;
use super::transaction::Transaction;
use crate::books::money::Currency;

mod lines;

pub use lines::{DiscountAllocation, Duty, LineItem, ShippingLine, TaxLine};

/// A whole order: a snapshot of its state at `updated_at`.
#[derive(Debug, Clone, Deserialize)]
pub struct Order {
    /// Shopify's id.
    pub id: Id,
    /// The name people know, `#1001`.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub name: String,
    /// When it was created.
    pub created_at: DateTime<FixedOffset>,
    /// The date Shopify's reports use; may be back-dated.
    #[serde(default)]
    pub processed_at: Option<DateTime<FixedOffset>>,
    /// Which snapshot is newer.
    #[serde(default)]
    pub updated_at: Option<DateTime<FixedOffset>>,
    /// When it was cancelled, if it was.
    #[serde(default)]
    pub cancelled_at: Option<DateTime<FixedOffset>>,
    /// A test order never reaches the books.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub test: bool,
    /// The shop's currency.
    pub currency: Currency,
    /// The buyer's currency.
    #[serde(default)]
    pub presentment_currency: Option<Currency>,
    /// True if prices contain their tax.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub taxes_included: bool,
    /// True if the buyer is exempt from tax.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub tax_exempt: bool,
    /// True if prices contain import duties.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub duties_included: bool,
    /// `paid`, `pending`, …; null is possible.
    #[serde(default)]
    pub financial_status: Option<String>,
    total_price: Amount,
    #[serde(default)]
    total_price_set: Option<MoneySet>,
    #[serde(default)]
    current_total_price: Option<Amount>,
    #[serde(default)]
    current_total_price_set: Option<MoneySet>,
    // Nothing is booked by these: what cannot be read of them holds no order.
    #[serde(default, deserialize_with = "where_readable")]
    current_total_tax: Option<Amount>,
    #[serde(default, deserialize_with = "where_readable")]
    current_total_tax_set: Option<MoneySet>,
    #[serde(default)]
    total_outstanding: Option<Amount>,
    #[serde(default)]
    total_tax: Option<Amount>,
    #[serde(default)]
    total_tax_set: Option<MoneySet>,
    #[serde(default)]
    total_tip_received: Option<Amount>,
    #[serde(default)]
    total_tip_received_set: Option<MoneySet>,
    #[serde(default)]
    original_total_duties_set: Option<MoneySet>,
    #[serde(default)]
    original_total_additional_fees_set: Option<MoneySet>,
    #[serde(default)]
    total_cash_rounding_payment_adjustment_set: Option<MoneySet>,
    #[serde(default)]
    total_cash_rounding_refund_adjustment_set: Option<MoneySet>,
    /// The goods.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub line_items: Vec<LineItem>,
    /// Delivery; removed ones stay in the list.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub shipping_lines: Vec<ShippingLine>,
    /// The company that bought, where the shop sells to businesses.
    #[serde(default)]
    pub company: Option<Company>,
    /// Who bought; null at the point of sale and for drafts.
    #[serde(default)]
    pub customer: Option<Customer>,
    /// The order's e-mail address; "" or null are common.
    #[serde(default)]
    pub email: Option<String>,
    /// Where the bill goes.
    #[serde(default)]
    pub billing_address: Option<Address>,
    /// Where the goods go.
    #[serde(default)]
    pub shipping_address: Option<Address>,
    /// The gateways that took part.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub payment_gateway_names: Vec<String>,
    /// Net terms, if any.
    #[serde(default)]
    pub payment_terms: Option<PaymentTerms>,
    /// Refunds so far.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub refunds: Vec<Refund>,
    /// Transactions, where the body carries them (most do not).
    #[serde(default, deserialize_with = "null_as_empty")]
    pub transactions: Vec<Transaction>,
}

impl Order {
    /// The currency the buyer saw; the shop's own where the body does not say.
    pub fn presentment_currency(&self) -> Currency {
        self.presentment_currency.unwrap_or(self.currency)
    }

    /// True if both sides are the same.
    pub fn one_currency(&self) -> bool {
        self.presentment_currency() == self.currency
    }

    /// The currency of one side.
    pub fn currency_of(&self, side: Side) -> Currency {
        match side {
            Side::Shop => self.currency,
            Side::Presentment => self.presentment_currency(),
        }
    }

    /// The order's total before returns; `None` where that side is not in the body.
    pub fn total(&self, side: Side) -> Option<Decimal> {
        pick(&self.total_price_set, Some(self.total_price), side, self.one_currency())
    }

    /// The total after edits and returns.
    pub fn current_total(&self, side: Side) -> Option<Decimal> {
        pick(&self.current_total_price_set, self.current_total_price, side, self.one_currency())
    }

    /// What the buyer still owes, in the shop's currency.
    pub fn outstanding(&self) -> Decimal {
        self.total_outstanding.unwrap_or_default().0
    }

    /// True if the order says that the buyer has nothing to get back.
    pub fn owes_nothing(&self) -> bool {
        self.total_outstanding.is_some_and(|left| left.0 >= Decimal::ZERO)
    }

    /// True if the order says that nothing is left to pay on either side.
    pub fn is_settled(&self) -> bool {
        self.total_outstanding.is_some_and(|left| left.0.is_zero())
    }

    /// All tax on one side, as the order states it.
    pub fn total_tax(&self, side: Side) -> Option<Decimal> {
        pick(&self.total_tax_set, self.total_tax, side, self.one_currency())
    }

    /// What is left of it after edits and returns, as the order states it.
    pub fn current_tax(&self, side: Side) -> Option<Decimal> {
        pick(&self.current_total_tax_set, self.current_total_tax, side, self.one_currency())
    }

    /// Every tax that a line or an import duty lists; also of deliveries that an edit took away.
    pub fn listed_taxes(&self) -> impl Iterator<Item = &TaxLine> {
        let goods = self.line_items.iter().flat_map(|line| &line.tax_lines);
        let duties = self.line_items.iter().flat_map(|line| &line.duties).flat_map(|duty| &duty.tax_lines);
        goods.chain(duties).chain(self.shipping_lines.iter().flat_map(|line| &line.tax_lines))
    }

    /// Tips on one side; zero where there is none.
    pub fn tips(&self, side: Side) -> Decimal {
        pick(&self.total_tip_received_set, self.total_tip_received, side, self.one_currency()).unwrap_or_default()
    }

    /// Duties on one side.
    pub fn duties(&self, side: Side) -> Decimal {
        self.original_total_duties_set.map(|set| set.on(side)).unwrap_or_default()
    }

    /// Additional fees on one side.
    pub fn additional_fees(&self, side: Side) -> Decimal {
        self.original_total_additional_fees_set.map(|set| set.on(side)).unwrap_or_default()
    }

    /// Cash rounding on one side; it is not part of the total.
    pub fn cash_rounding(&self, side: Side) -> Decimal {
        self.total_cash_rounding_payment_adjustment_set.map(|set| set.on(side)).unwrap_or_default()
    }

    /// What cash refunds were rounded by, on one side.
    pub fn refund_cash_rounding(&self, side: Side) -> Decimal {
        self.total_cash_rounding_refund_adjustment_set.map(|set| set.on(side)).unwrap_or_default()
    }

    /// True if any line lists a tax.
    pub fn lists_taxes(&self) -> bool {
        self.listed_taxes().next().is_some()
    }

    /// Country of the destination: shipping address, else billing address.
    pub fn country(&self) -> Option<&str> {
        let shipping = self.shipping_address.as_ref().and_then(|one| one.country_code.as_deref());
        shipping.or_else(|| self.billing_address.as_ref().and_then(|one| one.country_code.as_deref()))
    }
}

/// A company that buys as a business.
#[derive(Debug, Clone, Deserialize)]
pub struct Company {
    /// Shopify's id.
    #[serde(default)]
    pub id: Option<Id>,
}

/// Who bought. Everything may be missing.
#[derive(Debug, Clone, Deserialize)]
pub struct Customer {
    /// Shopify's id.
    #[serde(default)]
    pub id: Option<Id>,
    /// Given name.
    #[serde(default)]
    pub first_name: Option<String>,
    /// Family name.
    #[serde(default)]
    pub last_name: Option<String>,
    /// E-mail address.
    #[serde(default)]
    pub email: Option<String>,
}

/// An address, as far as the books need it.
#[derive(Debug, Clone, Deserialize)]
pub struct Address {
    /// Given name.
    #[serde(default)]
    pub first_name: Option<String>,
    /// Family name.
    #[serde(default)]
    pub last_name: Option<String>,
    /// Company.
    #[serde(default)]
    pub company: Option<String>,
    /// ISO 3166 country.
    #[serde(default)]
    pub country_code: Option<String>,
}

/// Net terms.
#[derive(Debug, Clone, Deserialize)]
pub struct PaymentTerms {
    /// The instalments.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub payment_schedules: Vec<PaymentSchedule>,
}

/// One instalment.
#[derive(Debug, Clone, Deserialize)]
pub struct PaymentSchedule {
    /// When it is due.
    #[serde(default)]
    pub due_at: Option<DateTime<FixedOffset>>,
}
