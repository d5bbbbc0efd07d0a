//! Payments of invoices and refunds of credit notes.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::credits::{push, remove};
use super::documents::Sort;
use super::{Call, Company, Outcome, date_string, one, parse_date, wire_date, wire_time};
use crate::json::{self, Object, money, plain, round2};

impl Company {
    pub(super) fn save_payment(&mut self, call: &Call, given: &Object) -> Outcome {
        let given = Value::Object(given.clone());
        let id = call.path_id.clone().or_else(|| given["PaymentID"].as_str().map(str::to_owned));
        match id {
            Some(id) => self.delete_payment(call, &id, &given),
            None => self.create_payment(call, &given),
        }
    }

    /// Payments cannot be edited; a POST may only delete one.
    fn delete_payment(&mut self, call: &Call, id: &str, given: &Value) -> Outcome {
        let not_found = || one("The document with the supplied id was not found for this endpoint.");
        let mut payment = self.payments.get(id).cloned().ok_or_else(not_found)?;
        if call.is_put || json::text(given, "Status") != "DELETED" || json::text(&payment, "Status") == "DELETED" {
            return Err(one("Payment not of valid status for modification"));
        }
        if let Some(date) = parse_date(&payment["DateString"]) {
            self.check_period(date)?;
        }
        let (sort, document_id) = target(&payment);
        if let Some(mut document) = self.find(sort, &document_id).cloned() {
            remove(&mut document, "Payments", "PaymentID", id);
            self.resettle(call.now, sort, document);
        }
        payment["Status"] = json!("DELETED");
        payment["UpdatedDateUTC"] = wire_time(call.now);
        self.payments.put(id, payment.clone());
        Ok((payment, Vec::new()))
    }

    fn create_payment(&mut self, call: &Call, given: &Value) -> Outcome {
        let (sort, document) = self.payment_target(given)?;
        let mut errors = Vec::new();
        let amount = given.get("Amount").and_then(json::lenient_decimal).unwrap_or_default();
        if json::text(&document, "Status") != "AUTHORISED" {
            errors.push("Payments can only be made against Authorised documents".to_owned());
        }
        if amount <= Decimal::ZERO {
            errors.push("Payment amounts must be positive amounts".into());
        }
        let left = match sort {
            Sort::Invoice => json::amount(&document, "AmountDue"),
            Sort::CreditNote => json::amount(&document, "RemainingCredit"),
        };
        if amount > left {
            errors.push("Payment amount exceeds the amount outstanding on this document".into());
        }
        if amount != round2(amount) {
            errors.push("Payment amounts have at most two decimals".into());
        }
        let date = match given.get("Date") {
            None | Some(Value::Null) => Some(call.now.date_naive()),
            Some(date) => parse_date(date),
        };
        match date.map(|date| self.check_period(date)) {
            None => errors.push("Date is not a valid date.".into()),
            Some(Err(more)) => errors.extend(more),
            Some(Ok(())) => {}
        }
        let currency = json::text(&document, "CurrencyCode").to_owned();
        let account = self.payment_account(given.get("Account").unwrap_or(&Value::Null), &currency);
        if json::text(given, "Reference").encode_utf16().count() > 255 {
            errors.push("Reference exceeds the maximum length of 255 characters.".into());
        }
        let account = match account {
            Ok(account) if errors.is_empty() => account,
            Ok(_) => return Err(errors),
            Err(more) => {
                errors.extend(more);
                return Err(errors);
            }
        };
        let date = date.unwrap_or_default();
        Ok((self.book_payment(call, given, sort, document, amount, date, &account), Vec::new()))
    }

