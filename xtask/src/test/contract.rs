//! Thousands of generated requests against a running server.
//!
//! schemathesis reads the document that the server serves, and sends what it allows and what it
//! forbids. The server may refuse, but it may not answer 5xx, nor anything that the document does
//! not name, nor let a caller in whose key was taken away. The tenant's rate is lifted first, or most
//! cases would only show that there is one.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::server::{self, Server};
use crate::{process, tools};

/// How many requests are made, at least: to every service, and to those under a path.
const CASES: [(&str, usize); 2] = [("/", 5_000), ("/source/", 3_000)];

/// One seed, so that a failure in CI is the same failure here.
const SEED: u32 = 20_261_122;

/// Everything that does not change from run to run. The key comes from the environment, so that
/// it stands in no printed line.
const CONFIG: &str = "xtask/src/test/schemathesis.toml";

const HOOKS: &str = "xtask/src/test/schemathesis_hooks.py";

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,ignored_auth";

/// Runs the cases.
///
/// # Errors
/// When an answer was not what the document says, or there were too few cases.
pub(super) fn run() -> Result<()> {
    let program = tools::schemathesis()?;
    let served = process::root().join("openapi.json");
    let served = fs::read_to_string(served).context("there is no openapi.json")?;
    let document: Value = serde_json::from_str(&served)?;
    // Each case has a source address of its own, see the hooks.
    let server = Server::start(&server::release()?, &[("FREIGHT_SERVER_TRUSTED_PROXIES", "127.0.0.0/8")])?;
    lift_rates(&server)?;
    for (under, least) in CASES {
        let cases = cases(&program, &server, &document, (under, least))?;
        ensure!(cases >= least, "only {cases} of {least} cases of {under} were made");
    }
    Ok(())
}

/// Sends about so many requests to the operations under a path; says how many it were.
fn cases(program: &Path, server: &Server, document: &Value, (under, least): (&str, usize)) -> Result<usize> {
    let varied = varied(document, under);
    ensure!(varied > 0, "no operation under {under} takes anything");
    let backstage = tempfile::tempdir().context("no temporary directory")?;
    let config = process::root().join(CONFIG);
    // Of some operations there are fewer; what is not random is on top: limits of parameters, their absence.
    let each = least.div_ceil(varied);
    let words = format!("run {}/api/openapi.json --checks {CHECKS} --max-examples {each} --seed {SEED}", server.url);
    let mut tool = process::command(program, "--config-file");
    tool.arg(config).args(words.split(' '));
    tool.args(["--include-path-regex", &format!("^{under}")]);
    for path in streams(document) {
        eprintln!("contract: {path} is a stream without an end, and not asked");
        tool.args(["--exclude-path", path]);
    }
    // It leaves notes where it runs.
    tool.current_dir(backstage.path())
        .env("FREIGHT_API_KEY", &server.api_key)
        .env("SCHEMATHESIS_HOOKS", process::root().join(HOOKS));
    let mut cases = 0;
    process::watch(tool, |line| cases = generated(line).unwrap_or(cases))?;
    Ok(cases)
}

/// Gives the tenant of the first key a rate that no run reaches.
fn lift_rates(server: &Server) -> Result<()> {
    let header = tempfile::NamedTempFile::new().context("no temporary file")?;
    fs::write(&header, format!("X-API-Key: {}\nContent-Type: application/json\n", server.api_key))?;
    let mut curl =
        process::command("curl", "--silent --show-error --fail-with-body --output /dev/null --request PATCH");
    curl.args(["--data", r#"{"settings":{"rate_limits":{"control":["1000000/minute"]}}}"#]);
    curl.arg("--header").arg(format!("@{}", header.path().display()));
    curl.arg(format!("{}/api/v1/tenants/default", server.url));
    process::run(curl)
}

/// The number in the tool's own summary: `641 generated, 2 found 2 unique failures`.
fn generated(line: &str) -> Option<usize> {
    line.trim_start().split_once(" generated")?.0.parse().ok()
}

/// How many operations under a path have something to vary: a parameter or a body. The others are one case.
fn varied(document: &Value, under: &str) -> usize {
    let takes = |operation: &Value| {
        let parameters = operation.get("parameters").and_then(Value::as_array);
        operation.get("requestBody").is_some() || parameters.is_some_and(|some| !some.is_empty())
    };
    operations(document).filter(|(path, operation)| path.starts_with(under) && takes(operation)).count()
}

/// The paths whose answer ends only when the caller goes.
fn streams(document: &Value) -> impl Iterator<Item = &str> {
    let endless = |operation: &Value| operation.pointer("/responses/200/content/text~1event-stream").is_some();
    operations(document).filter(move |(_, operation)| endless(operation)).map(|(path, _)| path)
}

/// Each operation and its path.
fn operations(document: &Value) -> impl Iterator<Item = (&str, &Value)> {
    const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    paths.flat_map(|(path, item)| METHODS.iter().filter_map(|method| Some((path.as_str(), item.get(*method)?))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{generated, streams, varied};

    #[test]
    fn operations_that_take_nothing_are_not_varied() {
        let takes = json!({ "parameters": [{ "name": "n", "in": "query" }] });
        let document = json!({ "paths": {
            "/a": { "get": takes, "post": { "requestBody": {} }, "summary": "x" },
            "/b": { "put": {}, "get": { "parameters": [] } },
        } });
        assert_eq!((varied(&document, "/"), varied(&document, "/b")), (2, 0));
        assert_eq!(varied(&json!({}), "/"), 0);
    }

    #[test]
    fn streams_are_known_by_their_answer() {
        let stream = json!({ "responses": { "200": { "content": { "text/event-stream": {} } } } });
        let document = json!({ "paths": { "/tail": { "get": stream }, "/list": { "get": {} } } });
        assert_eq!(streams(&document).collect::<Vec<_>>(), ["/tail"]);
    }

    #[test]
    fn cases_are_counted_from_the_summary() {
        assert_eq!(generated("  641 generated, 2 found 2 unique failures, 4 skipped"), Some(641));
        assert_eq!(generated("Test cases:"), None);
        assert_eq!(generated("nothing generated"), None);
    }
}
