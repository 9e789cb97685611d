//! `freight keys create --offline`: for whoever holds the store and lost the keys.
//!
//! Holding the store is holding everything in it, so no key is asked for; of a file, the lock beside
//! it says that no server is using it. The key that is made stands in the audit like any
//! other.

use accounts::model::{NewKey, Role};
use accounts::{Accounts, Deps};
use base::{Environment, Scope, Scopes};
use serde_json::json;

use super::failure::Failure;
use super::keys;
use super::screen::Screen;
use crate::config::Config;
use crate::ground::Ground;

/// Makes a key in the store: of `tenant`, or one like the first.
///
/// # Errors
/// `Failed` when there is no store, a server is using it, or the key is not allowed.
pub(super) async fn key_create(
    ask: &keys::NewKey,
    tenant: Option<&str>,
    config: &Config,
    screen: Screen,
) -> Result<(), Failure> {
    let ask = wanted(ask, tenant)?;
    if let Some(path) = config.store.file().filter(|path| !path.exists()) {
        let path = path.display();
        return Err(Failure::Failed(format!("there is no store at {path}: `freight serve` makes one, and a key")));
    }
    let ground = Ground::open(config).await?;
    let accounts = Accounts::new(Deps { store: ground.store, clock: ground.clock });
    // Of tables nobody may have made use yet: their first key stays unseen, as that of a server without a terminal.
    accounts.bootstrap().await?;
    let made = accounts.key_recover(tenant, ask).await?;
    let scopes: Vec<_> = made.key.scopes.iter().map(Scope::as_str).collect();
    let tenant = made.key.tenant.as_str();
    let shown = json!({ "id": made.key.id.as_str(), "tenant": tenant, "scopes": scopes, "key": made.text.expose() });
    keys::made(&shown.to_string(), screen)
}

/// What was asked for; without a role or scopes, everything that the tenant's keys can hold.
fn wanted(ask: &keys::NewKey, tenant: Option<&str>) -> Result<NewKey, Failure> {
    let most = if tenant.is_none() { Role::Platform } else { Role::Admin };
    let scopes = match &ask.role {
        Some(role) => role.parse::<Role>()?.scopes(),
        None if ask.scopes.is_empty() => most.scopes(),
        None => ask.scopes.iter().map(|scope| scope.parse::<Scope>()).collect::<Result<Scopes, _>>()?,
    };
    let mut key = NewKey::new(ask.name.clone(), scopes);
    key.environment = match ask.environment.as_deref() {
        Some("test") => Environment::Test,
        Some("dev") => Environment::Dev,
        _ => Environment::Live,
    };
    let instant = ask.expires_at.as_deref().map(str::parse).transpose();
    key.expires_at = instant.map_err(|error| Failure::Usage(format!("--expires-at: {error}")))?;
    Ok(key)
}
