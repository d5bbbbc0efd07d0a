//! What a person should know of an order although nothing of it waits: the books are as they ought to be, and something
//! outside of them is not.

use rust_decimal::Decimal;

use super::currency::conversion_bound;
use super::owed::{Owed, Unpaid};
use super::returns::Returns;
use super::{Case, Input};
use crate::books::document::TaxMode;
use crate::books::hold::{Hold, HoldReason};
use crate::shopify::money::Side;
use crate::shopify::{Refund, Transaction};

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
    let returned: Decimal = returns.paid.iter().map(|one| one.money).sum();
    let rounded = case.order.refund_cash_rounding(Side::Presentment).abs();
    let left = received - returned - returns.kept_back(case)? - rounded;
    let show = |amount| case.order.presentment_currency().show(amount);
    Ok((left > Decimal::ZERO).then(|| {
        let text = format!("{} was paid, {} of it was not refunded", show(received), show(left));
        Hold::new(HoldReason::CancelledNotRefunded, text)
    }))
}

/// True if Shopify itself says, of all refunds that are known, that the buyer has nothing to get back, and by what the order
/// comes to now none of what was `kept` is theirs; and the money of all refunds arrived.
fn is_settled(case: &Case<'_>, kept: Decimal) -> bool {
    let state = case.input.state;
    let is_on_its_way = |one: &Transaction| one.kind == "refund" && !one.is_refund();
    let arrived = |refund| !state.transactions_of(refund).any(is_on_its_way);
    let is_theirs = case.order.current_total(Side::Presentment).is_none_or(|current| kept > current);
    let knows = |refund: &Refund| state.snapshot_refunds.contains(&refund.id);
    case.order.owes_nothing() && !is_theirs && state.refunds.values().all(|refund| knows(refund) && arrived(refund))
}

/// What was taken off an order after it was paid, by an edit or a lower price, and waits in the books for the refund that
/// pays it back. A cancelled order is told of by itself.
/// `kept` is what was received and did not go back, in the buyer's currency.
pub(super) fn not_refunded_yet(case: &Case<'_>, mode: TaxMode, owed: &mut Owed<'_, '_>, kept: Decimal) -> Option<Hold> {
    let Unpaid { amount, tax, is_certain } = owed.unpaid(case, mode);
    let least = if is_certain { Decimal::ZERO } else { conversion_bound(case) };
    if case.order.cancelled_at.is_some() || amount <= least || is_settled(case, kept) {
        return None;
    }
    let show = |amount| case.currency.show(amount);
    let of_it = if tax.is_zero() { String::new() } else { format!(" ({} of it tax)", show(tax)) };
    let text = format!("{}{of_it} was taken off the order after it was paid, and was not refunded", show(amount));
    Some(Hold::new(HoldReason::NotRefundedYet, text))
}
