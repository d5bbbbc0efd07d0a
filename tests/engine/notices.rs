//! What a person is told of although nothing waits for it: it is in sight until it is over, or seen.

use serde_json::{Value, json};

use crate::support::{Bench, Company, Story};
use crate::told;

/// What `needs_attention` lists: state, reason and what to do.
fn listed(bench: &Bench) -> Vec<(String, String, String)> {
    let rows = bench.journal("SELECT state, reason, remedy FROM needs_attention ORDER BY order_id");
    rows.into_iter().map(|row| (row["state"].clone(), row["reason"].clone(), row["remedy"].clone())).collect()
}

fn only(bench: &Bench, state: &str, reason: &str) -> String {
    let all = listed(bench);
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!((all[0].0.as_str(), all[0].1.as_str()), (state, reason));
    all[0].2.clone()
}

fn dispute(order_id: Value, status: &str) -> Value {
    json!({
        "id": 285000000001u64, "order_id": order_id, "type": "chargeback", "amount": "65.76", "currency": "USD",
        "reason": "fraudulent", "network_reason_code": "4837", "status": status,
        "evidence_due_by": "2026-12-01T19:00:00-05:00", "evidence_sent_on": null, "finalized_on": null,
        "initiated_at": "2026-11-20T19:00:00-05:00",
    })
}

#[test]
fn a_cancelled_order_whose_money_was_kept_is_told_until_it_is_refunded() {
    for company in Company::ALL {
        let bench = told(company, &Story::read("cancelled_paid_not_refunded"));
        let remedy = only(&bench, "synced", "cancelled_not_refunded");
        assert!(remedy.contains("60.00 USD was paid, 60.00 USD of it was not refunded"), "{remedy}");
        let refund = json!({
            "id": 9200000011029u64, "order_id": 5600000001102u64, "created_at": "2026-11-04T09:00:00-05:00",
            "processed_at": "2026-11-04T09:00:00-05:00", "refund_line_items": [], "order_adjustments": [],
            "transactions": [{
                "id": 6790000011029u64, "order_id": 5600000001102u64, "kind": "refund", "status": "success",
                "amount": "60.00", "currency": "USD", "gateway": "shopify_payments",
                "created_at": "2026-11-04T09:00:00-05:00", "processed_at": "2026-11-04T09:00:00-05:00",
            }],
        });
        bench.deliver("refunds/create", &refund);
        bench.run();
        assert!(listed(&bench).is_empty(), "{company:?}: {:?}", listed(&bench));
        assert_eq!(bench.state("5600000001102"), ("synced".into(), String::new()));
    }
}

#[test]
fn a_fee_that_shopify_says_was_kept_back_is_no_money_that_was_forgotten() {
    let mut story = Story::read("restocking_fee");
    let (_, last) = story.deliveries.last_mut().unwrap();
    last["cancelled_at"] = last["updated_at"].clone();
    last["current_total_price"] = json!("0.00");
    last["current_total_price_set"] = Value::Null;
    let bench = told(Company::XeroUk, &story);
    let remedy = only(&bench, "synced", "cancelled_not_refunded");
    assert!(remedy.contains("113.88 USD was paid, 53.88 USD of it was not refunded"), "{remedy}");
}

#[test]
fn what_a_person_has_seen_is_not_told_again_and_something_new_is() {
    let bench = told(Company::XeroUk, &Story::read("cancelled_paid_not_refunded"));
    only(&bench, "synced", "cancelled_not_refunded");
    bench.release("5600000001102");
    bench.run();
    assert!(listed(&bench).is_empty());
    let (topic, body) = Story::read("cancelled_paid_not_refunded").deliveries.pop().unwrap();
    bench.deliver(&topic, &body);
    bench.run();
    assert!(listed(&bench).is_empty(), "the same news");
    bench.deliver("disputes/create", &dispute(json!(5600000001102u64), "needs_response"));
    bench.run();
    only(&bench, "synced", "disputed");
}

#[test]
fn a_deleted_order_is_told_while_its_documents_stand() {
    let bench = told(Company::QuickBooksUs, &Story::read("deleted_after_it_was_posted"));
    let remedy = only(&bench, "synced", "deleted_after_posting");
    assert!(remedy.contains("in the books: S-1118"), "{remedy}");
    bench.release("5600000001118");
    bench.run();
    assert!(listed(&bench).is_empty());
    let bench = told(Company::QuickBooksUs, &Story::read("deleted_before_it_was_heard_of"));
    assert!(listed(&bench).is_empty());
}

