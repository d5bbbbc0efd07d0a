//! Whether Shopify tells everything: the webhook subscriptions, and what is done about a shop that falls silent.

use std::cell::Cell;
use std::task::Context;

use chrono::Duration;
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, pending};
use sandbox::shopify::DOMAIN;
use serde_json::json;
use tillproof::platform::{Clock, Http, HttpError, Request, Response};

use super::preflight::report;
use super::shopify::{FETCHED, alerts, calls, connected, happened, shop_status};
use super::unverified::page;
use crate::support::{Bench, Company, SandboxHttp, Story};

const HERE: &str = "https://till.example/webhooks/shopify";

fn managed() -> Bench {
    let mut settings = Company::XeroUk.settings();
    settings["subscriptions"] = json!("api");
    let mut bench = connected(Company::XeroUk, settings);
    bench.variables.insert("PUBLIC_URL".into(), json!("https://till.example/"));
    bench
}

fn cron(bench: &Bench) {
    bench.poke();
    bench.run();
}

fn topics(bench: &Bench) -> Vec<String> {
    let world = bench.world.borrow();
    let mut topics: Vec<String> =
        world.shopify.subscriptions.iter().filter(|one| one.uri == HERE).map(|one| one.topic.clone()).collect();
    topics.sort();
    topics
}

#[test]
fn missing_subscriptions_are_made_wrong_ones_replaced_and_foreign_ones_left_alone() {
    let bench = managed();
    {
        let shop = &mut bench.world.borrow_mut().shopify;
        for (topic, uri, version) in [
            ("ORDERS_CREATE", HERE, "2026-07"),
            ("ORDERS_PAID", HERE, "2026-10"),
            ("ORDERS_CREATE", "https://other.example/hook", "2026-01"),
        ] {
            shop.subscriptions.push(sandbox::shopify::Subscription {
                id: shop.subscriptions.len() as u64 + 1,
                topic: topic.into(),
                uri: uri.into(),
                version: version.into(),
                created_at: bench.clock.now(),
                filter: String::new(),
                include_fields: Vec::new(),
            });
        }
    }
    cron(&bench);
    assert_eq!(topics(&bench).len(), 9, "{:?}", topics(&bench));
    assert!(bench.world.borrow().shopify.subscriptions.iter().all(|one| one.version == "2026-10" || one.uri != HERE));
    assert_eq!(bench.world.borrow().shopify.subscriptions.len(), 10);
    let check = shop_status(&bench)["subscriptions"].clone();
    assert_eq!(
        (check["made"].as_array().unwrap().len(), check["problems"].as_array().unwrap().len()),
        (8, 0),
        "{check}"
    );
    assert!(alerts(&bench, true).is_empty(), "the first time they are simply made");
}

#[test]
fn a_subscription_that_shopify_removed_is_made_again_within_a_day_and_what_was_missed_is_fetched() {
    let bench = managed();
    cron(&bench);
    let before = calls(&bench);
    bench.clock.advance(Duration::hours(23));
    cron(&bench);
    assert_eq!(calls(&bench), before, "once a day");
    let told = Story::read("simple");
    bench.deliver(&told.deliveries[1].0, &told.deliveries[1].1);
    bench.world.borrow_mut().shopify.subscriptions.retain(|one| !one.topic.starts_with("ORDERS_"));
    let mut missed = Story::read("partial_refund");
    for (_, body) in missed.deliveries.iter_mut().filter(|(topic, _)| topic.starts_with("orders/")) {
        body["updated_at"] = json!("2026-11-03T08:30:00Z");
    }
    [&told, &missed].into_iter().for_each(|story| happened(&bench, story));
    // What is still subscribed to goes on coming.
    bench.clock.advance(Duration::minutes(100));
    bench.deliver("carts/update", &json!({"id": 1}));
    bench.clock.advance(Duration::minutes(20));
    cron(&bench);
    assert_eq!(topics(&bench).len(), 9);
    assert_eq!(alerts(&bench, true), ["subscriptions"]);
    assert!(bench.journal("SELECT message FROM alerts")[0]["message"].contains("orders/create"));
    assert_eq!(bench.state(&missed.order_id()).0, "synced", "nobody told of it");
    bench.clock.advance(Duration::hours(25));
    cron(&bench);
    assert!(alerts(&bench, true).is_empty(), "all is well again");
}

/// A shop whose list of subscriptions cannot be read to its end.
struct Torn<'a>(SandboxHttp<'a>, &'static str, &'static str);

