//! What people send when they sign in, and what they are answered.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::identity::local::JwkEntry;
use crate::identity::{Challenge, Delivery, SignedIn, Tokens};

/// Somebody to be made a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignUpAsk {
    #[schema(example = "jane@example.com")]
    pub(super) email: String,
    /// At least 10 characters, at most 256 bytes.
    #[schema(example = "correct horse battery")]
    pub(super) password: String,
}

/// Somebody who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInAsk {
    #[schema(example = "jane@example.com")]
    pub(super) email: String,
    #[schema(example = "correct horse battery")]
    pub(super) password: String,
}

/// Whom a code is to be sent to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeAsk {
    #[schema(example = "jane@example.com")]
    pub(super) email: String,
}

/// The code that was sent to an address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmAsk {
    #[schema(example = "jane@example.com")]
    pub(super) email: String,
    /// Six digits.
    #[schema(example = "123456")]
    pub(super) code: String,
}

/// The code that was sent to an address, and the password that is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetAsk {
    #[schema(example = "jane@example.com")]
    pub(super) email: String,
    /// Six digits.
    #[schema(example = "123456")]
    pub(super) code: String,
    /// At least 10 characters, at most 256 bytes.
    #[schema(example = "correct horse battery")]
    pub(super) password: String,
}

/// What a session is gone on with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshAsk {
    pub(super) refresh_token: String,
}

/// Where a code went; the same whether or not there was anybody to send one to.
#[derive(Serialize, ToSchema)]
pub(crate) struct CodeSent {
    pub(super) delivery: DeliveryView,
}

/// What became of signing up; the same whether or not the address was known.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignedUp {
    /// Always false: the address is to be confirmed first.
    pub(super) confirmed: bool,
    pub(super) delivery: DeliveryView,
}

/// How a code reaches somebody.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryView {
    #[schema(example = "email")]
    medium: &'static str,
    /// The address, but for most of its letters.
    #[schema(example = "j***@e***")]
    destination: String,
}

/// It was done.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuthDone {
    #[schema(example = "The email address is confirmed.")]
    pub(super) detail: &'static str,
}

/// What a session is held by.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokensView {
    /// Goes into `Authorization: Bearer`.
    access_token: String,
    /// Gets the next tokens, once.
    refresh_token: String,
    /// Who signed in, for the program that they did it with; from Cognito only.
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// For how many seconds the access token is good.
    #[schema(example = 900)]
    expires_in: u64,
}

/// What came of signing in: a session, or what else the provider asks for.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum SignedInView {
    Tokens(TokensView),
    Challenge(ChallengeView),
}

/// What the provider asks for, as it asks.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChallengeView {
    #[schema(example = "NEW_PASSWORD_REQUIRED")]
    challenge: String,
    /// Goes back to the provider with the answer.
    session: Option<String>,
    #[schema(value_type = Object)]
    parameters: Map<String, Value>,
}

/// A token was taken.
#[derive(Serialize, ToSchema)]
pub(crate) struct ValidToken {
    #[schema(example = 200)]
    pub(super) status_code: u16,
    #[schema(example = "Successfully authenticated.")]
    pub(super) detail: &'static str,
}

/// The keys that verify access tokens, as RFC 7517 has it.
#[derive(Serialize, ToSchema)]
pub(crate) struct JwkSet {
    #[schema(value_type = Vec<Object>)]
    pub(super) keys: Vec<JwkEntry>,
}

impl From<Delivery> for DeliveryView {
    fn from(Delivery { medium, destination }: Delivery) -> Self {
        Self { medium, destination }
    }
}

impl From<Tokens> for TokensView {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access_token.expose().clone(),
            refresh_token: tokens.refresh_token.expose().clone(),
            id_token: tokens.id_token.map(|token| token.expose().clone()),
            token_type: "Bearer",
            expires_in: tokens.expires_in_s,
        }
    }
}

impl From<SignedIn> for SignedInView {
    fn from(came: SignedIn) -> Self {
        match came {
            SignedIn::Tokens(tokens) => Self::Tokens(tokens.into()),
            SignedIn::Challenge(Challenge { name, session, parameters }) => Self::Challenge(ChallengeView {
                challenge: name,
                session: session.map(|session| session.expose().clone()),
                parameters: parameters.into_iter().map(|(name, value)| (name, value.into())).collect(),
            }),
        }
    }
}
