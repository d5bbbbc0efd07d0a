//! How a run ends before it is done: a person cancels it, or it crashes and is given up. What it has found so far stays.

use super::phases::Phase;
use super::tables::Run;
use super::{MOST_MARKS, report, schedule};
use crate::journal;
use crate::platform::{SqlError, transaction};
use crate::posting::Books;

/// The alert that tells of a crash, until a later run of the connection ends.
pub(super) const CRASHED: &str = "reconciliation_crashed";

/// Stops a run. False if it is not under way.
pub fn cancel(books: &Books<'_>, id: &str) -> Result<bool, SqlError> {
    let sql = books.platform.sql;
    let Some(run) = Run::load(sql, id)?.filter(Run::is_under_way) else { return Ok(false) };
    transaction(sql, |_| stop(books, run, "it was cancelled"))?;
    Ok(true)
}

/// Ends a run that crashes. One that has ended keeps its lists then: nobody looks at them.
pub(super) fn give_up(books: &Books<'_>, mut run: Run) -> Result<(), SqlError> {
    if !run.is_under_way() {
        run.due_at = None;
        return run.store(books.platform.sql);
    }
    let doing = run.phase.in_words();
    let text = format!(
        "Reconciliation {} crashed {MOST_MARKS} times while {doing}, and was given up. Posting goes on. Report it to the \
         maintainers.",
        run.id
    );
    transaction(books.platform.sql, |_| {
        books.alert(&run.connection, CRASHED, &text)?;
        schedule::given_up(books, &run)?;
        stop(books, run, &format!("it crashed while {doing}"))
    })
}

fn stop(books: &Books<'_>, mut run: Run, why: &str) -> Result<(), SqlError> {
    let (sql, now) = (books.platform.sql, books.platform.clock.now());
    run.phase = Phase::Stopped;
    run.due_at = Some(now);
    run.marks = 0;
    run.finished_at = Some(now);
    run.waits_for = Some(why.to_owned());
    run.store(sql)?;
    schedule::stopped(books, &run)?;
    // What differed is told of, if that is known.
    if run.before.is_some() {
        report::tell(books, &run)?;
    }
    journal::append(sql, &report::reconciliation(books, &run, true))
}
