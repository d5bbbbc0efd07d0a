//! Which document of somebody else's is which order's: one to one, each with a stated confidence. The same for every
//! order of the input, and near-linear in its size. A long window is worked on piece by piece, in turns: first what names
//! an order's id in every piece, then its name, then what names an order that has its document; then what fits by its
//! amount on the very day in every piece, then a day away, and so on; last what has only its number for it. So no order
//! takes the document of another one that is nearer to it, in whatever piece that lies.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Duration, NaiveDate};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::naming::{self, Edge, Naming, Ways};
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
    /// What it comes to; further ones are what it may be entered as instead. Never empty.
    pub totals: Vec<Decimal>,
    /// The same on the order's other side, which an integration may have taken instead.
    pub other_total: Option<(Currency, Decimal)>,
    /// Shopify's ids that name this document and no other of the order: of its refund, of its transactions.
    pub ids: Vec<String>,
    /// False where nothing is called for, and a document is only recognised if it names the order.
    pub is_called_for: bool,
}

impl Wanted {
    /// What it comes to.
    pub fn total(&self) -> Decimal {
        self.totals.first().copied().unwrap_or_default()
    }

    /// Every amount under which it may stand, on either side.
    pub fn amounts(&self) -> impl Iterator<Item = Decimal> + '_ {
        self.totals.iter().copied().chain(self.other_total.map(|(_, total)| total))
    }
}

