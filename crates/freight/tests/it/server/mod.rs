//! The program's own composition on a given ground, in this process.

use std::net::SocketAddr;
use std::time::Duration;

use freight::compose::{Settings, compose};
use freight::ground::Ground;
use serde_json::json;
use testkit::Client;
use tokio::net::TcpListener;

/// A server whose workers run, and what its ground stands on.
pub(crate) struct Server<T> {
    /// A caller with the first key, whom no rate limits.
    pub(crate) admin: Client,
    ground: Ground,
    workers: jobs::Workers,
    pub(crate) below: T,
}

/// Where a stand-in of third parties listens, which answers the same each time.
pub(crate) async fn stand_in() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(sandbox::serve(listener, sandbox::Config::default(), std::future::pending()));
    at
}

impl<T> Server<T> {
    pub(crate) async fn start((ground, below): (Ground, T), settings: Settings) -> Self {
        let freight = compose(&ground, settings).await.unwrap();
        let key = freight.accounts.bootstrap().await.unwrap().unwrap().text.expose().clone();
        let admin = Client::app(&freight.app).with_key(&key);
        let unlimited = json!({ "settings": { "rate_limits": { "control": [] } } });
        admin.patch("/api/v1/tenants/default", &unlimited).await.expect(200);
        let workers = freight.workers_start();
        Self { admin, ground, workers, below }
    }

    /// Stops the workers; every task has ended, and a file verifies.
    pub(crate) async fn stop(self) -> T {
        assert!(self.workers.stop(Duration::from_secs(10)).await, "a task did not end");
        if let Some(file) = self.ground.file {
            assert!(file.check().await.unwrap().is_sound());
        }
        self.below
    }
}
