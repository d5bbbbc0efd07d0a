//! How a run begins, is approved, and is cancelled.

use chrono::{DateTime, Duration, NaiveDate, Utc};
use serde::Deserialize;

use super::phases::{Kind, Phase};
use super::tables::{self, Run};
use crate::books::calendar::Calendar;
use crate::config::Connection;
use crate::platform::{SqlError, transaction};
use crate::posting::{Books, Refused as NotRead};

/// What is asked for: the body of `POST /api/reconciliations`, which names the connection besides.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The connection's id.
    pub connection: String,
    /// The beginning of the window: a day or an instant.
    pub from: String,
    /// Its end; now, if it is not given.
    #[serde(default)]
    pub to: Option<String>,
    /// True if what can be repaired is to be repaired at once; else the plan waits for approval.
    #[serde(default)]
    pub repair: bool,
    /// True if the books were filled by another integration: its documents are matched, and nothing is changed.
    #[serde(default)]
    pub audit: bool,
    /// Only the newest so many orders of the window.
    #[serde(default)]
    pub sample: Option<i64>,
}

/// Why a run does not begin.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// What was asked makes no sense; the text names the key.
    #[error("{0}")]
    Asked(String),
    /// Not now.
    #[error("{0}")]
    Busy(String),
    /// The object's own database.
    #[error(transparent)]
    Sql(#[from] SqlError),
}

/// A day as the company counts them, or an instant with its offset.
fn instant(text: &str, key: &str, end_of_day: bool, calendar: &Calendar) -> Result<DateTime<Utc>, Refused> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.with_timezone(&Utc));
    }
    let day: NaiveDate = text.parse().map_err(|_| {
        Refused::Asked(format!("`{key}` is \"{text}\": give a day (2026-11-01) or an instant (2026-11-01T00:00:00Z)"))
    })?;
    Ok(calendar.begin_of(if end_of_day { day.succ_opt().unwrap_or(day) } else { day }))
}

impl Asked {
    /// The window.
    fn window(&self, now: DateTime<Utc>, calendar: &Calendar) -> Result<(DateTime<Utc>, DateTime<Utc>), Refused> {
        let from = instant(&self.from, "from", false, calendar)?;
        let to = self.to.as_deref().map_or(Ok(now), |text| instant(text, "to", true, calendar))?.min(now);
        if from >= to {
            return Err(Refused::Asked("`from` has to be before `to`, and in the past".into()));
        }
        Ok((from, to))
    }
}

/// Begins a run that somebody asks for. Returns its id.
pub async fn start(books: &Books<'_>, asked: &Asked) -> Result<String, Refused> {
    if asked.audit && asked.repair {
        return Err(Refused::Asked("`repair` cannot be true in an audit: it changes nothing".into()));
    }
    if asked.sample.is_some_and(|sample| sample < 1) {
        return Err(Refused::Asked("`sample` has to be at least 1".into()));
    }
    let Some(connection) = books.connections.iter().find(|one| one.id == asked.connection) else {
        return Err(Refused::Asked(format!("`connection`: there is none called `{}`", asked.connection)));
    };
    read_company(books, connection).await?;
    let calendar = match &connection.settings {
        Ok(settings) => books.company_facts()?.calendar(settings),
        Err(_) => Calendar::default(),
    };
    let window = asked.window(books.platform.clock.now(), &calendar)?;
    let kind = if asked.audit { Kind::Audit } else { Kind::Asked };
    let wish = Wish { kind, window, repair: asked.repair, sample: asked.sample, plan: None };
    let id = begin(books, connection, wish)?;
    books.wake_beside(books.platform.clock.now()).await?;
    Ok(id)
}

