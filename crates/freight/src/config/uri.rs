//! One URI picks a backend.
//!
//! What a region, a table and a queue may be called is judged here, before anything is asked over a
//! network. An address of a Redis may hold a password and is never repeated.

use std::path::{Path, PathBuf};

use base::Secret;
use url::Url;

/// Where the truth is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUri {
    /// `sqlite:PATH`: one file, for one process.
    File(PathBuf),
    /// `dynamodb://REGION?prefix=PREFIX`: tables that many copies share.
    Dynamo(Place),
}

/// Where the doorbell is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum QueueUri {
    /// `local:`: inside the process.
    #[default]
    Local,
    /// `sqs://REGION?prefix=PREFIX`: queues that many copies share.
    Sqs(Place),
}

/// Where the guess is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CacheUri {
    /// `local:`: the memory of the process.
    #[default]
    Local,
    /// `redis://…?prefix=PREFIX`, `rediss://…` or `redis+unix://…`: what many copies share.
    Redis(Secret<String>, String),
}

/// `cloudwatch://REGION/GROUP`: a group of CloudWatch Logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogsUri {
    /// `None` leaves it to the environment.
    pub region: Option<String>,
    /// What the group is called.
    pub group: String,
}

/// A region of AWS and what begins our names there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `None` leaves it to the environment.
    pub region: Option<String>,
    /// What begins the name of each table or queue.
    pub prefix: String,
}

impl StoreUri {
    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Dynamo(_) => None,
        }
    }
}

impl Default for StoreUri {
    fn default() -> Self {
        Self::File(PathBuf::new())
    }
}

const PREFIX: &str = "freight-";
const PREFIX_REDIS: &str = "freight";
/// With the longest of our names behind it, it is a name that AWS takes.
const PREFIX_CHARS_MAX: usize = 48;

/// The store of a URI.
///
/// # Errors
/// What is allowed.
pub fn store(text: &str) -> Result<StoreUri, String> {
    if text.starts_with("dynamodb:") {
        return place(text).map(StoreUri::Dynamo);
    }
    let path = text.strip_prefix("sqlite:").ok_or("sqlite:PATH or dynamodb://REGION?prefix=PREFIX")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path.starts_with(':') || path.contains('?') {
        return Err("sqlite: and the path of a file, such as sqlite:freight.db or sqlite:/var/lib/freight/freight.db"
            .to_owned());
    }
    Ok(StoreUri::File(path.into()))
}

/// The queue of a URI.
///
/// # Errors
/// What is allowed.
pub fn queue(text: &str) -> Result<QueueUri, String> {
    match text {
        "local:" => Ok(QueueUri::Local),
        _ if text.starts_with("sqs:") => place(text).map(QueueUri::Sqs),
        _ => Err("local: or sqs://REGION?prefix=PREFIX".to_owned()),
    }
}

/// The group of log lines of a URI, if there is one.
///
/// # Errors
/// What is allowed.
pub fn logs(text: &str) -> Result<Option<LogsUri>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let place = text.strip_prefix("cloudwatch://").and_then(|place| place.split_once('/'));
    let (region, group) = place.unwrap_or_default();
    let of = |text: &str, more: &[u8]| text.bytes().all(|c| c.is_ascii_alphanumeric() || more.contains(&c));
    if !(1..=512).contains(&group.len()) || !of(group, b"_-/.#") || !of(region, b"-") {
        return Err("nothing, or cloudwatch://REGION/GROUP with up to 512 letters, digits, _, -, /, . and #".to_owned());
    }
    let region = Some(region).filter(|region| !region.is_empty()).map(str::to_owned);
    Ok(Some(LogsUri { region, group: group.to_owned() }))
}

/// The queue of dead letters of a URI, if there is one.
///
/// # Errors
/// What is allowed.
pub fn letters(text: &str) -> Result<Option<Place>, String> {
    match text {
        "" => Ok(None),
        _ if text.starts_with("sqs:") => place(text).map(Some),
        _ => Err("nothing, or sqs://REGION?prefix=PREFIX".to_owned()),
    }
}

