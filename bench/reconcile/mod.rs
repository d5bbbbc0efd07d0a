//! Reconciliation of a thousand, ten thousand and a hundred thousand orders: the real run over a real SQLite file, turn by
//! turn; of our own books, and of another integration's, which it audits. One order is the pattern of all: what stands in the
//! books is copied from it, and both sides' lists are written out from it where they are asked for.

mod books;
mod copies;
mod lists;

use std::path::{Path, PathBuf};
use std::time::Instant;

use chrono::Duration;
use futures_util::FutureExt;
use serde_json::json;
use tillproof::platform::Clock;
use tillproof::reconcile::run::{self, Asked, Run, RunView};

use lists::Lists;

/// The first day of the window.
const FROM: &str = "2026-10-01";

/// Whose books they are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Ours,
    /// Another integration's, whose documents name their orders.
    Named,
    /// Another integration's, whose documents name nothing: only amount, currency and day say whose they are.
    Unnamed,
}

/// The most memory since it was last asked, in kilobytes; nothing where the system does not say.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let peak = line.split_whitespace().nth(1)?.parse().ok();
    std::fs::write("/proc/self/clear_refs", "5").ok()?;
    peak
}

/// Seconds, kilobytes and calls of one run, and what it found.
fn measure(folder: &Path, whose: Whose, count: u64, lost: u64) -> (f64, Option<u64>, u64, RunView) {
    let (bench, copies) = match whose {
        Whose::Ours => books::ours(folder, count),
        Whose::Named | Whose::Unnamed => books::of_another(folder, count, whose == Whose::Named),
    };
    let http = Lists::new(&bench, &copies, count, lost);
    bench.clock.advance(Duration::days(2));
    let asked = json!({"connection": "main", "from": FROM, "audit": whose != Whose::Ours});
    let asked: Asked = serde_json::from_value(asked).unwrap();
    let id = run::start(&bench.books(&http), &asked).now_or_never().unwrap().unwrap();
    let (_, begun, before) = (peak(), Instant::now(), peak());
    loop {
        let books = bench.books(&http);
        run::turn(&books).now_or_never().unwrap();
        let run = Run::load(&bench.sql, &id).unwrap().unwrap();
        if run.due_at.is_none() {
            let took = begun.elapsed().as_secs_f64();
            let grown = peak().zip(before).map(|(after, before)| after.saturating_sub(before));
            return (took, grown, http.calls.get(), RunView::of(&books, &run, true).unwrap());
        }
        let due = bench.alarm.0.borrow_mut().take().expect("the alarm is set");
        bench.clock.advance((due - bench.clock.now()).max(Duration::zero()));
    }
}

/// What was planted, and nothing else, is found.
fn check(whose: Whose, count: u64, lost: u64, view: &RunView) {
    let found = view.before.unwrap();
    let number = |count: u64| i64::try_from(count).unwrap();
    let lost = count.checked_div(lost).unwrap_or(0);
    assert_eq!(view.orders, number(count), "{view:?}");
    // Of ours the invoice and the payment are lost; of another's books there are invoices only.
    let wanted = if whose == Whose::Ours { 2 * lost } else { lost };
    assert_eq!((found.drift(), found.missing), (number(wanted), number(wanted)), "{view:?}");
    let ways: &[&str] = match whose {
        Whose::Ours => return,
        Whose::Named => &["name"],
        Whose::Unnamed => &["amount", "nearest"],
    };
    let recognised: i64 = ways.iter().filter_map(|way| view.recognised.get(*way)).sum();
    assert_eq!(recognised, number(count - lost), "{:?}", view.recognised);
}

/// The curve.
pub fn reconciliation() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bench-reconcile");
    println!(
        "\nReconciliation: cost of an order beside the cost in the smallest run, and memory beyond what was there before"
    );
    println!(
        "{:>28} {:>8} {:>8} {:>12} {:>8} {:>10} {:>12}",
        "", "orders", "seconds", "ms an order", "ratio", "memory", "calls/1,000"
    );
    for (what, whose, lost) in [
        ("all fits", Whose::Ours, 0),
        ("one in ten lost", Whose::Ours, 10),
        ("audit, orders are named", Whose::Named, 10),
        ("audit, nothing is named", Whose::Unnamed, 10),
    ] {
        if !is_wanted(what) {
            continue;
        }
        let mut smallest = None;
        for count in sizes() {
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir_all(&folder).unwrap();
            let (seconds, memory, calls, view) = measure(&folder, whose, count, lost);
            check(whose, count, lost, &view);
            let each = seconds * 1_000.0 / count as f64;
            let ratio = each / *smallest.get_or_insert(each);
            let memory = memory.map_or_else(|| "unknown".into(), |kilobytes| format!("{} MB", kilobytes / 1_024));
            let calls = calls as f64 * 1_000.0 / count as f64;
            println!("{what:>28} {count:>8} {seconds:>8.1} {each:>12.2} {ratio:>8.2} {memory:>10} {calls:>12.1}");
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
}

/// A thousand, ten thousand, a hundred thousand; MOST=n leaves out what is larger.
fn sizes() -> Vec<u64> {
    let most = std::env::var("MOST").ok().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
    [1_000, 10_000, 100_000].into_iter().filter(|count| *count <= most).collect()
}

/// ONLY=text leaves out the rows whose names do not hold it.
fn is_wanted(what: &str) -> bool {
    std::env::var("ONLY").map_or(true, |text| what.contains(&text))
}
