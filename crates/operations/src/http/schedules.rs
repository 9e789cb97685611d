//! Schedules of any service.

use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use jobs::Schedule;
use serde::Serialize;
use utoipa::ToSchema;
use web::scope::{AnyScope, JobsWrite};
use web::{Accepted, Answer, Caller, Json, List, Paging, PathId, Routes, route};

use super::Api;
use super::job::{self, JobView};
use crate::Operations;
use crate::model::ScheduleName;

/// Adds the routes of this file.
pub(super) fn add(routes: Routes<Arc<Operations>>) -> Routes<Arc<Operations>> {
    routes.add(route!(schedule_list)).add(route!(schedule_run)).add(route!(schedule_pause)).add(route!(schedule_resume))
}

/// When a job is made by itself.
#[derive(Serialize, ToSchema)]
#[schema(as = Schedule, example = json!({
    "id": "users", "when": "0 6 * * 1-5 Europe/London", "kind": "ingest.fetch", "paused": false,
    "next_at": "2026-01-02T06:00:00Z", "last_at": "2026-01-01T06:00:00Z"
}))]
pub(super) struct ScheduleView {
    /// Its name, unique in the tenant.
    id: String,
    /// An interval such as `every 30s`, or five cron fields and perhaps a time zone.
    when: String,
    /// Which kind of job it makes.
    kind: String,
    /// Whether it is held.
    paused: bool,
    /// The next tick, unless it is held.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_at: Option<Timestamp>,
    /// The last tick that made a job.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_at: Option<Timestamp>,
}

impl From<Schedule> for ScheduleView {
    fn from(schedule: Schedule) -> Self {
        Self {
            next_at: (!schedule.paused).then_some(schedule.next_at),
            last_at: schedule.last_at,
            id: schedule.name,
            when: schedule.when,
            kind: schedule.kind,
            paused: schedule.paused,
        }
    }
}

/// Lists schedules by name: with `jobs:read` of every kind, otherwise of the kinds whose scope the
/// caller holds.
#[utoipa::path(get, path = "/api/v1/schedules", params(Paging),
    responses((status = 200, body = List<ScheduleView>)))]
async fn schedule_list(caller: Caller<AnyScope>, State(operations): Api, paging: Paging) -> Answer<List<ScheduleView>> {
    let read = |after, limit| operations.schedule_list(&caller, after, limit);
    let page = paging.fetch(read).await?;
    Ok(paging.list(page.map(ScheduleView::from), None))
}

/// Makes a schedule's job now, beside its ticks; or joins the one that is under way already.
#[utoipa::path(post, path = "/api/v1/schedules/{id}/run",
    params(("id" = String, Path, description = "The schedule's name")), responses((status = 202, body = JobView)))]
async fn schedule_run(
    caller: Caller<JobsWrite>,
    State(operations): Api,
    PathId(name): PathId<ScheduleName>,
) -> Answer<Accepted<JobView>> {
    let job = operations.schedule_run(&caller, &name).await?.job;
    Ok(Accepted::at(job::path(job.id), JobView::of(job, caller.now())))
}

/// Holds a schedule. 409 when it is held already.
#[utoipa::path(post, path = "/api/v1/schedules/{id}/pause",
    params(("id" = String, Path, description = "The schedule's name")), responses((status = 200, body = ScheduleView)))]
async fn schedule_pause(
    caller: Caller<JobsWrite>,
    State(operations): Api,
    PathId(name): PathId<ScheduleName>,
) -> Answer<Json<ScheduleView>> {
    Ok(Json(operations.schedule_pause(&caller, &name).await?.into()))
}

/// Lets a held schedule go on, from its next tick. 409 when it is not held.
#[utoipa::path(post, path = "/api/v1/schedules/{id}/resume",
    params(("id" = String, Path, description = "The schedule's name")), responses((status = 200, body = ScheduleView)))]
async fn schedule_resume(
    caller: Caller<JobsWrite>,
    State(operations): Api,
    PathId(name): PathId<ScheduleName>,
) -> Answer<Json<ScheduleView>> {
    Ok(Json(operations.schedule_resume(&caller, &name).await?.into()))
}
