//! The cache in memory is bounded in bytes.

use std::sync::Arc;
use std::time::Duration;

use base::Cache;
use base::cache::CacheKey;
use base::clock::ManualClock;
use base::conformance::START;
use base::memory::MemoryCache;
use bytes::Bytes;

const HOUR: Duration = Duration::from_secs(3_600);

fn cache(bytes_max: usize) -> MemoryCache {
    MemoryCache::new(Arc::new(ManualClock::at(START)), bytes_max)
}

fn key(n: usize) -> CacheKey {
    CacheKey::new(&[&format!("{n:04}")])
}

#[tokio::test]
async fn the_least_recently_used_go_first() {
    let cache = cache(10_000);
    for n in 0..100 {
        cache.put(&key(n), Bytes::from(vec![0; 994]), 1, HOUR).await;
        assert!(cache.get(&key(0)).await.is_some());
    }
    let mut kept = Vec::new();
    for n in 0..100 {
        kept.extend(cache.get(&key(n)).await.map(|_| n));
    }
    assert_eq!(kept, [0, 91, 92, 93, 94, 95, 96, 97, 98, 99]);
}

#[tokio::test]
async fn a_value_with_no_room_leaves_no_older_one_behind() {
    let cache = cache(1_000);
    cache.put(&key(1), Bytes::from_static(b"old"), 1, HOUR).await;
    cache.put(&key(1), Bytes::from(vec![0; 1_000]), 2, HOUR).await;
    assert_eq!(cache.get(&key(1)).await, None);
}

#[tokio::test]
async fn overwriting_and_removing_give_room_back() {
    let cache = cache(1_000);
    cache.put(&key(1), Bytes::from(vec![0; 500]), 1, HOUR).await;
    for stamp in 2..50 {
        cache.put(&key(2), Bytes::from(vec![0; 400]), stamp, HOUR).await;
        cache.remove(&key(3), stamp).await;
    }
    assert!(cache.get(&key(1)).await.is_some() && cache.get(&key(2)).await.is_some());
}
