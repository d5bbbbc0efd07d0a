//! What is remembered of orders that are older than the start date: how far the ledger was asked for another integration's
//! invoice, and what a person answered where none was found.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::books::Books;
use super::obstacles;
use super::orders::{self, OrderRef};
use super::set_aside::LONGEST_REASON;
use crate::books::document::DocumentKey;
use crate::books::foreign::ForeignSale;
use crate::books::money::parse_amount;
use crate::normalize::cutover::{self, Decision, Moved};
use crate::platform::time::iso;
use crate::platform::{Row, Sql, SqlError, transaction};

/// How far the ledger was asked.
#[derive(Debug, Default)]
pub struct Look {
    /// How many questions were answered.
    pub asked: usize,
    /// What they found.
    pub found: Vec<ForeignSale>,
    /// True if one of that was taken.
    pub taken: bool,
}

fn unreadable(what: &str) -> SqlError {
    SqlError(format!("cutover: {what} cannot be read"))
}

/// How far the ledger was asked since the event `seen`, the newest of the order: after news it is asked again.
pub fn look(sql: &dyn Sql, at: &OrderRef, seen: i64) -> Result<Look, SqlError> {
    let [connection, order_id] = at.params();
    let statement = "SELECT asked, found, taken FROM cutover_looks WHERE connection = ? AND order_id = ? AND seen = ?";
    let rows = sql.exec(statement, &[connection, order_id, seen.into()])?;
    let Some(row) = rows.first() else { return Ok(Look::default()) };
    Ok(Look {
        asked: usize::try_from(row.int("asked")?).unwrap_or_default(),
        found: serde_json::from_str(&row.text("found")?).map_err(|_| unreadable("what was found"))?,
        taken: row.int("taken")? != 0,
    })
}

/// Keeps what the question of that place found. An answer that comes twice counts once.
pub fn found(sql: &dyn Sql, at: &OrderRef, seen: i64, place: usize, sales: Vec<ForeignSale>) -> Result<(), SqlError> {
    let mut known = look(sql, at, seen)?;
    if known.asked != place {
        return Ok(());
    }
    known.found.extend(sales);
    let asked = i64::try_from(place + 1).unwrap_or_default();
    let json = serde_json::to_string(&known.found).map_err(|error| SqlError(error.to_string()))?;
    let [connection, order_id] = at.params();
    let statement =
        "INSERT OR REPLACE INTO cutover_looks (connection, order_id, seen, asked, found) VALUES (?, ?, ?, ?, ?)";
    sql.exec(statement, &[connection, order_id, seen.into(), asked.into(), json.into()]).map(drop)
}

/// What was found was taken.
pub fn taken(sql: &dyn Sql, at: &OrderRef) -> Result<(), SqlError> {
    sql.exec("UPDATE cutover_looks SET taken = 1 WHERE connection = ? AND order_id = ?", &at.params()).map(drop)
}

/// True if a person had the order posted although it is older than the start date.
pub fn is_taken_over(sql: &dyn Sql, at: &OrderRef) -> Result<bool, SqlError> {
    let statement = "SELECT 1 AS found FROM taken_over WHERE connection = ? AND order_id = ?";
    Ok(!sql.exec(statement, &at.params())?.is_empty())
}

/// The ledger is to be asked again.
pub fn forget_look(sql: &dyn Sql, at: &OrderRef) -> Result<(), SqlError> {
    sql.exec("DELETE FROM cutover_looks WHERE connection = ? AND order_id = ?", &at.params()).map(drop)
}

/// A person is asked about this money; whatever else was asked and not answered is no question any more.
pub fn ask(sql: &dyn Sql, at: &OrderRef, money: &[Moved]) -> Result<(), SqlError> {
    let open = "DELETE FROM cutover_questions WHERE connection = ? AND order_id = ? AND decision IS NULL";
    sql.exec(open, &at.params())?;
    for one in money {
        let [connection, order_id] = at.params();
        let statement =
            "INSERT OR REPLACE INTO cutover_questions (connection, order_id, document_key, amount) VALUES (?, ?, ?, ?)";
        let amount = one.amount.normalize().to_string();
        sql.exec(statement, &[connection, order_id, one.key.as_str().into(), amount.into()])?;
    }
    Ok(())
}

/// What was answered.
pub fn answers(sql: &dyn Sql, at: &OrderRef) -> Result<BTreeMap<DocumentKey, cutover::Answer>, SqlError> {
    let statement = "SELECT document_key, amount, decision FROM cutover_questions
         WHERE connection = ? AND order_id = ? AND decision IS NOT NULL";
    let read = |row: &Row| {
        let amount: Decimal = parse_amount(&row.text("amount")?).map_err(|_| unreadable("an amount"))?;
        let decision = match row.text("decision")?.as_str() {
            "stand_alone" => Decision::StandAlone,
            _ => Decision::Ignore,
        };
        Ok((DocumentKey::stored(row.text("document_key")?), cutover::Answer { decision, amount }))
    };
    sql.exec(statement, &at.params())?.iter().map(read).collect()
}

