//! The first page: what each set of books has done and what waits.

use askama::Template;
use chrono::{DateTime, Utc};

use super::words::{counts, distance};
use crate::posting::{BooksStatus, ConnectionStatus};

/// The overview.
#[derive(Template)]
#[template(path = "overview.html")]
pub struct OverviewPage {
    path: &'static str,
    books: Vec<Card>,
    version: &'static str,
}

/// One set of books, or why it cannot be asked.
pub struct Books {
    /// Their id.
    pub id: String,
    /// What they say of themselves.
    pub status: Result<BooksStatus, String>,
}

struct Card {
    id: String,
    unreachable: Option<String>,
    reconnect: Option<String>,
    pause: Option<String>,
    connections: Vec<Row>,
    journal: String,
}

struct Row {
    id: String,
    shop: String,
    problems: Vec<String>,
    orders: String,
    events: String,
    oldest: String,
}

impl OverviewPage {
    /// The page at this moment.
    pub fn new(books: Vec<Books>, now: DateTime<Utc>) -> Self {
        let books = books.into_iter().map(|one| card(one, now)).collect();
        Self { path: "/", books, version: env!("CARGO_PKG_VERSION") }
    }
}

fn card(books: Books, now: DateTime<Utc>) -> Card {
    let status = match books.status {
        Ok(status) => status,
        Err(why) => {
            return Card {
                id: books.id,
                unreachable: Some(why),
                reconnect: None,
                pause: None,
                connections: Vec::new(),
                journal: String::new(),
            };
        }
    };
    let pause = status.paused_until.map(|until| {
        let why = status.pause_reason.unwrap_or_default();
        format!("Nothing is sent for now ({why}); it goes on {}.", distance(&until, now))
    });
    Card {
        id: books.id,
        unreachable: None,
        reconnect: status.reconnect,
        pause,
        connections: status.connections.into_iter().map(|one| row(one, now)).collect(),
        journal: match status.journal_backlog {
            0 => String::new(),
            count => format!("{count} records are on their way to the journal."),
        },
    }
}

fn row(connection: ConnectionStatus, now: DateTime<Utc>) -> Row {
    Row {
        id: connection.id,
        shop: connection.shop,
        problems: connection.problems,
        orders: counts(&connection.orders),
        events: counts(&connection.events),
        oldest: connection.oldest_waiting.map_or_else(|| "nothing waits".into(), |at| distance(&at, now)),
    }
}
