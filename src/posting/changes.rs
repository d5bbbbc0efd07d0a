//! What of Shopify's bodies is no longer as it was (`shopify::drift`): each difference is remembered once per connection,
//! with the place where it was first seen, and told once through the journal's `alerts`.

use chrono::{DateTime, Utc};

use super::schema::{meta, set_meta};
use crate::journal::{self, AlertRecord, Record};
use crate::platform::time::iso;
use crate::platform::{Sql, SqlError};
use crate::shopify::drift::Drift;

/// The most differences that are remembered of one connection: whoever reads two hundred of them needs no more.
const MOST: i64 = 200;

/// Notes the differences that are not known yet.
pub fn note(sql: &dyn Sql, now: DateTime<Utc>, connection: &str, drifts: &[Drift]) -> Result<(), SqlError> {
    let prefix = format!("shopify_changed:{connection}:");
    for drift in drifts {
        let key = format!("{prefix}{}", drift.key());
        if meta(sql, &key)?.is_some() || remembered(sql, &prefix)? >= MOST {
            continue;
        }
        set_meta(sql, &key, &drift.path)?;
        let alert = AlertRecord {
            at: iso(now),
            connection: connection.to_owned(),
            kind: "shopify_changed".into(),
            message: format!("{} (first seen at `{}`; this is said once)", drift.detail, drift.path),
            resolved_at: None,
        };
        journal::append(sql, &Record::Alert(alert))?;
    }
    Ok(())
}

fn remembered(sql: &dyn Sql, prefix: &str) -> Result<i64, SqlError> {
    let statement = "SELECT COUNT(*) AS n FROM meta WHERE substr(key, 1, length(?1)) = ?1";
    sql.exec(statement, &[prefix.into()])?.first().map_or(Ok(0), |row| row.int("n"))
}
