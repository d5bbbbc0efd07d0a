//! What is sent to Xero, and how it adds up.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::{REPLAY, arithmetic, documents};
use crate::books::document::{Content, Conversion, Document, DocumentKey, TaxMode};
use crate::books::{Line, LineTax};
use crate::config::TaxAmounts;
use crate::ledgers::samples::{self, d, line, usd};
use crate::ledgers::{Operation, Posted, Recovery, Tries, WireRequest, Write};

fn written(document: &Document, operation: Operation, existing: Option<&Posted>) -> WireRequest {
    let links = BTreeMap::from([
        (DocumentKey::sale(), samples::posted("12")),
        (DocumentKey::credit("8"), samples::posted("13")),
    ]);
    let references = BTreeMap::new();
    let write =
        Write { operation, document, party_id: "7", existing, links: &links, references: &references, key: "key" };
    documents::request(&write, TaxAmounts::Shopify)
}

fn body(document: &Document) -> Value {
    let sent: Value = serde_json::from_str(&written(document, Operation::Create, None).body.unwrap()).unwrap();
    sent.as_object().unwrap().values().next().unwrap()[0].clone()
}

fn computed(lines: Vec<Line>, mode: TaxMode, amounts: TaxAmounts) -> (String, String) {
    let computed = arithmetic::compute(&samples::itemised(lines, mode), usd(), amounts);
    (computed.tax().to_string(), computed.total().to_string())
}

/// Xero's own example: three lines at 15 %.
#[test]
fn tax_is_rounded_half_up_on_each_line() {
    let lines = vec![
        line("1", "25.06", "0", "3.76", "0.15"),
        line("1", "25.61", "0", "3.84", "0.15"),
        line("1", "25.63", "0", "3.84", "0.15"),
    ];
    assert_eq!(computed(lines, TaxMode::Exclusive, TaxAmounts::Ledger), ("11.44".into(), "87.74".into()));
}

#[test]
fn a_line_states_its_tax_only_where_xero_would_compute_another() {
    let lines = vec![line("1", "25.06", "0", "3.76", "0.15"), line("1", "25.61", "0", "3.85", "0.15")];
    let sale = samples::invoice(lines.clone(), TaxMode::Exclusive);
    let sent = body(&sale);
    assert!(sent["LineItems"][0].get("TaxAmount").is_none());
    assert_eq!(sent["LineItems"][1]["TaxAmount"].to_string(), "3.85");
    assert_eq!(computed(lines.clone(), TaxMode::Exclusive, TaxAmounts::Shopify).1, "58.28");
    assert_eq!(computed(lines, TaxMode::Exclusive, TaxAmounts::Ledger).1, "58.27");
}

#[test]
fn a_price_that_contains_tax_states_it_where_the_two_readings_differ() {
    // 9.99 at 20 %: 1.66 if the net is rounded first, 1.67 if the tax is.
    let sale = samples::invoice(
        vec![
            line("1", "9.99", "0", "1.67", "0.2"),
            line("1", "9.99", "0", "1.66", "0.2"),
            line("1", "12.00", "0", "2.00", "0.2"),
        ],
        TaxMode::Inclusive,
    );
    let rows = body(&sale)["LineItems"].clone();
    assert_eq!(rows[0]["TaxAmount"].to_string(), "1.67");
    assert_eq!(rows[1]["TaxAmount"].to_string(), "1.66");
    assert!(rows[2].get("TaxAmount").is_none());
    assert_eq!(body(&sale)["LineAmountTypes"], "Inclusive");
}

#[test]
fn a_line_with_a_taxed_code_that_bears_no_tax_says_so() {
    let sale = samples::invoice(vec![line("1", "0.10", "0", "0", "0.2")], TaxMode::Exclusive);
    assert_eq!(body(&sale)["LineItems"][0]["TaxAmount"].to_string(), "0");
}

#[test]
fn what_does_not_fit_four_decimals_is_stated_as_one() {
    let sale = samples::invoice(vec![line("3", "0.33333", "0", "0", "0")], TaxMode::Exclusive);
    let row = body(&sale)["LineItems"][0].clone();
    assert_eq!((&row["Description"], row["UnitAmount"].to_string()), (&json!("3 × Goods"), "1.00".to_owned()));
}

#[test]
fn a_credit_note_knows_no_discounts() {
    let sale = samples::invoice(vec![line("2", "20", "4.50", "0", "0")], TaxMode::Exclusive);
    let row = body(&sale)["LineItems"][0].clone();
    assert_eq!((row["Quantity"].to_string(), row["DiscountAmount"].to_string()), ("2".into(), "4.50".into()));
    let note = Document { content: Content::CreditNote(sale.itemised().unwrap().clone()), ..sale };
    let row = body(&note)["LineItems"][0].clone();
    assert_eq!((row["Quantity"].to_string(), row["UnitAmount"].to_string()), ("1".into(), "35.50".into()));
    assert!(row.get("DiscountAmount").is_none());
}

