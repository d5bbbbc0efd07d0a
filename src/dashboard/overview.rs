//! The first page: whether all is well, in one sentence, and the figures behind it.

use askama::Template;
use chrono::{DateTime, Utc};

use super::charts::{Chart, comparisons, latency, success};
use super::words::{distance, duration};
use crate::monitor::{ALERT_KINDS, Figures, Ledger, Level, OfConnection, Rates, TARGET, Verdict, verdict};

/// Connections whose trends are drawn: the page stays below a hundred kilobytes however many there are.
const DRAWN: usize = 4;

/// The overview.
#[derive(Template)]
#[template(path = "overview.html")]
pub struct OverviewPage {
    path: &'static str,
    mark: &'static str,
    sentence: String,
    findings: Vec<(&'static str, String)>,
    alerts: Vec<Alert>,
    connections: Vec<Card>,
    ledgers: Vec<LedgerLine>,
    version: &'static str,
    /// True if browsers load it again by themselves.
    is_fresh: bool,
}

/// A set of books and its ledger.
struct LedgerLine {
    books: String,
    mark: &'static str,
    state: String,
    calls: String,
    tokens: String,
    journal: String,
}

struct Alert {
    at: String,
    ago: String,
    connection: String,
    message: String,
}

struct Card {
    id: String,
    shop: String,
    spans: Vec<Span>,
    waiting: String,
    held: Vec<(String, i64, String)>,
    drift: String,
    /// None where there are too many connections.
    charts: Vec<Chart>,
}

/// The events of a span of time.
struct Span {
    name: &'static str,
    events: i64,
    mark: &'static str,
    success: String,
    half: String,
    most: String,
    longest: String,
}

impl OverviewPage {
    /// The page at this moment.
    pub fn new(figures: &Figures, is_fresh: bool, now: DateTime<Utc>) -> Self {
        let Verdict { level, sentence, findings } = verdict(figures, now);
        let alert = |one: &crate::monitor::Alert| Alert {
            at: one.at.clone(),
            ago: distance(&one.at, now),
            connection: one.connection.clone(),
            message: one.message.clone(),
        };
        Self {
            path: "/",
            mark: mark(level),
            sentence,
            findings: findings.into_iter().map(|(level, text)| (mark(level), text)).collect(),
            // What the figures themselves make an alert is said above.
            alerts: figures.alerts.iter().filter(|one| !ALERT_KINDS.contains(&one.kind.as_str())).map(alert).collect(),
            ledgers: figures.ledgers.iter().map(|one| ledger(one, now)).collect(),
            connections: cards(figures, now),
            version: figures.version,
            is_fresh,
        }
    }
}

fn mark(level: Level) -> &'static str {
    match level {
        Level::Ok => "ok",
        Level::Note => "note",
        Level::Problem => "problem",
    }
}

fn ledger(one: &Ledger, now: DateTime<Utc>) -> LedgerLine {
    let (mark, state) = match (&one.unreachable, &one.reconnect, &one.paused_until) {
        (Some(_), ..) => ("problem", "cannot be asked".into()),
        (_, Some(_), _) => ("problem", "to be connected again".into()),
        (_, _, Some(until)) => ("note", format!("paused, goes on {}", distance(until, now))),
        _ => ("ok", "takes documents".into()),
    };
    let calls =
        [one.calls.minute.map(|left| format!("{left} this minute")), one.calls.day.map(|left| format!("{left} today"))];
    let tokens = [
        one.tokens.refreshed_at.as_ref().map(|at| format!("renewed {}", distance(at, now))),
        one.tokens.consent_ends_at.as_ref().map(|at| format!("consent ends {}", distance(at, now))),
    ];
    let listed = |all: [Option<String>; 2]| {
        let known: Vec<String> = all.into_iter().flatten().collect();
        if known.is_empty() { "–".to_owned() } else { known.join(", ") }
    };
    LedgerLine {
        books: one.books.clone(),
        mark,
        state,
        calls: listed(calls),
        tokens: listed(tokens),
        journal: match one.journal_backlog {
            0 => "complete".into(),
            count => format!("{count} records to come"),
        },
    }
}

/// The trends of those are drawn that need somebody most; the others follow in words.
fn cards(figures: &Figures, now: DateTime<Utc>) -> Vec<Card> {
    let mut places: Vec<usize> = (0..figures.connections.len()).collect();
    let needs = |one: &OfConnection| (one.held_orders(), one.last_day.missing(), one.left);
    places.sort_by_key(|place| std::cmp::Reverse(figures.connections.get(*place).map(needs)));
    let drawn = &places[..DRAWN.min(places.len())];
    let card = |(place, one)| card(one, drawn.contains(&place), now);
    figures.connections.iter().enumerate().map(card).collect()
}

fn card(one: &OfConnection, is_drawn: bool, now: DateTime<Utc>) -> Card {
    let spans = [("24 hours", &one.last_day), ("7 days", &one.last_week), ("30 days", &one.last_month)];
    Card {
        id: one.id.clone(),
        shop: one.shop.clone(),
        spans: spans.into_iter().map(|(name, rates)| span(name, rates)).collect(),
        waiting: match (&one.oldest_waiting, one.waiting) {
            (Some(at), count) => format!("{count}; the longest wait began {}", distance(at, now)),
            (None, 0) => "none".into(),
            (None, count) => format!("{count}, behind the live ones"),
        },
        charts: if is_drawn {
            let all = [Some(success(&one.trend, now)), Some(latency(&one.trend, now)), comparisons(&one.drift)];
            all.into_iter().flatten().collect()
        } else {
            Vec::new()
        },
        held: one.held.iter().map(|held| (held.reason.clone(), held.orders, distance(&held.since, now))).collect(),
        drift: match one.drift.last() {
            None => "not compared yet".into(),
            Some(last) => {
                let ago = distance(&last.at, now);
                let said = match (last.found, last.left) {
                    (0, _) => format!("no difference, {ago}"),
                    (found, None) => format!("{found} found, {ago}"),
                    (found, Some(left)) => format!("{found} found, {left} left after the repair, {ago}"),
                };
                // A nightly one does not look at what an earlier one left.
                match one.left.filter(|left| *left > last.left.unwrap_or(last.found)) {
                    Some(left) => format!("{said}; with what earlier ones left: {left}"),
                    None => said,
                }
            }
        },
    }
}

fn span(name: &'static str, rates: &Rates) -> Span {
    let within = |percent| rates.latency.within(percent).map_or_else(|| "–".into(), duration);
    Span {
        name,
        events: rates.events,
        mark: match rates.success() {
            None => "idle",
            Some(success) if success < TARGET => "problem",
            Some(_) => "ok",
        },
        success: rates.percent().map_or_else(|| "–".into(), |percent| format!("{percent} %")),
        half: within(50),
        most: within(95),
        longest: within(100),
    }
}
