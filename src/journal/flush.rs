//! Moves the outbox to D1: one statement per table and batch, and the migrations before the first one.

use crate::platform::{Journal, JournalError, Platform, Sql, SqlError, Statement, Value};

use super::outbox::Outbox;
use super::tables::{TABLES, Table};

/// The migrations, in order: file name and SQL. Recorded in `d1_migrations` exactly as wrangler does, so that
/// `wrangler d1 migrations apply` and the Worker never do one twice.
pub const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_journal.sql", include_str!("../../migrations/0001_journal.sql")),
    ("0002_alerts.sql", include_str!("../../migrations/0002_alerts.sql")),
    ("0003_privacy.sql", include_str!("../../migrations/0003_privacy.sql")),
    ("0004_notices.sql", include_str!("../../migrations/0004_notices.sql")),
    ("0005_reconciliations.sql", include_str!("../../migrations/0005_reconciliations.sql")),
    ("0006_figures.sql", include_str!("../../migrations/0006_figures.sql")),
    ("0007_watch.sql", include_str!("../../migrations/0007_watch.sql")),
    ("0008_pages.sql", include_str!("../../migrations/0008_pages.sql")),
    ("0009_totals.sql", include_str!("../../migrations/0009_totals.sql")),
];

/// Records per flush.
const RECORDS: i64 = 500;
/// Tables per flush, each a statement: a turn counts on it.
const MOST_TABLES: usize = 7;
/// Bytes per flush: D1 takes parameters of up to 2 MB; half of it leaves room for JSON's escapes.
const BYTES: usize = 900_000;

/// What one flush did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flushed {
    /// Nothing waits any more.
    Empty,
    /// More is waiting.
    More,
}

