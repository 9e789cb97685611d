//! Tables of DynamoDB that other programs made, and ours as other programs see them: boto3 is the witness.

use std::collections::BTreeSet;

use freight::compose::Settings;
use freight::config::{Config, Environment, Ingest, Sources, StoreUri};
use freight::ground::Ground;
use serde_json::{Value, json};
use testkit::Redis;
use testkit::aws::{AwsShim, Fired, Moto, Odds};

use crate::server::Server;
use crate::{deploy, on_cloud, on_file};

/// Makes a table with awkward names and types and fills it; prints each item as it ought to arrive.
const FILL: &str = include_str!("tables/fill.py");
/// Prints the text of every record that lies in our table.
const LOOK: &str = include_str!("tables/look.py");
const DROP: &str = "import boto3, sys; boto3.client('dynamodb').delete_table(TableName=sys.argv[1])";

/// A server that may read `tables` of the AWS behind `shim`.
fn settings(shim: &AwsShim, tables: &[&str]) -> Settings {
    let environment = Environment::of([
        ("AWS_ENDPOINT_URL", shim.url().as_str()),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("FREIGHT_INGEST_TABLES", &tables.join(",")),
    ]);
    let config = Config::load(&Sources { environment, ..Sources::default() }).unwrap();
    Settings { ingest: Ingest { concurrency: 4, ..config.ingest }, aws: config.aws, ..Settings::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_table_is_imported_whole_on_a_bad_day() {
    let moto = Moto::shared();
    let expected: BTreeSet<String> = moto.boto3(FILL, &["Käufer.id #1", "$n,th"]).lines().map(str::to_owned).collect();
    assert_eq!(expected.len(), 700);
    // A table has few pages: each meets something.
    let odds = Odds { throttled: 0.3, failed: 0.2, lost: 0.2, empty_page: 0.4, ..Odds::BAD_DAY };
    let shim = AwsShim::start(moto, 31, odds).await;
    let server =
        Server::start(on_file::ground().await, settings(&shim, &["default=dynamodb://eu-west-2/buyers.2024"])).await;
    let admin = &server.admin;

    let source = json!({ "url": "dynamodb://eu-west-2/buyers.2024", "rate": null, "concurrency": 3 });
    let made = admin.post("/api/v1/datasets", &json!({ "name": "buyers", "source": source })).await.expect(201).json();
    assert_eq!(made["key"], json!([r"Käufer\.id #1", r"\$n,th"]), "the key of the table");
    let met = |fired: Fired| fired.throttled > 0 && fired.failed > 0 && fired.lost > 0 && fired.empty_pages > 0;
    // Twice, and until each sort of weather was met.
    for round in 0..10 {
        if round >= 2 && met(shim.fired()) {
            break;
        }
        let fetch = admin.with_header("prefer", "wait=60").post_empty("/api/v1/datasets/buyers/fetch").await;
        let status = fetch.expect(200).json();
        assert_eq!((&status["records"], &status["error_count"]), (&json!(700), &json!(0)), "{round}: {status}");
        // The table has more than one page, and each part at least one.
        assert!(status["api_calls"].as_u64().unwrap() >= 4, "{status}");
        assert_eq!(admin.get("/api/v1/datasets/buyers").await.expect(200).json()["count"], 700, "{round}");
    }
    let export = admin.get("/api/v1/datasets/buyers/export?format=ndjson").await.expect(200).text();
    let arrived: BTreeSet<String> = export.lines().map(str::to_owned).collect();
    assert_eq!(arrived.symmetric_difference(&expected).next(), None, "every item, byte for byte");
    assert!(met(shim.fired()), "{:?}", shim.fired());
    assert_eq!(shim.actions(), deploy::allowed("ReadTablesPolicy"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_may_not_be_read_is_refused_and_one_that_is_gone_is_told() {
    let shim = AwsShim::start(Moto::shared(), 32, Odds::default()).await;
    let allowed = ["default=dynamodb:///gone", "other=dynamodb:///theirs"];
    let server = Server::start(on_file::ground().await, settings(&shim, &allowed)).await;
    let admin = &server.admin;
    let make = async |name: &str, url: &str, key: Value| {
        let body = json!({ "name": name, "key": key, "source": { "url": url } });
        admin.post("/api/v1/datasets", &body).await
    };
    for url in ["dynamodb:///theirs", "dynamodb://eu-west-2/gone", "dynamodb:///freight-keys"] {
        let refused = make("wrong", url, json!("id")).await.expect(422).json();
        assert_eq!(refused["details"][0]["field"], "source.url");
        assert_eq!(refused["details"][0]["message"], "This table may not be read. Allowed: dynamodb:///gone");
    }
    let missing = make("wrong", "dynamodb:///gone", Value::Null).await.expect(422).json();
    assert_eq!(missing["details"][0]["message"], "There is no table dynamodb:///gone");

    make("gone", "dynamodb:///gone", json!("id")).await.expect(201);
    let status = admin.with_header("prefer", "wait=30").post_empty("/api/v1/datasets/gone/fetch").await;
    let status = status.expect(200).json();
    assert_eq!((&status["records"], &status["error_count"]), (&json!(0), &json!(4)), "each part of four");
    let told = json!({ "host": "dynamodb:///gone", "message": "There is no table dynamodb:///gone.",
        "response": null, "response_content": null });
    assert_eq!(status["errors"][0], told);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn other_programs_find_our_records() {
    let (ground, cloud) = on_cloud::ground(33, Odds::default()).await;
    let prefix = cloud.prefix.clone();
    let server = Server::start((ground, cloud), Settings::default()).await;
    let body = json!({ "name": "cities", "key": "id", "sort": "name" });
    server.admin.post("/api/v1/datasets", &body).await.expect(201);
    let record = r#"{"id":1,"name":"Évora","population":53591.10}"#;
    let body = Some(("application/x-ndjson", record.into()));
    server.admin.send_bytes(http::Method::POST, "/api/v1/datasets/cities/import", body).await.expect(207);
    let found = Moto::shared().boto3(LOOK, &[&prefix, "records"]);
    assert_eq!(found.lines().collect::<Vec<_>>(), [record]);
    let fired = server.stop().await.shim.fired();
    assert!(fired.throttled == 0 && fired.lost == 0, "a good day: {fired:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_of_ours_that_is_missing_is_told_by_name_at_the_start() {
    let (moto, redis) = (Moto::shared(), Redis::start());
    let shim = AwsShim::start(moto, 34, Odds::default()).await;
    let config = on_cloud::config(&shim, &redis);
    on_cloud::make(&config).await;
    let StoreUri::Dynamo(place) = &config.store else { panic!("{config:?}") };
    let name = format!("{}records", place.prefix);
    moto.boto3(DROP, &[&name]);
    let refused = Ground::open(&config).await.err().unwrap();
    assert_eq!(refused.to_string(), format!("store.uri: `freight tables create` makes the missing {name}"));
    // Who may not look may start.
    shim.deny(Some("DescribeTable"));
    assert!(Ground::open(&config).await.is_ok());
}
