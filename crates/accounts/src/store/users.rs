//! Users, their sessions, and what waits for them.
//!
//! A user's own partition begins with the tenant; the directory of email addresses names both. What is
//! not confirmed expires, all of it at the same moment; what is, does not.

use std::sync::Arc;

use base::store::{Body, Key, Query, Range, StoreError, Version, When, Write};
use base::{Page, Result, Store, StoreExt as _, TenantId, key};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{Partition, Stored, TABLE, codec, stored};
use crate::identity::Email;
use crate::identity::local::{Failures, Pending, Purpose, Session, SigningKey, User, Written};

/// Those rows of the table that belong to our own users.
#[derive(Clone)]
pub(crate) struct UserRows(Arc<dyn Store>);

fn email_key(email: &str) -> Key {
    Key::new(TABLE, key!["@email", email], "email")
}

fn user_partition(tenant: &TenantId, user: Uuid) -> String {
    key![tenant, "user", user]
}

fn users_partition(tenant: &TenantId) -> String {
    key![tenant, "users"]
}

fn of(user: &User, sort: impl Into<String>) -> Key {
    Key::new(TABLE, user_partition(&user.tenant, user.id), sort)
}

fn session_sort(session: Uuid) -> String {
    key!["session", session]
}

fn pending_key(user: &User, purpose: Purpose) -> Key {
    of(user, key!["code", purpose.as_str()])
}

fn signing_key(key: &SigningKey) -> Key {
    Key::new(TABLE, "@signing", key![i64::from(key.generation)])
}

fn put(key: Key, value: &impl Serialize, expires: Option<Timestamp>, when: When) -> Write {
    let body = codec::encode(value);
    let body = match expires {
        Some(at) => body.expiring(at),
        None => body,
    };
    Write::put(key, body).when(when)
}

