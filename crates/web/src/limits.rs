//! How much a caller may ask.
//!
//! A route has a [`Class`], chosen at registration, and possibly policies of its own. The class
//! names the default policies; an [`Identity`] may replace those of any name. All
//! policies of a request are checked at once, under the tenant (or the principal, or for routes
//! without a credential the source address), so that none is charged when another refuses.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use base::limiter::{Policy, Standing};
use base::{Error, ErrorKind};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::arrival::Arrival;
use crate::register::Spec;
use crate::{Identity, Problem};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// What kind of route it is, as far as limits go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Class {
    /// Steers the service: by default 1000/hour and 100/minute for each tenant.
    #[default]
    Control,
    /// Carries data: unlimited unless the identity says otherwise.
    Data,
    /// Never limited: health and documents.
    Free,
}

impl Class {
    /// The name under which an identity replaces its policies.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Control => Some("control"),
            Self::Data => Some("data"),
            Self::Free => None,
        }
    }

    fn defaults(self) -> &'static [Policy] {
        const CONTROL: &[Policy] =
            &[Policy::new("control-hour", 1000, HOUR), Policy::new("control-minute", 100, MINUTE)];
        match self {
            Self::Control => CONTROL,
            Self::Data | Self::Free => &[],
        }
    }
}

/// The limits that an identity has instead of the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    sets: Vec<(Cow<'static, str>, Vec<Policy>)>,
    by_principal: bool,
}

impl Limits {
    /// Replaces the policies of this name: `control`, `data`, or the name of a route's own policy.
    /// None at all means unlimited. Give each policy a name of its own, such as `data-minute`.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, policies: Vec<Policy>) -> Self {
        self.sets.push((name.into(), policies));
        self
    }

    /// Counts each principal for itself instead of the tenant as a whole.
    #[must_use]
    pub fn by_principal(mut self) -> Self {
        self.by_principal = true;
        self
    }

    /// Whether each principal is counted for itself.
    pub fn is_by_principal(&self) -> bool {
        self.by_principal
    }

    fn replaced(&self, name: &str) -> Option<&[Policy]> {
        self.sets.iter().rev().find(|(of, _)| of == name).map(|(_, policies)| policies.as_slice())
    }

    /// The policies for a route of this class with these policies of its own.
    pub(crate) fn policies(&self, class: Class, own: &[Policy]) -> Vec<Policy> {
        let Some(name) = class.name() else { return Vec::new() };
        let mut policies = self.replaced(name).unwrap_or(class.defaults()).to_vec();
        for policy in own {
            match self.replaced(&policy.name) {
                Some(replaced) => policies.extend_from_slice(replaced),
                None => policies.push(policy.clone()),
            }
        }
        policies
    }
}

/// What a request was charged, and where that leaves its caller.
#[derive(Debug)]
pub(crate) struct Charge(Vec<(Policy, Standing)>);

impl Charge {
    pub(crate) fn standings(&self) -> Vec<(Policy, Standing)> {
        self.0.clone()
    }

    /// Writes the structured fields of the RateLimit headers, and the older `X-` ones for the
    /// policy that is nearest to its end.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let Some((policy, standing)) = self.0.iter().min_by_key(|(_, standing)| standing.remaining) else {
            return;
        };
        let list = |one: &dyn Fn(&(Policy, Standing)) -> String| self.0.iter().map(one).collect::<Vec<_>>().join(", ");
        let policies =
            list(&|(policy, _)| format!("{:?};q={};w={}", policy.name, policy.limit, seconds(policy.window)));
        let left = list(&|(policy, standing)| {
            format!("{:?};r={};t={}", policy.name, standing.remaining, seconds(standing.reset))
        });
        set(headers, RATELIMIT_POLICY, policies);
        set(headers, RATELIMIT, left);
        set(headers, X_RATELIMIT_LIMIT, policy.limit.to_string());
        set(headers, X_RATELIMIT_REMAINING, standing.remaining.to_string());
        set(headers, X_RATELIMIT_RESET, seconds(standing.reset).to_string());
    }
}

/// `RateLimit-Policy`
pub(crate) const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// `RateLimit`
pub(crate) const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// `X-RateLimit-Limit`
pub(crate) const X_RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
/// `X-RateLimit-Remaining`
pub(crate) const X_RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
/// `X-RateLimit-Reset`: seconds from now.
pub(crate) const X_RATELIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

fn set(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::from_str(&value) {
        headers.insert(name, value);
    }
}

fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// Charges one request.
///
/// # Errors
/// `RateLimited`, with the wait and the standings in the headers.
pub(crate) async fn charge(spec: &Spec, arrival: &Arrival, identity: Option<&Identity>) -> Result<Charge, Problem> {
    let nobody = Limits::default();
    let limits = identity.map_or(&nobody, |identity| &identity.limits);
    let policies = limits.policies(spec.class, &spec.policies);
    if policies.is_empty() {
        return Ok(Charge(Vec::new()));
    }
    let key = match identity {
        Some(identity) if limits.by_principal => {
            format!("{}/{}", identity.tenant, identity.principal)
        }
        Some(identity) => identity.tenant.to_string(),
        None => address(arrival.source),
    };
    let decision = arrival.kit.limiter.check(&key, &policies, 1).await;
    let retry_after = decision.retry_after;
    let charge = Charge(policies.into_iter().zip(decision.standings).collect());
    match retry_after {
        None => Ok(charge),
        Some(wait) => {
            let mut problem = Problem::from(limited("Too many requests", wait));
            charge.write(problem.headers_mut());
            Err(problem)
        }
    }
}

/// Counts a failed authentication against its source.
///
/// # Errors
/// `RateLimited` when there were more than 20 in a minute.
pub(crate) async fn failed_authentication(arrival: &Arrival) -> Result<(), Problem> {
    const POLICY: Policy = Policy::new("failed-authentication", 20, MINUTE);
    let key = format!("auth/{}", address(arrival.source));
    match arrival.kit.limiter.check(&key, &[POLICY], 1).await.retry_after {
        None => Ok(()),
        Some(wait) => Err(limited("Too many failed authentications from this address", wait).into()),
    }
}

fn limited(what: &str, wait: Duration) -> Error {
    let text = format!("{what}. Try again in {} seconds.", seconds(wait).max(1));
    Error::new(ErrorKind::RateLimited, text).with_retry_after(wait)
}

/// A source as a key: one customer's IPv6 network counts as one.
fn address(source: IpAddr) -> String {
    match source.to_canonical() {
        IpAddr::V4(v4) => format!("ip/{v4}"),
        IpAddr::V6(v6) => format!("ip/{:x}", v6.to_bits() >> 64),
    }
}
