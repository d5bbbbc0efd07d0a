//! Reading and writing money and text in JSON without ever going through a float.

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Map, Number, Value};

/// A JSON object.
pub type Object = Map<String, Value>;

/// Half away from zero, which both vendors document as "half up".
pub fn round(value: Decimal, decimals: u32) -> Decimal {
    value.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero)
}

pub fn round2(value: Decimal) -> Decimal {
    round(value, 2)
}

fn number(text: &str) -> Value {
    text.parse::<Number>().map_or(Value::Null, Value::Number)
}

/// Money with two decimals: `35.00`.
pub fn money(value: Decimal) -> Value {
    number(&format!("{:.2}", round2(value)))
}

/// Money as QuickBooks shows it: at least one decimal, at most two (`35.0`, `3.11`).
pub fn short_money(value: Decimal) -> Value {
    let text = format!("{:.2}", round2(value));
    number(text.strip_suffix('0').unwrap_or(&text))
}

/// A rate or a quantity with the digits it has.
pub fn plain(value: Decimal) -> Value {
    number(&value.normalize().to_string())
}

/// A JSON number, from its text. Strings are not numbers here.
pub fn decimal(value: &Value) -> Option<Decimal> {
    let Value::Number(number) = value else { return None };
    parse(&number.to_string())
}

/// A JSON number or a string that holds one (Xero accepts both).
pub fn lenient_decimal(value: &Value) -> Option<Decimal> {
    decimal(value).or_else(|| value.as_str().and_then(parse))
}

/// Figures of 10¹³ and more are none: no ledger takes them, and the product of two others stays within a `Decimal`.
pub fn parse(text: &str) -> Option<Decimal> {
    let value = text.parse::<Decimal>().ok().or_else(|| Decimal::from_scientific(text).ok())?;
    Some(value).filter(|value| value.abs() < Decimal::from(10_000_000_000_000_u64))
}

/// A stored amount; what was never stored counts as zero.
pub fn amount(object: &Value, key: &str) -> Decimal {
    object.get(key).and_then(lenient_decimal).unwrap_or_default()
}

pub fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or("")
}

/// The value at a dotted path: `CustomerRef.value`.
pub fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(object, |value, key| value.get(key))
}

pub fn text_at<'a>(object: &'a Value, path: &str) -> &'a str {
    at(object, path).and_then(Value::as_str).unwrap_or("")
}

/// The elements of an array, or none.
pub fn list<'a>(object: &'a Value, key: &str) -> &'a [Value] {
    object.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Every string in a value, with its dotted path.
pub fn strings(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        Value::Array(items) => items.iter().for_each(|item| strings(item, path, found)),
        Value::Object(map) => {
            for (key, item) in map {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                strings(item, &inner, found);
            }
        }
        _ => {}
    }
}

/// A character that neither vendor is known to accept: control characters (except line breaks and tabs, which have their own
/// rules), non-characters, and everything beyond U+FFFF. Conservative: no source says what the vendors do with them today.
pub fn is_doubtful(character: char) -> bool {
    let control = character.is_control() && !matches!(character, '\n' | '\r' | '\t');
    control || matches!(character, '\u{fffe}' | '\u{ffff}') || character > '\u{ffff}'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_keeps_its_text() {
        let value: Value = serde_json::from_str("1861.075").unwrap();
        assert_eq!(round2(decimal(&value).unwrap()).to_string(), "1861.08");
        assert_eq!(short_money(parse("35").unwrap()).to_string(), "35.0");
        assert_eq!(short_money(parse("3.11").unwrap()).to_string(), "3.11");
        assert_eq!(money(parse("-0.005").unwrap()).to_string(), "-0.01");
    }
}
