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

/// A run of records. Immutable, so readers may hold it while the log goes on.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    pub(super) first: Seq,
    pub(super) records: Arc<[Record]>,
    /// The earliest and the latest event time; reversed when it holds observations alone.
    pub(super) times: (Timestamp, Timestamp),
    newest_received: Timestamp,
}

impl Chunk {
    fn new(first: Seq, records: Vec<Record>) -> Self {
        let nothing = (
            Timestamp::from_nanos(i64::MAX),
            Timestamp::from_nanos(i64::MIN),
        );
        let times = records
            .iter()
            .filter_map(Record::as_event)
            .fold(nothing, |(earliest, latest), event| {
                (earliest.min(event.time()), latest.max(event.time()))
            });
        let newest_received = records.iter().map(Record::received).max();
        Self {
            first,
            times,
            newest_received: newest_received.unwrap_or_default(),
            records: records.into(),
        }
    }

    pub(super) fn last(&self) -> Seq {
        Seq(self.first.0 + self.records.len() as u64).previous()
    }

    pub(super) fn record(&self, seq: Seq) -> Option<&Record> {
        let index = usize::try_from(seq.0.checked_sub(self.first.0)?).ok()?;
        self.records.get(index)
    }
}

/// The log's state. Invariant: `chunks`, in order, and then `active` hold the seqs from `first` to `next - 1`; no chunk is empty.
#[derive(Debug)]
pub(super) struct Log {
    chunk_records: usize,
    chunk_bytes: u64,
    max_records: usize,
    max_bytes: u64,
    pub(super) chunks: VecDeque<Chunk>,
    pub(super) active: Vec<Record>,
    active_bytes: u64,
    bytes: u64,
    first: Seq,
    next: Seq,
    hasher: RandomState,
    /// Event keys: the key's hash, and where the event stands.
    identities: HashTable<(u64, Seq)>,
    /// Seqs per attribute value, ascending. Those of the oldest records leave with them.
    postings: HashMap<IndexKey, VecDeque<Seq>>,
    observed: HashMap<Seq, Vec<Arc<Observation>>>,
    workspace_events: HashMap<Arc<str>, u64>,
    stats: StoreStats,
}

impl Log {
    pub(super) fn new(options: &MemoryStoreOptions) -> Self {
        Self {
            // Small enough that dropping one chunk leaves most of what the bounds allow.
            chunk_records: (options.max_records / 16).clamp(1, CHUNK_RECORDS),
            chunk_bytes: options.max_bytes / 16,
            max_records: options.max_records.max(1),
            max_bytes: options.max_bytes,
            chunks: VecDeque::new(),
            active: Vec::new(),
            active_bytes: 0,
            bytes: 0,
            first: Seq(1),
            next: Seq(1),
            hasher: random_state(),
            identities: HashTable::new(),
            postings: HashMap::new(),
            observed: HashMap::new(),
            workspace_events: HashMap::new(),
            stats: StoreStats::default(),
        }
    }

    /// Entries of all indexes together.
    #[cfg(test)]
    pub(super) fn index_entries(&self) -> usize {
        let postings: usize = self.postings.values().map(VecDeque::len).sum();
        let observed: usize = self.observed.values().map(Vec::len).sum();
        self.identities.len() + postings + observed + self.workspace_events.len()
    }

    pub(super) fn first(&self) -> Seq {
        self.first
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
        self.stats.payload_bytes += payload_bytes(&record);
        let cost = cost_bytes(&record);
        self.bytes += cost;
        self.active_bytes += cost;
        self.active.push(record);
        self.next = self.next.next();
        if self.active.len() >= self.chunk_records || self.active_bytes >= self.chunk_bytes {
            let chunk = self.take_active();
            self.chunks.push_back(chunk);
        }
    }

    fn take_active(&mut self) -> Chunk {
        self.active_bytes = 0;
        let first = self.active_first();
        Chunk::new(first, std::mem::take(&mut self.active))
    }

    fn active_first(&self) -> Seq {
        Seq(self.next.0 - self.active.len() as u64)
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
        if let Some(index) = seq.0.checked_sub(self.active_first().0) {
            return self.active.get(usize::try_from(index).ok()?);
        }
        let after = self.chunks.partition_point(|chunk| chunk.first <= seq);
        self.chunks.get(after.checked_sub(1)?)?.record(seq)
    }

    pub(super) fn event(&self, seq: Seq) -> Option<&Arc<Event>> {
        self.record(seq)?.as_event()
    }

