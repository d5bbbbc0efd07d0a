//! Notices when a shop falls silent: no delivery for several times the longest pause that usually ends on that day of
//! the week, so that a shop that rests at weekends is missed on a Tuesday already; or none at all in a week after its
//! connection was ready. Then the subscriptions are checked, the orders that changed meanwhile are fetched, and somebody is
//! told, once. The next delivery ends it.

use chrono::{DateTime, Datelike, Duration, NaiveDate, Utc, Weekday};
use serde::{Deserialize, Serialize};

use super::alerts;
use super::books::Books;
use super::fetch;
use super::known;
use super::orders::{self, Heard, OrderRef};
use super::schema::{clear_meta, meta, set_meta};
use super::shop::{Calls, NoAnswer};
use super::stopped;
use crate::config::Connection;
use crate::platform::time::{iso, parse_iso};
use crate::platform::{Sql, SqlError, transaction};
use crate::shopify::admin::{self, Summary};

/// Days with deliveries that tell what is usual: three of each day of the week.
const DAYS: usize = 21;
/// Days that have to be known before anything is called unusual.
const DAYS_NEEDED: usize = 3;
/// So many usual pauses make a silence.
const TIMES: i32 = 3;
/// Before that, only so long a pause is told of.
const NOT_KNOWN_YET: Duration = Duration::days(7);
/// No pause below this is a silence: a quiet hour is nothing.
const LEAST: Duration = Duration::hours(1);
/// While the silence lasts, the orders that changed are fetched this often.
const AGAIN: Duration = Duration::hours(6);
/// Fetched from this long before the last delivery on: deliveries may be late.
const OVERLAP: Duration = Duration::hours(1);
/// The kind of the alert.
const ALERT: &str = "silence";

/// When deliveries came: the last one, and the longest pause that ended on each of the last days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Pulse {
    last: DateTime<Utc>,
    /// Day and seconds.
    pauses: Vec<(NaiveDate, i64)>,
}

impl Pulse {
    fn beat(self, now: DateTime<Utc>) -> Self {
        let (today, pause) = (now.date_naive(), (now - self.last).num_seconds().max(0));
        let mut pauses = self.pauses;
        match pauses.last_mut().filter(|(day, _)| *day == today) {
            Some((_, longest)) => *longest = pause.max(*longest),
            None => pauses.push((today, pause)),
        }
        let surplus = pauses.len().saturating_sub(DAYS);
        Self { last: now, pauses: pauses.split_off(surplus) }
    }

    /// The longest pause that usually ends on a day of the week; `None` where none ever did, and in the first days. An
    /// outage teaches patience for the day on which it ended, and for no other.
    fn usual(&self, on: Weekday) -> Option<Duration> {
        let on_that_day = self.pauses.iter().filter(|(day, _)| day.weekday() == on);
        let longest = on_that_day.map(|(_, seconds)| *seconds).max()?;
        (self.pauses.len() >= DAYS_NEEDED).then(|| Duration::seconds(longest))
    }

    fn is_silent(&self, now: DateTime<Utc>) -> bool {
        let pause = now - self.last;
        if self.pauses.len() < DAYS_NEEDED {
            return pause > NOT_KNOWN_YET;
        }
        self.usual(now.weekday()).is_some_and(|usual| pause > (usual * TIMES).max(LEAST))
    }
}

/// Orders to be looked through that changed since then.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct CatchUp {
    since: String,
    after: Option<String>,
}

/// A silence that was told of.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Silence {
    since: String,
    look_again: String,
}

/// What the status shows of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Hearing {
    /// When the last delivery came.
    pub last_delivery: Option<String>,
    /// The longest pause that usually ends on this day of the week, in seconds; not known in the first days, and on days
    /// on which the shop rests.
    pub usual_pause_seconds: Option<i64>,
    /// Since when the shop is silent, if it is.
    pub silent_since: Option<String>,
}

fn key(what: &str, connection: &str) -> String {
    format!("{what}:{connection}")
}

fn read<T: serde::de::DeserializeOwned>(sql: &dyn Sql, what: &str, connection: &str) -> Result<Option<T>, SqlError> {
    Ok(meta(sql, &key(what, connection))?.and_then(|text| serde_json::from_str(&text).ok()))
}

fn write<T: Serialize>(sql: &dyn Sql, what: &str, connection: &str, value: &T) -> Result<(), SqlError> {
    let text = serde_json::to_string(value).map_err(|error| SqlError(error.to_string()))?;
    set_meta(sql, &key(what, connection), &text)
}

