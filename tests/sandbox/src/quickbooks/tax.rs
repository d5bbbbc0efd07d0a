//! Tax codes on lines, and what a document comes to with its tax.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::arithmetic::{self, Priced, Totals};
use super::documents::Lines;
use super::faults::{self, Checked};
use super::names::text_of;
use super::{Company, Context, Kind};
use crate::json::{self, Object, round2, short_money};

impl Company {
    pub(super) fn check_tax_code(&self, context: &Context, sale: &Object, detail: &Value) -> Checked<Option<String>> {
        let code = json::text_at(detail, "TaxCodeRef.value");
        if self.is_us() {
            return match code {
                "" => Ok(None),
                "TAX" | "NON" => Ok(Some(code.to_owned())),
                other => Err(faults::us_tax_code(other)),
            };
        }
        let is_applicable = text_of(sale, "GlobalTaxCalculation").as_deref() != Some("NotApplicable");
        if code.is_empty() {
            return if is_applicable { Err(faults::missing_tax(self.country)) } else { Ok(None) };
        }
        self.refer(context, Kind::TaxCode, "TaxCodes", code)?;
        Ok(Some(code.to_owned()).filter(|_| is_applicable))
    }

    /// Adds the document up and writes `TxnTaxDetail`.
    pub(super) fn totals(&self, context: &Context, sale: &mut Object, lines: &Lines) -> Checked<Totals> {
        let detail = sale.get("TxnTaxDetail").cloned().unwrap_or(json!({}));
        let totals = if self.is_us() {
            self.us_totals(context, sale, lines, &detail)?
        } else {
            self.rated_totals(context, sale, lines, &detail)?
        };
        let shares = totals.shares.iter().map(|share| {
            let mut inner = json!({
                "TaxRateRef": { "value": share.rate_id }, "PercentBased": true, "TaxPercent": json::plain(share.percent),
                "NetAmountTaxable": short_money(share.base),
            });
            if let Some(delta) = share.delta {
                inner["OverrideDeltaAmount"] = short_money(delta);
            }
            json!({ "Amount": short_money(share.amount), "DetailType": "TaxLineDetail", "TaxLineDetail": inner })
        });
        let tax_lines: Vec<Value> = shares.collect();
        let mut shown = json!({ "TotalTax": short_money(totals.tax) });
        if !tax_lines.is_empty() {
            shown["TaxLine"] = Value::Array(tax_lines);
        }
        if self.settings.manual_sales_tax && detail.get("TxnTaxCodeRef").is_some() {
            shown["TxnTaxCodeRef"] = detail["TxnTaxCodeRef"].clone();
        } else if self.is_us() && self.settings.using_sales_tax && !totals.shares.is_empty() {
            // The engine replaces whatever code was sent by its own.
            shown["TxnTaxCodeRef"] = json!({ "value": "2" });
        }
        sale.insert("TxnTaxDetail".into(), shown);
        Ok(totals)
    }

    /// Without sales tax switched on, `TxnTaxDetail` is ignored altogether. Manual sales tax counts a total only with the
    /// code that it is of, and computes nothing by itself (conservative: reports differ on what it does with a code alone).
    fn us_totals(&self, context: &Context, sale: &mut Object, lines: &Lines, detail: &Value) -> Checked<Totals> {
        if sale.contains_key("GlobalTaxCalculation") {
            return Err(faults::unsupported_property("GlobalTaxCalculation"));
        }
        let explicit = detail
            .get("TotalTax")
            .map(|tax| json::decimal(tax).ok_or_else(|| faults::unsupported_property("TotalTax")));
        let mut explicit = explicit.transpose()?.filter(|_| self.settings.using_sales_tax);
        let manual = self.settings.manual_sales_tax;
        let code = json::text_at(detail, "TxnTaxCodeRef.value");
        if manual && code.is_empty() {
            explicit = None;
        } else if manual {
            self.refer(context, Kind::TaxCode, "TaxCodes", code)?;
        }
        if explicit.is_some_and(|tax| tax < Decimal::ZERO) {
            return Err(faults::business("The tax amount cannot be negative."));
        }
        let mark = if explicit.is_some() { json!(true) } else { Value::Null };
        sale.insert("_explicit_tax".into(), mark);
        sale.retain(|key, value| key != "_explicit_tax" || !value.is_null());
        let percent =
            if self.settings.using_sales_tax && !manual { self.settings.automated_rate } else { Decimal::ZERO };
        let is_after = sale.get("ApplyTaxAfterDiscount") == Some(&Value::Bool(true));
        sale.insert("ApplyTaxAfterDiscount".into(), json!(is_after));
        Ok(arithmetic::united_states(&lines.priced, lines.discount, is_after, explicit, percent))
    }

