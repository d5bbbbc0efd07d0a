//! What a person ought to know at this moment, read off the figures. Pure: what follows on it is decided in `standing`.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};

use crate::books::hold::HoldReason;
use crate::config::ConfigError;
use crate::monitor::figures::{Figures, Ledger, OfConnection, Refused, age};
use crate::monitor::rates::{Rates, TARGET};
use crate::monitor::verdict::{BACKLOG, many, span};
use crate::platform::time::parse_iso;
use crate::posting::{OpenAlert, SHOPIFY_CHANGED};

/// Orders that wait for a person.
pub const HELD: &str = "held";
/// Too few events reached the ledger.
pub const SUCCESS: &str = "success_rate";
/// An order waits for too long.
pub const WAITING: &str = "oldest_waiting";
/// A ledger is away.
pub const DOWN: &str = "ledger_down";
/// Books that cannot be asked.
pub const UNREACHABLE: &str = "books_unreachable";
/// Both sides differ.
pub const DRIFT: &str = "drift";
/// D1 cannot be read.
pub const JOURNAL_AWAY: &str = "journal_away";
/// D1 does not get what happens.
pub const JOURNAL_LAG: &str = "journal_lag";
/// A variable of the deployment cannot be used.
pub const SETTINGS: &str = "settings";
/// The kind of the books' alerts that is told with the orders that it holds.
const SETTINGS_FAULT: &str = "settings_fault";

/// The kinds that are read off the figures; the books have theirs.
pub const KINDS: [&str; 12] = [
    HELD,
    SUCCESS,
    WAITING,
    DOWN,
    UNREACHABLE,
    DRIFT,
    JOURNAL_AWAY,
    JOURNAL_LAG,
    SETTINGS,
    "bad_signature",
    "unknown_shop",
    "no_secret",
];

/// What concerns no single connection.
pub const WHOLE: &str = "*";
/// Where nothing can be out of sight.
const HERE: &str = "";
/// What the journal shows.
const JOURNAL: &str = "journal";

/// Events without which a rate says nothing: below a hundred a single order would break a target of 99 %, and a single order
/// that is held is told anyway.
const EVENTS: i64 = 100;
/// How far above the target the rate is before it is said to be well again, in ten-thousandths.
const ABOVE: i64 = 20;
/// How long an order may wait: two hours, for an order of which only a part came waits an hour by rule, and the ledgers'
/// usual maintenance is over by then.
const LONGEST_WAIT: i64 = 7_200;
/// How long a ledger may be away before somebody hears of it: most outages are over by then, and nobody can end one.
const DOWN_FOR: Duration = Duration::minutes(15);
/// How long books and the journal may be out of reach: two ticks of cron, so that one that failed says nothing.
const AWAY_FOR: Duration = Duration::minutes(10);
/// How long the journal may take nothing: a flush is tried every ten seconds.
const STUCK_FOR: Duration = Duration::minutes(15);
/// Deliveries turned away in a quarter of an hour. Shopify tries each eight times within four hours, so that a wrong secret
/// comes to more within minutes, and a passing scanner to less.
const BURST: i64 = 10;

/// Something that a person ought to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Its kind.
    pub kind: String,
    /// The connection, or [`WHOLE`].
    pub connection: String,
    /// What tells it from others of its kind.
    pub about: String,
    /// Where it is seen: as long as that is out of sight it neither begins nor ends.
    pub source: String,
    /// What it is, in a few words that may stand alone.
    pub title: String,
    /// More of it, and what to do.
    pub text: String,
    /// How bad it is, to be compared with itself.
    pub count: i64,
    /// Since when, if that is known.
    pub since: Option<String>,
    /// It is told once it has lasted so long…
    pub after: Duration,
    /// …with this staying the same.
    pub sample: String,
    /// True if the books tell the journal of it themselves.
    pub of_books: bool,
    /// True if it is not bad enough to begin, and not good enough to be over: what is open stays so.
    pub lingers: bool,
}

impl Condition {
    fn new(kind: &str, connection: &str, source: &str, title: String, text: String) -> Self {
        Self {
            kind: kind.to_owned(),
            connection: connection.to_owned(),
            about: String::new(),
            source: source.to_owned(),
            title,
            text,
            count: 1,
            since: None,
            after: Duration::zero(),
            sample: String::new(),
            of_books: false,
            lingers: false,
        }
    }

    /// What tells it from all others.
    pub fn key(&self) -> [&str; 3] {
        [&self.kind, &self.connection, &self.about]
    }

