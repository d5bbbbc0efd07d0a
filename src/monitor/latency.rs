//! How long events take from their arrival until the ledger has them, counted in classes, so that days can be added up.

use serde::{Deserialize, Serialize};

/// The upper ends of the classes, in milliseconds; beyond the last one is one more class.
pub const BOUNDS: [i64; 14] = [
    250, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 30_000, 60_000, 300_000, 1_800_000, 3_600_000, 21_600_000, 86_400_000,
];

/// The number of classes.
pub const CLASSES: usize = BOUNDS.len() + 1;

/// How many events took how long.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Latency {
    /// Events per class; shorter lists mean that the classes beyond are empty.
    pub classes: Vec<i64>,
    /// The longest, in milliseconds.
    pub max_ms: i64,
}

impl Latency {
    /// Adds `events` of a class.
    pub fn add(&mut self, class: usize, events: i64, max_ms: i64) {
        let class = class.min(CLASSES - 1);
        if self.classes.len() <= class {
            self.classes.resize(class + 1, 0);
        }
        self.classes[class] += events;
        self.max_ms = self.max_ms.max(max_ms);
    }

    /// Adds another count.
    pub fn add_all(&mut self, other: &Self) {
        for (class, events) in other.classes.iter().enumerate().filter(|(_, events)| **events > 0) {
            self.add(class, *events, 0);
        }
        self.max_ms = self.max_ms.max(other.max_ms);
    }

    /// How many events were counted.
    pub fn events(&self) -> i64 {
        self.classes.iter().sum()
    }

    /// Within how many milliseconds so many in a hundred events were through: the upper end of their class, and never more
    /// than the longest. Nothing without events.
    pub fn within(&self, percent: i64) -> Option<i64> {
        let wanted = (self.events() * percent + 99) / 100;
        let mut counted = 0;
        for (class, events) in self.classes.iter().enumerate() {
            counted += events;
            if *events > 0 && counted >= wanted {
                return Some(BOUNDS.get(class).map_or(self.max_ms, |bound| self.max_ms.min(*bound)));
            }
        }
        None
    }
}

/// SQL that gives the class of `column`, milliseconds.
pub fn class_of(column: &str) -> String {
    let arms: Vec<String> =
        BOUNDS.iter().enumerate().map(|(class, bound)| format!("WHEN {column} <= {bound} THEN {class}")).collect();
    format!("CASE {} ELSE {} END", arms.join(" "), BOUNDS.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_in_a_hundred_are_through_within_the_end_of_their_class() {
        let mut latency = Latency::default();
        assert_eq!(latency.within(50), None);
        latency.add(1, 95, 480);
        latency.add(5, 4, 4_100);
        latency.add(14, 1, 90_000_000);
        assert_eq!(
            [50, 95, 96, 99, 100].map(|percent| latency.within(percent).unwrap()),
            [500, 500, 5_000, 5_000, 90_000_000]
        );
    }

    #[test]
    fn nothing_is_said_to_take_longer_than_the_longest() {
        let mut latency = Latency::default();
        latency.add(3, 10, 1_200);
        assert_eq!(latency.within(95), Some(1_200));
    }

    #[test]
    fn days_are_added_up_class_by_class() {
        let (mut one, mut other) = (Latency::default(), Latency::default());
        one.add(0, 3, 200);
        other.add(7, 1, 12_000);
        one.add_all(&other);
        assert_eq!((one.events(), one.max_ms, one.within(100)), (4, 12_000, Some(12_000)));
    }
}
