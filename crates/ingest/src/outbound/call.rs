//! One call, bounded in time and size, over connections to vetted addresses only.
//!
//! There are two clients. The *public* one resolves every name through the guard, so that what it
//! connects to is what was judged; the *listed* one serves the pairs of host and port that the
//! operator exempted, and nothing else ever reaches it. Neither follows redirects, knows a proxy,
//! nor keeps a call longer than its deadline.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base::{Clock, Secret};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LINK, RETRY_AFTER};
use reqwest::redirect::Policy;
use url::Url;

use super::guard::{Guard, Lookup, Refusal, Target, is_public};
use crate::model::source::{Auth, Method};

/// A whole call, from resolving to the last byte.
const DEADLINE: Duration = Duration::from_secs(30);
/// Until the connection stands.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// The largest answer.
pub const BODY_BYTES_MAX: usize = 10_000_000;
/// Nobody waits longer than a server asks for, nor longer than this.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(86_400);

/// What to send.
#[derive(Debug)]
pub struct Request<'a> {
    /// Where, judged.
    pub target: &'a Target,
    /// How.
    pub method: Method,
    /// Which headers.
    pub headers: Vec<(&'a str, &'a str)>,
    /// Which credential.
    pub auth: Option<(&'a Auth, &'a Secret<String>)>,
}

/// What came back, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// After how long the server wants to be called again.
    pub retry_after: Option<Duration>,
    /// Where its `Link` header says that the next page is.
    pub next: Option<Url>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Debug)]
pub enum Trouble {
    /// The guard did not let it out.
    Refused(Refusal),
    /// The answer is larger than we take.
    TooLarge,
    /// No connection, no answer in time, or half of one.
    Broken(String),
}

/// Makes calls.
pub struct Caller {
    guard: Arc<Guard>,
    clock: Arc<dyn Clock>,
    lookup: Arc<dyn Lookup>,
    public: OnceLock<Result<reqwest::Client, String>>,
    listed: OnceLock<Result<reqwest::Client, String>>,
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller").field("guard", &self.guard).finish_non_exhaustive()
    }
}

impl Caller {
    /// Calls what `guard` allows.
    pub fn new(guard: Arc<Guard>, clock: Arc<dyn Clock>, lookup: Arc<dyn Lookup>) -> Self {
        Self { guard, clock, lookup, public: OnceLock::new(), listed: OnceLock::new() }
    }

    /// Makes one call.
    ///
    /// # Errors
    /// A [`Trouble`] when no whole answer came.
    pub async fn call(&self, request: Request<'_>) -> Result<Answer, Trouble> {
        let client = self.client(request.target.listed)?;
        let mut url = request.target.url.clone();
        let headers = headers(&request, &mut url)?;
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let response = client.request(method, url.clone()).headers(headers).send().await.map_err(broken)?;
        if !request.target.listed && !response.remote_addr().is_none_or(|peer| is_public(peer.ip())) {
            return Err(Trouble::Refused(Refusal::Address("the address is not a public one")));
        }
        let (status, head) = (response.status().as_u16(), response.headers().clone());
        let body = body(response).await?;
        Ok(Answer { status, retry_after: self.retry_after(&head), next: next_link(&url, &head), body })
    }

    fn client(&self, listed: bool) -> Result<&reqwest::Client, Trouble> {
        let slot = if listed { &self.listed } else { &self.public };
        let made = slot.get_or_init(|| {
            let builder = reqwest::Client::builder()
                .redirect(Policy::none())
                .no_proxy()
                .timeout(DEADLINE)
                .connect_timeout(CONNECT_DEADLINE)
                .user_agent(concat!("freight/", env!("CARGO_PKG_VERSION")));
            let vetted = Vetted { guard: self.guard.clone(), lookup: self.lookup.clone() };
            let builder = if listed { builder } else { builder.dns_resolver(vetted) };
            builder.build().map_err(|error| error.to_string())
        });
        made.as_ref().map_err(|error| Trouble::Broken(error.clone()))
    }

    fn retry_after(&self, headers: &HeaderMap) -> Option<Duration> {
        let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        let wait = match text.parse::<u64>() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => {
                let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
                Duration::try_from(at.duration_since(self.clock.now())).unwrap_or(Duration::ZERO)
            }
        };
        Some(wait.min(RETRY_AFTER_MAX))
    }
}

/// Resolves through the guard: what it returns is what is connected to.
#[derive(Clone)]
struct Vetted {
    guard: Arc<Guard>,
    lookup: Arc<dyn Lookup>,
}

impl Resolve for Vetted {
    fn resolve(&self, name: Name) -> Resolving {
        let this = self.clone();
        Box::pin(async move {
            let addresses = this.lookup.addresses(name.as_str()).await;
            // Public targets are called on 443 and 80 only; either being ours is enough.
            for port in [443, 80] {
                this.guard.admit(&addresses, port)?;
            }
            Ok(Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

fn headers(request: &Request<'_>, url: &mut Url) -> Result<HeaderMap, Trouble> {
    let unusable = |_| Trouble::Broken("a header of the source cannot be sent".to_owned());
    let mut headers = HeaderMap::new();
    headers.insert(reqwest::header::ACCEPT, HeaderValue::from_static("application/json"));
    for (name, value) in &request.headers {
        let name = HeaderName::try_from(*name).map_err(|_| unusable(()))?;
        headers.insert(name, HeaderValue::try_from(*value).map_err(|_| unusable(()))?);
    }
    if let Some((auth, secret)) = request.auth {
        let (name, value) = match auth {
            Auth::Bearer { .. } => ("authorization", format!("Bearer {}", secret.expose())),
            Auth::Header { name, .. } => (name.as_str(), secret.expose().clone()),
            Auth::Param { name, .. } => {
                url.query_pairs_mut().append_pair(name, secret.expose());
                return Ok(headers);
            }
        };
        let mut value = HeaderValue::try_from(value).map_err(|_| unusable(()))?;
        value.set_sensitive(true);
        headers.insert(HeaderName::try_from(name).map_err(|_| unusable(()))?, value);
    }
    Ok(headers)
}

async fn body(mut response: reqwest::Response) -> Result<Vec<u8>, Trouble> {
    let promised = response.content_length().unwrap_or(0);
    if promised > BODY_BYTES_MAX as u64 {
        return Err(Trouble::TooLarge);
    }
    let mut body = Vec::with_capacity(usize::try_from(promised).unwrap_or(0));
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(Trouble::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The kind of failure and no more: the URL may hold a credential.
fn broken(error: reqwest::Error) -> Trouble {
    if let Some(refusal) = refusal(&error) {
        return match refusal {
            Refusal::Unresolved => Trouble::Broken(refusal.to_string()),
            Refusal::Form(_) | Refusal::Address(_) => Trouble::Refused(refusal.clone()),
        };
    }
    let what = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the answer broke off"
    };
    Trouble::Broken(what.to_owned())
}

/// What the guard said, if it was the guard that ended the call.
fn refusal(error: &reqwest::Error) -> Option<&Refusal> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(refusal) = error.downcast_ref() {
            return Some(refusal);
        }
        cause = error.source();
    }
    None
}

/// `Link: <url>; rel="next"`; whether it may be followed, whoever follows it decides.
fn next_link(base: &Url, headers: &HeaderMap) -> Option<Url> {
    let links = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    links.flat_map(|value| value.split(',')).find_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let relation = |part: &str| matches!(part.trim(), "rel=\"next\"" | "rel=next");
        parameters.split(';').any(relation).then(|| base.join(target).ok()).flatten()
    })
}
