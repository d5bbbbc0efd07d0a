//! Everything that the first page, the status and the metrics say, gathered once.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use serde::Serialize;

use super::days::{days, midnight};
use super::rates::{ByDay, Rates, between};
use super::told::{Told, ledger, of_status};
use crate::config::{ConfigError, Deployment};
use crate::platform::time::{iso, parse_iso};
use crate::platform::{Journal, JournalError, Row, SqlError, Statement};
use crate::posting::{CallsLeft, HeldOrders, OpenAlert, TokenAges};

/// How many days the trends show, today among them.
const TREND: i64 = 30;

/// Comparisons that the drift's trend shows.
const COMPARISONS: usize = 12;

/// Comparisons that are read: the last regular one may be a month of nights ago.
const READ: i64 = 100;

/// All figures at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// When, ISO 8601 UTC.
    pub at: String,
    /// The version of the running code.
    pub version: &'static str,
    /// Variables of the deployment that cannot be used.
    pub settings: Vec<ConfigError>,
    /// Why the journal cannot be read just now: then everything that comes from it is empty.
    pub journal: Option<String>,
    /// The ledgers, each a set of books.
    pub ledgers: Vec<Ledger>,
    /// The connections.
    pub connections: Vec<OfConnection>,
    /// What a person ought to know and has not been settled: the oldest first.
    pub alerts: Vec<Alert>,
    /// Deliveries that were turned away within the last hour.
    pub refusals: Vec<Refused>,
}

/// A set of books.
#[derive(Debug, Clone, Serialize)]
pub struct Ledger {
    /// Their label.
    pub books: String,
    /// Why they cannot be asked.
    pub unreachable: Option<String>,
    /// Why a person has to connect the ledger again.
    pub reconnect: Option<String>,
    /// Nothing is sent before then.
    pub paused_until: Option<String>,
    /// Why.
    pub pause_reason: Option<String>,
    /// Records that the journal does not have yet.
    pub journal_backlog: i64,
    /// The number of the oldest of them.
    pub journal_head: Option<i64>,
    /// Since when the ledger is away.
    pub down_since: Option<String>,
    /// Calls that the ledger still takes.
    pub calls: CallsLeft,
    /// How old the tokens are.
    pub tokens: TokenAges,
    /// What the books themselves say that a person ought to know.
    pub alerts: Vec<OpenAlert>,
}

/// A connection's figures.
#[derive(Debug, Clone, Default, Serialize)]
pub struct OfConnection {
    /// Its id.
    pub id: String,
    /// Its shop.
    pub shop: String,
    /// The label of its books; empty where only the journal knows it.
    pub books: String,
    /// What is wrong with its settings.
    pub problems: Vec<String>,
    /// The events of the last 24 hours.
    pub last_day: Rates,
    /// Of the last seven days, today among them.
    pub last_week: Rates,
    /// Of the last thirty days, today among them.
    pub last_month: Rates,
    /// The same by day, oldest first; days without events are missing.
    pub trend: Vec<OfDay>,
    /// Orders that wait to be sent.
    pub waiting: i64,
    /// Since when that one of them waits that has waited longest.
    pub oldest_waiting: Option<String>,
    /// Orders that wait for a person, by reason.
    pub held: Vec<HeldOrders>,
    /// The newest comparisons of both sides, oldest first.
    pub drift: Vec<Drift>,
    /// Differences that the comparisons left: the newest one that looked at everything, and the nightly ones since, which
    /// only look at two days. What both saw counts twice.
    pub left: Option<i64>,
}

/// One day's events.
#[derive(Debug, Clone, Serialize)]
pub struct OfDay {
    /// The day, UTC.
    pub day: NaiveDate,
    /// Its events.
    pub rates: Rates,
}

/// Deliveries that were turned away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The shop of the settings that they named, or that it was another one.
    pub shop: String,
    /// Why: `bad_signature`, `unknown_shop`, `no_secret`, `too_large`.
    pub kind: String,
    /// How many in the worst quarter of the last hour.
    pub most: i64,
    /// How many in the hour.
    pub count: i64,
}

/// What a comparison of both sides found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// The comparison's id.
    pub id: String,
    /// What made it begin: `regular`, `light`, `asked`.
    pub kind: String,
    /// The beginning of its window.
    pub from: String,
    /// Its end.
    pub to: String,
    /// When it ended.
    pub at: String,
    /// How many differences it found.
    pub found: i64,
    /// How many its repair left; nothing if none was repaired.
    pub left: Option<i64>,
}

