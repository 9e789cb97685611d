//! Who presents a token, and who calls in the name of AWS.
//!
//! A token is judged by the issuer that it names, with that issuer's keys and no others; so that one
//! issuer cannot speak for another. Nothing of it is told to the caller but that it is not good, or,
//! once it is known to be genuine, that its time is over. No token is of `system`, and none acts for
//! another tenant: that is for keys.

use std::sync::Arc;

use base::{Error, ErrorKind, Principal, Result, Scopes, TenantId};

use super::jwks::{KeyRing, Refusal};
use super::recent::Known;
use super::{Accounts, unauthenticated};
use crate::model::jwt::{Compact, Flaw, Issuer, Subject};
use crate::model::{IamPrincipal, Tenant};

/// An issuer whose tokens are taken, and its keys.
#[derive(Clone)]
pub struct Trusted {
    /// What its tokens must say.
    pub issuer: Issuer,
    /// What they are signed with.
    pub keys: Arc<dyn KeyRing>,
}

/// A caller who was found good by something that is not one of our keys.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Who they are.
    pub principal: Principal,
    /// Whose data their requests are about.
    pub tenant: Arc<Tenant>,
    /// What they may do.
    pub scopes: Scopes,
    /// Whether the store could not be asked, and they were good when it last could.
    pub remembered: bool,
}

impl Accounts {
    /// Finds out who presents the token `text`.
    ///
    /// # Errors
    /// `Unauthenticated` for a token that is not good; `Forbidden` for one that names no tenant, or
    /// one that is suspended or not there, and for acting for another; `Unavailable` when the store
    /// does not say.
    pub async fn token_verify(&self, text: &str, act_for: Option<&str>) -> Result<Holder> {
        let Known { value: subject, remembered } = match self.token_subject(text).await {
            Ok(subject) => subject,
            Err(Refusal::Failed(error)) => return Err(error),
            Err(Refusal::Flawed(flaw)) => return Err(self.flawed(flaw)?),
        };
        let name = subject.tenant.ok_or_else(|| forbidden("The token names no tenant"))?;
        let tenant = self.tenant_of_holder(&name, act_for, remembered).await?;
        let principal = Principal::new(format!("user:{}", subject.name));
        let remembered = remembered || tenant.remembered;
        Ok(Holder { principal, tenant: tenant.value, scopes: subject.scopes, remembered })
    }

    /// Whom AWS says a request is of, by the ARN that API Gateway hands over: for a server behind its
    /// IAM authorization, where nobody else can hand one over.
    ///
    /// # Errors
    /// `Unauthenticated` for an ARN that is not configured; else as [`token_verify`](Self::token_verify).
    pub async fn arn_verify(&self, arn: &str, act_for: Option<&str>) -> Result<Holder> {
        let Some(IamPrincipal { tenant, name, scopes, .. }) = self.0.iam.iter().find(|known| known.is(arn)) else {
            self.deny(&TenantId::SYSTEM.parse()?, "arn unknown");
            return Err(unauthenticated("This principal of AWS is not known here"));
        };
        let Known { value: tenant, remembered } = self.tenant_of_holder(tenant, act_for, false).await?;
        Ok(Holder { principal: Principal::new(format!("iam:{name}")), tenant, scopes: *scopes, remembered })
    }

    async fn token_subject(&self, text: &str) -> Result<Known<Subject>, Refusal> {
        let token = Compact::parse(text)?;
        let named = token.claims.text("iss")?;
        let trusted = self.0.trusted.iter().find(|trusted| trusted.issuer.name == named).ok_or(Flaw::Issuer)?;
        trusted.keys.verify(&token).await?;
        let subject = trusted.issuer.judge(&token.claims, self.0.clock.now())?;
        let Known { remembered, .. } = self.session_alive(&trusted.issuer.name, &subject).await?;
        Ok(Known { value: subject, remembered })
    }

    pub(super) async fn tenant_of_holder(
        &self,
        name: &str,
        act_for: Option<&str>,
        away: bool,
    ) -> Result<Known<Arc<Tenant>>> {
        let known = self.active_tenant(name, away).await.map_err(|error| match error.kind() {
            ErrorKind::TenantNotFound => forbidden("The tenant of this credential does not exist"),
            _ => error,
        })?;
        let tenant = &known.value;
        if tenant.is_system() {
            self.deny_known(&known, "token of system");
            return Err(forbidden("Only a key can be of the tenant system"));
        }
        match act_for {
            Some(other) if other != tenant.id.as_str() && other != tenant.slug.as_str() => {
                self.deny_known(&known, "acting for another tenant");
                Err(forbidden("Only a key of the tenant system can act for another"))
            }
            _ => Ok(known),
        }
    }

    /// Counts a token that is not good, and says what its bearer may know of it.
    fn flawed(&self, flaw: Flaw) -> Result<Error> {
        self.deny(&TenantId::SYSTEM.parse()?, flaw.as_str());
        Ok(unauthenticated(match flaw {
            Flaw::Expired => "The access token has expired",
            Flaw::Ended => "The session of this access token has ended",
            _ => "Invalid access token",
        }))
    }
}

fn forbidden(message: &str) -> Error {
    Error::new(ErrorKind::Forbidden, message)
}
