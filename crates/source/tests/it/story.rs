//! Windows equal a recomputation from all records: over random stories of writes, late, repeated
//! and of one instant, of rollers, of kills between any two changes, and of questions with any
//! step, zone and edge, around the days on which the clocks change.

use std::time::Duration;

use base::Ctx;
use jiff::Timestamp;
use proptest::prelude::*;
use source::model::record::Draft;
use source::model::step::{cuts, zone};
use source::model::{Detail, Record, Step};
use source::service::window::Wanted;
use uuid::Uuid;

use crate::reference::Expected;
use crate::world::{World, ctx};

/// Four days after the clocks went forward in Europe, and four after they went back.
const NOWS: [&str; 2] = ["2026-04-02T10:20:30.5Z", "2026-10-29T10:20:30.5Z"];
const SERIES: &str = "story";

#[derive(Clone, Debug)]
enum Deed {
    /// Records at these times before now, in seconds; one request each, or a batch.
    Write { ago: Vec<u32>, value: i16, batch: bool, repeated: bool },
    /// Time passes.
    Pass(u16),
    /// The roller works until nothing is dirty.
    Roll,
    /// The process dies so many changes later, the last one applied or not.
    Kill(u8, bool),
    /// A window that ends so many seconds before now and is so long, cut like this.
    Ask { end: u32, length: u32, micros: u32, step: &'static str, tz: &'static str },
}

fn steps() -> impl Strategy<Value = Vec<Deed>> {
    let week = 6 * 86_400_u32;
    // Few different times, so that minutes are hit again and instants coincide.
    let ago =
        prop_oneof![3 => (0..40_u32).prop_map(|n| n * 13), 2 => 0..week, 2 => (0..200_u32).prop_map(|n| n * 1_800)];
    let write = (proptest::collection::vec(ago, 1..6), any::<i16>(), any::<bool>(), any::<bool>())
        .prop_map(|(ago, value, batch, repeated)| Deed::Write { ago, value, batch, repeated });
    let step = prop_oneof![Just("1d"), Just("1w"), Just("24h"), Just("7h"), Just("15m"), Just("90m"), Just("1000s")];
    let tz = prop_oneof![
        Just("UTC"),
        Just("Europe/Lisbon"),
        Just("America/New_York"),
        Just("Asia/Kolkata"),
        Just("Asia/Kathmandu")
    ];
    let ask = (0..week, 1..week, 0..1_000_000_u32, step, tz).prop_map(|(end, length, micros, step, tz)| Deed::Ask {
        end,
        length,
        micros,
        step,
        tz,
    });
    let one = prop_oneof![
        5 => write,
        1 => (1..200_u16).prop_map(Deed::Pass),
        2 => Just(Deed::Roll),
        1 => (0..12_u8, any::<bool>()).prop_map(|(changes, applied)| Deed::Kill(changes, applied)),
        4 => ask,
    ];
    proptest::collection::vec(one, 1..25)
}

struct Story {
    world: Option<World>,
    acknowledged: Vec<Record>,
    kills: usize,
}

impl Story {
    fn world(&mut self) -> &mut World {
        self.world.as_mut().unwrap()
    }

    async fn tell(&mut self, step: &Deed) -> Result<(), TestCaseError> {
        match step {
            Deed::Write { ago, value, batch, repeated } => self.write(ago, *value, *batch, *repeated).await,
            Deed::Pass(seconds) => self.world().clock.advance(Duration::from_secs((*seconds).into())),
            Deed::Roll => self.world().roll(SERIES).await,
            Deed::Kill(changes, applied) => self.world().fuse.light((*changes).into(), *applied),
            Deed::Ask { end, length, micros, step, tz } => self.ask(*end, *length, *micros, step, tz).await?,
        }
        if self.world().fuse.is_burnt() {
            self.kills += 1;
            self.world = self.world.take().map(World::after_a_kill);
        }
        Ok(())
    }

