//! What the promises let pass, and how often.

use std::cell::Cell;

/// Orders whose books are right without being the plain ones: told in the figures, so that nobody has to guess how many.
#[derive(Default)]
pub struct Allowed {
    /// A person released them, after a filter had refused them or they had been at work in several crashes.
    pub released: Cell<u64>,
    /// More documents than the plain ones, which together come to the same.
    pub rearranged: Cell<u64>,
    /// Converted amounts of which one document has a cent that another one lacks.
    pub odd_cents: Cell<u64>,
}

impl Allowed {
    pub fn count(one: &Cell<u64>) {
        one.set(one.get() + 1);
    }
}
