//! Shopify's cost budget: a bucket of points per app and shop that fills by the second. Every answer says how full it is
//! and what the query was charged; both are remembered, so that nothing is sent that would only be refused.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a query is taken to cost before Shopify said so: the most that one query may.
const UNKNOWN_COST: i64 = 1_000;

/// The bucket as it was last seen. Points are whole; amounts are rounded down, costs as Shopify states them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    seen: Option<Seen>,
    costs: BTreeMap<String, i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    available: i64,
    maximum: i64,
    per_second: i64,
    at: DateTime<Utc>,
}

/// A number of the cost object: `2000.0` as well as `2000`.
fn points(value: &Value) -> Option<i64> {
    value.as_number()?.to_string().split('.').next()?.parse().ok()
}

impl Budget {
    /// Takes in what an answer's `extensions.cost` says.
    pub fn learn(&mut self, operation: &str, cost: &Value, now: DateTime<Utc>) {
        if let Some(requested) = points(&cost["requestedQueryCost"]) {
            self.costs.insert(operation.to_owned(), requested);
        }
        let status = &cost["throttleStatus"];
        let read = |key: &str| points(&status[key]);
        if let (Some(available), Some(maximum), Some(per_second)) =
            (read("currentlyAvailable"), read("maximumAvailable"), read("restoreRate"))
        {
            self.seen = Some(Seen { available, maximum, per_second: per_second.max(1), at: now });
        }
    }

    /// How long to wait until the bucket holds what this operation costs; zero if it does, or if nothing is known.
    pub fn wait(&self, operation: &str, now: DateTime<Utc>) -> Duration {
        let Some(seen) = &self.seen else { return Duration::zero() };
        let cost = self.costs.get(operation).copied().unwrap_or(UNKNOWN_COST).min(seen.maximum);
        let passed = (now - seen.at).num_milliseconds().max(0);
        let missing = (cost - seen.available).saturating_mul(1_000) - passed.saturating_mul(seen.per_second);
        if missing <= 0 {
            Duration::zero()
        } else {
            Duration::milliseconds((missing + seen.per_second - 1) / seen.per_second)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_waits_exactly_until_the_bucket_holds_the_cost() {
        let now: DateTime<Utc> = "2026-11-02T09:00:00Z".parse().unwrap();
        let mut budget = Budget::default();
        assert_eq!(budget.wait("Order", now), Duration::zero(), "nothing is known yet");
        let status = json!({"maximumAvailable": 1000.0, "currentlyAvailable": 100, "restoreRate": 50.0});
        budget.learn("Order", &json!({"requestedQueryCost": 300, "throttleStatus": status}), now);
        assert_eq!(budget.wait("Order", now), Duration::seconds(4));
        assert_eq!(budget.wait("Order", now + Duration::seconds(3)), Duration::seconds(1));
        assert_eq!(budget.wait("Order", now + Duration::seconds(9)), Duration::zero());
        assert_eq!(budget.wait("Refund", now), Duration::seconds(18), "what is not known may cost the most");
    }
}
