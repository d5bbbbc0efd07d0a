-- Alerts come through the outbox like everything else: `source` and `seq` make a repeated flush harmless, and an alert
-- that is closed later is the same row with `resolved_at`.

DROP TABLE alerts;
CREATE TABLE alerts (
    at TEXT NOT NULL,
    connection TEXT NOT NULL,
    kind TEXT NOT NULL,
    message TEXT NOT NULL,
    resolved_at TEXT,
    source TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (connection, kind, at, message),
    UNIQUE (source, seq)
);
CREATE INDEX alerts_open ON alerts (resolved_at, at);
