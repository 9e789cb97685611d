//! What was answered, judged by what was cut off at the time.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::Outage;
use crate::load::{Asked, Wanted};

/// What a caller who is refused has to be told within.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// Whoever asks so long after an outage has nothing to do with it any more.
const CALM: Duration = Duration::from_secs(3);

/// What was cut off, from when to when.
type Cuts = [(Outage, Instant, Instant)];

/// What came of all requests.
#[derive(Default)]
pub(super) struct Judged {
    pub(super) figures: Map<String, Value>,
    /// Answers that nobody ought to have had.
    pub(super) wrong: Vec<String>,
    pub(super) jobs_while_queue_away: usize,
    writes: Writes,
    reads: Reads,
}

#[derive(Default)]
struct Writes {
    /// Those that were under way when the store was cut off.
    under_way: usize,
    /// From when to when those waited that the store was away for.
    waited: Vec<(Instant, Instant)>,
    refused: usize,
    longest_ms: u128,
    late: usize,
    /// While the store was there, and those of them that were refused.
    asked_while_there: usize,
    needless: usize,
    /// Soon after an outage, and those of them that were refused.
    soon_after: usize,
    refused_soon_after: usize,
}

/// Reads of what is cached.
#[derive(Default)]
struct Reads {
    all: usize,
    /// Those that came and were answered while the store was away.
    while_away: usize,
    late: usize,
    longest_ms: u128,
}

impl Judged {
    pub(super) fn of(asked: &[Asked], cuts: &Cuts) -> Self {
        let mut judged = Self::default();
        for one in asked {
            match one.what {
                Wanted::Read => judged.read(one, cuts),
                Wanted::Record | Wanted::Job => judged.write(one, cuts),
            }
        }
        let queue_is_away = |one: &&Asked| {
            let away = |(outage, begun, ended): &(Outage, Instant, Instant)| {
                matches!(outage, Outage::Queue(_)) && (*begun..=*ended).contains(&one.at)
            };
            one.what == Wanted::Job && cuts.iter().any(away)
        };
        let jobs: BTreeSet<&String> = asked.iter().filter(queue_is_away).filter_map(|one| one.made.as_ref()).collect();
        judged.jobs_while_queue_away = jobs.len();
        judged.figures = judged.told();
        judged
    }

    fn write(&mut self, write: &Asked, cuts: &Cuts) {
        let during = during(write, cuts);
        let is_refused = match (write.what, write.status) {
            // With the store away: done before it was gone, or once it was back.
            (Wanted::Record, 200) | (Wanted::Job, 202) => false,
            (_, 503) if write.says_when => true,
            (what, status) => {
                let during = during.map(|outage| outage.map(|(outage, _)| outage));
                self.wrong.push(format!("a {what:?} was answered {status} during {during:?}"));
                return;
            }
        };
        let writes = &mut self.writes;
        let Some(outage) = during else {
            writes.soon_after += 1;
            writes.refused_soon_after += usize::from(is_refused);
            return;
        };
        let is_store = outage.is_some_and(|(outage, _)| matches!(outage, Outage::Store(_)));
        // A job is accepted while queue or cache are away, but each of them is waited for a moment.
        if let Some((_, begun)) = outage
            && (is_store || write.what == Wanted::Record)
        {
            // Until the cut nobody kept the caller of a write that was under way.
            let took = write.took.saturating_sub(begun.saturating_duration_since(write.at));
            writes.under_way += usize::from(write.at < begun);
            writes.longest_ms = writes.longest_ms.max(took.as_millis());
            writes.late += usize::from(took > ANSWER_MAX);
        }
        if is_store {
            writes.waited.push((write.at, write.at + write.took));
            writes.refused += usize::from(is_refused);
        } else {
            writes.asked_while_there += 1;
            writes.needless += usize::from(is_refused);
        }
    }

    fn read(&mut self, read: &Asked, cuts: &Cuts) {
        let answered = read.at + read.took;
        let away = |(outage, begun, ended): &(Outage, Instant, Instant)| {
            matches!(outage, Outage::Store(_)) && *begun <= read.at && answered <= *ended
        };
        let store_is_away = cuts.iter().any(away);
        let reads = &mut self.reads;
        reads.all += 1;
        reads.while_away += usize::from(store_is_away);
        reads.late += usize::from(read.took > ANSWER_MAX);
        reads.longest_ms = reads.longest_ms.max(read.took.as_millis());
        let mark = read.mark.as_deref().unwrap_or_default();
        let is_marked = match store_is_away {
            true => mark.starts_with("freight; hit") || mark.ends_with("detail=store-away"),
            false => mark.starts_with("freight; "),
        };
        if read.status != 200 || !is_marked {
            self.wrong.push(format!("a cached answer was {} \"{mark}\"", read.status));
        }
    }

    fn told(&self) -> Map<String, Value> {
        let Self { writes, reads, .. } = self;
        let told = json!({
            "under_way": writes.under_way,
            "waited_at_once": most_at_once(&writes.waited),
            "refused": writes.refused,
            "asked_while_there": writes.asked_while_there,
            "refused_needlessly": writes.needless,
            "asked_soon_after": writes.soon_after,
            "refused_soon_after": writes.refused_soon_after,
            "longest_answer_ms": writes.longest_ms,
            "later_than_a_second": writes.late,
            "cached_reads": reads.all,
            "cached_reads_while_away": reads.while_away,
            "cached_reads_late": reads.late,
            "longest_read_ms": reads.longest_ms,
        });
        told.as_object().cloned().unwrap_or_default()
    }
}

/// What was cut off when somebody asked, and since when: the store also when it was cut off before the
/// answer. `None` = queue or cache was cut off before the answer, or something was just restored.
fn during(write: &Asked, cuts: &Cuts) -> Option<Option<(Outage, Instant)>> {
    let answered = write.at + write.took;
    let waits_for_store = |(outage, begun, ended): &&(Outage, Instant, Instant)| {
        matches!(outage, Outage::Store(_)) && write.at <= *ended && answered >= *begun
    };
    if let Some((outage, begun, _)) = cuts.iter().find(waits_for_store) {
        return Some(Some((*outage, *begun)));
    }
    for (outage, begun, ended) in cuts {
        if (*begun..=*ended).contains(&write.at) {
            return Some(Some((*outage, *begun)));
        }
        if answered >= *begun && write.at < *ended + CALM {
            return None;
        }
    }
    Some(None)
}

/// The most who waited at the same time.
fn most_at_once(waited: &[(Instant, Instant)]) -> usize {
    let at = |instant: &Instant| waited.iter().filter(|(from, to)| from <= instant && instant <= to).count();
    waited.iter().map(|(from, _)| at(from)).max().unwrap_or_default()
}
