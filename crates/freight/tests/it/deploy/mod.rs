//! `deploy/freight.yaml` as a stack on moto, and Freight on what it made.
//!
//! moto knows no `AWS::ApiGatewayV2::*` and no `AWS::CloudWatch::Alarm` in templates (5.2.5 logs "No Moto
//! CloudFormation support for …" and leaves them out), so of those only cfn-lint has judged the form, in
//! `cargo xtask lint`. Each test names what was left out: one that moto learns, or that is added here,
//! changes the list. Of tables it reads no `TimeToLiveSpecification` (`Table.create_from_cloudformation_json`
//! hands on no such property), so that `freight tables check` finds just that, and is green once
//! `freight tables create`, which makes nothing here, has seen to it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use testkit::Client;
use testkit::aws::{AwsShim, Moto, Odds};
use testkit::copies::Copy;
use uuid::Uuid;

/// Parameters that the program is told in its environment.
const TOLD: [&str; 6] = [
    "AuthIssuer=https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_Abc",
    "AuthAudience=app,other",
    "AuthScopeMap=freight/read=reader,operators=jobs:write",
    "AllowedHosts=api.example.com",
    "PublicUrls=https://api.example.com",
    "CorsOrigins=https://app.example.com",
];
const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/freight.yaml");

/// A stack that was created, and what stands on it.
struct Stack {
    created: Value,
    environment: String,
    shim: AwsShim,
    directory: tempfile::TempDir,
}

fn script(name: &str, arguments: &[&str]) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/deploy").join(name);
    let output = Moto::python().arg(path).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

impl Stack {
    async fn create(compute: &str, further: &[&str]) -> Self {
        let environment = format!("t{}", &Uuid::new_v4().simple().to_string()[..12]);
        let (moto, at) = (Moto::shared(), Moto::shared().url());
        let created = script("stack.py", &[&[at.as_str(), TEMPLATE, &environment, compute], further].concat());
        assert_eq!(created["status"], "CREATE_COMPLETE", "{created}");
        let shim = AwsShim::start(moto, 61, Odds::default()).await;
        Self { created, environment, shim, directory: tempfile::tempdir().unwrap() }
    }

    fn prefix(&self) -> String {
        format!("freight-{}-", self.environment)
    }

