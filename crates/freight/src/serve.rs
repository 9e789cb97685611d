//! A server's life: start, serve, stop.
//!
//! A process is the API, the workers, or both: [`Role`].
//!
//! Start: listen, so that a taken port is known before anything is written; open the store; make
//! what an empty store begins with; put the server together; start the workers; serve; say so.
//!
//! Stop, when told to: readiness goes first, then no new connections and no new claims; requests
//! and tasks under way have the grace period to finish; what does not is handed back. A store that
//! poisoned itself ends the process at once: nothing more can be written, and whoever restarts it
//! reads back what really is on the disk.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use base::Clock;
use base::clock::SystemClock;
use metrics_exporter_prometheus::PrometheusHandle;
use readthrough::Behind;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::compose::{Freight, Settings, compose};
use crate::config::Config;
use crate::first_start::first_start;
use crate::ground::Ground;
use crate::{sign_in, signal, telemetry};

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Serves the API and runs the work.
    Both,
    /// Serves the API; the work is run by others on the same store.
    Api,
    /// Runs the work; health and metrics are on `server.ops_listen` alone.
    Worker,
}

/// How a server ended that had started.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to, and everything under way finished.
    InTime,
    /// It was told to, and some work was handed back when the grace period was over.
    Late,
    /// The store failed, for this reason.
    Poisoned(String),
}

/// Said at the start, since it opens something without a key.
const SESSIONS: &str =
    "Sessions       anybody may keep carts under a UUID (carts.anonymous_sessions); a UUID is no secret";

/// How long what is computed beside requests is waited for at the end.
const SETTLE_MAX: Duration = Duration::from_secs(2);

/// How often the recorder of metrics lets go of what it gathered.
const METRICS_EVERY: Duration = Duration::from_secs(5);

/// Runs a server until it is told to stop. `say` gets words for people.
///
/// # Errors
/// When it cannot start, or can no longer accept connections.
pub async fn serve(config: &Config, role: Role, with_sandbox: bool, say: &dyn Fn(&str)) -> Result<Ended> {
    let told = signal::stop()?;
    let api = match role {
        Role::Both | Role::Api => Some(listen(config.listen).await?),
        Role::Worker => None,
    };
    let elsewhere = config.sandbox_at.filter(|_| with_sandbox);
    let stand_ins = match with_sandbox && elsewhere.is_none() {
        true => Some(listen(config.sandbox_listen).await?),
        false => None,
    };
    let ops = match config.ops_listen {
        Some(at) => Some(listen(at).await?),
        None => None,
    };
    let at = api.as_ref().map(TcpListener::local_addr).transpose()?;
    let url = format!("http://{}", at.unwrap_or(config.listen));
    let sandbox_at = stand_ins.as_ref().map(TcpListener::local_addr).transpose()?.or(elsewhere);
    let metrics = telemetry::metrics()?;
    let ground = Ground::open(config).await?;
    let own: Vec<SocketAddr> = at.into_iter().collect();
    let settings = Settings { api_only: role == Role::Api, ..settings(config, own, sandbox_at, metrics.clone())? };
    let freight = compose(&ground, settings).await?;
    first_start(&freight.accounts, &url, with_sandbox, say).await?;
    if config.anonymous_sessions && role != Role::Worker {
        say(SESSIONS);
    }
    announce(role, &url, sandbox_at, say);
    let (stopping, rested) = (CancellationToken::new(), CancellationToken::new());
    let life = Life { role, freight, ground, metrics, grace: config.web.grace, stopping, rested };
    life.run(Listeners { api, ops, stand_ins }, told).await
}

async fn listen(at: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(at).await.with_context(|| format!("cannot listen on {at}"))
}

