//! The same ground in the cloud: DynamoDB and SQS behind the shim, and a Redis of its own.

use std::sync::Arc;

use base::Clock;
use base::clock::SystemClock;
use freight::config::{Config, Environment, QueueUri, Sources, StoreUri};
use freight::ground::{self, Ground};
use testkit::Redis;
use testkit::aws::{AwsShim, Moto, Odds};
use uuid::Uuid;

/// What the ground stands on, as long as it does.
pub(crate) struct Cloud {
    /// What went wrong on the way.
    pub(crate) shim: AwsShim,
    /// What begins the names of its tables and queues.
    pub(crate) prefix: String,
    /// The cache, and who counts requests.
    pub(crate) redis: Redis,
}

/// A ground on tables and queues of its own, made by the program's own means on a good day.
pub(crate) async fn ground(seed: u64, odds: Odds) -> (Ground, Cloud) {
    let (shim, redis) = (AwsShim::start(Moto::shared(), seed, Odds::default()).await, Redis::start());
    let config = config(&shim, &redis);
    make(&config).await;
    // Who makes tables may do more than the program.
    shim.actions_forget();
    let ground = Ground::open(&config).await.unwrap();
    shim.set(odds);
    let StoreUri::Dynamo(tables) = &config.store else { panic!("{config:?}") };
    (ground, Cloud { shim, prefix: tables.prefix.clone(), redis })
}

/// Makes the tables and queues.
pub(crate) async fn make(config: &Config) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (StoreUri::Dynamo(tables), QueueUri::Sqs(queues)) = (&config.store, &config.queue) else {
        panic!("{config:?}");
    };
    ground::dynamo(config, tables, &clock).await.tables_create().await.unwrap();
    ground::sqs(config, queues).await.queues_create().await.unwrap();
}

/// Nothing but configuration: three URIs, and the variables that AWS's own tools know.
pub(crate) fn config(shim: &AwsShim, redis: &Redis) -> Config {
    let prefix = Uuid::new_v4().simple();
    let flags = [
        ("store.uri", format!("dynamodb://eu-west-2?prefix={prefix}-")),
        ("queue.uri", format!("sqs://eu-west-2?prefix={prefix}-")),
        ("cache.uri", redis.url()),
        // An emulator takes its time.
        ("store.silence_max_ms", "20000".to_owned()),
    ];
    let environment = Environment::of([
        ("AWS_ENDPOINT_URL", shim.url().as_str()),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ]);
    let flags = flags.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Config::load(&Sources { environment, flags, ..Sources::default() }).unwrap()
}
