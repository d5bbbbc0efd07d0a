//! What a shop says of itself, for preflight: read once a day where its Admin API can be used, and when an admin asks.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::books::Books;
use super::preflight;
use super::schema::{meta, set_meta};
use super::shop::{Calls, NoAnswer, paused};
use crate::config::Connection;
use crate::ledgers::preflight::ShopSide;
use crate::platform::time::{iso, parse_iso};
use crate::platform::{SqlError, transaction};
use crate::shopify::admin::{self, ShopFacts};

/// Scopes and currencies rarely change.
const EVERY: Duration = Duration::hours(24);

#[derive(Serialize, Deserialize)]
struct Read {
    at: String,
    facts: ShopFacts,
}

fn key(connection: &str) -> String {
    format!("shop_facts:{connection}")
}

impl Books<'_> {
    fn last_read(&self, connection: &Connection) -> Result<Option<Read>, SqlError> {
        Ok(meta(self.platform.sql, &key(&connection.id))?.and_then(|text| serde_json::from_str(&text).ok()))
    }

    pub(super) fn shop_is_unread(&self, connection: &Connection, now: DateTime<Utc>) -> Result<bool, SqlError> {
        if connection.settings.is_err() || self.admin_access(connection)?.is_none() {
            return Ok(false);
        }
        let at = self.last_read(connection)?.and_then(|read| parse_iso(&read.at));
        Ok(at.is_none_or(|at| now - at >= EVERY))
    }

    /// Asks the shop. What it says otherwise than before is held against the settings before the next write.
    pub(super) async fn read_shop(&self, connection: &Connection, calls: &Calls) -> Result<(), NoAnswer> {
        let Some(shop) = self.shop(connection, calls)? else { return Ok(()) };
        let data = shop.ask(&admin::shop()).await?;
        let facts = match admin::shop_facts(&data) {
            Ok(facts) => facts,
            Err(trouble) => return Err(shop.pause(trouble)?),
        };
        let (sql, now) = (self.platform.sql, self.platform.clock.now());
        let before = self.last_read(connection)?;
        transaction(sql, |sql| {
            if before.is_none_or(|before| before.facts != facts) {
                preflight::doubt(sql, connection, now)?;
            }
            let text = serde_json::to_string(&Read { at: iso(now), facts });
            set_meta(sql, &key(&connection.id), &text.map_err(|error| SqlError(error.to_string()))?)
        })?;
        Ok(())
    }

    /// The shop's time zone, by the tz database; the company's where the shop's is not known.
    pub fn time_zone(&self, connection: &str) -> Result<Option<String>, SqlError> {
        let read = self.connection(connection).map(|one| self.last_read(one)).transpose()?.flatten();
        let shops = read.and_then(|read| read.facts.time_zone);
        Ok(match shops {
            Some(zone) => Some(zone),
            None => self.company_facts()?.time_zone,
        })
    }

    /// What is known of the shop.
    pub(super) fn shop_side(&self, connection: &Connection) -> Result<ShopSide, SqlError> {
        if self.admin_access(connection)?.is_none() {
            return Ok(ShopSide::NoAccess);
        }
        let pause = paused(self.platform.sql, &connection.id, self.platform.clock.now())?;
        Ok(match (pause, self.last_read(connection)?) {
            (Some((_, why)), read) => ShopSide::Unanswered(why, read.map(|read| read.facts)),
            (None, Some(read)) => ShopSide::Answered(read.facts),
            (None, None) => ShopSide::Unanswered("nobody has asked yet".into(), None),
        })
    }
}
