//! The whole sandbox as one state machine.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use crate::faults::{Fault, FaultBook, Kind};
use crate::http::{Delivery, Reply, Request};
use crate::log::Entry;
use crate::oauth::{Denied, Grants};
use crate::view::DocumentView;
use crate::{control, presets, quickbooks, shopify, xero};

/// Requests kept for `GET /_sandbox/requests`.
const LOG_LENGTH: usize = 4000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ledger {
    QuickBooks,
    Xero,
}

impl Ledger {
    pub fn name(self) -> &'static str {
        match self {
            Self::QuickBooks => "quickbooks",
            Self::Xero => "xero",
        }
    }

    /// Whose path this is.
    fn of(path: &str) -> Option<Self> {
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| path.starts_with(prefix));
        if starts(&["/v3/company/", "/oauth2/v1/", "/v2/oauth2/", "/connect/oauth2"]) {
            return Some(Self::QuickBooks);
        }
        starts(&["/api.xro/2.0/", "/connections", "/connect/", "/identity/connect/", "/.well-known/"])
            .then_some(Self::Xero)
    }
}

/// Both ledgers, their companies, grants and faults.
#[derive(Clone, Debug)]
pub struct World {
    pub quickbooks: BTreeMap<String, quickbooks::Company>,
    pub xero: BTreeMap<String, xero::Company>,
    /// Xero's idempotency keys belong to the app, not to a tenant.
    pub xero_keys: xero::Keys,
    pub grants: Grants,
    /// The shop, as its Admin API shows it.
    pub shopify: shopify::Shop,
    pub faults: FaultBook,
    /// How far the control API has moved the clock ahead of the caller's.
    pub offset: Duration,
    log: VecDeque<Entry>,
    requests: u64,
    calls: BTreeMap<String, u64>,
}

impl Default for World {
    fn default() -> Self {
        let quickbooks = [quickbooks::united_states(), quickbooks::united_kingdom()];
        let xero = presets::XERO_TENANTS.map(xero::Company::preset);
        Self {
            quickbooks: quickbooks.into_iter().map(|company| (company.realm.clone(), company)).collect(),
            xero: xero.into_iter().map(|company| (company.tenant.clone(), company)).collect(),
            xero_keys: xero::Keys::default(),
            grants: Grants::default(),
            shopify: shopify::Shop::default(),
            faults: FaultBook::default(),
            offset: Duration::zero(),
            log: VecDeque::new(),
            requests: 0,
            calls: BTreeMap::new(),
        }
    }
}

impl World {
    /// A world with the preset companies.
    pub fn new() -> Self {
        Self::default()
    }

    /// Orders a fault.
    pub fn fail(&mut self, fault: Fault) {
        self.faults.add(fault);
    }

    /// A valid access token for a company, for tests that are not about tokens.
    pub fn access_token(&mut self, now: DateTime<Utc>, company: &str) -> String {
        self.grants.mint(now + self.offset, company).unwrap_or_default()
    }

    /// Every document of a company (realm or tenant id).
    pub fn documents(&self, company: &str) -> Vec<DocumentView> {
        let quickbooks = self.quickbooks.get(company).map(quickbooks::Company::documents);
        quickbooks.or_else(|| self.xero.get(company).map(xero::Company::documents)).unwrap_or_default()
    }

    /// The same, a sorted line each: kind, number or reference, currency, total, status.
    pub fn document_lines(&self, company: &str) -> Vec<String> {
        let line = |one: &DocumentView| {
            let number = if one.number.is_empty() { &one.reference } else { &one.number };
            format!("{} {number} {} {} {}", one.kind, one.currency, one.total.normalize(), one.status)
        };
        let mut lines: Vec<String> = self.documents(company).iter().map(line).collect();
        lines.sort();
        lines
    }

    /// Answers one request at the given time. The world's own clock is that time plus [`World::offset`].
    pub fn handle(&mut self, now: DateTime<Utc>, request: &Request) -> Reply {
        let now = now + self.offset;
        if request.path.starts_with("/_sandbox") {
            return control::handle(self, now, request);
        }
        if request.path.starts_with("/admin/") {
            return self.shopify_call(now, request);
        }
        let Some(ledger) = Ledger::of(&request.path) else { return Reply::text(404, "Nothing here.") };
        let fault = self.faults.strike(Some(ledger), request);
        let mut reply = self.process(now, ledger, request, fault);
        self.delay(now, ledger, request, &mut reply);
        self.record(now, ledger, request, fault, &reply);
        reply
    }

