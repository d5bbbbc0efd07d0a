//! From Shopify's tax lines to a ledger's tax code.

use rust_decimal::Decimal;

use super::{Case, missing};
use crate::books::document::LineTax;
use crate::books::hold::{Hold, HoldReason};
use crate::books::rules::TaxModel;
use crate::shopify::order::TaxLine;

/// What the seller has to remit of a line's taxes, and what a marketplace remits itself.
pub(super) struct LineTaxes {
    pub own: LineTax,
    pub marketplace: Decimal,
}

/// Reads the taxes of one line. A tax without a mapping is a hold, never an exemption.
pub(super) fn line_taxes(case: &Case<'_>, lines: &[TaxLine]) -> Result<LineTaxes, Hold> {
    let mut own = Vec::new();
    let mut marketplace = Decimal::ZERO;
    for line in lines {
        let amount =
            line.amount(case.side, case.order.one_currency()).ok_or_else(|| missing("tax_lines[].price_set"))?;
        if line.channel_liable == Some(true) {
            marketplace += amount;
        } else if !amount.is_zero() {
            own.push((line, amount));
        }
    }
    let amount = own.iter().map(|(_, amount)| *amount).sum();
    let rate = own.iter().filter_map(|(line, _)| line.rate).map(|rate| rate.0).sum();
    let code = match case.input.rules.tax_model() {
        TaxModel::TotalOnly => String::new(),
        TaxModel::CodePerLine => code(case, &own.iter().map(|(line, _)| *line).collect::<Vec<_>>())?,
    };
    Ok(LineTaxes { own: LineTax { amount, rate, code }, marketplace })
}

/// The code of a line that bears no tax.
pub(super) fn untaxed(case: &Case<'_>) -> LineTax {
    let code = match case.input.rules.tax_model() {
        TaxModel::TotalOnly => String::new(),
        TaxModel::CodePerLine => case.input.settings.no_tax.clone().unwrap_or_default(),
    };
    LineTax { amount: Decimal::ZERO, rate: Decimal::ZERO, code }
}

fn code(case: &Case<'_>, taxes: &[&TaxLine]) -> Result<String, Hold> {
    let (settings, country) = (case.input.settings, case.order.country());
    let rate = |line: &TaxLine| line.rate.map(|rate| rate.0).unwrap_or_default().normalize();
    let found = match taxes {
        [] => return Ok(untaxed(case).code),
        [one] => settings.tax_code(country, &one.title, rate(one)),
        several => settings.combined_tax_code(country, &several.iter().map(|one| rate(one)).collect::<Vec<_>>()),
    };
    found.map(str::to_owned).ok_or_else(|| {
        let named: Vec<String> =
            taxes.iter().map(|one| format!("\"{}\" at rate {}", short(&one.title), rate(one))).collect();
        Hold::new(
            HoldReason::TaxUnmapped,
            format!("no entry of `taxes` fits {} for country {}", named.join(" with "), country.unwrap_or("(unknown)")),
        )
    })
}

fn short(title: &str) -> String {
    title.chars().filter(|letter| !letter.is_control()).take(60).collect()
}
