//! The connection, and a breaker before it.
//!
//! All callers share one connection. When it fails, the breaker opens: for a while every call is
//! given up at once instead of waiting for a peer that is not there. A caller never learns more than that it got
//! nothing; operators find it logged once for each change and counted.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult};

use crate::breaker::{Breaker, Pass};

/// How long anybody waits for a connection, and then for an answer.
const CONNECT_MAX: Duration = Duration::from_millis(500);
const ANSWER_MAX: Duration = Duration::from_millis(500);
/// How long the breaker stays open at most.
const PAUSE_MAX: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Link {
    client: Client,
    breaker: Breaker,
    /// Held while one caller connects, so that the others wait for the same connection.
    connection: tokio::sync::Mutex<Option<MultiplexedConnection>>,
}

impl Link {
    pub(super) fn new(client: Client) -> Self {
        Self { client, breaker: Breaker::new(PAUSE_MAX), connection: tokio::sync::Mutex::default() }
    }

    /// What `ask` got, or nothing.
    pub(super) async fn ask<T, F>(&self, ask: impl FnOnce(MultiplexedConnection) -> F) -> Option<T>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let pass = self.breaker.admit()?;
        let connection = self.connection(pass).await?;
        match ask(connection).await {
            Ok(answer) => {
                self.is_well();
                Some(answer)
            }
            Err(error) => {
                self.failed(&error, pass).await;
                None
            }
        }
    }

    async fn connection(&self, pass: Pass) -> Option<MultiplexedConnection> {
        let mut connection = self.connection.lock().await;
        if let Some(connection) = &*connection {
            return Some(connection.clone());
        }
        // Whoever waited while another failed to connect does not try again.
        if !self.breaker.is_as_at(pass) {
            return None;
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_MAX))
            .set_response_timeout(Some(ANSWER_MAX));
        match self.client.get_multiplexed_async_connection_with_config(&config).await {
            Ok(made) => Some(connection.insert(made).clone()),
            Err(error) => {
                self.open(&error, pass);
                None
            }
        }
    }

    async fn failed(&self, error: &RedisError, pass: Pass) {
        let answered = error.code().is_some_and(|code| !matches!(code, "READONLY" | "LOADING" | "MASTERDOWN"));
        if answered {
            tracing::warn!(code = error.code(), "Redis refused a command");
            metrics::counter!("freight_redis_refused_total").increment(1);
            return;
        }
        // Somebody else's newer connection may be well.
        if self.breaker.is_as_at(pass) {
            *self.connection.lock().await = None;
        }
        self.open(error, pass);
    }

    fn open(&self, error: &RedisError, pass: Pass) {
        metrics::counter!("freight_redis_failures_total").increment(1);
        if self.breaker.open(pass) {
            tracing::warn!(kind = ?error.kind(), "Redis is away: the cache forgets, limits are counted in this process");
        }
    }

    fn is_well(&self) {
        if self.breaker.close() {
            tracing::info!("Redis is back");
        }
    }
}
