//! An integration that almost works: it posts a shop's orders into a ledger and loses those that are in a foreign currency
//! and have several lines, cuts texts at emoji and where they get long, posts some twice, and does not hear of every
//! cancellation. What it did wrong is written down, to be held against what an audit finds.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::trade::{Chance, Course, Sale};

/// The longest text that it writes.
const LONGEST: usize = 100;

/// A fault: the order (of a document that belongs to none, its number), the class, and the value that is wrong.
pub type Fault = (String, &'static str, &'static str);

/// Its books, and what is wrong with them.
#[derive(Default)]
pub struct Books {
    /// Documents, as the stand-ins take them (`plant_sale`).
    pub documents: Vec<Value>,
    pub faults: BTreeSet<Fault>,
    /// How many of the faults are of each kind, in words.
    pub kinds: Vec<(&'static str, usize)>,
}

/// What it makes of the shop's orders.
pub fn post(seed: u64, sales: &[Sale]) -> Books {
    let mut chance = Chance::new(seed ^ 0xCAFE);
    let mut books = Books::default();
    let [mut lost, mut cut, mut doubled, mut standing, mut kept] = [0; 5];
    for sale in sales {
        let faults = &mut books.faults;
        let mut fault = |class, field| {
            faults.insert((sale.name(), class, field));
        };
        if sale.course == Course::Cancelled {
            // It heard of three in five, and then there is nothing.
            if chance.percent(40) {
                standing += 1;
                fault("wrong", "status");
                books.documents.push(invoice(sale, &sale.number.to_string()));
            }
            continue;
        }
        if sale.is_foreign() && sale.items.len() > 1 {
            lost += 1;
            fault("missing", "");
            continue;
        }
        let document = invoice(sale, &sale.number.to_string());
        let shown = sale.shown();
        if shown.iter().any(|(text, _)| cut_off(text) != *text) {
            cut += 1;
            fault("wrong", "text");
        }
        if chance.percent(3) {
            doubled += 1;
            fault("duplicate", "");
            books.documents.push(invoice(sale, &format!("{}-1", sale.number)));
        }
        if sale.course == Course::GivenBack {
            if chance.percent(50) {
                kept += 1;
                fault("missing", "");
            } else {
                books.documents.push(refund(sale));
            }
        }
        books.documents.push(document);
    }
    // Two sales that Shopify has no order for: they were tried out, or deleted since.
    for (at, number) in [(sales.len() / 2, 90_001), (sales.len() * 3 / 4, 90_002)] {
        let mut stray = invoice(&sales[at], &number.to_string());
        stray["note"] = json!(format!("Shopify order #{number}"));
        stray["reference"] = stray["note"].clone();
        stray["total"] = json!(format!("{number}.17"));
        stray["open"] = json!("0.00");
        stray["lines"] = json!([{"text": "Test", "amount": stray["total"]}]);
        books.documents.push(stray);
        books.faults.insert((number.to_string(), "unexpected", ""));
    }
    books.kinds = vec![
        ("orders never posted (in a foreign currency and of several lines)", lost),
        ("texts cut at an emoji or where they get long", cut),
        ("orders posted twice", doubled),
        ("cancelled orders whose invoice still stands", standing),
        ("refunds of cancelled orders never posted", kept),
        ("sales that no order is for", 2),
    ];
    books
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
        "lines": lines,
    })
}

/// As both stand-ins take it: in Xero it is a credit note, in QuickBooks a refund receipt.
fn refund(sale: &Sale) -> Value {
    let note = format!("Refund of Shopify order {}", sale.name());
    let date = (sale.at + chrono::Duration::hours(5)).date_naive().to_string();
    json!({
        "kind": "CreditMemo", "number": format!("R{}", sale.number), "note": note, "reference": note,
        "total": sale.shop_total(), "open": "0.00", "date": date, "lines": [{"text": "Refund", "amount": sale.shop_total()}],
    })
}

/// What a run found, as faults are written down: from its JSON.
pub fn found(run: &Value) -> BTreeSet<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let one = |finding: &Value| {
        let place = if text(&finding["order_id"]).is_empty() { &finding["number"] } else { &finding["name"] };
        (text(place), text(&finding["class"]), text(&finding["field"]))
    };
    run["findings"].as_array().into_iter().flatten().map(one).collect()
}

impl Books {
    /// What was planted, to be held against what was [`found`].
    pub fn planted(&self) -> BTreeSet<(String, String, String)> {
        self.faults
            .iter()
            .map(|(place, class, field)| (place.clone(), (*class).to_owned(), (*field).to_owned()))
            .collect()
    }
}
