//! The documents of an older order's money: payments of the foreign invoice, refunds, and what a person wants posted
//! without an invoice.
//!
//! Stand-alone money that came in is an invoice of that amount on the account of `lines.overpayments`, without tax, and
//! its payment: the gateway's clearing account is right to the cent, no sale is counted twice, and a bookkeeper clears the
//! liability against the old invoice once it is found. Both ledgers know that; Xero takes a payment without a document
//! into bank accounts only (facts/xero §1.6). A stand-alone refund is the ordinary one, on our own customer: what came back
//! lowers income and tax whichever invoice they stand in.

use rust_decimal::Decimal;

use super::money::{Money, Refunded};
use super::{Answer, Case, Decision, Moved};
use crate::books::document::{Content, Document, DocumentKey, DocumentKind, Itemised, LineRole, Settlement, TaxMode};
use crate::books::hold::{Hold, HoldReason};
use crate::normalize::currency::{booked_amount, buyers_amount, share};
use crate::normalize::inferred::{INFERRED, infer, inferred};
use crate::normalize::lines::single;
use crate::normalize::payments::{Receipt, note_drift};
use crate::normalize::refunds::{key_of, refunds};
use crate::normalize::returns::Returns;
use crate::normalize::rounding::close;
use crate::normalize::sale::{Target, body};
use crate::normalize::{document, number, tax};
use crate::shopify::money::{Id, Side};

/// What is to be posted, and what of it cannot be yet.
pub(super) struct Plan {
    /// Money that is not booked and needs the foreign invoice.
    pub pending: Vec<Moved>,
    /// More than what is open of the foreign invoice.
    pub excess: Option<Hold>,
    /// A refund whose money moved partly before the start date.
    pub straddling: Option<Hold>,
    /// The documents' stuff.
    pub makes: Makes,
}

/// What documents are made of.
#[derive(Default)]
pub(super) struct Makes {
    /// Payments of the foreign invoice, and what each is as booked.
    applied: Vec<(Receipt, Decimal)>,
    /// Money without an invoice.
    alone: Vec<(Receipt, Decimal)>,
    /// Refunds.
    refunds: Vec<Id>,
}

impl Makes {
    pub fn is_empty(&self) -> bool {
        self.applied.is_empty() && self.alone.is_empty() && self.refunds.is_empty()
    }
}

/// What is known of the sale that the money belongs to.
struct Sale {
    /// Its total.
    total: Decimal,
    /// What payments of ours may still come to.
    left: Decimal,
    /// A sales receipt: paid already.
    is_paid: bool,
    title: String,
}

impl Case<'_> {
    fn answer(&self, key: &DocumentKey, amount: Decimal) -> Option<Decision> {
        let fits = |one: &&Answer| one.amount == amount;
        self.input.cutover.answers.get(key).filter(fits).map(|one| one.decision)
    }

    fn foreign_sale(&self) -> Option<Sale> {
        let (sale, room) = self.input.booked.foreign()?;
        let is_paid = sale.kind() == DocumentKind::SalesReceipt;
        let title = format!("{} {}", if is_paid { "sales receipt" } else { "invoice" }, sale.number());
        Some(Sale { total: sale.total, left: room, is_paid, title })
    }

    /// What stands in the ledger of a document of ours.
    fn standing(&self, key: &DocumentKey) -> Decimal {
        self.input.booked.parts_of(key).iter().map(|one| one.total).sum()
    }

    /// True if a payment that is booked pays a document of its own instead of the foreign invoice.
    fn stands_alone(&self, key: &DocumentKey) -> bool {
        let parts = self.input.booked.parts_of(key);
        parts.iter().filter_map(|one| one.settlement()).any(|money| !money.settles.is_sale())
    }
}

/// What becomes of an older order's money.
pub(super) fn plan(case: &mut Case<'_>, money: Money<'_, '_>) -> Result<Plan, Hold> {
    let mut sale = case.foreign_sale();
    let mut plan = Plan { pending: Vec::new(), excess: None, straddling: None, makes: Makes::default() };
    plan.receipts(case, money.receipts, money.before, sale.as_mut());
    if let Some(amount) = case.stamp.inferred {
        plan.inferred(case, amount, sale.as_mut())?;
    }
    if money.unexplained > Decimal::ZERO {
        plan.unexplained(case, money.unexplained, money.left_out, sale.as_mut())?;
    }
    plan.refunds(case, &money.refunds);
    if let Some(sale) = sale.filter(|sale| sale.left < Decimal::ZERO) {
        let (new, over) = (show(case, &plan.pending), case.currency.show(-sale.left));
        let text = format!("{new} moved, which is {over} more than what is open of {}", sale.title);
        plan.excess = Some(Hold::new(HoldReason::BeforeStartDate, text));
    }
    Ok(plan)
}

