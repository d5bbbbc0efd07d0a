//! The settings of one connection: what each key means, its default, and what contradicts what.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::ConfigError;
use super::choices::{
    ClosedPeriod, CurrencySide, Customers, DifferencesTax, ExchangeRate, Reconcile, SaleDocument, Subscriptions,
    TaxAmounts, TaxBooking, ZeroTotal,
};
use super::names::code_key;
use super::taxes::{IncludedTax, TaxEntry};
use crate::books::document::LineRole;
use crate::books::rules::LedgerName;
use crate::normalize::text::EmojiPolicy;

/// The settings of a connection.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(rename = "shop")]
    pub(super) _shop: String,
    /// Which ledger.
    pub ledger: LedgerName,
    #[serde(default, rename = "books")]
    _books: Option<String>,
    /// The realm (QuickBooks) or tenant (Xero); empty until one is connected.
    #[serde(default)]
    pub company: String,
    /// Put before every document number; 1 to 6 ASCII characters.
    pub number_prefix: String,
    /// Orders with an earlier sale date are ignored.
    pub start_date: NaiveDate,
    /// The shop's ISO 3166 country, for the taxes of orders without an address.
    #[serde(default)]
    pub country: Option<String>,
    /// Which side of Shopify's amounts is booked.
    #[serde(default)]
    pub currency: CurrencySide,
    /// One ledger customer each, or one for all.
    #[serde(default)]
    pub customers: Customers,
    /// What a sale becomes.
    #[serde(default)]
    pub sale_document: SaleDocument,
    /// What becomes of orders without a total.
    #[serde(default)]
    pub zero_total: ZeroTotal,
    /// What becomes of emoji.
    #[serde(default)]
    pub emoji: EmojiPolicy,
    /// What becomes of dates in a closed period.
    #[serde(default)]
    pub closed_period: ClosedPeriod,
    /// The tax code of lines without tax; required outside QuickBooks US.
    #[serde(default)]
    pub no_tax: Option<String>,
    /// Where each kind of line goes.
    pub lines: Lines,
    /// Gateway → account.
    pub payments: BTreeMap<String, String>,
    /// Which Shopify tax is which tax code; the first match wins.
    #[serde(default)]
    pub taxes: Vec<TaxEntry>,
    /// How tax reaches the books.
    #[serde(default)]
    pub tax: TaxBooking,
    /// Whose tax amounts count where the two round differently.
    #[serde(default)]
    pub tax_amounts: TaxAmounts,
    /// The tax in refunds beyond the goods, and in what is kept back from them.
    #[serde(default)]
    pub differences_tax: DifferencesTax,
    /// The tax code of whole documents: for a QuickBooks company in the United States whose sales tax is set up by hand.
    #[serde(default)]
    pub sales_tax_code: Option<String>,
    /// What prices contain where Shopify lists no tax; nothing, unless it is set.
    #[serde(default)]
    pub included_tax: Option<IncludedTax>,
    /// Which exchange rate is stated; by default Shopify's in QuickBooks, which else may take 1, and none in Xero.
    #[serde(default)]
    pub exchange_rate: Option<ExchangeRate>,
    /// Who makes the webhook subscriptions.
    #[serde(default)]
    pub subscriptions: Subscriptions,
    /// How many days personal data of settled orders is kept, 1 to 3650.
    #[serde(default = "retention_days")]
    pub retention_days: u16,
    /// How often both sides are compared.
    #[serde(default)]
    pub reconcile: Reconcile,
    /// True if what a scheduled comparison finds is repaired by itself; else its plan waits for approval.
    #[serde(default = "yes")]
    pub reconcile_repair: bool,
    /// The most lines of one document, where it ought to be fewer than the ledger takes.
    #[serde(default)]
    pub most_lines: Option<usize>,
}

fn yes() -> bool {
    true
}

/// Long enough for most returns and for a look back at a quarter; the money facts stay in any case.
fn retention_days() -> u16 {
    90
}

/// Where each kind of line goes: a QuickBooks item (name or id), a Xero account code.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    sales: String,
    shipping: Option<String>,
    tips: Option<String>,
    duties: Option<String>,
    fees: Option<String>,
    gift_cards: Option<String>,
    marketplace_tax: Option<String>,
    rounding: Option<String>,
    refund_differences: Option<String>,
    tax: Option<String>,
    overpayments: Option<String>,
}

