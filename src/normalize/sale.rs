//! What an order's sale ought to come to now, and the lines that say so.
//!
//! The total follows from one rule: what was received plus what the buyer still owes. An order that was never changed
//! comes to its total. What was taken off before it was paid for comes off the sale; what was taken off after that stays
//! in it until a refund pays it back; what was paid beyond the total is owed back, on an account of its own.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::credit_lines::again;
use super::currency::{booked_amount, conversion_bound, is_converted, share};
use super::differences::of_sale;
use super::earlier::{add_to, at_another_rate, settled};
use super::lines::{sale_lines, sum, tax_mode};
use super::notes::note_reading;
use super::owed::LOWERED;
use super::refunds::booked_refunds;
use super::returns::{Returns, Taken, taken};
use super::tax::{keep_code, on_lines, own_part, untaxed};
use super::{Case, bands, number};
use crate::books::document::{DocumentKey, Itemised, Line, LineRole, LineTax, TaxMode};
use crate::books::hold::{Hold, HoldReason};
use crate::shopify::money::Side;

/// What the sale ought to come to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    /// In the buyer's currency.
    pub presentment: Decimal,
    /// In the currency that is booked.
    pub booked: Decimal,
    /// True if something was taken off before it was paid for: those lines leave the sale.
    pub reduced: bool,
    /// True if something was taken off that was paid already: the refund that pays it back may say so without lines.
    pub waiting: bool,
    /// True if more was paid than the order ever came to.
    pub overpaid: bool,
}

/// `received` is all that was ever paid, in the buyer's currency.
pub(super) fn target(case: &Case<'_>, received: Decimal, returns: &Returns<'_>) -> Result<Target, Hold> {
    let whole = case.presentment_total;
    let left = if case.order.cancelled_at.is_some() { Decimal::ZERO } else { returns.left(case, received)? };
    let presentment = received.max(left);
    Ok(Target {
        presentment,
        booked: as_booked(case, presentment, whole),
        reduced: presentment < whole,
        waiting: presentment >= whole && returns.unpaid_value(case)? > Decimal::ZERO,
        overpaid: presentment > whole,
    })
}

/// What `presentment` of `whole` is in the currency that is booked. Once something is final only what changed since is
/// converted, lest an edit move what was booked before it by a cent.
fn as_booked(case: &Case<'_>, presentment: Decimal, whole: Decimal) -> Decimal {
    let anew = share(case, case.total, presentment, whole);
    if case.is_one_to_one() || !case.input.booked.is_final() {
        return anew;
    }
    // Where nothing is open any more, what was received says it.
    match (case.input.booked.received(), case.input.booked.worth()) {
        ((received, Some(buyers)), _) if buyers == presentment => received,
        (_, (worth, Some(buyers))) => worth + booked_amount(case, presentment - buyers),
        _ => anew,
    }
}

/// The sale as it ought to be now, as if nothing had been booked yet; the tax of its lines on them, whatever the settings say.
/// What came back of it at another rate than it has now is not in it, and comes second.
pub(super) fn body(case: &mut Case<'_>, target: &Target, returns: &Returns<'_>) -> Result<(Itemised, Vec<Line>), Hold> {
    let key = DocumentKey::sale();
    let mode = tax_mode(case);
    let mut lines = sale_lines(case, &key)?;
    lines.iter_mut().for_each(|line| keep_code(case, &line.source, &mut line.tax));
    let sold = lines.clone();
    if target.reduced {
        for one in &returns.unpaid {
            note_reading(case, &key, one)?;
        }
        for one in gone_lines(case, returns)? {
            take_off(case, &mut lines, &one)?;
        }
        lines.retain(|line| line.role != LineRole::MarketplaceTax || !line.unit_price.is_zero());
    }
    let listed = sum(case, mode, &lines);
    let earlier = at_another_rate(case, &mut lines);
    let sale = Sold { sold, lines, earlier, listed };
    let settled = settled(case);
    let notes = case.writer.mark();
    let mut beside = differences(case, target, returns, &sale, Vec::new())?;
    if !holds(case, &beside, &settled) {
        // A later exchange would move what a refund settled of an earlier one.
        case.writer.back_to(notes);
        beside = differences(case, target, returns, &sale, settled)?;
    }
    let Sold { mut lines, earlier, .. } = sale;
    lines.extend(beside);
    if lines.is_empty() && earlier.is_empty() {
        return Err(Hold::new(HoldReason::OrderInconsistent, "the order has no lines with a quantity"));
    }
    let tax_total = lines.iter().map(|line| line.tax.amount).sum();
    let number = number::sale(&case.stamp.number_prefix, &case.order.name, case.order.id.as_str());
    if !number::is_named(&number, &case.stamp.number_prefix, &case.order.name) {
        case.writer.note(&key, "name", "number_from_id", &case.order.name, &number);
    }
    Ok((Itemised { number, due_date: due_date(case), tax_mode: mode, lines, tax_total, cash: None }, earlier))
}

