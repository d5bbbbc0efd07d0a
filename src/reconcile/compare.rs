//! One order held against the ledger: what ought to stand, what was written last, and what is found there.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::expectation::{Calls, Expectation, Expected};
pub use super::finding::{Class, Field, Finding, Repair};
use super::finding::{PERSONAL, title};
use super::slots::{Slot, Slots};
use super::words;
use crate::books::document::DocumentKind;
use crate::books::hold::HoldReason;
use crate::books::listed::Listed;
use crate::books::rules::LedgerName;

/// What was written of an order last, under one document key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The document as it was written.
    pub expected: Expected,
    /// The ledger's id of it.
    pub ledger_id: String,
    /// The ledger's id of its customer.
    pub party_id: Option<String>,
    /// False if it was voided or deleted by us since.
    pub stands: bool,
    /// True if it is somebody else's, and money of ours is applied to it.
    pub foreign: bool,
}

/// An order, what was written of it and what the ledger lists of it.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The order and what it calls for.
    pub order: &'a Expectation,
    /// What was written last, one for each document key.
    pub written: &'a [Written],
    /// What the ledger holds of it, voided documents and drafts included.
    pub found: &'a [Listed],
    /// The code of the order's hold, where it is held.
    pub hold: Option<&'a str>,
    /// Which ledger.
    pub ledger: LedgerName,
}

impl<'a> Case<'a> {
    /// The hold that keeps the order's documents back, if one does: one that only tells a person something does not.
    pub(super) fn kept_back(&self) -> Option<&'a str> {
        let own = match &self.order.calls {
            Calls::Held { reason, .. } => Some(reason.as_str()),
            _ => self.hold,
        };
        own.filter(|code| HoldReason::ALL.iter().all(|reason| reason.code() != *code || reason.waits()))
    }

    /// True if it is known what the order calls for. Where a person keeps it out, what was written before stays right.
    pub(super) fn is_known(&self) -> bool {
        match &self.order.calls {
            Calls::Nothing(rule) => rule != "ignored_by_person",
            calls => matches!(calls, Calls::Documents(_)),
        }
    }

    /// True if the order is older than the books of this connection: what another integration entered of it is right.
    fn is_older(&self) -> bool {
        let by_rule = |rule: &str| matches!(rule, "before_start_date" | "ignored_by_person");
        matches!(&self.order.calls, Calls::Nothing(rule) if by_rule(rule)) || self.written.iter().any(|one| one.foreign)
    }
}

/// Every difference between what an order calls for and what the ledger holds of it.
pub fn compare(case: &Case<'_>) -> Vec<Finding> {
    let mut slots = Slots::of(case);
    // The sale comes before its money.
    slots.all.sort_by_key(|slot| !slot.key.is_sale());
    let mut findings: Vec<Finding> = slots.all.iter().flat_map(|slot| judge(case, &slots, slot)).collect();
    findings.extend(slots.left.iter().filter_map(|listed| stranger(case, &slots, listed)));
    findings.extend(held(case, &slots));
    findings
}

/// What is wrong with one document of the order.
fn judge(case: &Case<'_>, slots: &Slots<'_>, slot: &Slot<'_>) -> Vec<Finding> {
    let written = slot.written.filter(|one| one.stands);
    if let Some(one) = written.filter(|one| one.foreign) {
        return foreign(case, slot, one).into_iter().collect();
    }
    let is_wanted = slot.now.map_or(!case.is_known(), Expected::is_live);
    match (is_wanted, slot.kind() == DocumentKind::Application) {
        // An application is not listed: what was written is all that is known of it.
        (true, true) => match written {
            None => missing(case, slot).into_iter().collect(),
            Some(one) => stale_total(case, slot, one).into_iter().collect(),
        },
        (false, true) => written.map(|_| not_called_for(case, slot)).into_iter().collect(),
        (true, false) => match slot.listed {
            Some(listed) if listed.draft && !listed.void => vec![draft(case, slot)],
            Some(listed) if listed.counts() => values(case, slots, slot, listed),
            _ => missing(case, slot).into_iter().collect(),
        },
        (false, false) => match (written, slot.listed.filter(|listed| !listed.void)) {
            (Some(_), Some(_)) => vec![not_called_for(case, slot)],
            (None, Some(listed)) if listed.counts() => vec![came_back(case, slot)],
            _ => Vec::new(),
        },
    }
}