impl Plan {
    /// Each receipt is the share of the sale that it is of the order, cumulated, so that the last one closes it exactly.
    fn receipts(&mut self, case: &mut Case<'_>, receipts: Vec<Receipt>, before: Decimal, mut sale: Option<&mut Sale>) {
        let total = sale.as_ref().map_or(case.total, |sale| sale.total);
        let whole = case.presentment_total;
        let mut cumulated = before;
        let mut booked = share(case, total, cumulated, whole);
        for receipt in receipts {
            let standing = case.standing(&receipt.key);
            cumulated += receipt.amount;
            let upto = share(case, total, cumulated, whole);
            let amount = if standing.is_zero() { upto - booked } else { standing };
            booked += amount;
            let answer = case.answer(&receipt.key, receipt.amount).filter(|_| standing.is_zero());
            if amount <= Decimal::ZERO || answer == Some(Decision::Ignore) {
                continue;
            }
            if answer == Some(Decision::StandAlone) || case.stands_alone(&receipt.key) {
                self.makes.alone.push((receipt, amount));
                continue;
            }
            if let Some(sale) = &mut sale {
                if sale.is_paid && cumulated <= whole {
                    // A sales receipt says itself that it was paid.
                    let shown = case.currency.show(amount);
                    case.writer.note(&receipt.key, "transactions", "paid_by_sales_receipt", &shown, &sale.title);
                    continue;
                }
                sale.left -= amount;
            }
            self.apply(receipt, amount, standing.is_zero());
        }
    }

    /// A payment of the foreign invoice.
    fn apply(&mut self, receipt: Receipt, amount: Decimal, is_new: bool) {
        if is_new {
            self.pending.push(Moved { key: receipt.key.clone(), amount: receipt.amount });
        }
        self.makes.applied.push((receipt, amount));
    }

    /// A payment that was inferred before.
    fn inferred(&mut self, case: &mut Case<'_>, amount: Decimal, sale: Option<&mut Sale>) -> Result<(), Hold> {
        let receipt = inferred(case, amount)?;
        let standing = case.standing(&receipt.key);
        let answer = case.answer(&receipt.key, amount);
        let total = if standing.is_zero() { booked_amount(case, amount) } else { standing };
        if answer == Some(Decision::StandAlone) || case.stands_alone(&receipt.key) {
            self.makes.alone.push((receipt, total));
            return Ok(());
        }
        if let Some(sale) = sale {
            sale.left -= total;
        }
        self.apply(receipt, total, standing.is_zero());
        Ok(())
    }

    /// Money that the order says was paid, and nobody knows when. What is open of the foreign invoice tells: what is paid
    /// there stands in the other integration's books, what Shopify says is still owed has not come.
    fn unexplained(
        &mut self,
        case: &mut Case<'_>,
        beyond: Decimal,
        left_out: Decimal,
        sale: Option<&mut Sale>,
    ) -> Result<(), Hold> {
        let key = DocumentKey::payment(INFERRED);
        let is_first = case.stamp.inferred.is_none();
        if is_first && case.answer(&key, beyond) == Some(Decision::StandAlone) {
            infer(case, beyond);
            let (receipt, amount) = (inferred(case, beyond)?, booked_amount(case, beyond));
            self.makes.alone.push((receipt, amount));
            return Ok(());
        }
        let Some(sale) = sale else {
            self.pending.push(Moved { key, amount: beyond + left_out });
            return Ok(());
        };
        let amount = booked_amount(case, beyond).min(sale.left - outstanding(case));
        if amount <= Decimal::ZERO {
            return Ok(());
        }
        let buyers = buyers_amount(case, amount);
        if !is_first {
            let text = format!("{key}: more was paid since than was inferred from the order before");
            self.excess = Some(Hold::new(HoldReason::BeforeStartDate, text));
            self.pending.push(Moved { key, amount: buyers });
            return Ok(());
        }
        sale.left -= amount;
        infer(case, buyers);
        let receipt = inferred(case, buyers)?;
        self.apply(receipt, amount, true);
        Ok(())
    }

    fn refunds(&mut self, case: &Case<'_>, refunds: &[Refunded<'_, '_>]) {
        for one in refunds {
            let (key, amount) = (key_of(one.refund), one.refund.money);
            let is_new = case.standing(&key).is_zero();
            let answer = case.answer(&key, amount).filter(|_| is_new);
            if answer == Some(Decision::Ignore) {
                continue;
            }
            if is_new && answer.is_none() {
                if one.straddles {
                    let text = format!("{key}: some of its money moved before the start date, some since");
                    self.straddling = Some(Hold::new(HoldReason::BeforeStartDate, text));
                }
                self.pending.push(Moved { key, amount });
            }
            self.makes.refunds.push(one.refund.refund.id.clone());
        }
    }
}

