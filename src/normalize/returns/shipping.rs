//! Delivery that was given back: which of an order's deliveries, and how much of it is tax.

use rust_decimal::Decimal;

use super::{Reading, Taken, age};
use crate::books::document::LineRole;
use crate::books::hold::Hold;
use crate::normalize::lines::shipping_source;
use crate::normalize::{Case, missing};
use crate::shopify::Refund;
use crate::shopify::money::Side;
use crate::shopify::order::ShippingLine;
use crate::shopify::refund::RefundShippingLine;

/// Delivery given back, counted once: older bodies have it as adjustments, newer ones as lines, some as both.
pub(super) fn taken<'a>(
    case: &Case<'a>,
    refund: &Refund,
    reading: Reading,
    side: Side,
) -> Result<Vec<Taken<'a>>, Hold> {
    let one = case.order.one_currency();
    let lines = &case.order.shipping_lines;
    let (mut amount, mut tax) = (Decimal::ZERO, Decimal::ZERO);
    for adjustment in refund.order_adjustments.iter().filter(|one| one.kind == "shipping_refund") {
        amount -= adjustment.amount(side, one).ok_or_else(|| missing("order_adjustments[].amount_set"))?;
        tax -= adjustment.tax(side, one).ok_or_else(|| missing("order_adjustments[].tax_amount_set"))?;
    }
    let found = |line: &RefundShippingLine| {
        line.shipping_line_id.as_ref().and_then(|id| lines.iter().position(|one| one.id.as_ref() == Some(id)))
    };
    let place = |line: &RefundShippingLine| found(line).unwrap_or(0);
    let told = |line: &RefundShippingLine| line.subtotal_amount_set.map(|set| set.on(side)).unwrap_or_default();
    let entry = |index: usize, with_tax: Decimal, tax: Decimal| entry(case, index, with_tax, tax);
    if !amount.is_zero() {
        let told = refund.refund_shipping_lines.iter().filter_map(|line| Some((found(line)?, told(line))));
        let shares = delivery_shares(case, &told.collect::<Vec<_>>(), amount, tax, side)?;
        return Ok(shares.into_iter().map(|(index, amount, tax)| entry(index, amount + tax, tax)).collect());
    }
    let mut all = Vec::new();
    for line in &refund.refund_shipping_lines {
        let (amount, index) = (told(line), place(line));
        let mut before = Decimal::ZERO;
        for older in case.input.state.refunds.values().filter(|one| age(one) < age(refund)) {
            let named = older.refund_shipping_lines.iter().filter(|line| place(line) == index);
            before += named.map(told).sum::<Decimal>();
            if older.refund_shipping_lines.is_empty() {
                let told = taken(case, older, reading, side)?.into_iter();
                let of_it = told.filter(|one| one.source == shipping_source(case.order, index));
                before += of_it.map(|one| one.with_tax - one.tax).sum::<Decimal>();
            }
        }
        let upto = tax_with(case, index, before + amount, reading, side)?;
        let tax = upto - tax_with(case, index, before, reading, side)?;
        if !amount.is_zero() {
            let with_tax = if reading.shipping_tax { amount + tax } else { amount };
            all.push(entry(index, with_tax, tax));
        }
    }
    Ok(all)
}

/// A whole delivery.
pub(super) fn whole<'a>(case: &Case<'a>, index: usize, side: Side) -> Result<Taken<'a>, Hold> {
    let Some(line) = case.order.shipping_lines.get(index) else {
        return Ok(entry(case, index, Decimal::ZERO, Decimal::ZERO));
    };
    let (charged, tax) = figures(case, line, side)?;
    let with_tax = if case.order.taxes_included { charged } else { charged + tax };
    Ok(entry(case, index, with_tax, tax))
}

fn entry<'a>(case: &Case<'a>, index: usize, with_tax: Decimal, tax: Decimal) -> Taken<'a> {
    Taken {
        source: shipping_source(case.order, index),
        role: LineRole::Shipping,
        name: "Shipping".to_owned(),
        quantity: Decimal::ONE,
        with_tax,
        tax,
        told: None,
        taxes: case.order.shipping_lines.get(index).map_or(&[][..], |line| &line.tax_lines),
    }
}

