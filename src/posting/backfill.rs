//! Backfill: the orders that were made in a stretch of time are listed in the order of sale, and those that the books do not
//! know in that state are fetched and posted behind the live ones. It is an errand of the turns, a page at a time, and goes
//! on where it stopped after any restart; what belongs in the books and what is there already the engine itself decides.

use chrono::{DateTime, Duration, NaiveDate, Utc};

use super::books::Books;
use super::consent::Declined;
use super::orders::{self, Heard, OrderRef};
use super::shop::{Calls, NoAnswer};
use super::{fetch, known};
use crate::books::calendar::Calendar;
use crate::config::Connection;
use crate::platform::time::iso;
use crate::platform::{Row, Sql, SqlError, Value, transaction};
use crate::shopify::admin::{self, Made};

mod progress;

pub use progress::Backfill;
use progress::{int_or_null, settle};

/// Orders that may wait behind the live ones before the next page (of a hundred) is listed: at most 300 wait at once.
const ROOM: i64 = 200;
/// Pages of a slice: 20,000 orders, for Shopify's lists stop at 25,000.
const PAGES: i64 = 200;
/// How far back Shopify shows orders without `read_all_orders`.
const SHOWN_DAYS: i64 = 60;

/// What a person can do with a backfill. What was listed by then goes on in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackfillChange {
    /// List nothing more for now.
    Pause,
    /// Go on.
    Resume,
    /// List nothing more.
    Cancel,
}

/// A row of `backfills`, as far as the errand reads it.
struct Job {
    number: i64,
    from: String,
    to: String,
    slice_from: String,
    cursor: Option<String>,
    slice_pages: i64,
    slice_new: i64,
    listed_all: bool,
    total: Option<i64>,
    listed: i64,
}

/// The one of the connection that runs.
fn running(sql: &dyn Sql, connection: &str) -> Result<Option<Job>, SqlError> {
    let statement = "SELECT * FROM backfills WHERE connection = ? AND state = 'running'";
    let rows = sql.exec(statement, &[connection.into()])?;
    let read = |row: &Row| {
        Ok(Job {
            number: row.int("id")?,
            from: row.text("from_at")?,
            to: row.text("to_at")?,
            slice_from: row.text("slice_from")?,
            cursor: row.text_or_null("cursor")?,
            slice_pages: row.int("slice_pages")?,
            slice_new: row.int("slice_new")?,
            listed_all: row.int("listed_all")? != 0,
            total: int_or_null(row, "total"),
            listed: row.int("listed")?,
        })
    };
    rows.first().map(read).transpose()
}

/// Orders that wait behind the live ones.
fn waiting(sql: &dyn Sql, connection: &str) -> Result<i64, SqlError> {
    let statement = "SELECT COUNT(*) AS n FROM orders WHERE connection = ? AND due_at IS NOT NULL AND priority > 0";
    sql.exec(statement, &[connection.into()])?.first().map_or(Ok(0), |row| row.int("n"))
}

/// True if orders of that backfill wait.
fn is_waiting(sql: &dyn Sql, connection: &str, number: i64) -> Result<bool, SqlError> {
    let statement = "SELECT 1 AS found FROM orders o WHERE connection = ? AND due_at IS NOT NULL AND EXISTS
         (SELECT 1 FROM backfill_orders b WHERE b.backfill = ? AND b.order_id = o.order_id AND b.woken = 1) LIMIT 1";
    Ok(!sql.exec(statement, &[connection.into(), number.into()])?.is_empty())
}

fn set_problem(sql: &dyn Sql, number: i64, problem: &str) -> Result<(), SqlError> {
    sql.exec("UPDATE backfills SET problem = ? WHERE id = ?", &[problem.into(), number.into()]).map(drop)
}

/// Leaves `running` for another state: from then on no time is counted.
fn leave(sql: &dyn Sql, number: i64, state: &str, now: DateTime<Utc>, finished: bool) -> Result<(), SqlError> {
    sql.exec(
        "UPDATE backfills SET state = ?2, finished_at = ?3, worked_seconds = worked_seconds + CASE state WHEN 'running'
             THEN CAST(strftime('%s', ?4) AS INTEGER) - CAST(strftime('%s', resumed_at) AS INTEGER) ELSE 0 END
         WHERE id = ?1",
        &[number.into(), state.into(), finished.then(|| iso(now)).into(), iso(now).into()],
    )
    .map(drop)
}

/// A day or an instant of a request; `key` names it in errors. A day is meant from its beginning to its end.
fn instant(key: &str, text: &str, calendar: &Calendar) -> Result<DateTime<Utc>, Declined> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.with_timezone(&Utc));
    }
    let day = text.parse::<NaiveDate>().map_err(|_| {
        let problem = format!("`{key}` is \"{text}\": write a day (2026-11-02) or an instant (2026-11-02T09:00:00Z)");
        Declined::Unclear(problem)
    })?;
    match day.succ_opt().filter(|_| key == "to") {
        Some(next) => Ok(calendar.begin_of(next) - Duration::seconds(1)),
        None => Ok(calendar.begin_of(day)),
    }
}

