//! Customers and items.

use chrono::Utc;
use serde_json::{Value, json};

use super::faults::{self, Checked};
use super::{Company, Context, Kind, schema};
use crate::json::{self, Object};

/// The body of a save on top of what is stored: a sparse update changes what it names, a full one replaces everything.
pub(super) fn merged(before: Option<&Value>, body: &Object) -> Object {
    let is_sparse = body.get("sparse") == Some(&Value::Bool(true));
    let mut result = match before.and_then(Value::as_object) {
        Some(old) if is_sparse => old.clone(),
        _ => Object::new(),
    };
    for (key, value) in body {
        if value.is_null() {
            result.remove(key);
        } else {
            result.insert(key.clone(), value.clone());
        }
    }
    result
}

pub(super) fn text_of(object: &Object, path: &str) -> Option<String> {
    let (key, inner) = path.split_once('.').unwrap_or((path, ""));
    let value = object.get(key)?;
    let value = if inner.is_empty() { value } else { value.get(inner)? };
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

impl Company {
    fn is_name_taken(&self, kind: Kind, field: &str, name: &str, own: Option<u64>) -> bool {
        let own = own.map(|id| id.to_string());
        self.all(kind).any(|entity| {
            json::text(entity, field).to_lowercase() == name.to_lowercase()
                && own.as_deref() != Some(json::text(entity, "Id"))
        })
    }

    /// Names are unique without regard to case; the currency is fixed at creation (home if none is given); a customer made
    /// inactive frees its name by the suffix " (deleted)".
    pub(super) fn save_customer(&mut self, context: &Context, body: &Object) -> Checked<Value> {
        schema::check(Kind::Customer, body)?;
        let before = self.current(Kind::Customer, body)?;
        let mut customer = merged(before.as_ref().map(|(_, old)| old), body);
        let parts = ["Title", "GivenName", "MiddleName", "FamilyName", "Suffix"];
        let composed: Vec<String> = parts.iter().filter_map(|part| text_of(&customer, part)).collect();
        let name = text_of(&customer, "DisplayName").unwrap_or_else(|| composed.join(" "));
        let name = name.trim().to_owned();
        if name.is_empty() {
            return Err(faults::no_name());
        }
        if self.is_name_taken(Kind::Customer, "DisplayName", &name, before.as_ref().map(|(id, _)| *id)) {
            return Err(faults::duplicate_name());
        }
        let currency = text_of(&customer, "CurrencyRef.value").unwrap_or_else(|| self.home.clone());
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(faults::invalid_reference("Currency", &currency));
        }
        if currency != self.home && !self.settings.multicurrency {
            return Err(faults::business("Multi Currency should be enabled to perform this operation."));
        }
        let old_currency = before.as_ref().map(|(_, old)| json::text_at(old, "CurrencyRef.value").to_owned());
        if old_currency.is_some_and(|old| old != currency) {
            return Err(faults::business("The currency of a customer cannot be changed."));
        }
        customer.insert("CurrencyRef".into(), json!({ "value": currency, "name": currency }));
        let is_active = customer.get("Active") != Some(&Value::Bool(false));
        let shown = if is_active || name.ends_with(" (deleted)") { name } else { format!("{name} (deleted)") };
        customer.insert("DisplayName".into(), json!(shown));
        customer.insert("FullyQualifiedName".into(), json!(shown));
        customer.entry("PrintOnCheckName").or_insert_with(|| json!(shown));
        customer.insert("Active".into(), json!(is_active));
        customer.entry("Taxable").or_insert(json!(true));
        customer.entry("Balance").or_insert(json!(0));
        Ok(self.commit(context.now, Kind::Customer, before, customer))
    }

    /// Name and type are required, and an income account for services and inventory.
    pub(super) fn save_item(&mut self, context: &Context, body: &Object) -> Checked<Value> {
        schema::check(Kind::Item, body)?;
        let before = self.current(Kind::Item, body)?;
        let mut item = merged(before.as_ref().map(|(_, old)| old), body);
        let name = text_of(&item, "Name").ok_or_else(|| faults::required("Name"))?;
        let kind = text_of(&item, "Type").ok_or_else(|| faults::required("Type"))?;
        if !matches!(kind.as_str(), "Service" | "NonInventory") {
            return Err(faults::enumeration("Type", &kind));
        }
        let account = text_of(&item, "IncomeAccountRef.value");
        let account = account.ok_or_else(|| faults::required("IncomeAccountRef"))?;
        self.refer(context, Kind::Account, "Accounts", &account)?;
        if self.is_name_taken(Kind::Item, "Name", &name, before.as_ref().map(|(id, _)| *id)) {
            return Err(faults::duplicate_name());
        }
        item.insert("FullyQualifiedName".into(), json!(name));
        item.entry("Active").or_insert(json!(true));
        Ok(self.commit(context.now, Kind::Item, before, item))
    }

    /// Makes an account, item or customer inactive, as a person would.
    pub fn deactivate(&mut self, kind: Kind, id: &str) -> bool {
        self.entity_mut(kind, id).map(|entity| entity["Active"] = json!(false)).is_some()
    }

    /// Makes it active again.
    pub fn activate(&mut self, kind: Kind, id: &str) -> bool {
        self.entity_mut(kind, id).map(|entity| entity["Active"] = json!(true)).is_some()
    }

    /// Somebody puts other rates into a tax code: `id`, those of the code `like`.
    pub fn set_tax_code_like(&mut self, id: &str, like: &str) -> bool {
        let Some(rates) = self.get(Kind::TaxCode, like).map(|code| code["SalesTaxRateList"].clone()) else {
            return false;
        };
        self.entity_mut(Kind::TaxCode, id).map(|code| code["SalesTaxRateList"] = rates).is_some()
    }

    /// An invoice that somebody entered by hand.
    pub fn plant_invoice(&mut self, number: &str) {
        let id = self.new_id();
        let currency = self.home.clone();
        let entity = json!({
            "DocNumber": number, "TxnDate": "2025-01-15", "CustomerRef": { "value": "1" }, "TotalAmt": 10, "Balance": 10,
            "CurrencyRef": { "value": currency }, "PrivateNote": "by hand", "Line": [],
        });
        self.plant(Kind::Invoice, id, entity);
    }

    /// A document that another integration posted: kind (`Invoice`, `SalesReceipt`, `CreditMemo` …), number, currency, total,
    /// what is open of it, whether it was voided, and its lines (`text`, `amount`). Its customer is that integration's own.
    pub fn plant_sale(&mut self, sale: &Value) -> bool {
        let Some(kind) = Kind::by_name(json::text(sale, "kind")) else { return false };
        let currency = match json::text(sale, "currency") {
            "" => self.home.clone(),
            code => code.to_owned(),
        };
        let is_void = sale["void"] == json!(true);
        let amount = |key: &str| {
            let amount = json::lenient_decimal(&sale[key]).filter(|_| !is_void).unwrap_or_default();
            json::short_money(amount)
        };
        let or = |key: &str, default: &str| match json::text(sale, key) {
            "" => default.to_owned(),
            given => given.to_owned(),
        };
        let customer = self.new_id();
        let reference = json!({ "value": currency, "name": currency });
        let name = format!("Earlier customer {customer}");
        self.plant(Kind::Customer, customer, json!({ "DisplayName": name, "CurrencyRef": reference, "Balance": 0 }));
        let id = self.new_id();
        let open = if sale.get("open").is_some() { "open" } else { "total" };
        let mut entity = json!({
            "DocNumber": json::text(sale, "number"), "TxnDate": or("date", "2025-12-15"), "CurrencyRef": reference,
            "CustomerRef": { "value": customer.to_string(), "name": name }, "TotalAmt": amount("total"),
            "Balance": if kind == Kind::Invoice { amount(open) } else { json!(0) }, "ExchangeRate": 1,
            "PrivateNote": if is_void { "Voided".into() } else { or("note", "from the earlier integration") }, "LinkedTxn": [],
            "Line": planted_lines(sale),
        });
        if kind == Kind::Payment {
            // What it is not applied to is told by another name, and so is its number.
            entity["UnappliedAmt"] = amount(open);
            entity["PaymentRefNum"] = json!(json::text(sale, "number"));
            entity
                .as_object_mut()
                .into_iter()
                .for_each(|fields| fields.retain(|name, _| !["Balance", "DocNumber"].contains(&name.as_str())));
        }
        self.plant(kind, id, entity);
        true
    }

    /// Puts a preset entity under a fixed id.
    pub(super) fn plant(&mut self, kind: Kind, id: u64, mut entity: Value) {
        let time = super::stamp(chrono::DateTime::<Utc>::UNIX_EPOCH);
        entity["Id"] = json!(id.to_string());
        entity["SyncToken"] = json!("0");
        entity["domain"] = json!("QBO");
        entity["sparse"] = json!(false);
        entity["Active"] = json!(true);
        entity["MetaData"] = json!({ "CreateTime": time, "LastUpdatedTime": time });
        self.put(kind, id, entity);
    }
}

fn planted_lines(sale: &Value) -> Value {
    let line = |(at, one): (usize, &Value)| {
        let amount = json::short_money(json::lenient_decimal(&one["amount"]).unwrap_or_default());
        json!({
            "Id": (at + 1).to_string(), "LineNum": at + 1, "Description": one["text"], "Amount": amount,
            "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": { "ItemRef": { "value": "1", "name": "Sales" }, "Qty": 1, "UnitPrice": amount,
                "TaxCodeRef": { "value": "NON" } },
        })
    };
    json::list(sale, "lines").iter().enumerate().map(line).collect()
}
