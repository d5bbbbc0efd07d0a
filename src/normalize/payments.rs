//! Money that came in: one payment per successful sale or capture, into the gateway's account.

use chrono::{Duration, NaiveDate};
use rust_decimal::Decimal;

use super::currency::{buyers_amount, share};
use super::returns::Returns;
use super::sale::Target;
use super::series::Series;
use super::{Case, document, sale_date};
use crate::books::document::{Content, Document, DocumentKey, DocumentKind, Settlement};
use crate::books::hold::{Hold, HoldReason};
use crate::shopify::money::Side;
use crate::shopify::{Order, Transaction};

/// The document key's word for a payment that no transaction is known of.
pub(super) const INFERRED: &str = "inferred";

/// An order and the transaction that changed it may be stamped by different clocks.
const SAME_MOMENT: Duration = Duration::minutes(1);

/// The receipts of an order.
pub(super) struct Receipts {
    pub list: Vec<Receipt>,
    /// All that was received, in the buyer's currency.
    pub total: Decimal,
    /// Shopify says that more was paid than the known transactions show.
    pub awaits_transactions: bool,
    /// What the order itself says was paid, where that is more than is known.
    pub said: Decimal,
}

/// Money received.
pub(super) struct Receipt {
    pub key: DocumentKey,
    pub reference: String,
    pub gateway: String,
    /// When it moved.
    pub date: NaiveDate,
    /// In the buyer's currency.
    pub amount: Decimal,
    /// What it came to in the shop's currency when it moved, where that is known.
    pub moved: Option<Decimal>,
}

impl Receipt {
    /// What a transaction brought beyond what stands for it `already`.
    pub fn of(one: &Transaction, date: NaiveDate, amount: Decimal, already: Decimal) -> Self {
        Self {
            key: DocumentKey::payment(one.id.as_str()),
            reference: one.id.0.clone(),
            gateway: one.gateway.clone(),
            date,
            amount: amount - already,
            moved: one.amount_set.map(|set| set.on(Side::Shop)).filter(|_| already.is_zero()),
        }
    }
}

/// Every receipt: those that were booked already first, then by time. What was inferred before stands for the first money
/// that its transactions show later.
pub(super) fn receipts(case: &mut Case<'_>, returns: &Returns<'_>) -> Result<Receipts, Hold> {
    let known: Vec<&Transaction> = case.input.state.receipts();
    let amounts = amounts(case, &known)?;
    note_cash(case, &known, &amounts)?;
    let received: Decimal = amounts.iter().sum();
    let said = said_to_be_paid(case, returns);
    if received + inexact(case) >= said {
        forget_what_was_not_booked(case);
    }
    let brought: Decimal = brought(case, &known, &amounts).iter().sum();
    let shown = case.stamp.inferred.unwrap_or_default() + brought;
    let is_more = said > shown.max(received) + inexact(case);
    let awaits_transactions = is_more && !case.input.may_infer;
    if is_more && case.input.may_infer {
        infer(case, said - shown);
    }
    let mut list = listed(case, &known, &amounts)?;
    // A receipt that is booked keeps its place: an older one that is heard of later does not move it.
    list.sort_by_key(|one| case.input.booked.parts_of(&one.key).is_empty());
    let total = list.iter().map(|one| one.amount).sum();
    Ok(Receipts { list, total, awaits_transactions, said })
}

/// What was inferred, and what each transaction brought beyond that.
fn listed(case: &Case<'_>, known: &[&Transaction], amounts: &[Decimal]) -> Result<Vec<Receipt>, Hold> {
    let mut list = Vec::new();
    if let Some(amount) = case.stamp.inferred {
        list.push(inferred(case, amount)?);
    }
    for ((one, amount), brought) in known.iter().zip(amounts).zip(brought(case, known, amounts)) {
        if brought > Decimal::ZERO {
            let date = one.at().map_or(case.date, |at| case.day(at));
            list.push(Receipt::of(one, date, *amount, *amount - brought));
        }
    }
    Ok(list)
}

