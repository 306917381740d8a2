//! Deleting whole segments from the front.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::recovery::failed;
use super::segment::{Segment, SegmentIndex, index_name, log_name};
use super::shared::Shared;
use crate::error::Result;
use crate::ids::Seq;
use crate::store::{RetainPolicy, Retained};

/// Deletes what the policy no longer wants. The segment that is written to is closed first when it has to go.
pub(super) async fn run(shared: &Shared, policy: &RetainPolicy) -> Result<Retained> {
    let oldest = policy
        .max_age
        .map(|age| shared.clock.now().saturating_sub(age).as_nanos());
    let mut deleted_records = 0;
    while let Some((segment, is_active)) = victim(shared, policy, oldest) {
        if is_active {
            let closed = shared.pending().roll();
            shared.wake();
            // The writer may be ending; then nothing is closed, and nothing more deleted.
            let is_closed = closed.await.is_ok()
                && victim(shared, policy, oldest).is_some_and(|(_, is_active)| !is_active);
            if !is_closed {
                break;
            }
            continue;
        }
        deleted_records += u64::from(segment.rows());
        delete(shared, segment.first_seq)?;
    }
    shared
        .counters
        .deleted
        .fetch_add(deleted_records, Ordering::Relaxed);
    let first = shared.first_seq();
    let first_seq = if first > shared.durable() {
        Seq::ZERO
    } else {
        Seq(first)
    };
    Ok(Retained {
        deleted_records,
        first_seq,
    })
}

/// The oldest segment, if the policy doesn't want it, and whether it is the one that is written to.
fn victim(
    shared: &Shared,
    policy: &RetainPolicy,
    oldest: Option<i64>,
) -> Option<(Arc<Segment>, bool)> {
    let state = shared.state();
    let total: u64 = state
        .segments
        .values()
        .map(|segment| bytes_of(segment))
        .sum();
    let segment = state.segments.values().next()?;
    let meta = segment.meta();
    let is_old = oldest.is_some_and(|oldest| meta.newest_received < oldest);
    let is_over = policy.max_bytes.is_some_and(|max_bytes| total > max_bytes);
    (meta.rows > 0 && (is_old || is_over)).then(|| (Arc::clone(segment), state.segments.len() == 1))
}

fn bytes_of(segment: &Segment) -> u64 {
    let index_bytes = match &segment.index {
        SegmentIndex::Sealed { index, .. } => index.bytes(),
        SegmentIndex::Tail(_) => 0,
    };
    segment.meta().log_bytes + index_bytes
}

/// Deletes a segment's files, then hides it. Not before the deletion of the one in front is durable: a power cut must not bring that back alone. A failed deletion leaves it in place for the next run, and a crash in between leaves files that the next open takes up again:
/// there is never a hole in front of a segment that stays. Readers in flight keep the open file.
fn delete(shared: &Shared, first_seq: u64) -> Result<()> {
    let cannot = |error| failed(&format!("cannot delete {}", log_name(first_seq)), error);
    if shared.has_unsynced_deletion.swap(true, Ordering::Relaxed) {
        shared.disk.sync_dir().map_err(cannot)?;
    }
    for name in [index_name(first_seq), log_name(first_seq)] {
        match shared.disk.remove(&name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot(error)),
            Ok(()) | Err(_) => {}
        }
    }
    {
        let mut state = shared.state_mut();
        // What is hidden is what stands there now: sealing may have put it in place of what was looked at.
        if let Some(segment) = state.segments.remove(&first_seq)
            && let SegmentIndex::Sealed { slot, .. } = &segment.index
        {
            state.filters.remove(*slot);
            state.by_slot.remove(&slot.key());
        }
        state.unsealed.remove(&first_seq);
    }
    shared.disk.sync_dir().map_err(cannot)?;
    shared.has_unsynced_deletion.store(false, Ordering::Relaxed);
    Ok(())
}
