//! Amounts between the buyer's currency, the one that is booked, and what the ledger can keep of that.

use rust_decimal::Decimal;

use super::Case;
use super::rounding::largest_rounding;
use crate::books::document::{Conversion, DocumentKey, Line};
use crate::books::money::{Currency, round_half_up};
use crate::books::rules::LedgerName;
use crate::config::{ExchangeRate, Settings};
use crate::shopify::Order;
use crate::shopify::money::Side;

/// The rate that documents in the buyer's currency state: Shopify's of the sale, both totals being known, where the books
/// are kept in the shop's currency. Unless the
/// settings say otherwise it is stated in QuickBooks, which else may take 1, and left to Xero, whose own of the day is the
/// safe choice where no money was exchanged (facts/quickbooks §3, facts/xero §3).
pub(super) fn conversion(settings: &Settings, home: Option<Currency>, order: &Order, side: Side) -> Option<Conversion> {
    let usual = match settings.ledger {
        LedgerName::QuickBooks => ExchangeRate::Shop,
        LedgerName::Xero => ExchangeRate::Ledger,
    };
    let stated = settings.exchange_rate.unwrap_or(usual) == ExchangeRate::Shop;
    let elsewhere = home.is_some_and(|home| home != order.currency);
    if side == Side::Shop || order.one_currency() || elsewhere || !stated {
        return None;
    }
    let (document, home) = (order.total(Side::Presentment)?, order.total(Side::Shop)?);
    let known = document > Decimal::ZERO && home > Decimal::ZERO;
    known.then_some(Conversion { document, home })
}

/// Decimals of booked amounts: the currency's, or what the ledger keeps of them.
pub(super) fn booked_decimals(currency: Currency, kept: u32) -> u32 {
    currency.decimals().min(kept)
}

impl Case<'_> {
    /// `amount` as it is booked.
    pub(super) fn round(&self, amount: Decimal) -> Decimal {
        round_half_up(amount, self.decimals)
    }

    /// The smallest amount that is booked.
    pub(super) fn minor_unit(&self) -> Decimal {
        Decimal::new(1, self.decimals)
    }

    /// True if the ledger keeps fewer decimals than the currency has.
    pub(super) fn is_coarse(&self) -> bool {
        self.decimals < self.currency.decimals()
    }

    /// True if the buyer's amounts are booked as they are.
    pub(super) fn is_one_to_one(&self) -> bool {
        (self.order.one_currency() || self.side == Side::Presentment) && !self.is_coarse()
    }
}

/// True if Shopify's amounts are rounded one by one: converted to the shop's currency, or to the ledger's decimals.
pub(super) fn is_converted(case: &Case<'_>) -> bool {
    case.is_coarse() || is_in_the_shops(case)
}

/// A minor unit of the buyer's currency as it is booked, where that is another one.
pub(super) fn buyers_cent(case: &Case<'_>) -> Decimal {
    let is_converted = is_converted(case) && !case.presentment_total.is_zero();
    let cent = case.order.presentment_currency().minor_unit();
    if is_converted { cent * case.total / case.presentment_total } else { Decimal::ZERO }
}

pub(super) fn is_in_the_shops(case: &Case<'_>) -> bool {
    case.side == Side::Shop && !case.order.one_currency()
}

