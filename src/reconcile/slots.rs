//! Which document of the ledger is which of an order: by the id under which it was written, else by number and kind,
//! else by the order that it names.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::compare::{Case, Written};
use super::expectation::Expected;
use super::finding::{Class, Finding, Repair};
use crate::books::document::{DocumentKey, DocumentKind};
use crate::books::listed::Listed;

/// One document of an order, seen from three sides.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    /// Which one of the order.
    pub key: &'a DocumentKey,
    /// What the order calls for now.
    pub now: Option<&'a Expected>,
    /// What was written last.
    pub written: Option<&'a Written>,
    /// What the ledger has.
    pub listed: Option<&'a Listed>,
}

impl<'a> Slot<'a> {
    /// As it ought to be: what is called for, else what was written.
    pub fn wanted(&self) -> Option<&'a Expected> {
        self.now.or(self.written.map(|one| &one.expected))
    }

    /// The kind that stands in the ledger, or would.
    pub fn kind(&self) -> DocumentKind {
        let standing = self.written.filter(|one| one.stands).map(|one| &one.expected);
        standing.or(self.wanted()).map_or(DocumentKind::Application, |one| one.kind)
    }

    /// True if it is made of lines.
    pub fn is_itemised(&self) -> bool {
        use DocumentKind::{CreditNote, Invoice, RefundReceipt, SalesReceipt};
        matches!(self.kind(), Invoice | SalesReceipt | CreditNote | RefundReceipt)
    }

    /// True if it can be written again as it was: it is of such a kind, and still ought to be of it.
    pub fn may_be_corrected(&self) -> bool {
        self.kind().may_be_corrected() && self.now.is_none_or(|now| now.kind == self.kind())
    }

    /// What every finding about it says.
    pub fn finding(&self) -> Finding {
        let posted = self.written.map(|one| one.ledger_id.clone()).filter(|id| !id.is_empty());
        Finding {
            class: Class::Wrong,
            document_key: Some(self.key.clone()),
            ledger_id: self.listed.map(|listed| listed.ledger_id.clone()).or(posted),
            number: self.wanted().map(|one| one.number.clone()).unwrap_or_default(),
            field: None,
            shopify_value: String::new(),
            ledger_value: String::new(),
            cause: String::new(),
            repair: Repair::None,
        }
    }

    fn settles(&self, key: &DocumentKey) -> bool {
        self.wanted().is_some_and(|one| one.settles.as_ref() == Some(key) || one.from.as_ref() == Some(key))
    }
}

/// An order's documents, and what the ledger has beside them.
pub(super) struct Slots<'a> {
    /// One for each document that is called for or was written, by key.
    pub all: Vec<Slot<'a>>,
    /// What is found in the ledger and is none of these.
    pub left: Vec<&'a Listed>,
}

impl<'a> Slots<'a> {
    /// Matches the two sides of a case.
    pub fn of(case: &Case<'a>) -> Self {
        let mut slots: BTreeMap<&DocumentKey, Slot<'a>> = BTreeMap::new();
        for now in case.order.calls.documents() {
            let empty = Slot { key: &now.key, now: None, written: None, listed: None };
            slots.entry(&now.key).or_insert(empty).now = Some(now);
        }
        for one in case.written {
            let key = &one.expected.key;
            let empty = Slot { key, now: None, written: None, listed: None };
            slots.entry(key).or_insert(empty).written = Some(one);
        }
        let mut slots = Self { all: slots.into_values().collect(), left: case.found.iter().collect() };
        slots.by_id();
        slots.by_number(case);
        slots.by_name(case);
        slots
    }

    fn by_id(&mut self) {
        for slot in &mut self.all {
            let Some(one) = slot.written else { continue };
            let same = |listed: &&Listed| listed.ledger_id == one.ledger_id && listed.kind == one.expected.kind;
            slot.listed = take(&mut self.left, same);
        }
    }

    fn by_number(&mut self, case: &Case<'_>) {
        for slot in self.all.iter_mut().filter(|slot| is_open(case, slot)) {
            let Some(wanted) = slot.wanted() else { continue };
            let same =
                |listed: &&Listed| listed.counts() && listed.kind == wanted.kind && listed.number == wanted.number;
            slot.listed = take(&mut self.left, same).or(slot.listed);
        }
    }

