//! What operators see of a request: one line, one count.

use std::io;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::Value;

use crate::server::{request, server};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn read(&self) -> Vec<Value> {
        let bytes = self.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[tokio::test]
async fn a_request_is_one_line_without_its_query_and_credential() {
    let (server, lines) = (server(), Lines::default());
    // What a request says is registered once in a process, by whoever comes first: before anybody listens,
    // so that a test beside this one cannot register it as what nobody listens to.
    server.get("/api/v1/things/1").await.expect(200);
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let call =
        request("GET", "/api/v1/things/1?secret=hidden").header("x-api-key", "good").header("x-request-id", "r-1");
    server.send(call.body(Body::empty()).unwrap()).await.expect(400);
    let call = request("GET", "/api/v1/things/1").header("x-api-key", "good").header("x-request-id", "r-2");
    let call = call.header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    server.send(call.body(Body::empty()).unwrap()).await.expect(200);
    server.get("/api/v1/fail?how=internal").await.expect(500);
    let lines = lines.read();
    let completed: Vec<_> = lines.iter().filter(|line| line["fields"]["message"] == "request_completed").collect();
    assert_eq!(completed.len(), 3);
    let fields = &completed[1]["fields"];
    assert_eq!(fields["request_id"], "r-2");
    assert_eq!(fields["tenant_id"], "one");
    assert_eq!(fields["method"], "GET");
    assert_eq!(fields["route"], "/api/v1/things/{id}");
    assert_eq!(fields["status_code"], 200);
    assert_eq!(fields["duration_ms"], 0.0);
    assert_eq!(completed[1]["span"]["traceparent"], "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let text = format!("{lines:?}");
    assert!(!text.contains("hidden") && !text.contains("good"), "{text}");
    assert!(text.contains("the operator's"), "internal text is for the log: {text}");
}

#[tokio::test]
async fn a_request_is_counted_by_route_and_status() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let server = server();
    server.get("/api/v1/things/1").await.expect(200);
    server.get("/api/v1/things/2").await.expect(200);
    server.get("/nowhere").await.expect(404);
    let odd = request("BREW", "/api/v1/me").body(Body::empty()).unwrap();
    server.send(odd).await.expect(405);
    let text = handle.render();
    assert!(text.contains(r#"method="other""#) && !text.contains("BREW"), "{text}");
    let counted = r#"http_requests_total{method="GET",route="/api/v1/things/{id}",status="200"} 2"#;
    assert!(text.contains(counted), "{text}");
    assert!(text.contains(r#"http_requests_total{method="GET",route="unmatched",status="404"} 1"#), "{text}");
    assert!(text.contains("http_request_duration_seconds"), "{text}");
}
