//! Cutover: an order that is older than the connection's start date. Its sale stands in the books of whatever integration
//! was there before. Money that moves on or after the start date is applied to that integration's invoice, which is
//! looked for in the ledger and never changed; where none is found a person says whether the money is posted without it
//! or left out (design, rulings: cutover).
//!
//! Edits of such an order are not followed. Where money of an edited order moves, its total and the invoice's no longer
//! agree: it is held, as `changed_after_posting` if money was applied to the invoice before.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::{Booked, Case, Desired, Ignored, Input, Order, returns, sale_date};
use crate::books::calendar::Calendar;
use crate::books::document::DocumentKey;
use crate::books::hold::{Hold, HoldReason};
use crate::config::Settings;
use crate::shopify::drift;

mod documents;
mod found;
mod money;

pub use found::{Adopted, adopt, numbers};

/// What [`desired`](super::desired) has to know of an older order besides its state.
#[derive(Debug, Clone, Default)]
pub struct Cutover {
    /// True if a person had the order posted although it is older, for no other integration ever did.
    pub taken_over: bool,
    /// True once the ledger was asked for the invoice after the newest word of the order came, and showed it.
    pub looked: bool,
    /// True while Shopify can still be asked when the order was paid.
    pub may_fetch: bool,
    /// What a person answered, by the document that the money would become.
    pub answers: BTreeMap<DocumentKey, Answer>,
}

/// A person's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// What is to be done.
    pub decision: Decision,
    /// The money that was asked about, in the buyer's currency: more of it is another question.
    pub amount: Decimal,
}

/// What is to be done with money whose invoice cannot be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Post it without the invoice.
    StandAlone,
    /// Leave it out.
    Ignore,
}

/// Money that moved on or after the start date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The document that it becomes.
    pub key: DocumentKey,
    /// How much, in the buyer's currency.
    pub amount: Decimal,
}

/// Money of an older order that cannot be posted yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The money.
    pub money: Vec<Moved>,
    /// Why a person has to answer; without it the ledger is asked for the invoice first.
    pub hold: Option<Hold>,
}

/// True if the order is older than the start date, or was when something of it was posted. An order whose own sale was
/// posted stays what it is, wherever the start date moves.
pub fn concerns(order: &Order, settings: &Settings, calendar: &Calendar, booked: &Booked) -> bool {
    let is_older = || sale_date(order, calendar) < settings.start_date;
    if booked.is_empty() { is_older() } else { !booked.has_own_sale() }
}

/// What an older order ought to be in the books; `None` if the order is not older and the ordinary rules apply.
pub(super) fn desired(input: &Input<'_>, order: &Order) -> Result<Option<Desired>, Hold> {
    if input.cutover.taken_over || !concerns(order, input.settings, input.calendar, input.booked) {
        return Ok(None);
    }
    if input.booked.is_empty() && !money::may_have_moved(input, order) {
        return Ok(Some(Desired::Ignored(Ignored::BeforeStartDate)));
    }
    if let Some(what) = drift::unsafe_value(input.state) {
        return Err(Hold::new(HoldReason::ShopifyChanged, what));
    }
    let mut case = Case::new(input, order)?;
    case.is_older = true;
    let returns = returns::returns(&case)?;
    let money = money::since(&mut case, &returns)?;
    if money.unexplained > Decimal::ZERO && (input.cutover.may_fetch || !input.may_infer) {
        return Ok(Some(Desired::AwaitsTransactions));
    }
    let plan = documents::plan(&mut case, money)?;
    if !plan.pending.is_empty() {
        let found = input.cutover.looked && input.booked.foreign().is_some();
        let hold = plan.straddling.or(plan.excess.filter(|_| found));
        if hold.is_some() || !found {
            return Ok(Some(Desired::Cutover(Question { money: plan.pending, hold })));
        }
    }
    // Money that went back is known and its refund is not: that is waited for, never left out.
    let unknown = money::has_unknown_refund(input, order);
    if input.booked.is_empty() && plan.makes.is_empty() && !unknown {
        let ignored = input.cutover.answers.values().any(|one| one.decision == Decision::Ignore);
        let rule = if ignored { Ignored::ByPerson } else { Ignored::BeforeStartDate };
        return Ok(Some(Desired::Ignored(rule)));
    }
    let documents = documents::documents(&mut case, &plan.makes, &returns)?;
    let mut desired = case.into_documents(documents, false);
    if let Desired::Documents(documents) = &mut desired
        && !unknown
    {
        // One from before the start date is the other integration's.
        documents.unexplained = None;
    }
    Ok(Some(desired))
}
