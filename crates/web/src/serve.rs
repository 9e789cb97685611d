//! Serving: from a listener to the router, within bounds, until it is told to stop.
//!
//! The loop never waits for a connection: one that is too many is closed at once, so that the
//! rest, and the health checks, go on. At a stop readiness says no first; after the drain delay no
//! connection is taken any more, open requests may end within the grace, and what is left then is
//! cut.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use http::header::{CONNECTION, TRANSFER_ENCODING};
use http::{HeaderValue, Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::host::{HEADER_BYTES_MAX, HEADERS_MAX, TARGET_BYTES_MAX};
use crate::wire::{Guarded, Times};
use crate::{App, Config, Peer};

/// How long to leave the listener alone when the process has no descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const STREAMS_MAX: u32 = 100;
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// Serves the interface on a listener until `shutdown` completes, and then ends as the module
/// describes.
pub async fn serve(listener: TcpListener, app: App, shutdown: impl Future<Output = ()> + Send) {
    let lifecycle = app.lifecycle().clone();
    let server = Server::new(app.router(), app.health.kit.config.clone());
    server.run(listener, shutdown, || lifecycle.stop()).await;
}

/// Serves health in full and metrics, without authorization, until `shutdown` completes.
pub async fn serve_ops(listener: TcpListener, app: App, shutdown: impl Future<Output = ()> + Send) {
    let config = Config { drain_delay: Duration::ZERO, ..app.health.kit.config.clone() };
    Server::new(app.ops_router(), config).run(listener, shutdown, || {}).await;
}

struct Server {
    router: axum::Router,
    config: Config,
    builder: Builder<TokioExecutor>,
    open: Arc<Open>,
    graceful: GracefulShutdown,
    cut: CancellationToken,
}

impl Server {
    fn new(router: axum::Router, config: Config) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            // `Guarded` keeps the time of heads, from the first byte of the connection on.
            .header_read_timeout(None)
            .max_headers(HEADERS_MAX)
            .max_buf_size(TARGET_BYTES_MAX + HEADER_BYTES_MAX + (8 << 10));
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(HEADER_BYTES_MAX as u32)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_INTERVAL);
        let open = Arc::new(Open {
            most: config.connections_max,
            most_per_address: config.connections_per_address_max,
            by_address: Mutex::default(),
        });
        Self { router, config, builder, open, graceful: GracefulShutdown::new(), cut: CancellationToken::new() }
    }

    async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()>, stopping: impl FnOnce()) {
        let drain_delay = self.config.drain_delay;
        let ended = async {
            shutdown.await;
            stopping();
            tokio::time::sleep(drain_delay).await;
        };
        let mut ended = std::pin::pin!(ended);
        loop {
            tokio::select! {
                biased;
                () = &mut ended => break,
                accepted = listener.accept() => self.accepted(accepted).await,
            }
        }
        drop(listener);
        if tokio::time::timeout(self.config.grace, self.graceful.shutdown()).await.is_err() {
            tracing::warn!("connections were cut at the end of the grace period");
        }
        self.cut.cancel();
    }

    async fn accepted(&self, accepted: io::Result<(TcpStream, SocketAddr)>) {
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                if !is_of_one_connection(&error) {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                return;
            }
        };
        match self.open.admit(peer.ip().to_canonical()) {
            Some(place) => self.spawn(stream, peer, place),
            None => metrics::counter!("http_connections_refused_total").increment(1),
        }
    }

    fn spawn(&self, stream: TcpStream, peer: SocketAddr, place: Place) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection stays with Nagle's algorithm");
        }
        let Config { head_timeout, idle_timeout, write_timeout, .. } = self.config;
        let times = Times { head: head_timeout, idle: idle_timeout, write: write_timeout };
        let io = TokioIo::new(Guarded::new(stream, times));
        let router = self.router.clone();
        let service = service_fn(move |request| answer(router.clone(), peer, request));
        let connection = self.graceful.watch(self.builder.serve_connection(io, service).into_owned());
        let cut = self.cut.clone();
        tokio::spawn(async move {
            let _place = place;
            tokio::select! {
                ended = connection => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, %peer, "a connection ended early");
                    }
                }
                () = cut.cancelled() => {}
            }
        });
    }
}

/// Hands one request to the router. A chunked body ends its connection: if somebody before us saw
/// its end elsewhere, nothing that follows is taken for a request.
async fn answer(
    router: axum::Router,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let chunked = request.version() <= Version::HTTP_11 && request.headers().contains_key(TRANSFER_ENCODING);
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Peer(peer));
    let mut response = router.oneshot(request).await?;
    if chunked {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// Errors that say something about one connection and nothing about the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// The connections that are open.
#[derive(Debug)]
struct Open {
    most: usize,
    most_per_address: usize,
    by_address: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One open connection; counted until it is dropped.
struct Place {
    open: Arc<Open>,
    address: IpAddr,
}

impl Open {
    fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let mut counts = self.counts();
        let own = counts.by_address.get(&address).copied().unwrap_or(0);
        if counts.all >= self.most || (own >= self.most_per_address && !address.is_loopback()) {
            return None;
        }
        counts.all += 1;
        counts.by_address.insert(address, own + 1);
        Some(Place { open: Arc::clone(self), address })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Nothing can panic between two changes of the counts.
        self.by_address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.open.counts();
        counts.all -= 1;
        if let Some(own) = counts.by_address.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_all_and_each_address() {
        let open = Arc::new(Open { most: 3, most_per_address: 1, by_address: Mutex::default() });
        let (one, two, here) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap(), [127, 0, 0, 1].into());
        let first = open.admit(one).unwrap();
        assert!(open.admit(one).is_none(), "one address has one connection");
        let _second = open.admit(two).unwrap();
        drop(first);
        let _third = open.admit(here).unwrap();
        let _fourth = open.admit(here).unwrap();
        assert!(open.admit(one).is_none(), "three in all");
    }
}
