//! Thousands of orders due at once (ten thousand in thorough runs): every turn keeps within the platform's bounds of memory, calls and time.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::Duration;
use serde_json::json;
use support::{Bench, Company, Story, thorough};
use tillproof::platform::Clock;

/// Counts what is in use, and the most that was.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

#[allow(unsafe_code)] // The only way to see what is allocated; everything is handed on to the system as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = IN_USE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(now, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The platform gives an object 128 MB, the code itself included.
const MEMORY: usize = 64 << 20;
/// The smallest plan allows 50 subrequests; a turn takes at most 40, the journal's 21 among them.
const CALLS: u64 = 19;

fn order(number: u64) -> serde_json::Value {
    let mut body = Story::read("net_terms").deliveries[0].1.clone();
    body["id"] = json!(5_700_000_000_000 + number);
    body["name"] = json!(format!("#{number}"));
    body
}

fn calls(bench: &Bench) -> u64 {
    bench.world.borrow().calls().values().sum()
}

#[test]
fn thousands_of_due_orders_are_worked_off_in_turns_of_bounded_memory_calls_and_length() {
    let company = Company::QuickBooksUs;
    let bench = Bench::new(company);
    let (due, enough) = if thorough() { (10_000, 1_500) } else { (2_000, 400) };
    bench.deliver_all("orders/create", (1..=due).map(order));
    let orders = bench.rows("SELECT COUNT(*) AS due FROM orders WHERE due_at IS NOT NULL");
    assert_eq!(orders[0]["due"], due.to_string());
    let mut turns = 0;
    let mut synced = 0;
    while synced < enough {
        turns += 1;
        assert!(turns < 60, "{synced} orders after {turns} turns");
        let due = bench.alarm.0.borrow_mut().take().expect("orders are due");
        bench.clock.advance((due - bench.clock.now()).max(Duration::zero()));
        let (began, called, before) = (bench.clock.now(), calls(&bench), IN_USE.load(Ordering::Relaxed));
        MOST.store(before, Ordering::Relaxed);
        bench.turn();
        let memory = MOST.load(Ordering::Relaxed).saturating_sub(before);
        assert!(memory < MEMORY, "turn {turns}: {memory} bytes");
        assert!(calls(&bench) - called <= CALLS, "turn {turns}: {} calls", calls(&bench) - called);
        assert!(bench.clock.now() - began < Duration::seconds(60), "turn {turns}: {}", bench.clock.now() - began);
        let done = bench.rows("SELECT 1 FROM orders WHERE state = 'synced'").len();
        assert!(done - synced <= 150, "turn {turns}: {} orders", done - synced);
        synced = done;
    }
    println!("{turns} turns for {synced} of {due} orders");
}
