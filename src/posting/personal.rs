//! Whose order it is, and whether anything about a person is still stored of it.

use super::orders::OrderRef;
use crate::platform::{Sql, SqlError};

/// Whether an order's data holds anything about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Personal {
    /// Reduced to its money facts by age; what arrives later is kept again for a while.
    Purged,
    /// Erased at somebody's request; what arrives later is reduced before it is stored.
    Erased,
}

impl Personal {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Personal::Purged => "purged",
            Personal::Erased => "erased",
        }
    }
}

/// Remembers whose order it is.
pub fn belongs_to(sql: &dyn Sql, at: &OrderRef, customer_id: Option<&str>) -> Result<(), SqlError> {
    let [connection, order_id] = at.params();
    let statement = "UPDATE orders SET customer_id = coalesce(?3, customer_id) WHERE connection = ?1 AND order_id = ?2";
    sql.exec(statement, &[connection, order_id, customer_id.into()]).map(drop)
}

/// True if the order was erased at somebody's request.
pub fn is_erased(sql: &dyn Sql, at: &OrderRef) -> Result<bool, SqlError> {
    let statement = "SELECT 1 AS found FROM orders WHERE connection = ? AND order_id = ? AND personal = 'erased'";
    Ok(!sql.exec(statement, &at.params())?.is_empty())
}

/// The order is reduced to its money facts.
pub fn set_personal(sql: &dyn Sql, at: &OrderRef, to: Personal) -> Result<(), SqlError> {
    let [connection, order_id] = at.params();
    let statement = "UPDATE orders SET personal = ?3 WHERE connection = ?1 AND order_id = ?2 AND personal <> 'erased'";
    sql.exec(statement, &[connection, order_id, to.as_str().into()]).map(drop)
}

/// Orders that need nothing and to which nothing happened since then, and whose data is still whole; the oldest first.
pub fn settled_before(sql: &dyn Sql, connection: &str, cutoff: &str, count: i64) -> Result<Vec<OrderRef>, SqlError> {
    let rows = sql.exec(
        "SELECT order_id FROM orders WHERE connection = ? AND personal = 'kept' AND updated_at < ?
             AND state IN ('synced', 'ignored') AND due_at IS NULL ORDER BY updated_at LIMIT ?",
        &[connection.into(), cutoff.into(), count.into()],
    )?;
    rows.iter().map(|row| Ok(OrderRef { connection: connection.to_owned(), order_id: row.text("order_id")? })).collect()
}
