//! Stage one of an append: check, find duplicates, encode. What is gathered here is one commit group; the writer takes it whole.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use hashbrown::HashMap;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::block::{BlockBuilder, EventDraft, EventSymbols, ObservationParts};
use super::index::Hasher;
use super::recent::{Recent, RecentEvent, RecentEvents, RecentKey};
use super::symbols::{Symbol, Symbols};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::event::{Event, Phase, Record};
use crate::ids::Seq;
use crate::store::{Appended, StoredRecord};

/// A full block with what its rows are indexed by.
#[derive(Debug)]
pub(super) struct RawBlock {
    pub(super) first_seq: u64,
    pub(super) bytes: Bytes,
    pub(super) min_time: i64,
    pub(super) max_time: i64,
    pub(super) rows: Vec<PendingRow>,
    /// Compressed, by whoever came first.
    body: OnceLock<Option<Vec<u8>>>,
}

impl RawBlock {
    /// The body of its frame; `None` when it can't be compressed, for want of memory say. The writer and the thread that gathered the block may both ask: one of them does the work.
    pub(super) fn body(&self) -> Option<&[u8]> {
        let body = self.body.get_or_init(|| compress(&self.bytes));
        body.as_deref()
    }
}

/// What the index needs of a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct PendingRow {
    pub(super) time: i64,
    pub(super) received: i64,
    pub(super) json_bytes: u32,
    pub(super) content: RowContent,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum RowContent {
    Event {
        hashes: [Option<u64>; 4],
        names: EventSymbols,
    },
    Observation {
        of: u64,
    },
}

/// A batch that waits for its group.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) appended: Appended,
    pub(super) done: oneshot::Sender<Result<Appended>>,
    /// The bytes it may hold in memory.
    pub(super) _space: OwnedSemaphorePermit,
}

/// An event as duplicates are compared with it, stored or not yet.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) seq: u64,
    pub(super) workspace: Arc<str>,
    pub(super) session: Arc<str>,
    pub(super) raw: Bytes,
    /// Phases it came with or was observed in.
    pub(super) phases: Vec<Phase>,
}

impl Known {
    pub(super) fn from_stored(stored: &StoredRecord) -> Option<Self> {
        let Record::Event(event) = &stored.record else {
            return None;
        };
        let event: &Event = event;
        let observed = stored
            .observations
            .iter()
            .map(|observation| observation.phase);
        Some(Self {
            seq: event.seq().0,
            workspace: Arc::clone(event.workspace()),
            session: Arc::clone(event.session()),
            raw: event.raw().clone(),
            phases: event.phase().into_iter().chain(observed).collect(),
        })
    }

    /// Its position.
    pub(super) fn position(&self) -> Seq {
        Seq(self.seq)
    }
}

/// The group that is being gathered.
#[derive(Debug)]
pub(super) struct Pending {
    hasher: Hasher,
    next_seq: u64,
    block_bytes: usize,
    builder: BlockBuilder,
    builder_first_seq: u64,
    rows: Vec<PendingRow>,
    blocks: Vec<Arc<RawBlock>>,
    bytes: usize,
    waiting: Vec<Waiting>,
    /// Those who wait for the active segment to be closed.
    rolls: Vec<oneshot::Sender<()>>,
    recent: Recent,
    /// Strings of the group, and how many of them the writer has.
    symbols: Symbols,
    handed_symbols: usize,
    /// Whether the writer is at work on a group.
    is_writing: bool,
    /// Phases observed of stored events, not committed yet.
    phases: HashMap<u64, Vec<Phase>>,
    phases_in_flight: HashMap<u64, Vec<Phase>>,
    started: Option<Instant>,
    pub(super) closing: bool,
}

/// A group on its way to the disk.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) blocks: Vec<Arc<RawBlock>>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) rolls: Vec<oneshot::Sender<()>>,
    /// The strings of its rows that the writer doesn't have yet.
    pub(super) new_symbols: NewSymbols,
}

