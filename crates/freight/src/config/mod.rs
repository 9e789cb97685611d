//! Configuration: typed, unit-named, read once.
//!
//! `config.default.toml` *is* the default: it is compiled in and parsed first, so the commented
//! file cannot drift from the program. Over it come `freight.toml` (or `--config FILE`), the
//! environment (with `.env` below the real variables) and flags. [`Config::load`] looks at all of
//! it before anything is opened and reports everything wrong at once.
//!
//! To add a setting: a commented line in the default file, a field here, and one line in
//! `Config::read`. Forgetting any of them fails a test or the start.
//!
//! - [`environment`]: where variables come from; the only reader of the process's environment.
//! - [`layers`]: the four layers, flattened; unknown keys.
//! - [`read`]: typed values and what is wrong with them.
//! - `auth`, `server`, `ingest`, `tokens`, `export`: the sections of these names. [`uri`]: which backend a URI picks.
//! - [`aws`]: the variables that AWS's own tools know.

mod auth;
pub mod aws;
pub mod environment;
mod export;
mod ingest;
pub mod layers;
pub mod read;
mod server;
mod tokens;
pub mod uri;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use auth::{Auth, ProviderName};
pub use environment::Environment;
pub use export::Export;
pub use ingest::Ingest;
pub use layers::{Fault, Layers};
use read::Reader;
pub use tokens::Tokens;
pub use uri::{CacheUri, QueueUri, StoreUri};

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people if standard error is a terminal, else JSON.
    Auto,
    /// A line for people.
    Human,
    /// A JSON object in each line.
    Json,
}

/// Everything a server needs to know before it starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where health and metrics are served without a key, if anywhere.
    pub ops_listen: Option<SocketAddr>,
    /// Bounds and names of the HTTP interface.
    pub web: web::Config,
    /// Where the store is.
    pub store: StoreUri,
    /// How long DynamoDB may answer nobody before it counts as away.
    pub silence_max: Duration,
    /// Where the queue is.
    pub queue: QueueUri,
    /// Where the cache is, and who counts requests.
    pub cache: CacheUri,
    /// What the environment says about AWS.
    pub aws: aws::AwsVariables,
    /// How much memory the cache may take, in bytes.
    pub cache_bytes: u64,
    /// How many tasks run at the same time.
    pub concurrency: usize,
    /// Who may call besides those who hold a key.
    pub auth: Auth,
    /// What ingest may call, and how.
    pub ingest: Ingest,
    /// Whom tokens asks.
    pub tokens: Tokens,
    /// What is also taken to other systems.
    pub export: Export,
    /// Whether who names a session may have carts without a key.
    pub anonymous_sessions: bool,
    /// How events are written.
    pub log_format: LogFormat,
    /// Which events are written.
    pub log_filter: String,
    /// Where the stand-ins listen.
    pub sandbox_listen: SocketAddr,
    /// Where stand-ins are that are not ours to serve.
    pub sandbox_at: Option<SocketAddr>,
}

/// Where settings come from, besides the default file.
#[derive(Default)]
pub struct Sources {
    /// A file that must exist, instead of `freight.toml`, which may be absent.
    pub file: Option<PathBuf>,
    /// The environment, `.env` merged in.
    pub environment: Environment,
    /// `section.key` and text.
    pub flags: Vec<(String, String)>,
}

impl Config {
    /// Reads all layers.
    ///
    /// # Errors
    /// Everything that is wrong, each with its key and what is allowed.
    pub fn load(sources: &Sources) -> Result<Self, Vec<Fault>> {
        let mut layers = Layers::defaults();
        match &sources.file {
            Some(file) => layers.file(file, true),
            None => layers.file("freight.toml".as_ref(), false),
        }
        layers.environment(&sources.environment);
        layers.flags(sources.flags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        Self::read(layers, &sources.environment)
    }

    fn read(layers: Layers, environment: &Environment) -> Result<Self, Vec<Fault>> {
        let mut reader = Reader::new(layers);
        let formats = [("auto", LogFormat::Auto), ("human", LogFormat::Human), ("json", LogFormat::Json)];
        let config = Self {
            listen: reader.address("server.listen"),
            ops_listen: reader.address_if_any("server.ops_listen"),
            web: server::read(&mut reader),
            store: reader.parsed("store.uri", StoreUri::default(), uri::store),
            silence_max: Duration::from_millis(reader.int("store.silence_max_ms", 100..=60_000)),
            queue: reader.parsed("queue.uri", QueueUri::default(), uri::queue),
            cache: reader.parsed("cache.uri", CacheUri::default(), uri::cache),
            aws: aws::read(environment),
            cache_bytes: reader.int("cache.size_max_bytes", 1 << 20..=1 << 36),
            concurrency: reader.count("workers.concurrency", 1..=1024),
            auth: auth::read(&mut reader),
            ingest: ingest::read(&mut reader, environment),
            tokens: tokens::read(&mut reader),
            export: export::read(&mut reader),
            anonymous_sessions: reader.flag("carts.anonymous_sessions"),
            log_format: reader.choice("log.format", &formats).unwrap_or(LogFormat::Auto),
            log_filter: reader.parsed("log.filter", String::new(), crate::telemetry::check_filter),
            sandbox_listen: reader.address("sandbox.listen"),
            sandbox_at: reader.address_if_any("sandbox.at"),
        };
        reader.finish(config)
    }
}
