//! How Xero adds up a document: UnitAmount to two (or four) decimals, the line to cents, tax per line, rounded half up.

use rust_decimal::Decimal;

use crate::json::{round, round2};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountTypes {
    Exclusive,
    Inclusive,
    NoTax,
}

impl AmountTypes {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "Exclusive" => Some(Self::Exclusive),
            "Inclusive" => Some(Self::Inclusive),
            "NoTax" => Some(Self::NoTax),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Exclusive => "Exclusive",
            Self::Inclusive => "Inclusive",
            Self::NoTax => "NoTax",
        }
    }
}

/// What a line takes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discount {
    None,
    Amount(Decimal),
    Rate(Decimal),
}

/// The line's amount: round2(quantity × rounded unit amount, less the discount).
pub fn line_amount(quantity: Decimal, unit_amount: Decimal, decimals: u32, discount: Discount) -> Decimal {
    let gross = quantity * round(unit_amount, decimals);
    match discount {
        Discount::None => round2(gross),
        Discount::Amount(amount) => round2(gross - amount),
        Discount::Rate(percent) => round2(gross * (Decimal::ONE - percent / Decimal::ONE_HUNDRED)),
    }
}

/// The line's tax. Inclusive: what is left after the net is rounded; `from_gross` is the other reading, in which the tax itself is
/// rounded. One price in six differs at 20 %, and which one Xero's engine uses is not known.
pub fn line_tax(types: AmountTypes, amount: Decimal, percent: Decimal, from_gross: bool) -> Decimal {
    match types {
        AmountTypes::NoTax => Decimal::ZERO,
        AmountTypes::Exclusive => round2(amount * percent / Decimal::ONE_HUNDRED),
        AmountTypes::Inclusive if from_gross => round2(amount * percent / (Decimal::ONE_HUNDRED + percent)),
        AmountTypes::Inclusive => amount - round2(amount * Decimal::ONE_HUNDRED / (Decimal::ONE_HUNDRED + percent)),
    }
}

/// Sub-total, tax and total of (amount, tax) pairs.
pub fn totals(types: AmountTypes, lines: &[(Decimal, Decimal)]) -> (Decimal, Decimal, Decimal) {
    let amount: Decimal = lines.iter().map(|(amount, _)| *amount).sum();
    let tax: Decimal = lines.iter().map(|(_, tax)| *tax).sum();
    match types {
        AmountTypes::Inclusive => (amount - tax, tax, amount),
        AmountTypes::Exclusive => (amount, tax, amount + tax),
        AmountTypes::NoTax => (amount, Decimal::ZERO, amount),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn d(text: &str) -> Decimal {
        parse(text).unwrap()
    }

    #[test]
    fn tax_is_rounded_per_line() {
        let lines: Vec<_> = ["25.06", "25.61", "25.63"]
            .into_iter()
            .map(|amount| (d(amount), line_tax(AmountTypes::Exclusive, d(amount), d("15"), false)))
            .collect();
        assert_eq!(totals(AmountTypes::Exclusive, &lines), (d("76.30"), d("11.44"), d("87.74")));
    }

    #[test]
    fn an_inclusive_total_is_the_sum_of_the_lines() {
        let tax = line_tax(AmountTypes::Inclusive, d("9.99"), d("20"), false);
        assert_eq!(tax, d("1.66"));
        assert_eq!(line_tax(AmountTypes::Inclusive, d("9.99"), d("20"), true), d("1.67"));
        assert_eq!(totals(AmountTypes::Inclusive, &[(d("9.99"), tax)]).2, d("9.99"));
    }

    #[test]
    fn the_unit_amount_is_rounded_before_the_line() {
        assert_eq!(line_amount(d("3"), d("0.3333"), 2, Discount::None), d("0.99"));
        assert_eq!(line_amount(d("3"), d("0.3333"), 4, Discount::None), d("1.00"));
        assert_eq!(line_amount(d("2"), d("20"), 2, Discount::Amount(d("4.50"))), d("35.50"));
    }
}
