//! What the pages and the lists to take along ask of the journal beside the figures. Every question goes through an index.

use crate::platform::Statement;

/// Calls that the page of an order shows: the newest.
const CALLS: i64 = 300;

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

/// The differences that a reconciliation found.
pub fn discrepancies(reconciliation: &str) -> Statement {
    Statement {
        sql: "SELECT order_id, class, document_key, number, field, shopify_value, ledger_value, likely_cause, repair
              FROM discrepancies WHERE reconciliation_id = ? ORDER BY rowid LIMIT 50000"
            .into(),
        params: vec![reconciliation.into()],
    }
}

/// Alerts, the newest first.
pub fn alerts() -> Statement {
    Statement {
        sql: "SELECT at, connection, kind, message, resolved_at FROM alerts ORDER BY at DESC LIMIT 10000".into(),
        params: Vec::new(),
    }
}

/// Reconciliations, the newest first.
pub fn reconciliations() -> Statement {
    Statement {
        sql: "SELECT id, connection, kind, from_at, to_at, started_at, finished_at, shopify_count, ledger_count, missing, wrong,
                  stale, duplicate, unexpected, repaired, drift_after
              FROM reconciliations ORDER BY started_at DESC LIMIT 10000"
            .into(),
        params: Vec::new(),
    }
}
