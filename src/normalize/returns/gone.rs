//! What an edit took away without leaving a refund.

use rust_decimal::Decimal;

use super::{Returns, Taken, share_of, shipping};
use crate::books::hold::Hold;
use crate::normalize::Case;
use crate::normalize::lines::role_of;
use crate::shopify::money::Side;
use crate::shopify::order::{LineItem, ShippingLine};

/// What an edit took away without leaving a refund.
pub enum Gone<'a> {
    /// Units of a line, of which refunds took others back before.
    Units { item: &'a LineItem, quantity: Decimal, before: Decimal },
    /// A delivery, by its place among the order's.
    Delivery(usize),
}

/// Units that are no longer there although no refund took them.
pub(super) fn units<'a>(case: &Case<'a>) -> Vec<Gone<'a>> {
    let refunded = |item: &LineItem| -> Decimal {
        let refunds = case.input.state.refunds.values().flat_map(|refund| &refund.refund_line_items);
        refunds.filter(|one| one.line_item_id == item.id).map(|one| one.quantity.0).sum()
    };
    let left = |item: &'a LineItem| {
        let before = refunded(item);
        let quantity = item.quantity.0 - item.current_quantity?.0 - before;
        (quantity > Decimal::ZERO).then_some(Gone::Units { item, quantity, before })
    };
    case.order.line_items.iter().filter_map(left).collect()
}

impl<'a> Gone<'a> {
    /// As something taken back.
    pub fn taken(&self, case: &Case<'a>, side: Side) -> Result<Taken<'a>, Hold> {
        let (item, quantity, before) = match self {
            Gone::Units { item, quantity, before } => (*item, *quantity, *before),
            Gone::Delivery(index) => return shipping::whole(case, *index, side),
        };
        let (subtotal, tax) = share_of(case, item, before, quantity, side)?;
        Ok(Taken {
            source: format!("line:{}", item.id.0),
            role: role_of(item),
            name: item.title().to_owned(),
            quantity,
            with_tax: if case.order.taxes_included { subtotal } else { subtotal + tax },
            tax,
            told: None,
            taxes: &item.tax_lines,
        })
    }
}

/// Deliveries that an edit removed and that the order's total still has: its present total then misses just them, beyond
/// everything else that was taken off.
pub(super) fn deliveries<'a>(case: &Case<'a>, all: &Returns<'a>) -> Result<Vec<Gone<'a>>, Hold> {
    let refunds = || all.paid.iter().chain(&all.unpaid);
    let named = |line: &ShippingLine| {
        let mut named = refunds().flat_map(|one| &one.refund.refund_shipping_lines);
        named.any(|one| one.shipping_line_id.is_some() && one.shipping_line_id == line.id)
    };
    let lines = case.order.shipping_lines.iter().enumerate();
    let removed: Vec<usize> = lines.filter(|(_, one)| one.is_removed && !named(one)).map(|(index, _)| index).collect();
    let current = case.order.current_total(Side::Presentment).filter(|_| !removed.is_empty());
    let Some(current) = current else { return Ok(Vec::new()) };
    let mut rest = case.presentment_total - current - case.order.cash_rounding(Side::Presentment);
    for one in &all.gone {
        rest -= one.taken(case, Side::Presentment)?.with_tax;
    }
    // A refund that names no lines takes nothing, or is the one that pays for the delivery.
    let known = || refunds().filter(|one| case.input.state.snapshot_refunds.contains(&one.refund.id));
    let taken = [known().map(|one| one.takes).sum::<Decimal>(), known().map(|one| one.value).sum()];
    let mut value = Decimal::ZERO;
    for index in &removed {
        value += shipping::whole(case, *index, Side::Presentment)?.with_tax;
    }
    let still_there = !value.is_zero() && taken.iter().any(|taken| rest - taken == value);
    Ok(if still_there { removed.into_iter().map(Gone::Delivery).collect() } else { Vec::new() })
}
