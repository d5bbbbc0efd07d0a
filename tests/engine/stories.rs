//! What becomes of single stories; tests/fixtures.rs tells them all.

use crate::support::{Bench, Company, Story};

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
