//! What a person should know of an order although nothing of it waits: something outside of the books is not as it ought to
//! be, or what is booked turned out to be of another tax.

use rust_decimal::Decimal;

use super::currency::{booked_amount, conversion_bound};
use super::inferred::{inexact, outstanding};
use super::owed::{LOWERED, Owed, Unpaid, settles_exchange};
use super::returns::{Returns, taken};
use super::rounding::bound;
use super::{Case, Input};
use crate::books::document::{Document, Line, LineRole, Standing, TaxMode};
use crate::books::hold::{Hold, HoldReason};
use crate::shopify::Transaction;
use crate::shopify::money::Side;

/// What the order's state alone says: an open dispute, or that Shopify deleted what stands in the books.
pub fn told(input: &Input<'_>) -> Option<Hold> {
    let open: Vec<String> =
        input.state.disputes.values().filter(|one| one.is_open()).map(|one| one.in_words()).collect();
    if !open.is_empty() {
        return Some(Hold::new(HoldReason::Disputed, open.join("; ")));
    }
    let standing: Vec<&str> =
        input.booked.standing().map(|one| one.number()).filter(|number| !number.is_empty()).collect();
    (input.state.deleted && !standing.is_empty())
        .then(|| Hold::new(HoldReason::DeletedAfterPosting, format!("in the books: {}", standing.join(", "))))
}

/// An order that was cancelled and whose buyer did not get everything back that was paid and not kept back on purpose.
pub(super) fn not_refunded(case: &Case<'_>, received: Decimal, returns: &Returns<'_>) -> Result<Option<Hold>, Hold> {
    if case.order.cancelled_at.is_none() {
        return Ok(None);
    }
    let rounded = case.order.refund_cash_rounding(Side::Presentment).abs();
    let left = received - returns.money() - returns.kept_back(case)? - rounded;
    let show = |amount| case.order.presentment_currency().show(amount);
    Ok((left > Decimal::ZERO).then(|| {
        let text = format!("{} was paid, {} of it was not refunded", show(received), show(left));
        Hold::new(HoldReason::CancelledNotRefunded, text)
    }))
}

/// True if Shopify's figures know of all refunds, and their money arrived.
fn knows_all(case: &Case<'_>) -> bool {
    let state = case.input.state;
    let is_on_its_way = |one: &Transaction| one.kind == "refund" && !one.is_refund();
    let arrived = |refund| !state.transactions_of(refund).any(is_on_its_way);
    state.refunds.values().all(|refund| state.snapshot_refunds.contains(&refund.id) && arrived(refund))
}

/// By how much what was `kept` is beyond what the order comes to now, in the buyer's currency; `None` where it does not say it.
fn beyond_the_current_total(case: &Case<'_>, kept: Decimal) -> Option<Decimal> {
    let current = case.order.current_total(Side::Presentment)?;
    Some(kept - current - case.order.cash_rounding(Side::Presentment))
}

/// What Shopify itself says that the buyer has to get back, of what was `kept`, in the buyer's currency; zero if it is nothing.
/// `None` where its figures do not say it, or do not agree with each other.
fn said_to_be_owed(case: &Case<'_>, kept: Decimal) -> Option<Decimal> {
    let beyond = beyond_the_current_total(case, kept).filter(|_| knows_all(case))?;
    if case.order.owes_nothing() {
        return (beyond <= Decimal::ZERO).then_some(Decimal::ZERO);
    }
    ((beyond + outstanding(case.order)).abs() <= inexact(case)).then_some(beyond)
}

/// What was taken off an order after it was paid, by an edit or a lower price, and waits in the books for the refund that
/// pays it back. A cancelled order is told of by itself.
/// `kept` is what was received and did not go back, in the buyer's currency.
pub(super) fn not_refunded_yet(case: &Case<'_>, mode: TaxMode, owed: &mut Owed<'_, '_>, kept: Decimal) -> Option<Hold> {
    let Unpaid { amount, tax, is_certain } = owed.unpaid(case, mode);
    let said = said_to_be_owed(case, kept);
    if case.order.cancelled_at.is_some() || said.is_some_and(|said| said.is_zero()) {
        return None;
    }
    // What of it no document waits for: a refund that was booked before paid for something else, by what was known then.
    let more = said.map_or(Decimal::ZERO, |said| booked_amount(case, said) - owed.still_overpaid() - amount);
    let (amount, tax) = if more > conversion_bound(case) { (amount + more, Decimal::ZERO) } else { (amount, tax) };
    let least = if is_certain { Decimal::ZERO } else { conversion_bound(case) };
    if amount <= least {
        return None;
    }
    let show = |amount| case.currency.show(amount);
    let of_it = if tax.is_zero() { String::new() } else { format!(" ({} of it tax)", show(tax)) };
    let text = format!("{}{of_it} was taken off the order after it was paid, and was not refunded", show(amount));
    Some(Hold::new(HoldReason::NotRefundedYet, text))
}

