//! Both sides held against each other, record by record: what an order calls for, what was written of it, what the
//! ledger lists. Differences are classified, what they have in common is found, and each says what is to be done.
//!
//! Everything here is a pure function of plain data: no clock, no I/O, no database.

pub mod compare;
#[cfg(test)]
mod compare_tests;
pub mod diagnosis;
pub mod expectation;
pub mod features;
pub mod finding;
pub mod foreign;
#[cfg(test)]
mod foreign_tests;
pub mod matching;
#[cfg(test)]
mod matching_tests;
pub mod naming;
#[cfg(test)]
mod planted_tests;
pub mod report;
pub mod run;
#[cfg(test)]
mod samples;
mod slots;
mod words;

pub use compare::{Case, Written, compare};
pub use diagnosis::{Pattern, Tally};
pub use expectation::{Calls, Expectation, Expected};
pub use features::Features;
pub use finding::{Class, Field, Finding, Repair};
pub use foreign::{Rival, Theirs, compare_foreign};
pub use matching::{By, DocumentId, Match, Reach, Wanted};
pub use naming::{Naming, Ways};
pub use report::{OrderFindings, Report, text};
