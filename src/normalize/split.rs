//! Documents in parts: one that has more lines than its ledger takes, or whose money takes several ways. The parts add up
//! to the whole exactly; every line is in one of them, in its order. The caller closes each part to its own total, with a
//! rounding line of its own where the ledger's arithmetic asks for one.

use std::cmp::Reverse;

use rust_decimal::Decimal;

use super::{Case, number};
use crate::books::document::{Itemised, Line, TaxMode};
use crate::books::hold::{Hold, HoldReason};
use crate::books::money::{Currency, round_half_up};

/// Bytes of the texts of one document: it is kept twice in a row of 2 MB, once as it is and once as it is sent.
const TEXTS: usize = 500_000;

/// A document in as many parts as the ledger's limit of rows asks for, or the settings' own; one row of each part is kept
/// for rounding. Lines of unusually long texts count as several, so that what is kept of a document fits its row.
pub(super) fn parts(case: &Case<'_>, body: Itemised) -> Result<Vec<Itemised>, Hold> {
    let rules = case.input.rules;
    let set = case.input.settings.most_lines.map_or(usize::MAX, |most| most.saturating_sub(1));
    let most = rules.most_lines();
    let bytes = |line: &Line| line.description.len() + line.more.iter().map(String::len).sum::<usize>();
    let weight = |line: &Line| rules.rows(line).max((bytes(line) * most / TEXTS).min(most));
    let heavy = body.lines.iter().map(bytes).sum::<usize>() > TEXTS;
    split(body, most.min(set), case.currency, &|line| if heavy { weight(line) } else { rules.rows(line) })
}

/// What each part has to come to so that together they are `whole`: the largest one takes what rounding left over.
pub(super) fn totals(parts: &[Itemised], whole: Decimal, currency: Currency) -> Vec<Decimal> {
    let mut totals: Vec<Decimal> = parts.iter().map(|part| part.sum(currency)).collect();
    let left = whole - totals.iter().sum::<Decimal>();
    if let Some(largest) = totals.iter_mut().max() {
        *largest += left;
    }
    totals
}

/// `whole` in as few parts of at most `most` rows as its order of lines allows. A line stays in one piece, its
/// description's further lines and its discount with it; no part comes to less than zero, nor does its tax. The first part
/// keeps the number, the others are `…-2`, `…-3`. A document that is short enough is its own only part.
///
/// # Errors
/// `too_many_lines` where lines below zero stand so that there are no such parts, or a single line is too long.
fn split(
    whole: Itemised,
    most: usize,
    currency: Currency,
    rows_of: &dyn Fn(&Line) -> usize,
) -> Result<Vec<Itemised>, Hold> {
    let rows: Vec<usize> = whole.lines.iter().map(rows_of).collect();
    let count: usize = rows.iter().sum();
    if count <= most {
        return Ok(vec![whole]);
    }
    let worths: Vec<(Decimal, Decimal)> =
        whole.lines.iter().map(|line| (worth(line, whole.tax_mode, currency), line.tax.amount)).collect();
    // What goes and what comes in its place stay together; in a credit either may be the one below zero.
    let comes_next = |at: usize| whole.lines.get(at + 1).is_some_and(|next| next.source == whole.lines[at].source);
    let is_below = |at: usize| worths[at].0 < Decimal::ZERO;
    let may_end = |at: usize| !comes_next(at) || !(is_below(at) || is_below(at + 1));
    let ends = ends(&worths, &rows, most, may_end).ok_or_else(|| {
        let text = format!("{count} lines, which cannot be split into documents of at most {most} above zero");
        Hold::new(HoldReason::TooManyLines, text)
    })?;
    let (mut parts, mut from, mut tax_left) = (Vec::new(), 0, whole.tax_total);
    for (part, end) in (1..).zip(ends) {
        let lines = whole.lines[from..end].to_vec();
        let tax_of_lines = lines.iter().map(|line| line.tax.amount).sum();
        // The last one takes what the whole has beyond its lines.
        let tax_total = if end == whole.lines.len() { tax_left } else { tax_of_lines };
        tax_left -= tax_total;
        parts.push(Itemised { number: number::part(&whole.number, part), lines, tax_total, ..whole.clone() });
        from = end;
    }
    Ok(parts)
}

/// A line with the tax that comes on top of it.
fn worth(line: &Line, mode: TaxMode, currency: Currency) -> Decimal {
    line.amount(currency) + if mode == TaxMode::Exclusive { line.tax.amount } else { Decimal::ZERO }
}

/// Where each part ends. From the back, for every line: the longest part that may begin there and leaves a rest that can
/// be split too, and ends with a line that it `may_end` with. Of each line: what it comes to, and its tax.
fn ends(
    worths: &[(Decimal, Decimal)],
    rows: &[usize],
    most: usize,
    may_end: impl Fn(usize) -> bool,
) -> Option<Vec<usize>> {
    let count = worths.len();
    let mut next: Vec<Option<usize>> = vec![None; count + 1];
    next[count] = Some(count);
    for from in (0..count).rev() {
        let (mut used, mut sum, mut tax) = (0, Decimal::ZERO, Decimal::ZERO);
        for at in from..count {
            used += rows[at];
            sum += worths[at].0;
            tax += worths[at].1;
            if used > most {
                break;
            }
            if sum >= Decimal::ZERO && tax >= Decimal::ZERO && may_end(at) && next[at + 1].is_some() {
                next[from] = Some(at + 1);
            }
        }
    }
    let mut ends = Vec::new();
    let mut from = 0;
    while from < count {
        from = next[from]?;
        ends.push(from);
    }
    Some(ends)
}

/// The first lines of a document that come to exactly `amount`, and the rest; the line at the border is divided, its tax in
/// proportion and rounded to `decimals`, the booked ones.
pub(super) fn at_amount(body: &Itemised, amount: Decimal, currency: Currency, decimals: u32) -> (Itemised, Itemised) {
    let on_top = body.tax_mode == TaxMode::Exclusive;
    let worth = |line: &Line| worth(line, body.tax_mode, currency);
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let mut left = amount;
    // What takes something off goes first, so that neither part ends below zero; where it takes tax off, what bears most
    // goes with it, so that neither part's tax does.
    let (below, mut above): (Vec<&Line>, Vec<&Line>) = body.lines.iter().partition(|line| worth(line) < Decimal::ZERO);
    if below.iter().any(|line| !line.tax.amount.is_zero()) {
        above.sort_by_key(|line| Reverse(line.tax.rate));
    }
    for line in below.into_iter().chain(above) {
        let whole = worth(line);
        if left.is_zero() {
            second.push(line.clone());
        } else if whole <= left {
            left -= whole;
            first.push(line.clone());
        } else {
            let tax = round_half_up(line.tax.amount * left / whole, decimals);
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

#[cfg(test)]
mod tests;
