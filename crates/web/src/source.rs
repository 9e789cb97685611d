//! Where a request comes from: the peer, unless the peer is a proxy of ours.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::Request;
use http::HeaderMap;

use crate::config::Network;
use crate::etag::joined;

/// The other end of the connection. Whoever hands a request to the router puts it into the
/// request's extensions, as [`serve`](crate::serve()) does. A request without it comes from nowhere:
/// taken for a local one it would be trusted with what only this machine may do.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Who signed the request (`arn:aws:iam::123456789012:user/ann`), as API Gateway or a function URL has
/// verified it. Put into a request's extensions by who has it from there; never read from a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerArn(pub String);

/// The source of a request. `X-Forwarded-For` is read from its end, past the proxies we trust: the
/// first address that is none of ours is the last one that somebody we trust has seen.
pub(crate) fn of(request: &Request, trusted: &[Network]) -> IpAddr {
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    forwarded(peer.to_canonical(), request.headers(), trusted)
}

fn forwarded(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_ours = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let hops = joined(headers, &http::HeaderName::from_static("x-forwarded-for")).unwrap_or_default();
    let mut source = peer;
    for hop in hops.rsplit(',') {
        match hop.trim().parse::<IpAddr>() {
            Ok(address) if is_ours(source) => source = address.to_canonical(),
            _ => break,
        }
    }
    source
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(peer: &str, forwarded_for: &str, expected: &str) {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded_for.parse().unwrap());
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let source = forwarded(peer.parse().unwrap(), &headers, &trusted);
        assert_eq!(source, expected.parse::<IpAddr>().unwrap(), "{peer} {forwarded_for}");
    }

    #[test]
    fn only_trusted_hops_are_believed() {
        check("203.0.113.9", "198.51.100.1", "203.0.113.9");
        check("10.0.0.1", "198.51.100.1", "198.51.100.1");
        check("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1");
        check("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1");
        check("fd00::1", "198.51.100.1", "198.51.100.1");
        check("10.0.0.1", "no address", "10.0.0.1");
    }
}
