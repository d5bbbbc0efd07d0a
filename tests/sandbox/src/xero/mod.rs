//! Xero, Accounting API 2.0.

pub mod arithmetic;
mod contacts;
mod credits;
mod documents;
pub mod faults;
mod keys;
mod lines;
mod payments;
mod read;
mod seed;
mod settle;
mod where_clause;

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::faults::Kind as FaultKind;
use crate::http::{Reply, Request};
use crate::ids::{Ids, ZERO_GUID};
use crate::json::{self, Object};
use crate::limits::{Slots, Window};
pub use keys::Keys;

/// Calls per minute and tenant.
const PER_MINUTE: u32 = 60;
/// Calls per day and tenant on the paid tiers; 1,000 on Starter.
const PER_DAY: u32 = 5000;
/// Requests at the same time per tenant.
const CONCURRENT: usize = 5;

/// Switches that a person sets in the organisation, and that tests turn.
#[derive(Clone, Debug)]
pub struct Settings {
    pub period_lock_date: Option<NaiveDate>,
    pub end_of_year_lock_date: Option<NaiveDate>,
    pub per_minute: u32,
    pub per_day: u32,
    pub latency_ms: u64,
    pub multicurrency: bool,
    /// False: the plan's limit of invoices that may be approved is reached.
    pub can_approve: bool,
    pub offline: bool,
    /// The other reading of inclusive tax: see [`arithmetic::line_tax`].
    pub tax_from_gross: bool,
    /// What every total comes to beyond what the lines say: an organisation that computes otherwise than anybody expects.
    pub skew: Decimal,
    /// Nothing can be voided.
    pub refuse_void: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            period_lock_date: None,
            end_of_year_lock_date: None,
            per_minute: PER_MINUTE,
            per_day: PER_DAY,
            latency_ms: 0,
            multicurrency: true,
            can_approve: true,
            offline: false,
            tax_from_gross: false,
            skew: Decimal::ZERO,
            refuse_void: false,
        }
    }
}

/// Rows in the order of their creation, found by GUID.
#[derive(Clone, Debug, Default)]
struct Table {
    rows: Vec<Value>,
    by_id: HashMap<String, usize>,
}

impl Table {
    fn get(&self, id: &str) -> Option<&Value> {
        self.by_id.get(&id.to_lowercase()).map(|at| &self.rows[*at])
    }

    fn get_mut(&mut self, id: &str) -> Option<&mut Value> {
        self.by_id.get(&id.to_lowercase()).map(|at| &mut self.rows[*at])
    }

    fn put(&mut self, id: &str, row: Value) {
        match self.by_id.get(id) {
            Some(at) => self.rows[*at] = row,
            None => {
                self.by_id.insert(id.to_owned(), self.rows.len());
                self.rows.push(row);
            }
        }
    }
}

#[derive(Clone, Debug)]
pub struct Company {
    pub tenant: String,
    pub name: String,
    pub base: String,
    country: &'static str,
    pub settings: Settings,
    accounts: Vec<Value>,
    tax_rates: Vec<Value>,
    currencies: Vec<String>,
    contacts: Table,
    invoices: Table,
    credit_notes: Table,
    payments: Table,
    items: Table,
    ids: Ids,
    numbers: u64,
    minute: Window,
    day: Window,
    pub slots: Slots,
    /// How many elements were created or changed.
    pub writes: u64,
}

/// What one element's processing has to know besides the element.
#[derive(Clone, Debug)]
struct Call {
    now: DateTime<Utc>,
    /// PUT: create only.
    is_put: bool,
    /// Decimals that a UnitAmount keeps: 2, or 4 with `unitdp=4`.
    unit_decimals: u32,
    path_id: Option<String>,
}

/// A stored element and Xero's remarks on it, or what is wrong with it.
type Outcome = Result<(Value, Vec<String>), Vec<String>>;
type Step = fn(&mut Company, &Call, &Object) -> Outcome;

fn one(message: impl Into<String>) -> Vec<String> {
    vec![message.into()]
}

/// `/Date(1776988800000+0000)/`
fn wire_time(at: DateTime<Utc>) -> Value {
    json!(format!("/Date({}+0000)/", at.timestamp_millis()))
}

fn wire_date(date: NaiveDate) -> Value {
    wire_time(date.and_time(chrono::NaiveTime::MIN).and_utc())
}

fn date_string(date: NaiveDate) -> Value {
    json!(format!("{date}T00:00:00"))
}

