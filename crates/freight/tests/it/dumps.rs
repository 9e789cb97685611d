//! Whoever reads all that is stored finds no credential there.
//!
//! A story makes, shows and sends each kind that there is: passwords, codes and tokens of our own users and of
//! a user pool's, keys, and what is sent to an upstream that says it back. Then everything is read: the files
//! of SQLite, or the tables, queues and logs of AWS and all of Redis. What copies share to sign and to seal is
//! not looked for: it lies there by design (docs/sign-in.md).

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use accounts::contract::Mailbox;
use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use base::clock::SystemClock;
use base::store::{Key, Write};
use base::{Clock as _, Secret, key};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use freight::abroad;
use freight::compose::{Settings, compose};
use freight::config::Ingest;
use freight::ground::Ground;
use ingest::service::Credential;
use serde_json::{Value, json};
use testkit::aws::{Moto, Odds};
use testkit::{Answer, Client};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::cognito::{self, PASSWORD, Pool, bearing};
use crate::server::{Server, stand_in};
use crate::{export, on_cloud, on_file};

/// Prints everything that AWS holds under a prefix.
const EVERYTHING: &str = include_str!("dumps/everything.py");
const EMAIL: &str = "dumped@example.com";
const NEXT_PASSWORD: &str = "Another-8-password-of-theirs!";
const WRONG_PASSWORD: &str = "Nearly-9-right-password!";
const CREDENTIAL: &str = "what-the-upstream-wants-to-see";
/// Not secret, and kept with an answer.
const TENANT: &str = "The tenant of the dump";

