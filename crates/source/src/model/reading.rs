//! What is measured in a record: every number in it, by its dotted path.
//!
//! `{"wind": {"speed": 3.5}, "gusts": [4, 5]}` has the readings `wind.speed`, `gusts.0`, `gusts.1`.
//! Strings, booleans and nulls are kept with the record and measure nothing.
//!
//! The row form of older senders is understood too: `{"rows": [["parameter", "value"],
//! ["temp", 21.5], …], "ts": …, "name": …}` has the reading `temp`.

use base::Error;
use base::json::{elements, members};

/// At most so many readings in a record.
pub const READINGS_MAX: usize = 256;
/// The longest path of a reading, in bytes.
pub const PATH_BYTES_MAX: usize = 255;

/// A number of a record and where it stands.
pub type Reading = (String, f64);

/// What the row form says of its record: the name of its series and its time, as JSON texts.
pub type RowForm<'d> = (Option<&'d str>, Option<&'d str>);

/// The readings of `data`, a validated JSON object, sorted by path.
///
/// # Errors
/// `Invalid`, naming `data` or the path at fault.
pub fn readings(data: &str) -> Result<Vec<Reading>, Error> {
    read(data).map(|(readings, _)| readings)
}

/// The readings of `data`, and what else it says where it has the row form.
///
/// # Errors
/// As for [`readings`].
pub fn read(data: &str) -> Result<(Vec<Reading>, Option<RowForm<'_>>), Error> {
    let rows = rows(data);
    let find = |wanted| base::json::pick(data, wanted).map(serde_json::value::RawValue::get);
    let form = rows.as_ref().map(|_| (find("name"), find("ts")));
    let found = rows.unwrap_or_else(|| {
        let mut found = Vec::new();
        collect(data, &mut String::new(), &mut found);
        found
    });
    checked(found).map(|readings| (readings, form))
}

/// Sorts readings by path, or says what is wrong with them.
fn checked(mut found: Vec<Reading>) -> Result<Vec<Reading>, Error> {
    if found.len() > READINGS_MAX {
        return Err(Error::invalid("data", format!("At most {READINGS_MAX} numbers in a record")));
    }
    found.sort_by(|one, two| one.0.cmp(&two.0));
    let long = found.iter().find(|(path, _)| path.len() > PATH_BYTES_MAX || path.is_empty());
    if let Some((path, _)) = long {
        let field = format!("data.{}", base::id::shown(path));
        return Err(Error::invalid(field, format!("The path of a number is 1 to {PATH_BYTES_MAX} bytes")));
    }
    match found.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => {
            let field = format!("data.{}", base::id::shown(&pair[0].0));
            Err(Error::invalid(field, "Two numbers have this path"))
        }
        None => Ok(found),
    }
}

fn collect(raw: &str, path: &mut String, found: &mut Vec<Reading>) {
    match raw.as_bytes().first() {
        Some(b'{') => {
            for (name, value) in members(raw).unwrap_or_default() {
                within(path, &name, value.get(), found);
            }
        }
        Some(b'[') => {
            for (place, value) in elements(raw).unwrap_or_default().into_iter().enumerate() {
                within(path, &place.to_string(), value.get(), found);
            }
        }
        Some(b'-' | b'0'..=b'9') => found.extend(raw.parse().ok().map(|value| (path.clone(), value))),
        _ => {}
    }
}

fn within(path: &mut String, step: &str, raw: &str, found: &mut Vec<Reading>) {
    // One more than are allowed is enough to refuse them.
    if found.len() > READINGS_MAX {
        return;
    }
    let length = path.len();
    if length > 0 {
        path.push('.');
    }
    path.push_str(step);
    collect(raw, path, found);
    path.truncate(length);
}

/// The readings of the row form; `None` when `data` has another form.
fn rows(data: &str) -> Option<Vec<Reading>> {
    // Most records are not of this form, and need not be taken apart to know it; a name may be escaped.
    if !data.contains("\"rows\"") && !data.contains('\\') {
        return None;
    }
    let members = members(data)?;
    let (_, rows) = members.iter().find(|(name, _)| name == "rows")?;
    let rows = elements(rows.get())?;
    let (head, rows) = rows.split_first()?;
    let named = elements(head.get())?.iter().all(|name| name.get().starts_with('"'));
    if !named || !members.iter().all(|(name, _)| matches!(name.as_ref(), "rows" | "ts" | "name")) {
        return None;
    }
    let mut found = Vec::new();
    for row in rows {
        let row = elements(row.get())?;
        let [parameter, value] = row.as_slice() else { return None };
        let parameter = base::json::text(parameter.get())?.into_owned();
        if value.get().starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            found.push((parameter, value.get().parse().ok()?));
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(data: &str) -> Vec<(String, f64)> {
        readings(data).unwrap()
    }

    #[test]
    fn numbers_are_found_by_their_paths() {
        let found = paths(r#"{"b":{"y":-1e3,"x":0.1},"a":[1,"2",[3]],"s":"4","t":true,"n":null}"#);
        let expected = [("a.0", 1.0), ("a.2.0", 3.0), ("b.x", 0.1), ("b.y", -1000.0)];
        assert_eq!(found, expected.map(|(path, value)| (path.to_owned(), value)));
    }

    #[test]
    fn rows_are_parameters_and_values() {
        let data = r#"{"rows":[["parameter","value"],["temp",21.5],["unit","C"]],"ts":1768473000,"name":"roof"}"#;
        assert_eq!(paths(data), [("temp".to_owned(), 21.5)]);
        assert_eq!(read(data).unwrap().1, Some((Some("\"roof\""), Some("1768473000"))));
        let other = r#"{"rows":[["parameter","value"],["temp",21.5]],"more":1}"#;
        assert_eq!(read(other).unwrap().1, None);
        assert_eq!(paths(other), [("more".to_owned(), 1.0), ("rows.1.1".to_owned(), 21.5)]);
    }

    #[test]
    fn what_cannot_be_counted_is_named() {
        let field = |data: &str| readings(data).unwrap_err().details()[0].field.clone();
        assert_eq!(field(r#"{"a.b":1,"a":{"b":2}}"#), "data.a.b");
        assert_eq!(field(r#"{"":1}"#), "data.");
        let many: Vec<String> = (0..=READINGS_MAX).map(|n| n.to_string()).collect();
        assert_eq!(field(&format!(r#"{{"a":[{}]}}"#, many.join(","))), "data");
        assert_eq!(paths(&format!(r#"{{"a":[{}]}}"#, many[1..].join(","))).len(), READINGS_MAX);
    }
}
