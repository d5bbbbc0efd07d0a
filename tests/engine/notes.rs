//! What was changed or derived is written down for each document, as it stands in the document that was written.

use serde_json::json;

use crate::support::{Bench, Company, Story};

/// A story whose lines have a control character in their text, behind `word` and the place of the line.
fn belled(name: &str, word: impl Fn(usize) -> &'static str) -> Story {
    let mut story = Story::read(name);
    let mut orders = 0;
    for (_, body) in &mut story.deliveries {
        let lines = body["line_items"].as_array_mut().into_iter().flatten();
        let mut any = false;
        for (at, line) in lines.enumerate() {
            let text = json!(format!("{}{at}\u{7}", word(orders)));
            (line["title"], line["name"]) = (text.clone(), text);
            any = true;
        }
        orders += usize::from(any);
        // A refund says again what was sold.
        for (at, line) in body["refund_line_items"].as_array_mut().into_iter().flatten().enumerate() {
            let text = json!(format!("{}{at}\u{7}", word(0)));
            (line["line_item"]["title"], line["line_item"]["name"]) = (text.clone(), text);
        }
    }
    story
}

/// Tells a story, and lets the books get quiet after every delivery.
fn slowly(company: Company, story: &Story) -> Bench {
    let bench = Bench::with(company, story.settings(company));
    bench.set_the_stage(story);
    for (topic, body) in &story.deliveries {
        bench.deliver(topic, body);
        bench.run();
    }
    bench
}

const OF_TEXTS: &str = "SELECT document_key, field, after FROM adjustments WHERE rule = 'control_characters'";

/// Document, field and what it became.
fn of_texts(rows: &[std::collections::BTreeMap<String, String>]) -> Vec<(&str, &str, &str)> {
    let mut all: Vec<_> = rows.iter().map(|row| (&*row["document_key"], &*row["field"], &*row["after"])).collect();
    all.sort_unstable();
    all
}

#[test]
fn each_line_that_comes_back_has_notes_of_its_own() {
    let story = belled("refund_in_two_parts", |_| "Item ");
    for company in Company::ALL {
        let bench = slowly(company, &story);
        let rows = bench.rows(&format!("{OF_TEXTS} AND document_key LIKE 'credit:%'"));
        let mut lines: Vec<&str> = of_texts(&rows).into_iter().map(|(_, field, _)| field).collect();
        lines.dedup();
        assert!(lines.len() >= 2 && lines.iter().all(|line| line.starts_with("line:")), "{company:?}: {rows:?}");
        assert_eq!(of_texts(&bench.journal(&format!("{OF_TEXTS} AND document_key LIKE 'credit:%'"))), of_texts(&rows));
    }
}

#[test]
fn a_document_that_is_written_anew_has_the_notes_of_its_new_content() {
    let story = belled("edited_while_unpaid", |order| ["First ", "Second ", "Third "][order]);
    for company in Company::ALL {
        let bench = slowly(company, &story);
        let first = ("sale", "line_items[0].name", "Third 0");
        assert_eq!(of_texts(&bench.rows(OF_TEXTS)), [first, ("sale", "line_items[1].name", "Third 1")], "{company:?}");
        // The journal has them all, the newest last.
        let rows = bench.journal(&format!("{OF_TEXTS} AND field = 'line_items[0].name' ORDER BY at, seq"));
        let after: Vec<&str> = rows.iter().map(|row| &*row["after"]).collect();
        assert_eq!(after, ["First 0", "Second 0", "Third 0"], "{company:?}");
    }
}