/// An alert that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// When it was opened.
    pub at: String,
    /// The connection that it is about.
    pub connection: String,
    /// Its kind.
    pub kind: String,
    /// What happened, and what to do.
    pub message: String,
}

impl Drift {
    /// What is left of it.
    fn rest(&self) -> i64 {
        self.left.unwrap_or(self.found)
    }
}

impl OfConnection {
    /// Orders that wait for a person.
    pub fn held_orders(&self) -> i64 {
        self.held.iter().map(|one| one.orders).sum()
    }
}

impl Figures {
    /// With what is wrong with the deployment's own variables.
    pub fn of(self, deployment: &Deployment) -> Self {
        Self { settings: deployment.problems.clone(), ..self }
    }
}

/// Gathers the figures: what the books `told`, and what the journal knows.
pub async fn gather(journal: &dyn Journal, told: Vec<Told>, now: DateTime<Utc>) -> Figures {
    let mut connections: BTreeMap<String, OfConnection> = BTreeMap::new();
    let mut ledgers = Vec::new();
    for one in told {
        for of in one.status.iter().flat_map(|status| &status.connections) {
            let of = of_status(&one.books, of);
            match connections.get_mut(&of.id) {
                Some(known) => known.add(of),
                None => drop(connections.insert(of.id.clone(), of)),
            }
        }
        ledgers.push(ledger(one));
    }
    let mut figures = Figures {
        at: iso(now),
        version: env!("CARGO_PKG_VERSION"),
        settings: Vec::new(),
        journal: None,
        ledgers,
        connections: Vec::new(),
        alerts: Vec::new(),
        refusals: Vec::new(),
    };
    match from_journal(journal, &mut connections, now).await {
        Ok((alerts, refusals)) => (figures.alerts, figures.refusals) = (alerts, refusals),
        Err(error) => figures.journal = Some(error.0),
    }
    figures.connections = connections.into_values().collect();
    figures
}

/// What only the journal knows. A connection that no settings name any more is counted while its orders wait.
async fn from_journal(
    journal: &dyn Journal,
    connections: &mut BTreeMap<String, OfConnection>,
    now: DateTime<Utc>,
) -> Result<(Vec<Alert>, Vec<Refused>), JournalError> {
    for (id, rates) in
        between(journal, now - Duration::days(1), now + Duration::days(1), now).await?.into_values().flatten()
    {
        known(connections, &id).last_day.add(&rates);
    }
    for (day, by_connection) in trend(journal, now).await? {
        let is_of_week = now.date_naive() - day < Duration::days(7);
        for (id, rates) in by_connection {
            let of = known(connections, &id);
            of.last_month.add(&rates);
            if is_of_week {
                of.last_week.add(&rates);
            }
            of.trend.push(OfDay { day, rates });
        }
    }
    for row in &journal.query(held_statement()).await? {
        let (id, held) = held(row).map_err(unreadable)?;
        let of = known(connections, &id);
        // What the books say themselves is newer.
        if of.books.is_empty() {
            of.held.push(held);
        }
    }
    let ids: Vec<String> = connections.keys().cloned().collect();
    for id in ids {
        let rows = journal.query(drift_statement(&id)).await?;
        let mut found = rows.iter().map(drift).collect::<Result<Vec<_>, SqlError>>().map_err(unreadable)?;
        found.reverse();
        let of = known(connections, &id);
        of.left = left(&found);
        of.drift = found.split_off(found.len().saturating_sub(COMPARISONS));
    }
    let rows = journal.query(alerts_statement()).await?;
    let alerts = rows.iter().map(alert).collect::<Result<_, SqlError>>().map_err(unreadable)?;
    let rows = journal.query(refusals_statement(now)).await?;
    Ok((alerts, rows.iter().map(refused).collect::<Result<_, SqlError>>().map_err(unreadable)?))
}

fn known<'a>(connections: &'a mut BTreeMap<String, OfConnection>, id: &str) -> &'a mut OfConnection {
    connections.entry(id.to_owned()).or_insert_with(|| OfConnection { id: id.to_owned(), ..OfConnection::default() })
}

fn unreadable(error: SqlError) -> JournalError {
    JournalError(error.0)
}

