//! The ledger's rate limits, kept ahead of it: what may go out now, and when more may. What was sent is written down in
//! the object, so that a restart does not forget it and whoever asks the ledger draws on the same budget; where the ledger
//! says that less is left than we think, it is right. A call counts from when room was taken for it until it was answered,
//! however long that takes, and a window longer: the ledger saw it at some moment between.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::schema::{clear_meta, meta, set_meta};
use crate::ledgers::{Counted, RateLimit};
use crate::platform::time::{iso, parse_iso};
use crate::platform::{Platform, Pulse, Sql, SqlError};

const SPENT: &str = "spent_calls";
/// Instants of sending are kept in steps of this many milliseconds: fine enough for limits by the second, and a minute
/// of them is a short text.
const STEP: i64 = 100;

/// What is left of the ledger's day, and when it said so.
const DAY_LEFT: &str = "day_left";
/// The last calls of a day are kept for live orders: a tenth of the smallest day that Xero gives (1,000 calls).
const RESERVE: usize = 100;
/// After this long it is worth a call to see whether a new day has begun: days begin at another time for each company.
const DAY_SEEN: Duration = Duration::hours(1);

/// How many calls are left of the day, as the ledger said last, and when.
const DAY_CALLS: &str = "day_calls";

/// Calls that the ledger still takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallsLeft {
    /// Within this minute, by our own count.
    pub minute: Option<usize>,
    /// Of the day, as the ledger said last; nothing where it counts no days, or said so longer ago than a day.
    pub day: Option<usize>,
}

/// The calls that are left.
pub fn left(sql: &dyn Sql, limits: &[RateLimit], now: DateTime<Utc>) -> Result<CallsLeft, SqlError> {
    let spent = Spent::load(sql)?;
    let by_minute = limits.iter().filter(|limit| limit.window == Duration::minutes(1));
    let minute = by_minute.map(|limit| limit.most.saturating_sub(spent.used(limit, now))).min();
    let said: Option<(String, usize)> = meta(sql, DAY_CALLS)?.and_then(|text| serde_json::from_str(&text).ok());
    let is_of_today = |at: &str| parse_iso(at).is_some_and(|at| now - at < Duration::days(1));
    Ok(CallsLeft { minute, day: said.filter(|(at, _)| is_of_today(at)).map(|(_, left)| left) })
}

/// The ledger says how many calls are left of the day.
pub fn day_left(sql: &dyn Sql, now: DateTime<Utc>, left: usize) -> Result<(), SqlError> {
    set_meta(sql, DAY_CALLS, &serde_json::to_string(&(iso(now), left)).unwrap_or_default())?;
    if left < RESERVE { set_meta(sql, DAY_LEFT, &iso(now)) } else { clear_meta(sql, DAY_LEFT) }
}

/// Until when what is fetched afterwards (backfill) waits because the day's last calls are kept for live orders.
pub fn backfill_waits(sql: &dyn Sql) -> Result<Option<DateTime<Utc>>, SqlError> {
    Ok(meta(sql, DAY_LEFT)?.as_deref().and_then(parse_iso).map(|seen| seen + DAY_SEEN))
}

/// What requests come to, by what ledgers count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Requests.
    pub requests: usize,
    /// Elements in them.
    pub elements: usize,
    /// Requests with more than one element.
    pub batches: usize,
}

impl Cost {
    /// One request that carries so many elements.
    pub fn of(elements: usize) -> Self {
        Self { requests: 1, elements, batches: usize::from(elements > 1) }
    }

    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            elements: self.elements + other.elements,
            batches: self.batches + other.batches,
        }
    }

    fn less(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(other.requests),
            elements: self.elements.saturating_sub(other.elements),
            batches: self.batches.saturating_sub(other.batches),
        }
    }

    fn counted(self, what: Counted) -> usize {
        match what {
            Counted::Requests => self.requests,
            Counted::Elements => self.elements,
            Counted::Batches => self.batches,
        }
    }
}

/// What was sent lately: when (in steps), and how much.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Spent(Vec<(i64, Cost)>);

fn step(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis().div_euclid(STEP)
}

fn steps(limit: &RateLimit) -> i64 {
    limit.window.num_milliseconds() / STEP
}

