//! What the orders with differences of one sort have in common, found piece by piece: every mark is counted, then which of
//! the telling ones go together. The counts lie in the database, so that each piece is as small as the last.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::tables::Run;
use super::{MOST_MARKS, Next, Phase, Piece};
use crate::platform::{Row, Sql, SqlError, transaction};
use crate::posting::Books;
use crate::reconcile::Class;
use crate::reconcile::diagnosis::{Count, Marks, Pattern, Tally};
use crate::reconcile::features::Features;

/// Orders in a piece of work.
const ORDERS: i64 = 500;
/// What is said in place of patterns where finding them crashed.
const NO_PATTERNS: &str =
    "What the differences have in common could not be found: it crashed again and again. Report it to the maintainers.";

/// What is counted, and behind which order. Kept as text in the run's cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Every mark.
    Marks,
    /// The telling marks that an order has.
    Sets,
}

impl Pass {
    fn name(self) -> &'static str {
        match self {
            Pass::Marks => "marks",
            Pass::Sets => "sets",
        }
    }
}

/// Counts the orders, and finds what those with differences of each sort have in common. Where that crashes what was found
/// is told without it.
pub fn diagnose(books: &Books<'_>, run: &mut Run) -> Piece {
    let sql = books.platform.sql;
    if run.round() > 1 {
        return Ok(Next::Then(Phase::Publish));
    }
    let (pass, after) = match run.cursor.split_once('/') {
        Some(("sets", after)) => (Pass::Sets, after.to_owned()),
        Some((_, after)) => (Pass::Marks, after.to_owned()),
        None => {
            let rows = sql.exec("SELECT COUNT(*) AS n FROM run_orders WHERE run = ?", &[run.id.as_str().into()])?;
            run.shopify_count = rows.first().map_or(Ok(0), |row| row.int("n"))?;
            let differs = "SELECT 1 AS found FROM run_findings WHERE run = ? AND round = 1 LIMIT 1";
            if sql.exec(differs, &[run.id.as_str().into()])?.is_empty() {
                return Ok(Next::Then(Phase::Publish));
            }
            (Pass::Marks, String::new())
        }
    };
    if run.marks >= MOST_MARKS {
        sql.exec("UPDATE runs SET note = ? WHERE id = ?", &[NO_PATTERNS.into(), run.id.as_str().into()])?;
        return Ok(Next::Then(Phase::Publish));
    }
    let orders = page(sql, run, &after)?;
    let Some(last) = orders.last().map(|one| one.order_id.clone()) else {
        if pass == Pass::Sets {
            tell(sql, run)?;
            return Ok(Next::Then(Phase::Publish));
        }
        run.cursor = format!("{}/", Pass::Sets.name());
        return Ok(Next::More);
    };
    transaction(sql, |sql| {
        match pass {
            Pass::Marks => count_marks(sql, run, &orders),
            Pass::Sets => count_sets(sql, run, &orders),
        }?;
        run.cursor = format!("{}/{last}", pass.name());
        run.store(sql)
    })?;
    Ok(Next::More)
}

/// An order, what it is like, and the sorts of differences that it has.
struct Order {
    order_id: String,
    features: Features,
    groups: Vec<Group>,
}

fn page(sql: &dyn Sql, run: &Run, after: &str) -> Result<Vec<Order>, SqlError> {
    let rows = sql.exec(
        "SELECT order_id, features, (SELECT group_concat(class || '/' || coalesce(json_extract(finding, '$.document_key'), '')
                 || '/' || coalesce(json_extract(finding, '$.field'), ''), char(10))
             FROM run_findings f WHERE f.run = ?1 AND f.round = 1 AND f.order_id = o.order_id) AS found
         FROM run_orders o WHERE run = ?1 AND order_id > ?2 ORDER BY order_id LIMIT ?3",
        &[run.id.as_str().into(), after.into(), ORDERS.into()],
    )?;
    let read = |row: &Row| {
        let features = row.text_or_null("features")?.and_then(|text| serde_json::from_str(&text).ok());
        let groups = row.text_or_null("found")?.map(|found| Group::all(&found));
        Ok(Order {
            order_id: row.text("order_id")?,
            features: features.unwrap_or_default(),
            groups: groups.unwrap_or_default(),
        })
    };
    rows.iter().map(read).collect()
}

fn count_marks(sql: &dyn Sql, run: &Run, orders: &[Order]) -> Result<(), SqlError> {
    let mut all = Marks::default();
    let mut of_groups: BTreeMap<&Group, Marks> = BTreeMap::new();
    for one in orders {
        all.add(&one.features, false);
        one.groups.iter().for_each(|group| of_groups.entry(group).or_default().add(&one.features, true));
    }
    all.counts().try_for_each(|(mark, count)| put(sql, run, None, Pass::Marks, mark, count))?;
    for (group, marks) in of_groups {
        let bad = |count: Count| Count { all: 0, ..count };
        marks.counts().try_for_each(|(mark, count)| put(sql, run, Some(group), Pass::Marks, mark, bad(count)))?;
    }
    Ok(())
}

fn count_sets(sql: &dyn Sql, run: &Run, orders: &[Order]) -> Result<(), SqlError> {
    for (group, mut tally) in tallies(sql, run)? {
        orders.iter().for_each(|one| tally.add(&one.features, one.groups.contains(&group)));
        tally.counts().try_for_each(|(set, count)| put(sql, run, Some(&group), Pass::Sets, &set.to_string(), count))?;
    }
    Ok(())
}

