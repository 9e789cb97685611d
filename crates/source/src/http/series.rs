//! Which series there are.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use web::scope::SourceRead;
use web::{Answer, Caller, Json, List, Paging, PathId};

use crate::Source;
use crate::model::{Name, instant};
use crate::service::series::Summary;

/// A series.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeriesView {
    /// Its name.
    name: String,
    /// How many records it has.
    records: u64,
    /// The time of the earliest one.
    #[schema(format = DateTime)]
    first: Option<String>,
    /// The time of the latest one.
    #[schema(format = DateTime)]
    last: Option<String>,
    /// The paths of the numbers that its records may have.
    readings: Vec<String>,
    /// When it was first written to.
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<Summary> for SeriesView {
    fn from(summary: Summary) -> Self {
        Self {
            name: summary.head.name.as_str().to_owned(),
            records: summary.records,
            first: summary.first.map(instant::text),
            last: summary.last.map(instant::text),
            readings: summary.head.readings.into_iter().collect(),
            created_at: instant::text(summary.head.created_at),
        }
    }
}

/// Lists series by name.
#[utoipa::path(get, path = "/source/series", params(Paging), responses((status = 200, body = List<SeriesView>)))]
pub(super) async fn series_list(
    caller: Caller<SourceRead>,
    State(source): State<Arc<Source>>,
    paging: Paging,
) -> Answer<List<SeriesView>> {
    let page = paging.fetch(|after, limit| source.series_page(&caller, after, limit)).await?;
    Ok(paging.list(page.map(SeriesView::from), None))
}

/// Reads a series: how many records it has, since when, of what.
#[utoipa::path(get, path = "/source/series/{name}", params(("name" = String, Path, description = "Its name")),
    responses((status = 200, body = SeriesView)))]
pub(super) async fn series_get(
    caller: Caller<SourceRead>,
    State(source): State<Arc<Source>>,
    PathId(name): PathId<Name>,
) -> Answer<Json<SeriesView>> {
    Ok(Json(source.series_get(&caller, &name).await?.into()))
}