/// A delivery came.
pub fn heard(sql: &dyn Sql, now: DateTime<Utc>, connection: &str) -> Result<(), SqlError> {
    let pulse: Option<Pulse> = read(sql, "pulse", connection)?;
    let pulse = pulse.map_or(Pulse { last: now, pauses: Vec::new() }, |pulse| pulse.beat(now));
    write(sql, "pulse", connection, &pulse)?;
    if let Some(silence) = read::<Silence>(sql, "silence", connection)? {
        // What was told last before this delivery may have been given up after the last look.
        catch_up_since(sql, connection, parse_iso(&silence.since).unwrap_or(now))?;
        clear_meta(sql, &key("silence", connection))?;
        alerts::close(sql, now, connection, ALERT)?;
    }
    Ok(())
}

/// The connection was found right: from then on deliveries are expected.
pub fn expect(sql: &dyn Sql, now: DateTime<Utc>, connection: &str) -> Result<(), SqlError> {
    match read::<DateTime<Utc>>(sql, "expected", connection)? {
        Some(_) => Ok(()),
        None => write(sql, "expected", connection, &now),
    }
}

/// Since when the shop is silent, if it is.
fn silent_since(sql: &dyn Sql, now: DateTime<Utc>, connection: &str) -> Result<Option<DateTime<Utc>>, SqlError> {
    if let Some(pulse) = read::<Pulse>(sql, "pulse", connection)? {
        return Ok(pulse.is_silent(now).then_some(pulse.last));
    }
    let expected: Option<DateTime<Utc>> = read(sql, "expected", connection)?;
    Ok(expected.filter(|since| now - *since > NOT_KNOWN_YET))
}

/// When the last delivery came, if one did.
pub fn last_heard(sql: &dyn Sql, connection: &str) -> Result<Option<DateTime<Utc>>, SqlError> {
    Ok(read::<Pulse>(sql, "pulse", connection)?.map(|pulse| pulse.last))
}

/// Looks through the orders that changed since shortly before then; a look that is under way goes back as far as it did.
pub fn catch_up_since(sql: &dyn Sql, connection: &str, since: DateTime<Utc>) -> Result<(), SqlError> {
    let under_way = read::<CatchUp>(sql, "catch_up", connection)?.map(|one| one.since);
    let since = iso(since - OVERLAP);
    let since = under_way.map_or(since.clone(), |earlier| earlier.min(since));
    write(sql, "catch_up", connection, &CatchUp { since, after: None })
}

impl Books<'_> {
    /// What is known of a connection's deliveries.
    pub(super) fn hearing(&self, connection: &str) -> Result<Hearing, SqlError> {
        let sql = self.platform.sql;
        let pulse: Option<Pulse> = read(sql, "pulse", connection)?;
        let today = self.platform.clock.now().weekday();
        Ok(Hearing {
            last_delivery: pulse.as_ref().map(|pulse| iso(pulse.last)),
            usual_pause_seconds: pulse.as_ref().and_then(|pulse| pulse.usual(today)).map(|usual| usual.num_seconds()),
            silent_since: read::<Silence>(sql, "silence", connection)?.map(|silence| silence.since),
        })
    }

    /// True if the shop fell silent, or is silent still and it is time to look again.
    pub(super) fn silence_is_due(&self, connection: &Connection, now: DateTime<Utc>) -> Result<bool, SqlError> {
        let sql = self.platform.sql;
        if stopped::since(sql, &connection.id)?.is_some() {
            return Ok(false);
        }
        let silent = silent_since(sql, now, &connection.id)?.is_some();
        let again = read::<Silence>(sql, "silence", &connection.id)?.and_then(|one| parse_iso(&one.look_again));
        Ok(silent && again.is_none_or(|again| now >= again))
    }

    /// Tells of a silence, once, and has everything looked through that may have been missed.
    pub(super) fn note_silence(&self, connection: &Connection, now: DateTime<Utc>) -> Result<(), SqlError> {
        let can_ask = self.admin_access(connection)?.is_some();
        transaction(self.platform.sql, |sql| {
            let Some(since) = silent_since(sql, now, &connection.id)? else { return Ok(()) };
            let silence = Silence { since: iso(since), look_again: iso(now + AGAIN) };
            write(sql, "silence", &connection.id, &silence)?;
            if can_ask {
                catch_up_since(sql, &connection.id, since)?;
            }
            self.ask_for_check(&connection.id)?;
            let what = if can_ask {
                "The orders that changed since then are fetched; look at the webhook subscriptions in /api/status."
            } else {
                "Check the webhooks in Shopify. With SHOPIFY_CLIENT_ID and SHOPIFY_CLIENT_SECRET (or SHOPIFY_ACCESS_TOKEN) \
                 what was missed is fetched by itself."
            };
            let pulse: Option<Pulse> = read(sql, "pulse", &connection.id)?;
            let (shop, since) = (&connection.shop, silence.since);
            let told = match pulse.map(|pulse| pulse.usual(now.weekday())) {
                None => format!(
                    "No delivery ever came from {shop}, and its connection is ready since {since}. Where it sold anything, \
                     its webhooks do not exist, do not lead to this Worker's /webhooks/shopify, or are signed with \
                     another secret than the one that is set"
                ),
                Some(Some(usual)) => {
                    let minutes = usual.num_minutes();
                    format!("No delivery from {shop} since {since}; the longest usual pause is {minutes} minutes")
                }
                Some(None) => format!("No delivery from {shop} since {since}; what is usual there is not known yet"),
            };
            let message = format!("{told}. {what}");
            alerts::open(sql, now, &connection.id, ALERT, &message)
        })
    }

    pub(super) fn catch_up_is_due(&self, connection: &Connection) -> Result<bool, SqlError> {
        let waiting = read::<CatchUp>(self.platform.sql, "catch_up", &connection.id)?.is_some();
        Ok(waiting && self.admin_access(connection)?.is_some())
    }

    /// Looks through one page of changed orders: what is not known in that state is wanted.
    pub(super) async fn catch_up(&self, connection: &Connection, calls: &Calls) -> Result<(), NoAnswer> {
        let sql = self.platform.sql;
        let Some(at) = read::<CatchUp>(sql, "catch_up", &connection.id)? else { return Ok(()) };
        let Some(shop) = self.shop(connection, calls)? else { return Ok(()) };
        let data = shop.ask(&admin::orders_changed_since(&at.since, at.after.as_deref())).await?;
        let (page, next) = match admin::summaries(&data) {
            Ok(page) => page,
            Err(trouble) => return Err(shop.pause(trouble)?),
        };
        let now = self.platform.clock.now();
        transaction(sql, |sql| {
            for one in page.iter().filter(|one| !one.test) {
                want_if_new(sql, now, &connection.id, one)?;
            }
            match next {
                Some(next) => {
                    let rest = CatchUp { since: at.since.clone(), after: Some(next) };
                    write(sql, "catch_up", &connection.id, &rest)
                }
                None => clear_meta(sql, &key("catch_up", &connection.id)),
            }
        })?;
        Ok(())
    }
}

