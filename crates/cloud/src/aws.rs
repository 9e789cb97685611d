//! Which region, which endpoint, who we are: what every client of AWS is made of.
//!
//! The library's own retries are off: what may be repeated, and what a lost reply means, is the
//! store's and the queue's to decide. Its timeouts are ours too, since without them a peer that
//! says nothing would be waited for.

use std::time::Duration;

use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{Credentials, ProvideCredentials as _, SharedCredentialsProvider};
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::result::DispatchFailure;
use base::Secret;

use crate::pulse::{Away, Silent};

/// How long an attempt may take to connect.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// How long a connection is kept that nobody uses. After an outage what is idle may be dead without a word, and each
/// that is tried costs one who tries.
const IDLE_MAX: Duration = Duration::from_secs(10);
/// How long an attempt of anything but a long poll may take.
pub(crate) const ATTEMPT_MAX: Duration = Duration::from_secs(5);

/// Where nobody said where.
const REGION: &str = "eu-west-2";

/// An access key that was given, instead of what the credential chain finds.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: Secret<String>,
    /// The token that a temporary one comes with.
    pub session: Option<Secret<String>>,
}

/// Where AWS is.
#[derive(Clone, Debug, Default)]
pub struct Aws {
    /// Such as `eu-west-2`; `None` asks the profile.
    pub region: Option<String>,
    /// Another address than the region's own, such as that of an emulator.
    pub endpoint: Option<String>,
    /// Who we are; `None` asks the chain: profile, web identity, container, instance.
    pub access_key: Option<AccessKey>,
}

impl Aws {
    /// What a client is made of.
    pub async fn sdk_config(&self) -> SdkConfig {
        let region = RegionProviderChain::first_try(self.region.clone().map(Region::new))
            .or_else(ProfileFileRegionProvider::new())
            .or_else(REGION);
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_MAX).build();
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(region)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        if let Some(endpoint) = &self.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some(key) = &self.access_key {
            loader = loader.credentials_provider(key.provider());
        }
        loader.load().await
    }
}

/// Named here, since the library's own choice cannot be listened to ([`Pulse`](crate::pulse::Pulse)).
pub(crate) fn https() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .pool_idle_timeout(IDLE_MAX)
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build_https()
}

impl AccessKey {
    fn provider(&self) -> SharedCredentialsProvider {
        let session = self.session.as_ref().map(|token| token.expose().clone());
        let credentials = Credentials::new(&self.id, self.secret.expose(), session, None, "configuration");
        SharedCredentialsProvider::new(credentials)
    }
}

/// Whether the chain finds anybody to be, and who, for an operator's eyes: never the secret.
///
/// # Errors
/// What the chain says.
pub async fn identity(config: &SdkConfig) -> Result<String, String> {
    let provider = config.credentials_provider().ok_or("no credentials provider")?;
    let found = provider.provide_credentials().await.map_err(|error| DisplayErrorContext(error).to_string())?;
    Ok(found.access_key_id().to_owned())
}

/// What an attempt that failed means, whatever it attempted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It was not applied, and may be later: throttling, a conflict.
    Later(String),
    /// It may have been applied: no answer, or 5xx.
    Lost(String),
    /// It may have been applied, and nobody is there to be asked again.
    Gone(String),
    /// It was not applied and will not be: the code, and what was said.
    Refused(String, String),
}

impl Trouble {
    /// What the error of one call means.
    pub(crate) fn of<E>(error: &SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let (code, server_side) = match error {
            SdkError::ConstructionFailure(_) => return Self::Refused("request".to_owned(), said(error)),
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                (service.err().code().unwrap_or_default().to_owned(), status >= 500)
            }
            SdkError::DispatchFailure(failure) if found::<Away>(failure) => {
                return Self::Refused("away".to_owned(), said(error));
            }
            SdkError::DispatchFailure(failure) if found::<Silent>(failure) => return Self::Gone(said(error)),
            // Nothing was sent, since nobody says who we are.
            SdkError::DispatchFailure(failure) if found::<CredentialsError>(failure) => {
                return Self::Refused("credentials".to_owned(), said(error));
            }
            _ => return Self::Lost(said(error)),
        };
        match code.as_str() {
            "ProvisionedThroughputExceededException"
            | "ThrottlingException"
            | "RequestThrottled"
            | "Throttling"
            | "RequestLimitExceeded"
            | "LimitExceededException"
            | "OverLimit"
            | "TransactionConflictException"
            | "ReplicatedWriteConflictException" => Self::Later(code),
            // The attempt before is under way: what comes of it is what comes of this one.
            "TransactionInProgressException" => Self::Lost(code),
            _ if server_side => Self::Lost(code),
            _ => Self::Refused(code, said(error)),
        }
    }
}

/// Whether this is why an attempt failed.
fn found<E: std::error::Error + 'static>(failure: &DispatchFailure) -> bool {
    let error = failure.as_connector_error().and_then(std::error::Error::source);
    error.is_some_and(|error| error.is::<E>())
}

fn said<E: std::error::Error + 'static>(error: &SdkError<E>) -> String {
    DisplayErrorContext(error).to_string()
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::operation::get_item::GetItemError;
    use aws_smithy_runtime_api::client::result::ConnectorError;

    use super::*;

    fn trouble(error: impl std::error::Error + Send + Sync + 'static) -> Trouble {
        let failure = ConnectorError::other(error.into(), None);
        Trouble::of(&SdkError::<GetItemError>::dispatch_failure(failure))
    }

    #[test]
    fn what_was_not_sent_is_not_lost() {
        assert!(matches!(trouble(Away), Trouble::Refused(code, _) if code == "away"));
        let nobody = CredentialsError::not_loaded("nobody says who we are");
        assert!(matches!(trouble(nobody), Trouble::Refused(code, _) if code == "credentials"));
        assert!(matches!(trouble(Silent), Trouble::Gone(_)));
        assert!(matches!(trouble(std::io::Error::other("cut")), Trouble::Lost(_)));
    }
}