/// The cache of a URI.
///
/// # Errors
/// What is allowed.
pub fn cache(text: &str) -> Result<CacheUri, String> {
    if text == "local:" {
        return Ok(CacheUri::Local);
    }
    let allowed = || "local:, redis://HOST:PORT, rediss://HOST:PORT or redis+unix:///PATH".to_owned();
    let mut url = Url::parse(text).map_err(|_| allowed())?;
    if !matches!(url.scheme(), "redis" | "rediss" | "redis+unix" | "unix") {
        return Err(allowed());
    }
    let (ours, theirs): (Vec<_>, Vec<_>) = url.query_pairs().into_owned().partition(|(name, _)| name == "prefix");
    url.set_query(None);
    if !theirs.is_empty() {
        url.query_pairs_mut().extend_pairs(theirs);
    }
    let prefix = ours.into_iter().next_back().map_or(PREFIX_REDIS.to_owned(), |(_, prefix)| prefix);
    cloud::Redis::new(url.as_str(), &prefix).map_err(|_| allowed())?;
    Ok(CacheUri::Redis(Secret::new(url.to_string()), prefix))
}

/// `SCHEME://REGION?prefix=PREFIX`; both may be left out.
fn place(text: &str) -> Result<Place, String> {
    let allowed = || {
        format!("dynamodb:// or sqs:// with a region and ?prefix= of up to {PREFIX_CHARS_MAX} letters, digits, - and _")
    };
    let url = Url::parse(text).map_err(|_| allowed())?;
    let bare = url.username().is_empty() && url.password().is_none() && url.port().is_none();
    if !bare || !matches!(url.path(), "" | "/") || url.fragment().is_some() {
        return Err(allowed());
    }
    let mut place = Place { region: None, prefix: PREFIX.to_owned() };
    if let Some(region) = url.host_str().filter(|region| !region.is_empty()) {
        let plain = region.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
        place.region = Some(plain.then(|| region.to_owned()).ok_or_else(allowed)?);
    }
    for (name, value) in url.query_pairs() {
        let plain = value.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'));
        if name != "prefix" || value.len() > PREFIX_CHARS_MAX || !plain {
            return Err(allowed());
        }
        place.prefix = value.into_owned();
    }
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(region: Option<&str>, prefix: &str) -> Place {
        Place { region: region.map(str::to_owned), prefix: prefix.to_owned() }
    }

    #[test]
    fn a_place_is_a_region_and_a_prefix() {
        let of = |text| store(text).unwrap();
        assert_eq!(of("dynamodb://eu-west-1?prefix=a_b-"), StoreUri::Dynamo(at(Some("eu-west-1"), "a_b-")));
        assert_eq!(of("dynamodb:"), StoreUri::Dynamo(at(None, "freight-")));
        assert_eq!(of("dynamodb://?prefix="), StoreUri::Dynamo(at(None, "")));
        assert_eq!(queue("sqs://eu-west-2"), Ok(QueueUri::Sqs(at(Some("eu-west-2"), "freight-"))));
    }

    #[test]
    fn a_group_is_a_region_and_a_name() {
        let of = |region: Option<&str>, group: &str| {
            Ok(Some(LogsUri { region: region.map(str::to_owned), group: group.to_owned() }))
        };
        assert_eq!(logs("cloudwatch://eu-west-2/freight"), of(Some("eu-west-2"), "freight"));
        assert_eq!(logs("cloudwatch:///team/freight.v2"), of(None, "team/freight.v2"));
        assert_eq!(logs(""), Ok(None));
        for wrong in ["cloudwatch://", "cloudwatch://eu-west-2", "cloudwatch:///", "freight", "cloudwatch:///a b"] {
            assert!(logs(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_redis_keeps_what_is_its_own() {
        let of = |text| match cache(text).unwrap() {
            CacheUri::Redis(url, prefix) => (url.expose().clone(), prefix),
            CacheUri::Local => panic!("{text}"),
        };
        assert_eq!(of("redis://h:6379/2?prefix=mine"), ("redis://h:6379/2".to_owned(), "mine".to_owned()));
        let (url, prefix) = of("rediss://:hunter2@h:6379?protocol=resp3");
        assert_eq!((url.as_str(), prefix.as_str()), ("rediss://:hunter2@h:6379?protocol=resp3", "freight"));
        assert!(!format!("{:?}", cache("redis://:hunter2@h").unwrap()).contains("hunter2"));
    }
}
