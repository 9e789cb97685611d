//! From a response to the document that whoever sent the event expects.
//!
//! A body that is text goes as text, any other in base64, and so does a text that JSON would make longer than
//! base64 does: of quotes or control characters alone it would be two to six times as long. Each kind has its
//! own place for headers with several values, and its own limit.

use anyhow::Result;
use axum::body::{Body, to_bytes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_ENCODING, HeaderMap, HeaderName, SET_COOKIE};
use http::{HeaderValue, Response};
use serde_json::{Map, Value, json};

use super::event::Kind;

/// What Lambda takes from a function: 6 MB of JSON. To a body at most a third is added, as in base64; half
/// is room for that and for headers.
const BYTES_MAX: usize = 3 << 20;
/// What a load balancer takes from a function: 1 MB of JSON, which this is with a third more and headers.
const BALANCER_BYTES_MAX: usize = 700 << 10;

impl Kind {
    /// At most so many bytes of body are sent to it.
    pub fn bytes_max(self) -> usize {
        match self {
            Self::Balancer { .. } => BALANCER_BYTES_MAX,
            Self::Rest | Self::Http => BYTES_MAX,
        }
    }
}

/// The document of a response.
///
/// # Errors
/// When the body is larger than `kind` takes, which the router has seen to that it is not.
pub async fn of(kind: Kind, response: Response<Body>) -> Result<Value> {
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, kind.bytes_max()).await?;
    let plain = !parts.headers.contains_key(CONTENT_ENCODING);
    let (body, encoded) = match String::from_utf8(bytes.into()) {
        Ok(text) if plain && escaped_bytes(&text) <= text.len().div_ceil(3) * 4 => (text, false),
        Ok(text) => (STANDARD.encode(text), true),
        Err(binary) => (STANDARD.encode(binary.as_bytes()), true),
    };
    let mut document = json!({ "statusCode": parts.status.as_u16(), "body": body, "isBase64Encoded": encoded });
    match kind {
        Kind::Rest => document["multiValueHeaders"] = several(&parts.headers),
        Kind::Http => {
            document["cookies"] = parts.headers.get_all(SET_COOKIE).iter().map(text).collect();
            document["headers"] = joined(&parts.headers);
        }
        Kind::Balancer { multi } => {
            document["statusDescription"] = json!(parts.status.to_string());
            match multi {
                true => document["multiValueHeaders"] = several(&parts.headers),
                false => document["headers"] = joined(&parts.headers),
            }
        }
    }
    Ok(document)
}

/// How long a text is within JSON.
fn escaped_bytes(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 2,
        0..b' ' => 6,
        _ => 1,
    };
    text.bytes().map(escaped).sum()
}

fn several(headers: &HeaderMap) -> Value {
    let values = |name: &HeaderName| headers.get_all(name).iter().map(text).collect::<Value>();
    headers.keys().map(|name| (name.to_string(), values(name))).collect::<Map<_, _>>().into()
}

/// Values in one line each, as they may be (RFC 9110, 5.3); cookies, which may not, are left out.
fn joined(headers: &HeaderMap) -> Value {
    let line = |name: &HeaderName| headers.get_all(name).iter().map(text).collect::<Vec<_>>().join(", ");
    let names = headers.keys().filter(|name| *name != SET_COOKIE);
    names.map(|name| (name.to_string(), Value::from(line(name)))).collect::<Map<_, _>>().into()
}

fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(body: impl Into<Body>) -> Response<Body> {
        let response = Response::builder().status(201).header("vary", "a").header("vary", "b");
        response.header("set-cookie", "x=1").header("set-cookie", "y=2").body(body.into()).unwrap()
    }

    #[tokio::test]
    async fn each_kind_gets_its_own_document() {
        let of = async |kind| of(kind, response("hello")).await.unwrap();
        let rest = of(Kind::Rest).await;
        assert_eq!(rest["multiValueHeaders"]["vary"], json!(["a", "b"]));
        assert_eq!(rest["multiValueHeaders"]["set-cookie"], json!(["x=1", "y=2"]));
        let http = of(Kind::Http).await;
        assert_eq!((&http["headers"], &http["cookies"]), (&json!({ "vary": "a, b" }), &json!(["x=1", "y=2"])));
        assert_eq!(
            (&http["statusCode"], &http["body"], &http["isBase64Encoded"]),
            (&json!(201), &json!("hello"), &json!(false))
        );
        let one = of(Kind::Balancer { multi: false }).await;
        assert_eq!((&one["statusDescription"], &one["headers"]["vary"]), (&json!("201 Created"), &json!("a, b")));
        assert_eq!(of(Kind::Balancer { multi: true }).await["multiValueHeaders"]["vary"], json!(["a", "b"]));
    }

    #[tokio::test]
    async fn what_is_no_text_goes_in_base64() {
        let binary = of(Kind::Rest, response(vec![0, 159, 146])).await.unwrap();
        assert_eq!((&binary["body"], &binary["isBase64Encoded"]), (&json!("AJ+S"), &json!(true)));
        let mut packed = response("text");
        packed.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(of(Kind::Http, packed).await.unwrap()["body"], json!("dGV4dA=="));
    }

    #[tokio::test]
    async fn the_longest_answer_fits_whatever_it_is_made_of() {
        for (piece, encoded) in [("x", false), ("\"", true), ("\u{1}", true), ("text with a \"word\"\n", false)] {
            let kind = Kind::Balancer { multi: false };
            let text = piece.repeat(kind.bytes_max() / piece.len());
            let document = of(kind, response(text.clone())).await.unwrap();
            assert_eq!(document["isBase64Encoded"], encoded, "{piece:?}");
            assert!(document.to_string().len() < 1_000_000, "{piece:?}");
            assert_eq!(document["body"] == *text, !encoded, "{piece:?}");
        }
    }

    #[test]
    fn the_length_within_json_is_what_it_will_be() {
        let text: String = (0..=u8::MAX).map(char::from).collect();
        assert_eq!(escaped_bytes(&text) + 2, json!(text).to_string().len());
    }
}
