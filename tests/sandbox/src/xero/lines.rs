//! Line items: account, tax type, quantity, amounts.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::arithmetic::{self, AmountTypes, Discount};
use super::{Call, Company};
use crate::json::{self, money, plain, round, round2};

const MAX_AMOUNT: &str = "9999999999.99";

/// What the document says about its lines.
pub(super) struct Frame {
    pub types: AmountTypes,
    /// Credit notes have no discounts.
    pub discounts: bool,
    /// Drafts may lack an account.
    pub is_draft: bool,
}

/// A line as stored, with its amount and tax.
pub(super) struct Line {
    pub shown: Value,
    pub amount: Decimal,
    pub tax: Decimal,
}

impl Company {
    pub(super) fn line(&mut self, call: &Call, frame: &Frame, given: &Value) -> Result<Line, Vec<String>> {
        let description = json::text(given, "Description");
        if description.encode_utf16().count() > 4000 {
            return Err(vec!["The description exceeds the maximum length of 4000 characters.".into()]);
        }
        let has_figures =
            ["UnitAmount", "LineAmount"].iter().any(|key| given.get(*key).is_some_and(|value| !value.is_null()));
        let id = match json::text(given, "LineItemID") {
            "" => self.ids.guid(),
            id => id.to_owned(),
        };
        let mut shown = json!({ "LineItemID": id, "Description": description, "Tracking": given.get("Tracking").cloned().unwrap_or(json!([])) });
        if description.is_empty() {
            return Err(vec!["Description must be at least 1 character.".into()]);
        }
        if !has_figures {
            // A line may be a description alone.
            return Ok(Line { shown, amount: Decimal::ZERO, tax: Decimal::ZERO });
        }
        let amount = self.price(call, frame, given, &mut shown)?;
        let tax = self.line_tax(frame, given, amount, &mut shown)?;
        shown["LineAmount"] = money(amount);
        shown["TaxAmount"] = money(tax);
        Ok(Line { shown, amount, tax })
    }

