//! Faults of the settings: an account is missing, a period is closed, the subscription has ended. They are nobody's order's
//! own: everything that one concerns is held under it without asking the ledger again, a person is told once, and now and
//! then one of the orders goes ahead as a probe. When it passes, all go on, in the order in which they came.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::alerts;
use super::orders::{self, Ending, OrderRef};
use crate::books::document::{Document, Party};
use crate::books::hold::{Hold, HoldReason};
use crate::ledgers::Refusal;
use crate::ledgers::faults::Concerns;
use crate::platform::time::{iso, parse_iso};
use crate::platform::{Row, Sql, SqlError, Value};

/// The first probe: whoever reads the alert and puts it right at once sees it go on while still looking.
const FIRST_PROBE: Duration = Duration::minutes(5);
/// Probes become rarer up to this: what is put right is noticed within the hour, at two dozen calls a day.
const LATEST_PROBE: Duration = Duration::hours(1);
/// The kind of the alert.
const ALERT: &str = "settings_fault";

/// A fault of the settings that stands in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// Reason, code and subject: what makes it this one. A closed period is one, whatever days of it were met.
    pub key: String,
    pub reason: HoldReason,
    /// Our sentence, and the ledger's code.
    pub detail: String,
    pub concerns: Concerns,
    /// What it is about: a currency, the latest day that was refused, an account; empty where the ledger did not say, or it is about everything.
    pub subject: String,
    /// The connection that met it first.
    pub connection: String,
    pub since: DateTime<Utc>,
    pub probe_at: DateTime<Utc>,
    pub probes: i64,
    /// The order that goes ahead.
    pub probe: Option<OrderRef>,
}

/// What there is to say of one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ObstacleView {
    /// The reason of the holds.
    pub reason: String,
    /// What is wrong.
    pub detail: String,
    /// What it is about, where that is known.
    pub subject: String,
    /// Since when.
    pub since: String,
    /// Orders that it holds.
    pub orders: i64,
    /// When one of them is tried again.
    pub next_probe: String,
}

impl Obstacle {
    /// The hold of an order that it concerns.
    pub fn hold(&self) -> Hold {
        Hold::new(self.reason, self.detail.clone())
    }

    /// True if a finding about a setting (its key, what was found, the ledger's id of what it names) says the same as it.
    pub fn is_about(&self, key: &str, found: &str, id: Option<&str>) -> bool {
        let names_it = || place_of(&self.subject, found).is_some() || id == Some(self.subject.as_str());
        match self.concerns {
            Concerns::Everything => true,
            Concerns::Currency => names_it(),
            // Where the ledger does not say what is inactive, it may be any name of the settings.
            Concerns::Name => names_it() || (self.subject.is_empty() && is_name(key)),
            Concerns::Date | Concerns::Party => false,
        }
    }

    /// True if it stands in the way of `document`, whose party has that id in the ledger.
    pub fn concerns(&self, document: &Document, party_id: &str) -> bool {
        match self.concerns {
            Concerns::Everything => true,
            Concerns::Currency => self.subject == document.currency.code(),
            // The day in ISO form: earlier days come first as text too.
            Concerns::Date => document.date.to_string() <= self.subject,
            Concerns::Party => !self.subject.is_empty() && self.subject == party_id,
            Concerns::Name => {
                !self.subject.is_empty()
                    && (names(document).contains(&self.subject.as_str()) || self.subject == party_id)
            }
        }
    }
}

/// True if a setting names something of the ledger.
fn is_name(key: &str) -> bool {
    ["lines.", "payments.", "taxes[", "no_tax", "sales_tax_code"].iter().any(|start| key.starts_with(start))
}