/// Days are the company's own, and the names in the settings are what it calls things: it is read first, unless it was.
async fn read_company(books: &Books<'_>, connection: &Connection) -> Result<(), Refused> {
    let is_confirmed = connection.settings.as_ref().is_ok_and(|settings| !settings.company.is_empty());
    if !is_confirmed || books.has_verdict(connection)? {
        return Ok(());
    }
    match books.preflight(&connection.id).await {
        Ok(_) => Ok(()),
        Err(NotRead::Sql(error)) => Err(error.into()),
        Err(why) => {
            Err(Refused::Busy(format!("the company was never read with these settings, and cannot be now: {why}")))
        }
    }
}

/// What a run is to do.
pub struct Wish {
    /// What makes it begin.
    pub kind: Kind,
    /// Its window.
    pub window: (DateTime<Utc>, DateTime<Utc>),
    /// True if what can be repaired is to be.
    pub repair: bool,
    /// Only the newest so many orders.
    pub sample: Option<i64>,
    /// The audit whose plan was approved.
    pub plan: Option<String>,
}

/// Begins a run.
pub fn begin(books: &Books<'_>, connection: &Connection, wish: Wish) -> Result<String, Refused> {
    let sql = books.platform.sql;
    let now = books.platform.clock.now();
    let company = connection.settings.as_ref().map(|settings| settings.company.is_empty());
    match company {
        Err(_) => return Err(Refused::Busy("the connection's settings cannot be read: see /connect".into())),
        Ok(true) => return Err(Refused::Busy("no company is connected yet: see /connect".into())),
        Ok(false) => {}
    }
    tables::create(sql)?;
    if let Some(running) = Run::all(sql, &connection.id, 20)?.into_iter().find(Run::is_under_way) {
        return Err(Refused::Busy(format!("reconciliation {} is under way: wait for it, or cancel it", running.id)));
    }
    let run = Run {
        id: format!("{}.{}", connection.id, now.format("%Y%m%dT%H%M%S%3f")),
        connection: connection.id.clone(),
        kind: wish.kind,
        from: wish.window.0,
        to: wish.window.1,
        repair: wish.repair,
        sample: wish.sample,
        plan: wish.plan,
        phase: Phase::Shop,
        cursor: String::new(),
        due_at: Some(now),
        marks: 0,
        waits_for: None,
        patience_until: None,
        started_at: now,
        finished_at: None,
        shopify_count: 0,
        ledger_count: 0,
        before: None,
        after: None,
    };
    transaction(sql, |sql| run.insert(sql))?;
    Ok(run.id)
}

/// A person approves the plan of a run that has ended. Returns the id of the run that carries it out: of an audit that is
/// another one, for the books may have changed since.
pub async fn approve(books: &Books<'_>, id: &str) -> Result<String, Refused> {
    let sql = books.platform.sql;
    let now = books.platform.clock.now();
    let nothing = || Refused::Busy("its plan is not waiting for approval".into());
    let mut run = Run::load(sql, id)?.ok_or_else(nothing)?;
    if run.may_be_taken_over(sql)? {
        let connection = books.connections.iter().find(|one| one.id == run.connection).ok_or_else(nothing)?;
        let (window, plan) = ((run.from, run.to), Some(run.id));
        let wish = Wish { kind: Kind::Audit, window, repair: true, sample: run.sample, plan };
        let id = begin(books, connection, wish)?;
        books.wake_beside(now).await?;
        return Ok(id);
    }
    let waits = run.phase == Phase::Done && run.after.is_none() && run.before.is_some_and(|counts| counts.drift() > 0);
    if !waits || run.is_audit() || run.repair {
        return Err(nothing());
    }
    run.repair = true;
    run.phase = Phase::Repair;
    run.cursor.clear();
    run.due_at = Some(now);
    run.finished_at = None;
    transaction(sql, |sql| run.store(sql))?;
    books.wake_beside(now).await?;
    Ok(run.id)
}

/// How far back a regular run looks: a week, and two days more for what is late.
pub const REGULAR_WINDOW: Duration = Duration::days(9);
/// How far back the nightly one looks.
pub const LIGHT_WINDOW: Duration = Duration::hours(48);
