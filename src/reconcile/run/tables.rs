//! What a reconciliation under way has found so far, in the object's own database: a run goes on after a restart where it
//! was, and its memory does not grow with its window. When it has ended only the findings and the figures stay.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::phases::{Kind, Phase};
use crate::platform::time::{iso, parse_iso};
use crate::platform::{Row, Sql, SqlError, Value};

/// Rows that are changed at once where a statement is about all of a run.
pub const ROWS: i64 = 2_000;

const TABLES: &[&str] = &[
    // `phase` says what is done next, `cursor` how far that is; `due_at` when it goes on, empty once the run has ended and
    // its lists are forgotten;
    // `marks` counts pieces of work that began and did not end; `plan` names the audit whose plan was approved;
    // `note` says what is missing among the patterns.
    "CREATE TABLE IF NOT EXISTS runs (
        id TEXT PRIMARY KEY, connection TEXT NOT NULL, kind TEXT NOT NULL, from_at TEXT NOT NULL, to_at TEXT NOT NULL,
        repair INTEGER NOT NULL, sample INTEGER, phase TEXT NOT NULL, cursor TEXT NOT NULL DEFAULT '', due_at TEXT,
        marks INTEGER NOT NULL DEFAULT 0,
        waits_for TEXT, patience_until TEXT, started_at TEXT NOT NULL, finished_at TEXT, shopify_count INTEGER NOT NULL DEFAULT 0,
        ledger_count INTEGER NOT NULL DEFAULT 0, before TEXT, after TEXT, patterns TEXT NOT NULL DEFAULT '[]', note TEXT, plan TEXT)",
    "CREATE INDEX IF NOT EXISTS runs_by_due ON runs (due_at) WHERE due_at IS NOT NULL",
    // The orders of a run. `stage`: see [`Stage`]. `source`: `known` if the engine's own state says what it calls for,
    // `fetched` if Shopify was asked.
    "CREATE TABLE IF NOT EXISTS run_orders (
        run TEXT NOT NULL, order_id TEXT NOT NULL, name TEXT NOT NULL, made_at TEXT NOT NULL, source TEXT NOT NULL,
        stage INTEGER NOT NULL, expectation TEXT, features TEXT, PRIMARY KEY (run, order_id))",
    "CREATE INDEX IF NOT EXISTS run_orders_by_stage ON run_orders (run, stage, order_id)",
    // What the ledger listed; `order_id` is the order that it was found to belong to, empty if it belongs to none; `shape`
    // is what its number and note look like; of somebody else's, `document_key` says which one of the order, and
    // `recognised` how that is known.
    "CREATE TABLE IF NOT EXISTS run_documents (
        run TEXT NOT NULL, kind TEXT NOT NULL, ledger_id TEXT NOT NULL, number TEXT NOT NULL, date TEXT NOT NULL,
        total TEXT NOT NULL, shape TEXT NOT NULL, listed TEXT NOT NULL, order_id TEXT, document_key TEXT, recognised TEXT,
        PRIMARY KEY (run, kind, ledger_id))",
    "CREATE INDEX IF NOT EXISTS run_documents_by_number ON run_documents (run, number)",
    "CREATE INDEX IF NOT EXISTS run_documents_by_id ON run_documents (run, ledger_id)",
    "CREATE INDEX IF NOT EXISTS run_documents_by_order ON run_documents (run, order_id)",
    "CREATE INDEX IF NOT EXISTS run_documents_by_total ON run_documents (run, total, date)",
    "CREATE INDEX IF NOT EXISTS run_documents_by_date ON run_documents (run, date)",
    "CREATE INDEX IF NOT EXISTS run_documents_by_shape ON run_documents (run, shape, order_id)",
    // Of an audit: what nobody has, and what was taken by its amount or is one too many. What a few of many documents are
    // is never looked for among all of them.
    "CREATE INDEX IF NOT EXISTS run_documents_free ON run_documents (run, kind, date) WHERE order_id IS NULL",
    "CREATE INDEX IF NOT EXISTS run_documents_free_by_total ON run_documents (run, kind, total, date) WHERE order_id IS NULL",
    "CREATE INDEX IF NOT EXISTS run_documents_unsure ON run_documents (run, total, date)
         WHERE recognised IN ('amount', 'nearest', 'other_currency', 'extra')",
    "CREATE INDEX IF NOT EXISTS run_documents_taken_by_shape ON run_documents (run, shape)
         WHERE recognised IN ('amount', 'nearest', 'other_currency')",
    // The numbers in the text of a document: one of them may be an order's id, or its name.
    "CREATE TABLE IF NOT EXISTS run_words (
        run TEXT NOT NULL, word TEXT NOT NULL, kind TEXT NOT NULL, ledger_id TEXT NOT NULL,
        PRIMARY KEY (run, word, kind, ledger_id)) WITHOUT ROWID",
    // What is looked up before it is called missing or wrong.
    "CREATE TABLE IF NOT EXISTS run_lookups (
        run TEXT NOT NULL, kind TEXT NOT NULL, by_id INTEGER NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (run, kind, by_id, value)) WITHOUT ROWID",
    // In an audit, what has no document.
    "CREATE TABLE IF NOT EXISTS run_lost (
        run TEXT NOT NULL, total TEXT NOT NULL, date TEXT NOT NULL, order_id TEXT NOT NULL, document_key TEXT NOT NULL,
        PRIMARY KEY (run, total, date, order_id, document_key)) WITHOUT ROWID",
    // How many documents were recognised in which way.
    "CREATE TABLE IF NOT EXISTS run_matches (
        run TEXT NOT NULL, recognised TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (run, recognised)) WITHOUT ROWID",
    // How many orders have a mark, or exactly which of the telling ones, by sort of difference: all, and those that have it.
    "CREATE TABLE IF NOT EXISTS run_counts (
        run TEXT NOT NULL, class TEXT NOT NULL, what TEXT NOT NULL, pass TEXT NOT NULL, key TEXT NOT NULL,
        bad INTEGER NOT NULL, total INTEGER NOT NULL, PRIMARY KEY (run, class, what, pass, key)) WITHOUT ROWID",
    // `round` 1 is before the repair, 2 after it; `source` is the order's, as in `run_orders`.
    "CREATE TABLE IF NOT EXISTS run_findings (
        run TEXT NOT NULL, round INTEGER NOT NULL, order_id TEXT NOT NULL, n INTEGER NOT NULL, name TEXT, class TEXT NOT NULL,
        finding TEXT NOT NULL, repair TEXT, source TEXT, PRIMARY KEY (run, round, order_id, n))",
];

