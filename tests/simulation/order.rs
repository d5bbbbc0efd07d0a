//! An order in the simulated shop, as Shopify keeps it: what was sold, what was paid, what came back. Amounts are in the
//! buyer's currency; the identities of facts/shopify §2.3 hold by construction.

use chrono::{DateTime, Utc};

use crate::money::{Cents, share};

/// The currencies of an order, and how many of the shop's minor units a thousand of the buyer's are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Currencies {
    pub shop: &'static str,
    pub buyer: &'static str,
    pub rate: i64,
}

impl Currencies {
    /// Shop and buyer use the same.
    pub fn one(code: &'static str) -> Self {
        Self { shop: code, buyer: code, rate: 1000 }
    }

    /// The buyer's amount in the shop's currency; Shopify converts every amount by itself.
    pub fn shop_side(self, amount: Cents) -> Cents {
        if amount < 0 { -share(-amount, self.rate, 1000) } else { share(amount, self.rate, 1000) }
    }
}

#[derive(Debug, Clone)]
pub struct Customer {
    pub id: u64,
    pub first_name: String,
    pub last_name: String,
    pub email: String,
}

/// A line of goods. `back` of its `quantity` units were given back or taken off again.
#[derive(Debug, Clone)]
pub struct Line {
    pub id: u64,
    pub title: String,
    pub price: Cents,
    pub quantity: i64,
    pub discount: Cents,
    /// Basis points; `None` without any tax line.
    pub tax_rate: Option<i64>,
    pub tax: Cents,
    pub back: i64,
}

impl Line {
    /// After discounts.
    pub fn amount(&self) -> Cents {
        self.price * self.quantity - self.discount
    }

    /// The share of `amount` (of the whole line) that the next `units` to come back carry; together always exact.
    pub fn next_back(&self, amount: Cents, units: i64) -> Cents {
        share(amount, self.back + units, self.quantity) - share(amount, self.back, self.quantity)
    }

    /// What is left of `amount` of the whole line.
    pub fn left(&self, amount: Cents) -> Cents {
        amount - share(amount, self.back, self.quantity)
    }
}

/// Delivery.
#[derive(Debug, Clone)]
pub struct Shipping {
    pub title: String,
    pub price: Cents,
    pub tax_rate: Option<i64>,
    pub tax: Cents,
    pub is_refunded: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sale,
    Authorization,
    Capture,
    Refund,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Success,
    Pending,
    Failure,
}

/// Money that moved, or tried to.
#[derive(Debug, Clone)]
pub struct Transaction {
    pub id: u64,
    pub kind: Kind,
    pub status: Status,
    pub amount: Cents,
    pub gateway: &'static str,
    pub at: DateTime<Utc>,
    /// Of which refund it is part.
    pub refund: Option<u64>,
}

impl Transaction {
    pub fn is_receipt(&self) -> bool {
        self.status == Status::Success && matches!(self.kind, Kind::Sale | Kind::Capture)
    }

    pub fn is_money_back(&self) -> bool {
        self.status == Status::Success && self.kind == Kind::Refund
    }
}

/// Units of a line that a refund takes back, with their share of price and tax.
#[derive(Debug, Clone)]
pub struct Returned {
    pub line: usize,
    pub quantity: i64,
    pub subtotal: Cents,
    pub tax: Cents,
}

/// A refund; its money is in the order's transactions. One without any says what an edit took off.
#[derive(Debug, Clone)]
pub struct Refund {
    pub id: u64,
    pub at: DateTime<Utc>,
    pub lines: Vec<Returned>,
    /// True if it gives the delivery back too.
    pub shipping: bool,
    /// True if it only says what an edit took off: no money moves.
    pub is_of_an_edit: bool,
}

#[derive(Debug, Clone)]
pub struct Order {
    pub id: u64,
    pub number: u64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub cancelled_at: Option<DateTime<Utc>>,
    pub customer: Option<Customer>,
    pub currencies: Currencies,
    pub taxes_included: bool,
    pub lines: Vec<Line>,
    pub shipping: Option<Shipping>,
    pub transactions: Vec<Transaction>,
    pub refunds: Vec<Refund>,
    /// True once goods were added or taken off.
    pub is_edited: bool,
}