    /// The program, told where it is by the stack's outputs alone.
    fn freight(&self, arguments: &[&str]) -> Command {
        let output = |name: &str| self.created["outputs"][name].as_str().unwrap().to_owned();
        let mut command = Command::new(env!("CARGO_BIN_EXE_freight"));
        command.args(arguments).current_dir(self.directory.path()).env_clear().stdin(Stdio::null()).envs([
            ("FREIGHT_SERVER_LISTEN", "127.0.0.1:0"),
            ("FREIGHT_LOG_FILTER", "warn"),
            ("FREIGHT_STORE_URI", &output("StoreUri")),
            ("FREIGHT_QUEUE_URI", &output("QueueUri")),
            ("AWS_ENDPOINT_URL", &self.shim.url()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ]);
        command
    }

    fn run(&self, arguments: &[&str]) -> Value {
        let output = self.freight(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What the parameters say reaches the program, which takes all that it is told.
    fn check_told(&self) {
        let variables = self.created["variables"].as_object().unwrap();
        for (name, value) in [
            ("FREIGHT_AUTH_AUDIENCE", "app,other"),
            ("FREIGHT_AUTH_SCOPE_MAP", "freight/read=reader,operators=jobs:write"),
            ("FREIGHT_SERVER_ALLOWED_HOSTS", "api.example.com"),
            ("FREIGHT_SERVER_PUBLIC_URLS", "https://api.example.com"),
            ("FREIGHT_SERVER_CORS_ORIGINS", "https://app.example.com"),
        ] {
            assert_eq!(variables.get(name), Some(&json!(value)), "{name}");
        }
        let told = variables.iter().map(|(name, value)| (name, value.as_str().unwrap()));
        let output = self.freight(&["tables", "plan"]).envs(told).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Everything that the crates declare is there, and as it should be.
    fn check(&self) {
        let checked = |code: i32| {
            let output = self.freight(&["--json", "tables", "check"]).output().unwrap();
            let list: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(output.status.code(), Some(code), "{list}");
            list["items"].as_array().unwrap().clone()
        };
        let is_what_moto_leaves_out = |item: &Value| match item["kind"].as_str() {
            Some("table") => item["state"] == "expired items are not removed by the attribute ttl",
            _ => item["state"] == "ok",
        };
        let before = checked(1);
        assert!(before.len() > 10 && before.iter().all(is_what_moto_leaves_out), "{before:?}");
        assert_eq!(self.run(&["--json", "tables", "create"])["items"], json!([]), "the template lacks something");
        let after = checked(0);
        assert!(after.len() == before.len() && after.iter().all(|item| item["state"] == "ok"), "{after:?}");
    }
}

/// What the template's policy of this name allows.
pub(crate) fn allowed(policy: &str) -> BTreeSet<String> {
    let told = script("roles.py", &[TEMPLATE]);
    serde_json::from_value(told["policies"][policy].clone()).unwrap()
}

#[test]
fn every_role_is_bounded_where_the_account_asks_for_it() {
    let told = script("roles.py", &[TEMPLATE]);
    let roles = told["boundaries"].as_object().unwrap();
    let names: BTreeSet<&str> = roles.keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["ExecutionRole", "FunctionRole", "TaskRole"]));
    let bounded = json!({ "If": ["IsBounded", { "Ref": "PermissionsBoundaryArn" }, { "Ref": "AWS::NoValue" }] });
    for (name, boundary) in roles {
        assert_eq!(*boundary, bounded, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn freight_runs_on_what_the_template_makes_and_boto3_reads_what_it_wrote() {
    let stack = Stack::create("lambda", &TOLD).await;
    let gateway = ["Api", "Integration", "Route", "Stage"].map(|kind| json!(format!("AWS::ApiGatewayV2::{kind}")));
    let left_out: Value = gateway.into_iter().chain([json!("AWS::CloudWatch::Alarm")]).collect();
    assert_eq!(stack.created["left_out"], left_out);
    let arn = format!("arn:aws:lambda:eu-west-2:123456789012:function:freight-{}", stack.environment);
    assert_eq!(stack.created["outputs"]["FunctionArn"], arn);
    stack.check_told();
    stack.check();

    let made = stack.run(&["--json", "keys", "create", "--offline", "--name", "operator"]);
    let server = Copy::start(stack.freight(&["serve"]));
    let caller = Client::at(server.url.as_str()).with_key(made["key"].as_str().unwrap());
    caller.get("/readyz").await.expect(200);
    caller.post("/api/v1/datasets", &json!({ "name": "airports", "key": "faa" })).await.expect(201);
    let rows = r#"{"faa":"JFK","lat":40.639751000,"name":"John F Kennedy Intl"}"#;
    let lines = Some(("application/x-ndjson", Bytes::from_static(rows.as_bytes())));
    let report = caller.send_bytes(Method::POST, "/api/v1/datasets/airports/import", lines).await.expect(207).json();
    assert_eq!(report["saved"], 1, "{report}");

    let read = script("tables.py", &[&Moto::shared().url(), &stack.prefix(), "records", "Kennedy"]);
    assert_eq!(read["tables"].as_array().unwrap().len(), freight::ground::tables().len());
    let items = read["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{read}");
    assert!(items[0]["data"].as_str().unwrap().contains("40.639751000"), "the text is what was sent: {read}");
    assert!(items[0]["pk"].as_str().unwrap().starts_with("default"), "every key begins with its tenant: {read}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn containers_and_paid_capacity_are_the_same_tables() {
    let boundary = "PermissionsBoundaryArn=arn:aws:iam::123456789012:policy/boundary";
    let capacity = ["ReadCapacity=3", "WriteCapacity=4", "Export=yes", boundary];
    let stack = Stack::create("containers", &[&capacity[..], &TOLD[..]].concat()).await;
    assert_eq!(stack.created["left_out"], json!(["AWS::CloudWatch::Alarm"]));
    // The certificate is of the operator's name, not of the load balancer's.
    assert_eq!(stack.created["outputs"]["ApiUrl"], "https://api.example.com");
    assert!(stack.created["outputs"]["BalancerName"].as_str().unwrap().starts_with("freight-"));
    stack.check_told();
    stack.check();
    // Where dead letters go is there, and is asked for once the program is told so.
    let letters = stack.created["variables"]["FREIGHT_EXPORT_DEAD_LETTERS"].as_str().unwrap();
    assert_eq!(letters, format!("sqs://eu-west-2?prefix={}", stack.prefix()));
    let checked = stack.freight(&["--json", "tables", "check"]).env("FREIGHT_EXPORT_DEAD_LETTERS", letters).output();
    let list: Value = serde_json::from_slice(&checked.unwrap().stdout).unwrap();
    let queue = json!({ "kind": "queue", "name": format!("{}dead-letters", stack.prefix()), "state": "ok" });
    assert!(list["items"].as_array().unwrap().contains(&queue), "{list}");
}
