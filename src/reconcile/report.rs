//! A finished reconciliation as plain data, and as a text that a bookkeeper can read in a terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::diagnosis::Pattern;
use super::finding::{Class, Finding, Repair};
use crate::books::hold::HoldReason;

/// The widest column of the list.
const WIDEST: usize = 44;

/// What a reconciliation found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Its id.
    pub id: String,
    /// The connection.
    pub connection: String,
    /// What the ledger is called.
    pub ledger: String,
    /// The first day of the window.
    pub from: String,
    /// The last day.
    pub to: String,
    /// True if another integration's documents were audited instead of ours.
    pub audit: bool,
    /// What is going on, or why it ended early, where it did not come to its end.
    pub unfinished: Option<String>,
    /// How many orders were compared.
    pub shopify_count: u64,
    /// How many documents of the ledger were.
    pub ledger_count: u64,
    /// How many differences there are of each class.
    pub counts: BTreeMap<Class, u64>,
    /// The orders that do not match.
    pub orders: Vec<OrderFindings>,
    /// How many more there are that are not listed here.
    pub more_orders: u64,
    /// In an audit, how the documents were recognised, and how sure that is.
    #[serde(default)]
    pub recognised: Vec<String>,
    /// What they have in common.
    pub patterns: Vec<Pattern>,
    /// How many differences each repair would settle.
    pub plan: BTreeMap<Repair, u64>,
    /// Why no patterns are known, where finding them failed.
    #[serde(default)]
    pub note: Option<String>,
    /// How many differences there were.
    pub drift_before: u64,
    /// How many were left after the repair, once it ran.
    pub drift_after: Option<u64>,
    /// Those, order by order.
    #[serde(default)]
    pub left: Vec<OrderFindings>,
    /// How many more of these there are.
    #[serde(default)]
    pub more_left: u64,
}

/// What is different about one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderFindings {
    /// Shopify's id; empty for what names no order.
    pub order_id: String,
    /// Its name.
    pub name: String,
    /// The differences.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Takes in the differences of one order, as many as `most` orders are listed with.
    pub fn add(&mut self, order_id: &str, name: &str, findings: Vec<Finding>, most: usize) {
        if findings.is_empty() {
            return;
        }
        for one in &findings {
            *self.counts.entry(one.class).or_default() += 1;
            *self.plan.entry(one.repair).or_default() += 1;
            self.drift_before += 1;
        }
        if self.orders.len() < most {
            self.orders.push(OrderFindings { order_id: order_id.to_owned(), name: name.to_owned(), findings });
        } else {
            self.more_orders += 1;
        }
    }
}

/// The report as a text.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    let ledger = &report.ledger;
    let what = if report.audit { "Audit" } else { "Reconciliation" };
    line(&mut out, &format!("{what} of {}: Shopify and {ledger}, {} to {}", report.connection, report.from, report.to));
    let (orders, documents) = (plural(report.shopify_count, "order"), plural(report.ledger_count, "document"));
    line(&mut out, &format!("{orders} in Shopify, {documents} in {ledger}."));
    if !report.recognised.is_empty() {
        line(&mut out, &format!("Recognised: {}.", report.recognised.join(", ")));
    }
    line(&mut out, "");
    if let Some(doing) = &report.unfinished {
        line(&mut out, &format!("Not finished: {doing}."));
        return out;
    }
    if report.drift_before == 0 {
        line(&mut out, "Both sides agree: no difference.");
    } else {
        differences(&mut out, report);
        patterns(&mut out, report);
        list(&mut out, "Order by order", ledger, &report.orders, report.more_orders);
        plan(&mut out, report);
        remedies(&mut out, report);
    }
    match report.drift_after {
        Some(after) => line(&mut out, &format!("Drift: {} before the repair, {after} after it.", report.drift_before)),
        None => line(&mut out, &format!("Drift: {}.", report.drift_before)),
    }
    if !report.left.is_empty() {
        line(&mut out, "");
        list(&mut out, "What is left", ledger, &report.left, report.more_left);
    }
    out
}

fn differences(out: &mut String, report: &Report) {
    line(out, &plural(report.drift_before, "difference"));
    let rows = Class::ALL.iter().filter_map(|class| {
        let count = report.counts.get(class).filter(|count| **count > 0)?;
        Some(vec![class.as_str().to_owned(), count.to_string(), class.meaning().to_owned()])
    });
    table(out, &rows.collect::<Vec<_>>());
    line(out, "");
}

