//! From Shopify's tax lines to a ledger's tax code; and, where the settings say so, to a line of its own.

use rust_decimal::Decimal;

use super::currency::{buyers_cent, conversion_bound};
use super::lines::account;
use super::owed::{LOWERED, sold_as};
use super::rounding::bound;
use super::{Case, Input, missing};
use crate::books::computation::percent;
use crate::books::document::{DocumentKey, Itemised, Line, LineRole, LineTax, TaxMode};
use crate::books::hold::{Hold, HoldReason};
use crate::books::rules::TaxModel;
use crate::config::TaxBooking;
use crate::shopify::money::MOST_UNITS;
use crate::shopify::order::TaxLine;

/// How an order's taxes are booked: as the settings say; once something of it is final as it is booked, lest what is said twice
/// in two ways.
pub(super) fn booking(input: &Input<'_>) -> TaxBooking {
    let sales = input.booked.final_sales();
    let lines = || sales.iter().filter_map(|one| one.itemised()).flat_map(|body| &body.lines);
    if lines().any(|line| line.role == LineRole::Tax || !line.tax.apart.is_empty()) {
        return TaxBooking::Line;
    }
    let is_coded = |line: &Line| !line.tax.rate.is_zero() || line.tax.charged.is_some();
    if lines().any(is_coded) { TaxBooking::Codes } else { input.settings.tax }
}

/// A setting that names another code for the same taxes changes nothing of what is booked: what is final stays under its code,
/// and so does what is taken back of it.
pub(super) fn keep_code(case: &Case<'_>, source: &str, tax: &mut LineTax) {
    let sales = case.input.booked.final_sales();
    let mut lines = sales.iter().rev().filter_map(|one| one.itemised()).flat_map(|body| &body.lines);
    let is_it = |line: &&Line| line.source == source && line.tax.rate == tax.rate && line.unit_price > Decimal::ZERO;
    let booked = lines.find(is_it).map(|line| &line.tax);
    if let Some(booked) = booked.filter(|booked| !tax.has_moved_from(booked)) {
        (tax.code, tax.charged) = (booked.code.clone(), booked.charged.clone());
    }
}

/// What the seller has to remit of a line's taxes, and what a marketplace remits itself.
pub(super) struct LineTaxes {
    pub own: LineTax,
    pub marketplace: Decimal,
}

/// The seller's part of `tax`, which is some or all of what a line's `taxes` come to; the rest a marketplace remits.
pub(super) fn own_part(case: &Case<'_>, taxes: &[TaxLine], tax: Decimal) -> Result<Decimal, Hold> {
    let (mut all, mut own) = (Decimal::ZERO, Decimal::ZERO);
    for line in taxes {
        let amount = line.amount(case.side, case.order.one_currency());
        let amount = amount.ok_or_else(|| missing("tax_lines[].price_set"))?;
        all += amount;
        own += if line.channel_liable == Some(true) { Decimal::ZERO } else { amount };
    }
    Ok(if all.is_zero() { Decimal::ZERO } else { case.round(tax * own / all) })
}

/// The highest rate that is believed; far above every tax there is.
const HIGHEST_RATE: i64 = 10;

/// Refuses an order whose taxes cannot be what they say: rates that no tax has, and prices that contain more tax than its
/// lines list. There the lines add up all the same, and the tax would be lost without a word.
pub(super) fn check(case: &Case<'_>) -> Result<(), Hold> {
    let (order, one) = (case.order, case.order.one_currency());
    let mut listed = Decimal::ZERO;
    check_quantities(case)?;
    for line in order.listed_taxes() {
        if !(Decimal::ZERO..=Decimal::from(HIGHEST_RATE)).contains(&rate(line)) {
            let text = format!("tax_lines[].rate of \"{}\" is {}", short(&line.title), rate(line));
            return Err(Hold::new(HoldReason::OrderInconsistent, text));
        }
        listed += line.amount(case.side, one).ok_or_else(|| missing("tax_lines[].price_set"))?;
    }
    let stated = order.total_tax(case.side).unwrap_or_default();
    let most = bound(case, order.listed_taxes().count()).max(conversion_bound(case));
    if order.taxes_included && stated - listed > most {
        let show = |amount| case.currency.show(amount);
        let text = format!("the order states {} of tax, its lines list {}", show(stated), show(listed));
        return Err(Hold::new(HoldReason::OrderInconsistent, text));
    }
    Ok(())
}

