//! Money that came in: one payment per successful sale or capture, into the gateway's account.

use rust_decimal::Decimal;

use super::sale::document;
use super::{Case, sale_date};
use crate::books::document::{Content, Document, DocumentKey, Settlement};
use crate::books::hold::{Hold, HoldReason};
use crate::shopify::Transaction;

/// The reference of a payment that no transaction is known of; its document key is `payment:inferred`.
const INFERRED: &str = "inferred";

/// The payments of an order.
pub(super) struct Payments {
    pub documents: Vec<Document>,
    /// Shopify says that more was paid than the known transactions show.
    pub awaits_transactions: bool,
}

struct Receipt {
    key: DocumentKey,
    reference: String,
    gateway: String,
    date: chrono::NaiveDate,
    /// In the buyer's currency.
    amount: Decimal,
}

/// The payments on `sale`. Each covers the share of the document that its amount covers of the order, cumulated, so
/// that the last one closes it exactly whatever the exchange rate.
pub(super) fn payments(case: &mut Case<'_>, sale: &Document) -> Result<Payments, Hold> {
    let known: Vec<&Transaction> = case.input.state.receipts();
    let received = known.iter().map(|one| presentment_amount(case, one)).sum::<Result<Decimal, Hold>>()?;
    let said = said_to_be_paid(case);
    let mut receipts = Vec::new();
    let mut awaits_transactions = false;
    if case.stamp.inferred.is_none() && said > received {
        if case.input.may_infer {
            case.stamp.inferred = Some(said - received);
        } else {
            awaits_transactions = true;
        }
    }
    if let Some(amount) = case.stamp.inferred {
        receipts.push(inferred(case, amount)?);
    }
    let mut covered = case.stamp.inferred.unwrap_or_default();
    for one in known {
        // What was inferred before stands for the first money that its transactions show later.
        let amount = presentment_amount(case, one)?;
        let already = amount.min(covered);
        covered -= already;
        if amount > already {
            receipts.push(Receipt {
                key: DocumentKey::payment(one.id.as_str()),
                reference: one.id.0.clone(),
                gateway: one.gateway.clone(),
                date: one.at().map_or(case.date, |at| at.date_naive()),
                amount: amount - already,
            });
        }
    }
    let documents = book(case, sale, receipts)?;
    Ok(Payments { documents, awaits_transactions })
}

fn book(case: &Case<'_>, sale: &Document, receipts: Vec<Receipt>) -> Result<Vec<Document>, Hold> {
    let mut documents = Vec::new();
    let (mut cumulated, mut booked) = (Decimal::ZERO, Decimal::ZERO);
    for receipt in receipts {
        cumulated += receipt.amount;
        if cumulated > case.presentment_total {
            let currency = case.order.presentment_currency();
            let text = format!(
                "payments of {} exceed the order's total of {}",
                currency.show(cumulated),
                currency.show(case.presentment_total)
            );
            return Err(Hold::new(HoldReason::OrderInconsistent, text));
        }
        let upto = share(case, sale.total, cumulated);
        let amount = upto - booked;
        booked = upto;
        if amount.is_zero() {
            continue;
        }
        let settlement = Settlement {
            settles: sale.key.clone(),
            from: None,
            account: case.payment_account(&receipt.gateway)?,
            reference: receipt.reference,
        };
        documents.push(document(case, receipt.key, receipt.date, amount, Content::Payment(settlement)));
    }
    Ok(documents)
}

/// The part of `whole` that `cumulated` (buyer's currency) is of the order, rounded half up.
pub(super) fn share(case: &Case<'_>, whole: Decimal, cumulated: Decimal) -> Decimal {
    if case.presentment_total.is_zero() {
        return Decimal::ZERO;
    }
    if cumulated == case.presentment_total {
        return whole;
    }
    case.currency.round(whole * cumulated / case.presentment_total)
}

/// A transaction's amount in the buyer's currency.
pub(super) fn presentment_amount(case: &Case<'_>, one: &Transaction) -> Result<Decimal, Hold> {
    let (presentment, shop) = (case.order.presentment_currency(), case.order.currency);
    match one.currency {
        None => Ok(one.amount.0),
        Some(currency) if currency == presentment => Ok(one.amount.0),
        Some(currency) if currency == shop => {
            let total = case.order.total(crate::shopify::money::Side::Shop).unwrap_or_default();
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

/// What the order itself says was paid, in the buyer's currency.
fn said_to_be_paid(case: &Case<'_>) -> Decimal {
    match case.order.financial_status.as_deref() {
        Some("paid" | "partially_refunded" | "refunded") => case.presentment_total,
        Some("partially_paid") => {
            let total = case.order.total(crate::shopify::money::Side::Shop).unwrap_or_default();
            let paid = (total - case.order.outstanding()).max(Decimal::ZERO).min(total);
            if total.is_zero() {
                Decimal::ZERO
            } else {
                case.order.presentment_currency().round(case.presentment_total * paid / total)
            }
        }
        _ => Decimal::ZERO,
    }
}

/// A payment that Shopify speaks of without naming its transaction. Only one gateway can be inferred.
fn inferred(case: &mut Case<'_>, amount: Decimal) -> Result<Receipt, Hold> {
    let mut gateways: Vec<&String> =
        case.order.payment_gateway_names.iter().filter(|name| !name.trim().is_empty()).collect();
    gateways.dedup();
    let gateway = match gateways.as_slice() {
        [] => String::new(),
        [one] => (*one).clone(),
        several => {
            let names: Vec<&str> = several.iter().map(|name| name.as_str()).collect();
            let text = format!("paid through {}; how much through each is not known", names.join(" and "));
            return Err(Hold::new(HoldReason::PaymentSplitUnknown, text));
        }
    };
    let key = DocumentKey::payment(INFERRED);
    let shown = case.order.presentment_currency().show(amount);
    case.writer.note(&key, "financial_status", "payment_inferred", "no transaction received", &shown);
    Ok(Receipt { key, reference: case.order.id.0.clone(), gateway, date: sale_date(case.order), amount })
}
