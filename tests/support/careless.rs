//! An integration that almost works: it posts a shop's orders into a ledger and loses those that are in a foreign currency
//! and have several lines, cuts texts at emoji and where they get long, posts some twice, and does not hear of every
//! cancellation. What it did wrong is written down, to be held against what an audit finds.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::trade::{Chance, Course, Sale};

/// The longest text that it writes.
const LONGEST: usize = 100;

/// A fault: the order (of a document that belongs to none, its number), the class, and the value that is wrong.
pub type Fault = (String, String, String);

/// What it does wrong, in words.
const KINDS: [&str; 6] = [
    "order never posted (in a foreign currency and of several lines)",
    "text cut at an emoji, or where it gets long",
    "order posted twice",
    "cancelled order whose invoice still stands",
    "refund of a cancelled order never posted",
    "sale that no order is for",
];
const LOST: usize = 0;
const CUT: usize = 1;
const TWICE: usize = 2;
const STANDING: usize = 3;
const KEPT: usize = 4;
const STRAY: usize = 5;

/// Its books, and what is wrong with them.
#[derive(Default)]
pub struct Books {
    /// Documents, as the stand-ins take them (`plant_sale`).
    pub documents: Vec<Value>,
    faults: Vec<(usize, Fault)>,
}

impl Books {
    /// Books of those documents, in which nothing is wrong.
    pub fn of(documents: Vec<Value>) -> Self {
        Self { documents, faults: Vec::new() }
    }

    fn plant(&mut self, kind: usize, place: &str, class: &str, field: &str) {
        self.faults.push((kind, (place.to_owned(), class.to_owned(), field.to_owned())));
    }

    /// Every fault, to be held against what was [`found`].
    pub fn planted(&self) -> BTreeSet<Fault> {
        self.faults.iter().map(|(_, fault)| fault.clone()).collect()
    }

    /// Numbers its documents through, as programs do that leave it to the ledger. Then a note names Shopify's id of the
    /// order, or nothing names it at all.
    pub fn number_through(&mut self, names_ids: bool) {
        for (at, document) in self.documents.iter_mut().enumerate() {
            document["number"] = json!(format!("F-{:05}", 1 + at));
            let id = document["order_id"].as_u64().filter(|_| names_ids);
            let note = id.map_or_else(String::new, |id| format!("online shop {id}"));
            // The QuickBooks stand-in has a note of its own for what has none.
            document["note"] = json!(if note.is_empty() { " ".to_owned() } else { note.clone() });
            document["reference"] = json!(note);
        }
    }

    /// Of each fault, whether something was said of its order or of a document of it; and how much was said of orders and
    /// documents with no fault.
    pub fn judged(&self, found: &BTreeSet<Fault>) -> (usize, usize) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let places = |fault: &Fault| -> BTreeSet<String> {
            let of_order = self.documents.iter().filter(|one| one["order"] == fault.0.as_str());
            of_order.map(|one| text(&one["number"])).chain([fault.0.clone()]).collect()
        };
        let all: Vec<BTreeSet<String>> = self.planted().iter().map(places).collect();
        let seen = all.iter().filter(|places| found.iter().any(|one| places.contains(&one.0))).count();
        let alarms = found.iter().filter(|one| !all.iter().any(|places| places.contains(&one.0))).count();
        (seen, alarms)
    }

    /// The same by what it does wrong.
    pub fn by_kind(&self) -> Vec<(&'static str, BTreeSet<Fault>)> {
        let of = |kind: usize| self.faults.iter().filter(|one| one.0 == kind).map(|one| one.1.clone()).collect();
        KINDS.iter().enumerate().map(|(kind, words)| (*words, of(kind))).collect()
    }
}

/// What a run found, as faults are written down: from its JSON.
pub fn found(run: &Value) -> BTreeSet<Fault> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let one = |finding: &Value| {
        let place = if text(&finding["order_id"]).is_empty() { &finding["number"] } else { &finding["name"] };
        (text(place), text(&finding["class"]), text(&finding["field"]))
    };
    run["findings"].as_array().into_iter().flatten().map(one).collect()
}

