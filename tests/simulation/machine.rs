//! The machine that the books stand on. It can lose power between any two statements and at every `await`: then only
//! what was made durable is left, on its disk and in its alarm.
//!
//! Durable is what [`Sql::sync`] promised and what was written when an event ended (the runtime sends no answer before
//! that). At any `await` the runtime may also write back on its own; the dice decide.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::rc::Rc;

use chrono::{DateTime, Duration, Utc};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use tillproof::platform::native::{Sqlite, SqliteJournal};
use tillproof::platform::{Alarm, Clock, Journal, JournalError, Row, Sql, SqlError, Statement, Value, Verdict};

use crate::chance::Dice;
use crate::time::Timeline;

/// What a loss of power throws: it unwinds through everything, and nothing can be done about it.
pub struct PowerCut;

/// Counts what the machine does, and stops it after a chosen number of operations.
#[derive(Default)]
pub struct Power {
    pub operations: Cell<u64>,
    pub fails_at: Cell<Option<u64>>,
}

impl Power {
    /// One operation: before it, or before what follows it, the power may go.
    pub fn step(&self) {
        self.operations.set(self.operations.get() + 1);
        if self.fails_at.get().is_some_and(|at| self.operations.get() >= at) {
            self.fails_at.set(None);
            resume_unwind(Box::new(PowerCut));
        }
    }

    /// The power goes so many operations from now.
    pub fn fail_after(&self, operations: u64) {
        self.fails_at.set(Some(self.operations.get() + operations));
    }
}

/// Disk and alarm of one durable object. What is not durable lives in an open transaction around everything.
pub struct Disk {
    pub sqlite: Sqlite,
    power: Rc<Power>,
    timeline: Rc<Timeline>,
    dice: Dice,
    alarm: Cell<Option<DateTime<Utc>>>,
    /// An alarm that rang and whose turn has not ended: until then it stays set on the disk.
    ringing: Cell<Option<DateTime<Utc>>>,
    durable_alarm: Cell<Option<DateTime<Utc>>>,
}

impl Disk {
    pub fn new(power: Rc<Power>, timeline: Rc<Timeline>, dice: Dice) -> Self {
        let sqlite = Sqlite::in_memory().unwrap();
        sqlite.exec("BEGIN", &[]).unwrap();
        let none = || Cell::new(None);
        Self { sqlite, power, timeline, dice, alarm: none(), ringing: none(), durable_alarm: none() }
    }

    /// From now on everything written so far survives.
    pub fn harden(&self) {
        self.sqlite.exec("COMMIT", &[]).unwrap();
        self.sqlite.exec("BEGIN", &[]).unwrap();
        self.durable_alarm.set(self.alarm.get().or(self.ringing.get()));
    }

    /// What was not durable is gone.
    pub fn lose_power(&self) {
        self.sqlite.exec("ROLLBACK", &[]).unwrap();
        self.sqlite.exec("BEGIN", &[]).unwrap();
        self.ringing.set(None);
        self.alarm.set(self.durable_alarm.get());
    }

    pub fn alarm(&self) -> Option<DateTime<Utc>> {
        self.alarm.get()
    }

    pub fn ring(&self) {
        self.ringing.set(self.alarm.take());
    }

    pub fn has_rung(&self) {
        self.ringing.set(None);
    }

    /// The platform gave up on an alarm whose turn crashed: it never rings again.
    pub fn forget_alarm(&self) {
        self.alarm.set(None);
        self.durable_alarm.set(None);
    }

    /// An `await`: others may run meanwhile, and the runtime may write back.
    pub async fn breathe(&self, least: i64, most: i64) {
        if self.dice.percent(25) {
            self.harden();
        }
        self.timeline.pause(self.dice.millis(least, most)).await;
        self.power.step();
    }
}

impl Sql for Disk {
    fn exec(&self, statement: &str, params: &[Value]) -> Result<Vec<Row>, SqlError> {
        self.power.step();
        self.sqlite.exec(statement, params)
    }

    fn run_transaction(&self, body: &mut dyn FnMut() -> Verdict) -> Result<(), SqlError> {
        self.power.step();
        self.sqlite.exec("SAVEPOINT one", &[])?;
        if body() == Verdict::Rollback {
            self.sqlite.exec("ROLLBACK TO one", &[])?;
        }
        self.sqlite.exec("RELEASE one", &[])?;
        self.power.step();
        Ok(())
    }

    fn sync(&self) -> LocalBoxFuture<'_, Result<(), SqlError>> {
        async {
            self.power.step();
            self.breathe(1, 8).await;
            self.harden();
            self.power.step();
            Ok(())
        }
        .boxed_local()
    }
}

impl Alarm for Disk {
    fn set(&self, at: DateTime<Utc>) -> LocalBoxFuture<'_, Result<(), SqlError>> {
        async move {
            self.power.step();
            self.alarm.set(Some(at));
            self.breathe(0, 4).await;
            Ok(())
        }
        .boxed_local()
    }
}

/// D1: far away, sometimes not there at all, and sometimes it does what it was told and cannot say so.
pub struct RemoteJournal {
    pub database: SqliteJournal,
    /// In so many of a hundred calls the answer is lost.
    pub loses_answers: Cell<u64>,
    disk: Rc<Disk>,
    dice: Dice,
}

impl RemoteJournal {
    pub fn new(disk: Rc<Disk>, dice: Dice) -> Self {
        Self { database: SqliteJournal::in_memory().unwrap(), loses_answers: Cell::new(0), disk, dice }
    }
}

impl Journal for RemoteJournal {
    fn apply(&self, statements: Vec<Statement>) -> LocalBoxFuture<'_, Result<(), JournalError>> {
        async move {
            self.disk.power.step();
            self.disk.breathe(5, 60).await;
            self.database.apply(statements).await?;
            self.disk.power.step();
            self.disk.breathe(5, 60).await;
            if self.dice.percent(self.loses_answers.get()) {
                return Err(JournalError("the answer was lost".into()));
            }
            Ok(())
        }
        .boxed_local()
    }

    fn query(&self, statement: Statement) -> LocalBoxFuture<'_, Result<Vec<Row>, JournalError>> {
        async move {
            self.disk.breathe(5, 60).await;
            self.database.query(statement).await
        }
        .boxed_local()
    }
}

/// The clock on the wall.
pub struct WallClock(pub Rc<Timeline>);

impl Clock for WallClock {
    fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }
}

/// How long the power stays away.
pub fn downtime(dice: &Dice) -> Duration {
    dice.millis(200, 40_000)
}

/// Rows of a database as text, for comparing and for showing.
pub fn rows(sql: &Sqlite, statement: &str) -> Vec<std::collections::BTreeMap<String, String>> {
    let show = |value: Value| match value {
        Value::Null => String::new(),
        Value::Int(number) => number.to_string(),
        Value::Text(text) => text,
        Value::Blob(bytes) => format!("{} bytes", bytes.len()),
    };
    let rows = sql.exec(statement, &[]).unwrap_or_default();
    rows.into_iter().map(|row| row.0.into_iter().map(|(name, value)| (name, show(value))).collect()).collect()
}
