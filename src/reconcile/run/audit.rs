//! Books that somebody else filled: their documents are paired with the orders, first those that name an order's id, then
//! its name, then by amount, currency and day, the nearest first. Orders are taken some at a time, in their order, as often
//! as it takes: no order takes by its name what names another one's id, nor by its amount what is nearer to another one.
//! Numbers count as names where most of them have their order's money; else they are the ledger's own, and come last. What
//! is left then and looks like a sale of the shop is called for by nothing.

use std::collections::BTreeMap;

use chrono::{Duration, NaiveDate};

use super::cases::{add, record};
use super::left::unexpected;
use super::listing::first_day;
use super::phases::Stage;
use super::recognised::{by_amount, count_matches, double, know, lacking, lose, name, recognised, wanted, ways};
use super::rivals::{Sure, is_alone, is_sparse, rival};
use super::tables::Run;
use super::{Next, Phase, Piece};
use crate::books::document::DocumentKind;
use crate::books::listed::Listed;
use crate::config::Connection;
use crate::platform::{Row, Sql, SqlError, transaction};
use crate::posting::Books;
use crate::reconcile::matching::SPAN;
use crate::reconcile::{By, Expectation, Naming, Reach, Rival, Theirs, Ways, compare_foreign};

/// Orders in a piece of work.
const ORDERS: i64 = 100;
/// Documents in a piece of work.
const DOCUMENTS: i64 = 200;

/// What is done with the books, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Documents that name an order's id find it.
    Ids,
    /// Those whose note says its name.
    Names,
    /// Those whose number is its name, unless the numbers are the ledger's own.
    Numbers,
    /// Those that name an order which has its document.
    Doubles,
    /// Those that fit an order by their amount, so far away: a place in [`Reach::all`].
    Amount(usize),
    /// Whatever else names it.
    Rest,
    /// What has no document is noted.
    Lost,
    /// All is held against what is called for.
    Judge,
    /// What is left and looks like a sale of the shop.
    Left,
}

impl Pass {
    /// What comes then; `numbers` if they are orders' names.
    fn next(self, numbers: bool) -> Self {
        match self {
            Pass::Ids => Pass::Names,
            Pass::Names if numbers => Pass::Numbers,
            Pass::Names | Pass::Numbers => Pass::Doubles,
            Pass::Doubles => Pass::Amount(0),
            Pass::Amount(at) if at + 1 < Reach::all().len() => Pass::Amount(at + 1),
            Pass::Amount(_) => Pass::Rest,
            Pass::Rest => Pass::Lost,
            Pass::Lost => Pass::Judge,
            Pass::Judge | Pass::Left => Pass::Left,
        }
    }

    /// Where its orders are: once ids are known, only those have their turn that have not all their documents.
    fn stages(self) -> [Stage; 2] {
        match self {
            Pass::Names | Pass::Numbers | Pass::Amount(_) | Pass::Rest | Pass::Lost => [Stage::Unmatched; 2],
            Pass::Doubles => [Stage::Compared, Stage::Unmatched],
            Pass::Ids | Pass::Judge | Pass::Left => [Stage::Compared; 2],
        }
    }
}

/// A pass, and the order that it is behind. Kept as text in the run's cursor.
struct Place {
    pass: Pass,
    after: String,
    /// Documents that are numbered as an order is named, with that order's money and without it.
    numbers: (usize, usize),
    /// How these books name their orders, once that is known.
    ways: Ways,
    /// True if few of the orders have documents of their own, once that is known.
    is_sparse: bool,
}

impl Place {
    fn read(cursor: &str) -> Self {
        let mut parts = cursor.splitn(5, '/');
        let mut next = || parts.next().unwrap_or_default();
        let pass = match next() {
            "names" => Pass::Names,
            "numbers" => Pass::Numbers,
            "doubles" => Pass::Doubles,
            "rest" => Pass::Rest,
            "lost" => Pass::Lost,
            "judge" => Pass::Judge,
            "left" => Pass::Left,
            name => name.parse().map_or(Pass::Ids, Pass::Amount),
        };
        let numbers = (next().parse().unwrap_or(0), next().parse().unwrap_or(0));
        let ways = next();
        let is_sparse = ways.contains('s');
        let ways = Ways { ids: ways.contains('i'), names: ways.contains('n'), numbers: ways.contains('#') };
        Self { pass, after: next().to_owned(), numbers, ways, is_sparse }
    }

