//! Signing in.

use super::case::{Case, SECRET, get, post, request};

const INVALID: &str = "validation_error";
const NOBODY: &str = "unauthenticated";

pub(crate) fn cases() -> Vec<Case> {
    [words(), tokens()].into_iter().flatten().collect()
}

fn words() -> Vec<Case> {
    let to = |path: &str, body: &str| post(format!("/v1/auth/{path}"), body.to_owned()).without_key();
    let up = |email: &str, password: &str| to("signup", &format!(r#"{{"email": {email}, "password": {password}}}"#));
    let long = format!("\"{}@example.com\"", "a".repeat(250));
    let secret = format!("\"{SECRET}\"");
    vec![
        to("signup", "{}").is(422, INVALID, "email"),
        to("signup", r#"{"email": "a@example.com"}"#).is(422, INVALID, "password"),
        up("\"a\"", &secret).is(422, INVALID, "email"),
        up("\"a@b\"", &secret).is(422, INVALID, "email"),
        up("\"a b@example.com\"", &secret).is(422, INVALID, "email"),
        up("\"a@example.com, b@example.com\"", &secret).is(422, INVALID, "email"),
        up("\"a@example.com\\r\\nBcc: b@example.com\"", &secret).is(422, INVALID, "email"),
        up("\"ä@example.com\"", &secret).is(422, INVALID, "email"),
        up("7", &secret).is(422, INVALID, "email"),
        up(&long, &secret).is(422, INVALID, "email"),
        up("\"a@example.com\"", "\"hunter2\"").is(422, INVALID, "password"),
        up("\"a@example.com\"", "1234567890").is(422, INVALID, "password"),
        to("signup", r#"{"email": "a@example.com", "password": "hunter2hunter2", "tenant": "system"}"#)
            .is(422, INVALID, "tenant"),
        to("signup", r#"{"email": "a@example.com", "email": "b@example.com", "password": "hunter2hunter2"}"#)
            .is(400, INVALID, "email"),
        // Nobody could be told a code.
        up("\"a@example.com\"", &secret).is(403, "forbidden", ""),
        to("confirm", r#"{"email": "a@example.com"}"#).is(422, INVALID, "code"),
        to("confirm", r#"{"email": "a@example.com", "code": 123456}"#).is(422, INVALID, "code"),
        to("confirm", r#"{"email": "a@example.com", "code": "12345"}"#).is(422, INVALID, "code"),
        to("confirm", r#"{"email": "a@example.com", "code": "12345a"}"#).is(422, INVALID, "code"),
        to("confirm", r#"{"email": "a@example.com", "code": "123456"}"#).is(400, INVALID, "code"),
        to("resend", r#"{"email": ""}"#).is(422, INVALID, "email"),
        to("signin", r#"{"email": "a@example.com", "password": "hunter2hunter2"}"#).is(401, NOBODY, ""),
        to("signin", r#"{"email": "a@example.com", "password": "hunter2"}"#).is(401, NOBODY, ""),
        to("signin", r#"{"email": "a@example.com"}"#).is(422, INVALID, "password"),
        to("refresh", r#"{"refresh_token": "hunter2hunter2"}"#).is(401, NOBODY, ""),
        to("refresh", r#"{"refresh_token": null}"#).is(422, INVALID, "refresh_token"),
        to("password/forgot", "[]").is(422, INVALID, "body"),
        to("password/reset", r#"{"email": "a@example.com", "code": "123456", "password": "hunter2"}"#)
            .is(422, INVALID, "password"),
        to("password/reset", r#"{"email": "a@example.com", "code": "123456", "password": "hunter2hunter2"}"#)
            .is(400, INVALID, "code"),
    ]
}

fn tokens() -> Vec<Case> {
    let bearing = |token: &str| get("/api/v1/me").without_key().header("authorization", format!("Bearer {token}"));
    let valid = || get("/v1/auth/valid");
    vec![
        bearing("a.b.c").is(401, NOBODY, ""),
        bearing("..").is(401, NOBODY, ""),
        bearing("a.b").is(401, NOBODY, ""),
        bearing(&"a".repeat(9_000)).is(401, NOBODY, ""),
        bearing(&format!("{0}.{0}.{0}", "a".repeat(4_000))).is(401, NOBODY, ""),
        bearing("a.b.c").with_key("a.b.d").is(400, INVALID, "X-API-Key"),
        get("/api/v1/me").without_key().with_key("a.b.c").is(401, NOBODY, ""),
        get("/api/v1/me?token=a.b.c").is(400, INVALID, "token"),
        valid().without_key().is(403, NOBODY, ""),
        valid().without_key().header("authorization", "Bearer a.b.c").is(403, NOBODY, ""),
        valid().without_key().header("authorization", "Basic aHVudGVyMg==").is(403, NOBODY, ""),
        valid().is(403, "forbidden", ""),
        request("POST", "/v1/auth/signout").is(403, "forbidden", ""),
        request("POST", "/v1/auth/signout").without_key().is(401, NOBODY, ""),
    ]
}
