//! The tables of one set of books, in the object's own SQLite.

use crate::journal;
use crate::platform::{Sql, SqlError};

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);

-- Verified deliveries, once each; the body lies in chunks below SQLite's row limit.
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    connection TEXT NOT NULL, webhook_id TEXT NOT NULL, sha256 TEXT NOT NULL, event_id TEXT NOT NULL,
    shop TEXT NOT NULL, topic TEXT NOT NULL, api_version TEXT NOT NULL, triggered_at TEXT NOT NULL,
    order_id TEXT, received_at TEXT NOT NULL, finished_at TEXT, bytes INTEGER NOT NULL,
    deliveries INTEGER NOT NULL, outcome TEXT NOT NULL, reason TEXT,
    UNIQUE (connection, webhook_id, sha256)
);
CREATE INDEX IF NOT EXISTS events_by_order ON events (connection, order_id, outcome);
CREATE TABLE IF NOT EXISTS event_chunks (
    event_seq INTEGER NOT NULL, n INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (event_seq, n)
);

-- What is known of an order: for each part of its state the event that holds the newest word on it.
CREATE TABLE IF NOT EXISTS order_parts (
    connection TEXT NOT NULL, order_id TEXT NOT NULL, part TEXT NOT NULL,
    event_seq INTEGER NOT NULL, rank TEXT NOT NULL, PRIMARY KEY (connection, order_id, part)
);

-- Where each order stands. `due_at` is when it is looked at next; `marks` counts turns that began with it and did not
-- end; `priority` 0 goes before 1: live orders before backfill; `obstacle` is the fault of the settings that holds it.
-- `personal` says whether anything about a person is `kept`, `purged` by age, or `erased` for good. `wants_fetch` is 1
-- while the order is to be fetched whole from Shopify, `fetched_seq` is the newest event of it when it last was.
-- `waits_since` is since when it waits to be sent; `held_since` since when a person has been needed, through whatever was
-- tried meanwhile.
CREATE TABLE IF NOT EXISTS orders (
    connection TEXT NOT NULL, order_id TEXT NOT NULL, name TEXT, state TEXT NOT NULL,
    reason TEXT, detail TEXT, remedy TEXT, currency TEXT, stamp TEXT, total TEXT, total_currency TEXT,
    updated_at TEXT NOT NULL, first_seen_at TEXT NOT NULL, synced_at TEXT,
    attempts INTEGER NOT NULL DEFAULT 0, retrying_since TEXT, due_at TEXT, marks INTEGER NOT NULL DEFAULT 0,
    wrote INTEGER NOT NULL DEFAULT 0, priority INTEGER NOT NULL DEFAULT 0, obstacle TEXT,
    customer_id TEXT, personal TEXT NOT NULL DEFAULT 'kept',
    wants_fetch INTEGER NOT NULL DEFAULT 0, fetched_seq INTEGER NOT NULL DEFAULT 0,
    waits_since TEXT, held_since TEXT,
    PRIMARY KEY (connection, order_id)
);
CREATE INDEX IF NOT EXISTS orders_by_due ON orders (due_at);
CREATE INDEX IF NOT EXISTS orders_to_fetch ON orders (connection, due_at) WHERE wants_fetch = 1;
CREATE INDEX IF NOT EXISTS orders_by_obstacle ON orders (obstacle) WHERE obstacle IS NOT NULL;
CREATE INDEX IF NOT EXISTS orders_by_customer ON orders (connection, customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS orders_open ON orders (connection, state, reason, priority, waits_since, held_since)
    WHERE state IN ('pending', 'retrying', 'held');
CREATE INDEX IF NOT EXISTS orders_by_age ON orders (connection, updated_at) WHERE personal = 'kept';

-- What Shopify asked about personal data: the event that asked, and how far the answer is. `cursor` is the last body of no
-- order that was looked at.
CREATE TABLE IF NOT EXISTS privacy_requests (
    event_seq INTEGER PRIMARY KEY, state TEXT NOT NULL, finished_at TEXT, orders INTEGER NOT NULL DEFAULT 0,
    bodies INTEGER NOT NULL DEFAULT 0, documents INTEGER NOT NULL DEFAULT 0, cursor INTEGER NOT NULL DEFAULT 0
);

-- Faults of the settings that hold many orders under one reason; `probe_*` is the order that goes ahead.
CREATE TABLE IF NOT EXISTS obstacles (
    key TEXT PRIMARY KEY, reason TEXT NOT NULL, detail TEXT NOT NULL, concerns TEXT NOT NULL, subject TEXT NOT NULL,
    connection TEXT NOT NULL, since TEXT NOT NULL, probe_at TEXT NOT NULL, probes INTEGER NOT NULL,
    probe_connection TEXT, probe_order TEXT
);

-- The documents that stand in the ledger, with their proof.
CREATE TABLE IF NOT EXISTS documents (
    connection TEXT NOT NULL, order_id TEXT NOT NULL, document_key TEXT NOT NULL, kind TEXT NOT NULL,
    state TEXT NOT NULL, currency TEXT NOT NULL, expected_total TEXT NOT NULL, ledger_total TEXT NOT NULL, proof TEXT NOT NULL,
    posted TEXT NOT NULL, document TEXT NOT NULL, posted_at TEXT NOT NULL,
    generation INTEGER NOT NULL DEFAULT 1, updates INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (connection, order_id, document_key)
);
CREATE INDEX IF NOT EXISTS documents_by_ledger_id ON documents (json_extract(posted, '$.ledger_id'), kind);

-- The write log: every change as it goes over the wire, recorded before it is sent.
CREATE TABLE IF NOT EXISTS writes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    connection TEXT NOT NULL, order_id TEXT NOT NULL, document_key TEXT NOT NULL, operation TEXT NOT NULL,
    epoch INTEGER NOT NULL, request TEXT NOT NULL, idempotency_key TEXT NOT NULL, document TEXT NOT NULL,
    party_id TEXT NOT NULL, state TEXT NOT NULL, recorded_at TEXT NOT NULL, first_sent_at TEXT, closed_at TEXT
);
CREATE INDEX IF NOT EXISTS writes_by_document ON writes (connection, order_id, document_key, id);

