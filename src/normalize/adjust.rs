//! The difference between what a sale ought to be and what was booked of it, line by line: an added line in full, a line
//! that grew by what it grew, a line that is gone as its own taking back. Only money counts: texts and accounts of what was
//! booked stay as they were. So do tax codes, unless the order itself moved to another one.

use rust_decimal::Decimal;

use crate::books::document::{Itemised, Line, LineRole, LineTax, TaxMode};
use crate::books::money::Currency;

/// Sources of lines that only close a sum: they are no part of what was sold.
const CLOSING: &str = "rounding";

/// What is known of one line over several documents.
struct Sum<'a> {
    quantity: Decimal,
    amount: Decimal,
    tax: Decimal,
    /// The latest line of it: price, account, tax code.
    line: &'a Line,
}

/// A line at a rate: its source, and the rate.
type AtRate<'a> = (&'a str, Decimal);

/// Sums by source and rate, in the order of first appearance. A credit note counts below zero.
fn sums<'a>(bodies: &[(&'a Itemised, bool)], currency: Currency) -> Vec<(AtRate<'a>, Sum<'a>)> {
    let mut all: Vec<(AtRate<'_>, Sum<'_>)> = Vec::new();
    for (body, is_credit) in bodies {
        let sign = if *is_credit { -Decimal::ONE } else { Decimal::ONE };
        for line in body.lines.iter().filter(|line| line.source != CLOSING) {
            let units = if line.amount(currency) < Decimal::ZERO { -line.quantity } else { line.quantity };
            let (amount, tax) = (sign * line.amount(currency), sign * line.tax.amount);
            let at: AtRate<'_> = (&line.source, line.tax.rate);
            match all.iter_mut().find(|(known, _)| *known == at) {
                Some((_, sum)) => {
                    sum.quantity += sign * units;
                    sum.amount += amount;
                    sum.tax += tax;
                    // What it became is the latest of it.
                    if line.tax.has_moved_from(&sum.line.tax) && amount > Decimal::ZERO {
                        sum.line = line;
                    }
                }
                None => all.push((at, Sum { quantity: sign * units, amount, tax, line })),
            }
        }
    }
    all
}

/// The lines by which `wanted` differs from what was booked (documents, and whether each is a credit).
pub(super) fn delta(wanted: &Itemised, booked: &[(&Itemised, bool)], currency: Currency) -> Vec<Line> {
    let now = sums(&[(wanted, false)], currency);
    let before = sums(booked, currency);
    let mut lines = Vec::new();
    let gone = |(at, old): &(AtRate<'_>, Sum<'_>)| {
        let is_gone = !now.iter().any(|(known, _)| known == at);
        is_gone.then(|| part_of(old.line, -old.quantity, -old.amount, -old.tax)).flatten()
    };
    for (index, (at, new)) in now.iter().enumerate() {
        // Another rate: the old line goes and the new one comes right after it, each with its own tax.
        if !now[..index].iter().any(|((source, _), _)| *source == at.0) {
            lines.extend(before.iter().filter(|((source, _), _)| *source == at.0).filter_map(gone));
        }
        match before.iter().find(|(known, _)| known == at) {
            Some((_, old)) => lines.extend(change(old, new, wanted.tax_mode, currency)),
            None => {
                let is_it = |line: &&Line| (&*line.source, line.tax.rate) == *at;
                let of_it: Vec<&Line> = wanted.lines.iter().filter(is_it).collect();
                let is_one_code = of_it.iter().all(|line| line.tax.code == new.line.tax.code);
                match of_it[..] {
                    [_, _, ..] if is_one_code => lines.extend(part_of(new.line, new.quantity, new.amount, new.tax)),
                    _ => lines.extend(of_it.into_iter().cloned()),
                }
            }
        }
    }
    let is_in = |source: &str| now.iter().any(|((known, _), _)| *known == source);
    lines.extend(before.iter().filter(|((source, _), _)| !is_in(source)).filter_map(gone));
    lines
}

