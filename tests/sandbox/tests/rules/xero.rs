//! Xero: contacts, reading, idempotency, limits.

use sandbox::presets::XERO_UK;
use serde_json::{Value, json};

use crate::{Bench, message};

pub(crate) fn contact(bench: &mut Bench, name: &str) -> String {
    let (status, body) = bench.xero("PUT", "Contacts", Some(json!({ "Contacts": [{ "Name": name }] })));
    assert_eq!(status, 200, "{body}");
    body["Contacts"][0]["ContactID"].as_str().unwrap().to_owned()
}

#[test]
fn a_contacts_name_and_number_are_unique() {
    let mut bench = Bench::new();
    contact(&mut bench, "Buzz Lightyear");
    let (status, body) = bench.xero("PUT", "Contacts", Some(json!({ "Name": "buzz lightyear" })));
    assert_eq!(status, 400);
    assert_eq!(
        message(&body),
        "The contact name buzz lightyear is already assigned to another contact. The contact name must be unique across all active contacts."
    );
    assert_eq!(body["Elements"][0]["ContactID"], "00000000-0000-0000-0000-000000000000");
    assert_eq!(bench.xero("PUT", "Contacts", Some(json!({ "Name": "A", "ContactNumber": "7" }))).0, 200);
    let (_, body) = bench.xero("PUT", "Contacts", Some(json!({ "Name": "B", "ContactNumber": "7" })));
    assert!(message(&body).starts_with("Another contact has this contact number."));
    for name in ["a < b", "a  b", " a", "a\u{1f680}", "a\u{2}", &"a".repeat(256)] {
        assert_eq!(bench.xero("PUT", "Contacts", Some(json!({ "Name": name }))).0, 400, "{name:?}");
    }
    let (_, body) = bench.xero("PUT", "Contacts", Some(json!({ "Name": "C", "EmailAddress": "jänе@x.eu" })));
    assert_eq!(message(&body), "Email address must be valid.");
    let (_, body) = bench.xero("GET", "Contacts/7", None);
    assert_eq!(body["Contacts"][0]["Name"], "A");
    let (_, body) = bench.xero("GET", "Contacts?where=Name%3D%3D%22BUZZ%20lightyear%22&page=1", None);
    assert_eq!(body["pagination"]["itemCount"], 1);
}

#[test]
fn a_post_updates_silently_where_a_put_refuses() {
    let mut bench = Bench::new();
    let id = contact(&mut bench, "Jane");
    let (status, body) =
        bench.xero("POST", "Contacts", Some(json!({ "Name": "Jane", "EmailAddress": "jane@example.com" })));
    assert_eq!((status, &body["Contacts"][0]["ContactID"]), (200, &json!(id)));
    assert_eq!(body["Contacts"][0]["EmailAddress"], "jane@example.com");
}

#[test]
fn every_element_stands_for_itself_only_when_asked_to() {
    let mut bench = Bench::new();
    let list = json!({ "Contacts": [{ "Name": "A" }, { "Name": "A" }, { "Name": "B" }] });
    let (status, body) = bench.xero("PUT", "Contacts", Some(list.clone()));
    assert_eq!((status, body["Elements"].as_array().map(Vec::len)), (400, Some(1)));
    assert!(bench.world.xero[XERO_UK].parties().is_empty());
    let (status, body) = bench.xero("PUT", "Contacts?summarizeErrors=false", Some(list));
    let statuses: Vec<&Value> =
        body["Contacts"].as_array().unwrap().iter().map(|one| &one["StatusAttributeString"]).collect();
    assert_eq!((status, statuses), (200, vec![&json!("OK"), &json!("ERROR"), &json!("OK")]));
}

#[test]
fn an_idempotency_key_lives_six_minutes_and_keeps_errors_too() {
    let mut bench = Bench::new();
    let body = |name: &str| Some(json!({ "Name": name }));
    let key = [("idempotency-key", "k1")];
    let first = bench.xero_with("PUT", "Contacts", body("A"), &key);
    let again = bench.xero_with("PUT", "Contacts", body("A"), &key);
    assert_eq!(first.value(), again.value());
    let other = bench.xero_with("PUT", "Contacts", body("B"), &key);
    assert_eq!(other.status, 400);
    assert!(String::from_utf8_lossy(&other.body).contains("Idempotency Key: k1 is used with a different request."));
    bench.advance(360);
    let late = bench.xero_with("PUT", "Contacts", body("A"), &key);
    assert_eq!(late.status, 400, "after six minutes the same key is a new request");
    bench
        .world
        .xero
        .get_mut(XERO_UK)
        .unwrap()
        .archive_contact(first.value()["Contacts"][0]["ContactID"].as_str().unwrap());
    let still = bench.xero_with("PUT", "Contacts", body("A"), &key);
    assert_eq!(still.value(), late.value());
}

#[test]
fn limits_name_the_problem_in_headers() {
    let mut bench = Bench::new();
    bench.world.xero.get_mut(XERO_UK).unwrap().settings.per_minute = 3;
    for _ in 0..3 {
        assert_eq!(bench.xero("GET", "Organisation", None).0, 200);
    }
    let reply = bench.xero_with("GET", "Organisation", None, &[]);
    assert_eq!((reply.status, reply.header("x-rate-limit-problem")), (429, Some("minute")));
    assert_eq!(reply.header("retry-after"), Some("54"));
    bench.world.xero.get_mut(XERO_UK).unwrap().settings.per_day = 3;
    let reply = bench.xero_with("GET", "Organisation", None, &[]);
    assert_eq!(reply.header("x-rate-limit-problem"), Some("day"));
}

#[test]
fn five_requests_at_a_time() {
    let mut bench = Bench::new();
    bench.world.xero.get_mut(XERO_UK).unwrap().settings.latency_ms = 60_000;
    for _ in 0..5 {
        assert_eq!(bench.xero("GET", "Organisation", None).0, 200);
    }
    let reply = bench.xero_with("GET", "Organisation", None, &[]);
    assert_eq!(
        (reply.status, reply.header("x-rate-limit-problem"), reply.header("retry-after")),
        (429, Some("concurrent"), None)
    );
}

#[test]
fn reference_data_can_be_read() {
    let mut bench = Bench::new();
    let (_, body) = bench.xero("GET", "Accounts?where=SystemAccount%3D%3D%22ROUNDING%22", None);
    assert_eq!(body["Accounts"][0]["Code"], "860");
    let (_, body) = bench.xero("GET", "TaxRates", None);
    assert_eq!(body["TaxRates"][0]["TaxType"], "OUTPUT2");
    let (_, body) = bench.xero("GET", "Organisation", None);
    assert_eq!(body["Organisations"][0]["BaseCurrency"], "GBP");
    let (_, body) = bench.xero("GET", "Organisation/Actions", None);
    assert_eq!(body["Actions"][0]["Name"], "UseMulticurrency");
    assert_eq!(bench.xero("GET", "Invoices/none", None).0, 404);
    assert_eq!(bench.xero("PUT", "Journals", Some(json!({}))).0, 501);
}