    fn text(&self) -> String {
        let pass = match self.pass {
            Pass::Ids => "ids".to_owned(),
            Pass::Names => "names".to_owned(),
            Pass::Numbers => "numbers".to_owned(),
            Pass::Doubles => "doubles".to_owned(),
            Pass::Amount(at) => at.to_string(),
            Pass::Rest => "rest".to_owned(),
            Pass::Lost => "lost".to_owned(),
            Pass::Judge => "judge".to_owned(),
            Pass::Left => "left".to_owned(),
        };
        let Ways { ids, names, numbers } = self.ways;
        let known = [(ids, 'i'), (names, 'n'), (numbers, '#'), (self.is_sparse, 's')];
        let ways: String = known.iter().filter(|one| one.0).map(|one| one.1).collect();
        format!("{pass}/{}/{}/{ways}/{}", self.numbers.0, self.numbers.1, self.after)
    }

    /// True if numbers that are orders' names are so on purpose: at least half have the order's money.
    fn numbers_count(&self) -> bool {
        self.numbers.0 > 0 && self.numbers.0 >= self.numbers.1
    }

    /// The pass that comes then, from its first order on.
    fn go_on(&mut self, sql: &dyn Sql, run: &Run) -> Result<(), SqlError> {
        match self.pass {
            Pass::Doubles => self.ways = ways(sql, run)?,
            Pass::Lost => self.is_sparse = is_sparse(sql, run)?,
            Pass::Judge => count_matches(sql, run)?,
            _ => {}
        }
        self.pass = self.pass.next(self.numbers_count());
        self.after.clear();
        Ok(())
    }
}

/// Pairs some more orders, or looks at some more of what is left.
pub fn pair(books: &Books<'_>, connection: &Connection, run: &mut Run) -> Piece {
    let sql = books.platform.sql;
    let mut place = Place::read(&run.cursor);
    if place.pass == Pass::Left {
        return left(sql, run);
    }
    let [first, second] = place.pass.stages();
    let rows = sql.exec(
        "SELECT order_id, expectation FROM run_orders o WHERE run = ?1 AND stage IN (?2, ?6) AND order_id > ?3
         AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.connection = ?4 AND d.order_id = o.order_id
                         AND d.state IN ('posted', 'updated'))
         AND NOT EXISTS (SELECT 1 FROM taken_over t WHERE t.connection = ?4 AND t.order_id = o.order_id)
         ORDER BY order_id LIMIT ?5",
        &[
            run.id.as_str().into(),
            first.into(),
            place.after.as_str().into(),
            connection.id.as_str().into(),
            ORDERS.into(),
            second.into(),
        ],
    )?;
    let Some(last) = rows.last() else {
        place.go_on(sql, run)?;
        run.cursor = place.text();
        return Ok(Next::More);
    };
    place.after = last.text("order_id")?;
    let orders: Vec<Expectation> = rows.iter().filter_map(expectation).collect();
    transaction(sql, |sql| {
        match place.pass {
            Pass::Ids => name(sql, run, &orders, Naming::Id).map(drop),
            Pass::Names => name(sql, run, &orders, Naming::Name).map(|(fit, other)| {
                place.numbers = (place.numbers.0 + fit, place.numbers.1 + other);
            }),
            Pass::Numbers => name(sql, run, &orders, Naming::Number).map(drop),
            Pass::Doubles => double(sql, run, &orders, place.numbers_count()),
            Pass::Amount(at) => by_amount(sql, run, &orders, at, place.ways),
            Pass::Rest => name(sql, run, &orders, Naming::Rest).map(drop),
            Pass::Lost => lose(sql, run, &orders),
            Pass::Judge | Pass::Left => judge(connection, sql, run, &orders, &place),
        }?;
        run.cursor = place.text();
        run.store(sql)
    })?;
    Ok(Next::More)
}

/// From when on the sales were made whose documents are listed, wherever the other integration dates them.
fn sure_from(run: &Run) -> NaiveDate {
    first_day(run) + Duration::days(SPAN)
}

