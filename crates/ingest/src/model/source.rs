//! Where a dataset's records come from: one HTTP API, or one table of DynamoDB.
//!
//! A source has one text form: it is read from the configuration, taken over the API and kept in
//! the store alike, which is why it may derive its codec here. It never holds a credential, only
//! the name of one; [`Source::check`] refuses headers and parameters that look like one.

use std::collections::BTreeMap;

use base::Error;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Path, TableName};

/// What to call, how, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The address, without a user name; parameters are added to it. `dynamodb://REGION/TABLE` is a
    /// table that the operator lets the tenant read, whole; of the rest it takes `rate`, `concurrency`
    /// and `schedule`.
    pub url: String,
    /// The method.
    #[serde(default)]
    pub method: Method,
    /// Headers to send. Credentials belong into `auth`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Which credential to send, and where.
    #[serde(default)]
    pub auth: Option<Auth>,
    /// Query parameters.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// How one answer leads to the next call.
    #[serde(default)]
    pub page: Paging,
    /// Where in an answer the records are.
    #[serde(default = "Path::whole")]
    #[schema(value_type = String)]
    pub records: Path,
    /// At most so many calls in a minute; null = as many as `concurrency` allows.
    #[serde(default = "default_rate")]
    pub rate: Option<u32>,
    /// At most so many calls at once; a table is read in so many parts.
    #[serde(default = "default_concurrency")]
    pub concurrency: u32,
    /// When to fetch by itself: `every 30s` or longer, or five fields of cron. The engine checks it.
    #[serde(default)]
    pub schedule: Option<String>,
}

/// The methods that fetch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// The usual one.
    #[default]
    Get,
    /// For APIs that ask so; without a body.
    Post,
}

/// Which credential of the configuration is sent, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// `Authorization: Bearer …`
    Bearer {
        /// The credential's name.
        secret: String,
    },
    /// A header of its own.
    Header {
        /// The header.
        name: String,
        /// The credential's name.
        secret: String,
    },
    /// A query parameter.
    Param {
        /// The parameter.
        name: String,
        /// The credential's name.
        secret: String,
    },
}

impl Auth {
    /// The credential's name.
    pub fn secret(&self) -> &str {
        match self {
            Self::Bearer { secret } | Self::Header { secret, .. } | Self::Param { secret, .. } => secret,
        }
    }
}

/// How one answer leads to the next call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Paging {
    /// It does not: every call of a run stands alone.
    None {
        /// The parameter that says how many records to send.
        #[serde(default)]
        size_param: Option<String>,
    },
    /// Pages are numbered; the first without records is the last.
    Page {
        /// The parameter that holds the number.
        param: String,
        /// The first number.
        #[serde(default = "one")]
        start: u64,
    },
    /// Records are numbered; the first answer without any is the last.
    Offset {
        /// The parameter that holds how many to skip.
        param: String,
    },
    /// An answer names the next one.
    Cursor {
        /// The parameter that holds the name.
        param: String,
        /// Where in the answer it is; absent, null or empty = the end.
        #[schema(value_type = String)]
        next: Path,
    },
    /// A `Link` header with `rel="next"`, of the same origin.
    Link,
}

impl Default for Paging {
    fn default() -> Self {
        Self::None { size_param: None }
    }
}

impl Paging {
    /// Whether every call of a run stands alone.
    pub const fn independent(&self) -> bool {
        matches!(self, Self::None { .. })
    }
}

const fn default_rate() -> Option<u32> {
    Some(60)
}

const fn default_concurrency() -> u32 {
    4
}

const fn one() -> u64 {
    1
}

/// At most so many calls of one source at once.
pub const CONCURRENCY_MAX: u32 = 16;

/// Words in a name that say a credential is meant.
const CREDENTIALS: [&str; 7] = ["auth", "cookie", "token", "secret", "password", "api-key", "apikey"];
/// Headers that belong to the connection, not to the caller.
const FRAMING: [&str; 7] = ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"];

impl Source {
    /// A source whose calls stand alone and whose parameter `size` says how many records to send.
    pub fn sized(url: &str, rate: Option<u32>) -> Self {
        Self {
            url: url.to_owned(),
            method: Method::Get,
            headers: BTreeMap::new(),
            auth: None,
            params: BTreeMap::new(),
            page: Paging::None { size_param: Some("size".to_owned()) },
            records: Path::whole(),
            rate,
            concurrency: CONCURRENCY_MAX,
            schedule: None,
        }
    }

    /// The table that it is, if it is one.
    pub fn table(&self) -> Option<TableName> {
        self.url.parse().ok()
    }

