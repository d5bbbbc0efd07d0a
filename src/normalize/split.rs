//! Documents in parts.

use rust_decimal::Decimal;

use super::Case;
use crate::books::document::{Itemised, Line, TaxMode};
use crate::books::hold::{Hold, HoldReason};
use crate::books::money::Currency;

/// A document in as many parts as the ledger's limit of lines asks for.
pub(super) fn parts(case: &Case<'_>, body: Itemised) -> Result<Vec<Itemised>, Hold> {
    let most = case.input.rules.most_lines();
    if body.lines.len() > most {
        let text = format!("{} lines, where one document may have {most}", body.lines.len());
        return Err(Hold::new(HoldReason::TooManyLines, text));
    }
    Ok(vec![body])
}

/// The first lines of a document that come to exactly `amount`, and the rest; the line at the border is divided, its tax in
/// proportion.
pub(super) fn at_amount(body: &Itemised, amount: Decimal, currency: Currency) -> (Itemised, Itemised) {
    let on_top = body.tax_mode == TaxMode::Exclusive;
    let worth = |line: &Line| line.amount(currency) + if on_top { line.tax.amount } else { Decimal::ZERO };
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let mut left = amount;
    // What takes something off goes first, so that neither part ends below zero.
    let (below, above): (Vec<&Line>, Vec<&Line>) = body.lines.iter().partition(|line| worth(line) < Decimal::ZERO);
    for line in below.into_iter().chain(above) {
        let whole = worth(line);
        if left.is_zero() {
            second.push(line.clone());
        } else if whole <= left {
            left -= whole;
            first.push(line.clone());
        } else {
            let tax = currency.round(line.tax.amount * left / whole);
            let price = if on_top { left - tax } else { left };
            first.push(line.clone().as_one(price, tax));
            second.push(line.clone().as_one(line.amount(currency) - price, line.tax.amount - tax));
            left = Decimal::ZERO;
        }
    }
    let with = |lines: Vec<Line>| {
        let tax_total = lines.iter().map(|line| line.tax.amount).sum();
        Itemised { lines, tax_total, ..body.clone() }
    };
    (with(first), with(second))
}
