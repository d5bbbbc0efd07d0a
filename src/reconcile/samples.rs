//! Orders and ledgers that fit each other, for the tests of this floor.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::matching::{by_amount, doubled, named, numbers};
use super::*;
use crate::books::document::{DocumentKey, DocumentKind, Standing};
use crate::books::listed::{Listed, ListedLine};
use crate::books::money::Currency;
use crate::books::rules::LedgerName;

/// What has none so far, and the documents that nobody has.
fn left(orders: &[Wanted], documents: &[Listed], found: &[Match]) -> (Vec<Wanted>, Vec<Listed>) {
    let have: BTreeSet<(String, DocumentKey)> =
        found.iter().map(|one| (one.order_id.clone(), one.key.clone())).collect();
    let used: BTreeSet<DocumentId> =
        found.iter().flat_map(|one| std::iter::once(&one.document).chain(&one.extra)).cloned().collect();
    let lacks = |one: &&Wanted| !have.contains(&(one.order_id.clone(), one.key.clone()));
    let is_free = |one: &&Listed| !used.contains(&(one.kind, one.ledger_id.clone()));
    (orders.iter().filter(lacks).cloned().collect(), documents.iter().filter(is_free).cloned().collect())
}

/// Every order's documents, as an audit finds them.
pub fn assign(orders: &[Wanted], documents: &[Listed]) -> Vec<Match> {
    let mut found: Vec<Match> = Vec::new();
    let name = |found: &mut Vec<Match>, naming: Naming| {
        let (orders, documents) = left(orders, documents, found);
        found.extend(named(&orders, &documents, naming));
        numbers(&orders, &documents)
    };
    name(&mut found, Naming::Id);
    let (fit, other) = name(&mut found, Naming::Name);
    let numbers_count = fit > 0 && fit >= other;
    if numbers_count {
        name(&mut found, Naming::Number);
    }
    found.sort_by_key(place);
    found = doubled(orders, documents, &found, numbers_count);
    let is_usual = |by: By| 2 * found.iter().filter(|one| one.by == by).count() >= orders.len();
    let ways = Ways { ids: is_usual(By::Id), names: is_usual(By::Name), numbers: is_usual(By::Number) };
    for reach in Reach::all() {
        let (orders, documents) = left(orders, documents, &found);
        found.extend(by_amount(&orders, &documents, reach, ways));
    }
    name(&mut found, Naming::Rest);
    found.sort_by_key(place);
    found
}

fn place(one: &Match) -> (usize, String, DocumentKey) {
    (one.order_id.len(), one.order_id.clone(), one.key.clone())
}

pub fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub fn currency(code: &str) -> Currency {
    code.parse().unwrap()
}

/// A document of two lines, or money.
pub fn expected(key: DocumentKey, kind: DocumentKind, number: &str, total: &str) -> Expected {
    let is_money = matches!(kind, DocumentKind::Payment | DocumentKind::RefundPayment | DocumentKind::Application);
    let (total, shipping) = (d(total), d("5.00"));
    let tax = d("1.00");
    let lines = [("Blue mug", total - shipping - tax), ("Shipping", shipping)];
    let lines = lines.map(|(text, amount)| ListedLine { text: text.into(), amount });
    let settles = match kind {
        DocumentKind::Payment | DocumentKind::Application => Some(DocumentKey::sale()),
        DocumentKind::RefundPayment => Some(DocumentKey::credit("8")),
        _ => None,
    };
    Expected {
        key,
        kind,
        number: number.into(),
        currency: currency("USD"),
        total,
        tax: (!is_money).then_some(tax),
        date: "2026-11-02".parse().unwrap(),
        standing: Standing::Live,
        from: (kind == DocumentKind::Application).then(|| DocumentKey::credit("8")),
        settles,
        lines: if is_money { Vec::new() } else { lines.to_vec() },
    }
}

/// Sold, paid, and partly refunded.
pub fn documents() -> Vec<Expected> {
    vec![
        expected(DocumentKey::sale(), DocumentKind::Invoice, "S-1001", "26.00"),
        expected(DocumentKey::payment("6700"), DocumentKind::Payment, "6700", "26.00"),
        expected(DocumentKey::credit("8"), DocumentKind::CreditNote, "S-1001-R8", "10.00"),
        expected(DocumentKey::refund("6701"), DocumentKind::RefundPayment, "6701", "10.00"),
    ]
}

pub fn order(calls: Calls) -> Expectation {
    Expectation {
        order_id: "5600".into(),
        name: "#1001".into(),
        updated_at: "2026-11-02T10:00:00+00:00".into(),
        date: "2026-11-02".parse().ok(),
        totals: vec![(currency("USD"), d("26.00"))],
        calls,
        features: Features::default(),
    }
}

/// What the ledger lists of a document that was written; what is open of it is settled.
pub fn listed(one: &Expected, id: &str) -> Listed {
    let has_balance = matches!(one.kind, DocumentKind::Invoice | DocumentKind::CreditNote);
    Listed {
        kind: one.kind,
        ledger_id: id.into(),
        number: one.number.clone(),
        note: "Shopify order 5600 (#1001)".into(),
        currency: Some(one.currency),
        total: one.total,
        tax: one.tax,
        open: has_balance.then_some(Decimal::ZERO),
        date: Some(one.date),
        party_id: Some("7".into()),
        void: false,
        draft: false,
        lines: one.lines.clone(),
        settles: Vec::new(),
    }
}

/// The ids are the places, from 1.
pub fn written(documents: &[Expected]) -> Vec<Written> {
    let one = |(at, one): (usize, &Expected)| Written {
        expected: one.clone(),
        ledger_id: (at + 1).to_string(),
        party_id: Some("7".into()),
        stands: one.is_live(),
        foreign: false,
    };
    documents.iter().enumerate().map(one).collect()
}

/// The ledger that holds what was written.
pub fn ledger(written: &[Written]) -> Vec<Listed> {
    let listed_kinds = written.iter().filter(|one| one.expected.kind != DocumentKind::Application);
    listed_kinds.map(|one| Listed { void: !one.stands, ..listed(&one.expected, &one.ledger_id) }).collect()
}

/// What is found of an order, as short text: class, document, field, both values, cause, repair.
pub fn found(order: &Expectation, written: &[Written], found: &[Listed], hold: Option<&str>) -> Vec<String> {
    shown(&compare(&Case { order, written, found, hold, ledger: LedgerName::Xero }))
}

pub fn shown(findings: &[Finding]) -> Vec<String> {
    let one = |one: &Finding| {
        let key = one.document_key.as_ref().map_or("-", DocumentKey::as_str);
        let field = one.field.map_or("-", Field::as_str);
        format!(
            "{} {key} {field}: {} | {} | {} | {}",
            one.class.as_str(),
            one.shopify_value,
            one.ledger_value,
            one.cause,
            one.repair.as_str()
        )
    };
    findings.iter().map(one).collect()
}
