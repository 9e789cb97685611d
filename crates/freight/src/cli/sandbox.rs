//! `freight sandbox`: the stand-ins of third-party APIs as a process of their own.

use std::path::PathBuf;

use clap::Args;
use sandbox::{Behaviour, Fault};
use tokio::net::TcpListener;

use super::failure::Failure;
use super::screen::Screen;
use crate::config::Config;
use crate::signal;

/// How the stand-ins behave.
#[derive(Debug, Args)]
pub(super) struct Sandbox {
    /// All content and every fault is drawn from it
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How long an answer takes at least
    #[arg(long, default_value_t = 0, value_name = "MS")]
    latency_ms: u64,
    /// At most this many calls in any 60 s; without it any number
    #[arg(long, value_name = "N")]
    calls_per_min: Option<u32>,
    /// How likely a fault is, such as status_500=0.1; may be repeated
    #[arg(long = "fault", value_name = "NAME=P", value_parser = fault)]
    faults: Vec<(Fault, f64)>,
    /// Append a line to this file for every call, before it is answered
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
}

impl Sandbox {
    /// Serves until it is told to stop.
    ///
    /// # Errors
    /// `Usage` for a setting that is not allowed; `Failed` when it cannot listen.
    pub(super) async fn run(self, config: &Config, screen: Screen) -> Result<(), Failure> {
        let behaviour = Behaviour {
            seed: self.seed,
            latency_ms: self.latency_ms,
            calls_per_min: self.calls_per_min,
            faults: self.faults.into_iter().collect(),
            ..Behaviour::default()
        };
        let settings = sandbox::Config { behaviour, journal: self.journal, ..sandbox::Config::default() };
        let listener = TcpListener::bind(config.sandbox_listen).await?;
        screen.say(&format!("Sandbox listening on http://{}", listener.local_addr()?));
        sandbox::serve(listener, settings, signal::stop()?).await.map_err(|error| match error {
            sandbox::Error::Invalid { .. } | sandbox::Error::NotLoopback(_) => Failure::Usage(error.to_string()),
            error => Failure::failed(error),
        })
    }
}

fn fault(text: &str) -> Result<(Fault, f64), String> {
    let (name, likely) = text.split_once('=').ok_or("NAME=P, such as status_500=0.1")?;
    let fault = name.parse().map_err(|error: sandbox::UnknownFault| error.to_string())?;
    Ok((fault, likely.parse().map_err(|_| "P is a number from 0 to 1")?))
}
