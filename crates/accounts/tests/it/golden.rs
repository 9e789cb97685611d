//! What earlier versions stored is still read.

use std::sync::Arc;

use accounts::model::{Entry, TenantStatus};
use accounts::{Accounts, Deps};
use base::memory::MemoryStore;
use base::store::{Body, Bulk, Field, Key, Table};
use base::{Clock, Store};
use serde_json::Value;

use crate::world::{World, manual};

/// A table as the first version left it: a tenant, a key, its use, and an audit.
const V1: &str = include_str!("../golden/v1.json");

#[tokio::test]
async fn the_first_version_is_read() {
    let clock: Arc<dyn Clock> = Arc::new(manual());
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let items: Vec<Value> = serde_json::from_str(V1).unwrap();
    assert!(!items.is_empty());
    store.bulk(Table("accounts"), items.iter().map(put).collect()).await.unwrap();
    let accounts = Accounts::new(Deps { store, clock: clock.clone() });
    let ctx = World::new(clock).await.ctx("0198a1b2-0000-7000-8000-000000000001");

    let tenant = accounts.tenant_get(&ctx, "acme").await.unwrap().value;
    assert_eq!((tenant.name.as_str(), tenant.status), ("Acme", TenantStatus::Suspended));
    assert_eq!(tenant.settings.rate_limits["control"][0].to_string(), "100/minute");
    assert_eq!((tenant.settings.max_concurrent_jobs, tenant.settings.retention_days), (3, 7));
    assert_eq!(tenant.settings.cors_origins, ["https://acme.example"]);
    assert_eq!(accounts.tenants_list(&ctx, None, 10).await.unwrap().items, [tenant]);

    let keys = accounts.keys_list(&ctx, None, 10).await.unwrap().items;
    let [listed] = keys.as_slice() else { panic!("{keys:?}") };
    assert_eq!((listed.key.id.as_str(), listed.key.name.as_str()), ("0AZ3ftkGrC7y", "reporting"));
    assert_eq!(listed.key.principal().as_str(), "key:9BZ3ftkGrC7y");
    assert_eq!(listed.key.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>(), ["ingest:read", "jobs:read"]);
    assert_eq!(listed.key.ends_at().unwrap().to_string(), "2027-01-01T00:00:00Z");
    assert_eq!(listed.last_used_at.unwrap().to_string(), "2026-02-03T04:05:06Z");

    let audit = accounts.audit_list(&ctx, None, 10).await.unwrap().items;
    let [Entry::Event(event), Entry::Denials(denials)] = audit.as_slice() else { panic!("{audit:?}") };
    assert_eq!((event.action.as_str(), event.subject.as_str()), ("key.created", "0AZ3ftkGrC7y"));
    assert_eq!(event.details["name"], "reporting");
    assert_eq!((denials.reason.as_str(), denials.count), ("key wrong", 4));
}

/// Keys are written as their parts; a number among them is itself a part.
fn put(item: &Value) -> Bulk {
    let parts = |name: &str| {
        let parts = item[name].as_array().unwrap().iter();
        parts.map(|part| part.as_i64().map_or_else(|| part.as_str().unwrap().to_owned(), |n| base::key![n]))
    };
    let join = |name: &str| parts(name).collect::<Vec<_>>().join(&base::key::SEPARATOR.to_string());
    let mut body = Body { data: item.get("data").map(|data| data.as_str().unwrap().to_owned()), ..Body::default() };
    for (name, value) in item["fields"].as_object().into_iter().flatten() {
        let field = value.as_i64().map_or_else(|| Field::from(value.as_str().unwrap()), Field::from);
        body.fields.insert(name.clone(), field);
    }
    Bulk::Put(Key::new(Table("accounts"), join("partition"), join("sort")), body)
}
