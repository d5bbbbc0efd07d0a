//! What records that do not match have in common. Marks that most of them share are counted once over all orders, alone
//! and in pairs; those that chance would hardly bring together are told, with their figures.
//!
//! How unlikely: of `n` records drawn from `N`, of which `K` have a mark, `k` or more have it with a chance of at most
//! 2^−bits, where bits = k·log₂(kN/nK) + (n−k)·log₂((n−k)N/(n(N−K))) (Hoeffding 1963, which holds for draws without
//! replacement). That is computed in whole numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::features::{Features, words};

/// How many marks are looked at, alone and in pairs: those that most of the records share.
const MOST_MARKS: usize = 24;
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

/// Counts of one mark or pair.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Count {
    bad: u64,
    all: u64,
}

/// Counts marks over all orders.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    marks: Vec<String>,
    total: Count,
    /// Of marks alone (`(a, a)`) and in pairs (`(a, b)`, a < b), by their place.
    counts: BTreeMap<(usize, usize), Count>,
}

/// Counts the marks of the records that do not match, one by one.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    counts: BTreeMap<String, u64>,
    total: u64,
}

impl Marks {
    /// Counts one record.
    pub fn add(&mut self, features: &Features) {
        self.total += 1;
        features.marks().for_each(|mark| *self.counts.entry(mark.to_owned()).or_default() += 1);
    }

    /// Leaves out marks that say nothing of these records: what a missing refund is of was refunded.
    pub fn leave_out(&mut self, marks: &[&str]) {
        self.counts.retain(|mark, _| !marks.contains(&mark.as_str()));
    }

    /// A tally of the marks that at least half of the records share.
    pub fn tally(self) -> Tally {
        let total = self.total;
        let mut common: Vec<(u64, String)> = self
            .counts
            .into_iter()
            .filter(|(_, count)| count * 2 >= total)
            .map(|(mark, count)| (count, mark))
            .collect();
        common.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        let marks = common.into_iter().take(MOST_MARKS).map(|(_, mark)| mark).collect();
        Tally { marks, ..Tally::default() }
    }
}

impl Tally {
    /// A tally of the marks that at least half of the records share which do not match.
    pub fn new<'a>(bad: impl Iterator<Item = &'a Features>) -> Self {
        let mut marks = Marks::default();
        bad.for_each(|features| marks.add(features));
        marks.tally()
    }

    /// Counts one order; `bad` if it does not match.
    pub fn add(&mut self, features: &Features, bad: bool) {
        let has: Vec<usize> =
            self.marks.iter().enumerate().filter(|(_, mark)| features.has(mark)).map(|(at, _)| at).collect();
        let count = |count: &mut Count| {
            count.all += 1;
            count.bad += u64::from(bad);
        };
        count(&mut self.total);
        for (rank, first) in has.iter().enumerate() {
            has[rank..].iter().for_each(|second| count(self.counts.entry((*first, *second)).or_default()));
        }
    }

    /// What is unusually common among those that do not match, the most unlikely first. `what` says what they are:
    /// `missing orders`.
    pub fn patterns(&self, what: &str) -> Vec<Pattern> {
        let mut found: Vec<(i64, (usize, usize), Count)> = Vec::new();
        for (place, count) in &self.counts {
            let bits = bits(*count, self.total);
            let is_small = (2..FEW).contains(&self.total.bad) && bits >= NOTEWORTHY;
            if count.bad * 2 >= self.total.bad && (bits >= SURE || is_small) && self.says_more(*place, *count) {
                found.push((bits, *place, *count));
            }
        }
        // Of the same figures one mark goes before two, and the common ones before the particular ones.
        let particular = |at: usize| usize::from(self.marks.get(at).is_some_and(|mark| mark.contains(':')));
        found.sort_by_key(|(bits, (a, b), _)| (-bits, a != b, particular(*a) + particular(*b), *a, *b));
        let mut chosen: Vec<(i64, (usize, usize), Count)> = Vec::new();
        for (bits, (a, b), count) in found {
            let said = || chosen.iter().flat_map(|(_, (first, second), _)| [*first, *second]);
            let is_said = said().any(|one| one == a || one == b)
                || [a, b].iter().all(|mark| said().any(|other| self.is_explained(*mark, other)));
            if chosen.len() < MOST_PATTERNS && !is_said {
                chosen.push((bits, (a, b), count));
            }
        }
        chosen.into_iter().map(|(bits, place, count)| self.pattern(what, bits, place, count)).collect()
    }

    /// A pair that is clearly rarer than each of its marks, and as common among those that do not match.
    fn says_more(&self, (a, b): (usize, usize), pair: Count) -> bool {
        a == b
            || [a, b].iter().all(|one| {
                let alone = self.count(*one, *one);
                pair.all * 4 <= alone.all * 3 && pair.bad * 10 >= alone.bad * 9
            })
    }

    fn count(&self, a: usize, b: usize) -> Count {
        self.counts.get(&(a.min(b), a.max(b))).copied().unwrap_or_default()
    }

    /// True if a mark says nothing beyond another one: nearly all that have it have the other too, and among those it
    /// is not unusual.
    fn is_explained(&self, mark: usize, other: usize) -> bool {
        let both = self.count(mark, other);
        both.bad * 10 >= self.count(mark, mark).bad * 9 && bits(both, self.count(other, other)) < SURE
    }

    fn pattern(&self, what: &str, bits: i64, (a, b): (usize, usize), count: Count) -> Pattern {
        let mut places = vec![a, b];
        places.dedup();
        // The one that describes most orders first.
        places.sort_by_key(|at| std::cmp::Reverse(self.count(*at, *at).all));
        let features: Vec<String> = places.iter().filter_map(|at| self.marks.get(*at)).cloned().collect();
        let said = features.iter().map(|mark| words(mark)).collect::<Vec<_>>().join(" and ");
        let (bad, all) = (self.total.bad, self.total.all);
        let share = share(count.all, all);
        let mut sentence = format!("{} of {bad} {what} are {said}; {share} of all orders are.", count.bad);
        if bits < SURE {
            sentence.push_str(&format!(" Only {bad} orders: this may be chance."));
        }
        Pattern { features, bad_with: count.bad, bad_total: bad, all_with: count.all, all_total: all, sentence }
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
        let mut tally = Tally::new(orders.iter().filter(|(_, bad)| *bad).map(|(features, _)| features));
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
    fn few_orders_say_that_it_may_be_chance() {
        let orders = shop(|at, one| at < 40 && one.has("foreign_currency") && one.has("several_lines") && at > 0);
        assert_eq!(
            told(&orders),
            [
                "2 of 2 missing orders are of several lines and in a foreign currency; 7 % of all orders are. Only 2 orders: \
              this may be chance."
            ]
        );
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
