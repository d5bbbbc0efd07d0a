//! QuickBooks Online, Accounting API v3.

pub mod arithmetic;
mod batch;
mod documents;
pub mod faults;
mod lifecycle;
mod names;
mod payments;
mod query;
mod schema;
mod seed;
mod store;
mod tax;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::http::{Reply, Request};
use crate::json::Object;
use crate::limits::{Slots, Window};
use faults::Checked;
pub use seed::{united_kingdom, united_states};

/// Requests per minute and realm.
const PER_MINUTE: u32 = 500;
/// Requests per second and realm.
const PER_SECOND: u32 = 10;
/// Batch calls per minute and realm: the lower of the two documented figures.
const BATCHES_PER_MINUTE: u32 = 40;
/// Requests at the same time per realm.
const CONCURRENT: usize = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Customer,
    Item,
    Account,
    TaxCode,
    TaxRate,
    CompanyCurrency,
    CompanyInfo,
    Preferences,
    Invoice,
    SalesReceipt,
    Payment,
    CreditMemo,
    RefundReceipt,
}

pub const TRANSACTIONS: [Kind; 5] =
    [Kind::Invoice, Kind::SalesReceipt, Kind::Payment, Kind::CreditMemo, Kind::RefundReceipt];

impl Kind {
    const ALL: [Self; 13] = [
        Self::Customer,
        Self::Item,
        Self::Account,
        Self::TaxCode,
        Self::TaxRate,
        Self::CompanyCurrency,
        Self::CompanyInfo,
        Self::Preferences,
        Self::Invoice,
        Self::SalesReceipt,
        Self::Payment,
        Self::CreditMemo,
        Self::RefundReceipt,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Customer => "Customer",
            Self::Item => "Item",
            Self::Account => "Account",
            Self::TaxCode => "TaxCode",
            Self::TaxRate => "TaxRate",
            Self::CompanyCurrency => "CompanyCurrency",
            Self::CompanyInfo => "CompanyInfo",
            Self::Preferences => "Preferences",
            Self::Invoice => "Invoice",
            Self::SalesReceipt => "SalesReceipt",
            Self::Payment => "Payment",
            Self::CreditMemo => "CreditMemo",
            Self::RefundReceipt => "RefundReceipt",
        }
    }

    /// Resource names in paths are lower case, and case matters.
    pub fn by_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().to_lowercase() == path)
    }

    fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub fn is_transaction(self) -> bool {
        TRANSACTIONS.contains(&self)
    }
}

/// What is done to an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Save,
    Delete,
    Void,
}

