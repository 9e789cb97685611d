//! The witness: the stand-in of the API that users come from, a process that nobody kills.
//!
//! Its journal says of each answer which number it had, which size was asked for, and the ids and
//! names of its records. The rest of a record is had by asking again: answer number `n` of a seed
//! has the same bytes every time, given its size. So when all is over the stand-in is reset, and
//! called once for each number.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::stand_in::StandIn;

/// How long an answer takes, so that calls are under way when the server is killed.
const LATENCY_MS: u64 = 5;
const JITTER_MS: u64 = 40;

/// An answer of the stand-in.
pub(super) struct Line {
    pub(super) seq: u64,
    n: u64,
    /// How many records were asked for.
    pub(super) size: u64,
    /// Whether it was the message that there are too many.
    pub(super) refused: bool,
    ids: Vec<u64>,
    /// The records as they were sent; empty until they are [recalled](Witness::recall).
    pub(super) records: Vec<Box<RawValue>>,
}

/// A record's id; 0 is none.
pub(super) fn id(record: &RawValue) -> u64 {
    serde_json::from_str::<Value>(record.get()).ok().and_then(|record| record["id"].as_u64()).unwrap_or(0)
}

/// A stand-in, and what its answers are drawn from.
pub(super) struct Witness {
    pub(super) stand_in: StandIn,
    seed: u64,
}

impl Witness {
    pub(super) fn start(program: &Path, seed: u64) -> Result<Self> {
        let stand_in = StandIn::start(program)?;
        stand_in.behave(&json!({ "seed": seed, "latency_ms": LATENCY_MS, "jitter_ms": JITTER_MS }))?;
        Ok(Self { stand_in, seed })
    }

    /// Every answer so far.
    pub(super) fn journal(&self) -> Result<Vec<Line>> {
        let text = String::from_utf8(self.stand_in.client().get("/_sandbox/journal")?.expect(200)?)?;
        text.lines().map(line).collect()
    }

    /// How many answers there were so far.
    pub(super) fn answered(&self) -> Result<u64> {
        let stats: Value = self.stand_in.client().get("/_sandbox/stats")?.json(200)?;
        stats["answered"].as_u64().context("the stand-in does not count")
    }

    /// Has every answer given again, and fills in the records. The journal is gone then.
    pub(super) fn recall(&self, lines: &mut [Line]) -> Result<()> {
        let mut client = self.stand_in.client();
        client.send("POST", "/_sandbox/reset", "text/plain", &[])?;
        client.receive()?.expect(204)?;
        self.stand_in.behave(&json!({ "seed": self.seed }))?;
        let mut by_number: BTreeMap<u64, &mut Line> = lines.iter_mut().map(|line| (line.n, line)).collect();
        let last = by_number.keys().last().copied().unwrap_or(0);
        for n in 1..=last {
            // A call that was broken off took a number, and has no line.
            let line = by_number.remove(&n);
            let size = line.as_ref().map_or(1, |line| line.size);
            let body = client.get(&format!("/api/v2/users?size={size}"))?.expect(200)?;
            if let Some(line) = line.filter(|line| !line.refused) {
                line.records = records(&body)?;
                let again: Vec<u64> = line.records.iter().map(|record| id(record)).collect();
                ensure!(again == line.ids, "answer {n} was not the same again");
            }
        }
        Ok(())
    }
}

fn line(text: &str) -> Result<Line> {
    let line: Value = serde_json::from_str(text)?;
    let number = |name: &str| line[name].as_u64().with_context(|| format!("no {name}: {text}"));
    let size = line["size"].as_str().and_then(|size| size.parse().ok());
    let ids = line["records"].as_array().into_iter().flatten().filter_map(|record| record["id"].as_u64());
    Ok(Line {
        seq: number("seq")?,
        n: number("n")?,
        size: size.with_context(|| format!("a call without a size: {text}"))?,
        refused: line["class"] == "message",
        ids: ids.collect(),
        records: Vec::new(),
    })
}

/// One record comes without a list around it.
fn records(body: &[u8]) -> Result<Vec<Box<RawValue>>> {
    let body: Box<RawValue> = serde_json::from_slice(body)?;
    if body.get().starts_with('[') { Ok(serde_json::from_str(body.get())?) } else { Ok(vec![body]) }
}
