//! Why a token is not taken.

use std::fmt;

/// What is wrong with a token. The words are for the audit and the log: they are few, and none of
/// them comes from the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It is no token: not three parts of base64url, not JSON, a member twice, too long.
    Form,
    /// Its header asks for what is not done here: a key of its own, an extension, encryption.
    Header,
    /// Its algorithm is not allowed, or not that of the key.
    Algorithm,
    /// No configured issuer has this name.
    Issuer,
    /// The issuer has no such key.
    Key,
    /// It was not signed by the key that it names.
    Signature,
    /// A claim that must be there is missing, or has the wrong type.
    Claim,
    /// It is for another use, such as an ID token where an access token is due.
    Use,
    /// It was issued to, or for, another program.
    Audience,
    /// Its end has come.
    Expired,
    /// Its beginning has not.
    TooEarly,
    /// The session that it belongs to has ended.
    Ended,
}

impl Flaw {
    /// The words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Form => "token malformed",
            Self::Header => "token header refused",
            Self::Algorithm => "token algorithm refused",
            Self::Issuer => "token issuer unknown",
            Self::Key => "token key unknown",
            Self::Signature => "token signature wrong",
            Self::Claim => "token claim missing or malformed",
            Self::Use => "token of another use",
            Self::Audience => "token of another audience",
            Self::Expired => "token expired",
            Self::TooEarly => "token not valid yet",
            Self::Ended => "token of an ended session",
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
