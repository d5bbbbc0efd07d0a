//! What is noticed, and what must not be.

use serde_json::{Value, json};

use super::*;
use crate::shopify::delivery::{News, read};

/// Every delivery of `fixtures/orders`, by file.
fn fixtures() -> Vec<(String, String, Value)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/orders");
    let mut all = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let story: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for delivery in story["deliveries"].as_array().into_iter().flatten() {
            let topic = delivery["topic"].as_str().unwrap_or_default().to_owned();
            all.push((path.display().to_string(), topic, delivery["body"].clone()));
        }
    }
    all
}

fn keys(topic: Topic, body: &Value) -> Vec<String> {
    drift(topic, API_VERSION, body).iter().map(Drift::key).collect()
}

fn an_order() -> Value {
    let whole = |body: &Value| body["line_items"].as_array().is_some_and(|lines| lines.len() > 1);
    fixtures().into_iter().map(|(_, _, body)| body).find(whole).unwrap()
}

#[test]
fn orders_as_they_always_were_are_no_news() {
    let all = fixtures();
    assert!(all.len() > 16);
    // One story is about what is new.
    for (file, topic, body) in all.into_iter().filter(|(file, ..)| !file.contains("unknown_kind_of_transaction")) {
        assert_eq!(keys(Topic::parse(&topic), &body), Vec::<String>::new(), "{topic} in {file}");
    }
}

#[test]
fn another_api_version_is_noticed_whether_older_newer_or_not_said() {
    let told = |version: &str| drift(Topic::Order, version, &an_order())[0].clone();
    assert!(told("2027-01").detail.contains("2027-01, newer than 2026-10"), "{}", told("2027-01").detail);
    assert!(told("2026-07").detail.contains("older"));
    assert_eq!(told("unstable").key(), "api_version:unstable");
    assert_eq!(told("").key(), "api_version:none");
    assert_eq!(told("jane@example.com").key(), "api_version:none", "a header can say anything");
    assert_eq!(
        drift(Topic::Order, "2027-01", &json!({})).len(),
        20,
        "and the rest of the body is looked at all the same"
    );
}

#[test]
fn a_field_that_the_books_need_is_missed() {
    let mut order = an_order();
    order.as_object_mut().unwrap().remove("taxes_included");
    for line in order["line_items"].as_array_mut().unwrap() {
        line.as_object_mut().unwrap().remove("price_set");
    }
    let found = drift(Topic::Order, API_VERSION, &order);
    let places: Vec<_> = found.iter().map(|one| (one.kind, one.place.as_str(), one.path.as_str())).collect();
    let missing = DriftKind::MissingField;
    let expected = [
        (missing, "order.taxes_included", "taxes_included"),
        (missing, "line_item.price_set", "line_items[0].price_set"),
    ];
    assert_eq!(places, expected, "each once, with the first place");
}

#[test]
fn a_new_field_is_noticed_where_money_stands_and_only_there() {
    let mut order = an_order();
    order["landing_page_rating"] = json!(5);
    order["customer"]["favourite_colour"] = json!("red");
    order["green_levy"] = json!({"shop_money": {"amount": "1.00", "currency_code": "USD"}});
    order["environment_fee"] = json!("1.00");
    order["line_items"][1]["surcharge"] = json!("Jane Doe");
    order["total_price_set"]["settlement_money"] = json!({"amount": "1.00"});
    let mut found = keys(Topic::Order, &order);
    found.sort();
    let expected = [
        "unknown_field:line_item.surcharge",
        "unknown_field:money_set.settlement_money",
        "unknown_field:order.environment_fee",
        "unknown_field:order.green_levy",
    ];
    assert_eq!(found, expected);
    let drifts = drift(Topic::Order, API_VERSION, &order);
    assert!(!format!("{drifts:?}").contains("Jane"), "a value is never repeated");
}

#[test]
fn a_new_word_is_noticed_where_every_word_is_known() {
    let mut order = an_order();
    order["financial_status"] = json!("half_paid");
    assert_eq!(keys(Topic::Order, &order), ["unknown_value:order.financial_status=half_paid"]);
    order["financial_status"] = json!(null);
    assert!(keys(Topic::Order, &order).is_empty());
    order["financial_status"] = json!("paid by Jane Doe");
    assert_eq!(keys(Topic::Order, &order), ["unknown_value:order.financial_status=(an odd word)"]);
    let transaction = json!({"id": 1, "order_id": 2, "amount": "1.00", "currency": "USD", "gateway": "manual",
        "kind": "hold", "status": 7});
    let found = keys(Topic::Transaction, &transaction);
    assert_eq!(found, ["unknown_value:transaction.kind=hold", "unknown_value:transaction.status=(no word)"]);
}

