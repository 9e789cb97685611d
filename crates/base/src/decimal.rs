//! Exact numbers.
//!
//! Numbers are compared by value, exactly, whatever their spelling: `6207`, `6207.0` and
//! `6.207e3` are one number, and 38 digits count in full. So a number is taken apart as text into
//! sign, exponent and digits; no float is ever made of it.

use std::cmp::Ordering;
use std::fmt;

use crate::key;
use crate::key::KeyPart;

/// `±0.digits × 10^exponent`; the digits neither begin nor end with 0, and zero has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    exponent: i64,
    digits: String,
}

/// Exponents beyond this are not numbers anybody counts with.
const EXPONENT_MAX: i64 = 1 << 40;

impl Decimal {
    /// Takes the text of a JSON number apart; `None` when its exponent is beyond reason.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, power) = match text.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, power.strip_prefix('+').unwrap_or(power).parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        let zeros = i64::try_from(all.len() - significant.len()).ok()?;
        let digits = significant.trim_end_matches('0');
        if digits.is_empty() {
            return Some(Self { negative: false, exponent: 0, digits: String::new() });
        }
        let exponent = power.checked_add(i64::try_from(whole.len()).ok()?)?.checked_sub(zeros)?;
        (exponent.abs() <= EXPONENT_MAX).then(|| Self { negative, exponent, digits: digits.to_owned() })
    }

    /// How far from zero it is.
    fn size(&self) -> (bool, i64, &str) {
        (!self.digits.is_empty(), self.exponent, &self.digits)
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.size().cmp(&other.size()),
            (true, true) => other.size().cmp(&self.size()),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The shortest plain spelling; with an exponent only where that needs over 40 places.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        let digits = &self.digits;
        match usize::try_from(self.exponent) {
            _ if digits.is_empty() => f.write_str("0"),
            Ok(whole) if (1..=40).contains(&whole) => match digits.len().cmp(&whole) {
                Ordering::Greater => write!(f, "{sign}{}.{}", &digits[..whole], &digits[whole..]),
                Ordering::Less | Ordering::Equal => write!(f, "{sign}{digits:0<whole$}"),
            },
            _ if (-40..=0).contains(&self.exponent) => {
                let zeros = usize::try_from(-self.exponent).unwrap_or(0);
                write!(f, "{sign}0.{}{digits}", "0".repeat(zeros))
            }
            _ => write!(f, "{sign}0.{digits}e{}", self.exponent),
        }
    }
}

/// Larger in size is later for positive numbers and earlier for negative ones, whose exponent
/// and digits are therefore turned; `~` after turned digits puts the shorter, smaller one later.
impl KeyPart for Decimal {
    fn encode(&self, out: &mut String) {
        if self.digits.is_empty() {
            out.push_str("n1");
        } else if self.negative {
            out.push_str("n0");
            out.push_str(&key![-self.exponent]);
            out.extend(self.digits.bytes().map(|digit| char::from(b'0' + (b'9' - digit))));
            out.push('~');
        } else {
            out.push_str("n2");
            out.push_str(&key![self.exponent]);
            out.push_str(&self.digits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str) -> String {
        let mut out = String::new();
        Decimal::parse(text).unwrap().encode(&mut out);
        out
    }

    #[test]
    fn spellings_of_one_number_are_one() {
        for spelling in ["6207", "6207.0", "6.207e3", "62070E-1", "0.6207e+4"] {
            assert_eq!(encoded(spelling), encoded("6207"), "{spelling}");
            assert_eq!(Decimal::parse(spelling).unwrap().to_string(), "6207");
        }
        assert_eq!(encoded("-0.0"), encoded("0"));
        assert_eq!(Decimal::parse("-0.00120").unwrap().to_string(), "-0.0012");
        assert_eq!(Decimal::parse("1200").unwrap().to_string(), "1200");
    }

    #[test]
    fn numbers_sort_by_value() {
        let ascending = [
            "-1e300",
            "-99999999999999999999999999999999999999",
            "-12.5",
            "-12",
            "-1.25",
            "-1.2",
            "-0.001",
            "0",
            "1e-9",
            "0.5",
            "1",
            "1.2",
            "1.25",
            "9",
            "10",
            "99",
            "100",
            "6207",
            "99999999999999999999999999999999999998",
            "99999999999999999999999999999999999999",
            "1e300",
        ];
        for pair in ascending.windows(2) {
            assert!(encoded(pair[0]) < encoded(pair[1]), "{} < {}", pair[0], pair[1]);
            assert!(Decimal::parse(pair[0]) < Decimal::parse(pair[1]), "{} < {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn exponents_beyond_reason_are_no_numbers() {
        assert_eq!(Decimal::parse("1e99999999999999999999"), None);
        assert_eq!(Decimal::parse("1e-9223372036854775808"), None);
    }
}
