//! The program's own composition on a SQLite file, in this process.

use std::time::Duration;

use freight::compose::{Settings, compose};
use freight::ground::Ground;
use serde_json::json;
use tempfile::TempDir;
use testkit::Client;

use crate::on_file::ground;

/// A server whose workers run, and the directory that its file dies with.
pub(crate) struct Server {
    /// A caller with the first key, whom no rate limits.
    pub(crate) admin: Client,
    ground: Ground,
    workers: jobs::Workers,
    directory: TempDir,
}

impl Server {
    pub(crate) async fn start(settings: Settings) -> Self {
        let (ground, directory) = ground();
        let freight = compose(&ground, settings).await.unwrap();
        let key = freight.accounts.bootstrap().await.unwrap().unwrap().text.expose().clone();
        let admin = Client::app(&freight.app).with_key(&key);
        let unlimited = json!({ "settings": { "rate_limits": { "control": [] } } });
        admin.patch("/api/v1/tenants/default", &unlimited).await.expect(200);
        let workers = freight.workers_start();
        Self { admin, ground, workers, directory }
    }

    /// Stops the workers; every task has ended, and the file verifies.
    pub(crate) async fn stop(self) {
        assert!(self.workers.stop(Duration::from_secs(10)).await, "a task did not end");
        assert!(self.ground.file.unwrap().check().await.unwrap().is_sound());
        drop(self.directory);
    }
}
