//! Batches: at most 30 items, independent of each other, answered in no particular order.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::faults::{self, Checked};
use super::{Action, Company, Context, Kind, action};
use crate::json::{self, Object};

const MAX_ITEMS: usize = 30;

impl Company {
    /// Items do not see what other items create, and each has its own idempotency key: requestid and bId, together at most
    /// 50 characters. They are processed, and answered, last first: the order is documented as not guaranteed.
    pub(super) fn batch(&mut self, now: DateTime<Utc>, body: &Object, request_id: Option<&str>) -> Checked<Object> {
        let items = body.get("BatchItemRequest").and_then(Value::as_array).cloned().unwrap_or_default();
        if items.is_empty() {
            return Err(faults::required("BatchItemRequest"));
        }
        if items.len() > MAX_ITEMS {
            return Err(faults::batch_size(items.len()));
        }
        let horizon = self.next_id + 1;
        let mut seen = Vec::new();
        let mut responses = Vec::new();
        for item in items.iter().rev() {
            self.batch_items += 1;
            let id = json::text(item, "bId").to_owned();
            let outcome = if id.is_empty() || seen.contains(&id) {
                Err(faults::required("bId"))
            } else {
                self.item(now, horizon, item, request_id, &id)
            };
            let mut response = match outcome {
                Ok(mut answer) => {
                    answer.remove("time");
                    Value::Object(answer)
                }
                Err(fault) => json!({ "Fault": fault.to_json() }),
            };
            response["bId"] = json!(id);
            seen.push(id);
            responses.push(response);
        }
        Ok(Object::from_iter([("BatchItemResponse".to_owned(), Value::Array(responses))]))
    }

    fn item(
        &mut self,
        now: DateTime<Utc>,
        horizon: u64,
        item: &Value,
        request_id: Option<&str>,
        batch_id: &str,
    ) -> Checked<Object> {
        if let Some(query) = item.get("Query").and_then(Value::as_str) {
            return self.query(query);
        }
        let key = request_id.map(|id| format!("{id}{batch_id}"));
        if key.as_ref().is_some_and(|key| key.chars().count() > 50) {
            return Err(faults::business("You cannot enter more than 50 characters in the request_id field"));
        }
        let entity = item
            .as_object()
            .into_iter()
            .flatten()
            .find_map(|(name, body)| Some((Kind::by_name(name)?, body.as_object()?)));
        let (kind, body) = entity.ok_or_else(|| faults::required("BatchItemRequest.Entity"))?;
        let operation = json::text(item, "operation");
        if operation.is_empty() {
            return Err(faults::required("operation"));
        }
        let options = json::text(item, "optionsData");
        let action = action(kind, operation, options)?;
        if operation == "create" && body.contains_key("Id") && action == Action::Save {
            return Err(faults::unsupported_property("Id"));
        }
        let context = Context { now, horizon, allow_duplicate_number: options.contains("allowduplicatedocnum") };
        self.once(key, |company| company.write(&context, kind, action, body))
    }
}