/// A date as a client may send it: `2026-04-24`, with a time behind it, or `/Date(ms)/`.
fn parse_date(value: &Value) -> Option<NaiveDate> {
    let text = value.as_str()?;
    if let Some(inner) = text.strip_prefix("/Date(") {
        let digits: String = inner.chars().take_while(char::is_ascii_digit).collect();
        return DateTime::from_timestamp_millis(digits.parse().ok()?).map(|at| at.date_naive());
    }
    let is_date = text.len() == 10 || text.as_bytes().get(10) == Some(&b'T');
    text.get(..10).filter(|_| is_date)?.parse().ok()
}

impl Company {
    /// Answers an authorised request. `path` is what follows `/api.xro/2.0/`. The limits come before the idempotency keys, and a
    /// refusal by a limit is not cached.
    pub fn handle(
        &mut self,
        now: DateTime<Utc>,
        request: &Request,
        path: &[String],
        keys: &mut Keys,
        injected: Option<FaultKind>,
    ) -> Reply {
        let reply = if let Some(refusal) = self.throttle(now) {
            refusal
        } else if self.settings.offline {
            faults::offline()
        } else if !request.wants_json() {
            Reply::new(
                406,
                "text/xml",
                "<Response>Accept: application/json is needed here; the default is XML</Response>",
            )
        } else {
            keys.run(now, &self.tenant.clone(), request, || match injected {
                Some(FaultKind::Error500) => faults::internal(),
                Some(fault) => {
                    let halved = (fault == FaultKind::HalfDone).then(|| request.halved());
                    self.route(now, halved.as_ref().unwrap_or(request), path);
                    faults::internal()
                }
                None => self.route(now, request, path),
            })
        };
        let (day, minute) =
            (self.day.left(now, self.settings.per_day), self.minute.left(now, self.settings.per_minute));
        reply
            .with_header("x-daylimit-remaining", day)
            .with_header("x-minlimit-remaining", minute)
            .with_header("x-appminlimit-remaining", 9_999)
            .with_header("xero-correlation-id", self.ids.guid())
    }

    fn throttle(&mut self, now: DateTime<Utc>) -> Option<Reply> {
        if self.slots.busy(now) >= CONCURRENT {
            return Some(faults::throttled("concurrent", None));
        }
        if self.day.left(now, self.settings.per_day) == 0 {
            return Some(faults::throttled("day", Some(self.day.ends_in(now))));
        }
        if self.minute.left(now, self.settings.per_minute) == 0 {
            return Some(faults::throttled("minute", Some(self.minute.ends_in(now))));
        }
        self.day.take();
        self.minute.take();
        None
    }

