//! `Cache` and `Limiter` on Redis: what copies share to be faster and fairer, never to be right.
//!
//! Redis holds the only copy of nothing, and may be away: the cache then remembers nothing for
//! longer than its near tier does, and the limiter counts in this process. Neither fails, and
//! neither makes anybody wait for long: see `link`.

mod cache;
mod limiter;
mod link;
mod near;

pub use cache::RedisCache;
pub use limiter::RedisLimiter;

use std::sync::Arc;

use base::Clock;

use link::Link;

/// A Redis, with what begins each of our keys.
#[derive(Clone, Debug)]
pub struct Redis {
    link: Arc<Link>,
    prefix: Arc<str>,
}

impl Redis {
    /// A Redis at `redis://`, `rediss://` or `redis+unix://`. Nothing is asked yet.
    ///
    /// # Errors
    /// What is wrong with the address; never the address, since it may hold a password.
    pub fn new(url: &str, prefix: &str) -> Result<Self, String> {
        let client = ::redis::Client::open(url).map_err(|error| format!("{:?}", error.kind()))?;
        Ok(Self { link: Arc::new(Link::new(client)), prefix: prefix.into() })
    }

    /// The cache.
    pub fn cache(&self, clock: Arc<dyn Clock>) -> RedisCache {
        RedisCache::new(self.clone(), clock)
    }

    /// The limiter; while Redis is away it counts by `clock` in this process.
    pub fn limiter(&self, clock: Arc<dyn Clock>) -> RedisLimiter {
        RedisLimiter::new(self.clone(), clock)
    }

    fn key(&self, key: &str) -> String {
        format!("{}_{key}", self.prefix)
    }
}