/// What the configuration says about a server that listens on `own`.
pub(crate) fn settings(
    config: &Config,
    own: Vec<SocketAddr>,
    sandbox: Option<SocketAddr>,
    metrics: PrometheusHandle,
) -> Result<Settings> {
    // A file has one process at a time; of tables others may be running tasks now.
    let exclusive = config.store.file().is_some();
    let jobs = jobs::Settings { concurrency: config.concurrency, exclusive, ..jobs::Settings::default() };
    Ok(Settings {
        web: config.web.clone(),
        jobs,
        auth: config.auth.clone(),
        aws: config.aws.clone(),
        post: sign_in::post(&config.auth)?,
        ingest: config.ingest.clone(),
        tokens: config.tokens.clone(),
        behind: Behind::Here,
        anonymous_sessions: config.anonymous_sessions,
        sandbox,
        export: config.export.clone(),
        own,
        metrics: Some(metrics),
        api_only: false,
    })
}

fn announce(role: Role, url: &str, sandbox: Option<SocketAddr>, say: &dyn Fn(&str)) {
    if let Some(at) = sandbox {
        say(&format!("Sandbox        http://{at}"));
    }
    if role == Role::Worker {
        return say(&format!("Freight {} runs tasks", env!("CARGO_PKG_VERSION")));
    }
    say(&format!("Documentation  {url}/api/docs"));
    say(&format!("Freight {} is listening on {url}", env!("CARGO_PKG_VERSION")));
}

struct Listeners {
    api: Option<TcpListener>,
    ops: Option<TcpListener>,
    stand_ins: Option<TcpListener>,
}

struct Life {
    role: Role,
    freight: Freight,
    ground: Ground,
    metrics: PrometheusHandle,
    grace: Duration,
    /// Told to stop.
    stopping: CancellationToken,
    /// No task runs any more.
    rested: CancellationToken,
}

impl Life {
    async fn run(self, listeners: Listeners, told: impl Future<Output = ()>) -> Result<Ended> {
        let life = async {
            tokio::join!(
                self.serve_api(listeners.api),
                self.serve_ops(listeners.ops),
                self.work(),
                self.stand_in(listeners.stand_ins),
                async {
                    tokio::select! {
                        () = told => {}
                        () = self.keep_house() => {}
                    }
                    self.stopping.cancel();
                },
            )
        };
        tokio::select! {
            ((), (), in_time, stood_in, ()) = life => {
                stood_in?;
                self.freight.accounts.settle().await?;
                self.freight.source.events_flush().await?;
                // Last, and not for long: nobody was promised what it computes.
                tokio::select! {
                    () = self.freight.tokens.settle() => {}
                    () = self.ground.clock.sleep(SETTLE_MAX) => {}
                }
                Ok(if in_time { Ended::InTime } else { Ended::Late })
            }
            why = self.poisoned() => Ok(Ended::Poisoned(why)),
        }
    }

    fn told_to_stop(&self) -> impl Future<Output = ()> + Send + use<> {
        self.stopping.clone().cancelled_owned()
    }

    async fn serve_api(&self, listener: Option<TcpListener>) {
        if let Some(listener) = listener {
            web::serve(listener, self.freight.app.clone(), self.told_to_stop()).await;
        }
    }

    async fn serve_ops(&self, listener: Option<TcpListener>) {
        if let Some(listener) = listener {
            web::serve_ops(listener, self.freight.app.clone(), self.told_to_stop()).await;
        }
    }

    /// Runs tasks until the stop; says whether all of them finished.
    async fn work(&self) -> bool {
        if self.role == Role::Api {
            self.stopping.cancelled().await;
            self.rested.cancel();
            return true;
        }
        let workers = self.freight.workers_start();
        self.stopping.cancelled().await;
        let in_time = workers.stop(self.grace).await;
        self.rested.cancel();
        in_time
    }

    /// Stands in for third parties for as long as there is a task that may call them.
    async fn stand_in(&self, listener: Option<TcpListener>) -> Result<()> {
        let Some(listener) = listener else { return Ok(()) };
        let stop = self.rested.clone().cancelled_owned();
        sandbox::serve(listener, sandbox::Config::default(), stop).await.context("the sandbox cannot serve")
    }

    async fn keep_house(&self) {
        let clock = SystemClock::new();
        loop {
            clock.sleep(METRICS_EVERY).await;
            self.metrics.run_upkeep();
        }
    }

    async fn poisoned(&self) -> String {
        match &self.ground.file {
            Some(file) => file.poisoned().await,
            None => std::future::pending().await,
        }
    }
}
