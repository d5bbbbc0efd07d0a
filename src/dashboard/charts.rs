//! Small charts, drawn as SVG by the template `chart.html`: columns over time, each with its figures in words.

use chrono::{DateTime, Duration, NaiveDate, Utc};

use super::words::duration;
use crate::monitor::{Drift, OfDay, Rates};
use crate::platform::time::parse_iso;

/// Days that a chart of events shows, today among them.
const DAYS: i64 = 30;
/// The height of the tallest column; the unit is the chart's own.
const TALLEST: i64 = 48;
/// From one column to the next.
const STEP: i64 = 10;

/// A chart.
pub struct Chart {
    /// What it shows.
    pub title: &'static str,
    /// The same in words, with its figures: for whoever does not see it.
    pub summary: String,
    /// How wide it is.
    pub width: i64,
    /// From left to right.
    pub columns: Vec<Column>,
    /// What the left end stands for.
    pub from: String,
    /// What the right end stands for.
    pub to: String,
    /// What the tallest column stands for.
    pub most: String,
}

/// One column, with its parts from the bottom up.
pub struct Column {
    /// Where it stands.
    pub x: i64,
    /// What it says.
    pub title: String,
    /// What it is made of.
    pub parts: Vec<Part>,
}

/// A part of a column.
pub struct Part {
    /// Where its top is.
    pub y: i64,
    /// How tall it is.
    pub height: i64,
    /// The colour that goes with it.
    pub mark: &'static str,
}

