//! Alerts: something that a person ought to know, said once while it lasts. The journal gets a record when it begins, and
//! the same record with its end.

use chrono::{DateTime, Utc};

use super::schema::{clear_meta, meta, set_meta};
use crate::journal::{self, AlertRecord, Record};
use crate::platform::time::iso;
use crate::platform::{Sql, SqlError};

fn key(connection: &str, kind: &str) -> String {
    format!("alert:{connection}:{kind}")
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
    let key = key(connection, kind);
    if meta(sql, &key)?.is_some() {
        return Ok(());
    }
    let opened = (iso(now), message.to_owned());
    set_meta(sql, &key, &serde_json::to_string(&opened).map_err(|error| SqlError(error.to_string()))?)?;
    record(sql, connection, kind, &opened, None)
}

/// Closes the alert of that kind, if one is open.
pub fn close(sql: &dyn Sql, now: DateTime<Utc>, connection: &str, kind: &str) -> Result<(), SqlError> {
    let key = key(connection, kind);
    let Some(text) = meta(sql, &key)? else { return Ok(()) };
    clear_meta(sql, &key)?;
    match serde_json::from_str::<(String, String)>(&text) {
        Ok(opened) => record(sql, connection, kind, &opened, Some(iso(now))),
        Err(_) => Ok(()),
    }
}
