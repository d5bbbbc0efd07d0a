//! Xero's faults (facts/xero §5). They come in four dialects: `ApiException` with elements, problem objects in two
//! spellings, plain text or HTML, and headers alone; and with HTTP 200 each element has a status of its own. Xero has no
//! codes: its messages are recognised loosely, by a few words, and get a stable name here.

use serde_json::Value;

use crate::books::hold::HoldReason as Hold;
use crate::ledgers::Failure;
use crate::ledgers::faults::Class::{Away, Exists, Noted, Reconnect, Refused, Settings, TokenExpired, Unknown, Wait};
use crate::ledgers::faults::Concerns::{Currency, Date, Everything, Name, Party};
use crate::ledgers::faults::{Class, Fault, Said, Table};
use crate::platform::Response;

const fn row(
    name: &'static str,
    says: &'static str,
    words: &'static [&'static str],
    class: Class,
    message: &'static str,
) -> Fault {
    Fault::said(name, says, words, class, message)
}

const fn status(name: &'static str, statuses: &'static [u16], class: Class, message: &'static str) -> Fault {
    Fault::status(name, statuses, class, message)
}

const REFUSED: Class = Refused(Hold::Refused);
const NAMES: Class = Settings(Hold::SettingsRefused, Name);
/// Seconds where a limit does not say when it ends: minute limits end within one, "offline" is over in about five.
const MINUTE: u32 = 60;
/// The same for the limit of the day: an hour costs two dozen calls in the worst case.
const HOUR: u32 = 3_600;

/// The messages.
const FAULTS: &[Fault] = &[
    row("number_taken", "Invoice # must be unique.", &["# must be unique"], Exists, "the document number is taken"),
    row(
        "name_taken",
        "The contact name X is already assigned to another contact",
        &["already assigned to another contact"],
        Exists,
        "the contact's name is taken",
    ),
    row(
        "contact_number_taken",
        "Another contact has this contact number",
        &["another contact has this contact number"],
        Exists,
        "the contact exists already",
    ),
    row(
        "contact_archived",
        "The contact with the specified contact details has been archived",
        &["archived", "contact"],
        Settings(Hold::SettingsRefused, Party),
        "the contact is archived: restore it in Xero",
    ),
    row(
        "period_locked",
        "The document date cannot be before the period lock date, currently set at…",
        &["lock date"],
        Settings(Hold::PeriodClosed, Date),
        "the date lies in a locked period",
    ),
    row(
        "currency_not_subscribed",
        "Organisation is not subscribed to currency X",
        &["not subscribed to currency"],
        Settings(Hold::SettingsRefused, Currency),
        "the organisation does not use this currency: add it in Xero",
    ),
    row(
        "tax_type_refused",
        "The TaxType code 'x' cannot be used with account code 'y'.",
        &["taxtype code", "cannot be used"],
        NAMES,
        "a tax code does not fit its account",
    ),
    row("tax_type_unknown", "The TaxType code 'x' does not exist", &["taxtype"], NAMES, "a tax code does not exist"),
    row(
        "tax_amount_refused",
        "The tax amount…",
        &["tax amount"],
        Refused(Hold::TotalMismatch),
        "Xero does not accept the tax of a line",
    ),
    row(
        "account_archived",
        "Account code 'x' has been archived, or has been deleted",
        &["account code", "archived"],
        NAMES,
        "an account is archived or deleted",
    ),
    row(
        "account_refused",
        "Account code '200' is not a valid code for this document.",
        &["account code"],
        NAMES,
        "an account does not exist, or cannot be used here",
    ),
    row(
        "payment_account_unknown",
        "Account could not be found",
        &["account could not be found"],
        NAMES,
        "the account that receives payments does not exist",
    ),
    row(
        "payment_account_refused",
        "The account type is invalid for payments",
        &["account", "payments"],
        NAMES,
        "the account does not take payments: it must be a bank account, or have payments enabled",
    ),
    row("item_refused", "Item code 'X' is not valid", &["item code"], REFUSED, "Xero does not know an item"),
    row(
        "plan_limit",
        "You have reached the limit of invoices you can approve",
        &["limit of invoices"],
        Settings(Hold::SubscriptionEnded, Everything),
        "the plan's number of invoices is used up",
    ),
    row(
        "payment_exceeds",
        "Payment amount exceeds the amount outstanding on this document",
        &["exceeds the amount outstanding"],
        Exists,
        "the payment is larger than what is open: it may stand already",
    ),
    row(
        "document_not_open",
        "Payments can only be made against Authorised documents",
        &["only be made against authorised"],
        Exists,
        "the document takes no payment: it may be paid already",
    ),
    row(
        "payment_not_positive",
        "Payment amounts must be positive amounts",
        &["must be positive"],
        REFUSED,
        "a payment must be more than nothing",
    ),
    row(
        "document_settled",
        "This document cannot be edited as it has a payment or credit note allocated to it.",
        &["cannot be edited", "allocated"],
        REFUSED,
        "the document has payments or credits",
    ),
    row(
        "status_refused",
        "Invoice not of valid status for modification",
        &["not of valid status"],
        REFUSED,
        "the document's status does not allow it",
    ),
    row(
        "line_total",
        "The line total a does not match the expected line total b",
        &["does not match the expected line total"],
        Refused(Hold::TotalMismatch),
        "a line's total is not what Xero computes",
    ),
    row(
        "lines_missing",
        "One or more line items must be specified",
        &["line items must be specified"],
        REFUSED,
        "the document has no lines",
    ),
    row(
        "contact_missing",
        "A Contact must be specified for this type of transaction",
        &["contact must"],
        REFUSED,
        "the document names no contact",
    ),
    row(
        "email_refused",
        "Email address must be valid.",
        &["email"],
        REFUSED,
        "Xero does not accept the e-mail address",
    ),
    row(
        "website_refused",
        "Website must be valid",
        &["website"],
        REFUSED,
        "Xero does not accept the address of the web site",
    ),
    row(
        "id_unknown",
        "The document with the supplied id was not found for this endpoint.",
        &["supplied id was not found"],
        REFUSED,
        "the document is no longer in Xero",
    ),
    row(
        "idempotency_key",
        "Idempotency Key: KEY is used with a different request.",
        &["idempotency key"],
        REFUSED,
        "the request's key was used for another request, or is too long",
    ),
    row(
        "too_many_records",
        "…more than 100,000 records",
        &["100", "records"],
        REFUSED,
        "a question would find more than Xero gives",
    ),
    row(
        "unreadable_request",
        "PostDataInvalidException",
        &["postdatainvalidexception"],
        REFUSED,
        "Xero could not read the request",
    ),
    row("unreadable_query", "QueryParseException", &["queryparseexception"], REFUSED, "Xero could not read a question"),
    row("nothing_sent", "NoDataProcessedException", &["nodataprocessedexception"], REFUSED, "the request held nothing"),
    row(
        "not_implemented",
        "ApiMethodNotImplementedException",
        &["apimethodnotimplementedexception"],
        REFUSED,
        "Xero does not know the operation",
    ),
];

