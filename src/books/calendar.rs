//! Days as a company's books count them.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

/// Which day an instant is for a company, and which days its books are still open for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Calendar {
    zone: Option<Tz>,
    first_open: Option<NaiveDate>,
}

impl Calendar {
    /// A company's calendar: its time zone by the tz database (an unknown one counts as none), and the last day of its
    /// closed period, where documents are to move out of that.
    pub fn new(time_zone: Option<&str>, closed_until: Option<NaiveDate>) -> Self {
        Self {
            zone: time_zone.and_then(|name| name.parse().ok()),
            first_open: closed_until.and_then(|day| day.succ_opt()),
        }
    }

    /// The day of an instant: in the company's time zone; in the instant's own where that is not known.
    pub fn day(&self, at: DateTime<FixedOffset>) -> NaiveDate {
        self.zone.map_or_else(|| at.date_naive(), |zone| at.with_timezone(&zone).date_naive())
    }

    /// When a day begins: in the company's time zone; in UTC where that is not known.
    pub fn begin_of(&self, day: NaiveDate) -> DateTime<Utc> {
        let midnight = day.and_time(NaiveTime::MIN);
        let local = self.zone.and_then(|zone| zone.from_local_datetime(&midnight).earliest());
        local.map_or_else(|| midnight.and_utc(), |at| at.with_timezone(&Utc))
    }

    /// The day itself, or the first open one after it.
    pub fn open_day(&self, day: NaiveDate) -> NaiveDate {
        self.first_open.map_or(day, |first| day.max(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn an_evening_in_new_york_is_the_next_day_in_london() {
        let evening: DateTime<FixedOffset> = "2026-11-02T21:30:00-05:00".parse().unwrap();
        assert_eq!(Calendar::new(Some("Europe/London"), None).day(evening), day("2026-11-03"));
        assert_eq!(Calendar::new(Some("America/Los_Angeles"), None).day(evening), day("2026-11-02"));
        assert_eq!(Calendar::new(None, None).day(evening), day("2026-11-02"));
        assert_eq!(Calendar::new(Some("Mars/Olympus"), None).day(evening), day("2026-11-02"));
    }

    #[test]
    fn a_day_begins_at_the_companys_own_midnight() {
        let begin = |zone| Calendar::new(zone, None).begin_of(day("2026-11-02")).to_rfc3339();
        assert_eq!(begin(Some("America/New_York")), "2026-11-02T05:00:00+00:00");
        assert_eq!(begin(None), "2026-11-02T00:00:00+00:00");
    }

    #[test]
    fn a_closed_day_moves_to_the_first_open_one() {
        let calendar = Calendar::new(None, Some(day("2026-10-31")));
        assert_eq!(calendar.open_day(day("2026-10-31")), day("2026-11-01"));
        assert_eq!(calendar.open_day(day("2026-11-02")), day("2026-11-02"));
        assert_eq!(Calendar::default().open_day(day("2020-01-01")), day("2020-01-01"));
    }
}
