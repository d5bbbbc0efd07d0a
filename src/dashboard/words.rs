//! How figures and instants are said to people.

use chrono::{DateTime, Utc};

use crate::platform::time::parse_iso;

/// How far an instant is from now: "3 hours ago", "in 2 days". Text that is no instant stays as it is.
pub fn distance(at: &str, now: DateTime<Utc>) -> String {
    let Some(instant) = parse_iso(at) else { return at.to_owned() };
    let minutes = (instant - now).num_minutes();
    let (size, unit) = match minutes.abs() {
        0 => return "just now".into(),
        size @ 1..120 => (size, "minute"),
        size @ 120..2_880 => (size / 60, "hour"),
        size => (size / 1_440, "day"),
    };
    let plural = if size == 1 { "" } else { "s" };
    if minutes < 0 { format!("{size} {unit}{plural} ago") } else { format!("in {size} {unit}{plural}") }
}

/// One thing that is known, under its name.
pub struct Fact {
    /// What it is.
    pub name: &'static str,
    /// What is known.
    pub text: String,
    /// The instant behind the text, where it is one.
    pub at: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_said_in_the_unit_that_fits() {
        let now = parse_iso("2026-11-02T09:00:00.000Z").unwrap();
        for (at, said) in [
            ("2026-11-02T09:00:20.000Z", "just now"),
            ("2026-11-02T08:59:00.000Z", "1 minute ago"),
            ("2026-11-02T07:00:00.000Z", "2 hours ago"),
            ("2026-11-02T10:30:00.000Z", "in 90 minutes"),
            ("2031-11-01T09:00:00.000Z", "in 1825 days"),
            ("never", "never"),
        ] {
            assert_eq!(distance(at, now), said);
        }
    }
}
