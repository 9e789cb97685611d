//! Tables and queues of a test's own, and SQS as Lambda polls it.

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::aws::{AwsShim, Moto, Odds};
use uuid::Uuid;

const SQS: &str = include_str!("sqs.json");

/// DynamoDB and SQS behind the shim; the cache is in the process, as it is in a function without Redis.
pub(crate) struct Backends {
    pub(crate) shim: AwsShim,
    directory: TempDir,
    prefix: String,
    client: reqwest::Client,
}

impl Backends {
    pub(crate) async fn start(seed: u64) -> Self {
        let shim = AwsShim::start(Moto::shared(), seed, Odds::default()).await;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let prefix = format!("{}-", Uuid::new_v4().simple());
        Self { shim, directory: tempfile::tempdir().unwrap(), prefix, client }
    }

    pub(crate) fn freight(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_freight"));
        command.args(arguments).current_dir(self.directory.path()).env_clear().stdin(Stdio::null()).envs([
            ("FREIGHT_LOG_FILTER", "warn"),
            ("FREIGHT_STORE_URI", &format!("dynamodb://eu-west-2?prefix={}", self.prefix)),
            ("FREIGHT_QUEUE_URI", &format!("sqs://eu-west-2?prefix={}", self.prefix)),
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

    /// Makes tables and queues, and the first key that anybody sees.
    pub(crate) fn prepare(&self) -> String {
        self.run(&["--json", "tables", "create"]);
        let made = self.run(&["--json", "keys", "create", "--offline", "--name", "operator"]);
        made["key"].as_str().unwrap().to_owned()
    }

    /// What a queue has for a poller now; hidden from others until it is done.
    pub(crate) async fn deliver(&self, topic: &str) -> Delivery {
        let name = format!("{}tasks-{topic}", self.prefix);
        let url = self.sqs("GetQueueUrl", json!({ "QueueName": name })).await["QueueUrl"].clone();
        let ask = json!({ "QueueUrl": url, "MaxNumberOfMessages": 10 });
        let messages = self.sqs("ReceiveMessage", ask).await["Messages"].as_array().cloned().unwrap_or_default();
        Delivery { name, url, messages }
    }

    async fn sqs(&self, operation: &str, body: Value) -> Value {
        let scope =
            "AWS4-HMAC-SHA256 Credential=test/20261126/eu-west-2/sqs/aws4_request, SignedHeaders=host, Signature=0";
        let sent = self.client.post(self.shim.url()).header("authorization", scope);
        let sent = sent.header("x-amz-target", format!("AmazonSQS.{operation}"));
        let answer = sent.header("content-type", "application/x-amz-json-1.0").body(body.to_string()).send().await;
        let answer = answer.unwrap();
        assert!(answer.status().is_success(), "{operation}: {}", answer.status());
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default()
    }
}

/// Messages that were received and are not done.
pub(crate) struct Delivery {
    name: String,
    url: Value,
    messages: Vec<Value>,
}

impl Delivery {
    pub(crate) fn ids(&self) -> Vec<Value> {
        self.messages.iter().map(|message| message["MessageId"].clone()).collect()
    }

    /// The event that Lambda makes of them, and of messages that somebody else sent.
    pub(crate) fn event(&self, foreign: &[&str]) -> String {
        let mut event: Value = serde_json::from_str(SQS).unwrap();
        let sample = event["Records"][0].clone();
        let record = |id: &Value, body: &Value| {
            let mut record = sample.clone();
            (record["messageId"], record["body"]) = (id.clone(), body.clone());
            record["eventSourceARN"] = json!(format!("arn:aws:sqs:eu-west-2:123456789012:{}", self.name));
            record
        };
        let own = self.messages.iter().map(|message| record(&message["MessageId"], &message["Body"]));
        let foreign = foreign.iter().map(|body| record(&json!(Uuid::new_v4()), &json!(body)));
        event["Records"] = own.chain(foreign).collect();
        event.to_string()
    }

    /// Deletes what was delivered, as Lambda does with what was not named as failed.
    pub(crate) async fn done(self, backends: &Backends) {
        for message in &self.messages {
            let handle = json!({ "QueueUrl": self.url, "ReceiptHandle": message["ReceiptHandle"] });
            backends.sqs("DeleteMessage", handle).await;
        }
    }
}
