//! A shop, a set of books and the two ledgers on one bench: everything native, with a clock that is set by hand and
//! SQLite that survives a restart of the books.
#![allow(dead_code)] // Each test binary uses its own part.

#[allow(dead_code)]
pub mod careless;
mod company;
mod everything;
mod outside;
mod person;
mod planted;
#[allow(dead_code)]
pub mod reconcile;
mod story;
#[allow(dead_code)]
pub mod trade;

use std::cell::RefCell;
use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use futures_util::FutureExt;
use sandbox::{Fault, World};
use serde_json::Value;

use tillproof::config::{self, Variables};
use tillproof::platform::cipher::TokenCipher;
use tillproof::platform::native::{Lines, ManualClock, RecordedAlarm, SeededRandom, Sqlite, SqliteJournal};
use tillproof::platform::{Cipher, Clock, Http, Platform, Pulse, Sql};
use tillproof::posting::{Books, Incoming, claims};
use tillproof::shopify::Delivery;

pub use company::Company;
#[allow(unused_imports)]
pub use everything::everything;
use outside::{Aside, NoHttp};
#[allow(unused_imports)]
pub use outside::{CompanyObjects, SandboxHttp};
#[allow(unused_imports)]
pub use planted::{PLANTED, plant};
#[allow(unused_imports)]
pub use sandbox::presets::{QUICKBOOKS_UK, QUICKBOOKS_US, XERO_UK};
pub use story::Story;
#[allow(unused_imports)]
pub use story::{one_in, thorough};

pub const SHOP: &str = "example.myshopify.com";

/// The bench.
pub struct Bench {
    pub clock: ManualClock,
    pub random: SeededRandom,
    pub sql: Sqlite,
    pub journal: SqliteJournal,
    pub alarm: RecordedAlarm,
    pub pulse: Pulse,
    pub cipher: Box<dyn Cipher>,
    pub world: RefCell<World>,
    pub companies: CompanyObjects,
    pub log: Lines,
    /// The label of the books.
    pub id: &'static str,
    pub variables: Variables,
    company: Company,
    deliveries: std::cell::Cell<u64>,
}

/// A fresh bench whose shop can be asked.
pub fn connected(company: Company, settings: Value) -> Bench {
    let mut bench = Bench::with(company, settings);
    bench.variables.insert("SHOPIFY_CLIENT_ID".into(), sandbox::shopify::CLIENT.0.into());
    bench.variables.insert("SHOPIFY_CLIENT_SECRET".into(), sandbox::shopify::CLIENT.1.into());
    bench
}

/// The shop knows what happens in a story, whether it is delivered or not.
pub fn happened(bench: &Bench, story: &Story) {
    for (topic, body) in &story.deliveries {
        bench.world.borrow_mut().shopify.happened(topic, body);
    }
}

/// The same of topics and bodies.
pub fn happened_all(bench: &Bench, told: &[(&str, Value)]) {
    told.iter().for_each(|(topic, body)| bench.world.borrow_mut().shopify.happened(topic, body));
}

pub fn start() -> DateTime<Utc> {
    "2026-11-02T09:00:00Z".parse().unwrap()
}

impl Bench {
    /// A fresh bench for a company.
    pub fn new(company: Company) -> Self {
        Self::with(company, company.settings())
    }

    /// A fresh bench with settings of its own.
    pub fn with(company: Company, settings: Value) -> Self {
        let text = |text: &str| Value::from(text);
        let variables = BTreeMap::from([
            ("CONNECTION_MAIN".to_owned(), settings),
            ("SHOPIFY_WEBHOOK_SECRETS".to_owned(), text("sandbox-webhooks")),
            ("QUICKBOOKS_CLIENT_ID".to_owned(), text("sandbox-quickbooks")),
            ("QUICKBOOKS_CLIENT_SECRET".to_owned(), text("sandbox-quickbooks-secret")),
            ("XERO_CLIENT_ID".to_owned(), text("sandbox-xero")),
            ("XERO_CLIENT_SECRET".to_owned(), text("sandbox-xero-secret")),
            ("QUICKBOOKS_REFRESH_TOKEN".to_owned(), Value::from(format!("refresh-{}", company.id()))),
            ("XERO_REFRESH_TOKEN".to_owned(), Value::from(format!("refresh-{}", company.id()))),
        ]);
        let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let bench = Self {
            clock: ManualClock::at(start()),
            random: SeededRandom::new(7),
            sql: Sqlite::in_memory().unwrap(),
            journal: SqliteJournal::in_memory().unwrap(),
            alarm: RecordedAlarm::default(),
            pulse: Pulse::default(),
            cipher: Box::new(TokenCipher::new(key, SeededRandom::new(8)).unwrap()),
            world: RefCell::new(World::new()),
            companies: CompanyObjects::default(),
            log: Lines::default(),
            id: "main",
            variables,
            company,
            deliveries: std::cell::Cell::new(0),
        };
        bench.world.borrow_mut().shopify.currency = company.home().into();
        bench.check_aside();
        bench
    }