/// Why a flush failed; the records stay in the outbox.
#[derive(Debug, thiserror::Error)]
pub enum FlushError {
    /// D1 is away or refuses.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The object's own database.
    #[error(transparent)]
    Sql(#[from] SqlError),
}

/// Sends the oldest records to D1 and takes them out of the outbox. `source` names this object's outbox, for ever.
pub async fn flush(platform: Platform<'_>, source: &str) -> Result<Flushed, FlushError> {
    let stretch = Outbox::oldest(platform.sql, RECORDS, BYTES, MOST_TABLES)?;
    if stretch.records.is_empty() {
        return Ok(Flushed::Empty);
    }
    let full = stretch.records.len();
    // What D1 is told must not be undone by a crash here: the same sequence number would come again for another record.
    platform.sql.sync().await?;
    let statements = TABLES.iter().filter_map(|table| statement(table, source, &stretch)).collect();
    if !is_migrated(platform.sql)? {
        migrate(platform.journal).await?;
        set_migrated(platform.sql, MIGRATIONS.len())?;
    }
    if let Err(error) = platform.journal.apply(statements).await {
        // It may be another database than the one that was migrated.
        set_migrated(platform.sql, 0)?;
        return Err(error.into());
    }
    stretch.delivered(platform.sql)?;
    let more = full as i64 == RECORDS || super::outbox::backlog(platform.sql)? > 0;
    Ok(if more { Flushed::More } else { Flushed::Empty })
}

/// True if this object saw D1 with all migrations: asking each time would be one more query with every flush.
fn is_migrated(sql: &dyn Sql) -> Result<bool, SqlError> {
    let rows = sql.exec("SELECT value FROM meta WHERE key = 'journal_migrations'", &[])?;
    let seen = rows.first().map(|row| row.text("value")).transpose()?;
    Ok(seen.is_some_and(|seen| seen == MIGRATIONS.len().to_string()))
}

fn set_migrated(sql: &dyn Sql, count: usize) -> Result<(), SqlError> {
    let statement = "INSERT OR REPLACE INTO meta (key, value) VALUES ('journal_migrations', ?)";
    sql.exec(statement, &[count.to_string().into()]).map(drop)
}

/// `INSERT … SELECT … FROM json_each(?)`: one statement however many rows. An older record never overwrites a newer one.
fn statement(table: &Table, source: &str, stretch: &Outbox) -> Option<Statement> {
    let rows: Vec<String> = stretch
        .records
        .iter()
        .filter(|(_, target, _)| target == table.name)
        .map(|(seq, _, json)| format!("{{\"seq\":{seq},\"r\":{json}}}"))
        .collect();
    if rows.is_empty() {
        return None;
    }
    let quoted: Vec<String> = table.columns.iter().map(|column| format!("\"{column}\"")).collect();
    let read: Vec<String> = table.columns.iter().map(|column| format!("json_extract(value, '$.r.{column}')")).collect();
    let conflict = if table.key.is_empty() {
        "ON CONFLICT (source, seq) DO NOTHING".to_owned()
    } else {
        let set: Vec<String> = quoted.iter().map(|column| format!("{column} = excluded.{column}")).collect();
        format!(
            "ON CONFLICT ({}) DO UPDATE SET source = excluded.source, seq = excluded.seq, {} \
             WHERE excluded.seq > {name}.seq OR excluded.source <> {name}.source",
            table.key.join(", "),
            set.join(", "),
            name = table.name
        )
    };
    let sql = format!(
        "INSERT INTO {} (source, seq, {}) SELECT ?1, json_extract(value, '$.seq'), {} FROM json_each(?2) WHERE true {conflict}",
        table.name,
        quoted.join(", "),
        read.join(", ")
    );
    Some(Statement { sql, params: vec![source.into(), format!("[{}]", rows.join(",")).into()] })
}

/// Applies the migrations that D1 does not have yet.
pub async fn migrate(journal: &dyn Journal) -> Result<(), JournalError> {
    let ask = |sql: &str| Statement { sql: sql.to_owned(), params: Vec::new() };
    let applied = journal.query(ask("SELECT name FROM d1_migrations")).await.unwrap_or_default();
    let applied: Vec<String> = applied.iter().filter_map(|row| row.text("name").ok()).collect();
    for (name, text) in MIGRATIONS.iter().filter(|(name, _)| !applied.iter().any(|one| one == name)) {
        let mut statements = vec![ask(
            "CREATE TABLE IF NOT EXISTS d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, \
             applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)",
        )];
        statements.extend(split(text).map(ask));
        statements.push(Statement {
            sql: "INSERT INTO d1_migrations (name) VALUES (?)".into(),
            params: vec![Value::from(*name)],
        });
        journal.apply(statements).await?;
    }
    Ok(())
}

/// The statements of a migration: each ends with `;` at the end of a line, comments start a line with `--`.
fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(";\n").map(str::trim).filter(|statement| {
        statement.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with("--"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::records::{AdjustmentRecord, AlertRecord, OrderRecord, Record};
    use super::*;
    use crate::platform::native::SqliteJournal;
    use futures_util::FutureExt;

    fn now<T>(future: impl Future<Output = T>) -> T {
        future.now_or_never().unwrap()
    }

    fn order(state: &str) -> Record {
        Record::Order(OrderRecord {
            connection: "main".into(),
            order_id: "1".into(),
            name: Some("it's #1 \"🚀\"".into()),
            state: state.into(),
            reason: None,
            remedy: None,
            currency: Some("USD".into()),
            total: Some("26.00".into()),
            total_currency: Some("USD".into()),
            updated_at: "2026-01-01T00:00:00.000Z".into(),
            first_seen_at: "2026-01-01T00:00:00.000Z".into(),
            synced_at: None,
            attempts: 0,
            retrying_since: None,
            next_attempt_at: None,
        })
    }

    fn adjustment() -> Record {
        let text = String::from;
        Record::Adjustment(AdjustmentRecord {
            connection: text("main"),
            order_id: text("1"),
            document_key: text("sale"),
            field: text("line_items[0].name"),
            rule: text("emoji_named"),
            before: text("🚀"),
            after: text("rocket"),
            at: text("2026-01-01T00:00:00.000Z"),
        })
    }

    fn stretch(records: &[(i64, Record)]) -> Outbox {
        let row =
            |(seq, record): &(i64, Record)| (*seq, record.table().to_owned(), serde_json::to_string(record).unwrap());
        Outbox { records: records.iter().map(row).collect() }
    }

    fn apply(journal: &SqliteJournal, records: &[(i64, Record)]) {
        let stretch = stretch(records);
        let statements = TABLES.iter().filter_map(|table| statement(table, "main:1", &stretch)).collect();
        now(journal.apply(statements)).unwrap();
    }

    fn one(journal: &SqliteJournal, sql: &str) -> String {
        match &journal.database.exec(sql, &[]).unwrap()[0].0[0].1 {
            Value::Int(number) => number.to_string(),
            Value::Text(text) => text.clone(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn migrations_apply_once_and_are_recorded_as_wrangler_does() {
        let journal = SqliteJournal::in_memory().unwrap();
        now(migrate(&journal)).unwrap();
        now(migrate(&journal)).unwrap();
        assert_eq!(one(&journal, "SELECT COUNT(*) FROM d1_migrations"), MIGRATIONS.len().to_string());
        for view in ["sync_health", "needs_attention", "drift", "fx_drift"] {
            journal.database.exec(&format!("SELECT * FROM {view}"), &[]).unwrap();
        }
    }

    #[test]
    fn every_table_here_has_its_columns_in_the_migration() {
        let journal = SqliteJournal::in_memory().unwrap();
        now(migrate(&journal)).unwrap();
        for table in TABLES {
            let columns: Vec<String> = table.columns.iter().map(|column| format!("\"{column}\"")).collect();
            journal.database.exec(&format!("SELECT {} FROM {}", columns.join(","), table.name), &[]).unwrap();
        }
    }

    #[test]
    fn a_repeated_flush_changes_nothing_and_an_older_record_never_wins() {
        let journal = SqliteJournal::in_memory().unwrap();
        now(migrate(&journal)).unwrap();
        let batch = [(1, order("pending")), (2, adjustment()), (3, order("synced"))];
        apply(&journal, &batch);
        apply(&journal, &batch);
        apply(&journal, &batch[..1]);
        assert_eq!(one(&journal, "SELECT state FROM orders"), "synced");
        assert_eq!(one(&journal, "SELECT COUNT(*) FROM adjustments"), "1");
        assert_eq!(one(&journal, "SELECT name FROM orders"), "it's #1 \"🚀\"");
    }

    #[test]
    fn an_alert_that_is_closed_later_is_the_same_row() {
        let journal = SqliteJournal::in_memory().unwrap();
        now(migrate(&journal)).unwrap();
        let alert = |resolved: Option<&str>| {
            Record::Alert(AlertRecord {
                at: "2026-01-01T00:00:00.000Z".into(),
                connection: "main".into(),
                kind: "reconnect".into(),
                message: "Connect the ledger again.".into(),
                resolved_at: resolved.map(str::to_owned),
            })
        };
        apply(&journal, &[(1, alert(None)), (2, alert(Some("2026-01-02T00:00:00.000Z")))]);
        assert_eq!(one(&journal, "SELECT COUNT(*) || resolved_at FROM alerts"), "12026-01-02T00:00:00.000Z");
    }

    #[test]
    fn while_the_journal_is_away_nothing_is_lost() {
        let journal = SqliteJournal::in_memory().unwrap();
        journal.away.set(true);
        assert!(now(migrate(&journal)).is_err());
        journal.away.set(false);
        now(migrate(&journal)).unwrap();
    }
}
