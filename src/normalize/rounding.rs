//! Where figures meet: Shopify's parts and its total, our document and the ledger's arithmetic. A difference that is
//! rounding becomes an explicit line; any other is a hold.

use rust_decimal::Decimal;

use super::Case;
use super::currency::conversion_bound;
use super::lines::{single, sum};
use crate::books::document::{Document, DocumentKey, Itemised, Line, LineRole, LineTax, TaxMode};
use crate::books::hold::{Hold, HoldReason};
use crate::books::rules::TaxModel;
use crate::config::Settings;

/// The most that a rounding line may ever be (design, rulings): 0.50 of a two-decimal currency.
const LARGEST_ROUNDING: i64 = 50;

/// One minor unit per amount, never above [`LARGEST_ROUNDING`] minor units.
pub(super) fn bound(case: &Case<'_>, amounts: usize) -> Decimal {
    largest(case.minor_unit(), amounts)
}

fn largest(minor_unit: Decimal, amounts: usize) -> Decimal {
    (minor_unit * Decimal::from(amounts)).min(largest_rounding(minor_unit))
}

/// The most that any rounding may come to.
pub(super) fn largest_rounding(minor_unit: Decimal) -> Decimal {
    minor_unit * Decimal::from(LARGEST_ROUNDING)
}

/// Lines that bear a tax, also where it comes to nothing on what is so little: the ledger may find a part of a minor unit.
fn taxed(body: &Itemised) -> usize {
    body.lines.iter().filter(|line| !line.tax.amount.is_zero() || !line.tax.rate.is_zero()).count()
}

/// Makes the ledger's own arithmetic reach `expected`: what its model predicts to be missing becomes an explicit
/// rounding line: at most one minor unit per taxed line and, where amounts were converted one by one, what those can miss
/// ([`conversion_bound`]); never above 0.50. More is a hold (design, rulings).
pub(super) fn close(
    case: &mut Case<'_>,
    key: &DocumentKey,
    body: &mut Itemised,
    expected: Decimal,
) -> Result<(), Hold> {
    leave_no_tax_without_its_amount(case, body);
    let stated = sum(case, body.tax_mode, &body.lines);
    leave_no_tax_below_zero(case, key, body);
    let computed = case.input.rules.compute(body, case.currency);
    let predicted = computed.total();
    let difference = expected - predicted;
    if difference.is_zero() {
        note_tax(case, key, body, computed.tax());
        return Ok(());
    }
    let show = |amount| case.currency.show(amount);
    let most = (bound(case, taxed(body)) + conversion_bound(case)).min(largest_rounding(case.minor_unit()));
    if difference.abs() > most {
        let ledger = case.input.rules.ledger().title();
        let arithmetic = computed.show(case.currency);
        let text = format!(
            "{key} ought to come to {}, {ledger} would compute {arithmetic}; rounding explains at most {}",
            show(expected),
            show(most)
        );
        return Err(Hold::new(HoldReason::TotalMismatch, text));
    }
    body.lines.push(single(case, LineRole::Rounding, "rounding", "Rounding", difference)?);
    let rule = if expected == stated { "ledger_rounding" } else { "conversion_rounding" };
    case.writer.note(key, "total_price", rule, &show(predicted), &show(expected));
    let reached = case.input.rules.compute(body, case.currency);
    if reached.total() != expected {
        let arithmetic = reached.show(case.currency);
        let text = format!("{key} ought to come to {}, with a rounding line {arithmetic}", show(expected));
        return Err(Hold::new(HoldReason::TotalMismatch, text));
    }
    Ok(())
}

/// Converted one by one, a line's amount may come to nothing and its tax to a cent: no ledger takes tax without what it is
/// of. The cent is rounding.
fn leave_no_tax_without_its_amount(case: &Case<'_>, body: &mut Itemised) {
    if case.is_one_to_one() {
        return;
    }
    for line in &mut body.lines {
        let amount = line.amount(case.currency);
        if line.role != LineRole::Tax && line.tax.amount.abs() > amount.abs() {
            body.tax_total -= line.tax.amount;
            line.tax.amount = Decimal::ZERO;
        }
    }
}

/// Where only a document's whole tax is told, it must not be below zero. What several credits rounded one by one may leave
/// such cents: they are rounding. More than that is what was kept back, and becomes part of its line's amount.
fn leave_no_tax_below_zero(case: &mut Case<'_>, key: &DocumentKey, body: &mut Itemised) {
    let below = body.tax_total.min(Decimal::ZERO);
    if case.input.rules.tax_model() == TaxModel::CodePerLine || below.is_zero() {
        return;
    }
    let is_rounding = -below <= bound(case, taxed(body));
    let (mut left, currency) = (below, case.currency);
    for line in body.lines.iter_mut().filter(|line| line.tax.amount < Decimal::ZERO) {
        let part = line.tax.amount.max(left);
        line.tax.amount -= part;
        if !is_rounding {
            *line = line.clone().as_one(line.amount(currency) + part, line.tax.amount);
        }
        left -= part;
    }
    body.tax_total -= below;
    if !is_rounding {
        let (before, after) = (currency.show(below), currency.show(Decimal::ZERO));
        case.writer.note(key, "total_tax", "tax_below_zero", &before, &after);
    }
}

/// Where prices contain tax, a ledger that extracts it in its own way reaches the same total with other cents of tax: that
/// is said, for a tax return adds them up.
fn note_tax(case: &mut Case<'_>, key: &DocumentKey, body: &Itemised, computed: Decimal) {
    if body.tax_mode == TaxMode::Inclusive && computed != body.tax_total {
        let (before, after) = (case.currency.show(body.tax_total), case.currency.show(computed));
        case.writer.note(key, "total_tax", "ledger_tax", &before, &after);
    }
}

/// The document with `difference` as a rounding line, if that is no more than one minor unit per taxed line: what has to
/// be sent to a ledger whose arithmetic turned out otherwise than its model.
pub fn with_rounding(settings: &Settings, document: &Document, difference: Decimal) -> Option<Document> {
    let mut corrected = document.clone();
    let body = corrected.itemised_mut()?;
    if difference.is_zero() || difference.abs() > largest(document.currency.minor_unit(), taxed(body)) {
        return None;
    }
    body.lines.push(Line {
        role: LineRole::Rounding,
        source: "rounding".into(),
        description: "Rounding".into(),
        more: Vec::new(),
        quantity: Decimal::ONE,
        unit_price: difference,
        discount: Decimal::ZERO,
        account: settings.lines.account(LineRole::Rounding)?.to_owned(),
        tax: LineTax::none(settings.no_tax.as_deref().unwrap_or_default()),
    });
    Some(corrected)
}
