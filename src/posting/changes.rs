//! What of Shopify's bodies is no longer as it was (`shopify::drift`): each difference is told once per connection, with
//! the place where it was first seen, and is over when it was not seen for a week: Shopify gave it up, or a newer version
//! of this program knows it.

use chrono::{DateTime, Duration, Utc};

use super::alerts;
use super::schema::{clear_meta, meta, set_meta};
use crate::platform::time::{iso, parse_iso};
use crate::platform::{Sql, SqlError};
use crate::shopify::drift::Drift;

/// The kind of the alert.
pub const ALERT: &str = "shopify_changed";
/// The most differences that are told one by one of one connection: of what is beyond, it is said that there is more.
const MOST: i64 = 200;
/// What stands for all that is beyond.
const MORE: (&str, &str) =
    ("more", "more than 200 things in Shopify's bodies are not as this program knows them; the others are not listed");
/// How exactly it is known when a difference was last seen: a note with each delivery would be one too many.
const EXACT: Duration = Duration::hours(1);
/// A difference that was not seen for so long is over: a shop that sells daily shows it daily.
const OVER: Duration = Duration::days(7);

/// The note of when a difference was last seen.
fn note_of(connection: &str, drift: &str) -> String {
    format!("{ALERT}:{connection}:{drift}")
}

/// Notes what was seen, and tells of the differences that are not known yet.
pub fn note(sql: &dyn Sql, now: DateTime<Utc>, connection: &str, drifts: &[Drift]) -> Result<(), SqlError> {
    for drift in drifts {
        let (about, message) = (drift.key(), format!("{} (first seen at `{}`)", drift.detail, drift.path));
        let is_new = meta(sql, &note_of(connection, &about))?.is_none();
        if is_new && remembered(sql, &note_of(connection, ""))? >= MOST {
            see(sql, now, connection, MORE)?;
        } else {
            see(sql, now, connection, (&about, &message))?;
        }
    }
    Ok(())
}

/// One was seen: it is told of, unless it was seen within the hour.
fn see(sql: &dyn Sql, now: DateTime<Utc>, connection: &str, (about, message): (&str, &str)) -> Result<(), SqlError> {
    let key = note_of(connection, about);
    if meta(sql, &key)?.as_deref().and_then(parse_iso).is_some_and(|at| now - at < EXACT) {
        return Ok(());
    }
    set_meta(sql, &key, &iso(now))?;
    alerts::open_about(sql, now, [connection, ALERT, about], message)
}

/// Forgets what was not seen for long, and says that it is over.
pub fn forget_old(sql: &dyn Sql, now: DateTime<Utc>) -> Result<(), SqlError> {
    for alert in alerts::all(sql)?.into_iter().filter(|alert| alert.kind == ALERT) {
        let key = note_of(&alert.connection, &alert.about);
        let seen = meta(sql, &key)?.as_deref().and_then(parse_iso);
        if seen.is_none_or(|at| now - at > OVER) {
            clear_meta(sql, &key)?;
            alerts::close_about(sql, now, [&alert.connection, ALERT, &alert.about])?;
        }
    }
    Ok(())
}

fn remembered(sql: &dyn Sql, prefix: &str) -> Result<i64, SqlError> {
    let statement = "SELECT COUNT(*) AS n FROM meta WHERE substr(key, 1, length(?1)) = ?1";
    sql.exec(statement, &[prefix.into()])?.first().map_or(Ok(0), |row| row.int("n"))
}
