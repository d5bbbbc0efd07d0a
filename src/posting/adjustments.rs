//! What normalisation changed or derived, written down document by document: when a document is first called for, and
//! anew when it is to be written with other values. What a document was written with stays beside it while it stands; what
//! came to a final sale since belongs to the adjustment that an edit makes.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chrono::{DateTime, Utc};

use super::orders::OrderRef;
use super::plan::{PostedDocuments, Step};
use crate::books::document::{Document, DocumentKey};
use crate::journal::{self, AdjustmentRecord};
use crate::normalize::{Adjustment, FX_DRIFT, PERSONAL};
use crate::platform::time::iso;
use crate::platform::{Row, Sql, SqlError, Value};

/// Document, field and rule.
type Id = (String, String, String);
/// Before and after.
type Values = (String, String);

/// True if a note is told once and stays true while its document stands, whatever that says later: what only the ledger's
/// answer tells, the day that was moved out of a closed period, and the buyer, who is kept as they were booked. Of credits
/// and adjustments, which are not derived anew once they stand, that is so of every note.
fn is_told_once(key: &DocumentKey, field: &str, rule: &str) -> bool {
    !key.is_sale() || matches!(rule, "ledger_computed" | "closed_period") || field.starts_with("customer.")
}

/// Writes down what is not written down yet; `steps` are the writes that follow.
pub fn keep(
    sql: &dyn Sql,
    at: &OrderRef,
    now: DateTime<Utc>,
    notes: &[Adjustment],
    posted: &PostedDocuments,
    steps: &[Step<'_>],
) -> Result<(), SqlError> {
    // Nothing to say, and nothing to take back.
    if notes.is_empty() && !steps.iter().any(|step| matches!(step, Step::Update(_))) {
        return Ok(());
    }
    let known = known(sql, at)?;
    let said = joined(notes.iter().cloned());
    let place = |note: &Adjustment| {
        let document_key = place(note, &known, posted, steps)?.clone();
        Some(Adjustment { document_key, ..note.clone() })
    };
    let placed = joined(said.values().filter_map(place));
    for note in placed.values() {
        add(sql, at, now, note)?;
    }
    let is_over = |(key, field, rule): &Id| {
        let is_rewritten = |step: &Step<'_>| matches!(step, Step::Update(document) if document.key.as_str() == key);
        !is_told_once(&DocumentKey::stored(key.clone()), field, rule) && steps.iter().any(is_rewritten)
    };
    known.keys().filter(|id| !placed.contains_key(*id) && is_over(id)).try_for_each(|id| take_back(sql, at, now, id))
}

/// Several notes that say something of one field are one.
fn joined(notes: impl Iterator<Item = Adjustment>) -> BTreeMap<Id, Adjustment> {
    let mut all: BTreeMap<Id, Adjustment> = BTreeMap::new();
    for note in notes {
        let id = (note.document_key.to_string(), note.field.clone(), note.rule.to_owned());
        match all.entry(id) {
            Entry::Vacant(place) => {
                place.insert(note);
            }
            Entry::Occupied(mut place) => {
                let first = place.get_mut();
                if (&first.before, &first.after) != (&note.before, &note.after) {
                    first.before = [first.before.as_str(), &note.before].join("; ");
                    first.after = [first.after.as_str(), &note.after].join("; ");
                }
            }
        }
    }
    all
}

fn known(sql: &dyn Sql, at: &OrderRef) -> Result<BTreeMap<Id, Values>, SqlError> {
    let statement =
        "SELECT document_key, field, rule, before, after FROM adjustments WHERE connection = ? AND order_id = ?";
    let rows = sql.exec(statement, &at.params())?;
    let one = |row: &Row| {
        let id = (row.text("document_key")?, row.text("field")?, row.text("rule")?);
        Ok((id, (row.text("before")?, row.text("after")?)))
    };
    rows.iter().map(one).collect()
}

/// The document that a note is filed under; `None` if what it says is known, or is not true of what stands.
fn place<'a>(
    note: &'a Adjustment,
    known: &BTreeMap<Id, Values>,
    posted: &PostedDocuments,
    steps: &'a [Step<'_>],
) -> Option<&'a DocumentKey> {
    let own = &note.document_key;
    let is_own = |key: &DocumentKey| key.whole() == own.whole();
    if !posted.keys().any(is_own) || written(steps).any(|document| is_own(&document.key)) {
        return Some(own);
    }
    let is_said = |((key, field, rule), (before, after)): (&Id, &Values)| {
        let of = DocumentKey::stored(key.clone());
        (is_own(&of) || of.adjustment_number().is_some())
            && (field, rule.as_str()) == (&note.field, note.rule)
            && (before, after) == (&note.before, &note.after)
    };
    if known.iter().any(is_said) {
        return None;
    }
    if own.is_sale() {
        return written(steps).map(|document| &document.key).find(|key| key.adjustment_number().is_some());
    }
    // At which rate money moved may be told later.
    let id = (own.to_string(), note.field.clone(), note.rule.to_owned());
    (note.rule == FX_DRIFT && !known.contains_key(&id)).then_some(own)
}

