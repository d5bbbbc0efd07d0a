//! What is open, and what the world has been told of it. An alert is told of as it stands when it is told, so that several
//! changes are one message, and one that is over before anybody heard of it is none.

use chrono::{DateTime, Duration, Utc};

use super::conditions::Condition;
use super::message::{Message, Status};
use crate::journal::{self, AlertRecord, Record};
use crate::monitor::verdict::span;
use crate::platform::time::{iso, parse_iso};
use crate::platform::{LogLine, Row, Sql, SqlError, Value};

/// What got worse without getting twice as bad is told again after so long.
const RARELY: Duration = Duration::days(1);
/// That something is over is told for so long; after that nobody waits for it.
const OLD_NEWS: Duration = Duration::days(7);

/// The watch's own tables. `opened_at` is empty while a condition does not last long enough yet; `said` is what the journal
/// has of it; `told_*` is what the world was told last, `wants` what it is to be told.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS watched (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, connection TEXT NOT NULL, about TEXT NOT NULL,
    source TEXT NOT NULL, of_books INTEGER NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL, count INTEGER NOT NULL,
    sample TEXT NOT NULL, began_at TEXT NOT NULL, since TEXT NOT NULL, said TEXT NOT NULL DEFAULT '',
    opened_at TEXT, closed_at TEXT, told_at TEXT, told_count INTEGER, wants TEXT, wanted_at TEXT,
    refused INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS watched_open ON watched (kind, connection, about) WHERE closed_at IS NULL;
CREATE INDEX IF NOT EXISTS watched_to_tell ON watched (refused, wanted_at, id) WHERE wants IS NOT NULL;";

/// A condition that has been seen.
#[derive(Clone)]
struct Watched {
    id: i64,
    kind: String,
    connection: String,
    about: String,
    source: String,
    of_books: bool,
    sample: String,
    began_at: DateTime<Utc>,
    opened_at: Option<String>,
    said: String,
    told: Option<(DateTime<Utc>, i64)>,
    waits: bool,
}

fn read(row: &Row) -> Result<Watched, SqlError> {
    let instant = |name: &str| Ok::<_, SqlError>(row.text_or_null(name)?.as_deref().and_then(parse_iso));
    Ok(Watched {
        id: row.int("id")?,
        kind: row.text("kind")?,
        connection: row.text("connection")?,
        about: row.text("about")?,
        source: row.text("source")?,
        of_books: row.int("of_books")? != 0,
        sample: row.text("sample")?,
        began_at: instant("began_at")?.unwrap_or_default(),
        opened_at: row.text_or_null("opened_at")?,
        said: row.text("said")?,
        told: instant("told_at")?.zip(row.int("told_count").ok()),
        waits: row.text_or_null("wants")?.is_some(),
    })
}

/// Takes in what is so now. What is open and `out_of_sight` stays as it was. Returns what the log is to say of it.
pub fn take(
    sql: &dyn Sql,
    now: DateTime<Utc>,
    found: &[Condition],
    out_of_sight: impl Fn(&str) -> bool,
) -> Result<Vec<LogLine>, SqlError> {
    let mut lines = Vec::new();
    let rows = sql.exec("SELECT * FROM watched WHERE closed_at IS NULL ORDER BY id", &[])?;
    let mut known = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    for one in found {
        let same = |row: &Watched| [row.kind.as_str(), &row.connection, &row.about] == one.key();
        let row = match known.iter().position(same).map(|index| known.swap_remove(index)) {
            // What it was known by is another thing now.
            Some(row) if row.sample != one.sample && !one.sample.is_empty() => {
                lines.extend(close(sql, now, &row)?);
                begin(sql, now, one)?
            }
            Some(row) if row.opened_at.is_none() && one.lingers => {
                lines.extend(close(sql, now, &row)?);
                continue;
            }
            Some(row) => row,
            None if one.lingers => continue,
            None => begin(sql, now, one)?,
        };
        refresh(sql, row.id, one)?;
        if row.opened_at.is_some() {
            worsen(sql, now, &row, one.count)?;
        } else if now - row.began_at >= one.after {
            lines.extend(open(sql, now, &row, one)?);
        }
    }
    known.sort_by_key(|row| row.id);
    // What did not last long enough yet has to last anew: nobody can say that it did meanwhile.
    for row in known.into_iter().filter(|row| row.opened_at.is_none() || !out_of_sight(&row.source)) {
        lines.extend(close(sql, now, &row)?);
    }
    sql.exec(
        "DELETE FROM watched WHERE closed_at IS NOT NULL AND (wants IS NULL OR closed_at < ?)",
        &[iso(now - OLD_NEWS).into()],
    )?;
    Ok(lines)
}

/// One that is open already is the same: no pair of conditions keeps all the others from being told.
fn begin(sql: &dyn Sql, now: DateTime<Utc>, one: &Condition) -> Result<Watched, SqlError> {
    let since = one.since.clone().unwrap_or_else(|| iso(now));
    let rows = sql.exec(
        "INSERT INTO watched (kind, connection, about, source, of_books, title, text, count, sample, began_at, since)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (kind, connection, about) WHERE closed_at IS NULL DO UPDATE SET title = excluded.title RETURNING *",
        &[
            one.kind.as_str().into(),
            one.connection.as_str().into(),
            one.about.as_str().into(),
            one.source.as_str().into(),
            i64::from(one.of_books).into(),
            one.title.as_str().into(),
            one.text.as_str().into(),
            one.count.into(),
            one.sample.as_str().into(),
            iso(now).into(),
            since.into(),
        ],
    )?;
    rows.first().map(read).ok_or_else(|| SqlError("an alert got no number".into()))?
}

