//! Money that came in: one payment per successful sale or capture, into the gateway's account.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::cash::{amounts, note_cash};
use super::currency::{buyers_amount, share};
use super::inferred::{
    forget_what_was_not_booked, inexact, infer, inferred, inferred_beyond, is_besides, said_to_be_paid,
};
use super::notes::FX_DRIFT;
use super::returns::Returns;
use super::sale::Target;
use super::series::Series;
use super::{Case, document};
use crate::books::document::{Content, Document, DocumentKey, DocumentKind, Settlement};
use crate::books::hold::{Hold, HoldReason};
use crate::shopify::Transaction;
use crate::shopify::money::Side;

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
pub(super) fn buyers(case: &Case<'_>, payment: &Document) -> Option<Decimal> {
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
        case.writer.note(key, "amount_set", FX_DRIFT, &booked, &moved);
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
