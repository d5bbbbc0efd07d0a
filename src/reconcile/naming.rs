//! What a document of somebody else's says of the order that it is for: an id, a name in its note, a number. A number may
//! be the ledger's own: ledgers count from 1001 as shops do.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::matching::{Wanted, is_alike};
use crate::books::document::DocumentKind;
use crate::books::listed::Listed;
use crate::books::money::Currency;

/// How many runs of digits an order's name has at most.
const MOST_RUNS: usize = 4;

/// The way in which a document names an order; what is surer has its turn first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// Its note or number holds a Shopify id.
    Id,
    /// Its note says the order's name.
    Name,
    /// Its number is the order's name.
    Number,
    /// Whatever of these is left, and documents that do not count.
    Rest,
}

/// In which ways most documents of these books name their orders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ways {
    /// By Shopify's ids.
    pub ids: bool,
    /// By names in their notes.
    pub names: bool,
    /// By their numbers.
    pub numbers: bool,
}

/// A document that names an order; the smaller, the better they fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge {
    is_dead: bool,
    /// 0: by an id, 1: by the name in its note, 2: by the name as its number, 3: by the name and something behind it, 4: by
    /// the same digits in a note that says nothing of an order.
    pub tier: u8,
    /// An id that stands for this document alone says more than the order's.
    is_general: bool,
    /// 0: the total, 1: the total on the other side, 2: another one.
    misfit: u8,
    difference: Decimal,
    days: u64,
    /// Of two that fit alike the one that has the order's name for its number goes first.
    is_numbered_otherwise: bool,
    pub wanted: usize,
    pub document: usize,
}

impl Edge {
    pub fn naming(&self) -> Naming {
        match self.tier {
            _ if self.is_dead => Naming::Rest,
            0 => Naming::Id,
            1 => Naming::Name,
            2 | 3 => Naming::Number,
            _ => Naming::Rest,
        }
    }

    /// True if the whole number is the order's name.
    pub fn is_its_number(&self) -> bool {
        self.tier == 2 && !self.is_dead
    }

    /// True if the money is the order's.
    pub fn fits(&self) -> bool {
        self.misfit < 2
    }
}

/// Every document with the orders that it names, the best fit first.
pub(super) fn edges(wanted: &[&Wanted], documents: &[&Listed]) -> Vec<Edge> {
    let names = Names { wanted, documents };
    let mut by_word: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut by_note: BTreeMap<Vec<&str>, Vec<usize>> = BTreeMap::new();
    let mut by_number: BTreeMap<Vec<&str>, Vec<(usize, u8)>> = BTreeMap::new();
    for (at, one) in documents.iter().enumerate() {
        let words: BTreeSet<&str> = digits(&one.note).chain(digits(&one.number)).collect();
        words.into_iter().for_each(|word| by_word.entry(word).or_default().push(at));
        let numbers: Vec<&str> = digits(&one.number).collect();
        (1..=numbers.len().min(MOST_RUNS)).for_each(|count| {
            let tier = if count == numbers.len() { 2 } else { 3 };
            by_number.entry(numbers[..count].to_vec()).or_default().push((at, tier));
        });
        // A note may say the name and nothing else that counts.
        by_note.entry(digits(&one.note).collect()).or_default().push(at);
    }
    let mut edges = BTreeSet::new();
    for (at, one) in wanted.iter().enumerate() {
        for (id, is_general) in one.ids.iter().map(|id| (id, false)).chain([(&one.order_id, true)]) {
            let found = by_word.get(id.as_str()).into_iter().flatten();
            edges.extend(found.filter_map(|document| names.edge(at, *document, 0, is_general)));
        }
        let core = core(&one.name);
        let name: Vec<&str> = digits(core).collect();
        let Some(last) = name.last() else { continue };
        let noted = by_word.get(last).into_iter().flatten().filter(|at| quotes(&documents[**at].note, core));
        let whole = by_note.get(&name).into_iter().flatten().filter(|at| says(&documents[**at].note, core));
        edges.extend(noted.chain(whole).filter_map(|document| names.noted(at, *document)));
        let numbered = by_number.get(&name).into_iter().flatten();
        edges.extend(numbered.filter_map(|(document, tier)| names.numbered(at, *document, *tier)));
    }
    edges.into_iter().collect()
}

struct Names<'a> {
    wanted: &'a [&'a Wanted],
    documents: &'a [&'a Listed],
}

impl Names<'_> {
    fn edge(&self, wanted: usize, document: usize, tier: u8, is_general: bool) -> Option<Edge> {
        let (one, listed) = (self.wanted.get(wanted)?, self.documents.get(document)?);
        let same = |currency: Currency, total: Decimal| {
            listed.currency.is_none_or(|other| other == currency) && listed.total == total
        };
        let misfit = match one.other_total {
            _ if one.totals.iter().any(|total| same(one.currency, *total)) => 0,
            Some((currency, total)) if same(currency, total) => 1,
            _ => 2,
        };
        let days = listed.date.map_or(u64::MAX, |date| (date - one.date).num_days().unsigned_abs());
        let difference = (listed.total - one.total()).abs().normalize();
        let is_dead = !listed.counts();
        let is_numbered_otherwise = !digits(&listed.number).eq(digits(core(&one.name)));
        let edge =
            Edge { tier, is_general, is_dead, misfit, difference, days, is_numbered_otherwise, wanted, document };
        is_alike(one.kind, listed.kind).then_some(edge)
    }

    /// A document whose note says the name. `PO 1005` and `Rent 2026` say other things: then the money has to be the order's.
    fn noted(&self, wanted: usize, document: usize) -> Option<Edge> {
        let edge = self.edge(wanted, document, 1, true)?;
        let is_of_an_order = is_of_an_order(&self.documents.get(document)?.note);
        Some(if is_of_an_order || edge.fits() { edge } else { Edge { tier: 4, ..edge } })
    }

    /// A document whose number is the order's name, or begins with it. Its note must not name another one.
    fn numbered(&self, wanted: usize, document: usize, tier: u8) -> Option<Edge> {
        let (one, listed) = (self.wanted.get(wanted)?, self.documents.get(document)?);
        let is_meant = says(&listed.number, core(&one.name)) && !quotes_another(&listed.note, one);
        let edge = self.edge(wanted, document, tier, true).filter(|_| is_meant)?;
        // A number that goes on with other digits is a sale's only if the money is the same.
        let is_credit = matches!(one.kind, DocumentKind::CreditNote | DocumentKind::RefundReceipt);
        (tier == 2 || is_credit || edge.fits()).then_some(edge)
    }
}

