//! The durable object: the books on their machine, opened afresh for every event, as the edge does.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;
use serde_json::Value;

use tillproof::config::{self, Variables};
use tillproof::platform::cipher::TokenCipher;
use tillproof::platform::native::{SeededRandom, Unread};
use tillproof::platform::{Platform, Pulse, Sql, SqlError};
use tillproof::posting::{Books, Incoming, OrderRef};
use tillproof::shopify::Delivery;

use crate::chance::Dice;
use crate::life::Webhook;
use crate::machine::{Disk, Power, RemoteJournal, WallClock, rows};
use crate::network::Network;
use crate::support::{Company, CompanyObjects, SHOP};
use crate::time::Timeline;
use crate::trace::Trace;

const BOOKS: &str = "main";

pub struct Object {
    pub timeline: Rc<Timeline>,
    pub power: Rc<Power>,
    pub disk: Rc<Disk>,
    pub journal: RemoteJournal,
    pub network: Network,
    /// Memory: gone when the power goes.
    pub pulse: Pulse,
    clock: WallClock,
    random: SeededRandom,
    cipher: TokenCipher<SeededRandom>,
    companies: CompanyObjects,
    variables: RefCell<Variables>,
}

impl Object {
    pub fn new(company: Company, settings: Value, seed: u64, timeline: Rc<Timeline>, trace: Rc<Trace>) -> Self {
        let power = Rc::new(Power::default());
        let dice = |purpose| Dice::new(seed, purpose);
        let disk = Rc::new(Disk::new(Rc::clone(&power), Rc::clone(&timeline), dice(10)));
        let network = Network::new(Rc::clone(&power), Rc::clone(&disk), Rc::clone(&timeline), trace, dice(11));
        let text = |text: &str| Value::from(text);
        let token = format!("refresh-{}", company.id());
        let variables = Variables::from([
            ("CONNECTION_MAIN".to_owned(), settings),
            ("QUICKBOOKS_CLIENT_ID".to_owned(), text("sandbox-quickbooks")),
            ("QUICKBOOKS_CLIENT_SECRET".to_owned(), text("sandbox-quickbooks-secret")),
            ("XERO_CLIENT_ID".to_owned(), text("sandbox-xero")),
            ("XERO_CLIENT_SECRET".to_owned(), text("sandbox-xero-secret")),
            ("QUICKBOOKS_REFRESH_TOKEN".to_owned(), text(&token)),
            ("XERO_REFRESH_TOKEN".to_owned(), text(&token)),
        ]);
        let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        Self {
            clock: WallClock(Rc::clone(&timeline)),
            random: SeededRandom::new(seed),
            cipher: TokenCipher::new(key, SeededRandom::new(seed + 1)).unwrap(),
            journal: RemoteJournal::new(Rc::clone(&disk), dice(12)),
            timeline,
            power,
            disk,
            network,
            pulse: Pulse::default(),
            companies: CompanyObjects::default(),
            variables: RefCell::new(variables),
        }
    }

    fn books<'a>(&'a self, variables: &'a Variables) -> Result<Books<'a>, SqlError> {
        let disk: &Disk = &self.disk;
        let platform = Platform {
            clock: &self.clock,
            random: &self.random,
            sql: disk,
            journal: &self.journal,
            alarm: disk,
            pulse: &self.pulse,
            cipher: &self.cipher,
            http: &self.network,
            companies: &self.companies,
            log: &Unread,
        };
        Books::remember_id(disk, BOOKS)?;
        Books::open(platform, BOOKS, config::connections(variables), variables)
    }

    fn variables(&self) -> Variables {
        self.variables.borrow().clone()
    }

    /// True if the books wait for a person to connect the ledger again.
    pub fn wants_reconnect(&self) -> bool {
        !rows(&self.disk.sqlite, "SELECT 1 FROM meta WHERE key = 'reconnect'").is_empty()
    }

    /// A person connects the ledger again: new secrets.
    pub fn reconnect(&self, refresh_token: &str) {
        for ledger in ["QUICKBOOKS", "XERO"] {
            self.variables.borrow_mut().insert(format!("{ledger}_REFRESH_TOKEN"), refresh_token.into());
        }
    }

    /// A delivery; `Ok` once it may be answered 200: the runtime holds the answer until what was written is durable.
    pub fn deliver<'a>(&'a self, number: usize, webhook: &'a Webhook) -> LocalBoxFuture<'a, Result<(), SqlError>> {
        Box::pin(async move {
            let delivery = Delivery {
                topic: webhook.topic.to_owned(),
                shop: SHOP.to_owned(),
                webhook_id: webhook_id(number),
                event_id: format!("event-{number}"),
                api_version: "2026-10".to_owned(),
                triggered_at: webhook.at.to_rfc3339(),
            };
            let variables = self.variables();
            let books = self.books(&variables)?;
            let connection = books.connections[0].clone();
            let incoming = Incoming { connection: &connection, delivery: &delivery, body: webhook.body.as_bytes() };
            books.receive(&incoming).await?;
            self.disk.sync().await
        })
    }

    /// The alarm's turn.
    pub fn turn(&self) -> LocalBoxFuture<'_, Result<(), SqlError>> {
        Box::pin(async {
            self.books(&self.variables())?.turn().await;
            self.disk.sync().await
        })
    }

    /// Cron.
    pub fn poke(&self) -> LocalBoxFuture<'_, Result<(), SqlError>> {
        Box::pin(async {
            self.books(&self.variables())?.poke().await?;
            self.disk.sync().await
        })
    }

    /// A person tries an order again.
    pub fn release(&self, order_id: String) -> LocalBoxFuture<'_, Result<(), SqlError>> {
        Box::pin(async move {
            let at = OrderRef { connection: BOOKS.into(), order_id };
            self.books(&self.variables())?.release(&at).await?;
            self.disk.sync().await
        })
    }
}

/// Shopify's id of the webhook of that number.
pub fn webhook_id(number: usize) -> String {
    format!("webhook-{number}")
}
