//! The ledger's side: its documents, listed, and those that did not fit, looked up.

use chrono::{DateTime, Duration, NaiveDate, Utc};

use super::phases::Stage;
use super::tables::Run;
use super::{Next, Phase, Piece};
use crate::books::document::DocumentKind;
use crate::books::listed::Listed;
use crate::config::Connection;
use crate::ledgers::{Deleted, Ledger, ListedPage, MOST_NAMED, Outcome, Span};
use crate::platform::{Sql, SqlError, Value, transaction};
use crate::posting::{Books, NoReply};

/// Questions to the ledger, or to Shopify, in a piece of work.
pub const QUESTIONS: usize = 4;
/// How long a run waits after an answer that says nothing.
pub const UNCLEAR: Duration = Duration::minutes(1);
/// A document is dated in the company's time zone, an order made in UTC.
const A_DAY: Duration = Duration::days(1);
/// How long before the window an audit begins to list documents: as far back as Shopify shows orders without a special scope.
pub const LOOK_BACK: Duration = Duration::days(60);
/// How often the time of which deleted documents are asked for is halved: a year comes down to a few hours.
const HALVINGS: usize = 10;
/// The shortest number that may be an order's id or name.
const SHORTEST_WORD: usize = 1;

/// What is asked of a kind of documents, one after the other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// Those dated in the window.
    Dated,
    /// Those changed since it began.
    Changed,
    /// Those deleted since, where the ledger does not list them as changed.
    Deleted,
}

/// Which list is read next: kind, sort, then page. Kept as text in the run's cursor.
struct Place {
    kind: usize,
    sort: Sort,
    page: usize,
}

impl Place {
    const SORTS: [Sort; 3] = [Sort::Dated, Sort::Changed, Sort::Deleted];

    fn read(cursor: &str) -> Self {
        let parts: Vec<usize> = cursor.split('/').filter_map(|part| part.parse().ok()).collect();
        match parts[..] {
            [kind, sort, page] => Self { kind, sort: Self::SORTS.get(sort).copied().unwrap_or(Sort::Dated), page },
            _ => Self { kind: 0, sort: Sort::Dated, page: 1 },
        }
    }

    fn text(&self) -> String {
        format!("{}/{}/{}", self.kind, self.sort as usize, self.page)
    }

    fn next(self, more: bool) -> Self {
        match (more, self.sort) {
            (true, _) => Self { page: self.page + 1, ..self },
            (false, Sort::Dated) => Self { sort: Sort::Changed, page: 1, ..self },
            (false, Sort::Changed) => Self { sort: Sort::Deleted, page: 1, ..self },
            (false, Sort::Deleted) => Self { kind: self.kind + 1, sort: Sort::Dated, page: 1 },
        }
    }
}

/// The first day of which documents are listed. An order that was changed in the window may have been sold, and entered by
/// another integration, long before; one of ours is known by its id wherever it lies.
pub fn first_day(run: &Run) -> NaiveDate {
    (run.from - if run.is_audit() { LOOK_BACK } else { A_DAY }).date_naive()
}

/// Lists pages of the ledger's documents: those dated in the window, and those that were changed or deleted since it began.
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
        let span = match place.sort {
            Sort::Dated => Span::Dated(first_day(run), (run.to + A_DAY).date_naive()),
            Sort::Changed => Span::ChangedSince(run.from),
            Sort::Deleted => {
                let gone = deleted(books, connection, ledger.as_ref(), kind, run, place.page).await?;
                if run.was_stopped(sql)? {
                    break;
                }
                transaction(sql, |sql| {
                    gone.ids.iter().try_for_each(|id| doubt(sql, run, kind, id))?;
                    run.cursor = place.next(gone.more).text();
                    run.store(sql)
                })?;
                continue;
            }
        };
        let page = list(books, connection, ledger.as_ref(), kind, &span, place.page).await?;
        if run.was_stopped(sql)? {
            break;
        }
        let next = place.next(page.more);
        transaction(sql, |sql| {
            page.documents.iter().try_for_each(|one| put_document(sql, run, one))?;
            run.cursor = next.text();
            run.store(sql)
        })?;
    }
    Ok(Next::More)
}

/// What was deleted since the window began. Where the ledger does not tell of all of it at once, the time that is asked for
/// is halved from page to page: what was deleted last is what nobody was told of yet.
async fn deleted(
    books: &Books<'_>,
    connection: &Connection,
    ledger: &dyn Ledger,
    kind: DocumentKind,
    run: &Run,
    page: usize,
) -> Result<Deleted, NoReply> {
    let now = books.platform.clock.now();
    let Some(question) = ledger.list_deleted(kind, asked_since(run.from, now, page), now) else {
        return Ok(Deleted::default());
    };
    let answer = books.ask_ledger(connection, ledger, &question).await?;
    let found = match ledger.read_deleted(kind, &answer) {
        // What the ledger will not tell is done without: the lists have told the most of it.
        Outcome::Refused(_) => Deleted::default(),
        other => told(books, other)?,
    };
    Ok(Deleted { more: found.more && page <= HALVINGS, ..found })
}

