//! One caller of the HTTP interface, wherever that is.
//!
//! A contract is written once as calls of a [`Client`] and run twice: in this process, where the
//! client hands requests to the router ([`Client::app`]), and against a server that listens on
//! loopback ([`Client::at`]). A case cannot tell which, so it cannot depend on it.
//!
//! A client panics when there is no answer at all: a test has no use for a half-failed call.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::ServiceExt;

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// A caller: where to, and with which headers. Clones are independent.
#[derive(Clone)]
pub struct Client {
    target: Target,
    headers: HeaderMap,
    peer: Option<SocketAddr>,
}

#[derive(Clone)]
enum Target {
    App(web::App),
    Server { base_url: String, http: reqwest::Client },
}

impl Client {
    /// Calls an interface in this process.
    pub fn app(app: &web::App) -> Self {
        // Over a socket it would come from this machine; the HTTP kit takes nobody's word for that.
        let peer = Some(SocketAddr::from(([127, 0, 0, 1], 40_000)));
        Self { target: Target::App(app.clone()), headers: HeaderMap::new(), peer }
    }

    /// Calls a server, such as `http://127.0.0.1:8000`; no redirect is followed.
    pub fn at(base_url: impl Into<String>) -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER_TIMEOUT)
            .no_proxy()
            .build()
            .expect("an HTTP client");
        let base_url = base_url.into().trim_end_matches('/').to_owned();
        Self { target: Target::Server { base_url, http }, headers: HeaderMap::new(), peer: None }
    }

    /// The same caller of another interface in this process.
    #[must_use]
    pub fn of_app(&self, app: &web::App) -> Self {
        Self { target: Target::App(app.clone()), ..self.clone() }
    }

    /// The same caller with this API key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        self.with_header("x-api-key", key)
    }

    /// The same caller with this header in every request, in place of one it had.
    #[must_use]
    pub fn with_header(&self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("the name of a header");
        let mut client = self.clone();
        client.headers.insert(name, HeaderValue::from_str(value).expect("the value of a header"));
        client
    }

    /// The same caller without this header.
    #[must_use]
    pub fn without_header(&self, name: &str) -> Self {
        let mut client = self.clone();
        client.headers.remove(name);
        client
    }

    /// The same caller as if it came from this address.
    ///
    /// # Panics
    /// When the target is a server: it sees where the socket is.
    #[must_use]
    pub fn from_peer(&self, peer: SocketAddr) -> Self {
        assert!(self.is_in_process(), "only a caller in this process can say where it comes from");
        Self { peer: Some(peer), ..self.clone() }
    }

    /// Whether requests stay in this process.
    pub fn is_in_process(&self) -> bool {
        matches!(self.target, Target::App(_))
    }

    /// Asks for `path`, with its query.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// Asks for `path` and reads what comes within `wait`: for answers that have no end.
    ///
    /// # Panics
    /// When the target is a server.
    pub async fn get_some(&self, path: &str, wait: Duration) -> Answer {
        let Target::App(app) = &self.target else { panic!("only an answer in this process is read in part") };
        let response = self.respond(app, Method::GET, path, self.headers.clone(), None).await;
        let (parts, mut body) = response.into_parts();
        let mut bytes = BytesMut::new();
        let read = async {
            while let Some(Ok(frame)) = body.frame().await {
                bytes.extend_from_slice(&frame.into_data().unwrap_or_default());
            }
        };
        // Whether it ended or not: what came is what there is.
        tokio::time::timeout(wait, read).await.unwrap_or_default();
        Answer { status: parts.status, headers: parts.headers, bytes: bytes.freeze(), trailers: None }
    }

    /// Sends a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Sends no body.
    pub async fn post_empty(&self, path: &str) -> Answer {
        self.send(Method::POST, path, None).await
    }

    /// Sends a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, Some(body)).await
    }

    /// Sends a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, Some(body)).await
    }

    /// Deletes `path`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// Sends a request with a JSON body or none.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(|body| ("application/json", Bytes::from(body.to_string())));
        self.send_bytes(method, path, body).await
    }

    /// Sends a request with a body of any media type, byte for byte, or none.
    pub async fn send_bytes(&self, method: Method, path: &str, body: Option<(&str, Bytes)>) -> Answer {
        let mut headers = self.headers.clone();
        if let Some((media_type, _)) = &body {
            headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_str(media_type).expect("a media type"));
        }
        let bytes = body.map(|(_, bytes)| bytes);
        match &self.target {
            Target::App(app) => self.call(app, method, path, headers, bytes).await,
            Target::Server { base_url, http } => {
                let mut request = http.request(method, format!("{base_url}{path}")).headers(headers);
                if let Some(bytes) = bytes {
                    request = request.body(bytes);
                }
                let response = request.send().await.expect("an answer from the server");
                let (status, headers) = (response.status(), response.headers().clone());
                Answer { status, headers, bytes: response.bytes().await.expect("the whole body"), trailers: None }
            }
        }
    }

    async fn call(
        &self,
        app: &web::App,
        method: Method,
        path: &str,
        headers: HeaderMap,
        bytes: Option<Bytes>,
    ) -> Answer {
        let (parts, body) = self.respond(app, method, path, headers, bytes).await.into_parts();
        let body = body.collect().await.expect("the whole body");
        let trailers = Some(body.trailers().cloned().unwrap_or_default());
        Answer { status: parts.status, headers: parts.headers, bytes: body.to_bytes(), trailers }
    }

    async fn respond(
        &self,
        app: &web::App,
        method: Method,
        path: &str,
        mut headers: HeaderMap,
        bytes: Option<Bytes>,
    ) -> Response<impl BodyExt<Data = Bytes, Error: std::fmt::Debug> + Unpin> {
        headers.entry(http::header::HOST).or_insert(HeaderValue::from_static("localhost"));
        let bytes = bytes.unwrap_or_default();
        // What a client on a socket sends with a body, and the HTTP kit looks for.
        if !bytes.is_empty() {
            headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        }
        let mut request = Request::new(Full::new(bytes));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().expect("a path");
        *request.headers_mut() = headers;
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(web::Peer(peer));
        }
        let Ok(response) = app.router().oneshot(request).await;
        response
    }
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub bytes: Bytes,
    /// What was said behind it; of a server on a socket nobody listens to that.
    pub trailers: Option<HeaderMap>,
}

impl Answer {
    /// The body as JSON; null when it is empty.
    ///
    /// # Panics
    /// When it is no JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        if self.bytes.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.bytes).unwrap_or_else(|e| panic!("{e} in the body: {}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The same answer, if its status is this one.
    ///
    /// # Panics
    /// With the body, if it is another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "body: {}", self.text());
        self
    }
}
