//! The rules that the sandbox enforces, seen from outside.

mod faults;
mod http;
mod oauth;
mod quickbooks;
mod quickbooks_documents;
mod robust;
mod shopify;
mod xero;
mod xero_documents;

use chrono::{DateTime, Duration, Utc};
use sandbox::{Reply, Request, World, presets};
use serde_json::Value;

/// A world with a hand-set clock and a token for each company used.
struct Bench {
    pub world: World,
    pub now: DateTime<Utc>,
}

impl Bench {
    pub fn new() -> Self {
        Self { world: World::new(), now: DateTime::from_timestamp(1_790_000_000, 0).unwrap() }
    }

    pub fn advance(&mut self, seconds: i64) {
        self.now += Duration::seconds(seconds);
    }

    pub fn send(&mut self, request: Request) -> Reply {
        self.world.handle(self.now, &request)
    }

    fn authorised(&mut self, company: &str, request: Request) -> Request {
        let token = self.world.access_token(self.now, company);
        let request = request.with_header("authorization", &format!("Bearer {token}"));
        let request = request.with_header("accept", "application/json");
        if company.contains('-') { request.with_header("xero-tenant-id", company) } else { request }
    }

    /// A request to QuickBooks; 200 ms pass, so that the limit per second does not bite.
    pub fn quickbooks(&mut self, realm: &str, method: &str, target: &str, body: Option<Value>) -> (u16, Value) {
        self.now += Duration::milliseconds(200);
        let request = Request::new(method, &format!("/v3/company/{realm}/{target}"));
        let request = body.iter().fold(request, |request, body| request.with_json(body));
        let request = self.authorised(realm, request);
        let reply = self.send(request);
        (reply.status, reply.value())
    }

    pub fn us(&mut self, target: &str, body: Value) -> (u16, Value) {
        self.quickbooks(presets::QUICKBOOKS_US, "POST", target, Some(body))
    }

    pub fn uk(&mut self, target: &str, body: Value) -> (u16, Value) {
        self.quickbooks(presets::QUICKBOOKS_UK, "POST", target, Some(body))
    }

    /// A request to Xero; two seconds pass, so that the limit per minute does not bite.
    pub fn xero_with(&mut self, method: &str, target: &str, body: Option<Value>, headers: &[(&str, &str)]) -> Reply {
        self.advance(2);
        let request = Request::new(method, &format!("/api.xro/2.0/{target}"));
        let request = body.iter().fold(request, |request, body| request.with_json(body));
        let request = headers.iter().fold(request, |request, (name, value)| request.with_header(name, value));
        let request = self.authorised(presets::XERO_UK, request);
        self.send(request)
    }

    pub fn xero(&mut self, method: &str, target: &str, body: Option<Value>) -> (u16, Value) {
        let reply = self.xero_with(method, target, body, &[]);
        (reply.status, reply.value())
    }
}

/// The code of a QuickBooks fault.
fn code(body: &Value) -> &str {
    body["Fault"]["Error"][0]["code"].as_str().unwrap_or("none")
}

/// The first message of Xero's first refused element.
fn message(body: &Value) -> &str {
    body["Elements"][0]["ValidationErrors"][0]["Message"].as_str().unwrap_or("none")
}
