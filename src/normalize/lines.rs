//! The lines of a sale: gross goods and delivery with their discounts and taxes, and whatever else Shopify charged, under
//! the reading in which the order's own figures add up.

use rust_decimal::Decimal;

use super::bands::bands;
use super::currency::{conversion_bound, to_precision};
use super::notes::{note_included, note_marketplace, note_taken_out, shown};
use super::tax::{assumed, line_taxes, untaxed};
use super::{Case, duties, missing};
use crate::books::document::{DocumentKey, Line, LineRole, TaxMode};
use crate::books::hold::{Hold, HoldReason};
use crate::config::TaxBooking;
use crate::shopify::Order;
use crate::shopify::order::{LineItem, ShippingLine, TaxLine};

/// Something that may or may not be part of the order's total: bodies differ, and only the sum tells.
struct Doubtful {
    line: Line,
    /// Part of the usual reading.
    usual: bool,
}

/// What the line of a marketplace's tax is called.
pub(super) const REMITTED: &str = "Tax collected and remitted by the marketplace";

/// The order's own convention, where the ledger can express it and tax is not a line of its own.
pub(super) fn tax_mode(case: &Case<'_>) -> TaxMode {
    let by_codes = case.tax == TaxBooking::Codes;
    if case.order.taxes_included && by_codes && case.input.rules.accepts(TaxMode::Inclusive) {
        TaxMode::Inclusive
    } else {
        TaxMode::Exclusive
    }
}

/// All lines of the order as it was sold, before anything was taken away. They come to the order's total, exactly or
/// (where amounts were converted one by one) within one minor unit for each of them.
pub(super) fn sale_lines(case: &mut Case<'_>, key: &DocumentKey) -> Result<Vec<Line>, Hold> {
    let mode = tax_mode(case);
    let order = case.order;
    let (mut lines, mut doubtful) = (Vec::new(), Vec::new());
    let mut marketplace = Decimal::ZERO;
    for (index, item) in order.line_items.iter().enumerate() {
        if item.quantity.0 < Decimal::ZERO {
            let text = format!("line_items[{index}].quantity is below zero");
            return Err(Hold::new(HoldReason::OrderInconsistent, text));
        }
        if item.quantity.0 > Decimal::ZERO {
            marketplace += goods(case, key, mode, index, item, &mut lines)?;
        }
    }
    for (index, item) in order.shipping_lines.iter().enumerate() {
        let mut own = Vec::new();
        let remitted = shipping(case, key, mode, index, item, &mut own)?;
        if item.is_removed {
            if !remitted.is_zero() {
                let (source, role) = (shipping_source(order, index), LineRole::MarketplaceTax);
                own.push(unplaced(case, role, &format!("{source}/marketplace"), REMITTED, remitted));
            }
            doubtful.extend(own.into_iter().map(|line| Doubtful { line, usual: false }));
        } else {
            marketplace += remitted;
            lines.extend(own);
        }
    }
    let has_tip = lines.iter().any(|line| line.role == LineRole::Tips);
    for (role, text, amount, usual) in [
        (LineRole::Tips, "Tip", order.tips(case.side), !has_tip),
        (LineRole::Duties, "Import duties", order.duties(case.side), !order.duties_included),
        (LineRole::Fees, "Additional fees", order.additional_fees(case.side), true),
    ] {
        let taxed = if role == LineRole::Duties { duties::lines(case, mode)? } else { Vec::new() };
        let is_taxed = !taxed.is_empty() && !amount.is_zero();
        if is_taxed {
            doubtful.extend(taxed.into_iter().map(|line| Doubtful { line, usual }));
        }
        if !amount.is_zero() {
            let usual = usual && !is_taxed;
            // Only what turns out to be part of the total needs an account.
            doubtful.push(Doubtful { line: unplaced(case, role, role.setting(), text, amount), usual });
        }
    }
    if !marketplace.is_zero() {
        let role = LineRole::MarketplaceTax;
        lines.push(single(case, role, role.setting(), REMITTED, marketplace)?);
        note_marketplace(case, key, "tax_lines[].channel_liable", marketplace);
    }
    let rounding = order.cash_rounding(case.side);
    if !rounding.is_zero() {
        lines.push(single(case, LineRole::Rounding, "cash_rounding", "Cash rounding", rounding)?);
    }
    let fitting = fitting(case, mode, &lines, doubtful)?;
    for line in fitting.iter().filter(|line| line.role == LineRole::MarketplaceTax) {
        note_marketplace(case, key, &line.source, line.unit_price);
    }
    // Goods and delivery say so themselves.
    let parted = |line: &&Line| line.role == LineRole::Duties && !line.tax.amount.is_zero();
    if order.taxes_included && mode == TaxMode::Exclusive {
        for line in fitting.iter().filter(parted) {
            note_taken_out(case, key, line.unit_price + line.tax.amount, line);
        }
    }
    lines.extend(fitting);
    to_precision(case, key, &mut lines);
    Ok(lines)
}

