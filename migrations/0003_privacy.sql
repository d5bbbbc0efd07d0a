-- What Shopify asked about personal data, and what was done: for whoever has to show it. Names nobody.

CREATE TABLE privacy_requests (
    connection TEXT NOT NULL,
    request_id TEXT NOT NULL,
    webhook_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    received_at TEXT NOT NULL,
    state TEXT NOT NULL,
    orders INTEGER NOT NULL,
    bodies INTEGER NOT NULL,
    documents INTEGER NOT NULL,
    finished_at TEXT,
    source TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (connection, request_id),
    UNIQUE (source, seq)
);