/// The lines of a sale on the way to it.
struct Sold {
    /// All that was ever sold.
    sold: Vec<Line>,
    /// What is left of it, at today's rates.
    lines: Vec<Line>,
    /// What came back of it at other rates.
    earlier: Vec<Line>,
    /// What was left before the latter was taken off.
    listed: Decimal,
}

/// What the sale's total has beyond its lines, where refunds `settled` a part of it.
fn differences(
    case: &mut Case<'_>,
    target: &Target,
    returns: &Returns<'_>,
    sale: &Sold,
    settled: Vec<Line>,
) -> Result<Vec<Line>, Hold> {
    let mode = tax_mode(case);
    let Sold { sold, lines, earlier, listed } = sale;
    let is_nothing = lines.is_empty() && settled.is_empty();
    let sold_for = sum(case, mode, lines) + sum(case, mode, earlier) + sum(case, mode, &settled);
    let difference = target.booked - sold_for;
    // What is smaller is rounding, unless nothing else is left or the buyer's own figures, which nobody rounded, say that it
    // is none; then they say what it is.
    let stated = stated_difference(case, target, returns)?;
    let exact = stated.map(|stated| booked_amount(case, stated) - (sold_for - listed));
    let difference = exact.filter(|exact| (exact - difference).abs() <= conversion_bound(case)).unwrap_or(difference);
    let is_more = stated.is_some() || difference.abs() > conversion_bound(case) || is_nothing;
    let difference = if is_more { difference } else { Decimal::ZERO };
    let beyond = beyond_the_sale(case, target, returns, difference);
    let rest = difference - beyond;
    let of: Vec<Line> =
        if rest < Decimal::ZERO { lines.iter().chain(earlier).cloned().collect() } else { sold.clone() };
    let parts = taken_back(case, returns, target, &of, rest)?;
    let mut all = settled;
    for line in of_sale(case, target, beyond, &parts)? {
        add_to(case, &mut all, line);
    }
    all.retain(|line| !line.unit_price.is_zero());
    Ok(all)
}

/// True if what refunds `settled` is among the differences as it was settled, but for cents.
fn holds(case: &Case<'_>, differences: &[Line], settled: &[Line]) -> bool {
    let cent = case.minor_unit();
    settled.iter().all(|one| {
        let now = differences.iter().find(|line| line.source == one.source && line.tax.rate == one.tax.rate);
        let now = now.map_or(Decimal::ZERO, |line| line.unit_price);
        if one.unit_price.is_sign_negative() { now <= one.unit_price + cent } else { now >= one.unit_price - cent }
    })
}

/// What of `difference` is money beyond what was sold. What a refund gave back of that, or of a price that fell, was beyond it
/// and stays so: a later exchange is paid with what it takes back, not with money that has left.
fn beyond_the_sale(case: &Case<'_>, target: &Target, returns: &Returns<'_>, difference: Decimal) -> Decimal {
    let is_beyond = |line: &&Line| line.role == LineRole::Overpayments || line.source.starts_with(LOWERED);
    let lines = booked_refunds(case, returns).flat_map(|(_, credits)| credits).flat_map(|body| &body.lines);
    let returned: Vec<Line> = lines.filter(is_beyond).cloned().collect();
    let returned = sum(case, tax_mode(case), &returned);
    match target {
        Target { overpaid: true, .. } => difference.max(returned),
        Target { reduced: true, .. } | Target { waiting: true, .. } => returned,
        _ => Decimal::ZERO,
    }
}