    /// The same, seen elsewhere too. What the figures say is of this moment, what books say is of when it began.
    fn join(&mut self, other: Self) {
        if self.of_books && !other.of_books {
            (self.title, self.text) = (other.title, other.text);
        }
        if !self.source.split(AND).any(|one| one == other.source) {
            self.source = format!("{}{AND}{}", self.source, other.source);
        }
        self.count = self.count.max(other.count);
        self.since = [self.since.take(), other.since].into_iter().flatten().min();
        self.after = self.after.min(other.after);
        self.of_books |= other.of_books;
    }
}

fn of(books: &str) -> String {
    if books.is_empty() { JOURNAL.to_owned() } else { format!("books:{books}") }
}

/// What is seen in several places.
const AND: char = '+';

/// True while nothing can be said of what is seen there: in one of them, where it is seen in several.
pub fn is_out_of_sight(figures: &Figures, source: &str) -> bool {
    source.split(AND).any(|one| is_dark(figures, one))
}

fn is_dark(figures: &Figures, source: &str) -> bool {
    let Some(books) = source.strip_prefix("books:") else { return source == JOURNAL && figures.journal.is_some() };
    let found = figures.ledgers.iter().find(|one| one.books == books);
    // Which books there are beside those of the settings only the journal knows.
    found.map_or(figures.journal.is_some(), |one| one.unreachable.is_some())
}

/// Everything that a person ought to know now, each once: by kind, connection and what it is about.
pub fn conditions(figures: &Figures, now: DateTime<Utc>) -> Vec<Condition> {
    let mut all: Vec<Condition> = Vec::new();
    for one in found(figures, now) {
        match all.iter_mut().find(|known| known.key() == one.key()) {
            Some(known) => known.join(one),
            None => all.push(one),
        }
    }
    all
}

fn found(figures: &Figures, now: DateTime<Utc>) -> Vec<Condition> {
    let mut all: Vec<Condition> = figures.journal.iter().map(|why| journal_away(why)).collect();
    all.extend(figures.settings.iter().map(setting));
    for one in &figures.ledgers {
        all.extend(one.unreachable.iter().map(|why| unreachable(&one.books, why)));
        all.extend(down(one, now));
        all.extend(if figures.journal.is_none() { lag(one) } else { None });
        all.extend(told_by_books(one));
    }
    for one in &figures.connections {
        let ledger = figures.ledgers.iter().find(|ledger| ledger.books == one.books);
        let alerts = ledger.map(|ledger| ledger.alerts.as_slice()).unwrap_or_default();
        all.extend(held(one, alerts));
        // What stands still with its ledger is said with it.
        let stands_still = ledger.is_some_and(|one| one.reconnect.is_some() || down(one, now).is_some());
        all.extend(if stands_still { None } else { waiting(one, ledger, now) });
        all.extend(success(one));
        all.extend(drift(one));
    }
    all.extend(figures.refusals.iter().filter_map(burst));
    all
}

fn journal_away(why: &str) -> Condition {
    let text = format!(
        "{why}. Posting goes on; what happens is kept and written later. Look at Cloudflare's status and at D1"
    );
    let title = "the journal (D1) cannot be read".to_owned();
    Condition { after: AWAY_FOR, ..Condition::new(JOURNAL_AWAY, WHOLE, HERE, title, text) }
}

fn unreachable(books: &str, why: &str) -> Condition {
    let title = format!("the books {books} cannot be asked");
    let text = format!("{why}. Deliveries are refused meanwhile, and Shopify sends them again");
    let about = books.to_owned();
    Condition { about, after: AWAY_FOR, ..Condition::new(UNREACHABLE, WHOLE, HERE, title, text) }
}

fn down(one: &Ledger, now: DateTime<Utc>) -> Option<Condition> {
    let since = one.down_since.as_deref()?;
    let lasts = now - parse_iso(since)?;
    if lasts < DOWN_FOR || one.reconnect.is_some() {
        return None;
    }
    let why = one.pause_reason.as_deref().unwrap_or("it answers to nothing");
    let title = format!("no call has come through to the ledger of {} for {}", one.books, span(lasts.num_seconds()));
    let text = format!("{why}. What waits is sent once it answers; nothing is lost. Look at the vendor's status page");
    let since = Some(since.to_owned());
    Some(Condition { about: one.books.clone(), since, ..Condition::new(DOWN, WHOLE, &of(&one.books), title, text) })
}

