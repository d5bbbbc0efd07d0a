//! Both sides, listed: Shopify's orders of the window, and the ledger's documents.

use chrono::{Duration, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::tables::{Run, Stage};
use super::{Next, Phase, Piece};
use crate::books::document::DocumentKind;
use crate::books::listed::Listed;
use crate::config::Connection;
use crate::ledgers::{Ledger, ListedPage, MOST_NAMED, Outcome, Span, WireRequest};
use crate::platform::time::iso;
use crate::platform::{Sql, SqlError, Value, transaction};
use crate::posting::{Books, Calls, NoReply};
use crate::reconcile::expectation::Expectation;
use crate::shopify::admin::{self, Summary};

/// Questions to the ledger in a piece of work.
pub const QUESTIONS: usize = 4;
/// Orders that a piece of work fetches: each takes two or three questions.
const FETCHES: i64 = 6;
/// How long a run waits after an answer that says nothing.
const UNCLEAR: Duration = Duration::minutes(1);
/// A document is dated in the company's time zone, an order made in UTC.
const A_DAY: Duration = Duration::days(1);
/// How long before the window an audit begins to list documents: as far back as Shopify shows orders without a special scope.
const LOOK_BACK: Duration = Duration::days(60);
/// The shortest number that may be an order's id or name.
const SHORTEST_WORD: usize = 1;

/// Lists a page of Shopify's orders. Without an Admin API, the orders that were delivered have to do.
pub async fn shop(books: &Books<'_>, connection: &Connection, run: &mut Run) -> Piece {
    let sql = books.platform.sql;
    if !books.can_ask_shop(connection)? {
        known_orders(sql, run)?;
        return Ok(Next::Then(Phase::Ledger));
    }
    let calls = books.calls_beside();
    for _ in 0..QUESTIONS {
        let mut slice = Slice::read(&run.cursor);
        let (since, after) = (slice.since.as_deref(), slice.after.as_deref());
        let question = admin::orders_in_window(&iso(run.from), &iso(run.to), since, after);
        let data = books.ask_the_shop(connection, &calls, &question).await?;
        let (page, next) = admin::summaries(&data).map_err(|trouble| books.later(UNCLEAR, &trouble.to_string()))?;
        let ends = slice.take(&page, next);
        // Written down with the orders, so that a restart goes on behind them.
        run.cursor = slice.text();
        transaction(sql, |sql| {
            page.iter().try_for_each(|one| listed(books, sql, connection, run, one))?;
            run.store(sql)
        })?;
        if ends {
            newest_only(sql, run)?;
            return Ok(Next::Then(Phase::Fetch));
        }
    }
    Ok(Next::More)
}

/// Where Shopify's list is read. It stops at 25,000 orders without a word: behind its end another one begins with the
/// change that it ended with, until one holds nothing later.
#[derive(Default, Serialize, Deserialize)]
struct Slice {
    since: Option<String>,
    /// The latest change in it so far.
    latest: Option<String>,
    after: Option<String>,
}

impl Slice {
    fn read(cursor: &str) -> Self {
        serde_json::from_str(cursor).unwrap_or_default()
    }

    fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Takes a page in. True if nothing can come behind it.
    fn take(&mut self, page: &[Summary], next: Option<String>) -> bool {
        let latest = page.iter().map(|one| iso(one.updated_at.with_timezone(&Utc))).max();
        self.latest = latest.max(self.latest.take());
        self.after = next;
        if self.after.is_some() {
            return false;
        }
        let ends = self.latest <= self.since;
        self.since.clone_from(&self.latest);
        ends
    }
}

fn listed(books: &Books<'_>, sql: &dyn Sql, connection: &Connection, run: &Run, one: &Summary) -> Result<(), SqlError> {
    let known = books.knows(connection, one)?;
    let stage = if known { Stage::Ready } else { Stage::Unfetched };
    put_order(
        sql,
        run,
        &one.order_id,
        &one.name,
        &one.created_at.to_rfc3339(),
        if known { "known" } else { "fetched" },
        stage,
    )
}

/// An order of the run; one that changed while it was being listed is listed again.
pub fn put_order(
    sql: &dyn Sql,
    run: &Run,
    order_id: &str,
    name: &str,
    made_at: &str,
    source: &str,
    stage: Stage,
) -> Result<(), SqlError> {
    sql.exec(
        "INSERT INTO run_orders (run, order_id, name, made_at, source, stage) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (run, order_id) DO UPDATE SET source = excluded.source, stage = excluded.stage, expectation = NULL",
        &[run.id.as_str().into(), order_id.into(), name.into(), made_at.into(), source.into(), stage.into()],
    )
    .map(drop)
}

/// The orders that were heard of in the window.
fn known_orders(sql: &dyn Sql, run: &Run) -> Result<(), SqlError> {
    sql.exec(
        "INSERT OR IGNORE INTO run_orders (run, order_id, name, made_at, source, stage)
         SELECT ?1, order_id, coalesce(name, order_id), first_seen_at, 'known', ?2 FROM orders
         WHERE connection = ?3 AND order_id NOT LIKE 'event:%' AND updated_at >= ?4 AND first_seen_at <= ?5",
        &[
            run.id.as_str().into(),
            Stage::Ready.into(),
            run.connection.as_str().into(),
            iso(run.from).into(),
            iso(run.to).into(),
        ],
    )
    .map(drop)?;
    newest_only(sql, run)
}

/// A sample is of the newest orders.
fn newest_only(sql: &dyn Sql, run: &Run) -> Result<(), SqlError> {
    let Some(sample) = run.sample else { return Ok(()) };
    sql.exec(
        "DELETE FROM run_orders WHERE run = ?1 AND order_id NOT IN
         (SELECT order_id FROM run_orders WHERE run = ?1 ORDER BY made_at DESC, order_id DESC LIMIT ?2)",
        &[run.id.as_str().into(), sample.into()],
    )
    .map(drop)
}

/// Fetches orders whose present state the engine does not know, and keeps what they call for.
pub async fn fetch(books: &Books<'_>, connection: &Connection, run: &mut Run) -> Piece {
    let sql = books.platform.sql;
    let rows = sql.exec(
        "SELECT order_id, name FROM run_orders WHERE run = ? AND stage = ? ORDER BY order_id LIMIT ?",
        &[run.id.as_str().into(), Stage::Unfetched.into(), FETCHES.into()],
    )?;
    if rows.is_empty() {
        let after = if run.ledger_count == 0 && run.round() == 1 { Phase::Ledger } else { Phase::Compare };
        return Ok(Next::Then(after));
    }
    let calls: Calls = books.calls_beside();
    for row in &rows {
        let order_id = row.text("order_id")?;
        match books.look_up(connection, &calls, &order_id).await? {
            Some(state) => {
                let called = super::cases::called(books, connection, run, &order_id, Some(state))?;
                let name = row.text("name")?;
                let expectation = super::cases::expectation(books, connection, run, &order_id, &name, &called)?;
                keep(sql, run, &order_id, &expectation, Stage::Ready)?;
            }
            // Shopify listed it a moment ago, or a document names it: it is gone, or was never there.
            None => super::left::unknown(sql, run, &order_id)?,
        }
    }
    Ok(Next::More)
}

/// Keeps what an order calls for.
pub fn keep(sql: &dyn Sql, run: &Run, order_id: &str, expectation: &Expectation, stage: Stage) -> Result<(), SqlError> {
    let text = |value: Result<String, serde_json::Error>| value.map_err(|error| SqlError(error.to_string()));
    sql.exec(
        "UPDATE run_orders SET expectation = ?3, features = ?4, stage = ?5 WHERE run = ?1 AND order_id = ?2",
        &[
            run.id.as_str().into(),
            order_id.into(),
            text(serde_json::to_string(expectation))?.into(),
            text(serde_json::to_string(&expectation.features))?.into(),
            stage.into(),
        ],
    )
    .map(drop)
}

/// Which list is read next: kind, then dated or changed, then page. Kept as text in the run's cursor.
struct Place {
    kind: usize,
    changed: bool,
    page: usize,
}

impl Place {
    fn read(cursor: &str) -> Self {
        let parts: Vec<usize> = cursor.split('/').filter_map(|part| part.parse().ok()).collect();
        match parts[..] {
            [kind, changed, page] => Self { kind, changed: changed > 0, page },
            _ => Self { kind: 0, changed: false, page: 1 },
        }
    }

    fn text(&self) -> String {
        format!("{}/{}/{}", self.kind, u8::from(self.changed), self.page)
    }

    fn next(self, more: bool) -> Self {
        match (more, self.changed) {
            (true, _) => Self { page: self.page + 1, ..self },
            (false, false) => Self { changed: true, page: 1, ..self },
            (false, true) => Self { kind: self.kind + 1, changed: false, page: 1 },
        }
    }
}

/// The first day of which documents are listed. An order that was changed in the window may have been sold, and entered by
/// another integration, long before; one of ours is known by its id wherever it lies.
pub fn first_day(run: &Run) -> NaiveDate {
    (run.from - if run.is_audit() { LOOK_BACK } else { A_DAY }).date_naive()
}

/// Lists pages of the ledger's documents: those dated in the window, and those that were changed since it began.
pub async fn ledger(books: &Books<'_>, connection: &Connection, run: &mut Run) -> Piece {
    let sql = books.platform.sql;
    let Ok(settings) = &connection.settings else { return Ok(Next::More) };
    let ledger = books.ledger_with(settings);
    for _ in 0..QUESTIONS {
        let place = Place::read(&run.cursor);
        let Some(kind) = ledger.listed_kinds().get(place.kind).copied() else {
            run.ledger_count = count(sql, run)?;
            return Ok(Next::Then(Phase::Compare));
        };
        let span = if place.changed {
            Span::ChangedSince(run.from)
        } else {
            Span::Dated(first_day(run), (run.to + A_DAY).date_naive())
        };
        let page = ask(books, connection, ledger.as_ref(), kind, &span, place.page).await?;
        let next = place.next(page.more);
        transaction(sql, |sql| {
            page.documents.iter().try_for_each(|one| put_document(sql, run, one))?;
            run.cursor = next.text();
            run.store(sql)
        })?;
    }
    Ok(Next::More)
}

fn count(sql: &dyn Sql, run: &Run) -> Result<i64, SqlError> {
    let rows = sql.exec("SELECT COUNT(*) AS n FROM run_documents WHERE run = ?", &[run.id.as_str().into()])?;
    rows.first().map_or(Ok(0), |row| row.int("n"))
}

async fn ask(
    books: &Books<'_>,
    connection: &Connection,
    ledger: &dyn Ledger,
    kind: DocumentKind,
    span: &Span,
    page: usize,
) -> Result<ListedPage, NoReply> {
    let question: WireRequest = ledger.list(kind, span, page);
    let answer = books.ask_ledger(connection, ledger, &question).await?;
    match ledger.read_list(kind, span, &answer) {
        Outcome::Done(page) => Ok(page),
        Outcome::Wait { retry_after, guess, why } => Err(books.later(retry_after.unwrap_or(guess), &why)),
        Outcome::Refused(refusal) | Outcome::Settings(refusal, _) => Err(books.later(UNCLEAR * 5, &refusal.message)),
        Outcome::Reconnect(why) => {
            books.wants_reconnect(&why)?;
            Err(books.later(UNCLEAR * 5, &why))
        }
        Outcome::Unknown(why) => Err(books.later(UNCLEAR, &why)),
        Outcome::TokenExpired | Outcome::AlreadyExists | Outcome::Stale => {
            Err(books.later(UNCLEAR, "the ledger gave no list"))
        }
    }
}

/// Keeps a listed document, with the order that it was written for where it is ours. What belongs to another connection
/// of these books is none of this run's.
fn put_document(sql: &dyn Sql, run: &Run, one: &Listed) -> Result<(), SqlError> {
    let owners = sql.exec(
        "SELECT connection, order_id FROM documents
         WHERE json_extract(posted, '$.ledger_id') = ?1 AND kind = ?2 AND state <> 'foreign' LIMIT 1",
        &[one.ledger_id.as_str().into(), one.kind.as_str().into()],
    )?;
    let owner =
        owners.first().map(|row| Ok::<_, SqlError>((row.text("connection")?, row.text("order_id")?))).transpose()?;
    if owner.as_ref().is_some_and(|(connection, _)| *connection != run.connection) {
        return Ok(());
    }
    let order_id = owner.map(|(_, order_id)| order_id);
    let text = serde_json::to_string(one).map_err(|error| SqlError(error.to_string()))?;
    sql.exec(
        "INSERT INTO run_documents (run, kind, ledger_id, number, date, total, shape, listed, order_id)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (run, kind, ledger_id) DO UPDATE SET number = excluded.number, date = excluded.date,
             total = excluded.total, listed = excluded.listed, order_id = coalesce(excluded.order_id, order_id)",
        &[
            run.id.as_str().into(),
            one.kind.as_str().into(),
            one.ledger_id.as_str().into(),
            one.number.as_str().into(),
            one.date.map(|date| date.to_string()).unwrap_or_default().into(),
            one.total.normalize().to_string().into(),
            shape(one).into(),
            text.into(),
            order_id.as_deref().into(),
        ],
    )?;
    for word in words(one) {
        sql.exec(
            "INSERT OR IGNORE INTO run_words (run, word, kind, ledger_id) VALUES (?, ?, ?, ?)",
            &[run.id.as_str().into(), word.into(), one.kind.as_str().into(), one.ledger_id.as_str().into()],
        )?;
    }
    match order_id {
        // The ledger's document changed although the order may not have: it is compared all the same.
        Some(order_id) if run.sample.is_none() => sql
            .exec(
                "INSERT OR IGNORE INTO run_orders (run, order_id, name, made_at, source, stage)
                 SELECT ?1, order_id, coalesce(name, order_id), first_seen_at, 'known', ?2 FROM orders
                 WHERE connection = ?3 AND order_id = ?4",
                &[run.id.as_str().into(), Stage::Ready.into(), run.connection.as_str().into(), order_id.into()],
            )
            .map(drop),
        _ => Ok(()),
    }
}

/// What a document's number and note look like: whoever wrote both wrote them alike.
fn shape(one: &Listed) -> String {
    let mut shape = String::new();
    for letter in one.number.chars().chain(['|']).chain(one.note.chars()) {
        match letter.is_ascii_digit() {
            false => shape.push(letter),
            true if shape.ends_with('0') => {}
            true => shape.push('0'),
        }
    }
    shape
}

/// The numbers in a document's number and note.
fn words(one: &Listed) -> Vec<&str> {
    let of = |text: &'_ str| -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let mut begin = None;
        for (at, letter) in text.char_indices().chain([(text.len(), ' ')]) {
            match (begin, letter.is_ascii_digit()) {
                (None, true) => begin = Some(at),
                (Some(from), false) => {
                    found.push((from, at));
                    begin = None;
                }
                _ => {}
            }
        }
        found
    };
    let mut all: Vec<&str> = Vec::new();
    for text in [one.number.as_str(), one.note.as_str()] {
        all.extend(of(text).into_iter().filter_map(|(from, to)| text.get(from..to)));
    }
    all.retain(|word| word.len() >= SHORTEST_WORD);
    all.sort_unstable();
    all.dedup();
    all
}

