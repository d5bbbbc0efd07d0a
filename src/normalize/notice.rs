//! What a person should know of an order although nothing of it waits: the books are as they ought to be, and something
//! outside of them is not.

use rust_decimal::Decimal;

use super::currency::{booked_amount, conversion_bound};
use super::inferred::{inexact, outstanding};
use super::owed::{LOWERED, Owed, Unpaid, settles_exchange};
use super::returns::Returns;
use super::rounding::bound;
use super::{Case, Input};
use crate::books::document::{Document, Itemised, Line, LineRole, Standing, TaxMode};
use crate::books::hold::{Hold, HoldReason};
use crate::config::DifferencesTax;
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
/// `kept` is what was received and did not go back, in the buyer's currency.
pub(super) fn other_tax(case: &Case<'_>, kept: Decimal, documents: &[Document]) -> Option<Hold> {
    let (order, side) = (case.order, case.side);
    let left = order.current_tax(side)?;
    let is_settled = order.is_settled() && beyond_the_current_total(case, kept)?.abs() <= inexact(case);
    let listed: Decimal = order.listed_taxes().filter_map(|tax| tax.amount(side, order.one_currency())).sum();
    if order.total_tax(side) != Some(listed) || !is_settled || !knows_all(case) {
        return None;
    }
    let bears_tax = case.input.settings.differences_tax == DifferencesTax::AsSold;
    let (mut worth, mut booked, mut of_differences) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
    for one in documents.iter().filter(|one| one.standing == Standing::Live) {
        let Some(body) = one.itemised() else { continue };
        let sign = if one.kind().takes_back() { -Decimal::ONE } else { Decimal::ONE };
        let apart = body.lines.iter().filter(|line| matches!(line.role, LineRole::Tax | LineRole::MarketplaceTax));
        let apart = apart.map(|line| line.amount(case.currency));
        worth += sign * one.total;
        booked += sign * (body.tax_total + apart.sum::<Decimal>());
        let is_difference = |line: &&Line| line.role == LineRole::RefundDifferences && !settles_exchange(line);
        let differences = body.lines.iter().filter(|line| bears_tax && one.key.is_credit() && is_difference(line));
        of_differences += sign * differences.map(|line| line.tax.amount).sum::<Decimal>();
    }
    // Of an order whose money went back nothing stays in the books, whatever its refunds named (design, rulings).
    let left = if worth.is_zero() { Decimal::ZERO } else { left };
    // Money beyond the goods, or kept back from them, may bear tax as they do. Of that Shopify knows nothing, and it changes
    // with the rates of the sale.
    let is_changed = |one: &Document| {
        let lowers = |body: &Itemised| body.lines.iter().any(|line| line.source.starts_with(LOWERED));
        one.key.adjustment_number().is_some() || one.itemised().is_some_and(lowers)
    };
    let may_move = !of_differences.is_zero() && documents.iter().any(is_changed);
    // Parts of a line come to its tax together, and each is rounded by itself.
    let parts = case.input.state.refunds.values().map(|refund| refund.refund_line_items.len() + 1).sum();
    let crumbs = conversion_bound(case) + bound(case, parts);
    let differs = |booked: Decimal| (booked - left).abs() > crumbs;
    let show = |amount| case.currency.show(amount);
    (!may_move && differs(booked) && differs(booked - of_differences)).then(|| {
        let text = format!("{} of tax is left of the order, its documents come to {}", show(left), show(booked));
        Hold::new(HoldReason::TaxDiffers, text)
    })
}
