//! Nothing personal is kept longer than it is needed: orders that are settled are reduced to their money facts once nothing
//! happened to them for the time that the settings name, and bodies that belong to no order go, unless a person still has to
//! see to them. A few at a time.

use chrono::{DateTime, Duration, Utc};

use super::inbox::{self, LOOSE};
use super::personal::{self, Personal};
use super::reduce::{Reduced, reduce};
use crate::config::Connection;
use crate::platform::time::iso;
use crate::platform::{Sql, SqlError, transaction};

/// Orders that one step reduces: each may hold bodies of a megabyte.
const ORDERS: i64 = 20;
/// Bodies of no order that one step erases.
const LOOSE_BODIES: i64 = 50;

/// Where a connection's settings cannot be read, its data is kept as long as by default.
const DAYS: i64 = 90;

/// Every connection of which something is kept, and until when what it keeps may stand. One that the settings do not have
/// any more keeps as long as by default.
fn kept(sql: &dyn Sql, connections: &[Connection], now: DateTime<Utc>) -> Result<Vec<(String, String)>, SqlError> {
    let cutoff = |days: i64| iso(now - Duration::days(days));
    let days = |one: &Connection| one.settings.as_ref().map_or(DAYS, |settings| i64::from(settings.retention_days));
    let mut all: Vec<(String, String)> = connections.iter().map(|one| (one.id.clone(), cutoff(days(one)))).collect();
    for id in inbox::connections_heard_of(sql)? {
        if !connections.iter().any(|one| one.id == id) {
            all.push((id, cutoff(DAYS)));
        }
    }
    Ok(all)
}

/// Bodies that may go: what could not be read and what a customer asks for are held until a person has seen to them.
fn loose(sql: &dyn Sql, connection: &str, cutoff: &str) -> Result<Vec<i64>, SqlError> {
    let statement = format!(
        "SELECT e.seq FROM events e WHERE e.connection = ? AND {LOOSE} AND e.outcome <> 'held' AND e.received_at < ?
             AND EXISTS (SELECT 1 FROM event_chunks c WHERE c.event_seq = e.seq) ORDER BY e.seq LIMIT ?"
    );
    let params = [connection.into(), cutoff.into(), LOOSE_BODIES.into()];
    sql.exec(&statement, &params)?.iter().map(|row| row.int("seq")).collect()
}

/// True if something is older than it may be.
pub fn is_due(sql: &dyn Sql, connections: &[Connection], now: DateTime<Utc>) -> Result<bool, SqlError> {
    for (id, cutoff) in kept(sql, connections, now)? {
        let settled = personal::settled_before(sql, &id, &cutoff, 1)?;
        if !settled.is_empty() || !loose(sql, &id, &cutoff)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Reduces what is due. Returns true if more is left that can be reduced at once.
pub fn step(sql: &dyn Sql, connections: &[Connection], now: DateTime<Utc>) -> Result<bool, SqlError> {
    let mut more = false;
    for (id, cutoff) in kept(sql, connections, now)? {
        let settled = personal::settled_before(sql, &id, &cutoff, ORDERS)?;
        let mut reduced = 0;
        for at in &settled {
            if transaction(sql, |sql| reduce(sql, now, at, Personal::Purged))? != Reduced::UnderWay {
                reduced += 1;
            }
        }
        let bodies = loose(sql, &id, &cutoff)?;
        transaction(sql, |sql| bodies.iter().try_for_each(|seq| inbox::set_body(sql, *seq, None)))?;
        more |= reduced == ORDERS || bodies.len() as i64 == LOOSE_BODIES;
    }
    Ok(more)
}
