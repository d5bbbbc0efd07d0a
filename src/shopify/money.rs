//! How Shopify writes amounts: text, or a JSON number, or a pair of both currencies' amounts.

use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::books::money::{Currency, parse_amount};

/// The largest amount or quantity that is read, in major units: far above any order. With [`FINEST`] it keeps every
/// product and quotient of three of them, with quantities up to [`MOST_UNITS`], inside the 28 digits of [`Decimal`].
const LARGEST: i64 = 100_000_000_000;
/// The most decimals of an amount; Shopify's own duties have three.
const FINEST: u32 = 4;
/// The most units of one line that are believed.
pub const MOST_UNITS: i64 = 1_000_000;
/// The most decimals of a tax rate.
const FINEST_RATE: u32 = 10;

/// An amount as text or as a JSON number, read from its digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount(pub Decimal);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let (number, text) = number(deserializer, FINEST)?;
        if number.abs() > Decimal::from(LARGEST) || number.normalize().scale() > FINEST {
            return Err(D::Error::custom(format!("`{text}` is larger or finer than any amount of money")));
        }
        Ok(Self(number))
    }
}

/// A tax rate as text or as a JSON number; of more than ten decimals the rest is noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rate(pub Decimal);

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        number(deserializer, FINEST_RATE).map(|(number, _)| Self(number.round_dp(FINEST_RATE)))
    }
}

/// A number, and its text. JSON numbers may carry the noise of somebody's floating point (`36.550000000000004`): they are
/// rounded to so many decimals; text is taken as it is.
fn number<'de, D: Deserializer<'de>>(deserializer: D, decimals: u32) -> Result<(Decimal, String), D::Error> {
    use serde::de::Error;
    let (text, is_text) = match Value::deserialize(deserializer)? {
        Value::String(text) => (text, true),
        Value::Number(number) => (number.to_string(), false),
        other => return Err(D::Error::custom(format!("expected an amount, found {}", kind(&other)))),
    };
    let text = text.trim().to_owned();
    if let (false, Ok(number)) = (is_text, text.parse::<Decimal>()) {
        let short = number.round_dp(decimals).normalize().to_string();
        return parse_amount(&short).map(|number| (number, text)).map_err(D::Error::custom);
    }
    parse_amount(&text).map(|number| (number, text)).map_err(D::Error::custom)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// An amount with its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Money {
    /// The amount, major units.
    pub amount: Amount,
    /// Its currency.
    pub currency_code: Currency,
}

/// The same amount on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct MoneySet {
    /// In the shop's currency.
    pub shop_money: Money,
    /// In the currency the buyer saw.
    pub presentment_money: Money,
}

/// Which of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The shop's currency.
    Shop,
    /// The buyer's currency.
    Presentment,
}

impl MoneySet {
    /// The amount on one side.
    pub fn on(&self, side: Side) -> Decimal {
        match side {
            Side::Shop => self.shop_money.amount.0,
            Side::Presentment => self.presentment_money.amount.0,
        }
    }
}

/// The amount on one side: from the pair, else from the plain field, which is in the shop's currency and therefore the
/// presentment amount only where both currencies are the same.
pub fn pick(set: &Option<MoneySet>, plain: Option<Amount>, side: Side, one_currency: bool) -> Option<Decimal> {
    match (set, plain) {
        (Some(set), _) => Some(set.on(side)),
        (None, Some(plain)) if side == Side::Shop || one_currency => Some(plain.0),
        _ => None,
    }
}

/// Reads `null` as the type's empty value.
pub fn null_as_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(d: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(d)?.unwrap_or_default())
}

/// Reads what decides nothing: `None` where it is no `T`.
pub fn where_readable<'de, D: Deserializer<'de>, T: DeserializeOwned>(d: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(d)?).ok())
}

/// A Shopify id: an integer of up to twenty digits, kept as text so that no digit is lost.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Id(pub String);

impl Id {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let text = match Value::deserialize(deserializer)? {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text,
            other => return Err(D::Error::custom(format!("expected an id, found {}", kind(&other)))),
        };
        if (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Id(text))
        } else {
            Err(D::Error::custom("expected an id of up to 20 digits"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_come_as_text_or_number_and_keep_their_digits() {
        let read = |json: &str| serde_json::from_str::<Amount>(json).map(|amount| amount.0.to_string());
        assert_eq!(read("\"10.10\"").unwrap(), "10.10");
        assert_eq!(read("1240.71").unwrap(), "1240.71");
        assert_eq!(read("99").unwrap(), "99");
        assert!(read("true").is_err() && read("null").is_err() && read("\"abc\"").is_err() && read("1e999").is_err());
    }

    #[test]
    fn ids_beyond_two_to_the_53_keep_every_digit() {
        assert_eq!(serde_json::from_str::<Id>("820982911946154508").unwrap().0, "820982911946154508");
        assert!(serde_json::from_str::<Id>("1.5").is_err() && serde_json::from_str::<Id>("-1").is_err());
        assert!(serde_json::from_str::<Id>("\"../x\"").is_err());
    }
}
