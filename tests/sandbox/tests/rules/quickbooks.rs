//! QuickBooks: names, queries, batches, idempotency, limits.

use sandbox::presets::{QUICKBOOKS_UK, QUICKBOOKS_US};
use serde_json::{Value, json};

use crate::{Bench, code};

pub(crate) fn customer(bench: &mut Bench, name: &str, currency: &str) -> String {
    let (status, body) = bench.us("customer", json!({ "DisplayName": name, "CurrencyRef": { "value": currency } }));
    assert_eq!(status, 200, "{body}");
    body["Customer"]["Id"].as_str().unwrap().to_owned()
}

#[test]
fn a_customers_name_is_unique_and_free_of_colons_and_long_ones_are_refused() {
    let mut bench = Bench::new();
    customer(&mut bench, "Jane Doe", "USD");
    assert_eq!(code(&bench.us("customer", json!({ "DisplayName": "jane doe" })).1), "6240");
    for (name, wanted) in
        [("Jane: Doe", "2040"), ("Jane\tDoe", "2040"), ("Jane \u{1f680}", "2010"), ("Jane\u{7}", "2040")]
    {
        assert_eq!(code(&bench.us("customer", json!({ "DisplayName": name })).1), wanted, "{name:?}");
    }
    assert_eq!(code(&bench.us("customer", json!({ "DisplayName": "J".repeat(501) })).1), "2050");
    assert_eq!(code(&bench.us("customer", json!({ "Notes": "x" })).1), "6080");
    assert_eq!(code(&bench.us("customer", json!({ "DisplayName": "J", "Colour": "red" })).1), "2010");
    let email = json!({ "DisplayName": "J", "PrimaryEmailAddr": { "Address": "nobody" } });
    assert_eq!(code(&bench.us("customer", email).1), "2210");
}

#[test]
fn a_customers_currency_is_fixed_at_creation() {
    let mut bench = Bench::new();
    let id = customer(&mut bench, "Jane Doe (EUR)", "EUR");
    let change = json!({ "Id": id, "SyncToken": "0", "sparse": true, "CurrencyRef": { "value": "USD" } });
    assert_eq!(code(&bench.us("customer", change).1), "6000");
    let rename = json!({ "Id": id, "SyncToken": "0", "sparse": true, "GivenName": "Jane" });
    let (_, body) = bench.us("customer", rename.clone());
    assert_eq!(body["Customer"]["SyncToken"], "1");
    assert_eq!(code(&bench.us("customer", rename).1), "5010");
}

#[test]
fn a_customer_is_found_by_name_with_an_escaped_apostrophe() {
    let mut bench = Bench::new();
    let id = customer(&mut bench, "Adam's", "USD");
    let query = "query?query=select%20*%20from%20Customer%20where%20DisplayName%20%3D%20'Adam%5C's'";
    let (status, body) = bench.quickbooks(QUICKBOOKS_US, "GET", query, None);
    assert_eq!((status, &body["QueryResponse"]["Customer"][0]["Id"]), (200, &json!(id)));
    let (status, body) =
        bench.quickbooks(QUICKBOOKS_US, "GET", "query?query=select+*+from+Invoice+where+PrivateNote+%3D+'x'", None);
    assert_eq!((status, code(&body)), (400, "4001"));
}

#[test]
fn the_same_requestid_gets_the_same_answer_and_a_fault_is_not_kept() {
    let mut bench = Bench::new();
    let first = bench.us("customer?requestid=r-1", json!({ "DisplayName": "Jane" }));
    let again = bench.us("customer?requestid=r-1", json!({ "DisplayName": "Someone else" }));
    assert_eq!(first, again);
    assert_eq!(code(&bench.us("customer?requestid=r-2", json!({ "DisplayName": "Jane" })).1), "6240");
    assert_eq!(bench.us("customer?requestid=r-2", json!({ "DisplayName": "Joan" })).0, 200);
    let long = format!("customer?requestid={}", "x".repeat(51));
    assert_eq!(code(&bench.us(&long, json!({ "DisplayName": "Jim" })).1), "6000");
}

