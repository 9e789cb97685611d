//! Making, naming, removing carts.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use web::scope::{CartsRead, CartsWrite};
use web::{Answer, Body, Caller, Created, IfMatch, Json, Paging, Params, PathId, Tagged};

use super::wire::{CartContents, CartCreate, CartRename, CartView, ItemView, cart_path};
use crate::Carts;
use crate::model::{Asked, Cart};
use crate::service::carts::Counted;

/// So many items of a cart are shown unless another number is asked for.
const ITEMS_SHOWN: usize = 1_000;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ContentsParams {
    /// How many items at most; 1,000 unless said.
    #[param(minimum = 1, maximum = 1000, default = 1000)]
    limit: Option<i64>,
}

/// Makes a cart.
#[utoipa::path(post, path = "/resources/carts/", request_body = CartCreate,
    responses((status = 201, body = CartView)))]
pub(super) async fn cart_create(
    caller: Caller<CartsWrite>,
    State(carts): State<Arc<Carts>>,
    Body(body): Body<CartCreate>,
) -> Answer<Tagged<Created<CartView>>> {
    let name = body.cart_name.parse()?;
    let made = carts.cart_create(&Cart::new(&caller, Some(&name))).await?;
    let (version, at) = (made.cart.version, cart_path(made.cart.id));
    Ok(Tagged::new(version, Created::at(at, made.into())))
}

/// Lists the caller's carts, the newest first; where the list goes on is in `Link`.
#[utoipa::path(get, path = "/resources/carts/", params(Paging), responses((status = 200, body = Vec<CartView>)))]
pub(super) async fn cart_list(
    caller: Caller<CartsRead>,
    State(carts): State<Arc<Carts>>,
    paging: Paging,
) -> Answer<Response> {
    let page = paging.fetch(|after, limit| carts.cart_page(&caller, after, limit)).await?;
    let list = paging.list(page.map(CartView::from), None);
    let link = list.link().and_then(|link| HeaderValue::from_str(link).ok());
    let mut response = Json(list.items).into_response();
    if let Some(link) = link {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// Reads a cart and its first items. `default` is the caller's default cart, which is made when it is
/// first asked for.
#[utoipa::path(get, path = "/resources/carts/{id}", params(Paging, ("id" = String, Path, description = "Its id, or `default`")),
    responses((status = 200, body = CartContents)))]
pub(super) async fn cart_get(
    caller: Caller<CartsRead>,
    State(carts): State<Arc<Carts>>,
    PathId(asked): PathId<Asked>,
    paging: Paging,
    Params(params): Params<ContentsParams>,
) -> Answer<Json<CartContents>> {
    let paging = if params.limit.is_none() { paging.with_limit(ITEMS_SHOWN) } else { paging };
    let cart = carts.cart_use(&caller, asked).await?;
    let page = paging.fetch(|after, limit| carts.item_page(&cart, after, limit)).await?;
    let list = paging.list(page, None);
    let next = list.next;
    let items = list.items.into_iter().map(ItemView::new).collect::<base::Result<_>>()?;
    Ok(Json(CartContents { id: cart.id, cart_name: cart.name, default: cart.default, items, next }))
}

/// Names a cart.
#[utoipa::path(put, path = "/resources/carts/{id}", request_body = CartRename,
    params(("id" = String, Path, description = "Its id, or `default`"),
        ("If-Match" = Option<String>, Header, description = "Only if it is this version")),
    responses((status = 200, body = CartView)))]
pub(super) async fn cart_put(
    caller: Caller<CartsWrite>,
    State(carts): State<Arc<Carts>>,
    PathId(asked): PathId<Asked>,
    seen: IfMatch,
    Body(body): Body<CartRename>,
) -> Answer<Tagged<Json<CartView>>> {
    rename(&caller, &carts, asked, seen, body).await
}

/// Names a cart.
#[utoipa::path(patch, path = "/resources/carts/{id}", request_body = CartRename,
    params(("id" = String, Path, description = "Its id, or `default`"),
        ("If-Match" = Option<String>, Header, description = "Only if it is this version")),
    responses((status = 200, body = CartView)))]
pub(super) async fn cart_patch(
    caller: Caller<CartsWrite>,
    State(carts): State<Arc<Carts>>,
    PathId(asked): PathId<Asked>,
    seen: IfMatch,
    Body(body): Body<CartRename>,
) -> Answer<Tagged<Json<CartView>>> {
    rename(&caller, &carts, asked, seen, body).await
}

async fn rename(
    caller: &Caller<CartsWrite>,
    carts: &Carts,
    asked: Asked,
    seen: IfMatch,
    body: CartRename,
) -> Answer<Tagged<Json<CartView>>> {
    let name = body.cart_name.parse()?;
    let check = |version| seen.check(version);
    let named = carts.cart_rename(caller, asked, &name, body.id.as_deref(), check).await?;
    Ok(tagged(named))
}

/// Makes a cart disappear; its items are removed behind the answer, which is the cart as it was.
#[utoipa::path(delete, path = "/resources/carts/{id}",
    params(("id" = String, Path, description = "Its id, or `default`"),
        ("If-Match" = Option<String>, Header, description = "Only if it is this version")),
    responses((status = 200, body = CartView), (status = 410, description = "It is deleted already")))]
pub(super) async fn cart_delete(
    caller: Caller<CartsWrite>,
    State(carts): State<Arc<Carts>>,
    PathId(asked): PathId<Asked>,
    seen: IfMatch,
) -> Answer<Json<CartView>> {
    let deleted = carts.cart_delete(&caller, asked, |version| seen.check(version)).await?;
    Ok(Json(deleted.into()))
}

fn tagged(counted: Counted) -> Tagged<Json<CartView>> {
    Tagged::new(counted.cart.version, Json(counted.into()))
}
