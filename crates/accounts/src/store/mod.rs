//! Where the accounts are kept: the only module that names `Store`.
//!
//! One table, `accounts`. A tenant's own partitions begin with its id:
//!
//! | partition | sort | holds |
//! |---|---|---|
//! | `tenant`, "tenant" | "tenant" | the tenant |
//! | `tenant`, "keys" | made at, key id | nothing: the list of its keys |
//! | `tenant`, "audit" | at, event id | one event |
//! | `tenant`, "audit" | minute, "denied", reason | a count of refusals |
//! | `tenant`, "users" | made at, user | the address: the list of its users |
//! | `tenant`, "user", user | "user" | the user |
//! | `tenant`, "user", user | "session", session | a session |
//! | `tenant`, "user", user | "code", purpose | a code that waits to be typed |
//! | `tenant`, "user", user | "failures", "written" | failed sign-ins; letters sent |
//!
//! Directories begin with `@`, which no tenant's id can:
//!
//! | partition | sort | holds |
//! |---|---|---|
//! | `@key`, key id | "key" | the key: what a caller is checked against, in one read |
//! | `@key`, key id | "used" | when it was last used; apart, so that using a key does not change it |
//! | `@slug`, slug | "slug" | whose slug it is |
//! | `@tenants` | made at, tenant | nothing: the list of tenants |
//! | `@email`, address | "email" | whose address it is |
//! | `@signing` | generation | a key that our access tokens are signed with |
//!
//! How to get it wrong: put the key into the tenant's list as well, for a shorter list. Then there
//! are two copies of what revokes it.

mod codec;
mod erase;
mod rows;
mod users;

pub(crate) use erase::Eraser;
pub use erase::{Holdings, Partition};
pub(crate) use rows::Rows;
pub use rows::Stored;
use rows::{last_part, stored};
pub(crate) use users::UserRows;

use base::key;
use base::store::{Body, Key, Table, When, Write};
use jiff::Timestamp;

use crate::model::{ApiKey, Denials, Event, KeyId, Slug, Tenant};
use base::TenantId;

const TABLE: Table = Table("accounts");

/// The tables of accounts.
pub const TABLES: [Table; 1] = [TABLE];

fn tenant_key(tenant: &TenantId) -> Key {
    Key::new(TABLE, key![tenant, "tenant"], "tenant")
}

fn slug_key(slug: &str) -> Key {
    Key::new(TABLE, key!["@slug", slug], "slug")
}

fn listed_tenant_key(tenant: &Tenant) -> Key {
    Key::new(TABLE, "@tenants", key![tenant.created_at, tenant.id])
}

fn key_partition(id: &KeyId) -> String {
    key!["@key", id.as_str()]
}

fn key_key(id: &KeyId) -> Key {
    Key::new(TABLE, key_partition(id), "key")
}

fn used_key(id: &KeyId) -> Key {
    Key::new(TABLE, key_partition(id), "used")
}

fn keys_partition(tenant: &TenantId) -> String {
    key![tenant, "keys"]
}

fn audit_partition(tenant: &TenantId) -> String {
    key![tenant, "audit"]
}

/// The tenant itself.
pub(crate) fn tenant_put(tenant: &Tenant, when: When) -> Write {
    Write::put(tenant_key(&tenant.id), codec::encode(tenant)).when(when)
}

/// The tenant's line in the list of tenants.
pub(crate) fn tenant_list(tenant: &Tenant) -> Write {
    Write::put(listed_tenant_key(tenant), Body::default())
}

/// The condition that the tenant is there.
pub(crate) fn tenant_there(tenant: &TenantId) -> Write {
    Write::check(tenant_key(tenant), When::Present)
}

/// Removes the tenant itself.
pub(crate) fn tenant_delete(tenant: &TenantId, when: When) -> Write {
    Write::delete(tenant_key(tenant)).when(when)
}

/// Removes the tenant's line from the list of tenants.
pub(crate) fn tenant_unlist(tenant: &Tenant) -> Write {
    Write::delete(listed_tenant_key(tenant))
}

/// Takes a slug, if nobody has it.
pub(crate) fn slug_take(slug: &Slug, tenant: &TenantId) -> Write {
    let body = Body::default().with("tenant", tenant.as_str());
    Write::put(slug_key(slug.as_str()), body).when(When::Absent)
}

/// Gives a slug back.
pub(crate) fn slug_release(slug: &Slug) -> Write {
    Write::delete(slug_key(slug.as_str()))
}

/// The key itself.
pub(crate) fn key_put(key: &ApiKey, when: When) -> Write {
    Write::put(key_key(&key.id), codec::encode(key)).when(when)
}

/// The key's line in the list of its tenant's keys.
pub(crate) fn key_list(key: &ApiKey) -> Write {
    Write::put(Key::new(TABLE, keys_partition(&key.tenant), key![key.created_at, key.id.as_str()]), Body::default())
}

/// Remembers an event in the audit of `tenant`.
pub(crate) fn event_put(tenant: &TenantId, event: &Event) -> Write {
    Write::put(Key::new(TABLE, audit_partition(tenant), key![event.at, event.id]), codec::encode(event))
}

/// Counts refusals in the audit of `tenant`.
pub(crate) fn denials_add(tenant: &TenantId, denials: &Denials) -> Write {
    let sort = key![denials.minute, "denied", denials.reason];
    Write::add(Key::new(TABLE, audit_partition(tenant), sort), [("count", denials.count)])
}

/// Remembers that a key was used at `now`, if nobody did since `before` was read.
pub(crate) fn used_put(id: &KeyId, before: Option<Timestamp>, now: Timestamp) -> Write {
    let when = before.map_or(When::Absent, |at| When::is("at", at.as_microsecond()));
    Write::put(used_key(id), Body::default().with("at", now.as_microsecond())).when(when)
}
