//! QuickBooks' two fault dialects: business faults with capital keys, the gateway's with lower-case ones.

use serde_json::{Value, json};

use crate::http::Reply;

/// A business fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub code: &'static str,
    pub message: String,
    pub detail: String,
    pub element: String,
    pub kind: &'static str,
}

pub type Checked<T> = Result<T, Fault>;

fn validation(code: &'static str, message: &str, detail: impl Into<String>, element: &str) -> Fault {
    Fault { code, message: message.into(), detail: detail.into(), element: element.into(), kind: "ValidationFault" }
}

/// 6000, the catch-all: only the detail says what is wrong.
pub fn business(detail: &str) -> Fault {
    let message = "A business validation error has occurred while processing your request";
    validation("6000", message, format!("Business Validation Error: {detail}"), "")
}

/// 6000 with the text for a transaction whose lines lack a tax code outside the US.
pub fn missing_tax(country: &str) -> Fault {
    let tax = if country == "GB" { "VAT" } else { "GST/HST" };
    let message = "A business validation error has occurred while processing your request";
    let detail =
        format!("Business Validation Error 2: Make sure all your transactions have a {tax} rate before you save.");
    validation("6000", message, detail, "")
}

/// 6000 with the text that a deposit account of a wrong type gives; it misleads, and so it does here.
pub fn deposit_account_type() -> Fault {
    business(
        "The payments you entered add up to more than the total of this transaction. \
         The account must be of type Bank or Other Current Asset.",
    )
}

pub fn transaction_currency() -> Fault {
    business("The currency of the transaction is invalid for customer/vendor/account.")
}

pub fn account_currency(name: &str) -> Fault {
    business(&format!(
        "You cannot use {name} account. The currency of the account must either match the transaction currency or be \
         your home currency."
    ))
}

pub fn malformed(detail: &str) -> Fault {
    validation("500", "Unsupported Operation", format!("Operation {detail} is not supported"), "")
}

pub fn unsupported_operation(operation: &str) -> Fault {
    let detail = format!("Operation {operation} is not supported.");
    validation("500", "Unsupported Operation", detail, "Operation")
}

pub fn not_found() -> Fault {
    let detail = "Object Not Found : Something you're trying to use has been made inactive. Check the fields with \
                  accounts, customers, items, vendors or employees.";
    validation("610", "Object Not Found", detail, "")
}

pub fn batch_size(count: usize) -> Fault {
    let detail = format!("The batch size limit is 30. Supplied: {count}");
    validation("1040", "Batch size exceeds the limit", detail, "BatchItemRequest")
}

pub fn content_type() -> Fault {
    validation("1050", "Invalid content type", "The content type must be application/json", "")
}

pub fn unsupported_property(name: &str) -> Fault {
    let detail = format!("Property Name:{name} specified is unsupported or invalid");
    validation("2010", "Request has invalid or unsupported property", detail, name)
}

pub fn required(name: &str) -> Fault {
    let detail = format!("Required parameter {name} is missing in the request");
    validation("2020", "Required param missing, need to supply the required value for the API", detail, name)
}

pub fn illegal_characters(name: &str, value: &str) -> Fault {
    let message = "Invalid String. The String may contain unsupported or illegal chars";
    validation("2040", message, format!("Element contains invalid characters. {value}"), name)
}

pub fn length(name: &str, max: usize, supplied: usize) -> Fault {
    let message = "String length is either shorter or longer than supported by specification";
    let detail = format!(
        "String length specified does not match the supported length. Min:0 Max:{max} supported. Supplied \
         length:{supplied}"
    );
    validation("2050", message, detail, name)
}

pub fn enumeration(name: &str, value: &str) -> Fault {
    let detail = format!("Enumeration value {value} is not valid for {name}");
    validation("2170", "Invalid Enumeration", detail, name)
}

pub fn email(name: &str) -> Fault {
    validation("2210", "Invalid Email Address format", "Email Address does not conform to the RFC 822 format.", name)
}

/// `family` is what QuickBooks calls the list: Accounts, Names, Items, TaxCodes.
pub fn invalid_reference(family: &str, id: &str) -> Fault {
    let detail = format!("Invalid Reference Id : {family} element id {id} not found");
    validation("2500", "Invalid Reference Id", detail, "")
}

pub fn query(detail: impl Into<String>) -> Fault {
    let detail = format!("QueryValidationError: {}", detail.into());
    validation("4001", "Invalid query", detail, "")
}