/// What remains, by HTTP status and the words of body or headers.
const ANSWERS: &[Fault] = &[
    status("nothing_said", &[200], Unknown, "the answer is a success and does not hold what was asked for"),
    row(
        "insufficient_scope",
        "`WWW-Authenticate: … insufficient_scope`",
        &["insuffic"],
        Reconnect,
        "the connection lacks a permission: connect Xero again and grant all of them",
    )
    .with(&[401, 403]),
    row(
        "not_entitled",
        "AuthorizationUnsuccessful",
        &["authorizationunsuccessful"],
        Reconnect,
        "Xero does not allow this app or user to do this",
    )
    .with(&[401, 403]),
    row(
        "token_expired",
        "TokenExpired: token expired at…",
        &["tokenexpired"],
        TokenExpired,
        "the access token has ended",
    )
    .with(&[401]),
    status("http_401", &[401], TokenExpired, "Xero does not accept the access token: it is wrong, or was revoked")
        .saying("AuthenticationUnsuccessful", &[]),
    row("blocked", "an HTML page", &["<html"], REFUSED, "a filter in front of Xero refuses the document's text")
        .with(&[403]),
    status("http_403", &[403], Reconnect, "the connection no longer includes this organisation")
        .saying("Forbidden, AuthenticationUnsuccessful", &[]),
    row(
        "limit_minute",
        "`X-Rate-Limit-Problem: minute`",
        &["problem: minute"],
        Wait(MINUTE),
        "the calls of this minute are used up",
    )
    .with(&[429]),
    row(
        "limit_concurrent",
        "`X-Rate-Limit-Problem: concurrent`",
        &["problem: concurrent"],
        Wait(1),
        "too many calls are under way at once",
    )
    .with(&[429]),
    row(
        "limit_app_minute",
        "`X-Rate-Limit-Problem: appminute`",
        &["problem: app"],
        Wait(MINUTE),
        "the calls of this minute are used up for all organisations of the app",
    )
    .with(&[429]),
    row("limit_day", "`X-Rate-Limit-Problem: day`", &["problem: da"], Wait(HOUR), "the calls of this day are used up")
        .with(&[429]),
    status("http_429", &[429], Wait(MINUTE), "too many calls"),
    row(
        "offline",
        "The Organisation is offline",
        &["organisation is offline"],
        Away(5 * MINUTE),
        "the organisation is offline",
    )
    .with(&[503]),
    row(
        "maintenance",
        "The Xero API is currently offline for maintenance",
        &["maintenance"],
        Away(5 * MINUTE),
        "Xero is being maintained",
    )
    .with(&[503]),
    status("http_503", &[503], Away(MINUTE), "Xero is away for a moment")
        .saying("The Xero API is temporarily unavailable", &[]),
    status("http_404", &[404], REFUSED, "Xero does not have what the request names")
        .saying("The resource you're looking for cannot be found", &[]),
    status("http_412", &[412], REFUSED, "a precondition of the request failed"),
    status("http_413", &[413], REFUSED, "the document is larger than Xero accepts"),
    status("http_501", &[501], REFUSED, "Xero does not know the operation"),
    status("validation", &[400], REFUSED, "Xero refuses the document, and no row of this table says why"),
    status("http_4xx", &[405, 406, 409, 410, 411, 414, 415, 422], REFUSED, "Xero refuses the request"),
    status("http_5xx", &[500, 502, 504], Unknown, "Xero failed, or could not be reached from its own edge"),
];

