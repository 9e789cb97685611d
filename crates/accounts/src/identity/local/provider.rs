//! The operations.

use std::time::Duration;

use async_trait::async_trait;
use base::store::{StoreError, When, Write};
use base::{Ctx, Error, ErrorKind, Result, Secret, clock};

use super::letters::{Written, no_post};
use super::password::{PasswordHash, Turn};
use super::session::named;
use super::{Failures, Letter, Local, Purpose, User};
use crate::identity::{
    Code, Confirmed, Delivery, Email, IdentityProvider, Password, Person, SignedIn, Tokens, signed_in_elsewhere,
    wrong_code, wrong_password,
};
use crate::model::NewEvent;
use crate::model::jwt::{Compact, Subject};
use crate::store::{Stored, event_put};

/// A user who does not confirm the address is gone after so long.
const UNCONFIRMED_LIFE: Duration = Duration::from_secs(7 * 24 * 3_600);
/// So many users in one tenant.
const USERS_MAX: u64 = 10_000;
/// So many failures in a row are free.
const FAILURES_FREE: u32 = 5;
/// The longest that a user is shut out for a failure.
const LOCK_MAX: Duration = Duration::from_secs(900);
/// Failures are forgotten so long after the last.
const FAILURES_LIFE: Duration = Duration::from_secs(24 * 3_600);
/// How often a change of a user is tried against others at the same moment.
const TRIES_MAX: u32 = 8;

#[async_trait]
impl IdentityProvider for Local {
    async fn sign_up(&self, ctx: &Ctx, email: &Email, password: &Password) -> Result<Delivery> {
        let tenant = self.0.settings.tenant.clone().ok_or_else(no_tenant)?;
        if self.0.settings.post.is_none() {
            return Err(no_post());
        }
        // Whoever it is for: when nobody can be added, that says nothing about them.
        if self.0.rows.users_count(&tenant).await? >= USERS_MAX {
            return Err(Error::conflict(format!("There are {USERS_MAX} users already")));
        }
        let turn = self.0.hasher.turn(email).await?;
        // Two hashes in any case: what takes as long for everybody says nothing about anybody.
        let hash = turn.hash(password).await?;
        let mut user = self.0.rows.user_by_email(email).await?;
        let same = turn.verify(user.as_ref().map(|user| &user.value.password), password).await?;
        for _ in 0..TRIES_MAX {
            let done = match &user {
                None => self.user_make(ctx, &User::new(ctx, tenant.clone(), email, hash.clone()), email).await?,
                Some(user) if user.value.confirmed_at.is_some() => {
                    self.letter(&user.value, ctx, None, |_, _| (Vec::new(), already(email))).await?
                }
                Some(user) => self.contest(ctx, user, email, same).await?,
            };
            if done {
                return Ok(self.delivery(email));
            }
            user = self.0.rows.user_by_email(email).await?;
        }
        Err(Error::unavailable("many sign up with one address"))
    }

    async fn confirm(&self, ctx: &Ctx, email: &Email, code: &Code) -> Result<Confirmed> {
        let user = self.0.rows.user_by_email(email).await?.ok_or_else(wrong_code)?;
        let used = self.code_try(&user.value, Purpose::Confirm, code, ctx.now()).await?;
        let contested = user.value.contested;
        let password = if contested { PasswordHash::nobodys() } else { user.value.password.clone() };
        let confirmed = User { confirmed_at: Some(ctx.now()), contested: false, password, ..user.value.clone() };
        let mut writes = self.0.rows.user_writes(&confirmed, None, user.unchanged(), When::Present);
        writes.extend([used, self.event(ctx, &confirmed, event("user.confirmed", &confirmed))]);
        self.0.rows.commit(writes).await?;
        Ok(if contested { Confirmed::PasswordNeeded } else { Confirmed::Done })
    }

    async fn resend(&self, ctx: &Ctx, email: &Email) -> Result<Delivery> {
        self.code_beside(ctx, email, Purpose::Confirm);
        Ok(self.delivery(email))
    }