    async fn write(&mut self, ago: &[u32], value: i16, batch: bool, repeated: bool) {
        let world = self.world.as_mut().unwrap();
        let first = world.ctx();
        let draft = |(n, ago): (usize, &u32)| {
            let at = Timestamp::from_second(first.now().as_second() - i64::from(*ago)).unwrap();
            let data = format!(r#"{{"v":{value}.{n},"w":{{"big":{}}}}}"#, 1_700_000_000 + i64::from(value) + n as i64);
            let ts = format!("{:?}", at.to_string());
            Draft::new(&data, Some(SERIES), Some(&ts), first.now()).unwrap()
        };
        let drafts: Vec<Draft> = ago.iter().enumerate().map(draft).collect();
        if batch {
            let records: Vec<Record> =
                drafts.iter().enumerate().map(|(row, it)| world.source.record_of(&first, it, row)).collect();
            for _ in 0..=usize::from(repeated) {
                if world.source.records_write(&first, &drafts, &records).await.is_ok() {
                    self.acknowledged.extend(records.clone());
                }
            }
            return;
        }
        for draft in drafts {
            let request: Ctx = world.ctx();
            let record = world.source.record_of(&request, &draft, 0);
            for _ in 0..=usize::from(repeated) {
                if world.source.record_write(&request, &draft, &record, None).await.is_ok() {
                    self.acknowledged.push(record.clone());
                }
            }
        }
    }

    /// Everything that is stored; no acknowledged record is missing.
    async fn stored(&mut self) -> Vec<Record> {
        let shelf = self.world().shelf(SERIES);
        let (mut records, mut after) = (Vec::new(), None);
        loop {
            let page = shelf.records((Timestamp::UNIX_EPOCH, Timestamp::MAX), after, 100).await.unwrap();
            records.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert!(records.is_sorted_by(|one, two| one.sort < two.sort));
        for acknowledged in &self.acknowledged {
            assert!(records.contains(acknowledged), "lost: {acknowledged:?}");
        }
        records
    }

    async fn ask(&mut self, end: u32, length: u32, micros: u32, step: &str, tz: &str) -> Result<(), TestCaseError> {
        let records = self.stored().await;
        let world = self.world();
        if world.fuse.is_burnt() || records.is_empty() {
            return Ok(());
        }
        let at = |ago: u32, micros: u32| {
            let us = ctx(&world.clock, Uuid::nil()).now().as_microsecond() - i64::from(ago) * 1_000_000;
            Timestamp::from_microsecond(us + i64::from(micros)).unwrap()
        };
        let step: Step = step.parse().unwrap();
        let cuts = cuts(at(end + length, micros), at(end, micros), step, &zone(tz).unwrap()).unwrap();
        let request = world.ctx();
        let Ok(window) = world.source.window(&request, &SERIES.parse().unwrap(), &cuts, Wanted::ALL).await else {
            prop_assert!(world.fuse.is_burnt(), "a window failed");
            return Ok(());
        };
        for (bucket, pair) in window.buckets.iter().zip(cuts.windows(2)) {
            let inside = records.iter().filter(|record| (pair[0]..pair[1]).contains(&record.at.as_microsecond()));
            prop_assert_eq!(bucket.partial.records, inside.count() as u64);
            for reading in ["v", "w.big"] {
                let expected = Expected::of(&records, reading, pair[0], pair[1]);
                let checked = expected.check(bucket.partial.readings.get(reading));
                prop_assert!(checked.is_ok(), "{reading} in {:?}: {}", pair, checked.unwrap_err());
            }
        }
        let wanted = Wanted { detail: Detail::Brief, ..Wanted::ALL };
        let Ok(brief) = world.source.window(&request, &SERIES.parse().unwrap(), &cuts, wanted).await else {
            prop_assert!(world.fuse.is_burnt(), "a window failed");
            return Ok(());
        };
        for (bucket, pair) in brief.buckets.iter().zip(cuts.windows(2)) {
            for reading in ["v", "w.big"] {
                let figures = bucket.partial.readings.get(reading);
                let checked = Expected::of(&records, reading, pair[0], pair[1]).check_brief(figures);
                prop_assert!(checked.is_ok(), "{reading} in {:?}: {}", pair, checked.unwrap_err());
            }
        }
        match world.source.series_get(&request, &SERIES.parse().unwrap()).await {
            Ok(summary) => prop_assert_eq!(summary.records, records.len() as u64),
            Err(error) => prop_assert!(world.fuse.is_burnt(), "{error}"),
        }
        Ok(())
    }
}

/// Tells a story to its end, and asks about everything.
fn tell(now: &str, steps: &[Deed]) -> Result<(usize, usize), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut story = Story { world: Some(World::at(now)), acknowledged: Vec::new(), kills: 0 };
        for step in steps {
            story.tell(step).await?;
        }
        story.world().fuse.light(u64::MAX, false);
        for step in ["1d", "15m"] {
            story.ask(0, 6 * 86_400, 1, step, "Europe/Lisbon").await?;
            story.world().roll(SERIES).await;
        }
        story.ask(0, 6 * 86_400, 1, "7h", "Asia/Kathmandu").await?;
        Ok((story.acknowledged.len(), story.kills))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn windows_equal_a_recomputation_from_all_records(now in proptest::sample::select(&NOWS), steps in steps()) {
        tell(now, &steps)?;
    }
}

/// A story that the strategy could also tell, so that its parts are known to happen.
#[test]
fn a_kill_between_any_two_changes_loses_and_spoils_nothing() {
    let (mut written, mut killed) = (0, 0);
    for changes in 0..30 {
        for applied in [false, true] {
            let write = |ago: &[u32], batch| Deed::Write { ago: ago.to_vec(), value: 7, batch, repeated: false };
            let story = [
                write(&[100, 100, 3_700, 90_000], true),
                write(&[10, 20], false),
                Deed::Kill(changes, applied),
                write(&[100, 50], false),
                write(&[90_000, 90_001, 7], true),
                Deed::Roll,
                write(&[100, 90_000], false),
                Deed::Roll,
            ];
            let (acknowledged, kills) = tell(NOWS[0], &story).unwrap();
            written += acknowledged;
            killed += kills;
        }
    }
    assert!(written > 300 && killed >= 40, "{written} written, {killed} killed");
}