impl Spent {
    fn inside<'a>(&'a self, limit: &RateLimit, now: DateTime<Utc>) -> impl Iterator<Item = &'a (i64, Cost)> {
        let (last, window) = (step(now), steps(limit));
        self.0.iter().filter(move |(at, _)| *at > last - window - 1 && *at <= last)
    }

    fn used(&self, limit: &RateLimit, now: DateTime<Utc>) -> usize {
        self.inside(limit, now).map(|(_, cost)| cost.counted(limit.counts)).sum()
    }

    /// True if `cost` may go out at `now`.
    fn allows(&self, limits: &[RateLimit], now: DateTime<Utc>, cost: Cost) -> bool {
        limits.iter().all(|limit| self.used(limit, now) + cost.counted(limit.counts) <= limit.most)
    }

    /// The moment when `cost` may go out (or, where that takes several steps, when to look again), unless it may now.
    fn wait(&self, limits: &[RateLimit], now: DateTime<Utc>, cost: Cost) -> Option<DateTime<Utc>> {
        let full = limits.iter().filter(|limit| self.used(limit, now) + cost.counted(limit.counts) > limit.most);
        let leaves = |limit: &RateLimit| {
            let oldest = self.inside(limit, now).find(|(_, cost)| cost.counted(limit.counts) > 0)?.0;
            DateTime::from_timestamp_millis((oldest + steps(limit) + 1) * STEP)
        };
        let latest = full.map(|limit| leaves(limit).unwrap_or(now)).max()?;
        Some(latest.max(now + Duration::milliseconds(STEP)))
    }

    /// Counts what goes out at `now`, and forgets what no limit looks back to.
    fn spend(&mut self, limits: &[RateLimit], now: DateTime<Utc>, cost: Cost) {
        let longest = limits.iter().map(steps).max().unwrap_or(0);
        self.0.retain(|(at, _)| *at > step(now) - longest - 1 && *at <= step(now));
        match self.0.last_mut() {
            Some((at, spent)) if *at == step(now) => *spent = spent.and(cost),
            _ => self.0.push((step(now), cost)),
        }
    }

    /// The ledger says how many requests are left in the present minute. Another program may have used some: then its
    /// whole minute may still be ahead, and all that is used counts as used now. That more are left than we think means
    /// only that the ledger's window began anew, which ours does not rely on.
    fn correct(&mut self, limits: &[RateLimit], now: DateTime<Utc>, left: usize) {
        let minute = |limit: &&RateLimit| limit.counts == Counted::Requests && limit.window == Duration::minutes(1);
        let Some(limit) = limits.iter().find(minute) else { return };
        let used = limit.most.saturating_sub(left);
        if used > self.used(limit, now) {
            self.0.iter_mut().for_each(|(_, cost)| cost.requests = 0);
            self.spend(limits, now, Cost { requests: used, ..Cost::default() });
        }
    }

    /// The call that room was taken for at `taken_at` was answered at `now`: from here on the ledger's windows look back
    /// on it.
    fn answered(&mut self, limits: &[RateLimit], taken_at: DateTime<Utc>, now: DateTime<Utc>, cost: Cost) {
        if step(taken_at) == step(now) {
            return;
        }
        if let Some((_, sent)) = self.0.iter_mut().find(|(at, _)| *at == step(taken_at)) {
            *sent = sent.less(cost);
        }
        self.spend(limits, now, cost);
    }

    /// What the object remembers.
    fn load(sql: &dyn Sql) -> Result<Self, SqlError> {
        let text = meta(sql, SPENT)?.unwrap_or_default();
        let rows: Vec<(i64, usize, usize, usize)> = serde_json::from_str(&text).unwrap_or_default();
        let read = |(at, requests, elements, batches)| (at, Cost { requests, elements, batches });
        Ok(Self(rows.into_iter().map(read).collect()))
    }

    /// Makes the object remember it.
    fn store(&self, sql: &dyn Sql) -> Result<(), SqlError> {
        let rows: Vec<_> = self.0.iter().map(|(at, cost)| (at, cost.requests, cost.elements, cost.batches)).collect();
        set_meta(sql, SPENT, &serde_json::to_string(&rows).unwrap_or_default())
    }
}

