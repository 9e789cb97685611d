//! A table as it is compared: each row one text, with the columns of the original in their order,
//! and `NA` for whatever is missing, however it was spelled.

use std::collections::HashSet;

use anyhow::{Result, ensure};
use sha2::{Digest as _, Sha256};

use super::package::hex;

/// How missing values are spelled in the files.
const MISSING: &str = "NA";
/// Between cells; in no cell of the files.
const BETWEEN: &str = "\u{1f}";

/// Rows with their keys.
pub(super) struct Table {
    columns: Vec<String>,
    rows: Vec<(String, String)>,
}

/// A key as one text, which sorts as the values do one after the other.
pub(super) fn key<'a>(values: impl Iterator<Item = Option<&'a str>>) -> String {
    values.map(|value| value.unwrap_or(MISSING)).collect::<Vec<_>>().join(BETWEEN)
}

impl Table {
    /// Reads CSV. With an original its rows get the same columns; it may lack those in which every
    /// value is missing, and may have no others.
    pub(super) fn read(text: &[u8], key_columns: &[&str], original: Option<&Self>) -> Result<Self> {
        let mut reader = csv::Reader::from_reader(text);
        let header: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
        let columns = original.map_or_else(|| header.clone(), |original| original.columns.clone());
        ensure!(header.iter().all(|name| columns.contains(name)), "columns that nobody knows: {header:?}");
        let place = |name: &str| header.iter().position(|column| column == name);
        let places: Vec<Option<usize>> = columns.iter().map(|name| place(name)).collect();
        let key_places: Vec<Option<usize>> = key_columns.iter().map(|name| place(name)).collect();
        let mut rows = Vec::new();
        for row in reader.records() {
            let row = row?;
            let cell = |place: &Option<usize>| place.and_then(|place| row.get(place)).filter(|cell| !cell.is_empty());
            rows.push((key(key_places.iter().map(cell)), key(places.iter().map(cell))));
        }
        Ok(Self { columns, rows })
    }

    pub(super) fn sorted(mut self) -> Self {
        self.rows.sort();
        self
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many keys there are, each counted once.
    pub(super) fn keys(&self) -> usize {
        self.rows.iter().map(|(key, _)| key).collect::<HashSet<_>>().len()
    }

    /// Keys that begin so.
    pub(super) fn keys_from<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.rows.iter().map(|(key, _)| key.as_str()).filter(move |key| key.starts_with(prefix))
    }

    /// SHA-256 of all rows, in the order in which they stand.
    pub(super) fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for (_, row) in &self.rows {
            hasher.update(row.as_bytes());
            hasher.update(b"\n");
        }
        hex(&hasher.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_and_columns_do_not_matter_and_order_does() {
        let read = |text: &str, original| Table::read(text.as_bytes(), &["k"], original).unwrap();
        let original = read("k,a,b\n2,NA,x\n1,7,NA\n", None).sorted();
        let exported = read("b,k\n,1\nx,2\n", Some(&original));
        assert_ne!(exported.digest(), original.digest());
        let exported = read("a,k,b\n7,1,\n,2,x\n", Some(&original));
        assert_eq!(exported.digest(), original.digest());
        let exported = read("a,k,b\n,2,x\n7,1,\n", Some(&original));
        assert_ne!(exported.digest(), original.digest());
        assert!(Table::read(b"k,c\n1,2\n", &["k"], Some(&original)).is_err());
    }
}
