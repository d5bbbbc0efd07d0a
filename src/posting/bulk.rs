//! All orders of a connection that are held for one reason, looked at again together.

use serde::{Deserialize, Serialize};

use super::books::Books;
use super::consent::Declined;
use super::fetch;
use super::obstacles;
use super::orders::{self, OrderRef};
use crate::platform::{SqlError, transaction};

/// Orders in one piece: what is delivered meanwhile is taken in between two of them.
const PIECE: i64 = 200;

/// How they are looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// As a person releases one: their word on what it waited for.
    Release,
    /// As one is replayed: gone through again, fetched from Shopify first where that can be.
    Replay,
}

/// A piece of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Piece {
    /// For which reason they are held.
    pub reason: String,
    /// How they are looked at.
    pub how: How,
    /// Only those that have been held since before then, so that none comes twice.
    pub before: String,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookedAt {
    /// So many orders are looked at again.
    pub orders: i64,
    /// True if there are more.
    pub more: bool,
}

impl Books<'_> {
    /// Looks again at the next orders of the connection that are held for a reason.
    pub async fn look_again_at(&self, connection: &str, piece: &Piece) -> Result<LookedAt, Declined> {
        let (sql, now) = (self.platform.sql, self.platform.clock.now());
        let of = self
            .connection(connection)
            .ok_or_else(|| Declined::Missing(format!("no connection {connection} is configured")))?;
        let fetches = piece.how == How::Replay && self.admin_access(of)?.is_some();
        let found = sql.exec(
            "SELECT order_id FROM orders WHERE connection = ? AND state = 'held' AND reason = ? AND updated_at < ?
             ORDER BY first_seen_at, order_id LIMIT ?",
            &[connection.into(), piece.reason.as_str().into(), piece.before.as_str().into(), (PIECE + 1).into()],
        )?;
        let mut all = found.iter().map(|row| row.text("order_id")).collect::<Result<Vec<_>, SqlError>>()?;
        let more = all.len() as i64 > PIECE;
        all.truncate(PIECE as usize);
        transaction(sql, |sql| {
            for order_id in &all {
                let at = OrderRef { connection: connection.to_owned(), order_id: order_id.clone() };
                match piece.how {
                    How::Release => drop(self.let_go(sql, &at, now)?),
                    How::Replay => {
                        obstacles::probe_now(sql, &at)?;
                        orders::replay(sql, &at, now)?;
                        if fetches && !at.order_id.starts_with("event:") {
                            fetch::want(sql, &at)?;
                        }
                    }
                }
            }
            Ok::<_, SqlError>(())
        })?;
        self.arm(Some(now)).await?;
        Ok(LookedAt { orders: all.len() as i64, more })
    }
}
