//! Orders that a person keeps out of the books: nothing more is written for them, whatever is heard of them, until the person
//! releases that very order. What stands of them already stays as it is.

use super::books::Books;
use super::by_hand;
use super::consent::Declined;
use super::obstacles;
use super::orders::{self, OrderRef};
use crate::platform::time::iso;
use crate::platform::{Sql, SqlError, transaction};

/// The longest reason that is kept, in characters.
pub const LONGEST_REASON: usize = 500;

/// True if a person keeps the order out.
pub fn is(sql: &dyn Sql, at: &OrderRef) -> Result<bool, SqlError> {
    let statement = "SELECT 1 AS found FROM set_aside WHERE connection = ? AND order_id = ?";
    Ok(!sql.exec(statement, &at.params())?.is_empty())
}

/// A person wants it in the books after all.
pub fn forget(sql: &dyn Sql, at: &OrderRef) -> Result<(), SqlError> {
    sql.exec("DELETE FROM set_aside WHERE connection = ? AND order_id = ?", &at.params()).map(drop)
}

/// A person's own words may name people: they go with the order's personal data.
pub fn forget_reason(sql: &dyn Sql, at: &OrderRef) -> Result<(), SqlError> {
    sql.exec("UPDATE set_aside SET why = NULL WHERE connection = ? AND order_id = ?", &at.params()).map(drop)
}

fn unheard_of(at: &OrderRef) -> Declined {
    Declined::Missing(format!("nothing was ever heard of {}", at.order_id))
}

impl Books<'_> {
    /// A person says that an order which waits for them stays out of the books, and why. A delivery that belongs to no order
    /// is put aside.
    pub async fn ignore(&self, at: &OrderRef, reason: &str) -> Result<(), Declined> {
        let (sql, now, reason) = (self.platform.sql, self.platform.clock.now(), reason.trim());
        if reason.is_empty() {
            return Err(Declined::Unclear("`reason` must say why the order stays out of the books".into()));
        }
        if reason.chars().count() > LONGEST_REASON {
            return Err(Declined::Unclear(format!("`reason` is longer than {LONGEST_REASON} characters")));
        }
        if at.order_id.starts_with("event:") {
            return self.release(at).await?.then_some(()).ok_or_else(|| unheard_of(at));
        }
        transaction(sql, |sql| {
            match orders::state(sql, at)?.as_deref() {
                None => return Err(unheard_of(at)),
                Some("held") => {}
                Some(state) => {
                    let text = format!("only an order that is held can be left out, and this one is {state}");
                    return Err(Declined::Refused(text));
                }
            }
            let [connection, order_id] = at.params();
            sql.exec(
                "INSERT OR REPLACE INTO set_aside (connection, order_id, why, at) VALUES (?, ?, ?, ?)",
                &[connection, order_id, reason.into(), iso(now).into()],
            )?;
            by_hand::forget(sql, at)?;
            obstacles::probe_now(sql, at)?;
            orders::look_again(sql, at, now)?;
            Ok(())
        })?;
        self.arm(Some(now)).await?;
        Ok(())
    }
}
