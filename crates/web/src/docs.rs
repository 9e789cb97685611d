//! The document for programs and for people: `/api/openapi.json`, Swagger UI, Redoc.
//!
//! Every script is served from here: a page of ours loads nothing from anybody else, and its
//! content policy says so.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderValue};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::Config as Swagger;

use crate::Problem;

const REDOC_HTML: &str = include_str!("../assets/redoc.html");
const REDOC_JS_GZ: &[u8] = include_bytes!("../assets/redoc.standalone.js.gz");

/// Both pages style themselves inline, and Redoc searches in a worker made of a blob.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; worker-src blob:; \
     frame-ancestors 'none'",
);
const DAY: HeaderValue = HeaderValue::from_static("public, max-age=86400");

/// The routes of the document and its pages.
pub(crate) fn router(document: &OpenApi, base_path: &str) -> Router {
    let json = Bytes::from(document.to_json().unwrap_or_default());
    let tag = format!("\"{}\"", &blake3::hash(&json).to_hex()[..32]);
    let address = format!("{base_path}/api/openapi.json");
    let swagger = Arc::new(Swagger::from(address).display_request_duration(true));
    let mut router = Router::new()
        .route("/api/openapi.json", get(async move || document_json(&json, &tag)))
        .route("/api/redoc", get(async || page("text/html; charset=utf-8", REDOC_HTML.as_bytes().into())))
        .route("/api/redoc.standalone.js", get(async || redoc_js()));
    for place in ["/docs", "/api/docs"] {
        let (index, slash, file) = (Arc::clone(&swagger), Arc::clone(&swagger), Arc::clone(&swagger));
        router = router
            .route(place, get(async move || index_html(&index)))
            .route(&format!("{place}/"), get(async move || swagger_file("index.html", &slash)))
            .route(&format!("{place}/{{file}}"), get(async move |Path(name): Path<String>| swagger_file(&name, &file)));
    }
    router
}

fn document_json(json: &Bytes, tag: &str) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (ETAG, tag), (CACHE_CONTROL, "no-cache")];
    (headers, json.clone()).into_response()
}

fn page(media: &str, bytes: Bytes) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_SECURITY_POLICY, PAGE_POLICY);
    if let Ok(media) = HeaderValue::from_str(media) {
        headers.insert(CONTENT_TYPE, media);
    }
    (headers, bytes).into_response()
}

fn redoc_js() -> Response {
    let mut response = page("text/javascript; charset=utf-8", Bytes::from_static(REDOC_JS_GZ));
    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    response.headers_mut().insert(CACHE_CONTROL, DAY);
    response
}

fn swagger_file(name: &str, config: &Arc<Swagger<'static>>) -> Response {
    match utoipa_swagger_ui::serve(name, Arc::clone(config)) {
        Ok(Some(file)) => {
            let mut response = page(&file.content_type, file.bytes.into_owned().into());
            if file.gzpipped {
                response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            response
        }
        Ok(None) => Problem::from(base::Error::not_found("Nothing has this path")).into_response(),
        Err(error) => Problem::from(base::Error::internal(error)).into_response(),
    }
}

/// The page without a slash behind its name: what it loads lies one step deeper than it thinks.
fn index_html(config: &Arc<Swagger<'static>>) -> Response {
    match utoipa_swagger_ui::serve("index.html", Arc::clone(config)) {
        Ok(Some(file)) if !file.gzpipped => {
            let html = String::from_utf8_lossy(&file.bytes).replace("\"./", "\"docs/");
            page(&file.content_type, html.replace("\"index.css\"", "\"docs/index.css\"").into())
        }
        _ => Problem::from(base::Error::internal("Swagger UI has no page")).into_response(),
    }
}
