//! What an edited order ought to come to in the books.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use sandbox::DocumentView;

use crate::allowed::Allowed;
use crate::money::decimal;
use crate::oracle;
use crate::order::Order;
use crate::promises::{inferred_cent, odd_cent, pays_out, state};
use crate::run::Run;
use crate::support::Company;

/// An edited order stands in more documents or in fewer, as the books heard of its edits and its money: what counts is
/// what they come to. Nothing stands twice, each receipt is booked once into its account, what came and went is booked to
/// the cent, and what is open is what the buyer still owes.
pub fn comes_to_what_is_left(
    run: &Run<'_>,
    company: Company,
    order: &Order,
    void: &[&DocumentView],
    live: &[DocumentView],
) -> Result<(), String> {
    let (state, reason) = state(run, order);
    if state == "held" {
        return Err(format!("held as {reason}"));
    }
    if void.len() > usize::from(order.current_total() == 0) {
        return Err("a document was voided that ought to stand, or was written twice".into());
    }
    // Converted, each document may be off by a cent, and the rate itself is known to a cent of the total.
    let odd = odd_cent(order) * Decimal::from(live.len() + 2);
    // Money that came before its goods was booked at the rate of the smaller order, which half a cent of its total decides.
    let sold = live.iter().filter(|one| one.kind == "Invoice" && !one.total.is_zero()).map(|one| one.total);
    let whole: Decimal = sold.clone().sum();
    let coarse = sold.min().map_or(Decimal::ZERO, |least| odd_cent(order) * whole / least / Decimal::TWO);
    let odd = odd + coarse.min(Decimal::new(50, 2));
    // What the order told of before its transactions did is booked under the order's id.
    let is_inferred = live.iter().any(|one| one.reference == order.id.to_string() && one.kind == "Payment");
    let odd = if is_inferred { odd.max(inferred_cent(run, order)) } else { odd };
    let mut names = BTreeSet::new();
    let (mut open, mut received, mut returned) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
    for one in live {
        let name = if one.number.is_empty() { &one.reference } else { &one.number };
        if !names.insert((&one.kind, name)) {
            return Err(format!("{} {name} stands twice", one.kind));
        }
        match one.kind.as_str() {
            "Invoice" => open += one.balance,
            "RefundReceipt" => returned += one.total,
            "CreditMemo" | "CreditNote" => open -= one.balance,
            _ if pays_out(order, one) => returned += one.total,
            _ => (received, open) = (received + one.total, open - one.balance),
        }
        let told = order.receipts().find(|receipt| one.reference == receipt.id.to_string());
        if let Some(receipt) = told.filter(|_| one.kind == "Payment") {
            let (amount, account) = (decimal(receipt.amount), oracle::account(company, receipt.gateway));
            let is_exact = is_inferred || odd > Decimal::ZERO || one.total == amount;
            if !is_exact || one.account != account {
                return Err(format!(
                    "payment {name} is {} into {}, expected {amount} into {account}",
                    one.total, one.account
                ));
            }
        }
    }
    let whole = order.total().max(1);
    let booked = |amount| decimal(order.currencies.shop_side(order.total())) * decimal(amount) / decimal(whole);
    for (what, found, expected) in [
        ("open", open, booked(order.outstanding())),
        ("received", received, booked(order.received())),
        ("returned", returned, booked(order.returned())),
    ] {
        if found != expected && (found - expected).abs() <= odd {
            Allowed::count(&run.allowed.odd_cents);
        }
        if (found - expected).abs() > odd {
            return Err(format!("{found} is {what} in the books, {expected} in the shop"));
        }
    }
    Ok(())
}
