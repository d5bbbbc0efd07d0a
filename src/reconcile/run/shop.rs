//! Shopify's side, listed: the orders of the window, and those that the engine does not know in their present state, fetched.

use chrono::Utc;
use serde::{Deserialize, Serialize};

use super::listing::{QUESTIONS, UNCLEAR};
use super::phases::Stage;
use super::tables::{ROWS, Run};
use super::{Next, Phase, Piece};
use crate::config::Connection;
use crate::platform::time::iso;
use crate::platform::{Sql, SqlError, transaction};
use crate::posting::{Books, Calls, LookedUp};
use crate::reconcile::expectation::Expectation;
use crate::shopify::admin::{self, Summary};

/// Orders that a piece of work fetches: each takes two or three questions.
const FETCHES: i64 = 6;

/// Lists a page of Shopify's orders. Without an Admin API, the orders that were delivered have to do.
pub async fn shop(books: &Books<'_>, connection: &Connection, run: &mut Run) -> Piece {
    let sql = books.platform.sql;
    if !books.can_ask_shop(connection)? {
        return known_orders(sql, run);
    }
    let calls = books.calls_beside();
    for _ in 0..QUESTIONS {
        let mut slice = Slice::read(&run.cursor);
        let (since, after) = (slice.since.as_deref(), slice.after.as_deref());
        let question = admin::orders_in_window(&iso(run.from), &iso(run.to), since, after);
        let data = books.ask_the_shop(connection, &calls, &question).await?;
        if run.was_stopped(sql)? {
            break;
        }
        let (page, next) = admin::summaries(&data).map_err(|trouble| books.later(UNCLEAR, &trouble.to_string()))?;
        let ends = slice.take(&page, next, &iso(run.started_at));
        // Written down with the orders, so that a restart goes on behind them.
        run.cursor = slice.text();
        transaction(sql, |sql| {
            page.iter().try_for_each(|one| listed(books, sql, connection, run, one))?;
            run.store(sql)
        })?;
        if ends {
            return Ok(Next::Then(Phase::Sample));
        }
    }
    Ok(Next::More)
}

/// Where Shopify's list is read. It stops at 25,000 orders without a word: behind its end another one begins with the
/// change that it ended with, until one holds nothing later, or nothing but what changed since the run began.
#[derive(Default, Serialize, Deserialize)]
struct Slice {
    since: Option<String>,
    /// The latest change in it so far.
    latest: Option<String>,
    after: Option<String>,
}

impl Slice {
    fn read(cursor: &str) -> Self {
        serde_json::from_str(cursor).unwrap_or_default()
    }

    fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Takes a page in. True if nothing can come behind it that is older than the run.
    fn take(&mut self, page: &[Summary], next: Option<String>, began: &str) -> bool {
        let latest = page.iter().map(|one| iso(one.updated_at.with_timezone(&Utc))).max();
        self.latest = latest.max(self.latest.take());
        self.after = next;
        if self.after.is_some() {
            return false;
        }
        let ends = self.latest <= self.since || self.since.as_deref().is_some_and(|since| since >= began);
        self.since.clone_from(&self.latest);
        ends
    }
}

fn listed(books: &Books<'_>, sql: &dyn Sql, connection: &Connection, run: &Run, one: &Summary) -> Result<(), SqlError> {
    let known = books.knows(connection, one)?;
    let stage = if known { Stage::Ready } else { Stage::Unfetched };
    put_order(
        sql,
        run,
        &one.order_id,
        &one.name,
        &one.created_at.to_rfc3339(),
        if known { "known" } else { "fetched" },
        stage,
    )
}

/// An order of the run; one that changed while it was being listed is listed again.
pub fn put_order(
    sql: &dyn Sql,
    run: &Run,
    order_id: &str,
    name: &str,
    made_at: &str,
    source: &str,
    stage: Stage,
) -> Result<(), SqlError> {
    sql.exec(
        "INSERT INTO run_orders (run, order_id, name, made_at, source, stage) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (run, order_id) DO UPDATE SET source = excluded.source, stage = excluded.stage, expectation = NULL",
        &[run.id.as_str().into(), order_id.into(), name.into(), made_at.into(), source.into(), stage.into()],
    )
    .map(drop)
}