    async fn sign_in(&self, ctx: &Ctx, email: &Email, password: &Password) -> Result<SignedIn> {
        let turn = self.0.hasher.turn(email).await?;
        let Some(user) = self.0.rows.user_by_email(email).await? else {
            turn.verify(None, password).await?;
            return Err(wrong_password());
        };
        let (seen, user) = (user.unchanged(), user.value);
        let failures = self.0.rows.failures(&user).await?;
        let locked = failures.as_ref().is_some_and(|failures| ctx.now() < locked_until(&failures.value));
        let right = turn.verify((!locked).then_some(&user.password), password).await?;
        if !right {
            if !locked {
                self.failure_note(user, turn);
            }
            return Err(wrong_password());
        }
        drop(turn);
        if user.confirmed_at.is_none() {
            return Err(wrong_password());
        }
        if failures.is_some() {
            self.0.rows.commit(vec![self.0.rows.failures_delete(&user)]).await?;
        }
        self.session_begin(ctx, &user, seen).await.map(SignedIn::Tokens)
    }

    async fn refresh(&self, ctx: &Ctx, token: &Secret<String>) -> Result<Tokens> {
        self.session_go_on(ctx, token).await
    }

    async fn sign_out(&self, ctx: &Ctx, access_token: &Secret<String>) -> Result<()> {
        let subject = self.subject(access_token, ctx.now()).ok_or_else(signed_in_elsewhere)?;
        let (tenant, user, session) = named(&subject).ok_or_else(signed_in_elsewhere)?;
        match self.0.rows.session(&tenant, user, session).await? {
            (Some(user), Some(session)) => self.session_end(ctx, &user.value, &session.value, None).await,
            _ => Ok(()),
        }
    }

    async fn forgot_password(&self, ctx: &Ctx, email: &Email) -> Result<Delivery> {
        self.code_beside(ctx, email, Purpose::Reset);
        Ok(self.delivery(email))
    }

    async fn reset_password(&self, ctx: &Ctx, email: &Email, code: &Code, password: &Password) -> Result<()> {
        // First, whoever it is for: what takes long says nothing about them.
        let hash = self.0.hasher.turn(email).await?.hash(password).await?;
        let user = self.0.rows.user_by_email(email).await?.ok_or_else(wrong_code)?;
        let used = self.code_try(&user.value, Purpose::Reset, code, ctx.now()).await?;
        let generation = user.value.generation.wrapping_add(1);
        let anew = User { password: hash, generation, ..user.value.clone() };
        let put = self.0.rows.user_put(&anew, None, user.unchanged());
        let event = self.event(ctx, &anew, event("user.password_reset", &anew));
        let done = self.0.rows.commit(vec![put, used, self.0.rows.failures_delete(&anew), event]).await;
        // Also when the answer was an error: it may have been applied.
        self.0.sessions.clear();
        done?;
        Ok(())
    }

    async fn whoami(&self, access_token: &Secret<String>) -> Result<Option<Person>> {
        let now = self.0.clock.now();
        let subject = self.subject(access_token, now);
        let Some((tenant, user, session)) = subject.as_ref().and_then(named) else { return Ok(None) };
        let (user, _) = self.0.rows.session(&tenant, user, session).await?;
        Ok(user.map(|user| Person { id: user.value.id.to_string(), email: Some(user.value.email) }))
    }
}