    fn process(&mut self, now: DateTime<Utc>, ledger: Ledger, request: &Request, fault: Option<Kind>) -> Reply {
        let is_quickbooks = ledger == Ledger::QuickBooks;
        match fault {
            None => self.dispatch(now, ledger, request, None),
            Some(Kind::LostReply) => {
                let reply = self.dispatch(now, ledger, request, None);
                Reply { delivery: Delivery::Lost, ..reply }
            }
            Some(Kind::Slow { milliseconds }) => {
                let reply = self.dispatch(now, ledger, request, None);
                Reply { delivery: Delivery::Delayed(milliseconds), ..reply }
            }
            Some(Kind::Garbage) => {
                let mut reply = self.dispatch(now, ledger, request, None);
                reply.body.truncate(reply.body.len() / 2);
                Reply { status: 200, ..reply }
            }
            Some(Kind::LeftOut) => {
                let mut reply = self.dispatch(now, ledger, request, None);
                // No list was ever seen to leave out what stands.
                if request.method != "GET" {
                    leave_first_out(&mut reply.body);
                }
                reply
            }
            Some(Kind::Touched) => {
                let company = request.segments().get(2).and_then(|realm| self.quickbooks.get_mut(realm));
                if let (Some(company), Ok(body)) = (company, serde_json::from_slice(&request.body)) {
                    company.touch_named(now, &body);
                }
                self.dispatch(now, ledger, request, None)
            }
            Some(Kind::Warned) => {
                let mut reply = self.dispatch(now, ledger, request, None);
                if !is_quickbooks && reply.status == 200 && request.method != "GET" {
                    xero::remark_on_all(&mut reply.body);
                }
                reply
            }
            Some(Kind::Blocked) if is_quickbooks => {
                quickbooks::faults::malformed("MalformedByteSequenceException").reply(&now.to_rfc3339())
            }
            Some(Kind::Blocked) => Reply::text(403, "<html><head><title>403 Forbidden</title></head></html>"),
            Some(Kind::RefusedConnection) => Reply::refused(),
            Some(Kind::Error502Html) => Reply::text(502, "<html><head><title>502 Bad Gateway</title></head></html>"),
            Some(Kind::Down) if is_quickbooks => quickbooks::faults::unavailable(),
            Some(Kind::Down) => xero::faults::unavailable(),
            Some(Kind::RateLimited { retry_after }) if is_quickbooks => {
                quickbooks::faults::throttled(Some(retry_after))
            }
            Some(Kind::RateLimited { retry_after }) => xero::faults::throttled("minute", Some(i64::from(retry_after))),
            Some(Kind::Throttled) if is_quickbooks => quickbooks::faults::throttled(None),
            Some(Kind::Throttled) => xero::faults::throttled("appminute", None),
            Some(Kind::TokenExpired) => {
                self.grants.expire(now, request);
                self.dispatch(now, ledger, request, None)
            }
            Some(Kind::Reconnect) => {
                self.grants.kill(request);
                if is_quickbooks && request.path.starts_with("/v3/") {
                    quickbooks::faults::authorization()
                } else {
                    self.dispatch(now, ledger, request, None)
                }
            }
            Some(Kind::Forbidden) if is_quickbooks => quickbooks::faults::authorization(),
            Some(Kind::Forbidden) => xero::faults::forbidden(),
            Some(Kind::FaultIn200) => quickbooks::faults::system_failure().reply_with(200, "2026-01-01T00:00:00+00:00"),
            Some(Kind::SilentNoop) if is_quickbooks => {
                Reply::json(200, &json!({ "BatchItemResponse": [], "time": "" }))
            }
            Some(Kind::SilentNoop) => Reply::json(200, &json!({ "Status": "OK" })),
            Some(kind @ (Kind::Error500 | Kind::Error500Committed | Kind::HalfDone)) => {
                self.fail_inside(now, ledger, request, kind)
            }
        }
    }

    /// A 500. Xero's idempotency cache must see it, so it happens inside; QuickBooks keeps no faults.
    fn fail_inside(&mut self, now: DateTime<Utc>, ledger: Ledger, request: &Request, kind: Kind) -> Reply {
        if ledger == Ledger::Xero {
            return self.dispatch(now, ledger, request, Some(kind));
        }
        match kind {
            Kind::Error500Committed => drop(self.dispatch(now, ledger, request, None)),
            Kind::HalfDone => drop(self.dispatch(now, ledger, &request.halved(), None)),
            _ => {}
        }
        quickbooks::faults::system_failure().reply_with(500, "2026-01-01T00:00:00+00:00")
    }