fn patterns(out: &mut String, report: &Report) {
    if report.patterns.is_empty() && report.note.is_none() {
        return;
    }
    line(out, "What they have in common");
    let sentences = report.patterns.iter().map(|one| &one.sentence).chain(&report.note);
    sentences.for_each(|one| line(out, &format!("  {one}")));
    line(out, "");
}

fn list(out: &mut String, title: &str, ledger: &str, orders: &[OrderFindings], more: u64) {
    line(out, title);
    let head = ["order", "document", "difference", "Shopify", ledger, "why"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for order in orders {
        for (rank, one) in order.findings.iter().enumerate() {
            let name = [&order.name, &order.order_id].into_iter().find(|name| !name.is_empty());
            let name = name.map_or_else(|| "no order".to_owned(), Clone::clone);
            let field = one.field.map(|field| format!(" {}", field.as_str())).unwrap_or_default();
            rows.push(vec![
                if rank == 0 { name } else { String::new() },
                one.document(),
                format!("{}{field}", one.class.as_str()),
                one.shopify_value.clone(),
                one.ledger_value.clone(),
                one.cause.clone(),
            ]);
        }
    }
    table(out, &rows);
    if more > 0 {
        line(out, &format!("  and {more} more order{}", if more == 1 { "" } else { "s" }));
    }
    line(out, "");
}

fn plan(out: &mut String, report: &Report) {
    line(out, if report.drift_after.is_some() { "What was to be done" } else { "What is to be done" });
    let rows = Repair::ALL.iter().filter_map(|repair| {
        let count = report.plan.get(repair).filter(|count| **count > 0)?;
        Some(vec![repair.as_str().to_owned(), count.to_string(), repair.meaning().to_owned()])
    });
    table(out, &rows.collect::<Vec<_>>());
    // What a hold waits for is said once, however many orders it keeps back.
    let findings = report.orders.iter().flat_map(|order| &order.findings);
    let held: BTreeSet<&str> = findings.filter_map(|one| one.cause.strip_prefix("held: ")).collect();
    for reason in HoldReason::ALL.iter().filter(|reason| held.contains(reason.code())) {
        line(out, &format!("  {}: {} {}", reason.code(), reason.meaning(), reason.remedy()));
    }
    line(out, "");
}

/// Of somebody else's books, what a person does in the ledger, document by document.
fn remedies(out: &mut String, report: &Report) {
    let of_order = |order: &OrderFindings| {
        let name = if order.name.is_empty() { "no order".to_owned() } else { order.name.clone() };
        let remedies = order.findings.iter().filter_map(|one| one.remedy(&report.ledger));
        remedies.map(|remedy| vec![name.clone(), remedy]).collect::<Vec<_>>()
    };
    let rows: Vec<Vec<String>> = report.orders.iter().flat_map(of_order).collect();
    if report.audit && !rows.is_empty() {
        line(out, &format!("By hand in {}: what another integration entered is not ours to change", report.ledger));
        table(out, &rows);
        line(out, "");
    }
}

/// Rows of aligned columns; the last one may be as long as it is.
fn table(out: &mut String, rows: &[Vec<String>]) {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().enumerate().map(|(at, cell)| fit(cell, at + 1 < row.len())).collect())
        .collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or_default()).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        line(out, &format!("  {}", cells.collect::<Vec<_>>().join("  ")));
    }
}

/// A cell: nothing in it steers a terminal, and it is no wider than a column may be.
fn fit(cell: &str, is_limited: bool) -> String {
    let plain: String = cell.chars().map(|one| if one.is_control() { ' ' } else { one }).collect();
    if is_limited && plain.chars().count() > WIDEST {
        return plain.chars().take(WIDEST - 1).chain(['…']).collect();
    }
    plain
}

fn line(out: &mut String, text: &str) {
    // Writing into a text cannot fail.
    let _ = writeln!(out, "{}", text.trim_end());
}

