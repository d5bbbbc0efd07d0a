//! How QuickBooks adds up a document (facts/quickbooks §2, §4): a line is quantity × price rounded half up to cents
//! (rule 6070); in the US the tax total that is sent is honoured; elsewhere tax is computed per rate on the sum of its
//! lines. Amounts that contain tax add up to the total by themselves.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::documents::TaxCodes;
use crate::books::document::{Itemised, TaxMode};
use crate::books::money::{Currency, round_half_up};

/// The total that QuickBooks will state.
pub fn total(document: &Itemised, currency: Currency, tax: TaxCodes) -> Decimal {
    let lines: Decimal = document.lines.iter().map(|line| line.amount(currency)).sum();
    match (tax, document.tax_mode) {
        (_, TaxMode::Inclusive) => lines,
        (TaxCodes::UnitedStates, TaxMode::Exclusive) => {
            let taxable = document.lines.iter().any(|line| !line.tax.amount.is_zero());
            lines + if taxable { document.tax_total } else { Decimal::ZERO }
        }
        (TaxCodes::PerLine, TaxMode::Exclusive) => lines + per_rate(document, currency),
    }
}

fn per_rate(document: &Itemised, currency: Currency) -> Decimal {
    let mut bases: BTreeMap<(&str, Decimal), Decimal> = BTreeMap::new();
    for line in document.lines.iter().filter(|line| !line.tax.amount.is_zero()) {
        *bases.entry((&line.tax.code, line.tax.rate)).or_default() += line.amount(currency);
    }
    bases.into_iter().map(|((_, rate), base)| round_half_up(base * rate, 2)).sum()
}
