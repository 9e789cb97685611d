//! Signing up, in, on and out.
//!
//! Who asks is nobody yet, so each source address has a rate of its own here, beside that of all routes.

mod wire;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, StatusCode};
use base::{Error, ErrorKind, Result, Secret};
use web::scope::{AnyScope, Anyone};
use web::{Answer, Body, Caller, Json};

use super::Api;
use super::identity::token;
use crate::identity::{Code, Confirmed, Email, Password, wrong_password};
use wire::{
    AuthDone, CodeAsk, CodeSent, ConfirmAsk, JwkSet, RefreshAsk, ResetAsk, SignInAsk, SignUpAsk, SignedInView,
    SignedUp, TokensView, ValidToken,
};

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
    api.accounts.home_is_open().await?;
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
    let detail = match api.accounts.provider()?.confirm(&caller, &email, &code).await? {
        Confirmed::Done => "The email address is confirmed.",
        Confirmed::PasswordNeeded => {
            "The email address is confirmed. Several signed up with it: ask for a code to set a password with."
        }
    };
    Ok(Json(AuthDone { detail }))
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
    responses((status = 200, body = SignedInView),
        (status = 401, description = "Wrong address or password, or the address is not confirmed"),
        (status = 403, description = "The tenant is suspended"),
        (status = 501, description = "This server signs nobody in")))]
pub(super) async fn sign_in(
    caller: Caller<Anyone>,
    State(api): State<Api>,
    Body(body): Body<SignInAsk>,
) -> Answer<Json<SignedInView>> {
    let provider = api.accounts.provider()?;
    let email = body.email.parse()?;
    api.accounts.home_is_open().await?;
    let came = match Password::shown(body.password) {
        Some(password) => provider.sign_in(&caller, &email, &password).await,
        None => Err(wrong_password()),
    };
    Ok(Json(api.counted(came, "sign-in refused")?.into()))
}

/// Goes on with a session: the refresh token is used up, and another comes with the access token.
#[utoipa::path(post, path = "/v1/auth/refresh", request_body = RefreshAsk,
    responses((status = 200, body = TokensView), (status = 401, description = "No session has this token"),
        (status = 403, description = "The tenant is suspended"),
        (status = 501, description = "This server signs nobody in")))]
pub(super) async fn refresh(
    caller: Caller<Anyone>,
    State(api): State<Api>,
    Body(body): Body<RefreshAsk>,
) -> Answer<Json<TokensView>> {
    api.accounts.home_is_open().await?;
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
