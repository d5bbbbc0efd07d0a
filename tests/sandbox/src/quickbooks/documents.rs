//! Invoices, sales receipts, credit memos and refund receipts: create, update, void, delete.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::arithmetic::{self, Priced, Totals};
use super::faults::{self, Checked};
use super::names::{merged, text_of};
use super::{Company, Context, Kind, schema};
use crate::json::{self, Object, round2, short_money};

/// "If an invoice is taxable, there is a limit of 750 lines per invoice"; applied to every sales document.
const MAX_LINES: usize = 750;

/// Lines, checked and priced.
pub(super) struct Lines {
    pub shown: Vec<Value>,
    pub priced: Vec<Priced>,
    pub discount: Decimal,
}

impl Company {
    pub(super) fn save_sale(&mut self, context: &Context, kind: Kind, body: &Object) -> Checked<Value> {
        schema::check(kind, body)?;
        let before = self.current(kind, body)?;
        let old = before.as_ref().map(|(_, old)| old);
        if old.is_some_and(|old| old.get("_voided").is_some()) {
            return Err(faults::business("A voided transaction cannot be changed."));
        }
        let mut sale = merged(old, body);
        self.drop_computed_tax(old, body, &mut sale);
        if json::list(&Value::Object(sale.clone()), "Line").is_empty() {
            return Err(faults::required("Line"));
        }
        self.check_header(context, &mut sale, old)?;
        self.check_deposit_account(context, kind, &mut sale)?;
        self.check_number(context, kind, &mut sale, before.as_ref().map(|(id, _)| *id))?;
        if !json::decimal(sale.get("Deposit").unwrap_or(&json!(0))).unwrap_or_default().is_zero() {
            return Err(faults::business("Deposits on invoices are not switched on (AllowDeposit)."));
        }
        let lines = self.check_lines(context, &sale)?;
        let mut totals = self.totals(context, &mut sale, &lines)?;
        totals.total += self.settings.skew;
        if totals.total.is_sign_negative() && !totals.total.is_zero() {
            return Err(faults::business("The transaction total cannot be negative."));
        }
        self.finish(kind, &mut sale, lines.shown, &totals, old)?;
        Ok(self.commit(context.now, kind, before, sale))
    }

    /// A sparse update without `TxnTaxDetail` keeps an explicit US total, and lets everything else be computed anew.
    fn drop_computed_tax(&self, old: Option<&Value>, body: &Object, sale: &mut Object) {
        if body.contains_key("TxnTaxDetail") || old.is_none() {
            return;
        }
        let is_explicit = old.is_some_and(|old| old.get("_explicit_tax").is_some());
        if !(self.is_us() && is_explicit && sale.contains_key("TxnTaxDetail")) {
            sale.remove("TxnTaxDetail");
        }
        if let Some(lines) = sale.get_mut("Line").and_then(Value::as_array_mut) {
            lines.retain(|line| json::text(line, "DetailType") != "SubTotalLineDetail");
        }
    }

    /// Customer, date, currency and rate: what a payment has in common with the sales documents.
    pub(super) fn check_header(&self, context: &Context, txn: &mut Object, old: Option<&Value>) -> Checked<()> {
        let customer_id = text_of(txn, "CustomerRef.value").ok_or_else(|| faults::required("CustomerRef"))?;
        let customer = self.refer(context, Kind::Customer, "Names", &customer_id)?;
        let customer_currency = json::text_at(customer, "CurrencyRef.value").to_owned();
        let name = json::text(customer, "DisplayName").to_owned();
        txn.insert("CustomerRef".into(), json!({ "value": customer_id, "name": name }));
        let date = text_of(txn, "TxnDate").unwrap_or_else(|| context.now.date_naive().to_string());
        if date.parse::<NaiveDate>().is_err() {
            return Err(faults::unsupported_property("TxnDate"));
        }
        if let Some(old) = old {
            self.check_open_period(json::text(old, "TxnDate"))?;
        }
        self.check_open_period(&date)?;
        txn.insert("TxnDate".into(), json!(date));
        let currency = match text_of(txn, "CurrencyRef.value") {
            Some(currency) => currency,
            // "Required when multicurrency is on."
            None if self.settings.multicurrency => return Err(faults::required("CurrencyRef")),
            None => self.home.clone(),
        };
        if currency != customer_currency {
            return Err(faults::transaction_currency());
        }
        // ExchangeRate is home units per foreign unit; the reference's default is 1, whatever that does to the books.
        let rate = txn
            .get("ExchangeRate")
            .map(|rate| json::decimal(rate).ok_or_else(|| faults::unsupported_property("ExchangeRate")));
        let rate = rate.transpose()?.filter(|_| currency != self.home).unwrap_or(Decimal::ONE);
        if rate <= Decimal::ZERO {
            return Err(faults::business("The exchange rate must be greater than zero."));
        }
        txn.insert("CurrencyRef".into(), json!({ "value": currency, "name": currency }));
        txn.insert("ExchangeRate".into(), json::plain(rate));
        Ok(())
    }

