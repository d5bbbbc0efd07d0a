//! When runs begin by themselves: weekly until three in a row found nothing, then monthly; and a light one every night, of
//! the last 48 hours.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::phases::Kind;
use super::start::{LIGHT_WINDOW, REGULAR_WINDOW, Refused, Wish, begin};
use super::tables::Run;
use crate::config::{Connection, Reconcile};
use crate::platform::SqlError;
use crate::platform::time::{iso, parse_iso};
use crate::posting::Books;

/// So many clean runs in a row, and the next one is a month away.
const CLEAN_RUNS: u32 = 3;
const WEEK: Duration = Duration::days(7);
const MONTH: Duration = Duration::days(30);
const NIGHT: Duration = Duration::days(1);
/// By how much two regular windows overlap at least.
const OVERLAP: Duration = Duration::days(2);
/// How long after a run that could not begin it is tried again.
const AGAIN: Duration = Duration::hours(1);

/// What a connection's schedule remembers.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Plan {
    /// When the next regular run begins.
    regular: String,
    /// When the next light one does.
    light: String,
    /// Regular runs in a row that found nothing.
    clean: u32,
    /// Until when regular runs looked and left nothing: the next one's window begins a little before.
    looked_until: Option<String>,
}

fn key(connection: &str) -> String {
    format!("reconcile:{connection}")
}

fn load(books: &Books<'_>, connection: &str) -> Result<Option<Plan>, SqlError> {
    Ok(books.note(&key(connection))?.and_then(|text| serde_json::from_str(&text).ok()))
}

fn store(books: &Books<'_>, connection: &str, plan: &Plan) -> Result<(), SqlError> {
    let text = serde_json::to_string(plan).map_err(|error| SqlError(error.to_string()))?;
    books.set_note(&key(connection), &text)
}

/// How long from one regular run to the next.
fn pause(every: Reconcile, clean: u32) -> Option<Duration> {
    match every {
        Reconcile::Never => None,
        Reconcile::Weekly => Some(WEEK),
        Reconcile::Monthly => Some(MONTH),
        Reconcile::Auto => Some(if clean >= CLEAN_RUNS { MONTH } else { WEEK }),
    }
}

/// Begins what is due. The first regular run comes a week after a connection was first seen working.
pub fn begin_what_is_due(books: &Books<'_>) -> Result<(), SqlError> {
    let now = books.platform.clock.now();
    for connection in &books.connections {
        let Ok(settings) = &connection.settings else { continue };
        let Some(pause) = pause(settings.reconcile, 0).filter(|_| !settings.company.is_empty()) else { continue };
        let Some(mut plan) = load(books, &connection.id)? else {
            let plan = Plan { regular: iso(now + pause), light: iso(now + NIGHT), clean: 0, looked_until: None };
            store(books, &connection.id, &plan)?;
            continue;
        };
        let is_due = |text: &str| parse_iso(text).is_none_or(|at| at <= now);
        if is_due(&plan.regular) {
            // From a little before where all was well, so that nothing lies between two windows.
            let ended = plan.looked_until.as_deref().and_then(parse_iso).unwrap_or(now);
            let from = (now - REGULAR_WINDOW).min(ended - OVERLAP);
            let begun = try_to_begin(books, connection, Kind::Regular, (from, now), settings.reconcile_repair)?;
            let every = self::pause(settings.reconcile, plan.clean).unwrap_or(WEEK);
            plan.regular = iso(now + if begun { every } else { AGAIN });
            if begun {
                // It looks at the last two days too.
                plan.light = iso(now + NIGHT);
            }
            store(books, &connection.id, &plan)?;
        } else if is_due(&plan.light) {
            let window = (now - LIGHT_WINDOW, now);
            let begun = try_to_begin(books, connection, Kind::Light, window, settings.reconcile_repair)?;
            plan.light = iso(now + if begun { NIGHT } else { AGAIN });
            store(books, &connection.id, &plan)?;
        }
    }
    Ok(())
}

fn try_to_begin(
    books: &Books<'_>,
    connection: &Connection,
    kind: Kind,
    window: (DateTime<Utc>, DateTime<Utc>),
    repair: bool,
) -> Result<bool, SqlError> {
    match begin(books, connection, Wish { kind, window, repair, sample: None, plan: None }) {
        Ok(_) => Ok(true),
        Err(Refused::Sql(error)) => Err(error),
        Err(Refused::Asked(_) | Refused::Busy(_)) => Ok(false),
    }
}

/// A scheduled run has ended. Three regular ones in a row that found nothing, and the next one is a month away; what one left
/// lies in the window of the next. After a light one that left something the next is no month away, unless the settings say so.
pub fn ended(books: &Books<'_>, run: &Run) -> Result<(), SqlError> {
    if !matches!(run.kind, Kind::Regular | Kind::Light) || !run.is_newest(books.platform.sql)? {
        return Ok(());
    }
    let Some(mut plan) = load(books, &run.connection)? else { return Ok(()) };
    let left = run.left().drift();
    if run.kind == Kind::Light && left == 0 {
        return Ok(());
    }
    let is_clean = run.before.is_some_and(|counts| counts.drift() == 0);
    plan.clean = if is_clean { plan.clean + 1 } else { 0 };
    let settings = books.connections.iter().find(|one| one.id == run.connection).map(|one| &one.settings);
    let every = settings.and_then(|settings| settings.as_ref().ok()).map_or(Reconcile::Auto, |one| one.reconcile);
    let next = pause(every, plan.clean).map(|pause| iso(run.started_at + pause));
    if run.kind == Kind::Light {
        plan.regular = next.into_iter().chain([plan.regular]).min().unwrap_or_default();
    } else {
        plan.looked_until = Some(iso(if left == 0 { run.to } else { run.from + OVERLAP }));
        plan.regular = next.unwrap_or(plan.regular);
    }
    store(books, &run.connection, &plan)
}

/// A regular run was stopped: its window was not looked at, and lies in the next one's.
pub fn stopped(books: &Books<'_>, run: &Run) -> Result<(), SqlError> {
    change(books, run, |plan| plan.looked_until = Some(iso(run.from + OVERLAP)))
}

/// A regular run crashed: another one begins tomorrow.
pub fn given_up(books: &Books<'_>, run: &Run) -> Result<(), SqlError> {
    let tomorrow = iso(books.platform.clock.now() + NIGHT);
    change(books, run, |plan| plan.regular = tomorrow)
}

/// What a regular run's end changes, unless a newer one began.
fn change(books: &Books<'_>, run: &Run, how: impl FnOnce(&mut Plan)) -> Result<(), SqlError> {
    if run.kind != Kind::Regular || !run.is_newest(books.platform.sql)? {
        return Ok(());
    }
    let Some(mut plan) = load(books, &run.connection)? else { return Ok(()) };
    how(&mut plan);
    store(books, &run.connection, &plan)
}

/// When the next run of a connection begins by itself, for the page.
pub fn next_at(books: &Books<'_>, connection: &str) -> Result<Option<String>, SqlError> {
    Ok(load(books, connection)?.map(|plan| plan.regular))
}
