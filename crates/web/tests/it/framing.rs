//! What only a socket can show: framing, time, and the end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use web::Config;

use crate::server::{Server, server_with};

const HOST: &str = "Host: localhost\r\nX-API-Key: good\r\n";

/// A bound on waiting for what must happen anyway.
const SOON: Duration = Duration::from_secs(20);

struct Listening {
    address: SocketAddr,
    server: Arc<Server>,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<()>,
}

async fn listen(config: Config) -> Listening {
    let server = Arc::new(server_with(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let app = server.app.clone();
    let ended = tokio::spawn(web::serve(listener, app, async move { drop(stopped.await) }));
    Listening { address, server, stop: Some(stop), ended }
}

impl Listening {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes and reads until the server closes.
    async fn exchange(&self, bytes: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_bytes()).await.unwrap();
        read_to_end(&mut stream).await
    }
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A connection that is cut off instead of closed has said what it had to say.
    let read = tokio::time::timeout(SOON, stream.read_to_end(&mut bytes)).await;
    drop(read.expect("the server closes the connection"));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads one answer with a length, and leaves the connection open.
async fn read_one(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    while !text.contains("\r\n\r\n") || text.len() < whole_length(&text) {
        let mut some = [0; 4096];
        let count = tokio::time::timeout(SOON, stream.read(&mut some)).await.unwrap().unwrap();
        assert!(count > 0, "closed after {text:?}");
        text.push_str(&String::from_utf8_lossy(&some[..count]));
    }
    text
}

fn whole_length(text: &str) -> usize {
    let head = text.find("\r\n\r\n").unwrap() + 4;
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    head + length.map_or(0, |length| length.trim().parse::<usize>().unwrap())
}

fn answers(text: &str) -> usize {
    text.matches("HTTP/1.1 ").count()
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let listening = listen(Config::default()).await;
    let mut stream = listening.connect().await;
    for _ in 0..3 {
        stream.write_all(format!("GET /api/v1/me HTTP/1.1\r\n{HOST}\r\n").as_bytes()).await.unwrap();
        assert!(read_one(&mut stream).await.starts_with("HTTP/1.1 200"));
    }
    let two = format!(
        "POST /api/v1/things HTTP/1.1\r\n{HOST}Content-Type: application/json\r\nContent-Length: 12\r\n\r\n\
         {{\"name\":\"a\"}}GET /livez HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n"
    );
    let text = listening.exchange(&two).await;
    assert!(text.starts_with("HTTP/1.1 201"), "{text}");
    assert_eq!(answers(&text), 2, "{text}");
}

#[tokio::test]
async fn no_form_of_smuggling_is_two_requests() {
    let listening = listen(Config::default()).await;
    let inner = format!("GET /api/v1/me HTTP/1.1\r\n{HOST}\r\n");
    let mut forms = 0;
    for framing in [
        "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
        "Content-Length: 0\r\nContent-Length: 6\r\n",
        "Content-Length: 6\r\nContent-Length: 6\r\n",
        "Content-Length: 0, 6\r\n",
        "Content-Length: +6\r\n",
        "Content-Length: 0x6\r\n",
        "Content-Length : 6\r\n",
        "Content-Length: 6 \r\nX: y\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Transfer-Encoding\r\n: chunked\r\n",
        "Transfer-Encoding: \u{b}chunked\r\n",
        "X: y\rTransfer-Encoding: chunked\r\n",
        "X: y\nTransfer-Encoding: chunked\r\n",
        "X: y\0Transfer-Encoding: chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "Host: other\r\n",
    ] {
        for body in ["0\r\n\r\n", "1\r\nx\r\n0\r\n\r\n", ""] {
            forms += 1;
            let bytes = format!("POST /v1/auth/signin HTTP/1.1\r\n{HOST}{framing}\r\n{body}{inner}{inner}");
            let text = listening.exchange(&bytes).await;
            assert!(text.starts_with("HTTP/1.1 400"), "{framing:?}: {text}");
            assert_eq!(answers(&text), 1, "{framing:?}: {text}");
        }
    }
    for head in ["GET /livez HTTP/1.1\r\n\r\n", "GET /livez HTTP/1.1\nHost: localhost\n\n", "GET /livez\r\n\r\n"] {
        forms += 1;
        let text = listening.exchange(&format!("{head}{inner}")).await;
        assert!(text.starts_with("HTTP/1.1 400"), "{head:?}: {text}");
        assert_eq!(answers(&text), 1, "{head:?}: {text}");
    }
    assert!(forms >= 60, "{forms}");
    assert_eq!(listening.server.runs(), 0);
}

#[tokio::test]
async fn a_head_in_pieces_is_refused_all_the_same() {
    let listening = listen(Config::default()).await;
    let mut stream = listening.connect().await;
    let head = "POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";
    for byte in head.bytes() {
        // The last bytes may meet a connection that is closed already: that is the point.
        if stream.write_all(&[byte]).await.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(read_to_end(&mut stream).await.starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn nothing_behind_a_chunked_body_is_a_request() {
    let listening = listen(Config::default()).await;
    let text = listening
        .exchange(&format!(
            "POST /api/v1/things HTTP/1.1\r\n{HOST}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
             c\r\n{{\"name\":\"a\"}}\r\n0\r\n\r\nGET /api/v1/me HTTP/1.1\r\n{HOST}\r\n"
        ))
        .await;
    assert!(text.starts_with("HTTP/1.1 201"), "{text}");
    assert!(text.contains("connection: close"), "{text}");
    assert_eq!(answers(&text), 1, "{text}");
}

#[tokio::test]
async fn heads_too_large_are_answered_bare() {
    let listening = listen(Config::default()).await;
    let large = format!("GET /livez HTTP/1.1\r\n{HOST}X: {}\r\n\r\n", "x".repeat(64 << 10));
    assert!(listening.exchange(&large).await.starts_with("HTTP/1.1 431"));
    let many = format!("GET /livez HTTP/1.1\r\n{HOST}{}\r\n", "X: y\r\n".repeat(101));
    assert!(listening.exchange(&many).await.starts_with("HTTP/1.1 431"));
    let long = format!("GET /{} HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n", "x".repeat(9 << 10));
    assert!(listening.exchange(&long).await.starts_with("HTTP/1.1 414"));
}

#[tokio::test]
async fn a_head_that_does_not_end_and_silence_are_closed() {
    let short = Duration::from_millis(50);
    let listening = listen(Config { head_timeout: short, idle_timeout: short, ..Config::default() }).await;
    for begun in ["", "G", "GET /livez HTTP/1.1\r\nHost: localhost\r\nX: "] {
        assert_eq!(listening.exchange(begun).await, "", "{begun:?}");
    }
    let idle = listening.exchange(&format!("GET /livez HTTP/1.1\r\n{HOST}\r\n")).await;
    assert!(idle.starts_with("HTTP/1.1 200"), "{idle}");
    assert_eq!(answers(&idle), 1);
}

#[tokio::test]
async fn a_head_that_trickles_gets_no_more_time() {
    let listening = listen(Config { head_timeout: Duration::from_millis(200), ..Config::default() }).await;
    let mut stream = listening.connect().await;
    stream.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
    let trickle = async {
        // Ends when the server has closed; each byte would restart a timer of silence.
        while stream.write_all(b"X: y\r\n").await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, trickle).await.expect("the server closes the connection");
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_let_go() {
    let listening = listen(Config { write_timeout: Duration::from_millis(100), ..Config::default() }).await;
    let mut stream = listening.connect().await;
    let large = format!("POST /api/v1/large HTTP/1.1\r\n{HOST}Content-Length: 0\r\n\r\n");
    let flood = async {
        // The answers fill every buffer on the way; then the server gives up, and so do we.
        while stream.write_all(large.as_bytes()).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, flood).await.expect("the server closes the connection");
    assert!(listening.server.runs() > 0);
}

#[tokio::test]
async fn too_many_connections_are_closed_and_the_rest_go_on() {
    let listening = listen(Config { connections_max: 2, ..Config::default() }).await;
    let get = format!("GET /livez HTTP/1.1\r\n{HOST}\r\n");
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = listening.connect().await;
        stream.write_all(get.as_bytes()).await.unwrap();
        read_one(&mut stream).await;
        open.push(stream);
    }
    assert_eq!(listening.exchange(&get).await, "");
    open[0].write_all(get.as_bytes()).await.unwrap();
    read_one(&mut open[0]).await;
}

#[tokio::test]
async fn a_stop_lets_open_requests_end_and_takes_no_more() {
    let mut listening = listen(Config::default()).await;
    let mut idle = listening.connect().await;
    let mut busy = listening.connect().await;
    let hang = format!("POST /api/v1/hang HTTP/1.1\r\n{HOST}Content-Length: 0\r\n\r\n");
    busy.write_all(hang.as_bytes()).await.unwrap();
    listening.server.begun.notified().await;
    listening.stop.take().unwrap().send(()).unwrap();
    assert_eq!(read_to_end(&mut idle).await, "");
    assert!(TcpStream::connect(listening.address).await.is_err());
    assert!(!listening.ended.is_finished(), "a request is open");
    listening.server.clock.advance(Duration::from_secs(30));
    assert!(read_to_end(&mut busy).await.starts_with("HTTP/1.1 504"));
    tokio::time::timeout(SOON, listening.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_does_not_end_within_the_grace_is_cut() {
    let mut listening = listen(Config { grace: Duration::from_millis(50), ..Config::default() }).await;
    let mut busy = listening.connect().await;
    let hang = format!("POST /api/v1/hang HTTP/1.1\r\n{HOST}Content-Length: 0\r\n\r\n");
    busy.write_all(hang.as_bytes()).await.unwrap();
    listening.server.begun.notified().await;
    listening.stop.take().unwrap().send(()).unwrap();
    assert_eq!(read_to_end(&mut busy).await, "");
    tokio::time::timeout(SOON, listening.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn http_2_is_spoken_on_the_same_socket() {
    let listening = listen(Config::default()).await;
    let io = TokioIo::new(listening.connect().await);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let connection = tokio::spawn(connection);
    for _ in 0..2 {
        let call = http::Request::builder().uri("http://localhost/api/v1/me").header("x-api-key", "good");
        let response = sender.send_request(call.body(Full::<Bytes>::default()).unwrap()).await.unwrap();
        assert_eq!((response.status(), response.version()), (http::StatusCode::OK, http::Version::HTTP_2));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, r#"{"name":"one key:good 127.0.0.1"}"#);
    }
    drop(sender);
    connection.await.unwrap().unwrap();
}
