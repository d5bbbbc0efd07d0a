//! Who is let in: deliveries that the shop's own secret signed, and people who know the admin secret. Decides; does no
//! I/O. Verification comes before any parsing, and every comparison of secrets takes constant time.

pub mod admin;
pub mod webhook;

pub use webhook::{Admission, MOST_BYTES, admit};
