//! How a window is cut into buckets.
//!
//! `1d` and `1w` are days and weeks of the calendar in a zone: they begin at its midnights, weeks on
//! Mondays, and a day on which the clocks change is 23 or 25 hours long. The first and the last are
//! cut off where the window begins and ends. Every other step is a length, counted from where the
//! window begins.

use std::str::FromStr;

use base::Error;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// A minute in microseconds.
pub const MINUTE_US: i64 = 60_000_000;
/// At most so many buckets in one answer.
pub const BUCKETS_MAX: usize = 10_000;

/// How long a bucket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A day of the calendar.
    Day,
    /// A week of the calendar, from Monday on.
    Week,
    /// So many microseconds.
    Length(i64),
}

impl FromStr for Step {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = || {
            let allowed = "Allowed: 1d and 1w (by the calendar), or a number of s, m, h, d or w, such as 15m";
            Error::invalid("step", allowed)
        };
        match text {
            "1d" => return Ok(Self::Day),
            "1w" => return Ok(Self::Week),
            _ => {}
        }
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(refused)?;
        let second = 1_000_000;
        let unit = match unit {
            "s" => second,
            "m" => MINUTE_US,
            "h" => 60 * MINUTE_US,
            "d" => 24 * 60 * MINUTE_US,
            "w" => 7 * 24 * 60 * MINUTE_US,
            _ => return Err(refused()),
        };
        let number: i64 = number.parse().ok().filter(|number| *number > 0).ok_or_else(refused)?;
        number.checked_mul(unit).map(Self::Length).ok_or_else(refused)
    }
}

/// A zone by its name, such as `Europe/Lisbon`.
///
/// # Errors
/// `Invalid`, naming `tz`.
pub fn zone(name: &str) -> Result<TimeZone, Error> {
    TimeZone::get(name)
        .map_err(|_| Error::invalid("tz", "Allowed: the name of an IANA time zone, such as Europe/Lisbon"))
}

/// The cuts of a window in microseconds: where it begins, where each next bucket does, where it ends.
///
/// # Errors
/// `Invalid`, naming `step`, when there are more than [`BUCKETS_MAX`] buckets.
pub fn cuts(from: Timestamp, to: Timestamp, step: Step, zone: &TimeZone) -> Result<Vec<i64>, Error> {
    let end = to.as_microsecond();
    let mut cuts = vec![from.as_microsecond()];
    let mut at = from.as_microsecond();
    loop {
        at = next(at, step, zone).filter(|next| *next > at && *next < end).unwrap_or(end);
        cuts.push(at);
        if at == end {
            return Ok(cuts);
        }
        if cuts.len() > BUCKETS_MAX {
            return Err(Error::invalid("step", format!("At most {BUCKETS_MAX} buckets: choose a longer step")));
        }
    }
}

/// Where the bucket after the one of `at` begins; `None` beyond the end of time.
fn next(at: i64, step: Step, zone: &TimeZone) -> Option<i64> {
    let days = match step {
        Step::Length(us) => return at.checked_add(us),
        Step::Day => 1,
        Step::Week => 0,
    };
    let date = Timestamp::from_microsecond(at).ok()?.to_zoned(zone.clone()).date();
    let days = if days == 0 { 7 - i64::from(date.weekday().to_monday_zero_offset()) } else { days };
    let midnight = date.checked_add(days.days()).ok()?.to_datetime(Time::midnight());
    // Where clocks go back at midnight it comes twice, and `at` may lie between.
    let first = zone.to_ambiguous_zoned(midnight).compatible().ok()?.timestamp().as_microsecond();
    if first > at {
        return Some(first);
    }
    Some(zone.to_ambiguous_zoned(midnight).later().ok()?.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(from: &str, to: &str, step: &str, tz: &str) -> Vec<i64> {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let cuts = cuts(at(from), at(to), step.parse().unwrap(), &zone(tz).unwrap()).unwrap();
        cuts.windows(2).map(|pair| (pair[1] - pair[0]) / (60 * MINUTE_US)).collect()
    }

    #[test]
    fn days_are_those_of_the_zone() {
        let march = hours("2026-03-28T00:00:00Z", "2026-03-31T00:00:00Z", "1d", "Europe/Lisbon");
        assert_eq!(march, [24, 23, 24, 1]);
        let october = hours("2026-10-24T23:00:00Z", "2026-10-26T12:00:00Z", "1d", "Europe/Lisbon");
        assert_eq!(october, [25, 12]);
        assert_eq!(hours("2026-03-28T00:00:00Z", "2026-03-30T00:00:00Z", "24h", "Europe/Lisbon"), [24, 24]);
    }

    #[test]
    fn a_midnight_that_comes_twice_ends_a_day_all_the_same() {
        // At one minute past midnight clocks went back to 23:01 there.
        let days = hours("2010-11-07T02:40:00Z", "2010-11-10T03:30:00Z", "1d", "America/St_Johns");
        assert_eq!(days, [0, 24, 24, 24]);
    }

    #[test]
    fn weeks_begin_on_mondays() {
        let weeks = hours("2026-01-14T00:00:00Z", "2026-01-28T00:00:00Z", "1w", "UTC");
        assert_eq!(weeks, [5 * 24, 7 * 24, 2 * 24]);
    }

    #[test]
    fn what_is_no_step_is_refused() {
        for text in ["", "d", "0s", "-1m", "1.5h", "1y", "9223372036854775807w", "ä"] {
            assert!(text.parse::<Step>().is_err(), "{text}");
        }
        let day = "2026-01-14T00:00:00Z".parse().unwrap();
        let next = "2026-01-15T00:00:00Z".parse().unwrap();
        assert!(cuts(day, next, Step::Length(1_000_000), &TimeZone::UTC).is_err());
    }
}
