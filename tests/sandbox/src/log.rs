//! What was asked and answered, for people and tests that look back.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::faults::Kind;
use crate::http::{Delivery, Request};
use crate::world::Ledger;

/// One request in the log.
#[derive(Clone, Debug)]
pub struct Entry {
    pub number: u64,
    pub at: DateTime<Utc>,
    pub ledger: Ledger,
    pub request: Request,
    pub status: u16,
    pub delivery: Delivery,
    pub fault: Option<Kind>,
    pub answer: Vec<u8>,
}

impl Entry {
    pub fn to_json(&self) -> Value {
        let is_token_call = self.request.path.contains("oauth2") || self.request.path.starts_with("/connect/");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let body = |bytes: &[u8]| {
            if is_token_call {
                return json!("[redacted]");
            }
            serde_json::from_slice::<Value>(bytes).unwrap_or_else(|_| json!(text(bytes)))
        };
        let headers: serde_json::Map<String, Value> = self
            .request
            .headers
            .iter()
            .map(|(name, value)| {
                let is_secret = name.eq_ignore_ascii_case("authorization");
                (name.to_lowercase(), if is_secret { json!("[redacted]") } else { json!(value) })
            })
            .collect();
        json!({
            "number": self.number, "at": self.at.to_rfc3339_opts(SecondsFormat::Millis, true), "ledger": self.ledger.name(),
            "method": self.request.method, "path": self.request.path, "query": self.request.query, "headers": headers,
            "body": body(&self.request.body), "status": self.status, "delivery": format!("{:?}", self.delivery),
            "fault": self.fault.map(|fault| format!("{fault:?}")), "answer": body(&self.answer),
        })
    }
}
