//! One segment: its file, its index, and the records in it.

use std::cell::RefCell;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::block::Block;
use super::bloom::Slot;
use super::bytes::checksum;
use super::disk::DiskFile;
use super::index::{Candidates, FrameEntry, Hasher, Index, candidates};
use super::sealed::{SealedIndex, SegmentMeta};
use super::tail_index::TailIndex;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Record;
use crate::store::EventFilter;
use crate::store::intern::Interner;

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

    pub(super) fn candidates(&self, filter: &EventFilter, hasher: Hasher) -> Candidates {
        self.ask(|index| candidates(index, filter, hasher))
    }

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

/// Which block: the segment's first seq, and the block's first row.
type BlockKey = (u64, u32);

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<BlockKey, Arc<Block>> for ByBytes {
    fn weight(&self, _: &BlockKey, block: &Arc<Block>) -> u64 {
        block.weight().max(1)
    }
}

/// Reads blocks, and keeps the ones used most, up to a bound of bytes.
#[derive(Debug)]
pub(super) struct Blocks {
    cache: Cache<BlockKey, Arc<Block>, ByBytes>,
    strings: std::sync::Mutex<Interner>,
}

impl Blocks {
    pub(super) fn new(cache_bytes: u64) -> Self {
        let items = usize::try_from(cache_bytes / (32 << 10))
            .unwrap_or(usize::MAX)
            .max(16);
        Self {
            cache: Cache::with_weighter(items, cache_bytes, ByBytes),
            strings: std::sync::Mutex::default(),
        }
    }

    /// The record in a row.
    pub(super) fn record(&self, segment: &Segment, row: u32) -> Result<Record> {
        let (frame, rows) = segment
            .frame_of(row)
            .ok_or_else(|| damaged(segment.first_seq, 0))?;
        let block = self.block(segment, &frame, rows)?;
        let index = (row - frame.first_row) as usize;
        self.record_in(&block, index)
            .ok_or_else(|| damaged(segment.first_seq, frame.body_offset))
    }

    /// A record of a block; `None` when there is none, or it is damaged.
    pub(super) fn record_in(&self, block: &Block, index: usize) -> Option<Record> {
        block.record(index, &mut |text| {
            let mut strings = self.strings.lock().unwrap_or_else(PoisonError::into_inner);
            strings.get(text)
        })
    }

    /// A block by its frame.
    pub(super) fn block(
        &self,
        segment: &Segment,
        frame: &FrameEntry,
        rows: u32,
    ) -> Result<Arc<Block>> {
        let key = (segment.first_seq, frame.first_row);
        if let Some(block) = self.cache.get(&key) {
            return Ok(block);
        }
        let bytes = read_block(&*segment.file, frame, segment.first_seq)?;
        let first_seq = segment.first_seq + u64::from(frame.first_row);
        let block = Block::decode(bytes, first_seq, rows)
            .map(Arc::new)
            .ok_or_else(|| damaged(segment.first_seq, frame.body_offset))?;
        self.cache.insert(key, Arc::clone(&block));
        Ok(block)
    }

    /// Keeps a block that was just written: whoever follows the head reads it next.
    pub(super) fn keep(&self, segment_first_seq: u64, first_row: u32, rows: u32, bytes: Bytes) {
        let first_seq = segment_first_seq + u64::from(first_row);
        if let Some(block) = Block::decode(bytes, first_seq, rows) {
            self.cache
                .insert((segment_first_seq, first_row), Arc::new(block));
        }
    }
}

/// Reads, checks and decompresses a frame's body.
pub(super) fn read_block(file: &dyn DiskFile, frame: &FrameEntry, first_seq: u64) -> Result<Bytes> {
    let mut body = vec![0; frame.body_bytes as usize];
    file.read_exact_at(&mut body, frame.body_offset)
        .map_err(|error| {
            Error::new(
                ErrorKind::Io,
                format!("cannot read segment {}: {error}", log_name(first_seq)),
            )
            .with_source(error)
        })?;
    if checksum(&body) != frame.body_crc {
        return Err(damaged(first_seq, frame.body_offset));
    }
    decompress(&body, frame.block_bytes).ok_or_else(|| damaged(first_seq, frame.body_offset))
}

/// A frame's block; `None` when the body is none.
pub(super) fn decompress(body: &[u8], block_bytes: u32) -> Option<Bytes> {
    thread_local! {
        /// Making one takes as long as using it for a block.
        static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
    }
    DECOMPRESSOR.with_borrow_mut(|kept| {
        if kept.is_none() {
            *kept = zstd::bulk::Decompressor::new().ok();
        }
        let block = kept.as_mut()?.decompress(body, block_bytes as usize);
        block.ok().map(Bytes::from)
    })
}

pub(super) fn damaged(first_seq: u64, offset: u64) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("{} is damaged at byte {offset}", log_name(first_seq)),
    )
}
