//! QuickBooks' faults (facts/quickbooks §5). They come in two spellings (`Fault.Error[].Message` from the service,
//! `fault.error[].message` from the gateway), without either from newer gateways, as XML from the edge, and with HTTP 200.
//! Messages are in the company's language: codes and digits count, words only where one code means many things.

use serde_json::Value;

use crate::books::hold::HoldReason as Hold;
use crate::ledgers::Failure;
use crate::ledgers::faults::Class::{Away, Exists, Reconnect, Refused, Settings, Stale, TokenExpired, Unknown, Wait};
use crate::ledgers::faults::Concerns::{Currency, Date, Everything, Name};
use crate::ledgers::faults::{Class, Fault, Said, Table};
use crate::platform::Response;

const fn row(codes: &'static [&'static str], class: Class, message: &'static str) -> Fault {
    Fault::coded(codes, class, message)
}

/// 6000 means many things: what it says tells them apart.
const fn business(says: &'static str, words: &'static [&'static str], class: Class, message: &'static str) -> Fault {
    Fault::coded(&["6000"], class, message).saying(says, words)
}

const fn status(name: &'static str, statuses: &'static [u16], class: Class, message: &'static str) -> Fault {
    Fault::status(name, statuses, class, message)
}

const REFUSED: Class = Refused(Hold::Refused);
const NAMES: Class = Settings(Hold::SettingsRefused, Name);
/// Seconds where too many requests were made: the limits count by the minute.
const MINUTE: u32 = 60;

/// The faults by code.
const FAULTS: &[Fault] = &[
    row(&["3200", "003200", "AuthenticationFailed"], TokenExpired, "the access token has ended"),
    row(&["100", "110"], TokenExpired, "QuickBooks does not recognise the access token"),
    row(&["120"], TokenExpired, "the user who connected QuickBooks is no longer an administrator of the company"),
    row(
        &["3100", "003100"],
        Reconnect,
        "the app is no longer authorised for this company, or its keys are not meant for it",
    ),
    row(&["3001", "003001"], Wait(MINUTE), "too many requests"),
    row(&["130"], Wait(MINUTE), "the company lives on another cluster at the moment"),
    row(&["140"], Wait(MINUTE), "the company is locked"),
    row(&["150"], Wait(MINUTE), "the company is under maintenance"),
    row(&["500"], REFUSED, "QuickBooks does not support this operation, or could not read the text"),
    row(&["600"], Exists, "a request with this id was made before"),
    row(&["610"], NAMES, "an account, item or customer that the document names does not exist or is inactive"),
    row(&["2500"], NAMES, "an id that the document names does not exist in the company"),
    row(&["620"], REFUSED, "the payment cannot be linked to the document"),
    row(&["630", "700", "800", "900"], REFUSED, "the document contradicts another one"),
    row(&["1000", "1010", "1020"], REFUSED, "QuickBooks could not carry the operation out"),
    row(&["1040"], REFUSED, "a batch holds more than QuickBooks accepts"),
    row(&["1050"], REFUSED, "QuickBooks does not accept the kind of content"),
    row(&["2010"], REFUSED, "QuickBooks does not know a property of the document, or could not read its text"),
    row(&["2020"], REFUSED, "the document lacks something that QuickBooks requires"),
    row(&["2040"], REFUSED, "a text holds characters that QuickBooks does not accept"),
    row(&["2050"], REFUSED, "a text is longer than QuickBooks accepts"),
    row(&["2170"], REFUSED, "QuickBooks does not know a value of the document"),
    row(&["4000", "4001"], REFUSED, "QuickBooks does not accept a query"),
    row(&["5010"], Stale, "somebody changed the document at the same time"),
    row(&["5020", "5030"], REFUSED, "the document needs something that the company's plan does not include"),
    business(
        "Unexpected Internal Error. (-30003)",
        &["-30003"],
        Unknown,
        "QuickBooks reports an internal error, after which the document may exist",
    ),
    business(
        "(-30000)",
        &["-30000"],
        Settings(Hold::SettingsRefused, Everything),
        "the company's id is missing or wrong",
    ),
    business("…have a GST/HST rate before you save", &["gst/hst"], NAMES, "a line lacks a tax code"),
    business("…have a VAT rate before you save", &["vat rate"], NAMES, "a line lacks a tax code"),
    business(
        "The currency of the transaction is invalid for customer/vendor/account",
        &["currency of the transaction"],
        Settings(Hold::SettingsRefused, Currency),
        "the currency of the document is not the customer's, or the company does not use it",
    ),
    business(
        "The currency of the account must either match…",
        &["currency"],
        NAMES,
        "the account that receives or pays the money is kept in another currency",
    ),
    business(
        "The payments you entered add up to more…",
        &["add up to more"],
        NAMES,
        "the account that receives payments must be of type Bank or Other Current Asset",
    ),
    business(
        "…more than 50 characters in the request_id field",
        &["request_id"],
        REFUSED,
        "the request's key is longer than QuickBooks accepts",
    ),
    business(
        "Please wait a few minutes and try again",
        &["try again"],
        Away(5 * MINUTE),
        "QuickBooks met an error while it saved, and asks to try again in a few minutes",
    ),
    row(&["6000"], REFUSED, "QuickBooks' business rules do not allow the document"),
    row(&["6070"], Refused(Hold::TotalMismatch), "an amount is not quantity times price"),
    row(&["6080"], REFUSED, "the document or the customer has no name"),
    row(&["6090"], REFUSED, "the document's discount lacks an amount or an account"),
    row(
        &["6100"],
        Settings(Hold::SettingsRefused, Everything),
        "the company is a US one: leave `no_tax` and `taxes` out of the settings",
    ),
    row(&["6140"], Exists, "the document number is taken"),
    row(&["6190"], Settings(Hold::SubscriptionEnded, Everything), "the company's subscription has ended"),
    row(&["6210"], Settings(Hold::PeriodClosed, Date), "the accounting period is closed"),
    row(&["6240"], Exists, "the name is taken"),
    row(&["6540"], REFUSED, "the transaction is deposited already and cannot be changed"),
    row(&["10000"], Unknown, "QuickBooks reports a system failure"),
];

/// What remains, by HTTP status.
const ANSWERS: &[Fault] = &[
    status(
        "nothing_said",
        &[200],
        Unknown,
        "the answer is a success and does not hold what was asked for (an empty `BatchItemResponse` does nothing)",
    ),
    status("http_401", &[401], TokenExpired, "QuickBooks does not accept the access token"),
    status("blocked", &[403], REFUSED, "a filter in front of QuickBooks refuses the document's text")
        .saying("an HTML page", &["<html"]),
    status("http_403", &[403], Reconnect, "QuickBooks refuses access to this company"),
    status("http_413", &[413], REFUSED, "the document is larger than QuickBooks accepts"),
    status("http_429", &[429], Wait(MINUTE), "too many requests"),
    status(
        "http_4xx",
        &[400, 404, 405, 406, 409, 410, 411, 412, 414, 415, 422],
        REFUSED,
        "QuickBooks refuses the request, and no row of this table says why",
    ),
    status("http_503", &[503], Away(MINUTE), "QuickBooks is away or has too many requests"),
    status("http_5xx", &[500, 502, 504], Unknown, "QuickBooks failed, or could not be reached from its own edge"),
];

/// QuickBooks' table.
pub const TABLE: Table = Table { ledger: "QuickBooks", faults: FAULTS, answers: ANSWERS };

fn either<'a>(value: &'a Value, one: &str, other: &str) -> Option<&'a Value> {
    value.get(one).or_else(|| value.get(other)).filter(|found| !found.is_null())
}

