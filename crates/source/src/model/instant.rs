//! The time of a record, and the text that sorts as time does.
//!
//! Instants are kept to the microsecond. Their text is RFC 3339 in UTC with all six digits, so that
//! text order is the order of time; years are 1 to 9999, since others have no four digits.

use base::Error;
use jiff::{SignedDuration, Timestamp};

/// How far ahead of our clock a device's may be.
pub const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(1);

/// How long the text of an instant is.
pub const TEXT_BYTES: usize = 27;

/// 0001-01-01T00:00:00Z in microseconds: the earliest instant there is.
pub const FIRST_US: i64 = -62_135_596_800_000_000;

/// Below these sizes a number is seconds, milliseconds, microseconds.
const SECONDS_BELOW: f64 = 1e11;
const MILLIS_BELOW: f64 = 1e14;
const MICROS_BELOW: f64 = 1e17;

/// An instant as it sorts: `2026-01-15T10:30:00.000000Z`.
pub fn text(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// Reads an instant as people write it, as RFC 3339 or as a number of seconds, milliseconds or
/// microseconds since 1970, told apart by their size.
///
/// # Errors
/// `Invalid`, naming `field` and what is allowed there.
pub fn parse(field: &str, text: &str) -> Result<Timestamp, Error> {
    let read = if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') && text.parse::<f64>().is_ok() {
        epoch(text)
    } else {
        text.parse().ok()
    };
    let micros = read.map(|at: Timestamp| at.as_microsecond()).filter(|micros| *micros >= FIRST_US);
    micros.and_then(|micros| Timestamp::from_microsecond(micros).ok()).ok_or_else(|| {
        let allowed =
            "Allowed: RFC 3339 such as 2026-01-15T10:30:00Z, or seconds, milliseconds or microseconds since 1970";
        Error::invalid(field, allowed)
    })
}

fn epoch(text: &str) -> Option<Timestamp> {
    let number: f64 = text.parse().ok()?;
    let scale = match number.abs() {
        size if size < SECONDS_BELOW => 1_000_000,
        size if size < MILLIS_BELOW => 1_000,
        size if size < MICROS_BELOW => 1,
        _ => return None,
    };
    let micros = match text.parse::<i64>() {
        Ok(whole) => whole.checked_mul(scale)?,
        // Up to 1e17 a float tells microseconds apart to a few of them, and rounding is all we can do.
        Err(_) => (number * scale as f64).round() as i64,
    };
    Timestamp::from_microsecond(micros).ok()
}

/// Refuses an instant that is further ahead of `now` than a device's clock may be.
///
/// # Errors
/// `Invalid`, naming `field`.
pub fn check_ahead(field: &str, at: Timestamp, now: Timestamp) -> Result<Timestamp, Error> {
    if at.duration_since(now) > AHEAD_MAX {
        return Err(Error::invalid(field, "Must not be more than 1 hour ahead of the server's clock"));
    }
    Ok(at)
}

/// Reads back what [`text`] wrote at the beginning of `sort`.
pub fn of_sort(sort: &str) -> Option<Timestamp> {
    sort.get(..TEXT_BYTES)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(text: &str) -> Option<i64> {
        parse("ts", text).ok().map(Timestamp::as_microsecond)
    }

    #[test]
    fn numbers_are_told_apart_by_their_size() {
        let expected = Some(1_768_473_000_000_000);
        assert_eq!(us("1768473000"), expected);
        assert_eq!(us("1768473000000"), expected);
        assert_eq!(us("1768473000000000"), expected);
        assert_eq!(us("2026-01-15T11:30:00+01:00"), expected);
        assert_eq!(us("1768473000.25"), Some(1_768_473_000_250_000));
        assert_eq!(us("-1"), Some(-1_000_000));
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in ["", "now", "1e30", "-99999999999", "2026-13-01T00:00:00Z", "2026-01-15", "0000-12-31T23:59:59Z"] {
            assert_eq!(us(text), None, "{text}");
        }
    }

    #[test]
    fn text_order_is_the_order_of_time() {
        let instants = [FIRST_US, -1, 0, 999_999, 1_000_000, 1_768_473_000_000_001];
        let texts = instants.map(|us| text(Timestamp::from_microsecond(us).unwrap()));
        assert!(texts.is_sorted(), "{texts:?}");
        assert!(texts.iter().all(|text| text.len() == TEXT_BYTES));
        assert_eq!(texts.map(|text| of_sort(&text).unwrap().as_microsecond()), instants);
    }
}
