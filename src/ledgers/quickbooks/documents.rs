//! QuickBooks' documents as JSON (facts/quickbooks §1.3–1.6).
//!
//! A discounted line is sent as the gross line and, right after it, a negative line of the same item and tax code:
//! QuickBooks' own discount line exists once per document, needs a company setting and does not know which line it
//! belongs to.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use crate::books::document::{Content, Document, DocumentKind, Itemised, Line, Party, Settlement, TaxMode};
use crate::books::listed::ListedLine;
use crate::books::money::{Currency, json_number, parse_amount, round_half_up};
use crate::ledgers::{Operation, Reference, ReferenceKind, Write};

/// Decimals of an exchange rate: enough for a hundred million yen to come out to the cent.
const RATE_DECIMALS: u32 = 10;

/// The text of a line that is another line's discount.
const DISCOUNT: &str = "Discount";

/// How the company's lines say their tax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaxCodes {
    /// `TAX` or `NON`, and the total of the tax.
    UnitedStates,
    /// The company's own codes.
    PerLine,
}

/// The entity of a kind of document, as it stands in paths and bodies.
pub fn entity(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::Invoice => "Invoice",
        DocumentKind::SalesReceipt => "SalesReceipt",
        DocumentKind::CreditNote => "CreditMemo",
        DocumentKind::RefundReceipt => "RefundReceipt",
        // Money paid out is part of the refund receipt; an application is a payment of nothing.
        DocumentKind::Payment | DocumentKind::RefundPayment | DocumentKind::Application => "Payment",
    }
}

/// Path (up to and including `?` or `&`) and body of a write.
pub fn request(write: &Write<'_>, tax: TaxCodes) -> (String, Value) {
    let kind = write.document.kind();
    let path = entity(kind).to_ascii_lowercase();
    match write.operation {
        Operation::Create => (format!("{path}?"), document(write, tax)),
        Operation::Update => (format!("{path}?"), update(write, tax)),
        Operation::Void => (format!("{path}?{}&", void_operation(kind)), void(write)),
    }
}

/// Invoices and payments can be voided; credit memos and refund receipts only deleted (§1.2).
fn void_operation(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::Invoice => "operation=void",
        DocumentKind::SalesReceipt
        | DocumentKind::Payment
        | DocumentKind::RefundPayment
        | DocumentKind::Application => "operation=update&include=void",
        DocumentKind::CreditNote | DocumentKind::RefundReceipt => "operation=delete",
    }
}

/// A full update: every writable field again, with the document's id and version.
fn update(write: &Write<'_>, tax: TaxCodes) -> Value {
    let mut body = document(write, tax);
    if let Some(posted) = write.existing {
        body["Id"] = posted.ledger_id.as_str().into();
        body["SyncToken"] = posted.version.as_str().into();
    }
    body
}

fn void(write: &Write<'_>) -> Value {
    let existing = write.existing;
    let text = |value: Option<&String>| Value::from(value.cloned().unwrap_or_default());
    let mut body = json!({
        "Id": text(existing.map(|posted| &posted.ledger_id)),
        "SyncToken": text(existing.map(|posted| &posted.version)),
    });
    // The void of these is an update.
    if matches!(write.document.content, Content::Payment(_) | Content::Application(_) | Content::SalesReceipt(_)) {
        body["sparse"] = Value::Bool(true);
    }
    body
}

fn document(write: &Write<'_>, tax: TaxCodes) -> Value {
    let document = write.document;
    let mut body = Map::new();
    body.insert("TxnDate".into(), document.date.to_string().into());
    body.insert("CustomerRef".into(), reference(write.party_id));
    body.insert("CurrencyRef".into(), reference(document.currency.code()));
    if let Some(conversion) = &document.conversion {
        // Home units for one of the document's currency.
        let rate = round_half_up(conversion.home_per_document(), RATE_DECIMALS).normalize();
        body.insert("ExchangeRate".into(), json_number(rate));
    } else if let Some(rate) = write.references.get(&rate_of_the_day(document)).and_then(|rate| parse_amount(rate).ok())
    {
        body.insert("ExchangeRate".into(), json_number(rate));
    }
    body.insert("PrivateNote".into(), note(document).into());
    match &document.content {
        Content::Invoice(lines)
        | Content::SalesReceipt(lines)
        | Content::CreditNote(lines)
        | Content::RefundReceipt(lines) => {
            itemised(&mut body, write, lines, tax);
        }
        Content::Payment(money) | Content::RefundPayment(money) => payment(&mut body, write, money),
        Content::Application(money) => application(&mut body, write, money),
    }
    Value::Object(body)
}

/// QuickBooks' own rate of a document's currency on its day.
pub fn rate_of_the_day(document: &Document) -> Reference {
    let label = format!("{} {}", document.currency, document.date);
    Reference { kind: ReferenceKind::ExchangeRate, label }
}

/// What every document says of where it comes from. People read it, and an adoption checks it.
pub fn note(document: &Document) -> String {
    format!("Shopify order {} ({})", document.order_id, document.order_name)
}

fn reference(value: &str) -> Value {
    json!({ "value": value })
}

/// The id of an item or account: looked up where the settings gave a name.
fn id_of(write: &Write<'_>, kind: ReferenceKind, label: &str) -> Value {
    let key = Reference { kind, label: label.to_owned() };
    reference(write.references.get(&key).map_or(label, String::as_str))
}

