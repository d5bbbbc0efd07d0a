//! What work beside posting may use: a ledger and a shop that can be asked within what live orders leave over, and what
//! the engine knows of an order and would write for it. Nothing here writes to a ledger.

use chrono::{DateTime, Duration, Utc};
use serde_json::Value as Json;

use super::alerts;
use super::books::Books;
use super::breaker;
use super::budget::{self, Cost};
use super::documents;
use super::fetch;
use super::known;
use super::next::{Circumstances, Subject};
use super::orders::{self, Heard, OrderRef};
use super::plan::PostedDocuments;
use super::privacy;
use super::retention;
use super::schema::{meta, set_meta};
use super::shop::{Calls, NoAnswer};
use super::tokens::{self, Refused};
use crate::books::hold::{Hold, HoldReason};
use crate::config::{Connection, Settings};
use crate::ledgers::{self, Ledger, RateLimit, WireRequest};
use crate::normalize::{self, Desired};
use crate::platform::{Response, SqlError, transaction};
use crate::shopify::OrderState;
use crate::shopify::admin::{Question, Summary};
use crate::shopify::money::{MoneySet, Side};
use crate::shopify::transaction::Transaction;
use rust_decimal::Decimal;

/// Of every window of a ledger's limits, work beside posting leaves this share (one in so many) to live orders.
const LEFT_TO_LIVE: usize = 2;
/// What it waits for then.
const KEPT: &str = "the next calls to the ledger: half of them are kept for live orders";
/// How long it waits where the books cannot be asked for another reason.
const A_WHILE: Duration = Duration::minutes(5);
/// Questions to Shopify in a piece of work.
const SHOP_CALLS: usize = 12;
/// After so long no further question goes out in a piece of work.
const SHOP_TIME: Duration = Duration::seconds(15);

/// Why there is no answer just now.
#[derive(Debug, thiserror::Error)]
pub enum NoReply {
    /// Ask again then.
    #[error("{1}")]
    Later(DateTime<Utc>, String),
    /// The object's own database.
    #[error(transparent)]
    Sql(#[from] SqlError),
}

/// What is known of an order, and what it calls for.
pub struct Called {
    /// All that Shopify told of it.
    pub state: OrderState,
    /// What ought to stand.
    pub desired: Result<Desired, Hold>,
    /// What was written.
    pub posted: PostedDocuments,
    /// Where it stands in the engine (`pending`, `held` …); nothing if the engine never heard of it.
    pub standing: Option<(String, Option<String>)>,
}

/// What Shopify answers about an order.
#[derive(Debug, Clone)]
pub enum LookedUp {
    /// It knows no such order.
    Unknown,
    /// It knows it, and what it says cannot be read.
    Unreadable,
    /// The order.
    Found(Box<OrderState>),
}

impl Books<'_> {
    /// True if there is something to post: work beside it waits for that. What was looked up afterwards does not count, and
    /// while the connection pauses nothing is posted.
    pub fn posting_is_due(&self) -> Result<bool, SqlError> {
        let now = self.platform.clock.now();
        Ok(!breaker::health(self.platform.sql)?.is_paused(now)
            && !orders::due(self.platform.sql, now, 1, true)?.is_empty())
    }

    /// True if anything else waits for a turn of the engine: orders that were looked up afterwards, questions to Shopify,
    /// what is to be erased.
    pub fn a_turn_is_wanted(&self) -> Result<bool, SqlError> {
        let now = self.platform.clock.now();
        if privacy::is_due(self.platform.sql)? || retention::is_due(self.platform.sql, &self.connections, now)? {
            return Ok(true);
        }
        let live_only = budget::backfill_waits(self.platform.sql)?.is_some_and(|until| until > now);
        let paused = breaker::health(self.platform.sql)?.is_paused(now);
        let due = !paused && !orders::due(self.platform.sql, now, 1, live_only)?.is_empty();
        Ok(due || self.errands_due()?)
    }

    /// A piece of work begins: the object is woken should nothing be heard of it again.
    pub async fn begin_beside(&self) -> Result<(), SqlError> {
        self.begin(self.platform.clock.now()).await
    }

    /// It ended; the alarm is set to whatever is due next, `at` among it.
    pub async fn end_beside(&self, at: Option<DateTime<Utc>>) -> Result<(), SqlError> {
        self.platform.pulse.stop();
        self.arm(at).await
    }

    /// Has the object woken at that time, or earlier if something else is due before.
    pub async fn wake_beside(&self, at: DateTime<Utc>) -> Result<(), SqlError> {
        self.arm(Some(at)).await
    }

    /// A line of the object's notebook.
    pub fn note(&self, key: &str) -> Result<Option<String>, SqlError> {
        meta(self.platform.sql, key)
    }

