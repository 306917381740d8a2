//! What subscriptions read, and what the store says of itself.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use super::segment::{self, SegmentIndex};
use super::shared::Shared;
use crate::clock::Timestamp;
use crate::error::{ErrorKind, Result};
use crate::event::Record;
use crate::ids::Seq;
use crate::store::{EventFilter, StoreStats, Tail, TailSource};

/// Bytes of JSON text after which a read ends early: a reader that asks for many large events gets them in several.
const READ_BYTES: usize = 4 << 20;

#[async_trait]
impl TailSource for Shared {
    async fn read_tail(
        &self,
        after: Seq,
        max_records: usize,
        filter: &EventFilter,
    ) -> Result<Tail> {
        let durable = self.durable();
        let mut first = self.first_seq();
        let mut records = Vec::new();
        let mut bytes = 0;
        let mut next = (after.0 + 1).max(first);
        while next <= durable && records.len() < max_records && bytes < READ_BYTES {
            let Some(segment) = self.segment_of(next) else {
                if records.is_empty() {
                    // Deleted since its position was looked up: what is left begins later.
                    first = self.first_seq();
                    next = next.max(first);
                    continue;
                }
                break;
            };
            let row = (next - segment.first_seq) as u32;
            let Some((frame, rows)) = segment.frame_of(row) else {
                break;
            };
            let block = self.blocks.block(&segment, &frame, rows)?;
            let first_index = (row - frame.first_row) as usize;
            if first_index >= block.len() {
                return Err(segment::damaged(segment.first_seq, frame.body_offset));
            }
            for index in first_index..block.len() {
                if next > durable || records.len() >= max_records || bytes >= READ_BYTES {
                    break;
                }
                let record = self
                    .blocks
                    .record_in(&block, index)
                    .ok_or_else(|| segment::damaged(segment.first_seq, frame.body_offset))?;
                bytes += record.as_event().map_or(0, |event| event.raw().len());
                records.push(record);
                next += 1;
            }
        }
        let mut observed_matches = Vec::new();
        for record in &records {
            if let Record::Observation(observation) = record {
                let event = match self.record(observation.of.0) {
                    Ok(record) => record.and_then(|record| record.as_event().cloned()),
                    Err(error) if error.kind() == ErrorKind::Gone => None,
                    Err(error) => return Err(error),
                };
                observed_matches.push(filter.matches_observation(observation, event.as_deref()));
            }
        }
        Ok(Tail {
            first: Seq(first),
            head: Seq(durable),
            records,
            observed_matches,
        })
    }
}

impl Shared {
    pub(super) fn stats(&self) -> StoreStats {
        let (segments, durable) = self.snapshot();
        let mut stats = StoreStats {
            last_seq: Seq(durable),
            ..StoreStats::default()
        };
        for segment in &segments {
            let meta = segment.meta();
            stats.events += u64::from(meta.events);
            stats.observations += u64::from(meta.rows - meta.events);
            stats.payload_bytes += meta.json_bytes;
            stats.stored_bytes += meta.log_bytes;
            if let SegmentIndex::Sealed { index, .. } = &segment.index {
                stats.stored_bytes += index.bytes();
            }
            if meta.rows > 0 && stats.oldest_received.is_none() {
                stats.oldest_received = Some(Timestamp::from_nanos(meta.oldest_received));
            }
        }
        let first = self.first_seq();
        stats.first_seq = if first > durable {
            Seq::ZERO
        } else {
            Seq(first)
        };
        let counters = &self.counters;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        stats.dropped_records = count(&counters.deleted);
        stats.segments = segments.len() as u64;
        stats.accepted_bytes = count(&counters.json_bytes);
        stats.groups = count(&counters.groups);
        stats.group_records = count(&counters.group_records);
        stats.group_bytes = count(&counters.group_bytes);
        stats.written_bytes = stats.group_bytes + count(&counters.other_bytes);
        stats
    }
}
