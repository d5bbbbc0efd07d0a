//! The control API under `/_sandbox`: faults, the clock, company settings, and what happened.

use chrono::{DateTime, Duration, NaiveDate, Utc};
use serde_json::{Value, json};

use crate::faults::Fault;
use crate::http::{Reply, Request};
use crate::json;
use crate::quickbooks::Kind;
use crate::world::World;

pub fn handle(world: &mut World, now: DateTime<Utc>, request: &Request) -> Reply {
    let body: Value = if request.body.is_empty() {
        Value::Null
    } else {
        match serde_json::from_slice(&request.body) {
            Ok(body) => body,
            Err(error) => return refuse(&format!("the body is not JSON: {error}")),
        }
    };
    let segments = request.segments();
    let parts: Vec<&str> = segments.iter().skip(1).map(String::as_str).collect();
    match (request.method.as_str(), parts.as_slice()) {
        ("POST", ["faults"]) => add_faults(world, &body),
        ("DELETE", ["faults"]) => {
            world.faults.clear();
            done()
        }
        ("POST", ["advance"]) => match body["seconds"].as_i64() {
            Some(seconds) if seconds >= 0 => {
                world.offset += Duration::seconds(seconds);
                Reply::json(200, &json!({ "now": (now + Duration::seconds(seconds)).to_rfc3339() }))
            }
            _ => refuse("`seconds` must be a number that is not negative"),
        },
        ("POST", ["reset"]) => {
            *world = World::new();
            done()
        }
        ("POST", ["company", id]) => set_company(world, id, &body),
        ("POST", ["consent"]) => set_consent(world, &body),
        ("POST", ["token"]) => {
            let company = body["company"].as_str().unwrap_or_default();
            match world.grants.mint(now, company) {
                Some(token) => Reply::json(200, &json!({ "access_token": token })),
                None => refuse("`company` must name a connected company"),
            }
        }
        ("POST", ["shopify", "happened"]) => {
            world.shopify.happened(body["topic"].as_str().unwrap_or_default(), &body["body"]);
            done()
        }
        ("POST", ["shopify", "bucket"]) => {
            let size = |key: &str, default: u64| body[key].as_u64().unwrap_or(default);
            world.shopify.bucket.resize(size("maximum", 2_000), size("per_second", 100));
            done()
        }
        ("GET", ["state"]) => Reply::json(200, &world.state()),
        ("GET", ["requests"]) => {
            let since = request.parameter("since").and_then(|since| since.parse().ok()).unwrap_or(0);
            let body = json!({ "last": world.request_count(), "requests": world.requests_since(since) });
            Reply::json(200, &body)
        }
        _ => Reply::json(404, &json!({ "error": "the sandbox has no such control" })),
    }
}

fn done() -> Reply {
    Reply::json(200, &json!({ "ok": true }))
}

fn refuse(why: &str) -> Reply {
    Reply::json(400, &json!({ "error": why }))
}

fn add_faults(world: &mut World, body: &Value) -> Reply {
    let single = std::slice::from_ref(body);
    let list = body.as_array().map_or(single, Vec::as_slice);
    match list.iter().map(Fault::from_json).collect::<Result<Vec<_>, _>>() {
        Ok(faults) => {
            faults.into_iter().for_each(|fault| world.fail(fault));
            done()
        }
        Err(why) => refuse(&why),
    }
}

fn set_consent(world: &mut World, body: &Value) -> Reply {
    let consent = &mut world.grants.consent;
    if let Some(realm) = body["quickbooks"].as_str() {
        consent.quickbooks = realm.into();
    }
    if let Some(tenants) = body["xero"].as_array() {
        consent.xero = tenants.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    }
    consent.deny = body["deny"].as_bool().unwrap_or(false);
    done()
}

/// Applies every key of the body, or refuses the first that is not known.
fn set_company(world: &mut World, id: &str, body: &Value) -> Reply {
    let Some(object) = body.as_object() else { return refuse("settings are an object") };
    for (key, value) in object {
        let is_known = if key == "disconnect" {
            world.grants.disconnect(id);
            true
        } else if let Some(company) = world.quickbooks.get_mut(id) {
            set_quickbooks(company, key, value)
        } else if let Some(company) = world.xero.get_mut(id) {
            set_xero(company, key, value)
        } else {
            return refuse("there is no such company");
        };
        if !is_known {
            return refuse(&format!("`{key}` is not a setting of this company, or its value does not fit"));
        }
    }
    done()
}

/// A date, or null for none. The outer option says whether the value fits.
fn date(value: &Value) -> Option<Option<NaiveDate>> {
    match value {
        Value::Null => Some(None),
        Value::String(text) => text.parse().ok().map(Some),
        _ => None,
    }
}

fn set<T>(field: &mut T, value: Option<T>) -> bool {
    value.map(|value| *field = value).is_some()
}

