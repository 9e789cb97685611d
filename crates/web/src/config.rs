//! The bounds and names that an operator may set. Every default is the one in the documentation.

use std::net::IpAddr;
use std::time::Duration;

/// How the HTTP kit is set up. Plain data: `freight` reads it from files and the environment.
#[derive(Clone, Debug)]
pub struct Config {
    /// The program's version, in `/health` and the OpenAPI document.
    pub version: String,
    /// Where the API can be reached, for the OpenAPI document; may be empty.
    pub public_urls: Vec<String>,
    /// A prefix that is taken off every path, such as `/freight`; empty for none.
    pub base_path: String,
    /// Names by which it may be called, without ports; loopback names always may. Empty = any.
    pub allowed_hosts: Vec<String>,
    /// Origins from which pages may call, for every tenant.
    pub cors_origins: Vec<String>,
    /// Networks of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// How long a request may take in all.
    pub request_timeout: Duration,
    /// How long a streamed body may stand still.
    pub progress_timeout: Duration,
    /// How long a request head may take from its first byte.
    pub head_timeout: Duration,
    /// How long a connection may be silent between requests.
    pub idle_timeout: Duration,
    /// How long the peer may take none of what we send.
    pub write_timeout: Duration,
    /// How many connections are open at once.
    pub connections_max: usize,
    /// How many of them from one address, loopback excepted.
    pub connections_per_address_max: usize,
    /// How many requests are worked on at once; the next is answered 503.
    pub requests_max: usize,
    /// How long `/readyz` says no before connections are refused, at a stop.
    pub drain_delay: Duration,
    /// How long open requests may take to end, at a stop.
    pub grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            public_urls: Vec::new(),
            base_path: String::new(),
            allowed_hosts: Vec::new(),
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            request_timeout: seconds(30),
            progress_timeout: seconds(30),
            head_timeout: seconds(10),
            idle_timeout: seconds(120),
            write_timeout: seconds(30),
            connections_max: 10_000,
            connections_per_address_max: 256,
            requests_max: 4_096,
            drain_delay: Duration::ZERO,
            grace: seconds(25),
        }
    }
}

/// A range of addresses in the form `10.0.0.0/8`; a bare address is a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether `address` lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => shares(own.to_bits().into(), other.to_bits().into(), 32, self.bits),
            (IpAddr::V6(own), IpAddr::V6(other)) => shares(own.to_bits(), other.to_bits(), 128, self.bits),
            _ => false,
        }
    }
}

fn shares(own: u128, other: u128, width: u32, bits: u8) -> bool {
    let rest = width - u32::from(bits);
    own.checked_shr(rest) == other.checked_shr(rest)
}

impl std::str::FromStr for Network {
    type Err = base::Error;

    fn from_str(text: &str) -> base::Result<Self> {
        let wrong = || base::Error::invalid("trusted_proxies", "A network is an address or ADDRESS/BITS");
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(width), |bits| bits.parse().map_err(|_| wrong()))?;
        if bits <= width { Ok(Self { address, bits }) } else { Err(wrong()) }
    }
}
