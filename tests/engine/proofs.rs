//! A ledger that computes otherwise than its arithmetic promised: the wrong total never stays unsaid.

use sandbox::{Fault, FaultKind};
use serde_json::json;

use crate::support::{Bench, Company, Story, one_in};
use crate::told;

fn skewed(company: Company, by: &str) -> Bench {
    let bench = Bench::new(company);
    bench.set(company, "skew", json!(by));
    bench
}

#[test]
fn a_difference_that_rounding_explains_is_put_right_by_one_full_update_with_a_rounding_line() {
    for company in Company::ALL {
        for by in ["0.01", "-0.01"] {
            let bench = skewed(company, by);
            let story = Story::read("simple");
            bench.tell(&story);
            bench.run();
            let context = format!("{company:?}, {by}");
            assert_eq!(
                bench.state(&story.order_id()).0,
                "synced",
                "{context}: {:?}",
                bench.rows("SELECT * FROM orders")
            );
            assert_eq!(bench.ledger(company), told(company, &story).ledger(company), "{context}");
            let writes = bench.rows("SELECT document_key, operation FROM writes ORDER BY id");
            let writes: Vec<_> = writes.iter().map(|row| (&*row["document_key"], &*row["operation"])).collect();
            assert_eq!(writes[..2], [("sale", "create"), ("sale", "update")], "{context}");
            assert_eq!(writes.len(), 3, "{context}: {writes:?}");
            let notes = bench.journal("SELECT rule, before, after FROM adjustments WHERE rule = 'ledger_computed'");
            assert_eq!(notes.len(), 1, "{context}: it is said: {notes:?}");
            let proofs = bench.journal("SELECT proof, state FROM documents WHERE document_key = 'sale'");
            assert_eq!((&*proofs[0]["proof"], &*proofs[0]["state"]), ("exact", "updated"), "{context}");
        }
    }
}

#[test]
fn a_difference_that_rounding_does_not_explain_is_voided_and_held_with_both_totals() {
    for company in Company::ALL {
        let bench = skewed(company, "5");
        let story = Story::read("simple");
        bench.tell(&story);
        bench.run();
        assert_eq!(bench.state(&story.order_id()), ("held".into(), "proof_differs".into()), "{company:?}");
        let detail = &bench.rows("SELECT detail FROM orders")[0]["detail"];
        assert!(detail.contains("65.76") && detail.contains("70.76") && detail.contains("it was voided"), "{detail}");
        let ledger = bench.ledger(company);
        assert!(
            ledger.len() == 1 && ledger[0].contains("VOID"),
            "{company:?}: no payment, nothing that counts: {ledger:?}"
        );
        let operations = bench.rows("SELECT operation FROM writes ORDER BY id");
        let operations: Vec<&str> = operations.iter().map(|row| row["operation"].as_str()).collect();
        assert_eq!(operations, ["create", "update", "void"], "{company:?}: corrected once");

        // Put right and released, the document is written anew, under a number of its own.
        bench.set(company, "skew", json!("0"));
        bench.release(&story.order_id());
        bench.run();
        assert_eq!(bench.state(&story.order_id()).0, "synced", "{company:?}");
        let documents = bench.journal("SELECT number, proof, state FROM documents WHERE document_key = 'sale'");
        assert_eq!((&*documents[0]["number"], &*documents[0]["proof"]), ("S-1001-v2", "exact"), "{company:?}");
    }
}

#[test]
fn a_wrong_total_that_cannot_be_voided_is_said_with_both_totals() {
    for company in Company::ALL {
        let bench = skewed(company, "5");
        bench.set(company, "refuse_void", json!(true));
        let story = Story::read("simple");
        bench.tell(&story);
        bench.run();
        assert_eq!(bench.state(&story.order_id()), ("held".into(), "proof_differs".into()), "{company:?}");
        let detail = &bench.rows("SELECT detail FROM orders")[0]["detail"];
        let says = ["65.76", "70.76", "could not be voided"];
        assert!(says.iter().all(|part| detail.contains(part)), "{company:?}: {detail}");
        assert_eq!(bench.ledger(company).len(), 1, "{company:?}: no payment goes upon it");
    }
}

#[test]
fn a_credit_of_a_wrong_total_is_corrected_or_taken_back_too() {
    for company in Company::ALL {
        let story = Story::read("fully_refunded");
        for (by, synced) in [("0.01", company == Company::XeroUk), ("5", false)] {
            let bench = Bench::new(company);
            let (refund, sale): (Vec<_>, Vec<_>) =
                story.deliveries.iter().partition(|(topic, body)| *topic != "orders/create" && body["kind"] != "sale");
            sale.iter().for_each(|(topic, body)| bench.deliver(topic, body));
            bench.run();
            bench.set(company, "skew", json!(by));
            refund.iter().for_each(|(topic, body)| bench.deliver(topic, body));
            bench.run();
            let (state, reason) = bench.state(&story.order_id());
            let context =
                format!("{company:?}, {by}: {:?} {:?}", bench.rows("SELECT * FROM orders"), bench.ledger(company));
            if synced {
                assert_eq!(state, "synced", "{context}");
                assert_eq!(bench.ledger(company), told(company, &story).ledger(company), "{context}");
            } else {
                assert_eq!((&*state, &*reason), ("held", "proof_differs"), "{context}");
                let live = bench.ledger(company);
                let credits = live.iter().filter(|line| line.starts_with("Credit") || line.starts_with("Refund"));
                assert!(credits.clone().all(|line| line.contains("VOID") || line.contains("DELETED")), "{context}");
            }
        }
    }
}

