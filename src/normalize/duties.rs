//! Import duties and the taxes on them: a line for each set of taxes, in the sale and in whatever gives duties back.

use rust_decimal::Decimal;

use super::lines::{REMITTED, unplaced};
use super::returns::{Reading, Taken};
use super::tax::{line_taxes, own_part};
use super::{Case, missing};
use crate::books::document::{Line, LineRole, LineTax, TaxMode};
use crate::books::hold::Hold;
use crate::shopify::Refund;
use crate::shopify::money::Side;
use crate::shopify::order::{Duty, TaxLine};

const NAME: &str = "Import duties";

/// Duties that bear the same taxes. Amounts on one side, as the order tells them: where prices contain tax, so do they.
struct Band<'a> {
    taxes: &'a [TaxLine],
    amount: Decimal,
    tax: Decimal,
}

/// The duties by their taxes; nothing where none bears any.
fn bands<'a>(case: &Case<'a>, side: Side) -> Result<Vec<Band<'a>>, Hold> {
    let (order, currency) = (case.order, case.order.currency_of(side));
    let all: Vec<&Duty> = order.line_items.iter().flat_map(|line| &line.duties).collect();
    if all.iter().all(|duty| duty.tax_lines.is_empty()) {
        return Ok(Vec::new());
    }
    let mut bands: Vec<Band<'a>> = Vec::new();
    for duty in all {
        let tax = duty.tax_lines.iter().map(|tax| tax.amount(side, order.one_currency())).sum::<Option<Decimal>>();
        let tax = tax.ok_or_else(|| missing("line_items[].duties[].tax_lines[].price_set"))?;
        let amount = duty.amount(side).ok_or_else(|| missing("line_items[].duties[].shop_money"))?;
        match bands.iter_mut().find(|band| is_alike(band.taxes, &duty.tax_lines)) {
            Some(band) => {
                band.amount += amount;
                band.tax += tax;
            }
            None => bands.push(Band { taxes: &duty.tax_lines, amount, tax }),
        }
    }
    // Shopify's own sum counts. Taxes of duties may be finer than any money.
    let left = order.duties(side) - bands.iter().map(|band| band.amount).sum::<Decimal>();
    bands.iter_mut().for_each(|band| band.tax = currency.round(band.tax));
    bands.first_mut().into_iter().for_each(|band| band.amount += left);
    Ok(bands)
}

fn is_alike(some: &[TaxLine], others: &[TaxLine]) -> bool {
    let name = |tax: &TaxLine| (tax.title.clone(), tax.rate, tax.channel_liable == Some(true));
    some.iter().map(name).eq(others.iter().map(name))
}

/// The lines of an order's duties with their taxes, not placed on an account yet; a marketplace's part of those is one too.
/// Nothing where no duty bears a tax.
pub(super) fn lines(case: &Case<'_>, mode: TaxMode) -> Result<Vec<Line>, Hold> {
    let mut lines = Vec::new();
    let mut marketplace = Decimal::ZERO;
    for (part, band) in (1..).zip(bands(case, case.side)?) {
        let sold = line_taxes(case, LineRole::Duties, band.taxes)?;
        let own = own_part(case, band.taxes, band.tax)?;
        let remitted = if sold.marketplace.is_zero() { Decimal::ZERO } else { band.tax - own };
        marketplace += remitted;
        let within = match (case.order.taxes_included, mode) {
            (false, _) => Decimal::ZERO,
            (true, TaxMode::Inclusive) => remitted,
            (true, TaxMode::Exclusive) => remitted + own,
        };
        let key = LineRole::Duties.setting();
        let source = if part == 1 { key.to_owned() } else { format!("{key}/{part}") };
        let line = unplaced(case, LineRole::Duties, &source, NAME, band.amount - within);
        lines.push(Line { tax: LineTax { amount: own, ..sold.own }, ..line });
    }
    if !marketplace.is_zero() {
        lines.push(unplaced(case, LineRole::MarketplaceTax, "marketplace_tax:duties", REMITTED, marketplace));
    }
    Ok(lines)
}

/// Duties that a refund gives back, with their part of the tax: told as the order tells prices, or the other way.
pub(super) fn taken<'a>(
    case: &Case<'a>,
    refund: &Refund,
    reading: Reading,
    side: Side,
) -> Result<Option<Taken<'a>>, Hold> {
    let amount = refund.duties(side);
    if amount.is_zero() {
        return Ok(None);
    }
    let bands = bands(case, side)?;
    let (whole, taxes): (Decimal, Decimal) =
        bands.iter().fold(Default::default(), |sum: (Decimal, Decimal), one| (sum.0 + one.amount, sum.1 + one.tax));
    let included = case.order.taxes_included;
    let on_top = included == reading.is_net();
    let basis = match (included, on_top) {
        (true, true) => whole - taxes,
        (false, false) => whole + taxes,
        _ => whole,
    };
    let share = if basis.is_zero() { Decimal::ZERO } else { taxes * amount / basis };
    let tax = case.order.currency_of(side).round(share);
    Ok(Some(Taken {
        source: LineRole::Duties.setting().to_owned(),
        role: LineRole::Duties,
        name: NAME.to_owned(),
        quantity: Decimal::ONE,
        with_tax: if on_top { amount + tax } else { amount },
        tax,
        told: None,
        taxes: bands.first().map_or(&[], |band| band.taxes),
    }))
}