/// Quantities that nothing has would make figures that nothing can hold.
fn check_quantities(case: &Case<'_>) -> Result<(), Hold> {
    let sold = case.order.line_items.iter().flat_map(|one| [Some(one.quantity), one.current_quantity]).flatten();
    let refunds = case.input.state.refunds.values().flat_map(|refund| &refund.refund_line_items);
    let mut all = sold.chain(refunds.map(|one| one.quantity)).map(|one| one.0);
    match all.find(|quantity| quantity.abs() > Decimal::from(MOST_UNITS)) {
        None => Ok(()),
        Some(quantity) => {
            Err(Hold::new(HoldReason::OrderInconsistent, format!("a line has a quantity of {}", quantity.normalize())))
        }
    }
}

/// Reads the taxes of one line of a kind. A tax without a mapping is a hold, never an exemption.
pub(super) fn line_taxes(case: &Case<'_>, role: LineRole, lines: &[TaxLine]) -> Result<LineTaxes, Hold> {
    let mut own = Vec::new();
    let mut marketplace = Decimal::ZERO;
    for line in lines {
        let amount =
            line.amount(case.side, case.order.one_currency()).ok_or_else(|| missing("tax_lines[].price_set"))?;
        if line.channel_liable == Some(true) {
            marketplace += amount;
        } else {
            own.push((line, amount));
        }
    }
    let amount: Decimal = own.iter().map(|(_, amount)| *amount).sum();
    let borne: Vec<&TaxLine> = own.iter().filter(|(_, amount)| !amount.is_zero()).map(|(line, _)| *line).collect();
    let charged = charged(case, &own);
    let own = if borne.is_empty() {
        match lines.iter().find_map(|line| zero_rated(case, line)) {
            Some(zero_rated) => zero_rated,
            // A tax that is listed and not charged: the sale is exempt from it.
            None if marketplace.is_zero() => sold_untaxed(case, role),
            None => untaxed(case),
        }
    } else {
        // One of several may have come to nothing on a small amount: the line bears it all the same.
        let mut taxes = if charged.len() > borne.len() { charged } else { borne.clone() };
        let mut code = code(case, &taxes);
        if code.is_none() && taxes.len() > borne.len() {
            taxes = borne;
            code = self::code(case, &taxes);
        }
        let code = code.ok_or_else(|| unmapped(case, &taxes))?;
        let rates: Vec<Decimal> = taxes.iter().map(|line| rate(line)).collect();
        let (rate, several) = (rates.iter().sum(), rates.len() > 1);
        let (rates, charged) = (if several { rates } else { Vec::new() }, charged_as(case, &taxes));
        LineTax { amount, rate, rates, charged, ..LineTax::none(code) }
    };
    Ok(LineTaxes { own, marketplace })
}

