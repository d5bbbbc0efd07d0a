//! What a refund takes back, line by line, made to come to its money. Where lines and money differ, a line of its own
//! says so.

use rust_decimal::Decimal;

use super::currency::{booked_amount, conversion_bound, is_in_the_shops, note_precision, to_precision};
use super::differences::{of_refund, overpayment};
use super::lines::{REMITTED, account, single, tax_mode};
use super::notes::{
    note_another_rate, note_earlier, note_included, note_marketplace, note_reading, note_taken_out, shown,
};
use super::owed::{Goods, LOWERED, Owed};
use super::refunds::key_of;
use super::returns::{Returned, Taken, taken};
use super::tax::{assumed, keep_code, line_taxes, own_part, untaxed};
use super::{Case, bands};
use crate::books::document::{DocumentKey, Itemised, Line, LineRole, LineTax, TaxMode};
use crate::books::hold::Hold;
use crate::shopify::money::Side;

/// What a refund takes back, made to come to its money.
pub(super) fn lines_of(
    case: &mut Case<'_>,
    sale: &Itemised,
    one: &Returned<'_>,
    goods: &[Goods<'_, '_>],
    amount: Decimal,
    owed: &mut Owed<'_, '_>,
) -> Result<Itemised, Hold> {
    let key = key_of(one);
    let mode = tax_mode(case);
    let mut lines = Vec::new();
    note_reading(case, &key, one)?;
    // Money that lowered nothing gives back what was paid beyond the total, if anything was.
    let beyond = booked_amount(case, one.beyond());
    for entry in taken(case, one.refund, one.reading, Side::Presentment)? {
        note_another_rate(case, &key, &entry);
        returned_lines(case, &key, sale, &entry, &mut lines)?;
    }
    let names_nothing = lines.is_empty();
    for earlier in goods {
        note_earlier(case, &key, earlier)?;
        for entry in &earlier.taken {
            returned_lines(case, &key, sale, entry, &mut lines)?;
        }
    }
    let mut difference = amount - super::lines::sum(case, mode, &lines);
    let lowered = owed.lowered(case, mode, difference);
    if !lowered.is_empty() {
        let after = shown(case, &lowered);
        case.writer.note(&key, "transactions", "refund_of_lower_price", "", &after);
        difference -= super::lines::sum(case, mode, &lowered);
        let marked = lowered.into_iter().map(|line| Line { source: format!("{LOWERED}{}", line.source), ..line });
        lines.extend(marked);
    }
    let exchanged = owed.exchanged(case, mode, difference);
    difference -= super::lines::sum(case, mode, &exchanged);
    if !exchanged.is_empty() {
        let is_guess = exchanged.len() > 1 && owed.has_exchanged();
        let rule = if is_guess { "refund_of_several_exchanges" } else { "refund_of_exchange" };
        let after = shown(case, &exchanged);
        case.writer.note(&key, "transactions", rule, "", &after);
    }
    lines.extend(exchanged);
    if names_nothing || beyond > Decimal::ZERO {
        let overpaid = owed.overpaid(if names_nothing { difference } else { difference.min(beyond) });
        lines.extend(overpayment(case, &key, overpaid)?);
        difference -= overpaid;
    }
    if difference.abs() > conversion_bound(case) {
        let all = of_refund(case, one, difference, &lines, sale)?;
        lines.extend(all);
    }
    to_precision(case, &key, &mut lines);
    let tax_total = lines.iter().map(|line| line.tax.amount).sum();
    let number = String::new();
    Ok(Itemised { number, due_date: case.date, tax_mode: mode, lines, tax_total, cash: None })
}

/// What was taken back of one line; of a delivery of several rates, rate by rate.
fn returned_lines(
    case: &mut Case<'_>,
    key: &DocumentKey,
    sale: &Itemised,
    entry: &Taken<'_>,
    lines: &mut Vec<Line>,
) -> Result<(), Hold> {
    let bands = bands::of(&sale.lines, &entry.source);
    if bands.is_empty() {
        return returned_line(case, key, sale.tax_mode, entry, lines);
    }
    let (with_tax, tax) = (booked_amount(case, entry.with_tax), booked_amount(case, entry.tax));
    let shares = again(case, sale.tax_mode, &bands, with_tax, tax);
    let (before, after) = (case.currency.show(with_tax), shown(case, &shares));
    case.writer.note(key, &entry.source, "delivery_bands", &before, &after);
    lines.extend(shares);
    Ok(())
}

