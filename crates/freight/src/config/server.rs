//! The section `[server]`: bounds and names of the HTTP interface.

use url::Url;

use super::read::Reader;

/// Reads the section.
pub(super) fn read(reader: &mut Reader) -> web::Config {
    web::Config {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        public_urls: reader.list("server.public_urls", "http and https URLs", public_url),
        base_path: reader.parsed("server.base_path", String::new(), base_path),
        allowed_hosts: reader.list("server.allowed_hosts", "host names without ports", host),
        cors_origins: reader.list("server.cors_origins", "origins, such as https://app.example.com, or *", origin),
        trusted_proxies: reader.list("server.trusted_proxies", "addresses, or ADDRESS/BITS", |text| text.parse().ok()),
        request_timeout: reader.seconds("server.request_timeout_s", 1..=900),
        progress_timeout: reader.seconds("server.progress_timeout_s", 1..=900),
        head_timeout: reader.seconds("server.head_timeout_s", 1..=120),
        idle_timeout: reader.seconds("server.idle_timeout_s", 1..=3600),
        write_timeout: reader.seconds("server.write_timeout_s", 1..=900),
        connections_max: reader.count("server.connections_max", 1..=100_000),
        connections_per_address_max: reader.count("server.connections_per_address_max", 1..=100_000),
        requests_max: reader.count("server.requests_max", 1..=100_000),
        drain_delay: reader.seconds("server.drain_delay_s", 0..=300),
        grace: reader.seconds("server.grace_s", 1..=300),
    }
}

fn public_url(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| text.trim_end_matches('/').to_owned())
}

fn base_path(text: &str) -> Result<String, String> {
    let formed = text.is_empty() || (text.starts_with('/') && !text.ends_with('/') && !text.contains(['?', '#']));
    if formed {
        Ok(text.to_owned())
    } else {
        Err("nothing, or a path that begins with a slash and does not end with one".to_owned())
    }
}

fn host(text: &str) -> Option<String> {
    let host = url::Host::parse(text).ok()?;
    Some(host.to_string())
}

/// An origin as a browser sends it: scheme, host and port, nothing behind.
fn origin(text: &str) -> Option<String> {
    let same = |url: Url| url.origin().ascii_serialization() == text;
    (text == "*" || Url::parse(text).is_ok_and(same)).then(|| text.to_owned())
}
