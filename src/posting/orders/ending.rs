//! How an order's turn ends, and what that makes of its events.

use chrono::{DateTime, Utc};

use super::{OrderRef, OrderState, load};
use crate::books::hold::Hold;
use crate::platform::time::iso;
use crate::platform::{Sql, SqlError, Value};
use crate::posting::published::{publish, publish_event};
use crate::posting::{notices, obstacles};

/// An ending that holds whatever was heard of the order meanwhile. The greatest integer that the runtime's SQLite takes:
/// there numbers are exact to 2^53 only.
pub const ALL_NEWS: i64 = (1 << 53) - 1;

/// How an order's turn ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The books hold what they ought to; what a person should know all the same; and when Shopify is asked for what its
    /// webhooks do not tell, if anything.
    Synced(Option<Hold>, Option<DateTime<Utc>>),
    /// A rule leaves it out; likewise.
    Ignored(&'static str, Option<Hold>),
    /// A person has to look.
    Held(Hold),
    /// The same, together with every other order that the obstacle of that key concerns.
    Obstructed(Hold, String),
    /// The books are right so far; look again then (transactions or the order itself may still come).
    Later(DateTime<Utc>),
    /// A call failed; try again then.
    Retry(DateTime<Utc>),
}

/// Ends an order's turn. `seen` is the newest event that the turn knew of: its events and the older ones are settled;
/// if a newer one arrived meanwhile, the order stays due.
pub fn end(sql: &dyn Sql, at: &OrderRef, ending: &Ending, seen: i64, now: DateTime<Utc>) -> Result<(), SqlError> {
    let [connection, order_id] = at.params();
    let newer = sql.exec(
        "SELECT 1 AS found FROM events WHERE connection = ? AND order_id = ? AND outcome = 'pending' AND seq > ? LIMIT 1",
        &[connection.clone(), order_id.clone(), seen.into()],
    )?;
    let wrote = load(sql, at)?.is_some_and(|row| row.wrote);
    let (state, rule, told, due) = match ending {
        Ending::Synced(notice, again) => (OrderState::Synced, None, notices::unseen(sql, at, notice.as_ref())?, *again),
        Ending::Ignored(rule, notice) => {
            (OrderState::Ignored, Some(*rule), notices::unseen(sql, at, notice.as_ref())?, None)
        }
        Ending::Held(hold) | Ending::Obstructed(hold, _) => (OrderState::Held, None, Some(hold.clone()), None),
        Ending::Later(due) => (OrderState::Pending, None, None, Some(*due)),
        Ending::Retry(due) => (OrderState::Retrying, None, None, Some(*due)),
    };
    let reason = told.as_ref().map(|hold| hold.reason.code()).or(rule);
    let (detail, remedy) = told.as_ref().map(|hold| (hold.detail.as_str(), hold.reason.remedy())).unzip();
    let due = if newer.is_empty() { due } else { Some(due.map_or(now, |due| due.min(now))) };
    let failed = Value::Int(matches!(ending, Ending::Retry(_)).into());
    let obstacle = if let Ending::Obstructed(_, key) = ending { Some(key.as_str()) } else { None };
    sql.exec(
        "UPDATE orders SET state = ?3, reason = ?4, detail = ?5, remedy = ?6, due_at = ?7, marks = 0,
             attempts = CASE ?8 WHEN 1 THEN attempts + 1 ELSE 0 END,
             retrying_since = CASE ?8 WHEN 1 THEN coalesce(retrying_since, ?9) END,
             synced_at = CASE WHEN ?3 = 'synced' THEN ?9 ELSE synced_at END, updated_at = ?9, obstacle = ?10,
             waits_since = CASE WHEN ?3 IN ('pending', 'retrying') THEN coalesce(waits_since, ?9) END,
             held_since = CASE ?3 WHEN 'held' THEN coalesce(held_since, ?9) WHEN 'retrying' THEN held_since END
         WHERE connection = ?1 AND order_id = ?2",
        &[
            connection,
            order_id,
            state.as_str().into(),
            reason.into(),
            detail.into(),
            remedy.into(),
            due.map(iso).into(),
            failed,
            iso(now).into(),
            obstacle.into(),
        ],
    )?;
    match ending {
        Ending::Synced(..) => settle(sql, at, seen, if wrote { "posted" } else { "unchanged" }, None, now)?,
        Ending::Ignored(rule, _) => settle(sql, at, seen, "ignored", Some(rule), now)?,
        Ending::Held(hold) | Ending::Obstructed(hold, _) => {
            settle(sql, at, seen, "held", Some(hold.reason.code()), now)?
        }
        Ending::Later(_) | Ending::Retry(_) => {}
    }
    obstacles::ended(sql, at, ending, wrote, now)?;
    publish(sql, at)
}

/// Gives the order's open events their outcome. Held events are settled again once the hold is lifted.
pub(super) fn settle(
    sql: &dyn Sql,
    at: &OrderRef,
    seen: i64,
    outcome: &str,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), SqlError> {
    let [connection, order_id] = at.params();
    let settled = sql.exec(
        "UPDATE events SET outcome = ?3, reason = ?4, finished_at = ?5
         WHERE connection = ?1 AND order_id = ?2 AND seq <= ?6 AND outcome IN ('pending', 'held') RETURNING seq",
        &[connection, order_id, outcome.into(), reason.into(), iso(now).into(), seen.into()],
    )?;
    settled.iter().try_for_each(|row| publish_event(sql, row.int("seq")?))
}
