//! Shopify's Admin API: tokens, cost, queries, subscriptions.

use sandbox::shopify::{CLIENT, PERMANENT_TOKEN};
use sandbox::{Reply, Request};
use serde_json::{Value, json};

use crate::Bench;

fn token(bench: &mut Bench, client: (&str, &str)) -> Reply {
    let form = format!("grant_type=client_credentials&client_id={}&client_secret={}", client.0, client.1);
    let request = Request::new("POST", "/admin/oauth/access_token");
    bench.send(request.with_header("content-type", "application/x-www-form-urlencoded").with_body(form))
}

fn ask(bench: &mut Bench, token: &str, query: &str) -> Reply {
    let request = Request::new("POST", "/admin/api/2026-10/graphql.json").with_header("x-shopify-access-token", token);
    bench.send(request.with_json(&json!({ "query": query })))
}

fn answer(bench: &mut Bench, query: &str) -> Value {
    ask(bench, PERMANENT_TOKEN, query).value()
}

const LIST: &str = "{ webhookSubscriptions(first: 50) { nodes { topic uri apiVersion { handle } } } }";

#[test]
fn tokens_come_for_the_apps_own_credentials_and_last_a_day() {
    let mut bench = Bench::new();
    assert_eq!(token(&mut bench, ("sandbox-shopify", "wrong")).value()["error"], "invalid_client");
    let granted = token(&mut bench, CLIENT).value();
    assert_eq!(granted["expires_in"], 86_399);
    let access = granted["access_token"].as_str().unwrap().to_owned();
    assert_eq!(ask(&mut bench, &access, LIST).status, 200);
    assert_eq!(ask(&mut bench, "guess", LIST).status, 401);
    bench.advance(86_399);
    assert_eq!(ask(&mut bench, &access, LIST).status, 401);
    assert_eq!(ask(&mut bench, PERMANENT_TOKEN, LIST).status, 200);
}

#[test]
fn a_field_without_its_scope_is_null_with_an_error_beside_the_data() {
    let mut bench = Bench::new();
    let order = json!({"id": 1, "name": "#1", "customer": {"id": 2, "first_name": "A"}, "total_price": "1.00", "currency": "USD"});
    bench.world.shopify.happened("orders/create", &order);
    let query = "{ order(id: \"gid://shopify/Order/1\") { name customer { firstName } } }";
    assert_eq!(answer(&mut bench, query)["data"]["order"]["customer"]["firstName"], "A");
    bench.world.shopify.unapproved = vec!["firstName".into()];
    let unapproved = answer(&mut bench, query);
    assert_eq!(unapproved["data"]["order"]["customer"], json!({ "firstName": null }));
    assert_eq!(unapproved["errors"][0]["path"], json!(["order", "customer", "firstName"]));
    bench.world.shopify.scopes = vec!["read_orders".into()];
    let denied = answer(&mut bench, query);
    assert_eq!(denied["data"]["order"], json!({ "name": "#1", "customer": null }));
    let error = &denied["errors"][0];
    assert_eq!(
        (&error["path"], &error["extensions"]["code"]),
        (&json!(["order", "customer"]), &json!("ACCESS_DENIED"))
    );
    assert!(error["message"].as_str().unwrap().contains("`read_customers` access scope"), "{error}");
}

#[test]
fn a_query_that_the_bucket_does_not_hold_is_throttled_in_a_200() {
    let mut bench = Bench::new();
    bench.world.shopify.bucket.resize(150, 10);
    let first = answer(&mut bench, LIST);
    let cost = first["extensions"]["cost"]["requestedQueryCost"].as_u64().unwrap();
    assert!(cost > 75 && cost <= 150, "{cost}");
    let second = ask(&mut bench, PERMANENT_TOKEN, LIST);
    assert_eq!(second.status, 200);
    assert_eq!(second.value()["errors"][0]["extensions"]["code"], "THROTTLED");
    assert!(second.value().get("data").is_none());
    bench.advance(15);
    assert!(answer(&mut bench, LIST).get("errors").is_none());
}

#[test]
fn a_query_may_cost_a_thousand_points() {
    let mut bench = Bench::new();
    let dear = "{ orders(first: 250) { nodes { lineItems(first: 250) { nodes { id } } } } }";
    assert_eq!(answer(&mut bench, dear)["errors"][0]["extensions"]["code"], "MAX_COST_EXCEEDED");
}

#[test]
fn what_is_not_in_the_schema_is_refused() {
    let mut bench = Bench::new();
    let made = "mutation { webhookSubscriptionCreate(topic: ORDERS_PAID, webhookSubscription: { uri: \"https://t.example\" }) \
         { userErrors { message } } }";
    answer(&mut bench, made);
    for (query, message) in [
        ("{ webhookSubscriptions(first: 1) { nodes { colour } } }", "Field 'colour' doesn't exist on type 'nodes'"),
        ("{ weather }", "Field 'weather' doesn't exist on type 'QueryRoot'"),
        ("{ webhookSubscriptions { nodes { id } } }", "you must provide one of first or last"),
        ("{ webhookSubscriptions(first: 251) { nodes { __typename } } }", "first cannot exceed 250"),
        ("{ orders(first: 1, query: \"tag:x\") { nodes { id } } }", "no filter `tag`"),
        ("{ order(", "Parse error"),
    ] {
        let body = answer(&mut bench, query);
        assert!(body["errors"][0]["message"].as_str().unwrap_or("none").contains(message), "{query}: {body}");
    }
}

#[test]
fn subscriptions_answer_as_a_live_shop_does() {
    let mut bench = Bench::new();
    let create = |bench: &mut Bench, topic: &str, uri: &str| {
        let query = format!(
            "mutation {{ webhookSubscriptionCreate(topic: {topic}, webhookSubscription: {{ uri: \"{uri}\" }}) \
             {{ webhookSubscription {{ id }} userErrors {{ field message }} }} }}"
        );
        let body = answer(bench, &query);
        body["data"]["webhookSubscriptionCreate"]["userErrors"][0]["message"].as_str().unwrap_or("").to_owned()
    };
    assert_eq!(create(&mut bench, "ORDERS_PAID", "https://till.example/hook"), "");
    assert_eq!(
        create(&mut bench, "ORDERS_PAID", "https://till.example/hook"),
        "Address for this topic has already been taken"
    );
    assert_eq!(
        create(&mut bench, "ORDERS_PAID", "http://till.example/hook"),
        "Address protocol http:// is not supported"
    );
    let listed = answer(&mut bench, LIST);
    let nodes = &listed["data"]["webhookSubscriptions"]["nodes"];
    assert_eq!(
        *nodes,
        json!([{ "topic": "ORDERS_PAID", "uri": "https://till.example/hook", "apiVersion": { "handle": "2026-10" } }])
    );
}
