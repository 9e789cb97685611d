//! A server to attack: the program's own composition, on a SQLite file whose items are in a [`Ledger`].

use std::sync::Arc;

use base::clock::SystemClock;
use base::intercept::Intercepted;
use base::{Clock, Store};
use embedded::{OpenOptions, SqliteStore};
use freight::compose::{Freight, Settings, compose};
use freight::ground::Ground;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::Client;

use crate::ledger::Ledger;

/// A store and its ledger, and the folder that dies with them.
pub(crate) struct Rig {
    pub(crate) store: Arc<Intercepted<Ledger>>,
    pub(crate) clock: Arc<dyn Clock>,
    _folder: TempDir,
}

impl Rig {
    /// An empty file.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = SqliteStore::open(OpenOptions::new(folder.path().join("attacked.db"), clock.clone())).unwrap();
        Self { store: Arc::new(Intercepted::new(file, Ledger::default())), clock, _folder: folder }
    }

    /// An empty file, in real time.
    pub(crate) fn timed() -> Self {
        Self::new(Arc::new(SystemClock::new()))
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        self.store.by()
    }

    /// A server that reaches the store through `through`; nothing else of it outlives it.
    pub(crate) async fn server(&self, through: Arc<dyn Store>, settings: Settings) -> Freight {
        let ground = Ground { store: through, ..Ground::memory(self.clock.clone()) };
        compose(&ground, settings).await.unwrap()
    }
}

/// A caller with the first key of a server that was never started before, limited by nobody.
pub(crate) async fn first_caller(freight: &Freight) -> Client {
    let key = freight.accounts.bootstrap().await.unwrap().unwrap();
    let client = Client::app(&freight.app).with_key(key.text.expose());
    client.patch("/api/v1/tenants/default", &json!({ "settings": unlimited() })).await.expect(200);
    client
}

/// Settings of a tenant that nobody limits.
pub(crate) fn unlimited() -> Value {
    json!({ "rate_limits": { "control": [] } })
}

/// So many calls at once; what came of each.
pub(crate) async fn at_once<T: Send + 'static, F>(clients: usize, call: impl Fn(usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
{
    let calls: Vec<_> = (0..clients).map(|n| tokio::spawn(call(n))).collect();
    let mut answers = Vec::with_capacity(clients);
    for call in calls {
        answers.push(call.await.unwrap());
    }
    answers
}
