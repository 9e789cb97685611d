//! The contract of source, on a SQLite file and in the cloud; and that no key is in the file.

use std::time::Duration;

use freight::compose::Settings;
use freight::ground::Ground;
use serde_json::{Value, json};
use source::contract::{Callers, cases, largest};
use testkit::Client;
use testkit::aws::Odds;

use crate::server::Server;
use crate::{dumps, on_cloud, on_file};

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_on_a_file() {
    let (server, callers, keys) = hold(on_file::ground().await).await;
    largest(&callers).await;
    no_key_is_in(&server.admin.post_empty("/api/v1/backup").await.expect(200).bytes, keys);
    server.stop().await;
}

/// Whether what is stored holds what was written, and not a key that wrote or read it.
fn no_key_is_in(stored: &[u8], keys: [String; 2]) {
    assert!(stored.windows(10).any(|bytes| bytes == b"wind\":{\"sp"), "what was written is not there");
    for key in keys {
        // The public id is what records show; the secret is what follows it.
        let secret = &key[key.len() - 38..];
        assert!(!stored.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()), "a key is stored");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_in_the_cloud_on_a_bad_day() {
    let (ground, cloud) = on_cloud::ground(24, Odds::BAD_DAY).await;
    let prefix = cloud.prefix.clone();
    let (server, _, keys) = hold((ground, cloud)).await;
    no_key_is_in(dumps::of_aws(&prefix).as_bytes(), keys);
    let fired = server.stop().await.shim.fired();
    assert!(fired.throttled > 0 && fired.conflicts > 0 && fired.lost > 0, "{fired:?}");
}

/// Runs the cases; the server, who called, and the keys that wrote and read.
async fn hold<T>(ground: (Ground, T)) -> (Server<T>, Callers, [String; 2]) {
    let server = Server::start(ground, Settings::default()).await;
    let (writer, write_key) = key(&server.admin, &json!({ "name": "device", "scopes": ["source:write"] })).await;
    let (reader, read_key) = key(&server.admin, &json!({ "name": "app", "scopes": ["source:read"] })).await;
    let unlimited = json!({ "name": "Other", "slug": "other", "settings": { "rate_limits": { "control": [] } } });
    server.admin.post("/api/v1/tenants", &unlimited).await.expect(201);
    let other = server.admin.with_header("freight-tenant", "other");
    let (stranger, _) = key(&other, &json!({ "name": "stranger", "role": "admin" })).await;
    let third = json!({ "name": "Third", "slug": "third", "settings": { "rate_limits": { "control": [] } } });
    server.admin.post("/api/v1/tenants", &third).await.expect(201);
    let third = server.admin.with_header("freight-tenant", "third");
    let callers = Callers { admin: server.admin.clone(), writer, reader, stranger };
    tokio::join!(cases(&callers), what_is_rolled_up_reads_as_before(&third));
    (server, callers, [write_key, read_key])
}

/// What is read from records while minutes are dirty is read from partials when none is. The figures
/// are known, so that they are those of every store.
async fn what_is_rolled_up_reads_as_before(caller: &Client) {
    const HOURS: u64 = 72;
    // Around the night in which Lisbon has one hour less.
    let record = |n: u64| json!({ "name": "rolled", "ts": 1_774_656_000 + n * 1_800, "data": { "v": n } });
    let records: Vec<Value> = (0..2 * HOURS).map(record).collect();
    caller.post("/source/write_batch", &json!({ "records": records })).await.expect(207);
    let window = async |query: &str| {
        let path = format!("/source/series/rolled/window?from=2026-03-28T00:00:00Z&to=2026-03-31T00:00:00Z{query}");
        caller.get(&path).await.expect(200).json()
    };
    let queries = ["", "&step=1d&tz=Europe/Lisbon", "&step=7h", "&step=1d&tz=Asia/Kathmandu"];
    let mut before = Vec::new();
    for query in queries {
        before.push(window(query).await);
    }
    let n = |window: &Value, bucket: usize| window["buckets"][bucket]["readings"]["v"]["n"].clone();
    assert_eq!((n(&before[0], 0), n(&before[1], 1)), (json!(2 * HOURS), json!(46)));
    let days = before[1]["buckets"].as_array().unwrap().iter().map(|day| &day["readings"]["v"]);
    let days: Vec<[f64; 3]> = days.map(|v| ["mean", "min", "max"].map(|stat| v[stat].as_f64().unwrap())).collect();
    assert_eq!(days, [[23.5, 0.0, 47.0], [70.5, 48.0, 93.0], [117.5, 94.0, 141.0], [142.5, 142.0, 143.0]]);
    let deviation = before[0]["buckets"][0]["readings"]["v"]["stddev_pop"].as_f64().unwrap();
    // Of the numbers up to n the variance is (n² - 1) / 12.
    assert!((deviation - f64::sqrt((144.0 * 144.0 - 1.0) / 12.0)).abs() < 1e-9, "{deviation}");
    assert!(before[0]["dirty_minutes"].as_u64().unwrap() > 0, "{}", before[0]);
    let mut looks = 0;
    while window("").await["dirty_minutes"] != 0 {
        looks += 1;
        assert!(looks < 600, "the roller never came");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    for (query, before) in queries.into_iter().zip(&before) {
        let after = window(query).await;
        let [before, after] = [before, &after].map(|window| window["buckets"].as_array().unwrap());
        assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(after) {
            alike(before, after);
        }
    }
}

/// The same, but for the last bits of a number that was summed up in another order.
fn alike(one: &Value, other: &Value) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            assert!(one.keys().eq(other.keys()), "{one:?}, {other:?}");
            one.values().zip(other.values()).for_each(|(one, other)| alike(one, other));
        }
        (Value::Number(one), Value::Number(other)) => {
            let [one, other] = [one, other].map(|number| number.as_f64().unwrap());
            assert!((one - other).abs() <= 1e-9 * one.abs(), "{one}, {other}");
        }
        _ => assert_eq!(one, other),
    }
}

/// A caller with a key that `client` makes, and the key.
async fn key(client: &Client, body: &Value) -> (Client, String) {
    let made = client.post("/api/v1/keys", body).await.expect(201).json();
    let key = made["key"].as_str().unwrap().to_owned();
    (client.without_header("freight-tenant").with_key(&key), key)
}
