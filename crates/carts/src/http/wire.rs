//! What goes over the wire. Stored types are others.

use base::store::Version;
use base::{Error, JobId, Result};
use jiff::Timestamp;
use jobs::{Job, JobStatus};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::jobs::combine::COMBINED;
use crate::jobs::query::{ADDED, PRESENT};
use crate::jobs::{COMBINE, CombineParams, QueryParams};
use crate::model::{Entity, Item};
use crate::service::carts::Counted;
use crate::service::work::Progress;

/// A cart to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "cart_name": "Long flights of winter" }))]
pub(super) struct CartCreate {
    /// What its owner calls it; no other cart of theirs has this name.
    #[schema(min_length = 1, max_length = 255)]
    pub(super) cart_name: String,
}

/// A cart to be named.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "cart_name": "Short flights of summer" }))]
pub(super) struct CartRename {
    /// What its owner calls it from now on.
    #[schema(min_length = 1, max_length = 255)]
    pub(super) cart_name: String,
    /// Never changed: left out, or that of the path.
    #[schema(format = Uuid)]
    pub(super) id: Option<String>,
}

/// A cart.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cart)]
pub(super) struct CartView {
    /// Its name in paths.
    #[schema(value_type = String, format = Uuid)]
    id: Uuid,
    /// What its owner calls it; empty for a default cart that was not named.
    cart_name: String,
    /// Whether it is its owner's default cart.
    default: bool,
    /// How many items lie in it.
    items_count: u64,
    /// Names this state of it, for `If-Match`; items do not change it.
    version: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was named, or its items replaced by a combination.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    links: CartLinks,
}

/// Where to go from a cart.
#[derive(Debug, Serialize, ToSchema)]
struct CartLinks {
    #[serde(rename = "self")]
    this: String,
    items: String,
    query: String,
    combine: String,
    manifest: String,
    summary: String,
}

impl From<Counted> for CartView {
    fn from(Counted { cart, items }: Counted) -> Self {
        let to = |what: &str| format!("{}/{what}", cart_path(cart.id));
        let links = CartLinks {
            this: cart_path(cart.id),
            items: to("items/"),
            query: to("items/query"),
            combine: to("combine"),
            manifest: to("manifest"),
            summary: to("summary"),
        };
        Self {
            id: cart.id,
            cart_name: cart.name,
            default: cart.default,
            items_count: items,
            version: cart.version.map(|Version(stamp)| stamp.simple().to_string()),
            created_at: cart.created_at,
            updated_at: cart.updated_at,
            links,
        }
    }
}

/// Where a cart is.
pub(super) fn cart_path(id: Uuid) -> String {
    format!("/resources/carts/{id}")
}

/// A cart and a page of its items.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CartContents {
    #[schema(value_type = String, format = Uuid)]
    pub(super) id: Uuid,
    /// What its owner calls it.
    pub(super) cart_name: String,
    /// Whether it is its owner's default cart.
    pub(super) default: bool,
    /// Items in the order of their ids: the first 1,000 unless a `limit` is given.
    pub(super) items: Vec<ItemView>,
    /// The cursor of the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

/// An item to be put in a cart.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "entity_type": "flights", "entity_id": "1401", "attributes": { "why": "late" } }))]
pub(super) struct CartItemCreate {
    /// Of what type; the name of a dataset, if it is a record of one.
    #[schema(min_length = 1, max_length = 63)]
    entity_type: String,
    /// Which one. Whether there is such a thing is not checked.
    #[schema(min_length = 1, max_length = 512)]
    entity_id: String,
    /// Which version of it.
    #[schema(min_length = 1, max_length = 128)]
    entity_version: Option<String>,
    /// What there is to say of it: a JSON object of at most 256 KiB, kept exactly.
    #[schema(value_type = Option<Object>)]
    attributes: Option<Box<RawValue>>,
    /// Made of type, id and version; left out, or that very one.
    id: Option<String>,
}

impl CartItemCreate {
    pub(super) fn item(&self, now: Timestamp) -> Result<Item> {
        let entity = Entity::new(&self.entity_type, &self.entity_id, self.entity_version.as_deref())?;
        let item = Item::new(entity, self.attributes.as_deref().map(RawValue::get), now)?;
        match &self.id {
            Some(id) if id != item.id.as_str() => Err(Error::invalid(
                "id",
                "The id of an item is made of entity_type, entity_id and entity_version; leave it out",
            )),
            _ => Ok(item),
        }
    }
}

/// An item, or a list of at most 1,000.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used; the body is told apart by its first byte")]
pub(super) enum CartItemsCreate {
    /// One.
    #[schema(value_type = CartItemCreate)]
    One(()),
    /// Several.
    #[schema(value_type = Vec<CartItemCreate>)]
    Many(()),
}

/// Something in a cart.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CartItem)]
pub(super) struct ItemView {
    /// Made of type, id and version of the entity: 64 hex digits.
    id: String,
    /// Of what type.
    entity_type: String,
    /// Which one.
    entity_id: String,
    /// Which version of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_version: Option<String>,
    /// What was said of it, exactly as it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    attributes: Option<Box<RawValue>>,
    /// SHA-256 of the attributes; null without any.
    content_hash: Option<String>,
    /// When it was first put in.
    #[schema(value_type = String, format = DateTime)]
    added_at: Timestamp,
}