-- What is under way: a request as it went over the wire, byte for byte, until its answer has been taken in, and the
-- writes (or the party) that it carries. What stands here after a crash may or may not have been done; `in_vain` is 1
-- if sending it again as it was would only bring the same answer.
CREATE TABLE IF NOT EXISTS sendings (
    id INTEGER PRIMARY KEY AUTOINCREMENT, request TEXT NOT NULL, first_sent_at TEXT NOT NULL, last_sent_at TEXT NOT NULL,
    in_vain INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS carried (
    sending INTEGER NOT NULL, place INTEGER NOT NULL, connection TEXT NOT NULL, order_id TEXT NOT NULL,
    write_id INTEGER UNIQUE, identity TEXT UNIQUE, party TEXT, PRIMARY KEY (sending, place)
);

-- The ledger's ids of customers, items and accounts.
CREATE TABLE IF NOT EXISTS parties (
    identity TEXT PRIMARY KEY, ledger_id TEXT, variant INTEGER NOT NULL DEFAULT 0, taken INTEGER NOT NULL DEFAULT 0,
    epoch INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS ledger_references (
    kind TEXT NOT NULL, label TEXT NOT NULL, ledger_id TEXT NOT NULL, PRIMARY KEY (kind, label)
);

-- Consents that are under way: the hash of the state that the browser carries, and where it is to come back to.
CREATE TABLE IF NOT EXISTS oauth_states (hash TEXT PRIMARY KEY, redirect_uri TEXT NOT NULL, expires_at TEXT NOT NULL);

-- Cutover: for an order that is older than the start date, how far the ledger was asked for another integration's invoice:
-- the newest event of the order then, how many questions were answered, what they found, and 1 if it was taken.
CREATE TABLE IF NOT EXISTS cutover_looks (
    connection TEXT NOT NULL, order_id TEXT NOT NULL, seen INTEGER NOT NULL, asked INTEGER NOT NULL, found TEXT NOT NULL,
    taken INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (connection, order_id)
);
-- Money that moved for such an order and that a person was asked about: the document that it would become, how much it is
-- in the buyer's currency, and the answer, `stand_alone` or `ignore`, once there is one.
CREATE TABLE IF NOT EXISTS cutover_questions (
    connection TEXT NOT NULL, order_id TEXT NOT NULL, document_key TEXT NOT NULL, amount TEXT NOT NULL,
    decision TEXT, why TEXT, answered_at TEXT, PRIMARY KEY (connection, order_id, document_key)
);

-- Orders that are older than the start date and are posted all the same: a person approved it, for no other integration did.
CREATE TABLE IF NOT EXISTS taken_over (
    connection TEXT NOT NULL, order_id TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (connection, order_id)
);

-- Orders that a person keeps out of the books, and why.
CREATE TABLE IF NOT EXISTS set_aside (
    connection TEXT NOT NULL, order_id TEXT NOT NULL, why TEXT, at TEXT NOT NULL, PRIMARY KEY (connection, order_id)
);

-- What somebody did in the ledger to a document that was posted, until a person releases the order.
CREATE TABLE IF NOT EXISTS by_hand (
    connection TEXT NOT NULL, order_id TEXT NOT NULL, document_key TEXT NOT NULL, how TEXT NOT NULL, detail TEXT NOT NULL,
    accepted_at TEXT, PRIMARY KEY (connection, order_id, document_key, detail)
);

-- Backfills: orders made in a stretch of time, listed slice by slice (`slice_from`, `cursor`, and how many pages and orders
-- new to it the slice had), and those that were listed; `woken` is 1 where one was not known in that state, and 2 once it is
-- counted in `posted` or `ignored`.
CREATE TABLE IF NOT EXISTS backfills (
    id INTEGER PRIMARY KEY AUTOINCREMENT, connection TEXT NOT NULL, from_at TEXT NOT NULL, to_at TEXT NOT NULL,
    state TEXT NOT NULL, asked_at TEXT NOT NULL, resumed_at TEXT NOT NULL, worked_seconds INTEGER NOT NULL DEFAULT 0,
    finished_at TEXT, slice_from TEXT NOT NULL, cursor TEXT, slice_pages INTEGER NOT NULL DEFAULT 0,
    slice_new INTEGER NOT NULL DEFAULT 0, listed_all INTEGER NOT NULL DEFAULT 0, total INTEGER,
    exact INTEGER NOT NULL DEFAULT 0, listed INTEGER NOT NULL DEFAULT 0, skipped INTEGER NOT NULL DEFAULT 0,
    posted INTEGER NOT NULL DEFAULT 0, ignored INTEGER NOT NULL DEFAULT 0, problem TEXT
);
CREATE TABLE IF NOT EXISTS backfill_orders (
    backfill INTEGER NOT NULL, order_id TEXT NOT NULL, woken INTEGER NOT NULL, PRIMARY KEY (backfill, order_id)
);
CREATE INDEX IF NOT EXISTS backfill_orders_open ON backfill_orders (backfill, order_id) WHERE woken = 1;

-- What a person was told of an order that waits for nothing, and has seen.
CREATE TABLE IF NOT EXISTS seen_notices (
    connection TEXT NOT NULL, order_id TEXT NOT NULL, notice TEXT NOT NULL, PRIMARY KEY (connection, order_id, notice)
);

-- What normalisation changed, with the original text: it never leaves the object where it is personal.
CREATE TABLE IF NOT EXISTS adjustments (
    connection TEXT NOT NULL, order_id TEXT NOT NULL, document_key TEXT NOT NULL, field TEXT NOT NULL,
    rule TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL, personal INTEGER NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (connection, order_id, document_key, field, rule)
);
";

/// Creates what is missing.
pub fn create(sql: &dyn Sql) -> Result<(), SqlError> {
    // Without the table there is no note either.
    if meta(sql, CREATED).ok().flatten().is_some_and(|created| created == FINGERPRINT.to_string()) {
        return Ok(());
    }
    for statement in
        TABLES.split(";\n").chain(journal::SCHEMA.split(";\n")).map(str::trim).filter(|text| !text.is_empty())
    {
        sql.exec(statement, &[])?;
    }
    set_meta(sql, CREATED, &FINGERPRINT.to_string())
}

/// The note that the tables were created, and as which schema.
const CREATED: &str = "schema";
const FINGERPRINT: u64 = fingerprint(fingerprint(0xcbf2_9ce4_8422_2325, TABLES), journal::SCHEMA);

/// FNV-1a.
const fn fingerprint(mut hash: u64, text: &str) -> u64 {
    let mut index = 0;
    while index < text.len() {
        hash = (hash ^ text.as_bytes()[index] as u64).wrapping_mul(0x0100_0000_01b3);
        index += 1;
    }
    hash
}

/// A value of the object's own notebook.
pub fn meta(sql: &dyn Sql, key: &str) -> Result<Option<String>, SqlError> {
    sql.exec("SELECT value FROM meta WHERE key = ?", &[key.into()])?.first().map(|row| row.text("value")).transpose()
}

/// Writes into the notebook.
pub fn set_meta(sql: &dyn Sql, key: &str, value: &str) -> Result<(), SqlError> {
    let statement =
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    sql.exec(statement, &[key.into(), value.into()]).map(drop)
}

/// Strikes something from the notebook.
pub fn clear_meta(sql: &dyn Sql, key: &str) -> Result<(), SqlError> {
    sql.exec("DELETE FROM meta WHERE key = ?", &[key.into()]).map(drop)
}