/// The orders that were heard of in the window, some at a time.
fn known_orders(sql: &dyn Sql, run: &mut Run) -> Piece {
    let after = run.cursor.strip_prefix("known/").unwrap_or_default();
    let rows = sql.exec(
        "INSERT INTO run_orders (run, order_id, name, made_at, source, stage)
         SELECT ?1, order_id, coalesce(name, order_id), first_seen_at, 'known', ?2 FROM orders
         WHERE connection = ?3 AND order_id > ?6 AND order_id NOT LIKE 'event:%' AND updated_at >= ?4 AND first_seen_at <= ?5
         ORDER BY order_id LIMIT ?7
         ON CONFLICT (run, order_id) DO UPDATE SET name = excluded.name RETURNING order_id",
        &[
            run.id.as_str().into(),
            Stage::Ready.into(),
            run.connection.as_str().into(),
            iso(run.from).into(),
            iso(run.to).into(),
            after.into(),
            ROWS.into(),
        ],
    )?;
    let ids: Vec<String> = rows.iter().map(|row| row.text("order_id")).collect::<Result<_, _>>()?;
    match ids.into_iter().max() {
        Some(last) => {
            run.cursor = format!("known/{last}");
            Ok(Next::More)
        }
        None => Ok(Next::Then(Phase::Sample)),
    }
}

/// A sample is of the newest orders: all others are left out, some at a time.
pub fn newest_only(books: &Books<'_>, connection: &Connection, run: &Run) -> Piece {
    let after = if books.can_ask_shop(connection)? { Phase::Fetch } else { Phase::Ledger };
    let Some(sample) = run.sample else { return Ok(Next::Then(after)) };
    let gone = books.platform.sql.exec(
        "DELETE FROM run_orders WHERE rowid IN (SELECT rowid FROM run_orders WHERE run = ?1
             ORDER BY made_at DESC, order_id DESC LIMIT ?3 OFFSET ?2) RETURNING 1 AS gone",
        &[run.id.as_str().into(), sample.into(), ROWS.into()],
    )?;
    Ok(if gone.is_empty() { Next::Then(after) } else { Next::More })
}

/// Fetches orders whose present state the engine does not know, and keeps what they call for.
pub async fn fetch(books: &Books<'_>, connection: &Connection, run: &mut Run) -> Piece {
    let sql = books.platform.sql;
    let rows = sql.exec(
        "SELECT order_id, name FROM run_orders WHERE run = ? AND stage = ? ORDER BY order_id LIMIT ?",
        &[run.id.as_str().into(), Stage::Unfetched.into(), FETCHES.into()],
    )?;
    if rows.is_empty() {
        let after = if run.ledger_count == 0 && run.round() == 1 { Phase::Ledger } else { Phase::Compare };
        return Ok(Next::Then(after));
    }
    let calls: Calls = books.calls_beside();
    for row in &rows {
        let order_id = row.text("order_id")?;
        match books.look_up(connection, &calls, &order_id).await? {
            _ if run.was_stopped(sql)? => break,
            LookedUp::Found(state) => {
                let called = super::cases::called(books, connection, run, &order_id, Some(*state))?;
                let name = row.text("name")?;
                let expectation = super::cases::expectation(books, connection, run, &order_id, &name, &called)?;
                keep(sql, run, &order_id, &expectation, Stage::Ready)?;
            }
            // Shopify listed it a moment ago, or a document names it: it is gone, or was never there.
            LookedUp::Unknown => super::left::unknown(sql, run, &order_id)?,
            LookedUp::Unreadable => super::left::unreadable(sql, run, &order_id, &row.text("name")?)?,
        }
    }
    Ok(Next::More)
}

/// Keeps what an order calls for.
pub fn keep(sql: &dyn Sql, run: &Run, order_id: &str, expectation: &Expectation, stage: Stage) -> Result<(), SqlError> {
    let text = |value: Result<String, serde_json::Error>| value.map_err(|error| SqlError(error.to_string()));
    sql.exec(
        "UPDATE run_orders SET expectation = ?3, features = ?4, stage = ?5 WHERE run = ?1 AND order_id = ?2",
        &[
            run.id.as_str().into(),
            order_id.into(),
            text(serde_json::to_string(expectation))?.into(),
            text(serde_json::to_string(&expectation.features))?.into(),
            stage.into(),
        ],
    )
    .map(drop)
}
