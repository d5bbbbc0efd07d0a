//! Fits text to a ledger's fields and writes down every change.

use serde::Serialize;

use super::text::{EmojiPolicy, TextChange, clean, pieces};
use crate::books::document::DocumentKey;
use crate::books::rules::LedgerRules;
use crate::books::text::Field;
use crate::shopify::Order;

/// What stands for personal data wherever a note leaves the durable object.
pub const PERSONAL: &str = "[personal data]";

/// One thing that normalisation changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Adjustment {
    /// The document that it concerns.
    pub document_key: DocumentKey,
    /// Which field, as Shopify calls it (`line_items[2].title`).
    pub field: String,
    /// The rule's name.
    pub rule: &'static str,
    /// What it was.
    pub before: String,
    /// What it became.
    pub after: String,
    /// True if the two are about a person: then they stay inside the durable object.
    pub personal: bool,
}

/// A text as a note keeps it: no row of the log is too large because of one. A description is 4,000 at most.
fn shown(text: &str) -> String {
    const MOST: usize = 20_000;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// True if the field is about a person.
fn is_personal(field: Field) -> bool {
    matches!(field, Field::PartyName | Field::GivenName | Field::FamilyName | Field::Email)
}

/// Collects notes while documents are being made.
pub(crate) struct Writer<'a> {
    rules: &'a dyn LedgerRules,
    emoji: EmojiPolicy,
    notes: Vec<Adjustment>,
}

impl<'a> Writer<'a> {
    pub fn new(rules: &'a dyn LedgerRules, emoji: EmojiPolicy) -> Self {
        Self { rules, emoji, notes: Vec::new() }
    }

    /// `text` as the ledger's `field` takes it. `name` says which of Shopify's fields it was.
    pub fn fit(&mut self, key: &DocumentKey, field: Field, name: &str, text: &str) -> String {
        let personal = is_personal(field);
        let cleaned = clean(text, &self.rules.text(field), self.emoji);
        self.changed(key, name, &cleaned.changes, text, &cleaned.text, personal);
        cleaned.text
    }

    fn changed(
        &mut self,
        key: &DocumentKey,
        name: &str,
        changes: &[TextChange],
        before: &str,
        after: &str,
        personal: bool,
    ) {
        for change in changes {
            self.keep(Adjustment {
                document_key: key.clone(),
                field: name.to_owned(),
                rule: change.rule(),
                before: shown(before),
                after: shown(after),
                personal,
            });
        }
    }

    fn keep(&mut self, note: Adjustment) {
        debug_assert!(super::RULES.iter().any(|(rule, _)| *rule == note.rule), "{} is not documented", note.rule);
        self.notes.push(note);
    }

    /// A line's text: the first of `candidates` that is not empty once fitted. What goes beyond the field's length is not
    /// cut: it comes second, in pieces that go into [`Line::more`](crate::books::Line).
    pub fn description(&mut self, key: &DocumentKey, name: &str, candidates: &[&str]) -> (String, Vec<String>) {
        let rule = self.rules.text(Field::LineDescription);
        for (rank, candidate) in candidates.iter().enumerate() {
            let found = pieces(candidate, &rule, self.emoji);
            self.changed(key, name, &found.changes, candidate, &found.pieces.join("\n"), false);
            let mut lines = found.pieces.into_iter();
            let Some(first) = lines.next() else { continue };
            let more: Vec<String> = lines.collect();
            if rank > 0 && !candidates[0].is_empty() {
                self.note(key, name, "empty_name", candidates[0], &first);
            }
            if !more.is_empty() {
                let after = format!("{} lines of at most {} characters", more.len() + 1, rule.max);
                self.note(key, name, "description_split", candidate, &after);
            }
            return (first, more);
        }
        (String::new(), Vec::new())
    }

    /// The first of `candidates` that is not empty once fitted; a note says when the first choice fell away.
    pub fn first_that_fits(&mut self, key: &DocumentKey, field: Field, name: &str, candidates: &[&str]) -> String {
        for (rank, candidate) in candidates.iter().enumerate() {
            let text = self.fit(key, field, name, candidate);
            if !text.is_empty() {
                if rank > 0 && !candidates[0].is_empty() {
                    self.note(key, name, "empty_name", candidates[0], &text);
                    self.notes.last_mut().into_iter().for_each(|note| note.personal = is_personal(field));
                }
                return text;
            }
        }
        String::new()
    }

    /// Writes a change down. Its rule is one of [`RULES`](super::RULES).
    pub fn note(&mut self, key: &DocumentKey, field: &str, rule: &'static str, before: &str, after: &str) {
        self.keep(Adjustment {
            document_key: key.clone(),
            field: field.to_owned(),
            rule,
            before: shown(before),
            after: shown(after),
            personal: false,
        });
    }

    /// The order's name as a ledger can show it.
    pub fn name_of(&mut self, order: &Order) -> String {
        self.first_that_fits(&DocumentKey::sale(), Field::OrderName, "name", &[&order.name, &order.id.0])
    }

    /// How far the notes have come.
    pub fn mark(&self) -> usize {
        self.notes.len()
    }

    /// Takes back every note since `mark`.
    pub fn back_to(&mut self, mark: usize) {
        self.notes.truncate(mark);
    }

    pub fn into_notes(self) -> Vec<Adjustment> {
        self.notes
    }
}
