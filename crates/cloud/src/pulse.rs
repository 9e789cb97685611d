//! Whether DynamoDB is there, so that nobody waits long for one who answers nobody.
//!
//! Each attempt of a client goes through here. While answers come, of whatever kind and to whomever,
//! an attempt may take its time. When nobody has had one for longer than the silence that is borne,
//! those who wait are told that theirs is lost, and whoever comes after is told at once, without asking,
//! until one who tries after a pause is answered ([`Breaker`]).

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::config::http::HttpRequest;
use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use base::Clock as _;
use base::clock::SystemClock;

use crate::breaker::Breaker;

/// The longest pause between two who try.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// What a caller is told without having asked: nothing was sent.
#[derive(Debug)]
pub(crate) struct Away;

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it has not answered lately, and is asked again in a moment")
    }
}

impl Error for Away {}

/// What a caller is told whose request was sent, and is not waited for any more.
#[derive(Debug)]
struct Silent;

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it answers nobody")
    }
}

impl Error for Silent {}

/// An HTTP client that listens for answers.
#[derive(Clone, Debug)]
pub(crate) struct Pulse(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    client: SharedHttpClient,
    clock: SystemClock,
    silence_max: Duration,
    breaker: Breaker,
    /// When the last answer came, to whomever.
    heard: Mutex<Duration>,
    /// Since when attempts have failed, one soon after the other and nothing else, and the last of them.
    failing: Mutex<Option<(Duration, Duration)>>,
}

impl Pulse {
    /// Before this client; a silence of this length is borne.
    pub(crate) fn before(client: SharedHttpClient, silence_max: Duration) -> Self {
        Self(Arc::new(Shared {
            client,
            clock: SystemClock::new(),
            silence_max,
            breaker: Breaker::new(PAUSE_MAX),
            heard: Mutex::default(),
            failing: Mutex::default(),
        }))
    }
}

impl HttpClient for Pulse {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let connector = self.0.client.http_connector(settings, components);
        SharedHttpConnector::new(Listening { connector, pulse: self.0.clone() })
    }
}

#[derive(Debug)]
struct Listening {
    connector: SharedHttpConnector,
    pulse: Arc<Shared>,
}

impl HttpConnector for Listening {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let pulse = self.pulse.clone();
        if !pulse.breaker.admits() {
            return HttpConnectorFuture::ready(Err(ConnectorError::other(Away.into(), None)));
        }
        let (begun, answer) = (pulse.clock.monotonic(), self.connector.call(request));
        HttpConnectorFuture::new(async move {
            tokio::select! {
                biased;
                answer = answer => {
                    match &answer {
                        Ok(_) => pulse.answered(),
                        Err(_) => pulse.failed(begun),
                    }
                    answer
                }
                () = pulse.silence(begun) => {
                    pulse.open();
                    Err(ConnectorError::timeout(Silent.into()))
                }
            }
        })
    }
}

impl Shared {
    fn answered(&self) {
        *lock(&self.heard) = self.clock.monotonic();
        *lock(&self.failing) = None;
        if self.breaker.close() {
            tracing::info!("DynamoDB answers again");
        }
    }

    /// A connection may break at any time; when for a while all of them have, nobody is there.
    fn failed(&self, begun: Duration) {
        let now = self.clock.monotonic();
        let mut failing = lock(&self.failing);
        let row = failing.filter(|(_, last)| now.saturating_sub(*last) <= self.silence_max);
        let since = row.map_or(begun, |(since, _)| since);
        *failing = Some((since, now));
        if now.saturating_sub(since) > self.silence_max {
            self.open();
        }
    }

    fn open(&self) {
        metrics::counter!("freight_dynamodb_silences_total").increment(1);
        if self.breaker.open() {
            tracing::warn!("DynamoDB is away: requests are refused until it answers");
        }
    }

    /// Ends when since `begun` nobody has had an answer for too long.
    async fn silence(&self, begun: Duration) {
        loop {
            let until = begun.max(*lock(&self.heard)) + self.silence_max;
            match until.checked_sub(self.clock.monotonic()) {
                Some(left) if !left.is_zero() => self.clock.sleep(left).await,
                _ => return,
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
