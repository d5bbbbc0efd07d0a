//! What Shopify asks about personal data is really done: every row of the object's database and of the journal is read,
//! decoded, before and after. The books stay right, whatever comes later.

use chrono::Duration;
use futures_util::FutureExt;
use sandbox::{Fault, FaultKind};
use serde_json::{Value, json};
use tillproof::shopify::Delivery;

use crate::support::{Bench, Company, PLANTED, Story, everything, one_in, plant};

fn planted(story: &Story) -> Story {
    let mut story = Story::read(&story.name);
    story.deliveries.iter_mut().for_each(|(_, body)| plant(body));
    story
}

/// Which of the strings stand anywhere in the object or in the journal.
pub fn found(bench: &Bench) -> Vec<&'static str> {
    let all = format!("{}{}", everything(&bench.sql), everything(&bench.journal.database)).to_lowercase();
    PLANTED.into_iter().filter(|one| all.contains(&one.to_lowercase())).collect()
}

fn found_in_journal(bench: &Bench) -> Vec<&'static str> {
    let all = everything(&bench.journal.database).to_lowercase();
    PLANTED.into_iter().filter(|one| all.contains(&one.to_lowercase())).collect()
}

fn redact_customer(bench: &Bench, orders: &[&str], customer: Value) {
    let orders: Vec<Value> = orders.iter().map(|id| serde_json::from_str(id).unwrap()).collect();
    let body = json!({
        "shop_id": 954889, "shop_domain": "example.myshopify.com", "orders_to_redact": orders,
        "customer": {"id": customer, "email": PLANTED[2], "phone": PLANTED[3]},
    });
    bench.deliver("customers/redact", &body);
}

fn tell_from(bench: &Bench, story: &Story, first: usize) {
    for (index, (topic, body)) in story.deliveries.iter().enumerate().skip(first) {
        bench.deliver(topic, body);
        if story.rests.contains(&index) {
            bench.run();
        }
    }
    bench.run();
}

#[test]
fn an_erased_customer_is_nowhere_and_every_story_goes_on_to_the_same_books() {
    let mut is_drawn = one_in(4);
    for (number, story) in Story::all().into_iter().enumerate().filter(|_| is_drawn()) {
        let story = planted(&story);
        for split in story.cuts() {
            let company = story.companies[(number + split) % story.companies.len()];
            let settings = || story.settings(company);
            let plain = Bench::with(company, settings());
            let erased = Bench::with(company, settings());
            for bench in [&plain, &erased] {
                for (topic, body) in &story.deliveries[..split] {
                    bench.deliver(topic, body);
                }
                bench.run();
            }
            let told = story.deliveries[..split].iter().any(|(_, body)| body.to_string().contains(PLANTED[0]));
            assert_eq!(!found(&plain).is_empty(), told, "{}: the strings are there before", story.name);
            assert!(found_in_journal(&plain).is_empty(), "{}", story.name);
            redact_customer(&erased, &[&story.order_id()], Value::Null);
            erased.run();
            assert!(found(&erased).is_empty(), "{} in {company:?} after {split}: {:?}", story.name, found(&erased));
            tell_from(&plain, &story, split);
            tell_from(&erased, &story, split);
            let context = format!("{} in {company:?}, erased after {split}", story.name);
            assert_eq!(erased.ledger(company), plain.ledger(company), "{context}");
            assert_eq!(erased.state(&story.order_id()), plain.state(&story.order_id()), "{context}");
            assert!(found(&erased).is_empty(), "{context}: what came later is reduced before it is stored");
        }
    }
}

#[test]
fn what_was_erased_is_on_record_and_the_request_itself_names_nobody_any_more() {
    let bench = Bench::new(Company::XeroUk);
    let story = planted(&Story::read("simple"));
    let customer = story.deliveries[0].1["customer"]["id"].clone();
    bench.tell(&story);
    bench.run();
    // No order is named: whose orders they are is known from the orders themselves.
    redact_customer(&bench, &[], customer);
    bench.run();
    assert_eq!(found(&bench), Vec::<&str>::new());
    let request = bench.journal("SELECT * FROM privacy_requests").remove(0);
    assert_eq!((request["state"].as_str(), request["orders"].as_str()), ("erased", "1"));
    assert!(!request["finished_at"].is_empty() && request["topic"] == "customers/redact");
    let event = bench.journal("SELECT outcome, reason FROM events WHERE topic = 'customers/redact'").remove(0);
    assert_eq!((event["outcome"].as_str(), event["reason"].as_str()), ("unchanged", "personal_data_erased"));
    // A redelivery of the order's own webhook is recognised still.
    let before = bench.ledger(Company::XeroUk);
    bench.deliver_as(1, "orders/create", story.deliveries[0].1.to_string().as_bytes());
    bench.run();
    assert_eq!(bench.rows("SELECT deliveries FROM events WHERE webhook_id = 'webhook-1'")[0]["deliveries"], "2");
    assert_eq!((bench.ledger(Company::XeroUk), found(&bench)), (before, Vec::new()));
}

