//! What is bought: goods with discounts, taxes and delivery, by regulars, namesakes and guests.

use chrono::{DateTime, Utc};

use crate::chance::Dice;
use crate::life::Shop;
use crate::money::{allocate, tax};
use crate::order::{Currencies, Customer, Line, Order, Shipping};

/// A new order; nothing of it is paid.
pub fn order(dice: &Dice, shop: &Shop, index: u64, created_at: DateTime<Utc>) -> Order {
    let taxes_included = shop.may_include_tax && dice.percent(40);
    let rates = rates(shop.currency);
    let id = 5_600_000_001_000 + index;
    let mut lines: Vec<Line> = (0..=dice.below(4)).map(|at| line(dice, id * 10 + at, rates)).collect();
    discount(dice, &mut lines);
    for line in &mut lines {
        line.tax = line.tax_rate.map_or(0, |rate| tax(line.amount(), rate, taxes_included));
    }
    let shipping = dice.percent(70).then(|| {
        let price = *dice.pick(&[0, 490, 695, 1250]);
        let tax_rate = *dice.pick(rates);
        let tax = tax_rate.map_or(0, |rate| tax(price, rate, taxes_included));
        Shipping { title: "Standard".into(), price, tax_rate, tax, is_refunded: false }
    });
    Order {
        id,
        number: 1001 + index,
        created_at,
        updated_at: created_at,
        cancelled_at: None,
        customer: customer(dice),
        currencies: currencies(dice, shop.currency),
        taxes_included,
        lines,
        shipping,
        transactions: Vec::new(),
        refunds: Vec::new(),
        is_edited: false,
    }
}

/// What bears tax in a shop of that currency, and how much: basis points.
fn rates(shop: &str) -> &'static [Option<i64>] {
    match shop {
        "USD" => &[Some(825), Some(600), None],
        _ => &[Some(2000), Some(2000), Some(500), None],
    }
}

/// A line that is added to an order.
pub fn added(dice: &Dice, order: &Order) -> Line {
    let id = order.id * 10 + order.lines.len() as u64;
    let mut line = line(dice, id, rates(order.currencies.shop));
    line.tax = line.tax_rate.map_or(0, |rate| tax(line.amount(), rate, order.taxes_included));
    line
}

fn line(dice: &Dice, id: u64, rates: &[Option<i64>]) -> Line {
    let titles =
        ["T-shirt - M", "Cap", "Mug \u{1F680} large", "Socks <3 & more", "\u{5E9}\u{5DC}\u{5D5}\u{5DD} poster"];
    Line {
        id,
        title: (*dice.pick(&titles)).to_owned(),
        price: if dice.percent(5) { 0 } else { dice.between(99, 19_999) },
        quantity: dice.between(1, 3),
        discount: 0,
        tax_rate: *dice.pick(rates),
        tax: 0,
        back: 0,
    }
}

/// None, one on the whole order, or a percentage on one line.
fn discount(dice: &Dice, lines: &mut [Line]) {
    let worth = |line: &Line| line.price * line.quantity;
    match dice.below(4) {
        0 => {
            let weights: Vec<_> = lines.iter().map(worth).collect();
            let most = weights.iter().sum::<i64>() / 2;
            let shares = allocate(dice.between(0, most.min(5000)), &weights);
            lines.iter_mut().zip(shares).for_each(|(line, share)| line.discount = share);
        }
        1 => lines[0].discount = worth(&lines[0]) / 10,
        _ => {}
    }
}

/// Mostly the shop's own currency; else another one at a crooked rate.
fn currencies(dice: &Dice, shop: &'static str) -> Currencies {
    if dice.percent(75) {
        return Currencies::one(shop);
    }
    let (buyer, rate) = if shop == "USD" { ("EUR", 1084) } else { ("EUR", 857) };
    Currencies { shop, buyer, rate }
}

fn customer(dice: &Dice) -> Option<Customer> {
    let (id, first_name, last_name) = *dice.pick(&[
        (8001, "Jane", "Doe"),
        (8001, "Jane", "Doe"),
        // A namesake, a name that no ledger takes as it is, and one that is empty.
        (8002, "Jane", "Doe"),
        (8003, "Zo\u{EB}: \u{1F600}", "O'Neil\t<Ltd>"),
        (8004, "", ""),
        (0, "", ""),
    ]);
    (id != 0).then(|| Customer {
        id: 8_000_000_000_000 + id,
        first_name: first_name.into(),
        last_name: last_name.into(),
        email: format!("buyer{id}@example.com"),
    })
}
