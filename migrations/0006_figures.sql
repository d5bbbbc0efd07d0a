-- What the pages ask for: figures and lists, none of which may read a whole table.

DROP INDEX events_by_time;
-- Everything that a rate is made of, so that only the index is read.
CREATE INDEX events_by_time ON events (received_at, connection, outcome, finished_at);
CREATE INDEX orders_by_change ON orders (updated_at, order_id);
CREATE INDEX orders_by_name ON orders (name);
CREATE INDEX orders_by_id ON orders (order_id);
CREATE INDEX orders_by_reason ON orders (state, connection, reason);
CREATE INDEX documents_by_total ON documents (expected_total);
CREATE INDEX attempts_by_time ON attempts (at);
CREATE INDEX adjustments_by_time ON adjustments (at);

-- The events of a day, once it is over: what stays when they themselves are pruned. `latency_classes` counts how many took
-- how long; its classes are the program's.
CREATE TABLE days (
    connection TEXT NOT NULL,
    day TEXT NOT NULL,
    events INTEGER NOT NULL,
    synced INTEGER NOT NULL,
    latency_p50_ms INTEGER,
    latency_p95_ms INTEGER,
    latency_max_ms INTEGER,
    latency_classes TEXT NOT NULL,
    PRIMARY KEY (day, connection)
);

-- As before, and the days whose events were pruned: held ones stay, and say nothing of their day any more.
DROP VIEW sync_health;
CREATE VIEW sync_health AS
WITH whole AS (
    SELECT coalesce((SELECT substr(received_at, 1, 10) FROM events WHERE outcome NOT IN ('held', 'pending')
        ORDER BY received_at LIMIT 1), '9999') AS since
),
timed AS (
    SELECT connection, substr(received_at, 1, 10) AS day, outcome,
        CASE WHEN finished_at IS NOT NULL AND outcome IN ('posted', 'unchanged')
            THEN CAST(round((julianday(finished_at) - julianday(received_at)) * 86400000.0) AS INTEGER) END AS latency
    FROM events WHERE NOT EXISTS (SELECT 1 FROM days) OR received_at >= (SELECT since FROM whole)
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
FROM ranked GROUP BY connection, day
UNION ALL
SELECT connection, day, events, synced, round(100.0 * synced / events, 2), latency_p50_ms, latency_p95_ms, latency_max_ms
FROM days WHERE day < (SELECT since FROM whole);
