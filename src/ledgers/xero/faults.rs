//! What Xero's faults mean (facts/xero §5). Xero has no codes: its messages are recognised loosely, by a few words, and
//! get a stable name here. One table; everything that is said about a fault comes from it.

use chrono::Duration;
use serde_json::Value;

use crate::books::hold::HoldReason;
use crate::ledgers::{Failure, Outcome, Refusal};
use crate::platform::Response;

/// What the engine does about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The order waits for a person.
    Refused(HoldReason),
    /// Everything that the setting concerns waits for a person.
    Settings(HoldReason),
    /// Something with this name or number exists, or the money may have moved already: look at it.
    Exists,
}

/// One row: words of the message (all of them, lower case), our name for it, class, our sentence.
pub struct Fault {
    /// Words of Xero's message.
    pub words: &'static [&'static str],
    /// Our name for it.
    pub code: &'static str,
    /// What the engine does.
    pub class: Class,
    /// What the user sees.
    pub message: &'static str,
}

const fn row(words: &'static [&'static str], code: &'static str, class: Class, message: &'static str) -> Fault {
    Fault { words, code, class, message }
}

use Class::{Exists, Refused, Settings};
use HoldReason as Hold;

/// The messages; the first row that fits counts.
pub const FAULTS: &[Fault] = &[
    row(&["invoice # must be unique"], "number_taken", Exists, "the invoice number is taken"),
    row(&["credit note", "must be unique"], "number_taken", Exists, "the credit note number is taken"),
    row(&["already assigned to another contact"], "name_taken", Exists, "the contact's name is taken"),
    row(&["another contact has this contact number"], "contact_number_taken", Exists, "the contact exists already"),
    row(
        &["archived", "contact"],
        "contact_archived",
        Settings(Hold::SettingsRefused),
        "the contact is archived: restore it in Xero",
    ),
    row(&["lock date"], "period_locked", Settings(Hold::PeriodClosed), "the date lies in a locked period"),
    row(
        &["not subscribed to currency"],
        "currency_not_subscribed",
        Settings(Hold::SettingsRefused),
        "the organisation does not use this currency: add it in Xero",
    ),
    row(
        &["taxtype code", "cannot be used"],
        "tax_type_refused",
        Settings(Hold::SettingsRefused),
        "a tax code does not fit its account",
    ),
    row(&["taxtype"], "tax_type_unknown", Settings(Hold::SettingsRefused), "a tax code does not exist"),
    row(&["tax amount"], "tax_amount_refused", Refused(Hold::TotalMismatch), "Xero does not accept the tax of a line"),
    row(
        &["account code"],
        "account_refused",
        Settings(Hold::SettingsRefused),
        "an account does not exist, is archived or cannot be used here",
    ),
    row(
        &["account could not be found"],
        "payment_account_unknown",
        Settings(Hold::SettingsRefused),
        "the account that receives payments does not exist",
    ),
    row(
        &["account", "payments"],
        "payment_account_refused",
        Settings(Hold::SettingsRefused),
        "the account does not take payments: it must be a bank account, or have payments enabled",
    ),
    row(&["item code"], "item_refused", Settings(Hold::SettingsRefused), "an item does not exist"),
    row(
        &["limit of invoices"],
        "plan_limit",
        Settings(Hold::SubscriptionEnded),
        "the plan's number of invoices is used up",
    ),
    row(
        &["exceeds the amount outstanding"],
        "payment_exceeds",
        Exists,
        "the payment is larger than what is open: it may stand already",
    ),
    row(
        &["only be made against authorised"],
        "document_not_open",
        Exists,
        "the document takes no payment: it may be paid already",
    ),
    row(&["must be positive"], "payment_not_positive", Refused(Hold::Refused), "a payment must be more than nothing"),
    row(
        &["cannot be edited", "allocated"],
        "document_settled",
        Refused(Hold::Refused),
        "the document has payments or credits",
    ),
    row(&["not of valid status"], "status_refused", Refused(Hold::Refused), "the document's status does not allow it"),
    row(
        &["does not match the expected line total"],
        "line_total",
        Refused(Hold::TotalMismatch),
        "a line's total is not what Xero computes",
    ),
    row(&["email"], "email_refused", Refused(Hold::Refused), "Xero does not accept the e-mail address"),
    row(
        &["idempotency key"],
        "idempotency_key",
        Refused(Hold::Refused),
        "the request's key was used for another request",
    ),
];

