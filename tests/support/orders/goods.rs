//! What is sold and how it is priced: lines, discounts and their shares, taxes (facts/shopify §2.3).

use std::collections::BTreeMap;

use super::plan::{Discount, Kind, Line, Rates, Shipping, Tax, Tip};
use super::till::Till;

/// `amount × numerator ÷ denominator`, half up.
pub(super) fn part(amount: i64, numerator: i64, denominator: i64) -> i64 {
    if denominator == 0 {
        return 0;
    }
    let (amount, denominator) = (i128::from(amount) * i128::from(numerator), i128::from(denominator));
    let rounded = (2 * amount.abs() + denominator) / (2 * denominator);
    i64::try_from(rounded).unwrap() * if amount < 0 { -1 } else { 1 }
}

#[derive(Debug, Clone)]
pub(super) struct TaxLine {
    pub title: &'static str,
    /// In ten-thousandths.
    pub rate: i64,
    pub amount: i64,
    pub marketplace: bool,
}

/// The seller's tax by the rates that are charged together, in ten-thousandths.
pub(super) type ByRates = BTreeMap<Vec<i64>, i64>;

/// The seller's tax of each part of something that bears its own rates; the two of State and County are one part's.
pub(super) fn by_rates(taxes: &[TaxLine]) -> ByRates {
    let own = || taxes.iter().filter(|tax| !tax.marketplace);
    let mut found = ByRates::new();
    let together: Vec<i64> =
        own().filter(|tax| tax.title.contains("State") || tax.title.contains("County")).map(|tax| tax.rate).collect();
    for tax in own() {
        let rates = if together.is_empty() { vec![tax.rate] } else { together.clone() };
        *found.entry(rates).or_default() += tax.amount;
    }
    found
}

/// Adds amounts to those that there are.
pub(super) fn add(sums: &mut ByRates, more: impl IntoIterator<Item = (Vec<i64>, i64)>) {
    for (rates, amount) in more {
        *sums.entry(rates).or_default() += amount;
    }
}

#[derive(Debug, Clone)]
pub(super) struct Item {
    pub id: u64,
    pub kind: Kind,
    pub is_tip: bool,
    pub price: i64,
    pub quantity: i64,
    /// Left after edits and returns.
    pub current: i64,
    /// Discount application and amount.
    pub allocations: Vec<(usize, i64)>,
    pub tax: Tax,
    pub taxes: Vec<TaxLine>,
}

impl Item {
    pub fn net(&self) -> i64 {
        self.price * self.quantity - self.allocations.iter().map(|(_, amount)| amount).sum::<i64>()
    }

    pub fn tax_total(&self) -> i64 {
        self.taxes.iter().map(|tax| tax.amount).sum()
    }

    /// True if its tax is the marketplace's business.
    pub fn is_remitted(&self) -> bool {
        self.taxes.iter().any(|tax| tax.marketplace)
    }

    /// Share of the price and of the tax of the next `units` that leave the order: with all before them they make up
    /// exactly what was charged.
    pub fn share(&self, units: i64) -> (i64, i64) {
        let gone = self.quantity - self.current;
        let of = |whole| part(whole, gone + units, self.quantity) - part(whole, gone, self.quantity);
        (of(self.net()), of(self.tax_total()))
    }
}

#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub id: u64,
    pub price: i64,
    pub allocations: Vec<(usize, i64)>,
    pub taxes: Vec<TaxLine>,
    pub removed: bool,
    /// Given back so far, without tax.
    pub returned: i64,
}

impl Delivery {
    pub fn net(&self) -> i64 {
        self.price - self.allocations.iter().map(|(_, amount)| amount).sum::<i64>()
    }

    pub fn tax_total(&self) -> i64 {
        self.taxes.iter().map(|tax| tax.amount).sum()
    }
}

