//! The figures as Prometheus reads them. Labels are connections, books, states and reasons: never an order.

use std::fmt::Write;

use chrono::{DateTime, Utc};

use super::figures::{Figures, age};

/// The text of `/metrics`.
pub fn metrics(figures: &Figures, now: DateTime<Utc>) -> String {
    let mut text = Exposition::default();
    text.family("tillproof_info", "gauge", "The running code.");
    text.sample("tillproof_info", &[("version", figures.version)], 1);
    text.family("tillproof_journal_up", "gauge", "1 if the journal (D1) can be read.");
    text.sample("tillproof_journal_up", &[], i64::from(figures.journal.is_none()));
    of_ledgers(&mut text, figures);
    of_tokens(&mut text, figures, now);
    of_events(&mut text, figures);
    of_orders(&mut text, figures, now);
    text.family(
        "tillproof_drift_differences",
        "gauge",
        "Differences between both sides that the newest comparisons left.",
    );
    for one in &figures.connections {
        if let Some(left) = one.left {
            text.sample("tillproof_drift_differences", &[("connection", &one.id)], left);
        }
    }
    text.family("tillproof_refusals_hour", "gauge", "Deliveries that were turned away within the last hour.");
    let mut refusals = std::collections::BTreeMap::new();
    for one in &figures.refusals {
        *refusals.entry(&one.kind).or_insert(0) += one.count;
    }
    for (kind, count) in refusals {
        text.sample("tillproof_refusals_hour", &[("kind", kind)], count);
    }
    text.family("tillproof_alerts_open", "gauge", "Alerts that are open, by kind.");
    let mut kinds = std::collections::BTreeMap::new();
    for alert in &figures.alerts {
        *kinds.entry((&alert.connection, &alert.kind)).or_insert(0) += 1;
    }
    for ((connection, kind), count) in kinds {
        text.sample("tillproof_alerts_open", &[("connection", connection), ("kind", kind)], count);
    }
    text.0
}

fn of_ledgers(text: &mut Exposition, figures: &Figures) {
    text.family("tillproof_books_up", "gauge", "1 if the books can be asked and their ledger is connected.");
    for one in &figures.ledgers {
        let up = one.unreachable.is_none() && one.reconnect.is_none();
        text.sample("tillproof_books_up", &[("books", &one.books)], i64::from(up));
    }
    text.family("tillproof_books_paused", "gauge", "1 while nothing is sent to the ledger.");
    for one in &figures.ledgers {
        text.sample("tillproof_books_paused", &[("books", &one.books)], i64::from(one.paused_until.is_some()));
    }
    text.family("tillproof_journal_backlog_records", "gauge", "Records that the journal does not have yet.");
    for one in &figures.ledgers {
        text.sample("tillproof_journal_backlog_records", &[("books", &one.books)], one.journal_backlog);
    }
}

fn of_tokens(text: &mut Exposition, figures: &Figures, now: DateTime<Utc>) {
    let name = "tillproof_ledger_calls_left";
    text.family(name, "gauge", "Calls that the ledger still takes within this minute and of the day.");
    for one in &figures.ledgers {
        for (span, left) in [("minute", one.calls.minute), ("day", one.calls.day)] {
            if let Some(left) = left {
                text.sample(name, &[("books", &one.books), ("span", span)], left);
            }
        }
    }
    let name = "tillproof_token_age_seconds";
    text.family(name, "gauge", "How long ago the tokens in hand came.");
    for one in &figures.ledgers {
        if let Some(seconds) = age(one.tokens.refreshed_at.as_deref(), now) {
            text.sample(name, &[("books", &one.books)], seconds);
        }
    }
    let name = "tillproof_token_ends_seconds";
    text.family(name, "gauge", "How long the permission lasts: its access token, its refresh token, the consent.");
    for one in &figures.ledgers {
        let ages = &one.tokens;
        let all =
            [("access", &ages.access_ends_at), ("refresh", &ages.refresh_ends_at), ("consent", &ages.consent_ends_at)];
        for (kind, ends) in all {
            if let Some(seconds) = age(ends.as_deref(), now) {
                text.sample(name, &[("books", &one.books), ("kind", kind)], -seconds);
            }
        }
    }
}

/// Of the last 24 hours: a span that slides, so gauges.
fn of_events(text: &mut Exposition, figures: &Figures) {
    text.family("tillproof_events_day", "gauge", "Events of the last 24 hours, by what became of them.");
    for one in &figures.connections {
        let day = &one.last_day;
        for (outcome, count) in [("synced", day.synced), ("on_their_way", day.on_their_way), ("missing", day.missing())]
        {
            text.sample("tillproof_events_day", &[("connection", &one.id), ("outcome", outcome)], count);
        }
    }
    let name = "tillproof_sync_day_seconds";
    text.family(name, "gauge", "Within how many seconds so much of the last 24 hours' events was in the ledger.");
    for one in &figures.connections {
        for (quantile, percent) in [("0.5", 50), ("0.95", 95), ("1", 100)] {
            if let Some(ms) = one.last_day.latency.within(percent) {
                text.sample(name, &[("connection", &one.id), ("quantile", quantile)], Milliseconds(ms));
            }
        }
    }
}

fn of_orders(text: &mut Exposition, figures: &Figures, now: DateTime<Utc>) {
    text.family("tillproof_orders_waiting", "gauge", "Orders that wait to be sent.");
    for one in &figures.connections {
        text.sample("tillproof_orders_waiting", &[("connection", &one.id)], one.waiting);
    }
    let name = "tillproof_oldest_waiting_seconds";
    text.family(name, "gauge", "For how long the oldest of them has waited.");
    for one in &figures.connections {
        let seconds = age(one.oldest_waiting.as_deref(), now).unwrap_or(0);
        text.sample(name, &[("connection", &one.id)], seconds);
    }
    text.family("tillproof_orders_held", "gauge", "Orders that wait for a person, by reason.");
    for one in &figures.connections {
        for held in &one.held {
            text.sample("tillproof_orders_held", &[("connection", &one.id), ("reason", &held.reason)], held.orders);
        }
    }
}

/// Milliseconds, written as seconds.
struct Milliseconds(i64);

impl std::fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", rust_decimal::Decimal::new(self.0, 3).normalize())
    }
}

/// Prometheus' text format, version 0.0.4.
#[derive(Default)]
struct Exposition(String);

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> = labels.iter().map(|(name, text)| format!("{name}=\"{}\"", escaped(text))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
