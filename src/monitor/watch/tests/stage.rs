//! The watch with everything around it: time, its database, D1, the chat that hears of alerts, what the books say.

use std::cell::{Cell, RefCell};

use chrono::{DateTime, Duration, Utc};
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, pending};
use serde_json::Value as Json;

use crate::config::{Deployment, Variables};
use crate::journal::migrate;
use crate::monitor::watch::{Ticked, Watch};
use crate::monitor::{Told, gather};
use crate::platform::cipher::NoCipher;
use crate::platform::native::{Lines, ManualClock, RecordedAlarm, SeededRandom, Sqlite, SqliteJournal};
use crate::platform::time::{iso, parse_iso};
use crate::platform::{
    Claim, Clock, Companies, Http, HttpError, Platform, Pulse, Request, Response, Sql, Unasked, Value,
};
use crate::posting::{BooksStatus, ConnectionStatus, HeldOrders, OpenAlert};

pub const URL: &str = "https://hooks.example/services/s3cret";
pub const HEARTBEAT: &str = "https://heart.example/s3cret";

/// Whoever hears of it.
#[derive(Default)]
pub struct Chat {
    /// What it answers with; 0: nothing, -1: never.
    pub status: Cell<i32>,
    pub retry_after: Cell<i64>,
    pub heard: RefCell<Vec<Json>>,
    pub beats: Cell<usize>,
}

impl Http for Chat {
    fn send(&self, request: Request) -> LocalBoxFuture<'_, Result<Response, HttpError>> {
        if request.url == HEARTBEAT {
            self.beats.set(self.beats.get() + 1);
        } else {
            assert_eq!(request.url, URL);
            self.heard.borrow_mut().push(serde_json::from_str(&request.body.unwrap()).unwrap());
        }
        match self.status.get() {
            -1 => pending().boxed_local(),
            0 => async { Err(HttpError(format!("cannot load {URL}"))) }.boxed_local(),
            status => {
                let headers = match self.retry_after.get() {
                    0 => Vec::new(),
                    seconds => vec![("retry-after".to_owned(), seconds.to_string())],
                };
                let status = u16::try_from(status).unwrap();
                async move { Ok(Response { status, headers, body: String::new() }) }.boxed_local()
            }
        }
    }
}

pub struct Nobody;

impl Companies for Nobody {
    fn claim(&self, _: Claim) -> LocalBoxFuture<'_, Result<String, Unasked>> {
        async { Err(Unasked("nobody is there".into())) }.boxed_local()
    }
}

/// A deployment with one set of books.
pub struct Stage {
    pub clock: ManualClock,
    pub sql: Sqlite,
    pub journal: SqliteJournal,
    pub pulse: Pulse,
    pub log: Lines,
    pub chat: Chat,
    pub variables: RefCell<Variables>,
    pub status: RefCell<BooksStatus>,
    /// What other books say, if there are any.
    pub other: RefCell<Option<BooksStatus>>,
    pub unreachable: Cell<bool>,
    pub failed: Cell<bool>,
}

pub fn start() -> DateTime<Utc> {
    parse_iso("2026-11-20T12:00:00.000Z").unwrap()
}

impl Stage {
    pub fn new() -> Self {
        let text = |text: &str| Json::from(text);
        let variables = [("ALERT_URL".to_owned(), text(URL)), ("HEARTBEAT_URL".to_owned(), text(HEARTBEAT))].into();
        let journal = SqliteJournal::in_memory().unwrap();
        migrate(&journal).now_or_never().unwrap().unwrap();
        let main = ConnectionStatus { id: "main".into(), shop: "a.myshopify.com".into(), ..Default::default() };
        let status = BooksStatus { books: "main".into(), connections: vec![main], ..BooksStatus::default() };
        let chat = Chat::default();
        chat.status.set(200);
        Self {
            clock: ManualClock::at(start()),
            sql: Sqlite::in_memory().unwrap(),
            journal,
            pulse: Pulse::default(),
            log: Lines::default(),
            chat,
            variables: RefCell::new(variables),
            status: RefCell::new(status),
            other: RefCell::new(None),
            unreachable: Cell::new(false),
            failed: Cell::new(false),
        }
    }

