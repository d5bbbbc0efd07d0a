//! What the books say of themselves, as the figures take it in.

use super::figures::{Ledger, OfConnection};
use crate::posting::{BooksStatus, ConnectionStatus};

/// What one set of books says of itself, or why it cannot be asked.
pub struct Told {
    /// Their label.
    pub books: String,
    /// Their answer.
    pub status: Result<BooksStatus, String>,
}

impl OfConnection {
    /// The same connection in other books: orders that it left behind there wait as well. Those that the settings give it are
    /// its own.
    pub(super) fn add(&mut self, other: Self) {
        if self.shop.is_empty() {
            (self.shop, self.books) = (other.shop, other.books);
        }
        self.problems.extend(other.problems);
        self.waiting += other.waiting;
        self.oldest_waiting = [self.oldest_waiting.take(), other.oldest_waiting].into_iter().flatten().min();
        for group in other.held {
            match self.held.iter_mut().find(|known| known.reason == group.reason) {
                Some(known) => {
                    known.orders += group.orders;
                    known.since = group.since.min(known.since.clone());
                }
                None => self.held.push(group),
            }
        }
    }
}

/// A connection as its books tell of it.
pub(super) fn of_status(books: &str, status: &ConnectionStatus) -> OfConnection {
    OfConnection {
        books: books.to_owned(),
        held: status.held.clone(),
        id: status.id.clone(),
        shop: status.shop.clone(),
        problems: status.problems.clone(),
        waiting: ["pending", "retrying"].iter().filter_map(|state| status.orders.get(*state)).sum(),
        oldest_waiting: status.oldest_waiting.clone(),
        ..OfConnection::default()
    }
}

/// A set of books, told of or not.
pub(super) fn ledger(told: Told) -> Ledger {
    let (status, unreachable) = match told.status {
        Ok(status) => (Some(status), None),
        Err(why) => (None, Some(why)),
    };
    let status = status.as_ref();
    Ledger {
        books: told.books,
        unreachable,
        reconnect: status.and_then(|one| one.reconnect.clone()),
        paused_until: status.and_then(|one| one.paused_until.clone()),
        pause_reason: status.and_then(|one| one.pause_reason.clone()),
        journal_backlog: status.map_or(0, |one| one.journal_backlog),
        journal_head: status.and_then(|one| one.journal_head),
        down_since: status.and_then(|one| one.down_since.clone()),
        calls: status.map(|one| one.calls).unwrap_or_default(),
        tokens: status.map(|one| one.tokens.clone()).unwrap_or_default(),
        alerts: status.map(|one| one.alerts.clone()).unwrap_or_default(),
    }
}