/// By how much what was received, or is left, misses the lines in the buyer's currency, where the lines are converted from it;
/// nothing where it does not.
fn stated_difference<'a>(case: &Case<'a>, target: &Target, returns: &Returns<'a>) -> Result<Option<Decimal>, Hold> {
    if !is_converted(case) || !(target.reduced || target.overpaid) {
        return Ok(None);
    }
    let mut lines = case.presentment_total;
    if target.reduced {
        lines -= returns.unpaid.iter().map(|one| one.value).sum::<Decimal>();
        for gone in &returns.gone {
            lines -= gone.taken(case, Side::Presentment)?.with_tax;
        }
    }
    Ok(Some(target.presentment - lines).filter(|difference| !difference.is_zero()))
}

/// Of what lines a `difference` is, part by part: money that is neither theirs nor returned yet bears the tax of what was taken
/// back without being paid back. Below zero that still stands in the sale: goods that wait for their refund, and what a refund
/// took back without paying all of it. Above zero it left without any money of its own: first what another refund paid for
/// since, then the rest of it. It is of all lines where nobody says which.
fn taken_back(
    case: &Case<'_>,
    returns: &Returns<'_>,
    target: &Target,
    lines: &[Line],
    difference: Decimal,
) -> Result<Vec<(Decimal, Vec<Line>)>, Hold> {
    let is_above = difference > Decimal::ZERO;
    let (mut paid, mut unpaid) = (Vec::new(), Vec::new());
    if !is_above {
        for one in returns.paid.iter().filter(|one| one.unpaid() > Decimal::ZERO) {
            unpaid.extend(taken(case, one.refund, one.reading, case.side)?);
        }
    }
    if is_above || target.waiting {
        let mut credited = paid_by_others(case, returns)?;
        for one in gone_lines(case, returns)? {
            let left = credited.entry(one.source.clone()).or_default();
            let part = one.with_tax.min(*left).max(Decimal::ZERO);
            *left -= part;
            let of_it = if part == one.with_tax { one.tax } else { case.round(one.tax * part / one.with_tax) };
            paid.push(Taken { with_tax: part, tax: of_it, ..one.clone() });
            unpaid.push(Taken { with_tax: one.with_tax - part, tax: one.tax - of_it, ..one });
        }
    }
    let of = |all: &[Taken<'_>]| -> Vec<Line> {
        let part = |one: &Taken<'_>| {
            let named = |line: &&Line| line.source.split('/').next() == Some(&one.source);
            again(case, tax_mode(case), &lines.iter().filter(named).collect::<Vec<_>>(), one.with_tax, one.tax)
        };
        all.iter().flat_map(part).collect()
    };
    let (paid, unpaid) = (if is_above { of(&paid) } else { Vec::new() }, of(&unpaid));
    let first = sum(case, tax_mode(case), &paid).min(difference.max(Decimal::ZERO));
    let unpaid = if unpaid.is_empty() { lines.to_vec() } else { unpaid };
    let mut parts = vec![(first, paid), (difference - first, unpaid)];
    parts.retain(|(part, _)| !part.is_zero());
    Ok(parts)
}

/// What refunds that stand in the books gave back of each line besides what they took back themselves, tax included.
fn paid_by_others(case: &Case<'_>, returns: &Returns<'_>) -> Result<BTreeMap<String, Decimal>, Hold> {
    let mut all: BTreeMap<String, Decimal> = BTreeMap::new();
    for (refund, credits) in booked_refunds(case, returns) {
        for line in on_lines(case, credits.into_iter().flat_map(|body| body.lines.iter().cloned())) {
            let source = line.source.split('/').next().unwrap_or_default().to_owned();
            *all.entry(source).or_default() += sum(case, tax_mode(case), &[line]);
        }
        for own in taken(case, refund.refund, refund.reading, case.side)? {
            *all.entry(own.source).or_default() -= own.with_tax;
        }
    }
    Ok(all)
}

/// Due when the last instalment of the payment terms is, else at once.
fn due_date(case: &Case<'_>) -> chrono::NaiveDate {
    let terms = case.order.payment_terms.iter().flat_map(|terms| &terms.payment_schedules);
    let last = terms.filter_map(|schedule| schedule.due_at).map(|due| case.day(due)).max();
    last.unwrap_or(case.date).max(case.date)
}

