//! Each fault, as a client sees it.

use std::io;

use hyper::Method;
use sandbox::{Behaviour, Fault};
use serde_json::Value;

use crate::client::Server;

async fn always(fault: Fault) -> Server {
    Server::behaving(Behaviour { seed: 3, faults: [(fault, 1.0)].into(), slow_body_ms: 0, ..Behaviour::default() })
        .await
}

async fn the_good_answer(size: u32) -> Vec<u8> {
    let server = Server::seeded(3).await;
    let body = server.users(size).await.body;
    server.stop().await;
    body
}

/// Ends the server after asserting that its only line in the journal owns up to the fault.
async fn confessed(server: Server, fault: Fault) {
    let journal = server.journal().await;
    assert_eq!(journal.len(), 1);
    assert_eq!((&journal[0]["class"], &journal[0]["broken"]), (&Value::from(fault.as_str()), &Value::from(true)));
    server.stop().await;
}

#[tokio::test]
async fn statuses() {
    for (fault, status) in [(Fault::Status500, 500), (Fault::Status503, 503), (Fault::Status429, 429)] {
        let server = always(fault).await;
        let reply = server.users(10).await;
        assert_eq!((reply.status, reply.whole), (status, true));
        assert_eq!(reply.header("retry-after"), (status == 429).then_some("1"));
        confessed(server, fault).await;
    }
}

#[tokio::test]
async fn reset() {
    let server = always(Fault::Reset).await;
    let error = server.send(Method::GET, "/api/v2/users?size=10", String::new()).await.unwrap_err();
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<io::Error>());
    assert_eq!(cause.map(io::Error::kind), Some(io::ErrorKind::ConnectionReset), "{error:?}");
    assert!(server.journal().await[0]["status"].is_null());
    confessed(server, Fault::Reset).await;
}

#[tokio::test]
async fn cut() {
    let server = always(Fault::Cut).await;
    let reply = server.users(10).await;
    let good = the_good_answer(10).await;
    assert_eq!((reply.status, reply.whole), (200, false));
    assert_eq!(reply.header("content-length"), Some(good.len().to_string().as_str()));
    assert!(!reply.body.is_empty() && reply.body.len() < good.len() && good.starts_with(&reply.body));
    confessed(server, Fault::Cut).await;
}

#[tokio::test]
async fn truncated() {
    let server = always(Fault::Truncated).await;
    let reply = server.users(10).await;
    let good = the_good_answer(10).await;
    assert_eq!((reply.status, reply.whole), (200, true));
    assert!(reply.body.len() < good.len() && good.starts_with(&reply.body));
    assert!(serde_json::from_slice::<Value>(&reply.body).is_err());
    confessed(server, Fault::Truncated).await;
}

#[tokio::test]
async fn slow_is_good_in_the_end() {
    let server = always(Fault::Slow).await;
    let reply = server.users(10).await;
    assert_eq!((reply.whole, reply.body), (true, the_good_answer(10).await));
    assert_eq!(server.journal().await[0]["records"].as_array().unwrap().len(), 10);
    confessed(server, Fault::Slow).await;
}

#[tokio::test]
async fn html() {
    let server = always(Fault::Html).await;
    let reply = server.users(10).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(reply.text().starts_with("<!doctype html>"));
    confessed(server, Fault::Html).await;
}

#[tokio::test]
async fn not_json() {
    let server = always(Fault::NotJson).await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..40 {
        let reply = server.users(10).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json; charset=utf-8")));
        assert!(serde_json::from_slice::<Value>(&reply.body).is_err());
        seen.insert(reply.body);
    }
    assert_eq!(seen.len(), 4);
    server.stop().await;
}

#[tokio::test]
async fn wrong_shape() {
    let server = always(Fault::WrongShape).await;
    let mut seen = [0; 5];
    for size in [1, 10].into_iter().cycle().take(40) {
        let reply = server.users(size).await;
        assert_eq!(reply.status, 200);
        let form = match reply.json() {
            Value::Null => 0,
            Value::String(_) => 1,
            Value::Object(object) if object.is_empty() => 2,
            Value::Object(object) => {
                assert_eq!(object.keys().collect::<Vec<_>>(), ["users"]);
                3
            }
            Value::Array(outer) => {
                assert!(outer.len() == 1 && outer[0].is_array());
                4
            }
            other => panic!("a shape nobody meant: {other}"),
        };
        seen[form] += 1;
    }
    assert!(seen.iter().all(|times| *times > 0), "{seen:?}");
    assert!(server.journal().await.iter().all(|line| line["records"].as_array().unwrap().is_empty()));
    server.stop().await;
}

#[tokio::test]
async fn malformed() {
    let server = always(Fault::Malformed).await;
    let users = server.users(100).await.json();
    let lacks = |field: &str| users.as_array().unwrap().iter().filter(|user| user.get(field).is_none()).count();
    let (ids, names) = (lacks("id"), lacks("last_name"));
    assert!(ids > 0 && names > 0 && ids + names < 60, "{ids} and {names}");
    let line = &server.journal().await[0];
    assert_eq!(line["malformed"], ids + names);
    assert_eq!(line["records"].as_array().unwrap().len(), 100 - ids - names);
    confessed(server, Fault::Malformed).await;
}

#[tokio::test]
async fn a_message_has_no_records_to_spoil() {
    let server = always(Fault::Malformed).await;
    server.users(101).await;
    let line = &server.journal().await[0];
    assert_eq!((&line["class"], &line["broken"]), (&Value::from("message"), &Value::from(false)));
    server.stop().await;
}

#[test]
fn names_are_read_back() {
    for fault in Fault::ALL {
        assert_eq!(fault.as_str().parse(), Ok(fault));
        assert_eq!(serde_json::to_value(fault).unwrap(), fault.as_str());
    }
    assert!("earthquake".parse::<Fault>().is_err());
}
