//! Candles, and what a chart says of them.

use std::str::FromStr;

use base::Error;
use serde::Serialize;
use utoipa::ToSchema;

/// Over how long a chart goes, and in what steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frequency {
    /// An hour, by the minute.
    Hour,
    /// Four hours, by five minutes.
    FourHours,
    /// A day, by a quarter of an hour.
    Day,
    /// Seven days, by the hour.
    Week,
    /// Thirty days, by four hours.
    Month,
    /// The last thousand days, by the day.
    All,
}

/// How long a candle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The unit: `minute`, `hour` or `day`.
    pub unit: &'static str,
    /// How many of it.
    pub of: u32,
    /// In seconds.
    pub seconds: i64,
}

impl Frequency {
    /// Every frequency.
    pub const ALL: [Self; 6] = [Self::Hour, Self::FourHours, Self::Day, Self::Week, Self::Month, Self::All];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::FourHours => "4h",
            Self::Day => "1d",
            Self::Week => "1w",
            Self::Month => "1m",
            Self::All => "all",
        }
    }

    /// How long its candles are.
    pub const fn step(self) -> Step {
        match self {
            Self::Hour => Step { unit: "minute", of: 1, seconds: 60 },
            Self::FourHours => Step { unit: "minute", of: 5, seconds: 300 },
            Self::Day => Step { unit: "minute", of: 15, seconds: 900 },
            Self::Week => Step { unit: "hour", of: 1, seconds: 3_600 },
            Self::Month => Step { unit: "hour", of: 4, seconds: 14_400 },
            Self::All => Step { unit: "day", of: 1, seconds: 86_400 },
        }
    }

    /// How many candles it has at most.
    pub const fn candles_max(self) -> usize {
        match self {
            Self::Hour => 60,
            Self::FourHours => 48,
            Self::Day => 96,
            Self::Week => 168,
            Self::Month => 180,
            Self::All => 1_000,
        }
    }
}

impl Frequency {
    /// How far back it goes, in seconds.
    pub fn span_s(self) -> i64 {
        self.step().seconds * i64::try_from(self.candles_max()).unwrap_or(i64::MAX)
    }
}

impl FromStr for Frequency {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|frequency| frequency.as_str() == text).ok_or_else(|| {
            Error::invalid("frequency", format!("Must be one of {}", Self::ALL.map(Self::as_str).join(", ")))
        })
    }
}

/// What was traded in an interval. Prices in USD.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Candle {
    /// When the interval began, in seconds since 1970.
    pub timestamp: i64,
    /// The first price.
    pub open: f64,
    /// The highest price.
    pub high: f64,
    /// The lowest price.
    pub low: f64,
    /// The last price.
    pub close: f64,
    /// How much was traded, in USD.
    pub volume: f64,
}

/// What is known of a market besides its candles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Market {
    /// How many tokens are worth the market's capitalization: the capitalization, or the value of all
    /// tokens that can come to be where that is not known, over the price.
    pub supply: Option<f64>,
    /// How much was traded in the last day, in USD.
    pub day_volume: Option<f64>,
}

/// A chart of a token's market. Prices, volumes and capitalizations are in USD; what cannot be said of no
/// candle is null.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Chart {
    /// The lowest price.
    pub price_min: Option<f64>,
    /// The highest price.
    pub price_max: Option<f64>,
    /// The capitalization at the lowest price, with as many tokens as there are now.
    pub market_cap_min: Option<f64>,
    /// The capitalization at the highest price.
    pub market_cap_max: Option<f64>,
    /// When the first interval began, in seconds since 1970.
    pub timestamp_min: Option<i64>,
    /// When the last interval began.
    pub timestamp_max: Option<i64>,
    /// How many intervals there are; one in which nothing was traded is left out.
    pub num_datapoints: usize,
    /// The last price.
    pub latest_price: Option<f64>,
    /// By how much the last price differs from the first, as a share of the first.
    pub latest_return: Option<f64>,
    /// How much was traded, in all intervals together.
    pub total_volume: f64,
    /// How much was traded in the last day.
    pub day_volume: Option<f64>,
    /// The intervals, the oldest first.
    pub data: Vec<Candle>,
}

impl Chart {
    /// The chart of `candles`, in any order, each instant once.
    pub fn of(market: Market, mut candles: Vec<Candle>) -> Self {
        candles.sort_by_key(|candle| candle.timestamp);
        candles.dedup_by_key(|candle| candle.timestamp);
        let price_min = candles.iter().map(|candle| candle.low).reduce(f64::min);
        let price_max = candles.iter().map(|candle| candle.high).reduce(f64::max);
        let (first, last) = (candles.first().copied(), candles.last().copied());
        let worth = |price: Option<f64>| Some(price? * market.supply?);
        let latest_return = first.zip(last).map(|(first, last)| (last.close - first.open) / first.open);
        Self {
            price_min,
            price_max,
            market_cap_min: worth(price_min),
            market_cap_max: worth(price_max),
            timestamp_min: first.map(|candle| candle.timestamp),
            timestamp_max: last.map(|candle| candle.timestamp),
            num_datapoints: candles.len(),
            latest_price: last.map(|candle| candle.close),
            latest_return: latest_return.filter(|share| share.is_finite()),
            total_volume: candles.iter().map(|candle| candle.volume).sum(),
            day_volume: market.day_volume,
            data: candles,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candle(timestamp: i64, [open, high, low, close]: [f64; 4], volume: f64) -> Candle {
        Candle { timestamp, open, high, low, close, volume }
    }

    #[test]
    fn a_chart_says_what_its_candles_say() {
        let market = Market { supply: Some(1_000.0), day_volume: Some(77.0) };
        let candles = vec![
            candle(120, [3.0, 4.0, 2.5, 2.5], 10.0),
            candle(60, [2.0, 3.5, 1.0, 3.0], 5.0),
            candle(60, [9.0; 4], 9.0),
        ];
        let chart = Chart::of(market, candles);
        assert_eq!((chart.price_min, chart.price_max), (Some(1.0), Some(4.0)));
        assert_eq!((chart.market_cap_min, chart.market_cap_max), (Some(1_000.0), Some(4_000.0)));
        assert_eq!((chart.timestamp_min, chart.timestamp_max, chart.num_datapoints), (Some(60), Some(120), 2));
        assert_eq!((chart.latest_price, chart.latest_return), (Some(2.5), Some(0.25)));
        assert_eq!((chart.total_volume, chart.day_volume), (15.0, Some(77.0)));
        assert_eq!(chart.data[0].timestamp, 60);
    }

    #[test]
    fn a_chart_of_nothing_says_nothing() {
        let none = Chart::of(Market { supply: Some(1.0), day_volume: None }, Vec::new());
        assert_eq!((none.price_min, none.market_cap_max, none.latest_return), (None, None, None));
        assert_eq!((none.num_datapoints, none.total_volume), (0, 0.0));
        // A first price of nothing has no share.
        let zero = Chart::of(Market { supply: None, day_volume: None }, vec![candle(0, [0.0; 4], 0.0)]);
        assert_eq!((zero.latest_return, zero.market_cap_min), (None, None));
    }
}
