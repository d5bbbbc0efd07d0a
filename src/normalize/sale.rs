//! The sale: gross lines, their discounts and taxes, delivery and what else Shopify charged, adding up to the cent.

use rust_decimal::Decimal;

use super::payments::Payments;
use super::tax::{line_taxes, untaxed};
use super::{Case, missing, number};
use crate::books::document::{Content, Document, DocumentKey, Itemised, Line, LineRole, Standing, TaxMode};
use crate::books::hold::{Hold, HoldReason};
use crate::books::text::Field;
use crate::shopify::Order;
use crate::shopify::money::Side;
use crate::shopify::order::{LineItem, ShippingLine};

/// The most that a rounding line may ever be (design, rulings): 0.50 of a two-decimal currency.
const LARGEST_ROUNDING: i64 = 50;

/// The invoice of an order, without regard to whether it was paid or cancelled.
pub(super) fn sale(case: &mut Case<'_>) -> Result<Document, Hold> {
    let key = DocumentKey::sale();
    let tax_mode = tax_mode(case);
    let lines = lines(case, &key, tax_mode)?;
    if lines.is_empty() {
        return Err(Hold::new(HoldReason::OrderInconsistent, "the order has no lines with a quantity"));
    }
    let order = case.order;
    let mut body = Itemised {
        number: number::sale(&case.stamp.number_prefix, &order.name, order.id.as_str()),
        due_date: due_date(case),
        tax_mode,
        tax_total: lines.iter().map(|line| line.tax.amount).sum(),
        lines,
        cash: None,
    };
    let conversions = if case.side == Side::Shop && !order.one_currency() { amounts_of(order) } else { 0 };
    check_identity(case, &body, conversions)?;
    close(case, &key, &mut body, case.total, conversions)?;
    Ok(document(case, key, case.date, case.total, Content::Invoice(body)))
}

/// The sale as it ought to count: an order that was cancelled before any money moved ought not to.
pub(super) fn with_standing(mut sale: Document, order: &Order, paid: &Payments) -> Document {
    if order.cancelled_at.is_some() && paid.documents.is_empty() && !paid.awaits_transactions {
        sale.standing = Standing::Void;
    }
    sale
}

/// A document of this order.
pub(super) fn document(
    case: &Case<'_>,
    key: DocumentKey,
    date: chrono::NaiveDate,
    total: Decimal,
    content: Content,
) -> Document {
    Document {
        key,
        standing: Standing::Live,
        currency: case.currency,
        conversion: None,
        date,
        total,
        party: case.party.clone(),
        order_id: case.order.id.0.clone(),
        order_name: case.order_name.clone(),
        content,
    }
}

/// The order's own convention, where the ledger can express it.
pub(super) fn tax_mode(case: &Case<'_>) -> TaxMode {
    if case.order.taxes_included && case.input.rules.accepts(TaxMode::Inclusive) {
        TaxMode::Inclusive
    } else {
        TaxMode::Exclusive
    }
}

/// Due when the last instalment of the payment terms is, else at once.
fn due_date(case: &Case<'_>) -> chrono::NaiveDate {
    let terms = case.order.payment_terms.iter().flat_map(|terms| &terms.payment_schedules);
    let last = terms.filter_map(|schedule| schedule.due_at).map(|due| due.date_naive()).max();
    last.unwrap_or(case.date).max(case.date)
}

fn lines(case: &mut Case<'_>, key: &DocumentKey, mode: TaxMode) -> Result<Vec<Line>, Hold> {
    let order = case.order;
    let mut lines = Vec::new();
    let mut marketplace = Decimal::ZERO;
    let mut tips = Decimal::ZERO;
    for (index, item) in order.line_items.iter().enumerate() {
        if item.quantity.0 <= Decimal::ZERO {
            continue;
        }
        let (line, remitted) = goods(case, key, mode, index, item)?;
        marketplace += remitted;
        if line.role == LineRole::Tips {
            tips += line.amount(case.currency);
        }
        lines.push(line);
    }
    for (index, item) in order.shipping_lines.iter().enumerate().filter(|(_, line)| !line.is_removed) {
        let (line, remitted) = shipping(case, key, mode, index, item)?;
        marketplace += remitted;
        lines.push(line);
    }
    let tips_left = order.tips(case.side) - tips;
    for (role, text, amount) in [
        (LineRole::Tips, "Tip", if tips.is_zero() { tips_left } else { Decimal::ZERO }),
        (LineRole::Duties, "Import duties", order.duties(case.side)),
        (LineRole::Fees, "Additional fees", order.additional_fees(case.side)),
        (LineRole::MarketplaceTax, "Tax collected and remitted by the marketplace", marketplace),
        (LineRole::Rounding, "Cash rounding", order.cash_rounding(case.side)),
    ] {
        if !amount.is_zero() {
            lines.push(single(case, role, text, amount)?);
        }
    }
    let most = case.input.rules.most_lines();
    if lines.len() > most {
        let text = format!("{} lines, where one document may have {most}", lines.len());
        return Err(Hold::new(HoldReason::TooManyLines, text));
    }
    Ok(lines)
}

