//! What a Xero organisation holds, page by page (facts/xero §1, "Query params"). Voided and deleted documents and drafts are
//! listed with the others.

use chrono::Duration;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::documents::{encode, endpoint};
use super::read::{self, NOBODY, amount, date, failed, id, id_key, nothing_said, text};
use crate::books::document::DocumentKind;
use crate::books::listed::{Listed, ListedLine};
use crate::ledgers::{Failure, ListedPage, Outcome, Span, WireRequest, listing};
use crate::platform::Response;

/// Documents per page: the most that Xero gives.
const PAGE: usize = 1_000;
/// The least that a full page holds, where Xero does not say how many pages there are.
const SMALLEST_PAGE: usize = 100;

/// The kinds that are listed. Refunds are listed with the payments: they are told apart when they are read.
pub const KINDS: &[DocumentKind] = &[DocumentKind::Invoice, DocumentKind::CreditNote, DocumentKind::Payment];

/// The type of a document that is the customer's, not a supplier's. Payments have several.
pub(super) fn own_type(kind: DocumentKind) -> Option<&'static str> {
    match endpoint(kind) {
        "Invoices" => Some("ACCREC"),
        "CreditNotes" => Some("ACCRECCREDIT"),
        _ => None,
    }
}

/// The number of a document, the reference of a payment.
fn number_key(kind: DocumentKind) -> &'static str {
    match endpoint(kind) {
        "Invoices" => "InvoiceNumber",
        "CreditNotes" => "CreditNoteNumber",
        _ => "Reference",
    }
}

/// The question for a page. The order is by id, which no change moves to another page: Xero's own order, by the time of the
/// change, would pull a page's first document back onto the page that was read.
pub fn question(kind: DocumentKind, span: &Span, page: usize) -> WireRequest {
    let of_type = own_type(kind).map(|name| format!("Type==\"{name}\""));
    let filter = match span {
        Span::Dated(from, to) => {
            let day = |day: &chrono::NaiveDate| day.format("DateTime(%Y,%m,%d)").to_string();
            let dated = format!("Date>={} AND Date<={}", day(from), day(to));
            clause(&of_type.map_or(dated.clone(), |of_type| format!("{of_type} AND {dated}")))
        }
        Span::ChangedSince(_) => of_type.map_or_else(String::new, |of_type| clause(&of_type)),
        Span::Ids(ids) => named(kind, "IDs", id_key(kind), ids),
        Span::Numbers(numbers) => named(kind, "InvoiceNumbers", number_key(kind), numbers),
    };
    let (name, id) = (endpoint(kind), id_key(kind));
    // The page comes first: an address that begins with the numbers is a look-up, which travels with others.
    let path = format!("/api.xro/2.0/{name}?page={page}&pageSize={PAGE}&order={id}%20ASC{filter}");
    let modified_since = match span {
        // To the second, and whether that second counts is not said: one more is asked for.
        Span::ChangedSince(since) => Some((*since - Duration::seconds(1)).format("%Y-%m-%dT%H:%M:%S").to_string()),
        _ => None,
    };
    WireRequest { modified_since, ..WireRequest::get(path) }
}

fn clause(text: &str) -> String {
    format!("&where={}", encode(text))
}

/// The filter for documents by id or number. Invoices have a parameter for it, in which a comma separates; everything else is
/// a chain of conditions, in which a quote would end the value. What cannot be asked for is nobody's.
fn named(kind: DocumentKind, parameter: &str, key: &str, values: &[String]) -> String {
    if endpoint(kind) == "Invoices" && !values.is_empty() && !values.iter().any(|value| value.contains(',')) {
        let list: Vec<String> = values.iter().map(|value| encode(value)).collect();
        return format!("&{parameter}={}", list.join(","));
    }
    let by_id = key == id_key(kind);
    let condition = |value: &str| {
        if by_id { format!("{key}==Guid(\"{value}\")") } else { format!("{key}==\"{value}\"") }
    };
    let safe = values.iter().filter(|value| !value.contains(['"', '\\']));
    let conditions: Vec<String> = safe.map(|value| condition(value)).collect();
    if conditions.is_empty() {
        return clause(&format!("{}==Guid(\"{NOBODY}\")", id_key(kind)));
    }
    clause(&conditions.join(" OR "))
}

/// How many pages there are, where Xero says so.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pagination {
    page: usize,
    page_count: usize,
}

/// What a page holds.
pub fn read(kind: DocumentKind, response: &Response) -> Outcome<ListedPage> {
    let (rows, more) = match written_rows(kind, response) {
        Ok(found) => found,
        Err(failure) => return failed(*failure),
    };
    listing::page(&rows, more, |row| if own_type(kind).is_some() { document(kind, row) } else { payment(row) })
}

