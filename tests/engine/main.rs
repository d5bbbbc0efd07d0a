//! The engine against both ledgers, natively: the promises of the design as a specification.

#[path = "../support/mod.rs"]
mod support;

mod arrival;
mod backfill;
mod batches;
mod bulk;
mod changed_settings;
mod claims;
mod connect;
mod cutover;
mod drift;
mod edits;
mod exchange;
mod faults;
mod fetched;
mod given_back;
mod healing;
mod holds;
mod large;
mod left_out;
mod limits;
mod listing;
mod logging;
mod moved;
mod news;
mod notes;
mod notices;
mod obstacles;
#[path = "../simulation/person.rs"]
mod person;
mod preflight;
mod preflight_shop;
mod preview;
mod privacy;
mod proofs;
mod quiet;
mod retention;
mod shopify;
mod siblings;
mod stories;
mod tax_codes;
mod tax_differs;
mod tax_rates;
mod tokens;
mod unverified;
mod verdict;
mod waiting;
mod watch;

use support::{Bench, Company, Story};

fn told(company: Company, story: &Story) -> Bench {
    let bench = Bench::with(company, story.settings(company));
    bench.tell(story);
    bench.run();
    bench
}