fn goods(
    case: &mut Case<'_>,
    key: &DocumentKey,
    mode: TaxMode,
    index: usize,
    item: &LineItem,
) -> Result<(Line, Decimal), Hold> {
    let (side, one) = (case.side, case.order.one_currency());
    let at = |field: &str| format!("line_items[{index}].{field}");
    let price = item.unit_price(side, one).ok_or_else(|| missing(&at("price_set")))?;
    let discount = item.discount(side, one).ok_or_else(|| missing(&at("discount_allocations[].amount_set")))?;
    let role = if item.is_tip() {
        LineRole::Tips
    } else if item.gift_card {
        LineRole::GiftCards
    } else {
        LineRole::Sales
    };
    let name = item.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&item.title);
    let (sku, id) = (item.sku.as_deref().unwrap_or(""), format!("Item {}", item.id.0));
    let description = case.writer.first_that_fits(key, Field::LineDescription, &at("name"), &[name, sku, &id]);
    let taxes = line_taxes(case, &item.tax_lines)?;
    let line = Line {
        role,
        source: format!("line:{}", item.id.0),
        description,
        more: Vec::new(),
        quantity: item.quantity.0,
        unit_price: price,
        discount,
        account: account(case, role)?,
        tax: taxes.own,
    };
    Ok((checked(case, mode, line, &at("discount_allocations"))?, taxes.marketplace))
}

fn shipping(
    case: &mut Case<'_>,
    key: &DocumentKey,
    mode: TaxMode,
    index: usize,
    item: &ShippingLine,
) -> Result<(Line, Decimal), Hold> {
    let (side, one) = (case.side, case.order.one_currency());
    let at = |field: &str| format!("shipping_lines[{index}].{field}");
    let price = item.price(side, one).ok_or_else(|| missing(&at("price_set")))?;
    let discount = item.discount(side, one).ok_or_else(|| missing(&at("discount_allocations[].amount_set")))?;
    let title = if item.title.is_empty() { String::new() } else { format!("Shipping: {}", item.title) };
    let description = case.writer.first_that_fits(key, Field::LineDescription, &at("title"), &[&title, "Shipping"]);
    let taxes = line_taxes(case, &item.tax_lines)?;
    let line = Line {
        role: LineRole::Shipping,
        source: format!("shipping:{}", item.id.as_ref().map_or_else(|| index.to_string(), |id| id.0.clone())),
        description,
        more: Vec::new(),
        quantity: Decimal::ONE,
        unit_price: price,
        discount,
        account: account(case, LineRole::Shipping)?,
        tax: taxes.own,
    };
    Ok((checked(case, mode, line, &at("discount_allocations"))?, taxes.marketplace))
}

/// A line of one amount without tax.
pub(super) fn single(case: &Case<'_>, role: LineRole, text: &str, amount: Decimal) -> Result<Line, Hold> {
    Ok(Line {
        role,
        source: role.setting().to_owned(),
        description: text.to_owned(),
        more: Vec::new(),
        quantity: Decimal::ONE,
        unit_price: amount,
        discount: Decimal::ZERO,
        account: account(case, role)?,
        tax: untaxed(case),
    })
}

pub(super) fn account(case: &Case<'_>, role: LineRole) -> Result<String, Hold> {
    case.input.settings.lines.account(role).map(str::to_owned).ok_or_else(|| {
        let text = format!("lines.{} is missing, and this order has such a line", role.setting());
        Hold::new(HoldReason::AccountUnmapped, text)
    })
}