/// A person's own words may name people: they go with the order's personal data.
pub fn forget_reasons(sql: &dyn Sql, at: &OrderRef) -> Result<(), SqlError> {
    let statement = "UPDATE cutover_questions SET why = NULL WHERE connection = ? AND order_id = ?";
    sql.exec(statement, &at.params()).map(drop)
}

/// A person's answer to a hold `before_start_date`: `{"decision": "stand_alone"}`, or
/// `{"decision": "ignore", "reason": "…"}`. It is about all the money that the hold names, or with
/// `"documents": ["payment:…", "credit:…"]` about that part of it; the rest is asked about again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// Post the money without the other integration's invoice.
    StandAlone {
        /// Which of it; empty for all.
        #[serde(default)]
        documents: Vec<String>,
    },
    /// Leave it out.
    Ignore {
        /// Why; it stays in the object.
        reason: String,
        /// Which of it; empty for all.
        #[serde(default)]
        documents: Vec<String>,
    },
}

impl Answer {
    /// Reads the body of a release; an empty one answers nothing. `Err` says what is wrong with it.
    pub fn read(body: &[u8]) -> Result<Option<Self>, String> {
        if body.trim_ascii().is_empty() {
            return Ok(None);
        }
        let answer: Self = serde_json::from_slice(body).map_err(|error| {
            format!("the body is neither empty nor {{\"decision\": \"stand_alone\"}} nor {{\"decision\": \"ignore\", \"reason\": \"…\"}}: {error}")
        })?;
        match &answer {
            Self::Ignore { reason, .. } if reason.trim().is_empty() => Err("`reason` must say why".into()),
            Self::Ignore { reason, .. } if reason.chars().count() > LONGEST_REASON => {
                Err(format!("`reason` is longer than {LONGEST_REASON} characters"))
            }
            _ => Ok(Some(answer)),
        }
    }
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It is taken; the order is looked at again now.
    Accepted,
    /// The order waits for no such answer.
    NothingAsked,
    /// The order was never heard of.
    UnknownOrder,
}

impl Books<'_> {
    /// An order that no other integration posted is posted, however old it is: a person approved it.
    pub fn take_over(&self, at: &OrderRef) -> Result<(), SqlError> {
        let [connection, order_id] = at.params();
        let statement = "INSERT OR IGNORE INTO taken_over (connection, order_id, at) VALUES (?, ?, ?)";
        self.platform.sql.exec(statement, &[connection, order_id, iso(self.platform.clock.now()).into()]).map(drop)
    }

    /// True if that was approved.
    pub fn is_taken_over(&self, at: &OrderRef) -> Result<bool, SqlError> {
        is_taken_over(self.platform.sql, at)
    }

    /// A person says what becomes of money that moved since the start date for an older order. It holds for the money
    /// that was asked about: what moves later is asked about again.
    pub async fn answer(&self, at: &OrderRef, answer: &Answer) -> Result<Answered, SqlError> {
        let now: DateTime<Utc> = self.platform.clock.now();
        let (decision, why, named) = match answer {
            Answer::StandAlone { documents } => ("stand_alone", None, documents),
            Answer::Ignore { reason, documents } => ("ignore", Some(reason.trim()), documents),
        };
        let named = serde_json::to_string(named).map_err(|error| SqlError(error.to_string()))?;
        let answered = transaction(self.platform.sql, |sql| {
            if orders::load(sql, at)?.is_none() {
                return Ok::<_, SqlError>(Answered::UnknownOrder);
            }
            let [connection, order_id] = at.params();
            // Only while the order waits for it: what was asked may have been settled since.
            let rows = sql.exec(
                "UPDATE cutover_questions SET decision = ?3, why = ?4, answered_at = ?5
                 WHERE connection = ?1 AND order_id = ?2 AND decision IS NULL
                     AND (?6 = '[]' OR document_key IN (SELECT value FROM json_each(?6)))
                     AND EXISTS (SELECT 1 FROM orders
                     WHERE connection = ?1 AND order_id = ?2 AND state = 'held'
                     AND reason IN ('before_start_date', 'changed_after_posting'))
                 RETURNING document_key",
                &[connection, order_id, decision.into(), why.into(), iso(now).into(), named.into()],
            )?;
            if rows.is_empty() {
                return Ok(Answered::NothingAsked);
            }
            obstacles::probe_now(sql, at)?;
            orders::release(sql, at, now)?;
            Ok(Answered::Accepted)
        })?;
        self.arm(Some(now)).await?;
        Ok(answered)
    }
}
