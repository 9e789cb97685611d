//! What is wrong before anybody looks at what is wanted: paths, methods, hosts, heads, credentials,
//! JSON, sizes.

use super::case::{Case, SECRET, get, post, request};

/// Where the array of depth 33 in `name` is too deep.
const DEEPEST: &str = "name.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0";
const INVALID: &str = "validation_error";

pub(crate) fn cases() -> Vec<Case> {
    [paths(), credentials(), queries(), json(), sizes()].into_iter().flatten().collect()
}

fn paths() -> Vec<Case> {
    vec![
        get("/nothing").is(404, "not_found", ""),
        get("/api/v1").is(404, "not_found", ""),
        get("/api/v1/keys/").is(404, "not_found", ""),
        get("/api/v2/users").is(404, "not_found", ""),
        get("/../../etc/passwd").is(400, INVALID, ""),
        get("/api/v1/keys/%FF").is(400, INVALID, ""),
        get("/%zz").is(404, "not_found", ""),
        request("DELETE", "/api/v1/me").is(405, INVALID, ""),
        request("PUT", "/api/v1/keys").is(405, INVALID, ""),
        request("PATCH", "/fetch-data").is(405, INVALID, ""),
        request("TRACE", "/status").is(405, INVALID, ""),
        request("BREW", "/status").is(405, INVALID, ""),
        request("POST", "/status").is(405, INVALID, ""),
        request("POST", "/view-data").is(405, INVALID, ""),
    ]
}

fn credentials() -> Vec<Case> {
    let wrong_sum = format!("frt_live_{}", "0".repeat(50));
    vec![
        get("/api/v1/me").without_key().is(401, "unauthenticated", ""),
        get("/status").without_key().is(401, "unauthenticated", ""),
        post("/fetch-data", "{}").without_key().is(401, "unauthenticated", ""),
        get("/api/v1/me").with_key("x").is(401, "unauthenticated", ""),
        get("/api/v1/me").with_key("frt_live_").is(401, "unauthenticated", ""),
        get("/api/v1/me").with_key(wrong_sum).is(401, "unauthenticated", ""),
        get("/api/v1/me").with_key(SECRET).is(401, "unauthenticated", ""),
        get("/api/v1/me").without_key().header("authorization", "Bearer x").is(401, "unauthenticated", ""),
        get("/api/v1/me").without_key().header("authorization", "Basic eDp5").is(401, "unauthenticated", ""),
        get("/api/v1/me").header("authorization", "Bearer other").is(400, INVALID, "X-API-Key"),
        get("/api/v1/me").header("freight-tenant", "nobody").is(404, "tenant_not_found", ""),
        get("/api/v1/me").header("freight-tenant", "../x").is(404, "tenant_not_found", ""),
        get(format!("/api/v1/me?api_key={SECRET}")).is(400, INVALID, "api_key"),
        get(format!("/api/v1/me?token={SECRET}")).is(400, INVALID, "token"),
        get(format!("/status?access_token={SECRET}")).is(400, INVALID, "access_token"),
        get(format!("/view-data?X-API-Key={SECRET}")).is(400, INVALID, "X-API-Key"),
    ]
}

fn queries() -> Vec<Case> {
    vec![
        get("/api/v1/keys?limit=0").is(422, INVALID, "limit"),
        get("/api/v1/keys?limit=1001").is(422, INVALID, "limit"),
        get("/api/v1/keys?limit=-1").is(422, INVALID, "limit"),
        get("/api/v1/keys?limit=").is(422, INVALID, "limit"),
        get("/api/v1/keys?limit=ten").is(422, INVALID, "limit"),
        get("/api/v1/keys?limit=1e2").is(422, INVALID, "limit"),
        get("/api/v1/keys?limit=99999999999999999999").is(422, INVALID, "limit"),
        get("/api/v1/keys?limit=1&limit=2").is(400, INVALID, "limit"),
        get("/api/v1/keys?offset=-1").is(422, INVALID, "offset"),
        get("/api/v1/keys?offset=10001").is(422, INVALID, "offset"),
        get("/api/v1/keys?cursor=x").is(422, INVALID, "cursor"),
        get("/api/v1/keys?cursor=").is(422, INVALID, "cursor"),
        get("/api/v1/keys?cursor=%F0%9F%98%80").is(422, INVALID, "cursor"),
        get("/api/v1/keys?cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAA").is(422, INVALID, "cursor"),
        get("/api/v1/keys?sort=name").is(422, INVALID, "sort"),
        get("/api/v1/keys?%FF=1").is(400, INVALID, "query"),
        get("/api/v1/keys?limit=%FF").is(400, INVALID, "query"),
        get("/api/v1/me?verbose").is(422, INVALID, "verbose"),
    ]
}

