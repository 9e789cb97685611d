//! People who are signed in by a user pool of Cognito.
//!
//! What the pool says of who has an account, we do not say on: an address that is known and one that is
//! not are answered alike, whether or not the pool is set to do so itself.

use accounts::identity::{
    Challenge, Code, Confirmed, Delivery, Email, IdentityProvider, Password, Person, SignedIn, Tokens,
    signed_in_elsewhere, wrong_code, wrong_password, wrong_refresh_token,
};
use accounts::model::jwt::Compact;
use async_trait::async_trait;
use base::{Ctx, Error, ErrorKind, Result, Secret};
use cloud::Cognito;
use cloud::cognito::{self, Failure};

/// A user pool.
pub struct UserPool {
    cognito: Cognito,
    /// `iss` of its tokens.
    issuer: String,
}

impl UserPool {
    /// The pool that this app client is of, and whose tokens are of this issuer.
    pub fn new(cognito: Cognito, issuer: String) -> Self {
        Self { cognito, issuer }
    }

    fn is_ours(&self, access_token: &Secret<String>) -> bool {
        let token = Compact::parse(access_token.expose());
        token.is_ok_and(|token| token.claims.text("iss").is_ok_and(|issuer| issuer == self.issuer))
    }
}

#[async_trait]
impl IdentityProvider for UserPool {
    async fn sign_up(&self, _: &Ctx, email: &Email, password: &Password) -> Result<Delivery> {
        match self.cognito.sign_up(email.as_str(), password.expose()).await {
            Ok(()) | Err(Failure::UserExists) => Ok(delivery(email)),
            // Who is known is sent none, and is told the same.
            Err(Failure::Undelivered(why)) => {
                tracing::warn!(%why, "no code was sent");
                Ok(delivery(email))
            }
            Err(Failure::NotAuthorized) => {
                tracing::warn!("the user pool lets nobody sign up, or the client secret is not its own");
                Err(forbidden("Nobody can sign up here: the user pool does not allow it"))
            }
            Err(Failure::Vetoed) => Err(forbidden("The user pool does not let you sign up")),
            Err(failure) => Err(said(failure, wrong_password)),
        }
    }

    async fn confirm(&self, _: &Ctx, email: &Email, code: &Code) -> Result<Confirmed> {
        let confirmed = self.cognito.confirm(email.as_str(), code.expose()).await;
        confirmed.map(|()| Confirmed::Done).map_err(|failure| said(failure, wrong_code))
    }

    async fn resend(&self, _: &Ctx, email: &Email) -> Result<Delivery> {
        sent(email, self.cognito.resend(email.as_str()).await)
    }

    async fn sign_in(&self, _: &Ctx, email: &Email, password: &Password) -> Result<SignedIn> {
        match self.cognito.sign_in(email.as_str(), password.expose()).await {
            Ok(cognito::SignedIn::Tokens(tokens)) => held(tokens, None).map(SignedIn::Tokens),
            Ok(cognito::SignedIn::Challenge { name, session, parameters }) => {
                Ok(SignedIn::Challenge(Challenge { name, session, parameters }))
            }
            Err(failure) => Err(said(failure, wrong_password)),
        }
    }

    async fn refresh(&self, _: &Ctx, token: &Secret<String>) -> Result<Tokens> {
        let tokens =
            self.cognito.refresh(token.expose()).await.map_err(|failure| said(failure, wrong_refresh_token))?;
        held(tokens, Some(token))
    }

    async fn sign_out(&self, _: &Ctx, access_token: &Secret<String>) -> Result<()> {
        if !self.is_ours(access_token) {
            return Err(signed_in_elsewhere());
        }
        let out = self.cognito.sign_out(access_token.expose()).await;
        out.map_err(|failure| said(failure, || Error::new(ErrorKind::Unauthenticated, "The session has ended already")))
    }

    async fn forgot_password(&self, _: &Ctx, email: &Email) -> Result<Delivery> {
        sent(email, self.cognito.forgot_password(email.as_str()).await)
    }

    async fn reset_password(&self, _: &Ctx, email: &Email, code: &Code, password: &Password) -> Result<()> {
        let set = self.cognito.reset_password(email.as_str(), code.expose(), password.expose()).await;
        set.map_err(|failure| said(failure, wrong_code))
    }

    async fn whoami(&self, access_token: &Secret<String>) -> Result<Option<Person>> {
        if !self.is_ours(access_token) {
            return Ok(None);
        }
        match self.cognito.user(access_token.expose()).await {
            Ok((id, email)) => Ok(Some(Person { id, email })),
            // Signed out, or without the scope that Cognito demands for it.
            Err(Failure::NotAuthorized | Failure::UserNotFound) => Ok(None),
            Err(failure) => Err(said(failure, wrong_password)),
        }
    }
}

fn delivery(email: &Email) -> Delivery {
    Delivery { medium: "email", destination: email.masked() }
}

/// A code was asked for; whether there was anybody to send one to, is not said.
fn sent(email: &Email, asked: cognito::Result<()>) -> Result<Delivery> {
    match asked {
        // Nobody is told: a failure that strikes known addresses alone would tell who has an account.
        Ok(()) => Ok(delivery(email)),
        Err(Failure::Unavailable(why)) => Err(Error::unavailable(format!("Cognito: {why}"))),
        Err(Failure::Undelivered(why) | Failure::Broken(why)) => {
            tracing::warn!(%why, "no code was sent");
            Ok(delivery(email))
        }
        Err(failure) => {
            tracing::debug!(?failure, "no code was sent");
            Ok(delivery(email))
        }
    }
}

/// A session; the refresh token that was shown goes on where no other came.
fn held(tokens: cognito::Tokens, shown: Option<&Secret<String>>) -> Result<Tokens> {
    let refresh_token = tokens.refresh.or_else(|| shown.cloned());
    Ok(Tokens {
        access_token: tokens.access,
        id_token: tokens.id,
        refresh_token: refresh_token
            .ok_or_else(|| Error::unavailable("Cognito began a session without a refresh token"))?,
        expires_in_s: tokens.expires_in_s,
    })
}

/// What a failure is here; `refused` is what a stranger learns of who has an account: nothing.
fn said(failure: Failure, refused: fn() -> Error) -> Error {
    match failure {
        Failure::NotAuthorized
        | Failure::UserNotFound
        | Failure::UserExists
        | Failure::NotConfirmed
        | Failure::Vetoed => refused(),
        Failure::CodeRefused => wrong_code(),
        Failure::ResetRequired => forbidden("The password has to be reset first"),
        Failure::PasswordRefused => Error::invalid("password", "The user pool demands another kind of password"),
        Failure::Invalid => Error::new(ErrorKind::Malformed, "The user pool does not take this request"),
        Failure::TooMany => Error::new(ErrorKind::RateLimited, "Too many tries. Try again later."),
        Failure::Unavailable(why) | Failure::Undelivered(why) | Failure::Broken(why) => {
            Error::unavailable(format!("Cognito: {why}"))
        }
    }
}

fn forbidden(message: &str) -> Error {
    Error::new(ErrorKind::Forbidden, message)
}
