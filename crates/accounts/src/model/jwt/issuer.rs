//! What a token has to say to be somebody here.

use std::time::Duration;

use base::{Scopes, TenantId, clock};
use jiff::Timestamp;
use jsonwebtoken::Algorithm;

use super::{Claims, Flaw, Grants};

/// At most so long is the name of a subject.
const SUBJECT_CHARS_MAX: usize = 255;

/// What tokens are for, and where they name whom they were made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenUse {
    /// Cognito's access tokens, and our own: `token_use` is `access`, and the program that the token
    /// was issued to is its `client_id`. Such a token has no `aud`.
    Access,
    /// Cognito's ID tokens: `token_use` is `id`, and the program is its `aud`.
    Id,
    /// Tokens of any other issuer of OpenID Connect: no `token_use`, and `aud` names us.
    Audience,
}

/// Whose tokens are taken, and what they must say.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// `iss`, to the letter.
    pub name: String,
    /// How they may be signed.
    pub algorithms: Vec<Algorithm>,
    /// What they are for.
    pub token_use: TokenUse,
    /// Programs that they may be issued to, or audiences that they may be issued for.
    pub audience: Vec<String>,
    /// The claim that names the tenant, by its id or slug.
    pub tenant_claim: String,
    /// The tenant of those that name none; without it, they are of nobody.
    pub tenant_default: Option<TenantId>,
    /// The claim that lists groups, beside `scope`.
    pub groups_claim: String,
    /// What their scopes and groups allow here.
    pub grants: Grants,
    /// By how much the issuer's clock may differ from ours; at most 60 s.
    pub leeway: Duration,
}

/// Whom a token is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// `sub`: who, for ever.
    pub name: String,
    /// Their tenant, by its id or slug; `None` where nothing says which.
    pub tenant: Option<String>,
    /// What they may do.
    pub scopes: Scopes,
    /// `sid`, where there is one: the session that the token belongs to.
    pub session: Option<String>,
}

impl Issuer {
    /// Judges the claims of a token whose signature was verified.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn judge(&self, claims: &Claims, now: Timestamp) -> Result<Subject, Flaw> {
        if claims.text("iss")? != self.name {
            return Err(Flaw::Issuer);
        }
        self.in_time(claims, now)?;
        self.for_us(claims)?;
        let name = claims.text("sub")?;
        if name.len() > SUBJECT_CHARS_MAX || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Flaw::Claim);
        }
        let tenant = claims.text_if_any(&self.tenant_claim)?;
        let tenant = tenant.or(self.tenant_default.as_ref().map(TenantId::as_str));
        let words = [claims.words("scope")?, claims.texts(&self.groups_claim)?].concat();
        Ok(Subject {
            name: name.to_owned(),
            tenant: tenant.map(str::to_owned),
            scopes: self.grants.of(words),
            session: claims.text_if_any("sid")?.map(str::to_owned),
        })
    }

    /// Its end is required, and its beginning where it names one; each within the leeway.
    fn in_time(&self, claims: &Claims, now: Timestamp) -> Result<(), Flaw> {
        let (end, issued) = (claims.instant("exp")?, claims.instant("iat")?);
        let begin = claims.instant_if_any("nbf")?.unwrap_or(issued);
        let latest = clock::add(now, self.leeway);
        if clock::add(end, self.leeway) <= now {
            Err(Flaw::Expired)
        } else if issued > latest || begin > latest {
            Err(Flaw::TooEarly)
        } else {
            Ok(())
        }
    }

    /// Its use is ours, and whoever it was made for is one of those configured.
    fn for_us(&self, claims: &Claims) -> Result<(), Flaw> {
        let (due, claim) = match self.token_use {
            TokenUse::Access => (Some("access"), "client_id"),
            TokenUse::Id => (Some("id"), "aud"),
            TokenUse::Audience => (None, "aud"),
        };
        if claims.text_if_any("token_use")? != due {
            return Err(Flaw::Use);
        }
        let made_for = match claim {
            "aud" => claims.texts("aud")?,
            claim => vec![claims.text(claim)?],
        };
        // All of them: a token that is for others as well is theirs to replay.
        let known = |name: &&str| self.audience.iter().any(|ours| ours == name);
        if !made_for.is_empty() && made_for.iter().all(known) { Ok(()) } else { Err(Flaw::Audience) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What is said of a token with this `aud`, by an issuer whose tokens are for this.
    fn judged(token_use: TokenUse, named: Option<&str>, aud: Option<Value>) -> Result<Subject, Flaw> {
        let issuer = Issuer {
            name: "https://login.example.com".to_owned(),
            algorithms: vec![Algorithm::RS256],
            token_use,
            audience: vec!["ours".to_owned(), "also ours".to_owned()],
            tenant_claim: "tenant".to_owned(),
            tenant_default: None,
            groups_claim: "groups".to_owned(),
            grants: Grants::default(),
            leeway: Duration::ZERO,
        };
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let (iat, exp) = (now.as_second(), now.as_second() + 60);
        let mut claims = json!({ "iss": issuer.name, "sub": "jane", "iat": iat, "exp": exp, "client_id": "ours" });
        for (name, value) in [("token_use", named.map(Value::from)), ("aud", aud)] {
            if let Some(value) = value {
                claims[name] = value;
            }
        }
        issuer.judge(&Claims::of(claims.as_object().unwrap().clone()), now)
    }

    #[test]
    fn a_token_is_for_nobody_but_us() {
        for (token_use, named) in [(TokenUse::Id, Some("id")), (TokenUse::Audience, None)] {
            for (aud, flaw) in [
                (None, Flaw::Audience),
                (Some(json!([])), Flaw::Audience),
                (Some(json!("other")), Flaw::Audience),
                (Some(json!(["ours", "other"])), Flaw::Audience),
                (Some(json!("")), Flaw::Audience),
                (Some(json!(7)), Flaw::Claim),
                (Some(json!(null)), Flaw::Claim),
                (Some(json!(["ours", 7])), Flaw::Claim),
            ] {
                assert_eq!(judged(token_use, named, aud.clone()).unwrap_err(), flaw, "{token_use:?} {aud:?}");
            }
            for aud in [json!("ours"), json!(["ours"]), json!(["ours", "also ours"])] {
                assert_eq!(judged(token_use, named, Some(aud)).unwrap().name, "jane");
            }
        }
    }

    #[test]
    fn a_token_of_another_use_is_refused() {
        let ours = || Some(json!("ours"));
        for (token_use, wrong) in [
            (TokenUse::Id, [None, Some("access")]),
            (TokenUse::Audience, [Some("id"), Some("access")]),
            (TokenUse::Access, [None, Some("id")]),
        ] {
            for named in wrong {
                assert_eq!(judged(token_use, named, ours()).unwrap_err(), Flaw::Use, "{token_use:?} {named:?}");
            }
        }
    }
}
