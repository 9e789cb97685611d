//! The stand-in of GeckoTerminal: the pools of a token, and candles of a pool.
//!
//! `GET /api/v2/networks/{network}/tokens/{address}/pools` and
//! `GET /api/v2/networks/{network}/pools/{pool}/ohlcv/{timeframe}?aggregate=&limit=&before_timestamp=&token=`, after
//! its public documentation: candles are `[start, open, high, low, close, volume]`, the newest first, at most
//! 1,000 (100 unless said), and an interval in which nothing was traded is left out. A token whose address
//! ends in `0000` is not there, and one whose address ends in `9999` is what others are priced in: the quote
//! token of its pool, near a dollar. Currencies other than `usd` are not imitated.

mod market;

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::desk::{Call, Desk, defect};
use crate::fault::Fault;
use crate::journal::Class;
use market::{Pool, Width};

const POOLS: &str = "/api/v2/networks/{network}/tokens/{address}/pools";
const CANDLES: &str = "/api/v2/networks/{network}/pools/{pool}/ohlcv/{timeframe}";
const NETWORKS: [&str; 3] = ["eth", "arbitrum", "base"];
const CANDLES_MAX: usize = 1_000;
const CANDLES_DEFAULT: usize = 100;

pub(crate) fn routes() -> Router<Arc<Desk>> {
    Router::new().route(POOLS, get(pools)).route(CANDLES, get(candles))
}

async fn pools(State(desk): State<Arc<Desk>>, Path((network, address)): Path<(String, String)>) -> Response {
    reply(&desk, POOLS, |seed, now| {
        if !is_network(&network) || !is_address(&address) || address.ends_with("0000") {
            return not_found();
        }
        let pool = Pool::of(seed, &network, &address);
        Answer::json(Class::Array, json!({ "data": [pool.shown(&network, &address, now)] }).to_string().into())
    })
    .await
}

#[derive(Deserialize)]
struct Asked {
    aggregate: Option<i64>,
    limit: Option<usize>,
    before_timestamp: Option<i64>,
    currency: Option<String>,
    token: Option<String>,
}

async fn candles(
    State(desk): State<Arc<Desk>>,
    Path((network, pool, timeframe)): Path<(String, String, String)>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    reply(&desk, CANDLES, |seed, now| {
        let Ok(Query(asked)) = asked else { return invalid("a parameter is not what it should be") };
        let Some(width) = Width::of(&timeframe, asked.aggregate.unwrap_or(1)) else {
            return invalid("this timeframe has no such aggregate");
        };
        if asked.currency.is_some_and(|name| name != "usd") {
            return Answer::unsupported("other currencies than usd");
        }
        let is_base = match asked.token.as_deref() {
            None | Some("base") => true,
            Some("quote") => false,
            Some(_) => return Answer::unsupported("tokens by their address"),
        };
        if !is_network(&network) || !is_address(&pool) {
            return not_found();
        }
        let count = asked.limit.unwrap_or(CANDLES_DEFAULT).min(CANDLES_MAX);
        let pool_of = if is_base { Pool::named } else { Pool::quoted };
        let list: Vec<Value> = pool_of(seed, &pool).candles(width, asked.before_timestamp.unwrap_or(now), count);
        let body = json!({
            "data": { "id": pool, "type": "ohlcv_request_response", "attributes": { "ohlcv_list": list } },
            "meta": { "base": { "symbol": "TKN" }, "quote": { "symbol": "USDC" } },
        });
        Answer::json(Class::Object, body.to_string().into())
    })
    .await
}

async fn reply(desk: &Arc<Desk>, path: &'static str, good: impl FnOnce(u64, i64) -> Answer) -> Response {
    desk.count();
    let call = Call { path, size: None };
    let ticket = match desk.admit() {
        Ok(ticket) => ticket,
        Err(refusal) => return desk.reply(call, None, refusal).await,
    };
    let good = good(ticket.behaviour.seed, desk.clock().now().as_second());
    let answer = match ticket.fault() {
        Some(Fault::Malformed) => match malformed(&good) {
            Ok(answer) => answer,
            Err(error) => return defect(&error),
        },
        Some(fault) => fault.spoil(good, ticket.behaviour.retry_after_s, &mut ticket.dice("spoil")),
        None => good,
    };
    desk.reply(call, Some(ticket), answer).await
}

/// The same without what it is about.
fn malformed(good: &Answer) -> serde_json::Result<Answer> {
    let mut body: Value = serde_json::from_slice(&good.body)?;
    for part in ["/data/attributes", "/data/0/attributes"] {
        if let Some(attributes) = body.pointer_mut(part).and_then(Value::as_object_mut) {
            attributes.clear();
        }
    }
    Ok(Answer::json(Class::Fault(Fault::Malformed), body.to_string().into()))
}

fn not_found() -> Answer {
    let body = json!({ "errors": [{ "status": "404", "title": "Not Found" }] }).to_string();
    Answer { status: axum::http::StatusCode::NOT_FOUND, ..Answer::json(Class::NotFound, body.into()) }
}

fn invalid(title: &str) -> Answer {
    let body = json!({ "errors": [{ "status": "400", "title": title }] }).to_string();
    Answer { status: axum::http::StatusCode::BAD_REQUEST, ..Answer::json(Class::Unsupported, body.into()) }
}

fn is_network(name: &str) -> bool {
    NETWORKS.contains(&name)
}

fn is_address(text: &str) -> bool {
    text.strip_prefix("0x").is_some_and(|digits| digits.len() == 40 && digits.bytes().all(|c| c.is_ascii_hexdigit()))
}
