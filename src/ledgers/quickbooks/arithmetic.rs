//! How QuickBooks adds up a document (facts/quickbooks §2, §4): a line is quantity × price rounded half up to cents
//! (rule 6070); in the US the tax total that is sent is honoured; elsewhere tax is computed per rate on the sum of its
//! lines. Amounts that contain tax add up to the total by themselves.

use super::documents::TaxCodes;
use crate::books::computation::{Computation, TaxShare, by_rate};
use crate::books::document::Itemised;
use crate::books::money::Currency;

/// Decimals that QuickBooks keeps, whatever the currency.
pub const DECIMALS: u32 = 2;

/// What QuickBooks will make of it.
pub fn compute(document: &Itemised, currency: Currency, tax: TaxCodes) -> Computation {
    let taxes = match tax {
        TaxCodes::UnitedStates => as_sent(document),
        TaxCodes::PerLine => by_rate(document, currency, DECIMALS),
    };
    let lines = document.lines.iter().map(|line| line.amount(currency)).sum();
    Computation { count: document.lines.len(), lines, mode: document.tax_mode, taxes }
}

/// Without a taxable line there is nothing that the tax could be spread over.
fn as_sent(document: &Itemised) -> Vec<TaxShare> {
    let is_taxed = document.lines.iter().any(|line| !line.tax.amount.is_zero());
    let share = TaxShare { how: "as sent".into(), amount: document.tax_total };
    if is_taxed { vec![share] } else { Vec::new() }
}