/// Lines of the sale once more, as far as `with_tax` goes, each with its share of the tax.
pub(super) fn again(case: &Case<'_>, mode: TaxMode, lines: &[&Line], with_tax: Decimal, tax: Decimal) -> Vec<Line> {
    let shares = bands::shares(case, lines, with_tax, tax);
    let lines = lines.iter().zip(shares).map(|(line, (with_tax, amount))| Line {
        quantity: Decimal::ONE,
        unit_price: if mode == TaxMode::Inclusive { with_tax } else { with_tax - amount },
        discount: Decimal::ZERO,
        tax: LineTax { amount, ..line.tax.clone() },
        ..(*line).clone()
    });
    lines.filter(|line| !line.unit_price.is_zero()).collect()
}

/// A line for what was taken back, at the sale's rate.
fn returned_line(
    case: &mut Case<'_>,
    key: &DocumentKey,
    mode: TaxMode,
    entry: &Taken<'_>,
    lines: &mut Vec<Line>,
) -> Result<(), Hold> {
    let (with_tax, all_tax) = (booked_amount(case, entry.with_tax), booked_amount(case, entry.tax));
    if with_tax.is_zero() && all_tax.is_zero() {
        return Ok(());
    }
    if case.is_coarse() && !is_in_the_shops(case) && (with_tax, all_tax) != (entry.with_tax, entry.tax) {
        let on_line =
            |with_tax: Decimal, tax: Decimal| if mode == TaxMode::Inclusive { with_tax } else { with_tax - tax };
        let before = (on_line(entry.with_tax, entry.tax), entry.tax);
        note_precision(case, key, &entry.source, before, (on_line(with_tax, all_tax), all_tax));
    }
    let sold = line_taxes(case, entry.role, entry.taxes)?;
    let tax = own_part(case, entry.taxes, all_tax)?;
    let remitted = if sold.marketplace.is_zero() { Decimal::ZERO } else { all_tax - tax };
    // What was sold without tax comes back under the same code.
    let bare = if sold.own.amount.is_zero() {
        LineTax { charged: sold.own.charged.clone(), ..LineTax::none(&sold.own.code) }
    } else {
        untaxed(case)
    };
    let listed = if tax.is_zero() { None } else { Some(LineTax { amount: tax, ..sold.own }) };
    let assumed = if entry.taxes.is_empty() { assumed(case, entry.role, with_tax) } else { None };
    if let Some(tax) = assumed.as_ref().filter(|_| listed.is_none()) {
        note_included(case, key, &entry.source, tax);
    }
    let mut kind = listed.or(assumed).unwrap_or(bare);
    keep_code(case, &entry.source, &mut kind);
    let tax = kind.amount;
    let text = if entry.quantity == Decimal::ONE {
        entry.name.clone()
    } else {
        format!("{} × {}", entry.quantity.normalize(), entry.name)
    };
    let own = with_tax - remitted;
    let (description, more) = case.writer.description(key, &entry.source, &[&text, "Returned goods"]);
    let line = Line {
        role: entry.role,
        source: entry.source.clone(),
        description,
        more,
        quantity: Decimal::ONE,
        unit_price: if mode == TaxMode::Inclusive { own } else { own - tax },
        discount: Decimal::ZERO,
        account: account(case, entry.role)?,
        tax: kind,
    };
    if case.order.taxes_included && mode == TaxMode::Exclusive && !tax.is_zero() {
        note_taken_out(case, key, own, &line);
    }
    lines.push(line);
    if !remitted.is_zero() {
        let role = LineRole::MarketplaceTax;
        lines.push(single(case, role, role.setting(), REMITTED, remitted)?);
        note_marketplace(case, key, &entry.source, remitted);
    }
    Ok(())
}