#[test]
fn batch_items_are_independent_and_have_their_own_keys() {
    let mut bench = Bench::new();
    let items = json!({ "BatchItemRequest": [
        { "bId": "a", "operation": "create", "Customer": { "DisplayName": "A" } },
        { "bId": "b", "operation": "create", "Customer": { "DisplayName": "B: C" } },
        { "bId": "q", "Query": "select count(*) from Customer" },
    ] });
    let (status, first) = bench.us("batch?requestid=batch-1", items.clone());
    assert_eq!(status, 200);
    let by_id = |body: &Value, id: &str| {
        let list = body["BatchItemResponse"].as_array().unwrap().clone();
        list.into_iter().find(|item| item["bId"] == id).unwrap()
    };
    assert_eq!(by_id(&first, "b")["Fault"]["Error"][0]["code"], "2040");
    let (_, again) = bench.us("batch?requestid=batch-1", items);
    assert_eq!(by_id(&first, "a"), by_id(&again, "a"));
    assert_eq!(by_id(&again, "q")["QueryResponse"]["totalCount"], 1);
    let many: Vec<Value> = (0..31).map(|n| json!({ "bId": n.to_string(), "Query": "select * from Item" })).collect();
    assert_eq!(code(&bench.us("batch", json!({ "BatchItemRequest": many })).1), "1040");
    let long = json!({ "BatchItemRequest": [{ "bId": "x".repeat(36), "operation": "create", "Customer": { "DisplayName": "Z" } }] });
    let (_, body) = bench.us(&format!("batch?requestid={}", "r".repeat(32)), long);
    assert_eq!(body["BatchItemResponse"][0]["Fault"]["Error"][0]["code"], "6000");
}

#[test]
fn limits_are_answered_in_the_gateways_dialect() {
    let mut bench = Bench::new();
    bench.world.quickbooks.get_mut(QUICKBOOKS_US).unwrap().settings.per_minute = 2;
    for _ in 0..2 {
        assert_eq!(bench.quickbooks(QUICKBOOKS_US, "GET", "preferences", None).0, 200);
    }
    let (status, body) = bench.quickbooks(QUICKBOOKS_US, "GET", "preferences", None);
    assert_eq!((status, &body["fault"]["error"][0]["code"]), (429, &json!("3001")));
    bench.advance(60);
    assert_eq!(bench.quickbooks(QUICKBOOKS_US, "GET", "preferences", None).0, 200);
}

#[test]
fn company_switches_stop_writes() {
    let mut bench = Bench::new();
    bench.world.quickbooks.get_mut(QUICKBOOKS_US).unwrap().settings.subscription_ended = true;
    assert_eq!(code(&bench.us("customer", json!({ "DisplayName": "A" })).1), "6190");
    assert_eq!(
        bench.quickbooks(QUICKBOOKS_US, "GET", "companyinfo/1000000001", None).1["CompanyInfo"]["Country"],
        "US"
    );
    let (_, body) = bench.quickbooks(QUICKBOOKS_UK, "GET", "preferences", None);
    assert_eq!(body["Preferences"]["CurrencyPrefs"]["HomeCurrency"]["value"], "GBP");
}

#[test]
fn changes_are_listed_with_the_deleted_last() {
    let mut bench = Bench::new();
    let customer = customer(&mut bench, "Jane", "USD");
    let payment = json!({ "TotalAmt": 5, "CustomerRef": { "value": customer }, "CurrencyRef": { "value": "USD" } });
    let (_, kept) = bench.us("payment", payment.clone());
    let (_, gone) = bench.us("payment", payment);
    let id = gone["Payment"]["Id"].clone();
    assert_eq!(bench.us("payment?operation=delete", json!({ "Id": id, "SyncToken": "0" })).0, 200);
    let since = (bench.now - chrono::Duration::hours(1)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let (_, body) = bench.quickbooks(QUICKBOOKS_US, "GET", &format!("cdc?entities=Payment&changedSince={since}"), None);
    let list = &body["CDCResponse"][0]["QueryResponse"][0]["Payment"];
    assert_eq!(list[0]["Id"], kept["Payment"]["Id"]);
    assert_eq!((&list[1]["status"], &list[1]["Id"]), (&json!("Deleted"), &id));
}
