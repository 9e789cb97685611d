//! Who is calling: what is read, what is remembered, what is written down; and what is not guessed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use accounts::model::{Entry, NewKey, NewTenant, Role, Settings};
use base::clock::ManualClock;
use base::store::{Body, Key, Query, Table, Write};
use base::{Environment, ErrorKind, Result, Store as _, TenantId, clock, key};
use jobs::Quotas as _;

use crate::world::{SECOND, World, copy, manual};

async fn verify(world: &World, key: &str) -> Result<()> {
    world.accounts.verify(key, true, None).await.map(drop)
}

#[tokio::test]
async fn a_caller_is_read_once_a_second() {
    let clock = manual();
    let world = World::new(Arc::new(clock.clone())).await;
    let reader = world.reader().await;
    let key = reader.text.expose();
    verify(&world, key).await.unwrap();
    let reads = world.store.reads();
    for _ in 0..100 {
        verify(&world, key).await.unwrap();
    }
    assert_eq!(world.store.reads(), reads);
    clock.advance(SECOND);
    verify(&world, key).await.unwrap();
    assert!(world.store.reads() > reads);
}

#[tokio::test]
async fn a_revoked_key_ends_here_at_once_and_elsewhere_within_a_second() {
    let clock = manual();
    let world = World::new(Arc::new(clock.clone())).await;
    let reader = world.reader().await;
    let key = reader.text.expose();
    let elsewhere = copy(&world.store, &world.clock);
    for _ in 0..2 {
        verify(&world, key).await.unwrap();
        elsewhere.verify(key, true, None).await.unwrap();
    }
    world.accounts.key_revoke(&world.ctx("default"), &reader.key.id).await.unwrap();
    let error = verify(&world, key).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Unauthenticated, "Invalid API key"));
    clock.advance(SECOND);
    assert_eq!(elsewhere.verify(key, true, None).await.unwrap_err().message(), "Invalid API key");
}

#[tokio::test]
async fn a_read_that_a_revocation_overtook_is_not_remembered() {
    let world = World::new(Arc::new(manual())).await;
    let reader = world.reader().await;
    world.store.reads_held.store(true, Ordering::SeqCst);
    let (accounts, key) = (world.accounts.clone(), reader.text.expose().clone());
    let slow = tokio::spawn(async move { accounts.verify(&key, true, None).await });
    world.store.until_held().await;
    world.store.reads_held.store(false, Ordering::SeqCst);
    world.accounts.key_revoke(&world.ctx("default"), &reader.key.id).await.unwrap();
    world.store.gate.add_permits(1);
    // It was let in before; the next one is not.
    slow.await.unwrap().unwrap();
    verify(&world, reader.text.expose()).await.unwrap_err();
}

#[tokio::test]
async fn a_key_ends_at_its_instant_although_it_is_remembered() {
    let clock = manual();
    let world = World::new(Arc::new(clock.clone())).await;
    let mut ask = NewKey::new("short", Role::Reader.scopes());
    ask.expires_at = Some(clock::add(world.clock.now(), SECOND));
    let short = world.accounts.key_create(&world.ctx("default"), ask).await.unwrap();
    clock.advance(Duration::from_millis(999));
    verify(&world, short.text.expose()).await.unwrap();
    clock.advance(Duration::from_millis(1));
    verify(&world, short.text.expose()).await.unwrap_err();
}

