//! A client of the public API: the commands can do what any caller with the same key can, and
//! nothing else.
//!
//! Timeouts are set, redirects are not followed (a key would travel with them), and an answer that
//! is not a success becomes the [`Failure`] whose exit code says what kind it was.

use std::time::Duration;

use base::Secret;
use futures::Stream;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use url::Url;

use super::failure::Failure;
use crate::config::Environment;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the server may be silent: above its own bound of a request.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Calls the public API of one server with one key.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    key: Option<Secret<String>>,
    tenant: Option<String>,
}

/// Query parameters; absent ones are left out.
pub(super) type Query<'a> = &'a [(&'a str, Option<&'a str>)];

impl Client {
    /// A client as flags (`url`, `tenant`) and the environment describe it.
    ///
    /// # Errors
    /// `Usage` if the URL is not one.
    pub(super) fn new(url: Option<&str>, tenant: Option<&str>, environment: &Environment) -> Result<Self, Failure> {
        Self::with_silence(Some(SILENCE_MAX), url, tenant, environment)
    }

    /// The same, for what the server does to its whole store before it says a word, however long that takes. A
    /// machine that is gone meanwhile is noticed by TCP.
    ///
    /// # Errors
    /// `Usage` if the URL is not one.
    pub(super) fn patient(url: Option<&str>, tenant: Option<&str>, environment: &Environment) -> Result<Self, Failure> {
        Self::with_silence(None, url, tenant, environment)
    }

