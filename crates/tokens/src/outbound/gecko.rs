//! GeckoTerminal, asked about the market of a token.
//!
//! `GET /networks/{network}/tokens/{address}/pools` names the pools, the most liquid first, and
//! `GET /networks/{network}/pools/{pool}/ohlcv/{timeframe}?aggregate=&limit=` has candles of one, as
//! `[start, open, high, low, close, volume]`, at most 1,000 (its documentation, 2026). A pool has a base and a
//! quote token; prices and candles are the base token's unless told otherwise. Its public interface takes 30
//! calls a minute, and a chart is two: once it says that it was asked too often, nobody asks until it may be.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base::{Clock, Error, ErrorKind, Result};
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::model::{Address, Candle, Chain, Frequency, Market};

/// One call.
const DEADLINE: Duration = Duration::from_secs(8);
const CONNECT_DEADLINE: Duration = Duration::from_secs(3);
/// The largest answer: a thousand candles are a tenth of it.
const BODY_BYTES_MAX: usize = 1 << 20;
/// When it says that it was asked too often, and not when again.
const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(60);
/// Nobody waits longer for it.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);

/// Where markets are asked for.
#[derive(Clone)]
pub struct Gecko {
    client: reqwest::Client,
    base: Option<Url>,
    clock: Arc<dyn Clock>,
    /// When it may be asked again, in milliseconds of the monotonic clock. Clones share it.
    not_before: Arc<AtomicU64>,
}

/// Where a token is traded, and what is said of that.
pub struct Traded {
    /// The pool.
    pub pool: PoolId,
    /// Which of the pool's two tokens it is.
    pub side: Side,
    /// The market.
    pub market: Market,
}

/// A pool: `0x` and 40 hex digits, or 64 where pools have no address of their own.
pub struct PoolId(String);

/// Which of a pool's two tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one whose prices are given.
    Base,
    /// The one they are given in.
    Quote,
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Deserialize)]
struct Resource<T> {
    attributes: T,
    #[serde(default)]
    relationships: Relationships,
}

#[derive(Default, Deserialize)]
struct Relationships {
    base_token: Option<Envelope<Named>>,
}

#[derive(Deserialize)]
struct Named {
    /// The network and the address, `eth_0x…`.
    id: String,
}

#[derive(Deserialize)]
struct PoolFacts {
    address: String,
    base_token_price_usd: Option<String>,
    market_cap_usd: Option<String>,
    fdv_usd: Option<String>,
    #[serde(default)]
    volume_usd: Volumes,
}

#[derive(Default, Deserialize)]
struct Volumes {
    h24: Option<String>,
}

#[derive(Deserialize)]
struct Candles {
    ohlcv_list: Vec<(i64, f64, f64, f64, f64, f64)>,
}

