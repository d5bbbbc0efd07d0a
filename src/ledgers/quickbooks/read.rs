//! QuickBooks' answers. HTTP 200 alone is no success: the expected entity has to be there, with an id.

use rust_decimal::Decimal;
use serde_json::Value;

use super::documents::entity;
use super::faults;
use crate::books::document::{DocumentKey, DocumentKind, Settlement};
use crate::books::hold::HoldReason;
use crate::books::money::parse_amount;
use crate::ledgers::faults::Concerns;
use crate::ledgers::{Failure, FoundParty, Operation, Outcome, Posted, Reference, Refusal, Write};
use crate::platform::Response;

pub(super) fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

pub(super) fn amount(value: &Value, key: &str) -> Option<Decimal> {
    match value.get(key)? {
        Value::Number(number) => parse_amount(&number.to_string()).ok(),
        Value::String(text) => parse_amount(text).ok(),
        _ => None,
    }
}

/// Any answer: its JSON, or what is wrong with it. `writes` says that something may have been changed.
fn body(response: &Response, writes: bool) -> Result<Value, Box<Failure>> {
    let parsed: Option<Value> = serde_json::from_str(&response.body).ok();
    match parsed {
        Some(value) if response.status == 200 && faults::said(&value).is_none() => Ok(value),
        parsed => Err(Box::new(faults::judge(response, parsed.as_ref(), writes))),
    }
}

/// A success that does not hold what was asked for.
pub(super) fn nothing_said(response: &Response, writes: bool) -> Failure {
    faults::judge(&Response { status: 200, ..response.clone() }, Some(&Value::Null), writes)
}

/// The rows of a query.
pub(super) fn rows(response: &Response, entity: &str) -> Result<Vec<Value>, Box<Failure>> {
    let value = body(response, false)?;
    let Some(result) = value.get("QueryResponse") else {
        return Err(Box::new(nothing_said(response, false)));
    };
    Ok(result.get(entity).and_then(Value::as_array).cloned().unwrap_or_default())
}

/// A failure is a failure of whatever was asked for.
pub(super) fn failed<T>(failure: Failure) -> Outcome<T> {
    failure.map(|never| match never {})
}

/// The id of an item or account.
pub fn reference(reference: &Reference, response: &Response) -> Outcome<String> {
    let entity = match reference.kind {
        crate::ledgers::ReferenceKind::Item => "Item",
        crate::ledgers::ReferenceKind::Account => "Account",
        crate::ledgers::ReferenceKind::TaxCode => "TaxCode",
        crate::ledgers::ReferenceKind::ExchangeRate => return exchange_rate(reference, response),
    };
    let found = match rows(response, entity) {
        Ok(found) => found,
        Err(failure) => return failed(*failure),
    };
    let id = found.first().map(|row| text(row, "Id")).filter(|id| !id.is_empty());
    id.map_or_else(
        || {
            let message =
                format!("QuickBooks has no active {} called \"{}\"", reference.kind.as_str(), reference.label);
            let ledger_says = format!("\"{}\"", reference.label);
            let (reason, code) = (HoldReason::SettingsRefused, "name_not_found".into());
            Outcome::Settings(Refusal { reason, code, message, ledger_says }, Concerns::Name)
        },
        Outcome::Done,
    )
}

/// The rate: home units for one of the currency.
fn exchange_rate(reference: &Reference, response: &Response) -> Outcome<String> {
    let value = match body(response, false) {
        Ok(value) => value,
        Err(failure) => return failed(*failure),
    };
    let Some(found) = value.get("ExchangeRate") else {
        return Outcome::Unknown("the answer does not hold an ExchangeRate".into());
    };
    let rate = amount(found, "Rate").filter(|rate| *rate > Decimal::ZERO);
    rate.map_or_else(
        || {
            let message = format!("QuickBooks has no exchange rate for {}", reference.label);
            let ledger_says = format!("\"{}\"", reference.label);
            let (reason, code) = (HoldReason::SettingsRefused, "rate_not_found".into());
            Outcome::Settings(Refusal { reason, code, message, ledger_says }, Concerns::Name)
        },
        |rate| Outcome::Done(rate.normalize().to_string()),
    )
}

/// The customers of a name.
pub fn parties(response: &Response) -> Outcome<Vec<FoundParty>> {
    let found = match rows(response, "Customer") {
        Ok(found) => found,
        Err(failure) => return failed(*failure),
    };
    let read = |row: &Value| FoundParty {
        ledger_id: text(row, "Id"),
        name: text(row, "DisplayName"),
        email: row.get("PrimaryEmailAddr").map(|email| text(email, "Address")).filter(|email| !email.is_empty()),
        currency: row.get("CurrencyRef").and_then(|currency| text(currency, "value").parse().ok()),
        ours: false,
        active: row.get("Active").and_then(Value::as_bool).unwrap_or(true),
    };
    Outcome::Done(found.iter().map(read).collect())
}