fn set_quickbooks(company: &mut crate::quickbooks::Company, key: &str, value: &Value) -> bool {
    let settings = &mut company.settings;
    let count = || value.as_u64().and_then(|count| u32::try_from(count).ok());
    match key {
        "book_close_date" | "lock_date" => set(&mut settings.book_close_date, date(value)),
        "subscription_ended" => set(&mut settings.subscription_ended, value.as_bool()),
        "using_sales_tax" => set(&mut settings.using_sales_tax, value.as_bool()),
        "manual_sales_tax" => set(&mut settings.manual_sales_tax, value.as_bool()),
        "custom_txn_numbers" => set(&mut settings.custom_txn_numbers, value.as_bool()),
        "multicurrency" => set(&mut settings.multicurrency, value.as_bool()),
        "automated_rate" => set(&mut settings.automated_rate, json::lenient_decimal(value)),
        "latency_ms" => set(&mut settings.latency_ms, value.as_u64()),
        "per_minute" => set(&mut settings.per_minute, count()),
        "per_second" => set(&mut settings.per_second, count()),
        "deactivate_account" => value.as_str().is_some_and(|id| company.deactivate(Kind::Account, id)),
        "activate_account" => value.as_str().is_some_and(|id| company.activate(Kind::Account, id)),
        "deactivate_tax_code" => value.as_str().is_some_and(|id| company.deactivate(Kind::TaxCode, id)),
        "activate_tax_code" => value.as_str().is_some_and(|id| company.activate(Kind::TaxCode, id)),
        "plant_invoice" => value.as_str().map(|number| company.plant_invoice(number)).is_some(),
        "plant_sale" => company.plant_sale(value),
        "tax_code_like" => company.set_tax_code_like(json::text_at(value, "id"), json::text_at(value, "like")),
        "deactivate_item" => value.as_str().is_some_and(|id| company.deactivate(Kind::Item, id)),
        "deactivate_customer" => value.as_str().is_some_and(|id| company.deactivate(Kind::Customer, id)),
        "skew" => set(&mut settings.skew, json::lenient_decimal(value)),
        "refuse_void" => set(&mut settings.refuse_void, value.as_bool()),
        "activate_item" => value.as_str().is_some_and(|id| company.activate(Kind::Item, id)),
        "activate_customer" => value.as_str().is_some_and(|id| company.activate(Kind::Customer, id)),
        "batches_per_minute" => set(&mut settings.batches_per_minute, count()),
        _ => false,
    }
}

fn set_xero(company: &mut crate::xero::Company, key: &str, value: &Value) -> bool {
    let count = || value.as_u64().and_then(|count| u32::try_from(count).ok());
    let settings = &mut company.settings;
    match key {
        "period_lock_date" | "lock_date" => set(&mut settings.period_lock_date, date(value)),
        "end_of_year_lock_date" => set(&mut settings.end_of_year_lock_date, date(value)),
        "per_day" | "day_limit" => set(&mut settings.per_day, count()),
        "per_minute" => set(&mut settings.per_minute, count()),
        "latency_ms" => set(&mut settings.latency_ms, value.as_u64()),
        "multicurrency" => set(&mut settings.multicurrency, value.as_bool()),
        "can_approve" => set(&mut settings.can_approve, value.as_bool()),
        "offline" => set(&mut settings.offline, value.as_bool()),
        "tax_from_gross" => set(&mut settings.tax_from_gross, value.as_bool()),
        "skew" => set(&mut settings.skew, json::lenient_decimal(value)),
        "refuse_void" => set(&mut settings.refuse_void, value.as_bool()),
        "tax_rate" => company.set_tax_rate(json::text_at(value, "code"), json::text_at(value, "percent")),
        "restore_contact" => value.as_str().is_some_and(|id| company.restore_contact(id)),
        "archive_account" => value.as_str().is_some_and(|code| company.archive_account(code)),
        "activate_account" => value.as_str().is_some_and(|code| company.activate_account(code)),
        "plant_invoice" => value.as_str().map(|number| company.plant_invoice(number)).is_some(),
        "plant_sale" => company.plant_sale(value),
        "delete_tax_rate" => value.as_str().is_some_and(|code| company.set_tax_rate_status(code, "DELETED")),
        "restore_tax_rate" => value.as_str().is_some_and(|code| company.set_tax_rate_status(code, "ACTIVE")),
        "remove_account" => value.as_str().is_some_and(|code| company.remove_account(code)),
        "archive_contact" => value.as_str().is_some_and(|id| company.archive_contact(id)),
        "subscribe_currency" => value.as_str().map(|code| company.subscribe(code)).is_some(),
        "unsubscribe_currency" => value.as_str().map(|code| company.unsubscribe(code)).is_some(),
        _ => false,
    }
}