/// Lines and, where it comes on top, their tax.
pub(super) fn sum(case: &Case<'_>, mode: TaxMode, lines: &[Line]) -> Decimal {
    let on_top = |line: &Line| if mode == TaxMode::Exclusive { line.tax.amount } else { Decimal::ZERO };
    lines.iter().map(|line| line.amount(case.currency) + on_top(line)).sum()
}

/// The most doubtful lines of which every set is tried: an order has a few. Further ones are read as they usually are.
const MOST_DOUBTFUL: usize = 10;

/// The doubtful lines under which everything comes to the order's total: the usual ones, else the set that fits.
fn fitting(case: &Case<'_>, mode: TaxMode, lines: &[Line], doubtful: Vec<Doubtful>) -> Result<Vec<Line>, Hold> {
    let certain = sum(case, mode, lines);
    let tried = || doubtful.iter().take(MOST_DOUBTFUL).enumerate();
    let usual: u32 = tried().map(|(at, one)| u32::from(one.usual) << at).sum();
    let taken = |set: u32| {
        let chosen = tried().filter(|(at, _)| set >> at & 1 == 1).map(|(_, one)| one);
        let others = doubtful.iter().skip(MOST_DOUBTFUL).filter(|one| one.usual);
        chosen.chain(others).map(|one| one.line.clone()).collect::<Vec<_>>()
    };
    let difference = |set: u32| case.total - certain - sum(case, mode, &taken(set));
    let all = || std::iter::once(usual).chain(0..1 << doubtful.len().min(MOST_DOUBTFUL));
    let bound = conversion_bound(case);
    let fits = |set: &u32| difference(*set).abs() <= bound;
    // Converted one by one, what belongs to the total may miss it by some cents.
    let nearest = || all().filter(fits).min_by_key(|set| difference(*set).abs());
    let exact = all().find(|set| difference(*set).is_zero());
    let chosen = exact.or_else(|| Some(usual).filter(fits)).or_else(nearest).unwrap_or(usual);
    if !fits(&chosen) {
        let show = |amount| case.currency.show(amount);
        let text = format!(
            "lines, delivery and tax come to {}, the order's total is {} (difference {})",
            show(case.total - difference(chosen)),
            show(case.total),
            show(difference(chosen))
        );
        return Err(Hold::new(HoldReason::OrderInconsistent, text));
    }
    taken(chosen)
        .into_iter()
        .map(
            |line| {
                if line.account.is_empty() { Ok(Line { account: account(case, line.role)?, ..line }) } else { Ok(line) }
            },
        )
        .collect()
}

/// Adds a line of goods; returns the tax on it that a marketplace remits.
fn goods(
    case: &mut Case<'_>,
    key: &DocumentKey,
    mode: TaxMode,
    index: usize,
    item: &LineItem,
    lines: &mut Vec<Line>,
) -> Result<Decimal, Hold> {
    let (side, one) = (case.side, case.order.one_currency());
    let at = |field: &str| format!("line_items[{index}].{field}");
    let price = item.unit_price(side, one).ok_or_else(|| missing(&at("price_set")))?;
    let discount = item.discount(side, one).ok_or_else(|| missing(&at("discount_allocations[].amount_set")))?;
    let role = role_of(item);
    let (sku, id) = (item.sku.as_deref().unwrap_or(""), format!("Item {}", item.id.0));
    let (description, more) = case.writer.description(key, &at("name"), &[item.title(), sku, &id]);
    let taxes = line_taxes(case, role, &item.tax_lines)?;
    let line = Line {
        role,
        source: format!("line:{}", item.id.0),
        description,
        more,
        quantity: item.quantity.0,
        unit_price: price,
        discount,
        account: account(case, role)?,
        tax: taxes.own,
    };
    let line = with_assumed_tax(case, key, &at("tax_lines"), line, &item.tax_lines);
    push(case, key, mode, line, taxes.marketplace, &at("discount_allocations"), lines)?;
    Ok(taxes.marketplace)
}

/// A line with the tax that its price contains although Shopify lists none.
fn with_assumed_tax(case: &mut Case<'_>, key: &DocumentKey, field: &str, line: Line, listed: &[TaxLine]) -> Line {
    let assumed = if listed.is_empty() { assumed(case, line.role, line.amount(case.currency)) } else { None };
    let Some(tax) = assumed else { return line };
    note_included(case, key, field, &tax);
    Line { tax, ..line }
}

/// What kind of line it is.
pub(super) fn role_of(item: &LineItem) -> LineRole {
    if item.is_tip() {
        LineRole::Tips
    } else if item.gift_card {
        LineRole::GiftCards
    } else {
        LineRole::Sales
    }
}

/// The source of a shipping line.
pub(super) fn shipping_source(order: &Order, index: usize) -> String {
    let id = order.shipping_lines.get(index).and_then(|line| line.id.as_ref());
    format!("shipping:{}", id.map_or_else(|| index.to_string(), |id| id.0.clone()))
}

