//! The ways an answer can be broken on purpose.
//!
//! Which fault a call gets, if any, is drawn from the seed and the number of the call alone; so a
//! fault belongs to its number, like the content it spoils.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use axum::http::StatusCode;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::answer::{Answer, Delivery, JSON};
use crate::dice::Dice;
use crate::journal::Class;

/// A way to break an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Fault {
    /// 500 with a JSON body.
    #[serde(rename = "status_500")]
    Status500,
    /// 503 with an HTML body.
    #[serde(rename = "status_503")]
    Status503,
    /// 429 with `Retry-After`.
    #[serde(rename = "status_429")]
    Status429,
    /// The request is read, then the connection is reset.
    #[serde(rename = "reset")]
    Reset,
    /// The connection ends in the middle of the body.
    #[serde(rename = "cut")]
    Cut,
    /// 200 with a whole HTTP message whose JSON ends too early.
    #[serde(rename = "truncated")]
    Truncated,
    /// A good answer whose body arrives in small pieces.
    #[serde(rename = "slow")]
    Slow,
    /// 200 with an HTML page.
    #[serde(rename = "html")]
    Html,
    /// 200, said to be JSON, and none.
    #[serde(rename = "not_json")]
    NotJson,
    /// 200 with JSON of another shape than the API has.
    #[serde(rename = "wrong_shape")]
    WrongShape,
    /// Some records lack their id or their last name.
    #[serde(rename = "malformed")]
    Malformed,
}

/// A name that no fault has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown fault {0:?}")]
pub struct UnknownFault(String);

impl Fault {
    /// Every fault, in the order in which they are drawn.
    pub const ALL: [Self; 11] = [
        Self::Status500,
        Self::Status503,
        Self::Status429,
        Self::Reset,
        Self::Cut,
        Self::Truncated,
        Self::Slow,
        Self::Html,
        Self::NotJson,
        Self::WrongShape,
        Self::Malformed,
    ];

    /// The name in configuration and journal.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status500 => "status_500",
            Self::Status503 => "status_503",
            Self::Status429 => "status_429",
            Self::Reset => "reset",
            Self::Cut => "cut",
            Self::Truncated => "truncated",
            Self::Slow => "slow",
            Self::Html => "html",
            Self::NotJson => "not_json",
            Self::WrongShape => "wrong_shape",
            Self::Malformed => "malformed",
        }
    }

    /// The fault of this call, or none.
    pub(crate) fn draw(likely: &BTreeMap<Self, f64>, dice: &mut Dice) -> Option<Self> {
        let drawn = dice.unit();
        let mut reached = 0.0;
        likely.iter().find_map(|(fault, likely)| {
            reached += likely;
            (drawn < reached).then_some(*fault)
        })
    }

    /// What becomes of a good answer. A malformed one is made by its stand-in, which alone knows
    /// what a record needs; it is returned as it came.
    pub(crate) fn spoil(self, good: Answer, retry_after_s: u64, dice: &mut Dice) -> Answer {
        let class = Class::Fault(self);
        let bad = |status, content_type, body| Answer { status, content_type, ..Answer::json(class, body) };
        match self {
            Self::Status500 => {
                bad(StatusCode::INTERNAL_SERVER_ERROR, JSON, r#"{"status":500,"error":"Internal Server Error"}"#.into())
            }
            Self::Status503 => bad(StatusCode::SERVICE_UNAVAILABLE, "text/html", page("Service Unavailable")),
            Self::Status429 => Answer::too_many(class, retry_after_s),
            Self::Reset => Answer { delivery: Delivery::Reset, ..Answer::json(class, Bytes::new()) },
            Self::Cut => {
                let delivery = Delivery::Cut { declared_bytes: good.body.len() };
                Answer { delivery, ..Answer::json(class, beginning(&good.body, dice)) }
            }
            Self::Truncated => Answer::json(class, beginning(&good.body, dice)),
            Self::Slow => Answer { class, delivery: Delivery::Paced, ..good },
            Self::Html => bad(StatusCode::OK, "text/html; charset=utf-8", page("Down for maintenance")),
            Self::NotJson => Answer::json(class, Bytes::from_static(dice.pick(&NOT_JSON))),
            Self::WrongShape => Answer::json(class, wrong_shape(&good.body, dice)),
            Self::Malformed => good,
        }
    }
}

/// Texts that a JSON parser refuses: words, nothing, two values, and bytes that are not UTF-8.
const NOT_JSON: [&[u8]; 4] = [b"try again later", b"", b"{} {}", b"[{\"id\":1,\"last_name\":\"\xff\xfe\"}]"];

/// A strict, non-empty beginning: of an object or array it is never JSON itself.
fn beginning(body: &Bytes, dice: &mut Dice) -> Bytes {
    let most = body.len().saturating_sub(1).max(1) as u64;
    body.slice(..(1 + dice.below(most) as usize).min(body.len()))
}

fn wrong_shape(good: &Bytes, dice: &mut Dice) -> Bytes {
    let good = String::from_utf8_lossy(good);
    match dice.below(5) {
        0 => "null".into(),
        1 => "{}".into(),
        2 => r#""users""#.into(),
        3 => format!(r#"{{"users":{good}}}"#).into(),
        _ => format!("[[{good}]]").into(),
    }
}

fn page(title: &str) -> Bytes {
    format!("<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>").into()
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        Self::ALL.into_iter().find(|fault| fault.as_str() == text).ok_or_else(|| UnknownFault(text.to_owned()))
    }
}