    /// A tick, if it comes to its end; the clock goes on by five minutes.
    pub fn try_tick(&self) -> Option<Ticked> {
        let (alarm, random) = (RecordedAlarm::default(), SeededRandom::new(1));
        let platform = Platform {
            clock: &self.clock,
            random: &random,
            sql: &self.sql,
            journal: &self.journal,
            alarm: &alarm,
            pulse: &self.pulse,
            cipher: &NoCipher,
            http: &self.chat,
            companies: &Nobody,
            log: &self.log,
        };
        let deployment = Deployment::of(&self.variables.borrow());
        let watch = Watch { platform, deployment: &deployment };
        let status = if self.unreachable.get() { Err("no answer".into()) } else { Ok(self.status.borrow().clone()) };
        let other = self.other.borrow().clone().map(|status| Told { books: status.books.clone(), status: Ok(status) });
        let told = other.into_iter().chain([Told { books: "main".into(), status }]).collect();
        let figures = gather(&self.journal, told, self.clock.now()).now_or_never().unwrap().of(&deployment);
        let ticked = watch.tick(&figures, self.failed.get()).now_or_never();
        self.clock.advance(Duration::minutes(5));
        ticked.and_then(Result::unwrap)
    }

    pub fn tick(&self) -> Ticked {
        self.try_tick().expect("the tick ends")
    }

    /// Ticks for so long; what was told meanwhile, as status, kind and connection.
    pub fn hear(&self, length: Duration) -> Vec<String> {
        self.chat.heard.borrow_mut().clear();
        let end = self.clock.now() + length;
        while self.clock.now() < end {
            self.tick();
        }
        self.heard()
    }

    pub fn heard(&self) -> Vec<String> {
        let word = |body: &Json, name: &str| body[name].as_str().unwrap().to_owned();
        let line = |body: &Json| ["status", "kind", "connection"].map(|name| word(body, name)).join(" ");
        self.chat.heard.borrow().iter().map(line).collect()
    }

    pub fn last(&self) -> String {
        self.chat.heard.borrow().last().unwrap()["text"].as_str().unwrap().to_owned()
    }

    pub fn change(&self, change: impl FnOnce(&mut BooksStatus)) {
        change(&mut self.status.borrow_mut());
    }

    pub fn hold(&self, groups: &[(&str, i64)]) {
        let since = iso(self.clock.now());
        let group = |(reason, orders): &(&str, i64)| HeldOrders {
            reason: (*reason).to_owned(),
            orders: *orders,
            since: since.clone(),
        };
        self.change(|status| status.connections[0].held = groups.iter().map(group).collect());
    }

    pub fn alert(&self, kind: &str, abouts: &[&str]) {
        let at = iso(self.clock.now());
        let alert = |about: &&str| OpenAlert {
            connection: "main".into(),
            kind: kind.to_owned(),
            about: (*about).to_owned(),
            at: at.clone(),
            message: format!("Something is the matter with {kind}."),
        };
        self.change(|status| status.alerts = abouts.iter().map(alert).collect());
    }

    pub fn exec(&self, sql: &str, params: &[Value]) {
        self.journal.database.exec(sql, params).unwrap();
    }

    /// Events of the last hour.
    pub fn events(&self, first: i64, count: i64, outcome: &str) {
        let received = iso(self.clock.now() - Duration::hours(1));
        for seq in first..first + count {
            self.exec(
                "INSERT INTO events (webhook_id, connection, shop, topic, received_at, finished_at, bytes, sha256,
                     deliveries, outcome, source, seq)
                 VALUES (?1, 'main', 'a.myshopify.com', 'orders/create', ?2, ?2, 1, 'x', 1, ?3, 'main:1', ?1)",
                &[seq.into(), received.as_str().into(), outcome.into()],
            );
        }
    }

    pub fn refuse(&self, shop: &str, kind: &str, count: i64) {
        let minute = self.clock.now().format("%Y-%m-%dT%H:%M:00Z").to_string();
        self.exec(
            "INSERT INTO refusals (minute, shop, kind, count) VALUES (?, ?, ?, ?)",
            &[minute.into(), shop.into(), kind.into(), count.into()],
        );
    }

    pub fn compare(&self, id: &str, left: i64) {
        let (from, to) = (iso(self.clock.now() - Duration::days(9)), iso(self.clock.now()));
        self.exec(
            "INSERT INTO reconciliations (id, connection, kind, from_at, to_at, started_at, finished_at, missing, wrong,
                 stale, duplicate, unexpected, source, seq)
             VALUES (?1, 'main', 'regular', ?2, ?3, ?3, ?3, ?4, 0, 0, 0, 0, 'main', 1)",
            &[id.into(), from.into(), to.into(), left.into()],
        );
    }

    /// The journal's alerts: kind, and whether it is over.
    pub fn journal_alerts(&self) -> Vec<(String, bool)> {
        let rows = self.journal.database.exec("SELECT kind, resolved_at FROM alerts ORDER BY at, kind", &[]).unwrap();
        let read = |row: &crate::platform::Row| {
            (row.text("kind").unwrap(), row.text_or_null("resolved_at").unwrap().is_some())
        };
        rows.iter().map(read).collect()
    }
}
