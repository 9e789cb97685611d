//! The five questions of the seed.
//!
//! Windows end now. They begin, and are cut, at whole minutes, so that their ragged end is the only
//! part that has to be read from records.

use std::str::FromStr;

use base::{Ctx, Error, Result};
use jiff::Timestamp;

use super::Source;
use super::window::{Bucket, Wanted};
use crate::model::step::MINUTE_US;
use crate::model::{Detail, Level, Name, Record, instant};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// The latest record.
    Latest,
    /// The last 24 hours in steps of 15 minutes.
    DayDevelopment,
    /// The averages of the last 24 hours.
    DayAverage,
    /// The last 7 days in steps of 24 hours.
    WeekDevelopment,
    /// The averages of the last 7 days.
    WeekAverage,
}

/// The names of the questions.
pub const TYPES: [&str; 6] = ["latest", "24h_devt", "24_average", "24h_average", "7d_devt", "7d_average"];

impl FromStr for Question {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "latest" => Ok(Self::Latest),
            "24h_devt" => Ok(Self::DayDevelopment),
            "24_average" | "24h_average" => Ok(Self::DayAverage),
            "7d_devt" => Ok(Self::WeekDevelopment),
            "7d_average" => Ok(Self::WeekAverage),
            _ => Err(Error::invalid("type", format!("Allowed: {}", TYPES.join(", ")))),
        }
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub enum Exposed {
    /// The latest record, whole.
    Record(Record),
    /// Buckets that have records, the newest first, each with its place counted back from now.
    Buckets(Vec<(usize, Bucket)>),
}

impl Question {
    /// How many buckets of how many microseconds.
    fn shape(self) -> (i64, i64) {
        let day = Level::Day.us();
        match self {
            Self::DayDevelopment => (96, 15 * MINUTE_US),
            Self::WeekDevelopment => (7, day),
            Self::WeekAverage => (1, 7 * day),
            Self::Latest | Self::DayAverage => (1, day),
        }
    }

    /// The cuts of its buckets, counted back from the minute that ends next.
    fn cuts(self, now: Timestamp) -> Vec<i64> {
        let now = now.as_microsecond();
        let (buckets, length) = self.shape();
        let end = Level::Minute.floor(now + MINUTE_US - 1);
        let starts = (1..=buckets).rev().map(|bucket| end - bucket * length);
        // What has this very instant for its time is there already.
        starts.chain([now + 1]).collect()
    }
}

impl Source {
    /// Answers a question about a series.
    ///
    /// # Errors
    /// `NotFound` when there is nothing in the window.
    pub async fn expose(
        &self,
        ctx: &Ctx,
        question: Question,
        series: &Name,
        wanted: Option<&[String]>,
    ) -> Result<Exposed> {
        let nothing =
            || Error::not_found(format!("Nothing in this window of series {}", base::id::shown(series.as_str())));
        if question == Question::Latest {
            self.head(&ctx.tenant, series).await?;
            self.events.read(ctx, series);
            let ahead = ctx.now().checked_add(instant::AHEAD_MAX).unwrap_or(Timestamp::MAX);
            let latest = self.shelf(&ctx.tenant, series).record_at_end(Some(ahead)).await?;
            return latest.map(Exposed::Record).ok_or_else(nothing);
        }
        let wanted = Wanted { readings: wanted, detail: Detail::Brief };
        let window = self.window(ctx, series, &question.cuts(ctx.now()), wanted).await?;
        let buckets = window.buckets.into_iter().rev().enumerate();
        let buckets: Vec<(usize, Bucket)> = buckets.filter(|(_, bucket)| !bucket.partial.is_empty()).collect();
        if buckets.is_empty() { Err(nothing()) } else { Ok(Exposed::Buckets(buckets)) }
    }
}
