//! Cash at the till: how much of it stayed there, whether a transaction tells it as it was handed over, with or without
//! what the till rounded.

use rust_decimal::Decimal;

use super::Case;
use super::inferred::outstanding;
use super::payments::{buyers, presentment_amount};
use crate::books::document::DocumentKey;
use crate::books::hold::Hold;
use crate::shopify::Transaction;
use crate::shopify::money::Side;

/// What each transaction brought, in the buyer's currency. Cash is rounded at the till: its amount is read with or without
/// the rounding, whichever closes the order (design, rulings), or leaves open what the order says is outstanding.
pub(super) fn amounts(case: &Case<'_>, known: &[&Transaction]) -> Result<Vec<Decimal>, Hold> {
    let mut plain = known.iter().map(|one| presentment_amount(case, one)).collect::<Result<Vec<_>, Hold>>()?;
    take_off_change(case, known, &mut plain)?;
    let rounding = case.order.cash_rounding(Side::Presentment);
    let missing = case.presentment_total - plain.iter().sum::<Decimal>();
    let stated = known.iter().rposition(|one| one.amount_rounding.is_some_and(|amount| amount.0 == rounding));
    let Some(at) = stated.or(known.len().checked_sub(1)).filter(|_| !rounding.is_zero()) else { return Ok(plain) };
    let unsaid = net_of_refunds(case)? - plain.iter().sum::<Decimal>();
    let is_besides = match booked_of(case, known[at]) {
        // What was booked of it stays read so, whatever the order comes to since.
        Some(booked) => booked == plain[at] + rounding,
        None if unsaid.is_zero() => false,
        None => unsaid == rounding || missing == rounding,
    };
    if is_besides {
        plain[at] += rounding;
    }
    Ok(plain)
}

/// What the order's own figures say was received: what it comes to now, less what is outstanding, and what refunds gave back.
fn net_of_refunds(case: &Case<'_>) -> Result<Decimal, Hold> {
    let (order, state) = (case.order, case.input.state);
    let known = state.refunds.values().filter(|one| state.snapshot_refunds.contains(&one.id));
    let moved = known.flat_map(|one| state.transactions_of(one)).filter(|one| one.is_refund());
    let returned = moved.map(|one| presentment_amount(case, one)).sum::<Result<Decimal, Hold>>()?;
    let whole = order.total(Side::Presentment).unwrap_or_default();
    let now = order.current_total(Side::Presentment).unwrap_or(whole) + order.cash_rounding(Side::Presentment);
    Ok(now - outstanding(order) + returned)
}

/// Writes down where a payment is not what its transaction says: change came off it, or the till rounded it.
pub(super) fn note_cash(case: &mut Case<'_>, known: &[&Transaction], amounts: &[Decimal]) -> Result<(), Hold> {
    let (rounding, change) = (case.order.cash_rounding(Side::Presentment), change(case)?);
    for (one, amount) in known.iter().zip(amounts) {
        let told = presentment_amount(case, one)?;
        let is_whole = *amount == told || *amount == told + rounding;
        let kept = if is_whole { told } else { told - change };
        let key = DocumentKey::payment(one.id.as_str());
        for (rule, before, after) in [("change_given", told, kept), ("cash_received_rounded", kept, *amount)] {
            if before != after {
                let show = |amount: Decimal| case.order.presentment_currency().show(amount);
                case.writer.note(&key, "amount", rule, &show(before), &show(after));
            }
        }
    }
    Ok(())
}

/// What is booked of a receipt, in the buyer's currency.
fn booked_of(case: &Case<'_>, one: &Transaction) -> Option<Decimal> {
    let standing = case.input.booked.parts_of(&DocumentKey::payment(one.id.as_str()));
    let booked = standing.iter().map(|one| buyers(case, one)).sum::<Option<Decimal>>();
    booked.filter(|_| !standing.is_empty())
}

/// The change that went back at the till.
fn given<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Transaction> {
    case.input.state.transactions.values().filter(|one| one.is_change())
}

/// What it comes to, in the buyer's currency.
fn change(case: &Case<'_>) -> Result<Decimal, Hold> {
    let change: Decimal = given(case).map(|one| presentment_amount(case, one)).sum::<Result<Decimal, Hold>>()?;
    Ok(change.abs())
}

/// Cash may be told as it was handed over, with the change as a transaction of its own: then the change comes off it. Which
/// of the two a body tells is seen by what closes the order, or by what was booked of it before.
fn take_off_change(case: &Case<'_>, known: &[&Transaction], amounts: &mut [Decimal]) -> Result<(), Hold> {
    let change = change(case)?;
    if change.is_zero() {
        return Ok(());
    }
    let cash = |at: &usize| amounts[*at] > change && given(case).any(|one| one.gateway == known[*at].gateway);
    let Some(at) = (0..known.len()).rev().find(cash) else { return Ok(()) };
    let rounding = case.order.cash_rounding(Side::Presentment);
    let closes = |sum: Decimal| sum == case.presentment_total || sum + rounding == case.presentment_total;
    let sum: Decimal = amounts.iter().sum();
    let is_net = match booked_of(case, known[at]) {
        Some(booked) => booked < amounts[at],
        None => closes(sum - change) && !closes(sum),
    };
    if is_net {
        amounts[at] -= change;
    }
    Ok(())
}
