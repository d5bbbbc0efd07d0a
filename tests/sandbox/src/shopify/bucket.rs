//! The cost budget: a leaky bucket of points, and the part of the answer that tells of it.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// The most that one query may cost.
const MOST: u64 = 1_000;

/// The bucket of one app in one shop: 2,000 points, 100 a second, as a standard shop has.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub maximum: u64,
    pub per_second: u64,
    available: u64,
    at: Option<DateTime<Utc>>,
    /// Queries refused because the bucket was empty.
    pub throttled: u64,
}

impl Default for Bucket {
    fn default() -> Self {
        Self { maximum: 2_000, per_second: 100, available: 2_000, at: None, throttled: 0 }
    }
}

impl Bucket {
    /// Another size; it begins full.
    pub fn resize(&mut self, maximum: u64, per_second: u64) {
        (self.maximum, self.per_second, self.available) = (maximum, per_second, maximum);
    }

    /// Takes the points, or says why not.
    pub(super) fn take(&mut self, now: DateTime<Utc>, cost: u64) -> Result<(), Value> {
        let passed = self.at.map_or(0, |at| (now - at).num_milliseconds().max(0).unsigned_abs());
        let gained = passed * self.per_second / 1_000;
        if gained > 0 || self.at.is_none() {
            self.available = (self.available + gained).min(self.maximum);
            self.at = Some(now);
        }
        if cost > MOST.min(self.maximum) {
            let message = format!("Query cost is {cost}, which exceeds the single query max cost limit ({MOST}).");
            return Err(
                json!({ "message": message, "extensions": { "code": "MAX_COST_EXCEEDED", "cost": cost, "maxCost": MOST } }),
            );
        }
        if cost > self.available {
            self.throttled += 1;
            return Err(json!({ "message": "Throttled", "extensions": { "code": "THROTTLED" } }));
        }
        self.available -= cost;
        Ok(())
    }

    pub(super) fn report(&self, requested: u64, actual: Option<u64>) -> Value {
        let float = |points: u64| serde_json::from_str::<Value>(&format!("{points}.0")).unwrap_or_default();
        json!({
            "requestedQueryCost": requested, "actualQueryCost": actual,
            "throttleStatus": {
                "maximumAvailable": float(self.maximum), "currentlyAvailable": self.available,
                "restoreRate": float(self.per_second),
            },
        })
    }
}
