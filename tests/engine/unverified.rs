//! Deliveries that nobody can verify, because no secret is set for their shop, are refused: that is said on the page, in
//! the status, and by an alert that ends once one is set.

use serde_json::{Value, json};
use tillproof::dashboard::{ConnectPage, render};
use tillproof::platform::Clock;

use super::shopify::alerts;
use crate::support::{Bench, Company, Story};

/// A connected shop with these secrets in place of the bench's own.
fn bench(secrets: &[(&str, &str)]) -> Bench {
    let mut bench = Bench::new(Company::XeroUk);
    bench.variables.retain(|name, _| !name.starts_with("SHOPIFY_"));
    bench.variables.extend(secrets.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    bench
}

fn add_a_second_shop(bench: &mut Bench) {
    let mut second = Company::XeroUk.settings();
    (second["shop"], second["number_prefix"]) = (json!("second.myshopify.com"), json!("T-"));
    second["books"] = json!("main");
    bench.variables.insert("CONNECTION_SECOND".into(), second);
}

pub fn page(bench: &Bench) -> String {
    let views = bench.open().standing().unwrap().into_iter().map(Ok).collect();
    render(&ConnectPage::new(views, "https://till.example", bench.clock.now()))
}

/// What the status says is wrong with each connection.
fn problems(bench: &Bench) -> Vec<Value> {
    let status = serde_json::to_value(bench.open().status().unwrap()).unwrap();
    status["connections"].as_array().unwrap().iter().map(|one| one["problems"].clone()).collect()
}

#[test]
fn once_a_second_shop_is_added_each_lacks_a_secret_of_its_own_until_it_is_set() {
    let mut bench = bench(&[("SHOPIFY_WEBHOOK_SECRETS", "everyone")]);
    bench.poke();
    bench.run();
    assert!(alerts(&bench, true).is_empty() && problems(&bench) == [json!([])]);
    assert!(!page(&bench).contains("refused"));
    add_a_second_shop(&mut bench);
    bench.poke();
    bench.run();
    assert_eq!(alerts(&bench, true), ["webhook_secret", "webhook_secret"]);
    let (page, problems) = (page(&bench), problems(&bench));
    for (index, name) in ["SHOPIFY_WEBHOOK_SECRETS_MAIN", "SHOPIFY_WEBHOOK_SECRETS_SECOND"].into_iter().enumerate() {
        assert!(page.contains(&format!("npx wrangler secret put {name}")), "{page}");
        let text = problems[index][0].as_str().unwrap();
        assert!(text.starts_with(name) && text.contains("(SHOPIFY_WEBHOOK_SECRETS) counts for none"), "{text}");
    }
    assert_eq!(page.matches("Connected, hears nothing").count(), 2, "{page}");
    // What is known of orders goes on being posted.
    bench.tell(&Story::read("simple"));
    bench.run();
    assert_eq!(bench.state(&Story::read("simple").order_id()).0, "synced");
    bench.variables.insert("SHOPIFY_WEBHOOK_SECRETS_MAIN".into(), json!("one"));
    bench.variables.insert("SHOPIFY_CLIENT_SECRET_SECOND".into(), json!("other"));
    bench.poke();
    bench.run();
    assert!(alerts(&bench, true).is_empty());
}

#[test]
fn without_any_secret_it_is_said_which_one_to_set() {
    let mut bench = bench(&[]);
    bench.poke();
    bench.run();
    assert_eq!(alerts(&bench, true), ["webhook_secret"]);
    let text = problems(&bench)[0][0].as_str().unwrap().to_owned();
    assert!(text.starts_with("SHOPIFY_WEBHOOK_SECRETS:") && !text.contains("counts for none"), "{text}");
    assert!(page(&bench).contains("npx wrangler secret put SHOPIFY_WEBHOOK_SECRETS"), "{}", page(&bench));
    // A connection that is configured no more lacks nothing.
    bench.variables.remove("CONNECTION_MAIN");
    bench.poke();
    bench.run();
    assert!(alerts(&bench, true).is_empty());
}
