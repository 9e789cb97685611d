//! The first start, and the way back in.

use std::sync::Arc;
use std::time::Duration;

use accounts::model::{NewKey, Role};
use base::{ErrorKind, clock};

use crate::world::{SECOND, World, copy, manual};

#[tokio::test]
async fn the_first_key_may_do_everything_and_acts_for_default() {
    let world = World::new(Arc::new(manual())).await;
    let first = world.first.text.expose();
    let verified = world.accounts.verify(first, false, None).await.unwrap();
    assert_eq!((verified.key.tenant.as_str(), verified.tenant.id.as_str()), ("system", "default"));
    assert_eq!(verified.key.scopes, Role::Platform.scopes());
    let system = world.accounts.verify(first, false, Some("system")).await.unwrap();
    assert_eq!(system.tenant.id.as_str(), "system");
    assert!(!format!("{:?}", world.first).contains(first), "a key prints itself");
}

#[tokio::test]
async fn later_starts_make_nothing() {
    let world = World::new(Arc::new(manual())).await;
    let writes = world.store.writes();
    for _ in 0..3 {
        assert!(copy(&world.store, &world.clock).bootstrap().await.unwrap().is_none());
    }
    assert_eq!(world.store.writes(), writes);
}

#[tokio::test]
async fn a_lost_key_is_recovered_from_the_store_itself() {
    let world = World::new(Arc::new(manual())).await;
    let like_the_first = NewKey::new("Recovered", Role::Platform.scopes());
    let made = world.accounts.key_recover(None, like_the_first.clone()).await.unwrap();
    let verified = world.accounts.verify(made.text.expose(), false, None).await.unwrap();
    assert_eq!((verified.key.tenant.as_str(), verified.tenant.id.as_str()), ("system", "default"));
    let of_default = NewKey::new("Recovered", Role::Admin.scopes());
    let made = world.accounts.key_recover(Some("default"), of_default).await.unwrap();
    assert_eq!(world.accounts.verify(made.text.expose(), false, None).await.unwrap().key.tenant.as_str(), "default");
    // Nor can recovery give a tenant what only `system` holds, or find one that is not there.
    let error = world.accounts.key_recover(Some("default"), like_the_first.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let error = world.accounts.key_recover(Some("nobody"), like_the_first).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TenantNotFound);
}

#[tokio::test]
async fn a_request_that_is_run_again_makes_the_same_key_with_another_secret() {
    let world = World::new(Arc::new(manual())).await;
    let ctx = world.ctx("default");
    let ask = NewKey::new("twice", Role::Reader.scopes());
    let before = world.accounts.keys_count(&ctx).await.unwrap();
    let lost = world.accounts.key_create(&ctx, ask.clone()).await.unwrap();
    let again = world.accounts.key_create(&ctx, ask).await.unwrap();
    assert_eq!(lost.key.id, again.key.id);
    assert_eq!(world.accounts.keys_count(&ctx).await.unwrap(), before + 1);
    world.accounts.verify(lost.text.expose(), true, None).await.unwrap_err();
    world.accounts.verify(again.text.expose(), true, None).await.unwrap();
}

/// Its reply was lost, and the old key ends with the first run.
#[tokio::test]
async fn a_rotation_that_is_run_again_makes_the_same_successor_with_another_secret() {
    for overlap in [Duration::ZERO, SECOND] {
        let now = manual();
        let world = World::new(Arc::new(now.clone())).await;
        let (accounts, lifetime) = (&world.accounts, 100 * SECOND);
        let mut ask = NewKey::new("old", Role::Reader.scopes());
        ask.expires_at = Some(clock::add(world.clock.now(), lifetime));
        let old = accounts.key_create(&world.ctx("default"), ask).await.unwrap().key.id;
        now.advance(10 * SECOND);
        let ctx = world.ctx("default");
        let lost = accounts.key_rotate(&ctx, &old, overlap).await.unwrap();
        let again = accounts.key_rotate(&ctx, &old, overlap).await.unwrap();
        assert_eq!(lost.key.id, again.key.id);
        assert_eq!(again.key.ends_at(), Some(clock::add(ctx.now(), lifetime)));
        accounts.verify(lost.text.expose(), true, None).await.unwrap_err();
        accounts.verify(again.text.expose(), true, None).await.unwrap();

        // Another request finds the old one as it is.
        match accounts.key_rotate(&world.ctx("default"), &old, overlap).await {
            Ok(other) => assert_eq!((other.key.ends_at(), overlap), (again.key.ends_at(), SECOND)),
            Err(error) => assert_eq!((error.kind(), overlap), (ErrorKind::Conflict, Duration::ZERO)),
        }
        // And one that was revoked meanwhile does not come back.
        accounts.key_revoke(&world.ctx("default"), &lost.key.id).await.unwrap();
        let error = accounts.key_rotate(&ctx, &old, overlap).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
    }
}
