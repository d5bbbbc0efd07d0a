//! Where figures meet: Shopify's parts and its total, our document and the ledger's arithmetic. A difference that is
//! rounding becomes an explicit line; any other is a hold.

use rust_decimal::Decimal;

use super::Case;
use super::lines::single;
use crate::books::document::{DocumentKey, Itemised, LineRole};
use crate::books::hold::{Hold, HoldReason};

/// The most that a rounding line may ever be (design, rulings): 0.50 of a two-decimal currency.
const LARGEST_ROUNDING: i64 = 50;

/// One minor unit per amount, never above [`LARGEST_ROUNDING`] minor units.
pub(super) fn bound(case: &Case<'_>, amounts: usize) -> Decimal {
    let units = i64::try_from(amounts).unwrap_or(LARGEST_ROUNDING).min(LARGEST_ROUNDING);
    case.minor_unit() * Decimal::from(units)
}

/// Makes the ledger's own arithmetic reach `expected`: what its model predicts to be missing becomes an explicit
/// rounding line, at most one minor unit per taxed line and per amount that was converted from another currency. More is
/// a hold.
pub(super) fn close(
    case: &mut Case<'_>,
    key: &DocumentKey,
    body: &mut Itemised,
    expected: Decimal,
    conversions: usize,
) -> Result<(), Hold> {
    let computed = case.input.rules.compute(body, case.currency);
    let predicted = computed.total();
    let difference = expected - predicted;
    if difference.is_zero() {
        return Ok(());
    }
    let taxed = body.lines.iter().filter(|line| !line.tax.amount.is_zero()).count();
    let show = |amount| case.currency.show(amount);
    if difference.abs() > bound(case, taxed + conversions) {
        let ledger = case.input.rules.ledger().title();
        let arithmetic = computed.show(case.currency);
        let text = format!("{key} ought to come to {}, {ledger} would compute {arithmetic}", show(expected));
        return Err(Hold::new(HoldReason::TotalMismatch, text));
    }
    body.lines.push(single(case, LineRole::Rounding, "rounding", "Rounding", difference)?);
    let rule = if conversions > 0 { "conversion_rounding" } else { "ledger_rounding" };
    case.writer.note(key, "total_price", rule, &show(predicted), &show(expected));
    let reached = case.input.rules.compute(body, case.currency);
    if reached.total() != expected {
        let arithmetic = reached.show(case.currency);
        let text = format!("{key} ought to come to {}, with a rounding line {arithmetic}", show(expected));
        return Err(Hold::new(HoldReason::TotalMismatch, text));
    }
    Ok(())
}
