//! Every story in every ledger.

use crate::support::{Bench, Company, Story};
use crate::told;

#[test]
fn every_story_ends_proven_or_ignored_by_a_rule_in_every_ledger() {
    for company in Company::ALL {
        for story in Story::all() {
            let bench = told(company, &story);
            let (state, reason) = bench.state(&story.order_id());
            let expected = match story.name.as_str() {
                "zero_total" => ("ignored", "zero_total"),
                "cancelled_unpaid" => ("ignored", "cancelled_before_posting"),
                _ => ("synced", ""),
            };
            let detail = bench.rows("SELECT detail FROM orders");
            assert_eq!((state.as_str(), reason.as_str()), expected, "{} in {company:?}: {detail:?}", story.name);
            for document in bench.journal("SELECT * FROM documents") {
                assert_eq!(document["proof"], "exact", "{} in {company:?}: {document:?}", story.name);
                assert_eq!(document["expected_total"], document["ledger_total"]);
            }
            assert!(bench.journal("SELECT * FROM events WHERE outcome = 'pending'").is_empty(), "{}", story.name);
        }
    }
}

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