/// What Xero remarks on a document that it stored all the same.
const WARNINGS: &[Fault] = &[
    row(
        "warning_account",
        "Account code ''476'' has been removed as it does not match a recognised account.",
        &["account code"],
        Noted,
        "Xero took an account out of a line",
    ),
    row("warning_rate", "The currency rate for X is 1:1", &["rate"], Noted, "Xero doubts the exchange rate"),
    row("warning", "(anything else)", &[], Noted, "Xero remarks on the document"),
];

/// Xero's table.
pub const TABLE: Table = Table { ledger: "Xero", faults: FAULTS, answers: ANSWERS };
/// Its warnings.
pub const REMARKS: Table = Table { ledger: "Xero", faults: WARNINGS, answers: &[] };

/// Every message under `list` anywhere in an element, its own first.
fn messages(element: &Value, list: &str, found: &mut Vec<Said>) {
    let text = |error: &Value| {
        error
            .get("Message")
            .or_else(|| error.get("Description"))
            .and_then(Value::as_str)
            .map(|text| Said::new("", text))
    };
    let own = element.get(list).and_then(Value::as_array);
    found.extend(own.into_iter().flatten().filter_map(text));
    match element {
        Value::Object(fields) => {
            fields.iter().filter(|(name, _)| *name != list).for_each(|(_, value)| messages(value, list, found));
        }
        Value::Array(elements) => elements.iter().for_each(|one| messages(one, list, found)),
        _ => {}
    }
}

fn all_messages(element: &Value) -> Vec<Said> {
    let mut found = Vec::new();
    messages(element, "ValidationErrors", &mut found);
    found
}

/// Why an element of an answer with status 200 was not stored; `None` if it was.
pub fn of_element(response: &Response, element: &Value) -> Option<Failure> {
    let status = element.get("StatusAttributeString").and_then(Value::as_str).unwrap_or("OK");
    let has_errors = element.get("HasErrors").or_else(|| element.get("HasValidationErrors")).and_then(Value::as_bool);
    if status != "ERROR" && has_errors != Some(true) {
        return None;
    }
    // An element that was not stored is a bad request, whatever status the whole answer has.
    let refused = Response { status: 400, ..response.clone() };
    Some(TABLE.judge(&refused, &all_messages(element), &Said::new("", ""), true))
}

/// What Xero remarks on an element that it stored: our name for it and our sentence.
pub fn remark(element: &Value) -> Option<(&'static str, &'static str)> {
    let mut found = Vec::new();
    messages(element, "Warnings", &mut found);
    let row = REMARKS.row(200, found.first()?)?;
    Some((row.name, row.message))
}

/// What an answer without the expected elements means. `writes` says that something may have been changed.
pub fn judge(response: &Response, body: Option<&Value>, writes: bool) -> Failure {
    let mut said = body.map(all_messages).unwrap_or_default();
    // Both spellings of a problem's keys occur.
    for key in ["Message", "Detail", "detail", "Type"] {
        let text = body.and_then(|body| body.get(key)).and_then(Value::as_str);
        said.extend(text.map(|text| Said::new("", text)));
    }
    let header = |name: &str| response.header(name).unwrap_or_default().to_owned();
    let start: String = response.body.chars().take(500).collect();
    let whole = format!("{start} {} problem: {}", header("www-authenticate"), header("x-rate-limit-problem").trim());
    TABLE.judge(response, &said, &Said::new("", &whole), writes)
}
