//! The promises that every cache and every limiter make, on Redis, and what is left while it is away.

use std::sync::Arc;
use std::time::Duration;

use base::cache::CacheKey;
use base::clock::SystemClock;
use base::conformance::Fixture;
use base::limiter::Policy;
use base::{Cache, Clock, Limiter};
use bytes::Bytes;

const HOUR: Duration = Duration::from_secs(3_600);

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

fn at(server: &testkit::Redis) -> cloud::Redis {
    cloud::Redis::new(&server.url(), "freight").unwrap()
}

mod cache {
    use super::{Arc, Cache, Fixture, at, clock};

    async fn redis() -> Fixture<dyn Cache> {
        let server = testkit::Redis::start();
        let cache: Arc<dyn Cache> = Arc::new(at(&server).cache(clock()));
        Fixture::real(cache, clock()).keeping(server)
    }

    base::cache_conformance!(redis);
}

mod limiter {
    use super::{Arc, Fixture, Limiter, at, clock};

    async fn redis() -> Fixture<dyn Limiter> {
        let server = testkit::Redis::start();
        let limiter: Arc<dyn Limiter> = Arc::new(at(&server).limiter(clock()));
        Fixture::real(limiter, clock()).keeping(server)
    }

    base::limiter_conformance!(redis);
}

#[tokio::test]
async fn copies_share_what_they_know() {
    let server = testkit::Redis::start();
    let [one, other] = [at(&server), at(&server)].map(|redis| redis.cache(clock()));
    let key = CacheKey::new(&["acme", "k"]);
    one.put(&key, Bytes::from_static(b"new"), 2, HOUR).await;
    other.put(&key, Bytes::from_static(b"old"), 1, HOUR).await;
    assert_eq!(other.get(&key).await.unwrap().value, "new");
    other.remove(&key, 3).await;
    one.put(&key, Bytes::from_static(b"slow"), 3, HOUR).await;
    assert_eq!((one.get(&key).await, other.get(&key).await), (None, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_share_a_limit() {
    let server = testkit::Redis::start();
    let policies = [Policy::new("test", 100, HOUR)];
    let copies = [(); 4].map(|()| at(&server).limiter(clock()));
    let callers = copies.into_iter().map(|copy| {
        let policies = policies.clone();
        tokio::spawn(async move {
            let mut admitted = 0;
            for _ in 0..60 {
                admitted += u32::from(copy.check("acme", &policies, 1).await.allowed());
            }
            admitted
        })
    });
    let mut admitted = 0;
    for caller in callers {
        admitted += caller.await.unwrap();
    }
    assert_eq!(admitted, 100);
}

/// A cache without its Redis forgets, a limiter counts alone, nobody waits long, and when Redis is
/// back it is used again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_redis_fails_nobody() {
    let mut server = testkit::Redis::start();
    let (redis, clock) = (at(&server), clock());
    let (cache, limiter) = (redis.cache(clock.clone()), redis.limiter(clock.clone()));
    let keys: Vec<CacheKey> = (0..200).map(|n| CacheKey::new(&["acme", &n.to_string()])).collect();
    cache.put(&keys[0], Bytes::from_static(b"kept"), 1, HOUR).await;
    server.stop();

    let begun = clock.monotonic();
    for key in &keys[1..] {
        assert_eq!(cache.get(key).await, None);
        cache.remove(key, 1).await;
    }
    assert!(clock.monotonic() - begun < Duration::from_secs(5), "nobody may wait for what is not there");
    cache.ready().await.unwrap_err();
    cache.put(&keys[1], Bytes::from_static(b"near"), 2, HOUR).await;
    cache.put(&keys[1], Bytes::from_static(b"older"), 1, HOUR).await;
    assert_eq!(cache.get(&keys[1]).await.unwrap().value, "near");
    let policies = [Policy::new("test", 10, HOUR)];
    let mut admitted = 0;
    for _ in 0..30 {
        admitted += u32::from(limiter.check("acme", &policies, 1).await.allowed());
    }
    assert_eq!(admitted, 10, "bounded, not unlimited, not shut");

    server.restart();
    let begun = clock.monotonic();
    while cache.ready().await.is_err() {
        assert!(clock.monotonic() - begun < Duration::from_secs(20), "Redis is back and not used");
        clock.sleep(Duration::from_millis(50)).await;
    }
    cache.put(&keys[2], Bytes::from_static(b"again"), 1, HOUR).await;
    assert_eq!(at(&server).cache(clock.clone()).get(&keys[2]).await.unwrap().value, "again");
}

/// A Redis that takes what is asked and says nothing is waited for once, not by everybody in turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_redis_holds_nobody_up() {
    let (server, clock) = (testkit::Redis::start(), clock());
    let redis = at(&server);
    let (cache, limiter) = (redis.cache(clock.clone()), redis.limiter(clock.clone()));
    cache.ready().await.unwrap();
    server.hold();
    let (begun, policies) = (clock.monotonic(), [Policy::new("test", 10, HOUR)]);
    let mut admitted = 0;
    for n in 0..200 {
        assert_eq!(cache.get(&CacheKey::new(&["acme", &n.to_string()])).await, None);
        admitted += u32::from(limiter.check("acme", &policies, 1).await.allowed());
    }
    assert!(clock.monotonic() - begun < Duration::from_secs(5), "nobody may wait for who says nothing");
    assert_eq!(admitted, 10, "bounded, not unlimited, not shut");

    server.go_on();
    let begun = clock.monotonic();
    while cache.ready().await.is_err() {
        assert!(clock.monotonic() - begun < Duration::from_secs(20), "Redis goes on and is not used");
        clock.sleep(Duration::from_millis(50)).await;
    }
}

/// A connection to a Redis, for who looks and changes behind everybody's back.
async fn raw(server: &testkit::Redis) -> redis::aio::MultiplexedConnection {
    redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

/// What Redis refuses to one it does not keep from others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_refuses_is_there() {
    let (mut server, clock) = (testkit::Redis::start(), clock());
    let redis = at(&server);
    let (cache, limiter) = (redis.cache(clock.clone()), redis.limiter(clock.clone()));
    let (other, key) = (at(&server).cache(clock.clone()), CacheKey::new(&["acme", "k"]));
    other.put(&key, Bytes::from_static(b"v"), 1, HOUR).await;
    let mut raw = raw(&server).await;
    let names: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut raw).await.unwrap();
    let [name] = &names[..] else { panic!("{names:?}") };
    redis::pipe().del(name).rpush(name, "a list").exec_async(&mut raw).await.unwrap();
    assert_eq!(cache.get(&key).await, None);
    cache.ready().await.expect("the key is of another type, and that is all");

    server.stop();
    cache.ready().await.unwrap_err();
    server.restart();
    let mut raw = self::raw(&server).await;
    redis::cmd("CONFIG").arg(&["SET", "maxmemory", "1"]).exec_async(&mut raw).await.unwrap();
    clock.sleep(Duration::from_millis(300)).await;
    // It is the one who tries after the pause, and has no room.
    assert!(limiter.check("acme", &[Policy::new("test", 10, HOUR)], 1).await.allowed());
    cache.ready().await.expect("it was answered");
}

#[test]
fn an_address_that_is_none_is_refused_without_repeating_it() {
    for address in ["http://hunter2@x", "redis://", "hunter2"] {
        match cloud::Redis::new(address, "freight") {
            Ok(_) => assert_eq!(address, "redis://"),
            Err(said) => assert!(!said.contains("hunter2"), "{said}"),
        }
    }
}
