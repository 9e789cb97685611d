//! A life about schedules: some hours around a night in which clocks are put forward or back.
//!
//! Which ticks there must be is reckoned here from the rules of time zones alone, without what the
//! engine reckons with; each must have made one job, and no job may be of another tick.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base::clock::add;
use base::fault::Odds;
use base::store::Query;
use base::{Clock as _, StoreExt as _};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use jobs::NewSchedule;
use rand::RngExt as _;
use tokio::time::sleep;

use crate::bell::Manners;
use crate::judge;
use crate::life::{Happened, Life, Weather};
use crate::work;

/// Few enough faults that no tick is late by the shortest interval: one that cannot fire is tried
/// again a minute later.
pub(crate) const WEATHER: Weather = Weather {
    odds: Odds {
        delay: 0.2,
        delay_max: Duration::from_millis(300),
        busy: 0.01,
        unavailable: 0.005,
        unknown: 0.01,
        vanished: 0.005,
    },
    manners: Manners { lost: 0.1, doubled: 0.1, copies_max: 1, late: 0.2 },
    sweep: LOOK,
};
/// How often somebody looks, in a life of hours.
const LOOK: Duration = Duration::from_secs(20);
/// How long such a life is.
const LENGTH: Duration = Duration::from_secs(8 * 3_600);
/// Ticks of the last minutes of a life may still be under way.
const TAIL: Duration = Duration::from_secs(15 * 60);