/// A document that ought to stand and does not.
fn missing(case: &Case<'_>, slot: &Slot<'_>) -> Option<Finding> {
    let by_us = slot.written.is_some_and(|one| !one.stands);
    // Where nothing is known of what the order calls for, what we took away ourselves is not missed.
    let wanted = slot.now.or(slot.written.filter(|one| one.stands).map(|one| &one.expected))?;
    let ledger = case.ledger.title();
    let (cause, repair) = match (slot.written.filter(|one| one.stands), slot.listed, case.kept_back()) {
        // Somebody may have meant it: it is not posted again without a word.
        (Some(_), Some(_), _) => (format!("voided in {ledger} by hand"), Repair::Ask),
        (Some(_), None, _) if slot.kind() != DocumentKind::Application => {
            (format!("deleted in {ledger} by hand"), Repair::Ask)
        }
        (_, _, Some(hold)) => (words::held(hold), Repair::Ask),
        _ if by_us => ("the order calls for it again, and it was not posted anew yet".into(), Repair::Post),
        _ => ("never posted".into(), Repair::Post),
    };
    let is_void = slot.listed.is_some_and(|listed| listed.void);
    Some(Finding {
        class: Class::Missing,
        field: is_void.then_some(Field::Status),
        shopify_value: wanted.shown(),
        ledger_value: if is_void { "void".into() } else { "nothing".into() },
        cause,
        repair: if case.kept_back().is_some() { Repair::Ask } else { repair },
        ..slot.finding()
    })
}

/// A document that nobody approved.
fn draft(case: &Case<'_>, slot: &Slot<'_>) -> Finding {
    Finding {
        class: Class::Wrong,
        field: Some(Field::Status),
        shopify_value: "approved".into(),
        ledger_value: "draft".into(),
        cause: format!("it is a draft in {}: nobody approved it, so it does not count", case.ledger.title()),
        repair: Repair::Ask,
        ..slot.finding()
    }
}

/// A document of ours that stands and that the order no longer calls for.
fn not_called_for(case: &Case<'_>, slot: &Slot<'_>) -> Finding {
    let (cause, repair) = changed_since(case);
    // Money that was booked is never taken back without a person.
    let is_money = matches!(slot.kind(), DocumentKind::Payment | DocumentKind::RefundPayment);
    Finding {
        class: Class::Stale,
        field: Some(Field::Status),
        shopify_value: "void".into(),
        ledger_value: "counts".into(),
        cause,
        repair: if is_money { Repair::Ask } else { repair },
        ..slot.finding()
    }
}

/// A document that we voided and that counts all the same.
fn came_back(case: &Case<'_>, slot: &Slot<'_>) -> Finding {
    Finding {
        class: Class::Wrong,
        field: Some(Field::Status),
        shopify_value: "void".into(),
        ledger_value: "counts".into(),
        cause: format!("it was voided, and counts again: brought back in {} by hand", case.ledger.title()),
        repair: Repair::Ask,
        ..slot.finding()
    }
}

/// Somebody else's sale that our payments settle, and that no longer counts.
fn foreign(case: &Case<'_>, slot: &Slot<'_>, one: &Written) -> Option<Finding> {
    let status = match slot.listed {
        Some(listed) if listed.void => "void",
        Some(listed) if listed.draft => "draft",
        Some(_) => return None,
        None => "nothing",
    };
    let (kind, ledger) = (title(one.expected.kind), case.ledger.title());
    Some(Finding {
        class: Class::Wrong,
        field: Some(Field::Status),
        shopify_value: "counts".into(),
        ledger_value: status.into(),
        cause: format!(
            "the {kind} of another integration, to which our payments belong, was changed in {ledger} by hand"
        ),
        repair: Repair::Ask,
        ..slot.finding()
    })
}

