//! Both sides compared, against both ledgers: what we posted differs in nothing; what was planted is found, all of it and
//! nothing else; what is missing is posted.

#[path = "../support/mod.rs"]
mod support;

mod audit;
mod bookkeeper;
mod by_hand;
mod cancelled;
mod foreign;
mod held;
mod lost;
mod numbered;
mod planted;
mod scheduled;

use serde_json::json;

use support::reconcile::in_short;
use support::{Bench, Company, Story, connected, happened, one_in};

fn told(company: Company, story: &Story) -> Bench {
    let bench = Bench::with(company, story.settings(company));
    bench.tell(story);
    bench.run();
    bench
}

/// Compares, and says what differs where the order is not held: what is held is missing, and says so.
fn differences(bench: &Bench) -> Vec<String> {
    let view = bench.compare(&json!({}));
    assert_eq!(view.state, "done");
    let held = !bench.rows("SELECT 1 FROM orders WHERE state = 'held'").is_empty();
    for one in view.findings.iter().filter(|_| held) {
        assert!(one.finding.cause.contains("held"), "{one:?}");
    }
    if held { Vec::new() } else { in_short(&view) }
}

#[test]
fn a_shop_that_we_posted_differs_in_nothing() {
    let mut asked = one_in(7);
    for story in Story::all() {
        for &company in &story.companies {
            if asked() {
                let bench = told(company, &story);
                assert_eq!(differences(&bench), Vec::<String>::new(), "{} in {company:?}", story.name);
            }
        }
    }
}

#[test]
fn nor_does_it_where_shopify_itself_is_asked() {
    let mut asked = one_in(11);
    for story in Story::all() {
        for &company in &story.companies {
            if asked() {
                let bench = connected(company, story.settings(company));
                happened(&bench, &story);
                bench.tell(&story);
                bench.run();
                assert_eq!(differences(&bench), Vec::<String>::new(), "{} in {company:?}", story.name);
            }
        }
    }
}
