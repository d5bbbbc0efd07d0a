//! Xero's documents as JSON (facts/xero §1.1–1.4, §4). Created with PUT: a POST with a known number would silently
//! change the other document.
//!
//! Tax: Xero computes it per line. Where its result is Shopify's, no amount is sent, as Xero's certification wishes;
//! where rounding makes them differ, the line states Shopify's amount, so that the total is exact without a rounding line.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::arithmetic;
use crate::books::document::{Content, Document, DocumentKind, Itemised, Line, Party, Settlement, TaxMode};
use crate::books::money::{Currency, json_number, round_half_up};
use crate::config::TaxAmounts;
use crate::ledgers::{Operation, Reference, ReferenceKind, WireRequest, Write};
use crate::platform::Method;

/// The endpoint of a kind of document.
pub fn endpoint(kind: DocumentKind) -> &'static str {
    match kind {
        // Xero knows no sales receipts: its rules ask for an invoice and a payment.
        DocumentKind::Invoice | DocumentKind::SalesReceipt => "Invoices",
        DocumentKind::CreditNote | DocumentKind::RefundReceipt => "CreditNotes",
        DocumentKind::Payment | DocumentKind::RefundPayment => "Payments",
        DocumentKind::Application => "Allocations",
    }
}

/// The request for a write.
pub fn request(write: &Write<'_>, amounts: TaxAmounts) -> WireRequest {
    let (method, path, body) = match write.operation {
        Operation::Create => (Method::Put, create_path(write), create_body(write, amounts)),
        Operation::Update => (Method::Post, update_path(write), create_body(write, amounts)),
        Operation::Void => void(write),
    };
    WireRequest {
        method,
        body: body.map(|body| body.to_string()),
        idempotency_key: Some(write.key.to_owned()),
        ..WireRequest::get(format!("/api.xro/2.0/{path}"))
    }
}

fn create_path(write: &Write<'_>) -> String {
    match write.document.kind() {
        DocumentKind::Application => format!("CreditNotes/{}/Allocations?summarizeErrors=false", applied_note(write)),
        DocumentKind::Payment | DocumentKind::RefundPayment => "Payments?summarizeErrors=false".into(),
        // Four decimals in unit prices, else Xero rounds them to two before it multiplies.
        kind => format!("{}?summarizeErrors=false&unitdp=4", endpoint(kind)),
    }
}

/// An update names the document in its address, so that it can never hit another one of the same number. Lines that
/// are sent without their id replace all that were there.
fn update_path(write: &Write<'_>) -> String {
    let id = write.existing.map_or("", |posted| posted.ledger_id.as_str());
    format!("{}/{id}?summarizeErrors=false&unitdp=4", endpoint(write.document.kind()))
}

fn void(write: &Write<'_>) -> (Method, String, Option<Value>) {
    let id = write.existing.map_or("", |posted| posted.ledger_id.as_str());
    let kind = write.document.kind();
    match kind {
        DocumentKind::Application => {
            (Method::Delete, format!("CreditNotes/{}/Allocations/{id}", applied_note(write)), None)
        }
        DocumentKind::Payment | DocumentKind::RefundPayment => {
            (Method::Post, format!("Payments/{id}"), Some(json!({ "Status": "DELETED" })))
        }
        _ => (Method::Post, format!("{}/{id}", endpoint(kind)), Some(json!({ "Status": "VOIDED" }))),
    }
}

fn create_body(write: &Write<'_>, amounts: TaxAmounts) -> Option<Value> {
    let document = write.document;
    Some(match &document.content {
        Content::Invoice(lines) | Content::SalesReceipt(lines) => {
            let mut body = itemised(write, lines, "ACCREC", amounts);
            body.insert("InvoiceNumber".into(), lines.number.as_str().into());
            body.insert("DueDate".into(), lines.due_date.to_string().into());
            json!({ "Invoices": [body] })
        }
        Content::CreditNote(lines) | Content::RefundReceipt(lines) => {
            let mut body = itemised(write, lines, "ACCRECCREDIT", amounts);
            body.insert("CreditNoteNumber".into(), lines.number.as_str().into());
            json!({ "CreditNotes": [body] })
        }
        Content::Payment(money) => json!({ "Payments": [payment(write, money, "Invoice", "InvoiceID")] }),
        Content::RefundPayment(money) => json!({ "Payments": [payment(write, money, "CreditNote", "CreditNoteID")] }),
        Content::Application(money) => json!({ "Allocations": [{
            "Amount": json_number(document.total),
            "Date": document.date.to_string(),
            "Invoice": { "InvoiceID": linked(write, &money.settles) },
        }] }),
    })
}

/// What every document says of where it comes from. People read it, and an adoption checks it.
pub fn reference(document: &Document) -> String {
    format!("Shopify order {} ({})", document.order_id, document.order_name)
}