    /// Refuses what could never be called; whether the address may be, the outbound guard says.
    ///
    /// # Errors
    /// `Invalid`, naming the field and what is allowed.
    pub fn check(&self) -> Result<(), Error> {
        if TableName::is_meant_by(&self.url) {
            let _: TableName = self.url.parse()?;
            self.check_bare()?;
        }
        if self.headers.len() + self.params.len() > 64 {
            return Err(Error::invalid("source.params", "Allowed: up to 64 headers and parameters together"));
        }
        for (name, value) in &self.headers {
            check_header(name, value)?;
        }
        for name in self.params.keys() {
            check_no_credential("source.params", name)?;
        }
        if self.rate.is_some_and(|rate| !(1..=60_000).contains(&rate)) {
            return Err(Error::invalid("source.rate", "Allowed: 1 to 60000 calls a minute, or null"));
        }
        if !(1..=CONCURRENCY_MAX).contains(&self.concurrency) {
            return Err(Error::invalid("source.concurrency", format!("Allowed: 1 to {CONCURRENCY_MAX}")));
        }
        Ok(())
    }
}

impl Source {
    /// A table is asked for by its name alone.
    fn check_bare(&self) -> Result<(), Error> {
        let said = [
            ("source.method", self.method != Method::default()),
            ("source.headers", !self.headers.is_empty()),
            ("source.auth", self.auth.is_some()),
            ("source.params", !self.params.is_empty()),
            ("source.page", self.page != Paging::default()),
            ("source.records", self.records != Path::whole()),
        ];
        match said.into_iter().find(|(_, said)| *said) {
            Some((field, _)) => {
                Err(Error::invalid(field, "Not for a table. Allowed: url, rate, concurrency and schedule"))
            }
            None => Ok(()),
        }
    }
}

fn check_header(name: &str, value: &str) -> Result<(), Error> {
    let lower = name.to_ascii_lowercase();
    let token = !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'));
    if !token || FRAMING.contains(&lower.as_str()) || lower.starts_with("proxy-") {
        let why = format!(
            "{} cannot be set. Allowed: names of A-Z, 0-9, - and _, other than {}",
            base::id::shown(name),
            FRAMING.join(", ")
        );
        return Err(Error::invalid("source.headers", why));
    }
    if !value.bytes().all(|c| (0x20..0x7f).contains(&c)) {
        return Err(Error::invalid("source.headers", format!("The value of {name} must be printable ASCII")));
    }
    check_no_credential("source.headers", name)
}

fn check_no_credential(field: &str, name: &str) -> Result<(), Error> {
    let lower = name.to_ascii_lowercase().replace('_', "-");
    if CREDENTIALS.iter().any(|word| lower.contains(word)) {
        let why = format!(
            "{} looks like a credential. Name it in source.auth: {{kind: bearer|header|param, secret}}",
            base::id::shown(name)
        );
        return Err(Error::invalid(field, why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(change: impl FnOnce(&mut Source)) -> Option<String> {
        let mut source = Source::sized("https://example.com/users", Some(75));
        change(&mut source);
        source.check().err().map(|error| error.details()[0].field.clone())
    }

    #[test]
    fn a_credential_is_named_and_never_written_down() {
        for name in ["Authorization", "X-API-Key", "Cookie", "x_api_key", "X-Auth"] {
            let set = |source: &mut Source| drop(source.headers.insert(name.to_owned(), "v".to_owned()));
            assert_eq!(field(set).as_deref(), Some("source.headers"), "{name}");
        }
        let set = |source: &mut Source| drop(source.params.insert("access_token".to_owned(), "v".to_owned()));
        assert_eq!(field(set).as_deref(), Some("source.params"));
    }

    #[test]
    fn a_table_takes_nothing_of_a_call() {
        let table = |change: fn(&mut Source)| {
            field(|source| {
                *source = serde_json::from_str(r#"{"url":"dynamodb:///orders"}"#).unwrap();
                change(source);
            })
        };
        assert_eq!(table(|source| source.schedule = Some("every 1h".to_owned())), None);
        assert_eq!(table(|source| source.page = Paging::Link).as_deref(), Some("source.page"));
        assert_eq!(table(|source| source.method = Method::Post).as_deref(), Some("source.method"));
        assert_eq!(table(|source| source.url = "dynamodb:orders".to_owned()).as_deref(), Some("source.url"));
    }

    #[test]
    fn headers_cannot_break_the_framing() {
        for (name, value) in
            [("Host", "a"), ("Transfer-Encoding", "chunked"), ("A\r\nB", "c"), ("A", "b\r\nC: d"), ("", "a")]
        {
            let set = |source: &mut Source| drop(source.headers.insert(name.to_owned(), value.to_owned()));
            assert_eq!(field(set).as_deref(), Some("source.headers"), "{name:?}");
        }
    }
}