/// Which deliveries a sum given back is of, with how much of it and of its tax: those that are `told` besides, where they come
/// to it; the one named, where the tax is its own; else the first whose tax it is; else all of them, in proportion to what they
/// cost.
fn delivery_shares(
    case: &Case<'_>,
    told: &[(usize, Decimal)],
    amount: Decimal,
    tax: Decimal,
    side: Side,
) -> Result<Vec<(usize, Decimal, Decimal)>, Hold> {
    let currency = case.order.currency_of(side);
    let mut charged = Vec::new();
    for (index, line) in case.order.shipping_lines.iter().enumerate().filter(|(_, line)| !line.is_removed) {
        let (price, taxes) = figures(case, line, side)?;
        let net = price - if case.order.taxes_included { taxes } else { Decimal::ZERO };
        charged.push((index, net, taxes));
    }
    if told.len() > 1 && told.iter().map(|(_, part)| part).sum::<Decimal>() == amount {
        let own = |(at, part): &(usize, Decimal)| {
            let (price, taxes) = figures(case, &case.order.shipping_lines[*at], side)?;
            let net = price - if case.order.taxes_included { taxes } else { Decimal::ZERO };
            Ok(if net.is_zero() { Decimal::ZERO } else { part * taxes / net })
        };
        let own = told.iter().map(own).collect::<Result<Vec<Decimal>, Hold>>()?;
        let all: Decimal = own.iter().sum();
        let (mut upto, mut given) = (Decimal::ZERO, Decimal::ZERO);
        let share = |((at, part), own): (&(usize, Decimal), Decimal)| {
            upto += own;
            let so_far = if all.is_zero() { tax } else { currency.round(tax * upto / all) };
            let its_tax = so_far - given;
            given = so_far;
            (*at, *part, its_tax)
        };
        return Ok(told.iter().zip(own).map(share).collect());
    }
    // A part's tax is rounded, as is that of the part before it; a delivery without tax has none to give back.
    let is_its_own = |(_, net, taxes): &&(usize, Decimal, Decimal)| {
        let off = if taxes.is_zero() { Decimal::ZERO } else { currency.minor_unit() };
        amount <= *net && !net.is_zero() && (amount * taxes / net - tax).abs() <= off
    };
    let named = told.first().map_or(0, |(index, _)| *index);
    let named = charged.iter().find(|(index, ..)| *index == named);
    if let Some((index, ..)) = named.filter(is_its_own).or_else(|| charged.iter().find(is_its_own)) {
        return Ok(vec![(*index, amount, tax)]);
    }
    let (all, all_taxes): (Decimal, Decimal) =
        charged.iter().fold(Default::default(), |sum: (Decimal, Decimal), one| (sum.0 + one.1, sum.1 + one.2));
    if charged.len() < 2 || all.is_zero() {
        return Ok(vec![(named.map_or(0, |(index, ..)| *index), amount, tax)]);
    }
    let share = |whole: Decimal, upto: Decimal, of: Decimal| {
        if of.is_zero() { whole } else { currency.round(whole * upto / of) }
    };
    let (mut shares, mut nets, mut taxes) = (Vec::new(), Decimal::ZERO, Decimal::ZERO);
    let (mut given, mut given_tax) = (Decimal::ZERO, Decimal::ZERO);
    for (index, net, its_taxes) in charged {
        nets += net;
        taxes += its_taxes;
        let (upto, upto_tax) = (share(amount, nets, all), share(tax, taxes, all_taxes));
        shares.push((index, upto - given, upto_tax - given_tax));
        (given, given_tax) = (upto, upto_tax);
    }
    Ok(shares.into_iter().filter(|(_, amount, tax)| !amount.is_zero() || !tax.is_zero()).collect())
}

/// The tax that goes with so much of a delivery, with all that came back before it: on top of it, or (where prices contain tax) inside it.
fn tax_with(case: &Case<'_>, index: usize, amount: Decimal, reading: Reading, side: Side) -> Result<Decimal, Hold> {
    let Some(line) = case.order.shipping_lines.get(index) else { return Ok(Decimal::ZERO) };
    let (charged, tax) = figures(case, line, side)?;
    let whole = match (case.order.taxes_included, reading.shipping_tax) {
        (true, true) => charged - tax,
        (true, false) => charged,
        (false, true) => charged,
        // Without its tax on top the delivery is given back without tax.
        (false, false) => return Ok(Decimal::ZERO),
    };
    Ok(if whole.is_zero() { Decimal::ZERO } else { case.order.currency_of(side).round(tax * amount / whole) })
}

/// What a delivery cost after its discounts, and its taxes.
fn figures(case: &Case<'_>, line: &ShippingLine, side: Side) -> Result<(Decimal, Decimal), Hold> {
    let one = case.order.one_currency();
    let price = line.price(side, one).ok_or_else(|| missing("shipping_lines[].price_set"))?;
    let discount = line.discount(side, one).ok_or_else(|| missing("shipping_lines[].discount_allocations"))?;
    let taxes = line.tax_lines.iter().map(|tax| tax.amount(side, one)).sum::<Option<Decimal>>();
    Ok((price - discount, taxes.ok_or_else(|| missing("shipping_lines[].tax_lines[].price_set"))?))
}
