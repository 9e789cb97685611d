//! Prices out of a seed: the same candle each time it is asked for.

use blake3::Hasher;
use serde_json::{Value, json};

use crate::dice::Dice;

/// The earliest a token is listed: 2024-01-01.
const FIRST_DAY: i64 = 1_704_067_200;
const DAY: i64 = 86_400;
/// Prices go up and down once in this time.
const WAVE: i64 = 9 * DAY;

/// How long an interval is, in seconds.
#[derive(Clone, Copy)]
pub(super) struct Width(i64);

impl Width {
    /// The widths that there are.
    pub(super) fn of(timeframe: &str, aggregate: i64) -> Option<Self> {
        let seconds = match (timeframe, aggregate) {
            ("minute", 1 | 5 | 15) => 60,
            ("hour", 1 | 4 | 12) => 3_600,
            ("day", 1) => DAY,
            _ => return None,
        };
        Some(Self(seconds * aggregate))
    }
}

/// The pool in which a token is traded.
pub(super) struct Pool {
    seed: u64,
    address: String,
    base: f64,
    supply: u64,
    listed_at: i64,
    /// Whether prices go up and down.
    waves: bool,
}

impl Pool {
    /// The pool of a token.
    pub(super) fn of(seed: u64, network: &str, token: &str) -> Self {
        let digest = blake3::hash(format!("{network} {}", token.to_ascii_lowercase()).as_bytes());
        Self::named(seed, &format!("0x{}", &digest.to_hex()[..40]))
    }

    /// The pool of this address.
    pub(super) fn named(seed: u64, address: &str) -> Self {
        let address = address.to_ascii_lowercase();
        let mut dice = dice(seed, &address, "pool");
        let base = 0.01 + 50.0 * dice.unit();
        let (supply, days) = (1_000_000 + dice.below(1_000_000_000), dice.below(300));
        let listed_at = FIRST_DAY + DAY * i64::try_from(days).unwrap_or(0);
        Self { seed, address, base, supply, listed_at, waves: true }
    }

    /// The quote token of the pool of this address: it costs a dollar, and a little.
    pub(super) fn quoted(seed: u64, address: &str) -> Self {
        let address = format!("{} quote", address.to_ascii_lowercase());
        Self { seed, address, base: 1.0, supply: 0, listed_at: FIRST_DAY, waves: false }
    }

    pub(super) fn shown(&self, network: &str, token: &str, now: i64) -> Value {
        // One of the two is the token that was asked about.
        let other = "0x00000000000000000000000000000000000000ff";
        let (base, quote) = if token.ends_with("9999") { (other, token) } else { (token, other) };
        let price = self.price(now);
        let volume: f64 = self.candles(Width(3_600), now, 24).iter().filter_map(|candle| candle[5].as_f64()).sum();
        json!({
            "id": format!("{network}_{}", self.address),
            "type": "pool",
            "attributes": {
                "address": self.address,
                "name": "TKN / USDC 0.3%",
                "base_token_price_usd": price.to_string(),
                "fdv_usd": rounded(price * self.supply as f64).to_string(),
                "market_cap_usd": null,
                "reserve_in_usd": rounded(price * 10_000.0).to_string(),
                "volume_usd": { "h24": rounded(volume).to_string() },
            },
            "relationships": {
                "base_token": { "data": { "id": format!("{network}_{base}"), "type": "token" } },
                "quote_token": { "data": { "id": format!("{network}_{quote}"), "type": "token" } },
            },
        })
    }

    /// The newest intervals that began before an instant, the newest first; one in thirty saw no trade.
    pub(super) fn candles(&self, Width(width): Width, before: i64, count: usize) -> Vec<Value> {
        let newest = (before - 1).div_euclid(width) * width;
        let starts = (0..).map(|n| newest - n * width).take_while(|start| *start >= self.listed_at);
        let candle = |start: i64| {
            let mut dice = dice(self.seed, &self.address, &format!("{width} {start}"));
            if dice.one_in(30) {
                return None;
            }
            let (open, close) = (self.price(start), self.price(start + width));
            let high = open.max(close) * (1.0 + dice.unit() / 50.0);
            let low = open.min(close) * (1.0 - dice.unit() / 50.0);
            let volume = dice.unit() * 100.0 * width as f64;
            Some(json!([start, open, rounded(high), rounded(low), close, rounded(volume)]))
        };
        starts.filter_map(candle).take(count).collect()
    }

    /// A slow wave, and a little that depends on the minute.
    fn price(&self, at: i64) -> f64 {
        let phase = (at - self.listed_at).rem_euclid(WAVE) as f64 / WAVE as f64;
        let wave = if self.waves { 1.0 + 0.3 * (1.0 - 4.0 * (phase - 0.5).abs()) } else { 1.0 };
        let noise = 0.02 * dice(self.seed, &self.address, &(at / 60).to_string()).unit();
        rounded(self.base * (wave + noise))
    }
}

/// To eight digits after the point, so that no text is longer than it needs to be.
fn rounded(value: f64) -> f64 {
    (value * 1e8).round() / 1e8
}

fn dice(seed: u64, address: &str, purpose: &str) -> Dice {
    let mut hasher = Hasher::new();
    hasher.update(address.as_bytes()).update(&[0]).update(purpose.as_bytes());
    let mut number = [0; 8];
    number.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    Dice::new(seed, u64::from_le_bytes(number), "market")
}
