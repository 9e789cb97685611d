//! The second route of the seed.

use std::sync::Arc;

use axum::extract::State;
use base::{Error, Result};
use serde_json::Map;
use serde_json::value::RawValue;
use web::scope::SourceRead;
use web::{Answer, Body, Caller, Json};

use super::wire::{Expose, Exposed, ExposedEntry, Named};
use crate::Source;
use crate::model::{Name, instant};
use crate::service::expose::{Exposed as Found, Question};
use crate::service::window::Bucket;

/// Answers one of five questions about a series: its latest record, how it developed, its averages.
#[utoipa::path(post, path = "/source/expose", request_body = Expose, responses((status = 200, body = Exposed)))]
pub(super) async fn expose(
    caller: Caller<SourceRead>,
    State(source): State<Arc<Source>>,
    Body(body): Body<Expose>,
) -> Answer<Json<Exposed>> {
    let question: Question = body.kind.parse()?;
    let series = Name::or_default(body.name.as_deref())?;
    let found = source.expose(&caller, question, &series, body.readings.as_deref()).await?;
    let data = Named(entries(question, &series, found)?);
    Ok(Json(Exposed { status: 200, description: description(question), data }))
}

fn description(question: Question) -> &'static str {
    match question {
        Question::Latest => "latest data",
        Question::DayDevelopment => "last 24h data in 15 min increments",
        Question::DayAverage => "last 24h data averages",
        Question::WeekDevelopment => "last 7 days data in 1 day increments",
        Question::WeekAverage => "average 7 days data",
    }
}

fn entries(question: Question, series: &Name, found: Found) -> Result<Vec<(String, ExposedEntry)>> {
    let name = series.as_str().to_owned();
    match found {
        Found::Record(record) => {
            let data = RawValue::from_string(record.data).map_err(Error::internal)?;
            Ok(vec![("latest".to_owned(), ExposedEntry { name, timestamp: instant::text(record.at), data })])
        }
        Found::Buckets(buckets) => {
            let entry = |(place, bucket): (usize, Bucket)| {
                let label = label(question, place, &bucket);
                Ok((
                    label,
                    ExposedEntry {
                        name: name.clone(),
                        timestamp: timestamp(question, &bucket),
                        data: means(question, &bucket)?,
                    },
                ))
            };
            buckets.into_iter().map(entry).collect()
        }
    }
}

fn label(question: Question, place: usize, bucket: &Bucket) -> String {
    match question {
        Question::DayDevelopment => instant::text(bucket.from),
        Question::WeekDevelopment => format!("day_{}", place + 1),
        Question::WeekAverage => "7 day averages".to_owned(),
        Question::Latest | Question::DayAverage => "24h averages".to_owned(),
    }
}

fn timestamp(question: Question, bucket: &Bucket) -> String {
    match question {
        Question::DayDevelopment => instant::text(bucket.from),
        _ => format!("from {} to {}", instant::text(bucket.from), instant::text(bucket.to)),
    }
}

fn means(question: Question, bucket: &Bucket) -> Result<Box<RawValue>> {
    let averages = matches!(question, Question::DayAverage | Question::WeekAverage);
    let mut means = Map::new();
    for (path, figures) in &bucket.partial.readings {
        let label = if averages { format!("average_{path}") } else { path.clone() };
        means.insert(label, figures.mean.into());
    }
    serde_json::value::to_raw_value(&means).map_err(Error::internal)
}
