//! QuickBooks: sales documents, payments, credit memos.

use sandbox::presets::QUICKBOOKS_US;
use serde_json::{Value, json};

use crate::quickbooks::customer;
use crate::{Bench, code};

fn line(amount: f64, tax: &str) -> Value {
    json!({ "DetailType": "SalesItemLineDetail", "Amount": amount,
            "SalesItemLineDetail": { "ItemRef": { "value": "1" }, "TaxCodeRef": { "value": tax } } })
}

fn sale(customer: &str, number: &str, lines: Vec<Value>) -> Value {
    json!({ "DocNumber": number, "CustomerRef": { "value": customer }, "CurrencyRef": { "value": "USD" },
            "TxnDate": "2026-09-01", "Line": lines })
}

fn with(mut body: Value, key: &str, value: Value) -> Value {
    body[key] = value;
    body
}

/// An invoice of 44.11 in the US company, as (id, sync token).
fn invoice(bench: &mut Bench, customer: &str, number: &str) -> (String, String) {
    let body = sale(customer, number, vec![line(41.00, "TAX")]);
    let (status, body) = bench.us("invoice", with(body, "TxnTaxDetail", json!({ "TotalTax": 3.11 })));
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["Invoice"]["TotalAmt"].to_string(), "44.11");
    let text = |key: &str| body["Invoice"][key].as_str().unwrap().to_owned();
    (text("Id"), text("SyncToken"))
}

fn balance(bench: &mut Bench, kind: &str, id: &str) -> String {
    let (_, body) = bench.quickbooks(QUICKBOOKS_US, "GET", &format!("{}/{id}", kind.to_lowercase()), None);
    body[kind]["Balance"].to_string()
}

fn payment(customer: &str, total: f64, links: &[(&str, &str, f64)]) -> Value {
    let lines: Vec<Value> = links
        .iter()
        .map(|(kind, id, amount)| json!({ "Amount": amount, "LinkedTxn": [{ "TxnId": id, "TxnType": kind }] }))
        .collect();
    json!({ "TotalAmt": total, "CustomerRef": { "value": customer }, "CurrencyRef": { "value": "USD" },
            "DepositToAccountRef": { "value": "91" }, "PaymentRefNum": "T1", "Line": lines })
}

#[test]
fn a_number_is_unique_and_the_fault_names_its_holder() {
    let mut bench = Bench::new();
    let customer = customer(&mut bench, "Jane", "USD");
    let (id, _) = invoice(&mut bench, &customer, "S-1001");
    let (status, body) = bench.us("invoice", sale(&customer, "S-1001", vec![line(1.0, "NON")]));
    assert_eq!((status, code(&body)), (400, "6140"));
    let detail = body["Fault"]["Error"][0]["Detail"].as_str().unwrap();
    assert!(detail.ends_with(&format!("DocNumber=S-1001 is assigned to TxnType=Invoice with TxnId={id}")), "{detail}");
    assert_eq!(bench.us("creditmemo", sale(&customer, "S-1001", vec![line(1.0, "NON")])).0, 200);
    assert_eq!(code(&bench.us("invoice", sale(&customer, "S-1001-23456789012345", vec![line(1.0, "NON")])).1), "none");
    assert_eq!(code(&bench.us("invoice", sale(&customer, "S-1001-234567890123456", vec![line(1.0, "NON")])).1), "2050");
}

#[test]
fn lines_are_checked() {
    let mut bench = Bench::new();
    let customer = customer(&mut bench, "Jane", "USD");
    let mut wrong = line(1861.07, "NON");
    wrong["SalesItemLineDetail"]["Qty"] = json!(128.350);
    wrong["SalesItemLineDetail"]["UnitPrice"] = json!(14.50);
    let cases = [
        (vec![wrong], "6070"),
        (vec![line(1.0, "20")], "6100"),
        (vec![], "2020"),
        (vec![with(line(1.0, "NON"), "SalesItemLineDetail", json!({ "ItemRef": { "value": "99" } }))], "2500"),
        (vec![line(1.0, "NON"), line(-2.0, "NON")], "6000"),
        (vec![with(line(1.0, "NON"), "Description", json!("x".repeat(4001)))], "2050"),
        ((0..751).map(|_| line(1.0, "NON")).collect(), "6000"),
    ];
    for (lines, wanted) in cases {
        let (_, body) = bench.us("invoice", sale(&customer, "S-1", lines));
        assert_eq!(code(&body), wanted, "{body}");
    }
}

