//! How QuickBooks adds up a sales document.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::json::round2;

/// One priced line.
#[derive(Clone, Debug, Default)]
pub struct Priced {
    pub net: Decimal,
    /// `TaxInclusiveAmt`, in tax-inclusive documents.
    pub gross: Option<Decimal>,
    /// In the US `TAX` or `NON`, elsewhere a tax code's id.
    pub code: Option<String>,
}

/// One tax rate with what it was computed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateShare {
    pub rate_id: String,
    pub percent: Decimal,
    pub base: Decimal,
    pub amount: Decimal,
    /// What an override changed.
    pub delta: Option<Decimal>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub subtotal: Decimal,
    pub discount: Decimal,
    pub tax: Decimal,
    pub total: Decimal,
    pub shares: Vec<RateShare>,
}

/// Rule 6070: `Amount` is Qty × UnitPrice, rounded half up to cents.
pub fn line_amount_matches(amount: Decimal, quantity: Decimal, price: Decimal) -> bool {
    amount == round2(quantity * price)
}

/// Automated sales tax: an explicit `TotalTax` is honoured and prorated over the rates of the code that the engine assigns;
/// otherwise the engine's own rate applies. Without a taxable line there is nothing to prorate over, and no tax (conservative).
pub fn united_states(
    lines: &[Priced],
    discount: Decimal,
    after_discount: bool,
    explicit: Option<Decimal>,
    percent: Decimal,
) -> Totals {
    let subtotal: Decimal = lines.iter().map(|line| line.net).sum();
    let is_taxable = |line: &&Priced| line.code.as_deref() == Some("TAX");
    let has_taxable = lines.iter().any(|line| is_taxable(&line));
    let mut base: Decimal = lines.iter().filter(is_taxable).map(|line| line.net).sum();
    if after_discount && !subtotal.is_zero() {
        base -= round2(discount * base / subtotal);
    }
    let tax = match explicit {
        _ if !has_taxable => Decimal::ZERO,
        Some(tax) => round2(tax),
        None => round2(base * percent / Decimal::ONE_HUNDRED),
    };
    let share = RateShare { rate_id: "3".into(), percent, base, amount: tax, delta: None };
    let shares = if has_taxable { vec![share] } else { Vec::new() };
    Totals { subtotal, discount, tax, total: subtotal - discount + tax, shares }
}

/// Outside the US: per rate on the sum of what it applies to, rounded half up; an amount in `overrides` replaces the result.
/// `rates` gives the (id, percent) pairs of a tax code. A discount lowers each base in proportion.
pub fn by_rate(
    lines: &[Priced],
    discount: Decimal,
    inclusive: bool,
    rates: &dyn Fn(&str) -> Vec<(String, Decimal)>,
    overrides: &BTreeMap<String, Decimal>,
) -> Totals {
    let charged = |line: &Priced| if inclusive { line.gross.unwrap_or(line.net) } else { line.net };
    let charged_total: Decimal = lines.iter().map(charged).sum();
    // By rate: percent, what it is computed on, and the tax before it is rounded.
    let mut bases: BTreeMap<String, (Decimal, Decimal, Decimal)> = BTreeMap::new();
    for line in lines {
        let rates = line.code.as_deref().map(rates).unwrap_or_default();
        let all: Decimal = rates.iter().map(|(_, percent)| *percent).sum();
        let divisor = if inclusive { Decimal::ONE_HUNDRED + all } else { Decimal::ONE_HUNDRED };
        for (id, percent) in rates {
            let entry = bases.entry(id).or_insert((percent, Decimal::ZERO, Decimal::ZERO));
            entry.1 += charged(line);
            entry.2 += charged(line) * percent / divisor;
        }
    }
    let mut shares = Vec::new();
    for (rate_id, (percent, mut base, mut tax)) in bases {
        if !charged_total.is_zero() && !base.is_zero() {
            let off = round2(discount * base / charged_total);
            tax -= tax * off / base;
            base -= off;
        }
        // What division cuts off far behind the point must not turn a half.
        let computed = round2(tax.round_dp(15));
        let amount = overrides.get(&rate_id).copied().map_or(computed, round2);
        let delta = (amount != computed).then(|| amount - computed);
        let base = if inclusive { base - amount } else { base };
        shares.push(RateShare { rate_id, percent, base, amount, delta });
    }
    let tax: Decimal = shares.iter().map(|share| share.amount).sum();
    let total = charged_total - discount + if inclusive { Decimal::ZERO } else { tax };
    let subtotal = if inclusive { charged_total - tax } else { charged_total };
    Totals { subtotal, discount, tax, total, shares }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn d(text: &str) -> Decimal {
        parse(text).unwrap()
    }

    fn line(net: &str, code: &str) -> Priced {
        Priced { net: d(net), gross: None, code: Some(code.into()) }
    }

    fn vat(code: &str) -> Vec<(String, Decimal)> {
        match code {
            "20" => vec![("120".into(), d("20"))],
            "5" => vec![("105".into(), d("5"))],
            _ => Vec::new(),
        }
    }

    #[test]
    fn half_cents_round_up() {
        assert!(line_amount_matches(d("1861.08"), d("128.350"), d("14.50")));
        assert!(!line_amount_matches(d("1861.07"), d("128.350"), d("14.50")));
    }

    #[test]
    fn an_explicit_total_tax_is_honoured_in_the_us() {
        let lines = [line("40.00", "TAX"), line("5.00", "NON")];
        let totals = united_states(&lines, d("4.00"), true, Some(d("3.11")), d("8"));
        assert_eq!((totals.tax, totals.total), (d("3.11"), d("44.11")));
        let computed = united_states(&lines, d("0"), true, None, d("8"));
        assert_eq!(computed.tax, d("3.20"));
    }

    #[test]
    fn a_total_tax_without_a_taxable_line_is_lost() {
        let totals = united_states(&[line("5.00", "NON")], d("0"), false, Some(d("1.00")), d("8"));
        assert_eq!(totals.total, d("5.00"));
    }

    #[test]
    fn vat_is_computed_per_rate_on_the_sum() {
        let lines = [line("0.12", "20"), line("0.12", "20"), line("10.00", "5")];
        let totals = by_rate(&lines, d("0"), false, &vat, &BTreeMap::new());
        assert_eq!(totals.tax, d("0.55"));
        let overrides = BTreeMap::from([("120".to_owned(), d("0.04"))]);
        let overridden = by_rate(&lines, d("0"), false, &vat, &overrides);
        assert_eq!(overridden.tax, d("0.54"));
    }

    #[test]
    fn an_inclusive_total_is_the_sum_of_the_gross_amounts() {
        let gross = Priced { net: d("8.33"), gross: Some(d("9.99")), code: Some("20".into()) };
        let totals = by_rate(&[gross], d("0"), true, &vat, &BTreeMap::new());
        assert_eq!((totals.total, totals.tax), (d("9.99"), d("1.67")));
    }
}
