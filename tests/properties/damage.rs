//! Bodies that are nearly right: whatever is wrong with them, there is a record and no panic.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Bench, Company, SHOP, Story};

/// One thing that is done to a body.
#[derive(Debug, Clone)]
enum Damage {
    Drop,
    Put(Value),
    /// Takes what stands somewhere else.
    Swap(usize),
    Twice,
}

fn damage() -> impl Strategy<Value = Damage> {
    let odd = vec![
        Value::Null,
        json!(true),
        json!(""),
        json!("\u{0}"),
        json!("-0.01"),
        json!("1e400"),
        json!("999999999999999999999999999999.99"),
        json!("0.00000000000000000001"),
        // Just inside what is read.
        json!("100000000000"),
        json!("0.0001"),
        json!(1_000_000),
        json!("1000000"),
        json!("NaN"),
        json!("١٢٣"),
        json!(-1),
        json!(0),
        json!(u64::MAX),
        json!(i64::MIN),
        serde_json::from_str("1e308").unwrap(),
        serde_json::from_str("123456789012345678901234567890.123456789").unwrap(),
        json!([]),
        json!({}),
        json!([null]),
        json!("9999-12-31T23:59:59+14:00"),
        json!("0000-00-00T00:00:00Z"),
        json!("XXX"),
        json!("🚀".repeat(5000)),
        json!("\u{202e}\u{feff}\u{ffff}"),
        json!({"shop_money": {"amount": "1.00", "currency_code": "EUR"}}),
    ];
    prop_oneof![
        2 => Just(Damage::Drop),
        6 => prop::sample::select(odd).prop_map(Damage::Put),
        2 => any::<prop::sample::Index>().prop_map(|index| Damage::Swap(index.index(1 << 20))),
        1 => Just(Damage::Twice),
    ]
}

/// The pointers of every value in a body.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields {
                let place = format!("{at}/{}", escape(key));
                places(inner, &place, all);
                all.push(place);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                let place = format!("{at}/{index}");
                places(inner, &place, all);
                all.push(place);
            }
        }
        _ => {}
    }
}

fn harm(body: &mut Value, place: usize, damage: &Damage) {
    let mut all = Vec::new();
    places(body, "", &mut all);
    let Some(place) = all.get(place % all.len().max(1)).cloned() else { return };
    match damage {
        Damage::Put(value) => {
            if let Some(found) = body.pointer_mut(&place) {
                *found = value.clone();
            }
        }
        Damage::Swap(other) => {
            let taken = body.pointer(&all[other % all.len()]).cloned().unwrap_or_default();
            if let Some(found) = body.pointer_mut(&place) {
                *found = taken;
            }
        }
        Damage::Drop | Damage::Twice => {
            let (parent, key) = place.rsplit_once('/').unwrap();
            let key = key.replace("~1", "/").replace("~0", "~");
            match (body.pointer_mut(parent), damage) {
                (Some(Value::Object(fields)), Damage::Drop) => drop(fields.remove(&key)),
                (Some(Value::Array(items)), Damage::Drop) => drop(items.remove(key.parse().unwrap())),
                (Some(Value::Array(items)), _) => items.push(items[key.parse::<usize>().unwrap()].clone()),
                _ => {}
            }
        }
    }
}

fn stories() -> impl Strategy<Value = usize> {
    0..Story::all().len()
}

fn harms() -> impl Strategy<Value = Vec<(usize, usize, Damage)>> {
    prop::collection::vec((0..8usize, 0..1usize << 20, damage()), 1..4)
}

/// A story with its harm done.
fn harmed(story: usize, harms: &[(usize, usize, Damage)]) -> Vec<(String, Value)> {
    thread_local!(static ALL: Vec<Vec<(String, Value)>> = Story::all().into_iter().map(|one| one.deliveries).collect());
    let mut deliveries = ALL.with(|all| all[story].clone());
    for (delivery, place, damage) in harms {
        let index = delivery % deliveries.len();
        harm(&mut deliveries[index].1, *place, damage);
    }
    deliveries
}

proptest! {
    #![proptest_config(crate::cases(3_000, 1))]

    #[test]
    fn reading_a_damaged_body_never_panics(story in stories(), harms in harms()) {
        for (topic, body) in &harmed(story, &harms) {
            let _ = tillproof::shopify::delivery::read(topic, SHOP, body.to_string().as_bytes());
        }
    }

    #[test]
    fn reading_a_damaged_text_never_panics(story in stories(), cut in 0..10_000usize, byte: u8, at in 0..10_000usize) {
        let story = harmed(story, &[]);
        let mut bytes = story[0].1.to_string().into_bytes();
        let (cut, at) = (cut % bytes.len(), at % bytes.len());
        bytes[at] = byte;
        let _ = tillproof::shopify::delivery::read("orders/create", SHOP, &bytes);
        let _ = tillproof::shopify::delivery::read("orders/create", SHOP, &bytes[..cut]);
    }
}

proptest! {
    #![proptest_config(crate::cases(250, 40))]

    #[test]
    fn a_damaged_story_is_always_on_record(
        story in stories(),
        harms in harms(),
        company in prop::sample::select(Company::ALL.to_vec()),
    ) {
        let story = harmed(story, &harms);
        let bench = Bench::new(company);
        for (topic, body) in &story {
            bench.deliver(topic, body);
        }
        bench.run();
        let events = bench.journal("SELECT outcome, coalesce(reason, '') AS reason FROM events");
        prop_assert_eq!(events.len(), story.len(), "one event a delivery");
        for event in &events {
            prop_assert!(event["outcome"] != "pending" || waits(&bench), "{:?}", event);
            prop_assert!(event["outcome"] != "held" || !event["reason"].is_empty(), "held without a reason");
        }
        for order in bench.rows("SELECT state, coalesce(reason, '') AS reason, coalesce(remedy, '') AS remedy FROM orders") {
            prop_assert!(order["state"] != "held" || !(order["reason"].is_empty() || order["remedy"].is_empty()));
            prop_assert!(order["reason"] != "crashed", "nothing on the way to the books may crash");
        }
        for document in bench.journal("SELECT * FROM documents WHERE state = 'posted'") {
            prop_assert_eq!(&document["proof"], "exact", "{:?}", document);
        }
    }
}

/// An order may wait for what it needs: its own snapshot, or a time that has not come.
fn waits(bench: &Bench) -> bool {
    !bench.rows("SELECT 1 FROM orders WHERE state IN ('pending', 'retrying') OR due_at IS NOT NULL").is_empty()
}