#[test]
fn the_currency_is_the_customers_and_the_deposit_account_must_fit() {
    let mut bench = Bench::new();
    let (dollars, euros) = (customer(&mut bench, "Jane", "USD"), customer(&mut bench, "Jane (EUR)", "EUR"));
    let wrong = with(sale(&dollars, "S-1", vec![line(1.0, "NON")]), "CurrencyRef", json!({ "value": "EUR" }));
    assert_eq!(code(&bench.us("invoice", wrong).1), "6000");
    let receipt = sale(&dollars, "S-1", vec![line(1.0, "NON")]);
    for (account, wanted) in [("84", "6000"), ("94", "6000"), ("7777", "2500"), ("91", "none")] {
        let body = with(receipt.clone(), "DepositToAccountRef", json!({ "value": account }));
        assert_eq!(code(&bench.us("salesreceipt", body).1), wanted, "{account}");
    }
    let foreign = with(sale(&euros, "S-2", vec![line(10.0, "NON")]), "CurrencyRef", json!({ "value": "EUR" }));
    let foreign = with(with(foreign, "ExchangeRate", json!(1.1)), "DepositToAccountRef", json!({ "value": "94" }));
    let (_, body) = bench.us("salesreceipt", foreign);
    assert_eq!(body["SalesReceipt"]["HomeTotalAmt"].to_string(), "11.0");
    assert_eq!(code(&bench.us("refundreceipt", sale(&dollars, "S-1-R1", vec![line(1.0, "NON")])).1), "2020");
}

#[test]
fn vat_needs_a_code_on_every_line_and_is_computed_per_rate() {
    let mut bench = Bench::new();
    let (_, body) = bench.uk("customer", json!({ "DisplayName": "Jane" }));
    let customer = body["Customer"]["Id"].as_str().unwrap().to_owned();
    let body = with(
        sale(&customer, "S-1", vec![line(0.12, "20"), line(0.12, "20")]),
        "CurrencyRef",
        json!({ "value": "GBP" }),
    );
    let (_, refused) = bench.uk("invoice", body.clone());
    assert!(refused["Fault"]["Error"][0]["Detail"].as_str().unwrap().contains("VAT rate"), "{refused}");
    let body = with(body, "GlobalTaxCalculation", json!("TaxExcluded"));
    let (_, answer) = bench.uk("invoice", body.clone());
    assert_eq!(answer["Invoice"]["TotalAmt"].to_string(), "0.29");
    let tax = json!({ "TaxLine": [{ "Amount": 0.04, "DetailType": "TaxLineDetail", "TaxLineDetail": { "TaxRateRef": { "value": "120" } } }] });
    let (_, answer) = bench.uk("invoice", with(with(body, "TxnTaxDetail", tax), "DocNumber", json!("S-2")));
    assert_eq!(answer["Invoice"]["TotalAmt"].to_string(), "0.28");
    let override_delta = &answer["Invoice"]["TxnTaxDetail"]["TaxLine"][0]["TaxLineDetail"]["OverrideDeltaAmount"];
    assert_eq!(override_delta.to_string(), "-0.01");
}

#[test]
fn a_payment_cannot_exceed_what_is_open() {
    let mut bench = Bench::new();
    let customer = customer(&mut bench, "Jane", "USD");
    let (id, _) = invoice(&mut bench, &customer, "S-1");
    assert_eq!(code(&bench.us("payment", payment(&customer, 44.12, &[("Invoice", &id, 44.12)])).1), "6000");
    assert_eq!(code(&bench.us("payment", payment(&customer, 10.0, &[("Invoice", &id, 20.0)])).1), "6000");
    let (_, body) = bench.us("payment", payment(&customer, 50.0, &[("Invoice", &id, 44.11)]));
    assert_eq!(body["Payment"]["UnappliedAmt"].to_string(), "5.89");
    assert_eq!(balance(&mut bench, "Invoice", &id), "0.0");
    assert_eq!(code(&bench.us("payment", payment(&customer, 1.0, &[("Invoice", &id, 1.0)])).1), "6000");
    let (status, body) = bench.us(
        "payment?operation=update&include=void",
        json!({ "Id": body["Payment"]["Id"], "SyncToken": "0", "sparse": true }),
    );
    assert_eq!((status, body["Payment"]["TotalAmt"].to_string()), (200, "0.0".into()));
    assert_eq!(balance(&mut bench, "Invoice", &id), "44.11");
}