impl Http for Torn<'_> {
    fn send(&self, request: Request) -> LocalBoxFuture<'_, Result<Response, HttpError>> {
        let is_list = request.body.as_ref().is_some_and(|body| body.contains("webhookSubscriptions("));
        let sent = self.0.send(request);
        async move {
            let mut response = sent.await?;
            if is_list {
                response.body = response.body.replace(self.1, self.2);
            }
            Ok(response)
        }
        .boxed_local()
    }
}

#[test]
fn only_a_list_that_was_read_to_its_end_says_what_is_missing() {
    let torn =
        [("\"nodes\"", "\"odes\""), ("\"pageInfo\"", "\"ageInfo\""), ("\"hasNextPage\":false", "\"hasNextPage\":null")];
    for (from, to) in torn {
        let bench = managed();
        cron(&bench);
        bench.clock.advance(Duration::hours(25));
        let http = Torn(SandboxHttp(&bench), from, to);
        bench.books(&http).turn().now_or_never().unwrap();
        let check = shop_status(&bench)["subscriptions"].clone();
        assert_eq!(check["made"], json!([]), "{from}: {check}");
        assert!(check["problems"][0].as_str().unwrap().contains("cannot be read"), "{from}: {check}");
        assert_eq!(alerts(&bench, true), ["subscriptions"]);
        bench.clock.advance(Duration::hours(25));
        cron(&bench);
        assert!(alerts(&bench, true).is_empty(), "{from}");
    }
}

/// A shop that makes so many subscriptions; with the next one the power goes, before or after it is made.
struct Dies<'a>(SandboxHttp<'a>, Cell<i32>, bool);

impl Http for Dies<'_> {
    fn send(&self, request: Request) -> LocalBoxFuture<'_, Result<Response, HttpError>> {
        let makes = request.body.as_ref().is_some_and(|body| body.contains("webhookSubscriptionCreate"));
        self.1.set(self.1.get() - i32::from(makes));
        if self.1.get() >= 0 {
            return self.0.send(request);
        }
        let made = if self.2 { Some(self.0.send(request)) } else { None };
        async move {
            if let Some(made) = made {
                let _ = made.await;
            }
            pending().await
        }
        .boxed_local()
    }
}

#[test]
fn what_was_made_before_a_restart_counts_as_made_and_what_was_missed_is_fetched() {
    for after in [true, false] {
        let bench = managed();
        cron(&bench);
        let mut missed = Story::read("simple");
        missed.deliveries[0].1["updated_at"] = json!("2026-11-02T20:00:00Z");
        happened(&bench, &missed);
        bench.world.borrow_mut().shopify.subscriptions.retain(|one| one.topic != "ORDERS_CREATE");
        bench.clock.advance(Duration::hours(25));
        {
            let http = Dies(SandboxHttp(&bench), Cell::new(0), after);
            let books = bench.books(&http);
            let mut turn = std::pin::pin!(books.turn());
            assert!(turn.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending());
        }
        bench.pulse.stop();
        cron(&bench);
        assert_eq!(topics(&bench).len(), 9);
        assert_eq!(shop_status(&bench)["subscriptions"]["made"], json!(["orders/create"]), "made first: {after}");
        assert!(bench.journal("SELECT message FROM alerts")[0]["message"].contains("orders/create"));
        assert_eq!(bench.state(&missed.order_id()).0, "synced", "nobody told of it");
    }
}

#[test]
fn what_cannot_be_put_right_is_said_with_its_remedy() {
    let mut bench = managed();
    bench.variables.remove("PUBLIC_URL");
    cron(&bench);
    let check = shop_status(&bench)["subscriptions"].clone();
    assert!(check["problems"][0].as_str().unwrap().contains("PUBLIC_URL"), "{check}");
    assert_eq!(alerts(&bench, true), ["subscriptions"]);
    let untouched = connected(Company::XeroUk, Company::XeroUk.settings());
    cron(&untouched);
    assert_eq!(calls(&untouched), 1, "the day's look at the shop: the app's own configuration makes them");
}

/// A delivery every hour, for that many hours.
fn hours_of_news(bench: &Bench, hours: u64) {
    for hour in 0..hours {
        bench.deliver("carts/update", &json!({"id": hour}));
        bench.run();
        bench.clock.advance(Duration::hours(1));
    }
}

/// Cron, for that many hours.
fn hours_of_silence(bench: &Bench, hours: i64) {
    for _ in 0..hours * 2 {
        bench.clock.advance(Duration::minutes(30));
        cron(bench);
    }
}