fn lag(one: &Ledger) -> Option<Condition> {
    let head = one.journal_head?;
    let many = one.journal_backlog > BACKLOG;
    let title =
        format!("{} of {} are not in the journal (D1) yet", self::many(one.journal_backlog, "record"), one.books);
    let text =
        "What the tables and the figures say is old. If it lasts, look at D1: its status, and its size".to_owned();
    Some(Condition {
        about: one.books.clone(),
        count: one.journal_backlog,
        after: if many { Duration::zero() } else { STUCK_FOR },
        // So many are too many whether the oldest of them moves or not.
        sample: if many { String::new() } else { head.to_string() },
        ..Condition::new(JOURNAL_LAG, WHOLE, &format!("{}{AND}{JOURNAL}", of(&one.books)), title, text)
    })
}

/// What the books say themselves: one of each kind.
fn told_by_books(one: &Ledger) -> Vec<Condition> {
    let mut kinds: BTreeMap<(&str, &str), Vec<&OpenAlert>> = BTreeMap::new();
    for alert in one.alerts.iter().filter(|alert| alert.kind != SETTINGS_FAULT) {
        kinds.entry((&alert.connection, &alert.kind)).or_default().push(alert);
    }
    let told = |((connection, kind), mut alerts): ((&str, &str), Vec<&OpenAlert>)| {
        alerts.sort_by(|one, other| one.at.cmp(&other.at));
        let first = alerts.first()?;
        let more = if alerts.len() > 1 { format!(" ({} such things)", alerts.len()) } else { String::new() };
        Some(Condition {
            count: i64::try_from(alerts.len()).unwrap_or(i64::MAX),
            since: Some(first.at.clone()),
            of_books: true,
            ..Condition::new(
                kind,
                connection,
                &of(&one.books),
                format!("{} of {connection}{more}", name(kind)),
                first.message.clone(),
            )
        })
    };
    kinds.into_iter().filter_map(told).collect()
}

/// What the books' kinds are called; others by their code.
fn name(kind: &str) -> &str {
    match kind {
        "reconnect" => "the ledger has to be connected again: the permission",
        "consent_ends" => "the consent ends soon: the permission",
        "tokens_end" => "the tokens end soon: the permission",
        "token_key" => "the tokens cannot be read: the permission",
        "consent_unconfirmed" => "a consent was not confirmed: the permission",
        "silence" => "nothing was heard of the shop",
        "app_uninstalled" => "the app was removed from the shop",
        "shopify_admin" => "the shop cannot be asked",
        "webhook_secret" => "no delivery can be verified: the secrets",
        "subscriptions" => "Shopify does not tell everything: the webhook subscriptions",
        "connection_left" => "orders were left behind",
        "preflight_failed" => "the settings do not fit the ledger",
        "reconciliation_crashed" => "a comparison of both sides crashed and was given up",
        SHOPIFY_CHANGED => "Shopify's bodies are not as they were: what is sent",
        other => other,
    }
}

fn held(one: &OfConnection, alerts: &[OpenAlert]) -> Vec<Condition> {
    let is_told = |reason: &str| alerts.iter().any(|alert| alert.connection == one.id && alert.kind == reason);
    let groups = one.held.iter().filter(|group| !is_told(&group.reason));
    let condition = |group: &crate::posting::HeldOrders| {
        let reason = HoldReason::ALL.into_iter().find(|reason| reason.code() == group.reason);
        let fault = format!("{}:", group.reason);
        // What the ledger refuses is known by name.
        let met = alerts.iter().find(|alert| alert.kind == SETTINGS_FAULT && alert.about.starts_with(&fault));
        let text = match (met, reason) {
            (Some(alert), _) => alert.message.clone(),
            (None, Some(reason)) => format!("{} {}", reason.meaning(), reason.remedy()),
            (None, None) => String::new(),
        };
        let are = if group.orders == 1 { "is" } else { "are" };
        let title = format!("{} of {} {are} held: {}", many(group.orders, "order"), one.id, group.reason);
        let page = format!("See /orders?connection={}&state=held&reason={}", one.id, group.reason);
        Condition {
            about: group.reason.clone(),
            count: group.orders,
            since: Some(group.since.clone()),
            ..Condition::new(HELD, &one.id, &of(&one.books), title, format!("{} {page}", sentence(&text)))
        }
    };
    groups.map(condition).collect()
}

/// With a full stop.
fn sentence(text: &str) -> String {
    if text.is_empty() || text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}

