//! Reading: by id, by query, by change; and the view for tests.

use chrono::{DateTime, Duration, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::faults::{self, Checked};
use super::query::Query;
use super::{Company, Context, Kind, TRANSACTIONS, stamp};
use crate::http::Request;
use crate::json::{self, Object};
use crate::view::DocumentView;

impl Company {
    pub(super) fn get(&self, kind: Kind, id: &str) -> Option<&Value> {
        self.entities.get(&kind)?.get(&id.parse().ok()?)
    }

    pub(super) fn all(&self, kind: Kind) -> impl Iterator<Item = &Value> {
        self.entities.get(&kind).into_iter().flat_map(|entities| entities.values())
    }

    /// A reference in a body: it must exist, be active, and (in a batch) have existed before the batch.
    pub(super) fn refer(&self, context: &Context, kind: Kind, family: &str, id: &str) -> Checked<&Value> {
        let is_visible = id.parse::<u64>().is_ok_and(|id| id < context.horizon);
        let entity = self.get(kind, id).filter(|_| is_visible);
        let entity = entity.ok_or_else(|| faults::invalid_reference(family, id))?;
        if entity.get("Active") == Some(&Value::Bool(false)) { Err(faults::not_found()) } else { Ok(entity) }
    }

    pub(super) fn put(&mut self, kind: Kind, id: u64, entity: Value) {
        self.entities.entry(kind).or_default().insert(id, entity);
    }

    pub(super) fn entity_mut(&mut self, kind: Kind, id: &str) -> Option<&mut Value> {
        self.entities.get_mut(&kind)?.get_mut(&id.parse().ok()?)
    }

    pub(super) fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(super) fn remove(&mut self, now: DateTime<Utc>, kind: Kind, id: u64) {
        if let Some(entities) = self.entities.get_mut(&kind) {
            entities.remove(&id);
        }
        self.gone.push((kind, id, now));
    }

    /// The entity that a body with an `Id` means. 5010 if its `SyncToken` is not the current one.
    pub(super) fn current(&self, kind: Kind, body: &Object) -> Checked<Option<(u64, Value)>> {
        let Some(id) = body.get("Id").and_then(Value::as_str) else { return Ok(None) };
        let token = body.get("SyncToken").and_then(Value::as_str).ok_or_else(|| faults::required("SyncToken"))?;
        let entity = self.get(kind, id).ok_or_else(faults::not_found)?;
        if json::text(entity, "SyncToken") != token {
            return Err(faults::stale());
        }
        Ok(Some((id.parse().unwrap_or_default(), entity.clone())))
    }

    /// Stamps id, token and times onto an entity and stores it. Returns what the caller sees.
    pub(super) fn commit(
        &mut self,
        now: DateTime<Utc>,
        kind: Kind,
        before: Option<(u64, Value)>,
        mut entity: Object,
    ) -> Value {
        let time = stamp(now);
        let (id, created, token) = match &before {
            Some((id, old)) => {
                let token: u64 = json::text(old, "SyncToken").parse().unwrap_or_default();
                (*id, json::text_at(old, "MetaData.CreateTime").to_owned(), token + 1)
            }
            None => (self.new_id(), time.clone(), 0),
        };
        entity.insert("Id".into(), json!(id.to_string()));
        entity.insert("SyncToken".into(), json!(token.to_string()));
        entity.insert("domain".into(), json!("QBO"));
        entity.insert("sparse".into(), json!(false));
        entity.insert("MetaData".into(), json!({ "CreateTime": created, "LastUpdatedTime": time }));
        let entity = Value::Object(entity);
        self.put(kind, id, entity.clone());
        present(&entity)
    }

    /// A change that QuickBooks itself makes to a linked document: new token, new time.
    pub(super) fn touch(entity: &mut Value, now: DateTime<Utc>) {
        let token: u64 = json::text(entity, "SyncToken").parse().unwrap_or_default();
        entity["SyncToken"] = json!((token + 1).to_string());
        entity["MetaData"]["LastUpdatedTime"] = json!(stamp(now));
    }

    /// Somebody opens every document that a request names by its id, a single one or a batch, and saves it unchanged.
    pub(crate) fn touch_named(&mut self, now: DateTime<Utc>, body: &Value) {
        let items = body.get("BatchItemRequest").and_then(Value::as_array).into_iter().flatten();
        let elements = items.filter_map(Value::as_object).flat_map(|item| item.values()).chain([body]);
        let named = elements.filter(|one| one.get("SyncToken").is_some()).filter_map(|one| one.get("Id")?.as_str());
        for id in named {
            for kind in TRANSACTIONS {
                if let Some(entity) = self.entity_mut(kind, id) {
                    Self::touch(entity, now);
                }
            }
        }
    }

    /// Code 6210: nothing dated on or before the closing date may change.
    pub(super) fn check_open_period(&self, date: &str) -> Checked<()> {
        let Some(closed) = self.settings.book_close_date else { return Ok(()) };
        match date.parse::<NaiveDate>() {
            Ok(date) if date <= closed => Err(faults::closed_period(&closed.to_string())),
            _ => Ok(()),
        }
    }

    pub(super) fn read(&self, kind: Kind, id: &str) -> Checked<Object> {
        let entity = match kind {
            Kind::Preferences => self.preferences(),
            Kind::CompanyInfo => self.company_info(),
            _ => present(self.get(kind, id).ok_or_else(faults::not_found)?),
        };
        Ok(Object::from_iter([(kind.name().to_owned(), entity)]))
    }

    pub(super) fn query(&self, text: &str) -> Checked<Object> {
        let query = Query::parse(text)?;
        let mut found: Vec<Value> = match query.kind {
            Kind::Preferences => vec![self.preferences()],
            Kind::CompanyInfo => vec![self.company_info()],
            kind => self.all(kind).filter(|entity| query.matches(entity)).map(present).collect(),
        };
        if query.count {
            return Ok(Object::from_iter([("QueryResponse".into(), json!({ "totalCount": found.len() }))]));
        }
        query.sort(&mut found);
        let page: Vec<Value> = found.into_iter().skip(query.start - 1).take(query.max).collect();
        let mut response = json!({});
        if !page.is_empty() {
            response = json!({ "startPosition": query.start, "maxResults": page.len() });
            response[query.kind.name()] = Value::Array(page);
        }
        Ok(Object::from_iter([("QueryResponse".into(), response)]))
    }

    /// Change data capture: at most 30 days back; full payloads, the deleted ones last.
    pub(super) fn changes(&self, now: DateTime<Utc>, request: &Request) -> Checked<Object> {
        let since = request.parameter("changedSince").unwrap_or_default();
        let since = DateTime::parse_from_rfc3339(&since).map_err(|_| faults::required("changedSince"))?.to_utc();
        if now - since > Duration::days(30) {
            return Err(faults::query("changedSince must be within the last 30 days"));
        }
        let names = request.parameter("entities").unwrap_or_default();
        let mut responses = Vec::new();
        for name in names.split(',').map(str::trim) {
            let kind = Kind::by_name(name).filter(|kind| !matches!(kind, Kind::TaxCode | Kind::TaxRate));
            let kind = kind.ok_or_else(|| faults::query(format!("entity {name} is not supported by CDC")))?;
            let is_newer = |entity: &&Value| {
                DateTime::parse_from_rfc3339(json::text_at(entity, "MetaData.LastUpdatedTime"))
                    .is_ok_and(|time| time >= since)
            };
            let mut found: Vec<Value> = self.all(kind).filter(is_newer).map(present).collect();
            found.extend(self.gone.iter().filter(|(of, _, at)| *of == kind && *at >= since).map(|(_, id, at)| {
                json!({ "status": "Deleted", "domain": "QBO", "Id": id.to_string(), "MetaData": { "LastUpdatedTime": stamp(*at) } })
            }));
            found.truncate(1000);
            let mut response = json!({});
            if !found.is_empty() {
                response = json!({ "startPosition": 1, "maxResults": found.len() });
                response[kind.name()] = Value::Array(found);
            }
            responses.push(response);
        }
        Ok(Object::from_iter([("CDCResponse".into(), json!([{ "QueryResponse": responses }]))]))
    }

    /// `GET /exchangerate?sourcecurrencycode=EUR`: home units for one foreign unit.
    pub(super) fn exchange_rate(&self, request: &Request) -> Checked<Object> {
        let source = request.parameter("sourcecurrencycode").ok_or_else(|| faults::required("sourcecurrencycode"))?;
        let rate = self.daily_rate(&source).ok_or_else(|| faults::invalid_reference("Currency", &source))?;
        let rate = json!({
            "SourceCurrencyCode": source, "TargetCurrencyCode": self.home, "Rate": json::plain(rate),
            "AsOfDate": request.parameter("asofdate"), "SyncToken": "0", "domain": "QBO", "sparse": false,
        });
        Ok(Object::from_iter([("ExchangeRate".into(), rate)]))
    }

    /// Every transaction as it stands.
    pub fn documents(&self) -> Vec<DocumentView> {
        TRANSACTIONS.iter().flat_map(|kind| self.all(*kind).map(|entity| view(*kind, entity))).collect()
    }

    pub fn parties(&self) -> Vec<Value> {
        self.all(Kind::Customer)
            .map(|customer| {
                json!({
                    "id": customer["Id"], "name": customer["DisplayName"], "active": customer["Active"],
                    "currency": json::text_at(customer, "CurrencyRef.value"),
                    "email": json::text_at(customer, "PrimaryEmailAddr.Address"),
                })
            })
            .collect()
    }
}

/// What goes over the wire: everything but our own marks.
pub(super) fn present(entity: &Value) -> Value {
    let Some(object) = entity.as_object() else { return entity.clone() };
    let shown = object.iter().filter(|(key, _)| !key.starts_with('_'));
    Value::Object(shown.map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn view(kind: Kind, entity: &Value) -> DocumentView {
    let text = |path: &str| json::text_at(entity, path).to_owned();
    let balance = match kind {
        Kind::Payment => json::amount(entity, "UnappliedAmt"),
        _ => json::amount(entity, "Balance"),
    };
    let status = match (kind, entity.get("_voided").is_some(), balance.is_zero()) {
        (_, true, _) => "VOIDED",
        (Kind::SalesReceipt | Kind::RefundReceipt, ..) | (_, _, true) => "PAID",
        _ => "OPEN",
    };
    let links = if kind == Kind::Payment {
        let lines = json::list(entity, "Line").iter();
        lines
            .flat_map(|line| json::list(line, "LinkedTxn").iter().map(move |link| (line, link)))
            .map(|(line, link)| {
                (
                    json::text(link, "TxnType").to_owned(),
                    json::text(link, "TxnId").to_owned(),
                    json::amount(line, "Amount"),
                )
            })
            .collect()
    } else {
        let linked = json::list(entity, "LinkedTxn").iter();
        linked
            .map(|link| (json::text(link, "TxnType").to_owned(), json::text(link, "TxnId").to_owned(), Decimal::ZERO))
            .collect()
    };
    DocumentView {
        kind: kind.name().into(),
        id: text("Id"),
        number: text("DocNumber"),
        reference: text("PaymentRefNum"),
        note: text("PrivateNote"),
        party: text("CustomerRef.value"),
        party_name: text("CustomerRef.name"),
        date: text("TxnDate"),
        currency: text("CurrencyRef.value"),
        rate: json::amount(entity, "ExchangeRate"),
        total: json::amount(entity, "TotalAmt"),
        tax: entity.get("TxnTaxDetail").map(|detail| json::amount(detail, "TotalTax")).unwrap_or_default(),
        balance,
        status: status.into(),
        account: text("DepositToAccountRef.value"),
        links,
    }
}
