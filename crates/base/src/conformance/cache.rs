//! What every cache promises. A cache may forget at any time; these suites run on one that has
//! room, and so expect it to remember.

use std::time::Duration;

use bytes::Bytes;

use crate::Cache;
use crate::cache::{CacheKey, Cached, MARKER_TTL};
use crate::conformance::Fixture;

const HOUR: Duration = Duration::from_secs(3_600);

/// Runs the suite of [`Cache`](crate::Cache) against what `$make` makes, each promise a test.
#[macro_export]
macro_rules! cache_conformance {
    ($make:path) => {
        $crate::conformance_tests! { cache, $make,
            what_nobody_put_is_not_there
            what_was_put_is_got
            keys_are_unambiguous
            an_older_value_never_replaces_a_newer_one
            a_value_as_new_replaces_its_equal
            a_value_is_gone_after_its_time_to_live
            a_removed_value_is_gone
            a_removal_refuses_slow_readers
            a_later_removal_outweighs_an_earlier_one
            a_removal_is_forgotten_after_its_time
            the_cache_says_that_it_is_ready
        }
    };
}

impl Fixture<dyn Cache> {
    fn key(&self, part: &str) -> CacheKey {
        CacheKey::new(&[self.name(), part])
    }

    async fn text(&self, key: &CacheKey) -> Option<String> {
        self.get(key).await.map(|cached| String::from_utf8(cached.value.to_vec()).unwrap())
    }
}

/// Nothing is no error.
pub async fn what_nobody_put_is_not_there(fx: &Fixture<dyn Cache>) {
    assert_eq!(fx.get(&fx.key("k")).await, None);
}

/// Any bytes come back, none at all included, with their stamp.
pub async fn what_was_put_is_got(fx: &Fixture<dyn Cache>) {
    let key = fx.key("k");
    let values = [Bytes::new(), Bytes::from_static(b"\0\xff\r\n\xc3"), Bytes::from(vec![b'x'; 100_000])];
    for (stamp, value) in [0, 1, u64::MAX].into_iter().zip(values) {
        fx.put(&key, value.clone(), stamp, HOUR).await;
        assert_eq!(fx.get(&key).await, Some(Cached { value, stamp }));
    }
}

/// Parts that read alike when run together are other keys.
pub async fn keys_are_unambiguous(fx: &Fixture<dyn Cache>) {
    let parts: [&[&str]; 6] = [&["a", "b_c"], &["a_b", "c"], &["ab", "c"], &["a", "bc"], &["abc"], &["1:a", ""]];
    let keys = parts.map(|parts| CacheKey::new(&[&[fx.name()], parts].concat()));
    for (n, key) in keys.iter().enumerate() {
        fx.put(key, Bytes::from(n.to_string()), 1, HOUR).await;
    }
    for (n, key) in keys.iter().enumerate() {
        assert_eq!(fx.text(key).await, Some(n.to_string()));
    }
}

/// Whatever the order of arrival, the larger stamp stays.
pub async fn an_older_value_never_replaces_a_newer_one(fx: &Fixture<dyn Cache>) {
    let key = fx.key("k");
    for (stamp, expected) in [(10, "10"), (9, "10"), (11, "11"), (0, "11"), (u64::MAX, "18446744073709551615")] {
        fx.put(&key, Bytes::from(stamp.to_string()), stamp, HOUR).await;
        assert_eq!(fx.text(&key).await.as_deref(), Some(expected));
    }
}

/// The same stamp again is no older value.
pub async fn a_value_as_new_replaces_its_equal(fx: &Fixture<dyn Cache>) {
    let key = fx.key("k");
    fx.put(&key, Bytes::from_static(b"a"), 1, HOUR).await;
    fx.put(&key, Bytes::from_static(b"b"), 1, HOUR).await;
    assert_eq!(fx.text(&key).await.as_deref(), Some("b"));
}

/// Each value has a time of its own, and a value that is gone holds nothing back.
pub async fn a_value_is_gone_after_its_time_to_live(fx: &Fixture<dyn Cache>) {
    let [short, long] = ["short", "long"].map(|part| fx.key(part));
    fx.put(&short, Bytes::from_static(b"a"), 5, Duration::from_secs(2)).await;
    fx.put(&long, Bytes::from_static(b"b"), 5, HOUR).await;
    fx.advance(Duration::from_secs(1)).await;
    assert!(fx.get(&short).await.is_some());
    fx.advance(Duration::from_secs(1)).await;
    assert_eq!(fx.get(&short).await, None);
    assert!(fx.get(&long).await.is_some());
    fx.put(&short, Bytes::from_static(b"older"), 1, HOUR).await;
    assert_eq!(fx.text(&short).await.as_deref(), Some("older"));
}

/// Removing what is there, or is not, leaves nothing there.
pub async fn a_removed_value_is_gone(fx: &Fixture<dyn Cache>) {
    let key = fx.key("k");
    fx.remove(&key, 1).await;
    fx.put(&key, Bytes::from_static(b"a"), 2, HOUR).await;
    fx.remove(&key, 3).await;
    assert_eq!(fx.get(&key).await, None);
}

/// A value read before the removal cannot be put after it; one written later can.
pub async fn a_removal_refuses_slow_readers(fx: &Fixture<dyn Cache>) {
    let key = fx.key("k");
    fx.put(&key, Bytes::from_static(b"old"), 5, HOUR).await;
    fx.remove(&key, 7).await;
    for stamp in [5, 6, 7] {
        fx.put(&key, Bytes::from_static(b"slow"), stamp, HOUR).await;
        assert_eq!(fx.get(&key).await, None, "stamp {stamp}");
    }
    fx.put(&key, Bytes::from_static(b"new"), 8, HOUR).await;
    assert_eq!(fx.text(&key).await.as_deref(), Some("new"));
}

/// Removals may arrive out of order too.
pub async fn a_later_removal_outweighs_an_earlier_one(fx: &Fixture<dyn Cache>) {
    let key = fx.key("k");
    fx.remove(&key, 9).await;
    fx.remove(&key, 3).await;
    fx.put(&key, Bytes::from_static(b"slow"), 8, HOUR).await;
    assert_eq!(fx.get(&key).await, None);
}

/// The marker is short: afterwards any value may come.
pub async fn a_removal_is_forgotten_after_its_time(fx: &Fixture<dyn Cache>) {
    let key = fx.key("k");
    fx.remove(&key, 9).await;
    fx.advance(MARKER_TTL).await;
    fx.put(&key, Bytes::from_static(b"a"), 1, HOUR).await;
    assert_eq!(fx.text(&key).await.as_deref(), Some("a"));
}

/// A cache that works says so.
pub async fn the_cache_says_that_it_is_ready(fx: &Fixture<dyn Cache>) {
    fx.ready().await.unwrap();
}
