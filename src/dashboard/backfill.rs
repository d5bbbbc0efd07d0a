//! The part of `/connect` that is about a connection's past: how its backfill stands, and the form that begins one.

use chrono::{DateTime, Utc};

use super::words::{Fact, distance};
use crate::posting::Backfill;

/// How it stands with the orders of the past.
#[derive(Default)]
pub struct Past {
    /// The newest backfill's id.
    pub id: String,
    /// Its state in words; empty if there was none.
    pub state: &'static str,
    /// The colour that goes with it.
    pub mark: &'static str,
    /// What keeps it.
    pub problems: Vec<String>,
    /// Its figures.
    pub facts: Vec<Fact>,
    /// The buttons that change its course; without any another one may begin.
    pub changes: Vec<Change>,
}

/// A button.
pub struct Change {
    /// The last part of its address.
    pub action: &'static str,
    /// What it says.
    pub label: &'static str,
}

/// What there is to say of the newest backfill.
pub fn past(backfill: Option<Backfill>, now: DateTime<Utc>) -> Past {
    let Some(one) = backfill else { return Past::default() };
    let (state, mark) = match (one.state.as_str(), &one.shopify_until) {
        ("running", Some(_)) => ("Waiting for Shopify", "note"),
        ("running", None) => ("Running", "ok"),
        ("paused", _) => ("Paused", "note"),
        ("done", _) => ("Done", "ok"),
        _ => ("Cancelled", "idle"),
    };
    let change = |action, label| Change { action, label };
    let changes = match one.state.as_str() {
        "running" => vec![change("pause", "Pause"), change("cancel", "Cancel")],
        "paused" => vec![change("resume", "Resume"), change("cancel", "Cancel")],
        _ => Vec::new(),
    };
    let problems = one.problem.clone().into_iter().collect();
    Past { state, mark, problems, facts: facts(&one, now), changes, id: one.id }
}

fn facts(one: &Backfill, now: DateTime<Utc>) -> Vec<Fact> {
    let plain = |name, text: String| Fact { name, text, at: String::new() };
    let day = |at: &str| at.split('T').next().unwrap_or(at).to_owned();
    let total = match one.total {
        Some(total) if one.total_is_exact => format!(" of {total}"),
        Some(total) => format!(" of more than {total}"),
        None => String::new(),
    };
    let mut facts = vec![
        plain("Orders made", format!("{} to {}", day(&one.from), day(&one.to))),
        plain("Done", format!("{}{total}", one.done)),
        plain(
            "Of these",
            format!(
                "{} posted, {} known before, {} ignored by a rule, {} held",
                one.posted, one.skipped, one.ignored, one.held
            ),
        ),
        plain("Waiting", one.waiting.to_string()),
    ];
    facts.extend(one.rate_per_hour.map(|rate| plain("Orders an hour", rate.to_string())));
    let instants = [
        ("Estimated finish", &one.estimated_finish),
        ("Shopify is asked again", &one.shopify_until),
        ("Ended", &one.finished_at),
    ];
    let known = instants.into_iter().filter_map(|(name, at)| Some((name, at.as_ref()?)));
    facts.extend(known.map(|(name, at)| Fact { name, text: distance(at, now), at: at.clone() }));
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backfill_can_be_paused_resumed_and_cancelled_and_after_it_another_one_begins() {
        let now = "2026-11-02T09:00:00Z".parse().unwrap();
        let actions = |state: &str| -> Vec<&'static str> {
            let one = Backfill { state: state.into(), ..Backfill::default() };
            past(Some(one), now).changes.iter().map(|one| one.action).collect()
        };
        assert_eq!(actions("running"), ["pause", "cancel"]);
        assert_eq!(actions("paused"), ["resume", "cancel"]);
        assert!(actions("done").is_empty() && actions("cancelled").is_empty());
        assert!(past(None, now).state.is_empty());
    }

    #[test]
    fn a_count_that_stopped_is_not_shown_as_the_whole() {
        let now = "2026-11-02T09:00:00Z".parse().unwrap();
        let one = Backfill { total: Some(25_000), done: 7, ..Backfill::default() };
        assert_eq!(past(Some(one.clone()), now).facts[1].text, "7 of more than 25000");
        let one = Backfill { total_is_exact: true, ..one };
        assert_eq!(past(Some(one), now).facts[1].text, "7 of 25000");
    }
}