impl Books<'_> {
    /// Asks for the orders that were made from `from` to `to`: days as the company counts them, or instants.
    pub async fn begin_backfill(&self, connection: &str, from: &str, to: &str) -> Result<Backfill, Declined> {
        let (sql, now) = (self.platform.sql, self.platform.clock.now());
        let found = self.connection(connection).ok_or_else(|| Declined::Missing(self.why_left(connection)))?;
        let settings = found.settings.as_ref().map_err(|_| {
            Declined::Refused(format!("the settings of `{connection}` cannot be read: correct them first"))
        })?;
        let calendar = self.company_facts()?.calendar(settings);
        let (from, to) = (instant("from", from, &calendar)?, instant("to", to, &calendar)?);
        if to < from {
            return Err(Declined::Unclear("`to` is before `from`".into()));
        }
        if from > now {
            return Err(Declined::Unclear("`from` is in the future: nothing was sold then".into()));
        }
        if self.admin_access(found)?.is_none() {
            let text = format!(
                "`{connection}` cannot ask Shopify: set SHOPIFY_CLIENT_ID and SHOPIFY_CLIENT_SECRET (or \
                 SHOPIFY_ACCESS_TOKEN), and see that the app is installed"
            );
            return Err(Declined::Refused(text));
        }
        let number = transaction(sql, |sql| {
            let open = sql.exec(
                "SELECT id FROM backfills WHERE connection = ? AND state IN ('running', 'paused')",
                &[connection.into()],
            )?;
            if let Some(row) = open.first() {
                let id = format!("{connection}-{}", row.int("id")?);
                return Err(Declined::Refused(format!("backfill {id} is not done: let it end, or cancel it")));
            }
            let rows = sql.exec(
                "INSERT INTO backfills (connection, from_at, to_at, state, asked_at, resumed_at, slice_from)
                 VALUES (?1, ?2, ?3, 'running', ?4, ?4, ?2) RETURNING id",
                &[connection.into(), iso(from).into(), iso(to).into(), iso(now).into()],
            )?;
            let row = rows.first().ok_or_else(|| SqlError("a backfill got no number".into()))?;
            Ok(row.int("id")?)
        })?;
        self.arm(Some(now)).await?;
        self.backfill(connection, number)
    }

    /// How one stands.
    pub fn backfill(&self, connection: &str, number: i64) -> Result<Backfill, Declined> {
        let statement = "SELECT * FROM backfills WHERE connection = ? AND id = ?";
        let rows = self.platform.sql.exec(statement, &[connection.into(), number.into()])?;
        match rows.first() {
            Some(row) => Ok(self.progress(row)?),
            None => Err(Declined::Missing(format!("there is no backfill `{connection}-{number}`"))),
        }
    }

    /// How the last ones of a connection stand, the newest first.
    pub fn backfills(&self, connection: &str, most: i64) -> Result<Vec<Backfill>, SqlError> {
        let statement = "SELECT * FROM backfills WHERE connection = ? ORDER BY id DESC LIMIT ?";
        self.platform
            .sql
            .exec(statement, &[connection.into(), most.into()])?
            .iter()
            .map(|row| self.progress(row))
            .collect()
    }

    /// A person changes its course.
    pub async fn change_backfill(
        &self,
        connection: &str,
        number: i64,
        change: BackfillChange,
    ) -> Result<Backfill, Declined> {
        let (sql, now) = (self.platform.sql, self.platform.clock.now());
        let state = self.backfill(connection, number)?.state;
        match (change, state.as_str()) {
            (_, "done" | "cancelled") => {
                return Err(Declined::Refused(format!("backfill {connection}-{number} is {state}: begin another one")));
            }
            (BackfillChange::Pause, _) => leave(sql, number, "paused", now, false)?,
            (BackfillChange::Cancel, _) => leave(sql, number, "cancelled", now, true)?,
            (BackfillChange::Resume, "running") => {}
            (BackfillChange::Resume, _) => {
                let statement = "UPDATE backfills SET state = 'running', resumed_at = ? WHERE id = ?";
                sql.exec(statement, &[iso(now).into(), number.into()])?;
                self.arm(Some(now)).await?;
            }
        }
        self.backfill(connection, number)
    }

    /// True if there is room for another page, or nothing is left to wait for.
    pub(super) fn backfill_is_due(&self, connection: &Connection) -> Result<bool, SqlError> {
        let sql = self.platform.sql;
        let Some(job) = running(sql, &connection.id)? else { return Ok(false) };
        Ok(match job.listed_all {
            true => !is_waiting(sql, &connection.id, job.number)?,
            false => self.admin_access(connection)?.is_some() && waiting(sql, &connection.id)? <= ROOM,
        })
    }

    /// Counts, lists another page, or ends.
    pub(super) async fn backfill_on(
        &self,
        connection: &Connection,
        now: DateTime<Utc>,
        calls: &Calls,
    ) -> Result<(), NoAnswer> {
        let sql = self.platform.sql;
        let Some(job) = running(sql, &connection.id)? else { return Ok(()) };
        if job.listed_all {
            return Ok(transaction(sql, |sql| {
                settle(sql, &connection.id, job.number)?;
                leave(sql, job.number, "done", now, true)
            })?);
        }
        let Some(shop) = self.shop(connection, calls)? else { return Ok(()) };
        if job.total.is_none() {
            let (count, exact) = match admin::count(&shop.ask(&admin::count_orders_made(&job.from, &job.to)).await?) {
                Ok(counted) => counted,
                Err(trouble) => return Err(shop.pause(trouble)?),
            };
            let statement = "UPDATE backfills SET total = ?, exact = ? WHERE id = ?";
            sql.exec(statement, &[count.into(), Value::Int(exact.into()), job.number.into()])?;
            let shown_from = iso(now - Duration::days(SHOWN_DAYS));
            if let Some(facts) = self.shop_side(connection)?.facts()
                && job.from < shown_from
                && !facts.scopes.iter().any(|scope| scope == "read_all_orders")
            {
                let text = "orders older than 60 days are not shown to the app: grant it the scope read_all_orders";
                set_problem(sql, job.number, text)?;
            }
        }
        let Some(job) = running(sql, &connection.id)? else { return Ok(()) };
        let question = admin::orders_made(&job.slice_from, &job.to, job.cursor.as_deref());
        let (page, next) = match admin::made(&shop.ask(&question).await?) {
            Ok(page) => page,
            Err(trouble) => return Err(shop.pause(trouble)?),
        };
        transaction(sql, |sql| take(sql, &connection.id, &job, &page, next, now))?;
        Ok(())
    }
}

