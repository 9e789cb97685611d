//! The connection, and a breaker before it.
//!
//! All callers share one connection. When it fails, the breaker opens: for a while every call is
//! given up at once instead of waiting for a peer that is not there, and who tries then makes another connection.
//! A caller never learns more than that it got nothing; operators find it logged once for each change and counted.
//!
//! A Redis that refuses is there. What it refuses it may refuse to everybody who asks (`OOM`, `NOPERM`, a
//! cluster's `MOVED` and `CROSSSLOT`), so each kind of refusal is logged once, and once more after Redis was away.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, RedisResult};

use crate::breaker::{Breaker, Pass};

/// How long anybody waits for an answer, and for the connection before it.
const ANSWER_MAX: Duration = Duration::from_millis(500);
/// How long the breaker stays open at most.
const PAUSE_MAX: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Link {
    client: Client,
    breaker: Breaker,
    /// Held while one caller connects, so that the others wait for the same connection.
    connection: tokio::sync::Mutex<Option<MultiplexedConnection>>,
    /// The kinds of refusal that were logged since Redis was away.
    refusals: Mutex<BTreeSet<String>>,
}

impl Link {
    pub(super) fn new(client: Client) -> Self {
        let (connection, refusals) = (tokio::sync::Mutex::default(), Mutex::default());
        Self { client, breaker: Breaker::new(PAUSE_MAX), connection, refusals }
    }

    /// What `ask` got, or nothing.
    pub(super) async fn ask<T, F>(&self, ask: impl FnOnce(MultiplexedConnection) -> F) -> Option<T>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let pass = self.breaker.admit()?;
        let answer = tokio::time::timeout(pass.patience(ANSWER_MAX), self.answer(ask, pass)).await;
        if answer.is_err() {
            self.open(&RedisError::from((ErrorKind::Io, "it does not answer")), pass);
        }
        answer.ok().flatten()
    }

    async fn answer<T, F>(&self, ask: impl FnOnce(MultiplexedConnection) -> F, pass: Pass) -> Option<T>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let connection = self.connection(pass).await?;
        match ask(connection).await {
            Ok(answer) => {
                self.is_well();
                Some(answer)
            }
            Err(error) => {
                self.failed(&error, pass);
                None
            }
        }
    }

    async fn connection(&self, pass: Pass) -> Option<MultiplexedConnection> {
        let mut connection = self.connection.lock().await;
        if let Some(connection) = connection.as_ref().filter(|_| !pass.is_trial) {
            return Some(connection.clone());
        }
        // Whoever waited while another failed to connect does not try again.
        if !self.breaker.is_as_at(pass) {
            return None;
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(ANSWER_MAX))
            .set_response_timeout(Some(ANSWER_MAX));
        match self.client.get_multiplexed_async_connection_with_config(&config).await {
            Ok(made) => Some(connection.insert(made).clone()),
            Err(error) => {
                self.open(&error, pass);
                None
            }
        }
    }

    fn failed(&self, error: &RedisError, pass: Pass) {
        let Some(code) = refusal(error) else { return self.open(error, pass) };
        metrics::counter!("freight_redis_refused_total").increment(1);
        if self.is_first(&code) {
            tracing::warn!(code, "Redis refuses commands");
        }
        self.is_well();
    }

    fn open(&self, error: &RedisError, pass: Pass) {
        metrics::counter!("freight_redis_failures_total").increment(1);
        if self.breaker.open(pass) {
            self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clear();
            tracing::warn!(kind = ?error.kind(), "Redis is away: the cache forgets, limits are counted in this process");
        }
    }

    /// Whether a refusal of this kind is the first one since Redis was away.
    fn is_first(&self, code: &str) -> bool {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).insert(code.to_owned())
    }

    fn is_well(&self) {
        if self.breaker.close() {
            tracing::info!("Redis is back");
        }
    }
}

/// The code with which a Redis that is there refuses. One that is a replica now, loads, or misses its master is of no
/// use to anybody: its address may lead to another one.
fn refusal(error: &RedisError) -> Option<String> {
    let errors = error.clone().into_server_errors()?;
    let code = errors.first()?.1.code();
    (!matches!(code, "READONLY" | "LOADING" | "MASTERDOWN")).then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_refusal_is_told_once_and_once_more_after_redis_was_away() {
        let link = Link::new(Client::open("redis://127.0.0.1:1").unwrap());
        assert!(link.is_first("OOM") && link.is_first("MOVED"));
        assert!(!link.is_first("OOM") && !link.is_first("MOVED"));
        link.open(&RedisError::from((ErrorKind::Io, "gone")), link.breaker.admit().unwrap());
        assert!(link.is_first("OOM"));
    }
}
