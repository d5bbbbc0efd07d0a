//! What was planted held against what was found, and what was promised against what came of it.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::Value;

use crate::careless::{Books, Fault, found};

/// What holds, and what does not.
#[derive(Default)]
pub struct Verdict {
    rows: Vec<(String, usize, usize)>,
    false_alarms: usize,
    drifts: Vec<(&'static str, i64)>,
    pub broken: Vec<String>,
}

fn drift(counts: &Value) -> i64 {
    counts.as_object().map_or(-1, |counts| counts.values().filter_map(Value::as_i64).sum())
}

impl Verdict {
    fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(what());
        }
    }

    /// The audit found every fault, nothing else, what the lost orders have in common, and changed nothing.
    pub fn audited(&mut self, books: &Books, run: &Value, unchanged: bool) {
        let (planted, found) = (books.planted(), found(run));
        for (kind, faults) in books.by_kind() {
            self.expect(!faults.is_empty(), || format!("no fault was planted: {kind}"));
            self.rows.push((kind.to_owned(), faults.len(), faults.intersection(&found).count()));
        }
        let alarms: BTreeSet<&Fault> = found.difference(&planted).collect();
        self.false_alarms = alarms.len();
        self.expect(alarms.is_empty(), || format!("false alarms: {alarms:?}"));
        let missed: BTreeSet<&Fault> = planted.difference(&found).collect();
        self.expect(missed.is_empty(), || format!("missed: {missed:?}"));
        let lost = books.by_kind().first().map_or(0, |one| one.1.len());
        let said = format!("{lost} of {lost} missing orders are of several lines and in a foreign currency");
        let says = |one: &Value| one["sentence"].as_str().is_some_and(|text| text.starts_with(&said));
        let patterns = run["patterns"].as_array().cloned().unwrap_or_default();
        self.expect(patterns.iter().any(says), || format!("it does not say “{said}”: {patterns:?}"));
        self.expect(unchanged, || "the audit changed the ledger".into());
        self.drifts.push(("when the audit began", drift(&run["before"])));
    }

    /// What was left were the orders never posted; then nothing is.
    pub fn repaired(&mut self, books: &Books, run: &Value) {
        let lost: BTreeSet<Fault> = books.by_kind().into_iter().take(1).flat_map(|one| one.1).collect();
        let left = found(run);
        self.expect(left == lost, || format!("after the bookkeeper's work other differences are left: {left:?}"));
        self.drifts.push(("when the bookkeeper was done", drift(&run["before"])));
        self.drifts.push(("when what was missing was posted", drift(&run["after"])));
        self.expect(drift(&run["after"]) == 0, || format!("differences are left after the repair: {}", run["after"]));
    }

    /// The ordinary check finds nothing.
    pub fn checked(&mut self, run: &Value) {
        self.drifts.push(("by the weekly check", drift(&run["before"])));
        self.expect(drift(&run["before"]) == 0, || {
            format!("the ordinary check finds differences: {}", run["findings"])
        });
    }

    /// D1 says the same: of each run the drift, and what its repair left.
    pub fn journal(&mut self, rows: &[Value]) {
        let told: Vec<i64> =
            rows.iter().flat_map(|row| [&row["drift"], &row["drift_after"]]).filter_map(Value::as_i64).collect();
        let wanted: Vec<i64> = self.drifts.iter().map(|one| one.1).collect();
        self.expect(told == wanted, || format!("D1's view `drift` says {told:?}, the runs say {wanted:?}"));
    }

    /// To be read.
    pub fn table(&self) -> String {
        let mut out = String::from("What the other integration did wrong, and what the audit found\n");
        let width = self.rows.iter().map(|row| row.0.chars().count()).max().unwrap_or_default();
        let mut line = |name: &str, planted: String, found: String| {
            let _ = writeln!(out, "  {name:<width$}  {planted:>7}  {found:>5}");
        };
        line("", "planted".into(), "found".into());
        for (kind, planted, found) in &self.rows {
            line(kind, planted.to_string(), found.to_string());
        }
        let sum = |of: fn(&(String, usize, usize)) -> usize| self.rows.iter().map(of).sum::<usize>();
        line("all", sum(|row| row.1).to_string(), sum(|row| row.2).to_string());
        line("false alarms", String::new(), self.false_alarms.to_string());
        let _ = writeln!(out, "\nDifferences");
        for (when, drift) in &self.drifts {
            let _ = writeln!(out, "  {when:<width$}  {drift:>7}");
        }
        out
    }
}