/// What may be found nowhere, and what it is.
type Secrets = Vec<(&'static str, String)>;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_credential_lies_in_a_file() {
    // Held until the end: who closes a file last takes its log away.
    let (ground, directory) = on_file::ground().await;
    let (server, secrets) = played((ground.clone(), directory), Settings::default()).await;
    let directory = server.stop().await;
    let files = std::fs::read_dir(directory.path().join("data")).unwrap();
    let files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    assert!(files.iter().any(|file| file.ends_with("freight.db-wal")), "{files:?}");
    // Another process reads: where one of ours closes a file of SQLite's, SQLite's locks are gone.
    let stored = Command::new("cat").args(&files).output().unwrap().stdout;
    none_is_in(&String::from_utf8_lossy(&stored), &secrets);
    drop(ground);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_credential_lies_in_the_cloud() {
    let (ground, cloud) = on_cloud::ground(25, Odds::default()).await;
    let prefix = cloud.prefix.clone();
    let config = export::config(&cloud.shim, prefix.trim_end_matches('-'));
    let letters = config.export.dead_letters.as_ref().unwrap();
    abroad::outlet(&config.aws, letters).await.create().await.unwrap();
    let settings = Settings { export: config.export, aws: config.aws, ..Settings::default() };
    let (server, secrets) = played((ground, cloud), settings).await;
    // Before what counts requests has expired.
    let mut stored = String::from_utf8_lossy(&server.below.redis.dump()).into_owned();
    for held in ["sign-in-minute", "tokens.chart"] {
        assert!(stored.contains(held), "Redis does not hold {held}");
    }

    // Lines and letters are taken out beside all else.
    let clock = SystemClock::new();
    let told = |stored: &str, what: &str| stored.lines().any(|line| line.starts_with(what) && line.contains("***"));
    while !(told(&stored, "message ") && stored.lines().any(|line| line.starts_with("log "))) {
        assert!(clock.monotonic() < Duration::from_secs(60), "no letter or no line: {stored}");
        clock.sleep(Duration::from_secs(1)).await;
        stored.push_str(&of_aws(&prefix));
    }
    server.stop().await;
    stored.push_str(&of_aws(&prefix));
    none_is_in(&stored, &secrets);
}

/// All that DynamoDB, SQS and CloudWatch Logs hold under this prefix.
pub(crate) fn of_aws(prefix: &str) -> String {
    Moto::shared().boto3(EVERYTHING, &[prefix])
}

/// A server on which everything secret was done, and all that was secret.
async fn played<T>((ground, below): (Ground, T), settings: Settings) -> (Server<T>, Secrets) {
    let (mailbox, upstream) = (Mailbox::default(), upstream().await);
    let credential = Credential {
        tenant: "default".parse().unwrap(),
        name: "upstream".to_owned(),
        host: "127.0.0.1".to_owned(),
        value: Secret::new(CREDENTIAL.to_owned()),
    };
    let ingest = Ingest {
        allow_http: true,
        allow_hosts: vec![upstream.parse().unwrap()],
        credentials: vec![credential],
        ..Ingest::default()
    };
    let (post, sandbox) = (Some(Arc::new(mailbox.clone()) as _), Some(stand_in().await));
    let settings = Settings { post, ingest, sandbox, ..settings };
    let server = Server::start((ground.clone(), below), settings).await;
    let mut secrets = vec![("the credential of an upstream", CREDENTIAL.to_owned())];
    people(&server.admin, &ground, &mailbox, &mut secrets).await;
    keys(&server.admin, &mut secrets).await;
    fetches(&server.admin, &upstream).await;
    let chart = "/v1/chart/ethereum/0x0000000000000000000000000000000000001111?frequency=1w";
    server.admin.get(chart).await.expect(200);
    people_of_a_pool(&ground, &mut secrets).await;
    (server, secrets)
}

/// The tokens of an answer.
fn tokens(answer: &Answer, secrets: &mut Secrets) -> Value {
    let held = answer.json();
    for name in ["access_token", "id_token", "refresh_token"] {
        if let Some(token) = held[name].as_str() {
            // What precedes the last point says who somebody is; what follows it is what proves it.
            secrets.push(("the last part of a token", token.rsplit('.').next().unwrap().to_owned()));
        }
    }
    held
}

async fn people(admin: &Client, ground: &Ground, mailbox: &Mailbox, secrets: &mut Secrets) {
    // With this answers are kept, but for those that hold a secret.
    let door = admin.without_header("x-api-key").with_header("idempotency-key", "once");
    let post = async |path: &str, body: Value, status| cognito::post(&door, path, body, status).await;
    let asked = |password: &str| json!({ "email": EMAIL, "password": password });
    for password in [PASSWORD, NEXT_PASSWORD, WRONG_PASSWORD] {
        secrets.push(("a password", password.to_owned()));
    }
    post("signup", asked(PASSWORD), 201).await;
    let code = mailbox.code(EMAIL, 1).await;
    post("confirm", json!({ "email": EMAIL, "code": code }), 200).await;
    secrets.push(("the code that confirms an address", code));
    post("signin", asked(WRONG_PASSWORD), 401).await;
    let held = tokens(&post("signin", asked(PASSWORD), 200).await, secrets);
    let next = post("refresh", json!({ "refresh_token": held["refresh_token"] }), 200).await;
    let held = tokens(&next, secrets);
    let caller = bearing(&door.without_header("idempotency-key"), &held["access_token"]);
    let me = caller.get("/api/v1/me").await.expect(200).json();

    // Somebody was just written to, and is not again for a minute: that is forgotten here.
    let user: Uuid = me["user"]["id"].as_str().unwrap().parse().unwrap();
    let written = Key::new(accounts::store::TABLES[0], key!["default", "user", user], "written");
    ground.store.write(vec![Write::delete(written)]).await.unwrap();
    post("password/forgot", json!({ "email": EMAIL }), 200).await;
    let code = mailbox.code(EMAIL, 2).await;
    post("password/reset", json!({ "email": EMAIL, "code": code, "password": NEXT_PASSWORD }), 200).await;
    secrets.push(("the code that sets a password", code));
    let held = tokens(&post("signin", asked(NEXT_PASSWORD), 200).await, secrets);
    bearing(&door.without_header("idempotency-key"), &held["access_token"])
        .post_empty("/v1/auth/signout")
        .await
        .expect(204);
    // A code that waits, and a session that goes on.
    let waiting = json!({ "email": "waiting@example.com", "password": PASSWORD });
    post("signup", waiting, 201).await;
    secrets.push(("a code that waits", mailbox.code("waiting@example.com", 1).await));
    tokens(&post("signin", asked(NEXT_PASSWORD), 200).await, secrets);
}

async fn keys(admin: &Client, secrets: &mut Secrets) {
    let mut secret = |made: &Value| {
        let key = made["key"].as_str().unwrap().to_owned();
        // The id is no secret, and neither is the check at the end.
        secrets.push(("an API key", key[21..53].to_owned()));
        key
    };
    let keyed = |name: &str| admin.with_header("idempotency-key", name);
    let ask = json!({ "name": "dumped", "role": "reader" });
    let made = keyed("a key").post("/api/v1/keys", &ask).await.expect(201).json();
    let key = secret(&made);
    let again = keyed("a key").post("/api/v1/keys", &ask).await.expect(201);
    assert_eq!((again.header("idempotent-replayed"), again.text()), (Some("true"), String::new()));
    let rotate = format!("/api/v1/keys/{}/rotate", made["id"].as_str().unwrap());
    for _ in 0..2 {
        let turned = keyed("another").post(&rotate, &json!({ "overlap_s": 60 })).await.expect(201);
        if turned.header("idempotent-replayed").is_none() {
            secret(&turned.json());
        }
    }
    admin.with_key(&key).get("/api/v1/me").await.expect(200);
    let nobody = admin.without_header("x-api-key");
    nobody.get(&format!("/api/v1/me?api_key={key}")).await.expect(400);
    nobody.with_key(&format!("{key}x")).get("/api/v1/me").await.expect(401);
    keyed("a tenant").post("/api/v1/tenants", &json!({ "name": TENANT, "slug": "dumped" })).await.expect(201);
}

/// Refuses each request, and says all of it back.
async fn upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(refuse)).await });
    at
}

