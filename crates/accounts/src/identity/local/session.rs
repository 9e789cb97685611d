//! Tokens made and used, and whether a session goes on.

use std::time::Duration;

use base::store::{StoreError, When};
use base::{Ctx, Result, Secret, TenantId, clock};
use rand::RngExt as _;
use rand::distr::Alphanumeric;
use serde_json::json;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{CLIENT, Local, Session, User};
use crate::identity::{Tokens, wrong_password, wrong_refresh_token};
use crate::model::NewEvent;
use crate::model::jwt::{Flaw, Subject};
use crate::service::{Known, Recent, Refusal};

/// How long an access token lives.
pub(super) const ACCESS_LIFE: Duration = Duration::from_secs(900);
/// How long a session lives, however often it is gone on with.
const SESSION_LIFE: Duration = Duration::from_secs(30 * 24 * 3_600);

/// What a refresh token begins with, so that one that leaked is known for what it is.
const PREFIX: &str = "frr_";
/// 256 random bits, in base62.
const SECRET_CHARS: usize = 43;

/// Sessions that were found going on a moment ago, by tenant, user and session.
pub(super) type Alive = Recent<(TenantId, Uuid, Uuid), bool>;

/// A refresh token, taken apart: `frr_TENANT.USER.SESSION.SECRET`.
struct Shown {
    tenant: TenantId,
    user: Uuid,
    session: Uuid,
    hash: [u8; 32],
}

impl Local {
    /// Begins a session of a user, if they are still who they were when the password was looked at.
    pub(super) async fn session_begin(&self, ctx: &Ctx, user: &User, seen: When) -> Result<Tokens> {
        let id = ctx.uuid("session");
        let refresh_token = mint(user, id);
        let session = Session {
            id,
            user: user.id,
            hash: hash(refresh_token.expose()),
            began_at: ctx.now(),
            generation: user.generation,
            expires_at: clock::add(ctx.now(), SESSION_LIFE),
            ended_at: None,
        };
        let tokens = self.tokens(ctx, user, &session, refresh_token).await?;
        let put = self.0.rows.session_put(user, &session, When::Always);
        match self.0.rows.commit(vec![self.0.rows.user_check(user, seen), put]).await {
            Ok(_) => Ok(tokens),
            // The password was set anew meanwhile.
            Err(StoreError::Failed(_)) => Err(wrong_password()),
            Err(error) => Err(error.into()),
        }
    }