/// Switches that a person sets in the company, and that tests turn.
#[derive(Clone, Debug)]
pub struct Settings {
    pub book_close_date: Option<NaiveDate>,
    pub subscription_ended: bool,
    pub using_sales_tax: bool,
    /// US: sales tax as it was before it was automated.
    pub manual_sales_tax: bool,
    pub custom_txn_numbers: bool,
    pub multicurrency: bool,
    /// The rate that automated sales tax would use by itself, in percent.
    pub automated_rate: Decimal,
    /// Every answer takes this long; it makes the limit of concurrent requests bite.
    pub latency_ms: u64,
    pub per_minute: u32,
    pub per_second: u32,
    pub batches_per_minute: u32,
    /// What every total comes to beyond what the lines say: a company that computes otherwise than anybody expects.
    pub skew: Decimal,
    /// Nothing can be voided or deleted.
    pub refuse_void: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            book_close_date: None,
            subscription_ended: false,
            using_sales_tax: true,
            manual_sales_tax: false,
            custom_txn_numbers: true,
            multicurrency: true,
            automated_rate: Decimal::new(8, 0),
            latency_ms: 0,
            per_minute: PER_MINUTE,
            per_second: PER_SECOND,
            batches_per_minute: BATCHES_PER_MINUTE,
            skew: Decimal::ZERO,
            refuse_void: false,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Company {
    pub realm: String,
    pub name: String,
    /// `US` or `GB`.
    pub country: &'static str,
    pub home: String,
    pub settings: Settings,
    entities: BTreeMap<Kind, BTreeMap<u64, Value>>,
    next_id: u64,
    gone: Vec<(Kind, u64, DateTime<Utc>)>,
    /// What was answered to a `requestid` (in a batch: `requestid` + `bId`). Only successes are kept.
    replays: HashMap<String, Value>,
    minute: Window,
    second: Window,
    batch_minute: Window,
    pub slots: Slots,
    /// How many writes changed something.
    pub writes: u64,
    pub batch_items: u64,
    trace: u64,
}

/// What one operation has to know besides its body.
#[derive(Clone, Debug)]
struct Context {
    now: DateTime<Utc>,
    /// Entities with this id or a higher one are not visible: items of a batch do not see each other's results.
    horizon: u64,
    allow_duplicate_number: bool,
}

fn stamp(now: DateTime<Utc>) -> String {
    now.format("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

impl Company {
    pub fn new(realm: &str, name: &str, country: &'static str, home: &str) -> Self {
        Self {
            realm: realm.into(),
            name: name.into(),
            country,
            home: home.into(),
            settings: Settings::default(),
            entities: BTreeMap::new(),
            next_id: 100,
            gone: Vec::new(),
            replays: HashMap::new(),
            minute: Window::seconds(60),
            second: Window::seconds(1),
            batch_minute: Window::seconds(60),
            slots: Slots::default(),
            writes: 0,
            batch_items: 0,
            trace: 0,
        }
    }

    fn is_us(&self) -> bool {
        self.country == "US"
    }

    /// Answers an authorised request. `path` is what follows the realm.
    pub fn handle(&mut self, now: DateTime<Utc>, request: &Request, path: &[String]) -> Reply {
        self.trace += 1;
        let trace = format!("1-{}-{:06}", self.realm, self.trace);
        let reply = match self.throttle(now, path) {
            Some(reply) => reply,
            None => self.route(now, request, path),
        };
        reply.with_header("intuit_tid", trace)
    }

    fn throttle(&mut self, now: DateTime<Utc>, path: &[String]) -> Option<Reply> {
        let is_batch = path.first().is_some_and(|part| part == "batch");
        let too_many = self.slots.busy(now) >= CONCURRENT
            || self.second.left(now, self.settings.per_second) == 0
            || self.minute.left(now, self.settings.per_minute) == 0
            || is_batch && self.batch_minute.left(now, self.settings.batches_per_minute) == 0;
        if too_many {
            return Some(faults::throttled(None));
        }
        self.second.take();
        self.minute.take();
        if is_batch {
            self.batch_minute.take();
        }
        None
    }

    fn route(&mut self, now: DateTime<Utc>, request: &Request, path: &[String]) -> Reply {
        let time = stamp(now);
        if !request.wants_json() {
            // Without an Accept header QuickBooks answers in XML; nothing here reads that, so it is refused outright.
            return Reply::new(406, "text/xml", "<IntuitResponse><Fault type=\"ValidationFault\"/></IntuitResponse>");
        }
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        let answer = match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["query"]) => self.query(&request.parameter("query").unwrap_or_default()),
            ("POST", ["query"]) => match request.header("content-type") {
                Some(kind) if kind.starts_with("application/text") => {
                    self.query(&String::from_utf8_lossy(&request.body))
                }
                _ => Err(faults::content_type()),
            },
            ("GET", ["cdc"]) => self.changes(now, request),
            ("GET", ["exchangerate"]) => self.exchange_rate(request),
            ("GET", ["preferences"]) => self.read(Kind::Preferences, "1"),
            ("GET", [entity, id]) => match Kind::by_path(entity) {
                Some(Kind::CompanyInfo) => self.read(Kind::CompanyInfo, "1"),
                Some(kind) => self.read(kind, id),
                None => Err(faults::unsupported_operation(entity)),
            },
            ("POST", _) => self.post(now, request, &parts),
            (method, _) => Err(faults::unsupported_operation(&format!("{method} {}", parts.join("/")))),
        };
        match answer {
            Ok(mut body) => {
                body.entry("time").or_insert_with(|| json!(time));
                Reply::json(200, &Value::Object(body))
            }
            Err(fault) => fault.reply(&time),
        }
    }

    fn post(&mut self, now: DateTime<Utc>, request: &Request, parts: &[&str]) -> Checked<Object> {
        if !request.has_json_body() {
            return Err(faults::content_type());
        }
        let text = std::str::from_utf8(&request.body).map_err(|_| {
            faults::malformed("MalformedByteSequenceException: Invalid byte 1 of 1-byte UTF-8 sequence")
        })?;
        let body: Value =
            serde_json::from_str(text).map_err(|error| faults::unsupported_property(&error.to_string()))?;
        let body = body.as_object().ok_or_else(|| faults::unsupported_property("(body)"))?;
        let request_id = request.parameter("requestid").filter(|id| !id.is_empty());
        if parts == ["batch"] {
            return self.batch(now, body, request_id.as_deref());
        }
        let [path] = parts else { return Err(faults::unsupported_operation(&parts.join("/"))) };
        let kind = Kind::by_path(path).ok_or_else(|| faults::unsupported_operation(path))?;
        let include = request.parameter("include").unwrap_or_default();
        let operation = request.parameter("operation").unwrap_or_default();
        let action = action(kind, &operation, &include)?;
        let context = Context {
            now,
            horizon: u64::MAX,
            allow_duplicate_number: include.split(',').any(|part| part == "allowduplicatedocnum"),
        };
        if request_id.as_ref().is_some_and(|id| id.chars().count() > 50) {
            return Err(faults::business("You cannot enter more than 50 characters in the request_id field"));
        }
        self.once(request_id, |company| company.write(&context, kind, action, body))
    }

    /// Runs a write under its `requestid`: the same id gets the same answer, whatever the body. A fault is not kept.
    fn once(&mut self, key: Option<String>, run: impl FnOnce(&mut Self) -> Checked<Object>) -> Checked<Object> {
        let Some(key) = key else { return run(self) };
        if let Some(stored) = self.replays.get(&key) {
            return Ok(stored.as_object().cloned().unwrap_or_default());
        }
        let answer = run(self)?;
        self.replays.insert(key, Value::Object(answer.clone()));
        Ok(answer)
    }

    fn write(&mut self, context: &Context, kind: Kind, action: Action, body: &Object) -> Checked<Object> {
        if self.settings.subscription_ended {
            return Err(faults::subscription_ended());
        }
        if self.settings.refuse_void && action != Action::Save {
            return Err(faults::business("You cannot void or delete this transaction."));
        }
        let answer = match (action, kind) {
            (Action::Save, Kind::Customer) => self.save_customer(context, body)?,
            (Action::Save, Kind::Item) => self.save_item(context, body)?,
            (Action::Save, Kind::Payment) => self.save_payment(context, body)?,
            (Action::Save, kind) if kind.is_transaction() => self.save_sale(context, kind, body)?,
            (Action::Delete, kind) if kind.is_transaction() => self.delete(context, kind, body)?,
            (Action::Void, Kind::Invoice | Kind::SalesReceipt | Kind::Payment) => self.void(context, kind, body)?,
            (action, kind) => {
                return Err(faults::unsupported_operation(&format!("{action:?} {}", kind.name()).to_lowercase()));
            }
        };
        self.writes += 1;
        let time = json!(stamp(context.now));
        Ok(Object::from_iter([(kind.name().to_owned(), answer), ("time".to_owned(), time)]))
    }
}

/// What `operation` and `include` ask for. Invoices are voided with `operation=void`, receipts and payments with
/// `operation=update&include=void`; credit memos and refund receipts cannot be voided.
fn action(kind: Kind, operation: &str, include: &str) -> Checked<Action> {
    let is_void = include.split(',').any(|part| part == "void");
    match (operation, kind) {
        ("void", Kind::Invoice) => Ok(Action::Void),
        ("update", Kind::Invoice | Kind::SalesReceipt | Kind::Payment) if is_void => Ok(Action::Void),
        ("void", _) => Err(faults::unsupported_operation("void")),
        ("update", _) if is_void => Err(faults::unsupported_operation("void")),
        ("delete", _) => Ok(Action::Delete),
        ("" | "update" | "create", _) => Ok(Action::Save),
        (other, _) => Err(faults::unsupported_operation(other)),
    }
}
