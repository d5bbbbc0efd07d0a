//! Money that no line explains: beyond what was sold or returned, or kept back from it. It is named for what it is, on an
//! account of its own.

use rust_decimal::Decimal;

use super::Case;
use super::earlier::add_to;
use super::lines::{single, sum, tax_mode};
use super::notes;
use super::refunds::key_of;
use super::returns::Returned;
use super::rounding::bound;
use super::sale::Target;
use super::tax::{codes, title};
use crate::books::document::{DocumentKey, Itemised, Line, LineRole, LineTax, TaxMode};
use crate::books::hold::{Hold, HoldReason};
use crate::config::DifferencesTax;

/// Money beyond the order's total: kind of line, source and text.
const OVERPAYMENTS: (LineRole, &str, &str) = (LineRole::Overpayments, "overpayments", "Paid beyond the order's total");

/// What the total has beyond its lines: money `beyond` what was sold, owed back to the buyer, and what left (or stays) without
/// a line, each part of it with the tax of what it is of.
pub(super) fn of_sale(
    case: &mut Case<'_>,
    target: &Target,
    beyond: Decimal,
    parts: &[(Decimal, Vec<Line>)],
) -> Result<Vec<Line>, Hold> {
    let mut lines = Vec::new();
    if !beyond.is_zero() {
        lines.push(beyond_the_total(case, beyond)?);
        note_difference(case, OVERPAYMENTS.1, &lines);
    }
    if parts.is_empty() {
        return Ok(lines);
    }
    if !(target.overpaid || target.reduced || target.waiting) {
        let missing = parts.iter().map(|(part, _)| part).sum();
        let (total, missing) = (case.currency.show(target.booked), case.currency.show(missing));
        let text = format!("the sale ought to come to {total}, its lines miss {missing}");
        return Err(Hold::new(HoldReason::OrderInconsistent, text));
    }
    let (role, text) = (LineRole::RefundDifferences, "Exchanged, or not yet refunded");
    let mut differences = Vec::new();
    for (part, sold) in parts {
        let line = single(case, role, role.setting(), text, *part)?;
        for line in as_sold(case, sold, line) {
            add_to(case, &mut differences, line);
        }
    }
    note_difference(case, role.setting(), &differences);
    lines.extend(differences);
    Ok(lines)
}

fn note_difference(case: &mut Case<'_>, rule: &'static str, lines: &[Line]) {
    let shown = notes::shown(case, lines);
    case.writer.note(&DocumentKey::sale(), "current_total_price", rule, "", &shown);
}

/// Money beyond the lines, or kept back from them. Cents are rounding; the rest is named for what it is.
pub(super) fn of_refund(
    case: &mut Case<'_>,
    one: &Returned<'_>,
    difference: Decimal,
    returned: &[Line],
    sale: &Itemised,
) -> Result<Vec<Line>, Hold> {
    let key = &key_of(one);
    let (role, source, text) = if is_cash_rounding(case, one, difference) {
        (LineRole::Rounding, "cash_rounding", "Cash rounding")
    } else if !returned.is_empty() && difference.abs() <= bound(case, returned.len()) {
        (LineRole::Rounding, "refund_rounding", "Rounding")
    } else if difference > Decimal::ZERO {
        (LineRole::RefundDifferences, "refund_differences", "Refund beyond the returned goods")
    } else {
        (LineRole::RefundDifferences, "refund_differences", "Kept back: a fee, or an exchange")
    };
    let line = single(case, role, source, text, difference)?;
    let taxed = case.input.settings.differences_tax == DifferencesTax::AsSold && role == LineRole::RefundDifferences;
    // What is kept back is kept of what was returned; what is beyond that lowers the price of the whole sale.
    let basis = if difference < Decimal::ZERO { returned } else { &sale.lines };
    let lines = if taxed { as_sold(case, basis, line) } else { vec![line] };
    let shown = notes::shown(case, &lines);
    case.writer.note(key, "transactions", source, "", &shown);
    Ok(lines)
}