/// A night, and where. The last two are of half an hour, and of none.
const NIGHTS: [(&str, &str); 9] = [
    ("Europe/London", "2026-03-29T01:00:00Z"),
    ("Europe/London", "2026-10-25T01:00:00Z"),
    ("Europe/Berlin", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    ("America/New_York", "2026-03-08T07:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
    ("Asia/Kathmandu", "2026-06-01T20:00:00Z"),
];

/// The night of a life.
pub(crate) struct Night {
    zone: &'static str,
    change: Timestamp,
}

impl Night {
    pub(crate) fn of(seed: u64) -> Self {
        let (zone, change) = NIGHTS[usize::try_from(seed).unwrap() % NIGHTS.len()];
        Self { zone, change: change.parse().unwrap() }
    }

    /// When the life begins, so long before the change.
    pub(crate) fn begins(&self, before: Duration) -> Timestamp {
        self.change - SignedDuration::try_from(before).unwrap()
    }

    /// How far the clocks are put forward in it, in seconds; less than nothing is back.
    fn put_forward_s(&self) -> i32 {
        let zone = TimeZone::get(self.zone).unwrap();
        let offset = |at| zone.to_offset(at).seconds();
        offset(self.change) - offset(self.change - SignedDuration::from_secs(1))
    }
}

/// A schedule, and how its ticks are reckoned.
enum Beat {
    /// Each so many minutes, from when it was made.
    Every(u32),
    /// Each so many minutes of the clock on the wall.
    Wall(i8),
    /// Once a day at that hour and minute of the clock on the wall.
    Daily(i8, i8),
}

impl Beat {
    fn written(&self, zone: &str) -> String {
        match self {
            Self::Every(minutes) => format!("every {minutes}m"),
            Self::Wall(minutes) => format!("*/{minutes} * * * * {zone}"),
            Self::Daily(hour, minute) => format!("{minute} {hour} * * * {zone}"),
        }
    }

    /// Its ticks after `start` and up to `end`.
    fn ticks(&self, zone: &TimeZone, start: Timestamp, end: Timestamp) -> BTreeSet<Timestamp> {
        let within = |at: &Timestamp| *at > start && *at <= end;
        match self {
            Self::Every(minutes) => {
                let beat = |n: u32| add(start, Duration::from_secs(60) * *minutes * n);
                (1..).map(beat).take_while(|at| *at <= end).collect()
            }
            Self::Wall(minutes) => {
                let whole = Timestamp::from_second(start.as_second() / 60 * 60).unwrap();
                let moments = (0..).map(|n| add(whole, Duration::from_secs(60) * n)).take_while(|at| *at <= end);
                moments.filter(|at| at.to_zoned(zone.clone()).minute() % minutes == 0).filter(within).collect()
            }
            Self::Daily(hour, minute) => {
                let first = start.to_zoned(zone.clone()).date().yesterday().unwrap();
                let days = first.series(jiff::Span::new().days(1)).take(4);
                days.map(|day| on_the_day(zone, day.at(*hour, *minute, 0, 0))).filter(within).collect()
            }
        }
    }
}

/// When a clock on the wall first shows this; if it never does, when it first shows something later.
fn on_the_day(zone: &TimeZone, shown: jiff::civil::DateTime) -> Timestamp {
    match zone.to_ambiguous_timestamp(shown).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(shown).unwrap(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(shown).unwrap(),
        AmbiguousOffset::Gap { after, .. } => zone
            .preceding(after.to_timestamp(shown).unwrap() + SignedDuration::from_hours(3))
            .next()
            .unwrap()
            .timestamp(),
    }
}

impl Life {
    /// Schedules tick through a night, whatever befalls the processes.
    pub(crate) async fn ticked(mut self, night: Night) -> Result<Happened, String> {
        let start = self.shared.clock.now();
        let beats = [
            Beat::Every(self.dice.random_range(20..45)),
            Beat::Wall([20, 30][self.dice.random_range(0..2)]),
            Beat::Daily(self.dice.random_range(0..4), self.dice.random_range(0..60)),
            Beat::Daily([1, 2][self.dice.random_range(0..2)], self.dice.random_range(0..60)),
        ];
        let tenant = self.tenants[0].clone();
        for (n, beat) in beats.iter().enumerate() {
            let when = beat.written(night.zone);
            let new =
                NewSchedule { name: n.to_string(), when, kind: work::TICKS, params: "{}".to_owned(), unique: None };
            let ctx = self.ctx(&tenant);
            self.calm.schedule_put(&ctx, new).await.unwrap();
        }
        let begun = tokio::time::Instant::now();
        while begun.elapsed() < LENGTH {
            self.befall_process();
            self.start_some();
            sleep(Duration::from_secs(self.dice.random_range(30..400))).await;
        }
        self.calm_down().await;
        sleep(TAIL).await;
        for n in 0..beats.len() {
            let ctx = self.ctx(&tenant);
            self.calm.schedule_remove(&ctx, &n.to_string()).await.unwrap();
        }
        let end = self.shared.clock.now();
        while !judge::all_settled(&self).await {
            sleep(LOOK).await;
        }
        self.judge_ticks(&night, &beats, start, end).await?;
        self.close();
        Ok(self.happened)
    }

    async fn judge_ticks(
        &mut self,
        night: &Night,
        beats: &[Beat],
        start: Timestamp,
        end: Timestamp,
    ) -> Result<(), String> {
        let zone = TimeZone::get(night.zone).unwrap();
        let partition = Query::new(work::EFFECTS, work::ticks_partition(&self.tenants[0]));
        let items = self.store.query_all(partition).await.unwrap();
        let mut found: BTreeMap<String, i64> =
            items.iter().map(|item| (item.key.sort.clone(), item.int("times"))).collect();
        for (n, beat) in beats.iter().enumerate() {
            let named = |at: Timestamp| format!("tick {at} of {} (begun {start})", beat.written(night.zone));
            for at in beat.ticks(&zone, start, end) {
                let times = found.remove(&work::tick_sort(&n.to_string(), at)).unwrap_or_default();
                self.happened.note("ticks", 1);
                let is_tail = end.duration_since(at).as_secs() < 60;
                if times != 1 && !(is_tail && times == 0) {
                    return Err(format!("{} happened {times} times", named(at)));
                }
            }
        }
        if let Some((tick, times)) = found.pop_first() {
            return Err(format!("{tick:?} happened {times} times and is no tick (begun {start} in {})", night.zone));
        }
        self.happened.note("clocks put forward", u64::from(night.put_forward_s() > 0));
        self.happened.note("clocks put back", u64::from(night.put_forward_s() < 0));
        Ok(())
    }
}
