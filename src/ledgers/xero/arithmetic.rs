//! How Xero adds up a document (facts/xero §4): the unit price to four decimals, the line to cents, tax per line rounded
//! half up, then the sum. Amounts that contain tax add up to the total by themselves.
//!
//! Not confirmed for inclusive prices at 20 %: whether the net or the tax of a half-penny tie (9.99) is rounded first.
//! The total does not depend on it.

use rust_decimal::Decimal;

use crate::books::document::{Itemised, Line, TaxMode};
use crate::books::money::{Currency, round_half_up};

/// Decimals of a unit price with `unitdp=4`, and of a quantity.
const UNIT_DECIMALS: u32 = 4;

/// True if Xero keeps quantity and unit price as they are.
pub fn is_stated_by_quantity(line: &Line) -> bool {
    let fits = |number: Decimal| round_half_up(number, UNIT_DECIMALS) == number;
    fits(line.quantity) && fits(line.unit_price)
}

/// The tax that Xero computes for a line without its tax.
pub fn line_tax(line: &Line, currency: Currency) -> Decimal {
    if line.tax.amount.is_zero() { Decimal::ZERO } else { round_half_up(line.amount(currency) * line.tax.rate, 2) }
}

/// The total that Xero will state for what `documents` sends: a line whose computed tax differs states its own.
pub fn total(document: &Itemised, currency: Currency) -> Decimal {
    let lines: Decimal = document.lines.iter().map(|line| line.amount(currency)).sum();
    match document.tax_mode {
        TaxMode::Inclusive => lines,
        TaxMode::Exclusive => lines + document.lines.iter().map(|line| line.tax.amount).sum::<Decimal>(),
    }
}
