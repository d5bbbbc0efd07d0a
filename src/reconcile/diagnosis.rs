//! What records that do not match have in common. The most telling marks are counted over all orders, alone and in pairs;
//! those that chance would hardly bring together are told, with their figures. Several faults have several signs: what the
//! first one explains is left out, and the rest is looked at for the next.
//!
//! How unlikely: of `n` records drawn from `N`, of which `K` have a mark, `k` or more have it with a chance of at most
//! 2^−bits, where bits = k·log₂(kN/nK) + (n−k)·log₂((n−k)N/(n(N−K))) (Hoeffding 1963, which holds for draws without
//! replacement). That is computed in whole numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::features::{Features, words};

/// How many marks are looked at, alone and in pairs.
const MOST_MARKS: usize = 16;
/// What fewer than one in so many of the records share is not told.
const ONE_IN: u64 = 10;
/// How many sentences are said.
const MOST_PATTERNS: usize = 5;
/// From here on it is no chance, although some 300 marks and pairs are tried: one in 65,536 for each.
const SURE: i64 = 16 * BIT;
/// Under this it is nothing, however few the records are.
const NOTEWORTHY: i64 = 3 * BIT;
/// Fewer records than this say little, and one has nothing in common with itself.
const FEW: u64 = 5;
/// A logarithm's unit: 1,024 are one bit.
const BIT: i64 = 1_024;

/// Something that records which do not match have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// The mark, or the two.
    pub features: Vec<String>,
    /// How many of those that do not match have it.
    pub bad_with: u64,
    /// How many do not match.
    pub bad_total: u64,
    /// How many of all orders have it.
    pub all_with: u64,
    /// How many orders there are.
    pub all_total: u64,
    /// The same in words.
    pub sentence: String,
}

/// How many orders there are of a sort, and how many of them do not match.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Those that do not match.
    pub bad: u64,
    /// All of them.
    pub all: u64,
}

impl Count {
    /// Counts others in.
    pub fn add(&mut self, other: Count) {
        self.bad += other.bad;
        self.all += other.all;
    }
}

/// Every mark with the orders that have it; the empty one is every order's.
#[derive(Debug, Clone, Default)]
pub struct Marks(BTreeMap<String, Count>);

impl Marks {
    /// Counts an order; `bad` if it does not match.
    pub fn add(&mut self, features: &Features, bad: bool) {
        let one = Count { bad: bad.into(), all: 1 };
        [""].into_iter().chain(features.marks()).for_each(|mark| self.put(mark, one));
    }

    /// Counts orders that have a mark.
    pub fn put(&mut self, mark: &str, count: Count) {
        self.0.entry(mark.to_owned()).or_default().add(count);
    }

    /// Every mark, with its count.
    pub fn counts(&self) -> impl Iterator<Item = (&str, Count)> {
        self.0.iter().map(|(mark, count)| (mark.as_str(), *count))
    }

    /// The marks that are most unusual among the orders that do not match, the common ones first. `implied` are left out:
    /// what a missing refund is of was refunded.
    pub fn telling(&self, implied: &[&str]) -> Vec<String> {
        let total = self.0.get("").copied().unwrap_or_default();
        let is_one = |mark: &str, count: Count| {
            !mark.is_empty() && !implied.contains(&mark) && count.bad * ONE_IN >= total.bad && bits(count, total) > 0
        };
        let mut found: Vec<(&str, Count)> = self.counts().filter(|(mark, count)| is_one(mark, *count)).collect();
        found.sort_by_key(|(_, count)| -bits(*count, total));
        found.truncate(MOST_MARKS);
        found.sort_by(|a, b| b.1.bad.cmp(&a.1.bad).then(a.0.cmp(b.0)));
        found.into_iter().map(|(mark, _)| mark.to_owned()).collect()
    }
}

/// Some marks, a bit each, by their place among those of a tally.
pub type Set = u32;

/// How many orders have exactly which of the telling marks.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    marks: Vec<String>,
    sets: BTreeMap<Set, Count>,
}

