//! Whether DynamoDB is there, so that nobody waits long for one who answers nobody.
//!
//! Each attempt of a client goes through here. While answers come, of whatever kind and to whomever,
//! an attempt may take its time. When nobody has had one for longer than the silence that is borne,
//! those who wait are told that theirs is lost, and whoever comes after is told at once, without asking,
//! until one who tries after a pause is answered ([`Breaker`]).
//!
//! Where every attempt fails, half of that silence is enough: a connection that breaks says more than one
//! on which nothing comes, and who tries again sleeps in between.
//!
//! What is quiet may only have much to do: one who waits alone for a large page hears nobody else's
//! answer. So when half of that time is over somebody asks for nothing ([`nothing`]), which is refused
//! at once by whoever is there.

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
use aws_smithy_runtime_api::http::HttpError;
use base::Clock as _;
use base::clock::SystemClock;

use crate::breaker::{Breaker, Pass};

/// The longest pause between two who try.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Two failures with nothing between them belong together when no more time than this lies between them:
/// longer than anybody waits before trying again, on a machine that has much to do, too.
const ROW: Duration = PAUSE_MAX;
/// How often one who waits looks what others have heard.
const LOOK: Duration = Duration::from_millis(50);

/// What a caller is told without having asked: nothing was sent.
#[derive(Debug)]
pub(crate) struct Away;

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it has not answered lately, and is asked again in a moment")
    }
}

impl Error for Away {}

/// What a caller is told who found out that nobody answers: their request may have been sent, and it is not tried
/// again. They would be the one who tries after a pause, once and again, and hear of it late.
#[derive(Debug)]
pub(crate) struct Silent;

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
    /// Held by the one who asks for nothing.
    asking: tokio::sync::Mutex<()>,
    /// When the last answer came, to whomever.
    heard: Mutex<Duration>,
    failing: Mutex<Option<Failing>>,
}

impl Pulse {
    /// Before this client; a silence of this length is borne.
    pub(crate) fn before(client: SharedHttpClient, silence_max: Duration) -> Self {
        Self(Arc::new(Shared {
            client,
            clock: SystemClock::new(),
            silence_max,
            breaker: Breaker::new(PAUSE_MAX),
            asking: tokio::sync::Mutex::default(),
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
        let Some(pass) = pulse.breaker.admit() else {
            return HttpConnectorFuture::ready(Err(ConnectorError::other(Away.into(), None)));
        };
        let (begun, connector, uri) = (pulse.clock.monotonic(), self.connector.clone(), request.uri().to_owned());
        let answer = self.connector.call(request);
        HttpConnectorFuture::new(async move {
            tokio::select! {
                biased;
                answer = answer => {
                    match &answer {
                        Ok(_) => pulse.answered(),
                        Err(_) if pulse.failed(begun, pass) => return Err(ConnectorError::other(Silent.into(), None)),
                        Err(_) => {}
                    }
                    answer
                }
                () = pulse.silence(begun, pass, &connector, &uri) => {
                    pulse.open(pass);
                    Err(ConnectorError::other(Silent.into(), None))
                }
            }
        })
    }
}

/// Whether anybody answers.
async fn is_there(connector: &SharedHttpConnector, uri: &str) -> bool {
    match nothing(uri) {
        Ok(request) => connector.call(request).await.is_ok(),
        Err(_) => false,
    }
}

/// A call that is not signed: DynamoDB refuses it (`MissingAuthenticationTokenException`) before it
/// looks at anything.
fn nothing(uri: &str) -> Result<HttpRequest, HttpError> {
    let mut request = HttpRequest::get(uri)?;
    request.set_method("POST")?;
    request.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    request.headers_mut().insert("x-amz-target", "DynamoDB_20120810.DescribeEndpoints");
    *request.body_mut() = "{}".into();
    Ok(request)
}

impl Shared {
    fn answered(&self) {
        *lock(&self.heard) = self.clock.monotonic();
        *lock(&self.failing) = None;
        if self.breaker.close() {
            tracing::info!("DynamoDB answers again");
        }
    }

    /// A connection may break at any time; when for a while all of them have, nobody is there. Says whether that
    /// is so.
    fn failed(&self, begun: Duration, pass: Pass) -> bool {
        let now = self.clock.monotonic();
        // An attempt may take long; who was answered meanwhile knows better.
        let failing = Failing::after(*lock(&self.failing), begun.max(*lock(&self.heard)), now);
        *lock(&self.failing) = Some(failing);
        if pass.is_trial || failing.lasts() > self.silence_max / 2 {
            self.open(pass);
        }
        self.breaker.is_open()
    }

    fn open(&self, pass: Pass) {
        if self.breaker.open(pass) {
            metrics::counter!("freight_dynamodb_silences_total").increment(1);
            tracing::warn!("DynamoDB is away: requests are refused until it answers");
        }
    }

    /// Ends when since `begun` nobody has had an answer for too long, or others have found so.
    async fn silence(&self, begun: Duration, pass: Pass, connector: &SharedHttpConnector, uri: &str) {
        let most = pass.patience(self.silence_max);
        while self.breaker.is_as_at(pass) || self.was_heard_since(begun) {
            let quiet = self.clock.monotonic().saturating_sub(begun.max(*lock(&self.heard)));
            let left = most.saturating_sub(quiet);
            if left.is_zero() {
                return;
            }
            if quiet >= most / 2
                && let Ok(_only) = self.asking.try_lock()
                && let Ok(true) = tokio::time::timeout(left, is_there(connector, uri)).await
            {
                self.answered();
            }
            self.clock.sleep(left.min(LOOK)).await;
        }
    }

    fn was_heard_since(&self, begun: Duration) -> bool {
        *lock(&self.heard) > begun
    }
}

/// Attempts that failed, one soon after the other and nothing else.
#[derive(Clone, Copy, Debug)]
struct Failing {
    /// When the first of them began, and when the last one failed.
    since: Duration,
    last: Duration,
}

impl Failing {
    /// One more, which began at `begun` and failed `now`.
    fn after(before: Option<Self>, begun: Duration, now: Duration) -> Self {
        let row = before.filter(|row| now.saturating_sub(row.last) <= ROW);
        Self { since: row.map_or(begun, |row| row.since), last: now }
    }

    fn lasts(self) -> Duration {
        self.last.saturating_sub(self.since)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn failures_that_follow_each_other_are_one_row() {
        let first = Failing::after(None, 10 * SECOND, 11 * SECOND);
        assert_eq!(first.lasts(), SECOND);
        let second = Failing::after(Some(first), 12 * SECOND, first.last + ROW);
        assert_eq!(second.lasts(), SECOND + ROW, "however long one slept between them");
        let alone = Failing::after(Some(second), 60 * SECOND, 61 * SECOND);
        assert_eq!(alone.lasts(), SECOND, "what failed long ago says nothing");
    }

    #[tokio::test]
    async fn one_connection_that_breaks_says_nothing_while_others_are_answered() {
        let pulse = Pulse::before(crate::aws::https(), 2 * SECOND).0;
        let pass = pulse.breaker.admit().unwrap();
        pulse.clock.sleep(SECOND * 3 / 2).await;
        pulse.answered();
        assert!(!pulse.failed(Duration::ZERO, pass), "it took longer than half of the silence");
        pulse.clock.sleep(SECOND * 3 / 2).await;
        assert!(pulse.failed(Duration::ZERO, pass), "nobody was answered since");
    }
}