/// A document of the ledger that belongs to the order and to nothing that the order calls for.
fn stranger(case: &Case<'_>, slots: &Slots<'_>, listed: &Listed) -> Option<Finding> {
    let ours = listed.note.starts_with(&format!("Shopify order {}", case.order.order_id));
    if !listed.counts() || (case.is_older() && !ours) {
        return None;
    }
    let double = slots.doubled_by(listed);
    if double.is_none() && !case.is_known() {
        return None;
    }
    let (kind, ledger) = (title(listed.kind), case.ledger.title());
    let (class, cause) = match double.and_then(|slot| slot.listed) {
        Some(first) => {
            (Class::Duplicate, format!("a second {kind} for the order beside {}, not posted by us", first.number))
        }
        None => {
            (Class::Unexpected, format!("entered in {ledger} by hand or by another program: no {kind} is called for"))
        }
    };
    Some(Finding {
        class,
        document_key: double.map(|slot| slot.key.clone()),
        ledger_id: Some(listed.ledger_id.clone()),
        number: listed.number.clone(),
        field: None,
        shopify_value: double.and_then(Slot::wanted).map_or_else(|| "nothing".into(), Expected::shown),
        ledger_value: words::money(listed.total, listed.currency),
        cause,
        repair: Repair::Ask,
    })
}

/// An order that is held before it could be said what it calls for.
fn held(case: &Case<'_>, slots: &Slots<'_>) -> Option<Finding> {
    let Calls::Held { reason, .. } = &case.order.calls else { return None };
    let stands = slots.all.iter().any(|slot| slot.written.is_some_and(|one| one.stands));
    Some(Finding {
        class: if stands { Class::Stale } else { Class::Missing },
        document_key: None,
        ledger_id: None,
        number: case.order.name.clone(),
        field: None,
        shopify_value: words::totals(&case.order.totals),
        ledger_value: if stands { "as it was posted last".into() } else { "nothing".into() },
        cause: words::held(reason),
        repair: Repair::Ask,
    })
}

/// Why what stands is not what is called for, and what follows from it.
fn changed_since(case: &Case<'_>) -> (String, Repair) {
    case.kept_back().map_or_else(
        || ("the order changed in Shopify since".into(), Repair::Update),
        |hold| (words::held(hold), Repair::Ask),
    )
}

fn stale(case: &Case<'_>, slot: &Slot<'_>, field: Option<Field>, now: String, then: String) -> Finding {
    let (cause, repair) = changed_since(case);
    let class = Class::Stale;
    Finding { class, field, shopify_value: now, ledger_value: then, cause, repair, ..slot.finding() }
}

/// An application that was written of another amount.
fn stale_total(case: &Case<'_>, slot: &Slot<'_>, one: &Written) -> Option<Finding> {
    let now = slot.now.filter(|now| now.total != one.expected.total)?;
    Some(stale(case, slot, Some(Field::Total), now.shown(), one.expected.shown()))
}

/// The values of a document that stands, one by one.
fn values(case: &Case<'_>, slots: &Slots<'_>, slot: &Slot<'_>, listed: &Listed) -> Vec<Finding> {
    let Some(now) = slot.wanted() else { return Vec::new() };
    let mut findings = Vec::new();
    let then = slot.written.filter(|one| one.stands).map_or(now, |one| &one.expected);
    let now = if now.kind == then.kind {
        now
    } else {
        findings.push(stale(case, slot, None, title(now.kind).into(), title(then.kind).into()));
        then
    };
    let mut field = |field: Field, values: Values| findings.extend(values.judge(case, slot, field));
    let currency = listed.currency.unwrap_or(then.currency);
    field(Field::Currency, Values::of([now.currency, then.currency, currency], |_, one| one.to_string()));
    // That the currency is another one is said already: the figures are compared.
    let amount = |at: usize, amount: &Decimal| match at {
        0 => now.currency.show(*amount),
        1 => then.currency.show(*amount),
        _ => currency.show(*amount),
    };
    field(Field::Total, Values::of([now.total, then.total, listed.total], amount));
    if let (Some(now_tax), Some(then_tax), Some(tax)) = (now.tax, then.tax, listed.tax) {
        field(Field::Tax, Values::of([now_tax, then_tax, tax], amount));
    }
    if let Some(date) = listed.date {
        field(Field::Date, Values::of([then.date, then.date, date], |_, one| one.to_string()));
    }
    // A payment's reference is not what it is known by.
    if slot.is_itemised() || !listed.number.is_empty() {
        let numbers = [&then.number, &then.number, &listed.number];
        field(Field::Number, Values::of(numbers, |_, one| words::short(one)));
    }
    if !listed.lines.is_empty() && !then.lines.is_empty() {
        let lines = [&now.lines, &then.lines, &listed.lines].map(|lines| words::lines(lines));
        let same_lines = lines[1] == lines[2];
        field(Field::Lines, Values::of(lines, |_, text| text.clone()));
        if let Some((then, ledger)) = words::first_different(&then.lines, &listed.lines).filter(|_| same_lines) {
            field(Field::Text, Values::of([then.clone(), then, ledger], |_, text| text.clone()));
        }
    }
    findings.extend(customer(case, slot, listed));
    findings
        .extend(slots.balance(slot, listed).and_then(|(expected, open)| balance(case, slot, listed, expected, open)));
    findings
}