impl ItemView {
    pub(super) fn new(item: Item) -> Result<Self> {
        Ok(Self {
            id: item.id.to_string(),
            entity_type: item.entity.entity_type,
            entity_id: item.entity.entity_id,
            entity_version: item.entity.entity_version,
            attributes: item.attributes.map(RawValue::from_string).transpose().map_err(Error::internal)?,
            content_hash: item.content_hash,
            added_at: item.added_at,
        })
    }
}

/// A query whose records are put in a cart.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "entity_type": "flights", "filters": {
    "carrier": { "is": ["UA", "B6"] }, "distance": { "within": [[1000, 2500]] }, "tailnum": { "exists": true }
}}))]
pub(super) struct CartQuery {
    /// Records of which dataset.
    pub(super) entity_type: String,
    /// What they must be like: of each field, by its dotted path, one or more of `is`, `contains`, `within`,
    /// `intersects`, `prefix`, `exists`. All of it must hold; at most 100 conditions.
    #[schema(value_type = Object)]
    pub(super) filters: Box<RawValue>,
    /// At most so many records, the first ones of the dataset's order; 1 to 1,000,000, which it is unless
    /// said.
    #[schema(minimum = 1, maximum = 1000000)]
    pub(super) limit: Option<u64>,
    /// Whether only to count what there is.
    #[serde(default)]
    pub(super) dry_run: bool,
}

/// What a query would find.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CartQueryCount {
    /// How many records.
    pub(super) items_found: u64,
}

/// What a cart is combined with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "with": "default", "op": "intersect" }))]
pub(super) struct CartCombine {
    /// Another cart of the caller: its id, or `default`.
    pub(super) with: String,
    /// `union`: the items of either; `intersect`: those of both; `subtract`: those that are not of the
    /// other.
    #[schema(pattern = "^(union|intersect|subtract)$")]
    pub(super) op: String,
}

/// How many items of each type are in a cart.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CartSummary {
    #[schema(value_type = String, format = Uuid)]
    pub(super) id: Uuid,
    /// How many items in all.
    pub(super) items_count: u64,
    /// How many of each type; of more than 1,000 types the first by name.
    pub(super) entity_types: std::collections::BTreeMap<String, u64>,
}

/// A job that fills a cart, or replaces what lies in it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CartItemBatchJob {
    #[schema(value_type = String, format = Uuid)]
    id: JobId,
    #[schema(value_type = String, format = Uuid)]
    cart_id: Uuid,
    /// `pending`, `running`, `paused`, `completed`, `completed_with_errors`, `failed` or `cancelled`.
    #[schema(value_type = String)]
    status: JobStatus,
    /// Into how many parts it is cut; null until that is known.
    total_parts: Option<i64>,
    /// How many of them have not come to their end; null until that is known.
    remaining_parts: Option<i64>,
    /// How many items were found, or make up the result; null until that is known, and of a combination
    /// that changed nothing.
    items_found: Option<i64>,
    /// How many of them were not in the cart before.
    items_added: i64,
    /// How many were.
    items_present: i64,
    /// How many could not be put in.
    items_failed: i64,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When its status last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    links: CartItemBatchJobLinks,
}

/// Where to go from a job.
#[derive(Debug, Serialize, ToSchema)]
struct CartItemBatchJobLinks {
    #[serde(rename = "self")]
    this: String,
    cart: String,
}

/// Where a job is.
pub(super) fn job_path(id: JobId) -> String {
    format!("/resources/cart-item-batch-jobs/{id}")
}

impl CartItemBatchJob {
    pub(super) fn new(Progress { job, planned }: Progress) -> Result<Self> {
        let extra = |name: &str| job.counts.extra.get(name).copied().unwrap_or(0);
        let ended = job.counts.batches_completed + job.counts.batches_failed + job.counts.batches_dropped;
        let (mut added, mut present) = (extra(ADDED), extra(PRESENT));
        let (cart_id, found, failed) = match job.kind.as_str() {
            COMBINE => {
                // The result is built beside the cart: nothing of it is there before all is.
                let combined = job.details[COMBINED] == true;
                if !combined {
                    (added, present) = (0, 0);
                }
                (params::<CombineParams>(&job)?.cart, combined.then_some(added + present), 0)
            }
            _ => (params::<QueryParams>(&job)?.cart, planned.then_some(job.counts.total), job.counts.failed),
        };
        Ok(Self {
            id: job.id,
            cart_id,
            status: job.status,
            total_parts: planned.then_some(job.counts.batches),
            remaining_parts: planned.then_some(job.counts.batches - ended),
            items_found: found,
            items_added: added,
            items_present: present,
            items_failed: failed,
            error: job.error,
            created_at: job.created_at,
            updated_at: job.updated_at,
            links: CartItemBatchJobLinks { this: job_path(job.id), cart: cart_path(cart_id) },
        })
    }
}

fn params<'p, T: Deserialize<'p>>(job: &'p Job) -> Result<T> {
    serde_json::from_str(&job.params).map_err(Error::internal)
}
