//! What holds for every order, and for everything that could arrive in its place: random lives of orders that obey
//! Shopify's own arithmetic, told to every company; and random damage to real-shaped bodies.
//!
//! `PROPTEST_CASES` says how many cases are drawn of each property (`make properties`: a hundred thousand). Two kinds see
//! less of them: lives that are posted in full, through the books into the stand-ins, a hundredth (sales a two-hundredth),
//! and stories with damaged bodies, posted in full too, a fortieth. Which cases are drawn is the same in every run; `SEED=n`
//! draws others.

#[path = "../support/orders/mod.rs"]
mod orders;
#[path = "../support/mod.rs"]
mod support;

mod books;
mod cents;
mod damage;
mod identities;
mod lessons;
mod models;
mod paper;

use proptest::test_runner::{Config, RngSeed};

/// How many cases: `ordinary` of them, or as many as the environment asks for, divided by `share`.
fn cases(ordinary: u32, share: u32) -> Config {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let wanted = number("PROPTEST_CASES").and_then(|cases| u32::try_from(cases).ok());
    Config {
        cases: wanted.map_or(ordinary, |cases| cases.div_ceil(share)),
        rng_seed: RngSeed::Fixed(number("SEED").unwrap_or(1)),
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    }
}
