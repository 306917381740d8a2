//! What a query needs to know of a segment without reading its records.

use roaring::RoaringBitmap;

use super::sealed::SealedIndex;
use super::tail_index::TailIndex;
use crate::event::{Event, TraceId};
use crate::store::{EventFilter, Pattern};

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

    fn observations(self) -> RoaringBitmap {
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

    fn union(self, field: Field, pattern: &Pattern) -> RoaringBitmap {
        match self {
            Self::Tail(index) => index.union(field, pattern),
            Self::Sealed(index) => index.union(field, pattern),
        }
    }

    /// Frames whose times lie entirely in a range need no look at single rows; for the others each row is asked.
    fn rows_in_time(self, start: i64, end: i64) -> RoaringBitmap {
        let mut rows = RoaringBitmap::new();
        let mut frame = |entry: FrameEntry, next_row: u32| {
            if entry.min_time >= start && entry.max_time <= end {
                rows.insert_range(entry.first_row..next_row);
            } else if entry.max_time >= start && entry.min_time <= end {
                rows.extend(
                    (entry.first_row..next_row)
                        .filter(|row| (start..=end).contains(&self.time(*row))),
                );
            }
        };
        match self {
            Self::Tail(index) => index.each_frame(&mut frame),
            Self::Sealed(index) => index.each_frame(&mut frame),
        }
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

/// The rows a filter may describe.
#[derive(Debug)]
pub(super) struct Candidates {
    pub(super) rows: RoaringBitmap,
    /// Whether every row matches without a look at the record.
    pub(super) are_exact: bool,
}

/// Rows of events that may match a normalized filter.
pub(super) fn candidates(index: Index<'_>, filter: &EventFilter, hasher: Hasher) -> Candidates {
    let nothing = Candidates {
        rows: RoaringBitmap::new(),
        are_exact: true,
    };
    let (earliest, latest) = index.time_bounds();
    let start = filter
        .time
        .start
        .map_or(i64::MIN, crate::clock::Timestamp::as_nanos);
    let end = filter
        .time
        .end
        .map_or(i64::MAX, crate::clock::Timestamp::as_nanos);
    if index.rows() == 0 || latest < start || earliest > end {
        return nothing;
    }
    let mut rows: Option<RoaringBitmap> = None;
    let mut are_exact = filter.text.is_none();
    let mut narrow = |more: RoaringBitmap| {
        let narrowed = match rows.take() {
            Some(rows) => rows & more,
            None => more,
        };
        let is_empty = narrowed.is_empty();
        rows = Some(narrowed);
        is_empty
    };
    let trace = filter.trace.as_ref();
    let trace_hash = trace.and_then(Pattern::exact).and_then(|text| {
        let id = (text.len() == 32).then(|| u128::from_str_radix(text, 16).ok())??;
        Some(hasher.trace(TraceId(id)))
    });
    if trace.and_then(Pattern::exact).is_some() && trace_hash.is_none() {
        // No trace id: nothing has it.
        return nothing;
    }
    are_exact &= trace.is_none();
    let lookups = [
        (Key::Id, filter.id.as_deref().map(|text| hasher.text(text))),
        (Key::Trace, trace_hash),
        (
            Key::Request,
            filter.request_id.as_deref().map(|text| hasher.text(text)),
        ),
        (
            Key::Cause,
            filter.causation_id.as_deref().map(|text| hasher.text(text)),
        ),
    ];
    for (key, hash) in lookups {
        let Some(hash) = hash else { continue };
        are_exact = false;
        if narrow(index.lookup(key, hash).into_iter().collect()) {
            return nothing;
        }
    }
    let workspace = filter
        .workspace
        .as_deref()
        .map(|name| Pattern::Exact(name.to_owned()));
    for (field, pattern) in [
        (Field::Workspace, workspace.as_ref()),
        (Field::Session, filter.session.as_ref()),
        (Field::Node, filter.node.as_ref()),
        (Field::Kind, filter.kind.as_ref()),
    ] {
        if let Some(pattern) = pattern
            && narrow(index.union(field, pattern))
        {
            return nothing;
        }
    }
    if (earliest < start || latest > end) && narrow(index.rows_in_time(start, end)) {
        return nothing;
    }
    let mut rows = rows.unwrap_or_else(|| {
        let mut all = RoaringBitmap::new();
        all.insert_range(0..index.rows());
        all
    });
    rows -= index.observations();
    Candidates { rows, are_exact }
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
