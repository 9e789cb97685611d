//! Principals of AWS that may call, and as whom.

use std::str::FromStr;

use base::{Error, Result, Scopes, TenantId};

use super::jwt::Grant;

/// A principal of AWS, and who it is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IamPrincipal {
    /// Its ARN; one that ends in `/*` is that of all sessions of a role.
    pub arn: String,
    /// Whose data its requests are about: a tenant's id or slug.
    pub tenant: String,
    /// What it is called in the audit and in what it makes: `iam:NAME`.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
}

impl IamPrincipal {
    /// Whether `arn` is this principal.
    pub fn is(&self, arn: &str) -> bool {
        match self.arn.strip_suffix('*') {
            Some(role) => arn.strip_prefix(role).is_some_and(|session| !session.is_empty() && !session.contains('/')),
            None => self.arn == arn,
        }
    }
}

impl FromStr for IamPrincipal {
    type Err = Error;

    /// `ARN=TENANT/NAME@ROLE`, or a scope in place of the role.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::invalid("iam_principals", "Expected ARN=TENANT/NAME@ROLE");
        let (arn, who) = text.split_once('=').ok_or_else(wrong)?;
        let (tenant, rest) = who.split_once('/').ok_or_else(wrong)?;
        let (name, role) = rest.split_once('@').ok_or_else(wrong)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let stars = arn.matches('*').count();
        let formed = arn.starts_with("arn:") && (stars == 0 || (stars == 1 && arn.ends_with("/*")));
        if !formed || name.is_empty() || name.len() > 100 || !name.chars().all(plain) {
            return Err(wrong());
        }
        let tenant: TenantId = tenant.parse()?;
        let (arn, name) = (arn.to_owned(), name.to_owned());
        Ok(Self { arn, tenant: tenant.as_str().to_owned(), name, scopes: Grant::scopes_of(role)? })
    }
}
