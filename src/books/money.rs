//! Exact money. An amount is a [`Decimal`]; its [`Currency`] stands once on the document that it belongs to.

use std::fmt;
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer, Serialize};

/// The largest number that is read. Amounts of orders are narrower still (see [`crate::shopify::money::Amount`]).
pub const LARGEST_AMOUNT: i64 = 1_000_000_000_000;

/// The most decimals that are read (Shopify's own duties have three, exchange rates ten).
pub const MOST_DECIMALS: u32 = 10;

/// An ISO 4217 currency code, upper case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The three letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// How many decimals its minor unit has (ISO 4217): JPY 0, KWD 3, most 2.
    pub fn decimals(&self) -> u32 {
        match self.code() {
            "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND"
            | "VUV" | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            _ => 2,
        }
    }

    /// The smallest amount of it: 0.01 for most.
    pub fn minor_unit(&self) -> Decimal {
        Decimal::new(1, self.decimals())
    }

    /// `amount` rounded half up (away from zero) to the minor unit.
    pub fn round(&self, amount: Decimal) -> Decimal {
        round_half_up(amount, self.decimals())
    }

    /// `amount` with the currency's decimals (more, if it has more).
    pub fn plain(&self, amount: Decimal) -> String {
        let mut shown = amount.normalize();
        shown.rescale(self.decimals().max(shown.scale()));
        shown.to_string()
    }

    /// `amount` as people write it: with the currency's decimals, and its code behind.
    pub fn show(&self, amount: Decimal) -> String {
        format!("{} {self}", self.plain(amount))
    }
}

/// Rounds half away from zero, as both ledgers and Shopify do.
pub fn round_half_up(amount: Decimal, decimals: u32) -> Decimal {
    amount.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero)
}

/// The text is not three Latin letters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an ISO 4217 currency code")]
pub struct NotACurrency(String);

impl FromStr for Currency {
    type Err = NotACurrency;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.as_bytes() {
            [a, b, c] if text.chars().all(|letter| letter.is_ascii_alphabetic()) => {
                Ok(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase(), c.to_ascii_uppercase()]))
            }
            _ => Err(NotACurrency(text.chars().take(20).collect())),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}
impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Why a piece of text is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAmount {
    /// Not a decimal number at all.
    #[error("`{0}` is not a decimal number")]
    Text(String),
    /// Beyond [`LARGEST_AMOUNT`] or [`MOST_DECIMALS`].
    #[error("`{0}` is larger or finer than any amount of money")]
    Size(String),
}

/// Reads an exact decimal from text, also from the exponent form that JSON allows (`1e2`).
pub fn parse_amount(text: &str) -> Result<Decimal, NotAnAmount> {
    let short = || text.chars().take(40).collect::<String>();
    if text.len() > 64 {
        return Err(NotAnAmount::Size(short()));
    }
    let number = Decimal::from_str_exact(text)
        .or_else(|_| Decimal::from_scientific(text))
        .map_err(|_| NotAnAmount::Text(short()))?;
    let number = if number.scale() > MOST_DECIMALS { number.normalize() } else { number };
    if number.abs() > Decimal::from(LARGEST_AMOUNT) || number.scale() > MOST_DECIMALS {
        return Err(NotAnAmount::Size(short()));
    }
    Ok(number)
}

/// `amount` as an exact JSON number.
pub fn json_number(amount: Decimal) -> serde_json::Value {
    // Nothing has no sign.
    let amount = if amount.is_zero() { amount.abs() } else { amount };
    serde_json::from_str(&amount.to_string()).unwrap_or(serde_json::Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn amounts_keep_every_digit_and_absurd_ones_are_refused() {
        assert_eq!(parse_amount("0.10").unwrap().to_string(), "0.10");
        assert_eq!(parse_amount("1e2").unwrap(), dec("100"));
        assert_eq!(parse_amount("-3.95").unwrap(), dec("-3.95"));
        assert!(matches!(parse_amount("ten"), Err(NotAnAmount::Text(_))));
        assert!(parse_amount("1e400").is_err());
        assert!(matches!(parse_amount("9999999999999"), Err(NotAnAmount::Size(_))));
        assert!(parse_amount(&"9".repeat(4000)).is_err());
        assert!(parse_amount("NaN").is_err());
    }

    #[test]
    fn a_currency_knows_its_decimals_and_rounds_half_up() {
        let jpy: Currency = "jpy".parse().unwrap();
        assert_eq!((jpy.code(), jpy.decimals(), jpy.minor_unit()), ("JPY", 0, dec("1")));
        let usd: Currency = "USD".parse().unwrap();
        assert_eq!(usd.round(dec("1861.075")), dec("1861.08"));
        assert_eq!(usd.round(dec("-0.005")), dec("-0.01"));
        assert_eq!(usd.show(dec("5")), "5.00 USD");
        assert_eq!(jpy.show(dec("500")), "500 JPY");
        assert!("US".parse::<Currency>().is_err() && "U€".parse::<Currency>().is_err());
    }

    #[test]
    fn a_json_number_is_the_decimal_to_the_digit() {
        assert_eq!(serde_json::to_string(&json_number(dec("19.90"))).unwrap(), "19.90");
    }
}
