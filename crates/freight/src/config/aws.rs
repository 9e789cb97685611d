//! The variables that everybody who uses AWS knows.
//!
//! Region, endpoints and access key are read from our [`Environment`], so that a `.env` file counts
//! for them as for everything else. Who has no access key there is found by AWS's own chain:
//! profile, web identity, container, instance.

use base::Secret;
use cloud::Aws;
use cloud::aws::AccessKey;

use super::Environment;
use super::uri::{LogsUri, Place};

/// What the environment says about AWS.
#[derive(Clone, Debug, Default)]
pub struct AwsVariables {
    region: Option<String>,
    endpoint_dynamodb: Option<String>,
    endpoint_sqs: Option<String>,
    endpoint_logs: Option<String>,
    endpoint_cognito: Option<String>,
    access_key: Option<AccessKey>,
}

impl AwsVariables {
    /// Where DynamoDB is.
    pub fn dynamodb(&self, place: &Place) -> Aws {
        self.service(place, self.endpoint_dynamodb.clone())
    }

    /// Where SQS is.
    pub fn sqs(&self, place: &Place) -> Aws {
        self.service(place, self.endpoint_sqs.clone())
    }

    /// Where DynamoDB is for tables that are not ours, each of which may name its own region.
    pub fn anywhere(&self) -> Aws {
        self.dynamodb(&Place { region: None, prefix: String::new() })
    }

    /// Where CloudWatch Logs is.
    pub fn logs(&self, uri: &LogsUri) -> Aws {
        let place = Place { region: uri.region.clone(), prefix: String::new() };
        self.service(&place, self.endpoint_logs.clone())
    }

    /// Where the user pools of a region are. Nobody there asks who we are.
    pub fn cognito(&self, region: &str) -> Aws {
        Aws { region: Some(region.to_owned()), endpoint: self.endpoint_cognito.clone(), access_key: None }
    }

    /// The region of the URI wins over that of the environment.
    fn service(&self, place: &Place, endpoint: Option<String>) -> Aws {
        let region = place.region.clone().or_else(|| self.region.clone());
        Aws { region, endpoint, access_key: self.access_key.clone() }
    }
}

/// Reads the variables.
pub(super) fn read(environment: &Environment) -> AwsVariables {
    let first = |names: &[&str]| names.iter().find_map(|name| environment.get(name)).map(str::to_owned);
    let access_key = match (environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")) {
        (Some(id), Some(secret)) => Some(AccessKey {
            id: id.to_owned(),
            secret: Secret::new(secret.to_owned()),
            session: first(&["AWS_SESSION_TOKEN"]).map(Secret::new),
        }),
        _ => None,
    };
    AwsVariables {
        region: first(&["AWS_REGION", "AWS_DEFAULT_REGION"]),
        endpoint_dynamodb: first(&["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"]),
        endpoint_sqs: first(&["AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL"]),
        endpoint_logs: first(&["AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "AWS_ENDPOINT_URL"]),
        endpoint_cognito: first(&["AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", "AWS_ENDPOINT_URL"]),
        access_key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_word_wins() {
        let place = |region: Option<&str>| Place { region: region.map(str::to_owned), prefix: String::new() };
        let variables = read(&Environment::of([
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:2"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ]));
        let (dynamodb, sqs) = (variables.dynamodb(&place(None)), variables.sqs(&place(Some("eu-north-1"))));
        assert_eq!([&dynamodb.region, &sqs.region].map(Option::as_deref), [Some("eu-west-1"), Some("eu-north-1")]);
        assert_eq!(dynamodb.endpoint.as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(sqs.endpoint.as_deref(), Some("http://127.0.0.1:2"));
        assert_eq!(sqs.access_key.as_ref().map(|key| key.id.as_str()), Some("id"));
        assert!(!format!("{variables:?}").contains("hunter2"));
        assert!(read(&Environment::default()).dynamodb(&place(None)).region.is_none());
    }
}
