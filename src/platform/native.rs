//! The platform on an ordinary machine: SQLite through rusqlite for both databases, a clock that is set by hand.
//! Tests, simulations and command-line tools stand on it.

use std::cell::{Cell, RefCell};

use chrono::{DateTime, Duration, Utc};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params_from_iter};

use super::{
    Alarm, Clock, Journal, JournalError, Log, LogLine, Random, Row, Sql, SqlError, Statement, Value, Verdict, exact,
};

/// The most that a row holds on the runtime.
const LARGEST_ROW: usize = 2_000_000;

/// SQLite in a file or in memory.
pub struct Sqlite(Connection);

impl Sqlite {
    /// A database that vanishes with the value.
    pub fn in_memory() -> Result<Self, SqlError> {
        Connection::open_in_memory().map(Self::of).map_err(failed)
    }

    /// A database in a file.
    pub fn open(path: &std::path::Path) -> Result<Self, SqlError> {
        Connection::open(path).map(Self::of).map_err(failed)
    }

    fn of(connection: Connection) -> Self {
        // As many as the house has statements: each is compiled once.
        connection.set_prepared_statement_cache_capacity(512);
        Self(connection)
    }
}

fn failed(error: rusqlite::Error) -> SqlError {
    SqlError(error.to_string())
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(match self {
            Value::Null => rusqlite::types::Null.into(),
            Value::Int(number) => (*number).into(),
            Value::Text(text) => text.as_str().into(),
            Value::Blob(bytes) => bytes.as_slice().into(),
        })
    }
}

impl Sql for Sqlite {
    fn exec(&self, statement: &str, params: &[Value]) -> Result<Vec<Row>, SqlError> {
        for one in params {
            if let Value::Int(number) = one {
                exact(*number)?;
            }
        }
        let bytes = |one: &Value| match one {
            Value::Text(text) => text.len(),
            Value::Blob(bytes) => bytes.len(),
            Value::Null | Value::Int(_) => 0,
        };
        if params.iter().map(bytes).sum::<usize>() > LARGEST_ROW {
            return Err(SqlError("a row beyond 2 MB".into()));
        }
        let mut prepared = self.0.prepare_cached(statement).map_err(failed)?;
        let names: Vec<String> = prepared.column_names().into_iter().map(str::to_owned).collect();
        let mut rows = prepared.query(params_from_iter(params)).map_err(failed)?;
        let mut out = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let mut cells = Vec::with_capacity(names.len());
            for (index, name) in names.iter().enumerate() {
                let value = match row.get_ref(index).map_err(failed)? {
                    ValueRef::Null => Value::Null,
                    ValueRef::Integer(number) => Value::Int(number),
                    ValueRef::Real(number) => Value::Text(number.to_string()),
                    ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                    ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
                };
                cells.push((name.clone(), value));
            }
            out.push(Row(cells));
        }
        Ok(out)
    }

    fn run_transaction(&self, body: &mut dyn FnMut() -> Verdict) -> Result<(), SqlError> {
        let guard = self.0.unchecked_transaction().map_err(failed)?;
        match body() {
            Verdict::Commit => guard.commit(),
            Verdict::Rollback => guard.rollback(),
        }
        .map_err(failed)
    }

    fn sync(&self) -> LocalBoxFuture<'_, Result<(), SqlError>> {
        async { Ok(()) }.boxed_local()
    }
}

/// A journal in SQLite that can be switched off, as D1 can be away.
pub struct SqliteJournal {
    /// The database behind it.
    pub database: Sqlite,
    /// While true, every call fails.
    pub away: Cell<bool>,
}

impl SqliteJournal {
    /// An empty journal in memory.
    pub fn in_memory() -> Result<Self, SqlError> {
        Ok(Self { database: Sqlite::in_memory()?, away: Cell::new(false) })
    }

    fn reachable(&self) -> Result<(), JournalError> {
        if self.away.get() { Err(JournalError("switched off".into())) } else { Ok(()) }
    }
}

impl Journal for SqliteJournal {
    fn apply(&self, statements: Vec<Statement>) -> LocalBoxFuture<'_, Result<(), JournalError>> {
        async move {
            self.reachable()?;
            super::transaction(&self.database, |sql| {
                statements.iter().try_for_each(|one| sql.exec(&one.sql, &one.params).map(drop))
            })
            .map_err(|SqlError(text)| JournalError(text))
        }
        .boxed_local()
    }

    fn query(&self, statement: Statement) -> LocalBoxFuture<'_, Result<Vec<Row>, JournalError>> {
        async move {
            self.reachable()?;
            self.database.exec(&statement.sql, &statement.params).map_err(|SqlError(text)| JournalError(text))
        }
        .boxed_local()
    }
}

/// A clock that only moves when told to, and never backwards.
pub struct ManualClock(Cell<DateTime<Utc>>);

impl ManualClock {
    /// A clock that shows `start`.
    pub fn at(start: DateTime<Utc>) -> Self {
        Self(Cell::new(start))
    }

    /// Moves on by `step`; a negative step is ignored.
    pub fn advance(&self, step: Duration) {
        self.0.set(self.0.get() + step.max(Duration::zero()));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        self.0.get()
    }
}

/// SplitMix64: small, and the same for the same seed.
pub struct SeededRandom(Cell<u64>);

impl SeededRandom {
    /// A generator that gives the same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }
}

impl Random for SeededRandom {
    fn bits(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// An alarm that remembers what it was set to.
#[derive(Default)]
pub struct RecordedAlarm(pub RefCell<Option<DateTime<Utc>>>);

impl Alarm for RecordedAlarm {
    fn set(&self, at: DateTime<Utc>) -> LocalBoxFuture<'_, Result<(), SqlError>> {
        *self.0.borrow_mut() = Some(at);
        async { Ok(()) }.boxed_local()
    }
}

/// A log that keeps its lines.
#[derive(Default)]
pub struct Lines(pub RefCell<Vec<String>>);

impl Log for Lines {
    fn write(&self, line: &LogLine) {
        self.0.borrow_mut().push(line.json());
    }
}

/// A log that nobody reads.
pub struct Unread;

impl Log for Unread {
    fn write(&self, _: &LogLine) {}
}
