//! What QuickBooks' faults mean (facts/quickbooks §5). One table; everything that is said about a fault comes from it.

use chrono::Duration;
use serde_json::Value;

use crate::books::hold::HoldReason;
use crate::ledgers::{Failure, Outcome, Refusal};
use crate::platform::Response;

/// What the engine does about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The order waits for a person.
    Refused(HoldReason),
    /// Everything that the setting concerns waits for a person.
    Settings(HoldReason),
    /// Try again later; nothing was done.
    Wait,
    /// The access token has ended.
    TokenExpired,
    /// The authorisation is gone.
    Reconnect,
    /// Something with this name or number exists: look at it.
    Exists,
    /// Somebody changed the document: read it again, then do it again.
    Stale,
    /// It may have been done.
    Unknown,
}

/// One row: codes, class, our sentence.
pub struct Fault {
    /// QuickBooks' codes.
    pub codes: &'static [&'static str],
    /// A word that has to be in the details, where one code means many things (6000); lower case.
    pub detail: Option<&'static str>,
    /// What the engine does.
    pub class: Class,
    /// What the user sees.
    pub message: &'static str,
}

const fn row(codes: &'static [&'static str], class: Class, message: &'static str) -> Fault {
    Fault { codes, detail: None, class, message }
}

const fn business(detail: &'static str, class: Class, message: &'static str) -> Fault {
    Fault { codes: &["6000"], detail: Some(detail), class, message }
}

use Class::{Exists, Reconnect, Refused, Settings, Stale, TokenExpired, Unknown, Wait};
use HoldReason as Hold;

/// The faults; the first row that fits counts.
pub const FAULTS: &[Fault] = &[
    row(&["3200", "003200", "100", "110"], TokenExpired, "the access token has ended"),
    row(&["3100", "003100", "120"], Reconnect, "the app is no longer authorised for this company"),
    row(&["3001", "003001"], Wait, "too many requests"),
    row(&["130", "140", "150"], Wait, "the company is being maintained or is locked"),
    row(&["500"], Refused(Hold::Refused), "QuickBooks does not support this operation, or could not read the text"),
    row(&["600"], Exists, "a request with this id was made before"),
    row(
        &["610", "2500"],
        Settings(Hold::SettingsRefused),
        "an account, item or customer that the document names does not exist or is inactive",
    ),
    row(&["620"], Refused(Hold::Refused), "the payment cannot be linked to the document"),
    row(&["630", "700", "800", "900"], Refused(Hold::Refused), "the document contradicts another one"),
    row(
        &["1000", "1010", "1020", "1040", "1050"],
        Refused(Hold::Refused),
        "QuickBooks could not carry the operation out",
    ),
    row(&["2010", "2020", "2170"], Refused(Hold::Refused), "QuickBooks does not accept a property of the document"),
    row(&["2040"], Refused(Hold::Refused), "a text holds characters that QuickBooks does not accept"),
    row(&["2050"], Refused(Hold::Refused), "a text is longer than QuickBooks accepts"),
    row(&["4000", "4001"], Refused(Hold::Refused), "QuickBooks does not accept a query"),
    row(&["5010"], Stale, "somebody changed the document at the same time"),
    row(&["5020", "5030"], Settings(Hold::SubscriptionEnded), "the company's plan does not include this"),
    business("gst/hst", Settings(Hold::SettingsRefused), "a line lacks a tax code"),
    business("currency", Settings(Hold::SettingsRefused), "the currency does not fit the customer or the account"),
    business(
        "add up to more",
        Settings(Hold::SettingsRefused),
        "the account that receives payments must be of type Bank or Other Current Asset",
    ),
    business("try again", Wait, "QuickBooks asks to try again in a few minutes"),
    business("-30003", Unknown, "QuickBooks reports an internal error, after which the document may exist"),
    row(&["6000"], Refused(Hold::Refused), "QuickBooks' business rules do not allow the document"),
    row(&["6070"], Refused(Hold::TotalMismatch), "an amount is not quantity times price"),
    row(&["6080", "6090"], Refused(Hold::Refused), "the document lacks a name or a discount"),
    row(
        &["6100"],
        Settings(Hold::SettingsRefused),
        "the company is a US one: leave `no_tax` and `taxes` out of the settings",
    ),
    row(&["6140"], Exists, "the document number is taken"),
    row(&["6190"], Settings(Hold::SubscriptionEnded), "the company's subscription has ended"),
    row(&["6210"], Settings(Hold::PeriodClosed), "the accounting period is closed"),
    row(&["6240"], Exists, "the name is taken"),
    row(&["6540"], Refused(Hold::Refused), "the transaction is deposited already"),
    row(&["10000"], Unknown, "QuickBooks reports a system failure"),
];

