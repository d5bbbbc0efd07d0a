//! Money that went back. A refund is what its successful transactions are; its lines only say what for
//! (facts/shopify §2.5).

use rust_decimal::Decimal;

use super::payments::{presentment_amount, share};
use super::sale::{account, close, document, net, tax_mode};
use super::tax::{line_taxes, untaxed};
use super::{Case, missing, number};
use crate::books::document::{
    Cash, Content, Document, DocumentKey, Itemised, Line, LineRole, LineTax, Settlement, TaxMode,
};
use crate::books::hold::{Hold, HoldReason};
use crate::books::rules::RefundStyle;
use crate::books::text::Field;
use crate::shopify::money::Side;
use crate::shopify::{Refund, Transaction};

/// The documents of all refunds whose money has moved, oldest first.
pub(super) fn refunds(case: &mut Case<'_>, sale: &Document) -> Result<Vec<Document>, Hold> {
    let state = case.input.state;
    let mut moved: Vec<(&Refund, Vec<&Transaction>, Decimal)> = Vec::new();
    for refund in state.refunds.values() {
        let all: Vec<&Transaction> = state.transactions_of(refund).collect();
        if all.iter().any(|one| one.kind == "refund" && one.is_pending()) {
            continue;
        }
        let returned: Vec<&Transaction> = all.into_iter().filter(|one| one.is_refund()).collect();
        let money = returned.iter().map(|one| presentment_amount(case, one)).sum::<Result<Decimal, Hold>>()?;
        if money > Decimal::ZERO {
            moved.push((refund, returned, money));
        }
    }
    moved.sort_by_key(|(refund, ..)| (refund.processed_at.or(refund.created_at), refund.id.clone()));
    let mut documents = Vec::new();
    let mut cumulated = Decimal::ZERO;
    for (refund, returned, money) in moved {
        let before = share(case, sale.total, cumulated);
        cumulated += money;
        let amount = share(case, sale.total, cumulated) - before;
        let whole = before.is_zero() && cumulated == case.presentment_total;
        documents.extend(one_refund(case, sale, refund, &returned, amount, whole)?);
    }
    Ok(documents)
}

fn one_refund(
    case: &mut Case<'_>,
    sale: &Document,
    refund: &Refund,
    returned: &[&Transaction],
    amount: Decimal,
    whole: bool,
) -> Result<Vec<Document>, Hold> {
    let key = DocumentKey::credit(refund.id.as_str());
    let at = refund.processed_at.or(refund.created_at);
    let date = at.map_or(case.date, |at| at.date_naive());
    let mut body = if whole { mirror(sale)? } else { partial(case, &key, refund, amount)? };
    body.number = number::credit(sale.number(), refund.id.as_str());
    body.due_date = date;
    match case.input.rules.refund_style() {
        RefundStyle::Receipt => {
            let account = case.payment_account(single_gateway(refund, returned)?)?;
            body.cash = Some(Cash { account, reference: refund.id.0.clone() });
            Ok(vec![document(case, key, date, amount, Content::RefundReceipt(body))])
        }
        RefundStyle::CreditNoteAndPayment => {
            let mut documents = vec![document(case, key.clone(), date, amount, Content::CreditNote(body))];
            documents.extend(paid_out(case, &key, returned, amount, date)?);
            Ok(documents)
        }
    }
}

/// One payment out per transaction; together exactly the credit note.
fn paid_out(
    case: &Case<'_>,
    credit: &DocumentKey,
    returned: &[&Transaction],
    total: Decimal,
    date: chrono::NaiveDate,
) -> Result<Vec<Document>, Hold> {
    let amounts = returned.iter().map(|one| presentment_amount(case, one)).collect::<Result<Vec<_>, Hold>>()?;
    let money: Decimal = amounts.iter().sum();
    let (mut cumulated, mut booked) = (Decimal::ZERO, Decimal::ZERO);
    let mut documents = Vec::new();
    for (one, amount) in returned.iter().zip(amounts) {
        cumulated += amount;
        let upto = if cumulated == money { total } else { case.currency.round(total * cumulated / money) };
        let part = upto - booked;
        booked = upto;
        if part.is_zero() {
            continue;
        }
        let settlement = Settlement {
            settles: credit.clone(),
            from: None,
            account: case.payment_account(&one.gateway)?,
            reference: one.id.0.clone(),
        };
        let date = one.at().map_or(date, |at| at.date_naive());
        let key = DocumentKey::refund(one.id.as_str());
        documents.push(document(case, key, date, part, Content::RefundPayment(settlement)));
    }
    Ok(documents)
}

fn single_gateway<'a>(refund: &Refund, returned: &[&'a Transaction]) -> Result<&'a str, Hold> {
    match returned {
        [first, rest @ ..] if rest.iter().all(|one| one.gateway == first.gateway) => Ok(&first.gateway),
        _ => Err(Hold::new(
            HoldReason::RefundUnbalanced,
            format!("refund {} went back through several gateways", refund.id.0),
        )),
    }
}

/// The refund of a whole order takes back exactly what the sale charged.
fn mirror(sale: &Document) -> Result<Itemised, Hold> {
    sale.itemised().cloned().ok_or_else(|| Hold::new(HoldReason::RefundUnbalanced, "the sale has no lines"))
}

