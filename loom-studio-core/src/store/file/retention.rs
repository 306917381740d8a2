//! Deleting whole segments from the front.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::recovery::failed;
use super::segment::{Segment, SegmentIndex, index_name, log_name};
use super::shared::Shared;
use crate::error::Result;
use crate::ids::Seq;
use crate::store::{RetainPolicy, Retained};

/// Where the log would begin after retention. The segment that is written to is closed first when it has to go.
pub(super) async fn first_kept(shared: &Shared, policy: &RetainPolicy) -> u64 {
    let oldest = policy
        .max_age
        .map(|age| shared.clock.now().saturating_sub(age).as_nanos());
    loop {
        let (first, is_active) = plan(shared, policy, oldest);
        if !is_active {
            return first;
        }
        let closed = shared.pending().roll();
        shared.wake();
        // The writer may be ending; then nothing is closed, and what it wrote to stays.
        let is_closed = closed.await.is_ok() && shared.segment_of(first).is_some();
        if !is_closed || plan(shared, policy, oldest) == (first, true) {
            return first;
        }
    }
}

/// The first position the policy wants, or that of the segment that is written to, when the policy doesn't want that one either.
fn plan(shared: &Shared, policy: &RetainPolicy, oldest: Option<i64>) -> (u64, bool) {
    let state = shared.state();
    let mut bytes: u64 = state
        .segments
        .values()
        .map(|segment| bytes_of(segment))
        .sum();
    let mut segments = state.segments.values().peekable();
    while let Some(segment) = segments.next() {
        let meta = segment.meta();
        let is_old = oldest.is_some_and(|oldest| meta.newest_received < oldest);
        let is_over = policy.max_bytes.is_some_and(|max_bytes| bytes > max_bytes);
        if meta.rows == 0 || !(is_old || is_over) {
            return (segment.first_seq, false);
        }
        if segments.peek().is_none() {
            return (segment.first_seq, true);
        }
        bytes -= bytes_of(segment);
    }
    (shared.durable() + 1, false)
}

/// Deletes the segments that end before a position, but never the one that is written to.
pub(super) fn delete_before(shared: &Shared, first: u64) -> Result<Retained> {
    let mut deleted_records = 0;
    {
        let is_unsynced = &mut *shared
            .has_unsynced_deletion
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while let Some(segment) = ended(shared, first) {
            delete(shared, segment.first_seq, is_unsynced)?;
            deleted_records += u64::from(segment.rows());
        }
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

/// The oldest segment, if it ends before a position.
fn ended(shared: &Shared, first: u64) -> Option<Arc<Segment>> {
    let state = shared.state();
    let mut segments = state.segments.values();
    let segment = segments.next()?;
    let end = segments.next()?.first_seq;
    (end <= first).then(|| Arc::clone(segment))
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
fn delete(shared: &Shared, first_seq: u64, is_unsynced: &mut bool) -> Result<()> {
    let cannot = |error| failed(&format!("cannot delete {}", log_name(first_seq)), error);
    if std::mem::replace(is_unsynced, true) {
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
    *is_unsynced = false;
    Ok(())
}
