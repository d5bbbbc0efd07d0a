//! Allocating a credit note to an invoice, and taking an allocation back.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::documents::Sort;
use super::settle::settle;
use super::{Call, Company, Outcome, date_string, faults, one, parse_date, wire_date, wire_time};
use crate::http::Reply;
use crate::json::{self, Object, money, round2};

impl Company {
    /// The note must be authorised, for the same contact and in the same currency as the invoice, and neither can be overdrawn.
    pub(super) fn allocate(&mut self, call: &Call, given: &Object) -> Outcome {
        let given = Value::Object(given.clone());
        let key = call.path_id.clone().unwrap_or_default();
        let not_found = || one("The document with the supplied id was not found for this endpoint.");
        let mut note = self.find(Sort::CreditNote, &key).cloned().ok_or_else(not_found)?;
        let invoice = given.get("Invoice").cloned().unwrap_or_default();
        let invoice_key = match json::text(&invoice, "InvoiceID") {
            "" => json::text(&invoice, "InvoiceNumber"),
            id => id,
        };
        let mut invoice = self.find(Sort::Invoice, invoice_key).cloned().ok_or_else(not_found)?;
        let amount =
            given.get("Amount").and_then(json::lenient_decimal).ok_or_else(|| one("Amount must be specified."))?;
        let mut errors = Vec::new();
        if json::text(&note, "Status") != "AUTHORISED" || json::text(&invoice, "Status") != "AUTHORISED" {
            errors.push("Credit notes can only be allocated between Authorised documents".to_owned());
        }
        if json::text_at(&note, "Contact.ContactID") != json::text_at(&invoice, "Contact.ContactID") {
            errors.push("The credit note and the invoice must be for the same contact".into());
        }
        if json::text(&note, "CurrencyCode") != json::text(&invoice, "CurrencyCode") {
            errors.push("The credit note and the invoice must be in the same currency".into());
        }
        if amount <= Decimal::ZERO || amount != round2(amount) {
            errors.push("The allocated amount must be a positive amount".into());
        }
        if amount > json::amount(&note, "RemainingCredit") {
            errors.push("The allocated amount exceeds the remaining credit of this document".into());
        }
        if amount > json::amount(&invoice, "AmountDue") {
            errors.push("The allocated amount exceeds the amount outstanding on this document".into());
        }
        // The date is read-only: the later of the two documents' dates. One that is sent must still be a date.
        if given.get("Date").is_some_and(|date| parse_date(date).is_none()) {
            errors.push("Date is not a valid date.".into());
        }
        let date = parse_date(&note["DateString"]).max(parse_date(&invoice["DateString"])).unwrap_or_default();
        if let Err(more) = self.check_period(date) {
            errors.extend(more);
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let allocation = json!({
            "AllocationID": self.ids.guid(), "Amount": money(amount), "Date": wire_date(date), "DateString": date_string(date),
            "Invoice": { "InvoiceID": invoice["InvoiceID"], "InvoiceNumber": invoice["InvoiceNumber"] },
        });
        push(&mut note, "Allocations", allocation.clone());
        let credit = json!({
            "CreditNoteID": note["CreditNoteID"], "CreditNoteNumber": note["CreditNoteNumber"], "ID": note["CreditNoteID"],
            "AppliedAmount": money(amount), "AllocationID": allocation["AllocationID"],
        });
        push(&mut invoice, "CreditNotes", credit);
        self.resettle(call.now, Sort::CreditNote, note);
        self.resettle(call.now, Sort::Invoice, invoice);
        Ok((allocation, Vec::new()))
    }

    pub(super) fn resettle(&mut self, now: DateTime<Utc>, sort: Sort, mut document: Value) {
        settle(sort, &mut document);
        document["UpdatedDateUTC"] = wire_time(now);
        self.store(sort, document);
    }

    pub(super) fn delete_allocation(&mut self, now: DateTime<Utc>, note: &str, allocation: &str) -> Reply {
        let Some(mut note) = self.find(Sort::CreditNote, note).cloned() else { return faults::not_found() };
        let found =
            json::list(&note, "Allocations").iter().find(|row| json::text(row, "AllocationID") == allocation).cloned();
        let Some(mut row) = found else { return faults::not_found() };
        let invoice_id = json::text_at(&row, "Invoice.InvoiceID").to_owned();
        remove(&mut note, "Allocations", "AllocationID", allocation);
        self.resettle(now, Sort::CreditNote, note);
        if let Some(mut invoice) = self.invoices.get(&invoice_id).cloned() {
            remove(&mut invoice, "CreditNotes", "AllocationID", allocation);
            self.resettle(now, Sort::Invoice, invoice);
        }
        self.writes += 1;
        row["IsDeleted"] = json!(true);
        self.envelope(now, "Allocations", json!([row]), None)
    }
}

pub(super) fn push(document: &mut Value, list: &str, row: Value) {
    if let Some(rows) = document[list].as_array_mut() {
        rows.push(row);
    }
}

pub(super) fn remove(document: &mut Value, list: &str, key: &str, id: &str) {
    if let Some(rows) = document[list].as_array_mut() {
        rows.retain(|row| json::text(row, key) != id);
    }
}
