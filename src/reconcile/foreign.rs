//! The audit of another integration: its documents held against what an order calls for. Only what every integration
//! has to agree on is compared: that a sale and a credit are there once, their money, their day, and that no text was cut.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::expectation::{Calls, Expectation, Expected};
use super::finding::{BESIDE, BEYOND, Class, EMOJI, Field, Finding, RIVAL, Repair, UNLESS, title};
use super::matching::{By, Match, Wanted};
use super::words;
use crate::books::document::{DocumentKey, DocumentKind};
use crate::books::listed::Listed;
use crate::books::money::Currency;
use crate::books::rules::LedgerName;

/// How many days another integration may date a document away from ours: it may count days in another time zone.
const DAYS: i64 = 1;
/// The fewest letters that show a text to be the beginning of another.
const FEWEST_LETTERS: usize = 3;
/// From so many letters on a text that begins like another one is that one, cut.
const LONG_TEXT: usize = 30;

/// A sale, or a credit, as another integration would have it: in one document.
struct Side<'a> {
    key: DocumentKey,
    kind: DocumentKind,
    /// What it may come to; the first is what it ought to.
    totals: Vec<(Currency, Decimal)>,
    date: NaiveDate,
    /// What of it is not settled, where that is known.
    open: Option<Decimal>,
    /// False if nothing is called for, and the word for why.
    is_live: bool,
    why_not: &'a str,
    parts: Vec<&'a Expected>,
}

/// What an order calls for, as another integration would have it.
fn sides(order: &Expectation) -> Vec<Side<'_>> {
    let Some(date) = order.date else { return Vec::new() };
    let sale = |is_live: bool, why_not| {
        let totals = order.totals.clone();
        let (key, kind) = (DocumentKey::sale(), DocumentKind::Invoice);
        Side { key, kind, totals, date, open: None, is_live, why_not, parts: Vec::new() }
    };
    let is_something = order.totals.first().is_some_and(|(_, total)| !total.is_zero());
    match &order.calls {
        Calls::Documents(documents) => called_for(documents),
        // What it is to come to in these books is not known, but a sale it is.
        Calls::Held { .. } | Calls::Waiting if is_something => vec![sale(true, "")],
        Calls::Nothing(rule) if is_something => match rule.as_str() {
            "cancelled_before_posting" => vec![sale(false, "cancelled")],
            "deleted" => vec![sale(false, "deleted")],
            "test_order" => vec![sale(false, "a test order")],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn called_for(documents: &[Expected]) -> Vec<Side<'_>> {
    let is_sale = |kind| matches!(kind, DocumentKind::Invoice | DocumentKind::SalesReceipt);
    let is_credit = |kind| matches!(kind, DocumentKind::CreditNote | DocumentKind::RefundReceipt);
    let is_adjustment = |one: &Expected| one.key.adjustment_number().is_some();
    let mut groups: BTreeMap<&str, Vec<&Expected>> = BTreeMap::new();
    for one in documents {
        // What an edit added is part of the sale where there is one document for it.
        if is_sale(one.kind) {
            let key = if is_adjustment(one) { "sale" } else { one.key.whole() };
            groups.entry(key).or_default().push(one);
        } else if is_credit(one.kind) && !is_adjustment(one) {
            groups.entry(one.key.whole()).or_default().push(one);
        }
    }
    // What an edit took away may stand as a credit, or be left out of the invoice.
    let live = |one: &&Expected| one.is_live();
    let taken: Decimal = documents
        .iter()
        .filter(live)
        .filter(|one| is_credit(one.kind) && is_adjustment(one))
        .map(|one| one.total)
        .sum();
    let side = |parts: Vec<&'_ Expected>| -> Option<(NaiveDate, Decimal, bool)> {
        let is_live = parts.iter().any(|one| one.is_live());
        let counts = |one: &&&Expected| one.is_live() == is_live;
        Some((parts.first()?.date, parts.iter().filter(counts).map(|one| one.total).sum(), is_live))
    };
    let made = groups.into_iter().filter_map(|(key, mut parts)| {
        parts.sort_by_key(|one| (is_adjustment(one), one.key.part_number()));
        let (date, total, is_live) = side(parts.clone())?;
        let first = *parts.first()?;
        let net = (total - if is_sale(first.kind) { taken } else { Decimal::ZERO }, total);
        let mut totals = vec![(first.currency, net.0), (first.currency, net.1)];
        totals.dedup();
        let settled: Decimal = documents
            .iter()
            .filter(live)
            .filter(|one| parts.iter().any(|part| one.settles.as_ref() == Some(&part.key)))
            .map(|one| one.total)
            .sum();
        let open = (first.kind == DocumentKind::Invoice).then(|| (total - settled).max(Decimal::ZERO));
        let key = DocumentKey::stored(key.to_owned());
        Some(Side { key, kind: first.kind, totals, date, open, is_live, why_not: "cancelled", parts })
    });
    let mut sides: Vec<Side<'_>> = made.collect();
    // The sale comes before its credits.
    sides.sort_by_key(|side| !is_sale(side.kind));
    sides
}

