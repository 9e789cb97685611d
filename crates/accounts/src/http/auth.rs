//! Signing up, in, on and out.
//!
//! Who asks is nobody yet, so each source address has a rate of its own here, beside that of all routes.

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, StatusCode};
use base::{Error, ErrorKind, Result, Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use web::scope::{AnyScope, Anyone};
use web::{Answer, Body, Caller, Json};

use super::Api;
use super::identity::token;
use crate::identity::{Challenge, Code, Delivery, Email, Password, SignedIn, Tokens};

/// Somebody to be made a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignUpAsk {
    #[schema(example = "jane@example.com")]
    email: String,
    /// At least 10 characters, at most 256 bytes.
    #[schema(example = "correct horse battery")]
    password: String,
}

/// Somebody who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignInAsk {
    #[schema(example = "jane@example.com")]
    email: String,
    #[schema(example = "correct horse battery")]
    password: String,
}

/// Whom a code is to be sent to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeAsk {
    #[schema(example = "jane@example.com")]
    email: String,
}

/// The code that was sent to an address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmAsk {
    #[schema(example = "jane@example.com")]
    email: String,
    /// Six digits.
    #[schema(example = "123456")]
    code: String,
}

/// The code that was sent to an address, and the password that is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResetAsk {
    #[schema(example = "jane@example.com")]
    email: String,
    /// Six digits.
    #[schema(example = "123456")]
    code: String,
    /// At least 10 characters, at most 256 bytes.
    #[schema(example = "correct horse battery")]
    password: String,
}

/// What a session is gone on with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshAsk {
    refresh_token: String,
}

/// Where a code went; the same whether or not there was anybody to send one to.
#[derive(Serialize, ToSchema)]
pub(super) struct CodeSent {
    delivery: DeliveryView,
}

/// What became of signing up; the same whether or not the address was known.
#[derive(Serialize, ToSchema)]
pub(super) struct SignedUp {
    /// Always false: the address is to be confirmed first.
    confirmed: bool,
    delivery: DeliveryView,
}

/// How a code reaches somebody.
#[derive(Serialize, ToSchema)]
struct DeliveryView {
    #[schema(example = "email")]
    medium: &'static str,
    /// The address, but for most of its letters.
    #[schema(example = "j***@e***")]
    destination: String,
}

/// It was done.
#[derive(Serialize, ToSchema)]
pub(super) struct AuthDone {
    #[schema(example = "The email address is confirmed.")]
    detail: &'static str,
}

/// What a session is held by.
#[derive(Serialize, ToSchema)]
pub(super) struct TokensView {
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
pub(super) enum SignedInView {
    Tokens(TokensView),
    Challenge(ChallengeView),
}

/// What the provider asks for, as it asks.
#[derive(Serialize, ToSchema)]
pub(super) struct ChallengeView {
    #[schema(example = "NEW_PASSWORD_REQUIRED")]
    challenge: String,
    /// Goes back to the provider with the answer.
    session: Option<String>,
    #[schema(value_type = Object)]
    parameters: Map<String, Value>,
}

/// A token was taken.
#[derive(Serialize, ToSchema)]
pub(super) struct ValidToken {
    #[schema(example = 200)]
    status_code: u16,
    #[schema(example = "Successfully authenticated.")]
    detail: &'static str,
}

/// The keys that verify access tokens, as RFC 7517 has it.
#[derive(Serialize, ToSchema)]
pub(super) struct JwkSet {
    #[schema(value_type = Vec<Object>)]
    keys: Vec<crate::identity::local::JwkEntry>,
}

/// Signs somebody up: a code goes to the address, and until it is confirmed they are nobody.
#[utoipa::path(post, path = "/v1/auth/signup", request_body = SignUpAsk,
    responses((status = 201, body = SignedUp), (status = 403, description = "Nobody can sign up here"),
        (status = 501, description = "This server signs nobody in")))]
pub(super) async fn sign_up(
    caller: Caller<Anyone>,
    State(api): State<Api>,
    Body(body): Body<SignUpAsk>,
) -> Answer<(StatusCode, Json<SignedUp>)> {
    let (email, password) = (body.email.parse()?, Password::new(body.password)?);
    let delivery = api.accounts.provider()?.sign_up(&caller, &email, &password).await?;
    Ok((StatusCode::CREATED, Json(SignedUp { confirmed: false, delivery: delivery.into() })))
}

/// Confirms an address with the code that was sent to it.
#[utoipa::path(post, path = "/v1/auth/confirm", request_body = ConfirmAsk,
    responses((status = 200, body = AuthDone), (status = 501, description = "This server signs nobody in")))]
pub(super) async fn confirm(
    caller: Caller<Anyone>,
    State(api): State<Api>,
    Body(body): Body<ConfirmAsk>,
) -> Answer<Json<AuthDone>> {
    let (email, code): (Email, Code) = (body.email.parse()?, body.code.parse()?);
    api.accounts.provider()?.confirm(&caller, &email, &code).await?;
    Ok(Json(AuthDone { detail: "The email address is confirmed." }))
}

/// Sends another code, if the address waits to be confirmed.
#[utoipa::path(post, path = "/v1/auth/resend", request_body = CodeAsk,
    responses((status = 200, body = CodeSent), (status = 501, description = "This server signs nobody in")))]
