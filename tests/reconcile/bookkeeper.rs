//! What somebody does in the ledger by hand, through its API.

use sandbox::Request;
use serde_json::{Value, json};
use tillproof::platform::Clock;

use crate::support::{Bench, Company};

fn is_xero(company: Company) -> bool {
    matches!(company, Company::XeroUk | Company::XeroAu | Company::XeroUs)
}

fn call(bench: &Bench, company: Company, method: &str, path: &str, body: &Value) -> Value {
    let now = bench.clock.now();
    let mut world = bench.world.borrow_mut();
    let token = world.access_token(now, company.id());
    let mut request = Request::new(method, path)
        .with_header("authorization", &format!("Bearer {token}"))
        .with_header("accept", "application/json")
        .with_header("content-type", "application/json");
    if is_xero(company) {
        request = request.with_header("xero-tenant-id", company.id());
    }
    if !body.is_null() {
        request = request.with_body(body.to_string());
    }
    let reply = world.handle(now, &request);
    assert_eq!(reply.status, 200, "{method} {path}: {}", String::from_utf8_lossy(&reply.body));
    reply.value()
}

/// The ledger's ids of our documents of a key: the first order's.
pub fn id_of(bench: &Bench, key: &str) -> String {
    let rows = bench.rows(&format!(
        "SELECT json_extract(posted, '$.ledger_id') AS id FROM documents WHERE document_key = '{key}' AND state <> 'voided'"
    ));
    rows[0]["id"].clone()
}

/// Removes an invoice: QuickBooks deletes it, Xero voids it.
pub fn remove_invoice(bench: &Bench, company: Company, id: &str) {
    if is_xero(company) {
        change_invoice(bench, company, id, &json!({"Status": "VOIDED"}));
    } else {
        let path = format!("/v3/company/{}/invoice?operation=delete&minorversion=75", company.id());
        let body = json!({"Id": id, "SyncToken": read(bench, company, id)["SyncToken"]});
        call(bench, company, "POST", &path, &body);
    }
}

fn read(bench: &Bench, company: Company, id: &str) -> Value {
    let path = format!("/v3/company/{}/invoice/{id}?minorversion=75", company.id());
    call(bench, company, "GET", &path, &Value::Null)["Invoice"].clone()
}

/// Changes fields of an invoice, in the ledger's own words.
pub fn change_invoice(bench: &Bench, company: Company, id: &str, fields: &Value) {
    let mut body = fields.clone();
    if is_xero(company) {
        body["InvoiceID"] = json!(id);
        let path = format!("/api.xro/2.0/Invoices/{id}");
        call(bench, company, "POST", &path, &json!({"Invoices": [body]}));
    } else {
        body["Id"] = json!(id);
        body["SyncToken"] = read(bench, company, id)["SyncToken"].clone();
        body["sparse"] = json!(true);
        let path = format!("/v3/company/{}/invoice?minorversion=75", company.id());
        call(bench, company, "POST", &path, &body);
    }
}

/// Moves an invoice to another day.
pub fn redate_invoice(bench: &Bench, company: Company, id: &str, day: &str) {
    let field = if is_xero(company) { "Date" } else { "TxnDate" };
    change_invoice(bench, company, id, &json!({ field: day }));
}

/// Enters another sale, as an integration or a person would.
pub fn enter_sale(bench: &Bench, sale: &Value) {
    bench.set_up("plant_sale", sale);
}