#[test]
fn the_same_difference_is_one_wherever_it_stands_and_a_body_tells_only_so_many() {
    let refund = json!({"id": 1, "order_id": 2, "created_at": "2026-11-02T00:00:00Z", "refund_line_items": [],
        "transactions": [], "order_adjustments": [], "bonus": 1});
    let mut order = an_order();
    order["refunds"] = json!([refund]);
    assert_eq!(keys(Topic::Refund, &refund), keys(Topic::Order, &order));
    for n in 0..100 {
        order[format!("total_{n}")] = json!("1.00");
    }
    assert_eq!(drift(Topic::Order, API_VERSION, &order).len(), MOST);
}

#[test]
fn a_body_of_any_shape_is_looked_at_without_harm() {
    for body in [json!(null), json!([]), json!({"line_items": 5, "refunds": {"transactions": [null, [[]], "x"]}})] {
        drift(Topic::Order, "", &body);
    }
}

fn state(change: impl FnOnce(&mut Value)) -> OrderState {
    let mut body = an_order();
    body["transactions"] = json!([{"id": 77, "order_id": body["id"], "amount": "5.00", "currency": "USD",
        "gateway": "manual", "kind": "sale", "status": "success"}]);
    change(&mut body);
    let Ok(News::Order(order)) = read("orders/create", "", body.to_string().as_bytes()) else { panic!("no order") };
    let mut state = OrderState::default();
    state.add_order(*order);
    state
}

#[test]
fn what_may_be_money_or_not_is_unsafe() {
    assert_eq!(unsafe_value(&state(|_| ())), None);
    let told = |change: fn(&mut Value)| unsafe_value(&state(change)).unwrap();
    assert!(told(|body| body["transactions"][0]["status"] = json!("cleared")).contains("`cleared`"));
    assert!(told(|body| body["transactions"][0]["kind"] = json!("payout")).contains("which way"));
    assert!(told(|body| body["transactions"][0]["amount"] = json!("-5.00")).contains("below zero"));
    assert!(told(|body| body["line_items"][0]["quantity"] = json!(-1)).contains("quantity below zero"));
    assert!(told(|body| body["line_items"][0]["current_quantity"] = json!(-1)).contains("quantity below zero"));
    let refund = json!([{"id": 9, "order_id": 2, "refund_line_items":
        [{"line_item_id": 3, "quantity": -1, "subtotal": 1, "total_tax": 0}]}]);
    let found = unsafe_value(&state(|body| body["refunds"] = refund));
    assert_eq!(found.unwrap(), "refund 9 takes back a quantity below zero of line 3");
}

#[test]
fn what_moves_no_money_is_safe_whatever_it_is_called() {
    let told = |change: fn(&mut Value)| unsafe_value(&state(change));
    assert_eq!(told(|body| body["transactions"][0]["status"] = json!("failure")), None);
    let odd = |body: &mut Value| {
        body["transactions"][0]["kind"] = json!("hold");
        body["transactions"][0]["amount"] = json!("0.00");
        body["transactions"][0]["status"] = json!("parked");
    };
    assert_eq!(told(odd), None);
    let failed = |body: &mut Value| {
        body["transactions"][0]["kind"] = json!("hold");
        body["transactions"][0]["status"] = json!("failure");
    };
    assert_eq!(told(failed), None);
}

#[test]
fn a_status_that_is_not_known_is_unsafe_unless_the_transactions_say_what_was_paid() {
    let total = an_order()["total_price"].as_str().unwrap().to_owned();
    let told = |status: Value, amount: &str| {
        let amount = json!(amount);
        unsafe_value(&state(|body| {
            body["financial_status"] = status;
            body["transactions"][0]["amount"] = amount;
        }))
    };
    let found = told(json!("settling"), "5.00").unwrap();
    assert!(found.contains("`settling`") && found.contains("5.00") && found.contains(&total), "{found}");
    assert_eq!(told(json!("settling"), &total), None);
    assert_eq!(told(json!("partially_paid"), "5.00"), None);
    assert_eq!(told(json!(null), "5.00"), None);
}
