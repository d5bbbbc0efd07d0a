//! The stories of `fixtures/orders`, told as if they happened today.

use serde_json::Value;

use super::{now, root};

/// The deliveries of `fixtures/orders/<name>.json`, as if they happened today: an order that is older than the books
/// would be looked up in the ledger before it is posted.
pub fn story(name: &str) -> Vec<(String, Vec<u8>)> {
    let path = root().join("fixtures/orders").join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let story: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let deliveries = story["deliveries"].as_array().cloned().unwrap_or_default();
    let one = |delivery: &Value| {
        let topic = delivery["topic"].as_str().unwrap_or_default().to_owned();
        (topic, moved_to_today(&delivery["body"]).to_string().into_bytes())
    };
    deliveries.iter().map(one).collect()
}

/// The names of all stories.
pub fn stories() -> Vec<String> {
    let entries = std::fs::read_dir(root().join("fixtures/orders")).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.filter_map(|entry| Some(entry.path().file_stem()?.to_string_lossy().into_owned())).collect();
    names.sort();
    names
}

/// Every instant moved on by the same time, so that the stories' first day, 2 November 2026, is tomorrow.
fn moved_to_today(value: &Value) -> Value {
    let first: chrono::DateTime<chrono::Utc> = "2026-11-02T00:00:00Z".parse().unwrap_or_default();
    let days = (now() - first).num_days() + 1;
    match value {
        Value::String(text) => match chrono::DateTime::parse_from_rfc3339(text) {
            Ok(instant) => Value::from((instant + chrono::Duration::days(days)).to_rfc3339()),
            Err(_) => value.clone(),
        },
        Value::Array(list) => list.iter().map(moved_to_today).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), moved_to_today(value))).collect())
        }
        other => other.clone(),
    }
}
