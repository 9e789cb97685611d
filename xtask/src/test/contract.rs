//! Thousands of generated requests against a running server.
//!
//! schemathesis reads the document that the server serves, and sends what it allows and what it
//! forbids. The server may refuse, but it may not answer 5xx, nor anything that the document does
//! not name, nor let a caller in whose key was taken away.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::server::{self, Server};
use crate::{process, tools};

/// How many requests a run makes, at least.
const CASES: usize = 5_000;

/// One seed, so that a failure in CI is the same failure here.
const SEED: u32 = 20_261_122;

/// Everything that does not change from run to run. The key comes from the environment, so that
/// it stands in no printed line.
const CONFIG: &str = "xtask/src/test/schemathesis.toml";

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth";

/// Runs the cases.
///
/// # Errors
/// When an answer was not what the document says.
pub(super) fn run() -> Result<()> {
    let program = tools::schemathesis()?;
    let served = fs::read_to_string(process::root().join("openapi.json"))
        .context("there is no openapi.json")?;
    let operations = operations(&serde_json::from_str(&served)?);
    ensure!(operations > 0, "openapi.json has no operation");
    let server = Server::start(&server::release()?, &[])?;
    let each = CASES.div_ceil(operations);
    eprintln!("contract: {operations} operations, {each} cases each at least, seed {SEED}");
    let words = format!(
        "--config-file {CONFIG} run {}/api/openapi.json --checks {CHECKS} --max-examples {each} --seed {SEED}",
        server.url
    );
    let mut cases = process::command(program, &words);
    cases.env("FREIGHT_API_KEY", &server.api_key);
    process::run(cases)
}

/// How many operations a document has.
fn operations(document: &Value) -> usize {
    let methods = ["get", "put", "post", "delete", "patch"];
    let paths = document.get("paths").and_then(Value::as_object);
    let items = paths.into_iter().flat_map(|paths| paths.values()).filter_map(Value::as_object);
    items.map(|item| item.keys().filter(|key| methods.contains(&key.as_str())).count()).sum()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::operations;

    #[test]
    fn operations_are_methods_of_paths() {
        let document = json!({ "paths": { "/a": { "get": {}, "post": {}, "parameters": [] }, "/b": { "put": {} } } });
        assert_eq!(operations(&document), 3);
        assert_eq!(operations(&json!({})), 0);
    }
}
