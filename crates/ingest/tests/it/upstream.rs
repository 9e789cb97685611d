//! A foreign API in this process: users by size, pages in three manners, faults on demand, and a
//! journal of what was asked.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

/// An answer in place of the usual one.
#[derive(Clone)]
pub(crate) struct Fault {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Fault {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

#[derive(Default)]
struct Desk {
    journal: Mutex<Vec<(String, HeaderMap)>>,
    faults: Mutex<VecDeque<Fault>>,
    serial: Mutex<u64>,
}

/// The server. It ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Upstream {
    pub(crate) at: SocketAddr,
    desk: Arc<Desk>,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let desk = Arc::new(Desk::default());
        let router = Router::new()
            .route("/api/v2/users", get(users))
            .route("/pages", get(pages))
            .route("/cursor", get(cursor))
            .route("/link", get(link))
            .with_state(desk.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { at, desk }
    }

    /// The next calls are answered so.
    pub(crate) fn faults(&self, faults: impl IntoIterator<Item = Fault>) {
        self.desk.faults.lock().unwrap().extend(faults);
    }

    /// What was asked so far.
    pub(crate) fn journal(&self) -> Vec<String> {
        self.desk.journal.lock().unwrap().iter().map(|(uri, _)| uri.clone()).collect()
    }

    /// The headers of the last call.
    pub(crate) fn last_headers(&self) -> HeaderMap {
        self.desk.journal.lock().unwrap().last().unwrap().1.clone()
    }
}

impl Desk {
    /// Writes the call down; a fault, if one is due.
    fn enter(&self, uri: &Uri, headers: HeaderMap) -> Option<Response> {
        self.journal.lock().unwrap().push((uri.to_string(), headers));
        let fault = self.faults.lock().unwrap().pop_front()?;
        let mut response = (StatusCode::from_u16(fault.status).unwrap(), fault.body).into_response();
        for (name, value) in fault.headers {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        Some(response)
    }

    fn user(&self) -> Value {
        let mut serial = self.serial.lock().unwrap();
        *serial += 1;
        let id = *serial * 7919 % 9973;
        let name = format!("{}{}", char::from(b'A' + u8::try_from(id % 26).unwrap()), id % 89);
        json!({ "id": id, "password": "p", "first_name": "F", "last_name": name,
            "social_insurance_number": "457510386", "credit_card": { "cc_number": "4396-8073" } })
    }
}

#[derive(serde::Deserialize)]
struct Size {
    size: Option<u32>,
}

async fn users(State(desk): State<Arc<Desk>>, Query(asked): Query<Size>, uri: Uri, headers: HeaderMap) -> Response {
    if let Some(fault) = desk.enter(&uri, headers) {
        return fault;
    }
    match asked.size {
        None | Some(1) => axum::Json(desk.user()).into_response(),
        Some(size @ 2..=100) => axum::Json((0..size).map(|_| desk.user()).collect::<Vec<_>>()).into_response(),
        Some(_) => r#"{"message":"Maximum allowed size is 100"}"#.into_response(),
    }
}

#[derive(serde::Deserialize)]
struct Page {
    page: Option<u32>,
    cursor: Option<u32>,
}

fn three(from: u32) -> Vec<Value> {
    (from * 3..from * 3 + 3).map(|id| json!({ "id": id, "name": format!("n{id}") })).collect()
}

/// Four pages of three, then empty ones.
async fn pages(State(desk): State<Arc<Desk>>, Query(asked): Query<Page>, uri: Uri, headers: HeaderMap) -> Response {
    if let Some(fault) = desk.enter(&uri, headers) {
        return fault;
    }
    let page = asked.page.unwrap();
    axum::Json(json!({ "data": { "items": if page < 5 { three(page) } else { Vec::new() } } })).into_response()
}

async fn cursor(State(desk): State<Arc<Desk>>, Query(asked): Query<Page>, uri: Uri, headers: HeaderMap) -> Response {
    if let Some(fault) = desk.enter(&uri, headers) {
        return fault;
    }
    let page = asked.cursor.unwrap_or(0);
    let next = (page < 3).then_some(page + 1);
    axum::Json(json!({ "items": three(page), "meta": { "next": next } })).into_response()
}

async fn link(State(desk): State<Arc<Desk>>, Query(asked): Query<Page>, uri: Uri, headers: HeaderMap) -> Response {
    if let Some(fault) = desk.enter(&uri, headers) {
        return fault;
    }
    let page = asked.page.unwrap_or(0);
    let mut response = axum::Json(three(page)).into_response();
    if page < 3 {
        let link = format!("</link?page={}>; rel=\"next\", </link?page=0>; rel=\"first\"", page + 1);
        response.headers_mut().insert("link", link.parse().unwrap());
    }
    response
}
