//! What refunds took back of a sale before its tax became another one. It stays as it was sold and came back; only what is
//! left of the sale bears the tax that the order calls for since.

use rust_decimal::Decimal;

use super::Case;
use super::adjustment::taken_back;
use super::credit_lines::again;
use super::lines::{sum, tax_mode};
use super::tax::{on_lines, rates_of};
use crate::books::document::{Document, Itemised, Line, LineRole, LineTax, TaxMode};

/// Takes off `lines` what came back at another rate than the order has now, and gives it as lines of that rate. Rates that the
/// sale never had are only how a refund was told.
pub(super) fn at_another_rate(case: &Case<'_>, lines: &mut Vec<Line>) -> Vec<Line> {
    let booked = case.input.booked;
    if !booked.is_final() || booked.foreign().is_some() {
        return Vec::new();
    }
    let is_on_top = case.order.taxes_included && tax_mode(case) == TaxMode::Exclusive;
    let mut kept = Vec::new();
    let credits = booked.credits().filter_map(Document::itemised);
    for back in credits.flat_map(|credit| on_lines(case, &taken_back(credit))) {
        for part in of_goods(case, lines, back) {
            let Some(now) = lines.iter_mut().find(|line| line.source == part.source) else { continue };
            if now.tax.rate == part.tax.rate || !was_sold_at(case, &part) {
                continue;
            }
            // What a unit costs stays the same as the shop states it: with its tax, or without.
            let price =
                |line: &Line| line.amount(case.currency) + if is_on_top { line.tax.amount } else { Decimal::ZERO };
            let (whole, left) = (price(now), price(now) - price(&part));
            if whole <= Decimal::ZERO || left < Decimal::ZERO {
                continue;
            }
            let tax = case.round(now.tax.amount * left / whole);
            kept.push(
                Line { tax: part.tax.clone(), ..now.clone() }.as_one(part.amount(case.currency), part.tax.amount),
            );
            *now = rest_of(now, left - if is_on_top { tax } else { Decimal::ZERO }, tax);
        }
    }
    lines.retain(|line| !line.amount(case.currency).is_zero() || !kept.iter().any(|one| one.source == line.source));
    kept
}

/// The sale with what came back before, in front of what is left of the same line: what goes and what comes in its place
/// stay together.
pub(super) fn with(sold: &Itemised, kept: &[Line]) -> Itemised {
    let mut lines = Vec::new();
    for line in kept {
        if !sold.lines.iter().any(|one| one.source == line.source) {
            lines.push(line.clone());
        }
    }
    for line in &sold.lines {
        lines.extend(kept.iter().filter(|one| one.source == line.source).cloned());
        lines.push(line.clone());
    }
    let mut whole = Itemised { lines, ..sold.clone() };
    whole.tax_total = whole.tax_of_lines();
    whole
}

/// What is left of a line: so many units of it where that is what it comes to, else one amount.
fn rest_of(line: &Line, amount: Decimal, tax: Decimal) -> Line {
    let units = if line.unit_price.is_zero() { Decimal::ZERO } else { amount / line.unit_price };
    if line.discount.is_zero() && units > Decimal::ZERO && units.fract().is_zero() {
        return Line { quantity: units, tax: LineTax { amount: tax, ..line.tax.clone() }, ..line.clone() };
    }
    line.clone().as_one(amount, tax)
}

/// Money beyond the goods, or kept back of them, with the sale's tax is of the goods that were sold at its rate.
fn of_goods(case: &Case<'_>, lines: &[Line], back: Line) -> Vec<Line> {
    if back.role != LineRole::RefundDifferences {
        return vec![back];
    }
    let sold =
        lines.iter().map(|line| Line { tax: LineTax { amount: line.tax.amount, ..back.tax.clone() }, ..line.clone() });
    let sold: Vec<Line> = sold.filter(|line| was_sold_at(case, line)).collect();
    let mode = tax_mode(case);
    again(case, mode, &sold.iter().collect::<Vec<_>>(), sum(case, mode, std::slice::from_ref(&back)), back.tax.amount)
}

/// True if a document of the sale has the line, at the rate that it says.
fn was_sold_at(case: &Case<'_>, line: &Line) -> bool {
    let sales = case.input.booked.sales();
    let mut lines = sales.iter().filter_map(|one| one.itemised()).flat_map(|body| &body.lines);
    lines.any(|one| one.source == line.source && rates_of(one).iter().sum::<Decimal>() == line.tax.rate)
}
