//! What a turn asks of Shopify, before it works on the books: what the shop says of itself, are the subscriptions there,
//! what changed while nothing was heard, what a backfill lists, and the orders that are wanted whole. Trouble with Shopify
//! never stops the books.

use chrono::{DateTime, Utc};

use super::books::Books;
use super::shop::{Calls, NoAnswer, paused};
use crate::config::Connection;
use crate::platform::SqlError;

impl Books<'_> {
    /// True if Shopify is to be asked something, other than for orders that are due.
    pub(super) fn errands_due(&self) -> Result<bool, SqlError> {
        let (sql, now) = (self.platform.sql, self.platform.clock.now());
        for one in &self.connections {
            let asking = || {
                Ok::<bool, SqlError>(
                    self.shop_is_unread(one, now)?
                        || self.check_is_due(one, now)?
                        || self.catch_up_is_due(one)?
                        || self.backfill_is_due(one)?,
                )
            };
            if self.silence_is_due(one, now)? || (paused(sql, &one.id, now)?.is_none() && asking()?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Asks as far as `calls` go. Returns true if there is more to ask.
    pub(super) async fn errands(&self, calls: &Calls) -> Result<bool, SqlError> {
        let now = self.platform.clock.now();
        if self.errands_due()? {
            self.begin(now).await?;
        }
        for connection in &self.connections {
            if self.silence_is_due(connection, now)? {
                self.note_silence(connection, now)?;
            }
            match self.ask_around(connection, now, calls).await {
                Err(NoAnswer::Sql(error)) => return Err(error),
                Ok(()) | Err(NoAnswer::NoCallsLeft | NoAnswer::Paused(..)) => {}
            }
        }
        self.fetch_wanted(calls).await?;
        self.errands_due()
    }

    async fn ask_around(&self, connection: &Connection, now: DateTime<Utc>, calls: &Calls) -> Result<(), NoAnswer> {
        if self.shop_is_unread(connection, now)? {
            self.read_shop(connection, calls).await?;
        }
        if self.check_is_due(connection, now)? {
            self.check_subscriptions(connection, calls).await?;
        }
        if self.catch_up_is_due(connection)? {
            self.catch_up(connection, calls).await?;
        }
        if self.backfill_is_due(connection)? {
            self.backfill_on(connection, now, calls).await?;
        }
        Ok(())
    }
}
