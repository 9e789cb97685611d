//! Queries and combinations, and the jobs that they are.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::{Error, JobId};
use web::scope::{CartsRead, CartsWrite};
use web::{Accepted, Answer, Body, Caller, Json, PathId, Prefer};

use super::wire::{CartCombine, CartItemBatchJob, CartQuery, CartQueryCount, job_path};
use crate::Carts;
use crate::model::Asked;
use crate::service::work::{Progress, Question};

/// The id of a job in a path.
pub(super) struct Job(JobId);

impl FromStr for Job {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let id = text.parse().map_err(|_| Error::invalid("job_id", "The id of a job is a UUID in lower case"))?;
        Ok(Self(id))
    }
}

/// Puts what a query finds in a cart. The job is durable when this is answered; with `dry_run` the answer
/// is how many records it would find.
#[utoipa::path(post, path = "/resources/carts/{id}/items/query", request_body = CartQuery,
    params(("id" = String, Path, description = "The cart's id, or `default`")),
    responses((status = 202, body = CartItemBatchJob), (status = 200, body = CartQueryCount)))]
pub(super) async fn query(
    caller: Caller<CartsWrite>,
    State(carts): State<Arc<Carts>>,
    PathId(asked): PathId<Asked>,
    Body(body): Body<CartQuery>,
) -> Answer<Response> {
    let CartQuery { entity_type, filters, limit, dry_run } = body;
    let question = Question { entity_type, filters: filters.get().to_owned(), limit };
    if dry_run {
        let items_found = carts.query_count(&caller, asked, &question).await?;
        return Ok(Json(CartQueryCount { items_found }).into_response());
    }
    Ok(accepted(carts.query_start(&caller, asked, question).await?)?.into_response())
}

/// Replaces the items of a cart by what becomes of them with those of another cart, all at once. Of items
/// of both the attributes are those of the first.
#[utoipa::path(post, path = "/resources/carts/{id}/combine", request_body = CartCombine,
    params(("id" = String, Path, description = "The cart's id, or `default`")),
    responses((status = 202, body = CartItemBatchJob)))]
pub(super) async fn combine(
    caller: Caller<CartsWrite>,
    State(carts): State<Arc<Carts>>,
    PathId(asked): PathId<Asked>,
    Body(body): Body<CartCombine>,
) -> Answer<Accepted<CartItemBatchJob>> {
    let with: Asked = body.with.parse().map_err(|_| Error::invalid("with", "The id of a cart, or default"))?;
    Ok(accepted(carts.combine_start(&caller, asked, with, body.op.parse()?).await?)?)
}

fn accepted(progress: Progress) -> base::Result<Accepted<CartItemBatchJob>> {
    let at = job_path(progress.job.id);
    Ok(Accepted::at(at, CartItemBatchJob::new(progress)?))
}

/// How far a job is. With `Prefer: wait=N` the answer waits for its end, up to N seconds.
#[utoipa::path(get, path = "/resources/cart-item-batch-jobs/{job_id}",
    params(("job_id" = String, Path, description = "The job's id"),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: wait up to N seconds for its end")),
    responses((status = 200, body = CartItemBatchJob)))]
pub(super) async fn job_get(
    caller: Caller<CartsRead>,
    State(carts): State<Arc<Carts>>,
    PathId(Job(id)): PathId<Job>,
    prefer: Prefer,
) -> Answer<Json<CartItemBatchJob>> {
    if let Some(wait) = prefer.wait {
        carts.job_wait(&caller, id, wait).await?;
    }
    Ok(Json(CartItemBatchJob::new(carts.job_get(&caller, id).await?)?))
}

/// How far a job is: what `GET` says, for clients that ask this way.
#[utoipa::path(post, path = "/resources/cart-item-batch-jobs/{job_id}",
    params(("job_id" = String, Path, description = "The job's id")),
    responses((status = 200, body = CartItemBatchJob)))]
pub(super) async fn job_post(
    caller: Caller<CartsRead>,
    State(carts): State<Arc<Carts>>,
    PathId(Job(id)): PathId<Job>,
) -> Answer<Json<CartItemBatchJob>> {
    Ok(Json(CartItemBatchJob::new(carts.job_get(&caller, id).await?)?))
}

/// Stops a job. What it has put in the cart stays there.
#[utoipa::path(delete, path = "/resources/cart-item-batch-jobs/{job_id}",
    params(("job_id" = String, Path, description = "The job's id")),
    responses((status = 200, body = CartItemBatchJob)))]
pub(super) async fn job_cancel(
    caller: Caller<CartsWrite>,
    State(carts): State<Arc<Carts>>,
    PathId(Job(id)): PathId<Job>,
) -> Answer<Json<CartItemBatchJob>> {
    Ok(Json(CartItemBatchJob::new(carts.job_cancel(&caller, id).await?)?))
}
