//! What is sent to QuickBooks, and how it adds up.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::documents::{self, TaxCodes};
use super::{QuickBooks, arithmetic, read};
use crate::books::document::{Content, Conversion, Document, DocumentKey, TaxMode};
use crate::books::{Currency, Itemised, LedgerRules, Line, LineTax};
use crate::config::Settings;
use crate::ledgers::samples::{self, d, line, usd};
use crate::ledgers::{Ledger, Operation, Outcome, Posted, Write};
use crate::platform::Response;

fn body(document: &Document, tax: TaxCodes) -> Value {
    written(document, Operation::Create, None, tax).1
}

fn written(document: &Document, operation: Operation, existing: Option<&Posted>, tax: TaxCodes) -> (String, Value) {
    let links = BTreeMap::from([
        (DocumentKey::sale(), samples::posted("12")),
        (DocumentKey::credit("8"), samples::posted("13")),
    ]);
    let references = BTreeMap::new();
    let write =
        Write { operation, document, party_id: "7", existing, links: &links, references: &references, key: "key" };
    documents::request(&write, tax)
}

fn total(lines: Vec<Line>, mode: TaxMode, tax: TaxCodes) -> Decimal {
    arithmetic::compute(&samples::itemised(lines, mode), usd(), tax).total()
}

#[test]
fn an_amount_is_quantity_times_price_rounded_half_up() {
    // The example of error 6070: 128.350 × 14.50 is 1861.075.
    let sale = samples::invoice(vec![line("128.350", "14.50", "0", "0", "0")], TaxMode::Exclusive);
    let line = &body(&sale, TaxCodes::UnitedStates)["Line"][0];
    assert_eq!(line["Amount"].to_string(), "1861.08");
    assert_eq!(line["SalesItemLineDetail"]["Qty"].to_string(), "128.350");
    assert_eq!(line["SalesItemLineDetail"]["UnitPrice"].to_string(), "14.50");
}

#[test]
fn a_discount_follows_its_line_with_the_same_item_and_code() {
    let sale = samples::invoice(vec![line("3", "24.99", "5.00", "13.99", "0.2")], TaxMode::Exclusive);
    let lines = &body(&sale, TaxCodes::PerLine)["Line"];
    assert_eq!(lines[1]["Amount"].to_string(), "-5.00");
    for key in ["ItemRef", "TaxCodeRef"] {
        assert_eq!(lines[0]["SalesItemLineDetail"][key], lines[1]["SalesItemLineDetail"][key]);
    }
    assert!(lines[1]["SalesItemLineDetail"].get("Qty").is_none(), "a quantity would have to match (6070)");
}

