//! Which document of somebody else's is which order's: one to one, each with a stated confidence. The same for every
//! order of the input, and near-linear in its size. A long window is worked on piece by piece, in turns: first what names
//! an order in every piece, then what fits by its amount on the very day in every piece, then a day away, and so on. So no
//! order takes the document of another one that is nearer to it, in whatever piece that lies.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Duration, NaiveDate};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::books::document::{DocumentKey, DocumentKind};
use crate::books::listed::Listed;
use crate::books::money::Currency;

/// How many days a document may be dated away from its order, to be found by its amount.
pub const SPAN: i64 = 3;

/// How far an amount is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// How many days away.
    pub days: i64,
    /// True for the order's amount in its other currency.
    pub other: bool,
}

impl Reach {
    /// Every reach, in the order in which they have their turn: what is nearer goes first, and the order's own side.
    pub fn all() -> Vec<Self> {
        [false, true].into_iter().flat_map(|other| (0..=SPAN).map(move |days| Self { days, other })).collect()
    }
}

/// A sale or a credit that ought to have a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Shopify's id of the order.
    pub order_id: String,
    /// The order's name.
    pub name: String,
    /// Which document of the order.
    pub key: DocumentKey,
    /// Its kind.
    pub kind: DocumentKind,
    /// Its day.
    pub date: NaiveDate,
    /// Its currency.
    pub currency: Currency,
    /// What it comes to.
    pub total: Decimal,
    /// The same on the order's other side, which an integration may have taken instead.
    pub other_total: Option<(Currency, Decimal)>,
    /// Shopify's ids that name this document and no other of the order: of its refund, of its transactions.
    pub ids: Vec<String>,
    /// False where nothing is called for, and a document is only recognised if it names the order.
    pub is_called_for: bool,
}

/// How a document was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// It names a Shopify id.
    Id,
    /// Its number, or its note, is the order's name.
    Number,
    /// Amount, currency and date fit, and fit nothing else.
    Amount,
    /// Amount, currency and date fit, and may fit others; the nearest date was taken.
    Nearest,
    /// The order's amount in its other currency fits.
    OtherCurrency,
}

impl By {
    /// Every way, the surest first.
    pub const ALL: [By; 5] = [By::Id, By::Number, By::Amount, By::Nearest, By::OtherCurrency];

    /// The name in tables and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            By::Id => "id",
            By::Number => "number",
            By::Amount => "amount",
            By::Nearest => "nearest",
            By::OtherCurrency => "other_currency",
        }
    }

    /// How certain that is, from 0 to 1.
    pub fn confidence(self) -> Decimal {
        let percent = match self {
            By::Id => 100,
            By::Number => 97,
            By::Amount => 90,
            By::Nearest => 60,
            By::OtherCurrency => 50,
        };
        Decimal::new(percent, 2)
    }

    /// True if the document says itself whose it is.
    pub fn is_named(self) -> bool {
        matches!(self, By::Id | By::Number)
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            By::Id => "a Shopify id",
            By::Number => "the order's name",
            By::Amount => "amount, currency and date",
            By::Nearest => "amount, currency and the nearest date; others may fit",
            By::OtherCurrency => "the amount in the order's other currency",
        }
    }
}

/// A document by which it is found again: ids of two kinds may be the same.
pub type DocumentId = (DocumentKind, String);

/// A document that was recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// Shopify's id of the order.
    pub order_id: String,
    /// Which document of the order.
    pub key: DocumentKey,
    /// The document.
    pub document: DocumentId,
    /// How it was recognised.
    pub by: By,
    /// Further documents that say they are the same one.
    pub extra: Vec<DocumentId>,
}

/// The documents that name an order. The result is sorted by order and key; who is not in it has none.
pub fn named(orders: &[Wanted], documents: &[Listed]) -> Vec<Match> {
    let mut table = Table::of(orders, documents);
    let edges = table.named();
    for edge in &edges {
        table.take(edge.wanted, edge.document, if edge.tier == 0 { By::Id } else { By::Number });
    }
    let extra = table.extra(&edges);
    table.matches(&extra)
}

/// Documents that nobody has yet for orders that have none, by amount and date. What is nearer was matched before.
pub fn by_amount(orders: &[Wanted], documents: &[Listed], reach: Reach) -> Vec<Match> {
    let mut table = Table::of(orders, documents);
    table.by_amount(reach);
    table.matches(&BTreeMap::new())
}

/// Ids of numbers in their order; then the key.
fn place(one: &Wanted) -> (usize, &str, &DocumentKey) {
    (one.order_id.len(), &one.order_id, &one.key)
}

/// How many runs of digits an order's name has at most.
const MOST_RUNS: usize = 4;

/// Sales and credits; nothing else is matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    Sale,
    Credit,
}

