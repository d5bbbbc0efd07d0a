//! Faults that a test orders in advance: which requests they hit, how often, and what happens to them.

use serde_json::{Value, json};

use crate::http::Request;
use crate::world::Ledger;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Everything happens, the answer never arrives.
    LostReply,
    /// The connection is dropped before anything happens.
    RefusedConnection,
    /// 503 in the ledger's dialect, nothing happens.
    Down,
    /// 500, nothing happens. Xero caches it under the idempotency key.
    Error500,
    /// Everything happens, the answer is 500. Xero caches that 500 under the idempotency key.
    Error500Committed,
    /// The first half of a batch happens, the answer is 500. Xero caches that 500 under the idempotency key.
    HalfDone,
    /// An HTML page from a gateway; nothing happens.
    Error502Html,
    /// 429 with this `Retry-After`; nothing happens.
    RateLimited { retry_after: u32 },
    /// 429 that does not say when it ends; nothing happens.
    Throttled,
    /// Everything happens, the answer arrives so many milliseconds later.
    Slow { milliseconds: u64 },
    /// The access token used has expired: 401.
    TokenExpired,
    /// The grant is gone for good: 403 here, `invalid_grant` at the token endpoint from now on.
    Reconnect,
    /// The app may not use this company any more, though its tokens go on: 403.
    Forbidden,
    /// HTTP 200 with a `SystemFault` in it (QuickBooks); nothing happens.
    FaultIn200,
    /// HTTP 200 that says nothing and did nothing.
    SilentNoop,
    /// HTTP 200 with half a JSON body; everything happens.
    Garbage,
    /// A filter refuses the whole request because of its text; nothing happens.
    Blocked,
    /// Everything happens; the answer to a batch leaves its first element out.
    LeftOut,
    /// Just before, somebody opens the documents that the request would change and saves them as they were: QuickBooks
    /// refuses the change as stale (5010). Xero takes it.
    Touched,
    /// Everything happens; Xero remarks on each element of the answer without refusing it.
    Warned,
}

/// One ordered fault.
#[derive(Clone, Debug)]
pub struct Fault {
    /// `None` is any ledger, and Shopify (told apart by the path, `/admin/`).
    pub ledger: Option<Ledger>,
    pub method: Option<String>,
    pub path_contains: Option<String>,
    pub body_contains: Option<String>,
    pub kind: Kind,
    /// Matching requests let through first.
    pub skip: u32,
    /// Requests hit after that.
    pub times: u32,
}

impl Fault {
    /// Hits the next request to any ledger, once.
    pub fn next(kind: Kind) -> Self {
        Self { ledger: None, method: None, path_contains: None, body_contains: None, kind, skip: 0, times: 1 }
    }

    pub fn on(mut self, method: &str, path_contains: &str) -> Self {
        self.method = Some(method.into());
        self.path_contains = Some(path_contains.into());
        self
    }

    pub fn at(mut self, ledger: Ledger) -> Self {
        self.ledger = Some(ledger);
        self
    }

