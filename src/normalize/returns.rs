//! What came back, and whether money followed it (facts/shopify §2.5). A refund object is not money: only its successful
//! transactions are. One without money took something off the order before it was paid for, or waits for its money.

mod gone;
mod shipping;

use chrono::{DateTime, FixedOffset};
use rust_decimal::Decimal;

pub(super) use self::gone::Gone;
use super::inferred::{inexact, outstanding};
use super::lines::role_of;
use super::payments::presentment_amount;
use super::tax::{another_rate, rates_of};
use super::{Case, duties, missing};
use crate::books::document::{Document, DocumentKey, LineRole};
use crate::books::hold::Hold;
use crate::shopify::money::{Id, Side};
use crate::shopify::order::{LineItem, TaxLine};
use crate::shopify::{Refund, Transaction};

/// Something taken back of one line.
#[derive(Debug, Clone)]
pub(super) struct Taken<'a> {
    /// The line's source, as in the sale.
    pub source: String,
    pub role: LineRole,
    /// What the line is called; not yet fit for a ledger.
    pub name: String,
    pub quantity: Decimal,
    /// What it comes to, its tax included.
    pub with_tax: Decimal,
    /// The tax in it.
    pub tax: Decimal,
    /// That tax as the refund tells it, where the order's rate became another one since and nothing of the refund is booked.
    pub told: Option<Decimal>,
    /// The taxes of the line that it is of.
    pub taxes: &'a [TaxLine],
}

/// A refund, and what it is to the books. Amounts in the buyer's currency.
pub(super) struct Returned<'a> {
    pub refund: &'a Refund,
    /// Successful refund transactions.
    pub transactions: Vec<&'a Transaction>,
    /// Their sum.
    pub money: Decimal,
    /// What its lines come to, tax included.
    pub value: Decimal,
    /// By how much it lowers what the order comes to.
    takes: Decimal,
    /// How its figures are to be read.
    pub reading: Reading,
}

impl Returned<'_> {
    /// What it took off the order without paying for it: an exchange, or goods that were not paid yet.
    pub fn unpaid(&self) -> Decimal {
        (self.takes - self.money).max(Decimal::ZERO)
    }

    /// What it gave back beyond what it took off the order.
    pub fn beyond(&self) -> Decimal {
        (self.money - self.takes.max(Decimal::ZERO)).max(Decimal::ZERO)
    }
}

/// Everything that was taken off an order.
pub(super) struct Returns<'a> {
    /// Refunds whose money moved, oldest first.
    pub paid: Vec<Returned<'a>>,
    /// Refunds without money, oldest first.
    pub unpaid: Vec<Returned<'a>>,
    /// What is gone although no refund says so, in the buyer's currency.
    pub gone: Vec<Gone<'a>>,
}

impl<'a> Returns<'a> {
    /// What the order comes to once everything that was taken off without being paid back is off it, buyer's currency.
    /// Shopify's own figure, less what refunds that its snapshot does not know of took without paying it back; without that
    /// figure worked out from all refunds. It is above the order's total only where more is outstanding than that leaves:
    /// refunds gave back what was `received` beyond it, and an edit came after them.
    pub fn left(&self, case: &Case<'a>, received: Decimal) -> Result<Decimal, Hold> {
        let whole = case.presentment_total;
        let Some(current) = case.order.current_total(Side::Presentment) else {
            return Ok((whole - self.unpaid_value(case)?).max(Decimal::ZERO));
        };
        let is_known = |one: &&Returned<'_>| case.input.state.snapshot_refunds.contains(&one.refund.id);
        let (known, news): (Vec<_>, Vec<_>) = self.paid.iter().chain(&self.unpaid).partition(is_known);
        let refunded: Decimal = known.iter().map(|one| one.money).sum();
        let taken: Decimal = news.iter().map(|one| one.unpaid()).sum();
        let now = current + case.order.cash_rounding(Side::Presentment);
        let (owed, inexact) = (received + outstanding(case.order), inexact(case));
        let most = if owed > whole + inexact { owed + inexact } else { whole };
        Ok(((now + refunded).min(most) - taken).max(Decimal::ZERO))
    }