impl Tally {
    /// A tally of those marks.
    pub fn new(marks: Vec<String>) -> Self {
        Self { marks, sets: BTreeMap::new() }
    }

    /// True if no mark is looked at.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// Counts one order; `bad` if it does not match.
    pub fn add(&mut self, features: &Features, bad: bool) {
        let has = |(at, mark): (usize, &String)| if features.has(mark) { 1 << at } else { 0 };
        let set = self.marks.iter().enumerate().map(has).sum();
        self.put(set, Count { bad: bad.into(), all: 1 });
    }

    /// Counts orders that have exactly those marks.
    pub fn put(&mut self, set: Set, count: Count) {
        self.sets.entry(set).or_default().add(count);
    }

    /// Every set, with its count.
    pub fn counts(&self) -> impl Iterator<Item = (Set, Count)> {
        self.sets.iter().map(|(set, count)| (*set, *count))
    }

    /// What is unusually common among those that do not match. `what` says what they are: `missing orders`.
    pub fn patterns(&self, what: &str) -> Vec<Pattern> {
        let whole = Table::of(self, &[]);
        let mut said: Vec<Set> = Vec::new();
        // What describes most of those that nothing describes yet; of few, whatever may be no chance.
        while said.len() < MOST_PATTERNS {
            let rest = Table::of(self, &said);
            let is_small = said.is_empty() && (2..FEW).contains(&whole.total.bad);
            let least = if is_small { NOTEWORTHY } else { SURE };
            // What only some of a few share says nothing.
            let share = if is_small { 1 } else { ONE_IN };
            let Some(best) = rest.telling(&self.marks, share, whole.total.bad).find(|set| rest.bits(*set) >= least)
            else {
                break;
            };
            said.push(best);
        }
        // Besides, what most of all share and nothing said so far explains.
        for set in whole.telling(&self.marks, 2, whole.total.bad).filter(|set| whole.bits(*set) >= SURE) {
            let is_said = said.iter().any(|other| other & set != 0);
            let explains =
                |one: Set| said.iter().flat_map(|other| alone(*other)).any(|other| whole.explains(other, one));
            if said.len() < MOST_PATTERNS && !is_said && !alone(set).all(explains) {
                said.push(set);
            }
        }
        said.into_iter().map(|set| self.pattern(what, &whole, set)).collect()
    }

    fn pattern(&self, what: &str, whole: &Table, set: Set) -> Pattern {
        let mut marks: Vec<Set> = alone(set).collect();
        // The one that describes most orders first.
        marks.sort_by_key(|mark| std::cmp::Reverse(whole.count(*mark).all));
        let place = |mark: &Set| mark.trailing_zeros() as usize;
        let features: Vec<String> = marks.iter().filter_map(|mark| self.marks.get(place(mark))).cloned().collect();
        let text = features.iter().map(|mark| words(mark)).collect::<Vec<_>>().join(" and ");
        let (Count { bad, all }, count) = (whole.total, whole.count(set));
        let mut sentence =
            format!("{} of {bad} {what} are {text}; {} of all orders are.", count.bad, share(count.all, all));
        if whole.bits(set) < SURE && bad < FEW {
            sentence.push_str(&format!(" Only {bad} orders: this may be chance."));
        }
        Pattern { features, bad_with: count.bad, bad_total: bad, all_with: count.all, all_total: all, sentence }
    }
}

/// The marks of a set, one by one.
fn alone(set: Set) -> impl Iterator<Item = Set> {
    (0..Set::BITS).map(|at| 1 << at).filter(move |mark| set & mark != 0)
}

/// Counts of marks, alone and in pairs, over the orders that nothing said so far describes.
struct Table {
    total: Count,
    counts: BTreeMap<Set, Count>,
}

impl Table {
    fn of(tally: &Tally, said: &[Set]) -> Self {
        let mut table = Self { total: Count::default(), counts: BTreeMap::new() };
        for (set, count) in tally.counts().filter(|(set, _)| said.iter().all(|one| set & one != *one)) {
            table.total.add(count);
            for first in alone(set) {
                alone(set).filter(|second| first <= *second).for_each(|second| {
                    table.counts.entry(first | second).or_default().add(count);
                });
            }
        }
        table
    }

