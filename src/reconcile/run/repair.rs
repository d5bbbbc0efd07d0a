//! Repair: what is missing or stale goes to the engine like any news of the order, so that nothing can be posted twice; what
//! somebody changed or removed by hand waits for a person, unless nothing is attached to it and it can be written anew.

use chrono::{DateTime, Duration, Utc};

use super::phases::Stage;
use super::shop::put_order;
use super::tables::{ROWS, Run};
use super::{Next, Phase, Piece};
use crate::books::document::DocumentKey;
use crate::config::Connection;
use crate::platform::{Row, Sql, SqlError};
use crate::posting::{Books, ByHand, OrderRef};
use crate::reconcile::{Class, Finding, Repair};

/// Orders in a piece of work.
const ORDERS: i64 = 50;
/// How long the engine is waited for: what it cannot post by then is still missing.
const PATIENCE: Duration = Duration::hours(24);
/// How often it is looked at: soon at first, then every minute.
const SOON: Duration = Duration::seconds(5);
const AGAIN: Duration = Duration::minutes(1);

/// Hands the next orders to the engine.
pub fn hand_over(books: &Books<'_>, connection: &Connection, run: &mut Run) -> Piece {
    let sql = books.platform.sql;
    let rows = sql.exec(
        "SELECT DISTINCT order_id FROM run_findings WHERE run = ? AND round = 1 AND order_id >= ? AND repair IS NULL
         ORDER BY order_id LIMIT ?",
        &[run.id.as_str().into(), run.cursor.as_str().into(), ORDERS.into()],
    )?;
    let Some(last) = rows.last() else { return Ok(Next::Then(Phase::Repairing)) };
    run.cursor = last.text("order_id")?;
    for row in &rows {
        let order_id = row.text("order_id")?;
        one(books, connection, run, &order_id)?;
    }
    Ok(Next::More)
}

/// What is done about the findings on one order. Everything in it may be done a second time.
fn one(books: &Books<'_>, connection: &Connection, run: &Run, order_id: &str) -> Result<(), SqlError> {
    let sql = books.platform.sql;
    let at = OrderRef { connection: connection.id.clone(), order_id: order_id.to_owned() };
    if run.is_audit() {
        return take_over(books, connection, run, &at);
    }
    let rows = sql.exec(
        "SELECT n, finding, source FROM run_findings WHERE run = ? AND round = 1 AND order_id = ? ORDER BY n",
        &[run.id.as_str().into(), order_id.into()],
    )?;
    let mut wanted = false;
    let done_is = |row: &Row, done: &str| {
        sql.exec(
            "UPDATE run_findings SET repair = ? WHERE run = ? AND round = 1 AND order_id = ? AND n = ?",
            &[done.into(), run.id.as_str().into(), order_id.into(), row.int("n")?.into()],
        )
        .map(drop)
    };
    for row in &rows {
        let Ok(finding) = serde_json::from_str::<Finding>(&row.text("finding")?) else {
            done_is(row, "nothing")?;
            continue;
        };
        // What Shopify was asked for the engine does not know: it hears of it, even if all that follows is a hold.
        let is_of_ours = !matches!(finding.class, Class::Duplicate | Class::Unexpected);
        let is_news = is_of_ours && row.text_or_null("source")?.as_deref() == Some("fetched");
        wanted |= is_news;
        let done = match (finding.repair, &finding.document_key) {
            (Repair::Post | Repair::Update, _) => {
                wanted = true;
                "handed_over"
            }
            (Repair::Correct, Some(key)) if books.correct(&at, key)? => "handed_over",
            (Repair::Correct | Repair::Ask, Some(key)) if is_by_hand(sql, &at, key, &finding)? => {
                held(books, &at, key, &finding)?
            }
            _ if is_news => "handed_over",
            // What holds it back lets it go on by itself, or waits for a person already.
            _ if finding.is_held() => "held",
            _ => "nothing",
        };
        done_is(row, done)?;
    }
    if wanted {
        books.want_again(connection, order_id, None)?;
    }
    put_order(sql, run, order_id, order_id, "", "known", Stage::Compared)?;
    let name =
        "UPDATE run_orders SET name = coalesce((SELECT name FROM orders WHERE connection = ?1 AND order_id = ?2), name)
                WHERE run = ?3 AND order_id = ?2";
    sql.exec(name, &[connection.id.as_str().into(), order_id.into(), run.id.as_str().into()]).map(drop)
}

