//! What Shopify says of an order now and would be held: the engine hears of it, and holds it.

use askama::Template;
use serde_json::{Value, json};
use tillproof::dashboard::ReconciliationPage;
use tillproof::reconcile::run::RunView;

use crate::support::{Bench, Company, Story, connected};

/// An order, and its edit that adds a line with a tax which no settings name.
fn untaxable() -> (Story, Value, Value) {
    let story = Story::read("edited_while_unpaid");
    let (made, mut edited) = (story.deliveries[0].1.clone(), story.deliveries[2].1.clone());
    edited["line_items"][1]["tax_lines"][0]["rate"] = json!(0.17);
    (story, made, edited)
}

fn page(view: &RunView) -> String {
    ReconciliationPage::new(view.clone(), crate::support::start()).render().unwrap()
}

const UNMAPPED: [Company; 2] = [Company::QuickBooksUk, Company::XeroUk];

fn happened(bench: &Bench, topic: &str, body: &Value) {
    bench.world.borrow_mut().shopify.happened(topic, body);
}

/// The order is posted as it was made; its edit happened, and was never delivered.
fn edited_unheard(company: Company) -> (Bench, Story) {
    let (story, made, edited) = untaxable();
    let bench = connected(company, company.settings());
    happened(&bench, "orders/create", &made);
    bench.deliver("orders/create", &made);
    bench.run();
    happened(&bench, "orders/updated", &edited);
    (bench, story)
}

#[test]
fn an_edit_that_was_never_delivered_and_has_to_be_held_is_held_and_still_differs() {
    for company in UNMAPPED {
        let (bench, story) = edited_unheard(company);
        let view = bench.compare(&json!({"repair": true}));
        assert_eq!(view.before.unwrap().stale, 1, "{company:?}: {:?}", view.findings);
        assert_eq!(view.findings[0].done.as_deref(), Some("handed_over"), "{company:?}");
        assert_eq!(view.after.unwrap().drift(), 1, "{company:?}: {:?}", view.left);
        assert_eq!(bench.state(&story.order_id()), ("held".into(), "tax_unmapped".into()), "{company:?}");
    }
}

#[test]
fn so_it_is_where_a_person_approves_the_plan_later() {
    for company in UNMAPPED {
        let (bench, story) = edited_unheard(company);
        let view = bench.compare(&json!({}));
        assert_eq!(bench.state(&story.order_id()).0, "synced", "{company:?}: a look changes nothing");
        assert!(page(&view).contains("would be fetched, and held for you"), "{company:?}");
        let view = bench.approve(&view.id);
        assert_eq!(view.after.unwrap().drift(), 1, "{company:?}: {:?}", view.left);
        assert_eq!(bench.state(&story.order_id()), ("held".into(), "tax_unmapped".into()), "{company:?}");
    }
}

#[test]
fn an_order_that_was_never_delivered_and_has_to_be_held_is_held_and_still_missing() {
    for company in UNMAPPED {
        let (story, made, edited) = untaxable();
        let bench = connected(company, company.settings());
        happened(&bench, "orders/create", &made);
        happened(&bench, "orders/updated", &edited);
        let view = bench.compare(&json!({"repair": true}));
        assert_eq!(view.before.unwrap().missing, 1, "{company:?}: {:?}", view.findings);
        assert_eq!(view.after.unwrap().missing, 1, "{company:?}: {:?}", view.left);
        assert_eq!(bench.state(&story.order_id()), ("held".into(), "tax_unmapped".into()), "{company:?}");
    }
}

#[test]
fn what_was_found_stands_until_the_engine_has_fetched_the_order() {
    let (bench, _) = edited_unheard(Company::XeroUk);
    let view = bench.compare(&json!({}));
    // The engine never gets to it: once the run is out of patience it is judged by what was posted last.
    bench.rows(
        "CREATE TRIGGER never AFTER UPDATE OF wants_fetch ON orders WHEN NEW.wants_fetch = 1 BEGIN
         UPDATE orders SET state = 'synced', due_at = NULL WHERE order_id = NEW.order_id; END",
    );
    let view = bench.approve(&view.id);
    assert_eq!(view.after.unwrap().drift(), 1, "{:?}", view.left);
}

#[test]
fn what_a_closed_period_holds_is_not_removed_by_hand_and_goes_on_when_it_is_opened() {
    for company in Company::ALL {
        let bench = Bench::new(company);
        bench.set(company, "lock_date", json!("2026-11-30"));
        let stories = ["simple", "net_terms"].map(Story::read);
        stories.iter().for_each(|story| bench.tell(story));
        bench.run();
        let held = ("held".to_owned(), "period_closed".to_owned());
        let states = || stories.iter().map(|story| bench.state(&story.order_id())).collect::<Vec<_>>();
        assert_eq!(states(), vec![held.clone(); 2], "{company:?}");
        let view = bench.compare(&json!({"repair": true}));
        assert_eq!(view.before, view.after, "{company:?}: {:?}", view.findings);
        assert!(view.before.unwrap().missing >= 2, "{company:?}: {:?}", view.findings);
        assert!(page(&view).contains("waits for you: see the order"), "{company:?}");
        assert_eq!(states(), vec![held; 2], "{company:?}: nobody removed anything");
        bench.set(company, "lock_date", Value::Null);
        bench.run_for(chrono::Duration::hours(9));
        assert!(states().iter().all(|(state, _)| state == "synced"), "{company:?}: {:?}", states());
        assert_eq!(bench.compare(&json!({})).before.unwrap().drift(), 0, "{company:?}");
    }
}

#[test]
fn a_total_that_the_ledger_got_wrong_was_not_changed_by_hand() {
    for company in Company::ALL {
        let story = Story::read("simple");
        let bench = Bench::new(company);
        bench.set(company, "skew", json!("5"));
        bench.set(company, "refuse_void", json!(true));
        bench.tell(&story);
        bench.run();
        let held = ("held".to_owned(), "proof_differs".to_owned());
        assert_eq!(bench.state(&story.order_id()), held, "{company:?}");
        let view = bench.compare(&json!({"repair": true}));
        assert!(view.before.unwrap().wrong > 0, "{company:?}: {:?}", view.findings);
        assert_eq!(bench.state(&story.order_id()), held, "{company:?}: {:?}", view.findings);
    }
}

#[test]
fn what_another_document_of_the_number_says_was_not_changed_by_hand() {
    for company in Company::ALL {
        let story = Story::read("simple");
        let bench = Bench::new(company);
        let sale = json!({"kind": "Invoice", "number": "S-1001", "currency": "USD", "total": "12.00", "reference": "",
                          "note": "by hand", "date": "2026-11-02"});
        bench.set_up("plant_sale", &sale);
        bench.tell(&story);
        bench.run();
        let held = ("held".to_owned(), "number_taken".to_owned());
        assert_eq!(bench.state(&story.order_id()), held, "{company:?}");
        let view = bench.compare(&json!({"repair": true}));
        assert!(view.before.unwrap().drift() > 0, "{company:?}");
        assert_eq!(bench.state(&story.order_id()), held, "{company:?}: {:?}", view.findings);
    }
}
