//! The records, and the indexes over them.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hashbrown::{HashMap, HashTable};

use super::prepare::{Prepared, PreparedObservation};
use super::{MemoryStoreOptions, RetainPolicy, Retained};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{
    Event, EventKey, EventParts, Observation, Phase, Record, Reject, RejectCode, Stamps,
    changed_members,
};
use crate::ids::Seq;
use crate::store::index_key::IndexKey;
use crate::store::{Appended, EventFilter, Rejected, StoreStats, StoredEvent, StoredRecord, Tail};

/// Records per chunk: the unit in which the front is dropped and readers take snapshots.
const CHUNK_RECORDS: usize = 1024;
/// What a record costs beside its text: the record, its index entries, its share of the maps. Measured on Loom traffic, rounded up.
const RECORD_OVERHEAD_BYTES: u64 = 768;

/// A full run of records. Immutable, so readers may hold it while the log goes on.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    pub(super) records: Arc<[Record]>,
    bytes: u64,
    newest: Timestamp,
}

/// The log's state. Invariant: `chunks` hold `chunk_records` each, `active` fewer, and together they are the seqs from `first` to `next - 1`.
#[derive(Debug)]
pub(super) struct Log {
    chunk_records: usize,
    max_records: usize,
    max_bytes: u64,
    pub(super) chunks: VecDeque<Chunk>,
    pub(super) active: Vec<Record>,
    active_bytes: u64,
    first: Seq,
    next: Seq,
    hasher: RandomState,
    /// Event keys: the key's hash, and where the event stands.
    identities: HashTable<(u64, Seq)>,
    /// Seqs per attribute value, ascending.
    postings: HashMap<IndexKey, VecDeque<Seq>>,
    observed: HashMap<Seq, Vec<Arc<Observation>>>,
    workspace_events: HashMap<Arc<str>, u64>,
    stats: StoreStats,
}

impl Log {
    pub(super) fn new(options: &MemoryStoreOptions) -> Self {
        Self {
            chunk_records: (options.max_records / 16).clamp(1, CHUNK_RECORDS),
            max_records: options.max_records.max(1),
            max_bytes: options.max_bytes,
            chunks: VecDeque::new(),
            active: Vec::new(),
            active_bytes: 0,
            first: Seq(1),
            next: Seq(1),
            hasher: RandomState::new(),
            identities: HashTable::new(),
            postings: HashMap::new(),
            observed: HashMap::new(),
            workspace_events: HashMap::new(),
            stats: StoreStats::default(),
        }
    }

    pub(super) fn head(&self) -> Seq {
        self.next.previous()
    }

    pub(super) fn append(&mut self, batch: Vec<Prepared>, received: Timestamp) -> Appended {
        let mut appended = Appended::default();
        let start = self.next;
        for (index, prepared) in batch.into_iter().enumerate() {
            let stored = match prepared {
                Prepared::Event(parts) => Ok(self.add_event(*parts)),
                Prepared::Observation(draft) => self.add_observation(draft, received),
                Prepared::Rejected(reject) => Err(reject),
            };
            match stored {
                Ok(true) => {}
                Ok(false) => appended.duplicates += 1,
                Err(reject) => appended.rejected.push(Rejected::new(index, reject)),
            }
        }
        appended.seqs = (self.next > start).then(|| (start, self.head()));
        self.keep_bounds();
        appended
    }

    /// Stores the event, or what a second copy of it tells; false when it tells nothing new.
    fn add_event(&mut self, parts: EventParts) -> bool {
        let hash = self.identity_hash(&parts.workspace, &parts.source, &parts.id);
        if let Some(known) = self.find_event(hash, &parts.workspace, &parts.source, &parts.id) {
            let Some(phase) = parts.phase else {
                return false;
            };
            if self.has_phase(&known, phase) {
                return false;
            }
            let stamps = parts.stamps;
            let at = stamps
                .dispatched
                .or(stamps.published)
                .unwrap_or(parts.received);
            let changed = changed_members(known.raw(), &parts.raw);
            self.push_observation(&known, phase, at, parts.received, changed);
            return true;
        }
        let seq = self.next;
        let event = Arc::new(Event::new(EventParts { seq, ..parts }));
        self.identities
            .insert_unique(hash, (hash, seq), |(hash, _)| *hash);
        for key in IndexKey::of_event(&self.hasher, &event) {
            self.postings.entry(key).or_default().push_back(seq);
        }
        *self
            .workspace_events
            .entry_ref(event.workspace())
            .or_insert(0) += 1;
        self.stats.events += 1;
        self.push(Record::Event(event));
        true
    }

