//! Runs a reconciliation inside the object of the books, piece by piece: each alarm either posts, if a live order is due,
//! or does one bounded piece of a run. Everything that a run knows is in the database, so that it goes on after a restart
//! where it was; trouble with Shopify or the ledger makes it wait, never fail.
//!
//! A run lists Shopify's orders and the ledger's documents, holds each order against what was listed, and looks up what
//! does not fit: only what is missing or wrong a second time, in an order that is not being posted just then, is a finding.

use chrono::{DateTime, Duration, Utc};

use crate::config::Connection;
use crate::platform::{SqlError, transaction};
use crate::posting::{Books, NoReply};

mod audit;
mod cases;
mod diagnosis;
mod left;
mod listing;
mod phases;
mod recognised;
mod repair;
mod report;
mod rivals;
mod schedule;
mod shop;
mod start;
mod stop;
mod tables;
mod view;

pub use diagnosis::Found;
pub use phases::{Kind, Phase, Stage};
pub use schedule::next_at;
pub use start::{Asked, Refused, approve, start};
pub use stop::cancel;
pub use tables::{Counts, Run};
pub use view::{FindingView, Part, RunView};

/// Pieces of work in one alarm: each asks at most [`listing::QUESTIONS`] questions.
const PIECES: usize = 4;
/// How long pieces are done in one alarm.
const WORKING_TIME: Duration = Duration::seconds(15);
/// A run of which so many pieces never ended is given up: what crashes it must not crash the books again and again.
const MOST_MARKS: i64 = 3;
/// How long a run waits where its connection's settings cannot be used.
const SETTINGS: Duration = Duration::minutes(15);

/// The note whether the last alarm went to a run.
const BESIDE: &str = "beside";

/// What follows on a piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Next {
    /// There is more to do in this phase.
    More,
    /// The phase is over.
    Then(Phase),
    /// The run has ended.
    Ended,
}

/// Why a piece of work was not done.
type Piece = Result<Next, NoReply>;

/// One alarm: live orders are posted first; what else there is goes on beside them.
pub async fn turn(books: &Books<'_>) {
    let is_due =
        |books: &Books<'_>| Ok::<bool, SqlError>(due(books)?.is_some_and(|at| at <= books.platform.clock.now()));
    // A database that fails is the engine's to deal with.
    let beside = is_due(books).unwrap_or_default() && may_go_beside(books).unwrap_or_default();
    if !beside || books.platform.pulse.beats(books.platform.clock.now()) {
        books.turn().await;
        let _ = rearm(books).await;
        return;
    }
    let worked = work(books).await;
    let flush_again = books.flush_beside().await;
    let run_due = due(books).unwrap_or_default();
    let failed = worked.is_err().then(|| books.platform.clock.now() + SETTINGS);
    let wanted = books.a_turn_is_wanted().unwrap_or_default().then(|| books.platform.clock.now());
    let next = [if worked.is_ok() { run_due } else { failed }, wanted, flush_again].into_iter().flatten().min();
    let _ = books.end_beside(next).await;
}

/// Live orders go first; what else the engine has to do takes turns with this.
fn may_go_beside(books: &Books<'_>) -> Result<bool, SqlError> {
    if books.posting_is_due()? {
        return Ok(false);
    }
    let was_beside = books.note(BESIDE)?.is_some_and(|text| text == "yes");
    let beside = !(was_beside && books.a_turn_is_wanted()?);
    if beside != was_beside {
        books.set_note(BESIDE, if beside { "yes" } else { "no" })?;
    }
    Ok(beside)
}

/// Cron: begins what the schedule says, and makes the object look at everything that is due.
pub async fn poke(books: &Books<'_>) -> Result<(), SqlError> {
    schedule::begin_what_is_due(books)?;
    books.poke().await?;
    rearm(books).await
}

/// When a run goes on, if one is under way.
fn due(books: &Books<'_>) -> Result<Option<DateTime<Utc>>, SqlError> {
    Ok(Run::next(books.platform.sql)?.and_then(|run| run.due_at))
}

/// The alarm that posting set may be later than a run goes on.
async fn rearm(books: &Books<'_>) -> Result<(), SqlError> {
    match due(books)? {
        Some(at) => books.wake_beside(at).await,
        None => Ok(()),
    }
}

async fn work(books: &Books<'_>) -> Result<(), SqlError> {
    books.begin_beside().await?;
    let began = books.platform.clock.now();
    for _ in 0..PIECES {
        let now = books.platform.clock.now();
        let Some(run) = Run::next(books.platform.sql)?.filter(|run| run.due_at.is_some_and(|at| at <= now)) else {
            break;
        };
        if now - began > WORKING_TIME || books.posting_is_due()? {
            break;
        }
        step(books, run).await?;
    }
    Ok(())
}

/// Does one piece of a run, and writes down how far it is.
async fn step(books: &Books<'_>, mut run: Run) -> Result<(), SqlError> {
    let sql = books.platform.sql;
    if run.marks >= MOST_MARKS {
        return stop::give_up(books, run);
    }
    run.mark(sql).await?;
    // Somebody may have cancelled it meanwhile, here and while it asked.
    let Some(mut run) = Run::load(sql, &run.id)? else { return Ok(()) };
    if !run.is_under_way() {
        return forget(books, run);
    }
    let usable = |one: &&Connection| one.id == run.connection && one.settings.is_ok();
    let piece = match books.connections.iter().find(usable) {
        Some(connection) => piece(books, connection, &mut run).await,
        None => Err(books.later(SETTINGS, "the connection's settings cannot be read, or it is gone from them")),
    };
    let now = books.platform.clock.now();
    if run.was_stopped(sql)? {
        return Ok(());
    }
    run.due_at = Some(now);
    run.marks = 0;
    run.waits_for = None;
    match piece {
        Ok(Next::More) => {}
        Ok(Next::Then(phase)) => {
            run.phase = phase;
            run.cursor.clear();
        }
        Ok(Next::Ended) => {
            run.phase = Phase::Done;
            run.finished_at = Some(now);
        }
        Err(NoReply::Later(at, why)) => {
            run.due_at = Some(at.max(now));
            run.waits_for = (at > now).then_some(why);
        }
        Err(NoReply::Sql(error)) => return Err(error),
    }
    transaction(sql, |sql| run.store(sql))
}

/// Forgets some of what a run listed that has ended.
fn forget(books: &Books<'_>, mut run: Run) -> Result<(), SqlError> {
    run.marks = 0;
    run.due_at = Some(books.platform.clock.now());
    transaction(books.platform.sql, |sql| {
        if run.forget_lists(sql)? {
            run.due_at = None;
        }
        run.store(sql)
    })
}

async fn piece(books: &Books<'_>, connection: &Connection, run: &mut Run) -> Piece {
    match run.phase {
        Phase::Shop => shop::shop(books, connection, run).await,
        Phase::Sample => shop::newest_only(books, connection, run),
        Phase::Fetch => shop::fetch(books, connection, run).await,
        Phase::Ledger => listing::ledger(books, connection, run).await,
        Phase::Compare => cases::compare(books, connection, run),
        Phase::LookUp => listing::look_up(books, connection, run).await,
        Phase::Judge => cases::judge(books, connection, run),
        Phase::Left => left::take(books, connection, run),
        Phase::Diagnose => diagnosis::diagnose(books, run),
        Phase::Publish => report::publish(books, run),
        Phase::Repair => repair::hand_over(books, connection, run),
        Phase::Repairing => repair::wait(books, run),
        Phase::Anew => repair::anew(books, run),
        Phase::Done | Phase::Stopped => Ok(Next::Ended),
    }
}