    /// Uses up a refresh token.
    pub(super) async fn session_go_on(&self, ctx: &Ctx, token: &Secret<String>) -> Result<Tokens> {
        let shown = Shown::parse(token.expose()).ok_or_else(wrong_refresh_token)?;
        let (user, session) = self.0.rows.session(&shown.tenant, shown.user, shown.session).await?;
        let (Some(user), Some(stored)) = (user, session) else { return Err(wrong_refresh_token()) };
        if !stored.value.is_live(&user.value, ctx.now()) {
            return Err(wrong_refresh_token());
        }
        if !bool::from(stored.value.hash.ct_eq(&shown.hash)) {
            // One that was used before: somebody has a copy.
            self.session_end(ctx, &user.value, &stored.value, Some("session.reused")).await?;
            return Err(wrong_refresh_token());
        }
        let next = mint(&user.value, stored.value.id);
        let session = Session { hash: hash(next.expose()), ..stored.value.clone() };
        // Before the token that was shown is used up: who is told to come back comes with that one, and would be
        // taken for a thief.
        let tokens = self.tokens(ctx, &user.value, &session, next).await?;
        let rotated = self.0.rows.session_put(&user.value, &session, stored.unchanged());
        match self.0.rows.commit(vec![rotated]).await {
            Ok(_) => Ok(tokens),
            // It was used at the same time by somebody else, and one of them is not its owner.
            Err(StoreError::Failed(_)) => {
                self.session_end(ctx, &user.value, &session, Some("session.reused")).await?;
                Err(wrong_refresh_token())
            }
            // The answer was lost, and the hash tells whether it was done.
            Err(lost @ StoreError::Unknown(_)) => {
                let (_, now) = self.0.rows.session(&shown.tenant, shown.user, shown.session).await?;
                let done = now.is_some_and(|now| now.value.hash == session.hash);
                if done { Ok(tokens) } else { Err(lost.into()) }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Ends a session at once; what the audit is to remember of it, if anything.
    pub(super) async fn session_end(
        &self,
        ctx: &Ctx,
        user: &User,
        session: &Session,
        why: Option<&'static str>,
    ) -> Result<()> {
        let ended = Session { ended_at: Some(ctx.now()), ..session.clone() };
        let event = |why| NewEvent::new(why, user.id.to_string()).with("session", session.id.to_string());
        let mut writes = vec![self.0.rows.session_put(user, &ended, When::Always)];
        writes.extend(why.map(|why| self.event(ctx, user, event(why))));
        let done = self.0.rows.commit(writes).await;
        // Also when the write failed: it may have been applied.
        self.0.sessions.forget(&(user.tenant.clone(), user.id, session.id));
        done?;
        Ok(())
    }

    /// Whether the session of an access token went on a second ago.
    ///
    /// # Errors
    /// `Ended`, or what the store says.
    pub(crate) async fn session_alive(&self, subject: &Subject) -> Result<Known<()>, Refusal> {
        let (tenant, user, session) = named(subject).ok_or(Flaw::Claim)?;
        let key = (tenant, user, session);
        let now = self.0.clock.monotonic();
        let alive = match self.0.sessions.get(&key, now) {
            Some(alive) => Known::read(alive),
            None => {
                let ticket = self.0.sessions.ticket(now);
                match self.0.rows.session(&key.0, key.1, key.2).await {
                    Ok((user, session)) => {
                        let (at, both) = (self.0.clock.now(), user.zip(session));
                        let alive = both.is_some_and(|(user, session)| session.value.is_live(&user.value, at));
                        self.0.sessions.put(&ticket, key, alive);
                        Known::read(alive)
                    }
                    Err(error) => self.0.sessions.or_lately(&key, now, error)?,
                }
            }
        };
        let Known { value: alive, remembered } = alive;
        if alive { Ok(Known { value: (), remembered }) } else { Err(Flaw::Ended.into()) }
    }

    async fn tokens(&self, ctx: &Ctx, user: &User, session: &Session, refresh: Secret<String>) -> Result<Tokens> {
        let scopes: Vec<&str> = self.0.settings.scopes.iter().map(base::Scope::as_str).collect();
        let (issued, life) = (ctx.now().as_second(), ACCESS_LIFE.as_secs());
        let claims = json!({
            "iss": self.0.settings.issuer,
            "sub": user.id,
            "client_id": CLIENT,
            "token_use": "access",
            "scope": scopes.join(" "),
            super::TENANT_CLAIM: user.tenant,
            "sid": session.id,
            "jti": Uuid::new_v4(),
            "iat": issued,
            "exp": issued.saturating_add_unsigned(life),
        });
        let access_token = self.0.signing.sign(&claims).await?;
        Ok(Tokens { access_token, id_token: None, refresh_token: refresh, expires_in_s: life })
    }
}

/// The tenant, the user and the session that an access token of ours names.
pub(super) fn named(subject: &Subject) -> Option<(TenantId, Uuid, Uuid)> {
    let tenant = subject.tenant.as_deref()?.parse().ok()?;
    Some((tenant, Uuid::try_parse(&subject.name).ok()?, Uuid::try_parse(subject.session.as_deref()?).ok()?))
}

fn mint(user: &User, session: Uuid) -> Secret<String> {
    let mut text = format!("{PREFIX}{}.{}.{}.", user.tenant, user.id.simple(), session.simple());
    text.extend(rand::rng().sample_iter(Alphanumeric).take(SECRET_CHARS).map(char::from));
    Secret::new(text)
}

fn hash(token: &str) -> [u8; 32] {
    *blake3::hash(token.as_bytes()).as_bytes()
}

impl Shown {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix(PREFIX)?.split('.');
        let (tenant, user, session, secret) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let fits = secret.len() == SECRET_CHARS && parts.next().is_none();
        let (user, session) = (Uuid::try_parse(user).ok()?, Uuid::try_parse(session).ok()?);
        fits.then_some(Self { tenant: tenant.parse().ok()?, user, session, hash: hash(text) })
    }
}
