//! The bookkeeper: does in QuickBooks what the report says is to be done by hand, no more and no less, through the ledger's
//! own API.

use std::io;
use std::time::Duration;

use sandbox::Request;
use serde_json::{Value, json};

use crate::harness::{QUICKBOOKS, Stage, now};
use crate::trade::Sale;

/// Follows every remedy of a report. Returns how many there were.
pub fn follow(stage: &Stage, sales: &[Sale], audit: &Value) -> io::Result<usize> {
    let desk = Desk { stage };
    let findings = audit["findings"].as_array().cloned().unwrap_or_default();
    let to_do: Vec<&Value> = findings.iter().filter(|one| one["remedy"].is_string()).collect();
    for one in &to_do {
        let sale = sales.iter().find(|sale| one["name"] == sale.name().as_str());
        match (one["class"].as_str(), one["field"].as_str(), sale) {
            (Some("duplicate" | "unexpected"), ..) | (Some("wrong"), Some("status"), _) => desk.void(one)?,
            (Some("wrong"), Some("text"), Some(sale)) => desk.write_texts(one, sale)?,
            (Some("missing"), _, Some(sale)) => desk.enter_refund(one, sale)?,
            _ => return Err(io::Error::other(format!("the bookkeeper does not know what to do about {one}"))),
        }
    }
    Ok(to_do.len())
}

struct Desk<'a> {
    stage: &'a Stage,
}

impl Desk<'_> {
    fn call(&self, method: &str, path: &str, body: &Value) -> io::Result<Value> {
        // People are slower than the ledger's limits.
        std::thread::sleep(Duration::from_millis(110));
        self.stage.sandbox.with(|world| {
            let token = world.access_token(now(), QUICKBOOKS);
            let request = Request::new(method, &format!("/v3/company/{QUICKBOOKS}/{path}minorversion=75"))
                .with_header("authorization", &format!("Bearer {token}"))
                .with_header("accept", "application/json");
            let request = if body.is_null() { request } else { request.with_json(body) };
            let reply = world.handle(now(), &request);
            let said = String::from_utf8_lossy(&reply.body).into_owned();
            if reply.status == 200 {
                Ok(reply.value())
            } else {
                Err(io::Error::other(format!("{method} {path}: {said}")))
            }
        })
    }

    fn invoice(&self, finding: &Value) -> io::Result<Value> {
        let id = finding["ledger_id"].as_str().unwrap_or_default();
        Ok(self.call("GET", &format!("invoice/{id}?"), &Value::Null)?["Invoice"].take())
    }

    fn void(&self, finding: &Value) -> io::Result<()> {
        let invoice = self.invoice(finding)?;
        let body = json!({"Id": invoice["Id"], "SyncToken": invoice["SyncToken"], "sparse": true});
        self.call("POST", "invoice?operation=void&", &body).map(drop)
    }

    /// The texts as Shopify has them; the amounts stay.
    fn write_texts(&self, finding: &Value, sale: &Sale) -> io::Result<()> {
        let invoice = self.invoice(finding)?;
        let mut lines: Vec<Value> = invoice["Line"].as_array().cloned().unwrap_or_default();
        lines.retain(|line| line["DetailType"] == "SalesItemLineDetail");
        // What the report names, where QuickBooks takes no emoji; the long ones are read in Shopify.
        let named: Vec<&str> = finding["shopify_value"].as_str().unwrap_or_default().split(" / ").collect();
        for (line, (whole, _)) in lines.iter_mut().zip(sale.shown()) {
            let now = line["Description"].as_str().unwrap_or_default().to_owned();
            let is_plain = whole.is_ascii();
            let text =
                named.iter().find(|text| !is_plain && text.starts_with(now.as_str())).map(|text| (*text).to_owned());
            line["Description"] = json!(text.unwrap_or(if is_plain { whole } else { now }));
        }
        let body = json!({"Id": invoice["Id"], "SyncToken": invoice["SyncToken"], "sparse": true, "Line": lines});
        self.call("POST", "invoice?", &body).map(drop)
    }

    /// The refund that was never entered, to the customer of the invoice.
    fn enter_refund(&self, finding: &Value, sale: &Sale) -> io::Result<()> {
        let number = format!("DocNumber = '{}'", sale.number);
        let query = format!("query?query={}&", encoded(&format!("select * from Invoice where {number}")));
        let invoice = self.call("GET", &query, &Value::Null)?["QueryResponse"]["Invoice"][0].take();
        let amount = finding["shopify_value"].as_str().and_then(|value| value.split(' ').next()).unwrap_or_default();
        let amount: Value = serde_json::from_str(amount)?;
        let day = (sale.at + chrono::Duration::hours(5)).date_naive().to_string();
        let body = json!({
            "CustomerRef": invoice["CustomerRef"], "CurrencyRef": invoice["CurrencyRef"], "TxnDate": day,
            "DocNumber": format!("R{}", sale.number), "PrivateNote": format!("Refund of Shopify order {}", sale.name()),
            "DepositToAccountRef": {"value": "91"},
            "Line": [{"Amount": amount, "Description": "Refund", "DetailType": "SalesItemLineDetail",
                "SalesItemLineDetail": {"ItemRef": {"value": "1"}, "Qty": 1, "UnitPrice": amount,
                    "TaxCodeRef": {"value": "NON"}}}],
        });
        self.call("POST", "refundreceipt?", &body).map(drop)
    }
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
