//! The log says what was done, and nothing about people.

use chrono::Duration;
use sandbox::{Fault, FaultKind, Ledger};
use serde_json::{Value, json};

use crate::support::{Bench, Company, PLANTED, Story, plant};

fn lines(bench: &Bench) -> Vec<Value> {
    bench.log.0.borrow().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

#[test]
fn every_event_that_was_handled_and_every_document_that_was_written_is_a_line_that_names_nobody() {
    for company in Company::ALL {
        let bench = Bench::new(company);
        let mut story = Story::read("partial_refund");
        story.deliveries.iter_mut().for_each(|(_, body)| plant(body));
        bench.tell(&story);
        bench.run();
        let lines = lines(&bench);
        let webhooks = of(&lines, "webhook");
        assert_eq!(webhooks.len(), story.deliveries.len(), "{webhooks:?}");
        let told = webhooks.iter().all(|line| {
            line["order"] == json!(story.order_id()) && line["connection"] == "main" && line["duration_ms"].is_u64()
        });
        assert!(told, "{webhooks:?}");
        let documents = of(&lines, "document");
        assert_eq!(documents.len(), bench.rows("SELECT 1 FROM documents").len());
        assert!(documents.iter().all(|line| line["code"] == "exact" && line["outcome"] == "posted"), "{documents:?}");
        assert!(of(&lines, "ledger_call").iter().any(|line| line["outcome"] == "create_done"));
        let all = bench.log.0.borrow().join("\n").to_lowercase();
        for one in PLANTED {
            assert!(!all.contains(&one.to_lowercase()), "{one}: {all}");
        }
    }
}

#[test]
fn what_is_held_says_why_and_nothing_is_said_twice() {
    let bench = Bench::new(Company::XeroUk);
    let mut story = Story::read("simple");
    plant(&mut story.deliveries[0].1);
    story.deliveries[0].1["line_items"][0]["quantity"] = json!(-1);
    bench.tell(&story);
    bench.run();
    let before = lines(&bench);
    assert!(of(&before, "webhook").iter().all(|line| line["outcome"] == "held" && line["code"].is_string()));
    bench.turn();
    assert_eq!(lines(&bench).len(), before.len());
}

#[test]
fn the_log_does_not_wait_for_d1_and_says_that_it_is_away() {
    let bench = Bench::new(Company::QuickBooksUs);
    bench.journal.away.set(true);
    bench.tell(&Story::read("simple"));
    bench.run_for(Duration::minutes(1));
    let lines = lines(&bench);
    assert!(of(&lines, "webhook").iter().any(|line| line["outcome"] == "posted"), "{lines:?}");
    assert!(of(&lines, "journal").iter().any(|line| line["outcome"] == "failed" && line["level"] == "error"));
}

#[test]
fn the_status_says_since_when_the_ledger_is_down_what_it_still_takes_and_how_old_the_tokens_are() {
    let bench = Bench::new(Company::XeroUk);
    let status = || bench.open().status().unwrap();
    bench.tell(&Story::read("simple"));
    bench.run();
    let calm = status();
    assert_eq!((calm.down_since, calm.connections[0].held.len(), calm.journal_head), (None, 0, None));
    assert!(calm.calls.minute.is_some_and(|left| left < 60) && calm.calls.day.is_some(), "{:?}", calm.calls);
    assert!(calm.tokens.refreshed_at.is_some() && calm.tokens.access_ends_at.is_some(), "{:?}", calm.tokens);
    bench.fail(Fault::next(FaultKind::Down).at(Ledger::Xero).repeated(1_000));
    bench.tell(&Story::read("free_shipping"));
    bench.run_for(Duration::minutes(20));
    assert!(status().down_since.is_some(), "{:?}", status());
    bench.world.borrow_mut().faults.clear();
    bench.run_for(Duration::hours(2));
    assert_eq!(status().down_since, None);
}
