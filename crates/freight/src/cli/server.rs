//! `freight serve`, and its two halves on backends that processes share: `freight api`, `freight worker`.

use std::net::SocketAddr;

use clap::Args;

use super::failure::Failure;
use super::screen::Screen;
use crate::config::{Config, QueueUri, StoreUri};
use crate::serve::{Ended, Role, serve};
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
    pub(super) async fn run(&self, role: Role, config: &Config, screen: Screen) -> Result<(), Failure> {
        match role {
            Role::Both => {}
            Role::Api => are_shared("api", config)?,
            Role::Worker => are_shared("worker", config)?,
        }
        telemetry::start(config.log_format, &config.log_filter)?;
        match serve(config, role, self.sandbox, &|words| screen.say(words)).await? {
            Ended::InTime => screen.say("Stopped"),
            Ended::Late => screen.say("Stopped; unfinished tasks were handed back and will run again"),
            Ended::Poisoned(why) => {
                return Err(Failure::Poisoned(format!("the store failed, so nothing more can be kept: {why}")));
            }
        }
        Ok(())
    }
}

/// Refuses one of several processes on what belongs to one.
///
/// # Errors
/// `Usage`, with the reason.
pub(super) fn are_shared(role: &str, config: &Config) -> Result<(), Failure> {
    let refused = |what: String| {
        Err(Failure::Usage(format!(
            "`freight {role}` is one of several processes on one store, and {what}. \
             `freight serve` is the API and the workers together"
        )))
    };
    match (&config.store, &config.queue) {
        (StoreUri::File(path), _) => refused(format!(
            "sqlite:{} belongs to one process: its lock, its clock and its queue are in there",
            path.display()
        )),
        (StoreUri::Dynamo(_), QueueUri::Local) => {
            refused("queue.uri is local: what one process rings, no other hears".to_owned())
        }
        (StoreUri::Dynamo(_), QueueUri::Sqs(_)) => Ok(()),
    }
}
