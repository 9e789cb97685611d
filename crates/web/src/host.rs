//! By which names the server may be called, and which targets make sense.
//!
//! A page of a stranger can make a browser resolve the stranger's name to our address; the name in
//! `Host` gives that away. Paths are taken as they are: what would be another path for somebody
//! who normalizes is refused, so nobody behind us can be led to read it differently.

use base::{Error, ErrorKind};
use http::StatusCode;
use http::header::HOST;
use http::request::Request;
use percent_encoding::percent_decode_str;

use crate::{Config, Problem};

/// At most this many bytes of path and query.
pub const TARGET_BYTES_MAX: usize = 8 << 10;
/// At most this many bytes of header names and values.
pub const HEADER_BYTES_MAX: usize = 32 << 10;
/// At most this many headers.
pub const HEADERS_MAX: usize = 100;

/// Refuses heads that are too large, ambiguous, or meant for another server.
///
/// # Errors
/// 414, 431, 421, or 400.
pub(crate) fn check<B>(config: &Config, request: &Request<B>) -> Result<(), Problem> {
    sizes(request)?;
    path(request.uri().path())?;
    host(config, request)
}

fn sizes<B>(request: &Request<B>) -> Result<(), Problem> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > TARGET_BYTES_MAX {
        let text = format!("The address may have at most {TARGET_BYTES_MAX} bytes");
        return Err(Problem::with_status(StatusCode::URI_TOO_LONG, Error::new(ErrorKind::TooLarge, text)));
    }
    let headers = request.headers();
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers.len() > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
        let text = format!("The headers may be at most {HEADERS_MAX} and have at most {HEADER_BYTES_MAX} bytes");
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Err(Problem::with_status(status, Error::new(ErrorKind::TooLarge, text)));
    }
    Ok(())
}

/// Refuses paths that somebody else might read as another path.
fn path(path: &str) -> Result<(), Problem> {
    let wrong = || Problem::from(Error::new(ErrorKind::Malformed, "The path is not well formed"));
    let decoded = percent_decode_str(path).decode_utf8().map_err(|_| wrong())?;
    let climbs = decoded.split('/').any(|segment| segment == "." || segment == "..");
    if climbs || decoded.contains(['\\', '\0', '\r', '\n']) { Err(wrong()) } else { Ok(()) }
}

fn host<B>(config: &Config, request: &Request<B>) -> Result<(), Problem> {
    let wrong = || Problem::from(Error::new(ErrorKind::Malformed, "The request must name one host"));
    let mut hosts = request.headers().get_all(HOST).iter();
    let header = hosts.next().map(|host| host.to_str().map_err(|_| wrong())).transpose()?;
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    if hosts.next().is_some() || matches!((header, authority), (Some(one), Some(other)) if one != other) {
        return Err(wrong());
    }
    let host = header.or(authority).filter(|host| !host.is_empty()).ok_or_else(wrong)?;
    let name = name(host).ok_or_else(wrong)?;
    let allowed = &config.allowed_hosts;
    if allowed.is_empty() || is_loopback(&name) || allowed.iter().any(|one| one.eq_ignore_ascii_case(&name)) {
        return Ok(());
    }
    let error = Error::new(ErrorKind::Invalid, "This server does not go by that name");
    Err(Problem::with_status(StatusCode::MISDIRECTED_REQUEST, error))
}

/// The name without its port, in lower case and without a final dot.
fn name(host: &str) -> Option<String> {
    let authority: http::uri::Authority = host.parse().ok()?;
    if host.contains('@') {
        return None;
    }
    Some(authority.host().trim_end_matches('.').to_ascii_lowercase())
}

fn is_loopback(name: &str) -> bool {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