#[test]
fn what_an_edit_adds_to_a_final_sale_is_noted_with_the_adjustment_once() {
    let mut story = belled("added_after_payment", |order| if order == 0 { "First " } else { "Second " });
    // Once more, later, and the same.
    let (topic, mut again) = story.deliveries.last().cloned().unwrap();
    again["updated_at"] = json!("2026-11-05T09:00:00-05:00");
    story.deliveries.push((topic.clone(), again));
    for company in Company::ALL {
        let bench = slowly(company, &story);
        let rows = bench.rows(OF_TEXTS);
        let wanted = [
            ("adjustment:1", "line_items[0].name", "Second 0"),
            ("adjustment:1", "line_items[1].name", "Second 1"),
            ("sale", "line_items[0].name", "First 0"),
        ];
        assert_eq!(of_texts(&rows), wanted, "{company:?}");
        assert_eq!(of_texts(&bench.journal(OF_TEXTS)), wanted, "{company:?}: each once");
    }
}

#[test]
fn what_is_not_true_of_a_document_any_more_goes_when_it_is_written_anew() {
    let mut story = belled("edited_while_unpaid", |_| "Item ");
    // The last edit gives the goods another name.
    for (_, body) in story.deliveries.iter_mut().skip(3) {
        for line in body["line_items"].as_array_mut().into_iter().flatten() {
            (line["title"], line["name"]) = (json!("Plain"), json!("Plain"));
        }
    }
    for company in Company::ALL {
        let bench = slowly(company, &story);
        assert_eq!(of_texts(&bench.rows(OF_TEXTS)), [], "{company:?}");
        let last = bench.journal(&format!("{OF_TEXTS} AND field = 'line_items[0].name' ORDER BY seq DESC LIMIT 1"));
        assert_eq!(of_texts(&last), [("sale", "line_items[0].name", "")], "{company:?}");
    }
}

/// Its tax is a guess then, which somebody may want to look at.
#[test]
fn that_a_refund_may_be_for_one_of_several_exchanges_is_written_down() {
    let mut story = Story::read("exchanged_twice_at_different_rates");
    // Of the two refunds that give back what was cheaper only the second one comes.
    let (topic, mut last) = story.deliveries.pop().unwrap();
    last["refunds"].as_array_mut().unwrap().retain(|refund| refund["transactions"][0]["amount"] != "30.00");
    last["total_outstanding"] = json!("-30.00");
    story.deliveries.truncate(2);
    story.deliveries.push((topic, last));
    for company in [Company::QuickBooksUk, Company::XeroUk] {
        let bench = slowly(company, &story);
        assert_eq!(bench.state(&story.order_id()).0, "synced", "{:?}", bench.rows("SELECT detail FROM orders"));
        let rows = bench.rows("SELECT rule, after FROM adjustments WHERE field = 'transactions'");
        let found: Vec<(&str, &str)> = rows.iter().map(|row| (row["rule"].as_str(), row["after"].as_str())).collect();
        let [(rule, after)] = found[..] else { panic!("{company:?}: {found:?}") };
        assert_eq!(rule, "refund_of_several_exchanges", "{company:?}");
        assert!(after.contains("at 20 %") && after.contains("at 5 %"), "{company:?}: {after}");
    }
}

/// The buyer stays as they were booked, and so does what was changed of their name.
#[test]
fn what_was_changed_of_a_buyers_name_stays_noted_when_their_invoice_is_written_anew() {
    let mut story = Story::read("edited_while_unpaid");
    for (_, body) in &mut story.deliveries {
        for owner in ["customer", "billing_address", "shipping_address"] {
            if body[owner].is_object() {
                body[owner]["first_name"] = json!("Ja\u{7}ne");
            }
        }
    }
    for company in Company::ALL {
        let bench = slowly(company, &story);
        assert!(bench.rows("SELECT 1 AS n FROM writes WHERE operation = 'update'").len() > 1, "{company:?}");
        let rows = bench.rows("SELECT field FROM adjustments WHERE field LIKE 'customer.%'");
        assert!(!rows.is_empty(), "{company:?}");
        let taken_back = bench.journal("SELECT field FROM adjustments WHERE field LIKE 'customer.%' AND after = ''");
        assert_eq!(taken_back, [], "{company:?}");
    }
}
