//! What was never delivered is found by asking Shopify, and posted by the ordinary engine.

use std::collections::BTreeSet;

use askama::Template;
use chrono::Duration;
use sandbox::{Fault, FaultKind};
use serde_json::json;
use tillproof::dashboard::ReconciliationPage;
use tillproof::platform::Clock;
use tillproof::reconcile::run;

use crate::support::reconcile::in_short;
use crate::support::{Bench, Company, Story, connected, happened};

/// Three orders happened; the first was delivered.
fn one_of_three(company: Company) -> Bench {
    let bench = connected(company, company.settings());
    let stories = ["simple", "net_terms", "partial_refund"].map(Story::read);
    stories.iter().for_each(|story| happened(&bench, story));
    bench.tell(&stories[0]);
    bench.run();
    bench
}

#[test]
fn orders_that_were_never_delivered_are_missing_until_they_are_posted() {
    for company in Company::ALL {
        let bench = one_of_three(company);
        let view = bench.compare(&json!({}));
        let missing = view.before.unwrap();
        assert_eq!(missing.missing, missing.drift(), "{company:?}: {:?}", in_short(&view));
        assert!(missing.missing >= 4, "{company:?}: {:?}", in_short(&view));
        assert_eq!(view.orders, 3);
        // A look changes nothing.
        assert_eq!(bench.rows("SELECT 1 FROM orders").len(), 1, "{company:?}");
        let view = bench.approve(&view.id);
        assert_eq!(view.after.unwrap().drift(), 0, "{company:?}: {:?}", bench.ledger(company));
        let journal = bench.journal("SELECT missing, repaired, drift_after FROM reconciliations");
        assert_eq!(journal[0]["repaired"], journal[0]["missing"], "{journal:?}");
        assert_eq!(bench.journal("SELECT 1 FROM discrepancies").len() as i64, missing.missing);
    }
}

#[test]
fn an_update_that_was_never_delivered_leaves_its_documents_stale() {
    for company in Company::ALL {
        let story = Story::read("partial_refund");
        let bench = connected(company, story.settings(company));
        let (topic, body) = &story.deliveries[0];
        bench.world.borrow_mut().shopify.happened(topic, body);
        bench.deliver(topic, body);
        bench.run();
        happened(&bench, &story);
        let view = bench.compare(&json!({"repair": true}));
        assert!(view.before.unwrap().drift() > 0, "{company:?}");
        assert_eq!(view.after.unwrap().drift(), 0, "{company:?}: {:?}", bench.ledger(company));
    }
}

#[test]
fn a_list_that_shopify_cuts_off_goes_on_behind_its_end() {
    let bench = connected(Company::XeroUk, Company::XeroUk.settings());
    let story = Story::read("simple");
    for number in 0..12u64 {
        let mut body = story.deliveries[0].1.clone();
        body["id"] = json!(5_600_000_900_000 + number);
        body["name"] = json!(format!("#{}", 9_000 + number));
        body["updated_at"] = json!(format!("2026-11-02T10:{:02}:00-05:00", 20 + number));
        bench.world.borrow_mut().shopify.happened("orders/create", &body);
    }
    bench.world.borrow_mut().shopify.most_listed = 5;
    assert_eq!(bench.compare(&json!({})).orders, 12);
}

#[test]
fn a_run_that_crashes_again_and_again_is_given_up_and_told_of() {
    let bench = one_of_three(Company::XeroUk);
    let id = bench.begin_comparison(&json!({}));
    bench.turn();
    // Three pieces of work began and never ended.
    bench.rows("UPDATE runs SET marks = 3");
    let view = bench.finish_comparison(&id);
    assert!(view.doing.contains("crashed") && view.before.is_none(), "{view:?}");
    assert_eq!(bench.journal("SELECT kind FROM alerts WHERE resolved_at IS NULL")[0]["kind"], "reconciliation_crashed");
    let page = page(view);
    assert!(page.contains("it crashed while") && !page.contains("Nothing differs"), "{page}");
    // A piece that ends leaves no mark, and the next run begins as ever.
    assert_eq!(bench.compare(&json!({})).state, "done");
    assert_eq!(bench.rows("SELECT MAX(marks) AS marks FROM runs WHERE before IS NOT NULL")[0]["marks"], "0");
}

fn page(view: tillproof::reconcile::run::RunView) -> String {
    ReconciliationPage::new(view, crate::support::start()).render().unwrap()
}

#[test]
fn the_page_of_a_run_that_was_cancelled_does_not_say_that_nothing_differs() {
    let bench = one_of_three(Company::XeroUk);
    let id = bench.begin_comparison(&json!({}));
    assert!(run::cancel(&bench.open(), &id).unwrap());
    let page = page(bench.comparison(&id));
    assert!(page.contains("it was cancelled") && !page.contains("Nothing differs"), "{page}");
}

