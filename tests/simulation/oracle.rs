//! What the books ought to hold in the end, computed from what the shop did and from nothing else: neither from what
//! was delivered nor by the product's own code.

use std::collections::BTreeMap;

use crate::money::{Cents, share};
use crate::order::{Order, Transaction};
use crate::support::Company;

/// Whose currency the books are kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Shop,
    Buyer,
}

/// One document of an order, as the ledger ought to hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub kind: &'static str,
    pub total: Cents,
    /// What is open on it.
    pub balance: Cents,
    /// Where money went, or came from.
    pub account: String,
}

/// What an order ought to be in the books.
#[derive(Debug, Default)]
pub struct Books {
    /// By number; payments by reference.
    pub documents: BTreeMap<String, Expected>,
    /// The payments that came in, together: some may be booked in one where their transactions were not told.
    pub received: Cents,
    /// The refunds, together.
    pub returned: Cents,
    /// True if the sale may stand there voided.
    pub may_be_voided: bool,
}

/// The account of a gateway in a company's settings.
pub fn account(company: Company, gateway: &str) -> String {
    let settings = settings(company, Side::Shop);
    let payments = &settings["payments"];
    payments.get(gateway).unwrap_or(&payments["default"]).as_str().unwrap().to_owned()
}

/// The settings of the simulated connection.
pub fn settings(company: Company, side: Side) -> serde_json::Value {
    let mut settings = company.settings();
    settings["currency"] = if side == Side::Shop { "shop" } else { "presentment" }.into();
    settings["payments"]["paypal"] = if company == Company::XeroUk { "091" } else { "92" }.into();
    settings
}

/// The books of one order, in the shop's currency at the sale's rate (design, rulings).
pub fn books(order: &Order, company: Company) -> Books {
    let sale = order.currencies.shop_side(order.total());
    if sale == 0 {
        return Books::default();
    }
    if order.received() == 0 && order.cancelled_at.is_some() {
        return Books { may_be_voided: true, ..Books::default() };
    }
    let shared = |amount| share(sale, amount, order.total());
    let (received, returned) = (shared(order.received()), shared(order.returned()));
    let mut books = Books { received, returned, ..Books::default() };
    let number = format!("S-{}", order.number);
    let of = |kind, total, balance, account: String| Expected { kind, total, balance, account };
    books.documents.insert(number.clone(), of("Invoice", sale, sale - books.received, String::new()));
    let receipts: Vec<&Transaction> = order.receipts().collect();
    for (one, amount) in receipts.iter().zip(shares(order, sale, receipts.iter().map(|one| one.amount))) {
        books.documents.insert(one.id.to_string(), of("Payment", amount, 0, account(company, one.gateway)));
    }
    // Refunds whose money has moved, in the order in which it was promised.
    let moved: Vec<(u64, Vec<&Transaction>)> = order
        .refunds
        .iter()
        .map(|one| (one.id, order.transactions_of(one.id).filter(|one| one.is_money_back()).collect()))
        .collect();
    let money = |back: &[&Transaction]| back.iter().map(|one| one.amount).sum::<Cents>();
    for ((id, back), amount) in moved.iter().zip(shares(order, sale, moved.iter().map(|(_, back)| money(back)))) {
        if back.is_empty() {
            continue;
        }
        let number = format!("{number}-R{id}");
        if company == Company::XeroUk {
            books.documents.insert(number, of("CreditNote", amount, 0, String::new()));
            let mut before = 0;
            let mut cumulated = 0;
            for one in back {
                cumulated += one.amount;
                let upto = share(amount, cumulated, money(back));
                let expected = of("Payment", upto - before, 0, account(company, one.gateway));
                books.documents.insert(one.id.to_string(), expected);
                before = upto;
            }
        } else {
            // One receipt for each account that the money leaves.
            let mut accounts: Vec<(String, Cents)> = Vec::new();
            let (mut before, mut cumulated) = (0, 0);
            for one in back {
                cumulated += one.amount;
                let upto = share(amount, cumulated, money(back));
                let account = account(company, one.gateway);
                match accounts.iter_mut().find(|(known, _)| *known == account) {
                    Some((_, part)) => *part += upto - before,
                    None => accounts.push((account, upto - before)),
                }
                before = upto;
            }
            for (at, (account, part)) in (1..).zip(accounts) {
                let number = if at == 1 { number.clone() } else { format!("R{id}-{at}") };
                books.documents.insert(number, of("RefundReceipt", part, 0, account));
            }
        }
    }
    books
}

/// Each amount's share of the sale: cumulated and rounded half up, so that together they are exact.
fn shares(order: &Order, sale: Cents, amounts: impl Iterator<Item = Cents>) -> Vec<Cents> {
    let (mut cumulated, mut before) = (0, 0);
    let mut next = |amount: Cents| {
        cumulated += amount;
        let upto = share(sale, cumulated, order.total());
        let part = upto - before;
        before = upto;
        part
    };
    amounts.map(&mut next).collect()
}
