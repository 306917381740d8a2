//! Blocks as readers get them: from the cache, or read, checked and decompressed.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::block::Block;
use super::bytes::checksum;
use super::disk::DiskFile;
use super::fetch::{Fetch, Helper};
use super::index::FrameEntry;
use super::segment::{Segment, damaged, log_name};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Record;
use crate::store::intern::Interner;

/// Bodies up to this long are read into a buffer that the thread keeps.
const KEPT_BODY_BYTES: usize = 64 << 10;
/// Fewer blocks than this are read faster by one thread than by waking another.
const WORTH_HELP: usize = 4;

/// Which block: the segment's first seq, and the block's first row.
type BlockKey = (u64, u32);

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<BlockKey, Arc<Block>> for ByBytes {
    fn weight(&self, _: &BlockKey, block: &Arc<Block>) -> u64 {
        block.weight().max(1)
    }
}

/// A block to read.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) segment: Arc<Segment>,
    pub(super) frame: FrameEntry,
    pub(super) rows: u32,
}

impl Wanted {
    fn key(&self) -> BlockKey {
        (self.segment.first_seq, self.frame.first_row)
    }

    pub(super) fn read(&self) -> Result<Arc<Block>> {
        read(&self.segment, &self.frame, self.rows)
    }
}

/// Reads blocks, and keeps the ones used most, up to a bound of bytes.
#[derive(Debug)]
pub(super) struct Blocks {
    cache: Cache<BlockKey, Arc<Block>, ByBytes>,
    strings: Mutex<Interner>,
    helpers: OnceLock<Vec<Helper>>,
}

impl Blocks {
    pub(super) fn new(cache_bytes: u64) -> Self {
        let items = usize::try_from(cache_bytes / (32 << 10))
            .unwrap_or(usize::MAX)
            .max(16);
        Self {
            cache: Cache::with_weighter(items, cache_bytes, ByBytes),
            strings: Mutex::default(),
            helpers: OnceLock::new(),
        }
    }

    /// Has these threads help from now on; a second call changes nothing.
    pub(super) fn set_helpers(&self, helpers: Vec<Helper>) {
        let _ = self.helpers.set(helpers);
    }

    /// Ends the helping threads once they have done what they were given.
    pub(super) fn end_helpers(&self) {
        self.helpers
            .get()
            .into_iter()
            .flatten()
            .for_each(Helper::end);
    }

    /// The record in a row.
    pub(super) fn record(&self, segment: &Segment, row: u32) -> Result<Record> {
        let (frame, rows) = segment
            .frame_of(row)
            .ok_or_else(|| damaged(segment.first_seq, 0))?;
        let block = self.block(segment, &frame, rows)?;
        self.record_in(&block, (row - frame.first_row) as usize)
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
        let block = read(segment, frame, rows)?;
        self.cache.insert(key, Arc::clone(&block));
        Ok(block)
    }

    /// Several blocks, in the order they were asked for. What the cache lacks is read by this thread and the helpers together.
    pub(super) fn blocks(&self, wanted: &[Wanted]) -> Vec<Result<Arc<Block>>> {
        let mut blocks: Vec<Option<Result<Arc<Block>>>> = wanted
            .iter()
            .map(|wanted| self.cache.get(&wanted.key()).map(Ok))
            .collect();
        let missing: Vec<Wanted> = wanted
            .iter()
            .zip(&blocks)
            .filter(|(_, block)| block.is_none())
            .map(|(wanted, _)| wanted.clone())
            .collect();
        let helpers = self.helpers.get().map(Vec::as_slice).unwrap_or_default();
        let mut read = if missing.len() < WORTH_HELP || helpers.is_empty() {
            missing.iter().map(Wanted::read).collect()
        } else {
            Fetch::new(missing).run(helpers)
        }
        .into_iter();
        for (wanted, place) in wanted.iter().zip(&mut blocks) {
            if place.is_none() {
                *place = read.next();
                if let Some(Ok(block)) = place {
                    self.cache.insert(wanted.key(), Arc::clone(block));
                }
            }
        }
        blocks.into_iter().flatten().collect()
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

/// What a thread uses again for each block it reads.
#[derive(Default)]
struct Tools {
    /// Making one takes as long as using it for a block.
    decompressor: Option<zstd::bulk::Decompressor<'static>>,
    body: Vec<u8>,
}

thread_local! {
    static TOOLS: RefCell<Tools> = RefCell::default();
}

/// Reads, checks and decompresses a frame's body, and finds its records.
fn read(segment: &Segment, frame: &FrameEntry, rows: u32) -> Result<Arc<Block>> {
    let broken = || damaged(segment.first_seq, frame.body_offset);
    let bytes = TOOLS.with_borrow_mut(|tools| {
        let length = frame.body_bytes as usize;
        let mut large = Vec::new();
        let body = if length <= KEPT_BODY_BYTES {
            &mut tools.body
        } else {
            &mut large
        };
        if body.len() < length {
            body.resize(length, 0);
        }
        let body = body.get_mut(..length).unwrap_or_default();
        read_body(&*segment.file, body, frame.body_offset, segment.first_seq)?;
        if checksum(body) != frame.body_crc {
            return Err(broken());
        }
        inflate(&mut tools.decompressor, body, frame.block_bytes).ok_or_else(broken)
    })?;
    let first_seq = segment.first_seq + u64::from(frame.first_row);
    let block = Block::decode(bytes, first_seq, rows);
    block.map(Arc::new).ok_or_else(broken)
}

fn read_body(file: &dyn DiskFile, body: &mut [u8], offset: u64, first_seq: u64) -> Result<()> {
    file.read_exact_at(body, offset).map_err(|error| {
        let message = format!("cannot read segment {}: {error}", log_name(first_seq));
        Error::new(ErrorKind::Io, message).with_source(error)
    })
}

/// A frame's block; `None` when the body is none.
pub(super) fn decompress(body: &[u8], block_bytes: u32) -> Option<Bytes> {
    TOOLS.with_borrow_mut(|tools| inflate(&mut tools.decompressor, body, block_bytes))
}

fn inflate(
    kept: &mut Option<zstd::bulk::Decompressor<'static>>,
    body: &[u8],
    block_bytes: u32,
) -> Option<Bytes> {
    if kept.is_none() {
        *kept = zstd::bulk::Decompressor::new().ok();
    }
    let block = kept.as_mut()?.decompress(body, block_bytes as usize);
    block.ok().map(Bytes::from)
}
