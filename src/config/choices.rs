//! What settings can be chosen from: each value, and what it means.

use serde::Deserialize;

/// Which side of Shopify's two amounts is booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CurrencySide {
    /// The shop's currency.
    #[default]
    Shop,
    /// The buyer's currency.
    Presentment,
}

/// Whether each Shopify customer gets a customer in the ledger, or all share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Customers {
    /// One per customer and currency.
    #[default]
    Each,
    /// One per shop and currency.
    One,
}

/// What becomes of orders without a total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ZeroTotal {
    /// Nothing is posted.
    #[default]
    Ignore,
    /// A document of 0.00 is posted.
    Post,
}

/// What becomes of a date in a closed period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosedPeriod {
    /// The order waits.
    #[default]
    Hold,
    /// The document is dated on the first day that is open.
    FirstOpenDay,
}

/// The document that a sale becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SaleDocument {
    /// An invoice, and payments on it.
    #[default]
    Invoice,
    /// A sales receipt where one tender paid everything at once (QuickBooks), else an invoice.
    Receipt,
}

/// Who makes the webhook subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subscriptions {
    /// The app's own configuration (`shopify.app.toml`), or the merchant in Shopify's settings.
    #[default]
    App,
    /// This program, through the Admin API.
    Api,
}

/// How tax reaches the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaxBooking {
    /// By tax codes, as the ledger's tax returns want it.
    #[default]
    Codes,
    /// As a line of its own on a liability account (`lines.tax`): totals are exact, the ledger's tax returns stay empty.
    Line,
}

/// Whose tax amounts count where a ledger would round a line's tax otherwise than Shopify (Xero).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaxAmounts {
    /// Shopify's: the line states its tax.
    #[default]
    Shopify,
    /// The ledger's: no tax is stated, and a rounding line makes up the difference.
    Ledger,
}

/// The tax in money that was refunded beyond the goods, or kept back from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferencesTax {
    /// None: the difference carries the `no_tax` code.
    #[default]
    None,
    /// As the sale: a lower price for what was sold lowers its tax, in the proportion of the sale's taxes.
    AsSold,
}

/// How often Shopify and the ledger are compared by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reconcile {
    /// Weekly until three times in a row nothing was found, then monthly; and the last 48 hours every night.
    #[default]
    Auto,
    /// Weekly, and the last 48 hours every night.
    Weekly,
    /// Monthly, and the last 48 hours every night.
    Monthly,
    /// Only when somebody asks.
    Never,
}

/// Which exchange rate a document in a foreign currency carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExchangeRate {
    /// Shopify's rate of the sale: only where the company's home currency is the shop's.
    Shop,
    /// None is stated: the ledger takes its own rate of the day.
    Ledger,
}