/// Makes the tables that are missing.
pub fn create(sql: &dyn Sql) -> Result<(), SqlError> {
    TABLES.iter().try_for_each(|statement| sql.exec(statement, &[]).map(drop))
}

/// True once the tables are there: nothing was ever reconciled before.
pub fn exist(sql: &dyn Sql) -> Result<bool, SqlError> {
    let rows = sql.exec("SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = 'runs'", &[])?;
    Ok(!rows.is_empty())
}

/// A reconciliation.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its id: the connection's, a dot, and the moment when it began.
    pub id: String,
    /// The connection.
    pub connection: String,
    /// What made it begin.
    pub kind: Kind,
    /// The window.
    pub from: DateTime<Utc>,
    /// Its end.
    pub to: DateTime<Utc>,
    /// True if what can be repaired is to be repaired.
    pub repair: bool,
    /// Only the newest so many orders.
    pub sample: Option<i64>,
    /// What is done next.
    pub phase: Phase,
    /// How far that is.
    pub cursor: String,
    /// When it goes on.
    pub due_at: Option<DateTime<Utc>>,
    /// Pieces of work that began and did not end.
    pub marks: i64,
    /// What it waits for, if it waits.
    pub waits_for: Option<String>,
    /// Until when orders that are still being posted are waited for.
    pub patience_until: Option<DateTime<Utc>>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Orders.
    pub shopify_count: i64,
    /// Documents.
    pub ledger_count: i64,
    /// The counts of findings before the repair, and after it.
    pub before: Option<Counts>,
    /// After it.
    pub after: Option<Counts>,
    /// The audit whose plan was approved: only what it found missing is posted.
    pub plan: Option<String>,
}

/// Findings by class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Documents that ought to stand and do not.
    pub missing: i64,
    /// Documents with another value.
    pub wrong: i64,
    /// Documents of an earlier state of their order.
    pub stale: i64,
    /// Documents that are there twice.
    pub duplicate: i64,
    /// Documents that nothing calls for.
    pub unexpected: i64,
}

impl Counts {
    /// All of them: the drift.
    pub fn drift(&self) -> i64 {
        self.missing + self.wrong + self.stale + self.duplicate + self.unexpected
    }
}

