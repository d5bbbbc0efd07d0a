//! Which sets of books ever wrote into D1: the settings know only those of today.

use crate::platform::{Journal, JournalError, Row, Statement};

/// The labels of the books in which orders wait, or of which an alert is open, by what D1 knows: both want somebody to look.
pub async fn waiting_labels(journal: &dyn Journal) -> Result<Vec<String>, JournalError> {
    let of_waiting = "SELECT DISTINCT source FROM orders WHERE state IN ('pending', 'retrying', 'held')
         UNION SELECT source FROM alerts WHERE resolved_at IS NULL";
    labels(journal, of_waiting).await
}

/// The labels of all books that ever took a delivery in. The index on `source` is read in leaps, not row by row.
pub async fn every_label(journal: &dyn Journal) -> Result<Vec<String>, JournalError> {
    let leaps = "WITH RECURSIVE leap (source) AS (
             SELECT min(source) FROM events
             UNION ALL SELECT (SELECT min(source) FROM events WHERE source > leap.source) FROM leap WHERE source IS NOT NULL
         ) SELECT source FROM leap WHERE source IS NOT NULL";
    labels(journal, leaps).await
}

/// A source is a label, a colon and what tells the object's instances apart. The watch has no books: its name has a colon too.
async fn labels(journal: &dyn Journal, sql: &str) -> Result<Vec<String>, JournalError> {
    let rows = journal.query(Statement { sql: sql.to_owned(), params: Vec::new() }).await?;
    let label = |row: &Row| Some(row.text("source").ok()?.rsplit_once(':')?.0.to_owned());
    let mut labels: Vec<String> = rows.iter().filter_map(label).filter(|label| !label.contains(':')).collect();
    labels.sort();
    labels.dedup();
    Ok(labels)
}
