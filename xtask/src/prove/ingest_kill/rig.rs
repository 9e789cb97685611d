//! What the proof stands on: a server that dies, a stand-in that does not, importers that go on.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context as _, Result, anyhow};
use serde_json::json;

use super::import::{self, Gate, Importer};
use super::judge::{self, Findings};
use super::run::Run;
use super::witness::Witness;
use crate::http::Client;
use crate::server::Server;

const IMPORTERS: u64 = 2;

/// A server under load.
pub(super) struct Rig {
    pub(super) server: Server,
    /// A caller whose connection did not live through a kill.
    pub(super) client: Client,
    pub(super) witness: Witness,
    gate: Arc<Gate>,
    importers: Vec<JoinHandle<Result<u64>>>,
}

impl Rig {
    /// Starts everything on an empty store.
    pub(super) fn start(program: &Path, seed: u64) -> Result<Self> {
        let witness = Witness::start(program, seed)?;
        let server = Server::start(program, &[("FREIGHT_SANDBOX_AT", &witness.stand_in.address)])?;
        let mut client = Client::new(&server.url, Some(&server.api_key));
        prepare(&mut client)?;
        let mut rig = Self { server, client, witness, gate: Arc::default(), importers: Vec::new() };
        rig.importers = (0..IMPORTERS).map(|number| rig.importer(number)).collect();
        Ok(rig)
    }

    fn importer(&self, number: u64) -> JoinHandle<Result<u64>> {
        let client = Client::new(&self.server.url, Some(&self.server.api_key));
        let importer = Importer { number, client, gate: self.gate.clone() };
        std::thread::spawn(|| importer.run())
    }

    /// Kills the server, waits until every importer has noticed, and starts it again. Says whether
    /// an import was under way.
    pub(super) fn kill(&mut self) -> Result<bool> {
        self.gate.until_one_is_sent();
        self.gate.fall();
        self.server.kill()?;
        let broken = self.gate.noticed(self.importers.len())?;
        self.server.restart()?;
        self.client = Client::new(&self.server.url, Some(&self.server.api_key));
        self.gate.rise();
        Ok(broken > 0)
    }

    /// Ends the load and judges what is there.
    pub(super) fn judge(mut self, runs: &[Run]) -> Result<Findings> {
        self.gate.close();
        let mut found = Findings::default();
        let mut imported = Vec::new();
        for (importer, thread) in (0..).zip(self.importers.drain(..)) {
            let pieces = thread.join().map_err(|_| anyhow!("an importer panicked"))?.context("an importer gave up")?;
            imported.extend(import::expected(importer, pieces));
        }
        judge::rows(&mut self.client, &imported, &mut found).context("the rows cannot be read")?;
        let mut lines = self.witness.journal()?;
        self.witness.recall(&mut lines).context("what was sent cannot be recalled")?;
        judge::runs(runs, &lines, &mut found);
        Ok(found)
    }
}

/// Lifts the tenant's rates, and makes the dataset of the importers.
fn prepare(client: &mut Client) -> Result<()> {
    let rates = json!({ "settings": { "rate_limits": { "control": ["1000000/minute"] } } });
    client.json("PATCH", "/api/v1/tenants/default", &rates)?.expect(200)?;
    let rows = json!({
        "name": import::DATASET,
        "key": ["time_hour", "carrier", "flight"],
        "sort": ["dep_delay"],
    });
    client.json("POST", "/api/v1/datasets", &rows)?.expect(201)?;
    Ok(())
}