/// A fault as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its code.
    pub code: String,
    /// What it says, in the company's language.
    pub text: String,
}

/// The first error of a body, in either spelling: `Fault.Error[].Message` and `fault.error[].message`.
pub fn first(body: &Value) -> Option<Said> {
    let either = |value: &Value, one: &str, other: &str| value.get(one).or_else(|| value.get(other)).cloned();
    let fault = either(body, "Fault", "fault").filter(|fault| !fault.is_null())?;
    let error = either(&fault, "Error", "error").and_then(|list| list.get(0).cloned()).unwrap_or(Value::Null);
    let text = |one: &str, other: &str| match either(&error, one, other) {
        Some(Value::String(text)) => text,
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let said = format!("{} {}", text("Message", "message"), text("Detail", "detail"));
    Some(Said { code: text("code", "Code"), text: said.trim().to_owned() })
}

/// What a fault means. `writes` says that something may have been changed.
pub fn judge(response: &Response, said: &Said, writes: bool) -> Failure {
    let lower = said.text.to_lowercase();
    let found = FAULTS
        .iter()
        .find(|row| row.codes.contains(&said.code.as_str()) && row.detail.is_none_or(|word| lower.contains(word)));
    let Some(found) = found else { return without_row(response, said, writes) };
    outcome(found, response, said)
}

fn outcome(found: &Fault, response: &Response, said: &Said) -> Failure {
    let refusal = |reason| Refusal {
        reason,
        code: said.code.clone(),
        message: found.message.to_owned(),
        ledger_says: said.text.clone(),
    };
    let why = || format!("{} (code {})", found.message, said.code);
    match found.class {
        Refused(reason) => Outcome::Refused(refusal(reason)),
        Settings(reason) => Outcome::Settings(refusal(reason)),
        Wait => Outcome::Wait { retry_after: retry_after(response), why: why() },
        TokenExpired => Outcome::TokenExpired,
        Reconnect => Outcome::Reconnect(why()),
        Exists => Outcome::AlreadyExists,
        Stale => Outcome::Stale,
        Unknown => Outcome::Unknown(why()),
    }
}

/// A code that no row knows: its HTTP status decides.
fn without_row(response: &Response, said: &Said, writes: bool) -> Failure {
    if matches!(response.status, 400 | 404 | 413 | 422) {
        return Outcome::Refused(Refusal {
            reason: HoldReason::Refused,
            code: said.code.clone(),
            message: "QuickBooks refuses the document".into(),
            ledger_says: said.text.clone(),
        });
    }
    without_fault(response, writes)
}

/// An answer without a fault in it.
pub fn without_fault(response: &Response, writes: bool) -> Failure {
    let why = format!("QuickBooks answered with status {}", response.status);
    match response.status {
        401 => Outcome::TokenExpired,
        403 => Outcome::Reconnect("QuickBooks refuses access to this company".into()),
        429 => Outcome::Wait { retry_after: retry_after(response), why: "too many requests".into() },
        // A busy service has not looked at the request; everything else may have happened.
        503 if !writes => Outcome::Wait { retry_after: retry_after(response), why },
        400 | 404 | 405 | 413 | 422 => Outcome::Refused(Refusal {
            reason: HoldReason::Refused,
            code: format!("http_{}", response.status),
            message: "QuickBooks refuses the request without saying why".into(),
            ledger_says: String::new(),
        }),
        _ => Outcome::Unknown(why),
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.header("retry-after")?.trim().parse::<u32>().ok()?;
    Some(Duration::seconds(i64::from(seconds)))
}
