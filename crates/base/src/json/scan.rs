//! The validating pass: RFC 8259, and our limits.
//!
//! It goes down with the nesting, which is bounded before it grows the stack, and forward only. A
//! path is put together on the way back from a fault, so that good bodies pay nothing for it.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{DIGITS_MAX, Limits};
use crate::id::shown;

/// The magnitudes that both stores keep, as powers of ten.
const EXPONENTS: std::ops::RangeInclusive<i64> = -130..=125;
/// A number is no longer than this as it is written: zeros cost too.
const NUMBER_BYTES_MAX: usize = 256;

/// What is wrong, and where.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) what: Cow<'static, str>,
    /// The way to the value, innermost step first.
    steps: Vec<String>,
}

impl Fault {
    /// The dotted path, or `body` for the whole of it.
    pub(super) fn path(&self) -> String {
        let steps: Vec<&str> = self.steps.iter().rev().map(String::as_str).collect();
        if steps.is_empty() { "body".to_owned() } else { steps.join(".") }
    }

    fn within(mut self, step: String) -> Self {
        self.steps.push(step);
        self
    }
}

type Scan<T = ()> = Result<T, Fault>;

/// Refuses what is no JSON text within the limits.
pub(super) fn scan(body: &[u8], limits: &Limits) -> Scan {
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => return Err(fault(error.valid_up_to(), "Not UTF-8")),
    };
    let mut scanner = Scanner { text, at: 0, values: 0, depth: 0, limits };
    scanner.space();
    scanner.value()?;
    scanner.space();
    if scanner.at == text.len() { Ok(()) } else { scanner.fail("Nothing more was expected here") }
}

fn fault(at: usize, what: impl Into<Cow<'static, str>>) -> Fault {
    Fault { at, what: what.into(), steps: Vec::new() }
}

/// So many keys are compared one by one; to hash them would cost more.
const KEYS_FEW: usize = 24;

/// The keys of an object so far.
#[derive(Default)]
struct Keys<'a> {
    few: Vec<Cow<'a, str>>,
    many: HashSet<Cow<'a, str>>,
}

impl<'a> Keys<'a> {
    fn hold(&self, key: &str) -> bool {
        self.few.iter().any(|known| known == key) || self.many.contains(key)
    }

    fn add(&mut self, key: Cow<'a, str>) {
        if self.few.len() < KEYS_FEW {
            self.few.push(key);
        } else {
            self.many.insert(key);
        }
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    values: usize,
    depth: usize,
    limits: &'a Limits,
}

impl<'a> Scanner<'a> {
    fn fail<T>(&self, what: impl Into<Cow<'static, str>>) -> Scan<T> {
        Err(fault(self.at, what))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Scan {
        self.values += 1;
        if self.values > self.limits.values {
            return self.fail(format!("More than {} values", self.limits.values));
        }
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(drop),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => self.fail("Expected a value"),
        }
    }

