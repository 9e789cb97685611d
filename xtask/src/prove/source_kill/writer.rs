//! Who writes measurements, and remembers which were acknowledged.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::super::disk::Random;
use crate::http::Client;
use crate::process;

/// Series that are written to.
pub(super) const SERIES: [&str; 3] = ["one", "two", "three"];
/// Records have times of so many seconds before now, at most.
const PAST_S: u64 = 3 * 86_400;
/// A batch has at most so many records.
const BATCH_MAX: u64 = 40;
/// Between two tries to reach a server that was killed.
const PATIENCE: Duration = Duration::from_millis(20);

/// What a writer and its rig share.
#[derive(Default)]
pub(super) struct Shared {
    /// Whether to end.
    pub(super) stop: AtomicBool,
    /// Whether a request is under way.
    pub(super) under_way: AtomicBool,
}

/// One writer.
pub(super) struct Writer {
    pub(super) number: u64,
    pub(super) client: Client,
    pub(super) random: Random,
    pub(super) shared: Arc<Shared>,
}

/// What was acknowledged: series and data by the record's own id.
pub(super) type Acked = HashMap<String, (String, Value)>;

impl Writer {
    /// Writes until it is told to stop.
    pub(super) fn run(mut self) -> Result<Acked> {
        let mut acked = Acked::new();
        let mut next = 0_u64;
        while !self.shared.stop.load(Ordering::SeqCst) {
            let count = if self.random.below(3) == 0 { 1 + self.random.below(BATCH_MAX) } else { 1 };
            let records: Vec<Value> = (next..next + count).map(|n| self.record(n)).collect::<Result<_>>()?;
            next += count;
            self.shared.under_way.store(true, Ordering::SeqCst);
            let sent = self.send(&records);
            self.shared.under_way.store(false, Ordering::SeqCst);
            match sent {
                Ok(places) => {
                    for place in places {
                        // Read as it will be read again: a parser may be off by the last bit of a float.
                        let data: Value = serde_json::from_str(&records[place]["data"].to_string())?;
                        let id = data["id"].as_str().unwrap_or_default().to_owned();
                        acked.insert(id, (records[place]["name"].as_str().unwrap_or_default().to_owned(), data));
                    }
                }
                // Nobody answered: it may be there or not.
                Err(_) => std::thread::park_timeout(PATIENCE),
            }
        }
        Ok(acked)
    }

    fn record(&mut self, n: u64) -> Result<Value> {
        let now = process::now_us()?;
        // Few minutes are hit often, most once; some instants coincide.
        let ago = match self.random.below(4) {
            0 => 0,
            1 => self.random.below(100) * 30_000_000,
            _ => self.random.below(PAST_S) * 1_000_000,
        };
        let value = self.random.below(2_000_001) as f64 / 1_000.0 - 1_000.0;
        let series = SERIES[self.random.below(SERIES.len() as u64) as usize];
        Ok(json!({
            "name": series, "ts": now - ago,
            "data": { "id": format!("{}-{n}", self.number), "v": value, "far": 1_700_000_000.0 + value },
        }))
    }

    /// The places of those that were acknowledged.
    fn send(&mut self, records: &[Value]) -> Result<Vec<usize>> {
        if let [one] = records {
            self.client.json("POST", "/source/write_raw", one)?.expect(200)?;
            return Ok(vec![0]);
        }
        let report: Value =
            self.client.json("POST", "/source/write_batch", &json!({ "records": records }))?.json(207)?;
        let results = report["results"].as_array().context("a batch without results")?;
        let good = results.iter().enumerate().filter(|(_, result)| result["status"] == 200);
        Ok(good.map(|(place, _)| place).collect())
    }
}