impl Wanted {
    /// What another integration ought to have of an order. `ids` are Shopify's ids of the transactions of each document,
    /// by its key.
    pub fn all_of(order: &Expectation, ids: &BTreeMap<DocumentKey, Vec<String>>) -> Vec<Wanted> {
        let one = |side: Side<'_>| {
            let (currency, _) = side.totals.first().copied()?;
            let of_refund = side.key.as_str().strip_prefix("credit:").map(str::to_owned);
            let named = ids.get(&side.key).into_iter().flatten().cloned();
            let elsewhere = |(other, _): &&(Currency, Decimal)| *other != currency;
            let other_total = if side.key.is_sale() { order.totals.iter().find(elsewhere).copied() } else { None };
            Some(Wanted {
                order_id: order.order_id.clone(),
                name: order.name.clone(),
                kind: side.kind,
                date: side.date,
                currency,
                totals: side.totals.iter().filter(|(one, _)| *one == currency).map(|(_, total)| *total).collect(),
                other_total,
                ids: of_refund.into_iter().chain(named).collect(),
                is_called_for: side.is_live,
                key: side.key,
            })
        };
        sides(order).into_iter().filter_map(one).collect()
    }
}

/// A document that might be an order's, without saying so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rival {
    /// One of its amount was given to another order, some days away.
    Taken,
    /// Nobody has this one of its amount, which names no other order.
    Free(Box<Listed>),
    /// This one says the order's name, and went to another one or comes to something else.
    Named(Box<Listed>),
    /// Nobody has this one of another amount, around that day, in books that do not name their orders.
    Near(Box<Listed>),
    /// This payment is applied to nothing, and is of the amount or says the order's name: its money is in the books.
    Paid(Box<Listed>),
    /// Fewer than half of the orders have documents of their own: these books may hold sales in sums, or as other entries.
    Sums,
}

impl Rival {
    fn words(&self) -> String {
        let (listed, why) = match self {
            Rival::Taken => return RIVAL.to_owned(),
            Rival::Sums => {
                let why = "fewer than half of the orders have a document of their own, and journal entries and deposits are not read";
                return format!("{UNLESS} another entry, for several orders at once: {why}");
            }
            Rival::Paid(listed) => (listed, "it is money that is applied to nothing"),
            Rival::Free(listed) => (listed, "it has the amount"),
            Rival::Named(listed) => (listed, "it says the order's name"),
            Rival::Near(listed) => (listed, "it is of that day, and these books name no orders"),
        };
        let date = listed.date.map_or_else(String::new, |date| format!(" of {date}"));
        format!("{UNLESS} {}{date}: {why}", named(listed))
    }
}

/// What another integration made of some orders.
#[derive(Debug, Clone, Copy)]
pub struct Theirs<'a> {
    /// Whose document is which.
    pub matches: &'a [Match],
    /// Those documents.
    pub documents: &'a [Listed],
    /// Of what has no document, one of its amount that might be its.
    pub rivals: &'a BTreeMap<(String, DocumentKey), Rival>,
    /// Which ledger.
    pub ledger: LedgerName,
    /// The first day of sales of which all documents were listed.
    pub since: NaiveDate,
}

/// Every difference between what an order calls for and what another integration made of it.
pub fn compare_foreign(order: &Expectation, theirs: &Theirs<'_>) -> Vec<Finding> {
    let Theirs { matches, documents, .. } = theirs;
    let listed = |id: &(DocumentKind, String)| documents.iter().find(|one| one.kind == id.0 && one.ledger_id == id.1);
    let mut findings = Vec::new();
    // An order of which the other integration has nothing can be posted whole; a part of one is not ours to add.
    let is_free = !matches.iter().any(|one| one.order_id == order.order_id);
    for side in sides(order) {
        let found = matches.iter().find(|one| one.order_id == order.order_id && one.key == side.key);
        let rival = theirs.rivals.get(&(order.order_id.clone(), side.key.clone()));
        let (ledger, since) = (theirs.ledger, theirs.since);
        let audit = Audit { order, side: &side, by: found.map(|one| one.by), is_free, rival, ledger, since };
        let Some(first) = found.and_then(|one| listed(&one.document)) else {
            findings.extend(audit.missing());
            continue;
        };
        findings.extend(audit.values(first));
        let extra = found.iter().flat_map(|one| &one.extra).filter_map(listed).filter(|one| one.counts());
        findings.extend(extra.map(|one| audit.double(one, first)));
    }
    findings
}