#[test]
fn a_run_that_is_cancelled_while_it_repairs_is_not_done_and_the_journal_knows_its_end() {
    let bench = one_of_three(Company::XeroUk);
    let id = bench.begin_comparison(&json!({"repair": true}));
    while bench.comparison(&id).before.is_none() {
        bench.turn_at_alarm();
    }
    assert_eq!(bench.comparison(&id).finished_at, None);
    assert!(run::cancel(&bench.open(), &id).unwrap());
    let view = bench.comparison(&id);
    assert_eq!(view.state, "cancelled");
    let page = page(view);
    assert!(page.contains("it was cancelled") && !page.contains("all repaired"), "{page}");
    bench.run();
    let row = &bench.journal("SELECT finished_at IS NOT NULL AS ended, missing, drift_after FROM reconciliations")[0];
    assert!(row["ended"] == "1" && row["missing"] != "0" && row["drift_after"].is_empty(), "{row:?}");
}

/// Every first difference that the run finds becomes so many, of orders of seven each.
fn multiply(bench: &Bench, count: usize) {
    let numbers: Vec<usize> = (0..count).collect();
    bench.rows(&format!(
        "CREATE TRIGGER many AFTER UPDATE OF phase ON runs WHEN NEW.phase = 'publish' AND OLD.phase <> 'publish' BEGIN
         INSERT INTO run_findings (run, round, order_id, n, name, class, finding)
         SELECT run, round, order_id || '-' || (value / 7), value % 7, name, class, finding
         FROM run_findings, json_each('{}') WHERE n = 0; END",
        json!(numbers)
    ));
}

#[test]
fn every_difference_is_told_once_however_many_there_are() {
    let bench = one_of_three(Company::XeroUk);
    let id = bench.begin_comparison(&json!({}));
    multiply(&bench, 350);
    bench.finish_comparison(&id);
    let found: usize = bench.rows("SELECT COUNT(*) AS n FROM run_findings")[0]["n"].parse().unwrap();
    assert!(found > 700, "{found}");
    assert_eq!(bench.journal("SELECT 1 FROM discrepancies").len(), found);
}

#[test]
fn a_plan_of_many_differences_is_read_page_by_page_to_its_end() {
    let bench = one_of_three(Company::XeroUk);
    let id = bench.begin_comparison(&json!({}));
    multiply(&bench, 700);
    let first = bench.finish_comparison(&id);
    let found: usize = bench.rows("SELECT COUNT(*) AS n FROM run_findings")[0]["n"].parse().unwrap();
    let books = bench.open();
    let run = run::Run::load(books.platform.sql, &id).unwrap().unwrap();
    let second = run::RunView::with_part(&books, &run, Some(run::Part::of_api(2))).unwrap();
    assert_eq!((first.page, first.pages, second.page), (1, 2, 2));
    assert_eq!(first.findings.len() + second.findings.len(), found);
    let ids = |view: &run::RunView| view.findings.iter().map(|one| one.order_id.clone()).collect::<BTreeSet<_>>();
    assert_eq!((first.more, second.more), (i64::try_from(ids(&second).len()).unwrap(), 0));
    let text = tillproof::reconcile::text(&first.report());
    assert!(text.contains(&format!("and {} more orders", first.more)), "{}", text.len());
    assert!(page(first).contains("href=\"?page=2\"") && page(second).contains("href=\"?page=1\""));
}

#[test]
fn a_page_of_the_longest_differences_is_below_a_hundred_kilobytes() {
    let bench = one_of_three(Company::XeroUk);
    let id = bench.begin_comparison(&json!({"repair": true}));
    multiply(&bench, 700);
    let long = |length: usize| "a long text & more 🚀 ".chars().cycle().take(length).collect::<String>();
    bench.finish_comparison(&id);
    bench.rows(&format!(
        "UPDATE run_findings SET name = '#ORDER-2026-00001-EU', round = 1 + rowid % 2, n = rowid + 1000000, finding = json_set(finding, '$.cause', '{}',
             '$.shopify_value', '{}', '$.ledger_value', '{}', '$.number', 'S-ORDER-2026-00001-E')",
        long(300), long(6_000), long(6_000)
    ));
    bench.rows("UPDATE runs SET after = before");
    let books = bench.open();
    let run = run::Run::load(books.platform.sql, &id).unwrap().unwrap();
    let view = run::RunView::with_part(&books, &run, Some(run::Part::of_dashboard(1))).unwrap();
    assert_eq!((view.findings.len(), view.left.len(), view.most), (50, 50, 50));
    assert!(view.pages > 4, "{}", view.pages);
    let page = page(view);
    assert!(page.len() < 100_000, "{} bytes", page.len());
    assert!(page.contains("50 differences each"));
}