/// Adds a line of delivery, or one for each of its tax rates; returns the tax that a marketplace remits.
fn shipping(
    case: &mut Case<'_>,
    key: &DocumentKey,
    mode: TaxMode,
    index: usize,
    item: &ShippingLine,
    lines: &mut Vec<Line>,
) -> Result<Decimal, Hold> {
    let (side, one) = (case.side, case.order.one_currency());
    let at = |field: &str| format!("shipping_lines[{index}].{field}");
    let price = item.price(side, one).ok_or_else(|| missing(&at("price_set")))?;
    let discount = item.discount(side, one).ok_or_else(|| missing(&at("discount_allocations[].amount_set")))?;
    let title = if item.title.is_empty() { String::new() } else { format!("Shipping: {}", item.title) };
    let (description, more) = case.writer.description(key, &at("title"), &[&title, "Shipping"]);
    let line = Line {
        role: LineRole::Shipping,
        source: shipping_source(case.order, index),
        description,
        more,
        quantity: Decimal::ONE,
        unit_price: price,
        discount,
        account: account(case, LineRole::Shipping)?,
        tax: untaxed(case),
    };
    if let Some(bands) = bands(case, &line, &item.tax_lines)? {
        let before = case.currency.show(line.amount(case.currency));
        let first = lines.len();
        for (part, (net, tax)) in (1..).zip(bands) {
            let source = if part == 1 { line.source.clone() } else { format!("{}/{part}", line.source) };
            let gross = if mode == TaxMode::Inclusive { net + tax.amount } else { net };
            let band = Line { source, unit_price: gross, discount: Decimal::ZERO, tax, ..line.clone() };
            lines.push(band);
        }
        let after = shown(case, &lines[first..]);
        case.writer.note(key, &at("tax_lines"), "delivery_bands", &before, &after);
        return Ok(Decimal::ZERO);
    }
    let taxes = line_taxes(case, LineRole::Shipping, &item.tax_lines)?;
    let line = Line { tax: taxes.own, ..line };
    let line = with_assumed_tax(case, key, &at("tax_lines"), line, &item.tax_lines);
    push(case, key, mode, line, taxes.marketplace, &at("discount_allocations"), lines)?;
    Ok(taxes.marketplace)
}

/// Puts a line into the form that the ledger takes. A discount that is larger than its line leaves the line at nothing
/// and becomes, as far as it exceeds it, a line of its own.
fn push(
    case: &mut Case<'_>,
    key: &DocumentKey,
    mode: TaxMode,
    line: Line,
    remitted: Decimal,
    field: &str,
    lines: &mut Vec<Line>,
) -> Result<(), Hold> {
    let amount = line.amount(case.currency);
    if line.discount < Decimal::ZERO {
        let text = format!("{field}: a discount of {} is below zero", case.currency.show(line.discount));
        return Err(Hold::new(HoldReason::OrderInconsistent, text));
    }
    if amount < Decimal::ZERO {
        let shown = case.currency.show(line.discount);
        case.writer.note(key, field, "discount_excess", &shown, &case.currency.show(line.discount + amount));
        let mut excess =
            single(case, line.role, &format!("{}/discount", line.source), "Discount beyond the line", amount)?;
        excess.account.clone_from(&line.account);
        let discount = line.discount + amount;
        lines.push(Line { discount, ..line });
        lines.push(excess);
        return Ok(());
    }
    // What the marketplace keeps is inside the price: it leaves this line for one of its own.
    let within = if case.order.taxes_included { remitted } else { Decimal::ZERO };
    let net_wanted = mode == TaxMode::Exclusive && case.order.taxes_included && !line.tax.amount.is_zero();
    let own_tax = line.tax.amount;
    if net_wanted {
        note_taken_out(case, key, amount - within, &line.clone().as_one(amount - within - own_tax, own_tax));
    }
    lines.push(match (within.is_zero(), net_wanted) {
        (true, false) => line,
        (_, true) => line.as_one(amount - within - own_tax, own_tax),
        (false, false) => line.as_one(amount - within, own_tax),
    });
    Ok(())
}

/// A line of one amount without tax.
pub(super) fn single(case: &Case<'_>, role: LineRole, source: &str, text: &str, amount: Decimal) -> Result<Line, Hold> {
    Ok(Line { account: account(case, role)?, ..unplaced(case, role, source, text, amount) })
}

pub(super) fn unplaced(case: &Case<'_>, role: LineRole, source: &str, text: &str, amount: Decimal) -> Line {
    Line {
        role,
        source: source.to_owned(),
        description: text.to_owned(),
        more: Vec::new(),
        quantity: Decimal::ONE,
        unit_price: amount,
        discount: Decimal::ZERO,
        account: String::new(),
        tax: untaxed(case),
    }
}

/// Where a kind of line goes, or the hold that names the missing key.
pub(super) fn account(case: &Case<'_>, role: LineRole) -> Result<String, Hold> {
    case.input.settings.lines.account(role).map(str::to_owned).ok_or_else(|| {
        let text = format!("lines.{} is missing, and this order has such a line", role.setting());
        Hold::new(HoldReason::AccountUnmapped, text)
    })
}
