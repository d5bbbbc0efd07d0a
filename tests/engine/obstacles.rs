//! Faults of the settings: everything they concern waits under one reason, a person is told once, one order is tried now
//! and then, and all go on by themselves, in their order, once the cause is gone.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Duration;
use sandbox::{Fault, FaultKind};
use serde_json::{Value, json};

use tillproof::platform::Clock;

use crate::batches::{backlog, order, requests, total};
use crate::person;
use crate::support::{Bench, Company, Story};

/// What a person breaks in the ledger, how it is put right, and the reason that the orders are held for.
struct Case {
    company: Company,
    breaks: (&'static str, Value),
    cure: (&'static str, Value),
    reason: &'static str,
    /// True if the invoices stand and their payments wait.
    payments_only: bool,
}

fn case(company: Company, breaks: (&'static str, Value), cure: (&'static str, Value), reason: &'static str) -> Case {
    Case { company, breaks, cure, reason, payments_only: false }
}

fn cases() -> Vec<Case> {
    use Company::{QuickBooksUk, QuickBooksUs, XeroUk};
    let money = |company, key: (&'static str, &'static str), account: &'static str| Case {
        payments_only: true,
        ..case(company, (key.0, json!(account)), (key.1, json!(account)), "settings_refused")
    };
    let names = |company, key: (&'static str, &'static str), name: &'static str| {
        case(company, (key.0, json!(name)), (key.1, json!(name)), "settings_refused")
    };
    let mut all = vec![
        names(QuickBooksUs, ("deactivate_item", "activate_item"), "1"),
        names(QuickBooksUk, ("deactivate_item", "activate_item"), "1"),
        names(XeroUk, ("archive_account", "activate_account"), "200"),
        names(XeroUk, ("unsubscribe_currency", "subscribe_currency"), "USD"),
        money(QuickBooksUs, ("deactivate_account", "activate_account"), "91"),
        money(QuickBooksUk, ("deactivate_account", "activate_account"), "91"),
        money(XeroUk, ("archive_account", "activate_account"), "090"),
        case(XeroUk, ("can_approve", json!(false)), ("can_approve", json!(true)), "subscription_ended"),
    ];
    for company in Company::ALL {
        all.push(case(company, ("lock_date", json!("2026-11-30")), ("lock_date", Value::Null), "period_closed"));
    }
    for company in [QuickBooksUs, QuickBooksUk] {
        let ended = ("subscription_ended", json!(true));
        all.push(case(company, ended, ("subscription_ended", json!(false)), "subscription_ended"));
    }
    all
}

/// The orders whose invoices were written, in the order in which they went out.
fn invoices(bench: &Bench) -> Vec<u64> {
    let written = "SELECT order_id FROM writes WHERE document_key = 'sale' AND state = 'confirmed' ORDER BY id";
    let number = |row: &BTreeMap<String, String>| row["order_id"].parse::<u64>().unwrap() - 5_700_000_000_000;
    bench.rows(written).iter().map(number).collect()
}

fn held(bench: &Bench, reason: &str) -> usize {
    bench.rows(&format!("SELECT 1 FROM orders WHERE state = 'held' AND reason = '{reason}'")).len()
}