/// Strings that join those the writer has, or replace them.
#[derive(Debug)]
pub(super) struct NewSymbols {
    pub(super) replace: bool,
    pub(super) texts: Vec<Arc<str>>,
}

/// With more strings than these a new table is begun: they are kept for speed only.
const MAX_SYMBOLS: usize = 1 << 16;
/// Blocks the writer may be behind before those who gather them begin to compress them too.
const MAX_BEHIND: usize = 128;

impl Pending {
    pub(super) fn new(next_seq: u64, block_bytes: usize, hasher: Hasher) -> Self {
        Self {
            hasher,
            next_seq,
            block_bytes,
            builder: BlockBuilder::default(),
            builder_first_seq: next_seq,
            rows: Vec::new(),
            blocks: Vec::new(),
            bytes: 0,
            waiting: Vec::new(),
            rolls: Vec::new(),
            recent: Recent::default(),
            symbols: Symbols::default(),
            handed_symbols: 0,
            is_writing: false,
            phases: HashMap::new(),
            phases_in_flight: HashMap::new(),
            started: None,
            closing: false,
        }
    }

    pub(super) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn started(&self) -> Option<Instant> {
        self.started
    }

    /// The number of a string, good until the group is taken.
    pub(super) fn symbol(&mut self, text: &str) -> Symbol {
        self.symbols.get(text, self.hasher)
    }

    /// The number of the node behind an address.
    pub(super) fn node(&mut self, address: Symbol) -> Symbol {
        self.symbols.node(address, self.hasher)
    }

    /// What an event of the group gathered or in flight is found by.
    pub(super) fn key(&self, id_hash: u64, workspace: Symbol, source: Symbol) -> RecentKey {
        RecentKey::new(&self.symbols, id_hash, workspace, source)
    }

    pub(super) fn holds(&self, key: &RecentKey, id: &str) -> bool {
        self.recent.find(&self.symbols, key, id).is_some()
    }

    /// An event of the group gathered or in flight.
    pub(super) fn find(&self, key: &RecentKey, id: &str) -> Option<Known> {
        self.recent.find(&self.symbols, key, id)
    }

    /// Whether a phase of an event was observed in a group not committed yet.
    pub(super) fn has_phase(&self, seq: u64, phase: Phase) -> bool {
        [&self.phases, &self.phases_in_flight]
            .iter()
            .any(|phases| phases.get(&seq).is_some_and(|known| known.contains(&phase)))
    }

    pub(super) fn add_event(
        &mut self,
        draft: &EventDraft<'_>,
        raw: &Bytes,
        names: EventSymbols,
        key: &RecentKey,
        received: Timestamp,
        hashes: [Option<u64>; 4],
    ) {
        self.rows.push(PendingRow {
            time: draft.time.as_nanos(),
            received: received.as_nanos(),
            json_bytes: raw.len() as u32,
            content: RowContent::Event { hashes, names },
        });
        self.recent.add(
            key,
            RecentEvent::new(self.next_seq, names, draft, raw.clone()),
        );
        self.builder.event(draft, names, &self.symbols, received);
        self.added();
    }

    pub(super) fn add_observation(&mut self, parts: &ObservationParts<'_>) {
        self.rows.push(PendingRow {
            time: parts.received.as_nanos(),
            received: parts.received.as_nanos(),
            json_bytes: parts.changed.len() as u32,
            content: RowContent::Observation { of: parts.of.0 },
        });
        self.phases.entry(parts.of.0).or_default().push(parts.phase);
        self.builder
            .observation(self.next_seq, parts, &self.symbols);
        self.added();
    }

    fn added(&mut self) {
        self.next_seq += 1;
        if self.builder.len() >= self.block_bytes {
            self.finish_block();
        }
    }

