//! What a store that fails still promises, shown on [`FaultyStore`] before the store under test.

use std::sync::Arc;
use std::time::Duration;

use crate::conformance::Fixture;
use crate::fault::{FaultyStore, Fired, Odds};
use crate::store::{Body, Bulk, StoreError, When, Write};
use crate::{Store, StoreExt};

const SEED: u64 = 7;

fn faulty(fx: &Fixture<dyn Store>, odds: Odds) -> Arc<FaultyStore> {
    let store = FaultyStore::new(fx.share(), Arc::clone(fx.clock()), SEED);
    store.set(odds);
    Arc::new(store)
}

/// After `Unknown` the write is there, and whoever repeats it under its condition finds that out.
pub async fn a_lost_reply_may_have_been_applied(fx: &Fixture<dyn Store>) {
    let store = faulty(fx, Odds { unknown: 1.0, ..Odds::default() });
    let key = fx.key("p", "s");
    let put = Write::put(key.clone(), Body::data("1")).when(When::Absent);
    assert!(matches!(store.write(vec![put.clone()]).await, Err(StoreError::Unknown(_))));
    assert_eq!(fx.read(&key).await.unwrap().data(), "1");
    assert_eq!(store.fired(), Fired { unknown: 1, ..Fired::default() });
    store.set(Odds::default());
    assert_eq!(store.write(vec![put]).await, Err(StoreError::Failed(vec![0])));
    assert_eq!(store.get(key).await.unwrap().unwrap().data(), "1");
}

/// After `Unknown` the write may as well not be there: a request can be lost like its reply.
pub async fn a_lost_reply_may_not_have_been_applied(fx: &Fixture<dyn Store>) {
    let store = faulty(fx, Odds { vanished: 1.0, ..Odds::default() });
    let key = fx.key("p", "s");
    let put = Write::put(key.clone(), Body::data("1")).when(When::Absent);
    assert!(matches!(store.write(vec![put.clone()]).await, Err(StoreError::Unknown(_))));
    assert_eq!(fx.read(&key).await, None);
    assert_eq!(store.fired(), Fired { vanished: 1, ..Fired::default() });
    store.set(Odds::default());
    store.write(vec![put]).await.unwrap();
}

/// After a bulk's `Unknown` any of its writes may be there; repeating it makes all of them so.
pub async fn a_lost_reply_of_bulk_may_have_been_applied_in_part(fx: &Fixture<dyn Store>) {
    let store = faulty(fx, Odds { unknown: 1.0, ..Odds::default() });
    let writes: Vec<Bulk> =
        (0..100).map(|n| Bulk::Put(fx.key("p", &n.to_string()), Body::data(n.to_string()))).collect();
    let table = writes[0].key().table;
    assert!(matches!(store.bulk(table, writes.clone()).await, Err(StoreError::Unknown(_))));
    let keys: Vec<_> = writes.iter().map(|write| write.key().clone()).collect();
    let applied = fx.get_many(&keys).await.unwrap().into_iter().flatten().count();
    assert!((1..100).contains(&applied), "seed {SEED} applied {applied} of 100");
    store.set(Odds::default());
    store.bulk(table, writes).await.unwrap();
    assert_eq!(fx.get_many(&keys).await.unwrap().into_iter().flatten().count(), 100);
}

/// `Busy` and `Unavailable` say that nothing happened, and nothing did.
pub async fn a_refused_call_was_not_applied(fx: &Fixture<dyn Store>) {
    let store = faulty(fx, Odds { busy: 0.5, unavailable: 0.5, ..Odds::default() });
    let key = fx.key("p", "s");
    for _ in 0..40 {
        let answer = store.write(vec![Write::add(key.clone(), [("n", 1)])]).await;
        assert!(matches!(answer, Err(StoreError::Busy | StoreError::Unavailable(_))), "{answer:?}");
        store.get(key.clone()).await.unwrap_err();
    }
    assert_eq!(fx.read(&key).await, None);
    let fired = store.fired();
    assert!(fired.busy > 0 && fired.unavailable > 0 && fired.busy + fired.unavailable == 80, "{fired:?}");
}

/// Delays are the clock's, before the effect or after it, and change nothing else.
pub async fn a_delayed_call_waits_for_the_clock(fx: &Fixture<dyn Store>) {
    let store = faulty(fx, Odds { delay: 1.0, delay_max: Duration::from_millis(200), ..Odds::default() });
    let key = fx.key("p", "s");
    let begun = fx.clock().monotonic();
    for _ in 0..10 {
        fx.until(store.write(vec![Write::add(key.clone(), [("n", 1)])])).await.unwrap();
    }
    assert!(fx.clock().monotonic() > begun);
    assert_eq!(fx.read(&key).await.unwrap().int("n"), 10);
    assert_eq!(store.fired().delays, 10);
}

/// Calls in flight fail with what may be true of them, calls meanwhile fail, and then it serves.
pub async fn a_crash_fails_every_call_until_the_restart(fx: &Fixture<dyn Store>) {
    let store = faulty(fx, Odds { delay: 1.0, delay_max: Duration::from_secs(3_600), ..Odds::default() });
    let keys: Vec<_> = (0..16).map(|n| fx.key("p", &n.to_string())).collect();
    let mut calls = futures::future::join_all(keys.iter().map(|key| {
        let (store, write) = (Arc::clone(&store), Write::put(key.clone(), Body::data("1")));
        async move { store.write(vec![write]).await }
    }));
    while store.fired().delays < 16 {
        assert!(futures::poll!(&mut calls).is_pending());
        tokio::task::yield_now().await;
    }
    store.crash();
    let (mut absent, mut present) = (0, 0);
    for (key, answer) in keys.iter().zip(calls.await) {
        match (answer.unwrap_err(), fx.read(key).await) {
            (StoreError::Unavailable(_), None) => absent += 1,
            (StoreError::Unknown(_), Some(_)) => present += 1,
            other => assert_eq!(format!("{other:?}"), "an error that fits what is stored"),
        }
    }
    assert!(absent > 0 && present > 0, "seed {SEED}: {absent} before, {present} after");
    assert_eq!((store.fired().crashes, store.fired().interrupted), (1, 16));

    store.set(Odds::default());
    assert!(matches!(store.get(keys[0].clone()).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.ready().await, Err(StoreError::Unavailable(_))));
    store.restart();
    store.ready().await.unwrap();
    store.write(vec![Write::put(keys[0].clone(), Body::data("2"))]).await.unwrap();
}

/// The same seed and the same calls meet the same faults.
pub async fn a_seed_repeats_its_faults(fx: &Fixture<dyn Store>) {
    let mut runs = Vec::new();
    for partition in ["first", "second"] {
        let store = faulty(fx, Odds { busy: 0.2, unavailable: 0.2, unknown: 0.2, vanished: 0.2, ..Odds::default() });
        let mut answers = Vec::new();
        for n in 0..60 {
            let key = fx.key(partition, &n.to_string());
            answers.push(store.write(vec![Write::put(key, Body::data("1"))]).await.map(drop));
        }
        runs.push((answers, store.fired()));
    }
    assert_eq!(runs[0], runs[1]);
    let fired = runs[0].1;
    assert!(fired.busy > 0 && fired.unavailable > 0 && fired.unknown > 0 && fired.vanished > 0, "{fired:?}");
}