#[test]
fn an_order_of_which_shopify_says_what_cannot_be_read_is_named() {
    for audit in [false, true] {
        let bench = connected(Company::XeroUk, Company::XeroUk.settings());
        let mut body = Story::read("simple").deliveries[0].1.clone();
        body["line_items"][0]["quantity"] = json!("many");
        bench.world.borrow_mut().shopify.happened("orders/create", &body);
        let view = bench.compare(&json!({"audit": audit}));
        let [one] = &view.findings[..] else { panic!("audit {audit}: {view:?}") };
        assert_eq!((one.name.as_str(), one.finding.class.as_str()), (body["name"].as_str().unwrap(), "missing"));
        assert!(one.finding.shopify_value.contains("cannot be read"), "{one:?}");
    }
}

#[test]
fn a_day_is_the_companys_own() {
    let bench = connected(Company::QuickBooksUs, Company::QuickBooksUs.settings());
    let view = bench.compare(&json!({"from": "2026-11-02", "to": "2026-11-03"}));
    assert_eq!((view.first_day.as_str(), view.last_day.as_str()), ("2026-11-02", "2026-11-03"));
    // In Los Angeles it begins at eight o'clock of Greenwich.
    assert_eq!((view.from.as_str(), view.to.as_str()), ("2026-11-02T08:00:00.000Z", "2026-11-04T08:00:00.000Z"));
}

#[test]
fn outages_in_mid_run_change_nothing_of_what_is_found() {
    for company in Company::ALL {
        let calm = in_short(&one_of_three(company).compare(&json!({})));
        let bench = one_of_three(company);
        let id = bench.begin_comparison(&json!({}));
        for skip in [0, 3, 6] {
            bench.fail(Fault::next(FaultKind::Down).after(skip).repeated(3));
        }
        bench.fail(Fault::next(FaultKind::Error500).after(9).repeated(2));
        assert_eq!(in_short(&bench.finish_comparison(&id)), calm, "{company:?}");
    }
}

#[test]
fn an_order_that_changes_while_it_runs_is_compared_as_it_is_then() {
    for company in Company::ALL {
        let story = Story::read("partial_refund");
        let bench = connected(company, story.settings(company));
        happened(&bench, &story);
        let (topic, body) = &story.deliveries[0];
        bench.deliver(topic, body);
        bench.run();
        let id = bench.begin_comparison(&json!({}));
        for (topic, body) in &story.deliveries[1..] {
            bench.turn();
            bench.deliver(topic, body);
        }
        assert_eq!(in_short(&bench.finish_comparison(&id)), Vec::<String>::new(), "{company:?}");
    }
}

#[test]
fn it_runs_weekly_until_three_clean_runs_and_then_monthly_and_every_night_a_light_one() {
    let bench = one_of_three(Company::XeroUk);
    bench.cron_for(Duration::days(53));
    let rows = bench.journal("SELECT kind, started_at, missing, drift_after FROM reconciliations ORDER BY started_at");
    let of = |kind: &str| rows.iter().filter(|row| row["kind"] == kind).count();
    // The nightly ones find what was lost long before the week is over; weeks 1, 2, 3, then a month later.
    assert!(of("light") >= 40, "{}", of("light"));
    assert_eq!(of("regular"), 4, "{rows:?}");
    assert!(bench.clock.now() > crate::support::start());
    assert_eq!(
        bench.rows("SELECT 1 FROM orders WHERE state = 'synced'").len(),
        3,
        "{:?}",
        bench.rows("SELECT * FROM orders")
    );
}

#[test]
fn what_changed_in_the_window_is_found_although_the_order_changed_again_behind_it() {
    for company in Company::ALL {
        let story = Story::read("partial_refund");
        let bench = connected(company, story.settings(company));
        for (topic, body) in &story.deliveries[..2] {
            bench.world.borrow_mut().shopify.happened(topic, body);
            bench.deliver(topic, body);
        }
        bench.run();
        // The refund was never delivered; a day later somebody tags the order.
        happened(&bench, &story);
        let (_, last) = story.deliveries.iter().rfind(|(topic, _)| topic.starts_with("orders/")).unwrap();
        let mut tagged = last.clone();
        (tagged["tags"], tagged["updated_at"]) = (json!("vip"), json!("2026-11-04T03:00:00-05:00"));
        bench.world.borrow_mut().shopify.happened("orders/updated", &tagged);
        let view = bench.compare(&json!({"from": "2026-11-03", "to": "2026-11-03", "repair": true}));
        assert!(view.before.unwrap().drift() > 0, "{company:?}: nothing of the refund is missed");
        assert_eq!(view.after.unwrap().drift(), 0, "{company:?}: {:?}", view.left);
    }
}