fn want_if_new(sql: &dyn Sql, now: DateTime<Utc>, connection: &str, one: &Summary) -> Result<(), SqlError> {
    let at = OrderRef { connection: connection.to_owned(), order_id: one.order_id.clone() };
    if known::knows_snapshot(sql, &at, one.updated_at)? {
        return Ok(());
    }
    orders::wake(sql, &at, Some(one.name.as_str().into()), Heard::Afterwards, now, now)?;
    fetch::want(sql, &at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Timelike;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// A delivery every half hour from nine to five, for that many days from Monday, 2 November 2026; none at weekends.
    fn working_days(days: i64) -> Pulse {
        let mut pulse = Pulse { last: at("2026-11-02T09:00:00Z"), pauses: Vec::new() };
        for half_hour in 1..days * 48 {
            let now = at("2026-11-02T09:00:00Z") + Duration::minutes(30 * half_hour);
            let (weekend, night) = (now.weekday().number_from_monday() > 5, !(9..17).contains(&now.hour()));
            if !weekend && !night {
                pulse = pulse.beat(now);
            }
        }
        pulse
    }

    #[test]
    fn nights_and_weekends_are_no_silence_and_a_shop_that_rests_at_weekends_is_missed_within_three_days() {
        let month = working_days(26);
        assert_eq!(month.last, at("2026-11-27T16:30:00Z"), "a Friday");
        let hours = |hours: i64| Duration::hours(hours) + Duration::minutes(30);
        assert_eq!((month.usual(Weekday::Mon), month.usual(Weekday::Tue)), (Some(hours(64)), Some(hours(16))));
        assert_eq!(month.usual(Weekday::Sun), None);
        let first_hour = |of: &Pulse| (1..400).find(|hour| of.is_silent(of.last + Duration::hours(*hour)));
        // Friday evening: nothing is unusual before Tuesday.
        assert_eq!(first_hour(&month), Some(80), "Tuesday, half past midnight");
        let thursday = working_days(25);
        assert_eq!(thursday.last, at("2026-11-26T16:30:00Z"));
        assert_eq!(first_hour(&thursday), Some(104), "Tuesday: nothing could tell Friday from a slow one");
        let monday = working_days(22);
        assert_eq!(first_hour(&monday), Some(50), "Wednesday evening");
    }

    #[test]
    fn an_outage_teaches_patience_for_one_day_only_and_in_the_first_days_a_week_is_a_silence() {
        let pulse = working_days(26);
        let after = pulse.clone().beat(pulse.last + Duration::days(31));
        let taught = after.last.weekday();
        assert_eq!(after.usual(taught), Some(Duration::days(31)));
        assert_eq!(after.usual(taught.succ()), pulse.usual(taught.succ()));
        let young =
            Pulse { last: at("2026-11-02T09:00:00Z"), pauses: vec![(at("2026-11-02T09:00:00Z").date_naive(), 5)] };
        assert!(!young.is_silent(young.last + Duration::days(6)) && young.is_silent(young.last + Duration::days(8)));
    }
}