/// What it makes of the shop's orders.
pub fn post(seed: u64, sales: &[Sale]) -> Books {
    let mut chance = Chance::new(seed ^ 0xCAFE);
    let mut books = Books::default();
    for sale in sales {
        post_one(&mut chance, &mut books, sale);
    }
    // Two sales that Shopify has no order for: they were tried out, or deleted since.
    for (at, number) in [(sales.len() / 2, "90001"), (sales.len() * 3 / 4, "90002")] {
        let mut stray = invoice(&sales[at], number);
        let total = format!("{number}.17");
        for (key, text) in
            [("note", format!("Shopify order #{number}")), ("total", total.clone()), ("open", "0.00".into())]
        {
            stray[key] = json!(text);
        }
        stray["reference"] = stray["note"].clone();
        stray["lines"] = json!([{"text": "Test", "amount": total}]);
        stray["order"] = json!(number);
        stray["order_id"] = json!(4_700_000_000_000 + at as u64);
        books.documents.push(stray);
        books.plant(STRAY, number, "unexpected", "");
    }
    books
}

fn post_one(chance: &mut Chance, books: &mut Books, sale: &Sale) {
    let (name, number) = (sale.name(), sale.number.to_string());
    if sale.course == Course::Cancelled {
        // It heard of three in five, and then there is nothing.
        if chance.percent(40) {
            books.plant(STANDING, &name, "wrong", "status");
            books.documents.push(invoice(sale, &number));
        }
        return;
    }
    if sale.is_foreign() && sale.items.len() > 1 {
        return books.plant(LOST, &name, "missing", "");
    }
    if sale.shown().iter().any(|(text, _)| cut_off(text) != *text) {
        books.plant(CUT, &name, "wrong", "text");
    }
    if chance.percent(2) {
        books.plant(TWICE, &name, "duplicate", "");
        books.documents.push(invoice(sale, &format!("{number}-1")));
    }
    if sale.course == Course::GivenBack {
        if chance.percent(50) {
            books.plant(KEPT, &name, "missing", "");
        } else {
            books.documents.push(refund(sale));
        }
    }
    books.documents.push(invoice(sale, &number));
}

/// At the first letter that is none of Latin-1, and at its longest length.
fn cut_off(text: &str) -> String {
    let plain: String = text.chars().take_while(|letter| u32::from(*letter) < 256).take(LONGEST).collect();
    plain.trim_end().to_owned()
}

fn invoice(sale: &Sale, number: &str) -> Value {
    let lines: Vec<Value> =
        sale.shown().into_iter().map(|(text, amount)| json!({"text": cut_off(&text), "amount": amount})).collect();
    let note = format!("Shopify order {}", sale.name());
    let is_open = matches!(sale.course, Course::OnAccount | Course::Cancelled);
    json!({
        "kind": "Invoice", "number": number, "note": note, "reference": note, "total": sale.shop_total(),
        "open": if is_open { sale.shop_total() } else { "0.00".into() }, "date": sale.at.date_naive().to_string(),
        "lines": lines, "currency": sale.currency(), "order": sale.name(),
        "order_id": sale.id,
    })
}

/// As both stand-ins take it: in Xero it is a credit note, in QuickBooks a refund receipt.
fn refund(sale: &Sale) -> Value {
    let note = format!("Refund of Shopify order {}", sale.name());
    let date = (sale.at + chrono::Duration::hours(5)).date_naive().to_string();
    json!({
        "kind": "CreditMemo", "number": format!("R{}", sale.number), "note": note, "reference": note,
        "total": sale.shop_total(), "open": "0.00", "date": date, "lines": [{"text": "Refund", "amount": sale.shop_total()}], "currency": sale.currency(), "order": sale.name(),
        "order_id": sale.id,
    })
}