/// A document that is on somebody else's account. Which one is nobody's business outside the books.
fn customer(case: &Case<'_>, slot: &Slot<'_>, listed: &Listed) -> Option<Finding> {
    let (then, now) = (slot.written?.party_id.as_ref()?, listed.party_id.as_ref()?);
    (then != now).then(|| Finding {
        class: Class::Wrong,
        field: Some(Field::Customer),
        shopify_value: PERSONAL.into(),
        ledger_value: PERSONAL.into(),
        cause: words::by_hand(case.ledger),
        // Customers are merged by hand for good reasons.
        repair: Repair::Ask,
        ..slot.finding()
    })
}

fn balance(case: &Case<'_>, slot: &Slot<'_>, listed: &Listed, expected: Decimal, open: Decimal) -> Option<Finding> {
    let ledger = case.ledger.title();
    let cause = if open > expected {
        format!("what settles it was taken off it in {ledger} by hand")
    } else {
        format!("something else settles it too: a payment or credit that was entered in {ledger} by hand")
    };
    let currency = listed.currency.or(slot.wanted().map(|one| one.currency));
    (open != expected).then(|| Finding {
        class: Class::Wrong,
        field: Some(Field::Balance),
        shopify_value: format!("{} open", words::money(expected, currency)),
        ledger_value: format!("{} open", words::money(open, currency)),
        cause,
        repair: Repair::Ask,
        ..slot.finding()
    })
}

/// A value as it ought to be now, as it was written, and as the ledger has it.
struct Values {
    now: String,
    ledger: String,
    is_now: bool,
    is_then: bool,
}

impl Values {
    /// The three as people read them; the first two are the same where no change of the order rewrites the value.
    fn of<T: PartialEq>([now, then, ledger]: [T; 3], show: impl Fn(usize, &T) -> String) -> Self {
        let (is_now, is_then) = (ledger == now, ledger == then);
        Self { now: show(0, &now), ledger: show(2, &ledger), is_now, is_then }
    }

    /// What follows from them. What the ledger has is right as soon as it is what is called for, whoever wrote it.
    fn judge(self, case: &Case<'_>, slot: &Slot<'_>, field: Field) -> Option<Finding> {
        if self.is_now {
            return None;
        }
        if self.is_then {
            return Some(stale(case, slot, Some(field), self.now, self.ledger));
        }
        let is_ours = slot.written.is_some_and(|one| one.stands);
        let (cause, repair) = match case.kept_back() {
            Some("proof_differs") => (words::held("proof_differs"), Repair::Ask),
            _ if !is_ours => ("not posted by us, though it carries the order's number or names it".into(), Repair::Ask),
            _ if field == Field::Currency || !slot.may_be_corrected() => (words::by_hand(case.ledger), Repair::Ask),
            _ => (words::by_hand(case.ledger), Repair::Correct),
        };
        let class = Class::Wrong;
        let (shopify_value, ledger_value) = (self.now, self.ledger);
        Some(Finding { class, field: Some(field), shopify_value, ledger_value, cause, repair, ..slot.finding() })
    }
}
