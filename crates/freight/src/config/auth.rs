//! The section `[auth]`: who may call besides those who hold a key.

use accounts::model::IamPrincipal;
use accounts::model::jwt::{Algorithm, Grant, Grants, Issuer, TokenUse, allowed_algorithm};
use base::{Scopes, Secret, TenantId};
use url::{Host, Url};
use uuid::Uuid;

use super::read::Reader;

/// Who signs people in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderName {
    /// We do.
    Local,
    /// A user pool of Amazon Cognito.
    Cognito,
    /// Nobody.
    Nobody,
}

/// Who may call besides those who hold a key.
#[derive(Clone, Debug)]
pub struct Auth {
    /// An issuer elsewhere whose tokens are taken, and where its keys are.
    pub issuer: Option<(Issuer, String)>,
    /// Who signs people in.
    pub provider: ProviderName,
    /// `iss` of our own tokens.
    pub local_issuer: String,
    /// The tenant of those whose token names none, and of those who sign up.
    pub default_tenant: Option<TenantId>,
    /// What our own users may do.
    pub user_scopes: Scopes,
    /// Where codes are mailed by, and from whom.
    pub mail: Option<(Secret<String>, String)>,
    /// The app client of the user pool.
    pub cognito_client_id: String,
    /// Its secret, if it has one.
    pub cognito_client_secret: Option<Secret<String>>,
    /// Principals of AWS that may call behind its API Gateway.
    pub iam_principals: Vec<IamPrincipal>,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            issuer: None,
            provider: ProviderName::Local,
            local_issuer: "freight".to_owned(),
            default_tenant: TenantId::DEFAULT.parse().ok(),
            user_scopes: Grant::scopes_of("reader").unwrap_or_default(),
            mail: None,
            cognito_client_id: String::new(),
            cognito_client_secret: None,
            iam_principals: Vec::new(),
        }
    }
}

impl Auth {
    /// The region of the user pool that the issuer names: what stands before the first `_` of its id.
    pub fn cognito_region(&self) -> Option<&str> {
        let (issuer, _) = self.issuer.as_ref()?;
        let (region, _) = issuer.name.rsplit('/').next()?.split_once('_')?;
        Some(region).filter(|region| !region.is_empty())
    }
}

/// Reads the section.
pub(super) fn read(reader: &mut Reader) -> Auth {
    let providers =
        [("local", ProviderName::Local), ("cognito", ProviderName::Cognito), ("none", ProviderName::Nobody)];
    let default_tenant = reader.parsed("auth.default_tenant", None, tenant);
    let auth = Auth {
        issuer: issuer(reader, default_tenant.clone()),
        provider: reader.choice("auth.provider", &providers).unwrap_or(ProviderName::Nobody),
        local_issuer: reader.parsed("auth.local_issuer", String::new(), some_text),
        default_tenant,
        user_scopes: reader
            .list("auth.user_scopes", GRANTED, |text| Grant::scopes_of(text).ok())
            .into_iter()
            .fold(Scopes::default(), |all, some| some.iter().fold(all, Scopes::with)),
        mail: mail(reader),
        cognito_client_id: reader.parsed("auth.cognito_client_id", String::new(), any_text),
        cognito_client_secret: reader.parsed("auth.cognito_client_secret", None, |text| {
            Ok(Some(text.to_owned()).filter(|text| !text.is_empty()).map(Secret::new))
        }),
        iam_principals: reader.list("auth.iam_principals", "ARN=TENANT/NAME@ROLE", |text| text.parse().ok()),
    };
    agree(reader, &auth);
    auth
}

const GRANTED: &str = "scopes, or of the roles reader, writer and admin";

fn issuer(reader: &mut Reader, tenant_default: Option<TenantId>) -> Option<(Issuer, String)> {
    let uses = [("access", TokenUse::Access), ("id", TokenUse::Id), ("audience", TokenUse::Audience)];
    let name = reader.parsed("auth.issuer", String::new(), address);
    let jwks_url = reader.parsed("auth.jwks_url", String::new(), address);
    let issuer = Issuer {
        algorithms: reader.list("auth.algorithms", ALGORITHMS, allowed_algorithm),
        token_use: reader.choice("auth.token_use", &uses).unwrap_or(TokenUse::Access),
        audience: reader.list("auth.audience", "texts", |text| Some(text.to_owned()).filter(|text| !text.is_empty())),
        tenant_claim: reader.parsed("auth.tenant_claim", String::new(), some_text),
        tenant_default,
        groups_claim: reader.parsed("auth.groups_claim", String::new(), some_text),
        grants: Grants(reader.list("auth.scope_map", "WORD=SCOPE or WORD=ROLE", |text| text.parse().ok())),
        leeway: reader.seconds("auth.leeway_s", 0..=60),
        name,
    };
    if issuer.name.is_empty() {
        if !jwks_url.is_empty() {
            reader.fault("auth.jwks_url", "without auth.issuer it has no effect");
        }
        return None;
    }
    let jwks_url = match jwks_url.is_empty() {
        true => format!("{}/.well-known/jwks.json", issuer.name.trim_end_matches('/')),
        false => jwks_url,
    };
    Some((issuer, jwks_url))
}