fn itemised(body: &mut Map<String, Value>, write: &Write<'_>, document: &Itemised, tax: TaxCodes) {
    let currency = write.document.currency;
    let lines = document.lines.iter().flat_map(|one| line(write, one, document.tax_mode, tax, currency));
    body.insert("DocNumber".into(), document.number.as_str().into());
    if write.document.kind() == DocumentKind::Invoice {
        body.insert("DueDate".into(), document.due_date.to_string().into());
    }
    if let Some(cash) = &document.cash {
        body.insert("DepositToAccountRef".into(), id_of(write, ReferenceKind::Account, &cash.account));
        body.insert("PaymentRefNum".into(), cash.reference.as_str().into());
    }
    body.insert("Line".into(), lines.collect());
    match tax {
        TaxCodes::UnitedStates => {
            body.insert("TxnTaxDetail".into(), json!({ "TotalTax": json_number(document.tax_total) }));
        }
        TaxCodes::PerLine => {
            let mode = match document.tax_mode {
                TaxMode::Exclusive => "TaxExcluded",
                TaxMode::Inclusive => "TaxInclusive",
            };
            body.insert("GlobalTaxCalculation".into(), mode.into());
        }
    }
}

/// A line, and its discount as a line of its own.
fn line(write: &Write<'_>, line: &Line, mode: TaxMode, tax: TaxCodes, currency: Currency) -> Vec<Value> {
    let item = id_of(write, ReferenceKind::Item, &line.account);
    let code = match tax {
        TaxCodes::UnitedStates if line.tax.amount.is_zero() => "NON",
        TaxCodes::UnitedStates => "TAX",
        TaxCodes::PerLine => &line.tax.code,
    };
    let gross = line.gross(currency);
    let entry = |description: &str, amount: Decimal, priced: bool| {
        let mut detail = Map::new();
        detail.insert("ItemRef".into(), item.clone());
        detail.insert("TaxCodeRef".into(), reference(code));
        if mode == TaxMode::Inclusive {
            // The amount is stated without tax beside the one with tax; quantity and price would contradict it (6070).
            detail.insert("TaxInclusiveAmt".into(), json_number(amount));
        } else if priced {
            detail.insert("Qty".into(), json_number(line.quantity));
            detail.insert("UnitPrice".into(), json_number(line.unit_price));
        }
        json!({
            "DetailType": "SalesItemLineDetail",
            "Description": description,
            "Amount": json_number(stated(amount, line, mode)),
            "SalesItemLineDetail": detail,
        })
    };
    let mut lines = vec![entry(&described(line, mode), gross, true)];
    lines.extend(
        line.more
            .iter()
            .map(|text| json!({ "DetailType": "DescriptionOnly", "Description": text, "DescriptionLineDetail": {} })),
    );
    if !line.discount.is_zero() {
        lines.push(entry(DISCOUNT, -line.discount, false));
    }
    lines
}

/// What a line says; how many it was, where it cannot state that otherwise.
fn described(line: &Line, mode: TaxMode) -> String {
    if mode == TaxMode::Inclusive && line.quantity != Decimal::ONE {
        format!("{} × {}", line.quantity.normalize(), line.description)
    } else {
        line.description.clone()
    }
}

/// The `Amount` of a line: never with its tax.
fn stated(amount: Decimal, line: &Line, mode: TaxMode) -> Decimal {
    if mode == TaxMode::Inclusive { net(amount, line.tax.rate) } else { amount }
}

/// The lines that QuickBooks will show of a document.
pub fn shown(document: &Itemised, currency: Currency) -> Vec<ListedLine> {
    let mode = document.tax_mode;
    let of_one = |line: &Line| {
        let row = |text: String, amount| ListedLine { text, amount: stated(amount, line, mode) };
        let mut rows = vec![row(described(line, mode), line.gross(currency))];
        rows.extend(line.more.iter().map(|text| row(text.clone(), Decimal::ZERO)));
        if !line.discount.is_zero() {
            rows.push(row(DISCOUNT.into(), -line.discount));
        }
        rows
    };
    document.lines.iter().flat_map(of_one).collect()
}

/// An amount that contains its tax, without it.
pub fn net(gross: Decimal, rate: Decimal) -> Decimal {
    round_half_up(gross / (Decimal::ONE + rate), 2)
}

fn linked(amount: Decimal, write: &Write<'_>, key: &crate::books::DocumentKey, kind: &str) -> Value {
    let id = write.links.get(key).map_or("", |posted| posted.ledger_id.as_str());
    json!({ "Amount": json_number(amount), "LinkedTxn": [{ "TxnId": id, "TxnType": kind }] })
}

fn payment(body: &mut Map<String, Value>, write: &Write<'_>, money: &Settlement) {
    let total = write.document.total;
    body.insert("TotalAmt".into(), json_number(total));
    body.insert("PaymentRefNum".into(), money.reference.as_str().into());
    body.insert("DepositToAccountRef".into(), id_of(write, ReferenceKind::Account, &money.account));
    body.insert("Line".into(), json!([linked(total, write, &money.settles, "Invoice")]));
}

/// A credit memo is applied by a payment of zero that links both.
fn application(body: &mut Map<String, Value>, write: &Write<'_>, money: &Settlement) {
    let total = write.document.total;
    body.insert("TotalAmt".into(), json_number(Decimal::ZERO));
    body.insert("PaymentRefNum".into(), money.reference.as_str().into());
    let mut lines = vec![linked(total, write, &money.settles, "Invoice")];
    lines.extend(money.from.as_ref().map(|from| linked(total, write, from, "CreditMemo")));
    body.insert("Line".into(), lines.into());
}

/// A customer. Its currency is fixed for ever.
pub fn customer(party: &Party) -> Value {
    let mut body = json!({ "DisplayName": party.name, "CurrencyRef": reference(party.currency.code()) });
    for (key, text) in [("GivenName", &party.given_name), ("FamilyName", &party.family_name)] {
        if !text.is_empty() {
            body[key] = text.as_str().into();
        }
    }
    if let Some(email) = &party.email {
        body["PrimaryEmailAddr"] = json!({ "Address": email });
    }
    body
}
