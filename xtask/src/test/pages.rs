//! The page that shows the API, used as a person would: in Chromium, without a window.
//!
//! Each endpoint below is opened on the page, tried out with the example that it shows, and executed;
//! the page has to show that it succeeded, and what was answered. The browser is driven by the WebDriver
//! protocol, which is JSON over HTTP.

use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::Client;
use crate::server::{self, Server};
use crate::{process, tools};

/// What is tried, with what the page has to show as its example and in its answer.
const TRIED: [(&str, &str, &str); 2] = [
    ("/source/write_raw", "\"temp\": 21.5", "Successfully added raw data to database"),
    ("/source/expose", "\"type\": \"latest\"", "latest data"),
];

/// How long the driver may take to start.
const START_MAX: Duration = Duration::from_secs(30);
/// How long the page may take to do what it is told, in milliseconds.
const PAGE_MAX_MS: u64 = 30_000;

/// No window, no sandbox of its own where a container already is one, and no calls to anybody else.
const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// Opens an endpoint, tries its example, and tells what the page shows then.
const TRY_OUT: &str = r"
const [path, key, done] = arguments;
const until = async (find) => {
  for (;;) {
    const found = find();
    if (found) return found;
    await new Promise((resume) => setTimeout(resume, 50));
  }
};
(async () => {
  await until(() => window.ui);
  window.ui.preauthorizeApiKey('api_key', key);
  const shows = (block) => block.querySelector(`[data-path='${path}']`);
  const block = await until(() => [...document.querySelectorAll('.opblock-post')].find(shows));
  block.querySelector('.opblock-summary-control').click();
  (await until(() => block.querySelector('.try-out__btn'))).click();
  const example = (await until(() => block.querySelector('textarea.body-param__text'))).value;
  (await until(() => block.querySelector('button.execute'))).click();
  const answer = await until(() => block.querySelector('.live-responses-table tbody .response-col_status'));
  const body = block.querySelector('.live-responses-table tbody .response-col_description').textContent;
  done({ example, status: parseInt(answer.textContent), body });
})();
";

/// What the page showed.
#[derive(Debug, Deserialize)]
struct Shown {
    example: String,
    status: u16,
    body: String,
}

/// Tries what is in [`TRIED`].
///
/// # Errors
/// When the page does not show an example, or it does not succeed.
pub(super) fn run() -> Result<()> {
    let server = Server::start(&server::release()?, &[])?;
    let mut browser = Browser::start()?;
    browser.open(&format!("{}/docs", server.url))?;
    for (path, example, answer) in TRIED {
        let shown: Shown = browser.run(TRY_OUT, json!([path, server.api_key]))?;
        ensure!(shown.example.contains(example), "{path}: the example shown is {}", shown.example);
        ensure!(shown.status == 200 && shown.body.contains(answer), "{path}: {shown:?}");
        eprintln!("pages: {path} succeeds with the example that is shown");
    }
    Ok(())
}

/// A browser with one page.
struct Browser {
    driver: Child,
    client: Client,
    session: String,
}

impl Browser {
    fn start() -> Result<Self> {
        let (chromium, driver) = tools::browser()?;
        let mut command = process::command(driver, "--port=0");
        let mut driver = command.stdout(Stdio::piped()).spawn().context("the driver of the browser")?;
        let (lines, said) = mpsc::channel();
        process::follow(driver.stdout.take(), lines);
        let line = process::await_line(&said, "started successfully on port", START_MAX)?;
        let port = line.trim_end_matches('.').rsplit(' ').next().context("a port")?.to_owned();
        let client = Client::new(&format!("http://127.0.0.1:{port}"), None);
        let mut browser = Self { driver, client, session: String::new() };
        let options = json!({ "binary": which(&chromium)?, "args": ARGUMENTS });
        let timeouts = json!({ "script": PAGE_MAX_MS, "pageLoad": PAGE_MAX_MS });
        let wanted = json!({ "browserName": "chrome", "goog:chromeOptions": options, "timeouts": timeouts });
        let made = browser.ask("/session", &json!({ "capabilities": { "alwaysMatch": wanted } }))?;
        browser.session = made["sessionId"].as_str().context("a session")?.to_owned();
        Ok(browser)
    }

    fn open(&mut self, url: &str) -> Result<()> {
        self.ask(&format!("/session/{}/url", self.session), &json!({ "url": url })).map(drop)
    }

    /// Runs a script in the page, and hands back what it is done with.
    fn run<T: for<'de> Deserialize<'de>>(&mut self, script: &str, arguments: Value) -> Result<T> {
        let body = json!({ "script": script, "args": arguments });
        Ok(serde_json::from_value(self.ask(&format!("/session/{}/execute/async", self.session), &body)?)?)
    }

    fn ask(&mut self, path: &str, body: &Value) -> Result<Value> {
        let mut answer: Value = self.client.json("POST", path, body)?.json(200)?;
        Ok(answer["value"].take())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ending the session ends the browser; the driver does not outlive it.
        let ended = self.client.send("DELETE", &format!("/session/{}", self.session), "", &[]);
        drop(ended.and_then(|()| self.client.receive()));
        if let Err(error) = self.driver.kill().and_then(|()| self.driver.wait()) {
            eprintln!("the driver could not be ended: {error}");
        }
    }
}

/// Where a program is.
fn which(program: &std::path::Path) -> Result<String> {
    let mut command = process::command("sh", "-c");
    command.arg(format!("command -v {}", program.display()));
    Ok(process::output(command)?.trim().to_owned())
}