    fn dispatch(&mut self, now: DateTime<Utc>, ledger: Ledger, request: &Request, injected: Option<Kind>) -> Reply {
        let path = request.path.as_str();
        match (request.method.as_str(), path) {
            ("POST", "/oauth2/v1/tokens/bearer" | "/connect/token") => self.grants.token(now, ledger, request),
            ("POST", "/v2/oauth2/tokens/revoke" | "/connect/revocation") => self.grants.revoke(request),
            ("GET", "/connect/oauth2" | "/identity/connect/authorize") => self.grants.authorize(now, ledger, request),
            ("GET", "/.well-known/openid-configuration") => crate::oauth::discovery(),
            ("GET" | "DELETE", _) if path.starts_with("/connections") => self.grants.connections(now, request),
            _ if path.starts_with("/v3/company/") => self.quickbooks_call(now, request),
            _ if path.starts_with("/api.xro/2.0/") => self.xero_call(now, request, injected),
            _ => Reply::text(404, "Nothing here."),
        }
    }

    /// Shopify's Admin API: a fault that is not a matter of transport is the service being away.
    fn shopify_call(&mut self, now: DateTime<Utc>, request: &Request) -> Reply {
        let fault = self.faults.strike(None, request);
        let mut reply = match fault {
            None => self.shopify.handle(now, request),
            Some(Kind::LostReply) => Reply { delivery: Delivery::Lost, ..self.shopify.handle(now, request) },
            Some(Kind::Slow { milliseconds }) => {
                Reply { delivery: Delivery::Delayed(milliseconds), ..self.shopify.handle(now, request) }
            }
            Some(Kind::RefusedConnection) => Reply::refused(),
            Some(Kind::RateLimited { retry_after }) => {
                Reply::empty(429).with_header("retry-after", format!("{retry_after}.0"))
            }
            Some(Kind::TokenExpired | Kind::Reconnect) => {
                self.shopify.expire_tokens();
                self.shopify.handle(now, request)
            }
            Some(Kind::Garbage) => Reply::text(200, "{\"data\":"),
            Some(_) => Reply::text(503, "<html><head><title>503 Service Unavailable</title></head></html>"),
        };
        let key = format!("shopify {} {} {}", request.method, path_kind(request), reply.status);
        *self.calls.entry(key).or_default() += 1;
        self.requests += 1;
        if reply.delivery == Delivery::Delivered {
            reply = reply.with_header("x-request-id", crate::ids::guid_from(self.requests));
        }
        reply
    }

    fn quickbooks_call(&mut self, now: DateTime<Utc>, request: &Request) -> Reply {
        let segments = request.segments();
        let realm = segments.get(2).cloned().unwrap_or_default();
        match self.grants.open(now, Ledger::QuickBooks, request) {
            Err(Denied::Expired(_)) => return quickbooks::faults::authentication("Token expired"),
            Err(Denied::Unknown) => return quickbooks::faults::authentication("Token is malformed or unknown"),
            Err(Denied::Revoked) => return quickbooks::faults::authorization(),
            Ok(opened) if !opened.companies.contains(&realm) => return quickbooks::faults::authorization(),
            Ok(_) => {}
        }
        match self.quickbooks.get_mut(&realm) {
            Some(company) => company.handle(now, request, segments.get(3..).unwrap_or(&[])),
            None => quickbooks::faults::authorization(),
        }
    }

    fn xero_call(&mut self, now: DateTime<Utc>, request: &Request, injected: Option<Kind>) -> Reply {
        let opened = match self.grants.open(now, Ledger::Xero, request) {
            Ok(opened) => opened,
            Err(denied) => return xero::faults::denied(&denied),
        };
        // Xero's own client sends an empty header for a custom connection.
        let tenant = match request.header("xero-tenant-id").filter(|tenant| !tenant.is_empty()) {
            Some(tenant) => tenant.to_owned(),
            None if opened.custom => opened.companies[0].clone(),
            None => return xero::faults::forbidden(),
        };
        if !opened.companies.contains(&tenant) {
            return xero::faults::forbidden();
        }
        let segments = request.segments();
        match self.xero.get_mut(&tenant) {
            Some(company) => {
                company.handle(now, request, segments.get(2..).unwrap_or(&[]), &mut self.xero_keys, injected)
            }
            None => xero::faults::forbidden(),
        }
    }