#[test]
fn lost_replies_while_a_total_is_put_right_change_nothing() {
    let mut is_drawn = one_in(5);
    for company in Company::ALL {
        for (by, state) in [("0.01", "synced"), ("5", "held")] {
            let story = Story::read("simple");
            let undisturbed = skewed(company, by);
            undisturbed.tell(&story);
            undisturbed.run();
            for kind in [FaultKind::LostReply, FaultKind::Error500Committed, FaultKind::Down] {
                for skip in 1..7 {
                    if !is_drawn() {
                        continue;
                    }
                    let bench = skewed(company, by);
                    bench.fail(Fault::next(kind).after(skip));
                    bench.tell(&story);
                    bench.run();
                    let context = format!("{company:?}, {by}, {kind:?} at call {skip}");
                    assert_eq!(
                        bench.state(&story.order_id()).0,
                        state,
                        "{context}: {:?}",
                        bench.rows("SELECT * FROM orders")
                    );
                    assert_eq!(bench.ledger(company), undisturbed.ledger(company), "{context}");
                }
            }
        }
    }
}

/// Nobody knows whether a lost update was done: where the order takes its change back meanwhile, the document is written anew.
#[test]
fn a_lost_update_whose_change_is_taken_back_does_not_stay_in_the_ledger() {
    for company in Company::ALL {
        let lost = if company == Company::XeroUk { FaultKind::Error500Committed } else { FaultKind::LostReply };
        let bench = Bench::new(company);
        let story = Story::read("edited_while_unpaid");
        let (topic, first) = &story.deliveries[0];
        bench.deliver(topic, first);
        bench.run();
        let before = bench.ledger(company);
        bench.fail(Fault::next(lost).on("POST", ""));
        bench.fail(Fault::next(FaultKind::Down).repeated(10_000));
        story.deliveries[1..3].iter().for_each(|(topic, body)| bench.deliver(topic, body));
        bench.run_for(chrono::Duration::minutes(10));
        assert_ne!(bench.ledger(company), before, "{company:?}: the update was done, and nobody was told");
        let mut back = first.clone();
        back["updated_at"] = json!("2026-11-03T12:00:00-05:00");
        bench.deliver("orders/updated", &back);
        bench.world.borrow_mut().faults.clear();
        bench.run_for(chrono::Duration::hours(2));
        assert_eq!(bench.state(&story.order_id()).0, "synced", "{company:?}");
        assert_eq!(bench.ledger(company), before, "{company:?}");
        let proofs = bench.rows("SELECT proof FROM documents");
        assert!(proofs.iter().all(|row| row["proof"] == "exact"), "{proofs:?}");
    }
}

/// The same, where the order is cancelled meanwhile, or the ledger refuses the new update.
#[test]
fn a_lost_update_is_no_wrong_total() {
    for company in Company::ALL {
        let lost = if company == Company::XeroUk { FaultKind::Error500Committed } else { FaultKind::LostReply };
        let told = |lock: bool| {
            let bench = Bench::new(company);
            let story = Story::read("edited_while_unpaid");
            let (topic, first) = &story.deliveries[0];
            bench.deliver(topic, first);
            bench.run();
            bench.fail(Fault::next(lost).on("POST", ""));
            bench.fail(Fault::next(FaultKind::Down).repeated(10_000));
            story.deliveries[1..3].iter().for_each(|(topic, body)| bench.deliver(topic, body));
            bench.run_for(chrono::Duration::minutes(10));
            if lock {
                bench.set(company, "lock_date", json!("2026-11-30"));
            } else {
                let mut cancelled = story.deliveries[2].1.clone();
                cancelled["cancelled_at"] = json!("2026-11-03T12:00:00-05:00");
                cancelled["updated_at"] = json!("2026-11-03T12:00:00-05:00");
                cancelled["financial_status"] = json!("voided");
                bench.deliver("orders/cancelled", &cancelled);
            }
            bench.world.borrow_mut().faults.clear();
            bench.run_for(chrono::Duration::hours(2));
            (bench.state(&story.order_id()), bench.ledger(company), bench)
        };
        let (state, ledger, bench) = told(false);
        assert_eq!(bench.rows("SELECT proof FROM documents")[0]["proof"], "exact", "what is void is no wrong total");
        assert_eq!(state.0, "synced", "{company:?}: {ledger:?}");
        assert!(ledger.iter().all(|one| one.contains("VOID")), "{company:?}: {ledger:?}");
        let (state, ledger, bench) = told(true);
        assert_eq!(state, ("held".into(), "period_closed".into()), "{company:?}: {ledger:?}");
        assert!(ledger.len() == 1 && !ledger[0].contains("VOID"), "{company:?}: {ledger:?}");
        bench.set(company, "lock_date", serde_json::Value::Null);
        bench.run_for(chrono::Duration::hours(2));
        assert!(bench.ledger(company)[0].contains("83.88"), "{company:?}: {:?}", bench.ledger(company));
        assert_eq!(bench.rows("SELECT proof FROM documents")[0]["proof"], "exact");
    }
}
