//! The lines of a document and their taxes.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::money::{Currency, round_half_up};

/// How a document's amounts relate to tax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaxMode {
    /// Line amounts are without tax; tax comes on top.
    Exclusive,
    /// Line amounts contain their tax.
    Inclusive,
}

/// What a line stands for; it decides which account or item of the settings it goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineRole {
    /// Goods and services.
    Sales,
    /// Delivery to the customer.
    Shipping,
    /// Gratuities.
    Tips,
    /// Import duties.
    Duties,
    /// Shopify's additional fees.
    Fees,
    /// Gift cards sold: a liability, not income.
    GiftCards,
    /// Tax that a marketplace collects and remits itself.
    MarketplaceTax,
    /// A difference of rounding that the ledger's arithmetic makes.
    Rounding,
    /// What a refund returned beyond or below its lines.
    RefundDifferences,
    /// The tax itself, where the settings book it as a line instead of by tax codes: a liability.
    Tax,
    /// What the buyer paid beyond the order's total: a liability until it goes back.
    Overpayments,
}

impl LineRole {
    /// The key in the connection's `lines` table.
    pub fn setting(self) -> &'static str {
        match self {
            LineRole::Sales => "sales",
            LineRole::Shipping => "shipping",
            LineRole::Tips => "tips",
            LineRole::Duties => "duties",
            LineRole::Fees => "fees",
            LineRole::GiftCards => "gift_cards",
            LineRole::MarketplaceTax => "marketplace_tax",
            LineRole::Rounding => "rounding",
            LineRole::RefundDifferences => "refund_differences",
            LineRole::Tax => "tax",
            LineRole::Overpayments => "overpayments",
        }
    }
}

/// The tax of one line, as Shopify charged it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineTax {
    /// The tax in the document's currency; below zero on a line that takes something back.
    pub amount: Decimal,
    /// The sum of its rates (0.2 for 20 %).
    pub rate: Decimal,
    /// The rates one by one, where there are several: some ledgers round each of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rates: Vec<Decimal>,
    /// The ledger's tax code from the settings; empty where the ledger works the tax out itself (QuickBooks US).
    pub code: String,
    /// What the code was chosen for: the country that the order is for and Shopify's taxes (`FR: TVA 20 %`). Not known of a
    /// line that bears none of an order's taxes, and where the order names no country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged: Option<String>,
    /// The rates of the tax of this line that stands on a line of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apart: Vec<Decimal>,
    /// True if no tax was listed, and a setting says that the price contains this one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub assumed: bool,
}

impl LineTax {
    /// A line that bears no tax, with the ledger's code for that.
    pub fn none(code: &str) -> Self {
        let (rates, apart, code) = (Vec::new(), Vec::new(), code.to_owned());
        Self { amount: Decimal::ZERO, rate: Decimal::ZERO, rates, code, charged: None, apart, assumed: false }
    }

    /// True if the order changed so that the tax belongs under another code than `before`. Another code for the same taxes in
    /// the same country is a setting that changed: that moves nothing; nor does a code for what bears no tax there.
    pub fn has_moved_from(&self, before: &Self) -> bool {
        let (Some(charged), Some(charged_before)) = (&self.charged, &before.charged) else { return false };
        let bears_none = self.rate.is_zero() && before.rate.is_zero();
        let in_one_country = charged.split(':').next() == charged_before.split(':').next();
        let is_same = charged == charged_before || bears_none && in_one_country;
        !is_same && self.code != before.code
    }

    /// The rates that a ledger computes with; none for a line without tax.
    pub fn components(&self) -> Vec<Decimal> {
        let all = if self.rates.is_empty() { vec![self.rate] } else { self.rates.clone() };
        all.into_iter().filter(|rate| !rate.is_zero()).collect()
    }
}

/// One line. Its amount is `quantity × unit_price − discount`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What it stands for.
    pub role: LineRole,
    /// Which of Shopify's lines it came from (`line:<id>`, `shipping:<id>`, or the role's name): the same line of two
    /// snapshots has the same source.
    pub source: String,
    /// Text, already fit for the ledger.
    pub description: String,
    /// The rest of a text that is longer than the field: each piece becomes a line of description alone, right after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<String>,
    /// How many, > 0.
    pub quantity: Decimal,
    /// Price of one before discounts; below zero on a line that takes something back.
    pub unit_price: Decimal,
    /// Discounts on the whole line, ≥ 0.
    pub discount: Decimal,
    /// Where it goes: a QuickBooks item (name or id), a Xero account code.
    pub account: String,
    /// Its tax.
    pub tax: LineTax,
}