/// The elements as they are written, and whether there may be more. Whatever is no plain success is read as every other
/// answer is.
fn written_rows(kind: DocumentKind, response: &Response) -> Result<(Vec<&RawValue>, bool), Box<Failure>> {
    let name = endpoint(kind);
    let found = listing::members(&response.body).filter(|_| response.status == 200).and_then(|whole| {
        let rows = listing::elements(whole.get(name)?.get())?;
        let said: Option<Pagination> = whole.get("pagination").and_then(|pages| serde_json::from_str(pages.get()).ok());
        let more = said.map_or(rows.len() >= SMALLEST_PAGE, |pages| pages.page < pages.page_count);
        Some((rows, more))
    });
    found.ok_or_else(|| {
        let failure = read::elements(response, name, false).err();
        failure.unwrap_or_else(|| Box::new(nothing_said(response, false)))
    })
}

/// Id and amount of an element; `None` for one that was never stored.
fn identity(name: &str, row: &Value, key: &str, total: &str) -> Result<Option<(String, Decimal)>, String> {
    let written = text(row, key);
    if written == NOBODY {
        return Ok(None);
    }
    let total = amount(row, total).filter(|_| !written.is_empty());
    let unreadable = || format!("Xero lists one of its {name} (`{written}`) that lacks its id or its amount");
    total.ok_or_else(unreadable).map(|total| Some((written.clone(), total)))
}

fn document(kind: DocumentKind, row: &Value) -> Result<Option<Listed>, String> {
    if Some(text(row, "Type").as_str()) != own_type(kind) {
        return Ok(None);
    }
    let Some((ledger_id, total)) = identity(endpoint(kind), row, id_key(kind), "Total")? else { return Ok(None) };
    let status = text(row, "Status");
    let (counts, void) = (matches!(&*status, "AUTHORISED" | "PAID"), matches!(&*status, "VOIDED" | "DELETED"));
    let is_invoice = endpoint(kind) == "Invoices";
    let lines = row.get("LineItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    Ok(Some(Listed {
        kind: if is_invoice { DocumentKind::Invoice } else { DocumentKind::CreditNote },
        ledger_id,
        number: text(row, number_key(kind)),
        note: text(row, "Reference"),
        currency: text(row, "CurrencyCode").parse().ok(),
        total,
        tax: amount(row, "TotalTax"),
        open: amount(row, if is_invoice { "AmountDue" } else { "RemainingCredit" }),
        date: day(row),
        party_id: row.get("Contact").and_then(|contact| id(contact, "ContactID")),
        void,
        draft: !counts && !void,
        lines: lines.iter().map(line).collect(),
        settles: Vec::new(),
    }))
}

fn line(item: &Value) -> ListedLine {
    ListedLine { text: text(item, "Description"), amount: amount(item, "LineAmount").unwrap_or_default() }
}

fn day(row: &Value) -> Option<chrono::NaiveDate> {
    date(row.get("DateString")).or_else(|| date(row.get("Date")))
}

/// Money that a customer paid, or got back for a credit note. What was paid to suppliers, and what was paid back of over- and
/// prepayments, settles nothing that is listed.
fn payment(row: &Value) -> Result<Option<Listed>, String> {
    let target = |name: &str, own: &str| row.get(name).filter(|one| one.is_object() && of(one, own));
    let (invoice, note) = (target("Invoice", "ACCREC"), target("CreditNote", "ACCRECCREDIT"));
    let (kind, target, target_id) = match (&*text(row, "PaymentType"), invoice, note) {
        ("ACCRECPAYMENT", invoice, _) | ("", invoice @ Some(_), None) => (DocumentKind::Payment, invoice, "InvoiceID"),
        ("ARCREDITPAYMENT", _, note) | ("", None, note @ Some(_)) => {
            (DocumentKind::RefundPayment, note, "CreditNoteID")
        }
        _ => return Ok(None),
    };
    let Some((ledger_id, total)) = identity("Payments", row, "PaymentID", "Amount")? else { return Ok(None) };
    Ok(Some(Listed {
        kind,
        ledger_id,
        number: text(row, "Reference"),
        note: String::new(),
        currency: target.and_then(|one| text(one, "CurrencyCode").parse().ok()),
        total,
        tax: None,
        open: None,
        date: day(row),
        party_id: target.and_then(|one| id(one.get("Contact")?, "ContactID")),
        void: matches!(text(row, "Status").as_str(), "DELETED" | "VOIDED"),
        draft: false,
        lines: Vec::new(),
        settles: target.and_then(|one| id(one, target_id)).into_iter().collect(),
    }))
}

/// True unless the document says that it is of another type.
fn of(document: &Value, own: &str) -> bool {
    let said = text(document, "Type");
    said.is_empty() || said == own
}
