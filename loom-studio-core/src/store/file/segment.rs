//! One segment: its file, its index, and the records in it.

use std::sync::{Arc, PoisonError, RwLock};

use super::bloom::Slot;
use super::disk::DiskFile;
use super::index::{FrameEntry, Index};
use super::sealed::{SealedIndex, SegmentMeta};
use super::tail_index::TailIndex;
use crate::error::{Error, ErrorKind};

/// `seg-` and the first seq in 20 digits.
pub(super) fn log_name(first_seq: u64) -> String {
    format!("seg-{first_seq:020}.log")
}

pub(super) fn index_name(first_seq: u64) -> String {
    format!("seg-{first_seq:020}.idx")
}

/// The first seq in a log's name. Zero is none, and one near the end of numbers was never given.
pub(super) fn parse_log_name(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("seg-")?.strip_suffix(".log")?;
    let first_seq = (digits.len() == 20).then(|| digits.parse().ok())??;
    (1..=u64::MAX >> 1)
        .contains(&first_seq)
        .then_some(first_seq)
}

/// A segment as readers share it. Sealing puts another one in its place; a reader in flight finishes on the old.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) first_seq: u64,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) index: SegmentIndex,
}

/// How a segment is indexed.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there are about as many as there are files"
)]
pub(super) enum SegmentIndex {
    /// In memory, committed rows only: the segment is written to, or waits for its index file.
    Tail(RwLock<Tail>),
    /// By its index file.
    Sealed { index: Box<SealedIndex>, slot: Slot },
}

/// What is in memory of a segment without an index file.
#[derive(Debug, Default)]
pub(super) struct Tail {
    pub(super) index: TailIndex,
    pub(super) meta: SegmentMeta,
}

impl Segment {
    /// Asks the index. The lock of a tail is held for the one question only.
    pub(super) fn ask<T>(&self, question: impl FnOnce(Index<'_>) -> T) -> T {
        match &self.index {
            SegmentIndex::Tail(tail) => question(Index::Tail(
                &tail.read().unwrap_or_else(PoisonError::into_inner).index,
            )),
            SegmentIndex::Sealed { index, .. } => question(Index::Sealed(index)),
        }
    }

    pub(super) fn meta(&self) -> SegmentMeta {
        match &self.index {
            SegmentIndex::Tail(tail) => tail
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .meta
                .clone(),
            SegmentIndex::Sealed { index, .. } => index.meta().clone(),
        }
    }

    pub(super) fn rows(&self) -> u32 {
        self.ask(super::index::rows)
    }

    /// Whether any observation is stored here.
    pub(super) fn has_observations(&self) -> bool {
        match &self.index {
            SegmentIndex::Tail(tail) => {
                let tail = tail.read().unwrap_or_else(PoisonError::into_inner);
                tail.meta.rows > tail.meta.events
            }
            SegmentIndex::Sealed { index, .. } => index.meta().rows > index.meta().events,
        }
    }

    /// The least and the greatest seq that observations stored here are of.
    pub(super) fn observed_bounds(&self) -> Option<(u64, u64)> {
        self.ask(|index| match index {
            Index::Tail(index) => index.observed_bounds(),
            Index::Sealed(index) => index.observed_bounds(),
        })
    }

    /// The rows of an event's observations.
    pub(super) fn observed(&self, seq: u64) -> Vec<u32> {
        self.ask(|index| match index {
            Index::Tail(index) => index.observed(seq),
            Index::Sealed(index) => index.observed(seq),
        })
    }

    /// The frame that holds a row, and how many rows it has.
    pub(super) fn frame_of(&self, row: u32) -> Option<(FrameEntry, u32)> {
        self.ask(|index| match index {
            Index::Tail(index) => index.frame_of(row),
            Index::Sealed(index) => index.frame_of(row),
        })
    }
}

pub(super) fn damaged(first_seq: u64, offset: u64) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("{} is damaged at byte {offset}", log_name(first_seq)),
    )
}