#[test]
fn a_request_that_is_under_way_is_waited_for_and_then_given_up_without_a_second_document() {
    let mut is_drawn = one_in(4);
    for company in Company::ALL {
        for kind in [FaultKind::LostReply, FaultKind::Down, FaultKind::Error500Committed] {
            for skip in (0..5).filter(|_| is_drawn()) {
                let story = planted(&Story::read("simple"));
                let bench = Bench::new(company);
                // Once for a moment, and once for so long that nobody waits any more.
                for times in [1, 60] {
                    bench.fail(Fault::next(kind).after(skip).repeated(times));
                    bench.tell(&story);
                    for _ in 0..4 {
                        bench.turn();
                        bench.clock.advance(Duration::seconds(2));
                    }
                    redact_customer(&bench, &[&story.order_id()], Value::Null);
                    bench.run();
                    let context = format!("{company:?}, {kind:?} at call {skip}, {times} times");
                    assert_eq!(bench.state(&story.order_id()).0, "synced", "{context}");
                    assert_eq!(bench.ledger(company).len(), 2, "{context}: {:?}", bench.ledger(company));
                    assert_eq!(found(&bench), Vec::<&str>::new(), "{context}");
                }
            }
        }
    }
}

#[test]
fn a_redacted_shop_keeps_its_money_facts_and_nothing_else() {
    let bench = Bench::new(Company::QuickBooksUk);
    let story = planted(&Story::read("simple"));
    for number in 0..45u64 {
        for (topic, body) in &story.deliveries {
            let text = body.to_string().replace("5600000001001", &(5600000002000 + number).to_string());
            let text = text.replace("#1001", &format!("#{}", 2000 + number));
            let mut body: Value = serde_json::from_str(&text).unwrap();
            if topic == "order_transactions/create" {
                body["id"] = json!(7700000000000 + number);
            }
            bench.deliver(topic, &body);
        }
    }
    let broken = format!("{{\"customer\": {{\"email\": \"{}\"", PLANTED[2]);
    bench.deliver_as(9_001, "orders/create", broken.as_bytes());
    bench.deliver(
        "app/uninstalled",
        &json!({"id": 1, "myshopify_domain": "example.myshopify.com", "email": PLANTED[2]}),
    );
    bench.deliver("customers/update", &json!({"id": 1, "first_name": PLANTED[0]}));
    bench.deliver("customers/data_request", &json!({
        "shop_id": 1, "shop_domain": "example.myshopify.com", "orders_requested": [], "customer": {"email": PLANTED[2]},
    }));
    bench.run();
    assert!(!found(&bench).is_empty());
    let documents = bench.rows("SELECT document_key, expected_total, ledger_total, proof FROM documents");
    bench.deliver("shop/redact", &json!({"shop_id": 954889, "shop_domain": "example.myshopify.com"}));
    bench.run();
    assert_eq!(found(&bench), Vec::<&str>::new());
    assert_eq!(bench.rows("SELECT document_key, expected_total, ledger_total, proof FROM documents"), documents);
    let request = bench.journal("SELECT * FROM privacy_requests WHERE topic = 'shop/redact'").remove(0);
    assert_eq!((request["state"].as_str(), request["orders"].as_str()), ("erased", "45"));
    assert_eq!(bench.rows("SELECT state FROM privacy_requests")[0]["state"], "erased", "the open question too");
}

#[test]
fn nothing_is_erased_for_a_body_of_another_kind_or_another_shop() {
    let bench = Bench::new(Company::XeroUk);
    let story = planted(&Story::read("simple"));
    bench.tell(&story);
    bench.run();
    let before = found(&bench);
    let question =
        json!({"shop_id": 1, "shop_domain": "example.myshopify.com", "customer": {"id": 1}, "orders_requested": [1]});
    let elsewhere = json!({"shop_id": 1, "shop_domain": "other.myshopify.com"});
    let customer =
        json!({"shop_id": 1, "shop_domain": "example.myshopify.com", "customer": {"id": 1}, "orders_to_redact": []});
    for (topic, body) in [
        ("shop/redact", &question),
        ("shop/redact", &elsewhere),
        ("shop/redact", &customer),
        ("shop/redact", &story.deliveries[0].1),
        ("customers/redact", &question),
        ("customers/redact", &elsewhere),
    ] {
        bench.deliver(topic, body);
        bench.run();
    }
    assert_eq!(found(&bench), before);
    assert!(bench.journal("SELECT * FROM privacy_requests").is_empty());
    assert_eq!(bench.journal("SELECT * FROM needs_attention WHERE reason = 'topic_mismatch'").len(), 6);
}