#[test]
fn a_long_text_goes_on_in_lines_of_description_alone_before_the_discount() {
    let long = Line { more: vec!["rest".into()], ..line("1", "10", "1", "0", "0") };
    let lines = body(&samples::invoice(vec![long], TaxMode::Exclusive), TaxCodes::UnitedStates)["Line"].clone();
    let kinds: Vec<&str> = lines.as_array().unwrap().iter().map(|one| one["DetailType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["SalesItemLineDetail", "DescriptionOnly", "SalesItemLineDetail"]);
    assert!(lines[1].get("Amount").is_none());
}

#[test]
fn in_the_united_states_lines_are_taxed_or_not_and_the_total_tax_is_sent() {
    let lines = vec![line("1", "10", "0", "0.83", "0.0825"), line("1", "5", "0", "0", "0")];
    let sent = body(&samples::invoice(lines, TaxMode::Exclusive), TaxCodes::UnitedStates);
    let code = |at: usize| sent["Line"][at]["SalesItemLineDetail"]["TaxCodeRef"]["value"].clone();
    assert_eq!((code(0), code(1)), (json!("TAX"), json!("NON")));
    assert_eq!(sent["TxnTaxDetail"]["TotalTax"].to_string(), "0.83");
    assert!(sent.get("GlobalTaxCalculation").is_none());
}

#[test]
fn elsewhere_each_line_has_its_code_and_a_price_with_tax_states_both_amounts() {
    let sent =
        body(&samples::invoice(vec![line("2", "9.99", "0", "3.33", "0.2")], TaxMode::Inclusive), TaxCodes::PerLine);
    assert_eq!(sent["GlobalTaxCalculation"], "TaxInclusive");
    let line = &sent["Line"][0];
    assert_eq!(line["SalesItemLineDetail"]["TaxInclusiveAmt"].to_string(), "19.98");
    assert_eq!(line["Amount"].to_string(), "16.65");
    assert_eq!(line["Description"], "2 × Goods");
    assert!(sent.get("TxnTaxDetail").is_none());
}

/// The reference's own sample: source EUR, target USD (home), rate 2.5.
#[test]
fn an_exchange_rate_is_home_units_for_one_unit_of_the_document() {
    let mut sale = samples::invoice(vec![line("1", "100", "0", "0", "0")], TaxMode::Exclusive);
    sale.currency = "EUR".parse().unwrap();
    assert!(body(&sale, TaxCodes::UnitedStates).get("ExchangeRate").is_none());
    sale.conversion = Some(Conversion { document: d("100"), home: d("250") });
    assert_eq!(body(&sale, TaxCodes::UnitedStates)["ExchangeRate"].to_string(), "2.5");
    let payment = samples::payment(&sale);
    assert_eq!(body(&payment, TaxCodes::UnitedStates)["ExchangeRate"].to_string(), "2.5");
}

#[test]
fn a_sales_receipt_says_where_the_money_went() {
    let sale = samples::invoice(vec![line("1", "10", "0", "0", "0")], TaxMode::Exclusive);
    let receipt = samples::sales_receipt(&sale, "91", "6700");
    let (path, sent) = written(&receipt, Operation::Create, None, TaxCodes::UnitedStates);
    assert_eq!(path, "salesreceipt?");
    assert_eq!((&sent["DepositToAccountRef"]["value"], &sent["PaymentRefNum"]), (&json!("91"), &json!("6700")));
    assert!(sent.get("DueDate").is_none());
}

#[test]
fn an_update_sends_everything_again_and_a_void_only_what_names_it() {
    let sale = samples::invoice(vec![line("1", "10", "0", "0", "0")], TaxMode::Exclusive);
    let posted = samples::posted("12");
    let (path, sent) = written(&sale, Operation::Update, Some(&posted), TaxCodes::UnitedStates);
    assert_eq!((path.as_str(), &sent["Id"], &sent["SyncToken"]), ("invoice?", &json!("12"), &json!("3")));
    assert_eq!(sent["Line"].as_array().unwrap().len(), 1);
    let void = |document: &Document| written(document, Operation::Void, Some(&posted), TaxCodes::UnitedStates);
    assert_eq!(void(&sale), ("invoice?operation=void&".into(), json!({ "Id": "12", "SyncToken": "3" })));
    let payment = void(&samples::payment(&sale));
    assert_eq!(payment.0, "payment?operation=update&include=void&");
    assert_eq!(payment.1["sparse"], true);
    let receipt = void(&samples::sales_receipt(&sale, "91", "6700"));
    assert_eq!(
        (receipt.0.as_str(), &receipt.1["sparse"]),
        ("salesreceipt?operation=update&include=void&", &json!(true))
    );
    let note = Document { content: Content::CreditNote(sale.itemised().unwrap().clone()), ..sale };
    assert_eq!(void(&note).0, "creditmemo?operation=delete&");
}

#[test]
fn a_credit_is_applied_by_a_payment_of_nothing_that_links_both() {
    let sale = samples::invoice(vec![line("1", "10", "0", "0", "0")], TaxMode::Exclusive);
    let sent = body(&samples::application(&sale, "4"), TaxCodes::UnitedStates);
    assert_eq!(sent["TotalAmt"].to_string(), "0");
    let links: Vec<_> =
        sent["Line"].as_array().unwrap().iter().map(|one| one["LinkedTxn"][0]["TxnType"].clone()).collect();
    assert_eq!(links, ["Invoice", "CreditMemo"]);
}

#[test]
fn elsewhere_tax_is_computed_per_rate_on_the_sum_of_its_lines() {
    // One by one the two would come to 0.02 each.
    let lines = vec![line("1", "0.12", "0", "0.02", "0.2"), line("1", "0.12", "0", "0.02", "0.2")];
    assert_eq!(total(lines.clone(), TaxMode::Exclusive, TaxCodes::PerLine), d("0.29"));
    assert_eq!(total(lines.clone(), TaxMode::Exclusive, TaxCodes::UnitedStates), d("0.28"));
    assert_eq!(total(lines, TaxMode::Inclusive, TaxCodes::PerLine), d("0.24"));
    // Of two rates on a line each is rounded by itself: 0.735 and 0.245.
    let both = LineTax { rates: vec![d("0.15"), d("0.05")], ..line("1", "4.90", "0", "0.98", "0.2").tax };
    let lines = vec![Line { tax: both, ..line("1", "4.90", "0", "0.98", "0.2") }];
    assert_eq!(total(lines, TaxMode::Exclusive, TaxCodes::PerLine), d("5.89"));
}

#[test]
fn a_line_with_a_taxed_code_is_taxed_even_where_shopify_charged_nothing() {
    let lines = vec![line("1", "0.10", "0", "0", "0.2")];
    assert_eq!(total(lines, TaxMode::Exclusive, TaxCodes::PerLine), d("0.12"));
}

#[test]
fn a_total_tax_without_a_taxed_line_is_lost() {
    let body =
        Itemised { tax_total: d("1"), ..samples::itemised(vec![line("1", "5", "0", "0", "0")], TaxMode::Exclusive) };
    assert_eq!(arithmetic::compute(&body, usd(), TaxCodes::UnitedStates).total(), d("5"));
}

#[test]
fn a_company_without_a_code_for_untaxed_lines_is_one_of_the_united_states() {
    let rules = |settings: Value| {
        let settings: Settings = serde_json::from_value(settings).unwrap();
        QuickBooks::new(&settings, "1", None, &BTreeMap::new())
    };
    let mut settings = samples::settings("quickbooks");
    assert!(!rules(settings.clone()).accepts(TaxMode::Inclusive));
    settings["no_tax"] = json!("23");
    assert!(rules(settings).accepts(TaxMode::Inclusive));
}

#[test]
fn names_are_looked_up_and_ids_are_not() {
    let settings: Settings = serde_json::from_value(samples::settings("quickbooks")).unwrap();
    let ledger = QuickBooks::new(&settings, "1", None, &BTreeMap::new());
    let named = Line { account: "Sales".into(), ..line("1", "10", "0", "0", "0") };
    let sale = samples::invoice(vec![named, line("1", "10", "0", "0", "0")], TaxMode::Exclusive);
    let wanted: Vec<String> = ledger.references(&sale).into_iter().map(|one| one.label).collect();
    assert_eq!(wanted, ["Sales"]);
    let yen: Currency = "JPY".parse().unwrap();
    assert_eq!(ledger.decimals(yen), 2);
}

#[test]
fn the_lines_that_quickbooks_will_show_are_those_that_are_sent() {
    let mut long = line("3", "24.99", "5.00", "13.99", "0.2");
    long.more = vec!["and more".into()];
    for mode in [TaxMode::Exclusive, TaxMode::Inclusive] {
        let sale = samples::invoice(vec![long.clone(), line("1", "5", "0", "1", "0.2")], mode);
        let sent = body(&sale, TaxCodes::PerLine);
        let row = |line: &Value| {
            let amount = line.get("Amount").map_or(Decimal::ZERO, |amount| d(&amount.to_string()));
            (line["Description"].as_str().unwrap().to_owned(), amount)
        };
        let sent: Vec<(String, Decimal)> = sent["Line"].as_array().unwrap().iter().map(row).collect();
        let shown = documents::shown(sale.itemised().unwrap(), usd());
        assert_eq!(shown.into_iter().map(|line| (line.text, line.amount)).collect::<Vec<_>>(), sent);
    }
}

/// What QuickBooks answers to a void of [`samples::posted`].
fn voided(answer: &Value) -> Outcome<Posted> {
    let sale = samples::invoice(vec![line("1", "10", "0", "0", "0")], TaxMode::Exclusive);
    let (posted, links, references) = (samples::posted("12"), BTreeMap::new(), BTreeMap::new());
    let (operation, existing) = (Operation::Void, Some(&posted));
    let write =
        Write { operation, document: &sale, party_id: "7", existing, links: &links, references: &references, key: "k" };
    read::written(&write, &Response { status: 200, headers: Vec::new(), body: answer.to_string() })
}

#[test]
fn a_void_is_believed_when_nothing_is_left_of_the_document_or_it_is_not_there_any_more() {
    let invoice = |total: &str| json!({"Invoice": {"Id": "12", "SyncToken": "4", "DocNumber": "S-1", "TotalAmt": serde_json::from_str::<Value>(total).unwrap()}});
    assert!(matches!(voided(&invoice("0")), Outcome::Done(posted) if posted.void));
    assert!(matches!(voided(&invoice("10")), Outcome::Unknown(_)), "it counts as before");
    let gone = json!({"Fault": {"Error": [{"Message": "Object Not Found", "Detail": "", "code": "610"}]}});
    assert!(matches!(voided(&gone), Outcome::Done(posted) if posted.void && posted.ledger_id == "12"));
    let closed = json!({"Fault": {"Error": [{"Message": "Period closed", "Detail": "", "code": "6210"}]}});
    assert!(matches!(voided(&closed), Outcome::Settings(..)));
}
