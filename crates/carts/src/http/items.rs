//! What lies in a cart: putting things in, and taking them out.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base::json::elements;
use base::{Error, Result};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use web::scope::CartsWrite;
use web::{Answer, Body, Caller, Json, PathId, PathIds};

use super::status_of;
use super::wire::{CartItemCreate, CartItemsCreate, ItemView};
use crate::Carts;
use crate::model::{Asked, Item, ItemId};
use crate::service::items::Added;

/// At most so many items in a list.
const ITEMS_MAX: usize = 1_000;

/// What became of a list of items.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CartItemsReport {
    /// How many were sent.
    received: usize,
    /// How many are new in the cart.
    added: usize,
    /// How many could not be put in.
    failed: usize,
    /// What became of each, in the order they were sent in.
    results: Vec<CartItemResult>,
}

/// What became of one item of a list.
#[derive(Debug, Serialize, ToSchema)]
struct CartItemResult {
    /// Which one, from 0.
    row: usize,
    /// 201, 200 when it was there already, or what the item alone would have been answered.
    status: u16,
    /// Its id, if it is in the cart.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl CartItemResult {
    fn put(row: usize, id: &ItemId, new: bool) -> Self {
        let status = status(new).as_u16();
        Self { row, status, id: Some(id.to_string()), field: None, message: None }
    }

    fn failed(row: usize, error: &Error) -> Self {
        let detail = error.details().first();
        let message = detail.map_or(error.message(), |detail| &detail.message).to_owned();
        let field = detail.map(|detail| detail.field.clone());
        Self { row, status: status_of(error), id: None, field, message: Some(message) }
    }
}

/// Puts an item in a cart, or replaces the attributes of the one that is there; a list of at most 1,000
/// is answered item by item.
#[utoipa::path(post, path = "/resources/carts/{id}/items/", request_body = CartItemsCreate,
    params(("id" = String, Path, description = "The cart's id, or `default`")),
    responses((status = 201, description = "It is in the cart now", body = ItemView),
        (status = 200, description = "It was there; its attributes are replaced", body = ItemView),
        (status = 207, description = "What became of each item of a list", body = CartItemsReport)))]
pub(super) async fn item_add(
    caller: Caller<CartsWrite>,
    State(carts): State<Arc<Carts>>,
    PathId(asked): PathId<Asked>,
    Body(body): Body<Box<RawValue>>,
) -> Answer<Response> {
    if body.get().starts_with('[') {
        let report = add_many(&carts, &caller, asked, body.get()).await?;
        return Ok((StatusCode::MULTI_STATUS, Json(report)).into_response());
    }
    let item = item(body.get(), caller.now())?;
    let kept = |added: &Added| caller.record(status(added.new), None, &ItemView::new(added.item.clone())?);
    let added = carts.item_add(&caller, asked, &item, kept).await?;
    Ok((status(added.new), Json(ItemView::new(added.item)?)).into_response())
}

fn status(new: bool) -> StatusCode {
    if new { StatusCode::CREATED } else { StatusCode::OK }
}

fn item(raw: &str, now: Timestamp) -> Result<Item> {
    base::json::parse::<CartItemCreate>(raw.as_bytes())?.item(now)
}

async fn add_many(carts: &Carts, caller: &Caller<CartsWrite>, asked: Asked, raw: &str) -> Result<CartItemsReport> {
    let rows = elements(raw).filter(|rows| (1..=ITEMS_MAX).contains(&rows.len()));
    let rows = rows.ok_or_else(|| Error::invalid("body", format!("A list has 1 to {ITEMS_MAX} items")))?;
    let rows: Vec<Result<Item>> = rows.iter().map(|row| item(row.get(), caller.now())).collect();
    let good: Vec<Item> = rows.iter().filter_map(|row| row.as_ref().ok()).cloned().collect();
    let mut new = carts.items_add(caller, asked, &good).await?.into_iter();
    let result = |(row, item): (usize, &Result<Item>)| match item {
        Ok(item) => CartItemResult::put(row, &item.id, new.next().unwrap_or(false)),
        Err(error) => CartItemResult::failed(row, error),
    };
    let results: Vec<CartItemResult> = rows.iter().enumerate().map(result).collect();
    let count = |status| results.iter().filter(|result| result.status == status).count();
    let (added, put) = (count(201), good.len());
    Ok(CartItemsReport { received: results.len(), added, failed: results.len() - put, results })
}

/// Takes an item out of a cart; the answer is the item.
#[utoipa::path(delete, path = "/resources/carts/{id}/items/{item_id}",
    params(("id" = String, Path, description = "The cart's id, or `default`"),
        ("item_id" = String, Path, description = "The item's id: 64 hex digits")),
    responses((status = 200, body = ItemView), (status = 410, description = "It is deleted already")))]
pub(super) async fn item_delete(
    caller: Caller<CartsWrite>,
    State(carts): State<Arc<Carts>>,
    PathIds(asked, item): PathIds<Asked, ItemId>,
) -> Answer<Json<ItemView>> {
    Ok(Json(ItemView::new(carts.item_delete(&caller, asked, &item).await?)?))
}
