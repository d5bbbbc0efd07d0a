//! Orders that say they were paid, and no transaction says when.

use serde_json::{Value, json};

use super::{detail, invoice, ours, paid_after, planted, told, untouched, with};
use crate::shopify::{calls, connected, happened};
use crate::support::{Company, Story};

/// The orders of a story as they are with that status at that time, without any transaction.
fn orders_alone(paid_at: &str) -> (Story, Value) {
    let mut story = Story::read("cutover_paid_without_transactions");
    story.ledger.clear();
    story.deliveries[1].1["updated_at"] = json!(paid_at);
    let paid = story.deliveries[1].1.clone();
    (story, paid)
}

#[test]
fn what_the_order_only_says_was_paid_is_what_is_open_of_the_invoice() {
    for company in Company::ALL {
        for (open, expected) in [("65.88", "65.88"), ("40.00", "40.00"), ("0", "")] {
            let (story, _) = orders_alone("2026-11-06T09:00:00-05:00");
            let bench = told(company, &story, &[with(invoice("1161"), "open", open)]);
            assert_eq!(bench.state(&story.order_id()).0, "synced", "{}", detail(&bench));
            let paid: Vec<(String, String)> =
                ours(&bench, company).iter().map(|one| (format!("{:.2}", one.total), one.date.clone())).collect();
            let wanted = if expected.is_empty() { vec![] } else { vec![(expected.into(), "2026-11-06".into())] };
            assert_eq!(paid, wanted, "{company:?}");
            assert!(planted(&bench, company, "1161").balance.is_zero());
            untouched(&bench);
        }
    }
}

#[test]
fn an_order_that_was_paid_when_it_was_last_heard_of_before_the_start_date_has_nothing_to_look_up() {
    for company in Company::ALL {
        let (mut story, paid) = orders_alone("2025-12-22T09:00:00-05:00");
        let bench = told(company, &story, &[]);
        assert_eq!(bench.state(&story.order_id()), ("ignored".into(), "before_start_date".into()));
        // It is changed later, in whatever way; and the later word may arrive first.
        let mut later = paid;
        later["updated_at"] = json!("2026-11-06T09:00:00-05:00");
        bench.deliver("orders/updated", &later);
        bench.run();
        assert_eq!(bench.state(&story.order_id()), ("ignored".into(), "before_start_date".into()));
        story.deliveries.insert(0, ("orders/updated".into(), later));
        let other = told(company, &story, &[]);
        assert_eq!(other.state(&story.order_id()), ("ignored".into(), "before_start_date".into()), "{company:?}");
        for one in [&bench, &other] {
            assert!(one.rows("SELECT 1 FROM cutover_looks").is_empty(), "the ledger is not even asked");
        }
    }
}

#[test]
fn where_shopify_can_be_asked_it_tells_when_the_order_was_paid() {
    for (paid_at, asks) in [("2025-12-21T09:00:00-05:00", false), ("2026-11-06T09:00:00-05:00", true)] {
        let (mut story, _) = orders_alone("2026-11-06T09:00:00-05:00");
        let bench = connected(Company::XeroUk, Company::XeroUk.settings());
        let mut transaction = paid_after().deliveries[2].1.clone();
        transaction["order_id"] = json!(5600000001161u64);
        transaction["processed_at"] = json!(paid_at);
        story.deliveries.push(("order_transactions/create".into(), transaction));
        happened(&bench, &story);
        story.deliveries.pop();
        bench.tell(&story);
        bench.run();
        assert!(calls(&bench) > 0);
        let expected = if asks { "held" } else { "ignored" };
        assert_eq!(bench.state(&story.order_id()), (expected.into(), "before_start_date".into()), "{}", detail(&bench));
        assert_eq!(!bench.rows("SELECT 1 FROM cutover_looks").is_empty(), asks);
    }
}

#[test]
fn money_that_went_back_by_a_refund_that_never_arrived_is_not_left_out() {
    for (moved_at, expected) in [("2026-11-05T09:00:00-05:00", "held"), ("2025-12-28T09:00:00-05:00", "ignored")] {
        let mut story = paid_after();
        let mut back = story.deliveries[2].clone();
        back.1["kind"] = json!("refund");
        back.1["processed_at"] = json!(moved_at);
        story.deliveries = vec![story.deliveries[0].clone(), back];
        story.rests.clear();
        let bench = told(Company::XeroUk, &story, &[]);
        let reason = if expected == "held" { "refund_unknown" } else { "before_start_date" };
        assert_eq!(bench.state(&story.order_id()), (expected.into(), reason.into()), "{}", detail(&bench));
    }
}
