//! What every store promises.

use crate::conformance::Fixture;
use crate::key;
use crate::store::{Body, Field, Item, Key, Query, StoreError, Table, Version, Write};
use crate::{Store, StoreExt};

mod bulk;
mod expiry;
mod items;
mod limits;
mod races;
mod ranges;
mod writes;

pub use bulk::*;
pub use expiry::*;
pub use items::*;
pub use limits::*;
pub use races::*;
pub use ranges::*;
pub use writes::*;

/// The tables that the suite writes to; a store whose tables are made by hand needs both.
pub const TABLES: [Table; 2] = [TABLE, OTHER];

/// How often a write whose answer was lost is repeated.
const TRIES: usize = 20;

const TABLE: Table = Table("conformance");
const OTHER: Table = Table("conformance_other");

/// Runs the suite of [`Store`](crate::Store) against what `$make` makes, each promise a test.
#[macro_export]
macro_rules! store_conformance {
    ($make:path) => {
        $crate::conformance_tests! { store, $make,
            a_missing_item_is_none
            what_was_written_is_read
            a_writer_reads_its_own_write
            data_is_kept_to_the_byte
            fields_are_kept_exactly
            a_field_may_have_any_name
            an_item_may_hold_nothing
            keys_may_hold_any_character
            get_many_answers_in_the_order_of_the_keys
            partitions_and_tables_do_not_mix
            it_says_that_it_is_ready
            order_is_bytewise
            a_prefix_holds_exactly_what_begins_so
            between_includes_both_ends
            a_range_upside_down_is_empty
            pages_go_on_after_sort_key
            a_cursor_need_not_exist
            a_cursor_stays_within_its_range
            a_page_ends_at_a_megabyte
            count_agrees_with_query
            an_unknown_partition_is_an_empty_page
            a_write_is_all_or_nothing
            a_failed_write_names_every_condition
            every_condition_means_what_it_says
            versions_are_new_at_every_write
            a_write_stamps_all_its_items_alike
            an_item_written_since_it_was_read_is_not_unchanged
            an_item_made_again_has_another_version
            an_add_starts_from_zero_and_keeps_the_rest
            a_put_replaces_the_whole_item
            a_delete_of_nothing_is_no_error
            a_check_changes_nothing
            an_expired_item_is_absent_to_reads_conditions_add_count_query
            an_item_expires_at_its_instant
            an_expiry_can_be_moved_and_lifted
            pages_go_on_past_expired_items
            key_limits_hold_at_minus_one_zero_plus_one
            item_limits_hold_at_minus_one_zero_plus_one
            addition_limits_hold_at_minus_one_zero_plus_one
            transaction_limits_hold_at_minus_one_zero_plus_one
            read_limits_hold_at_minus_one_zero_plus_one
            a_write_names_each_key_once
            nothing_over_a_limit_is_applied
            bulk_is_durable_and_idempotent
            bulk_takes_any_number
            bulk_overwrites_and_deletes_unconditionally
            bulk_items_have_versions_and_expiries
            concurrent_adds_all_count
            concurrent_conditional_puts_have_one_winner
            concurrent_changes_by_version_lose_no_update
            concurrent_transactions_keep_the_sum
        }
        mod faults {
            use super::*;
            $crate::conformance_tests! { fault, $make,
                a_lost_reply_may_have_been_applied
                a_lost_reply_may_not_have_been_applied
                a_lost_reply_of_bulk_may_have_been_applied_in_part
                a_refused_call_was_not_applied
                a_delayed_call_waits_for_the_clock
                a_crash_fails_every_call_until_the_restart
                a_seed_repeats_its_faults
            }
        }
    };
}

impl Fixture<dyn Store> {
    /// A place in the suite's table; the partition begins with the fixture's name.
    pub(crate) fn key(&self, partition: &str, sort: &str) -> Key {
        Key::new(TABLE, self.partition(partition), sort)
    }

    fn partition(&self, name: &str) -> String {
        key![self.name(), name]
    }

    fn all_of(&self, partition: &str) -> Query {
        Query::new(TABLE, self.partition(partition))
    }

    pub(crate) async fn read(&self, key: &Key) -> Option<Item> {
        self.get(key.clone()).await.unwrap()
    }

    /// One write that has to succeed.
    pub(crate) async fn done(&self, write: Write) -> Version {
        self.settled(vec![write]).await.unwrap()
    }

    /// A write by the only writer there is. `Busy` says that nothing was applied. `Unknown` it may be
    /// answered only where the condition did not hold, since a store knows its own write when nobody
    /// has written over it: so a repetition changes nothing that the first did not.
    async fn settled(&self, writes: Vec<Write>) -> Result<Version, StoreError> {
        for _ in 0..TRIES {
            match settled(&**self, writes.clone()).await {
                Err(StoreError::Unknown(_)) => {}
                answer => return answer,
            }
        }
        settled(&**self, writes).await
    }

    /// Puts an item with nothing but its sort key as data, at each of the sort keys.
    async fn fill(&self, partition: &str, sorts: &[&str]) {
        for sort in sorts {
            self.done(Write::put(self.key(partition, sort), Body::data(format!("{sort:?}")))).await;
        }
    }

    async fn items(&self, partition: &str) -> Vec<Item> {
        self.query_all(self.all_of(partition).limit(1_000)).await.unwrap()
    }

    /// The sort keys of all pages.
    async fn sorts(&self, query: Query) -> Vec<String> {
        let items = self.query_all(query).await.unwrap();
        items.into_iter().map(|item| item.key.sort).collect()
    }
}

/// One of many writers' write: `Busy` says that nothing was applied.
async fn settled(store: &dyn Store, writes: Vec<Write>) -> Result<Version, StoreError> {
    loop {
        match store.write(writes.clone()).await {
            Err(StoreError::Busy) => tokio::task::yield_now().await,
            answer => return answer,
        }
    }
}

fn int(value: i64) -> Field {
    Field::Int(value)
}