    fn rated_totals(&self, context: &Context, sale: &mut Object, lines: &Lines, detail: &Value) -> Checked<Totals> {
        let mode = text_of(sale, "GlobalTaxCalculation").ok_or_else(|| faults::missing_tax(self.country))?;
        let is_inclusive = match mode.as_str() {
            "TaxExcluded" | "NotApplicable" => false,
            "TaxInclusive" => true,
            other => return Err(faults::enumeration("GlobalTaxCalculation", other)),
        };
        let mut overrides = BTreeMap::new();
        let used: Vec<String> = lines
            .priced
            .iter()
            .filter_map(|line| line.code.as_deref())
            .flat_map(|code| self.rates_of(code))
            .map(|(id, _)| id)
            .collect();
        for line in json::list(detail, "TaxLine").iter().filter(|_| mode != "NotApplicable") {
            let id = json::text_at(line, "TaxLineDetail.TaxRateRef.value").to_owned();
            self.refer(context, Kind::TaxRate, "TaxRates", &id)?;
            let amount =
                line.get("Amount").and_then(json::decimal).ok_or_else(|| faults::required("TaxLine.Amount"))?;
            if !used.contains(&id) || overrides.insert(id.clone(), amount).is_some() {
                return Err(faults::business(&format!(
                    "Tax rate {id} must belong to a tax code used on a line, and stand once."
                )));
            }
        }
        if is_inclusive {
            self.check_gross(&lines.priced)?;
        }
        let rates = |code: &str| self.rates_of(code);
        Ok(arithmetic::by_rate(&lines.priced, lines.discount, is_inclusive, &rates, &overrides))
    }

    /// Tax-inclusive lines say what they come to with tax, and their amount must be the net of that, give or take a cent
    /// (conservative: the reference does not say what happens otherwise).
    fn check_gross(&self, lines: &[Priced]) -> Checked<()> {
        for line in lines {
            let percent: Decimal = line
                .code
                .as_deref()
                .map(|code| self.rates_of(code))
                .unwrap_or_default()
                .iter()
                .map(|(_, percent)| *percent)
                .sum();
            let Some(gross) = line.gross else {
                if percent.is_zero() {
                    continue;
                }
                return Err(faults::required("TaxInclusiveAmt"));
            };
            let net = round2(gross * Decimal::ONE_HUNDRED / (Decimal::ONE_HUNDRED + percent));
            if (net - line.net).abs() > Decimal::new(1, 2) {
                return Err(faults::business("The line amount is not TaxInclusiveAmt without its tax."));
            }
        }
        Ok(())
    }

    /// The sales rates of a tax code, with their percentages.
    fn rates_of(&self, code: &str) -> Vec<(String, Decimal)> {
        let Some(code) = self.get(Kind::TaxCode, code) else { return Vec::new() };
        let details = json::at(code, "SalesTaxRateList.TaxRateDetail").and_then(Value::as_array);
        let ids = details.into_iter().flatten().map(|detail| json::text_at(detail, "TaxRateRef.value").to_owned());
        ids.map(|id| {
            let percent = self.get(Kind::TaxRate, &id).map(|rate| json::amount(rate, "RateValue")).unwrap_or_default();
            (id, percent)
        })
        .collect()
    }
}