#[test]
fn a_long_text_goes_on_in_lines_of_description_alone() {
    let long = Line { more: vec!["rest".into()], ..line("1", "10", "0", "0", "0") };
    let rows = body(&samples::invoice(vec![long], TaxMode::Exclusive))["LineItems"].clone();
    assert_eq!(rows[1], json!({ "Description": "rest" }));
}

/// Xero's own sample: an organisation in New Zealand, a document in Australian dollars, 0.937053 of them for one of its own.
#[test]
fn a_currency_rate_is_units_of_the_document_for_one_of_the_organisation() {
    let mut sale = samples::invoice(vec![line("1", "937053", "0", "0", "0")], TaxMode::Exclusive);
    sale.currency = "AUD".parse().unwrap();
    assert!(body(&sale).get("CurrencyRate").is_none());
    sale.conversion = Some(Conversion { document: d("937053"), home: d("1000000") });
    assert_eq!(body(&sale)["CurrencyRate"].to_string(), "0.937053");
    assert_eq!(body(&samples::payment(&sale))["CurrencyRate"].to_string(), "0.937053");
    // Six decimals and no more.
    sale.conversion = Some(Conversion { document: d("2"), home: d("3") });
    assert_eq!(body(&sale)["CurrencyRate"].to_string(), "0.666667");
}

#[test]
fn documents_are_created_by_put_and_updated_by_their_id() {
    let sale = samples::invoice(vec![line("1", "10", "0", "0", "0")], TaxMode::Exclusive);
    let created = written(&sale, Operation::Create, None);
    assert_eq!((created.method.as_str(), created.idempotency_key.as_deref()), ("PUT", Some("key")));
    assert!(created.path.contains("unitdp=4"));
    let posted = samples::posted("12");
    let updated = written(&sale, Operation::Update, Some(&posted));
    assert_eq!((updated.method.as_str(), updated.path.contains("Invoices/12?")), ("POST", true));
    let void = written(&sale, Operation::Void, Some(&posted));
    assert_eq!(void.body.as_deref(), Some(r#"{"Status":"VOIDED"}"#));
    let payment = written(&samples::payment(&sale), Operation::Void, Some(&posted));
    assert_eq!(payment.body.as_deref(), Some(r#"{"Status":"DELETED"}"#));
    let applied = written(&samples::application(&sale, "4"), Operation::Create, None);
    assert!(applied.path.contains("CreditNotes/13/Allocations"));
}

#[test]
fn several_taxes_of_a_line_are_one_rate_in_xero() {
    let tax = LineTax { rates: vec![d("0.15"), d("0.05")], ..line("1", "4.90", "0", "0.99", "0.2").tax };
    let lines = vec![Line { tax, ..line("1", "4.90", "0", "0.99", "0.2") }];
    assert_eq!(computed(lines, TaxMode::Exclusive, TaxAmounts::Ledger).0, "0.98");
}

#[test]
fn the_lines_that_xero_will_show_are_those_that_are_sent() {
    let mut long = line("3", "24.99", "5.00", "13.99", "0.2");
    long.more = vec!["and more".into()];
    let sale = samples::invoice(vec![long, line("0.12345", "5", "0", "1", "0.2")], TaxMode::Exclusive);
    let Content::Invoice(lines) = sale.content.clone() else { unreachable!() };
    let credit = Document { content: Content::CreditNote(lines), ..sale.clone() };
    for document in [sale, credit] {
        let row = |line: &Value| {
            let number = |key: &str| line.get(key).map_or(d("0"), |number| d(&number.to_string()));
            let amount = number("Quantity") * number("UnitAmount") - number("DiscountAmount");
            (line["Description"].as_str().unwrap().to_owned(), usd().round(amount))
        };
        let sent = body(&document);
        let sent: Vec<_> = sent["LineItems"].as_array().unwrap().iter().map(row).collect();
        let shown = documents::shown(document.kind(), document.itemised().unwrap(), usd());
        assert_eq!(shown.into_iter().map(|line| (line.text, line.amount)).collect::<Vec<_>>(), sent);
    }
}

#[test]
fn a_write_is_repeated_while_its_key_is_known_and_looked_for_once_nothing_of_it_can_arrive_any_more() {
    let first: DateTime<Utc> = "2026-11-02T09:00:00Z".parse().unwrap();
    let at = |seconds: i64| first + Duration::seconds(seconds);
    let tries = Tries { first, last: at(290), in_vain: false };
    assert_eq!(tries.recovery(REPLAY, at(299)), Recovery::Replay);
    assert_eq!(tries.recovery(REPLAY, at(300)), Recovery::WaitUntil(at(350)));
    assert_eq!(tries.recovery(REPLAY, at(350)), Recovery::LookFirst);
    // The failure itself is what the key would bring again.
    let failed = Tries { first, last: first, in_vain: true };
    assert_eq!(failed.recovery(REPLAY, at(10)), Recovery::WaitUntil(at(60)));
    assert_eq!(failed.recovery(REPLAY, at(60)), Recovery::LookFirst);
}
