//! How it stands, in figures: how many events reached the ledger and how fast, what waits and what is held, how far both
//! sides differ, what the ledger still allows. Page, JSON, metrics and alerts all take them from here. Reads the journal
//! and what the books say of themselves; changes nothing but its own roll-ups. Imports from `posting`, `journal` and below.

pub mod csv;
mod days;
mod figures;
mod latency;
mod lists;
mod metrics;
mod prune;
mod rates;
mod search;
mod told;
mod verdict;
mod watch;

pub use days::keep_days;
pub use figures::{Alert, Drift, Figures, Ledger, OfConnection, OfDay, Refused, gather};
pub use latency::Latency;
pub use lists::{CALLS, List, alerts, attempts, discrepancies, of_order, reconciliations};
pub use metrics::metrics;
pub use prune::prune;
pub use rates::{Rates, TARGET};
pub use search::{Found, Listed, Place, Search, part, search};
pub use told::Told;
pub use verdict::{Level, Verdict, verdict};
pub use watch::{Condition, KINDS as ALERT_KINDS, OBJECT as WATCH_OBJECT, Ticked, Watch, conditions};

#[cfg(test)]
mod tests;