    /// The money that went back, buyer's currency.
    pub fn money(&self) -> Decimal {
        self.paid.iter().map(|one| one.money).sum()
    }

    /// What refunds kept back on purpose, as Shopify says (a restocking fee), buyer's currency.
    pub fn kept_back(&self, case: &Case<'_>) -> Result<Decimal, Hold> {
        let one = |one: &Returned<'_>| Ok(discrepancy(case, one.refund)?.max(Decimal::ZERO));
        self.paid.iter().map(one).sum()
    }

    /// What was taken off without being paid back by the same refund, buyer's currency.
    pub fn unpaid_value(&self, case: &Case<'a>) -> Result<Decimal, Hold> {
        let mut value: Decimal = self.paid.iter().chain(&self.unpaid).map(Returned::unpaid).sum();
        for gone in &self.gone {
            value += gone.taken(case, Side::Presentment)?.with_tax;
        }
        Ok(value)
    }
}

/// How a refund's figures are to be read: sources disagree, so every reading is held against the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    /// `subtotal` of goods is without tax even where prices contain it.
    net_goods: bool,
    /// Delivery is given back with its tax on top.
    shipping_tax: bool,
    /// A subtotal of 0.00 on goods that cost something stands for their share (facts/shopify §0.3).
    fill: bool,
}

impl Reading {
    /// As the figures are usually meant.
    pub const USUAL: Self = reading(false, false, false);

    /// True if goods are told without their tax where prices contain it; and duties the other way than prices are.
    pub fn is_net(self) -> bool {
        self.net_goods
    }

    /// The same reading, with nothing filled in.
    pub fn unfilled(self) -> Self {
        Self { fill: false, ..self }
    }
}

const fn reading(net_goods: bool, shipping_tax: bool, fill: bool) -> Reading {
    Reading { net_goods, shipping_tax, fill }
}

/// The usual reading first.
const READINGS: [Reading; 8] = [
    Reading::USUAL,
    reading(false, true, false),
    reading(true, false, false),
    reading(true, true, false),
    reading(false, false, true),
    reading(false, true, true),
    reading(true, false, true),
    reading(true, true, true),
];

/// Sorts an order's refunds.
pub(super) fn returns<'a>(case: &Case<'a>) -> Result<Returns<'a>, Hold> {
    let state = case.input.state;
    let (mut all, mut paid, mut unpaid) = (Vec::new(), Vec::new(), Vec::new());
    for refund in state.refunds.values() {
        let moved: Vec<&Transaction> = state.transactions_of(refund).collect();
        if moved.iter().any(|one| one.kind == "refund" && one.is_pending()) {
            continue;
        }
        let transactions: Vec<&Transaction> = moved.into_iter().filter(|one| one.is_refund()).collect();
        let money = transactions.iter().map(|one| presentment_amount(case, one)).sum::<Result<Decimal, Hold>>()?;
        all.push((refund, transactions, money));
    }
    let readings = readings(case, &all)?;
    for ((refund, transactions, money), Read { value, takes, reading }) in all.into_iter().zip(readings) {
        let one = Returned { refund, transactions, money, value, takes, reading };
        if money.is_zero() { unpaid.push(one) } else { paid.push(one) }
    }
    paid.sort_by(|one, other| age(one.refund).cmp(&age(other.refund)));
    unpaid.sort_by(|one, other| age(one.refund).cmp(&age(other.refund)));
    let mut all = Returns { paid, unpaid, gone: gone::units(case) };
    all.gone.extend(gone::deliveries(case, &all)?);
    Ok(all)
}

