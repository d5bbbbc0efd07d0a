//! Xero's error dialects: plain text, problem objects in two spellings, `ApiException`, and headers alone.

use serde_json::{Value, json};

use crate::http::Reply;
use crate::oauth::Denied;

const INSTANCE: &str = "51e9d1af-397c-469f-a703-82a3003aef75";

fn unauthorized(detail: &str) -> Reply {
    let body = json!({
        "Type": null, "Title": "Unauthorized", "Status": 401, "Detail": detail, "Instance": INSTANCE, "Extensions": {},
    });
    Reply::json(401, &body)
}

/// 401 for a token that opens nothing; the detail tells an expired one from an unknown or revoked one.
pub fn denied(denied: &Denied) -> Reply {
    match denied {
        Denied::Expired(at) => {
            unauthorized(&format!("TokenExpired: token expired at {}", at.format("%m/%d/%Y %H:%M:%S")))
        }
        Denied::Unknown => unauthorized("AuthenticationUnsuccessful"),
        Denied::Revoked => forbidden(),
    }
}

/// 403: the tenant is not among this token's connections, or no tenant was named.
pub fn forbidden() -> Reply {
    let body =
        json!({ "title": "Forbidden", "status": 403, "detail": "AuthenticationUnsuccessful", "instance": INSTANCE });
    Reply::json(403, &body)
}

/// 404 in plain text.
pub fn not_found() -> Reply {
    Reply::text(404, "The resource you're looking for cannot be found")
}

/// 503 in plain text.
pub fn unavailable() -> Reply {
    Reply::text(503, "The Xero API is temporarily unavailable")
}

pub fn offline() -> Reply {
    Reply::text(503, "The Organisation is offline")
}

/// 429. `Retry-After` comes with minute and day problems only; the body is not documented and stays empty.
pub fn throttled(problem: &str, retry_after: Option<i64>) -> Reply {
    let reply = Reply::empty(429).with_header("x-rate-limit-problem", problem);
    match retry_after {
        Some(seconds) => reply.with_header("retry-after", seconds),
        None => reply,
    }
}

fn exception(status: u16, number: u32, kind: &str, message: &str) -> Reply {
    Reply::json(status, &json!({ "ErrorNumber": number, "Type": kind, "Message": message }))
}

/// 400 for the whole call, with the elements and what is wrong with each.
pub fn validation(elements: Vec<Value>) -> Reply {
    let body = json!({
        "ErrorNumber": 10, "Type": "ValidationException", "Message": "A validation exception occurred", "Elements": elements,
    });
    Reply::json(400, &body)
}

pub fn malformed(why: &str) -> Reply {
    exception(400, 14, "PostDataInvalidException", why)
}

pub fn query_parse(why: &str) -> Reply {
    exception(400, 16, "QueryParseException", why)
}

pub fn no_data() -> Reply {
    exception(
        400,
        17,
        "NoDataProcessedException",
        "No data has been processed for this endpoint. This endpoint is expecting data.",
    )
}

pub fn not_implemented() -> Reply {
    exception(501, 20, "ApiMethodNotImplementedException", "The Api Method called is not implemented")
}

pub fn internal() -> Reply {
    exception(
        500,
        500,
        "InternalServerError",
        "An error occurred in Xero. Check the API Status page for current service status.",
    )
}

pub fn key_reused(key: &str) -> Reply {
    let message = format!("Idempotency Key: {key} is used with a different request.");
    Reply::json(400, &json!({ "Type": null, "Title": "BadRequest", "Status": 400, "Detail": message }))
}

pub fn key_too_long(key: &str) -> Reply {
    let message = format!("Idempotency Key: {key} is too long, its length is {}. At most 128 are allowed.", key.len());
    Reply::json(400, &json!({ "Type": null, "Title": "BadRequest", "Status": 400, "Detail": message }))
}
