//! Instants as text: ISO 8601 in UTC with milliseconds, so that text order is time order.

use chrono::{DateTime, SecondsFormat, Utc};

/// `2026-11-23T08:00:00.000Z`
pub fn iso(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Reads what [`iso`] wrote.
pub fn parse_iso(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|instant| instant.with_timezone(&Utc))
}