/// Money, in words.
pub(super) fn show(case: &Case<'_>, money: &[Moved]) -> String {
    let buyers = case.order.presentment_currency();
    let known = |one: &Moved| one.key != DocumentKey::payment(INFERRED);
    let doubt = |one: &Moved| if known(one) { "" } else { ", paid says the order, but not when" };
    let shown = |one: &Moved| format!("{} ({}{})", one.key, buyers.show(one.amount), doubt(one));
    money.iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// What the buyer still owes, as booked. Shopify says it in the shop's currency.
fn outstanding(case: &Case<'_>) -> Decimal {
    let (order, shop_total) = (case.order, case.order.total(Side::Shop).unwrap_or_default());
    if case.side == Side::Shop || order.one_currency() || shop_total.is_zero() {
        return order.outstanding();
    }
    case.round(order.outstanding() * case.presentment_total / shop_total)
}

/// The documents: the foreign sale as it stands, then what is ours.
pub(super) fn documents(case: &mut Case<'_>, makes: &Makes, returns: &Returns<'_>) -> Result<Vec<Document>, Hold> {
    let sale = case.input.booked.foreign().map(|(sale, _)| sale.clone());
    let total = sale.as_ref().map_or(case.total, |sale| sale.total);
    let mut documents: Vec<Document> = sale.into_iter().collect();
    for (receipt, amount) in &makes.applied {
        documents.extend(payment(case, receipt, *amount, &DocumentKey::sale())?);
    }
    let mut next = case.input.booked.next_adjustment();
    for (receipt, amount) in &makes.alone {
        let invoice = deposit(case, receipt, *amount, &mut next)?;
        let paid = payment(case, receipt, invoice.total, &invoice.key)?;
        documents.push(invoice);
        documents.extend(paid);
    }
    if !makes.refunds.is_empty() {
        tax::check(case)?;
        let waiting = returns.unpaid_value(case)? > Decimal::ZERO;
        let presentment = case.presentment_total;
        let target = Target { presentment, booked: total, reduced: false, waiting, overpaid: false };
        // The sale's lines say what comes back; what was changed in them is no news, for the sale is not ours.
        let notes = case.writer.mark();
        let (lines, _) = body(case, &target, returns)?;
        case.writer.back_to(notes);
        let ours = |id: &Id| makes.refunds.contains(id);
        documents.extend(refunds(case, &lines, &target, returns, Vec::new(), &[], ours)?);
    }
    Ok(documents)
}

/// A payment as it was booked, or a new one.
fn payment(
    case: &mut Case<'_>,
    receipt: &Receipt,
    amount: Decimal,
    settles: &DocumentKey,
) -> Result<Vec<Document>, Hold> {
    let standing = case.input.booked.parts_of(&receipt.key);
    if !standing.is_empty() {
        return Ok(standing.into_iter().cloned().collect());
    }
    let account = case.payment_account(&receipt.gateway)?;
    if let Some((sale, _)) = case.input.booked.foreign().filter(|(sale, _)| sale.key == *settles) {
        let number = sale.number().to_owned();
        case.writer.note(
            &receipt.key,
            "transactions",
            "applied_to_older_invoice",
            &number,
            &case.currency.show(amount),
        );
    }
    let settlement = Settlement { settles: settles.clone(), from: None, account, reference: receipt.reference.clone() };
    note_drift(case, &receipt.key, receipt.moved, amount);
    let mut one = document(case, receipt.key.clone(), receipt.date, amount, Content::Payment(settlement));
    one.buyer_total = (!case.is_one_to_one()).then_some(receipt.amount);
    Ok(vec![one])
}

/// The document that stand-alone money pays. Its line names the payment, so that it is found again.
fn deposit(case: &mut Case<'_>, receipt: &Receipt, amount: Decimal, next: &mut u32) -> Result<Document, Hold> {
    let source = receipt.key.as_str();
    let names =
        |one: &&Document| one.itemised().is_some_and(|body| body.lines.iter().any(|line| line.source == source));
    if let Some(known) = case.input.booked.sales().into_iter().find(names) {
        return Ok(known.clone());
    }
    let key = DocumentKey::adjustment(*next);
    let sale = number::sale(&case.stamp.number_prefix, &case.order.name, case.order.id.as_str());
    let number = number::adjustment(&sale, case.order.id.as_str(), *next);
    *next += 1;
    let text = format!("Payment for order {}, sold before {}", case.order_name, case.input.settings.start_date);
    let line = single(case, LineRole::Overpayments, source, &text, amount)?;
    let mut body = Itemised {
        number,
        due_date: receipt.date,
        tax_mode: TaxMode::Exclusive,
        lines: vec![line],
        tax_total: Decimal::ZERO,
        cash: None,
    };
    close(case, &key, &mut body, amount)?;
    case.writer.note(&key, "transactions", "stand_alone", source, &case.currency.show(amount));
    Ok(document(case, key, receipt.date, amount, Content::Invoice(body)))
}