/// A refund under one reading. Amounts in the buyer's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Read {
    /// What its lines come to.
    value: Decimal,
    /// By how much it lowers the order's total.
    takes: Decimal,
    reading: Reading,
}

/// How to read each refund, and what it then comes to. Its own money speaks first: readings whose lines come close to it
/// are tried before others. Where the order says what it comes to after all refunds, they must lead there together.
fn readings(case: &Case<'_>, all: &[(&Refund, Vec<&Transaction>, Decimal)]) -> Result<Vec<Read>, Hold> {
    let candidates =
        all.iter().map(|(refund, _, money)| candidates(case, refund, *money)).collect::<Result<Vec<_>, Hold>>()?;
    let usual = candidates.iter().filter_map(|list| list.first().copied()).collect();
    let snapshot_knows_all = all.iter().all(|(refund, ..)| case.input.state.snapshot_refunds.contains(&refund.id));
    let (Some(current), Some(total), true) =
        (case.order.current_total(Side::Presentment), case.order.total(Side::Presentment), snapshot_knows_all)
    else {
        return Ok(usual);
    };
    let mut tries = MOST_TRIES;
    Ok(together(&candidates, total - current, &mut tries).unwrap_or(usual))
}

/// Combinations of readings that are tried: orders have few refunds, and readings that agree count once.
const MOST_TRIES: u32 = 4_096;

/// The first combination of candidates that takes `sum` off.
fn together(candidates: &[Vec<Read>], sum: Decimal, tries: &mut u32) -> Option<Vec<Read>> {
    let Some((first, rest)) = candidates.split_first() else { return sum.is_zero().then(Vec::new) };
    for one in first {
        *tries = tries.checked_sub(1)?;
        if let Some(mut found) = together(rest, sum - one.takes, tries) {
            found.insert(0, *one);
            return Some(found);
        }
    }
    None
}

/// What a refund may come to, closest to its money first; without money in the order of [`READINGS`], the one that fills
/// in what is missing before the others, and a delivery with its tax before one without. It takes off the order what its lines come to, less what Shopify says was kept
/// back; some bodies do not say that, and it takes its lines, or just its money.
fn candidates(case: &Case<'_>, refund: &Refund, money: Decimal) -> Result<Vec<Read>, Hold> {
    let discrepancy = discrepancy(case, refund)?;
    let mut all: Vec<Read> = Vec::new();
    for reading in READINGS {
        let value = value(case, refund, reading)?;
        if !all.iter().any(|known| known.value == value) {
            all.push(Read { value, takes: value - discrepancy, reading });
        }
    }
    if money.is_zero() {
        all.sort_by_key(|one| (one.value.is_zero(), !one.reading.shipping_tax));
    } else {
        all.sort_by_key(|one| (money - one.value).abs().min((money - one.takes).abs()));
    }
    let lines = all.clone().into_iter().map(|one| Read { takes: one.value, ..one });
    let moved = all.clone().into_iter().map(|one| Read { takes: money, ..one });
    for other in lines.chain(moved.filter(|_| !money.is_zero())) {
        if !all.contains(&other) {
            all.push(other);
        }
    }
    Ok(all)
}

/// Everything that a refund's lines come to, in the buyer's currency.
fn value(case: &Case<'_>, refund: &Refund, reading: Reading) -> Result<Decimal, Hold> {
    Ok(taken(case, refund, reading, Side::Presentment)?.iter().map(|one| one.with_tax).sum())
}

/// What Shopify says that the money is below (above zero) or beyond (below zero) the lines. Pending and settled notes of
/// the same difference cancel each other: they are netted.
fn discrepancy(case: &Case<'_>, refund: &Refund) -> Result<Decimal, Hold> {
    let (side, one) = (Side::Presentment, case.order.one_currency());
    let mut sum = Decimal::ZERO;
    for adjustment in refund.order_adjustments.iter().filter(|one| one.kind != "shipping_refund") {
        sum += adjustment.amount(side, one).ok_or_else(|| missing("order_adjustments[].amount_set"))?;
        sum += adjustment.tax(side, one).ok_or_else(|| missing("order_adjustments[].tax_amount_set"))?;
    }
    Ok(sum)
}

