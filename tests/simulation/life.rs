//! A shop's life: orders are made, paid, cancelled and refunded at random times, and Shopify tells of each step with the
//! webhooks that it would send. A life is decided before anything of it is delivered: no mishap changes it.

use chrono::{DateTime, Duration, Utc};

use crate::body;
use crate::chance::Dice;
use crate::goods;
use crate::money::Cents;
use crate::order::{Kind, Order, Refund, Returned, Status, Transaction};

/// One webhook, as Shopify means to send it.
pub struct Webhook {
    pub at: DateTime<Utc>,
    pub order: usize,
    pub topic: &'static str,
    pub body: String,
    /// True if another webhook that comes for certain says the same: this one may be lost for good.
    pub may_be_lost: bool,
}

/// What the shop was, is and told.
pub struct Life {
    /// The orders as they end.
    pub orders: Vec<Order>,
    pub webhooks: Vec<Webhook>,
}

/// How many orders, over how long, in which currency.
pub struct Shop {
    pub currency: &'static str,
    pub orders: u64,
    pub span: Duration,
    pub start: DateTime<Utc>,
    /// Whether prices may contain their tax (not in the United States).
    pub may_include_tax: bool,
}

pub fn live(dice: &Dice, shop: &Shop) -> Life {
    let mut life = Life { orders: Vec::new(), webhooks: Vec::new() };
    for index in 0..shop.orders {
        let created_at = shop.start + dice.seconds(0, shop.span.num_seconds());
        let mut story = Story {
            dice,
            order: goods::order(dice, shop, index, created_at),
            index: life.orders.len(),
            now: created_at,
            ids: 0,
            webhooks: Vec::new(),
        };
        story.tell();
        let Story { order, mut webhooks, .. } = story;
        // The last whole snapshot always comes: it covers every earlier one, and every refund.
        let last = webhooks.iter().rposition(|one| one.topic.starts_with("orders/")).unwrap();
        for (at, webhook) in webhooks.iter_mut().enumerate() {
            let only_transactions_know = webhook.topic == "order_transactions/create";
            webhook.may_be_lost = at < last && (!only_transactions_know || is_inferable(&order));
        }
        life.orders.push(order);
        life.webhooks.extend(webhooks);
    }
    life.webhooks.sort_by_key(|one| one.at);
    life
}

/// Transactions stand in no order's body. Where one of them is lost, the payment can be inferred only if one gateway
/// took it all at once and nothing of it went back later.
fn is_inferable(order: &Order) -> bool {
    order.gateways().len() == 1 && order.is_paid() && order.receipts().count() == 1 && order.refunds.is_empty()
}

struct Story<'a> {
    dice: &'a Dice,
    order: Order,
    index: usize,
    now: DateTime<Utc>,
    ids: u64,
    webhooks: Vec<Webhook>,
}

