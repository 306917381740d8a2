//! Stage one of an append: check, find duplicates, encode. What is gathered here is one commit group; the writer takes it whole.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::block::{BlockBuilder, EventDraft, ObservationParts};
use super::tail_index::Identity;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::event::{Event, Phase, Record};
use crate::ids::Seq;
use crate::store::intern::Interner;
use crate::store::{Appended, StoredRecord};

/// A full block with what its rows are indexed by.
#[derive(Debug)]
pub(super) struct RawBlock {
    pub(super) first_seq: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) min_time: i64,
    pub(super) max_time: i64,
    pub(super) rows: Vec<PendingRow>,
}

/// What the index needs of a record.
#[derive(Debug)]
pub(super) enum PendingRow {
    Event {
        time: i64,
        received: i64,
        json_bytes: u32,
        hashes: [Option<u64>; 4],
        workspace: Arc<str>,
        session: Arc<str>,
        from: Arc<str>,
        to: Option<Arc<str>>,
        kind: Arc<str>,
    },
    Observation {
        time: i64,
        received: i64,
        json_bytes: u32,
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
    pub(super) source: Arc<str>,
    pub(super) id: Arc<str>,
    pub(super) session: Arc<str>,
    pub(super) raw: Bytes,
    /// Phases it came with or was observed in.
    pub(super) phases: Vec<Phase>,
}

impl Known {
    pub(super) fn is(&self, workspace: &str, source: &str, id: &str) -> bool {
        *self.id == *id && *self.source == *source && *self.workspace == *workspace
    }

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
            source: Arc::clone(event.source()),
            id: Arc::clone(event.id()),
            session: Arc::clone(event.session()),
            raw: event.raw().clone(),
            phases: event.phase().into_iter().chain(observed).collect(),
        })
    }
}

/// Events not committed yet, by the hash of their id.
#[derive(Debug, Default)]
pub(super) struct KnownById {
    first: HashMap<u64, Known, Identity>,
    /// Events whose hash another event of the group had before.
    others: Vec<Known>,
}

impl KnownById {
    fn find(&self, hash: u64, workspace: &str, source: &str, id: &str) -> Option<&Known> {
        let first = self.first.get(&hash)?;
        if first.is(workspace, source, id) {
            return Some(first);
        }
        self.others
            .iter()
            .find(|known| known.is(workspace, source, id))
    }

    fn add(&mut self, hash: u64, known: Known) {
        match self.first.entry(hash) {
            Entry::Vacant(entry) => {
                entry.insert(known);
            }
            Entry::Occupied(_) => self.others.push(known),
        }
    }

    /// Empty again, with the space it had.
    pub(super) fn clear(&mut self) {
        self.first.clear();
        self.others.clear();
    }
}

/// The group that is being gathered.
#[derive(Debug)]
pub(super) struct Pending {
    next_seq: u64,
    block_bytes: usize,
    builder: BlockBuilder,
    builder_first_seq: u64,
    rows: Vec<PendingRow>,
    blocks: Vec<RawBlock>,
    bytes: usize,
    waiting: Vec<Waiting>,
    /// Those who wait for the active segment to be closed.
    rolls: Vec<oneshot::Sender<()>>,
    ids: KnownById,
    /// The ids of the group the writer has taken and not committed yet.
    in_flight: KnownById,
    /// An empty one, with space for a group.
    spare: KnownById,
    /// Phases observed of stored events, not committed yet.
    phases: HashMap<u64, Vec<Phase>>,
    phases_in_flight: HashMap<u64, Vec<Phase>>,
    strings: Interner,
    started: Option<Instant>,
    pub(super) closing: bool,
}

/// A group on its way to the disk.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) blocks: Vec<RawBlock>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) rolls: Vec<oneshot::Sender<()>>,
}

