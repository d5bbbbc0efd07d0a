//! The shop: plays a plan with Shopify's arithmetic.

use std::collections::BTreeMap;

use serde_json::Value;

use super::goods::{ByRates, Delivery, Item, add, by_rates, part};
use super::plan::{Discount, Event, Line, Payment, Plan, Tax};
use super::{Expected, Life};

pub(super) const ORDER: u64 = 5_600_000_009_001;
const GATEWAYS: [&str; 3] = ["shopify_payments", "gift_card", "paypal"];

#[derive(Debug, Clone)]
pub(super) struct Transaction {
    pub id: u64,
    pub kind: &'static str,
    pub status: &'static str,
    pub gateway: &'static str,
    pub amount: i64,
    /// What Shopify states, where cash rounding makes it another amount.
    pub stated: i64,
    pub parent: Option<u64>,
    pub at: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Returned {
    pub item: u64,
    pub units: i64,
    pub subtotal: i64,
    pub tax: i64,
}

#[derive(Debug, Clone, Default)]
pub(super) struct RefundBody {
    pub id: u64,
    pub lines: Vec<Returned>,
    /// Shipping line, amount and tax.
    pub shipping: Vec<(u64, i64, i64)>,
    pub in_lines: bool,
    pub in_adjustments: bool,
    /// Below zero: given on top of the lines.
    pub discrepancy: i64,
    pub restock: &'static str,
    pub transactions: Vec<Transaction>,
    /// What leaves the order's total once the money has moved.
    pub gone: i64,
    /// True if its money and what it takes back differ, whether it says so or not.
    pub unclear: bool,
    /// The seller's tax in the goods that it takes back, whatever its lines tell.
    pub own_tax: ByRates,
    /// And in the deliveries.
    pub own_tax_of_delivery: ByRates,
    /// And the tax in both that a marketplace remits.
    pub remitted_tax: i64,
    /// True if nobody can tell which of several deliveries came back.
    pub names_no_delivery: bool,
    pub at: usize,
}

pub(super) struct Till<'a> {
    pub plan: &'a Plan,
    pub items: Vec<Item>,
    pub shipping: Vec<Delivery>,
    /// Title and kind of target of each discount.
    pub applications: Vec<(&'static str, &'static str)>,
    pub tip: i64,
    pub rounding: i64,
    pub transactions: Vec<Transaction>,
    pub refunds: Vec<RefundBody>,
    /// What leaves the order, with its tax, beyond what its total shows.
    pub gone: i64,
    tax_crumbs: i64,
    /// Parts of deliveries of several rates that came back: which cents of their tax are whose, nobody says.
    pub(super) divided: i64,
    pub cancelled: Option<usize>,
    /// Hours since the order.
    pub now: usize,
    pub acts: Vec<Vec<(String, Value)>>,
    next: u64,
}

impl<'a> Till<'a> {
    pub fn play(plan: &'a Plan) -> Life {
        let mut till = Self {
            plan,
            items: Vec::new(),
            shipping: Vec::new(),
            applications: Vec::new(),
            tip: 0,
            rounding: 0,
            transactions: Vec::new(),
            refunds: Vec::new(),
            gone: 0,
            tax_crumbs: 0,
            divided: 0,
            cancelled: None,
            now: 0,
            acts: Vec::new(),
            next: 0,
        };
        till.fill();
        till.pay();
        till.open();
        for event in &plan.events {
            till.now += 1;
            till.happen(event);
        }
        let refunds = till.refunds.iter().map(|refund| (refund.id.to_string(), moved(refund))).filter(|one| one.1 > 0);
        let receipts = till.receipts().map(|one| (one.id.to_string(), one.amount));
        let expected = Expected {
            received: till.received(),
            refunded: till.refunded(),
            outstanding: till.outstanding(),
            refunds: refunds.collect(),
            receipts: receipts.collect(),
            is_cancelled: till.cancelled.is_some(),
            has_failed: till.refunds.iter().any(has_failed),
            tax: till.tax_kept(),
            tax_crumbs: till.tax_crumbs,
            divided: till.divided,
            names_no_delivery: till.refunds.iter().any(|refund| refund.names_no_delivery),
        };
        Life {
            acts: till.acts,
            order_id: ORDER.to_string(),
            shop: plan.money.shop,
            presentment: plan.money.presentment,
            expected,
        }
    }