/// True if a difference is what the till rounded: as the refund's own transactions say, else the order for all its refunds.
fn is_cash_rounding(case: &Case<'_>, one: &Returned<'_>, difference: Decimal) -> bool {
    let own: Decimal = one.transactions.iter().filter_map(|one| one.amount_rounding).map(|amount| amount.0).sum();
    let all = case.order.refund_cash_rounding(case.side);
    !difference.is_zero() && [own.abs(), all.abs()].contains(&difference.abs())
}

/// Money that goes back because it was beyond the total.
pub(super) fn overpayment(case: &mut Case<'_>, key: &DocumentKey, amount: Decimal) -> Result<Option<Line>, Hold> {
    if amount.is_zero() {
        return Ok(None);
    }
    let shown = case.currency.show(amount);
    case.writer.note(key, "transactions", OVERPAYMENTS.1, "", &shown);
    beyond_the_total(case, amount).map(Some)
}

/// Money beyond the order's total, as a line.
pub(super) fn beyond_the_total(case: &Case<'_>, amount: Decimal) -> Result<Line, Hold> {
    let (role, source, text) = OVERPAYMENTS;
    single(case, role, source, text, amount)
}

/// A difference with its tax: a lower price for what was sold lowers its taxes, each in its proportion.
fn as_sold(case: &Case<'_>, sold: &[Line], line: Line) -> Vec<Line> {
    let mode = tax_mode(case);
    // Of each tax: what it is on, tax included, how much it comes to there, and on how many lines.
    let mut taxes: Vec<(LineTax, Decimal, Decimal, u32)> = Vec::new();
    let closing = [LineRole::Rounding, LineRole::RefundDifferences, LineRole::Overpayments];
    for one in sold.iter().filter(|one| !closing.contains(&one.role)) {
        let with_tax = sum(case, mode, std::slice::from_ref(one));
        match taxes.iter_mut().find(|(tax, ..)| (&tax.code, title(tax)) == (&one.tax.code, title(&one.tax))) {
            Some((_, sum, of_it, lines)) => {
                (*sum, *of_it, *lines) = (*sum + with_tax, *of_it + one.tax.amount, *lines + 1)
            }
            None => taxes.push((one.tax.clone(), with_tax, one.tax.amount, 1)),
        }
    }
    let whole: Decimal = taxes.iter().map(|(_, with_tax, ..)| *with_tax).sum();
    if whole <= Decimal::ZERO {
        return vec![line];
    }
    let difference = line.amount(case.currency);
    let (mut cumulated, mut placed) = (Decimal::ZERO, Decimal::ZERO);
    let mut lines = Vec::new();
    for (tax, with_tax, of_it, count) in taxes {
        cumulated += with_tax;
        let Some(upto) = difference.checked_mul(cumulated).and_then(|product| product.checked_div(whole)) else {
            return vec![line];
        };
        let upto = case.round(upto);
        let share = upto - placed;
        placed = upto;
        let by_rate = |amount: Decimal| amount * tax.rate / (Decimal::ONE + tax.rate);
        // A delivery bears some of its taxes on a part of it only: where no code computes them, so does what is like it.
        let is_off = (of_it - by_rate(with_tax)).abs() > case.minor_unit() * Decimal::from(count);
        let effective = (of_it.checked_div(with_tax)).filter(|_| is_off && !codes(case));
        let amount = case.round(effective.map_or_else(|| by_rate(share), |rate| share * rate));
        let unit_price = if mode == TaxMode::Inclusive { share } else { share - amount };
        // Each tax is a line of its own, also to whoever compares documents line by line.
        let source = format!("{}:{}", line.source, title(&tax));
        lines.push(Line { source, unit_price, tax: LineTax { amount, ..tax }, ..line.clone() });
    }
    lines.retain(|line| !line.unit_price.is_zero());
    lines
}