    /// What is known of an event's dispatch as of a position.
    pub(super) fn stamps(&self, event: &Event, up_to: Seq) -> Stamps {
        let observed = self
            .observed
            .get(&event.seq())
            .map(Vec::as_slice)
            .unwrap_or_default();
        observed
            .iter()
            .take_while(|observation| observation.seq <= up_to)
            .fold(event.stamps(), |stamps, observation| {
                stamps.or(Stamps::of_phase(observation.phase, observation.at))
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
                .map_or_else(Stamps::default, |event| self.stamps(event, self.head())),
            observations: self.observed.get(&seq).cloned().unwrap_or_default(),
        }))
    }

    pub(super) fn find(&self, key: &EventKey) -> Option<StoredEvent> {
        let hash = self.identity_hash(&key.workspace, &key.source, &key.id);
        let event = self.find_event(hash, &key.workspace, &key.source, &key.id)?;
        let stamps = self.stamps(&event, self.head());
        Some(StoredEvent { event, stamps })
    }

    /// The shortest list of positions that holds every match of a normalized filter. `None`: no such list is kept.
    pub(super) fn candidates(&self, filter: &EventFilter) -> Option<&VecDeque<Seq>> {
        static NOTHING: VecDeque<Seq> = VecDeque::new();
        IndexKey::of_filter(&self.hasher, filter)
            .map(|key| self.postings.get(&key).unwrap_or(&NOTHING))
            .min_by_key(|posting| posting.len())
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
                Record::Observation(observation) => {
                    let event = self.event(observation.of).map(AsRef::as_ref);
                    Some(filter.matches_observation(observation, event))
                }
            })
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
            stored_bytes: self.bytes,
            first_seq: if is_empty { Seq::ZERO } else { self.first },
            last_seq: self.head(),
            oldest_received: self.record(self.first).map(Record::received),
            ..self.stats
        }
    }

    fn keep_bounds(&mut self) {
        while self.next.0 - self.first.0 > self.max_records as u64 || self.bytes > self.max_bytes {
            self.drop_front();
        }
    }

    pub(super) fn retain(&mut self, policy: &RetainPolicy, now: Timestamp) -> Retained {
        let first = self.retainable(policy, now);
        self.delete_before(first)
    }

    /// The position at which the log would begin after retention.
    pub(super) fn retainable(&self, policy: &RetainPolicy, now: Timestamp) -> Seq {
        let oldest = policy.max_age.map(|age| now.saturating_sub(age));
        let sealed = self
            .chunks
            .iter()
            .map(|chunk| (&*chunk.records, chunk.newest_received));
        let newest = self.active.iter().map(Record::received).max();
        let active = newest.map(|newest| (&*self.active, newest));
        let (mut first, mut bytes) = (self.first, self.bytes);
        for (records, newest) in sealed.chain(active) {
            let is_old = oldest.is_some_and(|oldest| newest < oldest);
            let is_over = policy.max_bytes.is_some_and(|max_bytes| bytes > max_bytes);
            if !(is_old || is_over) {
                break;
            }
            bytes -= records.iter().map(cost_bytes).sum::<u64>();
            first = Seq(first.0 + records.len() as u64);
        }
        first
    }

    pub(super) fn delete_before(&mut self, first: Seq) -> Retained {
        let before = self.stats.dropped_records;
        while self.first < self.next && self.front_end() <= first {
            self.drop_front();
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

    /// The position after the oldest chunk, or after the active one when it is the only one.
    fn front_end(&self) -> Seq {
        self.chunks
            .front()
            .map_or(self.next, |chunk| chunk.last().next())
    }

    /// Drops the oldest chunk, or the active one when it is the only one.
    fn drop_front(&mut self) {
        let chunk = match self.chunks.pop_front() {
            Some(chunk) => chunk,
            None => self.take_active(),
        };
        for record in chunk.records.iter() {
            self.forget(record);
        }
        self.stats.dropped_records += chunk.records.len() as u64;
        self.first = chunk.last().next();
    }

    fn forget(&mut self, record: &Record) {
        self.stats.payload_bytes -= payload_bytes(record);
        self.bytes -= cost_bytes(record);
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

/// Keys are chosen by whoever sends events: hashing must not be predictable to them.
#[expect(
    clippy::disallowed_methods,
    reason = "hash order never shows: what is read out of these maps is looked up by key"
)]
fn random_state() -> RandomState {
    RandomState::new()
}

/// What a record takes in memory: its text, what is copied out of it, and the rest by estimate.
fn cost_bytes(record: &Record) -> u64 {
    // Shorter names are shared between events or are part of the estimate.
    const LONG: usize = 64;
    let copied = match record {
        Record::Event(event) => {
            let of =
                |text: Option<&str>, copies| copies * text.map_or(0, str::len).saturating_sub(LONG);
            of(Some(event.id()), 1)
                + of(Some(event.source()), 2)
                + of(event.to().map(crate::event::NodeId::as_str), 1)
                + of(Some(event.kind()), 1)
                + of(Some(event.session()), 1)
                + of(event.causation_id().map(AsRef::as_ref), 1)
                + of(event.request_id().map(AsRef::as_ref), 1)
        }
        Record::Observation(_) => 0,
    };
    payload_bytes(record) + copied as u64 + RECORD_OVERHEAD_BYTES
}

fn payload_bytes(record: &Record) -> u64 {
    match record {
        Record::Event(event) => event.raw().len() as u64,
        Record::Observation(observation) => observation.changed.len() as u64,
    }
}