/// Takes `cost` out of the budget, if there is room for it now. The request has to be [`answered`] or [`unsent`].
pub fn take(platform: &Platform<'_>, limits: &[RateLimit], now: DateTime<Utc>, cost: Cost) -> Result<bool, SqlError> {
    let mut spent = Spent::load(platform.sql)?;
    if is_crowded(platform.pulse, &spent, limits, now, cost) || !spent.allows(limits, now, cost) {
        return Ok(false);
    }
    spend(platform, &mut spent, limits, now, cost)?;
    Ok(true)
}

/// Counts a request that cannot wait: a person stands before it.
pub fn take_anyway(platform: &Platform<'_>, limits: &[RateLimit], now: DateTime<Utc>) -> Result<(), SqlError> {
    spend(platform, &mut Spent::load(platform.sql)?, limits, now, Cost::of(1))
}

fn spend(
    platform: &Platform<'_>,
    spent: &mut Spent,
    limits: &[RateLimit],
    now: DateTime<Utc>,
    cost: Cost,
) -> Result<(), SqlError> {
    spent.spend(limits, now, cost);
    platform.pulse.sets_out(now);
    spent.store(platform.sql)
}

/// True if requests that set out longer ago than a window looks back, and are still under way, leave no room. They may
/// reach the ledger at any moment.
fn is_crowded(pulse: &Pulse, spent: &Spent, limits: &[RateLimit], now: DateTime<Utc>, cost: Cost) -> bool {
    limits.iter().filter(|limit| limit.counts == Counted::Requests).any(|limit| {
        let late = pulse.under_way_since(now - limit.window);
        late > 0 && late + spent.used(limit, now) + cost.requests > limit.most
    })
}

/// The request that room was taken for at `taken_at` was answered at `now`: it counts from now on, and so does what the
/// ledger says is left of its minute.
pub fn answered(
    platform: &Platform<'_>,
    limits: &[RateLimit],
    call: (DateTime<Utc>, DateTime<Utc>, Cost),
    left: Option<usize>,
) -> Result<(), SqlError> {
    let (taken_at, now, cost) = call;
    platform.pulse.is_back(taken_at);
    let mut spent = Spent::load(platform.sql)?;
    spent.answered(limits, taken_at, now, cost);
    if let Some(left) = left {
        spent.correct(limits, now, left);
    }
    spent.store(platform.sql)
}

/// The request that room was taken for at `taken_at` will not go out. What was taken is not given back: it passes.
pub fn unsent(platform: &Platform<'_>, taken_at: DateTime<Utc>) {
    platform.pulse.is_back(taken_at);
}

