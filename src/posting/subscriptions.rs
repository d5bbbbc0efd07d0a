//! Keeps the webhook subscriptions of connections that make them through the Admin API (`subscriptions = "api"`): once a
//! day, and when a shop falls silent, every topic that is needed is there, points here and has the expected version.
//! Shopify removes a subscription after eight deliveries in a row that failed (facts/shopify §1.3). What is made is noted
//! before it is: a look that was interrupted goes on in a later turn, or after a restart, and knows what it made.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::alerts;
use super::books::Books;
use super::schema::{clear_meta, meta, set_meta};
use super::shop::{Calls, NoAnswer, Shop};
use super::silence;
use crate::config::{Connection, Subscriptions, variable};
use crate::platform::time::{iso, parse_iso};
use crate::platform::{Sql, SqlError, transaction};
use crate::shopify::admin::{self, NEEDED, Subscription, Trouble};

/// How often they are looked at: Shopify gives up on an address after four hours of failures.
const EVERY: Duration = Duration::hours(24);
/// The kind of the alert.
const ALERT: &str = "subscriptions";

/// What is missing where the settings say that this program makes them, and it cannot.
const NO_ACCESS: &str = "subscriptions = \"api\" needs SHOPIFY_CLIENT_ID and SHOPIFY_CLIENT_SECRET, or SHOPIFY_ACCESS_TOKEN \
     (with several shops those of this connection, with its id at the end): until then no webhook is set up here, and no \
     order arrives";

/// What the last look found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// When.
    pub checked_at: String,
    /// Topics whose subscription was missing or wrong and was made.
    pub made: Vec<String>,
    /// What could not be put right, and what to do.
    pub problems: Vec<String>,
}

fn check_key(connection: &str) -> String {
    format!("subscriptions:{connection}")
}

/// Where the topics stand that a look which is under way makes.
fn making_key(connection: &str) -> String {
    format!("makes_subscriptions:{connection}")
}

