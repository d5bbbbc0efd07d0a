//! Parts add up to the whole.

use super::*;
use crate::books::document::{LineRole, LineTax};
use proptest::prelude::*;

const MOST: usize = 8;

fn usd() -> Currency {
    "USD".parse().unwrap()
}

/// As in QuickBooks: a discount is a row of its own, and so is each further piece of the description.
fn rows_of(line: &Line) -> usize {
    1 + usize::from(!line.discount.is_zero()) + line.more.len()
}

fn rows(body: &Itemised) -> usize {
    body.lines.iter().map(rows_of).sum()
}

fn line(cents: i64, discount: i64, tax: i64, more: usize) -> Line {
    Line {
        role: LineRole::Sales,
        source: format!("line:{cents}:{discount}:{tax}:{more}"),
        description: "Mug".into(),
        more: vec!["and more of it".into(); more],
        quantity: Decimal::ONE,
        unit_price: Decimal::new(cents, 2),
        discount: Decimal::new(discount, 2),
        account: "200".into(),
        tax: LineTax {
            amount: Decimal::new(tax, 2),
            rate: Decimal::new(2, 1),
            rates: Vec::new(),
            code: "OUTPUT2".into(),
            charged: None,
            apart: Vec::new(),
            assumed: false,
        },
    }
}

fn document(lines: Vec<Line>, tax_mode: TaxMode) -> Itemised {
    Itemised {
        number: "S-1001".into(),
        due_date: chrono::NaiveDate::from_ymd_opt(2026, 11, 2).unwrap(),
        tax_mode,
        tax_total: lines.iter().map(|line| line.tax.amount).sum(),
        lines,
        cash: None,
    }
}

fn total(body: &Itemised) -> Decimal {
    body.lines.iter().map(|line| worth(line, body.tax_mode, usd())).sum()
}

fn cut(body: &Itemised) -> Result<Vec<Itemised>, Hold> {
    split(body.clone(), MOST, usd(), &rows_of)
}

#[test]
fn a_document_that_fits_stays_one() {
    let body = document(vec![line(100, 0, 20, 0); MOST], TaxMode::Exclusive);
    assert_eq!(cut(&body).unwrap(), [body]);
}

#[test]
fn parts_are_numbered_and_a_discounted_line_and_a_long_text_take_rows_of_their_own() {
    let body = document([vec![line(100, 10, 18, 0); 5], vec![line(100, 0, 20, 6)]].concat(), TaxMode::Exclusive);
    let parts = cut(&body).unwrap();
    let shape: Vec<_> = parts.iter().map(|part| (part.number.as_str(), part.lines.len(), part.tax_total)).collect();
    let cents = |cents| Decimal::new(cents, 2);
    assert_eq!(shape, [("S-1001", 4, cents(72)), ("S-1001-2", 1, cents(18)), ("S-1001-3", 1, cents(20))]);
}

#[test]
fn a_line_below_zero_stays_with_enough_above_it_or_the_document_is_held() {
    let mut lines = vec![line(100, 0, 0, 0); MOST];
    lines.push(line(-250, 0, 0, 0));
    let parts = cut(&document(lines.clone(), TaxMode::Inclusive)).unwrap();
    assert_eq!(parts[1].lines.len(), 4, "three lines come along, so that the second part is not below zero");
    lines.pop();
    lines.push(line(-750, 0, 0, 0));
    let hold = cut(&document(lines, TaxMode::Inclusive)).unwrap_err();
    assert_eq!(hold.reason, HoldReason::TooManyLines);
}

#[test]
fn a_tax_below_zero_stays_with_enough_tax_above_it() {
    let taxed = || line(1_000, 0, 200, 0);
    let kept = [line(5_000, 0, 0, 0), line(-1_000, 0, -170, 0)];
    let body = document((0..7).map(|_| taxed()).chain(kept).collect(), TaxMode::Exclusive);
    let taxes: Vec<Decimal> = cut(&body).unwrap().iter().map(|part| part.tax_total).collect();
    assert_eq!(taxes, [Decimal::new(1_200, 2), Decimal::new(30, 2)]);
}