#[test]
fn what_a_fault_concerns_is_held_under_one_reason_and_goes_on_by_itself_in_order() {
    for Case { company, breaks, cure, reason, payments_only } in cases() {
        let context = format!("{company:?}, {breaks:?}");
        let expected = Bench::new(company);
        backlog(&expected, 1..14, 3);
        expected.run();

        let bench = Bench::new(company);
        bench.set(company, breaks.0, breaks.1);
        backlog(&bench, 1..13, 3);
        bench.run();
        let orders = bench.rows("SELECT order_id, state, reason, detail FROM orders");
        assert_eq!(held(&bench, reason), 12, "{context}: {orders:?}");
        let details: BTreeSet<&str> = orders.iter().map(|row| row["detail"].as_str()).collect();
        assert_eq!(details.len(), 1, "{context}: one reason for all: {details:?}");
        let alerts = "SELECT kind, message, resolved_at FROM alerts";
        assert_eq!(bench.journal(alerts).len(), 1, "{context}: {:?}", bench.journal(alerts));
        assert_eq!(bench.journal(alerts)[0]["kind"], "settings_fault", "{context}");

        // Another order of the same kind is held without a question to the ledger, and nobody is told again.
        let asked = total(&requests(&bench));
        bench.tell(&order(13, 1));
        bench.run();
        assert_eq!(held(&bench, reason), 13, "{context}");
        let new = total(&requests(&bench)) - asked;
        // QuickBooks does not say what is inactive: then each order has to find out for itself.
        let unsaid = "SELECT 1 FROM obstacles WHERE subject = '' AND concerns <> 'everything'";
        let most = u64::from(payments_only) + u64::try_from(bench.rows(unsaid).len()).unwrap();
        assert!(new <= most, "{context}: {new} calls for an order that cannot be posted");

        // Nothing changes for hours: one order is tried, ever less.
        let asked = total(&requests(&bench));
        bench.run_for(Duration::hours(6));
        let probes = total(&requests(&bench)) - asked;
        assert!((5..=20).contains(&probes), "{context}: {probes} calls in six hours");
        assert_eq!((held(&bench, reason), bench.journal(alerts).len()), (13, 1), "{context}");

        // The daily look at the company finds the same: it is no other reason, and nobody is told again.
        for _ in 0..24 {
            bench.run_for(Duration::hours(1));
            bench.poke();
        }
        assert_eq!(held(&bench, reason), 13, "{context}: {:?}", bench.rows("SELECT reason, detail FROM orders"));
        assert_eq!(bench.journal(alerts).len(), 1, "{context}: {:?}", bench.journal(alerts));

        bench.set(company, cure.0, cure.1);
        for _ in 0..16 {
            bench.run_for(Duration::minutes(5));
            bench.poke();
        }
        let left = bench.rows("SELECT order_id, state, reason, detail FROM orders WHERE state <> 'synced'");
        assert!(left.is_empty(), "{context}: {left:?}");
        assert_eq!(bench.ledger(company), expected.ledger(company), "{context}");
        // The probe, and then all the others in their order.
        let in_order = invoices(&bench);
        assert!(in_order.len() == 13 && in_order[1..].is_sorted(), "{context}: {in_order:?}");
        assert!(!bench.journal(alerts)[0]["resolved_at"].is_empty(), "{context}: {:?}", bench.journal(alerts));
        assert!(bench.rows("SELECT * FROM obstacles").is_empty(), "{context}");
        assert!(bench.journal("SELECT * FROM needs_attention").is_empty(), "{context}");
    }
}

#[test]
fn what_a_fault_does_not_concern_goes_on() {
    // The period is closed for one order's day only; a currency is missing for one order only.
    for company in Company::ALL {
        let bench = Bench::new(company);
        bench.set(company, "lock_date", json!("2026-10-15"));
        let mut old = order(1, 1);
        for (_, body) in &mut old.deliveries {
            let text = body.to_string().replace("2026-11-02T", "2026-10-10T");
            *body = serde_json::from_str(&text).unwrap();
        }
        bench.tell(&old);
        bench.tell(&order(2, 1));
        bench.run();
        let states = bench.rows("SELECT state, reason FROM orders ORDER BY order_id");
        assert_eq!(
            (states[0]["reason"].as_str(), states[1]["state"].as_str()),
            ("period_closed", "synced"),
            "{company:?}"
        );
        bench.tell(&order(3, 1));
        bench.run();
        assert_eq!(held(&bench, "period_closed"), 1, "{company:?}");
    }
}

/// Order `number`, of that day of October.
fn of_october(number: u64, day: u64) -> Story {
    let mut story = order(number, 1);
    for (_, body) in &mut story.deliveries {
        let text = body.to_string().replace("2026-11-02T", &format!("2026-10-{day:02}T"));
        *body = serde_json::from_str(&text).unwrap();
    }
    story
}

#[test]
fn a_closed_period_is_one_reason_and_one_alert_however_many_days_are_in_it() {
    let days = [(1, 10), (2, 6), (3, 14), (4, 4), (5, 12), (6, 20)];
    for company in Company::ALL {
        let bench = Bench::new(company);
        bench.set(company, "lock_date", json!("2026-10-25"));
        days.iter().for_each(|(number, day)| bench.tell(&of_october(*number, *day)));
        bench.run();
        let alerts = "SELECT kind, resolved_at FROM alerts";
        let details = "SELECT DISTINCT detail FROM orders WHERE reason = 'period_closed'";
        let subjects = || bench.rows("SELECT subject FROM obstacles");
        assert_eq!(held(&bench, "period_closed"), 6, "{company:?}");
        assert_eq!((bench.journal(alerts).len(), bench.rows(details).len()), (1, 1), "{company:?}");
        assert_eq!((subjects().len(), subjects()[0]["subject"].as_str()), (1, "2026-10-20"), "{company:?}");
        // An older day is in it too: nobody is asked.
        let asked = total(&requests(&bench));
        bench.tell(&of_october(7, 11));
        bench.run();
        assert_eq!((held(&bench, "period_closed"), total(&requests(&bench))), (7, asked), "{company:?}");
        // A part of it is opened again: that part goes on, the rest waits under one reason.
        bench.set(company, "lock_date", json!("2026-10-05"));
        bench.run_for(Duration::hours(9));
        assert_eq!(held(&bench, "period_closed"), 1, "{company:?}: {:?}", bench.rows("SELECT * FROM orders"));
        assert_eq!((subjects().len(), subjects()[0]["subject"].as_str()), (1, "2026-10-04"), "{company:?}");
        let in_order = invoices(&bench);
        assert!(in_order.len() == 6 && in_order[1..].is_sorted(), "{company:?}: {in_order:?}");
        bench.set(company, "lock_date", Value::Null);
        bench.run_for(Duration::minutes(75));
        assert_eq!(bench.rows("SELECT 1 FROM orders WHERE state = 'synced'").len(), 7, "{company:?}");
        assert!(subjects().is_empty() && bench.journal(alerts).iter().all(|one| !one["resolved_at"].is_empty()));
    }
}