    /// Writes one.
    pub fn set_note(&self, key: &str, text: &str) -> Result<(), SqlError> {
        set_meta(self.platform.sql, key, text)
    }

    /// Opens an alert on a connection, unless one of that kind is open.
    pub fn alert(&self, connection: &str, kind: &str, message: &str) -> Result<(), SqlError> {
        alerts::open(self.platform.sql, self.platform.clock.now(), connection, kind, message)
    }

    /// Closes it.
    pub fn close_alert(&self, connection: &str, kind: &str) -> Result<(), SqlError> {
        alerts::close(self.platform.sql, self.platform.clock.now(), connection, kind)
    }

    /// True if the engine knows an order in the state that Shopify lists, with all the money that moved.
    pub fn knows(&self, connection: &Connection, listed: &Summary) -> Result<bool, SqlError> {
        let at = OrderRef { connection: connection.id.clone(), order_id: listed.order_id.clone() };
        if !known::knows_snapshot(self.platform.sql, &at, listed.updated_at)? {
            return Ok(false);
        }
        let state = known::state_of(self.platform.sql, connection, &at)?.state;
        let moved = |counts: fn(&Transaction) -> bool| -> Decimal {
            let counted = state.transactions.values().filter(|one| counts(one));
            counted.map(|one| one.amount.0).sum()
        };
        let (received, returned) = (moved(Transaction::is_receipt), moved(Transaction::is_refund));
        let buyers = |set: &MoneySet| set.on(Side::Presentment);
        Ok(received == buyers(&listed.total_received) && returned == buyers(&listed.total_refunded))
    }

    /// Sends what waits for the journal.
    pub async fn flush_beside(&self) -> Option<DateTime<Utc>> {
        self.flush_journal().await
    }

    /// Asks the ledger something that changes nothing.
    pub async fn ask_ledger(
        &self,
        connection: &Connection,
        ledger: &dyn Ledger,
        question: &WireRequest,
    ) -> Result<Response, NoReply> {
        let sql = self.platform.sql;
        let now = self.platform.clock.now();
        let health = breaker::health(sql)?;
        if let Some(until) = health.pause_until.filter(|until| *until > now) {
            return Err(NoReply::Later(until, health.why.unwrap_or_default()));
        }
        if let Some(until) = budget::backfill_waits(sql)?.filter(|until| *until > now) {
            return Err(NoReply::Later(until, "the last calls of the day are kept for live orders".into()));
        }
        let mut renew = false;
        loop {
            let token = match tokens::access_token(self, connection, renew).await {
                Ok(token) => token,
                Err(Refused::Sql(error)) => return Err(error.into()),
                Err(Refused::Busy) => {
                    return Err(self.later(Duration::seconds(3), "the ledger is being asked just now"));
                }
                Err(Refused::Person(why)) => {
                    self.was_refused(connection, &why)?;
                    return Err(self.later(A_WHILE, &why));
                }
                Err(Refused::Later(why)) => return Err(self.later(A_WHILE, &why)),
            };
            let sent_at = self.platform.clock.now();
            let halved: Vec<RateLimit> = ledger.limits().iter().map(halved).collect();
            if let Some(until) = budget::wait(&self.platform, &halved, sent_at, Cost::of(1))? {
                return Err(NoReply::Later(until, KEPT.into()));
            }
            if !budget::take(&self.platform, ledger.limits(), sent_at, Cost::of(1))? {
                return Err(self.later(Duration::seconds(1), KEPT));
            }
            self.still_at_work();
            let answer = self.platform.http.send(ledger.address(question, &token)).await;
            let header = |name: &str| answer.as_ref().ok().and_then(|answer| answer.header(name)?.trim().parse().ok());
            if let Some(left) = header("x-daylimit-remaining") {
                budget::day_left(sql, self.platform.clock.now(), left)?;
            }
            let call = (sent_at, self.platform.clock.now(), Cost::of(1));
            budget::answered(&self.platform, ledger.limits(), call, header("x-minlimit-remaining"))?;
            let answer = answer.map_err(|error| self.later(A_WHILE, &error.to_string()))?;
            if answer.status == 401 && !renew {
                renew = true;
                continue;
            }
            if answer.status < 400 {
                breaker::is_up(sql)?;
            }
            return Ok(answer);
        }
    }

    /// Later, for that reason.
    pub fn later(&self, wait: Duration, why: &str) -> NoReply {
        NoReply::Later(self.platform.clock.now() + wait, why.to_owned())
    }

    /// What a piece of work may ask of Shopify.
    pub fn calls_beside(&self) -> Calls {
        Calls::new(SHOP_CALLS, self.platform.clock.now() + SHOP_TIME)
    }

    /// True if the connection's shop can be asked.
    pub fn can_ask_shop(&self, connection: &Connection) -> Result<bool, SqlError> {
        Ok(self.admin_access(connection)?.is_some())
    }

