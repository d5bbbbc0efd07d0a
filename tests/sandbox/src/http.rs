//! What goes in and what comes out: requests and replies as plain data.

use serde_json::Value;

/// One HTTP request, as the server received it or as a simulation built it.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    /// The path still percent-encoded, without the query.
    pub path: String,
    /// The raw query string, without the question mark.
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What becomes of a reply on its way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    Delivered,
    /// The request was processed (and what it changed stays changed), but the connection closes without an answer.
    Lost,
    /// The connection closes before anything is processed. On the wire it looks like `Lost`; a simulation can tell them apart.
    Refused,
    /// Delivered after so many milliseconds.
    Delayed(u64),
}

#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub delivery: Delivery,
}

impl Request {
    /// The same with the first half of its list, a QuickBooks batch or one of Xero's; what is no list stays whole.
    pub(crate) fn halved(&self) -> Self {
        const LISTS: [&str; 5] = ["BatchItemRequest", "Invoices", "CreditNotes", "Payments", "Contacts"];
        let Ok(mut body) = serde_json::from_slice::<Value>(&self.body) else { return self.clone() };
        for name in LISTS {
            if let Some(list) = body.get_mut(name).and_then(Value::as_array_mut).filter(|list| list.len() > 1) {
                list.truncate(list.len() / 2);
            }
        }
        Self { body: body.to_string().into_bytes(), ..self.clone() }
    }

    /// `target` is a path with an optional query.
    pub fn new(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self { method: method.into(), path: path.into(), query: query.into(), ..Self::default() }
    }

    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// A JSON body together with the content type.
    pub fn with_json(self, body: &Value) -> Self {
        self.with_header("content-type", "application/json").with_body(body.to_string())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// A query parameter, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// The path's parts, decoded, without empty ones.
    pub fn segments(&self) -> Vec<String> {
        self.path.split('/').filter(|part| !part.is_empty()).map(percent_decode).collect()
    }

    pub fn wants_json(&self) -> bool {
        self.header("accept").is_some_and(|accept| accept.contains("application/json"))
    }

    pub fn has_json_body(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/json"))
    }

    /// A form body (`application/x-www-form-urlencoded`) as pairs.
    pub fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

/// Percent-decoding as in a path: unlike in a form, a plus sign is a plus sign.
fn percent_decode(text: &str) -> String {
    let escaped = text.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(escaped.as_bytes()).map(|(key, _)| key.into_owned()).collect()
}

impl Reply {
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".into(), content_type.into())];
        Self { status, headers, body: body.into(), delivery: Delivery::Delivered }
    }

    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json; charset=utf-8", body.to_string())
    }

    pub fn text(status: u16, body: &str) -> Self {
        Self::new(status, "text/html; charset=utf-8", body)
    }

    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), delivery: Delivery::Delivered }
    }

    /// A reply that is never sent.
    pub fn refused() -> Self {
        Self { delivery: Delivery::Refused, ..Self::empty(0) }
    }

    pub fn with_header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.into(), value.to_string()));
        self
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `Null` when it is none.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_segments_are_decoded() {
        let request = Request::new("GET", "/api.xro/2.0/Invoices/S-1%2F2%20a+b?x=1%202&y=");
        assert_eq!(request.segments(), ["api.xro", "2.0", "Invoices", "S-1/2 a+b"]);
        assert_eq!(request.parameter("x").as_deref(), Some("1 2"));
    }
}
