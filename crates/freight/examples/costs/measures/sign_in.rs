//! People who sign up, in, on and out.
//!
//! Somebody else does each thing first, so that the keys of tokens are there. A minute passes before each
//! letter that is asked for: who was written to just now is not written to again.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::Client;

use super::desk::{Desk, ROOMY, Sent, body};
use super::{Measure, Most, pass};

const PASSWORD: &str = "correct horse battery";
const OTHER: &str = "other@example.com";
const JANE: &str = "jane@example.com";
/// Somebody may be written to again.
const PAUSE: Duration = Duration::from_secs(61);

pub(super) async fn measures() -> Vec<Measure> {
    let mut desk = Desk::open(ROOMY).await;
    let stranger = Client::app(&desk.freight.app);
    desk.client = stranger.clone();
    sign_up(&mut desk).await;
    let held = session(&mut desk).await;
    desk.client = stranger.with_header("authorization", &format!("Bearer {held}"));
    let valid = ["valid", "GET /v1/auth/valid", "a session that is known"];
    desk.get(valid, Most::of(0.0, [0.0, 0.0]).counted(), "/v1/auth/valid").await;
    let out = ["sign_out", "POST /v1/auth/signout", ""];
    desk.cost(out, Most::of(2.0, [2.0, 2.0]).counted(), "/v1/auth/signout", None).await;
    desk.client = stranger;
    let jwks = ["jwks", "GET /.well-known/jwks.json", ""];
    desk.get(jwks, Most::of(0.0, [0.0, 0.0]), "/.well-known/jwks.json").await;
    password(&mut desk).await;
    desk.close()
}

fn who(email: &str, more: &[(&str, &str)]) -> Sent {
    let mut who = json!({ "email": email });
    for (name, value) in more {
        who[*name] = Value::from(*value);
    }
    body(&who)
}

async fn sign_up(desk: &mut Desk) {
    let up = ["sign_up", "POST /v1/auth/signup", ""];
    let both = [OTHER, JANE].map(|email| who(email, &[("password", PASSWORD)]));
    desk.second(up, Most::of(3.0, [2.0, 10.0]).counted(), "/v1/auth/signup", both).await;
    pass(&desk.clock, PAUSE).await;
    let again = ["resend", "POST /v1/auth/resend", "a letter is due"];
    desk.cost(again, Most::of(4.0, [3.0, 4.0]).counted(), "/v1/auth/resend", who(JANE, &[])).await;
    let (first, second) = (desk.letters.code(OTHER, 1).await, desk.letters.code(JANE, 2).await);
    let confirm = ["confirm", "POST /v1/auth/confirm", ""];
    let codes = [who(OTHER, &[("code", &first)]), who(JANE, &[("code", &second)])];
    desk.second(confirm, Most::of(5.0, [3.0, 11.0]).counted(), "/v1/auth/confirm", codes).await;
}

/// The access token of a session that was gone on with.
async fn session(desk: &mut Desk) -> String {
    let come = ["sign_in", "POST /v1/auth/signin", ""];
    let both = [OTHER, JANE].map(|email| who(email, &[("password", PASSWORD)]));
    let tokens = desk.second(come, Most::of(4.0, [3.0, 4.0]).counted(), "/v1/auth/signin", both).await.json();
    let refresh = ["refresh", "POST /v1/auth/refresh", ""];
    let token = body(&json!({ "refresh_token": tokens["refresh_token"] }));
    let tokens = desk.cost(refresh, Most::of(2.0, [2.0, 1.0]).counted(), "/v1/auth/refresh", token).await.json();
    tokens["access_token"].as_str().unwrap().to_owned()
}

async fn password(desk: &mut Desk) {
    pass(&desk.clock, PAUSE).await;
    let forgot = ["forgot_password", "POST /v1/auth/password/forgot", "a letter is due"];
    desk.cost(forgot, Most::of(4.0, [3.0, 4.0]).counted(), "/v1/auth/password/forgot", who(JANE, &[])).await;
    let code = desk.letters.code(JANE, 3).await;
    let reset = ["reset_password", "POST /v1/auth/password/reset", ""];
    let anew = who(JANE, &[("code", &code), ("password", "staple of another horse")]);
    desk.cost(reset, Most::of(5.0, [3.0, 9.0]).counted(), "/v1/auth/password/reset", anew).await;
}
