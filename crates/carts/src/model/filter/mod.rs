//! Which records a query selects.
//!
//! A filter names fields by their dotted paths, and says of each what must hold; all of it must. It is
//! parsed once ([`parse`](mod@parse)) into this tree, and asked of one record after the other: the
//! text of the record is looked into, never read as a whole.
//!
//! A field that is absent and one that is `null` are the same. Of a field that is an array, one element
//! that fits is enough. A range is compared with ranges: `{"gte": a, "lte": b}` is one, and a value
//! that is none is the range that holds only itself. Numbers are compared by value, exactly; texts by
//! their code points; and nothing with a thing of another type.

mod parse;

use base::Decimal;
use base::json::{elements, pick, text};

/// What a record must be like to be selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Each with its path.
    fields: Vec<(String, Vec<Condition>)>,
}

/// What must hold of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    /// It is one of these; `None` is absence.
    Is(Vec<Option<Value>>),
    /// It is a range that has one of these in it.
    Contains(Vec<Span>),
    /// It lies in one of these.
    Within(Vec<Span>),
    /// It has something in common with one of these.
    Intersects(Vec<Span>),
    /// It is a text that begins so.
    Prefix(String),
    /// It is there, or it is not.
    Exists(bool),
}

/// A value that can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Bool(bool),
    Number(Decimal),
    Text(String),
}

/// From the first to the second, both included.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Span(Value, Value);

impl Filter {
    /// Whether it selects a record, given as the text of a JSON object.
    pub fn selects(&self, record: &str) -> bool {
        self.fields.iter().all(|(path, conditions)| {
            let field = pick(record, path).map(|raw| raw.get()).filter(|raw| *raw != "null");
            conditions.iter().all(|condition| condition.holds(field))
        })
    }
}

impl Condition {
    fn holds(&self, field: Option<&str>) -> bool {
        match (self, field) {
            (Self::Exists(there), _) => field.is_some() == *there,
            (Self::Is(values), None) => values.contains(&None),
            (_, None) => false,
            (_, Some(raw)) if raw.starts_with('[') => {
                elements(raw).is_some_and(|elements| elements.iter().any(|element| self.fits(element.get())))
            }
            (_, Some(raw)) => self.fits(raw),
        }
    }

    /// Whether a value that is no array is as it must be.
    fn fits(&self, raw: &str) -> bool {
        let any = |spans: &[Span], fits: fn(&Span, &Span) -> bool| {
            Span::of(raw).is_some_and(|own| spans.iter().any(|span| fits(&own, span)))
        };
        match self {
            Self::Is(values) => Value::of(raw).is_some_and(|value| values.contains(&Some(value))),
            Self::Contains(spans) => any(spans, |own, span| span.lies_in(own)),
            Self::Within(spans) => any(spans, Span::lies_in),
            Self::Intersects(spans) => any(spans, Span::meets),
            Self::Prefix(prefix) => text(raw).is_some_and(|text| text.starts_with(prefix.as_str())),
            Self::Exists(there) => *there,
        }
    }
}

impl Value {
    fn of(raw: &str) -> Option<Self> {
        match raw.as_bytes().first()? {
            b'"' => text(raw).map(|text| Self::Text(text.into_owned())),
            b't' => Some(Self::Bool(true)),
            b'f' => Some(Self::Bool(false)),
            b'-' | b'0'..=b'9' => Decimal::parse(raw).map(Self::Number),
            _ => None,
        }
    }

    /// Whether it is not behind another; no for one of another type, and for truth values.
    fn up_to(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => one <= other,
            (Self::Text(one), Self::Text(other)) => one <= other,
            _ => false,
        }
    }
}

impl Span {
    /// The range that a value is.
    fn of(raw: &str) -> Option<Self> {
        if raw.starts_with('{') {
            let end = |name| Value::of(pick(raw, name)?.get());
            return Some(Self(end("gte")?, end("lte")?));
        }
        Value::of(raw).map(|value| Self(value.clone(), value))
    }