#[test]
fn of_what_goes_two_ways_neither_part_bears_a_tax_below_zero() {
    let untaxed = Line { tax: LineTax::none(""), ..line(5_000, 0, 0, 0) };
    let body = document(vec![untaxed, line(1_000, 0, 200, 0), line(-1_000, 0, -32, 0)], TaxMode::Exclusive);
    for cents in [1, 500, 5_000] {
        let amount = Decimal::new(cents, 2);
        let (first, second) = at_amount(&body, amount, usd(), 2);
        assert_eq!((total(&first), total(&second)), (amount, total(&body) - amount));
        assert_eq!(first.tax_total + second.tax_total, body.tax_total);
        assert!(first.tax_total >= Decimal::ZERO && second.tax_total >= Decimal::ZERO, "{cents}");
    }
}

#[test]
fn a_line_that_is_longer_than_a_document_is_held() {
    let body = document(vec![line(100, 0, 0, MOST)], TaxMode::Inclusive);
    assert_eq!(cut(&body).unwrap_err().reason, HoldReason::TooManyLines);
}

fn some_line() -> impl Strategy<Value = Line> {
    let priced = (0i64..5_000, 0i64..100, 0usize..3).prop_map(|(cents, share, more)| {
        let discount = if share < 30 { cents * share / 100 } else { 0 };
        line(cents, discount, (cents - discount) / 5, more)
    });
    prop_oneof![9 => priced, 1 => (1i64..3_000).prop_map(|cents| line(-cents, 0, -cents / 5, 0))]
}

proptest! {
    #[test]
    fn parts_add_up_to_the_whole_line_by_line(
        lines in proptest::collection::vec(some_line(), 1..60),
        inclusive: bool,
        most in 5usize..20,
        beyond in -3i64..=3,
    ) {
        let mut body = document(lines, if inclusive { TaxMode::Inclusive } else { TaxMode::Exclusive });
        body.tax_total += Decimal::new(beyond, 2);
        let Ok(parts) = split(body.clone(), most, usd(), &rows_of) else { return Ok(()) };
        let lines: Vec<Line> = parts.iter().flat_map(|part| part.lines.clone()).collect();
        prop_assert_eq!(&lines, &body.lines);
        prop_assert_eq!(parts.iter().map(|part| part.tax_total).sum::<Decimal>(), body.tax_total);
        prop_assert_eq!(parts.iter().map(total).sum::<Decimal>(), total(&body));
        for (n, part) in (1..).zip(&parts) {
            prop_assert!(rows(part) <= most && !part.lines.is_empty());
            prop_assert_eq!(&part.number, &number::part(&body.number, n));
            let below = total(part) < Decimal::ZERO || part.tax_of_lines() < Decimal::ZERO;
            prop_assert!(parts.len() == 1 || !below, "part {} comes to {}, tax {}", n, total(part), part.tax_total);
            prop_assert_eq!(split(part.clone(), most, usd(), &rows_of).unwrap(), vec![part.clone()]);
        }
    }

    #[test]
    fn without_lines_below_zero_any_order_is_split_into_as_few_as_possible(
        cents in proptest::collection::vec(0i64..5_000, 1..200), most in 1usize..20
    ) {
        let body = document(cents.into_iter().map(|one| line(one, 0, 0, 0)).collect(), TaxMode::Exclusive);
        let parts = split(body.clone(), most, usd(), &rows_of).unwrap();
        prop_assert_eq!(parts.len(), body.lines.len().div_ceil(most));
    }
}

#[test]
fn what_goes_and_what_comes_in_its_place_stay_in_one_part() {
    let pair = |n: i64| {
        let (gone, come) = (line(-1_000, 0, 0, 0), line(1_000, 0, 200, 0));
        let source = format!("line:{n}");
        [Line { source: source.clone(), ..gone }, Line { source, ..come }]
    };
    // In a credit, what goes stands above zero.
    let reversed = |n: i64| {
        let [gone, come] = pair(n);
        [
            Line { unit_price: Decimal::TEN + Decimal::TEN, ..gone },
            Line { tax: LineTax::none(""), ..come.reversed(usd()) },
        ]
    };
    for lines in [(0..3).flat_map(pair).collect::<Vec<_>>(), (0..3).flat_map(reversed).collect()] {
        let parts = split(document(lines, TaxMode::Exclusive), 3, usd(), &|_| 1).unwrap();
        assert_eq!(parts.iter().map(|part| part.lines.len()).collect::<Vec<_>>(), [2, 2, 2]);
    }
}