fn making(sql: &dyn Sql, connection: &str) -> Result<Vec<String>, SqlError> {
    let text = meta(sql, &making_key(connection))?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

fn set_making(sql: &dyn Sql, connection: &str, topics: &[String]) -> Result<(), SqlError> {
    let text = serde_json::to_string(topics).map_err(|error| SqlError(error.to_string()))?;
    set_meta(sql, &making_key(connection), &text)
}

fn asked_key(connection: &str) -> String {
    format!("check_subscriptions:{connection}")
}

impl Books<'_> {
    /// What the last look at a connection's subscriptions found.
    pub fn subscriptions(&self, connection: &str) -> Result<Option<Check>, SqlError> {
        let text = meta(self.platform.sql, &check_key(connection))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Asks for a look before the day is over.
    pub(super) fn ask_for_check(&self, connection: &str) -> Result<(), SqlError> {
        set_meta(self.platform.sql, &asked_key(connection), "yes")
    }

    pub(super) fn check_is_due(&self, connection: &Connection, now: DateTime<Utc>) -> Result<bool, SqlError> {
        if !makes_them(connection) {
            return Ok(false);
        }
        let check = self.subscriptions(&connection.id)?;
        let lacked_access = check.as_ref().is_some_and(|check| check.problems.iter().any(|one| one == NO_ACCESS));
        if lacked_access || self.admin_access(connection)?.is_none() {
            return Ok(lacked_access == self.admin_access(connection)?.is_some());
        }
        let checked = check.and_then(|check| parse_iso(&check.checked_at));
        let asked = meta(self.platform.sql, &asked_key(&connection.id))?.is_some();
        Ok(asked || checked.is_none_or(|at| now - at >= EVERY))
    }

    /// Looks at them now, where this program makes them; what the calls do not suffice for is done in the next turn.
    pub(super) async fn check_now(&self, connection: &Connection, calls: &Calls) -> Result<(), NoAnswer> {
        if !makes_them(connection) {
            return Ok(());
        }
        self.ask_for_check(&connection.id)?;
        self.check_subscriptions(connection, calls).await
    }

    /// Looks at them and makes what is missing.
    pub(super) async fn check_subscriptions(&self, connection: &Connection, calls: &Calls) -> Result<(), NoAnswer> {
        let before = self.subscriptions(&connection.id)?;
        let mut check = Check::default();
        if self.admin_access(connection)?.is_none() {
            check.problems.push(NO_ACCESS.to_owned());
            return Ok(self.record_check(connection, before.as_ref(), check)?);
        }
        let Some(shop) = self.shop(connection, calls)? else { return Ok(()) };
        match variable(self.variables, "PUBLIC_URL").filter(|url| url.starts_with("https://")) {
            Some(url) => {
                let here = format!("{}/webhooks/shopify", url.trim_end_matches('/'));
                self.put_right(&shop, connection, &here, &mut check).await?;
            }
            None => check.problems.push(
                "set the variable PUBLIC_URL to this Worker's address (https://…), so that Shopify can be told where to deliver".into(),
            ),
        }
        self.record_check(connection, before.as_ref(), check)?;
        Ok(())
    }

    /// Every needed topic has one subscription that serves `here`. Asking again after an interruption goes on where it
    /// stopped.
    async fn put_right(
        &self,
        shop: &Shop<'_>,
        connection: &Connection,
        here: &str,
        check: &mut Check,
    ) -> Result<(), NoAnswer> {
        let sql = self.platform.sql;
        check.made = making(sql, &connection.id)?;
        let all = match list(shop).await? {
            Ok(all) => all,
            // What is not on a torn list may be there all the same.
            Err(trouble) => {
                check.problems.push(trouble.to_string());
                return Ok(());
            }
        };
        for (topic, name) in NEEDED {
            let (good, wrong): (Vec<&Subscription>, Vec<&Subscription>) =
                all.iter().filter(|one| one.topic == topic && one.uri == here).partition(|one| one.fault().is_none());
            if !good.is_empty() {
                continue;
            }
            if !check.made.iter().any(|made| made == name) {
                check.made.push(name.to_owned());
                set_making(sql, &connection.id, &check.made)?;
                sql.sync().await?;
            }
            for one in wrong {
                if let Err(why) = admin::removed(&shop.ask(&admin::unsubscribe(&one.id)).await?) {
                    check.problems.push(format!("{name}: Shopify does not remove the old subscription ({why})"));
                }
            }
            if let Err(why) = admin::created(&shop.ask(&admin::subscribe(topic, here)).await?) {
                check.made.retain(|made| made != name);
                check.problems.push(format!("{name}: Shopify does not make the subscription ({why})"));
            }
        }
        Ok(())
    }

    fn record_check(&self, connection: &Connection, before: Option<&Check>, mut check: Check) -> Result<(), SqlError> {
        let now = self.platform.clock.now();
        check.checked_at = iso(now);
        let text = serde_json::to_string(&check).map_err(|error| SqlError(error.to_string()))?;
        transaction(self.platform.sql, |sql| {
            set_meta(sql, &check_key(&connection.id), &text)?;
            clear_meta(sql, &asked_key(&connection.id))?;
            clear_meta(sql, &making_key(&connection.id))?;
            let lost = before.filter(|_| !check.made.is_empty());
            if lost.is_none() && check.problems.is_empty() {
                return alerts::close(sql, now, &connection.id, ALERT);
            }
            if let Some(before) = lost {
                // Other topics may have been heard of all the time: these were there at the last look.
                let seen = parse_iso(&before.checked_at).unwrap_or(now);
                let heard = silence::last_heard(sql, &connection.id)?.unwrap_or(now);
                silence::catch_up_since(sql, &connection.id, seen.min(heard))?;
            }
            alerts::open(sql, now, &connection.id, ALERT, &message(connection, &check))
        })
    }
}

/// True if this program makes the connection's subscriptions, not the app's own configuration.
pub fn makes_them(connection: &Connection) -> bool {
    connection.settings.as_ref().is_ok_and(|settings| settings.subscriptions == Subscriptions::Api)
}

/// The settings leave them to the app's configuration by now: what was found before is nobody's concern.
pub fn forget(sql: &dyn Sql, connection: &str, now: DateTime<Utc>) -> Result<(), SqlError> {
    [check_key(connection), asked_key(connection), making_key(connection)]
        .iter()
        .try_for_each(|key| clear_meta(sql, key))?;
    alerts::close(sql, now, connection, ALERT)
}

fn message(connection: &Connection, check: &Check) -> String {
    let mut parts = Vec::new();
    if !check.made.is_empty() {
        parts.push(format!(
            "the webhook subscriptions for {} were missing or wrong and were made again; what happened meanwhile is fetched",
            check.made.join(", ")
        ));
    }
    parts.extend(check.problems.iter().cloned());
    format!("{}: {}", connection.shop, parts.join("; "))
}

/// Every subscription of the app, or why the list cannot be read to its end.
async fn list(shop: &Shop<'_>) -> Result<Result<Vec<Subscription>, Trouble>, NoAnswer> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let data = shop.ask(&admin::list_subscriptions(after.as_deref())).await?;
        match admin::listed(&data) {
            Ok((page, next)) => {
                all.extend(page);
                after = next;
            }
            Err(trouble) => return Ok(Err(trouble)),
        }
        if after.is_none() {
            return Ok(Ok(all));
        }
    }
}
