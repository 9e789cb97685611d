//! `freight jobs watch`: a job as it goes.
//!
//! The server's event stream is followed until it says that the job ended. A connection that
//! breaks is made again from the last event seen; the job does not care whether it is watched.

use std::time::Duration;

use base::Clock;
use base::clock::SystemClock;
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Method;
use serde_json::Value;

use super::client::Client;
use super::events::{Event, Events};
use super::failure::Failure;
use super::jobs;
use super::screen::{Screen, at, parsed};

/// So often is a broken connection made again before we give up.
const RECONNECTS_MAX: u32 = 10;
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// Follows a job until it ends and prints it as it is then.
///
/// # Errors
/// `Failed` when the job failed or was cancelled; any [`Failure`] of the calls.
pub(super) async fn job(id: &str, client: &Client, screen: Screen) -> Result<(), Failure> {
    let mut watch = Watch { bar: bar(screen), last: None, screen };
    let mut breaks = 0;
    while !watch.follow(id, client).await.or_else(|failure| breaks_off(failure, &mut breaks))? {
        SystemClock::new().sleep(RECONNECT_AFTER).await;
    }
    watch.bar.finish_and_clear();
    let job = client.get(&jobs::path(id, &[]), &[]).await?;
    screen.item(&job)?;
    let status = parsed(&job)?["status"].as_str().unwrap_or_default().to_owned();
    match status.as_str() {
        "failed" | "cancelled" => Err(Failure::Failed(format!("the job is {status}"))),
        _ => Ok(()),
    }
}

/// A lost server may come back; anything else is final.
fn breaks_off(failure: Failure, breaks: &mut u32) -> Result<bool, Failure> {
    *breaks += 1;
    match failure {
        Failure::Unreachable(_) if *breaks <= RECONNECTS_MAX => Ok(false),
        failure => Err(failure),
    }
}

struct Watch {
    bar: ProgressBar,
    last: Option<String>,
    screen: Screen,
}

impl Watch {
    /// Follows one connection; says whether the job ended.
    async fn follow(&mut self, id: &str, client: &Client) -> Result<bool, Failure> {
        let last = self.last.clone();
        let mut headers = vec![("accept", "text/event-stream")];
        headers.extend(last.as_deref().map(|last| ("last-event-id", last)));
        let mut bytes = client.stream(Method::GET, &jobs::path(id, &["events"]), &[], &headers).await?;
        let mut events = Events::default();
        while let Some(chunk) = bytes.next().await {
            for event in events.push(chunk?.as_ref()) {
                if self.show(event) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn show(&mut self, event: Event) -> bool {
        self.last = event.id.or(self.last.take());
        let data: Value = serde_json::from_str(&event.data).unwrap_or(Value::String(event.data));
        match event.name.as_str() {
            "progress" => self.progress(&data),
            "log" => {
                let message = at(&data, "message").and_then(Value::as_str).unwrap_or_default();
                let stream = at(&data, "stream").and_then(Value::as_str).unwrap_or("info");
                self.bar.suspend(|| self.screen.say(&format!("{stream:6} {message}")));
            }
            _ => {}
        }
        event.name == "end"
    }

    fn progress(&self, data: &Value) {
        let count = |name| at(data, "counts").and_then(|counts| counts[name].as_u64());
        self.bar.set_length(count("total").unwrap_or(0));
        self.bar.set_position(count("processed").unwrap_or(0));
        self.bar.set_message(match count("failed") {
            Some(failed) if failed > 0 => format!("{failed} failed"),
            _ => String::new(),
        });
    }
}

/// A bar that counts what is done, if somebody watches.
pub(super) fn bar(screen: Screen) -> ProgressBar {
    if !screen.is_watched() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} {msg}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
