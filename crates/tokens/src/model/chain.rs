//! Chains.

use std::str::FromStr;

use base::{Error, ErrorKind};

/// A chain whose tokens are known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// Chain 1.
    Ethereum,
    /// Chain 42161.
    Arbitrum,
    /// Chain 8453.
    Base,
}

impl Chain {
    /// Every chain.
    pub const ALL: [Self; 3] = [Self::Ethereum, Self::Arbitrum, Self::Base];

    /// Its name in paths.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ethereum => "ethereum",
            Self::Arbitrum => "arbitrum",
            Self::Base => "base",
        }
    }

    /// What GeckoTerminal calls it.
    pub const fn network(self) -> &'static str {
        match self {
            Self::Ethereum => "eth",
            Self::Arbitrum => "arbitrum",
            Self::Base => "base",
        }
    }
}

impl FromStr for Chain {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|chain| chain.as_str() == text).ok_or_else(|| {
            let message =
                format!("This chain is not supported. Must be one of {}", Self::ALL.map(Self::as_str).join(", "));
            Error::new(ErrorKind::NotImplemented, message.clone()).with_detail("value_error", "chain", message)
        })
    }
}
