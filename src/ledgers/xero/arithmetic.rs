//! How Xero adds up a document (facts/xero §4): the unit price to four decimals, the line to cents, tax per line rounded
//! half up, then the sum. Amounts that contain tax add up to the total by themselves.

use rust_decimal::Decimal;

use crate::books::computation::{Computation, TaxShare};
use crate::books::document::{Itemised, Line, TaxMode};
use crate::books::money::{Currency, round_half_up};
use crate::config::TaxAmounts;

/// Decimals of a unit price with `unitdp=4`, and of a quantity.
const UNIT_DECIMALS: u32 = 4;

/// True if Xero keeps quantity and unit price as they are.
pub fn is_stated_by_quantity(line: &Line) -> bool {
    let fits = |number: Decimal| round_half_up(number, UNIT_DECIMALS) == number;
    fits(line.quantity) && fits(line.unit_price)
}

/// The tax that Xero computes for a line. Of amounts that contain it: what is left once the net is rounded.
pub fn line_tax(line: &Line, mode: TaxMode, currency: Currency) -> Decimal {
    let (amount, rate) = (line.amount(currency), line.tax.rate);
    match mode {
        TaxMode::Exclusive => round_half_up(amount * rate, 2),
        TaxMode::Inclusive => amount - round_half_up(amount / (Decimal::ONE + rate), 2),
    }
}

/// True if the line has to state its tax, because Xero's own result is another one. Whether Xero rounds the net or the tax
/// of an amount that contains it is not known (they differ for one price in six at 20 %): so the line states its tax where
/// either would be wrong.
pub fn states_tax(line: &Line, mode: TaxMode, currency: Currency, amounts: TaxAmounts) -> bool {
    let rate = line.tax.rate;
    let by_tax = || round_half_up(line.amount(currency) * rate / (Decimal::ONE + rate), 2);
    amounts == TaxAmounts::Shopify
        && (line_tax(line, mode, currency) != line.tax.amount
            || mode == TaxMode::Inclusive && by_tax() != line.tax.amount)
}

/// What Xero will make of what `documents` sends.
pub fn compute(document: &Itemised, currency: Currency, amounts: TaxAmounts) -> Computation {
    let mode = document.tax_mode;
    let share = |line: &Line| {
        let stated = states_tax(line, mode, currency, amounts);
        let amount = if stated { line.tax.amount } else { line_tax(line, mode, currency) };
        let share = TaxShare::of(line.amount(currency), line.tax.rate, amount, currency);
        (!amount.is_zero()).then(|| if stated { TaxShare { how: "as sent".into(), ..share } } else { share })
    };
    let taxes = document.lines.iter().filter_map(share).collect();
    let lines = document.lines.iter().map(|line| line.amount(currency)).sum();
    Computation { count: document.lines.len(), lines, mode, taxes }
}