pub fn stale() -> Fault {
    let detail = "Stale Object Error : You and root were working on this at the same time. root finished before you \
                  did, so your work was not saved.";
    validation("5010", "Stale Object Error", detail, "")
}

pub fn line_amount(supplied: &str) -> Fault {
    let detail = format!("Amount is not equal to UnitPrice * Qty. Supplied value: {supplied}");
    validation("6070", "Amount calculation incorrect in the request", detail, "Line.Amount")
}

pub fn no_name() -> Fault {
    let detail = "At least one of Title, GivenName, MiddleName, FamilyName, Suffix or DisplayName must be given.";
    validation("6080", "Name is missing", detail, "DisplayName")
}

pub fn discount_missing() -> Fault {
    let detail = "A discount line needs an Amount or a DiscountPercent.";
    validation("6090", "Discount information is missing", detail, "DiscountLineDetail")
}

pub fn us_tax_code(supplied: &str) -> Fault {
    let detail = format!("Valid Line TaxCodes for US should be TAX or NON. Supplied value: {supplied}");
    validation("6100", "Invalid Line TaxCode", detail, "TaxCodeRef")
}

/// 6140; the transaction that holds the number is named at the end.
pub fn duplicate_number(number: &str, kind: &str, id: u64) -> Fault {
    let detail = format!(
        "Duplicate Document Number Error : You must specify a different number. This number has already been used. \
         DocNumber={number} is assigned to TxnType={kind} with TxnId={id}"
    );
    validation("6140", "Duplicate Document Number Error", detail, "")
}

pub fn subscription_ended() -> Fault {
    let detail = "Subscription period has ended or canceled or there was a billing problem : You can't add data to \
                  QuickBooks Online Plus because your trial or subscription period ended, you canceled your \
                  subscription, or there was a billing problem.";
    validation("6190", "Invalid Company Status", detail, "")
}

pub fn closed_period(date: &str) -> Fault {
    let detail = format!("The account period has closed and the account books cannot be updated through {date}.");
    validation("6210", "Account Period Closed, Cannot Update Through Services API", detail, "TxnDate")
}

pub fn duplicate_name() -> Fault {
    let detail = "The name supplied already exists. : Another customer, vendor or employee is already using this \n\
                  name. Please use a different name.";
    validation("6240", "Duplicate Name Exists Error", detail, "")
}

pub fn system_failure() -> Fault {
    Fault {
        code: "10000",
        message: "An application error has occurred while processing your request".into(),
        detail: "System Failure Error: java.lang.UnsupportedOperationException".into(),
        element: "SystemFailureError".into(),
        kind: "SystemFault",
    }
}

impl Fault {
    /// The `Fault` object, as it also stands in a batch item.
    pub fn to_json(&self) -> Value {
        let error = json!({
            "Message": self.message, "Detail": self.detail, "code": self.code, "element": self.element,
        });
        json!({ "Error": [error], "type": self.kind })
    }

    pub fn reply(&self, time: &str) -> Reply {
        self.reply_with(400, time)
    }

    pub fn reply_with(&self, status: u16, time: &str) -> Reply {
        Reply::json(status, &json!({ "Fault": self.to_json(), "time": time }))
    }
}

fn gateway(status: u16, name: &str, code: &str, kind: &str, detail: Value) -> Reply {
    let message = format!("message={name}; errorCode=00{code}; statusCode={status}");
    let error = json!({ "message": message, "detail": detail, "code": code, "element": null });
    let body = json!({
        "warnings": null, "intuitObject": null, "fault": { "error": [error], "type": kind },
        "report": null, "queryResponse": null, "batchItemResponse": [],
    });
    Reply::json(status, &body)
}

/// 401, code 3200.
pub fn authentication(detail: &str) -> Reply {
    gateway(401, "AuthenticationFailed", "3200", "AUTHENTICATION", json!(detail))
}

/// 403, code 3100: the token is not for this company.
pub fn authorization() -> Reply {
    gateway(403, "ApplicationAuthorizationFailed", "3100", "SERVICE", Value::Null)
}

/// 429, code 3001. Without `Retry-After`, as no captured answer shows one, unless a test asks for it.
pub fn throttled(retry_after: Option<u32>) -> Reply {
    let reply =
        gateway(429, "ThrottleExceeded", "3001", "SERVICE", json!("The request limit was reached. Try again later"));
    match retry_after {
        Some(seconds) => reply.with_header("retry-after", seconds),
        None => reply,
    }
}

/// 503 of the gateway.
pub fn unavailable() -> Reply {
    gateway(503, "ServiceUnavailable", "3002", "SERVICE", json!("The service is temporarily unavailable"))
}
