//! Who signs people in: the contract that our own users and Cognito's both keep.
//!
//! A provider is asked by people who are nobody yet. So what it answers may not tell them who has an
//! account: signing up, asking for another code and forgetting a password look the same whether or not
//! the address is known, and a wrong password looks like an unknown address, and takes as long.
//!
//! 1. This file: the contract. [`words`]: what people type.
//! 2. [`local`]: users of our own. The other provider is `cloud::cognito`, behind an adapter in `freight`.

pub mod local;
mod words;

use async_trait::async_trait;
use base::{Ctx, Error, ErrorKind, Result, Secret};

pub use words::{Code, Email, Password};

/// Signs people in. Each operation says in its errors only what a stranger may know.
#[async_trait]
pub trait IdentityProvider: Send + Sync + 'static {
    /// Makes a user who is nobody until the address is confirmed; where there is one, who they are does
    /// not change and the answer is the same.
    ///
    /// # Errors
    /// `Invalid` for a password that is refused; `Forbidden` where nobody can sign up, with the reason.
    async fn sign_up(&self, ctx: &Ctx, email: &Email, password: &Password) -> Result<Delivery>;

    /// Confirms an address with the code that was sent to it.
    ///
    /// # Errors
    /// [`wrong_code`].
    async fn confirm(&self, ctx: &Ctx, email: &Email, code: &Code) -> Result<Confirmed>;

    /// Sends another code, if there is an address to be confirmed; the answer is the same if not.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn resend(&self, ctx: &Ctx, email: &Email) -> Result<Delivery>;

    /// Begins a session.
    ///
    /// # Errors
    /// [`wrong_password`], also for the right password of an address that is not confirmed: whoever signed
    /// up with somebody else's address would learn from another answer that they have no account.
    async fn sign_in(&self, ctx: &Ctx, email: &Email, password: &Password) -> Result<SignedIn>;

    /// Goes on with a session. The token that was shown is used up where another one comes back.
    ///
    /// # Errors
    /// [`wrong_refresh_token`].
    async fn refresh(&self, ctx: &Ctx, token: &Secret<String>) -> Result<Tokens>;

    /// Ends the session of an access token that was verified.
    ///
    /// # Errors
    /// `Forbidden` for a token of another issuer.
    async fn sign_out(&self, ctx: &Ctx, access_token: &Secret<String>) -> Result<()>;

    /// Sends a code to set another password with, if there is a user; the answer is the same if not.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn forgot_password(&self, ctx: &Ctx, email: &Email) -> Result<Delivery>;

    /// Sets another password with the code that was sent, and ends every session.
    ///
    /// # Errors
    /// [`wrong_code`]; `Invalid` for a password that is refused.
    async fn reset_password(&self, ctx: &Ctx, email: &Email, code: &Code, password: &Password) -> Result<()>;

    /// Of whom an access token is that was verified; `None` if it is none of this provider's.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn whoami(&self, access_token: &Secret<String>) -> Result<Option<Person>>;
}

/// Where a code went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// How, such as `email`.
    pub medium: &'static str,
    /// The address, but for most of its letters.
    pub destination: String,
}

/// What came of confirming an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// Its owner can sign in.
    Done,
    /// Several signed up with it, each with a password of their own: its owner has to set one first.
    PasswordNeeded,
}

/// What came of signing in.
#[derive(Clone, Debug)]
pub enum SignedIn {
    /// A session.
    Tokens(Tokens),
    /// The provider asks for more, such as a second factor.
    Challenge(Challenge),
}

/// What a session is held by.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Proves who is calling, for a short time.
    pub access_token: Secret<String>,
    /// Says who somebody is, for the program that signed them in; Cognito's alone.
    pub id_token: Option<Secret<String>>,
    /// Gets the next ones.
    pub refresh_token: Secret<String>,
    /// How long the access token is good for.
    pub expires_in_s: u64,
}

/// What the provider asks for, as it asks.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// Which one, such as `NEW_PASSWORD_REQUIRED`.
    pub name: String,
    /// Goes back with the answer.
    pub session: Option<Secret<String>>,
    /// What else there is to know.
    pub parameters: Vec<(String, String)>,
}

/// A user, for themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// For ever theirs.
    pub id: String,
    /// Where they are reached.
    pub email: Option<String>,
}

/// No such user, another password, or an address that waits to be confirmed: which of them, nobody is
/// told.
pub fn wrong_password() -> Error {
    Error::new(ErrorKind::Unauthenticated, "Wrong email address or password, or the address is not confirmed")
}

/// No session has this token any more, or none ever had.
pub fn wrong_refresh_token() -> Error {
    Error::new(ErrorKind::Unauthenticated, "Invalid refresh token")
}

/// No such user, another code, or one whose time is over.
pub fn wrong_code() -> Error {
    let text = "The code is wrong or has expired";
    Error::new(ErrorKind::Malformed, text).with_detail("value_error", "code", text)
}

/// For an access token that another issuer made.
pub fn signed_in_elsewhere() -> Error {
    Error::new(ErrorKind::Forbidden, "This session was not begun here: end it where it was")
}
