//! The watch over the whole deployment: what a person ought to know is told once when it begins, seldom while it lasts, and
//! once when it is over. Cron rings every five minutes; what is open, what was told and what waits to be told stands in the
//! database of an object of its own, so that nothing of it needs D1. What was sent and not noted (a restart) is sent again.

use chrono::{DateTime, Duration, Timelike, Utc};

use crate::config::Deployment;
use crate::journal::{self, DeliveryRecord, Flushed, Record};
use crate::monitor::figures::Figures;
use crate::monitor::{keep_days, prune};
use crate::platform::time::{iso, parse_iso};
use crate::platform::{HttpError, LogLine, Method, Platform, Request, Response, Sql, SqlError, transaction};

mod conditions;
mod message;
mod standing;
#[cfg(test)]
mod tests;

use message::Message;

pub use conditions::{Condition, DRIFT, KINDS, SETTINGS, WHOLE, conditions};

/// The name of the watch's object. No label of books can look like it.
pub const OBJECT: &str = "watch:deployment";

/// Messages of one tick: chat tools take about one a second, and a tick has fifty calls in all.
const MESSAGES: usize = 10;
/// After a message that did not arrive the next tick tries again, then every other, up to once an hour.
const RETRY: Duration = Duration::minutes(5);
const LONGEST_RETRY: Duration = Duration::hours(1);
/// Ticks are not exactly five minutes apart.
const EARLY: Duration = Duration::seconds(30);
/// The hour, UTC, after which yesterday is rolled up and the journal is pruned.
const HOUR: u32 = 3;
/// Flushes of one tick.
const FLUSHES: usize = 3;

const INSTANCE: &str = "instance";
const FAILURES: &str = "delivery_failures";
const NEXT_TRY: &str = "next_delivery_at";
const ROLLED_UP: &str = "rolled_up";
const PRUNED: &str = "pruned";

/// What a tick did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ticked {
    /// True if nothing failed: not in this tick, nor in what cron did before it.
    pub whole: bool,
    /// Messages that wait to be told.
    pub waiting: i64,
}

/// The watch, as its object holds it.
pub struct Watch<'a> {
    /// What it stands on.
    pub platform: Platform<'a>,
    /// Where to tell it.
    pub deployment: &'a Deployment,
}