/// The id of the customer that was created.
pub fn created_party(response: &Response) -> Outcome<String> {
    let value = match body(response, true) {
        Ok(value) => value,
        Err(failure) => return failed(*failure),
    };
    let id = value.get("Customer").map(|customer| text(customer, "Id")).filter(|id| !id.is_empty());
    id.map_or_else(|| failed(nothing_said(response, true)), Outcome::Done)
}

/// What a write achieved.
pub fn written(write: &Write<'_>, response: &Response) -> Outcome<Posted> {
    let value = match body(response, true) {
        Ok(value) => value,
        Err(failure) => {
            return write.existing.filter(|_| is_gone(write, &failure)).map_or_else(
                || failed(*failure),
                // Somebody deleted it: what was to be taken out of the books is out of them.
                |old| Outcome::Done(Posted { void: true, ..old.clone() }),
            );
        }
    };
    let kind = write.document.kind();
    let found = value.get(entity(kind)).filter(|found| !text(found, "Id").is_empty());
    let Some(found) = found else { return failed(nothing_said(response, true)) };
    let deleted = text(found, "status") == "Deleted";
    match (write.operation, posted(write, found)) {
        (Operation::Void, Some(posted)) if amount(found, "TotalAmt").is_none_or(|total| total.is_zero()) => {
            Outcome::Done(Posted { void: true, ..posted })
        }
        // A deletion answers with the id alone.
        (Operation::Void, None) if deleted => {
            Outcome::Done(write.existing.cloned().map_or_else(|| gone(found), |old| Posted { void: true, ..old }))
        }
        (Operation::Create | Operation::Update, Some(posted)) if !deleted => Outcome::Done(posted),
        _ => failed(nothing_said(response, true)),
    }
}

/// True if the ledger knows nothing of a document that is to be voided: a void names nothing else.
fn is_gone(write: &Write<'_>, failure: &Failure) -> bool {
    write.operation == Operation::Void && matches!(failure, Outcome::Settings(refusal, _) if refusal.code == "610")
}

fn gone(found: &Value) -> Posted {
    Posted {
        ledger_id: text(found, "Id"),
        version: String::new(),
        number: String::new(),
        total: Decimal::ZERO,
        currency: None,
        party_id: None,
        void: true,
        names_order: false,
        remark: None,
        room: None,
    }
}

/// What stands in the ledger under the document's number.
pub fn looked(write: &Write<'_>, response: &Response) -> Outcome<Vec<Posted>> {
    match rows(response, entity(write.document.kind())) {
        Ok(found) => Outcome::Done(found.iter().filter_map(|row| posted(write, row)).collect()),
        Err(failure) => failed(*failure),
    }
}

/// A void zeroes every amount and says so in the note (facts/quickbooks §1.2).
pub(super) fn is_void(found: &Value, total: Decimal) -> bool {
    total.is_zero() && text(found, "PrivateNote").starts_with("Voided")
}

fn posted(write: &Write<'_>, found: &Value) -> Option<Posted> {
    let kind = write.document.kind();
    let number = if write.document.itemised().is_some() { "DocNumber" } else { "PaymentRefNum" };
    let note = text(found, "PrivateNote");
    let settlement = write.document.settlement();
    let total = match settlement.filter(|_| kind == DocumentKind::Application) {
        // An application moves no money: what it applies stands in its lines.
        Some(money) => linked(write, found, &money.settles, "Invoice").unwrap_or_default(),
        None => amount(found, "TotalAmt")?,
    };
    Some(Posted {
        ledger_id: text(found, "Id"),
        version: text(found, "SyncToken"),
        number: text(found, number),
        total,
        currency: found.get("CurrencyRef").and_then(|currency| text(currency, "value").parse().ok()),
        party_id: found.get("CustomerRef").map(|party| text(party, "value")).filter(|id| !id.is_empty()),
        void: is_void(found, total),
        names_order: names(&note, &write.document.order_id)
            && settlement.is_none_or(|money| settles(write, found, money)),
        remark: None,
        room: None,
    })
}

/// True if a payment settles what the document settles, and from the same credit memo, with all that it comes to. Its
/// number alone does not say so: it is that of the transaction, which may have paid several documents.
fn settles(write: &Write<'_>, found: &Value, money: &Settlement) -> bool {
    let all = |key, kind| linked(write, found, key, kind) == Some(write.document.total);
    all(&money.settles, "Invoice") && money.from.as_ref().is_none_or(|from| all(from, "CreditMemo"))
}

/// What a payment's lines apply to that document of ours.
fn linked(write: &Write<'_>, found: &Value, key: &DocumentKey, kind: &str) -> Option<Decimal> {
    let meant = write.links.get(key)?;
    let points =
        |link: &Value| text(link, "TxnId") == meant.ledger_id && text(link, "TxnType").eq_ignore_ascii_case(kind);
    let is_linked =
        |line: &&Value| line.get("LinkedTxn").and_then(Value::as_array).is_some_and(|all| all.iter().any(points));
    found.get("Line").and_then(Value::as_array)?.iter().find(is_linked).and_then(|line| amount(line, "Amount"))
}

/// True if the note names the order, as a whole word.
fn names(note: &str, order_id: &str) -> bool {
    note.split(|letter: char| !letter.is_ascii_digit()).any(|word| word == order_id)
}
