//! What somebody did in the ledger to what we posted is recognised and said, and what can be put right is.

use chrono::Duration;
use serde_json::json;

use crate::bookkeeper::{
    change_invoice, enter_sale, id_of, redate_invoice, redate_refund_receipt, remove_invoice, void_invoice,
};
use crate::support::reconcile::in_short;
use crate::support::{Bench, Company, Story, connected, happened};
use crate::told;

fn unpaid() -> Story {
    Story::read("net_terms")
}

fn paid() -> Story {
    Story::read("simple")
}

#[test]
fn an_invoice_that_somebody_removed_is_missing_by_hand_and_a_person_says_whether_it_is_posted_again() {
    for company in Company::ALL {
        let story = unpaid();
        let bench = told(company, &story);
        remove_invoice(&bench, company, &id_of(&bench, "sale"));
        let view = bench.compare(&json!({}));
        let [finding] = &view.findings[..] else { panic!("{company:?}: {:?}", in_short(&view)) };
        assert_eq!(finding.finding.class.as_str(), "missing");
        assert!(finding.finding.cause.contains("by hand"), "{finding:?}");
        assert!(view.may_be_approved && view.after.is_none());
        let view = bench.approve(&view.id);
        assert_eq!(view.after.unwrap().drift(), 1, "{company:?}: it waits for a person");
        // What is left is named, and why.
        let [left] = &view.left[..] else { panic!("{company:?}: {:?}", view.left) };
        assert_eq!(left.finding.class.as_str(), "missing", "{company:?}");
        let report = tillproof::reconcile::text(&view.report());
        assert!(report.contains("What is left"), "{company:?}: {report}");
        assert_eq!(bench.state(&story.order_id()), ("held".into(), "removed_in_ledger".into()));
        bench.release(&story.order_id());
        bench.run();
        assert_eq!(bench.state(&story.order_id()).0, "synced", "{company:?}");
        assert!(bench.ledger(company).iter().any(|one| one.contains("-v2")), "{:?}", bench.ledger(company));
        assert_eq!(in_short(&bench.compare(&json!({}))), Vec::<String>::new(), "{company:?}");
    }
}

/// As the remedy of `changed_after_posting` says.
#[test]
fn an_order_that_changed_after_somebody_voided_its_invoice_is_posted_again_once_that_was_found() {
    for company in Company::ALL {
        let story = Story::read("edited_while_unpaid");
        let bench = connected(company, story.settings(company));
        happened(&bench, &story);
        let (first, rest) = story.deliveries.split_first().unwrap();
        bench.deliver(&first.0, &first.1);
        bench.run();
        void_invoice(&bench, company, &id_of(&bench, "sale"));
        rest.iter().for_each(|(topic, body)| bench.deliver(topic, body));
        bench.run();
        // Xero says so itself.
        let reason = if company == Company::XeroUk { "refused" } else { "changed_after_posting" };
        assert_eq!(bench.state(&story.order_id()), ("held".into(), reason.into()), "{company:?}");
        bench.release(&story.order_id());
        bench.run();
        assert_eq!(bench.state(&story.order_id()).0, "held", "{company:?}");
        let view = bench.compare(&json!({}));
        bench.approve(&view.id);
        assert_eq!(bench.state(&story.order_id()), ("held".into(), "removed_in_ledger".into()), "{company:?}");
        bench.release(&story.order_id());
        bench.run();
        assert_eq!(bench.state(&story.order_id()).0, "synced", "{company:?}");
        assert!(bench.ledger(company).iter().any(|one| one.contains("-v2")), "{:?}", bench.ledger(company));
        assert_eq!(in_short(&bench.compare(&json!({}))), Vec::<String>::new(), "{company:?}");
    }
}

#[test]
fn an_unpaid_invoice_that_somebody_changed_is_written_again_as_it_was() {
    for company in Company::ALL {
        let bench = told(company, &unpaid());
        redate_invoice(&bench, company, &id_of(&bench, "sale"), "2026-11-20");
        let view = bench.compare(&json!({}));
        let name = &view.findings[0].name;
        assert_eq!(in_short(&view), [format!("{name} wrong sale date")], "{company:?}");
        let finding = &view.findings[0].finding;
        assert_eq!((finding.shopify_value.as_str(), finding.ledger_value.as_str()), ("2026-11-02", "2026-11-20"));
        let view = bench.approve(&view.id);
        assert_eq!(view.after.unwrap().drift(), 0, "{company:?}: {:?}", bench.ledger(company));
        assert_eq!(in_short(&bench.compare(&json!({}))), Vec::<String>::new(), "{company:?}");
    }
}

#[test]
fn a_paid_invoice_that_somebody_changed_waits_for_a_person() {
    for company in [Company::QuickBooksUs, Company::QuickBooksUk] {
        let story = paid();
        let bench = told(company, &story);
        change_invoice(&bench, company, &id_of(&bench, "sale"), &json!({"TxnDate": "2026-11-20"}));
        let view = bench.compare(&json!({"repair": true}));
        assert_eq!(view.before.unwrap().wrong, 1, "{company:?}: {:?}", in_short(&view));
        assert_eq!(bench.state(&story.order_id()), ("held".into(), "changed_in_ledger".into()), "{company:?}");
        let rows = bench.journal("SELECT remedy FROM needs_attention");
        assert!(rows[0]["remedy"].contains("2026-11-20"), "{rows:?}");
    }
}