/// When `cost` may go out, unless it may now.
pub fn wait(
    platform: &Platform<'_>,
    limits: &[RateLimit],
    now: DateTime<Utc>,
    cost: Cost,
) -> Result<Option<DateTime<Utc>>, SqlError> {
    let spent = Spent::load(platform.sql)?;
    let crowded = is_crowded(platform.pulse, &spent, limits, now, cost);
    let a_moment = crowded.then(|| now + Duration::milliseconds(STEP));
    Ok(spent.wait(limits, now, cost).max(a_moment))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(counts: Counted, most: usize, seconds: i64) -> RateLimit {
        RateLimit { counts, most, window: Duration::seconds(seconds) }
    }

    fn limits() -> [RateLimit; 4] {
        use Counted::{Batches, Elements, Requests};
        [limit(Requests, 10, 1), limit(Requests, 25, 60), limit(Elements, 120, 60), limit(Batches, 8, 60)]
    }

    fn at(milliseconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_760_000_000_000 + milliseconds).unwrap()
    }

    #[test]
    fn no_window_of_any_limit_ever_holds_more_than_is_allowed() {
        let mut spent = Spent::default();
        let mut sent: Vec<(i64, Cost)> = Vec::new();
        let mut now = 0;
        while sent.len() < 200 {
            let cost = Cost::of([1, 9, 30][sent.len() % 3]);
            if spent.allows(&limits(), at(now), cost) {
                spent.spend(&limits(), at(now), cost);
                sent.push((now, cost));
                now += 7;
            } else {
                let until = spent.wait(&limits(), at(now), cost).unwrap();
                assert!(until > at(now), "waiting ends later than it begins");
                now = until.timestamp_millis() - at(0).timestamp_millis();
            }
        }
        for (start, _) in &sent {
            for limit in limits() {
                let length = limit.window.num_milliseconds();
                let within = sent.iter().filter(|(one, _)| (*start..start + length).contains(one));
                let total: usize = within.map(|(_, cost)| cost.counted(limit.counts)).sum();
                assert!(total <= limit.most, "from {start}: {total} of {limit:?}");
            }
        }
        // Forty elements in three requests: the limit of elements is the narrowest.
        assert!(now < 200 / 3 * 40 / 120 * 63_000 + 61_000, "it does not wait much longer than it must: {now}");
    }

    #[test]
    fn a_call_that_took_its_time_counts_from_its_answer() {
        let mut spent = Spent::default();
        (0..10).for_each(|_| spent.spend(&limits(), at(0), Cost::of(1)));
        (0..5).for_each(|_| spent.answered(&limits(), at(0), at(900), Cost::of(1)));
        assert!(!spent.allows(&limits(), at(1_200), Cost { requests: 6, ..Cost::default() }));
        assert!(spent.allows(&limits(), at(1_200), Cost { requests: 5, ..Cost::default() }));
        assert!(spent.allows(&limits(), at(2_000), Cost { requests: 10, ..Cost::default() }));
    }

    #[test]
    fn a_call_without_an_answer_counts_however_old_it_is() {
        let (pulse, mut spent) = (Pulse::default(), Spent::default());
        let one = Cost::of(1);
        spent.spend(&limits(), at(0), one);
        pulse.sets_out(at(0));
        (0..9).for_each(|_| spent.spend(&limits(), at(2_000), one));
        assert!(spent.allows(&limits(), at(2_000), one), "the first has left the window");
        assert!(is_crowded(&pulse, &spent, &limits(), at(2_000), one), "but may reach the ledger now");
        pulse.is_back(at(0));
        assert!(!is_crowded(&pulse, &spent, &limits(), at(2_000), one));
        pulse.sets_out(at(0));
        assert!(!is_crowded(&pulse, &spent, &limits(), at(90_000), one), "lost with whoever sent it");
    }

    #[test]
    fn it_is_remembered_and_a_clock_that_goes_back_blocks_nothing() {
        let sql = crate::platform::native::Sqlite::in_memory().unwrap();
        super::super::schema::create(&sql).unwrap();
        let mut spent = Spent::default();
        (0..10).for_each(|_| spent.spend(&limits(), at(0), Cost::of(1)));
        spent.store(&sql).unwrap();
        let again = Spent::load(&sql).unwrap();
        assert_eq!(again, spent);
        assert!(!again.allows(&limits(), at(0), Cost::of(1)));
        assert_eq!(again.wait(&limits(), at(0), Cost::of(1)), Some(at(1_100)));
        assert!(again.allows(&limits(), at(-10_000), Cost::of(1)));
    }

    #[test]
    fn what_is_left_is_the_narrowest_limit_of_the_minute_and_what_the_ledger_said_of_the_day() {
        let sql = crate::platform::native::Sqlite::in_memory().unwrap();
        super::super::schema::create(&sql).unwrap();
        let mut spent = Spent::default();
        spent.spend(&limits(), at(0), Cost::of(5));
        spent.store(&sql).unwrap();
        assert_eq!(left(&sql, &limits(), at(1_000)).unwrap(), CallsLeft { minute: Some(7), day: None });
        day_left(&sql, at(1_000), 4_321).unwrap();
        assert_eq!(left(&sql, &limits(), at(90_000)).unwrap(), CallsLeft { minute: Some(8), day: Some(4_321) });
        assert_eq!(left(&sql, &limits(), at(90_000_000)).unwrap().day, None, "yesterday says nothing of today");
    }

    #[test]
    fn what_the_ledger_says_is_left_counts_where_it_is_less() {
        let mut spent = Spent::default();
        spent.spend(&limits(), at(0), Cost::of(1));
        spent.correct(&limits(), at(0), 24);
        assert!(spent.allows(&limits(), at(2_000), Cost { requests: 10, ..Cost::default() }));
        spent.correct(&limits(), at(2_000), 3);
        assert!(!spent.allows(&limits(), at(4_000), Cost { requests: 4, ..Cost::default() }));
        assert!(spent.allows(&limits(), at(4_000), Cost { requests: 3, ..Cost::default() }));
        assert!(spent.allows(&limits(), at(63_000), Cost { requests: 10, ..Cost::default() }));
    }
}
