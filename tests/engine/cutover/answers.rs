//! What a person answers where the invoice was not found.

use rust_decimal::Decimal;
use sandbox::{Fault, FaultKind};
use serde_json::{Value, json};
use tillproof::posting::{Answer, Answered};

use super::{detail, held, invoice, ours, paid_after, refunded_after, told, untouched, with};
use crate::support::{Bench, Company, Story};

const STAND_ALONE: &str = r#"{"decision": "stand_alone"}"#;
const IGNORE: &str = r#"{"decision": "ignore", "reason": "entered by hand"}"#;

#[test]
fn a_person_may_post_the_money_stand_alone() {
    for company in Company::ALL {
        let story = paid_after();
        let bench = told(company, &story, &[]);
        held(&bench, &story);
        assert_eq!(bench.answer(&story.order_id(), STAND_ALONE), Answered::Accepted);
        bench.run();
        assert_eq!(bench.state(&story.order_id()).0, "synced", "{}", detail(&bench));
        // A liability and the money, and no income.
        let documents = bench.journal("SELECT document_key, number, proof, ledger_total FROM documents ORDER BY seq");
        let shown: Vec<(&str, &str, &str)> = documents
            .iter()
            .map(|row| (row["document_key"].as_str(), row["number"].as_str(), row["ledger_total"].as_str()))
            .collect();
        assert_eq!(
            shown,
            [("adjustment:1", "S-1160-A1", "65.88"), ("payment:6700000011600", "6700000011600", "65.88")]
        );
        let row = &bench.rows("SELECT document FROM documents WHERE document_key = 'adjustment:1'")[0];
        let document: Value = serde_json::from_str(&row["document"]).unwrap();
        let line = &document["content"]["invoice"]["lines"][0];
        assert_eq!(line["role"], "overpayments", "{document}");
        assert_eq!(line["tax"]["amount"], "0");
        let all = ours(&bench, company);
        assert!(all.iter().all(|one| one.balance.is_zero() && one.tax.is_zero()), "{all:?}");
        assert_eq!(bench.answer(&story.order_id(), STAND_ALONE), Answered::NothingAsked);
        // News without money changes nothing.
        bench.deliver("orders/updated", &story.deliveries[3].1);
        bench.run();
        assert_eq!(ours(&bench, company).len(), 2);
    }
}

#[test]
fn a_lost_reply_while_money_is_posted_stand_alone_makes_nothing_twice() {
    for company in Company::ALL {
        let story = paid_after();
        for kind in [FaultKind::LostReply, FaultKind::Error500Committed] {
            for skip in 0..8 {
                let bench = told(company, &story, &[]);
                bench.fail(Fault::next(kind).after(skip));
                bench.answer(&story.order_id(), STAND_ALONE);
                bench.run();
                assert_eq!(bench.state(&story.order_id()).0, "synced", "{company:?} {kind:?} {skip}");
                assert_eq!(ours(&bench, company).len(), 2, "{company:?} {kind:?} {skip}");
            }
        }
    }
}

#[test]
fn what_is_more_than_open_may_be_posted_without_the_invoice_or_left_out() {
    for company in Company::ALL {
        for (answer, count) in [(STAND_ALONE, 2), (IGNORE, 0)] {
            let story = paid_after();
            let sale = with(invoice("1160"), "open", "0");
            let bench = told(company, &story, &[sale]);
            held(&bench, &story);
            assert_eq!(bench.answer(&story.order_id(), answer), Answered::Accepted);
            bench.run();
            assert_eq!(bench.state(&story.order_id()).0, "synced", "{company:?}: {}", detail(&bench));
            assert_eq!(ours(&bench, company).len(), count, "{company:?}");
            untouched(&bench);
        }
    }
}