/// True if a text says the name, whatever letters stand around it, or is a part of it.
fn says(text: &str, core: &str) -> bool {
    let plain =
        |text: &str| text.chars().filter(|one| one.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let (text, core) = (plain(text), plain(core));
    !text.is_empty() && (text.contains(&core) || core.contains(&text))
}

/// Words by which programs say that they mean an order.
const ORDER: [&str; 9] =
    ["order", "orders", "shopify", "bestellung", "auftrag", "commande", "pedido", "ordine", "bestelling"];
/// Words of a buyer's own order.
const PURCHASE: [&str; 4] = ["po", "p", "purchase", "pos"];

/// True if a note is about an order of the shop, or says nothing beside a name.
fn is_of_an_order(note: &str) -> bool {
    let words: Vec<String> = note
        .split(|letter: char| !letter.is_alphabetic())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let has = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
    words.is_empty() || (has(&ORDER) && !has(&PURCHASE))
}

/// True if a note says `#` and the name.
fn quotes(note: &str, core: &str) -> bool {
    let quoted = format!("#{core}");
    let ends = |rest: &str| !rest.starts_with(|letter: char| letter.is_alphanumeric());
    note.match_indices(&quoted).any(|(at, found)| note.get(at + found.len()..).is_some_and(ends))
}

/// True if a note says `#` and what looks like the name of another order, and not this one's.
fn quotes_another(note: &str, one: &Wanted) -> bool {
    let own = core(&one.name);
    let quoted = note.split('#').skip(1).map(|rest| {
        let end = rest.find(|letter: char| !letter.is_alphanumeric() && !matches!(letter, '-' | '_' | '.' | '/'));
        rest[..end.unwrap_or(rest.len())].trim_end_matches(['-', '_', '.', '/'])
    });
    let is_another = |name: &str| name != own && looks_like(name, own);
    let bare = is_of_an_order(note) && is_about_as_long(note, own) && !digits(note).eq(digits(own));
    !names_id(note, one) && !quotes(note, own) && (bare || quoted.into_iter().any(is_another))
}

fn names_id(text: &str, one: &Wanted) -> bool {
    digits(text).any(|word| word == one.order_id || one.ids.iter().any(|id| id == word))
}

/// True if two names are of one kind: the same letters around as many numbers, each about as long.
fn looks_like(name: &str, other: &str) -> bool {
    let letters = |text: &str| {
        text.split(|letter: char| letter.is_ascii_digit()).filter(|part| !part.is_empty()).collect::<String>()
    };
    letters(name) == letters(other) && is_about_as_long(name, other)
}

fn is_about_as_long(text: &str, other: &str) -> bool {
    let lengths = |text: &str| digits(text).map(str::len).collect::<Vec<_>>();
    let (one, other) = (lengths(text), lengths(other));
    !one.is_empty() && one.len() == other.len() && one.iter().zip(&other).all(|(a, b)| a.abs_diff(*b) <= 1)
}

/// True if a document says that it is for another order, in a way in which these books name their orders.
pub fn names_another(listed: &Listed, one: &Wanted, ways: Ways) -> bool {
    let own = core(&one.name);
    let texts = [&listed.note, &listed.number];
    if texts.iter().any(|text| names_id(text, one)) || quotes(&listed.note, own) {
        return false;
    }
    let is_id = |word: &str| word.len() == one.order_id.len();
    (ways.names && quotes_another(&listed.note, one)) || (ways.ids && texts.iter().any(|text| digits(text).any(is_id)))
}

/// True in books whose numbers are names, if a document is dated so many days before the order, and its number is an earlier
/// one of the same kind: it is that order's, which need not be in the run.
pub fn is_an_earlier_ones(listed: &Listed, one: &Wanted, days: i64, ways: Ways) -> bool {
    let (number, own) = (core(&listed.number), core(&one.name));
    let last = |text: &str| digits(text).last().and_then(|word| word.parse::<u64>().ok());
    let is_dated = listed.date.is_some_and(|date| (one.date - date).num_days() > days);
    ways.numbers && is_dated && looks_like(number, own) && last(number) < last(own)
}

/// True if a document says the order's name, or its id, in whatever way.
pub fn names(listed: &Listed, one: &Wanted) -> bool {
    !edges(&[one], &[listed]).is_empty()
}

/// The runs of digits in a text.
pub(crate) fn digits(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_digit()).filter(|word| !word.is_empty())
}

/// An order's name as numbers are made of it.
pub(crate) fn core(name: &str) -> &str {
    name.trim().trim_start_matches('#')
}