impl Till<'_> {
    pub(super) fn fill(&mut self) {
        for line in &self.plan.lines {
            let item = self.item(line);
            self.items.push(item);
        }
        self.discount_all(self.plan.discount);
        for shipping in &self.plan.shipping {
            let delivery = self.delivery(shipping);
            self.shipping.push(delivery);
        }
        match self.plan.tip {
            Tip::None => {}
            Tip::Total(amount) => self.tip = amount,
            Tip::Line(amount) => {
                self.tip = amount;
                let tip =
                    Line { kind: Kind::Custom, price: amount, quantity: 1, tax: Tax::None, discount: Discount::None };
                let item = Item { is_tip: true, ..self.item(&tip) };
                self.items.push(item);
            }
        }
        self.tax_all();
    }

    pub(super) fn item(&mut self, line: &Line) -> Item {
        let mut item = Item {
            id: 56_000_000_090_000 + self.id(),
            kind: line.kind,
            is_tip: false,
            price: line.price,
            quantity: line.quantity,
            current: line.quantity,
            allocations: Vec::new(),
            tax: line.tax,
            taxes: Vec::new(),
        };
        let amount = off(line.discount, item.net());
        if amount > 0 {
            let application = self.application("Line offer", "line_item");
            item.allocations.push((application, amount));
        }
        item
    }

    pub(super) fn delivery(&mut self, shipping: &Shipping) -> Delivery {
        let mut delivery = Delivery {
            id: 57_000_000_090_000 + self.id(),
            price: shipping.price,
            allocations: Vec::new(),
            taxes: Vec::new(),
            removed: shipping.removed,
            returned: 0,
        };
        let amount = off(shipping.discount, delivery.price);
        if amount > 0 {
            let application = self.application("Delivery offer", "shipping_line");
            delivery.allocations.push((application, amount));
        }
        delivery.taxes = self.taxes(shipping.tax, delivery.net());
        delivery
    }

    pub(super) fn application(&mut self, title: &'static str, target: &'static str) -> usize {
        self.applications.push((title, target));
        self.applications.len() - 1
    }

    /// An order's discount: each line's share is floored, and what is left over goes to the first lines (§2.3).
    pub(super) fn discount_all(&mut self, discount: Discount) {
        let takes_part = |item: &Item| item.kind != Kind::GiftCard && !item.is_tip && item.net() > 0;
        let whole: i64 = self.items.iter().filter(|item| takes_part(item)).map(Item::net).sum();
        let amount = off(discount, whole);
        if amount == 0 {
            return;
        }
        let application = self.application("ORDER", "line_item");
        let weights: Vec<i64> = self.items.iter().map(|item| if takes_part(item) { item.net() } else { 0 }).collect();
        let mut shares: Vec<i64> = weights
            .iter()
            .map(|weight| i64::try_from(i128::from(amount) * i128::from(*weight) / i128::from(whole)).unwrap())
            .collect();
        let mut left = amount - shares.iter().sum::<i64>();
        for (share, weight) in shares.iter_mut().zip(&weights) {
            if left > 0 && *share < *weight {
                *share += 1;
                left -= 1;
            }
        }
        for (item, share) in self.items.iter_mut().zip(shares) {
            if share > 0 {
                item.allocations.push((application, share));
            }
        }
    }

    pub(super) fn tax_all(&mut self) {
        for index in 0..self.items.len() {
            self.items[index].taxes = self.taxes(self.items[index].tax, self.items[index].net());
        }
    }

    /// Each tax of a line, rounded by itself.
    pub(super) fn taxes(&self, tax: Tax, net: i64) -> Vec<TaxLine> {
        let is_australian = self.plan.rates == Rates::Australian;
        if let Tax::Mixed(share) = tax {
            let (full, reduced) = if is_australian { (Tax::Twenty, Tax::ZeroRated) } else { (Tax::Twenty, Tax::Five) };
            let part = part(net, share, 1000);
            return [self.taxes(full, part), self.taxes(reduced, net - part)].concat();
        }
        let rates: &[(&str, i64, bool)] = match tax {
            Tax::None | Tax::Mixed(_) => &[],
            Tax::Five if is_australian => &[],
            Tax::Twenty | Tax::FifteenAndFive if is_australian => &[("GST", 1_000, false)],
            Tax::Marketplace if is_australian => &[("GST", 1_000, true)],
            Tax::ZeroRated => &[("Zero rate", 0, false)],
            Tax::Exempt => return vec![TaxLine { title: "VAT", rate: 2_000, amount: 0, marketplace: false }],
            Tax::Twenty => &[("VAT", 2_000, false)],
            Tax::Five => &[("Reduced VAT", 500, false)],
            Tax::FifteenAndFive => &[("State Tax", 1_500, false), ("County Tax", 500, false)],
            Tax::Marketplace => &[("Marketplace Tax", 2_000, true)],
        };
        let all: i64 = rates.iter().map(|(_, rate, _)| rate).sum();
        let base = if self.plan.taxes_included { 10_000 + all } else { 10_000 };
        rates
            .iter()
            .map(|&(title, rate, marketplace)| TaxLine { title, rate, amount: part(net, rate, base), marketplace })
            .collect()
    }
}

fn off(discount: Discount, whole: i64) -> i64 {
    match discount {
        Discount::None => 0,
        Discount::Percent(percent) => part(whole, percent, 100),
        Discount::Fixed(share) => part(whole, share, 1000).min(whole),
    }
}
