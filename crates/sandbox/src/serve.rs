//! The listener: loopback only, HTTP/1.1, and able to reset a connection.
//!
//! hyper is driven here directly, because a server that hides the socket cannot reset it: when a
//! response carries [`HangUp`], the service fails, hyper gives the socket back, and closing it
//! without lingering makes the kernel send a reset.

use std::error::Error as _;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use base::Clock;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::Error;
use crate::answer::HangUp;

const CONNECTIONS_MAX: usize = 1_024;
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const GRACE: Duration = Duration::from_secs(5);

/// Serves until `shutdown`, then lets answers under way finish for [`GRACE`].
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    clock: Arc<dyn Clock>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), Error> {
    let address = loopback(&listener)?;
    tracing::info!(%address, "the sandbox listens");
    let stop = CancellationToken::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(ended) = connections.join_next(), if !connections.is_empty() => report(ended),
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, router.clone(), stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    clock.sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    stop.cancel();
    tokio::select! {
        () = drained(&mut connections) => {}
        () = clock.sleep(GRACE) => connections.abort_all(),
    }
    Ok(())
}

fn loopback(listener: &TcpListener) -> Result<SocketAddr, Error> {
    let address = listener.local_addr().map_err(Error::Listener)?;
    if address.ip().is_loopback() { Ok(address) } else { Err(Error::NotLoopback(address)) }
}

async fn drained(connections: &mut JoinSet<()>) {
    while let Some(ended) = connections.join_next().await {
        report(ended);
    }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}

/// Why a service ends its connection: it was told to.
#[derive(Debug, thiserror::Error)]
#[error("reset on purpose")]
struct HungUp;

async fn converse(stream: TcpStream, router: Router, stop: CancellationToken) {
    // Without it, the pieces of a paced body would wait for each other's acknowledgements.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let router = router.clone();
        async move {
            let Ok(response) = router.oneshot(request.map(Body::new)).await;
            if response.extensions().get::<HangUp>().is_some() { Err(HungUp) } else { Ok(response) }
        }
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stop.cancelled() => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
        if error.source().is_some_and(|cause| cause.is::<HungUp>())
            && let Err(error) = connection.into_parts().io.into_inner().set_zero_linger()
        {
            tracing::warn!(%error, "a connection is closed, not reset");
        }
    }
}
