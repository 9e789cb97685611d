//! From an event to the request that its sender meant.
//!
//! The stage of an API is no part of our paths and is taken off; `server.base_path` is the router's to
//! take off, as it is behind any proxy. The source is the address that AWS saw. It is a word that came
//! in a document, so what would be trusted for coming from this machine is not believed from it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use axum::body::Body;
use base::{Error, ErrorKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Uri};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use url::form_urlencoded;
use web::{CallerArn, Peer, Unreadable};

use super::event::{HttpEvent, Kind};

/// What no query of a URI may hold. The percent sign stays: what is encoded already is as it was sent.
const NOT_IN_QUERIES: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');
/// What no path of one may hold.
const NOT_IN_PATHS: &AsciiSet = &NOT_IN_QUERIES.add(b'?').add(b'`').add(b'{').add(b'}');
/// Of a path that was decoded a percent sign is one that was sent encoded.
const NOT_IN_DECODED_PATHS: &AsciiSet = &NOT_IN_PATHS.add(b'%');

/// The request of an event.
///
/// # Errors
/// When the event says something that no request can be.
pub fn of(event: HttpEvent) -> Result<Request<Body>> {
    let kind = event.kind();
    let http = event.request_context.http.as_ref();
    let method = http.map(|http| http.method.as_str()).or(event.http_method.as_deref()).unwrap_or_default();
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).context("the method")?;
    *request.uri_mut() = target(&event, kind).parse::<Uri>().context("the path")?;
    *request.headers_mut() = headers(&event);
    let peer = Peer(SocketAddr::new(source(&event, kind, request.headers()), 0));
    request.extensions_mut().insert(peer);
    if let Some(arn) = event.caller_arn() {
        request.extensions_mut().insert(CallerArn(arn.to_owned()));
    }
    *request.body_mut() = match (event.body, event.is_base64_encoded) {
        (None, _) => Body::empty(),
        (Some(body), Some(true)) => Body::from(STANDARD.decode(body).context("the body")?),
        (Some(body), _) => Body::from(body),
    };
    Ok(request)
}

/// What stands in for the request of an event that says something no request can be: whoever sent it is told
/// so, and the invocation does not fail.
pub fn unreadable(error: &anyhow::Error) -> Request<Body> {
    let refusal = Error::new(ErrorKind::Malformed, format!("The request cannot be read: {error}"));
    let mut request = Request::new(Body::empty());
    request.extensions_mut().insert(Unreadable(refusal.with_internal(format!("{error:#}"))));
    request
}

fn target(event: &HttpEvent, kind: Kind) -> String {
    let decoded = kind == Kind::Http && !event.has_path_as_sent();
    let path = utf8_percent_encode(path(event), if decoded { NOT_IN_DECODED_PATHS } else { NOT_IN_PATHS });
    match query(event, kind) {
        query if query.is_empty() => path.to_string(),
        query => format!("{path}?{}", utf8_percent_encode(&query, NOT_IN_QUERIES)),
    }
}

/// The path without the stage. A REST API leaves the stage out, and puts it into `requestContext.path`;
/// where both are the same, as in version 2.0, what begins with the stage is what is left to take off.
fn path(event: &HttpEvent) -> &str {
    let context = &event.request_context;
    let path = event.raw_path.as_deref().or(event.path.as_deref()).filter(|path| !path.is_empty()).unwrap_or("/");
    let without = context.path.as_deref().is_some_and(|full| full != path);
    let stage = context.stage.as_deref().filter(|stage| !stage.is_empty() && !without);
    let rest = stage.and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage));
    match rest {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

/// The query. A load balancer hands on what was sent; API Gateway decodes it.
fn query(event: &HttpEvent, kind: Kind) -> String {
    if let Some(raw) = &event.raw_query_string {
        return raw.clone();
    }
    let several = event.multi_value_query_string_parameters.as_ref();
    let pairs = pairs(several, event.query_string_parameters.as_ref());
    match kind {
        Kind::Balancer { .. } => pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"),
        Kind::Rest | Kind::Http => form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish(),
    }
}

/// The headers. One that no request can have is left out: it cannot have been meant for us.
fn headers(event: &HttpEvent) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs(event.multi_value_headers.as_ref(), event.headers.as_ref()) {
        let named = HeaderName::from_bytes(name.as_bytes()).ok();
        if let Some((name, value)) = named.zip(HeaderValue::from_bytes(value.as_bytes()).ok()) {
            headers.append(name, value);
        }
    }
    let cookies = event.cookies.as_ref().map(|cookies| cookies.join("; "));
    if let Some(Ok(cookies)) = cookies.as_deref().map(HeaderValue::from_str) {
        headers.insert(COOKIE, cookies);
    }
    headers
}