    /// A company's own latency, and the slot that a delayed answer keeps.
    fn delay(&mut self, now: DateTime<Utc>, ledger: Ledger, request: &Request, reply: &mut Reply) {
        let segments = request.segments();
        let company = match ledger {
            Ledger::QuickBooks => {
                let realm = segments.get(2).map_or("", String::as_str);
                self.quickbooks.get_mut(realm).map(|company| (company.settings.latency_ms, &mut company.slots))
            }
            Ledger::Xero => {
                let tenant = request.header("xero-tenant-id").unwrap_or("");
                self.xero.get_mut(tenant).map(|company| (company.settings.latency_ms, &mut company.slots))
            }
        };
        let Some((latency, slots)) = company else { return };
        if latency > 0 && reply.delivery == Delivery::Delivered {
            reply.delivery = Delivery::Delayed(latency);
        }
        if let Delivery::Delayed(milliseconds) = reply.delivery {
            slots.hold(now + Duration::milliseconds(milliseconds.min(i64::MAX as u64) as i64));
        }
    }

    fn record(&mut self, now: DateTime<Utc>, ledger: Ledger, request: &Request, fault: Option<Kind>, reply: &Reply) {
        self.requests += 1;
        let key = format!("{} {} {} {}", ledger.name(), request.method, path_kind(request), reply.status);
        *self.calls.entry(key).or_default() += 1;
        if self.log.len() == LOG_LENGTH {
            self.log.pop_front();
        }
        self.log.push_back(Entry {
            number: self.requests,
            at: now,
            ledger,
            request: request.clone(),
            status: reply.status,
            delivery: reply.delivery,
            fault,
            answer: reply.body.clone(),
        });
    }

    /// The number of the last request to a ledger.
    pub fn request_count(&self) -> u64 {
        self.requests
    }

    /// Calls by ledger, method, kind of path and status: `xero PUT Invoices 200`.
    pub fn calls(&self) -> &BTreeMap<String, u64> {
        &self.calls
    }

    /// The requests after number `since`, with what secrets they carried taken out.
    pub fn requests_since(&self, since: u64) -> Vec<Value> {
        self.log.iter().filter(|entry| entry.number > since).map(Entry::to_json).collect()
    }

    /// Everything a test wants to know.
    pub fn state(&self) -> Value {
        let documents = |list: Vec<DocumentView>| list.iter().map(DocumentView::to_json).collect::<Vec<_>>();
        let mut companies = serde_json::Map::new();
        for (id, company) in &self.quickbooks {
            let value = json!({
                "ledger": "quickbooks", "name": company.name, "home_currency": company.home, "writes": company.writes,
                "batch_items": company.batch_items, "customers": company.parties(),
                "documents": documents(company.documents()),
            });
            companies.insert(id.clone(), value);
        }
        for (id, company) in &self.xero {
            let value = json!({
                "ledger": "xero", "name": company.name, "home_currency": company.base, "writes": company.writes,
                "contacts": company.parties(), "documents": documents(company.documents()),
            });
            companies.insert(id.clone(), value);
        }
        json!({
            "companies": companies, "requests": self.requests, "calls": self.calls, "tokens": self.grants.counters,
            "faults": self.faults.to_json(), "shopify": { "tokens": self.shopify.tokens_given, "throttled": self.shopify.bucket.throttled }, "offset_seconds": self.offset.num_seconds(),
        })
    }
}

/// Takes the first element out of the answer's list.
fn leave_first_out(body: &mut Vec<u8>) {
    let Ok(mut answer) = serde_json::from_slice::<Value>(body) else { return };
    let lists = answer.as_object_mut().into_iter().flat_map(|fields| fields.values_mut());
    if let Some(list) = lists.filter_map(Value::as_array_mut).find(|list| !list.is_empty()) {
        list.remove(0);
    }
    *body = answer.to_string().into_bytes();
}

/// A path without ids: `invoice`, `batch`, `CreditNotes/{id}/Allocations`, `connect/token`.
fn path_kind(request: &Request) -> String {
    let segments = request.segments();
    let skipped = match segments.first().map(String::as_str) {
        Some("v3") => 3,
        Some("api.xro") => 2,
        Some("admin") => return segments.last().cloned().unwrap_or_default(),
        _ => return segments.join("/"),
    };
    let rest = segments.into_iter().skip(skipped).enumerate();
    rest.map(|(at, part)| if at % 2 == 1 { "{id}".to_owned() } else { part }).collect::<Vec<_>>().join("/")
}
