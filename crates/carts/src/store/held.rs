//! Everything that a tenant has: which contents there are, those too that no cart names yet or any more.
//!
//! Contents are written down here before there is an item in them, and struck off when the last one is
//! removed. So whoever deletes a tenant, or cleans up, finds them.

use std::sync::Arc;

use base::store::{Body, Key, PAGE_MAX, Query, Table, Write};
use base::{Page, Result, Store, TenantId, key};
use uuid::Uuid;

use super::heads::{gone_partition, head_partition, name_partition, owner_partition, taken_partition};
use super::{Basket, CARTS};
use crate::model::Cart;

fn partition(tenant: &TenantId) -> String {
    key![tenant, "contents"]
}

fn entry(tenant: &TenantId, cart: Uuid, contents: Uuid) -> Key {
    Key::new(CARTS, partition(tenant), key![cart, contents])
}

/// Writes down that a cart has these contents, or is to have them.
pub fn put(cart: &Cart, contents: Uuid) -> Write {
    let body = Body::default().with("owner", cart.owner.principal.as_str());
    Write::put(entry(&cart.owner.tenant, cart.id, contents), body)
}

/// Strikes off contents of which nothing is left.
pub fn strike(tenant: &TenantId, cart: Uuid, contents: Uuid) -> Write {
    Write::delete(entry(tenant, cart, contents))
}

/// Every partition of a cart that is deleted, except those of its owner.
pub fn of_cart(basket: &Basket, tenant: &TenantId, cart: Uuid) -> Vec<(Table, String)> {
    let mut partitions = basket.partitions();
    partitions.push((CARTS, taken_partition(tenant, cart)));
    partitions
}

/// A page of a tenant's partitions, for whoever deletes the tenant; the list of contents, which leads to
/// the others, comes last.
///
/// # Errors
/// What the store fails with.
pub async fn partitions(
    store: &Arc<dyn Store>,
    tenant: &TenantId,
    after: Option<String>,
) -> Result<Page<(Table, String)>> {
    let list = partition(tenant);
    let slice = store.query(Query::new(CARTS, list.clone()).limit(PAGE_MAX / 20).after(after)).await?;
    let mut items = Vec::new();
    for stored in &slice.items {
        let ids: Vec<Uuid> = base::key::split(&stored.key.sort).iter().filter_map(|id| id.parse().ok()).collect();
        let [cart, contents] = ids[..] else { continue };
        let principal = stored.text("owner").unwrap_or_default();
        items.extend(of_cart(&Basket::new(store.clone(), tenant.clone(), contents), tenant, cart));
        items.push((CARTS, head_partition(tenant, cart)));
        items.push((CARTS, owner_partition(tenant, principal)));
        items.push((CARTS, name_partition(tenant, principal)));
    }
    if slice.next.is_none() {
        items.extend([(CARTS, gone_partition(tenant)), (CARTS, list)]);
    }
    Ok(Page { items, next: slice.next })
}