impl Local {
    /// Writes a new user and the first letter, unless somebody was faster.
    async fn user_make(&self, ctx: &Ctx, user: &User, email: &Email) -> Result<bool> {
        let now = ctx.now();
        let (kept, letter) = self.code(user, email, Purpose::Confirm, now);
        let mut writes = self.0.rows.user_writes(user, Some(until(user)), When::Absent, When::Absent);
        let written = self.0.rows.written_put(user, &Written::first(now), until(user), When::Absent);
        writes.extend([kept, written]);
        match self.0.rows.commit(writes).await {
            Ok(_) => {
                self.send(letter);
                Ok(true)
            }
            Err(StoreError::Failed(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Notes that somebody signed up once more with an address that waits to be confirmed. Either of them
    /// may be its owner: with another password, neither is trusted any more.
    async fn contest(&self, ctx: &Ctx, user: &Stored<User>, email: &Email, same: bool) -> Result<bool> {
        let anew = User { contested: user.value.contested || !same, ..user.value.clone() };
        let put = self.0.rows.user_put(&anew, Some(until(&anew)), user.unchanged());
        self.letter(&user.value, ctx, Some(put), |local, now| {
            let (kept, letter) = local.code(&anew, email, Purpose::Confirm, now);
            (vec![kept], letter)
        })
        .await
    }

    /// Writes a letter and what belongs to it, if one is due; `always` is written in any case. Says
    /// whether that was done: it is not when somebody asked at the same time.
    async fn letter(
        &self,
        user: &User,
        ctx: &Ctx,
        always: Option<Write>,
        write: impl FnOnce(&Self, jiff::Timestamp) -> (Vec<Write>, Letter) + Send,
    ) -> Result<bool> {
        let (charge, due) = self.letter_due(user, ctx.now()).await?;
        let (mut writes, letter) = write(self, ctx.now());
        // Written in any case: what takes as long for everybody says nothing about anybody.
        writes.retain(|_| due);
        writes.extend(always);
        writes.push(charge);
        match self.0.rows.commit(writes).await {
            Ok(_) => {
                if due {
                    self.send(letter);
                }
                Ok(true)
            }
            Err(StoreError::Failed(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a code to whom it may concern, beside the request: how long it takes tells nobody whether
    /// there is such a user.
    fn code_beside(&self, ctx: &Ctx, email: &Email, purpose: Purpose) {
        let (local, ctx, email) = (self.clone(), ctx.clone(), email.clone());
        self.beside(async move {
            let Some(user) = local.0.rows.user_by_email(&email).await? else { return Ok(()) };
            let user = user.value;
            if (purpose == Purpose::Confirm) == user.confirmed_at.is_some() {
                return Ok(());
            }
            let of = user.clone();
            // Where somebody asked at the same time, theirs is on its way.
            let letter = local.letter(&user, &ctx, None, move |local, now| {
                let (kept, letter) = local.code(&of, &email, purpose, now);
                (vec![kept], letter)
            });
            letter.await.map(drop)
        });
    }

    /// Counts a failed sign-in beside the request, whose answer comes as soon as that of an address that is
    /// not known. Until it is counted, nobody else has a turn for the address.
    fn failure_note(&self, user: User, turn: Turn) {
        let (local, at) = (self.clone(), self.0.clock.now());
        self.0.tasks.spawn(async move {
            if let Err(error) = local.failure_count(&user, at).await {
                tracing::warn!(%error, "a failed sign-in was not counted");
            }
            drop(turn);
        });
    }

    /// Counts a failed sign-in, whoever else counts one at the same time.
    async fn failure_count(&self, user: &User, at: jiff::Timestamp) -> Result<()> {
        for _ in 0..TRIES_MAX {
            let before = self.0.rows.failures(user).await?;
            let count = before.as_ref().map_or(0, |failures| failures.value.count).saturating_add(1);
            let when = before.as_ref().map_or(When::Absent, Stored::unchanged);
            let failures = Failures { count, at };
            let put = self.0.rows.failures_put(user, &failures, clock::add(at, FAILURES_LIFE), when);
            match self.0.rows.commit(vec![put]).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Failed(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::unavailable("a failed sign-in could not be counted"))
    }

    /// Whom a token of ours is of, whose signature the caller has verified.
    fn subject(&self, access_token: &Secret<String>, now: jiff::Timestamp) -> Option<Subject> {
        let token = Compact::parse(access_token.expose()).ok()?;
        self.issuer().judge(&token.claims, now).ok()
    }

    /// The write that remembers `event` in the audit of the user's tenant.
    pub(super) fn event(&self, ctx: &Ctx, user: &User, event: NewEvent) -> Write {
        event_put(&user.tenant, &event.by(ctx))
    }

    fn delivery(&self, email: &Email) -> Delivery {
        let medium = self.0.settings.post.as_ref().map_or("none", |post| post.medium());
        Delivery { medium, destination: email.masked() }
    }
}

fn until(user: &User) -> jiff::Timestamp {
    clock::add(user.created_at, UNCONFIRMED_LIFE)
}

/// Until when a user is shut out: for a second after the fifth failure, then twice as long each time.
fn locked_until(failures: &Failures) -> jiff::Timestamp {
    let Some(doublings) = failures.count.checked_sub(FAILURES_FREE) else { return failures.at };
    let lock = Duration::from_secs(1 << doublings.min(10)).min(LOCK_MAX);
    clock::add(failures.at, lock)
}

fn event(action: &'static str, user: &User) -> NewEvent {
    NewEvent::new(action, user.id.to_string())
}

fn already(email: &Email) -> Letter {
    let text = "Somebody signed up with your email address. You have an account already: sign in, or set another \
                password if you forgot it.\n\nIf it was not you, do nothing.\n";
    Letter { to: email.clone(), subject: "You have an account already", text: Secret::new(text.to_owned()) }
}

fn no_tenant() -> Error {
    let text = "Nobody can sign up: this server has no tenant for them. Its operator sets auth.default_tenant.";
    Error::new(ErrorKind::Forbidden, text)
}
