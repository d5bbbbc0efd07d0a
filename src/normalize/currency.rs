//! Amounts between the buyer's currency, the one that is booked, and what the ledger can keep of that.

use rust_decimal::Decimal;

use super::Case;
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
    fn is_coarse(&self) -> bool {
        self.decimals < self.currency.decimals()
    }

    /// True if the buyer's amounts are booked as they are.
    pub(super) fn is_one_to_one(&self) -> bool {
        (self.order.one_currency() || self.side == Side::Presentment) && !self.is_coarse()
    }
}

/// How many of Shopify's amounts were rounded one by one: converted to the shop's currency, or to the ledger's decimals.
pub(super) fn conversions(case: &Case<'_>) -> usize {
    if !case.is_coarse() && (case.side != Side::Shop || case.order.one_currency()) {
        return 0;
    }
    let goods = case.order.line_items.iter().map(|line| 2 + line.tax_lines.len());
    let shipping = case.order.shipping_lines.iter().map(|line| 2 + line.tax_lines.len());
    let duties = case.order.line_items.iter().flat_map(|line| &line.duties).map(|duty| 1 + duty.tax_lines.len());
    goods.chain(shipping).chain(duties).sum()
}

/// The part of `amount` that `part` is of `whole`, rounded half up to what is booked.
pub(super) fn share(case: &Case<'_>, amount: Decimal, part: Decimal, whole: Decimal) -> Decimal {
    if part == whole {
        return amount;
    }
    if case.is_one_to_one() {
        return part;
    }
    if whole.is_zero() { Decimal::ZERO } else { case.round(amount * part / whole) }
}

/// An amount of the buyer's, as it is booked: at the sale's rate.
pub(super) fn booked_amount(case: &Case<'_>, presentment: Decimal) -> Decimal {
    if case.is_one_to_one() || case.presentment_total.is_zero() {
        return presentment;
    }
    case.round(presentment * case.total / case.presentment_total)
}

/// A booked amount in the buyer's currency, at the sale's rate.
pub(super) fn buyers_amount(case: &Case<'_>, booked: Decimal) -> Decimal {
    if case.is_one_to_one() || case.total.is_zero() {
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
        let show = |amount: Decimal, tax: Decimal| {
            let tax = if tax.is_zero() { String::new() } else { format!(", tax {}", case.currency.show(tax)) };
            format!("{}{tax}", case.currency.show(amount))
        };
        let (before, after) = (show(amount, tax), show(rounded, rounded_tax));
        case.writer.note(key, &line.source, "precision", &before, &after);
        *line = line.clone().as_one(rounded, rounded_tax);
    }
}