/// Names and values: of several values for a name where they are told, else of one.
fn pairs<'a>(
    several: Option<&'a BTreeMap<String, Vec<String>>>,
    one: Option<&'a BTreeMap<String, String>>,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let one = one.filter(|_| several.is_none_or(BTreeMap::is_empty));
    let several = several.into_iter().flatten();
    let several = several.flat_map(|(name, values)| values.iter().map(move |value| (name.as_str(), value.as_str())));
    several.chain(one.into_iter().flatten().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// The address that AWS saw: a load balancer writes it behind whatever its client wrote.
fn source(event: &HttpEvent, kind: Kind, headers: &HeaderMap) -> IpAddr {
    let context = &event.request_context;
    let told = match kind {
        Kind::Balancer { .. } => {
            let hops = headers.get_all("x-forwarded-for").iter().next_back();
            hops.and_then(|hops| hops.to_str().ok()?.rsplit(',').next())
        }
        Kind::Http => context.http.as_ref().and_then(|http| http.source_ip.as_deref()),
        Kind::Rest => context.identity.as_ref().and_then(|identity| identity.source_ip.as_deref()),
    };
    let address = told.and_then(|told| told.trim().parse::<IpAddr>().ok()).map(|address| address.to_canonical());
    address.filter(|address| !address.is_loopback()).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(event: &str, target: &str, source: &str) {
        let request = of(serde_json::from_str(event).unwrap()).unwrap();
        assert_eq!(request.uri(), target, "{event}");
        let peer = request.extensions().get::<Peer>().unwrap();
        assert_eq!(peer.0.ip(), source.parse::<IpAddr>().unwrap(), "{event}");
    }

    #[test]
    fn a_stage_is_taken_off_once() {
        let rest = |path: &str, full: &str| {
            let context = format!(r#"{{"stage":"api","path":"{full}","identity":{{"sourceIp":"192.0.2.1"}}}}"#);
            format!(r#"{{"httpMethod":"GET","path":"{path}","requestContext":{context}}}"#)
        };
        check(&rest("/api/v1/jobs", "/api/api/v1/jobs"), "/api/v1/jobs", "192.0.2.1");
        check(&rest("/api/livez", "/api/livez"), "/livez", "192.0.2.1");
        let http = |path: &str, stage: &str| {
            let context = format!(r#"{{"stage":"{stage}","http":{{"method":"GET","sourceIp":"192.0.2.1"}}}}"#);
            format!(r#"{{"rawPath":"{path}","rawQueryString":"a=1&a=%202","requestContext":{context}}}"#)
        };
        check(&http("/live/livez", "live"), "/livez?a=1&a=%202", "192.0.2.1");
        check(&http("/live", "live"), "/?a=1&a=%202", "192.0.2.1");
        check(&http("/livez", "live"), "/livez?a=1&a=%202", "192.0.2.1");
        check(&http("/livez", "$default"), "/livez?a=1&a=%202", "192.0.2.1");
        check(&http("/a b/\u{e9}", "$default"), "/a%20b/%C3%A9?a=1&a=%202", "192.0.2.1");
    }

    #[test]
    fn a_path_is_decoded_once() {
        let http = |domain: &str| {
            let context = format!(r#"{{"stage":"$default","domainName":"{domain}","http":{{"method":"GET"}}}}"#);
            format!(r#"{{"rawPath":"/a%41","requestContext":{context}}}"#)
        };
        check(&http("abc.execute-api.eu-west-2.amazonaws.com"), "/a%2541", "0.0.0.0");
        check(&http("api.example.com"), "/a%2541", "0.0.0.0");
        check(&http("abc.lambda-url.eu-west-2.on.aws"), "/a%41", "0.0.0.0");
        check(r#"{"httpMethod":"GET","path":"/a%41","requestContext":{"elb":{}}}"#, "/a%41", "0.0.0.0");
    }

    #[test]
    fn a_query_is_what_was_sent() {
        let query = r#""multiValueQueryStringParameters":{"q":["a&b","%63"]}"#;
        check(
            &format!(r#"{{"httpMethod":"GET","path":"/x",{query},"requestContext":{{"stage":"s"}}}}"#),
            "/x?q=a%26b&q=%2563",
            "0.0.0.0",
        );
        let query = r#""queryStringParameters":{"q":"a%26b"}"#;
        check(
            &format!(r#"{{"httpMethod":"GET","path":"/x",{query},"requestContext":{{"elb":{{}}}}}}"#),
            "/x?q=a%26b",
            "0.0.0.0",
        );
        let raw = |query: &str| {
            let context = r#"{"stage":"$default","http":{"method":"GET"}}"#;
            format!(r#"{{"rawPath":"/x","rawQueryString":{},"requestContext":{context}}}"#, json!(query))
        };
        check(&raw("q={\"a\": <1>}&r=%22\u{e9}?"), "/x?q={%22a%22:%20%3C1%3E}&r=%22%C3%A9?", "0.0.0.0");
    }

    #[test]
    fn what_no_request_can_be_is_told() {
        let told = |method: &str, path: &str, body: &str| {
            let event = json!({ "httpMethod": method, "path": path, "body": body, "isBase64Encoded": true });
            let stand_in = unreadable(&of(serde_json::from_value(event).unwrap()).unwrap_err());
            stand_in.extensions().get::<Unreadable>().unwrap().0.message().to_owned()
        };
        assert_eq!(told("GE T", "/", ""), "The request cannot be read: the method");
        assert_eq!(told("GET", &format!("/{}", "x".repeat(1 << 16)), ""), "The request cannot be read: the path");
        assert_eq!(told("GET", "/", "?"), "The request cannot be read: the body");
    }

    #[test]
    fn nobody_comes_from_this_machine() {
        let balanced = |hops: &str| {
            let headers = format!(r#"{{"x-forwarded-for":"{hops}"}}"#);
            format!(r#"{{"httpMethod":"GET","path":"/","headers":{headers},"requestContext":{{"elb":{{}}}}}}"#)
        };
        check(&balanced("203.0.113.7, 198.51.100.9"), "/", "198.51.100.9");
        for forged in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "nowhere", ""] {
            check(&balanced(forged), "/", "0.0.0.0");
        }
    }

    #[test]
    fn headers_keep_all_their_values() {
        let event = r#"{"httpMethod":"GET","path":"/","headers":{"x":"2","y z":"0"},
            "multiValueHeaders":{"x":["1","2"],"bad":["\n"]},"cookies":["a=1","b=2"],"requestContext":{}}"#;
        let request = of(serde_json::from_str(event).unwrap()).unwrap();
        let all: Vec<_> = request.headers().get_all("x").iter().collect();
        assert_eq!(all, ["1", "2"]);
        assert_eq!(request.headers()["cookie"], "a=1; b=2");
        assert_eq!(request.headers().len(), 3);
    }
}
