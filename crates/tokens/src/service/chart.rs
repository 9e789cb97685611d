//! `tokens.chart`: the market of a token, by address, chain and frequency.

use std::time::Duration;

use async_trait::async_trait;
use base::{Error, Result, Scope};
use jiff::Timestamp;
use readthrough::{Producer, Resource, Spec, Subject};

use crate::model::{Address, Chain, Chart, Frequency};
use crate::outbound::gecko::Gecko;

const MINUTE: Duration = Duration::from_secs(60);

/// The resource.
pub struct Charts {
    spec: Spec,
    gecko: Gecko,
}

/// What a chart is about.
pub(super) fn subject(chain: Chain, token: &Address, frequency: Frequency) -> Subject {
    Subject::new([token.to_string().as_str(), chain.as_str(), frequency.as_str()])
}

impl Charts {
    /// Charts of what `gecko` says.
    pub fn new(gecko: Gecko) -> Self {
        let spec = Spec {
            name: "tokens.chart",
            producer: Producer::Inline,
            scope: Scope::TokensRead,
            cached: 10 * MINUTE,
            staleness: Some(10 * MINUTE),
            while_refreshed: 60 * MINUTE,
            if_failing: 24 * 60 * MINUTE,
            absence: MINUTE,
            within: Duration::from_secs(20),
        };
        Self { spec, gecko }
    }
}

#[async_trait]
impl Resource for Charts {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    async fn produce(&self, subject: &Subject, at: Timestamp) -> Result<Option<String>> {
        let [token, chain, frequency] = subject.parts() else { return Err(Error::internal("no subject of a chart")) };
        let (token, chain): (Address, Chain) = (token.parse()?, chain.parse()?);
        let frequency: Frequency = frequency.parse()?;
        let Some(traded) = self.gecko.traded(chain, &token).await? else { return Ok(None) };
        let mut candles = self.gecko.candles(chain, &traded, frequency).await?;
        // Intervals without a trade are left out, and older ones are given in their place.
        candles.retain(|candle| candle.timestamp > at.as_second() - frequency.span_s());
        serde_json::to_string(&Chart::of(traded.market, candles)).map(Some).map_err(Error::internal)
    }
}
