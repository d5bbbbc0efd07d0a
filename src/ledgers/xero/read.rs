//! Xero's answers: money as numbers or text, zero ids for what failed, every element with its own status.

use chrono::{DateTime, NaiveDate};
use rust_decimal::Decimal;
use serde_json::Value;

use super::listing::own_type;
use super::{documents, faults};
use crate::books::document::DocumentKind;
use crate::books::hold::HoldReason;
use crate::books::money::parse_amount;
use crate::ledgers::faults::Concerns;
use crate::ledgers::{Failure, FoundParty, Operation, Outcome, Posted, Reference, Refusal, Write};
use crate::platform::Response;

/// The id of an element that was not stored.
pub(super) const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

pub(super) fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

pub(super) fn amount(value: &Value, key: &str) -> Option<Decimal> {
    match value.get(key)? {
        Value::Number(number) => parse_amount(&number.to_string()).ok(),
        Value::String(text) => parse_amount(text).ok(),
        _ => None,
    }
}

pub(super) fn id(value: &Value, key: &str) -> Option<String> {
    Some(text(value, key)).filter(|id| !id.is_empty() && id != NOBODY)
}

/// `/Date(1776988800000+0000)/`, or a plain date.
pub(super) fn date(value: Option<&Value>) -> Option<NaiveDate> {
    let written = value?.as_str()?;
    let Some(inner) = written.strip_prefix("/Date(") else { return written.get(..10)?.parse().ok() };
    let end = inner.find(['+', ')'])?;
    DateTime::from_timestamp_millis(inner.get(..end)?.parse().ok()?).map(|instant| instant.date_naive())
}

/// A failure is a failure of whatever was asked for.
pub(super) fn failed<T>(failure: Failure) -> Outcome<T> {
    failure.map(|never| match never {})
}

/// A success that does not hold what was asked for.
pub(super) fn nothing_said(response: &Response, writes: bool) -> Failure {
    faults::judge(&Response { status: 200, ..response.clone() }, None, writes)
}

/// The elements of an answer.
pub(super) fn elements(response: &Response, name: &str, writes: bool) -> Result<Vec<Value>, Box<Failure>> {
    let parsed: Option<Value> = serde_json::from_str(&response.body).ok();
    match parsed {
        Some(value) if response.status == 200 => {
            let list = value.get(name).and_then(Value::as_array).cloned();
            list.ok_or_else(|| Box::new(nothing_said(response, writes)))
        }
        parsed => Err(Box::new(faults::judge(response, parsed.as_ref(), writes))),
    }
}

/// The one element of an answer to a write, if it was stored.
fn stored(response: &Response, name: &str) -> Result<Value, Box<Failure>> {
    let list = elements(response, name, true)?;
    let element = list.into_iter().next().ok_or_else(|| Box::new(nothing_said(response, true)))?;
    match faults::of_element(response, &element) {
        Some(failure) => Err(Box::new(failure)),
        None => Ok(element),
    }
}

/// A look-up by number answers 404 where there is nothing.
fn found(response: &Response, name: &str) -> Result<Vec<Value>, Box<Failure>> {
    if response.status == 404 { Ok(Vec::new()) } else { elements(response, name, false) }
}

/// The id of the active account of that name.
pub fn account(reference: &Reference, response: &Response) -> Outcome<String> {
    let accounts = match elements(response, "Accounts", false) {
        Ok(accounts) => accounts,
        Err(failure) => return failed(*failure),
    };
    let named = accounts.iter().find(|one| text(one, "Name").eq_ignore_ascii_case(&reference.label));
    named.and_then(|one| id(one, "AccountID")).map_or_else(
        || {
            let message = format!("Xero has no active account called \"{}\"", reference.label);
            let ledger_says = format!("\"{}\"", reference.label);
            let (reason, code) = (HoldReason::SettingsRefused, "name_not_found".into());
            Outcome::Settings(Refusal { reason, code, message, ledger_says }, Concerns::Name)
        },
        Outcome::Done,
    )
}

/// The contacts that carry our key.
pub fn contacts(key: &str, response: &Response) -> Outcome<Vec<FoundParty>> {
    let list = match found(response, "Contacts") {
        Ok(list) => list,
        Err(failure) => return failed(*failure),
    };
    let read = |one: &Value| {
        Some(FoundParty {
            ledger_id: id(one, "ContactID")?,
            name: text(one, "Name"),
            email: Some(text(one, "EmailAddress")).filter(|email| !email.is_empty()),
            currency: None,
            ours: text(one, "ContactNumber") == key,
            active: text(one, "ContactStatus") == "ACTIVE" && id(one, "MergedToContactID").is_none(),
        })
    };
    Outcome::Done(list.iter().filter_map(read).collect())
}

/// The id of the contact that was created.
pub fn created_contact(response: &Response) -> Outcome<String> {
    match stored(response, "Contacts") {
        Ok(contact) => id(&contact, "ContactID").map_or_else(|| failed(nothing_said(response, true)), Outcome::Done),
        Err(failure) => failed(*failure),
    }
}