fn refresh(sql: &dyn Sql, id: i64, one: &Condition) -> Result<(), SqlError> {
    let statement =
        "UPDATE watched SET title = ?, text = ?, count = ?, source = ?, since = coalesce(?, since) WHERE id = ?";
    let [title, text, source] = [&one.title, &one.text, &one.source].map(|text| Value::from(text.as_str()));
    sql.exec(statement, &[title, text, one.count.into(), source, one.since.clone().into(), id.into()]).map(drop)
}

fn open(sql: &dyn Sql, now: DateTime<Utc>, row: &Watched, one: &Condition) -> Result<Option<LogLine>, SqlError> {
    let said = format!("{}. {}", one.title, one.text);
    sql.exec(
        "UPDATE watched SET opened_at = ?1, said = ?2, wants = 'opened', wanted_at = ?1 WHERE id = ?3",
        &[iso(now).into(), said.as_str().into(), row.id.into()],
    )?;
    let opened_at = Some(iso(now));
    Ok(record(sql, &Watched { opened_at, said, ..row.clone() }, None)?.then(|| line(row, "opened")))
}

/// What is known to the world is told again when it is clearly worse.
fn worsen(sql: &dyn Sql, now: DateTime<Utc>, row: &Watched, count: i64) -> Result<(), SqlError> {
    let Some((at, told)) = row.told.filter(|_| !row.waits) else { return Ok(()) };
    if count < told * 2 && (count <= told || now - at < RARELY) {
        return Ok(());
    }
    let statement = "UPDATE watched SET wants = 'updated', wanted_at = ? WHERE id = ?";
    sql.exec(statement, &[iso(now).into(), row.id.into()]).map(drop)
}

fn close(sql: &dyn Sql, now: DateTime<Utc>, row: &Watched) -> Result<Option<LogLine>, SqlError> {
    // Nobody heard of it: nobody has to hear that it is over.
    let statement = if row.told.is_none() {
        "UPDATE watched SET closed_at = ?, wants = NULL WHERE id = ?"
    } else {
        "UPDATE watched SET closed_at = ?1, wants = 'closed', wanted_at = ?1, refused = 0 WHERE id = ?2"
    };
    sql.exec(statement, &[iso(now).into(), row.id.into()])?;
    if row.opened_at.is_none() {
        return Ok(None);
    }
    Ok(record(sql, row, Some(iso(now)))?.then(|| line(row, "closed")))
}

/// The journal's row, unless the books write it themselves. Returns whether it does not have it from there.
fn record(sql: &dyn Sql, row: &Watched, end: Option<String>) -> Result<bool, SqlError> {
    if row.of_books {
        return Ok(false);
    }
    let alert = AlertRecord {
        at: row.opened_at.clone().unwrap_or_default(),
        connection: row.connection.clone(),
        kind: row.kind.clone(),
        message: row.said.clone(),
        resolved_at: end,
    };
    journal::append(sql, &Record::Alert(alert)).map(|()| true)
}

fn line(row: &Watched, outcome: &str) -> LogLine {
    let (connection, code) = (Some(row.connection.clone()), Some(row.kind.clone()));
    LogLine { event: "alert", connection, code, outcome: outcome.to_owned(), ..LogLine::default() }
}

/// The next message, and the number of its alert: the oldest first, those that were refused last.
pub fn next_message(sql: &dyn Sql) -> Result<Option<(i64, Message)>, SqlError> {
    let statement = "SELECT * FROM watched WHERE wants IS NOT NULL ORDER BY refused, wanted_at, id LIMIT 1";
    let rows = sql.exec(statement, &[])?;
    let Some(row) = rows.first() else { return Ok(None) };
    let instant = |name: &str| Ok::<_, SqlError>(row.text_or_null(name)?.as_deref().and_then(parse_iso));
    let lasted = instant("closed_at")?.zip(instant("since")?).map(|(end, since)| (end - since).num_seconds());
    let message = Message {
        status: Status::parse(&row.text("wants")?).unwrap_or(Status::Opened),
        kind: row.text("kind")?,
        connection: row.text("connection")?,
        since: row.text("since")?,
        count: row.int("count")?,
        title: row.text("title")?,
        text: row.text("text")?,
        lasted: span(lasted.unwrap_or_default()),
    };
    Ok(Some((row.int("id")?, message)))
}

/// It was told so.
pub fn told(sql: &dyn Sql, now: DateTime<Utc>, id: i64, message: &Message) -> Result<(), SqlError> {
    sql.exec(
        "UPDATE watched SET wants = NULL, told_at = ?, told_count = ?, refused = 0 WHERE id = ? AND wants = ?",
        &[iso(now).into(), message.count.into(), id.into(), message.status.as_str().into()],
    )?;
    sql.exec("DELETE FROM watched WHERE id = ? AND closed_at IS NOT NULL AND wants IS NULL", &[id.into()]).map(drop)
}

/// Whoever is told refuses this one: the others go first.
pub fn refused(sql: &dyn Sql, id: i64) -> Result<(), SqlError> {
    sql.exec("UPDATE watched SET refused = 1 WHERE id = ?", &[id.into()]).map(drop)
}

/// How many messages wait.
pub fn waiting(sql: &dyn Sql) -> Result<i64, SqlError> {
    let rows = sql.exec("SELECT COUNT(*) AS n FROM watched WHERE wants IS NOT NULL", &[])?;
    rows.first().map_or(Ok(0), |row| row.int("n"))
}
