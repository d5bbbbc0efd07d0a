//! Bodies that cannot be read, are nobody's business, or are odd: always a record, never a loss, nothing personal in it.

use serde_json::{Value, json};
use tillproof::platform::Sql;

use crate::support::{Bench, Company, Story};
use crate::told;

#[test]
fn nonsense_is_recorded_held_and_acknowledged() {
    let bench = Bench::new(Company::XeroUk);
    let order = |change: &dyn Fn(&mut Value)| {
        let mut body = Story::read("simple").deliveries[0].1.clone();
        change(&mut body);
        body.to_string()
    };
    let bodies = [
        String::new(),
        "{".into(),
        "[]".into(),
        "null".into(),
        "{}".into(),
        "\"text\"".into(),
        order(&|body| body["total_price"] = json!("1e9999")),
        order(&|body| body["total_price"] = json!({})),
        order(&|body| body["currency"] = json!("dollars")),
        order(&|body| body["line_items"] = json!([1])),
        order(&|body| body["id"] = json!("../../x")),
        order(&|body| body["created_at"] = json!("yesterday")),
        order(&|body| body["line_items"][0]["quantity"] = json!("many")),
        "\u{0}\u{1}".into(),
    ];
    for (number, body) in (100..).zip(&bodies) {
        bench.deliver_as(number, "orders/create", body.as_bytes());
        bench.run();
    }
    let held = bench.journal("SELECT * FROM needs_attention WHERE order_id LIKE 'event:%'");
    assert_eq!(held.len(), bodies.len());
    assert!(held.iter().all(|row| ["unreadable", "topic_mismatch"].contains(&row["reason"].as_str())), "{held:?}");
    assert!(bench.ledger(Company::XeroUk).is_empty());
}

#[test]
fn odd_but_readable_orders_are_held_or_posted_never_lost() {
    for change in [
        json!({"financial_status": "quantum"}),
        json!({"financial_status": null}),
        json!({"line_items": []}),
        json!({"total_price": "999999999999.99", "total_price_set": null}),
        json!({"total_price": "-5.00", "total_price_set": null}),
        json!({"customer": null, "email": "", "billing_address": null, "shipping_address": null}),
        json!({"payment_gateway_names": ["", "new_gateway"]}),
        json!({"presentment_currency": null}),
    ] {
        let bench = Bench::new(Company::XeroUk);
        let mut story = Story::read("simple");
        story.deliveries[0].1.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        bench.tell(&story);
        bench.run();
        let (state, reason) = bench.state(&story.order_id());
        assert!(["synced", "held"].contains(&state.as_str()), "{change}: {state}");
        assert!(state == "synced" || !reason.is_empty());
        assert_eq!(bench.journal("SELECT * FROM events WHERE outcome = 'pending'").len(), 0, "{change}");
    }
}

#[test]
fn unknown_topics_samples_and_test_orders_are_ignored_by_name() {
    let bench = Bench::new(Company::XeroUk);
    bench.deliver("carts/update", &json!({"id": 1}));
    let mut sample = Story::read("simple").deliveries[0].1.clone();
    sample["id"] = json!(820982911946154508u64);
    bench.deliver("orders/create", &sample);
    let mut test = Story::read("simple").deliveries[0].1.clone();
    test["test"] = json!(true);
    bench.deliver("orders/create", &test);
    bench.run();
    let events = bench.journal("SELECT outcome, reason FROM events ORDER BY received_at, rowid");
    let reasons: Vec<&str> = events.iter().map(|row| row["reason"].as_str()).collect();
    assert_eq!(reasons.len(), 3);
    for reason in ["topic_not_used", "sample_notification", "test_order"] {
        assert!(reasons.contains(&reason), "{reasons:?}");
    }
    assert!(bench.ledger(Company::XeroUk).is_empty());
}

#[test]
fn personal_data_never_reaches_the_journal() {
    let bench = told(Company::XeroUk, &Story::read("forbidden_characters"));
    for table in ["events", "orders", "documents", "adjustments", "attempts"] {
        let text = format!("{:?}", bench.journal(&format!("SELECT * FROM {table}")));
        for personal in ["Barnett", "O'Neil", "rob@example.com"] {
            assert!(!text.contains(personal), "{table} holds {personal}");
        }
    }
    assert!(format!("{:?}", bench.journal("SELECT * FROM adjustments")).contains("[personal data]"));
    // A name of nothing that can be shown: the e-mail address stands for it, and no note tells it.
    let bench = Bench::new(Company::XeroUk);
    let (topic, mut body) = Story::read("simple").deliveries.remove(0);
    body["customer"]["first_name"] = json!("\u{200e}");
    body["customer"]["last_name"] = json!("");
    body["customer"]["email"] = json!("jane@personal.example");
    bench.deliver(&topic, &body);
    bench.run();
    assert!(!bench.ledger(Company::XeroUk).is_empty());
    let notes = bench.journal("SELECT * FROM adjustments WHERE rule = 'empty_name'");
    assert!(notes.len() == 1 && !format!("{notes:?}").contains("jane"), "{notes:?}");
    redact(&bench, &body);
    let kept = format!("{:?}", bench.rows("SELECT * FROM adjustments"));
    assert!(!kept.contains("jane"), "{kept}");
}

