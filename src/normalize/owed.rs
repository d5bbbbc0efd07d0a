//! What the buyer is owed before a refund pays it: goods that were taken off without money, a price that fell after it was
//! paid, what an exchange left over, money beyond the total. Each refund, the oldest first, settles of it what its money
//! comes to beyond its own lines, and what one refund settled is no longer owed to the next.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::Case;
use super::credit_lines::again;
use super::currency::{booked_amount, buyers_amount, conversion_bound, is_converted};
use super::inferred::outstanding;
use super::lines::{sum, tax_mode};
use super::refunds::booked_refunds;
use super::returns::{Returned, Returns, Taken, taken};
use super::rounding::bound;
use super::sale::Target;
use super::tax::{another_rate, title};
use crate::books::document::{Itemised, Line, LineRole, LineTax, TaxMode};
use crate::books::hold::Hold;
use crate::config::TaxBooking;
use crate::shopify::money::Side;

/// The source of a credit's line that settles what an exchange left in the sale, before the colon.
const EXCHANGED: &str = "exchanged";

/// The beginning of the source of a credit's line that pays back what the price fell, and of that of its tax.
pub(super) const LOWERED: &str = "lowered:";

/// Lines that are of no goods.
const CLOSING: [LineRole; 4] = [LineRole::Rounding, LineRole::RefundDifferences, LineRole::Overpayments, LineRole::Tax];

/// Goods that were taken off after they were paid for, by a return without money or an edit.
#[derive(Clone)]
pub(super) struct Goods<'a, 'b> {
    /// The return, where it was one.
    pub returned: Option<&'b Returned<'a>>,
    /// What they come to, tax included, in the buyer's currency.
    pub value: Decimal,
    /// Line by line.
    pub taken: Vec<Taken<'a>>,
    /// How much of it was paid back so far.
    paid: Decimal,
}

impl<'a, 'b> Goods<'a, 'b> {
    fn new(returned: Option<&'b Returned<'a>>, value: Decimal, taken: Vec<Taken<'a>>) -> Self {
        Self { returned, value, taken, paid: Decimal::ZERO }
    }

    fn left(&self) -> Decimal {
        self.value - self.paid
    }

    /// True if they came back after the refund.
    fn is_later_than(&self, refund: &Returned<'_>) -> bool {
        self.returned.is_some_and(|one| one.refund.at() > refund.refund.at())
    }

    /// Pays `amount` of what is left: that part of the goods, each with its part of the tax.
    fn pay(&mut self, case: &Case<'_>, amount: Decimal) -> Self {
        let (before, after) = (self.upto(case, self.paid), self.upto(case, self.paid + amount));
        self.paid += amount;
        let parts = self.taken.iter().zip(before.into_iter().zip(after));
        let taken = parts.map(|(one, (before, after))| Taken {
            with_tax: after.0 - before.0,
            tax: after.1 - before.1,
            ..one.clone()
        });
        Self { value: amount, taken: taken.collect(), ..self.clone() }
    }

    /// What of each line, and of its tax, is paid back once `paid` is: rounded half up, together exactly `paid`.
    fn upto(&self, case: &Case<'_>, paid: Decimal) -> Vec<(Decimal, Decimal)> {
        let currency = case.order.presentment_currency();
        let part = |amount: Decimal, of: Decimal, whole: Decimal| {
            if of == whole || whole.is_zero() { amount } else { currency.round(amount * of / whole) }
        };
        let (mut cumulated, mut placed) = (Decimal::ZERO, Decimal::ZERO);
        let one = |one: &Taken<'_>| {
            cumulated += one.with_tax;
            let share = part(paid, cumulated, self.value) - placed;
            placed += share;
            (share, part(one.tax, share, one.with_tax))
        };
        self.taken.iter().map(one).collect()
    }
}