/// How a document was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// It names a Shopify id.
    Id,
    /// Its note says the order's name.
    Name,
    /// Its number is the order's name.
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
    pub const ALL: [By; 6] = [By::Id, By::Name, By::Number, By::Amount, By::Nearest, By::OtherCurrency];

    /// The name in tables and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            By::Id => "id",
            By::Name => "name",
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
            By::Name | By::Number => 97,
            By::Amount => 90,
            By::Nearest => 60,
            By::OtherCurrency => 50,
        };
        Decimal::new(percent, 2)
    }

    /// True if the document says itself whose it is.
    pub fn is_named(self) -> bool {
        matches!(self, By::Id | By::Name | By::Number)
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            By::Id => "a Shopify id",
            By::Name => "the order's name in its note",
            By::Number => "the order's name as its number",
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

/// The documents that name an order in that way. The result is sorted by order and key; who is not in it has none.
pub fn named(orders: &[Wanted], documents: &[Listed], naming: Naming) -> Vec<Match> {
    let mut table = Table::of(orders, documents);
    for edge in table.edges().iter().filter(|edge| naming == Naming::Rest || edge.naming() == naming) {
        let by = match edge.tier {
            0 => By::Id,
            1 => By::Name,
            _ => By::Number,
        };
        table.take(edge.wanted, edge.document, by);
    }
    table.matches(&BTreeMap::new())
}

/// Of the documents whose numbers are those orders' names, how many have the order's money and how many have not. Where most
/// have not, the numbers are the ledger's own.
pub fn numbers(orders: &[Wanted], documents: &[Listed]) -> (usize, usize) {
    let table = Table::of(orders, documents);
    let mut fits: BTreeMap<usize, bool> = BTreeMap::new();
    // A credit's number has more behind the name than a sale's.
    let is_credit = |edge: &Edge| {
        edge.naming() == Naming::Number
            && table.wanted.get(edge.wanted).is_some_and(|one| family(one.kind) == Some(Family::Credit))
    };
    for edge in table.edges().iter().filter(|edge| edge.is_its_number() || is_credit(edge)) {
        *fits.entry(edge.document).or_default() |= edge.fits();
    }
    let fit = fits.values().filter(|fits| **fits).count();
    (fit, fits.len() - fit)
}

/// Those matches, each with the documents that name its order and that nobody has: they are further ones of the same.
/// Numbers count if they are no matter of the ledger's own.
pub fn doubled(orders: &[Wanted], documents: &[Listed], matches: &[Match], numbers: bool) -> Vec<Match> {
    let mut table = Table::of(orders, documents);
    table.assume(matches);
    let extra = table.extra(numbers);
    table.matches(&extra)
}

/// Documents that nobody has yet for orders that have none, by amount and date. What is nearer was matched before.
/// One that names another order, in a way in which these books do, is left to that one.
pub fn by_amount(orders: &[Wanted], documents: &[Listed], reach: Reach, ways: Ways) -> Vec<Match> {
    let mut table = Table::of(orders, documents);
    table.by_amount(reach, ways);
    table.matches(&BTreeMap::new())
}

/// Ids of numbers in their order; then the key.
fn place(one: &Wanted) -> (usize, &str, &DocumentKey) {
    (one.order_id.len(), &one.order_id, &one.key)
}

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

/// True if both are sales, or both are credits.
pub(super) fn is_alike(one: DocumentKind, other: DocumentKind) -> bool {
    family(one).is_some() && family(one) == family(other)
}

/// The kinds that may stand for it: those of a sale, or of a credit.
pub fn kinds_like(kind: DocumentKind) -> [DocumentKind; 2] {
    match family(kind) {
        Some(Family::Sale) => [DocumentKind::Invoice, DocumentKind::SalesReceipt],
        _ => [DocumentKind::CreditNote, DocumentKind::RefundReceipt],
    }
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

    /// Whose document is which is known.
    fn assume(&mut self, matches: &[Match]) {
        let wanted = self.wanted.iter().enumerate().map(|(at, one)| ((&one.order_id, &one.key), at));
        let wanted: BTreeMap<_, _> = wanted.collect();
        let documents = self.documents.iter().enumerate().map(|(at, one)| ((one.kind, &one.ledger_id), at));
        let documents: BTreeMap<_, _> = documents.collect();
        for one in matches {
            let place = (&one.order_id, &one.key);
            if let (Some(wanted), Some(document)) =
                (wanted.get(&place), documents.get(&(one.document.0, &one.document.1)))
            {
                self.take(*wanted, *document, one.by);
            }
        }
    }

    fn take(&mut self, wanted: usize, document: usize, by: By) {
        if let Some(place @ None) = self.taken.get_mut(wanted)
            && self.used.insert(document)
        {
            *place = Some((document, by));
        }
    }

    fn edges(&self) -> Vec<Edge> {
        naming::edges(&self.wanted, &self.documents)
    }

    /// The documents that name an order which has its document already.
    fn extra(&mut self, numbers: bool) -> BTreeMap<usize, Vec<usize>> {
        let mut extra: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let counts = |naming: Naming| match naming {
            Naming::Id | Naming::Name => true,
            Naming::Number => numbers,
            Naming::Rest => false,
        };
        for edge in self.edges().iter().filter(|edge| counts(edge.naming())) {
            if self.taken.get(edge.wanted).is_some_and(Option::is_some) && self.used.insert(edge.document) {
                extra.entry(edge.wanted).or_default().push(edge.document);
            }
        }
        extra
    }

    /// Matches by amount and date; on the orders' other side, if so asked.
    fn by_amount(&mut self, reach: Reach, ways: Ways) {
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
                let Some(family) = family(one.kind) else { continue };
                let is_free = self.taken.get(at).is_some_and(Option::is_none);
                let own = one.totals.iter().map(|total| (one.currency, *total));
                let sides: Vec<_> = if reach.other { one.other_total.into_iter().collect() } else { own.collect() };
                for (currency, total) in sides {
                    if is_free && one.is_called_for && !total.is_zero() {
                        let key = (family, says_currency.then_some(currency), total.normalize());
                        groups.entry(key).or_default().wanted.entry(one.date).or_default().push(at);
                    }
                }
            }
            for group in groups.into_values() {
                let may_be = |wanted: usize, document: usize| {
                    !naming::names_another(self.documents[document], self.wanted[wanted], ways)
                };
                for (wanted, document) in group.pairs(reach.days, may_be) {
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
    fn pairs(mut self, days: i64, may_be: impl Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        for days in [days, -days] {
            for (date, all) in &mut self.wanted {
                let Some(others) = self.documents.get_mut(&(*date + Duration::days(days))) else { continue };
                all.retain(|wanted| match others.iter().position(|document| may_be(*wanted, *document)) {
                    Some(place) => {
                        pairs.push((*wanted, others.remove(place)));
                        false
                    }
                    None => true,
                });
            }
        }
        pairs
    }
}
