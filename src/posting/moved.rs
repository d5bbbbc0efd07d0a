//! Settings that changed since the last look: what was held because of them is due again. A connection that left these
//! books, because its label changed or it is gone, leaves orders behind that nobody works on: each says so.
//!
//! | key in the notebook | what |
//! |---|---|
//! | `settings:<connection>` | the version of the settings that was noticed last |
//! | `left:<connection>` | that the settings no longer give the connection these books |

use chrono::{DateTime, Utc};

use super::alerts;
use super::books::Books;
use super::breaker;
use super::obstacles;
use super::orders::{self, OrderRef};
use super::parties;
use super::schema::{clear_meta, meta, set_meta};
use super::subscriptions;
use crate::platform::time::iso;
use crate::platform::{Row, Sql, SqlError, transaction};

/// The kind of the alert.
const ALERT: &str = "connection_left";
const NOTICED: &str = "settings:";
const LEFT: &str = "left:";

impl Books<'_> {
    /// Settings that changed may have cured what was held because of them.
    pub(super) fn notice_new_settings(&self) -> Result<(), SqlError> {
        let (sql, now) = (self.platform.sql, self.platform.clock.now());
        for connection in &self.connections {
            let key = format!("{NOTICED}{}", connection.id);
            if meta(sql, &key)?.as_deref() == Some(connection.version.as_str()) {
                continue;
            }
            transaction(sql, |sql| {
                parties::forget_references(sql)?;
                orders::release_settings_holds(sql, &connection.id, now)?;
                obstacles::probe_all(sql, now)?;
                clear_meta(sql, &format!("{LEFT}{}", connection.id))?;
                alerts::close(sql, now, &connection.id, ALERT)?;
                if !subscriptions::makes_them(connection) {
                    subscriptions::forget(sql, &connection.id, now)?;
                }
                set_meta(sql, &key, &connection.version)
            })?;
        }
        // Nobody calls the ledger for these books any more: how it was says nothing.
        if self.connections.is_empty() {
            breaker::forget(sql)?;
        }
        for id in of_prefix(sql, NOTICED)?.into_iter().filter(|id| self.connection(id).is_none()) {
            transaction(sql, |sql| {
                clear_meta(sql, &format!("{NOTICED}{id}"))?;
                alerts::close_all(sql, now, &id)?;
                set_meta(sql, &format!("{LEFT}{id}"), &iso(now))?;
                if wait_for_nobody(sql, &id, now)? {
                    alerts::open(sql, now, &id, ALERT, &self.why_left(&id))?;
                }
                Ok::<(), SqlError>(())
            })?;
        }
        Ok(())
    }

    /// The connections that had these books once and do not have them now.
    pub(super) fn left(&self) -> Result<Vec<String>, SqlError> {
        Ok(of_prefix(self.platform.sql, LEFT)?.into_iter().filter(|id| self.connection(id).is_none()).collect())
    }

    /// What became of a connection that is not among those of these books, and how its orders go on.
    pub(super) fn why_left(&self, id: &str) -> String {
        let books = self.id;
        match self.others.iter().find(|one| one.id == id) {
            Some(moved) => format!(
                "the connection `{id}` keeps the books `{}` now; what came before waits in the books `{books}` and goes \
                 on once it has books = \"{books}\" again",
                moved.books
            ),
            None => format!(
                "the connection `{id}` is no longer configured; what came before waits in the books `{books}` and goes \
                 on once it is, with books = \"{books}\""
            ),
        }
    }
}

/// Every order that waits for something is due, to be told that nobody works on it. True if there are any.
fn wait_for_nobody(sql: &dyn Sql, connection: &str, now: DateTime<Utc>) -> Result<bool, SqlError> {
    let statement = "SELECT order_id FROM orders WHERE connection = ? AND state IN ('pending', 'retrying', 'held')
         AND order_id NOT LIKE 'event:%'";
    let rows = sql.exec(statement, &[connection.into()])?;
    for row in &rows {
        let at = OrderRef { connection: connection.to_owned(), order_id: row.text("order_id")? };
        orders::replay(sql, &at, now)?;
    }
    Ok(!rows.is_empty())
}

fn of_prefix(sql: &dyn Sql, prefix: &str) -> Result<Vec<String>, SqlError> {
    let statement =
        "SELECT substr(key, length(?1) + 1) AS id FROM meta WHERE key >= ?1 AND key < ?1 || '~' ORDER BY key";
    sql.exec(statement, &[prefix.into()])?.iter().map(|row: &Row| row.text("id")).collect()
}
