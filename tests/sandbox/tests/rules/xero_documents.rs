//! Xero: invoices, credit notes, payments.

use sandbox::presets::XERO_UK;
use serde_json::{Value, json};

use crate::xero::contact;
use crate::{Bench, message};

fn invoice(contact: &str, number: &str, lines: Value) -> Value {
    json!({ "Type": "ACCREC", "Status": "AUTHORISED", "InvoiceNumber": number, "Contact": { "ContactID": contact },
            "Date": "2026-09-01", "DueDate": "2026-09-01", "LineAmountTypes": "Exclusive", "CurrencyCode": "GBP", "LineItems": lines })
}

fn line(amount: f64) -> Value {
    json!({ "Description": "Tee", "Quantity": 1, "UnitAmount": amount, "AccountCode": "200", "TaxType": "OUTPUT2" })
}

fn with(mut body: Value, key: &str, value: Value) -> Value {
    body[key] = value;
    body
}

fn posted(bench: &mut Bench, body: Value) -> Value {
    let (status, answer) = bench.xero("PUT", "Invoices?unitdp=4", Some(body));
    assert_eq!(status, 200, "{answer}");
    answer["Invoices"][0].clone()
}

fn refused(bench: &mut Bench, resource: &str, body: Value) -> String {
    let (status, answer) = bench.xero("PUT", resource, Some(body));
    assert_eq!(status, 400, "{answer}");
    message(&answer).to_owned()
}

#[test]
fn totals_are_computed_per_line() {
    let mut bench = Bench::new();
    let contact = contact(&mut bench, "Jane");
    let body = posted(&mut bench, invoice(&contact, "S-1", json!([line(25.06), line(25.61), line(0.33)])));
    assert_eq!((body["TotalTax"].to_string(), body["Total"].to_string()), ("10.20".into(), "61.20".into()));
    let inclusive = with(invoice(&contact, "S-2", json!([line(9.99)])), "LineAmountTypes", json!("Inclusive"));
    assert_eq!(posted(&mut bench, inclusive)["Total"].to_string(), "9.99");
    let taxed = with(line(10.0), "TaxAmount", json!(2.01));
    assert_eq!(posted(&mut bench, invoice(&contact, "S-3", json!([taxed])))["Total"].to_string(), "12.01");
}

#[test]
fn a_put_with_a_used_number_is_refused_and_a_post_overwrites() {
    let mut bench = Bench::new();
    let contact = contact(&mut bench, "Jane");
    posted(&mut bench, invoice(&contact, "S-1", json!([line(10.0), line(20.0)])));
    assert_eq!(
        refused(&mut bench, "Invoices", invoice(&contact, "S-1", json!([line(5.0)]))),
        "Invoice # must be unique."
    );
    let (status, body) = bench.xero("POST", "Invoices", Some(invoice(&contact, "S-1", json!([line(5.0)]))));
    assert_eq!((status, body["Invoices"][0]["Total"].to_string()), (200, "6.00".into()));
    let (_, body) = bench.xero("GET", "Invoices?InvoiceNumbers=S-1,S-2&page=1", None);
    assert_eq!(body["Invoices"][0]["LineItems"].as_array().map(Vec::len), Some(1));
}