    fn nested(&mut self, inside: fn(&mut Self) -> Scan) -> Scan {
        self.depth += 1;
        if self.depth > self.limits.depth {
            return self.fail(format!("Nested deeper than {}", self.limits.depth));
        }
        self.at += 1;
        self.space();
        inside(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn object(&mut self) -> Scan {
        if self.skip(b'}') {
            return Ok(());
        }
        let mut keys = Keys::default();
        loop {
            let start = self.at;
            if self.peek() != Some(b'"') {
                return self.fail("Expected a key in double quotes");
            }
            let key = self.string()?;
            let step = || shown(&key);
            self.space();
            if !self.skip(b':') {
                return self.fail("Expected ':'").map_err(|fault: Fault| fault.within(step()));
            }
            self.space();
            self.value().map_err(|fault| fault.within(step()))?;
            if keys.hold(&key) {
                return Err(fault(start, "This key is given twice").within(step()));
            }
            keys.add(key);
            if self.ends(b'}', "Expected ',' or '}'")? {
                return Ok(());
            }
        }
    }

    fn array(&mut self) -> Scan {
        if self.skip(b']') {
            return Ok(());
        }
        for index in 0_usize.. {
            self.value().map_err(|fault| fault.within(index.to_string()))?;
            if self.ends(b']', "Expected ',' or ']'")? {
                break;
            }
        }
        Ok(())
    }

    /// After a member: whether the container ends here, or a comma leads to the next.
    fn ends(&mut self, end: u8, expected: &'static str) -> Scan<bool> {
        self.space();
        if self.skip(end) {
            return Ok(true);
        }
        if !self.skip(b',') {
            return self.fail(expected);
        }
        self.space();
        Ok(false)
    }

    fn word(&mut self, word: &'static str) -> Scan {
        if !self.text[self.at..].starts_with(word) {
            return self.fail("Expected a value");
        }
        self.at += word.len();
        Ok(())
    }

    /// Passes over a string that begins here, and gives it with its escapes resolved.
    fn string(&mut self) -> Scan<Cow<'a, str>> {
        let start = self.at;
        let mut escaped = false;
        self.at += 1;
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            self.at += rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20)).unwrap_or(rest.len());
            match self.peek() {
                None => return Err(fault(start, "This text never ends")),
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return self.fail("A control character has to be escaped"),
            }
        }
        self.at += 1;
        let quoted = &self.text[start..self.at];
        let plain = &quoted[1..quoted.len() - 1];
        if plain.len() > self.limits.string_bytes {
            return Err(fault(start, format!("A text of more than {} bytes", self.limits.string_bytes)));
        }
        if !escaped {
            return Ok(Cow::Borrowed(plain));
        }
        serde_json::from_str(quoted).map(Cow::Owned).map_err(|_| fault(start, "Not a valid text"))
    }

    fn escape(&mut self) -> Scan {
        let start = self.at;
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => match self.unit()? {
                0xd800..=0xdbff => {
                    let low = if self.skip(b'\\') && self.peek() == Some(b'u') { self.unit()? } else { 0 };
                    if !(0xdc00..=0xdfff).contains(&low) {
                        return Err(fault(start, "Half a surrogate pair"));
                    }
                }
                0xdc00..=0xdfff => return Err(fault(start, "Half a surrogate pair")),
                _ => {}
            },
            _ => return Err(fault(start, "Not a valid escape")),
        }
        Ok(())
    }

    /// The four digits after a `u`.
    fn unit(&mut self) -> Scan<u32> {
        let digits = self.text.get(self.at + 1..self.at + 5).filter(|hex| hex.bytes().all(|c| c.is_ascii_hexdigit()));
        match digits.and_then(|hex| u32::from_str_radix(hex, 16).ok()) {
            Some(unit) => {
                self.at += 5;
                Ok(unit)
            }
            None => self.fail("Expected four hex digits"),
        }
    }

    fn number(&mut self) -> Scan {
        let start = self.at;
        self.skip(b'-');
        let whole = self.digits()?;
        if whole.len() > 1 && whole.starts_with('0') {
            return Err(fault(start, "A number begins with a zero too many"));
        }
        let fraction = if self.skip(b'.') { self.digits()? } else { "" };
        let exponent = if self.skip(b'e') || self.skip(b'E') { self.exponent()? } else { 0 };
        if self.at - start > NUMBER_BYTES_MAX {
            return Err(fault(start, format!("A number of more than {NUMBER_BYTES_MAX} characters")));
        }
        if significant(whole, fraction) > DIGITS_MAX {
            return Err(fault(start, format!("A number of more than {DIGITS_MAX} digits")));
        }
        if !EXPONENTS.contains(&exponent.saturating_add(magnitude(whole, fraction))) {
            return Err(fault(start, "A number beyond 1e-130 to 9.9e125"));
        }
        Ok(())
    }

    fn digits(&mut self) -> Scan<&'a str> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { self.fail("Expected a digit") } else { Ok(&self.text[start..self.at]) }
    }

    /// The exponent as written; one too large to count is as far out as any.
    fn exponent(&mut self) -> Scan<i64> {
        let negative = self.skip(b'-');
        if !negative {
            self.skip(b'+');
        }
        let size = self.digits()?.parse().unwrap_or(i64::MAX);
        Ok(if negative { -size } else { size })
    }
}

/// How many digits there are from the first that is not 0 to the last that is not.
fn significant(whole: &str, fraction: &str) -> usize {
    let nonzero = |(_, digit): &(usize, u8)| *digit != b'0';
    let digits = || whole.bytes().chain(fraction.bytes()).enumerate();
    let first = digits().find(nonzero);
    let last = digits().filter(nonzero).last();
    first.zip(last).map_or(0, |((first, _), (last, _))| last - first + 1)
}

/// The power of ten of the first digit that is not 0; 0 for zero itself.
fn magnitude(whole: &str, fraction: &str) -> i64 {
    let first = whole.bytes().chain(fraction.bytes()).position(|digit| digit != b'0');
    first.map_or(0, |first| whole.len() as i64 - 1 - first as i64)
}
