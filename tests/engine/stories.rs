//! What becomes of single stories; tests/fixtures.rs tells them all.

use serde_json::json;

use crate::support::{Bench, Company, Story};
use crate::told;

#[test]
fn an_unpaid_order_that_is_cancelled_after_posting_is_voided() {
    let story = Story::read("cancelled_unpaid");
    for company in Company::ALL {
        let bench = Bench::new(company);
        bench.deliver(&story.deliveries[0].0, &story.deliveries[0].1);
        bench.run();
        assert_eq!(bench.journal("SELECT state FROM documents")[0]["state"], "posted");
        bench.deliver(&story.deliveries[1].0, &story.deliveries[1].1);
        bench.run();
        let documents = bench.journal("SELECT state FROM documents");
        assert_eq!((documents.len(), documents[0]["state"].as_str()), (1, "voided"), "{company:?}");
        assert_eq!(bench.state(&story.order_id()).0, "synced");
    }
}

#[test]
fn what_is_taken_out_of_an_orders_name_is_written_down() {
    for company in Company::ALL {
        let mut story = Story::read("simple");
        for (_, body) in story.deliveries.iter_mut().filter(|(topic, _)| topic.starts_with("orders/")) {
            body["name"] = json!("#10\u{7}01");
        }
        let bench = told(company, &story);
        let rows = bench.rows("SELECT rule, after FROM adjustments WHERE field = 'name' AND document_key = 'sale'");
        let found: Vec<(&str, &str)> = rows.iter().map(|row| (row["rule"].as_str(), row["after"].as_str())).collect();
        assert!(found.contains(&("control_characters", "#1001")), "{company:?}: {found:?}");
        assert!(found.iter().any(|(rule, _)| *rule == "number_from_id"), "{company:?}: {found:?}");
    }
}

#[test]
fn what_a_marketplace_remits_of_duties_is_written_down() {
    for company in Company::ALL {
        let mut story = Story::read("duties_with_tax");
        for (_, body) in story.deliveries.iter_mut().filter(|(topic, _)| topic.starts_with("orders/")) {
            let lines = body["line_items"].as_array_mut().unwrap().iter_mut();
            let duties = lines.flat_map(|line| line["duties"].as_array_mut().into_iter().flatten());
            for tax in duties.flat_map(|duty| duty["tax_lines"].as_array_mut().into_iter().flatten()) {
                tax["channel_liable"] = json!(true);
            }
        }
        let bench = told(company, &story);
        assert_eq!(bench.state(&story.order_id()).0, "synced");
        let rows = bench.rows("SELECT field, after FROM adjustments WHERE rule = 'marketplace_tax'");
        let found: Vec<(&str, &str)> = rows.iter().map(|row| (row["field"].as_str(), row["after"].as_str())).collect();
        assert_eq!(found, [("marketplace_tax:duties", "3.80 USD")], "{company:?}");
    }
}

/// Each of them may or may not be part of the total.
#[test]
fn any_number_of_deliveries_may_have_been_removed() {
    for company in Company::ALL {
        let mut story = Story::read("simple");
        for (_, body) in story.deliveries.iter_mut().filter(|(topic, _)| topic.starts_with("orders/")) {
            let lines = body["shipping_lines"].as_array_mut().unwrap();
            let removed = |n: u64| {
                let mut line = lines[0].clone();
                (line["id"], line["is_removed"]) = (json!(n), json!(true));
                line
            };
            let mut removed: Vec<_> = (1..=40).map(removed).collect();
            lines.append(&mut removed);
        }
        let bench = told(company, &story);
        assert_eq!(bench.state(&story.order_id()).0, "synced", "{:?}", bench.rows("SELECT detail FROM orders"));
        let documents = bench.world.borrow().documents(company.id());
        assert_eq!(documents[0].total.to_string(), "65.76", "{company:?}");
    }
}
