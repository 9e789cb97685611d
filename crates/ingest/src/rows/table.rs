//! Records as rows of a table: their top level, in columns.
//!
//! Records of one dataset tend to have the same names in the same order. So a name is looked for
//! where it was found in the record before, and only then among all.

use std::borrow::Cow;
use std::fmt;

use base::{Error, Result};
use bytes::Bytes;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The columns of a table that leaves nothing out: names, in the order in which they are first met.
#[derive(Debug, Default)]
pub struct Columns {
    names: Vec<String>,
}

impl Columns {
    /// Adds the top-level names of a record that are not there yet.
    ///
    /// # Errors
    /// `Internal` when the record is no JSON object.
    pub fn add(&mut self, record: &str) -> Result<()> {
        let mut hint = 0;
        each::<IgnoredAny>(record, |name, _| match position(&self.names, hint, name) {
            Some(at) => hint = at + 1,
            None => self.names.push(name.to_owned()),
        })
    }

    /// The names.
    pub fn into_names(self) -> Vec<String> {
        self.names
    }
}

/// Rows that gather until they are taken.
pub(super) struct Rows {
    columns: Vec<String>,
    out: csv::Writer<Vec<u8>>,
    /// About how many bytes have gathered.
    bytes: usize,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("columns", &self.columns).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Rows {
    /// Begins a table with its header.
    ///
    /// # Errors
    /// `Internal` when it cannot be written.
    pub(super) fn new(columns: Vec<String>) -> Result<Self> {
        let mut out = csv::Writer::from_writer(Vec::new());
        out.write_record(&columns).map_err(Error::internal)?;
        Ok(Self { columns, out, bytes: 0 })
    }

    /// Adds a record: a string as its text, null as nothing, what is nested as JSON.
    ///
    /// # Errors
    /// `Internal` when the record is no JSON object.
    pub(super) fn add(&mut self, record: &str) -> Result<()> {
        let mut cells: Vec<&RawValue> = vec![RawValue::NULL; self.columns.len()];
        let mut hint = 0;
        each(record, |name, value| {
            if let Some(at) = position(&self.columns, hint, name) {
                cells[at] = value;
                hint = at + 1;
            }
        })?;
        for cell in cells {
            let text = text(cell.get())?;
            self.bytes += text.len() + 1;
            self.out.write_field(text.as_ref()).map_err(Error::internal)?;
        }
        self.out.write_record(None::<&[u8]>).map_err(Error::internal)
    }

    /// About how many bytes have gathered.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What has gathered.
    ///
    /// # Errors
    /// `Internal` when it cannot be written.
    pub(super) fn take(&mut self) -> Result<Bytes> {
        let next = csv::Writer::from_writer(Vec::with_capacity(self.bytes));
        let out = std::mem::replace(&mut self.out, next);
        self.bytes = 0;
        let text = out.into_inner().map_err(|error| Error::internal(error.error()))?;
        Ok(Bytes::from(text))
    }
}

/// Where a name is among others, most likely at `hint`.
fn position(names: &[String], hint: usize, name: &str) -> Option<usize> {
    match names.get(hint) {
        Some(expected) if expected == name => Some(hint),
        _ => names.iter().position(|known| known == name),
    }
}

/// What a value is in a cell.
fn text(value: &str) -> Result<Cow<'_, str>> {
    match value.strip_prefix('"') {
        None if value == "null" => Ok(Cow::Borrowed("")),
        None => Ok(Cow::Borrowed(value)),
        Some(rest) if !rest.contains('\\') => Ok(Cow::Borrowed(rest.strip_suffix('"').unwrap_or(rest))),
        Some(_) => serde_json::from_str(value).map(Cow::Owned).map_err(Error::internal),
    }
}

/// Shows the top level of a record, a JSON object, name by name.
fn each<'a, V: serde::Deserialize<'a>>(record: &'a str, see: impl FnMut(&str, V)) -> Result<()> {
    let mut json = serde_json::Deserializer::from_str(record);
    json.deserialize_map(Each(see, std::marker::PhantomData)).map_err(Error::internal)
}

struct Each<F, V>(F, std::marker::PhantomData<V>);

impl<'a, V: serde::Deserialize<'a>, F: FnMut(&str, V)> Visitor<'a> for Each<F, V> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(mut self, mut map: M) -> Result<(), M::Error> {
        while let Some(name) = map.next_key::<Name<'a>>()? {
            let value = map.next_value()?;
            (self.0)(&name.0, value);
        }
        Ok(())
    }
}

/// A name, borrowed unless it is written with escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    fn table(records: &[&str]) -> String {
        let mut columns = Columns::default();
        records.iter().for_each(|record| columns.add(record).unwrap());
        let mut rows = Rows::new(columns.into_names()).unwrap();
        records.iter().for_each(|record| rows.add(record).unwrap());
        String::from_utf8(rows.take().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn columns_are_in_the_order_in_which_they_are_first_met() {
        let records = [r#"{"a":1.10,"b":"x"}"#, r#"{"c":true,"b":"y","a":2}"#, r#"{"\u0062":null}"#];
        assert_eq!(table(&records), "a,b,c\n1.10,x,\n2,y,true\n,,\n");
    }

    #[test]
    fn cells_are_quoted_where_they_must_be_and_nested_values_are_json() {
        let records = [r#"{"a":"x,\"y\"\n\u00e9","b":{"c":[1, 2]},"d":"é"}"#];
        assert_eq!(table(&records), "a,b,d\n\"x,\"\"y\"\"\né\",\"{\"\"c\"\":[1, 2]}\",é\n");
    }

    #[test]
    fn what_is_no_object_is_no_row() {
        assert!(Columns::default().add("[1]").is_err());
    }
}
