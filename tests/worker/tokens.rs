//! Tokens on the runtime: the promises of `tests/engine/tokens.rs`, through workerd's own fetch, alarms and storage.

use std::time::{Duration, Instant};

use sandbox::{Fault, FaultKind, Ledger};
use serde_json::{Value, json};

use crate::harness::{ADMIN, QUICKBOOKS, Stage, XERO};
use crate::{SOON, each_order_stands_once, numbered, tell};

/// Delivers these orders, one after the other.
fn deliver(stage: &Stage, orders: std::ops::Range<u64>) {
    for number in orders {
        for (step, (topic, body)) in (0..).zip(numbered(number)) {
            assert_eq!(stage.deliver(number * 10 + step, &topic, &body).unwrap().status, 200);
        }
    }
}

/// How many requests there were so far.
fn asked(stage: &Stage) -> u64 {
    stage.sandbox.with(|world| world.request_count())
}

/// How often Xero was asked for tokens since then.
fn refreshes(stage: &Stage, since: u64) -> usize {
    let is_one = |one: &&Value| one.to_string().contains("/connect/token");
    stage.sandbox.with(|world| world.requests_since(since).iter().filter(is_one).count())
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + SOON;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn check_now(stage: &Stage) -> u16 {
    stage.post("/api/connections/xero/preflight").unwrap().status
}

#[test]
fn tokens_that_end_in_the_middle_of_a_batch_are_renewed_and_every_order_arrives_once() {
    let stage = Stage::start("expiry").unwrap();
    deliver(&stage, 4001..4002);
    stage.wait_until_quiet(SOON).unwrap();
    stage.sandbox.with(|world| {
        world.fail(Fault::next(FaultKind::TokenExpired).at(Ledger::QuickBooks).on("POST", "/batch").after(1));
        world.fail(Fault::next(FaultKind::TokenExpired).at(Ledger::Xero).on("PUT", "").after(1));
    });
    deliver(&stage, 4002..4012);
    stage.wait_until_quiet(SOON).unwrap();
    let hits = stage.sandbox.with(|world| world.faults.hits["TokenExpired"]);
    assert_eq!(hits, 2, "both ended in the middle");
    each_order_stands_once(&stage, 4001..4012);
}

#[test]
fn a_turn_and_check_now_that_both_want_new_tokens_make_one_refresh() {
    let stage = Stage::start("one_refresh").unwrap();
    deliver(&stage, 4101..4102);
    stage.wait_until_quiet(SOON).unwrap();
    let before = asked(&stage);
    stage.sandbox.with(|world| {
        world.fail(Fault::next(FaultKind::TokenExpired).at(Ledger::Xero));
        world.fail(Fault::next(FaultKind::Slow { milliseconds: 4_000 }).on("POST", "/connect/token"));
    });
    std::thread::scope(|scope| {
        let check = scope.spawn(|| check_now(&stage));
        until("Check now asks for new tokens", || refreshes(&stage, before) == 1);
        deliver(&stage, 4102..4105);
        assert_eq!(check.join().unwrap(), 200);
    });
    stage.wait_until_quiet(SOON).unwrap();
    assert_eq!(refreshes(&stage, before), 1);
    each_order_stands_once(&stage, 4101..4105);
}

#[test]
fn a_refresh_of_check_now_whose_reply_is_lost_is_taken_up_again_by_cron_though_the_runtime_was_killed() {
    let mut stage = Stage::start("lost_refresh").unwrap();
    deliver(&stage, 4201..4202);
    stage.wait_until_quiet(SOON).unwrap();
    let before = asked(&stage);
    stage.sandbox.with(|world| {
        world.fail(Fault::next(FaultKind::TokenExpired).at(Ledger::Xero));
        world.fail(Fault::next(FaultKind::LostReply).on("POST", "/connect/token"));
    });
    assert_eq!(check_now(&stage), 503);
    assert_eq!(refreshes(&stage, before), 1);
    stage.restart().unwrap();
    until("cron makes it again", || {
        let _ = stage.get("/cdn-cgi/local/scheduled", None);
        refreshes(&stage, before) == 2
    });
    stage.wait_until_quiet(SOON).unwrap();
    deliver(&stage, 4202..4204);
    stage.wait_until_quiet(SOON).unwrap();
    assert_eq!(refreshes(&stage, before), 2, "it is known now");
    each_order_stands_once(&stage, 4201..4204);
}

#[test]
fn a_grant_that_is_revoked_and_given_again_posts_what_waited_in_its_order() {
    let stage = Stage::start("regranted").unwrap();
    deliver(&stage, 4301..4302);
    stage.wait_until_quiet(SOON).unwrap();
    let companies = [("quickbooks", QUICKBOOKS), ("xero", XERO)];
    stage.sandbox.with(|world| companies.iter().for_each(|(_, company)| world.grants.disconnect(company)));
    deliver(&stage, 4302..4306);
    let reconnect = |books: &Value| books["reconnect"].is_string();
    until("both say that a person has to connect again", || {
        let status = stage.status().unwrap();
        status["books"].as_array().is_some_and(|all| all.len() == 2 && all.iter().all(reconnect))
    });
    for (ledger, company) in companies {
        assert_eq!(stage.documents(company).len(), 2, "nothing goes out meanwhile");
        // The stand-in's consent page sends whoever is no browser straight back.
        let back = stage.get(&format!("/oauth/{ledger}/start?connection={ledger}"), Some(ADMIN)).unwrap();
        assert_eq!(back.status, 200, "{}", back.body);
        let confirmed =
            stage.post_json(&format!("/api/connections/{ledger}/confirm"), &json!({"company": company})).unwrap();
        assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    }
    stage.wait_until_quiet(SOON).unwrap();
    each_order_stands_once(&stage, 4301..4306);
    for (ledger, _) in companies {
        let sql = format!(
            "SELECT name FROM orders JOIN attempts USING (connection, order_id) WHERE connection = '{ledger}' \
             AND document_key = 'sale' GROUP BY order_id ORDER BY min(attempts.rowid)"
        );
        let names: Vec<Value> = stage.d1(&sql).unwrap().into_iter().map(|row| row["name"].clone()).collect();
        assert_eq!(names, ["#4301", "#4302", "#4303", "#4304", "#4305"], "{ledger}: the oldest first");
    }
}

#[test]
fn a_token_key_that_is_replaced_opens_what_the_one_before_sealed_as_long_as_that_is_there_too() {
    let mut stage = Stage::start("rotation").unwrap();
    tell(&stage, "simple", 1);
    stage.wait_until_quiet(SOON).unwrap();
    let (old, new) = ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "HxwdHhsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=");
    stage.set(&json!({"TOKEN_KEY": new, "TOKEN_KEY_PREVIOUS": old})).unwrap();
    tell(&stage, "free_shipping", 10);
    stage.wait_until_quiet(SOON).unwrap();
    for company in [QUICKBOOKS, XERO] {
        assert_eq!(stage.documents(company).len(), 4, "{:?}", stage.documents(company));
    }
    // Too early: the tokens in hand were sealed with the old one.
    stage.set(&json!({"TOKEN_KEY_PREVIOUS": ""})).unwrap();
    let page = stage.get("/connect", Some(ADMIN)).unwrap().body;
    assert!(page.contains("put the earlier key into TOKEN_KEY_PREVIOUS"), "{page}");
}