fn plural(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::books::document::DocumentKey;
    use crate::reconcile::Field;

    fn finding(
        class: Class,
        number: &str,
        field: Option<Field>,
        values: [&str; 2],
        cause: &str,
        repair: Repair,
    ) -> Finding {
        let [shopify_value, ledger_value] = values.map(str::to_owned);
        Finding {
            class,
            document_key: Some(DocumentKey::sale()),
            ledger_id: None,
            number: number.into(),
            field,
            shopify_value,
            ledger_value,
            cause: cause.into(),
            repair,
        }
    }

    fn report() -> Report {
        Report {
            id: "1".into(),
            connection: "main".into(),
            ledger: "Xero".into(),
            from: "2026-11-01".into(),
            to: "2026-11-07".into(),
            audit: false,
            unfinished: None,
            shopify_count: 400,
            ledger_count: 811,
            counts: BTreeMap::new(),
            orders: Vec::new(),
            more_orders: 0,
            recognised: Vec::new(),
            patterns: Vec::new(),
            note: None,
            plan: BTreeMap::new(),
            drift_before: 0,
            drift_after: None,
            left: Vec::new(),
            more_left: 0,
        }
    }

    #[test]
    fn a_clean_report_says_that_both_sides_agree() {
        let says = "Reconciliation of main: Shopify and Xero, 2026-11-01 to 2026-11-07\n400 orders in Shopify, 811 documents \
                    in Xero.\n\nBoth sides agree: no difference.\nDrift: 0.\n";
        assert_eq!(text(&report()), says);
    }

    #[test]
    fn a_report_is_read_from_the_whole_to_the_single_order_and_ends_with_what_is_to_be_done() {
        let mut report = report();
        let missing = |number: &str, cause: &str, repair: Repair| {
            finding(Class::Missing, number, None, ["26.00 USD", "nothing"], cause, repair)
        };
        let total = finding(
            Class::Wrong,
            "S-1002\u{1b}[2J",
            Some(Field::Total),
            ["10.00 USD", "11.00 USD"],
            "changed in Xero by hand after it was posted",
            Repair::Correct,
        );
        report.add("1", "#1001", vec![missing("S-1001", "deleted in Xero by hand", Repair::Post)], 3);
        report.add("2", "#1002", vec![missing("S-1002", "never posted", Repair::Post), total], 3);
        report.add("3", "#1003", vec![missing("S-1003", "held: tax_unmapped", Repair::Ask)], 3);
        report.add("4", "#1004", vec![missing("S-1004", "never posted", Repair::Post)], 3);
        report.add("5", "#1005", Vec::new(), 3);
        report.patterns.push(Pattern {
            features: vec!["emoji".into()],
            bad_with: 3,
            bad_total: 3,
            all_with: 4,
            all_total: 400,
            sentence: "3 of 3 missing orders are with an emoji in a text; 1 % of all orders are.".into(),
        });
        report.drift_after = Some(1);
        let held = vec![missing("S-1003", "held: tax_unmapped", Repair::Ask)];
        report.left.push(OrderFindings { order_id: "3".into(), name: "#1003".into(), findings: held });
        let hold = HoldReason::TaxUnmapped;
        let says = format!(
            "\
Reconciliation of main: Shopify and Xero, 2026-11-01 to 2026-11-07
400 orders in Shopify, 811 documents in Xero.

5 differences
  missing  4  ought to stand in the ledger and does not
  wrong    1  stands, and says something else than it ought to

What they have in common
  3 of 3 missing orders are with an emoji in a text; 1 % of all orders are.

Order by order
  order  document    difference   Shopify    Xero       why
  #1001  S-1001      missing      26.00 USD  nothing    deleted in Xero by hand
  #1002  S-1002      missing      26.00 USD  nothing    never posted
         S-1002 [2J  wrong total  10.00 USD  11.00 USD  changed in Xero by hand after it was posted
  #1003  S-1003      missing      26.00 USD  nothing    held: tax_unmapped
  and 1 more order

What was to be done
  post     3  post what is missing
  correct  1  write the document again as it was booked
  ask      1  a person decides: open the order and the document, and settle which of the two is right
  tax_unmapped: {} {}

Drift: 5 before the repair, 1 after it.

What is left
  order  document  difference  Shopify    Xero     why
  #1003  S-1003    missing     26.00 USD  nothing  held: tax_unmapped

",
            hold.meaning(),
            hold.remedy()
        );
        assert_eq!(text(&report), says);
    }
}
