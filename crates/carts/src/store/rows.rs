//! Stored forms, with their versions.

use base::store::{Body, Item as Stored};
use base::{Error, Principal, Result, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::model::item::Entity;
use crate::model::{Cart, Item, Owner};

/// The stored form of a cart.
#[derive(Serialize, Deserialize)]
struct CartRow {
    v: u32,
    id: Uuid,
    owner: String,
    name: String,
    default: bool,
    contents: Uuid,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// The stored form of an item. There are many: names are short.
#[derive(Serialize, Deserialize)]
struct ItemRow<'a> {
    v: u32,
    t: String,
    e: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r: Option<String>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    a: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    h: Option<String>,
    /// Microseconds since 1970.
    at: i64,
}

fn unknown(what: &str) -> Error {
    Error::internal(format!("{what} is of an unknown version"))
}

pub(super) fn cart_body(cart: &Cart) -> Result<Body> {
    let row = CartRow {
        v: 1,
        id: cart.id,
        owner: cart.owner.principal.as_str().to_owned(),
        name: cart.name.clone(),
        default: cart.default,
        contents: cart.contents,
        created_at: cart.created_at,
        updated_at: cart.updated_at,
    };
    Ok(Body::data(serde_json::to_string(&row).map_err(Error::internal)?))
}

pub(super) fn cart(tenant: &TenantId, stored: &Stored) -> Result<Cart> {
    let row: CartRow = serde_json::from_str(stored.data()).map_err(Error::internal)?;
    let CartRow { v: 1, id, owner, name, default, contents, created_at, updated_at } = row else {
        return Err(unknown("a cart"));
    };
    let owner = Owner { tenant: tenant.clone(), principal: Principal::new(owner) };
    Ok(Cart { id, owner, name, default, contents, created_at, updated_at, version: stored.version })
}

pub(super) fn item_body(item: &Item) -> Result<Body> {
    let attributes = item.attributes.as_deref().map(serde_json::from_str::<&RawValue>).transpose();
    let row = ItemRow {
        v: 1,
        t: item.entity.entity_type.clone(),
        e: item.entity.entity_id.clone(),
        r: item.entity.entity_version.clone(),
        a: attributes.map_err(Error::internal)?,
        h: item.content_hash.clone(),
        at: item.added_at.as_microsecond(),
    };
    Ok(Body::data(serde_json::to_string(&row).map_err(Error::internal)?))
}

pub(super) fn item(stored: &Stored) -> Result<Item> {
    let row: ItemRow<'_> = serde_json::from_str(stored.data()).map_err(Error::internal)?;
    let ItemRow { v: 1, t, e, r, a, h, at } = row else { return Err(unknown("an item of a cart")) };
    Ok(Item {
        id: stored.key.sort.parse().map_err(|_| Error::internal("an item lies in a wrong place"))?,
        entity: Entity { entity_type: t, entity_id: e, entity_version: r },
        attributes: a.map(|raw| raw.get().to_owned()),
        content_hash: h,
        added_at: Timestamp::from_microsecond(at).map_err(Error::internal)?,
    })
}
