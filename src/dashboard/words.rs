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

/// The time zone in which a shop's instants are told.
#[derive(Debug, Clone, Copy)]
pub struct Zone(chrono_tz::Tz);

impl Zone {
    /// By its name in the tz database; UTC where that is not known.
    pub fn named(name: Option<&str>) -> Self {
        Self(name.and_then(|name| name.parse().ok()).unwrap_or(chrono_tz::UTC))
    }

    /// "2 Nov 2026, 15:04:05". Text that is no instant stays as it is.
    pub fn tell(self, at: &str) -> String {
        let told = |instant: DateTime<Utc>| instant.with_timezone(&self.0).format("%-d %b %Y, %H:%M:%S").to_string();
        parse_iso(at).map_or_else(|| at.to_owned(), told)
    }

    /// What people call it.
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

/// An instant, for people and for programs.
#[derive(Debug, Clone, Default)]
pub struct When {
    /// As programs write it.
    pub at: String,
    /// As people say it.
    pub text: String,
}

impl When {
    /// How far it is from now.
    pub fn from_now(at: &str, now: DateTime<Utc>) -> Self {
        Self { at: at.to_owned(), text: distance(at, now) }
    }

    /// When it was in that zone.
    pub fn in_zone(at: &str, zone: Zone) -> Self {
        Self { at: at.to_owned(), text: zone.tell(at) }
    }
}

/// Where an order stands, in words, and the colour that goes with it.
pub fn state(state: &str) -> (&'static str, &'static str) {
    match state {
        "synced" => ("In the ledger", "ok"),
        "held" => ("Waits for you", "problem"),
        "retrying" => ("Is tried again", "note"),
        "ignored" => ("Left out", "idle"),
        _ => ("On its way", "note"),
    }
}

/// Milliseconds in the unit that fits.
pub fn duration(ms: i64) -> String {
    match ms {
        0..10_000 => format!("{} s", rust_decimal::Decimal::new((ms + 50) / 100, 1)),
        10_000..120_000 => format!("{} s", ms / 1_000),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        _ => format!("{} h", ms / 3_600_000),
    }
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

/// How many rows of a list a page shows that has several lists: so it stays below a hundred kilobytes, whatever an order has
/// gone through.
pub const ROWS: usize = 50;
/// How much of a text a cell shows; the API and the lists to take along have it whole.
const LONGEST: usize = 160;

/// A text, as far as a cell shows it.
pub fn clipped(text: &str) -> String {
    cut(text, LONGEST)
}

/// A text, as far as `most` characters go.
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What is said where a list is longer than what is shown of it.
pub fn beyond(which: &str, all: usize) -> Option<String> {
    (all > ROWS).then(|| format!("The {which} {ROWS} of {all}; the API tells of all."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_told_in_the_shops_zone() {
        let zone = Zone::named(Some("America/New_York"));
        assert_eq!(zone.tell("2026-11-02T02:30:00.000Z"), "1 Nov 2026, 21:30:00");
        assert_eq!(zone.tell("2026-07-02T02:30:00.000Z"), "1 Jul 2026, 22:30:00");
        assert_eq!((Zone::named(None).name(), Zone::named(Some("Moon")).name()), ("UTC", "UTC"));
        assert_eq!(zone.tell("soon"), "soon");
    }

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