fn json() -> Vec<Case> {
    let deep = "[".repeat(33) + &"]".repeat(33);
    let keys = |body: String| post("/api/v1/keys", body);
    vec![
        keys(String::new()).is(400, INVALID, "body"),
        keys("{".into()).is(400, INVALID, "body"),
        keys("nonsense".into()).is(400, INVALID, "body"),
        keys(r#"{"name": "a", "name": "b"}"#.into()).is(400, INVALID, "name"),
        keys(r#"{"name": "a", "n\u0061me": "b"}"#.into()).is(400, INVALID, "name"),
        keys(r#"{"name": "a"} {}"#.into()).is(400, INVALID, "body"),
        keys(r#"{"name": 'a'}"#.into()).is(400, INVALID, "name"),
        keys(r#"{"name": "a",}"#.into()).is(400, INVALID, "body"),
        keys("{\"name\": \"a\u{0}\"}".into()).is(400, INVALID, "name"),
        keys(r#"{"name": "\ud800"}"#.into()).is(400, INVALID, "name"),
        keys(r#"{"name": NaN}"#.into()).is(400, INVALID, "name"),
        keys(r#"{"name": 01}"#.into()).is(400, INVALID, "name"),
        keys(format!(r#"{{"name": {deep}}}"#)).is(400, INVALID, DEEPEST),
        keys(format!(r#"{{"name": {}}}"#, "9".repeat(39))).is(400, INVALID, "name"),
        keys("[]".into()).is(422, INVALID, "body"),
        keys("null".into()).is(422, INVALID, "body"),
        keys("7".into()).is(422, INVALID, "body"),
        post("/api/v1/keys", &b"{\"name\": \"\xff\"}"[..]).is(400, INVALID, "body"),
        post("/api/v1/keys", &b"\xef\xbb\xbf{}"[..]).is(400, INVALID, "body"),
        request("POST", "/api/v1/keys").is(415, INVALID, "Content-Type"),
        request("POST", "/api/v1/keys").body("text/plain", "{}").is(415, INVALID, "Content-Type"),
        request("POST", "/api/v1/keys").body("application/xml", "<a/>").is(415, INVALID, "Content-Type"),
        request("POST", "/api/v1/keys").body("application/json; charset=latin1", "{}").is(415, INVALID, "Content-Type"),
        post("/api/v1/keys", "{}").header("content-encoding", "br").is(415, INVALID, "Content-Encoding"),
        post("/api/v1/keys", "{}").header("content-encoding", "gzip").is(400, INVALID, ""),
    ]
}

fn sizes() -> Vec<Case> {
    let long = |bytes: usize| format!(r#"{{"name": "{}"}}"#, "a".repeat(bytes));
    vec![
        post("/api/v1/keys", long(2 << 20)).is(413, "too_large", ""),
        post("/api/v1/keys", long((1 << 20) + 1)).is(400, INVALID, "name"),
        get(format!("/{}", "a".repeat(8 << 10))).is(414, "too_large", ""),
        get("/api/v1/me").header("x-long", "a".repeat(33 << 10)).is(431, "too_large", ""),
        post("/api/v1/keys", r#"{"name": "a"}"#).header("idempotency-key", "a".repeat(256)).is(
            422,
            INVALID,
            "Idempotency-Key",
        ),
        post("/api/v1/keys", r#"{"name": "a"}"#).header("idempotency-key", "").is(422, INVALID, "Idempotency-Key"),
    ]
}