/// The refund of a part: its lines and delivery, if they come to the money that moved.
fn partial(case: &mut Case<'_>, key: &DocumentKey, refund: &Refund, amount: Decimal) -> Result<Itemised, Hold> {
    if case.side == Side::Shop && !case.order.one_currency() {
        let text = format!("refund {} returns a part of an order in another currency", refund.id.0);
        return Err(Hold::new(HoldReason::RefundUnbalanced, text));
    }
    let mode = tax_mode(case);
    let mut closest: Option<Decimal> = None;
    for basis in [Basis::AsOrder, Basis::Net] {
        let lines = lines(case, key, refund, mode, basis)?;
        let body = Itemised {
            number: String::new(),
            due_date: case.date,
            tax_mode: mode,
            tax_total: lines.iter().map(|line| line.tax.amount).sum(),
            lines,
            cash: None,
        };
        let sum = super::sale::sum(case, &body);
        if sum == amount && !body.lines.is_empty() {
            let mut body = body;
            close(case, key, &mut body, amount, 0)?;
            return Ok(body);
        }
        closest.get_or_insert(sum);
    }
    let show = |amount| case.currency.show(amount);
    let text = format!(
        "refund {}: its lines come to {}, its money to {}",
        refund.id.0,
        show(closest.unwrap_or_default()),
        show(amount)
    );
    Err(Hold::new(HoldReason::RefundUnbalanced, text))
}

/// Whether a refund line's `subtotal` follows the order's price convention or is always without tax: sources disagree,
/// so both are tried against the money.
#[derive(Clone, Copy, PartialEq)]
enum Basis {
    AsOrder,
    Net,
}

fn lines(
    case: &mut Case<'_>,
    key: &DocumentKey,
    refund: &Refund,
    mode: TaxMode,
    basis: Basis,
) -> Result<Vec<Line>, Hold> {
    let (order, side, one) = (case.order, case.side, case.order.one_currency());
    let mut lines = Vec::new();
    for (index, item) in refund.refund_line_items.iter().enumerate() {
        let at = |field: &str| format!("refund_line_items[{index}].{field}");
        let subtotal = item.subtotal(side, one).ok_or_else(|| missing(&at("subtotal_set")))?;
        let tax = item.tax(side, one).ok_or_else(|| missing(&at("total_tax_set")))?;
        let sold = order.line_items.iter().find(|line| line.id == item.line_item_id);
        let (name, role) = match sold {
            Some(sold) if sold.gift_card => (sold.name.as_deref().unwrap_or(&sold.title), LineRole::GiftCards),
            Some(sold) if sold.is_tip() => (sold.name.as_deref().unwrap_or(&sold.title), LineRole::Tips),
            Some(sold) => (sold.name.as_deref().unwrap_or(&sold.title), LineRole::Sales),
            None => ("Returned goods", LineRole::Sales),
        };
        let text = format!("{} × {name}", item.quantity.0.normalize());
        let text = case.writer.first_that_fits(key, Field::LineDescription, &at("name"), &[&text, "Returned goods"]);
        let like = line_taxes(case, sold.map_or(&[], |sold| &sold.tax_lines))?.own;
        let gross = order.taxes_included && basis == Basis::AsOrder;
        lines.extend(returned_line(case, role, text, subtotal, LineTax { amount: tax, ..like }, mode, gross)?);
    }
    if let Some((amount, tax)) = returned_shipping(case, refund)? {
        let taxes = order.shipping_lines.first().map_or(&[][..], |line| &line.tax_lines);
        let like = if tax.is_zero() { untaxed(case) } else { line_taxes(case, taxes)?.own };
        let tax = LineTax { amount: tax, ..like };
        lines.extend(returned_line(case, LineRole::Shipping, "Shipping".into(), amount, tax, mode, false)?);
    }
    Ok(lines)
}

/// `gross`: the amount contains its tax.
fn returned_line(
    case: &Case<'_>,
    role: LineRole,
    description: String,
    amount: Decimal,
    tax: LineTax,
    mode: TaxMode,
    gross: bool,
) -> Result<Option<Line>, Hold> {
    if amount.is_zero() && tax.amount.is_zero() {
        return Ok(None);
    }
    let with_tax = if gross { amount } else { amount + tax.amount };
    let tax = if tax.amount.is_zero() { untaxed(case) } else { tax };
    let line = Line {
        role,
        source: role.setting().to_owned(),
        description,
        more: Vec::new(),
        quantity: Decimal::ONE,
        unit_price: with_tax,
        discount: Decimal::ZERO,
        account: account(case, role)?,
        tax,
    };
    Ok(Some(if mode == TaxMode::Inclusive { line } else { net(line, with_tax) }))
}

/// Delivery given back, counted once: the newer list if the refund has it, else the older adjustments. Without tax.
fn returned_shipping(case: &Case<'_>, refund: &Refund) -> Result<Option<(Decimal, Decimal)>, Hold> {
    let (side, one) = (case.side, case.order.one_currency());
    let adjustments = refund.order_adjustments.iter().filter(|one| one.kind == "shipping_refund");
    let (mut amount, mut tax) = (Decimal::ZERO, Decimal::ZERO);
    for adjustment in adjustments {
        amount -= adjustment.amount(side, one).ok_or_else(|| missing("order_adjustments[].amount_set"))?;
        tax -= adjustment.tax(side, one).ok_or_else(|| missing("order_adjustments[].tax_amount_set"))?;
    }
    if amount.is_zero() {
        amount = refund
            .refund_shipping_lines
            .iter()
            .filter_map(|line| line.subtotal_amount_set)
            .map(|set| set.on(side))
            .sum();
    }
    Ok((!amount.is_zero()).then_some((amount, tax)))
}