/// What no refund paid yet, as booked.
pub(super) struct Unpaid {
    pub amount: Decimal,
    /// The tax in it.
    pub tax: Decimal,
    /// True if it is more than what converting amounts one by one may leave.
    pub is_certain: bool,
}

/// What the buyer is owed.
pub(super) struct Owed<'a, 'b> {
    goods: Vec<Goods<'a, 'b>>,
    /// By what the price fell, as lines of a credit.
    lowered: Vec<Line>,
    /// What was exchanged, or removed and not refunded then, and stands in the sale as a difference.
    exchanged: Vec<Line>,
    /// What was paid beyond the total and stands in the sale as such, in the currency that is booked.
    overpaid: Decimal,
    /// The rates of the sale by how a line's source names them.
    rates: BTreeMap<String, Decimal>,
}

impl<'a, 'b> Owed<'a, 'b> {
    /// Before any refund.
    pub fn new(
        case: &Case<'a>,
        sale: &Itemised,
        target: &Target,
        returns: &'b Returns<'a>,
        lowered: Vec<Line>,
    ) -> Result<Self, Hold> {
        let mut goods = Vec::new();
        if target.waiting {
            for one in &returns.unpaid {
                goods.push(Goods::new(Some(one), one.value, taken(case, one.refund, one.reading, Side::Presentment)?));
            }
            for one in &returns.gone {
                let taken = one.taken(case, Side::Presentment)?;
                goods.push(Goods::new(None, taken.with_tax, vec![taken]));
            }
        }
        goods.retain(|one| one.value > Decimal::ZERO);
        let exchanged = sale.lines.iter().filter(|line| line.role == LineRole::RefundDifferences);
        let exchanged = exchanged.map(|line| Line { source: exchanged_source(line), ..line.clone() }).collect();
        // By what a price fell is beyond the total too, but owed as such.
        let beyond = sale.lines.iter().filter(|line| line.role == LineRole::Overpayments);
        let beyond: Decimal = beyond.map(|line| line.amount(case.currency)).sum();
        let mut fell = lowered.clone();
        let credits = booked_refunds(case, returns).flat_map(|(_, credits)| credits).flat_map(|body| &body.lines);
        fell.extend(credits.filter(|line| line.source.starts_with(LOWERED)).cloned());
        let overpaid = beyond - sum(case, tax_mode(case), &fell);
        // What converting it leaves of a price that fell was never overpaid.
        let crumbs = if fell.is_empty() { Decimal::ZERO } else { conversion_bound(case) };
        let overpaid = if overpaid <= crumbs { Decimal::ZERO } else { overpaid };
        let rates = sale.lines.iter().map(|line| (title(&line.tax), line.tax.rate)).collect();
        Ok(Self { goods, lowered, exchanged, overpaid, rates })
    }

    /// The goods taken off before a refund that its money beyond its own lines pays for: those that it pays in full, and of
    /// the first that it does not the part that it does.
    pub fn claim(&mut self, case: &Case<'a>, one: &Returned<'a>) -> Vec<Goods<'a, 'b>> {
        self.pay_goods(case, one, one.money - one.value, Decimal::ZERO).0
    }

    /// Pays goods with `money`, in the buyer's currency; what is over comes second. Amounts within `crumbs` are the same.
    fn pay_goods(
        &mut self,
        case: &Case<'a>,
        refund: &Returned<'a>,
        money: Decimal,
        crumbs: Decimal,
    ) -> (Vec<Goods<'a, 'b>>, Decimal) {
        let (mut paid, mut left) = (Vec::new(), money);
        let mut open: Vec<&mut Goods<'a, 'b>> =
            self.goods.iter_mut().filter(|goods| !goods.is_later_than(refund)).collect();
        for goods in &mut open {
            let whole = goods.left();
            if whole > Decimal::ZERO && whole <= left + crumbs {
                left -= whole;
                paid.push(goods.pay(case, whole));
            }
        }
        if let Some(goods) = open.into_iter().find(|goods| goods.left() > Decimal::ZERO)
            && left > crumbs
        {
            paid.push(goods.pay(case, left));
            left = Decimal::ZERO;
        }
        (paid, left)
    }