    /// The account must be Bank or Other Current Asset, in the transaction's or the home currency. Refund receipts need one;
    /// receipts and payments default to Undeposited Funds.
    pub(super) fn check_deposit_account(&self, context: &Context, kind: Kind, txn: &mut Object) -> Checked<()> {
        if !matches!(kind, Kind::SalesReceipt | Kind::RefundReceipt | Kind::Payment) {
            return Ok(());
        }
        let id = match text_of(txn, "DepositToAccountRef.value") {
            Some(id) => id,
            None if kind == Kind::RefundReceipt => return Err(faults::required("DepositToAccountRef")),
            None => "4".into(),
        };
        let account = self.refer(context, Kind::Account, "Accounts", &id)?;
        if !matches!(json::text(account, "AccountType"), "Bank" | "Other Current Asset") {
            return Err(faults::deposit_account_type());
        }
        let (name, currency) = (json::text(account, "Name"), json::text_at(account, "CurrencyRef.value"));
        if currency != self.home && Some(currency) != text_of(txn, "CurrencyRef.value").as_deref() {
            return Err(faults::account_currency(name));
        }
        txn.insert("DepositToAccountRef".into(), json!({ "value": id, "name": name }));
        Ok(())
    }

    /// Code 6140: unique per company and type while custom numbers are on. With them off QuickBooks numbers by itself and
    /// lets duplicates through.
    fn check_number(&self, context: &Context, kind: Kind, sale: &mut Object, own: Option<u64>) -> Checked<()> {
        let Some(number) = text_of(sale, "DocNumber") else {
            if !self.settings.custom_txn_numbers {
                sale.insert("DocNumber".into(), json!((1000 + self.all(kind).count()).to_string()));
            }
            return Ok(());
        };
        if !self.settings.custom_txn_numbers || context.allow_duplicate_number {
            return Ok(());
        }
        let own = own.map(|id| id.to_string());
        let holder = self.all(kind).find(|entity| {
            json::text(entity, "DocNumber").eq_ignore_ascii_case(&number)
                && own.as_deref() != Some(json::text(entity, "Id"))
        });
        match holder {
            Some(holder) => {
                let id = json::text(holder, "Id").parse().unwrap_or_default();
                Err(faults::duplicate_number(&number, kind.name(), id))
            }
            None => Ok(()),
        }
    }

    fn check_lines(&self, context: &Context, sale: &Object) -> Checked<Lines> {
        let given = sale.get("Line").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut lines = Lines { shown: Vec::new(), priced: Vec::new(), discount: Decimal::ZERO };
        let mut discounts = 0;
        for mut line in given {
            match json::text(&line, "DetailType") {
                "SalesItemLineDetail" => lines.priced.extend(self.check_item_line(context, sale, &mut line)?),
                "DiscountLineDetail" => discounts += 1,
                "DescriptionOnly" => {
                    line.as_object_mut().map(|line| line.remove("Amount"));
                }
                // Read-only: whatever is sent is replaced.
                "SubTotalLineDetail" => continue,
                "" => return Err(faults::required("Line.DetailType")),
                other => return Err(faults::enumeration("DetailType", other)),
            }
            let position = lines.shown.len() + 1;
            line["Id"] = json!(position.to_string());
            line["LineNum"] = json!(position);
            lines.shown.push(line);
        }
        if lines.priced.is_empty() {
            return Err(faults::required("Line"));
        }
        if lines.shown.len() > MAX_LINES {
            return Err(faults::business("The transaction has more than 750 lines."));
        }
        if discounts > 1 {
            return Err(faults::business("A transaction can have one discount line only."));
        }
        let subtotal: Decimal = lines.priced.iter().map(|line| line.net).sum();
        for line in lines.shown.iter_mut().filter(|line| json::text(line, "DetailType") == "DiscountLineDetail") {
            lines.discount = check_discount(line, subtotal)?;
            line["Amount"] = short_money(lines.discount);
        }
        lines.shown.push(
            json!({ "DetailType": "SubTotalLineDetail", "Amount": short_money(subtotal), "SubTotalLineDetail": {} }),
        );
        Ok(lines)
    }

