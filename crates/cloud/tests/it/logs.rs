//! Lines to CloudWatch Logs, by who may make streams and no groups.

use base::Clock as _;
use base::clock::SystemClock;
use cloud::LogGroup;
use cloud::logs::LogEvent;
use testkit::aws::{AwsShim, Moto, Odds};
use uuid::Uuid;

use crate::dynamo::behind;

const CREATE: &str = "import boto3, sys; boto3.client('logs').create_log_group(logGroupName=sys.argv[1])";

fn line() -> Vec<LogEvent> {
    vec![LogEvent { at: SystemClock::new().now(), text: "{}".to_owned() }]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_is_there_is_not_asked_for_and_one_that_is_missing_is_made() {
    let (moto, shim) = (Moto::shared(), AwsShim::start(Moto::shared(), 19, Odds::default()).await);
    let [there, missing] = [(); 2].map(|()| format!("/freight/{}", Uuid::new_v4().simple()));
    moto.boto3(CREATE, &[&there]);
    shim.deny(Some("CreateLogGroup"));
    let group = LogGroup::connect(&behind(&shim), &there).await;
    group.put("job", line()).await.unwrap();
    group.put("job", line()).await.unwrap();

    let group = LogGroup::connect(&behind(&shim), &missing).await;
    group.put("job", line()).await.unwrap_err();
    shim.deny(None);
    group.put("job", line()).await.unwrap();
}