#[test]
fn a_stand_alone_refund_is_the_ordinary_one() {
    for company in Company::ALL {
        let story = refunded_after();
        let bench = told(company, &story, &[]);
        let text = held(&bench, &story);
        assert!(text.contains("payment:inferred (60.00 USD, paid says the order, but not when)"), "{text}");
        assert!(text.contains("credit:9200000011620 (30.00 USD)"), "{text}");
        let part = |decision: &str, key: &str| {
            format!(r#"{{"decision": "{decision}", "reason": "paid in 2025", "documents": ["{key}"]}}"#)
        };
        assert_eq!(
            bench.answer(&story.order_id(), &part("ignore", "payment:inferred")),
            Answered::Accepted,
            "one part of it"
        );
        bench.run();
        let text = held(&bench, &story);
        assert!(!text.contains("inferred") && text.contains("credit:9200000011620"), "{text}");
        assert_eq!(bench.answer(&story.order_id(), STAND_ALONE), Answered::Accepted);
        bench.run();
        assert_eq!(bench.state(&story.order_id()).0, "synced", "{}", detail(&bench));
        let all = ours(&bench, company);
        assert!(all.iter().all(|one| one.total == Decimal::from(30)), "{all:?}");
        assert_eq!(all.len(), if company == Company::XeroUk { 2 } else { 1 });
    }
}

#[test]
fn a_person_may_leave_the_money_out_and_later_money_is_asked_about_again() {
    for company in Company::ALL {
        let story = paid_after();
        let bench = told(company, &story, &[]);
        assert_eq!(bench.answer(&story.order_id(), IGNORE), Answered::Accepted);
        bench.run();
        assert_eq!(bench.state(&story.order_id()), ("ignored".into(), "ignored_by_person".into()));
        assert_eq!(bench.rows("SELECT why FROM cutover_questions")[0]["why"], "entered by hand");
        assert!(bench.ledger(company).is_empty());
        // Before the start date there was nothing to ask about.
        let outcomes = bench.journal("SELECT outcome, reason FROM events ORDER BY received_at");
        let reasons: Vec<&str> = outcomes.iter().map(|row| row["reason"].as_str()).collect();
        assert_eq!(
            reasons,
            ["before_start_date", "before_start_date", "ignored_by_person", "ignored_by_person"],
            "{company:?}"
        );
        let mut refund = refunded_after().deliveries[1].1.clone();
        refund["order_id"] = json!(5600000001160u64);
        refund["refund_line_items"][0]["line_item_id"] = story.deliveries[0].1["line_items"][0]["id"].clone();
        bench.deliver("refunds/create", &refund);
        bench.run();
        let text = held(&bench, &story);
        assert!(text.contains("credit:9200000011620") && !text.contains("payment:"), "{text}");
    }
}

#[test]
fn an_answer_is_for_an_order_that_waits_for_it_and_says_what_it_means() {
    let bench = Bench::new(Company::XeroUk);
    assert_eq!(bench.answer("5600000001160", STAND_ALONE), Answered::UnknownOrder);
    let story = Story::read("simple");
    bench.tell(&story);
    bench.run();
    assert_eq!(bench.answer(&story.order_id(), STAND_ALONE), Answered::NothingAsked);
    assert_eq!(Answer::read(b" "), Ok(None), "a release");
    for wrong in [
        r#"{"decision": "ignore"}"#,
        r#"{"decision": "ignore", "reason": " "}"#,
        r#"{"decision": "post"}"#,
        r#"{"decision": "stand_alone", "amount": 1}"#,
        "decision=ignore",
    ] {
        assert!(Answer::read(wrong.as_bytes()).is_err(), "{wrong}");
    }
    let long = json!({"decision": "ignore", "reason": "x".repeat(501)}).to_string();
    assert!(Answer::read(long.as_bytes()).is_err());
}

#[test]
fn a_reason_goes_with_the_orders_personal_data() {
    let story = paid_after();
    let bench = told(Company::XeroUk, &story, &[]);
    bench.answer(&story.order_id(), r#"{"decision": "ignore", "reason": "Jane Doe paid in cash"}"#);
    bench.run();
    bench.deliver(
        "customers/redact",
        &json!({"shop_id": 1, "shop_domain": crate::support::SHOP, "customer": {"id": 8001000000001u64},
            "orders_to_redact": [5600000001160u64]}),
    );
    bench.run();
    assert_eq!(bench.rows("SELECT coalesce(why, '') AS why FROM cutover_questions")[0]["why"], "");
}