    /// A line without an item is documentation and its amount is ignored. Otherwise: amount, item, tax code.
    fn check_item_line(&self, context: &Context, sale: &Object, line: &mut Value) -> Checked<Option<Priced>> {
        let detail = line.get("SalesItemLineDetail").cloned().ok_or_else(|| faults::required("SalesItemLineDetail"))?;
        let item_id = json::text_at(&detail, "ItemRef.value").to_owned();
        if item_id.is_empty() {
            line["Amount"] = short_money(Decimal::ZERO);
            return Ok(None);
        }
        let item = self.refer(context, Kind::Item, "Items", &item_id)?;
        line["SalesItemLineDetail"]["ItemRef"] = json!({ "value": item_id, "name": item["Name"] });
        let amount = line.get("Amount").ok_or_else(|| faults::required("Line.Amount"))?;
        let amount = json::decimal(amount).ok_or_else(|| faults::unsupported_property("Line.Amount"))?;
        if amount.abs() >= Decimal::from(10_000_000_000_u64) {
            return Err(faults::length("Line.Amount", 15, amount.to_string().len()));
        }
        let figure = |key: &str| match detail.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => json::decimal(value).map(Some).ok_or_else(|| faults::unsupported_property(key)),
        };
        if let (Some(quantity), Some(price)) = (figure("Qty")?, figure("UnitPrice")?)
            && !arithmetic::line_amount_matches(amount, quantity, price)
        {
            return Err(faults::line_amount(&amount.to_string()));
        }
        let net = round2(amount);
        line["Amount"] = short_money(net);
        let code = self.check_tax_code(context, sale, &detail)?;
        if code.is_none() && self.is_us() {
            line["SalesItemLineDetail"]["TaxCodeRef"] = json!({ "value": "NON" });
        }
        let gross = figure("TaxInclusiveAmt")?.map(round2);
        Ok(Some(Priced { net, gross, code }))
    }

    /// Totals, balance, and what is applied already. A document cannot shrink below that (conservative).
    fn finish(
        &self,
        kind: Kind,
        sale: &mut Object,
        lines: Vec<Value>,
        totals: &Totals,
        old: Option<&Value>,
    ) -> Checked<()> {
        let applied = old.map(|old| json::amount(old, "TotalAmt") - json::amount(old, "Balance")).unwrap_or_default();
        let keeps_balance = matches!(kind, Kind::Invoice | Kind::CreditMemo);
        let open = totals.total - applied;
        if keeps_balance && old.is_some() && open < Decimal::ZERO {
            return Err(faults::business("The total cannot be less than what is applied to this transaction."));
        }
        if let Some(old) = old.filter(|_| keeps_balance && !applied.is_zero()) {
            let is_same = sale.get("CustomerRef").map(|customer| &customer["value"])
                == old.get("CustomerRef").map(|customer| &customer["value"]);
            if !is_same {
                return Err(faults::business("The customer of a transaction with payments cannot be changed."));
            }
        }
        let rate = sale.get("ExchangeRate").and_then(json::decimal).unwrap_or(Decimal::ONE);
        let links = old.and_then(|old| old.get("LinkedTxn")).cloned().unwrap_or(json!([]));
        sale.insert("LinkedTxn".into(), links);
        sale.insert("Line".into(), Value::Array(lines));
        sale.insert("TotalAmt".into(), short_money(totals.total));
        sale.insert("HomeTotalAmt".into(), short_money(totals.total * rate));
        let balance = if keeps_balance { open } else { Decimal::ZERO };
        sale.insert("Balance".into(), short_money(balance));
        if kind == Kind::CreditMemo {
            sale.insert("RemainingCredit".into(), short_money(balance));
        }
        if kind == Kind::Invoice && !sale.contains_key("DueDate") {
            let date = sale.get("TxnDate").cloned().unwrap_or_default();
            sale.insert("DueDate".into(), date);
        }
        sale.entry("PrintStatus").or_insert(json!("NotSet"));
        sale.entry("EmailStatus").or_insert(json!("NotSet"));
        Ok(())
    }
}

/// The amount of the one discount line: positive, given or as a percentage. Code 6090 without either.
fn check_discount(line: &Value, subtotal: Decimal) -> Checked<Decimal> {
    let detail = line.get("DiscountLineDetail").ok_or_else(faults::discount_missing)?;
    let amount = if detail.get("PercentBased") == Some(&Value::Bool(true)) {
        let percent = detail.get("DiscountPercent").and_then(json::decimal).ok_or_else(faults::discount_missing)?;
        round2(subtotal * percent / Decimal::ONE_HUNDRED)
    } else {
        round2(line.get("Amount").and_then(json::decimal).ok_or_else(faults::discount_missing)?)
    };
    if amount < Decimal::ZERO {
        return Err(faults::business("The discount must be a positive amount."));
    }
    Ok(amount)
}