    /// What no refund paid of the goods, of a fallen price and of an exchange: all of it and the tax in it, as booked. Of an
    /// exchange that left something only where Shopify says that the buyer has money to get back: it may be kept on purpose.
    /// Afterwards nothing of the goods is owed any more.
    pub fn unpaid(&mut self, case: &Case<'_>, mode: TaxMode) -> Unpaid {
        let is_kept_back = |goods: &Goods<'_, '_>| goods.returned.is_some_and(|one| one.unpaid().is_zero());
        let left =
            self.goods.iter_mut().filter(|goods| !is_kept_back(goods)).map(|goods| goods.pay(case, goods.left()));
        let taken: Vec<Taken<'_>> = left.flat_map(|goods| goods.taken).collect();
        let with_tax = taken.iter().map(|one| booked_amount(case, one.with_tax)).sum::<Decimal>();
        let tax = taken.iter().map(|one| booked_amount(case, one.tax)).sum::<Decimal>();
        let exchanged = sum(case, mode, &self.exchanged);
        let is_owed = outstanding(case.order) < Decimal::ZERO && exchanged > Decimal::ZERO;
        // Below zero it is what came in the place of goods, and was paid with them.
        let exchanged = self.exchanged.iter().filter(|_| is_owed || exchanged < Decimal::ZERO);
        let lines: Vec<Line> = self.lowered.iter().chain(exchanged).cloned().collect();
        let tax_of_lines: Decimal = lines.iter().map(|line| line.tax.amount).sum();
        let (amount, tax) = (with_tax + sum(case, mode, &lines), tax + tax_of_lines);
        // That something is owed is known exactly; how the lines say it was converted.
        let is_lowered = !self.lowered.is_empty() && self.overpaid.is_zero();
        let says_nothing = taken.is_empty() && !is_lowered && !is_owed;
        let is_certain = outstanding(case.order) < Decimal::ZERO && !says_nothing;
        Unpaid { amount, tax, is_certain }
    }

    /// What of a fallen price `difference` pays back, as lines.
    pub fn lowered(&mut self, case: &Case<'_>, mode: TaxMode, difference: Decimal) -> Vec<Line> {
        let whole = sum(case, mode, &self.lowered);
        let crumbs = conversion_bound(case).max(case.minor_unit());
        if whole <= Decimal::ZERO {
            return Vec::new();
        }
        // What is closer to nothing than to all of it pays nothing of it.
        if difference <= crumbs && difference + difference < whole {
            return Vec::new();
        }
        if difference >= whole - crumbs {
            return std::mem::take(&mut self.lowered);
        }
        let tax: Decimal = self.lowered.iter().map(|line| line.tax.amount).sum();
        let part = case.round(tax * difference / whole);
        let all: Vec<&Line> = self.lowered.iter().collect();
        let paid = again(case, mode, &all, difference, part);
        self.lowered = again(case, mode, &all, whole - difference, tax - part);
        paid
    }

    /// True if anything of an exchange is not settled yet.
    pub fn has_exchanged(&self) -> bool {
        !self.exchanged.is_empty()
    }

    /// What of an exchange `difference` settles, as lines with the tax that they have in the sale.
    pub fn exchanged(&mut self, case: &Case<'_>, mode: TaxMode, difference: Decimal) -> Vec<Line> {
        let whole = sum(case, mode, &self.exchanged);
        if whole.is_zero() || difference.is_zero() || whole.is_sign_negative() != difference.is_sign_negative() {
            return Vec::new();
        }
        if difference.abs() >= whole.abs() {
            let all = std::mem::take(&mut self.exchanged);
            return all.into_iter().filter(|line| !line.unit_price.is_zero()).collect();
        }
        let tax: Decimal = self.exchanged.iter().map(|line| line.tax.amount).sum();
        let all: Vec<&Line> = self.exchanged.iter().collect();
        let settled = again(case, mode, &all, difference, case.round(tax * difference / whole));
        settled.iter().for_each(|line| self.less_exchanged(line, line.unit_price, line.tax.amount));
        settled
    }