#[test]
fn an_invoice_is_checked() {
    let mut bench = Bench::new();
    let contact = contact(&mut bench, "Jane");
    let base = || invoice(&contact, "S-1", json!([line(10.0)]));
    let lines = |line: Value| with(base(), "LineItems", json!([line]));
    let cases = [
        (with(base(), "InvoiceNumber", json!("S–1")), "InvoiceNumber must contain printable ASCII characters only."),
        (with(base(), "LineItems", json!([])), "One or more line items must be specified"),
        (with(base(), "CurrencyCode", json!("SEK")), "Organisation is not subscribed to currency SEK"),
        (with(base(), "Contact", json!({})), "The Contact must contain at least 1 of the following elements"),
        (with(base(), "Status", json!("PAID")), "Invoice not of valid status for creation"),
        (
            lines(with(line(1.0), "AccountCode", json!("999"))),
            "Account code '999' is not a valid code for this document.",
        ),
        (
            lines(with(line(1.0), "AccountCode", json!("090"))),
            "Account code '090' is not a valid code for this document.",
        ),
        (
            lines(with(line(1.0), "AccountCode", json!("205"))),
            "Account code '205' has been archived, or has been deleted.",
        ),
        (
            lines(with(line(1.0), "TaxType", json!("INPUT2"))),
            "The TaxType code 'INPUT2' cannot be used with account code '200'.",
        ),
        (
            lines(with(line(1.0), "LineAmount", json!(1.01))),
            "The line total 1.01 does not match the expected line total 1.00",
        ),
        (lines(with(line(1.0), "Description", json!("\u{1f455}"))), "Description contains the character U+1F455"),
        (lines(line(-1.0)), "The document total cannot be negative."),
    ];
    for (body, wanted) in cases {
        let found = refused(&mut bench, "Invoices", body);
        assert!(found.starts_with(wanted) || found.contains(wanted), "{found} / {wanted}");
    }
    bench.world.xero.get_mut(XERO_UK).unwrap().settings.period_lock_date = "2026-09-01".parse().ok();
    let found = refused(&mut bench, "Invoices", base());
    assert_eq!(found, "The document date cannot be before the period lock date, currently set at 1 September 2026");
}

#[test]
fn a_rate_is_document_currency_per_base_and_one_to_one_is_warned_of() {
    let mut bench = Bench::new();
    let contact = contact(&mut bench, "Jane");
    let foreign = with(invoice(&contact, "S-1", json!([line(10.0)])), "CurrencyCode", json!("USD"));
    let body = posted(&mut bench, foreign.clone());
    assert_eq!((body["CurrencyRate"].to_string(), body["Warnings"].is_null()), ("1.25".into(), true));
    for (number, rate) in [("S-2", json!(1)), ("S-3", json!(0.8))] {
        let body =
            posted(&mut bench, with(with(foreign.clone(), "InvoiceNumber", json!(number)), "CurrencyRate", rate));
        assert!(body["Warnings"].is_array(), "{body}");
    }
}

#[test]
fn payments_settle_an_invoice_and_never_exceed_it() {
    let mut bench = Bench::new();
    let contact = contact(&mut bench, "Jane");
    let id = posted(&mut bench, invoice(&contact, "S-1", json!([line(10.0)])))["InvoiceID"].clone();
    let payment = |amount: f64, account: &str| json!({ "Invoice": { "InvoiceID": id }, "Account": { "Code": account }, "Date": "2026-09-02", "Amount": amount, "Reference": "T1" });
    let too_much = refused(&mut bench, "Payments", payment(12.01, "090"));
    assert_eq!(too_much, "Payment amount exceeds the amount outstanding on this document");
    assert_eq!(refused(&mut bench, "Payments", payment(-1.0, "090")), "Payment amounts must be positive amounts");
    assert_eq!(refused(&mut bench, "Payments", payment(1.0, "999")), "Account could not be found");
    assert!(refused(&mut bench, "Payments", payment(1.0, "826")).contains("not valid for payments"));
    assert!(refused(&mut bench, "Payments", payment(1.0, "093")).contains("currency of the bank account"));
    assert_eq!(bench.xero("PUT", "Payments", Some(payment(2.0, "835"))).0, 200);
    let (_, body) = bench.xero("PUT", "Payments", Some(json!({ "Payments": [payment(10.0, "090")] })));
    assert_eq!(
        (&body["Payments"][0]["Invoice"]["Status"], body["Payments"][0]["Invoice"]["AmountDue"].to_string()),
        (&json!("PAID"), "0.00".into())
    );
    let payment_id = body["Payments"][0]["PaymentID"].as_str().unwrap().to_owned();
    assert_eq!(
        refused(&mut bench, "Payments", payment(1.0, "090")),
        "Payments can only be made against Authorised documents"
    );
    let (status, body) = bench.xero("POST", "Invoices/S-1", Some(json!({ "Status": "VOIDED" })));
    assert_eq!(
        (status, message(&body)),
        (400, "This document cannot be edited as it has a payment or credit note allocated to it.")
    );
    assert_eq!(bench.xero("POST", &format!("Payments/{payment_id}"), Some(json!({ "Status": "DELETED" }))).0, 200);
    let (_, body) = bench.xero("GET", "Invoices/S-1", None);
    assert_eq!(
        (&body["Invoices"][0]["Status"], body["Invoices"][0]["AmountDue"].to_string()),
        (&json!("AUTHORISED"), "10.00".into())
    );
}