/// What a column says, and its values from the bottom up, each with the colour that goes with it.
type Said = (String, Vec<(i64, &'static str)>);

/// Columns of the same scale; what is not nothing can be seen.
fn columns(all: Vec<Said>) -> (i64, Vec<Column>) {
    let whole = |values: &[(i64, &'static str)]| values.iter().map(|(value, _)| *value).sum::<i64>();
    let most = all.iter().map(|(_, values)| whole(values)).max().unwrap_or(0);
    let column = |(place, (title, values)): (i64, Said)| {
        let mut top = TALLEST;
        let part = |(value, mark): (i64, &'static str)| {
            let height = if value == 0 { 0 } else { (value * TALLEST / most.max(1)).max(2) };
            top -= height;
            Part { y: top, height, mark }
        };
        let parts = values.into_iter().map(part).filter(|part| part.height > 0).collect();
        Column { x: place * STEP, title, parts }
    };
    (most, (0..).zip(all).map(column).collect())
}

fn day(day: NaiveDate) -> String {
    day.format("%-d %b").to_string()
}

fn last_days(trend: &[OfDay], now: DateTime<Utc>) -> Vec<(NaiveDate, Rates)> {
    let of = |day: NaiveDate| trend.iter().find(|one| one.day == day).map(|one| one.rates.clone()).unwrap_or_default();
    (0..DAYS).rev().map(|ago| now.date_naive() - Duration::days(ago)).map(|day| (day, of(day))).collect()
}

/// Events by day, and how many of them did not reach the ledger.
pub fn success(trend: &[OfDay], now: DateTime<Utc>) -> Chart {
    let days = last_days(trend, now);
    let missing: Vec<String> = days
        .iter()
        .filter(|(_, rates)| rates.missing() > 0)
        .map(|(at, rates)| format!("{} on {}", rates.missing(), day(*at)))
        .collect();
    let events: i64 = days.iter().map(|(_, rates)| rates.events).sum();
    let said = if missing.is_empty() {
        "all of them reached the ledger".into()
    } else {
        format!("did not reach the ledger: {}", missing.join(", "))
    };
    let one = |(at, rates): &(NaiveDate, Rates)| {
        let title = format!("{}: {} events, {} not in the ledger", day(*at), rates.events, rates.missing());
        (title, vec![(rates.events - rates.missing(), "ok"), (rates.missing(), "problem")])
    };
    let (most, columns) = columns(days.iter().map(one).collect());
    over_days(
        "Events by day (UTC)",
        format!("{events} events within {DAYS} days; {said}."),
        most.to_string(),
        columns,
        &days,
    )
}

/// Within what time 95 of 100 events were in the ledger, by day.
pub fn latency(trend: &[OfDay], now: DateTime<Utc>) -> Chart {
    let days = last_days(trend, now);
    let within = |rates: &Rates| rates.latency.within(95).unwrap_or(0);
    let one = |(at, rates): &(NaiveDate, Rates)| {
        (format!("{}: 95 % within {}", day(*at), duration(within(rates))), vec![(within(rates), "idle")])
    };
    let (most, columns) = columns(days.iter().map(one).collect());
    let known: Vec<String> = days
        .iter()
        .filter(|(_, rates)| rates.latency.events() > 0)
        .map(|(at, rates)| format!("{}: {}", day(*at), duration(within(rates))))
        .collect();
    let summary = if known.is_empty() { "Nothing was posted.".into() } else { format!("{}.", known.join("; ")) };
    over_days("95 % in the ledger within, by day (UTC)", summary, duration(most), columns, &days)
}

fn over_days(
    title: &'static str,
    summary: String,
    most: String,
    columns: Vec<Column>,
    days: &[(NaiveDate, Rates)],
) -> Chart {
    let end = |one: Option<&(NaiveDate, Rates)>| one.map(|(at, _)| day(*at)).unwrap_or_default();
    Chart { title, summary, width: DAYS * STEP, columns, from: end(days.first()), to: end(days.last()), most }
}

/// Differences that each comparison of both sides found, and those that were left. Nothing before there are two of them.
pub fn comparisons(drift: &[Drift]) -> Option<Chart> {
    if drift.len() < 2 {
        return None;
    }
    let at = |one: &Drift| parse_iso(&one.at).map(|at| day(at.date_naive())).unwrap_or_default();
    let said = |one: &Drift| match one.left {
        Some(left) => format!("{}: {} found, {left} left", at(one), one.found),
        None => format!("{}: {} found", at(one), one.found),
    };
    let parts = |one: &Drift| {
        let left = one.left.unwrap_or(one.found);
        vec![(left, "problem"), ((one.found - left).max(0), "ok")]
    };
    let (most, columns) = columns(drift.iter().map(|one| (said(one), parts(one))).collect());
    Some(Chart {
        title: "Differences found by comparing (days in UTC)",
        summary: format!("{}.", drift.iter().map(said).collect::<Vec<_>>().join("; ")),
        width: (columns.len() as i64 * STEP).max(DAYS * STEP),
        from: drift.first().map(at).unwrap_or_default(),
        to: drift.last().map(at).unwrap_or_default(),
        most: most.to_string(),
        columns,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_event_that_is_missing_can_be_seen_among_thousands() {
        let now = parse_iso("2026-11-20T12:00:00.000Z").unwrap();
        let rates = Rates { events: 100_000, synced: 99_999, ..Rates::default() };
        let chart = success(&[OfDay { day: now.date_naive(), rates }], now);
        assert_eq!((chart.columns.len(), chart.from.as_str(), chart.to.as_str()), (30, "22 Oct", "20 Nov"));
        let parts: Vec<_> = chart.columns[29].parts.iter().map(|part| (part.height, part.mark)).collect();
        assert_eq!(parts, [(47, "ok"), (2, "problem")]);
        assert!(chart.summary.contains("did not reach the ledger: 1 on 20 Nov"), "{}", chart.summary);
        assert!(chart.columns[0].parts.is_empty());
    }

    #[test]
    fn what_a_repair_left_is_told_from_what_it_found() {
        let one = |at: &str, found, left| Drift {
            id: "1".into(),
            kind: "regular".into(),
            from: at.into(),
            to: at.into(),
            at: at.into(),
            found,
            left,
        };
        let all = [one("2026-11-08T01:00:00.000Z", 4, Some(1)), one("2026-11-15T01:00:00.000Z", 0, None)];
        let chart = comparisons(&all).unwrap();
        assert_eq!(chart.summary, "8 Nov: 4 found, 1 left; 15 Nov: 0 found.");
        let heights: Vec<_> = chart.columns[0].parts.iter().map(|part| (part.height, part.mark)).collect();
        assert_eq!(heights, [(12, "problem"), (36, "ok")]);
        assert!(comparisons(&all[..1]).is_none());
    }
}
