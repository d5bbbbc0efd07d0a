//! Both sides compared, on the bench.

use chrono::Duration;
use futures_util::FutureExt;
use serde_json::{Value, json};
use tillproof::platform::Clock;
use tillproof::reconcile::run::{self, Asked, Run, RunView};

use super::{Bench, SandboxHttp};

impl Bench {
    /// Begins a comparison of everything since the first day of the year; `more` adds to what is asked.
    pub fn begin_comparison(&self, more: &Value) -> String {
        let mut asked = json!({"connection": "main", "from": "2026-01-01"});
        for (key, value) in more.as_object().unwrap() {
            asked[key] = value.clone();
        }
        // The stories' orders are made in the course of the day.
        self.clock.advance(Duration::days(2));
        let asked: Asked = serde_json::from_value(asked).unwrap();
        let http = SandboxHttp(self);
        run::start(&self.books(&http), &asked).now_or_never().unwrap().unwrap()
    }

    /// How a comparison stands.
    pub fn comparison(&self, id: &str) -> RunView {
        let books = self.open();
        let run = Run::load(books.platform.sql, id).unwrap().expect("it was begun");
        RunView::of(&books, &run, true).unwrap()
    }

    /// Turns until a comparison has ended.
    pub fn finish_comparison(&self, id: &str) -> RunView {
        for _ in 0..5_000 {
            let view = self.comparison(id);
            if matches!(view.state.as_str(), "done" | "cancelled") {
                return view;
            }
            assert!(self.alarm.0.borrow().is_some(), "nobody wakes the books: {view:?}");
            self.turn_at_alarm();
        }
        panic!("it never ends: {:?}", self.comparison(id));
    }

    /// Compares.
    pub fn compare(&self, more: &Value) -> RunView {
        self.finish_comparison(&self.begin_comparison(more))
    }

    /// A person approves the plan.
    pub fn approve(&self, id: &str) -> RunView {
        let http = SandboxHttp(self);
        let id = run::approve(&self.books(&http), id).now_or_never().unwrap().unwrap();
        self.finish_comparison(&id)
    }

    /// Cron ticks every quarter of an hour, for so long.
    pub fn cron_for(&self, length: Duration) {
        let end = self.clock.now() + length;
        while self.clock.now() < end {
            self.poke();
            self.run_for(Duration::minutes(15));
        }
    }
}

/// What was found, a line each: order, class, document, field.
pub fn in_short(view: &RunView) -> Vec<String> {
    let line = |one: &run::FindingView| {
        let finding = &one.finding;
        let key = finding.document_key.as_ref().map(ToString::to_string).unwrap_or_default();
        let field = finding.field.map(|field| format!(" {}", field.as_str())).unwrap_or_default();
        format!("{} {} {key}{field}", one.name, finding.class.as_str())
    };
    let mut all: Vec<String> = view.findings.iter().map(line).collect();
    all.sort();
    all
}
