-- The journal: what happened to every event, order and document. Times are ISO 8601 UTC, money is text with its
-- currency beside it. `source` and `seq` name the record of the books' outbox that a row came from.

CREATE TABLE events (
    webhook_id TEXT NOT NULL,
    event_id TEXT,
    connection TEXT NOT NULL,
    shop TEXT NOT NULL,
    topic TEXT NOT NULL,
    api_version TEXT,
    order_id TEXT,
    triggered_at TEXT,
    received_at TEXT NOT NULL,
    finished_at TEXT,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    deliveries INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT,
    source TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (connection, webhook_id, sha256),
    UNIQUE (source, seq)
);
CREATE INDEX events_by_order ON events (connection, order_id);
CREATE INDEX events_by_time ON events (received_at);

CREATE TABLE orders (
    connection TEXT NOT NULL,
    order_id TEXT NOT NULL,
    name TEXT,
    state TEXT NOT NULL,
    reason TEXT,
    remedy TEXT,
    currency TEXT,
    updated_at TEXT NOT NULL,
    first_seen_at TEXT NOT NULL,
    synced_at TEXT,
    attempts INTEGER NOT NULL,
    retrying_since TEXT,
    next_attempt_at TEXT,
    source TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (connection, order_id),
    UNIQUE (source, seq)
);
CREATE INDEX orders_by_state ON orders (state, updated_at);

CREATE TABLE documents (
    connection TEXT NOT NULL,
    order_id TEXT NOT NULL,
    document_key TEXT NOT NULL,
    kind TEXT NOT NULL,
    ledger_id TEXT NOT NULL,
    number TEXT NOT NULL,
    currency TEXT NOT NULL,
    expected_total TEXT NOT NULL,
    ledger_total TEXT NOT NULL,
    proof TEXT NOT NULL,
    state TEXT NOT NULL,
    posted_at TEXT NOT NULL,
    source TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (connection, order_id, document_key),
    UNIQUE (source, seq)
);
CREATE INDEX documents_by_number ON documents (number);

CREATE TABLE adjustments (
    connection TEXT NOT NULL,
    order_id TEXT NOT NULL,
    document_key TEXT NOT NULL,
    field TEXT NOT NULL,
    rule TEXT NOT NULL,
    "before" TEXT,
    "after" TEXT,
    at TEXT NOT NULL,
    source TEXT NOT NULL,
    seq INTEGER NOT NULL,
    UNIQUE (source, seq)
);
CREATE INDEX adjustments_by_order ON adjustments (connection, order_id);

CREATE TABLE attempts (
    connection TEXT NOT NULL,
    order_id TEXT NOT NULL,
    document_key TEXT NOT NULL,
    operation TEXT NOT NULL,
    at TEXT NOT NULL,
    duration_ms INTEGER NOT NULL,
    http_status INTEGER,
    outcome TEXT NOT NULL,
    code TEXT,
    message TEXT,
    idempotency_key TEXT,
    trace_id TEXT,
    source TEXT NOT NULL,
    seq INTEGER NOT NULL,
    UNIQUE (source, seq)
);
CREATE INDEX attempts_by_order ON attempts (connection, order_id);

CREATE TABLE reconciliations (
    id TEXT PRIMARY KEY,
    connection TEXT NOT NULL,
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
    repaired INTEGER
);

CREATE TABLE discrepancies (
    reconciliation_id TEXT NOT NULL,
    order_id TEXT NOT NULL,
    class TEXT NOT NULL,
    field TEXT,
    shopify_value TEXT,
    ledger_value TEXT,
    likely_cause TEXT,
    repair TEXT
);
CREATE INDEX discrepancies_by_run ON discrepancies (reconciliation_id);

CREATE TABLE alerts (
    at TEXT NOT NULL,
    connection TEXT NOT NULL,
    kind TEXT NOT NULL,
    message TEXT NOT NULL,
    resolved_at TEXT
);

CREATE TABLE refusals (
    minute TEXT NOT NULL,
    shop TEXT NOT NULL,
    kind TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (minute, shop, kind)
);

-- Per connection and day: how many events, how many of them are settled, how long that took (milliseconds).
CREATE VIEW sync_health AS
WITH timed AS (
    SELECT connection, substr(received_at, 1, 10) AS day, outcome,
        CASE WHEN finished_at IS NOT NULL AND outcome IN ('posted', 'unchanged')
            THEN CAST(round((julianday(finished_at) - julianday(received_at)) * 86400000.0) AS INTEGER) END AS latency
    FROM events
),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY connection, day, latency IS NULL ORDER BY latency) AS place,
        count(latency) OVER (PARTITION BY connection, day) AS settled
    FROM timed
)
SELECT connection, day, count(*) AS events,
    sum(outcome IN ('posted', 'unchanged', 'ignored')) AS synced,
    round(100.0 * sum(outcome IN ('posted', 'unchanged', 'ignored')) / count(*), 2) AS success_rate,
    min(CASE WHEN latency IS NOT NULL AND place >= 0.50 * settled THEN latency END) AS latency_p50_ms,
    min(CASE WHEN latency IS NOT NULL AND place >= 0.95 * settled THEN latency END) AS latency_p95_ms,
    max(latency) AS latency_max_ms
FROM ranked GROUP BY connection, day;

-- Orders that wait for a person, or have been tried for more than an hour.
CREATE VIEW needs_attention AS
SELECT connection, order_id, name, state, reason, remedy, attempts, first_seen_at, updated_at, next_attempt_at
FROM orders
WHERE state = 'held'
    OR (state = 'retrying' AND julianday('now') - julianday(coalesce(retrying_since, first_seen_at)) > 1.0 / 24);

-- Per reconciliation: how many discrepancies.
CREATE VIEW drift AS
SELECT id, connection, from_at, to_at, finished_at, missing, wrong, stale, duplicate, repaired,
    missing + wrong + stale + duplicate AS drift
FROM reconciliations;

-- What capture or refund moved at another rate than the sale's.
CREATE VIEW fx_drift AS
SELECT connection, order_id, document_key, "before" AS booked, "after" AS moved, at
FROM adjustments WHERE rule = 'fx_drift';