/// An order that is settled, and whose `documents` come to another tax than Shopify says is left of it. When a refund was
/// booked, nothing may have said which goods it paid for, or at which rate of tax; by what is known now, the tax is wrong.
/// Told is by how much: what comes back later with its own tax changes nothing of that. `kept` is what was received and did not
/// go back, in the buyer's currency.
pub(super) fn other_tax(
    case: &Case<'_>,
    returns: &Returns<'_>,
    kept: Decimal,
    documents: &[Document],
) -> Result<Option<Hold>, Hold> {
    let Some(left) = left_tax(case, kept) else { return Ok(None) };
    let Some(booked) = BookedTax::of(case, documents) else { return Ok(None) };
    // Of an order whose money went back nothing stays in the books, whatever its refunds named (design, rulings).
    let left = if booked.worth.is_zero() { Decimal::ZERO } else { left };
    // Parts of a line come to its tax together, and each is rounded by itself.
    let parts = case.input.state.refunds.values().map(|refund| refund.refund_line_items.len() + 1).sum();
    let crumbs = conversion_bound(case) + bound(case, parts);
    let mut of_deliveries = Decimal::ZERO;
    for one in &returns.paid {
        let back = taken(case, one.refund, one.reading, Side::Presentment)?;
        let back = back.iter().filter(|one| one.role == LineRole::Shipping);
        of_deliveries += back.map(|one| booked_amount(case, one.tax)).sum::<Decimal>();
    }
    // Money beyond the goods, or kept back from them, may bear tax as they do, of which Shopify knows nothing; and that its
    // figure follows deliveries that came back is not confirmed.
    let readings = [Decimal::ZERO, booked.of_differences, -of_deliveries, booked.of_differences - of_deliveries];
    let differs = |unknown: &Decimal| (booked.tax - unknown - left).abs() > crumbs;
    let more = booked.tax - left;
    let show = |amount: Decimal| case.currency.show(amount.abs());
    Ok(readings.iter().all(differs).then(|| {
        let word = if more.is_sign_positive() { "more" } else { "less" };
        let text = format!("the documents come to {} {word} of tax than Shopify says is left of the order", show(more));
        Hold::new(HoldReason::TaxDiffers, text)
    }))
}

/// The tax that Shopify says is left of an order that is settled, as booked; `None` where it does not say it, and where its
/// figures do not agree with each other.
fn left_tax(case: &Case<'_>, kept: Decimal) -> Option<Decimal> {
    let (order, side) = (case.order, case.side);
    let left = order.current_tax(side)?;
    let is_settled = order.is_settled() && beyond_the_current_total(case, kept)?.abs() <= inexact(case);
    let listed = order.listed_taxes().map(|tax| tax.amount(side, order.one_currency())).sum::<Option<Decimal>>()?;
    (order.total_tax(side) == Some(listed) && is_settled && knows_all(case)).then_some(left)
}

/// What the documents of an order come to.
#[derive(Default)]
struct BookedTax {
    /// In all.
    worth: Decimal,
    /// Of tax, a marketplace's among it.
    tax: Decimal,
    /// What of that is of money that refunds gave back beyond the goods (below zero), or kept back (above).
    of_differences: Decimal,
}

impl BookedTax {
    /// Of all that stand. `None` where tax was assumed, of which Shopify knows nothing; and where differences have tax on a
    /// line of its own, or tax that may have moved with the rates since.
    fn of(case: &Case<'_>, documents: &[Document]) -> Option<Self> {
        let (mut all, mut has_moved, mut is_apart) = (Self::default(), false, false);
        for one in documents.iter().filter(|one| one.standing == Standing::Live) {
            let Some(body) = one.itemised() else { continue };
            if body.lines.iter().any(|line| line.tax.assumed) {
                return None;
            }
            let sign = if one.kind().takes_back() { -Decimal::ONE } else { Decimal::ONE };
            let apart = body.lines.iter().filter(|line| matches!(line.role, LineRole::Tax | LineRole::MarketplaceTax));
            all.worth += sign * one.total;
            all.tax += sign * (body.tax_total + apart.map(|line| line.amount(case.currency)).sum::<Decimal>());
            let is_difference = |line: &&Line| line.role == LineRole::RefundDifferences && !settles_exchange(line);
            for line in body.lines.iter().filter(|line| one.key.is_credit() && is_difference(line)) {
                all.of_differences += sign * line.tax.amount;
                is_apart |= !line.tax.apart.is_empty();
            }
            has_moved |= one.key.adjustment_number().is_some();
            has_moved |= body.lines.iter().any(|line| line.source.starts_with(LOWERED));
        }
        (!is_apart && (all.of_differences.is_zero() || !has_moved)).then_some(all)
    }
}
