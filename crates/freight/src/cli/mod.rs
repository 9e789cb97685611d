//! The command line.
//!
//! There are two kinds of commands. Those that run or tend a server on this machine (`serve`,
//! `sandbox`, `doctor`, `backup`, …) read the configuration. The others are a client of the public
//! API and read only where the server is and which key to use: they can do nothing that another
//! caller with this key could not. Data goes to standard output, words to standard error.

mod carts;
mod chunks;
mod client;
mod datasets;
mod dead_letters;
mod doctor;
mod events;
mod failure;
mod jobs;
mod keys;
mod lambda;
mod offline;
mod paging;
mod sandbox;
mod screen;
mod server;
mod source;
mod store;
mod tables;
mod tenants;
mod transfer;
mod watch;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use base::clock::SystemClock;
use clap::{Args, Parser, Subcommand};

use crate::compose::{Settings, compose};
use crate::config::layers::DEFAULT;
use crate::config::{Config, Environment, Sources};
use crate::ground::Ground;
use crate::serve::Role;
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
    /// Serve the API and run the work, in one process
    Serve(server::Serve),
    /// Serve the API alone, on a store and a queue that are shared
    Api(server::Serve),
    /// Run the work alone, on a store and a queue that are shared
    Worker(server::Serve),
    /// Answer invocations of AWS Lambda, which starts this itself
    Lambda,
    /// Tables and queues of shared backends: what there has to be
    #[command(subcommand)]
    Tables(tables::Tables),
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
    /// Measurements: raw records in, windows out
    #[command(subcommand)]
    Source(source::Source),
    /// Carts: selections of records
    #[command(subcommand)]
    Carts(carts::Carts),
    /// Dead letters: work that failed for good
    #[command(subcommand)]
    DeadLetters(dead_letters::DeadLetters),
    /// Serve the stand-ins of third-party APIs alone
    Sandbox(sandbox::Sandbox),
    /// Look at the configuration, the store, the server and the key, and say what is wrong
    Doctor,
    /// Copy the store to a file and verify the copy, whether a server runs or not
    Backup(store::Backup),
    /// Put a backup in the store's place; no server may be running
    Restore(store::Restore),
    /// Verify every row of the store, whether a server runs or not
    Check,
    /// Print the OpenAPI document of the API
    Openapi,
    /// Print the default configuration with its comments
    Config,
}

/// Parses the arguments, runs the command and returns its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>, environment: Environment) -> ExitCode {
    let cli = match Cli::try_parse_from(lambda::as_started(arguments)) {
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
    async fn run(self, global: &Global, environment: Environment, screen: Screen) -> Result<(), Failure> {
        let client = || Client::new(global.url.as_deref(), global.tenant.as_deref(), &environment);
        let patient = || Client::patient(global.url.as_deref(), global.tenant.as_deref(), &environment);
        match self {
            Self::Serve(serve) => {
                serve.run(Role::Both, &global.load_with(environment, serve.settings())?, screen).await
            }
            Self::Api(serve) => serve.run(Role::Api, &global.load_with(environment, serve.settings())?, screen).await,
            Self::Worker(serve) => {
                serve.run(Role::Worker, &global.load_with(environment, serve.settings())?, screen).await
            }
            Self::Lambda => lambda::run(&environment, &global.load(environment.clone())?).await,
            Self::Tables(verb) => tables::run(verb, &global.load(environment)?, screen).await,
            Self::Tenants(verb) => tenants::run(verb, &client()?, screen).await,
            Self::Keys(keys::Keys::Create(key)) if key.offline => {
                let tenant = global.tenant.as_deref();
                offline::key_create(&key, tenant, &global.load(environment.clone())?, screen).await
            }
            Self::Keys(verb) => keys::run(verb, &client()?, screen).await,
            Self::Jobs(verb) => jobs::run(verb, &client()?, screen).await,
            Self::Datasets(verb) => datasets::run(verb, &client()?, screen).await,
            Self::Source(verb) => source::run(verb, &client()?, screen).await,
            Self::Carts(verb) => carts::run(verb, &client()?, screen).await,
            Self::DeadLetters(verb) => dead_letters::run(verb, &client()?, screen).await,
            Self::Doctor => doctor::run(global.load(environment.clone()), &client()?, screen).await,
            Self::Backup(backup) => backup.run(&global.load(environment.clone())?, &patient()?, screen).await,
            Self::Restore(restore) => restore.run(&global.load(environment)?, screen).await,
            Self::Check => store::check(&global.load(environment.clone())?, &patient()?, screen).await,
            Self::Sandbox(sandbox) => sandbox.run(&global.load(environment)?, screen).await,
            Self::Openapi => openapi(screen).await,
            Self::Config => screen.line(DEFAULT),
        }
    }
}

/// The document of the program as it is, whatever is configured: that of a server on memory.
async fn openapi(screen: Screen) -> Result<(), Failure> {
    let server = compose(&Ground::memory(Arc::new(SystemClock::new())), Settings::default()).await?;
    screen.line(&web::openapi(&server.app))
}

impl Global {
    /// The configuration of a server on this machine.
    fn load(&self, environment: Environment) -> Result<Config, Failure> {
        self.load_with(environment, [])
    }

    /// The same with a command's own flags over it.
    fn load_with(
        &self,
        environment: Environment,
        flags: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Config, Failure> {
        let flags = self.settings.iter().cloned().chain(flags).collect();
        let sources = Sources { file: self.config.clone(), environment, flags };
        Config::load(&sources).map_err(Failure::Configuration)
    }
}

fn setting(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("KEY=VALUE, such as server.grace_s=10")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}
