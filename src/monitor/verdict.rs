//! Is all well? In one sentence, and in what is not.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::figures::{Figures, OfConnection, age};
use super::rates::{Rates, TARGET};
use super::watch::{Condition, DRIFT, SETTINGS, WHOLE, conditions};

/// Seconds after which an order that waits is worth a word.
const LONG: i64 = 3_600;

/// Records that wait for the journal before that is worth a word: several flushes' worth.
pub(super) const BACKLOG: i64 = 5_000;

/// How serious it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// All is well.
    Ok,
    /// Something to know; it settles by itself.
    Note,
    /// A person is needed.
    Problem,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The most serious of what is not well.
    pub level: Level,
    /// The answer in one sentence.
    pub sentence: String,
    /// What is not well, the most serious first: each a sentence with its remedy.
    pub findings: Vec<(Level, String)>,
}

/// Whether the books match the till.
pub fn verdict(figures: &Figures, now: DateTime<Utc>) -> Verdict {
    let mut findings = Vec::new();
    of_the_whole(figures, &mut findings);
    alerted(figures, now, &mut findings);
    figures.connections.iter().for_each(|one| of_connection(one, now, &mut findings));
    findings.sort_by_key(|(level, _)| std::cmp::Reverse(*level));
    let level = findings.first().map_or(Level::Ok, |(level, _)| *level);
    Verdict { level, sentence: sentence(figures, level, &findings), findings }
}

fn of_the_whole(figures: &Figures, findings: &mut Vec<(Level, String)>) {
    if let Some(why) = &figures.journal {
        let text =
            format!("The journal (D1) cannot be read: {why}. Posting goes on; what happens is kept and written later.");
        findings.push((Level::Problem, text));
    }
    for one in &figures.ledgers {
        let books = &one.books;
        if let Some(why) = &one.unreachable {
            findings.push((Level::Problem, format!("The books {books} cannot be asked: {why}.")));
        }
        if let Some(why) = &one.reconnect {
            findings.push((Level::Problem, format!("The ledger of {books} has to be connected again: {why}.")));
        }
        if let Some(why) = one.pause_reason.as_ref().filter(|_| one.paused_until.is_some()) {
            findings.push((Level::Note, format!("Nothing is sent to the ledger of {books} for now: {why}.")));
        }
        if one.journal_backlog > BACKLOG {
            let text = format!("{} records of {books} are not in the journal yet.", one.journal_backlog);
            findings.push((Level::Note, text));
        }
    }
}

/// What people are alerted of and is not said in other words below or above; the particulars stand with the alerts.
fn alerted(figures: &Figures, now: DateTime<Utc>, findings: &mut Vec<(Level, String)>) {
    for one in conditions(figures, now).into_iter().filter(|one| !one.lingers) {
        let is_said = if one.of_books {
            matches!(one.kind.as_str(), "reconnect" | "settings_fault") || left_differences(figures, &one)
        } else {
            !matches!(one.kind.as_str(), "bad_signature" | "unknown_shop" | "no_secret" | SETTINGS)
        };
        if is_said {
            continue;
        }
        let level = if one.kind == "shopify_changed" { Level::Note } else { Level::Problem };
        let of = if one.connection == WHOLE { String::new() } else { format!("{}: ", one.connection) };
        let more = if one.of_books { String::new() } else { format!(" {}.", one.text) };
        let mut letters = one.title.chars();
        let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
        findings.push((level, format!("{of}{first}{}.{more}", letters.as_str())));
    }
}

/// True if the figures know of the same differences as the books.
fn left_differences(figures: &Figures, one: &Condition) -> bool {
    let left = |of: &OfConnection| of.id == one.connection && of.left.is_some_and(|left| left > 0);
    one.kind == DRIFT && figures.connections.iter().any(left)
}

fn of_connection(one: &OfConnection, now: DateTime<Utc>, findings: &mut Vec<(Level, String)>) {
    let id = &one.id;
    if !one.problems.is_empty() {
        findings.push((Level::Problem, format!("The settings of {id} need you: {}.", one.problems.join("; "))));
    }
    let held = one.held_orders();
    if held > 0 {
        let text = format!("{} of {id} {} for you.", many(held, "order"), if held == 1 { "waits" } else { "wait" });
        findings.push((Level::Problem, text));
    }
    let day = &one.last_day;
    if let (Some(success), Some(percent)) = (day.success(), day.percent())
        && success < TARGET
        && day.missing() > held
    {
        let text = format!(
            "{percent} % of the events of {id} reached the ledger within the last 24 hours; {} did not.",
            day.missing()
        );
        findings.push((Level::Problem, text));
    }
    if let Some(seconds) = age(one.oldest_waiting.as_deref(), now).filter(|seconds| *seconds > LONG) {
        let text = format!("The oldest order of {id} that is to be sent has waited for {}.", span(seconds));
        findings.push((Level::Problem, text));
    }
    if let Some(left) = one.left.filter(|left| *left > 0) {
        let text = format!("The last comparisons of {id} left {} between both sides.", many(left, "difference"));
        findings.push((Level::Problem, text));
    }
}

fn sentence(figures: &Figures, level: Level, findings: &[(Level, String)]) -> String {
    if level == Level::Problem {
        let count = findings.iter().filter(|(level, _)| *level == Level::Problem).count();
        return match i64::try_from(count) {
            Ok(1) => "One thing needs you.".into(),
            _ => format!("{count} things need you."),
        };
    }
    if figures.connections.is_empty() {
        return "No connection is configured yet.".into();
    }
    let mut day = Rates::default();
    figures.connections.iter().for_each(|one| day.add(&one.last_day));
    let events = match (day.events - day.on_their_way, day.missing()) {
        (0, _) => "no event came within the last 24 hours".to_owned(),
        (1, 0) => "the one event of the last 24 hours is in the ledger".to_owned(),
        (count, 0) => format!("all {count} events of the last 24 hours are in the ledger"),
        (count, missing) => {
            format!("{} of {count} events of the last 24 hours are in the ledger, {missing} not yet", day.synced)
        }
    };
    let compared = figures.connections.iter().all(|one| one.left == Some(0));
    let drift = if compared { ", and both sides agreed when they were last compared" } else { "" };
    let is_all = level == Level::Ok && day.missing() == 0;
    let begins = if is_all { "All is well" } else { "Nothing needs you just now" };
    format!("{begins}: {events}{drift}.")
}

/// "1 order", "3 orders".
pub(super) fn many(count: i64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

pub(super) fn span(seconds: i64) -> String {
    match seconds {
        0..7_200 => many(seconds / 60, "minute"),
        7_200..172_800 => many(seconds / 3_600, "hour"),
        _ => many(seconds / 86_400, "day"),
    }
}
