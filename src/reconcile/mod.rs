//! Both sides held against each other, record by record: what an order calls for, what was written of it, what the ledger
//! lists. Differences are classified, what they have in common is found, and each says what is to be done.
//!
//! Everything here is a pure function of plain data: no clock, no I/O, no database.

pub mod compare;
pub mod expectation;
pub mod features;
pub mod run;

pub use compare::{Case, Class, Field, Finding, Repair, Written, compare};
pub use expectation::{Calls, Expectation, Expected};
pub use features::Features;