    fn count(&self, set: Set) -> Count {
        self.counts.get(&set).copied().unwrap_or_default()
    }

    fn bits(&self, set: Set) -> i64 {
        bits(self.count(set), self.total)
    }

    /// Marks and pairs that one in `share` of `bad` records has at least, the most unlikely first. Of the same figures one
    /// mark goes before two, and the common ones before the particular ones.
    fn telling(&self, marks: &[String], share: u64, bad: u64) -> impl Iterator<Item = Set> {
        let is_particular = |set: Set| marks.get(set.trailing_zeros() as usize).is_some_and(|mark| mark.contains(':'));
        let is_one = |set: &Set| self.count(*set).bad * share >= bad && self.says_more(*set);
        let mut found: Vec<Set> = self.counts.keys().copied().filter(is_one).collect();
        found.sort_by_key(|set| {
            let particular = alone(*set).filter(|mark| is_particular(*mark)).count();
            (-self.bits(*set), set.count_ones(), particular, *set)
        });
        found.into_iter()
    }

    /// A pair that is clearly rarer than each of its marks, and more unlikely.
    fn says_more(&self, set: Set) -> bool {
        let pair = self.count(set);
        set.count_ones() == 1
            || alone(set).all(|one| pair.all * 4 <= self.count(one).all * 3 && self.bits(set) > self.bits(one))
    }

    /// True if `mark` says nothing beyond `other`: nearly all that have it have the other too, and among those it is not
    /// unusual.
    fn explains(&self, other: Set, mark: Set) -> bool {
        let both = self.count(mark | other);
        both.bad * 10 >= self.count(mark).bad * 9 && bits(both, self.count(other)) < SURE
    }
}

/// How unlikely it is by chance that so many of those in `total` that do not match have a mark.
fn bits(count: Count, total: Count) -> i64 {
    let (n, all) = (total.bad, total.all);
    let (k, with) = (count.bad, count.all);
    // No more common than elsewhere; or the figures are none of one tally.
    if u128::from(k) * u128::from(all) <= u128::from(n) * u128::from(with) || with > all || k > with || k > n {
        return 0;
    }
    let term = |part: u64, of: u64| {
        if part == 0 { 0 } else { whole(part) * (log2(part) + log2(all) - log2(n) - log2(of)) }
    };
    term(k, with) + term(n - k, all - with)
}

/// A share in per cent, rounded half up.
fn share(part: u64, of: u64) -> String {
    let (part, of) = (u128::from(part), u128::from(of.max(1)));
    match (part * 200 + of) / (of * 2) {
        0 if part > 0 => "less than 1 %".into(),
        percent => format!("{percent} %"),
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX >> 24)
}