    pub fn id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    // What it comes to.

    pub fn goods(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| !item.is_tip)
    }

    pub fn subtotal(&self) -> i64 {
        self.goods().map(Item::net).sum()
    }

    pub fn delivery_total(&self) -> i64 {
        self.shipping.iter().filter(|one| !one.removed).map(Delivery::net).sum()
    }

    pub fn tax_total(&self) -> i64 {
        let goods: i64 = self.items.iter().map(Item::tax_total).sum();
        goods + self.shipping.iter().filter(|one| !one.removed).map(Delivery::tax_total).sum::<i64>()
    }

    pub fn total(&self) -> i64 {
        let tax = if self.plan.taxes_included { 0 } else { self.tax_total() };
        self.subtotal() + self.delivery_total() + tax + self.tip + self.plan.duties + self.plan.fees
    }

    pub fn current_total(&self) -> i64 {
        self.total() - self.gone
    }

    /// The tax of what is left.
    pub fn current_tax(&self) -> i64 {
        if self.cancelled.is_some() {
            return 0;
        }
        let counts = |refund: &&RefundBody| !has_failed(refund);
        let own = |refund: &RefundBody| refund.own_tax.values().chain(refund.own_tax_of_delivery.values()).sum::<i64>();
        let gone = self.refunds.iter().filter(counts).map(|refund| own(refund) + refund.remitted_tax);
        self.tax_total() - gone.sum::<i64>()
    }

    pub fn receipts(&self) -> impl Iterator<Item = &Transaction> {
        self.transactions.iter().filter(|one| one.status == "success" && matches!(one.kind, "sale" | "capture"))
    }

    /// The seller's tax of what the buyer kept; `None` where money that no line explains, or that has not come to rest,
    /// leaves it to the books.
    fn tax_kept(&self) -> Option<ByRates> {
        let unclear = |refund: &RefundBody| {
            refund.unclear || refund.discrepancy != 0 || refund.transactions.iter().any(|one| one.status != "success")
        };
        if self.outstanding() != 0 || self.rounding != 0 || self.refunds.iter().any(unclear) {
            return None;
        }
        if self.cancelled.is_some() {
            return (self.received() == self.refunded()).then(ByRates::new);
        }
        let mut kept = ByRates::new();
        let deliveries = self.shipping.iter().filter(|one| !one.removed);
        for taxes in self.items.iter().map(|item| &item.taxes).chain(deliveries.map(|one| &one.taxes)) {
            add(&mut kept, by_rates(taxes));
        }
        for refund in &self.refunds {
            let gone = refund.own_tax.iter().chain(&refund.own_tax_of_delivery);
            add(&mut kept, gone.map(|(rates, amount)| (rates.clone(), -amount)));
        }
        Some(kept)
    }

    pub fn received(&self) -> i64 {
        self.receipts().map(|one| one.amount).sum()
    }

    pub fn refunded(&self) -> i64 {
        self.refunds.iter().map(moved).sum()
    }

    pub fn outstanding(&self) -> i64 {
        self.current_total() + self.rounding - (self.received() - self.refunded())
    }

    // Money in.

    fn pay(&mut self) {
        let total = self.total();
        if total == 0 {
            return;
        }
        match &self.plan.payment {
            Payment::Unpaid | Payment::NetTerms => {}
            Payment::Authorised => drop(self.transact("authorization", "success", GATEWAYS[0], total, None)),
            Payment::Partly(share) => {
                let amount = part(total, *share, 1000).max(1).min(total);
                self.transact("sale", "success", GATEWAYS[0], amount, None);
            }
            Payment::TooMuch(more) => drop(self.transact("sale", "success", GATEWAYS[0], total + more, None)),
            Payment::Cash { rounding, stated } => {
                let rounding = if total + rounding > 0 && self.one_currency() { *rounding } else { 0 };
                self.rounding = rounding;
                let index = self.transact("sale", "success", "cash", total + rounding, None);
                self.transactions[index].stated = if *stated { total + rounding } else { total };
            }
            Payment::Paid { parts, authorised, failed_before } => {
                if *failed_before {
                    self.transact("sale", "failure", GATEWAYS[0], total, None);
                }
                let held = authorised.then(|| self.transact("authorization", "success", GATEWAYS[0], total, None));
                let parent = held.map(|index| self.transactions[index].id);
                let mut left = total;
                for (index, share) in parts.iter().chain([&1000]).enumerate() {
                    let amount = if index == parts.len() { left } else { part(left, *share, 1000) };
                    left -= amount;
                    if amount > 0 {
                        let (kind, gateway) =
                            if parent.is_some() { ("capture", GATEWAYS[0]) } else { ("sale", GATEWAYS[index % 3]) };
                        self.transact(kind, "success", gateway, amount, parent);
                    }
                }
            }
        }
    }

    fn one_currency(&self) -> bool {
        self.plan.money.shop == self.plan.money.presentment
    }

    pub fn transact(
        &mut self,
        kind: &'static str,
        status: &'static str,
        gateway: &'static str,
        amount: i64,
        parent: Option<u64>,
    ) -> usize {
        let id = 6_700_000_009_000 + self.id();
        self.transactions.push(Transaction { id, kind, status, gateway, amount, stated: amount, parent, at: self.now });
        self.transactions.len() - 1
    }

    // What is delivered.

    fn open(&mut self) {
        let mut act = vec![("orders/create".to_owned(), self.order())];
        act.extend(self.transactions.iter().map(|one| self.transaction(one)));
        if self.received() > 0 && self.outstanding() <= 0 {
            act.push(("orders/paid".to_owned(), self.order()));
        }
        self.acts.push(act);
    }

    fn happen(&mut self, event: &Event) {
        if let (
            Some(_),
            Event::AddLine(_)
            | Event::Remove { .. }
            | Event::Exchange { .. }
            | Event::Reduce(_)
            | Event::Retax
            | Event::Cancel { .. }
            | Event::PayRest,
        ) = (self.cancelled, event)
        {
            return;
        }
        match event {
            Event::PayRest => self.pay_rest(),
            Event::Refund(refund) => self.give_back(refund),
            Event::Settle { succeeds } => self.settle(*succeeds),
            Event::AddLine(line) => {
                self.add(line);
                self.edit();
            }
            Event::Remove { line, units } => self.remove(*line, *units),
            Event::Exchange { line, units, into, settles } => self.exchange(*line, *units, into, *settles),
            Event::Reduce(share) => {
                let touched = !self.refunds.is_empty() || self.rounding != 0;
                let before = self.applications.len();
                if !touched {
                    self.discount_all(Discount::Fixed(*share));
                }
                if self.applications.len() > before {
                    self.tax_all();
                    self.edit();
                }
            }
            Event::Retax => self.retax(),
            Event::Cancel { refund } => self.cancel(*refund),
        }
    }

    fn add(&mut self, line: &Line) {
        let mut item = self.item(line);
        item.taxes = self.taxes(item.tax, item.net());
        self.items.push(item);
    }

    /// Goods come back without money, and others go out in their place.
    fn exchange(&mut self, line: usize, units: i64, into: &Line, settles: bool) {
        let index = line % self.items.len();
        let units = units.min(self.items[index].current);
        if self.items[index].is_tip || units == 0 || self.rounding != 0 || self.waiting() > 0 {
            return;
        }
        let refund = self.take_out(&[(index, units)]);
        self.gone += self.value(&refund);
        self.refunds.push(refund);
        self.add(into);
        self.edit();
        if settles {
            self.now += 1;
            self.pay_what_is_owed();
        }
    }

    /// Another rate on everything that is taxed, of an order that is settled, and what the buyer owes or is owed because of it
    /// is paid. Refunds tell for ever what they told; what they took back is none of what is kept now.
    fn retax(&mut self) {
        let is_settled = self.outstanding() == 0 && self.rounding == 0 && self.waiting() == 0;
        if !is_settled || self.refunds.iter().any(has_failed) {
            return;
        }
        for item in &mut self.items {
            item.tax = match item.tax {
                Tax::Twenty => Tax::Five,
                Tax::Five => Tax::Twenty,
                other => other,
            };
        }
        self.tax_all();
        let mut before = BTreeMap::new();
        for refund in &mut self.refunds {
            let told: i64 = std::mem::take(&mut refund.own_tax).into_values().sum();
            for line in &refund.lines {
                let item = self.items.iter().find(|item| item.id == line.item).unwrap();
                let gone: &mut i64 = before.entry(line.item).or_default();
                let own: ByRates = by_rates(&item.taxes);
                let upto = |tax, units| part(tax, units, item.quantity);
                let of = |tax| upto(tax, *gone + line.units) - upto(tax, *gone);
                add(&mut refund.own_tax, own.into_iter().map(|(rates, tax)| (rates, of(tax))));
                *gone += line.units;
                self.tax_crumbs += 1;
            }
            // What came back is none of what the buyer is charged now.
            if !self.plan.taxes_included {
                self.gone += refund.own_tax.values().sum::<i64>() - told;
            }
        }
        self.edit();
        if self.outstanding() > 0 {
            self.pay_rest();
        } else if self.outstanding() < 0 {
            self.now += 1;
            self.pay_what_is_owed();
        }
    }

    fn pay_rest(&mut self) {
        let amount = self.outstanding();
        if amount > 0 {
            let index = self.transact("sale", "success", GATEWAYS[0], amount, None);
            let transaction = self.transaction(&self.transactions[index]);
            self.acts.push(vec![transaction, ("orders/paid".to_owned(), self.order())]);
        }
    }

    fn edit(&mut self) {
        self.acts
            .push(vec![("orders/edited".to_owned(), self.order_edit()), ("orders/updated".to_owned(), self.order())]);
    }

    /// Units taken out of the order: they stay in `quantity`, and a refund without money tells of them (§0.2).
    fn remove(&mut self, line: usize, units: i64) {
        let index = line % self.items.len();
        let units = units.min(self.items[index].current);
        let all: i64 = self.goods().map(|item| item.current).sum();
        if self.items[index].is_tip || units == 0 || all == units {
            return; // The last one is cancelled, not removed.
        }
        let refund = RefundBody { restock: "cancel", ..self.take_out(&[(index, units)]) };
        self.gone += self.value(&refund);
        self.refunds.push(refund);
        self.edit();
    }

    fn cancel(&mut self, with_money: bool) {
        self.cancelled = Some(self.now);
        let all: Vec<(usize, i64)> =
            self.items.iter().enumerate().map(|(index, item)| (index, item.current)).filter(|one| one.1 > 0).collect();
        let mut act = Vec::new();
        if with_money && self.received() > self.refunded() {
            act.push(self.give_everything_back(&all));
        } else if !all.is_empty() {
            let refund = RefundBody { restock: "cancel", ..self.take_out(&all) };
            self.refunds.push(refund);
        }
        self.gone = self.total() + self.rounding;
        act.push(("orders/cancelled".to_owned(), self.order()));
        self.acts.push(act);
    }
}

/// True if its money did not arrive, or not yet.
fn has_failed(refund: &RefundBody) -> bool {
    refund.transactions.iter().any(|one| one.status != "success")
}

/// What of a refund's money has moved.
pub(super) fn moved(refund: &RefundBody) -> i64 {
    refund.transactions.iter().filter(|one| one.status == "success").map(|one| one.amount).sum()
}