    fn finish_block(&mut self) {
        if self.rows.is_empty() {
            return;
        }
        let (min_time, max_time) = (self.builder.min_time, self.builder.max_time);
        let bytes = self.builder.finish(&self.symbols);
        self.bytes += bytes.len();
        let capacity = self.rows.len();
        let rows = std::mem::replace(&mut self.rows, Vec::with_capacity(capacity));
        self.blocks.push(Arc::new(RawBlock {
            first_seq: self.builder_first_seq,
            bytes: bytes.into(),
            min_time,
            max_time,
            rows,
            body: OnceLock::new(),
        }));
        self.builder_first_seq = self.next_seq;
    }

    /// Blocks that the caller, who has just gathered some of them, should compress: from the last one back, since the writer begins with the first. `before` is how many there were.
    pub(super) fn share_of_work(&mut self, before: usize, is_due: bool) -> Vec<Arc<RawBlock>> {
        if is_due && !self.is_writing {
            // The writer takes the group at once, so it grows no further.
            self.finish_block();
        } else if self.blocks.len() <= MAX_BEHIND {
            return Vec::new();
        }
        self.blocks.iter().skip(before).rev().cloned().collect()
    }

    /// Blocks gathered so far.
    pub(super) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The batch whose entries were just added waits for the group's commit. True when it is the group's first.
    pub(super) fn wait(&mut self, waiting: Waiting, now: Instant) -> bool {
        self.waiting.push(waiting);
        let is_first = self.started.is_none();
        self.started.get_or_insert(now);
        is_first
    }

    /// Has the active segment closed after the next commit.
    pub(super) fn roll(&mut self) -> oneshot::Receiver<()> {
        let (done, receiver) = oneshot::channel();
        self.rolls.push(done);
        receiver
    }

    pub(super) fn has_rolls(&self) -> bool {
        !self.rolls.is_empty()
    }

    /// The whole group; `None` when there is none.
    pub(super) fn take(&mut self) -> Option<Group> {
        if self.waiting.is_empty() && self.rolls.is_empty() {
            return None;
        }
        self.finish_block();
        self.bytes = 0;
        self.started = None;
        self.is_writing = true;
        self.phases_in_flight = std::mem::take(&mut self.phases);
        let new_symbols = NewSymbols {
            replace: self.handed_symbols == 0,
            texts: self.symbols.texts_from(self.handed_symbols),
        };
        self.handed_symbols = self.symbols.len();
        let old = (self.symbols.len() > MAX_SYMBOLS).then(|| {
            self.handed_symbols = 0;
            self.builder.forget_symbols();
            std::mem::take(&mut self.symbols)
        });
        self.recent.take_off(old);
        Some(Group {
            blocks: std::mem::take(&mut self.blocks),
            waiting: std::mem::take(&mut self.waiting),
            rolls: std::mem::take(&mut self.rolls),
            new_symbols,
        })
    }

    /// The group in flight is committed: its events are found in the index from now on.
    ///
    /// They are handed out, so that the caller can clear them without holding up appends, and [`reuse`](Self::reuse) the space.
    pub(super) fn committed(&mut self) -> RecentEvents {
        self.is_writing = false;
        self.phases_in_flight = HashMap::new();
        self.recent.land()
    }

    /// Takes back what [`committed`](Self::committed) handed out, empty.
    pub(super) fn reuse(&mut self, events: RecentEvents) {
        self.recent.reuse(events);
    }

    /// Nothing since `next_seq` was stored: those who wait for the gathered group too are handed back.
    pub(super) fn discard(&mut self, next_seq: u64) -> Vec<Waiting> {
        let closing = self.closing;
        let fresh = Self {
            closing,
            ..Self::new(next_seq, self.block_bytes, self.hasher)
        };
        std::mem::replace(self, fresh).waiting
    }
}

/// zstd's fastest ordinary level: 3 costs a third more time for 2 % less space.
const LEVEL: i32 = 1;

fn compress(bytes: &[u8]) -> Option<Vec<u8>> {
    thread_local! {
        /// Making one takes as long as using it for a block.
        static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    }
    COMPRESSOR.with_borrow_mut(|kept| {
        if kept.is_none() {
            *kept = zstd::bulk::Compressor::new(LEVEL).ok();
        }
        kept.as_mut()?.compress(bytes).ok()
    })
}
