//! A shop, a set of books and the two ledgers on one bench: everything native, with a clock that is set by hand and
//! SQLite that survives a restart of the books.
#![allow(dead_code)] // Each test binary uses its own part.

use std::cell::RefCell;
use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use sandbox::http::Delivery as Arrival;
use sandbox::{Fault, World};
use serde_json::{Value, json};

use tillproof::config::{self, Variables};
use tillproof::platform::cipher::TokenCipher;
use tillproof::platform::native::{ManualClock, RecordedAlarm, SeededRandom, Sqlite, SqliteJournal};
use tillproof::platform::{Clock, Http, HttpError, Platform, Request, Response, Sql};
use tillproof::posting::{Books, Incoming, OrderRef};
use tillproof::shopify::Delivery;

pub const SHOP: &str = "example.myshopify.com";
pub const QUICKBOOKS_US: &str = "1000000001";
pub const QUICKBOOKS_UK: &str = "1000000002";
pub const XERO_UK: &str = "11111111-1111-4111-a111-111111111111";

/// The companies that stories are told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    QuickBooksUs,
    QuickBooksUk,
    XeroUk,
}

impl Company {
    pub const ALL: [Company; 3] = [Company::QuickBooksUs, Company::QuickBooksUk, Company::XeroUk];

    pub fn id(self) -> &'static str {
        match self {
            Company::QuickBooksUs => QUICKBOOKS_US,
            Company::QuickBooksUk => QUICKBOOKS_UK,
            Company::XeroUk => XERO_UK,
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Company::QuickBooksUs => "quickbooks-us",
            Company::QuickBooksUk => "quickbooks-uk",
            Company::XeroUk => "xero-uk",
        }
    }

    pub fn settings(self) -> Value {
        let common = json!({
            "shop": SHOP, "books": "main", "company": self.id(), "number_prefix": "S-", "start_date": "2026-01-01",
        });
        let own = match self {
            Company::QuickBooksUs => json!({
                "ledger": "quickbooks",
                "lines": {"sales": "Sales", "shipping": "Shipping", "tips": "Tips", "duties": "Duties", "fees": "Fees",
                    "gift_cards": "Gift card", "marketplace_tax": "Marketplace tax", "rounding": "Rounding",
                    "refund_differences": "Refund differences", "overpayments": "Tips"},
                "payments": {"default": "91", "gift_card": "89"},
            }),
            Company::QuickBooksUk => json!({
                "ledger": "quickbooks", "no_tax": "23",
                "lines": {"sales": "1", "shipping": "2", "tips": "3", "duties": "4", "fees": "8", "gift_cards": "5",
                    "marketplace_tax": "7", "rounding": "6", "refund_differences": "9", "overpayments": "3"},
                "payments": {"default": "91", "gift_card": "89"},
                "taxes": [{"rate": "0.2", "code": "20"}, {"rate": "0.05", "code": "21"}, {"rates": ["0.15", "0.05"], "code": "20"}],
            }),
            Company::XeroUk => json!({
                "ledger": "xero", "no_tax": "NONE",
                "lines": {"sales": "200", "shipping": "201", "tips": "202", "duties": "203", "fees": "204",
                    "gift_cards": "835", "marketplace_tax": "825", "rounding": "860", "refund_differences": "200",
                    "overpayments": "202"},
                "payments": {"default": "090", "gift_card": "835"},
                "taxes": [{"rate": "0.2", "code": "OUTPUT2"}, {"rate": "0.05", "code": "RROUTPUT"},
                    {"rates": ["0.15", "0.05"], "code": "OUTPUT2"}],
            }),
        };
        let mut all = common;
        all.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        all
    }
}