fn error(value: &Value) -> Said {
    let text = |one: &str, other: &str| match either(value, one, other) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    Said::new(&text("code", "Code"), &format!("{} {}", text("Message", "message"), text("Detail", "detail")))
}

/// The faults in a body, in whatever spelling; `None` if it holds none.
pub fn said(body: &Value) -> Option<Vec<Said>> {
    if let Some(fault) = either(body, "Fault", "fault") {
        let list = either(fault, "Error", "error").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        return Some(if list.is_empty() { vec![error(fault)] } else { list.iter().map(error).collect() });
    }
    let is_bare = body.get("code").is_some_and(Value::is_string) && either(body, "detail", "message").is_some();
    is_bare.then(|| vec![error(body)])
}

/// The faults in an answer that came as XML: `<Error code="3001"><Message>…</Message><Detail>…</Detail></Error>`.
fn said_in_xml(text: &str) -> Vec<Said> {
    let between = |text: &str, from: &str, to: &str| {
        let rest = &text[text.find(from)? + from.len()..];
        Some(rest[..rest.find(to)?].to_owned())
    };
    let one = |part: &str| {
        let code = between(part, "code=\"", "\"").unwrap_or_default();
        let message = between(part, "<Message>", "</Message>").unwrap_or_default();
        Said::new(&code, &format!("{message} {}", between(part, "<Detail>", "</Detail>").unwrap_or_default()))
    };
    text.split("<Error").skip(1).filter(|part| part.contains("code=\"")).map(one).collect()
}

/// What an answer means that is no success. `writes` says that something may have been changed.
pub fn judge(response: &Response, body: Option<&Value>, writes: bool) -> Failure {
    let said = match body {
        Some(body) => said(body).unwrap_or_default(),
        None => said_in_xml(&response.body),
    };
    let start: String = response.body.chars().take(500).collect();
    TABLE.judge(response, &said, &Said::new("", &start), writes)
}