fn json<T: for<'a> Deserialize<'a>>(text: Option<String>) -> Option<T> {
    text.and_then(|text| serde_json::from_str(&text).ok())
}

fn read(row: &Row) -> Result<Run, SqlError> {
    let at = |column: &str| -> Result<DateTime<Utc>, SqlError> {
        parse_iso(&row.text(column)?).ok_or_else(|| SqlError(format!("runs.{column} holds no instant")))
    };
    let maybe = |column: &str| Ok::<_, SqlError>(row.text_or_null(column)?.as_deref().and_then(parse_iso));
    let phase = row.text("phase")?;
    Ok(Run {
        id: row.text("id")?,
        connection: row.text("connection")?,
        kind: Kind::parse(&row.text("kind")?),
        from: at("from_at")?,
        to: at("to_at")?,
        repair: row.int("repair")? != 0,
        sample: row.text_or_null("sample").ok().flatten().and_then(|text| text.parse().ok()),
        phase: Phase::ALL.into_iter().find(|one| one.as_str() == phase).unwrap_or(Phase::Done),
        cursor: row.text("cursor")?,
        due_at: maybe("due_at")?,
        marks: row.int("marks")?,
        waits_for: row.text_or_null("waits_for")?,
        patience_until: maybe("patience_until")?,
        started_at: at("started_at")?,
        finished_at: maybe("finished_at")?,
        shopify_count: row.int("shopify_count")?,
        ledger_count: row.int("ledger_count")?,
        before: json(row.text_or_null("before")?),
        after: json(row.text_or_null("after")?),
        plan: row.text_or_null("plan")?,
    })
}

const COLUMNS: &str =
    "id, connection, kind, from_at, to_at, repair, CAST(sample AS TEXT) AS sample, phase, cursor, due_at, marks,
    waits_for, patience_until, started_at, finished_at, shopify_count, ledger_count, before, after, plan";

impl Run {
    /// The run of that id.
    pub fn load(sql: &dyn Sql, id: &str) -> Result<Option<Self>, SqlError> {
        if !exist(sql)? {
            return Ok(None);
        }
        sql.exec(&format!("SELECT {COLUMNS} FROM runs WHERE id = ?"), &[id.into()])?.first().map(read).transpose()
    }

    /// The connection's runs, the newest first.
    pub fn all(sql: &dyn Sql, connection: &str, most: i64) -> Result<Vec<Self>, SqlError> {
        if !exist(sql)? {
            return Ok(Vec::new());
        }
        let statement =
            format!("SELECT {COLUMNS} FROM runs WHERE connection = ? ORDER BY started_at DESC, id DESC LIMIT ?");
        sql.exec(&statement, &[connection.into(), most.into()])?.iter().map(read).collect()
    }

    /// The run that goes on first, if any is under way.
    pub fn next(sql: &dyn Sql) -> Result<Option<Self>, SqlError> {
        if !exist(sql)? {
            return Ok(None);
        }
        let statement = format!("SELECT {COLUMNS} FROM runs WHERE due_at IS NOT NULL ORDER BY due_at, id LIMIT 1");
        sql.exec(&statement, &[])?.first().map(read).transpose()
    }