impl Story<'_> {
    fn tell(&mut self) {
        match self.dice.below(10) {
            0..=4 => {
                self.pay_all(Kind::Sale);
                self.announce("orders/create");
                self.announce("orders/paid");
            }
            5..=6 => {
                self.announce("orders/create");
                self.transaction(Kind::Authorization, Status::Success, self.order.total(), "shopify_payments", None);
                self.later(5, 36_000);
                self.pay_all(Kind::Capture);
                self.announce("orders/paid");
            }
            _ => {
                self.announce("orders/create");
                self.later(60, 36_000);
                self.settle_slowly();
            }
        }
        while self.order.is_paid() && self.dice.percent(15) {
            self.later(30, 60_000);
            self.edit();
            self.settle_the_edit();
        }
        while self.order.is_paid() && self.dice.percent(30) {
            self.later(30, 60_000);
            self.refund();
        }
        if self.order.is_paid() && self.order.returned() == self.order.received() && self.dice.percent(50) {
            self.later(1, 1);
            self.cancel();
        }
        if self.dice.percent(40) {
            self.later(1, 20_000);
            self.announce("orders/updated");
        }
    }

    /// An order that was not paid at once: paid in parts, abandoned, or cancelled.
    fn settle_slowly(&mut self) {
        while self.dice.percent(25) {
            self.edit();
            self.later(5, 20_000);
        }
        match self.dice.below(8) {
            0 => {}
            1 | 2 => self.cancel(),
            _ => {
                while self.order.outstanding() > 0 && self.dice.percent(90) {
                    if self.dice.percent(15) {
                        self.transaction(
                            Kind::Sale,
                            Status::Failure,
                            self.order.outstanding(),
                            "shopify_payments",
                            None,
                        );
                    }
                    let part = match self.dice.below(3) {
                        0 => (self.order.outstanding() / 3).max(1),
                        _ => self.order.outstanding(),
                    };
                    let gateway = self.gateway();
                    self.transaction(Kind::Sale, Status::Success, part, gateway, None);
                    self.announce(if self.order.outstanding() == 0 { "orders/paid" } else { "orders/updated" });
                    self.later(30, 40_000);
                    if self.dice.percent(10) {
                        self.edit();
                        self.later(30, 40_000);
                    }
                }
            }
        }
    }

    /// Goods are added, or units of them taken off. The last unit stays: whoever wants nothing cancels.
    fn edit(&mut self) {
        if self.dice.percent(50) && self.order.units() > 1 {
            self.take_off();
        } else {
            let line = goods::added(self.dice, &self.order);
            self.order.lines.push(line);
        }
        self.order.is_edited = true;
        let id = self.id(77_000_000_000);
        let body = body::order_edit(&self.order, id, self.now);
        self.send("orders/edited", body);
        self.announce("orders/updated");
    }

    fn take_off(&mut self) {
        let most = self.order.units() - 1;
        let there: Vec<usize> = (0..self.order.lines.len())
            .filter(|&index| self.order.lines[index].back < self.order.lines[index].quantity)
            .collect();
        let index = *self.dice.pick(&there);
        let line = &mut self.order.lines[index];
        let units = self.dice.between(1, (line.quantity - line.back).min(most));
        let (subtotal, tax) = (line.next_back(line.amount(), units), line.next_back(line.tax, units));
        line.back += units;
        let lines = vec![Returned { line: index, quantity: units, subtotal, tax }];
        let id = self.id(9_200_000_000_000);
        self.order.refunds.push(Refund { id, at: self.now, lines, shipping: false, is_of_an_edit: true });
    }

    /// What was added is paid, what was taken off is given back; or not.
    fn settle_the_edit(&mut self) {
        if self.dice.percent(25) {
            return;
        }
        let (due, owed) = (self.order.outstanding(), self.order.owed_to_the_buyer());
        if due > 0 {
            self.later(30, 40_000);
            let gateway = self.gateway();
            self.transaction(Kind::Sale, Status::Success, due, gateway, None);
            self.announce("orders/paid");
        } else if owed > 0 {
            self.later(30, 40_000);
            self.give_back(Vec::new(), false, owed);
        }
    }

    fn gateway(&self) -> &'static str {
        self.dice.pick::<&str>(&["shopify_payments", "shopify_payments", "paypal", "gift_card"])
    }

    /// Everything at once, through one gateway or two.
    fn pay_all(&mut self, kind: Kind) {
        let owed = self.order.outstanding();
        if kind == Kind::Sale && owed > 200 && self.dice.percent(15) {
            self.transaction(kind, Status::Success, owed / 3, "gift_card", None);
        }
        self.transaction(kind, Status::Success, self.order.outstanding(), "shopify_payments", None);
    }

    fn cancel(&mut self) {
        self.order.cancelled_at = Some(self.now);
        for line in &mut self.order.lines {
            line.back = line.quantity;
        }
        if let Some(shipping) = &mut self.order.shipping {
            shipping.is_refunded = true;
        }
        self.announce("orders/cancelled");
    }

    /// A refund of some units, perhaps of the delivery, perhaps of everything that is left. Its money may take a while.
    fn refund(&mut self) {
        let left = self.order.received() - self.order.promised_back();
        if left <= 0 {
            return;
        }
        let everything = self.dice.percent(35);
        let mut lines = Vec::new();
        for (index, line) in self.order.lines.iter_mut().enumerate() {
            let units = line.quantity - line.back;
            let units = if everything { units } else { self.dice.between(0, units) };
            if units > 0 {
                let (subtotal, tax) = (line.next_back(line.amount(), units), line.next_back(line.tax, units));
                line.back += units;
                lines.push(Returned { line: index, quantity: units, subtotal, tax });
            }
        }
        let shipping = self.order.shipping.as_mut().filter(|one| !one.is_refunded);
        let with_shipping = shipping.is_some() && (everything || self.dice.percent(20));
        let mut money: Cents = lines.iter().map(|one| one.subtotal).sum();
        let mut tax: Cents = lines.iter().map(|one| one.tax).sum();
        if let Some(shipping) = shipping.filter(|_| with_shipping) {
            shipping.is_refunded = true;
            money += shipping.price;
            tax += shipping.tax;
        }
        money += if self.order.taxes_included { 0 } else { tax };
        if money == 0 {
            return;
        }
        self.give_back(lines, with_shipping, money);
    }

    /// A refund, and its money.
    fn give_back(&mut self, lines: Vec<Returned>, shipping: bool, money: Cents) {
        let id = self.id(9_200_000_000_000);
        self.order.refunds.push(Refund { id, at: self.now, lines, shipping, is_of_an_edit: false });
        let pending = self.dice.percent(25);
        self.money_back(id, money, if pending { Status::Pending } else { Status::Success });
        let body = body::refund(&self.order, self.order.refunds.last().unwrap());
        self.send("refunds/create", body);
        self.announce("orders/updated");
        if pending {
            self.later(60, 90_000);
            self.money_arrives(id);
        }
    }

    /// The money of a refund, from the gateways that hold it.
    fn money_back(&mut self, refund: u64, mut money: Cents, status: Status) {
        for gateway in self.order.gateways() {
            let of = |one: &&Transaction| one.gateway == gateway;
            let came: Cents = self.order.receipts().filter(of).map(|one| one.amount).sum();
            let back = |one: &&Transaction| of(one) && one.kind == Kind::Refund && one.status != Status::Failure;
            let went: Cents = self.order.transactions.iter().filter(back).map(|one| one.amount).sum();
            let part = money.min(came - went);
            if part > 0 {
                self.transaction(Kind::Refund, status, part, gateway, Some(refund));
                money -= part;
            }
        }
        assert_eq!(money, 0, "no more goes back than came");
    }

    fn money_arrives(&mut self, refund: u64) {
        let mut told = Vec::new();
        for one in self.order.transactions.iter_mut().filter(|one| one.refund == Some(refund)) {
            one.status = Status::Success;
            told.push(one.clone());
        }
        for one in told {
            let body = body::transaction(&self.order, &one);
            self.send("order_transactions/create", body);
        }
        self.announce("orders/updated");
    }

    fn transaction(&mut self, kind: Kind, status: Status, amount: Cents, gateway: &'static str, refund: Option<u64>) {
        if amount == 0 {
            return;
        }
        let id = self.id(6_700_000_000_000);
        let one = Transaction { id, kind, status, amount, gateway, at: self.now, refund };
        let body = body::transaction(&self.order, &one);
        self.order.transactions.push(one);
        // Shopify tells of transactions that ended only.
        if status != Status::Pending {
            self.send("order_transactions/create", body);
        }
    }

    fn id(&mut self, first: u64) -> u64 {
        self.ids += 1;
        first + self.order.number * 100 + self.ids
    }

    fn later(&mut self, least: i64, most: i64) {
        self.now += self.dice.seconds(least, most);
    }

    /// A whole snapshot, a second or more after the one before: `updated_at` grows.
    fn announce(&mut self, topic: &'static str) {
        self.later(1, 3);
        self.order.updated_at = self.now;
        let body = body::order(&self.order);
        self.send(topic, body);
    }

    fn send(&mut self, topic: &'static str, body: serde_json::Value) {
        let (at, order, body) = (self.now, self.index, body.to_string());
        self.webhooks.push(Webhook { at, order, topic, body, may_be_lost: false });
    }
}