    /// Goods that a refund paid for, and that have left the sale since: what is left of an exchange is less by them, each at
    /// its rate where the booked lines say it.
    fn left_since(&mut self, case: &Case<'_>, mode: TaxMode, amount: Decimal, booked: &[&Line]) {
        let with_tax: Decimal = booked.iter().map(|line| sum(case, mode, std::slice::from_ref(*line))).sum();
        let Some(difference) = self.exchanged.first().cloned().filter(|_| with_tax == amount) else {
            self.exchanged(case, mode, amount);
            return;
        };
        for line in booked {
            let source = format!("{EXCHANGED}:{}", title(&line.tax));
            let settled = Line { source, tax: line.tax.clone(), ..difference.clone() };
            self.less_exchanged(&settled, line.amount(case.currency), line.tax.amount);
        }
    }

    /// By how much more goods that were paid back came to then than they do now, where the tax on top of their price is another
    /// one since.
    fn dearer(&self, case: &Case<'_>, booked: &Line) -> Decimal {
        let now = self.goods.iter().flat_map(|goods| &goods.taken).find(|one| one.source == booked.source);
        // A delivery may bear several on parts of it.
        let is_goods = booked.source.starts_with("line:") && !case.order.taxes_included && case.is_one_to_one();
        let now = now.filter(|one| is_goods && one.with_tax != one.tax);
        let Some((now, then)) = now.and_then(|now| Some((now, another_rate(case, booked, now.taxes)?))) else {
            return Decimal::ZERO;
        };
        let net = booked.amount(case.currency);
        case.round(net * then) - case.round(net * now.tax / (now.with_tax - now.tax))
    }

    /// The tax of a booked line that names its rate, also where taxes are lines of their own.
    fn tax_of(&self, case: &Case<'_>, booked: &Line) -> Decimal {
        let rate = booked.source.split_once(':').and_then(|(_, rate)| self.rates.get(rate));
        match case.tax {
            TaxBooking::Codes => booked.tax.amount,
            TaxBooking::Line => case.round(booked.unit_price * rate.copied().unwrap_or_default()),
        }
    }

    /// Takes what was settled off what is left of an exchange. A rate that it no longer has is owed back by the buyer.
    fn less_exchanged(&mut self, settled: &Line, amount: Decimal, tax: Decimal) {
        match self.exchanged.iter_mut().find(|line| line.source == settled.source) {
            Some(line) => {
                line.unit_price -= amount;
                line.tax.amount -= tax;
            }
            None => {
                let tax = LineTax { amount: -tax, ..settled.tax.clone() };
                self.exchanged.push(Line { unit_price: -amount, tax, ..settled.clone() });
            }
        }
        self.exchanged.retain(|line| !line.unit_price.is_zero() || !line.tax.amount.is_zero());
    }

    /// What of the money beyond the total `difference` gives back.
    pub fn overpaid(&mut self, difference: Decimal) -> Decimal {
        let part = difference.min(self.overpaid).max(Decimal::ZERO);
        self.overpaid -= part;
        part
    }

    /// The money beyond the total that no refund gave back.
    pub fn still_overpaid(&self) -> Decimal {
        self.overpaid
    }