#[test]
fn a_shop_that_falls_silent_is_asked_what_it_did_not_tell_and_somebody_hears_of_it_once() {
    let bench = managed();
    cron(&bench);
    hours_of_news(&bench, 80);
    hours_of_silence(&bench, 1);
    assert!(alerts(&bench, true).is_empty(), "an hour is usual");
    let missed: Vec<Story> = FETCHED.iter().map(|name| Story::read(name)).collect();
    missed.iter().for_each(|story| happened(&bench, story));
    // They changed after the last delivery, as the shop has it.
    bench.world.borrow_mut().shopify.subscriptions.clear();
    hours_of_silence(&bench, 5);
    assert!(alerts(&bench, true).contains(&"silence".to_owned()), "{:?}", alerts(&bench, true));
    assert_eq!(topics(&bench).len(), 9, "looked at because of the silence, not of the day");
    hours_of_silence(&bench, 30);
    assert_eq!(bench.journal("SELECT * FROM alerts WHERE kind = 'silence'").len(), 1, "once");
    assert!(!shop_status(&bench)["deliveries"]["silent_since"].is_null());
    bench.deliver("carts/update", &json!({"id": 1}));
    bench.run();
    assert_eq!(alerts(&bench, true).iter().filter(|kind| *kind == "silence").count(), 0);
    assert!(alerts(&bench, false).contains(&"silence".to_owned()));
    assert!(shop_status(&bench)["deliveries"]["silent_since"].is_null());
}

#[test]
fn orders_that_changed_in_the_silence_are_fetched_page_by_page_and_known_ones_are_not() {
    let bench = connected(Company::XeroUk, Company::XeroUk.settings());
    let story = Story::read("simple");
    let at = |number: u64, updated: &str| {
        let mut body = story.deliveries[0].1.clone();
        body["id"] = json!(5600000002000 + number);
        body["name"] = json!(format!("#{}", 2000 + number));
        body["updated_at"] = json!(updated);
        body
    };
    hours_of_news(&bench, 80);
    let now = bench.clock.now();
    let during = (now - Duration::minutes(10)).to_rfc3339();
    for number in 0..230 {
        let body = at(number, &during);
        bench.world.borrow_mut().shopify.happened("orders/create", &body);
        let transaction = json!({"id": 7700000000000u64 + number, "order_id": body["id"], "kind": "sale", "status": "success",
            "amount": body["total_price"], "currency": "USD", "gateway": "shopify_payments", "processed_at": during, "test": false});
        bench.world.borrow_mut().shopify.happened("order_transactions/create", &transaction);
        // Some of it had been told.
        if number < 30 {
            bench.deliver("orders/create", &body);
        }
    }
    bench.run();
    let before = calls(&bench);
    hours_of_silence(&bench, 5);
    // What is looked up afterwards goes behind what Shopify tells live.
    let behind = bench.rows("SELECT COUNT(*) AS n FROM orders WHERE priority = 1");
    assert_eq!(behind[0]["n"], "200");
    let rows = bench.rows("SELECT state, COUNT(*) AS n FROM orders GROUP BY state");
    assert_eq!((rows.len(), rows[0]["state"].as_str(), rows[0]["n"].as_str()), (1, "synced", "230"), "{rows:?}");
    assert_eq!(calls(&bench) - before, 200 + 3, "three pages, and each order once");
}

#[test]
fn without_access_a_silence_is_told_with_what_to_do() {
    let bench = Bench::new(Company::XeroUk);
    hours_of_news(&bench, 80);
    hours_of_silence(&bench, 6);
    assert_eq!(alerts(&bench, true), ["silence"]);
    let message = &bench.journal("SELECT message FROM alerts")[0]["message"];
    assert!(message.contains(DOMAIN) && message.contains("SHOPIFY_CLIENT_ID"), "{message}");
}