impl Line {
    /// What the line comes to, rounded to the minor unit; to cents where the currency has none, because ledgers have.
    pub fn amount(&self, currency: Currency) -> Decimal {
        self.gross(currency) - self.discount
    }

    /// The same before its discount.
    pub fn gross(&self, currency: Currency) -> Decimal {
        round_half_up(self.quantity * self.unit_price, currency.decimals().max(2))
    }

    /// The line as a taking back of itself.
    pub fn reversed(self, currency: Currency) -> Self {
        let tax = LineTax { amount: -self.tax.amount, ..self.tax.clone() };
        if self.discount.is_zero() {
            return Self { unit_price: -self.unit_price, tax, ..self };
        }
        self.clone().as_one(-self.amount(currency), -self.tax.amount)
    }

    /// A line of the same kind that states one amount and its tax; how many it was stays readable in the text.
    pub fn as_one(self, amount: Decimal, tax: Decimal) -> Self {
        let description = if self.quantity == Decimal::ONE {
            self.description
        } else {
            format!("{} × {}", self.quantity.normalize(), self.description)
        };
        let tax = LineTax { amount: tax, ..self.tax };
        let (quantity, discount) = (Decimal::ONE, Decimal::ZERO);
        Self { description, quantity, unit_price: amount, discount, tax, ..self }
    }

    /// A line whose text says how many it was ([`Self::as_one`]), once so many of them are gone.
    pub fn less_units(self, units: Decimal) -> Self {
        let counted = self.description.split_once(" × ");
        let counted = counted.and_then(|(count, name)| Some((count.parse::<Decimal>().ok()? - units, name)));
        let description = match counted.filter(|(left, _)| *left >= Decimal::ONE) {
            Some((left, name)) if left == Decimal::ONE => name.to_owned(),
            Some((left, name)) => format!("{} × {name}", left.normalize()),
            None => self.description,
        };
        Self { description, ..self }
    }
}

/// A document made of lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Itemised {
    /// The document number, ASCII, at most 21 characters.
    pub number: String,
    /// When payment is due.
    pub due_date: NaiveDate,
    /// How amounts relate to tax.
    pub tax_mode: TaxMode,
    /// The lines, at least one.
    pub lines: Vec<Line>,
    /// The tax of all lines.
    pub tax_total: Decimal,
    /// How the money moved that the document itself records; only on sales receipts and refund receipts.
    pub cash: Option<Cash>,
}

/// The money of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cash {
    /// The account that it enters (sales receipt) or leaves (refund receipt); settings: `payments`.
    pub account: String,
    /// The Shopify transaction's id, or what stands for it.
    pub reference: String,
}

impl Itemised {
    /// The sum of its lines and, where it comes on top, their tax.
    pub fn sum(&self, currency: Currency) -> Decimal {
        let lines: Decimal = self.lines.iter().map(|line| line.amount(currency)).sum();
        if self.tax_mode == TaxMode::Exclusive { lines + self.tax_total } else { lines }
    }

    /// The tax of its lines.
    pub fn tax_of_lines(&self) -> Decimal {
        self.lines.iter().map(|line| line.tax.amount).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_says_how_many_are_left_once_some_are_gone() {
        let line = |description: &str| Line {
            role: LineRole::Sales,
            source: "line:1".into(),
            description: description.into(),
            more: Vec::new(),
            quantity: Decimal::ONE,
            unit_price: Decimal::TEN,
            discount: Decimal::ZERO,
            account: "200".into(),
            tax: LineTax::none(""),
        };
        for (before, units, after) in [
            ("3 × Mug", 1, "2 × Mug"),
            ("3 × Mug", 2, "Mug"),
            ("3 × Mug", 3, "3 × Mug"),
            ("Mug", 1, "Mug"),
            ("Mug, 3 × 4 cm", 1, "Mug, 3 × 4 cm"),
        ] {
            assert_eq!(line(before).less_units(Decimal::from(units)).description, after);
        }
    }
}