#[test]
fn a_dispute_is_told_until_it_is_decided_whatever_arrives_first_and_posts_nothing() {
    let story = Story::read("simple");
    let order = json!(5600000001001u64);
    let bench = told(Company::XeroUk, &story);
    let before = bench.ledger(Company::XeroUk);
    bench.deliver("disputes/create", &dispute(order.clone(), "needs_response"));
    bench.run();
    let remedy = only(&bench, "synced", "disputed");
    assert!(remedy.starts_with("chargeback of 65.76 USD (fraudulent), to be answered by 2026-12-01. "), "{remedy}");
    bench.deliver("disputes/update", &dispute(order.clone(), "won"));
    bench.run();
    assert!(listed(&bench).is_empty());
    // The first word of it comes late.
    bench.deliver("disputes/update", &dispute(order, "under_review"));
    bench.run();
    assert!(listed(&bench).is_empty());
    assert_eq!(bench.ledger(Company::XeroUk), before);
    let open = bench.journal("SELECT * FROM events WHERE outcome NOT IN ('posted', 'unchanged')");
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_dispute_of_an_order_that_is_left_out_is_told_as_well() {
    let bench = told(Company::QuickBooksUs, &Story::read("before_the_start_date"));
    bench.deliver("disputes/create", &dispute(json!(5600000001113u64), "needs_response"));
    bench.run();
    only(&bench, "ignored", "disputed");
    bench.deliver("disputes/update", &dispute(json!(5600000001113u64), "lost"));
    bench.run();
    assert_eq!(bench.state("5600000001113"), ("ignored".into(), "before_start_date".into()));
    assert!(listed(&bench).is_empty());
}

#[test]
fn a_dispute_that_names_no_order_is_told_on_its_own() {
    let bench = Bench::new(Company::XeroUk);
    bench.deliver_as(3, "disputes/create", dispute(Value::Null, "needs_response").to_string().as_bytes());
    bench.run();
    let remedy = only(&bench, "held", "disputed");
    assert!(remedy.contains("Shopify names no order"), "{remedy}");
    bench.release("event:webhook-3");
    bench.run();
    assert!(listed(&bench).is_empty());
    bench.deliver_as(4, "disputes/update", dispute(Value::Null, "won").to_string().as_bytes());
    bench.run();
    assert!(listed(&bench).is_empty());
}

#[test]
fn a_dispute_is_no_order_and_no_transaction() {
    for topic in ["orders/create", "order_transactions/create", "refunds/create"] {
        let bench = Bench::new(Company::XeroUk);
        bench.deliver(topic, &dispute(json!(5600000001001u64), "needs_response"));
        bench.run();
        only(&bench, "held", "topic_mismatch");
    }
}

/// A price that falls after it was paid follows with the refund; until then a person sees what the books have too much.
#[test]
fn a_price_that_fell_after_it_was_paid_is_told_until_its_refund_comes() {
    let story = Story::read("lower_price_refunded_in_instalments");
    for company in Company::ALL {
        let bench = Bench::new(company);
        let mut said = Vec::new();
        for (topic, body) in &story.deliveries {
            bench.deliver(topic, body);
            bench.run();
            said.push(
                listed(&bench)
                    .into_iter()
                    .map(|(state, reason, remedy)| {
                        assert_eq!((&*state, &*reason), ("synced", "not_refunded_yet"), "{company:?}");
                        remedy
                    })
                    .collect::<Vec<_>>()
                    .join("\n"),
            );
        }
        let told = ["", "", "12.00 USD (2.00 USD of it tax)", "7.00 USD (1.17 USD of it tax)", ""];
        for (said, told) in said.iter().zip(told) {
            assert!(said.starts_with(told) && said.is_empty() == told.is_empty(), "{company:?}: {said}, not {told}");
        }
    }
}

#[test]
fn what_was_taken_off_after_it_was_paid_is_told_until_its_refund_comes() {
    let story = Story::read("delivery_removed_after_payment_and_refunded");
    for company in Company::ALL {
        let bench = Bench::new(company);
        for (at, (topic, body)) in story.deliveries.iter().enumerate() {
            bench.deliver(topic, body);
            bench.run();
            match at {
                2 => {
                    let remedy = only(&bench, "synced", "not_refunded_yet");
                    assert!(remedy.starts_with("6.00 USD (1.00 USD of it tax)"), "{company:?}: {remedy}");
                }
                _ => assert!(listed(&bench).is_empty(), "{company:?}: {:?}", listed(&bench)),
            }
        }
    }
}
