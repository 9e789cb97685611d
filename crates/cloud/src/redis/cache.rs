//! Guesses that copies share, behind guesses of their own for two seconds.
//!
//! A value is kept as its stamp in twenty digits, a `v`, and its bytes; a removal as its stamp and
//! an `x`. Digits, since Lua's numbers cannot hold a stamp and texts of one length compare as
//! numbers do. The near tier spares Redis what everybody asks for; it is why another copy may show
//! an old value two seconds longer.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use base::cache::{CacheKey, Cached, MARKER_TTL};
use base::{Cache, Clock, Error};
use bytes::Bytes;
use redis::Script;

use super::Redis;
use super::near::Near;

/// A value above this is not cached: it would hold up everybody behind it on the connection.
const VALUE_BYTES_MAX: usize = 4 << 20;
/// How many digits a stamp has.
const DIGITS: usize = 20;

/// Keeps the newer: a value gives way to its equal, a marker does not.
static PUT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local known = redis.call('GETRANGE', KEYS[1], 0, 20)
          local stamp, kind = string.sub(known, 1, 20), string.sub(known, 21, 21)
          if known ~= '' and (stamp > ARGV[1] or (stamp == ARGV[1] and kind == 'x')) then return 0 end
          redis.call('SET', KEYS[1], ARGV[1] .. 'v' .. ARGV[2], 'PX', ARGV[3])
          return 1",
    )
});

/// Leaves a marker, with the stamp of a later removal if there is one.
static REMOVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local known = redis.call('GETRANGE', KEYS[1], 0, 20)
          local stamp, kind = string.sub(known, 1, 20), string.sub(known, 21, 21)
          if kind ~= 'x' or stamp < ARGV[1] then stamp = ARGV[1] end
          redis.call('SET', KEYS[1], stamp .. 'x', 'PX', ARGV[2])
          return 1",
    )
});

/// The cache that copies share.
#[derive(Clone, Debug)]
pub struct RedisCache {
    redis: Redis,
    near: Near,
}

impl RedisCache {
    pub(super) fn new(redis: Redis, clock: Arc<dyn Clock>) -> Self {
        Self { redis, near: Near::new(clock) }
    }
}

#[async_trait]
impl Cache for RedisCache {
    async fn get(&self, key: &CacheKey) -> Option<Cached> {
        if let Some(cached) = self.near.get(key).await {
            return Some(cached);
        }
        let name = self.redis.key(key.as_str());
        let ask = async |mut connection| -> redis::RedisResult<(Option<Vec<u8>>, i64)> {
            redis::pipe().get(&name).pttl(&name).query_async(&mut connection).await
        };
        let (kept, left_ms) = self.redis.link.ask(ask).await?;
        let cached = read(kept?)?;
        let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or_default());
        self.near.learn(key, cached, left).await
    }

    async fn put(&self, key: &CacheKey, value: Bytes, stamp: u64, ttl: Duration) {
        if value.len() > VALUE_BYTES_MAX {
            // What is kept is older.
            return self.remove(key, stamp).await;
        }
        let mut invocation = PUT.key(self.redis.key(key.as_str()));
        invocation.arg(digits(stamp)).arg(value.as_ref()).arg(millis(ttl));
        let kept: Option<bool> =
            self.redis.link.ask(async |mut connection| invocation.invoke_async(&mut connection).await).await;
        if kept == Some(false) {
            self.near.forget(key, stamp).await;
        } else {
            self.near.learn(key, Cached { value, stamp }, ttl).await;
        }
    }

    async fn remove(&self, key: &CacheKey, stamp: u64) {
        self.near.remove(key, stamp).await;
        let mut invocation = REMOVE.key(self.redis.key(key.as_str()));
        invocation.arg(digits(stamp)).arg(millis(MARKER_TTL));
        let removed: Option<bool> =
            self.redis.link.ask(async |mut connection| invocation.invoke_async(&mut connection).await).await;
        if removed.is_none() {
            metrics::counter!("freight_cache_removals_lost_total").increment(1);
        }
    }

    async fn ready(&self) -> base::Result<()> {
        let ask = async |mut connection| redis::cmd("PING").query_async::<String>(&mut connection).await;
        self.redis.link.ask(ask).await.map(drop).ok_or_else(|| Error::unavailable("Redis does not answer"))
    }
}

fn digits(stamp: u64) -> String {
    format!("{stamp:0DIGITS$}")
}

/// At least one: Redis knows no time to live of nothing.
fn millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).clamp(1, i64::MAX as u64 / 2)
}

/// The value that was kept; a marker, or what is not ours, is none.
fn read(kept: Vec<u8>) -> Option<Cached> {
    let (stamp, rest) = kept.split_at_checked(DIGITS)?;
    let stamp = std::str::from_utf8(stamp).ok()?.parse().ok()?;
    match rest.first()? {
        b'v' => Some(Cached { value: Bytes::from(kept).slice(DIGITS + 1..), stamp }),
        _ => None,
    }
}
