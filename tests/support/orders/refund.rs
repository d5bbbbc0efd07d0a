//! Goods and money that go back (facts/shopify §2.5).

use std::collections::BTreeMap;

use serde_json::Value;

use super::goods::{ByRates, add, by_rates, part};
use super::plan::{Refund, ShippingShape};
use super::till::{RefundBody, Returned, Till, Transaction};

impl Till<'_> {
    /// Takes units out of the order: a refund of them, without money so far.
    pub(super) fn take_out(&mut self, units: &[(usize, i64)]) -> RefundBody {
        let (mut lines, mut own_tax, mut remitted_tax) = (Vec::new(), ByRates::new(), 0);
        for &(index, units) in units {
            let item = &mut self.items[index];
            let (subtotal, tax) = item.share(units);
            item.current -= units;
            remitted_tax += if item.is_remitted() { tax } else { 0 };
            // All of a line's taxes are charged together.
            add(&mut own_tax, by_rates(&item.taxes).into_keys().map(|rates| (rates, tax)));
            lines.push(Returned { item: item.id, units, subtotal, tax });
        }
        RefundBody {
            id: 9_200_000_009_000 + self.id(),
            lines,
            own_tax,
            remitted_tax,
            restock: "return",
            at: self.now,
            ..RefundBody::default()
        }
    }

    /// What the buyer paid for what a refund takes back.
    pub(super) fn value(&self, refund: &RefundBody) -> i64 {
        let tax = |tax: i64| if self.plan.taxes_included { 0 } else { tax };
        let goods: i64 = refund.lines.iter().map(|line| line.subtotal + tax(line.tax)).sum();
        goods + refund.shipping.iter().map(|(_, amount, tax)| amount + tax).sum::<i64>()
    }

    /// Gives a share of the delivery back, always without tax beside its tax.
    fn return_delivery(&mut self, refund: &mut RefundBody, share: i64) {
        let included = self.plan.taxes_included;
        for line in self.shipping.iter_mut().filter(|line| !line.removed) {
            let (tax, gross) = (line.tax_total(), line.net());
            let net = if included { gross - tax } else { gross };
            let amount = part(net - line.returned, share, 1000);
            if amount > 0 {
                let tax = part(tax, line.returned + amount, net) - part(tax, line.returned, net);
                line.returned += amount;
                // Of several rates, the last one takes what the rounding of the others leaves.
                let own = by_rates(&line.taxes);
                refund.remitted_tax += if own.is_empty() { tax } else { 0 };
                self.divided += i64::from(own.len() > 1);
                let (before, last) = (line.returned - amount, own.keys().next_back().cloned());
                let mut left = tax;
                for (rates, whole) in own {
                    let share = part(whole, line.returned, net) - part(whole, before, net);
                    let share = if Some(&rates) == last.as_ref() { left } else { share };
                    left -= share;
                    add(&mut refund.own_tax_of_delivery, [(rates, share)]);
                }
                refund.shipping.push((line.id, amount, tax));
            }
        }
    }

    pub(super) fn waiting(&self) -> i64 {
        let pending = |one: &&Transaction| one.status == "pending";
        self.refunds.iter().flat_map(|refund| &refund.transactions).filter(pending).map(|one| one.amount).sum()
    }

    pub(super) fn give_back(&mut self, plan: &Refund) {
        let (refundable, before) = (self.received() - self.refunded() - self.waiting(), self.outstanding());
        let cash = self.rounding != 0;
        if refundable <= 0 || cash || self.waiting() > 0 {
            return;
        }
        let units: Vec<(usize, i64)> = (0..self.items.len())
            .map(|index| (index, plan.units.get(index).copied().unwrap_or(0).min(self.items[index].current)))
            .filter(|one| one.1 > 0)
            .collect();
        let mut refund = self.take_out(&units);
        self.return_delivery(&mut refund, plan.shipping);
        let lines = self.value(&refund);
        let money = if lines == 0 {
            part(refundable, plan.difference.abs(), 1000)
        } else if before > 0 {
            // Not paid in full: what leaves the order lowers what is owed; money only goes back beyond that.
            (lines - before).max(0).min(refundable)
        } else {
            (lines + part(lines, plan.difference, 1000)).clamp(1, refundable)
        };
        if lines == 0 && money == 0 {
            return;
        }
        let owed = if lines == 0 { money.min((-before).max(0)) } else { 0 };
        if before <= 0 {
            refund.discrepancy = lines - (money - owed);
        } else if lines == 0 {
            refund.discrepancy = -money;
        }
        refund.gone = if before > 0 && lines > 0 { lines } else { money - owed };
        refund.unclear = refund.discrepancy != 0;
        let pending = plan.pending && before <= 0;
        self.tell_shipping(&mut refund, plan.shape);
        if plan.net && self.plan.taxes_included {
            refund.lines.iter_mut().for_each(|line| line.subtotal -= line.tax);
        }
        if plan.silent && before <= 0 {
            // The lines say nothing, and so nothing is said to differ from them.
            refund.lines.iter_mut().for_each(|line| (line.subtotal, line.tax) = (0, 0));
            refund.discrepancy = 0;
        }
        self.pay_back(&mut refund, money, if pending { "pending" } else { "success" });
        if !pending {
            self.gone += refund.gone;
        }
        self.refunds.push(refund);
        let act = vec![self.refund(&self.refunds[self.refunds.len() - 1]), ("orders/updated".to_owned(), self.order())];
        self.acts.push(act);
    }

    /// A cancellation that gives back all that was received and not given back yet.
    pub(super) fn give_everything_back(&mut self, units: &[(usize, i64)]) -> (String, Value) {
        let mut refund = self.take_out(units);
        refund.restock = "cancel";
        self.return_delivery(&mut refund, 1000);
        let money = self.received() - self.refunded() - self.waiting();
        let lines = self.value(&refund);
        refund.discrepancy = if self.outstanding() > 0 { 0 } else { lines - money };
        self.tell_shipping(&mut refund, ShippingShape::New);
        self.pay_back(&mut refund, money, "success");
        self.refunds.push(refund);
        self.refund(&self.refunds[self.refunds.len() - 1])
    }

    /// What is owed to the buyer goes back, as a refund that says nothing but that.
    pub(super) fn pay_what_is_owed(&mut self) {
        let money = (-self.outstanding()).min(self.received() - self.refunded());
        if money <= 0 {
            return;
        }
        let mut refund = RefundBody { restock: "no_restock", ..self.take_out(&[]) };
        self.pay_back(&mut refund, money, "success");
        self.refunds.push(refund);
        let act = vec![self.refund(&self.refunds[self.refunds.len() - 1]), ("orders/updated".to_owned(), self.order())];
        self.acts.push(act);
    }

    fn tell_shipping(&self, refund: &mut RefundBody, shape: ShippingShape) {
        refund.in_lines = shape != ShippingShape::Legacy;
        refund.in_adjustments = shape != ShippingShape::New;
        // An adjustment names no delivery: where a marketplace taxes one of several, nobody can tell whose tax came back.
        let is_remitted = |id: u64| {
            let taxes = self.shipping.iter().filter(|one| one.id == id).flat_map(|one| &one.taxes);
            taxes.into_iter().any(|tax| tax.marketplace)
        };
        let remitted = refund.shipping.iter().filter(|(id, ..)| is_remitted(*id)).count();
        refund.names_no_delivery = refund.in_adjustments && !refund.in_lines && self.shipping.len() > 1;
        refund.unclear |= refund.in_adjustments && (1..refund.shipping.len()).contains(&remitted);
    }

    /// Money goes back the way it came, oldest receipt first.
    fn pay_back(&mut self, refund: &mut RefundBody, money: i64, status: &'static str) {
        let mut left: BTreeMap<u64, i64> = self.receipts().map(|one| (one.id, one.amount)).collect();
        for one in self.refunds.iter().flat_map(|refund| &refund.transactions).filter(|one| one.status != "failure") {
            *left.entry(one.parent.unwrap_or_default()).or_default() -= one.amount;
        }
        let mut money = money;
        let receipts: Vec<Transaction> = self.receipts().cloned().collect();
        for receipt in receipts {
            let amount = money.min(left[&receipt.id]);
            if amount > 0 {
                money -= amount;
                let id = 6_700_000_009_000 + self.id();
                refund.transactions.push(Transaction {
                    id,
                    kind: "refund",
                    status,
                    gateway: receipt.gateway,
                    amount,
                    stated: amount,
                    parent: Some(receipt.id),
                    at: self.now,
                });
            }
        }
        assert_eq!(money, 0, "the till gives back no more than it received");
    }

    /// The refund that waits comes to its end.
    pub(super) fn settle(&mut self, succeeds: bool) {
        let waits = |refund: &RefundBody| refund.transactions.iter().any(|one| one.status == "pending");
        let Some(index) = self.refunds.iter().position(waits) else { return };
        let status = if succeeds { "success" } else { "failure" };
        for one in &mut self.refunds[index].transactions {
            one.status = status;
        }
        if succeeds && self.cancelled.is_none() {
            self.gone += self.refunds[index].gone;
        }
        let mut act: Vec<(String, Value)> =
            self.refunds[index].transactions.iter().map(|one| self.transaction(one)).collect();
        act.push(("orders/updated".to_owned(), self.order()));
        self.acts.push(act);
    }
}