/// What left the order before it was paid for, on the side that is booked.
fn gone_lines<'a>(case: &Case<'a>, returns: &Returns<'a>) -> Result<Vec<Taken<'a>>, Hold> {
    let mut all = Vec::new();
    for refund in &returns.unpaid {
        all.extend(taken(case, refund.refund, refund.reading, case.side)?);
    }
    for gone in &returns.gone {
        all.push(gone.taken(case, case.side)?);
    }
    Ok(all)
}

/// Takes units off their line. What is left keeps its price; discount and tax shrink by what Shopify says left with them.
fn take_off(case: &Case<'_>, lines: &mut Vec<Line>, one: &Taken<'_>) -> Result<(), Hold> {
    let bands: Vec<Line> = bands::of(lines, &one.source).into_iter().cloned().collect();
    if bands.is_empty() {
        return take_off_line(case, lines, one);
    }
    let all: Vec<&Line> = bands.iter().collect();
    for (band, (with_tax, tax)) in bands.iter().zip(bands::shares(case, &all, one.with_tax, one.tax)) {
        take_off_line(case, lines, &Taken { source: band.source.clone(), with_tax, tax, ..one.clone() })?;
    }
    Ok(())
}

fn take_off_line(case: &Case<'_>, lines: &mut Vec<Line>, one: &Taken<'_>) -> Result<(), Hold> {
    let Some(at) = lines.iter().position(|line| line.source == one.source) else { return Ok(()) };
    let line = lines[at].clone();
    let on_top = tax_mode(case) == TaxMode::Exclusive;
    let (tax, remitted) = taxes_within(case, &line, one)?;
    let with_tax = one.with_tax - remitted;
    take_off_remitted(case, lines, remitted);
    let amount = case.round(line.amount(case.currency) - if on_top { with_tax - tax } else { with_tax });
    let tax = case.round(line.tax.amount - tax);
    let quantity = line.quantity - one.quantity;
    // Without units nothing is left but what conversion from another currency rounded; and nothing bears no tax, although a
    // delivery may be told to come back without its own.
    let crumbs = case.minor_unit() + case.minor_unit();
    if quantity <= Decimal::ZERO && (amount.is_zero() || amount.abs() <= crumbs && tax.abs() <= crumbs) {
        lines.remove(at);
        return Ok(());
    }
    let left = Line { quantity, ..line.clone() }.gross(case.currency);
    let discount = left - amount;
    let loses_it = tax.is_zero() && !line.tax.amount.is_zero();
    let tax = if loses_it { untaxed(case) } else { LineTax { amount: tax, ..line.tax.clone() } };
    let stays = quantity > Decimal::ZERO && discount >= Decimal::ZERO && case.round(left) == left;
    lines[at] = if stays && line.quantity != Decimal::ONE {
        Line { quantity, discount, tax, ..line }
    } else {
        let (tax_amount, is_one) = (tax.amount, line.quantity == Decimal::ONE);
        let left = Line { quantity: quantity.max(Decimal::ONE), tax, ..line };
        let left = if is_one { left.less_units(one.quantity) } else { left };
        left.as_one(amount, tax_amount)
    };
    Ok(())
}

/// Takes what a marketplace remits of goods that left off the line of all that it remits.
fn take_off_remitted(case: &Case<'_>, lines: &mut [Line], remitted: Decimal) {
    if let Some(line) = lines.iter_mut().find(|line| line.role == LineRole::MarketplaceTax) {
        line.unit_price = case.round(line.unit_price - remitted);
    }
}

/// The tax that leaves a line with what is taken off it: the seller's, and what a marketplace remits, which is on a line of
/// its own. Tax that is only assumed is not on what is taken off.
fn taxes_within(case: &Case<'_>, line: &Line, one: &Taken<'_>) -> Result<(Decimal, Decimal), Hold> {
    if one.taxes.is_empty() {
        let rate = if line.tax.amount.is_zero() { Decimal::ZERO } else { line.tax.rate };
        return Ok((case.round(one.with_tax * rate / (Decimal::ONE + rate)), Decimal::ZERO));
    }
    let own = own_part(case, one.taxes, one.tax)?;
    if one.taxes.iter().all(|tax| tax.channel_liable != Some(true)) {
        return Ok((own, Decimal::ZERO));
    }
    // What is left of it by rounding goes with the last of the goods.
    let is_last = (line.tax.amount - own).abs() <= case.minor_unit();
    let own = if is_last { line.tax.amount } else { own };
    Ok((own, one.tax - own))
}
