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
