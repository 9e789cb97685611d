//! Dead letters: see, mend, redrive, drop. Every change is audited.

use ::jobs::DeadLetter;
use ::jobs::enqueue::PAYLOAD_BYTES_MAX;
use base::{Ctx, Error, Page, Result, Scope};

use super::{Act, Operations};
use crate::model::LetterId;

impl Operations {
    /// A page of dead letters, of one kind or of all, newest first.
    ///
    /// # Errors
    /// `Forbidden` without `jobs:read`; what the store says.
    pub async fn dead_list(
        &self,
        ctx: &Ctx,
        kind: Option<&str>,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<DeadLetter>> {
        ctx.require(Scope::JobsRead)?;
        self.engine.dead_list(&ctx.tenant, kind, limit, after).await
    }

    /// One dead letter.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `jobs:read`.
    pub async fn dead_get(&self, ctx: &Ctx, id: LetterId) -> Result<DeadLetter> {
        ctx.require(Scope::JobsRead)?;
        self.letter(ctx, id).await
    }

    /// Changes what a dead letter will do when it is redriven: another JSON text in place of its
    /// payload.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when somebody changed it at the same time; `Invalid` for a payload
    /// over 256 KB; `Forbidden` without `jobs:write`.
    pub async fn dead_mend(&self, ctx: &Ctx, id: LetterId, payload: String) -> Result<DeadLetter> {
        ctx.require(Scope::JobsWrite)?;
        if payload.len() > PAYLOAD_BYTES_MAX {
            let text = format!("A payload has at most {PAYLOAD_BYTES_MAX} bytes");
            return Err(Error::invalid("payload", text));
        }
        let letter = self.letter(ctx, id).await?;
        self.record(ctx, "dead_letter.mended", &letter).await?;
        self.engine.dead_mend(ctx, id.0, payload).await
    }

    /// Sends a dead letter's work back to the workers, with all its attempts.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when its unique key is taken, or its job was cancelled or is gone;
    /// `Forbidden` without `jobs:write`.
    pub async fn dead_redrive(&self, ctx: &Ctx, id: LetterId) -> Result<()> {
        ctx.require(Scope::JobsWrite)?;
        let letter = self.letter(ctx, id).await?;
        self.record(ctx, "dead_letter.redriven", &letter).await?;
        self.engine.dead_redrive(ctx, id.0).await
    }

    /// Redrives every dead letter, or every one of a kind; those that cannot be redriven stay.
    /// Says how many went.
    ///
    /// # Errors
    /// `Forbidden` without `jobs:write`; what the store says.
    pub async fn dead_redrive_all(&self, ctx: &Ctx, kind: Option<&str>) -> Result<u64> {
        ctx.require(Scope::JobsWrite)?;
        let act = Act::new("dead_letters.redriven", kind.unwrap_or("every kind"));
        self.audit.record(ctx, act).await?;
        self.engine.dead_redrive_all(ctx, kind).await
    }

    /// Forgets a dead letter; its batch stays failed.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `jobs:write`.
    pub async fn dead_drop(&self, ctx: &Ctx, id: LetterId) -> Result<()> {
        ctx.require(Scope::JobsWrite)?;
        let letter = self.letter(ctx, id).await?;
        self.record(ctx, "dead_letter.dropped", &letter).await?;
        self.engine.dead_drop(ctx, id.0).await
    }

    async fn letter(&self, ctx: &Ctx, id: LetterId) -> Result<DeadLetter> {
        let letter = self.engine.dead_get(&ctx.tenant, id.0).await?;
        letter.ok_or_else(|| LetterId::not_found(&id.0))
    }

    async fn record(&self, ctx: &Ctx, action: &'static str, letter: &DeadLetter) -> Result<()> {
        let act = Act::new(action, letter.id.to_string()).with("kind", letter.kind.as_str());
        self.audit.record(ctx, act).await
    }
}
