//! What an invocation is about, by the shape of its document.
//!
//! The shapes are AWS's ([Lambda: using other services]). One type reads all four kinds of HTTP
//! requests, since they differ in where they say the same things; why no library's types, stands in
//! `docs/decisions/0050-events-of-our-own.md`.
//!
//! [Lambda: using other services]: https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// One invocation.
#[derive(Debug)]
pub enum Event {
    /// A request to answer.
    Http(Box<HttpEvent>),
    /// Messages that SQS delivered.
    Rings(Vec<Record>),
    /// A schedule of EventBridge ticked.
    Tick,
}

/// A message that SQS delivered.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Names the delivery in the answer.
    pub message_id: String,
    /// The message.
    pub body: String,
    event_source: String,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: String,
}

impl Record {
    /// The name of the queue.
    pub fn queue(&self) -> &str {
        self.event_source_arn.rsplit(':').next().unwrap_or_default()
    }
}

/// What tells the shapes apart.
#[derive(Deserialize)]
struct Shape {
    #[serde(rename = "Records")]
    records: Option<Vec<Record>>,
    #[serde(rename = "requestContext")]
    context: Option<IgnoredAny>,
    #[serde(rename = "detail-type")]
    detail_type: Option<String>,
}

impl Event {
    /// Reads an invocation's document.
    ///
    /// # Errors
    /// When it is of no shape that is known here.
    pub fn of(text: &str) -> Result<Self> {
        let shape: Shape = serde_json::from_str(text).context("an event")?;
        match shape {
            Shape { records: Some(records), .. } => {
                if let Some(other) = records.iter().find(|record| record.event_source != "aws:sqs") {
                    bail!("records of {}; only those of aws:sqs are known", other.event_source);
                }
                Ok(Self::Rings(records))
            }
            Shape { context: Some(_), .. } => Ok(Self::Http(serde_json::from_str(text).context("a request")?)),
            Shape { detail_type: Some(detail), .. } if detail == "Scheduled Event" => Ok(Self::Tick),
            _ => bail!(
                "no event that is known: requests of API Gateway, a function URL or a load balancer, records of SQS, \
                 and scheduled events of EventBridge are"
            ),
        }
    }
}

/// Who hands us a request, and how the answer has to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// API Gateway, a REST API, or an HTTP API with payloads of version 1.0.
    Rest,
    /// API Gateway, an HTTP API with payloads of version 2.0; or a function URL.
    Http,
    /// An Application Load Balancer; with several values for a header if its target group says so.
    Balancer {
        /// Whether its target group says so.
        multi: bool,
    },
}

/// An HTTP request of any kind.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpEvent {
    pub(super) http_method: Option<String>,
    pub(super) path: Option<String>,
    pub(super) raw_path: Option<String>,
    pub(super) raw_query_string: Option<String>,
    pub(super) headers: Option<BTreeMap<String, String>>,
    pub(super) multi_value_headers: Option<BTreeMap<String, Vec<String>>>,
    pub(super) query_string_parameters: Option<BTreeMap<String, String>>,
    pub(super) multi_value_query_string_parameters: Option<BTreeMap<String, Vec<String>>>,
    pub(super) cookies: Option<Vec<String>>,
    pub(super) body: Option<String>,
    pub(super) is_base64_encoded: Option<bool>,
    pub(super) request_context: RequestContext,
}

/// What is known around a request.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RequestContext {
    pub(super) stage: Option<String>,
    pub(super) path: Option<String>,
    domain_name: Option<String>,
    pub(super) identity: Option<Identity>,
    pub(super) http: Option<HttpContext>,
    authorizer: Option<Authorizer>,
    elb: Option<IgnoredAny>,
}

/// Who called a REST API.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identity {
    pub(super) source_ip: Option<String>,
    user_arn: Option<String>,
}

/// What was called, and from where, in version 2.0.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HttpContext {
    pub(super) method: String,
    pub(super) source_ip: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Authorizer {
    iam: Option<Iam>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Iam {
    user_arn: Option<String>,
}

impl HttpEvent {
    /// Who hands us the request.
    pub fn kind(&self) -> Kind {
        match &self.request_context {
            RequestContext { elb: Some(_), .. } => Kind::Balancer { multi: self.multi_value_headers.is_some() },
            RequestContext { http: Some(_), .. } => Kind::Http,
            _ => Kind::Rest,
        }
    }

    /// Whether `rawPath` is what was sent. An HTTP API decodes it; a function URL, whose domain tells it from
    /// one, does not.
    pub(super) fn has_path_as_sent(&self) -> bool {
        self.request_context.domain_name.as_deref().is_some_and(|name| name.contains(".lambda-url."))
    }

    /// Who signed the request, as AWS has verified it.
    pub(super) fn caller_arn(&self) -> Option<&str> {
        let context = &self.request_context;
        let rest = context.identity.as_ref().and_then(|identity| identity.user_arn.as_deref());
        let iam = || context.authorizer.as_ref().and_then(|authorizer| authorizer.iam.as_ref()?.user_arn.as_deref());
        rest.or_else(iam)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_no_known_shape_is_told_apart() {
        let refused = |text| format!("{:#}", Event::of(text).unwrap_err());
        assert!(refused("{}").starts_with("no event that is known"));
        assert!(refused(r#"{"detail-type":"Object Created"}"#).starts_with("no event that is known"));
        let notice = r#"{"Records":[{"messageId":"1","body":"x","eventSource":"aws:sns","eventSourceARN":"arn:a"}]}"#;
        assert_eq!(refused(notice), "records of aws:sns; only those of aws:sqs are known");
        assert!(matches!(Event::of(r#"{"detail-type":"Scheduled Event"}"#), Ok(Event::Tick)));
    }

    #[test]
    fn a_caller_who_signed_is_known_by_either_place() {
        let arn = |text| match Event::of(text) {
            Ok(Event::Http(event)) => event.caller_arn().map(str::to_owned),
            other => panic!("{other:?}"),
        };
        assert_eq!(arn(r#"{"requestContext":{"identity":{"userArn":"arn:rest"}}}"#).as_deref(), Some("arn:rest"));
        let http = r#"{"requestContext":{"http":{"method":"GET"},"authorizer":{"iam":{"userArn":"arn:http"}}}}"#;
        assert_eq!(arn(http).as_deref(), Some("arn:http"));
        assert_eq!(arn(r#"{"requestContext":{"authorizer":{"claims":{}}},"headers":{"x":"y"}}"#), None);
    }
}
