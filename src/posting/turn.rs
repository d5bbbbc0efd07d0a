//! One alarm turn: bounded in orders, calls and time. It never fails: whatever happens is recorded, and the alarm is set
//! again to the earliest thing that is due.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};
use futures_util::StreamExt;
use futures_util::stream;

use super::apply::{Answer, Applied, apply};
use super::books::Books;
use super::breaker;
use super::budget::Spent;
use super::grant;
use super::next::{Action, Call, next};
use super::orders::{self, Ending, MOST_MARKS, OrderRow};
use super::parties;
use super::retry::backoff;
use super::schema::{clear_meta, meta, set_meta};
use super::tokens::{self, Refused};
use crate::config::Connection;
use crate::journal;
use crate::ledgers::Ledger;
use crate::platform::time::{iso, parse_iso};
use crate::platform::{SqlError, transaction};

/// Orders that a turn takes on: enough to fill its calls, few enough to be held together in memory.
const ORDERS: usize = 20;
/// Calls to the ledger in a turn. The platform's smallest plan allows 50 subrequests; D1 and the token need the rest.
const CALLS: usize = 30;
/// Calls in flight at once: Xero allows five, the platform six connections.
const IN_FLIGHT: usize = 5;
/// A turn that is not heard of for this long has crashed.
const SAFETY: Duration = Duration::seconds(60);
/// After this long no new calls go out in a turn.
const WORKING_TIME: Duration = Duration::seconds(20);
/// A turn older than this has crashed: its working time, the last calls' 30 seconds and the journal's are over.
const STUCK: Duration = Duration::seconds(80);
const TURN_BEGAN: &str = "turn_began";
/// How often a ledger that waits for a person is asked again.
const RECONNECT_PROBE: Duration = Duration::minutes(15);
/// How long a turn waits for tokens that somebody else is refreshing: that call takes a second or two.
const REFRESH_WAIT: Duration = Duration::seconds(3);
/// How long the outbox waits after D1 failed.
const JOURNAL_RETRY: Duration = Duration::seconds(10);
/// How long the object rests after a turn that its own database failed.
const FAILED_TURN: Duration = Duration::seconds(10);
/// Flushes in a turn: each is at most six statements.
const FLUSHES: usize = 3;

