//! Pages of listings, as Xero answers them.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::documents::{encode, endpoint};
use super::listing::{KINDS, question, read};
use super::read::{NOBODY, id_key};
use crate::books::document::DocumentKind;
use crate::books::listed::{Listed, ListedLine};
use crate::ledgers::{Outcome, Span, WireRequest};
use crate::platform::Response;

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