impl Lines {
    /// Every key with what stands behind it.
    pub(super) fn each(&mut self) -> [(&'static str, Option<&mut String>); 11] {
        [
            ("sales", Some(&mut self.sales)),
            ("shipping", self.shipping.as_mut()),
            ("tips", self.tips.as_mut()),
            ("duties", self.duties.as_mut()),
            ("fees", self.fees.as_mut()),
            ("gift_cards", self.gift_cards.as_mut()),
            ("marketplace_tax", self.marketplace_tax.as_mut()),
            ("rounding", self.rounding.as_mut()),
            ("refund_differences", self.refund_differences.as_mut()),
            ("tax", self.tax.as_mut()),
            ("overpayments", self.overpayments.as_mut()),
        ]
    }

    /// The item or account of a kind of line. Income defaults to `sales`; liabilities never do, because that would
    /// turn a debt into revenue: for those the setting is required when first needed.
    pub fn account(&self, role: LineRole) -> Option<&str> {
        let chosen = match role {
            LineRole::Sales => Some(&self.sales),
            LineRole::Shipping => self.shipping.as_ref().or(Some(&self.sales)),
            LineRole::Fees => self.fees.as_ref().or(Some(&self.sales)),
            LineRole::Rounding => self.rounding.as_ref().or(Some(&self.sales)),
            LineRole::RefundDifferences => self.refund_differences.as_ref().or(Some(&self.sales)),
            LineRole::Tips => self.tips.as_ref(),
            LineRole::Duties => self.duties.as_ref(),
            LineRole::GiftCards => self.gift_cards.as_ref(),
            LineRole::MarketplaceTax => self.marketplace_tax.as_ref(),
            LineRole::Tax => self.tax.as_ref(),
            LineRole::Overpayments => self.overpayments.as_ref(),
        };
        chosen.map(String::as_str)
    }
}

impl Settings {
    /// The account of a gateway: `gateway:CUR`, then `gateway`, then `default`.
    pub fn payment_account(&self, gateway: &str, currency: &str) -> Option<&str> {
        self.own_payment_account(gateway, currency).or_else(|| self.own_payment_account("default", currency))
    }

    /// The same, of an entry for the gateway itself.
    pub fn own_payment_account(&self, gateway: &str, currency: &str) -> Option<&str> {
        let find = |key: &str| self.payments.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        let (exact, any) = (find(&format!("{gateway}:{currency}")), find(gateway));
        exact.or(any).map(|(_, account)| account.as_str())
    }

    /// The code of the taxes (title, rate) that Shopify charged on one line: the first entry that fits.
    pub fn tax_code(&self, country: Option<&str>, taxes: &[(&str, Decimal)]) -> Option<&str> {
        self.taxes.iter().find(|entry| entry.is_for(country) && entry.fits(taxes)).map(|entry| entry.code.as_str())
    }

    /// True if some entry of `taxes` leaves it to the rate of its code in the ledger which taxes it stands for.
    pub fn asks_rates(&self) -> bool {
        self.taxes.iter().any(|entry| !entry.untaxed && entry.rate.is_none() && entry.rates.is_none())
    }

    /// The rate of the code that these taxes are meant for, where it is another one than theirs; and which entry says so.
    pub fn code_of_another_rate(&self, country: Option<&str>, taxes: &[(&str, Decimal)]) -> Option<(String, Decimal)> {
        let mut entries = self.taxes.iter().enumerate();
        let (at, entry) =
            entries.find(|(_, entry)| entry.is_for(country) && entry.is_meant(taxes) && !entry.fits(taxes))?;
        Some((code_key(at), entry.code_rate?))
    }

    /// The code of a tax of 0 %: only of an entry that states this rate.
    pub fn zero_tax_code(&self, country: Option<&str>, title: &str) -> Option<&str> {
        let zero = [(title, Decimal::ZERO)];
        let stated = |entry: &&TaxEntry| entry.rate.is_some() && entry.is_for(country) && entry.fits(&zero);
        self.taxes.iter().find(stated).map(|entry| entry.code.as_str())
    }

    /// The code of goods and delivery without tax, where the settings name one for them.
    pub fn untaxed_code(&self, country: Option<&str>) -> Option<&str> {
        let found = self.taxes.iter().find(|entry| entry.untaxed && entry.is_for(country));
        found.map(|entry| entry.code.as_str())
    }