/// What a refund takes back, line by line.
pub(super) fn taken<'a>(
    case: &Case<'a>,
    refund: &Refund,
    reading: Reading,
    side: Side,
) -> Result<Vec<Taken<'a>>, Hold> {
    let (order, one) = (case.order, case.order.one_currency());
    let mut all = Vec::new();
    for (index, item) in refund.refund_line_items.iter().enumerate() {
        let at = |field: &str| format!("refund_line_items[{index}].{field}");
        let mut subtotal = item.subtotal(side, one).ok_or_else(|| missing(&at("subtotal_set")))?;
        let mut tax = item.tax(side, one).ok_or_else(|| missing(&at("total_tax_set")))?;
        let sold = order.line_items.iter().find(|line| line.id == item.line_item_id);
        let is_silent = reading.fill && subtotal.is_zero();
        if let Some(sold) = sold.filter(|_| is_silent) {
            (subtotal, tax) = share_of(case, sold, before(case, refund, &sold.id), item.quantity.0, side)?;
        }
        let on_top = !order.taxes_included || reading.net_goods;
        let told = (if on_top { subtotal + tax } else { subtotal }, tax);
        let now = match sold {
            Some(sold) => at_todays_rate(case, refund, sold, item.quantity.0, told, side)?,
            None => None,
        };
        let source = format!("line:{}", item.line_item_id.0);
        let then = sold.filter(|_| is_silent).and_then(|sold| at_the_rate_then(case, refund, sold, told));
        let (with_tax, tax) = now.or(then).unwrap_or(told);
        all.push(Taken {
            source,
            role: sold.map_or(LineRole::Sales, role_of),
            name: sold.map_or("Returned goods", LineItem::title).to_owned(),
            quantity: item.quantity.0,
            with_tax,
            tax,
            told: now.map(|_| told.1),
            taxes: sold.map_or(&[], |sold| &sold.tax_lines),
        });
    }
    all.extend(shipping::taken(case, refund, reading, side)?);
    all.extend(duties::taken(case, refund, reading, side)?);
    let fees = refund.additional_fees(side);
    if !fees.is_zero() {
        all.push(whole(LineRole::Fees, "Additional fees", fees));
    }
    Ok(all)
}

fn whole(role: LineRole, name: &str, amount: Decimal) -> Taken<'static> {
    Taken {
        source: role.setting().to_owned(),
        role,
        name: name.to_owned(),
        quantity: Decimal::ONE,
        with_tax: amount,
        tax: Decimal::ZERO,
        told: None,
        taxes: &[],
    }
}

/// What goods come to, and their tax, at the rate that the order has now, where a refund tells another one: the rate changed
/// since. So the sale is booked, and so they leave it. What is booked of a refund stays at the rate that it was told at; and
/// the sale of an older order is somebody else's.
fn at_todays_rate(
    case: &Case<'_>,
    refund: &Refund,
    sold: &LineItem,
    quantity: Decimal,
    (with_tax, tax): (Decimal, Decimal),
    side: Side,
) -> Result<Option<(Decimal, Decimal)>, Hold> {
    let is_remitted = sold.tax_lines.iter().any(|tax| tax.channel_liable == Some(true));
    let is_booked = !case.input.booked.parts_of(&DocumentKey::credit(refund.id.as_str())).is_empty();
    if case.is_older || is_remitted || is_booked {
        return Ok(None);
    }
    let included = case.order.taxes_included;
    let (price, tax_now) = share_of(case, sold, before(case, refund, &sold.id), quantity, side)?;
    let told = if included { with_tax } else { with_tax - tax };
    // Of several units Shopify rounds each.
    let cents = case.order.currency_of(side).minor_unit() * (quantity.abs() + Decimal::from(sold.tax_lines.len()));
    let says_none = !included && tax.is_zero() && !was_untaxed(case, sold);
    let is_same = says_none || (told - price).abs() > cents || (tax - tax_now).abs() <= cents;
    Ok((!is_same).then(|| (if included { with_tax } else { told + tax_now }, tax_now)))
}