#[test]
fn a_voided_number_stays_taken() {
    let mut bench = Bench::new();
    let contact = contact(&mut bench, "Jane");
    posted(&mut bench, invoice(&contact, "S-1", json!([line(10.0)])));
    let (status, body) = bench.xero("POST", "Invoices/S-1", Some(json!({ "Status": "VOIDED" })));
    assert_eq!((status, &body["Invoices"][0]["Status"]), (200, &json!("VOIDED")));
    assert_eq!(
        refused(&mut bench, "Invoices", invoice(&contact, "S-1", json!([line(10.0)]))),
        "Invoice # must be unique."
    );
}

#[test]
fn a_credit_note_is_allocated_or_paid_out() {
    let mut bench = Bench::new();
    let contact = contact(&mut bench, "Jane");
    let invoice_id = posted(&mut bench, invoice(&contact, "S-1", json!([line(10.0)])))["InvoiceID"].clone();
    let note = json!({ "Type": "ACCRECCREDIT", "Status": "AUTHORISED", "CreditNoteNumber": "S-1-R1", "Contact": { "ContactID": contact },
                       "Date": "2026-09-02", "LineAmountTypes": "Exclusive", "LineItems": [line(5.0)] });
    let discounted = with(note.clone(), "LineItems", json!([with(line(5.0), "DiscountAmount", json!(1))]));
    assert_eq!(refused(&mut bench, "CreditNotes", discounted), "Discounts are not supported on credit notes.");
    let (_, body) = bench.xero("PUT", "CreditNotes", Some(note.clone()));
    assert_eq!(body["CreditNotes"][0]["RemainingCredit"].to_string(), "6.00");
    assert_eq!(refused(&mut bench, "CreditNotes", note), "Credit Note # must be unique.");
    let allocation = |amount: f64| {
        Some(
            json!({ "Allocations": [{ "Amount": amount, "Date": "2026-09-02", "Invoice": { "InvoiceID": invoice_id } }] }),
        )
    };
    assert_eq!(bench.xero("PUT", "CreditNotes/S-1-R1/Allocations", allocation(6.01)).0, 400);
    let (status, body) = bench.xero("PUT", "CreditNotes/S-1-R1/Allocations", allocation(4.0));
    assert_eq!(status, 200, "{body}");
    let allocation_id = body["Allocations"][0]["AllocationID"].as_str().unwrap().to_owned();
    let refund = json!({ "CreditNote": { "CreditNoteNumber": "S-1-R1" }, "Account": { "Code": "090" }, "Date": "2026-09-02", "Amount": 2 });
    let (_, body) = bench.xero("PUT", "Payments", Some(refund));
    assert_eq!(
        (&body["Payments"][0]["PaymentType"], &body["Payments"][0]["CreditNote"]["Status"]),
        (&json!("ARCREDITPAYMENT"), &json!("PAID"))
    );
    assert_eq!(bench.xero("DELETE", &format!("CreditNotes/S-1-R1/Allocations/{allocation_id}"), None).0, 200);
    let (_, body) = bench.xero("GET", "Invoices/S-1", None);
    assert_eq!(body["Invoices"][0]["AmountDue"].to_string(), "12.00");
}

#[test]
fn an_unpaged_list_stops_at_a_hundred_without_lines() {
    let mut bench = Bench::new();
    let contact = contact(&mut bench, "Jane");
    let list: Vec<Value> = (0..120).map(|n| invoice(&contact, &format!("S-{n}"), json!([line(1.0)]))).collect();
    assert_eq!(bench.xero("PUT", "Invoices?summarizeErrors=false", Some(json!({ "Invoices": list }))).0, 200);
    let (_, body) = bench.xero("GET", "Invoices", None);
    assert_eq!(
        (body["Invoices"].as_array().map(Vec::len), &body["Invoices"][0]["LineItems"]),
        (Some(100), &Value::Null)
    );
    let (_, body) = bench.xero("GET", "Invoices?page=2&pageSize=100", None);
    assert_eq!((body["Invoices"].as_array().map(Vec::len), &body["pagination"]["pageCount"]), (Some(20), &json!(2)));
}
