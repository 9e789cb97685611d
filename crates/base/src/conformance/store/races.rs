//! Many writers at once.

use std::sync::Arc;

use futures::future::join_all;

use crate::conformance::Fixture;
use crate::conformance::store::settled;
use crate::store::{Body, StoreError, Version, When, Write};
use crate::{Store, StoreExt};

const WRITERS: i64 = 16;
const ROUNDS: i64 = 25;

/// Runs one task for each writer, truly side by side, and gives what they returned.
async fn side_by_side<T, F>(fx: &Fixture<dyn Store>, task: impl Fn(i64, Arc<dyn Store>) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks = (0..WRITERS).map(|writer| tokio::spawn(task(writer, fx.share())));
    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}

/// An `Add` is read and written in one step: none overwrites another.
pub async fn concurrent_adds_all_count(fx: &Fixture<dyn Store>) {
    let key = fx.key("p", "s");
    let counter = key.clone();
    side_by_side(fx, move |_, store| {
        let key = counter.clone();
        async move {
            for _ in 0..ROUNDS {
                settled(&*store, vec![Write::add(key.clone(), [("n", 1), ("m", -2)])]).await.unwrap();
            }
        }
    })
    .await;
    let item = fx.read(&key).await.unwrap();
    assert_eq!((item.int("n"), item.int("m")), (WRITERS * ROUNDS, -2 * WRITERS * ROUNDS));
}

/// Of those who want to be first, one is, and the others are told so.
pub async fn concurrent_conditional_puts_have_one_winner(fx: &Fixture<dyn Store>) {
    for round in 0..ROUNDS {
        let key = fx.key("p", &round.to_string());
        let place = key.clone();
        let answers = side_by_side(fx, move |writer, store| {
            let put = Write::put(place.clone(), Body::default().with("writer", writer)).when(When::Absent);
            async move { (writer, settled(&*store, vec![put]).await) }
        })
        .await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(_, answer)| answer.is_ok());
        let item = fx.read(&key).await.unwrap();
        let (unknown, told): (Vec<_>, Vec<_>) = lost.into_iter().partition(|(_, answer)| is_unknown(answer));
        assert!(told.iter().all(|(_, answer)| *answer == Err(StoreError::Failed(vec![0]))));
        match won.as_slice() {
            [(writer, version)] => assert_eq!((item.int("writer"), item.version), (*writer, version.clone().ok())),
            // Whose answer was lost may be the one who won, and none but those.
            [] => assert!(unknown.iter().any(|(writer, _)| *writer == item.int("writer"))),
            _ => assert_eq!(won.len(), 1),
        }
    }
}

fn is_unknown(answer: &Result<Version, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unknown(_)))
}

/// Read, change, write when unchanged, else again: every change is in the end result. Who lost an
/// answer looks whether the change is there, by a count that nobody else changes.
pub async fn concurrent_changes_by_version_lose_no_update(fx: &Fixture<dyn Store>) {
    let key = fx.key("p", "s");
    fx.done(Write::put(key.clone(), Body::default().with("n", 0))).await;
    let place = key.clone();
    let conflicts: Vec<i64> = side_by_side(fx, move |writer, store| {
        let (key, own) = (place.clone(), format!("by{writer}"));
        async move {
            let mut conflicts = 0;
            loop {
                let mut item = store.get(key.clone()).await.unwrap().unwrap();
                if item.int(&own) == ROUNDS {
                    return conflicts;
                }
                let when = item.unchanged();
                item.body.add(&[("n".to_owned(), 1), (own.clone(), 1)]);
                match settled(&*store, vec![Write::put(key.clone(), item.body).when(when)]).await {
                    Ok(_) | Err(StoreError::Unknown(_)) => {}
                    Err(error) => {
                        assert_eq!(error, StoreError::Failed(vec![0]));
                        conflicts += 1;
                    }
                }
            }
        }
    })
    .await;
    assert_eq!(conflicts.len() as i64, WRITERS);
    let item = fx.read(&key).await.unwrap();
    let each: Vec<i64> = (0..WRITERS).map(|writer| item.int(&format!("by{writer}"))).collect();
    assert_eq!((item.int("n"), each), (WRITERS * ROUNDS, vec![ROUNDS; WRITERS as usize]));
}

/// Transactions over the same items in opposite orders neither lock each other out nor half apply.
pub async fn concurrent_transactions_keep_the_sum(fx: &Fixture<dyn Store>) {
    let places = [0, 1, 2, 3].map(|n| fx.key("p", &n.to_string()));
    for key in &places {
        fx.done(Write::put(key.clone(), Body::default().with("n", 100))).await;
    }
    let keys = places.clone();
    side_by_side(fx, move |writer, store| {
        let keys = keys.clone();
        async move {
            for round in 0..ROUNDS {
                let from = (writer + round) as usize % keys.len();
                let to = (from + 1 + round as usize % (keys.len() - 1)) % keys.len();
                let transfer = vec![
                    Write::add(keys[from].clone(), [("n", -1)]),
                    Write::add(keys[to].clone(), [("n", 1), ("in", 1)]),
                ];
                settled(&*store, transfer).await.unwrap();
            }
        }
    })
    .await;
    let items = fx.items("p").await;
    assert_eq!(items.iter().map(|item| item.int("n")).sum::<i64>(), 400);
    assert_eq!(items.iter().map(|item| item.int("in")).sum::<i64>(), WRITERS * ROUNDS);
}