    fn price(&self, call: &Call, frame: &Frame, given: &Value, shown: &mut Value) -> Result<Decimal, Vec<String>> {
        let figure = |key: &str| match given.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                json::lenient_decimal(value).map(Some).ok_or_else(|| vec![format!("{key} is not a number.")])
            }
        };
        let quantity = round(figure("Quantity")?.unwrap_or(Decimal::ONE), 4);
        if quantity.to_string().len() > 13 {
            return Err(vec!["The quantity exceeds the maximum length of 13.".into()]);
        }
        let discount = match (figure("DiscountAmount")?, figure("DiscountRate")?) {
            (None, None) => Discount::None,
            _ if !frame.discounts => return Err(vec!["Discounts are not supported on credit notes.".into()]),
            (Some(_), Some(_)) => return Err(vec!["Only one of DiscountAmount and DiscountRate can be given.".into()]),
            (Some(amount), None) => Discount::Amount(round2(amount)),
            (None, Some(rate)) => Discount::Rate(rate),
        };
        if matches!(discount, Discount::Amount(amount) if amount < Decimal::ZERO) {
            return Err(vec!["The discount cannot be negative.".into()]);
        }
        let stated = figure("LineAmount")?;
        let unit = match (figure("UnitAmount")?, stated) {
            (Some(unit), _) => round(unit, call.unit_decimals),
            (None, Some(amount)) if !quantity.is_zero() => round(amount / quantity, call.unit_decimals),
            _ => Decimal::ZERO,
        };
        let expected = arithmetic::line_amount(quantity, unit, call.unit_decimals, discount);
        if let Some(stated) = stated.filter(|stated| round2(*stated) != expected) {
            return Err(vec![format!(
                "The line total {stated:.2} does not match the expected line total {expected:.2}"
            )]);
        }
        if expected.abs() > json::parse(MAX_AMOUNT).unwrap_or_default() {
            return Err(vec![format!("The line amount exceeds {MAX_AMOUNT}.")]);
        }
        shown["Quantity"] = plain(quantity);
        shown["UnitAmount"] = if call.unit_decimals == 4 { plain(unit) } else { money(unit) };
        match discount {
            Discount::Amount(amount) => shown["DiscountAmount"] = money(amount),
            Discount::Rate(rate) => shown["DiscountRate"] = plain(rate),
            Discount::None => {}
        }
        Ok(expected)
    }

    /// The account must exist, be active and be of a kind that lines may use; the tax type must exist and fit it. A given TaxAmount
    /// replaces the computed one, up to the line's own amount; on a rate of zero it must be zero (conservative).
    fn line_tax(
        &self,
        frame: &Frame,
        given: &Value,
        amount: Decimal,
        shown: &mut Value,
    ) -> Result<Decimal, Vec<String>> {
        let code = json::text(given, "AccountCode");
        if code.is_empty() {
            if frame.is_draft {
                return Ok(Decimal::ZERO);
            }
            return Err(vec!["Account code must be specified.".into()]);
        }
        let Some(account) = self.account(code) else {
            return Err(vec![format!("Account code '{code}' is not a valid code for this document.")]);
        };
        if json::text(account, "Status") != "ACTIVE" {
            return Err(vec![format!(
                "Account code '{code}' has been archived, or has been deleted. Each line item must reference a valid account."
            )]);
        }
        let system = json::text(account, "SystemAccount");
        if json::text(account, "Type") == "BANK" || !matches!(system, "" | "ROUNDING") {
            return Err(vec![format!("Account code '{code}' is not a valid code for this document.")]);
        }
        shown["AccountCode"] = json!(code);
        shown["AccountID"] = account["AccountID"].clone();
        let tax_type = match json::text(given, "TaxType") {
            "" => json::text(account, "TaxType"),
            tax_type => tax_type,
        };
        let is_it = |rate: &&Value| json::text(rate, "TaxType") == tax_type && json::text(rate, "Status") == "ACTIVE";
        let rate = self.tax_rates.iter().find(is_it);
        let Some(rate) = rate.filter(|rate| fits(rate, json::text(account, "Class"))) else {
            return Err(vec![format!("The TaxType code '{tax_type}' cannot be used with account code '{code}'.")]);
        };
        let percent = json::amount(rate, "EffectiveRate");
        if frame.types == AmountTypes::NoTax {
            shown["TaxType"] = json!(self.no_tax());
            return Ok(Decimal::ZERO);
        }
        shown["TaxType"] = json!(tax_type);
        let computed = arithmetic::line_tax(frame.types, amount, percent, self.settings.tax_from_gross);
        let Some(stated) = given.get("TaxAmount").and_then(json::lenient_decimal).map(round2) else {
            return Ok(computed);
        };
        if stated.abs() > amount.abs() {
            return Err(vec!["The tax amount cannot exceed the line amount.".into()]);
        }
        if percent.is_zero() && !stated.is_zero() {
            return Err(vec![format!("The tax amount must be zero for tax type '{tax_type}'.")]);
        }
        Ok(stated)
    }

    pub(super) fn account(&self, code: &str) -> Option<&Value> {
        self.accounts.iter().find(|account| json::text(account, "Code") == code)
    }

    /// Australia has no NONE.
    fn no_tax(&self) -> &'static str {
        if self.country == "AU" { "BASEXCLUDED" } else { "NONE" }
    }
}

fn fits(rate: &Value, class: &str) -> bool {
    let key = match class {
        "REVENUE" => "CanApplyToRevenue",
        "LIABILITY" => "CanApplyToLiabilities",
        "ASSET" => "CanApplyToAssets",
        "EQUITY" => "CanApplyToEquity",
        _ => "CanApplyToExpenses",
    };
    rate.get(key).and_then(Value::as_bool).unwrap_or(false)
}