/// The planted customer of a story asks what is stored.
fn ask_about(bench: &Bench, story: &Story) {
    let id: Value = serde_json::from_str(&story.order_id()).unwrap();
    let question = json!({
        "shop_id": 1, "shop_domain": "example.myshopify.com", "orders_requested": [id], "data_request": {"id": 9},
        "customer": {"id": null, "email": PLANTED[2], "phone": PLANTED[3]},
    });
    bench.deliver("customers/data_request", &question);
}

/// Every part of an answer, one after another.
fn whole_answer(bench: &Bench, connection: &str, request: i64) -> Vec<Value> {
    let mut parts: Vec<Value> = Vec::new();
    let mut after = Some(String::new());
    while let Some(at) = after {
        let part = bench.open().privacy_answer(connection, request, &at).unwrap().unwrap();
        after = part["next"].as_str().map(str::to_owned);
        parts.push(part);
    }
    parts
}

#[test]
fn an_answer_has_what_could_not_be_read_and_what_an_earlier_connection_of_the_shop_left() {
    let mut bench = Bench::new(Company::XeroUk);
    let story = planted(&Story::read("partial_refund"));
    bench.tell(&story);
    bench.run();
    let unreadable = format!("{{\"id\": 1, \"email\": \"{}\", not json", PLANTED[2]);
    bench.deliver_as(900, "orders/create", unreadable.as_bytes());
    bench.deliver_as(901, "orders/create", b"somebody else, and not json either");
    bench.run();
    // The connection gets another name: the old one's orders are nobody else's to tell of.
    let settings = bench.variables.remove("CONNECTION_MAIN").unwrap();
    bench.variables.insert("CONNECTION_NEXT".into(), settings);
    ask_about(&bench, &story);
    let request = bench.open().privacy_requests("next").unwrap().remove(0);
    let parts = whole_answer(&bench, "next", request.id);
    let orders: Vec<&Value> = parts.iter().flat_map(|part| part["orders"].as_array().unwrap()).collect();
    assert_eq!(orders.len(), 1);
    assert_eq!((&orders[0]["connection"], &orders[0]["order_id"]), (&json!("main"), &json!(story.order_id())));
    let others: Vec<&Value> = parts.iter().flat_map(|part| part["other_deliveries"].as_array().unwrap()).collect();
    assert_eq!(others.len(), 1, "{others:?}");
    assert!(others[0]["body"].as_str().unwrap().contains(PLANTED[2]));
}

#[test]
fn a_customers_question_is_answered_with_all_that_is_stored_and_then_forgotten() {
    let bench = Bench::new(Company::XeroUk);
    let story = planted(&Story::read("partial_refund"));
    bench.tell(&story);
    bench.tell(&Story::read("free_shipping"));
    bench.run();
    ask_about(&bench, &story);
    bench.run();
    let waiting = bench.journal("SELECT reason, remedy FROM needs_attention").remove(0);
    assert_eq!(waiting["reason"], "privacy_request");
    assert!(waiting["remedy"].contains("/api/privacy/"), "{waiting:?}");
    let books = bench.open();
    let request = books.privacy_requests("main").unwrap().remove(0);
    let answer = books.privacy_answer("main", request.id, "").unwrap().unwrap();
    let text = answer.to_string();
    assert!(PLANTED.iter().all(|one| text.contains(one)), "all of it: {text}");
    assert_eq!(answer["orders"].as_array().unwrap().len(), 1, "nobody else's");
    assert_eq!(answer["orders"][0]["received"].as_array().unwrap().len(), story.deliveries.len());
    assert_eq!(answer["orders"][0]["documents"][0]["customer"]["email"], PLANTED[2]);
    assert!(books.privacy_answer("other", request.id, "").unwrap().is_none());
    bench.answered(request.id);
    bench.run();
    assert!(books.privacy_answer("main", request.id, "").unwrap().is_none(), "the question names somebody: it is gone");
    assert!(bench.journal("SELECT * FROM needs_attention").is_empty());
    assert_eq!(bench.journal("SELECT state FROM privacy_requests")[0]["state"], "answered");
}