    pub fn after(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    pub fn repeated(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    fn matches(&self, ledger: Option<Ledger>, request: &Request) -> bool {
        let body = || String::from_utf8_lossy(&request.body);
        self.ledger.is_none_or(|wanted| Some(wanted) == ledger)
            && self.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(&request.method))
            && self.path_contains.as_ref().is_none_or(|part| {
                request.path.to_lowercase().contains(&part.to_lowercase())
                    || request.query.to_lowercase().contains(&part.to_lowercase())
            })
            && self.body_contains.as_ref().is_none_or(|part| body().contains(part.as_str()))
    }

    /// One element of the control API's list.
    pub fn from_json(value: &Value) -> Result<Self, String> {
        const KEYS: [&str; 10] = [
            "ledger",
            "method",
            "path_contains",
            "body_contains",
            "kind",
            "skip",
            "times",
            "retry_after",
            "ms",
            "milliseconds",
        ];
        let object = value.as_object().ok_or("a fault is an object")?;
        if let Some(unknown) = object.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(format!("unknown key `{unknown}`; known: {}", KEYS.join(", ")));
        }
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let count = |key: &str, default: u64| value.get(key).and_then(Value::as_u64).unwrap_or(default);
        let ledger = match text("ledger").as_deref() {
            None | Some("any") => None,
            Some("quickbooks") => Some(Ledger::QuickBooks),
            Some("xero") => Some(Ledger::Xero),
            Some(other) => return Err(format!("ledger `{other}`; allowed: quickbooks, xero, any")),
        };
        let kind = match text("kind").as_deref() {
            Some("lost_reply") => Kind::LostReply,
            Some("refused_connection") => Kind::RefusedConnection,
            Some("down") => Kind::Down,
            Some("error_500") => Kind::Error500,
            Some("error_500_committed") => Kind::Error500Committed,
            Some("half_done") => Kind::HalfDone,
            Some("error_502_html") => Kind::Error502Html,
            Some("rate_limited") => Kind::RateLimited { retry_after: count("retry_after", 60) as u32 },
            Some("throttled") => Kind::Throttled,
            Some("slow") => Kind::Slow { milliseconds: count("ms", count("milliseconds", 1000)) },
            Some("token_expired") => Kind::TokenExpired,
            Some("reconnect") => Kind::Reconnect,
            Some("forbidden") => Kind::Forbidden,
            Some("fault_in_200") => Kind::FaultIn200,
            Some("silent_noop") => Kind::SilentNoop,
            Some("garbage") => Kind::Garbage,
            Some("blocked") => Kind::Blocked,
            Some("left_out") => Kind::LeftOut,
            Some("touched") => Kind::Touched,
            Some("warned") => Kind::Warned,
            other => return Err(format!("kind `{}` is not known", other.unwrap_or("(none)"))),
        };
        Ok(Self {
            ledger,
            method: text("method"),
            path_contains: text("path_contains"),
            body_contains: text("body_contains"),
            kind,
            skip: count("skip", 0) as u32,
            times: count("times", 1) as u32,
        })
    }
}

/// The faults that are still to happen, in the order in which they were given.
#[derive(Clone, Debug, Default)]
pub struct FaultBook {
    pending: Vec<Fault>,
    /// How many requests were hit, by kind.
    pub hits: std::collections::BTreeMap<String, u64>,
}

impl FaultBook {
    pub fn add(&mut self, fault: Fault) {
        self.pending.push(fault);
    }

    pub fn clear(&mut self) {
        self.pending.clear();
    }

    /// The fault that hits this request, if any: the first that matches and has not been used up. Every matching fault before it
    /// that is still skipping counts this request.
    pub fn strike(&mut self, ledger: Option<Ledger>, request: &Request) -> Option<Kind> {
        let mut struck = None;
        for fault in &mut self.pending {
            if !fault.matches(ledger, request) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
            } else if fault.times > 0 {
                fault.times -= 1;
                struck = Some(fault.kind);
                break;
            }
        }
        self.pending.retain(|fault| fault.times > 0);
        if let Some(kind) = struck {
            *self.hits.entry(format!("{kind:?}")).or_default() += 1;
        }
        struck
    }

    pub fn to_json(&self) -> Value {
        json!({ "pending": self.pending.len(), "hits": self.hits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_skips_then_strikes_then_is_gone() {
        let mut book = FaultBook::default();
        book.add(Fault::next(Kind::LostReply).on("POST", "/invoice").after(1));
        let request = Request::new("POST", "/v3/company/1/invoice");
        let other = Request::new("GET", "/v3/company/1/invoice/1");
        assert_eq!(book.strike(Some(Ledger::QuickBooks), &other), None);
        assert_eq!(book.strike(Some(Ledger::QuickBooks), &request), None);
        assert_eq!(book.strike(Some(Ledger::QuickBooks), &request), Some(Kind::LostReply));
        assert_eq!(book.strike(Some(Ledger::QuickBooks), &request), None);
    }

    #[test]
    fn a_fault_with_an_unknown_key_is_refused() {
        assert!(Fault::from_json(&json!({ "kind": "down", "path": "/x" })).is_err());
        assert!(Fault::from_json(&json!({ "kind": "sleepy" })).is_err());
    }
}