    #[expect(clippy::too_many_arguments, reason = "everything here was checked just before")]
    fn book_payment(
        &mut self,
        call: &Call,
        given: &Value,
        sort: Sort,
        mut document: Value,
        amount: Decimal,
        date: chrono::NaiveDate,
        account: &Value,
    ) -> Value {
        let id = self.ids.guid();
        let currency = json::text(&document, "CurrencyCode").to_owned();
        let document_rate = json::amount(&document, "CurrencyRate");
        let rate = match given.get("CurrencyRate").and_then(json::lenient_decimal) {
            _ if currency == self.base => Decimal::ONE,
            Some(rate) if rate > Decimal::ZERO => json::round(rate, 6),
            _ => document_rate,
        };
        let is_same = json::text(account, "CurrencyCode") == currency;
        let bank_amount = if is_same || rate.is_zero() { amount } else { round2(amount / rate) };
        let (kind, name, id_key) = match sort {
            Sort::Invoice => ("ACCRECPAYMENT", "Invoice", "InvoiceID"),
            Sort::CreditNote => ("ARCREDITPAYMENT", "CreditNote", "CreditNoteID"),
        };
        let reference = json::text(given, "Reference");
        let inner = json!({
            "PaymentID": id, "Date": wire_date(date), "Amount": money(amount), "Reference": reference, "CurrencyRate": plain(rate),
        });
        push(&mut document, "Payments", inner);
        self.resettle(call.now, sort, document.clone());
        let settled = self.find(sort, json::text(&document, id_key)).cloned().unwrap_or_default();
        let keys = [
            "Type",
            "InvoiceID",
            "InvoiceNumber",
            "CreditNoteID",
            "CreditNoteNumber",
            "AmountDue",
            "AmountPaid",
            "RemainingCredit",
            "Total",
            "CurrencyCode",
            "Contact",
            "Status",
        ];
        let summary: Object =
            keys.iter().filter_map(|key| Some(((*key).to_owned(), settled.get(*key)?.clone()))).collect();
        let mut payment = json!({
            "PaymentID": id, "Date": wire_date(date), "DateString": date_string(date), "BankAmount": money(bank_amount),
            "Amount": money(amount), "Reference": reference, "CurrencyRate": plain(rate), "PaymentType": kind,
            "Status": "AUTHORISED", "UpdatedDateUTC": wire_time(call.now), "HasAccount": true, "IsReconciled": false,
            "Account": { "AccountID": account["AccountID"], "Code": account["Code"], "Name": account["Name"] },
        });
        payment[name] = Value::Object(summary);
        self.payments.put(&id, payment.clone());
        payment
    }

    fn payment_target(&self, given: &Value) -> Result<(Sort, Value), Vec<String>> {
        for (sort, name, id_key, number_key) in [
            (Sort::Invoice, "Invoice", "InvoiceID", "InvoiceNumber"),
            (Sort::CreditNote, "CreditNote", "CreditNoteID", "CreditNoteNumber"),
        ] {
            let Some(reference) = given.get(name) else { continue };
            let key = match json::text(reference, id_key) {
                "" => json::text(reference, number_key),
                id => id,
            };
            let document = self.find(sort, key).cloned();
            return document.map(|document| (sort, document)).ok_or_else(|| one(format!("{name} could not be found")));
        }
        Err(one("An Invoice or a CreditNote must be specified"))
    }

    /// The account must be a bank account, or have payments enabled. A bank account must be in the document's or in the base
    /// currency (conservative: a third currency needs a clearing account); others count as base.
    fn payment_account(&self, given: &Value, currency: &str) -> Found {
        let by = |key: &str| given.get(key).and_then(Value::as_str).map(|wanted| (key.to_owned(), wanted.to_owned()));
        let (key, wanted) = by("AccountID").or_else(|| by("Code")).ok_or_else(|| one("Account must be specified"))?;
        let account = self.accounts.iter().find(|account| json::text(account, &key) == wanted);
        let account = account.filter(|account| json::text(account, "Status") == "ACTIVE");
        let account = account.ok_or_else(|| one("Account could not be found"))?;
        let is_bank = json::text(account, "Type") == "BANK";
        if !is_bank && account.get("EnablePaymentsToAccount") != Some(&Value::Bool(true)) {
            return Err(one(
                "Account code is not valid for payments: it must be a bank account or have payments enabled.",
            ));
        }
        let own = json::text(account, "CurrencyCode");
        if is_bank && own != currency && own != self.base {
            return Err(one(format!(
                "The currency of the bank account, {own}, must be {currency} or the base currency."
            )));
        }
        Ok(account.clone())
    }
}

type Found = Result<Value, Vec<String>>;

fn target(payment: &Value) -> (Sort, String) {
    match payment.get("Invoice") {
        Some(invoice) => (Sort::Invoice, json::text(invoice, "InvoiceID").to_owned()),
        None => (Sort::CreditNote, json::text_at(payment, "CreditNote.CreditNoteID").to_owned()),
    }
}