/// The most by which amounts that were rounded one by one can miss what they come to together: half a minor unit for each
/// of them, a unit price as often as it is charged; and what money that came before its goods misses, for it was booked at
/// the coarser rate of the smaller order. Never above 0.50, as no rounding is (design, rulings).
pub(super) fn conversion_bound(case: &Case<'_>) -> Decimal {
    let (order, two) = (case.order, Decimal::TWO);
    let goods = || order.line_items.iter();
    let taxes = |count: usize| Decimal::from(count);
    let mut bound = Decimal::ZERO;
    let extras = [order.tips(case.side), order.duties(case.side), order.additional_fees(case.side)];
    // The total itself is rounded too.
    let others = Decimal::from(1 + extras.iter().filter(|amount| !amount.is_zero()).count());
    if is_in_the_shops(case) {
        let of_goods = goods().map(|one| one.quantity.0.abs() + taxes(one.discounts() + one.tax_lines.len()));
        let duties = goods().flat_map(|one| &one.duties).map(|duty| taxes(1 + duty.tax_lines.len()));
        let delivery = order.shipping_lines.iter().map(|one| taxes(1 + one.discounts() + one.tax_lines.len()));
        let amounts = of_goods.chain(duties).chain(delivery).sum::<Decimal>() + others;
        bound += amounts * case.currency.minor_unit() / two;
        // A ledger that computes a tax itself does so from what was converted; Shopify rounded it in the buyer's currency.
        bound += taxes(order.listed_taxes().count()) * buyers_cent(case) / two;
        if let (worth, Some(buyers)) = case.input.booked.worth()
            && !case.presentment_total.is_zero()
        {
            bound += (worth - booked_amount(case, buyers)).abs();
        }
    }
    if case.is_coarse() {
        // Line by line: what is charged, and its tax.
        let lines = order.line_items.len() + order.shipping_lines.len();
        let duties = goods().map(|one| one.duties.len()).sum::<usize>();
        bound += (taxes(2 * (lines + duties)) + others) * case.minor_unit() / two;
    }
    let units = (bound / case.minor_unit()).floor() * case.minor_unit();
    units.min(largest_rounding(case.minor_unit()))
}

/// The part of `amount` that `part` is of `whole`, rounded half up to what is booked.
pub(super) fn share(case: &Case<'_>, amount: Decimal, part: Decimal, whole: Decimal) -> Decimal {
    if part == whole {
        return amount;
    }
    if case.is_one_to_one() {
        return part;
    }
    if !is_in_the_shops(case) {
        // Nothing was exchanged: the ledger only keeps fewer decimals.
        return case.round(part);
    }
    if whole.is_zero() { Decimal::ZERO } else { case.round(amount * part / whole) }
}

/// An amount of the buyer's, as it is booked: at the sale's rate.
pub(super) fn booked_amount(case: &Case<'_>, presentment: Decimal) -> Decimal {
    if case.is_one_to_one() || case.presentment_total.is_zero() {
        return presentment;
    }
    if !is_in_the_shops(case) {
        return case.round(presentment);
    }
    case.round(presentment * case.total / case.presentment_total)
}

/// A booked amount in the buyer's currency, at the sale's rate.
pub(super) fn buyers_amount(case: &Case<'_>, booked: Decimal) -> Decimal {
    if !is_in_the_shops(case) || case.total.is_zero() {
        return booked;
    }
    case.order.presentment_currency().round(booked * case.presentment_total / case.total)
}

/// Lines in a currency of which the ledger keeps too few decimals, each rounded to those; a note says so.
pub(super) fn to_precision(case: &mut Case<'_>, key: &DocumentKey, lines: &mut [Line]) {
    if !case.is_coarse() {
        return;
    }
    for line in lines {
        let kept = |amount: Decimal| round_half_up(amount, case.decimals) == amount;
        let (amount, tax) = (line.amount(case.currency), line.tax.amount);
        if kept(line.gross(case.currency)) && kept(line.discount) && kept(tax) {
            continue;
        }
        let (rounded, rounded_tax) = (case.round(amount), case.round(tax));
        note_precision(case, key, &line.source, (amount, tax), (rounded, rounded_tax));
        *line = line.clone().as_one(rounded, rounded_tax);
    }
}

/// An amount and its tax that the ledger keeps with fewer decimals than they have.
pub(super) fn note_precision(
    case: &mut Case<'_>,
    key: &DocumentKey,
    source: &str,
    before: (Decimal, Decimal),
    after: (Decimal, Decimal),
) {
    let show = |(amount, tax): (Decimal, Decimal)| {
        let tax = if tax.is_zero() { String::new() } else { format!(", tax {}", case.currency.show(tax)) };
        format!("{}{tax}", case.currency.show(amount))
    };
    let (before, after) = (show(before), show(after));
    case.writer.note(key, source, "precision", &before, &after);
}
