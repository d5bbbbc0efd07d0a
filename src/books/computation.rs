//! How a ledger adds up a document, step by step: what is predicted before it is posted, and what a hold can show where
//! the two sides do not meet.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::document::{Itemised, TaxMode};
use super::money::{Currency, round_half_up};

/// A ledger's own arithmetic, carried out. Amounts in the document's currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Computation {
    /// How many lines.
    pub count: usize,
    /// What the lines come to.
    pub lines: Decimal,
    /// Whether the tax comes on top of them.
    pub mode: TaxMode,
    /// The tax, share by share.
    pub taxes: Vec<TaxShare>,
}

/// One step of the tax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxShare {
    /// What it was computed on, and how: `20 % of 83.33`.
    pub how: String,
    /// What it comes to.
    pub amount: Decimal,
}

impl TaxShare {
    /// `amount` as `rate` of `base`.
    pub fn of(base: Decimal, rate: Decimal, amount: Decimal, currency: Currency) -> Self {
        Self { how: format!("{} of {}", percent(rate), currency.plain(base)), amount }
    }
}

impl Computation {
    /// All tax.
    pub fn tax(&self) -> Decimal {
        self.taxes.iter().map(|share| share.amount).sum()
    }

    /// The document's total.
    pub fn total(&self) -> Decimal {
        match self.mode {
            TaxMode::Exclusive => self.lines + self.tax(),
            TaxMode::Inclusive => self.lines,
        }
    }

    /// The steps in words: `3 lines 100.00 + tax 20.00 (20 % of 100.00) = 120.00 USD`.
    pub fn show(&self, currency: Currency) -> String {
        const MOST: usize = 4;
        let shares: Vec<&str> = self.taxes.iter().take(MOST).map(|share| share.how.as_str()).collect();
        let more =
            if self.taxes.len() > MOST { format!(" and {} more", self.taxes.len() - MOST) } else { String::new() };
        let tax = currency.plain(self.tax());
        let (lines, total) = (currency.plain(self.lines), currency.show(self.total()));
        let noun = if self.count == 1 { "line" } else { "lines" };
        match (self.mode, shares.is_empty()) {
            (_, true) => format!("{} {noun} {lines} = {total}", self.count),
            (TaxMode::Exclusive, false) => {
                format!("{} {noun} {lines} + tax {tax} ({}{more}) = {total}", self.count, shares.join(", "))
            }
            (TaxMode::Inclusive, false) => {
                format!("{} {noun} {lines}, tax {tax} in it ({}{more}) = {total}", self.count, shares.join(", "))
            }
        }
    }
}

/// A rate as people write it: 0.2 is `20 %`.
pub fn percent(rate: Decimal) -> String {
    format!("{} %", (rate * Decimal::ONE_HUNDRED).normalize())
}

/// Digits behind the point to which a sum of quotients is exact: what division cuts off behind them must not turn a half.
const EXACT: u32 = 12;

/// The tax that is computed for each rate on the sum of its lines, rounded half up to `decimals`; of several rates on one
/// line each is computed by itself, two that are the same (a central and a state tax of 9 %) as well.
pub fn by_rate(document: &Itemised, currency: Currency, decimals: u32) -> Vec<TaxShare> {
    let mut taxes: BTreeMap<(Decimal, usize), (Decimal, Decimal)> = BTreeMap::new();
    for line in &document.lines {
        let amount = line.amount(currency);
        let divisor = if document.tax_mode == TaxMode::Inclusive { Decimal::ONE + line.tax.rate } else { Decimal::ONE };
        let rates = line.tax.components();
        for (at, rate) in rates.iter().enumerate() {
            let same = rates[..at].iter().filter(|one| *one == rate).count();
            let entry = taxes.entry((rate.normalize(), same)).or_default();
            entry.0 += amount;
            entry.1 += amount * rate / divisor;
        }
    }
    let share = |((rate, _), (base, tax))| {
        TaxShare::of(base, rate, round_half_up(round_half_up(tax, EXACT), decimals), currency)
    };
    taxes.into_iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::books::document::LineRole;
    use crate::books::{Line, LineTax};

    fn line(amount: &str, rates: [i64; 2]) -> Line {
        let rates = rates.map(|rate| Decimal::new(rate, 2)).to_vec();
        Line {
            role: LineRole::Sales,
            source: "line:1".into(),
            description: String::new(),
            more: Vec::new(),
            quantity: Decimal::ONE,
            unit_price: amount.parse().unwrap(),
            discount: Decimal::ZERO,
            account: "1".into(),
            tax: LineTax {
                amount: Decimal::ZERO,
                rate: rates.iter().sum(),
                rates,
                code: "24".into(),
                charged: None,
                apart: Vec::new(),
                assumed: false,
            },
        }
    }

    fn taxes(tax_mode: TaxMode, lines: Vec<Line>, currency: &str) -> Vec<String> {
        let body = Itemised {
            number: "S-1".into(),
            due_date: chrono::NaiveDate::default(),
            tax_mode,
            lines,
            tax_total: Decimal::ZERO,
            cash: None,
        };
        by_rate(&body, currency.parse().unwrap(), 2).iter().map(|share| share.amount.to_string()).collect()
    }

    /// 5 % within three times 5 (at 20 % in all) is 0.625 together, though no part of it ends.
    #[test]
    fn a_half_that_several_lines_make_is_rounded_up() {
        let lines = vec![line("5", [15, 5]), line("5", [15, 5]), line("5", [15, 5])];
        assert_eq!(taxes(TaxMode::Inclusive, lines, "JPY"), ["0.63", "1.88"]);
    }

    /// A central and a state tax of 9 % on 100.06 are 9.01 each (9.0054), not 18.01 together.
    #[test]
    fn two_taxes_of_the_same_rate_are_rounded_one_by_one() {
        let lines = vec![line("100.06", [9, 9])];
        assert_eq!(taxes(TaxMode::Exclusive, lines, "INR"), ["9.01", "9.01"]);
    }

    #[test]
    fn the_steps_can_be_read() {
        let usd: Currency = "USD".parse().unwrap();
        let d = |text: &str| text.parse::<Decimal>().unwrap();
        let share = TaxShare::of(d("100"), d("0.2"), d("20"), usd);
        let computed = Computation { count: 2, lines: d("105"), mode: TaxMode::Exclusive, taxes: vec![share] };
        assert_eq!(computed.show(usd), "2 lines 105.00 + tax 20.00 (20 % of 100.00) = 125.00 USD");
        let computed = Computation { mode: TaxMode::Inclusive, ..computed };
        assert_eq!((computed.total(), computed.tax()), (d("105"), d("20")));
        let computed = Computation { count: 1, taxes: Vec::new(), ..computed };
        assert_eq!(computed.show(usd), "1 line 105.00 = 105.00 USD");
    }
}