impl UserRows {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self(store)
    }

    /// Applies all of it or nothing.
    pub(crate) async fn commit(&self, writes: Vec<Write>) -> Result<Version, StoreError> {
        self.0.write(writes).await
    }

    async fn read<T: DeserializeOwned>(&self, key: Key) -> Result<Option<Stored<T>>> {
        self.0.get(key).await?.as_ref().map(stored).transpose()
    }

    /// The user of an address.
    pub(crate) async fn user_by_email(&self, email: &Email) -> Result<Option<Stored<User>>> {
        let Some(item) = self.0.get(email_key(email.as_str())).await? else { return Ok(None) };
        let whose = item.text("tenant").zip(item.text("user"));
        let Some((tenant, user)) = whose.and_then(|(tenant, user)| Some((tenant.parse().ok()?, user.parse().ok()?)))
        else {
            return Err(base::Error::internal("a line of the directory of addresses names nobody"));
        };
        self.read(Key::new(TABLE, user_partition(&tenant, user), "user")).await
    }

    /// How many users a tenant has.
    pub(crate) async fn users_count(&self, tenant: &TenantId) -> Result<u64> {
        Ok(self.0.count(TABLE, &users_partition(tenant), Range::All).await?)
    }

    /// The user alone.
    pub(crate) fn user_put(&self, user: &User, expires: Option<Timestamp>, when: When) -> Write {
        put(of(user, "user"), user, expires, when)
    }

    /// The condition that a user is still as they were seen.
    pub(crate) fn user_check(&self, user: &User, when: When) -> Write {
        Write::check(of(user, "user"), when)
    }

    /// The user, under the address, and in the list of the tenant's.
    pub(crate) fn user_writes(
        &self,
        user: &User,
        expires: Option<Timestamp>,
        when: When,
        email_when: When,
    ) -> Vec<Write> {
        let expiring = |body: Body| match expires {
            Some(at) => body.expiring(at),
            None => body,
        };
        let whose = Body::default().with("tenant", user.tenant.as_str()).with("user", user.id.to_string());
        let line = Body::default().with("email", user.email.as_str());
        let listed = Key::new(TABLE, users_partition(&user.tenant), key![user.created_at, user.id]);
        vec![
            self.user_put(user, expires, when),
            Write::put(email_key(&user.email), expiring(whose)).when(email_when),
            Write::put(listed, expiring(line)),
        ]
    }

    pub(crate) async fn failures(&self, user: &User) -> Result<Option<Stored<Failures>>> {
        self.read(of(user, "failures")).await
    }

    pub(crate) fn failures_put(&self, user: &User, failures: &Failures, until: Timestamp, when: When) -> Write {
        put(of(user, "failures"), failures, Some(until), when)
    }

    pub(crate) fn failures_delete(&self, user: &User) -> Write {
        Write::delete(of(user, "failures"))
    }

    pub(crate) async fn written(&self, user: &User) -> Result<Option<Stored<Written>>> {
        self.read(of(user, "written")).await
    }

    pub(crate) fn written_put(&self, user: &User, written: &Written, until: Timestamp, when: When) -> Write {
        put(of(user, "written"), written, Some(until), when)
    }

    pub(crate) async fn pending(&self, user: &User, purpose: Purpose) -> Result<Option<Stored<Pending>>> {
        self.read(pending_key(user, purpose)).await
    }

    pub(crate) fn pending_put(&self, user: &User, purpose: Purpose, pending: &Pending, when: When) -> Write {
        put(pending_key(user, purpose), pending, Some(pending.expires_at), when)
    }

    pub(crate) fn pending_delete(&self, user: &User, purpose: Purpose, when: When) -> Write {
        Write::delete(pending_key(user, purpose)).when(when)
    }

    /// A user and one of their sessions, in one read.
    pub(crate) async fn session(
        &self,
        tenant: &TenantId,
        user: Uuid,
        session: Uuid,
    ) -> Result<(Option<Stored<User>>, Option<Stored<Session>>)> {
        let partition = user_partition(tenant, user);
        let keys = [Key::new(TABLE, partition.clone(), "user"), Key::new(TABLE, partition, session_sort(session))];
        let mut found = self.0.get_many(&keys).await?.into_iter();
        let (user, session) = (found.next().flatten(), found.next().flatten());
        Ok((user.as_ref().map(stored).transpose()?, session.as_ref().map(stored).transpose()?))
    }

    pub(crate) fn session_put(&self, user: &User, session: &Session, when: When) -> Write {
        put(of(user, session_sort(session.id)), session, Some(session.expires_at), when)
    }

    /// The keys of our access tokens, the oldest first.
    pub(crate) async fn signing_keys(&self) -> Result<Vec<SigningKey>> {
        let found = self.0.query(Query::new(TABLE, "@signing").limit(100)).await?;
        found.items.iter().map(codec::decode).collect()
    }

    /// Adds a key, if nobody has added one of its generation, and removes those that are over.
    pub(crate) async fn signing_key_add<'a>(
        &self,
        key: &SigningKey,
        retired: impl Iterator<Item = &'a SigningKey>,
    ) -> Result<Version, StoreError> {
        let mut writes = vec![put(signing_key(key), key, None, When::Absent)];
        writes.extend(retired.map(|old| Write::delete(signing_key(old))));
        self.commit(writes).await
    }

    /// The partitions of a tenant's users, and of their addresses.
    pub(super) async fn user_partitions(&self, tenant: &TenantId, after: Option<String>) -> Result<Page<Partition>> {
        let listed = self.0.query(Query::new(TABLE, users_partition(tenant)).limit(1_000).after(after)).await?;
        let mut items = Vec::with_capacity(2 * listed.items.len() + 1);
        for item in &listed.items {
            items.push(Partition::new(TABLE, user_partition(tenant, super::last_part(item)?)));
            items.extend(item.text("email").map(|email| Partition::new(TABLE, email_key(email).partition)));
        }
        if listed.next.is_none() {
            items.push(Partition::new(TABLE, users_partition(tenant)));
        }
        Ok(Page { items, next: listed.next })
    }
}