#[test]
fn two_faults_at_once_are_each_told_once_and_cost_few_calls() {
    for (company, name, everything) in [
        (Company::QuickBooksUs, ("deactivate_item", "activate_item", json!("1")), ("subscription_ended", true)),
        (Company::XeroUk, ("archive_account", "activate_account", json!("200")), ("can_approve", false)),
    ] {
        let bench = Bench::new(company);
        bench.set(company, name.0, name.2.clone());
        backlog(&bench, 1..13, 3);
        bench.run();
        assert_eq!(held(&bench, "settings_refused"), 12, "{company:?}");
        bench.set(company, everything.0, json!(everything.1));
        let before = total(&requests(&bench));
        bench.run_for(Duration::hours(8));
        let calls = total(&requests(&bench)) - before;
        assert!(calls <= 20, "{company:?}: {calls} calls in eight hours");
        let alerts = || {
            let rows =
                bench.journal("SELECT message, resolved_at FROM alerts WHERE kind = 'settings_fault' ORDER BY at");
            rows.iter().map(|row| row["resolved_at"].is_empty()).collect::<Vec<bool>>()
        };
        assert_eq!(alerts(), [true, true], "{company:?}: both stand");
        assert_eq!(held(&bench, "settings_refused") + held(&bench, "subscription_ended"), 12, "{company:?}");
        bench.set(company, everything.0, json!(!everything.1));
        bench.run_for(Duration::hours(3));
        assert_eq!(alerts(), [true, false], "{company:?}: one is over");
        assert_eq!(held(&bench, "settings_refused"), 12, "{company:?}");
        bench.set(company, name.1, name.2.clone());
        bench.run_for(Duration::hours(2));
        assert_eq!(alerts(), [false, false], "{company:?}");
        assert_eq!(bench.rows("SELECT 1 FROM orders WHERE state = 'synced'").len(), 12, "{company:?}");
    }
}

/// The order that is tried first has a customer that is archived, too: it waits for that alone.
#[test]
fn a_fault_that_is_put_right_is_over_although_the_order_that_was_tried_meets_another_one() {
    let company = Company::XeroUk;
    let bench = Bench::new(company);
    let edited = Story::read("edited_while_unpaid");
    bench.deliver(&edited.deliveries[0].0, &edited.deliveries[0].1);
    bench.run();
    bench.set(company, "archive_account", json!("200"));
    edited.deliveries[1..3].iter().for_each(|(topic, body)| bench.deliver(topic, body));
    bench.run();
    backlog(&bench, 1..7, 3);
    bench.run();
    assert_eq!(held(&bench, "settings_refused"), 7, "{:?}", bench.rows("SELECT order_id, reason FROM orders"));
    let party = "SELECT json_extract(posted, '$.party_id') AS id FROM documents";
    bench.set(company, "archive_contact", json!(bench.rows(party)[0]["id"]));
    bench.set(company, "activate_account", json!("200"));
    bench.run_for(Duration::hours(6));
    let states = bench.rows("SELECT state, reason FROM orders WHERE state <> 'synced'");
    assert!(states.len() <= 1, "{states:?}");
}

#[test]
fn a_person_who_releases_one_order_after_the_repair_releases_all_that_wait_with_it() {
    for company in Company::ALL {
        let bench = Bench::new(company);
        bench.set(company, "lock_date", json!("2026-11-30"));
        backlog(&bench, 1..13, 3);
        bench.run();
        // Too early: it is tried, and held again.
        bench.release("5700000000007");
        bench.run();
        assert_eq!(held(&bench, "period_closed"), 12, "{company:?}");
        bench.set(company, "lock_date", Value::Null);
        bench.release("5700000000007");
        bench.run();
        assert_eq!(bench.rows("SELECT 1 FROM orders WHERE state = 'synced'").len(), 12, "{company:?}");
        assert_eq!(bench.journal("SELECT 1 FROM alerts WHERE resolved_at IS NOT NULL").len(), 1, "{company:?}");
    }
}