/// The taxes that a line bears: those that come to something, and those that come to nothing because what they are of is so
/// little. A tax of 0.00 on more than that is one that the buyer or the goods are exempt from.
fn charged<'a>(case: &Case<'_>, own: &[(&'a TaxLine, Decimal)]) -> Vec<&'a TaxLine> {
    let half = case.minor_unit().max(buyers_cent(case)) / Decimal::TWO;
    let taxed = own.iter().filter(|(line, amount)| !amount.is_zero() && !rate(line).is_zero());
    let at_least = taxed.map(|(line, amount)| (amount.abs() - half).max(Decimal::ZERO) / rate(line)).max();
    let is_little = |line: &TaxLine| at_least.is_none_or(|base| base * rate(line) <= half);
    let bears = |(line, amount): &&(&TaxLine, Decimal)| !rate(line).is_zero() && (!amount.is_zero() || is_little(line));
    own.iter().filter(bears).map(|(line, _)| *line).collect()
}

/// A line that bears no tax.
pub(super) fn untaxed(case: &Case<'_>) -> LineTax {
    LineTax::none(no_tax(case))
}

/// What is sold without tax: to a tax return it may be something else than what is no sale at all, as a gift card.
pub(super) fn sold_untaxed(case: &Case<'_>, role: LineRole) -> LineTax {
    let is_sold = matches!(role, LineRole::Sales | LineRole::Shipping) && codes(case);
    let code = case.input.settings.untaxed_code(country(case)).filter(|_| is_sold);
    let charged = charged_as(case, &[]).filter(|_| is_sold);
    LineTax { charged, ..LineTax::none(code.unwrap_or_else(|| no_tax(case))) }
}

/// What a code is chosen for, as the order says it: its country and its taxes. An order that names no country does not say
/// it: an address may also have been erased.
fn charged_as(case: &Case<'_>, taxes: &[&TaxLine]) -> Option<String> {
    let country = case.order.country().filter(|_| codes(case))?;
    let one = |tax: &&TaxLine| format!("{} {}", short(&tax.title), percent(rate(tax)));
    let named = taxes.iter().map(one).collect::<Vec<_>>().join(" + ");
    Some(format!("{country}: {}", if named.is_empty() { "no tax" } else { &named }))
}

/// The tax in a price for which Shopify lists none, where the settings say what such prices contain. Only where the order
/// lists no tax at all: else its lists are to be believed.
pub(super) fn assumed(case: &Case<'_>, role: LineRole, with_tax: Decimal) -> Option<LineTax> {
    let is_taxed = matches!(role, LineRole::Sales | LineRole::Shipping);
    if !is_taxed || !case.order.taxes_included || case.order.tax_exempt || case.order.lists_taxes() {
        return None;
    }
    let named = case.input.settings.included_tax.as_ref().map(|tax| (tax.rate.0, tax.code.clone()));
    let (rate, code) = assumed_before(case, named.as_ref().map(|(rate, _)| *rate)).unwrap_or(named)?;
    let amount = included(case, with_tax, rate);
    let code = if codes(case) { code } else { no_tax(case).to_owned() };
    (!amount.is_zero()).then(|| LineTax { amount, rate, assumed: true, ..LineTax::none(&code) })
}

/// The rate and the code that were assumed when the sale became final, or that none was; `None` where the settings say it: it
/// is not final, its tax was listed, or nothing was sold whose price could contain a tax of today's `named` rate.
fn assumed_before(case: &Case<'_>, named: Option<Decimal>) -> Option<Option<(Decimal, String)>> {
    let sales = case.input.booked.final_sales();
    let sold = || sales.iter().filter_map(|one| one.itemised()).flat_map(|body| &body.lines);
    if let Some(line) = sold().find(|line| line.tax.assumed) {
        return Some(Some((rates_of(line).iter().sum(), line.tax.code.clone())));
    }
    let is_taxed = |line: &Line| !rates_of(line).is_empty();
    let could_be = |line: &Line| {
        let (amount, rate) = (line.amount(case.currency), named.unwrap_or(Decimal::ONE));
        matches!(line.role, LineRole::Sales | LineRole::Shipping) && !included(case, amount, rate).is_zero()
    };
    (!sold().any(is_taxed) && sold().any(could_be)).then_some(None)
}

/// The tax of a rate in a price that contains it.
fn included(case: &Case<'_>, with_tax: Decimal, rate: Decimal) -> Decimal {
    case.round(with_tax * rate / (Decimal::ONE + rate))
}

/// True if lines carry tax codes.
pub(super) fn codes(case: &Case<'_>) -> bool {
    case.input.rules.tax_model() == TaxModel::CodePerLine && case.tax == TaxBooking::Codes
}

fn no_tax<'a>(case: &Case<'a>) -> &'a str {
    match case.input.rules.tax_model() {
        TaxModel::TotalOnly => "",
        TaxModel::CodePerLine => case.input.settings.no_tax.as_deref().unwrap_or_default(),
    }
}

