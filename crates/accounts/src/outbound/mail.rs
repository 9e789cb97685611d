//! A mail server.

use std::time::Duration;

use async_trait::async_trait;
use base::{Error, Result, Secret};
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

use crate::identity::local::{Letter, Post};

/// How long each step of a conversation with the server may take.
const STEP_MAX: Duration = Duration::from_secs(10);
/// How long a whole one may take.
const DELIVERY_MAX: Duration = Duration::from_secs(30);

/// Delivers letters by SMTP.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Smtp {
    /// The server of a URI: `smtps://USER:PASSWORD@HOST` from the first byte on under TLS,
    /// `smtp://HOST?tls=required` after STARTTLS, `smtp://HOST` in clear. Nothing is asked yet.
    ///
    /// # Errors
    /// `Invalid` for a URI or a sender that is none; neither is repeated.
    pub fn new(uri: &Secret<String>, from: &str) -> Result<Self> {
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(uri.expose());
        let builder = builder.map_err(|_| Error::invalid("smtp_uri", "Expected smtps://USER:PASSWORD@HOST:PORT"))?;
        let from = from.parse().map_err(|_| Error::invalid("mail_from", "Expected an address, or NAME <ADDRESS>"))?;
        Ok(Self { transport: builder.timeout(Some(STEP_MAX)).build(), from })
    }
}

#[async_trait]
impl Post for Smtp {
    fn medium(&self) -> &'static str {
        "email"
    }

    async fn deliver(&self, letter: &Letter) -> Result<()> {
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, letter.to.address()))
            .subject(letter.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text.expose().clone())
            .map_err(Error::internal)?;
        let sent = tokio::time::timeout(DELIVERY_MAX, self.transport.send(message)).await;
        let sent = sent.map_err(|_| Error::unavailable("the mail server took too long"))?;
        sent.map(drop).map_err(|error| Error::unavailable(format!("the mail server: {error}")))
    }
}