/// What is left when every order has its documents. Whatever looks like those that were recognised, or repeats one of them to
/// the cent, is a sale of the shop that no order calls for; the rest is none of the shop's. A sample says nothing of that,
/// nor do the window's first days: their documents may be those of earlier orders.
fn left(sql: &dyn Sql, run: &Run) -> Piece {
    if run.sample.is_some() {
        return Ok(Next::Then(Phase::Diagnose));
    }
    let rows = some_left(sql, run)?;
    if rows.is_empty() {
        return Ok(Next::Then(Phase::Diagnose));
    }
    transaction(sql, |sql| {
        for row in &rows {
            let Ok(listed) = serde_json::from_str::<Listed>(&row.text("listed")?) else { continue };
            let twin = row.text_or_null("twin")?;
            if listed.counts() && !listed.total.is_zero() && (row.int("alike")? != 0 || twin.is_some()) {
                add(sql, run, &unexpected(&listed, &why_left(twin)))?;
            }
            sql.exec(
                "UPDATE run_documents SET order_id = '' WHERE run = ? AND kind = ? AND ledger_id = ?",
                &[run.id.as_str().into(), row.text("kind")?.into(), row.text("ledger_id")?.into()],
            )?;
        }
        Ok::<_, SqlError>(())
    })?;
    Ok(Next::More)
}

/// The kinds of documents that are of sales.
const KINDS: [DocumentKind; 4] =
    [DocumentKind::Invoice, DocumentKind::SalesReceipt, DocumentKind::CreditNote, DocumentKind::RefundReceipt];
/// What nobody has of a kind: whether it looks like what was recognised, and whose it repeats. Read in the order of an index
/// of just these, for what was looked at is not among them any more.
pub(super) const LEFT: &str =
    "SELECT kind, ledger_id, listed, EXISTS (SELECT 1 FROM run_documents m WHERE m.run = ?1 AND m.shape = d.shape
             AND m.order_id > '') AS alike,
         (SELECT o.name FROM run_documents m JOIN run_orders o ON o.run = m.run AND o.order_id = m.order_id
             WHERE m.run = ?1 AND m.total = d.total AND m.kind = d.kind AND m.date BETWEEN date(d.date, '-3 days')
             AND date(d.date, '+3 days') LIMIT 1) AS twin
     FROM run_documents d WHERE run = ?1 AND kind = ?2 AND order_id IS NULL AND date BETWEEN ?3 AND ?4
     ORDER BY date, rowid LIMIT ?5";

fn some_left(sql: &dyn Sql, run: &Run) -> Result<Vec<Row>, SqlError> {
    let from = (run.from + Duration::days(SPAN)).date_naive().to_string();
    let to = run.to.date_naive().to_string();
    for kind in KINDS {
        let params =
            [run.id.as_str().into(), kind.as_str().into(), from.as_str().into(), to.as_str().into(), DOCUMENTS.into()];
        let rows = sql.exec(LEFT, &params)?;
        if !rows.is_empty() {
            return Ok(rows);
        }
    }
    Ok(Vec::new())
}

fn why_left(twin: Option<String>) -> String {
    let text = "no order of the shop is left for it";
    twin.map_or_else(
        || text.to_owned(),
        |name| {
            let doubt = By::Nearest.confidence();
            format!("{text}; amount and day are those of {name}, which may have been entered twice ({doubt})")
        },
    )
}

fn expectation(row: &Row) -> Option<Expectation> {
    serde_json::from_str(&row.text_or_null("expectation").ok()??).ok()
}

/// All is held against what is called for.
fn judge(
    connection: &Connection,
    sql: &dyn Sql,
    run: &Run,
    orders: &[Expectation],
    place: &Place,
) -> Result<(), SqlError> {
    let Ok(settings) = &connection.settings else { return Ok(()) };
    let (mut matches, documents) = recognised(sql, run, orders)?;
    let (wanted, sure) = (wanted(orders), Sure::of(sql, run)?);
    for found in matches.iter_mut().filter(|one| one.by == By::Nearest) {
        let own = wanted.iter().find(|one| one.order_id == found.order_id && one.key == found.key);
        if let Some(one) = own
            && is_alone(sql, run, one, found, &sure)?
        {
            found.by = By::Amount;
            know(sql, run, found)?;
        }
    }
    let mut rivals = BTreeMap::new();
    for one in lacking(&wanted, &matches) {
        let found = rival(sql, run, &one, place.ways)?.or_else(|| place.is_sparse.then_some(Rival::Sums));
        rivals.extend(found.map(|rival| ((one.order_id, one.key), rival)));
    }
    let (ledger, since) = (settings.ledger, sure_from(run));
    let theirs = Theirs { matches: &matches, documents: &documents, rivals: &rivals, ledger, since };
    orders.iter().try_for_each(|order| record(sql, run, &order.order_id, &compare_foreign(order, &theirs)))
}
