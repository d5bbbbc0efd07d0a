//! Money that an order says was paid although no transaction says so: how much, and what accounts for it once its
//! transactions are told.

use chrono::Duration;
use rust_decimal::Decimal;

use super::payments::{Receipt, buyers};
use super::returns::Returns;
use super::{Case, sale_date};
use crate::books::document::DocumentKey;
use crate::books::hold::{Hold, HoldReason};
use crate::shopify::money::Side;
use crate::shopify::{Order, Transaction};

/// The document key's word for a payment that no transaction is known of.
pub(super) const INFERRED: &str = "inferred";

/// An order and the transaction that changed it may be stamped by different clocks.
const SAME_MOMENT: Duration = Duration::minutes(1);

/// What the order itself says was ever paid, in the buyer's currency.
pub(super) fn said_to_be_paid(case: &Case<'_>, returns: &Returns<'_>) -> Decimal {
    // Only refunds that its figures know of.
    let known = |id| case.input.state.snapshot_refunds.contains(id);
    said(case.order, returns.paid.iter().filter(|one| known(&one.refund.id)).map(|one| one.money).sum())
}

/// Decides that so much more was received besides the transactions that are known now. Those that account for what was
/// inferred before go on doing so. Each time that more is inferred has a note of its own, under the payment that it becomes.
pub(super) fn infer(case: &mut Case<'_>, amount: Decimal) {
    let key = DocumentKey::payment(INFERRED);
    let part = u32::try_from(case.input.booked.parts_of(&key).len()).unwrap_or(0) + 1;
    let shown = case.order.presentment_currency().show(amount);
    case.writer.note(&key.part(part), "financial_status", "payment_inferred", "no transaction received", &shown);
    let is_first = case.stamp.inferred.is_none();
    let known = case.input.state.receipts().into_iter().filter(|one| is_first || is_besides(case, one));
    let known: Vec<String> = known.map(|one| one.id.0.clone()).collect();
    case.stamp.inferred = Some(case.stamp.inferred.unwrap_or_default() + amount);
    case.stamp.said_at = case.order.updated_at;
    case.stamp.known = known;
}

/// Once the transactions say all that was received, of what was inferred before only what was booked counts.
pub(super) fn forget_what_was_not_booked(case: &mut Case<'_>) {
    let Some(inferred) = case.stamp.inferred else { return };
    let mut tenders = case.input.booked.sales().into_iter().filter_map(|one| one.itemised()?.cash.as_ref());
    if tenders.any(|cash| cash.reference == case.order.id.0) {
        return;
    }
    let parts = case.input.booked.parts_of(&DocumentKey::payment(INFERRED));
    let booked = parts.iter().map(|one| buyers(case, one)).sum::<Option<Decimal>>().unwrap_or(inferred);
    case.stamp.inferred = Some(booked.min(inferred)).filter(|booked| !booked.is_zero());
}

/// How much of a transaction's money was inferred before it became known, of `covered` that no other one accounts for.
pub(super) fn stood_for(case: &Case<'_>, one: &Transaction, amount: Decimal, covered: Decimal) -> Decimal {
    if is_besides(case, one) { Decimal::ZERO } else { amount.min(covered) }
}

/// True if what was inferred is none of this transaction's money: it was known then, or was made later.
pub(super) fn is_besides(case: &Case<'_>, one: &Transaction) -> bool {
    let stamp = &case.stamp;
    let is_later = |(said, made)| made - said > SAME_MOMENT;
    stamp.known.contains(&one.id.0) || stamp.said_at.zip(one.created_at).is_some_and(is_later)
}

