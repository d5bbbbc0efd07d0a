//! Who is let in: deliveries that the shop's own secret signed, and people who know the admin secret; and what every
//! answer says to browsers. Decides; does no I/O. Verification comes before any parsing, and every comparison of secrets
//! takes constant time.

pub mod admin;
pub mod headers;
pub mod refusals;
pub mod webhook;

pub use refusals::Refusals;
pub use webhook::{Admission, MOST_BYTES, admit};