/// How much each transaction brought beyond what was inferred before it was known.
fn brought(case: &Case<'_>, known: &[&Transaction], amounts: &[Decimal]) -> Vec<Decimal> {
    let mut covered = case.stamp.inferred.unwrap_or_default();
    let mut beyond = inferred_beyond(case, known, amounts);
    let brought = |(one, amount): (&&Transaction, &Decimal)| {
        let left = if is_besides(case, one) { &mut beyond } else { &mut covered };
        let already = (*amount).min(*left);
        *left -= already;
        *amount - already
    };
    known.iter().zip(amounts).map(brought).collect()
}

/// What each transaction brought, in the buyer's currency. Cash is rounded at the till: its amount is read with or without
/// the rounding, whichever closes the order (design, rulings).
pub(super) fn amounts(case: &Case<'_>, known: &[&Transaction]) -> Result<Vec<Decimal>, Hold> {
    let mut plain = known.iter().map(|one| presentment_amount(case, one)).collect::<Result<Vec<_>, Hold>>()?;
    take_off_change(case, known, &mut plain)?;
    let rounding = case.order.cash_rounding(Side::Presentment);
    let missing = case.presentment_total - plain.iter().sum::<Decimal>();
    let stated = known.iter().rposition(|one| one.amount_rounding.is_some_and(|amount| amount.0 == rounding));
    let Some(at) = stated.or(known.len().checked_sub(1)).filter(|_| !rounding.is_zero()) else { return Ok(plain) };
    // What was booked of it stays read so, whatever the order comes to since.
    if missing == rounding || booked_of(case, known[at]) == Some(plain[at] + rounding) {
        plain[at] += rounding;
    }
    Ok(plain)
}

