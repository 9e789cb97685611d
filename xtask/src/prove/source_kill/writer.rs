//! Who writes measurements, and remembers which were acknowledged.

use std::collections::HashMap;
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

/// What was acknowledged: series and data by the record's own id.
pub(super) type Acked = HashMap<String, (String, Value)>;

/// One writer.
pub(super) struct Writer {
    number: u64,
    pub(super) client: Client,
    random: Random,
    /// The number of its next record.
    next: u64,
    acked: Acked,
}

impl Writer {
    pub(super) fn new(number: u64, client: Client, random: Random) -> Self {
        Self { number, client, random, next: 0, acked: Acked::new() }
    }

    /// Writes until it is told to stop.
    pub(super) fn run(mut self, shared: &Shared) -> Result<Acked> {
        while !shared.stop.load(Ordering::SeqCst) {
            shared.under_way.store(true, Ordering::SeqCst);
            let answered = self.write()?;
            shared.under_way.store(false, Ordering::SeqCst);
            if !answered {
                std::thread::park_timeout(PATIENCE);
            }
        }
        Ok(self.acked)
    }

    /// What it remembers, and does no longer.
    pub(super) fn forget(&mut self) -> Acked {
        std::mem::take(&mut self.acked)
    }

    /// Writes one record or a batch, and remembers what was acknowledged. When nobody answered it is
    /// false: what was written may be there or not.
    pub(super) fn write(&mut self) -> Result<bool> {
        let count = if self.random.below(3) == 0 { 1 + self.random.below(BATCH_MAX) } else { 1 };
        let numbers = self.next..self.next + count;
        self.next += count;
        let records: Vec<Value> = numbers.map(|n| self.record(n)).collect::<Result<_>>()?;
        let Ok(places) = self.send(&records) else { return Ok(false) };
        for place in places {
            // Read as it will be read again: a parser may be off by the last bit of a float.
            let data: Value = serde_json::from_str(&records[place]["data"].to_string())?;
            let id = data["id"].as_str().unwrap_or_default().to_owned();
            self.acked.insert(id, (records[place]["name"].as_str().unwrap_or_default().to_owned(), data));
        }
        Ok(true)
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
