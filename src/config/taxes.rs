//! Which Shopify tax is which of the ledger's tax codes.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::books::money::parse_amount;

/// What is assumed of orders whose prices contain tax although Shopify lists none.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncludedTax {
    /// The rate that the prices contain, 0.2 for 20 %.
    pub rate: Rate,
    /// The ledger's tax code; empty where lines carry none.
    #[serde(default)]
    pub code: String,
}

/// One row of the tax map; every condition that is given must hold. A row without conditions, or with a country alone,
/// stands for every tax there that has the rate of its code, also for several on one line. One with `untaxed` stands for
/// goods and delivery without tax.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxEntry {
    /// ISO 3166 country of the destination.
    #[serde(default)]
    pub country: Option<String>,
    /// Shopify's title of the tax, compared without regard to case.
    #[serde(default)]
    pub title: Option<String>,
    /// The rate, 0.2 for 20 %.
    #[serde(default, deserialize_with = "rate")]
    pub rate: Option<Decimal>,
    /// The rates of a line that bears several taxes at once, in any order.
    #[serde(default)]
    pub rates: Option<Vec<Rate>>,
    /// True: not for a tax, but for goods and delivery of which Shopify lists none.
    #[serde(default)]
    pub untaxed: bool,
    /// The ledger's tax code.
    pub code: String,
    /// The rate that the code has in the ledger, once preflight read it.
    #[serde(skip)]
    pub code_rate: Option<Decimal>,
}

impl TaxEntry {
    /// True if it is for goods that go there.
    pub(super) fn is_for(&self, country: Option<&str>) -> bool {
        self.country.as_deref().is_none_or(|wanted| country.is_some_and(|given| wanted.eq_ignore_ascii_case(given)))
    }

    /// True if it stands for these taxes (title, rate) of one line. Where it names no rate, they have to be of its code's:
    /// the ledger would compute another tax, and report it under another rate.
    pub(super) fn fits(&self, taxes: &[(&str, Decimal)]) -> bool {
        let is_of_the_code =
            |rate| self.rate.is_some() || self.rates.is_some() || self.code_rate.is_none_or(|own| own == rate);
        self.is_meant(taxes) && is_of_the_code(taxes.iter().map(|(_, rate)| *rate).sum::<Decimal>())
    }

    /// True if its conditions hold for these taxes, whatever the rate of its code.
    pub(super) fn is_meant(&self, taxes: &[(&str, Decimal)]) -> bool {
        if self.untaxed {
            return false;
        }
        let titled = |title: &str| self.title.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(title));
        match (&self.rates, taxes) {
            (Some(wanted), given) => {
                let sorted = |mut rates: Vec<Decimal>| {
                    rates.sort();
                    rates
                };
                sorted(wanted.iter().map(|rate| rate.0).collect())
                    == sorted(given.iter().map(|(_, rate)| *rate).collect())
                    && self.title.is_none()
            }
            (None, [(title, rate)]) => titled(title) && self.rate.is_none_or(|wanted| wanted == *rate),
            (None, _) => self.title.is_none() && self.rate.is_none(),
        }
    }
}

/// A tax rate as text or number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(pub Decimal);

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        rate(deserializer)?.map(Rate).ok_or_else(|| serde::de::Error::custom("expected a rate such as \"0.05\""))
    }
}

fn rate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
    let text = match Option::<Value>::deserialize(deserializer)? {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text,
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => return Err(serde::de::Error::custom("expected a rate such as \"0.2\"")),
    };
    parse_amount(&text).map(Some).map_err(serde::de::Error::custom)
}
