//! From the text of a request to a filter; whatever is wrong is named by its path in the request.

use base::json::{elements, members, text};
use base::{Error, Result};

use super::{Condition, Filter, Span, Value};

/// At most so many conditions in a filter.
const CONDITIONS_MAX: usize = 100;
/// At most so many values, or ranges, in a condition.
const VALUES_MAX: usize = 1_000;
/// The longest filter, in bytes: it is kept with its job.
const BYTES_MAX: usize = 128 << 10;

const OPERATORS: &str = "is, contains, within, intersects, prefix, exists";

impl Filter {
    /// The filter that the member `filters` of a request says.
    ///
    /// # Errors
    /// `Invalid`, naming the path in the request.
    pub fn parse(raw: &str) -> Result<Self> {
        if raw.len() > BYTES_MAX {
            return Err(Error::invalid("filters", format!("Must be at most {BYTES_MAX} bytes")));
        }
        let members = members(raw).ok_or_else(|| {
            let why = "Must be an object whose members are fields, such as {\"carrier\": {\"is\": [\"UA\"]}}";
            Error::invalid("filters", why)
        })?;
        let mut fields = Vec::with_capacity(members.len());
        let mut count = 0;
        for (path, raw) in members {
            let at = format!("filters.{}", base::id::shown(&path));
            if path.is_empty() || path.split('.').any(str::is_empty) {
                return Err(Error::invalid(at, "Must be a path such as distance or wind.speed"));
            }
            let conditions = conditions(&at, raw.get())?;
            count += conditions.len();
            if count > CONDITIONS_MAX {
                return Err(Error::invalid(at, format!("There may be at most {CONDITIONS_MAX} conditions")));
            }
            fields.push((path.into_owned(), conditions));
        }
        Ok(Self { fields })
    }
}

fn conditions(at: &str, raw: &str) -> Result<Vec<Condition>> {
    let members = members(raw).filter(|members| !members.is_empty());
    let members =
        members.ok_or_else(|| Error::invalid(at, format!("Must be an object of one or more of {OPERATORS}")))?;
    members.into_iter().map(|(operator, raw)| condition(at, &operator, raw.get())).collect()
}

fn condition(at: &str, operator: &str, raw: &str) -> Result<Condition> {
    let at = format!("{at}.{}", base::id::shown(operator));
    Ok(match operator {
        "is" => Condition::Is(list(&at, raw, value)?),
        "contains" => Condition::Contains(list(&at, raw, span)?),
        "within" => Condition::Within(list(&at, raw, span)?),
        "intersects" => Condition::Intersects(list(&at, raw, span)?),
        "prefix" => {
            let prefix = text(raw).ok_or_else(|| Error::invalid(at, "Must be a text"))?;
            Condition::Prefix(prefix.into_owned())
        }
        "exists" => match raw {
            "true" => Condition::Exists(true),
            "false" => Condition::Exists(false),
            _ => return Err(Error::invalid(at, "Must be true or false")),
        },
        _ => return Err(Error::invalid(at, format!("There is no such operator. Allowed: {OPERATORS}"))),
    })
}

fn list<T>(at: &str, raw: &str, one: impl Fn(String, &str) -> Result<T>) -> Result<Vec<T>> {
    let elements = elements(raw).filter(|elements| (1..=VALUES_MAX).contains(&elements.len()));
    let elements =
        elements.ok_or_else(|| Error::invalid(at, format!("Must be an array of 1 to {VALUES_MAX} elements")))?;
    elements.iter().enumerate().map(|(n, element)| one(format!("{at}.{n}"), element.get())).collect()
}

fn value(at: String, raw: &str) -> Result<Option<Value>> {
    if raw == "null" {
        return Ok(None);
    }
    let value = Value::of(raw).ok_or_else(|| Error::invalid(at, "Must be a text, a number, true, false or null"))?;
    Ok(Some(value))
}

fn span(at: String, raw: &str) -> Result<Span> {
    let ends = elements(raw).unwrap_or_default();
    let ends: Vec<Option<Value>> = ends.iter().map(|end| Value::of(end.get())).collect();
    match <[Option<Value>; 2]>::try_from(ends) {
        Ok([Some(from), Some(to)]) if from.up_to(&to) => Ok(Span(from, to)),
        _ => Err(Error::invalid(at, "Must be an array of two numbers or two texts, the first not behind the second")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(filters: &str, field: &str) {
        assert_eq!(Filter::parse(filters).unwrap_err().details()[0].field, field, "{filters}");
    }

    #[test]
    fn what_is_wrong_is_named_by_its_path() {
        check("[]", "filters");
        check("null", "filters");
        check(r#"{"": {"is": [1]}}"#, "filters.");
        check(r#"{"a..b": {"is": [1]}}"#, "filters.a..b");
        check(r#"{"a": 1}"#, "filters.a");
        check(r#"{"a": {}}"#, "filters.a");
        check(r#"{"a": {"equals": [1]}}"#, "filters.a.equals");
        check(r#"{"a.b": {"is": 1}}"#, "filters.a.b.is");
        check(r#"{"a": {"is": []}}"#, "filters.a.is");
        check(r#"{"a": {"is": ["x", {}]}}"#, "filters.a.is.1");
        check(r#"{"a": {"within": [1, 2]}}"#, "filters.a.within.0");
        check(r#"{"a": {"within": [[1, 2], [2, 1]]}}"#, "filters.a.within.1");
        check(r#"{"a": {"contains": [[1, "2"]]}}"#, "filters.a.contains.0");
        check(r#"{"a": {"intersects": [[1, 2, 3]]}}"#, "filters.a.intersects.0");
        check(r#"{"a": {"intersects": [[1, 2, null]]}}"#, "filters.a.intersects.0");
        check(r#"{"a": {"prefix": 1}}"#, "filters.a.prefix");
        check(r#"{"a": {"exists": "yes"}}"#, "filters.a.exists");
    }

    #[test]
    fn there_are_only_so_many() {
        let fields = |n: usize| {
            let fields: Vec<String> = (0..n).map(|n| format!(r#""f{n}": {{"exists": true}}"#)).collect();
            format!("{{{}}}", fields.join(","))
        };
        assert!(Filter::parse(&fields(CONDITIONS_MAX)).is_ok());
        check(&fields(CONDITIONS_MAX + 1), "filters.f100");
        let values = |n: usize| format!(r#"{{"a": {{"is": [{}]}}}}"#, vec!["1"; n].join(","));
        assert!(Filter::parse(&values(VALUES_MAX)).is_ok());
        check(&values(VALUES_MAX + 1), "filters.a.is");
        check(&format!(r#"{{"a": {{"prefix": "{}"}}}}"#, "x".repeat(BYTES_MAX)), "filters");
    }
}