struct Audit<'a> {
    order: &'a Expectation,
    side: &'a Side<'a>,
    by: Option<By>,
    /// True if no document is the order's.
    is_free: bool,
    /// A document that might be this one's.
    rival: Option<&'a Rival>,
    ledger: LedgerName,
    /// The first day of sales of which all documents were listed.
    since: NaiveDate,
}

impl Audit<'_> {
    fn finding(&self, listed: Option<&Listed>, class: Class, field: Option<Field>, cause: String) -> Finding {
        // How sure it is that the two belong together is said where it is not certain.
        let unsure = self.by.filter(|by| !by.is_named());
        let doubt = unsure.map(|by| format!(" (recognised by {}: {})", by.words(), by.confidence()));
        Finding {
            class,
            document_key: Some(self.side.key.clone()),
            ledger_id: listed.map(|one| one.ledger_id.clone()),
            number: listed.map_or_else(|| self.order.name.clone(), |one| one.number.clone()),
            field,
            shopify_value: String::new(),
            ledger_value: String::new(),
            cause: cause + &doubt.unwrap_or_default(),
            repair: Repair::Ask,
        }
    }

    fn total(&self) -> String {
        self.side.totals.first().map_or_else(String::new, |(currency, total)| currency.show(*total))
    }

    fn missing(&self) -> Option<Finding> {
        let (kind, ledger) = (title(self.side.kind), self.ledger.title());
        let is_worth_one = self.side.totals.iter().any(|(_, total)| !total.is_zero());
        let mut cause = format!("no {kind} in {ledger} is for it");
        // What may stand among the documents that were not listed is never posted: it would stand there twice.
        let is_listed = self.order.date.is_some_and(|sold| sold >= self.since);
        if !is_listed {
            cause += &format!(" {BEYOND} {}", self.since);
        } else if let Some(rival) = self.rival {
            cause += &format!(", {} ({})", rival.words(), By::Nearest.confidence());
        }
        let found = self.finding(None, Class::Missing, None, cause);
        let is_whole =
            is_listed && self.is_free && self.rival.is_none() && matches!(self.order.calls, Calls::Documents(_));
        let repair = if is_whole { Repair::Post } else { Repair::Ask };
        let (shopify_value, ledger_value) = (self.total(), "nothing".into());
        (self.side.is_live && is_worth_one).then_some(Finding { shopify_value, ledger_value, repair, ..found })
    }

    fn double(&self, listed: &Listed, first: &Listed) -> Finding {
        let cause = format!("a second {} {BESIDE} {}", title(listed.kind), named(first));
        let found = Finding { cause, ..self.finding(Some(listed), Class::Duplicate, None, String::new()) };
        let ledger_value = words::money(listed.total, listed.currency);
        Finding { shopify_value: self.total(), ledger_value, ..found }
    }

    fn wrong(&self, listed: &Listed, field: Field, ours: String, theirs: String, cause: &str) -> Finding {
        let found = self.finding(Some(listed), Class::Wrong, Some(field), cause.to_owned());
        Finding { shopify_value: ours, ledger_value: theirs, ..found }
    }

    fn values(&self, listed: &Listed) -> Vec<Finding> {
        let side = self.side;
        if !side.is_live {
            let cause = format!("the order is {}, and the other integration did not follow", side.why_not);
            let status = || self.wrong(listed, Field::Status, side.why_not.into(), "counts".into(), &cause);
            return listed.counts().then(status).into_iter().collect();
        }
        if !listed.counts() {
            let status = if listed.void { "void" } else { "draft" };
            let cause = "the order stands in Shopify, and its document does not count";
            return vec![self.wrong(listed, Field::Status, "counts".into(), status.into(), cause)];
        }
        let mut findings = Vec::new();
        let right = self.money(listed, &mut findings);
        if let Some(date) = listed.date.filter(|date| (*date - side.date).num_days().abs() > DAYS) {
            let (ours, theirs) = (side.date.to_string(), date.to_string());
            findings.push(self.wrong(listed, Field::Date, ours, theirs, "it is dated on another day"));
        }
        if let (true, Some(expected), Some(open)) = (right, side.open, listed.open)
            && expected != open
        {
            let shown = |amount| format!("{} open", words::money(amount, side.totals.first().map(|one| one.0)));
            let cause =
                if open > expected { "money is not entered against it" } else { "too much is entered against it" };
            findings.push(self.wrong(listed, Field::Balance, shown(expected), shown(open), cause));
        }
        findings.extend(self.cut_texts(listed));
        findings
    }

    /// Currency and total; true if both are right.
    fn money(&self, listed: &Listed, findings: &mut Vec<Finding>) -> bool {
        let totals = &self.side.totals;
        let Some((currency, total)) = totals.first().copied() else { return true };
        let stated = listed.currency.unwrap_or(currency);
        if !totals.iter().any(|(one, _)| *one == stated) {
            let other = self.order.totals.iter().any(|(one, amount)| *one == stated && *amount == listed.total);
            let cause = if other {
                "it was posted in the order's other currency"
            } else {
                "it was posted in a currency that is none of the order's"
            };
            let (ours, theirs) = (currency.show(total), stated.show(listed.total));
            findings.push(self.wrong(listed, Field::Currency, ours, theirs, cause));
            return false;
        }
        let fits = totals.iter().any(|(one, total)| *one == stated && *total == listed.total);
        if !fits {
            let other = self.order.totals.iter().any(|(one, amount)| *one != stated && *amount == listed.total);
            let cause =
                if other { "the amount is that of the order's other currency" } else { "the total is not the order's" };
            let (ours, theirs) = (self.total(), stated.show(listed.total));
            findings.push(self.wrong(listed, Field::Total, ours, theirs, cause));
        }
        fits
    }

    /// The lines whose texts were cut, as one difference. Only letters and digits are compared, and a text that merely
    /// leaves out what stands behind a dash is not cut: it has to end at an emoji or another sign, or within a long sentence.
    fn cut_texts(&self, listed: &Listed) -> Option<Finding> {
        let ours: Vec<&str> =
            self.side.parts.iter().flat_map(|part| &part.lines).map(|line| line.text.as_str()).collect();
        let marked = self.order.features.has("emoji") || self.order.features.has("non_latin");
        let cut = |theirs: &str| {
            let letters = letters(theirs);
            let count = letters.chars().count();
            let is_whole = ours.iter().any(|text| self::letters(text) == letters);
            let begun = || ours.iter().filter(|text| self::letters(text).starts_with(&letters));
            if count < FEWEST_LETTERS || is_whole {
                return None;
            }
            // What follows a dash, a colon or a parenthesis may be left out; that a sentence goes on may not.
            let goes_on = |text: &str| after(text, &letters).trim_start().starts_with(char::is_alphanumeric);
            if let Some(text) = begun().find(|text| breaks(text, &letters) || (marked && goes_on(text))) {
                return Some((*text, format!("the text was {EMOJI} or another special character")));
            }
            let inside = begun().find(|text| count >= LONG_TEXT && goes_on(text));
            inside.map(|text| (*text, "the text was cut before its end".to_owned()))
        };
        let texts = listed.lines.iter().map(|line| line.text.as_str());
        let found: Vec<(&str, &str, String)> =
            texts.filter_map(|theirs| cut(theirs).map(|(ours, cause)| (ours, theirs, cause))).collect();
        let cause = &found.first()?.2;
        let shown: Vec<(String, String)> = found.iter().map(|one| words::where_they_differ(one.0, one.1)).collect();
        let (ours, theirs): (Vec<String>, Vec<String>) = shown.into_iter().unzip();
        Some(self.wrong(listed, Field::Text, ours.join(" / "), theirs.join(" / "), cause))
    }
}

/// A document by its number, or by the ledger's id where it has none.
fn named(listed: &Listed) -> String {
    let kind = title(listed.kind);
    if listed.number.is_empty() {
        format!("{kind} with the id {}", listed.ledger_id)
    } else {
        format!("{kind} {}", listed.number)
    }
}

/// What of a text is compared.
fn letters(text: &str) -> String {
    text.chars().filter(|one| one.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// What follows the first letters of `text`.
fn after<'a>(text: &'a str, first: &str) -> &'a str {
    let mut left = first.chars().count();
    let end = text.char_indices().find(|(_, one)| {
        let is_behind = left == 0;
        if one.is_alphanumeric() {
            left -= one.to_lowercase().count().min(left);
        }
        is_behind
    });
    end.and_then(|(at, _)| text.get(at..)).unwrap_or_default()
}

/// True if what follows the first letters of `text`, up to the next letter, holds a sign that careless programs stumble
/// over.
fn breaks(text: &str, first: &str) -> bool {
    let mut between = after(text, first).chars().take_while(|one| !one.is_ascii_alphanumeric());
    between.any(|one| !one.is_ascii() || matches!(one, '&' | '"' | '\'' | '<' | '>' | '\\' | '%' | '`'))
}