fn itemised(write: &Write<'_>, lines: &Itemised, kind: &str, amounts: TaxAmounts) -> Map<String, Value> {
    let document = write.document;
    let mode = match lines.tax_mode {
        TaxMode::Exclusive => "Exclusive",
        TaxMode::Inclusive => "Inclusive",
    };
    let discounts = write.document.kind() == DocumentKind::Invoice;
    let states = |one: &Line| arithmetic::states_tax(one, lines.tax_mode, document.currency, amounts);
    let rows = lines.lines.iter().flat_map(|one| {
        let more = one.more.iter().map(|text| json!({ "Description": text }));
        std::iter::once(line(one, document.currency, discounts, states(one))).chain(more)
    });
    let mut body = json!({
        "Type": kind,
        "Status": "AUTHORISED",
        "Reference": reference(document),
        // The id alone: any other field would change the contact.
        "Contact": { "ContactID": write.party_id },
        "Date": document.date.to_string(),
        "CurrencyCode": document.currency.code(),
        "LineAmountTypes": mode,
        "LineItems": rows.collect::<Vec<Value>>(),
    });
    insert_rate(&mut body, document);
    body.as_object().cloned().unwrap_or_default()
}

/// Units of the document's currency for one of the organisation's, to six decimals; without one Xero takes that of the day.
fn insert_rate(body: &mut Value, document: &Document) {
    if let Some(conversion) = &document.conversion {
        body["CurrencyRate"] = json_number(round_half_up(conversion.document_per_home(), 6).normalize());
    }
}

/// A credit note knows no discounts: there the line states its net amount, and how many in its text.
fn line(line: &Line, currency: Currency, discounts: bool, states_tax: bool) -> Value {
    let mut row = Map::new();
    let amount = line.amount(currency);
    if arithmetic::is_stated_by_quantity(line) && (discounts || line.discount.is_zero()) {
        row.insert("Description".into(), line.description.as_str().into());
        row.insert("Quantity".into(), json_number(line.quantity));
        row.insert("UnitAmount".into(), json_number(line.unit_price));
        if !line.discount.is_zero() {
            row.insert("DiscountAmount".into(), json_number(line.discount));
        }
    } else {
        let description = if line.quantity == Decimal::ONE {
            line.description.clone()
        } else {
            format!("{} × {}", line.quantity.normalize(), line.description)
        };
        row.insert("Description".into(), description.into());
        row.insert("Quantity".into(), json_number(Decimal::ONE));
        row.insert("UnitAmount".into(), json_number(amount));
    }
    row.insert("AccountCode".into(), line.account.as_str().into());
    row.insert("TaxType".into(), line.tax.code.as_str().into());
    if states_tax {
        row.insert("TaxAmount".into(), json_number(line.tax.amount));
    }
    Value::Object(row)
}

fn linked(write: &Write<'_>, key: &crate::books::DocumentKey) -> String {
    write.links.get(key).map(|posted| posted.ledger_id.clone()).unwrap_or_default()
}

/// The id of the credit note that an application applies.
pub fn applied_note(write: &Write<'_>) -> String {
    let from = write.document.settlement().and_then(|money| money.from.as_ref());
    from.map(|key| linked(write, key)).unwrap_or_default()
}

fn payment(write: &Write<'_>, money: &Settlement, of: &str, id: &str) -> Value {
    let document = write.document;
    let mut body = json!({
        of: { id: linked(write, &money.settles) },
        "Account": account(write, &money.account),
        "Date": document.date.to_string(),
        "Amount": json_number(document.total),
        "Reference": money.reference,
    });
    insert_rate(&mut body, document);
    body
}

fn account(write: &Write<'_>, label: &str) -> Value {
    let key = Reference { kind: ReferenceKind::Account, label: label.to_owned() };
    match write.references.get(&key) {
        Some(id) => json!({ "AccountID": id }),
        None if is_guid(label) => json!({ "AccountID": label }),
        None => json!({ "Code": label }),
    }
}

fn is_guid(label: &str) -> bool {
    label.len() == 36 && label.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// A code has at most ten characters without spaces; what is neither a code nor an id is a name.
pub fn is_name(label: &str) -> bool {
    !is_guid(label) && (label.len() > 10 || label.contains(' '))
}

/// A contact; our key of it stands in `ContactNumber`.
pub fn contact(party: &Party, key: &str) -> Value {
    let mut body = json!({ "Name": party.name, "ContactNumber": key });
    for (name, text) in [("FirstName", &party.given_name), ("LastName", &party.family_name)] {
        if !text.is_empty() {
            body[name] = text.as_str().into();
        }
    }
    if let Some(email) = &party.email {
        body["EmailAddress"] = email.as_str().into();
    }
    json!({ "Contacts": [body] })
}

/// Text inside an address.
pub fn encode(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}
