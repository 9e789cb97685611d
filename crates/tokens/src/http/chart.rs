//! The chart endpoint.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use readthrough::Asked;
use serde::Deserialize;
use utoipa::IntoParams;
use web::scope::TokensRead;
use web::{Answer, Caller, Demanded, Params, PathIds, Prefer};

use super::kept;
use crate::Tokens;
use crate::model::{Address, Chain, Chart, Frequency};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ChartParams {
    /// How far back: `1h` by the minute, `4h` by 5 minutes, `1d` by 15 minutes, `1w` by the hour, `1m` by 4
    /// hours, `all` by the day; `1d` unless said.
    #[param(value_type = Option<String>, pattern = "^(1h|4h|1d|1w|1m|all)$")]
    frequency: Option<String>,
}

/// Reads the chart of a token's market, at most ten minutes old, or says how old it is.
#[utoipa::path(get, path = "/v1/chart/{chain}/{token_address}",
    params(ChartParams,
        ("chain" = String, Path, description = "`ethereum`, `arbitrum` or `base`"),
        ("token_address" = String, Path, description = "`0x` and 40 hex digits; capitals as of EIP-55, or none"),
        ("Cache-Control" = Option<String>, Header,
            description = "`max-age=N`, `max-stale=N`, `no-cache`, `only-if-cached`"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the caller has")),
    responses((status = 200, body = Chart), (status = 501, description = "A chain that is not supported"),
        (status = 502, description = "The source of market data fails, and there is no earlier answer")))]
pub(super) async fn chart_get(
    caller: Caller<TokensRead>,
    State(tokens): State<Arc<Tokens>>,
    PathIds(chain, token): PathIds<Chain, Address>,
    Params(params): Params<ChartParams>,
    Demanded(demand): Demanded,
    prefer: Prefer,
) -> Answer<Response> {
    let frequency: Frequency = params.frequency.as_deref().unwrap_or("1d").parse()?;
    let asked = Asked { demand, wait: prefer.wait.unwrap_or_default() };
    let outcome = tokens.chart_get(&caller, (chain, &token), frequency, asked).await?;
    let chain = chain.as_str();
    let absent = format!("No market of a token {token} on chain {chain} is known");
    let queued = format!("Token {token} on chain {chain} was queued for its chart.");
    let at = format!("/v1/chart/{chain}/{token}?frequency={}", frequency.as_str());
    kept::answer(outcome, &absent, (queued, at))
}