/// Lines by which tax moves to the code that the order calls for since: what stands under the old one goes, and comes under
/// the new one, for the same money and tax. What `credited` took back under the old one does not move.
pub(super) fn moved(
    wanted: &Itemised,
    booked: &[(&Itemised, bool)],
    credited: &[Itemised],
    currency: Currency,
) -> Vec<Line> {
    let bodies: Vec<(&Itemised, bool)> =
        booked.iter().copied().chain(credited.iter().map(|body| (body, true))).collect();
    let mut lines = Vec::new();
    let mut known: Vec<(&str, &str, Decimal)> = Vec::new();
    for old in bodies.iter().flat_map(|(body, _)| &body.lines) {
        let under = (&*old.source, &*old.tax.code, old.tax.rate);
        if known.contains(&under) {
            continue;
        }
        known.push(under);
        let Some(tax_now) = tax_now(wanted, old) else { continue };
        let is_under = |line: &Line| (&*line.source, &*line.tax.code, line.tax.rate) == under;
        let (quantity, amount, tax) = under_a_code(&bodies, is_under, currency);
        // Cents of tax that conversions left on nothing are no tax of anything: they would move for ever.
        if amount.abs() <= tax.abs() {
            continue;
        }
        let come = Line { tax: LineTax { amount: old.tax.amount, ..tax_now.clone() }, ..old.clone() };
        lines.extend(part_of(old, -quantity, -amount, -tax));
        lines.extend(part_of(&come, quantity, amount, tax));
    }
    lines
}

/// The tax that a line bears now, where the order moved to another code. Where its rate is another one, its amount says so.
/// Money beyond the goods, or kept back of them, moves with all that was sold at its rate.
fn tax_now<'a>(wanted: &'a Itemised, old: &Line) -> Option<&'a LineTax> {
    let is_same = |line: &&Line| line.source == old.source;
    let is_of_goods = old.role == LineRole::RefundDifferences && !wanted.lines.iter().any(|line| is_same(&line));
    let of_it = wanted.lines.iter().filter(|line| is_of_goods || is_same(line));
    // A line may be under several codes at once: what is under one of them stays.
    let mut at_its_rate = of_it.filter(|line| line.tax.rate == old.tax.rate).map(|line| &line.tax).peekable();
    let first = at_its_rate.peek().copied();
    first.filter(|_| at_its_rate.all(|now| now.has_moved_from(&old.tax)))
}

/// Units, amount and tax of some lines. A credit counts below zero.
fn under_a_code(
    bodies: &[(&Itemised, bool)],
    under: impl Fn(&Line) -> bool,
    currency: Currency,
) -> (Decimal, Decimal, Decimal) {
    let mut sum = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
    for (body, is_credit) in bodies {
        let sign = if *is_credit { -Decimal::ONE } else { Decimal::ONE };
        for line in body.lines.iter().filter(|line| under(line)) {
            let amount = line.amount(currency);
            sum.0 += sign * if amount < Decimal::ZERO { -line.quantity } else { line.quantity };
            sum.1 += sign * amount;
            sum.2 += sign * line.tax.amount;
        }
    }
    sum
}

/// What changed of one line.
fn change(old: &Sum<'_>, new: &Sum<'_>, mode: TaxMode, currency: Currency) -> Vec<Line> {
    let (quantity, amount, tax) = (new.quantity - old.quantity, new.amount - old.amount, new.tax - old.tax);
    if amount.is_zero() && tax.is_zero() {
        return Vec::new();
    }
    if fits(new.line, amount, tax, mode, currency) {
        // What goes is of what was booked, and under its code.
        let line = if amount < Decimal::ZERO { old.line } else { new.line };
        return part_of(line, quantity, amount, tax).into_iter().collect();
    }
    // Another tax on the same amount: the old line goes and the new one comes, each with its own tax.
    let gone = part_of(old.line, -old.quantity, -old.amount, -old.tax);
    let come = part_of(new.line, new.quantity, new.amount, new.tax);
    gone.into_iter().chain(come).collect()
}

/// True if this much tax belongs to this much of a line, to a minor unit.
fn fits(line: &Line, amount: Decimal, tax: Decimal, mode: TaxMode, currency: Currency) -> bool {
    let rate = line.tax.rate;
    let expected = match mode {
        TaxMode::Exclusive => amount * rate,
        TaxMode::Inclusive => amount * rate / (Decimal::ONE + rate),
    };
    if tax.is_zero() { line.tax.amount.is_zero() } else { (expected - tax).abs() <= currency.minor_unit() }
}

/// So many units of a line for so much, with so much tax; below zero where it is taken back.
fn part_of(line: &Line, quantity: Decimal, amount: Decimal, tax: Decimal) -> Option<Line> {
    if amount.is_zero() && tax.is_zero() {
        return None;
    }
    let tax_part = LineTax { amount: tax, ..line.tax.clone() };
    let price = if amount < Decimal::ZERO { -line.unit_price.abs() } else { line.unit_price.abs() };
    let units = quantity.abs();
    if !units.is_zero() && units * price == amount {
        let discount = Decimal::ZERO;
        return Some(Line {
            quantity: units,
            unit_price: price,
            discount,
            tax: tax_part,
            more: Vec::new(),
            ..line.clone()
        });
    }
    let shown = Line { quantity: if units.is_zero() { Decimal::ONE } else { units }, more: Vec::new(), ..line.clone() };
    Some(shown.as_one(amount, tax))
}

