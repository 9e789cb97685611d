//! The outbound guard: which addresses a URL of a stranger may lead to.
//!
//! A stranger's URL is an attempt to make this server call what only this server can reach: its
//! own loopback, the network behind it, the metadata service of its cloud. Three decisions stand
//! in the way, each enough for most attacks:
//!
//! 1. [`Guard::target`] judges the text: scheme, user name, port, and the host *as the URL parser
//!    normalises it*, so that `0x7f000001`, `127.1` and `①②⑦.0.0.1` are the address they become.
//! 2. [`Guard::admit`] judges every address a name resolves to; one that is not public condemns
//!    all, since whoever mixes them is up to something.
//! 3. The connection goes to the addresses that were judged and to no others: the HTTP client
//!    resolves through the guard (see [`call`](super::call)), so no second look at the name exists
//!    that could answer differently. Redirects and proxies are off.
//!
//! Only what the operator lists by exact host *and* port is exempt; that pair may be http and may
//! be private. A maintainer gets this wrong by exempting a host for all its ports, or by judging a
//! name and then letting something else resolve it again.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use async_trait::async_trait;
use url::{Host, Url};

/// A host and a port, as they stand in a URL: `127.0.0.1:8001`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authority {
    /// The host, in lower case, as the URL parser writes it.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl FromStr for Authority {
    type Err = base::Error;

    fn from_str(text: &str) -> Result<Self, base::Error> {
        let url = Url::parse(&format!("http://{text}/")).ok();
        let parts = url.as_ref().and_then(|url| Some((url.host_str()?.to_owned(), url.port_or_known_default()?)));
        parts
            .map(|(host, port)| Self { host, port })
            .ok_or_else(|| base::Error::invalid("allow", "Allowed: a host and a port, such as 127.0.0.1:8001"))
    }
}

/// Why a URL may not be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The text is no URL that could be called.
    Form(&'static str),
    /// It leads, or may lead, to where strangers have no business.
    Address(&'static str),
    /// The name leads nowhere, at least now.
    Unresolved,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(what) | Self::Address(what) => f.write_str(what),
            Self::Unresolved => f.write_str("the host name cannot be resolved"),
        }
    }
}

impl std::error::Error for Refusal {}

/// A URL whose text was judged.
#[derive(Clone, Debug)]
pub struct Target {
    /// The URL, normalised.
    pub url: Url,
    /// Whether the operator listed its host and port.
    pub listed: bool,
}

/// Turns names into addresses.
#[async_trait]
pub trait Lookup: Send + Sync + 'static {
    /// The addresses of a name; empty when it has none.
    async fn addresses(&self, host: &str) -> Vec<IpAddr>;
}

/// The resolver of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn addresses(&self, host: &str) -> Vec<IpAddr> {
        tokio::net::lookup_host((host, 0)).await.map(|found| found.map(|at| at.ip()).collect()).unwrap_or_default()
    }
}

/// What may be called.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// Pairs of host and port that are exempt.
    pub allow: Vec<Authority>,
    /// Whether strangers' URLs may be http.
    pub http: bool,
    /// Our own listening addresses: calling ourselves is how loops and privileges are made.
    pub own: Vec<SocketAddr>,
}

/// The longest URL.
const URL_BYTES_MAX: usize = 2_048;

/// Names that only a private network knows.
const PRIVATE_SUFFIXES: [&str; 9] =
    ["localhost", "local", "localdomain", "internal", "intranet", "lan", "home", "corp", "home.arpa"];

