//! JSON Web Tokens, judged without asking anybody.
//!
//! A token is a text that a stranger sent; whoever issued it is known by a signature and by nothing
//! else. The order of the checks is the promise: the form ([`compact`]), then the key and the
//! signature ([`keys`]), and only what was signed is believed ([`claims`], [`issuer`]).
//!
//! The library verifies signatures and nothing more. Its own judgement of claims takes a token that
//! lacks the claims it was told to compare, one that is not valid yet, and one that expired a moment
//! ago; `cargo xtask prove jwt` shows it.
//!
//! 1. [`flaw`]: why a token is not taken.
//! 2. [`compact`]: its three parts. [`keys`]: the keys of an issuer, and the signature.
//! 3. [`claims`]: what it says, typed. [`issuer`]: what it has to say to be somebody here.
//! 4. [`grant`]: what somebody else's scopes and groups allow here.

mod claims;
mod compact;
mod flaw;
mod grant;
mod issuer;
mod keys;

pub use claims::Claims;
pub use compact::{Compact, TOKEN_BYTES_MAX};
pub use flaw::Flaw;
pub use grant::{Grant, Grants};
pub use issuer::{Issuer, Subject, TokenUse};
pub use jsonwebtoken::Algorithm;
pub use keys::{KeySet, allowed_algorithm};