    fn route(&mut self, now: DateTime<Utc>, request: &Request, path: &[String]) -> Reply {
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        let is_write = matches!(request.method.as_str(), "PUT" | "POST");
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", _) => self.read(now, request, &parts),
            ("DELETE", ["CreditNotes", note, "Allocations", allocation]) => {
                self.delete_allocation(now, note, allocation)
            }
            (_, [resource, rest @ ..]) if is_write => {
                if !request.has_json_body() {
                    return Reply::text(415, "Unsupported Media Type");
                }
                let call = Call {
                    now,
                    is_put: request.method == "PUT",
                    unit_decimals: if request.parameter("unitdp").as_deref() == Some("4") { 4 } else { 2 },
                    path_id: rest.first().map(|id| (*id).to_owned()),
                };
                self.write(&call, request, resource, rest)
            }
            _ => faults::not_implemented(),
        }
    }

    fn write(&mut self, call: &Call, request: &Request, resource: &str, rest: &[&str]) -> Reply {
        let (name, id_key, step): (&str, &str, Step) = match (resource, rest) {
            ("Invoices", [] | [_]) => ("Invoices", "InvoiceID", Self::save_invoice),
            ("CreditNotes", [] | [_]) => ("CreditNotes", "CreditNoteID", Self::save_credit_note),
            ("CreditNotes", [_, "Allocations"]) => ("Allocations", "AllocationID", Self::allocate),
            ("Payments", [] | [_]) => ("Payments", "PaymentID", Self::save_payment),
            ("Contacts", [] | [_]) => ("Contacts", "ContactID", Self::save_contact),
            ("Currencies", []) if call.is_put => ("Currencies", "Code", Self::add_currency),
            ("Items", [] | [_]) => ("Items", "ItemID", Self::save_item),
            ("Invoices" | "CreditNotes" | "Payments" | "Contacts", [_, ..]) => return faults::not_found(),
            _ => return faults::not_implemented(),
        };
        let Ok(text) = std::str::from_utf8(&request.body) else { return faults::malformed("The body is not UTF-8") };
        let body: Value = match serde_json::from_str(text) {
            Ok(body) => body,
            Err(error) => return faults::malformed(&format!("JSON for post data was invalid,{error}")),
        };
        let elements = match (&body, body.get(name)) {
            (_, Some(Value::Array(list))) | (Value::Array(list), _) => list.clone(),
            (Value::Object(_), None) => vec![body.clone()],
            _ => return faults::malformed(&format!("{name} must be a list")),
        };
        if elements.is_empty() {
            return faults::no_data();
        }
        self.write_all(call, request, name, id_key, step, &elements)
    }

    /// With `summarizeErrors=false` every element stands for itself. Without it one that fails refuses the whole call, and nothing
    /// is kept (conservative).
    fn write_all(
        &mut self,
        call: &Call,
        request: &Request,
        name: &str,
        id_key: &str,
        step: Step,
        elements: &[Value],
    ) -> Reply {
        let is_each = request.parameter("summarizeErrors").as_deref() == Some("false");
        let snapshot = (!is_each && elements.len() > 1).then(|| self.clone());
        let (mut shown, mut failed) = (Vec::new(), false);
        for element in elements {
            let Some(object) = element.as_object() else { return faults::malformed("An element must be an object") };
            let outcome = check_texts(element).and_then(|()| step(self, call, object));
            failed |= outcome.is_err();
            self.writes += u64::from(outcome.is_ok());
            shown.push(show(name, id_key, element, outcome, is_each));
        }
        if failed && !is_each {
            if let Some(snapshot) = snapshot {
                let (minute, day, slots) = (self.minute.clone(), self.day.clone(), self.slots.clone());
                *self = Self { minute, day, slots, ..snapshot };
            }
            return faults::validation(
                shown.into_iter().filter(|element| element.get("ValidationErrors").is_some()).collect(),
            );
        }
        self.envelope(call.now, name, Value::Array(shown), None)
    }

    fn envelope(&mut self, now: DateTime<Utc>, name: &str, list: Value, pagination: Option<Value>) -> Reply {
        let mut body = json!({
            "Id": self.ids.guid(), "Status": "OK", "ProviderName": "Sandbox",
            "DateTimeUTC": format!("/Date({})/", now.timestamp_millis()),
        });
        body[name] = list;
        if let Some(pagination) = pagination {
            body["pagination"] = pagination;
        }
        Reply::json(200, &body)
    }
}

/// Remarks on every element of an answer that was stored.
pub fn remark_on_all(body: &mut Vec<u8>) {
    let Ok(mut answer) = serde_json::from_slice::<Value>(body) else { return };
    let lists = answer.as_object_mut().into_iter().flat_map(|fields| fields.values_mut());
    let elements = lists.filter_map(Value::as_array_mut).flatten();
    for element in elements.filter(|one| one.get("ValidationErrors").is_none()) {
        element["Warnings"] = json!([{ "Message": "The currency rate for EUR is 1:1." }]);
        element["StatusAttributeString"] = json!("WARNING");
    }
    *body = answer.to_string().into_bytes();
}

/// One element of the answer: the stored one, or the request's own with a zero GUID and what is wrong.
fn show(name: &str, id_key: &str, given: &Value, outcome: Outcome, with_status: bool) -> Value {
    let flag =
        if matches!(name, "Contacts" | "Payments" | "Allocations") { "HasValidationErrors" } else { "HasErrors" };
    let messages =
        |list: Vec<String>| Value::Array(list.into_iter().map(|message| json!({ "Message": message })).collect());
    let (mut element, status) = match outcome {
        Ok((mut stored, warnings)) => {
            stored[flag] = json!(false);
            let status = if warnings.is_empty() { "OK" } else { "WARNING" };
            if !warnings.is_empty() {
                stored["Warnings"] = messages(warnings);
            }
            (stored, status)
        }
        Err(errors) => {
            let mut echo = given.clone();
            echo[id_key] = json!(ZERO_GUID);
            echo[flag] = json!(true);
            echo["ValidationErrors"] = messages(errors);
            (echo, "ERROR")
        }
    };
    if with_status {
        element["StatusAttributeString"] = json!(status);
    }
    element
}

/// Control characters and characters beyond U+FFFF are refused in every text (conservative).
fn check_texts(element: &Value) -> Result<(), Vec<String>> {
    let mut texts = Vec::new();
    json::strings(element, "", &mut texts);
    let wrong = texts
        .iter()
        .find_map(|(path, text)| Some((path, text.chars().find(|character| json::is_doubtful(*character))?)));
    match wrong {
        Some((path, character)) => {
            Err(one(format!("{path} contains the character U+{:04X}, which is not valid.", u32::from(character))))
        }
        None => Ok(()),
    }
}
