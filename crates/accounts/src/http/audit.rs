//! The audit on the wire.

use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use web::scope::KeysAdmin;
use web::{Answer, Caller, List, Paging};

use super::Api;
use crate::model::Entry;

/// A line of the audit: a change, or refusals of one minute.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum AuditView {
    /// Something was changed.
    Event {
        #[schema(value_type = String, format = Uuid)]
        id: Uuid,
        #[schema(value_type = String, format = DateTime)]
        at: Timestamp,
        /// What was done.
        #[schema(example = "key.created")]
        action: String,
        /// By whom.
        actor: String,
        /// To what.
        subject: String,
        request_id: String,
        /// What else there is to know.
        #[schema(value_type = Object)]
        details: serde_json::Map<String, serde_json::Value>,
    },
    /// Callers were refused.
    Denials {
        /// The minute, by its first instant.
        #[schema(value_type = String, format = DateTime)]
        at: Timestamp,
        /// Why.
        #[schema(example = "key unknown")]
        reason: String,
        /// How often, at least.
        count: i64,
    },
}

/// Lists what was done in the tenant, the newest first, and how often callers were refused.
#[utoipa::path(get, path = "/api/v1/audit", params(Paging), responses((status = 200, body = List<AuditView>)))]
pub(super) async fn audit_list(
    caller: Caller<KeysAdmin>,
    State(api): State<Api>,
    paging: Paging,
) -> Answer<List<AuditView>> {
    let page = paging.fetch(|after, limit| api.accounts.audit_list(&caller, after, limit)).await?;
    Ok(paging.list(page.map(AuditView::from), None))
}

impl From<Entry> for AuditView {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::Event(event) => Self::Event {
                id: event.id,
                at: event.at,
                action: event.action,
                actor: event.actor,
                subject: event.subject,
                request_id: event.request_id,
                details: event.details,
            },
            Entry::Denials(denials) => {
                Self::Denials { at: denials.minute, reason: denials.reason, count: denials.count }
            }
        }
    }
}
