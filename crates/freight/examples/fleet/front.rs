//! What stands before copies: it hands each request to the next of them, leaves out those that say that
//! they are not ready, and tries a request once more elsewhere when a copy did not answer it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

/// How long a copy may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(25);

/// A caller of all copies.
pub(crate) struct Front {
    http: reqwest::Client,
    key: String,
    /// Where copies are, and whether they are ready.
    copies: Mutex<Vec<(String, bool)>>,
    turn: AtomicUsize,
}

/// A request that had no answer worth having from two copies.
#[derive(Clone, Debug)]
pub(crate) struct Refused(pub(crate) String);

impl Front {
    pub(crate) fn new(key: String) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(ANSWER_MAX).build().unwrap();
        Self { http, key, copies: Mutex::default(), turn: AtomicUsize::new(0) }
    }

    /// Takes a copy in.
    pub(crate) fn add(&self, url: &str) {
        self.copies.lock().unwrap().push((url.to_owned(), true));
    }

    /// Looks who is ready.
    pub(crate) async fn look(&self) {
        for (url, _) in self.copies() {
            let asked = self.http.get(format!("{url}/readyz")).timeout(Duration::from_secs(2)).send().await;
            let is_ready = asked.is_ok_and(|answer| answer.status().is_success());
            self.copies.lock().unwrap().iter_mut().filter(|(copy, _)| *copy == url).for_each(|(_, it)| *it = is_ready);
        }
    }

    /// How many tasks a copy works on.
    pub(crate) async fn running(&self, url: &str) -> Option<u64> {
        let asked = self.http.get(format!("{url}/health")).header("x-api-key", &self.key).send().await;
        let health: Value = asked.ok()?.json().await.ok()?;
        health["checks"]["workers"]["running"].as_u64()
    }

    /// Leaves a copy out.
    pub(crate) fn leave_out(&self, url: &str) {
        self.copies.lock().unwrap().retain(|(copy, _)| copy != url);
    }

    /// Asks a copy, and another one if need be.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Response, Refused> {
        let (mut told, mut tried) = (Vec::new(), None);
        for _ in 0..2 {
            let mut copies = self.copies();
            copies.retain(|(copy, is_ready)| *is_ready && tried.as_ref() != Some(copy));
            if copies.is_empty() {
                told.push("no copy is ready".to_owned());
                break;
            }
            let (url, _) = copies.swap_remove(self.turn.fetch_add(1, Ordering::Relaxed) % copies.len());
            let mut request = self.http.request(method.clone(), format!("{url}{path}")).header("x-api-key", &self.key);
            request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            request = body.into_iter().fold(request, |request, body| request.json(body));
            match request.send().await {
                Ok(answer) if answer.status() != StatusCode::SERVICE_UNAVAILABLE => return Ok(answer),
                Ok(answer) => told.push(answer.status().to_string()),
                Err(error) => told.push(format!("{error:?}")),
            }
            tried = Some(url);
        }
        Err(Refused(told.join(", then ")))
    }

    fn copies(&self) -> Vec<(String, bool)> {
        self.copies.lock().unwrap().clone()
    }
}