#[test]
fn a_credit_memo_is_applied_by_a_payment_of_zero_and_returns_when_the_invoice_is_voided() {
    let mut bench = Bench::new();
    let customer = customer(&mut bench, "Jane", "USD");
    let (invoice_id, _) = invoice(&mut bench, &customer, "S-1");
    let (_, memo) = bench.us("creditmemo", sale(&customer, "S-1-R1", vec![line(10.0, "NON")]));
    let memo = memo["CreditMemo"]["Id"].as_str().unwrap().to_owned();
    let links = [("Invoice", invoice_id.as_str(), 10.0), ("CreditMemo", memo.as_str(), 10.0)];
    assert_eq!(bench.us("payment", payment(&customer, 0.0, &links)).0, 200);
    assert_eq!(
        (balance(&mut bench, "Invoice", &invoice_id), balance(&mut bench, "CreditMemo", &memo)),
        ("34.11".into(), "0.0".into())
    );
    assert_eq!(code(&bench.us("creditmemo?operation=delete", json!({ "Id": memo, "SyncToken": "1" })).1), "6000");
    let (status, body) = bench.us("invoice?operation=void", json!({ "Id": invoice_id, "SyncToken": "1" }));
    assert_eq!((status, body["Invoice"]["PrivateNote"].as_str()), (200, Some("Voided")));
    assert_eq!(balance(&mut bench, "CreditMemo", &memo), "10.0");
    assert_eq!(code(&bench.us("creditmemo?operation=void", json!({ "Id": memo, "SyncToken": "2" })).1), "500");
}

#[test]
fn a_sparse_update_with_lines_replaces_all_lines() {
    let mut bench = Bench::new();
    let customer = customer(&mut bench, "Jane", "USD");
    let (_, body) = bench.us("invoice", sale(&customer, "S-1", vec![line(5.0, "NON"), line(7.0, "NON")]));
    let id = body["Invoice"]["Id"].clone();
    let note = json!({ "Id": id, "SyncToken": "0", "sparse": true, "PrivateNote": "kept" });
    let (_, body) = bench.us("invoice", note);
    assert_eq!(body["Invoice"]["TotalAmt"].to_string(), "12.0");
    let one = json!({ "Id": id, "SyncToken": "1", "sparse": true, "Line": [line(5.0, "NON")] });
    let (_, body) = bench.us("invoice", one);
    assert_eq!(
        (body["Invoice"]["TotalAmt"].to_string(), body["Invoice"]["PrivateNote"].as_str()),
        ("5.0".into(), Some("kept"))
    );
    let full = json!({ "Id": id, "SyncToken": "2", "CustomerRef": { "value": customer }, "CurrencyRef": { "value": "USD" }, "Line": [line(6.0, "NON")] });
    let (_, body) = bench.us("invoice", full);
    assert_eq!((&body["Invoice"]["PrivateNote"], &body["Invoice"]["DocNumber"]), (&Value::Null, &Value::Null));
}

#[test]
fn nothing_changes_in_a_closed_period() {
    let mut bench = Bench::new();
    let customer = customer(&mut bench, "Jane", "USD");
    let (id, token) = invoice(&mut bench, &customer, "S-1");
    bench.world.quickbooks.get_mut(QUICKBOOKS_US).unwrap().settings.book_close_date = "2026-09-01".parse().ok();
    assert_eq!(code(&bench.us("invoice", sale(&customer, "S-2", vec![line(1.0, "NON")])).1), "6210");
    assert_eq!(code(&bench.us("invoice?operation=void", json!({ "Id": id, "SyncToken": token })).1), "6210");
}

#[test]
fn a_customer_made_in_a_batch_cannot_be_used_in_it() {
    let mut bench = Bench::new();
    let (_, probe) = bench.us("customer", json!({ "DisplayName": "Probe" }));
    let next: u64 = probe["Customer"]["Id"].as_str().unwrap().parse::<u64>().unwrap() + 1;
    let items = json!({ "BatchItemRequest": [
        { "bId": "sale", "operation": "create", "Invoice": sale(&next.to_string(), "S-1", vec![line(1.0, "NON")]) },
        { "bId": "customer", "operation": "create", "Customer": { "DisplayName": "New" } },
    ] });
    let (_, body) = bench.us("batch", items);
    let list = body["BatchItemResponse"].as_array().unwrap();
    let sale = list.iter().find(|item| item["bId"] == "sale").unwrap();
    assert_eq!(sale["Fault"]["Error"][0]["code"], "2500");
}
