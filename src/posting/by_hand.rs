//! What somebody did in the ledger to documents that were posted: a document is gone, or says something else. Such an order
//! waits for a person; what can be put right without one is written anew.

use chrono::{DateTime, Utc};

use super::books::Books;
use super::documents;
use super::orders::{self, Heard, OrderRef};
use crate::books::document::DocumentKey;
use crate::books::hold::{Hold, HoldReason};
use crate::platform::time::iso;
use crate::platform::{Sql, SqlError, transaction};

/// What was done to a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByHand {
    /// It was voided or deleted.
    Removed,
    /// It says something else.
    Changed,
}

impl ByHand {
    fn as_str(self) -> &'static str {
        match self {
            ByHand::Removed => "removed",
            ByHand::Changed => "changed",
        }
    }
}

/// Why the order waits, if something of it was removed or changed by hand and nobody has released it since.
pub fn hold(sql: &dyn Sql, at: &OrderRef) -> Result<Option<Hold>, SqlError> {
    let statement = "SELECT how, detail FROM by_hand WHERE connection = ? AND order_id = ? AND accepted_at IS NULL
         ORDER BY how DESC, document_key, detail";
    let rows = sql.exec(statement, &at.params())?;
    let Some(first) = rows.first() else { return Ok(None) };
    let removed = first.text("how")? == ByHand::Removed.as_str();
    let reason = if removed { HoldReason::RemovedInLedger } else { HoldReason::ChangedInLedger };
    let details: Vec<String> = rows.iter().map(|row| row.text("detail")).collect::<Result<_, _>>()?;
    Ok(Some(Hold::new(reason, details.join("; "))))
}

/// A person has seen it: what was removed is posted again, what was changed stays as it is, and is no difference any more.
pub fn settle(sql: &dyn Sql, at: &OrderRef, now: DateTime<Utc>) -> Result<(), SqlError> {
    let [connection, order_id] = at.params();
    let removed = ByHand::Removed.as_str();
    sql.exec(
        "DELETE FROM by_hand WHERE connection = ? AND order_id = ? AND how = ?",
        &[connection.clone(), order_id.clone(), removed.into()],
    )?;
    let accept = "UPDATE by_hand SET accepted_at = ? WHERE connection = ? AND order_id = ? AND accepted_at IS NULL";
    sql.exec(accept, &[iso(now).into(), connection, order_id]).map(drop)
}

/// Nothing of it waits any more.
pub fn forget(sql: &dyn Sql, at: &OrderRef) -> Result<(), SqlError> {
    sql.exec("DELETE FROM by_hand WHERE connection = ? AND order_id = ?", &at.params()).map(drop)
}

impl Books<'_> {
    /// What was changed in the order's documents, and a person let it stand.
    pub fn accepted(&self, at: &OrderRef) -> Result<Vec<String>, SqlError> {
        let statement = "SELECT detail FROM by_hand WHERE connection = ? AND order_id = ? AND accepted_at IS NOT NULL";
        self.platform.sql.exec(statement, &at.params())?.iter().map(|row| row.text("detail")).collect()
    }

    /// That is not so any more.
    pub fn no_longer_accepted(&self, at: &OrderRef, details: &[&String]) -> Result<(), SqlError> {
        let statement = "DELETE FROM by_hand WHERE connection = ? AND order_id = ? AND detail = ?";
        details.iter().try_for_each(|detail| {
            let [connection, order_id] = at.params();
            self.platform.sql.exec(statement, &[connection, order_id, detail.as_str().into()]).map(drop)
        })
    }

    /// Somebody removed or changed a document: the order waits for a person. `detail` says what, and names nobody.
    pub fn done_by_hand(&self, at: &OrderRef, key: &DocumentKey, how: ByHand, detail: &str) -> Result<(), SqlError> {
        let now = self.platform.clock.now();
        transaction(self.platform.sql, |sql| {
            let [connection, order_id] = at.params();
            sql.exec(
                "INSERT INTO by_hand (connection, order_id, document_key, how, detail) VALUES (?, ?, ?, ?, ?)
                 ON CONFLICT DO UPDATE SET how = excluded.how, accepted_at = NULL",
                &[connection, order_id, key.as_str().into(), how.as_str().into(), detail.into()],
            )?;
            if how == ByHand::Removed {
                documents::gone(sql, at, key)?;
            }
            orders::wake(sql, at, None, Heard::Afterwards, now, now)
        })
    }

    /// The ledger's document says something else than was written, and nothing settles it: it is written anew in full.
    /// False if it is not ours, something settles it, or a document of its kind is never written anew.
    pub fn correct(&self, at: &OrderRef, key: &DocumentKey) -> Result<bool, SqlError> {
        let now = self.platform.clock.now();
        transaction(self.platform.sql, |sql| {
            let posted = documents::posted(sql, at)?;
            let booked = documents::booked(&posted);
            let ours = posted.get(key).is_some_and(|record| record.state == documents::PostedState::Posted);
            let may_be = posted.get(key).is_some_and(|record| record.document.kind().may_be_corrected());
            if !ours || !may_be || booked.is_settled(key) {
                return Ok(false);
            }
            documents::doubt(sql, at, key)?;
            orders::wake(sql, at, None, Heard::Afterwards, now, now).map(|()| true)
        })
    }
}
