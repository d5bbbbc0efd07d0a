//! What refunds took back of a sale before its tax became another one. It stays as it was sold and came back; only what is
//! left of the sale bears the tax that the order calls for since.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::Case;
use super::credit_lines::again;
use super::currency::conversion_bound;
use super::lines::{sum, tax_mode};
use super::owed::{LOWERED, sold_as};
use super::tax::{on_lines, rates_of};
use crate::books::document::{Itemised, Line, LineRole, LineTax, TaxMode};

/// Takes off `lines` what came back at another rate than the order has now, and gives it as lines of that rate. Rates that the
/// sale never had are only how a refund was told.
pub(super) fn at_another_rate(case: &Case<'_>, lines: &mut Vec<Line>) -> Vec<Line> {
    if case.input.booked.final_sales().is_empty() || !has_another_rate(case, lines) {
        return Vec::new();
    }
    let back = came_back(case).filter(|line| !is_settled(line));
    // Goods first: money beyond them is of what is left of them.
    let (differences, goods): (Vec<Line>, Vec<Line>) = back.partition(|line| line.role == LineRole::RefundDifferences);
    let mut kept = Vec::new();
    take_back(case, lines, goods, &mut kept, true);
    let differences = differences.into_iter().flat_map(|line| of_goods(case, lines, line)).collect();
    take_back(case, lines, differences, &mut kept, false);
    lines.retain(|line| !line.amount(case.currency).is_zero() || !kept.iter().any(|one| base(one) == base(line)));
    kept
}

/// Takes what came back off the lines that have its rate no more. What of it they still have at its rate stays there: a
/// delivery of several rates may be divided in another way since. Where it is no goods but money beyond them, it is of as much as
/// there is.
fn take_back(case: &Case<'_>, lines: &mut [Line], back: Vec<Line>, kept: &mut Vec<Line>, is_goods: bool) {
    // What a unit costs stays the same as the shop states it, with its tax or without; money beyond the goods has it in it.
    let with_tax = tax_mode(case) == TaxMode::Exclusive && (case.order.taxes_included || !is_goods);
    let price = |line: &Line| line.amount(case.currency) + if with_tax { line.tax.amount } else { Decimal::ZERO };
    let crumbs = conversion_bound(case).max(case.minor_unit());
    let mut taken: Vec<Decimal> = vec![Decimal::ZERO; lines.len()];
    let mut moved = Vec::new();
    for part in back.into_iter().filter(|part| was_sold_at(case, part)) {
        let mut left = price(&part);
        for (line, taken) in lines.iter().zip(&mut taken).filter(|(line, _)| base(line) == base(&part)) {
            if line.tax.rate == part.tax.rate {
                let stays = left.min(price(line) - *taken).max(Decimal::ZERO);
                (left, *taken) = (left - stays, *taken + stays);
            }
        }
        moved.push((part, left));
    }
    for (part, mut left) in moved {
        let whole = price(&part);
        let is_alone = lines.iter().filter(|line| base(line) == base(&part)).count() == 1;
        for (now, taken) in lines.iter_mut().zip(&taken) {
            let free = price(now) - taken;
            let fits = left <= free + crumbs;
            if base(now) != base(&part)
                || now.tax.rate == part.tax.rate
                || left <= Decimal::ZERO
                || free <= Decimal::ZERO
            {
                continue;
            }
            // Of several rates a cent is how the parts were rounded.
            let is_other = if is_alone { is_goods && !fits } else { left <= crumbs };
            if is_other {
                continue;
            }
            let take = left.min(free);
            let of_it = |amount: Decimal| if take == whole { amount } else { case.round(amount * take / whole) };
            let amount = of_it(part.amount(case.currency));
            let tax_of_it = if with_tax { take - amount } else { of_it(part.tax.amount) };
            let stays = (price(now) - take).max(Decimal::ZERO);
            let tax = case.round(now.tax.amount * stays / price(now));
            let line = Line { source: part.source.clone(), tax: part.tax.clone(), ..now.clone() };
            kept.push(line.as_one(amount, tax_of_it));
            *now = rest_of(now, stays - if with_tax { tax } else { Decimal::ZERO }, tax);
            left -= take;
        }
    }
}

/// What a line is of, whichever of its rates it bears.
fn base(line: &Line) -> &str {
    line.source.split('/').next().unwrap_or_default()
}

/// What refunds settled of an exchange, as the sale names it: there it stays as it was settled, whatever is exchanged later.
pub(super) fn settled(case: &Case<'_>) -> Vec<Line> {
    if case.input.booked.final_sales().is_empty() {
        return Vec::new();
    }
    let mut all: Vec<Line> = Vec::new();
    for line in came_back(case).filter(is_settled) {
        add_to(case, &mut all, Line { source: sold_as(&line.source), ..line });
    }
    all.retain(|line| !line.unit_price.is_zero() || !line.tax.amount.is_zero());
    all
}

/// Adds an amount of one unit to what is under the same code at the same rate already.
pub(super) fn add_to(case: &Case<'_>, lines: &mut Vec<Line>, line: Line) {
    let is_same =
        |one: &&mut Line| one.source == line.source && (&one.tax.code, one.tax.rate) == (&line.tax.code, line.tax.rate);
    match lines.iter_mut().find(is_same) {
        Some(one) => {
            one.unit_price = case.round(one.unit_price + line.unit_price);
            one.tax.amount += line.tax.amount;
        }
        None => lines.push(line),
    }
}

/// True for what a refund settled of an exchange.
fn is_settled(line: &Line) -> bool {
    sold_as(&line.source) != line.source
}

/// The lines of all credits, each with its tax; what paid back of a price that fell is not of it.
fn came_back(case: &Case<'_>) -> impl Iterator<Item = Line> {
    let mut credits: BTreeMap<&str, Vec<Line>> = BTreeMap::new();
    for credit in case.input.booked.credits() {
        let lines = credit.itemised().into_iter().flat_map(|body| &body.lines);
        let lines = lines.filter(|line| !line.source.starts_with(LOWERED)).cloned();
        credits.entry(credit.key.whole()).or_default().extend(lines);
    }
    credits.into_values().flat_map(|lines| on_lines(case, lines.into_iter()))
}

/// True if a line of the sale was sold at another rate than it has now.
fn has_another_rate(case: &Case<'_>, lines: &[Line]) -> bool {
    let sales = case.input.booked.sales();
    let sold = || sales.iter().filter_map(|one| one.itemised()).flat_map(|body| &body.lines);
    let rate = |line: &Line| rates_of(line).iter().sum::<Decimal>();
    lines.iter().any(|line| sold().any(|one| base(one) == base(line) && rate(one) != line.tax.rate))
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
    // Without the sale's tax it is of nothing that was sold.
    if !back.source.contains(':') {
        return Vec::new();
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
