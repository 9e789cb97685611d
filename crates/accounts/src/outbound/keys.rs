//! An issuer's keys, over HTTP.

use std::time::Duration;

use async_trait::async_trait;
use base::{Error, Result};
use reqwest::redirect::Policy;

use crate::service::KeySource;

/// How long an answer may take in all.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How long it may take to connect.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// How long an answer may be.
const BYTES_MAX: usize = 256 << 10;

/// Fetches the keys of an issuer from one URL.
pub struct HttpKeys {
    url: String,
    http: reqwest::Client,
}

impl HttpKeys {
    /// Keys at this URL; nothing is asked yet.
    ///
    /// # Errors
    /// `Internal` when TLS cannot be set up.
    pub fn at(url: impl Into<String>) -> Result<Self> {
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_MAX)
            .timeout(ANSWER_MAX)
            .build()
            .map_err(Error::internal)?;
        Ok(Self { url: url.into(), http })
    }
}

#[async_trait]
impl KeySource for HttpKeys {
    async fn fetch(&self) -> Result<Vec<u8>> {
        let wrong = |error: &dyn std::fmt::Display| Error::unavailable(format!("{}: {error}", self.url));
        let mut answer = self.http.get(&self.url).send().await.map_err(|error| wrong(&error))?;
        if !answer.status().is_success() {
            return Err(wrong(&answer.status()));
        }
        let mut document = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| wrong(&error))? {
            if document.len() + chunk.len() > BYTES_MAX {
                return Err(wrong(&"the answer is too long"));
            }
            document.extend_from_slice(&chunk);
        }
        Ok(document)
    }
}