async fn refuse(uri: Uri, headers: HeaderMap) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, format!("{uri} {headers:?}"))
}

/// A credential in each place where a source may have it.
async fn fetches(admin: &Client, upstream: &str) {
    for kind in ["bearer", "header", "param"] {
        let mut auth = json!({ "kind": kind, "secret": "upstream" });
        if kind != "bearer" {
            auth["name"] = "x-proof".into();
        }
        let source = json!({ "url": format!("http://{upstream}/{kind}"), "rate": null, "auth": auth });
        let made = json!({ "name": kind, "key": "id", "source": source });
        admin.post("/api/v1/datasets", &made).await.expect(201);
        let path = format!("/api/v1/datasets/{kind}/fetch");
        let status = admin.with_header("prefer", "wait=30").post(&path, &json!({ "calls": 1 })).await.expect(200);
        assert_eq!(status.json()["error_count"], 1, "{}", status.text());
    }
    let letters = admin.get("/api/v1/dead-letters").await.expect(200);
    for kind in ["bearer", "header", "param"] {
        assert!(letters.text().contains(&format!("/{kind}")), "{}", letters.text());
    }
    // It was sent, and said back, each time.
    assert!(letters.text().matches("***").count() >= 3, "{}", letters.text());
}

/// The same ground, where people are a user pool's.
async fn people_of_a_pool(ground: &Ground, secrets: &mut Secrets) {
    let pool = Pool::new(true).await;
    let client =
        Client::app(&compose(ground, pool.settings(&Moto::shared().url(), "cognito", "access")).await.unwrap().app);
    secrets.push(("the secret of an app client", pool.secret.clone().unwrap()));
    let post = async |path: &str, body: Value, status| cognito::post(&client, path, body, status).await;
    let asked = |password: &str| json!({ "email": EMAIL, "password": password });
    post("signup", asked(PASSWORD), 201).await;
    post("confirm", json!({ "email": EMAIL, "code": "314159" }), 200).await;
    secrets.push(("a code of a user pool", "314159".to_owned()));
    let held = tokens(&post("signin", asked(PASSWORD), 200).await, secrets);
    tokens(&post("refresh", json!({ "refresh_token": held["refresh_token"] }), 200).await, secrets);
    bearing(&client, &held["access_token"]).get("/api/v1/me").await.expect(200);
    post("password/forgot", json!({ "email": EMAIL }), 200).await;
    post("password/reset", json!({ "email": EMAIL, "code": "314159", "password": NEXT_PASSWORD }), 200).await;
}

/// Finds what is no secret, as it is and as answers are kept, and nothing that is one.
#[track_caller]
fn none_is_in(stored: &str, secrets: &[(&'static str, String)]) {
    assert!(stored.contains(EMAIL), "people are not there");
    assert!(spellings(TENANT)[1..].iter().any(|spelling| stored.contains(spelling)), "no answer is kept");
    assert!(secrets.len() > 20, "{} secrets", secrets.len());
    let found = |secret: &str| match secret.len() {
        0..=6 => stands_alone(stored, secret) || spellings(secret)[1..].iter().any(|other| stored.contains(other)),
        _ => spellings(secret).iter().any(|spelling| stored.contains(spelling)),
    };
    let found: Vec<&str> = secrets.iter().filter(|(_, secret)| found(secret)).map(|(what, _)| *what).collect();
    assert!(found.is_empty(), "stored in clear: {found:?}");
}

/// Whether a code stands there for itself: in no longer number, no fraction and no name.
fn stands_alone(stored: &str, code: &str) -> bool {
    stored.match_indices(code).any(|(at, _)| {
        let (before, after) = (stored[..at].chars().next_back(), stored[at + code.len()..].chars().next());
        !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '.')
            && !after.is_some_and(|c| c.is_ascii_alphanumeric())
    })
}

/// The text itself, and what becomes of it within base64, wherever in there it begins.
fn spellings(secret: &str) -> Vec<String> {
    let mut spellings = vec![secret.to_owned()];
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        for before in 0..3_usize {
            let padded = [&[0_u8; 2][..before], secret.as_bytes()].concat();
            // Those characters that hold bits of nothing else.
            let whole = (before * 8).div_ceil(6)..padded.len() * 8 / 6;
            spellings.push(engine.encode(&padded)[whole].to_owned());
        }
    }
    spellings
}

#[test]
fn what_is_spelt_otherwise_is_found_too() {
    let kept = |before: &str, code: &str| STANDARD_NO_PAD.encode(format!("{before}\"{code}\", and so on"));
    for before in ["", "a", "ab"] {
        let kept = kept(before, "a secret >?~");
        assert!(spellings("a secret >?~")[1..].iter().any(|spelling| kept.contains(spelling)), "{before}");
    }
    for (stored, alone) in [("\"123456\"", true), ("at 12:00:00.123456Z", false), ("id 0123456", false)] {
        assert_eq!(stands_alone(stored, "123456"), alone, "{stored}");
    }
}