const ALGORITHMS: &str = "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and EdDSA";

fn mail(reader: &mut Reader) -> Option<(Secret<String>, String)> {
    let uri = reader.parsed("auth.smtp_uri", String::new(), any_text);
    let from = reader.parsed("auth.mail_from", String::new(), any_text);
    if uri.is_empty() {
        return None;
    }
    let uri = Secret::new(uri);
    match accounts::outbound::Smtp::new(&uri, &from) {
        Ok(_) => {}
        Err(error) if from.is_empty() || error.details().iter().any(|detail| detail.field == "mail_from") => {
            reader.fault("auth.mail_from", "expected an address, or NAME <ADDRESS>, since auth.smtp_uri is set");
        }
        Err(error) => reader.fault("auth.smtp_uri", error.message()),
    }
    Some((uri, from))
}

/// What the settings have to say about each other.
fn agree(reader: &mut Reader, auth: &Auth) {
    if let Some((issuer, _)) = &auth.issuer {
        if issuer.audience.is_empty() {
            reader.fault("auth.audience", "expected at least one client id or audience, since auth.issuer is set");
        }
        if issuer.algorithms.is_empty() {
            reader.fault("auth.algorithms", "expected at least one, since auth.issuer is set");
        }
        if auth.provider == ProviderName::Local && issuer.name == auth.local_issuer {
            reader.fault("auth.local_issuer", "is auth.issuer already");
        }
    }
    if auth.provider != ProviderName::Cognito {
        return;
    }
    if auth.cognito_client_id.is_empty() {
        reader.fault("auth.cognito_client_id", "expected the id of an app client, since auth.provider is cognito");
    }
    // Else the pool signs people in whose tokens are refused.
    if let Some((issuer, _)) = &auth.issuer {
        if !auth.cognito_client_id.is_empty() && !issuer.audience.contains(&auth.cognito_client_id) {
            reader.fault("auth.audience", "expected auth.cognito_client_id among them, since auth.provider is cognito");
        }
        // A session is ended by its access token, so that has to be what its holder calls with.
        if issuer.token_use != TokenUse::Access {
            reader.fault("auth.token_use", "expected access, since auth.provider is cognito");
        }
        if !issuer.algorithms.contains(&Algorithm::RS256) {
            reader.fault("auth.algorithms", "expected RS256 among them, since auth.provider is cognito");
        }
    }
    if auth.cognito_region().is_none() {
        let expected = "expected https://cognito-idp.REGION.amazonaws.com/POOL, since auth.provider is cognito";
        reader.fault("auth.issuer", expected);
    }
}

fn any_text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

fn some_text(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("a text that is not empty".to_owned()) } else { Ok(text.to_owned()) }
}

fn tenant(text: &str) -> Result<Option<TenantId>, String> {
    match text {
        "" => Ok(None),
        TenantId::DEFAULT => Ok(TenantId::DEFAULT.parse().ok()),
        text => {
            let id = Uuid::try_parse(text).ok().filter(|id| id.to_string() == text);
            let id = id.and_then(|_| text.parse().ok());
            id.map(Some).ok_or_else(|| "nothing, default, or the id of a tenant: a UUID in lower case".to_owned())
        }
    }
}

/// Nothing, or a URL as it is written: what is compared to the letter may not be changed.
fn address(text: &str) -> Result<String, String> {
    let on_loopback = |url: &Url| match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(at)) => at.is_loopback(),
        Some(Host::Ipv6(at)) => at.is_loopback(),
        None => false,
    };
    let safe = |url: Url| url.scheme() == "https" || (url.scheme() == "http" && on_loopback(&url));
    if text.is_empty() || Url::parse(text).is_ok_and(safe) {
        Ok(text.to_owned())
    } else {
        Err("nothing, or an https URL (http on this machine alone)".to_owned())
    }
}
