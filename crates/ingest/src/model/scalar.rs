//! A value that can name or order a record, and the text that sorts as it does.
//!
//! Numbers are compared by value, exactly, whatever their spelling: `6207`, `6207.0` and
//! `6.207e3` are one number, and 38 digits count in full. So a number is taken apart as text into
//! sign, exponent and digits; no float is ever made of it.

use std::borrow::Cow;
use std::cmp::Ordering;

use base::key;
use base::key::KeyPart as _;
use serde_json::value::RawValue;

/// A string, a number or a truth value of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scalar<'a> {
    /// Text, without its quotes and escapes.
    Str(Cow<'a, str>),
    /// An exact decimal.
    Num(Decimal),
    /// Yes or no.
    Bool(bool),
}

impl<'a> Scalar<'a> {
    /// The scalar that a JSON value is; `None` for null, objects, arrays, and numbers whose
    /// exponent is beyond reason.
    pub fn parse(raw: &'a RawValue) -> Option<Self> {
        let text = raw.get();
        match text.as_bytes().first()? {
            b'"' => {
                let inner = &text[1..text.len() - 1];
                let plain = !inner.contains('\\');
                let string =
                    if plain { Cow::Borrowed(inner) } else { serde_json::from_str::<String>(text).ok()?.into() };
                Some(Self::Str(string))
            }
            b't' => Some(Self::Bool(true)),
            b'f' => Some(Self::Bool(false)),
            b'-' | b'0'..=b'9' => Decimal::parse(text).map(Self::Num),
            _ => None,
        }
    }

    /// The text that names a record by this value: `6207` for `6207.0` and for `"6207"`.
    pub fn name(&self) -> Cow<'_, str> {
        match self {
            Self::Str(text) => Cow::Borrowed(text),
            Self::Num(number) => Cow::Owned(number.to_text()),
            Self::Bool(yes) => Cow::Borrowed(if *yes { "true" } else { "false" }),
        }
    }

    /// Appends a part of a sort key: truth values before numbers before strings, each by value.
    pub fn encode(&self, out: &mut String) {
        match self {
            Self::Bool(yes) => out.push_str(if *yes { "b1" } else { "b0" }),
            Self::Num(number) => number.encode(out),
            Self::Str(text) => {
                out.push(STRING);
                text.as_ref().encode(out);
            }
        }
    }
}

/// Begins the part of a sort key that is a string.
const STRING: char = 's';

/// What the sort keys of all strings that begin with `prefix` begin with.
pub fn string_prefix(prefix: &str) -> String {
    let mut out = String::from(STRING);
    prefix.encode(&mut out);
    out
}

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
    /// Takes the text of a JSON number apart.
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

    /// The shortest plain spelling; with an exponent only where that needs over 40 places.
    fn to_text(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let digits = &self.digits;
        match usize::try_from(self.exponent) {
            _ if digits.is_empty() => "0".to_owned(),
            Ok(whole) if (1..=40).contains(&whole) => match digits.len().cmp(&whole) {
                Ordering::Greater => format!("{sign}{}.{}", &digits[..whole], &digits[whole..]),
                Ordering::Less | Ordering::Equal => format!("{sign}{digits:0<whole$}"),
            },
            _ if (-40..=0).contains(&self.exponent) => {
                let zeros = usize::try_from(-self.exponent).unwrap_or(0);
                format!("{sign}0.{}{digits}", "0".repeat(zeros))
            }
            _ => format!("{sign}0.{digits}e{}", self.exponent),
        }
    }

    /// Larger in size is later for positive numbers and earlier for negative ones, whose exponent
    /// and digits are therefore turned; `~` after turned digits puts the shorter, smaller one later.
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
            assert_eq!(Decimal::parse(spelling).unwrap().to_text(), "6207");
        }
        assert_eq!(encoded("-0.0"), encoded("0"));
        assert_eq!(Decimal::parse("-0.00120").unwrap().to_text(), "-0.0012");
        assert_eq!(Decimal::parse("1200").unwrap().to_text(), "1200");
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
        }
    }

    #[test]
    fn exponents_beyond_reason_are_no_numbers() {
        assert_eq!(Decimal::parse("1e99999999999999999999"), None);
        assert_eq!(Decimal::parse("1e-9223372036854775808"), None);
    }
}