/// Takes a page in: what the books do not know in that state is wanted, in the order of sale, and so is what a rule leaves out.
fn take(
    sql: &dyn Sql,
    connection: &str,
    job: &Job,
    page: &[Made],
    next: Option<String>,
    now: DateTime<Utc>,
) -> Result<(), SqlError> {
    settle(sql, connection, job.number)?;
    let (mut new, mut skipped) = (0, 0);
    let mut due = now;
    for one in page {
        let at = OrderRef { connection: connection.to_owned(), order_id: one.order_id.clone() };
        // What a rule left out is decided again: the start date may have moved since.
        let skips = known::knows_snapshot(sql, &at, one.updated_at)? && !orders::is_ignored(sql, &at)?;
        let listed = sql.exec(
            "INSERT INTO backfill_orders (backfill, order_id, woken) VALUES (?, ?, ?) ON CONFLICT DO NOTHING
             RETURNING order_id",
            &[job.number.into(), one.order_id.as_str().into(), Value::Int((!skips).into())],
        )?;
        // Two slices meet at an instant, and what changes meanwhile may be listed twice.
        if listed.is_empty() {
            continue;
        }
        new += 1;
        if skips {
            skipped += 1;
            continue;
        }
        // Those of one page go in the order in which they were sold.
        due += Duration::milliseconds(1);
        orders::wake(sql, &at, Some(one.name.as_str().into()), Heard::Afterwards, due, due)?;
        fetch::want(sql, &at)?;
    }
    let pages = job.slice_pages + 1;
    let last = page.last().map_or_else(|| job.slice_from.clone(), |one| iso(one.made_at.with_timezone(&Utc)));
    let moves = last > job.slice_from;
    // A list that ended may have been cut off: another slice begins where it ended, until one brings nothing new.
    let (slice_from, cursor, pages, slice_new, is_end) = match next {
        Some(next) if pages < PAGES || !moves => {
            (job.slice_from.clone(), Some(next), pages, job.slice_new + new, false)
        }
        None if !moves || job.slice_new + new == 0 => (job.slice_from.clone(), None, pages, 0, true),
        _ => (last, None, 0, 0, false),
    };
    sql.exec(
        "UPDATE backfills SET slice_from = ?2, cursor = ?3, slice_pages = ?4, slice_new = ?5, listed_all = ?6,
             listed = listed + ?7, skipped = skipped + ?8 WHERE id = ?1",
        &[
            job.number.into(),
            slice_from.into(),
            cursor.into(),
            pages.into(),
            slice_new.into(),
            Value::Int(is_end.into()),
            new.into(),
            skipped.into(),
        ],
    )?;
    let (listed, total) = (job.listed + new, job.total.unwrap_or(0));
    if is_end && listed < total {
        let text = format!(
            "Shopify counts {total} orders and lists {listed}: orders older than 60 days need the scope read_all_orders"
        );
        set_problem(sql, job.number, &text)?;
    }
    Ok(())
}
