//! What a query needs to know of a segment without reading its records.

use std::ops::Range;

use roaring::RoaringBitmap;

use super::sealed::SealedIndex;
use super::tail_index::TailIndex;
use crate::event::{Event, TraceId};
use crate::store::Pattern;

/// An attribute whose values are few enough for one bitmap each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Field {
    Workspace = 0,
    Session = 1,
    Node = 2,
    Kind = 3,
}

/// An attribute whose values are many: looked up by hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Id = 0,
    Trace = 1,
    Request = 2,
    Cause = 3,
}

pub(super) const KEYS: [Key; 4] = [Key::Id, Key::Trace, Key::Request, Key::Cause];

/// The bits of a hash that an index keeps.
pub(super) const HASH_BITS: u32 = 40;
/// The bits left for a row.
pub(super) const ROW_BITS: u32 = 64 - HASH_BITS;

/// Hashes with the store's seed, so that nobody outside can choose ids that collide.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hasher(pub(super) u64);

impl Hasher {
    pub(super) fn text(self, text: &str) -> u64 {
        xxhash_rust::xxh3::xxh3_64_with_seed(text.as_bytes(), self.0)
    }

    pub(super) fn trace(self, trace: TraceId) -> u64 {
        xxhash_rust::xxh3::xxh3_64_with_seed(&trace.0.to_le_bytes(), self.0)
    }
}

/// A frame's place in its file, and its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameEntry {
    pub(super) body_offset: u64,
    pub(super) body_bytes: u32,
    pub(super) block_bytes: u32,
    pub(super) first_row: u32,
    pub(super) body_crc: u32,
    pub(super) min_time: i64,
    pub(super) max_time: i64,
}

/// An index in memory or on disk.
#[derive(Debug, Clone, Copy)]
pub(super) enum Index<'a> {
    Tail(&'a TailIndex),
    Sealed(&'a SealedIndex),
}

impl Index<'_> {
    /// Rows, observations included.
    pub(super) fn rows(self) -> u32 {
        match self {
            Self::Tail(index) => index.rows(),
            Self::Sealed(index) => index.rows(),
        }
    }

    pub(super) fn time(self, row: u32) -> i64 {
        match self {
            Self::Tail(index) => index.time(row),
            Self::Sealed(index) => index.time(row),
        }
    }

    pub(super) fn time_bounds(self) -> (i64, i64) {
        match self {
            Self::Tail(index) => index.time_bounds(),
            Self::Sealed(index) => index.time_bounds(),
        }
    }

    /// Rows that are events.
    pub(super) fn events(self) -> u64 {
        match self {
            Self::Tail(index) => u64::from(index.rows()) - index.observations().len(),
            Self::Sealed(index) => u64::from(index.meta().events),
        }
    }

    pub(super) fn observations(self) -> RoaringBitmap {
        match self {
            Self::Tail(index) => index.observations().clone(),
            Self::Sealed(index) => index.observations(),
        }
    }

    /// Rows under a hash, in order; some may have another value.
    pub(super) fn lookup(self, key: Key, hash: u64) -> Vec<u32> {
        match self {
            Self::Tail(index) => index.lookup(key, hash),
            Self::Sealed(index) => index.lookup(key, hash),
        }
    }

    /// Rows that may hold the event with an id from a sender. However many events share the id, hardly more are given than share all three.
    pub(super) fn named(self, hash: u64, workspace: &str, from: &str) -> Vec<u32> {
        match self {
            Self::Tail(index) => index.named(hash, workspace, from),
            Self::Sealed(index) => index.named(hash, workspace, from),
        }
    }

    /// Rows whose field has a value that the pattern describes.
    pub(super) fn union(self, field: Field, pattern: &Pattern) -> RoaringBitmap {
        match self {
            Self::Tail(index) => index.union(field, pattern),
            Self::Sealed(index) => index.union(field, pattern),
        }
    }

    /// How many rows have exactly this value.
    pub(super) fn count(self, field: Field, text: &str) -> u64 {
        match self {
            Self::Tail(index) => index.count(field, text),
            Self::Sealed(index) => index.count(field, text),
        }
    }

    /// Visits all frames in order, with the row after the last of each.
    pub(super) fn each_frame(self, visit: &mut dyn FnMut(FrameEntry, u32)) {
        match self {
            Self::Tail(index) => index.each_frame(visit),
            Self::Sealed(index) => index.each_frame(visit),
        }
    }

    /// Visits rows with their times.
    pub(super) fn each_time(self, rows: Range<u32>, visit: &mut dyn FnMut(u32, i64)) {
        match self {
            Self::Tail(index) => rows.for_each(|row| visit(row, index.time(row))),
            Self::Sealed(index) => index.each_time(rows, visit),
        }
    }

    /// Frames whose times lie entirely in a range need no look at single rows; for the others each row is asked.
    pub(super) fn rows_in_time(self, start: i64, end: i64) -> RoaringBitmap {
        let mut rows = RoaringBitmap::new();
        self.each_frame(&mut |entry, next_row| {
            if entry.min_time >= start && entry.max_time <= end {
                rows.insert_range(entry.first_row..next_row);
            } else if entry.max_time >= start && entry.min_time <= end {
                self.each_time(entry.first_row..next_row, &mut |row, time| {
                    if (start..=end).contains(&time) {
                        rows.insert(row);
                    }
                });
            }
        });
        rows
    }
}

/// [`Index::rows`], for [`Segment::ask`](super::segment::Segment::ask).
pub(super) fn rows(index: Index<'_>) -> u32 {
    index.rows()
}

/// [`Index::time_bounds`], likewise.
pub(super) fn time_bounds(index: Index<'_>) -> (i64, i64) {
    index.time_bounds()
}

/// The hashes an event is found under.
pub(super) fn hashes_of(event: &Event, hasher: Hasher) -> [Option<u64>; 4] {
    [
        Some(hasher.text(event.id())),
        event.trace().map(|context| hasher.trace(context.trace)),
        event.request_id().map(|id| hasher.text(id)),
        event.causation_id().map(|id| hasher.text(id)),
    ]
}