/// An order that the other integration never posted is ours from now on, if that was in the plan; all else in its books is
/// not ours to change.
fn take_over(books: &Books<'_>, connection: &Connection, run: &Run, at: &OrderRef) -> Result<(), SqlError> {
    let sql = books.platform.sql;
    let order_id = at.order_id.as_str();
    let nothing = "UPDATE run_findings SET repair = 'nothing' WHERE run = ? AND round = 1 AND order_id = ?";
    sql.exec(nothing, &[run.id.as_str().into(), order_id.into()])?;
    let planned = sql.exec(
        "UPDATE run_findings SET repair = 'handed_over' WHERE run = ?1 AND round = 1 AND order_id = ?2
         AND json_extract(finding, '$.repair') = 'post' AND EXISTS (SELECT 1 FROM run_findings WHERE run = ?3 AND round = 1
             AND order_id = ?2 AND json_extract(finding, '$.repair') = 'post') RETURNING n",
        &[run.id.as_str().into(), order_id.into(), run.plan.as_deref().into()],
    )?;
    if planned.is_empty() {
        return Ok(());
    }
    books.take_over(at)?;
    books.want_again(connection, order_id, None)?;
    put_order(sql, run, order_id, order_id, "", "known", Stage::Compared)
}

/// True if it is somebody's doing in the ledger: the order's own document, as it was written last, was removed or says
/// something else. What a hold keeps back nobody removed, and what carries the order's number need not be ours.
fn is_by_hand(sql: &dyn Sql, at: &OrderRef, key: &DocumentKey, finding: &Finding) -> Result<bool, SqlError> {
    if finding.is_held() || !matches!(finding.class, Class::Missing | Class::Wrong) {
        return Ok(false);
    }
    let [connection, order_id] = at.params();
    let statement = "SELECT 1 AS found FROM documents WHERE connection = ? AND order_id = ? AND document_key = ?
                     AND json_extract(posted, '$.ledger_id') = ?";
    let ledger_id = finding.ledger_id.as_deref();
    Ok(!sql.exec(statement, &[connection, order_id, key.as_str().into(), ledger_id.into()])?.is_empty())
}

/// The order waits for a person.
fn held(books: &Books<'_>, at: &OrderRef, key: &DocumentKey, finding: &Finding) -> Result<&'static str, SqlError> {
    let how = if finding.class == Class::Missing { ByHand::Removed } else { ByHand::Changed };
    books.done_by_hand(at, key, how, &finding.by_hand())?;
    Ok("held")
}

/// Waits until the engine has nothing left to do for the orders.
pub fn wait(books: &Books<'_>, run: &mut Run) -> Piece {
    let sql = books.platform.sql;
    let now = books.platform.clock.now();
    let until: DateTime<Utc> = *run.patience_until.insert(match run.cursor.is_empty() {
        true => now + PATIENCE,
        false => run.patience_until.unwrap_or(now),
    });
    let moving = sql.exec(
        "SELECT COUNT(*) AS n FROM run_orders r JOIN orders o ON o.connection = ?2 AND o.order_id = r.order_id
         WHERE r.run = ?1 AND o.state IN ('pending', 'retrying')",
        &[run.id.as_str().into(), run.connection.as_str().into()],
    )?;
    let moving = moving.first().map_or(Ok(0), |row| row.int("n"))?;
    if moving > 0 && now < until {
        run.cursor = "waiting".into();
        let waited = now - (until - PATIENCE);
        let noun = if moving == 1 { "order that is" } else { "orders that are" };
        return Err(books.later((waited / 2).clamp(SOON, AGAIN), &format!("{moving} {noun} being posted")));
    }
    run.patience_until = None;
    Ok(Next::Then(Phase::Anew))
}

/// Has the orders compared again, some at a time. In an audit what stands now is listed anew first; what other orders call
/// for is known.
pub fn anew(books: &Books<'_>, run: &mut Run) -> Piece {
    let sql = books.platform.sql;
    if run.is_audit() && !run.forget_documents(sql)? {
        return Ok(Next::More);
    }
    let heard = if run.is_audit() { "" } else { ", source = 'known', expectation = NULL" };
    let rows = sql.exec(
        &format!(
            "UPDATE run_orders SET stage = ?2{heard} WHERE run = ?1 AND order_id IN (SELECT order_id FROM run_orders
             WHERE run = ?1 AND order_id > ?3 ORDER BY order_id LIMIT ?4) RETURNING order_id"
        ),
        &[run.id.as_str().into(), Stage::Ready.into(), run.cursor.as_str().into(), ROWS.into()],
    )?;
    let ids: Vec<String> = rows.iter().map(|row| row.text("order_id")).collect::<Result<_, _>>()?;
    match ids.into_iter().max() {
        Some(last) => {
            run.cursor = last;
            Ok(Next::More)
        }
        None => Ok(Next::Then(if run.is_audit() { Phase::Ledger } else { Phase::Compare })),
    }
}
