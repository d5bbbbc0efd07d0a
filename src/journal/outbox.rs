//! The outbox: records that wait in the object's database until D1 has them.

use std::collections::BTreeSet;

use crate::platform::{Row, Sql, SqlError};

use super::records::Record;

/// The outbox's tables in the object's database.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    target TEXT NOT NULL,
    record TEXT NOT NULL
);";

/// A stretch of the outbox.
pub struct Outbox {
    /// Sequence number, table and JSON of each record.
    pub records: Vec<(i64, String, String)>,
}

/// Puts a record into the outbox; call it inside the transaction that it tells about.
pub fn append(sql: &dyn Sql, record: &Record) -> Result<(), SqlError> {
    let json = serde_json::to_string(record).map_err(|error| SqlError(error.to_string()))?;
    sql.exec("INSERT INTO outbox (target, record) VALUES (?, ?)", &[record.table().into(), json.into()])?;
    Ok(())
}

/// How many records wait.
pub fn backlog(sql: &dyn Sql) -> Result<i64, SqlError> {
    sql.exec("SELECT COUNT(*) AS n FROM outbox", &[])?.first().map_or(Ok(0), |row| row.int("n"))
}

/// The number of the oldest record that waits: as long as it stays the same, nothing gets through.
pub fn head(sql: &dyn Sql) -> Result<Option<i64>, SqlError> {
    sql.exec("SELECT seq FROM outbox ORDER BY seq LIMIT 1", &[])?.first().map(|row| row.int("seq")).transpose()
}

impl Outbox {
    /// The oldest records, at most `count` and about `bytes` of them (always at least one), for at most so many tables.
    pub fn oldest(sql: &dyn Sql, count: i64, bytes: usize, most_tables: usize) -> Result<Self, SqlError> {
        let rows = sql.exec("SELECT seq, target, record FROM outbox ORDER BY seq LIMIT ?", &[count.into()])?;
        let read = |row: &Row| Ok::<_, SqlError>((row.int("seq")?, row.text("target")?, row.text("record")?));
        let mut records = Vec::new();
        let mut tables = BTreeSet::new();
        let mut size = 0;
        for row in &rows {
            let record = read(row)?;
            size += record.2.len();
            tables.insert(record.1.clone());
            if (size > bytes && !records.is_empty()) || tables.len() > most_tables {
                break;
            }
            records.push(record);
        }
        Ok(Self { records })
    }

    /// Takes these records out: D1 has them.
    pub fn delivered(&self, sql: &dyn Sql) -> Result<(), SqlError> {
        let Some((last, ..)) = self.records.last() else { return Ok(()) };
        sql.exec("DELETE FROM outbox WHERE seq <= ?", &[(*last).into()]).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::native::Sqlite;

    #[test]
    fn a_stretch_ends_before_it_needs_more_statements_than_a_turn_counts_on() {
        let sql = Sqlite::in_memory().unwrap();
        sql.exec(SCHEMA, &[]).unwrap();
        for target in ["a", "b", "a", "c", "b", "d", "a"] {
            sql.exec("INSERT INTO outbox (target, record) VALUES (?, '{}')", &[target.into()]).unwrap();
        }
        let targets = |most| -> Vec<String> {
            let stretch = Outbox::oldest(&sql, 100, 1_000, most).unwrap();
            stretch.records.into_iter().map(|(_, target, _)| target).collect()
        };
        assert_eq!(targets(2), ["a", "b", "a"]);
        assert_eq!(targets(3), ["a", "b", "a", "c", "b"]);
        assert_eq!(targets(4).len(), 7);
    }
}
