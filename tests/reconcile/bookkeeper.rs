//! What somebody does in the ledger by hand, through its API.

use rust_decimal::Decimal;
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
    take_out(bench, company, id, "delete");
}

/// Voids an invoice: in QuickBooks it stays, and comes to nothing.
pub fn void_invoice(bench: &Bench, company: Company, id: &str) {
    take_out(bench, company, id, "void");
}

fn take_out(bench: &Bench, company: Company, id: &str, operation: &str) {
    if is_xero(company) {
        change_invoice(bench, company, id, &json!({"Status": "VOIDED"}));
    } else {
        let path = format!("/v3/company/{}/invoice?operation={operation}&minorversion=75", company.id());
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

/// Moves a refund receipt of QuickBooks to another day.
pub fn redate_refund_receipt(bench: &Bench, company: Company, id: &str, day: &str) {
    let path = format!("/v3/company/{}/refundreceipt/{id}?minorversion=75", company.id());
    let mut body = call(bench, company, "GET", &path, &Value::Null)["RefundReceipt"].clone();
    body["TxnDate"] = json!(day);
    let path = format!("/v3/company/{}/refundreceipt?minorversion=75", company.id());
    call(bench, company, "POST", &path, &body);
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

/// Somebody at the ledger's desk: one document at a time.
pub struct Desk<'a> {
    pub bench: &'a Bench,
    pub company: Company,
}

impl Desk<'_> {
    /// The ledger's id of a document of ours.
    pub fn id_of(&self, order_id: &str, key: &str) -> String {
        let rows = self.bench.rows(&format!(
            "SELECT json_extract(posted, '$.ledger_id') AS id FROM documents
             WHERE order_id = '{order_id}' AND document_key = '{key}' AND state <> 'voided'"
        ));
        rows.first().unwrap_or_else(|| panic!("order {order_id} has no {key}"))["id"].clone()
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        // People take their time.
        self.bench.clock.advance(chrono::Duration::seconds(3));
        call(self.bench, self.company, method, path, body)
    }

    fn quickbooks(&self, entity: &str, body: &Value) -> Value {
        self.call("POST", &format!("/v3/company/{}/{entity}minorversion=75", self.company.id()), body)
    }

    fn change(&self, id: &str, fields: &Value) {
        self.bench.clock.advance(chrono::Duration::seconds(3));
        change_invoice(self.bench, self.company, id, fields);
    }

    fn invoice(&self, id: &str) -> Value {
        if is_xero(self.company) {
            return self.call("GET", &format!("/api.xro/2.0/Invoices/{id}"), &Value::Null)["Invoices"][0].clone();
        }
        read(self.bench, self.company, id)
    }

    pub fn remove_invoice(&self, id: &str) {
        self.bench.clock.advance(chrono::Duration::seconds(3));
        remove_invoice(self.bench, self.company, id);
    }

    pub fn redate(&self, id: &str, day: &str) {
        self.change(id, &if is_xero(self.company) { json!({"Date": day}) } else { json!({"TxnDate": day}) });
    }

    pub fn renumber(&self, id: &str, number: &str) {
        let key = if is_xero(self.company) { "InvoiceNumber" } else { "DocNumber" };
        self.change(id, &json!({ key: number }));
    }

    /// Gives the first line another text, or so many minor units more.
    pub fn change_line(&self, id: &str, text: Option<&str>, more: i64) {
        let invoice = self.invoice(id);
        let key = if is_xero(self.company) { "LineItems" } else { "Line" };
        let mut lines: Vec<Value> = invoice[key].as_array().unwrap().clone();
        lines.retain(|line| line["DetailType"] != "SubTotalLineDetail");
        let line = &mut lines[0];
        if let Some(text) = text {
            line["Description"] = json!(text);
        }
        if more != 0 {
            let (unit, amount) =
                if is_xero(self.company) { ("UnitAmount", "LineAmount") } else { ("UnitPrice", "Amount") };
            let whole = line[amount].to_string().parse::<Decimal>().unwrap() + Decimal::new(more, 2);
            let whole: Value = serde_json::from_str(&whole.to_string()).unwrap();
            line[amount] = whole.clone();
            let detail = if is_xero(self.company) { line } else { &mut line["SalesItemLineDetail"] };
            detail[unit] = whole;
            detail[if unit == "UnitAmount" { "Quantity" } else { "Qty" }] = json!(1);
            for key in ["DiscountRate", "DiscountAmount", "TaxAmount"] {
                detail.as_object_mut().unwrap().remove(key);
            }
        }
        self.change(id, &json!({ key: lines }));
    }

    /// Puts it on the account of another customer.
    pub fn change_customer(&self, id: &str) {
        if is_xero(self.company) {
            return self.change(id, &json!({"Contact": {"Name": "Somebody else"}}));
        }
        let currency = self.invoice(id)["CurrencyRef"].clone();
        let other = self.quickbooks("customer?", &json!({"DisplayName": "Somebody else", "CurrencyRef": currency}));
        self.change(id, &json!({"CustomerRef": {"value": other["Customer"]["Id"]}}));
    }

    /// Enters a payment against it.
    pub fn pay(&self, id: &str, amount: &str) {
        let amount: Value = serde_json::from_str(amount).unwrap();
        if is_xero(self.company) {
            let body = json!({"Invoice": {"InvoiceID": id}, "Account": {"Code": "090"}, "Date": "2026-11-03", "Amount": amount});
            self.call("PUT", "/api.xro/2.0/Payments", &json!({"Payments": [body]}));
            return;
        }
        let invoice = self.invoice(id);
        let line = json!({"Amount": amount, "LinkedTxn": [{"TxnId": id, "TxnType": "Invoice"}]});
        self.quickbooks(
            "payment?",
            &json!({"CustomerRef": invoice["CustomerRef"], "CurrencyRef": invoice["CurrencyRef"], "TotalAmt": amount,
                "Line": [line]}),
        );
    }

    pub fn remove_payment(&self, id: &str) {
        if is_xero(self.company) {
            let body = json!({"Payments": [{"PaymentID": id, "Status": "DELETED"}]});
            self.call("POST", &format!("/api.xro/2.0/Payments/{id}"), &body);
            return;
        }
        let path = format!("/v3/company/{}/payment/{id}?minorversion=75", self.company.id());
        let payment = self.call("GET", &path, &Value::Null);
        let body = json!({"Id": id, "SyncToken": payment["Payment"]["SyncToken"]});
        self.quickbooks("payment?operation=delete&", &body);
    }
}
