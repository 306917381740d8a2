//! The suite every [`EventStore`] must pass: each case checks one sentence of its contract.
//!
//! A backend's test file is one function that opens an empty store, and one macro call, which makes one test of each case:
//!
//! ```text
//! fn open() -> BoxFuture<'static, Subject> { … }
//! loom_studio_core::event_store_conformance!(open);
//! ```
//!
//! What a [`Subject`] promises: the default [`EventLimits`](crate::EventLimits); room for [`CAPACITY`] records and 16 MiB; deletion in units of at most [`UNIT`] records; time from
//! the given clock alone. An ability that not every backend has is a field of [`Capabilities`](crate::Capabilities), and a case asserts it both ways: no case is skipped.
//!
//! The calling crate needs tokio's features `macros` and `rt-multi-thread`. Not covered by semver.

#![expect(
    clippy::missing_panics_doc,
    reason = "a case panics when the store breaks its contract; that is its answer"
)]

mod appending;
mod fidelity;
mod identity;
mod importing;
mod keeping;
mod model;
mod paging;
mod querying;
mod reading;
mod rejecting;
mod subscribing;
mod support;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::clock::{ManualClock, Timestamp};
use crate::store::EventStore;

/// Records a subject keeps at least.
pub const CAPACITY: u64 = 1000;
/// Records in one unit of deletion at most, as long as no batch has more than [`FILL`]: a batch is never split.
pub const UNIT: u64 = 64;
/// Records in the batches of cases that delete.
pub const FILL: usize = 16;

/// Opens an empty store in an epoch of its own, its clock at [`start`].
pub type Factory = fn() -> BoxFuture<'static, Subject>;

/// An open store under test.
pub struct Subject {
    /// The store.
    pub store: Arc<dyn EventStore>,
    /// The clock it was opened with.
    pub clock: Arc<ManualClock>,
    /// For a durable store: opens again what it left behind, after it was dropped.
    pub reopen: Option<Box<dyn FnOnce() -> BoxFuture<'static, Subject> + Send>>,
    /// What must live as long as the store, such as its directory.
    pub guard: Option<Box<dyn Any + Send + Sync>>,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

/// Where a subject's clock stands first: 2026-01-02T03:04:05Z.
pub const fn start() -> Timestamp {
    Timestamp::from_micros(1_767_323_045_000_000)
}

/// Lists the cases once: as public functions, and as tests. A case that isn't listed is dead code.
macro_rules! cases {
    ($dollar:tt; $($theme:ident { $($case:ident,)+ })+) => {
        $(pub use $theme::{$($case),+};)+

        /// Makes one test of each case of the conformance suite, for the stores that a [`Factory`](crate::conformance::Factory) opens.
        #[macro_export]
        macro_rules! event_store_conformance {
            ($dollar factory:expr) => {
                $($(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                    async fn $case() {
                        $crate::conformance::$case($dollar factory).await;
                    }
                )+)+
            };
        }
    };
}

cases! { $;
    appending {
        an_empty_batch_stores_nothing,
        seqs_are_dense_from_one,
        a_batch_keeps_its_order,
        concurrent_batches_are_contiguous,
        a_batch_becomes_visible_at_once,
        a_dropped_append_is_whole_or_absent,
    }
    identity {
        a_resend_is_a_duplicate,
        a_resend_within_its_batch_is_a_duplicate,
        the_key_is_workspace_source_and_id,
        concurrent_resends_store_one_event,
        a_second_phase_becomes_an_observation,
        each_phase_is_stored_once,
        an_observation_may_follow_in_the_same_batch,
        an_observation_needs_its_event,
        observations_are_no_matches,
    }
    fidelity {
        texts_come_back_byte_for_byte,
        reserved_members_are_left_out,
        the_envelope_is_what_the_text_says,
        what_a_client_reads_is_what_was_sent_and_studio_members,
        time_falls_back_to_stamp_and_receipt,
    }
    importing {
        what_another_log_settled_is_kept,
        a_recorded_entry_keeps_the_other_rules,
        retention_of_what_was_imported_counts_from_its_import,
        what_was_imported_is_the_same_when_opened_again,
    }
    rejecting {
        a_bad_event_is_rejected_alone,
        each_rule_has_its_code,
        limits_are_inclusive,
        floods_are_answered,
        a_bad_observation_is_rejected_alone,
        a_rejected_event_may_come_again,
    }
    querying {
        each_filter_alone,
        filters_combine,
        patterns_are_exact_prefix_or_contains,
        any_spelling_of_a_node_finds_it,
        a_time_range_includes_both_ends,
        a_set_of_positions_narrows_like_a_filter,
        text_is_case_sensitive_and_reads_the_whole_event,
        orders_are_seq_and_time,
        an_answer_as_of_a_position_knows_nothing_later,
        a_text_scan_stops_at_its_limit,
        a_limit_of_zero_is_invalid,
    }
    paging {
        a_walk_of_pages_equals_one_page,
        totals_are_true_on_every_page,
        an_offset_counts_from_the_cursor,
        a_cursor_stays_good_while_appends_go_on,
        a_cursor_stays_good_after_retention,
        a_cursor_stays_good_while_its_set_grows,
        a_cursor_belongs_to_one_query,
        a_cursor_belongs_to_one_epoch,
    }
    reading {
        get_answers_event_observation_and_nothing,
        get_names_what_was_deleted,
        get_by_id_wants_the_whole_key,
        stamps_come_from_observations,
    }
    subscribing {
        from_the_head_comes_what_is_new,
        from_the_beginning_comes_everything,
        the_last_records_come_first,
        after_a_position_comes_the_next,
        a_position_of_another_epoch_is_refused,
        catch_up_then_live_without_gap_or_duplicate,
        a_filter_still_advances,
        an_observation_wakes_and_follows_its_event,
        what_retention_deleted_is_named_as_a_gap,
        nothing_is_named_that_was_gone_before,
        skipping_names_what_was_skipped,
        a_dropped_next_loses_nothing,
        a_dropped_store_closes_its_subscriptions,
        a_stream_is_the_same_way,
        folding_reaches_the_head,
    }
    keeping {
        retention_by_age_keeps_what_is_young,
        retention_by_size_keeps_what_is_new,
        an_empty_policy_deletes_nothing,
        what_retention_would_delete_can_be_asked_before,
        a_deleted_seq_is_not_used_again,
        a_deleted_event_may_come_again,
        queries_after_retention_find_what_is_left,
        stats_count_what_is_stored,
        sync_and_health_of_a_good_store,
        capabilities_are_true,
        a_store_names_itself,
    }
    model {
        random_operations_agree_with_a_naive_model,
    }
}
