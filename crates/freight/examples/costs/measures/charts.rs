//! Answers that are kept.

use super::desk::{Desk, ROOMY};
use super::{Measure, Most};

const OPERATION: &str = "GET /v1/chart/{chain}/{token_address}";
const CHART: &str = "/v1/chart/ethereum/0x00000000000000000000000000000000000000aa";

pub(super) async fn measures() -> Vec<Measure> {
    let mut desk = Desk::open(ROOMY).await;
    desk.get(["cached", OPERATION, "cached"], Most::of(0.0, [0.0, 0.0]).cached(1.0), CHART).await;
    let mut forgetful = Desk::open(0).await;
    let stored = ["stored", OPERATION, "stored and fresh"];
    forgetful.get(stored, Most::of(1.0, [4.0, 0.0]).cached(2.0), CHART).await;
    let mut measures = desk.close();
    measures.extend(forgetful.close());
    measures
}