#[test]
fn a_connection_whose_app_was_removed_waits_and_goes_on_when_it_is_installed_again() {
    let bench = Bench::new(Company::XeroUk);
    let removed = json!({"id": 1, "myshopify_domain": "example.myshopify.com", "name": "x"});
    bench.deliver_at("app/uninstalled", &removed, "2026-11-02T09:00:00Z");
    let story = Story::read("simple");
    // On its way when the app was removed.
    bench.deliver_at("orders/create", &story.deliveries[0].1, "2026-11-02T08:59:58Z");
    bench.run();
    assert_eq!(bench.state(&story.order_id()), ("held".into(), "app_uninstalled".into()));
    assert!(bench.ledger(Company::XeroUk).is_empty());
    let alert = bench.journal("SELECT kind, message, resolved_at FROM alerts").remove(0);
    assert_eq!((alert["kind"].as_str(), alert["resolved_at"].as_str()), ("app_uninstalled", ""));
    bench.clock.advance(Duration::hours(30));
    bench.deliver_at("order_transactions/create", &story.deliveries[1].1, "2026-11-03T15:00:00Z");
    bench.run();
    assert_eq!(bench.state(&story.order_id()).0, "synced");
    assert_eq!(bench.ledger(Company::XeroUk).len(), 2);
    assert_eq!(bench.journal("SELECT * FROM alerts WHERE resolved_at IS NULL").len(), 0);
    assert!(bench.journal("SELECT * FROM needs_attention").is_empty());
}

#[test]
fn a_person_may_say_that_a_removed_app_does_not_matter() {
    let bench = Bench::new(Company::XeroUk);
    bench.deliver("app/uninstalled", &json!({"id": 1, "myshopify_domain": "example.myshopify.com"}));
    let story = Story::read("simple");
    bench.tell(&story);
    bench.run();
    assert_eq!(bench.state(&story.order_id()).1, "app_uninstalled");
    bench.resume();
    bench.run();
    assert_eq!(bench.state(&story.order_id()).0, "synced");
}

#[test]
fn what_connections_of_the_past_left_behind_is_erased_with_the_shops_request() {
    let story = planted(&Story::read("simple"));
    let company = Company::XeroUk;
    let everything_of_the_shop = json!({"shop_id": 954889, "shop_domain": "example.myshopify.com"});
    for (renamed, redact) in [(true, "customers/redact"), (true, "shop/redact"), (false, "shop/redact")] {
        let mut bench = Bench::new(company);
        bench.tell(&story);
        bench.run();
        assert!(!found(&bench).is_empty());
        let mut settings = bench.variables.remove("CONNECTION_MAIN").unwrap();
        if renamed {
            // The same books, under another id.
            bench.variables.insert("CONNECTION_OTHER".into(), settings);
            match redact {
                "shop/redact" => bench.deliver(redact, &everything_of_the_shop),
                _ => redact_customer(&bench, &[&story.order_id()], Value::Null),
            }
        } else {
            // The shop's connection has other books now: these are told all the same.
            settings["books"] = json!("new");
            bench.variables.insert("CONNECTION_MAIN".into(), settings);
            let mut delivery = Delivery { topic: redact.into(), shop: "second.myshopify.com".into(), ..asked() };
            let body = everything_of_the_shop.to_string();
            let erase = |delivery: &Delivery, only: Option<&str>| {
                bench.open().erase(delivery, body.as_bytes(), only).now_or_never().unwrap().unwrap();
                bench.run();
            };
            erase(&delivery, None);
            assert!(!found(&bench).is_empty(), "what another shop says erases nothing");
            delivery.shop = "example.myshopify.com".into();
            erase(&delivery, Some("other"));
            assert!(!found(&bench).is_empty(), "whoever speaks for another connection erases nothing of this one");
            // The settings may name no connection of the shop any more: the one that left them speaks for itself.
            erase(&delivery, Some("main"));
        }
        bench.run();
        assert!(found(&bench).is_empty(), "{redact}: {:?}", found(&bench));
        let record = bench.journal("SELECT * FROM privacy_requests WHERE connection = 'main' AND state = 'erased'");
        assert_eq!((record.len(), record[0]["orders"].as_str()), (1, "1"));
    }
}

fn asked() -> Delivery {
    Delivery {
        topic: String::new(),
        shop: String::new(),
        webhook_id: "redact-1".into(),
        event_id: String::new(),
        api_version: "2026-10".into(),
        triggered_at: String::new(),
    }
}