    fn lies_in(&self, other: &Self) -> bool {
        other.0.up_to(&self.0) && self.1.up_to(&other.1)
    }

    fn meets(&self, other: &Self) -> bool {
        other.0.up_to(&self.1) && self.0.up_to(&other.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(filters: &str, record: &str, expected: bool) {
        let filter = Filter::parse(filters).unwrap();
        assert_eq!(filter.selects(record), expected, "{filters} of {record}");
    }

    #[test]
    fn a_value_is_one_of_several() {
        let carriers = r#"{"carrier": {"is": ["UA", "B6"]}}"#;
        check(carriers, r#"{"carrier": "B6"}"#, true);
        check(carriers, r#"{"carrier": "\u0042\u0036"}"#, true);
        check(carriers, r#"{"carrier": ["AA", "UA"]}"#, true);
        check(carriers, r#"{"carrier": "AA"}"#, false);
        check(carriers, "{}", false);
        check(r#"{"n": {"is": [6207, true]}}"#, r#"{"n": 6.207e3}"#, true);
        check(r#"{"n": {"is": [6207, true]}}"#, r#"{"n": "6207"}"#, false);
        check(r#"{"n": {"is": [6207, true]}}"#, r#"{"n": true}"#, true);
        let long = "12345678901234567890123456789012345678";
        check(&format!(r#"{{"n": {{"is": [{long}]}}}}"#), &format!(r#"{{"n": {long}}}"#), true);
        check(&format!(r#"{{"n": {{"is": [{long}]}}}}"#), r#"{"n": 12345678901234567890123456789012345677}"#, false);
    }

    #[test]
    fn absence_and_null_are_the_same() {
        for record in ["{}", r#"{"a": {}}"#, r#"{"a": {"b": null}}"#, r#"{"a": 1}"#] {
            check(r#"{"a.b": {"is": [null]}}"#, record, true);
            check(r#"{"a.b": {"exists": false}}"#, record, true);
            check(r#"{"a.b": {"exists": true}}"#, record, false);
            check(r#"{"a.b": {"is": [1]}}"#, record, false);
            check(r#"{"a.b": {"within": [[0, 1]]}}"#, record, false);
        }
        check(r#"{"a.b": {"is": [null, 2]}}"#, r#"{"a": {"b": 2}}"#, true);
        check(r#"{"a.b": {"exists": true}}"#, r#"{"a": {"b": false}}"#, true);
    }

    #[test]
    fn ranges_are_compared_with_ranges() {
        let long = r#"{"d": {"gte": 10, "lte": 20}}"#;
        check(r#"{"d": {"within": [[5, 20]]}}"#, long, true);
        check(r#"{"d": {"within": [[11, 30]]}}"#, long, false);
        check(r#"{"d": {"contains": [[11, 12], [90, 91]]}}"#, long, true);
        check(r#"{"d": {"contains": [[5, 12]]}}"#, long, false);
        check(r#"{"d": {"intersects": [[20, 30]]}}"#, long, true);
        check(r#"{"d": {"intersects": [[20.5, 30]]}}"#, long, false);
        check(r#"{"d": {"within": [[0, 1], [10, 10]]}}"#, r#"{"d": 10.0}"#, true);
        check(r#"{"d": {"contains": [[10, 10]]}}"#, r#"{"d": 10}"#, true);
        check(r#"{"d": {"within": [["2013-01-01", "2013-02"]]}}"#, r#"{"d": "2013-01-31"}"#, true);
        check(r#"{"d": {"within": [["2013-01-01", "2013-02"]]}}"#, r#"{"d": 2013}"#, false);
    }

    #[test]
    fn all_that_is_said_must_hold() {
        let both = r#"{"a": {"prefix": "N1", "exists": true}, "b": {"within": [[1, 2]]}}"#;
        check(both, r#"{"a": "N14228", "b": 1.5}"#, true);
        check(both, r#"{"a": "N24211", "b": 1.5}"#, false);
        check(both, r#"{"a": "N14228", "b": 3}"#, false);
        check("{}", "{}", true);
    }
}