/// The binary logarithm in units of 1/1,024, rounded down; 0 of 0.
fn log2(number: u64) -> i64 {
    let Some(bits) = number.checked_ilog2() else { return 0 };
    // The number as 1.x with 31 digits behind the point; each squaring gives one more digit of the logarithm.
    let mut rest = (number << (63 - bits)) >> 32;
    let mut log = i64::from(bits);
    for _ in 0..10 {
        rest = (rest * rest) >> 31;
        log <<= 1;
        if rest >= 1 << 32 {
            rest >>= 1;
            log += 1;
        }
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(marks: &str) -> Features {
        Features::from_marks(marks.split(' ').filter(|mark| !mark.is_empty()))
    }

    fn told(orders: &[(Features, bool)]) -> Vec<String> {
        let mut marks = Marks::default();
        orders.iter().for_each(|(features, bad)| marks.add(features, *bad));
        let mut tally = Tally::new(marks.telling(&[]));
        orders.iter().for_each(|(features, bad)| tally.add(features, *bad));
        tally.patterns("missing orders").into_iter().map(|one| one.sentence).collect()
    }

    /// 400 orders: every fifth in a foreign currency, every third of several lines, paid through one of two gateways.
    fn shop(is_bad: impl Fn(usize, &Features) -> bool) -> Vec<(Features, bool)> {
        let order = |at: usize| {
            let foreign = if at.is_multiple_of(5) { "foreign_currency currency:EUR" } else { "" };
            let several = if at.is_multiple_of(3) { "several_lines" } else { "" };
            let gateway = if at.is_multiple_of(2) { "gateway:paypal" } else { "gateway:stripe" };
            let all = features(&format!("{foreign} {several} {gateway} tax_included"));
            let bad = is_bad(at, &all);
            (all, bad)
        };
        (0..400).map(order).collect()
    }

    #[test]
    fn what_a_pair_explains_is_told_as_a_pair_and_once() {
        let orders = shop(|_, one| one.has("foreign_currency") && one.has("several_lines"));
        assert_eq!(
            told(&orders),
            ["27 of 27 missing orders are of several lines and in a foreign currency; 7 % of all orders are."]
        );
    }

    #[test]
    fn one_mark_is_told_alone_and_another_name_of_it_is_not() {
        let orders = shop(|at, one| one.has("foreign_currency") && !at.is_multiple_of(7));
        assert_eq!(told(&orders), ["68 of 68 missing orders are in a foreign currency; 20 % of all orders are."]);
    }

    #[test]
    fn what_is_as_common_everywhere_is_not_told() {
        assert_eq!(
            told(&shop(|at, _| at % 10 == 7)),
            ["40 of 40 missing orders are paid through stripe; 50 % of all orders are."]
        );
        assert_eq!(told(&shop(|at, _| at % 13 == 7)), Vec::<String>::new());
        assert_eq!(told(&shop(|_, _| true)), Vec::<String>::new());
        assert_eq!(told(&shop(|_, _| false)), Vec::<String>::new());
    }

    #[test]
    fn several_faults_are_told_each_by_its_own_sign() {
        // One in ten is foreign and of several lines, one with an emoji, one paid with a gift card.
        let order = |at: usize| {
            let signs = match at % 40 {
                0..4 => "foreign_currency several_lines currency:EUR",
                4..8 => "emoji",
                8..12 => "gift_card_paid gateway:gift_card",
                12..16 => "foreign_currency currency:EUR",
                16..22 => "several_lines",
                _ => "",
            };
            let weekday = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][at % 7];
            let all = features(&format!("{signs} weekday:{weekday} size:{}-x tax_included", at % 3));
            (all, at % 40 < 4 || (at % 40 < 12 && at % 4 < 3))
        };
        let orders: Vec<(Features, bool)> = (0..400).map(order).collect();
        assert_eq!(
            told(&orders),
            [
                "40 of 100 missing orders are of several lines and in a foreign currency; 10 % of all orders are.",
                "30 of 100 missing orders are with an emoji in a text; 10 % of all orders are.",
                "30 of 100 missing orders are paid with a gift card; 10 % of all orders are."
            ]
        );
    }

    #[test]
    fn few_orders_say_that_it_may_be_chance() {
        let orders = shop(|at, one| at < 40 && one.has("foreign_currency") && one.has("several_lines") && at > 0);
        assert_eq!(
            told(&orders),
            [
                "2 of 2 missing orders are of several lines and in a foreign currency; 7 % of all orders are. Only 2 orders: \
              this may be chance."
            ]
        );
        let orders =
            shop(|at, one| at == 1 || at < 40 && one.has("foreign_currency") && one.has("several_lines") && at > 0);
        assert_eq!(told(&orders), Vec::<String>::new(), "two of three");
    }

    #[test]
    fn logarithms_are_right_to_a_thousandth() {
        assert_eq!([1, 2, 3, 10, 1_000, 100_000].map(log2), [0, 1_024, 1_623, 3_401, 10_204, 17_008]);
        assert_eq!((log2(0), log2(u64::MAX)), (0, 65_535));
        assert_eq!(
            (share(3, 100), share(1, 400), share(0, 400), share(5, 1_000)),
            ("3 %".into(), "less than 1 %".into(), "0 %".into(), "1 %".into())
        );
    }
}