pub(super) fn id_key(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::Invoice | DocumentKind::SalesReceipt => "InvoiceID",
        DocumentKind::CreditNote | DocumentKind::RefundReceipt => "CreditNoteID",
        DocumentKind::Payment | DocumentKind::RefundPayment => "PaymentID",
        DocumentKind::Application => "AllocationID",
    }
}

/// What a write achieved.
pub fn written(write: &Write<'_>, response: &Response) -> Outcome<Posted> {
    if write.operation == Operation::Void && response.status == 204 {
        let gone = write.existing.cloned().map(|old| Posted { void: true, ..old });
        return gone.map_or_else(|| failed(nothing_said(response, true)), Outcome::Done);
    }
    let element = match stored(response, documents::endpoint(write.document.kind())) {
        Ok(element) => element,
        Err(failure) => return failed(*failure),
    };
    match (write.operation, posted(write, &element)) {
        (Operation::Create | Operation::Update, Some(posted)) if !posted.void => Outcome::Done(posted),
        (Operation::Void, Some(posted)) if posted.void => Outcome::Done(posted),
        _ => failed(nothing_said(response, true)),
    }
}

/// What stands in the ledger under the document's number.
pub fn looked(write: &Write<'_>, response: &Response) -> Outcome<Vec<Posted>> {
    let kind = write.document.kind();
    if kind == DocumentKind::Application {
        return applications(write, response);
    }
    // A supplier's bill may carry the same number.
    let is_sales = |one: &&Value| own_type(kind).is_none_or(|own| one.get("Type").is_none_or(|said| said == own));
    match found(response, documents::endpoint(kind)) {
        Ok(list) => Outcome::Done(list.iter().filter(is_sales).filter_map(|one| posted(write, one)).collect()),
        Err(failure) => failed(*failure),
    }
}

/// An application is found on its credit note.
fn applications(write: &Write<'_>, response: &Response) -> Outcome<Vec<Posted>> {
    let notes = match found(response, "CreditNotes") {
        Ok(notes) => notes,
        Err(failure) => return failed(*failure),
    };
    let settles = write.document.settlement().and_then(|money| write.links.get(&money.settles));
    let invoice = settles.map(|posted| posted.ledger_id.clone()).unwrap_or_default();
    let of_invoice =
        |one: &&Value| one.get("Invoice").map(|found| text(found, "InvoiceID")).as_deref() == Some(&invoice);
    let list = notes.iter().filter_map(|note| note.get("Allocations").and_then(Value::as_array)).flatten();
    Outcome::Done(list.filter(of_invoice).filter_map(|one| posted(write, one)).collect())
}

fn posted(write: &Write<'_>, element: &Value) -> Option<Posted> {
    let kind = write.document.kind();
    let (number, total) = match kind {
        DocumentKind::Invoice | DocumentKind::SalesReceipt => ("InvoiceNumber", "Total"),
        DocumentKind::CreditNote | DocumentKind::RefundReceipt => ("CreditNoteNumber", "Total"),
        DocumentKind::Payment | DocumentKind::RefundPayment => ("Reference", "Amount"),
        DocumentKind::Application => ("", "Amount"),
    };
    let is_money = write.document.itemised().is_none();
    let number =
        if kind == DocumentKind::Application { write.document.number().to_owned() } else { text(element, number) };
    let reference = text(element, "Reference");
    Some(Posted {
        ledger_id: id(element, id_key(kind))?,
        version: String::new(),
        number,
        total: amount(element, total)?,
        currency: element.get("CurrencyCode").and_then(Value::as_str).and_then(|code| code.parse().ok()),
        party_id: if is_money { None } else { element.get("Contact").and_then(|contact| id(contact, "ContactID")) },
        void: matches!(text(element, "Status").as_str(), "VOIDED" | "DELETED"),
        names_order: if is_money { settles(write, element) } else { names(&reference, &write.document.order_id) },
        remark: faults::remark(element).map(|(name, text)| (name.to_owned(), text.to_owned())),
        room: None,
    })
}

/// True if the money settles what the document settles. Its reference is the transaction, which belongs to one order only
/// but may have paid several documents of it.
fn settles(write: &Write<'_>, element: &Value) -> bool {
    let (of, key) = match write.document.kind() {
        DocumentKind::RefundPayment => ("CreditNote", "CreditNoteID"),
        _ => ("Invoice", "InvoiceID"),
    };
    let meant = write.document.settlement().and_then(|money| write.links.get(&money.settles));
    meant.is_some_and(|meant| element.get(of).and_then(|found| id(found, key)).as_ref() == Some(&meant.ledger_id))
}

/// True if the reference names the order, as a whole word.
fn names(reference: &str, order_id: &str) -> bool {
    reference.split(|letter: char| !letter.is_ascii_digit()).any(|word| word == order_id)
}
