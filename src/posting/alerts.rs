//! Alerts: something that a person ought to know, said once while it lasts. The journal gets a record when it begins, and
//! the same record with its end.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::schema::{clear_meta, meta, set_meta};
use crate::journal::{self, AlertRecord, Record};
use crate::platform::time::iso;
use crate::platform::{Sql, SqlError};

/// An alert that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenAlert {
    /// The connection that it is about.
    pub connection: String,
    /// Its kind.
    pub kind: String,
    /// What tells it from others of its kind; empty where there is one at most.
    pub about: String,
    /// When it was opened.
    pub at: String,
    /// What happened, and what to do.
    pub message: String,
}

/// Every alert that is open, by connection and kind.
pub fn all(sql: &dyn Sql) -> Result<Vec<OpenAlert>, SqlError> {
    let rows = sql.exec("SELECT key, value FROM meta WHERE key >= 'alert:' AND key < 'alert;' ORDER BY key", &[])?;
    let mut all = Vec::new();
    for row in &rows {
        let (key, value) = (row.text("key")?, row.text("value")?);
        let mut parts = key.splitn(4, ':').skip(1).map(str::to_owned);
        let (Some(connection), Some(kind), Some(about)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let Ok((at, message)) = serde_json::from_str(&value) else { continue };
        all.push(OpenAlert { connection, kind, about, at, message });
    }
    Ok(all)
}

fn key(connection: &str, kind: &str, about: &str) -> String {
    format!("alert:{connection}:{kind}:{about}")
}

fn record(
    sql: &dyn Sql,
    connection: &str,
    kind: &str,
    opened: &(String, String),
    end: Option<String>,
) -> Result<(), SqlError> {
    let alert = AlertRecord {
        at: opened.0.clone(),
        connection: connection.to_owned(),
        kind: kind.to_owned(),
        message: opened.1.clone(),
        resolved_at: end,
    };
    journal::append(sql, &Record::Alert(alert))
}

/// Opens an alert, unless one of that kind is open. `message` says what happened and what to do, and names nobody.
pub fn open(sql: &dyn Sql, now: DateTime<Utc>, connection: &str, kind: &str, message: &str) -> Result<(), SqlError> {
    open_about(sql, now, [connection, kind, ""], message)
}

/// The same, where several of one kind may be open at once: `place` is connection, kind, and what tells it from the
/// others.
pub fn open_about(
    sql: &dyn Sql,
    now: DateTime<Utc>,
    [connection, kind, about]: [&str; 3],
    message: &str,
) -> Result<(), SqlError> {
    let key = key(connection, kind, about);
    if meta(sql, &key)?.is_some() {
        return Ok(());
    }
    let opened = (iso(now), message.to_owned());
    set_meta(sql, &key, &serde_json::to_string(&opened).map_err(|error| SqlError(error.to_string()))?)?;
    record(sql, connection, kind, &opened, None)
}

/// Closes the alert of that kind, if one is open.
pub fn close(sql: &dyn Sql, now: DateTime<Utc>, connection: &str, kind: &str) -> Result<(), SqlError> {
    close_about(sql, now, [connection, kind, ""])
}

/// Closes whatever is open about a connection: nobody here looks after it any more.
pub fn close_all(sql: &dyn Sql, now: DateTime<Utc>, connection: &str) -> Result<(), SqlError> {
    let open = all(sql)?;
    open.iter()
        .filter(|one| one.connection == connection)
        .try_for_each(|one| close_about(sql, now, [connection, &one.kind, &one.about]))
}

/// Closes one of several.
pub fn close_about(sql: &dyn Sql, now: DateTime<Utc>, [connection, kind, about]: [&str; 3]) -> Result<(), SqlError> {
    let key = key(connection, kind, about);
    let Some(text) = meta(sql, &key)? else { return Ok(()) };
    clear_meta(sql, &key)?;
    match serde_json::from_str::<(String, String)>(&text) {
        Ok(opened) => record(sql, connection, kind, &opened, Some(iso(now))),
        Err(_) => Ok(()),
    }
}
