//! What is kept of one measurement.

use base::{Error, Result};
use jiff::Timestamp;
use uuid::Uuid;

use super::{Name, instant, reading};

/// The largest `data`: an item of the store, less its keys.
pub const DATA_BYTES_MAX: usize = base::store::ITEM_BYTES_MAX - 8 * 1024;

/// A record as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place: the text of its time, then what tells it from others of the same instant.
    pub sort: String,
    /// When it was measured.
    pub at: Timestamp,
    /// Of which series.
    pub series: Name,
    /// The public id of the key that wrote it.
    pub by: Option<String>,
    /// The text of its data, exactly.
    pub data: String,
}

/// A record that somebody wants to write.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Which series.
    pub series: Name,
    /// When it was measured; the time of the request when nobody says.
    pub at: Option<Timestamp>,
    /// The text of its data, exactly.
    pub data: String,
    /// What is measured in it.
    pub readings: Vec<reading::Reading>,
}

impl Draft {
    /// Judges what was sent: `data`, a validated JSON text; `name`; `ts`, a JSON text.
    ///
    /// # Errors
    /// `Invalid`, naming the field and what is allowed there.
    pub fn new(data: &str, name: Option<&str>, ts: Option<&str>, now: Timestamp) -> Result<Self> {
        if !data.starts_with('{') {
            return Err(Error::invalid("data", "Must be a JSON object"));
        }
        if data.len() > DATA_BYTES_MAX {
            return Err(Error::invalid("data", format!("At most {DATA_BYTES_MAX} bytes")));
        }
        let (readings, form) = reading::read(data)?;
        let (inner_name, inner_ts) = form.unwrap_or_default();
        let inner_name = inner_name.and_then(base::json::text);
        let at = match (ts, inner_ts) {
            (Some(ts), _) => Some(time("ts", ts, now)?),
            (None, Some(ts)) => Some(time("data.ts", ts, now)?),
            (None, None) => None,
        };
        let series = Name::or_default(name.or(inner_name.as_deref()))?;
        Ok(Self { series, at, data: data.to_owned(), readings })
    }

    /// The record it becomes: the `row`-th of the request whose id is `request`.
    pub fn record(&self, by: Option<&str>, now: Timestamp, request: Uuid, row: usize) -> Record {
        let at = self.at.unwrap_or(now);
        let sort = format!("{}-{}-{row:04x}", instant::text(at), request.simple());
        Record { sort, at, series: self.series.clone(), by: by.map(str::to_owned), data: self.data.clone() }
    }
}

/// The instant that a JSON text says: a string or a number.
fn time(field: &str, raw: &str, now: Timestamp) -> Result<Timestamp> {
    let text = base::json::text(raw);
    instant::check_ahead(field, instant::parse(field, text.as_deref().unwrap_or(raw))?, now)
}