    /// Ids and codes that cannot be any.
    fn malformed(&self, key: &str) -> Vec<ConfigError> {
        let mut found = Vec::new();
        let company = &self.company;
        let (is_id, form) = match self.ledger {
            LedgerName::QuickBooks => (company.bytes().all(|byte| byte.is_ascii_digit()), "the realm's digits"),
            LedgerName::Xero => (is_uuid(company), "the tenant's UUID"),
        };
        if !company.is_empty() && !is_id {
            let text = format!("`{company}` must be {form}, or be left out: /connect shows it once it is connected");
            found.push(ConfigError::new(format!("{key}.company"), text));
        }
        let of_taxes =
            self.taxes.iter().enumerate().map(|(at, entry)| (format!("taxes[{at}].country"), &entry.country));
        for (name, country) in std::iter::once(("country".to_owned(), &self.country)).chain(of_taxes) {
            let Some(country) = country else { continue };
            if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_alphabetic()) {
                let text = format!("`{country}` must be the country's two letters (ISO 3166), such as \"GB\"");
                found.push(ConfigError::new(format!("{key}.{name}"), text));
            }
        }
        found
    }

    pub(super) fn contradictions(&self, key: &str) -> Vec<ConfigError> {
        let mut found = Vec::new();
        let prefix = &self.number_prefix;
        if prefix.is_empty() || prefix.len() > 6 || !prefix.chars().all(|c| c.is_ascii_graphic()) {
            found.push(ConfigError::new(
                format!("{key}.number_prefix"),
                format!("`{prefix}` must be 1 to 6 ASCII characters without spaces, such as \"S-\""),
            ));
        }
        found.extend(self.malformed(key));
        if self.payments.is_empty() {
            found.push(ConfigError::new(
                format!("{key}.payments"),
                "is empty; name at least `default`, the account that receives payments",
            ));
        }
        if self.tax == TaxBooking::Line && self.lines.tax.is_none() {
            found.push(ConfigError::new(
                format!("{key}.lines.tax"),
                "is missing; with tax = \"line\" it names the liability account (Xero) or item (QuickBooks) of the tax",
            ));
        }
        if self.sale_document == SaleDocument::Receipt && self.ledger == LedgerName::Xero {
            found.push(ConfigError::new(
                format!("{key}.sale_document"),
                "`receipt` is for QuickBooks; Xero takes `invoice`",
            ));
        }
        if self.differences_tax == DifferencesTax::AsSold && self.tax == TaxBooking::Line {
            found.push(ConfigError::new(
                format!("{key}.differences_tax"),
                "`as_sold` needs tax codes on lines; with tax = \"line\" it is `none`",
            ));
        }
        let conditions = |one: &TaxEntry| one.title.is_some() || one.rate.is_some() || one.rates.is_some();
        if let Some(at) = self.taxes.iter().position(|one| one.untaxed && conditions(one)) {
            found.push(ConfigError::new(
                format!("{key}.taxes[{at}].untaxed"),
                "stands for lines without any tax: besides it only `country` can be a condition",
            ));
        }
        if self.sales_tax_code.is_some() && (self.ledger == LedgerName::Xero || self.no_tax.is_some()) {
            found.push(ConfigError::new(
                format!("{key}.sales_tax_code"),
                "is for QuickBooks in the United States only, where `no_tax` and `taxes` are not used",
            ));
        }
        let has_codes = self.no_tax.is_some() && self.tax == TaxBooking::Codes;
        if has_codes && self.included_tax.as_ref().is_some_and(|tax| tax.code.is_empty()) {
            found.push(ConfigError::new(
                format!("{key}.included_tax.code"),
                "is missing; name the ledger's code of the tax that such prices contain",
            ));
        }
        if self.most_lines.is_some_and(|most| most < 2) {
            found.push(ConfigError::new(format!("{key}.most_lines"), "must be 2 or more"));
        }
        if !(1..=3650).contains(&self.retention_days) {
            found.push(ConfigError::new(format!("{key}.retention_days"), "must be 1 to 3650 days"));
        }
        let codes_needed = self.ledger == LedgerName::Xero || !self.taxes.is_empty();
        if codes_needed && self.no_tax.as_deref().unwrap_or("").is_empty() {
            found.push(ConfigError::new(
                format!("{key}.no_tax"),
                "is missing; name the tax code of lines without tax (only QuickBooks US needs neither `no_tax` nor `taxes`)",
            ));
        }
        found
    }
}

fn is_uuid(text: &str) -> bool {
    let is_hyphen = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    let fits = |(at, byte): (usize, u8)| if is_hyphen(at) { byte == b'-' } else { byte.is_ascii_hexdigit() };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}
