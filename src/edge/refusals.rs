//! Deliveries that were turned away, counted per isolate and minute and written to D1 a moment after the response: never
//! through a books' object, which a flood must not reach, and together, so that a flood is a few rows.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use worker::{Context, Delay, Env};

use super::clock::RuntimeClock;
use super::journal::D1Journal;
use crate::journal::migrate;
use crate::platform::{Clock, Journal, Statement};

/// Distinct shops that are told apart in one minute; the name comes from whoever sends, so it must not grow.
const SHOPS: usize = 20;

thread_local! {
    /// What waits to be written, by minute, shop and kind. While anything does, somebody is about to write it.
    static COUNTS: RefCell<BTreeMap<(String, String, &'static str), i64>> = const { RefCell::new(BTreeMap::new()) };
}

/// How long counts are gathered. The platform lets work go on for 30 seconds after a response.
const GATHER: Duration = Duration::from_secs(5);

/// Counts a refusal. The first one that finds nothing waiting writes down what has gathered a moment later.
pub fn count(env: &Env, context: &Context, shop: &str, kind: &'static str) {
    let minute = RuntimeClock.now().format("%Y-%m-%dT%H:%M:00Z").to_string();
    let known = shop.ends_with(".myshopify.com") && shop.len() <= 100 && shop.is_ascii();
    let first = COUNTS.with_borrow_mut(|counts| {
        let first = counts.is_empty();
        let shop = if known && counts.len() < SHOPS { shop } else { "(other)" };
        *counts.entry((minute, shop.to_owned(), kind)).or_insert(0) += 1;
        first
    });
    if !first {
        return;
    }
    let journal = D1Journal::new(env);
    context.wait_until(async move {
        Delay::from(GATHER).await;
        let gathered = COUNTS.with_borrow_mut(std::mem::take);
        let rows = gathered.into_iter().map(|((minute, shop, kind), count)| Statement {
            sql: "INSERT INTO refusals (minute, shop, kind, count) VALUES (?, ?, ?, ?)
                  ON CONFLICT (minute, shop, kind) DO UPDATE SET count = count + excluded.count"
                .into(),
            params: vec![minute.into(), shop.into(), kind.into(), count.into()],
        });
        let rows: Vec<Statement> = rows.collect();
        if migrate(&journal).await.is_ok() {
            // Counting is a courtesy: a failure here must not become one of its own.
            let _ = journal.apply(rows).await;
        }
    });
}
