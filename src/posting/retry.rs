//! When to try again. Pure: the same attempt and the same chance give the same delay.

use chrono::Duration;

/// The shortest ceiling of a delay: a lost reply is usually over by then, and a person who watches does not wait long.
pub const FIRST: Duration = Duration::seconds(5);
/// The longest ceiling: an outage that ends is noticed within the hour, at two dozen calls a day.
pub const LONGEST: Duration = Duration::hours(1);
/// Trying ends after a week with a hold: by then it is no outage but something that a person has to look at.
pub const GIVE_UP: Duration = Duration::days(7);

/// Exponential backoff with full jitter: any moment between one second and the ceiling, which doubles from [`FIRST`]
/// to [`LONGEST`]. `attempt` counts from 1, `chance` is random.
pub fn backoff(attempt: i64, chance: u64) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(0).min(20);
    let ceiling = FIRST.num_milliseconds().saturating_mul(1 << doublings).min(LONGEST.num_milliseconds());
    let floor = 1_000;
    let width = u64::try_from(ceiling - floor).unwrap_or(0);
    Duration::milliseconds(floor + i64::try_from(chance % (width + 1)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_an_hour_and_jitter_over_the_whole_range() {
        assert_eq!(backoff(1, 0), Duration::seconds(1));
        assert_eq!(backoff(1, 4_000), Duration::seconds(5));
        assert_eq!(backoff(2, 9_000), Duration::seconds(10));
        assert_eq!(backoff(40, 3_599_000), LONGEST);
        assert!((1..60).all(|attempt| backoff(attempt, u64::MAX - 7) <= LONGEST));
    }
}