impl Watch<'_> {
    /// One tick of cron. `failed` says that cron could not do everything before it. Does nothing beside another tick.
    pub async fn tick(&self, figures: &Figures, failed: bool) -> Result<Option<Ticked>, SqlError> {
        let began = self.now();
        if self.platform.pulse.beats(began) {
            return Ok(None);
        }
        self.platform.pulse.beat(began);
        let ticked = self.work(figures, failed).await;
        self.platform.pulse.stop();
        let line = match &ticked {
            Ok(ticked) => LogLine {
                event: "watch",
                outcome: if ticked.whole { "whole" } else { "in_part" }.into(),
                duration_ms: Some((self.now() - began).num_milliseconds()),
                ..LogLine::default()
            },
            Err(error) => LogLine::failed("watch", error),
        };
        self.platform.log.write(&line);
        ticked.map(Some)
    }

    async fn work(&self, figures: &Figures, failed: bool) -> Result<Ticked, SqlError> {
        let (sql, now) = (self.platform.sql, self.now());
        let source = prepare(&self.platform)?;
        let found = conditions(figures, now);
        let out_of_sight = |source: &str| conditions::is_out_of_sight(figures, source);
        let lines = transaction(sql, |sql| standing::take(sql, now, &found, out_of_sight))?;
        lines.iter().for_each(|line| self.platform.log.write(line));
        sql.sync().await?;
        let told = self.deliver().await?;
        let kept = self.keep_house().await?;
        let flushed = self.flush(&source).await;
        let in_sight = figures.journal.is_none() && figures.ledgers.iter().all(|one| one.unreachable.is_none());
        let whole = !failed && in_sight && told && kept && flushed && self.deployment.problems.is_empty();
        if whole {
            self.beat().await;
        }
        Ok(Ticked { whole, waiting: standing::waiting(sql)? })
    }

    fn now(&self) -> DateTime<Utc> {
        self.platform.clock.now()
    }

    /// Tells what waits to be told, in order, until something does not arrive. Returns false if something did not.
    async fn deliver(&self) -> Result<bool, SqlError> {
        let (sql, platform) = (self.platform.sql, &self.platform);
        let Some(url) = &self.deployment.alert_url else { return Ok(true) };
        if standing::waiting(sql)? == 0 {
            return Ok(true);
        }
        if note(sql, NEXT_TRY)?.as_deref().and_then(parse_iso).is_some_and(|at| at > self.now()) {
            return Ok(false);
        }
        for _ in 0..MESSAGES {
            let Some((id, message)) = standing::next_message(sql)? else { break };
            let sent_at = self.now();
            platform.pulse.beat(sent_at);
            let answer = platform.http.send(post(url, message.body(url, self.deployment.public_url.as_deref()))).await;
            let delivery = self.delivery(&message, sent_at, &answer);
            platform.log.write(&line(&delivery));
            let arrived = delivery.outcome == ARRIVED;
            transaction(sql, |sql| {
                self.note_delivery(sql, id, &message, &answer)?;
                journal::append(sql, &Record::Delivery(delivery))
            })?;
            if !arrived {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn delivery(&self, message: &Message, sent_at: DateTime<Utc>, answer: &Answer) -> DeliveryRecord {
        let http_status = answer.as_ref().ok().map(|response| i64::from(response.status));
        DeliveryRecord {
            at: iso(sent_at),
            connection: message.connection.clone(),
            kind: message.kind.clone(),
            status: message.status.as_str().into(),
            // What went wrong on the way may name the address, which is a secret.
            outcome: match http_status {
                Some(200..300) => ARRIVED,
                Some(_) => "refused",
                None => "no_answer",
            }
            .into(),
            http_status,
            duration_ms: (self.now() - sent_at).num_milliseconds(),
        }
    }

    fn note_delivery(&self, sql: &dyn Sql, id: i64, message: &Message, answer: &Answer) -> Result<(), SqlError> {
        let now = self.now();
        let status = answer.as_ref().map_or(0, |response| response.status);
        if (200..300).contains(&status) {
            set_note(sql, FAILURES, "0")?;
            set_note(sql, NEXT_TRY, "")?;
            return standing::told(sql, now, id, message);
        }
        if matches!(status, 400 | 413 | 422) {
            standing::refused(sql, id)?;
        }
        let failures = note(sql, FAILURES)?.and_then(|text| text.parse().ok()).unwrap_or(0_i32);
        let seconds = answer.as_ref().ok().and_then(|response| response.header("retry-after")?.trim().parse().ok());
        let asked = seconds.and_then(Duration::try_seconds).unwrap_or_default();
        let wait = (RETRY * 2_i32.pow(failures.clamp(0, 10).unsigned_abs())).max(asked);
        set_note(sql, FAILURES, &(failures + 1).to_string())?;
        set_note(sql, NEXT_TRY, &iso(now + wait.min(LONGEST_RETRY) - EARLY))
    }

    /// Once a day: rolls up the days that are over, and prunes the journal, piece by piece until nothing is left to prune.
    /// Returns false if the journal did not do it; the log says why.
    async fn keep_house(&self) -> Result<bool, SqlError> {
        let (sql, journal, now) = (self.platform.sql, self.platform.journal, self.now());
        let today = now.date_naive().to_string();
        let is_due = |last: Option<String>| last.is_none_or(|last| last != today && now.hour() >= HOUR);
        if is_due(note(sql, ROLLED_UP)?) {
            if let Err(error) = keep_days(journal, now).await {
                self.platform.log.write(&LogLine::failed("roll_up", error));
                return Ok(false);
            }
            set_note(sql, ROLLED_UP, &today)?;
        }
        if is_due(note(sql, PRUNED)?) {
            self.platform.pulse.beat(self.now());
            match prune(journal, now, self.deployment.journal_days).await {
                Ok(true) => set_note(sql, PRUNED, &today)?,
                Ok(false) => {}
                Err(error) => {
                    self.platform.log.write(&LogLine::failed("prune", error));
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn flush(&self, source: &str) -> bool {
        for _ in 0..FLUSHES {
            self.platform.pulse.beat(self.now());
            match journal::flush(self.platform, source).await {
                Ok(Flushed::Empty) => return true,
                Ok(Flushed::More) => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Tells whoever waits for a sign of life that all went well. If it does not arrive they will say so.
    async fn beat(&self) {
        let Some(url) = &self.deployment.heartbeat_url else { return };
        self.platform.pulse.beat(self.now());
        let request = Request { method: Method::Get, url: url.clone(), headers: Vec::new(), body: None };
        let problem = match self.platform.http.send(request).await {
            Ok(response) if (200..300).contains(&response.status) => return,
            Ok(response) => format!("HTTPS status {}", response.status),
            Err(_) => "no answer".to_owned(),
        };
        self.platform.log.write(&LogLine::failed("heartbeat", problem));
    }
}

/// The outcome of a message that arrived.
const ARRIVED: &str = "arrived";

type Answer = Result<Response, HttpError>;

fn post(url: &str, body: String) -> Request {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Request { method: Method::Post, url: url.to_owned(), headers, body: Some(body) }
}

fn line(delivery: &DeliveryRecord) -> LogLine {
    let level = if delivery.outcome == ARRIVED { Default::default() } else { crate::platform::Level::Error };
    LogLine {
        level,
        event: "delivery",
        connection: Some(delivery.connection.clone()),
        outcome: format!("{}_{}", delivery.status, delivery.outcome),
        duration_ms: Some(delivery.duration_ms),
        code: Some(delivery.kind.clone()),
        detail: delivery.http_status.map(|status| format!("status {status}")),
        ..LogLine::default()
    }
}

/// Creates the tables; returns the name of this object's outbox.
fn prepare(platform: &Platform<'_>) -> Result<String, SqlError> {
    let sql = platform.sql;
    for statement in standing::SCHEMA.split(";\n").chain(journal::SCHEMA.split(";\n")).map(str::trim) {
        if !statement.is_empty() {
            sql.exec(statement, &[])?;
        }
    }
    if note(sql, INSTANCE)?.is_none() {
        set_note(sql, INSTANCE, &format!("{:016x}", platform.random.bits()))?;
    }
    Ok(format!("{OBJECT}:{}", note(sql, INSTANCE)?.unwrap_or_default()))
}

fn note(sql: &dyn Sql, key: &str) -> Result<Option<String>, SqlError> {
    sql.exec("SELECT value FROM meta WHERE key = ?", &[key.into()])?.first().map(|row| row.text("value")).transpose()
}

fn set_note(sql: &dyn Sql, key: &str, value: &str) -> Result<(), SqlError> {
    sql.exec("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", &[key.into(), value.into()]).map(drop)
}
