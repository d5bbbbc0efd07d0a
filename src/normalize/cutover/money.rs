//! What moved on or after the start date, and what an order only says was paid.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::{Case, Decision, Input, Order};
use crate::books::document::DocumentKey;
use crate::books::hold::Hold;
use crate::normalize::cash::amounts;
use crate::normalize::inferred::{INFERRED, inexact, said, said_to_be_paid, says_paid, stood_for};
use crate::normalize::payments::{Receipt, presentment_amount};
use crate::normalize::refunds::key_of;
use crate::normalize::returns::{Returned, Returns};
use crate::shopify::Transaction;

/// Money of an older order. Amounts in the buyer's currency.
pub(super) struct Money<'a, 'r> {
    /// What came in since the start date; what is booked first, then the oldest.
    pub receipts: Vec<Receipt>,
    /// What is known to have come in before.
    pub before: Decimal,
    /// What the order says was paid beyond all of that; nobody knows when.
    pub unexplained: Decimal,
    /// What a person left out of such money before.
    pub left_out: Decimal,
    /// What went back since the start date.
    pub refunds: Vec<Refunded<'a, 'r>>,
}

/// A refund of which money moved since the start date.
pub(super) struct Refunded<'a, 'r> {
    pub refund: &'r Returned<'a>,
    /// True if some of its money moved before.
    pub straddles: bool,
}

/// True if anything of the order's state makes it possible that money moved since the start date: all others need no
/// closer look, whatever else is odd about them.
pub(super) fn may_have_moved(input: &Input<'_>, order: &Order) -> bool {
    let since = |one: &Transaction| input.moved_on(order, one) >= input.settings.start_date;
    let known = input.state.transactions.values().any(|one| (one.is_receipt() || one.is_refund()) && since(one));
    known || (input.changed_on(order) >= input.settings.start_date && says_paid(order))
}

/// True if money went back since the start date by a refund that has not arrived.
pub(super) fn has_unknown_refund(input: &Input<'_>, order: &Order) -> bool {
    let known = |one: &Transaction| {
        let mut all = input.state.refunds.values().flat_map(|refund| &refund.transactions);
        all.any(|told| told.id == one.id)
    };
    let since = |one: &Transaction| input.moved_on(order, one) >= input.settings.start_date;
    input.state.transactions.values().any(|one| one.is_refund() && since(one) && !known(one))
}

impl Input<'_> {
    /// The day of a snapshot: what it says had happened by then.
    fn changed_on(&self, order: &Order) -> NaiveDate {
        self.calendar.day(order.updated_at.unwrap_or(order.created_at))
    }

    /// The day on which money moved. A transaction that does not say had moved when the order last changed.
    fn moved_on(&self, order: &Order, one: &Transaction) -> NaiveDate {
        one.at().map_or_else(|| self.changed_on(order), |at| self.calendar.day(at))
    }
}

/// Sorts an older order's money. What is booked already is ours, wherever the start date moved since.
pub(super) fn since<'a, 'r>(case: &mut Case<'a>, returns: &'r Returns<'a>) -> Result<Money<'a, 'r>, Hold> {
    let (input, order) = (case.input, case.order);
    let start = input.settings.start_date;
    let is_booked = |key: &DocumentKey| !input.booked.parts_of(key).is_empty();
    // What was inferred, or left out as such by a person, stands for the first money that its transactions show later.
    let answer = input.cutover.answers.get(&DocumentKey::payment(INFERRED));
    let left_out = answer.filter(|one| one.decision == Decision::Ignore).map_or(Decimal::ZERO, |one| one.amount);
    let guessed = case.stamp.inferred.unwrap_or_default() + left_out;
    let (mut covered, mut before) = (guessed, Decimal::ZERO);
    let (mut beside, mut later) = (Decimal::ZERO, Decimal::ZERO);
    let known: Vec<&Transaction> = input.state.receipts();
    let amounts = amounts(case, &known)?;
    let mut receipts = Vec::new();
    for (one, amount) in known.into_iter().zip(amounts) {
        let date = input.moved_on(order, one);
        if date < start && !is_booked(&DocumentKey::payment(one.id.as_str())) {
            before += amount;
            continue;
        }
        *if case.stamp.known.contains(&one.id.0) { &mut beside } else { &mut later } += amount;
        let already = stood_for(case, one, amount, covered);
        covered -= already;
        if amount > already {
            receipts.push(Receipt::of(one, date, amount, already));
        }
    }
    receipts.sort_by_key(|one| !is_booked(&one.key));
    let explained = before.max(said_before(case)?) + beside + later.max(guessed);
    let beyond = said_to_be_paid(case, returns) - explained;
    let speaks = input.changed_on(order) >= start && beyond > inexact(case);
    let refunds = returns.paid.iter().filter_map(|refund| {
        let days: Vec<NaiveDate> = refund.transactions.iter().map(|one| input.moved_on(order, one)).collect();
        let ours = is_booked(&key_of(refund)) || days.iter().any(|day| *day >= start);
        ours.then(|| Refunded { refund, straddles: days.iter().any(|day| *day < start) })
    });
    let unexplained = if speaks { beyond } else { Decimal::ZERO };
    Ok(Money { receipts, before, unexplained, left_out, refunds: refunds.collect() })
}

/// What the newest snapshot from before the start date said was paid: that stands in the other integration's books.
fn said_before(case: &Case<'_>) -> Result<Decimal, Hold> {
    let input = case.input;
    let earlier = input.state.earlier.as_ref().filter(|one| input.changed_on(one) < input.settings.start_date);
    let Some(earlier) = earlier else { return Ok(Decimal::ZERO) };
    let back = earlier.refunds.iter().flat_map(|refund| &refund.transactions).filter(|one| one.is_refund());
    let returned = back.map(|one| presentment_amount(case, one)).sum::<Result<Decimal, Hold>>()?;
    Ok(said(earlier, returned))
}