#[test]
fn a_shop_that_was_never_heard_is_silent_a_week_after_its_connection_was_first_found_right() {
    let bench = connected(Company::XeroUk, Company::XeroUk.settings());
    report(&bench);
    bench.clock.advance(Duration::days(6));
    report(&bench);
    cron(&bench);
    assert!(alerts(&bench, true).is_empty() && page(&bench).contains("none yet"));
    let mut missed = Story::read("simple");
    missed.deliveries[0].1["updated_at"] = json!("2026-11-03T20:00:00Z");
    happened(&bench, &missed);
    bench.clock.advance(Duration::hours(25));
    cron(&bench);
    assert_eq!(alerts(&bench, true), ["silence"]);
    let message = &bench.journal("SELECT message FROM alerts")[0]["message"];
    assert!(message.starts_with(&format!("No delivery ever came from {DOMAIN}")), "{message}");
    assert!(message.contains("since 2026-11-02T09:00:03") && message.contains("/webhooks/shopify"), "{message}");
    let deliveries = &shop_status(&bench)["deliveries"];
    assert!(deliveries["last_delivery"].is_null() && !deliveries["silent_since"].is_null(), "{deliveries}");
    assert!(page(&bench).contains("Nothing ever came from the shop"), "{}", page(&bench));
    assert_eq!(bench.state(&missed.order_id()).0, "synced", "what it did not tell is fetched");
    bench.deliver("carts/update", &json!({"id": 1}));
    bench.run();
    assert!(alerts(&bench, true).is_empty());
}

#[test]
fn what_was_told_in_vain_at_the_end_of_a_silence_is_fetched_once_the_shop_is_heard_again() {
    let bench = managed();
    cron(&bench);
    hours_of_news(&bench, 80);
    hours_of_silence(&bench, 5);
    assert_eq!(alerts(&bench, true), ["silence"]);
    let mut missed = Story::read("simple");
    missed.deliveries[0].1["updated_at"] = json!(bench.clock.now().to_rfc3339());
    happened(&bench, &missed);
    bench.clock.advance(Duration::hours(1));
    bench.deliver("carts/update", &json!({"id": 1}));
    bench.run();
    cron(&bench);
    assert!(alerts(&bench, true).is_empty());
    assert_eq!(bench.state(&missed.order_id()).0, "synced");
}

#[test]
fn what_happened_while_the_app_was_away_is_fetched_once_it_is_installed_again() {
    let bench = connected(Company::XeroUk, Company::XeroUk.settings());
    let removed = json!({"id": 1, "myshopify_domain": "example.myshopify.com", "name": "x"});
    bench.deliver_at("app/uninstalled", &removed, "2026-11-02T09:00:00Z");
    bench.run();
    bench.clock.advance(Duration::hours(30));
    let mut missed = Story::read("simple");
    missed.deliveries[0].1["updated_at"] = json!("2026-11-02T20:00:00Z");
    happened(&bench, &missed);
    let next = Story::read("free_shipping");
    bench.deliver_at("orders/create", &next.deliveries[0].1, "2026-11-03T15:00:00Z");
    bench.run();
    cron(&bench);
    assert_eq!(bench.state(&missed.order_id()).0, "synced");
}

#[test]
fn subscriptions_that_nobody_can_make_are_said_at_once_and_no_longer_once_they_are_left_to_the_app() {
    let mut settings = Company::XeroUk.settings();
    settings["subscriptions"] = json!("api");
    let mut bench = Bench::with(Company::XeroUk, settings.clone());
    bench.variables.insert("PUBLIC_URL".into(), "https://till.example".into());
    cron(&bench);
    assert_eq!(alerts(&bench, true), ["subscriptions"]);
    let status = shop_status(&bench);
    assert!(status["makes_subscriptions"] == true, "{status}");
    assert!(status["subscriptions"]["problems"][0].as_str().unwrap().contains("SHOPIFY_CLIENT_ID"), "{status}");
    cron(&bench);
    assert_eq!(bench.journal("SELECT * FROM alerts").len(), 1, "said once");
    // With the credentials they are made within the next tick.
    bench.variables.insert("SHOPIFY_CLIENT_ID".into(), sandbox::shopify::CLIENT.0.into());
    bench.variables.insert("SHOPIFY_CLIENT_SECRET".into(), sandbox::shopify::CLIENT.1.into());
    bench.clock.advance(Duration::minutes(5));
    cron(&bench);
    assert_eq!(topics(&bench).len(), 9);
    // Without them again, and then left to the app's own configuration: nothing of it stays.
    bench.variables.remove("SHOPIFY_CLIENT_ID");
    bench.clock.advance(Duration::minutes(5));
    cron(&bench);
    settings["subscriptions"] = json!("app");
    bench.variables.insert("CONNECTION_MAIN".into(), settings);
    bench.clock.advance(Duration::minutes(5));
    cron(&bench);
    assert!(alerts(&bench, true).is_empty(), "{:?}", alerts(&bench, true));
    assert!(shop_status(&bench)["subscriptions"].is_null());
}