/// The first validation message anywhere in an element.
fn message_of(element: &Value) -> Option<String> {
    let own = element.get("ValidationErrors").and_then(Value::as_array).and_then(|list| list.first());
    let said = own.and_then(|error| error.get("Message").or_else(|| error.get("Description"))).and_then(Value::as_str);
    if let Some(said) = said {
        return Some(said.to_owned());
    }
    match element {
        Value::Object(fields) => fields.values().find_map(message_of),
        Value::Array(list) => list.iter().find_map(message_of),
        _ => None,
    }
}

/// Why an element of an answer with status 200 was not stored; `None` if it was.
pub fn of_element(element: &Value) -> Option<Failure> {
    let status = element.get("StatusAttributeString").and_then(Value::as_str).unwrap_or("OK");
    let has_errors = element.get("HasErrors").or_else(|| element.get("HasValidationErrors")).and_then(Value::as_bool);
    if status != "ERROR" && has_errors != Some(true) {
        return None;
    }
    Some(by_message(&message_of(element).unwrap_or_default()))
}

fn by_message(said: &str) -> Failure {
    let lower = said.to_lowercase();
    let found = FAULTS.iter().find(|row| row.words.iter().all(|word| lower.contains(word)));
    let refusal = |reason, code: &str, message: &str| Refusal {
        reason,
        code: code.to_owned(),
        message: message.to_owned(),
        ledger_says: said.to_owned(),
    };
    match found {
        None => Outcome::Refused(refusal(Hold::Refused, "validation", "Xero refuses the document")),
        Some(Fault { class: Exists, .. }) => Outcome::AlreadyExists,
        Some(Fault { class: Refused(reason), code, message, .. }) => Outcome::Refused(refusal(*reason, code, message)),
        Some(Fault { class: Settings(reason), code, message, .. }) => {
            Outcome::Settings(refusal(*reason, code, message))
        }
    }
}

/// What an answer without the expected elements means. `writes` says that something may have been changed.
pub fn judge(response: &Response, body: Option<&Value>, writes: bool) -> Failure {
    let why = format!("Xero answered with status {}", response.status);
    match response.status {
        400 => bad_request(body),
        401 => unauthorised(response, body),
        403 => forbidden(body, why),
        429 => Outcome::Wait { retry_after: Some(pause(response)), why: limit(response) },
        503 if !writes => Outcome::Wait { retry_after: retry_after(response), why },
        404 | 405 | 412 | 501 => Outcome::Refused(Refusal {
            reason: Hold::Refused,
            code: format!("http_{}", response.status),
            message: "Xero refuses the request".into(),
            ledger_says: String::new(),
        }),
        _ => Outcome::Unknown(why),
    }
}

fn bad_request(body: Option<&Value>) -> Failure {
    let said = body.and_then(message_of).or_else(|| {
        let message = body.and_then(|body| body.get("Message").or_else(|| body.get("Detail")));
        message.and_then(Value::as_str).map(str::to_owned)
    });
    by_message(&said.unwrap_or_default())
}

/// Both spellings of a problem's keys occur.
fn detail(body: Option<&Value>) -> String {
    let found = body.and_then(|body| body.get("Detail").or_else(|| body.get("detail")));
    found.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn unauthorised(response: &Response, body: Option<&Value>) -> Failure {
    let scope = response.header("www-authenticate").is_some_and(|text| text.contains("insuffic"));
    let detail = detail(body);
    if scope {
        return Outcome::Reconnect(
            "the connection lacks a permission: connect Xero again and grant all of them".into(),
        );
    }
    if detail.starts_with("AuthorizationUnsuccessful") {
        return Outcome::Reconnect("Xero does not allow this app or user to do this".into());
    }
    Outcome::TokenExpired
}

fn forbidden(body: Option<&Value>, why: String) -> Failure {
    if body.is_none() {
        // An HTML page comes from a filter in front of Xero: the text of the document was taken for an attack.
        return Outcome::Refused(Refusal {
            reason: Hold::Refused,
            code: "blocked".into(),
            message: "a filter in front of Xero refuses the document's text".into(),
            ledger_says: why,
        });
    }
    Outcome::Reconnect("the connection no longer includes this organisation".into())
}

fn limit(response: &Response) -> String {
    let kind = response.header("x-rate-limit-problem").unwrap_or("rate").to_ascii_lowercase();
    format!("Xero's {kind} limit is used up")
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.header("retry-after")?.trim().parse::<u32>().ok()?;
    Some(Duration::seconds(i64::from(seconds)))
}

/// Minute and day limits say when they end; a concurrency limit is over in moments.
fn pause(response: &Response) -> Duration {
    let concurrent =
        response.header("x-rate-limit-problem").is_some_and(|kind| kind.eq_ignore_ascii_case("concurrent"));
    let unsaid = if concurrent { Duration::seconds(1) } else { Duration::seconds(60) };
    retry_after(response).unwrap_or(unsaid)
}
