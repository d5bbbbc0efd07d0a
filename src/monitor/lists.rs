//! What the pages and the lists to take along ask of the journal beside the figures. Every question goes through an index.

use crate::journal::TABLES;
use crate::platform::{Statement, Value};

/// Calls that the page of an order shows: the newest.
pub const CALLS: usize = 50;
/// Rows of a list to take along: more than a comparison of the largest window finds.
const ROWS: i64 = 100_000;

/// A list to take along, with the names of its columns.
#[derive(Debug, Clone)]
pub struct List {
    /// The columns, as they stand in the first line.
    pub columns: Vec<&'static str>,
    /// What is asked of the journal.
    pub statement: Statement,
}

impl List {
    fn of(columns: &[&'static str], from: &str, params: Vec<Value>) -> Self {
        let sql = format!("SELECT {} FROM {from} LIMIT {ROWS}", columns.join(", "));
        Self { columns: columns.to_vec(), statement: Statement { sql, params } }
    }
}

/// The calls that were made for an order, the oldest first.
pub fn attempts(connection: &str, order_id: &str) -> Statement {
    Statement {
        sql: format!(
            "SELECT document_key, operation, at, duration_ms, http_status, outcome, code, message FROM (
                 SELECT rowid, * FROM attempts WHERE connection = ? AND order_id = ? ORDER BY rowid DESC LIMIT {CALLS})
             ORDER BY rowid"
        ),
        params: vec![connection.into(), order_id.into()],
    }
}

/// What the journal has of an order in one of its tables: `events`, `adjustments`, `documents`, `attempts`; nothing if it is
/// none of them.
pub fn of_order(table: &str, connection: &str, order_id: &str) -> Option<List> {
    let known = ["events", "adjustments", "documents", "attempts"].contains(&table);
    let found = TABLES.iter().find(|one| one.name == table).filter(|_| known)?;
    let from = format!("{table} WHERE connection = ? AND order_id = ? ORDER BY rowid");
    Some(List::of(found.columns, &from, vec![connection.into(), order_id.into()]))
}

/// The differences that a reconciliation found.
pub fn discrepancies(reconciliation: &str) -> List {
    let columns = [
        "order_id",
        "class",
        "document_key",
        "number",
        "field",
        "shopify_value",
        "ledger_value",
        "likely_cause",
        "repair",
    ];
    List::of(&columns, "discrepancies WHERE reconciliation_id = ? ORDER BY rowid", vec![reconciliation.into()])
}

/// Alerts, the newest first.
pub fn alerts() -> List {
    let columns = ["at", "connection", "kind", "message", "resolved_at"];
    List::of(&columns, "alerts ORDER BY at DESC", Vec::new())
}

/// Reconciliations, the newest first.
pub fn reconciliations() -> List {
    let columns = [
        "id",
        "connection",
        "kind",
        "from_at",
        "to_at",
        "started_at",
        "finished_at",
        "shopify_count",
        "ledger_count",
        "missing",
        "wrong",
        "stale",
        "duplicate",
        "unexpected",
        "repaired",
        "drift_after",
    ];
    List::of(&columns, "reconciliations ORDER BY started_at DESC", Vec::new())
}