/// By how much what was inferred from an inexact figure, and the money besides it, miss the order's total: that much too
/// much was inferred.
pub(super) fn inferred_beyond(case: &Case<'_>, known: &[&Transaction], amounts: &[Decimal]) -> Decimal {
    let Some(inferred) = case.stamp.inferred else { return Decimal::ZERO };
    let besides = known.iter().zip(amounts).filter(|(one, _)| is_besides(case, one));
    let beyond = inferred + besides.map(|(_, amount)| *amount).sum::<Decimal>() - case.presentment_total;
    if beyond <= inexact(case) { beyond.max(Decimal::ZERO) } else { Decimal::ZERO }
}

/// True if a snapshot says that anything was ever paid.
pub(super) fn says_paid(order: &Order) -> bool {
    let status = order.financial_status.as_deref().unwrap_or("");
    matches!(status, "paid" | "partially_paid" | "partially_refunded" | "refunded")
}

/// What a snapshot says was ever paid, in the buyer's currency: what it comes to now, less what is outstanding, and what
/// went back by refunds that it knows of. Of an order that is refunded, just those.
pub(super) fn said(order: &Order, returned: Decimal) -> Decimal {
    if !says_paid(order) {
        return Decimal::ZERO;
    }
    if order.financial_status.as_deref() == Some("refunded") {
        return returned;
    }
    let rounding = order.cash_rounding(Side::Presentment);
    let whole = order.total(Side::Presentment).unwrap_or_default();
    let now = order.current_total(Side::Presentment).unwrap_or(whole);
    let net = (now - outstanding(order)).max(Decimal::ZERO);
    let said = (net + returned).min(whole);
    if said.is_zero() { said } else { said + rounding }
}

/// What a snapshot says is outstanding, in the buyer's currency.
pub(super) fn outstanding(order: &Order) -> Decimal {
    let (whole, shop_total) =
        (order.total(Side::Presentment).unwrap_or_default(), order.total(Side::Shop).unwrap_or_default());
    match (order.one_currency(), shop_total.is_zero()) {
        (true, _) | (_, true) => order.outstanding(),
        _ => order.presentment_currency().round(order.outstanding() * whole / shop_total),
    }
}

/// By how much what the order says may be off: it states what is outstanding in the shop's currency only.
pub(super) fn inexact(case: &Case<'_>) -> Decimal {
    let (order, whole) = (case.order, case.presentment_total);
    let shop_total = order.total(Side::Shop).unwrap_or_default();
    if order.one_currency() || shop_total.is_zero() {
        return Decimal::ZERO;
    }
    let buyers = order.presentment_currency();
    buyers.minor_unit() + buyers.round(order.currency.minor_unit() * whole / shop_total)
}

/// A payment that Shopify speaks of without naming its transaction. Only one gateway can be inferred.
pub(super) fn inferred(case: &Case<'_>, amount: Decimal) -> Result<Receipt, Hold> {
    let mut gateways: Vec<&String> =
        case.order.payment_gateway_names.iter().filter(|name| !name.trim().is_empty()).collect();
    gateways.dedup();
    let parts = case.input.booked.parts_of(&DocumentKey::payment(INFERRED));
    let booked = parts.iter().map(|one| buyers(case, one)).sum::<Option<Decimal>>();
    let is_booked = booked.is_some_and(|booked| booked >= amount);
    let gateway = match gateways.as_slice() {
        [] => String::new(),
        [one] => (*one).clone(),
        // It was decided while there was one.
        [first, ..] if is_booked => (*first).clone(),
        several => {
            let names: Vec<&str> = several.iter().map(|name| name.as_str()).collect();
            let text = format!("paid through {}; how much through each is not known", names.join(" and "));
            return Err(Hold::new(HoldReason::PaymentSplitUnknown, text));
        }
    };
    let key = DocumentKey::payment(INFERRED);
    // It had moved when the order first said so; which is not before the sale.
    let sold = sale_date(case.order, case.input.calendar);
    let date = case.order.updated_at.map_or(sold, |at| case.day(at)).max(sold);
    let reference = case.order.id.0.clone();
    Ok(Receipt { key, reference, gateway, date, amount, moved: None })
}
