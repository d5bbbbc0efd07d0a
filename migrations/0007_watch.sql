-- What was told of alerts, and how it went; and an index of the adjustments that go with their age: rates that moved stay.

CREATE TABLE alert_deliveries (
    at TEXT NOT NULL,
    connection TEXT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    outcome TEXT NOT NULL,
    http_status INTEGER,
    duration_ms INTEGER NOT NULL,
    source TEXT NOT NULL,
    seq INTEGER NOT NULL,
    UNIQUE (source, seq)
);
CREATE INDEX alert_deliveries_by_time ON alert_deliveries (at);

DROP INDEX adjustments_by_time;
CREATE INDEX adjustments_by_time ON adjustments (at) WHERE rule <> 'fx_drift';