    /// Writes down a new one.
    pub fn insert(&self, sql: &dyn Sql) -> Result<(), SqlError> {
        sql.exec(
            "INSERT INTO runs (id, connection, kind, from_at, to_at, repair, sample, phase, due_at, started_at, plan)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            &[
                self.id.as_str().into(),
                self.connection.as_str().into(),
                self.kind.as_str().into(),
                iso(self.from).into(),
                iso(self.to).into(),
                Value::Int(self.repair.into()),
                self.sample.into(),
                self.phase.as_str().into(),
                self.due_at.map(iso).into(),
                iso(self.started_at).into(),
                self.plan.as_deref().into(),
            ],
        )
        .map(drop)
    }

    /// Writes down how far it is. What was stopped meanwhile stays so.
    pub fn store(&self, sql: &dyn Sql) -> Result<(), SqlError> {
        let counts = |counts: &Option<Counts>| counts.as_ref().and_then(|counts| serde_json::to_string(counts).ok());
        sql.exec(
            "UPDATE runs SET marks = ?13, repair = ?2, phase = ?3, cursor = ?4, due_at = ?5, waits_for = ?6, patience_until = ?7,
                 finished_at = ?8, shopify_count = ?9, ledger_count = ?10, before = ?11, after = ?12
             WHERE id = ?1 AND (phase <> 'stopped' OR ?3 = 'stopped')",
            &[
                self.id.as_str().into(),
                Value::Int(self.repair.into()),
                self.phase.as_str().into(),
                self.cursor.as_str().into(),
                self.due_at.map(iso).into(),
                self.waits_for.as_deref().into(),
                self.patience_until.map(iso).into(),
                self.finished_at.map(iso).into(),
                self.shopify_count.into(),
                self.ledger_count.into(),
                counts(&self.before).into(),
                counts(&self.after).into(),
                self.marks.into(),
            ],
        )
        .map(drop)
    }

    /// A piece of work begins with it, durably.
    pub async fn mark(&mut self, sql: &dyn Sql) -> Result<(), SqlError> {
        self.marks += 1;
        let statement = "UPDATE runs SET marks = ? WHERE id = ?";
        sql.exec(statement, &[self.marks.into(), self.id.as_str().into()])?;
        sql.sync().await
    }

    /// True while it has not come to an end.
    pub fn is_under_way(&self) -> bool {
        self.finished_at.is_none()
    }

    /// True if somebody stopped it since it was read: nothing more is asked for it.
    pub fn was_stopped(&self, sql: &dyn Sql) -> Result<bool, SqlError> {
        Ok(Self::load(sql, &self.id)?.is_none_or(|stored| !stored.is_under_way()))
    }

    /// Which look this is: 1 before the repair, 2 after it.
    pub fn round(&self) -> i64 {
        if self.before.is_some() { 2 } else { 1 }
    }

    /// What is different: after the repair, or as it was found.
    pub fn left(&self) -> Counts {
        self.after.or(self.before).unwrap_or_default()
    }

    /// True if none of its kind began after it: the plan of an older one may be approved later.
    pub fn is_newest(&self, sql: &dyn Sql) -> Result<bool, SqlError> {
        let statement = "SELECT 1 AS found FROM runs WHERE connection = ? AND kind = ? AND started_at > ? LIMIT 1";
        let params = [self.connection.as_str().into(), self.kind.as_str().into(), iso(self.started_at).into()];
        Ok(sql.exec(statement, &params)?.is_empty())
    }

    /// Forgets some of what was listed; the findings stay. True once nothing of it is left.
    pub fn forget_lists(&self, sql: &dyn Sql) -> Result<bool, SqlError> {
        Ok(self.forget_documents(sql)?
            && self.forget_some(sql, "run_counts", "class, what, pass, key")?
            && self.forget_some(sql, "run_orders", "order_id")?)
    }

    /// Forgets some of what the ledger listed. True once nothing of it is left.
    pub fn forget_documents(&self, sql: &dyn Sql) -> Result<bool, SqlError> {
        Ok(self.forget_some(sql, "run_lookups", "kind, by_id, value")?
            && self.forget_some(sql, "run_lost", "total, date, order_id, document_key")?
            && self.forget_some(sql, "run_words", "word, kind, ledger_id")?
            && self.forget_some(sql, "run_documents", "kind, ledger_id")?)
    }

    /// Forgets rows of a table, `key` by `key`. True if there was none.
    fn forget_some(&self, sql: &dyn Sql, table: &str, key: &str) -> Result<bool, SqlError> {
        let statement = format!(
            "DELETE FROM {table} WHERE run = ?1 AND ({key}) IN (SELECT {key} FROM {table} WHERE run = ?1 LIMIT ?2)
             RETURNING 1 AS gone"
        );
        Ok(sql.exec(&statement, &[self.id.as_str().into(), ROWS.into()])?.is_empty())
    }

    /// True if this is of books that somebody else filled.
    pub fn is_audit(&self) -> bool {
        self.kind == Kind::Audit
    }

    /// True if what this audit found missing can be posted: nobody approved it yet, or who did stopped it.
    pub fn may_be_taken_over(&self, sql: &dyn Sql) -> Result<bool, SqlError> {
        let rows = sql.exec(
            "SELECT 1 AS found FROM run_findings WHERE run = ?1 AND round = 1 AND json_extract(finding, '$.repair') = 'post'
             AND NOT EXISTS (SELECT 1 FROM runs WHERE plan = ?1 AND phase <> 'stopped') LIMIT 1",
            &[self.id.as_str().into()],
        )?;
        Ok(self.is_audit() && self.phase == Phase::Done && self.plan.is_none() && !rows.is_empty())
    }
}