fn family(kind: DocumentKind) -> Option<Family> {
    match kind {
        DocumentKind::Invoice | DocumentKind::SalesReceipt => Some(Family::Sale),
        DocumentKind::CreditNote | DocumentKind::RefundReceipt => Some(Family::Credit),
        _ => None,
    }
}

/// The kinds that may stand for it: those of a sale, or of a credit.
pub fn kinds_like(kind: DocumentKind) -> [DocumentKind; 2] {
    match family(kind) {
        Some(Family::Sale) => [DocumentKind::Invoice, DocumentKind::SalesReceipt],
        _ => [DocumentKind::CreditNote, DocumentKind::RefundReceipt],
    }
}

/// A document that names an order; the smaller, the better they fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    is_dead: bool,
    /// 0: by an id, 1: by the name, 2: by the name and something behind it.
    tier: u8,
    /// An id that stands for this document alone says more than the order's.
    is_general: bool,
    /// 0: the total, 1: the total on the other side, 2: another one.
    misfit: u8,
    difference: Decimal,
    days: u64,
    wanted: usize,
    document: usize,
}

struct Table<'a> {
    wanted: Vec<&'a Wanted>,
    documents: Vec<&'a Listed>,
    /// Of each wanted one, its document.
    taken: Vec<Option<(usize, By)>>,
    /// The documents that belong to somebody.
    used: BTreeSet<usize>,
}

impl<'a> Table<'a> {
    fn of(orders: &'a [Wanted], documents: &'a [Listed]) -> Self {
        let mut wanted: Vec<&Wanted> = orders.iter().collect();
        wanted.sort_by(|a, b| place(a).cmp(&place(b)));
        let mut documents: Vec<&Listed> = documents.iter().filter(|one| family(one.kind).is_some()).collect();
        documents.sort_by(|a, b| (a.kind, &a.ledger_id).cmp(&(b.kind, &b.ledger_id)));
        documents.dedup_by(|a, b| (a.kind, &a.ledger_id) == (b.kind, &b.ledger_id));
        Self { taken: vec![None; wanted.len()], used: BTreeSet::new(), wanted, documents }
    }

    fn take(&mut self, wanted: usize, document: usize, by: By) {
        if let Some(place @ None) = self.taken.get_mut(wanted)
            && self.used.insert(document)
        {
            *place = Some((document, by));
        }
    }

    /// Every document with the orders that it names, the best fit first.
    fn named(&self) -> Vec<Edge> {
        let mut by_word: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut by_name: BTreeMap<Vec<&str>, Vec<(usize, u8)>> = BTreeMap::new();
        for (at, one) in self.documents.iter().enumerate() {
            let words: BTreeSet<&str> = digits(&one.note).chain(digits(&one.number)).collect();
            words.into_iter().for_each(|word| by_word.entry(word).or_default().push(at));
            let numbers: Vec<&str> = digits(&one.number).collect();
            (1..=numbers.len().min(MOST_RUNS)).for_each(|count| {
                let tier = if count == numbers.len() { 1 } else { 2 };
                by_name.entry(numbers[..count].to_vec()).or_default().push((at, tier));
            });
            // A note may say the name and nothing else that counts.
            let note: Vec<&str> = digits(&one.note).collect();
            if !note.is_empty() && note != numbers {
                by_name.entry(note).or_default().push((at, 1));
            }
        }
        let mut edges = BTreeSet::new();
        for (at, one) in self.wanted.iter().enumerate() {
            for (id, is_general) in one.ids.iter().map(|id| (id, false)).chain([(&one.order_id, true)]) {
                let found = by_word.get(id.as_str()).into_iter().flatten();
                edges.extend(found.filter_map(|document| self.edge(at, *document, 0, is_general)));
            }
            let core = core(&one.name);
            let name: Vec<&str> = digits(core).collect();
            let in_notes = name.last().and_then(|last| by_word.get(last)).into_iter().flatten();
            let quoted = in_notes.filter(|document| self.quotes(**document, core));
            edges.extend(quoted.filter_map(|document| self.edge(at, *document, 1, true)));
            let found = by_name.get(&name).filter(|_| !name.is_empty()).into_iter().flatten();
            for (document, tier) in found.filter(|(document, _)| self.says(*document, core)) {
                edges.extend(self.edge(at, *document, *tier, true).filter(|edge| {
                    // A number that goes on with other digits is a sale's only if the money is the same.
                    *tier == 1 || edge.misfit < 2 || family(one.kind) == Some(Family::Credit)
                }));
            }
        }
        edges.into_iter().collect()
    }

