//! The part of `/connect` that is about a connection's shop.

use chrono::{DateTime, Utc};

use super::words::{Fact, distance};
use crate::posting::ShopStatus;

/// What is known of Shopify's side.
pub fn shopify(shop: &ShopStatus, now: DateTime<Utc>) -> Vec<Fact> {
    let instant = |name, at: &String| Fact { name, text: distance(at, now), at: at.clone() };
    let plain = |name, text: &str| Fact { name, text: text.to_owned(), at: String::new() };
    let mut facts = vec![match &shop.deliveries.last_delivery {
        Some(at) => instant("Last delivery", at),
        None => plain("Last delivery", "none yet"),
    }];
    facts.push(plain(
        "Admin API",
        match shop.access.as_deref() {
            Some("client_credentials") => "with the app’s client credentials",
            Some(_) => "with an access token",
            None => "not used; docs/shopify.md says what it is good for",
        },
    ));
    match &shop.subscriptions {
        None if shop.makes_subscriptions => facts.push(plain("Webhook subscriptions", "not looked at yet")),
        None => facts.push(plain("Webhook subscriptions", "made by the app’s own configuration")),
        Some(check) => {
            facts.push(instant("Webhook subscriptions checked", &check.checked_at));
            let made = if check.made.is_empty() { "all were there".to_owned() } else { check.made.join(", ") };
            facts.push(Fact { name: "Made then", text: made, at: String::new() });
        }
    }
    facts
}

/// What is wrong on Shopify's side.
pub fn shop_problems(shop: &ShopStatus) -> Vec<String> {
    let mut problems: Vec<String> = shop.subscriptions.iter().flat_map(|check| check.problems.clone()).collect();
    problems.extend(shop.stopped_since.as_ref().map(|since| {
        format!("The app was removed from the shop at {since}: nothing is taken in until it is installed again.")
    }));
    problems.extend(shop.pause_reason.as_ref().map(|why| format!("Shopify’s Admin API is not asked for now: {why}.")));
    problems.extend(shop.deliveries.silent_since.as_ref().map(|since| match shop.deliveries.last_delivery {
        Some(_) => {
            format!("Nothing was heard from the shop since {since}, which is unusually long: check its webhooks.")
        }
        None => format!(
            "Nothing ever came from the shop, and the connection is ready since {since}: check that its webhooks \
                 exist, lead to /webhooks/shopify here and are signed with the secret that is set."
        ),
    }));
    problems
}