/// The documents that are to be written.
fn written<'a>(steps: &'a [Step<'_>]) -> impl Iterator<Item = &'a Document> {
    steps.iter().filter_map(|step| match step {
        Step::Create(document) | Step::Update(document) => Some(*document),
        Step::Void(_) => None,
    })
}

/// Writes a note down, in place of what was written of its document, field and rule; nothing, if it says the same.
pub fn add(sql: &dyn Sql, order: &OrderRef, now: DateTime<Utc>, note: &Adjustment) -> Result<(), SqlError> {
    let [connection, order_id] = order.params();
    let at = iso(now);
    let written = sql.exec(
        "INSERT INTO adjustments (connection, order_id, document_key, field, rule, before, after, personal, at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET before = excluded.before, after = excluded.after,
             personal = excluded.personal, at = excluded.at
         WHERE before <> excluded.before OR after <> excluded.after RETURNING rule",
        &[
            connection,
            order_id,
            note.document_key.as_str().into(),
            note.field.as_str().into(),
            note.rule.into(),
            note.before.as_str().into(),
            note.after.as_str().into(),
            Value::Int(note.personal.into()),
            at.as_str().into(),
        ],
    )?;
    if written.is_empty() {
        return Ok(());
    }
    let shown = |text: &str| if note.personal { PERSONAL.to_owned() } else { text.to_owned() };
    let id = (note.document_key.to_string(), note.field.clone(), note.rule.to_owned());
    tell(sql, order, &id, [shown(&note.before), shown(&note.after)], at)
}

/// A document is written anew, and this is not true of it any more: the journal, where nothing is struck out, has it with
/// nothing before and nothing after.
fn take_back(sql: &dyn Sql, order: &OrderRef, now: DateTime<Utc>, id: &Id) -> Result<(), SqlError> {
    let [connection, order_id] = order.params();
    sql.exec(
        "DELETE FROM adjustments WHERE connection = ? AND order_id = ? AND document_key = ? AND field = ? AND rule = ?",
        &[connection, order_id, id.0.as_str().into(), id.1.as_str().into(), id.2.as_str().into()],
    )?;
    tell(sql, order, id, Default::default(), iso(now))
}

fn tell(sql: &dyn Sql, order: &OrderRef, id: &Id, [before, after]: [String; 2], at: String) -> Result<(), SqlError> {
    let (connection, order_id) = (order.connection.clone(), order.order_id.clone());
    let (document_key, field, rule) = id.clone();
    let record = AdjustmentRecord { connection, order_id, document_key, field, rule, before, after, at };
    journal::append(sql, &journal::Record::Adjustment(record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::books::document::TaxMode;
    use crate::ledgers::samples::{invoice, line, posted};
    use crate::platform::native::Sqlite;
    use crate::posting::documents::{PostedState, Record};

    fn order() -> OrderRef {
        OrderRef { connection: "main".into(), order_id: "1".into() }
    }

    fn note(field: &str, after: &str) -> Adjustment {
        Adjustment {
            document_key: DocumentKey::sale(),
            field: field.into(),
            rule: "control_characters",
            before: "x".into(),
            after: after.into(),
            personal: false,
        }
    }

    fn sale() -> Document {
        invoice(vec![line("1", "10", "0", "2", "0.2")], TaxMode::Exclusive)
    }

    fn record(document: &Document) -> Record {
        Record {
            state: PostedState::Posted,
            currency: "USD".into(),
            expected_total: document.total,
            ledger_total: document.total,
            exact: true,
            doubted: false,
            document: document.clone(),
            generation: 0,
            updates: 0,
            posted: posted("1"),
        }
    }

    /// An object's database, and what it has of an order after it was told these notes while these steps were ahead.
    struct Told(Sqlite);

    impl Told {
        fn new() -> Self {
            let sql = Sqlite::in_memory().unwrap();
            super::super::schema::create(&sql).unwrap();
            Self(sql)
        }

        fn keep(&self, notes: &[Adjustment], posted: &PostedDocuments, steps: &[Step<'_>]) -> Vec<String> {
            keep(&self.0, &order(), DateTime::<Utc>::MIN_UTC, notes, posted, steps).unwrap();
            known(&self.0, &order())
                .unwrap()
                .into_iter()
                .map(|(id, (_, after))| format!("{} {} {after}", id.0, id.1))
                .collect()
        }
    }

    fn standing(documents: &[&Document]) -> PostedDocuments {
        documents.iter().map(|one| (one.key.clone(), record(one))).collect()
    }

    #[test]
    fn what_several_notes_say_of_one_field_is_known_afterwards_and_not_filed_with_an_adjustment() {
        let (told, whole) = (Told::new(), sale());
        let notes = [note("name", "a"), note("name", "b")];
        assert_eq!(told.keep(&notes, &PostedDocuments::new(), &[Step::Create(&whole)]), ["sale name a; b"]);
        let adjustment = Document { key: DocumentKey::adjustment(1), ..sale() };
        assert_eq!(told.keep(&notes, &standing(&[&whole]), &[Step::Create(&adjustment)]), ["sale name a; b"]);
    }

    /// Written anew, and nothing is said of it any more: a text that changed back goes; what was said once stays.
    #[test]
    fn what_is_told_once_stays_while_its_document_is_written_anew() {
        let told = Told::new();
        let of = |key: DocumentKey| Document { key, ..sale() };
        let documents = [sale(), of(DocumentKey::credit("7")), of(DocumentKey::adjustment(1))];
        let says =
            |at: usize, rule, field| Adjustment { document_key: documents[at].key.clone(), rule, ..note(field, "x") };
        let notes = [
            says(0, "control_characters", "line:1"),
            says(0, "closed_period", "date"),
            says(0, "ledger_computed", "total"),
            says(0, "control_characters", "customer.name"),
            says(1, "control_characters", "line:1"),
            says(2, "edited", "total_price"),
        ];
        let first: Vec<Step<'_>> = documents.iter().map(Step::Create).collect();
        assert_eq!(told.keep(&notes, &PostedDocuments::new(), &first).len(), notes.len());
        let anew: Vec<Step<'_>> = documents.iter().map(Step::Update).collect();
        let standing = standing(&documents.iter().collect::<Vec<_>>());
        let left = told.keep(&[], &standing, &anew);
        let expected =
            ["adjustment:1 total_price x", "credit:7 line:1 x", "sale customer.name x", "sale date x", "sale total x"];
        assert_eq!(left, expected);
    }
}