    /// Of what names the order, the pairs of the nearest totals first.
    fn by_name(&mut self, case: &Case<'_>) {
        let mut pairs: Vec<(Decimal, usize, &'a Listed)> = Vec::new();
        for (at, slot) in self.all.iter().enumerate().filter(|(_, slot)| is_open(case, slot)) {
            let Some(wanted) = slot.wanted() else { continue };
            let fits =
                |listed: &&&Listed| listed.counts() && listed.kind == wanted.kind && listed.names(&case.order.order_id);
            pairs
                .extend(self.left.iter().filter(fits).map(|listed| ((listed.total - wanted.total).abs(), at, *listed)));
        }
        pairs.sort_by(|a, b| (a.0, a.1, &a.2.ledger_id).cmp(&(b.0, b.1, &b.2.ledger_id)));
        for (_, at, listed) in pairs {
            let is_free = self.all.get(at).is_some_and(|slot| is_open(case, slot));
            let same = |one: &&Listed| std::ptr::eq(*one, listed);
            if let Some(found) = is_free.then(|| take(&mut self.left, same)).flatten()
                && let Some(slot) = self.all.get_mut(at)
            {
                slot.listed = Some(found);
            }
        }
    }

    /// The document of the order that `listed` is a second one of. A sale there is only one of; of payments and credits
    /// there may be several, so that the number or the amount has to be the same.
    pub fn doubled_by(&self, listed: &Listed) -> Option<&Slot<'a>> {
        let is_sale = |kind| matches!(kind, DocumentKind::Invoice | DocumentKind::SalesReceipt);
        let is_double = |slot: &&Slot<'a>, first: &Listed| {
            let same_number = !first.number.is_empty() && first.number == listed.number;
            let same_kind = first.kind == listed.kind && (same_number || first.total == listed.total);
            (is_sale(first.kind) && is_sale(listed.kind) && slot.key.is_sale()) || same_kind
        };
        let standing = |slot: &&Slot<'a>| slot.listed.filter(|first| first.counts());
        self.all.iter().find(|slot| standing(slot).is_some_and(|first| is_double(slot, first)))
    }

    /// What ought to be open of a document, and what is, where the ledger states it. What settles it counts as the ledger
    /// has it: that a payment is missing or of another amount is said of the payment.
    pub fn balance(&self, slot: &Slot<'_>, listed: &Listed) -> Option<(Decimal, Decimal)> {
        let open = listed.open.filter(|_| matches!(slot.kind(), DocumentKind::Invoice | DocumentKind::CreditNote))?;
        let settled = |one: &&Slot<'a>| one.settles(slot.key);
        let amount = |one: &Slot<'a>| match one.kind() {
            DocumentKind::Application => one.written.filter(|one| one.stands).map(|one| one.expected.total),
            _ => one.listed.filter(|listed| listed.counts()).map(|listed| listed.total),
        };
        let ours: Decimal = self.all.iter().filter(settled).filter_map(amount).sum();
        let expected = (listed.total - ours).max(Decimal::ZERO);
        // Money beside ours is said of that money.
        let strange = |one: &&&Listed| one.counts() && one.settles == [listed.ledger_id.clone()];
        let beside: Decimal = self.left.iter().filter(strange).map(|one| one.total).sum();
        let with_strangers = (expected - beside).max(Decimal::ZERO);
        Some((if open == with_strangers { open } else { expected }, open))
    }
}

/// True if a document is looked for: it ought to stand, and what was found so far does not count.
fn is_open(case: &Case<'_>, slot: &Slot<'_>) -> bool {
    let is_foreign = slot.written.is_some_and(|one| one.foreign);
    let is_wanted = match slot.now {
        Some(now) => now.is_live(),
        None => !case.is_known() && slot.written.is_some_and(|one| one.stands),
    };
    is_wanted && !is_foreign && slot.listed.is_none_or(|listed| listed.void)
}

fn take<'a>(left: &mut Vec<&'a Listed>, wanted: impl Fn(&&'a Listed) -> bool) -> Option<&'a Listed> {
    let at = left.iter().position(wanted)?;
    Some(left.remove(at))
}
