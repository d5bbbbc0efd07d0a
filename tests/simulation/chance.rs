//! Chance that repeats: everything random in a simulation comes from here, and here from one number, the seed.

use chrono::Duration;
use tillproof::platform::Random;
use tillproof::platform::native::SeededRandom;

/// Dice that fall the same way for the same seed.
pub struct Dice(SeededRandom);

impl Dice {
    /// Dice for one purpose: what is thrown for one does not change what is thrown for another.
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mixed = SeededRandom::new(seed ^ purpose.wrapping_mul(0xA076_1D64_78BD_642F));
        Self(SeededRandom::new(mixed.bits()))
    }

    /// A number from 0 to below `count`.
    pub fn below(&self, count: u64) -> u64 {
        self.0.bits() % count.max(1)
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&self, least: i64, most: i64) -> i64 {
        least + self.below(most.abs_diff(least) + 1).cast_signed()
    }

    /// True in so many of a hundred cases.
    pub fn percent(&self, cases: u64) -> bool {
        self.below(100) < cases
    }

    /// One of them.
    pub fn pick<'a, T>(&self, all: &'a [T]) -> &'a T {
        &all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }

    /// A while: milliseconds from `least` to `most`.
    pub fn millis(&self, least: i64, most: i64) -> Duration {
        Duration::milliseconds(self.between(least, most))
    }

    /// A while: seconds from `least` to `most`.
    pub fn seconds(&self, least: i64, most: i64) -> Duration {
        self.millis(least * 1000, most * 1000)
    }
}
