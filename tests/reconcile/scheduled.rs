//! What the scheduled runs leave is said until a run that looked at it finds it gone.

use chrono::Duration;
use futures_util::FutureExt;
use serde_json::json;
use tillproof::monitor::{Told, gather};
use tillproof::platform::Clock;

use crate::bookkeeper::{enter_sale, remove_invoice};
use crate::support::{Bench, Company, Story, connected, happened};

/// A posted order, and beside it an invoice that somebody entered for it a second time.
fn doubled(company: Company) -> Bench {
    let story = Story::read("net_terms");
    let bench = connected(company, story.settings(company));
    happened(&bench, &story);
    bench.tell(&story);
    bench.run();
    double(&bench, &story);
    bench
}

/// Somebody enters the order's invoice a second time.
fn double(bench: &Bench, story: &Story) {
    let order = format!("Shopify order {} (#1016)", story.order_id());
    enter_sale(
        bench,
        &json!({"kind": "Invoice", "number": "X-77", "currency": "USD", "total": "360.00", "reference": order,
                "note": order, "date": bench.clock.now().date_naive().to_string()}),
    );
}

fn alert_is_open(bench: &Bench) -> bool {
    !bench.journal("SELECT 1 FROM alerts WHERE kind = 'drift' AND resolved_at IS NULL").is_empty()
}

/// What the monitor says is left.
fn left(bench: &Bench) -> Option<i64> {
    let told = vec![Told { books: "main".into(), status: Ok(bench.open().status().unwrap()) }];
    let figures = gather(&bench.journal, told, bench.clock.now()).now_or_never().unwrap();
    figures.connections[0].left
}

fn regular(bench: &Bench) -> Vec<String> {
    let statement = "SELECT duplicate FROM reconciliations WHERE kind = 'regular' ORDER BY started_at";
    bench.journal(statement).iter().map(|row| row["duplicate"].clone()).collect()
}

#[test]
fn what_a_regular_run_left_is_not_gone_because_a_light_one_does_not_look_that_far() {
    let bench = doubled(Company::XeroUk);
    bench.cron_for(Duration::days(6));
    assert!(alert_is_open(&bench) && left(&bench) > Some(0), "the nightly runs only look at two days");
    bench.cron_for(Duration::days(3));
    assert_eq!(regular(&bench), ["1"]);
    assert!(alert_is_open(&bench) && left(&bench) == Some(1), "{:?}", left(&bench));
    // However long nobody does anything about it.
    bench.cron_for(Duration::days(14));
    assert_eq!(regular(&bench), ["1", "1", "1"]);
    assert!(alert_is_open(&bench) && left(&bench) == Some(1), "{:?}", left(&bench));
    let id = bench.rows("SELECT json_extract(finding, '$.ledger_id') AS id FROM run_findings")[0]["id"].clone();
    remove_invoice(&bench, Company::XeroUk, &id);
    bench.cron_for(Duration::days(7));
    assert_eq!(regular(&bench), ["1", "1", "1", "0"]);
    assert!(!alert_is_open(&bench) && left(&bench) == Some(0), "{:?}", left(&bench));
}

#[test]
fn a_regular_run_that_crashes_is_made_again_the_next_day_and_looks_as_far_back() {
    let bench = doubled(Company::XeroUk);
    bench.cron_for(Duration::days(6));
    bench.rows(
        "CREATE TRIGGER crash AFTER INSERT ON runs WHEN NEW.kind = 'regular'
         BEGIN UPDATE runs SET marks = 3 WHERE id = NEW.id; END",
    );
    bench.cron_for(Duration::hours(26));
    bench.rows("DROP TRIGGER crash");
    let runs = |bench: &Bench| {
        bench.journal(
            "SELECT from_at, finished_at IS NOT NULL AS ended, missing IS NULL AS unknown, duplicate FROM reconciliations
             WHERE kind = 'regular' ORDER BY started_at",
        )
    };
    let crashed = runs(&bench);
    assert_eq!(crashed.len(), 1, "the journal knows of it");
    assert_eq!((crashed[0]["ended"].as_str(), crashed[0]["unknown"].as_str()), ("1", "1"), "{crashed:?}");
    bench.cron_for(Duration::hours(26));
    let runs = runs(&bench);
    assert_eq!(runs.len(), 2, "{runs:?}");
    assert!(runs[1]["from_at"] <= runs[0]["from_at"] && runs[1]["duplicate"] == "1", "{runs:?}");
}

#[test]
fn after_a_nightly_run_that_left_something_the_next_regular_one_is_no_month_away() {
    let story = Story::read("net_terms");
    let bench = connected(Company::XeroUk, story.settings(Company::XeroUk));
    happened(&bench, &story);
    bench.tell(&story);
    bench.run();
    bench.cron_for(Duration::days(23));
    assert_eq!(regular(&bench), ["0", "0", "0"]);
    double(&bench, &story);
    bench.cron_for(Duration::days(9));
    assert_eq!(regular(&bench), ["0", "0", "0", "1"]);
}
