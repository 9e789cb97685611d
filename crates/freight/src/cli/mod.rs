//! The command line.
//!
//! There are two kinds of commands. Those that run or tend a server on this machine (`serve`,
//! `sandbox`, `doctor`, `backup`, …) read the configuration. The others are a client of the public
//! API and read only where the server is and which key to use: they can do nothing that another
//! caller with this key could not. Data goes to standard output, words to standard error.

mod chunks;
mod client;
mod datasets;
mod dead_letters;
mod events;
mod failure;
mod jobs;
mod keys;
mod paging;
mod screen;
mod tenants;
mod transfer;
mod watch;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::layers::DEFAULT;
use crate::config::{Config, Environment, Sources};
use client::Client;
pub use failure::Failure;
use screen::Screen;

/// A data API server: takes in records, keeps answers fresh, moves data between systems.
#[derive(Debug, Parser)]
#[command(name = "freight", version, about, after_help = failure::EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Flags of every command.
#[derive(Debug, Args)]
struct Global {
    /// Print data for programs: JSON, as the server sent it
    #[arg(long, global = true)]
    json: bool,
    /// Where the server is, instead of FREIGHT_URL
    #[arg(long, global = true, value_name = "URL")]
    url: Option<String>,
    /// The tenant to act for, instead of FREIGHT_TENANT
    #[arg(long, global = true)]
    tenant: Option<String>,
    /// The configuration file, instead of freight.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A setting, such as server.grace_s=10; may be repeated
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Tenants: whose data there is
    #[command(subcommand)]
    Tenants(tenants::Tenants),
    /// API keys: who may call
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Jobs: see and steer work
    #[command(subcommand)]
    Jobs(jobs::Jobs),
    /// Datasets: records in and out
    #[command(subcommand)]
    Datasets(datasets::Datasets),
    /// Dead letters: work that failed for good
    #[command(subcommand)]
    DeadLetters(dead_letters::DeadLetters),
    /// Print the default configuration with its comments
    Config,
}

/// Parses the arguments, runs the command and returns its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>, environment: Environment) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            return if error.print().is_ok() { ExitCode::from(code) } else { ExitCode::FAILURE };
        }
    };
    let screen = Screen::new(cli.global.json);
    match run(cli, environment, screen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, Failure::Closed) {
                screen.say(&format!("freight: {failure}"));
            }
            failure.exit_code()
        }
    }
}

fn run(cli: Cli, mut environment: Environment, screen: Screen) -> Result<(), Failure> {
    for file in [".env", "freight.env"] {
        environment.merge_file(file.as_ref()).map_err(Failure::Usage)?;
    }
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(cli.command.run(&cli.global, environment, screen))
}

impl Command {
    async fn run(
        self,
        global: &Global,
        environment: Environment,
        screen: Screen,
    ) -> Result<(), Failure> {
        let client = || Client::new(global.url.as_deref(), global.tenant.as_deref(), &environment);
        match self {
            Self::Tenants(verb) => tenants::run(verb, &client()?, screen).await,
            Self::Keys(verb) => keys::run(verb, &client()?, screen).await,
            Self::Jobs(verb) => jobs::run(verb, &client()?, screen).await,
            Self::Datasets(verb) => datasets::run(verb, &client()?, screen).await,
            Self::DeadLetters(verb) => dead_letters::run(verb, &client()?, screen).await,
            Self::Config => screen.line(DEFAULT),
        }
    }
}

impl Global {
    /// The configuration of a server on this machine.
    fn load(&self, environment: Environment) -> Result<Config, Failure> {
        let sources =
            Sources { file: self.config.clone(), environment, flags: self.settings.clone() };
        Config::load(&sources).map_err(Failure::Configuration)
    }
}

fn setting(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("KEY=VALUE, such as server.grace_s=10")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}