impl Guard {
    /// Judges the text of a URL, and the address if it names one.
    ///
    /// # Errors
    /// A [`Refusal`] that says what is not allowed.
    pub fn target(&self, text: &str) -> Result<Target, Refusal> {
        // The parser would drop or turn these, and then two readers read two hosts.
        if text.len() > URL_BYTES_MAX || text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(Refusal::Form("a URL is up to 2048 bytes without spaces, control characters or backslashes"));
        }
        let url = Url::parse(text).map_err(|_| Refusal::Form("this is not a URL"))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(Refusal::Form("the scheme must be https"));
        }
        if !url.username().is_empty() || url.password().is_some() || authority(text).contains('@') {
            return Err(Refusal::Form("a URL must not hold a user name or password"));
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(Refusal::Form("the URL has no host"));
        };
        if self.lists(&url, port) {
            return Ok(Target { url, listed: true });
        }
        match (url.scheme(), port) {
            ("https", 443) => {}
            ("http", 80) if self.http => {}
            ("http", _) if !self.http => return Err(Refusal::Form("the scheme must be https")),
            _ => return Err(Refusal::Form("the port must be 443 for https, or 80 for http")),
        }
        self.judge(&host, port)?;
        Ok(Target { url, listed: false })
    }

    fn lists(&self, url: &Url, port: u16) -> bool {
        self.allow.iter().any(|listed| url.host_str() == Some(&listed.host) && port == listed.port)
    }

    fn judge(&self, host: &Host<&str>, port: u16) -> Result<(), Refusal> {
        match host {
            Host::Ipv4(address) => self.admit(&[IpAddr::V4(*address)], port),
            Host::Ipv6(address) => self.admit(&[IpAddr::V6(*address)], port),
            Host::Domain(name) => {
                let name = name.trim_end_matches('.').to_ascii_lowercase();
                let private =
                    |suffix: &str| name == suffix || name.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.'));
                if !name.contains('.') || PRIVATE_SUFFIXES.into_iter().any(private) {
                    return Err(Refusal::Address("the host name is not a public one"));
                }
                Ok(())
            }
        }
    }

    /// Judges the addresses of a name: all must be public, and none our own.
    ///
    /// # Errors
    /// `Address` for one that is not, `Unresolved` for none at all.
    pub fn admit(&self, addresses: &[IpAddr], port: u16) -> Result<(), Refusal> {
        if addresses.is_empty() {
            return Err(Refusal::Unresolved);
        }
        if !addresses.iter().all(|address| is_public(*address)) {
            return Err(Refusal::Address("the address is not a public one"));
        }
        if self.own.iter().any(|own| own.port() == port && addresses.contains(&own.ip())) {
            return Err(Refusal::Address("the address is this server's own"));
        }
        Ok(())
    }

    /// Judges a URL as far as it can be judged before it is called: text and, if the name resolves
    /// now, addresses. A name that does not resolve is judged when it is called.
    ///
    /// # Errors
    /// A [`Refusal`].
    pub async fn preview(&self, text: &str, lookup: &dyn Lookup) -> Result<Target, Refusal> {
        let target = self.target(text)?;
        if let (false, Some(Host::Domain(name)), Some(port)) =
            (target.listed, target.url.host(), target.url.port_or_known_default())
        {
            match self.admit(&lookup.addresses(name).await, port) {
                Ok(()) | Err(Refusal::Unresolved) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(target)
    }
}

/// What stands between `//` and the path: also an empty user name is one.
fn authority(text: &str) -> &str {
    let rest = text.split_once("//").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or("")
}

/// Whether strangers may have it called: only what the whole world can reach anyway.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !FORBIDDEN_V4.iter().any(|(net, bits)| in_v4(address, *net, *bits)),
        // Only 2000::/3 is global unicast: loopback, link-local, unique-local, mapped and
        // translated (64:ff9b::/96) addresses are all outside of it.
        IpAddr::V6(address) => {
            in_v6(address, (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3))
                && !FORBIDDEN_V6.iter().any(|net| in_v6(address, *net))
        }
    }
}

/// The special-purpose registry of IANA for IPv4, and one address by which a cloud serves secrets.
const FORBIDDEN_V4: [([u8; 4], u32); 16] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([168, 63, 129, 16], 32),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// Within 2000::/3: protocol assignments with Teredo, documentation, 6to4.
const FORBIDDEN_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

fn in_v4(address: Ipv4Addr, net: [u8; 4], bits: u32) -> bool {
    (u32::from(address) ^ u32::from_be_bytes(net)) >> (32 - bits) == 0
}

fn in_v6(address: Ipv6Addr, (net, bits): (Ipv6Addr, u32)) -> bool {
    (u128::from(address) ^ u128::from(net)) >> (128 - bits) == 0
}