/// Shopify asks to erase the order's customer.
fn redact(bench: &Bench, order: &Value) {
    bench.deliver(
        "customers/redact",
        &json!({"shop_id": 1, "shop_domain": "example.myshopify.com",
        "customer": order["customer"], "orders_to_redact": [order["id"]]}),
    );
    bench.clock.advance(chrono::Duration::hours(2));
    bench.run();
}

#[test]
fn news_of_an_order_that_crashed_ends_as_held_too() {
    let bench = Bench::new(Company::XeroUk);
    let story = Story::read("net_terms");
    bench.tell(&story);
    bench.sql.exec("UPDATE orders SET state = 'held', reason = 'crashed', due_at = NULL", &[]).unwrap();
    let (topic, mut body) = story.deliveries[0].clone();
    body["updated_at"] = json!("2026-11-09T10:00:00-05:00");
    bench.deliver(&topic, &body);
    let events = bench.rows("SELECT DISTINCT outcome, reason FROM events");
    assert_eq!((events.len(), events[0]["outcome"].as_str(), events[0]["reason"].as_str()), (1, "held", "crashed"));
    bench.release(&story.order_id());
    bench.run();
    assert_eq!(bench.state(&story.order_id()).0, "synced");
    assert!(bench.journal("SELECT * FROM events WHERE outcome <> 'posted'").is_empty());
}

#[test]
fn a_person_puts_a_delivery_aside_that_could_not_be_read() {
    let bench = Bench::new(Company::XeroUk);
    bench.deliver_as(7, "orders/create", b"{");
    bench.run();
    let row = || bench.journal("SELECT state, reason FROM orders WHERE order_id = 'event:webhook-7'").remove(0);
    assert_eq!((row()["state"].as_str(), row()["reason"].as_str()), ("held", "unreadable"));
    bench.release("event:webhook-7");
    bench.run();
    assert_eq!((row()["state"].as_str(), row()["reason"].as_str()), ("ignored", "put_aside"));
    assert!(bench.journal("SELECT * FROM needs_attention").is_empty());
    // The same number with another body that cannot be read needs somebody again.
    bench.deliver_as(7, "orders/create", b"[");
    bench.run();
    assert_eq!(row()["state"], "held");
}

#[test]
fn a_payment_of_an_old_order_waits_for_its_transaction_as_that_of_a_new_one_does() {
    for company in Company::ALL {
        let bench = Bench::new(company);
        bench.tell(&Story::read("simple"));
        let story = Story::read("paid_later_without_transactions");
        bench.deliver(&story.deliveries[0].0, &story.deliveries[0].1);
        bench.run();
        bench.clock.advance(chrono::Duration::days(26));
        bench.deliver(&story.deliveries[1].0, &story.deliveries[1].1);
        // Its own turn comes, and another one's.
        bench.clock.advance(chrono::Duration::seconds(20));
        bench.turn();
        let transaction = json!({
            "id": 6700000011570u64, "order_id": 5600000001157u64, "kind": "sale", "status": "success", "amount": "65.88",
            "currency": "USD", "gateway": "shopify_payments", "created_at": "2026-11-28T09:00:00-05:00",
            "processed_at": "2026-11-28T09:00:00-05:00", "admin_graphql_api_id": "gid://shopify/OrderTransaction/6700000011570",
        });
        bench.deliver("order_transactions/create", &transaction);
        bench.run();
        let key = "SELECT document_key FROM documents WHERE order_id = '5600000001157' AND kind = 'payment'";
        assert_eq!(bench.journal(key)[0]["document_key"], "payment:6700000011570", "{company:?}");
    }
}

#[test]
fn of_two_snapshots_of_one_second_the_one_that_was_triggered_later_counts() {
    let (topic, body) = Story::read("simple").deliveries.remove(0);
    for flip in [false, true] {
        for name in ["Linen", "Cotton"] {
            let bench = Bench::new(Company::XeroUk);
            let mut later = body.clone();
            later["line_items"][0]["title"] = json!(name);
            later["line_items"][0]["name"] = json!(name);
            let mut told = [(&body, "2026-11-03T10:00:00.100000000Z"), (&later, "2026-11-03T10:00:00.900000000Z")];
            if flip {
                told.reverse();
            }
            for (body, at) in told {
                bench.deliver_at(&topic, body, at);
            }
            bench.run();
            let documents = format!("{:?}", bench.rows("SELECT document FROM documents"));
            assert!(documents.contains(name), "{name}, {flip}: {documents}");
        }
    }
}
