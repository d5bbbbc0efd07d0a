//! A connection whose shop removed the app is stopped: its orders wait under that one reason. It goes on by itself when
//! Shopify tells of something that happened after the removal, which it does only once the app is there again.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::alerts;
use super::books::Books;
use super::inbox::Incoming;
use super::orders;
use super::schema::{clear_meta, meta, set_meta};
use super::shop;
use super::silence;
use crate::books::hold::{Hold, HoldReason};
use crate::platform::time::iso;
use crate::platform::{Sql, SqlError, transaction};

/// The kind of its alert.
const ALERT: &str = "app_uninstalled";
/// The rule by which the delivery that stopped it is settled.
const INSTALLED_AGAIN: &str = "installed_again";

/// Since when, and by which event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stopped {
    since: DateTime<Utc>,
    event: i64,
}

fn key(connection: &str) -> String {
    format!("stopped:{connection}")
}

fn stopped(sql: &dyn Sql, connection: &str) -> Result<Option<Stopped>, SqlError> {
    Ok(meta(sql, &key(connection))?.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Since when the connection is stopped, if it is.
pub fn since(sql: &dyn Sql, connection: &str) -> Result<Option<DateTime<Utc>>, SqlError> {
    Ok(stopped(sql, connection)?.map(|stopped| stopped.since))
}

/// When a delivery was triggered, as far as its headers say.
fn triggered(incoming: &Incoming<'_>) -> Option<DateTime<Utc>> {
    let text = &incoming.delivery.triggered_at;
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.with_timezone(&Utc))
}

/// Stops the connection: the shop removed the app.
pub fn stop(sql: &dyn Sql, now: DateTime<Utc>, incoming: &Incoming<'_>, event: i64) -> Result<(), SqlError> {
    let connection = &incoming.connection.id;
    let since = triggered(incoming).unwrap_or(now).min(now);
    let stopped = Stopped { since, event };
    let text = serde_json::to_string(&stopped).map_err(|error| SqlError(error.to_string()))?;
    set_meta(sql, &key(connection), &text)?;
    shop::forget_token(sql, connection)?;
    let message = format!(
        "The app was removed from {} at {}: nothing is posted for this connection. {}",
        incoming.connection.shop,
        iso(since),
        HoldReason::AppUninstalled.remedy()
    );
    alerts::open(sql, now, connection, ALERT, &message)
}

/// Why the connection's orders wait, if it is stopped.
pub fn hold(sql: &dyn Sql, connection: &str) -> Result<Option<Hold>, SqlError> {
    let hold = |stopped: Stopped| {
        Hold::new(HoldReason::AppUninstalled, format!("the app was removed from the shop at {}", iso(stopped.since)))
    };
    Ok(stopped(sql, connection)?.map(hold))
}

/// Shopify told of an order: if that happened after the app was removed, it is there again. A delivery that was on its way
/// when the app was removed proves nothing.
pub fn heard(sql: &dyn Sql, now: DateTime<Utc>, incoming: &Incoming<'_>) -> Result<(), SqlError> {
    let connection = &incoming.connection.id;
    match stopped(sql, connection)? {
        Some(stopped) if triggered(incoming).is_some_and(|at| at > stopped.since) => resume(sql, now, connection),
        _ => Ok(()),
    }
}

/// The connection goes on, and everything that waited because it was stopped.
pub fn resume(sql: &dyn Sql, now: DateTime<Utc>, connection: &str) -> Result<(), SqlError> {
    let Some(stopped) = stopped(sql, connection)? else { return Ok(()) };
    clear_meta(sql, &key(connection))?;
    alerts::close(sql, now, connection, ALERT)?;
    // Nobody told of what happened while the app was away.
    silence::catch_up_since(sql, connection, stopped.since)?;
    orders::close_loose(sql, connection, stopped.event, INSTALLED_AGAIN, now)?;
    orders::release_held(sql, connection, HoldReason::AppUninstalled, now)
}

impl Books<'_> {
    /// A person says that the connection goes on although its app was removed. False if it was not stopped.
    pub async fn resume_connection(&self, connection: &str) -> Result<bool, SqlError> {
        let (sql, now) = (self.platform.sql, self.platform.clock.now());
        let was_stopped = since(sql, connection)?.is_some();
        transaction(sql, |sql| resume(sql, now, connection))?;
        self.arm(Some(now)).await?;
        Ok(was_stopped)
    }
}