    /// Preflight, as it stands in the books after their first day: run beside the bench, on copies of the ledgers, so
    /// that no test's count of calls or of time begins with it.
    fn check_aside(&self) {
        let (clock, sql, alarm) = (ManualClock::at(start()), Sqlite::in_memory().unwrap(), RecordedAlarm::default());
        let platform = Platform {
            clock: &clock,
            random: &SeededRandom::new(9),
            sql: &sql,
            journal: &self.journal,
            alarm: &alarm,
            pulse: &Pulse::default(),
            cipher: self.cipher.as_ref(),
            http: &Aside(RefCell::new(self.world.borrow().clone())),
            companies: &self.companies,
            log: &self.log,
        };
        let connections = config::connections(&self.variables);
        let ids: Vec<String> = connections.iter().map(|one| one.id.clone()).collect();
        let books = Books::open(platform, "main", connections, &self.variables).unwrap();
        // The tables, and nothing else: the object is born when it is first spoken to.
        Books::remembered_id(&self.sql).unwrap();
        for id in ids {
            // Without a company there is nobody to ask yet.
            if books.preflight(&id).now_or_never().unwrap().is_err() {
                continue;
            }
            let statement =
                "SELECT key, value FROM meta WHERE key LIKE 'checked:%' OR key IN ('company_facts', 'claim', ?)";
            for row in sql.exec(statement, &[format!("preflight:{id}").into()]).unwrap() {
                let params = [row.text("key").unwrap().into(), row.text("value").unwrap().into()];
                self.sql.exec("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", &params).unwrap();
            }
        }
    }

    /// The books, opened as a restarted object would open them: nothing is carried over but the database.
    pub fn books<'a>(&'a self, http: &'a dyn Http) -> Books<'a> {
        if self.companies.losers.borrow_mut().remove(self.id) {
            claims::lost(&self.sql).unwrap();
        }
        let platform = Platform {
            clock: &self.clock,
            random: &self.random,
            sql: &self.sql,
            journal: &self.journal,
            alarm: &self.alarm,
            pulse: &self.pulse,
            cipher: self.cipher.as_ref(),
            http,
            companies: &self.companies,
            log: &self.log,
        };
        Books::open(platform, self.id, config::connections(&self.variables), &self.variables).unwrap()
    }

    /// Delivers a body under a topic; the same number is the same delivery.
    pub fn deliver_as(&self, number: u64, topic: &str, body: &[u8]) {
        self.deliver_triggered(number, topic, body, "");
    }

    /// Delivers a body that says when it was triggered.
    pub fn deliver_at(&self, topic: &str, body: &Value, triggered_at: &str) {
        self.deliveries.set(self.deliveries.get() + 1);
        self.deliver_triggered(self.deliveries.get(), topic, body.to_string().as_bytes(), triggered_at);
    }

    fn deliver_triggered(&self, number: u64, topic: &str, body: &[u8], triggered_at: &str) {
        let delivery = Delivery { triggered_at: triggered_at.to_owned(), ..delivery(number, topic) };
        let http = SandboxHttp(self);
        let books = self.books(&http);
        let connection = books.connections[0].clone();
        let incoming = Incoming { connection: &connection, delivery: &delivery, body };
        books.receive(&incoming).now_or_never().unwrap().unwrap();
    }

    /// Delivers many bodies under one topic, without opening the books for each.
    pub fn deliver_all(&self, topic: &str, bodies: impl Iterator<Item = Value>) {
        let http = SandboxHttp(self);
        let books = self.books(&http);
        let connection = books.connections[0].clone();
        for body in bodies {
            self.deliveries.set(self.deliveries.get() + 1);
            let delivery = delivery(self.deliveries.get(), topic);
            let body = body.to_string();
            let incoming = Incoming { connection: &connection, delivery: &delivery, body: body.as_bytes() };
            books.receive(&incoming).now_or_never().unwrap().unwrap();
        }
    }

    /// Delivers a body under a topic.
    pub fn deliver(&self, topic: &str, body: &Value) {
        self.deliveries.set(self.deliveries.get() + 1);
        self.deliver_as(self.deliveries.get(), topic, body.to_string().as_bytes());
    }

    /// Changes how the ledger company is set up.
    pub fn set_up(&self, key: &str, value: &Value) {
        let body = serde_json::json!({ key: value }).to_string();
        let path = format!("/_sandbox/company/{}", self.company.id());
        let request = sandbox::http::Request::new("POST", &path).with_header("content-type", "application/json");
        let reply = self.world.borrow_mut().handle(self.clock.now(), &request.with_body(body));
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    }

    /// Sets the ledger company up as a story wants it.
    pub fn set_the_stage(&self, story: &Story) {
        story.ledger.iter().for_each(|(key, value)| self.set_up(key, value));
        if !story.ledger.is_empty() {
            self.check_aside();
        }
    }

    /// Tells a whole story, up to its last delivery.
    pub fn tell(&self, story: &Story) {
        self.set_the_stage(story);
        for (index, (topic, body)) in story.deliveries.iter().enumerate() {
            self.deliver(topic, body);
            if story.rests.contains(&index) {
                self.run();
            }
        }
    }

