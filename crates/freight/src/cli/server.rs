//! `freight serve`, and the roles that need a shared store.

use std::net::SocketAddr;

use clap::Args;

use super::failure::Failure;
use super::screen::Screen;
use crate::config::Config;
use crate::serve::{Ended, serve};
use crate::telemetry;

/// What to serve.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Also serve stand-ins of third-party APIs, and fetch from those
    #[arg(long)]
    sandbox: bool,
    /// Where to listen, instead of server.listen
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// The store, instead of store.uri
    #[arg(long, value_name = "URI")]
    store: Option<String>,
}

impl Serve {
    /// The flags as settings, so that they are judged like any other.
    pub(super) fn settings(&self) -> impl Iterator<Item = (String, String)> + use<> {
        let listen = self.listen.map(|at| ("server.listen".to_owned(), at.to_string()));
        let store = self.store.clone().map(|uri| ("store.uri".to_owned(), uri));
        listen.into_iter().chain(store)
    }

    /// Serves until it is told to stop.
    ///
    /// # Errors
    /// `Failed` when it cannot start; `Poisoned` when the store failed.
    pub(super) async fn run(&self, config: &Config, screen: Screen) -> Result<(), Failure> {
        telemetry::start(config.log_format, &config.log_filter)?;
        match serve(config, self.sandbox, &|words| screen.say(words)).await? {
            Ended::InTime => screen.say("Stopped"),
            Ended::Late => screen.say("Stopped; unfinished tasks were handed back and will run again"),
            Ended::Poisoned(why) => {
                return Err(Failure::Poisoned(format!("the store failed, so nothing more can be kept: {why}")));
            }
        }
        Ok(())
    }
}

/// Refuses a role that shares its store with other processes.
pub(super) fn refuse_role(role: &str, config: &Config) -> Failure {
    let file = config.store.path().display();
    Failure::Usage(format!(
        "`freight {role}` is one of several processes on one store, and sqlite:{file} belongs to one process: \
         its lock, its clock and its queue are in there. `freight serve` is the API and the workers together"
    ))
}
