//! The promises that every cache and every limiter make, on Redis, and what is left while it is away.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use async_trait::async_trait;
use base::cache::{CacheKey, Cached};
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

/// Each call is made by another copy: what one knows of the others it has from Redis alone.
struct Copies(cloud::Redis);

#[async_trait]
impl Cache for Copies {
    async fn get(&self, key: &CacheKey) -> Option<Cached> {
        self.0.cache(clock()).get(key).await
    }

    async fn put(&self, key: &CacheKey, value: Bytes, stamp: u64, ttl: Duration) {
        self.0.cache(clock()).put(key, value, stamp, ttl).await;
    }

    async fn remove(&self, key: &CacheKey, stamp: u64) {
        self.0.cache(clock()).remove(key, stamp).await;
    }

    async fn ready(&self) -> base::Result<()> {
        self.0.cache(clock()).ready().await
    }
}

mod cache_of_many_copies {
    use super::{Arc, Cache, Copies, Fixture, at, clock};

    async fn redis() -> Fixture<dyn Cache> {
        let server = testkit::Redis::start();
        let cache: Arc<dyn Cache> = Arc::new(Copies(at(&server)));
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

/// Redis as the witness of what it was asked.
struct Witness {
    connection: MultiplexedConnection,
    before: BTreeMap<String, u64>,
}

/// What Redis was asked: requests on the wire, and commands by name. What a script does is counted too.
type Asked = (u64, BTreeMap<String, u64>);

fn asked<const N: usize>(requests: u64, commands: [&str; N]) -> Asked {
    (requests, commands.map(|name| (name.to_owned(), 1)).into())
}

impl Witness {
    async fn of(server: &testkit::Redis) -> Self {
        Self { connection: raw(server).await, before: BTreeMap::new() }
    }

    /// What has come to be counted since the last look.
    async fn look(&mut self) -> BTreeMap<String, u64> {
        let info: String = ::redis::cmd("INFO").arg("everything").query_async(&mut self.connection).await.unwrap();
        let now = counters(&info);
        let before = std::mem::replace(&mut self.before, now.clone());
        let more = now.into_iter().map(|(name, count)| (count - before.get(&name).copied().unwrap_or_default(), name));
        more.filter(|(count, name)| *count > 0 && name != "info").map(|(count, name)| (name, count)).collect()
    }

    /// What was asked since the last look, and refused to nobody.
    async fn since(&mut self) -> Asked {
        let mut more = self.look().await;
        assert_eq!(more.remove("refused"), None, "{more:?}");
        // One of them asks for this.
        (more.remove("requests").unwrap_or_default() - 1, more)
    }
}

/// The numbers of `INFO`: how often each command was called; `refused`, how many calls were; `requests`, how often
/// something came from a client. A pipeline comes at once.
fn counters(info: &str) -> BTreeMap<String, u64> {
    let mut counters = BTreeMap::new();
    for (name, told) in info.lines().filter_map(|line| line.split_once(':')) {
        let number = |field: &str| {
            let found = told.split(',').find_map(|part| part.strip_prefix(field)?.strip_prefix('='));
            found.map_or(0, |number| number.parse::<u64>().unwrap())
        };
        if let Some(command) = name.strip_prefix("cmdstat_") {
            counters.insert(command.to_owned(), number("calls"));
            *counters.entry("refused".to_owned()).or_default() += number("rejected_calls") + number("failed_calls");
        } else if name == "total_reads_processed" {
            counters.insert("requests".to_owned(), told.parse().unwrap());
        }
    }
    counters
}

/// What docs/benchmarks.md counts as a call of Redis is one request there.
#[tokio::test]
async fn a_cached_read_is_one_request_and_none_within_the_near_tier() {
    let (server, clock) = (testkit::Redis::start(), clock());
    let (redis, mut witness) = (at(&server), Witness::of(&server).await);
    let (one, other) = (redis.cache(clock.clone()), redis.cache(clock.clone()));
    let limiter = redis.limiter(clock.clone());
    // The first of each brings the connection, and its script, which Redis does not know before.
    let first = CacheKey::new(&["acme", "first"]);
    one.put(&first, Bytes::from_static(b"v"), 1, HOUR).await;
    one.remove(&first, 2).await;
    limiter.check("first", &[Policy::new("test", 10, HOUR)], 1).await;

    let (read, none, written) = (asked(1, ["get", "pttl"]), asked(0, []), asked(1, ["evalsha", "getrange", "set"]));
    for tries in 0.. {
        assert!(tries < 10, "it takes half a second each time");
        witness.look().await;
        let (begun, key) = (clock.monotonic(), CacheKey::new(&["acme", &tries.to_string()]));
        let mut told = Vec::new();
        told.push((one.get(&key).await.is_some(), witness.since().await));
        one.put(&key, Bytes::from_static(b"v"), 1, HOUR).await;
        told.push((true, witness.since().await));
        // The copy that has just put it, another, and that one again.
        for cache in [&one, &other, &other] {
            told.push((cache.get(&key).await.is_some(), witness.since().await));
        }
        // Who is held up that long forgets meanwhile, or gives Redis up.
        if clock.monotonic() - begun < Duration::from_millis(500) {
            let expected = [(false, &read), (true, &written), (true, &none), (true, &read), (true, &none)];
            assert_eq!(told, expected.map(|(found, asked)| (found, asked.clone())));
            break;
        }
        clock.sleep(Duration::from_secs(1)).await;
    }

    clock.sleep(Duration::from_secs(2)).await;
    witness.look().await;
    other.get(&CacheKey::new(&["acme", "0"])).await;
    assert_eq!(witness.since().await, read, "the near tier has forgotten it");
    one.remove(&first, 3).await;
    assert_eq!(witness.since().await, written, "a removal");
    limiter.check("acme", &[Policy::new("test", 10, HOUR)], 1).await;
    let check = asked(1, ["evalsha", "time", "hgetall", "hincrby", "pexpire"]);
    assert_eq!(witness.since().await, check, "a request that is admitted");
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
async fn raw(server: &testkit::Redis) -> MultiplexedConnection {
    ::redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
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
    for tries in 0.. {
        assert!(tries < 10, "nobody is let through");
        clock.sleep(Duration::from_secs(1)).await;
        // It is the one who tries after the pause, and has no room.
        assert!(limiter.check("acme", &[Policy::new("test", 100, HOUR)], 1).await.allowed());
        if cache.ready().await.is_ok() {
            break;
        }
    }
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
