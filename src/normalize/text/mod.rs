//! The text policy: what a shop's text becomes so that a ledger takes it. Idempotent, linear, and every change has a
//! name; nothing is altered that the field would take as it is.

mod emoji;
mod pieces;
#[cfg(test)]
mod tests;

pub use pieces::{Pieces, pieces};

use serde::Deserialize;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
use unicode_segmentation::UnicodeSegmentation;

use crate::books::text::TextRule;

/// What becomes of emoji.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmojiPolicy {
    /// They are written out: "🚀" → "rocket".
    #[default]
    Name,
    /// They are left out.
    Strip,
    /// They stay where the field takes them.
    Keep,
}

/// One kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TextChange {
    /// Letters and their marks were composed (NFC).
    Composed,
    /// Control characters were taken out.
    ControlCharacters,
    /// Invisible marks that change the direction of text were taken out.
    BidiControls,
    /// Emoji were written out.
    EmojiNamed,
    /// Emoji were left out.
    EmojiRemoved,
    /// Characters that the ledger cannot store were replaced.
    UnsupportedCharacters,
    /// Characters that the field refuses were replaced.
    ForbiddenCharacters,
    /// Spaces were collapsed.
    Spaces,
    /// The text was cut to the field's length.
    Shortened,
}

impl TextChange {
    /// The rule's name in tables.
    pub fn rule(self) -> &'static str {
        match self {
            TextChange::Composed => "composed",
            TextChange::ControlCharacters => "control_characters",
            TextChange::BidiControls => "bidi_controls",
            TextChange::EmojiNamed => "emoji_named",
            TextChange::EmojiRemoved => "emoji_removed",
            TextChange::UnsupportedCharacters => "unsupported_characters",
            TextChange::ForbiddenCharacters => "forbidden_characters",
            TextChange::Spaces => "spaces",
            TextChange::Shortened => "shortened",
        }
    }
}

/// A text that fits, and what was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned {
    /// The text; may be empty.
    pub text: String,
    /// Each kind of change once.
    pub changes: Vec<TextChange>,
}

/// A text far over its limit is cut to this many times the limit before anything else is done with it.
const WORK_FACTOR: usize = 8;

/// Two passes settle almost every text; each further one only ever makes it plainer.
const PASSES: usize = 6;

/// Makes `text` fit `rule`.
pub fn clean(text: &str, rule: &TextRule, emoji: EmojiPolicy) -> Cleaned {
    let mut work = Work { rule, changes: Vec::new() };
    let mut text = work.cut_roughly(text);
    // What one pass takes out can join its neighbours into something that the next pass has to deal with.
    for _ in 0..PASSES {
        let before = text.clone();
        text = work.without_controls(&text);
        text = work.composed(text);
        text = work.without_emoji(text, emoji);
        text = work.supported(text);
        text = work.without_forbidden(text);
        text = work.spaced(text);
        if text == before {
            break;
        }
    }
    let text = work.shortened(text);
    work.changes.sort();
    work.changes.dedup();
    Cleaned { text, changes: work.changes }
}

struct Work<'a> {
    rule: &'a TextRule,
    changes: Vec<TextChange>,
}