/// What goods come to, and their tax, whose refund says nothing of it and is booked at another rate than they have `now`: they
/// left at the rate that they had then. Where prices contain the tax they come to the same.
fn at_the_rate_then(
    case: &Case<'_>,
    refund: &Refund,
    sold: &LineItem,
    now: (Decimal, Decimal),
) -> Option<(Decimal, Decimal)> {
    if case.order.taxes_included || !case.is_one_to_one() {
        return None;
    }
    let source = format!("line:{}", sold.id.0);
    let parts = case.input.booked.parts_of(&DocumentKey::credit(refund.id.as_str())).into_iter();
    let mut lines = parts.filter_map(Document::itemised).flat_map(|body| &body.lines);
    let line = lines.find(|line| line.source == source)?;
    let (net, then) = (now.0 - now.1, another_rate(case, line, &sold.tax_lines)?);
    // Where the tax is a line of its own it is worked out anew.
    let is_on_it = line.amount(case.currency) == net && !line.tax.amount.is_zero();
    let tax = if is_on_it { line.tax.amount } else { case.round(net * then) };
    Some((net + tax, tax))
}

/// True if goods were sold without tax before the order bore any.
fn was_untaxed(case: &Case<'_>, sold: &LineItem) -> bool {
    let source = format!("line:{}", sold.id.0);
    let sales = case.input.booked.final_sales();
    let mut lines = sales.iter().filter_map(|one| one.itemised()).flat_map(|body| &body.lines);
    lines.any(|line| line.source == source && line.unit_price > Decimal::ZERO && rates_of(line).is_empty())
}

/// Units of a line that older refunds took back.
fn before(case: &Case<'_>, refund: &Refund, line: &Id) -> Decimal {
    let older = case.input.state.refunds.values().filter(|one| age(one) < age(refund));
    let items = older.flat_map(|one| &one.refund_line_items).filter(|one| one.line_item_id == *line);
    items.map(|one| one.quantity.0).sum()
}

/// The oldest refund comes first; of the same moment the one with the smaller id.
fn age(refund: &Refund) -> (Option<DateTime<FixedOffset>>, usize, &Id) {
    (refund.at(), refund.id.as_str().len(), &refund.id)
}

/// The share of some units in a line, of which others left `before`: subtotal in the order's own convention, and tax. With
/// those before them they make up what was charged for so many, so that all units come to exactly the line.
fn share_of(
    case: &Case<'_>,
    sold: &LineItem,
    before: Decimal,
    quantity: Decimal,
    side: Side,
) -> Result<(Decimal, Decimal), Hold> {
    let one = case.order.one_currency();
    let currency = case.order.currency_of(side);
    let price = sold.unit_price(side, one).ok_or_else(|| missing("line_items[].price_set"))?;
    let discount = sold.discount(side, one).ok_or_else(|| missing("line_items[].discount_allocations"))?;
    let tax = sold.tax_lines.iter().map(|line| line.amount(side, one)).sum::<Option<Decimal>>();
    let tax = tax.ok_or_else(|| missing("line_items[].tax_lines[].price_set"))?;
    if sold.quantity.0.is_zero() {
        return Ok((Decimal::ZERO, Decimal::ZERO));
    }
    let upto = |whole: Decimal, units: Decimal| currency.round(whole * units / sold.quantity.0);
    let share = |whole: Decimal| upto(whole, before + quantity) - upto(whole, before);
    Ok((share(price * sold.quantity.0 - discount), share(tax)))
}
