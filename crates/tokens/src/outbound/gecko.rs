//! GeckoTerminal, asked about the market of a token.
//!
//! `GET /networks/{network}/tokens/{address}/pools` names the pools, the most liquid first, and
//! `GET /networks/{network}/pools/{pool}/ohlcv/{timeframe}?aggregate=&limit=` has candles of one, as
//! `[start, open, high, low, close, volume]`, at most 1,000 (its documentation, 2026). Its public interface
//! takes 30 calls a minute; a chart is two.

use std::time::Duration;

use base::{Error, ErrorKind, Result};
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

/// Where markets are asked for.
#[derive(Clone)]
pub struct Gecko {
    client: reqwest::Client,
    base: Option<Url>,
}

/// Where a token is traded, and what is said of that.
pub struct Traded {
    /// The pool.
    pub pool: String,
    /// The market.
    pub market: Market,
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Deserialize)]
struct Resource<T> {
    attributes: T,
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
    pub fn new(base: Option<Url>) -> Result<Self> {
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .timeout(DEADLINE)
            .connect_timeout(CONNECT_DEADLINE)
            .user_agent(concat!("freight/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { client: client.map_err(Error::internal)?, base })
    }

    /// Where a token is traded most; `None` = nowhere, or it is no token.
    ///
    /// # Errors
    /// `Upstream` when it does not answer, or nonsense; `Unavailable` when it was asked too often.
    pub async fn traded(&self, chain: Chain, token: &Address) -> Result<Option<Traded>> {
        let path = format!("networks/{}/tokens/{token}/pools", chain.network());
        let pools: Option<Envelope<Vec<Resource<PoolFacts>>>> = self.get(&path).await?;
        let first = pools.and_then(|pools| pools.data.into_iter().next());
        Ok(first.map(|Resource { attributes: facts }| {
            let worth = facts.market_cap_usd.as_deref().or(facts.fdv_usd.as_deref()).and_then(number);
            let price = facts.base_token_price_usd.as_deref().and_then(number).filter(|price| *price > 0.0);
            let supply = worth.zip(price).map(|(worth, price)| worth / price);
            let day_volume = facts.volume_usd.h24.as_deref().and_then(number);
            Traded { pool: facts.address, market: Market { supply, day_volume } }
        }))
    }

    /// The newest candles of a pool, as many as a chart of this frequency has.
    ///
    /// # Errors
    /// As for [`traded`](Self::traded).
    pub async fn candles(&self, chain: Chain, pool: &str, frequency: Frequency) -> Result<Vec<Candle>> {
        // What somebody else named becomes a part of a path.
        let pool: Address = pool.parse().map_err(|_| nonsense("a pool whose address is none"))?;
        let (step, most) = (frequency.step(), frequency.candles_max());
        let path = format!(
            "networks/{}/pools/{pool}/ohlcv/{}?aggregate={}&limit={most}&currency=usd",
            chain.network(),
            step.unit,
            step.of
        );
        let list: Option<Envelope<Resource<Candles>>> = self.get(&path).await?;
        let list = list.map(|list| list.data.attributes.ohlcv_list).unwrap_or_default();
        let candle = |(timestamp, open, high, low, close, volume)| Candle { timestamp, open, high, low, close, volume };
        Ok(list.into_iter().map(candle).collect())
    }

    /// `None` = 404.
    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        let base = self.base.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::NotImplemented, "No source of market data is configured here (tokens.market_url)")
        })?;
        let url = format!("{}/{path}", base.as_str().trim_end_matches('/'));
        let mut response = self.client.get(url).send().await.map_err(broken)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            StatusCode::TOO_MANY_REQUESTS => {
                let seconds = response.headers().get(RETRY_AFTER).and_then(|text| text.to_str().ok()?.parse().ok());
                let wait = seconds.map_or(RETRY_AFTER_DEFAULT, Duration::from_secs);
                let text = "The source of market data is asked too often. Try again later.";
                return Err(Error::new(ErrorKind::Unavailable, text).with_retry_after(wait));
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

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn broken(error: reqwest::Error) -> Error {
    Error::new(ErrorKind::Upstream, "The source of market data does not answer").with_internal(error.without_url())
}

fn nonsense(what: &str) -> Error {
    Error::new(ErrorKind::Upstream, "The source of market data gave an answer that cannot be used").with_internal(what)
}
