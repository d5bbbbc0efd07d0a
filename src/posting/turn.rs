//! One alarm turn: bounded in orders, calls, bytes and time. It never fails: whatever happens is recorded, and the alarm is
//! set again to the earliest thing that is due.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Utc};

use super::apply::Applied;
use super::books::Books;
use super::breaker;
use super::budget::{self, Cost};
use super::changes;
use super::grant;
use super::next::next;
use super::obstacles;
use super::orders::{self, Ending, MOST_MARKS, OrderRef, OrderRow};
use super::privacy;
use super::retention;
use super::retry::backoff;
use super::round::{Allowance, Ride};
use super::shop::{Calls, SHOPIFY_CALLS};
use super::tokens::{self, Refused};
use crate::config::Connection;
use crate::journal;
use crate::ledgers::Ledger;
use crate::platform::{LogLine, SqlError, transaction};

/// Orders that a turn takes on: they fill three requests to Xero or five to QuickBooks at every stage, and make about as
/// many records as a turn sends to D1.
const ORDERS: usize = 150;
/// Orders that a turn takes on if two turns with them never ended: about the root of [`ORDERS`], so that finding the one
/// among them takes as many turns as it has orders.
const SUSPECTS: usize = 12;
/// Requests to the ledger and to Shopify in a turn. The platform's smallest plan allows 50 subrequests, we take at most
/// 40: one for the token, and up to 21 for the journal.
const CALLS: usize = 18;
/// A turn that is not heard of for this long has crashed.
const SAFETY: Duration = Duration::seconds(60);
/// After this long no new calls go out in a turn.
const WORKING_TIME: Duration = Duration::seconds(20);
/// After this long Shopify is asked no more in a turn: the books have their turn too.
const ASKING_TIME: Duration = Duration::seconds(15);
/// How long a turn waits for tokens that somebody else is refreshing: that call takes a second or two.
const REFRESH_WAIT: Duration = Duration::seconds(3);
/// Why nothing goes out although nothing is wrong.
const PACING: &str = "calls are paced below the ledger's own limits";
/// How often a ledger that waits for a person is asked again.
const RECONNECT_PROBE: Duration = Duration::minutes(15);
/// How long the outbox waits after D1 failed.
const JOURNAL_RETRY: Duration = Duration::seconds(10);
/// How long the object rests after a turn that its own database failed.
const FAILED_TURN: Duration = Duration::seconds(10);
/// Flushes in a turn: each is at most seven statements.
const FLUSHES: usize = 3;