#[test]
fn a_second_invoice_for_the_same_order_is_a_duplicate() {
    for company in Company::ALL {
        let story = unpaid();
        let bench = told(company, &story);
        let order = format!("Shopify order {} ({})", story.order_id(), "#1016");
        enter_sale(
            &bench,
            &json!({"kind": "Invoice", "number": "X-77", "currency": "USD", "total": "360.00", "reference": order,
                    "note": order, "date": "2026-11-02"}),
        );
        let view = bench.compare(&json!({}));
        assert_eq!(view.before.unwrap().duplicate, 1, "{company:?}: {:?}", in_short(&view));
        assert_eq!(view.before.unwrap().drift(), 1, "{company:?}: {:?}", in_short(&view));
        // To approve the plan does nothing about it: it is still there, and is said to be.
        let view = bench.approve(&view.id);
        assert_eq!((view.after.unwrap().duplicate, view.after.unwrap().drift()), (1, 1), "{company:?}");
    }
}

#[test]
fn a_refund_receipt_that_somebody_changed_waits_for_a_person_and_is_not_deleted() {
    for company in [Company::QuickBooksUs, Company::QuickBooksUk] {
        let story = Story::read("partial_refund");
        let bench = told(company, &story);
        let key =
            bench.rows("SELECT document_key FROM documents WHERE kind = 'refund_receipt'")[0]["document_key"].clone();
        let count = bench.ledger(company).len();
        redate_refund_receipt(&bench, company, &id_of(&bench, &key), "2026-11-20");
        let view = bench.compare(&json!({}));
        let [finding] = &view.findings[..] else { panic!("{company:?}: {:?}", in_short(&view)) };
        assert_eq!((finding.finding.class.as_str(), finding.finding.repair.as_str()), ("wrong", "ask"), "{company:?}");
        // Nor if the plan were to say so.
        bench.rows("UPDATE run_findings SET finding = json_set(finding, '$.repair', 'correct')");
        let view = bench.approve(&view.id);
        assert_eq!(view.after.unwrap().wrong, 1, "{company:?}");
        assert_eq!(bench.state(&story.order_id()), ("held".into(), "changed_in_ledger".into()), "{company:?}");
        assert_eq!(bench.ledger(company).len(), count, "{company:?}: {:?}", bench.ledger(company));
    }
}

#[test]
fn a_change_that_a_person_lets_stand_is_no_difference_any_more_and_another_one_is() {
    for company in [Company::QuickBooksUs, Company::QuickBooksUk] {
        let story = Story::read("partial_refund");
        let bench = told(company, &story);
        let key =
            bench.rows("SELECT document_key FROM documents WHERE kind = 'refund_receipt'")[0]["document_key"].clone();
        let id = id_of(&bench, &key);
        redate_refund_receipt(&bench, company, &id, "2026-11-20");
        bench.approve(&bench.compare(&json!({})).id);
        assert_eq!(bench.state(&story.order_id()), ("held".into(), "changed_in_ledger".into()), "{company:?}");
        bench.release(&story.order_id());
        bench.run();
        assert_eq!(bench.state(&story.order_id()).0, "synced", "{company:?}");
        for _ in 0..2 {
            let view = bench.compare(&json!({"repair": true}));
            assert_eq!((in_short(&view), view.before.unwrap().drift()), (Vec::new(), 0), "{company:?}");
        }
        redate_refund_receipt(&bench, company, &id, "2026-11-21");
        let view = bench.compare(&json!({"repair": true}));
        assert_eq!(view.after.unwrap().wrong, 1, "{company:?}");
        assert_eq!(bench.state(&story.order_id()), ("held".into(), "changed_in_ledger".into()), "{company:?}");
    }
}

#[test]
fn an_older_document_that_somebody_removed_in_the_window_is_missing() {
    for company in Company::ALL {
        let bench = told(company, &unpaid());
        bench.clock.advance(Duration::days(20));
        remove_invoice(&bench, company, &id_of(&bench, "sale"));
        let view = bench.compare(&json!({"from": "2026-11-20"}));
        let [finding] = &view.findings[..] else { panic!("{company:?}: {:?}", in_short(&view)) };
        assert_eq!(finding.finding.class.as_str(), "missing", "{company:?}");
        assert!(finding.finding.cause.contains("by hand"), "{finding:?}");
    }
}

#[test]
fn a_document_for_an_order_that_nobody_knows_is_unexpected_before_the_repair_and_after_it() {
    for company in Company::ALL {
        let asked: [fn(Company) -> Bench; 2] =
            [|company| Bench::with(company, company.settings()), |company| connected(company, company.settings())];
        for bench in asked.map(|bench| bench(company)) {
            bench.tell(&unpaid());
            bench.run();
            let order = "Shopify order 5600000777777 (#7777)";
            enter_sale(
                &bench,
                &json!({"kind": "Invoice", "number": "S-7777", "currency": "USD", "total": "360.00", "reference": order,
                        "note": order, "date": "2026-11-02"}),
            );
            let view = bench.compare(&json!({}));
            assert_eq!(view.before.unwrap().unexpected, 1, "{company:?}: {:?}", in_short(&view));
            let view = bench.approve(&view.id);
            assert_eq!(view.after.unwrap().unexpected, 1, "{company:?}");
        }
    }
}

#[test]
fn an_invoice_that_somebody_deleted_needs_no_voiding_when_its_order_is_cancelled() {
    for company in [Company::QuickBooksUs, Company::QuickBooksUk] {
        let mut story = Story::read("cancelled_unpaid");
        let (topic, cancelled) = story.deliveries.pop().unwrap();
        let bench = told(company, &story);
        remove_invoice(&bench, company, &id_of(&bench, "sale"));
        bench.deliver(&topic, &cancelled);
        bench.run();
        let rows = bench.rows("SELECT state, coalesce(remedy, '') AS remedy FROM orders");
        assert_eq!((rows[0]["state"].as_str(), rows[0]["remedy"].as_str()), ("synced", ""), "{company:?}");
        assert_eq!(bench.rows("SELECT state FROM documents")[0]["state"], "voided");
    }
}