/// True if the lines move nothing anywhere: every account and tax code nets to nothing.
pub(super) fn is_nothing(lines: &[Line], currency: Currency) -> bool {
    let mut accounts: std::collections::BTreeMap<(&str, &str), (Decimal, Decimal)> = std::collections::BTreeMap::new();
    for line in lines {
        let sums = accounts.entry((&line.account, &line.tax.code)).or_default();
        sums.0 += line.amount(currency);
        sums.1 += line.tax.amount;
    }
    accounts.values().all(|(amount, tax)| amount.is_zero() && tax.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;

    fn usd() -> Currency {
        "USD".parse().unwrap()
    }
    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }
    fn line(source: &str, quantity: &str, price: &str, discount: &str, tax: &str, rate: &str) -> Line {
        Line {
            role: LineRole::Sales,
            source: source.into(),
            description: source.into(),
            more: Vec::new(),
            quantity: d(quantity),
            unit_price: d(price),
            discount: d(discount),
            account: "200".into(),
            tax: LineTax {
                amount: d(tax),
                rate: d(rate),
                rates: Vec::new(),
                code: rate.into(),
                charged: None,
                apart: Vec::new(),
                assumed: false,
            },
        }
    }
    fn body(lines: Vec<Line>) -> Itemised {
        let tax_total = lines.iter().map(|line| line.tax.amount).sum();
        let due_date = NaiveDate::default();
        Itemised { number: "S-1".into(), due_date, tax_mode: TaxMode::Exclusive, lines, tax_total, cash: None }
    }
    fn show(lines: &[Line]) -> Vec<String> {
        let one = |line: &Line| {
            format!(
                "{} {} x {} - {} tax {}",
                line.source, line.quantity, line.unit_price, line.discount, line.tax.amount
            )
        };
        lines.iter().map(one).collect()
    }

    #[test]
    fn what_did_not_change_makes_no_line() {
        let sale = body(vec![line("a", "2", "10", "1", "3.80", "0.2")]);
        assert!(delta(&sale, &[(&sale, false)], usd()).is_empty());
    }

    #[test]
    fn an_added_line_is_added_in_full_and_more_units_as_what_they_are() {
        let before = body(vec![line("a", "2", "10", "0", "4", "0.2")]);
        let after = body(vec![line("a", "3", "10", "0", "6", "0.2"), line("b", "1", "5", "0", "1", "0.2")]);
        let lines = delta(&after, &[(&before, false)], usd());
        assert_eq!(show(&lines), ["a 1 x 10 - 0 tax 2", "b 1 x 5 - 0 tax 1"]);
    }

    #[test]
    fn fewer_units_and_lines_that_are_gone_are_taken_back() {
        let before = body(vec![line("a", "3", "10", "0", "6", "0.2"), line("b", "1", "5", "0", "1", "0.2")]);
        let after = body(vec![line("a", "1", "10", "0", "2", "0.2")]);
        let lines = delta(&after, &[(&before, false)], usd());
        assert_eq!(show(&lines), ["a 2 x -10 - 0 tax -4", "b 1 x -5 - 0 tax -1"]);
    }

    #[test]
    fn another_tax_on_the_same_goods_replaces_the_line() {
        let before = body(vec![line("a", "1", "10", "0", "2", "0.2")]);
        let after = body(vec![line("a", "1", "10", "0", "0.50", "0.05")]);
        let lines = delta(&after, &[(&before, false)], usd());
        assert_eq!(show(&lines), ["a 1 x -10 - 0 tax -2", "a 1 x 10 - 0 tax 0.50"]);
    }

    #[test]
    fn what_a_line_became_by_an_earlier_adjustment_is_what_it_changes_from() {
        let sale = body(vec![line("a", "1", "10", "0", "2", "0.2")]);
        let other_rate = body(vec![line("a", "1", "-10", "0", "-2", "0.2"), line("a", "1", "10", "0", "0.50", "0.05")]);
        let after = body(vec![line("a", "1", "12", "0", "0.60", "0.05")]);
        let lines = delta(&after, &[(&sale, false), (&other_rate, false)], usd());
        assert_eq!(show(&lines), ["a 1 x 2 - 0 tax 0.10"]);
    }

    fn charged(line: Line, code: &str, charged: &str) -> Line {
        let charged = (!charged.is_empty()).then(|| charged.to_owned());
        Line { tax: LineTax { code: code.into(), charged, ..line.tax.clone() }, ..line }
    }

    #[test]
    fn tax_moves_to_another_code_with_the_order_and_not_with_a_setting() {
        let goods = || line("a", "2", "10", "0", "4", "0.2");
        let in_france = body(vec![charged(goods(), "A", "FR: TVA 20 %")]);
        let codes = |lines: &[Line]| -> Vec<(String, Decimal)> {
            lines.iter().map(|line| (line.tax.code.clone(), line.tax.amount)).collect()
        };
        for (code, said, moves) in [
            ("B", "AT: MwSt 20 %", true),
            ("B", "FR: TVA 20 %", false),
            ("A", "AT: MwSt 20 %", false),
            ("B", "", false),
        ] {
            let wanted = body(vec![charged(goods(), code, said)]);
            let lines = moved(&wanted, &[(&in_france, false)], &[], usd());
            let expected = if moves { vec![("A".into(), d("-4")), ("B".into(), d("4"))] } else { Vec::new() };
            assert_eq!(codes(&lines), expected, "{code} {said}");
            // Once it moved it stays.
            let adjustment = body(lines);
            assert!(moved(&wanted, &[(&in_france, false), (&adjustment, false)], &[], usd()).is_empty());
            // What came back before stays where it was taken back.
            let credit = body(vec![charged(line("a", "1", "10", "0", "2", "0.2"), "A", "FR: TVA 20 %")]);
            let lines = moved(&wanted, &[(&in_france, false)], &[credit], usd());
            let expected = if moves { vec![("A".into(), d("-2")), ("B".into(), d("2"))] } else { Vec::new() };
            assert_eq!(codes(&lines), expected, "{code} {said}");
        }
    }

    #[test]
    fn what_is_new_is_one_line_under_a_code_and_apart_under_two() {
        let of = |price: &str, code: &str| charged(line("a", "1", price, "0", "0", "0"), code, "");
        let shown = |lines: Vec<Line>| show(&delta(&body(lines), &[], usd()));
        assert_eq!(shown(vec![of("2", "Z"), of("1", "N")]), ["a 1 x 2 - 0 tax 0", "a 1 x 1 - 0 tax 0"]);
        assert_eq!(shown(vec![of("2", "Z"), of("-2", "Z")]), [""; 0]);
    }

    #[test]
    fn a_cent_of_tax_that_a_conversion_left_on_nothing_does_not_move() {
        let sale = body(vec![charged(line("a", "1", "10", "0", "1.67", "0.2"), "A", "FR: TVA 20 %")]);
        let credit = body(vec![charged(line("a", "1", "10", "0", "1.66", "0.2"), "A", "FR: TVA 20 %")]);
        let wanted = body(vec![charged(line("a", "1", "10", "0", "1.67", "0.2"), "B", "AT: MwSt 20 %")]);
        assert!(moved(&wanted, &[(&sale, false)], &[credit], usd()).is_empty());
    }

    #[test]
    fn what_is_under_several_codes_at_once_moves_only_out_of_codes_that_it_has_no_more() {
        let part = |code| charged(line("a", "1", "10", "0", "2", "0.2"), code, &format!("FR: {code}"));
        let both = body(vec![part("A"), part("B")]);
        assert!(moved(&both, &[(&both, false)], &[], usd()).is_empty());
        let before = body(vec![part("C")]);
        let lines = moved(&both, &[(&before, false)], &[], usd());
        let codes: Vec<&str> = lines.iter().map(|line| line.tax.code.as_str()).collect();
        assert_eq!(codes, ["C", "A"]);
    }

    #[test]
    fn earlier_adjustments_count_credits_below_zero() {
        let sale = body(vec![line("a", "3", "10", "0", "6", "0.2")]);
        let credit = body(vec![line("a", "1", "10", "0", "2", "0.2")]);
        let after = body(vec![line("a", "2", "10", "0", "4", "0.2")]);
        assert!(delta(&after, &[(&sale, false), (&credit, true)], usd()).is_empty());
    }

    #[test]
    fn a_swap_on_one_account_and_code_moves_nothing() {
        let lines = [line("a", "1", "-10", "0", "-2", "0.2"), line("b", "1", "10", "0", "2", "0.2")];
        assert!(is_nothing(&lines, usd()));
        let lines = [line("a", "1", "-10", "0", "-2", "0.2"), line("b", "1", "10", "0", "0.50", "0.05")];
        assert!(!is_nothing(&lines, usd()));
    }
}
