//! All that is known of one order: the newest snapshot, refunds by id, transactions by id. Merging is commutative and
//! repeatable: whatever the order of arrival, the same news gives the same state.

use std::collections::{BTreeMap, BTreeSet};

use super::dispute::Dispute;
use super::money::Id;
use super::order::Order;
use super::refund::Refund;
use super::transaction::Transaction;

/// The merged state of an order.
#[derive(Debug, Clone, Default)]
pub struct OrderState {
    /// The newest whole order, if one has arrived.
    pub snapshot: Option<Order>,
    /// The refunds that the snapshot knew of: its figures include them.
    pub snapshot_refunds: BTreeSet<Id>,
    /// Refunds, from the snapshot and from their own deliveries.
    pub refunds: BTreeMap<Id, Refund>,
    /// Transactions, from wherever they were seen.
    pub transactions: BTreeMap<Id, Transaction>,
    /// Disputes, in the newest word of each.
    pub disputes: BTreeMap<Id, Dispute>,
    /// True if Shopify deleted the order.
    pub deleted: bool,
    /// The newest snapshot from before the connection's start date, as it came: what it says was paid was paid by then.
    pub earlier: Option<Order>,
}

impl OrderState {
    /// Takes in the newest snapshot (the caller keeps only the newest).
    pub fn add_order(&mut self, mut order: Order) {
        self.snapshot_refunds = order.refunds.iter().map(|refund| refund.id.clone()).collect();
        for refund in std::mem::take(&mut order.refunds) {
            self.add_refund(refund);
        }
        for transaction in std::mem::take(&mut order.transactions) {
            self.add_transaction(transaction);
        }
        self.snapshot = Some(order);
    }

    /// Takes in a refund.
    pub fn add_refund(&mut self, refund: Refund) {
        for transaction in &refund.transactions {
            self.add_transaction(transaction.clone());
        }
        let known = self.refunds.get(&refund.id);
        if known.is_none_or(|known| fullness(&refund) > fullness(known)) {
            self.refunds.insert(refund.id.clone(), refund);
        }
    }

    /// Takes in a transaction; a final status replaces an open one, never the other way round. Of two copies in the same
    /// status the one that says what moved in the shop's currency stays.
    pub fn add_transaction(&mut self, transaction: Transaction) {
        let word = |one: &Transaction| (finality(one), one.amount_set.is_some());
        let known = self.transactions.get(&transaction.id);
        if known.is_none_or(|known| word(&transaction) > word(known)) {
            self.transactions.insert(transaction.id.clone(), transaction);
        }
    }

    /// A refund's transactions in their newest status.
    pub fn transactions_of<'a>(&'a self, refund: &'a Refund) -> impl Iterator<Item = &'a Transaction> {
        refund.transactions.iter().map(|one| self.transactions.get(&one.id).unwrap_or(one))
    }

    /// Money that was returned without a refund that says what for: its refund has not arrived yet.
    pub fn unexplained_refund(&self) -> Option<&Transaction> {
        let explained: BTreeSet<&Id> =
            self.refunds.values().flat_map(|refund| &refund.transactions).map(|one| &one.id).collect();
        self.transactions.values().find(|one| one.is_refund() && !explained.contains(&one.id))
    }

    /// Refunds of goods that the newest whole order does not have yet: they were added by an edit that is still to be told.
    pub fn early_refunds(&self) -> impl Iterator<Item = &Id> {
        let sold =
            |id: &Id| self.snapshot.as_ref().is_none_or(|order| order.line_items.iter().any(|line| line.id == *id));
        let is_early = move |refund: &&Refund| !refund.refund_line_items.iter().all(|item| sold(&item.line_item_id));
        self.refunds.values().filter(is_early).map(|refund| &refund.id)
    }

    /// The same state as if these had not arrived.
    pub fn without_refunds(&self, early: &[Id]) -> Self {
        let mut state = self.clone();
        state.refunds.retain(|id, _| !early.contains(id));
        state
    }

    /// True if money moved in another currency than the shop's, and nobody said yet what it came to there: webhooks do not,
    /// the Admin API does.
    pub fn lacks_shop_amounts(&self) -> bool {
        let moved = |one: &Transaction| one.is_receipt() || one.is_refund();
        self.snapshot.as_ref().is_some_and(|order| !order.one_currency())
            && self.transactions.values().any(|one| moved(one) && one.amount_set.is_none())
    }

    /// Successful sales and captures, oldest first (then by id).
    pub fn receipts(&self) -> Vec<&Transaction> {
        let mut receipts: Vec<&Transaction> = self.transactions.values().filter(|one| one.is_receipt()).collect();
        receipts.sort_by_key(|one| (one.at(), one.id.as_str().len(), one.id.clone()));
        receipts
    }
}

/// A refund only ever grows: the fuller of two bodies is the later one.
fn fullness(refund: &Refund) -> (usize, usize, usize) {
    let settled = refund.transactions.iter().filter(|one| !one.is_pending()).count();
    (settled, refund.transactions.len(), refund.refund_line_items.len() + refund.order_adjustments.len())
}

/// Success is the last word; a failure can still be followed by nothing; an open status by either.
fn finality(transaction: &Transaction) -> u8 {
    match transaction.status.as_str() {
        "success" => 2,
        "failure" | "error" => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: &str, set: bool) -> Transaction {
        let money = |amount: &str, code: &str| serde_json::json!({"amount": amount, "currency_code": code});
        let set = set
            .then(|| serde_json::json!({"shop_money": money("12.77", "CAD"), "presentment_money": money("9", "USD")}));
        let body = serde_json::json!({"id": 1, "kind": "sale", "status": status, "amount": "9.00", "amount_set": set});
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn the_copy_that_says_what_moved_stays_whichever_came_first() {
        let mut copies = vec![told("pending", true), told("success", false), told("success", true)];
        for _ in 0..copies.len() {
            copies.rotate_left(1);
            for reversed in [false, true] {
                let mut state = OrderState::default();
                let mut copies = copies.clone();
                if reversed {
                    copies.reverse();
                }
                copies.into_iter().for_each(|one| state.add_transaction(one));
                let kept = state.transactions.values().next().unwrap();
                assert!(kept.status == "success" && kept.amount_set.is_some());
            }
        }
    }
}
