//! What people type: an address, a password, a code. Each is checked where it enters.

use std::fmt;
use std::str::FromStr;

use base::{Error, Result, Secret};
use lettre::Address;
use rand::RngExt as _;

const EMAIL_CHARS_MAX: usize = 254;
const PASSWORD_CHARS_MIN: usize = 10;
const PASSWORD_BYTES_MAX: usize = 256;
const CODE_DIGITS: usize = 6;

/// An email address, in lower case: two that differ in case alone are one person's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Email(Address);

impl Email {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }

    /// As mail is addressed to it.
    pub(crate) fn address(&self) -> Address {
        self.0.clone()
    }

    /// The address, but for most of its letters: `j***@e***`.
    pub fn masked(&self) -> String {
        let first = |text: &str| text.chars().take(1).collect::<String>();
        format!("{}***@{}***", first(self.0.user()), first(self.0.domain()))
    }
}

impl FromStr for Email {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let address = text.trim().to_ascii_lowercase().parse::<Address>().ok();
        address
            .filter(|address| text.len() <= EMAIL_CHARS_MAX && text.is_ascii() && address.domain().contains('.'))
            .map(Self)
            .ok_or_else(|| Error::invalid("email", "Expected an email address of up to 254 ASCII characters"))
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A password.
#[derive(Clone, Debug)]
pub struct Password(Secret<String>);

impl Password {
    /// Takes a text that somebody says is theirs; `None` for one that nobody can have. A user pool has
    /// rules of its own, so it may be a short one.
    pub fn shown(text: String) -> Option<Self> {
        (1..=PASSWORD_BYTES_MAX).contains(&text.len()).then(|| Self(Secret::new(text)))
    }

    /// Takes a text that is to become a password, as long as one has to be.
    ///
    /// # Errors
    /// `Invalid`, naming the field, never the text.
    pub fn new(text: String) -> Result<Self> {
        let long_enough = text.chars().count() >= PASSWORD_CHARS_MIN;
        if long_enough && text.len() <= PASSWORD_BYTES_MAX {
            return Ok(Self(Secret::new(text)));
        }
        let allowed =
            format!("A password has at least {PASSWORD_CHARS_MIN} characters and at most {PASSWORD_BYTES_MAX} bytes");
        Err(Error::invalid("password", allowed))
    }

    /// The password itself.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// Six digits that only the reader of a mail knows.
#[derive(Clone, Debug)]
pub struct Code(Secret<String>);

impl Code {
    /// One that nobody can guess in the few tries there are.
    pub(crate) fn random() -> Self {
        let mut dice = rand::rng();
        Self(Secret::new((0..CODE_DIGITS).map(|_| char::from(b'0' + dice.random_range(0..10_u8))).collect()))
    }

    /// The digits.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl FromStr for Code {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.len() == CODE_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(Secret::new(text.to_owned())))
        } else {
            Err(Error::invalid("code", "A code is six digits"))
        }
    }
}
