//! Whom signing in asks and writes to, outside of this program: addresses that the operator configured,
//! never a stranger.
//!
//! [`HttpKeys`]: an issuer's keys. [`Smtp`]: a mail server.

mod keys;
mod mail;

pub use keys::HttpKeys;
pub use mail::Smtp;
