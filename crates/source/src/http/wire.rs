//! What goes over the wire. Stored types are others.

use base::{Error, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::model::record::Draft;
use crate::model::{Record, instant};

/// A measurement.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
// Of now and of the series that questions are about unless said, so that what is written on the page of
// the API is found there as well.
#[schema(example = json!({ "data": { "temp": 21.5, "wind": { "speed": 3.2 } } }))]
pub(super) struct RecordCreate {
    /// What was measured: any JSON object. Its numbers are counted by their paths, such as
    /// `wind.speed`. The form `{"rows": [["parameter", "value"], ["temp", 21.5]], "ts": …, "name": …}`
    /// is understood too.
    #[schema(value_type = Object)]
    data: Box<RawValue>,
    /// Which series; `default` unless said.
    #[schema(max_length = 128)]
    name: Option<String>,
    /// When it was measured: RFC 3339, or seconds, milliseconds or microseconds since 1970; now
    /// unless said. At most 1 hour ahead.
    #[schema(value_type = Option<InstantView>)]
    ts: Option<Box<RawValue>>,
}

/// An instant: RFC 3339, or seconds, milliseconds or microseconds since 1970.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used; the text is read by the model")]
pub(super) enum InstantView {
    /// RFC 3339.
    Text(String),
    /// Since 1970.
    Number(f64),
}

impl RecordCreate {
    pub(super) fn draft(&self, now: Timestamp) -> Result<Draft> {
        let ts = self.ts.as_deref().map(RawValue::get);
        Draft::new(self.data.get(), self.name.as_deref(), ts, now)
    }
}

/// A record.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "default/roof", "sk": "2026-01-15T10:30:00.000000Z-019bc1b0c1d07c6fa3e5b0a4f1d2c3b4-0000",
    "event_time": "2026-01-15T10:30:00.000000Z", "name": "roof", "user_id": "4pmq7r5ct2kd",
    "data": { "temp": 21.5, "wind": { "speed": 3.2 } }
}))]
pub(super) struct MeasurementView {
    /// Tenant and series.
    id: String,
    /// Its place in the series: its time, then what tells it from others of the same instant.
    sk: String,
    /// When it was measured.
    #[schema(format = DateTime)]
    event_time: String,
    /// Its series.
    name: String,
    /// Who wrote it: the public id of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    /// What was measured, exactly as it was sent.
    #[schema(value_type = Object)]
    data: Box<RawValue>,
}

impl MeasurementView {
    pub(super) fn new(tenant: &base::TenantId, record: Record) -> Result<Self> {
        Ok(Self {
            id: format!("{tenant}/{}", record.series),
            event_time: instant::text(record.at),
            sk: record.sort,
            name: record.series.as_str().to_owned(),
            user_id: record.by,
            data: RawValue::from_string(record.data).map_err(Error::internal)?,
        })
    }

    /// As the cells of a row.
    pub(super) fn cells(&self) -> [&str; 5] {
        [&self.sk, &self.event_time, &self.name, self.user_id.as_deref().unwrap_or_default(), self.data.get()]
    }
}

/// What the cells of a row are.
pub(super) const COLUMNS: [&str; 5] = ["sk", "event_time", "name", "user_id", "data"];

/// What was written.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Written {
    /// 200.
    status: u16,
    /// That it was written.
    description: &'static str,
    /// The record.
    data: MeasurementView,
}

impl Written {
    pub(super) fn new(data: MeasurementView) -> Self {
        Self { status: 200, description: "Successfully added raw data to database", data }
    }
}

/// A question about a series.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "type": "latest" }))]
pub(super) struct Expose {
    /// `latest`; `24h_devt`: the last 24 hours in steps of 15 minutes; `24_average` (or
    /// `24h_average`); `7d_devt`: the last 7 days in steps of 24 hours; `7d_average`.
    #[serde(rename = "type")]
    #[schema(pattern = "^(latest|24h_devt|24h?_average|7d_devt|7d_average)$")]
    pub(super) kind: String,
    /// Which series; `default` unless said.
    #[schema(max_length = 128)]
    pub(super) name: Option<String>,
    /// Only these numbers, by their paths; all unless said. The latest record is always whole.
    pub(super) readings: Option<Vec<String>>,
}

/// An answer to a question about a series.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "status": 200, "description": "last 24h data averages", "data": { "24h averages": {
    "name": "roof", "timestamp": "from 2026-01-14T10:30:00.000000Z to 2026-01-15T10:29:31.250000Z",
    "data": { "average_temp": 21.5, "average_wind.speed": 3.2 }
}}}))]
pub(super) struct Exposed {
    /// 200.
    pub(super) status: u16,
    /// What is answered.
    pub(super) description: &'static str,
    /// The answers by their names, the newest first.
    #[schema(value_type = std::collections::HashMap<String, ExposedEntry>)]
    pub(super) data: Named,
}

/// One answer about a series.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExposedEntry {
    /// The series.
    pub(super) name: String,
    /// When, or `from … to …`.
    pub(super) timestamp: String,
    /// The record as it was sent, or means by the paths of their numbers.
    #[schema(value_type = Object)]
    pub(super) data: Box<RawValue>,
}

/// Answers in their order.
#[derive(Debug)]
pub(super) struct Named(pub(super) Vec<(String, ExposedEntry)>);

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, entry)| (name, entry)))
    }
}
