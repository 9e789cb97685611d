//! What the measurements of `source` need besides the server: somebody who calls, and a server that
//! does nothing.
//!
//! - `hello`: the framework alone. A JSON body is read into a type and a JSON body is answered; the
//!   first line says where.
//! - `call URL PATH CONNECTIONS SECONDS BODY`: posts BODY over so many connections, each with one
//!   request under way, for so long; an `@` in it stands for the number of the connection. Prints
//!   `answers seconds` and how many milliseconds half, 99 in a hundred and all of them took at most.
//!   Any answer that is not 200 ends it. The key is the first line of its input: arguments are printed.
//!
//! The caller writes and reads bytes: a client library would cost more than the server.

#![expect(clippy::unwrap_used, clippy::panic, reason = "who started it sees why it ended")]

use std::time::{Duration, Instant};

use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["hello"] => hello().await,
        ["call", url, path, connections, seconds, body] => {
            let key = std::io::stdin().lines().next().unwrap().unwrap();
            let request = |n: usize| request(url, path, &key, &body.replace('@', &n.to_string()));
            call(url, request, connections.parse().unwrap(), Duration::from_secs(seconds.parse().unwrap())).await;
        }
        _ => panic!("hello, or call URL PATH CONNECTIONS SECONDS BODY"),
    }
}

async fn hello() {
    let answer = |Json(_): Json<Value>| async { Json(json!({ "status": 200, "description": "hello", "data": {} })) };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("listening on http://{}", listener.local_addr().unwrap());
    axum::serve(listener, Router::new().route("/source/write_raw", post(answer))).await.unwrap();
}

fn request(url: &str, path: &str, key: &str, body: &str) -> Vec<u8> {
    let host = url.trim_start_matches("http://");
    let head = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\nx-api-key: {key}\r\n");
    format!("{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn call(url: &str, request: impl Fn(usize) -> Vec<u8>, connections: usize, time: Duration) {
    let begun = Instant::now();
    let callers: Vec<_> = (0..connections)
        .map(|n| {
            let (address, request) = (url.trim_start_matches("http://").to_owned(), request(n));
            tokio::spawn(async move { one(&address, &request, begun + time).await })
        })
        .collect();
    let mut took = Vec::new();
    for caller in callers {
        took.extend(caller.await.unwrap());
    }
    let seconds = begun.elapsed().as_secs_f64();
    took.sort_unstable();
    let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    println!("{} {seconds} {} {} {}", took.len(), at(0.5), at(0.99), at(1.0));
}

async fn one(address: &str, request: &[u8], until: Instant) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut took, mut buffer) = (Vec::new(), Vec::with_capacity(64 << 10));
    while Instant::now() < until {
        let begun = Instant::now();
        stream.write_all(request).await.unwrap();
        answer(&mut stream, &mut buffer).await;
        took.push(begun.elapsed());
    }
    took
}

/// Reads one answer, whole.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) {
    buffer.clear();
    loop {
        assert!(stream.read_buf(buffer).await.unwrap() > 0, "the connection was closed");
        let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{}", String::from_utf8_lossy(buffer));
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.unwrap().trim().parse().unwrap();
        while buffer.len() < end + 4 + length {
            assert!(stream.read_buf(buffer).await.unwrap() > 0, "the answer broke off");
        }
        return;
    }
}