impl Order {
    /// The same order in a shop that keeps the buyer's currency.
    pub fn in_the_buyers_currency(&self) -> Self {
        Self { currencies: Currencies::one(self.currencies.buyer), ..self.clone() }
    }

    pub fn subtotal(&self) -> Cents {
        self.lines.iter().map(Line::amount).sum()
    }

    pub fn discounts(&self) -> Cents {
        self.lines.iter().map(|line| line.discount).sum()
    }

    pub fn tax(&self) -> Cents {
        let shipping = self.shipping.as_ref().map_or(0, |one| one.tax);
        self.lines.iter().map(|line| line.tax).sum::<Cents>() + shipping
    }

    fn tax_on_top(&self, tax: Cents) -> Cents {
        if self.taxes_included { 0 } else { tax }
    }

    /// `total_price`: what was ever ordered. It grows with additions and never shrinks (facts §0.4).
    pub fn total(&self) -> Cents {
        let shipping = self.shipping.as_ref().map_or(0, |one| one.price);
        self.subtotal() + shipping + self.tax_on_top(self.tax())
    }

    /// `current_total_price`: without what came back or was taken off.
    pub fn current_total(&self) -> Cents {
        self.current_subtotal() + self.current_shipping() + self.tax_on_top(self.current_tax())
    }

    pub fn current_subtotal(&self) -> Cents {
        self.lines.iter().map(|line| line.left(line.amount())).sum()
    }

    pub fn current_shipping(&self) -> Cents {
        self.shipping.as_ref().filter(|one| !one.is_refunded).map_or(0, |one| one.price)
    }

    pub fn current_tax(&self) -> Cents {
        let shipping = self.shipping.as_ref().filter(|one| !one.is_refunded).map_or(0, |one| one.tax);
        self.lines.iter().map(|line| line.left(line.tax)).sum::<Cents>() + shipping
    }

    pub fn receipts(&self) -> impl Iterator<Item = &Transaction> {
        self.transactions.iter().filter(|one| one.is_receipt())
    }

    pub fn received(&self) -> Cents {
        self.receipts().map(|one| one.amount).sum()
    }

    pub fn returned(&self) -> Cents {
        self.transactions.iter().filter(|one| one.is_money_back()).map(|one| one.amount).sum()
    }

    /// Money on its way back, moved or not.
    pub fn promised_back(&self) -> Cents {
        let open = |one: &&Transaction| one.kind == Kind::Refund && one.status != Status::Failure;
        self.transactions.iter().filter(open).map(|one| one.amount).sum()
    }

    /// Units that neither came back nor were taken off.
    pub fn units(&self) -> i64 {
        self.lines.iter().map(|line| line.quantity - line.back).sum()
    }

    /// What was received for goods that were taken off again, and is not promised back yet.
    pub fn owed_to_the_buyer(&self) -> Cents {
        if self.cancelled_at.is_some() {
            return 0;
        }
        (self.received() - self.promised_back() - self.current_total()).max(0)
    }

    /// What the buyer still owes.
    pub fn outstanding(&self) -> Cents {
        if self.cancelled_at.is_some() {
            return 0;
        }
        (self.current_total() - (self.received() - self.returned())).max(0)
    }

    pub fn is_paid(&self) -> bool {
        self.received() > 0 && self.outstanding() == 0
    }

    pub fn financial_status(&self) -> &'static str {
        let (received, returned) = (self.received(), self.returned());
        match () {
            () if received == 0 && self.cancelled_at.is_some() => "voided",
            () if received == 0 => "pending",
            () if returned >= received => "refunded",
            () if returned > 0 => "partially_refunded",
            () if self.outstanding() > 0 => "partially_paid",
            () => "paid",
        }
    }

    /// The gateways that took part, in the order of their first appearance.
    pub fn gateways(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for one in &self.transactions {
            if !names.contains(&one.gateway) {
                names.push(one.gateway);
            }
        }
        names
    }

    pub fn transactions_of(&self, refund: u64) -> impl Iterator<Item = &Transaction> {
        self.transactions.iter().filter(move |one| one.refund == Some(refund))
    }
}