/// Looks up what did not fit, so many at a time: what is not there any more is struck out.
pub async fn look_up(books: &Books<'_>, connection: &Connection, run: &mut Run) -> Piece {
    let sql = books.platform.sql;
    let Ok(settings) = &connection.settings else { return Ok(Next::More) };
    let ledger = books.ledger_with(settings);
    for _ in 0..QUESTIONS {
        let first = sql.exec(
            "SELECT kind, by_id FROM run_lookups WHERE run = ? ORDER BY kind, by_id LIMIT 1",
            &[run.id.as_str().into()],
        )?;
        let Some(first) = first.first() else { return Ok(Next::Then(Phase::Judge)) };
        let (kind_name, by_id) = (first.text("kind")?, first.int("by_id")?);
        let most = i64::try_from(MOST_NAMED).unwrap_or(1);
        let which: [Value; 4] = [run.id.as_str().into(), kind_name.as_str().into(), by_id.into(), most.into()];
        let rows = sql.exec(
            "SELECT value FROM run_lookups WHERE run = ? AND kind = ? AND by_id = ? ORDER BY value LIMIT ?",
            &which,
        )?;
        let values: Vec<String> = rows.iter().map(|row| row.text("value")).collect::<Result<_, _>>()?;
        let listed = ledger.listed_kinds().iter().copied().find(|kind| kind.as_str() == kind_name);
        let found = match listed {
            Some(kind) => {
                let span = if by_id > 0 { Span::Ids(values.clone()) } else { Span::Numbers(values.clone()) };
                ask(books, connection, ledger.as_ref(), kind, &span, 1).await?.documents
            }
            // What this ledger does not list cannot be looked up.
            None => Vec::new(),
        };
        transaction(sql, |sql| {
            for value in &values {
                sql.exec(
                    "DELETE FROM run_lookups WHERE run = ? AND kind = ? AND by_id = ? AND value = ?",
                    &[run.id.as_str().into(), kind_name.as_str().into(), by_id.into(), value.as_str().into()],
                )?;
                if by_id > 0 && listed.is_some() && !found.iter().any(|one| one.ledger_id == *value) {
                    sql.exec(
                        "DELETE FROM run_documents WHERE run = ?1 AND ledger_id = ?3
                         AND (kind = ?2 OR (?2 = 'payment' AND kind = 'refund_payment'))",
                        &[run.id.as_str().into(), kind_name.as_str().into(), value.as_str().into()],
                    )?;
                }
            }
            found.iter().try_for_each(|one| put_document(sql, run, one))
        })?;
    }
    Ok(Next::More)
}
