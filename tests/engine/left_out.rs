//! What a person keeps out of the books.

use futures_util::FutureExt;
use serde_json::json;
use tillproof::posting::{Declined, OrderRef};

use crate::support::{Bench, Company, SandboxHttp, Story};

fn at(order_id: &str) -> OrderRef {
    OrderRef { connection: "main".into(), order_id: order_id.into() }
}

fn ignore(bench: &Bench, order_id: &str, reason: &str) -> Result<(), Declined> {
    let http = SandboxHttp(bench);
    bench.books(&http).ignore(&at(order_id), reason).now_or_never().unwrap()
}

/// A bench on which the tax of an order is not mapped, and the order held.
fn held(company: Company, story: &Story) -> Bench {
    let mut settings = company.settings();
    settings["taxes"] = json!([{"rate": "0.05", "code": "RROUTPUT"}]);
    let bench = Bench::with(company, settings);
    bench.tell(story);
    bench.run();
    assert_eq!(bench.state(&story.order_id()), ("held".into(), "tax_unmapped".into()));
    bench
}

#[test]
fn an_order_that_a_person_leaves_out_stays_out_whatever_is_heard_of_it_until_they_release_it() {
    let company = Company::XeroUk;
    let story = Story::read("simple");
    let (id, mut bench) = (story.order_id(), held(company, &story));
    ignore(&bench, &id, " entered by hand ").unwrap();
    bench.run();
    assert_eq!(bench.state(&id), ("ignored".into(), "ignored_by_person".into()));
    let events = bench.journal("SELECT outcome, reason FROM events");
    assert!(events.iter().all(|one| one["outcome"] == "ignored" && one["reason"] == "ignored_by_person"), "{events:?}");

    // Neither news nor settings bring it back, and a replay is no person's word.
    bench.variables.insert("CONNECTION_MAIN".into(), company.settings());
    let (topic, body) = story.deliveries.last().unwrap();
    bench.deliver(topic, body);
    bench.run();
    {
        let http = SandboxHttp(&bench);
        bench.books(&http).replay(&at(&id)).now_or_never().unwrap().unwrap();
    }
    bench.run();
    assert_eq!(bench.state(&id), ("ignored".into(), "ignored_by_person".into()));
    assert!(bench.ledger(company).is_empty());
    let view = bench.open().order(&at(&id)).unwrap().unwrap();
    assert_eq!(view.set_aside[0]["why"], "entered by hand");
    assert!(
        bench.journal("SELECT * FROM orders")[0].values().all(|text| !text.contains("by hand")),
        "it may name people"
    );

    bench.release(&id);
    bench.run();
    assert_eq!(bench.state(&id).0, "synced");
    assert_eq!(bench.ledger(company).len(), 2);
    assert!(bench.open().order(&at(&id)).unwrap().unwrap().set_aside.is_empty());
}

/// That what held it is over is nobody's word on whether it belongs in the books.
#[test]
fn an_order_that_is_left_out_stays_out_when_settings_that_held_it_are_put_right() {
    let company = Company::XeroUk;
    let story = Story::read("simple");
    let (id, mut bench) = (story.order_id(), held(company, &story));
    ignore(&bench, &id, "entered by hand").unwrap();
    bench.run();
    let mut broken = company.settings();
    broken["number_prefix"] = json!("FAR-TOO-LONG");
    bench.variables.insert("CONNECTION_MAIN".into(), broken);
    let (topic, body) = story.deliveries.last().unwrap();
    bench.deliver(topic, body);
    bench.run();
    assert_eq!(bench.state(&id), ("held".into(), "settings_invalid".into()));
    bench.variables.insert("CONNECTION_MAIN".into(), company.settings());
    bench.turn();
    bench.run();
    assert_eq!(bench.state(&id), ("ignored".into(), "ignored_by_person".into()));
    assert!(bench.ledger(company).is_empty());
}

#[test]
fn what_stands_of_an_order_that_is_left_out_stays_and_is_no_difference() {
    for company in [Company::QuickBooksUs, Company::XeroUk] {
        let story = Story::read("simple");
        let bench = Bench::new(company);
        bench.tell(&story);
        bench.run();
        let (id, before) = (story.order_id(), bench.ledger(company));
        assert_eq!(before.len(), 2);
        let refused = ignore(&bench, &id, "why not").unwrap_err();
        assert!(matches!(&refused, Declined::Refused(why) if why.contains("this one is synced")), "{refused}");
        // Somebody changes it in the ledger: it waits for a person, who is content with it.
        let key = tillproof::books::document::DocumentKey::sale();
        bench.open().done_by_hand(&at(&id), &key, tillproof::posting::ByHand::Changed, "a line").unwrap();
        bench.turn();
        assert_eq!(bench.state(&id), ("held".into(), "changed_in_ledger".into()));
        ignore(&bench, &id, "the accountant's own").unwrap();
        bench.run();
        assert_eq!(bench.state(&id), ("ignored".into(), "ignored_by_person".into()));
        assert_eq!(bench.ledger(company), before, "{company:?}");
    }
}

#[test]
fn leaving_out_needs_a_reason_and_an_order_that_is_held() {
    let story = Story::read("simple");
    let bench = held(Company::XeroUk, &story);
    for reason in ["", "  ", &"x".repeat(501)] {
        assert!(matches!(ignore(&bench, &story.order_id(), reason), Err(Declined::Unclear(_))), "{reason}");
    }
    assert!(matches!(ignore(&bench, "1", "gone"), Err(Declined::Missing(_))));
    assert_eq!(bench.state(&story.order_id()).0, "held");
}

#[test]
fn a_delivery_that_belongs_to_no_order_is_put_aside() {
    let bench = Bench::new(Company::XeroUk);
    bench.deliver_as(1, "orders/create", b"{\"id\": 1");
    let id = bench.rows("SELECT order_id FROM orders")[0]["order_id"].clone();
    assert_eq!(bench.state(&id), ("held".into(), "unreadable".into()));
    ignore(&bench, &id, "a test").unwrap();
    assert_eq!(bench.state(&id), ("ignored".into(), "put_aside".into()));
}