/// Writes down where a payment is not what its transaction says: change came off it, or the till rounded it.
fn note_cash(case: &mut Case<'_>, known: &[&Transaction], amounts: &[Decimal]) -> Result<(), Hold> {
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

/// The payments of a sale. Each covers the share of the sale that its amount covers of what was paid and is owed,
/// cumulated, so that the last one closes it exactly whatever the exchange rate.
pub(super) fn payments(
    case: &mut Case<'_>,
    target: &Target,
    receipts: &Receipts,
    series: &mut Series,
) -> Result<Vec<Document>, Hold> {
    let mut documents = Vec::new();
    let (mut cumulated, mut booked) = (Decimal::ZERO, Decimal::ZERO);
    for receipt in &receipts.list {
        cumulated += receipt.amount;
        if let Some(total) = in_receipt(series, receipt) {
            note_drift(case, &receipt.key, receipt.moved, total);
            booked += total;
            continue;
        }
        let standing = case.input.booked.parts_of(&receipt.key);
        let upto = share(case, target.booked, cumulated, target.presentment);
        if !standing.is_empty() {
            let before = booked;
            booked += standing.iter().map(|one| one.total).sum::<Decimal>();
            documents.extend(standing.iter().copied().cloned());
            // Of a receipt that pays several documents, some payments may stand and the others not yet.
            let missing = receipt.amount
                - standing.iter().map(|one| buyers(case, one)).sum::<Option<Decimal>>().unwrap_or(receipt.amount);
            if missing > Decimal::ZERO && upto > booked {
                documents.extend(payment(case, receipt, upto - booked, series, &standing)?);
                booked = upto;
            }
            // What it really came to may become known only after it was booked.
            note_drift(case, &receipt.key, receipt.moved, booked - before);
            continue;
        }
        let amount = upto - booked;
        booked = upto;
        if amount <= Decimal::ZERO {
            continue;
        }
        note_drift(case, &receipt.key, receipt.moved, amount);
        documents.extend(payment(case, receipt, amount, series, &[])?);
    }
    Ok(documents)
}

/// What a sales receipt recorded of this receipt itself.
fn in_receipt(series: &Series, receipt: &Receipt) -> Option<Decimal> {
    let is_it = |one: &&Document| {
        one.kind() == DocumentKind::SalesReceipt
            && one
                .itemised()
                .and_then(|body| body.cash.as_ref())
                .is_some_and(|cash| cash.reference == receipt.reference)
    };
    series.sales.iter().filter(is_it).map(|one| one.total).reduce(|one, other| one + other)
}

/// What a payment is in the buyer's currency, if that is known.
fn buyers(case: &Case<'_>, payment: &Document) -> Option<Decimal> {
    if case.is_one_to_one() { Some(payment.total) } else { payment.buyer_total }
}

/// One receipt, spread over the documents that it pays; `standing` payments of it stand already.
fn payment(
    case: &Case<'_>,
    receipt: &Receipt,
    amount: Decimal,
    series: &mut Series,
    standing: &[&Document],
) -> Result<Vec<Document>, Hold> {
    let account = case.payment_account(&receipt.gateway)?;
    let mut documents: Vec<Document> = Vec::new();
    let left = series.fill(amount, |sale, part| {
        let key = receipt.key.part(u32::try_from(standing.len() + documents.len()).unwrap_or(0) + 1);
        let reference = receipt.reference.clone();
        let settlement = Settlement { settles: sale.key.clone(), from: None, account: account.clone(), reference };
        documents.push(document(case, key, receipt.date, part, Content::Payment(settlement)));
    });
    if left.is_zero() {
        state_buyers_amounts(case, receipt.amount, standing, &mut documents);
        return Ok(documents);
    }
    let text = format!("{}: {} more than what is open", receipt.key, case.currency.show(left));
    Err(Hold::new(HoldReason::OrderInconsistent, text))
}

/// What each of the documents that money became is in the buyer's currency; together they are that money.
pub(super) fn state_buyers_amounts(
    case: &Case<'_>,
    amount: Decimal,
    standing: &[&Document],
    documents: &mut [Document],
) {
    if case.is_one_to_one() {
        return;
    }
    let mut left = amount - standing.iter().filter_map(|one| one.buyer_total).sum::<Decimal>();
    let count = documents.len();
    for (at, one) in documents.iter_mut().enumerate() {
        let share = if at + 1 == count { left } else { buyers_amount(case, one.total) };
        left -= share;
        one.buyer_total = Some(share);
    }
}

/// Writes down what really moved at another rate than the sale's.
pub(super) fn note_drift(case: &mut Case<'_>, key: &DocumentKey, moved: Option<Decimal>, booked: Decimal) {
    let Some(moved) = moved.filter(|_| case.side == Side::Shop && !case.order.one_currency()) else { return };
    if moved != booked {
        let (booked, moved) = (case.currency.show(booked), case.currency.show(moved));
        case.writer.note(key, "amount_set", "fx_drift", &booked, &moved);
    }
}

/// A transaction's amount in the buyer's currency.
pub(super) fn presentment_amount(case: &Case<'_>, one: &Transaction) -> Result<Decimal, Hold> {
    let (presentment, shop) = (case.order.presentment_currency(), case.order.currency);
    match one.currency {
        None => Ok(one.amount.0),
        Some(currency) if currency == presentment => Ok(one.amount.0),
        Some(currency) if currency == shop => {
            let total = case.order.total(Side::Shop).unwrap_or_default();
            if total.is_zero() {
                return Ok(Decimal::ZERO);
            }
            Ok(presentment.round(one.amount.0 * case.presentment_total / total))
        }
        Some(other) => {
            let text = format!("transaction {} is in {other}, the order in {presentment} and {shop}", one.id.0);
            Err(Hold::new(HoldReason::CurrencyUnusable, text))
        }
    }
}

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
fn forget_what_was_not_booked(case: &mut Case<'_>) {
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
fn is_besides(case: &Case<'_>, one: &Transaction) -> bool {
    let stamp = &case.stamp;
    let is_later = |(said, made)| made - said > SAME_MOMENT;
    stamp.known.contains(&one.id.0) || stamp.said_at.zip(one.created_at).is_some_and(is_later)
}

/// By how much what was inferred from an inexact figure, and the money besides it, miss the order's total: that much too
/// much was inferred.
fn inferred_beyond(case: &Case<'_>, known: &[&Transaction], amounts: &[Decimal]) -> Decimal {
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
/// went back by refunds that it knows of.
pub(super) fn said(order: &Order, returned: Decimal) -> Decimal {
    if !says_paid(order) {
        return Decimal::ZERO;
    }
    let is_refunded = order.financial_status.as_deref() == Some("refunded");
    let rounding = order.cash_rounding(Side::Presentment);
    let whole = order.total(Side::Presentment).unwrap_or_default();
    let now = order.current_total(Side::Presentment).unwrap_or(if is_refunded { Decimal::ZERO } else { whole });
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
