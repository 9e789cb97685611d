//! Limits that copies count together.
//!
//! The same counting as in one process ([`base::memory::MemoryLimiter`] explains it), in one script
//! by the clock of Redis, so that copies need not agree on the time. A policy of a key is a hash
//! from the number of a sixtieth to what was admitted in it, and is forgotten when all of it has
//! passed. While Redis is away each copy counts for itself: bounded by the number of copies, and
//! neither unlimited nor shut.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use base::cache::CacheKey;
use base::limiter::{Decision, Policy, Standing};
use base::memory::MemoryLimiter;
use base::{Clock, Limiter};
use redis::Script;

use super::Redis;

/// Decides every policy, and charges all of them or none.
static CHECK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("limiter.lua")));

/// The limiter that copies share.
#[derive(Debug)]
pub struct RedisLimiter {
    redis: Redis,
    alone: MemoryLimiter,
}

impl RedisLimiter {
    pub(super) fn new(redis: Redis, clock: Arc<dyn Clock>) -> Self {
        Self { redis, alone: MemoryLimiter::new(clock) }
    }

    async fn ask(&self, key: &str, policies: &[Policy], cost: u32) -> Option<Decision> {
        let mut invocation = CHECK.arg(cost);
        for policy in policies {
            let window_us = u64::try_from(policy.window.as_micros()).unwrap_or(u64::MAX);
            let counter = CacheKey::new(&["limit", key, &policy.name, &window_us.to_string()]);
            invocation.key(self.redis.key(counter.as_str())).arg(policy.limit).arg(window_us);
        }
        let ask = async |mut connection| invocation.invoke_async::<Vec<i64>>(&mut connection).await;
        decision(&self.redis.link.ask(ask).await?)
    }
}

#[async_trait]
impl Limiter for RedisLimiter {
    async fn check(&self, key: &str, policies: &[Policy], cost: u32) -> Decision {
        match self.ask(key, policies, cost).await {
            Some(decision) => decision,
            None => self.alone.check(key, policies, cost).await,
        }
    }
}

/// Reads the script's answer: how long to wait, or -1, then two numbers for each policy.
fn decision(answer: &[i64]) -> Option<Decision> {
    let (wait_us, standings) = answer.split_first()?;
    let standing = |pair: &[i64]| match pair {
        [remaining, reset_us] => {
            Some(Standing { remaining: u32::try_from(*remaining).ok()?, reset: micros(*reset_us)? })
        }
        _ => None,
    };
    let standings = standings.chunks(2).map(standing).collect::<Option<_>>()?;
    Some(Decision { retry_after: micros(*wait_us), standings })
}

fn micros(us: i64) -> Option<Duration> {
    u64::try_from(us).ok().map(Duration::from_micros)
}