    /// A refund that is booked already settled what its `booked` lines say: what came to be owed after it is none of it.
    pub fn settled(&mut self, case: &Case<'a>, one: &Returned<'a>, booked: &[&Line]) -> Result<(), Hold> {
        let mode = tax_mode(case);
        let with_tax = |line: &Line| sum(case, mode, std::slice::from_ref(line));
        let of =
            |role: LineRole| booked.iter().filter(|line| line.role == role).map(|line| with_tax(line)).sum::<Decimal>();
        let overpaid = of(LineRole::Overpayments);
        let all: Decimal = booked.iter().map(|line| with_tax(line)).sum();
        let taken = taken(case, one.refund, one.reading, Side::Presentment)?;
        let own: Decimal = taken.iter().map(|line| booked_amount(case, line.with_tax)).sum();
        let crumbs =
            if is_converted(case) { bound(case, booked.len()) + conversion_bound(case) } else { Decimal::ZERO };
        let differences = booked.iter().filter(|line| line.role == LineRole::RefundDifferences);
        let on_top = |line: &Line| if mode == TaxMode::Exclusive { self.tax_of(case, line) } else { Decimal::ZERO };
        let differences: Decimal = differences.map(|line| line.amount(case.currency) + on_top(line)).sum();
        let is_lowered = |line: &&&Line| line.source.starts_with(LOWERED);
        let lowered: Decimal = booked.iter().filter(is_lowered).map(|line| with_tax(line)).sum();
        let is_own = |line: &Line| taken.iter().any(|one| line.source.split('/').next() == Some(&one.source));
        let is_earlier = |line: &&&Line| !is_lowered(line) && !is_own(line) && !CLOSING.contains(&line.role);
        let earlier: Vec<&Line> = booked.iter().filter(is_earlier).copied().collect();
        let dearer: Decimal = earlier.iter().map(|line| self.dearer(case, line)).sum();
        let beyond = all - overpaid - differences - of(LineRole::Rounding) - own - lowered - dearer;
        let beyond = if beyond > crumbs { buyers_amount(case, beyond) } else { Decimal::ZERO };
        let (_, left) = self.pay_goods(case, one, beyond, buyers_amount(case, crumbs));
        let left = booked_amount(case, left);
        if left > crumbs {
            let lowered = self.lowered(case, mode, left);
            let left = left - sum(case, mode, &lowered);
            self.left_since(case, mode, left, &earlier);
        }
        let alone = booked.iter().all(|line| CLOSING.contains(&line.role)).then(|| of(LineRole::Tax));
        let exchanged: Vec<&&Line> = booked.iter().filter(|line| line.source.starts_with(EXCHANGED)).collect();
        for line in &exchanged {
            // Where taxes are lines, all that a credit of nothing else bears is its own.
            let is_alone = exchanged.len() == 1 && case.tax == TaxBooking::Line;
            let tax = alone.filter(|_| is_alone).unwrap_or_else(|| self.tax_of(case, line));
            self.less_exchanged(line, line.unit_price, tax);
        }
        self.overpaid(overpaid);
        Ok(())
    }
}

/// A credit with the lines named as the sale has them.
pub(super) fn as_sold(credit: &Itemised) -> Itemised {
    let lines = credit.lines.iter().map(|line| Line { source: sold_as(&line.source), ..line.clone() }).collect();
    Itemised { lines, ..credit.clone() }
}

/// How the sale names a line of a credit: also what settles a difference, or pays back of a price that fell.
pub(super) fn sold_as(source: &str) -> String {
    match source.strip_prefix(EXCHANGED) {
        Some(rate) => format!("{}{rate}", LineRole::RefundDifferences.setting()),
        None => source.strip_prefix(LOWERED).unwrap_or(source).to_owned(),
    }
}

/// True if a line of a credit settles a difference in the sale.
pub(super) fn settles_exchange(line: &Line) -> bool {
    line.source.starts_with(EXCHANGED)
}

/// The source of the line that settles a difference in the sale.
fn exchanged_source(line: &Line) -> String {
    let rate = line.source.split_once(':').map(|(_, rate)| format!(":{rate}"));
    format!("{EXCHANGED}{}", rate.unwrap_or_default())
}
