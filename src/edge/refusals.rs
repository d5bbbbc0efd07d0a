//! Deliveries that were turned away, counted per isolate and minute and written to D1 after the response: never through
//! a books' object, which a flood must not reach.

use std::cell::RefCell;
use std::collections::BTreeMap;

use worker::{Context, Env};

use super::clock::RuntimeClock;
use super::journal::D1Journal;
use crate::journal::migrate;
use crate::platform::{Clock, Journal, Statement};

/// Distinct shops that are told apart in one minute; the name comes from whoever sends, so it must not grow.
const SHOPS: usize = 20;

thread_local! {
    static COUNTS: RefCell<BTreeMap<(String, String, &'static str), i64>> = const { RefCell::new(BTreeMap::new()) };
}

/// Counts a refusal. The first of a minute is written at once, with what earlier minutes left.
pub fn count(env: &Env, context: &Context, shop: &str, kind: &'static str) {
    let minute = RuntimeClock.now().format("%Y-%m-%dT%H:%M:00Z").to_string();
    let known = shop.ends_with(".myshopify.com") && shop.len() <= 100 && shop.is_ascii();
    let ready = COUNTS.with_borrow_mut(|counts| {
        let first_of_minute = !counts.keys().any(|(at, ..)| *at == minute);
        let shop = if known && counts.len() < SHOPS { shop } else { "(other)" };
        *counts.entry((minute.clone(), shop.to_owned(), kind)).or_insert(0) += 1;
        if first_of_minute { std::mem::take(counts) } else { BTreeMap::new() }
    });
    if ready.is_empty() {
        return;
    }
    // An empty entry keeps the minute known, so that the next refusal of this minute waits.
    COUNTS.with_borrow_mut(|counts| counts.insert((minute, "(other)".into(), kind), 0));
    let journal = D1Journal::new(env);
    context.wait_until(async move {
        let rows = ready.into_iter().filter(|(_, count)| *count > 0).map(|((minute, shop, kind), count)| Statement {
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
