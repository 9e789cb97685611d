//! Who delivers letters.

use async_trait::async_trait;
use base::Secret;

use crate::identity::Email;

/// Delivers letters: by mail, or to whoever sits at the terminal.
#[async_trait]
pub trait Post: Send + Sync + 'static {
    /// What the recipient is told, such as `email`.
    fn medium(&self) -> &'static str;

    /// Delivers one.
    ///
    /// # Errors
    /// What an operator needs to read.
    async fn deliver(&self, letter: &Letter) -> base::Result<()>;
}

/// A letter; it may hold a code.
#[derive(Clone, Debug)]
pub struct Letter {
    /// To whom.
    pub to: Email,
    /// What it is about.
    pub subject: &'static str,
    /// What it says.
    pub text: Secret<String>,
}