    fn edge(&self, wanted: usize, document: usize, tier: u8, is_general: bool) -> Option<Edge> {
        let (one, listed) = (self.wanted.get(wanted)?, self.documents.get(document)?);
        let same = |currency: Currency, total: Decimal| {
            listed.currency.is_none_or(|other| other == currency) && listed.total == total
        };
        let misfit = match one.other_total {
            _ if same(one.currency, one.total) => 0,
            Some((currency, total)) if same(currency, total) => 1,
            _ => 2,
        };
        let days = listed.date.map_or(u64::MAX, |date| (date - one.date).num_days().unsigned_abs());
        let difference = (listed.total - one.total).abs().normalize();
        let is_dead = !listed.counts();
        let edge = Edge { tier, is_general, is_dead, misfit, difference, days, wanted, document };
        (family(one.kind) == family(listed.kind)).then_some(edge)
    }

    /// True if the number or the note says the name, whatever letters stand around it, or is a part of it.
    fn says(&self, document: usize, core: &str) -> bool {
        let plain = |text: &str| {
            text.chars().filter(|one| one.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>()
        };
        let core = plain(core);
        self.documents.get(document).is_some_and(|one| {
            let (number, note) = (plain(&one.number), plain(&one.note));
            [number, note].iter().any(|text| !text.is_empty() && (text.contains(&core) || core.contains(text.as_str())))
        })
    }

    /// True if the note says `#` and the name.
    fn quotes(&self, document: usize, core: &str) -> bool {
        let quoted = format!("#{core}");
        let ends = |rest: &str| !rest.starts_with(|letter: char| letter.is_alphanumeric());
        self.documents.get(document).is_some_and(|one| {
            one.note.match_indices(&quoted).any(|(at, found)| one.note.get(at + found.len()..).is_some_and(ends))
        })
    }

    /// The documents that name an order which has its document already.
    fn extra(&mut self, edges: &[Edge]) -> BTreeMap<usize, Vec<usize>> {
        let mut extra: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for edge in edges.iter().filter(|edge| !edge.is_dead) {
            if self.taken.get(edge.wanted).is_some_and(Option::is_some) && self.used.insert(edge.document) {
                extra.entry(edge.wanted).or_default().push(edge.document);
            }
        }
        extra
    }

    /// Matches by amount and date; on the orders' other side, if so asked.
    fn by_amount(&mut self, reach: Reach) {
        // A company of one currency may not say it: then the amount decides.
        for says_currency in [true, false] {
            let mut groups: BTreeMap<(Family, Option<Currency>, Decimal), Group> = BTreeMap::new();
            for (at, one) in self.documents.iter().enumerate() {
                let (Some(family), Some(date)) = (family(one.kind), one.date) else { continue };
                if one.counts() && one.currency.is_some() == says_currency && !self.used.contains(&at) {
                    let group = groups.entry((family, one.currency, one.total.normalize())).or_default();
                    group.documents.entry(date).or_default().push(at);
                }
            }
            for (at, one) in self.wanted.iter().enumerate() {
                let side = if reach.other { one.other_total } else { Some((one.currency, one.total)) };
                let (Some(family), Some((currency, total))) = (family(one.kind), side) else { continue };
                let is_free = self.taken.get(at).is_some_and(Option::is_none);
                if is_free && one.is_called_for && !total.is_zero() {
                    let key = (family, says_currency.then_some(currency), total.normalize());
                    groups.entry(key).or_default().wanted.entry(one.date).or_default().push(at);
                }
            }
            for group in groups.into_values() {
                for (wanted, document) in group.pairs(reach.days) {
                    self.take(wanted, document, if reach.other { By::OtherCurrency } else { By::Nearest });
                }
            }
        }
    }

    fn matches(&self, extra: &BTreeMap<usize, Vec<usize>>) -> Vec<Match> {
        let id = |at: &usize| self.documents.get(*at).map(|one| (one.kind, one.ledger_id.clone()));
        let one = |(at, wanted): (usize, &&Wanted)| {
            let (document, by) = (*self.taken.get(at)?)?;
            let extra = extra.get(&at).into_iter().flatten().filter_map(id).collect();
            let (order_id, key) = (wanted.order_id.clone(), wanted.key.clone());
            Some(Match { order_id, key, document: id(&document)?, by, extra })
        };
        self.wanted.iter().enumerate().filter_map(one).collect()
    }
}

/// Those of one amount, by day.
#[derive(Default)]
struct Group {
    wanted: BTreeMap<NaiveDate, Vec<usize>>,
    documents: BTreeMap<NaiveDate, Vec<usize>>,
}

impl Group {
    /// Those that lie so many days apart, in the order of their ids.
    fn pairs(mut self, days: i64) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        for days in [days, -days] {
            for (date, all) in &mut self.wanted {
                let Some(others) = self.documents.get_mut(&(*date + Duration::days(days))) else { continue };
                let count = all.len().min(others.len());
                pairs.extend(all.drain(..count).zip(others.drain(..count)));
            }
        }
        pairs
    }
}

/// The runs of digits in a text.
fn digits(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_digit()).filter(|word| !word.is_empty())
}

/// An order's name as numbers are made of it.
fn core(name: &str) -> &str {
    name.trim().trim_start_matches('#')
}
