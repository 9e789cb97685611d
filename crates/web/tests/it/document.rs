//! What the server says of itself to programs and people.

use axum::body::Body;
use serde_json::Value;

use crate::server::{request, server};

fn document() -> Value {
    serde_json::from_str(&web::openapi(&server().app)).unwrap()
}

#[test]
fn the_document_is_the_same_each_time() {
    let text = web::openapi(&server().app);
    assert_eq!(text, web::openapi(&server().app));
    assert!(text.contains("\"openapi\": \"3.1.0\""));
}

#[test]
fn security_comes_from_the_signature() {
    let document = document();
    let operation = &document["paths"]["/api/v1/things"]["post"];
    assert_eq!(operation["security"], serde_json::json!([{"api_key": ["ingest:run"]}, {"bearer": ["ingest:run"]}]));
    assert_eq!(
        document["paths"]["/api/v1/me"]["get"]["security"],
        serde_json::json!([{"api_key": []}, {"bearer": []}])
    );
    assert_eq!(document["paths"]["/old"]["get"]["security"], serde_json::json!([]));
    assert_eq!(document["paths"]["/old"]["get"]["deprecated"], true);
    assert_eq!(document["components"]["securitySchemes"]["api_key"]["name"], "X-API-Key");
}

#[test]
fn every_operation_documents_its_problems_and_names_its_answers() {
    let document = document();
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations += 1;
            let responses = operation["responses"].as_object().unwrap();
            for status in ["429", "500", "503", "504", "default"] {
                assert!(responses.contains_key(status), "{method} {path} {status}");
            }
            assert!(!operation["operationId"].as_str().unwrap().is_empty());
            for (status, response) in responses.iter().filter(|(status, _)| status.starts_with('2')) {
                let content = response["content"].as_object().unwrap();
                for (media, content) in content.iter().filter(|(media, _)| *media == "application/json") {
                    assert!(content["schema"]["$ref"].is_string(), "{method} {path} {status} {media}");
                }
            }
        }
    }
    assert!(operations >= 18);
    let post = &document["paths"]["/api/v1/things"]["post"]["responses"];
    for status in ["400", "401", "403", "404", "408", "409", "413", "414", "415", "421", "422", "431", "507"] {
        assert_eq!(post[status]["$ref"], "#/components/responses/Problem", "{status}");
    }
    assert!(document["paths"]["/resources/carts"]["post"]["responses"].get("422").is_none(), "mapped to 412");
    assert!(document["paths"]["/api/v1/things/{id}"]["patch"]["responses"].get("412").is_some());
}

#[test]
fn what_the_registration_knows_is_documented() {
    let document = document();
    let names = |path: &str, method: &str| -> Vec<String> {
        let parameters = document["paths"][path][method]["parameters"].as_array().unwrap();
        parameters.iter().map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("/api/v1/things", "get"), ["limit", "cursor", "offset", "prefix", "size"]);
    assert_eq!(names("/api/v1/things", "post"), ["Idempotency-Key"]);
    assert_eq!(names("/api/v1/things/{id}", "patch"), ["If-Match", "id"]);
    for schema in ["Problem", "FieldProblem", "List_Thing", "Thing", "Health", "HealthCheck"] {
        assert!(document["components"]["schemas"].get(schema).is_some(), "{schema}");
    }
}

#[tokio::test]
async fn documents_and_pages_are_served_from_here() {
    let server = server();
    let get = async |path: &str| server.send(request("GET", path).body(Body::empty()).unwrap()).await;
    let json = get("/api/openapi.json").await.expect(200);
    assert_eq!(json.json(), document());
    for path in ["/docs", "/docs/", "/api/docs", "/api/docs/"] {
        let page = get(path).await.expect(200);
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        let html = String::from_utf8(page.body).unwrap();
        assert!(!html.contains("https://"), "{path} loads from elsewhere");
        let script = html.split("src=\"").nth(1).unwrap().split('"').next().unwrap().trim_start_matches("./");
        let folder = &path[..=path.rfind('/').unwrap()];
        let script = get(&format!("{folder}{script}")).await.expect(200);
        assert!(script.header("content-type").contains("javascript"), "{path}: {script:?}");
    }
    let start = get("/docs/swagger-initializer.js").await.expect(200);
    assert!(String::from_utf8(start.body).unwrap().contains("\"/api/openapi.json\""));
    let redoc = get("/api/redoc").await.expect(200);
    assert!(String::from_utf8(redoc.body).unwrap().contains("src=\"redoc.standalone.js\""));
    let script = get("/api/redoc.standalone.js").await.expect(200);
    assert_eq!(script.header("content-encoding"), "gzip");
    assert!(script.body.len() > 200_000);
    get("/docs/nothing.js").await.expect(404);
}
