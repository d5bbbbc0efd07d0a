//! Other people's samples of Shopify's bodies, which are not part of this project: every one has to be readable, and what
//! they drift from is shown. Run it with the folder's path:
//! `SHOPIFY_SAMPLES=<folder> cargo test --test samples -- --ignored --nocapture`

use std::collections::BTreeMap;

use serde_json::Value;
use tillproof::shopify::delivery::{API_VERSION, News, read};
use tillproof::shopify::drift::drift;
use tillproof::shopify::{OrderState, Topic, Unreadable};

/// Stands for every text in samples that only show a shape.
const PLACEHOLDER: &str = "\"example string\"";

/// The orders, refunds and transactions in a sample, with their topics.
fn bodies<'a>(value: &'a Value, found: &mut Vec<(&'static str, &'a Value)>) {
    let has = |key: &str| value.get(key).is_some();
    if has("id") && has("line_items") && has("currency") && has("total_price") {
        found.push(("orders/create", value));
    } else if has("id") && has("order_id") && has("refund_line_items") {
        found.push(("refunds/create", value));
    } else if has("id") && has("order_id") && has("kind") && has("status") {
        found.push(("order_transactions/create", value));
    } else if let Value::Array(items) = value {
        items.iter().for_each(|item| bodies(item, found));
    } else if let Value::Object(fields) = value {
        fields.values().for_each(|item| bodies(item, found));
    }
}

#[test]
#[ignore = "needs a folder of samples in SHOPIFY_SAMPLES"]
fn every_sample_is_read_and_its_drift_is_shown() {
    let folder = std::env::var("SHOPIFY_SAMPLES").expect("SHOPIFY_SAMPLES names a folder");
    let mut drifts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut files, mut read_well, mut shapes, mut unread) = (0, 0, 0, Vec::new());
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        files += 1;
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let value: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let mut found = Vec::new();
        bodies(&value, &mut found);
        for (topic, body) in found {
            for one in drift(Topic::parse(topic), API_VERSION, body) {
                drifts.entry(one.key()).or_default().push(format!("{file} {}", one.path));
            }
            if body.to_string().contains(PLACEHOLDER) {
                shapes += 1;
                continue;
            }
            match read(topic, "example.myshopify.com", body.to_string().as_bytes()) {
                Ok(News::Sample) => read_well += 1,
                Ok(News::Order(order)) => {
                    let mut state = OrderState::default();
                    state.add_order(*order);
                    read_well += 1;
                }
                Ok(News::Refund(..) | News::Transaction(..)) => read_well += 1,
                Ok(other) => unread.push(format!("{file}: {topic} is read as {other:?}")),
                Err(Unreadable::Body(why)) => unread.push(format!("{file}: {topic}: {why}")),
                Err(mismatch) => unread.push(format!("{file}: {topic}: {mismatch}")),
            }
        }
    }
    println!("{files} files, {read_well} bodies read, {shapes} more that only show a shape");
    for (key, places) in &drifts {
        println!("{key}: {} bodies, first {}", places.len(), places[0]);
    }
    assert!(read_well > 0, "no body found");
    assert_eq!(unread, Vec::<String>::new());
}
