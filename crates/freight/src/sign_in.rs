//! Who may call without a key, as the configuration says: issuers elsewhere, our own users, a user pool.

use std::io::IsTerminal as _;
use std::sync::Arc;

use accounts::identity::local::{Letter, Local, Post, Settings as Users};
use accounts::outbound::{HttpKeys, Smtp};
use accounts::service::{Jwks, Trusted};
use accounts::{Provider, SignIn};
use anyhow::Result;
use async_trait::async_trait;
use cloud::Cognito;

use crate::config::aws::AwsVariables;
use crate::config::{Auth, ProviderName};
use crate::ground::Ground;
use crate::seams::UserPool;

/// What accounts needs to know of those who hold no key.
///
/// # Errors
/// When TLS cannot be set up.
pub async fn sign_in(auth: &Auth, aws: &AwsVariables, post: Option<Arc<dyn Post>>, ground: &Ground) -> Result<SignIn> {
    let mut trusted = Vec::new();
    if let Some((issuer, jwks_url)) = &auth.issuer {
        let source = Arc::new(HttpKeys::at(jwks_url)?);
        let keys = Jwks::new(source, issuer.algorithms.clone(), ground.clock.clone());
        trusted.push(Trusted { issuer: issuer.clone(), keys: Arc::new(keys) });
    }
    let provider = match auth.provider {
        ProviderName::Nobody => Provider::Nobody,
        ProviderName::Cognito => Provider::Elsewhere(Arc::new(user_pool(auth, aws).await)),
        ProviderName::Local => Provider::Local(users(auth, post, ground)),
    };
    Ok(SignIn { trusted, provider, iam_principals: auth.iam_principals.clone() })
}

async fn user_pool(auth: &Auth, aws: &AwsVariables) -> UserPool {
    let aws = aws.cognito(auth.cognito_region().unwrap_or_default());
    let issuer = auth.issuer.as_ref().map(|(issuer, _)| issuer.name.clone());
    let secret = auth.cognito_client_secret.clone();
    UserPool::new(Cognito::connect(&aws, &auth.cognito_client_id, secret).await, issuer.unwrap_or_default())
}

fn users(auth: &Auth, post: Option<Arc<dyn Post>>, ground: &Ground) -> Local {
    let settings = Users {
        issuer: auth.local_issuer.clone(),
        tenant: auth.default_tenant.clone(),
        scopes: auth.user_scopes,
        post,
    };
    Local::new(settings, ground.store.clone(), ground.clock.clone())
}

/// Who delivers codes: the configured mail server, else whoever sits at the terminal, else nobody.
///
/// # Errors
/// When the configured one is none; the configuration was checked before.
pub fn post(auth: &Auth) -> Result<Option<Arc<dyn Post>>> {
    if let Some((uri, from)) = &auth.mail {
        return Ok(Some(Arc::new(Smtp::new(uri, from)?)));
    }
    let seen = std::io::stderr().is_terminal();
    Ok(seen.then(|| Arc::new(Terminal) as Arc<dyn Post>))
}

/// Shows letters to whoever started the server, and to no log that is collected.
struct Terminal;

#[async_trait]
impl Post for Terminal {
    fn medium(&self) -> &'static str {
        "terminal"
    }

    async fn deliver(&self, letter: &Letter) -> base::Result<()> {
        eprintln!(
            "\nTo {}: {}\n  {}",
            letter.to,
            letter.subject,
            letter.text.expose().replace('\n', "\n  ").trim_end()
        );
        Ok(())
    }
}
