//! What a person is told of an order that waits for nothing. It stays in sight until it is over, or until they say that
//! they have seen it (`POST …/release`): then the same is not told again.

use super::orders::OrderRef;
use crate::books::hold::Hold;
use crate::platform::{Sql, SqlError};

/// How a notice is known again.
fn text(notice: &Hold) -> String {
    format!("{}: {}", notice.reason.code(), notice.detail)
}

/// The notice, unless a person has seen it.
pub fn unseen(sql: &dyn Sql, at: &OrderRef, notice: Option<&Hold>) -> Result<Option<Hold>, SqlError> {
    let Some(notice) = notice else { return Ok(None) };
    let [connection, order_id] = at.params();
    let statement = "SELECT 1 AS found FROM seen_notices WHERE connection = ? AND order_id = ? AND notice = ?";
    let seen = sql.exec(statement, &[connection, order_id, text(notice).into()])?;
    Ok(seen.is_empty().then(|| notice.clone()))
}

/// A person has seen what is told of the order now.
pub fn seen(sql: &dyn Sql, at: &OrderRef) -> Result<(), SqlError> {
    sql.exec(
        "INSERT INTO seen_notices (connection, order_id, notice)
         SELECT connection, order_id, reason || ': ' || coalesce(detail, '') FROM orders
         WHERE connection = ? AND order_id = ? AND state IN ('synced', 'ignored') AND remedy IS NOT NULL
         ON CONFLICT DO NOTHING",
        &at.params(),
    )
    .map(drop)
}
