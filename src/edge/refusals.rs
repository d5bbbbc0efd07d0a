//! Deliveries that were turned away, counted per isolate and written to D1 a moment after the response: never through a books'
//! object, which a flood must not reach, and together, so that a flood is a few rows.

use std::cell::RefCell;
use std::time::Duration;

use worker::{Context, Delay, Env};

use super::clock::RuntimeClock;
use super::journal::D1Journal;
use crate::config::Connection;
use crate::journal::migrate;
use crate::platform::{Clock, Journal};
use crate::reception::Refusals;

thread_local! {
    /// While anything waits here, somebody is about to write it.
    static WAITING: RefCell<Refusals> = const { RefCell::new(Refusals::new()) };
}

/// How long counts are gathered. The platform lets work go on for 30 seconds after a response.
const GATHER: Duration = Duration::from_secs(5);

/// Counts a refusal. The first one that finds nothing waiting writes down what has gathered a moment later.
pub fn count(env: &Env, context: &Context, all: &[Connection], shop: &str, kind: &'static str) {
    let minute = RuntimeClock.now().format("%Y-%m-%dT%H:%M:00Z").to_string();
    if !WAITING.with_borrow_mut(|waiting| waiting.count(all, minute, shop, kind)) {
        return;
    }
    let journal = D1Journal::new(env);
    context.wait_until(async move {
        Delay::from(GATHER).await;
        let rows = WAITING.with_borrow_mut(Refusals::take);
        if migrate(&journal).await.is_ok() {
            // Counting is a courtesy: a failure here must not become one of its own.
            let _ = journal.apply(rows).await;
        }
    });
}
