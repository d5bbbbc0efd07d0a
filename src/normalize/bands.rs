//! Delivery that bears several rates, each on a part of it: such a delivery is a line for each, in the sale and in whatever
//! takes it back.

use rust_decimal::Decimal;

use super::currency::{buyers_cent, is_converted};
use super::lines::{sum, tax_mode};
use super::tax::{codes, is_mapped, line_taxes, rate, sold_untaxed, zero_rated};
use super::{Case, missing};
use crate::books::document::{Line, LineRole, LineTax};
use crate::books::hold::Hold;
use crate::shopify::order::TaxLine;

/// Delivery of goods with different rates: each of its taxes is for a share of it, not for the whole
/// (facts/shopify §3.5). The share of a tax is tax ÷ rate; what is left bears none. `None` where one rate, or several
/// on the whole, explain the taxes: those need a code for all of them together.
pub(super) fn bands(case: &Case<'_>, line: &Line, taxes: &[TaxLine]) -> Result<Option<Vec<(Decimal, LineTax)>>, Hold> {
    let is_remitted = taxes.iter().any(|tax| tax.channel_liable == Some(true));
    if taxes.len() < 2 || is_remitted || !codes(case) {
        return Ok(None);
    }
    let one = case.order.one_currency();
    let charged = line.amount(case.currency);
    let mut amounts = Vec::new();
    for tax in taxes {
        amounts.push(tax.amount(case.side, one).ok_or_else(|| missing("tax_lines[].price_set"))?);
    }
    let total: Decimal = amounts.iter().sum();
    let net = if case.order.taxes_included { charged - total } else { charged };
    let cent = case.minor_unit();
    // Converted one by one, net and tax may each be off by a minor unit.
    let off = if is_converted(case) { cent + cent } else { cent };
    let on_the_whole = |(tax, amount): (&TaxLine, &Decimal)| (net * rate(tax) - amount).abs() <= off;
    // On something small nobody can tell: then it is what there is a code for.
    if total.is_zero() || (taxes.iter().zip(&amounts).all(on_the_whole) && is_mapped(case, taxes)) {
        return Ok(None);
    }
    let charged: Vec<(&TaxLine, Decimal)> = taxes.iter().zip(amounts).filter(|(_, amount)| !amount.is_zero()).collect();
    if charged.iter().any(|(tax, _)| rate(tax).is_zero()) {
        return Ok(None);
    }
    // A tax is rounded, so that its share is only known so well; the rest goes where it changes no tax.
    let slack: Decimal = charged.iter().map(|(tax, _)| cent / (rate(tax) + rate(tax))).sum();
    // Where amounts are converted, they were rounded in the buyer's currency before.
    let rounded = cent + buyers_cent(case);
    let unsure: Decimal = rounded + charged.iter().map(|(tax, _)| rounded / (rate(tax) + rate(tax))).sum::<Decimal>();
    let (mut bands, mut left) = (Vec::new(), net);
    for &(tax, amount) in &charged {
        let share = case.round(amount / rate(tax));
        let base = share.min(left);
        // Beyond what was charged they are on the same amount, one on the other: no parts of it.
        if base <= Decimal::ZERO || share - base > unsure {
            let whole = charged.iter().position(|(tax, amount)| on_the_whole((tax, amount)));
            return whole.map_or(Ok(None), |whole| one_on_all(case, net, &charged, whole));
        }
        left -= base;
        bands.push((base, line_taxes(case, LineRole::Shipping, std::slice::from_ref(tax))?.own));
    }
    let takes_rest =
        |(base, tax): &&mut (Decimal, LineTax)| (case.round((*base + left) * tax.rate) - tax.amount).is_zero();
    match bands.iter_mut().find(takes_rest) {
        Some((base, _)) if left <= slack.max(cent) => *base += left,
        _ if left > cent => {
            let zero_rated = taxes.iter().find_map(|tax| zero_rated(case, tax));
            bands.push((left, zero_rated.unwrap_or_else(|| sold_untaxed(case, LineRole::Shipping))));
        }
        _ => bands.last_mut().into_iter().for_each(|(base, _)| *base += left),
    }
    Ok((bands.len() > 1).then_some(bands))
}

/// One of the taxes is on all of a delivery, each of the others on a part of it: the parts bear both, the rest just the one.
/// `None` where no rest is left: then all of them are on the whole.
fn one_on_all(
    case: &Case<'_>,
    net: Decimal,
    charged: &[(&TaxLine, Decimal)],
    whole: usize,
) -> Result<Option<Vec<(Decimal, LineTax)>>, Hold> {
    let (on_all, mut tax_left) = charged[whole];
    let (mut bands, mut left) = (Vec::new(), net);
    for (_, (tax, amount)) in charged.iter().enumerate().filter(|(at, _)| *at != whole) {
        let base = case.round(*amount / rate(tax));
        left -= base;
        if left <= Decimal::ZERO {
            return Ok(None);
        }
        let part = case.round(base * rate(on_all));
        tax_left -= part;
        let both = line_taxes(case, LineRole::Shipping, &[on_all.clone(), (*tax).clone()])?.own;
        bands.push((base, LineTax { amount: part + amount, ..both }));
    }
    let one = line_taxes(case, LineRole::Shipping, std::slice::from_ref(on_all))?.own;
    bands.push((left, LineTax { amount: tax_left, ..one }));
    Ok(Some(bands))
}

/// The lines that a delivery of several rates became; nothing where it is one line.
pub(super) fn of<'a>(lines: &'a [Line], source: &str) -> Vec<&'a Line> {
    let all: Vec<&Line> = lines.iter().filter(|line| line.source.split('/').next() == Some(source)).collect();
    if all.len() > 1 { all } else { Vec::new() }
}

/// What of `with_tax` belongs to each of the bands, and the tax in it: in their proportion, together exactly all of it.
pub(super) fn shares(case: &Case<'_>, bands: &[&Line], with_tax: Decimal, tax: Decimal) -> Vec<(Decimal, Decimal)> {
    let worth = |line: &Line| sum(case, tax_mode(case), std::slice::from_ref(line));
    let whole: Decimal = bands.iter().map(|line| worth(line)).sum();
    if whole.is_zero() {
        return Vec::new();
    }
    let (mut cumulated, mut placed) = (Decimal::ZERO, Decimal::ZERO);
    let mut shares: Vec<(Decimal, Decimal)> = Vec::new();
    for band in bands {
        cumulated += worth(band);
        let upto = case.round(with_tax * cumulated / whole);
        let share = upto - placed;
        placed = upto;
        // A line whose taxes are each on a part of it, where no code computes them, has a tax that is not its rate's.
        let by_rate = |amount: Decimal| amount * band.tax.rate / (Decimal::ONE + band.tax.rate);
        let is_off = (band.tax.amount - by_rate(worth(band))).abs() > case.minor_unit();
        let effective = band.tax.amount.checked_div(worth(band)).filter(|_| is_off && !codes(case));
        shares.push((share, case.round(effective.map_or_else(|| by_rate(share), |rate| share * rate))));
    }
    // The parts' taxes are rounded one by one; Shopify's tax of the whole is right.
    let off = tax - shares.iter().map(|(_, tax)| *tax).sum::<Decimal>();
    let cents = case.minor_unit() * Decimal::from(bands.len());
    let taxed = shares.iter_mut().zip(bands).filter(|(_, band)| !band.tax.rate.is_zero());
    if let Some(((_, largest), _)) = taxed.max_by_key(|((_, tax), _)| *tax).filter(|_| off.abs() <= cents) {
        *largest += off;
    }
    shares
}