/// Refuses a line below zero, and turns prices that contain tax into net ones for a ledger that takes no others.
fn checked(case: &Case<'_>, mode: TaxMode, line: Line, field: &str) -> Result<Line, Hold> {
    let amount = line.amount(case.currency);
    if amount < Decimal::ZERO || line.discount < Decimal::ZERO {
        let text = format!("{field}: the discount of {} is larger than the line", case.currency.show(line.discount));
        return Err(Hold::new(HoldReason::OrderInconsistent, text));
    }
    if mode == TaxMode::Inclusive || !case.order.taxes_included || line.tax.amount.is_zero() {
        return Ok(line);
    }
    Ok(net(line, amount))
}

/// The line as one net amount: the tax inside its price comes out.
pub(super) fn net(line: Line, gross: Decimal) -> Line {
    let description = if line.quantity == Decimal::ONE {
        line.description
    } else {
        format!("{} × {}", line.quantity.normalize(), line.description)
    };
    let unit_price = gross - line.tax.amount;
    Line { description, quantity: Decimal::ONE, unit_price, discount: Decimal::ZERO, ..line }
}

/// How many of Shopify's amounts were converted one by one when the shop's side is booked.
fn amounts_of(order: &Order) -> usize {
    let goods = order.line_items.iter().map(|line| 2 + line.tax_lines.len());
    let shipping = order.shipping_lines.iter().map(|line| 2 + line.tax_lines.len());
    goods.chain(shipping).sum()
}

/// The sum of lines and, where it comes on top, their tax.
pub(super) fn sum(case: &Case<'_>, body: &Itemised) -> Decimal {
    let lines: Decimal = body.lines.iter().map(|line| line.amount(case.currency)).sum();
    if body.tax_mode == TaxMode::Exclusive { lines + body.tax_total } else { lines }
}

/// Shopify's own figures have to add up. Only where they were converted from the buyer's currency one by one may the
/// parts miss the total by their rounding.
fn check_identity(case: &Case<'_>, body: &Itemised, conversions: usize) -> Result<(), Hold> {
    let sum = sum(case, body);
    let difference = case.total - sum;
    if difference.abs() <= bound(case, conversions) {
        return Ok(());
    }
    let show = |amount| case.currency.show(amount);
    let text = format!(
        "lines, delivery and tax come to {}, the order's total is {} (difference {})",
        show(sum),
        show(case.total),
        show(difference)
    );
    Err(Hold::new(HoldReason::OrderInconsistent, text))
}

/// One minor unit per amount, never above [`LARGEST_ROUNDING`] minor units.
fn bound(case: &Case<'_>, amounts: usize) -> Decimal {
    let units = i64::try_from(amounts).unwrap_or(LARGEST_ROUNDING).min(LARGEST_ROUNDING);
    case.currency.minor_unit() * Decimal::from(units)
}

/// Makes the ledger's own arithmetic reach `expected`: what its model predicts to be missing becomes an explicit
/// rounding line, at most one minor unit per taxed line (and per converted amount). More is a hold.
pub(super) fn close(
    case: &mut Case<'_>,
    key: &DocumentKey,
    body: &mut Itemised,
    expected: Decimal,
    conversions: usize,
) -> Result<(), Hold> {
    let predicted = case.input.rules.predict_total(body, case.currency);
    let difference = expected - predicted;
    if difference.is_zero() {
        return Ok(());
    }
    let taxed = body.lines.iter().filter(|line| !line.tax.amount.is_zero()).count();
    let show = |amount| case.currency.show(amount);
    if difference.abs() > bound(case, taxed + conversions) {
        let ledger = case.input.rules.ledger().title();
        let text = format!("{ledger} would compute {}, the order's total is {}", show(predicted), show(expected));
        return Err(Hold::new(HoldReason::TotalMismatch, text));
    }
    body.lines.push(single(case, LineRole::Rounding, "Rounding", difference)?);
    let rule = if conversions > 0 { "conversion_rounding" } else { "ledger_rounding" };
    case.writer.note(key, "total_price", rule, &show(predicted), &show(expected));
    let reached = case.input.rules.predict_total(body, case.currency);
    if reached != expected {
        let text = format!("with a rounding line the ledger would compute {}, not {}", show(reached), show(expected));
        return Err(Hold::new(HoldReason::TotalMismatch, text));
    }
    Ok(())
}
