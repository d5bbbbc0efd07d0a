//! Texts that are longer than a field: they go on in further pieces, and nothing is cut.

use unicode_segmentation::UnicodeSegmentation;

use super::{Cleaned, EmojiPolicy, TextChange, clean};
use crate::books::text::TextRule;

/// A text of more than so many fields' length is shortened after all: no line of an order is a book.
const MOST: usize = 25;

/// A text in pieces that fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pieces {
    /// The pieces in order; empty where the text is. Only white space is left out between them.
    pub pieces: Vec<String>,
    /// What was changed before the text was cut.
    pub changes: Vec<TextChange>,
}

/// `text` in as many pieces as `rule` asks for, cut between words where a piece's second half has a space, else between
/// characters as people see them.
pub fn pieces(text: &str, rule: &TextRule, emoji: EmojiPolicy) -> Pieces {
    let whole = TextRule { max: rule.max.saturating_mul(MOST), ..*rule };
    let Cleaned { text, changes } = clean(text, &whole, emoji);
    let mut pieces = Vec::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(end_of_first(rest, rule));
        pieces.push(piece.trim_end().to_owned());
        rest = after.trim_start();
    }
    Pieces { pieces, changes }
}

/// Where the first piece of `text`, which begins with no space, ends.
fn end_of_first(text: &str, rule: &TextRule) -> usize {
    let mut used = 0;
    let mut space = None;
    for (at, cluster) in text.grapheme_indices(true) {
        let blank = cluster.chars().all(char::is_whitespace);
        used += rule.length(cluster);
        if used > rule.max {
            return match space {
                _ if blank => at,
                Some(space) if space * 2 >= at => space,
                _ if at > 0 => at,
                _ => end_within(cluster, rule),
            };
        }
        if blank {
            space = Some(at);
        }
    }
    text.len()
}

/// One character with so many marks that it does not fit: as many of them as do, at least the first.
fn end_within(cluster: &str, rule: &TextRule) -> usize {
    let ends = cluster.char_indices().map(|(at, letter)| at + letter.len_utf8());
    let fitting = ends.clone().take_while(|end| rule.length(&cluster[..*end]) <= rule.max).last();
    fitting.or(ends.take(1).last()).unwrap_or(cluster.len())
}
