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
fn own_type(kind: DocumentKind) -> Option<&'static str> {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(body: Value) -> Response {
        Response { status: 200, headers: Vec::new(), body: body.to_string() }
    }

    fn one(kind: DocumentKind, row: Value) -> Option<Listed> {
        match read(kind, &answer(json!({ endpoint(kind): [row] }))) {
            Outcome::Done(page) => page.documents.into_iter().next(),
            other => panic!("{other:?}"),
        }
    }

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_page_is_asked_for_by_date_change_id_or_number_in_the_order_of_the_ids() {
        let dated = Span::Dated("2026-11-01".parse().unwrap(), "2026-11-30".parse().unwrap());
        let days = "Date>=DateTime(2026,11,01) AND Date<=DateTime(2026,11,30)";
        let (ids, numbers) = (Span::Ids(texts(&["a", "b"])), Span::Numbers(texts(&["S-1", "S-2"])));
        let clause = |text: &str| format!("&where={}", encode(text));
        for (kind, span, filter) in [
            (DocumentKind::Invoice, &dated, clause(&format!("Type==\"ACCREC\" AND {days}"))),
            (DocumentKind::Payment, &dated, clause(days)),
            (DocumentKind::Invoice, &ids, "&IDs=a,b".into()),
            (DocumentKind::Invoice, &numbers, "&InvoiceNumbers=S-1,S-2".into()),
            (DocumentKind::CreditNote, &ids, clause("CreditNoteID==Guid(\"a\") OR CreditNoteID==Guid(\"b\")")),
            (DocumentKind::CreditNote, &numbers, clause("CreditNoteNumber==\"S-1\" OR CreditNoteNumber==\"S-2\"")),
            (DocumentKind::Payment, &ids, clause("PaymentID==Guid(\"a\") OR PaymentID==Guid(\"b\")")),
            (DocumentKind::Payment, &numbers, clause("Reference==\"S-1\" OR Reference==\"S-2\"")),
            (DocumentKind::Invoice, &Span::Numbers(texts(&["1,001"])), clause("InvoiceNumber==\"1,001\"")),
        ] {
            let (name, id) = (endpoint(kind), id_key(kind));
            let path = format!("/api.xro/2.0/{name}?page=3&pageSize=1000&order={id}%20ASC{filter}");
            assert_eq!(question(kind, span, 3), WireRequest::get(path));
        }
        let changed = question(DocumentKind::Payment, &Span::ChangedSince("2026-11-02T09:00:00Z".parse().unwrap()), 1);
        assert_eq!(changed.modified_since.as_deref(), Some("2026-11-02T08:59:59"));
        assert!(changed.path.ends_with("PaymentID%20ASC"));
    }

    #[test]
    fn what_cannot_be_asked_for_is_nobodys_and_never_everything() {
        let nobody = encode(NOBODY);
        for (kind, span) in [
            (DocumentKind::Invoice, Span::Ids(Vec::new())),
            (DocumentKind::Payment, Span::Numbers(texts(&["a\"b", "c\\d"]))),
        ] {
            let path = question(kind, &span, 1).path;
            assert!(path.contains(&nobody) && !path.contains("OR"), "{path}");
        }
    }

    #[test]
    fn as_many_ids_as_may_be_named_fit_into_an_address() {
        let ids = vec!["c67e563c-17ee-40dd-ad95-4f8c143bf740".to_owned(); crate::ledgers::MOST_NAMED];
        for kind in KINDS {
            let path = question(*kind, &Span::Ids(ids.clone()), 1000).path;
            let query = path.split_once('?').unwrap().1;
            assert!(query.len() <= 2_048, "{kind:?}: {}", query.len());
        }
    }

    #[test]
    fn a_document_is_read_in_both_dialects_of_amounts_and_dates() {
        let row = |total: Value, date: Value| {
            json!({
                "Type": "ACCREC", "InvoiceID": "i", "InvoiceNumber": "S-1", "Reference": "Shopify order 77",
                "Status": "AUTHORISED", "CurrencyCode": "GBP", "Total": total, "TotalTax": 1.10, "AmountDue": "5.76",
                "Date": date, "Contact": { "ContactID": "c" },
                "LineItems": [
                    { "Description": "Tee", "LineAmount": 64.66, "UnitAmount": 64.66 }, { "Description": "more" },
                ],
            })
        };
        let line = |text: &str, amount: &str| ListedLine { text: text.into(), amount: dec(amount) };
        let expected = Listed {
            kind: DocumentKind::Invoice,
            ledger_id: "i".into(),
            number: "S-1".into(),
            note: "Shopify order 77".into(),
            currency: Some("GBP".parse().unwrap()),
            total: dec("65.76"),
            tax: Some(dec("1.10")),
            open: Some(dec("5.76")),
            date: Some("2026-04-24".parse().unwrap()),
            party_id: Some("c".into()),
            void: false,
            draft: false,
            lines: vec![line("Tee", "64.66"), line("more", "0")],
            settles: Vec::new(),
        };
        for (total, date) in [
            (json!(65.76), json!("/Date(1776988800000+0000)/")),
            (json!("65.76"), json!("/Date(1776988800000)/")),
            (json!(65.76), json!("2026-04-24T00:00:00")),
        ] {
            assert_eq!(one(DocumentKind::Invoice, row(total, date)), Some(expected.clone()));
        }
    }

    #[test]
    fn a_status_says_whether_a_document_counts_and_a_suppliers_is_none_of_ours() {
        let note = |kind: &str, id: &str, status: &str| {
            let row = json!({ "Type": kind, "CreditNoteID": id, "Status": status, "Total": 0, "RemainingCredit": 0 });
            one(DocumentKind::CreditNote, row)
        };
        for (status, void, draft) in [
            ("AUTHORISED", false, false),
            ("PAID", false, false),
            ("VOIDED", true, false),
            ("DELETED", true, false),
            ("DRAFT", false, true),
            ("SUBMITTED", false, true),
        ] {
            let found = note("ACCRECCREDIT", "n", status).unwrap();
            assert_eq!((found.void, found.draft, found.open), (void, draft, Some(Decimal::ZERO)), "{status}");
        }
        assert_eq!(note("ACCPAYCREDIT", "n", "AUTHORISED"), None);
        assert_eq!(note("ACCRECCREDIT", NOBODY, "AUTHORISED"), None, "it was never stored");
    }

    #[test]
    fn money_is_a_payment_or_a_refund_by_what_it_says_or_what_it_pays() {
        let invoice = json!({ "InvoiceID": "i", "CurrencyCode": "EUR", "Contact": { "ContactID": "c" } });
        let note = json!({ "CreditNoteID": "n", "Type": "ACCRECCREDIT" });
        let row = |kind: &str, name: &str, target: &Value| {
            let mut row = json!({
                "PaymentID": "p", "Reference": "55", "Amount": "7.50", "Date": "/Date(1776988800000+0000)/",
                "Status": "AUTHORISED", "CurrencyRate": 0,
            });
            row[name] = target.clone();
            if !kind.is_empty() {
                row["PaymentType"] = json!(kind);
            }
            row
        };
        for kind in ["ACCRECPAYMENT", ""] {
            let found = one(DocumentKind::Payment, row(kind, "Invoice", &invoice)).unwrap();
            assert_eq!((found.kind, &*found.number, found.total), (DocumentKind::Payment, "55", dec("7.5")));
            assert_eq!((found.currency, found.party_id), (Some("EUR".parse().unwrap()), Some("c".into())));
            assert_eq!((found.settles, found.date), (texts(&["i"]), Some("2026-04-24".parse().unwrap())));
        }
        for kind in ["ARCREDITPAYMENT", ""] {
            let found = one(DocumentKind::Payment, row(kind, "CreditNote", &note)).unwrap();
            assert_eq!((found.kind, found.settles), (DocumentKind::RefundPayment, texts(&["n"])));
        }
        let bill = json!({ "InvoiceID": "i", "Type": "ACCPAY" });
        for (kind, name) in [("ACCPAYPAYMENT", "Invoice"), ("", "Invoice"), ("AROVERPAYMENTPAYMENT", "Overpayment")] {
            assert_eq!(one(DocumentKind::Payment, row(kind, name, &bill)), None, "{kind}");
        }
        let mut gone = row("ACCRECPAYMENT", "Invoice", &invoice);
        gone["Status"] = json!("DELETED");
        assert!(one(DocumentKind::Payment, gone).unwrap().void);
    }

    #[test]
    fn another_page_follows_where_xero_says_so_or_the_page_may_be_full() {
        let rows = |count: usize| -> Vec<Value> {
            (0..count).map(|id| json!({ "Type": "ACCREC", "InvoiceID": id.to_string(), "Total": 1 })).collect()
        };
        let more = |count: usize, pages: Value| {
            let body = json!({ "Invoices": rows(count), "pagination": pages });
            match read(DocumentKind::Invoice, &answer(body)) {
                Outcome::Done(page) => page.more,
                other => panic!("{other:?}"),
            }
        };
        let pages = |page: usize| json!({ "page": page, "pageSize": 100, "pageCount": 3, "itemCount": 250 });
        assert!(more(100, pages(2)) && !more(50, pages(3)));
        assert!(more(100, Value::Null) && !more(99, Value::Null));
    }

    #[test]
    fn a_fault_or_a_document_that_cannot_be_told_is_never_an_empty_page() {
        for body in [json!({}), json!({ "Invoices": "x" }), json!([])] {
            assert!(!matches!(read(DocumentKind::Invoice, &answer(body.clone())), Outcome::Done(_)), "{body}");
        }
        let away = Response { status: 503, headers: Vec::new(), body: "The Organisation is offline".into() };
        assert!(matches!(read(DocumentKind::Invoice, &away), Outcome::Wait { .. }));
        for row in [
            json!({ "Type": "ACCREC", "InvoiceID": "i" }),
            json!({ "Type": "ACCREC", "Total": 1 }),
            json!({ "Type": "ACCREC", "InvoiceID": "i", "Total": "much" }),
        ] {
            let read = read(DocumentKind::Invoice, &answer(json!({ "Invoices": [row] })));
            assert!(matches!(&read, Outcome::Unknown(why) if why.contains("Invoices")), "{read:?}");
        }
    }
}
