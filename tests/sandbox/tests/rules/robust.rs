//! Nonsense is refused, never a crash.

use sandbox::presets::QUICKBOOKS_US;
use serde_json::{Value, json};

use crate::Bench;
use crate::quickbooks::customer;
use crate::xero::contact;

/// Every variant of a body in which one value, at any depth, is something else.
fn spoiled(body: &Value) -> Vec<Value> {
    let odd = || {
        [
            Value::Null,
            json!("x"),
            json!(9_999_999_999_999_u64),
            json!(-1),
            json!([]),
            json!({}),
            json!([{}]),
            json!(1e-20),
        ]
    };
    let mut variants: Vec<Value> = odd().into();
    match body {
        Value::Object(object) => {
            for (key, inner) in object {
                variants.extend(spoiled(inner).into_iter().map(|value| {
                    let mut copy = body.clone();
                    copy[key] = value;
                    copy
                }));
            }
        }
        Value::Array(list) => {
            for (at, inner) in list.iter().enumerate() {
                variants.extend(spoiled(inner).into_iter().map(|value| {
                    let mut copy = body.clone();
                    copy[at] = value;
                    copy
                }));
            }
        }
        _ => {}
    }
    variants
}

#[test]
fn quickbooks_answers_every_spoiled_body() {
    let mut bench = Bench::new();
    let customer = customer(&mut bench, "Jane", "EUR");
    let sale = json!({
        "DocNumber": "S-1", "CustomerRef": { "value": customer }, "CurrencyRef": { "value": "EUR" }, "ExchangeRate": 1.1,
        "TxnDate": "2026-09-01", "DepositToAccountRef": { "value": "94" }, "PrivateNote": "n",
        "TxnTaxDetail": { "TotalTax": 1, "TaxLine": [{ "Amount": 1, "TaxLineDetail": { "TaxRateRef": { "value": "3" } } }] },
        "Line": [
            { "DetailType": "SalesItemLineDetail", "Amount": 2.5, "Description": "d", "SalesItemLineDetail":
                { "ItemRef": { "value": "1" }, "Qty": 2, "UnitPrice": 1.25, "TaxCodeRef": { "value": "TAX" } } },
            { "DetailType": "DiscountLineDetail", "Amount": 1, "DiscountLineDetail": { "PercentBased": true, "DiscountPercent": 5 } },
        ],
    });
    let payment = json!({ "TotalAmt": 1, "CustomerRef": { "value": customer }, "CurrencyRef": { "value": "EUR" }, "ExchangeRate": 1.1,
        "Line": [{ "Amount": 1, "LinkedTxn": [{ "TxnId": "102", "TxnType": "Invoice" }] }] });
    let batch =
        json!({ "BatchItemRequest": [{ "bId": "1", "operation": "create", "Customer": { "DisplayName": "x" } }] });
    let name = json!({ "DisplayName": "A", "PrimaryEmailAddr": { "Address": "a@b.co" }, "BillAddr": { "Line1": "x" }, "sparse": true, "Id": "1", "SyncToken": "0" });
    for (path, body) in
        [("invoice", &sale), ("salesreceipt", &sale), ("payment", &payment), ("batch", &batch), ("customer", &name)]
    {
        for variant in spoiled(body) {
            let (status, answer) = bench.us(path, variant.clone());
            assert!(matches!(status, 200 | 400), "{status} {answer} {variant}");
            bench.advance(2);
        }
    }
    for query in [
        "",
        "select",
        "select * from",
        "select * from Invoice where",
        "select * from Invoice where Id in (",
        "select * from Item where Name = '\\",
    ] {
        let target = format!("query?query={}", query.replace(' ', "+"));
        assert_eq!(bench.quickbooks(QUICKBOOKS_US, "GET", &target, None).0, 400, "{query}");
    }
}

#[test]
fn xero_answers_every_spoiled_body() {
    let mut bench = Bench::new();
    let contact = contact(&mut bench, "Jane");
    let line = json!({ "Description": "d", "Quantity": 1, "UnitAmount": 1, "LineAmount": 1, "DiscountAmount": 0, "AccountCode": "200",
        "TaxType": "OUTPUT2", "TaxAmount": 0.2, "LineItemID": "x" });
    let invoice = json!({ "Invoices": [{ "Type": "ACCREC", "Status": "AUTHORISED", "Contact": { "ContactID": contact },
        "Date": "2026-09-01", "DueDate": "2026-09-01", "CurrencyCode": "USD", "CurrencyRate": 1.3, "LineAmountTypes": "Inclusive", "LineItems": [line] }] });
    let payment = json!({ "Payments": [{ "Invoice": { "InvoiceNumber": "INV-0001" }, "Account": { "Code": "094" }, "Date": "2026-09-01",
        "Amount": 0.01, "CurrencyRate": 1.3, "Reference": "r" }] });
    let person = json!({ "Contacts": [{ "Name": "A", "EmailAddress": "a@b.co", "Addresses": [{ "Country": "GB" }], "Phones": [{}] }] });
    for (path, body) in
        [("Invoices", &invoice), ("Payments", &payment), ("Contacts", &person), ("Items", &json!({ "Code": "A" }))]
    {
        for variant in spoiled(body) {
            for query in ["", "?summarizeErrors=false&unitdp=4"] {
                let (status, answer) = bench.xero("POST", &format!("{path}{query}"), Some(variant.clone()));
                assert!(matches!(status, 200 | 400), "{status} {answer} {variant}");
            }
        }
        // The day's limit is not what this is about.
        bench.advance(86_400);
    }
}