fn waiting(one: &OfConnection, ledger: Option<&Ledger>, now: DateTime<Utc>) -> Option<Condition> {
    let since = one.oldest_waiting.clone();
    let seconds = age(since.as_deref(), now).filter(|seconds| *seconds > LONGEST_WAIT)?;
    let title = format!("an order of {} has waited for {} to be sent", one.id, span(seconds));
    let why = ledger.filter(|ledger| ledger.paused_until.is_some()).and_then(|ledger| ledger.pause_reason.as_deref());
    let why = why.map(|why| format!("Nothing is sent for now: {}. ", why.trim_end_matches('.'))).unwrap_or_default();
    let wait = if one.waiting == 1 { "waits" } else { "wait" };
    let orders = many(one.waiting, "order");
    let text = format!(
        "{why}{orders} {wait}. See /orders?connection={id}&state=pending for what was not tried yet. See \
         /orders?connection={id}&state=retrying for what is tried again",
        id = one.id
    );
    // Twice as long is worse.
    let count = seconds / 3_600;
    Some(Condition { count, since, ..Condition::new(WAITING, &one.id, &of(&one.books), title, text) })
}

/// Of the last day where that says something, else of the last week. It is over once the rate is clearly above the target:
/// a shop that has about as many events as are needed would hear of it several times a day.
fn success(one: &OfConnection) -> Option<Condition> {
    let of = |name, rates| success_within(one, name, rates);
    let counted = |rates: &Rates| rates.events - rates.on_their_way;
    let lingers = |condition: Condition| Condition { lingers: true, ..condition };
    let (day, today) = (of("24 hours", &one.last_day), counted(&one.last_day));
    let week = of("7 days", &one.last_week).filter(|_| counted(&one.last_week) >= EVENTS);
    if today >= EVENTS {
        return day.or_else(|| week.filter(|_| today < 2 * EVENTS).map(lingers));
    }
    week.or_else(|| day.filter(|_| today >= EVENTS / 2).map(lingers))
}

fn success_within(one: &OfConnection, name: &str, rates: &Rates) -> Option<Condition> {
    let success = rates.success().filter(|success| *success < TARGET + ABOVE)?;
    let percent = rates.percent()?;
    let title = format!("{percent} % of the events of {} reached the ledger within the last {name}", one.id);
    let text = format!("{} did not; the target is 99 %. See / for what waits and what is held", rates.missing());
    let lingers = success >= TARGET;
    Some(Condition { count: rates.missing(), lingers, ..Condition::new(SUCCESS, &one.id, JOURNAL, title, text) })
}

fn drift(one: &OfConnection) -> Option<Condition> {
    let left = one.left.filter(|left| *left > 0)?;
    let title = format!("the last comparisons of {} left {} between both sides", one.id, many(left, "difference"));
    let text = "See /reconciliations for what differs and the plan".to_owned();
    Some(Condition { count: left, ..Condition::new(DRIFT, &one.id, JOURNAL, title, text) })
}

fn burst(one: &Refused) -> Option<Condition> {
    let (what, text) = match one.kind.as_str() {
        "bad_signature" => (
            "forged",
            "Their signature does not fit. If they are the shop's own, its secret is not among \
             SHOPIFY_WEBHOOK_SECRETS: set it. If not, somebody tries the door; nothing of it was taken in",
        ),
        "unknown_shop" => (
            "from a shop that no connection names",
            "If it is yours, configure a connection for it; else remove its webhooks to this address",
        ),
        "no_secret" => {
            ("not verifiable", "Set SHOPIFY_WEBHOOK_SECRETS for the shop; Shopify sends them again for hours")
        }
        _ => return None,
    };
    if one.most < BURST {
        return None;
    }
    let title = format!("{} within an hour {} {what} ({})", many(one.count, "request"), were(one.count), one.shop);
    let about = one.shop.clone();
    Some(Condition { about, count: one.count, ..Condition::new(&one.kind, WHOLE, JOURNAL, title, text.to_owned()) })
}

fn were(count: i64) -> &'static str {
    if count == 1 { "was" } else { "were" }
}

/// A variable of the deployment that cannot be used.
fn setting(problem: &ConfigError) -> Condition {
    let title = format!("the variable {} cannot be used", problem.key);
    let about = problem.key.clone();
    Condition { about, ..Condition::new(SETTINGS, WHOLE, HERE, title, format!("It {}", problem.problem)) }
}