impl Work<'_> {
    fn changed(&mut self, change: TextChange) {
        self.changes.push(change);
    }

    fn cut_roughly(&mut self, text: &str) -> String {
        let most = self.rule.max.saturating_mul(WORK_FACTOR).saturating_add(64);
        match text.char_indices().nth(most) {
            Some((end, _)) => {
                self.changed(TextChange::Shortened);
                text[..end].to_owned()
            }
            None => text.to_owned(),
        }
    }

    /// Control characters and invisible direction marks go; line ends stay where the field has lines.
    fn without_controls(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for letter in text.chars() {
            match letter {
                '\n' if self.rule.multiline => out.push('\n'),
                '\u{2028}' | '\u{2029}' if self.rule.multiline => {
                    self.changed(TextChange::ControlCharacters);
                    out.push('\n');
                }
                '\n' | '\t' | '\u{2028}' | '\u{2029}' => {
                    self.changed(TextChange::Spaces);
                    out.push(' ');
                }
                '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {
                    self.changed(TextChange::BidiControls);
                }
                _ if is_control(letter) => self.changed(TextChange::ControlCharacters),
                _ => out.push(letter),
            }
        }
        out
    }

    fn composed(&mut self, text: String) -> String {
        if is_nfc_quick(text.chars()) == IsNormalized::Yes {
            return text;
        }
        let composed: String = text.nfc().collect();
        if composed != text {
            self.changed(TextChange::Composed);
        }
        composed
    }

    fn without_emoji(&mut self, text: String, policy: EmojiPolicy) -> String {
        if text.is_ascii() || (policy == EmojiPolicy::Keep && self.rule.astral) {
            return text;
        }
        let mut out = String::with_capacity(text.len());
        for cluster in text.graphemes(true) {
            let Some(name) = emoji::name(cluster) else {
                out.push_str(cluster);
                continue;
            };
            if policy == EmojiPolicy::Name {
                self.changed(TextChange::EmojiNamed);
                if out.chars().next_back().is_some_and(|last| !last.is_whitespace()) {
                    out.push(' ');
                }
                out.push_str(name);
                out.push(' ');
            } else if policy == EmojiPolicy::Strip || cluster.chars().any(is_astral) {
                self.changed(TextChange::EmojiRemoved);
                out.push(' ');
            } else {
                out.push_str(cluster);
            }
        }
        if self.changes.iter().any(|change| matches!(change, TextChange::EmojiNamed | TextChange::EmojiRemoved)) {
            out = emoji::tidy(&out);
        }
        out
    }

    /// Characters beyond the basic plane are written with their plain twin where they have one (𝒜 → A), else as "?".
    fn supported(&mut self, text: String) -> String {
        let fits = |letter: char| (self.rule.astral || !is_astral(letter)) && (!self.rule.ascii || is_plain(letter));
        if text.chars().all(fits) {
            return text;
        }
        let mut out = String::with_capacity(text.len());
        for letter in text.chars() {
            if fits(letter) {
                out.push(letter);
                continue;
            }
            let twin: String = letter.to_string().nfkd().filter(|part| fits(*part) && !is_mark(*part)).collect();
            if !twin.is_empty() {
                out.push_str(&twin);
            } else if !self.rule.ascii && !is_joiner(letter) {
                out.push('?');
            }
        }
        self.changed(TextChange::UnsupportedCharacters);
        out
    }

    fn without_forbidden(&mut self, text: String) -> String {
        if !text.contains(self.rule.forbidden) {
            return text;
        }
        self.changed(TextChange::ForbiddenCharacters);
        let replace = |letter: char| match letter {
            ':' => '-',
            '"' => '\'',
            _ => ' ',
        };
        text.chars().map(|one| if self.rule.forbidden.contains(&one) { replace(one) } else { one }).collect()
    }

    /// No space at either end, none doubled.
    fn spaced(&mut self, text: String) -> String {
        let line =
            |line: &str| line.split([' ', '\u{00A0}']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        let spaced = if self.rule.multiline {
            text.split('\n').map(line).collect::<Vec<_>>().join("\n").trim().to_owned()
        } else {
            line(text.trim()).trim().to_owned()
        };
        if spaced != text && self.changes.is_empty() {
            self.changed(TextChange::Spaces);
        }
        spaced
    }

    /// Cuts at a boundary between characters as people see them, and says so with an ellipsis.
    fn shortened(&mut self, text: String) -> String {
        if self.rule.length(&text) <= self.rule.max {
            return text;
        }
        self.changed(TextChange::Shortened);
        let ellipsis = if self.rule.ascii { "..." } else { "…" };
        let room = self.rule.max.saturating_sub(self.rule.length(ellipsis));
        let mut out = String::new();
        let mut used = 0;
        for cluster in text.graphemes(true) {
            used += self.rule.length(cluster);
            if used > room {
                break;
            }
            out.push_str(cluster);
        }
        let mut out = out.trim_end().to_owned();
        if self.rule.length(ellipsis) <= self.rule.max {
            out.push_str(ellipsis);
        }
        out
    }
}

fn is_control(letter: char) -> bool {
    let code = u32::from(letter);
    letter.is_control() || code & 0xFFFE == 0xFFFE || (0xFDD0..=0xFDEF).contains(&code) || letter == '\u{FEFF}'
}

fn is_astral(letter: char) -> bool {
    u32::from(letter) > 0xFFFF
}

fn is_plain(letter: char) -> bool {
    (' '..='~').contains(&letter)
}

fn is_mark(letter: char) -> bool {
    unicode_normalization::char::is_combining_mark(letter)
}

/// What only joins or varies other characters is no loss.
fn is_joiner(letter: char) -> bool {
    matches!(letter, '\u{200D}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0020}'..='\u{E007F}' | '\u{1F3FB}'..='\u{1F3FF}')
}