/// Where the goods go; without an address, as at the point of sale, where the shop is.
fn country<'a>(case: &Case<'a>) -> Option<&'a str> {
    case.order.country().or(case.input.settings.country.as_deref())
}

pub(super) fn rate(line: &TaxLine) -> Decimal {
    line.rate.map(|rate| rate.0).unwrap_or_default().normalize()
}

fn code<'a>(case: &Case<'a>, taxes: &[&TaxLine]) -> Option<&'a str> {
    if !codes(case) {
        return Some(no_tax(case));
    }
    let taxes: Vec<(&str, Decimal)> = taxes.iter().map(|one| (one.title.as_str(), rate(one))).collect();
    case.input.settings.tax_code(country(case), &taxes)
}

/// True if there is a code for these taxes together, as far as they have a rate.
pub(super) fn is_mapped(case: &Case<'_>, taxes: &[TaxLine]) -> bool {
    let charged: Vec<&TaxLine> = taxes.iter().filter(|line| !rate(line).is_zero()).collect();
    charged.len() < 2 || code(case, &charged).is_some()
}

/// A tax of 0 %, where the settings name a code for it: to a tax return, zero-rated is not untaxed.
pub(super) fn zero_rated(case: &Case<'_>, line: &TaxLine) -> Option<LineTax> {
    if !codes(case) || !rate(line).is_zero() || line.channel_liable == Some(true) {
        return None;
    }
    let code = case.input.settings.zero_tax_code(country(case), &line.title)?;
    Some(LineTax { charged: charged_as(case, &[line]), ..LineTax::none(code) })
}

fn unmapped(case: &Case<'_>, taxes: &[&TaxLine]) -> Hold {
    let named: Vec<String> =
        taxes.iter().map(|one| format!("\"{}\" at rate {}", short(&one.title), rate(one))).collect();
    let pairs: Vec<(&str, Decimal)> = taxes.iter().map(|one| (one.title.as_str(), rate(one))).collect();
    let meant = case.input.settings.code_of_another_rate(country(case), &pairs);
    let meant = meant.map(|(key, rate)| format!("; the code of {key} is for the rate {}", rate.normalize()));
    let country = country(case).unwrap_or("(unknown; the setting `country` says it for orders without an address)");
    let text = format!("no entry of `taxes` fits {} for country {country}", named.join(" with "));
    Hold::new(HoldReason::TaxUnmapped, text + &meant.unwrap_or_default())
}

fn short(title: &str) -> String {
    title.chars().filter(|letter| !letter.is_control()).take(60).collect()
}

/// Where the settings book tax as a line (`tax = "line"`): every line without its tax, and the tax of each rate on a line
/// of its own. Prices have been taken apart before: such a document's amounts are always without tax.
pub(super) fn as_lines(case: &mut Case<'_>, key: &DocumentKey, body: &mut Itemised) -> Result<(), Hold> {
    if case.tax == TaxBooking::Codes {
        return Ok(());
    }
    debug_assert_eq!(body.tax_mode, TaxMode::Exclusive);
    let mut taxes: Vec<(String, &str, Decimal)> = Vec::new();
    for line in body.lines.iter().filter(|line| !line.tax.amount.is_zero()) {
        let name = name(&line.tax);
        let mark = if line.source.starts_with(LOWERED) { LOWERED } else { "" };
        match taxes.iter_mut().find(|(known, of, _)| *known == name && *of == mark) {
            Some((.., amount)) => *amount += line.tax.amount,
            None => taxes.push((name, mark, line.tax.amount)),
        }
    }
    // Also a line on which the tax comes to nothing: the ledger would find some by its rate.
    for line in &mut body.lines {
        let apart = if line.tax.amount.is_zero() { Vec::new() } else { line.tax.components() };
        line.tax = LineTax { apart, assumed: line.tax.assumed, ..untaxed(case) };
        keep_code(case, &sold_as(&line.source), &mut line.tax);
    }
    for (name, mark, amount) in taxes.into_iter().filter(|(.., amount)| !amount.is_zero()) {
        let source = format!("{mark}{TAX}{name}");
        let after = case.currency.show(amount);
        case.writer.note(key, &source, "tax_as_line", "", &after);
        body.lines.push(Line {
            role: LineRole::Tax,
            source,
            description: if name.is_empty() { "Tax".to_owned() } else { format!("Tax {name}") },
            more: Vec::new(),
            quantity: Decimal::ONE,
            unit_price: amount,
            discount: Decimal::ZERO,
            account: account(case, LineRole::Tax)?,
            tax: untaxed(case),
        });
    }
    body.tax_total = Decimal::ZERO;
    Ok(())
}

