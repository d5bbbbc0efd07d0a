-- What made a reconciliation begin, what is in the ledger that nothing calls for, and what was left after the repair; and
-- each discrepancy's document. No row was written to the two tables before.

DROP VIEW drift;
DROP TABLE reconciliations;
DROP TABLE discrepancies;

CREATE TABLE reconciliations (
    id TEXT PRIMARY KEY,
    connection TEXT NOT NULL,
    kind TEXT NOT NULL,
    from_at TEXT NOT NULL,
    to_at TEXT NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT,
    shopify_count INTEGER,
    ledger_count INTEGER,
    missing INTEGER,
    wrong INTEGER,
    stale INTEGER,
    duplicate INTEGER,
    unexpected INTEGER,
    repaired INTEGER,
    drift_after INTEGER,
    source TEXT NOT NULL,
    seq INTEGER NOT NULL
);
CREATE INDEX reconciliations_by_connection ON reconciliations (connection, started_at);

CREATE TABLE discrepancies (
    reconciliation_id TEXT NOT NULL,
    order_id TEXT NOT NULL,
    class TEXT NOT NULL,
    document_key TEXT,
    number TEXT,
    field TEXT,
    shopify_value TEXT,
    ledger_value TEXT,
    likely_cause TEXT,
    repair TEXT,
    source TEXT NOT NULL,
    seq INTEGER NOT NULL,
    UNIQUE (source, seq)
);
CREATE INDEX discrepancies_by_run ON discrepancies (reconciliation_id);
CREATE INDEX discrepancies_by_order ON discrepancies (order_id);

-- Per reconciliation: how many discrepancies there were, and how many the repair left.
CREATE VIEW drift AS
SELECT id, connection, kind, from_at, to_at, finished_at, missing, wrong, stale, duplicate, unexpected, repaired,
    missing + wrong + stale + duplicate + unexpected AS drift, drift_after
FROM reconciliations;