/// Since when, on that page.
fn asked_since(from: DateTime<Utc>, now: DateTime<Utc>, page: usize) -> DateTime<Utc> {
    now - (now - from) / (1 << page.saturating_sub(1).min(HALVINGS))
}

/// The order of ours that a deleted document was written for is compared.
fn doubt(sql: &dyn Sql, run: &Run, kind: DocumentKind, ledger_id: &str) -> Result<(), SqlError> {
    let owners = sql.exec(
        "SELECT order_id FROM documents WHERE connection = ? AND kind = ? AND json_extract(posted, '$.ledger_id') = ?
         AND state <> 'voided' LIMIT 1",
        &[run.connection.as_str().into(), kind.as_str().into(), ledger_id.into()],
    )?;
    owners.first().map_or(Ok(()), |row| put_known(sql, run, &row.text("order_id")?))
}

/// An order that the engine knows is compared although it may not have changed itself. A sample is of the newest orders only.
fn put_known(sql: &dyn Sql, run: &Run, order_id: &str) -> Result<(), SqlError> {
    if run.sample.is_some() {
        return Ok(());
    }
    sql.exec(
        "INSERT OR IGNORE INTO run_orders (run, order_id, name, made_at, source, stage)
         SELECT ?1, order_id, coalesce(name, order_id), first_seen_at, 'known', ?2 FROM orders
         WHERE connection = ?3 AND order_id = ?4",
        &[run.id.as_str().into(), Stage::Ready.into(), run.connection.as_str().into(), order_id.into()],
    )
    .map(drop)
}

fn count(sql: &dyn Sql, run: &Run) -> Result<i64, SqlError> {
    let rows = sql.exec("SELECT COUNT(*) AS n FROM run_documents WHERE run = ?", &[run.id.as_str().into()])?;
    rows.first().map_or(Ok(0), |row| row.int("n"))
}

async fn list(
    books: &Books<'_>,
    connection: &Connection,
    ledger: &dyn Ledger,
    kind: DocumentKind,
    span: &Span,
    page: usize,
) -> Result<ListedPage, NoReply> {
    let answer = books.ask_ledger(connection, ledger, &ledger.list(kind, span, page)).await?;
    told(books, ledger.read_list(kind, span, &answer))
}

/// What the ledger told; where it did not, when it is asked again.
fn told<T>(books: &Books<'_>, outcome: Outcome<T>) -> Result<T, NoReply> {
    match outcome {
        Outcome::Done(told) => Ok(told),
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
    order_id.map_or(Ok(()), |order_id| put_known(sql, run, &order_id))
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
pub fn words(one: &Listed) -> Vec<&str> {
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
                list(books, connection, ledger.as_ref(), kind, &span, 1).await?.documents
            }
            // What this ledger does not list cannot be looked up.
            None => Vec::new(),
        };
        if run.was_stopped(sql)? {
            break;
        }
        transaction(sql, |sql| {
            for value in &values {
                sql.exec(
                    "DELETE FROM run_lookups WHERE run = ? AND kind = ? AND by_id = ? AND value = ?",
                    &[run.id.as_str().into(), kind_name.as_str().into(), by_id.into(), value.as_str().into()],
                )?;
                if by_id > 0 && listed.is_some() && !found.iter().any(|one| one.ledger_id == *value) {
                    sql.exec(
                        "DELETE FROM run_documents WHERE run = ?1 AND ledger_id = ?3
                         AND kind IN (?2, CASE ?2 WHEN 'payment' THEN 'refund_payment' ELSE ?2 END)",
                        &[run.id.as_str().into(), kind_name.as_str().into(), value.as_str().into()],
                    )?;
                }
            }
            found.iter().try_for_each(|one| put_document(sql, run, one))
        })?;
    }
    Ok(Next::More)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_which_deleted_documents_are_asked_for_is_halved_from_page_to_page() {
        let at = |text: &str| -> DateTime<Utc> { text.parse().unwrap() };
        let (from, now) = (at("2026-11-01T00:00:00Z"), at("2026-11-09T00:00:00Z"));
        assert_eq!(asked_since(from, now, 1), from);
        assert_eq!(asked_since(from, now, 2), at("2026-11-05T00:00:00Z"));
        assert_eq!(asked_since(from, now, 4), at("2026-11-08T00:00:00Z"));
    }

    #[test]
    fn of_a_kind_those_dated_in_the_window_come_first_then_those_changed_and_those_deleted() {
        let mut place = Place::read("");
        let mut asked = Vec::new();
        for more in [true, false, false, false] {
            asked.push(place.text());
            place = Place::read(&place.text()).next(more);
        }
        assert_eq!(asked, ["0/0/1", "0/0/2", "0/1/1", "0/2/1"]);
        assert_eq!(place.text(), "1/0/1");
    }
}