#[tokio::test]
async fn a_store_that_does_not_answer_lets_nobody_in_who_was_not_let_in_lately() {
    let clock = manual();
    let world = World::new(Arc::new(clock.clone())).await;
    let (reader, other) = (world.reader().await, world.reader().await);
    let [key, other] = [&reader, &other].map(|made| made.text.expose());
    let unavailable = async |key: &str| {
        assert_eq!(verify(&world, key).await.unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(world.client().with_key(key).get("/api/v1/me").await.status, 503);
    };
    world.store.down.store(true, Ordering::SeqCst);
    unavailable(key).await;
    world.store.down.store(false, Ordering::SeqCst);
    verify(&world, key).await.unwrap();
    world.store.down.store(true, Ordering::SeqCst);
    unavailable(other).await;
    let just_before = Duration::from_secs(300) - Duration::from_micros(1);
    clock.advance(just_before);
    // A store that says nothing is waited for once.
    let reads = world.store.reads();
    verify(&world, key).await.unwrap();
    assert_eq!(world.store.reads(), reads + 1);
    // Known from memory, they may read what is kept; this is not.
    assert_eq!(world.client().with_key(key).get("/api/v1/me").await.status, 503);
    clock.advance(Duration::from_micros(1));
    unavailable(key).await;
}

/// Revoked in another copy, and seen to be so before the store went away.
#[tokio::test]
async fn a_key_that_was_found_revoked_is_not_let_in_when_the_store_goes_away() {
    let clock = manual();
    let world = World::new(Arc::new(clock.clone())).await;
    let reader = world.reader().await;
    let key = reader.text.expose();
    verify(&world, key).await.unwrap();
    copy(&world.store, &world.clock).key_revoke(&world.ctx("default"), &reader.key.id).await.unwrap();
    clock.advance(SECOND);
    assert_eq!(verify(&world, key).await.unwrap_err().kind(), ErrorKind::Unauthenticated);
    world.store.down.store(true, Ordering::SeqCst);
    clock.advance(SECOND);
    assert_eq!(verify(&world, key).await.unwrap_err().kind(), ErrorKind::Unauthenticated);
}

/// Two reads of a key: one that began before it was revoked and is slow, and one that began after.
#[tokio::test]
async fn an_older_reading_does_not_stand_in_for_a_newer() {
    let clock = manual();
    let world = World::new(Arc::new(clock.clone())).await;
    let reader = world.reader().await;
    let key = reader.text.expose().clone();
    let elsewhere = copy(&world.store, &world.clock);
    verify(&world, &key).await.unwrap();
    clock.advance(SECOND);
    world.store.reads_held.store(true, Ordering::SeqCst);
    let (accounts, text) = (world.accounts.clone(), key.clone());
    let slow = tokio::spawn(async move { accounts.verify(&text, true, None).await });
    world.store.until_held().await;
    world.store.reads_held.store(false, Ordering::SeqCst);
    elsewhere.key_revoke(&world.ctx("default"), &reader.key.id).await.unwrap();
    clock.advance(Duration::from_millis(1));
    assert_eq!(verify(&world, &key).await.unwrap_err().kind(), ErrorKind::Unauthenticated);
    world.store.gate.add_permits(1);
    // It was good when it was read.
    slow.await.unwrap().unwrap();
    world.store.down.store(true, Ordering::SeqCst);
    clock.advance(SECOND);
    assert_eq!(verify(&world, &key).await.unwrap_err().kind(), ErrorKind::Unauthenticated);
}

#[tokio::test]
async fn use_is_written_down_once_a_minute() {
    let clock = manual();
    let world = World::new(Arc::new(clock.clone())).await;
    let reader = world.reader().await;
    let elsewhere = copy(&world.store, &world.clock);
    let used = async || {
        // What was spawned runs before this goes on: the runtime has one thread and memory never waits.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        world.accounts.key_get(&world.ctx("default"), &reader.key.id).await.unwrap().last_used_at
    };
    assert_eq!(used().await, None);
    let first = world.clock.now();
    let writes = world.store.writes();
    for _ in 0..59 {
        verify(&world, reader.text.expose()).await.unwrap();
        elsewhere.verify(reader.text.expose(), true, None).await.unwrap();
        assert_eq!(used().await, Some(first));
        clock.advance(SECOND);
    }
    // Both copies may have tried the first time; one of them wrote.
    assert!((1..=2).contains(&(world.store.writes() - writes)), "{}", world.store.writes() - writes);
    clock.advance(SECOND);
    let second = world.clock.now();
    verify(&world, reader.text.expose()).await.unwrap();
    assert_eq!(used().await, Some(second));
}

#[tokio::test]
async fn nobody_waits_until_use_is_written_down() {
    let world = World::new(Arc::new(manual())).await;
    let reader = world.reader().await;
    world.store.writes_held.store(true, Ordering::SeqCst);
    verify(&world, reader.text.expose()).await.unwrap();
    world.store.until_held().await;
    world.store.down.store(true, Ordering::SeqCst);
    world.store.gate.add_permits(1);
    // The caller is remembered and the failed note changes nothing for them.
    verify(&world, reader.text.expose()).await.unwrap();
}

#[tokio::test]
async fn a_dev_key_from_elsewhere_is_refused_before_any_read() {
    let world = World::new(Arc::new(manual())).await;
    let mut ask = NewKey::new("dev", Role::Reader.scopes());
    ask.environment = Environment::Dev;
    let dev = world.accounts.key_create(&world.ctx("default"), ask).await.unwrap();
    let reads = world.store.reads();
    let error = world.accounts.verify(dev.text.expose(), false, None).await.unwrap_err();
    assert_eq!((error.message(), world.store.reads()), ("Invalid API key", reads));
    world.accounts.verify(dev.text.expose(), true, None).await.unwrap();
}

#[tokio::test]
async fn refusals_are_gathered_and_counted_by_the_minute() {
    let clock = manual();
    let world = World::new(Arc::new(clock.clone())).await;
    let reader = world.reader().await;
    world.accounts.key_revoke(&world.ctx("default"), &reader.key.id).await.unwrap();
    let writes = world.store.writes();
    for _ in 0..200 {
        verify(&world, reader.text.expose()).await.unwrap_err();
    }
    assert_eq!(world.store.writes(), writes, "a refusal cost a write");
    clock.advance(Duration::from_secs(30));
    for _ in 0..3 {
        verify(&world, reader.text.expose()).await.unwrap_err();
    }
    let page = world.accounts.audit_list(&world.ctx("default"), None, 100).await.unwrap();
    let counts: Vec<_> = page
        .items
        .iter()
        .filter_map(|entry| match entry {
            Entry::Denials(denials) => Some((denials.minute.to_string(), denials.reason.as_str(), denials.count)),
            Entry::Event(_) => None,
        })
        .collect();
    let reason = "key revoked or expired";
    assert_eq!(
        counts,
        [("2026-03-01T12:01:00Z".to_owned(), reason, 3), ("2026-03-01T12:00:00Z".to_owned(), reason, 200)]
    );
}

#[tokio::test]
async fn refusals_that_could_not_be_written_are_written_later() {
    let clock = manual();
    let world = World::new(Arc::new(clock.clone())).await;
    let reader = world.reader().await;
    world.accounts.key_revoke(&world.ctx("default"), &reader.key.id).await.unwrap();
    verify(&world, reader.text.expose()).await.unwrap_err();
    let tried = world.store.writes();
    world.store.down.store(true, Ordering::SeqCst);
    gather(&clock).await;
    assert!(world.store.writes() > tried, "nobody tried to write");
    world.store.down.store(false, Ordering::SeqCst);
    gather(&clock).await;
    assert_eq!(refusals(&world, "default").await, [1]);
}

#[tokio::test]
async fn no_refusal_is_counted_for_who_was_removed_meanwhile() {
    let clock = manual();
    let world = World::new(Arc::new(clock.clone())).await;
    let ask = NewTenant { name: "Gone".to_owned(), slug: "gone".parse().unwrap(), settings: Settings::default() };
    let gone = world.accounts.tenant_create(&world.ctx("system"), ask).await.unwrap().value.id;
    for tenant in [gone.as_str(), "default"] {
        let ctx = world.ctx(tenant);
        let made = world.accounts.key_create(&ctx, NewKey::new("key", Role::Reader.scopes())).await.unwrap();
        world.accounts.key_revoke(&ctx, &made.key.id).await.unwrap();
        verify(&world, made.text.expose()).await.unwrap_err();
    }
    world.store.write(vec![Write::delete(Key::new(Table("accounts"), key![gone, "tenant"], "tenant"))]).await.unwrap();
    gather(&clock).await;
    assert_eq!((refusals(&world, gone.as_str()).await, refusals(&world, "default").await), (vec![], vec![1]));
}

/// Lets those who write refusals do so: they wait for a while each time.
async fn gather(clock: &ManualClock) {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    clock.advance(Duration::from_secs(5));
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// How many refusals of a tenant were written, for each line that says so.
async fn refusals(world: &World, tenant: &str) -> Vec<i64> {
    let audit = Query::new(Table("accounts"), key![tenant, "audit"]);
    let lines = world.store.query(audit).await.unwrap().items;
    lines.iter().filter(|line| line.body.data.is_none()).map(|line| line.int("count")).collect()
}

#[tokio::test]
async fn how_long_a_tenant_keeps_what_is_finished_is_not_guessed() {
    let clock = manual();
    let world = World::new(Arc::new(clock.clone())).await;
    let settings = Settings { retention_days: 3_650, ..Settings::default() };
    let ask = NewTenant { name: "Keeper".to_owned(), slug: "keeper".parse().unwrap(), settings };
    let keeper = world.accounts.tenant_create(&world.ctx("system"), ask).await.unwrap().value.id;
    let days = |days: u64| Duration::from_secs(86_400 * days);

    world.store.down.store(true, Ordering::SeqCst);
    assert_eq!(world.accounts.retention(&keeper).await.unwrap_err().kind(), ErrorKind::Unavailable);
    world.store.down.store(false, Ordering::SeqCst);
    assert_eq!(world.accounts.retention(&keeper).await.unwrap(), days(3_650));
    let nobody: TenantId = "nobody".parse().unwrap();
    assert_eq!(world.accounts.retention(&nobody).await.unwrap(), days(30));

    let row = Key::new(Table("accounts"), key![keeper, "tenant"], "tenant");
    world.store.write(vec![Write::put(row, Body::data("{"))]).await.unwrap();
    clock.advance(SECOND);
    assert_eq!(world.accounts.retention(&keeper).await.unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(world.accounts.running_jobs_max(&keeper).await, 10);
}