/// The bench.
pub struct Bench {
    pub clock: ManualClock,
    pub random: SeededRandom,
    pub sql: Sqlite,
    pub journal: SqliteJournal,
    pub alarm: RecordedAlarm,
    pub cipher: TokenCipher<SeededRandom>,
    pub world: RefCell<World>,
    pub variables: Variables,
    deliveries: std::cell::Cell<u64>,
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
            ("QUICKBOOKS_CLIENT_ID".to_owned(), text("sandbox-quickbooks")),
            ("QUICKBOOKS_CLIENT_SECRET".to_owned(), text("sandbox-quickbooks-secret")),
            ("XERO_CLIENT_ID".to_owned(), text("sandbox-xero")),
            ("XERO_CLIENT_SECRET".to_owned(), text("sandbox-xero-secret")),
            ("QUICKBOOKS_REFRESH_TOKEN".to_owned(), Value::from(format!("refresh-{}", company.id()))),
            ("XERO_REFRESH_TOKEN".to_owned(), Value::from(format!("refresh-{}", company.id()))),
        ]);
        let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        Self {
            clock: ManualClock::at(start()),
            random: SeededRandom::new(7),
            sql: Sqlite::in_memory().unwrap(),
            journal: SqliteJournal::in_memory().unwrap(),
            alarm: RecordedAlarm::default(),
            cipher: TokenCipher::new(key, SeededRandom::new(8)).unwrap(),
            world: RefCell::new(World::new()),
            variables,
            deliveries: std::cell::Cell::new(0),
        }
    }

    /// The books, opened as a restarted object would open them: nothing is carried over but the database.
    pub fn books<'a>(&'a self, http: &'a dyn Http) -> Books<'a> {
        let platform = Platform {
            clock: &self.clock,
            random: &self.random,
            sql: &self.sql,
            journal: &self.journal,
            alarm: &self.alarm,
            cipher: &self.cipher,
            http,
        };
        Books::open(platform, "main", config::connections(&self.variables), &self.variables).unwrap()
    }

    /// Delivers a body under a topic; the same number is the same delivery.
    pub fn deliver_as(&self, number: u64, topic: &str, body: &[u8]) {
        let delivery = Delivery {
            topic: topic.to_owned(),
            shop: SHOP.to_owned(),
            webhook_id: format!("webhook-{number}"),
            event_id: format!("event-{number}"),
            api_version: "2026-10".to_owned(),
            triggered_at: String::new(),
        };
        let http = SandboxHttp(self);
        let books = self.books(&http);
        let connection = books.connections[0].clone();
        let incoming = Incoming { connection: &connection, delivery: &delivery, body };
        books.receive(&incoming).now_or_never().unwrap().unwrap();
    }

    /// Delivers a body under a topic.
    pub fn deliver(&self, topic: &str, body: &Value) {
        self.deliveries.set(self.deliveries.get() + 1);
        self.deliver_as(self.deliveries.get(), topic, body.to_string().as_bytes());
    }

    /// Tells a whole story.
    pub fn tell(&self, story: &Story) {
        for (topic, body) in &story.deliveries {
            self.deliver(topic, body);
        }
    }

    /// One alarm turn.
    pub fn turn(&self) {
        let http = SandboxHttp(self);
        self.books(&http).turn().now_or_never().expect("nothing on the bench waits");
    }

    /// One tick of cron.
    pub fn poke(&self) {
        let http = SandboxHttp(self);
        self.books(&http).poke().now_or_never().expect("nothing on the bench waits").unwrap();
    }

    /// Turns, each at the time the alarm was set to, until nothing is due within a day. Panics if it never gets quiet.
    pub fn run(&self) {
        for _ in 0..500 {
            let due = self.alarm.0.borrow_mut().take();
            let Some(due) = due else { return };
            if due > self.clock.now() + Duration::days(1) {
                return;
            }
            self.clock.advance(due - self.clock.now());
            self.turn();
        }
        panic!("the books never get quiet: {:?}", self.rows("SELECT * FROM orders"));
    }

    /// The same companies, with everything that stands in them; the connection to them is a new one.
    pub fn take_over_the_ledgers_of(&self, other: &Bench) {
        let (mut mine, theirs) = (self.world.borrow_mut(), other.world.borrow());
        mine.quickbooks = theirs.quickbooks.clone();
        mine.xero = theirs.xero.clone();
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

    pub fn release(&self, order_id: &str) {
        let http = SandboxHttp(self);
        let at = OrderRef { connection: "main".into(), order_id: order_id.into() };
        assert!(self.books(&http).release(&at).now_or_never().unwrap().unwrap());
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

/// The sandbox as the outside world, called in process.
pub struct SandboxHttp<'a>(pub &'a Bench);

impl Http for SandboxHttp<'_> {
    fn send(&self, request: Request) -> LocalBoxFuture<'_, Result<Response, HttpError>> {
        let path = request.url.splitn(4, '/').nth(3).unwrap_or_default();
        let mut sent = sandbox::http::Request::new(request.method.as_str(), &format!("/{path}"));
        for (name, value) in &request.headers {
            sent = sent.with_header(name, value);
        }
        if let Some(body) = request.body {
            sent = sent.with_body(body);
        }
        let reply = self.0.world.borrow_mut().handle(self.0.clock.now(), &sent);
        self.0.clock.advance(Duration::milliseconds(120));
        let result = match reply.delivery {
            Arrival::Lost | Arrival::Refused => Err(HttpError::OutcomeUnknown("connection lost".into())),
            Arrival::Delivered | Arrival::Delayed(_) => Ok(Response {
                status: reply.status,
                headers: reply.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect(),
                body: String::from_utf8_lossy(&reply.body).into_owned(),
            }),
        };
        async move { result }.boxed_local()
    }
}

/// A fixture: what arrives, in order.
pub struct Story {
    pub name: String,
    pub deliveries: Vec<(String, Value)>,
}

impl Story {
    /// Reads `fixtures/orders/<name>.json`.
    pub fn read(name: &str) -> Self {
        let path = format!("{}/fixtures/orders/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let story: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let deliveries = story["deliveries"].as_array().unwrap().iter();
        let deliveries =
            deliveries.map(|one| (one["topic"].as_str().unwrap().to_owned(), one["body"].clone())).collect();
        Self { name: name.to_owned(), deliveries }
    }

    /// Every story there is.
    pub fn all() -> Vec<Self> {
        let folder = format!("{}/fixtures/orders", env!("CARGO_MANIFEST_DIR"));
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names.iter().map(|name| Self::read(name)).collect()
    }

    pub fn order_id(&self) -> String {
        self.deliveries[0].1["id"].to_string()
    }
}
