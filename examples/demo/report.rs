//! What the demo shows: the journal, read from D1 as a bookkeeper would read it, and whether it keeps its promises.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;

use sandbox::DocumentView;
use serde_json::Value;

use crate::harness::Stage;

/// The journal's rows.
pub struct Journal {
    orders: Vec<Value>,
    events: Vec<Value>,
    documents: Vec<Value>,
    adjustments: Vec<Value>,
    health: Vec<Value>,
}

const HEAD: [&str; 8] = ["ORDER", "ARRIVED", "BOOKS", "DOCUMENT", "NUMBER", "EXPECTED", "IN THE LEDGER", "PROOF"];
type Line = [String; 8];

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or("")
}

fn cut(text: &str) -> String {
    let short: String = text.chars().take(48).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

/// What arrived, in a bookkeeper's words.
fn arrived(event: &Value) -> String {
    let what = match text(event, "topic") {
        "order_transactions/create" => "payment or refund",
        "orders/create" => "new order",
        "orders/updated" => "update",
        "orders/cancelled" => "cancellation",
        "refunds/create" => "refund",
        other => other,
    };
    match event["deliveries"].as_i64() {
        Some(1) | None => what.to_owned(),
        Some(times) => format!("{what} ({times} times)"),
    }
}

fn kind(document: &Value) -> String {
    text(document, "kind").replace('_', " ")
}

impl Journal {
    /// Asks D1.
    pub fn read(stage: &Stage) -> io::Result<Self> {
        let mut answers = stage
            .d1_all(&[
                "SELECT * FROM orders ORDER BY name, connection",
                "SELECT * FROM events ORDER BY connection, seq",
                "SELECT * FROM documents ORDER BY connection, order_id, posted_at, seq",
                "SELECT * FROM adjustments ORDER BY connection, order_id, seq",
                "SELECT * FROM sync_health ORDER BY connection",
            ])?
            .into_iter();
        let mut next = || answers.next().unwrap_or_default();
        Ok(Self { orders: next(), events: next(), documents: next(), adjustments: next(), health: next() })
    }

    fn of<'a>(rows: &'a [Value], order: &'a Value) -> impl Iterator<Item = &'a Value> {
        rows.iter().filter(|row| row["order_id"] == order["order_id"] && row["connection"] == order["connection"])
    }

    /// Per order: what arrived, its documents in each ledger with their proof, and what had to be adapted.
    pub fn table(&self) -> String {
        let mut by_order: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for order in &self.orders {
            by_order.entry(text(order, "order_id")).or_default().push(order);
        }
        let blocks: Vec<(Vec<Line>, Vec<String>)> =
            by_order.values().map(|orders| (self.lines(orders), self.notes(orders))).collect();
        let head = HEAD.map(str::to_owned);
        let mut widths = [0; 8];
        for line in blocks.iter().flat_map(|(lines, _)| lines).chain([&head]) {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let row = |line: &Line| {
            let cells = line.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
                5 | 6 => format!("{cell:>width$}"),
                _ => format!("{cell:<width$}"),
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
        };
        let mut out = row(&head);
        for (lines, notes) in &blocks {
            out += &"─".repeat(widths.iter().sum::<usize>() + 14);
            out.push('\n');
            out.extend(lines.iter().map(row));
            for note in notes {
                let _ = writeln!(out, "    adjusted {note}");
            }
        }
        out
    }

    fn lines(&self, orders: &[&Value]) -> Vec<Line> {
        let mut right: Vec<[String; 6]> = Vec::new();
        for order in orders {
            let before = right.len();
            for one in Self::of(&self.documents, order).filter(|one| text(one, "kind") != "application") {
                let name = if text(one, "state") == "posted" {
                    kind(one)
                } else {
                    format!("{} ({})", kind(one), text(one, "state"))
                };
                let money = |field| format!("{} {}", text(one, field), text(one, "currency"));
                let number = if text(one, "number").is_empty() { "–" } else { text(one, "number") };
                right.push([
                    String::new(),
                    name,
                    number.to_owned(),
                    money("expected_total"),
                    money("ledger_total"),
                    text(one, "proof").to_owned(),
                ]);
            }
            if right.len() == before {
                let why = format!("none: {}", text(order, "reason").replace('_', " "));
                right.push([
                    String::new(),
                    why,
                    String::new(),
                    String::new(),
                    String::new(),
                    text(order, "state").into(),
                ]);
            }
            right[before][0] = text(order, "connection").to_owned();
        }
        let left: Vec<String> = Self::of(&self.events, orders[0]).map(arrived).collect();
        let rows = left.len().max(right.len());
        let cell = |list: &[String], index: usize| list.get(index).cloned().unwrap_or_default();
        (0..rows)
            .map(|index| {
                let name = if index == 0 { text(orders[0], "name").to_owned() } else { String::new() };
                let [books, what, number, expected, ledger, proof] = right.get(index).cloned().unwrap_or_default();
                [name, cell(&left, index), books, what, number, expected, ledger, proof]
            })
            .collect()
    }

    /// Each adjustment once, with the ledgers that it was made for.
    fn notes(&self, orders: &[&Value]) -> Vec<String> {
        let mut notes: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for order in orders {
            for one in Self::of(&self.adjustments, order) {
                let (field, rule) = (text(one, "field"), text(one, "rule").replace('_', " "));
                let note = format!("{field}, {rule}: {} → {}", cut(text(one, "before")), cut(text(one, "after")));
                let ledgers = notes.entry(note).or_default();
                if !ledgers.contains(&text(order, "connection")) {
                    ledgers.push(text(order, "connection"));
                }
            }
        }
        notes.into_iter().map(|(note, ledgers)| format!("for {}: {note}", ledgers.join(" and "))).collect()
    }

    /// One line that says whether the books match the till.
    pub fn summary(&self) -> String {
        let exact = self.documents.iter().filter(|one| text(one, "proof") == "exact").count();
        let state = |wanted: &str| self.orders.iter().filter(|one| text(one, "state") == wanted).count();
        let slowest = self.health.iter().filter_map(|row| row["latency_p95_ms"].as_i64()).max().unwrap_or(0);
        format!(
            "{} orders in two ledgers: {} synced, {} rightly without a document, {} held. {exact} of {} documents proven to \
             the cent. 95 of 100 events were settled within {slowest} ms.",
            self.orders.len() / 2,
            state("synced"),
            state("ignored"),
            state("held"),
            self.documents.len(),
        )
    }

    /// The promises that this journal does not keep.
    pub fn broken_promises(&self, orders: usize, deliveries: usize) -> Vec<String> {
        let mut broken = Vec::new();
        let mut expect = |found: usize, wanted: usize, what: &str| {
            if found != wanted {
                broken.push(format!("{what}: {found}, not {wanted}"));
            }
        };
        expect(self.orders.len(), orders * 2, "orders in the journal");
        expect(self.events.len(), deliveries * 2, "events in the journal");
        let twice = self.events.iter().filter(|one| one["deliveries"] == 2).count();
        expect(twice, 2, "events that were delivered twice and counted once");
        for event in self.events.iter().filter(|one| matches!(text(one, "outcome"), "" | "pending" | "held")) {
            let (topic, outcome) = (text(event, "topic"), text(event, "outcome"));
            broken.push(format!("an event {topic} for {} ended as {outcome}", text(event, "connection")));
        }
        for order in self.orders.iter().filter(|one| !matches!(text(one, "state"), "synced" | "ignored")) {
            let (name, state, reason) = (text(order, "name"), text(order, "state"), text(order, "reason"));
            broken.push(format!("{name} for {} is {state} ({reason})", text(order, "connection")));
        }
        for one in &self.documents {
            if text(one, "proof") != "exact" || text(one, "expected_total") != text(one, "ledger_total") {
                broken.push(format!("{} {} is not proven", kind(one), text(one, "number")));
            }
        }
        broken
    }

    /// Where the journal and what really stands in the ledger disagree: a document that is missing there, stands there
    /// twice, with another total, or that nobody logged.
    pub fn differs_from(&self, connection: &str, standing: &[DocumentView]) -> Vec<String> {
        let standing: Vec<_> =
            standing.iter().filter(|one| !matches!(one.status.as_str(), "VOIDED" | "DELETED")).collect();
        let logged: Vec<_> = self
            .documents
            .iter()
            .filter(|one| text(one, "connection") == connection && text(one, "kind") != "application")
            .filter(|one| matches!(text(one, "state"), "posted" | "updated"))
            .collect();
        let mut wrong = Vec::new();
        for one in &logged {
            let id = text(one, "ledger_id");
            let found = standing.iter().filter(|there| there.id == id).collect::<Vec<_>>();
            let total = text(one, "ledger_total").parse().ok();
            if found.len() != 1 || Some(found[0].total) != total {
                wrong.push(format!(
                    "{connection}: {} {} is logged but not so in the ledger",
                    kind(one),
                    text(one, "number")
                ));
            }
        }
        for there in &standing {
            if !logged.iter().any(|one| text(one, "ledger_id") == there.id) {
                wrong.push(format!("{connection}: {} {} stands in the ledger unlogged", there.kind, there.number));
            }
        }
        wrong
    }
}
