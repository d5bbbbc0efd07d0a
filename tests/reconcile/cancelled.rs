//! What befalls a run while it asks: one that is cancelled stays so, and one that is killed goes on and finds the same. What it
//! listed is forgotten piece by piece.

use std::cell::Cell;

use chrono::Duration;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde_json::json;
use tillproof::platform::{Clock, Http, HttpError, Pulse, Request, Response};
use tillproof::reconcile::run;

use crate::support::reconcile::in_short;
use crate::support::{Bench, Company, SandboxHttp, Story, connected, happened};

/// A network in which somebody cancels the run while its question so many is under way.
struct Cancelling<'a> {
    bench: &'a Bench,
    id: &'a str,
    left: Cell<usize>,
}

impl Http for Cancelling<'_> {
    fn send(&self, request: Request) -> LocalBoxFuture<'_, Result<Response, HttpError>> {
        if self.left.get() == 0 {
            let _ = run::cancel(&self.bench.open(), self.id).unwrap();
        }
        self.left.set(self.left.get().wrapping_sub(1));
        let response = SandboxHttp(self.bench).send(request).now_or_never().unwrap();
        async move { response }.boxed_local()
    }
}

/// A network whose answer so many never comes: the object is killed while it waits.
struct Dying<'a> {
    bench: &'a Bench,
    left: Cell<usize>,
}

impl Http for Dying<'_> {
    fn send(&self, request: Request) -> LocalBoxFuture<'_, Result<Response, HttpError>> {
        if self.left.get() == 0 {
            return futures_util::future::pending().boxed_local();
        }
        self.left.set(self.left.get() - 1);
        let response = SandboxHttp(self.bench).send(request).now_or_never().unwrap();
        async move { response }.boxed_local()
    }
}

#[test]
fn a_run_that_is_killed_while_it_asks_goes_on_and_finds_the_same_whatever_it_asked() {
    let calm = in_short(&two_of_three().compare(&json!({})));
    assert!(!calm.is_empty());
    let mut questions = 0;
    loop {
        let mut bench = two_of_three();
        let id = bench.begin_comparison(&json!({}));
        let http = Dying { bench: &bench, left: Cell::new(questions) };
        let mut is_killed = false;
        while !is_killed && bench.comparison(&id).finished_at.is_none() {
            let due = bench.alarm.0.borrow_mut().take().expect("the alarm is set");
            bench.clock.advance((due - bench.clock.now()).max(Duration::zero()));
            // What waits is dropped.
            is_killed = run::turn(&bench.books(&http)).now_or_never().is_none();
        }
        if !is_killed {
            break;
        }
        // Another object takes over: that one's heart beats no more.
        bench.pulse = Pulse::default();
        assert_eq!(in_short(&bench.finish_comparison(&id)), calm, "question {questions}");
        questions += 1;
    }
    assert!(questions >= 8, "{questions} questions");
}

/// Every list that a run keeps.
fn lists(bench: &Bench) -> usize {
    ["run_orders", "run_documents", "run_words", "run_lookups"]
        .map(|table| bench.rows(&format!("SELECT 1 FROM {table}")).len())
        .iter()
        .sum()
}

fn two_of_three() -> Bench {
    let bench = connected(Company::XeroUk, Company::XeroUk.settings());
    let stories = ["simple", "net_terms", "partial_refund"].map(Story::read);
    stories.iter().for_each(|story| happened(&bench, story));
    stories[..2].iter().for_each(|story| bench.tell(story));
    bench.run();
    bench
}

#[test]
fn a_run_that_is_cancelled_while_it_asks_is_cancelled_whatever_it_asked() {
    let mut questions = 0;
    loop {
        let bench = two_of_three();
        let id = bench.begin_comparison(&json!({}));
        let http = Cancelling { bench: &bench, id: &id, left: Cell::new(questions) };
        while bench.comparison(&id).finished_at.is_none() {
            let due = bench.alarm.0.borrow_mut().take().expect("the alarm is set");
            bench.clock.advance((due - bench.clock.now()).max(Duration::zero()));
            run::turn(&bench.books(&http)).now_or_never().unwrap();
        }
        if http.left.get() < usize::MAX / 2 {
            break;
        }
        assert_eq!(bench.comparison(&id).state, "cancelled", "question {questions}");
        bench.run();
        let view = bench.comparison(&id);
        assert_eq!(
            (view.state.as_str(), view.doing.as_str()),
            ("cancelled", "it was cancelled"),
            "question {questions}"
        );
        assert_eq!(lists(&bench), 0, "question {questions}");
        let told = bench.journal("SELECT 1 FROM reconciliations WHERE finished_at IS NOT NULL AND missing IS NULL");
        assert_eq!(told.len(), 1, "question {questions}");
        questions += 1;
    }
    assert!(questions >= 8, "{questions} questions");
}

#[test]
fn what_a_run_listed_is_forgotten_some_at_a_time_and_another_one_need_not_wait_for_it() {
    let bench = two_of_three();
    let id = bench.begin_comparison(&json!({}));
    let numbers: Vec<usize> = (0..9_000).collect();
    bench.turn_at_alarm();
    bench.rows(&format!(
        "INSERT INTO run_words (run, word, kind, ledger_id) SELECT '{id}', value, 'invoice', 'x' FROM json_each('{}')",
        json!(numbers)
    ));
    assert!(run::cancel(&bench.open(), &id).unwrap());
    assert!(lists(&bench) > 9_000, "the one who cancels does not wait for it");
    let other = bench.begin_comparison(&json!({}));
    bench.turn_at_alarm();
    assert!(lists(&bench) > 0);
    assert_eq!(bench.finish_comparison(&other).state, "done");
    bench.run();
    assert_eq!(lists(&bench), 0);
    assert_eq!(bench.comparison(&id).state, "cancelled");
}

#[test]
fn a_crash_is_told_of_until_a_later_run_of_the_connection_ends() {
    let bench = two_of_three();
    let open = |bench: &Bench| {
        bench.journal("SELECT 1 FROM alerts WHERE kind = 'reconciliation_crashed' AND resolved_at IS NULL").len()
    };
    let id = bench.begin_comparison(&json!({}));
    bench.rows("UPDATE runs SET marks = 3");
    bench.finish_comparison(&id);
    assert_eq!(open(&bench), 1);
    // One that is stopped says nothing.
    let id = bench.begin_comparison(&json!({}));
    assert!(run::cancel(&bench.open(), &id).unwrap());
    bench.run();
    assert_eq!(open(&bench), 1);
    assert_eq!(bench.compare(&json!({})).state, "done");
    bench.run();
    assert_eq!(open(&bench), 0);
}