pub(super) async fn resend(
    caller: Caller<Anyone>,
    State(api): State<Api>,
    Body(body): Body<CodeAsk>,
) -> Answer<Json<CodeSent>> {
    let delivery = api.accounts.provider()?.resend(&caller, &body.email.parse()?).await?;
    Ok(Json(CodeSent { delivery: delivery.into() }))
}

/// Begins a session.
#[utoipa::path(post, path = "/v1/auth/signin", request_body = SignInAsk,
    responses((status = 200, body = SignedInView), (status = 401, description = "Wrong address or password"),
        (status = 403, description = "The address is not confirmed yet"),
        (status = 501, description = "This server signs nobody in")))]
pub(super) async fn sign_in(
    caller: Caller<Anyone>,
    State(api): State<Api>,
    Body(body): Body<SignInAsk>,
) -> Answer<Json<SignedInView>> {
    let provider = api.accounts.provider()?;
    let email = body.email.parse()?;
    // What cannot be a password is not one: no more is said about it.
    let password = Password::new(body.password).map_err(|_| crate::identity::wrong_password());
    let came = match password {
        Ok(password) => provider.sign_in(&caller, &email, &password).await,
        Err(error) => Err(error),
    };
    Ok(Json(api.counted(came, "sign-in refused")?.into()))
}

/// Goes on with a session: the refresh token is used up, and another comes with the access token.
#[utoipa::path(post, path = "/v1/auth/refresh", request_body = RefreshAsk,
    responses((status = 200, body = TokensView), (status = 401, description = "No session has this token"),
        (status = 501, description = "This server signs nobody in")))]
pub(super) async fn refresh(
    caller: Caller<Anyone>,
    State(api): State<Api>,
    Body(body): Body<RefreshAsk>,
) -> Answer<Json<TokensView>> {
    let came = api.accounts.provider()?.refresh(&caller, &Secret::new(body.refresh_token)).await;
    Ok(Json(api.counted(came, "refresh token refused")?.into()))
}

/// Ends the session of the access token that the request carries.
#[utoipa::path(post, path = "/v1/auth/signout",
    responses((status = 204, description = "It has ended"), (status = 501, description = "This server signs nobody in")))]
pub(super) async fn sign_out(caller: Caller<AnyScope>, State(api): State<Api>) -> Answer<StatusCode> {
    let provider = api.accounts.provider()?;
    let shown = caller.credential().and_then(token).ok_or_else(no_token)?;
    provider.sign_out(&caller, shown).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a code to set another password with, if there is such a user.
#[utoipa::path(post, path = "/v1/auth/password/forgot", request_body = CodeAsk,
    responses((status = 200, body = CodeSent), (status = 501, description = "This server signs nobody in")))]
pub(super) async fn forgot_password(
    caller: Caller<Anyone>,
    State(api): State<Api>,
    Body(body): Body<CodeAsk>,
) -> Answer<Json<CodeSent>> {
    let delivery = api.accounts.provider()?.forgot_password(&caller, &body.email.parse()?).await?;
    Ok(Json(CodeSent { delivery: delivery.into() }))
}

/// Sets another password, and ends every session.
#[utoipa::path(post, path = "/v1/auth/password/reset", request_body = ResetAsk,
    responses((status = 200, body = AuthDone), (status = 501, description = "This server signs nobody in")))]
pub(super) async fn reset_password(
    caller: Caller<Anyone>,
    State(api): State<Api>,
    Body(body): Body<ResetAsk>,
) -> Answer<Json<AuthDone>> {
    let (email, code): (Email, Code) = (body.email.parse()?, body.code.parse()?);
    let password = Password::new(body.password)?;
    api.accounts.provider()?.reset_password(&caller, &email, &code, &password).await?;
    Ok(Json(AuthDone { detail: "The password is set. Sign in with it." }))
}

/// Says whether an access token is good.
#[utoipa::path(get, path = "/v1/auth/valid", responses((status = 200, body = ValidToken)))]
pub(super) async fn valid(caller: Caller<AnyScope>) -> Answer<Json<ValidToken>> {
    caller.credential().and_then(token).ok_or_else(no_token)?;
    Ok(Json(ValidToken { status_code: 200, detail: "Successfully authenticated." }))
}

/// The keys that verify this server's own access tokens; none where it makes no tokens.
#[utoipa::path(get, path = "/.well-known/jwks.json", responses((status = 200, body = JwkSet)))]
pub(super) async fn jwks(
    _caller: Caller<Anyone>,
    State(api): State<Api>,
) -> Answer<([(HeaderName, &'static str); 1], Json<JwkSet>)> {
    let keys = match api.accounts.local() {
        Some(local) => local.jwks().await?.keys,
        None => Vec::new(),
    };
    Ok(([(CACHE_CONTROL, "public, max-age=300")], Json(JwkSet { keys })))
}

fn no_token() -> Error {
    Error::new(ErrorKind::Forbidden, "This needs an access token")
}

impl Api {
    /// Counts a refusal in the audit of the platform: whose it would have been, is not known.
    fn counted<T>(&self, came: Result<T>, reason: &'static str) -> Result<T> {
        if came.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unauthenticated) {
            self.accounts.deny(&base::TenantId::SYSTEM.parse()?, reason);
        }
        came
    }
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