    /// Asks the shop.
    pub async fn ask_the_shop(
        &self,
        connection: &Connection,
        calls: &Calls,
        question: &Question,
    ) -> Result<Json, NoReply> {
        let Some(shop) = self.shop(connection, calls)? else {
            return Err(
                self.later(A_WHILE, "the shop cannot be asked: set SHOPIFY_CLIENT_ID and SHOPIFY_CLIENT_SECRET")
            );
        };
        shop.ask(question).await.map_err(|why| self.not_now(why))
    }

    fn not_now(&self, why: NoAnswer) -> NoReply {
        match why {
            NoAnswer::Sql(error) => NoReply::Sql(error),
            NoAnswer::Paused(until, why) => NoReply::Later(until, why),
            NoAnswer::NoCallsLeft => self.later(Duration::zero(), "this turn's questions are used up"),
        }
    }

    /// The whole order as Shopify has it now, without anything being kept of it.
    pub async fn look_up(&self, connection: &Connection, calls: &Calls, order_id: &str) -> Result<LookedUp, NoReply> {
        let Some(shop) = self.shop(connection, calls)? else {
            return Err(
                self.later(A_WHILE, "the shop cannot be asked: set SHOPIFY_CLIENT_ID and SHOPIFY_CLIENT_SECRET")
            );
        };
        let at = OrderRef { connection: connection.id.clone(), order_id: order_id.to_owned() };
        let body = self.fetch_order(&shop, &at).await.map_err(|why| self.not_now(why))?;
        let Some(body) = body else { return Ok(LookedUp::Unknown) };
        Ok(known::state_of_body(connection, &body)
            .map_or(LookedUp::Unreadable, |state| LookedUp::Found(Box::new(state))))
    }

    /// What is known of an order, and what it calls for now. With `state`, as if that were all that Shopify told of it.
    /// `settings` are the connection's, or as they would be.
    pub fn called(
        &self,
        connection: &Connection,
        settings: &Settings,
        order_id: &str,
        state: Option<OrderState>,
    ) -> Result<Called, SqlError> {
        let sql = self.platform.sql;
        let at = OrderRef { connection: connection.id.clone(), order_id: order_id.to_owned() };
        let statement = "SELECT state, reason FROM orders WHERE connection = ? AND order_id = ?";
        let rows = sql.exec(statement, &at.params())?;
        let standing = rows.first().map(|row| Ok::<_, SqlError>((row.text("state")?, row.text_or_null("reason")?)));
        let standing = standing.transpose()?;
        if is_crashed(standing.as_ref()) {
            // It is not looked at again before a person says so.
            let (state, posted) = (OrderState::default(), documents::posted(sql, &at)?);
            return Ok(Called { state, desired: Err(orders::crashed()), posted, standing });
        }
        let row = orders::load(sql, &at)?;
        let known = known::state_of(sql, connection, &at)?;
        let state = state.unwrap_or(known.state);
        let ledger = self.ledger_with(settings);
        let subject = Subject {
            at: &at,
            state: &state,
            settings,
            rules: ledger.as_ref(),
            shop: &connection.shop,
            stamp: row.as_ref().and_then(|row| row.stamp.as_ref()),
            seen: known.newest,
            may_fetch: false,
            may_infer: true,
        };
        let circumstances = Circumstances::of(self, &subject)?;
        let desired = normalize::desired(&circumstances.input(&subject));
        let posted = circumstances.posted;
        Ok(Called { state, desired, posted, standing })
    }

    /// The ledger company as settings that are not the connection's own would see it.
    pub fn ledger_with(&self, settings: &Settings) -> Box<dyn Ledger> {
        let home = self.company_facts().ok().and_then(|facts| facts.home_currency?.parse().ok());
        ledgers::open(settings, &settings.company, home, self.variables)
    }

    /// Has an order fetched whole and worked on, behind the live ones.
    pub fn want_again(&self, connection: &Connection, order_id: &str, name: Option<&str>) -> Result<(), SqlError> {
        let now = self.platform.clock.now();
        let at = OrderRef { connection: connection.id.clone(), order_id: order_id.to_owned() };
        let can_ask = self.can_ask_shop(connection)?;
        transaction(self.platform.sql, |sql| {
            orders::wake(sql, &at, name.map(Into::into), Heard::Afterwards, now, now)?;
            if can_ask { fetch::want(sql, &at) } else { Ok(()) }
        })
    }
}

/// True if the engine holds the order because it crashed.
fn is_crashed(standing: Option<&(String, Option<String>)>) -> bool {
    standing.is_some_and(|(state, reason)| state == "held" && reason.as_deref() == Some(HoldReason::Crashed.code()))
}

fn halved(limit: &RateLimit) -> RateLimit {
    RateLimit { most: (limit.most / LEFT_TO_LIVE).max(1), ..*limit }
}