/// How the sources of lines that are taxes begin; the names of their rates follow.
const TAX: &str = "tax:";

/// A tax by its rates, for the source of a line that is of all that bears it: `20 %`, `15 % + 5 %`, `0 %`.
pub(super) fn title(tax: &LineTax) -> String {
    Some(name(tax)).filter(|name| !name.is_empty()).unwrap_or_else(|| percent(Decimal::ZERO))
}

/// The names of a tax's rates.
fn name(tax: &LineTax) -> String {
    tax.components().into_iter().map(percent).collect::<Vec<_>>().join(" + ")
}

/// The rates that a booked line bears, on itself or on a line of their own.
pub(super) fn rates_of(booked: &Line) -> Vec<Decimal> {
    Some(booked.tax.components()).filter(|rates| !rates.is_empty()).unwrap_or_else(|| booked.tax.apart.clone())
}

/// The rate that a booked line was under, where `taxes` charge its goods another one now; a marketplace's is no part of either.
pub(super) fn another_rate(case: &Case<'_>, booked: &Line, taxes: &[TaxLine]) -> Option<Decimal> {
    let is_charged =
        |tax: &&TaxLine| tax.amount(case.side, case.order.one_currency()).is_some_and(|amount| !amount.is_zero());
    if taxes.iter().any(|tax| tax.channel_liable == Some(true)) {
        return None;
    }
    // One of several may have come to nothing on a small amount: the line may bear it all the same.
    let now: [Decimal; 2] = [taxes.iter().filter(is_charged).map(rate).sum(), taxes.iter().map(rate).sum()];
    let then: Decimal = rates_of(booked).iter().sum();
    (!now.contains(&then)).then_some(then)
}

/// The lines of a document, or of all parts of one, that were of something, with the tax that is on lines of its own back on
/// them.
pub(super) fn on_lines(case: &Case<'_>, lines: impl Iterator<Item = Line>) -> Vec<Line> {
    let (taxes, mut lines): (Vec<Line>, Vec<Line>) = lines.partition(|line| line.role == LineRole::Tax);
    for line in lines.iter_mut().filter(|line| line.tax.rate.is_zero()) {
        let rates = rates_of(line);
        let rate = rates.iter().sum();
        let amount = case.round(line.amount(case.currency) * rate);
        let rates = if rates.len() > 1 { rates } else { Vec::new() };
        line.tax = LineTax { amount, rate, rates, ..line.tax.clone() };
    }
    // Together they are what was booked: the first takes what rounding left.
    for tax in taxes {
        let mut of_it: Vec<&mut Line> =
            lines.iter_mut().filter(|line| tax.source.strip_prefix(TAX) == Some(&name(&line.tax))).collect();
        let left = tax.unit_price - of_it.iter().map(|line| line.tax.amount).sum::<Decimal>();
        of_it.first_mut().into_iter().for_each(|line| line.tax.amount += left);
    }
    lines
}