    /// One alarm turn.
    pub fn turn(&self) {
        let http = SandboxHttp(self);
        tillproof::reconcile::run::turn(&self.books(&http)).now_or_never().expect("nothing on the bench waits");
    }

    /// One tick of cron.
    pub fn poke(&self) {
        let http = SandboxHttp(self);
        tillproof::reconcile::run::poke(&self.books(&http))
            .now_or_never()
            .expect("nothing on the bench waits")
            .unwrap();
    }

    /// Turns, each at the time the alarm was set to, until nothing is due within a day. Panics if it never gets quiet.
    pub fn run(&self) {
        for _ in 0..500 {
            let due = *self.alarm.0.borrow();
            if due.is_none_or(|due| due > self.clock.now() + Duration::days(1)) || self.only_probes_are_due() {
                return;
            }
            self.turn_at_alarm();
        }
        panic!("the books never get quiet: {:?}", self.rows("SELECT * FROM orders"));
    }

    /// Turns, each at the time the alarm was set to, for so long.
    pub fn run_for(&self, length: Duration) {
        let end = self.clock.now() + length;
        while self.alarm.0.borrow().is_some_and(|due| due <= end) {
            self.turn_at_alarm();
        }
        self.clock.advance((end - self.clock.now()).max(Duration::zero()));
    }

    pub fn turn_at_alarm(&self) {
        let due = self.alarm.0.borrow_mut().take().expect("the alarm is set");
        self.clock.advance((due - self.clock.now()).max(Duration::zero()));
        self.turn();
    }

    /// True if the alarm is set for nothing but what tries an obstacle again.
    fn only_probes_are_due(&self) -> bool {
        let none = |statement: &str| self.rows(statement).is_empty();
        let is_quiet = none("SELECT 1 FROM orders WHERE due_at IS NOT NULL") && none("SELECT 1 FROM outbox");
        is_quiet && !none("SELECT 1 FROM obstacles")
    }

    /// Changes a setting of the stand-in's company, as a person would in the ledger.
    pub fn set(&self, company: Company, key: &str, value: Value) {
        let mut body = serde_json::Map::new();
        body.insert(key.to_owned(), value);
        let path = format!("/_sandbox/company/{}", company.id());
        let request = sandbox::http::Request::new("POST", &path).with_body(Value::Object(body).to_string());
        let reply = self.world.borrow_mut().handle(self.clock.now(), &request);
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    }

    /// The same companies, with everything that stands in them; the connection to them is a new one.
    pub fn take_over_the_ledgers_of(&self, other: &Bench) {
        let (mut mine, theirs) = (self.world.borrow_mut(), other.world.borrow());
        mine.quickbooks = theirs.quickbooks.clone();
        mine.xero = theirs.xero.clone();
    }

    /// Strikes something from the books' notebook.
    pub fn forget(&self, key: &str) {
        self.sql.exec("DELETE FROM meta WHERE key = ?", &[key.into()]).unwrap();
    }

    pub fn fail(&self, fault: Fault) {
        self.world.borrow_mut().fail(fault);
    }

    /// Rows of the object's own database.
    pub fn rows(&self, statement: &str) -> Vec<BTreeMap<String, String>> {
        rows(&self.sql, statement)
    }

    /// Rows of the journal.
    pub fn journal(&self, statement: &str) -> Vec<BTreeMap<String, String>> {
        rows(&self.journal.database, statement)
    }

    /// What the ledger holds: kind, number, total and status of every document, sorted.
    pub fn ledger(&self, company: Company) -> Vec<String> {
        self.world.borrow().document_lines(company.id())
    }

    /// One order's row: state and reason.
    pub fn state(&self, order_id: &str) -> (String, String) {
        let rows = self
            .rows(&format!("SELECT state, coalesce(reason, '') AS reason FROM orders WHERE order_id = '{order_id}'"));
        rows.first().map_or_else(Default::default, |row| (row["state"].clone(), row["reason"].clone()))
    }

    /// The books, for questions only: nobody answers behind them.
    pub fn open(&self) -> Books<'_> {
        self.books(&NoHttp)
    }
}

fn delivery(number: u64, topic: &str) -> Delivery {
    Delivery {
        topic: topic.to_owned(),
        shop: SHOP.to_owned(),
        webhook_id: format!("webhook-{number}"),
        event_id: format!("event-{number}"),
        api_version: "2026-10".to_owned(),
        triggered_at: String::new(),
    }
}

fn rows(sql: &dyn Sql, statement: &str) -> Vec<BTreeMap<String, String>> {
    let show = |value: tillproof::platform::Value| match value {
        tillproof::platform::Value::Null => String::new(),
        tillproof::platform::Value::Int(number) => number.to_string(),
        tillproof::platform::Value::Text(text) => text,
        tillproof::platform::Value::Blob(bytes) => format!("{} bytes", bytes.len()),
    };
    let rows = sql.exec(statement, &[]).unwrap();
    rows.into_iter().map(|row| row.0.into_iter().map(|(name, value)| (name, show(value))).collect()).collect()
}