/// The last thirty days: those that are over as they were kept, and what came after them from its events.
async fn trend(journal: &dyn Journal, now: DateTime<Utc>) -> Result<ByDay, JournalError> {
    let first = now.date_naive() - Duration::days(TREND - 1);
    let mut all = days(journal, first).await?;
    let next = all.last_key_value().map_or(first, |(last, _)| *last + Duration::days(1));
    all.extend(between(journal, midnight(next), now + Duration::days(1), now).await?);
    Ok(all)
}

/// Orders that wait for a person, by connection and reason.
pub fn held_statement() -> Statement {
    Statement {
        sql: "SELECT connection, reason, COUNT(*) AS orders, MIN(updated_at) AS since FROM orders
              WHERE state = 'held' GROUP BY connection, reason ORDER BY connection, orders DESC"
            .into(),
        params: Vec::new(),
    }
}

fn held(row: &Row) -> Result<(String, HeldOrders), SqlError> {
    let reason = row.text_or_null("reason")?.unwrap_or_default();
    Ok((row.text("connection")?, HeldOrders { reason, orders: row.int("orders")?, since: row.text("since")? }))
}

/// The newest comparisons of a connection that ended, and of which it is known what differed.
pub fn drift_statement(connection: &str) -> Statement {
    Statement {
        sql: format!(
            "SELECT id, kind, from_at, to_at, finished_at, missing + wrong + stale + duplicate + unexpected AS found, drift_after
             FROM reconciliations WHERE connection = ? AND finished_at IS NOT NULL AND kind <> 'audit' AND missing IS NOT NULL
             ORDER BY started_at DESC LIMIT {READ}"
        ),
        params: vec![connection.into()],
    }
}

fn drift(row: &Row) -> Result<Drift, SqlError> {
    Ok(Drift {
        id: row.text("id")?,
        kind: row.text("kind")?,
        from: row.text("from_at")?,
        to: row.text("to_at")?,
        at: row.text("finished_at")?,
        found: row.int("found").unwrap_or(0),
        left: row.int("drift_after").ok(),
    })
}

/// What was left: by the newest comparison that looked at least as far as the last regular one, and at most by a nightly one
/// since. `all` are oldest first.
fn left(all: &[Drift]) -> Option<i64> {
    let regular = all.iter().rfind(|one| one.kind == "regular");
    let as_far = |one: &Drift| regular.is_none_or(|regular| one.from <= regular.from && one.to >= regular.to);
    let wide = all.iter().rposition(|one| one.kind != "light" && as_far(one));
    let (before, since) = all.split_at(wide.map_or(0, |at| at + 1));
    let nightly = since.iter().filter(|one| one.kind == "light").map(Drift::rest).max();
    wide.and_then(|_| before.last()).map(Drift::rest).into_iter().chain(nightly).reduce(|a, b| a + b)
}

/// Alerts that are open.
pub fn alerts_statement() -> Statement {
    Statement {
        sql: "SELECT at, connection, kind, message FROM alerts WHERE resolved_at IS NULL ORDER BY at LIMIT 100".into(),
        params: Vec::new(),
    }
}

fn alert(row: &Row) -> Result<Alert, SqlError> {
    let [at, connection, kind, message] = ["at", "connection", "kind", "message"].map(|name| row.text(name));
    Ok(Alert { at: at?, connection: connection?, kind: kind?, message: message? })
}

/// Deliveries that were turned away within the last hour, by shop and kind: only the settings' own shops are told apart, so
/// that they are few.
pub fn refusals_statement(now: DateTime<Utc>) -> Statement {
    Statement {
        sql: "WITH quarters AS (
                 SELECT shop, kind, substr(minute, 1, 14) || CAST(substr(minute, 15, 2) AS INTEGER) / 15 AS quarter,
                     SUM(count) AS n
                 FROM refusals WHERE minute >= ? GROUP BY shop, kind, quarter
             )
             SELECT shop, kind, MAX(n) AS most, SUM(n) AS n FROM quarters GROUP BY shop, kind ORDER BY n DESC"
            .into(),
        params: vec![iso(now - Duration::hours(1)).into()],
    }
}

fn refused(row: &Row) -> Result<Refused, SqlError> {
    Ok(Refused { shop: row.text("shop")?, kind: row.text("kind")?, most: row.int("most")?, count: row.int("n")? })
}

/// How long ago an instant was, in seconds; nothing where it is not known.
pub(super) fn age(at: Option<&str>, now: DateTime<Utc>) -> Option<i64> {
    Some((now - parse_iso(at?)?).num_seconds())
}