#[test]
fn settings_that_no_longer_name_what_the_ledger_refuses_are_tried_at_once() {
    for (company, key, name, other) in [
        (Company::QuickBooksUs, "deactivate_item", "1", "Fees"),
        (Company::QuickBooksUk, "deactivate_item", "1", "8"),
        (Company::XeroUk, "archive_account", "200", "204"),
    ] {
        let mut bench = Bench::new(company);
        backlog(&bench, 1..2, 1);
        bench.run();
        bench.set(company, key, json!(name));
        backlog(&bench, 11..23, 3);
        bench.run();
        assert_eq!(held(&bench, "settings_refused"), 12, "{company:?}: {:?}", bench.rows("SELECT * FROM orders"));
        let mut settings = company.settings();
        settings["lines"]["sales"] = json!(other);
        settings["lines"]["refund_differences"] = json!(other);
        bench.variables.insert("CONNECTION_MAIN".into(), settings);
        bench.poke();
        bench.run_for(Duration::minutes(6));
        let left = bench.rows("SELECT state, reason, detail FROM orders WHERE state <> 'synced'");
        assert!(left.is_empty(), "{company:?}: {left:?}");
        assert!(bench.rows("SELECT * FROM obstacles").is_empty(), "{company:?}");
    }
}

#[test]
fn a_dead_grant_is_said_once_and_the_orders_wait_until_somebody_connects_again() {
    for company in Company::ALL {
        let mut bench = Bench::new(company);
        backlog(&bench, 1..3, 2);
        bench.run();
        bench.fail(Fault::next(FaultKind::Reconnect));
        backlog(&bench, 11..21, 2);
        bench.run_for(Duration::hours(3));
        let waiting = bench.rows("SELECT attempts FROM orders WHERE state = 'pending'");
        assert_eq!(waiting.len(), 10, "{company:?}: {:?}", bench.rows("SELECT * FROM orders"));
        assert!(waiting.iter().all(|row| row["attempts"] == "0"), "{company:?}: nobody's attempts are used up");
        let alerts = "SELECT kind, resolved_at FROM alerts";
        assert_eq!(bench.journal(alerts).len(), 1, "{company:?}: {:?}", bench.journal(alerts));
        assert_eq!((&*bench.journal(alerts)[0]["kind"], &*bench.journal(alerts)[0]["resolved_at"]), ("reconnect", ""));
        let token = person::consent(&mut bench.world.borrow_mut(), bench.clock.now(), company).unwrap();
        for ledger in ["QUICKBOOKS", "XERO"] {
            bench.variables.insert(format!("{ledger}_REFRESH_TOKEN"), token.as_str().into());
        }
        bench.run_for(Duration::minutes(20));
        assert_eq!(bench.rows("SELECT 1 FROM orders WHERE state = 'synced'").len(), 12, "{company:?}");
        assert!(!bench.journal(alerts)[0]["resolved_at"].is_empty(), "{company:?}");
    }
}

/// It says nothing of the fault: the next one is tried, and what waits goes on waiting under the same alert.
#[test]
fn an_order_that_is_tried_and_needs_nothing_of_the_ledger_any_more_sets_nobody_free() {
    for company in Company::ALL {
        let bench = Bench::new(company);
        let edited = Story::read("edited_while_unpaid");
        let (topic, first) = &edited.deliveries[0];
        bench.deliver(topic, first);
        bench.run();
        bench.set(company, "lock_date", json!("2026-11-30"));
        edited.deliveries[1..3].iter().for_each(|(topic, body)| bench.deliver(topic, body));
        bench.tell(&Story::read("simple"));
        bench.run();
        assert_eq!(held(&bench, "period_closed"), 2, "{company:?}");
        // The edit is taken back, and somebody tries the order.
        let mut back = first.clone();
        back["updated_at"] = json!("2026-11-03T12:00:00-05:00");
        bench.deliver("orders/updated", &back);
        bench.release(&edited.order_id());
        bench.run();
        assert_eq!(bench.state(&edited.order_id()).0, "synced", "{company:?}");
        assert_eq!(held(&bench, "period_closed"), 1, "{company:?}");
        let alerts = bench.journal("SELECT resolved_at FROM alerts WHERE kind = 'settings_fault'");
        assert!(alerts.len() == 1 && alerts[0]["resolved_at"].is_empty(), "{company:?}: {alerts:?}");
    }
}
