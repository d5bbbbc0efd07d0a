//! What the buyer is owed before a refund pays it: goods that were taken off without money, a price that fell after it was
//! paid, money beyond the total. Each refund, the oldest first, settles of it what its money comes to beyond its own lines.

use rust_decimal::Decimal;

use super::Case;
use super::credit_lines::again;
use super::currency::{booked_amount, buyers_amount, conversions};
use super::lines::{sum, tax_mode};
use super::returns::{Returned, Returns, Taken, taken};
use super::rounding::bound;
use super::sale::Target;
use crate::books::document::{Line, LineRole, TaxMode};
use crate::books::hold::Hold;
use crate::shopify::money::Side;

/// Goods that were taken off after they were paid for, by a return without money or an edit.
pub(super) struct Goods<'a, 'b> {
    /// The return, where it was one.
    pub returned: Option<&'b Returned<'a>>,
    /// What they come to, tax included, in the buyer's currency.
    pub value: Decimal,
    /// Line by line.
    pub taken: Vec<Taken<'a>>,
}

/// What the buyer is owed.
pub(super) struct Owed<'a, 'b> {
    goods: Vec<Goods<'a, 'b>>,
    /// By what the price fell, as lines of a credit.
    lowered: Vec<Line>,
    /// What was paid beyond the total and stands in the sale as such, in the currency that is booked.
    overpaid: Decimal,
    /// What refunds paid so far that nothing accounts for, in the buyer's currency.
    unexplained: Decimal,
}

impl<'a, 'b> Owed<'a, 'b> {
    /// Before any refund.
    pub fn new(case: &Case<'a>, target: &Target, returns: &'b Returns<'a>, lowered: Vec<Line>) -> Result<Self, Hold> {
        let mut goods = Vec::new();
        if target.waiting {
            for one in &returns.unpaid {
                let taken = taken(case, one.refund, one.reading, Side::Presentment)?;
                goods.push(Goods { returned: Some(one), value: one.value, taken });
            }
            for one in &returns.gone {
                let taken = one.taken(case, Side::Presentment)?;
                goods.push(Goods { returned: None, value: taken.with_tax, taken: vec![taken] });
            }
        }
        goods.retain(|one| one.value > Decimal::ZERO);
        let overpaid = if case.input.booked.has_overpayment() { case.overpaid } else { Decimal::ZERO };
        Ok(Self { goods, lowered, overpaid, unexplained: Decimal::ZERO })
    }

    /// The goods taken off before a refund that its money beyond its own lines pays for: those that it pays in full; else
    /// the first of which half is paid by now, the rest being kept back or still to come.
    pub fn claim(&mut self, one: &Returned<'a>) -> Vec<Goods<'a, 'b>> {
        let mut left = one.money - one.value;
        let is_later = |goods: &Goods<'_, '_>| goods.returned.is_some_and(|other| other.refund.at() > one.refund.at());
        let (mut claimed, mut others) = (Vec::new(), Vec::new());
        for one in std::mem::take(&mut self.goods) {
            if one.value <= left && !is_later(&one) {
                left -= one.value;
                claimed.push(one);
            } else {
                others.push(one);
            }
        }
        self.unexplained += left.max(Decimal::ZERO);
        let paid = self.unexplained;
        if left > Decimal::ZERO
            && let Some(at) = others.iter().position(|one| paid + paid >= one.value && !is_later(one))
        {
            let one = others.remove(at);
            self.unexplained = (paid - one.value).max(Decimal::ZERO);
            claimed.push(one);
        }
        self.goods = others;
        claimed
    }

    /// What of a fallen price `difference` pays back, as lines.
    pub fn lowered(&mut self, case: &Case<'_>, mode: TaxMode, difference: Decimal) -> Vec<Line> {
        let whole = sum(case, mode, &self.lowered);
        let crumbs = bound(case, 1 + conversions(case));
        if whole <= Decimal::ZERO {
            return Vec::new();
        }
        if difference >= whole - crumbs {
            return std::mem::take(&mut self.lowered);
        }
        if difference <= crumbs {
            return Vec::new();
        }
        let tax: Decimal = self.lowered.iter().map(|line| line.tax.amount).sum();
        let part = case.round(tax * difference / whole);
        let all: Vec<&Line> = self.lowered.iter().collect();
        let paid = again(case, mode, &all, difference, part);
        self.lowered = again(case, mode, &all, whole - difference, tax - part);
        paid
    }

    /// What of the money beyond the total `difference` gives back.
    pub fn overpaid(&mut self, difference: Decimal) -> Decimal {
        let part = difference.min(self.overpaid).max(Decimal::ZERO);
        self.overpaid -= part;
        part
    }

    /// A refund that is booked already settled what its `booked` lines say: what came to be owed after it is none of it.
    pub fn settled(&mut self, case: &Case<'a>, one: &Returned<'a>, booked: &[&Line]) -> Result<(), Hold> {
        let with_tax = |line: &Line| line.amount(case.currency) + on_top(case, line);
        let of =
            |role: LineRole| booked.iter().filter(|line| line.role == role).map(|line| with_tax(line)).sum::<Decimal>();
        let (overpaid, unexplained) = (of(LineRole::Overpayments), of(LineRole::RefundDifferences));
        let all: Decimal = booked.iter().map(|line| with_tax(line)).sum();
        let own = taken(case, one.refund, one.reading, Side::Presentment)?;
        let own: Decimal = own.iter().map(|line| booked_amount(case, line.with_tax)).sum();
        let crumbs = bound(case, booked.len() + 1 + conversions(case));
        let mut beyond = all - overpaid - unexplained - of(LineRole::Rounding) - own;
        self.goods.retain(|goods| {
            let value = booked_amount(case, goods.value);
            let is_in = value <= beyond + crumbs;
            beyond -= if is_in { value } else { Decimal::ZERO };
            !is_in
        });
        if beyond > crumbs {
            self.lowered(case, tax_mode(case), beyond);
        }
        self.overpaid(overpaid);
        self.unexplained += buyers_amount(case, unexplained).max(Decimal::ZERO);
        Ok(())
    }
}

/// The tax that a line bears on top of its amount.
fn on_top(case: &Case<'_>, line: &Line) -> Decimal {
    if tax_mode(case) == TaxMode::Inclusive { Decimal::ZERO } else { line.tax.amount }
}
