//! What stands in the ledger for an order already. Money makes a document final: what was paid is never rewritten, later
//! changes become documents of their own; what nothing settles yet may still follow the order.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::books::document::{Document, DocumentKey, DocumentKind};
use crate::shopify::money::Id;

/// A document that was written once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookedDocument {
    /// As it was last written.
    pub document: Document,
    /// False if it was voided or deleted since.
    pub stands: bool,
    /// 1 for the first of its key, 2 for the one that replaced a voided one, and so on.
    pub generation: u32,
    /// Of a sale that is somebody else's: what payments of ours may come to, the ones that stand in it included.
    pub room: Option<Decimal>,
}

/// An order's documents in the ledger, by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Booked(pub BTreeMap<DocumentKey, BookedDocument>);

impl Booked {
    /// True if nothing was ever written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sale, if it is somebody else's, and what payments of ours may come to.
    pub fn foreign(&self) -> Option<(&Document, Decimal)> {
        let sale = self.0.get(&DocumentKey::sale())?;
        sale.room.map(|room| (&sale.document, room))
    }

    /// True if a credit for that refund was ever written.
    pub fn has_credit(&self, refund: &Id) -> bool {
        self.0.contains_key(&DocumentKey::credit(refund.as_str()))
    }

    /// True if a sale of ours was ever written.
    pub fn has_own_sale(&self) -> bool {
        self.0.iter().any(|(key, one)| key.is_sale() && one.room.is_none())
    }

    /// Every document that stands.
    pub fn standing(&self) -> impl Iterator<Item = &Document> {
        self.0.values().filter(|one| one.stands).map(|one| &one.document)
    }

    /// The standing documents of one key and its parts, in order.
    pub fn parts_of(&self, key: &DocumentKey) -> Vec<&Document> {
        let mut parts: Vec<&Document> = self.standing().filter(|one| one.key.whole() == key.as_str()).collect();
        parts.sort_by_key(|one| one.key.part_number());
        parts
    }

    /// The sale and what adjusted it, in the order in which they came to be.
    pub fn sales(&self) -> Vec<&Document> {
        let mut sales: Vec<&Document> = self
            .standing()
            .filter(|one| one.itemised().is_some() && (one.key.is_sale() || one.key.adjustment_number().is_some()))
            .collect();
        sales.sort_by_key(|one| (one.key.adjustment_number().unwrap_or(0), one.key.part_number()));
        sales
    }

    /// What refunds took back of it.
    pub fn credits(&self) -> impl Iterator<Item = &Document> {
        self.standing().filter(|one| one.itemised().is_some() && one.key.is_credit())
    }

    /// What the sale and its adjustments come to, as booked and in the buyer's currency; `None` for the latter where a
    /// document does not say.
    pub fn worth(&self) -> (Decimal, Option<Decimal>) {
        let signed =
            |one: &Document, amount: Decimal| if one.kind() == DocumentKind::CreditNote { -amount } else { amount };
        let sales = self.sales();
        let booked = sales.iter().map(|one| signed(one, one.total)).sum();
        let buyers = sales.iter().map(|one| one.buyer_total.map(|amount| signed(one, amount))).sum();
        (booked, buyers)
    }

    /// What the payments come to, likewise.
    pub fn received(&self) -> (Decimal, Option<Decimal>) {
        let is_money = |one: &&Document| matches!(one.kind(), DocumentKind::Payment | DocumentKind::SalesReceipt);
        let all: Vec<&Document> = self.standing().filter(is_money).collect();
        (all.iter().map(|one| one.total).sum(), all.iter().map(|one| one.buyer_total).sum())
    }

    /// True if money or a credit is attached to the document: then its amounts are final.
    pub fn is_settled(&self, key: &DocumentKey) -> bool {
        self.standing().any(|one| {
            (one.key == *key && one.kind() == DocumentKind::SalesReceipt)
                || one.settlement().is_some_and(|money| money.settles == *key || money.from.as_ref() == Some(key))
        })
    }

    /// True if anything of the sale is final.
    pub fn is_final(&self) -> bool {
        self.sales().iter().any(|one| one.key.adjustment_number().is_some() || self.is_settled(&one.key))
    }

    /// The sale and what adjusted it, where it is ours and stays as it is.
    pub fn final_sales(&self) -> Vec<&Document> {
        if self.is_final() && self.foreign().is_none() { self.sales() } else { Vec::new() }
    }

    /// Which one of its key the next document written under it is.
    pub fn generation(&self, key: &DocumentKey) -> u32 {
        self.0.get(key).map_or(1, |one| if one.stands { one.generation } else { one.generation + 1 })
    }

    /// The number that the next adjustment gets.
    pub fn next_adjustment(&self) -> u32 {
        self.0.keys().filter_map(DocumentKey::adjustment_number).max().unwrap_or(0) + 1
    }
}