impl Books<'_> {
    /// Works on what is due, sends the journal's records, sets the alarm again.
    pub async fn turn(&self) {
        let now = self.platform.clock.now();
        let worked = self.work().await;
        let _ = clear_meta(self.platform.sql, TURN_BEGAN);
        let flush_again = self.flush_journal().await;
        // An object that cannot even set its alarm is woken by the next delivery or by cron.
        let _ = match worked {
            Ok(again) => self.arm(again.into_iter().chain(flush_again).min()).await,
            // What is due would only fail again at once.
            Err(_) => self.platform.alarm.set(now + FAILED_TURN).await,
        };
    }

    /// Makes the object look at everything that is due: for cron, which heals a lost alarm. An alarm that a crash left
    /// hanging keeps the platform from ringing another, so what waits on it is worked on right here.
    pub async fn poke(&self) -> Result<(), SqlError> {
        let sql = self.platform.sql;
        tokens::keep_alive(self).await?;
        let now = self.platform.clock.now();
        let began = meta(sql, TURN_BEGAN)?.as_deref().and_then(parse_iso);
        let overdue = orders::next_due(sql)?.is_some_and(|due| now - due > STUCK);
        if overdue && began.is_none_or(|began| now - began > STUCK) {
            self.turn().await;
            return Ok(());
        }
        let waiting = journal::backlog(sql)? > 0;
        self.arm(waiting.then_some(now)).await
    }

    /// Returns when the turn wants to be called again besides the orders' own due times.
    async fn work(&self) -> Result<Option<DateTime<Utc>>, SqlError> {
        let sql = self.platform.sql;
        let now = self.platform.clock.now();
        self.notice_new_settings()?;
        let health = breaker::health(sql)?;
        if health.is_paused(now) {
            return self.postpone(health.pause_until.unwrap_or(now)).map(|()| None);
        }
        let picked = self.pick(now, if health.is_probing() { 1 } else { ORDERS }).await?;
        if picked.is_empty() {
            return Ok(None);
        }
        let left = self.rounds(picked).await?;
        let until = left.1.unwrap_or_else(|| self.platform.clock.now());
        for order in left.0 {
            let ending = Ending::Interrupted(until);
            transaction(sql, |sql| orders::end(sql, &order.at, &ending, orders::ALL_NEWS, self.platform.clock.now()))?;
        }
        if left.1.is_some() {
            self.postpone(until)?;
        }
        Ok(None)
    }

    /// Takes the due orders and marks them, durably, before anything can go wrong with them. What two turns began with
    /// and neither ended is held as crashed.
    async fn pick(&self, now: DateTime<Utc>, count: usize) -> Result<Vec<OrderRow>, SqlError> {
        let sql = self.platform.sql;
        let due = orders::due(sql, now, count)?;
        if due.is_empty() {
            return Ok(due);
        }
        // An order that crashed before goes alone: should it crash again, it takes nobody with it.
        let suspect = due.iter().any(|row| row.marks > 0) && due.iter().all(|row| row.marks > 0);
        let mut picked = Vec::new();
        transaction(sql, |sql| {
            for row in due {
                if row.marks >= MOST_MARKS {
                    orders::end(sql, &row.at, &Ending::Held(orders::crashed()), orders::ALL_NEWS, now)?;
                } else if row.marks == 0 || (suspect && picked.is_empty()) {
                    picked.push(row);
                }
            }
            set_meta(sql, TURN_BEGAN, &iso(now))?;
            orders::mark(sql, &picked)
        })?;
        self.platform.alarm.set(now + SAFETY).await?;
        sql.sync().await?;
        Ok(picked)
    }

    /// Rounds of decide – record – send – apply until nothing is left to do or the turn is used up. Returns the orders
    /// that are not finished, and until when the connection pauses, if it does.
    async fn rounds(&self, mut active: Vec<OrderRow>) -> Result<(Vec<OrderRow>, Option<DateTime<Utc>>), SqlError> {
        let mut calls_left = CALLS;
        let limits = self.connections.iter().find_map(|one| self.ledger(one)).map_or(&[][..], |ledger| ledger.limits());
        let mut spent = Spent::load(self.platform.sql)?;
        let mut renew = false;
        let mut renewed = false;
        let began = self.platform.clock.now();
        while !active.is_empty() && calls_left > 0 && self.platform.clock.now() - began < WORKING_TIME {
            let room = match spent.room(limits, self.platform.clock.now()) {
                Ok(room) => room,
                Err(until) => return Ok((active, Some(until))),
            };
            let (waiting, calls) = self.decide(active, calls_left.min(room))?;
            active = waiting;
            if calls.is_empty() {
                break;
            }
            calls_left -= calls.len();
            spent.spend(limits, self.platform.clock.now(), calls.len());
            spent.store(self.platform.sql)?;
            let rows = |calls: Vec<(OrderRow, Box<Call>)>| calls.into_iter().map(|(row, _)| row);
            let token = match self.token(&calls, renew).await? {
                Ok(token) => token,
                Err(until) => {
                    active.extend(rows(calls));
                    return Ok((active, Some(until)));
                }
            };
            renew = false;
            // The write log is durable before anything goes over the wire.
            self.platform.sql.sync().await?;
            let answers = self.send(calls, &token).await;
            let mut pause = None;
            for (row, call, answer) in answers {
                match self.take_in(&call, &answer)? {
                    Applied::Continue => active.push(self.reload(row)?),
                    Applied::End(ending) => self.end(&row, &ending, call.seen)?,
                    Applied::Pause(until) => {
                        pause = Some(until);
                        active.push(row);
                    }
                    Applied::TokenExpired if !renewed => {
                        renew = true;
                        active.push(row);
                    }
                    Applied::TokenExpired | Applied::Reconnect(_) => {
                        grant::wants_reconnect(self.platform.sql, "the ledger no longer accepts our access token")?;
                        pause = Some(self.platform.clock.now() + RECONNECT_PROBE);
                        active.push(row);
                    }
                }
            }
            renewed |= renew;
            if pause.is_some() {
                return Ok((active, pause));
            }
        }
        Ok((active, None))
    }

    /// What each order needs: endings are recorded at once, calls are collected.
    #[allow(clippy::type_complexity)] // Orders that wait, and orders with their calls.
    fn decide(
        &self,
        active: Vec<OrderRow>,
        most: usize,
    ) -> Result<(Vec<OrderRow>, Vec<(OrderRow, Box<Call>)>), SqlError> {
        let mut claims = BTreeSet::new();
        let (mut waiting, mut calls) = (Vec::new(), Vec::new());
        for row in active {
            if calls.len() >= most {
                waiting.push(row);
                continue;
            }
            match next(self, &row, &mut claims)? {
                Action::End(ending, seen) => self.end(&row, &ending, seen)?,
                Action::Later => waiting.push(row),
                Action::Call(call) => calls.push((row, call)),
            }
        }
        Ok((waiting, calls))
    }

    async fn send(&self, calls: Vec<(OrderRow, Box<Call>)>, token: &str) -> Vec<(OrderRow, Box<Call>, Answer)> {
        stream::iter(calls)
            .map(|(row, call)| async move {
                let sent_at = self.platform.clock.now();
                let ledger = self.connection(&row.at.connection).and_then(|one| self.ledger(one));
                let result = match ledger {
                    Some(ledger) => self.platform.http.send(ledger.address(&call.request, token)).await,
                    None => Err(crate::platform::HttpError::NotSent("the connection is not configured".into())),
                };
                (row, call, Answer { result, sent_at, received_at: self.platform.clock.now() })
            })
            .buffer_unordered(IN_FLIGHT)
            .collect()
            .await
    }

    fn take_in(&self, call: &Call, answer: &Answer) -> Result<Applied, SqlError> {
        let ledger: Option<Box<dyn Ledger>> =
            self.connection(&call.order.connection).and_then(|connection| self.ledger(connection));
        match ledger {
            Some(ledger) => apply(self, ledger.as_ref(), call, answer),
            None => Ok(Applied::Continue),
        }
    }

    /// A valid access token, or when to ask for one again.
    async fn token(
        &self,
        calls: &[(OrderRow, Box<Call>)],
        renew: bool,
    ) -> Result<Result<String, DateTime<Utc>>, SqlError> {
        let connection: Option<&Connection> = calls.first().and_then(|(row, _)| self.connection(&row.at.connection));
        let Some(connection) = connection else {
            return Ok(Err(self.platform.clock.now() + RECONNECT_PROBE));
        };
        let refused = match tokens::access_token(self, connection, renew).await {
            Ok(token) => return Ok(Ok(token)),
            Err(refused) => refused,
        };
        let now = self.platform.clock.now();
        match refused {
            Refused::Sql(error) => Err(error),
            Refused::Busy => Ok(Err(now + REFRESH_WAIT)),
            Refused::Person(why) => {
                grant::wants_reconnect(self.platform.sql, &why).map(|()| Err(now + RECONNECT_PROBE))
            }
            Refused::Later(why) => {
                let chance = self.platform.random.bits();
                let pause = breaker::failed(self.platform.sql, now, chance, &why)?;
                Ok(Err(pause.unwrap_or(now + backoff(1, chance))))
            }
        }
    }

    fn end(&self, row: &OrderRow, ending: &Ending, seen: i64) -> Result<(), SqlError> {
        let now = self.platform.clock.now();
        transaction(self.platform.sql, |sql| orders::end(sql, &row.at, ending, seen, now))
    }

    fn reload(&self, row: OrderRow) -> Result<OrderRow, SqlError> {
        Ok(orders::load(self.platform.sql, &row.at)?.unwrap_or(row))
    }

    /// While the connection pauses, no order is due earlier.
    fn postpone(&self, until: DateTime<Utc>) -> Result<(), SqlError> {
        let until = crate::platform::time::iso(until);
        let statement = "UPDATE orders SET due_at = ?1 WHERE due_at < ?1";
        self.platform.sql.exec(statement, &[until.into()]).map(drop)
    }

    /// Settings that changed may have cured what was held because of them.
    fn notice_new_settings(&self) -> Result<(), SqlError> {
        let sql = self.platform.sql;
        for connection in &self.connections {
            let key = format!("settings:{}", connection.id);
            if meta(sql, &key)?.as_deref() == Some(connection.version.as_str()) {
                continue;
            }
            transaction(sql, |sql| {
                parties::forget_references(sql)?;
                orders::release_settings_holds(sql, &connection.id, self.platform.clock.now())?;
                set_meta(sql, &key, &connection.version)
            })?;
        }
        Ok(())
    }

    /// Sends what waits for D1. Returns when to try again, if something is left.
    async fn flush_journal(&self) -> Option<DateTime<Utc>> {
        let source = self.source().ok()?;
        for _ in 0..FLUSHES {
            match journal::flush(self.platform, &source).await {
                Ok(journal::Flushed::Empty) => return None,
                Ok(journal::Flushed::More) => {}
                Err(_) => return Some(self.platform.clock.now() + JOURNAL_RETRY),
            }
        }
        Some(self.platform.clock.now())
    }
}