/// Counts more orders of a sort, or of all.
fn put(sql: &dyn Sql, run: &Run, group: Option<&Group>, pass: Pass, key: &str, count: Count) -> Result<(), SqlError> {
    let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    sql.exec(
        "INSERT INTO run_counts (run, class, what, pass, key, bad, total) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (run, class, what, pass, key) DO UPDATE SET bad = bad + excluded.bad, total = total + excluded.total",
        &[
            run.id.as_str().into(),
            group.map_or("", |group| group.class.as_str()).into(),
            group.map_or("", |group| &group.what).into(),
            pass.name().into(),
            key.into(),
            whole(count.bad).into(),
            whole(count.all).into(),
        ],
    )
    .map(drop)
}

/// What was counted, by sort.
fn counted(sql: &dyn Sql, run: &Run, pass: Pass) -> Result<Vec<(Option<Group>, String, Count)>, SqlError> {
    let rows = sql.exec(
        "SELECT class, what, key, bad, total FROM run_counts WHERE run = ? AND pass = ? ORDER BY class, what, key",
        &[run.id.as_str().into(), pass.name().into()],
    )?;
    let read = |row: &Row| {
        let (name, what) = (row.text("class")?, row.text("what")?);
        let class = Class::ALL.into_iter().find(|class| class.as_str() == name);
        let whole = |key: &str| row.int(key).map(|count| u64::try_from(count).unwrap_or_default());
        let count = Count { bad: whole("bad")?, all: whole("total")? };
        Ok((class.map(|class| Group { class, what }), row.text("key")?, count))
    };
    rows.iter().map(read).collect()
}

/// A tally for each sort of differences of which some marks are telling, with nothing in it yet.
fn tallies(sql: &dyn Sql, run: &Run) -> Result<BTreeMap<Group, Tally>, SqlError> {
    let mut all: BTreeMap<String, Count> = BTreeMap::new();
    let mut of_groups: BTreeMap<Group, Marks> = BTreeMap::new();
    for (group, mark, count) in counted(sql, run, Pass::Marks)? {
        match group {
            None => drop(all.insert(mark, count)),
            Some(group) => {
                let everywhere = all.get(&mark).map_or(0, |count| count.all);
                of_groups.entry(group).or_default().put(&mark, Count { all: everywhere, ..count });
            }
        }
    }
    let tally = |(group, marks): (Group, Marks)| {
        let telling = marks.telling(group.implied());
        (group, Tally::new(telling))
    };
    Ok(of_groups.into_iter().map(tally).filter(|(_, tally)| !tally.is_empty()).collect())
}

/// What was found is kept with the run.
fn tell(sql: &dyn Sql, run: &Run) -> Result<(), SqlError> {
    let mut tallies = tallies(sql, run)?;
    for (group, set, count) in counted(sql, run, Pass::Sets)? {
        if let (Some(tally), Ok(set)) = (group.and_then(|group| tallies.get_mut(&group)), set.parse()) {
            tally.put(set, count);
        }
    }
    let of = |(group, tally): (&Group, &Tally)| -> Vec<Found> {
        let patterns = tally.patterns(&group.in_words()).into_iter();
        patterns.map(|pattern| Found { class: group.class, pattern }).collect()
    };
    let patterns: Vec<Found> = tallies.iter().flat_map(of).collect();
    let text = serde_json::to_string(&patterns).map_err(|error| SqlError(error.to_string()))?;
    sql.exec("UPDATE runs SET patterns = ? WHERE id = ?", &[text.into(), run.id.as_str().into()]).map(drop)
}

/// Differences of one sort: a class, and of which value or which kind of document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    class: Class,
    /// `sale`, `payment`, `credit` …, or the field that is wrong; empty for all of the class.
    what: String,
}

impl Group {
    /// Of the classes, keys and fields that SQL found on one order. An order that is missing as a whole is that, and its
    /// payments say nothing more.
    fn all(found: &str) -> Vec<Self> {
        let read = |text: &str| {
            let mut parts = text.split('/');
            let name = parts.next()?;
            let class = Class::ALL.into_iter().find(|one| one.as_str() == name)?;
            let (key, field) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let key = key.split(':').next().unwrap_or_default();
            let what = match class {
                Class::Missing if !matches!(key, "sale" | "") => key,
                Class::Wrong | Class::Stale => field,
                _ => "",
            };
            Some(Group { class, what: what.to_owned() })
        };
        let mut groups: Vec<Self> = found.split('\n').filter_map(read).collect();
        groups.sort();
        groups.dedup();
        let whole = groups.iter().any(|one| one.class == Class::Missing && one.what.is_empty());
        groups.retain(|one| !(whole && one.class == Class::Missing && !one.what.is_empty()));
        groups
    }

    /// What all of them have in common anyway.
    fn implied(&self) -> &'static [&'static str] {
        match (self.class, self.what.as_str()) {
            (Class::Missing, "credit" | "refund") => &["refunded", "partly_refunded", "cancelled"],
            (Class::Wrong | Class::Stale, "status") => &["cancelled", "refunded"],
            _ => &[],
        }
    }

    /// `missing orders`, `orders with a wrong text`.
    fn in_words(&self) -> String {
        let class = self.class.as_str();
        match self.what.as_str() {
            "" => format!("{class} orders"),
            "credit" | "refund" => format!("orders with a {class} refund"),
            what => format!("orders with a {class} {what}"),
        }
    }
}

/// What the orders of one class have in common.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Found {
    /// The class.
    pub class: Class,
    /// The pattern.
    #[serde(flatten)]
    pub pattern: Pattern,
}