/// What a document names: items, accounts, tax codes.
fn names(document: &Document) -> Vec<&str> {
    let lines = document.itemised().into_iter().flat_map(|body| &body.lines);
    let cash = document.itemised().and_then(|body| body.cash.as_ref()).map(|cash| cash.account.as_str());
    let money = document.settlement().map(|money| money.account.as_str());
    let of_lines = lines.flat_map(|line| [line.account.as_str(), line.tax.code.as_str()]);
    let mut names: Vec<&str> = of_lines.chain(cash).chain(money).filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// What a refusal is about.
#[derive(Debug, Clone, Copy)]
pub enum About<'a> {
    /// A document, and its party's id in the ledger.
    Document(&'a Document, &'a str),
    /// A party.
    Party(&'a Party),
    /// A name of the settings.
    Name(&'a str),
}

/// What an obstacle is about: the part of the document that the ledger's own words point at.
fn subject(sql: &dyn Sql, concerns: Concerns, about: About<'_>, ledger_says: &str) -> Result<String, SqlError> {
    let text = match (concerns, about) {
        (Concerns::Everything, _) => String::new(),
        (Concerns::Currency, About::Document(document, _)) => document.currency.code().to_owned(),
        (Concerns::Currency, About::Party(party)) => party.currency.code().to_owned(),
        (Concerns::Date, About::Document(document, _)) => document.date.to_string(),
        (Concerns::Party, About::Document(_, party_id)) => party_id.to_owned(),
        (Concerns::Name, About::Document(document, party_id)) => named(sql, document, party_id, ledger_says)?,
        (Concerns::Name, About::Name(name)) => name.to_owned(),
        _ => String::new(),
    };
    Ok(text)
}

/// The name of `document` that the ledger's words quote, or whose id they state: the first one that they mention.
fn named(sql: &dyn Sql, document: &Document, party_id: &str, ledger_says: &str) -> Result<String, SqlError> {
    let mut mentioned: Vec<(usize, &str)> = Vec::new();
    for name in names(document) {
        let ids = sql.exec("SELECT ledger_id FROM ledger_references WHERE label = ?", &[name.into()])?;
        let ids = ids.iter().map(|row| row.text("ledger_id")).collect::<Result<Vec<_>, _>>()?;
        let places = ids.iter().map(String::as_str).chain([name]).filter_map(|word| place_of(word, ledger_says));
        mentioned.extend(places.min().map(|place| (place, name)));
    }
    mentioned.extend(place_of(party_id, ledger_says).map(|place| (place, party_id)));
    Ok(mentioned.into_iter().min().map(|(_, name)| name.to_owned()).unwrap_or_default())
}

/// Where a text mentions `word` as a whole word.
fn place_of(word: &str, text: &str) -> Option<usize> {
    let is_part = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    let whole =
        |at: &usize| !is_part(text[..*at].chars().next_back()) && !is_part(text[at + word.len()..].chars().next());
    if word.is_empty() { None } else { text.match_indices(word).map(|(at, _)| at).find(whole) }
}

fn words(concerns: Concerns) -> &'static str {
    match concerns {
        Concerns::Everything => "everything",
        Concerns::Currency => "currency",
        Concerns::Date => "date",
        Concerns::Name => "name",
        Concerns::Party => "party",
    }
}

fn read(row: &Row) -> Result<Obstacle, SqlError> {
    let failed = |what: &str| SqlError(format!("obstacles.{what} cannot be read"));
    let instant = |column: &str| parse_iso(&row.text(column)?).ok_or_else(|| failed(column));
    let reason = row.text("reason")?;
    let concerns = row.text("concerns")?;
    let all = [Concerns::Everything, Concerns::Currency, Concerns::Date, Concerns::Name, Concerns::Party];
    let probe = row.text_or_null("probe_connection")?.zip(row.text_or_null("probe_order")?);
    Ok(Obstacle {
        key: row.text("key")?,
        reason: HoldReason::ALL.into_iter().find(|one| one.code() == reason).ok_or_else(|| failed("reason"))?,
        detail: row.text("detail")?,
        concerns: all.into_iter().find(|one| words(*one) == concerns).ok_or_else(|| failed("concerns"))?,
        subject: row.text("subject")?,
        connection: row.text("connection")?,
        since: instant("since")?,
        probe_at: instant("probe_at")?,
        probes: row.int("probes")?,
        probe: probe.map(|(connection, order_id)| OrderRef { connection, order_id }),
    })
}

/// Every obstacle, the oldest first.
pub fn all(sql: &dyn Sql) -> Result<Vec<Obstacle>, SqlError> {
    sql.exec("SELECT * FROM obstacles ORDER BY since, key", &[])?.iter().map(read).collect()
}

/// When the next probe goes ahead.
pub fn next_probe(sql: &dyn Sql) -> Result<Option<DateTime<Utc>>, SqlError> {
    let rows = sql.exec("SELECT MIN(probe_at) AS at FROM obstacles", &[])?;
    let text = rows.first().map(|row| row.text_or_null("at")).transpose()?.flatten();
    Ok(text.as_deref().and_then(parse_iso))
}

/// The ending of an order to which the ledger said no because of the settings. The first time a person is told.
pub fn met(
    sql: &dyn Sql,
    order: &OrderRef,
    refusal: &Refusal,
    concerns: Concerns,
    about: About<'_>,
    now: DateTime<Utc>,
) -> Result<Ending, SqlError> {
    let subject = subject(sql, concerns, about, &refusal.ledger_says)?;
    // Each day of a closed period would else be a fault of its own.
    let named = if concerns == Concerns::Date { "" } else { &subject };
    let key = format!("{}:{}:{named}", refusal.reason.code(), refusal.code);
    let shown = if named.is_empty() || refusal.message.contains(named) { String::new() } else { format!(": {named}") };
    let detail = format!("{}{shown} (code {})", refusal.message, refusal.code);
    let known = sql.exec("SELECT 1 AS found FROM obstacles WHERE key = ?", &[key.as_str().into()])?;
    if known.is_empty() {
        sql.exec(
            "INSERT INTO obstacles (key, reason, detail, concerns, subject, connection, since, probe_at, probes)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
            &[
                key.as_str().into(),
                refusal.reason.code().into(),
                detail.as_str().into(),
                words(concerns).into(),
                subject.into(),
                order.connection.as_str().into(),
                iso(now).into(),
                iso(now + FIRST_PROBE).into(),
            ],
        )?;
        let message = format!("{detail}. {}", refusal.reason.remedy());
        alerts::open_about(sql, now, [&order.connection, ALERT, &key], &message)?;
    } else {
        set_probe(sql, &key, None)?;
        // Of days the latest one counts: the period is closed up to it at least.
        let statement = "UPDATE obstacles SET subject = max(subject, ?) WHERE key = ?";
        sql.exec(statement, &[subject.into(), key.as_str().into()])?;
    }
    Ok(Ending::Obstructed(Hold::new(refusal.reason, detail), key))
}

/// The obstacle that stands in the way of a document of that order, if any does.
pub fn before(
    sql: &dyn Sql,
    order: &OrderRef,
    document: &Document,
    party_id: &str,
) -> Result<Option<Obstacle>, SqlError> {
    let all = all(sql)?;
    // What goes ahead goes through all of them: only the ledger says which of several it meets.
    if all.iter().any(|one| one.probe.as_ref() == Some(order)) {
        return Ok(None);
    }
    Ok(all.into_iter().find(|one| one.concerns(document, party_id)))
}

/// A document of the order was written: what it went ahead for as a probe is out of the way.
pub fn passed(
    sql: &dyn Sql,
    order: &OrderRef,
    document: &Document,
    party_id: &str,
    now: DateTime<Utc>,
) -> Result<(), SqlError> {
    for one in all(sql)?.into_iter().filter(|one| one.probe.as_ref() == Some(order)) {
        if one.subject.is_empty() || one.concerns(document, party_id) {
            remove(sql, &one, now)?;
        }
    }
    Ok(())
}

/// A probe's turn has ended. Either it passed, or it met the same again, or it says nothing, because nothing was written for it,
/// and the next one goes ahead.
pub fn ended(
    sql: &dyn Sql,
    order: &OrderRef,
    ending: &Ending,
    wrote: bool,
    now: DateTime<Utc>,
) -> Result<(), SqlError> {
    let all = all(sql)?;
    for one in all.iter().filter(|one| one.probe.as_ref() == Some(order)) {
        match ending {
            Ending::Synced(..) if wrote => remove(sql, one, now)?,
            Ending::Later(_) | Ending::Retry(_) => {}
            // It met another one first, which says nothing of this one, unless this one stops everything. One order tells of
            // the other; the rest stay here.
            Ending::Obstructed(_, other) if *other != one.key => {
                set_probe(sql, &one.key, None)?;
                let is_particular = |it: &Obstacle| it.key == *other && it.concerns != Concerns::Everything;
                if one.concerns == Concerns::Everything && all.iter().any(is_particular) {
                    remove(sql, one, now)?;
                    continue;
                }
                if held_by(sql, other)?.iter().any(|held| held != order) {
                    let [connection, order_id] = order.params();
                    let statement = "UPDATE orders SET obstacle = ? WHERE connection = ? AND order_id = ?";
                    sql.exec(statement, &[one.key.as_str().into(), connection, order_id])?;
                }
            }
            Ending::Synced(..) | Ending::Ignored(..) | Ending::Held(_) | Ending::Obstructed(..) => {
                set_probe(sql, &one.key, None)?;
                let statement = "UPDATE obstacles SET probe_at = ? WHERE key = ?";
                sql.exec(statement, &[iso(now).into(), one.key.as_str().into()])?;
            }
        }
    }
    Ok(())
}

fn set_probe(sql: &dyn Sql, key: &str, order: Option<&OrderRef>) -> Result<(), SqlError> {
    let [connection, order_id] = order.map_or([Value::Null, Value::Null], OrderRef::params);
    let statement = "UPDATE obstacles SET probe_connection = ?, probe_order = ? WHERE key = ?";
    sql.exec(statement, &[connection, order_id, key.into()]).map(drop)
}

/// It is out of the way: everything that it held is due.
fn remove(sql: &dyn Sql, one: &Obstacle, now: DateTime<Utc>) -> Result<(), SqlError> {
    sql.exec("DELETE FROM obstacles WHERE key = ?", &[one.key.as_str().into()])?;
    for order in held_by(sql, &one.key)? {
        orders::replay(sql, &order, now)?;
    }
    alerts::close_about(sql, now, [&one.connection, ALERT, &one.key])
}

/// The orders that it holds, in the order in which they came.
fn held_by(sql: &dyn Sql, key: &str) -> Result<Vec<OrderRef>, SqlError> {
    let rows = sql.exec(
        "SELECT connection, order_id FROM orders WHERE obstacle = ? AND state = 'held'
         ORDER BY first_seen_at, order_id",
        &[key.into()],
    )?;
    rows.iter()
        .map(|row| Ok(OrderRef { connection: row.text("connection")?, order_id: row.text("order_id")? }))
        .collect()
}

/// True if an order that it held has heard news and has its turn: it may meet it again.
fn is_tried_anyway(sql: &dyn Sql, key: &str) -> Result<bool, SqlError> {
    let statement = "SELECT 1 AS found FROM orders WHERE obstacle = ? AND state IN ('pending', 'retrying') LIMIT 1";
    Ok(!sql.exec(statement, &[key.into()])?.is_empty())
}

/// Lets the probes go ahead that are due; an obstacle that holds nobody any more is over.
pub fn send_probes(sql: &dyn Sql, now: DateTime<Utc>) -> Result<(), SqlError> {
    let all = all(sql)?;
    for one in all.iter().filter(|one| one.probe_at <= now) {
        let is_general = |one: &Obstacle| one.concerns == Concerns::Everything;
        // Whatever is sent meets that one.
        if !is_general(one) && all.iter().any(is_general) {
            postpone(sql, one, now)?;
            continue;
        }
        // It may be several things, a part of a closed period may be opened again, and an order may meet another one first:
        // each time another order is tried.
        let (turn, held) = (one.probes, held_by(sql, &one.key)?);
        match usize::try_from(turn).ok().and_then(|turn| held.get(turn % held.len().max(1))) {
            Some(order) => probe_with(sql, one, order, now)?,
            // A probe that is still under way has not said anything yet.
            None if one.probe.is_some() || is_tried_anyway(sql, &one.key)? => postpone(sql, one, now)?,
            None => remove(sql, one, now)?,
        }
    }
    Ok(())
}

fn postpone(sql: &dyn Sql, one: &Obstacle, now: DateTime<Utc>) -> Result<(), SqlError> {
    let doublings = u32::try_from(one.probes).unwrap_or(0).min(10);
    let next = now + (FIRST_PROBE * (1 << doublings)).min(LATEST_PROBE);
    let statement = "UPDATE obstacles SET probe_at = ?, probes = probes + 1 WHERE key = ?";
    sql.exec(statement, &[iso(next).into(), one.key.as_str().into()]).map(drop)
}

fn probe_with(sql: &dyn Sql, one: &Obstacle, order: &OrderRef, now: DateTime<Utc>) -> Result<(), SqlError> {
    set_probe(sql, &one.key, Some(order))?;
    postpone(sql, one, now)?;
    orders::replay(sql, order, now).map(drop)
}

/// A person says: try this order now. It goes ahead for all that are held with it.
pub fn probe_now(sql: &dyn Sql, order: &OrderRef) -> Result<(), SqlError> {
    let rows = sql.exec(
        "SELECT obstacle FROM orders WHERE connection = ? AND order_id = ? AND obstacle IS NOT NULL",
        &order.params(),
    )?;
    rows.iter().try_for_each(|row| set_probe(sql, &row.text("obstacle")?, Some(order)))
}

/// The settings changed: every obstacle is tried at once.
pub fn probe_all(sql: &dyn Sql, now: DateTime<Utc>) -> Result<(), SqlError> {
    sql.exec("UPDATE obstacles SET probe_at = ?, probes = 0", &[iso(now).into()]).map(drop)
}

/// What there is to say of them.
pub fn view(sql: &dyn Sql) -> Result<Vec<ObstacleView>, SqlError> {
    let one = |one: Obstacle| {
        let count = "SELECT COUNT(*) AS n FROM orders WHERE obstacle = ? AND state = 'held'";
        let rows = sql.exec(count, &[one.key.as_str().into()])?;
        Ok(ObstacleView {
            reason: one.reason.code().to_owned(),
            detail: one.detail,
            subject: one.subject,
            since: iso(one.since),
            orders: rows.first().map_or(Ok(0), |row| row.int("n"))?,
            next_probe: iso(one.probe_at),
        })
    };
    all(sql)?.into_iter().map(one).collect()
}