impl Books<'_> {
    /// Works on what is due, sends the journal's records, sets the alarm again. Does nothing beside another turn.
    pub async fn turn(&self) {
        let now = self.platform.clock.now();
        if self.platform.pulse.beats(now) {
            // The other turn sets the alarm when it ends; this one is for the case that it never does.
            let _ = self.platform.alarm.set(now + SAFETY).await;
            return;
        }
        self.at_work();
        let calls = Calls::new(SHOPIFY_CALLS, now + ASKING_TIME);
        let ask_again = self.errands(&calls).await.unwrap_or_default().then_some(now);
        let worked = match self.work(CALLS - SHOPIFY_CALLS + calls.left()).await {
            // A company that was confirmed just now is looked at although no order waits.
            Ok(()) => self.check_again().await,
            failed => failed,
        };
        // What fails here is tried again when cron next looks.
        let tidy_again = self.tidy().unwrap_or_default();
        let flush_again = self.flush_journal().await;
        self.platform.pulse.stop();
        // An object that cannot even set its alarm is woken by the next delivery or by cron.
        let _ = match worked {
            Ok(()) => self.arm([ask_again, tidy_again, flush_again].into_iter().flatten().min()).await,
            // What is due would only fail again at once.
            Err(error) => {
                self.platform.log.write(&LogLine { books: Some(self.id.into()), ..LogLine::failed("turn", error) });
                self.platform.alarm.set(now + FAILED_TURN).await
            }
        };
    }

    /// Makes the object look at everything that is due: for cron, which heals a lost alarm. An alarm that a crash left
    /// hanging keeps the platform from ringing another, so what waits on it is worked on right here.
    pub async fn poke(&self) -> Result<(), SqlError> {
        let sql = self.platform.sql;
        self.notice_new_settings()?;
        self.notice_missing_secrets()?;
        tokens::keep_alive(self).await?;
        self.let_unconfirmed_go().await?;
        transaction(sql, |sql| changes::forget_old(sql, self.platform.clock.now()))?;
        if !self.platform.pulse.beats(self.platform.clock.now()) {
            self.check_again().await?;
        }
        let now = self.platform.clock.now();
        let overdue = self.next_due()?.is_some_and(|due| now - due > SAFETY);
        if overdue && !self.platform.pulse.beats(now) {
            self.turn().await;
            return Ok(());
        }
        let untidy = self.errands_due()? || privacy::is_due(sql)? || retention::is_due(sql, &self.connections, now)?;
        let waiting = untidy || journal::backlog(sql)? > 0;
        self.arm(waiting.then_some(now)).await
    }

    /// Erases what is to be erased. Returns when to go on, if something is left.
    fn tidy(&self) -> Result<Option<DateTime<Utc>>, SqlError> {
        let (sql, now) = (self.platform.sql, self.platform.clock.now());
        let erase_again = privacy::step(sql, now)?;
        let purge_again = retention::step(sql, &self.connections, now)?.then_some(now);
        Ok([erase_again, purge_again].into_iter().flatten().min())
    }

    /// Says that the turn is still at work: before whatever may take its time. Returns the time.
    pub(super) fn at_work(&self) -> DateTime<Utc> {
        let now = self.platform.clock.now();
        self.platform.pulse.beat(now);
        now
    }

    /// The same, where it is not known whether a turn is at work.
    pub(super) fn still_at_work(&self) {
        if self.platform.pulse.beats(self.platform.clock.now()) {
            self.at_work();
        }
    }

    /// Has the object woken should nothing be heard of the turn again.
    pub(super) async fn begin(&self, now: DateTime<Utc>) -> Result<(), SqlError> {
        self.at_work();
        self.platform.alarm.set(now + SAFETY).await?;
        self.platform.sql.sync().await
    }

    async fn work(&self, calls: usize) -> Result<(), SqlError> {
        let sql = self.platform.sql;
        let now = self.platform.clock.now();
        self.notice_new_settings()?;
        let health = breaker::health(sql)?;
        if health.is_paused(now) {
            return Ok(());
        }
        transaction(sql, |sql| obstacles::send_probes(sql, now))?;
        let picked = self.pick(now, if health.is_probing() { 1 } else { ORDERS }).await?;
        let left = if picked.is_empty() { picked } else { self.rounds(picked, calls).await? };
        transaction(sql, |sql| left.iter().try_for_each(|row| orders::put_back(sql, &row.at)))
    }

    /// Takes the due orders and marks them, durably, before anything can go wrong with them. Whoever was in a turn that
    /// never ended is looked at more closely the next time (see [`together`]), and in the end held as crashed.
    async fn pick(&self, now: DateTime<Utc>, count: usize) -> Result<Vec<OrderRow>, SqlError> {
        let sql = self.platform.sql;
        let live = budget::backfill_waits(sql)?.is_some_and(|until| until > now);
        let due = orders::due(sql, now, count, live)?;
        if due.is_empty() {
            return Ok(due);
        }
        let (guilty, mut picked): (Vec<OrderRow>, Vec<OrderRow>) =
            due.into_iter().partition(|row| row.marks >= MOST_MARKS);
        // One turn that was cut off says nothing of anybody: who was in it goes on with those who were in none.
        let marks = picked.first().map_or(0, |row| row.marks.max(1));
        picked.retain(|row| row.marks.max(1) == marks);
        picked.truncate(together(marks).min(count));
        transaction(sql, |sql| {
            for row in guilty {
                orders::end(sql, &row.at, &Ending::Held(orders::crashed()), orders::ALL_NEWS, now)?;
            }
            Ok::<(), SqlError>(())
        })?;
        self.begin(now).await?;
        self.try_out(picked.iter().filter(|row| row.marks > 0)).await?;
        transaction(sql, |sql| orders::mark(sql, &picked))?;
        sql.sync().await?;
        Ok(picked)
    }

    /// Finds out one by one, without sending anything, which order cannot even be decided upon: what crashes here is
    /// held by the next turn, and takes nobody with it.
    async fn try_out(&self, suspects: impl Iterator<Item = &OrderRow>) -> Result<(), SqlError> {
        let sql = self.platform.sql;
        for row in suspects {
            orders::set_marks(sql, &row.at, MOST_MARKS)?;
            sql.sync().await?;
            next(self, row, &mut BTreeSet::new())?;
            orders::set_marks(sql, &row.at, row.marks)?;
        }
        Ok(())
    }

    /// Rounds of decide – record – send – apply until nothing is left to do, the turn is used up, or the connection
    /// pauses. Returns the orders that are not finished.
    async fn rounds(&self, mut active: Vec<OrderRow>, mut calls: usize) -> Result<Vec<OrderRow>, SqlError> {
        let sql = self.platform.sql;
        let ledger = self.connections.iter().find_map(|one| Some((one, self.ledger(one)?)));
        let Some((connection, ledger)) = ledger else { return self.decide(active).map(|needs| needs.rows()) };
        // What came first goes first in every round.
        let rank: BTreeMap<OrderRef, usize> = active.iter().map(|row| row.at.clone()).zip(0..).collect();
        let mut alone = BTreeSet::new();
        let (mut renew, mut renewed) = (false, false);
        // The daily look at a company is tried once in a turn: its failure stops nobody who passed.
        let mut tried = false;
        let began = self.platform.clock.now();
        while !active.is_empty() && calls > 0 && self.platform.clock.now() - began < WORKING_TIME {
            if self.paced(ledger.as_ref(), Cost::of(1))? {
                return Ok(active);
            }
            active.sort_by_key(|row| rank.get(&row.at).copied());
            let needs = self.decide(active)?;
            if needs_company(connection) {
                // No request can be put down before it is known whose books they are.
                self.token(connection, false).await?;
                return Ok(needs.rows());
            }
            if !needs.is_empty() {
                match self.look_first(&mut tried).await? {
                    Looked::Before => {}
                    Looked::Now => {
                        // What is needed is decided anew, by the verdict and with the ids of what the settings name.
                        let all = crate::config::connections(self.variables);
                        let anew = Books::open(self.platform, self.id, all, self.variables)?;
                        let calls = calls.saturating_sub(ledger.survey_size());
                        return Box::pin(anew.rounds(needs.rows(), calls)).await;
                    }
                    Looked::InVain => {
                        calls = calls.saturating_sub(ledger.survey_size());
                        active = needs.rows();
                        continue;
                    }
                    Looked::Never => return Ok(needs.rows()),
                }
            }
            let mut allowance = Allowance { calls, alone: &alone };
            let gathered = self.gather(ledger.as_ref(), needs, &mut allowance)?;
            calls = allowance.calls;
            active = gathered.waiting;
            if gathered.envelopes.is_empty() {
                if let Some(cost) = gathered.no_room_for {
                    self.paced(ledger.as_ref(), cost)?;
                }
                return Ok(active);
            }
            let seats = || gathered.envelopes.iter().flat_map(|one| &one.seats);
            self.at_work();
            let Some(token) = self.token(connection, renew).await? else {
                active.extend(seats().filter(|seat| seat.ride != Ride::Guest).map(|seat| seat.row.clone()));
                gathered.envelopes.iter().for_each(|one| self.leave_unsent(one));
                return Ok(active);
            };
            renew = false;
            // What goes over the wire is durable in the log before it does.
            sql.sync().await?;
            let mut pause = false;
            for (envelope, answer) in self.send(ledger.as_ref(), gathered.envelopes, &token).await {
                let applied = self.take_in(ledger.as_ref(), &envelope, answer.as_ref())?;
                for (seat, applied) in envelope.seats.into_iter().zip(applied) {
                    match &applied {
                        Applied::Alone => drop(alone.insert(seat.row.at.clone())),
                        Applied::Pause(_) => pause = true,
                        Applied::TokenExpired if !renewed => renew = true,
                        Applied::TokenExpired | Applied::Reconnect(_) => {
                            self.wants_reconnect("the ledger no longer accepts our access token")?;
                            pause = true;
                        }
                        Applied::Continue | Applied::Ended => {}
                    }
                    if applied != Applied::Ended && seat.ride != Ride::Guest {
                        active.push(self.reload(seat.row)?);
                    }
                }
            }
            renewed |= renew;
            if pause {
                return Ok(active);
            }
        }
        Ok(active)
    }

    /// Nothing goes out before the settings were held against the ledger. `tried` says that a daily look failed in this
    /// turn.
    async fn look_first(&self, tried: &mut bool) -> Result<Looked, SqlError> {
        let Some(unchecked) = self.unchecked(!*tried)? else { return Ok(Looked::Before) };
        let known = self.has_verdict(unchecked)?;
        match self.check(unchecked).await {
            Ok(()) => Ok(Looked::Now),
            Err(Refused::Sql(error)) => Err(error),
            Err(_) if known => {
                *tried = true;
                Ok(Looked::InVain)
            }
            Err(refused) => self.without_token(refused).map(|()| Looked::Never),
        }
    }

    /// True if the ledger's limits leave no room for `cost`: then the connection pauses until there is.
    fn paced(&self, ledger: &dyn Ledger, cost: Cost) -> Result<bool, SqlError> {
        match budget::wait(&self.platform, ledger.limits(), self.platform.clock.now(), cost)? {
            Some(until) => breaker::pause(self.platform.sql, until, PACING).map(|_| true),
            None => Ok(false),
        }
    }

    /// A valid access token; without one the connection pauses.
    async fn token(&self, connection: &Connection, renew: bool) -> Result<Option<String>, SqlError> {
        match tokens::access_token(self, connection, renew).await {
            Ok(token) => Ok(Some(token)),
            Err(refused) => self.without_token(refused).map(|()| None),
        }
    }

    /// What follows where the ledger cannot be asked: the connection pauses.
    fn without_token(&self, refused: Refused) -> Result<(), SqlError> {
        let now = self.platform.clock.now();
        match refused {
            Refused::Sql(error) => return Err(error),
            Refused::Busy => {
                breaker::pause(self.platform.sql, now + REFRESH_WAIT, "somebody else is asking the ledger").map(drop)?
            }
            Refused::Person(why) => self.wants_reconnect(&why)?,
            Refused::Later(why) => {
                let chance = self.platform.random.bits();
                let is_paused = breaker::health(self.platform.sql)?.is_paused(now);
                if breaker::failed(self.platform.sql, now, chance, &why)?.is_none() && !is_paused {
                    breaker::pause(self.platform.sql, now + backoff(1, chance), &why)?;
                }
            }
        }
        Ok(())
    }

    /// A person has to connect the ledger again; until then it is asked now and then.
    pub fn wants_reconnect(&self, why: &str) -> Result<(), SqlError> {
        grant::wants_reconnect(self, why)?;
        let until = self.platform.clock.now() + RECONNECT_PROBE;
        breaker::pause(self.platform.sql, until, why).map(drop)
    }

    fn reload(&self, row: OrderRow) -> Result<OrderRow, SqlError> {
        Ok(orders::load(self.platform.sql, &row.at)?.unwrap_or(row))
    }

    /// Sends what waits for D1. Returns when to try again, if something is left.
    pub(super) async fn flush_journal(&self) -> Option<DateTime<Utc>> {
        let source = self.source().ok()?;
        // Nothing waits for the log: what it could not be told now it is told the next time.
        let _ = self.log_news();
        for _ in 0..FLUSHES {
            self.at_work();
            match journal::flush(self.platform, &source).await {
                Ok(journal::Flushed::Empty) => return None,
                Ok(journal::Flushed::More) => {}
                Err(error) => {
                    let line = LogLine { books: Some(self.id.into()), ..LogLine::failed("journal", error) };
                    self.platform.log.write(&line);
                    return Some(self.platform.clock.now() + JOURNAL_RETRY);
                }
            }
        }
        Some(self.platform.clock.now())
    }
}

/// When the settings were held against the ledger.
enum Looked {
    /// Not long ago.
    Before,
    /// In this round.
    Now,
    /// Not in this turn, for the company could not be read; but they passed before.
    InVain,
    /// Not yet, and not now: the connection pauses.
    Never,
}

/// How many orders go together that were in so many turns which never ended. A turn that was cut off from outside must
/// not make a hundred orders go one by one, an order that crashes must not take others with it again and again.
fn together(marks: i64) -> usize {
    match marks {
        0 | 1 => ORDERS,
        2 => SUSPECTS,
        _ => 1,
    }
}

/// True while nobody has said which company the books are.
fn needs_company(connection: &Connection) -> bool {
    connection.settings.as_ref().is_ok_and(|settings| settings.company.is_empty())
}