    fn add_observation(
        &mut self,
        draft: PreparedObservation,
        received: Timestamp,
    ) -> Result<bool, Reject> {
        let hash = self.identity_hash(&draft.workspace, &draft.source, &draft.id);
        let known = self
            .find_event(hash, &draft.workspace, &draft.source, &draft.id)
            .ok_or_else(|| {
                Reject::new(RejectCode::UnknownEvent, "the observed event is not stored")
            })?;
        if self.has_phase(&known, draft.phase) {
            return Ok(false);
        }
        self.push_observation(&known, draft.phase, draft.at, received, draft.changed);
        Ok(true)
    }

    fn has_phase(&self, event: &Event, phase: Phase) -> bool {
        event.phase() == Some(phase)
            || self
                .observed
                .get(&event.seq())
                .is_some_and(|observed| observed.iter().any(|o| o.phase == phase))
    }

    fn push_observation(
        &mut self,
        event: &Event,
        phase: Phase,
        at: Timestamp,
        received: Timestamp,
        changed: bytes::Bytes,
    ) {
        let observation = Arc::new(Observation {
            seq: self.next,
            of: event.seq(),
            workspace: Arc::clone(event.workspace()),
            session: Arc::clone(event.session()),
            phase,
            at,
            received,
            changed,
        });
        self.observed
            .entry(event.seq())
            .or_default()
            .push(Arc::clone(&observation));
        self.stats.observations += 1;
        self.push(Record::Observation(observation));
    }

    fn push(&mut self, record: Record) {
        let payload = payload_bytes(&record);
        self.stats.payload_bytes += payload;
        self.active_bytes += payload + RECORD_OVERHEAD_BYTES;
        let newest = record.received();
        self.active.push(record);
        self.next = self.next.next();
        if self.active.len() >= self.chunk_records {
            let records: Arc<[Record]> = std::mem::take(&mut self.active).into();
            self.chunks.push_back(Chunk {
                records,
                bytes: std::mem::take(&mut self.active_bytes),
                newest,
            });
        }
    }

    fn identity_hash(&self, workspace: &str, source: &str, id: &str) -> u64 {
        self.hasher.hash_one((workspace, source, id))
    }

    fn find_event(&self, hash: u64, workspace: &str, source: &str, id: &str) -> Option<Arc<Event>> {
        let is_it = |event: &Event| {
            **event.id() == *id && **event.source() == *source && **event.workspace() == *workspace
        };
        let matches = |(known, seq): &(u64, Seq)| {
            *known == hash && self.event(*seq).is_some_and(|event| is_it(event))
        };
        let (_, seq) = self.identities.find(hash, matches)?;
        self.event(*seq).cloned()
    }

    pub(super) fn record(&self, seq: Seq) -> Option<&Record> {
        let offset = usize::try_from(seq.0.checked_sub(self.first.0)?).ok()?;
        let (chunk, index) = (offset / self.chunk_records, offset % self.chunk_records);
        match self.chunks.get(chunk) {
            Some(chunk) => chunk.records.get(index),
            None if chunk == self.chunks.len() => self.active.get(index),
            None => None,
        }
    }

    pub(super) fn event(&self, seq: Seq) -> Option<&Arc<Event>> {
        self.record(seq)?.as_event()
    }

    pub(super) fn stamps(&self, event: &Event) -> Stamps {
        let observed = self
            .observed
            .get(&event.seq())
            .map(Vec::as_slice)
            .unwrap_or_default();
        observed.iter().fold(event.stamps(), |stamps, o| {
            stamps.or(Stamps::of_phase(o.phase, o.at))
        })
    }

    pub(super) fn get(&self, seq: Seq) -> Result<Option<StoredRecord>> {
        if seq < self.first && seq > Seq::ZERO {
            return Err(Error::new(
                ErrorKind::Gone,
                format!("record {seq} was deleted; the oldest is {}", self.first),
            ));
        }
        Ok(self.record(seq).map(|record| StoredRecord {
            record: record.clone(),
            stamps: record
                .as_event()
                .map_or_else(Stamps::default, |event| self.stamps(event)),
            observations: self.observed.get(&seq).cloned().unwrap_or_default(),
        }))
    }

    pub(super) fn find(&self, key: &EventKey) -> Option<StoredEvent> {
        let hash = self.identity_hash(&key.workspace, &key.source, &key.id);
        let event = self.find_event(hash, &key.workspace, &key.source, &key.id)?;
        let stamps = self.stamps(&event);
        Some(StoredEvent { event, stamps })
    }

    /// The shortest list of positions that holds every match of a normalized filter, if one is kept.
    pub(super) fn candidates(&self, filter: &EventFilter) -> Option<VecDeque<Seq>> {
        IndexKey::of_filter(&self.hasher, filter)
            .map(|key| self.postings.get(&key))
            .min_by_key(|posting| posting.map_or(0, VecDeque::len))
            .map(|posting| posting.cloned().unwrap_or_default())
    }