impl Gecko {
    /// Asks at `base`, such as `https://api.geckoterminal.com/api/v2`, or nobody.
    ///
    /// # Errors
    /// `Internal` when no client can be made.
    pub fn new(base: Option<Url>, clock: Arc<dyn Clock>) -> Result<Self> {
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .timeout(DEADLINE)
            .connect_timeout(CONNECT_DEADLINE)
            .user_agent(concat!("freight/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { client: client.map_err(Error::internal)?, base, clock, not_before: Arc::default() })
    }

    /// Where a token is traded most; `None` = nowhere, or it is no token.
    ///
    /// # Errors
    /// `Upstream` when it does not answer, or nonsense; `Unavailable` when it was asked too often.
    pub async fn traded(&self, chain: Chain, token: &Address) -> Result<Option<Traded>> {
        let path = format!("networks/{}/tokens/{token}/pools", chain.network());
        let pools: Option<Envelope<Vec<Resource<PoolFacts>>>> = self.get(&path).await?;
        let Some(first) = pools.and_then(|pools| pools.data.into_iter().next()) else { return Ok(None) };
        let Resource { attributes: facts, relationships } = first;
        let base = relationships.base_token.ok_or_else(|| nonsense("a pool without a token"))?.data.id;
        let is_base = base.to_ascii_lowercase().ends_with(&token.to_string());
        let side = if is_base { Side::Base } else { Side::Quote };
        let worth = facts.market_cap_usd.as_deref().or(facts.fdv_usd.as_deref()).and_then(number);
        let price = facts.base_token_price_usd.as_deref().and_then(number).filter(|price| *price > 0.0);
        // What is said of worth is said of the base token.
        let supply = worth.zip(price).map(|(worth, price)| worth / price).filter(|_| is_base);
        let day_volume = facts.volume_usd.h24.as_deref().and_then(number);
        let pool = facts.address.parse()?;
        Ok(Some(Traded { pool, side, market: Market { supply, day_volume } }))
    }

    /// The newest candles of a token in a pool, as many as a chart of this frequency has at most.
    ///
    /// # Errors
    /// As for [`traded`](Self::traded).
    pub async fn candles(&self, chain: Chain, traded: &Traded, frequency: Frequency) -> Result<Vec<Candle>> {
        let (step, most) = (frequency.step(), frequency.candles_max());
        let path = format!(
            "networks/{}/pools/{}/ohlcv/{}?aggregate={}&limit={most}&currency=usd&token={}",
            chain.network(),
            traded.pool.0,
            step.unit,
            step.of,
            traded.side.as_str()
        );
        let list: Option<Envelope<Resource<Candles>>> = self.get(&path).await?;
        let list = list.ok_or_else(|| nonsense("a pool that is not there"))?.data.attributes.ohlcv_list;
        let candle = |(timestamp, open, high, low, close, volume)| Candle { timestamp, open, high, low, close, volume };
        Ok(list.into_iter().take(most).map(candle).collect())
    }

    /// `None` = 404.
    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        let base = self.base.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::NotImplemented, "No source of market data is configured here (tokens.market_url)")
        })?;
        self.may_ask()?;
        let url = format!("{}/{path}", base.as_str().trim_end_matches('/'));
        let mut response = self.client.get(url).send().await.map_err(broken)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            StatusCode::TOO_MANY_REQUESTS => {
                let seconds = response.headers().get(RETRY_AFTER).and_then(|text| text.to_str().ok()?.parse().ok());
                let wait = seconds.map_or(RETRY_AFTER_DEFAULT, Duration::from_secs).min(RETRY_AFTER_MAX);
                self.not_before.fetch_max(millis(self.clock.monotonic() + wait), Ordering::Relaxed);
                return Err(too_often(wait));
            }
            other => return Err(nonsense(&format!("status {other}"))),
        }
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(broken)? {
            if body.len() + piece.len() > BODY_BYTES_MAX {
                return Err(nonsense("an answer that is too large"));
            }
            body.extend_from_slice(&piece);
        }
        serde_json::from_slice(&body).map(Some).map_err(|error| nonsense(&error.to_string()))
    }
}

impl Gecko {
    /// What it said to whoever asked last holds for all.
    fn may_ask(&self) -> Result<()> {
        let not_before = Duration::from_millis(self.not_before.load(Ordering::Relaxed));
        match not_before.checked_sub(self.clock.monotonic()).filter(|wait| !wait.is_zero()) {
            Some(wait) => Err(too_often(wait)),
            None => Ok(()),
        }
    }
}

impl Side {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Quote => "quote",
        }
    }
}

impl FromStr for PoolId {
    type Err = Error;

    /// What somebody else named becomes a part of a path.
    fn from_str(text: &str) -> Result<Self> {
        let digits = text.strip_prefix("0x").unwrap_or_default();
        let is_id = matches!(digits.len(), 40 | 64) && digits.bytes().all(|c| c.is_ascii_hexdigit());
        if is_id { Ok(Self(text.to_owned())) } else { Err(nonsense("a pool whose address is none")) }
    }
}

fn millis(instant: Duration) -> u64 {
    u64::try_from(instant.as_millis()).unwrap_or(u64::MAX)
}

fn too_often(wait: Duration) -> Error {
    let text = "The source of market data is asked too often. Try again later.";
    Error::new(ErrorKind::Unavailable, text).with_retry_after(wait)
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn broken(error: reqwest::Error) -> Error {
    Error::new(ErrorKind::Upstream, "The source of market data does not answer").with_internal(error.without_url())
}

fn nonsense(what: &str) -> Error {
    Error::new(ErrorKind::Upstream, "The source of market data gave an answer that cannot be used").with_internal(what)
}