    fn with_silence(
        silence_max: Option<Duration>,
        url: Option<&str>,
        tenant: Option<&str>,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let text = url.or_else(|| environment.get("FREIGHT_URL")).unwrap_or("http://127.0.0.1:8000");
        let base = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let base =
            base.ok_or_else(|| Failure::Usage("the URL of the server is not an http or https URL".to_owned()))?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT);
        let http = match silence_max {
            Some(silence_max) => http.read_timeout(silence_max),
            None => http,
        };
        let http = http.build().map_err(Failure::failed)?;
        let key = environment.get("FREIGHT_API_KEY").map(|key| Secret::new(key.to_owned()));
        let tenant = tenant.or_else(|| environment.get("FREIGHT_TENANT")).map(str::to_owned);
        Ok(Self { http, base, key, tenant })
    }

    /// Where the server is.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// Whether there is a key to call with.
    pub(super) fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// What the server thinks the time is, by its `Date` header, if it is alive.
    ///
    /// # Errors
    /// `Unreachable` when it is not.
    pub(super) async fn date(&self) -> Result<Option<String>, Failure> {
        let answer = self.send(self.request(Method::GET, &["livez"], &[])?).await?;
        Ok(answer.headers().get("date").and_then(|date| date.to_str().ok()).map(str::to_owned))
    }

    /// Reads: the text of the answer.
    ///
    /// # Errors
    /// Any [`Failure`] of the call.
    pub(super) async fn get(&self, path: &[&str], query: Query<'_>) -> Result<String, Failure> {
        text(self.send(self.request(Method::GET, path, query)?).await?).await
    }

    /// Sends a JSON body, or none.
    ///
    /// # Errors
    /// Any [`Failure`] of the call.
    pub(super) async fn call(&self, method: Method, path: &[&str], body: Option<&Value>) -> Result<String, Failure> {
        self.call_text(method, path, body.map(Value::to_string)).await
    }

    /// As [`call`](Self::call), with a JSON text as it is.
    ///
    /// # Errors
    /// Any [`Failure`] of the call.
    pub(super) async fn call_text(
        &self,
        method: Method,
        path: &[&str],
        body: Option<String>,
    ) -> Result<String, Failure> {
        let mut request = self.request(method, path, &[])?;
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        text(self.send(request).await?).await
    }

    /// Sends bytes of some media type that take effect once, however often they are sent under
    /// this key.
    ///
    /// # Errors
    /// Any [`Failure`] of the call.
    pub(super) async fn upload_once(
        &self,
        path: &[&str],
        media: &'static str,
        body: Vec<u8>,
        key: &str,
    ) -> Result<String, Failure> {
        let request = self.request(Method::POST, path, &[])?.header(CONTENT_TYPE, media);
        text(self.send(request.header("idempotency-key", key).body(body)).await?).await
    }

    /// Sends bytes of some media type.
    ///
    /// # Errors
    /// Any [`Failure`] of the call.
    pub(super) async fn upload(
        &self,
        path: &[&str],
        query: Query<'_>,
        media: &'static str,
        body: Vec<u8>,
    ) -> Result<String, Failure> {
        text(self.send(self.request(Method::POST, path, query)?.header(CONTENT_TYPE, media).body(body)).await?).await
    }

    /// Reads an answer as it arrives.
    ///
    /// # Errors
    /// Any [`Failure`] of the call; the stream's own errors are [`broken`] connections.
    pub(super) async fn stream(
        &self,
        method: Method,
        path: &[&str],
        query: Query<'_>,
        headers: &[(&'static str, &str)],
    ) -> Result<impl Stream<Item = Result<impl AsRef<[u8]> + use<>, Failure>> + Unpin + use<>, Failure> {
        let mut request = self.request(method, path, query)?;
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.send(request).await?;
        Ok(futures::StreamExt::map(Box::pin(answer.bytes_stream()), |chunk| chunk.map_err(broken)))
    }

    fn request(&self, method: Method, path: &[&str], query: Query<'_>) -> Result<RequestBuilder, Failure> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| Failure::Usage("the URL of the server has no path".to_owned()))?
            .pop_if_empty()
            .extend(path);
        for (name, value) in query {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        let mut request = self.http.request(method, url).header(ACCEPT, "application/json, */*;q=0.5");
        if let Some(key) = &self.key {
            request = request.header("x-api-key", key.expose());
        }
        if let Some(tenant) = &self.tenant {
            request = request.header("freight-tenant", tenant);
        }
        Ok(request)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let answer = request.send().await.map_err(broken)?;
        if answer.status().is_success() { Ok(answer) } else { Err(refused(answer).await) }
    }
}

async fn text(answer: Response) -> Result<String, Failure> {
    answer.text().await.map_err(broken)
}

/// A connection that could not be made, or broke.
fn broken(error: reqwest::Error) -> Failure {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    Failure::Unreachable(text)
}

/// The failure that a problem document tells of.
async fn refused(answer: Response) -> Failure {
    let status = answer.status();
    let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = answer.text().await.unwrap_or_default();
    let problem: Value = serde_json::from_str(&body).unwrap_or_default();
    let mut text = problem["message"].as_str().map_or_else(|| format!("the server answered {status}"), str::to_owned);
    for detail in problem["details"].as_array().into_iter().flatten() {
        if let (Some(field), Some(message)) = (detail["field"].as_str(), detail["message"].as_str()) {
            text = format!("{text}\n  {field}: {message}");
        }
    }
    if let Some(id) = problem["request_id"].as_str() {
        text = format!("{text} (status {}, request {id})", status.as_u16());
    }
    if let Some(seconds) = retry_after {
        text = format!("{text}; try again in {seconds} s");
    }
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::Denied(text),
        StatusCode::NOT_FOUND => Failure::Absent(text),
        StatusCode::TOO_MANY_REQUESTS => Failure::Unreachable(text),
        status if status.is_server_error() => Failure::Unreachable(text),
        _ => Failure::Failed(text),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn who_asks_about_the_whole_store_waits_longer_than_others_do() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let slow = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = |listener: &TcpListener| format!("http://{}", listener.local_addr().unwrap());
        let environment = Environment::default();
        let hasty = Client::with_silence(Some(Duration::from_millis(20)), Some(&url(&silent)), None, &environment);
        let patient = Client::patient(Some(&url(&slow)), None, &environment);
        let (Ok(hasty), Ok(patient)) = (hasty, patient) else { panic!("these are URLs") };
        let (given_up, answer) = oneshot::channel();
        let serving = async {
            let (mut connection, _) = slow.accept().await.unwrap();
            answer.await.unwrap();
            assert!(connection.read(&mut [0; 1_024]).await.unwrap() > 0);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\ndone";
            connection.write_all(answer).await.unwrap();
        };
        let giving_up = async {
            let asked = hasty.get(&["livez"], &[]).await;
            assert!(matches!(asked, Err(Failure::Unreachable(_))), "{asked:?}");
            given_up.send(()).unwrap();
        };
        let asking = patient.call(Method::POST, &["api", "v1", "check"], None);
        let ((), (), asked) = tokio::join!(serving, giving_up, asking);
        assert_eq!(asked.unwrap(), "done");
    }
}