    pub(super) fn workspace_events(&self, workspace: Option<&str>) -> u64 {
        workspace.map_or(self.stats.events, |workspace| {
            self.workspace_events.get(workspace).copied().unwrap_or(0)
        })
    }

    pub(super) fn tail(&self, after: Seq, max_records: usize, filter: &EventFilter) -> Tail {
        let start = after.next().max(self.first);
        let records: Vec<Record> = (start.0..self.next.0)
            .take(max_records)
            .map_while(|seq| self.record(Seq(seq)).cloned())
            .collect();
        let observed_matches = records
            .iter()
            .filter_map(|record| match record {
                Record::Event(_) => None,
                Record::Observation(observation) => Some(self.event(observation.of)),
            })
            .map(|event| event.is_some_and(|event| filter.matches(event)))
            .collect();
        Tail {
            first: self.first,
            head: self.head(),
            records,
            observed_matches,
        }
    }

    pub(super) fn stats(&self) -> StoreStats {
        let is_empty = self.first == self.next;
        StoreStats {
            stored_bytes: self.bytes(),
            first_seq: if is_empty { Seq::ZERO } else { self.first },
            last_seq: self.head(),
            oldest_received: self.record(self.first).map(Record::received),
            ..self.stats
        }
    }

    fn bytes(&self) -> u64 {
        self.stats.payload_bytes + (self.next.0 - self.first.0) * RECORD_OVERHEAD_BYTES
    }

    fn keep_bounds(&mut self) {
        while self.next.0 - self.first.0 > self.max_records as u64 || self.bytes() > self.max_bytes
        {
            self.drop_front();
        }
    }

    pub(super) fn retain(&mut self, policy: &RetainPolicy, now: Timestamp) -> Retained {
        let before = self.stats.dropped_records;
        if let Some(oldest) = policy.max_age.map(|age| now.saturating_sub(age)) {
            while self
                .chunks
                .front()
                .is_some_and(|chunk| chunk.newest < oldest)
            {
                self.drop_front();
            }
            let active_is_old = self
                .active
                .last()
                .is_some_and(|record| record.received() < oldest);
            if self.chunks.is_empty() && active_is_old {
                self.drop_front();
            }
        }
        if let Some(max_bytes) = policy.max_bytes {
            while self.first < self.next && self.bytes() > max_bytes {
                self.drop_front();
            }
        }
        let first_seq = if self.first == self.next {
            Seq::ZERO
        } else {
            self.first
        };
        Retained {
            deleted_records: self.stats.dropped_records - before,
            first_seq,
        }
    }

    /// Drops the oldest chunk, or the active one when it is the only one.
    fn drop_front(&mut self) {
        let records = match self.chunks.pop_front() {
            Some(chunk) => {
                debug_assert!(chunk.bytes > 0, "a chunk holds records");
                chunk.records
            }
            None => {
                self.active_bytes = 0;
                std::mem::take(&mut self.active).into()
            }
        };
        for record in records.iter() {
            self.forget(record);
        }
        self.stats.dropped_records += records.len() as u64;
        self.first = Seq(self.first.0 + records.len() as u64);
    }

    fn forget(&mut self, record: &Record) {
        self.stats.payload_bytes -= payload_bytes(record);
        let event = match record {
            Record::Event(event) => event,
            Record::Observation(observation) => {
                self.stats.observations -= 1;
                // Its event, being older, has left already or leaves with this chunk.
                self.observed.remove(&observation.of);
                return;
            }
        };
        self.stats.events -= 1;
        self.observed.remove(&event.seq());
        if let Some(count) = self.workspace_events.get_mut(event.workspace()) {
            *count -= 1;
            if *count == 0 {
                self.workspace_events.remove(event.workspace());
            }
        }
        let hash = self.identity_hash(event.workspace(), event.source(), event.id());
        if let Ok(entry) = self
            .identities
            .find_entry(hash, |(_, seq)| *seq == event.seq())
        {
            entry.remove();
        }
        for key in IndexKey::of_event(&self.hasher, event) {
            if let Some(posting) = self.postings.get_mut(&key) {
                if posting.front() == Some(&event.seq()) {
                    posting.pop_front();
                }
                if posting.is_empty() {
                    self.postings.remove(&key);
                }
            }
        }
    }
}

fn payload_bytes(record: &Record) -> u64 {
    match record {
        Record::Event(event) => event.raw().len() as u64,
        Record::Observation(observation) => observation.changed.len() as u64,
    }
}
