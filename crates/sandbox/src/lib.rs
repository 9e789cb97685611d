//! Stand-ins for the third-party APIs that Freight talks to.
//!
//! The actors: a *stand-in* answers as its model does; the *desk* numbers each call, refuses what
//! comes too fast and writes the journal; a *test* (or a person trying Freight out) sets through
//! [`Behaviour`] how slow, how limited and how faulty the stand-ins are, and reads from the journal
//! what they said.
//!
//! Two promises make it worth more than a mock. Answer number n of a seed has the same bytes
//! every time, whatever was asked before it (of markets, a candle of a seed has the same figures), so a
//! failure found once is found again. And a call is
//! in the journal *before* its answer leaves, so that the journal, and not the server under test,
//! is the witness of what was delivered.
//!
//! How a maintainer could get it wrong: by drawing randomness from anything but the seed and the
//! number of the call (then answers depend on timing), by letting a refused call take a number
//! (then answers depend on the rate), or by answering without going through the desk (then the
//! journal lies).
//!
//! Read the modules in this order:
//!
//! 1. `config`: what can be set. `fault`: the ways an answer can be broken.
//! 2. `desk`: numbers, refuses, records. `rate`: when to refuse. `journal`: what was answered.
//! 3. `answer`: one reply and how it is put on the wire. `dice`: randomness out of a seed.
//! 4. `random_data`: the stand-in of random-data-api. `gecko`: that of GeckoTerminal. Each is a module with
//!    a router.
//! 5. `control`: the endpoints under `/_sandbox/`. `serve`: the listener.

mod answer;
mod config;
mod control;
mod desk;
mod dice;
mod fault;
mod gecko;
mod journal;
mod random_data;
mod rate;
mod serve;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use base::Clock;
use base::clock::SystemClock;
use tokio::net::TcpListener;

pub use config::{Behaviour, Config};
pub use fault::{Fault, UnknownFault};
pub use journal::{Class, Entry, Record, Stats};

use desk::Desk;

/// Why the sandbox does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The listener is bound to an address that others can reach.
    #[error("the sandbox listens on loopback only, not on {0}")]
    NotLoopback(SocketAddr),
    /// A setting is outside of what it may be.
    #[error("{setting}: {message}")]
    Invalid {
        /// The name of the setting.
        setting: String,
        /// What is allowed.
        message: String,
    },
    /// The journal's file cannot be opened or written.
    #[error("the journal {path}: {source}")]
    Journal {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The listener is not usable.
    #[error("the listener: {0}")]
    Listener(#[source] std::io::Error),
}

/// All stand-ins behind one desk. Clones share it.
#[derive(Clone)]
pub struct Sandbox {
    desk: Arc<Desk>,
}

impl Sandbox {
    /// A sandbox that starts as `config` says and takes its time from `clock`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a setting out of range, [`Error::Journal`] when the file cannot be
    /// opened for appending.
    pub fn open(config: Config, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        Ok(Self { desk: Arc::new(Desk::open(config, clock)?) })
    }

    /// Every stand-in, and the endpoints under `/_sandbox/`. A reset is a plain close here; only
    /// [`Sandbox::serve`] can send a TCP reset.
    pub fn router(&self) -> Router {
        Router::new()
            .merge(random_data::routes())
            .merge(gecko::routes())
            .merge(control::routes())
            .with_state(Arc::clone(&self.desk))
    }

    /// Serves until `shutdown` completes, then lets answers under way finish for a few seconds.
    ///
    /// # Errors
    /// [`Error::NotLoopback`] when others could reach the listener, [`Error::Listener`] when it
    /// has no address.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()> + Send) -> Result<(), Error> {
        serve::serve(listener, self.router(), self.desk.clock(), shutdown).await
    }
}

/// A sandbox on the machine's clock as a router, for use inside another server.
///
/// # Errors
/// As [`Sandbox::open`].
pub fn router(config: Config) -> Result<Router, Error> {
    Ok(Sandbox::open(config, Arc::new(SystemClock::new()))?.router())
}

/// Serves a sandbox on the machine's clock until `shutdown` completes.
///
/// # Errors
/// As [`Sandbox::open`] and [`Sandbox::serve`].
pub async fn serve(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), Error> {
    Sandbox::open(config, Arc::new(SystemClock::new()))?.serve(listener, shutdown).await
}