impl Pending {
    pub(super) fn new(next_seq: u64, block_bytes: usize) -> Self {
        Self {
            next_seq,
            block_bytes,
            builder: BlockBuilder::default(),
            builder_first_seq: next_seq,
            rows: Vec::new(),
            blocks: Vec::new(),
            bytes: 0,
            waiting: Vec::new(),
            rolls: Vec::new(),
            ids: KnownById::default(),
            in_flight: KnownById::default(),
            spare: KnownById::default(),
            phases: HashMap::new(),
            phases_in_flight: HashMap::new(),
            strings: Interner::default(),
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

    /// An event of the group gathered or in flight, with the phases known of it.
    pub(super) fn find(
        &self,
        hash: u64,
        workspace: &str,
        source: &str,
        id: &str,
    ) -> Option<&Known> {
        let in_group = self.ids.find(hash, workspace, source, id);
        in_group.or_else(|| self.in_flight.find(hash, workspace, source, id))
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
        workspace: &Arc<str>,
        received: Timestamp,
        hashes: [Option<u64>; 4],
    ) {
        let envelope = &draft.envelope;
        let source = self.strings.get(&envelope.source);
        let session = self.strings.get(&draft.session);
        self.rows.push(PendingRow::Event {
            time: draft.time.as_nanos(),
            received: received.as_nanos(),
            json_bytes: raw.len() as u32,
            hashes,
            workspace: Arc::clone(workspace),
            session: Arc::clone(&session),
            from: self.strings.get(&draft.from),
            to: draft.to.as_deref().map(|to| self.strings.get(to)),
            kind: self.strings.get(&envelope.kind),
        });
        if let [Some(id_hash), ..] = hashes {
            let known = Known {
                seq: self.next_seq,
                workspace: Arc::clone(workspace),
                source,
                id: (&*envelope.id).into(),
                session,
                raw: raw.clone(),
                phases: envelope.phase.into_iter().collect(),
            };
            self.ids.add(id_hash, known);
        }
        self.builder.event(draft, workspace, received);
        self.added();
    }

    pub(super) fn add_observation(&mut self, parts: &ObservationParts<'_>, received: Timestamp) {
        self.rows.push(PendingRow::Observation {
            time: parts.time.as_nanos(),
            received: received.as_nanos(),
            json_bytes: parts.changed.len() as u32,
            of: parts.of.0,
        });
        self.phases.entry(parts.of.0).or_default().push(parts.phase);
        self.builder.observation(parts, received);
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
        let bytes = self.builder.finish();
        self.bytes += bytes.len();
        let rows = std::mem::take(&mut self.rows);
        self.blocks.push(RawBlock {
            first_seq: self.builder_first_seq,
            bytes,
            min_time,
            max_time,
            rows,
        });
        self.builder_first_seq = self.next_seq;
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
        self.in_flight = std::mem::replace(&mut self.ids, std::mem::take(&mut self.spare));
        self.phases_in_flight = std::mem::take(&mut self.phases);
        Some(Group {
            blocks: std::mem::take(&mut self.blocks),
            waiting: std::mem::take(&mut self.waiting),
            rolls: std::mem::take(&mut self.rolls),
        })
    }

    /// The group in flight is committed: its events are found in the index from now on.
    ///
    /// They are handed out, so that the caller can clear them without holding up appends, and [`reuse`](Self::reuse) the space.
    pub(super) fn committed(&mut self) -> KnownById {
        self.phases_in_flight = HashMap::new();
        std::mem::take(&mut self.in_flight)
    }

    /// Takes back what [`committed`](Self::committed) handed out, empty.
    pub(super) fn reuse(&mut self, ids: KnownById) {
        self.spare = ids;
    }

    /// Nothing since `next_seq` was stored: those who wait for the gathered group too are handed back.
    pub(super) fn discard(&mut self, next_seq: u64) -> Vec<Waiting> {
        let closing = self.closing;
        let fresh = Self {
            closing,
            ..Self::new(next_seq, self.block_bytes)
        };
        std::mem::replace(self, fresh).waiting
    }
}

impl Known {
    /// Its position.
    pub(super) fn position(&self) -> Seq {
        Seq(self.seq)
    }
}
